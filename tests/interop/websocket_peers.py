"""websocket_peers.py CHAT_DEMO: the chat room of lesson 51 and the WebSocket clients of others: python3-websockets, node.

They say texts of all sizes of the frame's header, in fragments too, ping, and close with a reason. Each hears every line
whole. Exit status 77 where neither client is installed.
"""
import asyncio
import json
import os
import shutil
import subprocess
import sys

try:
    import websockets
except ImportError:
    websockets = None
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and "NETNOTES_AGAIN" not in os.environ:
        os.environ["NETNOTES_AGAIN"] = "yes"  # another Python stands before Debian's, which has the package
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
NODE = shutil.which("node")
GUARDS = {"open_timeout": 60, "close_timeout": 60, "ping_interval": None}  # a busy machine may need longer than 10 s and 20 s
SIZES = [0, 1, 124, 125, 126, 127, 65_535, 65_536, 500_000]
JS = """
const [port, sizes] = JSON.parse(process.argv[1]);
const peer = new WebSocket(`ws://127.0.0.1:${port}/room?name=Node`);
const expected = ["Node joins", ...sizes.map(size => "Node: " + "\\u00e9".repeat(size / 2))];
let heard = 0;
// The texts leave at once. Each must come back whole, in order.
peer.onopen = () => { for (const size of sizes) peer.send("\\u00e9".repeat(size / 2)); };
peer.onmessage = event => {
    if (event.data !== expected[heard]) { console.log("wrong", heard, event.data.slice(0, 100)); process.exit(1); }
    if (++heard === expected.length) peer.close(4000, "enough");
};
peer.onclose = event => { console.log(event.code, event.wasClean, heard); process.exit(0); };
peer.onerror = event => { console.log("error", event.message); process.exit(1); };
"""


async def python(port):
    async with websockets.connect(f"ws://127.0.0.1:{port}/room?name=Py", max_size=None, **GUARDS) as py:
        assert await py.recv() == "Py joins"
        for size in SIZES:
            text = "é" * (size // 2) + "x" * (size % 2)
            await py.send(text)
            assert await py.recv() == "Py: " + text, size
        await py.send(["in ", "", "four ", "fragments"])
        assert await py.recv() == "Py: in four fragments"
        await py.send(b"\xff is no text, and the room drops it")
        await asyncio.wait_for(await py.ping(b"x" * 125), 60)
        async with websockets.connect(f"ws://127.0.0.1:{port}/room?name=Too", compression=None, **GUARDS) as other:
            assert await other.recv() == await py.recv() == "Too joins"
            await other.close(1000, "bye")
            assert other.close_code == 1000
        assert await py.recv() == "Too leaves"
        try:  # more than 1 MiB
            await py.send("x" * 1_100_000)
            await py.recv()
            raise AssertionError("a message of more than 1 MiB was taken")
        except websockets.ConnectionClosed as end:
            assert end.rcvd and end.rcvd.code == 1009, end
    for origin in "http://evil.example", "null":
        try:
            async with websockets.connect(f"ws://127.0.0.1:{port}/room", origin=origin, **GUARDS):
                raise AssertionError(f"a page of {origin} was accepted")
        except websockets.InvalidStatusCode as refusal:
            assert refusal.status_code == 403, refusal
    async with websockets.connect(f"ws://127.0.0.1:{port}/room", origin=f"http://127.0.0.1:{port}", **GUARDS):
        pass


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        sys.exit(0 if is_asked else 2)
    if not websockets and not NODE:
        print("SKIPPED: neither python3-websockets nor node is installed")
        sys.exit(77)
    server = subprocess.Popen([sys.argv[1], "serve", "--quiet", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        tried = []
        if websockets:
            asyncio.run(python(port))
            tried.append(f"python3-websockets {websockets.__version__}")
        if NODE:
            made = subprocess.run([NODE, "--experimental-websocket", "-e", JS, json.dumps([port, [s for s in SIZES if s % 2 == 0]])],
                                  capture_output=True, text=True, timeout=120)
            if "bad option" in made.stderr or "WebSocket is not defined" in made.stderr:
                print("without node: it is too old for WebSocket")
            else:
                assert made.stdout.split() == ["4000", "true", str(1 + len([s for s in SIZES if s % 2 == 0]))], made
                tried.append("node")
        server.terminate()
        assert server.wait(60) == 0
    finally:
        server.kill()
    print(f"WebSocket: {' and '.join(tried)} and the chat room: well")


main()

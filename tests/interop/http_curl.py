"""http_curl.py HTTP_SERVER STATIC_FILES: tries the demonstrations of lessons 39 and 42 with curl, and with clients that misbehave.

curl continues downloads (-C -), sends bodies (--data-binary, -T, with Expect: 100-continue), forms and files, and reads
ranges. The others send heads and bodies slowly, never read, reset, or stay idle. Exit status 77 where curl is missing.
"""
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

IDLE = 1000


servers = []


def start(program, *words):
    server = subprocess.Popen([program, "serve", "--quiet", "--port", "0", *words], stdout=subprocess.PIPE, text=True)
    servers.append(server)
    line = server.stdout.readline()
    return server, int(line.rsplit(":", 1)[1])


def connect(port, *pieces):
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    for piece in pieces:
        s.sendall(piece)
    return s


def curl(*words):
    done = subprocess.run([CURL, "--silent", "--show-error", "--max-time", "60", *map(str, words)], capture_output=True, timeout=120)
    assert done.returncode == 0, (words, done)
    return done.stdout


def read_to_end(s):
    heard = b""
    try:
        while piece := s.recv(65536):
            heard += piece
    except ConnectionResetError:
        pass
    return heard


def descriptors(server):
    return len(list(pathlib.Path(f"/proc/{server.pid}/fd").iterdir()))


if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
    is_asked = sys.argv[1:] in (["--help"], ["-h"])
    print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
    sys.exit(0 if is_asked else 2)
CURL = shutil.which("curl")
if not CURL:
    print("SKIPPED: curl is not installed")
    sys.exit(77)


def main(folder):
    body = bytes(i % 251 for i in range(900_000))
    (folder / "big.bin").write_bytes(body)
    public = folder / "public"
    public.mkdir()
    (public / "big.bin").write_bytes(body)
    hello, port = start(sys.argv[1])
    files, files_port = start(sys.argv[2], "--root", str(public))
    root, site = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{files_port}"

    # Bodies: by length, after 100-continue, in chunks, and more than the server takes.
    assert curl("-d", "name=Li", f"{root}/greet") == b"Hello, Li\n"
    form = folder / "form"
    form.write_bytes(b"name=" + b"x" * 500_000)
    for words in ["--data-binary", f"@{form}"], ["-T", form, "-X", "POST"], ["-T", form, "-X", "POST", "-H", "Transfer-Encoding: chunked"], \
            ["--data-binary", f"@{form}", "-H", "Expect: 100-continue"], ["--http1.0", "--data-binary", f"@{form}"]:
        assert curl(*words, f"{root}/greet") == b"Hello, " + b"x" * 500_000 + b"\n", words
    form.write_bytes(b"name=" + b"x" * 2_000_000)
    for words in ["-H", "Expect: 100-continue"], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"]:
        status = curl("-o", "/dev/null", "-w", "%{http_code}", *words, "--data-binary", f"@{form}", f"{root}/greet")
        assert status == b"413", (words, status)
    assert curl("-o", "/dev/null", "-w", "%{http_code}", "-T", public / "big.bin", f"{site}/up.bin") == b"405"

    # Downloads: continued, in parts, conditional, and all over one connection.
    part = folder / "part.bin"
    part.write_bytes(body[:123_456])
    curl("-C", "-", "-o", part, f"{site}/big.bin")
    assert part.read_bytes() == body
    assert curl("-r", "1000-1999", f"{site}/big.bin") == body[1000:2000]
    assert curl("-r", "-10", f"{site}/big.bin") == body[-10:]
    assert curl("-r", "0-1,5-6", f"{site}/big.bin") == body  # several ranges: the whole file
    assert curl("-o", "/dev/null", "-w", "%{http_code}", "-z", public / "big.bin", f"{site}/big.bin") == b"304"
    count = curl("-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} ", *[f"{site}/big.bin"] * 3)
    assert count == b"1 0 0 ", count
    assert curl("--http1.0", f"{site}/big.bin") == body
    assert curl(f"{root}/count") == b"3\n2\n1\n"
    for path in "/../secret", "/..%2fsecret", "/%2e%2e/secret", "//secret", "/.git/config":
        assert curl("--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", f"{site}{path}") == b"404", path

    # Clients that misbehave: all at once, and other clients do not notice.
    before = descriptors(hello)
    begin = time.monotonic()
    slow_head = connect(port, b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    slow_body = connect(port, b"POST /greet HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nname=")
    never_reads = [connect(files_port, b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n" * 20) for _ in range(20)]
    idle = [connect(port) for _ in range(IDLE)]
    for s in idle[::10]:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    for i in range(200):
        torn = connect(port, b"POST /greet HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nname=x"[:i % 70 + 1])
        torn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        torn.close()
    while True:
        assert curl("-d", "name=Li", f"{root}/greet") == b"Hello, Li\n"
        assert curl("-r", "0-9", f"{site}/big.bin") == body[:10]
        if time.monotonic() > begin + 8:
            break
        # A byte now and then, for less than the 10 seconds of each deadline. A byte that comes after the server has closed
        # would draw a reset, and a reset may destroy the answer. The two curls may take longer than the rest of the time.
        for s in slow_head, slow_body:
            if time.monotonic() < begin + 5:
                s.sendall(b"x")
    for s in slow_head, slow_body:
        assert read_to_end(s).startswith(b"HTTP/1.1 408 "), "a slow client is still served"
    for s in idle + never_reads + [slow_head, slow_body]:
        s.close()
    assert curl(f"{root}/count") == b"3\n2\n1\n"
    for _ in range(600):
        if descriptors(hello) <= before:
            break
        time.sleep(0.1)  # until the server has seen that the clients have left
    assert descriptors(hello) <= before, (descriptors(hello), before)
    for server in hello, files:
        server.terminate()
        assert server.wait(60) == 0


with tempfile.TemporaryDirectory() as place:
    try:
        main(pathlib.Path(place))
    finally:
        for server in servers:
            server.kill()
print("curl: bodies, Expect, ranges, continued downloads; slow, silent and rude clients: well")

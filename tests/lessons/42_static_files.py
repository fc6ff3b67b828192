"""A folder on the web: files, parts of them, and paths that try to leave."""
import hashlib
import http.client
import os
import pathlib
import shutil
import subprocess
import struct
import tempfile
import zlib

import browser as chrome
from hostile import connect, reset
from play import Lesson

PORT = 8000
BYTES = bytes(i % 251 for i in range(2_000_000))


def picture():
    """Returns a red picture of 7 times 5 points, as PNG."""
    def part(kind, data):
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack("!IIBBBBB", 7, 5, 8, 2, 0, 0, 0)) +
            part(b"IDAT", zlib.compress((b"\0" + b"\xff\0\0" * 7) * 5)) + part(b"IEND", b""))


with Lesson(__file__, (PORT,)) as lesson, tempfile.TemporaryDirectory() as folder:
    public = pathlib.Path(folder, "public")
    public.mkdir()
    (public / "index.html").write_text("<p>home\n")
    (public / "big.bin").write_bytes(BYTES)
    pathlib.Path(folder, "secret.txt").write_text("secret")
    os.symlink("../secret.txt", public / "link.txt")

    server = lesson.start("static_files", str(public))
    server.expect("open http://localhost:8000 in a browser")
    browser = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)

    def ask(path, method="GET", **fields):
        browser.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
        answer = browser.getresponse()
        body = answer.read()
        server.expect(f'"{method} {path} HTTP/1.1" {answer.status} ')
        return answer.status, answer.headers, body

    status, head, body = ask("/")
    assert (status, body, head["Content-Type"]) == (200, b"<p>home\n", "text/html; charset=utf-8")
    assert head["X-Content-Type-Options"] == "nosniff"
    assert ask("/", If_None_Match=head["ETag"])[::2] == (304, b"")
    status, head, body = ask("/big.bin")
    assert (status, head["Content-Type"]) == (200, "application/octet-stream") and body == BYTES
    status, head, body = ask("/big.bin", Range="bytes=1999000-", If_Range=head["ETag"])
    assert (status, head["Content-Range"]) == (206, "bytes 1999000-1999999/2000000") and body == BYTES[1999000:]
    assert ask("/big.bin", Range="bytes=2000000-")[0] == 416
    assert ask("/big.bin", "HEAD")[2] == b""
    for path in "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/link.txt", "/nothing", "/.git/config":
        assert ask(path)[0] == 404, path

    with connect(PORT) as slow:  # a client that leaves in the middle of a file ends nobody
        slow.sendall(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        reset(slow)
    if curl := shutil.which("curl"):
        part = pathlib.Path(folder, "big.bin")
        part.write_bytes(BYTES[:700_000])
        subprocess.run([curl, "--silent", "--fail", "-C", "-", "-o", part, f"http://127.0.0.1:{PORT}/big.bin"], check=True, timeout=60)
        assert part.read_bytes() == BYTES
    else:
        print("without curl: it is not installed")
    assert ask("/")[0] == 200
    with chrome.start() as chromium:
        if chromium:
            (public / "cat.png").write_bytes(picture())
            (public / "album.html").write_text("<!DOCTYPE html><title>album</title><img src=cat.png>")
            page = chromium.open(f"http://localhost:{PORT}/album.html")
            server.expect('"GET /cat.png HTTP/1.1" 200 ')
            assert page.run("document.images[0].naturalWidth * 10 + document.images[0].naturalHeight") == 75
            page.go("Page.reload")
            server.expect('"GET /album.html HTTP/1.1" 304 ')
            server.expect('"GET /cat.png HTTP/1.1" 304 ')
            assert page.run("document.images[0].naturalWidth") == 7

            # A download that is cut in the middle. The page asks for the rest, if the file is still the same.
            huge = BYTES * 10
            (public / "huge.bin").write_bytes(huge)
            half, rest, digest = page.run("""(async () => {
                const answer = await fetch("/huge.bin", {cache: "no-store"}), reader = answer.body.getReader(), pieces = [];
                let size = 0;
                while (size < 500000) { const piece = (await reader.read()).value; pieces.push(piece); size += piece.length; }
                await reader.cancel();
                const rest = await fetch("/huge.bin", {cache: "no-store", headers: {
                    "Range": `bytes=${size}-`, "If-Range": answer.headers.get("ETag")}});
                pieces.push(await rest.blob());
                const whole = await new Blob(pieces).arrayBuffer();
                const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
                return [size, [rest.status, rest.headers.get("Content-Range")], [...digest]];
            })()""")
            assert rest == [206, f"bytes {half}-19999999/20000000"], (half, rest)
            assert bytes(digest) == hashlib.sha256(huge).digest()
    server.interrupt()
    server.ends(0)

    missing = lesson.start("static_files", str(public / "nothing"))
    assert "static_files: open the folder" in missing.ends(1)

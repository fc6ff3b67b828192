"""A folder on the web: files, parts of them, and paths that try to leave."""
import http.client
import os
import pathlib
import shutil
import subprocess
import tempfile

from hostile import connect, reset
from play import Lesson

PORT = 8000
BYTES = bytes(i % 251 for i in range(2_000_000))
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
    server.interrupt()
    server.ends(0)

    missing = lesson.start("static_files", str(public / "nothing"))
    assert "static_files: open the folder" in missing.ends(1)

"""The web server: a page, a form, and clients that are no browsers."""
import collections
import http.client
import socket

import browser as chrome
from hostile import connect, reset
from play import Lesson

PORT = 8000
with Lesson(__file__, (PORT,)) as lesson:
    server = lesson.start("http_server")
    server.expect("open http://localhost:8000 in a browser")
    browser = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)

    def ask(method, path, body=None):
        browser.request(method, path, body)  # all requests use one connection
        answer = browser.getresponse()
        text = answer.read().decode()
        server.expect(f"{method} {path}\n")
        return answer.status, answer.getheader("Content-Type"), text

    status, kind, text = ask("GET", "/")
    assert (status, kind) == (200, "text/html; charset=utf-8") and "你好 (hello)" in text, text
    first = browser.sock.getsockname()
    assert ask("GET", "/favicon.ico")[0] == 404
    assert ask("POST", "/greet", "name=New+York") == (200, kind, "<p>Hello, New York!\n")
    assert ask("POST", "/greet", "name=%3Cscript%3E%26") == (200, kind, "<p>Hello, &lt;script>&amp;!\n")
    assert ask("POST", "/greet", "")[2] == "<p>Hello, nobody!\n"
    assert ask("POST", "/greet", "name=%zz") == (
        400, "text/plain; charset=utf-8", "behind a percent sign come two hexadecimal digits, at character 5\n")
    assert ask("HEAD", "/") == (200, kind, "")
    assert browser.sock.getsockname() == first, "the server has closed the connection"

    reset(connect(PORT))
    with connect(PORT) as typist:
        typist.sendall(b"GET / HTTP/1.1\nHost: a\n\n")
        heard = b""
        while piece := typist.recv(1000):
            heard += piece
        assert heard.endswith("400: line 1 \"GET / HTTP/1.1\": the line ends with LF alone; typing by hand? nc -C sends CR LF "
                              "(RFC 9112 §2.2)\n".encode()), heard
    with connect(PORT) as large:
        large.sendall(b"POST /greet HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
        assert large.recv(100).startswith(b"HTTP/1.1 413 ")
    assert ask("GET", "/")[0] == 200

    with chrome.start() as chromium:
        if chromium:
            page = chromium.open(f"http://localhost:{PORT}/")
            server.expect("GET /\n")
            server.expect("GET /favicon.ico\n")  # Chromium asks for it by itself
            for name in "<b>Li", "Wang":
                page.is_loaded = False
                page.run("document.forms[0].name.focus()")
                page.type(f"{name}\n")
                chromium.until(lambda: page.is_loaded)
                server.expect("POST /greet\n")
                assert page.run("document.body.innerText") == f"Hello, {name}!"
                page.go("Page.navigate", url=f"http://localhost:{PORT}/")
                server.expect("GET /\n")
            counted = collections.Counter(each["connectionId"] for each in page.answers)
            assert len(page.answers) >= 5 and max(counted.values()) >= 4, page.answers  # keep-alive
            assert {each["status"] for each in page.answers} <= {200, 404}, page.answers

    taken = lesson.start("http_server")
    assert "http_server: bind 127.0.0.1:8000: Address already in use" in taken.ends(1)
    server.interrupt()
    server.ends(0)
    assert browser.sock.recv(1) == b""

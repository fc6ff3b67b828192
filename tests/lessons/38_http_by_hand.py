"""Requests as people type them: line by line, two at once, with a body, and with the mistakes of the page."""
import socket

from hostile import connect, reset
from play import Lesson

PORT = 8000


def say(peer, text, until):
    """Sends a text, and returns what comes back, up to `until` or to the end."""
    if text:
        peer.sendall(text.encode())
    heard = b""
    while until not in heard.decode() and (piece := peer.recv(1000)):
        heard += piece
    return heard.decode()


with Lesson(__file__, (PORT,)) as lesson:
    server = lesson.start("http_by_hand")
    server.expect("等待请求 (type: nc -C localhost 8000; Ctrl-C ends)\n")

    with connect(PORT) as nc:  # line by line, and a second request on the same connection
        for line in "GET /notes HTTP/1.1\r\n", "Host: localhost\r\n":
            nc.sendall(line.encode())
        heard = say(nc, "\r\n", "localhost\n")
        assert heard == ("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 44\r\n\r\n"
                         "method  GET\ntarget  /notes\nHost = localhost\n"), heard
        server.expect("请求 (request) /notes\n")
        heard = say(nc, "POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhelloGET /c HTTP/1.1\r\nHost: d\r\n\r\n", "= d\n")
        assert "Content-Length = 5\n" in heard and heard.endswith("method  GET\ntarget  /c\nHost = d\n"), heard
        server.expect("请求 (request) /c\n")

    with connect(PORT) as first:  # the request of a second client waits while the first is connected
        say(first, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", "= a\n")
        with connect(PORT) as second:
            second.sendall(b"GET /2 HTTP/1.1\r\nHost: b\r\n\r\n")
            say(first, "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n", "= a\n")
            first.close()
            assert "target  /2\n" in say(second, "", "= b\n")
    for target in "132":
        server.expect(f"请求 (request) /{target}\n")

    mistakes = {
        "GET /notes\r\n": "400: line 1 \"GET /notes\": the version is missing, as in HTTP/0.9 (RFC 9112 §3)\n",
        "GET / HTTP/1.1\r\n\r\n": "400: line 2: HTTP/1.1 needs a field Host (RFC 9112 §3.2)\n",
        "GET / HTTP/1.1\r\nHost : localhost\r\n":
            "400: line 2 \"Host : localhost\": a space before the colon (RFC 9112 §5.1)\n",
        "GET / HTTP/1.1\n": "400: line 1 \"GET / HTTP/1.1\": the line ends with LF alone; typing by hand? nc -C sends CR LF "
                            "(RFC 9112 §2.2)\n",
        "\x16\x03\x01": "this looks like TLS",
    }
    for typed, sentence in mistakes.items():
        with connect(PORT) as nc:
            heard = say(nc, typed, sentence)
            assert sentence in heard and heard.startswith("HTTP/1.1 400 Bad Request\r\n"), heard
            server.expect("拒绝 (refused) 400: ")
            assert nc.recv(1) == b""

    reset(connect(PORT))
    with connect(PORT) as nc:  # a client that has sent all it has
        nc.sendall(b"GET / HTTP/1.0\r\n\r\n")
        nc.shutdown(socket.SHUT_WR)
        assert say(nc, "", "never").endswith("method  GET\ntarget  /\n")
    assert "http_by_hand: bind 127.0.0.1:8000: Address already in use" in lesson.start("http_by_hand").ends(1)
    server.interrupt()
    server.ends(-2)

"""The notes' epoll server, edge-triggered, and the same loop level-triggered, which echoes."""
import contextlib
import re
import socket
import threading

from hostile import connect, reset, takes_no_answers, without_descriptors
from play import Lesson

with Lesson(__file__) as lesson:
    server = lesson.start("epoll_server")
    server.expect("waiting for clients on port 1234")
    first, torn, long = [connect(1234) for _ in range(3)]
    for _ in range(3):
        server.expect(re.compile(r"有新的客户端到来 \(new client\) 127\.0\.0\.1:\d+\n"))
    long.sendall(b"x" * 3000)  # more than one buffer: an edge is announced once
    while server.heard.count("x") < 3000:
        server.expect(re.compile("recv: x+\n"))
    first.sendall("你好\x1b[2J".encode())
    server.expect("recv: 你好\\x1b[2J\n")
    reset(torn)
    server.expect("---offline---")
    # A client that sends faster than the server prints does not keep the others from being heard.
    with connect(1234) as flood:
        flood.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)  # little is left when it stops

        def send_all():
            with contextlib.suppress(OSError):
                while True:
                    flood.sendall(b"x" * 100_000)
        sender = threading.Thread(daemon=True, target=send_all)
        sender.start()
        server.expect("xxxx\n")
        first.sendall(b"heard")
        server.expect("recv: heard\n")
        flood.shutdown(socket.SHUT_RDWR)
        sender.join()
    server.expect("---offline---")
    with without_descriptors(server, 1234) as waiting:
        server.expect("new client")
        waiting.sendall(b"here at last")
        server.expect("recv: here at last\n")
        first.close()
        server.expect("---offline---")
    server.expect("---offline---")
    taken = lesson.start("epoll_server")
    assert "epoll_server: bind 0.0.0.0:1234: Address already in use" in taken.ends(1)
    server.interrupt()
    server.ends(0)
    assert long.recv(1) == b""

    triggers = lesson.start("level_and_edge").ends(0)
    assert [line.split(": ")[1] for line in triggers.splitlines() if ": " in line] == \
        ["ready to read"] * 4 + ["nothing", "ready to read"], triggers

    server = lesson.start("level_server")
    server.expect("waiting for clients on port 1234")
    first, torn, slow = [connect(1234) for _ in range(3)]
    reset(torn)
    first.sendall(b"hello")
    assert first.recv(100) == b"hello"
    takes_no_answers(slow, first)
    with without_descriptors(server, 1234) as waiting:
        waiting.sendall(b"here at last")
        assert waiting.recv(100) == b"here at last"
    slow.shutdown(socket.SHUT_WR)
    assert slow.recv(1) == b""
    taken = lesson.start("level_server")
    assert "level_server: bind 0.0.0.0:1234: Address already in use" in taken.ends(1)
    server.interrupt()
    server.ends(0)
    assert first.recv(1) == b""

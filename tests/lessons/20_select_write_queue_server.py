"""The notes' server with a list of sockets to write to: a queue for each client."""
import re
import socket

from hostile import connect, reset, takes_no_answers, without_descriptors
from play import Lesson, listens

PORT = 8888
with Lesson(__file__) as lesson:
    server = lesson.start("write_queue_server")
    server.expect("waiting for clients on port 8888")
    first, torn = connect(PORT), connect(PORT)
    for _ in range(2):
        server.expect(re.compile(r"client 127\.0\.0\.1:\d+ connected!\n"))
    first.sendall("你好\x1b[2J".encode())
    assert first.recv(100).decode() == "你好\x1b[2J"
    server.expect(re.compile(r"received 你好\\x1b\[2J from client 127\.0\.0\.1:(\d+)\n"))
    name = ":".join(map(str, torn.getsockname()))
    reset(torn)
    server.expect(f"Client {name} disconnected\n")

    with without_descriptors(server, PORT) as waiting:
        waiting.sendall(b"here at last")
        assert waiting.recv(100) == b"here at last"
    taken = lesson.start("write_queue_server")
    assert "write_queue_server: bind 0.0.0.0:8888: Address already in use" in taken.ends(1)
    server.interrupt()
    server.ends(0)
    assert first.recv(1) == b""

    # A client that takes no answers harms nobody, and loses nothing. Its end of sending is not its end of receiving.
    server = lesson.start("/bin/sh", "-c", f"exec '{lesson.folder}/write_queue_server' >/dev/null")
    listens(PORT)
    first, slow = connect(PORT), connect(PORT)
    takes_no_answers(slow, first)
    slow.sendall(b"the end")
    slow.shutdown(socket.SHUT_WR)
    assert slow.recv(100) == b"the end" and slow.recv(100) == b""
    server.interrupt()
    server.ends(0)

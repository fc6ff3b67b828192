"""The notes' gevent server: a task for each client."""
import re
import resource

from hostile import connect, reset, takes_no_answers
from play import Lesson, listens

PORT = 4567
with Lesson(__file__) as lesson:
    server = lesson.start("coroutine_server")
    server.expect("waiting for clients on port 4567")
    first, torn = connect(PORT), connect(PORT)
    first.sendall("你好\x1b[2J".encode())
    assert first.recv(100).decode() == "你好\x1b[2J"
    server.expect("recv: 你好\\x1b[2J\n")
    torn.sendall(b"x")
    server.expect("recv: x\n")
    reset(torn)
    server.expect(re.compile(r"127\.0\.0\.1:\d+: .*Connection reset by peer\n"))

    # Without a descriptor for it, a client waits in the queue. The others do not notice.
    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, most))
    waiting = connect(PORT)
    waiting.sendall(b"here at last")
    for _ in range(100):
        first.sendall(b"ping")
        assert first.recv(100) == b"ping"
        server.expect("recv: ping\n")
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (100, most))
    server.expect("recv: here at last\n")
    assert waiting.recv(100) == b"here at last"

    taken = lesson.start("coroutine_server")
    assert "coroutine_server: bind 0.0.0.0:4567: Address already in use" in taken.ends(1)
    server.interrupt()
    server.ends(0)
    assert first.recv(1) == b""

    # A client that takes no answers harms nobody, and loses nothing.
    server = lesson.start("/bin/sh", "-c", f"exec '{lesson.folder}/coroutine_server' >/dev/null")
    listens(PORT)
    first, slow = connect(PORT), connect(PORT)
    takes_no_answers(slow, first)
    server.interrupt()
    server.ends(0)

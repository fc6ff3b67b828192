"""The notes' echo server with select: clients and the keyboard in one wait."""
import contextlib
import resource

from hostile import connect, reset, without_descriptors
from play import Lesson

PORT = 6660
with Lesson(__file__) as lesson:
    server = lesson.start("select_server")
    server.expect("waiting for clients on port 6660")
    first, torn, rude = [connect(PORT) for _ in range(3)]
    first.sendall("你好".encode())
    assert first.recv(100).decode() == "你好"
    reset(torn)
    first.sendall(b"still there?")
    assert first.recv(100) == b"still there?"
    with without_descriptors(server, PORT) as waiting:
        waiting.sendall(b"here at last")
        assert waiting.recv(100) == b"here at last"

    # A client that takes no echo is reset, and the others do not notice. Lesson 20 keeps the bytes for it.
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):
            rude.sendall(b"x" * 100_000)
        raise AssertionError("the server has taken 100 MB and could send none of it back")
    first.sendall(b"ping")
    assert first.recv(100) == b"ping"

    taken = lesson.start("select_server")
    assert "select_server: bind 0.0.0.0:6660: Address already in use" in taken.ends(1)

    # The Enter key ends the server; so do the end of input and Ctrl-C.
    server.type("quit")
    server.ends(0)
    assert first.recv(1) == b""
    for end in "end_of_input", "interrupt":
        server = lesson.start("select_server")
        server.expect("waiting for clients")
        getattr(server, end)()
        server.ends(0)

    # Descriptors from 1024 on do not fit into a set.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1100:
        print("without the test of descriptor 1024: the hard limit is", hard)
    else:
        limits = lesson.start("select_limits").ends(0)
        assert limits == "epoll takes descriptor 1024\nselect add 1024: a descriptor must be below FD_SETSIZE, 1024: " \
            "Value too large for defined data type\n", limits
        resource.setrlimit(resource.RLIMIT_NOFILE, (1100, hard))
        server = lesson.start("select_server")
        server.expect("waiting for clients")
        crowd = [connect(PORT) for _ in range(1020)]
        server.expect("select add 1024: a descriptor must be below FD_SETSIZE, 1024")
        crowd[0].sendall(b"hello")
        assert crowd[0].recv(100) == b"hello"
        server.interrupt()
        server.ends(0)

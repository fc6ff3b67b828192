"""What the servers of several lessons must survive."""
import contextlib
import resource
import socket
import time


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def reset(client):
    """Closes with a reset (SO_LINGER with a time of 0)."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


@contextlib.contextmanager
def without_descriptors(server, port, report=": Too many open files"):
    """A client connects, and no descriptor is left for it. The server reports that, pauses, and tries again.

    Inside the block there are descriptors again, and the client must be served soon."""
    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, most))
    with connect(port) as waiting:
        server.expect(report)
        begin = time.monotonic()
        server.expect(report)
        assert time.monotonic() - begin > 0.05, "the server tries again without a pause"
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (min(100, most), most))
        yield waiting


def takes_no_answers(slow, other, size=8_000_000):
    """A client sends and takes no answers; another is served meanwhile. In the end all that was sent comes back."""
    flood = bytes(range(256)) * (size // 256)
    slow.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < len(flood):
            sent += slow.send(flood[sent:])
    for _ in range(100):
        other.sendall(b"ping")
        assert other.recv(100) == b"ping"
    slow.settimeout(60)
    answer = b""
    while len(answer) < sent:
        piece = slow.recv(1 << 16)
        assert piece, "the server has closed"
        answer += piece
    assert answer == flood[:sent]

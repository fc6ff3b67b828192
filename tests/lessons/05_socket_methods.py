"""Every method of the notes' table, called once, in the notes' order."""
import re
import socket

from play import Lesson

METHODS = ["bind", "listen", "connect", "connect_ex", "accept", "send", "sendall", "recv", "recv", "sendto", "recvfrom",
           "getpeername", "getsockname", "getsockopt", "settimeout", "gettimeout", "fileno", "setblocking", "makefile",
           "close"]

with Lesson(__file__) as lesson:
    for _ in range(2):  # a second run may bind the port again at once
        told = lesson.start("methods").ends(0)
        assert re.findall(r"^(\w+)", told, re.M) == METHODS, told
        assert "connect_ex     connect(where, error) does not throw: Connection refused\n" in told, told
        client = re.search(r"its own address is (127\.0\.0\.1:\d+)\n", told).group(1)
        assert f"accept         a new socket for the client at {client}\n" in told, told
        assert f"getpeername    peer_endpoint: {client}\n" in told, told
        assert 'recvfrom       recv_from: "a datagram" from 127.0.0.1:' in told, told
        assert "set_timeout(50ms), and recv: Connection timed out\n" in told, told
        assert "set_blocking(false), and recv: Resource temporarily unavailable\n" in told, told
        assert "the client receives 7 bytes\n" in told and "the server then reads the end: yes\n" in told, told

    with socket.create_server(("127.0.0.1", 6666)):
        assert lesson.start("methods").ends(1) == "methods: bind 127.0.0.1:6666: Address already in use\n"

"""Questions on short connections and on a long one, and a server that closes silent clients."""
import re
import socket
import struct

from play import Lesson

RESET = struct.pack("ii", 1, 0)  # struct linger: close() sends a reset

with Lesson(__file__) as lesson:
    for client in "short_client", "long_client":
        assert "Connection refused" in lesson.start(client).ends(1)
        assert lesson.start(client, "no such host").ends(1).count(f"{client}: ") == 1
        for wrong in "", "0", "-3", "many", "7 or 8", "99999999999":
            told = lesson.start(client, "localhost", wrong).ends(1)
            assert told == f'{client}: "{wrong}" is not a number of questions\n', told

    server = lesson.start("server")
    server.expect("等待客户端 (waiting for clients on port 6666; Ctrl-C ends)\n")
    assert lesson.start("server").ends(1).endswith("server: bind 0.0.0.0:6666: Address already in use\n")
    silent = socket.create_connection(("127.0.0.1", 6666))

    short = lesson.start("short_client", "127.0.0.1", "300").ends(0)
    assert re.search(r"短连接 \(short connections\): 300 questions, \d+ us for each\n$", short), short
    long = lesson.start("long_client", "localhost", "300").ends(0)
    assert re.search(r"长连接 \(a long connection\): 300 questions, \d+ us for each\n$", long), long
    for told, host in (short, "127.0.0.1"), (long, "localhost"):
        assert told.startswith(f"正在连接 (connecting to) {host}:6666 ...\n100 200 300 \n"), told

    # The answers are right, in whatever pieces the lines come. A reset ends one connection only.
    with socket.create_connection(("127.0.0.1", 6666)) as peer, peer.makefile(encoding="utf-8") as answers:
        for piece in b"question", b" 1\nquestion 2\n", b"quest":
            peer.sendall(piece)
        assert [answers.readline(), answers.readline()] == ["answer to question 1\n", "answer to question 2\n"]
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    # A silent client is closed, and the server goes on.
    silent.settimeout(60)
    assert silent.recv(1) == b""
    lesson.start("long_client", "localhost", "1").ends(0)

    # Ctrl-C in the middle ends the server, and its client says so.
    with socket.create_connection(("127.0.0.1", 6666)) as peer:
        peer.sendall(b"hello\n")
        assert peer.recv(100) == b"answer to hello\n"
        client = lesson.start("long_client", "localhost", "1000000000")
        client.expect("100 ")
        server.interrupt()
        server.ends(0)
        assert client.ends(1).count("long_client: ") == 1
        assert peer.recv(1) == b""

    # A server that closes without an answer.
    with socket.create_server(("127.0.0.1", 6666)) as listener:
        client = lesson.start("short_client")
        connection, _ = listener.accept()
        connection.recv(100)
        connection.close()
        assert client.ends(1).endswith("\nshort_client: the server has closed without an answer\n")

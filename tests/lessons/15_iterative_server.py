"""The notes' server of one process: clients wait until it is their turn."""
import re
import socket
import struct

from play import Lesson

RESET = struct.pack("ii", 1, 0)  # struct linger: close() sends a reset

with Lesson(__file__) as lesson:
    assert "Connection refused" in lesson.start("client").ends(1)
    assert lesson.start("client", "no such host").ends(1).count("client: ") == 1

    # Two clients are connected and both send. The server serves the second client when the first has left.
    server = lesson.start("server")
    server.expect("主进程，等待新客户端的到来 (waiting for a client on port 6666; Ctrl-C ends)\n")
    first = lesson.start("client")
    first.expect("send: ")
    address = server.expect(re.compile(r"接下来负责数据处理 \(serving\): (127\.0\.0\.1:\d+)\n")).group(1)
    second = lesson.start("client", "127.0.0.1")
    second.expect("send: ")
    second.type("second")
    second.expect("send: ")
    first.type("你好 \x1b[2J")
    server.expect(re.compile(rf"recv\[{address}\]: 你好 \\x1b\[2J\\n\n"))
    first.end_of_input()
    assert first.ends(0).endswith("send: \n")
    server.expect(f"[{address}] 客户端已经关闭 (closed): end of the stream\n主进程，等待新客户端的到来")
    server.expect(re.compile(r"serving\): 127\.0\.0\.1:\d+\nrecv\[127\.0\.0\.1:\d+\]: second\\n\n"))
    second.end_of_input()
    second.ends(0)
    server.expect("end of the stream")

    # A reset ends the conversation of that client only.
    with socket.create_connection(("127.0.0.1", 6666)) as rude:
        server.expect("serving")
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.expect("客户端已经关闭 (closed): Connection reset by peer\n主进程")

    # Ctrl-C ends the server, also in the middle of a conversation. The client notices it while its user
    # types nothing.
    assert lesson.start("server").ends(1).endswith("server: bind 0.0.0.0:6666: Address already in use\n")
    client = lesson.start("client")
    client.expect("send: ")
    server.expect("serving")
    server.interrupt()
    server.ends(0)
    assert client.ends(1).endswith("send: \nclient: the server has closed the connection\n")

    # The server has closed first, so its port is in TIME_WAIT: it starts again all the same.
    server = lesson.start("server")
    server.expect("waiting for a client")
    server.interrupt()
    server.ends(0)

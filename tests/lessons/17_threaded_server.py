"""The notes' server of many threads: clients are served at once, and the threads share their memory."""
import os
import re
import socket
import struct

from play import Lesson

RESET = struct.pack("ii", 1, 0)  # struct linger: close() sends a reset


def threads(program):
    return len(os.listdir(f"/proc/{program.process.pid}/task"))


with Lesson(__file__) as lesson:
    server = lesson.start("server")
    server.expect("主线程，等待新客户端的到来 (waiting for clients on port 6666; Ctrl-C ends)\n")
    taken = lesson.start("server")
    assert taken.ends(1).endswith("server: bind 0.0.0.0:6666: Address already in use\n")

    # Two clients at once: each has its thread, and both threads count in the same number.
    served = re.compile(r"新线程负责数据处理 \(a new thread serves client (\d+)\): (127\.0\.0\.1:\d+)\n")
    with socket.create_connection(("127.0.0.1", 6666)) as silent:
        assert server.expect(served).group(1) == "1"
        with_one = threads(server)
        with socket.create_connection(("127.0.0.1", 6666)) as talker:
            number, address = server.expect(served).groups()
            assert number == "2"
            assert threads(server) == with_one + 1
            for word in "你好", "\x1b[2J", "once more":
                talker.sendall(word.encode())
                shown = word.replace("\x1b", "\\x1b")
                server.expect(f"recv[{address}]: {shown}\n")
        server.expect(f"[{address}] 客户端已经关闭 (closed)\n")
        # A reset ends one conversation only.
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.expect("Connection reset by peer\n")

    # Many clients come and go; each line is printed whole.
    clients = [socket.create_connection(("127.0.0.1", 6666)) for _ in range(50)]
    seen = {int(server.expect(served).group(1)) for _ in clients}
    assert seen == set(range(3, 53)), seen
    for client in clients:
        client.close()
    for _ in clients:
        server.expect(re.compile(r"\n?\[127\.0\.0\.1:\d+\] 客户端已经关闭 \(closed\)\n"))

    # Ctrl-C ends the server in the middle of a conversation: it joins its threads.
    with socket.create_connection(("127.0.0.1", 6666)) as client:
        server.expect(served)
        server.interrupt()
        server.ends(0)
        assert client.recv(1) == b""

"""The notes' server of many processes: clients are served at once, and every child is reaped."""
import os
import re
import signal
import socket
import struct

from play import Lesson

RESET = struct.pack("ii", 1, 0)  # struct linger: close() sends a reset


def children(program):
    """The children of the program, zombies as well."""
    pid = program.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as list_of_children:
        return [int(each) for each in list_of_children.read().split()]


with Lesson(__file__) as lesson:
    server = lesson.start("server")
    server.expect("主进程，等待新客户端的到来 (waiting for clients on port 6666; Ctrl-C ends)\n")
    taken = lesson.start("server")
    assert taken.ends(1).endswith("server: bind 0.0.0.0:6666: Address already in use\n")

    # Two clients at once: each has its process, and the silent client holds up nobody.
    served = re.compile(r"子进程 \(child process\) (\d+) 负责数据处理 \(serves\): (127\.0\.0\.1:\d+)\n")
    with socket.create_connection(("127.0.0.1", 6666)) as silent:
        first = server.expect(served).group(1)
        with socket.create_connection(("127.0.0.1", 6666)) as talker:
            second, address = server.expect(served).groups()
            assert sorted([int(first), int(second)]) == sorted(children(server)) and first != second
            for word in "你好", "\x1b[2J", "once more":
                talker.sendall(word.encode())
                shown = word.replace("\x1b", "\\x1b")
                server.expect(f"recv[{address}]: {shown}\n")
        server.expect(f"[{address}] 客户端已经关闭 (closed)\n")
        server.expect(f"主进程，子进程已结束 (the child has ended): {address}\n")
        assert children(server) == [int(first)]  # no zombie is left

        # A reset, or the death of a child, ends one conversation only.
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.expect("Connection reset by peer\n")
    server.expect("the child has ended")
    with socket.create_connection(("127.0.0.1", 6666)) as victim:
        child = int(server.expect(served).group(1))
        os.kill(child, signal.SIGKILL)
        server.expect("the child has ended")
        assert victim.recv(1) == b""
    assert children(server) == []

    # Ctrl-C ends the server and its children, and then nothing is left.
    with socket.create_connection(("127.0.0.1", 6666)) as client:
        server.expect(served)
        server.interrupt()
        server.ends(0)
        assert client.recv(1) == b""

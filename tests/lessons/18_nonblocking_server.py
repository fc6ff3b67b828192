"""The notes' server that never waits, and their client with many connections."""
import os
import re
import resource
import socket
import struct

from play import Lesson

RESET = struct.pack("ii", 1, 0)  # struct linger: close() sends a reset
NEW = re.compile(r"一个新的客户端到来 \(a new client\): (127\.0\.0\.1:\d+)\n")


def storm(host, number):
    client = lesson.start("client")
    client.expect("请输入服务器的 IP (server): ")
    client.type(host)
    client.expect("请输入要连接服务器的次数（例如 1000） (connections): ")
    client.type(number)
    return client


def connect():
    return socket.create_connection(("127.0.0.1", 6666))


with Lesson(__file__) as lesson:
    # No server, no host, no number: one sentence each.
    assert "Connection refused" in storm("localhost", "3").ends(1)
    assert storm("no such host", "3").ends(1).count("client: ") == 1
    for wrong in "", "many", "3 or 4", "-1", "0", "99999999999":
        assert storm("localhost", wrong).ends(1).endswith(f'client: "{wrong}" is not a number of connections\n')

    # One thread serves all clients, also a client that sends while another is silent.
    server = lesson.start("server")
    server.expect("等待客户端 (waiting for clients on port 6666; Ctrl-C ends)\n")
    taken = lesson.start("server")
    assert taken.ends(1).endswith("server: bind 0.0.0.0:6666: Address already in use\n")
    with connect() as silent, connect() as talker:
        silent_address, address = server.expect(NEW).group(1), server.expect(NEW).group(1)
        talker.sendall("你好 \x1b[2J".encode())
        server.expect(f"recv[{address}]: 你好 \\x1b[2J\n")
        talker.close()
        server.expect(f"[{address}] 客户端已经关闭 (closed)\n")
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.expect(f"[{silent_address}] 客户端已经关闭 (closed)\n")

    # Many connections, each with a number a second.
    client = storm("127.0.0.1", "200")
    client.expect("正在连接 (connections): 200\n")
    addresses = [server.expect(NEW).group(1) for _ in range(200)]
    for address in addresses[0], addresses[-1]:
        server.position = 0  # they send in any order
        server.expect(re.compile(rf"recv\[{address}\]: \d+\\n\n"))
    client.interrupt()
    client.ends(-2)  # SIGINT
    for address in addresses:
        server.position = 0
        server.expect(f"[{address}] 客户端已经关闭 (closed)\n")

    # Without descriptors it says so once, serves the clients that it has, and goes on when a client has left.
    limit = len(os.listdir(f"/proc/{server.process.pid}/fd")) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, hard))
    before = len(server.heard)
    with connect() as first, connect() as second:
        server.expect(NEW)
        server.expect("接受失败 (accept failed): Too many open files\n")
        for i in range(50):
            first.sendall(b"%d" % i)
            server.expect(f": {i}\n")
        assert server.heard[before:].count("accept failed") == 1
        second.sendall(b"at last")
        first.close()
        server.expect(NEW)
        server.expect(": at last\n")

    # Ctrl-C ends the server. Its clients notice.
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    client = storm("localhost", "3")
    client.expect("3\n")
    server.expect(NEW)
    server.interrupt()
    server.ends(0)
    assert client.ends(1).count("client: ") == 1

"""The notes' echo server for datagrams, asked by our client, by a stranger and in the name of another server."""
import socket
import struct

from play import Lesson

HERE = ("127.0.0.1", 6666)


def bound(address="127.0.0.1", port=0):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    s.settimeout(30)
    return s


with Lesson(__file__) as lesson:
    server = lesson.start("server")
    server.expect("等待数据 (waiting for datagrams on port 6666; Ctrl-C ends)\n")
    assert "server: bind 0.0.0.0:6666: Address already in use\n" in lesson.start("server").ends(1)

    # Each line comes back, and the server counts.
    client = lesson.start("client")
    for number, (line, shown) in enumerate([("hello", "hello"), ("你好 \x1b[2J", "你好 \\x1b[2J"), ("", "")], 1):
        client.expect("请输入要发送的数据 (data to send): ")
        client.type(line)
        client.expect(f"接收到的数据 (received): {shown}\n")
        server.expect(f"已完成{number}次数据收发")

    # The largest datagram comes back whole, and a client that has gone does not end the server.
    with bound() as peer:
        peer.sendto(b"x" * 65507, HERE)
        assert peer.recv(65536) == b"x" * 65507
        server.expect("已完成4次数据收发")
        peer.sendto(b"gone", HERE)
    server.expect("已完成5次数据收发")

    # A datagram that seems to come from another echo server is not answered, and the server goes on.
    with bound("127.0.0.2") as peer:
        # A raw socket can forge the sender. Root of a network namespace may open it.
        try:
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        except PermissionError:
            raw = None
        if raw:
            raw.sendto(struct.pack("!4H", 6666, 6666, 8 + 6, 0) + b"forged", ("127.0.0.1", 0))
        peer.sendto(b"asked 127.0.0.1", HERE)
        assert peer.recvfrom(100) == (b"asked 127.0.0.1", HERE)
    server.expect("已完成6次数据收发")

    # Ctrl-C ends the server, and the client notices that it has gone.
    server.interrupt()
    assert server.ends(0).count("已完成") == 6
    client.expect("(data to send): ")
    client.type("anybody?")
    assert "Connection refused\n" in client.ends(1)

    # A client without a server says so. Ctrl-D ends a client, and an unknown host is one sentence.
    client = lesson.start("client", "127.0.0.1")
    client.type("anybody?")
    assert "Connection refused\n" in client.ends(1)
    client = lesson.start("client")
    client.expect("(data to send): ")
    client.end_of_input()
    client.ends(0)
    assert "client: resolve no.such.host.invalid:6666: " in lesson.start("client", "no.such.host.invalid").ends(1)

    # A stranger's datagram and a late echo are not taken for the answer.
    with bound(port=6666) as server, bound() as stranger:
        client = lesson.start("client")
        client.type("second")
        data, where = server.recvfrom(100)
        stranger.sendto(b"second", where)
        server.sendto(b"first", where)
        server.sendto(data, where)
        client.expect("(received): second\n")

        # A client that waits says so. Then the answer may still come; in the end the client gives up.
        client.type("slow")
        data, where = server.recvfrom(100)
        client.expect("没有回答 (no answer after 1 s)\n")
        server.sendto(data, where)
        client.expect("接收到的数据 (received): slow\n")
        client.type("lost")
        client.expect("(no answer after 1 s)\n没有回答 (no answer after 5 s)\nclient: recv: Connection timed out\n")
        client.ends(1)

"""The notes' three UDP programs: one sends, one sends and waits for an answer, one binds a port and receives."""
import re
import socket

from play import Lesson

with Lesson(__file__) as lesson:
    # One datagram from send to receive.
    receive = lesson.start("receive")
    receive.expect("等待数据 (waiting for a datagram on port 6666)\n")
    taken = lesson.start("receive")
    assert "receive: bind 0.0.0.0:6666: Address already in use\n" in taken.ends(1)
    send = lesson.start("send")
    send.expect("请输入要发送的数据 (input send data): ")
    send.type("你好 \x1b[2J")
    port = send.expect(re.compile(r"已发送 \(sent\) 11 bytes to 127\.0\.0\.1:6666 from port (\d+); ")).group(1)
    send.ends(0)
    receive.expect(f"接收到的数据 (received): 你好 \\x1b[2J from 127.0.0.1:{port}\n")
    receive.ends(0)

    # Of a datagram that is longer than the buffer, the rest is lost. An empty datagram is a datagram.
    for size in 1024, 1025, 0:
        receive = lesson.start("receive")
        receive.expect("waiting")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"x" * size, ("127.0.0.1", 6666))
        receive.expect(f"(received): {'x' * min(size, 1024)} from ")
        assert ("the rest is lost" in receive.ends(0)) == (size > 1024)

    # No receiver: send does not learn it, and send_receive does.
    send = lesson.start("send", "127.0.0.1", "6666")
    send.type("asdf")
    send.ends(0)
    request = lesson.start("send_receive")
    request.type("asdf")
    assert "Connection refused" in request.ends(1)

    # An answer is taken from the receiver, and from no other sender.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        server.bind(("127.0.0.1", 7788))
        request = lesson.start("send_receive", "localhost", "7788")
        request.expect("请输入要发送的数据 (data to send): ")
        request.type("asdf")
        data, client = server.recvfrom(100)
        assert data == b"asdf", data
        stranger.sendto(b"I am the server!", client)
        server.sendto("收到\x07".encode(), client)
        request.expect("接收到的数据 (received): 收到\\x07 from 127.0.0.1:7788\n")
        request.ends(0)

    # Arguments that make no sense are one sentence; Ctrl-D at the prompt sends nothing.
    for program in "send", "send_receive":
        assert re.fullmatch(rf"{program}: resolve localhost:66666: .+\n", lesson.start(program, "localhost", "66666").ends(1))
        quiet = lesson.start(program)
        quiet.expect("data")
        quiet.end_of_input()
        quiet.ends(0)
    broadcast = lesson.start("send", "127.255.255.255")
    broadcast.type("asdf")
    assert "send: send_to 127.255.255.255:6666 (4 bytes): Permission denied\n" in broadcast.ends(1)

"""The notes' first server and client, and their TCP server and client, each in a terminal of its own."""
import re
import socket

from play import Lesson, listens

with Lesson(__file__) as lesson:
    # The greeting server greets every client, also after a client that resets its connection, until Ctrl-C.
    server = lesson.start("greeting_server")
    server.expect("waiting for clients")
    for _ in range(2):
        client = lesson.start("greeting_client")
        client.expect("这是一个socket 超简易服务器!\r\n")
        client.ends(0)
        server.expect(re.compile(r"连接地址 \(connected\): 127\.0\.0\.1:\d+\n"))
        with socket.create_connection(("127.0.0.1", 6666)) as rude:
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.expect("connected")
    server.interrupt()
    server.ends(0)

    # It has closed first, so its port is in TIME_WAIT: it starts again all the same.
    again = lesson.start("greeting_server")
    again.expect("waiting for clients")
    taken = lesson.start("greeting_server")
    assert "bind 0.0.0.0:6666: Address already in use" in taken.ends(1)
    again.interrupt()
    again.ends(0)

    # The TCP server and client: one line there, one answer back.
    server = lesson.start("server")
    server.expect("waiting for a client")
    client = lesson.start("client", "127.0.0.1")
    client.expect("请输入要发送的数据 (data to send): ")
    client.type("你好 \x1b[2J")
    server.expect("接收到的数据为 (received): 你好 \\x1b[2J\\n")
    server.ends(0)
    client.expect("接收到的数据 (received): send from server!\n")
    client.ends(0)

    # Ctrl-D at the question ends the client, and nothing is sent.
    server = lesson.start("server")
    server.expect("waiting for a client")
    client = lesson.start("client")
    client.expect("(data to send): ")
    client.end_of_input()
    client.ends(0)
    assert server.ends(0).endswith("接收到的数据为 (received): \n")

    # Without a server the client says so.
    assert "Connection refused" in lesson.start("client").ends(1)
    assert "Connection refused" in lesson.start("greeting_client").ends(1)

    # A server that closes without an answer is noticed.
    with socket.create_server(("127.0.0.1", 6666)) as listener:
        client = lesson.start("client")
        client.expect("(data to send): ")
        listener.accept()[0].close()
        client.type("hello")
        assert client.ends(1).count("client: ") == 1

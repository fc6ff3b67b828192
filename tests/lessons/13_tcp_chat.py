"""The notes' QQ: two people at two terminals, who take turns."""
import re
import socket
import struct

from play import Lesson

RESET = struct.pack("ii", 1, 0)  # struct linger: close() sends a reset


def arrives(text):
    """Returns what the server writes when a message arrives."""
    return f"\r\x1b[K{text}\nsend: "


with Lesson(__file__) as lesson:
    # Without a server the client says so, and so it does for a name that does not exist.
    assert "Connection refused" in lesson.start("client").ends(1)
    assert lesson.start("client", "no such host").ends(1).count("client: ") == 1

    # Two people take turns. The second client waits in the queue until the first has left.
    server = lesson.start("server")
    server.expect("等待客户端 (waiting for a client on port 6666; Ctrl-C ends)\n")
    client = lesson.start("client")
    client.expect("正在连接 (connecting to) localhost:6666 ... 空行结束 (an empty line ends)\nsend: ")
    second = lesson.start("client", "127.0.0.1")
    second.expect("send: ")
    second.type("first, please")
    client.type("你好 \x1b[2J")
    server.expect(re.compile(r"连接地址 \(connected\): 127\.0\.0\.1:\d+\n"))
    server.expect(arrives("recv: 你好 \\x1b[2J"))
    server.type("早上好 \x07")
    client.expect(arrives("received: 早上好 \\x07"))
    client.type("bye")
    server.expect(arrives("recv: bye"))
    server.type("")  # an empty answer is an answer
    client.expect(arrives("received: "))
    client.type("")  # an empty line ends
    client.ends(0)
    server.expect(re.compile(r"客户端已经关闭 \(disconnected\): 127\.0\.0\.1:\d+\n"))
    server.expect(arrives("recv: first, please"))
    server.type("now")
    second.expect(arrives("received: now"))
    second.end_of_input()
    assert second.ends(0).endswith("send: \n")

    # What a person types out of turn, half a line and a whole one, leaves the screen when a message arrives, and is not sent.
    client = lesson.start("client", size=(60, 12))
    client.expect("send: ")
    server.expect("连接地址 (connected)")
    client.type("one")
    server.expect(arrives("recv: one"))
    client.expect("one\r\n")
    client.keys("half 一半")
    client.expect("half 一半")
    server.type("你好" * 8)
    client.expect("received: " + "你好" * 8 + "\r\nsend: ")
    assert client.screen()[-3:] == ["send: one", "received: " + "你好" * 8, "send: |"], client.screen()
    client.type("two")
    server.expect(arrives("recv: two"))
    client.expect("two\r\n")
    client.type("three")
    client.keys("and")
    client.expect("three\r\nand")
    server.type("2")
    client.expect("received: 2\r\nsend: ")
    assert client.screen()[-4:] == ["send: two", "three", "received: 2", "send: |"], client.screen()
    client.type("four")
    server.expect(arrives("recv: four"))
    server.type("4")
    client.expect("received: 4\r\nsend: ")
    client.type("")
    client.ends(0)
    server.expect("客户端已经关闭 (disconnected)")

    # A message may arrive in pieces, and two may arrive at once.
    with socket.create_connection(("127.0.0.1", 6666)) as peer, peer.makefile(encoding="utf-8") as answers:
        peer.sendall(b"o")
        peer.sendall(b"ne\r\ntwo\n")
        server.expect(arrives("recv: one"))
        server.type("1")
        server.expect(arrives("recv: two"))
        server.type("2")
        assert [answers.readline(), answers.readline()] == ["1\n", "2\n"]
        # A reset ends that conversation only.
        peer.sendall(b"three\n")
        server.expect(arrives("recv: three"))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.type("into nothing")
    server.expect("客户端已经关闭 (disconnected)")
    # So does a message of more than 64 KiB.
    with socket.create_connection(("127.0.0.1", 6666)) as peer:
        try:
            peer.sendall(b"x" * 200_000)
        except OSError:
            pass
        server.expect(re.compile(r"客户端已经关闭 \(disconnected\): .*, Message too long\n"))

    # A taken port is one sentence. Ctrl-C ends the server, also while it waits for a message, or for its user.
    assert lesson.start("server").ends(1).endswith("server: bind 0.0.0.0:6666: Address already in use\n")
    server.interrupt()
    server.ends(0)
    server = lesson.start("server")
    server.expect("waiting for a client")
    client = lesson.start("client")
    server.expect("connected")
    server.interrupt()
    server.ends(0)
    client.expect("send: ")  # the person types nothing, and is told at once
    assert client.ends(1).endswith("send: \nclient: the server has closed the connection\n")

    server = lesson.start("server")
    server.expect("waiting for a client")
    client = lesson.start("client")
    client.type("hello")
    server.expect(arrives("recv: hello"))
    server.waits()
    server.interrupt()
    server.ends(0)
    assert client.ends(1).endswith("client: the server has closed the connection\n")

    # Ctrl-D at the server's prompt ends it as well.
    server = lesson.start("server")
    server.expect("waiting for a client")
    client = lesson.start("client")
    client.type("hello")
    server.expect(arrives("recv: hello"))
    server.end_of_input()
    server.ends(0)
    client.ends(1)

    # Lines from a pipe that stays open are sent one by one, though they have arrived together.
    server = lesson.start("server")
    server.expect("waiting for a client")
    lesson.start("/bin/sh", "-c", f"(printf 'one\\ntwo\\n'; read wait) | '{lesson.folder}/client'")
    server.expect(arrives("recv: one"))
    server.type("yes")
    server.expect(arrives("recv: two"))
    server.waits()
    server.interrupt()
    server.ends(0)

    # The room of the demonstration, and its client. What arrives stands above the row in which a person types. A client
    # whose server has gone says so.
    room = lesson.start("demo", "serve", "--quiet")
    room.expect("listening on 127.0.0.1:6666\n")
    people = {}
    for name in "ann", "bob":
        people[name] = lesson.start("demo", "connect", "localhost", "6666", size=(60, 12))
        people[name].expect("connecting to localhost:6666 ...")
        people[name].expect("Your name?")
        people[name].type(name)
        people[name].expect("* Welcome.")
    ann, bob = people["ann"], people["bob"]
    ann.expect("* bob has entered.\x1b[r\x1b8")
    ann.keys("half 一半")
    ann.expect("half 一半")
    bob.type("你好")
    ann.expect("bob: 你好\x1b[r\x1b8")
    assert ann.screen()[-3:] == ["* bob has entered.", "bob: 你好", "half 一半|"], ann.screen()
    bob.type("你好" * 40)  # 165 columns: 3 rows, as the terminal breaks them
    ann.expect("你好" * 40 + "\x1b[r\x1b8")
    assert ann.screen()[-5:] == ["bob: 你好", "bob: " + "你好" * 13 + "你", "好" + "你好" * 14 + "你", "好" + "你好" * 11, "half 一半|"], ann.screen()
    ann.type(" and the rest")
    bob.expect("ann: half 一半 and the rest\x1b")
    room.interrupt()
    room.ends(0)
    for each in ann, bob:
        assert each.ends(1).endswith("demo: the server has closed the connection\r\n")
    assert lesson.start("demo", "connect", "localhost", "6666").ends(1).endswith(
        "demo: connect localhost:6666: Connection refused\n")

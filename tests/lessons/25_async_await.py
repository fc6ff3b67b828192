"""Several web servers are asked at once; a netcat has a keyboard and a socket in one loop."""
import re
import socket

from play import Lesson

with Lesson(__file__) as lesson:
    # Both servers answer only when both have been asked, so a program that asks one after the other hangs.
    with socket.create_server(("127.0.0.1", 7788)) as one, socket.create_server(("127.0.0.1", 8888)) as two:
        fetch = lesson.start("fetch", "localhost:7788", "127.0.0.1:8888", "127.0.0.1:1234", "localhost:x", "localhost:")
        fetch.expect("正在连接 (connecting to) 5 servers ...")
        peers = [one.accept()[0], two.accept()[0]]
        for peer, host in zip(peers, (b"localhost", b"127.0.0.1")):
            assert peer.recv(1000) == b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
        peers[0].sendall(b"HTTP/1.1 200 \x1b[2J\r\n\r\n")
        peers[0].sendall(b"x" * 100_000)
        peers[1].sendall(b"nonsense")
        for peer in peers:
            peer.close()
        text = fetch.ends(0)
        assert re.search(r"^localhost:7788  \d+ ms  HTTP/1.1 200 \\x1b\[2J, 100021 bytes$", text, re.M), text
        assert re.search(r"^127.0.0.1:8888  \d+ ms  nonsense, 8 bytes$", text, re.M), text
        assert re.search(r"^127.0.0.1:1234  \d+ ms  .*Connection refused$", text, re.M), text
        assert len(re.findall(r"^localhost:x?  \d+ ms  this is not HOST:PORT", text, re.M)) == 2, text

    assert lesson.start("fetch").ends(1) == "fetch: usage: fetch HOST[:PORT]...\n"

    with socket.create_server(("127.0.0.1", 7788)) as listener:
        # Both directions at once; Ctrl-D ends one of them.
        netcat = lesson.start("netcat", "localhost", "7788")
        netcat.expect("正在连接 (connecting to) localhost:7788 ...")
        peer = listener.accept()[0]
        peer.sendall("你好 \x1b[2J\nand ".encode())
        netcat.expect("你好 \\x1b[2J\x1b[r\x1b8")
        netcat.expect("\nand \x1b[r\x1b8")  # also without the end of its line
        netcat.keys("one\ntwo\n")
        heard = b""
        while len(heard) < 8:
            heard += peer.recv(100)
        assert heard == b"one\ntwo\n"
        netcat.end_of_input()
        assert peer.recv(100) == b""
        peer.sendall(b"goodbye\n")
        peer.close()
        netcat.expect("goodbye\x1b[r")
        netcat.ends(0)

        # A server that goes first is noticed at once, an orderly end and a reset.
        for linger, words in (None, "the server has closed the connection"), (b"\1\0\0\0\0\0\0\0", "Connection reset by peer"):
            netcat = lesson.start("netcat", "127.0.0.1", "7788")
            peer = listener.accept()[0]
            if linger:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            peer.close()
            assert words in netcat.ends(1)

        # What arrives stands above the row in which a person types. That row is sent as a whole.
        netcat = lesson.start("netcat", "localhost", "7788", size=(40, 6))
        peer = listener.accept()[0]
        netcat.expect("\x1b[999B")
        netcat.keys("half 一半")
        netcat.expect("half 一半")
        peer.sendall(("你好\n" + "你好" * 15 + "\n").encode())  # 60 columns: two rows
        netcat.expect("你好" * 15 + "\x1b[r\x1b8")
        assert netcat.screen()[1:] == ["", "你好", "你好" * 10, "你好" * 5, "half 一半|"], netcat.screen()
        netcat.type(" and the rest")
        assert peer.recv(100).decode() == "half 一半 and the rest\n"
        netcat.keys("half")
        netcat.expect("half")
        peer.close()
        assert netcat.ends(1).endswith("half\r\nnetcat: the server has closed the connection\r\n")

        # A pipe gets the bytes as they are, while a terminal is the input, and a terminal gets lines while a pipe is.
        netcat = lesson.start("/bin/sh", "-c", f"'{lesson.folder}/netcat' 127.0.0.1 7788 | od -An -tx1 -v")
        peer = listener.accept()[0]
        peer.sendall(b"\x1b[2J\xff\r\n\0")
        netcat.end_of_input()
        assert peer.recv(100) == b""
        peer.close()
        assert netcat.ends(0).splitlines()[1:] == [" 1b 5b 32 4a ff 0d 0a 00"], netcat.heard
        netcat = lesson.start("/bin/sh", "-c", f"echo hello | '{lesson.folder}/netcat' 127.0.0.1 7788")
        peer = listener.accept()[0]
        while peer.recv(100):  # else close() sends a reset
            pass
        peer.sendall(b"\x1b[2J\n")
        peer.close()
        assert netcat.ends(0).endswith(":7788 ...\n\\x1b[2J\n"), netcat.heard

        # A file and a pipe are inputs, too.
        for how in "file", "pipe":
            program = f"'{lesson.folder}/netcat' 127.0.0.1 7788"
            command = f"{program} < '{__file__}'" if how == "file" else f"cat '{__file__}' | {program}"
            netcat = lesson.start("/bin/sh", "-c", command)
            peer = listener.accept()[0]
            heard = b""
            while piece := peer.recv(1000):
                heard += piece
            assert heard == open(__file__, "rb").read()
            peer.close()
            netcat.ends(0)

    assert "Connection refused" in lesson.start("netcat", "localhost", "7788").ends(1)
    for wrong in (), ("localhost",), ("localhost", "x"), ("localhost", "70000"), ("localhost", ""):
        assert lesson.start("netcat", *wrong).ends(1) == "netcat: usage: netcat HOST PORT\n"

"""Ports and services at a prompt, four sockets with one port number, and the ports on which this machine listens."""
import socket

from play import Lesson

with Lesson(__file__) as lesson:
    port = lesson.start("port")
    for text, answers in [
            ("0", ["公认端口 (well-known"]), ("1023", ["公认端口 (well-known"]), ("1024", ["注册端口 (registered"]),
            ("49151", ["注册端口 (registered"]), ("49152", ["动态端口 (dynamic"]), ("65535", ["动态端口 (dynamic"]),
            ("21", ["公认端口", "ftp 21/tcp: file transfer"]), ("53", ["公认端口", "domain 53/tcp", "domain 53/udp"]),
            ("ftp", ["ftp 21/tcp"]), ("tftp", ["tftp 69/udp"]), ("imap", ["imap 143/tcp"])]:
        port.expect("请输入端口或服务 (a port or a service, Ctrl-D ends): ")
        port.type(text)
        for answer in answers:
            port.expect("  " + answer)
    for wrong in "65536", "-1", "80 ", "no such service", "", "\x1b[2J":
        port.expect("Ctrl-D ends): ")
        port.type(wrong)
        port.expect("  neither a number from 0 to 65535 nor a service")
    port.expect("Ctrl-D ends): ")
    port.end_of_input()
    assert "\x1b" not in port.ends(0)

    def same_port():
        assert lesson.start("same_port").ends(0) == (
            "TCP socket at 127.0.0.1:6666\nUDP socket at 127.0.0.1:6666\nTCP socket at 127.0.0.2:6666\n"
            "TCP socket at [::1]:6666\na second TCP socket at 127.0.0.1:6666: Address already in use\n")
    same_port()

    # A connection that has ended keeps the port for a minute (TIME_WAIT), but not from programs like this.
    with socket.create_server(("127.0.0.1", 6666)) as listener:
        with socket.create_connection(("127.0.0.1", 6666)) as client:
            served, _ = listener.accept()
            served.close()
            assert client.recv(1) == b""
    same_port()

    # A listener is in the list while it listens, under its address. A client's connection is not.
    with socket.create_server(("127.0.0.1", 6666)), socket.create_server(("", 1234)), \
            socket.create_connection(("127.0.0.1", 6666)):
        told = lesson.start("listening").ends(0).splitlines()
        assert told.count("127.0.0.1:6666 ") == told.count("0.0.0.0:1234 ") == 1, told
        taken = lesson.start("same_port").ends(1)
        assert taken == "same_port: bind 127.0.0.1:6666: Address already in use\n", taken
    assert "127.0.0.1:6666 \n" not in lesson.start("listening").ends(0)

"""The notes' broadcast: two receivers on this machine hear it, and later no receiver."""
import re
import socket

from play import Lesson

EVERYONE = "127.255.255.255"  # the broadcast address of the loopback network

with Lesson(__file__) as lesson:
    # Two receivers share the port, and both hear the broadcast and answer.
    receivers = [lesson.start("receiver") for _ in range(2)]
    for receiver in receivers:
        receiver.expect("等待广播 (waiting for broadcasts on port 6666; Ctrl-C ends)\n")
    sender = lesson.start("broadcast", EVERYONE)
    sender.expect("等待回复，按 Ctrl-C 退出 (waiting for answers, Ctrl-C ends)\n")
    for receiver in receivers:
        receiver.expect(re.compile(r"接收到的数据 \(received\): hello, world! from 127\.0\.0\.1:\d+\n"))
        sender.expect(re.compile(r"received from 127\.\d+\.\d+\.\d+:6666: here\n"))

    # A datagram that controls terminals is shown as text, and a sender that has gone does not end a receiver.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        gone.sendto(b"\x1b[2J", (EVERYONE, 6666))
        gone.sendto(b"again", (EVERYONE, 6666))
    for receiver in receivers:
        receiver.expect("(received): \\x1b[2J from ")
        receiver.expect("(received): again from ")

    # A broadcast in the name of another receiver is not answered.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.2", 6666))
        other.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        other.sendto(b"other receiver", (EVERYONE, 6666))
        for receiver in receivers:
            receiver.expect("(received): other receiver from 127.0.0.2:6666\n")
        sent_later = lesson.start("broadcast", EVERYONE)
        sent_later.expect("here\n")
        sent_later.expect("here\n")
        other.setblocking(False)
        try:
            raise AssertionError(other.recv(100))
        except BlockingIOError:
            pass

    # Ctrl-C ends each program.
    for program in [sender, sent_later, *receivers]:
        program.interrupt()
        program.ends(0)

    # A receiver does not share its port with a program that wants it alone.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as alone:
        alone.bind(("", 6666))
        assert "receiver: bind 0.0.0.0:6666: Address already in use\n" in lesson.start("receiver").ends(1)

    # Without a receiver the sender waits, and says so.
    sender = lesson.start("broadcast", EVERYONE)
    sender.expect("waiting for answers")
    sender.interrupt()
    sender.ends(0)
    assert "broadcast: resolve no.such.host.invalid:6666: " in lesson.start("broadcast", "no.such.host.invalid").ends(1)
    assert "broadcast: resolve [::1]:6666: " in lesson.start("broadcast", "::1").ends(1)

    # A member of a group gets what is sent to the group; a receiver beside it does not.
    receiver, member = lesson.start("receiver"), lesson.start("member", "lo")
    receiver.expect("waiting")
    member.expect("等待多点广播 (waiting for datagrams to 239.255.77.1 port 6666; Ctrl-C ends)\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sender.settimeout(30)
        sender.sendto(b"members \x07", ("239.255.77.1", 6666))
        member.expect(re.compile(r"接收到的数据 \(received\): members \\x07 from 127\.0\.0\.1:\d+\n"))
        assert sender.recv(100) == b"here"
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(b"all", (EVERYONE, 6666))
        for program in receiver, member:
            program.expect("(received): all from ")
    for program in receiver, member:
        program.interrupt()
        program.ends(0)
    assert "members" not in receiver.heard
    assert "member: interface nosuch0: No such device\n" in lesson.start("member", "nosuch0").ends(1)

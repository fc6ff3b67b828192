"""The notes' chat of two: both type at the same time, one leaves, a stranger knocks, Ctrl-C and Ctrl-D end it."""
import re
import socket

from play import Lesson

PROMPT = "\r\x1b[K发送 (send) >: "


def chat(lesson, own, other, host="127.0.0.1"):
    program = lesson.start("chat", *([own] if own != "6666" else []))
    program.expect("请输入对方的 IP (the other's IP or host name): ")
    program.type(host)
    program.expect("请输入对方的端口 (the other's port): ")
    program.type(other)
    program.expect(PROMPT)
    return program


with Lesson(__file__) as lesson:
    a = chat(lesson, "6666", "7788")
    b = chat(lesson, "7788", "6666", "localhost")

    # Both type at once. What arrives replaces the prompt, and the prompt comes again behind it.
    a.type("你好")
    b.type("\x1b[2J")
    b.expect(f"\r\x1b[K收到 (received) >: 127.0.0.1:6666: 你好\n{PROMPT}")
    a.expect(f"\r\x1b[K收到 (received) >: 127.0.0.1:7788: \\x1b[2J\n{PROMPT}")
    for number in range(50):
        a.type(f"a{number}")
        b.type(f"b{number}")
    for number in range(50):
        a.expect(f": b{number}\n")
        b.expect(f": a{number}\n")

    # The text that is typed so far survives a line that arrives.
    a.keys("half and ")
    b.type("between")
    a.expect("between\n" + PROMPT)
    a.type("half")
    b.expect("half and half\n")

    # A stranger is not heard.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"let me in", ("127.0.0.1", 6666))
    b.type("the end")
    a.expect("the end\n")
    assert "let me in" not in a.heard

    # Ctrl-C ends b. Now a learns that nobody is there. When b is back, it gets the next line.
    b.interrupt()
    b.ends(0)
    a.type("hello?")
    a.expect("对方不在 (nobody is there: the last line is lost)\n")
    b = chat(lesson, "7788", "6666")
    a.type("and now?")
    b.expect("and now?\n")

    # Ctrl-D ends a.
    a.end_of_input()
    a.ends(0)
    b.end_of_input()
    b.ends(0)

    # Ctrl-D at the first questions, and answers and arguments that make no sense.
    for number in range(2):
        early = lesson.start("chat")
        for _ in range(number):
            early.expect("IP or host name): ")
            early.type("localhost")
            early.expect("port): ")
        early.end_of_input()
        early.ends(0)
    wrong = lesson.start("chat")
    wrong.expect("IP or host name): ")
    wrong.type("localhost")
    wrong.type("66666")
    assert re.search(r"chat: resolve localhost:66666: .+\n$", wrong.ends(1))
    empty = lesson.start("chat")
    empty.expect("IP or host name): ")
    empty.type("localhost")
    empty.type("")
    assert empty.ends(1).endswith("chat: the other's port is missing\n")
    assert re.fullmatch(r"chat: resolve 0\.0\.0\.0:x y: .+\n", lesson.start("chat", "x y").ends(1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 6666))
        assert lesson.start("chat").ends(1) == "chat: bind 0.0.0.0:6666: Address already in use\n"

"""The notes' chat of two: both type at the same time, one leaves, a stranger knocks, Ctrl-C and Ctrl-D end it."""
import re
import socket

from play import Lesson

PROMPT = "\x1b[999B\r\x1b[K发送 (send) >: "


def chat(lesson, own, other, host="127.0.0.1", size=None):
    program = lesson.start("chat", *([own] if own != "6666" else []), size=size)
    program.expect("请输入对方的 IP (the other's IP or host name): ")
    program.type(host)
    program.expect("请输入对方的端口 (the other's port): ")
    program.type(other)
    program.expect(PROMPT)
    return program


with Lesson(__file__) as lesson:
    a = chat(lesson, "6666", "7788")
    b = chat(lesson, "7788", "6666", "localhost")

    # Both type at once.
    a.type("你好")
    b.type("\x1b[2J")
    b.expect("收到 (received) >: 127.0.0.1:6666: 你好\x1b")
    a.expect("收到 (received) >: 127.0.0.1:7788: \\x1b[2J\x1b")
    for number in range(50):
        a.type(f"a{number}")
        b.type(f"b{number}")
    for number in range(50):
        a.expect(f": b{number}\x1b")
        b.expect(f": a{number}\x1b")

    # The text that is typed so far survives a line that arrives.
    a.keys("half and ")
    b.type("between")
    a.expect("between\x1b")
    a.type("half")
    b.expect("half and half\x1b")

    # A stranger is not heard.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"let me in", ("127.0.0.1", 6666))
    b.type("the end")
    a.expect("the end\x1b")
    assert "let me in" not in a.heard

    # Ctrl-C ends b. Now a learns that nobody is there. When b is back, it gets the next line.
    b.interrupt()
    b.ends(0)
    a.type("hello?")
    a.expect("对方不在 (nobody is there: the last line is lost)")
    b = chat(lesson, "7788", "6666")
    a.type("and now?")
    b.expect("and now?\x1b")

    # Ctrl-D ends a.
    a.end_of_input()
    a.ends(0)
    b.end_of_input()
    b.ends(0)

    # On the screen, what arrives stands above the row in which a person types, and that row stays as it is, wherever the
    # questions stand, and also where what arrives is longer than a row. A Chinese character is two columns wide.
    a = chat(lesson, "6666", "7788", size=(60, 7))
    b = chat(lesson, "7788", "6666")
    questions = ["请输入对方的 IP (the other's IP or host name): 127.0.0.1", "请输入对方的端口 (the other's port): 7788"]
    typed, received = "发送 (send) >: 你好 and |", "收到 (received) >: 127.0.0.1:7788: "
    a.keys("你好 and ")
    a.expect("你好 and ")
    assert a.screen() == [*questions, "", "", "", "", typed], a.screen()
    for number in 1, 2:
        b.type(f"line {number}")
        a.expect(f"line {number}\x1b[r\x1b8")
    assert a.screen() == ["", "", "", "", received + "line 1", received + "line 2", typed], a.screen()
    b.type("x" * 60)
    a.expect("x" * 60 + "\x1b[r\x1b8")
    assert a.screen()[-3:] == [received + "x" * 25, "x" * 35, typed], a.screen()
    b.type("中" * 25)  # 85 columns, and 110 bytes: two rows
    a.expect("中" * 25 + "\x1b[r\x1b8")
    assert a.screen() == [received + "line 1", received + "line 2", received + "x" * 25, "x" * 35, received + "中" * 12,
                          "中" * 13, typed], a.screen()
    a.type("all of it")
    b.expect(": 你好 and all of it\x1b")
    for each in a, b:
        each.interrupt()
        each.ends(0)

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

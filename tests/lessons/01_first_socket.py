"""The notes' first two sockets, and two processes that exchange a line."""
import re

from play import Lesson

with Lesson(__file__) as lesson:
    assert lesson.start("create_sockets").ends(0) == "tcp socket created!\nudp socket created!\n"

    # The line goes to the child, which is another process, and an answer comes back.
    both = lesson.start("two_processes")
    both.expect("请输入要发送的数据 (data to send): ")
    both.type("你好 \x1b[2J")
    child = both.expect(re.compile(r"子进程收到 \(process (\d+) received\): 你好 \\x1b\[2J\\n\n")).group(1)
    parent = both.expect(re.compile(r"父进程收到 \(process (\d+) received\): thank you\n")).group(1)
    both.ends(0)
    assert child != parent

    # Without a line the child ends as well, so the parent does not wait for ever.
    quiet = lesson.start("two_processes")
    quiet.expect("(data to send): ")
    quiet.end_of_input()
    assert "received" not in quiet.ends(0)

"""The notes' two gevent programs: tasks that never wait run one after the other, tasks that sleep take turns."""
import re
import time

from play import Lesson


def line(task, number):
    return f'this is "Greenlet-{task}" at NO.{number}\n'


with Lesson(__file__) as lesson:
    assert lesson.start("spawn_join").ends(0) == "".join(line(task, i) for task in (0, 1) for i in range(3))
    starvation = lesson.start("starvation").ends(0)
    turns = re.fullmatch(r"without yield: (\d+) turns in 300 ms\nwith yield: (\d+) turns in 300 ms\n", starvation)
    assert turns and int(turns[1]) == 1 and int(turns[2]) >= 100, starvation
    begin = time.monotonic()
    assert lesson.start("sleep_switch").ends(0) == "".join(line(task, i) for i in range(3) for task in (0, 1))
    assert time.monotonic() - begin >= 0.9

"""The notes' greenlets print what the notes print."""
import re

from play import Lesson

with Lesson(__file__) as lesson:
    expected = "".join(f"******A a = {a}*******\n*********B**********\n" for a in (1, 2, 3))
    assert lesson.start("greenlet").ends(0) == expected
    cost = lesson.start("switch_cost").ends(0)
    assert re.fullmatch(r"greenlets: \d+ ns for each of 10000000 switches\n"
                        r"threads:   \d+ ns for each of 100000 switches\n", cost), cost

"""The notes' greenlets print what the notes print."""
from play import Lesson

with Lesson(__file__) as lesson:
    expected = "".join(f"******A a = {a}*******\n*********B**********\n" for a in (1, 2, 3))
    assert lesson.start("greenlet").ends(0) == expected

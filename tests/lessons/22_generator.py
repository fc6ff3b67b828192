"""The notes' generator prints what the notes print."""
from play import Lesson

with Lesson(__file__) as lesson:
    expected = "".join(f"*********B**********\nA a = {a}\n" for a in (1, 2, 3)) + "*********B**********\n"
    assert lesson.start("generator").ends(0) == expected

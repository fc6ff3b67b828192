"""A child fills the blocks of its parent; text before extends is printed, text behind it is lost."""
from play import Failure, Lesson

with Lesson(__file__) as lesson:
    heard = lesson.start("inheritance").ends(0).replace("\r\n", "\n")
    base, _, child = heard.partition("---- list.html\n")
    wanted = ('<!DOCTYPE html>\n<title>List, Shop</title>\n<nav><a href="/">start</a></nav>\n'
              "<p>apple</p><p>pear</p>\n<footer>2026 </footer>\n")
    if child != wanted:
        raise Failure(f"the child is {child!r}")
    if "<title>Shop</title>" not in base or "<p>welcome</p>" not in base:
        raise Failure(f"the parent is {base!r}")

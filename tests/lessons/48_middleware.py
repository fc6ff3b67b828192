"""Two layers around three views: the order of their hooks, with and without an exception."""
from play import Failure, Lesson

with Lesson(__file__) as lesson:
    heard = lesson.start("middleware").ends(0).replace("\r\n", "\n")

    def trace(path, answer):
        begin = heard.index(f"GET {path}\n")
        words = heard[begin:heard.index(answer, begin)].split()
        return " ".join(word.replace("process_", "") for word in words if word[:2] in ("A.", "B."))
    around = "A.request B.request A.view B.view "
    for path, answer, wanted in (
            ("/text/", "200 OK: a text", around + "B.response A.response"),
            ("/page/", "200 OK: a page, changed by A", around + "B.template_response A.template_response B.response A.response"),
            ("/blocked/", "403 Forbidden: B answers", "A.request B.request B.response A.response"),
            ("/fault/", "500 Internal Server Error: A was told: the view has failed",
             around + "B.exception A.exception B.response A.response")):
        if trace(path, answer) != wanted:
            raise Failure(f"{path}: {trace(path, answer)}")

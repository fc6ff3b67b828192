"""A table of routes answers typed paths: typed arguments, a redirect, and 404 with the table."""
from play import Lesson

with Lesson(__file__) as lesson:
    program = lesson.start("routes")
    program.expect("detail of 42 is at /articles/42/")
    for path, *answers in (("/articles/", "200 OK", "all articles"), ("/articles/42/", "200 OK", "article 42"),
                           ("/articles/2026/09/", "200 OK", "month 9 of 2026"),
                           ("/articles/42", "301 Moved Permanently", "/articles/42/"),
                           ("/nowhere/", "404 Not Found", "    articles/ <int:id>/ [name='detail']"), ("no path", "no path")):
        program.expect("请输入路径 (path): ")
        program.type(path)
        for answer in answers:
            program.expect(answer)

"""One template: a full list, an empty list, and a misspelt tag that is named with its line."""
from play import Failure, Lesson

with Lesson(__file__) as lesson:
    heard = lesson.start("templates").ends(0).replace("\r\n", "\n")
    for part in ("<h1>BOOKS</h1>", "<li>1. Moby Dick (dear)</li>", "<li>2. Ulysses &amp; More</li>", "<p>2 articles</p>",
                 "<li>nothing yet</li>", "<p>0 articles</p>",
                 "wrong.html, line 2: TemplateSyntaxError: Invalid block tag on line 2: 'crsf_token'."):
        if part not in heard:
            raise Failure(f"{part!r} is missing in {heard!r}")

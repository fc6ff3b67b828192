"""A typed text is escaped in a page, but not where the template says `safe`."""
from play import Lesson

with Lesson(__file__) as lesson:
    program = lesson.start("escaping")
    program.expect("请输入 (your text): ")
    program.type('"><script>alert(1)</script>')
    program.expect('<p title="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</p>')
    program.expect('safe:            <p>"><script>alert(1)</script></p>')
    program.expect('<a href="/search/?q=%22%3E%3Cscript%3Ealert%281%29%3C/script%3E">again</a>')
    program.expect("请输入 (your text): ")

"""One text, two readings: the request that hides is printed, and netnotes refuses the text."""
from play import Lesson

with Lesson(__file__) as lesson:
    heard = lesson.start("smuggling").ends(0).replace("\r\n", "\n")
    by_length, by_chunks, ours = heard.split("\n\n")[2:5]
    assert by_length.startswith("代理相信 Content-Length") and by_length.endswith("(next request)  nothing"), by_length
    assert r'"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: inside\r\n\r\n"' in by_length, by_length
    assert by_chunks.startswith("服务器相信 Transfer-Encoding") and r'"0\r\n\r\n"' in by_chunks, by_chunks
    assert by_chunks.endswith('(next request)  "GET /admin HTTP/1.1"'), by_chunks
    assert "400: line 4 " in ours and ours.endswith("(RFC 9112 §6.1)\n"), ours

"""A guest book: a new project, its pages, a form and a foreign form, and entries that outlive the program."""
import http.client
import pathlib
import re
import tempfile
import urllib.parse

from play import Chromium, Failure, Lesson, Pages

PORT, ATTACKER = 8000, 8001
SOURCE = pathlib.Path(__file__).resolve().parents[2] / "examples/49_web_project/guest_book.cpp"


class Browser:
    """Keeps the cookie and the token of the form."""

    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        self.cookie = self.token = ""

    def ask(self, method, path, **form):
        fields = {"Cookie": self.cookie} if self.cookie else {}
        self.connection.request(method, path, urllib.parse.urlencode(form) if form else None, fields)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if cookie := answer.getheader("Set-Cookie"):
            assert "SameSite=Lax" in cookie and "HttpOnly" in cookie, cookie
            self.cookie = cookie.partition(";")[0]
        if token := re.search('name="csrfmiddlewaretoken" value="(.*?)"', text):
            self.token = token.group(1)
        return answer, text

    def write(self, **form):
        return self.ask("POST", "/add/", csrfmiddlewaretoken=self.token, **form)[0].status


with Lesson(__file__, (PORT, ATTACKER)) as lesson, tempfile.TemporaryDirectory() as folder:
    book = pathlib.Path(folder, "book")
    lesson.start("demo", "new", str(book)).ends(0)
    wrote = {str(each.relative_to(book)) for each in book.rglob("*") if each.is_file()}
    assert wrote == {"main.cpp", "templates/base.html", "templates/index.html", "static/style.css"}, wrote
    code = (book / "main.cpp").read_text(encoding="utf-8")
    if not code.endswith(SOURCE.read_text(encoding="utf-8").partition("\n")[2]):
        raise Failure("skeleton.hpp has another main.cpp than guest_book.cpp")
    assert "is not empty" in lesson.start("demo", "new", str(book)).ends(1)
    assert {str(each.relative_to(book)) for each in book.rglob("*") if each.is_file()} == wrote

    entries = book / "entries.txt"
    for program, arguments, says in (("guest_book", (str(book),), "open http://localhost:8000 in a browser"),
                                     ("demo", ("serve", "--in", str(book)), "listening on 127.0.0.1:8000")):
        entries.unlink(missing_ok=True)
        server = lesson.start(program, *arguments)
        server.expect(says)
        ann, stranger = Browser(), Browser()
        answer, text = ann.ask("GET", "/")
        assert answer.status == 200 and "Nobody has written yet." in text and 'href="/static/style.css"' in text, text
        server.expect("GET / 200")
        assert 'action="/add/"' in text and ann.cookie and ann.token
        assert ann.write(name="Ann", text="<script>alert(1)</script>\nBob: forged") == 303
        server.expect("POST /add/ 303")
        assert ann.write(name="安", text="你好") == 303  # the token is good for more than one form
        assert ann.ask("POST", "/add/", name="Ann", text="no token")[0].status == 403
        server.expect("POST /add/ 403")
        stranger.token = ann.token
        answer, text = stranger.ask("POST", "/add/", csrfmiddlewaretoken=ann.token, name="Eve", text="no cookie")
        assert (answer.status, text) == (403, "403: CSRF verification failed: CSRF cookie not set.\n"), text
        assert ann.write(name="Ann", text="") == 400 and ann.write(name="Ann", text="x" * 1001) == 400
        strange = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        strange.request("GET", "/", headers={"Host": "evil.example"})
        answer = strange.getresponse()
        assert answer.status == 400 and b"You may need to add 'evil.example' to ALLOWED_HOSTS." in answer.read()
        server.expect("GET / 400")
        answer, _ = ann.ask("GET", "/add/")
        assert (answer.status, answer.getheader("Allow")) == (405, "POST")
        kept = "Ann: <script>alert(1)</script>\\nBob: forged\n安: 你好\n"
        assert entries.read_text(encoding="utf-8") == kept, entries.read_text(encoding="utf-8")
        text = ann.ask("GET", "/")[1]
        assert "<li>Ann: &lt;script&gt;alert(1)&lt;/script&gt;\\nBob: forged</li>\n<li>安: 你好</li>" in text, text

        style, text = ann.ask("GET", "/static/style.css")
        assert style.getheader("Content-Type") == "text/css; charset=utf-8" and "max-width" in text, text
        for path in "../entries.txt", "..%2fentries.txt", "%2e%2e/entries.txt", "%252e%252e/entries.txt", "nothing":
            assert ann.ask("GET", "/static/" + path)[0].status == 404, path
        base = book / "templates/base.html"
        frame = base.read_text(encoding="utf-8")
        base.write_text(frame + "changed", encoding="utf-8")
        assert ann.ask("GET", "/")[1].endswith("changed")  # a template is read again
        base.write_text(frame, encoding="utf-8")

        # The server closes a connection that is silent for 60 s, and a slow Chromium may need longer.
        ann.connection.close()  # the next request connects anew
        if program == "guest_book" and (browser := Chromium.found()):  # and once with a real browser
            foreign = f"""<form method="post" action="http://localhost:{PORT}/add/"><input name="name" value="Eve">
                          <input name="text" value="spam"></form><script>document.querySelector("form").submit()</script>"""
            write = """document.querySelector("[name=name]").value = "Bo"; document.querySelector("[name=text]").value = "TEXT";
                       document.querySelector("button").click()"""
            seen = "document.cookie + document.querySelector('[name=csrfmiddlewaretoken]')?.value"
            with browser, Pages(ATTACKER, {"/": foreign}):
                browser.open(f"http://localhost:{PORT}/")
                browser.shows("Send")
                tokens = {browser.evaluate(seen)}
                for text in "<img src=x onerror=document.title=1>", "two":  # the second form has the token of a page that was loaded anew
                    browser.evaluate(write.replace("TEXT", text))
                    page = browser.shows(f"<li>Bo: {text.replace('<', '&lt;').replace('>', '&gt;')}</li>")
                    tokens.add(browser.evaluate(seen))
                assert len(tokens) == 3 and all(len(each) == 64 for each in tokens), tokens  # no script sees the cookie
                assert browser.evaluate("document.title") == "Guest book"
                assert browser.evaluate("getComputedStyle(document.querySelector('li')).overflowWrap") == "anywhere"
                browser.open(f"http://localhost:{ATTACKER}/")
                browser.shows(f"Origin checking failed - http://localhost:{ATTACKER} does not match any trusted origins.")
            assert entries.read_text(encoding="utf-8") == kept + "Bo: <img src=x onerror=document.title=1>\nBo: two\n"
            kept = entries.read_text(encoding="utf-8")

        (book / "entries.txt.new").mkdir()  # now no file can be written: the old file stays
        assert ann.write(name="Ann", text="lost") == 500
        assert entries.read_text(encoding="utf-8") == kept
        (book / "entries.txt.new").rmdir()
        server.interrupt()
        server.ends(0)
        server = lesson.start(program, *arguments)
        server.expect(says)
        assert "安: 你好" in Browser().ask("GET", "/")[1]
        server.interrupt()
        server.ends(0)

    server = lesson.start("demo", "serve", "--in", str(book), "--host", ".example.com")
    server.expect("listening on 127.0.0.1:8000")
    for host, status in ("www.example.com", 200), ("localhost", 400):
        asked = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        asked.request("GET", "/", headers={"Host": host})
        assert asked.getresponse().status == status, host
    server.interrupt()
    server.ends(0)

    shell = lesson.start("demo", "shell", "--in", str(book))
    shell.expect("entry/<int:number>/ [name='entry']")
    for line, *answers in (('{{ "a"|upper }} {{ entries|length }}', "A 2\n"), ("reverse entry 2", "/entry/2/\n"),
                           ("GET /entry/2/", "200 OK", "安: 你好"), ("GET /entry/2", "301", "Location: /entry/2/"),
                           ("GET /entry/3/", "404 Not Found"), ("GET /articles/42/", "404", "These routes were tried"),
                           ("reverse shop:list 3 4", "'shop' is not a registered namespace"), ("POST /add/", "403"),
                           ("{% frob %}", "Invalid block tag"), ("GET no-path", "\n"), ("help", "reverse NAME")):
        shell.expect(">>> ")
        shell.type(line)
        for answer in answers:
            shell.expect(answer)
    shell.expect(">>> ")
    shell.end_of_input()
    shell.ends(0)
    assert "guest_book" in lesson.start("guest_book", str(book / "nothing")).ends(1)

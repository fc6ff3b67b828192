"""A guest book: its own form passes, and a foreign page's form is refused with the reason, or taken if the book is open."""
import http.client
import re
import urllib.parse

from play import Chromium, Lesson, Pages

PORT, FOREIGN, ATTACKER = 8000, 8001, 8002
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')

with Lesson(__file__, (PORT, FOREIGN, ATTACKER)) as lesson:

    def get(port, **fields):
        browser = http.client.HTTPConnection("localhost", port, timeout=60)
        browser.request("GET", "/", headers=fields)
        answer = browser.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        cookie = re.match(r"csrftoken=\w{32}(?=; .*HttpOnly; SameSite=Lax)", answer.getheader("Set-Cookie") or "")
        return text, dict(HIDDEN.findall(text)), cookie and cookie[0]

    def post(form, **fields):
        browser = http.client.HTTPConnection("localhost", PORT, timeout=60)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        browser.request("POST", "/write/", urllib.parse.urlencode(form), {**kind, **fields})
        answer = browser.getresponse()
        return answer.status, answer.read().decode()

    def refused(reason):
        return 403, f"403: CSRF verification failed: {reason}\n"

    def chromium(text):
        """Opens the page of another site in a browser, and returns the page at which it ends: that with the text."""
        if browser := Chromium.found():
            with browser, Pages(ATTACKER, {"/": by_itself}):
                browser.open(f"http://localhost:{ATTACKER}/")
                return browser.shows(text)

    server = lesson.start("form")
    server.expect("open http://localhost:8000 in a browser")
    foreign = lesson.start("foreign")
    foreign.expect("open http://localhost:8001 in a browser")

    _, first, cookie = get(PORT)
    server.expect("GET /: 200 OK")
    _, second, again = get(PORT, Cookie=cookie)
    assert again == cookie and first != second and list(first) == ["csrfmiddlewaretoken"], (first, second)
    for number, form in enumerate((first, second)):  # a page that was open for longer is still good
        assert post({**form, "words": f"<{number}>"}, Cookie=cookie, Origin="http://localhost:8000") == (303, "")
        server.expect("POST /write/: 303 See Other")
    assert "<li>&lt;1&gt;</li><li>&lt;0&gt;</li>" in get(PORT, Cookie=cookie)[0]

    # A browser sends the cookie with the foreign form, because another port of the same host counts as the same site.
    page, theirs, nothing = get(FOREIGN)
    assert 'action="http://localhost:8000/write/"' in page and not nothing
    origin = "Origin checking failed - http://localhost:8001 does not match any trusted origins."
    assert post(theirs, Cookie=cookie, Origin="http://localhost:8001") == refused(origin)
    server.expect("POST /write/: 403 Forbidden")
    server.expect(f"403: CSRF verification failed: {origin}")
    assert post(theirs, Cookie=cookie) == refused("CSRF token missing.")
    _, of_another, _ = get(PORT)
    assert post({**theirs, **of_another}, Cookie=cookie) == refused("CSRF token incorrect.")
    assert post({**theirs, **first}) == refused("CSRF cookie not set.")
    assert post({**theirs, **first}, Cookie=cookie, Origin="null")[0] == 403
    by_itself = page + '<script>document.querySelector("form").submit()</script>'
    chromium(origin.replace("8001", "8002"))
    assert "I was here" not in get(PORT)[0]

    taken = lesson.start("form")
    assert "form: bind 127.0.0.1:8000: Address already in use" in taken.ends(1)
    server.interrupt()
    server.ends(0)

    server = lesson.start("form", "open")  # without the layer: no token, no cookie, and the foreign form is taken
    server.expect("open http://localhost:8000 in a browser")
    _, form, cookie = get(PORT)
    assert not form and not cookie
    assert post(theirs, Origin="http://localhost:8001") == (303, "")
    entry = "<li>I was here, and did not know it.</li>"
    assert get(PORT)[0].count(entry) == 1
    if shown := chromium(entry):
        assert shown.count(entry) == 2, shown
    server.interrupt()
    server.ends(0)
    foreign.interrupt()
    foreign.ends(0)

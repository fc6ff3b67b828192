"""A typed text is escaped in a page, but not where the template says `safe`. A browser runs none of 40 injections."""
import re

from play import Chromium, Failure, Lesson, Pages

PORT = 8001
# Each calls ran() without a click: as a tag, out of an attribute, as an entity, and in ways that old filters have missed.
INJECTIONS = [
    "<script>ran()</script>", "<SCRIPT>ran()</SCRIPT>", "<script >ran()</script >", "<script/x>ran()</script>", "<scr<script>ipt>ran()</script>",
    "<script src=data:text/javascript,ran()></script>", "<script>ran()<!--", "</p><script>ran()</script>", "</title><script>ran()</script>",
    "<img src=x onerror=ran()>", "<IMG SRC=x ONERROR=ran()>", "<img/src=x/onerror=ran()>", "<img src=x onerror=ran() ", "<img src=`x`onerror=ran()>",
    "<img src=x onerror=&#114;an()>", "<img src=x onerror='ran()'>", '<img src=x onerror="ran()">', "<svg onload=ran()>", "<svg/onload=ran()>",
    "<svg><script>ran()</script></svg>", "<svg><animate onbegin=ran() attributeName=x dur=1s>", "<body onload=ran()>", "<body onpageshow=ran()>",
    "<video src=x onerror=ran()></video>", "<audio src=x onerror=ran()></audio>", "<video><source onerror=ran()></video>", "<input autofocus onfocus=ran()>",
    "<details open ontoggle=ran()>x</details>", "<iframe srcdoc='<script>parent.ran()</script>'></iframe>", "<iframe src='javascript:parent.ran()'></iframe>",
    "<object data=x onerror=ran()></object>", "<style onload=ran()>x</style>", "<link rel=stylesheet href=data:text/css, onload=ran()>",
    "<math><mtext><img src=x onerror=ran()></mtext></math>", "<select><img src=x onerror=ran()></select>", "<!--><img src=x onerror=ran()>-->",
    '"><script>ran()</script>', "'><img src=x onerror=ran()>", '" autofocus tabindex=0 onfocus=ran() x="', "&lt;script&gt;ran()&lt;/script&gt;",
]

with Lesson(__file__, (PORT,)) as lesson:
    program = lesson.start("escaping")
    program.expect("请输入 (your text): ")
    program.type('"><script>alert(1)</script>')
    program.expect('<p title="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</p>')
    program.expect('safe:            <p>"><script>alert(1)</script></p>')
    program.expect('<a href="/search/?q=%22%3E%3Cscript%3Ealert%281%29%3C/script%3E">again</a>')
    program.expect("请输入 (your text): ")

    # Each injection has two pages, and a frame for each: what the program escapes, and what it prints as `safe`.
    frames, pages = "", {}
    for number, text in enumerate(INJECTIONS):
        program.type(text)
        whole = program.expect(re.compile(r"escaped: *(.*)\nsafe: *(.*)\nautoescape off: *(.*)\nin an address: *(.*)\n"))
        program.expect("请输入 (your text): ")
        assert whole[2] == whole[3] == f"<p>{text}</p>", whole[0]
        for kind, made in ("escaped", whole[1] + whole[4]), ("safe", whole[2]):
            pages[f"/{kind}/{number}"] = f"<!DOCTYPE html><title>x</title><script>ran = () => parent.ran('{kind}', {number})</script>{made}"
            frames += f'<iframe src="/{kind}/{number}"></iframe>'
    script = "all = new Set(); ran = (kind, number) => all.add(kind + number); onload = () => document.title = 'loaded'"
    pages["/"] = f"<!DOCTYPE html><title>x</title><script>{script}</script>{frames}"
    assert len(set(INJECTIONS)) == 40
    if browser := Chromium.found():
        with browser, Pages(PORT, pages):
            browser.open(f"http://localhost:{PORT}/")
            browser.shows("loaded", "document.title")
            browser.shows("safe27,", "[...all].join() + ','")  # the last event of all: a toggle comes a turn later
            ran = set(browser.evaluate("[...all].join()").split(","))
            if wrong := sorted(each for each in ran if each.startswith("escaped")):
                raise Failure(f"the browser has run {[INJECTIONS[int(each[7:])] for each in wrong]}")
            print(f"the browser has run {len(ran)} of 40 with `safe`, and none that was escaped")
            assert "safe0" in ran and len(ran) >= 25, ran  # so this test can fail

#!/usr/bin/env python3
"""build.py [--check | --texts] [--output FOLDER]: writes the site of netnotes, in English and Chinese.

The reference comes from Doxygen: the /// comments by way of doxygen_filter.py, and the first page of each header as the
page of its file. All other pages are made here of the repository's own texts: lessons, exercises, errata, glossary,
measurements, architecture. Nothing is listed: a new module, lesson or exercise is found by its name.

--check also checks every link, the translations (words.py) and the questions of learners (questions.tsv).
--texts writes nothing and needs no Doxygen: it checks that links lead somewhere, and that the errata are proved where they say.
"""

import concurrent.futures
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
AWESOME = pathlib.Path("/usr/share/doxygen-awesome-css")
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import doxygen_filter  # noqa: E402
import links  # noqa: E402
import markup  # noqa: E402
import pictures  # noqa: E402
from words import Words  # noqa: E402

# What Doxygen 1.9.4 says about C++ that it cannot parse. It says nothing about our text.
DOXYGEN_LIMITS = re.compile(r"Internal inconsistency: scope for class|no (?:uniquely )?matching class member found"
                            r"|no matching file member found|Detected potential recursive class relation|Possible candidates|^\s|^$|^'")
MANUALS = set("""epoll.7 epoll_ctl.2 epoll_wait.2 select.2 poll.2 recv.2 send.2 tcp.7 udp.7 ip.7 ipv6.7 socket.7 socket.2 listen.2
    accept.2 connect.2 bind.2 wait.2 fork.2 signal.7 proc.5 unix.7 hosts.5 services.5 capabilities.7 sendfile.2 getrlimit.2 close.2
    shutdown.2 getaddrinfo.3 eventfd.2 signalfd.2 io_uring.7 packet.7 raw.7 icmp.7 arp.7 netdevice.7 resolv.conf.5 nsswitch.conf.5
    credentials.7 cmsg.3 readv.2 write.2 read.2 fcntl.2 setsockopt.2 getsockopt.2 sendmmsg.2 recvmmsg.2 inet.3 inet_pton.3
    getpeername.2 getsockname.2 ss.8 tc.8 strace.1 vdso.7 openat2.2 pipe.2 pipe.7 time_namespaces.7 network_namespaces.7""".split())
KINDS = {"I": "implement", "M": "mend", "K": "kill the mutants", "P": "predict", "C": "fill in a capture"}
NAVIGATION = [("lessons.html", "Lessons"), ("exercises.html", "Exercises"), ("reference.html", "Reference"),
              ("architecture.html", "Architecture"), ("errata.html", "Errata"), ("glossary.html", "Glossary"),
              ("benchmarks.html", "Measurements")]
LANGUAGES = {"en": "English", "zh": "Chinese"}


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


class Fault(Exception):
    pass


class Manuals:
    def __contains__(self, name):
        return not any(manual.startswith(name + ".") for manual in MANUALS)


class Site:
    """The pages of one language."""

    root = ROOT
    no_manual = Manuals()

    def __init__(self, language, output=None):
        self.language, self.output = language, output
        self.words = Words(language)
        self.faults, self.files, self.pictures = [], set(), {}
        self.pages = {}  # name: (title, html, source)
        self.lessons = sorted(path.parent.name for path in ROOT.glob("examples/[0-9][0-9]_*/README.md"))
        self.exercises = [[cell.strip() for cell in line.split("|")] for line in read("examples/exercises/list.txt").split("\n")
                          if line.strip() and not line.startswith("#")]
        self.headers = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "include/netnotes").rglob("*.hpp"))
        self.own = {"README.md": "index.html", "README.zh-CN.md": "index.html", "examples/README.md": "lessons.html",
                    "examples": "lessons.html", "examples/exercises": "exercises.html",
                    "examples/exercises/README.md": "exercises.html", "examples/exercises/teachers.md": "teachers.html",
                    "examples/glossary.md": "glossary.html", "tests/bench/README.md": "benchmarks.html",
                    "CHANGELOG.md": "changelog.html", ".github/CONTRIBUTING.md": "contributing.html",
                    ".github/SECURITY.md": "security.html", "include/netnotes": "reference.html", "include": "reference.html"}
        for lesson in self.lessons:
            self.own[f"examples/{lesson}"] = self.own[f"examples/{lesson}/README.md"] = f"lesson_{lesson}.html"
        for number, name, *_ in self.exercises:
            folder = f"examples/exercises/{number}_{name}"
            self.own[folder] = self.own[folder + "/task.md"] = f"exercise_{number}_{name}.html"
        for page in sorted((HERE / "pages").glob("*.md")):
            self.own[f"examples/site/pages/{page.name}"] = page.stem + ".html"

    # ---- links

    def fault(self, text):
        self.faults.append(text)

    def resolve(self, folder, url):
        """The address of what a link in a page of this folder means."""
        if re.match(r"[a-z]+:", url):
            return html.escape(url)
        path, _, anchor = url.partition("#")
        if not path:
            return "#" + anchor
        full = os.path.normpath(os.path.join(folder, path)).replace("\\", "/")
        if path.endswith(".html") and "/" not in path:  # the site's own pages may name one another
            return url
        suffix = "#" + anchor if anchor else ""
        if full in ("README.md", "README.zh-CN.md"):
            return f"../{'zh' if 'zh' in full else 'en'}/index.html{suffix}"
        if full in self.own:
            return self.own[full] + suffix
        if full in self.headers:
            return "{{file:" + full + "}}"
        if not (ROOT / full).exists():
            self.fault(f"{folder}: the link {url} leads nowhere")
            return "#"
        parts = full.split("/")
        if len(parts) == 3 and parts[0] == "examples" and parts[1] in self.lessons and parts[2].endswith((".cpp", ".txt")):
            return f"lesson_{parts[1]}.html#{parts[2]}"
        self.files.add(full)
        return self.file_page(full) + suffix

    @staticmethod
    def file_page(path):
        return "file_" + path.replace("/", "__") + ".html"

    def lesson_page(self, number, name):
        for lesson in self.lessons:
            if lesson == name or (name is None and lesson.startswith(number + "_")):
                return f"lesson_{lesson}.html"
        return None

    def picture(self, folder, url):
        full = os.path.normpath(os.path.join(folder, url))
        if not (ROOT / full).exists():
            self.fault(f"{folder}: there is no picture {url}")
        self.pictures[os.path.basename(full)] = full
        return os.path.basename(full)

    # ---- pages

    def say(self, kind, place):
        return lambda text: self.words(kind, text, place)

    def ui(self, text):
        return self.words("ui", text, "examples/site/build.py")

    def add(self, name, title, body, source=""):
        self.pages[name] = title, body, source

    def markdown_page(self, path, name, kind, before="", after=""):
        # A paragraph in Chinese is for readers of the file. The site has a page in each language.
        text = re.sub(r"(?m)^[\u4e00-\u9fff].*\n", "", read(path))
        title, body = markup.markdown(self, text, os.path.dirname(path), self.say(kind, path))
        self.add(name, title, before + body + after, path)

    def make_pages(self):
        readme = "README.zh-CN.md" if self.language == "zh" else "README.md"
        title, body = markup.markdown(self, read(readme), "", lambda text: re.sub(r"\s+", " ", text))
        self.add("index.html", title, body, readme)
        self.markdown_page("examples/README.md", "lessons.html", "page")
        self.markdown_page("examples/glossary.md", "glossary.html", "page")
        self.markdown_page("tests/bench/README.md", "benchmarks.html", "page")
        self.markdown_page("examples/exercises/teachers.md", "teachers.html", "page")
        self.markdown_page("CHANGELOG.md", "changelog.html", "page")
        self.markdown_page(".github/CONTRIBUTING.md", "contributing.html", "page")
        self.markdown_page(".github/SECURITY.md", "security.html", "page")
        for path in sorted((HERE / "pages").glob("*.md")):
            self.own_page(path)
        for number, lesson in enumerate(self.lessons):
            self.lesson(lesson, number)
        self.exercise_pages()
        self.errata()
        self.reference()
        self.add("search.html", self.ui("Search"), SEARCH_BODY.format(
            words=html.escape(self.ui("words, for example: address already in use")), none=html.escape(self.ui("Nothing found.")),
            hint=self.ui("The search looks in every page of this site.")))
        self.file_pages()

    def own_page(self, path):
        """A page of examples/site/pages. {{diagram NAME}} and {{way NAME}} stand for drawings."""
        source = str(path.relative_to(ROOT))
        title, body = markup.markdown(self, path.read_text(encoding="utf-8"), "examples/site/pages", self.say("page", source))
        body = re.sub(r"<p>\{\{diagram ([\w-]+)\}\}</p>", lambda found: self.diagram(found[1]), body)
        body = re.sub(r"<p>\{\{way ([\w-]+)\}\}</p>", lambda found: self.way(found[1]), body)
        body = body.replace("<p>{{chapters}}</p>", "".join(
            f'<h3 id="of-{module}">{module}</h3>' + self.diagram(module) for module, _ in sorted(self.floors().items(), key=lambda
            each: (each[1], each[0])) if (ROOT / "include/netnotes" / module).is_dir()))
        self.add(path.stem + ".html", title, body, source)

    # ---- lessons

    def lesson(self, lesson, number):
        path = f"examples/{lesson}/README.md"
        title, body = markup.markdown(self, read(path), f"examples/{lesson}", self.say("lesson", path))
        folder = ROOT / "examples" / lesson
        programs = sorted(folder.glob("*.cpp"), key=lambda each: (each.name == "demo.cpp", each.name))
        left = []
        for program in programs:
            text = program.read_text(encoding="utf-8").rstrip()
            note = f' <span class="count">{text.count(chr(10)) + 1} {self.ui("lines")}</span>'
            left.append(f'<details open id="{program.name}"><summary><code>{program.name}</code>{note}</summary>'
                        f'{markup.listing(text, "cpp")}</details>')
        right = []
        for transcript in sorted(folder.glob("*.txt")):
            text = transcript.read_text(encoding="utf-8", errors="replace").rstrip()
            right.append(f'<details open id="{transcript.name}"><summary>{self.ui("What the demonstration prints")}: '
                         f'<code>{transcript.name}</code></summary>{markup.listing(text)}</details>')
        body += (f'<h2 id="the-programs">{self.ui("The whole source, beside what it prints")}'
                 '<a class="here" href="#the-programs">§</a></h2>'
                 f'<div class="beside"><div>{"".join(left)}</div><div>{"".join(right)}</div></div>')
        near = []
        for step, word in ((-1, self.ui("Previous lesson")), (1, self.ui("Next lesson"))):
            if 0 <= number + step < len(self.lessons):
                other = self.lessons[number + step]
                near.append(f'<a href="lesson_{other}.html">{word}: {other}</a>')
        body += f'<nav class="near">{" ".join(near)}</nav>'
        self.add(f"lesson_{lesson}.html", title, body, path)

    # ---- exercises

    def exercise_pages(self):
        rows = []
        for number, name, kind, _, minutes, title, chinese in self.exercises:
            shown = chinese if self.language == "zh" else title
            page = f"exercise_{number}_{name}.html"
            kind_word = self.ui(KINDS.get(kind, kind))
            rows.append(f'<tr><td>{number}</td><td><a href="{page}">{html.escape(shown)}</a></td><td>{kind_word}</td>'
                        f"<td>{minutes}</td></tr>")
            folder = f"examples/exercises/{number}_{name}"
            task = folder + ("/task.zh.md" if self.language == "zh" else "/task.md")
            if not (ROOT / task).exists():
                task = folder + "/task.md"
            text = read(task)
            parts = re.split(r"(?m)^## (\w+)\s*$", text)
            body = (f'<p class="about">{kind_word} · {minutes} {self.ui("minutes")} · '
                    f'<code>sh examples/exercises/check.sh {name}</code></p>')
            body += markup.markdown(self, parts[0], folder, lambda each: re.sub(r"\s+", " ", each))[1]
            start = ROOT / folder / "start.cpp"
            if start.exists():
                body += f'<h2 id="start">{self.ui("Where you begin")}<a class="here" href="#start">§</a></h2>'
                body += markup.listing(start.read_text(encoding="utf-8").rstrip(), "cpp")
            for heading, section in zip(parts[1::2], parts[2::2]):
                summary = {"Hints": self.ui("Hints"), "Why": self.ui("Why (read it after you have passed)")}.get(heading, heading)
                inner = markup.markdown(self, section, folder, lambda each: re.sub(r"\s+", " ", each))[1]
                body += f'<details id="{heading.lower()}"><summary>{summary}</summary>{inner}</details>'
            self.add(page, f"{number} · {shown}", body, task)
        title, body = markup.markdown(self, read("examples/exercises/README.md"), "examples/exercises",
                                      self.say("page", "examples/exercises/README.md"))
        head = "".join(f"<th>{self.ui(word)}</th>" for word in ("number", "exercise", "kind", "minutes"))
        body += (f'<h2 id="all">{self.ui("All exercises")}<a class="here" href="#all">§</a></h2><div class="wide">'
                 f'<table class="markdownTable"><tr>{head}</tr>{"".join(rows)}</table></div>')
        self.add("exercises.html", title, body, "examples/exercises/README.md")

    # ---- the errata of the notes

    def errata(self):
        say = self.say("page", "examples/site/errata.tsv")
        line_of = markup.Line(self, "")
        lines = (HERE / "errata.tsv").read_text(encoding="utf-8").split("\n")
        body, count = [], 0
        for number, line in enumerate(lines, 1):
            if line.startswith("## "):
                if body:
                    body.append("</table></div>")
                head = "".join(f"<th>{self.ui(word)}</th>" for word in ("", "The notes say", "True", "Authority", "Proof"))
                body.append(f'<h2 id="{markup.slug(line[3:])}">{say(line[3:])}</h2><div class="wide"><table class="markdownTable '
                            f'errata cards"><tr>{head}</tr>')
            elif line.strip() and not line.startswith("#"):
                fields = line.split("\t")
                if len(fields) != 5:
                    self.fault(f"errata.tsv:{number}: {len(fields)} fields instead of 5")
                    continue
                key, notes, true, authority, proofs = fields
                count += 1
                shown = [self.proof(proof.strip(), f"errata.tsv:{number}") for proof in
                         re.split(r";\s+(?=(?:tests|examples|include)/)", proofs)]
                body.append(f'<tr id="{key}"><td><a href="#{key}">{key}</a></td><td>{line_of(say(notes))}</td>'
                            f"<td>{line_of(say(true))}</td><td>{line_of(say(authority)) if authority != '-' else ''}</td>"
                            f"<td>{'<br/>'.join(shown)}</td></tr>")
        body.append("</table></div>")
        intro = [say(text) for text in ERRATA_INTRODUCTION]
        first = "".join(f"<p>{line_of(text)}</p>" for text in intro)
        self.add("errata.html", self.ui("The errata of the notes"), first + "\n".join(body), "examples/site/errata.tsv")
        self.errata_count = count

    def proof(self, text, where):
        """`path :: words`: the words must stand in the file. The link leads to their line."""
        if text == "-":
            return ""
        path, _, needle = (part.strip() for part in text.partition("::"))
        if not (ROOT / path).is_file():
            self.fault(f"{where}: there is no file {path}")
            return html.escape(path)
        lines = read(path).split("\n")
        at = next((n for n, line in enumerate(lines, 1) if needle in line), None) if needle else 1
        if at is None:
            self.fault(f"{where}: {path} does not contain: {needle}")
            at = 1
        parts = path.split("/")
        name = parts[-1]
        if path in self.headers:
            target, name = "{{source:" + path + "#" + str(at) + "}}", path.removeprefix("include/netnotes/")
        elif parts[0] == "examples" and parts[1] in self.lessons:
            lesson, name = parts[1], f"{parts[1]}/{parts[-1]}"
            target = f"lesson_{lesson}.html" + ("" if parts[2] == "README.md" else "#" + parts[2])
        elif path in self.own:
            target = self.own[path]
        else:
            self.files.add(path)
            target, name = f"{self.file_page(path)}#L{at}", path
        label = f"{name}" + (f": <q>{html.escape(needle)}</q>" if needle else "")
        return f'<a href="{target}">{label}</a>'

    # ---- the reference

    def first_page(self, header):
        title, lines = markup.first_page(read(header))
        kind = "module" if header.count("/") == 2 else "chapter"
        folder = os.path.dirname(header) if kind == "chapter" else header.removesuffix(".hpp")
        say = self.say(kind, header)
        return say(title), markup.header_page(self, lines, folder, say)

    def reference(self):
        floors = self.floors()
        order = sorted((header for header in self.headers if header.count("/") == 2),
                       key=lambda header: (floors.get(pathlib.Path(header).stem, 9), header))
        body = [f"<p>{markup.Line(self)(self.words('page', text, 'examples/site/build.py'))}</p>" for text in REFERENCE_INTRODUCTION]
        for header in order:
            module = pathlib.Path(header).stem
            title, _ = self.first_page(header)
            body.append(f'<h2 id="{module}"><a href="{{{{file:{header}}}}}">{module}.hpp</a>: {html.escape(title)}</h2>')
            chapters = [each for each in self.headers if each.startswith(f"include/netnotes/{module}/")]
            if chapters:
                body.append('<div class="wide"><table class="markdownTable">')
                for chapter in chapters:
                    name = chapter.removeprefix("include/netnotes/")
                    body.append(f'<tr><td><a href="{{{{file:{chapter}}}}}">{name}</a></td>'
                                f"<td>{markup.Line(self)(self.first_page(chapter)[0])}</td></tr>")
                body.append("</table></div>")
        more = [("annotated.html", "All classes"), ("files.html", "All files"), ("namespacemembers.html", "All functions"),
                ("api.html", "What is stable")]
        body.append("<p>" + " · ".join(f'<a href="{page}">{self.ui(word)}</a>' for page, word in more) + "</p>")
        self.add("reference.html", self.ui("The reference"), "\n".join(body))

    # ---- drawings from the includes

    @staticmethod
    def floors():
        text = subprocess.run([sys.executable, ROOT / "tests/floors.py", "--text"], capture_output=True, text=True).stdout
        return {module: int(floor) for floor, module in re.findall(r"floor (\d+)\s+(\w+)", text)}

    def diagram(self, name):
        """The modules, or the chapters of a module, as tests/floors.py finds them in the #include lines."""
        caption = self.ui("Drawn from the #include lines by tests/floors.py.")
        if self.output is None:
            return ""
        dot, error, svg, dot_error = self.drawings[name]
        if not dot.startswith("digraph") or "<svg" not in svg:
            self.fault(f"tests/floors.py --dot {name}: {error} {dot_error}")
            return ""
        svg = svg[svg.find("<svg"):]
        svg = re.sub(r'<svg width="([\d.]+)pt" height="[\d.]+pt"', r'<svg style="width:\1pt"', svg)
        svg = re.sub(r"<title>.*?</title>|<!--.*?-->", "", svg, flags=re.S)
        svg = re.sub(r' id="[^"]*"', "", svg)
        svg = svg.replace('stroke="black"', 'stroke="currentColor"').replace('fill="black"', 'fill="currentColor"')
        svg = re.sub(r"<text ", '<text fill="currentColor" ', svg)
        return f'<figure class="wide">{svg}<figcaption>{caption}</figcaption></figure>'

    def includes(self):
        """{header: the headers that it includes}, all of them, directly or not."""
        if not hasattr(self, "_includes"):
            direct = {}
            for header in self.headers:
                found = re.findall(r'^\s*#include "([^"]+)"', read(header), re.M)
                direct[header] = {os.path.normpath(os.path.join(os.path.dirname(header), each)) for each in found}
            self._includes = {}

            def visit(header):
                if header not in self._includes:
                    self._includes[header] = set()
                    for below in direct.get(header, ()):
                        self._includes[header] |= {below} | visit(below)
                return self._includes[header]

            for header in self.headers:
                visit(header)
        return self._includes

    def way(self, name):
        """A way through the headers (ways.tsv). Each name must stand in its header, and each step must follow an include."""
        steps, line_of = [], markup.Line(self, "include/netnotes")
        for number, line in enumerate((HERE / "ways.tsv").read_text(encoding="utf-8").split("\n"), 1):
            if line.startswith("#") or not line.strip():
                continue
            way, header, needle, text = line.split("\t")
            if way != name:
                continue
            path, where = "include/netnotes/" + header, f"ways.tsv:{number}"
            if path not in self.headers:
                self.fault(f"{where}: there is no header {header}")
                continue
            lines = read(path).split("\n")
            at = next((n for n, each in enumerate(lines, 1) if needle in each and not each.startswith("//")), None)
            if at is None:
                self.fault(f"{where}: {header} does not contain: {needle}")
            if steps and steps[-1][0] != path and path not in self.includes().get(steps[-1][0], ()) \
                    and steps[-1][0] not in self.includes().get(path, ()):
                self.fault(f"{where}: no include leads from {steps[-1][0]} to {path}")
            steps.append((path, header, needle, at, self.words("page", text, where)))
        out = ['<ol class="way">']
        for path, header, needle, at, text in steps:
            out.append(f'<li><a href="{{{{source:{path}#{at}}}}}"><code>{html.escape(needle.strip())}</code></a> '
                       f'<span class="count">{line_of(header)}</span><br/>{line_of(text)}</li>')
        out.append("</ol>")
        return "".join(out)

    # ---- files that pages link to

    def file_pages(self):
        if self.output is None:
            return
        done = set()
        while self.files - done:
            path = sorted(self.files - done)[0]
            done.add(path)
            full = ROOT / path
            if full.is_dir():
                rows = []
                for each in sorted(full.iterdir()):
                    if not each.name.startswith((".", "__")):
                        rows.append(f'<li><a href="{self.resolve("", str(each.relative_to(ROOT)))}"><code>{each.name}</code></a></li>'
                                    if each.is_file() and path.count("/") < 3 else f"<li><code>{each.name}</code></li>")
                self.add(self.file_page(path), path, f"<ul>{''.join(rows)}</ul>", path)
                continue
            try:
                text = full.read_text(encoding="utf-8").rstrip("\n")
            except UnicodeDecodeError:
                self.add(self.file_page(path), path, f"<p>{self.ui('This file is not text.')}</p>", path)
                continue
            if len(text) > 400_000:
                text = text[:400_000] + "\n…"
            language = {".cpp": "cpp", ".hpp": "cpp", ".c": "cpp", ".py": "sh", ".sh": "sh", ".txt": ""}.get(full.suffix, "")
            lines = re.sub(r"^<pre class=\"listing\">|</pre>$", "", markup.listing(text, language)).split("\n")
            numbered = "\n".join(f'<span id="L{number}"></span>{line}' for number, line in enumerate(lines, 1))
            self.add(self.file_page(path), path, f'<pre class="listing">{numbered}</pre>', path)

    # ---- everything, for the translations

    def ask_for_everything(self):
        self.make_pages()
        self.template("", "")
        for header in self.headers:
            self.first_page(header)
            for _, text in doxygen_filter.paragraphs(read(header).split("\n")):
                self.words("comment", text, header)

    # ---- Doxygen

    def template(self, title, body):
        navigation = "".join(f'<a href="{page}">{self.ui(word)}</a>' for page, word in NAVIGATION)
        other = "en" if self.language == "zh" else "zh"
        return TEMPLATE.format(
            language={"en": "en", "zh": "zh-CN"}[self.language], title=title, navigation=navigation, other=other,
            other_name={"en": "English", "zh": "中文"}[other], search=html.escape(self.ui("search")), body=body,
            dark=html.escape(self.ui("light or dark")))

    def run_doxygen(self, work):
        target = self.output / self.language
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        pages = []
        for header in self.headers:
            title, body = self.first_page(header)
            body = body.replace("*/", "*&#47;").replace("@", "&#64;")
            pages.append(f"/*! @file {header.removeprefix('include/')}\n@htmlonly[block]\n<div class=\"first-page\" "
                         f"data-title=\"{html.escape(title)}\">\n{body}\n</div>\n@endhtmlonly\n*/\n")
        (work / "first_pages.dox").write_text("\n".join(pages), encoding="utf-8")
        head, foot = self.template("$title", "\0").split("\0")
        (work / "header.html").write_text(head, encoding="utf-8")
        (work / "footer.html").write_text(foot, encoding="utf-8")
        (work / "Doxyfile").write_text(
            f"@INCLUDE = {HERE / 'Doxyfile'}\nINPUT = {ROOT / 'include/netnotes'} {work / 'first_pages.dox'}\n"
            f"STRIP_FROM_PATH = {ROOT / 'include'} {work}\nOUTPUT_DIRECTORY = {work}\nHTML_OUTPUT = {target}\n"
            f"GENERATE_TAGFILE = {work / 'tags.xml'}\nOUTPUT_LANGUAGE = {LANGUAGES[self.language]}\n"
            f"LAYOUT_FILE = {HERE / 'layout.xml'}\nHTML_HEADER = {work / 'header.html'}\nHTML_FOOTER = {work / 'footer.html'}\n"
            f"INPUT_FILTER = \"sh {work / 'filter.sh'}\"\n", encoding="utf-8")
        for header in self.headers:
            path = work / "filtered" / header
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(doxygen_filter.filtered(read(header), self.words.known), encoding="utf-8")
        (work / "filter.sh").write_text(f'cat "{work}/filtered/include/${{1##*/include/}}" 2>/dev/null || cat "$1"\n',
                                        encoding="utf-8")
        done = subprocess.run(["doxygen", work / "Doxyfile"], capture_output=True, text=True, cwd=work,
                              env={**os.environ, "NETNOTES_SITE_LANGUAGE": self.language})
        warnings = [line for line in done.stderr.split("\n") if not DOXYGEN_LIMITS.search(line) and not line.startswith(" ")
                    and re.search("warning|error", line)]
        if done.returncode or warnings:
            raise Fault(f"doxygen ({self.language}), status {done.returncode}:\n" + "\n".join(sorted(set(warnings))[:40]))
        self.read_tags(work / "tags.xml")

    def read_tags(self, path):
        """Where Doxygen has put the files and the public names."""
        self.file_urls, self.names = {}, {}
        text = path.read_text(encoding="utf-8")
        for compound in re.findall(r"<compound kind=.*?</compound>", text, re.S):
            kind = re.match(r'<compound kind="(\w+)"', compound)[1]
            name = html.unescape(re.search(r"<name>(.*?)</name>", compound)[1])
            url = re.search(r"<filename>(.*?)</filename>", compound)[1]
            url = url if url.endswith(".html") else url + ".html"
            if kind == "file":
                folder = re.search(r"<path>(.*?)</path>", compound)
                full = (folder[1] if folder else "") + name
                at = full.find("netnotes/")
                self.file_urls["include/" + full[at:].replace("//", "/") if "include/netnotes" not in full
                               else full[full.find("include/netnotes"):]] = url
            elif kind in ("class", "struct", "concept"):
                self.names.setdefault(re.sub(r"\s*<.*", "", name), url)
            elif kind == "namespace":
                for member in re.findall(r"<member kind=.*?</member>", compound, re.S):
                    what = re.search(r"<name>(.*?)</name>", member)[1]
                    where = re.search(r"<anchorfile>(.*?)</anchorfile>", member)[1]
                    anchor = re.search(r"<anchor>(.*?)</anchor>", member)[1]
                    self.names.setdefault(f"{name}::{html.unescape(what)}", f"{where}#{anchor}")
        self.short = {}
        for name in sorted(self.names, key=lambda each: (each.count("::"), each)):
            self.short.setdefault(name.rsplit("::", 1)[-1], self.names[name])

    def name_link(self, found):
        text = found[1]
        bare = re.sub(r"^(?:net|netnotes)::", "", text).rstrip(":")
        url = None
        while bare and not url:
            url = self.names.get("netnotes::" + bare) or (self.short.get(bare) if "::" not in bare else None)
            bare = bare.rpartition("::")[0]
        return f'<a class="name" href="{url}">{text}</a>' if url else text

    def file_link(self, found):
        kind, path, anchor = found[1], found[2], found[3]
        url = self.file_urls.get(path)
        if not url:
            self.fault(f"Doxygen has no page for {path}")
            return "#"
        if kind == "source":
            return url.replace(".html", "_source.html") + ("#l" + anchor.zfill(5) if anchor else "")
        return url

    def settle(self, text, name):
        """Puts links where build.py has left marks, because only Doxygen knows where the pages are."""
        text = re.sub(r"\{\{name:([\w:]+)\}\}", self.name_link, text)
        text = re.sub(r"\{\{(file|source):([\w./]+?)(?:#(\w+))?\}\}", self.file_link, text)
        other = "en" if self.language == "zh" else "zh"
        text = text.replace(f"../{other}/OTHER", f"../{other}/{name}")
        if found := re.search(r'data-title="([^"]*)"', text):
            # `tcp.hpp File Reference` becomes `tcp.hpp: connections`, and the page itself stands above the lists.
            header = re.search(r'<div class="title">(\S+)', text)
            header = next((path for path, url in self.file_urls.items() if url == name), header[1] if header else "")
            shown = header.removeprefix("include/netnotes/")
            text = re.sub(r'<div class="title">.*?</div>', lambda _: f'<div class="title">{shown}: {found[1]}</div>', text, count=1)
            text = re.sub(r"<title>.*?</title>", lambda _: f"<title>{shown}: {found[1]} · netnotes</title>", text, count=1)
        return text

    def write(self):
        target = self.output / self.language
        for name, (title, body, source) in self.pages.items():
            trail = f'<p class="source"><code>{source}</code></p>' if source and not name.startswith("file_") else ""
            inner = (f'</div><div class="header"><div class="headertitle"><div class="title">{markup.Line(self)(title)}</div></div></div>'
                     f'<div class="contents"><div class="textblock">{body}{trail}</div></div>')
            plain = html.escape(re.sub("[`*]", "", title))
            (target / name).write_text(self.settle(self.template(plain, inner), name), encoding="utf-8")
        for path in target.glob("*.html"):
            if path.name not in self.pages:
                text = path.read_text(encoding="utf-8")
                path.write_text(self.settle(text, path.name), encoding="utf-8")
        for name, path in self.pictures.items():
            shutil.copyfile(ROOT / path, target / name)
        (target / "road.svg").write_text(pictures.road(), encoding="utf-8")  # with the lessons of today
        for name in ("site.css", "site.js", "search.js"):
            shutil.copyfile(HERE / name, target / name)
        shutil.copyfile(AWESOME / "doxygen-awesome.css", target / "doxygen-awesome.css")
        self.unlink_dead(target)
        self.index(target)

    def unlink_dead(self, target):
        """Doxygen links some names, such as defaulted friends, to places that it does not write. Takes these links away.

        Only in pages that Doxygen alone has made; a dead link of ours is a fault.
        """
        texts = {path.name: path.read_text(encoding="utf-8") for path in target.glob("*.html")}
        anchors = {name: set(links.ANCHOR.findall(text)) for name, text in texts.items()}
        self.dead = 0

        def mend(found, name):
            page, _, anchor = found[2].partition("#")
            page = page or name
            if not anchor or page not in anchors or anchor in anchors[page]:
                return found[0]
            self.dead += 1
            return found[1] + found[3]

        for name, text in texts.items():
            if name not in self.pages:
                mended = re.sub(r'(<a\b[^>]*?) href="([^":]*#[^"]*)"([^>]*>)', lambda found: mend(found, name), text)
                if mended != text:
                    (target / name).write_text(mended, encoding="utf-8")

    def index(self, target):
        """The search index: for each section of each page its address, its headings and its words."""
        entries = []
        for path in sorted(target.glob("*.html")):
            if re.search(r"(_source|-members|_8hpp_source)\.html$|^(dir_|functions|namespacemembers|annotated|hierarchy|classes|files|"
                         r"globals|graph_legend|search|file_)", path.name):
                continue
            entries += links.sections(path.name, path.read_text(encoding="utf-8"))
        (target / "search_index.js").write_text(
            "const search_index = " + json.dumps(entries, ensure_ascii=False, separators=(",", ":")) + ";\n", encoding="utf-8")


ERRATA_INTRODUCTION = [
    "The course follows a set of Chinese notes on networking in Python. The notes teach well, but a number of their facts are "
    "wrong, out of date, or true only on one system. This table lists them in the order of the lessons.",
    "The last column proves each row: a test that runs with every build, or a demonstration whose output is checked. Its link "
    "leads to the place. The words in quotation marks stand there, and the build of this site fails if they do not.",
]
REFERENCE_INTRODUCTION = [
    "A module header is a page: it gives the idea, an example, and the list of its chapters. Modules use only the modules below "
    "them, so this list begins at the bottom. The page `architecture.html` shows why.",
]
SEARCH_BODY = '''<form class="search" action="search.html"><input name="q" type="search" id="query" autofocus placeholder="{words}"
 aria-label="{words}"/></form><p id="hint">{hint}</p><div id="results" data-none="{none}"></div>
<script src="search_index.js"></script><script src="search.js"></script>'''
TEMPLATE = '''<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{title} · netnotes</title>
<link href="tabs.css" rel="stylesheet"/>
<link href="doxygen.css" rel="stylesheet"/>
<link href="doxygen-awesome.css" rel="stylesheet"/>
<link href="site.css" rel="stylesheet"/>
<script src="jquery.js"></script>
<script src="dynsections.js"></script>
<script src="site.js"></script>
</head>
<body>
<header id="bar"><a class="home" href="index.html">netnotes</a><nav>{navigation}</nav>
<form action="search.html"><input name="q" type="search" placeholder="{search}" aria-label="{search}"/></form>
<span class="tools"><a href="../{other}/OTHER" hreflang="{other}">{other_name}</a>
<button id="dark" title="{dark}" aria-label="{dark}">◐</button></span></header>
<div id="top">{body}
</body>
</html>
'''
FIRST = '''<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>netnotes</title><script>
location.replace((navigator.language || "").startsWith("zh") ? "zh/index.html" : "en/index.html");
</script></head><body><p><a href="en/index.html">English</a> · <a href="zh/index.html">中文</a></p></body></html>
'''


def drawings():
    """{name: what tests/floors.py prints for Graphviz}"""
    names = ["modules"] + sorted(module for module in Site.floors() if (ROOT / "include/netnotes" / module).is_dir())
    running = {name: subprocess.Popen([sys.executable, ROOT / "tests/floors.py", "--dot", *([] if name == "modules" else [name])],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in names}
    dots = {name: process.communicate() for name, process in running.items()}
    running = {name: subprocess.Popen(["dot", "-Tsvg"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for name in names}
    return {name: (*dots[name], *process.communicate(dots[name][0].replace(
        "{\n", '{\n    bgcolor="transparent"; node [fontname="sans-serif", fontsize=12, color=black, style=rounded]\n', 1)))
        for name, process in running.items()}


def build(language, output, drawn):
    site = Site(language, output)
    site.drawings = drawn
    site.make_pages()
    site.run_doxygen(output / "work" / language)
    site.write()
    if site.faults:
        raise Fault("\n".join(sorted(set(site.faults))))
    return f"{language}: {len(site.pages)} pages of our own, {len(site.headers)} headers, {site.errata_count} errata, " \
           f"{site.dead} links of Doxygen without a target taken away"


def main(arguments):
    began = time.monotonic()
    output = ROOT / "build" / "site"
    if arguments == ["--texts"]:
        site = Site("en")
        site.make_pages()
        for fault in sorted(set(site.faults)):
            print(fault, file=sys.stderr)
        print(f"{len(site.pages)} pages, {site.errata_count} errata, {len(set(site.faults))} faults")
        return 1 if site.faults else 0
    check = "--check" in arguments
    rest = [argument for argument in arguments if argument != "--check"]
    if rest[:1] == ["--output"] and len(rest) == 2:
        output = pathlib.Path(rest[1]).resolve()
    elif rest:
        is_asked = rest in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    for language in LANGUAGES:
        shutil.rmtree(output / language, ignore_errors=True)
        (output / language).mkdir(parents=True)
    status, drawn = 0, drawings()
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for done in [pool.submit(build, language, output, drawn) for language in LANGUAGES]:
            try:
                print(done.result())
            except Fault as fault:
                print(fault, file=sys.stderr)
                status = 1
    (output / "index.html").write_text(FIRST, encoding="utf-8")
    if status:
        return status
    shutil.rmtree(output / "work")
    faults = links.check(output)
    if check:
        import words
        faults += links.questions(output)
        status = words.report(words.all_words())
    for fault in faults[:60]:
        print(fault, file=sys.stderr)
    print(f"built in {time.monotonic() - began:.0f} s: open {os.path.relpath(output)}/index.html")
    return 1 if faults or status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

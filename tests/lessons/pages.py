#!/usr/bin/env python3
"""Checks the lessons' pages and short programs.

    pages.py             checks everything; exit status 0 if all holds, 1 if not
    pages.py --update    writes the quoted code and the table of programs again

examples/NN_name/README.md is a lesson's page. It has the sections of SECTIONS. Its code is quoted from files of the
lesson: a line like

    <!-- server.cpp: "net::tcp_listener" to "accept()" -->

stands above a block of code. The block holds the file's lines from the first line that contains the first text to the next
line that contains the second text. <!-- server.cpp --> quotes the whole file. A text that begins with ^ stands at the
beginning of its line: "^}" is the end of a function.

Every program of a lesson but demo.cpp begins with one of

    // NAME.cpp: WHAT IT DOES (the notes: "SECTION", N lines)
    // NAME.cpp: WHAT IT DOES (beyond the notes)

It has at most 60 lines of code: lines that are neither empty nor comment. A program of the notes has at most 1.8 times
the notes' N lines of code, or 25 lines if N is below 14. A program over its limit says why in OVER. The table in
examples/README.md is made from these lines. run.sh answers --help with them. Both front pages say how many lessons there
are, and have a row for each.
"""
import pathlib
import re
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
SECTIONS = ["Type", "You see", "On the wire", "The notes", "Try", "Next"]
# A program over its limit, and the reason that the table gives.
OVER = {"13_tcp_chat/server.cpp": "it says at once that its client has gone",
        "25_async_await/netcat.cpp": "a line that arrives in two pieces is shown as one",
        "50_key_value_server/key_value_server.cpp": "six commands of a real protocol; its limit is 80"}
FIRST = re.compile(r'// (\w+\.cpp): (.+) \((?:the notes: "(.+)", (\d+) lines?|beyond the notes)\)$')
QUOTE = re.compile(r'(<!-- ([\w.]+)(?:: "(.+?)" to "(.+?)")? -->\n)```(\w+)\n(.*?)^```$', re.M | re.S)
SKELETON = re.compile(r'(// The code of (\w+\.cpp) under another opening comment: [^\n]*\n *\{"\w+\.cpp", R"text\((?://[^\n]*\n)+)'
                      r'.*?(?=\)text"\})', re.S)
BEGIN, END = "<!-- programs -->\n", "<!-- end of programs -->\n"

problems = []


def problem(path, text):
    problems.append(f"{path.relative_to(EXAMPLES.parent)}: {text}")


def code_lines(text):
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))


def quoted(page, name, begin, end):
    path = page.parent / name
    if not path.exists():
        return problem(page, f"quotes {name}, which is not there")
    lines = path.read_text(encoding="utf-8").splitlines()
    if begin:
        def holds(line, text):
            return line.startswith(text[1:]) if text[0] == "^" else text in line
        first = next((i for i, line in enumerate(lines) if holds(line, begin)), None)
        last = None if first is None else next((i for i in range(first, len(lines)) if holds(lines[i], end)), None)
        if last is None:
            return problem(page, f'{name} has no lines from "{begin}" to "{end}"')
        lines = lines[first:last + 1]
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        lines = [line[indent:] for line in lines]
    return "\n".join(lines).rstrip() + "\n"


def check_page(page, update):
    if not page.exists():
        return problem(page, "is missing")
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.M)
    missing = [each for each in SECTIONS if each not in headings]
    if missing:
        problem(page, f"has no section {', '.join(missing)}")
    without_code = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)  # a lambda looks like a link
    for name in re.findall(r"\]\((?!http)([^)#]+)[)#]", without_code):
        if not (page.parent / name).exists():
            problem(page, f"links to {name}, which is not there")
    for lesson, program in re.findall(r"examples/run\.sh (\d\d) ([a-z]\w*)", text):
        if not list(EXAMPLES.glob(f"{lesson}_*/{program}.cpp")):
            problem(page, f"tells to type run.sh {lesson} {program}, which is not there")

    def renewed(match):
        mark, name, begin, end, language, old = match.groups()
        new = quoted(page, name, begin, end)
        if new is not None and new != old and not update:
            problem(page, f"the quotation of {name} differs from the file; pages.py --update writes it again")
        return match.group(0) if new is None else f"{mark}```{language}\n{new}```"
    fresh = QUOTE.sub(renewed, text)
    if len(re.findall(r"^<!-- [\w.]+(?:: .*)? -->$", text, re.M)) != len(QUOTE.findall(text)):
        problem(page, "has a mark that no block of code follows")
    if update and fresh != text:
        page.write_text(fresh, encoding="utf-8")


def check_skeleton(path, update):
    """A program that is kept in a string is the lesson's short program, under another opening comment."""
    def renewed(match):
        code = (path.parent / match.group(2)).read_text(encoding="utf-8").partition("\n")[2]
        return match.group(1) + code
    text = path.read_text(encoding="utf-8")
    fresh = SKELETON.sub(renewed, text)
    if fresh != text and update:
        path.write_text(fresh, encoding="utf-8")
    elif fresh != text:
        problem(path, "its program differs from the short program; pages.py --update writes it again")


def check_program(path):
    """Returns the program's row of the table."""
    text = path.read_text(encoding="utf-8")
    match = FIRST.match(text.splitlines()[0])
    if not match or match.group(1) != path.name:
        return problem(path, "its first line does not say what it is (see pages.py --help)")
    _, what, section, notes = match.groups()
    lines, name = code_lines(text), f"{path.parent.name}/{path.name}"
    limit = min(60, max(25, int(int(notes) * 1.8)) if int(notes) < 14 else int(int(notes) * 1.8)) if notes else 60
    why = OVER.get(name)
    if lines > limit and not why:
        problem(path, f"has {lines} lines of code, and may have {limit}")
    if lines <= limit and why:
        problem(path, f"has {lines} lines of code: OVER need not name it any more")
    for helper in re.findall(r'#include "(.+)"', text):
        problem(path, f"includes {helper}; a short program includes no helper header")
    row = f"| [{name}]({name}) | {what} | {section or 'beyond the notes'} | {notes or '–'} | {lines} |"
    return row + (f" {why} |" if why else " |")


def check_help(lesson):
    """run.sh NN --help has a line for each program, and run.sh NN PROGRAM --help shows the program's opening comment."""
    def heard(*words):
        return subprocess.run(["sh", EXAMPLES / "run.sh", *words, "--help"], capture_output=True, text=True).stdout
    number, programs = lesson.name[:2], sorted(lesson.glob("*.cpp"))
    lines = heard(number).splitlines()
    if [line.partition(": ")[0] for line in lines] != [path.name for path in programs]:
        problem(lesson, f"run.sh {number} --help prints {lines}")
    path = programs[0] if programs[0].name != "demo.cpp" else programs[-1]
    comment = re.match(r"(?://.*\n)+", path.read_text(encoding="utf-8")).group(0)
    if heard(number, path.stem) != re.sub(r"^// ?", "", comment, flags=re.M):
        problem(path, "run.sh NN PROGRAM --help does not show its opening comment")


def main():
    if sys.argv[1:] not in ([], ["--update"]):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    update = sys.argv[1:] == ["--update"]
    rows = []
    for lesson in sorted(EXAMPLES.glob("[0-9][0-9]_*")):
        check_page(lesson / "README.md", update)
        for path in lesson.glob("skeleton.hpp"):
            check_skeleton(path, update)
        check_help(lesson)
        for path in sorted(lesson.glob("*.cpp")):
            if path.name != "demo.cpp":
                rows.append(check_program(path))
    lessons = [lesson.name for lesson in sorted(EXAMPLES.glob("[0-9][0-9]_*"))]
    for name, unit in (("README.md", "lessons"), ("README.zh-CN.md", "课")):
        front = EXAMPLES.parent / name
        words = front.read_text(encoding="utf-8")
        if not re.search(rf"(?<!\d){len(lessons)}\s*{unit}", words):
            problem(front, f"does not say that there are {len(lessons)} {unit}")
        for each in lessons:
            if f"(examples/{each})" not in words:
                problem(front, f"its table has no row for {each}")
    index = EXAMPLES / "README.md"
    text = index.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    table = "\n| program | what it does | section of the notes | their lines | ours | |\n|---|---|---|---|---|---|\n" \
        + "\n".join(filter(None, rows)) + "\n\n"
    if rest != table + END + tail:
        if update:
            index.write_text(head + BEGIN + table + END + tail, encoding="utf-8")
        else:
            problem(index, "its table of programs is stale; pages.py --update writes it again")
    print("\n".join(problems) or "well")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Translations of the site: zh.po has a Chinese text for each English paragraph.

    words.py               counts the paragraphs without a translation, and fails if there are more than zh_allowed.txt allows
    words.py --list KIND   prints untranslated paragraphs of one kind, as entries for zh.po
    words.py --update      merges the paragraphs of today into zh.po with msgmerge, and lowers the numbers in zh_allowed.txt

The kinds are: ui (the words of the site itself), module (first pages of module headers), lesson, page (the site's own
pages, glossary, errata, benchmarks), chapter (first pages of chapters), and comment (the /// comments, which may stay
behind). Tasks have a file of their own, task.zh.md, and README.md has README.zh-CN.md.

A paragraph is what stands between two blank lines, with its lines joined. Drawings, programs and transcripts are not
translated.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PO = HERE / "zh.po"
LIMITS = HERE / "zh_allowed.txt"
KINDS = "ui", "module", "lesson", "page", "chapter", "comment"
TERMS = {"链接器": "", "链接层": "", "超链接": "", "符号链接": "", "半链接攻击": "", "链接": "连接 (a connection)", "套接口": "套接字", "字节顺序": "字节序", "协同程序": "协程",
         "缺省": "默认", "端口号码": "端口号", "报文头": "首部", "线程池子": "线程池"}
# Not translated: code, addresses, names of lessons and headers, manual pages.
NAMES = re.compile(r"\[[\w/.]+\]\([^)]*\)|`[^`]*`|https?:\S+|\b\d\d_\w+|\b[\w/]+\.hpp\b|\b\w+\(\d\)|\b[a-z]+_[a-z_]+\b|\b[A-Z]+\b|\{\{.*?\}\}|(?<=[\d.] )(?:ns|ms|MiB|to|libuv|atftp, \S+)\b|\[dcl\S+")
CHINESE = re.compile("[\u4e00-\u9fff]")
HEADER = r'''msgid ""
msgstr ""
"Project-Id-Version: netnotes\n"
"Language: zh_CN\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"
'''


def unquote(text):
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text)


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def read_po(path):
    """Returns {msgid: msgstr} of the entries that count: no fuzzy entry, no obsolete entry, no empty translation."""
    entries, fuzzy, field, current = {}, False, None, {}

    def end():
        if current.get("msgid") and current.get("msgstr") and not fuzzy:
            entries[current["msgid"]] = current["msgstr"]

    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.startswith("#,"):
            end()
            current, field = {}, None
            fuzzy = "fuzzy" in line
        elif found := re.match(r'(msgid|msgstr) "(.*)"$', line):
            if found[1] == "msgid" and current:
                end()
                current, fuzzy = {}, fuzzy if field is None else False
            field = found[1]
            current[field] = unquote(found[2])
        elif found := re.match(r'"(.*)"$', line):
            current[field] += unquote(found[1])
        elif not line.strip():
            end()
            current, field, fuzzy = {}, None, False
    end()
    return entries


class Words:
    """The texts of one language. Each text that is asked for is remembered with its kind and its place."""

    def __init__(self, language):
        self.language = language
        self.known = read_po(PO) if language == "zh" else {}
        self.asked = {}  # msgid: (kind, place)
        self.file = ""

    def __call__(self, kind, text, place=""):
        """Returns the translation of a text, or the text itself if it is not translated yet."""
        text = re.sub(r"\s+", " ", text).strip()
        if not re.search(r"[A-Za-z]{2}", NAMES.sub("", text)):
            return text
        if len(CHINESE.findall(text)) > 1 and len(re.findall("[A-Za-z]+", text)) < 4:  # a title of the notes
            return text
        if text not in self.asked or KINDS.index(kind) < KINDS.index(self.asked[text][0]):
            self.asked[text] = kind, place or self.file
        return self.known.get(text, text)

    def missing(self, kind):
        return [(text, place) for text, (its, place) in self.asked.items() if its == kind and text not in self.known]


def all_words():
    """Asks for every text of the site."""
    import build
    site = build.Site("zh")
    site.ask_for_everything()
    return site.words


def read_limits():
    limits = {}
    for line in LIMITS.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"(\w+) (\d+)", line):
            limits[found[1]] = int(found[2])
    return limits


def counts(words):
    numbers = {kind: len(words.missing(kind)) for kind in KINDS}
    numbers["stale"] = sum(text not in words.asked for text in words.known)
    root = HERE.parent.parent
    numbers["task"] = sum(not path.with_name("task.zh.md").exists() for path in root.glob("examples/exercises/*/task.md"))
    return numbers


def check_terms(words):
    """The glossary's standard terms: a wrong term in a translation is a fault."""
    faults = []
    for text, translation in words.known.items():
        rest = translation
        for word, term in TERMS.items():
            if not term:
                rest = rest.replace(word, "")
            elif word in rest:
                faults.append(f"zh.po: {word}: the standard term is {term}: {translation[:60]}")
        ours, theirs = (sorted(re.findall(r"`[^`]+`", each)) for each in (text, translation))
        if ours != theirs:
            faults.append(f"zh.po: the code in the translation differs: {set(ours) ^ set(theirs)}: {text[:60]}")
    return faults


def pot(words):
    lines = [HEADER]
    for kind in KINDS:
        for text, (its, place) in words.asked.items():
            if its == kind and kind != "comment" or its == kind and text in words.known:
                lines.append(f"#. {kind}\n#: {place}\nmsgid {quote(text)}\nmsgstr \"\"\n")
    return "\n".join(lines)


def update(words):
    with tempfile.TemporaryDirectory() as folder:
        template = pathlib.Path(folder) / "site.pot"
        template.write_text(pot(words), encoding="utf-8")
        # Entries that were added by hand may stand twice. msgmerge then gives the file the order and the places of today.
        PO.write_text(HEADER + "".join(f"\nmsgid {quote(text)}\nmsgstr {quote(translation)}\n"
                                       for text, translation in read_po(PO).items()), encoding="utf-8")
        subprocess.run(["msgmerge", "--quiet", "--update", "--backup=none", "--no-wrap", "--no-fuzzy-matching", PO, template],
                       check=True)
        subprocess.run(["msgattrib", "--translated", "--no-obsolete", "--no-wrap", "-o", PO, PO], check=True)
    words.known = read_po(PO)
    limits, now = read_limits() if LIMITS.exists() else {}, counts(words)
    LIMITS.write_text("# How many paragraphs of each kind may lack a Chinese text (words.py). The numbers only shrink:\n"
                      "# `python3 examples/site/words.py --update` lowers them. Translate instead of raising a number.\n\n"
                      + "".join(f"{kind} {min(limits.get(kind, number), number)}\n" for kind, number in now.items()),
                      encoding="utf-8")


def main(arguments):
    words = all_words()
    if arguments[:1] == ["--list"] and len(arguments) == 2 and arguments[1] in KINDS:
        for text, place in words.missing(arguments[1]):
            print(f"#: {place}\nmsgid {quote(text)}\nmsgstr \"\"\n")
        return 0
    if arguments == ["--update"]:
        update(words)
        print(" · ".join(f"{kind} {number}" for kind, number in counts(words).items()))
        return 0
    if arguments:
        is_asked = arguments in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    return report(words)


def report(words):
    """Prints the counts, and returns 1 if there are more than allowed."""
    limits, now, faults = read_limits(), counts(words), check_terms(words)
    total = {kind: sum(its == kind for its, _ in words.asked.values()) for kind in KINDS}
    for kind, number in now.items():
        print(f"zh.po: {kind}: {number} without a translation" + (f" of {total[kind]}" if kind in total else ""))
        if number > limits.get(kind, 0):
            faults.append(f"zh.po: {kind}: {number} are missing or stale, {limits.get(kind, 0)} are allowed: translate, then call "
                          "words.py --update")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Checks the English of comments, string literals and Markdown, and that both README files say the same.

    prose.py                     checks everything; exit status 0 if all holds, 1 if not, 2 for wrong arguments
    prose.py FILE...             prints every finding in these files, allowed or not
    prose.py --measure           prints the counts per 1,000 words, and the lengths, for headers, examples and tests
    prose.py --list KIND         prints every finding of one kind, for example `he`
    prose.py --update            lowers the numbers in prose_allowed.txt to what is found, and never raises a number;
                                 a new file gets the numbers that other files have lost
    prose.py --stamp             marks the README sections that were edited in both languages as equal again
    prose.py --stamp NAME...     does so for the named sections, even if only one language was edited

Kinds of findings:

    who      a clause that begins with "who is", "whoever asks", "What comes": name the actor
    one      "one that", "those who", "is none", "another's": repeat the noun
    he       "he", "his", "him": a program is "it"; only a person at a keyboard may be "they"
    so       "so long", "so many", "so much": name the value
    for      ", for it ...": write "because" or "so"
    long     a sentence of more than 40 words

prose_allowed.txt lists, for each file, how many findings of each kind are allowed today. More findings fail, and fewer
findings fail as well, until --update has lowered the number. So the numbers only shrink. The file also lists, for
headers, examples (with Markdown) and tests, the share of sentences of more than 25 words. The goal is 3 %.

README.md and README.zh-CN.md have the same sections in the same order. Each section carries a mark with its name, a
date and a digest of its text. A section that was edited in one file only has a wrong digest there: carry the change over
to the other file, then call --stamp. The program code in both files must be equal, apart from comments.
"""
import datetime
import hashlib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "prose_allowed.txt"
READMES = "README.md", "README.zh-CN.md"
GOAL, SLACK = 3.0, 0.5  # per cent of sentences over 25 words; how far a share may fall before its number must be lowered

VERBS = ("is|are|was|has|had|asks|waits|reads|sends|receives|comes|goes|wants|uses|takes|does|gives|holds|keeps|needs|knows|"
         "says|hears|stays|leaves|posts|awaits|owns|writes|calls|listens|closes|accepts|connects")
KINDS = {
    "who": rf"(?:^|[.;:,(]\s+|\b(?:and|so|but|of|to|for|by|from|than|when|until|as)\s+)[Ww]ho(?:ever)?\s+(?:{VERBS})\b"
           rf"|(?:^|[.;:]\s+)What\s+(?:{VERBS})\b",
    "one": r"\bis none\b|\b[Oo]ne (?:that|who|which|of which|whose)\b|\b[Nn]one (?:is|when|if|may|stands|has)\b"
           r"|\b[Tt]hose (?:that|who|which|of)\b|\b[Tt]he latter\b|\banother's\b",
    "he": r"(?<![.\w/])(?:[Hh]e|[Hh]is|[Hh]im|[Hh]imself)\b(?![(\w.]\w)",
    "so": r"\b[Ss]o (?:long|many|much)\b(?! as\b)",
    "for": r", for (?:it|they|there|he|we)\b|, for (?:the|a|an|each|no) [\w' ]{1,40}?"
           r" (?:is|are|was|were|has|have|had|may|must|can|cannot|do|does|did|will|would|comes|takes)\b",
}
KINDS = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}
LONG = 40

# Each text and the kinds that it must give. They are tried at every start, so a rule that finds nothing is noticed.
SAMPLES = [
    ("Who waits is resumed.", "who"), ("It is told to whoever asks.", "who"), ("Closed, and who reads is told.", "who"),
    ("A task, who waits, is resumed.", "who"), ("The client who asks is served.", ""), ("What comes is lent.", "who"),
    ("this task is none", "one"), ("Returns one that is free.", "one"), ("Those who wait.", "one"), ("one socket", ""),
    ("He reads it.", "he"), ("the client and his socket", "he"), ("the header", ""), ("The history of this.", ""),
    ("Waits for so long.", "so"), ("as so many as", ""), ("It fails, for the peer is gone.", "for"), ("for the peer", ""),
    ("It waits, for the end of a stream.", ""), ("It fails, for it is closed.", "for"),
    (" ".join(["word"] * 41) + ".", "long"), (" ".join(["word"] * 40) + ".", ""),
    ("e.g. " + " ".join(["word"] * 20) + ". Then " + " ".join(["word"] * 20) + ".", ""),
]


# ---- taking the text out of the files: each reader yields (line, text, is_drawing)

CPP = re.compile(r"""
    //(?P<comment>[^\n]*)
  | /\*(?P<block>.*?)\*/
  | (?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\((?P<raw>.*?)\)(?P=mark)"
  | "(?P<string>(?:\\.|[^"\\\n])*)"
  | '(?:\\.|[^'\\\n])+'
  | \b[0-9](?:'?[0-9A-Za-z_.])*
""", re.X | re.S)
ESCAPES = {"n": "\n", "t": " ", "r": ""}


def drawn(text):
    return bool(re.match(r"/?<?\s{3,}|[-=]{3,}", text) or re.search(r"\S {3,}\S", text) or re.search(r"[─-╿]|──", text))


def join(pieces):
    """Puts the lines of one comment together. A line belongs to the comment above it if it has the same column and no code.
    An item of a list, `- text`, begins anew. A line with columns, that is, with three blanks in its middle, is a drawing."""
    run, start, end, last_column = [], 0, 0, 0
    for line, text, column, alone in pieces:
        words = re.sub(r"^[/!]?<?\s?", "", text).strip()
        skip = not words or words.startswith(("SPDX", "NOLINT", "netnotes/", "On this page", "The notes:", "Type:"))
        breaks = skip or drawn(text) or words.startswith("- ") or line != end + 1 or column != last_column or not alone
        if breaks and run:
            yield start, " ".join(run), False
            run = []
        end, last_column = line, column
        if skip:
            continue
        if drawn(text):
            yield line, words, True
            continue
        if not run:
            start = line
        run.append(words)
    if run:
        yield start, " ".join(run), False


def cpp(text):
    comments, strings, string_end = [], [], None
    line, at = 1, 0
    for found in CPP.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        kind = found.lastgroup
        if kind == "comment":
            before = text[text.rfind("\n", 0, at) + 1:at]
            comments.append((line, found["comment"], len(before), not before.strip()))
        elif kind == "block":
            comments += [(line + n, part, 0, True) for n, part in enumerate(found["block"].split("\n"))]
        elif kind in ("raw", "string"):
            if kind == "raw":
                value = found["raw"]
            else:
                value = re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[1]), found["string"], flags=re.S)
            if strings and string_end is not None and not text[string_end:at].strip():
                strings[-1][1] += value
            else:
                strings.append([line, value])
            string_end = found.end()
    yield from join(comments)
    for line, value in strings:
        # A blank line or an indented line begins a paragraph: --help texts are set in columns.
        for paragraph in re.split(r"(?<=\n)(?=[ \t]*\n|[ \t]{2,})", value):
            words = re.sub(r"\s+", " ", paragraph).strip()
            if words.count(" ") >= 2:
                yield line, words, False
            line += paragraph.count("\n")


def script(text):
    """Python and shell: comments, and Python's strings of more than one line."""
    comments = [(text.count("\n", 0, found.start()) + 1, found[1], 0, True)
                for found in re.finditer(r"^[ \t]*#(?!!)(.*)$", text, re.M)]
    yield from join(comments)
    for found in re.finditer(r'"""(.*?)"""', text, re.S):
        line = text.count("\n", 0, found.start())
        yield from join([(line + n, part, 0, True) for n, part in enumerate(found[1].split("\n"), 1)])


def markdown(text):
    run, start, fenced = [], 0, False
    for line, words in enumerate(text.split("\n"), 1):
        if words.startswith("```"):
            fenced = not fenced
        item = re.match(r"\s*(?:[-*]|\d+\.)\s+(.*)$", words)
        ends = fenced or not words.strip() or words.startswith(("```", "#", "!", "|", "<!--")) or item
        if ends and run:
            yield start, " ".join(run), False
            run = []
        if words.startswith("|") and not fenced:
            for cell in words.strip("|").split("|"):
                yield line, cell.strip(), True
        if item and not fenced:
            run, start = [item[1]], line
        elif not ends:
            if not run:
                start = line
            run.append(words.strip())
    if run:
        yield start, " ".join(run), False


READERS = {".hpp": cpp, ".cpp": cpp, ".c": cpp, ".py": script, ".sh": script, ".md": markdown}


# ---- looking at it


def sentences(text):
    # A sentence may begin with the name of a function.
    return re.split(r"(?<=[.!?])\s+(?=[A-Z\"'`(\[]|[a-z_]\w*(?:::\w+)*\()", text)


def size(sentence):
    return len(re.findall(r"[A-Za-z0-9_:()']+", sentence))


def findings(text, is_drawing=False):
    """Yields (kind, sentence)."""
    for sentence in sentences(text):
        for kind, pattern in KINDS.items():
            for _ in pattern.finditer(sentence):
                yield kind, sentence
        if not is_drawing and size(sentence) > LONG:
            yield "long", sentence


class Page:
    def __init__(self, path):
        self.found, self.sizes, self.words = [], [], 0  # (line, kind, sentence); words of each sentence; words in all
        for line, text, is_drawing in READERS[path.suffix](path.read_text(encoding="utf-8")):
            self.words += len(re.findall(r"[A-Za-z']+", text))
            self.found += [(line, kind, sentence) for kind, sentence in findings(text, is_drawing)]
            if not is_drawing:
                self.sizes += [words for words in map(size, sentences(text)) if words >= 3]

    def counts(self):
        counts = {}
        for _, kind, _ in self.found:
            counts[kind] = counts.get(kind, 0) + 1
        return counts


def class_of(name):
    return "headers" if name.startswith("include/") else "tests" if name.startswith("tests/") and not name.endswith(".md") \
        else "examples"


def files():
    """The names of all files of the project that are written by hand, relative to ROOT."""
    names = [path for path in ROOT.glob("*.md")] + [path for path in (ROOT / ".github").rglob("*.md")]
    for folder in ("include/netnotes", "examples", "tests"):
        names += [path for path in (ROOT / folder).rglob("*") if path.suffix in READERS]
    names = [path.relative_to(ROOT).as_posix() for path in names]
    return sorted(name for name in names if name not in (READMES[1], "tests/prose.py"))


# ---- the list of what is allowed


def read_list():
    allowed, shares = {}, {}
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := re.fullmatch(r"share (\w+) ([\d.]+)", line):
            shares[found[1]] = float(found[2])
        elif found := re.fullmatch(r"(\S+):((?: \w+=\d+)+)", line):
            allowed[found[1]] = {kind: int(count) for kind, count in re.findall(r"(\w+)=(\d+)", found[2])}
        else:
            sys.exit(f"{LIST.name}:{number}: write `FILE: KIND=NUMBER...` or `share CLASS PERCENT`")
    return allowed, shares


def write_list(allowed, shares):
    lines = ["# How many findings of tests/prose.py are allowed today. `python3 tests/prose.py --update` lowers the numbers.",
             "# Do not raise a number: mend the sentence.", ""]
    lines += [f"share {name} {share:.1f}" for name, share in sorted(shares.items())] + [""]
    lines += [f"{name}:" + "".join(f" {kind}={count}" for kind, count in sorted(kinds.items()))
              for name, kinds in sorted(allowed.items()) if kinds]
    LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")


def shares_of(pages):
    sizes = {}
    for name, page in pages.items():
        sizes.setdefault(class_of(name), []).extend(page.sizes)
    return {name: 100 * sum(words > 25 for words in all_sizes) / max(len(all_sizes), 1) for name, all_sizes in sizes.items()}


def measure(pages):
    """Prints the counts. The goals: 0.2 who, 0.5 one and 0 he per 1,000 words; 3 % over 25 words; no sentence over 40."""
    for name in ("headers", "examples", "tests"):
        mine = [page for file, page in pages.items() if class_of(file) == name]
        words, sizes = sum(page.words for page in mine), sorted(size for page in mine for size in page.sizes)
        counts = {kind: sum(page.counts().get(kind, 0) for page in mine) for kind in KINDS}
        print(f"{name}: {words} words, " + ", ".join(f"{kind} {1000 * count / words:.2f}" for kind, count in counts.items())
              + f" per 1,000; {len(sizes)} sentences, median {sizes[len(sizes) // 2]} words, over 25: "
              f"{100 * sum(size > 25 for size in sizes) / len(sizes):.2f} %, longest {sizes[-1]}")


def update(pages):
    """Returns what could not be written, because a number would rise."""
    allowed, shares = read_list()
    now, measured = {name: page.counts() for name, page in pages.items()}, shares_of(pages)
    refused = []
    if LIST.exists():
        # A file that is not on the list yet may have taken sentences from others. It gets what they have lost.
        moved = {}
        for name in allowed:
            for kind, count in allowed[name].items():
                moved[kind] = moved.get(kind, 0) + max(count - now.get(name, {}).get(kind, 0), 0)
        for name, kinds in now.items():
            for kind, count in kinds.items():
                most = allowed.get(name, {}).get(kind, 0)
                taken = min(max(count - most, 0), moved.get(kind, 0)) if name not in allowed else 0
                moved[kind] = moved.get(kind, 0) - taken
                if count > most + taken:
                    refused.append(f"{name}: {kind} would rise from {most + taken} to {count}")
                    kinds[kind] = most + taken
        for name, share in measured.items():
            if share > max(shares.get(name, GOAL), GOAL):
                refused.append(f"share {name} would rise from {shares.get(name, GOAL):.1f} to {share:.1f}")
            measured[name] = min(share, shares.get(name, GOAL))
    write_list({name: {kind: count for kind, count in kinds.items() if count} for name, kinds in now.items()},
               {name: -(-share * 10 // 1) / 10 for name, share in measured.items()})
    return refused


def check(pages):
    allowed, shares = read_list()
    failures = []
    for name in sorted(set(pages) | set(allowed)):
        counts = pages[name].counts() if name in pages else {}
        for kind in sorted(set(counts) | set(allowed.get(name, {}))):
            count, most = counts.get(kind, 0), allowed.get(name, {}).get(kind, 0)
            if count > most:
                failures += [f"{name}:{line}: {kind}: {sentence}" for line, found, sentence in pages[name].found if found == kind]
                failures.append(f"{name}: {kind}: {count} found, {most} allowed: mend a sentence above")
            elif count < most:
                failures.append(f"{name}: {kind}: {count} found, {most} allowed: lower the number (prose.py --update)")
    for name, share in sorted(shares_of(pages).items()):
        most = shares.get(name, GOAL)
        if share > max(most, GOAL):
            failures.append(f"{name}: {share:.2f} % of the sentences have more than 25 words, {max(most, GOAL)} % are allowed")
        elif most > GOAL and share < most - SLACK:
            failures.append(f"{name}: {share:.2f} % of the sentences have more than 25 words, {most} % are allowed: lower the "
                            "number (prose.py --update)")
    return failures


# ---- the README in two languages

TERMS = {"链接": "连接 (a connection)", "套接口": "套接字", "字节顺序": "字节序", "协同程序": "协程"}
MARK = re.compile(r"^<!-- ([\w-]+) (\d{4}-\d\d-\d\d) ([0-9a-f]{8}) -->$", re.M)


class Section:
    def __init__(self, text):
        marks = MARK.findall(text)
        self.name, self.date, self.digest = marks[0] if len(marks) == 1 else (None, None, None)
        self.title = text.split("\n", 1)[0]
        self.text = text
        self.now = hashlib.sha256(re.sub(r"\s+", " ", MARK.sub("", text)).strip().encode()).hexdigest()[:8]

    def edited(self):
        return self.digest != self.now


def sections(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return [Section(part) for part in re.split(r"(?m)^(?=## )", text)]


def code(name):
    """The programs and commands of a README, without their comments."""
    fences = re.findall(r"^```\w*\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.M | re.S)
    return [re.sub(r"\s+//.*$", "", fence, flags=re.M) for fence in fences]


def check_readmes():
    ours, theirs = map(sections, READMES)
    failures = []
    for name, pages in zip(READMES, (ours, theirs)):
        failures += [f"{name}: the section `{page.title}` has no mark, or more than one" for page in pages if not page.name]
    if failures:
        return failures
    names = [[page.name for page in pages] for pages in (ours, theirs)]
    for here, there, where in ((names[0], names[1], READMES[1]), (names[1], names[0], READMES[0])):
        failures += [f"{where}: the section {name} is missing" for name in here if name not in there]
    if sorted(names[0]) == sorted(names[1]) and names[0] != names[1]:
        failures.append(f"{READMES[0]} and {READMES[1]} have their sections in different orders: {names[0]}, {names[1]}")
    for page, other in zip(ours, theirs) if names[0] == names[1] else []:
        for name, edited, counterpart in ((READMES[0], page, READMES[1]), (READMES[1], other, READMES[0])):
            if edited.edited():
                failures.append(f"{name}: the section {edited.name} was edited after {edited.date}: carry the change over to "
                                f"{counterpart}, then call prose.py --stamp")
        if page.date != other.date:
            older = READMES[page.date > other.date]
            failures.append(f"{older}: the section {page.name} has an older date than its counterpart")
    if code(READMES[0]) != code(READMES[1]):
        failures.append(f"{READMES[0]} and {READMES[1]} differ in a program or a command")
    text = (ROOT / READMES[1]).read_text(encoding="utf-8")
    failures += [f"{READMES[1]}: {word}: the standard term is {term}" for word, term in TERMS.items() if word in text]
    return failures


def stamp(forced):
    ours, theirs = map(sections, READMES)
    if [page.name for page in ours] != [page.name for page in theirs] or None in [page.name for page in ours]:
        return check_readmes()
    if unknown := set(forced) - {page.name for page in ours}:
        return [f"no section is called {name}" for name in sorted(unknown)]
    failures, today = [], datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    for page, other in zip(ours, theirs):
        if page.name in forced or (page.edited() and other.edited()):
            for section in (page, other):
                section.text = MARK.sub(f"<!-- {page.name} {today} {section.now} -->", section.text)
        elif page.edited() or other.edited():
            failures.append(f"{READMES[other.edited()]}: only here the section {page.name} was edited. Carry the change over, or "
                            f"call prose.py --stamp {page.name} if the other language needs no change")
    for name, pages in zip(READMES, (ours, theirs)):
        (ROOT / name).write_text("".join(page.text for page in pages), encoding="utf-8")
    return failures


# ---- the command


def main(arguments):
    if arguments in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    for text, kinds in SAMPLES:
        found = " ".join(kind for kind, _ in findings(text))
        if found != kinds:
            sys.exit(f"prose.py: its own sample gives `{found}` instead of `{kinds}`: {text}")
    if arguments[:1] == ["--stamp"]:
        failures = stamp(arguments[1:])
    elif arguments == ["--measure"]:
        measure({name: Page(ROOT / name) for name in files()})
        failures = []
    elif arguments == ["--update"]:
        failures = update({name: Page(ROOT / name) for name in files()})
    elif arguments[:1] == ["--list"] and len(arguments) == 2 and arguments[1] in [*KINDS, "long"]:
        pages = {name: Page(ROOT / name) for name in files()}
        failures = [f"{name}:{line}: {sentence}" for name, page in pages.items() for line, kind, sentence in page.found
                    if kind == arguments[1]]
    elif any(argument.startswith("-") for argument in arguments):
        print(__doc__.strip().split("\n\n")[1], file=sys.stderr)
        return 2
    elif arguments:
        failures = []
        for name in arguments:
            page = Page(pathlib.Path(name))
            failures += [f"{name}:{line}: {kind}: {sentence}" for line, kind, sentence in page.found]
            lengths = sorted(page.sizes)
            if lengths:
                print(f"{name}: {len(lengths)} sentences, median {lengths[len(lengths) // 2]} words, longest {lengths[-1]}, "
                      f"over 25 words: {100 * sum(words > 25 for words in lengths) / len(lengths):.1f} %")
    else:
        pages = {name: Page(ROOT / name) for name in files()}
        failures = check(pages) + check_readmes()
        for name, share in sorted(shares_of(pages).items()):
            print(f"{name}: {share:.1f} % of the sentences have more than 25 words")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

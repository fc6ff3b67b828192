#!/usr/bin/env python3
"""links.py [FOLDER]: checks every link, anchor and picture inside the site in FOLDER (build/site), and the questions.

Each question of questions.tsv names the page that answers it and words of the answer. The page must exist and contain the
words. With node, the search of the site is asked as well: the page must be among the first five.
"""

import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
LINK = re.compile(r'<(?:a|link|script|img|form)\b[^>]*?\s(?:href|src|action)="([^"]*)"')
ANCHOR = re.compile(r'\s(?:id|name)="([^"]*)"')
REST = re.compile(r"<[^>]+>")


def check(folder):
    """Returns a line for each link that leads nowhere."""
    anchors, targets = {}, {}
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        anchors[path] = set(map(html.unescape, ANCHOR.findall(text)))
        targets[path] = {html.unescape(link) for link in LINK.findall(text)}
        if "{{" in re.sub(r"<pre.*?</pre>|<code>.*?</code>|<div class=\"(?:line|fragment)\".*?</div>", "", text, flags=re.S):
            if left := re.search(r"\{\{(?:name|file|source|way|diagram)[^}]*\}\}", text):
                targets[path].add(left[0])
    faults, count = [], 0
    for path, found in targets.items():
        for link in sorted(found):
            if re.match(r"(https?|mailto|javascript):", link):
                continue
            count += 1
            name, _, anchor = link.partition("#")
            name = urllib.parse.unquote(name)
            target = pathlib.Path(os.path.normpath(path.parent / name)) if name else path
            if not target.exists():
                faults.append(f"{path.relative_to(folder)}: {link}: there is no such page")
            elif anchor and target in anchors and urllib.parse.unquote(anchor) not in anchors[target]:
                faults.append(f"{path.relative_to(folder)}: {link}: the page has no such anchor")
    print(f"links: {count} links in {len(targets)} pages, {len(faults)} broken")
    return faults


def plain(text):
    return re.sub(r"\s+", " ", html.unescape(REST.sub(" ", text))).strip()


def sections(name, text):
    """Yields [page, anchor, title of the page, heading, words] for each section of a page."""
    title = re.search(r"<title>(.*?)(?: · netnotes)?</title>", text, re.S)
    title = plain(title[1]) if title else name
    at = text.find('<div class="contents">')
    body = re.sub(r"<script.*?</script>|<table class=\"memberdecls\">.*?</table>", " ", text[max(at, 0):], flags=re.S)
    marks = [(0, "", "")]
    for found in re.finditer(r'<h([2-4])[^>]*\sid="([^"]+)"[^>]*>(.*?)</h\1>|<a id="([^"]+)"[^>]*></a>\s*<h2 class="memtitle">(.*?)</h2>'
                             r'|<tr id="(E\w+)">|<details[^>]*\sid="([^"]+)"><summary>(.*?)</summary>', body, re.S):
        anchor = found[2] or found[4] or found[6] or found[7]
        marks.append((found.start(), anchor, plain(found[3] or found[5] or found[6] or found[8] or "").strip("◆§ ")))
    result = []
    for (start, anchor, heading), (end, *_) in zip(marks, marks[1:] + [(len(body), "", "")]):
        words = plain(body[start:end])
        if words and (anchor or len(words) > 20 or len(marks) == 1):
            result.append([name, anchor, title, heading, words[:2500]])
    return result


def questions(folder):
    """Returns a line for each question whose page does not answer it."""
    faults, asked = [], []
    for number, line in enumerate((HERE / "questions.tsv").read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        question, query, query_zh, page, words, words_zh = line.split("\t")
        for language, search, expected in (("en", query, words), ("zh", query_zh, words_zh)):
            path = folder / language / page
            if not path.exists():
                faults.append(f"questions.tsv:{number}: there is no page {language}/{page}")
                continue
            text = plain(path.read_text(encoding="utf-8"))
            if expected not in text:
                faults.append(f"questions.tsv:{number}: {language}/{page} does not contain: {expected}")
            asked.append((number, language, search, page))
    if node := shutil.which("node"):
        for language in "en", "zh":
            mine = [each for each in asked if each[1] == language]
            script = (f"{(folder / language / 'search_index.js').read_text(encoding='utf-8')}\n"
                      f"{(HERE / 'search.js').read_text(encoding='utf-8')}\n"
                      f"console.log(JSON.stringify({json.dumps([each[2] for each in mine])}.map(words => "
                      "find(search_index, words).map(result => result.entry[0]).filter((page, at, all) => all.indexOf(page) === at).slice(0, 5))));\n")
            done = subprocess.run([node, "-"], input=script, capture_output=True, text=True)
            if done.returncode:
                faults.append(f"search.js: {done.stderr[:300]}")
                continue
            for (number, _, search, page), results in zip(mine, json.loads(done.stdout)):
                if page not in results:
                    faults.append(f"questions.tsv:{number}: {language}: the search for `{search}` finds {results}, not {page}")
    print(f"questions: {len(asked) // 2} in each language, {len(faults)} not answered"
          + ("" if node else " (node is not installed, so the search itself was not asked)"))
    return faults


def main(arguments):
    if len(arguments) > 1 or arguments[:1] and arguments[0].startswith("-"):
        is_asked = arguments in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    folder = pathlib.Path(arguments[0] if arguments else HERE.parent.parent / "build" / "site").resolve()
    faults = check(folder) + questions(folder)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

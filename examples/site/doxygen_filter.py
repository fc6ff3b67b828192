#!/usr/bin/env python3
"""doxygen_filter.py FILE: Doxygen's input filter. Prints a header for Doxygen, with the same number of lines.

The /// comments are plain text with `code` and *emphasis*. Doxygen would take `::ffff`, `@` and `<name>` for commands, so
the filter writes these characters as entities.

If $NETNOTES_SITE_LANGUAGE is zh, a paragraph that has a translation in zh.po is replaced. Its first line then carries the
translation, and its other lines are empty.

build.py filters all headers at once, because a process for each header would take most of the time.

The first page of a header, its // comment at the top, is not for the filter: build.py makes a file comment of it.
"""

import os
import re
import sys

COMMENT = re.compile(r"^(\s*///<?|.*\S\s+///<)(?:\s(.*))?$")  # the second kind stands behind a declaration


def entities(text):
    text = re.sub(r"&(?!\w+;|#\d+;)", "&amp;", text)
    for character in "@\\#%":
        text = text.replace(character, f"&#{ord(character)};") if character != "#" else re.sub(r"(?<!&)#", "&#35;", text)
    text = text.replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?<![\w)])::(?=\w)", ":&#58;", text)


def code(text):
    if not re.search("[A-Za-z0-9]", text):  # signs alone, which Doxygen reads as Markdown
        return "".join(f"&#{ord(sign)};" for sign in text)
    return entities(text).replace("*", "&#42;").replace("_", "&#95;")


def mend(text):
    """Escapes a comment's text. Code between backticks becomes <code>."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(f"<code>{code(part[1:-1])}</code>" if len(part) > 2 and part.startswith("`") else entities(part)
                   for part in parts)


def paragraphs(lines):
    """Yields (numbers of the lines, text) for each paragraph of the /// comments."""
    run, texts = [], []
    for number, line in enumerate(lines + [""]):
        found = COMMENT.match(line)
        text = (found[2] or "") if found else ""
        begins = found and not found[1].lstrip().startswith("///")
        drawing = text.startswith("    ") and not found[1].endswith("<")
        if run and (not text.strip() or begins or drawing or re.match(r"\s*[-*]\s", text)
                    or COMMENT.match(lines[run[-1]])[1][-1] != found[1][-1]):
            yield run, " ".join(texts)
            run, texts = [], []
        if text.strip() and not drawing:
            run.append(number)
            texts.append(text.strip())


def filtered(text, known):
    """Returns the text of a header as Doxygen shall read it. `known` has the translations of paragraphs."""
    lines = text.split("\n")
    out = list(lines)
    for run, paragraph in paragraphs(lines):
        paragraph = re.sub(r"\s+", " ", paragraph).strip()
        if paragraph in known:
            out[run[0]] = f"{COMMENT.match(lines[run[0]])[1]} {mend(known[paragraph])}"
            for number in run[1:]:
                out[number] = COMMENT.match(lines[number])[1]
        else:
            # Code between backticks may go over the end of a line, so the paragraph is mended as a whole.
            mended = mend("\n".join(COMMENT.match(lines[number])[2] for number in run)).split("\n")
            for number, line in zip(run, mended):
                out[number] = f"{COMMENT.match(lines[number])[1]} {line}"
    return "\n".join(out)


def main(path):
    import words
    known = words.read_po(words.PO) if os.environ.get("NETNOTES_SITE_LANGUAGE") == "zh" else {}
    with open(path, encoding="utf-8") as file:
        sys.stdout.write(filtered(file.read(), known))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        sys.exit(0 if is_asked else 2)
    main(sys.argv[1])

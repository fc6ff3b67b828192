"""From the texts of the repository to HTML: Markdown pages, the first pages of headers, and programs in C++."""

import html
import re

# ---- programs

TOKEN = re.compile(r'''
    (?P<c>//[^\n]*|/\*.*?\*/)
  | (?P<s>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')
  | (?P<p>^[ \t]*\#[ \t]*\w+(?:[ \t]*(?:<[^>\n]+>|"[^"\n]*"))?)
  | (?P<name>\b(?:net|netnotes|packet|tftp|http|web|lan|option)::[a-z_][\w:]*)
  | (?P<k>\b(?:alignas|auto|bool|break|case|catch|char|char8_t|class|co_await|co_return|co_yield|const|consteval|constexpr|continue|
      decltype|default|delete|do|double|else|enum|explicit|extern|false|float|for|friend|if|inline|int|long|namespace|new|noexcept|
      nullptr|operator|private|protected|public|requires|return|short|signed|sizeof|static|static_assert|struct|switch|template|
      this|throw|true|try|typedef|typename|union|unsigned|using|virtual|void|volatile|while)\b)
  | (?P<n>\b\d[\w'.]*)
''', re.X | re.S | re.M)


def cpp(text):
    """A program with colours. {{name:X}} stands where a link to a public name may stand."""
    out, at = [], 0
    for found in TOKEN.finditer(text):
        out.append(html.escape(text[at:found.start()], quote=False))
        at = found.end()
        kind, word = found.lastgroup, html.escape(found[0], quote=False)
        if kind == "mark":
            kind = "s"
        if kind == "name":
            out.append("{{name:" + found[0] + "}}")
        else:
            out.append(f'<span class="{kind}">{word}</span>')
    out.append(html.escape(text[at:], quote=False))
    return "".join(out)


def shell(text):
    lines = []
    for line in html.escape(text, quote=False).split("\n"):
        lines.append(re.sub(r"(^|\s)(#.*)$", r'\1<span class="c">\2</span>', line))
    return "\n".join(lines)


def listing(text, language=""):
    body = cpp(text) if language in ("cpp", "c", "hpp") else shell(text) if language in ("sh", "py", "cmake") else \
        html.escape(text, quote=False)
    return f'<pre class="listing">{body}</pre>'


# ---- a line of text

RFC = re.compile(r"\bRFC (\d{3,4})\b")
MAN = re.compile(r"(?<![\w.])([a-z_][a-z0-9_]*)\(([1-8])\)")
HEADER_NAME = re.compile(r"(?<![\w/.])((?:netnotes/)?(?:[a-z_0-9]+/)*[a-z_0-9]+\.hpp)\b")
LESSON = re.compile(r"(?<![\w/])(\d\d_[a-z_]+)\b")
LESSON_NUMBER = re.compile(r"\b([Ll]essons? |examples? |第 ?)(\d\d)\b")


class Line:
    """Turns text with Markdown inside a line to HTML. The site resolves the links."""

    def __init__(self, site, folder=""):
        self.site, self.folder = site, folder

    def __call__(self, text):
        out = []
        for part in re.split(r"(`` .+? ``|`[^`]+`)", text):
            if len(part) > 1 and part.startswith("`"):
                out.append(self.code(part.strip("`").strip() if part.startswith("``") else part[1:-1]))
            else:
                out.append("\0" + part)
        # Links may have code in their texts, so they are looked for in the whole.
        whole = "".join(piece if not piece.startswith("\0") else self.escape(piece[1:]) for piece in out)
        whole = re.sub(r"!\[([^\]]*)\]\(([^)\s]+)\)", self.image, whole)
        whole = re.sub(r"\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)", self.link, whole)
        whole = re.sub(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", r"<b>\1</b>", whole)
        whole = re.sub(r"(?<![\w*])\*(?=[^\s*])([^*<>]*?[^\s*])\*(?![\w*])", r"<i>\1</i>", whole)
        return self.automatic(whole)

    @staticmethod
    def escape(text):
        text = re.sub(r"&(?!\w+;|#\d+;)", "&amp;", text)
        return text.replace("<", "&lt;").replace(">", "&gt;").replace("\\|", "|")

    def code(self, text):
        return "<code>" + html.escape(text.replace("\\|", "|"), quote=False) + "</code>"

    def image(self, found):
        return f'<img src="{self.site.picture(self.folder, found[2])}" alt="{found[1]}"/>'

    def link(self, found):
        return f'<a href="{self.site.resolve(self.folder, html.unescape(found[2]))}">{found[1]}</a>'

    def automatic(self, whole):
        """Links the names of headers, lessons, RFCs and manual pages, outside of links and tags."""
        out, inside = [], 0
        for part in re.split(r"(<[^>]+>)", whole):
            if part.startswith("<"):
                inside += part.startswith("<a ") - part.startswith("</a")
                out.append(part)
            elif inside:
                out.append(part)
            else:
                part = HEADER_NAME.sub(self.header, part)
                part = "".join(piece if piece.startswith("<a") else self.refer(piece)
                               for piece in re.split(r"(<a .*?</a>)", part))
                out.append(part)
        return "".join(out)

    def refer(self, part):
        part = LESSON.sub(lambda found: self.to_lesson(found[1][:2], found[1], found[1]), part)
        part = RFC.sub(r'<a href="https://www.rfc-editor.org/rfc/rfc\1">RFC \1</a>', part)
        part = LESSON_NUMBER.sub(lambda found: found[1] + self.to_lesson(found[2], None, found[2]), part)
        return MAN.sub(lambda found: '<a href="https://man7.org/linux/man-pages/man{1}/{0}.{1}.html">{0}({1})</a>'.format(*found.groups())
                       if found[1] not in self.site.no_manual else found[0], part)

    def to_lesson(self, number, name, text):
        page = self.site.lesson_page(number, name)
        return f'<a href="{page}">{text}</a>' if page else text

    def header(self, found):
        path = "include/netnotes/" + found[1].removeprefix("netnotes/")
        if not (self.site.root / path).exists():
            near = "/".join(self.folder.split("/")[:3]) + "/" + found[1]
            path = near if near.startswith("include/") and (self.site.root / near).exists() else None
        return f'<a href="{{{{file:{path}}}}}">{found[1]}</a>' if path else found[0]


# ---- Markdown


def slug(text):
    """The anchor of a heading, as GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]


def markdown(site, text, folder, say, level=0):
    """Returns (title, HTML). say(text) translates a paragraph."""
    line_of = Line(site, folder)
    lines = text.replace("\t", "    ").split("\n")
    out, title, at, used = [], "", 0, set()

    def words(text):
        return line_of(say(text))

    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.startswith("```"):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), len(lines))
            out.append(listing("\n".join(lines[at + 1:end]), line[3:].strip()))
            at = end + 1
        elif line.startswith("<!--"):
            while "-->" not in lines[at]:
                at += 1
            at += 1
        elif found := re.match(r"(#+)\s+(.*)$", line):
            at += 1
            if len(found[1]) == 1 and not title:
                title = say(found[2])
                continue
            anchor = slug(found[2])
            while anchor in used:
                anchor += "-1"
            used.add(anchor)
            size = min(len(found[1]) + level, 6)
            heading = re.sub(r"<a [^>]*>(.*?)</a>", r"\1", words(found[2]))
            out.append(f'<h{size} id="{anchor}">{heading}<a class="here" href="#{anchor}">§</a></h{size}>')
        elif line.startswith("|"):
            end = at
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            rows = [cells(row) for row in lines[at:end]]
            has_head = len(rows) > 1 and all(re.fullmatch(r":?-+:?", cell) for cell in rows[1])
            cards = " cards" if has_head and len(rows[0]) > 3 else ""
            out.append(f'<div class="wide"><table class="markdownTable{cards}">')
            for number, row in enumerate(rows):
                if has_head and number == 1:
                    continue
                tag = "th" if has_head and number == 0 else "td"
                if tag == "th" and not any(row):
                    continue
                out.append("<tr>" + "".join(f"<{tag}>{words(cell) if cell else ''}</{tag}>" for cell in row) + "</tr>")
            out.append("</table></div>")
            at = end
        elif found := re.match(r"(\s*)([-*]|\d+\.)\s+(.*)$", line):
            tag = "ul" if found[2] in "-*" else "ol"
            out.append(f"<{tag}>")
            while at < len(lines) and (found := re.match(r"(\s*)([-*]|\d+\.)\s+(.*)$", lines[at])):
                indent, item, at = len(found[1]) + len(found[2]) + 1, [found[3]], at + 1
                rest = []
                while at < len(lines):
                    if rest or not lines[at].strip():
                        # A blank line may stand before more of the item, or before the next item.
                        after = next((n for n in range(at, len(lines)) if lines[n].strip()), len(lines))
                        if after == len(lines) or not lines[after].startswith(" " * indent):
                            break
                        rest += [lines[n][indent:] for n in range(at, after + 1)]
                        at = after + 1
                    elif re.match(r"\s*([-*]|\d+\.)\s+", lines[at]) and not lines[at].startswith(" " * indent) \
                            or lines[at].startswith(("#", "```", "|", "<!--")):
                        break
                    elif lines[at].startswith(" " * indent + "```") or re.match(" " * indent + r"([-*]|\d+\.)\s", lines[at]):
                        rest.append(lines[at][indent:])
                        at += 1
                    else:
                        item.append(lines[at].strip())
                        at += 1
                body = words(" ".join(item))
                if rest:
                    body += markdown(site, "\n".join(rest), folder, say, level)[1]
                out.append(f"<li>{body}</li>")
                while at < len(lines) and not lines[at].strip() and at + 1 < len(lines) and re.match(
                        r"\s*([-*]|\d+\.)\s+", lines[at + 1]):
                    at += 1
            out.append(f"</{tag}>")
        elif line.startswith(">"):
            quoted = []
            while at < len(lines) and lines[at].startswith(">"):
                quoted.append(lines[at][1:].strip())
                at += 1
            out.append(f"<blockquote>{words(' '.join(quoted))}</blockquote>")
        elif line.startswith("    "):
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            out.append(listing("\n".join(row[4:] for row in lines[at:end]).rstrip()))
            at = end
        else:
            run = []
            while at < len(lines) and lines[at].strip() and not re.match(r"#|```|\||<!--|\s*([-*]|\d+\.)\s", lines[at]):
                run.append(lines[at].strip())
                at += 1
            if not run:  # a line that looks like the beginning of a list or a table, and is not
                run, at = [lines[at].strip()], at + 1
            out.append(f"<p>{words(' '.join(run))}</p>")
    return title, "\n".join(out)


# ---- the first page of a header


def first_page(text):
    """Returns the lines of the comment at the top of a header, without //, and the first line's title."""
    lines = []
    for line in text.split("\n"):
        if not line.startswith("//"):
            break
        lines.append(line[2:].removeprefix(" ") if line[2:3] == " " else line[2:])
    title = lines[0].split(": ", 1)[1] if lines and ": " in lines[0] else lines[0] if lines else ""
    return title, [line for line in lines[1:] if not line.startswith("SPDX")]


DRAWN = re.compile(r"[─-╿→←↑↓▲▼✗●]|--[->]|<--|==|\+--|\|\s")
FIELD = re.compile(r"([A-Z][A-Za-z' ]{2,24}):(?:\s{1,}(\S.*))?$")
CODE = re.compile(r"[;{}]\s*(//.*)?$|^\s*#include|^\s*//", re.M)


def columns(block):
    """Rows of cells, if the lines of the block are a table whose columns stand apart by two spaces; otherwise None."""
    width = max(map(len, block))
    padded = [line.ljust(width) for line in block]
    clean = [all(line[n] == " " for line in padded) for n in range(width)]
    starts = [0] + [n for n in range(2, width) if not clean[n] and clean[n - 1] and clean[n - 2]]
    starts = [n for n in starts if n == 0 or sum(line[n] != " " for line in padded) >= 2 or len(block) <= 2]
    if len(block) < 2 or len(starts) < 2:
        return None
    rows = []
    for line in padded:
        row = [line[a:b].rstrip() for a, b in zip(starts, starts[1:] + [width])]
        if rows and (not row[0].strip() or row[0].startswith(" ")) and not re.match(r"[a-z_]+\.hpp", row[1]):
            rows[-1] = [(old + " " + new.strip()).strip() for old, new in zip(rows[-1], row)]
        else:
            rows.append([cell.strip() for cell in row])
    return rows


def header_page(site, lines, folder, say):
    """The HTML of a header's first page."""
    line_of = Line(site, folder)

    def words(text):
        return line_of(say(text))

    out, at, fields = [], 0, []
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        indent = len(line) - len(line.lstrip())
        if indent >= 2:
            end = at
            while end < len(lines) and (lines[end].startswith("  ") or not lines[end].strip()
                                        and end + 1 < len(lines) and lines[end + 1].startswith("      ")):
                end += 1
            block = lines[at:end]
            at = end
            margin = min(len(row) - len(row.lstrip()) for row in block if row.strip())
            block = [row[margin:] for row in block]
            text = "\n".join(block)
            rows = None
            if margin < 8 and not DRAWN.search(text) and not CODE.search(text) and all(row.strip() for row in block):
                rows = columns(block)
            if rows:
                out.append('<div class="wide"><table class="markdownTable">')
                for row in rows:
                    out.append("<tr>" + "".join(f"<td>{words(cell) if not re.fullmatch(r'[a-z_0-9/]+.hpp', cell) else line_of(cell)}</td>"
                                                for cell in row) + "</tr>")
                out.append("</table></div>")
            else:
                out.append(listing(text, "cpp" if CODE.search(text) and not re.search("[─-╿]", text) else ""))
            continue
        if (found := FIELD.match(line)) and (found[2] or at + 1 < len(lines) and re.match(r"\s{12,}", lines[at + 1])) and (
                re.match(r"[A-Z].{2,24}?:\s{2,}", line) or line.startswith(("On this page", "The notes", "Examples", "Below"))):
            value, at = [found[2] or ""], at + 1
            while at < len(lines) and re.match(r"\s{8,}\S", lines[at]):
                value.append(lines[at].strip())
                at += 1
            fields.append((found[1], " ".join(value)))
            continue
        run = []
        while at < len(lines) and lines[at].strip() and not lines[at].startswith("  "):
            if run and re.match(r"[A-Z].{2,24}?:\s{2,}", lines[at]):
                break
            run.append(lines[at].strip())
            at += 1
        if all(re.match(r"[-*]\s|\d\.\s", row) for row in run[:1]):
            items = []
            for row in run:
                if re.match(r"[-*]\s|\d\.\s", row):
                    items.append(re.sub(r"^([-*]|\d\.)\s+", "", row))
                else:
                    items[-1] += " " + row
            out.append("<ul>" + "".join(f"<li>{words(item)}</li>" for item in items) + "</ul>")
        else:
            out.append(f"<p>{words(' '.join(run))}</p>")
    if fields:
        out.append('<dl class="fields">')
        for name, value in fields:
            if name == "On this page":
                body = re.sub(r"[a-z_][\w:]*", lambda word: "{{name:" + word[0] + "}}", html.escape(value, quote=False))
            else:
                body = words(value)
            out.append(f"<dt>{site.words('ui', name)}</dt><dd>{body}</dd>")
        out.append("</dl>")
    return "\n".join(out)

#!/usr/bin/env python3
"""Checks the comment of every public name of the library.

    names.py               checks all headers; exit status 0 if all holds, 1 if not
    names.py HEADER...     checks these headers
    names.py --count       prints how many names of each kind were found

A name is public if it stands in the namespace netnotes or below it, not in a namespace `detail`, and in a public part of a
class. It needs a comment: /// above it, or ///< behind it. Declarations that follow each other without a blank line
and without a comment share the comment above them. The rules:

    comment    a class, an enumeration, a concept or a function has no comment
    verb       the comment of a function does not begin with a verb, such as Returns, Waits, Throws
    returns    the function returns a value, and the comment does not say which
    throws     the function's body has a `throw`, and the comment says nothing about it

Some functions need no comment, because the language or a base class says what they do: destructors, copies, moves,
comparisons, <<, iterators, overrides, and what is defaulted or deleted. An overload may leave its comment to another.
A member whose name says all needs no comment, either.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKEN = re.compile(
    r"(?P<line>//[^\n]*)|(?P<block>/\*.*?\*/)|(?P<macro>^[ \t]*#(?:[^\n]*\\\n)*[^\n]*)"
    r'|(?P<raw>R"(?P<mark>[^()\s]{0,16})\(.*?\)(?P=mark)")|(?P<text>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')'
    r"|(?P<word>[A-Za-z_]\w*)|(?P<number>\d(?:'?[\w.])*)|(?P<sign>::|->|<=>|<<=|\[\[|\]\]|==|!=|<=|>=|&&|\|\||\S)", re.S | re.M)
CLOSES = {"(": ")", "[": "]", "{": "}", "[[": "]]"}
SPECIFIERS = {"constexpr", "consteval", "inline", "static", "virtual", "explicit", "friend", "extern", "typename", "mutable"}
NEEDED = {"to_native", "from_native", "is_in_range",  # of an option: see socket/options.hpp
          "await_ready", "await_suspend", "await_resume", "promise_type", "begin", "end", "initial_suspend", "final_suspend",
          "unhandled_exception", "return_void", "return_value", "yield_value", "get_return_object", "await_transform"}
NOTHING = {"void", "task", "task<>", "task<void>", "waiting", "writing", "detail::writing", "detail::sending_all",
           "detail::sending_to", "detail::yielding", "detail::sleeping", "detail::udp_operation<detail::udp_send_to>", "greenlet::switching",
           "detail::udp_operation<detail::udp_send>", "detail::udp_reporting<detail::udp_send_to>",
           "detail::udp_reporting<detail::udp_send>", "detail::awaited_once<sending,channel*,T>"}  # no value comes of these
SAYS_WHAT = re.compile(r"\b[Rr]eturn(?:s|ed|ing)?\b|[Dd]o(?:es)? the same|[Dd]o what|[Ll]ike `?\w+\(|^(?:A m|M)istakes?:"
                       r"|as \w+(?:::\w+)?\(\) does")
VERB = re.compile(r"(?:A m|M)istakes?:|(?:Do|Work|Read|Return|Set|Make|Take|Write|Add|Like)\b"
                  r"|(?:(?:Never|Only|Also|Then|At once|Twice|Always|Here) )?(?:`[^`]+` )?[A-Z]?[\w-]*(?:s|es)\b")


class Token:
    def __init__(self, kind, text, line, end):
        self.kind, self.text, self.line, self.end = kind, text, line, end

    def __repr__(self):
        return self.text


class Name:
    def __init__(self, header, line, kind, name, comment, tokens, body):
        self.header, self.line, self.kind, self.name, self.comment = header, line, kind, name, comment
        self.tokens, self.body = tokens, body


def scan(text):
    line, at = 1, 0
    for found in TOKEN.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        kind = found.lastgroup if found.lastgroup != "mark" else "raw"
        yield Token("text" if kind in ("raw", "text") else kind, found[0].strip(), line, line + found[0].count("\n"))


class Reader:
    """Reads the declarations of one header. It knows this library's way of writing, and not all of C++."""

    def __init__(self, header, text):
        self.header, self.names, self.hidden_types = header, [], set()
        self.tokens, self.above, self.behind = [], {}, {}  # the comment above a line, and behind a declaration on a line
        run, last = [], 0
        for token in scan(text):
            if token.kind == "line":
                if token.text.startswith("///<"):
                    self.behind[token.line] = token.text[4:].strip()
                elif token.text.startswith("///"):
                    run = (run if last == token.line - 1 else []) + [token.text[3:].strip()]
                    last = token.line
                    self.above[token.line + 1] = " ".join(run)
            elif token.kind not in ("block", "macro"):
                self.tokens.append(token)
        self.at = 0
        self.declarations(None, False)

    def skip(self, opening):
        """Goes behind the sign that closes `opening`, which was read last."""
        depth = [CLOSES[opening]]
        while depth and self.at < len(self.tokens):
            sign = self.tokens[self.at].text if self.tokens[self.at].kind == "sign" else ""
            self.at += 1
            if sign == depth[-1]:
                depth.pop()
            elif sign in CLOSES and not (sign == "[[" and depth[-1] == "]"):
                depth.append(CLOSES[sign])
            elif sign == "]]" and depth[-1] == "]":  # a[b[0]]
                depth.pop()
                if depth and depth[-1] == "]":
                    depth.pop()

    def angles(self):
        """Goes behind the `>` of a list of template parameters."""
        depth = 0
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.text in ("(", "{", "["):
                self.skip(token.text)
            depth += (token.text == "<") - (token.text == ">")
            if not depth:
                return

    def declarations(self, owner, hidden, private=False):
        """Reads declarations up to the end of the scope. `owner` is the name of a class, or None in a namespace."""
        shared, last_end = None, -1
        while self.at < len(self.tokens):
            first = self.tokens[self.at]
            if first.text == "}":
                self.at += 1
                return
            if first.text == ";":
                self.at += 1
                continue
            if first.text in ("public", "protected", "private") and self.tokens[self.at + 1].text == ":":
                private = first.text != "public"
                self.at += 2
                continue
            comment = self.above.get(first.line)
            if comment is None and first.line == last_end + 1:
                comment = shared
            last_end = self.declaration(first, comment, owner, hidden or private)
            shared = comment

    def declaration(self, first, comment, owner, hidden):
        start, parts, parentheses, body = self.at, [], None, []
        initialising = concept = after_requires = False
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            text = token.text
            if text == "template" and not parts:
                self.angles()
                continue
            if text == "[[":
                self.skip(text)
                continue
            if text == "requires":
                after_requires = True
                if self.tokens[self.at].text == "(":
                    self.at += 1
                    self.skip("(")
                continue
            if text == "concept":
                concept = True
            if text in ("alignas", "noexcept", "explicit", "decltype") and self.tokens[self.at].text == "(":
                self.at += 1
                self.skip("(")
                parts.append(token)
                continue
            if text == "operator":
                while self.tokens[self.at].text != "(" or text == "operator":
                    text += ("" if self.tokens[self.at].kind == "sign" else " ") + self.tokens[self.at].text
                    self.at += 1
                    if text == "operator(":
                        self.at += 1
                        text += ")"
                parts.append(Token("word", text, token.line, token.end))
                continue
            if text in ("(", "["):
                begin = self.at
                self.skip(text)
                signs = "".join(part.text for part in parts if part.kind == "sign")
                if text == "(" and parentheses is None and parts and "=" not in signs \
                        and signs.count("<") <= signs.count(">") - signs.count("->"):
                    parentheses = len(parts), self.tokens[begin:self.at - 1]
                continue
            if text == ";":
                end = token.line
                break
            if text == ":" and parentheses is not None:
                initialising = True
            if text == "{":
                words = [part.text for part in parts]
                previous = self.tokens[self.at - 2]
                if "namespace" in words[:2]:
                    name = "".join(words[words.index("namespace") + 1:])
                    if owner is None:
                        self.declarations(None, hidden or name in ("", "std") or "detail" in name.split("::"))
                    return -1
                keyword = next((word for word in words if word in ("class", "struct", "union", "enum")), None)
                if keyword and parentheses is None and "=" not in words:
                    return self.type(keyword, parts, comment, hidden, first)
                if concept or "=" in words or parentheses is None or after_requires and previous.text == ")" \
                        and self.requires_block(start):
                    self.skip("{")
                    continue
                if initialising and (previous.kind == "word" or previous.text == ">"):
                    self.skip("{")
                    continue
                begin = self.at
                self.skip("{")
                body = self.tokens[begin:self.at - 1]
                end = self.tokens[self.at - 1].line
                break
            parts.append(token)
        else:
            end = first.line
        if hidden and owner and parts and parts[0].text in ("class", "struct"):
            self.hidden_types.add(f"{owner}::{parts[-1].text}")
        if not hidden and not self.is_nothing(parts):
            self.note(parts, parentheses, comment or self.behind.get(end) or self.behind.get(first.line), first, owner, body)
        return end

    def requires_block(self, start):
        """True if the brace that was read last belongs to `requires (...) {`, which has just been skipped."""
        depth, at = 0, self.at - 2
        while at > start:
            depth += (self.tokens[at].text == ")") - (self.tokens[at].text == "(")
            if not depth:
                return self.tokens[at - 1].text == "requires"
            at -= 1
        return False

    @staticmethod
    def is_type_word(name):
        return name in ("void", "bool", "int", "size_t")

    @staticmethod
    def is_nothing(parts):
        words = [part.text for part in parts]
        return not words or words[0] in ("static_assert", "namespace", "extern", "using") and "=" not in words \
            or words[0] == "friend" and words[1] in ("class", "struct")

    def type(self, keyword, parts, comment, hidden, first):
        words = [part.text for part in parts]
        at, nested = words.index(keyword) + 1, False
        if words[at:at + 1] in (["class"], ["struct"]):
            at += 1
        name = words[at] if at < len(words) and words[at] != ":" else ""
        while words[at + 1:at + 2] == ["::"]:  # a nested class that is defined behind its class: the library makes its objects
            hidden = hidden or f"{name}::{words[at + 2]}" in self.hidden_types
            name, at, nested = words[at + 2], at + 2, True
        foreign = "std" in words[:at] or "<" in words[at:at + 2]  # a specialization
        line = self.tokens[self.at - 1].line
        if name and not hidden and not foreign and not nested:
            self.names.append(Name(self.header, first.line, keyword, name, comment or self.behind.get(line), parts, []))
        if keyword == "enum":
            self.enumerators(name, hidden)
        else:
            self.declarations(name, hidden or foreign, keyword == "class")
            if nested:
                self.names = [found for found in self.names if found.name != f"{name}::{name}"]
        while self.at < len(self.tokens) and self.tokens[self.at].text != ";":
            self.at += 1
        self.at += 1
        return self.tokens[self.at - 1].line

    def enumerators(self, owner, hidden):
        shared, last, expects = None, -1, True
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.text == "}":
                return
            if token.text in CLOSES:
                self.skip(token.text)
            elif token.text == ",":
                expects = True
            elif expects and token.kind == "word":
                expects = False
                comment = self.above.get(token.line) or self.behind.get(token.line)
                if comment is None and token.line in (last, last + 1):
                    comment = shared
                if not hidden:
                    self.names.append(Name(self.header, token.line, "value", f"{owner}::{token.text}", comment, [], []))
                shared, last = comment, token.line

    def note(self, parts, parentheses, comment, first, owner, body):
        words = [part.text for part in parts]
        prefix = f"{owner}::" if owner else ""
        if parentheses is None:
            at = words.index("=") if "=" in words else len(words)
            kind = "type" if words[0] == "using" else "concept" if "concept" in words else "variable"
            name = words[1] if kind == "type" else words[words.index("concept") + 1] if kind == "concept" else words[at - 1]
            if "class" in words or "struct" in words or "enum" in words:
                return  # a forward declaration
            self.names.append(Name(self.header, first.line, kind, prefix + name, comment, parts, []))
            return
        count, parameters = parentheses
        head, tail = words[:count], words[count:]
        name, at = head[-1], len(head) - 1
        if head[max(at - 1, 0)] == "~" or name in NEEDED or {"default", "delete", "override", "final"} & set(tail):
            return
        if owner == "iterator" or name.startswith(("operator new", "operator delete")):
            return
        if name in ("operator==", "operator!=", "operator<=>", "operator<", "operator<<"):
            return
        if self.is_type_word(name):
            return  # a pointer to a function: void (*name)(int)
        if name == "catch":
            return  # the end of a function whose body is a `try`
        if owner and (name in (owner, "operator=")) and [t.text for t in parameters if t.text in (owner, "&", "&&")][:1] == [owner] \
                and len([t for t in parameters if t.text == ","]) == 0 and any(t.text in ("&", "&&") for t in parameters):
            return  # a copy or a move
        if "::" in head[at - 1:at] and owner is None:
            return  # the definition of a member: its declaration has the comment
        result = [word for word in head[:at] if word not in SPECIFIERS]
        if "->" in tail:
            result = tail[tail.index("->") + 1:]
        found = Name(self.header, first.line, "function", prefix + name, comment, parts, body)
        found.constructs = owner == name
        found.result = "".join(result)
        found.conversion = name.startswith("operator") and not result
        self.names.append(found)


def faults(name, known):
    where = f"{name.header}:{name.line}"
    if not name.comment:
        if name.kind not in ("variable", "value", "type") and name.name.split("::")[-1] not in known:
            yield f"{where}: comment: {name.kind} {name.name} has none"
        return
    if name.kind != "function":
        return
    comment = re.sub(r"^\((.*)\)$", r"\1", name.comment)
    if not name.constructs and not VERB.match(comment):
        yield f"{where}: verb: {name.name}: {comment[:100]}"
    chained = name.result == name.name.split("::")[0] + "&"  # a function that returns its own object
    if not (name.constructs or name.conversion or chained or name.result in NOTHING) and not SAYS_WHAT.search(comment):
        yield f"{where}: returns: {name.name} returns {name.result}: {comment[:100]}"
    if any(token.text == "throw" for token in name.body) and not re.search(r"\bthrow(?:s|n|ing)?\b", comment, re.I):
        yield f"{where}: throws: {name.name}: {comment[:100]}"


def failures_in(name, text):
    names = Reader(name, text).names
    known = {found.name.split("::")[-1] for found in names if found.comment}
    return [fault for found in names for fault in faults(found, known)]


# Each text and the kinds that it must give. They are tried at every start, so a rule that finds nothing is noticed.
SAMPLES = [
    ("struct a {};", "comment"), ("/// A value.\nstruct a {\nint b;\nvoid c();\n};", "comment"),
    ("namespace detail {\nstruct a {};\n}", ""), ("/// A value.\nclass a {\nvoid b();\n};", ""),
    ("/// A value.\nclass a {\npublic:\nvoid b();\n};", "comment"), ("/// A value.\nclass a {\nstruct b {};\n};", ""),
    ("/// A value.\nstruct a {\na& operator=(a&& b) { x = b.x; }\nprivate:\nint f() { return 1; }\n};", ""),
    ("/// Returns a size.\nint a();", ""), ("/// The size.\nint a();", "verb returns"), ("/// Makes room.\nint a();", "returns"),
    ("/// Makes room.\nvoid a();", ""), ("/// Makes room.\nvoid a() { throw 1; }", "throws"), ("int a(); ///< bytes", "returns"),
    ("/// Room for all.\nvoid a();", "verb"), ("/// Makes room. Throws 1.\nvoid a() { throw 1; }\nvoid b();", ""),
    ("/// Makes room.\nvoid a();\n\nvoid b();", "comment"), ("/// Makes room.\ntask<> a();", ""),
    ("/// A value.\nstruct a {\nstd::function<int(int)> b{};\nint c = f(1);\n};", ""),
    ("template <class T>\nconcept a = requires(T t) { t.x(); };", "comment"),
    ("/// A value.\nstruct a {\na() : x{1} {}\nint x;\n};\n\nvoid late();", "comment"),
]


def main(arguments):
    if arguments[:1] and arguments[0].startswith("-") and arguments != ["--count"]:
        is_asked = arguments in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    count = arguments == ["--count"]
    for text, kinds in SAMPLES:
        found = " ".join(fault.split(": ")[1] for fault in failures_in("sample", f"namespace netnotes {{\n{text}\n}}"))
        if found != kinds:
            sys.exit(f"names.py: its own sample gives `{found}` instead of `{kinds}`: {text}")
    paths = [pathlib.Path(a).resolve() for a in arguments if not count] or sorted((ROOT / "include/netnotes").rglob("*.hpp"))
    texts = {path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path): path.read_text(encoding="utf-8")
             for path in paths}
    if count:
        kinds = {}
        for name, text in texts.items():
            for found in Reader(name, text).names:
                kinds[found.kind] = kinds.get(found.kind, 0) + 1
        print(", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())))
        return 0
    failures = [fault for name, text in texts.items() for fault in failures_in(name, text)]
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

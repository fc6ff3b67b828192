#!/usr/bin/env python3
"""web_django.py ORACLE [--all] [--seed N] [--only PART]...: asks Python and Django what web.hpp must answer.

    patterns     random regular expressions with random texts: the same match and the same groups as Python's `re`
    templates    random templates, many of them with faults: Django's output, or Django's exception with its text
    hosts        random names of hosts and lists ALLOWED_HOSTS: Django's name without a port, and whether it is allowed
    reverse      random tables of routes, a name and arguments: the path, or Django's exception with its text
    middleware   three layers around a view, with a fault in one hook or in two hooks: Django's trace and answer

ORACLE is the program web_oracle. Without --all a part of the questions is asked. Exit status 77 if a peer is missing.
"""
import argparse
import collections
import itertools
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings

try:
    import django
except ImportError:  # Debian's package belongs to Debian's python3, which need not be the first in PATH
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and "NETNOTES_AGAIN" not in os.environ:
        os.environ["NETNOTES_AGAIN"] = "1"
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    django = None


class Failure(Exception):
    pass


def row(*words):
    encoded = [word if isinstance(word, bytes) else word.encode() for word in words]
    return b"".join(b"%d:%s" % (len(word), word) for word in encoded) + b"\n"


def ask(oracle, rows):
    """Returns the lines that the oracle answers."""
    answer = subprocess.run([oracle], input=b"".join(rows), stdout=subprocess.PIPE, timeout=300, check=True).stdout
    lines = answer.decode().split("\n")[:-1]
    if len(lines) != len(rows):
        raise Failure(f"{len(rows)} questions and {len(lines)} answers")
    return lines


def compare(name, cases, wanted, got, skipped=0):
    faults = [(case, want, have) for case, want, have in zip(cases, wanted, got) if want is not None and want != have]
    for case, want, have in faults[:10]:
        print(f"{name}: {case!r}\n    wanted {want!r}\n    got    {have!r}")
    print(f"{name}: {len(cases) - skipped} cases, {len(faults)} differ" + (f", {skipped} skipped" if skipped else ""))
    return not faults


# ---- patterns


class Late(Exception):
    """Python's matcher tries one way after the other, and needs years for some patterns."""


def late(*_):
    raise Late


def random_pattern(rng):
    def item(depth):
        dice = rng.random()
        if dice < .45 or depth > 2:
            return rng.choice("aabb/-1c.")
        if dice < .55:
            return rng.choice([r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", "[ab]", "[^a]", "[a-c]", "[^/]", r"[\d-]", r"[\w/]",
                               r"\.", "é", "[é-ö]", r"[^\W]", r"[\D1]", "]", "{", "a{", "a{,", r"\x61", "[]a]", "(?=a)", r"\1"])
        if dice < .63:
            return rng.choice(["^", "$", r"\b", r"\B", r"\A", r"\Z"])
        if dice < .85:
            return "(" + rng.choice(["", "", "?:", f"?P<n{rng.randrange(10**6)}>"]) + choice(depth + 1) + ")"
        return item(depth + 1)

    def sequence(depth):
        made = ""
        for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
            made += item(depth)
            if rng.random() < .45:
                made += rng.choice(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{2,}", "{0}", "{0,1}", "{1}", "{3,1}"]
                                   [:10 if rng.random() < .98 else 11]) + rng.choice(["", "", "?"])
                if rng.random() < .01:
                    made += rng.choice("*?")
        return made

    def choice(depth):
        return "|".join(sequence(depth) for _ in range(rng.choice([1, 1, 1, 2, 3])))
    return choice(0)


def python_match(method, pattern, text):
    """Returns what Python says, in the words of the oracle. Returns nothing if Python takes too long."""
    if r"(?=" in pattern or re.search(r"\\[1-9]", pattern):
        return "refused"
    try:
        compiled = re.compile(pattern, re.ASCII)
    except re.error:
        return "refused"
    try:
        signal.setitimer(signal.ITIMER_REAL, .05)
        found = getattr(compiled, method)(text)
    except Late:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if not found:
        return "no"
    groups = []
    for i in range(compiled.groups + 1):
        begin, end = (len(text[:max(place, 0)].encode()) for place in found.span(i))
        groups.append("-" if found.start(i) < 0 else f"{begin}-{end}")
    return " ".join(["yes", *groups])


def patterns(oracle, rng, everything):
    signal.signal(signal.SIGALRM, late)
    warnings.simplefilter("ignore")
    cases = []
    for _ in range(100_000 if everything else 5_000):
        text = "".join(rng.choice("aaabbb/1-c.\né") for _ in range(rng.choice([0, 1, 2, 3, 4, 6, 10])))
        cases.append((rng.choice(["search", "match", "fullmatch"]), random_pattern(rng), text))
    got = [re.sub("^refused .*", "refused", line) for line in ask(oracle, [row("pattern", *case) for case in cases])]
    wanted = [python_match(*case) for case in cases]
    return compare("patterns", cases, wanted, got, wanted.count(None))


# ---- templates


CONTEXT = {
    "n": 3, "zero": 0, "big": 12345678901, "neg": -7, "f": 2.5, "t": True, "no": False, "none": None, "s": "it's <b> & \"x\"",
    "name": "ada lovelace", "caps": "O'NEILL 3RD", "empty": "", "num": "12", "zh": "中文 ok", "safe": "<i>safe & sound</i>",
    "lines": "a\r\nb<\nc", "url": "/a b/?q=1&r=中", "l": ["a", "<b>", 3], "none_l": [], "nums": [3, 1, 2], "title": "Title",
    "pairs": [["k", 1], ["w", "<2>"]], "uneven": [[1, 2], [3]], "words": "one two, three;four", "nested": [[1, "a"], []],
    "d": {"a": 1, "b": "<z>", "items": "own", "l": [1, 2]}, "e": {"x": {"y": "deep"}, "k": 2}, "rows": [{"id": 1, "t": "A&B"}, {"id": 2, "t": ""}],
    "base": "base", "csrf_token": "tok<en", "when": "time:1796000961", "noon": "time:1796040000",
}
SAFE = {"safe"}


def encode(what, name=None):
    """Returns a value in the words of the oracle."""
    if what is None:
        return ["N"]
    if what is True or what is False:
        return ["T" if what else "F"]
    if isinstance(what, int):
        return [f"i{what}"]
    if isinstance(what, float):
        return [f"d{what!r}"]
    if isinstance(what, str):
        return ["t" + what[5:] if what.startswith("time:") else ("S" if name in SAFE else "s") + what]
    words = [f"{'l' if isinstance(what, list) else 'm'}{len(what)}"]
    for each in what.items() if isinstance(what, dict) else what:
        words += [each[0], *encode(each[1], each[0])] if isinstance(what, dict) else encode(each)
    return words


class Templates:
    """Makes random templates. `fault` is how likely a tag is wrong."""

    NAMES = [*CONTEXT, "d.a", "d.b", "d.items", "d.zzz", "e.x.y", "e.k", "l.0", "l.1", "l.7", "s.0", "name.3", "rows.1.t",
             "rows.0.id", "missing", "missing.x", "x", "y", "x.0", "x.id", "x.t", "block.super", "True", "None",
             "forloop.counter", "forloop.revcounter", "forloop.first", "forloop.last", "forloop.counter0", "forloop.revcounter0",
             "forloop.parentloop.counter", "forloop.parentloop", "forloop"]
    PLAIN = ["escape", "force_escape", "safe", "length", "upper", "lower", "title", "capfirst", "first", "last", "linebreaksbr",
             "urlencode", "yesno", "pluralize"]
    WITH = {"default": ["'<d>'", "n", "name", '"x"'], "default_if_none": ["'none!'", "n"], "join": ["', '", "'<br>'", "safe", "n"],
            "cut": ["' '", "'a'", '"<"', "';'"], "slice": ["':2'", "'1:'", "'::-1'", "'-2:'", "':-1'", "'1:9:2'", "n", "'a'", "''", "'0'"],
            "add": ["1", "n", "'x'", "'5'", "l", "f", "safe", "-2"], "truncatechars": ["5", "1", "0", "'3'", "'x'", "n", "100"],
            "yesno": ["'y,n'", "'y,n,m'", "'y'", "'<y>,n'"], "pluralize": ["'es'", "'y,ies'", "'a,b,c'"], "urlencode": ["''", "'/?'"],
            "date": ["'Y-m-d'", "'N j, Y'", "'P'", "'D d M y H:i:s'", "'jS \\\\o\\\\f F L t z w A a g G h n c U b f l'"]}
    WRONG = ["{{ n|lenght }}", "{{ name|length>10 }}", "{{ n|cut }}", "{{ n|upper:1 }}", "{{ }}", "{% %}", "{{ _x }}", "{{ d._a }}",
             "{{ |upper }}", "{{ n n }}", "{{ n | upper|}}", "{{ n|default: }}", "{{ 'a }}", "{{ a-b }}", "{{ n|add:'x }}", "{% nope %}",
             "{% crsf_token %}", "{% endif %}", "{% for %}x{% endfor %}", "{% for x on l %}x{% endfor %}", "{% for x,,y in l %}{% endfor %}",
             "{% for x y in l %}{% endfor %}", "{% if %}{% endif %}", "{% if n == %}{% endif %}", "{% if and n %}{% endif %}",
             "{% if n not t %}{% endif %}", "{% if n t %}{% endif %}", "{% if n %}", "{% for x in l %}", "{% block a %}", "{% with %}{% endwith %}",
             "{% with n=1 x %}{% endwith %}", "{% with n %}{% endwith %}", "{% autoescape %}{% endautoescape %}", "{% autoescape no %}{% endautoescape %}",
             "{% comment %}", "{% verbatim %}", "{% include %}", "{% include 'part' with %}", "{% include 'part' foo %}", "{% include 'nowhere' %}",
             "{% include missing %}", "{% include 'part' only only %}", "{% block %}{% endblock %}", "{% block a b %}{% endblock %}",
             "{% block q %}{% endblock %}{% block q %}{% endblock %}", "{% block q %}{% endblock r %}", "{% extends %}", "{% extends 'base' %}",
             "{% load nope %}", "{% static 'x' %}", "{% load x from static %}", "{% url %}", "{% if n %}{% else x %}{% endif %}", "{% else %}",
             "{% if n %}{% elif %}{% endif %}", "{% for x, y in uneven %}{{ x }}{% endfor %}", "{% for x in n %}{% endfor %}", "{% load static %}{% static %}",
             "{% for x in l reversed z %}{% endfor %}", "{{ 'a'|nope:1 }}", "{{ n|default:_x }}", "{{ n|add:missing }}", "{{ n|cut:n }}", "{{ none|first }}",
             "{{ d|first }}", "{{ n|last }}", "{{ n.|upper }}", "{{ .n }}", "{{ n..a }}", "{{ -n }}", "{{ 2. }}", "{{ 1.5.2 }}", "{{ n|yesno:n }}", "{% if n|nope %}{% endif %}"]
    ODD = ["{{n", "{%", "{#", "}}", "{ {n} }", "{{n\n}}", "{# c #}", "{# {{ n }} #}", "{{{ n }}}", "{% comment %}{{ n|nope }}{% bad %}{% endcomment %}",
           "{% verbatim %}{{ n }}{% if %}{% endverbatim %}", "{% verbatim v %}{% endverbatim %}{% endverbatim v %}", "{{n|upper}}", "{{ n |upper }}", "{{ n| upper }}",
           "{{ 'a\\\\'b' }}", '{{ "a|b"|upper }}', "{{ 1 }}{{ 1.50 }}{{ -3 }}{{ +4 }}{{ 1e3 }}{{ .5 }}", "{% csrf_token %}", "{{ d }}", "{{ l }}", "{{ nested }}",
           "{% load static %}{% static 'a b/<c>.css' %}", "{% load static %}{% static name as q %}[{{ q }}]", "{% load static %}[{{ q }}{% static name as q %}]", "{% load static %}[{{ x }}{% static 'x' as x %}{{ x }}]",
           "{% for x in d.items %}{{ x }}{% endfor %}",
           "{% for k, v in e.items %}{{ k }}={{ v }},{% endfor %}", "{% for c in 'a<c' %}{{ c }}.{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}",
           "{% with a=n b='<'%}{{ a }}{{ b }}{% endwith %}", "{% with name as q %}{{ q }}{% endwith %}", "{% if 'a' in 'abc' %}1{% endif %}", "{{ f }}{{ big }}", "{{ when }}{{ noon }}"]
    OPERATORS = ["==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or", "and not", "or not"]

    def __init__(self, rng):
        self.rng, self.blocks, self.depth, self.fault = rng, 0, 0, .04 if rng.random() < .4 else 0

    def literal(self):
        return self.rng.choice(["1", "2", "0", "-1", "2.5", "'a'", '"<q>"', "'it'", "''", "12"])

    def expression(self):
        made = self.rng.choice(self.NAMES) if self.rng.random() < .88 else self.literal()
        while self.rng.random() < .4:
            if self.rng.random() < .5:
                made += "|" + self.rng.choice(self.PLAIN)
            else:
                name = self.rng.choice([*self.WITH])
                made += f"|{name}:{self.rng.choice(self.WITH[name])}"
        return made

    def condition(self):
        made = ("not " if self.rng.random() < .2 else "") + self.expression()
        while self.rng.random() < .45:
            made += f" {self.rng.choice(self.OPERATORS)} {self.expression()}"
        if self.rng.random() < .05:
            made += self.rng.choice([" is None", " is not None", " is True"])
        return made

    def piece(self, can_block):
        rng = self.rng
        if rng.random() < self.fault:
            return rng.choice(self.WRONG)
        dice = rng.random()
        if self.depth > 3 or dice < .2:
            return rng.choice(["text ", "<p>", "&\n", "é", " ", "\n"])
        if dice < .55:
            return "{{ " + self.expression() + " }}"
        if dice < .63:
            return rng.choice(self.ODD)
        self.depth += 1
        if dice < .75:
            made = "{% if " + self.condition() + " %}" + self.body(False)
            while rng.random() < .3:
                made += "{% elif " + self.condition() + " %}" + self.body(False)
            made += ("{% else %}" + self.body(False) if rng.random() < .4 else "") + "{% endif %}"
        elif dice < .87:
            names = rng.choice(["x", "x", "x", "y", "x, y", "x,y"])
            values = rng.choice(["l", "nums", "rows", "none_l", "missing", "none", "d", "name", "pairs", "x", "l|slice:':2'"])
            values = rng.choice(["pairs", "pairs", "d.items", "e.items", "none_l"]) if "," in names else values
            made = "{% for " + names + " in " + values + rng.choice(["", " reversed"]) + " %}" + self.body(False)
            made += ("{% empty %}" + self.body(False) if rng.random() < .4 else "") + "{% endfor %}"
        elif dice < .91:
            made = "{% with x=" + self.expression() + rng.choice(["", " y=" + self.expression()]) + " %}" + self.body(False) + "{% endwith %}"
        elif dice < .94:
            made = "{% autoescape " + rng.choice(["on", "off", "off"]) + " %}" + self.body(False) + "{% endautoescape %}"
        elif dice < .97 and can_block:
            self.blocks += 1
            name = rng.choice("abc") + str(self.blocks if rng.random() < .3 else "")
            made = "{% block " + name + " %}" + self.body(True) + rng.choice(["{% endblock %}", "{% endblock " + name + " %}"])
        else:
            made = "{% include " + rng.choice(["'part'", "'part'", "'loop'", "missing|default:'part'"]) + rng.choice(["", " with x=n", " with x=name y=s only", " only"]) + " %}"
        self.depth -= 1
        return made

    def body(self, can_block):
        return "".join(self.piece(can_block) for _ in range(self.rng.choice([0, 1, 1, 2, 3])))

    def case(self):
        rng = self.rng
        page = "".join(self.piece(True) for _ in range(rng.choice([1, 2, 3, 5])))
        others = {"part": "[{{ x }}|{{ n }}|{{ name }}]", "loop": "{% for y in l %}{{ forloop.counter }}{{ y }}{% endfor %}",
                  "base": "<{% block a %}A{{ x }}{% block b %}B{% endblock %}{% endblock %}{% block c %}C{% endblock %}>", "mid":
                  "{% extends 'base' %}{% block b %}mid{{ block.super }}{% endblock %}{% block c %}m{% endblock %}"}
        if rng.random() < .25:
            page = rng.choice(["", "", "before\n", "{# c #}", "{{ n }}"]) + "{% extends " + rng.choice(["'base'", "'mid'", "base", "missing", "'nowhere'"]) + " %}" + page
        if rng.random() < .1:
            self.fault, self.blocks = 0, 0
            others["part"] = self.body(True)
        return {"page": page, **others}


def django_page(engine_class, texts, context):
    """Returns what Django makes of a page, in the words of the oracle."""
    from django.template import Context
    engine = engine_class(loaders=[("django.template.loaders.locmem.Loader", texts)],
                          libraries={"static": "django.templatetags.static"})
    try:
        return "page " + engine.get_template("page").render(Context(context)).encode().hex()
    except RecursionError:
        return None
    except Exception as error:
        if isinstance(error.__cause__, RecursionError):  # inspect.getfullargspec() makes a TypeError of it
            return None
        return f"error {type(error).__name__} {str(error).encode().hex()}"


def readable(line):
    words = line.split(" ")
    return " ".join([*words[:-1], repr(bytes.fromhex(words[-1]).decode(errors="replace"))])


def set_up():
    """Configures Django, once."""
    from django.conf import settings
    if settings.configured:
        return
    logging.disable(logging.CRITICAL)
    settings.configure(STATIC_URL="/static/", USE_L10N=False, USE_TZ=False, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
                       MIDDLEWARE=[f"{__name__}.{name}" for name in "ABC"])
    django.setup()


def templates(oracle, rng, everything):
    if django is None:
        print("templates: SKIPPED: Django is not installed")
        return None
    import datetime
    from django.template import Engine
    from django.utils.safestring import mark_safe
    set_up()
    context = {}
    for name, what in CONTEXT.items():
        if isinstance(what, str) and what.startswith("time:"):
            what = datetime.datetime.utcfromtimestamp(int(what[5:]))
        context[name] = mark_safe(what) if name in SAFE else what
    cases = [Templates(rng).case() for _ in range(10_000 if everything else 500)]
    rows = [row("template", str(len(case)), *[word for pair in case.items() for word in pair], *encode(CONTEXT)) for case in cases]
    os.environ["TZ"] = "UTC"
    time.tzset()
    wanted = [django_page(Engine, case, dict(context)) for case in cases]
    got = [readable(line) for line in ask(oracle, rows)]
    wanted = [readable(line) if line else None for line in wanted]
    for answers in wanted, got:  # the rest of this text prints the whole context
        answers[:] = [re.sub(r"^(error VariableDoesNotExist) .(.*?\]).*", r"\1 \2", line) if line else line for line in answers]
    kinds = {}
    for line in wanted:
        kind = line.split(" ")[1] if line and line.startswith("error") else "page"
        kinds[kind] = kinds.get(kind, 0) + 1
    print("templates:", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    return compare("templates", [case["page"] + ("" if case["part"].startswith("[{{ x") else "  PART " + case["part"]) for case in cases],
                   wanted, got, wanted.count(None))


# ---- hosts


def hosts(oracle, rng, everything):
    if django is None:
        print("hosts: SKIPPED: Django is not installed")
        return None
    from django.http.request import split_domain_port, validate_host

    def host():
        made = rng.choice(["", "", "", "www.", "a.b.", "x", ".", "[", "[:", "[::", "[a:"])
        made += rng.choice(["example.com", "EXAMPLE.com", "localhost", "127.0.0.1", "::1]", "1]", "ffff:1.2.3.4]", "g]", "evil.example", "", "a_b", "a-b"])
        made += rng.choice(["", "", "", ".", "..", "]", "@", "/", " ", "\t"])
        made += rng.choice(["", "", "", ":", ":80", ":8000", ":8x", ":80:80", ":٣", ":+1"])
        at = rng.randrange(len(made) + 1)
        return made if rng.random() < .9 else made[:at] + rng.choice(["\0", "é", "%", "A", ":", "[", "]", ".", "-", "\x7f"]) + made[at:]
    patterns = ["", "*", ".", "example.com", ".example.com", "Www.Example.COM", ".localhost", "127.0.0.1", "[::1]", "x", ".b.example.com", "com", ".com",
                "example.com.", "*.example.com", "[::ffff:1.2.3.4]", "a_b", "a-b", ".a-b"]
    cases = [(host(), rng.sample(patterns, rng.randrange(4))) for _ in range(20_000 if everything else 2_000)]
    wanted = []
    for name, allowed in cases:
        domain = split_domain_port(name.encode().decode("latin-1"))[0]  # as a server of Python reads fields
        wanted.append(f"name {domain.encode().hex().upper()} {'yes' if domain and validate_host(domain, allowed) else 'no'}")
    got = [line.split(" ") for line in ask(oracle, [row("host", name, *allowed) for name, allowed in cases])]
    return compare("hosts", cases, wanted, [" ".join([word, digits.upper(), answer]) for word, digits, answer in got])


# ---- reverse


def reverse(oracle, rng, everything):
    if django is None:
        print("reverse: SKIPPED: Django is not installed")
        return None
    set_up()
    import urllib.parse
    from django.urls import NoReverseMatch, include, re_path
    from django.urls.resolvers import RegexPattern, URLResolver

    def pattern(named):
        def group(inside):
            return f"(?P<n{rng.randrange(3)}>{inside})" if named else f"({inside})"
        made, names = "^", []
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            piece = rng.choice(["a/", "list/", r"\.", "[abc]", "[^/]", r"\d", r"\w", ".", "é", "(?:ab)", "(?:a|b)", "-", "[]x]", r"\-"]) if rng.random() < .5 else \
                rng.choice([group(r"\d+"), group("[^/]+"), group("a|b"), group(r"\w+") + "/", f"(?:page-{group('[0-9]+')}/)", f"(?:{group('x')}y)",
                            "(x(y))" if not named else group("(?:x)"), f"(?:{group('[()]')}(?:-{group('.')})?)"])
            if rng.random() < .3:
                piece += rng.choice(["?", "*", "+", "??", "{2}", "{1,2}", "{0,3}"])
            found = re.findall("<(n.)>", piece)
            if any(each in names for each in found) or len(set(found)) < len(found):
                continue
            names += found
            made += piece
        return made + rng.choice(["", "/", "/?"]) + rng.choice(["$", "$", r"\Z", ""])

    def wanted(patterns, arguments, named):
        def route(text):
            return re_path(text, lambda request: None, name="name")
        table = [route(each) for each in patterns if not each.startswith("in:")]
        table.append(re_path("^in/", include([route(each[3:]) for each in patterns if each.startswith("in:")])))
        resolver = URLResolver(RegexPattern("^/"), table)
        try:
            path = resolver._reverse_with_prefix("name", "/", *arguments, **named)
        except NoReverseMatch as error:
            return f"error NoReverseMatch {str(error).encode().hex()}"
        texts = [urllib.parse.unquote(path)[1:]] + [urllib.parse.unquote(path)[4:]]
        for each in patterns:  # we refuse a path in which the route finds other arguments
            found = re.search(each.removeprefix("in:"), texts[each.startswith("in:")], re.ASCII)
            if found and not (set(named.items()) <= set(found.groupdict().items()) if named else
                              not collections.Counter(arguments) - collections.Counter(found.groups())):
                return None
        return "path " + path.encode().hex()
    cases = []
    for _ in range(20_000 if everything else 2_000):
        named = rng.random() < .4
        patterns = [pattern(named) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        patterns += ["in:" + pattern(named) for _ in range(rng.choice([0, 0, 1]))]
        texts = ["1", "42", "a", "b", "x", "y", "xy", "a b", "/", "(", "", "//e", "?", "%2F", "page-3/"]
        arguments = [] if named else [rng.choice(texts) for _ in range(rng.choice([0, 0, 1, 1, 2, 3]))]
        cases.append((patterns, arguments, {f"n{i}": rng.choice(texts) for i in range(3) if rng.random() < .4} if named else {}))
    rows = [row("reverse", str(len(patterns)), *patterns, *(["named", *itertools.chain(*named.items())] if named else ["args", *arguments]))
            for patterns, arguments, named in cases]
    answers = [wanted(*case) for case in cases]
    kinds = {str(each).split(" ")[0]: 0 for each in answers}
    for each in answers:
        kinds[str(each).split(" ")[0]] += 1
    print("reverse:", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    got = [readable(line) for line in ask(oracle, rows)]
    return compare("reverse", cases, [readable(line) if line else None for line in answers], got, answers.count(None))


# ---- middleware

PLAN, TRACE = {"view": "ok", "faults": ()}, []
urlpatterns = []


def layer(name):
    """Returns a class of middleware that writes its hooks into TRACE, and has the faults of PLAN."""
    from django.http import HttpResponse
    from django.utils.deprecation import MiddlewareMixin

    def hook(which, otherwise):
        TRACE.append(f"{name}.{which}")
        if f"{name}.{which}=throw" in PLAN["faults"]:
            raise RuntimeError(which)
        return HttpResponse(f"{name}.{which}") if f"{name}.{which}=answer" in PLAN["faults"] else otherwise

    class Layer(MiddlewareMixin):
        def process_request(self, request):
            return hook("request", None)

        def process_view(self, request, view, args, kwargs):
            return hook("view", None)

        def process_template_response(self, request, response):
            hook("template", None)
            return response

        def process_exception(self, request, exception):
            return hook("exception", None)

        def process_response(self, request, response):
            return hook("response", response)
    return Layer


def middleware(oracle, rng, everything):
    if django is None:
        print("middleware: SKIPPED: Django is not installed")
        return None
    set_up()
    from django.core.handlers.base import BaseHandler
    from django.http import HttpResponse
    from django.test import RequestFactory
    from django.urls import path

    class Page(HttpResponse):
        def render(self):
            if PLAN["view"] == "bad_page":
                raise RuntimeError("page")
            return self

    def view(request):
        TRACE.append("view")
        if PLAN["view"] == "throws":
            raise RuntimeError("view")
        return HttpResponse("ok") if PLAN["view"] == "ok" else Page("page")
    urlpatterns[:] = [path("", view)]
    globals().update({name: layer(name) for name in "ABC"})
    handler = BaseHandler()
    handler.load_middleware()
    faults = [f"{name}.{hook}={what}" for name in "ABC" for hook in ("request", "view", "template", "exception", "response")
              for what in ("answer", "throw") if (hook, what) != ("template", "answer")]
    pairs = [(), *itertools.combinations(faults, 1),
             *(pair for pair in itertools.combinations(faults, 2) if pair[0].split("=")[0] != pair[1].split("=")[0])]
    cases = [(kind, *some) for kind in ("ok", "page", "bad_page", "throws") for some in pairs]
    if not everything:
        cases = rng.sample(cases, 400)
    wanted = []
    for kind, *some in cases:
        PLAN.update(view=kind, faults=some)
        TRACE.clear()
        response = handler.get_response(RequestFactory().get("/"))
        wanted.append(" ".join([*TRACE, str(response.status_code)]) + (f" {response.content.decode()}" if response.status_code == 200 else ""))
    return compare("middleware", cases, wanted, ask(oracle, [row("middleware", *case) for case in cases]))


PARTS = {"patterns": patterns, "templates": templates, "hosts": hosts, "reverse": reverse, "middleware": middleware}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("oracle")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=sorted(PARTS))
    options = parser.parse_args()
    good, skipped = True, False
    for name in options.only or PARTS:
        begin = time.monotonic()
        result = PARTS[name](os.path.abspath(options.oracle), random.Random(options.seed), options.all)
        good, skipped = good and result is not False, skipped or result is None
        print(f"    {time.monotonic() - begin:.1f} s")
    return 1 if not good else 77 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())

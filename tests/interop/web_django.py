#!/usr/bin/env python3
"""web_django.py ORACLE [--all] [--seed N] [--only PART]...: asks Python and Django what web.hpp must answer.

    patterns     random regular expressions with random texts: the same match and the same groups as Python's `re`

ORACLE is the program web_oracle. Without --all a part of the questions is asked. Exit status 77 if a peer is missing.
"""
import argparse
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


PARTS = {"patterns": patterns}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("oracle")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=sorted(PARTS))
    options = parser.parse_args()
    good = True
    for name in options.only or PARTS:
        begin = time.monotonic()
        good = PARTS[name](os.path.abspath(options.oracle), random.Random(options.seed), options.all) and good
        print(f"    {time.monotonic() - begin:.1f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

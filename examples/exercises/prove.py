#!/usr/bin/env python3
"""Proves that the exercises teach: each start fails, each solution passes, each mutant is found.

    check.sh --prove                  all of it; about half an hour on two processors
    check.sh --prove NAME...          all of it, for some exercises
    check.sh --prove --sample         the default test run: each start, solution and mutant once, and the shortcuts of six

For each exercise:

    - start.cpp compiles and fails, and the output names a step; an empty sheet fails
    - an empty file, and a file whose text is switched off, fail
    - each file of its folder cheats/ fails: the feature deleted, the expected words printed, an early exit
    - the solution passes: three times (once with --sample), and with clang++ if it is installed
    - a test (kind K) finds each mutant of mutants.txt, and the start misses a mutant
    - generic faults, put into the solution by a fixed seed, fail: 90 of 100 at least; the others are listed. A change that
      cannot be a fault stands in harmless.txt of the folder, with its reason: `line of the solution | old | new | reason`
"""
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# Three on two processors, because a third of the time goes into waiting for servers and limits of time.
WORKERS = int(os.environ.get("NETNOTES_JOBS", 3))
problems, survivors, counts = [], [], {}
used = {}  # seconds of processor time, by the folder of an exercise: a busy machine does not change them
precompiled = ""  # a folder that all exercises share
is_quick = False  # --sample: the answers are built without sanitizers


class Exercise:
    def __init__(self, line):
        self.number, self.name, self.kind, self.headers = [part.strip() for part in line.split("|")][:4]
        self.folder = HERE / f"{self.number}_{self.name}"

    def __str__(self):
        return f"{self.number}_{self.name}"


def exercises(names):
    lines = [line for line in (HERE / "list.txt").read_text(encoding="utf-8").splitlines()
             if line.strip() and not line.startswith("#")]
    found = [Exercise(line) for line in lines]
    unknown = [name for name in names if not any(name in (str(e), e.name, e.number) for e in found)]
    if unknown:
        sys.exit(f"prove.py: there is no exercise {', '.join(unknown)}")
    return [e for e in found if not names or any(name in (str(e), e.name, e.number) for name in names)]


def check(work, words, compiler=None, patience=1):
    env = {**os.environ, "NETNOTES_EXERCISES": str(work), "NETNOTES_LANGUAGE": "en", "NETNOTES_PROVE": "1",
           "NETNOTES_PCH": precompiled, "NETNOTES_PATIENCE": str(patience), "NETNOTES_QUICK": "1" if is_quick else ""}
    if compiler:
        env["CXX"] = compiler
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(["sh", str(HERE / "check.sh"), *words], stdout=output, stderr=subprocess.STDOUT, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        used[pathlib.Path(work).name] = used.get(pathlib.Path(work).name, 0) + usage.ru_utime + usage.ru_stime
        output.seek(0)
        return child.returncode, output.read().decode(errors="replace")


def expect(exercise, what, work, text, passes, compiler=None, needs_step=False, says=""):
    """Judges one answer, and notes a problem unless it passes, or fails, as it should."""
    suffix = ".txt" if exercise.kind in "PC" else ".cpp"
    file = work / f"answer{suffix}"
    file.write_text(text, encoding="utf-8")
    # A right answer must pass on a busy machine, too. A wrong answer may fail because it takes too long.
    status, output = check(work, ["--grade", exercise.name, str(file)], compiler, 10 if passes else 1)
    counts[what] = counts.get(what, 0) + 1
    if (status == 0) != passes or (not passes and status not in (0, 1)):
        problems.append(f"{exercise}: {what}: status {status}, should {'pass' if passes else 'fail with status 1'}\n"
                        + "".join("    " + line + "\n" for line in output.splitlines()[-15:]))
    elif needs_step and not re.search(r"^  \d+ .* \.\.\.|^  mutant \d+ lives", output, re.M):
        problems.append(f"{exercise}: {what}: no step is named: {output!r}")
    elif passes and "copy by copy" in output:
        problems.append(f"{exercise}: {what}: cannot be compiled with all mutants at once, which costs minutes: {output!r}")
    elif says not in output:
        problems.append(f"{exercise}: {what}: does not say {says!r}: {output!r}")
    return status == 0


def generic_faults(text, seed, count=20):
    """Yields (what, text) with one fault each: a relation, a number, a condition, a statement left out."""
    places = []
    code = "\n".join(re.sub(r"//.*|\"(?:\\.|[^\"\\])*\"", lambda m: " " * len(m.group()), line) for line in text.split("\n"))
    for match in re.finditer(r"(?<![<>=\-])(<=|>=|==|!=|<(?!<)|>(?!>))(?![=<>])", code):
        if " " in code[match.start() - 1:match.start()] and not re.match(r"\s*#", code[code.rfind("\n", 0, match.start()) + 1:]):
            other = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}[match.group()]
            places.append((match.start(), match.end(), other))
    for match in re.finditer(r"(?<![\w.'])(\d+)(?![\w.'])", code):
        places.append((match.start(), match.end(), str(int(match.group()) + 1)))
    for match in re.finditer(r"\bif \((?!const|auto|int)([^;{}]+?)\)(?= )", code):
        places.append((match.start(1), match.end(1), f"!({text[match.start(1):match.end(1)]})"))
    for match in re.finditer(r"(?<=[;{}]\n)[ \t]+(?!return|const|auto|using|static|int|std::|net::\w+ \w+[{;=]|for|if|while|case|default|break|}|public|private)[^\n;{}]+;(?=\n)", code):
        places.append((match.start(), match.end(), ";"))
    random.Random(seed).shuffle(places)
    for begin, end, new in places[:count]:
        line = text.count("\n", 0, begin) + 1
        change = (text.split("\n")[line - 1].strip(), text[begin:end].strip(), new)
        yield f"line {line}: `{change[1]}` to `{new}`", change, text[:begin] + new + text[end:]


def harmless_changes(exercise, solution):
    """Returns the changes of harmless.txt as {(line, old, new)}. A line that the solution no longer has is a problem."""
    file, found = exercise.folder / "harmless.txt", set()
    lines = {line.strip() for line in solution.splitlines()}
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        line, old, new, reason = text.rsplit(" | ", 3)
        found.add((line, old, new))
        if line not in lines or not reason:
            problems.append(f"{exercise}: harmless.txt: the solution has no line {line!r}")
    return found


def prove(exercise, sample):
    """Returns the seconds of processor time, and the seconds that have passed."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="netnotes-prove-") as folder:
        work = pathlib.Path(folder)
        for file in "task.md", "task.zh.md", "check.cpp":
            if not (exercise.folder / file).exists():
                problems.append(f"{exercise}: {file} is missing")
        if exercise.kind in "PC":
            (work / ".built").mkdir()
            (work / ".built" / f"{exercise.number}_seed").write_text("4711\n", encoding="utf-8")
            _, solution = check(work, ["--answers", exercise.name])
            expect(exercise, "the right sheet", work, solution, True)
            lines = solution.splitlines()
            for at in range(len(lines)):  # each line alone wrong
                if at % 8 == 0 or not sample:
                    wrong = lines[:at] + [lines[at] + "1"] + lines[at + 1:]
                    expect(exercise, "a sheet with one wrong line", work, "\n".join(wrong) + "\n", False)
            expect(exercise, "an empty sheet", work, "", False)
            return used[work.name], time.monotonic() - begin
        source = HERE / "solutions" / f"{exercise}.cpp"
        start, solution = (exercise.folder / "start.cpp").read_text(encoding="utf-8"), source.read_text(encoding="utf-8")
        if start.count("\n") > 45:
            problems.append(f"{exercise}: start.cpp has {start.count(chr(10))} lines, more than a screen")
        # The first check compiles, and says so: that takes seconds.
        expect(exercise, "start", work, start, False, needs_step=True, says="Compiling the check")
        expect(exercise, "solution", work, solution, True)
        tries_shortcuts = not sample or exercise.number in ("04", "07", "14", "21", "28", "36")
        if tries_shortcuts:
            expect(exercise, "empty file", work, "", False)
        for cheat in sorted(exercise.folder.glob("cheats/*.cpp")) if tries_shortcuts else []:
            expect(exercise, f"cheat {cheat.stem}", work, cheat.read_text(encoding="utf-8"), False)
        if exercise.kind == "K" and not sample:
            expect(exercise, "CHECK(false)", work, '#include "kill.hpp"\nvoid test() { CHECK(false); }\n', False)
        if not sample:
            expect(exercise, "switched off", work, f"#if 0\n{solution}\n#endif\n", False)
            for _ in range(2):
                expect(exercise, "solution", work, solution, True)
            if shutil.which("clang++"):
                shutil.rmtree(work / ".built", ignore_errors=True)
                expect(exercise, "solution with clang", work, solution, True, compiler="clang++")
                shutil.rmtree(work / ".built", ignore_errors=True)
            if exercise.kind != "K":
                alive = []
                total = 0
                harmless = harmless_changes(exercise, solution)
                for what, change, text in generic_faults(solution, 7):
                    if change in harmless:
                        continue
                    file = work / "fault.cpp"
                    file.write_text(text, encoding="utf-8")
                    status, output = check(work, ["--grade", exercise.name, str(file)])
                    if "does not compile" in output:
                        continue
                    total += 1
                    if status == 0:
                        alive.append(what)
                survivors.extend(f"{exercise}: {each}" for each in alive)
                for each in alive:  # at once: the proof of all exercises takes half an hour
                    print(f"alive: {exercise}: {each}", flush=True)
                counts["generic faults"] = counts.get("generic faults", 0) + total
                counts["generic faults alive"] = counts.get("generic faults alive", 0) + len(alive)
    return used[work.name], time.monotonic() - begin


def main():
    words = sys.argv[1:]
    if "--help" in words or "-h" in words:
        print(__doc__)
        return 0
    if any(word.startswith("-") and word != "--sample" for word in words):
        print(__doc__, file=sys.stderr)
        return 2
    sample = "--sample" in words
    chosen = exercises([word for word in words if word != "--sample"])
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="netnotes-prove-") as folder, \
            concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        global precompiled, is_quick
        precompiled, is_quick = os.environ.get("NETNOTES_PCH", folder), sample
        if len(chosen) > 4:  # otherwise two exercises would build the same header at once
            list(pool.map(lambda module: check(folder, ["--precompile", module]), ["coro", "sockets", "standard"]))
        told = 0
        chosen.sort(key=lambda each: each.kind != "K")  # the longest first
        for exercise, (seconds, passed) in zip(chosen, pool.map(lambda each: prove(each, sample), chosen)):
            print(f"{exercise}: {seconds:.1f} s of processor time, {passed:.1f} s passed", *problems[told:], sep="\n", flush=True)
            told = len(problems)
    for what, count in sorted(counts.items()):
        print(f"{count:5} {what}")
    total, alive = counts.get("generic faults", 0), counts.get("generic faults alive", 0)
    if total and alive > total / 10:
        problems.append(f"{alive} of {total} generic faults are not noticed; at most a tenth may be")
    for each in problems[told:]:
        print(each)
    print(f"{len(chosen)} exercises in {time.monotonic() - begin:.0f} s, {sum(used.values()):.0f} s of processor time, "
          f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

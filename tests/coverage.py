#!/usr/bin/env python3
"""How much of include/ the tests run: lines and branches, for each header.

    coverage.py [--build DIR] [--least PERCENT] [--list] [--no-run]

Builds the tests and examples in DIR (build/coverage) with `g++ -O0 --coverage`, runs all tests but the package tests
(they build elsewhere) and the benchmarks, and reads what gcov has counted. A line of a template counts as run when any
instance has run it. Of the branches only those are counted that a program can take by itself: not the ways out of every
call by an exception. Each line that nothing has run is printed with --list, else only for headers below PERCENT (95).

Exit status: 0; 1 when less than PERCENT of all lines are run, or a test fails; 2 for wrong arguments; 77 where g++ or
gcov is not installed.
"""
import argparse
import collections
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = TOP / "include/netnotes"

# A process that ends by _exit(), as the children of fork() do, would forget what it has counted. A child that has
# changed its root directory forgets its counts, because it would write them below that root.
EXIT = """#pragma once
#include <sys/syscall.h>
#include <unistd.h>
extern "C" void __gcov_dump(void);
[[noreturn]] inline void exit_with_counts(int status) {
    if (::access(COUNTS, F_OK) == 0) __gcov_dump();
    for (;;) ::syscall(SYS_exit_group, status);
}
#define _exit exit_with_counts
"""


def run(*command, **more):
    print("coverage.py:", *command, file=sys.stderr, flush=True)
    return subprocess.run([str(word) for word in command], check=False, **more).returncode


def build_and_test(build):
    build.mkdir(parents=True, exist_ok=True)
    header = build / "exit_with_counts.hpp"
    text = EXIT.replace("COUNTS", json.dumps(str(build)))
    if not header.exists() or header.read_text() != text:
        header.write_text(text)
    flags = f"-O0 --coverage -fno-inline -include {header}"
    if run("cmake", "-S", TOP, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_COMPILER=g++",
           f"-DCMAKE_CXX_FLAGS={flags}", stdout=subprocess.DEVNULL) != 0:
        sys.exit(1)
    if run("cmake", "--build", build) != 0:
        sys.exit(1)
    for counted in build.rglob("*.gcda"):
        counted.unlink()
    return run("ctest", "--test-dir", build, "-LE", "^(package|bench)$", "--output-on-failure", "--no-tests=error",
               "-j", os.cpu_count() or 1, stdout=sys.stderr)


class Header:
    def __init__(self):
        self.lines = collections.Counter()
        self.branches = collections.Counter()


def read(build):
    """{name: Header} of what gcov tells about all objects."""
    headers = collections.defaultdict(Header)
    notes = sorted(build.rglob("*.gcno"))
    with tempfile.TemporaryDirectory() as scratch:
        for i, note in enumerate(notes, 1):
            if sys.stderr.isatty():
                print(f"\rcoverage.py: gcov {i} of {len(notes)}", end="", file=sys.stderr, flush=True)
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--demangled-names", str(note)],
                           cwd=scratch, check=True, capture_output=True)
            for found in pathlib.Path(scratch).glob("*.gcov.json.gz"):
                with gzip.open(found, "rt") as text:
                    add(json.load(text), headers)
                found.unlink()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return headers


def add(told, headers):
    directory = pathlib.Path(told["current_working_directory"])
    for file in told["files"]:
        path = (directory / file["file"]).resolve()
        if INCLUDE not in path.parents:
            continue
        header = headers[str(path.relative_to(INCLUDE))]
        for line in file["lines"]:
            number = line["line_number"]
            header.lines[number] += line["count"]
            # Instances of a template have each their branches; in source order they are the same ones.
            for i, branch in enumerate(branch for branch in line["branches"] if not branch["throw"]):
                header.branches[number, i] += branch["count"]


def percent(part, whole):
    return 100 * part / whole if whole else 100.0


def report(headers, least, all_lines):
    print(f"{'':<28}{'lines':>13}{'':>8}{'branches':>15}")
    total = [0, 0, 0, 0]
    wanting = []
    for name in sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.hpp")):
        header = headers.get(name, Header())
        figures = [sum(1 for count in each.values() if count) if ran else len(each)
                   for each in (header.lines, header.branches) for ran in (True, False)]
        if not figures[1]:
            continue  # it only includes others
        total = [a + b for a, b in zip(total, figures)]
        row(name, *figures)
        if all_lines or percent(figures[0], figures[1]) < least:
            wanting.append(name)
    row("all", *total)
    for name in wanting:
        source = (INCLUDE / name).read_text().splitlines()
        for number in sorted(number for number, count in headers[name].lines.items() if not count):
            print(f"{name}:{number}: {source[number - 1].strip()}")
    return percent(total[0], total[1])


def row(name, ran, lines, taken, branches):
    print(f"{name:<28}{f'{ran} of {lines}':>13}{percent(ran, lines):>7.1f}%{f'{taken} of {branches}':>15}"
          f"{percent(taken, branches):>7.1f}%")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage=argparse.SUPPRESS)
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build/coverage", metavar="DIR")
    parser.add_argument("--least", type=float, default=95, metavar="PERCENT")
    parser.add_argument("--list", action="store_true", help="every line that nothing has run, of all headers")
    parser.add_argument("--no-run", action="store_true", help="read again what the last run has counted")
    options = parser.parse_args()
    if missing := [tool for tool in ("g++", "gcov", "cmake") if not shutil.which(tool)]:
        print(f"SKIPPED: {', '.join(missing)} is not installed")
        return 77
    build = options.build.resolve()
    failed = 0 if options.no_run else build_and_test(build)
    headers = read(build)
    if not headers:
        print(f"coverage.py: nothing has been counted in {build}", file=sys.stderr)
        return 1
    reached = report(headers, options.least, options.list)
    if failed:
        print("coverage.py: a test has failed", file=sys.stderr)
    if reached < options.least:
        print(f"coverage.py: {reached:.1f} % of the lines, and {options.least:g} % are wanted", file=sys.stderr)
    return 1 if failed or reached < options.least else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

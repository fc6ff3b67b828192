#!/usr/bin/env python3
"""What headers cost the compiler: processor time, time, peak memory, preprocessed lines.

    compile_time.py [HEADER | PROGRAM]...   <asio.hpp> and all of include/netnotes unless HEADERs are given

A PROGRAM is a file such as tests/bench/hello_beast.cpp. It is compiled with -O2, and the code is thrown away.

The least of five runs each, one after the other in turn, so that a machine that slows down slows all. $CXX is asked,
g++ unless it is set; -std=c++20 -fsyntax-only, that is without making code. `run.py --only compile` compares.

Behind the processor time of a header of ours stands its floor, in parentheses: the time of the headers of the system that
it includes, alone. Both are also printed as parts of the time of <asio.hpp>, if it is measured. GOALS has the goals.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
# The most that a header may take of the time of <asio.hpp>, with g++ 12.
GOALS = {"netnotes/ip.hpp": 0.30, "netnotes/tcp.hpp": 0.50, "netnotes/coro.hpp": 0.80}


def compiler():
    return shutil.which(os.environ.get("CXX", "g++"))


def header(name):
    """A job: (source text, flags)."""
    return f"#include <{name}>\n", ["-fsyntax-only"]


def floor(cxx, name):
    """A job: the headers of the system that a header of ours includes itself, in order."""
    # -H prints a line for each header: a dot for each level, and the path.
    done = subprocess.run([cxx, "-std=c++20", f"-I{TOP / 'include'}", "-fsyntax-only", "-H", "-x", "c++", "-"],
                          input=f"#include <{name}>\n", capture_output=True, text=True, check=False)
    ours, found, above = str(TOP / "include"), [], []
    for line in done.stderr.splitlines():
        dots, _, path = line.partition(" ")
        if not dots or set(dots) != {"."}:
            continue
        above[len(dots) - 1:] = [path]
        if not path.startswith(ours) and len(above) > 1 and above[-2].startswith(ours):
            found.append(path)
    return "".join(f'#include "{path}"\n' for path in found), ["-fsyntax-only"]


def server(path):
    """A job: a program, optimised."""
    return pathlib.Path(path).read_text(), ["-O2", "-c", "-o", os.devnull]


def once(command):
    """(seconds of CPU, seconds, MB) of a run, or None where it fails."""
    # The usage of children that have been waited for is only to be had as a sum, and as a maximum for the memory:
    # so each run is a grandchild, and its parent tells what it has cost.
    script = ("import resource, subprocess, sys, time\n"
              "begin = time.monotonic()\n"
              "status = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode\n"
              "took = time.monotonic() - begin\n"
              "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
              "print(used.ru_utime + used.ru_stime, took, used.ru_maxrss / 1024)\n"
              "sys.exit(status)\n")
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=False)
    return tuple(map(float, done.stdout.split())) if done.returncode == 0 else None


def lines(command):
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout.count(b"\n")


def measure(cxx, include, jobs, rounds, say=lambda text: None):
    """Yields (name, (seconds of CPU, seconds, MB, lines)) for each of {name: job} that compiles."""
    best = {}
    with tempfile.TemporaryDirectory() as scratch:
        commands = {}
        for i, (name, (text, flags)) in enumerate(jobs.items()):
            source = pathlib.Path(scratch, f"{i}.cpp")
            source.write_text(text)
            commands[name] = ([cxx, "-std=c++20", f"-I{include}"], [*flags, str(source)])
        for i in range(rounds):
            say(f"compile: round {i + 1} of {rounds}, {len(commands)} sources")
            for name, (first, rest) in list(commands.items()):
                if cost := once(first + rest):
                    best[name] = tuple(map(min, cost, best.get(name, cost)))
                else:
                    say(f"compile: {name} does not compile here (not installed?), so left out")
                    del commands[name]
        for name, (first, rest) in commands.items():
            yield name, (*best[name], lines([*first, "-E", "-P", rest[-1]]))


def main():
    if len(sys.argv) > 1 and sys.argv[1].startswith("-"):
        wanted = sys.argv[1] in ("-h", "--help")
        print(__doc__, file=sys.stdout if wanted else sys.stderr)
        return 0 if wanted else 2
    cxx = compiler()
    if not cxx:
        sys.exit("compile_time.py: there is no g++ and no $CXX")
    names = sys.argv[1:] or ["asio.hpp", *sorted(f"netnotes/{path.name}"
                                                 for path in (TOP / "include/netnotes").glob("*.hpp"))]
    jobs = {name: server(name) if name.endswith(".cpp") else header(name) for name in names}
    jobs |= {f"floor of {name}": floor(cxx, name) for name in names if name.startswith("netnotes/")}
    costs = dict(measure(cxx, TOP / "include", jobs, 5))
    asio = costs.get("asio.hpp", (None,))[0]

    def beside(cpu, bottom):
        return f"{cpu:.3f}" + (f" ({bottom:.3f})" if bottom is not None else "")

    print(f"{'':<28}{'CPU, s (floor)':>16}{'of asio (floor)':>17}{'goal':>6}{'time':>9}{'memory':>9}{'lines':>9}")
    for name in names:
        if name not in costs:
            continue
        cpu, took, memory, count = costs[name]
        bottom = costs.get(f"floor of {name}", (None,))[0]
        ratio = beside(cpu / asio, bottom and bottom / asio) if asio else ""
        goal = f"{GOALS[name]:.2f}" if name in GOALS else ""
        print(f"{name:<28}{beside(cpu, bottom):>16}{ratio:>17}{goal:>6}{took:>7.3f} s{memory:>6.0f} MB{count:>9,}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

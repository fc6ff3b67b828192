#!/usr/bin/env python3
"""Measures this library beside others and prints one table: ours, best peer, C loop, ratio, goal, met?

    run.py [--programs DIR] [--output DIR] [--seconds S] [--only SECTION]... [--smoke]

A ratio says how many times as good ours is as the other: the C loop where there is one, else the peer. For the servers
it is the processor time for a request, measured in pairs (see `echo_load --help`), and its middle half stands behind
it. The table (Markdown) goes to the standard output, row by row; what is going on to the standard error. The output
directory gets results.csv (all that was measured), table.md and, where gnuplot is installed, two pictures:
idle_connections.svg and server_models.svg. Ctrl-C ends the run and keeps what was measured. All sections with the
default of 6 seconds for each pair take about three quarters of an hour, on a machine that does nothing else.

sections:
  null        a server against itself: today's noise
  workloads   echo with few and many connections, pipelined, large, by lines, short connections
  models      every server model of this library and every peer on the same work
  idle        one active connection beside 10 to 19,000 idle ones: select, poll, epoll, coroutines
  memory      resident memory of an idle connection
  counts      instructions and system calls for a request (valgrind, strace)
  coroutines  switches, child calls, timers
  addresses   reading and writing addresses, beside inet_pton() and inet_ntop()
  tftp        a thousand downloads at once, beside one alone; a file from our programs and from other programs
  compile     what each header costs the compiler, beside <asio.hpp> and httplib.h; the build of an echo server
"""
import argparse
import contextlib
import csv
import math
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

import compile_time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
COST = "CPU per request, us"
RATE = "requests per second"
C_LOOP = "C loop"
OURS = "coroutine"
RING = "coroutine-uring"
MODELS = ["iterative", "forking", "threaded", "nonblocking", "select", "poll", "epoll-level", "epoll-edge",
          "coroutine", "coroutine-uring"]
PEERS = ["Asio callbacks", "Asio awaitables", "libuv", "libevent"]
# name, connections, load options, ours, peers, goal against the C loop
WORKLOADS = [
    ("echo, 1 connection", 1, "", OURS, PEERS, None),
    ("echo, 64 connections", 64, "", OURS, PEERS, 0.98),
    ("echo, 1,000 connections", 1000, "", OURS, PEERS, 0.98),
    ("echo, 10,000 connections", 10000, "--slice 120", OURS, PEERS, None),
    ("echo, 64 connections, io_uring", 64, "", RING, [], 1.03),
    ("echo, 1,000 connections, io_uring", 1000, "", RING, [], 1.03),
    ("16 deep, 64 connections", 64, "--depth 16", OURS, PEERS, 0.98),
    ("16 KiB, 64 connections", 64, "--size 16384", OURS, PEERS, 0.98),
    ("lines, 16 in flight, 64 connections", 64, "--depth 16", "coroutine-lines", ["Asio lines"], 0.95),
    ("short connections, 64 at a time", 64, "--short", OURS, PEERS, 0.97),
]
ASIO_GOALS = [("echo, 64 connections, beside Asio", 64, "", OURS, "Asio awaitables", 1.05),
              ("echo, 1,000 connections, beside Asio", 1000, "", OURS, "Asio awaitables", 1.15),
              ("lines, 16 in flight, beside Asio", 64, "--depth 16", "coroutine-lines", "Asio lines", 10)]
IDLE = [10, 100, 1000, 5000, 10000, 19000]
FD_SETSIZE = 1024
SPARE = 64  # descriptors of a server beside those of its clients
COLUMNS = ["what", "a", "b", "connections", "options", "measure", "value of a", "value of b", "ratio", "low", "high",
           "pairs kept", "pairs", "goal"]
HEADING = ["", "ours", "best peer", "C loop", "ratio (middle half)", "goal", "met?"]


class Failed(Exception):
    """Said already, on the standard error."""


def say(text):
    print(f"run.py: {text}", file=sys.stderr, flush=True)


def run(command, **more):
    """As subprocess.run() with the output taken; whatever ends us ends all that the command has started, too."""
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True, **more) as child:
        try:
            output, errors = child.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=10)
            raise
    return subprocess.CompletedProcess(command, child.returncode, output, errors)


class Bench:
    def __init__(self, options):
        self.options = options
        self.directory = options.programs.resolve()
        self.load = self.program("echo_load")
        self.servers = {}
        if server := self.program("echo_server"):
            for model in MODELS + ["coroutine-lines", "coroutine-uring-lines"]:
                self.servers[model] = f"{server} {model}"
        for name, program, arguments in [(C_LOOP, "echo_epoll", ""), ("Asio callbacks", "echo_asio", " callbacks"),
                                         ("Asio awaitables", "echo_asio", " awaitables"),
                                         ("Asio lines", "echo_asio", " lines"), ("libuv", "echo_libuv", ""),
                                         ("libevent", "echo_libevent", "")]:
            if path := self.program(program):
                self.servers[name] = f"{path}{arguments}"
        for name, module in [("asyncio", "asyncio"), ("gevent", "gevent")]:
            for python in (sys.executable, "/usr/bin/python3"):
                if os.access(python, os.X_OK) and run([python, "-c", f"import {module}"]).returncode == 0:
                    self.servers[name] = f"{python} {HERE / f'echo_{module}.py'}"
                    break
        options.output.mkdir(parents=True, exist_ok=True)
        self.rows, self.table, self.goals = [], [], []
        self.file = (options.output / "results.csv").open("w", newline="")
        self.csv = csv.writer(self.file)
        self.csv.writerow(COLUMNS)

    def program(self, name):
        path = self.directory / name
        return path if path.is_file() else None

    def has(self, *names):
        return all(name in self.servers for name in names)

    def drive(self, what, a, b, connections, load_options="", seconds=None, rounds=3, goal=None):
        """Measures a pair; gives {measure: (a, b, ratio, low, high)}."""
        if self.options.smoke:
            rounds = 1
        say(f"{what}: {a}" + (f" beside {b}" if b else ""))
        command = [self.load, "--a", self.servers[a], "--connections", connections, "--csv", "--seconds",
                   seconds or self.options.seconds, "--rounds", rounds, *load_options.split()]
        if b:
            command += ["--b", self.servers[b]]
        done = run(command)
        if done.returncode != 0:
            say(f"{what}: {a}: {done.stderr.strip()}")
            raise Failed
        found = {}
        for *name, value_a, value_b, ratio, low, high, kept, pairs in csv.reader(done.stdout.splitlines()):
            measure = ",".join(name)
            found[measure] = [float(x) if x else math.nan for x in (value_a, value_b, ratio, low, high)]
            self.record(what, a, b, connections, load_options, measure, value_a, value_b, ratio, low, high, kept, pairs,
                        goal)
        return found

    def record(self, what, a, b, connections, load_options, measure, value_a, value_b="", ratio="", low="", high="",
               kept="", pairs="", goal=None):
        self.rows.append([what, a, b or "", connections, load_options.strip(), measure, value_a, value_b, ratio, low,
                          high, kept, pairs, goal if goal is not None else ""])
        self.csv.writerow(self.rows[-1])
        self.file.flush()  # whatever happens next

    def script(self, name, *words, load_options=""):
        """The number that a script prints, or None."""
        done = run(["sh", HERE / name, *words], env={**os.environ, "LOAD_OPTIONS": load_options})
        found = re.match(r"[\d.]+", done.stdout)
        if done.returncode == 0 and found:
            return float(found.group())
        say(f"{name}: {(done.stdout + done.stderr).strip()}")
        return None

    def heading(self):
        self.show(*HEADING)
        self.show(*["---"] * len(HEADING))

    def show(self, *cells):
        row = "| " + " | ".join(str(cell) for cell in cells) + " |"
        print(row, flush=True)
        self.table.append(row)

    def judge(self, what, ours, peer, loop, ratio, value=math.nan, goal=None, less=False):
        """A row of the table. `value` is what the goal is about: to be `goal` at least, or with `less` at most."""
        if goal is None:
            return self.show(what, ours, peer, loop, ratio, "", "")
        bound = f"at {'most' if less else 'least'} {goal:g}"
        if math.isnan(value):
            return self.show(what, ours, peer, loop, ratio, bound, "?")
        met = value <= goal if less else value >= goal
        self.goals.append((what, met))
        self.show(what, ours, peer, loop, ratio, bound, "yes" if met else "**no**")


def with_spread(ratio, low, high):
    """nan: no pair was kept, for the reference itself moved too much."""
    return "(too restless to tell)" if math.isnan(ratio) else f"{ratio:.3f} ({low:.3f} to {high:.3f})"


def figure(value, unit):
    return "" if math.isnan(value) else f"{value:.2f} {unit}"


def null(bench):
    for connections in (64, 1000):
        what = f"null test, {connections:,} connections"
        found = bench.drive(what, C_LOOP, C_LOOP, connections)[COST]
        bench.judge(what, "", "", figure(found[1], "us"), with_spread(*found[2:]))


def workloads(bench):
    for what, connections, load_options, ours, peers, goal in WORKLOADS:
        try:
            cost = bench.drive(what, ours, C_LOOP, connections, load_options, goal=goal)[COST]
        except Failed:
            continue
        best = (0, "")
        for peer in filter(bench.has, peers):
            with contextlib.suppress(Failed):
                against = bench.drive(what, peer, C_LOOP, connections, load_options)[COST]
                ratio = 0 if math.isnan(against[2]) else against[2]
                best = max(best, (ratio, f"{figure(against[0], 'us')} {peer}"))
        bench.judge(what, figure(cost[0], "us"), best[1], figure(cost[1], "us"), with_spread(*cost[2:]), cost[2], goal)
    for what, connections, load_options, ours, peer, goal in ASIO_GOALS:
        if bench.has(peer):
            with contextlib.suppress(Failed):
                cost = bench.drive(what, ours, peer, connections, load_options, goal=goal)[COST]
                bench.judge(what, figure(cost[0], "us"), f"{figure(cost[1], 'us')} {peer}", "", with_spread(*cost[2:]),
                            cost[2], goal)


def models(bench):
    for model in filter(bench.has, [*MODELS, C_LOOP, *PEERS, "asyncio", "gevent"]):
        connections = 1 if model == "iterative" else 64
        with contextlib.suppress(Failed):
            found = bench.drive("models", model, C_LOOP, connections)
            cost, rate = found[COST], found[RATE]
            own = f"{figure(cost[0], 'us')}, {rate[0]:,.0f}/s"
            bench.judge(f"model {model}, {connections} connection{'s' * (connections > 1)}",
                        own if model in MODELS else "", "" if model in MODELS or model == C_LOOP else own,
                        figure(cost[1], "us"), with_spread(*cost[2:]))


def idle(bench):
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for model in ("select", "poll", "epoll-level", OURS):
        for count in IDLE[:2] if bench.options.smoke else IDLE:
            what = f"{model}, 1 active beside {count:,}"
            if model == "select" and count + SPARE > FD_SETSIZE:
                if count == next(n for n in IDLE if n + SPARE > FD_SETSIZE):
                    count = FD_SETSIZE - SPARE  # as far as it goes
                    what = f"{model}, 1 active beside {count:,} (its end is FD_SETSIZE, {FD_SETSIZE:,})"
                else:
                    continue
            if count + SPARE > room:
                say(f"{what}: left out, a process here may have {room:,} descriptors (RLIMIT_NOFILE)")
                continue
            with contextlib.suppress(Failed):
                cost = bench.drive("idle", model, C_LOOP, 1, f"--idle {count}",
                                   seconds=min(bench.options.seconds, 2), rounds=1)[COST]
                bench.judge(what, figure(cost[0], "us"), "", figure(cost[1], "us"), with_spread(*cost[2:]))


def memory(bench):
    count = 100 if bench.options.smoke else 10000
    what = "memory of an idle connection"
    for server in filter(bench.has, (OURS, "coroutine-lines", RING, "epoll-edge", C_LOOP, *PEERS)):
        goal = 400 if server == OURS else None
        with contextlib.suppress(Failed):
            size = bench.drive("memory", server, None, count, "--memory", goal=goal)["bytes per idle connection"][0]
            cell = f"{size:,.0f} bytes"
            if server == C_LOOP:
                bench.judge(what, "", "", cell, "")
            elif server in PEERS:
                bench.judge(what, "", f"{cell} {server}", "", "")
            else:
                bench.judge(f"{what}, {server}", cell, "", "", "", size, goal, less=True)


def counts(bench):
    for name, script, load_options, goal in [
            ("instructions per request, 1 connection", "instructions.sh", "--connections 1", 250),
            ("instructions per request, 64 connections", "instructions.sh", "--connections 64", 250),
            ("system calls per request", "system_calls.sh", "", None),
            ("system calls per short connection", "system_calls.sh", "--short", 8.5)]:
        figures = {}
        for server in filter(bench.has, (OURS, C_LOOP, "Asio awaitables", "libuv")):
            say(f"{name}: {server}")
            value = bench.script(script, bench.load, *bench.servers[server].split(), load_options=load_options)
            if value is not None:
                figures[server] = value
                bench.record(name, server, None, "", load_options, name, value, goal=goal if server == OURS else None)
        if OURS in figures:
            value, peer = min(((value, peer) for peer, value in figures.items() if peer not in (OURS, C_LOOP)),
                              default=(None, ""))
            bench.judge(name, f"{figures[OURS]:g}", f"{value:g} {peer}" if peer else "",
                        f"{figures[C_LOOP]:g}" if C_LOOP in figures else "", "", figures[OURS], goal, less=True)


def tool(bench, name, *arguments):
    """The lines of a program that measures by itself."""
    say(" ".join([name, *arguments]))
    done = run([bench.program(name), *arguments, *["--smoke"] * bench.options.smoke])
    if done.returncode != 0:
        say(f"{name}: {done.stderr.strip()}")
        raise Failed
    return done.stdout.splitlines()


def coroutines(bench):
    for line in tool(bench, "coro_bench"):
        if found := re.match(r"(.*?) +([\d.]+) ns.*goal: under ([\d.]+)", line):
            name, value, goal = found.group(1), float(found.group(2)), float(found.group(3))
            bench.record(name, "netnotes", None, "", "", "ns", value, goal=goal)
            bench.judge(name, figure(value, "ns"), "", "", "", value, goal, less=True)


def addresses(bench):
    for line in tool(bench, "ip_bench"):
        if found := re.match(r"(\w+) (\w+) +([\d.]+) ns +([\d.]+) ns +([\d.]+) +\(([\d.]+) to ([\d.]+)\) +([\d.]+)",
                             line):
            verb, family, *numbers = found.groups()
            ours, theirs, ratio, low, high, goal = map(float, numbers)
            what, peer = f"{verb} an {family} address", "inet_pton()" if verb == "read" else "inet_ntop()"
            bench.record(what, "netnotes", peer, "", "", "ns", ours, theirs, ratio, low, high, goal=goal)
            bench.judge(what, figure(ours, "ns"), f"{figure(theirs, 'ns')} {peer}", "", with_spread(ratio, low, high),
                        ratio, goal)


def tftp(bench):
    for block, window in ((512, 1), (1428, 64), (65464, 1)):
        for line in tool(bench, "tftp_bench", "--block-size", str(block), "--window-size", str(window)):
            if found := re.search(r"one download ([\d.]+) MB/s, (\d+) at once ([\d.]+) MB/s together: ([\d.]+)x", line):
                one, number, many, ratio = map(float, found.groups())
                what = f"TFTP, {block:,}-byte blocks, window {window}: {number:,.0f} downloads at once beside 1"
                bench.record(what, "all together", "one alone", "", "", "MB/s", many, one, ratio, goal=0.9)
                bench.judge(what, f"{many:,.0f} MB/s", f"{one:,.0f} MB/s alone", "", f"{ratio:.2f}", ratio, 0.9)
    tftp_peers(bench)


def tftp_peers(bench):
    """The programs, from file to file: our client and server beside the best pair of others."""
    script, program = TOP / "tests/interop/tftp_peers.py", bench.directory.parent.parent / "examples/14_tftp/demo"
    if bench.options.smoke or not script.is_file() or not program.is_file():
        return
    say("tftp_peers.py --speed")
    done = run([sys.executable, script, "--speed", program])
    if done.returncode != 0:
        return say(f"tftp_peers.py: {(done.stdout + done.stderr).strip()}")
    for line in done.stdout.splitlines():
        if found := re.match(r"\| (.+?) \| ([\d.]+) \| ([\d.]+) (\(.+?\)) \| "
                             r"([\d.]+) \(([\d.]+) to ([\d.]+)\) \| ([\d.]+)", line):
            what, peer = f"TFTP, 32 MiB file, {found[1]}", found[4]
            ours, theirs, ratio, low, high, goal = map(float, found.group(2, 3, 5, 6, 7, 8))
            bench.record(what, "14_tftp", peer, "", "", "MB/s", ours, theirs, ratio, low, high, goal=goal)
            bench.judge(what, f"{ours:g} MB/s", f"{theirs:g} MB/s {peer}", "", with_spread(ratio, low, high), ratio,
                        goal)


def compile_section(bench):
    """The headers on their own, and a small server built as one would ship it."""
    compiler = compile_time.compiler()
    if not compiler:
        return say("compile: no g++ and no $CXX, so left out")
    costs = {}
    headers = sorted(path.name for path in (TOP / "include/netnotes").glob("*.hpp"))
    if bench.options.smoke:
        headers = ["ip.hpp", "tcp.hpp"]
    jobs = {f"<netnotes/{name}>": compile_time.header(f"netnotes/{name}") for name in headers}
    jobs |= {f"<{name}>": compile_time.header(name) for name in ("asio.hpp", "httplib.h")}
    for name in ("smallest_echo_netnotes.cpp", "smallest_echo_asio.cpp",
                 "smallest_hello_netnotes.cpp", "hello_beast.cpp"):
        jobs[name] = compile_time.server(HERE / name)
    for name, cost in compile_time.measure(compiler, TOP / "include", jobs, 1 if bench.options.smoke else 5, say):
        costs[name] = cost
        for measure, value in zip(("seconds of CPU", "seconds", "MB of memory", "preprocessed lines"), cost):
            bench.record(f"compile {name}", compiler, None, "", "", measure, f"{value:.4g}")
    goals = {"<netnotes/ip.hpp>": 6, "<netnotes/tcp.hpp>": 3}
    pairs = [(name, "<asio.hpp>", goals.get(name)) for name in jobs if name.startswith("<netnotes/")]
    pairs += [("<httplib.h>", "<asio.hpp>", None), ("smallest_echo_netnotes.cpp", "smallest_echo_asio.cpp", 4),
              ("smallest_hello_netnotes.cpp", "hello_beast.cpp", 2.5)]
    for name, peer, goal in pairs:
        if name not in costs:
            continue
        cells = {each: f"{cost[0]:.2f} s, {cost[2]:.0f} MB, {cost[3]:,} lines" for each, cost in costs.items()}
        ratio = costs[peer][0] / costs[name][0] if peer in costs else math.nan
        is_ours = name != "<httplib.h>"
        bench.judge(f"compile `{name}`", cells[name] if is_ours else "",
                    (f"{cells[peer]} `{peer}`" if peer in costs else "") if is_ours else cells[name], "",
                    "" if math.isnan(ratio) else f"{ratio:.2f}", ratio, goal)


# name: what does it, and the programs that it takes
SERVERS = ("echo_load", "echo_server", "echo_epoll")
SECTIONS = {"null": (null, SERVERS), "workloads": (workloads, SERVERS), "models": (models, SERVERS),
            "idle": (idle, SERVERS), "memory": (memory, SERVERS), "counts": (counts, SERVERS),
            "coroutines": (coroutines, ("coro_bench",)), "addresses": (addresses, ("ip_bench",)),
            "tftp": (tftp, ("tftp_bench",)), "compile": (compile_section, ())}


# ---- pictures ------------------------------------------------------------------------------------------------

STYLE = "set terminal svg size 860,%d font 'sans-serif,14' background 'white'\nset grid lc rgb '#dddddd'\n"
COLORS = ["#d55e00", "#cc79a7", "#0072b2", "#009e73", "#555555"]  # told apart by everybody (Okabe and Ito)


def gnuplot(script):
    done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
    if done.returncode != 0 or done.stderr.strip():
        say(f"gnuplot: {done.stderr.strip()}")


def models_picture(rows, file):
    """Rate and cost of every model, ours in one colour and the peers in another. The machine may have been faster for
    one than for the other, but each has had the C loop beside it: so its figures are scaled by what that one cost. (Not
    by its rate: the model that never sleeps takes the processor from the C loop, too.)"""
    figures = {}
    for row in rows:
        if row[0] == "models" and row[5] in (RATE, COST):
            figures.setdefault(row[1], {})[row[5]] = [float(row[6]), float(row[7]) if row[3] == 64 else math.nan]
    usual = [each[COST][1] for each in figures.values() if COST in each and not math.isnan(each[COST][1])]
    for each in figures.values():
        slowness = each[COST][1] / statistics.median(usual) if COST in each and usual else math.nan
        slowness = 1 if math.isnan(slowness) else slowness
        for measure in each:
            each[measure] = each[measure][0] * (slowness if measure == RATE else 1 / slowness)
    bars = [(name, each[RATE] / 1000, each[COST]) for name, each in figures.items() if RATE in each and COST in each]
    if not bars:
        return
    data = "\n".join(f'{i} "{name}" {rate} {cost} {0 if name in MODELS else 1}'
                     for i, (name, rate, cost) in enumerate(bars))
    names = ", ".join(f'"{name}" {i}' for i, (name, _, _) in enumerate(bars))
    nameless = ", ".join(f'"" {i}' for i in range(len(bars)))
    plot = ("plot $data using ($5==0?$1:NaN):%d with boxes lc rgb '#0072b2' title 'netnotes', "
            "$data using ($5==1?$1:NaN):%d with boxes lc rgb '#e69f00' title 'others'\n")
    gnuplot(STYLE % 640 + f"set output '{file}'\n$data << END\n{data}\nEND\n"
            f"set style fill solid 0.85\nset boxwidth 0.7\nset xrange [-0.6:{len(bars) - 0.4}]\nset yrange [0:*]\n"
            "set multiplot layout 2,1 title 'Echo of 64 bytes, 64 connections (iterative: 1)' offset -16,0 "
            "margins 0.1,0.98,0.2,0.9 spacing 0.06\n"
            "set key outside top right horizontal\nset ylabel 'thousand requests a second'\n"
            f"set xtics ({nameless}) nomirror\n" + plot % (3, 3) +
            "unset key\nset ylabel 'processor time a request, µs'\n"
            f"set xtics rotate by 35 right ({names})\n" + plot % (4, 4) + "unset multiplot\n")


def idle_picture(rows, file):
    """What one active connection costs beside idle ones."""
    lines = {}
    for row in rows:
        if row[0] == "idle" and row[5] == COST:
            count = int(row[4].split()[1])
            lines.setdefault(row[1], []).append((count, float(row[6])))
            if row[1] == OURS:
                lines.setdefault(C_LOOP, []).append((count, float(row[7])))
    if not lines:
        return
    titles = {"select": "select", "poll": "poll", "epoll-level": "epoll", OURS: "coroutines (epoll)",
              C_LOOP: "epoll in plain C"}
    data = "".join(f"$d{i} << END\n" + "\n".join(f"{x} {y}" for x, y in points) + "\nEND\n"
                   for i, points in enumerate(lines.values()))
    plots = ", ".join(f"$d{i} with linespoints lw 2 pt 7 ps 0.6 lc rgb '{COLORS[i % len(COLORS)]}' "
                      f"title '{titles.get(name, name)}'" for i, name in enumerate(lines))
    end = ""
    if "select" in lines and lines["select"][-1][0] == FD_SETSIZE - SPARE:
        x, y = lines["select"][-1]
        end = f"set label 'select ends at FD_SETSIZE' at {x},{y} right offset -1,0.7 tc rgb '{COLORS[0]}' noenhanced\n"
    gnuplot(STYLE % 520 + f"set output '{file}'\nset logscale xy\nset key top left\n"
            "set xrange [8:30000]\nset xlabel 'idle connections'\nset ylabel 'processor time a request, µs'\n"
            "set title 'One active connection among idle ones'\n" + end + data + f"plot {plots}\n")


def pictures(rows, directory):
    if not any(row[0] in ("models", "idle") for row in rows):
        return
    if not shutil.which("gnuplot"):
        return say("gnuplot is not installed, so there are no pictures")
    models_picture(rows, directory / "server_models.svg")
    idle_picture(rows, directory / "idle_connections.svg")


# ---- the program ---------------------------------------------------------------------------------------------


def machine():
    """What the figures are of."""
    cpu = platform.machine()
    with contextlib.suppress(OSError):
        if found := re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text()):
            cpu = found.group(1)
    version = ""
    if compiler := compile_time.compiler():
        version = ", " + run([compiler, "--version"]).stdout.splitlines()[0]
    return f"{cpu}, {len(os.sched_getaffinity(0))} processors, Linux {platform.release()}{version}"


def default_programs():
    for name in ("build/default/tests/bench", "build/tests/bench", "."):
        if (TOP / name / "echo_load").is_file():
            return TOP / name
    return pathlib.Path(".")


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage=argparse.SUPPRESS)
    parser.add_argument("--programs", type=pathlib.Path, default=default_programs(), metavar="DIR",
                        help="where the built programs are (build/default/tests/bench)")
    parser.add_argument("--output", type=pathlib.Path, default=TOP / "build/bench", metavar="DIR",
                        help="gets the CSV, the table and the pictures (build/bench)")
    parser.add_argument("--seconds", type=float, default=6, metavar="S", help="for each pair (6)")
    parser.add_argument("--only", action="append", choices=list(SECTIONS), metavar="SECTION",
                        help="may be given several times")
    parser.add_argument("--smoke", action="store_true", help="a moment for each: does it work?")
    options = parser.parse_args()
    if not 0.01 <= options.seconds <= 3600:
        parser.error("--seconds takes 0.01 to 3600")
    if options.smoke:
        options.seconds = 0.1
    signal.signal(signal.SIGTERM, interrupt)
    bench = Bench(options)
    wanted = options.only or list(SECTIONS)
    status = 0
    left_out = []
    begin = time.monotonic()
    print(f"Measured on: {machine()}\n")
    bench.heading()
    try:
        for i, name in enumerate(wanted, 1):
            section, programs = SECTIONS[name]
            if missing := [program for program in programs if not bench.program(program)]:
                say(f"{name}: left out, for {', '.join(missing)} is not in {bench.directory}: not built? (--programs)")
                left_out.append(name)
                status = 1
                continue
            say(f"section {i} of {len(wanted)}: {name}, after {time.monotonic() - begin:.0f} s")
            try:
                section(bench)
            except Failed:
                status = 1
    except KeyboardInterrupt:
        say("interrupted; what was measured so far is kept")
        status = 130
    bench.file.close()
    (options.output / "table.md").write_text("\n".join(bench.table) + "\n")
    if bench.rows:
        pictures(bench.rows, options.output)
    missed = [what for what, met in bench.goals if not met]
    say(f"{len(bench.goals) - len(missed)} of {len(bench.goals)} goals met" +
        (f"; missed: {'; '.join(missed)}" if missed else "") +
        (f"; LEFT OUT: {', '.join(left_out)}" if left_out else "") + f". See {options.output}")
    return status


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Measures the servers of this library beside others and prints the table: ours, best peer, C loop, ratio, goal.

    run.py [--programs DIR] [--seconds S] [--only WORD]... [--csv FILE] [--pictures DIR] [--smoke]

Takes echo_load, echo_server and the peers (echo_epoll, echo_asio, echo_libuv, echo_libevent, echo_asyncio.py,
echo_gevent.py) from DIR, as far as they are there, and drives them in pairs (see `echo_load --help`). A ratio says how
many times as good the first is as the second, by the processor time of the server for a request unless it says
otherwise. With the default of 6 seconds for each pair it takes about half an hour; --only picks sections.
"""
import argparse
import csv
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
COST = "CPU per request, us"
C_LOOP = "C loop"
OURS = "coroutine"
RING = "coroutine-uring"
MODELS = ["iterative", "forking", "threaded", "nonblocking", "select", "poll", "epoll-level", "epoll-edge",
          "coroutine", "coroutine-uring"]
# name, connections, load options, ours, peers' section, goal against the C loop
WORKLOADS = [
    ("echo, 1 connection", 1, "", OURS, "echo", None),
    ("echo, 64 connections", 64, "", OURS, "echo", 0.98),
    ("echo, 1,000 connections", 1000, "", OURS, "echo", 0.98),
    ("echo, 10,000 connections", 10000, "--slice 120", OURS, "echo", None),
    ("echo, 64 connections, io_uring", 64, "", RING, "none", 1.03),
    ("echo, 1,000 connections, io_uring", 1000, "", RING, "none", 1.03),
    ("16 deep, 64 connections", 64, "--depth 16", OURS, "echo", 0.98),
    ("16 KiB, 64 connections", 64, "--size 16384", OURS, "echo", 0.98),
    ("lines, 16 in flight, 64 connections", 64, "--depth 16", "coroutine-lines", "lines", 0.95),
    ("short connections, 64 at a time", 64, "--short", OURS, "short", 0.97),
]
ASIO_GOALS = [("echo, 64 connections", 64, "", OURS, "Asio awaitables", 1.05),
              ("echo, 1,000 connections", 1000, "", OURS, "Asio awaitables", 1.15),
              ("lines, 16 in flight, 64 connections", 64, "--depth 16", "coroutine-lines", "Asio lines", 10)]
IDLE = [10, 100, 1000, 5000, 10000, 19000]


class Failed(Exception):
    pass


class Bench:
    def __init__(self, options):
        self.options = options
        self.directory = pathlib.Path(options.programs).resolve()
        self.load = self.program("echo_load") or sys.exit(f"run.py: no echo_load in {self.directory}")
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
                if subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0:
                    self.servers[name] = f"{python} {HERE / f'echo_{module}.py'}"
                    break
        self.rows = []

    def program(self, name):
        for path in (self.directory / name, HERE / name):
            if path.is_file():
                return path
        return None

    def has(self, *names):
        return all(name in self.servers for name in names)

    def drive(self, what, a, b, connections, load_options="", seconds=None, **more):
        """Measures a pair; gives {measure: (a, b, ratio, low, high)}."""
        seconds = seconds or self.options.seconds
        rounds = "1" if self.options.smoke else "3"
        command = [self.load, "--a", self.servers[a], "--connections", str(connections), "--csv", "--seconds",
                   str(seconds), "--rounds", rounds, *load_options.split()]
        if b:
            command += ["--b", self.servers[b]]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"    {what}: {a}: {done.stderr.strip()}", file=sys.stderr)
            raise Failed
        found = {}
        for *name, value_a, value_b, ratio, low, high, kept, pairs in csv.reader(done.stdout.splitlines()):
            measure = ",".join(name)
            found[measure] = [float(x) if x else math.nan for x in (value_a, value_b, ratio, low, high)]
            self.record(what, a, b, connections, load_options, measure, value_a, value_b, ratio, low, high, kept, pairs,
                        **more)
        return found

    def record(self, what, a, b, connections, load_options, measure, value_a, value_b="", ratio="", low="", high="",
               kept="", pairs="", goal=None):
        self.rows.append([what, a, b or "", connections, load_options.strip(), measure, value_a, value_b, ratio, low,
                          high, kept, pairs, goal if goal is not None else ""])

    def script(self, name, *words, load_options=""):
        """The number that a script prints, or None."""
        done = subprocess.run(["sh", HERE / name, *[str(word) for word in words]], capture_output=True, text=True,
                              check=False, env={**os.environ, "LOAD_OPTIONS": load_options})
        found = re.match(r"[\d.]+", done.stdout)
        return float(found.group()) if done.returncode == 0 and found else None


def show(*columns):
    widths = [40, 12, 28, 10, 26, 10]
    print("".join(f"{column:<{width}}" for column, width in zip(columns, widths)).rstrip(), flush=True)


def with_spread(ratio, low, high):
    return f"{ratio:.3f} ({low:.3f} to {high:.3f})"


def mark(value, goal, less_is_better=False):
    if goal is None:
        return ""
    met = value <= goal if less_is_better else value >= goal
    return f"{'at most ' if less_is_better else ''}{goal:g}{'' if met else '  MISSED'}"


def null(bench):
    for connections in (64, 1000):
        found = bench.drive(f"null test, {connections:,} connections", C_LOOP, C_LOOP, connections)[COST]
        show(f"null test, {connections:,} connections", "", "", f"{found[1]:.2f} us", with_spread(*found[2:]), "1")


def workloads(bench):
    for what, connections, load_options, ours, section, goal in WORKLOADS:
        try:
            found = bench.drive(what, ours, C_LOOP, connections, load_options, goal=goal)
        except Failed:
            continue
        peers = {"echo": ["Asio callbacks", "Asio awaitables", "libuv", "libevent"], "lines": ["Asio lines"],
                 "short": ["Asio callbacks", "Asio awaitables", "libuv", "libevent"]}.get(section, [])
        best = (0, "")
        for peer in filter(bench.has, peers):
            try:
                against = bench.drive(what, peer, C_LOOP, connections, load_options)
            except Failed:
                continue
            best = max(best, (against[COST][2], f"{against[COST][0]:.2f} us  {peer}"))
        cost = found[COST]
        show(what, f"{cost[0]:.2f} us", best[1], f"{cost[1]:.2f} us", with_spread(*found[COST][2:]),
             mark(found[COST][2], goal))
    for what, connections, load_options, ours, peer, goal in ASIO_GOALS:
        if not bench.has(peer):
            continue
        try:
            found = bench.drive(what, ours, peer, connections, load_options, goal=goal)[COST]
        except Failed:
            continue
        show(what, f"{found[0]:.2f} us", f"{found[1]:.2f} us  {peer}", "", with_spread(*found[2:]), mark(found[2], goal))


def models(bench):
    for model in MODELS + ["libuv", "libevent", "Asio callbacks", "Asio awaitables", "asyncio", "gevent"]:
        connections = 1 if model == "iterative" else 64
        if not bench.has(model):
            continue
        try:
            found = bench.drive("models", model, C_LOOP, connections)
        except Failed:
            continue
        show(f"model {model}, {connections} connections", f"{found[COST][0]:.2f} us", "", f"{found[COST][1]:.2f} us",
             with_spread(*found[COST][2:]), "")


def idle(bench):
    for model in ("select", "poll", "epoll-level", OURS):
        for count in IDLE:
            if model == "select" and count > 900:
                continue
            try:
                found = bench.drive("idle", model, C_LOOP, 1, f"--idle {count}",
                                    seconds=min(bench.options.seconds, 2))[COST]
            except Failed:
                continue
            show(f"{model}, 1 active of {count:,}", f"{found[0]:.2f} us", "", f"{found[1]:.2f} us",
                 with_spread(*found[2:]), "")


def memory(bench):
    count = 100 if bench.options.smoke else 10000
    for server in (OURS, "coroutine-lines", RING, "epoll-edge", C_LOOP, "Asio awaitables", "libuv", "libevent"):
        if not bench.has(server):
            continue
        try:
            found = bench.drive("memory", server, None, count, "--memory")["bytes per idle connection"]
        except Failed:
            continue
        goal = 400 if server == OURS else None
        show(f"memory of an idle connection, {server}", f"{found[0]:.0f} bytes", "", "", "",
             mark(found[0], goal, less_is_better=True))


def counts(bench):
    for name, script, load_options, goal in [
            ("instructions per request, 1 connection", "instructions.sh", "--connections 1", 250),
            ("instructions per request, 64 connections", "instructions.sh", "--connections 64", 250),
            ("system calls per request", "system_calls.sh", "", None),
            ("system calls per short connection", "system_calls.sh", "--short", 8.5)]:
        figures = {}
        for server in (OURS, C_LOOP, "Asio awaitables", "libuv"):
            if bench.has(server):
                figures[server] = bench.script(script, bench.load, *bench.servers[server].split(),
                                               load_options=load_options)
                if figures[server] is not None:
                    bench.record(name, server, None, "", load_options, name, figures[server],
                                 goal=goal if server == OURS else None)
        peers = [(value, peer) for peer, value in figures.items() if peer not in (OURS, C_LOOP) and value is not None]
        best = min(peers, default=(0, ""))
        text = {server: "-" if value is None else f"{value:g}" for server, value in figures.items()}
        if figures.get(OURS) is not None:
            show(name, text[OURS], f"{best[0]:g}  {best[1]}" if best[1] else "", text.get(C_LOOP, ""), "",
                 mark(figures[OURS], goal, less_is_better=True))


def coroutines(bench):
    """What needs no network: coro_bench prints `NAME  FIGURE ns ... goal: under N`."""
    if not (program := bench.program("coro_bench") or shutil.which("coro_bench")):
        return
    done = subprocess.run([program] + ["--smoke"] * bench.options.smoke, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if found := re.match(r"(.*?) +([\d.]+) ns.*goal: under ([\d.]+)", line):
            name, figure, goal = found.group(1), float(found.group(2)), float(found.group(3))
            bench.record(name, OURS, None, "", "", "ns", figure, goal=goal)
            show(name, f"{figure:.2f} ns", "", "", "", mark(figure, goal, less_is_better=True))


SECTIONS = {"null": null, "workloads": workloads, "models": models, "idle": idle, "memory": memory, "counts": counts,
            "coroutines": coroutines}


def pictures(rows, directory):
    """The models compared, and what a wake-up costs beside idle connections."""
    directory.mkdir(parents=True, exist_ok=True)
    header = "set terminal svg size 800,480 font 'sans,14' background 'white'\nset grid\n"
    bars = [(row[1], float(row[6])) for row in rows if row[0] == "models" and row[5] == COST]
    if bars:
        data = "\n".join(f'"{name}" {value}' for name, value in bars)
        script = (header + f"set output '{directory / 'server_models.svg'}'\nset style fill solid 0.6\n"
                  "set boxwidth 0.7\nset xtics rotate by -40\nset yrange [0:*]\nunset key\n"
                  "set ylabel 'processor time per request, us'\n"
                  "set title 'Echo of 64 bytes, 64 connections (iterative: 1)'\n"
                  f"$data << END\n{data}\nEND\nplot $data using 0:2:xtic(1) with boxes\n")
        subprocess.run(["gnuplot"], input=script, text=True, check=False)
    lines = {}
    for row in rows:
        if row[0] == "idle" and row[5] == COST:
            lines.setdefault(row[1], []).append((int(row[4].split()[1]), float(row[6])))
    if lines:
        data = "".join(f"${re.sub('[^a-z]', '_', name)} << END\n" + "\n".join(f"{x} {y}" for x, y in points) + "\nEND\n"
                       for name, points in lines.items())
        plots = ", ".join(f"${re.sub('[^a-z]', '_', name)} with linespoints lw 2 title '{name}'" for name in lines)
        script = (header + f"set output '{directory / 'idle_connections.svg'}'\nset logscale xy\nset key left top\n"
                  "set xlabel 'idle connections'\nset ylabel 'processor time per request, us'\n"
                  "set title 'One active connection among many idle ones'\n" + data + f"plot {plots}\n")
        subprocess.run(["gnuplot"], input=script, text=True, check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=".", help="where the built programs are")
    parser.add_argument("--seconds", type=float, default=6, help="for each pair")
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="may be given several times")
    parser.add_argument("--csv", type=pathlib.Path, help="all that was measured")
    parser.add_argument("--pictures", type=pathlib.Path, help="a directory for them; takes gnuplot")
    parser.add_argument("--smoke", action="store_true", help="a moment for each: does it work?")
    options = parser.parse_args()
    if options.smoke:
        options.seconds = 0.1
    bench = Bench(options)
    if not bench.has(OURS, C_LOOP):
        sys.exit("run.py: it takes echo_server and echo_epoll at least")
    show("", "ours", "best peer", "C loop", "ratio", "goal")
    failed = False
    for name in options.only or SECTIONS:
        try:
            SECTIONS[name](bench)
        except Failed:
            failed = True
    if options.csv:
        with options.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["what", "a", "b", "connections", "options", "measure", "value of a", "value of b", "ratio",
                             "low", "high", "pairs kept", "pairs", "goal"])
            writer.writerows(bench.rows)
    if options.pictures:
        if shutil.which("gnuplot"):
            pictures(bench.rows, options.pictures)
        else:
            print("run.py: gnuplot is not installed, so there are no pictures", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

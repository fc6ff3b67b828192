#!/usr/bin/env python3
"""Measures the web server of this library beside others, in slices that alternate.

    ninja hello_server hello_epoll hello_beast hello_httplib
    http.py --programs DIR [--rounds N] [--only hello | pipelined | files | calls]... [--io-uring]

Needs wrk. Each round gives each server one second with 64 keep-alive connections, one after the other, so a busy machine
disturbs all of them alike. A figure is the processor time of the server for a request (/proc/PID/task/*/schedstat), and how
much of it the kernel had (/proc/PID/stat). A ratio is the median of the ratios of each round, and behind it stands the range
of the middle half. Peers: a C loop that looks only for the blank line; Boost.Beast and cpp-httplib, where DIR has
their programs; nginx and aiohttp where they are installed. aiohttp is looked for in the system's Python, too.
Then files of 1 MiB and 2 MB beside nginx with sendfile, and system calls for a request (strace).
"""
import argparse
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PARTS = "hello", "pipelined", "files", "calls"
TEMPORARY = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"  # nginx wants a folder for each
NGINX = "\n".join(["worker_processes 1;", "daemon off;", "pid {folder}/pid;", "error_log {folder}/errors;", "user root;",
                   "events {{ worker_connections 1024; }}", "http {{", "access_log off;", "keepalive_requests 100000000;", "sendfile on;",
                   *(f"{each}_temp_path {{folder}}/{each};" for each in TEMPORARY), "server {{", "listen 127.0.0.1:{port};",
                   "location = / {{", "default_type text/plain;", "return 200 'Hello, world\\n';", "}}",
                   "location / {{ root {folder}/www; }}", "}}", "}}", ""])
AIOHTTP = """
import sys
from aiohttp import web
async def hello(_): return web.Response(text="Hello, world\\n")
app = web.Application(); app.router.add_get("/", hello)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""
PIPELINED = """init = function() local all = {} for i = 1, 16 do all[i] = wrk.format("GET", "/") end request16 = table.concat(all) end
request = function() return request16 end
"""


def processor_time(pid):
    """Returns seconds of processor time of the program and its workers, and ticks of the clock in the program and in the kernel."""
    total = own = kernel = 0
    for each in [pid] + [int(word) for word in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]:
        total += sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{each}/task").glob("*/schedstat"))
        words = pathlib.Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        own += int(words[11])
        kernel += int(words[12])
    return total / 1e9, own, kernel


def wait_for(name, pid, port):
    """Returns when the server accepts connections."""
    end = time.monotonic() + 60
    while True:
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            sys.exit(f"http.py: {name} has ended at once; perhaps another program has port {port}")
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError as error:
            if time.monotonic() > end:
                sys.exit(f"http.py: {name} does not start: {error}")
            time.sleep(0.05)


def requests(port, path, *words):
    done = subprocess.run(["wrk", "-t1", "-c64", "-d1s", *words, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True)
    count = re.search(r"(\d+) requests in", done.stdout)
    return int(count.group(1)) if count else sys.exit(f"http.py: wrk: {done.stdout}{done.stderr}")


def compare(title, servers, rounds, path, *words):
    """The first server is ours. Prints microseconds for a request, and how many times ours another one needs."""
    cost, ticks = {name: [] for name in servers}, {name: [0, 0] for name in servers}
    for _ in range(rounds):
        for name, (pid, port) in servers.items():
            before, own, kernel = processor_time(pid)
            count = requests(port, path, *words)
            after, own_after, kernel_after = processor_time(pid)
            cost[name].append((after - before) / count * 1e6)
            ticks[name][0] += own_after - own
            ticks[name][1] += kernel_after - kernel
    ours = cost[next(iter(servers))]
    for name, all_rounds in cost.items():
        ratios = sorted(other / own for other, own in zip(all_rounds, ours))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        share = ticks[name][1] / max(sum(ticks[name]), 1)
        print(f"| {title} | {name} | {statistics.median(all_rounds):.2f} us | {share:.0%} | "
              f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f}) |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", default=9, type=int)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part, which may be given more than once")
    parser.add_argument("--io-uring", action="store_true", help="measure our server with this back end, too, and hello_uring")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("SKIPPED: wrk is not installed")
        sys.exit(77)
    running = []
    with tempfile.TemporaryDirectory() as folder:
        www = pathlib.Path(folder, "www")
        www.mkdir()
        (www / "1MiB").write_bytes(os.urandom(1 << 20))
        (www / "2MB").write_bytes(os.urandom(2_000_000))
        try:
            def start(port, *command):
                running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                return running[-1].pid, port

            servers = {"netnotes": start(8123, options.programs / "hello_server", "8123", www)}
            if options.io_uring:
                servers["netnotes, io_uring"] = start(8129, options.programs / "hello_server", "--backend", "io_uring", "8129", www)
            peers = {"C loop": ("hello_epoll", 8124), "Beast": ("hello_beast", 8127), "cpp-httplib": ("hello_httplib", 8128)}
            if options.io_uring:
                peers["a loop on io_uring"] = ("hello_uring", 8130)
            for name, (program, port) in peers.items():
                if (options.programs / program).exists():
                    servers[name] = start(port, options.programs / program, str(port))
                else:
                    print(f"without {name}: {program} is not built")
            if shutil.which("nginx"):
                pathlib.Path(folder, "conf").write_text(NGINX.format(folder=folder, port=8125))
                servers["nginx"] = start(8125, "nginx", "-p", folder, "-c", f"{folder}/conf")
            else:
                print("without nginx: it is not installed")
            for python in sys.executable, "/usr/bin/python3":
                if subprocess.run([python, "-c", "import aiohttp"], capture_output=True).returncode == 0:
                    servers["aiohttp"] = start(8126, python, "-c", AIOHTTP, "8126")
                    break
            else:
                print("without aiohttp: it is not installed")
            for name, (pid, port) in servers.items():
                wait_for(name, pid, port)
            wanted = options.only or PARTS
            print("| what | server | processor time | in the kernel | beside ours |\n|---|---|---|---|---|")
            if "hello" in wanted:
                compare("hello", servers, options.rounds, "/")
            if "pipelined" in wanted:
                script = pathlib.Path(folder, "pipelined.lua")
                script.write_text(PIPELINED)
                fast = {name: server for name, server in servers.items() if name not in ("aiohttp", "cpp-httplib", "a loop on io_uring")}
                compare("16 pipelined", fast, options.rounds, "/", "-s", str(script))
            for name in ("1MiB", "2MB") if "files" in wanted else ():
                compare(name, {each: servers[each] for each in servers if each.startswith(("netnotes", "nginx"))}, options.rounds, f"/{name}")
            if "calls" in wanted and (strace := shutil.which("strace")):
                counts = pathlib.Path(folder, "calls")
                watcher = subprocess.Popen([strace, "-c", "-f", "-p", str(servers["netnotes"][0]), "-o", counts],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(1)
                requests(8123, "/")
                watcher.terminate()
                watcher.wait()
                calls = {words[-1]: int(words[3]) for words in map(str.split, counts.read_text().splitlines())
                         if len(words) >= 5 and words[3].isdigit()}
                sends = calls.get("sendto", 1)
                spent = 2 * sends + calls.get("epoll_wait", 0)  # the receives that found the end of a connection do not count
                print(f"system calls for a keep-alive request: {spent / sends:.2f}")
        finally:
            for each in running:
                each.terminate()
            for each in running:
                each.wait()


if __name__ == "__main__":
    main()

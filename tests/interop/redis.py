#!/usr/bin/env python3
"""redis.py PROGRAM [--peers FOLDER] [--speed]: tries PROGRAM, 50_key_value_server, with the real redis-cli and redis-benchmark.

Both are looked for in FOLDER/redis-tools (tests/run.sh unpacks them into build/peers) and on the PATH. Exit status 77: there
is no redis-cli. --speed: requests a second beside a real redis-server, alternating, with redis-benchmark. It is for people.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile

from ports import free_port

TOP = pathlib.Path(__file__).resolve().parents[2]


def find(name, peers):
    for folder in peers.glob("redis-*/usr/bin"):
        if (folder / name).exists():
            return str(folder / name)
    return shutil.which(name)


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r":(\d+)$", line.strip())
        if not found:
            sys.exit(f"FAILED: the server's first line is {line!r}")
        self.port = int(found.group(1))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "it did not stop"


failures = []


def check(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED: {what}\n    got    {got!r}\n    wanted {wanted!r}")


def cli_dialogue(cli, port):
    """The words of redis-cli beside what it must print, as redis-server's answers make it print."""
    def ask(*words, stdin=None):
        done = subprocess.run([cli, "-p", str(port), *words], capture_output=True, text=True, input=stdin, timeout=60)
        return done.stdout.rstrip("\n")

    dialogue = [
        (["PING"], "PONG"), (["PING", "two words"], "two words"), (["GET", "nothing"], ""),
        (["SET", "city", "Beijing 北京"], "OK"), (["GET", "city"], "Beijing 北京"), (["get", "city"], "Beijing 北京"),
        (["SET", "empty", ""], "OK"), (["GET", "empty"], ""),
        (["INCR", "n"], "1"), (["INCR", "n"], "2"), (["SET", "n", "9223372036854775806"], "OK"),
        (["INCR", "n"], "9223372036854775807"), (["INCR", "n"], "ERR increment or decrement would overflow"),
        (["INCR", "city"], "ERR value is not an integer or out of range"),
        (["LPUSH", "l", "a"], "1"), (["LPUSH", "l", "b", "c"], "3"), (["LRANGE", "l", "0", "-1"], "c\nb\na"),
        (["LRANGE", "l", "-2", "-1"], "b\na"), (["LRANGE", "l", "1", "0"], ""), (["LRANGE", "l", "5", "9"], ""),
        (["LRANGE", "l", "-9223372036854775808", "9223372036854775807"], "c\nb\na"),
        (["LRANGE", "l", "9223372036854775807", "-9223372036854775808"], ""),
        (["LRANGE", "l", "0", "x"], "ERR value is not an integer or out of range"),
        (["LRANGE", "missing", "0", "-1"], ""),
        (["GET", "l"], "WRONGTYPE Operation against a key holding the wrong kind of value"),
        (["LPUSH", "city", "x"], "WRONGTYPE Operation against a key holding the wrong kind of value"),
        (["SET", "l", "text"], "OK"), (["GET", "l"], "text"),
        (["DEL", "l", "n", "missing", "l"], "2"), (["GET", "l"], ""),
        (["GET"], "ERR wrong number of arguments for 'GET' command"), (["SET", "a"], "ERR wrong number of arguments for 'SET' command"),
        (["FLUSHALL"], "ERR unknown command 'FLUSHALL'"),
    ]
    for words, wanted in dialogue:
        check(" ".join(words), ask(*words).strip(), wanted)
    # A value with every byte, and one as long as a value may be.
    every_byte = bytes(range(256)).decode("latin-1").encode("utf-8")
    done = subprocess.run([cli, "-p", str(port), "-x", "SET", "bytes"], input=every_byte, capture_output=True, timeout=60)
    check("SET of every byte", done.stdout.strip(), b"OK")
    done = subprocess.run([cli, "-p", str(port), "GET", "bytes"], capture_output=True, timeout=60)
    check("GET of every byte", done.stdout[:-1], every_byte)
    check("SET of 64 KiB", ask("-x", "SET", "long", stdin="x" * 65536), "OK")
    check("GET of 64 KiB", ask("GET", "long"), "x" * 65536)


def raw(port, request):
    """What the server answers to these bytes until it closes the connection or the bytes end."""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer


def hostile_requests(port):
    broken = [
        (b"*1025\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*99999999999999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n$65537\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\nPING\r\n", b"-ERR Protocol error: expected '$'\r\n"),
        (b"*1\r\n$4\r\nPI", b""),                       # the stream ends inside a request
        (b"*0\r\n*-1\r\n\r\nPING\r\n", b"+PONG\r\n"),   # requests without a word
        (b"PING\r\n" * 3, b"+PONG\r\n" * 3),
        (b"*1\r\n$6\r\nA\r\nB\xff!\r\n", None),         # a word with a line's end must not end the answer's line
    ]
    for request, wanted in broken:
        answer = raw(port, request)
        if wanted is None:
            check(f"one line for {request!r}", answer.count(b"\r\n"), 1)
        else:
            check(f"{request!r}", answer, wanted)
    # 256 MiB are the limit of what is stored, whatever the number of clients.
    item = b"$65536\r\n" + b"x" * 65536 + b"\r\n"
    answer = raw(port, (b"*66\r\n$5\r\nLPUSH\r\n$3\r\nbig\r\n" + item * 64) * 70)
    check("the memory is full", answer.splitlines()[-1], b"-OOM command not allowed: the memory is full")
    check("a range that is too long", raw(port, b"LRANGE big 0 -1\r\n"), b"-ERR the range is too long, ask for a part of it\r\n")
    check("DEL gives the memory back", raw(port, b"DEL big\r\nSET small 1\r\nGET small\r\n"), b":1\r\n+OK\r\n$1\r\n1\r\n")


def benchmark(tool, port, requests, depth):
    """Returns requests a second of SET, GET and the others, by name."""
    done = subprocess.run([tool, "-p", str(port), "-n", str(requests), "-P", str(depth), "-c", "50", "--csv", "-t",
                           "ping_mbulk,set,get,incr,lpush,lrange_100"], capture_output=True, text=True, timeout=600)
    rates = {name: float(rate) for name, rate in re.findall(r'^"([A-Z][^"]*)","([\d.]+)"', done.stdout, re.M)}
    if done.returncode != 0 or not rates or "rror" in done.stdout:
        failures.append("redis-benchmark")
        print(f"FAILED: redis-benchmark, status {done.returncode}:\n{done.stdout}{done.stderr}")
    return rates


def processor_time(process):
    """Seconds that the process has used."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class RedisServer:
    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        self.process = subprocess.Popen([program, "--port", str(self.port), "--save", "", "--dir", self.folder.name],
                                        stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "Ready to accept" in line:
                break

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def speed(program, tool, redis_server):
    """Short runs that alternate, and the median of their ratios: so other work on the machine meets both alike."""
    both = Server([program, "serve", "--port", "0", "--quiet"]), RedisServer(redis_server)
    for depth, requests in ((1, 20_000), (16, 200_000)):
        ratios = {}
        for _ in range(9):
            rates, times = [], []
            for each in both:
                before = processor_time(each.process)
                rates.append(benchmark(tool, each.port, requests, depth))
                times.append(processor_time(each.process) - before)
                raw(each.port, b"DEL mylist\r\n")  # or the lists would fill our server's memory
            for name, rate in rates[0].items():
                ratios.setdefault(name, []).append(rate / rates[1][name])
            ratios.setdefault("processor time of all", []).append(times[0] / times[1])
        for name, values in ratios.items():
            print(f"depth {depth:2}  {name:40} {statistics.median(values):.2f} times redis-server "
                  f"({min(values):.2f} to {max(values):.2f})", flush=True)
    for each in both:
        each.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--peers", type=pathlib.Path, default=TOP / "build" / "peers")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    cli, tool = find("redis-cli", options.peers), find("redis-benchmark", options.peers)
    if not cli or not tool:
        print("SKIPPED: redis-cli and redis-benchmark are not there (Debian: apt install redis-tools)")
        sys.exit(77)
    program = os.path.abspath(options.program)
    if options.speed:
        redis_server = find("redis-server", options.peers)
        if not redis_server:
            sys.exit("redis-server is not there (Debian: apt install redis-server)")
        return speed(program, tool, redis_server)
    server = Server([program, "serve", "--port", "0", "--quiet"])
    cli_dialogue(cli, server.port)
    hostile_requests(server.port)
    rates = benchmark(tool, server.port, 5000, 16)
    check("redis-benchmark has run every command", len(rates) >= 6, True)
    check("the server's exit status after SIGINT", server.stop(), 0)
    if failures:
        sys.exit(f"{len(failures)} failures")
    print("redis-cli and redis-benchmark are content")


main()

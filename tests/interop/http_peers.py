#!/usr/bin/env python3
"""http_peers.py PROGRAM [PEER_PROGRAM...] [--table] [--mutants N] [--build]: our HTTP parser beside the parsers of others.

PROGRAM is http_verdicts. Each request of the corpus goes to every peer that is installed: node, aiohttp, h11, nginx, and the
peers whose programs are given (http_parser_peer, http_httplib_peer, http_beast_peer). Behind each request stands a second
one, so a peer that finds another end of the body gives itself away.

What we accept, a peer must accept, too, with the same requests and bodies. A peer may refuse it if the pair is in REVIEWED
below. So nothing that passes our parser can mean something else to a program behind it. http_nginx.py beside this
script counts the requests behind nginx.

--table prints what each peer takes of the requests that we refuse. --mutants N compares N more requests, made by chance
(the default is 300). --build compiles the programs for cpp-httplib and Boost.Beast first, which takes a minute.
Exit status 77: no peer is installed.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from ports import free_port

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 120  # seconds: not a measure of speed, only the point at which something counts as stuck
SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
# Differences that were looked at: peers, what the bytes must match, and why. In each the peer is stricter, or leaves HTTP
# earlier. None of them is a body with another end.
REVIEWED = [
    ("node Beast", rb" HTTP/1\.[2-9]\r\n", "llhttp and Beast know 1.0 and 1.1 only; RFC 9110 §2.5 reads 1.2 as 1.1"),
    ("h11 Beast", rb"(^|[^\n]|\r\n\r\n)\r\n[A-Z]+ [^ ]+ HTTP", "no empty line before a request; RFC 9112 §2.2 skips it"),
    ("Beast", rb"^GET /a{4000}", "at most 8 KiB for the whole head"),
    ("nginx", rb"OPTIONS \* ", "nginx refuses the asterisk"),
    ("nginx", rb" [^ ]*/\.\./", "nginx refuses a path above the root"),
    ("nginx", rb"(?i)\nhost: *(\r|[^\r]*\t)", "nginx refuses an empty Host, and a tab beside it"),
    ("node aiohttp http-parser nginx", "unknown method", "these know a list of methods, or only capital letters"),
    ("node", "bytes behind the end", "node refuses bytes behind a request that ends the connection, and does not answer it"),
    ("node h11", rb" HTTP/1\.0\r\n(.*\r\n)*(?i:connection):.*keep-alive", "closes after HTTP/1.0, whatever the client asks"),
    ("node http-parser", rb"(?i)\nupgrade:", "goes on with another protocol behind the request"),
    ("node aiohttp Beast", rb"(?i)\r\n0+\r\n(.*\r\n)*(content-length|host|transfer-encoding):", "refuses a Content-Length in trailers"),
]
TABLE_ONLY = {"cpp-httplib"}  # it has eight threads, and waits for seconds where others refuse
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

NODE = """
const http = require('http');
const server = http.createServer({maxHeaderSize: 65536}, (ask, answer) => {
    const parts = [];
    ask.on('data', part => parts.push(part));
    ask.on('end', () => answer.end(`[[${ask.method} ${ask.url} ${Buffer.concat(parts).toString('hex') || '-'}]]`));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""
AIOHTTP = """
import asyncio
from aiohttp import web
async def echo(ask):
    body = await ask.read()
    return web.Response(text=f'[[{ask.method} {ask.raw_path} {body.hex() or "-"}]]')
async def main():
    runner = web.ServerRunner(web.Server(echo))
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)
import logging
logging.disable(logging.CRITICAL)
asyncio.run(main())
"""
H11 = """
import sys, h11
for line in sys.stdin:
    seen, verdict = '', 200
    talk = h11.Connection(h11.SERVER)
    try:
        talk.receive_data(bytes.fromhex(line))
        while True:
            event = talk.next_event()
            if isinstance(event, h11.Request):
                request, body = event, b''
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                seen += f' {request.method.decode()},{request.target.hex()},{body.hex() or "-"}'
                talk.send(h11.Response(status_code=200, headers=[('Content-Length', '0')]))
                talk.send(h11.EndOfMessage())
                if talk.our_state is h11.MUST_CLOSE:
                    break
                talk.start_next_cycle()
            else:
                break
    except h11.ProtocolError:
        verdict = 400
    print(f'{verdict}{seen}', flush=True)
"""
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 1000; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    client_header_timeout 60; client_body_timeout 60; keepalive_timeout 60; lingering_timeout 1;
    default_type text/plain;
    {upstream}
    server {{
        listen 127.0.0.1:{port};
        large_client_header_buffers 4 64k;
        location / {{ {location} }}
    }}
}}
"""


def talk(port, bytes_, answered=None):
    """Sends the bytes and returns all that comes back, until the peer closes or is silent. It counts as silent if it has
    said nothing for a while, and has then answered another request: so a busy machine is no silence. The other answers
    go to the list `answered`."""
    got, is_silent = b"", False
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
        try:
            peer.sendall(bytes_)
            while True:
                if not select.select([peer], [], [], 0 if is_silent else 1.5)[0]:
                    if is_silent:
                        break
                    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as other:
                        other.sendall(SENTINEL)
                        answer = b""
                        while part := other.recv(65536):
                            answer += part
                    if answered is not None:
                        answered.append(answer)
                    is_silent = True
                    continue
                part = peer.recv(65536)
                if not part:
                    break
                got, is_silent = got + part, False
        except ConnectionError:  # the peer has closed with bytes unread
            try:
                while part := peer.recv(65536):
                    got += part
            except OSError:
                pass
    return got


def read_answers(got, knows_bodies):
    """Returns the status of a refusal, or 200, and the requests that the peer has seen."""
    seen = [match.group(1).decode("latin-1").rsplit(" ", 1) for match in re.finditer(rb"\[\[(.*?)\]\]", got, re.S)]
    requests = []
    for request, body in seen:
        method, target = request.split(" ", 1)
        requests.append((method, target, body if knows_bodies else None))
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d\d\d)", got)]
    refused = [status for status in statuses if status >= 400]
    return (refused[0] if refused else 200), requests


class socket_peer:
    """A server in a process of its own, which prints its port or gets one."""

    def __init__(self, name, command, port=None, knows_bodies=True):
        self.name, self.knows_bodies = name, knows_bodies
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.port = port or int(self.process.stdout.readline())
        end = time.monotonic() + PATIENCE
        while True:  # a server that got its port from us may still be on its way
            if time.monotonic() > end:
                raise RuntimeError(f"{name} does not listen")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            try:
                self.process.wait(0.05)
                raise RuntimeError(f"{name} has ended")
            except subprocess.TimeoutExpired:
                pass

    def judge(self, entries):
        with concurrent.futures.ThreadPoolExecutor(6 if self.name in TABLE_ONLY else 24) as pool:
            return list(pool.map(lambda bytes_: read_answers(talk(self.port, bytes_), self.knows_bodies), entries))

    def close(self):
        self.process.terminate()
        self.process.wait()


class line_peer:
    """A program that reads a request in hexadecimal digits and prints what it has seen."""

    def __init__(self, name, command):
        self.name, self.command, self.knows_bodies = name, command, True

    def judge(self, entries):
        text = "".join(bytes_.hex() + "\n" for bytes_ in entries)
        out = subprocess.run(self.command, input=text, capture_output=True, text=True, check=True).stdout
        return [read_line(line) for line in out.splitlines()]

    def close(self):
        pass


def read_line(line):
    verdict, *requests = line.split()
    seen = []
    for request in requests:
        method, target, body = request.split(",")
        seen.append((method, "" if target == "-" else bytes.fromhex(target).decode("latin-1"), body))
    return int(verdict), seen


def normal(requests, knows_bodies):
    """What may be compared: a peer may leave out scheme and host of an absolute target, and may not tell the body."""
    result = []
    for method, target, body in requests:
        target = re.sub(r"^https?://[^/?]*", "", target, flags=re.I)
        if not target.startswith(("/", "*")):
            target = "/" + target
        result.append((method, target, body if knows_bodies else None))
    return result


def python_with(module):
    for python in (sys.executable, "/usr/bin/python3"):
        if pathlib.Path(python).exists() and subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0:
            return python
    return None


def nginx_configuration(folder, port, location, upstream=""):
    path = pathlib.Path(folder) / f"nginx-{port}.conf"
    path.write_text(NGINX.format(folder=folder, port=port, location=location, upstream=upstream))
    return ["nginx", "-c", str(path), "-e", f"{folder}/error.log"]


def peers_here(programs, folder):
    peers, missing = [], []
    node = shutil.which("node")
    if node:
        peers.append(socket_peer("node", [node, "-e", NODE]))
    else:
        missing.append("node")
    for name, module, make in (("aiohttp", "aiohttp", lambda python: socket_peer("aiohttp", [python, "-c", AIOHTTP])),
                               ("h11", "h11", lambda python: line_peer("h11", [python, "-c", H11]))):
        python = python_with(module)
        peers.append(make(python)) if python else missing.append(name)
    if shutil.which("nginx"):
        port = free_port()
        answer = 'return 200 "[[$request_method $request_uri -]]";'
        peers.append(socket_peer("nginx", nginx_configuration(folder, port, answer), port, knows_bodies=False))
    else:
        missing.append("nginx")
    for program in programs:
        name = pathlib.Path(program).name
        if "http_parser" in name:
            peers.append(line_peer("http-parser", [program]))
        elif "httplib" in name:
            peers.append(socket_peer("cpp-httplib", [program]))
        elif "beast" in name:
            peers.append(socket_peer("Beast", [program]))
    for name, word in ("http-parser", "http_parser"), ("cpp-httplib", "httplib"), ("Beast", "beast"):
        if not any(word in program for program in programs):
            missing.append(name)
    return peers, missing


def build(folder):
    programs = []
    for name, more in ("httplib", ["-lcpp-httplib"]), ("beast", []), ("parser", ["-lhttp_parser"]):
        source = HERE / f"http_{name}_peer.cpp"
        program = f"{folder}/http_{name}_peer"
        command = [os.environ.get("CXX", "c++"), "-std=c++20", "-O0", "-pthread", str(source), "-o", program, *more]
        if subprocess.run(command, capture_output=True).returncode == 0:
            programs.append(program)
    return programs


def is_reviewed(peer, bytes_, ours):
    for peers, pattern, _ in REVIEWED:
        if peer not in peers.split():
            continue
        if pattern == "unknown method":
            if any(method not in METHODS for method, _, _ in ours):
                return True
        elif pattern == "bytes behind the end":
            if not bytes_.endswith(SENTINEL):
                return True
        elif re.search(pattern, bytes_):
            return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("peers", nargs="*")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--build", action="store_true")
    options = parser.parse_args()

    lines = subprocess.run([options.program, "corpus"], capture_output=True, text=True, check=True).stdout.splitlines()
    corpus_size = len(lines)
    if options.mutants:
        lines += subprocess.run([options.program, "mutate", str(options.mutants), "1"], capture_output=True, text=True,
                                check=True).stdout.splitlines()
    entries = []
    for line in lines:
        name, bytes_, rest = line.split(" ", 2)
        status, ours = read_line(rest)
        # Behind a request that ends the connection nothing may follow.
        is_last = status == 200 and (not ours or ours[-1][1] != "/sentinel")
        entries.append((name, bytes.fromhex(bytes_) + (b"" if is_last else SENTINEL), status, ours))

    with tempfile.TemporaryDirectory() as folder:
        programs = options.peers + (build(folder) if options.build else [])
        peers, missing = peers_here(programs, folder)
        if not peers:
            print("SKIPPED: none of these is installed: " + ", ".join(missing))
            return 77
        verdicts = {}
        try:
            for peer in peers:
                some = entries[:corpus_size] if peer.name in TABLE_ONLY else entries
                verdicts[peer.name] = peer.judge([bytes_ for _, bytes_, _, _ in some])
        finally:
            for peer in peers:
                peer.close()

        faults, compared, used = [], 0, set()
        for index, (name, bytes_, status, ours) in enumerate(entries):
            if status != 200:
                continue
            for peer in peers:
                if peer.name in TABLE_ONLY:
                    continue
                peer_status, theirs = verdicts[peer.name][index]
                compared += 1
                want, got = normal(ours, peer.knows_bodies), normal(theirs, peer.knows_bodies)
                if got == want:
                    continue
                kind = "refuses" if peer_status >= 400 or len(got) < len(want) and want[:len(got)] == got else "sees"
                if is_reviewed(peer.name, bytes_, ours) and (kind == "refuses" or not theirs):
                    used.add((peer.name, name))
                    continue
                faults.append(f"{peer.name} {kind} {name}: {bytes_[:120]!r}\n    ours {str(want)[:200]}\n    {peer_status} {str(got)[:200]}")

    if options.table:
        names = [peer.name for peer in peers]
        print("what we refuse, and which peers take it (+)\n")
        print(f"{'':32}{'we':>5}  " + "  ".join(f"{name:>11}" for name in names))
        for index, (name, bytes_, status, ours) in enumerate(entries[:corpus_size]):
            if status == 200:
                continue
            marks = []
            for peer in peers:
                peer_status, theirs = verdicts[peer.name][index]
                takes = peer_status < 400 and len(theirs) > len(ours)
                marks.append("+" if takes else str(peer_status) if peer_status >= 400 else "-")
            print(f"{name:32}{status:>5}  " + "  ".join(f"{mark:>11}" for mark in marks))
        print()
    for fault in faults:
        print(fault)
    print(f"{compared} verdicts compared with {', '.join(peer.name for peer in peers)}; {len(used)} reviewed differences; "
          f"{len(faults)} faults" + (f"; not installed: {', '.join(missing)}" if missing else ""))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

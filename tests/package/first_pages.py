"""Takes the samples out of the first page of each header, out of README.md and out of tests/bench, as they stand there,
compiles them, and attacks the servers among them.

    first_pages.py ROOT [HEADER.hpp | README.md | bench]...   CXX, CXXFLAGS and ECHO_SERVER (a path) from the environment

A sample is, in README.md, the text in a ```cpp fence. On a first page a block of lines that are indented by five
columns or more, in which a line ends with ; or { or }, if it is neither a drawing nor abbreviated by "...". Text behind
three spaces is a note in the margin, and is cut off. A line with the comment "// error" is there not to compile.

One rule holds for all samples:
  - Every sample has the prelude before it: netnotes.hpp, the standard headers, `namespace net`, and say().
  - A program (it has a main) is compiled as it stands, but together with the others, each in a namespace of its own: reading
    all headers takes longer than compiling a sample. Then it is run. 6666 (8000 of a web server) becomes a free port. If it says `listen` or `serve`
    it is a server: it is attacked. Else it must end, with status 0.
  - Anything else is a fragment. Definitions become members of a class template, statements become the body of a member
    function (a task, if they co_await), and a name that the fragment does not declare becomes a parameter of the
    template. So it is compiled and not run.

The attack: hundreds of clients that reset, at once and in the middle; then the same under `ulimit -n 24` with 40 clients at
once. After each a fresh client must be served. SIGTERM must then end a server that hears signals, with status 0.
"""

import contextlib
import os
import random
import re
import resource
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PRELUDE = """#pragma once
#include <netnotes/netnotes.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>
namespace net = netnotes;
template <class... Parts> void say(const Parts&... parts) { (std::cout << ... << parts) << std::endl; }
"""
USING = "using namespace netnotes; using namespace netnotes::literals; using namespace std::chrono_literals;\n"
CXX = os.environ.get("CXX", "c++")
FLAGS = shlex.split(os.environ.get("CXXFLAGS", "")) + ["-std=c++20", "-O0", "-pthread"]
MODELS = ["iterative", "forking", "threaded", "nonblocking", "select", "epoll-edge", "coroutine", "coroutine-lines"]


class Failure(Exception):
    pass


# ---- taking them out


def without_notes(line):
    return re.sub(r"(?<=[;{})]) {3,}(?!//)\S.*$", "", line).rstrip()


def samples_of_page(path):
    page, blocks, current = [], [], []
    for line in open(path, encoding="utf-8"):
        if line.startswith("#ifndef"):
            break
        page.append(line.rstrip("\n"))
    for line in page + ["//"]:
        if match := re.match(r"// {4,}( .*)$", line):
            current.append(match.group(1))
        else:
            blocks.append(current)
            current = []
    for block in blocks:
        text = "\n".join(block)
        code = [without_notes(line) for line in block if "// error" not in line]
        if "..." in text or re.search("[\u2500-\u257f]|──|<──|[|] ", text.replace("||", "")) or not code:
            continue
        if any(re.search(r"[;{}]\s*(//.*)?$", line) for line in code):
            yield "\n".join(code) + "\n"


def samples_of_readme(path):
    return re.findall(r"^```cpp\n(.*?)^```", open(path, encoding="utf-8").read(), re.M | re.S)


# ---- compiling them


class Workshop:
    def __init__(self, root, folder):
        self.folder = folder
        self.include = os.path.join(root, "include")
        self.write("prelude.hpp", PRELUDE)
        # Compiled once; g++ and clang find it beside the header.
        done = self.compiler("-x", "c++-header", self.path("prelude.hpp"), "-o", self.path("prelude.hpp.gch"))
        if done.returncode != 0:
            raise Failure("the prelude does not compile:\n" + done.stderr)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def compiler(self, *arguments):
        return subprocess.run([CXX, *FLAGS, "-I", self.include, *arguments], capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C"}, check=False)

    def build(self, programs):
        """Of a list of programs. Returns the command of each, and what is wrong with each that does not compile."""
        includes, bodies, calls = [], "", ""
        for number, text in enumerate(programs):
            includes += re.findall(r"^#include .*\n", text, re.M)
            self.write(f"program{number}.inc", with_end(re.sub(r"^#include .*\n", "\n", text, flags=re.M)))
            bodies += f'namespace program{number} {{\n#include "program{number}.inc"\n}}\n'
            takes = "count - 1, words + 1" if re.search(r"\bint main\([^)]", text) else ""
            calls += f'    if (std::string(words[1]) == "{number}") return program{number}::program_main({takes});\n'
        self.write("programs.cpp", "".join(dict.fromkeys(includes)) + bodies +
                   "int main(int count, char** words) {\n    if (count < 2) return 99;\n" + calls + "    return 99;\n}\n")
        done = self.compiler("-include", self.path("prelude.hpp"), self.path("programs.cpp"), "-o", self.path("programs"))
        wrong = {}
        for number, error in re.findall(r"program(\d+)\.inc:\d+(?::\d+)?: (error: .*)", done.stderr):
            wrong[int(number)] = wrong.get(int(number), "does not compile:\n") + error + "\n"
        if done.returncode != 0 and not wrong:
            raise Failure("does not compile:\n" + done.stderr)
        return [[self.path("programs"), str(number)] for number in range(len(programs))], wrong

    def complaints(self, samples, names):
        """Compiles these fragments together, each in a namespace of its own. Returns the errors of each. Reading the
        prelude takes longer than reading a fragment."""
        for number in samples:
            self.write(f"fragment{number}.inc", fragment(samples[number], names[number]))
        self.write("fragments.cpp", "".join(f'namespace fragment{number} {{\n#include "fragment{number}.inc"\n}}\n'
                                            for number in samples))
        unlimited = "-ferror-limit=0" if "clang" in CXX else "-fmax-errors=0"
        done = self.compiler("-include", self.path("prelude.hpp"), unlimited, "-fsyntax-only", self.path("fragments.cpp"))
        found = {}
        for number, error in re.findall(r"fragment(\d+)\.inc:\d+(?::\d+)?: (error: .*)", done.stderr):
            found.setdefault(int(number), []).append(error)
        if done.returncode != 0 and not found:
            raise Failure("does not compile:\n" + done.stderr)
        return found

    def check_fragments(self, samples):
        """Of a dictionary of samples. Returns what is wrong with each that does not compile."""
        names, left, wrong = {number: [] for number in samples}, dict(samples), {}
        while left:
            found = self.complaints(left, names)
            if not found:
                break
            for number, errors in found.items():
                unknown = re.findall(r"error: (?:there are no arguments to |use of undeclared identifier )?['‘](\w+)['’]"
                                     r"(?: was not declared| that depend| has not|;|$)", "\n".join(errors), re.M)
                fresh = [name for name in dict.fromkeys(unknown) if name not in names[number]]
                names[number] += fresh
                if not fresh:
                    wrong[number] = "does not compile:\n" + "\n".join(errors) + "\n" + fragment(left.pop(number), names[number])
        return wrong


def fragment(sample, names):
    definitions, statements, current = [], [], []
    for line in sample.splitlines():
        current.append(line)
        text = "\n".join(current)
        if text.count("{") == text.count("}") and text.count("(") == text.count(")") and text.rstrip().endswith((";", "}")):
            is_definition = re.match(r"\s*(static_assert|(template|struct|class)\b|(?!else|return|co_|throw|new)[\w:]+(<[^=;]*>)? \w+\([^;]*\) \{)",
                                     text)
            (definitions if is_definition and not text.rstrip().endswith(");") or "static_assert" in text
             else statements).append(text)
            current = []
    statements += ["\n".join(current)] if "".join(current).strip() else []
    body = "\n".join(statements)
    parameters = ", ".join(["class Nothing", *(f"class T_{name}" for name in names)])
    members = "".join(f"static T_{name}& {name};\n" for name in names)
    result = "task<>" if "co_await" in body else "void"
    return (USING + f"template <{parameters}> struct fragment {{\n{members}" + "\n".join(definitions) +
            f"\n{result} statements() {{\n{body}\n}}\n}};\n")


def with_end(text):
    """The program with its main() under another name, which does not return 0 by itself at its end."""
    start = re.search(r"\bint main\(", text).start()
    depth, end = 0, text.index("{", start)
    for end in range(end, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            break
    return re.sub(r"\bint main\(", "int program_main(", text[:end] + "return 0; " + text[end:])


# ---- attacking them


def free_port():
    """Below the range from which the kernel takes the ports of clients: there another program's client could take it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    while True:
        port = random.randrange(5000, max(first, 6000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


def connect(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.settimeout(10)
    return client


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def must_be_served(port, process, when, speaks_http=False):
    text = b"a fresh client\n"
    asked = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" if speaks_http else text
    text = b"HTTP/1.1 200 OK\r\n" if speaks_http else text
    try:
        with connect(port) as client:
            client.sendall(asked)
            heard = b""
            while len(heard) < len(text):
                if not (piece := client.recv(len(text) - len(heard))):
                    break
                heard += piece
    except OSError as error:
        raise Failure(f"{when} a fresh client gets {error}; the server's status is {process.poll()}") from None
    if heard != text:
        raise Failure(f"{when} a fresh client hears {heard!r}; the server's status is {process.poll()}")


class Running:
    def __init__(self, command, port, log, descriptors=None):
        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, preexec_fn=limit)
        end = time.monotonic() + 20
        while True:
            try:
                connect(port).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.process.kill()
                    raise Failure(f"it does not listen; its status is {self.process.wait()}") from None
                time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def must_stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            raise Failure("SIGTERM does not end it") from None
        if status != 0:
            raise Failure(f"after SIGTERM its status is {status}")


def attack(command, port, log, hears_signals, speaks_http=False):
    with Running(command, port, log) as server:
        for number in range(300):
            client = connect(port)
            if number % 3:
                client.sendall(b"x" * (1 if number % 3 == 1 else 100_000))
            reset(client)
        # Answered, and then reset with the answer unread; and closed with it unread.
        for number in range(50):
            client = connect(port)
            client.sendall(b"answer me\n")  # which a web server refuses, with an answer
            client.recv(1)
            (reset if number % 2 else socket.socket.close)(client)
        must_be_served(port, server.process, "after the resets", speaks_http)
        if hears_signals:
            server.must_stop()
    with Running(command, port, log, descriptors=24) as server:
        crowd = [connect(port) for _ in range(40)]
        for client in crowd:
            client.sendall(b"x\n")
        time.sleep(0.3)  # it is to run out of descriptors. Whether it has by now decides nothing but what is tried
        if server.process.poll() is not None:
            raise Failure(f"without descriptors its status is {server.process.poll()}")
        for number, client in enumerate(crowd):
            (reset if number % 2 else socket.socket.close)(client)
        must_be_served(port, server.process, "after the lack of descriptors", speaks_http)
        if hears_signals:
            server.must_stop()


def check(command, sample, port, log):
    """Runs a program. Returns what was done."""
    if re.search(r"listen|serve", sample):
        attack(command, port, log, "stop_on_signals" in sample, "http::serve" in sample)
        return "a server, attacked"
    done = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60, check=False)
    if done.returncode != 0:
        raise Failure(f"exit status {done.returncode}")
    return "a program, run"


def main():
    root, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    headers = os.path.join(root, "include", "netnotes")
    failed, counts = False, {}
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "log"), "wb") as log:
        workshop = Workshop(root, folder)

        def one(what, work):
            nonlocal failed
            try:
                done = work()
                counts[done] = counts.get(done, 0) + 1
                print(f"{what}: {done}", flush=True)
            except (Failure, OSError, subprocess.TimeoutExpired) as failure:
                failed = True
                print(f"{what}: FAILED: {failure}", flush=True)

        fragments, programs = [], []
        pages = [os.path.relpath(os.path.join(where, name), headers) for where, _, names in os.walk(headers) for name in names]
        for name in sorted(pages) + ["README.md"]:
            if only and name not in only:
                continue
            samples = samples_of_readme(os.path.join(root, name)) if name == "README.md" else samples_of_page(
                os.path.join(headers, name))
            for sample in samples:
                if re.search(r"\bint main\(", sample):
                    programs.append((name, sample, free_port()))
                else:
                    fragments.append((name, sample))

        bench = os.path.join(root, "tests", "bench")
        if not only or "bench" in only:
            with open(os.path.join(bench, "smallest_echo_netnotes.cpp"), encoding="utf-8") as file:
                programs.append(("smallest_echo_netnotes.cpp", file.read(), free_port()))
        texts = [re.sub(r"\b(6666|8000)\b", str(port), sample) for _, sample, port in programs]
        commands, wrong = workshop.build([text if "net::" in text else USING + text for text in texts])
        for number, (name, sample, port) in enumerate(programs):
            def work():
                if number in wrong:
                    raise Failure(wrong[number])
                if wrong:
                    raise Failure("not run, because another one does not compile")
                return check(commands[number], sample, port, log)
            one(name, work)

        def verdict(complaint):
            if complaint:
                raise Failure(complaint)
            return "a fragment, compiled"
        wrong = workshop.check_fragments({number: sample for number, (_, sample) in enumerate(fragments)})
        for number, (name, _) in enumerate(fragments):
            one(name, lambda: verdict(wrong.get(number)))
        if not only or "bench" in only:
            server = os.environ.get("ECHO_SERVER")
            if not server:
                server = workshop.path("echo_server")
                workshop.compiler(os.path.join(bench, "echo_server.cpp"), "-o", server)
            for model in MODELS:
                def work():
                    port = free_port()
                    attack([server, model, "--port", str(port)], port, log, True)
                    return "a server, attacked"
                one("echo_server " + model, work)
    # A rule that finds nothing any more would pass, too.
    if not only and (counts.get("a server, attacked", 0) < 4 + 1 + len(MODELS) or counts.get("a fragment, compiled", 0) < 8):
        print(f"FAILED: so few samples were found: {counts}")
        failed = True
    return 1 if failed else 0


sys.exit(main())

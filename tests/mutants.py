#!/usr/bin/env python3
"""Puts faults into the headers, one at a time, and sees whether the tests find them.

    sh tests/mutants.sh                         200 faults in all headers: this takes hours
    sh tests/mutants.sh ip/text.hpp             200 faults in one header, or as many as it has room for
    sh tests/mutants.sh --count 20 --seed 7 timer_wheel task

Such a fault is called a mutant. The kinds: another relation (< and <=, && and ||), a number or a sum that is off by one,
a statement that is dropped, a condition that is negated, true for false. The seed chooses them: the same seed and the
same header give the same mutants. The tests that belong to the header (the table TESTS below) are compiled without
optimisation and run. A mutant is found when a test fails, crashes, or runs far longer than without the fault. It survives
when all of them pass: then a test is missing, or the mutant is equivalent, which means that no test could tell. The
equivalent ones are listed in mutants.txt with the reason and are not counted. A mutant that does not compile is not
counted either; another one is taken instead.

All of this happens in a copy of the tree that is removed at the end, also after Ctrl-C.

Exit status: 0 when at least 97 % are found, 1 when not, 2 for wrong arguments or when the tests fail without a fault.
"""
import argparse
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
GOAL = 0.97

# Which tests belong to which header, the quick ones first. Each also runs on io_uring where CMakeLists.txt says so.
TESTS = {
    "ip/text": "ip/text ip/address", "ip/address": "ip/address ip/text", "ip/network": "ip/network",
    "ip/special": "ip/special ip/address", "ip/endpoint": "ip/endpoint ip/text",
    "ip/arithmetic": "ip/arithmetic", "ip/interface": "ip/interface", "socket/interfaces": "socket/interfaces",
    "socket/stop": "socket/stop", "socket/address": "socket/address udp/socket", "socket/buffer": "socket/buffer",
    "socket/time": "socket/time", "socket/wait": "socket/time server/faults",
    "socket/handle": "socket/handle socket/time socket/options server/faults",
    "socket/message": "socket/message udp/socket udp/batch",
    "socket/options": "socket/options", "socket/socket": "socket/socket socket/message socket/time tcp/stream server/faults",
    "poll/interest": "poll/interest", "poll/select": "poll/interest poll/registration poll/poll",
    "poll/poll": "poll/interest poll/registration poll/poll", "poll/epoll": "poll/interest poll/registration poll/poll",
    "udp/socket": "udp/socket server/faults", "udp/datagram": "udp/socket", "udp/batch": "udp/batch",
    "udp/multicast": "udp/multicast", "udp/connect": "udp/connect", "tcp/state": "tcp/stream", "tcp/connect": "tcp/stream server/faults",
    "tcp/stream": "tcp/stream server/faults", "tcp/reader": "tcp/reader",
    "server/blocking": "server/blocking server/faults", "server/iterative": "server/blocking server/faults",
    "server/forking": "server/blocking server/faults", "server/threaded": "server/blocking server/faults",
    "server/connection": "server/reactor_slow server/reactor server/reactor_load server/faults",
    "server/reactor": "server/reactor server/reactor_events server/reactor_stop server/reactor_slow server/reactor_load server/faults", "socket/iostream": "socket/iostream",
    "coro/generator": "coro/generator", "coro/task": "coro/task coro/group coro/loop coro/cancellation",
    "coro/timer_wheel": "coro/timer_wheel coro/sleep", "socket/owner": "coro/loop coro/signal tcp/reader",
    "coro/scheduler": "coro/loop coro/sleep coro/cancellation coro/stream",
    "coro/join": "coro/join coro/cancellation", "coro/sleep": "coro/sleep coro/loop",
    "coro/loop": "coro/loop coro/join coro/cancellation coro/faults", "coro/group": "coro/group coro/cancellation",
    "coro/sync": "coro/sync coro/cancellation coro/rules", "coro/signal": "coro/signal coro/loop",
    "coro/descriptor": "coro/descriptor coro/faults coro/stream", "coro/io/back_end": "coro/back_end coro/io_uring",
    "coro/io/operation": "coro/stream coro/descriptor coro/buffered coro/faults",
    "coro/io/socket": "coro/stream coro/datagram coro/faults", "coro/io/epoll": "coro/descriptor coro/stream coro/faults",
    "coro/stream": "coro/stream coro/faults", "coro/listener": "coro/listener coro/faults",
    "coro/datagram": "coro/datagram coro/faults", "coro/buffered": "coro/buffered", "coro/gathered": "coro/buffered coro/byte_stream",
    "coro/lookup": "coro/lookup coro/faults", "coro/connect": "coro/connect coro/faults",
    "coro/io/ring": "coro/io_uring coro/stream", "coro/io/io_uring": "coro/io_uring coro/stream",
    "coro/every_core": "coro/every_core",
    "tftp/packet": "tftp/packet", "tftp/netascii": "tftp/netascii tftp/transfer", "tftp/uri": "tftp/uri",
    "tftp/source": "tftp/transfer", "tftp/settings": "tftp/transfer", "tftp/negotiation": "tftp/transfer tftp/table",
    "tftp/outbox": "tftp/transfer tftp/table", "tftp/blocks": "tftp/transfer tftp/table",
    "tftp/timeout": "tftp/transfer tftp/window", "tftp/pace": "tftp/window tftp/grid",
    "tftp/window": "tftp/window tftp/grid tftp/transfer tftp/table",
    "tftp/delivery": "tftp/transfer tftp/table",
    "tftp/receive_window": "tftp/transfer tftp/table tftp/window",
    "tftp/service": "tftp/server tftp/faults", "tftp/conversation": "tftp/server tftp/faults",
    "tftp/server_core": "tftp/server tftp/faults", "tftp/rate_limit": "tftp/server",
    "tftp/transfer": "tftp/transfer tftp/table tftp/window",
    "tftp/file": "tftp/file tftp/faults", "tftp/content": "tftp/client tftp/transfer",
    "tftp/datagrams": "tftp/server", "tftp/client": "tftp/client tftp/faults",
    "tftp/async_client": "tftp/server tftp/faults", "tftp/server": "tftp/server tftp/faults",
    "web/pattern": "web/pattern", "web/pattern_program": "web/pattern",
    "web/routes": "web/routes", "web/route_forms": "web/routes", "web/middleware": "web/routes", "web/csrf": "web/csrf", "web/hosts": "web/hosts", "web/value": "web/template", "web/template": "web/template", "web/template_parser": "web/template",
    "web/template_expression": "web/template", "web/template_filters": "web/template",
    "http/syntax": "http/message http/parser", "http/status": "http/message http/parser", "http/fields": "http/message",
    "http/date": "http/message", "http/target": "http/message http/parser", "http/media": "http/message",
    "http/message": "http/message", "http/refusal": "http/parser", "http/head": "http/parser", "http/parser": "http/parser",
    "http/body": "http/parser", "http/write": "http/connection", "http/connection": "http/connection",
    "http/websocket": "http/websocket",
    "socket/descriptors": "socket/descriptors coro/descriptors", "socket/resolve": "socket/resolve",
    "socket/stale": "socket/stale", "socket/whole_file": "socket/whole_file tftp/file", "socket/file": "socket/file",
    "packet/frame": "packet/frame packet/fields", "packet/frame_view": "packet/frame packet/fields",
    "packet/dns_name": "packet/dns", "packet/dns": "packet/dns packet/fields", "packet/dns_build": "packet/dns",
    "packet/bytes": "packet/checksum packet/frame", "packet/checksum": "packet/checksum", "packet/build": "packet/build",
    "packet/ethernet": "packet/ethernet", "packet/ipv4": "packet/ipv4", "packet/ipv6": "packet/ipv6",
    "packet/icmp": "packet/icmp", "packet/tcp": "packet/tcp", "packet/udp": "packet/udp", "packet/names": "packet/names",
    "packet/record": "packet/capture", "packet/pcap": "packet/capture", "packet/pcapng": "packet/capture",
    "packet/capture": "packet/capture", "packet/reassembly": "packet/reassembly packet/follow",
    "packet/pieces": "packet/reassembly packet/follow", "packet/follow": "packet/follow", "packet/fields": "packet/fields",
    "packet/print": "packet/print", "http/form": "http/form", "http/url": "http/client", "http/link": "http/client",
    "http/download": "http/client", "http/client": "http/client http/hostile_server http/faults",
    "http/file": "http/file http/server", "http/answer": "http/server", "http/exchange": "http/server http/server_limits",
    "http/server": "http/server http/server_limits", "http/upgrade": "http/websocket_peer",
    "http/websocket_peer": "http/websocket_peer", "lan/switch": "lan/devices", "lan/cable": "lan/devices",
    "lan/arp": "lan/devices lan/router", "lan/fragment": "lan/router", "lan/ip_node": "lan/router", "lan/route": "lan/router",
    "lan/router": "lan/router", "lan/nat": "lan/router", "lan/rip": "lan/router", "lan/attacks": "lan/attacks",
    "lan/tcp_machine": "lan/tcp_machine lan/tcp_scripts", "lan/tcp_sender": "lan/tcp_machine lan/tcp_scripts",
    "lan/tcp_congestion": "lan/tcp_machine lan/tcp_scripts", "lan/tcp_queues": "lan/tcp_machine lan/tcp_scripts",
    "lan/tcp_cookie": "lan/tcp_stack", "lan/tcp_listener": "lan/tcp_stack", "lan/tcp_stack": "lan/tcp_stack",
    "coro/byte_stream": "coro/byte_stream coro/messages", "coro/function": "coro/function", "coro/parts": "coro/when coro/timeout",
    "coro/send_file": "coro/send_file", "coro/timeout": "coro/timeout", "coro/udp": "coro/udp", "coro/when": "coro/when",
    "coro/serve": "coro/serve", "coro/pump": "coro/pump", "coro/descriptors": "coro/descriptors", "tcp/pump": "tcp/pump", "ip/number": "ip/endpoint",
}

SWAPS = {" < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == ", " && ": " || ",
         " || ": " && ", " + ": " - ", " - ": " + ", " += ": " -= ", " -= ": " += ", "true": "false", "false": "true"}
SWAP = re.compile(r" (?:[<>=!]=|[<>]|&&|\|\||[-+]=?) |\b(?:true|false)\b")
NUMBER = re.compile(r"(?<![\w.'\"])\d+(?![\w.'>])")  # not the size of an array
CONDITION = re.compile(r"\b(?:if|while) \(")
STATEMENT = re.compile(r"\s+(?!return|throw|co_|using|delete |static_assert|friend|case )"
                       r"(?:\+\+|--|\*)?[\w:.>\[\]*()-]+?(?:\(.*\)| [-+|&^*/%]?= .*|\+\+|--)?;\s*")
NO_CODE = re.compile(r"\s*(?:#|template|static_assert|using |friend |\[\[nodiscard\]\] .*;$|.*\boperator[<>=!+-])")


def blanked(text):
    """The same length, without comments and without what is in quotes."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found.group()) if found.group()[0] == "/" else '"' + " " * (len(found.group()) - 2) + '"'
    return re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'", blank, text, flags=re.S)


def closing(line, begin):
    depth = 0
    for place in range(begin, len(line)):
        depth += (line[place] == "(") - (line[place] == ")")
        if depth == 0:
            return place
    return None


def mutants_of(name, text):
    """Every fault there is room for: (header, line number, old line, new line)."""
    all_of_them = []
    for number, (line, code) in enumerate(zip(text.split("\n"), blanked(text).split("\n"))):
        if NO_CODE.match(code):
            continue

        def put(begin, end, new):
            all_of_them.append((name, number, line, line[:begin] + new + line[end:]))
        for found in SWAP.finditer(code):
            put(*found.span(), SWAPS[found.group()])
        for found in NUMBER.finditer(code):
            put(*found.span(), str(int(found.group()) + 1))
        for found in CONDITION.finditer(code):
            if "constexpr" not in found.group() and (end := closing(code, found.end() - 1)) and ";" not in code[:end]:
                put(found.end(), end, f"!({line[found.end():end]})")
        if STATEMENT.fullmatch(code):
            put(len(code) - len(code.lstrip()), len(line), ";")
    return all_of_them


def say(text):
    print(text, flush=True)


class Tree:
    """A copy of the tree, in which one header is changed and the tests are built and run."""

    def __init__(self, folder):
        self.folder, self.build = folder, folder / "build"
        for part in ("include", "tests", "examples", "CMakeLists.txt", "LICENSE"):
            if (TOP / part).is_dir():
                shutil.copytree(TOP / part, folder / part)
            else:
                shutil.copy(TOP / part, folder / part)
        for found in (folder / "include").rglob("*.hpp"):
            os.utime(found)
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        done = self.run(["cmake", "-G", "Ninja", "-S", folder, "-B", self.build, "-DCMAKE_BUILD_TYPE=Debug",
                         "-DCMAKE_CXX_FLAGS=-O0 -g0", "-DNETNOTES_BUILD_EXAMPLES=OFF", *launcher], 600)
        if done != 0:
            sys.exit(f"{sys.argv[0]}: cmake fails in {folder}")
        self.times = {}
        self.read_tests()

    def read_tests(self):
        """What ctest knows. The command is missing as long as the program is not built."""
        done = subprocess.run(["ctest", "--test-dir", self.build, "--show-only=json-v1"], check=True, capture_output=True)
        self.tests = {each["name"]: each for each in json.loads(done.stdout)["tests"]}

    def run(self, command, limit, environment=()):
        """Returns the exit status. If the test ran too long, the result is None."""
        def bound():  # a mutant may ask for memory for ever
            resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              cwd=self.folder, env={**os.environ, **dict(environment)}, start_new_session=True,
                              preexec_fn=bound) as process:
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                return None
            finally:  # and whatever it has started
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def names(self, header):
        """Pairs: the program, and the tests that run it."""
        for name in TESTS[header].split():
            test = "unit." + name.replace("/", ".")
            yield name.replace("/", "_") + "_test", [each for each in (test, test + ".io_uring") if each in self.tests]

    def passes(self, test):
        if "command" not in self.tests[test]:
            self.read_tests()
        properties = {each["name"]: each["value"] for each in self.tests[test].get("properties", [])}
        environment = [each.split("=", 1) for each in properties.get("ENVIRONMENT", [])]
        limit = max(20, 10 * self.times[test]) if test in self.times else 1800
        begin = time.monotonic()
        status = self.run([*self.tests[test]["command"], "--abort"], limit, environment)
        self.times.setdefault(test, time.monotonic() - begin)
        return status == 0

    def builds(self, program):
        return self.run(["ninja", "-C", self.build, program], 1800) == 0

    def try_unchanged(self, header):
        for program, tests in self.names(header):
            for test in tests:
                if test not in self.times and not (self.builds(program) and self.passes(test)):
                    say(f"{test} does not build or pass without a fault")
                    sys.exit(2)

    def try_mutant(self, mutant):
        """Returns the test that finds the mutant, or "". If it does not compile, the result is None."""
        header, number, _, new = mutant
        path = self.folder / "include" / "netnotes" / f"{header}.hpp"
        text = path.read_text()
        lines = text.split("\n")
        lines[number] = new
        path.write_text("\n".join(lines))
        try:
            for program, tests in self.names(header):
                if not self.builds(program):
                    return None
                for test in tests:
                    if not self.passes(test):
                        return test
            return ""
        finally:
            path.write_text(text)


def equivalents():
    """mutants.txt: HEADER, the old line, the new line and the reason, with a tab between."""
    lines = (HERE / "mutants.txt").read_text().split("\n")
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(header, old, new): why for header, old, new, why in rows}


def main():
    parser = argparse.ArgumentParser(prog="mutants.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="how many mutants (200)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (1)")
    parser.add_argument("--list", action="store_true", help="print the mutants, and do nothing")
    parser.add_argument("headers", nargs="*", metavar="HEADER", help="; ".join(f"{h}: {t}" for h, t in TESTS.items()))
    options = parser.parse_args()
    headers = [each.removesuffix(".hpp").split("netnotes/")[-1] for each in options.headers] or list(TESTS)
    for each in headers:
        if each not in TESTS:
            parser.error(f"{each} has no tests of its own; the table is in {__file__}")

    known, mutants = equivalents(), []
    for header in headers:
        text = (TOP / "include" / "netnotes" / f"{header}.hpp").read_text()
        mutants += [each for each in mutants_of(header, text) if (header, each[2].strip(), each[3].strip()) not in known]
    random.Random(options.seed).shuffle(mutants)
    if options.list:
        for header, number, old, new in mutants[:options.count]:
            say(f"{header}.hpp:{number + 1}: {old.strip()}  =>  {new.strip()}")
        return 0

    folder = pathlib.Path(tempfile.mkdtemp(prefix="netnotes-mutants-"))
    found, survivors, left_out = 0, [], 0
    try:
        tree = Tree(folder)
        for mutant in mutants:
            if found + len(survivors) >= options.count:
                break
            header, number, old, new = mutant
            tree.try_unchanged(header)
            begin, by = time.monotonic(), tree.try_mutant(mutant)
            if by is None:
                left_out += 1
                continue
            words = f"{header}.hpp:{number + 1}: {old.strip()}  =>  {new.strip()}"
            found += by != ""
            if not by:
                survivors.append(words)
            say(f"{found + len(survivors)}/{options.count} {'found by ' + by if by else 'SURVIVES'} "
                f"({time.monotonic() - begin:.0f} s) {words}")
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    count = found + len(survivors)
    if count == 0:
        return 2
    say(f"\n{found} of {count} found ({100 * found / count:.1f} %), {left_out} did not compile. Survivors:")
    for each in survivors or ["none"]:
        say(f"  {each}")
    return 0 if found >= GOAL * count else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    sys.exit(main())

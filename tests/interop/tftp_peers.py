#!/usr/bin/env python3
"""TFTP with other implementations: every client with every server.

    tftp_peers.py [--peers FOLDER] [--full | --speed] [--table] 14_TFTP

14_TFTP is the built example. The peers are tftp-hpa, tftpd-hpa, atftp and atftpd, unpacked side by side in FOLDER
(build/peers: see tests/run.sh; they cannot be installed together), and dnsmasq and curl from PATH. A missing program is
named and left out; without any program the exit status is 77. --full tries more sizes and options; --table prints what
was tried as Markdown; --speed compares 32 MiB over loopback, in pairs, instead.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from ports import free_port

KIB, MIB = 1024, 1024 * 1024
LIMIT = 300  # seconds for one transfer: all are far below, on any machine

# What a peer cannot do, and why. Nothing else is left out.
NO_WINDOWS = {"tftp-hpa", "curl", "tftpd-hpa"}  # they know RFC 2348 and 2349 at most
NO_BLOCK_SIZE = {"tftp-hpa"}  # its client asks for no options
READ_ONLY = {"dnsmasq"}  # by design
NO_EMPTY_FILE = {"curl"}  # takes "tsize 0" for nonsense, which is what the servers but ours answer


class Failed(Exception):
    pass


def wait_until(what, happened, seconds=LIMIT):
    """Looks again and again: nothing here is right because enough time has passed."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.005)


def written(process):
    """Bytes that a process has written into files. (A part of a file has no name that one could look at.)"""
    with open(f"/proc/{process.pid}/io", encoding="ascii") as file:
        return int(re.search(r"^wchar: (\d+)", file.read(), re.M).group(1))


def answers(host, port):
    """Does a server say anything to a request for a file that is there?"""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        try:
            probe.sendto(b"\0\1probe\0octet\0", (host, port))
            reply, sender = probe.recvfrom(1000)
            probe.sendto(b"\0\4" + reply[2:4], sender)  # so that it does not say it again and again
            return reply[:2] == b"\0\3"
        except OSError:
            return False


class Server:
    def __init__(self, name, programs, folder, host="127.0.0.1"):
        self.name, self.host = name, host
        self.root = folder / f"{name}-{'6' if ':' in host else '4'}"
        self.root.mkdir()
        self.root.chmod(0o777)
        (self.root / "probe").write_bytes(b"x")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bracketed = f"[{host}]" if ":" in host else host
        self.port = 69 if name == "dnsmasq" else free_port(host, socket.SOCK_DGRAM)
        root, port = str(self.root), str(self.port)
        program = programs[name]
        command = {
            "14_tftp": [program, "serve", "--root", root, "--bind", host, "--port", port, "--writable",
                        "--quiet"],
            "tftpd-hpa": [program, "--foreground", "--listen", "--address", f"{bracketed}:{port}",
                          "--create", "--permissive", "--user", "root", "--secure", root],
            "atftpd": [program, "--daemon", "--no-fork", "--bind-address", host, "--port", port,
                       "--user", "root", "--group", "root", "--logfile", os.devnull, root],
            "dnsmasq": [program, "--no-daemon", "--port=0", "--conf-file=/dev/null", "--enable-tftp",
                        f"--tftp-root={root}", f"--listen-address={host}", "--bind-interfaces", "--user=root",
                        "--pid-file="],
        }[name]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_until(f"{name} answers on {host}", lambda: self.process.poll() is not None or answers(host, self.port))
            if self.process.poll() is not None:
                raise Failed(f"{name} does not start (status {self.process.returncode})")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(5)
                return
            except subprocess.TimeoutExpired:
                pass


def command_for(client, programs, server, way, remote, local, block, window):
    host = f"[{server.host}]" if ":" in server.host else server.host
    if client == "14_tftp":
        options = ["--block-size", str(block), "--window-size", str(window)]
        where = [f"{host}:{server.port}", remote]
        return [programs[client], way, *options, *(where + [local] if way == "get" else [local] + where)]
    if client == "tftp-hpa":
        names = [remote, local] if way == "get" else [local, remote]
        return [programs[client], "-m", "binary", server.host, str(server.port), "-c", way, *names]
    if client == "atftp":
        options = ["--option", f"blksize {block}"] if block != 512 else []
        if window != 1:
            options += ["--option", f"windowsize {window}"]
        return [programs[client], *options, f"--{way}", "-r", remote, "-l", local, server.host, str(server.port)]
    url = f"tftp://{host}:{server.port}/{remote}"
    return [programs[client], "--silent", "--show-error", "--tftp-blksize", str(block),
            *(["-o", local] if way == "get" else ["-T", local]), url]


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(file.read()).digest()


class Course:
    """All that is tried, and what came of it."""

    def __init__(self, programs, folder, full):
        self.programs, self.folder, self.full = programs, folder, full
        self.servers, self.failures, self.tried, self.count = {}, [], {}, 0
        self.contents = {}
        noise = os.urandom(MIB)
        for size in (0, 1, 511, 512, 513, 1024, MIB, 33 * MIB + 7, 70 * MIB + 7):
            path = folder / f"content-{size}"
            path.write_bytes((noise * (size // MIB + 1))[:size])
            self.contents[size] = path

    def server(self, name, host="127.0.0.1"):
        if (name, host) not in self.servers:
            made = Server(name, self.programs, self.folder, host)
            for size, path in self.contents.items():
                os.link(path, made.root / f"f{size}")
            self.servers[name, host] = made
        return self.servers[name, host]

    def stop(self):
        for each in self.servers.values():
            each.stop()

    def one(self, client, server, way, size, block, window):
        self.count += 1
        what = f"{client} {way} {size} bytes, block {block}, window {window}, {server.name} on {server.host}"
        local = self.folder / f"local-{self.count}"
        remote = f"f{size}" if way == "get" else f"upload-{self.count}"
        if way == "put":
            os.link(self.contents[size], local)
        try:
            done = subprocess.run(command_for(client, self.programs, server, way, remote, str(local), block, window),
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, start_new_session=True)
        except subprocess.TimeoutExpired:
            raise Failed(f"{what}: not within {LIMIT} s") from None
        said = (done.stdout + done.stderr).decode(errors="replace").strip()[-300:]
        if client != "tftp-hpa" and done.returncode != 0:  # which says 0 whatever happens
            raise Failed(f"{what}: status {done.returncode}: {said}")
        result = local if way == "get" else server.root / remote
        # An upload is there when its last block is acknowledged, but a peer may still be writing it down.
        try:
            wait_until("the file", lambda: result.exists() and result.stat().st_size == size, 5)
            if digest(result) != digest(self.contents[size]):
                raise Failed("other bytes")
        except Failed as failure:
            raise Failed(f"{what}: {failure}; {said}") from None
        local.unlink(missing_ok=True)
        result.unlink(missing_ok=True)

    def attempt(self, client, server, way, size, block=512, window=1):
        key = (client, server.name, way)
        try:
            self.one(client, server, way, size, block, window)
            self.tried.setdefault(key, [0, 0])[0] += 1
        except Failed as failure:
            self.tried.setdefault(key, [0, 0])[1] += 1
            self.failures.append(str(failure))

    def pair(self, client, name):
        server = self.server(name)
        ours = "14_tftp" in (client, name)
        for way in ("get", "put"):
            if way == "put" and name in READ_ONLY:
                continue
            for size in (0, 1, 511, 512, 513, 1024):
                if size == 0 and way == "get" and client in NO_EMPTY_FILE and name != "14_tftp":
                    continue
                self.attempt(client, server, way, size)
            blocks = [512] if client in NO_BLOCK_SIZE else [512, 1428, 8192, 65464]
            for block in blocks:
                self.attempt(client, server, way, MIB, block)
            if not {client, name} & NO_WINDOWS and client != "curl":
                for window in (4, 16, 64):
                    self.attempt(client, server, way, MIB, 1428, window)
            if ours and (self.full or client == "14_tftp" or (client == "tftp-hpa" and way == "get")):
                self.attempt(client, server, way, 33 * MIB + 7)  # the block numbers roll over
            if ours and self.full:
                self.attempt(client, server, way, 70 * MIB + 7, 512 if client in NO_BLOCK_SIZE else 1428)

    # -- where ours meets what is refused, missing or broken off: a clear error, and no file

    def refused(self, name):
        server = self.server(name)
        for remote in ("missing", "../secret", "/etc/shadow-", "f1/../../secret"):
            local = self.folder / f"none-{name}"
            done = subprocess.run(command_for("14_tftp", self.programs, server, "get", remote, str(local), 512, 1),
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
            if done.returncode != 1 or local.exists() or not done.stderr:
                self.failures.append(f"14_tftp get {remote} from {name}: status {done.returncode}, "
                                     f"{'a file' if local.exists() else 'no file'}, says {done.stderr!r}")

    def refused_write(self, client):
        root = self.folder / "read-only"
        root.mkdir(exist_ok=True)
        process = subprocess.Popen([self.programs["14_tftp"], "serve", "--root", str(root), "--bind", "127.0.0.1",
                                    "--port", "0", "--quiet"], stdout=subprocess.PIPE, text=True)
        try:
            class where:
                host, port = "127.0.0.1", int(re.search(r":(\d+)\s*$", process.stdout.readline()).group(1))
            done = subprocess.run(command_for(client, self.programs, where, "put", "new", str(self.contents[513]), 512,
                                              1), stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
            if list(root.iterdir()) or (client != "tftp-hpa" and done.returncode == 0):
                self.failures.append(f"{client} put to a read-only server: status {done.returncode}, "
                                     f"{[each.name for each in root.iterdir()]}")
        finally:
            process.terminate()
            process.wait()

    def killed(self, name):
        """The server dies in the middle: the client says so, and leaves no file."""
        server = Server(name, self.programs, self.folder / "killed") if name != "dnsmasq" else None
        if not server:
            return
        os.link(self.contents[70 * MIB + 7], server.root / "long")
        folder = self.folder / f"into-{name}"
        folder.mkdir()
        client = subprocess.Popen(command_for("14_tftp", self.programs, server, "get", "long", str(folder / "long"),
                                              512, 1), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL)
        try:
            wait_until("bytes have come", lambda: written(client) > 100 * KIB)
            os.killpg(server.process.pid, signal.SIGKILL)
            said = client.communicate(timeout=LIMIT)[1].decode()
            if client.returncode != 1 or list(folder.iterdir()) or not said:
                self.failures.append(f"{name} killed in the middle: status {client.returncode}, "
                                     f"left {list(folder.iterdir())}, says {said!r}")
        finally:
            client.kill()
            client.wait()
            server.stop()

    def broken_off(self):
        """Our client is told to stop while it writes: the server keeps no part of the file."""
        server = self.server("14_tftp")
        before = {each.name for each in server.root.iterdir()}
        client = subprocess.Popen(command_for("14_tftp", self.programs, server, "put", "half",
                                              str(self.contents[70 * MIB + 7]), 512, 1), stdin=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        begin = written(server.process)
        wait_until("the upload has begun", lambda: written(server.process) > begin + 100 * KIB)
        client.terminate()
        client.wait(LIMIT)
        wait_until("the part is gone", lambda: not {each.name for each in server.root.iterdir()} - before)
        if client.returncode == 0:
            self.failures.append("14_tftp put, interrupted: status 0")

    def disk_full(self):
        mount = self.folder / "small"
        mount.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", mount],
                                               capture_output=True).returncode != 0:
            print("SKIPPED: a full disk (no tmpfs may be mounted here)")
            return
        try:
            local = mount / "file"
            done = subprocess.run(command_for("14_tftp", self.programs, self.server("14_tftp"), "get", f"f{MIB}",
                                              str(local), 1428, 16), stdin=subprocess.DEVNULL, capture_output=True)
            if done.returncode != 1 or list(mount.iterdir()) or b"space" not in done.stderr:
                self.failures.append(f"get onto a full disk: status {done.returncode}, says {done.stderr!r}, "
                                     f"left {list(mount.iterdir())}")
        finally:
            subprocess.run(["umount", mount], check=True)

    def from_a_pipe(self):
        """A client that reads from a pipe does not know the size; curl and BusyBox then announce 0."""
        server = self.server("14_tftp")
        for client, command in [
                ("curl", ["curl", "--silent", "--show-error", "--max-time", "60", "-T", "-",
                          f"tftp://{server.host}:{server.port}/"]),
                ("busybox", ["busybox", "tftp", "-p", "-b", "1024", "-l", "-", "-r"])]:
            if not shutil.which(command[0]):
                print(f"SKIPPED: {client} from a pipe (not in PATH)")
                continue
            for size in (0, 1, 513, MIB):
                remote = f"pipe-{client}-{size}"
                whole = command[:-1] + [command[-1] + remote] if client == "curl" else \
                    command + [remote, server.host, str(server.port)]
                content = self.contents[size].read_bytes()
                done = subprocess.run(whole, input=content, capture_output=True, timeout=LIMIT)
                self.count += 1
                result = server.root / remote
                if done.returncode != 0 or not result.exists() or result.read_bytes() != content:
                    self.failures.append(f"{client} puts {size} bytes from a pipe: status {done.returncode}, "
                                         f"says {(done.stdout + done.stderr)[-200:]!r}")

    def drops_root(self):
        """With --user the server gives up root's rights, all of them, and still reads and writes."""
        try:
            wanted = pwd.getpwnam("nobody")
        except KeyError:
            wanted = None
        if os.geteuid() != 0 or not wanted:
            print("SKIPPED: --user (only root can become somebody else, and there must be nobody)")
            return
        root = self.folder / "of-nobody"
        root.mkdir()
        os.chown(root, wanted.pw_uid, wanted.pw_gid)
        (root / "open").write_bytes(b"for all")
        (root / "closed").write_bytes(b"for root")
        (root / "closed").chmod(0o600)
        process = subprocess.Popen([self.programs["14_tftp"], "serve", "--root", str(root), "--bind", "127.0.0.1",
                                    "--port", "0", "--writable", "--quiet", "--user", "nobody"],
                                   stdout=subprocess.PIPE, text=True)
        try:
            class where:
                host, port = "127.0.0.1", int(re.search(r":(\d+)\s*$", process.stdout.readline()).group(1))
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                status = dict(line.rstrip("\n").split(":", 1) for line in file if ":" in line)
            ids = [status["Uid"].split(), status["Gid"].split(), status["Groups"].split(), status["CapEff"].strip()]
            if ids != [[str(wanted.pw_uid)] * 4, [str(wanted.pw_gid)] * 4, [str(wanted.pw_gid)], "0" * 16]:
                self.failures.append(f"--user nobody: the server is {ids}")
            for way, name, expected in [("get", "open", 0), ("get", "closed", 1), ("put", "new", 0)]:
                local = self.contents[513] if way == "put" else self.folder / f"nobody-{name}"
                done = subprocess.run(command_for("14_tftp", self.programs, where, way, name, str(local), 512, 1),
                                      stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
                if done.returncode != expected:
                    self.failures.append(f"--user nobody: {way} {name}: status {done.returncode}, {done.stderr!r}")
            if (root / "new").stat().st_uid != wanted.pw_uid:
                self.failures.append("--user nobody: an upload belongs to somebody else")
        finally:
            process.terminate()
            process.wait()
        nobody = subprocess.run([self.programs["14_tftp"], "serve", "--root", str(root), "--port", "0", "--user",
                                 "no-such-user"], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
        if nobody.returncode != 1 or b"listening" in nobody.stdout or b"no-such-user" not in nobody.stderr:
            self.failures.append(f"--user no-such-user: status {nobody.returncode}, {nobody.stderr!r}")

    def upload_limit(self):
        root = self.folder / "limited"
        root.mkdir()
        process = subprocess.Popen([self.programs["14_tftp"], "serve", "--root", str(root), "--bind", "127.0.0.1",
                                    "--port", "0", "--writable", "--quiet", "--max-upload", "1"],
                                   stdout=subprocess.PIPE, text=True)
        try:
            class where:
                host, port = "127.0.0.1", int(re.search(r":(\d+)\s*$", process.stdout.readline()).group(1))
            for size, expected in [(MIB, 0), (33 * MIB + 7, 1)]:
                done = subprocess.run(command_for("14_tftp", self.programs, where, "put", f"u{size}",
                                                  str(self.contents[size]), 1428, 16),
                                      stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
                if done.returncode != expected or (root / f"u{size}").exists() != (expected == 0):
                    self.failures.append(f"--max-upload 1, {size} bytes: status {done.returncode}, {done.stderr!r}")
        finally:
            process.terminate()
            process.wait()

    def ipv6(self):
        # atftpd as packaged does not answer on ::1, whatever it is bound to.
        for client, name in [("14_tftp", "14_tftp"), ("14_tftp", "tftpd-hpa"), ("curl", "14_tftp"),
                             ("tftp-hpa", "14_tftp"), ("atftp", "14_tftp")]:
            if client in self.programs and name in self.programs:
                for way in ("get", "put"):
                    self.attempt(client, self.server(name, "::1"), way, MIB)


def speed(programs, folder):
    size = 32 * MIB
    content = folder / "content"
    content.write_bytes(os.urandom(MIB) * 32)
    servers = {}
    for name in ("14_tftp", "tftpd-hpa", "atftpd"):
        if name in programs:
            servers[name] = Server(name, programs, folder)
            os.link(content, servers[name].root / "f")
    try:
        def rate(client, name, block, window):
            local = folder / "local"
            begin = time.monotonic()
            subprocess.run(command_for(client, programs, servers[name], "get", "f", str(local), block, window),
                           check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
            took = time.monotonic() - begin
            if local.stat().st_size != size:
                raise Failed(f"{client} with {name}: not the whole file")
            local.unlink()
            return size / took / 1e6

        print("| 32 MiB over loopback, MB/s, median | ours | best peers | ratio (middle half) | goal |")
        print("|---|---|---|---|---|")
        for block, window, goal in [(512, 1, 1.0), (1428, 64, 2.5), (65464, 1, 1.2)]:
            pairs = [(client, name) for client in ("tftp-hpa", "atftp", "curl") for name in ("tftpd-hpa", "atftpd")
                     if client in programs and name in servers
                     and not (block != 512 and client in NO_BLOCK_SIZE)
                     and not (window != 1 and {client, name} & NO_WINDOWS)]
            rounds = 5 if block == 512 else 11
            ours, theirs = [], {each: [] for each in pairs}
            for _ in range(rounds):
                ours.append(rate("14_tftp", "14_tftp", block, window))
                for each in pairs:
                    theirs[each].append(rate(*each, block, window))
            best = max(pairs, key=lambda each: statistics.median(theirs[each]), default=None)
            if not best:
                continue
            ratios = sorted(a / b for a, b in zip(ours, theirs[best]))
            quarter = len(ratios) // 4
            ratio = statistics.median(ratios)
            print(f"| {block} bytes, window {window} | {statistics.median(ours):.1f} | "
                  f"{statistics.median(theirs[best]):.1f} ({best[0]}, {best[1]}) | {ratio:.2f} "
                  f"({ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f}) | {goal}{'' if ratio >= goal else ' MISSED'} |",
                  flush=True)
    finally:
        for each in servers.values():
            each.stop()


def find_programs(ours, peers):
    programs = {"14_tftp": ours}
    for name, path in [("tftp-hpa", "tftp-hpa/usr/bin/tftp"), ("tftpd-hpa", "tftpd-hpa/usr/sbin/in.tftpd"),
                       ("atftp", "atftp/usr/bin/atftp"), ("atftpd", "atftpd/usr/sbin/atftpd")]:
        if (peers / path).exists():
            programs[name] = str((peers / path).resolve())
    for name in ("dnsmasq", "curl"):
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
        if path:
            programs[name] = path
    if os.geteuid() != 0:  # they listen on port 69, or change to another user
        for name in ("dnsmasq", "tftpd-hpa", "atftpd"):
            programs.pop(name, None)
    return programs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, metavar="FOLDER")
    for flag in ("--full", "--speed", "--table"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("program", metavar="14_TFTP", type=lambda text: str(pathlib.Path(text).resolve()))
    options = parser.parse_args()
    # The peers lie beside the build folder of a preset: build/peers and build/default/examples/14_tftp/demo.
    peers = options.peers or pathlib.Path(options.program).parents[3] / "peers"
    programs = find_programs(options.program, peers)
    missing = {"tftp-hpa", "tftpd-hpa", "atftp", "atftpd", "dnsmasq", "curl"} - set(programs)
    for name in sorted(missing):
        print(f"SKIPPED: {name} (not in {peers} or PATH, or only for root)")
    if len(missing) == 6:
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="tftp-peers-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "secret").write_bytes(b"nobody is to have this")
        (folder / "killed").mkdir()
        if options.speed:
            speed(programs, folder)
            return 0
        course = Course(programs, folder, options.full)
        try:
            clients = [each for each in ("14_tftp", "tftp-hpa", "atftp", "curl") if each in programs]
            servers = [each for each in ("14_tftp", "tftpd-hpa", "atftpd", "dnsmasq") if each in programs]
            for each in servers:
                course.server(each)
            with concurrent.futures.ThreadPoolExecutor(2) as pool:  # two at a time, one for each client
                work = [pool.submit(course.pair, client, server) for client in clients for server in servers
                        if options.full or "14_tftp" in (client, server)]
                for each in work:
                    each.result()
            for each in servers:
                course.refused(each)
                course.killed(each)
            for each in clients:
                course.refused_write(each)
            course.broken_off()
            course.disk_full()
            course.from_a_pipe()
            course.drops_root()
            course.upload_limit()
            course.ipv6()
        except Failed as failure:
            course.failures.append(str(failure))
        finally:
            course.stop()
    if options.table:
        print("| client | server | get | put |\n|---|---|---|---|")
        for client, server in sorted({key[:2] for key in course.tried}):
            cells = []
            for way in ("get", "put"):
                good, bad = course.tried.get((client, server, way), (0, 0))
                cells.append(f"{good} of {good + bad}" if good + bad else "-")
            print(f"| {client} | {server} | {' | '.join(cells)} |")
    for failure in course.failures:
        print(f"FAILED: {failure}")
    print(f"{course.count} transfers, {len(course.failures)} failures")
    return 1 if course.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

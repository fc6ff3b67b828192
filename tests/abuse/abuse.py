#!/usr/bin/env python3
"""Abuses an echo server, while somebody who behaves talks to it.

    abuse.py [--full] [--soak SECONDS] PROGRAM [ARGUMENT...]
    abuse.py --full build/default/examples/26_coroutine_server/demo --backend io_uring

Starts `PROGRAM serve --port 0 --quiet ARGUMENT...` and plays, one after the other:

    idle      connections that say nothing
    slow      ... that say a byte a second
    deaf      ... that send as much as goes, and never read what comes back
    resets    connections that are opened and reset
    flood     more connections than the server may have descriptors
    kills     conversations, of which some are killed at any moment: closed, reset, half-closed
    stop      SIGTERM under load: whatever had arrived is answered

A well-behaved client in a process of its own sends 64 bytes at a time and checks every byte; how long it waited (p50,
p99, the longest) is printed, beside the server's memory and descriptors. These rules must hold. The well-behaved client
always gets its answer, no client gets wrong bytes, and the memory stays within its bound. Afterwards the server has as
many descriptors as before, and still answers. SIGTERM ends it with status 0 and without a complaint. Times are printed,
and only --full judges them: p99 must be under 50 ms. The memory of a program with a sanitizer is printed and not judged: the sanitizer keeps what was freed, and notes of its own. (LeakSanitizer sees at the end what was lost.)

A tenth of everything is played, with --full all of it: 10,000 idle, 1,000 slow, 1,000 deaf, 50,000 resets. --soak plays
kills for this time. Exit status: 0 when all holds, 1 when not, 2 for wrong arguments.
"""
import argparse
import contextlib
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HOST = "127.0.0.1"
PATIENCE = 300  # seconds; no measure of speed: from then on something counts as stuck
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() resets


class Failure(Exception):
    pass


def until(what, happened):
    """Looks again and again, until it has happened."""
    end = time.monotonic() + PATIENCE
    while True:
        if result := happened():
            return result
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {PATIENCE} s")
        time.sleep(0.01)


def connect(port):
    return socket.create_connection((HOST, port), timeout=PATIENCE)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


def has_sanitizer(program):
    """Its sanitizer's first function is named in the program, whichever compiler and however it was linked."""
    with open(program, "rb") as file:
        return re.search(rb"__[amt]san_init", file.read()) is not None


class Server:
    def __init__(self, command, descriptors=None):
        self.name = " ".join([os.path.basename(command[0]), *command[1:]])
        self.errors = tempfile.TemporaryFile("w+")
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))) if descriptors else None
        self.process = subprocess.Popen([command[0], "serve", "--port", "0", "--quiet", *command[1:]],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        preexec_fn=limit)
        try:
            self.begin()
        except BaseException:
            self.kill()
            raise

    def begin(self):
        line = self.process.stdout.readline()
        found = re.match(r"listening on .*:(\d+)$", line.strip())
        if not found:
            raise Failure(f"{self.name} says {line!r} and {self.complaints()!r}")
        self.port = int(found.group(1))
        with connect(self.port) as first:  # what is made for the first client stays
            first.sendall(b"x")
            first.recv(1)
            self.descriptors = self.descriptors_now() - 1
        self.is_back()
        self.memory = self.memory_now()

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read()

    def descriptors_now(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory_now(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024

    def sleeps(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"

    def is_back(self):
        until(f"{self.name} has {self.descriptors} descriptors again",
              lambda: self.descriptors_now() <= self.descriptors)

    def stop(self, may_complain=False):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} does not stop") from None
        if status != 0:
            raise Failure(f"{self.name} ends with status {status}: {self.complaints()}")
        if self.complaints() and not may_complain:
            raise Failure(f"{self.name} says {self.complaints()!r}")

    def kill(self):
        self.process.kill()
        self.process.wait()


# ---- the well-behaved client


def behave(port):
    """In a process of its own, until its standard input ends. Prints the times of all its requests, in ms."""
    times = []
    with connect(port) as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("there", flush=True)
        number = 0
        while not select.select([sys.stdin], [], [], 0)[0]:
            message = f"{number:064d}".encode()
            begin = time.perf_counter()
            server.sendall(message)
            answer = b""
            while len(answer) < len(message):
                piece = server.recv(len(message) - len(answer))
                if not piece:
                    sys.exit("the server has hung up")
                answer += piece
            times.append((time.perf_counter() - begin) * 1000)
            if answer != message:
                sys.exit(f"{message} came back as {answer}")
            number += 1
            time.sleep(0.001)  # a thousand a second, no flood
    times.sort()
    print(len(times), times[len(times) // 2], times[len(times) * 99 // 100], times[-1])


class Behaved:
    def __init__(self, port):
        self.process = subprocess.Popen([sys.executable, __file__, "--behave", str(port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "there\n":
            raise Failure(f"the well-behaved client cannot connect: {self.process.stderr.read()}")

    def end(self):
        output, errors = self.process.communicate("\n", timeout=PATIENCE)
        if self.process.returncode != 0:
            raise Failure(f"the well-behaved client: {output.strip()} {errors.strip()}")
        count, middle, late, longest = map(float, output.split())
        return int(count), middle, late, longest


# ---- the hostile clients


def hold(port, count):
    """Opens `count` connections, or as many as the limits allow."""
    made = []
    for _ in range(count):
        made.append(connect(port))
        made[-1].setblocking(False)
    return made


def idle(server, how):
    made = hold(server.port, how.count(10_000))
    return made, f"{len(made):,} connections say nothing"


def slow(server, how):
    made = hold(server.port, how.count(1_000))
    for _ in range(10 if how.full else 2):
        begin = time.monotonic()
        for each in made:
            each.send(b"x")
        for each in made:
            each.settimeout(PATIENCE)
            if each.recv(10) != b"x":
                raise Failure("a slow client hears something else than it has said")
        time.sleep(max(0, begin + 1 - time.monotonic()))
    return made, f"{len(made):,} connections say a byte a second"


def deaf(server, how):
    made = hold(server.port, how.count(1_000))
    piece, sent = bytes(256 * 1024), 0
    for _ in range(20):
        moved = 0
        for each in made:
            with contextlib.suppress(BlockingIOError):
                moved += each.send(piece)
        sent += moved
        if moved == 0:
            break
    return made, f"{len(made):,} connections have sent {sent >> 20:,} MiB and read nothing"


def resets(server, how):
    count = how.count(50_000)
    for number in range(count):
        one = connect(server.port)
        if number % 2:
            one.send(b"something to answer")
        reset(one)
    return [], f"{count:,} connections were opened and reset"


def kills(server, how, seconds=None):
    """Conversations, of which a third are killed. Every other client gets the bytes that it sent, and nothing else."""
    chance = random.Random(7)
    ended = killed = 0
    poller, talks, halves = select.epoll(), {}, set()

    def begin():
        one = connect(server.port)
        one.setblocking(False)
        talks[one.fileno()] = [one, chance.randbytes(chance.choice((1, 64, 5_000, 100_000))), 0, 0]
        poller.register(one, select.EPOLLIN | select.EPOLLOUT)

    def end(number, how_to):
        one = talks.pop(number)[0]
        poller.unregister(number)
        halves.discard(number)
        how_to(one)

    total, finish = how.count(20_000), time.monotonic() + (seconds or 0)
    while ended + killed < total if seconds is None else time.monotonic() < finish:
        while len(talks) < 100:
            begin()
        for number, events in poller.poll(PATIENCE):
            talk = talks[number]
            one, text, sent, heard = talk
            if chance.random() < 0.05:
                kind = chance.randrange(3)
                if kind < 2:
                    end(number, reset if kind == 0 else socket.socket.close)
                    killed += 1
                    continue
                if sent < len(text):  # says no more, in the middle; what he has said comes back, and then the end
                    one.shutdown(socket.SHUT_WR)
                    talk[1] = text = text[:sent]
                    poller.modify(number, select.EPOLLIN)
                    halves.add(number)
            try:
                if events & select.EPOLLOUT and sent < len(text):
                    talk[2] += one.send(text[sent:])
                    if talk[2] == len(text):
                        poller.modify(number, select.EPOLLIN)
                if events & select.EPOLLIN:
                    piece = one.recv(65536)
                    if piece != text[heard:heard + len(piece)] or not piece and number not in halves:
                        raise Failure("a conversation is wrong, or was ended by the server")
                    if not piece and heard < len(text):
                        raise Failure("who has ended his half does not hear all")
                    talk[3] += len(piece)
                    if not piece or talk[3] == len(text) and number not in halves:
                        halves.discard(number)
                        end(number, socket.socket.close)
                        ended += 1
            except BlockingIOError:
                pass
    for number in list(talks):
        end(number, reset)
    return [], f"{ended:,} conversations came to their end, {killed:,} were killed"


def play(server, how, abuse, again=False):
    """Plays one kind of abuse beside the well-behaved client, and prints its row of the table. If it is played again,
    nothing more stays."""
    before = server.memory_now()
    good = Behaved(server.port)
    made = []
    try:
        made, what = abuse(server, how)
        time.sleep(1 if how.full else 0.2)  # so that the good one is heard while it lasts
        max_memory, max_descriptors = server.memory_now(), server.descriptors_now()
        count, middle, late, longest = good.end()
    finally:
        for each in made:
            each.close()
        good.process.kill()
        good.process.wait()
    server.is_back()
    if how.judges_memory:  # a moment after the connections have ended, so until()
        most = server.memory + (32 << 20)  # io_uring's pool of buffers, 16 MiB, stays once it was used
        if again:
            most = min(most, before + (1 << 20))
        until(f"{what}: the server keeps no more than {most >> 10} KiB ({before >> 10} KiB before)",
              lambda: server.memory_now() <= most)
    left = server.memory_now()
    print(f"| {what} | {count:,} | {middle:.2f} | {late:.2f} | {longest:.1f} | {server.memory / 2**20:.1f} | "
          f"{max_memory / 2**20:.1f} | {left / 2**20:.1f} | {max_descriptors:,} |", flush=True)
    # What a connection may hold (its buffers: 128 KiB and a little), for all of them.
    if how.judges_memory and max_memory - server.memory > how.count(1_000) * 160 * 1024 + (16 << 20):
        raise Failure(f"{what}: the server takes {max_memory >> 20} MiB")
    if how.full and late >= 50:
        how.missed.append(f"{what}: p99 is {late:.0f} ms")


def flood(command, how):
    """Opens more connections than the server may have descriptors. The connected clients are served, and the others as
    soon as there is room."""
    server = Server(command, descriptors=200)
    try:
        good = Behaved(server.port)
        made = hold(server.port, how.count(3_000))  # and no more than fit into the queue (net.core.somaxconn)
        time.sleep(0.2)
        count, _, late, longest = good.end()
        for each in made:
            each.close()
        server.is_back()
        with connect(server.port) as late_comer:
            late_comer.sendall(b"still there?")
            if late_comer.recv(100) != b"still there?":
                raise Failure("after a flood the server is not the same")
        server.stop(may_complain=True)
        lines = len(server.complaints().splitlines())
        print(f"flood: {len(made):,} connections for 200 descriptors, one client beside them had {count:,} answers, p99 "
              f"{late:.2f} ms, the longest {longest:.1f} ms; {lines} lines of complaint")
        if lines > len(made):
            raise Failure(f"{lines} complaints about one lack of descriptors: {server.complaints()[-300:]}")
    finally:
        server.kill()


def stop_under_load(command, how):
    """Each has sent numbered messages that the server has not read yet when SIGTERM comes: it sleeps, with SIGSTOP. Half of
    them it has not even accepted. All come back."""
    server = Server(command)
    try:
        made = hold(server.port, how.count(500))
        until("all are accepted", lambda: server.descriptors_now() >= server.descriptors + len(made))
        server.process.send_signal(signal.SIGSTOP)
        until("the server sleeps", server.sleeps)
        made += hold(server.port, how.count(500))
        texts = [b"".join(b"%07d\n" % i for i in range(500)) for _ in made]
        for each, text in zip(made, texts):
            if each.send(text) != len(text):
                raise Failure("the kernel takes less than 4,000 bytes")
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        lost = 0
        for each, text in zip(made, texts):
            each.setblocking(True)
            each.settimeout(PATIENCE)
            answer = b""
            try:
                while piece := each.recv(65536):
                    answer += piece
            except ConnectionResetError:
                pass
            if not text.startswith(answer):
                raise Failure("an answer is wrong")
            lost += answer != text
            each.close()
        if server.process.wait(PATIENCE) != 0:
            raise Failure(f"stopped under load it ends with status {server.process.returncode}")
        print(f"stop: of {len(made):,} clients with unanswered requests {lost:,} have lost any")
        if lost:
            raise Failure(f"a stop has lost the requests of {lost} clients")
    finally:
        server.kill()


class How:
    def __init__(self, full, judges_memory):
        self.full, self.judges_memory, self.missed = full, judges_memory, []
        room = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (room, room))
        if room < self.count(10_000) + 200:
            raise Failure(f"a process here may have {room} descriptors (RLIMIT_NOFILE), and that is not enough")

    def count(self, of_all):
        return of_all if self.full else of_all // 10


def main():
    if sys.argv[1:2] == ["--behave"]:
        return behave(int(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--soak", type=float, metavar="SECONDS")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="PROGRAM [ARGUMENT...]")
    options = parser.parse_args()
    if not options.command:
        parser.error("which server?")
    how = How(options.full, judges_memory=not has_sanitizer(options.command[0]))
    server = Server(options.command)
    try:
        if "; epoll instead" in server.complaints():
            print(f"SKIPPED: {server.complaints().strip()}")
            return 77
        print(f"{server.name}\n\n| abuse | answers to one who behaves | p50, ms | p99, ms | longest, ms | MiB before | "
              "at most | after | descriptors at most |\n|---|---|---|---|---|---|---|---|---|")
        if options.soak:
            play(server, how, lambda server, how: kills(server, how, options.soak))
        else:
            for abuse in (idle, slow, deaf, resets, kills):
                play(server, how, abuse)
            for abuse in (idle, resets):
                play(server, how, abuse, again=True)
        server.stop()
    finally:
        server.kill()
    if not options.soak:
        print()
        flood(options.command, how)
        stop_under_load(options.command, how)
    for each in how.missed:
        print(f"MISSED: {each}")
    return 1 if how.missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failure, OSError) as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

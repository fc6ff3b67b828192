#!/usr/bin/env python3
"""hostile_clients.py [--clients N] PROGRAM...

Starts each of these echo servers and plays the clients that a server on the open Internet must expect. A client ends
its sending direction first, resets, types one byte a second, never reads, or sends a mebibyte in one go. A thousand
clients connect and leave. N clients (1000) come at once, where the server's model allows it. Every byte must come back
as it was sent. Afterwards the server must be as before: as many descriptors and threads, no child, no more memory,
asleep. Then it is told to stop while clients are connected: they must hear the end, and it must leave with status 0 and
nothing on standard error.
"""

import argparse
import asyncio
import contextlib
import os
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HOST = "127.0.0.1"
PATIENCE = 300  # seconds: not a measure of speed, only the point at which something counts as stuck

# What belongs to a program's model. `alone`: serves one client at a time. `spins`: never sleeps, that is its lesson.
# `limit`: how many descriptors it can watch. `variants`: it is started once with each of these more options.
MODELS = {
    "15_iterative_server": {"alone": True},
    "16_forking_server": {"options": ["--max-children", "4000"]},
    "17_threaded_server": {"options": ["--max-threads", "4000"]},
    "18_nonblocking_server": {"spins": True},
    "19_select_server": {"limit": 1024},
    "20_select_write_queue_server": {"limit": 1024},
    "26_coroutine_server": {"variants": [[], ["--backend", "io_uring"]]},
}


class Failure(Exception):
    pass


def lesson(program):
    """The folder of a lesson's program: 15_iterative_server of .../15_iterative_server/demo."""
    return os.path.basename(os.path.dirname(os.path.abspath(program)))


# ---- the server, seen from outside


class Server:
    def __init__(self, program, variant):
        self.name = " ".join([lesson(program), *variant])
        self.model = MODELS.get(lesson(program), {})
        self.output = tempfile.TemporaryFile("w+")
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [program, "serve", "--port", "0", *self.model.get("options", []), *variant],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.errors)
        line = self.eventually(lambda: self.text(self.output).partition("\n"), lambda parts: parts[1], "a first line")[0]
        if not line.startswith("listening on "):
            raise Failure(f"its first line is {line!r}")
        self.port = int(line.rpartition(":")[2])
        # What it needs for itself it may open only now, or with its first client.
        with socket.create_connection((HOST, self.port), PATIENCE) as first:
            first.sendall(b"first")
            first.shutdown(socket.SHUT_WR)
            while first.recv(100):
                pass
        self.must_sleep()
        self.at_rest = self.figures()

    @staticmethod
    def text(file):
        file.seek(0)
        return file.read()

    def eventually(self, look, fits, what):
        """Looks until what is seen fits. Of what a server does when a client has gone nobody tells us."""
        end = time.monotonic() + PATIENCE
        while not fits(seen := look()):
            if self.process.poll() is not None:
                raise Failure(f"it has ended, with status {self.process.returncode}: {self.text(self.errors)}")
            if time.monotonic() > end:
                raise Failure(f"still not {what}, after {PATIENCE} s: {seen}")
            time.sleep(0.01)
        return seen

    def figures(self):
        proc = f"/proc/{self.process.pid}"
        tasks = os.listdir(f"{proc}/task")
        children = []
        for task in tasks:
            with contextlib.suppress(FileNotFoundError), open(f"{proc}/task/{task}/children") as file:
                children += file.read().split()
        return {"descriptors": len(os.listdir(f"{proc}/fd")), "threads": len(tasks), "children": len(children)}

    def has_sanitizer(self):
        """Then memory that was given back is kept aside, to catch who still uses it."""
        with open(f"/proc/{self.process.pid}/exe", "rb") as file:  # however it was linked: its first function is named
            return re.search(rb"__[amt]san_init", file.read()) is not None

    def memory(self):
        """KiB of its own, in use now."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))

    def work(self):
        """Is a thread awake? And what have they done so far: ticks of processor time, and how often they were put to
        sleep or displaced."""
        awake, ticks, switches = False, 0, 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(f"/proc/{self.process.pid}/task/{task}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                with open(f"/proc/{self.process.pid}/task/{task}/status") as file:
                    switches += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
                awake = awake or fields[0] != "S"
                ticks += int(fields[11]) + int(fields[12])
        return awake, ticks, switches

    def is_asleep(self):
        """One look at its state is not enough: a server that wakes each millisecond is asleep nearly always, too. (The
        thread that watches over a program built with -fsanitize=thread wakes ten times a second. That is allowed.)"""
        _, ticks, switches = self.work()
        time.sleep(0.25)
        awake, more_ticks, more_switches = self.work()
        return not awake and more_ticks - ticks <= 1 and more_switches - switches <= 8

    def must_sleep(self):
        if not self.model.get("spins"):
            self.eventually(self.is_asleep, bool, "asleep")

    def must_be_at_rest(self):
        self.eventually(self.figures, lambda now: now == self.at_rest, f"as it was before its clients, {self.at_rest}")
        self.must_sleep()

    def stop(self, how):
        self.process.send_signal(how)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"it does not stop at {how.name}") from None
        if status != 0:
            raise Failure(f"its exit status is {status}: {self.text(self.errors)}")
        # Where the kernel refuses io_uring the server says so, and uses epoll.
        errors = "".join(line for line in self.text(self.errors).splitlines(True) if not line.startswith("io_uring: "))
        if errors:
            raise Failure(f"it wrote to standard error: {errors}")

    def kill(self):
        self.process.kill()
        self.process.wait()


# ---- clients. Each returns when all is as it should be, and raises when it is not


chance = random.Random(8)  # the same at every run


def random_bytes(size):
    return chance.randbytes(size)


def must_be_equal(back, sent):
    if back != sent:
        wrong = next((i for i, (a, b) in enumerate(zip(back, sent)) if a != b), min(len(back), len(sent)))
        raise Failure(f"{len(sent)} bytes were sent and {len(back)} came back, the first wrong one is number {wrong}")


def reset(writer):
    """Closing sends a reset now, and throws away what is not yet sent."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def connect(port):
    return await asyncio.open_connection(HOST, port)


async def close(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def in_one_go(port, size):
    """Sends while it reads, says that this was all, and gets all."""
    data = random_bytes(size)
    reader, writer = await connect(port)
    writer.write(data)
    writer.write_eof()  # behind the data, whenever they are through
    back = await reader.read()
    await close(writer)
    must_be_equal(back, data)


async def dialogue(port, rounds):
    reader, writer = await connect(port)
    for _ in range(rounds):
        data = random_bytes(chance.randint(1, 3000))
        writer.write(data)
        must_be_equal(await reader.readexactly(len(data)), data)
    writer.write_eof()
    must_be_equal(await reader.read(), b"")
    await close(writer)


async def byte_by_byte(port):
    """One byte a second: three seconds that nobody else may have to wait."""
    reader, writer = await connect(port)
    for byte in (b"o", b"n", b"e"):
        writer.write(byte)
        must_be_equal(await reader.readexactly(1), byte)
        await asyncio.sleep(1)
    writer.write_eof()
    must_be_equal(await reader.read(), b"")
    await close(writer)


async def reset_at_once(port):
    _, writer = await connect(port)
    reset(writer)


async def reset_after_data(port):
    _, writer = await connect(port)
    writer.write(random_bytes(100_000))
    reset(writer)


async def reset_with_answer_unread(port):
    reader, writer = await connect(port)
    writer.write(b"answer me")
    await reader.readexactly(1)
    reset(writer)


async def leave(port):
    _, writer = await connect(port)
    await close(writer)


async def say_and_leave(port):
    """Closes with the answer unread: the server's answer meets a reset, or a closed door."""
    _, writer = await connect(port)
    writer.write(b"x" * 1000)
    await close(writer)


async def end_and_read_late(port, size):
    """Ends its sending direction before it reads the first byte. The buffers on its way are small. So with
    some size or other the server has read the end while it still holds bytes that the kernel did not take."""
    loop = asyncio.get_running_loop()
    data = random_bytes(size)
    back = b""
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 10)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)  # the server's send buffer is some segments long
        await loop.sock_connect(client, (HOST, port))
        await loop.sock_sendall(client, data)
        client.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.1)
        while piece := await loop.sock_recv(client, 1 << 16):
            back += piece
    must_be_equal(back, data)


class Deaf:
    """Sends as long as the server takes it, and reads nothing."""

    MOST = 128 << 20  # the kernel's buffers hold some 20 MiB; a server that takes more than this queues without bound

    async def begin(self, port):
        loop = asyncio.get_running_loop()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.piece = random_bytes(1 << 20)
        self.sent = 0
        await loop.sock_connect(self.socket, (HOST, port))
        while self.sent < self.MOST:
            offset = self.sent % len(self.piece)
            try:
                self.sent += self.socket.send(self.piece[offset:])
            except BlockingIOError:
                writable = asyncio.Event()
                loop.add_writer(self.socket, writable.set)
                try:
                    await asyncio.wait_for(writable.wait(), 0.5)
                except asyncio.TimeoutError:
                    return self
                finally:
                    loop.remove_writer(self.socket)
        raise Failure(f"the server has taken {self.sent} bytes of a client who reads none")

    async def hear_all(self):
        """Now it reads: nothing may be lost."""
        loop = asyncio.get_running_loop()
        self.socket.shutdown(socket.SHUT_WR)
        heard = 0
        while data := await loop.sock_recv(self.socket, 1 << 20):
            offset = heard % len(self.piece)
            expected = (self.piece + self.piece)[offset:offset + len(data)]
            must_be_equal(data, expected)
            heard += len(data)
        if heard != self.sent:
            raise Failure(f"a client who read late got {heard} bytes of {self.sent}")
        self.socket.close()

    def vanish(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


async def crowd(port, count, limit):
    """All connected at the same time, and then all talk. If a model has a limit, a client beyond it is refused."""
    connections = [await connect(port) for _ in range(count)]

    async def talk(reader, writer):
        data = random_bytes(chance.randint(1, 3000))
        try:
            writer.write(data)
            back = await reader.readexactly(len(data))
            writer.write_eof()
            back += await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                raise Failure("a client was left in the middle of an answer") from None
            return False
        must_be_equal(back, data)
        await close(writer)
        return True

    served = sum(await asyncio.gather(*(talk(*connection) for connection in connections)))
    for _, writer in connections:
        writer.close()
    least = count if limit is None else min(count, limit - 24)  # some descriptors are the server's own
    if served < least:
        raise Failure(f"{served} of {count} clients at once were served, of {least} at least")
    return served


# ---- the whole


async def within_patience(what, awaitable):
    try:
        return await asyncio.wait_for(awaitable, PATIENCE)
    except asyncio.TimeoutError:
        raise Failure(f"{what}: stuck") from None
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Failure(f"{what}: {type(error).__name__}: {error}") from None
    except Failure as error:
        raise Failure(f"{what}: {error}") from None


async def attack(server, count):
    port, alone = server.port, server.model.get("alone")
    for what, client, *amount in (
            ("a mebibyte in one go", in_one_go, 1 << 20),
            ("nothing, and the end", in_one_go, 0),
            ("a dialogue", dialogue, 100),
            ("a reset at once", reset_at_once),
            ("a reset after data", reset_after_data),
            ("a reset with the answer unread", reset_with_answer_unread),
            ("one byte a second", byte_by_byte),
            ("a dialogue after all that", dialogue, 3)):
        if client is byte_by_byte and not alone:
            continue  # it is one of all kinds together, below
        await within_patience(what, client(port, *amount))

    deaf = await within_patience("a client who does not read", Deaf().begin(port))
    if not alone:
        await within_patience("a dialogue beside a client who does not read", dialogue(port, 100))
    await within_patience("a client who reads late", deaf.hear_all())
    deaf = await within_patience("another client who does not read", Deaf().begin(port))
    deaf.vanish()
    await within_patience("a dialogue after he has vanished", dialogue(port, 3))

    async def many(kind, how_many):
        slots = asyncio.Semaphore(100)

        async def one():
            async with slots:
                await kind(port)
        await asyncio.gather(*(one() for _ in range(how_many)))

    for kind in (leave, reset_at_once, say_and_leave):
        await within_patience(f"{count} times {kind.__name__}", many(kind, count))
    await within_patience("a dialogue after those", dialogue(port, 3))

    server.must_be_at_rest()  # and has by now all the memory that it needs
    before = server.memory()
    await within_patience(f"{count} clients more", many(say_and_leave, count))
    server.must_be_at_rest()
    if (grown := server.memory() - before) > 4 * count and not server.has_sanitizer():
        raise Failure(f"it has grown by {grown} KiB over {count} clients who came one after another")

    if not alone:
        late = [end_and_read_late(port, size) for size in range(8 << 10, 256 << 10, 4 << 10)]
        await within_patience("clients who end first and then read", asyncio.gather(*late))
        together = [in_one_go(port, 1 << 20), byte_by_byte(port), dialogue(port, 200), reset_after_data(port),
                    leave(port), in_one_go(port, 1), reset_with_answer_unread(port), dialogue(port, 200)]
        await within_patience("all kinds together", asyncio.gather(*together))
        limit = server.model.get("limit")
        await within_patience(f"{count} clients at once", crowd(port, count, limit))
        if limit is not None and count >= limit - 24:
            server.must_be_at_rest()
            served = await within_patience("more clients than it can watch", crowd(port, limit + 100, limit))
            if served > limit:
                raise Failure(f"{served} clients at once, with {limit} descriptors?")
    server.must_be_at_rest()


async def stop_while_connected(server, how):
    """A client that is connected at a stop sees the end of the stream, not a reset. No client can keep the server from
    stopping."""
    clients = {}
    deaf = None
    if not server.model.get("alone"):
        clients["silent"] = await within_patience("a client before the stop", connect(server.port))
        deaf = await within_patience("a client who does not read", Deaf().begin(server.port))
    clients["talking"] = talking = await within_patience("a client before the stop", connect(server.port))
    talking[1].write(b"hello")
    must_be_equal(await within_patience("a client before the stop", talking[0].readexactly(5)), b"hello")
    await asyncio.get_running_loop().run_in_executor(None, server.stop, how)
    for what, (reader, writer) in clients.items():
        must_be_equal(await within_patience(f"the {what} client at the stop", reader.read()), b"")
        await close(writer)
    if deaf:
        deaf.vanish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    arguments = parser.parse_args()
    # The servers inherit it. A select server has its own limit, which must be the lower one to be met.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    if descriptors < 2 * arguments.clients + 200:
        print(f"SKIPPED: {descriptors} descriptors do not do for {arguments.clients} clients")
        return 77
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    status = 0
    runs = [(program, variant) for program in arguments.programs
            for variant in MODELS.get(lesson(program), {}).get("variants", [[]])]
    for number, (program, variant) in enumerate(runs):
        begin = time.monotonic()
        server = None
        try:
            server = Server(program, variant)
            asyncio.run(attack(server, arguments.clients))
            asyncio.run(stop_while_connected(server, (signal.SIGTERM, signal.SIGINT)[number % 2]))
            print(f"{server.name}: well, after {time.monotonic() - begin:.1f} s", flush=True)
        except (Failure, OSError) as failure:
            status = 1
            print(f"{' '.join([lesson(program), *variant])}: {failure}", flush=True)
        finally:
            if server and server.process.poll() is None:
                server.kill()
    return status


sys.exit(main())

#!/usr/bin/env python3
"""tftp_slow_link.py PROGRAM: what the TFTP example sends over a slow link, and to a client that does as EDK2 does.

A relay passes on a number of bits a second in each direction, and the rest waits in a long queue. Nothing is lost,
so nearly nothing may be sent again: a sender that takes a slow answer for a lost one fills the queue with repetitions.
Only bytes are judged, and that the file arrives; the time is the machine's.
"""
import collections
import os
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LIMIT = 100  # seconds until a program hangs
HEADERS = 42  # Ethernet, IPv4, UDP


def udp():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.bind(("127.0.0.1", 0))
    return made


class SlowLink(threading.Thread):
    """A relay for one transfer. It counts the bytes of the data blocks of each side."""

    def __init__(self, server, bits_a_second):
        super().__init__(daemon=True)
        self.rate = bits_a_second / 8
        self.front, self.back = udp(), udp()  # towards the client, towards the server
        self.port = self.front.getsockname()[1]
        self.server, self.client = server, None
        self.data_bytes = {self.front: 0, self.back: 0}  # by the side that they came from
        self.ends, self.end = os.pipe()

    def run(self):
        choice = selectors.DefaultSelector()
        for each in (self.front, self.back, self.ends):
            choice.register(each, selectors.EVENT_READ)
        queues = {self.front: collections.deque(), self.back: collections.deque()}
        free_at = {self.front: 0.0, self.back: 0.0}
        while True:
            due = [queue[0][0] for queue in queues.values() if queue]
            ready = choice.select(max(0.0, min(due) - time.monotonic()) if due else None)
            for key, _ in ready:
                side = key.fileobj
                if side == self.ends:
                    return
                datagram, sender = side.recvfrom(70_000)
                if side is self.front:
                    self.client = sender
                else:
                    self.server = sender
                if datagram[:2] == b"\0\3":
                    self.data_bytes[side] += len(datagram) - 4
                free_at[side] = max(free_at[side], time.monotonic()) + (len(datagram) + HEADERS) / self.rate
                queues[side].append((free_at[side], datagram))
            now = time.monotonic()
            for side, queue in queues.items():
                while queue and queue[0][0] <= now:
                    datagram = queue.popleft()[1]
                    if side is self.front:
                        self.back.sendto(datagram, self.server)
                    else:
                        self.front.sendto(datagram, self.client)

    def stop(self):
        os.write(self.end, b"x")
        self.join()


class Server:
    def __init__(self, program, root):
        self.process = subprocess.Popen(
            [program, "serve", "--root", str(root), "--bind", "127.0.0.1", "--port", "0", "--writable", "--quiet"],
            stdout=subprocess.PIPE, text=True)
        self.address = ("127.0.0.1", int(self.process.stdout.readline().rsplit(":", 1)[1]))

    def stop(self):
        self.process.terminate()
        self.process.wait(LIMIT)
        self.process.stdout.close()


def over_slow_link(program, server, folder, way, rate, window, size):
    """Returns what is wrong, or nothing."""
    name = f"{way}-{rate}-{window}"
    content = os.urandom(size)
    local, remote = folder / "client" / name, folder / "server" / name
    (remote if way == "get" else local).write_bytes(content)
    link = SlowLink(server.address, rate)
    link.start()
    where = [f"127.0.0.1:{link.port}", name]
    done = subprocess.run(
        [program, way, "--window-size", str(window), *(where + [str(local)] if way == "get" else [str(local)] + where)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=LIMIT,
        check=False)
    link.stop()
    times = link.data_bytes[link.back if way == "get" else link.front] / size
    what = f"{way} at {rate // 1000} kbit/s, window {window}: {times:.2f} times the bytes"
    print(what, flush=True)
    if done.returncode != 0:
        return f"{what}; status {done.returncode}: {done.stderr.strip()}"
    if (local if way == "put" else remote).read_bytes() != (remote if way == "put" else local).read_bytes():
        return f"{what}; another file has arrived"
    return what if times > 1.15 else None


def as_edk2(server, folder, window, twice):
    """Reads as EDK2's MTFTP4 does: any block but the expected one is answered at once with the number of the last good
    one, and the window is counted from each acknowledgment on. The blocks in `twice` are taken as if they came twice."""
    content = os.urandom(1_000_000)
    (folder / "server" / "five.bin").write_bytes(content)
    with udp() as client:
        client.settimeout(2)
        client.sendto(b"\0\1five.bin\0octet\0blksize\0001468\0windowsize\0%d\0" % window, server.address)
        answer, peer = client.recvfrom(2000)
        if answer[:2] != b"\0\6":
            return f"EDK2: {answer!r} instead of the options"
        whole, acknowledged, datagrams, silences = bytearray(), 0, 0, 0
        done = 0

        def acknowledge():
            client.sendto(struct.pack(">HH", 4, done & 65_535), peer)
            return done

        acknowledge()
        while True:
            try:
                answer = client.recv(2000)
            except socket.timeout:
                silences += 1
                if silences > 10:
                    return "EDK2: nothing is heard"
                acknowledged = acknowledge()
                continue
            what, number = struct.unpack(">HH", answer[:4])
            if what != 3:
                return f"EDK2: {answer!r} instead of data"
            datagrams += 1
            is_short = len(answer) < 4 + 1468
            for _ in range(2 if number in twice and number == done + 1 else 1):
                if number != (done + 1) & 65_535:
                    acknowledged = acknowledge()
                    continue
                done += 1
                whole += answer[4:]
                if is_short or done - acknowledged == window:
                    acknowledged = acknowledge()
            if is_short and number == done & 65_535:
                break
    what = f"EDK2's way, window {window}, {len(twice)} doubled: {datagrams / done:.2f} times the blocks"
    print(what, flush=True)
    if whole != content:
        return f"{what}; another file has arrived"
    return what if datagrams > 1.5 * done else None


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in ("client", "server"):
            (folder / name).mkdir()
        server = Server(program, folder / "server")
        try:
            faults = []
            for window, twice in ((4, {10, 200, 500}), (16, {100}), (16, {100, 101, 102, 400}), (64, {100})):
                faults.append(as_edk2(server, folder, window, twice))
            cases = [(way, rate, window, size) for way in ("get", "put")
                     for rate, window, size in ((1_000_000, 64, 250_000), (1_000_000, 16, 150_000), (256_000, 16, 90_000),
                                                (256_000, 64, 120_000), (256_000, 1, 30_000))]

            def attempt(case):
                try:
                    faults.append(over_slow_link(program, server, folder, *case))
                except (OSError, subprocess.TimeoutExpired) as failure:
                    faults.append(f"{case}: {failure}")

            attempts = [threading.Thread(daemon=True, target=attempt, args=(case,)) for case in cases]
            for each in attempts:
                each.start()
            for each in attempts:
                each.join()
        finally:
            server.stop()
    faults = [each for each in faults if each]
    for each in faults:
        print(f"FAILED: {each}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

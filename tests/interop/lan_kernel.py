#!/usr/bin/env python3
"""lan_kernel.py [NAME...]: runs the scripts of tests/lan/tcp_scripts.txt on the kernel's TCP.

tests/lan/tcp_scripts_test.cpp runs the same scripts on lan::tcp_machine. So whatever a script demands, both do: flags,
relative sequence and acknowledgment numbers, sizes, and their order. Where the two differ, the script says so and why.

The kernel runs in a network namespace of its own, whose only link is a TUN device. This program holds the other end of
the device: it writes the peer's packets, and reads what the kernel sends. NAME picks scripts by a part of their names.

Exit status: 0 if the kernel does as the scripts say, 1 if not, 77 if this machine allows no namespace or no TUN device.
"""
import concurrent.futures
import errno
import fcntl
import os
import pathlib
import queue
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent / "lan" / "tcp_scripts.txt"
KERNEL, PEER, CALM_PEER = "10.99.0.1", "10.99.0.2", "10.99.1.2"  # to the calm peer the kernel sends nothing again for 60 s
PEERS_NUMBER = 0xFFFFFFE0
SYSCTLS = {
    "tcp_congestion_control": "reno", "tcp_timestamps": "0", "tcp_sack": "0", "tcp_ecn": "0", "tcp_frto": "0",
    "tcp_no_metrics_save": "1", "tcp_invalid_ratelimit": "0", "tcp_challenge_ack_limit": "1000000",
}
QUIET = 0.08  # seconds in which nothing may leave
PATIENCE = 2.0
FLAGS = "FSRPAUEC"
STATES = {1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "CLOSED",
          8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN-RECEIVED"}
FAILURES = {"refused": errno.ECONNREFUSED, "reset": errno.ECONNRESET, "timeout": errno.ETIMEDOUT}


class Different(Exception):
    pass


def enter_namespace():
    """Starts again in a network namespace of its own."""
    if os.environ.get("NETNOTES_OWN_NETWORK") == "lan":
        return
    unshare = shutil.which("unshare")
    flags = ["-n"] if os.geteuid() == 0 else ["-Urn"]
    if unshare and subprocess.run([unshare, *flags, "true"], capture_output=True, check=False).returncode == 0:
        os.execve(unshare, [unshare, *flags, sys.executable, *sys.argv], {**os.environ, "NETNOTES_OWN_NETWORK": "lan"})
    print("SKIPPED: no network namespace can be made here")
    sys.exit(77)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def open_tun():
    try:
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"lan0", 0x0001 | 0x1000))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    except OSError as error:
        print(f"SKIPPED: no TUN device can be made here: {error}")
        sys.exit(77)
    ip("addr", "add", KERNEL + "/24", "dev", "lan0")
    # The kernel sets PSH on each pack of segments, and makes the packs smaller if the peer is slow: so no packs.
    ip("link", "set", "lan0", "gso_max_segs", "1")
    ip("link", "set", "lan0", "up")
    ip("link", "set", "lo", "up")
    ip("route", "add", CALM_PEER, "dev", "lan0", "src", KERNEL, "rto_min", "60s")
    for name, value in SYSCTLS.items():
        try:
            pathlib.Path("/proc/sys/net/ipv4", name).write_text(value)
        except OSError as error:
            if name == "tcp_congestion_control":
                print(f"SKIPPED: this kernel has no reno: {error}")
                sys.exit(77)
    return device


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def stream(at, size):
    return bytes((i * 7 + i // 251) & 0xFF for i in range(at, at + size))


class Wire(threading.Thread):
    """Reads what the kernel sends, and sorts it by the peer's port."""

    def __init__(self, device):
        super().__init__(daemon=True)
        self.device, self.ports = device, {}

    def run(self):
        while True:
            packet = os.read(self.device, 65536)
            if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
                continue
            segment = packet[(packet[0] & 15) * 4:]
            pseudo = packet[12:20] + struct.pack("!BBH", 0, 6, len(segment))
            assert checksum(pseudo + segment) == 0, "the kernel's checksum is wrong"
            port = struct.unpack("!H", segment[2:4])[0]
            if port in self.ports:
                self.ports[port].put(segment)

    def write(self, segment, peer):
        pseudo = socket.inet_aton(peer) + socket.inet_aton(KERNEL) + struct.pack("!BBH", 0, 6, len(segment))
        segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, 6, 0, socket.inet_aton(peer),
                             socket.inet_aton(KERNEL))
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        os.write(self.device, header + segment)


class Player:
    """Runs a script on the kernel. The peer is the script itself."""

    def __init__(self, wire, number, peer):
        self.wire, self.peer = wire, peer
        self.kernel_port, self.peer_port = 1000 + number, 20000 + number
        self.arrived = wire.ports[self.peer_port] = queue.Queue()
        self.listener = self.connection = None
        self.options = []
        self.kernel_number = self.answered = None
        self.patience = PATIENCE
        self.sent = self.read_bytes = 0
        self.is_closed_port = False

    def play(self, line):
        verb, *words = line.split()
        if verb in ("ours", "because", "only"):
            return
        if verb == "kernel":
            self.play(line[7:])
        elif verb == "opened":
            for step in "listen", "in S 0 mss 1460", "out SA 0 ack 1", "in A 1 ack 1":
                self.play(step)
            self.accept()
        elif verb == "connected":
            for step in "connect", "out S 0", "in SA 0 ack 1 mss 1460", "out A 1 ack 1":
                self.play(step)
        else:
            getattr(self, "do_" + verb)(*words)

    def finish(self):
        self.do_none()
        for each in self.connection, self.listener:
            if each:
                try:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass
                each.close()

    # what the program calls

    def socket(self):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option in self.options:
            made.setsockopt(*option)
        made.bind((KERNEL, self.kernel_port))
        made.settimeout(PATIENCE)
        return made

    def do_set(self, name, value):
        self.options += {
            "nagle": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(value == "off"))],
            "idle": [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, value)],
            "interval": [(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, value)],
            "count": [(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, value)],
            "buffer": [(socket.SOL_SOCKET, socket.SO_RCVBUF, value)],
        }[name]
        self.options = [(level, option, int(number)) for level, option, number in self.options]

    def do_listen(self):
        self.listener = self.socket()
        self.listener.listen(8)

    def do_connect(self):
        self.connection = self.socket()
        self.connection.setblocking(False)
        assert self.connection.connect_ex((self.peer, self.peer_port)) == errno.EINPROGRESS

    def do_closed(self):
        self.kernel_number = 0
        self.is_closed_port = True

    def accept(self):
        if self.connection is None:
            self.connection, _ = self.listener.accept()
            self.connection.setblocking(False)
        return self.connection

    def do_send(self, size):
        data = stream(self.sent, int(size))
        assert self.accept().send(data) == len(data)
        self.sent += len(data)

    def do_read(self, size):
        data = self.accept().recv(int(size))
        if data != stream(self.read_bytes, int(size)):
            raise Different("other bytes were read")
        self.read_bytes += len(data)

    def do_shutdown(self):
        self.accept().shutdown(socket.SHUT_WR)

    def do_close(self):
        if self.listener or self.connection.fileno() >= 0:
            self.accept().close()

    def do_abort(self):
        self.accept().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    # what the peer sends, and what must leave

    def quick(self):
        if self.connection is not None and self.connection.fileno() >= 0:
            try:
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            except OSError:
                pass

    def do_in(self, flags, number, *more):
        values = dict(zip(more[::2], more[1::2]))
        self.quick()
        bits = sum(1 << FLAGS.index(letter) for letter in flags if letter != "-")
        options = b""
        if "mss" in values:
            options += struct.pack("!BBH", 2, 4, int(values["mss"]))
        if "wscale" in values:
            options += struct.pack("!BBBB", 1, 3, 3, int(values["wscale"]))
        options += bytes.fromhex(values.get("opt", ""))
        options += b"\0" * (-len(options) % 4)
        first = PEERS_NUMBER + int(number)
        payload = stream(max(int(number) - 1, 0), int(values.get("len", 0)))
        ack = (self.kernel_number or 0) + int(values["ack"]) if "ack" in values else 0x55555555
        self.wire.write(struct.pack("!HHIIBBHHH", self.peer_port, self.kernel_port, first & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                                    (20 + len(options)) // 4 << 4 | int(values.get("res", 0)), bits,
                                    int(values.get("win", 65535)), 0, int(values.get("urg", 0))) + options + payload, self.peer)

    def take(self, patience):
        try:
            return self.arrived.get(timeout=patience)
        except queue.Empty:
            return None

    def text_of(self, segment):
        if segment is None:
            return "nothing"
        number, ack, offset, bits = struct.unpack("!IIBB", segment[4:14])
        if self.kernel_number is None or (bits & 2 and ack != self.answered):
            self.kernel_number = number if bits & 2 else 0  # each new SYN tells; a listener's RST has the peer's number
            self.answered = ack
        relative = number - (0 if bits & 20 == 20 and number == 0 else self.kernel_number)
        relative = (relative + 2**31) % 2**32 - 2**31
        text = "".join(letter for letter in "UFSRPA" if bits & 1 << FLAGS.index(letter)) + f" {relative}"
        if bits & 16:
            text += f" ack {((ack - PEERS_NUMBER) + 2**31) % 2**32 - 2**31}"
        size = len(segment) - (offset >> 4) * 4
        return text + (f" len {size}" if size else "")

    def do_out(self, flags, number, *more):
        values = dict(zip(more[::2], more[1::2]))
        expected = f"{flags} {number}" + "".join(f" {key} {values[key]}" for key in ("ack", "len") if key in values)
        segment = self.take(self.patience)
        self.patience = PATIENCE
        found = self.text_of(segment)
        if found != expected:
            raise Different(f"{found}, expected {expected}")
        header = (segment[12] >> 4) * 4
        options = {}
        at = 20
        while at < header and segment[at] != 0:
            size = 1 if segment[at] == 1 else segment[at + 1]
            options[segment[at]] = segment[at + 2:at + size]
            at += size
        if "mss" in values and options.get(2) != struct.pack("!H", int(values["mss"])):
            raise Different(f"another MSS: {options}")
        if "wscale" in values and (3 in options) != (values["wscale"] != "none"):
            raise Different(f"another window scale: {options}")
        if segment[header:] and segment[header:] != stream((int(number) - 1), len(segment) - header):
            raise Different("other bytes")

    def do_none(self):
        self.nothing(QUIET)

    def do_wait(self, seconds):
        self.nothing(float(seconds))

    def nothing(self, seconds):
        segment = self.take(seconds)
        if segment is not None:
            raise Different(f"{self.text_of(segment)}, expected nothing")

    def do_later(self, seconds):
        self.patience = float(seconds) + 1

    # what the program sees

    def state(self):
        for line in open("/proc/net/tcp", encoding="ascii").readlines()[1:]:
            words = line.split()
            ports = tuple(int(words[i].split(":")[1], 16) for i in (1, 2))
            if ports == (self.kernel_port, self.peer_port):
                return STATES[int(words[3], 16)]
        return None

    def until(self, condition, what):
        """The kernel may need a moment after the segment was written."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise Different(what())
            time.sleep(0.005)

    def do_state(self, name):
        expected = None if name in ("CLOSED", "LISTEN") else name
        self.until(lambda: self.state() == expected, lambda: f"the state is {self.state()}, expected {name}")

    def do_readable(self, size):
        def waiting():
            return struct.unpack("i", fcntl.ioctl(self.accept(), 0x541B, b"\0" * 4))[0]
        self.until(lambda: waiting() == int(size), lambda: f"{waiting()} bytes can be read, expected {size}")
        data = self.connection.recv(1 << 20, socket.MSG_PEEK) if int(size) else b""
        if data != stream(self.read_bytes, int(size)):
            raise Different("other bytes can be read")

    def do_eof(self):
        self.accept().settimeout(PATIENCE)
        if self.connection.recv(100, socket.MSG_PEEK) != b"":
            raise Different("bytes, expected the end of the stream")

    def do_failure(self, name):
        self.accept()
        found = []

        def failed():
            found.append(self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            return found[-1] != 0
        self.until(failed, lambda: "no failure")
        if found[-1] != FAILURES[name]:
            raise Different(f"the failure is {errno.errorcode[found[-1]]}, expected {name}")

    def do_alive(self):
        self.do_state("ESTABLISHED")


def scripts():
    found = []
    for line in SCRIPTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            found.append((line[3:], []))
        elif line and not line.startswith("#") and found and line != ')script"':
            found[-1][1].append(line)
    return found


def main():
    if sys.argv[1:2] and sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    enter_namespace()
    try:  # the kernel's timers run in real time, so their peer must be as prompt
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        pass  # this needs a privilege
    wire = Wire(open_tun())
    wire.start()
    everything = scripts()
    chosen = [each for each in everything if all(word in each[0] for word in sys.argv[1:])]
    run = [each for each in chosen if not any(line.startswith("only ours") for line in each[1])]
    failed, numbers = [], iter(range(15000))
    lock = threading.Lock()

    def try_script(script):
        name, lines = script
        # A busy machine may let a timer of the kernel expire between two steps. With the calm peer no timer does, so
        # only a script about such a timer has to try again.
        for peer in CALM_PEER, PEER, PEER, PEER, PEER:
            with lock:
                number = next(numbers)
            player, at = Player(wire, number, peer), "the end"
            try:
                for at in lines:
                    player.play(at)
                at = "the end"
                player.finish()
                return None
            except (Different, OSError, AssertionError) as error:
                why = f"{name}\n    at `{at}`: {error}"
        return why

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        failed = [why for why in pool.map(try_script, run) if why]
    for why in failed:
        print(why)
    differing = sum(any(re.match("(ours|kernel) ", line) for line in lines) for _, lines in run)
    print(f"{len(run) - len(failed)} of {len(run)} scripts: the kernel does as they say; {differing} of them name a difference. "
          f"{len(chosen) - len(run)} scripts are for tcp_machine only.")
    if not run:
        print("no script has such a name")
        return 1
    return 1 if failed else 0


sys.exit(main())

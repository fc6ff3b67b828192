#!/usr/bin/env python3
"""lan_partner.py PROGRAM: the kernel's TCP talks to lan::tcp_machine.

PROGRAM (lan_partner.cpp) is a simulated host. Its cable ends in a TAP device of a network namespace of its own, so the
kernel has a link to it. This script is the program on the kernel's side of each conversation. A megabyte goes each way
over a cable that loses 5 % of the frames. A thousand connections open and close. Both sides close at the same time. There
are half-closed connections and closed windows, too. Afterwards the kernel has counted no wrong checksum, and no connection is
left on either side.

Exit status: 0 if all is well, 1 if not, 77 if this machine allows no namespace or no TAP device.
"""
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

KERNEL, US = "10.98.0.1", "10.98.0.2"
BULK = 1 << 20
PATIENCE = 120


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


def open_tap():
    try:
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"lan0", 0x0002 | 0x1000))  # TUNSETIFF: IFF_TAP, IFF_NO_PI
    except OSError as error:
        print(f"SKIPPED: no TAP device can be made here: {error}")
        sys.exit(77)
    subprocess.run(["ip", "addr", "add", KERNEL + "/24", "dev", "lan0"], check=True)
    subprocess.run(["ip", "link", "set", "lan0", "up"], check=True)
    return device


def letters(at, size):
    pattern = bytes(ord("a") + (i * 7 + i // 251) % 26 for i in range(251 * 26))
    return (pattern * ((at + size) // len(pattern) + 1))[at:at + size]


def connect(port, **options):
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.settimeout(PATIENCE)
    if "buffer" in options:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["buffer"])
    made.connect((US, port))
    return made


def read_all(stream):
    parts = []
    while part := stream.recv(65536):
        parts.append(part)
    return b"".join(parts)


class Partner:
    """The simulated host, and what it says."""

    def __init__(self, program, device, loss):
        self.process = subprocess.Popen([program, str(device), str(loss)], pass_fds=[device], stdout=subprocess.PIPE, text=True)
        self.heard, self.news = [], threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            with self.news:
                self.heard.append(line.strip())
                self.news.notify_all()
        status = self.process.wait()
        if status not in (0, -signal.SIGKILL):  # otherwise each conversation waits for nobody
            print(f"the simulated host ended with status {status}", file=sys.stderr, flush=True)
            os._exit(1)

    def expect(self, text):
        with self.news:
            if not self.news.wait_for(lambda: text in self.heard, PATIENCE):
                raise AssertionError(f"the simulated host did not say `{text}`, but {self.heard}")
            self.heard.remove(text)

    def end(self):
        connect(1009).close()
        if self.process.wait(PATIENCE) != 0:
            raise AssertionError(f"the simulated host ended with {self.process.returncode}")
        self.expect("left 0 malformed 0")


def bulk(partner):
    stream = connect(1001)
    sender = threading.Thread(daemon=True, target=lambda: (stream.sendall(letters(0, BULK)), stream.shutdown(socket.SHUT_WR)))
    sender.start()
    assert read_all(stream) == letters(0, BULK), "the kernel has read something else"
    sender.join()
    partner.expect(f"bulk {BULK} {BULK} whole")
    stream.close()


def open_and_close(partner):
    for _ in range(500):
        stream = connect(1002)
        assert stream.recv(1) == b""
        stream.close()
    listener = socket.create_server((KERNEL, 2000), backlog=64)
    listener.settimeout(PATIENCE)

    def accept():
        for _ in range(500):
            stream, _ = listener.accept()
            stream.settimeout(PATIENCE)
            assert stream.recv(1) == b""
            stream.close()
    server = threading.Thread(daemon=True, target=accept)
    server.start()
    connect(1008).close()
    server.join()
    partner.expect("opened 500")
    listener.close()


def simultaneous_close(partner):
    # The host closes after the handshake. Its cable lets its FIN arrive only when ours has left.
    for _ in range(20):
        stream = connect(1003)
        stream.shutdown(socket.SHUT_WR)
        assert read_all(stream) == b""
        stream.close()
        partner.expect("closing")


def half_close(partner):
    stream = connect(1004)
    stream.sendall(letters(0, 5000))
    stream.shutdown(socket.SHUT_WR)
    assert read_all(stream) == letters(0, 300_000), "the answer is another"
    stream.close()
    partner.expect("half 300000 5000 whole")
    stream = connect(1005)
    assert read_all(stream) == b"half"
    stream.sendall(letters(0, 300_000))
    stream.close()
    partner.expect("rest 0 300000 whole")


def zero_window(partner):
    stream = connect(1006)
    stream.sendall(letters(0, BULK))
    stream.close()
    partner.expect("window 0")
    partner.expect(f"slow 0 {BULK} whole")
    stream = connect(1007, buffer=10_000)
    partner.expect("peer's window is closed")
    time.sleep(1)
    assert read_all(stream) == letters(0, BULK), "the kernel has read something else"
    stream.close()


def counters(file):
    lines = pathlib.Path(file).read_text(encoding="ascii").splitlines()
    found = {}
    for names, values in zip(lines[::2], lines[1::2]):
        kind, *names = names.split()
        found.update(zip((kind.rstrip(":") + name for name in names), map(int, values.split()[1:])))
    return found


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    enter_namespace()
    device = open_tap()
    for loss, conversations in (5, [bulk]), (0, [open_and_close, simultaneous_close, half_close, zero_window]):
        partner = Partner(sys.argv[1], device, loss)
        try:
            for each in conversations:
                begin = time.monotonic()
                each(partner)
                print(f"{each.__name__}, {loss} % loss: {time.monotonic() - begin:.1f} s")
            partner.end()
        finally:
            partner.process.kill()
    snmp = counters("/proc/net/snmp")
    print(f"the kernel: {snmp['TcpInSegs']} segments in, {snmp['TcpRetransSegs']} sent again, "
          f"{snmp['TcpInCsumErrors']} wrong checksums")
    assert snmp["TcpInCsumErrors"] == 0 and snmp["TcpInErrs"] == 0, snmp
    # The side that closes first stays in TIME-WAIT for a minute, as it should; nothing else may be left.
    left = [line for line in open("/proc/net/tcp", encoding="ascii").readlines()[1:] if line.split()[3] != "06"]
    assert not left, left
    return 0


sys.exit(main())

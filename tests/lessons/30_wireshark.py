"""Capture files are read as tshark reads them: fields, filters, and streams. From a pipe, each packet is shown as soon as it
has come. A live capture, where the system permits it."""
import os
import pathlib
import re
import select
import shutil
import socket
import struct
import subprocess
import tempfile

from play import PATIENCE, Failure, Lesson

CAPTURE = pathlib.Path(__file__).parents[2] / "examples/30_wireshark/web.pcap"
FIELDS = [
    "frame.len", "frame.cap_len",
    "eth.dst", "eth.src", "eth.type",
    "arp.hw.type", "arp.proto.type", "arp.opcode", "arp.src.hw_mac", "arp.src.proto_ipv4", "arp.dst.hw_mac",
    "arp.dst.proto_ipv4",
    "ip.version", "ip.hdr_len", "ip.dsfield.dscp", "ip.len", "ip.id", "ip.flags.df", "ip.flags.mf", "ip.frag_offset",
    "ip.ttl", "ip.proto", "ip.checksum", "ip.checksum.status", "ip.src", "ip.dst",
    "udp.srcport", "udp.dstport", "udp.length", "udp.checksum", "udp.checksum.status",
    "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.hdr_len", "tcp.flags", "tcp.flags.syn",
    "tcp.flags.ack", "tcp.flags.push", "tcp.flags.fin", "tcp.flags.reset", "tcp.window_size_value", "tcp.checksum",
    "tcp.checksum.status", "tcp.urgent_pointer", "tcp.len", "tcp.options.mss_val", "tcp.options.wscale.shift",
    "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr",
    "dns.id", "dns.flags.response", "dns.flags.rcode", "dns.count.queries", "dns.count.answers", "dns.qry.name",
    "dns.qry.type", "dns.a",
]
FILTERS = ["tcp", "udp", "arp", "dns", "!tcp", "tcp.port == 80", "tcp.len > 0", "tcp.flags.syn == 1 && tcp.flags.ack == 0",
           "ip.src == 192.168.1.80 || arp", "(udp || tcp.dstport == 81) && ip.addr == 192.168.1.10",
           "tcp.window_size_value <= 64", "tcp.options.mss_val", "ip.ttl != 64", "tcp.flags == 0x0018", "frame.len >= 91"]
CHECKS = [part for protocol in ("ip", "tcp", "udp") for part in ("-o", f"{protocol}.check_checksum:TRUE")]


def tshark(file, *arguments):
    done = subprocess.run(["tshark", "-n", *CHECKS, "-r", str(file), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def same(what, ours, theirs):
    if ours != theirs:
        raise Failure(f"{what}: we say\n{ours}\nand tshark says\n{theirs}")


def output(program, *arguments, stdin=None):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=60,
                          stdin=stdin).stdout


def piped(program, *arguments):
    return subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, bufsize=0)


def packet_by_packet(program, *arguments):
    """Writes the capture into a pipe. The next packet is written only when the program has printed the last packet. Each
    packet comes in two pieces."""
    whole, at = CAPTURE.read_bytes(), 24
    expected = output(program, *(CAPTURE if word == "-" else word for word in arguments)).splitlines(keepends=True)
    with piped(program, *arguments) as reader:
        try:
            reader.stdin.write(whole[:at])
            for line in expected:
                size = 16 + struct.unpack_from("<I", whole, at + 8)[0]
                for piece in whole[at:at + 20], whole[at + 20:at + size]:
                    reader.stdin.write(piece)
                at += size
                printed = b""
                while not printed.endswith(b"\n"):
                    if not select.select([reader.stdout], [], [], PATIENCE)[0]:
                        raise Failure(f"{program} does not print a packet that has come: {line!r}")
                    printed += (piece := reader.stdout.read(1))
                    if not piece:
                        raise Failure(f"{program} ended early: {reader.stderr.read()}")
                same(f"{program} of a pipe", printed.decode(), line)
            rest, errors = reader.communicate(timeout=PATIENCE)
            if at != len(whole) or rest or errors or reader.returncode != 0:
                raise Failure(f"{program} ends with {reader.returncode}, {rest}, {errors} behind byte {at}")
        finally:
            reader.kill()


with Lesson(__file__) as lesson, tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    short, demo = lesson.folder / "read_capture", lesson.folder / "demo"
    lines = output(short, CAPTURE).splitlines()
    if len(lines) != 16 or "Who has 192.168.1.80? Tell 192.168.1.10" not in lines[0] or "[SYN] " not in lines[4]:
        raise Failure(f"read_capture says {lines}")
    same("read", output(demo, "read", CAPTURE).splitlines()[7].split()[1:], lines[7].split()[1:])

    # The demonstration's own packets, the captured packets, and the captured packets as pcapng.
    made = scratch / "made.pcap"
    output(demo, "write", made)
    if shutil.which("tshark"):
        modern = scratch / "web.pcapng"
        tshark(CAPTURE, "-F", "pcapng", "-w", modern)
        for file in (CAPTURE, made, modern):
            theirs = tshark(file, "-T", "fields", *[word for name in FIELDS for word in ("-e", name)])
            same("fields", output(short, file, *FIELDS), theirs)
            same("--fields", output(demo, "read", file, "--fields", ",".join(FIELDS)), theirs)
            with open(file, "rb") as stream:
                same("- --fields", output(demo, "read", "-", "--fields", ",".join(FIELDS), stdin=stream), theirs)
            for text in FILTERS:
                ours = output(demo, "read", file, "--filter", text)
                same(text, [line.split()[0] for line in ours.splitlines()],
                     tshark(file, "-Y", text, "-T", "fields", "-e", "frame.number").split())
            follow = tshark(file, "-q", "-z", "follow,tcp,raw,0").splitlines()[6:-1]
            same("follow", output(demo, "follow", file, 0, "--raw").splitlines(), follow)
    else:
        print("not compared with tshark, which is not installed")

    # Standard input: a pipe that is written slowly, and a capture that is cut short in it.
    packet_by_packet(short, "-")
    packet_by_packet(short, "-", "frame.len", "ip.src")
    packet_by_packet(demo, "read", "-")
    for program, *words in (short, "-"), (demo, "read", "-"):
        with piped(program, *words) as reader:
            heard, errors = (each.decode() for each in reader.communicate(CAPTURE.read_bytes()[:1000], timeout=PATIENCE))
        count = heard.count("\n")
        if reader.returncode != 1 or "cut short" not in errors or "at byte 1000" not in errors or count != 9:
            raise Failure(f"{program} of a cut pipe ends with {reader.returncode}: {count} packets, {errors}")
    # A pipe that never ends is not read to its end if it holds no capture. A folder is no capture either.
    for program, *words in (short, "-"), (demo, "read", "-"):
        for file, message in ("/dev/zero", "does not begin as a pcap file does"), ("/", "standard input: Is a directory"):
            descriptor = os.open(file, os.O_RDONLY)
            done = subprocess.run([program, *words], stdin=descriptor, capture_output=True, text=True, timeout=PATIENCE)
            os.close(descriptor)
            if done.returncode != 1 or message not in done.stderr:
                raise Failure(f"{program} - <{file} ends with {done.returncode}: {done.stderr}")

    talk = output(demo, "follow", CAPTURE, 0)
    with open(CAPTURE, "rb") as file:
        same("follow -", output(demo, "follow", "-", 0, stdin=file), talk)
    for text in ("client, 69 bytes:\n    GET /hello.txt HTTP/1.1\\r\\n\n", "    你好, world\\n\n", "server: end", "client: end"):
        if text not in talk:
            raise Failure(f"{text!r} is missing in {talk!r}")

    # Files that are no capture, or cut; names that no field has; conditions that make no sense; a stream that is not there.
    cut = scratch / "cut.pcap"
    cut.write_bytes(CAPTURE.read_bytes()[:1000])
    for program, status, words, message in (
            ("read_capture", 2, [], "usage: read_capture FILE"),
            ("read_capture", 1, ["/nowhere"], "/nowhere: No such file or directory"),
            ("read_capture", 1, [__file__], "does not begin as a pcap file does"),
            ("read_capture", 1, ["/"], "Is a directory"),
            ("read_capture", 1, [CAPTURE, "tcp.color\x1b"], "no field is called tcp.color\\x1b"),
            ("read_capture", 1, [cut], "cut short"),
            ("demo", 1, ["read", "/nowhere"], "/nowhere: No such file or directory"),
            ("demo", 1, ["read", "/"], "/: Is a directory"),
            ("demo", 1, ["follow", "/nowhere", "0"], "/nowhere: No such file or directory"),
            ("demo", 1, ["read", cut], "cut short"),
            ("demo", 1, ["follow", CAPTURE, "7"], "the capture has no stream 7"),
            ("demo", 2, ["read", CAPTURE, "--filter", "tcp.color == 1"], "no field is called tcp.color"),
            ("demo", 2, ["read", CAPTURE, "--filter", "tcp.len > "], "a value is missing"),
            ("demo", 2, ["read", CAPTURE, "--filter", "tcp tcp"], "an operator is missing"),
            ("demo", 2, ["read", CAPTURE, "--filter", "(tcp"], "')' is missing"),
            ("demo", 2, ["read", CAPTURE, "--filter", ""], "the name of a field or of a protocol is missing"),
            ("demo", 2, ["read", CAPTURE, "--fields", "ip.src,ip.color"], "no field is called ip.color"),
            ("demo", 2, ["read", CAPTURE, "--port", "80"], "belong to capture")):
        heard = lesson.start(program, *map(str, words)).ends(status)
        if message not in heard:
            raise Failure(f"{program} {words} says {heard!r}, not {message!r}")

    # A live capture of one port, where the system permits it. Other ports are not in it. Ctrl-C ends it.
    live = scratch / "live.pcap"
    capture = lesson.start("demo", "capture", "--port", "6666", "--write", str(live))
    if capture.expect(re.compile("; Ctrl-C ends\n|cap_net_raw")).group().startswith("cap"):
        capture.ends(1)
        print("no live capture, which the system does not permit")
    else:
        with socket.create_server(("127.0.0.1", 6666)) as listener, socket.create_server(("127.0.0.1", 7788)):
            socket.create_connection(("127.0.0.1", 7788)).close()
            with socket.create_connection(("127.0.0.1", 6666)) as client, listener.accept()[0] as server:
                client.sendall(b"hello")
                server.recv(5)
                capture.expect("Len=5")
        capture.interrupt()
        heard = capture.ends(0)
        if "7788" in heard or heard.count("[SYN] ") != 1:
            raise Failure(f"captured: {heard}")
        if "client, 5 bytes:\n    hello\n" not in output(demo, "follow", live, 0):
            raise Failure("the written file lacks what the client said")

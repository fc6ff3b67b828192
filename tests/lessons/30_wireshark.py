"""Capture files are read as tshark reads them: fields, filters, and streams. A live capture, where the system permits it."""
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

from play import Failure, Lesson

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


def output(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=60).stdout


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
            for text in FILTERS:
                ours = output(demo, "read", file, "--filter", text)
                same(text, [line.split()[0] for line in ours.splitlines()],
                     tshark(file, "-Y", text, "-T", "fields", "-e", "frame.number").split())
            follow = tshark(file, "-q", "-z", "follow,tcp,raw,0").splitlines()[6:-1]
            same("follow", output(demo, "follow", file, 0, "--raw").splitlines(), follow)
    else:
        print("not compared with tshark, which is not installed")

    talk = output(demo, "follow", CAPTURE, 0)
    for text in ("client, 69 bytes:\n    GET /hello.txt HTTP/1.1\\r\\n\n", "    你好, world\\n\n", "server: end", "client: end"):
        if text not in talk:
            raise Failure(f"{text!r} is missing in {talk!r}")

    # Files that are no capture, or cut; names that no field has; conditions that make no sense; a stream that is not there.
    cut = scratch / "cut.pcap"
    cut.write_bytes(CAPTURE.read_bytes()[:1000])
    for program, status, words, message in (
            ("read_capture", 2, [], "usage: read_capture FILE"),
            ("read_capture", 1, ["/nowhere"], "/nowhere: cannot be opened"),
            ("read_capture", 1, [__file__], "does not begin as a pcap file does"),
            ("read_capture", 1, ["/"], "Is a directory"),
            ("read_capture", 1, [CAPTURE, "tcp.color\x1b"], "no field is called tcp.color\\x1b"),
            ("read_capture", 1, [cut], "cut short"),
            ("demo", 1, ["read", "/nowhere"], "/nowhere: cannot be read"),
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

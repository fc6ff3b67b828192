#!/usr/bin/env python3
"""packet_files.py PROGRAM [FOLDER...]: the capture chapters against capinfos and tshark. Exits 77 if those are missing.

PROGRAM is packet_files. It writes capture files. For each file, and for each capture file in the folders:

    - capinfos and tshark accept what we write, and count as many packets
    - our list has the times, sizes, interfaces, comments and bytes that tshark has
    - every field of the table in fields.hpp has the text that `tshark -T fields` prints (only for what we write; a test of
      its own compares fields on the captures of others)
    - the line of a packet is that of tshark's columns (only for what we write, and without tshark's guesses)
    - a copy that we write, as pcap and as pcapng, has the same packets for tshark
    - every TCP stream has the bytes of `tshark -z follow,tcp,raw,N`
    - a file that is cut gives as many packets as tshark reads, and is cut short for both

The folders may hold anything, for example the test archives of Debian's source packages: what tshark cannot read is not
compared. `--only list,fields,summary,copy,follow,cut` leaves parts out. Each difference is printed; at most 20 in full.
"""

import hashlib
import ipaddress
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

FIELDS = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.len", "frame.interface_name", "frame.comment",
          "frame.md5_hash")
OPTIONS = ("-n", "-o", "frame.generate_md5_hash:TRUE")
FIELD_OPTIONS = ("-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE",
                 "-o", "tcp.relative_sequence_numbers:FALSE", "-o", "ip.check_checksum:TRUE",
                 "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
SHOWN = 20
# Link types with a pseudo-header that tshark takes away before it counts the bytes: ATM, IrDA, MTP2, LAPD, ERF, SITA,
# Bluetooth, PPP with direction, I2C, NFC.
PSEUDO_HEADERS = {"123", "139", "144", "177", "196", "197", "201", "204", "209", "245", "254"}
counts = dict.fromkeys(("files", "packets", "fields", "summaries", "streams", "bytes followed", "cuts", "odd times",
                        "skipped"), 0)
reasons = {}
differences = 0


def run(*words, timeout=300):
    return subprocess.run(words, capture_output=True, timeout=timeout)


def differ(file, text):
    global differences
    differences += 1
    if differences <= SHOWN:
        print(f"{file}: {text}")


def skip(reason):
    counts["skipped"] += 1
    reasons[reason] = reasons.get(reason, 0) + 1


def tshark_list(file):
    """The fields of every packet, and what tshark had to say."""
    words = [word for field in FIELDS for word in ("-e", field)]
    done = run("tshark", "-r", file, "-T", "fields", *OPTIONS, "-E", "aggregator=,", *words)
    rows = [line.split("\t") for line in done.stdout.decode("utf-8", "replace").split("\n") if line]
    complaint = "\n".join(line for line in done.stderr.decode("utf-8", "replace").splitlines()
                          if "Running as user" not in line)
    return rows, complaint


def our_list(program, file):
    done = run(program, "list", file)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    rows, failure = [], ""
    for line in done.stdout.decode("utf-8", "replace").split("\n"):
        if line.startswith("failure "):
            failure = line[8:]
        elif line:
            row = line.split("\t")
            digest = hashlib.md5(bytes.fromhex(row[8])).hexdigest()
            texts = [bytes.fromhex(row[i]).decode("utf-8", "replace") for i in (5, 6)]
            for raw, escaped in ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"):
                texts = [text.replace(raw, escaped) for text in texts]
            rows.append([row[0], row[1], row[2], row[3], *texts, digest, row[7], row[9]])
    return rows, failure


def comparable(row):
    """tshark says `unknown` for an interface without a name, and nothing for a pcap file."""
    return [row[0], row[1], row[2], row[3], "" if row[4] == "unknown" else row[4], row[5], row[6]]


def check_list(file, ours, theirs, what):
    if len(ours) != len(theirs):
        differ(file, f"{what}: {len(ours)} packets, tshark has {len(theirs)}")
    for mine, other in zip(ours, theirs):
        if not mine[1] and other[1] and abs(float(other[1])) > 9_223_372_035:
            counts["odd times"] += 1  # 64 bits of nanoseconds end in 2262
            other[1] = mine[1]
        if mine[8]:  # no time is right here
            counts["odd times"] += 1
            other[1] = mine[1]
        if comparable(mine) != comparable(other):
            differ(file, f"{what}: {comparable(mine)}, tshark has {comparable(other)}")
            break


def check_copy(program, file, ours, folder):
    links = {row[7] for row in ours}
    for name in ["copy.pcapng"] + (["copy.pcap"] if len(links) <= 1 else []):
        new = folder / name
        done = run(program, "copy", file, str(new))
        if done.returncode != 0:
            differ(file, f"{name}: {done.stderr.decode().strip()}")
            continue
        if run("capinfos", "-c", str(new)).returncode != 0:
            differ(file, f"{name}: capinfos refuses it")
        rows, complaint = tshark_list(str(new))
        if complaint:
            differ(file, f"{name}: tshark says {complaint}")
        wanted = [list(row) for row in ours]
        for row in wanted:
            row[1] = row[1] or "0.000000000"  # a packet without a time
            row[5] = "" if name == "copy.pcap" else row[5]
            row[4] = "" if name == "copy.pcap" else row[4]
        check_list(file, [[*r[:5], r[5].split(",")[0], *r[6:8], ""] for r in wanted],
                   [[*r[:5], r[5].split(",")[0], *r[6:]] for r in rows], name)


def check_fields(program, file):
    names = run(program, "names").stdout.decode().split()
    ours = run(program, "fields", file, *names).stdout.decode().splitlines()
    words = [word for name in names for word in ("-e", name)]
    done = run("tshark", "-r", file, *FIELD_OPTIONS, "-T", "fields", "-E", "occurrence=a", *words)
    theirs = done.stdout.decode().splitlines()
    if len(ours) != len(theirs) or not ours:
        return differ(file, f"fields: {len(ours)} lines, tshark has {len(theirs)}: {done.stderr.decode()}")
    for number, (mine, other) in enumerate(zip(ours, theirs), 1):
        for name, a, b in zip(names, mine.split("\t"), other.split("\t")):
            counts["fields"] += 1
            if a != b:
                differ(file, f"fields of packet {number}: {name} is `{a}`, tshark has `{b}`")


def check_summaries(program, file):
    ours = run(program, "summary", file).stdout.decode().splitlines()
    words = [word for name in ("Source", "Destination", "Protocol") for word in ("-e", f"_ws.col.{name}")]
    done = run("tshark", "-r", file, *FIELD_OPTIONS, "-o", "tcp.analyze_sequence_numbers:FALSE",
               "--disable-protocol", "http", "-T", "fields", *words, "-e", "frame.len", "-e", "_ws.col.Info")
    theirs = [line.replace("\t", " → ", 1).replace("\t", " ") for line in done.stdout.decode().splitlines()]
    if len(ours) != len(theirs):
        differ(file, f"summary: {len(ours)} lines, tshark has {len(theirs)}: {done.stderr.decode()}")
    for mine, other in zip(ours, theirs):
        counts["summaries"] += 1
        if mine != other:
            differ(file, f"summary: `{mine}`, tshark has `{other}`")


def endpoint(text):
    address, port = text.rsplit(":", 1)
    return ipaddress.ip_address(address.strip("[]")), int(port)


def our_streams(program, file):
    streams = []
    for line in run(program, "follow", file).stdout.decode().splitlines():
        if line.startswith("stream "):
            _, _, client, server = line.split()
            streams.append((endpoint(client), endpoint(server), []))
        else:
            streams[-1][2].append((line[0], line[2:]))
    return streams


def their_streams(file, count):
    """The output of tshark's follow for each stream: the ends, and runs of bytes with the number of their end."""
    streams = [None] * count  # tshark prints the last first
    for first in range(0, count, 200):
        words = [word for i in range(first, min(first + 200, count)) for word in ("-z", f"follow,tcp,raw,{i}")]
        text = run("tshark", "-r", file, "-q", "-n", *words, timeout=900).stdout.decode()
        number, nodes, runs = 0, {}, []
        for line in text.splitlines():
            if line.startswith("Filter:"):
                number, nodes, runs = int(line.split()[-1]), {}, []
            elif line.startswith("Node "):
                nodes[line[5]] = line[8:]
                if line[5] == "1":
                    streams[number] = (nodes["0"], nodes["1"], runs)
            elif re.fullmatch(r"\t?[0-9a-f]+", line):
                side = "1" if line.startswith("\t") else "0"
                if runs and runs[-1][0] == side:
                    runs[-1] = (side, runs[-1][1] + line.strip())
                else:
                    runs.append((side, line.strip()))
    return streams


def check_follow(program, file):
    fields = ("frame.protocols", "tcp.stream", "frame.cap_len", "frame.len", "ip.flags.mf", "tcp.flags",
              "tcp.analysis.reused_ports", "tcp.hdr_len")
    done = run("tshark", "-r", file, "-n", "-Y", "tcp", "-T", "fields", *(word for name in fields for word in ("-e", name)))
    rows = [line.split("\t") for line in done.stdout.decode().splitlines() if line]
    if not rows:
        return
    if any(not re.match(r"(eth|sll|raw|null|loop)(:ethertype)?(:vlan(:ethertype)?)*:ipv?6?(:ipv6\.\w+)*:tcp(:|$)", row[0])
           or row[0].count(":tcp") != 1 for row in rows):
        return skip("TCP inside tunnels, errors or link types that the library does not read")
    if any(re.search(r":tcp:.*:(eth|ip|ipv6|tcp|udp)\b", row[0]) for row in rows):
        return skip("frames inside a TCP stream, of which tshark takes the addresses for those of the stream")
    if any(row[0].endswith(":vnc") for row in rows):
        return skip("VNC, for which tshark begins a new stream in the middle of a connection")
    if any(not row[1] or not row[5] or int(row[7] or 0) < 20 for row in rows):
        return skip("broken headers of TCP, of which tshark reads a part")
    # After a second SYN+ACK with another number tshark expects that number, and loses what follows the first.
    confused = {int(row[1]) for row in rows if row[6] and int(row[5], 16) & 0x12 == 0x12}
    if any("1" in row[4] for row in rows):
        return skip("fragments of TCP that never become whole: tshark reads the first of them")
    if any(row[2] != row[3] for row in rows):
        return skip("frames cut short: tshark counts the missing bytes as read")
    ours = our_streams(program, file)
    count = max(int(row[1]) for row in rows) + 1
    if len(ours) != count:
        return differ(file, f"follow: {len(ours)} streams, tshark has {count}")
    for number, ((client, server, mine), (zero, one, theirs)) in enumerate(zip(ours, their_streams(file, count))):
        if number in confused:
            skip("streams with two different SYN+ACKs, of which tshark loses what follows the first")
            continue
        counts["streams"] += 1
        if zero == ":0":  # tshark has seen no segment that it follows
            theirs, sides = [], {"C": "0", "S": "1"}
        elif endpoint(zero) == client:
            sides = {"C": "0", "S": "1"}
        else:
            sides = {"C": "1", "S": "0"}
        counts["bytes followed"] += sum(len(text) for _, text in theirs) // 2
        if [(sides[side], text) for side, text in mine] != theirs:
            for a, b in zip(mine + [("", "")], theirs + [("", "")]):
                if (sides.get(a[0], ""), a[1]) != b:
                    i = next((i for i, (x, y) in enumerate(zip(a[1], b[1])) if x != y), min(len(a[1]), len(b[1])))
                    differ(file, f"follow {number}: {a[0]} {a[1][i:i + 60]} at {i // 2}, tshark has {b[0]} {b[1][i:i + 60]}")
                    break


def check_cuts(program, file, folder, seed):
    whole = pathlib.Path(file).read_bytes()
    chance = random.Random(seed)
    # tshark takes a file for another format if its first header is not whole.
    for size in sorted({chance.randrange(28, len(whole)) for _ in range(2)}) if len(whole) > 28 else []:
        cut = folder / "cut"
        cut.write_bytes(whole[:size])
        ours, failure = our_list(program, str(cut))
        theirs, complaint = tshark_list(str(cut))
        counts["cuts"] += 1
        if "cut short" not in complaint and complaint:
            continue  # so short that tshark cannot tell what it is
        check_list(f"{file} cut to {size}", ours, theirs, "cut")
        if ("cut short" in complaint) != ("cut short" in failure):
            differ(f"{file} cut to {size}", f"failure `{failure}`, tshark says `{complaint}`")


def check(program, file, folder, parts, is_ours):
    theirs, complaint = tshark_list(file)
    if not is_ours and complaint and "cut short" not in complaint:
        return skip("files that tshark does not read to the end")
    ours, failure = our_list(program, file)
    if not is_ours and "does not begin as" in failure:
        return skip("files of another format")
    if any(row[7] in PSEUDO_HEADERS for row in ours):
        return skip("link types with a pseudo-header that tshark takes away")
    counts["files"] += 1
    counts["packets"] += len(ours)
    if is_ours and (complaint or failure or run("capinfos", file).returncode != 0):
        differ(file, f"tshark says `{complaint}`, we say `{failure}`")
    if "list" in parts:
        check_list(file, ours, theirs, "list")
        if ("cut short" in complaint) != ("cut short" in failure):
            differ(file, f"failure `{failure}`, tshark says `{complaint}`")
    if "fields" in parts and is_ours and ours:
        check_fields(program, file)
    if "summary" in parts and is_ours and ours and all(row[2] == row[3] for row in ours):
        check_summaries(program, file)
    if "copy" in parts and ours:
        check_copy(program, file, ours, folder)
    if "follow" in parts:
        check_follow(program, file)
    if "cut" in parts:
        check_cuts(program, file, folder, 7)


def main():
    arguments = sys.argv[1:]
    parts = {"list", "fields", "summary", "copy", "follow", "cut"}
    if "--only" in arguments:
        at = arguments.index("--only")
        parts = set(arguments[at + 1].split(","))
        del arguments[at:at + 2]
    if not arguments or arguments[0].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    for tool in "tshark", "capinfos":
        if not shutil.which(tool):
            print(f"SKIPPED: {tool} is not installed (Debian, Ubuntu: apt install tshark)")
            return 77
    program, folders = arguments[0], arguments[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        written = folder / "written"
        written.mkdir()
        if run(program, "write", str(written)).returncode != 0:
            print("packet_files write: failed")
            return 1
        for file in sorted(written.iterdir()):
            check(program, str(file), folder, parts, True)
        for file in sorted(file for given in folders for file in pathlib.Path(given).rglob("*")):
            if file.is_file() and file.suffix in (".pcap", ".pcapng", ".cap", ".ntar", ".dmp", ".capture"):
                try:
                    check(program, str(file), folder, parts, False)
                except subprocess.TimeoutExpired:
                    skip("files for which tshark needs minutes")
    print(", ".join(f"{count:,} {what}" for what, count in counts.items()))
    for reason, count in sorted(reasons.items()):
        print(f"    skipped {count}: {reason}")
    print(f"{differences} differences")
    if counts["packets"] == 0:
        print("nothing was compared")
        return 1
    return 1 if differences else 0


sys.exit(main())

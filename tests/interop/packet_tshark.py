#!/usr/bin/env python3
"""packet_tshark.py PROGRAM [--archives FOLDER | --fetch FOLDER] [--packets N]: every field of a packet beside tshark's.

PROGRAM is packet_fields. The captures in tests/interop/captures are always compared.

--archives FOLDER: adds the Ethernet packets of every uncompressed capture in a folder.

--fetch FOLDER: first loads the source archives of tcpdump, wireshark and nDPI into the folder, by apt (175 MB). Then unpacks
them. Exit status 77: tshark is missing, or the archives are out of reach.

tshark needs a second to start and 0.1 ms for a packet. So the packets of the folder are written into few files, and each
packet gets a comment with its file and number. capinfos counts the packets of the files themselves: as many as ours.

Each packet is also built again, cut at every length, and has every bit flipped that a checksum covers.

A difference belongs to one of the classes below, or the test fails. Each class has a cap, because a class that
grows hides a fault. --packets N fails if fewer than N packets were compared.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OPTIONS = ["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE",
           "-o", "tcp.relative_sequence_numbers:FALSE", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
           "-o", "udp.check_checksum:TRUE", "-E", "occurrence=f", "-T", "fields"]
ARCHIVES = ("tcpdump", "ndpi", "wireshark")
# The layers in the order of the library's enum; packet_fields prints their numbers.
LAYERS = ("ethernet", "vlan", "arp", "ipv4", "ipv6", "ipv6_extension", "icmp", "icmpv6", "udp", "tcp", "dns", "payload")
# The layer to which a field belongs, by the part of its name before the first dot.
LAYER_OF = {"frame": -1, "eth": 0, "vlan": 1, "arp": 2, "ip": 3, "ipv6": 4, "icmp": 6, "icmpv6": 7, "udp": 8, "tcp": 9}
# What tshark calls the protocols through which dissect() goes. Anything else in front of a field is a tunnel or a foreign tag.
WALKED = {"eth", "ethertype", "vlan", "arp", "ip", "ipv6", "icmp", "icmpv6", "udp", "tcp", "llc", "data", "raw", "sll", "null",
          "ipv6.hopopts", "ipv6.dstopts", "ipv6.routing", "ipv6.fraghdr", "ah", "ieee8021ad"}
# Class: the most differences in our own captures, the most with the archives of Debian 12, and what it is.
CLASSES = {
    "tunnel or foreign tag": (0, 6200, "tshark goes on inside GRE, IP in IP, MPLS and the like; dissect() stops in front"),
    "quoted in an ICMP error": (15, 1300, "tshark prints the header that an ICMP error quotes; quoted() has its bytes"),
    "total length 0": (1, 960, "segmentation offload: tshark prints its guess of the length"),
    "broken or cut header": (201, 1000, "tshark prints each field that is there; a view needs the whole header"),
    "ARP of other addresses": (0, 370, "dissect() reads addresses of Ethernet and IPv4 only"),
    "length beyond the packet": (2, 40, "the checksum cannot be checked: tshark checks it over what is there"),
    "length 0 of IEEE 802.3": (0, 8, "tshark calls it a type"),
    "checksum ffff for 0000": (0, 1, "both are zero in one's complement, so a receiver accepts both; tshark does not"),
    "frame of 2 GiB": (0, 1, "the file announces more, and tshark counts no further"),
}
differences = collections.Counter()
examples = collections.defaultdict(list)


def run(*words):
    return subprocess.run(words, capture_output=True)


def normal(name, value):
    """Numbers in hexadecimal and truth values in words become decimal numbers."""
    if name.endswith(".status") and value == "4":  # "illegal": UDP over IPv6 without a checksum
        return "0"
    if value.startswith("0x"):
        return str(int(value, 16))
    return {"True": "1", "False": "0"}.get(value, value)


def class_of(name, ours, theirs, protocols, layers, failed, message, row):
    """Returns the class of a difference, or None: then it is unexplained."""
    prefix = name.split(".")[0]
    layer = LAYER_OF[prefix]
    if name == "frame.len" and theirs == str(2**31 - 1):
        return "frame of 2 GiB"
    if name in ("eth.type", "eth.len") and "0" in (ours, theirs) and "" in (ours, theirs):
        return "length 0 of IEEE 802.3"
    if protocols.count("eth") > 1 and prefix in ("eth", "vlan"):
        return "tunnel or foreign tag"
    error = next((i for i, each in enumerate(protocols) if each in ("icmp", "icmpv6")), len(protocols))
    if ours == "" and prefix in protocols[error + 1:]:
        return "quoted in an ICMP error"
    before = protocols[:protocols.index(prefix)] if prefix in protocols else protocols
    if ours == "" and layer not in layers and (not set(before) <= WALKED or failed is None and has_tunnel(protocols)):
        return "tunnel or foreign tag"
    if row.get("ip.len") == "0" and (name in ("ip.len", "udp.length") or name.endswith(".status")):
        return "total length 0"
    if ours == "" and failed is not None and layer not in layers:
        return "broken or cut header"
    addresses = row["arp.hw.type"], row["arp.proto.type"], row["arp.hw.size"], row["arp.proto.size"]
    if prefix == "arp" and addresses != ("1", "2048", "6", "4"):
        return "ARP of other addresses"
    if name.endswith(".status") and failed is not None and "length is" in message:
        return "length beyond the packet"
    if name == "tcp.checksum.status" and (ours, theirs) == ("1", "0") and row["tcp.checksum"] == "65535":
        return "checksum ffff for 0000"
    return None


def has_tunnel(protocols):
    """True if a protocol of the network stands inside another one."""
    networks = [each for each in protocols if each in ("ip", "ipv6")]
    return len(networks) > 1 or not set(protocols) <= WALKED


def compare(program, names, file):
    """Returns counts of packets and values, and the differences of one file."""
    words = [word for name in names + ["frame.protocols"] for word in ("-e", name)]
    theirs = run("tshark", "-r", str(file), *OPTIONS, *words)
    ours = run(program, "print", str(file))
    if ours.returncode != 0:
        return 0, 0, [("the program failed", str(file), ours.stderr.decode("utf-8", "replace"))]
    rows = [line.split("\t") for line in theirs.stdout.decode("utf-8", "replace").split("\n") if line]
    mine = [line.split("\t") for line in ours.stdout.decode("utf-8", "replace").split("\n") if line]
    found, values = [], 0
    if len(rows) != len(mine) and not ours.stderr and not complaint(theirs.stderr):
        found.append((None, f"{file}: {len(mine)} packets, tshark has {len(rows)}", ""))
    for number, (their_row, our_row) in enumerate(zip(rows, mine), 1):
        protocols = their_row[-1].split(":")
        layers = {int(each) for each in our_row[len(names)].split()}
        failed = int(our_row[len(names) + 1]) if our_row[len(names) + 1] else None
        message = our_row[len(names) + 2]
        where = our_row[len(names) + 4] or f"{file}:{number}"
        row = dict(zip(names, our_row))
        for name, a, b in zip(names, our_row, their_row):
            values += bool(a or b)
            b = b if a == b else normal(name, b)
            if a != b:
                kind = class_of(name, a, b, protocols, layers, failed, message, row)
                text = f"{where} {name}: {a or 'absent'}, tshark has {b or 'nothing'} ({their_row[-1]}; {message})"
                found.append((kind, text, name))
    return min(len(rows), len(mine)), values, found


def complaint(text):
    return b"".join(line for line in text.splitlines(keepends=True) if b"Running as user" not in line)


def merge(program, files, folder):
    """Writes the files' packets into few files. Yields each of these, and then what differs from capinfos' counts."""
    groups, size = [[]], 0
    for file in files:
        if size > 8 << 20:
            groups, size = groups + [[]], 0
        groups[-1].append(str(file))
        size += file.stat().st_size
    theirs = {}
    for line in run("capinfos", "-T", "-r", "-M", "-c", *map(str, files)).stdout.decode("utf-8", "replace").splitlines():
        name, count = line.rsplit("\t", 1)
        theirs[name] = count
    for number, group in enumerate(groups):
        to = folder / f"merged_{number:02}.pcapng"
        done = run(program, "merge", str(to), *group)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        for line in done.stdout.decode().splitlines():
            count, _, failure, name = line.split("\t")
            if not failure and theirs.get(name, count) != count:
                yield None, f"{name}: {count} packets, capinfos counts {theirs[name]}"
        yield to, ""


def fetch(folder):
    """Loads and unpacks the archives. Returns False if they are out of reach."""
    state = folder / "apt"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text("deb-src http://deb.debian.org/debian bookworm main\n")
    options = ["-o", f"Dir::Etc::SourceList={state}/sources.list", "-o", "Dir::Etc::SourceParts=/nonexistent",
               "-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}", "-o", "APT::Sandbox::User=root"]
    if shutil.which("apt-get") is None:
        return False
    missing = [name for name in ARCHIVES if not list(folder.glob(f"{name}_*.orig.tar.*"))]
    if missing and subprocess.run(["apt-get", *options, "-qq", "update"], cwd=folder).returncode != 0:
        return False
    for name in missing:  # the .orig archive is enough; other parts may be missing
        subprocess.run(["apt-get", *options, "-qq", "source", "--download-only", name], cwd=folder)
    for archive in folder.glob("*.orig.tar.*"):
        if archive.suffix not in (".asc", ".unpacked") and not (folder / (archive.name + ".unpacked")).exists():
            subprocess.run(["tar", "-xf", archive.name], cwd=folder, check=True)
            (folder / (archive.name + ".unpacked")).touch()
    return any(folder.glob("*.orig.tar.*"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--archives", type=pathlib.Path)
    parser.add_argument("--fetch", type=pathlib.Path)
    parser.add_argument("--packets", type=int, default=1)
    given = parser.parse_args()
    if shutil.which("tshark") is None or shutil.which("capinfos") is None:
        print("SKIPPED: tshark is not installed")
        return 77
    if given.fetch:
        given.fetch.mkdir(parents=True, exist_ok=True)
        if not fetch(given.fetch):
            print("SKIPPED: the source archives of Debian are out of reach")
            return 77
    folder = given.archives or given.fetch
    own = sorted((HERE / "captures").glob("*.pcap*"))
    archived = sorted(each for pattern in ("*.pcap", "*.pcapng", "*.cap") for each in (folder.rglob(pattern) if folder else ())
                      if each.is_file())
    names = run(given.program, "names").stdout.decode().split()
    packets = values = failed = 0
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        files = own
        for file, difference in merge(given.program, archived, pathlib.Path(scratch)) if archived else ():
            if file:
                files = files + [file]
            else:
                differences[None] += 1
                examples[None].append(difference)
        for count, compared, found in pool.map(lambda file: compare(given.program, names, file), files):
            packets, values = packets + count, values + compared
            for kind, text, _ in found:
                differences[kind] += 1
                if len(examples[kind]) < (30 if kind is None else 2):
                    examples[kind].append(text)
        for file, done in zip(files, pool.map(lambda file: run(given.program, "rebuild", str(file)), files)):
            if done.returncode != 0:
                failed += 1
                print(f"{file}: not the same bytes when built again: {done.stdout.decode()}")
        harmed = [0, 0, 0]  # packets, cuts, flipped bits
        # Of the archives every tenth packet, or it takes as long as all the rest.
        every = ["1"] * len(own) + ["10"] * (len(files) - len(own))
        for file, done in zip(files, pool.map(lambda *words: run(given.program, "damage", *map(str, words)), files, every)):
            text = done.stdout.decode()
            if done.returncode != 0:
                failed += 1
                print(f"{file}: damage that is not noticed: {text}{done.stderr.decode()}")
            else:
                harmed = [a + int(b) for a, b in zip(harmed, re.findall(r"(\d+) (?:packets|cuts|flipped)", text))]
    print(f"{len(own) + len(archived)} files, {packets} packets, {len(names)} fields, {values} values compared")
    print("{} packets were cut at every length: {} cuts. {} bits were flipped. All of it was noticed.".format(*harmed))
    for kind, (of_ours, of_all, what) in CLASSES.items():
        allowed = of_all if folder else of_ours
        print(f"{differences[kind]:8} of {allowed:6} allowed   {kind}: {what}")
        if differences[kind] > allowed:
            failed += 1
            print("\n".join(["FAILED: too many:"] + examples[kind]))
    others = [kind for kind in differences if kind not in CLASSES]
    for kind in others:
        failed += 1
        print("\n".join([f"FAILED: {differences[kind]} differences are unexplained:"] + examples[kind]))
    if packets < given.packets:
        failed += 1
        print(f"FAILED: fewer than {given.packets} packets")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

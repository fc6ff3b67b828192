#!/usr/bin/env python3
"""run.py [--seconds N] [--jobs N] [--build FOLDER] NAME...: builds fuzzers with libFuzzer, and lets each look for N seconds.

NAME is a fuzzer, or the beginning of names: `packet` stands for all of packet.hpp's. Without a name: all. Each fuzzer begins
with corpus/NAME. The fuzzers of packet.hpp also begin with the packets of every capture file in the repository. What each
finds is kept in FOLDER/found/NAME, and is where the next run begins. A line for each says how many inputs it has tried, how
much of the code they reached, and whether one broke a promise. That input is then in FOLDER/found, as NAME-crash-... .

Exit status: 0; 1 if a promise was broken; 77 if clang is missing. 600 seconds each, two at a time, unless told otherwise.
"""

import argparse
import concurrent.futures
import hashlib
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent


def packets_of(file):
    """Yields link type and bytes of each packet of a capture file that can be trusted: one of the repository's own."""
    data = file.read_bytes()
    if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
        order = "<" if data[0] in (0xd4, 0x4d) else ">"
        link, at = struct.unpack_from(order + "I", data, 20)[0] & 0xffff, 24
        while at + 16 <= len(data):
            size = struct.unpack_from(order + "I", data, at + 8)[0]
            yield link, data[at + 16:at + 16 + size]
            at += 16 + size
        return
    links, at, order = [], 0, "<"
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order, links = "<" if data[at + 8] == 0x4d else ">", []
        kind, size = struct.unpack_from(order + "II", data, at)
        if kind == 1:
            links.append(struct.unpack_from(order + "H", data, at + 8)[0])
        elif kind == 6:
            interface, _, _, captured = struct.unpack_from(order + "IIII", data, at + 8)
            yield links[interface], data[at + 28:at + 28 + captured]
        at += size


def seeds():
    """Returns the inputs that the capture files of the repository give each fuzzer of packet.hpp."""
    inputs = {"packet_frame": set(), "packet_print": set(), "packet_dns": set(), "packet_capture": set()}
    frame_links = (1, 101, 0, 113, 228, 229, 276, 108)  # in the order in which the fuzzers choose
    print_links = (1, 1, 1, 101, 0, 113, 276)
    listed = subprocess.run(["git", "ls-files", "*.pcap", "*.pcapng"], cwd=TOP, capture_output=True, text=True)
    files = [TOP / line for line in listed.stdout.split("\n") if line] or [*TOP.rglob("*.pcap"), *TOP.rglob("*.pcapng")]
    for file in files:
        inputs["packet_capture"].add(file.read_bytes()[:3000])
        for link, frame in packets_of(file):
            if link in frame_links:
                inputs["packet_frame"].add(bytes([frame_links.index(link)]) + frame)
            if link in print_links:
                inputs["packet_print"].add(bytes([print_links.index(link), 0]) + frame)
            ports = struct.unpack_from(">HH", frame, 34) if link == 1 and len(frame) > 42 else ()
            if 53 in ports and frame[12:15] == b"\x08\x00\x45" and frame[23] == 17:
                inputs["packet_dns"].add(frame[42:])
    return inputs


def fuzz(name, given, began_with):
    """Runs one fuzzer. Returns its line, and whether it kept its promises."""
    found = given.build / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    for each in began_with:
        (found / hashlib.sha1(each).hexdigest()).write_bytes(each)
    log = given.build / "found" / f"{name}.log"
    words = [str(given.build / "tests" / "fuzz" / f"{name}_libfuzzer"), f"-max_total_time={given.seconds}",
             "-print_final_stats=1", "-timeout=25", f"-artifact_prefix={found.parent}/{name}-"]
    if (HERE / f"{name}.dict").exists():
        words.append(f"-dict={HERE / f'{name}.dict'}")
    with open(log, "wb") as out:
        begin = time.monotonic()
        done = subprocess.run([*words, str(found), str(HERE / "corpus" / name)], stdout=out, stderr=out)
    text = log.read_text(errors="replace")
    runs = re.findall(r"number_of_executed_units: (\d+)", text)
    reached = re.findall(r"cov: (\d+) ft: (\d+)", text)
    line = (f"{name:20} {time.monotonic() - begin:5.0f} s {int(runs[-1]) if runs else 0:12} inputs, "
            f"{reached[-1][0] if reached else '?':>5} edges, {reached[-1][1] if reached else '?':>5} features: ")
    return line + ("clean" if done.returncode == 0 else f"FAILED, see {log}"), done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build" / "fuzz")
    given = parser.parse_args()
    given.build = given.build.resolve()
    known = re.findall(r"^netnotes_fuzz\((\w+)", (HERE / "CMakeLists.txt").read_text(), re.MULTILINE)
    names = [each for each in known if not given.names or any(each.startswith(name) for name in given.names)]
    if not names:
        parser.error("no such fuzzer; there are " + ", ".join(known))
    if shutil.which("clang++") is None or shutil.which("cmake") is None:
        print("SKIPPED: clang++ or cmake is not installed")
        return 77
    subprocess.run(["cmake", "-S", str(TOP), "-B", str(given.build), "-G", "Ninja", "-DNETNOTES_FUZZ=ON",
                    "-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", str(given.build), f"-j{given.jobs}", *(f"{name}_libfuzzer" for name in names)], check=True)
    begin_with = seeds()
    all_clean = True
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for line, is_clean in pool.map(lambda name: fuzz(name, given, begin_with.get(name, ())), names):
            print(line, flush=True)
            all_clean = all_clean and is_clean
    return 0 if all_clean else 1


if __name__ == "__main__":
    sys.exit(main())

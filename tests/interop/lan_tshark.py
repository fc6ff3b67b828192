#!/usr/bin/env python3
"""tshark reads the captures of simulated networks: no complaint, and every checksum is right.

    lan_tshark.py LAN                LAN is the program of lesson 32

The networks are the files of lessons 32 to 34, but the storm, and thirty random networks of lan_twins.py. A capture has an
interface for each cable, named after its ends. It is skipped (status 77) without tshark.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from lan_twins import Topology

LESSONS = pathlib.Path(__file__).resolve().parents[2] / "examples"
FIELDS = ["_ws.malformed", "_ws.expert.severity", "ip.checksum.status", "udp.checksum.status", "icmp.checksum.status",
          "frame.interface_name"]
WARNING = 0x600000  # tshark's severity of a warning; notes are below, for example about a time to live of 1


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        sys.exit(0 if is_asked else 2)
    if not shutil.which("tshark"):
        print("SKIPPED: tshark is not installed")
        sys.exit(77)
    program = sys.argv[1]
    frames = 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        files = [each for each in sorted(LESSONS.glob("3[234]_*/*.net")) if each.stem != "storm"]
        for seed in range(1000, 1030):
            topology = Topology(seed)
            files.append(scratch / f"{seed}.net")
            files[-1].write_text(topology.text(topology.actions))
        capture, whole = scratch / "a.pcapng", scratch / "all.pcapng"
        with open(whole, "wb") as out:  # joined files are a file with several sections
            for file in files:
                subprocess.run([program, "run", file, "--pcap", capture], check=True, capture_output=True, timeout=60)
                out.write(capture.read_bytes())
        done = subprocess.run(["tshark", "-n", "-r", whole, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
                               "-o", "ip.defragment:FALSE", "-o", "arp.detect_duplicate_ips:FALSE", "-T", "fields", "-E", "occurrence=f",
                               *(word for field in FIELDS for word in ("-e", field))],
                              capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"tshark: {done.stderr}")
        for number, line in enumerate(done.stdout.splitlines(), 1):
            malformed, severity, ip, udp, icmp, cable = line.split("\t")
            if "0" in (ip, udp, icmp):
                sys.exit(f"frame {number} has a wrong checksum: {line}")
            if malformed or (severity and int(severity) >= WARNING):
                sys.exit(f"tshark complains about frame {number}: {line}")
            if not re.fullmatch(r"\w+(\.\d+)?\u2013\w+(\.\d+)?", cable):
                sys.exit(f"frame {number} is on the interface {cable!r}")
            frames += 1
    print(f"{len(files)} captures, {frames} frames: no complaint, and all checksums are right")


main()

"""Forged answers: tries expected and counted. Nothing leaves the programs, and tshark sees the forgeries."""
import pathlib
import re
import tempfile

import inside
from play import Failure, Lesson

with Lesson(__file__) as lesson:
    for program in "dns_spoofing", "demo":
        inside.check(lesson.folder / program)
    heard = lesson.start("dns_spoofing").ends(0)
    rows = [(int(expected), float(counted)) for expected, counted in
            re.findall(r"(\d+) possibilities, ([0-9.]+) tries", heard)]
    if [expected for expected, _ in rows] != [1, 64, 1024]:
        raise Failure(f"other possibilities: {heard}")
    for expected, counted in rows:  # the mean of 40 attacks has the deviation expected / sqrt(40)
        if not expected * 0.5 <= counted <= expected * 1.5:
            raise Failure(f"expected {expected}, counted {counted}")
    with tempfile.TemporaryDirectory() as folder:
        inside.judge(lesson, pathlib.Path(folder), "forged.pcapng", "DNS response retransmission")

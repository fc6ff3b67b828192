"""A SYN flood without and with SYN cookies. Nothing leaves the programs, and tshark sees the flood."""
import pathlib
import tempfile

import inside
from play import Lesson

with Lesson(__file__) as lesson:
    for program in "syn_flood", "demo":
        inside.check(lesson.folder / program)
    heard = lesson.start("syn_flood").ends(0)
    without, cookies = heard.split("with SYN cookies")
    assert "half-open connections: 8 of 8" in without and "connection: SYN-SENT" in without, heard
    assert "SYNs dropped: 0," in cookies and "connection: ESTABLISHED" in cookies, heard
    with tempfile.TemporaryDirectory() as folder:
        inside.judge(lesson, pathlib.Path(folder), "flood.pcapng", "retransmission")

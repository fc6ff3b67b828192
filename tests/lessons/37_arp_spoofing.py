"""ARP spoofing without and with inspection. Nothing leaves the programs, and tshark sees the attack."""
import pathlib
import tempfile

import inside
from play import Lesson

with Lesson(__file__) as lesson:
    for program in "arp_spoofing", "demo":
        inside.check(lesson.folder / program)
    heard = lesson.start("arp_spoofing").ends(0)
    plain, inspected = heard.split("--- with inspection")
    assert "pings answered: 3, packets that M read: 6, frames that the switch dropped: 0" in plain, heard
    assert "pings answered: 3, packets that M read: 0, frames that the switch dropped: 2" in inspected, heard
    assert "02:00:00:04:00:00" in plain and "02:00:00:04:00:00" not in inspected, heard
    with tempfile.TemporaryDirectory() as folder:
        inside.judge(lesson, pathlib.Path(folder), "poisoned.pcapng", "Duplicate IP address")

"""The addresses of a ping on each cable, without and with translation."""
import subprocess

from play import Failure, Lesson


def expect(what, found, wanted):
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


def rows(text):
    """(way, hardware pair, IP pair, ttl) of each frame."""
    return [[part.strip() for part in line.split("  ") if part.strip()][:4] for line in text.splitlines()
            if " right  echo" in line]


with Lesson(__file__) as lesson:
    heard = subprocess.run([lesson.folder / "on_the_way"], capture_output=True, text=True, check=True, timeout=60).stdout
    plain, translated = map(rows, heard.split("The same with"))
    expect("ways", [row[0] for row in plain], ["A → S", "S → R1", "R1 → R2", "R2 → B", "B → R2", "R2 → R1", "R1 → S", "S → A"])
    expect("times to live", [row[3] for row in plain], ["64", "64", "63", "62", "64", "63", "62", "62"])
    expect("pairs of IP addresses", sorted({row[2] for row in plain}), ["10.0.1.2 → 203.0.113.9", "203.0.113.9 → 10.0.1.2"])
    expect("pairs of hardware addresses", len({row[1] for row in plain}), 6)
    expect("behind the switch", [plain[0][1:] == plain[1][1:], plain[6][1:] == plain[7][1:]], [True, True])
    expect("hardware addresses with translation", [row[1] for row in translated], [row[1] for row in plain])
    expect("outside", {row[2] for row in translated[2:6]}, {"198.51.100.1 → 203.0.113.9", "203.0.113.9 → 198.51.100.1"})
    expect("inside", [row[2] for row in translated[6:]], [row[2] for row in plain[6:]])
    expect("the table", "R1: NAT ICMP  10.0.1.2:1 is outside port 1" in heard, True)

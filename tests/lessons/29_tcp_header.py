"""The RFC's drawing of a real SYN; each kind of flipped bit; and what is no bit."""
import re

from play import Lesson

with Lesson(__file__) as lesson:
    header = lesson.start("header")
    for value in ("40944", "1811376125", "64240", "0xc602"):
        header.expect(re.compile(rf"│ *[^│]*\b{value}\b"))
    header.expect("[SYN] Seq=1811376125 Win=64240 Len=0 MSS=1460 SACK_PERM TSval=3711676909 TSecr=0 WS=1024\n")
    header.expect("检验和 (checksum): good\n")
    header.expect("(bit to flip, 0 to 319): ")

    for bit, drawn, summary in ((0, "8176", "8176 → 80 [SYN]"), (63, "1811376124", "Seq=1811376124"),
                                (111, r"0│1│1│", "[FIN, SYN]"), (143, "0xc603", "[SYN]"), (319, "options", "WS=2048")):
        header.type(str(bit))
        header.expect(re.compile(drawn))
        header.expect(summary)
        header.expect("checksum): bad\n")
        header.expect("(bit to flip, 0 to 319): ")

    # A data offset of 2 words is no header any more, so there is no drawing.
    header.type("96")
    header.expect("[TCP: data offset is 2 words, below 5, at byte 46]")
    header.expect("checksum): absent\n")

    for nonsense in ("320", "-1", "one", "7 7", "", "99999999999999999999999", "\x1b[2J"):
        header.expect("(bit to flip, 0 to 319): ")
        header.type(nonsense)
        header.expect("(not the number of a bit): " + nonsense.replace("\x1b", "\\x1b"))
    header.expect("(bit to flip, 0 to 319): ")
    header.end_of_input()
    header.ends(0)

"""The segments of live connections: three to open; four, three and six to close; a late SYN and its reset. And pictures."""
import pathlib
import re
import subprocess
import xml.etree.ElementTree

from play import Failure, Lesson

CAPTURE = pathlib.Path(__file__).parents[2] / "examples/30_wireshark/web.pcap"
OPENED = ["> SYN seq 0", "< SYN,ACK seq 0 ack 1", "> ACK seq 1 ack 1"]
LIVE = [
    OPENED + ["> FIN,ACK seq 1 ack 1", "< ACK seq 1 ack 2", "< FIN,ACK seq 1 ack 2", "> ACK seq 2 ack 2"],
    OPENED + ["> FIN,ACK seq 1 ack 1", "< FIN,ACK seq 1 ack 2", "> ACK seq 2 ack 2"],
    OPENED,  # and six segments more, which may cross each other
    ["> SYN seq 0", "< SYN,ACK seq 0 ack 1", "> RST seq 1"],
]


def arrows(text):
    """The arrows of each diagram: a direction and a label."""
    return [[("> " if line.rstrip(" |").endswith(">") else "< ") + line.strip(" |").strip("-<>").strip()
             for line in diagram.splitlines() if line.startswith("    |")]
            for diagram in text.split("  client  ")[1:]]


def expect(what, found, wanted):
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


def output(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=60).stdout


with Lesson(__file__) as lesson:
    demo = lesson.folder / "demo"
    short = lesson.start("handshake")
    if short.expect(re.compile("opening|a network of its own")).group() == "opening":
        heard = short.ends(0)
        segments = [re.sub(r" +", " ", line).strip() for line in heard.splitlines() if line.startswith("  client")]
        expect("handshake", segments, [
            "client ──> server SYN seq=x+0 0 bytes",
            "client <── server SYN ACK seq=y+0 ack=x+1 0 bytes",
            "client ──> server ACK seq=x+1 ack=y+1 0 bytes",
            "client ──> server ACK seq=x+1 ack=y+1 5 bytes",
            "client <── server ACK seq=y+1 ack=x+6 0 bytes",
            "client ──> server FIN ACK seq=x+6 ack=y+1 0 bytes",
            "client <── server ACK seq=y+1 ack=x+7 0 bytes",
            "client <── server FIN ACK seq=y+1 ack=x+7 0 bytes",
            "client ──> server ACK seq=x+7 ack=y+2 0 bytes"])
    else:
        short.ends(1)

    heard = output(lesson.folder / "virtual_close")
    close, late = heard.split("a late SYN")
    expect("FINs and ACKs with a lost ACK", re.findall(r"(\|[-<>x ]{7}\|) .*\[([A-Z, ]+)\] Seq", close), [
        ("|------>|", "FIN, ACK"), ("|<------|", "FIN, ACK"), ("|---x   |", "ACK"), ("|<------|", "FIN, ACK"),
        ("|------>|", "ACK")])
    expect("2 MSL after the last FIN", "at 242.060000 s the client is CLOSED" in close, True)
    expect("the late SYN", re.findall(r"(\|[-<>]{7}\|) .*\[([A-Z, ]+)\] Seq", late), [
        ("|------>|", "SYN"), ("|<------|", "SYN, ACK"), ("|------>|", "RST")])
    expect("what is left of it", "half-open connections of the server: 0" in late, True)

    heard = output(demo, "capture")
    if heard.startswith("not here: "):
        print(f"no live capture: {heard}")
    else:
        found = arrows(heard)
        expect("live connections", [len(each) for each in found], [7, 6, 9, 3])
        for each, wanted in zip(found, LIVE):
            expect("live", each[:len(wanted)], wanted)
        six = found[2][3:]
        expect("FINs", sorted(six[:4]), ["< FIN,ACK seq 1 ack 1"] * 2 + ["> FIN,ACK seq 1 ack 1"] * 2)
        expect("their ACKs", sorted(six[4:]), ["< ACK seq 2 ack 2", "> ACK seq 2 ack 2"])
        expect("the queue after the late SYN", "clients in the server's queue: 0" in heard, True)
        pictures = xml.etree.ElementTree.fromstring("<all>" + output(demo, "capture", "--svg") + "</all>")
        expect("pictures", len(pictures), 4)

    drawn = arrows(output(demo, "draw", CAPTURE))
    expect("web.pcap", [len(each) for each in drawn], [10, 2])
    expect("a closed port", drawn[1], ["> SYN seq 0", "< RST,ACK seq 0 ack 1"])
    pictures = xml.etree.ElementTree.fromstring("<all>" + output(demo, "draw", CAPTURE, "--svg") + "</all>")
    labels = [[text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")] for picture in pictures]
    expect("labels", [each[2:] for each in labels], [[arrow[2:] for arrow in each] for each in drawn])

    for status, words, message in ((1, ["draw", "/nowhere"], "/nowhere: cannot be read"),
                                   (1, ["draw", __file__], "does not begin as a pcap file does"),
                                   (2, ["draw"], "draw FILE"), (2, ["capture", "now"], "draw FILE")):
        heard = lesson.start("demo", *words).ends(status)
        expect(f"demo {words}", message in heard, True)

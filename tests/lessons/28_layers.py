"""A frame with an HTTP request, unwrapped: each byte of its headers is printed once, and is the byte of the capture."""
import pathlib
import re
import struct

from play import Failure, Lesson

CAPTURE = pathlib.Path(__file__).parents[2] / "examples/30_wireshark/web.pcap"


def frames(file):
    """The frames of a little-endian pcap file."""
    bytes_, at, found = file.read_bytes(), 24, []
    while at < len(bytes_):
        size = struct.unpack_from("<I", bytes_, at + 8)[0]
        found.append(bytes_[at + 16:at + 16 + size])
        at += 16 + size
    return found


with Lesson(__file__) as lesson:
    layers = lesson.start("layers")
    heard = layers.ends(0).replace("\r\n", "\n")
    frame = frames(CAPTURE)[7]  # the eighth packet is the request

    for title in ("链路层 (link layer): Ethernet", "网络层 (internet layer): IPv4", "传输层 (transport layer): TCP",
                  "应用层 (application layer): HTTP, 69 bytes from byte 66"):
        if title not in heard:
            raise Failure(f"{title!r} is missing in {heard!r}")

    # Fields that share a byte stand below each other, and the byte stands beside the first of them.
    printed = {}
    for place, digits in re.findall(r"^ +(\d+)  ([0-9a-f]+) ", heard, re.M):
        at = max(int(place), max(printed, default=-1) + 1)
        for i, byte in enumerate(bytes.fromhex(digits)):
            if at + i in printed:
                raise Failure(f"byte {at + i} is printed twice")
            printed[at + i] = byte
    for at, byte in printed.items():
        if frame[at] != byte:
            raise Failure(f"byte {at} is {byte:02x}, and {frame[at]:02x} in the capture")
    missing = set(range(66)) - set(printed)
    if missing != {54, 55, 56, 57}:  # two options without meaning, and the head of the option with timestamps
        raise Failure(f"the bytes {sorted(missing)} are not printed")

    for line in ("source                  02:00:00:00:00:0a", "destination address     192.168.1.80",
                 "destination port        80", "GET /hello.txt HTTP/1.1", "Host: www.example.com"):
        if line not in heard:
            raise Failure(f"{line!r} is missing in {heard!r}")

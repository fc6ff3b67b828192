"""The notes' TFTP client: with our server, with a silent server, and with a server that sends blocks twice."""
import os
import pathlib
import re
import socket
import struct
import tempfile

from play import Lesson

LATE = "没有应答 (no answer yet from "


def datagram_socket():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.settimeout(60)
    return s, str(s.getsockname()[1])


def data(block, text):
    return struct.pack("!HH", 3, block) + text


with Lesson(__file__) as lesson, tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    here, served = pathlib.Path("here"), pathlib.Path("served")
    here.mkdir()
    served.mkdir()
    os.chdir(here)
    served = pathlib.Path("../served")

    def get(name, *arguments):
        client = lesson.start("client", *arguments)
        client.expect("请输入要下载的文件名 (file to download): ")
        client.type(name)
        return client

    # Nobody listens there: the kernel says so, and the client at once. A wrong name or port is one sentence.
    closed, port = datagram_socket()
    closed.close()
    assert get("a", "127.0.0.1", port).ends(1).endswith(f"client: 127.0.0.1:{port}: Connection refused\n")
    assert lesson.start("client", "no such host").ends(1).count("client: ") == 1
    assert lesson.start("client", "localhost", "70000").ends(1).count("client: ") == 1

    # Our server: each size arrives, whole, and is written only then. A refusal leaves the old file as it was.
    server = lesson.start("server", "0", str(served))
    port = server.expect(re.compile(r"\(waiting for clients at \[::\]:(\d+); Ctrl-C ends\)")).group(1)
    for size in 0, 511, 512, 1428, 3000, 3_000_000:
        content = bytes(range(256)) * (size // 256) + bytes(size % 256)
        (served / "文件.bin").write_bytes(content)
        get("文件.bin", "localhost", port).expect(f"已保存 (saved): {size} bytes\n")
        assert pathlib.Path("文件.bin").read_bytes() == content, size
        server.expect(re.compile(rf'reads "文件.bin": {size} bytes in '))
    pathlib.Path("passwd").write_text("precious", encoding="utf-8")
    assert "No such file or directory" in get("nothing", "127.0.0.1", port).ends(1)
    refused = get("../../etc/passwd", "127.0.0.1", port).ends(1)
    assert refused.count("client: ") == 1 and "bytes" not in refused, refused
    assert pathlib.Path("passwd").read_text(encoding="utf-8") == "precious"
    taken = lesson.start("server", port, str(served)).ends(1)
    assert taken.endswith(f"server: bind [::]:{port}: Address already in use\n"), taken
    assert lesson.start("server", "0", "no such folder").ends(1).count("server: ") == 1
    server.interrupt()
    server.ends(0)

    # A silent server: the client says so after two seconds, and Ctrl-C ends it with a sentence.
    silent, port = datagram_socket()
    client = get("a", "127.0.0.1", port)
    client.expect(f"{LATE}127.0.0.1:{port})\n")
    client.interrupt()
    assert client.ends(1).endswith(f"client: 127.0.0.1:{port}: Operation canceled\n")
    while silent.recvfrom(2048)[0][:2] != b"\0\1":  # its requests, which we have not read
        pass

    # A server that knows no options, and that answers late, from a new port: each block twice, with a stranger between.
    silent.close()
    door, port = datagram_socket()
    client = get("twice", "127.0.0.1", port)
    request, peer = door.recvfrom(2048)
    assert request.startswith(b"\0\1twice\0octet\0"), request
    client.expect(f"{LATE}127.0.0.1:{port})\n")
    (transfer, _), (stranger, _) = datagram_socket(), datagram_socket()
    blocks = [b"a" * 512, b"b" * 512, b"c" * 10]
    for number, block in enumerate(blocks, 1):
        transfer.sendto(data(number, block), peer)
        assert transfer.recv(2048) == struct.pack("!HH", 4, number)
        transfer.sendto(data(number, block), peer)
        stranger.sendto(data(number + 1, b"lies"), peer)
        if number < len(blocks):
            assert transfer.recv(2048) == struct.pack("!HH", 4, number)  # the first answer may have been lost
            assert stranger.recv(2048)[:4] == struct.pack("!HH", 5, 5)  # unknown transfer ID
            # The file grows under no name; meanwhile the client tells how far it is.
            client.expect(f"已接收 (received): {512 * number} bytes\n")
            assert not pathlib.Path("twice").exists()
    client.expect("已保存 (saved): 1034 bytes\n")
    client.ends(0)
    assert pathlib.Path("twice").read_bytes() == b"".join(blocks)

    # The server's own words are shown, and cannot control the terminal.
    client = get("secret", "127.0.0.1", port)
    while not (asked := door.recvfrom(2048))[0].startswith(b"\0\1secret"):
        pass
    transfer.sendto(struct.pack("!HH", 5, 2) + b"not for you\x1b[2J\0", asked[1])
    answer = client.ends(1)
    assert f"client: 127.0.0.1:{port}: not for you\\x1b[2J: Access violation" in answer, answer
    assert not pathlib.Path("secret").exists()

    # Ctrl-D or an empty name ends the client.
    client = lesson.start("client")
    client.expect("(file to download): ")
    client.end_of_input()
    client.ends(0)
    client = lesson.start("client")
    client.expect("(file to download): ")
    client.type("")
    client.ends(0)
    os.chdir("/")

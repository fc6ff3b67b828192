"""The small Redis server: its answers as bytes, hostile clients, and redis-cli where it is installed."""
import shutil
import socket
import subprocess

from hostile import connect, reset
from play import Lesson

PORT = 6379
WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
NO_NUMBER = "-ERR value is not an integer or out of range\r\n"
UNKNOWN = "-ERR unknown command, or wrong number of arguments\r\n"
DIALOGUE = [
    ("PING", "+PONG\r\n"), ("set city Beijing", "+OK\r\n"), ("GET city", "$7\r\nBeijing\r\n"), ("GET none", "$-1\r\n"),
    ("INCR n", ":1\r\n"), ("INCR n", ":2\r\n"), ("GET n", "$1\r\n2\r\n"), ("INCR city", NO_NUMBER),
    ("SET big 9223372036854775807", "+OK\r\n"), ("INCR big", NO_NUMBER), ("SET below -1", "+OK\r\n"), ("INCR below", ":0\r\n"),
    ("LPUSH queue a b c", ":3\r\n"), ("LPUSH queue d", ":4\r\n"),
    ("LRANGE queue 0 -1", "*4\r\n$1\r\nd\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n"),
    ("LRANGE queue -2 9", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"), ("LRANGE queue -99 0", "*1\r\n$1\r\nd\r\n"),
    ("LRANGE queue 2 1", "*0\r\n"), ("LRANGE queue 9 10", "*0\r\n"), ("LRANGE queue 0 -9", "*0\r\n"),
    ("LRANGE none 0 -1", "*0\r\n"), ("LRANGE queue a b", NO_NUMBER), ("LRANGE city 0 1", WRONG_TYPE),
    ("INCR queue", WRONG_TYPE), ("GET queue", WRONG_TYPE), ("LPUSH city x", WRONG_TYPE), ("SET queue text", "+OK\r\n"),
    ("GET queue", "$4\r\ntext\r\n"), ("SET city", UNKNOWN), ("GET", UNKNOWN), ("PING x", UNKNOWN), ("SHUTDOWN", UNKNOWN),
]


def as_array(line):
    return f"*{len(line.split())}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in line.split())


def receive(client, size):
    heard = b""
    while len(heard) < size and (piece := client.recv(size - len(heard))):
        heard += piece
    return heard.decode()


with Lesson(__file__, (PORT,)) as lesson:
    for form in as_array, lambda line: line + "\r\n":
        server = lesson.start("key_value_server")
        server.expect("waiting for clients on port 6379")
        client = connect(PORT)
        for question, answer in DIALOGUE:
            client.sendall(form(question).encode())
            assert (heard := receive(client, len(answer))) == answer, (question, heard)
        with connect(PORT) as pipeline:  # all requests at once, in pieces of odd sizes
            every = "".join(form(f"SET key{i} {i}") + form(f"GET key{i}") for i in range(1000)).encode()
            for begin in range(0, len(every), 777):
                pipeline.sendall(every[begin:begin + 777])
            pipeline.shutdown(socket.SHUT_WR)
            wanted = "".join(f"+OK\r\n${len(str(i))}\r\n{i}\r\n" for i in range(1000))
            assert receive(pipeline, len(wanted) + 1) == wanted
        client.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$4\r\n\0\r\n\xff\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n")  # any bytes
        assert client.recv(100) == b"+OK\r\n$4\r\n\0\r\n\xff\r\n"

        # Bytes that are no request end their own connection only.
        for nonsense in b"*1\r\n!\r\n", b"*-1\r\n", b"*9999999999\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$99999999\r\n", b"*1\r\n$5\r\nab":
            with connect(PORT) as stranger:
                stranger.sendall(nonsense)
                stranger.shutdown(socket.SHUT_WR)
                try:
                    assert stranger.recv(100) == b""
                except ConnectionResetError:
                    pass
                server.expect("127.0.0.1:")
        reset(connect(PORT))
        client.sendall(b"PING\r\n")
        assert client.recv(100) == b"+PONG\r\n"

        if cli := shutil.which("redis-cli"):
            said = subprocess.run([cli, "LPUSH", "list", "one", "two"], capture_output=True, text=True, timeout=60).stdout
            assert said == "2\n", said
        else:
            print("without redis-cli: it is not installed")

        taken = lesson.start("key_value_server")
        assert "key_value_server: bind 127.0.0.1:6379: Address already in use" in taken.ends(1)
        server.interrupt()
        server.ends(0)
        assert client.recv(1) == b""

#!/usr/bin/env python3
"""Counts the instructions, in user code, that a web server needs for a request. The load of the machine does not change them.

    hello_instructions.py PROGRAM [--most N]            hello_server or hello_epoll

Callgrind counts a short run and a long run, and the difference belongs to the requests. Each line is one way of asking:
64 keep-alive connections that ask one after the other, 16 requests at a time, and (of hello_server) a file of 1 MiB.
Exit status: 0; 1 if a keep-alive request needs more than N instructions; 77 if valgrind is not installed.
"""
import argparse
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

ASK = "GET {} HTTP/1.1\r\nHost: 127.0.0.1:8123\r\n\r\n"  # what wrk sends


def receive(connection, size):
    while size > 0:
        size -= len(got := connection.recv(min(size, 1 << 20)))
        if not got:
            sys.exit("hello_instructions.py: the server has closed a connection")


def measure(program, path, rounds, connections, depth):
    """Returns the instructions of a whole run of the server."""
    with tempfile.TemporaryDirectory() as folder:
        www = pathlib.Path(folder, "www")
        www.mkdir()
        (www / "1MiB").write_bytes(bytes(1 << 20))
        server = subprocess.Popen(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/profile", program, "0", www],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        port = int(server.stdout.readline().split()[-1])
        all_of_them = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        asks = ASK.format(path).encode() * depth
        all_of_them[0].sendall(asks[:len(asks) // depth])
        first = b""
        while b"\r\n\r\n" not in first:
            first += all_of_them[0].recv(1 << 16)
        head, _, body = first.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        receive(all_of_them[0], length - len(body))
        for _ in range(rounds):
            for each in all_of_them:
                each.sendall(asks)
            for each in all_of_them:
                receive(each, depth * (len(head) + 4 + length))
        server.terminate()
        said = server.communicate()[1]
        return int(re.search(r"Collected : (\d+)", said).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--most", type=int)
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("SKIPPED: valgrind is not installed")
        return 77
    program = options.program.resolve()
    ways = {"keep-alive": ("/", 64, 1), "16 pipelined": ("/", 16, 16)}
    if program.name != "hello_epoll":
        ways["1 MiB"] = ("/1MiB", 4, 1)
    status = 0
    for name, (path, connections, depth) in ways.items():
        short, long = (measure(program, path, rounds, connections, depth) for rounds in (5, 25))
        each = (long - short) / (20 * connections * depth)
        print(f"{name:<14}{each:7.0f} instructions a request", flush=True)
        if name == "keep-alive" and options.most and each > options.most:
            print(f"hello_instructions.py: more than {options.most}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Abuses a web server, while a client that behaves asks it for pages.

    http_abuse.py [--full] PROGRAM [ARGUMENT...]
    http_abuse.py --full build/default/examples/39_http_server/demo

Starts `PROGRAM serve --port 0 --quiet ARGUMENT...` and plays all of these at once:

    idle      connections that have asked once, and say nothing more
    heads     a head, a byte at a time
    bodies    a body, a byte at a time
    deaf      many requests, and no answer is ever read
    resets    requests that are cut by a reset, at every length

The client that behaves has one connection, asks for / and checks every byte. What must hold: it always gets its answer, each
slow client gets 408, the idle connections cost at most 2 KiB of memory each, and afterwards the server has its descriptors
back and ends at SIGTERM with status 0.

A server has at most 10,000 connections. So the 10,000 idle connections include the client that behaves, and half of them are
closed before the others come. This client asks all the time: after 60 silent seconds the server would end its connection, too.

A fiftieth of everything is played, for two seconds. --full plays 10,000 idle, 1,000 of each slow kind, 1,000 deaf and 50,000
resets. It goes on until the server has ended all slow clients. Then the client that behaves may wait for 5 s at most.
Exit status: 0 when all holds, 1 when not, 2 for wrong arguments.
"""
import argparse
import resource
import selectors
import signal
import socket
import sys
import time

from abuse import HOST, Failure, Server, connect, has_sanitizer, reset, until

PAGE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class WebServer(Server):
    def begin(self):
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise Failure(f"{self.name} says {line!r} and {self.complaints()!r}")
        self.port = int(line.rsplit(":", 1)[1])
        self.answer = ask(connect(self.port))  # what is made for the first client stays
        self.descriptors = self.descriptors_now()
        self.is_back()
        self.memory = self.memory_now()


def ask(client):
    """Asks for the page and returns the answer without its date."""
    client.sendall(PAGE)
    return answer(client)


def answer(client):
    heard = b""
    while not (b"\r\n\r\n" in heard and len(heard.partition(b"\r\n\r\n")[2]) >= int(heard.split(b"Content-Length: ")[1].split(b"\r")[0])):
        piece = client.recv(65536)
        if not piece:
            raise Failure(f"the server ends the connection of a client that behaves, after {heard!r}")
        heard += piece
    return b"\r\n".join(line for line in heard.split(b"\r\n") if not line.startswith(b"Date: "))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    share = 1 if options.full else 50
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    server = WebServer([options.program, *options.arguments])
    try:
        good, times = connect(server.port), []

        def behave():
            begin = time.monotonic()
            if ask(good) != server.answer:
                raise Failure("another answer than before")
            times.append((time.monotonic() - begin) * 1000)

        idle, idle_since, room = [], time.monotonic(), 10_000 // share - 1
        while len(idle) < room:
            some = [connect(server.port) for _ in range(min(100, room - len(idle)))]
            for each in some:
                each.sendall(PAGE)
            for each in some:
                if answer(each) != server.answer:
                    raise Failure("another answer than before")
            idle += some
            behave()
        each = (server.memory_now() - server.memory) / len(idle)
        print(f"idle: {len(idle) + 1:,} connections, {each:,.0f} bytes each", flush=True)
        if options.full and each > 2048 and not has_sanitizer(options.program):
            raise Failure(f"an idle connection costs {each:.0f} bytes")

        for each in idle[room // 2:]:
            each.close()
        del idle[room // 2:]
        deaf = []  # each speaks at once: if all connect first, the last ones are silent for longer than 60 s
        for number in range(1000 // share):
            each = socket.socket()  # with small buffers: else the server makes 20 million answers before they are full
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # or the server's buffer has 2.6 MB on loopback
            each.connect((HOST, server.port))
            deaf.append(each)
            each.setblocking(False)
            try:
                for _ in range(20):
                    each.send(PAGE * 2000)
            except BlockingIOError:
                pass
            if number % 10 == 0:
                behave()
        print(f"deaf: {len(deaf):,} connections", flush=True)
        for number in range(50_000 // share):
            torn = connect(server.port)
            torn.sendall(PAGE[:number % len(PAGE)])
            reset(torn)
            if number % 100 == 0:
                behave()

        begin, said, ended, crossed = time.monotonic(), 0, 0, 0
        heads = [connect(server.port) for _ in range(1000 // share)]
        bodies = [connect(server.port) for _ in range(1000 // share)]
        for body in bodies:
            body.sendall(b"POST /greet HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        # The slow ones say a byte now and then, until the server has had enough of them.
        slow = selectors.DefaultSelector()
        for each in heads + bodies:
            slow.register(each, selectors.EVENT_READ)
        text = PAGE[:-4] + b"\r\nX: " + b"x" * 10_000
        while ended < len(heads + bodies) and (options.full or said < 10):
            for key, _ in slow.select(0.2):
                try:
                    heard = key.fileobj.recv(65536)
                except ConnectionResetError:  # its last byte came behind the server's end, and drew a reset
                    heard = b"HTTP/1.1 408 "
                    crossed += 1
                if not heard.startswith(b"HTTP/1.1 408 "):
                    raise Failure(f"a slow client hears {heard[:100]!r}")
                slow.unregister(key.fileobj)
                ended += 1
            for key in list(slow.get_map().values()):
                if time.monotonic() - begin < 7:  # a byte behind the deadline would draw a reset, which may destroy the 408
                    key.fileobj.send(text[said:said + 1])
            said += 1
            behave()
            if time.monotonic() - begin > 60:
                raise Failure(f"{len(heads + bodies) - ended} slow clients are still served after 60 s")
        times.sort()
        print(f"{len(heads):,} slow heads, {len(bodies):,} slow bodies ({ended - crossed:,} ended with 408, {crossed} with a reset), {len(deaf):,} deaf, "
              f"{50_000 // share:,} resets: memory {(server.memory_now() - server.memory) / 1e6:,.0f} MB")
        print(f"the client that behaves: {len(times):,} pages, p50 {times[len(times) // 2]:.2f} ms, "
              f"p99 {times[len(times) * 99 // 100]:.2f} ms, longest {times[-1]:.1f} ms")
        if options.full and times[-1] > 5000 and not has_sanitizer(options.program):
            raise Failure("the client that behaves had to wait")
        is_early = time.monotonic() - idle_since < 40  # the server ends a connection that was idle for 60 s
        for each in idle[::97] if is_early else []:
            if ask(each) != server.answer:
                raise Failure("an idle connection gets another answer")
        behave()
        for each in idle + heads + bodies + deaf + [good]:
            each.close()
        server.is_back()
        until("the server answers", lambda: ask(connect(server.port)) == server.answer)
        server.stop()
    except (Failure, OSError) as failure:
        print(f"http_abuse: {failure}", file=sys.stderr)
        return 1
    finally:
        server.kill()
    print("well")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())

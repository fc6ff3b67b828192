#!/usr/bin/env python3
"""The echo server with gevent: a greenlet for each client, as in the notes' last server.

    echo_gevent.py [--port N]           on 127.0.0.1; the first line is `listening on PORT`
"""
import argparse
import resource
import signal
import socket
import sys

try:
    import gevent
    from gevent.server import StreamServer
except ImportError:
    gevent = None


def echo(client, _peer):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while data := client.recv(65536):
            client.sendall(data)
    except OSError:
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An echo server with gevent.")
    parser.add_argument("--port", type=int, default=6666)
    arguments = parser.parse_args()
    if not gevent:
        sys.exit("echo_gevent.py: gevent is not installed")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = StreamServer(("127.0.0.1", arguments.port), echo, backlog=4096)
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, server.stop)
    server.start()
    print("listening on", server.server_port, flush=True)
    server.serve_forever()

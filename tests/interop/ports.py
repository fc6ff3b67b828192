"""Free ports for programs that are told which port to listen on."""

import pathlib
import random
import socket


def free_port(host="127.0.0.1", kind=socket.SOCK_STREAM):
    """A port that is free, and that the system gives to no other program: it is outside of its range for clients."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    end = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(end // 3, end)
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                pass  # it is in use, or only root may bind it

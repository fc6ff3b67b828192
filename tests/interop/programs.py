#!/usr/bin/env python3
"""programs.py FOLDER [NAME...]: ten small programs that people write, built in FOLDER, each with its real peers.

The programs stand beside this file, in programs/. Each has a goal of code lines. Each server is tried with a client
that resets and with 24 descriptors, and must end with status 0 on Ctrl-C. A peer that is missing is named. Peers: curl,
nginx, dnsmasq, nmap, nc, tftp, and memcached with its tools (Debian: libmemcached-tools). `ninja programs` builds and
runs all.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from ports import free_port

HERE = pathlib.Path(__file__).resolve().parent / "programs"
PATIENCE = 120  # seconds after which something counts as stuck
GOALS = {"http_get": 10, "dns_query": 50, "socks_proxy": 45, "static_files": 25, "chat_room": 30, "discovery": 45,
         "scanner": 22, "tftp_menu": 25, "memcached": 50, "netcat": 20}
failures = []


def check(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED: {what}\n    got    {got!r:.300}\n    wanted {wanted!r:.300}")


def lines_of(name):
    """Lines that are neither blank nor a comment."""
    text = (HERE / f"{name}.cpp").read_text().splitlines()
    return sum(1 for line in text if line.strip() and not line.strip().startswith("//"))


def has(*tools):
    missing = [each for each in tools if not shutil.which(each)]
    if missing:
        print(f"    left out, because not installed: {', '.join(missing)}")
    return not missing


def run(*command, **how):
    return subprocess.run([str(each) for each in command], capture_output=True, timeout=PATIENCE, **how)


def connect(port, server=None):
    """Connects as soon as the server listens. Fails at once if its process has ended."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except ConnectionRefusedError:
            if server and server.poll() is not None:
                sys.exit(f"FAILED: {server.args} has ended with status {server.returncode} before it listened")
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


@contextlib.contextmanager
def started(*command, wants=0, ready=None, descriptors=None):
    """Runs a server, and ends it with Ctrl-C."""
    bound = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))) if descriptors else None
    process = subprocess.Popen([str(each) for each in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=bound)
    try:
        if ready:
            connect(ready, process).close()
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            status = "it does not end"
        if wants is not None:
            check(f"{os.path.basename(str(command[0]))}: the status after Ctrl-C", status, wants)


def hostile(program, *arguments, alive, host=""):
    """A client that resets, and more clients than 24 descriptors suffice for. Then `alive(port)` must return True."""
    port = free_port()
    with started(program, *arguments, f"{host}{port}", ready=port, descriptors=24):
        for count in (1, 40):
            clients = [connect(port) for _ in range(count)]
            for each in clients:
                each.sendall(b"\5")
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.close()
        check(f"{program.name} lives after resets and without descriptors", alive(port), True)


# ---- web


@contextlib.contextmanager
def web_server(folder):
    """nginx if it is installed, and Python's server otherwise. Yields the port."""
    port = free_port()
    if not has("nginx"):
        with started(sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", folder,
                     wants=None, ready=port):
            yield port
        return
    with tempfile.TemporaryDirectory() as own:
        os.chmod(own, 0o755)
        parts = "".join(f"{each}_temp_path {own}/{each};"
                        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        pathlib.Path(own, "conf").write_text(
            f"daemon off; master_process off; error_log {own}/log; pid {own}/pid; events {{}} http {{ access_log off; "
            f"{parts} server {{ listen 127.0.0.1:{port}; root {folder}; "
            "location /pieces { ssi on; ssi_types *; } } }")
        with started("nginx", "-p", own, "-c", f"{own}/conf", wants=None, ready=port):
            yield port


def try_http_get(program, work):
    (work / "page.html").write_text("<p>a page\n" * 20_000)
    (work / "pieces").write_text('one <!--#echo var="host" --> two\n')  # nginx sends it in chunks
    with web_server(work) as port:
        for path in ("page.html", "pieces"):
            wanted = run("curl", "-s", f"http://127.0.0.1:{port}/{path}").stdout if has("curl") else None
            got = run(program, f"http://127.0.0.1:{port}/{path}")
            check(f"http_get {path}", (got.returncode, got.stdout), (0, wanted))
        # localhost is ::1 first, where nobody listens
        check("http_get of a name", run(program, f"http://localhost:{port}/page.html").stdout,
              (work / "page.html").read_bytes())


def try_static_files(program, work):
    (work / "big").write_bytes(os.urandom(2_000_000))
    (work / "secret").symlink_to("/etc/passwd")
    port = free_port()
    if not has("curl"):
        return
    with started(program, work, port, ready=port):
        url = f"http://127.0.0.1:{port}"
        check("GET", run("curl", "-s", f"{url}/big", f"{url}/big").stdout, 2 * (work / "big").read_bytes())
        check("HEAD", b"Content-Length: 2000000" in run("curl", "-sI", f"{url}/big").stdout, True)
        check("a range", run("curl", "-s", "-r", "100-199", f"{url}/big").stdout, (work / "big").read_bytes()[100:200])
        for path in ("/../etc/passwd", "/..%2fetc/passwd", "/secret"):
            got = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", url + path).stdout
            check(f"the jail: {path}", got in (b"404", b"400", b"403"), True)
    hostile(program, work, alive=lambda port: run("curl", "-s", f"http://127.0.0.1:{port}/big").stdout ==
            (work / "big").read_bytes())


def try_socks_proxy(program, work):
    (work / "big").write_bytes(os.urandom(1_000_000))
    if not has("curl"):
        return
    with web_server(work) as web:
        port = free_port()

        def fetched(proxy, host="127.0.0.1", kind="socks5-hostname"):
            return run("curl", "-s", f"--{kind}", f"127.0.0.1:{proxy}", f"http://{host}:{web}/big").stdout
        with started(program, port, ready=port):
            curls = [subprocess.Popen(["curl", "-s", "--socks5-hostname", f"127.0.0.1:{port}",
                                       f"http://{host}:{web}/big"], stdout=subprocess.PIPE)
                     for host in ("127.0.0.1", "localhost") * 10]
            answers = [each.communicate(timeout=PATIENCE)[0] for each in curls]
            check("twenty curls at once", sum(each == (work / "big").read_bytes() for each in answers), 20)
            check("an address of four bytes", fetched(port, kind="socks5") == (work / "big").read_bytes(), True)
            refused = run("curl", "-s", "--socks5", f"127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}/")
            check("curl's status for a port where nobody listens", refused.returncode, 97)
        hostile(program, alive=lambda port: fetched(port) == (work / "big").read_bytes())


# ---- names and hosts


def try_dns_query(program, work):
    if not has("dnsmasq"):
        return
    port = free_port(kind=socket.SOCK_DGRAM)
    long = [f'--txt-record=long.test,"{i:03}{"x" * 200}"' for i in range(10)]  # 2 KB: truncated over UDP
    with started("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--listen-address=127.0.0.1",
                 "--bind-interfaces", f"--port={port}", "--conf-file=/dev/null", "--user=root",
                 "--host-record=a.test,192.0.2.1,2001:db8::1", "--mx-host=a.test,mail.test,5",
                 "--txt-record=a.test,hello,world", *long, wants=None, ready=port):
        for name, kind, wanted in (("a.test", "A", "192.0.2.1\n"), ("A.TEST", "AAAA", "2001:db8::1\n"),
                                   ("a.test", "MX", "5 mail.test\n"), ("a.test", "TXT", '"hello"\n"world"\n')):
            got = run(program, f"127.0.0.1:{port}", name, kind)
            check(f"dns_query {name} {kind}", (got.returncode, got.stdout.decode()), (0, wanted))
        got = run(program, f"127.0.0.1:{port}", "long.test", "TXT").stdout.decode()
        check("an answer that needs TCP", got.count("x" * 200), 10)


def try_scanner(program, work):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(20)]
    wanted = {each.getsockname()[1] for each in listeners}
    times = {"ours": [], "nmap": []}
    for _ in range(3):
        begin = time.monotonic()
        found = {int(each) for each in run(program, "127.0.0.1").stdout.split()}
        times["ours"].append(time.monotonic() - begin)
        check("the scanner finds all ports", wanted - found, set())
        if not has("nmap"):
            return
        begin = time.monotonic()
        report = run("nmap", "-sT", "-p-", "-n", "-Pn", "127.0.0.1").stdout.decode()
        times["nmap"].append(time.monotonic() - begin)
        other = {int(each) for each in re.findall(r"^(\d+)/tcp +open", report, re.M)}
        check("the scanner misses no port of nmap's list", wanted & other - found, set())
    print("    65,535 ports: ", {name: f"{min(each):.1f} s" for name, each in times.items()})


def try_discovery(program, work):
    if os.geteuid() != 0 or not has("ip"):
        print("    left out: namespaces need root and ip(8)")
        return
    here, there = f"nn{os.getpid()}a", f"nn{os.getpid()}b"

    def ip(*words):
        subprocess.run(["ip", *words], check=True, stdout=subprocess.DEVNULL)
    try:
        for name in (here, there):
            ip("netns", "add", name)
        ip("link", "add", "eth0", "netns", here, "type", "veth", "peer", "name", "eth0", "netns", there)
        for name, address in ((here, "192.0.2.1/24"), (there, "192.0.2.2/24")):
            ip("-n", name, "address", "add", address, "dev", "eth0")
            ip("-n", name, "address", "add", f"fe80::{address[8]}/64", "dev", "eth0", "nodad")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "route", "add", "224.0.0.0/4", "dev", "eth0")
        for group, sender in (("239.255.70.77", "192.0.2.2:4477"), ("ff02::4d%eth0", "fe80::")):
            with started("ip", "netns", "exec", there, program, group, "printer", "631"), \
                    started("ip", "netns", "exec", there, program, group, "scanner", "632"):
                time.sleep(0.5)  # nothing tells from outside that both have joined
                lines = run("ip", "netns", "exec", here, program, group).stdout.decode().splitlines()
                check(f"discovery in {group}", sorted(line.split(" ", 1)[1] for line in lines),
                      ["printer 631", "scanner 632"])
                check("the senders", [line.lstrip("[").startswith(sender) for line in lines], [True, True])
    finally:
        for name in (here, there):
            subprocess.run(["ip", "netns", "delete", name], check=False)


# ---- conversations


async def chat(port, people):
    async def join(name):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        writer.write(f"{name}\n".encode())
        return reader, writer

    async def read_until(reader, wanted):
        while (line := (await reader.readline()).decode().rstrip("\n")) != wanted:
            if not line:
                return False
        return True
    silent = await join("silent")  # never reads
    silent[0]._transport.pause_reading()
    everybody = [await join(f"p{i}") for i in range(people)]
    for i in (0, people - 1):
        await read_until(everybody[i][0], f"p{people - 1} is here")
    everybody[0][1].write(b"hello\n")
    heard = await asyncio.gather(*(read_until(reader, "p0: hello") for reader, _ in everybody))
    everybody[1][1].close()
    left = await read_until(everybody[2][0], "p1 has left")
    everybody[0][1].write((b"x" * 1000 + b"\n") * 500)  # more than the silent one's buffers
    everybody[0][1].write(b"still there?\n")
    still = await asyncio.gather(*(read_until(everybody[i][0], "p0: still there?") for i in range(2, min(people, 60))))
    for _, writer in everybody:
        writer.transport.abort()
    return sum(heard), left, sum(still)


def try_chat_room(program, work):
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    people = 1000 if room > 2500 else 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(room, 20_000), room))
    port = free_port()
    with started(program, port, ready=port):
        got = asyncio.run(asyncio.wait_for(chat(port, people), PATIENCE))
        check(f"a chat of {people}, one of whom never reads", got, (people, True, 58))

    def alive(port):
        with connect(port) as client:
            client.sendall(b"me\nhello\n")
            return "me: hello\n" in iter(client.makefile().readline, "")
    hostile(program, alive=alive)


def try_tftp_menu(program, work):
    port = free_port(kind=socket.SOCK_DGRAM)
    with started(program, port):
        wanted = b"menu of noon for 127.0.0.1\n"
        end = time.monotonic() + PATIENCE
        if has("curl"):
            while (got := run("curl", "-s", f"tftp://127.0.0.1:{port}//menu/noon").stdout) != wanted:
                if time.monotonic() > end:
                    break
            check("curl", got, wanted)
            check("another name", run("curl", "-s", f"tftp://127.0.0.1:{port}//etc/passwd").returncode, 68)
        if has("tftp"):
            run("tftp", "127.0.0.1", str(port), "-c", "get", "/menu/noon", "got", cwd=work)
            check("tftp-hpa", (work / "got").read_bytes(), wanted)


def try_memcached(program, work):
    port = free_port()

    def says(port, *words):
        with connect(port) as client:
            client.sendall("".join(f"{each}\r\n" for each in words).encode() + b"quit\r\n")
            return client.makefile("rb").read().decode()
    dialogue = ["set a 7 0 5", "hello", "get a", "get b", "get a b a", "set n 0 0 2", "41", "incr n 1", "get n",
                "incr b 1", "delete a", "delete a", "get a", "set q 0 0 1 noreply", "x", "get q"]
    with started(program, f"127.0.0.1:{port}", ready=port):
        ours = says(port, *dialogue)
        check("stats", says(port, "stats").endswith("END\r\n"), True)
        if has("memcached"):
            other = free_port()
            with started("memcached", "-u", "root", "-l", "127.0.0.1", "-p", other, "-U", "0", wants=None, ready=other):
                check("the same dialogue with memcached", ours, says(other, *dialogue))
        if has("memccp", "memccat", "memcslap"):
            server = f"--servers=127.0.0.1:{port}"
            (work / "poem").write_bytes(os.urandom(100_000))
            check("memccp", run("memccp", server, "poem", cwd=work).returncode, 0)
            check("memccat", run("memccat", server, "poem").stdout.rstrip(b"\n") ==
                  (work / "poem").read_bytes().rstrip(b"\n"), True)
            slap = run("memcslap", server, "--concurrency=20", "--execute-number=200", "--test=get")
            check("memcslap", (slap.returncode, b"rror" in slap.stdout + slap.stderr), (0, False))
    wanted = "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"
    hostile(program, host="127.0.0.1:", alive=lambda port: says(port, "set a 0 0 1", "x", "get a") == wanted)


def try_netcat(program, work):
    if not has("nc"):
        return
    for ours_listens in (True, False):
        port = free_port()
        server = [program, "-l", "127.0.0.1", port] if ours_listens else ["nc", "-l", "-N", "127.0.0.1", port]
        client = ["nc", "-N", "127.0.0.1", port] if ours_listens else [program, "127.0.0.1", port]
        first = subprocess.Popen([str(each) for each in server], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        while not run("ss", "-Hltn", f"sport = :{port}").stdout:
            time.sleep(0.01)
        second = subprocess.Popen([str(each) for each in client], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # The side of `nc -l` ends when its client has ended its half. So there the listener is the first to do so.
        early, late = (second, first) if ours_listens else (first, second)
        for speaker, listener, text in ((early, late, b"a question\n" * 1000), (late, early, b"an answer\n")):
            speaker.stdin.write(text)
            speaker.stdin.close()  # half-close: the answer still comes
            check(f"netcat: {text[:10]}", listener.stdout.read(len(text)), text)
        check("netcat: the status of both", (first.wait(PATIENCE), second.wait(PATIENCE)), (0, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(GOALS))
    options = parser.parse_args()
    for name in options.names or GOALS:
        count = lines_of(name)
        print(f"{name}: {count} lines, at most {GOALS[name]}", flush=True)
        check(f"the lines of {name}", count <= GOALS[name], True)
        with tempfile.TemporaryDirectory() as work:
            os.chmod(work, 0o755)
            globals()[f"try_{name}"]((options.folder / name).resolve(), pathlib.Path(work))
    if failures:
        sys.exit(f"{len(failures)} failures")


main()

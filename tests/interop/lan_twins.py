#!/usr/bin/env python3
"""Random networks twice: simulated by lan.hpp, and made of the kernel's namespaces, bridges and veth pairs.

    lan_twins.py LAN [--count N] [--first SEED] [--keep]      LAN is the program of lesson 32

The same pings and datagrams are sent in the same order. Then the frames that each interface of a host or router has sent and
received are equal. So are the ARP tables, and the forwarding databases of the switches. All are compared as lists, not in
time. Frames are compared without identifications, and without the sums over them. Checksums are verified on both sides.

Ten networks by default, 200 with --count 200. Needs root, because namespaces are made; else it is skipped (status 77).
"""
import argparse
import concurrent.futures
import ctypes
import fcntl
import json
import os
import pathlib
import random
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

libc = ctypes.CDLL(None, use_errno=True)
PATIENCE = 3  # seconds: not a measure of speed, only the point at which a frame counts as missing


class Difference(Exception):
    pass


# ---- the network, as a text for lan.hpp

class Topology:
    """Networks 10.0.1.0/24, 10.0.2.0/24 and so on, which routers join to a tree. Each network is a cable, or hubs and switches."""

    def __init__(self, seed):
        r = random.Random(seed)
        self.nodes, self.links = {}, []  # name -> (kind, [address/prefix]), (end, end, mtu)
        self.routes, self.gateways, self.actions = [], {}, []
        count = r.randint(1, 4)
        members = {i: [] for i in range(1, count + 1)}  # network -> [(node, port)]
        routers = {}
        next_host = {i: 10 for i in members}

        def address(i, router=False):
            if router:
                n = 1 + sum(1 for node, _ in members[i] if self.nodes[node][0] == "router")
                return f"10.0.{i}.{n}/24"
            next_host[i] += 1
            return f"10.0.{i}.{next_host[i]}/24"

        for i in range(2, count + 1):  # router i - 1 joins network i to an earlier network
            name, other = f"R{i - 1}", r.randint(1, i - 1)
            self.nodes[name] = ("router", [])
            for port, each in enumerate((other, i)):
                self.nodes[name][1].append(address(each, True))
                members[each].append((name, port))
            routers[name] = (other, i)
        for i in members:
            for _ in range(r.randint(1, 3)):
                name = f"H{len(self.nodes)}"
                self.nodes[name] = ("host", [address(i)])
                members[i].append((name, 0))
            if len(members[i]) == 1:
                name = f"H{len(self.nodes)}"
                self.nodes[name] = ("host", [address(i)])
                members[i].append((name, 0))
        for i, ends in members.items():
            mtu = r.choice([1500, 1500, 1000, 600, 576])
            if len(ends) == 2 and r.random() < 0.5:
                self.links.append((ends[0], ends[1], mtu))
                continue
            devices = []
            for _ in range(r.randint(1, 3)):
                name = f"S{len(self.nodes)}"
                self.nodes[name] = (r.choice(["switch", "switch", "switch", "hub"]), [])
                if devices:
                    self.links.append(((name, None), (r.choice(devices), None), mtu))
                devices.append(name)
            for end in ends:
                self.links.append((end, (r.choice(devices), None), mtu))
        # Ports of hubs and switches are numbered in the order of the cables, as lan.hpp does.
        used, numbered = {}, []
        for a, b, mtu in self.links:
            ends = []
            for node, port in (a, b):
                if port is None:
                    port = used.get(node, 0)
                    used[node] = port + 1
                ends.append((node, port))
            numbered.append((*ends, mtu))
        self.links = numbered

        # Routes: from each router the first step of the only way to each network.
        def first_step(name, goal):
            seen, waiting = {name}, [(name, None)]
            while waiting:
                at, step = waiting.pop(0)
                for network in routers[at]:
                    if network == goal:
                        return step
                    for other in routers:
                        if other not in seen and network in routers[other]:
                            seen.add(other)
                            via = self.nodes[other][1][routers[other].index(network)].split("/")[0]
                            waiting.append((other, step or via))
            return None
        for name in routers:
            for goal in members:
                if goal not in routers[name]:
                    self.routes.append((name, f"10.0.{goal}.0/24", first_step(name, goal)))
        for i, ends in members.items():
            gates = [self.nodes[n][1][p].split("/")[0] for n, p in ends if self.nodes[n][0] == "router"]
            for n, _ in ends:
                if self.nodes[n][0] == "host" and gates:
                    self.gateways[n] = r.choice(gates)

        hosts = [n for n in self.nodes if self.nodes[n][0] == "host"]
        targets = [(n, a.split("/")[0]) for n in self.nodes for a in self.nodes[n][1]]
        refused = set()  # pairs whose path MTU a host may have learnt
        for _ in range(r.randint(4, 7)):
            source = r.choice(hosts)
            _, target = r.choice([t for t in targets if t[0] != source])
            kind = r.random()
            if kind < 0.2:
                self.actions.append(("udp", source, target, r.randint(1, 65000), 64, False))
            else:
                df = kind < 0.4 and (source, target) not in refused
                if df:
                    refused.add((source, target))
                size = r.choice([0, 56, 56, 548, 980, 1200, 3000])
                self.actions.append(("ping", source, target, size, r.choice([64, 64, 64, 1, 2, 3]), df))
        with_gate = [h for h in hosts if h in self.gateways]
        if with_gate:
            # No route. The kernel withholds this error behind another error to the same host, so it comes first.
            self.actions.insert(0, ("ping", r.choice(with_gate), "10.99.0.1", 56, 64, False))
        # The last action fails by ARP, which takes three seconds of lan.hpp's time.
        if with_gate and r.random() < 0.3:
            source = r.choice(with_gate)  # a mask that is too wide: a stranger counts as a neighbour
            mine = self.nodes[source][1][0].split("/")[0]
            self.nodes[source][1][0] = mine + "/16"
            self.actions = [a for a in self.actions if a[1] != source and a[2] != mine]
            self.actions.append(("ping", source, "10.0.200.9", 56, 64, False))
        else:
            i = r.choice(list(members))
            self.actions.append(("ping", r.choice(hosts), f"10.0.{i}.99", 1200, 64, False))

    def text(self, actions):
        lines = []
        for name, (kind, addresses) in self.nodes.items():
            gate = f" via {self.gateways[name]}" if name in self.gateways else ""
            lines.append(" ".join([kind, name, *addresses]) + gate)
        for (a, pa), (b, pb), mtu in self.links:
            ends = [f"{n}.{p}" if self.nodes[n][0] in ("host", "router") else n for n, p in ((a, pa), (b, pb))]
            lines.append(f"link {ends[0]} {ends[1]} mtu {mtu}")
        lines += [f"route {name} {network} via {via}" for name, network, via in self.routes]
        for kind, source, target, number, ttl, df in actions:
            if kind == "udp":
                lines.append(f"udp {source} {target} {number} hello")
            else:
                lines.append(f"ping {source} {target} size {number} ttl {ttl}" + (" df" if df else ""))
        return "\n".join(lines) + "\n"

    def interfaces(self):
        """(node, port) of everything that has an address."""
        return [(n, p) for n, (kind, addresses) in self.nodes.items() for p in range(len(addresses))]

    def mac(self, node, port):
        return bytes([2, 0, *struct.pack(">HH", list(self.nodes).index(node) + 1, port)])


# ---- frames

def sum16(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def plain_packet(ip, quoted=False):
    """An IPv4 packet without its identification and without checksums, which were verified unless it is a quotation."""
    size = (ip[0] & 15) * 4
    header, payload = bytearray(ip[:size]), bytearray(ip[size:])
    if not quoted:
        if sum16(bytes(header)) != 0xffff:
            raise Difference(f"a wrong checksum in the header {header.hex()}")
        payload = payload[:struct.unpack(">H", header[2:4])[0] - size]
    header[4:6] = header[10:12] = b"\0\0"
    is_part = struct.unpack(">H", header[6:8])[0] & 0x3fff
    later = struct.unpack(">H", header[6:8])[0] & 0x1fff
    if header[9] == 1 and not later and len(payload) >= 8:
        if not quoted and not is_part and sum16(bytes(payload)) != 0xffff:
            raise Difference(f"a wrong checksum of ICMP: {payload.hex()}")
        if payload[0] in (3, 11):
            payload[2:4] = b"\0\0"
            payload[8:] = plain_packet(bytes(payload[8:]), True)
    if header[9] == 17 and not later and not quoted and not is_part:
        pseudo = header[12:20] + struct.pack(">HH", 17, len(payload))
        if sum16(bytes(pseudo + payload)) != 0xffff:
            raise Difference(f"a wrong checksum of UDP: {payload.hex()}")
    return bytes(header + payload)


def plain(frame):
    if frame[12:14] == b"\x08\x00":
        return frame[:14] + plain_packet(frame[14:])
    return frame


def show(frame):
    if frame[12:14] == b"\x08\x06":
        kind = {1: "request", 2: "reply"}.get(frame[21], "?")
        return f"{frame[6:12].hex()} to {frame[:6].hex()} ARP {kind} for {socket.inet_ntoa(frame[38:42])}"
    ip = frame[14:]
    return (f"{frame[6:12].hex()} to {frame[:6].hex()} {socket.inet_ntoa(ip[12:16])} to {socket.inet_ntoa(ip[16:20])} "
            f"protocol {ip[9]} ttl {ip[8]} fragment {ip[6:8].hex()} {ip[20:].hex()[:60]} ({len(ip)} bytes)")


# ---- the simulated twin

def simulate(program, topology, actions, scratch):
    """The frames of each cable, and the tables at the end."""
    net, capture = scratch / "a.net", scratch / "a.pcapng"
    net.write_text(topology.text(actions))
    done = subprocess.run([program, "run", net, "--pcap", capture, "--tables"], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Difference(done.stderr)
    data, at, names, frames = capture.read_bytes(), 0, 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 1:
            names += 1
        if kind == 6:
            wire, _, _, size = struct.unpack_from("<IIII", data, at + 8)
            frames.append((wire, data[at + 28:at + 28 + size]))
        at += length
    views = {}
    for wire, (a, b, _) in enumerate(topology.links):
        for node, port in (a, b):
            if topology.nodes[node][1]:
                mac = topology.mac(node, port)
                mine = [frame for where, frame in frames if where == wire]
                views[node, port] = ([f for f in mine if f[6:12] == mac], [f for f in mine if f[6:12] != mac])
    arp, fdb, node = {}, {}, None
    for line in done.stdout.splitlines():
        if found := re.match(r"(?:host|router|switch|hub) (\w+)$", line):
            node = found[1]
        elif found := re.match(r"(\S+) +at (\S+) port \d+ +ARP", line):
            arp.setdefault(node, {})[found[1]] = found[2]
        elif found := re.match(r"(\S+)  port (\d+)  \S+ s ago", line):
            fdb.setdefault(node, {})[found[1]] = int(found[2])
    return views, arp, fdb


# ---- the kernel's twin

class Namespaces:
    def __init__(self, topology, tag):
        self.topology, self.tag, self.made, self.watchers = topology, tag, [], {}
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.space = {n: f"{tag}{n}" if addresses else f"{tag}sw" for n, (_, addresses) in topology.nodes.items()}

    def ip(self, commands, space=None):
        words = ["ip", *(["-n", space] if space else []), "-batch", "-"]
        done = subprocess.run(words, input="\n".join(commands) + "\n", capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(f"{words}: {done.stderr.strip()}")

    def enter(self, space):
        fd = os.open(f"/run/netns/{space}", os.O_RDONLY)
        if libc.setns(fd, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)

    def leave(self):
        libc.setns(self.home, 0)

    def build(self):
        t = self.topology
        for space in sorted(set(self.space.values())):
            self.ip([f"netns add {space}"])
            self.made.append(space)
            self.enter(space)
            for name, value in (("ipv6/conf/all/disable_ipv6", 1), ("ipv6/conf/default/disable_ipv6", 1),
                                ("ipv4/icmp_ratelimit", 0), ("ipv4/conf/all/rp_filter", 0),
                                ("ipv4/conf/default/rp_filter", 0), ("ipv4/conf/all/send_redirects", 0),
                                ("ipv4/conf/default/send_redirects", 0), ("ipv4/conf/default/arp_ignore", 1),
                                ("ipv4/conf/default/arp_announce", 2)):
                try:
                    pathlib.Path("/proc/sys/net", name).write_text(str(value))
                except FileNotFoundError:
                    pass  # a kernel without IPv6
            self.leave()
        commands = {space: [] for space in self.made}
        for name, (kind, addresses) in t.nodes.items():
            if not addresses:
                ageing = 0 if kind == "hub" else 30000
                commands[self.space[name]] += [f"link add {name} type bridge ageing_time {ageing} mcast_snooping 0 stp_state 0",
                                               f"link set {name} up"]
        pairs = []
        for (a, pa), (b, pb), mtu in t.links:
            names = [f"e{p}" if t.nodes[n][1] else f"{n}p{p}" for n, p in ((a, pa), (b, pb))]
            pairs.append(f"link add {names[0]} netns {self.space[a]} mtu {mtu} type veth "
                         f"peer name {names[1]} netns {self.space[b]} mtu {mtu}")
            for (n, p), device in (((a, pa), names[0]), ((b, pb), names[1])):
                more = commands[self.space[n]]
                if t.nodes[n][1]:
                    more += [f"link set {device} address {t.mac(n, p).hex(':')}",
                             f"address add {t.nodes[n][1][p]} brd + dev {device}"]
                else:
                    more.append(f"link set {device} master {n}")
                more.append(f"link set {device} up")
        for name, gate in t.gateways.items():
            commands[self.space[name]].append(f"route add default via {gate}")
        for name, network, via in t.routes:
            commands[self.space[name]].append(f"route add {network} via {via}")
        self.ip(pairs)
        for space, lines in commands.items():
            self.ip(lines, space)
        for node, port in t.interfaces():
            self.enter(self.space[node])
            device = f"e{port}".encode()
            if t.nodes[node][0] == "router":
                pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            for name, value in (("delay_first_probe_time", 3600), ("base_reachable_time_ms", 3_600_000),
                                ("retrans_time_ms", 200)):
                pathlib.Path(f"/proc/sys/net/ipv4/neigh/e{port}", name).write_text(str(value))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:  # checksums are to be computed before the cable
                value = ctypes.create_string_buffer(struct.pack("II", 0x17, 0))  # ETHTOOL_STXCSUM
                fcntl.ioctl(s, 0x8946, struct.pack("16sP8x", device, ctypes.addressof(value)))
            watcher = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            watcher.bind((device.decode(), 3))
            watcher.setblocking(False)
            self.watchers[node, port] = watcher
            self.leave()
        for (a, pa), (b, pb), _ in t.links:  # the other end of each cable, too
            for n, p in ((a, pa), (b, pb)):
                if not t.nodes[n][1]:
                    self.enter(self.space[n])
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                        value = ctypes.create_string_buffer(struct.pack("II", 0x17, 0))
                        fcntl.ioctl(s, 0x8946, struct.pack("16sP8x", f"{n}p{p}".encode(), ctypes.addressof(value)))
                    self.leave()
        self.seen = {each: ([], []) for each in self.watchers}
        self.wait_until_up()

    def wait_until_up(self):
        """The kernel notices a moment later that both ends of a cable are up. Until then it drops frames."""
        end = time.monotonic() + PATIENCE
        for space in self.made:
            while time.monotonic() < end:
                links = json.loads(subprocess.run(["ip", "-j", "-n", space, "link"], capture_output=True, text=True).stdout)
                ports = json.loads(subprocess.run(["bridge", "-j", "-n", space, "link"], capture_output=True,
                                                  text=True).stdout or "[]")
                if (all(each["operstate"] == "UP" for each in links if each["ifname"] != "lo")
                        and all(each["state"] == "forwarding" for each in ports)):
                    break
                time.sleep(0.01)

    def act(self, action, number):
        kind, source, target, size, ttl, df = action
        self.enter(self.space[source])
        if kind == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind(("", 40000))
                s.setsockopt(socket.IPPROTO_IP, 10, 5)  # IP_MTU_DISCOVER, IP_PMTUDISC_OMIT: no "don't fragment"
                try:
                    s.sendto(b"hello", (target, size))
                except OSError:
                    pass  # no route
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
                s.setsockopt(socket.IPPROTO_IP, 10, 2 if df else 5)
                s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
                body = struct.pack(">BBHHH", 8, 0, 0, number, 1) + bytes(i & 255 for i in range(size))
                checksum = sum16(body) ^ 0xffff
                try:
                    s.sendto(body[:2] + struct.pack(">H", checksum) + body[4:], (target, 0))
                except OSError:
                    pass  # no route, or longer than the MTU
        self.leave()

    def watch(self, wanted, patience):
        """Receives until each interface has seen as many frames as `wanted` says, or until the patience ends."""
        end = time.monotonic() + patience
        while True:
            if all(len(self.seen[i][d]) >= wanted[i][d] for i in wanted for d in (0, 1)):
                return
            left = end - time.monotonic()
            if left <= 0 or not self.receive(left):
                return

    def receive(self, timeout):
        ready, _, _ = select.select(list(self.watchers.values()), [], [], timeout)
        for where, watcher in self.watchers.items():
            if watcher not in ready:
                continue
            try:
                while True:
                    frame, (_, _, kind, _, _) = watcher.recvfrom(65536)
                    self.seen[where][kind != 4].append(frame)  # 4 is PACKET_OUTGOING
            except BlockingIOError:
                pass
        return bool(ready)

    def tables(self):
        arp, fdb = {}, {}
        for node, (kind, addresses) in self.topology.nodes.items():
            if addresses:
                heard = subprocess.run(["ip", "-j", "-n", self.space[node], "neigh"], capture_output=True, text=True, check=True)
                known = {each["dst"]: each["lladdr"] for each in json.loads(heard.stdout or "[]") if "lladdr" in each}
                if known:
                    arp[node] = known
            elif kind == "switch":
                heard = subprocess.run(["bridge", "-j", "-n", self.space[node], "fdb", "show", "br", node],
                                       capture_output=True, text=True, check=True)
                known = {each["mac"]: int(each["ifname"].split("p")[1]) for each in json.loads(heard.stdout or "[]")
                         if each.get("state") != "permanent" and "self" not in each.get("flags", [])}
                if known:
                    fdb[node] = known
        return arp, fdb

    def close(self):
        for watcher in self.watchers.values():
            watcher.close()
        for space in self.made:
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


def streams(ours, theirs):
    """Yields the frames that were sent, and the frames that were received from each card. Frames from two cards may arrive in either order."""
    yield "sent", ours[0], theirs[0]
    for card in sorted({frame[6:12] for frame in ours[1] + theirs[1]}):
        yield f"received from {card.hex()}", *([f for f in side[1] if f[6:12] == card] for side in (ours, theirs))


def compare(program, seed):
    """Returns how many frames, table entries and actions were compared. Throws Difference."""
    topology = Topology(seed)
    actions = topology.actions
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        steps = [simulate(program, topology, actions[:i], folder) for i in range(1, len(actions) + 1)]
    twin = Namespaces(topology, f"lt{os.getpid()}x")
    try:
        twin.build()
        numbers = {}
        for action, (views, _, _) in zip(actions, steps):
            if action[0] == "ping":
                numbers[action[1]] = numbers.get(action[1], 0) + 1  # the identifier: each host counts its pings
            twin.act(action, numbers.get(action[1], 0))
            twin.watch({i: (len(v[0]), len(v[1])) for i, v in views.items()}, PATIENCE)
        twin.receive(0.05)  # a frame too much
        arp, fdb = twin.tables()
    finally:
        twin.close()
    views, our_arp, our_fdb = steps[-1]
    count = 0
    for where, both in views.items():
        for direction, ours, theirs in streams(both, twin.seen[where]):
            ours, theirs = [plain(f) for f in ours], [plain(f) for f in theirs]
            count += len(ours)
            if ours != theirs:
                at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
                raise Difference(f"{where[0]}.{where[1]}, frame {at + 1} {direction} of {len(ours)}, kernel {len(theirs)}:\n"
                                 f"  ours   {show(ours[at]) if at < len(ours) else 'none'}\n"
                                 f"  kernel {show(theirs[at]) if at < len(theirs) else 'none'}")
    if our_arp != arp:
        raise Difference(f"ARP tables:\n  ours   {our_arp}\n  kernel {arp}")
    if our_fdb != fdb:
        raise Difference(f"forwarding databases:\n  ours   {our_fdb}\n  kernel {fdb}")
    entries = sum(map(len, our_arp.values())) + sum(map(len, our_fdb.values()))
    return count, entries, len(actions)


def attempt(arguments):
    program, seed = arguments
    try:
        return seed, compare(program, seed), None
    except Difference as difference:
        return seed, (0, 0, 0), f"{difference}\n{Topology(seed).text(Topology(seed).actions)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lan")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args()
    tools = [tool for tool in ("ip", "bridge") if not shutil.which(tool)]
    if tools or os.geteuid() != 0:
        print(f"SKIPPED: needs {' and '.join(tools) or 'root'}")
        sys.exit(77)
    probe = f"lt{os.getpid()}probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode != 0:
        print(f"SKIPPED: no namespaces here: {made.stderr.strip()}")
        sys.exit(77)
    subprocess.run(["ip", "netns", "del", probe], capture_output=True)
    seeds = range(options.first, options.first + options.count)
    totals, failures = [0, 0, 0], 0
    with concurrent.futures.ProcessPoolExecutor(4) as pool:
        for seed, counts, problem in pool.map(attempt, [(options.lan, seed) for seed in seeds]):
            totals = [a + b for a, b in zip(totals, counts)]
            if problem:
                failures += 1
                print(f"seed {seed}: {problem}")
    print(f"{options.count} networks: {totals[0]} frames, {totals[1]} table entries, {totals[2]} actions equal; "
          f"{failures} networks differ")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

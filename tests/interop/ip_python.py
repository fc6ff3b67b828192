#!/usr/bin/env python3
"""Compares ip.hpp with Python's ipaddress, by way of two examples that read standard input.

    ip_python.py ADDRESSES_PROGRAM NETWORKS_PROGRAM

ADDRESSES_PROGRAM (02_ip_addresses), run with the argument "-", reads one address a line and prints for each

    input <tab> canonical form <tab> 4 or 6 <tab> class A to E, or - <tab> names of the properties, with commas
    input <tab> invalid <tab> reason

NETWORKS_PROGRAM (03_subnet_masks), also with "-", reads one network a line, clears its host bits, and prints

    network <tab> netmask <tab> hostmask <tab> last address <tab> number of addresses
    input <tab> invalid <tab> reason

In the input as it is repeated, escape sequences stand for characters that no terminal should see. '-' is no property.

The texts are random but always the same. Where the two disagree on purpose, this script says so and why, and
expects the difference. Exit status: 0 they agree, 1 they do not, 77 this Python cannot judge.
"""

import collections
import ipaddress
import random
import subprocess
import sys

ADDRESSES = 100_000
NETWORKS = 30_000
SHOWN = 20  # disagreements, before the rest is only counted
NAMES = ("unspecified", "loopback", "private", "link-local", "multicast", "reserved", "documentation", "benchmarking",
         "shared", "broadcast", "site-local", "ipv4-mapped", "6to4", "teredo", "global")


# ---- Where ip.hpp and ipaddress differ, and why ------------------------------------------------------------

# Private: the addresses set aside for private networks (RFC 1918 §3, RFC 4193 §3). Python calls everything
# private that is not globally reachable, documentation and loopback included.
PRIVATE = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]

# Properties for which Python has no name.
DOCUMENTATION = [ipaddress.ip_network(n) for n in (
    "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # RFC 5737
    "2001:db8::/32",  # RFC 3849
    "3fff::/20")]  # RFC 9637
BENCHMARKING = [ipaddress.ip_network(n) for n in ("198.18.0.0/15", "2001:2::/48")]  # RFC 2544, RFC 5180
SHARED = [ipaddress.ip_network("100.64.0.0/10")]  # RFC 6598
BROADCAST = [ipaddress.ip_network("255.255.255.255/32")]

# Global: where Python's copy of the IANA registries is older than ours, which depends on its version, the
# registry decides. The longest prefix wins, as it does in the registry.
REGISTRY = {ipaddress.ip_network(n): reachable for n, reachable in {
    "192.0.0.0/24": False,  # before 3.13 only 192.0.0.0/29 and 192.0.0.170/31 of it
    "192.0.0.9/32": True,
    "192.0.0.10/32": True,
    "192.88.99.0/24": False,  # 6to4 relays, given up by RFC 7526; 192.88.99.2 has a row of its own (RFC 6751)
    "64:ff9b:1::/48": False,  # RFC 8215, in Python since 3.13
    "100:0:0:1::/64": False,  # RFC 9780, of 2025
    "2001::/23": False,
    "2001:1::1/128": True,  # in Python since 3.13, like the next five
    "2001:1::2/128": True,
    "2001:3::/32": True,
    "2001:4:112::/48": True,
    "2001:20::/28": True,
    "2001:30::/28": True,
    "2001:1::3/128": True,  # RFC 9665, of 2024
    "2002::/16": False,  # 6to4: "not applicable", in Python since 3.13
    "3fff::/20": False,  # RFC 9637, of 2024
    "5f00::/16": False,  # RFC 9602, of 2024
}.items()}


def within(address, networks):
    return any(address.version == network.version and address in network for network in networks)


def embedded(address):
    """The IPv4 address inside an IPv6 one (RFC 4291, 2765, 6052, 8215, 3056, 4380, 5214), or None. Python knows three forms."""
    if address.version == 4:
        return None
    number, low = int(address), ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if number >> 32 == 0 and number > 1:
        return low
    if number >> 32 == 0xFFFF0000:
        return low
    if number >> 32 == 0x64FF9B << 64 or number >> 80 == 0x64FF9B0001:
        return low
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    return low if number >> 32 & 0xFCFFFFFF == 0x5EFE else None


def expected_global(address):
    inside = embedded(address)
    if inside and not address.is_multicast and not expected_global(inside):
        return False
    # Of a multicast group its scope decides: neither this link's nor an organisation's groups (RFC 5771 §4 and
    # §10, RFC 4291 §2.7) are global. Python answers with the registries, which do not list multicast at all.
    if address.is_multicast:
        if address.version == 4:
            return not within(address, [ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("239.0.0.0/8")])
        return address.packed[1] & 0xF == 0xE
    rows = [network for network in REGISTRY if within(address, [network])]
    if rows:
        return REGISTRY[max(rows, key=lambda network: network.prefixlen)]
    return address.is_global


def expected_names(address):
    names = set()
    if address.version == 6:
        names.update(name for name, holds in (
            ("ipv4-mapped", address.ipv4_mapped is not None),
            ("6to4", address.sixtofour is not None),
            ("teredo", address.teredo is not None),
            ("site-local", address.is_site_local)) if holds)
        # All other questions look through an IPv4-mapped address, or a filter could be fooled by
        # ::ffff:127.0.0.1. Python does so for some questions, and for more of them since 3.13.
        address = address.ipv4_mapped or address
    names.update(name for name, holds in (
        ("unspecified", address.is_unspecified),
        ("loopback", address.is_loopback),
        ("private", within(address, PRIVATE)),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
        ("reserved", address.is_reserved),
        ("documentation", within(address, DOCUMENTATION)),
        ("benchmarking", within(address, BENCHMARKING)),
        ("shared", within(address, SHARED)),
        ("broadcast", within(address, BROADCAST)),
        ("global", expected_global(address))) if holds)
    return names


def canonical(address):
    # The IPv4 part of a mapped address is written as IPv4 (RFC 5952 §5). So does Python since 3.13.
    if address.version == 6 and address.ipv4_mapped is not None:
        return f"::ffff:{address.ipv4_mapped}"
    return str(address)


def zone_is_refused(address, zone):
    # Python takes any zone without a '%' in it. Ours is at most as long as an interface's name, is visible
    # ASCII, and cannot be taken for the prefix length or the bracket that may follow it. A mapped address
    # has none: it is an IPv4 address, and those have no zones.
    return (len(zone) > 15 or any(c <= " " or c > "~" or c in "%/[]" for c in zone)
            or address.ipv4_mapped is not None)


def expected_class(address):
    if address.version == 6:
        return "-"
    bits = f"{int(address):032b}"
    return next(letter for start, letter in (("0", "A"), ("10", "B"), ("110", "C"), ("1110", "D"), ("1111", "E"))
                if bits.startswith(start))


def expected_of_address(text):
    """The fields of the answer, the last as a set, or None for what is to be refused."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if "%" in text and zone_is_refused(address, text.partition("%")[2]):
        return None
    return [text, canonical(address), str(address.version), expected_class(address), expected_names(address)]


def expected_of_network(text):
    if "%" in text:  # Python keeps a network's zone; ours is a set of numbers
        return None
    _, slash, prefix = text.partition("/")
    if slash and prefix.isdigit() and prefix != str(int(prefix)):  # Python takes /024 for /24
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return [f"{canonical(network.network_address)}/{network.prefixlen}", canonical(network.netmask),
            canonical(network.hostmask), canonical(network.broadcast_address), str(network.num_addresses)]


# ---- Input -------------------------------------------------------------------------------------------------

# Blocks at whose ends something changes.
BLOCKS = PRIVATE + DOCUMENTATION + BENCHMARKING + SHARED + BROADCAST + list(REGISTRY)
BLOCKS += [ipaddress.ip_network(n) for n in (
    "0.0.0.0/8", "0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.170/31",
    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.2/32", "192.175.48.0/24", "224.0.0.0/4", "224.0.0.0/24",
    "239.0.0.0/8", "240.0.0.0/4", "128.0.0.0/2", "192.0.0.0/3", "0.0.0.0/0",
    "::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "100::/64", "2001::/32", "2001:10::/28",
    "2620:4f:8000::/48", "fe80::/10", "fec0::/10", "ff00::/8", "ff02::/16", "ff0e::/16", "2000::/3", "4000::/3",
    "::/8", "fe00::/9", "::/0")]
ZONES = ("eth0", "2", "lo", "wlan0.100", "123456789abcdef",
         "0123456789abcdef", "", "a b", "a/b", "a]", "[", "a%b", "é")
SLIPS = "0123456789abcdefABCDEF.:/%x g-[\0\t\x7fé"


def random_number(bits):
    """Random bits, or few, or with long runs of zeros and ones."""
    kind = random.randrange(4)
    if kind == 0:
        return random.getrandbits(bits)
    if kind == 1:
        return random.getrandbits(random.randrange(1, bits + 1))
    number = 0
    for _ in range(bits // 16):
        number = number << 16 | random.choice((0, 0, 0, 0xFFFF, 1, random.getrandbits(8), random.getrandbits(16)))
    return number


def random_address():
    kind = random.randrange(8)
    if kind == 0:
        return ipaddress.IPv4Address(random.getrandbits(32))
    if kind == 1:
        return ipaddress.IPv6Address(random_number(128))
    if kind == 2:
        return ipaddress.IPv6Address(0xFFFF << 32 | random.getrandbits(32))
    block = random.choice(BLOCKS)
    if kind == 3:
        return block[random.randrange(block.num_addresses)]
    # An end of a block, or its neighbour outside; perhaps the same in the coat of IPv6.
    number = int(random.choice((block.network_address, block.broadcast_address))) + random.choice((-1, 0, 0, 1))
    number %= 1 << block.max_prefixlen
    if block.version == 4 and kind == 4:
        return ipaddress.IPv6Address(0xFFFF << 32 | number)
    return ipaddress.IPv4Address(number) if block.version == 4 else ipaddress.IPv6Address(number)


def spelled(address):
    """One of the ways to write an address down."""
    if address.version == 4:
        return str(address)
    groups = [f"{int(address) >> shift & 0xFFFF:x}" for shift in range(112, -16, -16)]
    kind = random.randrange(5)
    if kind == 0:
        return ":".join(group.zfill(4) for group in groups)
    if kind == 1:
        return str(address).upper()
    if kind == 2:  # not the canonical place for "::", or none
        start = random.randrange(8)
        end = start
        while end < 8 and groups[end] == "0":
            end += 1
        return ":".join(groups[:start]) + "::" + ":".join(groups[end:]) if end > start else ":".join(groups)
    if kind == 3:  # an IPv4 tail
        return ":".join(groups[:6]) + ":" + str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return str(address)


def with_slips(text):
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        kind = random.randrange(3)
        if kind == 0:
            text = text[:at] + random.choice(SLIPS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + 1:]
        else:
            text = text[:at] + random.choice(SLIPS) + text[at + 1:]
    return text


def address_line():
    address = random_address()
    text = spelled(address)
    if address.version == 6 and random.randrange(6) == 0:
        text += "%" + random.choice(ZONES)
    return with_slips(text) if random.randrange(4) == 0 else text


def network_line():
    address = random_address()
    text = spelled(address)
    width = address.max_prefixlen
    kind = random.randrange(16)
    if kind == 0:
        return text
    if kind == 1:
        return text + "/" + random.choice(("", "0", "00", "08", "032", str(width + 1), "255.0.255.0", "0.0.0.0",
                                           "255.255.255.255", "-1", "1e1", "ffff::", "4294967304"))
    if kind == 2:
        return text + "%eth0/64"
    prefix = random.randrange(width + 1)
    if kind <= 7 and width == 32:
        mask = ipaddress.IPv4Network((0, prefix))
        text += "/" + str(mask.netmask if kind <= 5 else mask.hostmask)
    else:
        text += f"/{prefix}"
    return with_slips(text) if random.randrange(4) == 0 else text


def lines_of(make_line, count):
    """That many different lines, in the order in which they came up."""
    lines = {}
    while len(lines) < count:
        lines[make_line()] = None
    return list(lines)


# ---- Comparison --------------------------------------------------------------------------------------------

def run(program, lines):
    try:
        done = subprocess.run([program, "-"], input="".join(line + "\n" for line in lines).encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SystemExit(f"{program} -: {error}") from None
    if done.returncode != 0:
        raise SystemExit(f"{program} -: exit status {done.returncode}\n{done.stderr.decode(errors='replace')}")
    answers = done.stdout.decode(errors="replace").split("\n")
    if answers.pop() != "" or len(answers) != len(lines):
        raise SystemExit(f"{program} -: {len(answers)} lines of output for {len(lines)} of input")
    return answers


def repeats(field, line):
    """Is this the input, as a terminal may see it? The tests of visible() look at the escape sequences themselves."""
    if all(" " <= c <= "~" for c in line):
        return field == line
    return field != "" and field.isprintable()


def agrees(line, answer, expected):
    fields = answer.split("\t")
    if expected is None:
        return len(fields) == 3 and repeats(fields[0], line) and fields[1] == "invalid" and fields[2] != ""
    if isinstance(expected[-1], set):
        names = [] if fields[-1] == "-" else fields[-1].split(",")
        return fields[:-1] == expected[:-1] and sorted(names) == sorted(expected[-1])
    return fields == expected


def shown(expected):
    if expected is None:
        return "invalid, and why"
    return " | ".join((",".join(sorted(field)) or "-") if isinstance(field, set) else field for field in expected)


def compare(what, program, make_line, expected_of, count):
    lines = lines_of(make_line, count)
    disagreements = 0
    seen = collections.Counter()
    for line, answer in zip(lines, run(program, lines)):
        expected = expected_of(line)
        if expected is None:
            seen["malformed"] += 1
        elif isinstance(expected[-1], set):
            seen.update(expected[-1])
        if not agrees(line, answer, expected):
            disagreements += 1
            if disagreements <= SHOWN:
                print(f"{line!r}\n    expected {shown(expected)}\n    received {answer.replace(chr(9), ' | ')}")
    print(f"{what}: {count} texts, {seen['malformed']} of them malformed: "
          + (f"{disagreements} answered otherwise than by Python" if disagreements else "all answered as by Python"))
    return disagreements == 0, seen


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    try:
        ipaddress.ip_address("192.0.2.01")
        print("SKIPPED: this Python's ipaddress takes leading zeros (3.9.5 is the first that does not)")
        return 77
    except ValueError:
        pass
    if not hasattr(ipaddress.IPv6Address("::"), "scope_id"):
        print("SKIPPED: this Python's ipaddress knows no zones (3.9 is the first that does)")
        return 77
    random.seed(6890)
    addresses_agree, seen = compare("addresses", sys.argv[1], address_line, expected_of_address, ADDRESSES)
    networks_agree, _ = compare("networks", sys.argv[2], network_line, expected_of_network, NETWORKS)
    rare = [name for name in NAMES if seen[name] < 10]
    if rare:  # to agree about what was hardly asked would mean nothing
        print("hardly any address has the property " + " or ".join(rare))
    return 0 if addresses_agree and networks_agree and not rare else 1


if __name__ == "__main__":
    sys.exit(main())

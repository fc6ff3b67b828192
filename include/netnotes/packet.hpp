// netnotes/packet.hpp: every byte on the wire
// SPDX-License-Identifier: MIT
//
// What a program sends with one call travels as a frame: its bytes, and in front of them a header of each layer.
//
//        ┌─ Ethernet ─────┬─ IPv4 ─────────────┬─ TCP ──────────────┬─ payload ──────┐
//        │ which card     │ which host         │ which program,     │ GET / HTTP/1.1 │
//        │ 14 bytes       │ 20 to 60 bytes     │ which byte; 20–60  │ …              │
//        └────────────────┴────────────────────┴────────────────────┴────────────────┘
//
// This module reads and writes such frames. It opens no socket and has no clock: bytes and time come in, bytes go out. A
// view of a header checks the bytes once, when it is made. After that no accessor can fail or read past the end. Views
// copy nothing and allocate nothing.
//
// A header that cannot be read is reported with its layer, the reason, and the byte's place. A frame that the capture cut
// short is told apart from a malformed frame.
//
//        const packet::frame_view frame = packet::dissect(bytes);
//        if (const auto tcp = frame.tcp()) std::cout << tcp->source_port() << " to " << tcp->destination_port();
//        if (!frame.is_whole()) std::cerr << frame.failure().message();
//
// Chapters, lowest first:
//     packet/bytes.hpp      numbers on the wire: network byte order
//     packet/names.hpp      layers, failures, numbers of registries, MAC addresses
//     packet/checksum.hpp   the checksums of the Internet and of Ethernet
//     packet/view.hpp       what every view of a header can do; options
//     packet/ethernet.hpp   Ethernet, VLAN tags, ARP
//     packet/ipv4.hpp       the header of IPv4
//     packet/ipv6.hpp       the header of IPv6 and its extension headers
//     packet/icmp.hpp       ICMP and ICMPv6 with neighbour discovery
//     packet/udp.hpp        the header of UDP
//     packet/tcp.hpp        the header of TCP, its options, and sequence numbers
//     packet/frame_view.hpp  what a frame holds, and whether its checksum is right
//     packet/frame.hpp      a whole frame: dissect() finds every layer
//     packet/build.hpp      frames made of plain values
//     packet/record.hpp     a captured packet, and the time at which it was captured
//     packet/pcap.hpp       pcap, the capture file that every tool reads
//     packet/pcapng.hpp     pcapng, the capture file with interfaces and comments
//     packet/capture.hpp    reading a capture file, whichever of the two formats it has
//     packet/pieces.hpp     bytes that arrive in any order
//     packet/reassembly.hpp joining the fragments of IPv4 and IPv6
//     packet/follow.hpp     following TCP streams through a capture
//     packet/dns_name.hpp   names of DNS, as text and as they travel
//     packet/dns_record.hpp records of the Domain Name System, and what they hold
//     packet/dns.hpp        messages of the Domain Name System
//     packet/dns_build.hpp  writing messages of the Domain Name System
//     packet/fields.hpp     every field of a frame, by name
//     packet/print.hpp      a frame as a line, a tree, a hex dump, and the RFC's box
//
// The notes:     TCP/IP协议(族), TCP报文首部, 网络分析工具

#ifndef NETNOTES_PACKET_HPP
#define NETNOTES_PACKET_HPP

#if !__has_include("packet/names.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/packet.hpp"
#endif

#include "ip.hpp"
#include "packet/build.hpp"
#include "packet/bytes.hpp"
#include "packet/capture.hpp"
#include "packet/checksum.hpp"
#include "packet/dns.hpp"
#include "packet/dns_build.hpp"
#include "packet/dns_name.hpp"
#include "packet/dns_record.hpp"
#include "packet/ethernet.hpp"
#include "packet/fields.hpp"
#include "packet/follow.hpp"
#include "packet/frame.hpp"
#include "packet/frame_view.hpp"
#include "packet/icmp.hpp"
#include "packet/ipv4.hpp"
#include "packet/ipv6.hpp"
#include "packet/names.hpp"
#include "packet/pcap.hpp"
#include "packet/pcapng.hpp"
#include "packet/pieces.hpp"
#include "packet/print.hpp"
#include "packet/reassembly.hpp"
#include "packet/record.hpp"
#include "packet/tcp.hpp"
#include "packet/udp.hpp"
#include "packet/view.hpp"

#endif  // NETNOTES_PACKET_HPP

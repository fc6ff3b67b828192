// netnotes/ip.hpp: addresses, networks, endpoints and ports
// SPDX-License-Identifier: MIT
//
// An IP address is a number that names one network interface: 32 bits for IPv4, 128 bits for IPv6. A network is a range
// of addresses that begin with the same bits. A port is a 16-bit number that selects a socket on a host. An address
// together with a port is an endpoint.
//
//        192.168.1.77           11000000 10101000 00000001 01001101      an address
//        192.168.1.0/24         └──── 24 bits: network ──┘ └ host ┘      its network: all addresses that begin so
//        192.168.1.77:6666                                               an endpoint: the address, and port 6666
//
// This module parses, prints, compares and computes these values. It makes no system call. All of it is constexpr, so
// the compiler checks an address that stands in your source:
//
//        static_assert("192.168.1.0/24"_net.contains("192.168.1.77"_ip));
//        "192.168.1.256"_ip                 // error: octet 4 is 256, above 255, at character 10
//
// A text from a user is parsed while the program runs. The function parse() returns nullopt if the text is wrong; the
// constructor throws an error that names the reason and the place.
//
//        text ──parse──> ipv4_address ─┐                    ┌─> network     address / prefix length
//        text ──parse──> ipv6_address ─┴──> ip_address ─────┤
//                                                           └─> endpoint    address : port
//
// Chapters, lowest first:
//     ip/version.hpp     the version of the library
//     ip/text.hpp        how addresses are read and written, and the errors that say where a text is wrong
//     ip/address.hpp     IPv4 and IPv6 addresses
//     ip/arithmetic.hpp  the addresses before and behind an address, and distances
//     ip/network.hpp     networks: prefixes, netmasks, subnets, ranges
//     ip/interface.hpp   an address together with its network: 192.168.1.77/24
//     ip/special.hpp     ranges that mean something, and the classes A to E
//     ip/number.hpp      numbers in a text from a stranger
//     ip/endpoint.hpp    an address and a port; classes of ports, services
//     ip/keyed_hash.hpp  a hash that nobody can compute without the key
//     ip/tcp_state.hpp   the eleven states of a TCP connection
//
// The notes:     端口 (ports), IP地址 (IP addresses), 子网掩码 (netmasks)
// Examples:      02_ip_addresses, 03_subnet_masks, 04_ports_and_services

#ifndef NETNOTES_IP_HPP
#define NETNOTES_IP_HPP

#if !__has_include("ip/address.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/ip.hpp"
#endif

#include "ip/address.hpp"
#include "ip/arithmetic.hpp"
#include "ip/endpoint.hpp"
#include "ip/interface.hpp"
#include "ip/keyed_hash.hpp"
#include "ip/network.hpp"
#include "ip/number.hpp"
#include "ip/special.hpp"
#include "ip/tcp_state.hpp"
#include "ip/text.hpp"
#include "ip/version.hpp"

#endif  // NETNOTES_IP_HPP

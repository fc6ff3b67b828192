// netnotes/ip.hpp: addresses, networks, endpoints and ports
// SPDX-License-Identifier: MIT
//
// An IP address is a number: 32 bits for IPv4, 128 for IPv6. A network is a run of leading bits that its addresses share,
// and a port is a 16-bit number that picks one socket behind an address. This module is notation and arithmetic for these
// numbers. It asks the operating system nothing, it is constexpr, and a wrong literal does not compile:
//
//        static_assert("192.168.1.0/24"_net.contains("192.168.1.77"_ip));
//        "192.168.1.256"_ip                 // error: octet 4 is 256, above 255, at character 10
//
//        text ──parse──> ipv4_address ─┐                    ┌─> network     address / prefix length
//        text ──parse──> ipv6_address ─┴──> ip_address ─────┤
//                                                           └─> endpoint    address : port
//
// Chapters, lowest first:
//     ip/version.hpp    the version of the library
//     ip/text.hpp       how addresses are read and written, and the errors that say where a text is wrong
//     ip/address.hpp    IPv4 and IPv6 addresses
//     ip/network.hpp    networks: prefixes, netmasks, subnets, ranges
//     ip/special.hpp    ranges that mean something, and the classes A to E
//     ip/endpoint.hpp   an address and a port; classes of ports, services
//
// The notes:     端口 (ports), IP地址 (IP addresses), 子网掩码 (netmasks)
// Examples:      02_ip_addresses, 03_subnet_masks, 04_ports_and_services

#ifndef NETNOTES_IP_HPP
#define NETNOTES_IP_HPP

#if !__has_include("ip/address.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/ip.hpp"
#endif

#include "ip/address.hpp"
#include "ip/endpoint.hpp"
#include "ip/network.hpp"
#include "ip/special.hpp"
#include "ip/text.hpp"
#include "ip/version.hpp"

#endif  // NETNOTES_IP_HPP

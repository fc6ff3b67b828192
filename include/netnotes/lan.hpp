// netnotes/lan.hpp: a network on your desk: hubs, switches, hosts and routers, simulated
// SPDX-License-Identifier: MIT
//
// This module is what the notes use Packet Tracer for. You connect devices by cables, send a ping, and watch each frame on its
// way. All of it happens inside your program: the module has no socket, no clock and no thread, and cannot touch a real
// network.
//
//        lan::network net{7};                                    // 7: the seed of everything that happens by chance
//        auto& a = net.host("A", "10.0.1.2/24");
//        auto& b = net.host("B", "10.0.1.3/24");
//        auto& s = net.learning_switch("S");
//        net.connect(a, s);
//        net.connect(b, s, {.delay = 10ms, .loss = lan::per_cent(1)});
//        const auto& result = a.ping("10.0.1.3");
//        net.run();                                              // until nothing happens any more
//        std::cout << result.text() << s.tables();
//        net.save(file);                                         // a capture file: Wireshark opens it
//
// The frames are real: every byte is what a real host would send, and packet.hpp reads them. Time is virtual, so an hour costs
// nothing. Equal programs with equal seeds give equal bytes, on every machine and with every compiler. So a transcript can
// be a test, and a fault that was seen once can be seen again.
//
// The simulation knows IPv4 only, no IPv6. It has no spanning tree, no VLANs, no DHCP, and of the routing protocols RIP.
//
// Chapters, lowest first:
//     lan/event.hpp           virtual time, chance, and the list of what happens next
//     lan/cable.hpp           frames, and what a cable does to them
//     lan/network.hpp         nodes, cables between them, and the loop that moves frames
//     lan/switch.hpp          hubs and switches
//     lan/arp.hpp             which card has this IP address?
//     lan/route.hpp           where next? The table of routes
//     lan/fragment.hpp        cutting a packet that is too long for a link
//     lan/message.hpp         what programs and IP tell each other
//     lan/ip_node.hpp         what hosts and routers have in common
//     lan/host.hpp            hosts, with ping and traceroute
//     lan/nat.hpp             many hosts behind one address
//     lan/rip.hpp             routers that tell each other their routes
//     lan/router.hpp          routers
//     lan/net_file.hpp        networks written as text
//     lan/print.hpp           what happened, as text
//     lan/draw.hpp            maps and sequence diagrams, as text
//     lan/svg.hpp             maps and sequence diagrams, as pictures
//     lan/tcp_settings.hpp    the numbers of a TCP, and the wait before it sends again
//     lan/tcp_queues.hpp      bytes before they are acknowledged, and bytes before they are read
//     lan/tcp_congestion.hpp  how much may be under way
//     lan/tcp_sender.hpp      what leaves a TCP, and when
//     lan/tcp_machine.hpp     one end of a TCP connection, without a net and without a clock
//     lan/tcp_cookie.hpp      initial sequence numbers that nobody guesses, and SYN cookies
//     lan/tcp_listener.hpp    a port at which connections arrive
//     lan/tcp_stack.hpp       the TCP of a host: connections, listeners, and the table between them
//     lan/name_service.hpp    name servers and resolvers
//     lan/attacks.hpp         attacks, inside the simulation only, and a guard against one of them
//
// The notes:     Packet Tracer (sections N85 to N87), 子网掩码 (N26), tcp半链接攻击, dns攻击, arp攻击 (N60 to N63)

#ifndef NETNOTES_LAN_HPP
#define NETNOTES_LAN_HPP

#if !__has_include("lan/event.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/lan.hpp"
#endif

#include "lan/arp.hpp"
#include "lan/attacks.hpp"
#include "lan/cable.hpp"
#include "lan/draw.hpp"
#include "lan/event.hpp"
#include "lan/fragment.hpp"
#include "lan/host.hpp"
#include "lan/ip_node.hpp"
#include "lan/message.hpp"
#include "lan/nat.hpp"
#include "lan/name_service.hpp"
#include "lan/net_file.hpp"
#include "lan/network.hpp"
#include "lan/print.hpp"
#include "lan/rip.hpp"
#include "lan/route.hpp"
#include "lan/router.hpp"
#include "lan/svg.hpp"
#include "lan/switch.hpp"
#include "lan/tcp_congestion.hpp"
#include "lan/tcp_cookie.hpp"
#include "lan/tcp_listener.hpp"
#include "lan/tcp_machine.hpp"
#include "lan/tcp_queues.hpp"
#include "lan/tcp_sender.hpp"
#include "lan/tcp_settings.hpp"
#include "lan/tcp_stack.hpp"
#include "packet.hpp"

#endif  // NETNOTES_LAN_HPP

// netnotes/udp.hpp: datagrams
// SPDX-License-Identifier: MIT
//
// UDP sends datagrams. A datagram is one message: it arrives whole, or it does not arrive. UDP opens no connection, so
// a socket can send to many receivers. UDP does not retransmit. A datagram can be lost, arrive twice, or overtake
// another datagram, and the sender is not told.
//
//        sender                                       receiver
//          | send_to("one") ────────────────────────>  | recv_from() returns "one" and the sender
//          | send_to("two") ────── lost                |
//          | send_to("three") ──────────────────────>  | recv_from() with room for 4 bytes: "thre", truncated
//
// This server returns one datagram to its sender:
//
//        udp_socket socket{{ipv6_address::any(), 6666}};
//        std::array<char, 1500> buffer;
//        auto [bytes, sender, truncated] = socket.recv_from(buffer);
//        socket.send_to(bytes, sender);
//
// A program that needs every message must retransmit by itself. tftp.hpp shows how.
//
// This page brings only those chapters of ip.hpp and socket.hpp that datagrams need.
//
// Chapters, lowest first:
//     udp/datagram.hpp     datagrams, their sizes, and the peers that send them
//     udp/multicast.hpp    datagrams to groups
//     udp/batch.hpp        many datagrams at once: in batches and in segments
//     udp/socket.hpp       the UDP socket: datagrams one by one, and by broadcast
//     udp/connect.hpp      a UDP socket for one peer, found by its name
//
// The notes:     UDP, UDP特点, udp 发送、接收数据, udp绑定, udp echo 服务器, udp广播, 单全双工信息收发
// Examples:      06_udp_send_receive, 07_udp_echo, 08_udp_broadcast, 09_udp_chat

#ifndef NETNOTES_UDP_HPP
#define NETNOTES_UDP_HPP

#if !__has_include("udp/socket.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/udp.hpp"
#endif

#include "udp/batch.hpp"
#include "udp/connect.hpp"
#include "udp/datagram.hpp"
#include "udp/multicast.hpp"
#include "udp/socket.hpp"

#endif  // NETNOTES_UDP_HPP

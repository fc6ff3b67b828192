// netnotes/udp.hpp: datagrams
// SPDX-License-Identifier: MIT
//
// UDP keeps the borders of messages: one send is one receive, whole or not at all. It promises nothing else. A datagram may
// be lost, arrive twice, or overtake another, and nobody is told.
//
//        udp_socket socket{{ipv6_address::any(), 6666}};
//        std::array<char, 1500> buffer;
//        auto [bytes, sender, truncated] = socket.recv_from(buffer);
//        socket.send_to(bytes, sender);
//
// Chapters:
//     udp/socket.hpp    datagrams one by one, in batches, in segments, by broadcast, and to groups
//
// The notes:     UDP, UDP特点, udp 发送、接收数据, udp绑定, udp echo 服务器, udp广播, 单全双工信息收发
// Examples:      06_udp_send_receive, 07_udp_echo, 08_udp_broadcast, 09_udp_chat

#ifndef NETNOTES_UDP_HPP
#define NETNOTES_UDP_HPP

#if !__has_include("udp/socket.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/udp.hpp"
#endif

#include "socket.hpp"
#include "udp/socket.hpp"

#endif  // NETNOTES_UDP_HPP

// netnotes/tcp.hpp: connections
// SPDX-License-Identifier: MIT
//
// TCP carries bytes in both directions between two sockets. All bytes arrive, once and in order, or the connection
// fails. For this, TCP numbers every byte and retransmits the bytes that the peer has not acknowledged.
//
//        client                                      server
//          connect     ──── SYN ──────────────────>    listen       the two kernels shake hands:
//                      <─── SYN, ACK ──────────────                 three segments open a connection
//                      ──── ACK ──────────────────>    accept
//          send_all    ──── "hello" ──────────────>    recv returns "hel", the next recv "lo"
//          close       ──── FIN ──────────────────>    recv returns 0 bytes: the end of the stream
//
// TCP does not keep the borders between two sends. One receive may return half a message, or two messages. So the
// programs must agree where a message ends: at a delimiter, or after a known length. A buffered_reader finds this end:
//
//        tcp_listener listener{{ipv6_address::any(), 6666}};
//        auto [stream, peer] = listener.accept();
//        buffered_reader reader{stream};
//        while (auto line = reader.recv_line()) stream.send_all(*line);
//
// This page brings only those chapters of ip.hpp and socket.hpp that connections need. Include these pages for the
// rest: networks, the interfaces of this machine, descriptors over Unix sockets, a connection as a std::iostream.
//
// Chapters, lowest first:
//     tcp/state.hpp      options, keep-alive, the states and the live state of a connection
//     tcp/connect.hpp    connecting to the fastest of several addresses
//     tcp/stream.hpp     streams and listeners
//     tcp/reader.hpp     messages out of a stream: lines, and blocks of a known length
//     tcp/pump.hpp       bytes from one connection to another: proxies
//
// The notes:     TCP三次握手 to 保活 (handshake, close, states), TCP长连接和短连接, TCP服务器, TCP客户端, tcp 模拟qq
// Examples:      10_tcp_hello, 11_tcp_states, 12_tcp_connections, 13_tcp_chat

#ifndef NETNOTES_TCP_HPP
#define NETNOTES_TCP_HPP

#if !__has_include("tcp/stream.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/tcp.hpp"
#endif

#include "socket/stop.hpp"
#include "tcp/connect.hpp"
#include "tcp/pump.hpp"
#include "tcp/reader.hpp"
#include "tcp/state.hpp"
#include "tcp/stream.hpp"

#endif  // NETNOTES_TCP_HPP

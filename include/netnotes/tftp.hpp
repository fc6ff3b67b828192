// netnotes/tftp.hpp: the Trivial File Transfer Protocol, client and server
// SPDX-License-Identifier: MIT
//
// TFTP moves one file over UDP. The client sends a request to port 69. The server answers from a new port, in numbered
// blocks, and the receiver acknowledges each block. If no acknowledgment arrives in time, the sender repeats the block.
//
//        client                                     server
//          read request "moon.img" ─────────────>   port 69
//          <──────────────────── data 1             a new port, for this transfer only
//          acknowledgment 1 ────────────────────>
//          <──────────────────── data 2             shorter than a block, so it is the last
//
// A whole server is two lines in a task loop. It serves the files of one folder:
//
//        tftp::server server{{ipv6_address::any(), tftp::port}, tftp::serve_files("/srv/tftp")};
//        loop.run(server.run(), stop);
//
// The protocol is a state machine that has no socket and no clock. The clients and the server drive it. The tests drive
// it too, with a simulated network that loses, doubles and delays datagrams.
//
// Chapters, lowest first:
//     tftp/packet.hpp          the six kinds of packet, byte by byte
//     tftp/netascii.hpp        text as TFTP sends it
//     tftp/uri.hpp             tftp://host/file
//     tftp/source.hpp          what a transfer reads from and writes to
//     tftp/settings.hpp        what a program may choose, and what it is told at the end
//     tftp/negotiation.hpp     which options a client asks for, and which a server grants
//     tftp/outbox.hpp          the datagrams of a transfer that carry no data
//     tftp/blocks.hpp          the numbers of blocks, and the blocks of a file that is sent
//     tftp/timeout.hpp         how long to wait before a datagram is sent again
//     tftp/pace.hpp            how fast a sender may send, and how many blocks at once
//     tftp/window.hpp          which blocks a sender sends next, and which it sends again
//     tftp/delivery.hpp        from blocks to a file, within the limits and the announced size
//     tftp/receive_window.hpp  which blocks a receiver takes, and when it acknowledges
//     tftp/transfer.hpp        the protocol, without a network and without a clock
//     tftp/content.hpp         sources and sinks that are no files: memory, streams, functions
//     tftp/file.hpp            files that are whole or not there
//     tftp/client.hpp          get and put, blocking
//     tftp/datagrams.hpp       how the server receives and sends
//     tftp/async_client.hpp    get and put, for tasks
//     tftp/rate_limit.hpp      a limit of the bytes in a second
//     tftp/service.hpp         what a server serves, within which limits, and what it reports
//     tftp/conversation.hpp    a transfer of a server, with its socket and its clock
//     tftp/server_core.hpp     which request begins a transfer, and which transfer gets a datagram
//     tftp/server.hpp          thousands of transfers in one thread
//
// Where the notes are wrong about TFTP:
//     the packet formats, of which one is missing     tftp/packet.hpp
//     block numbers, duplicates, timeouts             tftp/receive_window.hpp, tftp/timeout.hpp
//     packets from strangers                          tftp/transfer.hpp
//     a file is emptied before any data arrives       tftp/file.hpp
//     the port to which data is sent                  tftp/server.hpp
//
// The notes:     TFTP 协议介绍, TFTP下载过程, TFTP数据包的格式, tftp 客户端
// Examples:      14_tftp

#ifndef NETNOTES_TFTP_HPP
#define NETNOTES_TFTP_HPP

#if !__has_include("tftp/transfer.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/tftp.hpp"
#endif

#include "coro.hpp"
#include "tftp/async_client.hpp"
#include "tftp/client.hpp"
#include "tftp/content.hpp"
#include "tftp/file.hpp"
#include "tftp/packet.hpp"
#include "tftp/server.hpp"
#include "tftp/transfer.hpp"
#include "tftp/uri.hpp"
#include "udp.hpp"

#endif  // NETNOTES_TFTP_HPP

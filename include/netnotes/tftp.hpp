// netnotes/tftp.hpp: the Trivial File Transfer Protocol, client and server
// SPDX-License-Identifier: MIT
//
// TFTP moves one file over UDP: a request, then numbered blocks, each acknowledged. The protocol is one machine without a
// socket and without a clock. Clients and the server drive it, and so do the tests, whose network loses what they want.
//
//        tftp::server server{{ipv6_address::any(), tftp::port}, tftp::serve_files("/srv/tftp")};
//        loop.run(server.run(), stop);
//
// Chapters, lowest first:
//     tftp/packet.hpp          the six kinds of packet, byte by byte
//     tftp/transfer.hpp        the protocol, without a network and without a clock
//     tftp/content.hpp         sources and sinks that are no files: memory, streams, functions
//     tftp/file.hpp            files that are whole or not there
//     tftp/client.hpp          get and put, blocking
//     tftp/datagrams.hpp       how the server receives and sends
//     tftp/async_client.hpp    get and put, for tasks
//     tftp/server.hpp          thousands of transfers in one thread
//
// Where the notes are wrong about TFTP, and where it is put right: the wire format and its missing sixth kind of packet,
// tftp/packet.hpp; block numbers, duplicates, timeouts and strangers, tftp/transfer.hpp; the file that is emptied before
// any data has arrived, tftp/file.hpp; the port that data goes to, tftp/server.hpp.
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
#include "udp.hpp"

#endif  // NETNOTES_TFTP_HPP

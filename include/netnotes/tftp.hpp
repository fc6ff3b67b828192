// netnotes/tftp.hpp: the Trivial File Transfer Protocol, client and server
// SPDX-License-Identifier: MIT      version 0.1.0      copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp udp.hpp poll.hpp task.hpp timer_wheel.hpp scheduler.hpp io_operation.hpp io_uring.hpp event_loop.hpp async_descriptor.hpp tftp_packet.hpp tftp_transfer.hpp tftp_file.hpp tftp_content.hpp tftp_datagrams.hpp tftp_client.hpp tftp_async_client.hpp tftp_server.hpp
//
// All of it at once. Each of these is a chapter that reads and compiles with those below it alone:
//
//     tftp_server.hpp      thousands of transfers in one thread     tftp_async_client.hpp  get and put, for tasks
//     tftp_datagrams.hpp   how such a server receives and sends     tftp_client.hpp        get and put, blocking
//     tftp_file.hpp        files that are whole or not there    tftp_content.hpp       what is no file: memory, streams
//     tftp_transfer.hpp    the protocol, without a net and without a clock
//     tftp_packet.hpp      what is said, byte by byte
//
// What the notes say wrongly of TFTP, and where it is put right: the wire format and its missing sixth kind of packet,
// tftp_packet.hpp; block numbers, duplicates, timeouts, strangers, tftp_transfer.hpp; the file that is emptied before
// anything has come, tftp_file.hpp; which port data goes to, tftp_server.hpp.
//
// The notes:     TFTP 协议介绍, TFTP下载过程, TFTP数据包的格式, tftp 客户端; example 14

#ifndef NETNOTES_TFTP_HPP
#define NETNOTES_TFTP_HPP

#include "tftp/async_client.hpp"
#include "tftp/client.hpp"
#include "tftp/content.hpp"
#include "tftp/file.hpp"
#include "tftp/packet.hpp"
#include "tftp/server.hpp"
#include "tftp/transfer.hpp"

#endif  // NETNOTES_TFTP_HPP

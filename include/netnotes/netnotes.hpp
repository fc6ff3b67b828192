// netnotes/netnotes.hpp: everything
// SPDX-License-Identifier: MIT    version 0.1.0    copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp udp.hpp tcp.hpp buffered_reader.hpp tcp_server.hpp poll.hpp reactor.hpp makefile.hpp generator.hpp task.hpp timer_wheel.hpp scheduler.hpp io_operation.hpp io_uring.hpp event_loop.hpp async_descriptor.hpp task_group.hpp async_sync.hpp async_signal.hpp async_socket.hpp async_buffer.hpp async_connect.hpp async_serve.hpp every_core.hpp coro.hpp tftp_packet.hpp tftp_transfer.hpp tftp_file.hpp tftp_content.hpp tftp_datagrams.hpp tftp_client.hpp tftp_async_client.hpp tftp_server.hpp tftp.hpp
//
// For a first program, and for one that uses most of it. A header of the library never includes this one.
//
//   floor 6   tftp.hpp                                files, by the simplest protocol that there is
//   floor 5   coro.hpp                                coroutines: tasks, their loop, sockets for them
//   floor 4   reactor.hpp                             a server for thousands of clients, in one thread
//             tcp_server.hpp                          one client at a time, a process for each, a thread for each
//   floor 3   tcp.hpp     udp.hpp                     connections; datagrams
//             poll.hpp                                waiting for many
//             buffered_reader.hpp     makefile.hpp    messages out of a stream; a connection as a C++ stream
//   floor 2   socket.hpp                              every system call on a socket
//             socket_address.hpp                      the names of sockets and of hosts
//   floor 1   ip.hpp      stop.hpp                    addresses are values; a wait that can be ended
//             ip_text.hpp                             how addresses are read and written
//   beside    generator.hpp                           coroutines that know nothing of sockets
//
// Includes point down only, so a header works in any folder together with those that its first page names.

#ifndef NETNOTES_NETNOTES_HPP
#define NETNOTES_NETNOTES_HPP

#include "coro.hpp"
#include "coro/generator.hpp"
#include "ip/address.hpp"
#include "poll/poll.hpp"
#include "server/blocking.hpp"
#include "server/reactor.hpp"
#include "socket/address.hpp"
#include "socket/iostream.hpp"
#include "socket/socket.hpp"
#include "socket/stop.hpp"
#include "tcp/reader.hpp"
#include "tcp/stream.hpp"
#include "tftp.hpp"
#include "udp/socket.hpp"

#endif  // NETNOTES_NETNOTES_HPP

// netnotes/socket.hpp: sockets, their names, and how a wait is stopped
// SPDX-License-Identifier: MIT
//
// A socket is one end of a communication. The kernel holds the socket, and the program holds a small number that stands
// for it: the descriptor. Two programs communicate by sockets in this order:
//
//        server                                     client
//          socket, bind, listen                       socket
//          accept() <───────── handshake ──────────── connect
//            └─> a new socket  <────── bytes ───────> send_all, recv
//          close                                      close
//
//        net::socket listener{net::address_family::inet, net::socket_type::stream};     // namespace net = netnotes
//        listener.bind(net::endpoint{net::ipv4_address::any(), 6666});
//        listener.listen();
//        auto [client, peer] = listener.accept();
//        client.send_all("hello\r\n");
//
// The class socket closes its descriptor exactly once. It also handles what programs often get wrong:
//
//    a signal interrupts a call      the call continues, and waits for the rest of its time
//    the peer has closed             a send fails with an error; the signal SIGPIPE does not end the process
//    a timeout                       becomes a point in time, so a peer that sends slowly cannot extend it
//    an error                        names the call and the address: "bind 0.0.0.0:80: Permission denied"
//
// Most programs use tcp.hpp or udp.hpp, which build on this module.
//
// Chapters, lowest first:
//     socket/stop.hpp         asking a program to stop: a request that wakes every wait, Ctrl-C and SIGTERM
//     socket/time.hpp         how long a call waits
//     socket/buffer.hpp       room to receive into, bytes to send
//     socket/address.hpp      the names of sockets
//     socket/interfaces.hpp   the network interfaces of this machine, with their addresses
//     socket/options.hpp      options as types
//     socket/wait.hpp         when a call cannot go on: which errors mean "later", and one poll(2)
//     socket/file.hpp         files that a socket sends
//     socket/whole_file.hpp   a file that is whole or not there
//     socket/random.hpp       a key that nobody guesses
//     socket/resolve.hpp      the names of hosts, within a time limit
//     socket/handle.hpp       an open socket: its descriptor, its options, its endpoints, how long its calls wait
//     socket/message.hpp      what travels beside the bytes of a datagram
//     socket/socket.hpp       the socket, with a table from Python and C to netnotes
//     socket/descriptors.hpp  descriptors that travel over a Unix socket, and the user at its other end
//     socket/stale.hpp        the file that a Unix socket leaves behind
//     socket/iostream.hpp     a connection as a std::iostream, as Python's makefile()
//
// The notes:     网络编程, socket, Socket 对象(内建)方法 (sockets and their methods)
// Examples:      01_first_socket, 05_socket_methods

#ifndef NETNOTES_SOCKET_HPP
#define NETNOTES_SOCKET_HPP

#if !__has_include("socket/socket.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/socket.hpp"
#endif

#include "ip.hpp"
#include "socket/address.hpp"
#include "socket/buffer.hpp"
#include "socket/descriptors.hpp"
#include "socket/file.hpp"
#include "socket/handle.hpp"
#include "socket/interfaces.hpp"
#include "socket/iostream.hpp"
#include "socket/message.hpp"
#include "socket/options.hpp"
#include "socket/random.hpp"
#include "socket/resolve.hpp"
#include "socket/socket.hpp"
#include "socket/stale.hpp"
#include "socket/stop.hpp"
#include "socket/time.hpp"
#include "socket/wait.hpp"
#include "socket/whole_file.hpp"

#endif  // NETNOTES_SOCKET_HPP

// netnotes/netnotes.hpp: everything
// SPDX-License-Identifier: MIT
//
// For a first program, and for a program that uses most modules. Each module header is a page to read, and names the
// chapters behind it. Includes point down only:
//
//    floor 5    tftp.hpp                                    files, by the simplest protocol
//    floor 4    coro.hpp                                    coroutines: tasks, their loop, sockets for them
//    floor 3    tcp.hpp    udp.hpp    poll.hpp    server.hpp    connections, datagrams, many descriptors, whole servers
//    floor 2    socket.hpp                                  every call of a socket
//    floor 1    ip.hpp                                      addresses and ports: values

#ifndef NETNOTES_NETNOTES_HPP
#define NETNOTES_NETNOTES_HPP

#if !__has_include("ip.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/netnotes.hpp"
#endif

#include "coro.hpp"
#include "ip.hpp"
#include "poll.hpp"
#include "server.hpp"
#include "socket.hpp"
#include "tcp.hpp"
#include "tftp.hpp"
#include "udp.hpp"

#endif  // NETNOTES_NETNOTES_HPP

// netnotes/netnotes.hpp: everything
// SPDX-License-Identifier: MIT
//
// This header includes all modules. Use it for a first program, or for a program that needs most modules. Otherwise
// include only the modules that you use: your program then compiles faster.
//
// Each module header is a page to read. It explains the idea, shows an example, and lists its chapters. Begin at the
// bottom: a module uses only modules of lower floors. (On floor 3, server.hpp also uses tcp.hpp and poll.hpp.)
//
//    floor 6    web.hpp                                     pages: what the notes do with Django
//    floor 5    tftp.hpp                                    files, by the simplest protocol
//               http.hpp                                    the protocol of the web
//               lan.hpp                                     a simulated network (above packet.hpp and ip.hpp only)
//    floor 4    coro.hpp                                    coroutines: tasks, their loop, sockets for them
//               packet.hpp                                  frames: every header, byte by byte (above ip.hpp only)
//    floor 3    tcp.hpp    udp.hpp    poll.hpp    server.hpp    connections, datagrams, many descriptors, whole servers
//    floor 2    socket.hpp                                  every call of a socket
//    floor 1    ip.hpp                                      addresses and ports: values

#ifndef NETNOTES_NETNOTES_HPP
#define NETNOTES_NETNOTES_HPP

#if !__has_include("ip.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/netnotes.hpp"
#endif

#include "coro.hpp"
#include "http.hpp"
#include "ip.hpp"
#include "lan.hpp"
#include "packet.hpp"
#include "poll.hpp"
#include "server.hpp"
#include "socket.hpp"
#include "tcp.hpp"
#include "tftp.hpp"
#include "udp.hpp"
#include "web.hpp"

#endif  // NETNOTES_NETNOTES_HPP

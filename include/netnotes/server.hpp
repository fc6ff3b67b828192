// netnotes/server.hpp: whole servers, as the notes' SocketServer
// SPDX-License-Identifier: MIT
//
// A server must serve many clients, but a thread waits for one client at a time. The four servers of this module solve
// this in four ways. You write the dialogue with one client, and call run(stop):
//
//        int main() {
//            stop_event stop;
//            stop_on_signals signals{stop};                                          // Ctrl-C ends run()
//            tcp_listener listener{{ipv6_address::any(), 6666}};
//            threaded_server server{std::move(listener), [](tcp_stream& client, const endpoint&) {
//                std::array<char, 4096> buffer;
//                while (const auto size = client.recv(buffer)) client.send_all(std::string_view{buffer.data(), size});
//            }};
//            server.run(stop);
//        }
//
// The four servers:
//
//                          how it serves                      a silent client          it fits
//     iterative_server     one client after the other         blocks all others        short dialogues
//     forking_server       a process for each client          occupies a process       work that must be kept apart
//     threaded_server      a thread for each client           occupies a thread        dialogues that share data
//     reactor_server       callbacks in one thread, on any    costs under a kilobyte   thousands of clients
//                          poller of poll.hpp
//
// No client can end these servers: not by a reset, by silence, or by a std::exception in the handler. Each server
// limits the number of clients and the time that each client may take. A fifth way, a task for each client, needs
// coroutines: coro.hpp.
//
// Handlers and tasks must not call pthread_exit(3), and pthread_cancel(3) must not reach their threads, because the
// program may then abort: end a server with its stop.
//
// Chapters:
//     server/blocking.hpp     what the servers that block have in common
//     server/iterative.hpp    one client at a time
//     server/forking.hpp      a process for each client
//     server/threaded.hpp     a thread for each client
//     server/connection.hpp   a client of a reactor, its queue and its limits
//     server/lists.hpp        the connections of a reactor in the order of their silence
//     server/calls.hpp        calls to a reactor from other threads
//     server/reactor.hpp      thousands of clients in one thread
//
// The notes:     单进程 TCP服务器, 多进程服务器, 多线程服务器, 包含writeList服务器, epoll版-TCP服务器
// Examples:      15_iterative_server, 16_forking_server, 17_threaded_server, 20_select_write_queue_server, 21_epoll_server

#ifndef NETNOTES_SERVER_HPP
#define NETNOTES_SERVER_HPP

#if !__has_include("server/reactor.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/server.hpp"
#endif

#include "poll.hpp"
#include "server/blocking.hpp"
#include "server/calls.hpp"
#include "server/connection.hpp"
#include "server/forking.hpp"
#include "server/iterative.hpp"
#include "server/lists.hpp"
#include "server/reactor.hpp"
#include "server/threaded.hpp"
#include "tcp.hpp"

#endif  // NETNOTES_SERVER_HPP

// netnotes/coro.hpp: coroutines, from yield to a server
// SPDX-License-Identifier: MIT
//
// A coroutine is a function that can pause and later continue where it paused. A generator pauses to return a value. A
// task pauses to wait for an event. The event loop resumes each task when its event has happened, so one thread serves
// thousands of clients. The code of each task still reads as if there were only one client.
//
//        task<> echo(async_stream peer) {
//            for (;;) {
//                auto bytes = co_await peer.recv();      // the loop lends the bytes until the next wait
//                if (bytes.empty()) co_return;           // end of stream
//                co_await peer.send_all(bytes);
//            }
//        }
//
//                      co_await recv(): no bytes have arrived
//        task of a  ──────────────────────────────────────────>  event loop    waits for all descriptors, with epoll
//        task of b  <──────────────────────────────────────────                 or io_uring
//                      bytes for b have arrived: resumes b
//
// If you use g++ 12, read the first page of coro/task.hpp before you write co_await. This compiler compiles some
// expressions with co_await wrongly, and prints no warning. That page lists them.
//
// Handlers and tasks must not call pthread_exit(3), and pthread_cancel(3) must not reach their threads, because the
// program may then abort: end a server with its stop.
//
// Chapters, lowest first:
//     coro/generator.hpp       functions that pause: generators and greenlets
//     coro/task.hpp            functions that wait
//     coro/function.hpp        functions that return tasks
//     socket/block.hpp         blocks for buffers, which a thread keeps
//     socket/owner.hpp         a pointer that owns, without <memory>
//     coro/timer_wheel.hpp     a hundred thousand timers
//     coro/scheduler.hpp       which task is resumed next
//     coro/io/back_end.hpp     the interface of the code that waits for descriptors
//     coro/io/operation.hpp    an operation that waits for a descriptor
//     coro/io/epoll.hpp        the back end that waits with epoll
//     coro/io/ring.hpp         the rings of io_uring
//     coro/io/io_uring.hpp     the back end that waits with io_uring
//     coro/join.hpp            the end of a task that was spawned
//     coro/sleep.hpp           a pause, and a turn for the other tasks
//     coro/loop.hpp            the event loop: run, spawn, post, virtual time
//     coro/descriptor.hpp      any descriptor, for tasks
//     coro/parts.hpp           a task that waits for several
//     coro/when.hpp            several tasks at once: all results, the first, the first success
//     coro/timeout.hpp         a limit for a wait, and a cleanup that may wait
//     coro/group.hpp           any number of tasks, inside one function
//     coro/sync.hpp            events, mutexes, semaphores, channels
//     coro/signal.hpp          signals of the system, and values from other threads
//     coro/io/socket.hpp       a socket as the loop knows it
//     coro/stream.hpp          connections for tasks
//     coro/send_file.hpp       files over the connections of tasks
//     coro/pump.hpp            bytes from one connection to another: proxies
//     coro/listener.hpp        listeners for tasks
//     coro/datagram.hpp        datagrams for tasks
//     coro/udp.hpp             UDP for tasks, with groups and batches
//     coro/descriptors.hpp     descriptors that travel over a Unix socket
//     coro/gathered.hpp        bytes that are gathered before they are sent
//     coro/buffered.hpp        lines and blocks for tasks
//     coro/byte_stream.hpp     a stream of your own, and lines over it
//     coro/lookup.hpp          looking up a host
//     coro/connect.hpp         connecting to the first address that answers
//     coro/serve.hpp           a whole server in one call
//     coro/every_core.hpp      a loop for each processor
//
// The notes:     协程 to gevent (coroutines, greenlet, gevent), gevent版-TCP服务器 (the gevent server)
// Examples:      22_generator, 23_greenlet, 24_event_loop, 25_async_await, 26_coroutine_server

#ifndef NETNOTES_CORO_HPP
#define NETNOTES_CORO_HPP

#if !__has_include("coro/loop.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/coro.hpp"
#endif

#include "coro/buffered.hpp"
#include "coro/byte_stream.hpp"
#include "coro/connect.hpp"
#include "coro/datagram.hpp"
#include "coro/descriptor.hpp"
#include "coro/descriptors.hpp"
#include "coro/every_core.hpp"
#include "coro/function.hpp"
#include "coro/generator.hpp"
#include "coro/group.hpp"
#include "coro/io/io_uring.hpp"
#include "coro/join.hpp"
#include "coro/listener.hpp"
#include "coro/lookup.hpp"
#include "coro/loop.hpp"
#include "coro/pump.hpp"
#include "coro/send_file.hpp"
#include "coro/serve.hpp"
#include "coro/signal.hpp"
#include "coro/sleep.hpp"
#include "coro/stream.hpp"
#include "coro/sync.hpp"
#include "coro/task.hpp"
#include "coro/timeout.hpp"
#include "coro/udp.hpp"
#include "coro/when.hpp"
#include "ip.hpp"
#include "poll.hpp"
#include "tcp.hpp"

#endif  // NETNOTES_CORO_HPP

// netnotes/coro.hpp: coroutines, from yield to a server
// SPDX-License-Identifier: MIT      version 0.1.0      copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp buffered_reader.hpp tcp.hpp poll.hpp generator.hpp task.hpp timer_wheel.hpp scheduler.hpp io_operation.hpp io_uring.hpp event_loop.hpp async_descriptor.hpp task_group.hpp async_sync.hpp async_signal.hpp async_socket.hpp async_buffer.hpp async_connect.hpp async_serve.hpp every_core.hpp
//
// All of it at once. Each of these is a chapter that reads and compiles with those below it alone:
//
//     async_serve.hpp     a whole server
//     async_connect.hpp   to a host by its name                every_core.hpp    as many loops as processors
//     async_buffer.hpp    lines and frames for tasks           async_signal.hpp  what reaches a loop from outside
//     async_socket.hpp    sockets for tasks                    async_sync.hpp    tasks that wait for one another
//     task_group.hpp      tasks beside one another             async_descriptor.hpp  any descriptor, for tasks
//     event_loop.hpp      who goes on with a task, and when
//     io_operation.hpp    waiting for a descriptor, epoll      io_uring.hpp      the other way to wait
//     scheduler.hpp       whose turn it is                     timer_wheel.hpp   a hundred thousand timers
//     task.hpp            functions that wait
//     generator.hpp       functions that pause
//
// If you use g++ 12, read the first page of task.hpp: it names what that compiler silently gets wrong.
//
// The notes:     协程 至 gevent (coroutines, greenlet, gevent), gevent版-TCP服务器 (the gevent server); examples 22 to 26

#ifndef NETNOTES_CORO_HPP
#define NETNOTES_CORO_HPP

#include "coro/buffered.hpp"
#include "coro/connect.hpp"
#include "coro/descriptor.hpp"
#include "coro/every_core.hpp"
#include "coro/generator.hpp"
#include "coro/group.hpp"
#include "coro/loop.hpp"
#include "coro/serve.hpp"
#include "coro/signal.hpp"
#include "coro/socket.hpp"
#include "coro/sync.hpp"
#include "coro/task.hpp"

#endif  // NETNOTES_CORO_HPP

// netnotes/poll.hpp: waiting for many descriptors at once
// SPDX-License-Identifier: MIT
//
// A thread that waits in recv() for one client cannot serve another client. A poller waits for many descriptors in one
// call. It returns the descriptors that are ready: the next call on them does not have to wait.
//
//        a: nothing yet ───────┐
//        b: bytes arrive ──────┼──> poller.wait() returns: b is ready to read ──> recv from b, then wait again
//        c: nothing yet ───────┘
//
// The operating system has three such calls. They have one interface here:
//
//        epoll_poller poller;                                    // or select_poller, or poll_poller
//        poller.add(listener.native_handle(), interest::read, 1);
//        for (const event& happened : poller.wait(never))
//            if (happened.token == 1 && any_of(happened.ready, interest::read)) listener.accept();
//
//    select_poller    select(2)    takes descriptors below 1024 only; each wait looks at all of them
//    poll_poller      poll(2)      takes any descriptor; each wait looks at all of them
//    epoll_poller     epoll(7)     takes any descriptor; each wait looks only at ready descriptors
//
// A descriptor in a poller should be non-blocking, because "ready" is a hint: the bytes may be gone when the program
// reads.
//
// This page brings only those chapters of ip.hpp and socket.hpp that pollers need.
//
// Chapters:
//     poll/interest.hpp    the events to wait for, the triggers, and the concept poller
//     poll/select.hpp      select(2)
//     poll/poll.hpp        poll(2)
//     poll/epoll.hpp       epoll(7)
//
// The notes:     单进程服务器,非阻塞模式 (asking each in turn), select原理, select 优缺点, epoll使用说明
// Examples:      18_nonblocking_server, 19_select_server

#ifndef NETNOTES_POLL_HPP
#define NETNOTES_POLL_HPP

#if !__has_include("poll/poll.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/poll.hpp"
#endif

#include "poll/epoll.hpp"
#include "poll/interest.hpp"
#include "poll/poll.hpp"
#include "poll/select.hpp"

#endif  // NETNOTES_POLL_HPP

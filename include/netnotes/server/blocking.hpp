// netnotes/server/blocking.hpp: servers that block
// SPDX-License-Identifier: MIT
//
// The easiest way to write what a server says to *one* client is to write just that: receive, think, answer, and
// wait wherever there is something to wait for. But who waits for one client serves no other. Three ways out:
//
//        iterative_server            forking_server                     threaded_server
//
//        accept <── queue            accept <── queue                   accept <── queue
//          |                           | fork      | fork                 | start     | start
//        handler(first)              handler     handler                handler     handler
//          |                         (first)     (second)               (first)     (second)
//        accept                        : a memory each :                  └── one memory ──┘
//          |                         exit        crash                  returns     returns
//        handler(second)               └> reaped   └> reaped              └> joined   └> joined
//
//   a client who says nothing   holds up all          holds a process         holds a thread
//   a handler that crashes      takes all along       harms its own client    takes all along
//   what one client changes     the next one sees     is gone with its child  all see at once: it needs a lock
//   a client costs              nothing               a process               a thread
//   so it fits                  short dialogues       work that must be       dialogues that share something
//                                                     kept apart
//
// All three take a listener and a handler, and have one call: run(stop). A conversation that fails ends no other. A
// client for whom there is no place (max_children, max_threads) waits in the kernel's queue: he is connected there and
// may already send. A system that is out of descriptors, memory, processes or threads is asked again after 100 ms,
// and not in a loop. A client that is silent for idle_timeout, or draws no answer for request_timeout by sending a byte now
// and then, ends its conversation with errc::timed_out. If the last send_all() of a handler has failed, the connection ends
// in a reset, so that the client cannot take half an answer for a whole one. (A handler that throws between two sends that
// went well ends in order, as only the handler knows that its answer is half. It can set option::linger{0s} before it
// throws: that is a reset.) When run() returns, nobody is being served any more: there is no child, no thread, no zombie.
//
// Fork and threads do not go together. fork(2) copies the memory as it is at that moment, and one thread only. A
// mutex that another one holds just then stays locked in the child for ever. So let a forking server run in a program
// that has one thread, or let its handler keep to what is safe in a signal handler.
//
// On this page:  conversation_options · what the three have in common
// Beside it:     server/iterative.hpp, server/forking.hpp, server/threaded.hpp, one server each
// Above it:      server/reactor.hpp, thousands of clients in one thread that never waits for one
// The notes:     单进程服务器 (one at a time), 多进程服务器 (processes), 多线程服务器 (threads); examples 15, 16, 17

#ifndef NETNOTES_SERVER_BLOCKING_HPP
#define NETNOTES_SERVER_BLOCKING_HPP

#include <sys/epoll.h>
#include <sys/socket.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "../poll/epoll.hpp"
#include "../tcp/stream.hpp"

namespace netnotes {

namespace detail {
class reception;
template <class Handler>
concept hears_errors = requires(Handler& handler, const endpoint& peer, const std::exception& failure) {
    handler.on_error(peer, failure);
};
template <class Handler>
concept hears_accept_errors = requires(Handler& handler, std::error_code error) {
    handler.on_accept_error(error);
};
/// For many threads at once: see threaded_server.
template <class Handler>
concept handler_for_many = std::invocable<const Handler&, tcp_stream&, const endpoint&>;

/// The time limits of a conversation.
struct patience {
    patience(duration idle_timeout, const std::optional<wait_time>& request_timeout)
        : idle{idle_timeout},
          request{request_timeout.value_or(wait_time{idle_timeout > never / 4 ? never : 4 * idle_timeout})} {
        if (idle <= duration::zero() || request <= duration::zero())
            throw std::invalid_argument{"a server that waits for no client"};
    }
    void apply_to(tcp_stream& stream) const {
        stream.set_timeout(idle);
        stream.set_answer_timeout(request);
    }
    duration idle, request;
};
}  // namespace detail

/// How long a handler may be kept waiting. The other two servers have the same two limits among their options.
struct conversation_options {
    /// For each call on the stream that waits, all its parts together: see socket::set_timeout(). The handler may set
    /// another. Above zero; `never` to wait for ever.
    wait_time idle_timeout = std::chrono::minutes{5};
    /// For an exchange: the time from one send to the next, or from the beginning to the first. See
    /// socket::set_answer_timeout(), by which a handler that answers seldom sets another, or begins the time anew. Nothing:
    /// four idle timeouts. Above zero.
    std::optional<wait_time> request_timeout{};
};

namespace detail {

/// What the three servers do alike. wait(pause) returns when a client may have come, and not before `pause`; false
/// ends it all. serve(client) serves him, or has somebody serve him, or says what it lacks for that.
template <class Handler, class Wait, class Serve>
void accept_clients(tcp_listener& listener, Handler& handler, Wait wait, Serve serve) {
    constexpr time_point none = time_point::min();
    for (time_point pause = none; wait(std::exchange(pause, none));) {
        std::error_code error;
        tcp_listener::accepted client = listener.accept(error);
        if (error == std::errc::operation_canceled) return;
        if (error == std::errc::timed_out) continue;  // he has left, or another process was faster
        if (is_not_listening(error)) throw_error(error, "accept");
        if (!error) error = serve(std::move(client));
        if (!error) continue;
        // Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) or of processes or threads (EAGAIN): it may
        // pass. Others stand in the queue, so trying again at once would only keep the processor busy.
        if constexpr (hears_accept_errors<Handler>) handler.on_accept_error(error);
        pause = clock::now() + accept_pause;
    }
}

/// One conversation. False when it failed; but not at a stop, which most likely is the reason, and none to complain of.
template <class Handler>
bool converse(Handler& handler, tcp_stream& stream, const endpoint& peer, const stop_event& stop,
              const patience& limits) {
    try {
        limits.apply_to(stream);
        handler(stream, peer);
    } catch (const std::exception& failure) {
        if (stop.stop_requested()) return true;
        if constexpr (hears_errors<Handler>) handler.on_error(peer, failure);
        return false;
    }
    return true;
}

/// Where one waits for a client, for the stop, and for the end of those who serve.
class reception {
  public:
    enum class visit { other, client, stop };

    reception(tcp_listener& listener, const stop_event& stop) : listener_{listener.native_handle()}, stop_{stop} {
        listener.stop_with(stop);
        listener.set_timeout(duration::zero());  // accept() need not wait; those it accepts wait without a limit
        poller_.add(listener_, interest::none, listener_token);
        poller_.add(stop_.native_handle(), interest::read, stop_token);
    }
    /// Until one of them or `until`, and for a client only if the door is open. Each of those who have ended is given
    /// to `ended` by the token that watch() was told.
    template <class Ended>
    visit wait(bool is_open, time_point until, Ended ended) {
        if (is_open != std::exchange(is_open_, is_open))
            poller_.modify(listener_, is_open ? interest::read : interest::none, listener_token);
        visit who = visit::other;
        for (const event& happened : poller_.wait(until == time_point::max() ? never : until - clock::now())) {
            if (happened.token == stop_token)
                who = visit::stop;
            else if (happened.token != listener_token)
                ended(happened.token);
            else if (who != visit::stop)  // somebody has come, or the listener listens no more
                who = visit::client;
        }
        return who;
    }
    void watch(int descriptor, std::uint64_t token) { poller_.add(descriptor, interest::read, token); }
    void forget(int descriptor) noexcept { poller_.remove(descriptor); }
    /// No more clients, and the stop has been heard.
    void close_doors() noexcept {
        poller_.remove(listener_);
        poller_.remove(stop_.native_handle());
        is_open_ = false;
    }
    /// In a child: the poller is the parent's.
    void leave() noexcept { const epoll_poller gone{std::move(poller_)}; }

  private:
    static constexpr std::uint64_t stop_token = ~std::uint64_t{0};
    static constexpr std::uint64_t listener_token = stop_token - 1;
    epoll_poller poller_;
    int listener_;
    const stop_event& stop_;
    bool is_open_ = false;
};

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SERVER_BLOCKING_HPP

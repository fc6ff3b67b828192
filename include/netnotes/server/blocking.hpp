// netnotes/server/blocking.hpp: servers that block
// SPDX-License-Identifier: MIT
//
// A dialogue with *one* client is easiest to write as plain calls that wait: receive, compute, send, receive again. But
// a thread that waits for one client serves no other client. There are three ways out:
//
//        iterative_server            forking_server                     threaded_server
//
//        accept <── queue            accept <── queue                   accept <── queue
//          |                           | fork      | fork                 | start     | start
//        handler(first)              handler     handler                handler     handler
//          |                         (first)     (second)               (first)     (second)
//        accept                        : own memory    :                  └─ shared memory ┘
//          |                         exit        crash                  returns     returns
//        handler(second)               └> reaped   └> reaped              └> joined   └> joined
//
//    a silent client             blocks all others     occupies a process      occupies a thread
//    a handler that crashes      ends the server       ends its own child      ends the server
//    what one client changes     the next client sees  is lost with its child  all see at once: it needs a lock
//    a client costs              nothing               a process               a thread
//    it fits                     short dialogues       work that must be       dialogues that share data
//                                                      kept apart
//
// Each server takes a listener and a handler, and its run(stop) serves until the stop. The three servers share these
// rules.
//
// A conversation that fails ends no other conversation, whatever the handler throws. on_error() is told the exception.
// An object that is not a std::exception comes as a std::runtime_error that says so. The handler's members on_error(),
// on_accept_error() and on_exit() must not throw: an exception from them leaves run(), or ends the process.
//
// If the server is full (max_children, max_threads), a new client waits in the kernel's queue. There it is already
// connected and may already send. If the system has no descriptor, memory, process or thread left, the server tries
// again after 100 ms.
//
// A conversation ends with errc::timed_out if its client is silent for idle_timeout. It also ends if the handler sends
// nothing for request_timeout, so a client that sends a byte now and then cannot stay for ever.
//
// If the last send_all() of a handler failed, the connection ends with a reset. The client then cannot mistake half an
// answer for a whole answer. A handler that throws between two successful sends ends its connection in order, because
// only the handler knows that its answer is half. To end it with a reset, set option::linger{0s} before throwing.
//
// When run() returns, no client is being served: no child, thread or zombie is left.
//
// Do not mix fork and threads. fork(2) copies the memory of that moment, but only the calling thread. A mutex that
// another thread holds at that moment stays locked in the child for ever. Run a forking server in a program with one
// thread. If that is impossible, the handler may call only functions that are safe in a signal handler.
//
// On this page:  conversation_options · what the three servers have in common
// Beside it:     server/iterative.hpp, server/forking.hpp, server/threaded.hpp: a server each
// Above it:      server/reactor.hpp, thousands of clients in a thread that never waits for a single client
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
/// A handler that many threads may call at once: see threaded_server.
template <class Handler>
concept handler_for_many = std::invocable<const Handler&, tcp_stream&, const endpoint&>;

/// The time limits of a conversation. Throws std::invalid_argument if a limit is not above zero.
struct patience {
    patience(duration idle_timeout, const std::optional<wait_time>& request_timeout)
        : idle{idle_timeout},
          request{request_timeout.value_or(wait_time{idle_timeout > never / 4 ? never : 4 * idle_timeout})} {
        if (idle <= duration::zero() || request <= duration::zero())
            throw std::invalid_argument{"a server's idle_timeout and request_timeout must be above zero"};
    }
    void apply_to(tcp_stream& stream) const {
        stream.set_timeout(idle);
        stream.set_answer_timeout(request);
    }
    duration idle, request;
};
}  // namespace detail

/// Limits how long a client may keep a handler waiting. The options of the other two servers have the same two limits.
struct conversation_options {
    /// Limits each call on the stream, with all its parts: see socket::set_timeout(). The handler may set another
    /// limit. Above zero; `never` means no limit.
    wait_time idle_timeout = std::chrono::minutes{5};
    /// Limits the time from one send to the next, and from the start to the first send. nullopt means four idle
    /// timeouts. A handler that answers seldom can change the limit or restart its time: see
    /// socket::set_answer_timeout(). Above zero; `never` means no limit.
    std::optional<wait_time> request_timeout{};
};

namespace detail {

/// Accepts clients until the stop, in all three servers. The function `wait` returns true if a client may have come,
/// but not before the time `pause`, and false to end the loop. The function `serve` serves the client, or starts a
/// process or thread for it. It returns an error if a resource is missing.
template <class Handler, class Wait, class Serve>
void accept_clients(tcp_listener& listener, Handler& handler, Wait wait, Serve serve) {
    constexpr time_point none = time_point::min();
    for (time_point pause = none; wait(std::exchange(pause, none));) {
        std::error_code error;
        tcp_listener::accepted client = listener.accept(error);
        if (error == std::errc::operation_canceled) return;
        if (error == std::errc::timed_out) continue;  // the client has left, or another process took it
        if (is_not_listening(error)) throw_error(error, "accept");
        if (!error) error = serve(std::move(client));
        if (!error) continue;
        // No descriptor or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), or no process or thread (EAGAIN). The shortage may
        // pass. The queue is not empty, so a retry without a pause would only keep the processor busy.
        if constexpr (hears_accept_errors<Handler>) handler.on_accept_error(error);
        pause = clock::now() + accept_pause;
    }
}

/// Holds one conversation. Returns false if it failed. After a stop request it returns true, because the stop is the
/// likely cause of the failure. Reports a thrown object that is not a std::exception as a std::runtime_error.
template <class Handler>
bool converse(Handler& handler, tcp_stream& stream, const endpoint& peer, const stop_event& stop,
              const patience& limits) {
    const auto has_failed = [&](const std::exception& failure) {
        if (stop.stop_requested()) return false;
        if constexpr (hears_errors<Handler>) handler.on_error(peer, failure);
        return true;
    };
    try {
        limits.apply_to(stream);
        handler(stream, peer);
    } catch (const std::exception& failure) {
        return !has_failed(failure);
    } catch (...) {
        return !has_failed(std::runtime_error{"the handler threw an object that is not a std::exception"});
    }
    return true;
}

/// Waits for a client, for the stop, and for the end of the processes or threads that serve.
class reception {
  public:
    enum class visit { other, client, stop };

    reception(tcp_listener& listener, const stop_event& stop) : listener_{listener.native_handle()}, stop_{stop} {
        listener.stop_with(stop);
        listener.set_timeout(duration::zero());  // accept() does not wait; the accepted streams have no limit
        poller_.add(listener_, interest::none, listener_token);
        poller_.add(stop_.native_handle(), interest::read, stop_token);
    }
    /// Waits until something happens, at most until `until`. Waits for a client only if `is_open`. For each process or
    /// thread that has ended, calls `ended` with the token that watch() was given.
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
            else if (who != visit::stop)  // a client has come, or the listener has stopped listening
                who = visit::client;
        }
        return who;
    }
    void watch(int descriptor, std::uint64_t token) { poller_.add(descriptor, interest::read, token); }
    void forget(int descriptor) noexcept { poller_.remove(descriptor); }
    /// Stops waiting for clients and for the stop.
    void close_doors() noexcept {
        poller_.remove(listener_);
        poller_.remove(stop_.native_handle());
        is_open_ = false;
    }
    /// Closes the poller, in a child: the child shares it with its parent.
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

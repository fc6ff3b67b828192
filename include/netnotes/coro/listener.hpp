// netnotes/coro/listener.hpp: a listener for tasks
// SPDX-License-Identifier: MIT
//
// A listener has a queue of connections that the kernel has already established. accept() takes the first of them, and
// waits while the queue is empty:
//
//     task<> accept_all(async_listener listener) {
//         for (;;) {
//             auto next = co_await listener.accept();      // without descriptors it waits, and tries again
//             spawn(greet(std::move(next.stream)));
//         }
//     }
//
//        clients ── SYN ──> kernel ──> queue [ c | b | a ] ── accept() ──> a
//
// serve.hpp has this loop with limits, timeouts and a clean stop.
//
// On this page:  async_listener

#ifndef NETNOTES_CORO_LISTENER_HPP
#define NETNOTES_CORO_LISTENER_HPP

#include <sys/socket.h>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "../tcp/stream.hpp"
#include "io/socket.hpp"
#include "loop.hpp"
#include "stream.hpp"

namespace netnotes {

namespace detail {
class accepting;
}  // namespace detail

/// Makes connections, for tasks.
class async_listener : public detail::async_socket {
  public:
    async_listener() noexcept = default;
    /// Takes a listening stream socket.
    explicit async_listener(socket listening) : async_listener{event_loop::current(), std::move(listening)} {}
    explicit async_listener(tcp_listener listening) : async_listener{std::move(listening).into_socket()} {}
    async_listener(event_loop& loop, tcp_listener listening)
        : async_listener{loop, std::move(listening).into_socket()} {}
    async_listener(event_loop& loop, socket listening)
        : async_socket{loop, std::move(listening), detail::io_node::kind::listener} {}

    struct accepted;
    /// Waits for the next connection. A connection that died in the queue is passed over. Where descriptors or memory are
    /// short (EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC of the back end) it tries again every 100 ms, and the client waits in the
    /// queue. set_timeout() and cancelling end that wait, too. So what it throws has ended the listener or this task.
    [[nodiscard]] detail::accepting accept();
};
struct async_listener::accepted {
    accepted(async_stream&& connection, const socket_address& from) noexcept
        : stream{std::move(connection)}, peer{from} {}
    async_stream stream;
    socket_address peer;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class [[nodiscard]] accepting final : public io_awaiter<accepting, pausing_operation> {
  public:
    explicit accepting(io_node& node) noexcept : io_awaiter{node, direction::read} {}
    async_listener::accepted await_resume() {
        if (error_ != 0) throw std::system_error{take_failure(), "accept"};
        return {std::move(stream_), made_.peer};
    }
    bool attempt() noexcept override {
        if (is_pausing() || !node_.readable) return false;
        if (!made_.connection.is_open()) {
            const bool is_decided = node_.intake ? accept_from_back_end() : accept_directly();
            if (!is_decided) return false;
        }
        if (error_ == 0) register_connection();
        if (!is_shortage(error_) && error_ != ENOSPC) return true;
        error_ = 0;
        pause(accept_pause);
        return false;  // and `readable` stays as it is, so that no back end tries before us
    }

  private:
    bool accept_directly() noexcept {
        std::error_code error;
        borrowed_socket listener{node_.descriptor()};
        made_ = listener->accept(error);
        if (error == std::errc::operation_would_block) return node_.readable = false;
        error_ = error.value();
        return true;
    }
    bool accept_from_back_end() noexcept {
        int descriptor = -1;
        do {
            error_ = 0;
            if (!node_.intake->accept(descriptor, error_)) return false;
        } while (is_passed_over(error_));
        if (error_ != 0) return true;
        made_.connection = socket{descriptor, false};
        // Who has left already has no name any more, but what he sent can still be received.
        std::error_code has_left;
        made_.peer = made_.connection.peer_endpoint(has_left);
        return true;
    }
    /// The poller and the memory may fail us, too. Then the connection is kept, for the next attempt.
    void register_connection() noexcept {
        try {
            // That it is like its peer saves a system call for each connection.
            stream_ = async_stream{static_cast<event_loop&>(node_.loop()), std::move(made_.connection), made_.peer.is_ip()};
        } catch (const std::system_error& failure) {
            error_ = failure.code().value();
        } catch (const std::bad_alloc&) {
            error_ = ENOMEM;
        }
    }
    socket::accepted made_;
    async_stream stream_;
};

}  // namespace detail

inline detail::accepting async_listener::accept() { return detail::accepting{node()}; }

}  // namespace netnotes

#endif  // NETNOTES_CORO_LISTENER_HPP

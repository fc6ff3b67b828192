// netnotes/coro/listener.hpp: a listener for tasks
// SPDX-License-Identifier: MIT
//
// The kernel establishes connections and puts them into the listener's queue. The call accept() takes the first of
// them, and waits while the queue is empty:
//
//     task<> accept_all(async_listener listener) {
//         for (;;) {
//             auto next = co_await listener.accept();      // if no descriptor is free, it waits for one
//             spawn(greet(std::move(next.stream)));
//         }
//     }
//
//        clients ── SYN ──> kernel ──> queue [ c | b | a ] ── accept() ──> a
//
// The function serve() in coro/serve.hpp is this loop with limits, timeouts and a clean stop.
//
// On this page:  async_listener
// The notes:     gevent版-TCP服务器 (the gevent server); example 26

#ifndef NETNOTES_CORO_LISTENER_HPP
#define NETNOTES_CORO_LISTENER_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
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

/// Accepts connections in tasks of one loop. Only one task at a time may wait in accept(); a second task gets
/// std::logic_error. So does a task of another loop.
class async_listener : public detail::async_socket {
  public:
    /// Creates a closed listener. Every operation on it fails with errc::bad_file_descriptor.
    async_listener() noexcept = default;
    /// Takes over a listening stream socket and makes it non-blocking. Without `loop` it uses the loop that runs in
    /// this thread (std::logic_error if no loop runs). The listener must not outlive the loop. Throws std::system_error
    /// if the loop's back end refuses the descriptor.
    explicit async_listener(socket listening) : async_listener{event_loop::current(), std::move(listening)} {}
    explicit async_listener(tcp_listener listening) : async_listener{std::move(listening).into_socket()} {}
    /// Listens at `where` as tcp_listener does, for the loop that runs in this thread. Throws what both throw.
    explicit async_listener(const endpoint& where, listen_options options = {})
        : async_listener{tcp_listener{where, options}} {}
    async_listener(event_loop& loop, tcp_listener listening)
        : async_listener{loop, std::move(listening).into_socket()} {}
    async_listener(event_loop& loop, socket listening)
        : async_socket{loop, std::move(listening), detail::io_node::kind::listener} {
        node().make_room_to_keep();
    }

    struct accepted;
    /// Suspends until there is a connection, and returns it. A connection that ended in the queue is skipped.
    ///
    /// If descriptors or memory run out (EMFILE, ENFILE, ENOBUFS, ENOMEM, or ENOSPC of the back end), it tries again
    /// every 100 ms. The clients wait in the queue meanwhile. A timeout (set_timeout()) and a cancellation end this
    /// wait, too. A connection that this call has taken is not lost: the next accept() returns it. Throws
    /// std::system_error if the listener fails, errc::timed_out, and netnotes::cancelled.
    [[nodiscard]] detail::accepting accept();
    /// Does the same, but reports an error instead of throwing it, and then returns a closed stream. A cancellation is
    /// still thrown. `error` must stay valid until the call returns.
    [[nodiscard]] detail::reporting<detail::accepting> accept(std::error_code& error);
    /// Returns the number of established connections that accept() has not taken yet: see tcp_listener::queue_length().
    /// A back end may have taken some of them already. Throws std::system_error.
    [[nodiscard]] std::uint32_t queue_length() const { return detail::queue_length_of(*borrow()); }
    /// Keeps the back end from accepting a client before a task waits in accept(), as some do. Each client that was
    /// accepted ahead has a descriptor. Call it if descriptors are counted. Does not wait, and does nothing if the
    /// listener is closed.
    void accept_one_by_one() noexcept {
        if (is_open()) node().one_by_one = true;
    }
};
/// A connection and the address of its peer. The address is empty (without a family) if the peer is a Unix socket
/// without a name. It may be empty, too, if the client has already reset the connection.
struct async_listener::accepted {
    accepted() noexcept = default;
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
        if (error_ != 0) detail::throw_error(take_failure(), "accept");
        return {std::move(stream_), made_.peer};
    }
    bool attempt() noexcept override {
        if (is_pausing() || !node_.readable) return false;
        if (!take_kept()) {
            const bool is_decided = node_.intake ? accept_from_back_end() : accept_directly();
            if (!is_decided) return false;
        }
        if (error_ == 0) register_connection();
        if (!is_shortage(error_) && error_ != ENOSPC) return true;
        error_ = 0;
        pause(accept_pause);
        return false;  // `readable` stays true, so the back end accepts nothing during the pause
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
        ask_for_peer();
        return true;
    }
    /// Takes the connection that an earlier attempt could not register, perhaps one of another accept().
    bool take_kept() noexcept {
        const int descriptor = node_.take_kept();
        if (descriptor < 0) return false;
        made_.connection = socket{descriptor, false};
        ask_for_peer();
        return true;
    }
    void ask_for_peer() noexcept {
        std::error_code has_left;
        made_.peer = made_.connection.peer_endpoint(has_left);
        if (has_left) made_.peer = former_peer(made_.connection.native_handle());
    }
    /// Returns the peer of a connection that the peer has reset. The bytes that it sent can still be received, but
    /// getpeername() fails with ENOTCONN. Linux answers SO_PEERNAME all the same, if the size is not above that of the
    /// address. Returns an empty address if it does not.
    static socket_address former_peer(int descriptor) noexcept {
        constexpr int peer_name = 28;  // SO_PEERNAME, which some headers lack
        for (socklen_t size : {socklen_t{sizeof(sockaddr_in6)}, socklen_t{sizeof(sockaddr_in)}}) {
            socket_address peer;
            if (::getsockopt(descriptor, SOL_SOCKET, peer_name, peer.data(), &size) != 0) continue;
            peer.resize(size);
            return peer;
        }
        return {};
    }
    /// Makes the stream. If the back end or the memory allocation fails, the node keeps the connection for the next
    /// attempt. This call may end before that, and then the connection is for the next accept().
    void register_connection() noexcept {
        try {
            // The connection has the family of its peer. To ask the socket would cost a system call for each
            // connection.
            stream_ = async_stream{static_cast<event_loop&>(node_.loop()), std::move(made_.connection), made_.peer.is_ip()};
        } catch (const std::system_error& failure) {
            error_ = failure.code().value();
        } catch (const std::bad_alloc&) {
            error_ = ENOMEM;
        }
        if (error_ != 0) node_.keep(made_.connection.release());
    }
    socket::accepted made_;
    async_stream stream_;
};

}  // namespace detail

inline detail::accepting async_listener::accept() { return detail::accepting{node()}; }
inline detail::reporting<detail::accepting> async_listener::accept(std::error_code& error) {
    return detail::reporting<detail::accepting>{error, node()};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_LISTENER_HPP

// netnotes/coro/datagram.hpp: datagrams for tasks
// SPDX-License-Identifier: MIT
//
// Datagrams keep the borders of messages: the bytes of one send arrive in one receive. A UDP server needs only one
// socket for all its clients, because each datagram carries the address of its sender:
//
//     task<> echo(async_datagram socket) {
//         std::array<std::byte, 2048> room;
//         for (;;) {
//             const auto got = co_await socket.recv_from(room);
//             std::error_code lost;  // no client's address ends the server or lets it wait
//             co_await socket.send_to(got.bytes, got.sender, got.local, lost, MSG_DONTWAIT);
//         }
//     }
//
//        client a ── "one" ──>             ── "one" ──> client a
//        client b ── "two" ──>  one socket ── "two" ──> client b
//
// The header udp/socket.hpp explains UDP and has the calls that block.
//
// On this page:  async_datagram
// The notes:     udp echo 服务器 (a UDP echo server)

#ifndef NETNOTES_CORO_DATAGRAM_HPP
#define NETNOTES_CORO_DATAGRAM_HPP

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "../socket/socket.hpp"
#include "io/socket.hpp"
#include "loop.hpp"

namespace netnotes {

namespace detail {
class receiving_from;
class sending_to;
}  // namespace detail

/// Owns a datagram socket, UDP or Unix. Use it only in tasks of its loop. One task may receive while another task
/// sends. A second task in the same direction, or a task of another loop, gets std::logic_error.
///
/// Awaited calls throw std::system_error if the system reports an error, and netnotes::cancelled if the task is
/// cancelled.
class async_datagram : public detail::async_socket {
  public:
    /// Creates a closed socket. Every operation on it fails with errc::bad_file_descriptor.
    async_datagram() noexcept = default;
    /// Takes over a datagram socket and makes it non-blocking. Without `loop` it uses the loop that runs in this thread
    /// (std::logic_error if no loop runs). The object must not outlive the loop. On a socket bound to the wildcard
    /// address it also calls tell_local_address(). Throws std::system_error if the loop's back end refuses the
    /// descriptor.
    explicit async_datagram(socket made) : async_datagram{event_loop::current(), std::move(made)} {}
    async_datagram(event_loop& loop, socket made)
        : async_socket{loop, asked_for_addresses(std::move(made)), detail::io_node::kind::any} {}

    /// Receives one datagram. Returns a socket::received: the filled part of the buffer, the sender, and whether the
    /// datagram was longer than the buffer. Suspends until a datagram arrives; the buffer must stay valid until then.
    [[nodiscard]] detail::receiving_from recv_from(mutable_buffer buffer);
    /// Does the same, but reports an error instead of throwing it, and then returns no bytes. A cancellation is still
    /// thrown. `error` must stay valid as long as the buffer.
    [[nodiscard]] detail::reporting<detail::receiving_from> recv_from(mutable_buffer buffer, std::error_code& error);
    /// Sends one datagram, whole or not at all. Suspends while the socket's buffer is full; `bytes` must stay valid
    /// until then. A server passes as `from` the address to which the question came, received::local. With 0.0.0.0 the
    /// system chooses. `flags` are the flags of send(2). With MSG_DONTWAIT a full buffer is errc::operation_would_block,
    /// and the task does not wait. A server needs this: see udp_socket::send_to(). Throws errc::message_size if the
    /// datagram is too long, and the other errors of socket::send_to().
    [[nodiscard]] detail::sending_to send_to(const_buffer bytes, const socket_address& where,
                                             const ip_address& from = {}, int flags = 0);
    /// Does the same, but reports an error instead of throwing it. A server needs this form: a sender can forge an
    /// address to which nothing can be sent. A cancellation is still thrown. `error` must stay valid as long as `bytes`.
    [[nodiscard]] detail::reporting<detail::sending_to> send_to(const_buffer bytes, const socket_address& where,
                                                                const ip_address& from, std::error_code& error,
                                                                int flags = 0);

  private:
    static socket asked_for_addresses(socket&& made) noexcept {
        std::error_code error;
        const socket_address local = made.local_endpoint(error);
        if (!error && local.is_ip() && local.ip().address().is_unspecified()) made.tell_local_address(error);
        return std::move(made);
    }
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class [[nodiscard]] receiving_from final : public io_awaiter<receiving_from, socket_operation> {
  public:
    receiving_from(io_node& node, mutable_buffer room) noexcept : io_awaiter{node, direction::read}, room_{room} {}
    socket::received await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "recv_from");
        return received_;
    }
    bool attempt() noexcept override {
        if (!node_.readable) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor(), !node_.read_to_end};
        received_ = own->recv_from(room_, error);
        if (error == std::errc::operation_would_block) return node_.readable = false;
        error_ = error.value();
        return true;
    }

  private:
    mutable_buffer room_;
    socket::received received_;
};

class [[nodiscard]] sending_to final : public io_awaiter<sending_to, pausing_operation> {
  public:
    sending_to(io_node& node, const_buffer bytes, const socket_address& where, const ip_address& from,
               int flags) noexcept
        : io_awaiter{node, direction::write}, bytes_{bytes}, where_{where}, from_{from}, flags_{flags} {}
    void await_resume() {
        if (error_ != 0)
            detail::throw_error(take_failure(), "send_to ", where_.to_string(), " (",
                                std::to_string(bytes_.size()), " bytes)");
    }
    bool attempt() noexcept override {
        // After each failed send a Unix socket is reported as writable, because the kernel frees the unsent bytes. So
        // that report does not end the pause.
        const bool may_wait = (flags_ & MSG_DONTWAIT) == 0;
        if (may_wait && (is_pausing() || !node_.writable)) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor()};
        own->send_to(bytes_, where_, from_, error, flags_);
        if (may_wait && error == std::errc::operation_would_block) {
            if (!where_.is_ip()) pause();
            return node_.writable = false;
        }
        error_ = error.value();
        return true;
    }

  private:
    const_buffer bytes_;
    socket_address where_;
    ip_address from_;
    int flags_;
};

}  // namespace detail

inline detail::receiving_from async_datagram::recv_from(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::sending_to async_datagram::send_to(const_buffer bytes, const socket_address& where,
                                                  const ip_address& from, int flags) {
    return {node(), bytes, where, from, flags};
}
inline detail::reporting<detail::receiving_from> async_datagram::recv_from(mutable_buffer buffer,
                                                                           std::error_code& error) {
    return detail::reporting<detail::receiving_from>{error, node(), buffer};
}
inline detail::reporting<detail::sending_to> async_datagram::send_to(const_buffer bytes, const socket_address& where,
                                                                     const ip_address& from, std::error_code& error,
                                                                     int flags) {
    return detail::reporting<detail::sending_to>{error, node(), bytes, where, from, flags};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_DATAGRAM_HPP

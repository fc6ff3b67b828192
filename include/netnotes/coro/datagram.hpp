// netnotes/coro/datagram.hpp: datagrams for tasks
// SPDX-License-Identifier: MIT
//
// Datagrams keep the borders of messages: one send is one receive. A UDP server needs one socket for all its clients,
// because each datagram says which peer has sent it:
//
//     task<> echo(async_datagram socket) {
//         std::array<std::byte, 2048> room;
//         for (;;) {
//             const auto got = co_await socket.recv_from(room);
//             co_await socket.send_to(got.bytes, got.sender, got.local);     // from the address that was asked
//         }
//     }
//
//        client a ── "one" ──>             ── "one" ──> client a
//        client b ── "two" ──>  one socket ── "two" ──> client b
//
// udp/socket.hpp explains UDP, and has the calls that block.
//
// On this page:  async_datagram

#ifndef NETNOTES_CORO_DATAGRAM_HPP
#define NETNOTES_CORO_DATAGRAM_HPP

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

/// Datagrams, for tasks.
class async_datagram : public detail::async_socket {
  public:
    async_datagram() noexcept = default;
    /// Takes a datagram socket.
    explicit async_datagram(socket made) : async_datagram{event_loop::current(), std::move(made)} {}
    /// A socket on the wildcard address is asked to tell, with each datagram, to which address it came.
    async_datagram(event_loop& loop, socket made)
        : async_socket{loop, asked_for_addresses(std::move(made)), detail::io_node::kind::any} {}

    /// One datagram, its sender, and whether it was longer than the buffer; see socket::recv_from().
    [[nodiscard]] detail::receiving_from recv_from(mutable_buffer buffer);
    /// One datagram, whole or not at all. A server answers `from` the address to which the question came, which is
    /// socket::received::local: send_to(bytes, got.sender, got.local). 0.0.0.0 leaves the choice to the system.
    [[nodiscard]] detail::sending_to send_to(const_buffer bytes, const socket_address& where,
                                             const ip_address& from = {});

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
        if (error_ != 0) throw std::system_error{take_failure(), "recv_from"};
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
    sending_to(io_node& node, const_buffer bytes, const socket_address& where, const ip_address& from) noexcept
        : io_awaiter{node, direction::write}, bytes_{bytes}, where_{where}, from_{from} {}
    void await_resume() {
        if (error_ != 0)
            detail::throw_error(take_failure(), "send_to ", where_.to_string(), " (",
                                std::to_string(bytes_.size()), " bytes)");
    }
    bool attempt() noexcept override {
        // A Unix socket turns writable by each failure, for what was not sent is freed: so that is not asked.
        if (is_pausing() || !node_.writable) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor()};
        own->send_to(bytes_, where_, from_, error);
        if (error == std::errc::operation_would_block) {
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
};

}  // namespace detail

inline detail::receiving_from async_datagram::recv_from(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::sending_to async_datagram::send_to(const_buffer bytes, const socket_address& where,
                                                  const ip_address& from) {
    return {node(), bytes, where, from};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_DATAGRAM_HPP

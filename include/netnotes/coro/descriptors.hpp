// netnotes/coro/descriptors.hpp: descriptors that travel over a Unix socket, for tasks
// SPDX-License-Identifier: MIT
//
// A server hands its connections to workers, which are other processes. The header socket/descriptors.hpp explains how
// a descriptor travels. Here a task waits for it while other tasks run:
//
//     task<> worker(async_unix_socket manager) {
//         for (std::array<std::byte, 100> room;;) {
//             auto got = co_await manager.recv_descriptors(room);
//             if (got.bytes.empty()) co_return;                                   // the manager has ended
//             for (owned_descriptor& each : got.descriptors)
//                 spawn(serve_one(async_stream{netnotes::socket{each.release()}}));
//         }
//     }
//
//        manager ── "client 7" + descriptor ──> [ Unix socket ] ── recv_descriptors() ──> worker
//
// It is a class of its own, because a back end may receive ahead for an async_stream, and the kernel closes the descriptors
// of bytes that are received without them.
//
// On this page:  async_unix_socket
// Below it:      socket/descriptors.hpp
// The notes:     公共用途的套接字函数; unix(7)

#ifndef NETNOTES_CORO_DESCRIPTORS_HPP
#define NETNOTES_CORO_DESCRIPTORS_HPP

#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../socket/descriptors.hpp"
#include "io/socket.hpp"
#include "loop.hpp"

namespace netnotes {

namespace detail {
class sending_descriptors;
class receiving_descriptors;
}  // namespace detail

/// Owns a Unix socket of any type, over which tasks pass descriptors. Use it only in tasks of its loop. One task may
/// receive while another task sends. A second task in the same direction, or a task of another loop, gets
/// std::logic_error.
///
/// Awaited calls throw std::system_error if the system reports an error, and netnotes::cancelled if the task is
/// cancelled.
class async_unix_socket : public detail::async_socket {
  public:
    /// Creates a closed socket. Every operation on it fails with errc::bad_file_descriptor.
    async_unix_socket() noexcept = default;
    /// Takes over a connected Unix socket and makes it non-blocking. Without `loop` it uses the loop that runs in this
    /// thread (std::logic_error if no loop runs). The object must not outlive the loop. Throws std::system_error if the
    /// loop's back end refuses the descriptor.
    explicit async_unix_socket(socket connected) : async_unix_socket{event_loop::current(), std::move(connected)} {}
    async_unix_socket(event_loop& loop, socket connected)
        : async_socket{loop, std::move(connected), detail::io_node::kind::any} {}

    /// Sends the bytes, and with the first of them the descriptors, as netnotes::send_descriptors() does. Suspends while
    /// the socket takes no more. The bytes and the array of descriptors must stay valid until then. They stay open here,
    /// and the caller may close them once the call has returned. After a failure a part may have left.
    [[nodiscard]] detail::sending_descriptors send_descriptors(std::span<const int> descriptors, const_buffer bytes);
    /// Does the same, but reports an error instead of throwing it: operation_canceled if the task is cancelled. Returns
    /// how many bytes the kernel took. If it took any, the descriptors have left as well. `error` must stay valid as
    /// long as the bytes.
    [[nodiscard]] detail::reporting<detail::sending_descriptors> send_descriptors(std::span<const int> descriptors,
                                                                                  const_buffer bytes,
                                                                                  std::error_code& error);
    /// Receives bytes and the descriptors that came with them, as netnotes::recv_descriptors() does, and fails as it
    /// does. Suspends until bytes arrive; the buffer must stay valid until then.
    [[nodiscard]] detail::receiving_descriptors recv_descriptors(mutable_buffer buffer, std::size_t max_count = 16);
    /// Does the same, but reports an error instead of throwing it, and then returns no bytes. A cancellation is still
    /// thrown. `error` must stay valid as long as the buffer.
    [[nodiscard]] detail::reporting<detail::receiving_descriptors> recv_descriptors(mutable_buffer buffer,
                                                                                    std::size_t max_count,
                                                                                    std::error_code& error);
    /// Returns which process is at the other end: see netnotes::peer_credentials(). Does not wait.
    [[nodiscard]] credentials peer_credentials() const { return netnotes::peer_credentials(*borrow()); }
    [[nodiscard]] credentials peer_credentials(std::error_code& error) const noexcept {
        return netnotes::peer_credentials(*borrow_any(), error);
    }
    /// Shuts down one direction, or both directions: see socket::shutdown(). Does not wait.
    void shutdown(shutdown_direction direction) { borrow()->shutdown(direction); }
    void shutdown(shutdown_direction direction, std::error_code& error) noexcept {
        borrow_any()->shutdown(direction, error);
    }
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class [[nodiscard]] sending_descriptors final : public io_awaiter<sending_descriptors, pausing_operation> {
  public:
    sending_descriptors(io_node& node, std::span<const int> descriptors, const_buffer bytes) noexcept
        : io_awaiter{node, direction::write}, descriptors_{descriptors}, bytes_{bytes} {}
    void await_resume() {
        const std::size_t sent = std::exchange(sent_, 0);
        if (error_ != 0)
            fail(detail::joined("send_descriptors (", std::to_string(sent), " of ", std::to_string(bytes_.size()),
                                " bytes sent) to"));
    }
    /// Returns how many bytes are sent. The next use of the operation counts from 0.
    std::size_t so_far() noexcept { return std::exchange(sent_, 0); }
    bool attempt() noexcept override {
        if (is_pausing() || !node_.writable) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor()};
        socket& to = *own;
        sent_ += sent_ == 0 ? netnotes::send_descriptors(to, descriptors_, bytes_, error)
                            : to.send_all(bytes_.subspan(sent_), error);
        if (error == std::errc::operation_would_block) {
            pause();  // a datagram socket is reported as writable though its peer's queue is full
            return node_.writable = false;
        }
        error_ = error.value();
        return true;
    }

  private:
    std::span<const int> descriptors_;
    const_buffer bytes_;
    std::size_t sent_ = 0;
};

class [[nodiscard]] receiving_descriptors final : public io_awaiter<receiving_descriptors, socket_operation> {
  public:
    receiving_descriptors(io_node& node, mutable_buffer room, std::size_t max_count) noexcept
        : io_awaiter{node, direction::read}, room_{room}, max_count_{max_count} {}
    received_descriptors await_resume() {
        throw_if_failed("recv_descriptors from");
        return std::move(received_);
    }
    bool attempt() noexcept override {
        if (!node_.readable) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor()};
        try {
            received_ = netnotes::recv_descriptors(*own, room_, max_count_, error);
        } catch (const std::bad_alloc&) {  // before it has received
            error = std::make_error_code(std::errc::not_enough_memory);
        }
        if (error == std::errc::operation_would_block) return node_.readable = false;
        error_ = error.value();
        return true;
    }

  private:
    mutable_buffer room_;
    std::size_t max_count_;
    received_descriptors received_;
};

}  // namespace detail

inline detail::sending_descriptors async_unix_socket::send_descriptors(std::span<const int> descriptors,
                                                                       const_buffer bytes) {
    return {node(), descriptors, bytes};
}
inline detail::reporting<detail::sending_descriptors> async_unix_socket::send_descriptors(
    std::span<const int> descriptors, const_buffer bytes, std::error_code& error) {
    return detail::reporting<detail::sending_descriptors>{error, node(), descriptors, bytes};
}
inline detail::receiving_descriptors async_unix_socket::recv_descriptors(mutable_buffer buffer, std::size_t max_count) {
    return {node(), buffer, max_count};
}
inline detail::reporting<detail::receiving_descriptors> async_unix_socket::recv_descriptors(mutable_buffer buffer,
                                                                                            std::size_t max_count,
                                                                                            std::error_code& error) {
    return detail::reporting<detail::receiving_descriptors>{error, node(), buffer, max_count};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_DESCRIPTORS_HPP

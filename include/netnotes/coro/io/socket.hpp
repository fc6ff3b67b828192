// netnotes/coro/io/socket.hpp: the common part of all sockets for tasks
// SPDX-License-Identifier: MIT
//
// async_stream, async_listener and async_datagram have the same base. It owns the socket and its node, and has the
// calls that do not wait. A call that waits is an awaiter on top of socket_operation:
//
//        async_stream ────┐
//        async_listener ──┼──> async_socket ──────> io_node ──> the loop
//        async_datagram ──┘                            ^
//        co_await recv(), ... ──> socket_operation ────┘
//
// On this page:  async_socket · for authors of awaitables: borrowed_socket · socket_operation · pausing_operation
// Below it:      coro/io/operation.hpp

#ifndef NETNOTES_CORO_IO_SOCKET_HPP
#define NETNOTES_CORO_IO_SOCKET_HPP

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../../socket/owner.hpp"
#include "../../socket/socket.hpp"
#include "../../socket/time.hpp"
#include "../loop.hpp"
#include "operation.hpp"

namespace netnotes {

namespace detail {
/// Wraps a descriptor as a socket, for calls that do not wait. Does not own the descriptor and does not close it.
class borrowed_socket {
  public:
    explicit borrowed_socket(int descriptor, bool is_ip = false) noexcept : socket_{descriptor, false} {
        socket_.takes_notes_ = is_ip;
    }
    borrowed_socket(const borrowed_socket&) = delete;
    borrowed_socket& operator=(const borrowed_socket&) = delete;
    ~borrowed_socket() { static_cast<void>(socket_.release()); }
    socket* operator->() noexcept { return &socket_; }
    socket& operator*() noexcept { return socket_; }

  private:
    socket socket_;
};

/// The common base of async_stream, async_listener and async_datagram: owns a socket. It can be moved, not copied. No
/// call of this class suspends. All calls but is_open(), native_handle() and close() fail with errc::bad_file_descriptor
/// if the socket is closed. Only the loop's thread may use it.
class async_socket {
  public:
    /// Returns true if this object owns a socket.
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(node_); }
    /// Returns the descriptor, or -1 if the socket is closed.
    [[nodiscard]] int native_handle() const noexcept { return node_ ? node_->descriptor() : -1; }
    /// Sets an option of socket/options.hpp. Throws std::system_error if the system refuses it.
    template <class Option>
    void set_option(const Option& option) {
        borrow()->set_option(option);
    }
    template <class Option>
    void set_option(const Option& option, std::error_code& error) noexcept {
        borrow_any()->set_option(option, error);
    }
    /// Returns the value of an option. Throws std::system_error if the system refuses.
    template <class Option>
    [[nodiscard]] auto get_option() const {
        return borrow()->template get_option<Option>();
    }
    /// Set and return an option as in C: see socket_handle::set_option().
    void set_option(int level, int name, std::span<const std::byte> value) { borrow()->set_option(level, name, value); }
    void set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept {
        borrow_any()->set_option(level, name, value, error);
    }
    void set_option(int level, int name, int value) { borrow()->set_option(level, name, value); }
    std::size_t get_option(int level, int name, std::span<std::byte> value) const {
        return borrow()->get_option(level, name, value);
    }
    std::size_t get_option(int level, int name, std::span<std::byte> value, std::error_code& error) const noexcept {
        return borrow_any()->get_option(level, name, value, error);
    }
    /// Returns and clears the error that occurred in the background (SO_ERROR), or no error. After close() it returns
    /// errc::bad_file_descriptor.
    [[nodiscard]] std::error_code take_error() noexcept { return borrow_any()->take_error(); }
    /// Returns the socket's own address. Throws std::system_error.
    [[nodiscard]] socket_address local_endpoint() const { return borrow()->local_endpoint(); }
    [[nodiscard]] socket_address local_endpoint(std::error_code& error) const noexcept {
        return borrow_any()->local_endpoint(error);
    }
    /// Limits how long each later call waits for the peer: the call then throws errc::timed_out. `never` means no
    /// limit.
    void set_timeout(wait_time timeout) { opened().set_timeout(timeout); }
    /// Returns the limit of each call, or `never`.
    [[nodiscard]] duration timeout() const { return opened().timeout(); }
    /// Closes the socket at once. A task that is waiting on it, and every later call, fails with
    /// errc::bad_file_descriptor.
    void close() noexcept { node_.reset(); }
    /// For authors of awaitables. Returns the node of this socket, or io_node::closed.
    [[nodiscard]] io_node& node() const noexcept { return node_ ? *node_ : io_node::closed; }

  protected:
    async_socket() noexcept = default;
    async_socket(event_loop& loop, socket&& made, io_node::kind what) : async_socket{loop, made, what, is_ip(made)} {}
    async_socket(event_loop& loop, socket& made, io_node::kind what, bool is_ip, bool connects = false)
        : node_{new io_node{loop, (made.set_blocking(false), made.native_handle()), what, io_node::ends_with::close,
                            connects}} {
        static_cast<void>(made.release());
        // On a Unix socket a receive also ends where a descriptor was passed (unix(7)), even if more bytes follow.
        node_->read_to_end = !is_ip;
    }
    [[nodiscard]] borrowed_socket borrow() const { return borrowed_socket{opened().descriptor()}; }
    /// Does the same for a closed socket, too. Every call on that one fails with errc::bad_file_descriptor.
    [[nodiscard]] borrowed_socket borrow_any() const noexcept { return borrowed_socket{native_handle()}; }
    static bool is_ip(const socket& made) noexcept {
        std::error_code unknown;
        return made.local_endpoint(unknown).is_ip();
    }
    async_socket(async_socket&&) noexcept = default;
    async_socket& operator=(async_socket&&) noexcept = default;
    ~async_socket() = default;

    [[nodiscard, gnu::always_inline]] inline io_node& opened() const {
        if (!node_) [[unlikely]]
            refuse();
        return *node_;
    }
    [[noreturn, gnu::cold, gnu::noinline]] static void refuse() {
        detail::throw_error(std::make_error_code(std::errc::bad_file_descriptor), "a closed socket");
    }
    owner<io_node, io_node::retire> node_;
};

/// The base of awaiters on a socket. Its errors name the peer.
class socket_operation : public io_operation {
  protected:
    using io_operation::io_operation;
    [[gnu::always_inline]] ~socket_operation() = default;
    /// Throws the error of a failed operation. See fail().
    [[gnu::always_inline]] inline void throw_if_failed(const char* attempt) {
        if (error_ != 0) [[unlikely]]
            fail(attempt);
    }
    /// Throws, for example, "recv from 192.0.2.1:80: Connection reset by peer".
    [[noreturn, gnu::cold, gnu::noinline]] void fail(const std::string& attempt) {
        const std::error_code error = take_failure();
        socket_address peer;
        socklen_t size = socket_address::capacity;
        // After close() the kernel may already have given this descriptor number to another socket.
        const bool is_open = !node_.is_closed() && error.value() != EBADF;
        const bool known = is_open && ::getpeername(node_.descriptor(), peer.data(), &size) == 0;
        if (known) peer.resize(size);
        detail::throw_error(error, attempt, known ? " " : error.value() == EBADF ? " a closed socket" : " the peer",
                            known ? peer.to_string() : "");
    }
};

/// The base of operations that pause and try again when no event will come. For example, no event reports that another
/// Unix socket's queue has room again (unix(7)).
class pausing_operation : public socket_operation, private loop_timer {
  protected:
    using socket_operation::socket_operation;
    ~pausing_operation() = default;
    [[nodiscard]] bool is_pausing() const noexcept { return is_armed(); }
    /// Starts a pause. When it ends, the operation attempts again.
    void pause(duration time = std::chrono::milliseconds{5}) noexcept {
        node_.loop().arm(*this, later(node_.loop().now(), time));
    }

  private:
    void expired() noexcept override {
        if (!is_waiting()) return;
        (direction_ == direction::read ? node_.readable : node_.writable) = true;
        node_.loop().look_again(node_);
    }
};

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_IO_SOCKET_HPP

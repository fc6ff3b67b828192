// netnotes/coro/io/socket.hpp: a socket as the loop knows it
// SPDX-License-Identifier: MIT
//
// On this page:  borrowed_socket · async_socket · socket_operation · pausing_operation

#ifndef NETNOTES_CORO_IO_SOCKET_HPP
#define NETNOTES_CORO_IO_SOCKET_HPP

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "../../socket/socket.hpp"
#include "../loop.hpp"
#include "../owner.hpp"
#include "operation.hpp"

namespace netnotes {

namespace detail {
/// A descriptor for a call of socket.hpp's, which does not wait. It belongs to somebody else.
class borrowed_socket {
  public:
    explicit borrowed_socket(int descriptor, bool is_ip = false) noexcept : socket_{descriptor, false} {
        socket_.takes_notes_ = is_ip;
    }
    borrowed_socket(const borrowed_socket&) = delete;
    borrowed_socket& operator=(const borrowed_socket&) = delete;
    ~borrowed_socket() { static_cast<void>(socket_.release()); }
    socket* operator->() noexcept { return &socket_; }

  private:
    socket socket_;
};

class async_socket {
  public:
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(node_); }
    /// -1 when it is closed.
    [[nodiscard]] int native_handle() const noexcept { return node_ ? node_->descriptor() : -1; }
    template <class Option>
    void set_option(const Option& option) {
        borrow()->set_option(option);
    }
    template <class Option>
    [[nodiscard]] auto get_option() const {
        return borrow()->template get_option<Option>();
    }
    [[nodiscard]] socket_address local_endpoint() const { return borrow()->local_endpoint(); }
    /// Each call from now on waits at most so long for the peer, and then throws errc::timed_out. `never` is for ever.
    void set_timeout(wait_time timeout) { opened().set_timeout(timeout); }
    [[nodiscard]] duration timeout() const { return opened().timeout(); }
    /// At once. A task that waits for it is told errc::bad_file_descriptor, and so is who uses it later.
    void close() noexcept { node_.reset(); }
    /// For authors of awaitables. Returns the node of this socket, or io_node::closed.
    [[nodiscard]] io_node& node() const noexcept { return node_ ? *node_ : io_node::closed; }

  protected:
    async_socket() noexcept = default;
    async_socket(event_loop& loop, socket&& made, io_node::kind what) : async_socket{loop, made, what, is_ip(made)} {}
    async_socket(event_loop& loop, socket& made, io_node::kind what, bool is_ip)
        : node_{new io_node{loop, (made.set_blocking(false), made.native_handle()), what, io_node::ends_with::close}} {
        static_cast<void>(made.release());
        // A Unix socket's receive also ends where a descriptor was passed (unix(7)), however much is behind it.
        node_->read_to_end = !is_ip;
    }
    [[nodiscard]] borrowed_socket borrow() const { return borrowed_socket{opened().descriptor()}; }
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
    [[noreturn, gnu::noinline]] static void refuse() {
        throw std::system_error{std::make_error_code(std::errc::bad_file_descriptor), "a closed socket"};
    }
    owner<io_node, io_node::retire> node_;
};

class socket_operation : public io_operation {
  protected:
    using io_operation::io_operation;
    [[gnu::always_inline]] ~socket_operation() = default;
    [[gnu::always_inline]] inline void throw_if_failed(const char* attempt) {
        if (error_ != 0) [[unlikely]]
            fail(attempt);
    }
    /// "recv from 192.0.2.1:80: Connection reset by peer"
    [[noreturn, gnu::noinline]] void fail(const std::string& attempt) {
        const std::error_code error = take_failure();
        socket_address peer;
        socklen_t size = socket_address::capacity;
        // Of one that was closed the number may be another's by now.
        const bool known = error.value() != EBADF && ::getpeername(node_.descriptor(), peer.data(), &size) == 0;
        if (known) peer.resize(size);
        detail::throw_error(error, attempt, known ? " " : error.value() == EBADF ? " a closed socket" : " the peer",
                            known ? peer.to_string() : "");
    }
};

/// Nothing can be polled for room in the queue of another Unix socket (unix(7)): one looks again now and then.
class pausing_operation : public socket_operation, private loop_timer {
  protected:
    using socket_operation::socket_operation;
    ~pausing_operation() = default;
    [[nodiscard]] bool is_pausing() const noexcept { return is_armed(); }
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

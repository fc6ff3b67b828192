// netnotes/coro/stream.hpp: connections for tasks
// SPDX-License-Identifier: MIT
//
// The calls of socket.hpp, with co_await before those that may have to wait. A server for thousands reads like the one
// for a single client:
//
//     task<> echo(async_stream client) {
//         try {
//             for (;;) {
//                 auto bytes = co_await client.recv();            // lent by the loop, until we wait again
//                 if (bytes.empty()) co_return;                   // the end
//                 co_await client.send_all(bytes);
//             }
//         } catch (const std::system_error&) {                    // this client has failed. The others go on
//         }
//     }
//     task<> accept_all(async_listener listener) {
//         for (;;) {
//             auto next = co_await listener.accept();             // without descriptors it waits until there are some
//             spawn(echo(std::move(next.stream)));
//         }
//     }
//     int main() {
//         event_loop loop;
//         loop.run(accept_all(async_listener{loop, tcp_listener{{ipv4_address::loopback(), 6666}}}));
//     }
//
// The exception matters: a reset by one client would leave its task, and then run(), and so end the server. serve() of
// coro/serve.hpp is this loop with limits, a graceful stop, and a place where such an exception is reported.
//
//        recv() ──> is there anything? ──yes──> recv(2) ──> go on at once, nobody was asked to wait
//                          |no, as we remember
//                          └──> suspended ──> ready to read ──> recv(2) ──> resumed
//
// What makes it cheap is what it does not do. The loop registers a descriptor once. A receive that returned less than
// there was room for has emptied the socket, so the next receive waits without a system call. A send is tried at once; the
// task waits only if the kernel takes no more. A task that waits for bytes holds no buffer. When bytes arrive, the loop lends
// its own. A silent connection therefore costs one coroutine frame and one node.
//
// A peer who always has something for us does not keep the others waiting: after some calls that did not wait, the next
// one does.
//
// On this page:  async_stream
// Above it:      coro/serve.hpp, a whole server
// The notes:     gevent版-TCP服务器 (the gevent server); example 26

#ifndef NETNOTES_CORO_STREAM_HPP
#define NETNOTES_CORO_STREAM_HPP

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../tcp/stream.hpp"
#include "io/socket.hpp"
#include "loop.hpp"

namespace netnotes {

namespace detail {
class receiving_lent;
class receiving;
class receiving_exactly;
class sending;
class sending_all;
class connecting;
class accepting;
}  // namespace detail

/// A connection, of TCP or a Unix socket, for tasks: one may receive while another sends, but not two in one direction
/// at once (std::logic_error). All throw what the system says as std::system_error, and netnotes::cancelled when the task
/// is cancelled. Lines, and all that ends with a delimiter, are read through async_buffered_stream (coro/buffered.hpp):
/// what has come behind a message must be kept for the next.
class async_stream : public detail::async_socket {
  public:
    async_stream() noexcept = default;
    /// Takes a connected stream socket, for the loop that runs in this thread, or another, which it must not outlive.
    /// Throws std::system_error when the poller refuses it.
    explicit async_stream(socket connected) : async_stream{event_loop::current(), std::move(connected)} {}
    explicit async_stream(tcp_stream connected) : async_stream{std::move(connected).into_socket()} {}
    async_stream(event_loop& loop, tcp_stream connected) : async_stream{loop, std::move(connected).into_socket()} {}
    async_stream(event_loop& loop, socket connected)
        : async_socket{loop, std::move(connected), detail::io_node::kind::stream} {}

    /// Connects, and gives the stream. errc::connection_refused, timed_out after about two minutes, ... To a host with a
    /// name and several addresses: async_connect() (coro/connect.hpp).
    [[nodiscard]] static task<async_stream> connect(socket_address where);

    [[nodiscard]] socket_address peer_endpoint() const { return borrow()->peer_endpoint(); }

    /// What has come, at most 64 KiB; nothing at the end of the stream. It lies in the loop's buffer, for the next who
    /// receives: it is valid until the next co_await or task_group::spawn(). So it must not leave a task that is run by
    /// with_timeout, when_all, when_any, with_group or spawn: who awaits those goes on a turn later, and others have
    /// received meanwhile. (A limit of time is set_timeout().) Only send() and send_all(), of the same
    /// stream or another, may be given it there, for they copy what they must.
    [[nodiscard]] detail::receiving_lent recv();
    /// At least one byte, at most buffer.size(); 0 at the end of the stream.
    [[nodiscard]] detail::receiving recv(mutable_buffer buffer);
    /// The whole buffer; or 0, when the stream had ended before. An end in the middle is errc::protocol_error. When it is
    /// cancelled, or fails, what has come by then lies at the beginning of the buffer; only the awaiter knows how much.
    [[nodiscard]] detail::receiving_exactly recv_exact(mutable_buffer buffer);
    /// The same, where `filled` bytes are in the buffer already; it counts what comes. So a message that was cancelled in
    /// the middle, by with_timeout() say, is gone on with later: call it again with the same two. `filled` must live as
    /// long as the buffer. It is the caller who sets it to 0 for the next message.
    [[nodiscard]] detail::receiving_exactly recv_exact(mutable_buffer buffer, std::size_t& filled);
    /// Some of the bytes, at least one; gives how many. They must stay where they are until it is done, unless they are
    /// what recv() lent.
    [[nodiscard]] detail::sending send(const_buffer bytes);
    /// All of them. The same holds for them. If it ends without having sent all, closing the stream sends a reset.
    [[nodiscard]] detail::sending_all send_all(const_buffer bytes);

    /// See socket::shutdown(). Does not wait.
    void shutdown(shutdown_direction direction) { borrow()->shutdown(direction); }

  private:
    friend detail::accepting;
    async_stream(event_loop& loop, socket&& accepted, bool is_ip)
        : async_socket{loop, accepted, detail::io_node::kind::stream, is_ip} {}
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class [[nodiscard]] receiving_lent final : public io_receiver<receiving_lent, socket_operation> {
  public:
    explicit receiving_lent(io_node& node) noexcept : io_receiver{node, direction::read} {}
    [[gnu::always_inline]] ~receiving_lent() = default;
    std::span<std::byte> await_resume() {
        throw_if_failed("recv from");
        return bytes_;
    }
    bool attempt() noexcept override { return receive_lent(bytes_); }

  private:
    std::span<std::byte> bytes_;  // lent until the task suspends again
};

class [[nodiscard]] receiving final : public io_receiver<receiving, socket_operation> {
  public:
    receiving(io_node& node, mutable_buffer room) noexcept : io_receiver{node, direction::read}, room_{room} {}
    [[gnu::always_inline]] ~receiving() = default;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (room_.empty()) [[unlikely]]
            return leave_at_once(waiter);
        return io_receiver::await_suspend(waiter);
    }
    std::size_t await_resume() {
        throw_if_failed("recv from");
        return size_;
    }
    bool attempt() noexcept override { return receive(room_, size_); }

  private:
    mutable_buffer room_;
    std::size_t size_ = 0;
};

class [[nodiscard]] receiving_exactly final : public io_receiver<receiving_exactly, socket_operation> {
  public:
    receiving_exactly(io_node& node, mutable_buffer room) noexcept
        : io_receiver{node, direction::read}, room_{room}, filled_{own_} {}
    receiving_exactly(io_node& node, mutable_buffer room, std::size_t& filled) noexcept
        : io_receiver{node, direction::read}, room_{room}, filled_{filled} {}
    [[gnu::always_inline]] ~receiving_exactly() = default;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (filled_ >= room_.size()) [[unlikely]]
            return leave_at_once(waiter);
        return io_receiver::await_suspend(waiter);
    }
    /// Awaited again after an error, it goes on behind the bytes that it has.
    std::size_t await_resume() {
        if (error_ != 0)
            fail(detail::joined("recv_exact (", std::to_string(filled_), " of ", std::to_string(room_.size()),
                                " bytes) from"));
        const std::size_t size = filled_;
        own_ = 0;
        return size;
    }
    bool attempt() noexcept override {
        while (filled_ < room_.size()) {
            const std::span<std::byte> rest = room_.subspan(filled_);
            std::size_t size = 0;
            if (!receive(rest, size)) return false;
            if (size == 0) {
                if (error_ == 0 && filled_ > 0) error_ = EPROTO;  // the end, in the middle
                return true;
            }
            filled_ += size;
        }
        return true;
    }

  private:
    mutable_buffer room_;
    std::size_t own_ = 0;
    std::size_t& filled_;  // own_, or the caller's
};

/// Bytes to send. They may be what recv() has lent: then they are kept while we wait, for others receive into that.
class sending_bytes : public socket_operation {
  protected:
    enum class wanted : bool { some, all };
    sending_bytes(io_node& node, const_buffer bytes, wanted how_many) noexcept
        : socket_operation{node, direction::write}, wants_{how_many}, rest_{bytes}, size_{bytes.size()} {}
    [[gnu::always_inline]] ~sending_bytes() {
        if (has_waited()) [[unlikely]]  // most have not, and end without a look at what follows from it
            end_after_wait();
    }
    /// False when it has to wait.
    bool send_some() noexcept {
        return transmit([&] {
            const auto sent = ::send(node_.descriptor(), rest_.data(), rest_.size(), MSG_NOSIGNAL);
            if (sent > 0) rest_ = rest_.subspan(static_cast<std::size_t>(sent));
            return sent;
        });
    }
    [[nodiscard]] std::span<const std::byte> all() const noexcept {
        return {rest_.data() - (size_ - rest_.size()), size_};
    }
    /// Some bytes cannot be sent. An orderly end would tell the peer that it has everything, so closing will be a reset;
    /// unless it is tried once more.
    [[gnu::noinline]] void end_by_reset(bool does) const noexcept {
        const ::linger how{does ? 1 : 0, 0};
        if (!node_.is_retired())  // else the number may be another descriptor's by now
            ::setsockopt(node_.descriptor(), SOL_SOCKET, SO_LINGER, &how, sizeof how);
    }
    /// When it has to wait.
    [[gnu::noinline]] void keep_bytes() {
        if (!is_waiting() || is_kept_ || !node_.loop().has_lent(rest_)) return;
        std::byte* const kept = new (std::nothrow) std::byte[size_];
        if (!kept) {
            error_ = ENOMEM;
            fail("send to");
        }
        std::copy_n(all().data(), size_, kept);
        rest_ = std::span<const std::byte>{kept + (size_ - rest_.size()), rest_.size()};
        is_kept_ = true;
    }

  private:
    [[gnu::noinline]] void end_after_wait() const noexcept {
        if (is_waiting() && wants_ == wanted::all) end_by_reset(true);  // the frame is destroyed
        if (is_kept_) delete[] all().data();
    }

    wanted wants_;
    bool is_kept_ = false;  // `all()` is ours

  protected:
    bool resets_ = false;  // closing is a reset now, because this has failed in the middle
    std::span<const std::byte> rest_;
    std::size_t size_;
};
template <class Derived>
class sending_awaiter : public io_awaiter<Derived, sending_bytes> {
  public:
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (this->resets_) [[unlikely]] {  // it has failed, and is awaited again
            this->resets_ = false;
            this->end_by_reset(false);
        }
        if (!io_operation::begin(static_cast<Derived&>(*this), waiter)) [[likely]]
            return false;
        this->keep_bytes();
        return true;
    }

  protected:
    using io_awaiter<Derived, sending_bytes>::io_awaiter;
    [[gnu::always_inline]] ~sending_awaiter() = default;
};

class [[nodiscard]] sending final : public sending_awaiter<sending> {
  public:
    sending(io_node& node, const_buffer bytes) noexcept : sending_awaiter{node, bytes, wanted::some} {}
    [[gnu::always_inline]] ~sending() = default;
    std::size_t await_resume() {
        throw_if_failed("send to");
        return size_ - rest_.size();
    }
    bool attempt() noexcept override {
        rest_ = all();  // it may be awaited again
        return send_some();
    }
};

class [[nodiscard]] sending_all final : public sending_awaiter<sending_all> {
  public:
    sending_all(io_node& node, const_buffer bytes) noexcept : sending_awaiter{node, bytes, wanted::all} {}
    [[gnu::always_inline]] ~sending_all() = default;
    void await_resume() {
        if (error_ != 0) [[unlikely]]
            fail_in_the_middle();
    }
    [[gnu::always_inline]] inline bool attempt() noexcept override {
        if (rest_.empty()) [[unlikely]]
            return begin_again();
        do {
            if (!send_some()) return false;
        } while (!rest_.empty() && error_ == 0);
        return true;
    }

  private:
    /// Nothing is to be sent; or all was, and it is awaited again.
    [[gnu::noinline]] bool begin_again() noexcept {
        if (size_ == 0) return true;
        rest_ = all();
        return attempt();
    }
    [[noreturn, gnu::noinline]] void fail_in_the_middle() {
        if (error_ > 0 && error_ != EBADF) end_by_reset(resets_ = true);
        fail(detail::joined("send_all (", std::to_string(rest_.size()), " bytes not sent) to"));
    }
};

class [[nodiscard]] connecting final : public io_awaiter<connecting, pausing_operation> {
  public:
    connecting(io_node& node, const socket_address& where) noexcept
        : io_awaiter{node, direction::write}, where_{where} {}
    void await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "connect ", where_.to_string());
    }
    bool attempt() noexcept override {
        if (is_pausing()) return false;
        if (has_begun_) {
            if (!node_.writable) return false;
            socklen_t size = sizeof error_;
            if (::getsockopt(node_.descriptor(), SOL_SOCKET, SO_ERROR, &error_, &size) != 0) error_ = errno;
            return true;
        }
        // What the poller has said before, of a socket that is not connected, is of no worth: that it is hung up. What
        // it says from here on is, for the peer's first bytes may come together with the news that we are connected.
        node_.readable = false;
        node_.read_to_end = !where_.is_ip();
        const int error = ::connect(node_.descriptor(), where_.data(), where_.size()) == 0 ? 0 : errno;
        if ((error == 0 || error == EINPROGRESS || error == EINTR) && meets_itself(node_.descriptor(), where_)) {
            dissolve(node_.descriptor());  // see socket::connect()
            error_ = ECONNREFUSED;
            return true;
        }
        if (error == 0) return true;
        // Interrupted or not, it goes on by itself, and the socket turns writable when it is decided.
        if (error == EINPROGRESS || error == EINTR) {
            has_begun_ = true;
            return node_.writable = false;
        }
        if (detail::would_block(error) && !where_.is_ip()) {
            pause();
            return false;
        }
        error_ = detail::would_block(error) ? EADDRNOTAVAIL : error;  // out of ports; see socket.hpp
        return true;
    }

  private:
    socket_address where_;
    bool has_begun_ = false;
};

}  // namespace detail

inline task<async_stream> async_stream::connect(socket_address where) {
    co_await detail::stepping{};  // the next line may fail, and a task may try again for ever
    async_stream stream{socket{where.family(), socket_type::stream}};
    co_await detail::connecting{*stream.node_, where};
    co_return stream;
}
inline detail::receiving_lent async_stream::recv() { return detail::receiving_lent{node()}; }
inline detail::receiving async_stream::recv(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::receiving_exactly async_stream::recv_exact(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::receiving_exactly async_stream::recv_exact(mutable_buffer buffer, std::size_t& filled) {
    return {node(), buffer, filled};
}
inline detail::sending async_stream::send(const_buffer bytes) { return {node(), bytes}; }
inline detail::sending_all async_stream::send_all(const_buffer bytes) { return {node(), bytes}; }

}  // namespace netnotes

#endif  // NETNOTES_CORO_STREAM_HPP

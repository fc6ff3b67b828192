// netnotes/coro/stream.hpp: connections for tasks
// SPDX-License-Identifier: MIT
//
// A connection has the same calls as in socket.hpp. A call that may have to wait is awaited with co_await. So a server
// for thousands of clients reads like a server for one client:
//
//     task<> echo(async_stream client) {
//         try {
//             for (;;) {
//                 auto bytes = co_await client.recv();            // lent by the loop until the task waits again
//                 if (bytes.empty()) co_return;                   // the end of the stream
//                 co_await client.send_all(bytes);
//             }
//         } catch (const std::system_error&) {                    // this client has failed, the others continue
//         }
//     }
//     task<> accept_all(async_listener listener) {
//         for (;;) {
//             auto next = co_await listener.accept();             // if no descriptor is free, it waits for one
//             spawn(echo(std::move(next.stream)));
//         }
//     }
//     int main() {
//         event_loop loop;
//         loop.run(accept_all(async_listener{loop, tcp_listener{{ipv4_address::loopback(), 6666}}}));
//     }
//
// The `catch` matters. Without it, a client that resets its connection would end its task with an exception. The loop's
// run() would throw that exception, and the server would end. The function serve() in coro/serve.hpp is this loop with
// limits, a graceful stop and a report of such exceptions.
//
//        recv() ──> may there be bytes? ──yes──> recv(2) ──> the task continues at once
//                          │no: the last receive emptied the socket
//                          └──> suspend ──> the loop sees new bytes ──> recv(2) ──> resume
//
// It is cheap because it makes few system calls. The loop registers a descriptor once. A receive that returned less
// than its buffer can hold has emptied the socket, so the next receive waits without a system call. A send is tried at
// once, and the task waits only if the kernel takes no more. A task that waits for bytes holds no buffer: when bytes
// arrive, the loop lends its own. A silent connection therefore costs one coroutine frame and one node.
//
// A peer that always has more bytes cannot starve the other tasks. After about 60 calls that did not have to wait, the
// next call lets the others run first.
//
// On this page:  async_stream
// Above it:      coro/serve.hpp, a whole server
// The notes:     gevent版-TCP服务器 (the gevent server); example 26

#ifndef NETNOTES_CORO_STREAM_HPP
#define NETNOTES_CORO_STREAM_HPP

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/time.hpp"
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
// What a compiler shows for a mistake: see tests/package/mistakes.txt.
struct write_async_connect_for_a_name_and_braces_for_an_endpoint;
struct print_its_peer_endpoint_or_receive_and_print_as_text;
}  // namespace detail

/// Owns a connection, of TCP or of a Unix socket. Use it only in tasks of its loop. One task may receive while another
/// task sends. A second task in the same direction, or a task of another loop, gets std::logic_error.
///
/// Awaited calls throw std::system_error if the system reports an error, and netnotes::cancelled if the task is
/// cancelled. To read lines, or messages that end with a delimiter, use async_buffered_stream (coro/buffered.hpp). It
/// keeps the bytes behind a message for the next message.
///
/// It has the calls of tcp_stream, but a task is limited and stopped in another way. Instead of set_deadline() write
/// with_timeout(), and instead of stop_with() cancel the task. It does not give its socket back, because the loop may
/// have received bytes already. A call refers to its stream: await it before the stream is closed or destroyed.
class async_stream : public detail::async_socket {
  public:
    /// Creates a closed stream. Every operation on it fails with errc::bad_file_descriptor.
    async_stream() noexcept = default;
    /// Takes over a connected stream socket and makes it non-blocking. Without `loop` it uses the loop that runs in
    /// this thread (std::logic_error if no loop runs). The stream must not outlive the loop. Throws std::system_error
    /// if the loop's back end refuses the descriptor.
    explicit async_stream(socket connected) : async_stream{event_loop::current(), std::move(connected)} {}
    explicit async_stream(tcp_stream connected) : async_stream{std::move(connected).into_socket()} {}
    async_stream(event_loop& loop, tcp_stream connected) : async_stream{loop, std::move(connected).into_socket()} {}
    async_stream(event_loop& loop, socket connected)
        : async_socket{loop, std::move(connected), detail::io_node::kind::stream} {}

    /// Connects to `where` within `timeout` and returns the stream. Throws errc::connection_refused, errc::timed_out
    /// (without a timeout after about two minutes), and other errors of connect(2). The timeout is for connecting only.
    /// For a host name use async_connect() (coro/connect.hpp).
    [[nodiscard]] static task<async_stream> connect(socket_address where, wait_time timeout = never);
    /// Does the same, so that an address and a port suffice: `co_await async_stream::connect({"127.0.0.1", 80})`.
    [[nodiscard]] static task<async_stream> connect(endpoint where, wait_time timeout = never);
    template <class Host, class Advice = detail::write_async_connect_for_a_name_and_braces_for_an_endpoint>
    requires std::is_convertible_v<const Host&, std::string_view>
    static task<async_stream> connect(const Host&, int) = delete;
    /// Do the same, but report an error instead of throwing it, and then return a closed stream. A scanner expects most
    /// of its errors. A cancellation is still thrown. `error` must stay valid until the task ends.
    [[nodiscard]] static detail::reporting_task<async_stream> connect(socket_address where, std::error_code& error);
    [[nodiscard]] static detail::reporting_task<async_stream> connect(endpoint where, std::error_code& error);
    [[nodiscard]] static detail::reporting_task<async_stream> connect(socket_address where, wait_time timeout,
                                                                      std::error_code& error);
    [[nodiscard]] static detail::reporting_task<async_stream> connect(endpoint where, wait_time timeout,
                                                                      std::error_code& error);

    /// Returns the address of the peer. Does not wait. Throws std::system_error if the connection no longer exists.
    [[nodiscard]] socket_address peer_endpoint() const { return borrow()->peer_endpoint(); }
    [[nodiscard]] socket_address peer_endpoint(std::error_code& error) const noexcept {
        return borrow_any()->peer_endpoint(error);
    }

    /// Switches keep-alive on with these numbers, or off with nullopt: see tcp_stream::set_keep_alive(). Does not wait.
    /// Throws std::system_error, for a Unix socket errc::operation_not_supported.
    void set_keep_alive(const std::optional<netnotes::keep_alive>& numbers) {
        detail::set_keep_alive(*borrow(), numbers);
    }
    /// Returns the numbers in force, or nullopt if keep-alive is off.
    [[nodiscard]] std::optional<netnotes::keep_alive> keep_alive() const { return detail::keep_alive_of(*borrow()); }
    /// Returns the connection's state as the kernel sees it now: see tcp_stream::info(). Does not wait. Fails with
    /// errc::operation_not_supported for a Unix socket.
    [[nodiscard]] connection_info info() const { return detail::info_of(*borrow()); }
    [[nodiscard]] connection_info info(std::error_code& error) const noexcept {
        return detail::info_of(*borrow_any(), error);
    }

    /// Returns the bytes that have arrived, at most 64 KiB, or an empty span at the end of the stream. Suspends until
    /// bytes arrive.
    ///
    /// The bytes lie in the loop's buffer, which the next receive overwrites. They are valid until the next co_await or
    /// task_group::spawn(). You may pass them to send() or send_all(), which copy them before they suspend. Do not
    /// return them out of a task that with_timeout, when_all, when_any, with_group or spawn runs. The awaiting task
    /// resumes one turn later, when another task may already have received. To limit the time, use set_timeout(), or
    /// `co_await with_timeout(2s, stream.recv())`, which returns the same bytes.
    [[nodiscard]] detail::receiving_lent recv();
    /// Receives at least one byte and at most buffer.size(). Returns the number of bytes, or 0 at the end of the
    /// stream. An empty buffer also returns 0. Suspends until bytes arrive; the buffer must stay valid until then.
    [[nodiscard]] detail::receiving recv(mutable_buffer buffer);
    /// Does the same, but reports an error instead of throwing it, and then returns 0. So do the other forms with an
    /// error: `error` must stay valid as long as the buffer, and a cancellation is still thrown.
    [[nodiscard]] detail::reporting<detail::receiving> recv(mutable_buffer buffer, std::error_code& error);
    /// Fills the whole buffer, and suspends until that is done. Returns buffer.size(), or 0 if the stream ended before
    /// the first byte. Throws errc::protocol_error if the stream ends in the middle. After an error or a cancellation
    /// the bytes that arrived lie at the beginning of the buffer. To learn their number, use the next form.
    [[nodiscard]] detail::receiving_exactly recv_exact(mutable_buffer buffer);
    /// Does the same with a buffer that already holds `filled` bytes, and adds to `filled` every byte that arrives. So
    /// a message can be continued after a cancellation, for example by with_timeout(): call again with the same two
    /// arguments. `filled` must stay valid as long as the buffer. The caller sets it to 0 before the next message.
    [[nodiscard]] detail::receiving_exactly recv_exact(mutable_buffer buffer, std::size_t& filled);
    /// Fills the whole buffer, but reports an error instead of throwing it. Returns the number of bytes that lie in the
    /// buffer, also after an error: errc::protocol_error if the stream ends in the middle, or operation_canceled if the
    /// task is cancelled. Throws only std::logic_error. `error` must stay valid as long as the buffer.
    [[nodiscard]] detail::reporting<detail::receiving_exactly> recv_exact(mutable_buffer buffer,
                                                                          std::error_code& error);
    /// Sends at least one of the bytes and returns how many it has sent. Suspends while the kernel takes no more. The
    /// bytes must stay valid until then, unless recv() has lent them.
    [[nodiscard]] detail::sending send(const_buffer bytes);
    [[nodiscard]] detail::reporting<detail::sending> send(const_buffer bytes, std::error_code& error);
    /// Sends all bytes, and suspends until the kernel has taken the last byte. The bytes must stay valid until then,
    /// unless recv() has lent them. If it fails or is cancelled before that, close() sends a reset, so that the peer
    /// can tell that bytes are missing.
    [[nodiscard]] detail::sending_all send_all(const_buffer bytes);
    /// Does the same, but reports an error instead of throwing it: operation_canceled if the task is cancelled. Returns
    /// how many bytes the kernel took.
    [[nodiscard]] detail::reporting<detail::sending_all> send_all(const_buffer bytes, std::error_code& error);
    /// Sends a file, or a part of it, as socket::send_file() does. Include coro/send_file.hpp to call it. Returns the
    /// number of bytes. Suspends until the kernel has taken the last byte. Throws std::system_error. If it fails or is
    /// cancelled in the middle, close() sends a reset. The stream must stay in its place and open until then.
    [[nodiscard]] inline task<std::uint64_t> send_file(input_file file, send_file_options options = {});
    /// Does the same, but reports an error instead of throwing it: operation_canceled if the task is cancelled. Returns
    /// how many bytes the kernel took. `error` must stay valid until the task ends.
    [[nodiscard]] inline detail::reporting_task<std::uint64_t> send_file(input_file file, send_file_options options,
                                                                         std::error_code& error);

    /// Returns true if bytes, the end of the stream or an error have arrived that no task has received. Does not wait.
    /// So a pool of idle connections can tell which one is still good: a server may have closed it meanwhile, or may
    /// have sent bytes that nobody has asked for. MSG_PEEK alone does not see what the back end received ahead.
    [[nodiscard]] bool has_arrived() const noexcept;

    /// Shuts down one direction, or both directions, of the connection: see socket::shutdown(). Does not wait.
    void shutdown(shutdown_direction direction) { borrow()->shutdown(direction); }
    void shutdown(shutdown_direction direction, std::error_code& error) noexcept {
        borrow_any()->shutdown(direction, error);
    }

  private:
    friend detail::accepting;
    static task<async_stream> connect_or_report(socket_address where, wait_time timeout, std::error_code& error);
    inline task<std::uint64_t> send_file_or_report(input_file file, send_file_options options, std::error_code& error);
    async_stream(event_loop& loop, socket&& made, bool is_ip, bool connects = false)
        : async_socket{loop, made, detail::io_node::kind::stream, is_ip, connects} {}
};

template <class Traits, class Advice = detail::print_its_peer_endpoint_or_receive_and_print_as_text>
void operator<<(std::basic_ostream<char, Traits>&, const async_stream&) = delete;

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
    /// Returns the number of bytes. After an error the same object can be awaited again. It then continues behind the
    /// bytes that it already has.
    std::size_t await_resume() {
        if (error_ != 0)
            fail(detail::joined("recv_exact (", std::to_string(filled_), " of ", std::to_string(room_.size()),
                                " bytes) from"));
        const std::size_t size = filled_;
        own_ = 0;
        return size;
    }
    [[nodiscard]] std::size_t so_far() const noexcept { return filled_; }
    bool attempt() noexcept override {
        while (filled_ < room_.size()) {
            const std::span<std::byte> rest = room_.subspan(filled_);
            std::size_t size = 0;
            if (!receive(rest, size)) return false;
            if (size == 0) {
                if (error_ == 0 && filled_ > 0) error_ = EPROTO;  // the stream ended in the middle
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

/// Holds the bytes to send. Bytes that recv() has lent are copied before the task suspends, because other tasks receive
/// into the lent buffer.
class sending_bytes : public socket_operation {
  protected:
    enum class wanted : bool { some, all };
    sending_bytes(io_node& node, const_buffer bytes, wanted how_many) noexcept
        : socket_operation{node, direction::write}, wants_{how_many}, rest_{bytes}, size_{bytes.size()} {}
    [[gnu::always_inline]] ~sending_bytes() {
        if (has_waited()) [[unlikely]]  // most operations have not waited, so they have nothing to clean up
            end_after_wait();
    }
    /// Sends once. Returns false if the operation has to wait.
    bool send_some(int flags = 0) noexcept {
        return transmit([&] {
            const auto sent = ::send(node_.descriptor(), rest_.data(), rest_.size(), flags | MSG_NOSIGNAL);
            if (sent > 0) rest_ = rest_.subspan(static_cast<std::size_t>(sent));
            return sent;
        });
    }
    [[nodiscard]] std::span<const std::byte> all() const noexcept {
        return {rest_.data() - (size_ - rest_.size()), size_};
    }
    /// Makes close() send a reset, because bytes are missing: an orderly end would tell the peer that it has
    /// everything. With false, makes the end orderly again, for a second attempt.
    [[gnu::noinline]] void end_by_reset(bool does) const noexcept {
        const ::linger how{does ? 1 : 0, 0};
        if (!node_.is_retired())  // after close() the number may belong to another descriptor
            ::setsockopt(node_.descriptor(), SOL_SOCKET, SO_LINGER, &how, sizeof how);
    }
    /// Copies lent bytes if the operation waits. Without memory for them it ends the wait: errc::not_enough_memory.
    [[gnu::noinline]] void keep_bytes() noexcept {
        if (!is_waiting() || is_kept_ || !node_.loop().has_lent(rest_)) return;
        std::byte* const kept = new (std::nothrow) std::byte[size_];
        if (!kept) return give_up(ENOMEM);
        detail::copy_n(all().data(), size_, kept);
        rest_ = std::span<const std::byte>{kept + (size_ - rest_.size()), rest_.size()};
        is_kept_ = true;
    }

  private:
    [[gnu::noinline]] void end_after_wait() const noexcept {
        if (is_waiting() && wants_ == wanted::all) end_by_reset(true);  // the frame is destroyed while the task waits
        if (is_kept_) delete[] all().data();
    }

    wanted wants_;
    bool is_kept_ = false;  // all() is our copy

  protected:
    bool resets_ = false;  // the operation failed in the middle, so close() sends a reset
    std::span<const std::byte> rest_;
    std::size_t size_;
};
template <class Derived>
class sending_awaiter : public io_awaiter<Derived, sending_bytes> {
  public:
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (this->resets_) [[unlikely]] {  // the operation has failed and is awaited again
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
    // `flags` may be MSG_MORE. Then the kernel keeps the bytes and sends them together with the bytes that follow.
    sending(io_node& node, const_buffer bytes, int flags = 0) noexcept
        : sending_awaiter{node, bytes, wanted::some}, flags_{flags} {}
    [[gnu::always_inline]] ~sending() = default;
    std::size_t await_resume() {
        throw_if_failed("send to");
        return size_ - rest_.size();
    }
    bool attempt() noexcept override {
        rest_ = all();  // the operation may be awaited again
        return send_some(flags_);
    }

  private:
    int flags_;
};

class [[nodiscard]] sending_all final : public sending_awaiter<sending_all> {
  public:
    sending_all(io_node& node, const_buffer bytes) noexcept : sending_awaiter{node, bytes, wanted::all} {}
    [[gnu::always_inline]] ~sending_all() = default;
    void await_resume() {
        if (error_ != 0) [[unlikely]]
            fail_in_the_middle();
    }
    std::error_code take_report(bool also_cancelled) noexcept {
        end_by_reset_if_failed();
        return sending_awaiter::take_report(also_cancelled);
    }
    [[nodiscard]] std::size_t so_far() const noexcept { return size_ - rest_.size(); }
    [[gnu::always_inline]] inline bool attempt() noexcept override {
        if (rest_.empty()) [[unlikely]]
            return begin_again();
        do {
            if (!send_some()) return false;
        } while (!rest_.empty() && error_ == 0);
        return true;
    }

  private:
    /// Called if no bytes are left. Either there were no bytes at all, or the operation has sent them and is awaited
    /// again: then it sends them a second time.
    [[gnu::noinline]] bool begin_again() noexcept {
        if (size_ == 0) return true;
        rest_ = all();
        return attempt();
    }
    void end_by_reset_if_failed() noexcept {
        if (error_ > 0 && error_ != EBADF) end_by_reset(resets_ = true);
    }
    [[noreturn, gnu::cold, gnu::noinline]] void fail_in_the_middle() {
        end_by_reset_if_failed();
        fail(detail::joined("send_all (", std::to_string(rest_.size()), " bytes not sent) to"));
    }
};

class [[nodiscard]] connecting final : public io_awaiter<connecting, pausing_operation> {
  public:
    connecting(io_node& node, const socket_address& where) noexcept : io_awaiter{node, direction::write}, where_{where} {}
    void await_resume() {
        if (error_ != 0)
            detail::throw_error(take_failure(), "connect ", where_.to_string());
    }
    bool attempt() noexcept override {
        if (is_pausing()) return false;
        if (has_begun_) {
            if (!node_.writable) return false;
            socklen_t size = sizeof error_;
            if (::getsockopt(node_.descriptor(), SOL_SOCKET, SO_ERROR, &error_, &size) != 0) error_ = errno;
            if (error_ == 0) refuse_itself();
            return true;
        }
        // Before connect() the poller reports the socket as hung up; that is ignored. From here on its reports count:
        // the peer's first bytes may arrive in the same event as the connection itself.
        node_.readable = false;
        node_.read_to_end = !where_.is_ip();
        const int error = ::connect(node_.descriptor(), where_.data(), where_.size()) == 0 ? 0 : errno;
        if (error == 0) {
            refuse_itself();
            return true;
        }
        // The kernel continues to connect, even after EINTR. The socket becomes writable when the result is known.
        if (error == EINPROGRESS || error == EINTR) {
            has_begun_ = true;
            return node_.writable = false;
        }
        if (detail::would_block(error) && !where_.is_ip()) {
            pause();
            return false;
        }
        error_ = detail::would_block(error) ? EADDRNOTAVAIL : error;  // no port is free; see socket.hpp
        return true;
    }

  private:
    void refuse_itself() noexcept {
        if (!meets_itself(node_.descriptor(), where_)) return;
        dissolve(node_.descriptor());  // see socket::connect()
        error_ = ECONNREFUSED;
    }
    socket_address where_;
    bool has_begun_ = false;
};

/// Makes a socket that does not block from the beginning, which saves the system calls of set_blocking(). Returns an
/// empty socket with an error.
inline socket make_to_connect(address_family family, std::error_code& error) noexcept {
    const int made = ::socket(static_cast<int>(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = made < 0 ? last_error() : std::error_code{};
    return socket{made, false};
}

}  // namespace detail

inline bool async_stream::has_arrived() const noexcept {
    const detail::io_node& node = this->node();
    if (node.intake && node.intake->has_arrived()) return true;
    char byte = 0;
    const auto got = ::recv(node.descriptor(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || !detail::would_block(errno);
}
inline task<async_stream> async_stream::connect(socket_address where, wait_time timeout) {
    co_await detail::stepping{};  // the next line may fail, and a task that retries must let other tasks run
    std::error_code error;
    socket made = detail::make_to_connect(where.family(), error);
    if (error) detail::throw_error(error, "socket");
    async_stream stream{event_loop::current(), std::move(made), where.is_ip(), true};
    stream.set_timeout(timeout);
    co_await detail::connecting{*stream.node_, where};
    stream.set_timeout(never);
    co_return stream;
}
inline task<async_stream> async_stream::connect(endpoint where, wait_time timeout) {
    return connect(socket_address{where}, timeout);
}
inline task<async_stream> async_stream::connect_or_report(socket_address where, wait_time timeout,
                                                          std::error_code& error) {
    co_await detail::stepping{};
    async_stream stream;
    try {
        socket made = detail::make_to_connect(where.family(), error);
        if (!error) stream = async_stream{event_loop::current(), std::move(made), where.is_ip(), true};
    } catch (const std::system_error& refusal) {
        error = refusal.code();
    }
    if (error) co_return stream;
    stream.set_timeout(timeout);
    co_await detail::reporting<detail::connecting>{error, *stream.node_, where};
    if (error)
        stream.close();
    else
        stream.set_timeout(never);
    co_return stream;
}
inline detail::reporting_task<async_stream> async_stream::connect(socket_address where, wait_time timeout,
                                                                  std::error_code& error) {
    return {connect_or_report(where, timeout, error), error};
}
inline detail::reporting_task<async_stream> async_stream::connect(endpoint where, wait_time timeout,
                                                                  std::error_code& error) {
    return connect(socket_address{where}, timeout, error);
}
inline detail::reporting_task<async_stream> async_stream::connect(socket_address where, std::error_code& error) {
    return connect(where, never, error);
}
inline detail::reporting_task<async_stream> async_stream::connect(endpoint where, std::error_code& error) {
    return connect(socket_address{where}, never, error);
}
inline detail::receiving_lent async_stream::recv() { return detail::receiving_lent{node()}; }
inline detail::receiving async_stream::recv(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::receiving_exactly async_stream::recv_exact(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::receiving_exactly async_stream::recv_exact(mutable_buffer buffer, std::size_t& filled) {
    return {node(), buffer, filled};
}
inline detail::sending async_stream::send(const_buffer bytes) { return {node(), bytes}; }
inline detail::sending_all async_stream::send_all(const_buffer bytes) { return {node(), bytes}; }
inline detail::reporting<detail::receiving> async_stream::recv(mutable_buffer buffer, std::error_code& error) {
    return detail::reporting<detail::receiving>{error, node(), buffer};
}
inline detail::reporting<detail::receiving_exactly> async_stream::recv_exact(mutable_buffer buffer,
                                                                             std::error_code& error) {
    return detail::reporting<detail::receiving_exactly>{error, node(), buffer};
}
inline detail::reporting<detail::sending> async_stream::send(const_buffer bytes, std::error_code& error) {
    return detail::reporting<detail::sending>{error, node(), bytes};
}
inline detail::reporting<detail::sending_all> async_stream::send_all(const_buffer bytes, std::error_code& error) {
    return detail::reporting<detail::sending_all>{error, node(), bytes};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_STREAM_HPP

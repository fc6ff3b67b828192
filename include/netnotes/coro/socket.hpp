// netnotes/coro/socket.hpp: sockets for tasks
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
//                          └──> aside ──> epoll: readable ──> recv(2) ──> go on
//
// What makes it cheap is what it does not do. A descriptor is registered with epoll once. A receive that has
// given less than there was room for has emptied the socket, so the next one waits without asking. Bytes are sent at
// once and waited for only when the kernel takes no more. And who waits for bytes holds no buffer for them: when they
// come, the loop's own is lent; so a connection that is silent costs its frame, and nothing else.
//
// A peer who always has something for us does not keep the others waiting: after some calls that did not wait, the next
// one does.
//
// On this page:  async_stream · async_listener · async_datagram
// Above it:      coro/serve.hpp, a whole server
// The notes:     gevent版-TCP服务器 (the gevent server); example 26

#ifndef NETNOTES_CORO_SOCKET_HPP
#define NETNOTES_CORO_SOCKET_HPP

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
#include "loop.hpp"

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

/// A socket and what the loop knows of it. It stays where it is while the object that owns it moves, for those who wait.
/// It is one of many, so it holds the descriptor and not the whole socket.
class socket_node final : public io_node {
  public:
    socket_node(event_loop& loop, socket& taken, kind what, bool is_ip)
        : io_node{loop, (taken.set_blocking(false), taken.native_handle()), what} {
        static_cast<void>(taken.release());
        // A Unix socket's receive also ends where a descriptor was passed (unix(7)), however much is behind it.
        read_to_end = !is_ip;
    }
    [[nodiscard]] borrowed_socket borrow() const noexcept { return borrowed_socket{descriptor()}; }

  private:
    ~socket_node() override = default;
    void leave() noexcept override {
        const int own = descriptor();
        io_node::leave();
        ::close(own);
    }
};

class async_socket {
  public:
    [[nodiscard]] bool is_open() const noexcept { return node_ != nullptr; }
    /// -1 when it is closed.
    [[nodiscard]] int native_handle() const noexcept { return node_ ? node_->descriptor() : -1; }
    template <class Option>
    void set_option(const Option& option) {
        opened().borrow()->set_option(option);
    }
    template <class Option>
    [[nodiscard]] auto get_option() const {
        return opened().borrow()->template get_option<Option>();
    }
    [[nodiscard]] socket_address local_endpoint() const { return opened().borrow()->local_endpoint(); }
    /// Each call from now on waits at most so long for the peer, and then throws errc::timed_out. `never` is for ever.
    void set_timeout(wait_time timeout) { opened().set_timeout(timeout); }
    [[nodiscard]] duration timeout() const { return opened().timeout(); }
    /// At once. A task that waits for it is told errc::bad_file_descriptor, and so is who uses it later.
    void close() noexcept { node_.reset(); }
    /// For those who write awaitables.
    [[nodiscard]] io_node& node() const { return opened(); }

  protected:
    async_socket() noexcept = default;
    async_socket(event_loop& loop, socket&& made, io_node::kind what) : async_socket{loop, made, what, is_ip(made)} {}
    async_socket(event_loop& loop, socket& made, io_node::kind what, bool is_ip)
        : node_{new socket_node{loop, made, what, is_ip}} {}
    static bool is_ip(const socket& made) noexcept {
        std::error_code unknown;
        return made.local_endpoint(unknown).is_ip();
    }
    async_socket(async_socket&&) noexcept = default;
    async_socket& operator=(async_socket&&) noexcept = default;
    ~async_socket() = default;

    [[nodiscard, gnu::always_inline]] inline socket_node& opened() const {
        if (!node_) [[unlikely]]
            refuse();
        return *node_;
    }
    [[noreturn, gnu::noinline]] static void refuse() {
        throw std::system_error{std::make_error_code(std::errc::bad_file_descriptor), "a closed socket"};
    }
    std::unique_ptr<socket_node, io_node::retire> node_;
};
class receiving_lent;
class receiving;
class receiving_exactly;
class sending;
class sending_all;
class connecting;
class accepting;
class receiving_from;
class sending_to;
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

    [[nodiscard]] socket_address peer_endpoint() const { return opened().borrow()->peer_endpoint(); }

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
    void shutdown(shutdown_direction direction) { opened().borrow()->shutdown(direction); }

  private:
    friend detail::accepting;
    async_stream(event_loop& loop, socket&& accepted, bool is_ip)
        : async_socket{loop, accepted, detail::io_node::kind::stream, is_ip} {}
};

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
    /// short (EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC of epoll) it tries again every 100 ms, and the client waits in the
    /// queue. set_timeout() and cancelling end that wait, too. So what it throws has ended the listener or this task.
    [[nodiscard]] detail::accepting accept();
};
struct async_listener::accepted {
    accepted(async_stream&& connection, const socket_address& from) noexcept
        : stream{std::move(connection)}, peer{from} {}
    async_stream stream;
    socket_address peer;
};

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
        detail::throw_error(error, attempt, known ? " " : " the peer",
                            known ? peer.to_string() : "");
    }
};

class [[nodiscard]] receiving_lent final : public io_receiver<receiving_lent, socket_operation> {
  public:
    explicit receiving_lent(io_node& node) noexcept : io_receiver{node, direction::read} {}
    [[gnu::always_inline]] ~receiving_lent() = default;
    std::span<std::byte> await_resume() {
        throw_if_failed("recv from");
        return node_.loop().lent;
    }
    bool attempt() noexcept override { return receive_lent(); }
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
        if (error_ != EBADF) end_by_reset(resets_ = true);
        fail(detail::joined("send_all (", std::to_string(rest_.size()), " bytes not sent) to"));
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
            const bool is_decided = node_.ring ? accept_from_ring() : accept_directly();
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
    bool accept_from_ring() noexcept {
        int descriptor = -1;
        do {
            error_ = 0;
            if (!node_.ring->accept(descriptor, error_)) return false;
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

inline task<async_stream> async_stream::connect(socket_address where) {
    async_stream stream{socket{where.family(), socket_type::stream}};
    co_await detail::connecting{*stream.node_, where};
    co_return stream;
}
inline detail::receiving_lent async_stream::recv() { return detail::receiving_lent{opened()}; }
inline detail::receiving async_stream::recv(mutable_buffer buffer) { return {opened(), buffer}; }
inline detail::receiving_exactly async_stream::recv_exact(mutable_buffer buffer) { return {opened(), buffer}; }
inline detail::receiving_exactly async_stream::recv_exact(mutable_buffer buffer, std::size_t& filled) {
    return {opened(), buffer, filled};
}
inline detail::sending async_stream::send(const_buffer bytes) { return {opened(), bytes}; }
inline detail::sending_all async_stream::send_all(const_buffer bytes) { return {opened(), bytes}; }
inline detail::accepting async_listener::accept() { return detail::accepting{opened()}; }
inline detail::receiving_from async_datagram::recv_from(mutable_buffer buffer) { return {opened(), buffer}; }
inline detail::sending_to async_datagram::send_to(const_buffer bytes, const socket_address& where,
                                                  const ip_address& from) {
    return {opened(), bytes, where, from};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SOCKET_HPP

// netnotes/coro/udp.hpp: a UDP socket for tasks
// SPDX-License-Identifier: MIT
//
// The class async_udp has the calls of udp_socket, with the same words and arguments. Calls that may have to wait are
// awaited with co_await; the others are called as usual:
//
//     task<> echo() {
//         async_udp socket{{ipv6_address::any(), 7}};
//         std::array<std::byte, 2048> room;
//         for (;;) {
//             const auto got = co_await socket.recv_from(room);
//             std::error_code lost;                                        no client's address ends or stops the server
//             co_await socket.send_to(got.bytes, got.sender, lost, MSG_DONTWAIT);   from the address that was asked
//         }
//     }
//
//        many clients ── datagrams ──> one socket ── recv_batch() ──> [ d | d | d ]    one system call for all of them
//                                                 <── send_batch() ── [ d | d | d ]
//
// The header udp/socket.hpp explains UDP and each call. coro/datagram.hpp has sockets of any family, with less.
//
// On this page:  async_udp
// The notes:     udp echo 服务器 (a UDP echo server)

#ifndef NETNOTES_CORO_UDP_HPP
#define NETNOTES_CORO_UDP_HPP

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

#include "../socket/owner.hpp"
#include "../udp/socket.hpp"
#include "io/operation.hpp"
#include "loop.hpp"

namespace netnotes {

namespace detail {
template <class Call>
class udp_operation;
template <class Call>
using udp_reporting = reporting<udp_operation<Call>>;  // the forms with an error
struct udp_recv_from;
struct udp_recv_details;
struct udp_recv_batch;
struct udp_send_to;
struct udp_send;
struct udp_send_batch;
struct udp_send_segments;
}  // namespace detail

/// Owns a UDP socket. Use it only in tasks of its loop. One task may receive while another task sends. A second task in
/// the same direction, or a task of another loop, gets std::logic_error. It can be moved, also while a task waits.
///
/// Awaited calls throw std::system_error if the system reports an error, and netnotes::cancelled if the task is
/// cancelled. On a closed socket every call throws errc::bad_file_descriptor. A call refers to its socket: await it
/// before the socket is closed or destroyed.
class async_udp {
  public:
    /// Creates a closed socket.
    async_udp() noexcept = default;
    /// Creates a socket as udp_socket does, for the loop that runs in this thread (std::logic_error if no loop runs).
    explicit async_udp(address_family family, udp_options options = {}) : async_udp{udp_socket{family, options}} {}
    explicit async_udp(const endpoint& where, udp_options options = {}) : async_udp{udp_socket{where, options}} {}
    /// Do the same, but report an error of the system, and then create a closed socket.
    async_udp(address_family family, udp_options options, std::error_code& error)
        : async_udp{udp_socket{family, options, error}, error} {}
    async_udp(const endpoint& where, udp_options options, std::error_code& error)
        : async_udp{udp_socket{where, options, error}, error} {}
    /// Takes over a socket and makes it non-blocking. The object must not outlive the loop. Throws std::system_error if
    /// the loop's back end refuses the descriptor.
    explicit async_udp(udp_socket made) : async_udp{event_loop::current(), std::move(made)} {}
    async_udp(event_loop& loop, udp_socket made) : state_{new state{loop, std::move(made)}} {}

    /// Receives one datagram. Returns a udp_socket::received: the filled part of the buffer, the sender, and whether
    /// the datagram was longer than the buffer. Suspends until a datagram arrives; the buffer must stay valid until
    /// then.
    [[nodiscard]] detail::udp_operation<detail::udp_recv_from> recv_from(mutable_buffer buffer);
    /// Does the same, but reports an error instead of throwing it, and then returns no bytes. For set_timeout(): a
    /// client asks again after errc::timed_out. A cancellation is still thrown. `error` must stay valid as long as the
    /// buffer.
    [[nodiscard]] detail::udp_reporting<detail::udp_recv_from> recv_from(mutable_buffer buffer, std::error_code& error);
    /// Does the same and fills `details`, as udp_socket::recv_from() does. Call tell_details() before. `details` must
    /// stay valid as long as the buffer.
    [[nodiscard]] detail::udp_operation<detail::udp_recv_details> recv_from(mutable_buffer buffer,
                                                                            datagram_details& details);
    [[nodiscard]] detail::udp_reporting<detail::udp_recv_details> recv_from(mutable_buffer buffer,
                                                                            datagram_details& details,
                                                                            std::error_code& error);
    /// Suspends until there is a datagram, and returns as many as there are, up to the batch's count. The result lies
    /// in the batch and is valid until its next use.
    [[nodiscard]] detail::udp_operation<detail::udp_recv_batch> recv_batch(datagram_batch& batch);
    [[nodiscard]] detail::udp_reporting<detail::udp_recv_batch> recv_batch(datagram_batch& batch,
                                                                           std::error_code& error);
    /// Sends one datagram, whole or not at all. Suspends while the socket's buffer is full; `bytes` must stay valid
    /// until then. To received::sender it leaves from the address that the sender has written to. `flags` are the flags
    /// of send(2). With MSG_DONTWAIT a full buffer is errc::operation_would_block, and the task does not wait. A server
    /// needs this: see udp_socket::send_to().
    [[nodiscard]] detail::udp_operation<detail::udp_send_to> send_to(const_buffer bytes, const datagram_peer& to,
                                                                     int flags = 0);
    /// Does the same, but reports an error instead of throwing it. A server needs this form: a sender can forge an
    /// address to which nothing can be sent. A cancellation is still thrown. `error` must stay valid as long as `bytes`.
    [[nodiscard]] detail::udp_reporting<detail::udp_send_to> send_to(const_buffer bytes, const datagram_peer& to,
                                                                     std::error_code& error, int flags = 0);
    /// Sends one datagram to the peer of connect().
    [[nodiscard]] detail::udp_operation<detail::udp_send> send(const_buffer bytes, int flags = 0);
    [[nodiscard]] detail::udp_reporting<detail::udp_send> send(const_buffer bytes, std::error_code& error,
                                                               int flags = 0);
    /// Sends all datagrams, in their order. Returns their number. They must stay valid until then. `flags` mean
    /// what they mean for send_to().
    [[nodiscard]] detail::udp_operation<detail::udp_send_batch> send_batch(
        std::span<const udp_socket::outgoing> datagrams, int flags = 0);
    /// Does the same, but reports an error instead of throwing it: operation_canceled if the task is cancelled. Returns
    /// the number of datagrams that were sent.
    [[nodiscard]] detail::udp_reporting<detail::udp_send_batch> send_batch(
        std::span<const udp_socket::outgoing> datagrams, std::error_code& error, int flags = 0);
    /// Sends the bytes as datagrams of `size` bytes each, and returns their number: see udp_socket::send_segments().
    [[nodiscard]] detail::udp_operation<detail::udp_send_segments> send_segments(const_buffer bytes, std::size_t size,
                                                                                 const datagram_peer& to = {},
                                                                                 int flags = 0);
    [[nodiscard]] detail::udp_reporting<detail::udp_send_segments> send_segments(const_buffer bytes, std::size_t size,
                                                                                 const datagram_peer& to,
                                                                                 std::error_code& error,
                                                                                 int flags = 0);

    /// Do what the calls of udp_socket with the same names do. They do not wait. On a closed socket the forms with an
    /// error report errc::bad_file_descriptor, and the others throw it.
    void bind(const endpoint& where) { opened().socket.bind(where); }
    void bind(const endpoint& where, std::error_code& error) noexcept { any().bind(where, error); }
    void connect(const endpoint& peer) { opened().socket.connect(peer); }
    void connect(const endpoint& peer, std::error_code& error) noexcept { any().connect(peer, error); }
    void disconnect() { opened().socket.disconnect(); }
    void disconnect(std::error_code& error) noexcept { any().disconnect(error); }
    template <class... Arguments>
    void join(const ip_address& group, const Arguments&... source_or_interface) {
        opened().socket.join(group, source_or_interface...);
    }
    void join(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
        any().join(group, interface, error);
    }
    void join(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept {
        any().join(group, source, interface, error);
    }
    template <class... Arguments>
    void leave(const ip_address& group, const Arguments&... source_or_interface) {
        opened().socket.leave(group, source_or_interface...);
    }
    void leave(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
        any().leave(group, interface, error);
    }
    void leave(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept {
        any().leave(group, source, interface, error);
    }
    void set_multicast_interface(unsigned interface) { opened().socket.set_multicast_interface(interface); }
    void set_multicast_interface(unsigned interface, std::error_code& error) noexcept {
        any().set_multicast_interface(interface, error);
    }
    void set_multicast_loop(bool loop) { opened().socket.set_multicast_loop(loop); }
    void set_multicast_loop(bool loop, std::error_code& error) noexcept { any().set_multicast_loop(loop, error); }
    void set_multicast_ttl(int ttl) { opened().socket.set_multicast_ttl(ttl); }
    void set_multicast_ttl(int ttl, std::error_code& error) noexcept { any().set_multicast_ttl(ttl, error); }
    [[nodiscard]] bool multicast_loop() const { return opened().socket.multicast_loop(); }
    [[nodiscard]] int multicast_ttl() const { return opened().socket.multicast_ttl(); }
    void tell_details() { opened().socket.tell_details(); }
    void tell_details(std::error_code& error) noexcept { any().tell_details(error); }
    bool enable_receive_offload() { return opened().socket.enable_receive_offload(); }
    bool enable_receive_offload(std::error_code& error) noexcept { return any().enable_receive_offload(error); }
    [[nodiscard]] endpoint local_endpoint() const { return opened().socket.local_endpoint(); }
    [[nodiscard]] endpoint local_endpoint(std::error_code& error) const noexcept { return any().local_endpoint(error); }
    [[nodiscard]] endpoint peer_endpoint() const { return opened().socket.peer_endpoint(); }
    [[nodiscard]] endpoint peer_endpoint(std::error_code& error) const noexcept { return any().peer_endpoint(error); }
    [[nodiscard]] std::error_code take_error() noexcept { return any().take_error(); }
    template <class Option>
    void set_option(const Option& option) {
        opened().socket.set_option(option);
    }
    template <class Option>
    void set_option(const Option& option, std::error_code& error) noexcept {
        any().set_option(option, error);
    }
    template <class Option>
    [[nodiscard]] auto get_option() const {
        return opened().socket.template get_option<Option>();
    }
    void set_option(int level, int name, std::span<const std::byte> value) {
        opened().socket.set_option(level, name, value);
    }
    void set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept {
        any().set_option(level, name, value, error);
    }
    void set_option(int level, int name, int value) { opened().socket.set_option(level, name, value); }
    std::size_t get_option(int level, int name, std::span<std::byte> value) const {
        return opened().socket.get_option(level, name, value);
    }
    std::size_t get_option(int level, int name, std::span<std::byte> value, std::error_code& error) const noexcept {
        return any().get_option(level, name, value, error);
    }

    /// Limits how long each later call waits: it then throws errc::timed_out. `never` means no limit.
    void set_timeout(wait_time timeout) { opened().node->set_timeout(timeout); }
    /// Returns the limit of each call, or `never`.
    [[nodiscard]] duration timeout() const { return opened().node->timeout(); }
    /// Returns true if this object owns a socket.
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(state_); }
    /// Returns the descriptor, or -1 if the socket is closed.
    [[nodiscard]] int native_handle() const noexcept { return state_ ? state_->node->descriptor() : -1; }
    /// Closes the socket at once. A task that is waiting on it fails with errc::bad_file_descriptor.
    void close() noexcept { state_.reset(); }

  private:
    async_udp(udp_socket&& made, std::error_code& error) {
        if (error) return;
        try {
            *this = async_udp{std::move(made)};
        } catch (const std::system_error& refusal) {
            error = refusal.code();
        }
    }
    template <class Call>
    friend class detail::udp_operation;
    struct state {
        state(event_loop& loop, udp_socket&& made) : socket{std::move(made)} {
            socket.set_blocking(false);
            node.reset(new detail::io_node{loop, socket.native_handle()});
        }
        udp_socket socket;
        detail::owner<detail::io_node, detail::io_node::retire> node;  // is retired before the socket is closed
    };
    [[nodiscard]] state& opened() const {
        if (!state_) detail::throw_error(std::make_error_code(std::errc::bad_file_descriptor), "a closed socket");
        return *state_;
    }
    /// Returns the socket, or a closed socket, whose calls fail with errc::bad_file_descriptor.
    [[nodiscard]] udp_socket& any() const noexcept {
        static thread_local udp_socket closed;
        return state_ ? state_->socket : closed;
    }
    [[nodiscard]] detail::io_node& node() const noexcept {
        return state_ ? *state_->node : detail::io_node::closed;
    }
    detail::owner<state> state_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Waits until `Call` has done its work. A call returns true if it is done, and sets `error` if it fails or would
/// block.
template <class Call>
class [[nodiscard]] udp_operation final : public io_awaiter<udp_operation<Call>> {
    using base = io_awaiter<udp_operation<Call>>;

  public:
    udp_operation(const async_udp& from, Call call)
        : base{from.node(), Call::receives ? base::direction::read : base::direction::write},
          socket_{from.state_ ? &from.state_->socket : nullptr},
          call_{std::move(call)} {}
    typename Call::value await_resume() {
        if (this->error_ != 0) detail::throw_error(this->take_failure(), Call::name);
        return call_.take();
    }
    /// Returns how many datagrams are sent. The next use of the operation counts from 0.
    std::size_t so_far() noexcept requires(requires(Call& call) { call.sent; }) { return call_.take(); }
    bool attempt() noexcept override {
        bool& is_ready = Call::receives ? this->node_.readable : this->node_.writable;
        const bool may_wait = waits();
        if (may_wait && !is_ready) return false;
        std::error_code error;
        call_(*socket_, error);
        if (may_wait && error == std::errc::operation_would_block) return is_ready = false;
        this->error_ = error.value();
        return true;
    }

  private:
    [[nodiscard]] bool waits() const noexcept {
        if constexpr (requires(const Call& call) { call.flags; })
            return (call_.flags & MSG_DONTWAIT) == 0;
        else
            return true;
    }
    udp_socket* socket_;
    Call call_;
};

struct udp_recv_from {
    static constexpr bool receives = true;
    static constexpr const char* name = "recv_from";
    using value = udp_socket::received;
    void operator()(udp_socket& socket, std::error_code& error) noexcept { got = socket.recv_from(room, error); }
    value take() noexcept { return got; }
    mutable_buffer room;
    value got{};
};
struct udp_recv_details {
    static constexpr bool receives = true;
    static constexpr const char* name = "recv_from";
    using value = udp_socket::received;
    void operator()(udp_socket& socket, std::error_code& error) noexcept {
        got = socket.recv_from(room, details, error);
    }
    value take() noexcept { return got; }
    mutable_buffer room;
    datagram_details& details;
    value got{};
};
struct udp_recv_batch {
    static constexpr bool receives = true;
    static constexpr const char* name = "recv_batch";
    using value = std::span<const udp_socket::received>;
    void operator()(udp_socket& socket, std::error_code& error) noexcept { got = socket.recv_batch(batch, error); }
    value take() noexcept { return got; }
    datagram_batch& batch;
    value got{};
};
struct udp_send_to {
    static constexpr bool receives = false;
    static constexpr const char* name = "send_to";
    using value = void;
    void operator()(udp_socket& socket, std::error_code& error) noexcept { socket.send_to(bytes, to, error, flags); }
    void take() noexcept {}
    const_buffer bytes;
    datagram_peer to;
    int flags;
};
struct udp_send {
    static constexpr bool receives = false;
    static constexpr const char* name = "send";
    using value = void;
    void operator()(udp_socket& socket, std::error_code& error) noexcept { socket.send(bytes, error, flags); }
    void take() noexcept {}
    const_buffer bytes;
    int flags;
};
struct udp_send_batch {
    static constexpr bool receives = false;
    static constexpr const char* name = "send_batch";
    using value = std::size_t;
    void operator()(udp_socket& socket, std::error_code& error) noexcept {
        sent += socket.send_batch(datagrams.subspan(sent), error, flags);
    }
    value take() noexcept { return std::exchange(sent, 0); }
    std::span<const udp_socket::outgoing> datagrams;
    int flags;
    std::size_t sent = 0;
};
struct udp_send_segments {
    static constexpr bool receives = false;
    static constexpr const char* name = "send_segments";
    using value = std::size_t;
    void operator()(udp_socket& socket, std::error_code& error) noexcept {
        const std::size_t done = sent * size;
        const auto rest = done < bytes.size() ? bytes.subspan(done) : const_buffer{};
        sent += socket.send_segments(rest, size, to, error, flags);
    }
    value take() noexcept { return std::exchange(sent, 0); }
    const_buffer bytes;
    std::size_t size;
    datagram_peer to;
    int flags;
    std::size_t sent = 0;
};

}  // namespace detail

inline detail::udp_operation<detail::udp_recv_from> async_udp::recv_from(mutable_buffer buffer) {
    return {*this, {buffer}};
}
inline detail::udp_operation<detail::udp_recv_details> async_udp::recv_from(mutable_buffer buffer,
                                                                            datagram_details& details) {
    return {*this, {buffer, details}};
}
inline detail::udp_operation<detail::udp_recv_batch> async_udp::recv_batch(datagram_batch& batch) {
    return {*this, {batch}};
}
inline detail::udp_operation<detail::udp_send_to> async_udp::send_to(const_buffer bytes, const datagram_peer& to,
                                                                        int flags) {
    return {*this, {bytes, to, flags}};
}
inline detail::udp_operation<detail::udp_send> async_udp::send(const_buffer bytes, int flags) {
    return {*this, {bytes, flags}};
}
inline detail::udp_operation<detail::udp_send_batch> async_udp::send_batch(
    std::span<const udp_socket::outgoing> datagrams, int flags) {
    return {*this, {datagrams, flags}};
}
inline detail::udp_operation<detail::udp_send_segments> async_udp::send_segments(const_buffer bytes, std::size_t size,
                                                                                const datagram_peer& to, int flags) {
    return {*this, {bytes, size, to, flags}};
}

inline detail::udp_reporting<detail::udp_recv_from> async_udp::recv_from(mutable_buffer buffer,
                                                                         std::error_code& error) {
    return detail::udp_reporting<detail::udp_recv_from>{error, *this, detail::udp_recv_from{buffer}};
}
inline detail::udp_reporting<detail::udp_recv_details> async_udp::recv_from(mutable_buffer buffer,
                                                                            datagram_details& details,
                                                                            std::error_code& error) {
    return detail::udp_reporting<detail::udp_recv_details>{error, *this, detail::udp_recv_details{buffer, details}};
}
inline detail::udp_reporting<detail::udp_recv_batch> async_udp::recv_batch(datagram_batch& batch,
                                                                           std::error_code& error) {
    return detail::udp_reporting<detail::udp_recv_batch>{error, *this, detail::udp_recv_batch{batch}};
}
inline detail::udp_reporting<detail::udp_send_to> async_udp::send_to(const_buffer bytes, const datagram_peer& to,
                                                                     std::error_code& error, int flags) {
    return detail::udp_reporting<detail::udp_send_to>{error, *this, detail::udp_send_to{bytes, to, flags}};
}
inline detail::udp_reporting<detail::udp_send> async_udp::send(const_buffer bytes, std::error_code& error, int flags) {
    return detail::udp_reporting<detail::udp_send>{error, *this, detail::udp_send{bytes, flags}};
}
inline detail::udp_reporting<detail::udp_send_batch> async_udp::send_batch(
    std::span<const udp_socket::outgoing> datagrams, std::error_code& error, int flags) {
    return detail::udp_reporting<detail::udp_send_batch>{error, *this, detail::udp_send_batch{datagrams, flags}};
}
inline detail::udp_reporting<detail::udp_send_segments> async_udp::send_segments(const_buffer bytes, std::size_t size,
                                                                                 const datagram_peer& to,
                                                                                 std::error_code& error, int flags) {
    return detail::udp_reporting<detail::udp_send_segments>{error, *this,
                                                            detail::udp_send_segments{bytes, size, to, flags}};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_UDP_HPP

// netnotes/coro/serve.hpp: a server of tasks that no client ends
// SPDX-License-Identifier: MIT
//
// A loop that accepts and spawns is quickly written. But it ends with the first client that resets its connection. A
// handler that throws, or a crowd of clients that uses up all descriptors, ends it, too. The function serve() is this
// loop with an answer to each of these cases. You write only the handler, which is the conversation with one client:
//
//     task<> echo(async_stream client) {
//         for (;;) {
//             auto bytes = co_await client.recv();
//             if (bytes.empty()) co_return;
//             co_await client.send_all(bytes);
//         }
//     }
//     int main() {
//         stop_event stop;
//         stop_on_signals signals{stop};
//         event_loop loop;
//         loop.run(serve({ipv4_address::loopback(), 6666}, echo, {.max_connections = 1000}), stop);
//     }
//
//        accept ──> handler(client) ──┬── returns ──> close                  and the next client takes its place
//          ^                          ├── throws  ──> on_error, close
//          └── room for one more <────┘   if a send was cut short: a reset, so that the peer can tell
//
//   a client resets, or a handler throws     on_error reports it, and the other clients do not notice
//   a client sends nothing                   errc::timed_out after idle_timeout
//   a client sends a byte now and then       errc::timed_out after request_timeout without an answer
//   max_connections clients are connected    further clients wait in the kernel's queue until one leaves
//   max_per_client connections of one        a further connection from there is reset, so one client cannot take all
//     address                                  places. on_error reports errc::connection_refused
//   no descriptor or no memory is left       clients wait in the queue; accept() tries again every 100 ms. on_error
//                                            reports a client for which no memory is left after accept()
//   a stop is requested, or serve() is       it closes the listener. Handlers read the bytes that have arrived, then
//     cancelled                              the end of the stream. Those still running after stop_grace are cancelled
//
// A handler may also take a stream of your own that is made from an async_stream, for example an encrypted stream: see
// coro/byte_stream.hpp.
//
// If a send fails, the connection ends in a reset. If a handler throws between two sends of one answer, the connection
// ends in order, and the peer cannot tell that bytes are missing. Such a handler must ask for a reset before it throws:
//
//     client.set_option(option::linger{std::chrono::seconds{0}});
//     throw std::runtime_error{"half of the answer is missing"};
//
// A buffered stream gathers answers and sends them when its reader has to wait. If a handler throws before that, all
// gathered answers are lost, the answers to earlier requests included. If the client is to get them, call flush() first.
//
// On this page:  serve_options · serve
// Below it:      coro/listener.hpp, coro/stream.hpp
// Beside it:     server/reactor.hpp and server/blocking.hpp, servers without coroutines
// The notes:     gevent版-TCP服务器 (the gevent server)

#ifndef NETNOTES_CORO_SERVE_HPP
#define NETNOTES_CORO_SERVE_HPP

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../ip/keyed_hash.hpp"
#include "../socket/owner.hpp"
#include "../socket/random.hpp"
#include "../socket/stale.hpp"
#include "../socket/time.hpp"
#include "listener.hpp"
#include "parts.hpp"
#include "sleep.hpp"
#include "stream.hpp"
#include "sync.hpp"

namespace netnotes {

/// The limits of serve(), and its error report. No member has a destructor, so the struct may be a temporary in a
/// co_await expression; g++ 12 destroys other temporaries twice there.
struct serve_options {
    std::size_t max_connections = 10'000;  ///< further clients wait in the listener's queue. Must be above zero
    /// The most connections from one IP address. A further one is reset at once. A host can have every address of its
    /// IPv6 network, so addresses with the same first 64 bits count as one. Behind a NAT many people share an address,
    /// and behind a proxy of your own all clients have its address. SIZE_MAX means no limit. Must be above zero.
    std::size_t max_per_client = SIZE_MAX;
    /// The descriptors that one connection needs: 1 for the connection itself, 2 for a proxy, which connects as well.
    /// Above 1, serve() admits only as many connections as the process has descriptors for (RLIMIT_NOFILE). Otherwise
    /// the listener could take the last descriptor, and then no handler gets its second. A back end then accepts no
    /// client ahead, either: see async_listener::accept_one_by_one().
    std::size_t descriptors_per_connection = 1;
    /// The timeout of each call that waits for the client: see async_stream::set_timeout(). Must be above zero.
    wait_time idle_timeout = std::chrono::minutes{5};
    /// Cancels a handler if the peer has acknowledged no new byte of an answer for this time. It then reports
    /// errc::timed_out. The cancellation may come up to a quarter later. It limits the time between answers, not the
    /// life of a connection. Choose `never` if handlers may stay silent. Only for TCP. Must be above zero. The default,
    /// nullopt, means four times idle_timeout.
    std::optional<wait_time> request_timeout{};
    wait_time stop_grace = std::chrono::seconds{2};  ///< after a stop, handlers may run for this time

    /// Is called in the loop's thread with each exception that a handler throws, and with errc::timed_out after
    /// request_timeout. nullptr reports nothing. The function must not throw or block.
    void (*on_error)(const socket_address& peer, const std::exception& failure) = [](const socket_address& peer,
                                                                                     const std::exception& failure) {
        std::fprintf(stderr, "%s: %s\n", peer.to_string().c_str(), failure.what());
    };
};
static_assert(std::is_trivially_destructible_v<serve_options>);

/// A function that returns task<>. Its parameters are (async_stream) or (async_stream, endpoint). For Unix sockets the
/// second parameter is a socket_address. A client whose address is no IP address does not reach a handler that takes an
/// endpoint: on_error reports it, and the connection is closed.
template <class Handler>
concept connection_handler =
    std::is_invocable_r_v<task<>, Handler&, async_stream> ||
    std::is_invocable_r_v<task<>, Handler&, async_stream, const socket_address&> ||
    std::is_invocable_r_v<task<>, Handler&, async_stream, const endpoint&>;

namespace detail {

/// The address of a client. An IP address takes 28 bytes here, and not the 136 of a socket_address.
class peer_name {
  public:
    peer_name(const socket_address& from, int descriptor) : ip_{} {
        if (from.is_ip())
            std::memcpy(&ip_, from.data(), detail::min<std::size_t>(from.size(), sizeof ip_));
        else
            other_ = {AF_UNSPEC, new named{from, cookie_of(descriptor)}};
    }
    peer_name(const peer_name&) = delete;
    peer_name& operator=(const peer_name&) = delete;
    ~peer_name() {
        if (!is_ip()) delete other_.name;
    }
    [[nodiscard]] bool is_ip() const noexcept { return ip_.sin6_family != AF_UNSPEC; }
    [[nodiscard]] socket_address get() const noexcept {
        if (!is_ip()) return other_.name->address;
        socket_address peer;
        const std::size_t size = ip_.sin6_family == AF_INET ? sizeof(sockaddr_in) : sizeof ip_;
        std::memcpy(peer.data(), &ip_, size);
        peer.resize(static_cast<socklen_t>(size));
        return peer;
    }
    /// Returns what serve_options::max_per_client counts: the IPv4 address, also of an IPv4 client of an IPv6 listener,
    /// or the first 64 bits of an IPv6 address. The bytes keep the order of the network.
    [[nodiscard]] std::uint64_t place() const noexcept {
        std::array<unsigned char, 8> bytes{0, 0, 0xff, 0xff};  // as the first bytes of an IPv6 address no host has these
        if (ip_.sin6_family == AF_INET)
            std::memcpy(bytes.data() + 4, &reinterpret_cast<const sockaddr_in&>(ip_).sin_addr, 4);
        else if (IN6_IS_ADDR_V4MAPPED(&ip_.sin6_addr))
            std::memcpy(bytes.data() + 4, ip_.sin6_addr.s6_addr + 12, 4);
        else
            std::memcpy(bytes.data(), ip_.sin6_addr.s6_addr, 8);
        return std::bit_cast<std::uint64_t>(bytes);
    }
    /// Returns true if the descriptor is a connection with this peer. Most clients of a Unix socket have no name, so
    /// the kernel's number of the socket must be the same, too.
    [[nodiscard]] bool is_peer_of(int descriptor) const noexcept {
        std::error_code is_gone;
        const socket_address peer = borrowed_socket{descriptor}->peer_endpoint(is_gone);
        return !is_gone && peer == get() && (is_ip() || other_.name->cookie == cookie_of(descriptor));
    }

  private:
    struct named {
        socket_address address;
        std::uint64_t cookie;
    };
    /// Returns a number that no other socket has until the next boot (SO_COOKIE, Linux 4.6), or 0 if the system has none.
    static std::uint64_t cookie_of(int descriptor) noexcept {
        constexpr int cookie = 57;  // SO_COOKIE, which old headers lack
        std::uint64_t value = 0;
        socklen_t size = sizeof value;
        return ::getsockopt(descriptor, SOL_SOCKET, cookie, &value, &size) == 0 ? value : 0;
    }
    struct [[gnu::packed, gnu::aligned(4)]] elsewhere {  // as sockaddr_in6 is, which saves 8 bytes for each client
        sa_family_t family;
        named* name;
    };
    union {  // the family comes first in both
        sockaddr_in6 ip_;
        elsewhere other_;
    };
};

/// The clients by their addresses, so that the clients of an address can be counted. Each chain holds the clients of
/// some addresses. Clients choose their addresses, so the chains depend on a secret.
template <class Client>
class crowd {
  public:
    [[nodiscard]] Client*& at(std::uint64_t place) noexcept { return chains_[chain_of(place)]; }
    [[nodiscard]] std::size_t chain_of(std::uint64_t place) const noexcept {
        return static_cast<std::size_t>(keyed_hash{secret_}.add(place).value() % std::size(chains_));
    }

  private:
    Client* chains_[1024] = {};
    keyed_hash::key secret_ = random_key();
};

template <class Handler>
class [[nodiscard]] serving final : public joint_wait, private loop_timer {
  public:
    serving(async_listener&& listener, Handler&& handler, const serve_options& options)
        : joint_wait{false},
          handler_{std::move(handler)},
          options_{options},
          accepting_{accept_all(std::move(listener))} {
        if (!options_.request_timeout)
            options_.request_timeout = options.idle_timeout > never / 4 ? never : 4 * options.idle_timeout;
        if (options.max_connections == 0 || options.max_per_client == 0 || options.idle_timeout <= duration::zero() ||
            *options_.request_timeout <= duration::zero())
            throw std::invalid_argument{
                "serve_options: max_connections, max_per_client and the timeouts must be above zero"};
        if (options.descriptors_per_connection > 1)
            options_.max_connections = detail::min(options.max_connections, room_for(options.descriptors_per_connection));
    }
    ~serving() {
        while (clients_) delete clients_;  // some are left only if the frame is destroyed while the task waits
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_all(waiter, waiter.promise().chain(), [this] { accepting_.begin(*this); });
    }
    void await_resume() { accepting_.take(); }  // throws, because accept_all() ends only by a failure or a cancellation

  private:
    /// A connection. part_ended() deletes it when its handler has ended.
    class client final : public part<void> {
      public:
        static void* operator new(std::size_t size) { return frames.take(size); }
        static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }
        client(serving& all, int descriptor, const socket_address& from, async_stream&& stream)
            : part<void>{all.call(std::move(stream), from)},
              older{all.clients_},
              previous_{&all.clients_},
              peer_{from, descriptor},
              descriptor_{descriptor} {
            if (all.crowd_ && peer_.is_ip()) neighbour_ = std::exchange(all.crowd_->at(peer_.place()), this);
            if (older) older->previous_ = &older;
            all.clients_ = this;
            ++all.count_;
        }
        ~client() override {
            *previous_ = older;
            if (older) older->previous_ = previous_;
            auto& all = static_cast<serving&>(whole());
            if (all.crowd_ && peer_.is_ip()) {
                client** at = &all.crowd_->at(peer_.place());
                while (*at != this) at = &(*at)->neighbour_;
                *at = neighbour_;
            }
            all.look_.skip(*this);
            --all.count_;
        }
        void hear_no_more() noexcept {
            if (is_there()) ::shutdown(descriptor_, SHUT_RD);
        }

        /// Cancels the handler if the peer has acknowledged no new byte at five looks in a row. The kernel counts these
        /// bytes, so sending calls need not.
        void look() noexcept {
            if (!peer_.is_ip() || has_timed_out) return;
            kernel_tcp_info now{};
            socklen_t size = sizeof now;
            // After a reset the kernel knows no numbers, and the connection counts as quiet. Its handler may still be
            // waiting for something else.
            const bool is_known = is_there() && ::getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, &now, &size) == 0;
            const auto acknowledged = static_cast<std::uint32_t>(now.bytes_acked);
            if (is_known && std::exchange(acknowledged_, acknowledged) != acknowledged) quiet_quarters_ = 0;
            if (++quiet_quarters_ <= 4) return;
            has_timed_out = true;
            fiber::cancel();
        }
        [[nodiscard]] socket_address peer() const { return peer_.get(); }
        /// Returns how many of the clients from this one on in its chain come from `place`.
        [[nodiscard]] static std::size_t count_from(const client* each, std::uint64_t place) noexcept {
            std::size_t count = 0;
            for (; each; each = each->neighbour_) count += each->peer_.place() == place;
            return count;
        }
        client* older;

      private:
        /// Returns true if the descriptor still belongs to this client. The handler owns the stream and may have closed
        /// it. The kernel may then have given the number to another descriptor.
        bool is_there() const noexcept { return peer_.is_peer_of(descriptor_); }

        client** previous_;
        client* neighbour_ = nullptr;  // the next client in the same chain of the crowd
        peer_name peer_;
        int descriptor_;
        std::uint32_t acknowledged_ = 0;  // the lower half of the kernel's number suffices to see a change
        unsigned char quiet_quarters_ = 0;

      public:
        bool has_timed_out = false;
    };

    /// Looks at all clients after every quarter of request_timeout. One timer for all of them saves memory. It looks at
    /// some clients, and then at the others in the next turn.
    class looking final : private loop_timer {
      public:
        explicit looking(serving& all) noexcept : all_{all} {}
        /// Begins, unless it has begun.
        void begin() noexcept {
            if (*all_.options_.request_timeout != never && !is_armed()) look_later();
        }
        /// A client is destroyed.
        void skip(const client& gone) noexcept {
            if (next_ == &gone) next_ = gone.older;
        }

      private:
        void look_later() noexcept {
            scheduler& loop = all_.chain().loop();
            loop.arm(*this, later(loop.now(), *all_.options_.request_timeout / 4));
        }
        void expired() noexcept override {
            if (!next_) next_ = all_.clients_;
            for (int i = 0; next_ && i < 64; ++i) std::exchange(next_, next_->older)->look();
            if (next_) return all_.chain().loop().arm(*this, all_.chain().loop().now());
            if (all_.clients_) look_later();
        }
        serving& all_;
        client* next_ = nullptr;
    };

    /// Returns how many connections the process has descriptors for, at least 1. The lowest free number tells how many
    /// are open now, because the kernel gives out the lowest first.
    static std::size_t room_for(std::size_t descriptors_each) noexcept {
        rlimit limit{};
        if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
        const int lowest = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
        if (lowest >= 0) ::close(lowest);
        const auto open = static_cast<rlim_t>(detail::max(lowest, 0));
        const rlim_t left = limit.rlim_cur > open ? limit.rlim_cur - open : 0;
        return detail::max<std::size_t>(1, static_cast<std::size_t>(left) / descriptors_each);
    }

    /// Returns false if the client's address has as many connections as it may have. Then the client is reset.
    [[nodiscard]] bool is_welcome(async_listener::accepted& one) {
        if (!crowd_ || !one.peer.is_ip()) return true;
        const std::uint64_t place = peer_name{one.peer, -1}.place();
        if (client::count_from(crowd_->at(place), place) < options_.max_per_client) return true;
        one.stream.node().ends_by_reset = true;
        if (options_.on_error)
            options_.on_error(one.peer, std::system_error{std::make_error_code(std::errc::connection_refused),
                                                          "more connections than max_per_client"});
        return false;
    }
    task<> accept_all(async_listener listener) {
        if (options_.max_per_client != SIZE_MAX) crowd_.reset(new crowd<client>);
        if (options_.descriptors_per_connection > 1) listener.accept_one_by_one();
        for (;;) {
            while (count_ >= options_.max_connections) {
                has_room_.reset();
                co_await has_room_.wait();
            }
            auto accepted = co_await listener.accept();
            bool is_short = false;
            try {
                if (!is_welcome(accepted)) continue;
                const int descriptor = accepted.stream.native_handle();
                accepted.stream.set_timeout(options_.idle_timeout);
                auto* const made = new client{*this, descriptor, accepted.peer, std::move(accepted.stream)};
                made->begin(*this);
                look_.begin();
            } catch (const std::bad_alloc& failure) {  // this client is lost
                is_short = true;
                if (options_.on_error) options_.on_error(accepted.peer, failure);
            }
            if (is_short) co_await sleep_for(accept_pause);
        }
    }
    /// Calls the handler. If it throws before it returns a task, that exception is treated like one from the task. A
    /// handler that takes only the stream needs no frame around its task. Otherwise that frame owns the peer's address,
    /// to which the handler's task may refer.
    task<> call(async_stream&& stream, const socket_address& peer) {
        try {
            if constexpr (std::is_invocable_v<Handler&, async_stream, const socket_address&>)
                return call_with(std::move(stream), peer);
            else if constexpr (std::is_invocable_v<Handler&, async_stream, const endpoint&>)
                return call_with(std::move(stream), peer.ip());  // throws if the peer has no IP address
            else
                return handler_(std::move(stream));
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {
            return fail(std::current_exception());
        }
    }
    template <class Peer>
    task<> call_with(async_stream stream, Peer peer) {
        co_await handler_(std::move(stream), std::as_const(peer));
    }
    static task<> fail(std::exception_ptr failure) {
        std::rethrow_exception(std::move(failure));
        co_return;
    }
    void part_ended(part_base& which) noexcept override {
        if (&which == &accepting_) {  // the listener is closed
            for (client* each = clients_; each; each = each->older) each->hear_no_more();
            scheduler& loop = chain().loop();
            if (clients_) loop.arm(*this, later(loop.now(), options_.stop_grace));
            return;
        }
        auto* const one = static_cast<client*>(&which);
        if (one->has_timed_out)
            report(*one, std::make_exception_ptr(std::system_error{std::make_error_code(std::errc::timed_out)}));
        else if (const std::exception_ptr thrown = one->exception(); thrown && !is_cancellation(thrown))
            report(*one, thrown);
        delete one;
        has_room_.set();
    }
    void report(const client& one, const std::exception_ptr& thrown) noexcept {
        if (!options_.on_error) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& failure) {
            options_.on_error(one.peer(), failure);
        } catch (...) {
            options_.on_error(one.peer(), std::runtime_error{"the handler threw an object that is not a std::exception"});
        }
    }
    void cancel_parts() noexcept override { accepting_.cancel(); }
    void expired() noexcept override {  // stop_grace has passed
        for (client* each = clients_; each; each = each->older) each->fiber::cancel();
    }

    Handler handler_;
    serve_options options_;
    client* clients_ = nullptr;
    std::size_t count_ = 0;
    owner<crowd<client>> crowd_;  // exists only if the connections of an address are limited
    looking look_{*this};
    async_event has_room_;
    part<void> accepting_;
};

}  // namespace detail

/// Accepts connections and runs handler(stream) or handler(stream, peer) for each, until it is cancelled, for example
/// by the stop of event_loop::run(). Then it closes the listener, waits for the handlers, and throws
/// netnotes::cancelled. It cancels handlers that have not ended after stop_grace.
///
/// Throws std::system_error if the listener fails, and std::invalid_argument if an option that must be above zero is
/// not. All connections share one handler object. If it is a lambda, its captures live as long as the server.
///
/// All handlers run in the thread of this loop, so they need no locks, and they use one processor. To use every
/// processor, call serve_on_every_core() (coro/every_core.hpp).
template <connection_handler Handler>
task<> serve(async_listener listener, Handler handler, serve_options options = {}) {
    detail::serving<Handler> all{std::move(listener), std::move(handler), options};
    co_await all;
}
/// Serves connections of a tcp_listener that you have made. It uses the loop that runs this task.
template <connection_handler Handler>
task<> serve(tcp_listener listener, Handler handler, serve_options options = {}) {
    detail::serving<Handler> all{async_listener{std::move(listener)}, std::move(handler), options};
    co_await all;
}
/// Listens at `where` and serves the connections. Small answers are sent at once (option::no_delay). Also throws the
/// errors of tcp_listener's constructor, for example errc::address_in_use.
template <connection_handler Handler>
task<> serve(endpoint where, Handler handler, serve_options options = {}) {
    tcp_listener listener{where};
    listener.set_option(option::no_delay{});
    detail::serving<Handler> all{async_listener{std::move(listener)}, std::move(handler), options};
    co_await all;
}

/// Listens on the Unix socket `where` and serves the connections. Replaces a stale file there: see
/// bind_replacing_stale() in socket/stale.hpp, whose errors it also throws. The file stays when the server ends.
template <connection_handler Handler>
task<> serve(unix_endpoint where, Handler handler, serve_options options = {}) {
    socket listener{address_family::local, socket_type::stream};
    bind_replacing_stale(listener, where);
    listener.listen();
    detail::serving<Handler> all{async_listener{std::move(listener)}, std::move(handler), options};
    co_await all;
}

/// A mistake: the message says what to write.
template <class Handler>
requires(!connection_handler<Handler>) task<> serve(endpoint, Handler, serve_options = {}) {
    static_assert(connection_handler<Handler>,
                  "the handler must take an async_stream by value and return a task: write "
                  "[](async_stream client) -> task<> { ...; co_return; }");
    return {};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SERVE_HPP

// netnotes/tcp/connect.hpp: connecting by the fastest of several addresses
// SPDX-License-Identifier: MIT
//
// A host has several addresses, and some of them may be dead. Happy Eyeballs (RFC 8305) tries them with a staggered
// start and keeps the first connection that is established. tcp_stream::connect() uses this chapter.
//
// On this page:  connect_options · connect_hook · interleave_families
// The notes:     TCP客户端 (a client); example 10

#ifndef NETNOTES_TCP_CONNECT_HPP
#define NETNOTES_TCP_CONNECT_HPP

#include <netinet/in.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "../ip/algorithm.hpp"
#include "../socket/file.hpp"
#include "../socket/socket.hpp"
#include "../socket/time.hpp"

namespace netnotes {

// ---- Connecting ----------------------------------------------------------------------------------------

// A name stands for several addresses, and some of them may be dead: IPv6 that ends at the next router, a server that
// is down. A client that tries them one after another waits two minutes for each dead address. A client that tries them
// all at once burdens every server. The solution is a race with a staggered start, *Happy Eyeballs* (RFC 8305):
//
//        resolve("example.net") -> 2001:db8::1, 2001:db8::2, 192.0.2.1
//
//          0 ms   2001:db8::1  ──── SYN ───>  . . .             closed: 192.0.2.1 was faster
//        250 ms   192.0.2.1    ──── SYN ───>  <─── SYN, ACK     returned
//                 2001:db8::2                                   not tried; its turn was at 500 ms, or after a failure

/// Refers to a function `void(socket&)`: a plain function, or an object such as a lambda. It does not own the object,
/// which must live until the call that uses it has ended. A lambda written inside that call does.
class connect_hook {
  public:
    constexpr connect_hook() noexcept = default;
    template <class Call>
    requires(std::invocable<Call&, socket&> && !std::same_as<std::remove_cvref_t<Call>, connect_hook>)
    constexpr connect_hook(Call&& call) noexcept : call_{call} {}  // NOLINT(google-explicit-constructor)
    /// Returns true if there is a function to call.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return static_cast<bool>(call_); }
    /// Calls the function with the socket that is about to connect; does nothing without a function.
    void operator()(socket& made) const { call_(made); }

  private:
    detail::function_reference<socket&> call_;
};

/// The settings of connecting: how to try several addresses, and what ends it.
struct connect_options {
    wait_time timeout = never;  ///< For all attempts together. Zero accepts only a connection made at once.
    /// The time after which the next attempt begins beside this attempt: the Connection Attempt Delay of RFC 8305 §5,
    /// 250 ms recommended. Less than 10 ms counts as 10 ms.
    wait_time attempt_delay = std::chrono::milliseconds{250};
    const stop_event* stop = nullptr;  ///< Ends the connecting with errc::operation_canceled, not later calls.
    /// The address and port to connect from. With address 0.0.0.0 or :: the system chooses the address, with port 0 the
    /// port. An attempt fails with errc::address_not_available if this host does not have the address, and with
    /// errc::address_family_not_supported if the peer's address is of the other family.
    endpoint local{};
    /// Called with the new socket of each attempt before it is bound and connects, for options that must be set early:
    /// option::receive_buffer, SO_MARK, SO_BINDTODEVICE. If it throws, the connecting ends with that exception. It must
    /// not change how long the socket's calls wait.
    connect_hook before{};
};

/// Returns the endpoints in the order in which to try them (RFC 8305 §4). The families take turns, beginning with the
/// family of the first endpoint. Within a family the order stays. So one broken family costs only one attempt.
[[nodiscard]] std::vector<endpoint> interleave_families(std::span<const endpoint> endpoints);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
inline address_family family_of(const endpoint& where) noexcept {
    return where.address().is_v4() ? address_family::inet : address_family::inet6;
}

/// Returns how much a failure tells a person: an answer most, then silence, then no route.
constexpr int meaning(int error) noexcept {
    switch (error) {
        case ECONNREFUSED:
        case ECONNRESET: return 4;
        case ETIMEDOUT:
        case EHOSTUNREACH:
        case EHOSTDOWN: return 3;
        case ENETUNREACH:
        case ENETDOWN:
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT: return 1;
        default: return 2;  // no descriptors, not permitted, ...
    }
}

/// Returns true if the process or the system has no descriptor left. Closing a descriptor helps.
inline bool lacks_descriptors(const std::error_code& error) noexcept {
    return error.value() == EMFILE || error.value() == ENFILE;
}

/// RFC 8305 §5 without a network and without a clock, which `world` has:
///
///     now()           the time
///     start(i)        begins attempt i. No error: connected. errc::operation_in_progress: pending. Else: failed
///     wait(until)     waits until an attempt has ended, and returns it with its error. Returns no attempt at `until`,
///                     or with an error that ends everything
///
/// An attempt without an answer does not hold up the next address. Only if no descriptor is left, the next attempt
/// waits: it tries again after each delay, and when an attempt has ended.
struct attempt_end {
    std::optional<std::size_t> attempt;
    std::error_code error;
};
/// Returns the attempt that won. With an error, returns the attempt that it belongs to, or nullopt.
template <class World>
std::optional<std::size_t> race(World& world, std::size_t count, duration delay, time_point until,
                                std::error_code& error) {
    std::size_t started = 0, pending = 0;
    time_point next_start = time_point::min();
    attempt_end worst;
    const auto failed = [&](std::size_t attempt, const std::error_code& why) {
        if (!worst.attempt || meaning(why.value()) > meaning(worst.error.value())) worst = {attempt, why};
        next_start = time_point::min();
    };
    for (;;) {
        const bool may_start = started < count;
        if (may_start && (pending == 0 || world.now() >= next_start)) {
            const std::size_t attempt = started;
            error = world.start(attempt);
            if (!error) return attempt;
            if (lacks_descriptors(error) && pending > 0) {
                next_start = later(world.now(), delay);
                continue;
            }
            ++started;
            if (error == std::errc::operation_in_progress) {
                ++pending;
                next_start = later(world.now(), delay);
            } else {
                failed(attempt, error);
            }
            continue;
        }
        if (pending == 0) {
            error = worst.error;
            return worst.attempt;
        }
        const attempt_end ended = world.wait(may_start ? detail::min(next_start, until) : until);
        if (ended.attempt) {
            if (!ended.error) {
                error.clear();
                return ended.attempt;
            }
            --pending;
            failed(*ended.attempt, ended.error);
        } else if (ended.error) {
            error = ended.error;
            return {};
        } else if (world.now() >= until) {
            error = std::make_error_code(std::errc::timed_out);
            return {};
        }
    }
}

inline socket_address to_address(const endpoint& where, std::error_code& error) {
    try {
        error.clear();
        return socket_address{where};
    } catch (const std::system_error& failure) {  // its zone names no interface
        error = failure.code();
        return {};
    }
}

/// Prepares a new socket for connecting to `where`: the hook, then the local address.
inline void prepare_to_connect(socket& made, const endpoint& where, const connect_options& options,
                               std::error_code& error) {
    options.before(made);
    error.clear();
    if (options.local == endpoint{}) return;
    ip_address from = options.local.address();
    if (from.is_unspecified()) from = where.address().is_v4() ? ip_address{ipv4_address::any()} : ipv6_address::any();
    if (from.is_v4() != where.address().is_v4()) {
        error = std::make_error_code(std::errc::address_family_not_supported);
        return;
    }
    const socket_address address = to_address({from, options.local.port()}, error);
    if (error) return;
    // Without this, bind() would take a port that no other connection has, to any peer. Few ports are left soon.
    std::error_code too_old;
    if (options.local.port() == 0) made.set_option(option::flag<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>{}, too_old);
    made.bind(address, error);
}

/// The world of a real race: sockets, and one poll(2) for all of them.
class connecting_sockets {
  public:
    connecting_sockets(std::span<const endpoint> endpoints, const connect_options& options) noexcept
        : endpoints_{endpoints}, options_{options}, stop_{options.stop} {}

    static time_point now() noexcept { return clock::now(); }

    std::error_code start(std::size_t attempt) {
        std::error_code error;
        const socket_address address = to_address(endpoints_[attempt], error);
        if (error) return error;
        socket connecting{family_of(endpoints_[attempt]), socket_type::stream, 0, error};
        if (error) return error;
        prepare_to_connect(connecting, endpoints_[attempt], options_, error);
        if (error) return error;
        connecting.set_timeout(duration::zero());
        connecting.connect(address, error);
        if (error && error != std::errc::timed_out) return error;  // (the network's own timeout takes longer)
        lanes_.push_back({std::move(connecting), attempt, {}});
        return error ? std::make_error_code(std::errc::operation_in_progress) : error;
    }

    attempt_end wait(time_point until) {
        watched_.clear();
        for (const lane& one : lanes_) watched_.push_back({one.connecting.native_handle(), POLLOUT, 0});
        watched_.push_back({stop_ ? stop_->native_handle() : -1, POLLIN, 0});  // poll(2) passes over -1
        std::error_code error;
        poll_until(watched_.data(), watched_.size(), until, error);
        if (error == std::errc::timed_out) return {};
        if (!error && watched_.back().revents != 0) error = std::make_error_code(std::errc::operation_canceled);
        if (error) return {{}, error};
        // A connected attempt goes before a failed attempt. Otherwise another attempt would begin for nothing.
        auto failed = lanes_.end();
        for (auto one = lanes_.begin(); one != lanes_.end(); ++one) {
            if (watched_[static_cast<std::size_t>(one - lanes_.begin())].revents == 0) continue;
            if (!one->error) one->error = one->connecting.take_error();
            if (!one->error) return {one->attempt, {}};
            if (failed == lanes_.end()) failed = one;
        }
        const attempt_end ended{failed->attempt, failed->error};
        lanes_.erase(failed);
        return ended;
    }

    /// Returns the socket of the attempt that won. The others are closed with this object.
    socket take(std::size_t attempt) {
        auto& won =
            *detail::find_if(lanes_.begin(), lanes_.end(), [&](const lane& one) { return one.attempt == attempt; });
        won.connecting.set_timeout(never);
        return std::move(won.connecting);
    }

  private:
    struct lane {
        socket connecting;
        std::size_t attempt = 0;
        std::error_code error;  ///< kept, because SO_ERROR reports an error only once
    };
    std::span<const endpoint> endpoints_;
    const connect_options& options_;
    const stop_event* stop_;
    std::vector<lane> lanes_;  // in the order in which they began
    std::vector<pollfd> watched_;
};

/// `whose` is the index of the endpoint that won or that the error belongs to, if there is such an endpoint.
inline socket connect_to(std::span<const endpoint> endpoints, const connect_options& options,
                         std::optional<std::size_t>& whose, std::error_code& error) {
    whose.reset();
    error = endpoints.empty() ? std::make_error_code(std::errc::destination_address_required)
            : options.stop && options.stop->stop_requested() ? std::make_error_code(std::errc::operation_canceled)
                                                             : std::error_code{};
    if (error) return {};
    if (endpoints.size() == 1 && options.timeout == never && !options.stop) {  // nothing to race with
        const socket_address address = to_address(endpoints[0], error);
        if (error) return {};
        socket connecting{family_of(endpoints[0]), socket_type::stream, 0, error};
        if (!error) prepare_to_connect(connecting, endpoints[0], options, error);
        if (!error) connecting.connect(address, error);
        return error ? socket{} : std::move(connecting);
    }
    connecting_sockets sockets{endpoints, options};
    const duration delay = detail::max<duration>(options.attempt_delay, std::chrono::milliseconds{10});
    whose = race(sockets, endpoints.size(), delay, end_of(options.timeout), error);
    return error ? socket{} : sockets.take(*whose);
}

/// "connect example.com:80 (192.0.2.1:80, one of 3 addresses): Connection refused"
[[noreturn, gnu::cold]] inline void throw_connect_error(const std::error_code& error, std::string_view where,
                                             std::span<const endpoint> endpoints, std::optional<std::size_t> whose) {
    if (endpoints.size() < 2) throw_error(error, "connect ", where);
    const std::string number = std::to_string(endpoints.size());
    if (!whose) throw_error(error, "connect ", where, " (", number, " addresses)");
    throw_error(error, "connect ", where, " (", endpoints[*whose].to_string(), ", one of ", number, " addresses)");
}
}  // namespace detail

namespace detail {
/// Returns the endpoints of a list. A conversion to std::span would make the compiler check a dozen concepts of ranges,
/// in every program that includes this page: a twentieth of its time.
inline std::span<const endpoint> all_of(const std::vector<endpoint>& list) noexcept {
    return {list.data(), list.size()};
}
}  // namespace detail

inline std::vector<endpoint> interleave_families(std::span<const endpoint> endpoints) {
    std::vector<endpoint> order;
    order.reserve(endpoints.size());
    const auto is_v4 = [](const endpoint& one) { return one.address().is_v4(); };
    bool v4 = !endpoints.empty() && is_v4(endpoints.front());
    std::array<std::size_t, 2> next{};  // where to look for the next endpoint of each family
    while (order.size() < endpoints.size()) {
        std::size_t& i = next[v4];
        while (i < endpoints.size() && is_v4(endpoints[i]) != v4) ++i;
        if (i < endpoints.size()) order.push_back(endpoints[i++]);
        v4 = !v4;  // even if that family has no more endpoints: then the other continues alone
    }
    return order;
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_CONNECT_HPP

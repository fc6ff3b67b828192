// netnotes/socket/options.hpp: the options of a socket, as types
// SPDX-License-Identifier: MIT
//
// setsockopt(2) takes any bytes for any option. A type for each option has the right size, and refuses values out of
// range.
//
//        net::socket stream{net::address_family::inet, net::socket_type::stream};
//        stream.set_option(net::option::keep_alive{true});
//        auto size = stream.get_option<net::option::receive_buffer>();
//
// On this page:  option::reuse_address, reuse_port, keep_alive, broadcast, receive_buffer, send_buffer, ipv6_only,
// linger The notes:     setsockopt, getsockopt (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_OPTIONS_HPP
#define NETNOTES_SOCKET_OPTIONS_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

#include "../ip/algorithm.hpp"
#include "address.hpp"
#include "time.hpp"

namespace netnotes {

// ---- Options -------------------------------------------------------------------------------------------

/// A socket option as a type: `socket.set_option(option::keep_alive{true})`, `socket.get_option<option::linger>()`.
/// An option without a type is set by level, name and value, as in C.
namespace option {

/// An option that is on or off.
template <int Level, int Name>
struct flag {
    bool value = true;
    using native_type = int;
    static constexpr int level = Level, name = Name;
    constexpr native_type to_native() const noexcept { return value; }
    static constexpr bool from_native(native_type native) noexcept { return native != 0; }
};
/// A number below `Least` is errc::invalid_argument when it is set.
template <int Level, int Name, int Least = std::numeric_limits<int>::min()>
struct number {
    int value;
    using native_type = int;
    static constexpr int level = Level, name = Name;
    constexpr bool is_in_range() const noexcept { return value >= Least; }
    constexpr native_type to_native() const noexcept { return value; }
    static constexpr int from_native(native_type native) noexcept { return native; }
};

/// Allows bind() although connections of an earlier run are still in TIME_WAIT on the same port. On Linux it helps only
/// if the earlier socket had it too, so set it from the first run on. It never allows two listeners at once.
using reuse_address = flag<SOL_SOCKET, SO_REUSEADDR>;
/// Lets several sockets of one user bind the same port. The kernel distributes the clients among them.
using reuse_port = flag<SOL_SOCKET, SO_REUSEPORT>;
/// Probes a silent peer. It is off by default, and the first probe is by default sent after two hours (tcp(7)).
using keep_alive = flag<SOL_SOCKET, SO_KEEPALIVE>;
/// Allows datagrams to a broadcast address. Without it the kernel refuses them with EACCES.
using broadcast = flag<SOL_SOCKET, SO_BROADCAST>;
/// The size of a buffer in bytes. Linux sets twice the number, for its own book-keeping, and returns the doubled number
/// (socket(7)). Linux would take a negative number as the maximum; here it fails with errc::invalid_argument.
using receive_buffer = number<SOL_SOCKET, SO_RCVBUF, 0>;
using send_buffer = number<SOL_SOCKET, SO_SNDBUF, 0>;
/// Keeps an IPv6 socket from serving IPv4 clients as ::ffff:a.b.c.d.
using ipv6_only = flag<IPPROTO_IPV6, IPV6_V6ONLY>;

/// Is true for a listening socket. The option can only be read.
using accepts_connections = flag<SOL_SOCKET, SO_ACCEPTCONN>;

/// Sets what close() does with bytes that are not yet acknowledged. With nullopt the kernel goes on sending them in the
/// background. With a number of seconds close() waits for at most this time. With zero close() discards them and sends
/// a reset. A negative number fails with errc::invalid_argument. A time that is too long for the kernel becomes the
/// kernel's maximum, 68 years.
struct linger {
    std::optional<std::chrono::seconds> value;
    using native_type = ::linger;
    static constexpr int level = SOL_SOCKET, name = SO_LINGER;

    constexpr linger() noexcept = default;
    constexpr linger(std::nullopt_t) noexcept {}
    constexpr linger(const std::optional<std::chrono::seconds>& time) noexcept : value{time} {}
    /// Takes minutes and hours, too; half a second does not compile.
    template <class Rep, class Period>
    requires std::is_convertible_v<std::chrono::duration<Rep, Period>, std::chrono::seconds>
    constexpr linger(const std::chrono::duration<Rep, Period>& time) noexcept
        : value{detail::saturated<std::chrono::seconds>(time)} {}

    constexpr bool is_in_range() const noexcept { return !value || value->count() >= 0; }
    native_type to_native() const noexcept {
        const auto seconds = value.value_or(std::chrono::seconds::zero()).count();
        return {value ? 1 : 0, static_cast<int>(detail::clamp<std::int64_t>(seconds, 0, std::numeric_limits<int>::max()))};
    }
    static std::optional<std::chrono::seconds> from_native(native_type native) noexcept {
        return native.l_onoff ? std::optional{std::chrono::seconds{native.l_linger}} : std::nullopt;
    }
};

}  // namespace option

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_OPTIONS_HPP

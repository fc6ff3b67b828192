// netnotes/socket/buffer.hpp: time and bytes
// SPDX-License-Identifier: MIT
//
// What every call of a socket takes: how long it may wait, room to receive into, and bytes to send.
//
// On this page:  clock, duration, time_point, never, wait_time · mutable_buffer, const_buffer, as_text
// The notes:     socket.settimeout() (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_BUFFER_HPP
#define NETNOTES_SOCKET_BUFFER_HPP

#include <chrono>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../ip/version.hpp"

namespace netnotes {

// ---- Time and bytes ------------------------------------------------------------------------------------

/// All waiting is measured by the clock that nobody can set.
using clock = std::chrono::steady_clock;
using duration = clock::duration;
using time_point = clock::time_point;

/// The timeout that never comes. Zero means *now*: what cannot be done at once is errc::timed_out.
inline constexpr duration never = duration::max();

namespace detail {
/// Converts a duration to another unit and saturates where std::chrono would overflow: hours::max() is `To`'s maximum.
/// What lies between two units is rounded up, so that no wait is too short. Throws std::invalid_argument for NaN.
template <class To, class Rep, class Period>
constexpr To saturated(const std::chrono::duration<Rep, Period>& time) {
    if constexpr (std::is_floating_point_v<Rep>) {
        if (time.count() != time.count()) throw std::invalid_argument{"a duration that is not a number"};
        const std::chrono::duration<long double, typename To::period> exact{time};
        if (exact.count() >= static_cast<long double>(To::max().count())) return To::max();
        if (exact.count() <= static_cast<long double>(To::min().count())) return To::min();
        return std::chrono::ceil<To>(exact);
    } else {
        // Where the unit is coarser, the limits of `To` are few of it; where it is finer, nothing can overflow.
        using coarser = std::chrono::duration<typename To::rep, Period>;
        if constexpr (std::ratio_greater_v<Period, typename To::period>) {
            constexpr auto most = std::chrono::duration_cast<coarser>(To::max());
            if (std::cmp_greater(time.count(), most.count())) return To::max();
            if (std::cmp_less(time.count(), -most.count())) return To::min();
        } else {
            if (std::cmp_greater(time.count(), std::numeric_limits<typename To::rep>::max())) return To::max();
        }
        return std::chrono::ceil<To>(coarser{static_cast<typename To::rep>(time.count())});
    }
}
}  // namespace detail

/// A time to wait, made from a duration of any unit, floating-point ones included. One that is too long for `duration`
/// (292 years) is `never`, and so is infinity: hours::max() waits for ever, and does not overflow to the past. What is
/// below zero counts as zero wherever a time is waited for. Throws std::invalid_argument for NaN.
class wait_time : public duration {
  public:
    constexpr wait_time() noexcept : duration{duration::zero()} {}
    constexpr wait_time(duration time) noexcept : duration{time} {}
    template <class Rep, class Period>
    constexpr wait_time(const std::chrono::duration<Rep, Period>& time) : duration{detail::saturated<duration>(time)} {}
};

namespace detail {
template <class Byte>
concept byte_like = sizeof(Byte) == 1 && std::is_trivially_copyable_v<Byte>;
template <class Range>
concept bytes_range = requires(Range& range) {
    { std::size(range) } -> std::convertible_to<std::size_t>;
    requires byte_like<std::remove_cvref_t<decltype(*std::data(range))>>;
};
template <class Pointer>
concept text_pointer = std::is_pointer_v<Pointer> && std::is_convertible_v<Pointer, const char*>;
class borrowed_socket;
}  // namespace detail

/// Room to receive into: made from anything that is one run of bytes, an array, a std::array, std::string,
/// std::vector or std::span of std::byte, char or unsigned char. It does not own and does not grow.
class mutable_buffer : public std::span<std::byte> {
  public:
    using std::span<std::byte>::span;
    constexpr mutable_buffer(std::span<std::byte> bytes) noexcept : std::span<std::byte>{bytes} {}
    template <detail::bytes_range Range>
    mutable_buffer(Range&& range) noexcept  // NOLINT(bugprone-forwarding-reference-overload)
        requires(!std::is_const_v<std::remove_reference_t<decltype(*std::data(range))>>)
        : std::span<std::byte>{reinterpret_cast<std::byte*>(std::data(range)), std::size(range)} {}
};

/// Bytes to send: from the same, and from text. Of a literal the NUL behind it is not sent. No type can tell a
/// literal from another *const* array of char, so such an array is taken for one and a NUL at its very end left
/// out; and an array of char that is not const is refused, for it is seldom full: `std::span{buffer}.first(size)`.
class const_buffer : public std::span<const std::byte> {
  public:
    using std::span<const std::byte>::span;
    constexpr const_buffer(std::span<const std::byte> bytes) noexcept : std::span<const std::byte>{bytes} {}
    const_buffer(const std::string_view& text) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(text.data()), text.size()} {}
    template <detail::text_pointer Pointer>
    const_buffer(Pointer text) noexcept : const_buffer{std::string_view{text}} {}
    template <detail::byte_like Byte, std::size_t Size>
    const_buffer(Byte (&array)[Size]) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(array),
                                     Size - (std::is_same_v<Byte, const char> && array[Size - 1] == Byte{})} {}
    template <std::size_t Size>
    const_buffer(char (&array)[Size]) = delete;
    template <detail::bytes_range Range>
    const_buffer(const Range& range) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(std::data(range)), std::size(range)} {}
};

/// Received bytes looked at as text, without copying and without a check: a peer may send anything.
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_BUFFER_HPP

// netnotes/socket/time.hpp: how long a call waits
// SPDX-License-Identifier: MIT
//
// Every timeout of the library is measured on one clock, and saturates: the longest duration waits for ever.
//
//        stream.set_timeout(2s);                        // namespace net = netnotes; using std::chrono literals
//        stream.set_timeout(std::chrono::hours::max()); // never
//        stream.set_deadline(net::clock::now() + 1min); // a point in time, for many calls together
//
// On this page:  clock, duration, time_point, never, wait_time
// The notes:     socket.settimeout() (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_TIME_HPP
#define NETNOTES_SOCKET_TIME_HPP

#include <cstdint>
#include <ctime>
#include <limits>
#include <ratio>
#include <stdexcept>
#include <type_traits>
#include <utility>
// <chrono> also has calendars and time zones, for which every compilation waits a tenth of a second. The waits of
// <semaphore> take durations and points in time, and libstdc++ defines both there, with the clocks and the literals.
#ifdef _GLIBCXX_RELEASE
#include <semaphore>
#else
#include <chrono>
#endif

#include "../ip/algorithm.hpp"
#include "../ip/version.hpp"

namespace netnotes {

// ---- Time and bytes ------------------------------------------------------------------------------------

/// The clock that measures all waiting. No program can set it.
using clock = std::chrono::steady_clock;
using duration = clock::duration;
using time_point = clock::time_point;

/// The timeout that never expires. Zero means *now*: a call that cannot finish at once fails with errc::timed_out.
inline constexpr duration never = duration::max();

namespace detail {
struct write_a_time_with_its_unit_like_5s_or_500ms;  // what a compiler shows: see tests/package/mistakes.txt

/// Converts a duration to another unit and saturates where std::chrono would overflow: hours::max() is `To`'s maximum.
/// Rounds up to a whole unit, so that no wait is too short. Throws std::invalid_argument for NaN.
template <class To, class Rep, class Period>
constexpr To saturated(const std::chrono::duration<Rep, Period>& time) {
    if constexpr (std::is_floating_point_v<Rep>) {
        if (time.count() != time.count()) throw std::invalid_argument{"the duration is not a number (NaN)"};
        const std::chrono::duration<long double, typename To::period> exact{time};
        if (exact.count() >= static_cast<long double>(To::max().count())) return To::max();
        if (exact.count() <= static_cast<long double>(To::min().count())) return To::min();
        return std::chrono::ceil<To>(exact);
    } else {
        using factor = std::ratio_divide<Period, typename To::period>;
        constexpr auto times = static_cast<std::uint64_t>(factor::num), by = static_cast<std::uint64_t>(factor::den);
        constexpr auto most = static_cast<std::uint64_t>(To::max().count());
        const bool is_negative = std::cmp_less(time.count(), 0);
        const auto count = static_cast<std::uint64_t>(time.count());
        const std::uint64_t size = is_negative ? 0 - count : count, rest = size % by;
        // size * times / by, without a product that is larger than the result: the whole part, then that of the rest.
        std::uint64_t part = 0, left = 0;
        if constexpr (by - 1 <= std::numeric_limits<std::uint64_t>::max() / times) {
            part = rest * times / by;
            left = rest * times % by;
        } else {
            for (int bit = 63; bit >= 0; --bit) {  // as on paper, in base 2: left < by, which has at most 63 bits
                left = 2 * left;
                part = 2 * part + (left >= by);
                if (left >= by) left -= by;
                if ((times >> bit & 1) == 0) continue;
                left += rest;
                part += left >= by;
                if (left >= by) left -= by;
            }
        }
        if (left > 0 && !is_negative) ++part;
        if (size / by > most / times || part > most - size / by * times) return is_negative ? To::min() : To::max();
        const auto result = static_cast<typename To::rep>(size / by * times + part);
        return To{is_negative ? -result : result};
    }
}
}  // namespace detail

/// A time to wait, made from a duration of any unit, floating-point ones included. A time that is too long for
/// `duration` (292 years) becomes `never`, and so does infinity. So hours::max() waits for ever and does not overflow
/// to the past. A negative time counts as zero in every wait. Throws std::invalid_argument for NaN.
class wait_time : public duration {
  public:
    constexpr wait_time() noexcept : duration{duration::zero()} {}
    constexpr wait_time(duration time) noexcept : duration{time} {}
    template <class Rep, class Period>
    constexpr wait_time(const std::chrono::duration<Rep, Period>& time) : duration{detail::saturated<duration>(time)} {}
    template <class Number, class Advice = detail::write_a_time_with_its_unit_like_5s_or_500ms>
    requires std::is_arithmetic_v<Number>
    wait_time(Number) = delete;
};

namespace detail {
inline time_point later(time_point start, duration time) noexcept {
    return time > time_point::max() - start ? time_point::max() : start + time;  // `never` would overflow
}
inline time_point end_of(duration timeout) noexcept { return later(clock::now(), detail::max(timeout, duration::zero())); }

/// Counts down a timeout over the parts of a call.
class time_left {
  public:
    explicit time_left(duration timeout) noexcept : end_{timeout == never ? time_point::max() : end_of(timeout)} {}
    [[nodiscard]] duration now() const noexcept {
        return end_ == time_point::max() ? never : detail::max(end_ - clock::now(), duration::zero());
    }

  private:
    time_point end_;
};

/// Converts a time for ppoll(2) and pselect(2), rounded up to nanoseconds, so that they never return early. Where
/// time_t has 32 bits the kernel refuses more than 68 years (EINVAL), so 68 years are the longest.
inline timespec to_timespec(duration time) noexcept {
    using std::chrono::nanoseconds, std::chrono::seconds;
    const nanoseconds whole = std::chrono::ceil<nanoseconds>(time);
    constexpr std::int64_t longest = std::numeric_limits<time_t>::max();
    return {static_cast<time_t>(detail::min<std::int64_t>(whole / seconds{1}, longest)),
            static_cast<decltype(timespec::tv_nsec)>((whole % seconds{1}).count())};
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_TIME_HPP

// netnotes/tftp/timeout.hpp: how long to wait for an answer before a datagram is sent again
// SPDX-License-Identifier: MIT
//
// The retransmission timeout follows the round trips that were measured (RFC 6298). It doubles at each retransmission,
// and stays doubled until a round trip is measured of a datagram that was sent once (Karn's rule).
//
//        round trip 400 ms   timeout = 400 + 4 * 200  = 1,200 ms
//        round trip 800 ms   timeout = 450 + 4 * 250  = 1,450 ms
//        no answer           timeout = 2 * 1,450      = 2,900 ms
//
// On this page:  retransmission_timeout
// Above it:      tftp/window.hpp, tftp/transfer.hpp

#ifndef NETNOTES_TFTP_TIMEOUT_HPP
#define NETNOTES_TFTP_TIMEOUT_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "settings.hpp"

namespace netnotes::tftp::detail {

/// Returns the time that `bytes` take on a link of 64 kbit/s, and a quarter more. The rate of a link that was not
/// measured is taken for that.
[[nodiscard]] inline duration slowest_time(std::uint64_t bytes) noexcept {
    constexpr std::uint64_t slowest_rate = 64'000 / 8;  // bytes a second
    return std::chrono::milliseconds{static_cast<std::int64_t>(bytes * 1'250 / slowest_rate)};
}

/// The timer of RFC 6298. It has no clock: the caller measures.
class retransmission_timeout {
  public:
    explicit retransmission_timeout(const settings& how) noexcept
        : min_{how.min_timeout}, max_{how.max_timeout}, base_{how.first_timeout}, value_{how.first_timeout} {}

    /// Takes a timeout that both ends have agreed on (RFC 2349). From now on it is the smallest and the first timeout.
    void agree_on(duration agreed) noexcept {
        value_ = base_ = min_ = agreed;
        max_ = std::max(max_, agreed);
    }
    /// Takes the round trip of a datagram that was sent once (RFC 6298 §2). A window of `window_bytes` may take longer
    /// than max_timeout, as far as a link of 64 kbit/s explains it. `has_data` tells whether the answer was to data.
    void measure(duration round_trip, std::uint64_t window_bytes, bool has_data) noexcept {
        has_measured_data_ = has_measured_data_ || has_data;
        min_round_trip_ = std::min(min_round_trip_, round_trip);
        if (!is_measured_) {
            is_measured_ = true;
            smoothed_ = round_trip;
            variation_ = round_trip / 2;
        } else {
            const duration error = round_trip > smoothed_ ? round_trip - smoothed_ : smoothed_ - round_trip;
            variation_ += (error - variation_) / 4;
            smoothed_ += (round_trip - smoothed_) / 8;
        }
        const duration longest = max_ + (window_bytes > 1'500 ? slowest_time(window_bytes) : duration::zero());
        // A busy peer has at least an eighth more than the last round trip.
        const duration likely =
            std::max({smoothed_ + 4 * variation_, smoothed_ + smoothed_ / 8, round_trip + round_trip / 8});
        base_ = std::clamp(likely, min_, longest);
        value_ = base_;
    }
    /// Doubles the timeout, up to max_timeout (RFC 6298 §5.5).
    void back_off() noexcept { value_ = std::min(2 * value_, std::max(max_, base_)); }
    /// Takes back what back_off() has added beyond `limit`. Where each window has a loss nothing is measured for long.
    void limit(duration limit) noexcept { value_ = std::min(value_, std::max(base_, limit)); }

    /// Returns the timeout as it is now.
    [[nodiscard]] duration value() const noexcept { return value_; }
    /// Returns the timeout before it was doubled.
    [[nodiscard]] duration base() const noexcept { return base_; }
    /// Returns settings::min_timeout, or the timeout that was agreed on.
    [[nodiscard]] duration min() const noexcept { return min_; }
    /// Returns how long an answer takes for which the link was measured: the smoothed round trip and its variation.
    [[nodiscard]] duration likely_answer() const noexcept { return smoothed_ + 4 * variation_; }
    /// Returns the shortest round trip, or 0 if nothing was measured.
    [[nodiscard]] duration round_trip() const noexcept {
        return min_round_trip_ == duration::max() ? duration::zero() : min_round_trip_;
    }
    [[nodiscard]] bool is_measured() const noexcept { return is_measured_; }
    /// Returns true if the answer to a data datagram was measured.
    [[nodiscard]] bool has_measured_data() const noexcept { return has_measured_data_; }

  private:
    duration min_, max_, base_, value_;
    duration smoothed_{}, variation_{}, min_round_trip_ = duration::max();
    bool is_measured_ = false, has_measured_data_ = false;
};

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_TIMEOUT_HPP

// netnotes/lan/tcp_settings.hpp: the numbers of a TCP, and the wait before it sends again
// SPDX-License-Identifier: MIT
//
// A TCP has a dozen numbers: how large a segment may be, how long to wait for an acknowledgment, when to give up. A
// kernel hides them behind sysctl names. Here they are members of one struct, so a lesson can set each of them:
//
//        lan::tcp_settings quick{.maximum_segment_lifetime = 1s, .keep_alive_idle = 10s};
//
// The most interesting number is measured: the retransmission timeout (RTO). Too short, and the sender repeats what has
// arrived; too long, and a lost segment stops the connection for seconds. RFC 6298 keeps two averages of the round-trip
// time R, the time itself and how much it varies:
//
//        first measurement       SRTT = R                            RTTVAR = R / 2
//        each later one          RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|
//                                SRTT = 7/8 SRTT + 1/8 R
//        always                  RTO = SRTT + 4 RTTVAR, at least one second
//        each time it expires    RTO doubles, up to a minute
//
// A segment that was sent twice is never measured, because its acknowledgment could belong to either copy (Karn's
// rule).
//
// Time is a std::chrono::nanoseconds: the time since any beginning that the caller chooses. Nothing here reads a clock.
//
// On this page:  tcp_settings · retransmission_timeout
// The notes:     TCP的2MSL问题, 保活 (keep-alive)

#ifndef NETNOTES_LAN_TCP_SETTINGS_HPP
#define NETNOTES_LAN_TCP_SETTINGS_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace netnotes::lan {

/// The numbers of a connection. The defaults are the RFCs'. Where an RFC leaves a choice, the default is Linux's.
struct tcp_settings {
    /// The largest number of bytes in a segment that we ask the peer to send: 64 to 65495. Ethernet's is 1460.
    std::uint16_t maximum_segment_size = 1460;
    std::size_t send_buffer = 65'536;     ///< bytes that send() takes before they are acknowledged
    std::size_t receive_buffer = 65'535;  ///< bytes that arrive before the program reads them; at most 2^30
    /// Offers to scale windows (RFC 7323 §2). Without it, no window is larger than 65535 bytes.
    bool window_scale = true;
    /// Holds small segments back until earlier bytes are acknowledged (Nagle's algorithm, RFC 9293 §3.7.4).
    bool nagle = true;
    /// How long an acknowledgment may wait for company: below 500 ms (RFC 9293 §3.8.6.3). Zero sends each at once.
    std::chrono::nanoseconds delayed_acknowledgment = std::chrono::milliseconds{200};

    std::chrono::nanoseconds initial_timeout =
        std::chrono::seconds{1};                                      ///< before the first measurement (RFC 6298 §2.1)
    std::chrono::nanoseconds min_timeout = std::chrono::seconds{1};   ///< RFC 6298 §2.4; Linux has 200 ms
    std::chrono::nanoseconds max_timeout = std::chrono::seconds{60};  ///< RFC 6298 §2.5
    /// Repetitions of a SYN before connect() fails. Seven take three minutes (RFC 9293 §3.8.3, MUST-23).
    unsigned max_syn_retransmissions = 7;
    /// Repetitions of a segment before the connection fails. It must not fail before 100 s (RFC 9293 §3.8.3).
    unsigned max_retransmissions = 12;
    /// Segments that may be sent before the first acknowledgment. Zero is RFC 5681's rule: two to four. RFC 6928 has
    /// 10.
    unsigned initial_window = 0;

    /// MSL, the longest time that a segment may be under way. TIME-WAIT lasts twice as long (RFC 9293 §3.4.2).
    std::chrono::nanoseconds maximum_segment_lifetime = std::chrono::minutes{2};
    /// How long FIN-WAIT-2 may last after close(). Zero is for ever. Linux has 60 s (tcp_fin_timeout, tcp(7)).
    std::chrono::nanoseconds fin_wait_2_timeout{};

    /// Silence after which a probe asks whether the peer is there. Zero, the default, is off (RFC 9293 §3.8.4,
    /// MUST-25).
    std::chrono::nanoseconds keep_alive_idle{};
    std::chrono::nanoseconds keep_alive_interval = std::chrono::seconds{75};  ///< between two probes
    unsigned keep_alive_count = 9;                                            ///< probes without an answer

    /// Challenge acknowledgments in five seconds (RFC 5961 §7). A forger could otherwise make us send without limit.
    unsigned max_challenges = 10;
};

/// How long to wait for an acknowledgment (RFC 6298). A value.
class retransmission_timeout {
  public:
    using duration = std::chrono::nanoseconds;

    constexpr retransmission_timeout() noexcept = default;
    constexpr explicit retransmission_timeout(const tcp_settings& settings) noexcept
        : min_{settings.min_timeout},
          max_{std::max(settings.max_timeout, settings.min_timeout)},
          base_{std::min(settings.initial_timeout, max_)} {}

    /// Takes the time from a segment to its acknowledgment. The segment was sent once (Karn's rule: RFC 6298 §3).
    constexpr void measure(duration round_trip) noexcept {
        const duration sample = std::max(round_trip, duration{1});
        if (smoothed_ == duration::zero()) {
            smoothed_ = sample;
            variation_ = sample / 2;
        } else {
            const duration error = smoothed_ > sample ? smoothed_ - sample : sample - smoothed_;
            variation_ = (3 * variation_ + error) / 4;
            smoothed_ = (7 * smoothed_ + sample) / 8;
        }
        base_ = std::clamp(smoothed_ + 4 * variation_, min_, max_);
        doublings_ = 0;
    }
    /// Doubles the timeout, because it has expired (RFC 6298 §5.5).
    constexpr void back_off() noexcept {
        if (value() < max_) ++doublings_;
    }
    /// Reports that a SYN was sent more than once: data begins with at least three seconds (RFC 6298 §5.7).
    constexpr void syn_was_repeated() noexcept {
        doublings_ = 0;
        base_ = std::clamp(std::max(base_, duration{std::chrono::seconds{3}}), min_, max_);
    }
    /// Returns the timeout that holds now.
    [[nodiscard]] constexpr duration value() const noexcept { return after(doublings_); }
    /// Returns the timeout after `doublings` doublings, for other timers that double (zero-window probes).
    [[nodiscard]] constexpr duration after(unsigned doublings) const noexcept {
        duration wait = base_;
        for (unsigned i = 0; i < doublings && wait < max_; ++i) wait *= 2;
        return std::min(wait, max_);
    }
    /// Returns SRTT, zero before the first measurement.
    [[nodiscard]] constexpr duration round_trip() const noexcept { return smoothed_; }
    /// Returns RTTVAR, zero before the first measurement.
    [[nodiscard]] constexpr duration variation() const noexcept { return variation_; }

  private:
    duration min_ = std::chrono::seconds{1};
    duration max_ = std::chrono::seconds{60};
    duration base_ = std::chrono::seconds{1};
    duration smoothed_{};
    duration variation_{};
    unsigned doublings_ = 0;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_SETTINGS_HPP

// netnotes/lan/tcp_congestion.hpp: how much may be under way
// SPDX-License-Identifier: MIT
//
// The peer's window says what the peer has room for. Nobody says what the network between has room for, so a sender
// tries. It keeps a second window, the congestion window, and never has more bytes under way than the smaller window
// allows (RFC 5681). It grows while acknowledgments come, and shrinks when a segment is lost:
//
//        cwnd                       x  three acknowledgments say the same: a segment is lost
//         │                 x      x│       fast retransmit: send it again, without waiting for the timer
//         │            x  x │    x  │      fast recovery: half the window, and on
//         │        x        │  x    │
//         │     x           x       x ─ ssthresh ─
//         │   x                      │       x       the timer expires: the network is silent
//         │  x                       │    x          slow start: begin with one segment
//         │ x                        x x
//         └──────────────────────────────────────── time
//          slow start       congestion avoidance
//
// In slow start each acknowledgment of new bytes adds a segment, so the window doubles in a round trip. From the
// threshold ssthresh on it grows by about a segment in a round trip: congestion avoidance.
//
// An acknowledgment that repeats the previous acknowledgment means that a segment arrived behind a gap. The third
// repetition in a row is taken as proof. Until the gap is filled, each further repetition allows a new segment, because
// it says that a segment has arrived. If the acknowledgment that follows fills the gap only in part, the next segment
// is lost as well, and is sent at once (RFC 6582, "NewReno").
//
// On this page:  congestion_window
// The notes:     TCP (流量控制, 拥塞控制)

#ifndef NETNOTES_LAN_TCP_CONGESTION_HPP
#define NETNOTES_LAN_TCP_CONGESTION_HPP

#include <algorithm>
#include <cstdint>

#include "../packet/tcp.hpp"

namespace netnotes::lan {

/// The congestion window of a sender, in bytes (RFC 5681, RFC 6582). A value.
class congestion_window {
  public:
    constexpr congestion_window() noexcept = default;
    /// Begins a connection. `segment` is how many bytes a segment carries. `initial_segments` 0 is RFC 5681's rule:
    /// four segments of up to 1095 bytes, three of up to 2190, else two.
    constexpr congestion_window(std::uint32_t segment, unsigned initial_segments, packet::sequence first) noexcept
        : segment_{std::max(segment, 1u)}, recover_{first} {
        const unsigned rule = segment_ > 2190 ? 2 : segment_ > 1095 ? 3 : 4;
        initial_ = segment_ * (initial_segments == 0 ? rule : std::min(initial_segments, 1000u));
        size_ = initial_;
    }

    /// Returns how many bytes may be under way. The first two repeated acknowledgments each allow a segment more (RFC
    /// 3042).
    [[nodiscard]] constexpr std::uint32_t size() const noexcept {
        return size_ + (is_recovering_ ? 0 : std::min(duplicates_, 2u) * segment_);
    }
    [[nodiscard]] constexpr std::uint32_t threshold() const noexcept { return threshold_; }
    [[nodiscard]] constexpr bool is_recovering() const noexcept { return is_recovering_; }
    [[nodiscard]] constexpr bool is_slow_start() const noexcept { return size_ < threshold_; }

    /// Takes the acknowledgment of `bytes` new bytes, up to `acknowledged`; `in_flight` are not acknowledged yet.
    /// Returns true if the segment that now is the first unacknowledged one must be sent again.
    constexpr bool new_bytes(std::uint32_t bytes, packet::sequence acknowledged, std::uint32_t in_flight) noexcept {
        duplicates_ = 0;
        if (!is_recovering_) {
            grow(bytes);
            return false;
        }
        if (acknowledged.is_before(recover_)) {  // a part: the next segment is lost, too (RFC 6582 §3.2, step 3)
            size_ -= std::min(bytes, size_ - segment_);
            if (bytes >= segment_) size_ += segment_;
            return true;
        }
        is_recovering_ = false;
        size_ = std::min(threshold_, std::max(in_flight, segment_) + segment_);
        return false;
    }
    /// Takes an acknowledgment that repeats the previous acknowledgment. `next` is the next new sequence number.
    /// Returns true if the first unacknowledged segment must be sent again: fast retransmit.
    constexpr bool repeated(packet::sequence acknowledged, packet::sequence next, std::uint32_t in_flight) noexcept {
        if (is_recovering_) {
            size_ = std::min(size_ + segment_, largest);  // a segment has left the network
            return false;
        }
        if (++duplicates_ != 3) return false;
        // After a timeout the repetitions may come from segments that were sent twice (RFC 6582 §4).
        if (has_timed_out_ && !acknowledged.is_after(recover_)) return false;
        halve(in_flight);
        size_ = threshold_ + 3 * segment_;
        recover_ = next;
        is_recovering_ = true;
        has_timed_out_ = false;
        return true;
    }
    /// Reports that the timer has expired. `is_first` is false if the same segment was repeated before.
    constexpr void timed_out(packet::sequence next, std::uint32_t in_flight, bool is_first) noexcept {
        if (is_first) halve(in_flight);
        size_ = segment_;
        duplicates_ = 0;
        is_recovering_ = false;
        has_timed_out_ = true;
        recover_ = next;
    }
    /// Reports that nothing was sent for longer than the timeout, so the window is out of date (RFC 5681 §4.1).
    constexpr void was_idle() noexcept { size_ = std::min(size_, initial_); }
    /// Takes another size of segments: the path carries smaller packets only.
    constexpr void segment_size(std::uint32_t bytes) noexcept {
        segment_ = std::max(bytes, 1u);
        size_ = std::max(size_, segment_);
    }

  private:
    static constexpr std::uint32_t largest = 1u << 30;  // the largest window of TCP

    constexpr void grow(std::uint32_t bytes) noexcept {
        const std::uint32_t step =
            is_slow_start()
                ? std::min(bytes, segment_)  // an acknowledgment of many bytes counts as one segment
                : std::max(1u, static_cast<std::uint32_t>(std::uint64_t{segment_} * segment_ / std::max(size_, 1u)));
        size_ = std::min(size_ + step, largest);
    }
    constexpr void halve(std::uint32_t in_flight) noexcept { threshold_ = std::max(in_flight / 2, 2 * segment_); }

    std::uint32_t segment_ = 536;
    std::uint32_t initial_ = 536;
    std::uint32_t size_ = 536;
    std::uint32_t threshold_ = largest;  // as high as possible, so the first loss decides (RFC 5681 §3.1)
    unsigned duplicates_ = 0;
    bool is_recovering_ = false;
    bool has_timed_out_ = false;
    packet::sequence recover_;  // recovery ends when everything before this number is acknowledged
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_CONGESTION_HPP

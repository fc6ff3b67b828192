// netnotes/tftp/receive_window.hpp: which blocks a receiver takes, and when it acknowledges
// SPDX-License-Identifier: MIT
//
// A receiver takes blocks in order, each once, and acknowledges the last block of a window. It reports a gap only once,
// because more acknowledgments would make some senders repeat the same blocks (RFC 1123 §4.2.3.1, RFC 7440 §4).
//
//        arrives    5   7   8          6   7   8   9
//        says           acknowledgment 5, once      acknowledgment 9, if the window is 4
//
// On this page:  receive_window
// Above it:      tftp/transfer.hpp

#ifndef NETNOTES_TFTP_RECEIVE_WINDOW_HPP
#define NETNOTES_TFTP_RECEIVE_WINDOW_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "blocks.hpp"
#include "settings.hpp"

namespace netnotes::tftp::detail {

/// The blocks of a receiver, without their content.
class receive_window {
  public:
    /// The treatment of a block by the receiver.
    enum class verdict : unsigned char { take, acknowledge, pass_over };

    void begin(std::uint32_t size) noexcept { size_ = size; }
    /// Returns how many blocks were taken.
    [[nodiscard]] std::uint64_t done() const noexcept { return done_; }

    /// Judges the block that has arrived. `round_trip` and `min_timeout` tell a copy that the network made from a block
    /// that the sender sent again: a copy comes at once.
    verdict judge(std::uint16_t number, const block_numbers& numbers, time_point now, duration round_trip,
                  duration min_timeout) noexcept {
        const std::uint32_t ahead = numbers.distance(done_ + 1, number);
        if (ahead == 0) return verdict::take;
        // Of the window that was acknowledged last?
        const std::uint32_t behind = (numbers.size() - numbers.distance(done_, number)) % numbers.size();
        const bool is_old = done_ > 0 && behind < size_;
        const std::int64_t place = is_old ? -std::int64_t{behind} : std::int64_t{ahead} + 1;
        const bool goes_back = place <= place_ && now - acknowledged_at_ >= std::max(round_trip, min_timeout / 10);
        place_ = place;
        if (is_old) {  // our acknowledgment was lost, perhaps
            const bool is_answered = size_ == 1 ? behind == 0 : unacknowledged_ == 0 && goes_back;
            return is_answered ? verdict::acknowledge : verdict::pass_over;
        }
        if (ahead >= size_) return verdict::pass_over;
        // A block is missing. The gap is reported once more if the sender has begun again and has lost the same block
        // again.
        if (std::exchange(has_told_gap_, true) && !goes_back) return verdict::pass_over;
        return verdict::acknowledge;
    }
    /// Returns true if the block was taken last.
    [[nodiscard]] bool is_last_again(std::uint16_t number, const block_numbers& numbers) const noexcept {
        return numbers.distance(done_, number) == 0 && done_ > 0;
    }
    /// Takes the next block.
    void take() noexcept {
        ++done_;
        has_told_gap_ = false;
        place_ = 0;
    }
    /// Counts the block for the window. Returns true if it completes the window, so that it is to be acknowledged.
    bool completes_window() noexcept { return ++unacknowledged_ >= size_; }
    void acknowledged(time_point now) noexcept {
        unacknowledged_ = 0;
        acknowledged_at_ = now;
    }
    /// Reports that nothing arrived for long, so a gap may be reported again.
    void timed_out() noexcept { has_told_gap_ = false; }

  private:
    std::uint32_t size_ = 1, unacknowledged_ = 0;
    std::uint64_t done_ = 0;
    bool has_told_gap_ = false;
    std::int64_t place_ = 0;  // of the block that came last, counted from done_ on
    time_point acknowledged_at_{};
};

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_RECEIVE_WINDOW_HPP

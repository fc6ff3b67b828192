// netnotes/tftp/pace.hpp: how fast a sender may send, and how many blocks at once
// SPDX-License-Identifier: MIT
//
// A sender learns from acknowledgments how long the link needs for a block. Before the first loss it sends a whole
// window at once. After a loss it sends the window in pieces, each when the link has carried the piece before it. So a
// short queue on the way takes each piece, and few blocks are under way when the receiver tells of a gap.
//
//        window of 16, at once       ################                         one loss costs up to 15 blocks
//        in pieces of 4, paced       ####    ####    ####    ####             ... up to 3, and what the round trip carries
//
// On this page:  pace
// Above it:      tftp/window.hpp

#ifndef NETNOTES_TFTP_PACE_HPP
#define NETNOTES_TFTP_PACE_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "settings.hpp"

namespace netnotes::tftp::detail {

/// Measures the rate of the link and its losses, and decides how large the next piece is and when it is sent.
class pace {
  public:
    /// Begins with windows of `window` blocks. `slowest` is how long a block takes on the slowest link that is thought
    /// of.
    void begin(std::uint64_t window, duration slowest) noexcept {
        window_ = piece_ = window;
        slowest_ = slowest;
    }

    [[nodiscard]] bool is_known() const noexcept { return block_time_ != duration::max(); }
    /// Returns how long the link needs for `blocks`, or 0 while the rate is unknown.
    [[nodiscard]] duration time_of(std::uint64_t blocks) const noexcept {
        return is_known() ? block_time_ * static_cast<std::int64_t>(blocks) : duration::zero();
    }
    /// Reports that the link has carried `blocks` in `took`, after it was idle. If some of them were sent before, an
    /// earlier copy may have been acknowledged: that shows a lower rate at most.
    void measure(duration took, std::uint64_t blocks, bool were_sent_once) noexcept {
        if (took <= duration::zero() || blocks == 0) return;
        duration each = took / static_cast<std::int64_t>(blocks);
        if (is_known()) each = std::min(each, 2 * block_time_);  // one late answer is no proof
        if (!were_sent_once && each < block_time_) return;
        if (!is_known() || (each < block_time_ && blocks >= min_piece))
            block_time_ = each;
        else if (each < block_time_ || block_time_ < slowest_)  // the time of a few blocks is not exact
            block_time_ += (each - block_time_) / 4;
    }
    /// Reports that a block may take much less time than was measured.
    void may_take(duration less) noexcept {
        if (less > duration::zero() && less < block_time_ / 4) block_time_ = less;
    }
    /// Reports that the link is not slower than the slowest link: the measured time may have another reason.
    void takes_no_longer() noexcept { block_time_ = std::min(block_time_, slowest_); }
    /// Reports that an answer came later than the rate explains, so the link is slower than was measured.
    void was_late() noexcept {
        if (is_known() && block_time_ < slowest_) block_time_ = std::min(block_time_ / 2 * 3, slowest_);
    }

    /// Reports that `blocks` are sent now. The link is busy until it has carried them.
    void sent(std::uint64_t blocks, time_point now) noexcept {
        // A sixteenth more: a link that is taken for faster than it is would lose the end of each piece.
        busy_until_ = std::max(busy_until_, now) + (is_paced() ? time_of(blocks) / 16 * 17 : time_of(blocks));
    }
    /// Reports that exactly `blocks` are on the link now.
    void has_left(std::uint64_t blocks, time_point now) noexcept { busy_until_ = now + time_of(blocks); }
    /// Returns when the link has carried all that was sent, as far as is known.
    [[nodiscard]] time_point busy_until() const noexcept { return busy_until_; }

    /// Returns how many blocks go out at once.
    [[nodiscard]] std::uint64_t piece() const noexcept { return piece_; }
    /// Returns true if a window goes out in pieces, so that each waits for the link.
    [[nodiscard]] bool is_paced() const noexcept { return is_known() && piece_ < window_; }
    /// Returns how many blocks may be under way before the sender listens for a gap: half of the blocks between two
    /// losses.
    [[nodiscard]] std::uint64_t max_run() const noexcept {
        if (losses_ == 0) return window_;
        constexpr std::uint64_t before = 48;  // blocks that count as arrived before the first loss
        return std::max(min_piece, (done_ + before) * 3 / (8 * losses_));
    }
    /// Reports that `done` blocks have arrived. After a long time without a loss the pieces grow.
    void arrived(std::uint64_t done) noexcept {
        done_ = done;
        if (piece_ >= window_ || done - changed_at_ < (std::uint64_t{32} << caution_) * piece_) return;
        piece_ = std::min(2 * piece_, window_);
        changed_at_ = done;
        has_grown_ = true;
    }
    /// Takes a loss: the pieces shrink.
    void lost() noexcept {
        ++losses_;
        shrink();
    }
    /// Makes the pieces smaller, and lets them grow later than before. Where a block takes longer than timers are
    /// coarse, small pieces cost no time.
    void shrink() noexcept {
        changed_at_ = done_;
        if (std::exchange(has_grown_, false)) caution_ = std::min(caution_ + 1, 5u);
        constexpr duration tick = std::chrono::milliseconds{1};
        const std::uint64_t in_a_tick =
            is_known() ? static_cast<std::uint64_t>(tick / std::max(block_time_, duration{1})) : window_;
        std::uint64_t smaller = std::max(piece_ / 2, min_piece);
        if (in_a_tick == 0)
            smaller = std::min(piece_ / 2, min_piece);
        else if (piece_ > in_a_tick)
            smaller = std::min(smaller, std::max(in_a_tick, min_piece));
        piece_ = std::clamp<std::uint64_t>(smaller, 1, window_);
    }
    [[nodiscard]] bool has_lost() const noexcept { return losses_ > 0; }
    /// Reports that the last loss was no loss.
    void was_no_loss() noexcept {
        if (losses_ > 0) --losses_;
    }

  private:
    static constexpr std::uint64_t min_piece = 4;
    std::uint64_t window_ = 1, piece_ = 1;
    std::uint64_t losses_ = 0, done_ = 0, changed_at_ = 0;
    unsigned caution_ = 0;
    bool has_grown_ = false;
    duration block_time_ = duration::max(), slowest_{};
    time_point busy_until_{};
};

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_PACE_HPP

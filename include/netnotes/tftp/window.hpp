// netnotes/tftp/window.hpp: which blocks a sender sends next, and when it sends a block again
// SPDX-License-Identifier: MIT
//
// A window of blocks goes out, and one acknowledgment answers it (RFC 7440). An acknowledgment that comes early tells
// of a gap: the receiver has everything up to its number, and lacks the next block. The sender then sends again from
// there.
//
//        sender                              receiver
//          │ ── data 5, 6, 7, 8 ────────────>  │   6 is lost
//          │ <─────────── acknowledgment 5 ──  │   drawn by 7, which the receiver did not expect
//          │ ── data 6, 7, 8, 9 ────────────>  │
//
// An acknowledgment is not always that plain. EDK2, U-Boot and others acknowledge each block that they did not expect.
// So a block that the network doubled looks like a gap. A block that is sent again without need draws one more
// acknowledgment. So the sender asks of each acknowledgment which datagram can have drawn it (as RACK does, RFC 8985):
//   - It proves a gap only if a later datagram than the missing block can have drawn it. That datagram must have been
//     sent long enough ago to be answered.
//   - After a restart, the blocks that were under way may draw acknowledgments that mean nothing. Their number is known,
//     and the time by which the last of them is answered.
//   - A peer that sends such acknowledgments has to say a gap twice. If it does not, one block asks it.
//   - An acknowledgment beyond the blocks that were sent again shows that the restart was needless (RFC 4015).
//   - A second loss of the same block is proved in the same way, and need not wait for the timer.
//
// If no answer comes for the timeout, a single block is sent again. First this is the last block, then the first
// missing block, and then again the last. The answer shows where the receiver is. Some receivers do not report a gap;
// they repeat their last acknowledgment after their own timeout. The sender learns that time and waits for it.
//
// What the sender is doing, and what changes that:
//
//        state       what it waits for         acknowledgment: more     the same again            deadline
//        flowing     an answer to the window   flowing                  restart, or doubting      probing
//        pausing     the link, or a gap        flowing                  restart, or doubting      flowing
//        doubting    a second word             flowing                  restart                   one block; then restart
//        probing     an answer to one block    flowing, or restart      restart                   probing, one block
//
// (A restart leads to flowing.)
//
// On this page:  send_window
// Above it:      tftp/transfer.hpp

#ifndef NETNOTES_TFTP_WINDOW_HPP
#define NETNOTES_TFTP_WINDOW_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "pace.hpp"
#include "settings.hpp"
#include "timeout.hpp"

namespace netnotes::tftp::detail {

/// The blocks of a sender: counted from 1, in 64 bits, without their content.
class send_window {
  public:
    enum class phase : unsigned char { flowing, pausing, doubting, probing };
    struct run {
        std::uint64_t first = 0, count = 0;
    };

    /// `timer` must outlive this.
    explicit send_window(retransmission_timeout& timer) noexcept : timer_{timer} {}
    /// Begins with windows of `size` blocks of `datagram` bytes. `agreed` is the window that the receiver counts; a
    /// short file needs less.
    void begin(std::uint64_t size, std::uint64_t agreed, std::uint64_t datagram, time_point now) noexcept;

    /// Returns the blocks that may go out now, or a count of 0. A run that begins before next_new() is sent again
    /// alone.
    [[nodiscard]] run next(time_point now) noexcept;
    /// Reports that a run was sent, or the front of it.
    void sent(run what, time_point now) noexcept;
    /// Learns that `last` is the number of the file's last block.
    void ends_with(std::uint64_t last) noexcept { last_ = last; }
    /// Sends a block again that was sent, alone.
    void repeat(std::uint64_t block) noexcept { repeats_ = block; }

    /// Takes an acknowledgment of blocks that were not acknowledged before.
    void acknowledged(std::uint64_t upto, time_point now) noexcept;
    /// Takes an acknowledgment that repeats the last acknowledgment.
    void acknowledged_again(time_point now) noexcept;
    /// Reports that deadline() has passed.
    void expired(time_point now) noexcept;
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    /// Returns how long the peer may take to answer the datagrams that were sent.
    [[nodiscard]] duration answer_time(time_point now) const noexcept;

    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// Returns how many blocks were acknowledged.
    [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
    [[nodiscard]] std::uint64_t next_block() const noexcept { return next_; }
    /// Returns the number of the furthest block that was sent.
    [[nodiscard]] std::uint64_t furthest() const noexcept { return furthest_; }
    [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
    [[nodiscard]] std::uint64_t repeated() const noexcept { return repeated_; }
    [[nodiscard]] bool has_timed_out() const noexcept { return attempts_ > 0; }
    /// Returns how long the link needs for `blocks` blocks, or 0 while its rate is unknown.
    [[nodiscard]] duration time_of(std::uint64_t blocks) const noexcept { return pace_.time_of(blocks); }

  private:
    /// Blocks that were sent together.
    struct piece {
        std::uint64_t first = 0, last = 0;
        time_point sent_at{}, heard_by{};
        bool was_idle = false;  // the link, when they were sent
    };
    /// The pieces since the last restart, oldest first. A piece that was acknowledged is dropped.
    class history {
      public:
        [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
        [[nodiscard]] piece& newest() noexcept { return at(count_ - 1); }
        [[nodiscard]] const piece& newest() const noexcept { return at(count_ - 1); }
        void clear() noexcept { count_ = 0; }
        void add(const piece& more) noexcept {
            if (count_ == room.size()) {  // the two oldest become one
                at(1).first = at(0).first;
                at(1).was_idle = false;
                drop_oldest();
            }
            at(count_++) = more;
        }
        void drop_until(std::uint64_t block) noexcept {
            while (count_ > 0 && at(0).last <= block) drop_oldest();
        }
        [[nodiscard]] const piece* find(std::uint64_t block) const noexcept {
            for (std::size_t i = 0; i < count_; ++i)
                if (const piece& each = at(i); each.first <= block && block <= each.last) return &each;
            return nullptr;
        }
        /// Calls `what` with each piece that may still draw an acknowledgment.
        template <class Call>
        void each_unheard(time_point now, Call what) const noexcept {
            for (std::size_t i = 0; i < count_; ++i)
                if (at(i).heard_by > now) what(at(i));
        }

      private:
        void drop_oldest() noexcept {
            begin_ = (begin_ + 1) % room.size();
            --count_;
        }
        [[nodiscard]] piece& at(std::size_t i) noexcept { return room[(begin_ + i) % room.size()]; }
        [[nodiscard]] const piece& at(std::size_t i) const noexcept { return room[(begin_ + i) % room.size()]; }
        std::array<piece, 16> room{};
        std::size_t begin_ = 0, count_ = 0;
    };

    [[nodiscard]] std::uint64_t limit() const noexcept {
        return last_ != 0 ? std::min(done_ + size_, last_) : done_ + size_;
    }
    [[nodiscard]] bool is_mute() const noexcept { return silences_ >= 2 && silences_ > 2 * told_; }
    [[nodiscard]] time_point heard_by() const noexcept;
    [[nodiscard]] duration margin() const noexcept { return pace_.time_of(1) / 2 + timer_.min() / 16; }
    [[nodiscard]] bool is_too_soon(time_point sent, time_point now) const noexcept {
        return now - sent < timer_.round_trip() / 4 * 3;
    }
    [[nodiscard]] bool can_be_gap(time_point now) const noexcept;
    [[nodiscard]] bool is_needless(std::uint64_t upto, bool is_full, time_point now) const noexcept;
    void may_echo(std::uint64_t count, time_point until, time_point now) noexcept;
    void measure(std::uint64_t upto, time_point now) noexcept;
    void measure_first(const piece& whole, std::uint64_t upto, time_point now) noexcept;
    void tells_gap(time_point now) noexcept;
    void note_silence(time_point now) noexcept;
    void restart(time_point now) noexcept;
    void restart_after_probe(time_point now) noexcept;
    void wait_for_answer(time_point now) noexcept;
    void pause(time_point until) noexcept {
        phase_ = phase::pausing;
        deadline_ = until;
    }
    void probe(std::uint64_t block, time_point now) noexcept;

    retransmission_timeout& timer_;
    pace pace_{};
    phase phase_ = phase::flowing;
    std::uint64_t size_ = 1, agreed_ = 1, datagram_ = 0;
    time_point deadline_ = time_point::max();

    std::uint64_t done_ = 0, next_ = 1, furthest_ = 0, last_ = 0;
    std::uint64_t piece_left_ = 0;      // blocks of the piece that is going out
    std::uint64_t repeats_ = 0;         // a block that goes out again, alone; 0: none
    std::uint64_t repeated_ = 0;        // datagrams that were sent again
    std::uint64_t repeated_until_ = 0;  // the furthest block that was sent again
    history sent_{};
    time_point last_sent_{}, heard_until_{};  // heard_by() of the last datagram

    // The last restart.
    std::uint64_t restart_ = 0;         // its first block; 0: acknowledged
    std::uint64_t recover_ = 0;         // the furthest block then
    std::uint64_t restarted_from_ = 0;  // the block that was missing
    time_point restart_at_{};           // when the first block went out again; max: it did not yet
    // The meaning of acknowledgments.
    std::uint64_t echoes_ = 0;  // that may come and mean nothing
    time_point echo_until_{};
    std::uint64_t explained_ = 0;  // of them, since the last progress
    time_point heard_at_{};        // when the last acknowledgment came
    unsigned words_ = 0;           // that tell of the same gap
    bool is_echoing_ = false;      // the peer acknowledges blocks that it did not expect
    bool has_sent_gap_ = false;    // the first block behind the gap went out again, alone
    // The timer.
    unsigned attempts_ = 0;
    std::uint64_t probes_ = 0;  // datagrams that went out alone since the last progress
    time_point probed_at_{};
    std::uint64_t asked_at_ = 0;
    unsigned answered_ = 0, unanswered_ = 0;  // questions in the middle of a window
    std::uint64_t told_ = 0, silences_ = 0;   // gaps that the peer told of in time, and gaps that it told of late
    duration silence_{};                      // after which it repeated its acknowledgment
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline void send_window::begin(std::uint64_t size, std::uint64_t agreed, std::uint64_t datagram,
                               time_point now) noexcept {
    size_ = size;
    agreed_ = agreed;
    datagram_ = datagram;
    pace_.begin(size, slowest_time(datagram));
    last_sent_ = now;
    wait_for_answer(now);
}

// ---- what goes out

inline send_window::run send_window::next(time_point now) noexcept {
    if (const std::uint64_t again = std::exchange(repeats_, 0); again != 0 && again <= furthest_) return {again, 1};
    if (phase_ != phase::flowing || next_ > limit()) return {};
    if (piece_left_ == 0) {
        if (pace_.is_paced() && pace_.busy_until() > now) return pause(pace_.busy_until()), run{};
        const std::uint64_t most = pace_.max_run();
        std::uint64_t under_way = 0;
        if (is_mute()) {  // it tells nothing until a window is whole
            under_way = most * 3 / 2 >= size_ ? 0 : next_ - 1 - done_;
            if (under_way >= most) return {};
        } else if (most < size_ && pace_.is_known()) {
            time_point newest = now;
            sent_.each_unheard(now, [&](const piece& each) {
                under_way += each.last - each.first + 1;
                newest = std::max(newest, each.heard_by);
            });
            // Waits until all of it is acknowledged. A loss then costs half of a run, and not a whole run.
            if (under_way >= most) return pause(newest), run{};
            // Its report of a gap may be lost. A peer that acknowledges unexpected blocks can be asked.
            if (is_echoing_ && unanswered_ < 5 + 2 * answered_ && next_ - 1 >= std::max(done_, asked_at_) + 3 * most) {
                phase_ = phase::probing;
                probe(next_ - 1, now);
                wait_for_answer(now);
                return {std::exchange(repeats_, 0), 1};
            }
        }
        piece_left_ = std::min(pace_.piece(), std::max<std::uint64_t>(most - std::min(under_way, most), 1));
    }
    return {next_, std::min(piece_left_, limit() - next_ + 1)};
}

inline void send_window::sent(run what, time_point now) noexcept {
    last_sent_ = now;
    const bool was_idle = pace_.busy_until() <= now;
    pace_.sent(what.count, now);
    if (what.first < next_) {  // alone
        ++repeated_;
        repeated_until_ = std::max(repeated_until_, what.first);
        heard_until_ = heard_by();
        return;
    }
    if (restart_ != 0 && restart_at_ == time_point::max()) restart_at_ = now;
    if (next_ <= furthest_) {
        const std::uint64_t again = std::min(what.count, furthest_ - next_ + 1);
        repeated_ += again;
        repeated_until_ = std::max(repeated_until_, next_ + again - 1);
    }
    next_ += what.count;
    furthest_ = std::max(furthest_, next_ - 1);
    if (!sent_.is_empty() && sent_.newest().sent_at == now && sent_.newest().last + 1 == what.first) {
        sent_.newest().last = next_ - 1;
        sent_.newest().heard_by = heard_by();
    } else
        sent_.add({what.first, next_ - 1, now, heard_by(), was_idle});
    heard_until_ = heard_by();
    piece_left_ -= std::min(piece_left_, what.count);
    wait_for_answer(now);
}

/// When an acknowledgment is here that the newest datagram can have drawn.
inline time_point send_window::heard_by() const noexcept {
    const duration round_trip = timer_.round_trip();
    if (!pace_.is_known()) return last_sent_ + slowest_time((next_ - 1 - done_) * datagram_) + round_trip;
    return pace_.busy_until() + round_trip + round_trip / 8 + std::min<duration>(pace_.time_of(1), timer_.min() / 16);
}

// ---- what comes in

inline void send_window::measure(std::uint64_t upto, time_point now) noexcept {
    // The second block behind a gap is the first that can report the gap.
    const bool is_partial = upto < next_ - 1 && upto - done_ != agreed_;
    const std::uint64_t drawing = is_partial ? upto + 2 : upto;
    const piece* const whole = sent_.find(drawing);
    if (!whole) return;
    if (!pace_.is_known()) measure_first(*whole, drawing, now);
    // Late news of a gap may come from the peer's own timer, and says nothing of the link.
    else if (agreed_ > 1 && whole->was_idle &&
             (is_partial ? attempts_ == 0 && now <= heard_until_ + margin() : attempts_ <= 1))
        pace_.measure(now - whole->sent_at - timer_.round_trip(), drawing - whole->first + 1,
                      whole->first > repeated_until_ && attempts_ == 0);
    if (drawing > repeated_until_ && attempts_ == 0) timer_.measure(now - whole->sent_at, agreed_ * datagram_, true);
    if (pace_.is_known()) timer_.limit(2 * pace_.time_of(size_) + timer_.min());
}
/// Measures the rate while it is unknown. An acknowledgment shows that the link has carried the blocks of a piece up to
/// `upto`, or the block that was sent alone.
inline void send_window::measure_first(const piece& whole, std::uint64_t upto, time_point now) noexcept {
    if (agreed_ == 1) return;
    pace_.measure(now - whole.sent_at - timer_.round_trip(), upto - whole.first + 1, true);
    if (attempts_ == 0) return;
    pace_.may_take(now - probed_at_ - timer_.round_trip());
    pace_.takes_no_longer();
}
/// The receiver has more than was sent again, or has it too soon: nothing was missing.
inline bool send_window::is_needless(std::uint64_t upto, bool is_full, time_point now) const noexcept {
    if (restart_ == 0 || upto < restart_) return false;
    if (restart_at_ == time_point::max() || upto >= next_ || is_too_soon(restart_at_, now)) return true;
    return upto == recover_ && next_ > upto + 1 && !is_full;
}
inline void send_window::may_echo(std::uint64_t count, time_point until, time_point now) noexcept {
    if (echo_until_ <= now) echoes_ = 0;
    echoes_ += count;
    echo_until_ = std::max(echo_until_, until);
}

inline void send_window::acknowledged(std::uint64_t upto, time_point now) noexcept {
    const bool is_full = upto - done_ == agreed_;
    measure(upto, now);
    const bool was_needless = is_needless(upto, is_full, now);
    const bool was_probed = phase_ == phase::probing;
    if (was_probed && attempts_ == 0) ++answered_;
    const std::uint64_t sent_again = next_ - restart_;
    done_ = upto;
    // This stands first, because heard_by() counts from done_ to next_. A restart has taken next_ back, so `upto` may
    // lie behind next_ if the acknowledgment answers datagrams from before the restart.
    next_ = std::max(next_, done_ + 1);
    sent_.drop_until(done_);
    pace_.arrived(done_);
    // Datagrams mostly keep their order, so an answer to the last restart would have come before this acknowledgment.
    if (done_ > recover_) echoes_ = 0;
    if (was_needless) {
        is_echoing_ = true;
        pace_.was_no_loss();
        if (restart_at_ != time_point::max()) may_echo(sent_again, heard_by(), now);
    }
    if (probes_ > 0) may_echo(std::exchange(probes_, 0), heard_by(), now);
    if (restart_ != 0 && (was_needless || done_ >= recover_)) restart_ = 0;
    pace_.has_left(next_ - 1 - done_ + (echo_until_ > now ? echoes_ : 0), now);
    attempts_ = words_ = 0;
    explained_ = 0;
    heard_at_ = now;
    piece_left_ = 0;
    has_sent_gap_ = false;
    repeats_ = 0;
    phase_ = phase::flowing;
    wait_for_answer(now);
    if (was_probed && agreed_ > 1) pace_.shrink();
    if (next_ == done_ + 1 || is_full || was_needless) return;
    if (was_probed) return restart_after_probe(now);
    if (can_be_gap(now)) tells_gap(now);
}

/// Of a single block that means nothing: see the Sorcerer's Apprentice, RFC 1123 §4.2.3.1.
inline void send_window::acknowledged_again(time_point now) noexcept {
    if (agreed_ == 1 || next_ == done_ + 1) return;
    // A peer that repeats its acknowledgment slowly has received nothing for a while, so nothing is under way any more.
    const duration apart = now - std::exchange(heard_at_, now);
    if (echoes_ > 0 && explained_ > 0 && pace_.is_known() && apart > pace_.time_of(2) + timer_.min()) {
        echoes_ = 0;
        pace_.has_left(0, now);
        if (phase_ == phase::pausing) deadline_ = now;
        if (restart_at_ == time_point::max()) return;  // nothing went out since the restart
    }
    if (echoes_ > 0 && now <= echo_until_) {
        --echoes_;
        // One may be the answer to a window that came twice. More are drawn by blocks that the peer did not expect.
        if (++explained_ > 1) is_echoing_ = true;
        return;
    }
    if (const piece* const behind = sent_.find(done_ + 2); behind && !pace_.is_known())
        measure_first(*behind, done_ + 2, now);
    if (phase_ == phase::probing && !is_too_soon(probed_at_, now)) {
        return restart_after_probe(now);
    }
    if (can_be_gap(now)) tells_gap(now);
}

/// Returns true if a datagram was sent after the block that may be missing, and long enough ago to have drawn this
/// acknowledgment.
inline bool send_window::can_be_gap(time_point now) const noexcept {
    const piece* const behind = sent_.find(done_ + 2);
    if (behind && !is_too_soon(behind->sent_at, now)) return true;
    // All was acknowledged long ago, so the peer repeats its state by itself.
    return !sent_.is_empty() && sent_.newest().heard_by < now - margin();
}
/// Returns true if the peer reports the gap by itself, long after it has received all that was sent.
inline void send_window::note_silence(time_point now) noexcept {
    if (now <= heard_until_ + timer_.min()) {
        ++told_;
        return;
    }
    ++silences_;
    silence_ = now - last_sent_;
}
inline void send_window::tells_gap(time_point now) noexcept {
    note_silence(now);
    if (!is_echoing_ || ++words_ > 1) return restart(now);
    phase_ = phase::doubting;
    deadline_ = now + std::min(timer_.round_trip() + margin(), answer_time(now));
}

/// The answer to one block shows a gap. If it came late others were before that block, on a link that was taken for
/// idle.
inline void send_window::restart_after_probe(time_point now) noexcept {
    const duration likely = timer_.round_trip() / 8 * 9 + pace_.time_of(4) + timer_.min() / 16;
    note_silence(now);
    if (!is_mute() && attempts_ <= 2 && now - probed_at_ > likely) pace_.was_late();
    restart(now);
}
inline void send_window::restart(time_point now) noexcept {
    std::uint64_t under_way = 0;
    sent_.each_unheard(now, [&](const piece& each) {
        if (each.last > done_ + 1) under_way += each.last - std::max(each.first, done_ + 2) + 1;
    });
    if (under_way > 0) may_echo(under_way, heard_by() + margin(), now);
    pace_.has_left(under_way, now);
    pace_.lost();
    // Twice at the same block: lost again, or the link is slower than was measured.
    if (std::exchange(restarted_from_, done_ + 1) == done_ + 1) pace_.was_late();
    recover_ = furthest_;
    restart_ = next_ = done_ + (has_sent_gap_ && furthest_ > done_ + 1 ? 2 : 1);
    restart_at_ = time_point::max();
    sent_.clear();
    piece_left_ = 0;
    attempts_ = words_ = 0;
    probes_ = 0;
    has_sent_gap_ = false;
    repeats_ = 0;
    phase_ = phase::flowing;
    wait_for_answer(now);
}

// ---- time

inline duration send_window::answer_time(time_point now) const noexcept {
    duration longest = timer_.value();
    // Once a link has lost something, the first question comes early (RFC 8985 §7): it costs one datagram.
    if (agreed_ > 1 && attempts_ == 0 && pace_.has_lost() && pace_.is_known()) {
        const duration early = 2 * timer_.round_trip() + pace_.time_of(1) + timer_.min() / 8;
        longest = std::min(longest, std::max(pace_.busy_until() - now, duration::zero()) + early);
        return is_mute() ? std::max(longest, silence_ / 4 * 5) : longest;
    }
    const std::uint64_t under_way = std::max<std::uint64_t>(next_ - 1 - done_ + echoes_, 1);
    // While the rate is unknown a window has much time. A block of it that is sent again asks the peer what it has, and
    // costs a tenth of the window at most.
    const bool may_ask = attempts_ < 3 && under_way >= 10 * (attempts_ + 1);
    if (!timer_.has_measured_data() && !may_ask)
        longest = std::max(longest, timer_.likely_answer() + slowest_time(under_way * datagram_));
    if (agreed_ > 1 && pace_.busy_until() > now)
        longest = std::max(longest, (pace_.busy_until() - now) / 8 * 9 + timer_.min());
    if (is_mute()) longest = std::max(longest, silence_ / 4 * 5);
    return longest;
}
inline void send_window::wait_for_answer(time_point now) noexcept { deadline_ = now + answer_time(now); }

inline void send_window::probe(std::uint64_t block, time_point now) noexcept {
    repeats_ = block;
    ++probes_;
    probed_at_ = now;
}

inline void send_window::expired(time_point now) noexcept {
    if (phase_ == phase::pausing) {
        phase_ = phase::flowing;
        return wait_for_answer(now);
    }
    if (phase_ == phase::doubting) {
        if (has_sent_gap_) return restart(now);
        has_sent_gap_ = true;
        probe(done_ + 1, now);
        deadline_ =
            now + std::min(std::max(pace_.busy_until() - now, duration::zero()) + timer_.round_trip() + margin(),
                           answer_time(now));
        return;
    }
    if (phase_ == phase::probing && attempts_ == 0 && ++unanswered_ > answered_) {
        asked_at_ = next_ - 1;
        phase_ = phase::flowing;
        return wait_for_answer(now);
    }
    ++attempts_;
    timer_.back_off();
    phase_ = phase::probing;
    // Nobody tells anything: perhaps all of it was lost, and the peer has no timer.
    if (attempts_ % 6 == 0 && size_ > 1) {
        const unsigned attempts = attempts_;
        restart(now);
        attempts_ = attempts;
        return wait_for_answer(now);
    }
    probe(attempts_ % 2 != 0 && next_ > 1 ? next_ - 1 : done_ + 1, now);
    wait_for_answer(now);
}

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_WINDOW_HPP

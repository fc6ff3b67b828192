// netnotes/coro/timer_wheel.hpp: a hundred thousand timers
// SPDX-License-Identifier: MIT
//
// Every connection has a timeout, and nearly every timeout is cancelled before it expires. So arming and cancelling
// must cost almost nothing, even with many timers. A sorted structure sorts all timers, but the program needs only the
// next timer. A wheel does not sort. It divides time into ticks, and puts each timer in the list of a slot.
//
//        level 0    64 slots of 1 tick each          the next 64 ticks
//        level 1    64 slots of 64 ticks             the next 4,096
//        level 2    64 slots of 4,096 ticks          ...
//
// A timer that is far away is put in a coarse slot. When time reaches that slot, its timers *cascade*: they are put in
// slots of a lower level. This happens to a timer only a few times, and never after it is cancelled. Each level marks
// its occupied slots in the bits of a 64-bit number. So a few instructions find the next occupied slot.
//
// Source: G. Varghese, T. Lauck: "Hashed and Hierarchical Timing Wheels", 1987.
//
// On this page:  timer · timer_wheel

#ifndef NETNOTES_CORO_TIMER_WHEEL_HPP
#define NETNOTES_CORO_TIMER_WHEEL_HPP

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "../ip/version.hpp"

namespace netnotes {

namespace detail {
/// A link of a circular list. The head of the list is a link too: it marks the beginning and the end.
struct timer_link {
    timer_link() noexcept = default;
    timer_link(const timer_link&) = delete;
    timer_link& operator=(const timer_link&) = delete;
    /// Returns true if the list has no other link.
    [[nodiscard]] bool is_alone() const noexcept { return next == this; }
    /// Removes this link from its list.
    void unlink() noexcept {
        previous->next = next;
        next->previous = previous;
        next = previous = this;
    }
    /// Makes this link the last of the list. It must be alone.
    void append_to(timer_link& list) noexcept {
        previous = list.previous;
        next = &list;
        previous->next = list.previous = this;
    }
    timer_link* next = this;
    timer_link* previous = this;
};
}  // namespace detail

/// A timer of a timer_wheel. Make it a member or a base of the object that has a timeout. The wheel links the timer,
/// and does not own it. Use it in the thread of its wheel.
class timer : private detail::timer_link {
  public:
    /// Makes a timer that is not armed.
    timer() noexcept = default;
    /// Cancels the timer.
    ~timer() { cancel(); }

    /// Returns true from timer_wheel::arm() until take_due() returns the timer, or until it is cancelled.
    [[nodiscard]] bool is_armed() const noexcept { return !is_alone(); }
    /// Returns the tick for which the timer was armed last; 0 if it was never armed.
    [[nodiscard]] std::uint64_t tick() const noexcept { return tick_; }
    /// Removes the timer from its wheel. Has no effect if it is not armed.
    void cancel() noexcept { unlink(); }

  private:
    friend class timer_wheel;
    std::uint64_t tick_ = 0;
};

/// Keeps timers and returns them when they expire. The caller decides how long a tick is. Time begins at tick 0, and
/// only take_due() advances it. Arming and cancelling cost a few nanoseconds, even with many timers. For one thread at
/// a time.
class timer_wheel {
  public:
    /// Makes a wheel without timers, at tick 0.
    timer_wheel() noexcept = default;
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;
    /// Cancels the timers that are armed.
    ~timer_wheel();

    /// Arms the timer for `tick`. If it is armed already, it moves. A tick that is not after now() expires at once,
    /// after the timers that have expired already.
    void arm(timer& what, std::uint64_t tick) noexcept;
    /// Advances to `tick` and returns one expired timer, which is now disarmed. Returns nullptr if no expired timer is
    /// left; then now() is `tick`. Timers of an earlier tick come first. Timers of the same tick come in the order of
    /// arming. A `tick` before now() does not move time back.
    [[nodiscard]] timer* take_due(std::uint64_t tick) noexcept;
    /// Returns the tick at which to call take_due() again; nullopt if no timer is armed. It is never after the tick of
    /// the first timer. It may be before that tick, because a timer that is far away cascades on its way.
    [[nodiscard]] std::optional<std::uint64_t> next_tick() noexcept;
    /// Returns the present tick.
    [[nodiscard]] std::uint64_t now() const noexcept { return now_; }

  private:
    static constexpr unsigned bits = 6;  // number of bits of a tick for each level
    static constexpr std::size_t level_count = 64 / bits + 1;
    struct level {
        std::array<detail::timer_link, std::size_t{1} << bits> slots;
        std::uint64_t occupied = 0;  // one bit for each slot; it may stay set after the slot's last timer was cancelled
    };
    struct place {
        std::size_t level, slot;
        std::uint64_t begin;  // the first tick of the slot
    };

    void hang(timer& what) noexcept;
    static timer* first_of(detail::timer_link& list) noexcept {
        return list.is_alone() ? nullptr : static_cast<timer*>(list.next);
    }
    std::optional<place> next_place() noexcept;

    std::array<level, level_count> levels_;
    unsigned occupied_levels_ = 0;  // one bit for each level; it may stay set as well
    detail::timer_link due_;
    std::uint64_t now_ = 0;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// Puts the timer in its slot. The highest bit in which its tick differs from now() decides the level. So every timer
/// of a level is in a slot after the present slot. Every timer of a lower level expires before every timer of a higher
/// level. No slot ever holds timers of two rounds.
inline void timer_wheel::hang(timer& what) noexcept {
    if (what.tick_ <= now_) return what.append_to(due_);
    const std::size_t at = (static_cast<std::size_t>(std::bit_width(now_ ^ what.tick_)) - 1) / bits;
    const auto slot = static_cast<std::size_t>((what.tick_ >> (at * bits)) % levels_[at].slots.size());
    what.append_to(levels_[at].slots[slot]);
    levels_[at].occupied |= std::uint64_t{1} << slot;
    occupied_levels_ |= 1u << at;
}

inline void timer_wheel::arm(timer& what, std::uint64_t tick) noexcept {
    what.cancel();
    what.tick_ = tick;
    hang(what);
}

inline std::optional<timer_wheel::place> timer_wheel::next_place() noexcept {
    while (occupied_levels_) {
        const auto at = static_cast<std::size_t>(std::countr_zero(occupied_levels_));
        level& here = levels_[at];
        while (here.occupied) {
            const auto slot = static_cast<std::size_t>(std::countr_zero(here.occupied));
            if (!here.slots[slot].is_alone()) {
                const unsigned above = static_cast<unsigned>(at + 1) * bits;
                const std::uint64_t round = above < 64 ? now_ >> above << above : 0;
                return place{at, slot, round | std::uint64_t{slot} << (at * bits)};
            }
            here.occupied &= here.occupied - 1;
        }
        occupied_levels_ &= occupied_levels_ - 1;
    }
    return std::nullopt;
}

inline std::optional<std::uint64_t> timer_wheel::next_tick() noexcept {
    if (!due_.is_alone()) return now_;
    const auto where = next_place();
    return where ? std::optional{where->begin} : std::nullopt;
}

inline timer* timer_wheel::take_due(std::uint64_t tick) noexcept {
    for (;;) {
        if (timer* const first = first_of(due_)) {
            first->cancel();
            return first;
        }
        const auto where = next_place();
        if (!where || where->begin > tick) {
            if (tick > now_) now_ = tick;
            return nullptr;
        }
        now_ = where->begin;
        detail::timer_link& slot = levels_[where->level].slots[where->slot];
        levels_[where->level].occupied &= ~(std::uint64_t{1} << where->slot);
        while (timer* const first = first_of(slot)) {
            first->cancel();
            hang(*first);
        }
    }
}

inline timer_wheel::~timer_wheel() {
    while (timer* const first = first_of(due_)) first->cancel();
    for (level& each : levels_)
        for (detail::timer_link& slot : each.slots)
            while (timer* const first = first_of(slot)) first->cancel();
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TIMER_WHEEL_HPP

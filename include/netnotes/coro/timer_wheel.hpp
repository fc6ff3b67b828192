// netnotes/coro/timer_wheel.hpp: a hundred thousand timers
// SPDX-License-Identifier: MIT
//
// Every connection has a timeout, and nearly none of them ever comes: timers are there to be cancelled. So arming and
// cancelling must cost next to nothing, however many are armed. A sorted structure pays for an order that nobody asks
// for. A wheel pays for none: time is cut into ticks, and a timer hangs in the slot of its tick, in a list.
//
//        level 0    64 slots of 1 tick each          the next 64 ticks
//        level 1    64 slots of 64 ticks             the next 4,096
//        level 2    64 slots of 4,096 ticks          ...
//
// A timer that is far away hangs in a coarse slot. When time comes to that slot its timers are hung anew, now one level
// or more lower (they *cascade*), each a few times in its life, and only if it is not cancelled before. Which slots are
// occupied is a 64-bit number a level, so the next one is found with a few instructions, not by walking.
// (G. Varghese, T. Lauck: "Hashed and Hierarchical Timing Wheels", 1987.)
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
/// A link of a circular list. The list itself is such a link too: it marks the beginning and the end.
struct timer_link {
    timer_link() noexcept = default;
    timer_link(const timer_link&) = delete;
    timer_link& operator=(const timer_link&) = delete;
    [[nodiscard]] bool is_alone() const noexcept { return next == this; }
    void unlink() noexcept {
        previous->next = next;
        next->previous = previous;
        next = previous = this;
    }
    /// As the last of the list.
    void append_to(timer_link& list) noexcept {
        previous = list.previous;
        next = &list;
        previous->next = list.previous = this;
    }
    timer_link* next = this;
    timer_link* previous = this;
};
}  // namespace detail

/// Something that is to happen at a tick, as a member or a base of what it happens to; the wheel links it and owns
/// nothing. It takes itself out when it is destroyed.
class timer : private detail::timer_link {
  public:
    timer() noexcept = default;
    ~timer() { cancel(); }

    [[nodiscard]] bool is_armed() const noexcept { return !is_alone(); }
    /// The tick for which it was armed last.
    [[nodiscard]] std::uint64_t tick() const noexcept { return tick_; }
    /// Takes it out of its wheel, if it is in one.
    void cancel() noexcept { unlink(); }

  private:
    friend class timer_wheel;
    std::uint64_t tick_ = 0;
};

/// Timers by tick. What a tick is, is the caller's business; time begins at tick 0 and goes on by take_due(). Not for
/// two threads at once. Arming and cancelling cost a few nanoseconds, however many are armed.
class timer_wheel {
  public:
    timer_wheel() noexcept = default;
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;
    /// Those still armed are taken out.
    ~timer_wheel();

    /// Hangs it in for a tick; what is not in the future is due at once, behind what is due already. One that is armed
    /// moves.
    void arm(timer& what, std::uint64_t tick) noexcept;
    /// Time has come to `tick`: gives one of the timers that are due, armed no more, those of an earlier tick first, and
    /// those of the same tick in the order in which they were armed; nullptr when there are no more, and then now() is
    /// `tick`. Time does not go back.
    [[nodiscard]] timer* take_due(std::uint64_t tick) noexcept;
    /// When to look again: a tick that is not after the first timer's. It may be before, for timers that are far away
    /// are hung anew on the way. None when no timer is armed.
    [[nodiscard]] std::optional<std::uint64_t> next_tick() noexcept;
    [[nodiscard]] std::uint64_t now() const noexcept { return now_; }

  private:
    static constexpr unsigned bits = 6;  // of a tick's number for each level
    static constexpr std::size_t level_count = 64 / bits + 1;
    struct level {
        std::array<detail::timer_link, std::size_t{1} << bits> slots;
        std::uint64_t occupied = 0;  // a bit a slot; it may still be set when the slot's last timer has been cancelled
    };
    struct place {
        std::size_t level, slot;
        std::uint64_t begin;  // its first tick
    };

    void hang(timer& what) noexcept;
    static timer* first_of(detail::timer_link& list) noexcept {
        return list.is_alone() ? nullptr : static_cast<timer*>(list.next);
    }
    std::optional<place> next_place() noexcept;

    std::array<level, level_count> levels_;
    unsigned occupied_levels_ = 0;  // a bit a level, likewise
    detail::timer_link due_;
    std::uint64_t now_ = 0;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// The level is told by the highest bit in which the tick differs from now. So all timers of a level hang in slots
/// ahead of the present one, all of a lower level come before all of a higher, and no slot is ever used for two rounds.
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

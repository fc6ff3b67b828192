// netnotes/lan/event.hpp: virtual time, chance, and the list of what happens next
// SPDX-License-Identifier: MIT
//
// A simulated network has no clock. It has a list of events, each with its time. The loop takes the earliest event,
// sets the time to it, and lets it happen. That adds later events to the list:
//
//        time          serial   event
//        0.000 000 s        1   A sends an ARP request                 happens now, and adds event 4
//        0.010 000 s        4   the request arrives at the switch
//        1.000 000 s        2   A's patience for an answer ends
//        1.000 000 s        3   B's patience ends                      equal times: the smaller serial number is first
//
// A second of this time costs no time of yours, and an hour without an event costs nothing at all. The order depends on
// two numbers only. So the same program does the same on every machine, in every run.
//
// Chance is reproducible as well. The distributions of <random> give other numbers in each standard library, and
// floating point may differ between processors. The generator here uses whole numbers only: equal seeds give equal
// networks.
//
// On this page:  virtual_time, time_text · random_numbers · event_queue
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_EVENT_HPP
#define NETNOTES_LAN_EVENT_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../ip/version.hpp"

namespace netnotes::lan {

/// A point in time, in nanoseconds since the network began. Durations have the same type: `now() + 10ms`.
using virtual_time = std::chrono::nanoseconds;

/// Returns the time in seconds with six digits behind the point, for example `0.010000`. Nanoseconds are cut off.
[[nodiscard]] inline std::string time_text(virtual_time time) {
    const bool is_negative = time.count() < 0;
    const auto magnitude = static_cast<std::uint64_t>(is_negative ? -(time.count() + 1) : time.count()) + is_negative;
    const std::string micros = std::to_string(magnitude / 1000 % 1'000'000);
    std::string text = is_negative ? "-" : "";
    text += std::to_string(magnitude / 1'000'000'000);
    text += '.';
    text.append(6 - micros.size(), '0');
    return text += micros;
}

/// A generator of random numbers (SplitMix64, by Steele, Lea and Flood, 2014). It is fast and has a period of 2^64. It
/// is no secret: a reader of a few numbers can compute all others. A regular value; equal seeds give equal numbers
/// everywhere.
class random_numbers {
  public:
    constexpr explicit random_numbers(std::uint64_t seed) noexcept : state_{seed} {}

    /// Returns the next number of 64 bits.
    constexpr std::uint64_t next() noexcept {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    /// Returns a number from 0 to `bound` - 1, each equally likely. Returns 0 for the bound 0.
    constexpr std::uint64_t below(std::uint64_t bound) noexcept {
        if (bound < 2) return 0;
        // The remainder alone would favour small numbers: the numbers above the last whole multiple are thrown again.
        const std::uint64_t rest = (std::numeric_limits<std::uint64_t>::max() % bound + 1) % bound;
        std::uint64_t number = next();
        while (number > std::numeric_limits<std::uint64_t>::max() - rest) number = next();
        return number % bound;
    }
    /// Returns true with a probability of `per_million` / 1,000,000. Uses no number if the answer is certain.
    constexpr bool chance(std::uint32_t per_million) noexcept {
        if (per_million == 0) return false;
        return per_million >= 1'000'000 || below(1'000'000) < per_million;
    }

    friend constexpr bool operator==(const random_numbers&, const random_numbers&) noexcept = default;

  private:
    std::uint64_t state_;
};

/// Events in the order of their times. Equal times keep the order in which the events were added. Event is a movable
/// type.
///
/// Adding and taking an event costs O(log n). Cancelling costs O(1): the place in the list stays until its time comes,
/// or until more than half of all places belong to cancelled events.
template <class Event>
class event_queue {
  public:
    /// Names an added event. The default value names no event. A ticket stays valid for ever: after its event has
    /// happened, it names no event any more.
    struct ticket {
        std::uint64_t serial = 0;
        std::uint32_t slot = 0;
        friend constexpr bool operator==(const ticket&, const ticket&) noexcept = default;
    };
    struct item {
        virtual_time time;
        Event event;
    };

    /// Adds an event, and returns a ticket to remove it with. Throws std::bad_alloc only.
    ticket add(virtual_time time, Event event) {
        std::uint32_t slot = 0;
        if (free_.empty()) {
            slot = static_cast<std::uint32_t>(slots_.size());
            slots_.push_back({});
            if (free_.capacity() < slots_.size()) free_.reserve(2 * slots_.size());  // so that freeing cannot fail
        } else {
            slot = free_.back();
            free_.pop_back();
        }
        const ticket name{++last_serial_, slot};
        order_.push_back({time, name});
        std::push_heap(order_.begin(), order_.end(), is_later);
        slots_[slot] = {name.serial, std::move(event)};
        ++size_;
        return name;
    }
    /// Removes an event that has not happened. Returns false if the ticket names none.
    bool cancel(ticket which) noexcept {
        if (!find(which)) return false;
        release(which.slot);
        if (order_.size() > 64 && size_ < order_.size() / 2) {
            std::erase_if(order_, [this](const entry& each) { return !find(each.name); });
            std::make_heap(order_.begin(), order_.end(), is_later);
        }
        return true;
    }
    /// Returns the event that a ticket names, or nullptr. It is valid until the next call of add(), cancel() or take().
    [[nodiscard]] const Event* find(ticket which) const noexcept {
        const bool exists =
            which.slot < slots_.size() && which.serial != 0 && slots_[which.slot].serial == which.serial;
        return exists ? &slots_[which.slot].event : nullptr;
    }
    /// Returns the time of the earliest event, or nullopt if there is no event.
    [[nodiscard]] std::optional<virtual_time> next_time() {
        drop_cancelled();
        return order_.empty() ? std::nullopt : std::optional{order_.front().time};
    }
    /// Removes the earliest event and returns it. Returns nullopt if there is no event.
    std::optional<item> take() {
        drop_cancelled();
        if (order_.empty()) return std::nullopt;
        const entry first = order_.front();
        pop();
        std::optional<item> taken{item{first.time, std::move(slots_[first.name.slot].event)}};
        release(first.name.slot);
        return taken;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  private:
    struct entry {
        virtual_time time;
        ticket name;
    };
    struct slot_state {
        std::uint64_t serial = 0;  // 0: the slot is free
        Event event{};
    };
    static bool is_later(const entry& a, const entry& b) noexcept {
        return a.time != b.time ? a.time > b.time : a.name.serial > b.name.serial;
    }
    void pop() noexcept {
        std::pop_heap(order_.begin(), order_.end(), is_later);
        order_.pop_back();
    }
    void drop_cancelled() noexcept {
        while (!order_.empty() && !find(order_.front().name)) pop();
    }
    void release(std::uint32_t slot) noexcept {
        slots_[slot] = {};
        free_.push_back(slot);
        --size_;
    }

    std::vector<entry> order_;  // a heap, the earliest first
    std::vector<slot_state> slots_;
    std::vector<std::uint32_t> free_;
    std::size_t size_ = 0;
    std::uint64_t last_serial_ = 0;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_EVENT_HPP

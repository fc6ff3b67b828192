// netnotes/tftp/rate_limit.hpp: a limit of the bytes in a second
// SPDX-License-Identifier: MIT
//
// On this page:  rate_limit · address_rate_limit
// Above it:      tftp/server.hpp

#ifndef NETNOTES_TFTP_RATE_LIMIT_HPP
#define NETNOTES_TFTP_RATE_LIMIT_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "../ip/address.hpp"
#include "settings.hpp"

namespace netnotes::tftp {

namespace detail {

/// Limits the bytes that are sent in a second.
class rate_limit {
  public:
    explicit rate_limit(std::uint64_t rate) noexcept : rate_{rate} {}
    /// Counts `size` bytes that were sent. Returns when the next bytes may go. A delay of up to `late` is made up for,
    /// because timers are late.
    time_point charge(std::size_t size, time_point now) noexcept {
        if (rate_ == 0) return now;
        free_ = std::max(free_, now - late) + duration{static_cast<duration::rep>(size * 1'000'000'000ull / rate_)};
        return free_;
    }

    static constexpr duration late = std::chrono::milliseconds{4};

  private:
    std::uint64_t rate_;
    time_point free_{};
};

/// Limits the bytes to each address, in fixed room: a flood of forged addresses takes no memory. An address shares its
/// allowance with every address of the same place, of which there are 4096.
class address_rate_limit {
  public:
    explicit address_rate_limit(std::uint64_t rate) : rate_{rate}, paid_until_(rate == 0 ? 0 : places) {}
    /// Like rate_limit::charge().
    time_point charge(const ip_address& address, std::size_t size, time_point now) noexcept {
        if (rate_ == 0) return now;
        time_point& paid = place(address);
        paid = std::max(paid, now - rate_limit::late) + time_of(size);
        return paid;
    }
    /// Returns true if the bytes that were sent are paid for within `burst`.
    [[nodiscard]] bool has_room(const ip_address& address, time_point now, duration burst) const noexcept {
        return rate_ == 0 || paid_until_[index(address)] <= now + burst;
    }
    /// Subtracts `size` bytes, which do not count any more.
    void give_back(const ip_address& address, std::size_t size) noexcept {
        if (rate_ != 0) place(address) -= time_of(size);
    }

  private:
    static constexpr std::size_t places = 4096;
    [[nodiscard]] duration time_of(std::size_t size) const noexcept {
        return duration{static_cast<duration::rep>(size * 1'000'000'000ull / rate_)};
    }
    [[nodiscard]] static std::size_t index(const ip_address& address) noexcept {
        const std::uint64_t mixed = std::hash<ip_address>{}(address)*std::uint64_t{0x9e3779b97f4a7c15};
        return static_cast<std::size_t>(mixed >> 52);
    }
    [[nodiscard]] time_point& place(const ip_address& address) noexcept { return paid_until_[index(address)]; }
    std::uint64_t rate_;
    std::vector<time_point> paid_until_;
};

}  // namespace detail

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_RATE_LIMIT_HPP

// netnotes/tftp/settings.hpp: what a program may choose for a transfer, and what it is told at the end
// SPDX-License-Identifier: MIT
//
// On this page:  duration, time_point · settings · outcome
// The notes:     TFTP下载过程; example 14

#ifndef NETNOTES_TFTP_SETTINGS_HPP
#define NETNOTES_TFTP_SETTINGS_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include "packet.hpp"

namespace netnotes::tftp {

using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;

/// How a transfer works: options, times and bounds. A client and a server have the same settings.
struct settings {
    // What a client asks for, and the most that a server grants.
    std::uint16_t block_size = 1428;         ///< fits into an Ethernet frame with IPv4 or IPv6; 8 to 65,464
    std::uint16_t window_size = 1;           ///< 1 to 65,535; with a rollover to 1 no wider than 65,534
    std::optional<std::uint8_t> timeout{};   ///< seconds; nullopt asks for nothing: each end measures
    std::optional<std::uint8_t> rollover{};  ///< 0 or 1; nullopt asks for nothing, and counts as 0
    bool with_options = true;                ///< false allows only what RFC 1350 has
    // The retransmission timeout. It follows the measured round trips, from min_timeout to max_timeout, and doubles
    // after every retransmission up to max_timeout. It is longer where a window takes longer: as measured, or as on a
    // link of 64 kbit/s while nothing is measured. A timeout that was agreed on (RFC 2349) takes the place of
    // min_timeout and first_timeout; it doubles as well. Values below 1 ms count as 1 ms; if min_timeout exceeds
    // max_timeout, min_timeout counts.
    duration first_timeout = std::chrono::seconds{1};  ///< until round trips have been measured
    duration min_timeout = std::chrono::milliseconds{200};
    duration max_timeout = std::chrono::seconds{8};
    /// The transfer fails after this time without progress. A sender whose window takes long waits up to twice as long.
    /// A server grants no timeout option above patience / 2. A client that was granted a timeout waits at least four of
    /// them.
    duration patience = std::chrono::seconds{30};
    duration dally{};  ///< how long a receiver stays after the end, to acknowledge again what the sender may send again
    // Bounds.
    std::size_t max_memory = std::size_t{4} << 20;  ///< bytes of the largest window that is asked for or granted
    std::uint64_t max_bytes = ~std::uint64_t{0};    ///< a longer file is refused, or the transfer ends here
    /// Bytes a second that the link is known to carry; 0: not known. No window is asked for or granted that would take
    /// more than half of `patience` at this rate.
    std::uint64_t link_rate = 0;
    /// True for a server whose transfers share one well-known port. A stranger that knows that port can forge the
    /// client's acknowledgments. The first window is then at most 64 KiB and goes out once; a timeout repeats one
    /// datagram of it.
    bool shared_port = false;
};

/// How a transfer ended, and how much it moved.
struct outcome {
    /// Empty if the file is whole. Otherwise a tftp::error of the peer, an error of this system, or errc::timed_out.
    std::error_code error{};
    std::string message{};  ///< the peer's words, fit to be printed: see visible(); or what was attempted here
    bool is_from_peer = false;
    std::uint64_t bytes = 0;       ///< bytes of the file that were moved
    std::uint64_t blocks = 0;      ///< blocks that were acknowledged, or received
    std::uint64_t repeated = 0;    ///< datagrams that were sent again
    std::uint64_t duplicates = 0;  ///< datagrams that came again, or out of order
    std::uint16_t block_size = usual_block_size, window_size = 1;
    std::optional<std::uint64_t> size{};  ///< the size of the file that was announced

    /// Returns true if the whole file was moved.
    [[nodiscard]] bool is_whole() const noexcept { return !error; }
    /// Returns false if the peer announced another size than the file has. A reader only warns of it, as other clients
    /// do: a server may announce a size of 0, or one from before the file grew.
    [[nodiscard]] bool has_announced_size() const noexcept { return !size || *size == bytes; }
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
/// Without times that would be no pause at all, or that no clock could hold.
inline settings with_sane_times(settings all) noexcept {
    constexpr duration shortest = std::chrono::milliseconds{1}, longest = std::chrono::hours{24 * 365};
    all.first_timeout = std::clamp(all.first_timeout, shortest, longest);
    all.min_timeout = std::clamp(all.min_timeout, shortest, longest);
    all.max_timeout = std::clamp(all.max_timeout, all.min_timeout, longest);
    all.dally = std::min(all.dally, longest);
    all.patience = std::min(all.patience, 100 * longest);  // and twice that can still be added to a time
    return all;
}
}  // namespace detail

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_SETTINGS_HPP

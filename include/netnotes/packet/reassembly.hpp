// netnotes/packet/reassembly.hpp: joining the fragments of IPv4 and IPv6
// SPDX-License-Identifier: MIT
//
// A packet that is too long for a link is cut. Each fragment has a header of its own, the number of the packet, its
// place, and a bit that says whether more follow:
//
//        packet of 4,000 bytes      ├────────────────────────────────────────────┤
//        at 0, more                 ├── 1,480 ──┤
//        at 1480, more                          ├── 1,480 ──┤
//        at 2960, last                                      ├──── 1,040 ─────────┤
//
// Fragments arrive in any order, and some never do. So a receiver must forget packets that stay incomplete, or a sender
// of single fragments fills its memory. Here both limits are arguments: the memory, and the time. There is no clock:
// each fragment comes with its time.
//
// If fragments overlap and differ, then for IPv4 the bytes that came first count, and the result says that there was a
// difference. For IPv6 the whole packet is discarded, because no honest sender does that (RFC 5722, RFC 8200 §4.5).
//
// On this page:  ip_fragment · reassembly_limits, reassembly · reassembler
// The notes:     TCP/IP协议(族), IP地址

#ifndef NETNOTES_PACKET_REASSEMBLY_HPP
#define NETNOTES_PACKET_REASSEMBLY_HPP

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "../ip/address.hpp"
#include "ipv4.hpp"
#include "ipv6.hpp"
#include "names.hpp"
#include "pieces.hpp"
#include "record.hpp"

namespace netnotes::packet {

/// A fragment of a packet. Its payload points into the frame.
struct ip_fragment {
    ip_address source{};
    ip_address destination{};
    std::uint32_t identification = 0;  ///< the number that all fragments of the packet have
    ip_protocol protocol{};            ///< of the packet's payload; of IPv6 the first fragment's counts
    std::uint32_t offset = 0;          ///< place of the payload within the packet's payload, in bytes
    bool has_more = false;             ///< another fragment follows
    std::span<const std::byte> payload{};
    std::size_t missing = 0;  ///< bytes of the payload that the capture has cut off

    /// Returns nullopt if the packet is no fragment.
    [[nodiscard]] static constexpr std::optional<ip_fragment> from(const ipv4_view& packet) noexcept {
        if (!packet.is_fragment()) return std::nullopt;
        const std::size_t size = packet.bytes().size();
        return ip_fragment{.source = packet.source(),
                           .destination = packet.destination(),
                           .identification = packet.identification(),
                           .protocol = packet.protocol(),
                           .offset = packet.fragment_offset(),
                           .has_more = packet.more_fragments(),
                           .payload = packet.payload(),
                           .missing = packet.total_length() > size ? packet.total_length() - size : 0};
    }
    /// Returns nullopt if the packet has no fragment header, or if that says that the packet is whole (RFC 6946).
    [[nodiscard]] static constexpr std::optional<ip_fragment> from(const ipv6_view& packet) noexcept {
        const auto payload = packet.payload();
        std::size_t at = 0;
        for (const ipv6_extension& header : packet.extensions()) {
            at += header.bytes().size();
            if (header.kind() != ip_protocol::fragment) continue;
            if (!header.is_part()) return std::nullopt;
            const std::size_t announced = packet.payload_length();
            return ip_fragment{.source = packet.source(),
                               .destination = packet.destination(),
                               .identification = header.identification(),
                               .protocol = header.next_header(),
                               .offset = header.fragment_offset(),
                               .has_more = header.more_fragments(),
                               .payload = payload.subspan(at),
                               .missing = announced > payload.size() ? announced - payload.size() : 0};
        }
        return std::nullopt;
    }
};

/// Bounds for time and memory, with the numbers of Linux.
struct reassembly_limits {
    /// Bytes that all incomplete packets together may take, with the cost of managing them. If a fragment does not
    /// fit, the packets that have waited longest are dropped. One whole packet, at most 65,535 bytes, comes in
    /// addition.
    std::size_t max_memory = 4 << 20;
    /// How long a packet may stay incomplete after its first fragment. RFC 8200 §4.5 says 60 seconds.
    /// It must not be negative.
    std::chrono::nanoseconds timeout = std::chrono::seconds{60};
};

/// The result of a fragment.
struct reassembly {
    /// The effect of a fragment.
    enum class outcome : std::uint8_t {
        kept,       ///< the packet still misses bytes
        complete,   ///< the packet is whole: see `payload`
        repeated,   ///< every byte had arrived before
        discarded,  ///< IPv6: fragments of this packet overlap
        refused,    ///< the fragment cannot be part of a packet: see `failure`
    };
    outcome what = outcome::kept;
    /// The payload of the whole packet. It is valid until the next call of the reassembler.
    std::span<const std::byte> payload{};
    ip_protocol protocol{};           ///< of the whole packet
    std::size_t different_bytes = 0;  ///< bytes that had arrived before with another value, in the whole packet so far
    std::size_t dropped_packets = 0;  ///< packets that this call dropped: too old, or no memory
    packet_failure failure{};         ///< its place counts from the beginning of the packet's payload

    /// Returns true if the packet is whole.
    [[nodiscard]] constexpr bool is_complete() const noexcept { return what == outcome::complete; }
};

/// Joins fragments. It allocates within the limits. Use one object in one thread at a time.
///
///     reassembler fragments{{.max_memory = 1 << 20}};
///     if (const auto fragment = ip_fragment::from(header))
///         if (const auto whole = fragments.add(*fragment, time); whole.is_complete())
///             tcp_view::parse(whole.payload, why) …
class reassembler {
  public:
    static constexpr std::uint32_t max_payload_size = 65'535;  ///< bytes of a packet

    reassembler() = default;
    explicit reassembler(const reassembly_limits& limits) : limits_{limits} {}
    reassembler(reassembler&&) noexcept = default;
    reassembler& operator=(reassembler&&) noexcept = default;

    /// Takes a fragment that was captured at `now`, and returns what became of it. A fragment larger than the whole
    /// memory is refused. Throws std::bad_alloc only.
    reassembly add(const ip_fragment& fragment, capture_time now);

    /// Returns how many packets are incomplete.
    [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
    /// Returns how many bytes they take, never more than reassembly_limits::max_memory.
    [[nodiscard]] std::size_t memory() const noexcept { return memory_; }
    /// Drops the packets whose time is over, and returns their number. add() drops them, too.
    std::size_t drop_expired(capture_time now);

  private:
    struct key {
        ip_address source, destination;
        std::uint32_t identification;
        ip_protocol protocol;  // not of IPv6
        friend auto operator<=>(const key&, const key&) = default;
    };
    struct packet {
        key name;
        capture_time first_time;
        detail::pieces held{};
        std::optional<std::uint64_t> end{};  // known when the last fragment has arrived
        std::optional<ip_protocol> protocol{};
        std::size_t different = 0;
        bool is_discarded = false;
    };
    using place = std::list<packet>::iterator;
    static constexpr std::size_t packet_cost = sizeof(packet) + sizeof(key) + 128;  // with the nodes of list and map

    static std::optional<packet_failure> refusal(const ip_fragment& fragment, const packet* whole) noexcept;
    void drop(place which) {
        memory_ -= packet_cost + which->held.memory();
        known_.erase(which->name);
        waiting_.erase(which);
    }

    reassembly_limits limits_;
    std::list<packet> waiting_;  // the oldest first
    std::map<key, place> known_;
    std::size_t memory_ = 0;
    std::vector<std::byte> complete_;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline std::size_t reassembler::drop_expired(capture_time now) {
    std::size_t count = 0;
    // A capture may go back in time: a packet that seems to come from the future stays. Unsigned numbers cannot
    // overflow.
    const auto is_over = [&](capture_time first) {
        const auto age = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                         static_cast<std::uint64_t>(first.time_since_epoch().count());
        return now > first && age > static_cast<std::uint64_t>(limits_.timeout.count());
    };
    for (; !waiting_.empty() && is_over(waiting_.front().first_time); ++count) drop(waiting_.begin());
    return count;
}

inline std::optional<packet_failure> reassembler::refusal(const ip_fragment& fragment, const packet* whole) noexcept {
    const layer where = fragment.source.is_v4() ? layer::ipv4 : layer::ipv6_extension;
    const std::uint64_t end = fragment.offset + std::uint64_t{fragment.payload.size()};
    const auto refuse = [&](const char* pattern, std::uint64_t value, std::uint64_t limit) {
        return packet_failure{where, fragment.offset, pattern, static_cast<std::uint32_t>(value),
                              static_cast<std::uint32_t>(limit)};
    };
    if (fragment.missing > 0)
        return packet_failure::cut_short(where, fragment.offset, fragment.payload.size(),
                                         fragment.payload.size() + fragment.missing);
    if (end > max_payload_size) return refuse("the fragment ends at byte %, behind byte #", end, max_payload_size);
    if (fragment.has_more && fragment.payload.size() % 8 != 0)
        return refuse("a fragment in the middle has % bytes, no multiple of #", fragment.payload.size(), 8);
    if (fragment.payload.empty()) return refuse("the fragment is empty", 0, 0);
    if (whole == nullptr || whole->is_discarded) return std::nullopt;
    if (whole->end && (end > *whole->end || (!fragment.has_more && end != *whole->end)))
        return refuse("the fragment ends at byte %, and the packet at byte #", end, *whole->end);
    if (!fragment.has_more && end < whole->held.end())
        return refuse("the last fragment ends at byte %, and others at byte #", end, whole->held.end());
    return std::nullopt;
}

inline reassembly reassembler::add(const ip_fragment& fragment, capture_time now) {
    reassembly result;
    result.dropped_packets = drop_expired(now);
    const bool is_v6 = fragment.source.is_v6();
    const key name{fragment.source, fragment.destination, fragment.identification,
                   is_v6 ? ip_protocol::fragment : fragment.protocol};
    const auto refuse = [&](const packet_failure& why) {
        result.what = reassembly::outcome::refused;
        result.failure = why;
        return result;
    };
    auto found = known_.find(name);
    if (const auto why = refusal(fragment, found == known_.end() ? nullptr : &*found->second)) return refuse(*why);

    if (found != known_.end() && found->second->is_discarded) {
        result.what = reassembly::outcome::discarded;
        return result;
    }
    // Room first, so that the limit holds at every moment. The packet of this call may itself be dropped.
    const std::uint64_t at = fragment.offset;
    std::size_t cost = 0;
    const auto does_not_fit = [&] {
        found = known_.find(name);
        cost = found == known_.end() ? packet_cost + fragment.payload.size() + detail::pieces::piece_cost
                                     : found->second->held.cost_of(at, fragment.payload.size());
        return memory_ + cost > limits_.max_memory;
    };
    while (does_not_fit()) {
        if (waiting_.empty())
            return refuse({is_v6 ? layer::ipv6_extension : layer::ipv4, fragment.offset,
                           "the fragment needs % bytes of memory, above #", static_cast<std::uint32_t>(cost),
                           static_cast<std::uint32_t>(limits_.max_memory)});
        drop(waiting_.begin());
        ++result.dropped_packets;
    }
    if (found == known_.end()) {
        waiting_.push_back({.name = name, .first_time = now});
        try {
            found = known_.emplace(name, std::prev(waiting_.end())).first;
        } catch (...) {
            waiting_.pop_back();
            throw;
        }
        memory_ += packet_cost;
    }
    const place where = found->second;
    memory_ -= where->held.memory();
    detail::pieces::insertion done;
    try {
        done = where->held.insert(at, fragment.payload);
    } catch (...) {
        memory_ += where->held.memory();
        throw;
    }
    memory_ += where->held.memory();
    where->different += done.different;
    result.different_bytes = where->different;
    // A fragment that came twice is no overlap, if it is equal (RFC 8200 §4.5 allows that).
    if (is_v6 && done.repeated > 0 && (done.stored > 0 || done.different > 0)) {
        memory_ -= where->held.memory();
        where->held.clear();
        where->is_discarded = true;
        result.what = reassembly::outcome::discarded;
        return result;
    }
    if (!fragment.has_more) where->end = at + fragment.payload.size();
    if (fragment.offset == 0 || !where->protocol) where->protocol = fragment.protocol;
    result.protocol = *where->protocol;
    if (where->end && where->held.size() == *where->end) {
        complete_.clear();
        where->held.copy_to(complete_);
        drop(where);
        result.payload = complete_;
        result.what = reassembly::outcome::complete;
        return result;
    }
    if (done.stored == 0) result.what = reassembly::outcome::repeated;
    return result;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_REASSEMBLY_HPP

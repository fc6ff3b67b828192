// netnotes/lan/arp.hpp: which card has this IP address? The cache of answers
// SPDX-License-Identifier: MIT
//
// A host that sends an IP packet to a neighbour needs the address of the neighbour's card. It asks all cards of the
// link and keeps the answer (RFC 826). An answer may become wrong, so each entry has a state (RFC 4861 §7.3 for IPv6;
// Linux does the same for ARP, arp(7)):
//
//                    first packet                  answer                       30 s
//          (no entry) ──────────▶ incomplete ─────────────────▶ reachable ──────────────▶ stale
//                                     │ three questions,            ▲                       │ next packet
//                                     │ a second apart              │ answer                ▼
//                                     ▼                             └────── probe ◀────── delay
//                                  failed ◀─── three questions ───────────────┘     5 s
//
//          incomplete   packets wait in a queue; if no answer comes, their senders get "host unreachable"
//          stale        the address is used, but it must be checked soon
//          probe        asks the known card only
//          permanent    entered by the administrator: never asked, never changed
//
// Nothing proves that an answer is true. A question tells the address of the asking host as well, and the host that is
// asked believes it. That saves a question, and is how ARP spoofing works. Static entries are a defence.
//
// On this page:  arp_state · arp_settings · arp_cache
// The notes:     ARP; Packet Tracer; ARP欺骗 (ARP spoofing)

#ifndef NETNOTES_LAN_ARP_HPP
#define NETNOTES_LAN_ARP_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/address.hpp"
#include "../packet/names.hpp"
#include "network.hpp"

namespace netnotes::lan {

/// The state of an entry; the picture at the head of this page shows how they follow each other.
enum class arp_state : std::uint8_t { incomplete, reachable, stale, delay, probe, failed, permanent };

/// Returns the name of the state.
[[nodiscard]] constexpr std::string_view to_string(arp_state state) noexcept {
    constexpr std::string_view names[]{"incomplete", "reachable", "stale", "delay", "probe", "failed", "permanent"};
    const auto index = static_cast<std::size_t>(state);
    return index < std::size(names) ? names[index] : "unknown";
}

/// The limits and times of a cache. The defaults are Linux's, arp(7).
struct arp_settings {
    virtual_time retransmit = std::chrono::seconds{1};  ///< time between two questions
    unsigned max_broadcasts = 3;                        ///< questions to all cards before the entry fails
    unsigned max_probes = 3;                            ///< questions to the known card before the entry fails
    virtual_time reachable = std::chrono::seconds{30};  ///< how long an answer counts as fresh
    virtual_time delay = std::chrono::seconds{5};       ///< how long a stale entry is used before it is checked
    std::size_t max_entries = 1024;                     ///< entries that are not permanent
    std::size_t max_waiting = 64;                       ///< packets that wait for one answer; the oldest is dropped
};

/// The neighbours on one link. The interface that owns the cache gives it the three services.
class arp_cache {
  public:
    using bytes = std::vector<std::byte>;
    /// The functions of the node that the table needs.
    struct services {
        /// Sends an ARP request for `target`, to all cards or to one card.
        std::function<void(ipv4_address target, packet::mac_address to)> ask;
        /// Sends a packet in a frame to a card. The packet begins at byte 14; the first 14 bytes are for the header.
        std::function<void(packet::mac_address to, bytes&& packet)> transmit;
        /// Takes a packet whose receiver did not answer.
        std::function<void(bytes&& packet)> give_up;
    };
    /// A neighbour and its card, as far as they are known.
    struct entry {
        arp_state state = arp_state::incomplete;
        packet::mac_address address{};
        virtual_time confirmed{};  ///< when an ARP packet named the address last
        unsigned tries = 0;        ///< questions since the last answer
        std::vector<bytes> waiting{};
        network::timer timer{};
    };

    arp_settings settings;

    arp_cache(network& net, services use) : net_{&net}, use_{std::move(use)} {}
    arp_cache(const arp_cache&) = delete;
    arp_cache& operator=(const arp_cache&) = delete;

    /// Sends a packet to a neighbour, now or when its card is known.
    void send(ipv4_address neighbour, bytes&& packet);
    /// Notes the address of an ARP packet. An answer to a question of ours makes the entry
    /// reachable. Other news change an existing entry; they make a new entry only if `may_create` is true.
    void heard(ipv4_address neighbour, packet::mac_address address, bool is_answer, bool may_create);
    /// Adds a permanent entry. ARP packets do not change it.
    void add_static(ipv4_address neighbour, packet::mac_address address);
    /// Removes an entry with its waiting packets. Returns false if it does not exist.
    bool remove(ipv4_address neighbour);
    /// Removes all entries but permanent ones.
    void clear();

    /// Returns the card of a neighbour, or nullopt if it is not known.
    [[nodiscard]] std::optional<packet::mac_address> find(ipv4_address neighbour) const;
    /// Returns the state of a neighbour's entry now, or nullopt if it does not exist.
    [[nodiscard]] std::optional<arp_state> state_of(ipv4_address neighbour) const;
    /// Returns the entries, sorted by address. An entry that is too old for `reachable` still says so; ask state_of().
    [[nodiscard]] const std::map<ipv4_address, entry>& entries() const noexcept { return entries_; }

  private:
    using place = std::map<ipv4_address, entry>::iterator;
    [[nodiscard]] static bool is_known(arp_state state) noexcept {
        return state != arp_state::incomplete && state != arp_state::failed;
    }
    [[nodiscard]] arp_state now_of(const entry& which) const noexcept {
        const bool is_old = net_->now() - which.confirmed >= settings.reachable;
        return which.state == arp_state::reachable && is_old ? arp_state::stale : which.state;
    }
    place create(ipv4_address neighbour);
    void schedule(ipv4_address neighbour, entry& which, virtual_time delay, network::timer_kind kind) {
        net_->cancel(which.timer);
        which.timer = net_->after(
            delay, [this, neighbour] { expired(neighbour); }, kind);
    }
    void ask(ipv4_address neighbour, entry& which) {
        ++which.tries;
        schedule(neighbour, which, settings.retransmit, network::timer_kind::foreground);
        use_.ask(neighbour, which.state == arp_state::probe ? which.address : packet::mac_address::broadcast());
    }
    void expired(ipv4_address neighbour);

    network* net_;
    services use_;
    std::map<ipv4_address, entry> entries_;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline arp_cache::place arp_cache::create(ipv4_address neighbour) {
    const auto permanent = std::count_if(entries_.begin(), entries_.end(),
                                         [](const auto& each) { return each.second.state == arp_state::permanent; });
    if (entries_.size() - static_cast<std::size_t>(permanent) >= settings.max_entries) {
        // The entry that was confirmed least recently makes room, as long as it is neither in use nor permanent.
        auto oldest = entries_.end();
        for (auto each = entries_.begin(); each != entries_.end(); ++each)
            if (each->second.state != arp_state::permanent && each->second.waiting.empty() &&
                (oldest == entries_.end() || each->second.confirmed < oldest->second.confirmed))
                oldest = each;
        if (oldest == entries_.end()) return oldest;
        net_->cancel(oldest->second.timer);
        entries_.erase(oldest);
    }
    return entries_.try_emplace(neighbour).first;
}

inline void arp_cache::send(ipv4_address neighbour, bytes&& packet) {
    auto found = entries_.find(neighbour);
    if (found == entries_.end()) found = create(neighbour);
    if (found == entries_.end()) return use_.give_up(std::move(packet));
    entry& which = found->second;
    which.state = now_of(which);
    if (which.state == arp_state::stale) {
        which.state = arp_state::delay;
        schedule(neighbour, which, settings.delay, network::timer_kind::background);
    }
    if (is_known(which.state)) return use_.transmit(which.address, std::move(packet));
    if (which.waiting.size() >= std::max<std::size_t>(settings.max_waiting, 1))
        which.waiting.erase(which.waiting.begin());
    which.waiting.push_back(std::move(packet));
    if (which.state == arp_state::failed || which.tries == 0) {
        which.state = arp_state::incomplete;
        which.tries = 0;
        ask(neighbour, which);
    }
}

inline void arp_cache::expired(ipv4_address neighbour) {
    const auto found = entries_.find(neighbour);
    if (found == entries_.end()) return;
    entry& which = found->second;
    if (which.state == arp_state::delay) {
        which.state = arp_state::probe;
        which.tries = 0;
        return ask(neighbour, which);
    }
    if (which.state != arp_state::incomplete && which.state != arp_state::probe) return;
    const unsigned most = which.state == arp_state::probe ? settings.max_probes : settings.max_broadcasts;
    if (which.tries < most) return ask(neighbour, which);
    which.state = arp_state::failed;
    which.tries = 0;
    auto lost = std::exchange(which.waiting, {});
    for (bytes& each : lost) use_.give_up(std::move(each));
}

inline void arp_cache::heard(ipv4_address neighbour, packet::mac_address address, bool is_answer, bool may_create) {
    auto found = entries_.find(neighbour);
    if (found == entries_.end()) {
        if (!may_create) return;
        found = create(neighbour);
        if (found == entries_.end()) return;
    }
    entry& which = found->second;
    if (which.state == arp_state::permanent) return;
    if (!is_answer && is_known(which.state) && which.address == address) return;  // no news
    which.state = is_answer ? arp_state::reachable : arp_state::stale;
    which.address = address;
    which.confirmed = net_->now();
    which.tries = 0;
    net_->cancel(which.timer);
    // Sending may call back into this cache, so the queue leaves it first.
    auto ready = std::exchange(which.waiting, {});
    for (bytes& each : ready) send(neighbour, std::move(each));
}

inline void arp_cache::add_static(ipv4_address neighbour, packet::mac_address address) {
    entry& which = entries_[neighbour];
    net_->cancel(which.timer);
    which.state = arp_state::permanent;
    which.address = address;
    auto ready = std::exchange(which.waiting, {});
    for (bytes& each : ready) send(neighbour, std::move(each));
}
inline bool arp_cache::remove(ipv4_address neighbour) {
    const auto found = entries_.find(neighbour);
    if (found == entries_.end()) return false;
    net_->cancel(found->second.timer);
    entries_.erase(found);
    return true;
}
inline void arp_cache::clear() {
    for (auto& [neighbour, each] : entries_)
        if (each.state != arp_state::permanent) net_->cancel(each.timer);
    std::erase_if(entries_, [](const auto& each) { return each.second.state != arp_state::permanent; });
}

inline std::optional<packet::mac_address> arp_cache::find(ipv4_address neighbour) const {
    const auto found = entries_.find(neighbour);
    if (found == entries_.end() || !is_known(found->second.state)) return std::nullopt;
    return found->second.address;
}
inline std::optional<arp_state> arp_cache::state_of(ipv4_address neighbour) const {
    const auto found = entries_.find(neighbour);
    if (found == entries_.end()) return std::nullopt;
    return now_of(found->second);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_ARP_HPP

// netnotes/lan/rip.hpp: routers that tell each other their routes
// SPDX-License-Identifier: MIT
//
// The routing information protocol is the smallest of its kind (RFC 2453). Every 30 seconds each router sends its table to its
// neighbours, by UDP to the group 224.0.0.9, port 520. A neighbour adds 1 to each distance and keeps what is shorter:
//
//        R1 says: 10.0.1.0/24, distance 1        R2 hears: 10.0.1.0/24 via R1, distance 2
//                                                R2 says:  10.0.1.0/24, distance 2          R3 hears: distance 3
//
//        0        1        2                 4        6        8          12        16            20            24
//        ┌────────┬────────┬─────────────────┬────────┬────────┬──────────┬─────────┬─────────────┬─────────────┐
//        │command │version │        0        │ family │  tag   │ address  │ netmask │  next hop   │  distance   │  … up to 25
//        └────────┴────────┴─────────────────┴────────┴────────┴──────────┴─────────┴─────────────┴─────────────┘
//
// A distance of 16 means: unreachable. A route that nobody repeats for 180 seconds becomes unreachable, and is forgotten 120
// seconds later. News are sent at once, after a short random wait.
//
// Bad news travel slowly. If R1 loses its network, R2 might offer its own route to it, which leads through R1: both count up to
// 16. So a router tells the neighbour from which it has a route that the network is unreachable here (split horizon with
// poisoned reverse). In larger loops the routers still count up; 16 is small for that reason.
//
// RIP believes every neighbour. RFC 2453 has a password in plain text; this page has none. It answers requests for a whole
// table, but not for single routes.
//
// On this page:  rip_settings · rip_speaker
// The notes:     动态路由 (dynamic routes); example 33

#ifndef NETNOTES_LAN_RIP_HPP
#define NETNOTES_LAN_RIP_HPP

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "../ip/network.hpp"
#include "../packet/bytes.hpp"
#include "ip_node.hpp"
#include "route.hpp"

namespace netnotes::lan {

/// The times of RFC 2453 §3.8.
struct rip_settings {
    virtual_time interval = std::chrono::seconds{30};  ///< between two updates, plus or minus up to a sixth
    virtual_time timeout = std::chrono::seconds{180};  ///< without news a route becomes unreachable
    virtual_time garbage = std::chrono::seconds{120};  ///< and after this time it is forgotten
    std::set<unsigned> passive{};                      ///< ports on which nothing is sent: only hosts are there
    std::size_t max_routes = 1000;
};

/// Speaks RIP version 2 for a node, and keeps the learnt routes in its table. The node must outlive it, and the network must
/// not run after it is gone. router::enable_rip() makes it.
class rip_speaker {
  public:
    static constexpr unsigned infinity = 16;

    rip_speaker(ip_node& node, const rip_settings& how) : node_{&node}, settings_{how} {
        node_->join(group);
        node_->on_udp(port_number, [this](const datagram& arrived) { hear(arrived); });
        node_->net().after({}, [this] { begin(); });
    }
    rip_speaker(const rip_speaker&) = delete;
    rip_speaker& operator=(const rip_speaker&) = delete;

    /// Returns how many updates were sent: on every port one, if it fits into a message.
    [[nodiscard]] std::uint64_t updates_sent() const noexcept { return updates_sent_; }
    /// Returns how many routes are known, unreachable routes included.
    [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

  private:
    static constexpr ipv4_address group{224, 0, 0, 9};
    static constexpr std::uint16_t port_number = 520, family = 2;
    enum class command : std::uint8_t { request = 1, response = 2 };
    struct known_route {
        ipv4_address via{};
        unsigned port = 0;
        unsigned metric = infinity;
        bool is_changed = false;
        network::timer timer{};
    };
    struct entry {
        std::uint32_t address = 0, mask = 0, next_hop = 0, metric = 0;
    };

    void begin();
    void hear(const datagram& arrived);
    void hear_request(const datagram& arrived);
    void learn(const netnotes::network& destination, ipv4_address via, unsigned port, unsigned metric);
    void update_table(const netnotes::network& destination, const known_route& now);
    void lose(const netnotes::network& destination);
    void keep(const netnotes::network& destination, known_route& which);
    void send_table(unsigned port, const endpoint& to, bool changes_only);
    void send_to_all(bool changes_only);
    void trigger();
    void send(unsigned port, const endpoint& to, command what, std::span<const entry> entries);
    static entry entry_for(const netnotes::network& which, unsigned metric) {
        return {which.address().v4().to_uint(), which.netmask().v4().to_uint(), 0, metric};
    }
    void schedule_update() {
        const virtual_time sixth = settings_.interval / 6;
        const auto spread = virtual_time{static_cast<std::int64_t>(
            node_->net().random().below(static_cast<std::uint64_t>(std::max<std::int64_t>(2 * sixth.count(), 1))))};
        node_->net().after(
            settings_.interval - sixth + spread,
            [this] {
                send_to_all(false);
                schedule_update();
            },
            network::timer_kind::background);
    }

    ip_node* node_;
    rip_settings settings_;
    std::map<netnotes::network, known_route> known_;
    bool is_triggered_ = false;
    std::uint64_t updates_sent_ = 0;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline void rip_speaker::begin() {
    // RFC 2453 §3.9.1: an entry of the family 0 and the distance 16 asks for the whole table.
    for (unsigned port = 0; port < node_->port_count(); ++port) {
        if (settings_.passive.contains(port)) continue;
        std::vector<std::byte> message(24);
        message[0] = static_cast<std::byte>(command::request);
        message[1] = std::byte{2};
        packet::detail::store_32(message.data() + 20, infinity);
        node_->send_udp(port_number, {group, port_number}, message, {.time_to_live = 1, .port = port});
    }
    send_to_all(false);
    schedule_update();
}

inline void rip_speaker::send(unsigned port, const endpoint& to, command what, std::span<const entry> entries) {
    constexpr std::size_t most = 25;
    for (; !entries.empty(); entries = entries.subspan(std::min(most, entries.size()))) {
        const auto part = entries.first(std::min(most, entries.size()));
        std::vector<std::byte> message(4 + 20 * part.size());
        message[0] = static_cast<std::byte>(what);
        message[1] = std::byte{2};
        for (std::size_t i = 0; i < part.size(); ++i) {
            std::byte* const at = message.data() + 4 + 20 * i;
            packet::detail::store_16(at, family);
            packet::detail::store_32(at + 4, part[i].address);
            packet::detail::store_32(at + 8, part[i].mask);
            packet::detail::store_32(at + 12, part[i].next_hop);
            packet::detail::store_32(at + 16, part[i].metric);
        }
        node_->send_udp(port_number, to, message, {.time_to_live = 1, .port = port});
        ++updates_sent_;
    }
}

inline void rip_speaker::send_table(unsigned port, const endpoint& to, bool changes_only) {
    std::vector<entry> entries;
    if (!changes_only)
        for (const route& each : node_->routes().routes())
            if (each.origin != route_origin::learnt) entries.push_back(entry_for(each.destination, 1));
    for (const auto& [destination, each] : known_) {
        if (changes_only && !each.is_changed) continue;
        entries.push_back(entry_for(destination, each.port == port ? infinity : each.metric));  // poisoned reverse
    }
    send(port, to, command::response, entries);
}

inline void rip_speaker::send_to_all(bool changes_only) {
    for (unsigned port = 0; port < node_->port_count(); ++port)
        if (!settings_.passive.contains(port)) send_table(port, {group, port_number}, changes_only);
    for (auto& [destination, each] : known_) each.is_changed = false;
}

inline void rip_speaker::trigger() {
    if (is_triggered_) return;
    is_triggered_ = true;
    // RFC 2453 §3.10.1: 1 to 5 seconds, so that several changes travel together.
    const auto wait = std::chrono::milliseconds{1000 + node_->net().random().below(4000)};
    node_->net().after(wait, [this] {
        is_triggered_ = false;
        send_to_all(true);
    });
}

inline void rip_speaker::hear(const datagram& arrived) {
    const auto message = arrived.payload;
    const bool is_neighbour = node_->interface(arrived.port).network().contains(arrived.source.address());
    if (message.size() < 4 || (message.size() - 4) % 20 != 0 || !is_neighbour) return;
    const auto version = std::to_integer<unsigned>(message[1]);
    if (version != 2) return;
    if (message[0] == static_cast<std::byte>(command::request)) return hear_request(arrived);
    // A response comes from port 520, or anybody's program could send one (RFC 2453 §3.9.2).
    if (message[0] != static_cast<std::byte>(command::response) || arrived.source.port() != port_number) return;
    for (std::size_t at = 4; at < message.size(); at += 20) {
        const std::byte* const from = message.data() + at;
        const std::uint32_t mask = packet::detail::load_32(from + 8), distance = packet::detail::load_32(from + 16);
        const ipv4_address address{packet::detail::load_32(from + 4)}, next{packet::detail::load_32(from + 12)};
        const int ones = std::countl_one(mask);
        const bool is_mask = ones == 32 || (mask << ones) == 0;
        if (packet::detail::load_16(from) != family || !is_mask || distance < 1 || distance > infinity) continue;
        // RFC 2453 §3.9.2: unicast networks only, and of the network 0 nothing but the default route.
        const bool is_zero = address.to_uint() >> 24 == 0 && mask != 0;
        if (is_zero || address.is_multicast() || address.is_reserved() || address.is_loopback()) continue;
        if ((address.to_uint() & ~mask) != 0) continue;
        const netnotes::network destination{address, static_cast<unsigned>(ones), host_bits::cleared};
        const bool is_usable =
            !next.is_unspecified() && !node_->is_local(next) && node_->interface(arrived.port).network().contains(next);
        learn(destination, is_usable ? next : arrived.source.address().v4(), arrived.port,
              std::min<unsigned>(distance + 1, infinity));
    }
}

inline void rip_speaker::hear_request(const datagram& arrived) {
    const auto message = arrived.payload;
    const bool is_for_all = message.size() == 24 && packet::detail::load_16(message.data() + 4) == 0 &&
                            packet::detail::load_32(message.data() + 20) == infinity;
    if (is_for_all) send_table(arrived.port, arrived.source, false);
}

inline void rip_speaker::learn(const netnotes::network& destination, ipv4_address via, unsigned port, unsigned metric) {
    for (const route& each : node_->routes().routes())
        if (each.destination == destination && each.origin != route_origin::learnt) return;  // we know better
    auto found = known_.find(destination);
    if (found == known_.end()) {
        if (metric >= infinity || known_.size() >= settings_.max_routes) return;
        found = known_.try_emplace(destination).first;
    }
    known_route& now = found->second;
    const bool is_same = now.via == via && now.port == port;
    if (is_same && now.metric == metric) {
        if (metric < infinity) keep(destination, now);
        return;
    }
    if (!is_same && metric >= now.metric) return;
    if (metric >= infinity) return lose(destination);
    now.via = via;
    now.port = port;
    now.metric = metric;
    now.is_changed = true;
    keep(destination, now);
    update_table(destination, now);
    trigger();
}

inline void rip_speaker::keep(const netnotes::network& destination, known_route& which) {
    node_->net().cancel(which.timer);
    which.timer = node_->net().after(
        settings_.timeout, [this, destination] { lose(destination); }, network::timer_kind::background);
}

inline void rip_speaker::lose(const netnotes::network& destination) {
    const auto found = known_.find(destination);
    if (found == known_.end() || found->second.metric >= infinity) return;
    known_route& now = found->second;
    now.metric = infinity;
    now.is_changed = true;
    node_->net().cancel(now.timer);
    now.timer = node_->net().after(
        settings_.garbage, [this, destination] { known_.erase(destination); }, network::timer_kind::background);
    update_table(destination, now);
    trigger();
}

inline void rip_speaker::update_table(const netnotes::network& destination, const known_route& now) {
    if (now.metric >= infinity)
        node_->routes().remove(destination, route_origin::learnt);
    else
        node_->routes().add({destination, now.via, now.port, route_origin::learnt, now.metric});
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_RIP_HPP

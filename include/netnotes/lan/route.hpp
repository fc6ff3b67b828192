// netnotes/lan/route.hpp: where next? The table of routes
// SPDX-License-Identifier: MIT
//
// A host and a router decide the next step of each packet by a table. Of all routes whose network contains the
// destination, the route with the longest prefix wins, because it knows the destination best (RFC 1812 §5.2.4.3):
//
//        network         via          port
//        10.0.1.0/24     directly     0          the next hop is the destination itself
//        10.0.0.0/8      10.0.1.1     0
//        10.9.0.0/16     10.0.1.7     0          10.9.3.4 is in both networks above: this route has the longer prefix
//        0.0.0.0/0       10.0.1.1     0          the default route contains every address, and has the shortest prefix
//
// The address "via" is the next router. It does not stand in the packet: it is only asked for by ARP, and the frame
// goes to its card.
//
// On this page:  route_origin · route · next_hop · route_table
// The notes:     路由表 (routing table), 默认网关 (default gateway); example 33

#ifndef NETNOTES_LAN_ROUTE_HPP
#define NETNOTES_LAN_ROUTE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../ip/address.hpp"
#include "../ip/network.hpp"

namespace netnotes::lan {

/// Says who has entered a route. Of two routes to the same network the earlier origin wins.
enum class route_origin : std::uint8_t {
    connected,  ///< an interface lies in the network
    entered,    ///< by the administrator
    learnt,     ///< by a routing protocol
};

/// Returns the name of the origin.
[[nodiscard]] constexpr std::string_view to_string(route_origin origin) noexcept {
    constexpr std::string_view names[]{"connected", "static", "RIP"};
    const auto index = static_cast<std::size_t>(origin);
    return index < std::size(names) ? names[index] : "unknown";
}

/// A row of the table: where packets to a network go.
struct route {
    netnotes::network destination{};    ///< of IPv4
    std::optional<ipv4_address> via{};  ///< the next router; nullopt if the destination is a neighbour
    unsigned port = 0;                  ///< of the interface that sends
    route_origin origin = route_origin::entered;
    unsigned metric = 0;  ///< how far the network is, for routing protocols

    friend bool operator==(const route&, const route&) noexcept = default;
};

/// The next step of a packet: the neighbour that gets it, and the port that leads there.
struct next_hop {
    ipv4_address neighbour{};
    unsigned port = 0;

    friend bool operator==(const next_hop&, const next_hop&) noexcept = default;
};

/// A table of routes.
class route_table {
  public:
    /// Adds a route, or replaces the route of the same origin to the same network. Throws std::invalid_argument for a
    /// network of IPv6.
    void add(const route& added) {
        if (!added.destination.is_v4()) throw std::invalid_argument{"lan.hpp routes IPv4 only"};
        remove(added.destination, added.origin);
        // Sorted: a longer prefix first, then by address, then by origin. So the first match is the best.
        const auto place = std::upper_bound(routes_.begin(), routes_.end(), added, is_before);
        const auto index = place - routes_.begin();
        routes_.insert(place, added);
        keys_.insert(keys_.begin() + index, key_of(added.destination));
    }
    /// Removes the route of that origin to the network. Returns false if it does not exist.
    bool remove(const netnotes::network& destination, route_origin origin) {
        for (std::size_t i = 0; i < routes_.size(); ++i) {
            if (routes_[i].destination != destination || routes_[i].origin != origin) continue;
            routes_.erase(routes_.begin() + static_cast<std::ptrdiff_t>(i));
            keys_.erase(keys_.begin() + static_cast<std::ptrdiff_t>(i));
            return true;
        }
        return false;
    }
    /// Returns the best route to a destination, or nullptr. It is valid until the table changes.
    [[nodiscard]] const route* find(ipv4_address destination) const noexcept {
        const std::uint32_t address = destination.to_uint();
        for (std::size_t i = 0; i < keys_.size(); ++i)
            if ((address & keys_[i].mask) == keys_[i].base) return &routes_[i];
        return nullptr;
    }
    /// Returns the neighbour that is next on the way to a destination, or nullopt if no route leads there.
    [[nodiscard]] std::optional<next_hop> next(ipv4_address destination) const noexcept {
        const route* const best = find(destination);
        if (best == nullptr) return std::nullopt;
        return next_hop{best->via.value_or(destination), best->port};
    }
    /// Returns the routes, those with the longest prefix first.
    [[nodiscard]] std::span<const route> routes() const noexcept { return routes_; }
    /// Returns a line for each route.
    [[nodiscard]] std::string text() const {
        std::string all;
        for (const route& each : routes_) {
            std::string line = each.destination.to_string();
            line.resize(std::max<std::size_t>(line.size() + 1, 20), ' ');
            line += each.via ? "via " + each.via->to_string() : "directly";
            line.resize(std::max<std::size_t>(line.size() + 1, 40), ' ');
            line += "port " + std::to_string(each.port) + "  ";
            line += to_string(each.origin);
            if (each.origin == route_origin::learnt) line += ", metric " + std::to_string(each.metric);
            all += line + "\n";
        }
        return all;
    }

  private:
    struct key {
        std::uint32_t base, mask;
    };
    static key key_of(const netnotes::network& which) noexcept {
        return {which.address().v4().to_uint(), which.netmask().v4().to_uint()};
    }
    static bool is_before(const route& a, const route& b) noexcept {
        if (a.destination.prefix_length() != b.destination.prefix_length())
            return a.destination.prefix_length() > b.destination.prefix_length();
        if (a.destination != b.destination) return a.destination < b.destination;
        return a.origin < b.origin;
    }
    std::vector<route> routes_;
    std::vector<key> keys_;  // beside each route what find() compares, in little memory
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_ROUTE_HPP

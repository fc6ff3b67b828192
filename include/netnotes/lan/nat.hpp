// netnotes/lan/nat.hpp: many hosts behind one address
// SPDX-License-Identifier: MIT
//
// A home has one public address and many devices. The router replaces the source address of each packet that leaves, and
// remembers that, to undo it in the answer (RFC 3022). Two devices may use the same port, so the router replaces the port
// too, if it must. This is network address and port translation, NAPT:
//
//        inside                    router                     outside
//        10.0.1.2:40000  ───▶   203.0.113.1:40000   ───▶   198.51.100.7:80
//        10.0.1.3:40000  ───▶   203.0.113.1:40001   ───▶   198.51.100.7:80       the port was taken
//
// So the sentence "IP addresses do not change on the way" does not hold behind such a router. Each change of an address also
// changes the checksums of IP and of TCP or UDP, which cover it. They are updated, not computed again (RFC 1624).
//
// A mapping belongs to the inside address and port alone, whatever the destination is (RFC 4787 §4.1). It ends after a time
// without a packet from inside. From outside nobody can reach a device that has not sent first: that is no protection by
// intention, but it works as such. A static mapping opens a port on purpose. A device inside can reach it by the outside
// address as well: the router then translates both ends, and sends the packet back inside (hairpinning, RFC 4787 §6).
//
// An echo has no port, so its identifier takes that place (RFC 5508). An ICMP error quotes a packet, in which the router
// translates as well. Fragments are joined first, because only the first of them has the ports.
//
// On this page:  nat_mapping · nat_table · nat_rewrite
// The notes:     NAT (beyond the notes); example 34

#ifndef NETNOTES_LAN_NAT_HPP
#define NETNOTES_LAN_NAT_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>

#include "../ip/address.hpp"
#include "../packet/bytes.hpp"
#include "../packet/checksum.hpp"
#include "../packet/icmp.hpp"
#include "../packet/ipv4.hpp"
#include "event.hpp"

namespace netnotes::lan {

/// One line of the table: an inside address and port, and the outside port that stands for them.
struct nat_mapping {
    packet::ip_protocol protocol{};
    ipv4_address inside{};
    std::uint16_t inside_port = 0;  ///< of an echo: its identifier
    std::uint16_t outside_port = 0;
    virtual_time used{};  ///< when a packet from inside used it last
    bool is_static = false;
};

/// The table of mappings of a router.
class nat_table {
  public:
    /// How long a mapping stays without a packet: RFC 4787 §4.3, RFC 5508 §3.2 and RFC 5382 §5 say at least so.
    virtual_time udp_timeout = std::chrono::minutes{5};
    virtual_time icmp_timeout = std::chrono::seconds{60};
    virtual_time tcp_timeout = std::chrono::minutes{124};
    std::size_t max_mappings = 16'384;

    /// Returns the mapping of an inside address and port; makes a new mapping if that is necessary. It keeps the
    /// port, if that is free outside. Returns nullptr if the table is full. The result is valid until the next call.
    const nat_mapping* outbound(packet::ip_protocol protocol, ipv4_address inside, std::uint16_t port,
                                virtual_time now) {
        const inside_key key{protocol, inside, port};
        if (const auto found = by_inside_.find(key); found != by_inside_.end()) {
            nat_mapping& known = mappings_.at({protocol, found->second});
            if (!is_over(known, now)) return known.used = now, &known;
            drop({protocol, found->second});
        }
        if (mappings_.size() >= max_mappings) drop_expired(now);
        if (mappings_.size() >= max_mappings) return nullptr;
        std::uint16_t outside = port;
        for (unsigned tries = 0; is_taken({protocol, outside}, now); ++tries) {
            if (tries > 0xffff) return nullptr;
            // Ports below 1024 belong to servers; identifiers of echoes have no such rule, but need no other either.
            outside =
                outside < 1024 || outside == 0xffff ? std::uint16_t{1024} : static_cast<std::uint16_t>(outside + 1);
        }
        return add({protocol, inside, port, outside, now, false});
    }
    /// Opens an outside port for an inside server. Replaces a mapping that uses the outside port, and a mapping of the inside
    /// address and port: that has one outside port only.
    void add_static(packet::ip_protocol protocol, std::uint16_t outside_port, ipv4_address inside,
                    std::uint16_t inside_port) {
        drop({protocol, outside_port});
        if (const auto found = by_inside_.find({protocol, inside, inside_port}); found != by_inside_.end())
            drop({protocol, found->second});
        add({protocol, inside, inside_port, outside_port, {}, true});
    }
    /// Returns the mapping of an outside port, or nullptr. A packet from outside does not prolong it (RFC 4787 §4.3 permits
    /// that; otherwise a stranger could keep it alive).
    [[nodiscard]] const nat_mapping* inbound(packet::ip_protocol protocol, std::uint16_t outside_port,
                                             virtual_time now) const {
        const auto found = mappings_.find({protocol, outside_port});
        return found == mappings_.end() || is_over(found->second, now) ? nullptr : &found->second;
    }
    [[nodiscard]] std::size_t size() const noexcept { return mappings_.size(); }
    /// Returns a line for each mapping that is not over.
    [[nodiscard]] std::string text(virtual_time now) const {
        std::string all;
        for (const auto& [key, each] : mappings_) {
            if (is_over(each, now)) continue;
            std::string line = "NAT " + std::string{to_string(each.protocol)};
            line.resize(10, ' ');
            line += each.inside.to_string() + ":" + std::to_string(each.inside_port) + " is outside port " +
                    std::to_string(each.outside_port);
            all += line + (each.is_static ? ", static\n" : "\n");
        }
        return all;
    }

  private:
    using inside_key = std::tuple<packet::ip_protocol, ipv4_address, std::uint16_t>;
    using outside_key = std::tuple<packet::ip_protocol, std::uint16_t>;
    [[nodiscard]] bool is_over(const nat_mapping& which, virtual_time now) const noexcept {
        const virtual_time timeout = which.protocol == packet::ip_protocol::udp    ? udp_timeout
                                     : which.protocol == packet::ip_protocol::icmp ? icmp_timeout
                                                                                   : tcp_timeout;
        return !which.is_static && now - which.used >= timeout;
    }
    bool is_taken(const outside_key& key, virtual_time now) {
        const auto found = mappings_.find(key);
        if (found == mappings_.end()) return false;
        if (!is_over(found->second, now)) return true;
        drop(key);
        return false;
    }
    const nat_mapping* add(const nat_mapping& made) {
        by_inside_[{made.protocol, made.inside, made.inside_port}] = made.outside_port;
        return &(mappings_[{made.protocol, made.outside_port}] = made);
    }
    void drop(const outside_key& key) {
        const auto found = mappings_.find(key);
        if (found == mappings_.end()) return;
        by_inside_.erase({found->second.protocol, found->second.inside, found->second.inside_port});
        mappings_.erase(found);
    }
    void drop_expired(virtual_time now) {
        for (auto each = mappings_.begin(); each != mappings_.end();) {
            const auto here = each++;
            if (is_over(here->second, now)) drop(here->first);
        }
    }

    std::map<outside_key, nat_mapping> mappings_;
    std::map<inside_key, std::uint16_t> by_inside_;
};

/// Which address and port of a packet are meant.
enum class nat_side : std::uint8_t { source, destination };

/// Returns the port that a translation would replace: of TCP and UDP that of the side, of an echo the identifier. The packet
/// begins with its IPv4 header and is no later fragment. Returns nullopt for other packets, and if the port is not there.
[[nodiscard]] inline std::optional<std::uint16_t> nat_port(const packet::ipv4_view& packet, nat_side side) noexcept {
    const auto payload = packet.payload();
    if (payload.size() < 8) return std::nullopt;
    if (packet.protocol() == packet::ip_protocol::icmp) {
        const auto type = static_cast<packet::icmp_type>(payload[0]);
        const bool is_echo = type == packet::icmp_type::echo_request || type == packet::icmp_type::echo_reply;
        return is_echo ? std::optional{packet::detail::load_16(payload.data() + 4)} : std::nullopt;
    }
    if (packet.protocol() != packet::ip_protocol::tcp && packet.protocol() != packet::ip_protocol::udp)
        return std::nullopt;
    return packet::detail::load_16(payload.data() + (side == nat_side::source ? 0 : 2));
}

/// Replaces address and port of a packet, and updates the checksums. nat_port() must have found the port. `bytes` begin with
/// the IPv4 header; the payload may be cut short, as it is in the quotation of an ICMP error.
inline void nat_rewrite(std::span<std::byte> bytes, nat_side side, ipv4_address address, std::uint16_t port) noexcept {
    using packet::detail::load_16, packet::detail::load_32, packet::detail::store_16, packet::detail::store_32;
    std::byte* const ip = bytes.data();
    std::byte* const place = ip + (side == nat_side::source ? 12 : 16);
    const std::uint32_t before = load_32(place), after = address.to_uint();
    store_16(ip + 10, packet::updated_checksum(load_16(ip + 10), before, after));
    store_32(place, after);

    const std::size_t header_size = (std::to_integer<std::size_t>(ip[0]) & 0xf) * 4;
    std::byte* const transport = ip + header_size;
    const std::size_t size = bytes.size() - header_size;
    const auto protocol = static_cast<packet::ip_protocol>(ip[9]);
    const bool is_icmp = protocol == packet::ip_protocol::icmp;
    std::byte* const port_place = transport + (is_icmp ? 4 : side == nat_side::source ? 0 : 2);
    const std::size_t checksum_at = is_icmp ? 2 : protocol == packet::ip_protocol::udp ? 6 : 16;
    const std::uint16_t old_port = load_16(port_place);
    store_16(port_place, port);
    if (checksum_at + 2 > size) return;  // a quotation of eight bytes ends before the checksum of TCP
    std::uint16_t checksum = load_16(transport + checksum_at);
    if (protocol == packet::ip_protocol::udp && checksum == 0) return;  // the sender computed none
    checksum = packet::updated_checksum(checksum, old_port, port);
    if (!is_icmp) checksum = packet::updated_checksum(checksum, before, after);  // addresses: the pseudo-header
    if (protocol == packet::ip_protocol::udp && checksum == 0) checksum = 0xffff;
    store_16(transport + checksum_at, checksum);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_NAT_HPP

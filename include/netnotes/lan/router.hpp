// netnotes/lan/router.hpp: routers
// SPDX-License-Identifier: MIT
//
// A router is a host with several interfaces that passes packets on. For each packet that is not for itself it does
// this (RFC 1812 §5.2):
//
//        1  looks for the route with the longest matching prefix        none: "network unreachable" to the sender
//        2  decrements the time to live                                 it becomes 0: "time to live exceeded"
//        3  updates the header's checksum                               for the one changed byte only (RFC 1624)
//        4  cuts the packet if the next link needs it                   "don't fragment": "fragmentation needed"
//        5  asks by ARP for the card of the next hop                    no answer: "host unreachable"
//        6  sends a new frame from its own card to that card
//
// So the pair of hardware addresses is new on each link, and the IP addresses stay. Without step 2 a packet in a loop
// of routes would circle for ever.
//
//        lan::network net{1};
//        auto& a = net.host("A", "10.0.1.2/24");
//        auto& b = net.host("B", "10.0.2.2/24");
//        auto& r = net.router("R", {"10.0.1.1/24", "10.0.2.1/24"});
//        net.connect(a, r[0]);
//        net.connect(r[1], b);
//        r.add_route("10.0.3.0/24", "10.0.2.2");      // or r.enable_rip(), if the neighbours speak it too
//        r.masquerade(1);                             // NAPT for everything that leaves port 1
//
// On this page:  router
// The notes:     路由器 (router); Packet Tracer; examples 33 and 34

#ifndef NETNOTES_LAN_ROUTER_HPP
#define NETNOTES_LAN_ROUTER_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../packet/checksum.hpp"
#include "host.hpp"
#include "nat.hpp"
#include "rip.hpp"

namespace netnotes::lan {

/// A router. It can also do what a host can, for example ping().
class router : public host {
  public:
    /// Throws parse_error for an unreadable address; see ip_node::add_interface().
    router(network& net, std::string_view name, std::span<const std::string_view> interfaces) : host{net, name} {
        for (const std::string_view each : interfaces) add_interface(ip_interface{each});
    }
    [[nodiscard]] std::string_view kind() const noexcept override { return "router"; }
    [[nodiscard]] router* as_router() noexcept override { return this; }

    /// Begins to exchange routes with the neighbours. A second call does nothing.
    void enable_rip(const rip_settings& how = {}) {
        if (!rip_) rip_ = std::make_unique<rip_speaker>(*this, how);
    }
    /// Returns the speaker of RIP, or nullptr.
    [[nodiscard]] const rip_speaker* rip() const noexcept { return rip_.get(); }

    /// Translates the source of all packets that leave a port to the address of that port, and their answers back.
    /// Throws std::out_of_range for a port that the router does not have.
    void masquerade(unsigned outside) {
        (void)interface(outside);
        outside_ = outside;
    }
    /// Opens an outside port for a server inside; call masquerade() too.
    void forward_port(packet::ip_protocol protocol, std::uint16_t outside_port, const endpoint& inside) {
        nat_.add_static(protocol, outside_port, inside.address().v4(), inside.port());
    }
    /// Returns the table of translated ports.
    [[nodiscard]] nat_table& nat() noexcept { return nat_; }
    [[nodiscard]] std::string tables() const override { return ip_node::tables() + nat_.text(net().now()); }

  protected:
    inline void forward(unsigned port, const packet::ipv4_view& packet) override;
    inline bool intercept(unsigned port, const packet::ipv4_view& packet) override;

  private:
    /// Replaces the source of a packet that leaves. Returns false if that is not possible.
    bool translate_out(std::span<std::byte> packet);
    bool translate_in(unsigned port, const packet::ipv4_view& packet);
    /// Returns the place of the packet that an ICMP error quotes, or 0 if the packet is no such error. An error with a wrong
    /// checksum does not count, because a new checksum would make it look right (RFC 5508 §4.1).
    static std::size_t quotation(const packet::ipv4_view& packet) noexcept;
    /// Replaces the address at a place of the header, 12 or 16, and updates the header's checksum.
    static void replace_address(std::span<std::byte> packet, std::size_t place, ipv4_address by) noexcept {
        using packet::detail::load_16, packet::detail::load_32, packet::detail::store_16, packet::detail::store_32;
        const std::uint32_t before = load_32(packet.data() + place);
        store_16(packet.data() + 10, packet::updated_checksum(load_16(packet.data() + 10), before, by.to_uint()));
        store_32(packet.data() + place, by.to_uint());
    }
    static void renew_icmp_checksum(std::span<std::byte> packet, std::size_t header_size) noexcept {
        packet::detail::store_16(packet.data() + header_size + 2, 0);
        packet::detail::store_16(packet.data() + header_size + 2,
                                 packet::internet_checksum(packet.subspan(header_size)));
    }

    std::optional<unsigned> outside_;
    nat_table nat_;
    std::unique_ptr<rip_speaker> rip_;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline void router::forward(unsigned port, const packet::ipv4_view& packet) {
    const auto next = routes().next(packet.destination());
    if (!next) {
        ++counters_.no_route;
        return send_error(packet::icmp_type::destination_unreachable, 0, packet);
    }
    if (packet.time_to_live() <= 1) return send_error(packet::icmp_type::time_exceeded, 0, packet);
    // Before anything is changed, so that the error quotes the packet as it came.
    if (packet.dont_fragment() && packet.bytes().size() > mtu(next->port))
        return send_error(packet::icmp_type::destination_unreachable, 4, packet,
                          static_cast<std::uint32_t>(mtu(next->port)));
    const bool is_translated = outside_ && next->port == *outside_ && port != *outside_;
    if (is_translated && packet.is_fragment())
        return join_fragments(packet, [this, port](const packet::ipv4_view& whole) { forward(port, whole); });

    const auto source = packet.bytes();
    bytes copy;
    copy.reserve(room + source.size());
    copy.resize(room);
    copy.insert(copy.end(), source.begin(), source.end());
    std::byte* const header = copy.data() + room;
    const std::uint16_t before = packet::detail::load_16(header + 8);  // time to live and protocol
    const auto after = static_cast<std::uint16_t>(before - 0x0100);
    packet::detail::store_16(header + 8, after);
    packet::detail::store_16(header + 10, packet::updated_checksum(packet.header_checksum(), before, after));
    if (is_translated && !translate_out(std::span{copy}.subspan(room))) return void(++counters_.no_route);
    ++counters_.forwarded;
    transmit(*next, std::move(copy));
}

inline bool router::intercept(unsigned port, const packet::ipv4_view& packet) {
    if (!outside_ || packet.destination() != address(*outside_)) return false;
    if (!packet.is_fragment()) return translate_in(port, packet);
    join_fragments(packet, [this, port](const packet::ipv4_view& whole) {
        if (!translate_in(port, whole)) deliver(port, whole);
    });
    return true;
}

inline std::size_t router::quotation(const packet::ipv4_view& packet) noexcept {
    packet::packet_failure why;
    if (packet.protocol() != packet::ip_protocol::icmp) return 0;
    const auto message = packet::icmp_view::parse(packet.payload(), why);
    if (!message || !message->is_error() || message->checksum_state() != packet::checksum_state::good) return 0;
    return packet.header_size() + 8;
}

inline bool router::translate_out(std::span<std::byte> packet) {
    packet::packet_failure why;
    const auto view = packet::ipv4_view::parse(packet, why);
    if (!view) return false;
    const ipv4_address outside = address(*outside_);
    if (const std::size_t at = quotation(*view)) {
        // An error about a packet from outside: the quotation shows the inside address as its destination.
        const auto quoted = packet::ipv4_view::parse(packet.subspan(at), why);
        const auto inside_port = quoted ? nat_port(*quoted, nat_side::destination) : std::nullopt;
        const nat_mapping* const known =
            inside_port ? nat_.outbound(quoted->protocol(), quoted->destination(), *inside_port, net().now()) : nullptr;
        if (known == nullptr) return false;
        nat_rewrite(packet.subspan(at), nat_side::destination, outside, known->outside_port);
        renew_icmp_checksum(packet, view->header_size());
        replace_address(packet, 12, outside);
        return true;
    }
    const auto inside_port = nat_port(*view, nat_side::source);
    if (!inside_port) return false;
    const nat_mapping* const known = nat_.outbound(view->protocol(), view->source(), *inside_port, net().now());
    if (known == nullptr) return false;
    nat_rewrite(packet, nat_side::source, outside, known->outside_port);
    return true;
}

inline bool router::translate_in(unsigned port, const packet::ipv4_view& packet) {
    packet::packet_failure why;
    const nat_mapping* known = nullptr;
    const std::size_t at = quotation(packet);
    if (at != 0) {
        // An error about a packet from inside, which has left with the outside address as its source.
        const auto quoted = packet::ipv4_view::parse(packet.bytes().subspan(at), why);
        const auto outside_port = quoted ? nat_port(*quoted, nat_side::source) : std::nullopt;
        if (outside_port && quoted->source() == address(*outside_))
            known = nat_.inbound(quoted->protocol(), *outside_port, net().now());
    } else if (const auto outside_port = nat_port(packet, nat_side::destination)) {
        // An echo request is for the router itself: only the answer to a request from inside is translated.
        const bool is_request = packet.protocol() == packet::ip_protocol::icmp &&
                                packet.payload()[0] == static_cast<std::byte>(packet::icmp_type::echo_request);
        if (!is_request) known = nat_.inbound(packet.protocol(), *outside_port, net().now());
    }
    if (known == nullptr) return false;
    const ipv4_address inside = known->inside;
    const std::uint16_t inside_port = known->inside_port;
    bytes copy{packet.bytes().begin(), packet.bytes().end()};
    // From inside to the outside address: the answer must come back here, so the source is translated, too (RFC 4787 §6).
    if (port != *outside_ && !translate_out(copy)) return ++counters_.no_route, true;
    if (at != 0) {
        nat_rewrite(std::span{copy}.subspan(at), nat_side::source, inside, inside_port);
        renew_icmp_checksum(copy, packet.header_size());
        replace_address(copy, 16, inside);
    } else {
        nat_rewrite(copy, nat_side::destination, inside, inside_port);
    }
    if (const auto view = packet::ipv4_view::parse(copy, why)) forward(port, *view);
    return true;
}

inline lan::router& network::router(std::string_view name, std::initializer_list<std::string_view> interfaces) {
    return add<lan::router>(name, std::span<const std::string_view>{interfaces.begin(), interfaces.size()});
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_ROUTER_HPP

// netnotes/lan/ip_node.hpp: what hosts and routers have in common: IP on top of Ethernet
// SPDX-License-Identifier: MIT
//
// Each port of a host or a router is an interface with a hardware address and an IP address. This page moves packets
// between the interfaces and the protocols above:
//
//             ping, UDP, TCP             error messages
//                 │    ▲                      │
//                 ▼    │ for this node?       ▼
//          ┌────── routes ◀──── not for this node: only a router goes on (lan/router.hpp)
//          │           ▲
//          ▼           │ checksum right? join fragments
//         ARP        IPv4
//          │           ▲
//          ▼           │ for this card, or for all?
//        ═════════ the cable ═════════
//
// A node that has to drop a packet tells the sender by ICMP: no route, no answer to ARP, no program at this port, too
// long. It quotes the beginning of the packet. Some packets get no such answer, or messages would breed messages: other
// errors, broadcasts, packets whose source is a broadcast, and fragments after the first (RFC 1122 §3.2.2). A node also
// limits how many errors it sends each second (RFC 1812 §4.3.2.8), or an attacker could make it a source of noise.
//
// Hooks for the protocols above: on_protocol() takes packets of a protocol, for example the segments of TCP. on_udp()
// takes datagrams. on_error() hears of ICMP errors. send_packet() and send_udp() send.
//
// IPv4 only: neither IPv6 nor neighbour discovery is simulated. ICMP redirects are neither sent nor obeyed. A node counts ARP
// packets in which another card claims its address. It does not probe an address before it uses it, and does not defend it
// (RFC 5227 §2.1, §2.4).
//
// On this page:  ip_node
// The notes:     IP, ICMP, UDP; Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_IP_NODE_HPP
#define NETNOTES_LAN_IP_NODE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "../ip/endpoint.hpp"
#include "../ip/interface.hpp"
#include "../packet/build.hpp"
#include "../packet/ethernet.hpp"
#include "../packet/icmp.hpp"
#include "../packet/ipv4.hpp"
#include "../packet/reassembly.hpp"
#include "../packet/udp.hpp"
#include "arp.hpp"
#include "fragment.hpp"
#include "message.hpp"
#include "network.hpp"
#include "route.hpp"

namespace netnotes::lan {

/// A node with IP. Use host or router, or derive from it.
class ip_node : public node {
  public:
    /// Takes packets of a protocol. The view's payload is the whole payload; fragments are joined already.
    using protocol_handler = std::function<void(const packet::ipv4_view& packet)>;
    using datagram_handler = std::function<void(const datagram& arrived)>;
    using error_handler = std::function<void(const icmp_report& report)>;
    using bytes = std::vector<std::byte>;

    ip_node(network& net, std::string_view name) : node{net, name}, fragments_{{1 << 20, reassembly_time}} {}

    // ---- Configuration

    /// Adds an interface, that is, a port with an address such as 10.0.1.2/24, and the route to its network. Returns
    /// the number of the port. Throws std::invalid_argument for an address that no host can have.
    unsigned add_interface(const ip_interface& address);
    /// Returns the address of an interface with its network. Throws std::out_of_range if there is no such port.
    [[nodiscard]] const ip_interface& interface(unsigned port = 0) const { return interfaces_.at(port)->address; }
    /// Returns the IP address of an interface.
    [[nodiscard]] ipv4_address address(unsigned port = 0) const { return interfaces_.at(port)->ip; }
    /// Returns the hardware address of an interface.
    [[nodiscard]] packet::mac_address hardware_address(unsigned port = 0) const { return interfaces_.at(port)->mac; }
    void set_hardware_address(unsigned port, packet::mac_address address) { interfaces_.at(port)->mac = address; }
    /// Returns the largest packet that the interface sends: the MTU of its cable.
    [[nodiscard]] std::size_t mtu(unsigned port = 0) const {
        const cable* const wire = cable_at(port);
        return wire != nullptr ? wire->settings.mtu : 1500;
    }
    [[nodiscard]] arp_cache& arp(unsigned port = 0) { return interfaces_.at(port)->neighbours; }
    [[nodiscard]] const arp_cache& arp(unsigned port = 0) const { return interfaces_.at(port)->neighbours; }
    [[nodiscard]] route_table& routes() noexcept { return routes_; }
    [[nodiscard]] const route_table& routes() const noexcept { return routes_; }
    /// Adds a route through a neighbour. Throws parse_error for an unreadable text, and std::invalid_argument if the
    /// neighbour is in none of the interfaces' networks.
    void add_route(std::string_view network, std::string_view via);
    void add_route(const netnotes::network& destination, ipv4_address via);
    /// Adds the default route.
    void default_gateway(std::string_view via) { add_route("0.0.0.0/0", via); }
    /// Takes packets to a group (224.0.0.0/4) from now on.
    void join(ipv4_address group) { groups_.insert(group); }
    error_limit icmp_limit;

    // ---- Sending and receiving

    /// Sends a packet. Fragments it if it is too long for the first link. Returns false if there is no route to the
    /// destination, or if the packet would be longer than 65,535 bytes; then nothing was sent.
    bool send_packet(ipv4_address destination, packet::ip_protocol protocol, std::span<const std::byte> payload,
                     const packet_options& how = {});
    /// Sends a UDP datagram. Returns false as send_packet() does.
    bool send_udp(std::uint16_t source_port, const endpoint& destination, std::span<const std::byte> payload,
                  const packet_options& how = {});
    /// Takes the packets of a protocol, for example TCP. An empty handler gives the protocol up. ICMP and UDP are
    /// treated here, and cannot be taken.
    void on_protocol(packet::ip_protocol protocol, protocol_handler handler) {
        protocols_[protocol] = std::move(handler);
    }
    /// Takes the datagrams to a port. An empty handler closes the port.
    void on_udp(std::uint16_t port, datagram_handler handler) {
        if (handler)
            ports_[port] = std::move(handler);
        else
            ports_.erase(port);
    }
    /// Adds a function that hears of every ICMP error.
    void on_error(error_handler handler) { error_handlers_.push_back(std::move(handler)); }
    /// Announces an address by ARP, as hosts do after they have got it (RFC 5227 §2.3).
    void announce(unsigned port = 0) {
        send_arp(port, packet::arp_operation::request, address(port), {}, address(port));
    }

    /// Returns how many packets came, left, and were dropped.
    [[nodiscard]] const ip_counters& counters() const noexcept { return counters_; }
    /// Returns the source address of a packet to that destination, or nullopt if there is no route.
    [[nodiscard]] std::optional<ipv4_address> source_for(ipv4_address destination) const;
    [[nodiscard]] bool is_local(ipv4_address address) const noexcept;
    /// Returns ARP entries and routes.
    [[nodiscard]] inline std::string tables() const override;
    [[nodiscard]] ip_node* as_ip_node() noexcept override { return this; }
    inline void receive(unsigned port, const frame& arrived) override;

  protected:
    static constexpr std::size_t room = 14;  ///< in front of each packet, for the header of Ethernet
    static constexpr virtual_time reassembly_time = std::chrono::seconds{30};

    struct interface_state {
        ip_interface address;
        ipv4_address ip;
        ipv4_address broadcast;
        packet::mac_address mac;
        arp_cache neighbours;
    };

    /// Treats a packet that is for another host. A host drops it.
    virtual void forward(unsigned port, const packet::ipv4_view& packet) {
        (void)port, (void)packet;
        ++counters_.not_for_us;
    }
    /// Treats a packet that has arrived, before anything is decided about it. Returns true if it is done with the
    /// packet.
    virtual bool intercept(unsigned port, const packet::ipv4_view& packet) {
        (void)port, (void)packet;
        return false;
    }
    /// Treats an answer to an echo request.
    virtual void echo_reply(const packet::ipv4_view& packet, const packet::icmp_view& message) {
        (void)packet, (void)message;
    }
    /// Routes a packet with room in front, and sends it. The packet is whole and has a right checksum.
    void route_packet(bytes&& packet);
    /// Sends a packet with room in front to a neighbour; cuts it if it is too long.
    void transmit(next_hop to, bytes&& packet);
    /// Tells the sender of a packet what became of it.
    void send_error(packet::icmp_type type, std::uint8_t code, const packet::ipv4_view& about, std::uint32_t rest = 0);
    void deliver(unsigned port, const packet::ipv4_view& packet);
    [[nodiscard]] bool is_for_us(ipv4_address destination) const noexcept;
    /// Returns true for an address that names no single host: a broadcast, also of a network of ours, or a group.
    [[nodiscard]] bool is_for_many(ipv4_address address) const noexcept;
    /// Joins a fragment to the others. Calls `use` with the whole packet when it is complete.
    void join_fragments(const packet::ipv4_view& part, const std::function<void(const packet::ipv4_view&)>& use);
    [[nodiscard]] std::span<const std::unique_ptr<interface_state>> interfaces() const noexcept { return interfaces_; }
    ip_counters counters_;

  private:
    using fragment_key = std::tuple<ipv4_address, ipv4_address, std::uint16_t, packet::ip_protocol>;
    static constexpr std::size_t max_incomplete =
        1024;  // packets whose sender will hear that they did not become whole
    static constexpr std::size_t max_quoted = 576 - 28;  // an error has at most 576 bytes (RFC 1812 §4.3.2.3)
    struct incomplete {
        bytes first{};  // the beginning of the fragment with the offset 0, to be quoted
        network::timer timer{};
    };
    void send_arp(unsigned port, packet::arp_operation operation, ipv4_address target, packet::mac_address target_card,
                  ipv4_address sender, packet::mac_address to = packet::mac_address::broadcast());
    void receive_arp(unsigned port, std::span<const std::byte> body);
    void receive_packet(unsigned port, std::span<const std::byte> body, bool is_for_all);
    void receive_icmp(const packet::ipv4_view& packet);
    void receive_udp(unsigned port, const packet::ipv4_view& packet);
    void report(const icmp_report& what) {
        for (const error_handler& each : error_handlers_) each(what);
    }
    [[nodiscard]] bool may_send_error();

    std::vector<std::unique_ptr<interface_state>> interfaces_;
    route_table routes_;
    std::set<ipv4_address> groups_{ipv4_address{224, 0, 0, 1}};  // all hosts (RFC 1112 §4)
    std::map<packet::ip_protocol, protocol_handler> protocols_;
    std::map<std::uint16_t, datagram_handler> ports_;
    std::vector<error_handler> error_handlers_;
    packet::reassembler fragments_;
    std::map<fragment_key, incomplete> incomplete_;
    std::uint16_t identification_ = 0;
    unsigned errors_left_ = 0;
    virtual_time errors_counted_{};
    bool has_sent_error_ = false;
};

// ---- Configuration -------------------------------------------------------------------------------------

inline unsigned ip_node::add_interface(const ip_interface& address) {
    const bool is_v4 = address.address().is_v4();
    const ipv4_address ip = is_v4 ? address.address().v4() : ipv4_address{};
    const netnotes::network link = address.network();
    if (!is_v4 || ip.is_unspecified() || ip.is_multicast() || ip.is_reserved() || ip.is_loopback())
        throw std::invalid_argument{address.to_string() + " is no IPv4 address that an interface can have"};
    if (link.host_width() > 1 && (link.first() == address.address() || link.last() == address.address()))
        throw std::invalid_argument{address.to_string() + " is the address of the network or of its broadcast"};
    const unsigned port = static_cast<unsigned>(interfaces_.size());
    arp_cache::services use{[this, port](ipv4_address target, packet::mac_address to) {
                                send_arp(port, packet::arp_operation::request, target, {}, this->address(port), to);
                            },
                            [this, port](packet::mac_address to, bytes&& packet) {
                                packet::detail::store_48(packet.data(), to.to_uint());
                                packet::detail::store_48(packet.data() + 6, hardware_address(port).to_uint());
                                packet::detail::store_16(packet.data() + 12,
                                                         static_cast<std::uint16_t>(packet::ether_type::ipv4));
                                send(port, frame{std::move(packet)});
                            },
                            [this](bytes&& packet) {
                                packet::packet_failure why;
                                if (const auto view = packet::ipv4_view::parse(std::span{packet}.subspan(room), why))
                                    send_error(packet::icmp_type::destination_unreachable, 1, *view);
                            }};
    const auto broadcast = link.broadcast() ? link.broadcast()->v4() : ipv4_address::broadcast();
    auto made = std::unique_ptr<interface_state>{
        new interface_state{address, ip, broadcast, port_address(port), {net(), std::move(use)}}};
    routes_.add({link, std::nullopt, port, route_origin::connected, 0});
    interfaces_.push_back(std::move(made));
    add_ports(1);
    return port;
}

inline void ip_node::add_route(std::string_view network, std::string_view via) {
    add_route(netnotes::network{network}, ipv4_address{via});
}
inline void ip_node::add_route(const netnotes::network& destination, ipv4_address via) {
    for (unsigned port = 0; port < interfaces_.size(); ++port) {
        if (!interfaces_[port]->address.network().contains(via)) continue;
        return routes_.add({destination, via, port, route_origin::entered, 0});
    }
    throw std::invalid_argument{name() + " has no interface in a network with " + via.to_string() +
                                ", so that cannot be its next router"};
}

inline bool ip_node::is_local(ipv4_address address) const noexcept {
    return std::any_of(interfaces_.begin(), interfaces_.end(), [&](const auto& each) { return each->ip == address; });
}
inline bool ip_node::is_for_many(ipv4_address address) const noexcept {
    return address.is_broadcast() || address.is_multicast() ||
           std::any_of(interfaces_.begin(), interfaces_.end(),
                       [&](const auto& each) { return each->broadcast == address && each->ip != address; });
}
inline bool ip_node::is_for_us(ipv4_address destination) const noexcept {
    if (destination.is_broadcast()) return true;
    if (destination.is_multicast()) return groups_.contains(destination);
    for (const auto& each : interfaces_)
        if (each->ip == destination || each->broadcast == destination) return true;
    return false;
}
inline std::optional<ipv4_address> ip_node::source_for(ipv4_address destination) const {
    if (is_local(destination)) return destination;
    const auto next = routes_.next(destination);
    if (!next) return std::nullopt;
    return interfaces_[next->port]->ip;
}

inline std::string ip_node::tables() const {
    std::string text = routes_.text();
    for (unsigned port = 0; port < interfaces_.size(); ++port)
        for (const auto& [neighbour, entry] : arp(port).entries()) {
            std::string line = neighbour.to_string();
            line.resize(std::max<std::size_t>(line.size() + 1, 20), ' ');
            line += arp(port).find(neighbour) ? "at " + entry.address.to_string() : "not known           ";
            line += " port " + std::to_string(port) + "  ARP, ";
            line += to_string(*arp(port).state_of(neighbour));
            text += line + "\n";
        }
    return text;
}

// ---- Sending -------------------------------------------------------------------------------------------

inline bool ip_node::send_packet(ipv4_address destination, packet::ip_protocol protocol,
                                 std::span<const std::byte> payload, const packet_options& how) {
    if (payload.size() > 65'535 - 20 || interfaces_.empty()) return false;
    const bool is_for_all = destination.is_broadcast() || destination.is_multicast();
    const unsigned port = how.port.value_or(0);
    if (port >= interfaces_.size()) return false;
    const auto source = how.source ? how.source : is_for_all ? interfaces_[port]->ip : source_for(destination);
    if (!source) return false;
    bytes packet(room);
    packet.reserve(room + 20 + payload.size());
    packet::write(packet,
                  packet::ipv4{.type_of_service = how.type_of_service,
                               .identification = ++identification_,
                               .dont_fragment = how.dont_fragment,
                               .time_to_live = how.time_to_live,
                               .protocol = protocol,
                               .source = *source,
                               .destination = destination},
                  payload);
    if (is_for_all)
        transmit({destination, port}, std::move(packet));
    else
        route_packet(std::move(packet));
    return true;
}

inline bool ip_node::send_udp(std::uint16_t source_port, const endpoint& destination,
                              std::span<const std::byte> payload, const packet_options& how) {
    if (!destination.address().is_v4() || payload.size() > 65'535 - 28) return false;
    const ipv4_address to = destination.address().v4();
    packet_options exact = how;
    const bool is_for_all = to.is_broadcast() || to.is_multicast();
    if (!exact.source && is_for_all && how.port.value_or(0) < interfaces_.size())
        exact.source = interfaces_[how.port.value_or(0)]->ip;
    if (!exact.source) exact.source = source_for(to);
    if (!exact.source) return false;
    bytes segment;  // the checksum covers the addresses, so the datagram is made behind a header that is dropped
    packet::write(segment, packet::ipv4{.source = *exact.source, .destination = to},
                  packet::udp{.source_port = source_port, .destination_port = destination.port()}, payload);
    return send_packet(to, packet::ip_protocol::udp, std::span{segment}.subspan(20), exact);
}

inline void ip_node::route_packet(bytes&& packet) {
    packet::packet_failure why;
    const auto view = packet::ipv4_view::parse(std::span{packet}.subspan(room), why);
    if (!view) return;
    if (is_local(view->destination())) {  // to ourselves: no cable is involved
        net().after({}, [this, kept = std::move(packet)] {
            packet::packet_failure ignored;
            if (const auto own = packet::ipv4_view::parse(std::span{kept}.subspan(room), ignored)) deliver(0, *own);
        });
        return;
    }
    const auto next = routes_.next(view->destination());
    if (!next) {
        ++counters_.no_route;
        return send_error(packet::icmp_type::destination_unreachable, 0, *view);
    }
    transmit(*next, std::move(packet));
}

inline void ip_node::transmit(next_hop to, bytes&& packet) {
    interface_state& out = *interfaces_[to.port];
    const auto send_one = [&](bytes&& ready) {
        if (to.neighbour.is_multicast()) {  // RFC 1112 §6.4: 23 bits of the group's address
            const packet::mac_address group{std::uint64_t{0x0100'5e00'0000} | (to.neighbour.to_uint() & 0x7f'ffff)};
            packet::detail::store_48(ready.data(), group.to_uint());
        } else if (to.neighbour.is_broadcast() || to.neighbour == out.broadcast) {
            packet::detail::store_48(ready.data(), packet::mac_address::broadcast().to_uint());
        } else {
            return out.neighbours.send(to.neighbour, std::move(ready));
        }
        packet::detail::store_48(ready.data() + 6, out.mac.to_uint());
        packet::detail::store_16(ready.data() + 12, static_cast<std::uint16_t>(packet::ether_type::ipv4));
        send(to.port, frame{std::move(ready)});
    };
    const std::size_t most = mtu(to.port);
    if (packet.size() - room <= most) return send_one(std::move(packet));
    packet::packet_failure why;
    const auto view = packet::ipv4_view::parse(std::span{packet}.subspan(room), why);
    if (!view) return;
    if (view->dont_fragment())
        return send_error(packet::icmp_type::destination_unreachable, 4, *view, static_cast<std::uint32_t>(most));
    for (bytes& piece : cut_into_fragments(*view, most, room)) send_one(std::move(piece));
}

inline bool ip_node::may_send_error() {
    if (!has_sent_error_) errors_left_ = icmp_limit.burst;
    has_sent_error_ = true;
    if (const auto interval = icmp_limit.interval.count(); interval > 0) {
        const auto earned = static_cast<std::uint64_t>((net().now() - errors_counted_).count() / interval);
        errors_left_ = static_cast<unsigned>(std::min<std::uint64_t>(icmp_limit.burst, errors_left_ + earned));
        errors_counted_ += virtual_time{static_cast<std::int64_t>(earned) * interval};
    } else {
        errors_left_ = icmp_limit.burst;
    }
    if (errors_left_ == 0) return ++counters_.errors_withheld, false;
    --errors_left_;
    return true;
}

inline void ip_node::send_error(packet::icmp_type type, std::uint8_t code, const packet::ipv4_view& about,
                                std::uint32_t rest) {
    const ipv4_address source = about.source(), destination = about.destination();
    if (source.is_unspecified() || source.is_loopback() || is_for_many(source)) return;
    if (is_for_many(destination) || about.fragment_offset() != 0) return;
    if (about.protocol() == packet::ip_protocol::icmp) {
        packet::packet_failure why;
        const auto message = packet::icmp_view::parse(about.payload(), why);
        if (!message || message->is_error()) return;
    }
    if (is_local(source)) {  // about our own packet: no need to send anything
        const bool is_too_long = type == packet::icmp_type::destination_unreachable && code == 4;
        return report({source, type, code, is_too_long ? static_cast<std::uint16_t>(rest) : std::uint16_t{0}, about});
    }
    if (!may_send_error()) return;
    const auto quoted = about.bytes().first(std::min(about.bytes().size(), max_quoted));
    bytes message;
    packet::write(message, packet::icmp{.type = type, .code = code, .rest_of_header = rest}, quoted);
    packet_options how{.type_of_service = 0xc0};  // internetwork control (RFC 1812 §4.3.2.5)
    if (is_local(destination)) how.source = destination;
    if (send_packet(source, packet::ip_protocol::icmp, message, how)) ++counters_.errors_sent;
}

inline void ip_node::send_arp(unsigned port, packet::arp_operation operation, ipv4_address target,
                              packet::mac_address target_card, ipv4_address sender, packet::mac_address to) {
    bytes packet;
    packet.reserve(42);
    const packet::mac_address mine = hardware_address(port);
    packet::write(packet, packet::ethernet{.destination = to, .source = mine},
                  packet::arp{.operation = operation,
                              .sender_hardware_address = mine,
                              .sender_protocol_address = sender,
                              .target_hardware_address = target_card,
                              .target_protocol_address = target});
    send(port, frame{std::move(packet)});
}

// ---- Receiving -----------------------------------------------------------------------------------------

inline void ip_node::receive(unsigned port, const frame& arrived) {
    packet::packet_failure why;
    const auto header = packet::ethernet_view::parse(arrived.bytes(), why);
    if (!header || port >= interfaces_.size()) return;
    const bool is_for_all = header->destination().is_multicast();
    if (!is_for_all && header->destination() != hardware_address(port)) return void(++counters_.not_for_us);
    if (header->type() == packet::ether_type::ipv4)
        receive_packet(port, header->payload(), is_for_all);
    else if (header->type() == packet::ether_type::arp)
        receive_arp(port, header->payload());
}

inline void ip_node::receive_arp(unsigned port, std::span<const std::byte> body) {
    packet::packet_failure why;
    const auto packet = packet::arp_view::parse(body, why);
    if (!packet || !packet->is_ethernet_ipv4()) return void(++counters_.malformed);
    const ipv4_address sender = packet->sender_protocol_address(), mine = address(port);
    const packet::mac_address card = packet->sender_hardware_address();
    const bool is_request = packet->operation() == packet::arp_operation::request;
    const bool is_for_us = packet->target_protocol_address() == mine;
    if (sender == mine) {
        if (card != hardware_address(port)) ++counters_.conflicts;  // another host has our address (RFC 5227)
        return;
    }
    if (!sender.is_unspecified() && !sender.is_multicast() && !sender.is_broadcast() && !card.is_multicast()) {
        const bool is_answer = !is_request && is_for_us && packet->target_hardware_address() == hardware_address(port);
        arp(port).heard(sender, card, is_answer, is_request && is_for_us);
    }
    if (is_request && is_for_us) send_arp(port, packet::arp_operation::reply, sender, card, mine, card);
}

inline void ip_node::receive_packet(unsigned port, std::span<const std::byte> body, bool is_for_all) {
    packet::packet_failure why;
    const auto packet = packet::ipv4_view::parse(body, why);
    if (!packet || packet->total_length() == 0 || packet->is_cut_short() ||
        packet->header_checksum_state() != packet::checksum_state::good)
        return void(++counters_.malformed);
    const ipv4_address source = packet->source();
    if (source.is_loopback() || is_for_many(source) || is_local(source))
        return void(++counters_.malformed);  // no honest packet from outside has such a source
    // To all cards, but to one address: it could make every host of the link answer at once (RFC 1122 §3.3.6).
    if (is_for_all && !is_for_many(packet->destination())) return void(++counters_.not_for_us);
    if (intercept(port, *packet)) return;
    if (is_for_us(packet->destination())) return deliver(port, *packet);
    if (is_for_all) return void(++counters_.not_for_us);  // such a packet is never forwarded (RFC 1812 §5.3.4)
    forward(port, *packet);
}

inline void ip_node::join_fragments(const packet::ipv4_view& part,
                                    const std::function<void(const packet::ipv4_view&)>& use) {
    const fragment_key key{part.source(), part.destination(), part.identification(), part.protocol()};
    const auto fragment = packet::ip_fragment::from(part);
    if (!fragment) return use(part);
    const auto result = fragments_.add(*fragment, packet::capture_time{net().now()});
    const auto known = incomplete_.find(key);
    if (result.is_complete()) {
        packet::ipv4 header = packet::ipv4::from(part);
        bytes whole;
        if (known != incomplete_.end()) {
            net().cancel(known->second.timer);
            incomplete_.erase(known);
        }
        if (result.payload.size() > 65'535 - 20) return void(++counters_.malformed);
        header.internet_header_length.reset();
        header.total_length.reset();
        header.header_checksum.reset();
        header.more_fragments = false;
        header.fragment_offset = 0;
        header.options = {};
        packet::write(whole, header, result.payload);
        packet::packet_failure why;
        if (const auto view = packet::ipv4_view::parse(whole, why)) use(*view);
        return;
    }
    if (result.what == packet::reassembly::outcome::refused) return void(++counters_.malformed);
    if (known == incomplete_.end() && incomplete_.size() >= max_incomplete) return;
    const auto place = known != incomplete_.end() ? known : incomplete_.try_emplace(key).first;
    if (part.fragment_offset() == 0) {
        const auto beginning = part.bytes().first(std::min(part.bytes().size(), max_quoted));
        place->second.first.assign(beginning.begin(), beginning.end());
    }
    if (known != incomplete_.end()) return;
    // RFC 1122 §3.3.2: after a time the fragments are dropped, and the sender hears of it if the first fragment is
    // there.
    place->second.timer = net().after(reassembly_time, [this, key] {
        const auto late = incomplete_.find(key);
        if (late == incomplete_.end()) return;
        const bytes first = std::move(late->second.first);
        incomplete_.erase(late);
        packet::packet_failure why;
        if (const auto view = packet::ipv4_view::parse(first, why))
            send_error(packet::icmp_type::time_exceeded, 1, *view);
    });
}

inline void ip_node::deliver(unsigned port, const packet::ipv4_view& packet) {
    if (packet.is_fragment())
        return join_fragments(packet, [this, port](const packet::ipv4_view& whole) { deliver(port, whole); });
    ++counters_.delivered;
    if (packet.protocol() == packet::ip_protocol::icmp) return receive_icmp(packet);
    if (packet.protocol() == packet::ip_protocol::udp) return receive_udp(port, packet);
    const auto found = protocols_.find(packet.protocol());
    if (found != protocols_.end() && found->second) {
        const protocol_handler handler = found->second;  // it may replace itself
        return handler(packet);
    }
    send_error(packet::icmp_type::destination_unreachable, 2, packet);
}

inline void ip_node::receive_icmp(const packet::ipv4_view& packet) {
    packet::packet_failure why;
    const auto message = packet::icmp_view::parse(packet.payload(), why);
    if (!message || message->checksum_state() != packet::checksum_state::good) return void(++counters_.malformed);
    if (message->type() == packet::icmp_type::echo_reply) return echo_reply(packet, *message);
    if (message->type() == packet::icmp_type::echo_request) {
        // An echo to all hosts of a link would make all of them answer at once: the "smurf" attack (RFC 2644).
        if (!is_local(packet.destination())) return;
        bytes answer;
        packet::write(answer,
                      packet::icmp{.type = packet::icmp_type::echo_reply, .rest_of_header = message->rest_of_header()},
                      message->payload());
        send_packet(packet.source(), packet::ip_protocol::icmp, answer,
                    {.type_of_service = packet.type_of_service(), .source = packet.destination()});
        return;
    }
    if (!message->is_error()) return;
    const auto quoted = packet::ipv4_view::parse(message->quoted(), why);
    if (!quoted) return void(++counters_.malformed);
    report({packet.source(), message->type(), message->code(), message->next_hop_mtu().value_or(0), *quoted});
}

inline void ip_node::receive_udp(unsigned port, const packet::ipv4_view& packet) {
    packet::packet_failure why;
    const auto header = packet::udp_view::parse(packet.payload(), why);
    const auto is_good = [&] {
        const auto state = header->checksum_state(packet.source(), packet.destination());
        return state == packet::checksum_state::good || state == packet::checksum_state::absent;
    };
    if (!header || header->is_cut_short() || !is_good()) return void(++counters_.malformed);
    const auto found = ports_.find(header->destination_port());
    if (found == ports_.end() || !found->second) {
        if (is_local(packet.destination())) send_error(packet::icmp_type::destination_unreachable, 3, packet);
        return;
    }
    const datagram_handler handler = found->second;  // it may replace itself
    handler({{packet.source(), header->source_port()},
             {packet.destination(), header->destination_port()},
             header->payload(),
             port});
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_IP_NODE_HPP

// netnotes/lan/attacks.hpp: attacks, inside the simulation only, and a guard against one of them
// SPDX-License-Identifier: MIT
//
// To understand a defence, one must see the attack. The attackers of this page are nodes of a simulated network. They
// have no socket and no device, so nothing that they do leaves the program. A test checks that.
//
//        attack             what it uses                              what helps
//        syn_flooder        a SYN costs the server memory             SYN cookies (lan/tcp_cookie.hpp)
//        arp_spoofer        ARP believes every answer                 arp_inspection on the switch; static entries
//        dns_spoofer        the first answer that fits is believed    random id and port, capitals by chance
//        lying_resolver     a server can say what it wants            other servers, DNSSEC (lan/name_service.hpp)
//
//        A: "who has 10.0.0.1?"                        the cache of A, poisoned:
//        M: "10.0.0.1 is at M", without being asked        10.0.0.1   M        instead of the gateway's card
//             A ──── switch ──── gateway
//                      │                               from then on M sees, and may change, what A and the
//                      M                               gateway tell each other: the man in the middle
//
// On this page:  syn_flooder · arp_spoofer · arp_inspection · dns_spoofer
// The notes:     tcp半链接攻击, dns攻击, arp攻击; examples 35 to 37

#ifndef NETNOTES_LAN_ATTACKS_HPP
#define NETNOTES_LAN_ATTACKS_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/address.hpp"
#include "../ip/endpoint.hpp"
#include "../packet/build.hpp"
#include "../packet/dns_build.hpp"
#include "../packet/dns_name.hpp"
#include "../packet/frame.hpp"
#include "host.hpp"
#include "name_service.hpp"
#include "network.hpp"

namespace netnotes::lan {

/// A host that sends SYNs in the name of hosts that do not exist. Nobody answers the SYN+ACKs, so each SYN occupies a
/// place in the server's backlog until the server gives it up.
class syn_flooder : public host {
  public:
    syn_flooder(network& net, std::string_view name, std::string_view interface) : host{net, name, interface} {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "attacker"; }

    /// Sends `count` SYNs, one after each `interval`. Their sources are the addresses from `first_source` on.
    void flood(const endpoint& victim, unsigned count, virtual_time interval,
               ipv4_address first_source = {203, 0, 113, 1}) {
        if (count == 0) return;
        send_syn(victim, first_source);
        const ipv4_address next{first_source.to_uint() + 1};
        net().after(interval, [this, victim, count, interval, next] { flood(victim, count - 1, interval, next); });
    }
    /// Returns how many packets were sent so far.
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

  private:
    void send_syn(const endpoint& victim, ipv4_address source) {
        const auto random = net().random().next();
        packet::tcp syn{.source_port = static_cast<std::uint16_t>(1024 + random % 60'000),
                        .destination_port = victim.port(),
                        .sequence_number = packet::sequence{static_cast<std::uint32_t>(random >> 32)},
                        .flags = packet::tcp_flag::syn};
        syn.options.maximum_segment_size(1460);
        std::vector<std::byte> made;
        packet::write(made, packet::ipv4{.source = source, .destination = victim.address().v4()}, syn);
        packet_options how;
        how.source = source;
        sent_ += send_packet(victim.address().v4(), packet::ip_protocol::tcp, std::span{made}.subspan(20), how);
    }
    std::uint64_t sent_ = 0;
};

/// A node that makes two hosts send to it what they mean to send to each other. It passes everything on, so they notice
/// nothing, and it can read and change what it passes on.
class arp_spoofer : public node {
  public:
    /// Looks at a packet that two hosts believe to exchange directly. Returns false to drop it.
    using reader = std::function<bool(const packet::frame_view& frame)>;

    arp_spoofer(network& net, std::string_view name) : node{net, name} { add_ports(1); }
    [[nodiscard]] std::string_view kind() const noexcept override { return "attacker"; }
    /// Returns the address of the attacker's card.
    [[nodiscard]] packet::mac_address hardware_address() const noexcept { return port_address(0); }
    reader read;

    /// Tells `a` that the attacker's card is that of `b`, and tells `b` that it is that of `a`, each `interval`,
    /// `count` times. Caches forget and learn, so an attacker must repeat itself. First it asks for the true cards of
    /// both.
    void poison(ipv4_address a, ipv4_address b, virtual_time interval = std::chrono::seconds{10}, unsigned count = 6) {
        victims_ = {a, b};
        for (const ipv4_address each : victims_)
            send_arp({.operation = packet::arp_operation::request,
                      .sender_hardware_address = hardware_address(),
                      .target_protocol_address = each},
                     packet::mac_address::broadcast());
        net().after(std::chrono::milliseconds{10}, [this, interval, count] { lie(interval, count); });
    }
    /// Returns how many packets were passed on.
    [[nodiscard]] std::uint64_t passed_on() const noexcept { return passed_on_; }

    void receive(unsigned, const frame& arrived) override {
        const packet::frame_view view = packet::dissect(arrived.bytes());
        const auto ethernet = view.ethernet();
        if (!ethernet) return;
        if (const auto arp = view.arp()) {
            if (arp->is_ethernet_ipv4() && arp->operation() == packet::arp_operation::reply)
                cards_.insert_or_assign(arp->sender_protocol_address(), arp->sender_hardware_address());
            return;
        }
        const auto ip = view.ipv4();
        if (!ip || ethernet->destination() != hardware_address()) return;
        const auto card = cards_.find(ip->destination());
        if (card == cards_.end()) return;
        if (read && !read(view)) return;
        ++passed_on_;
        std::vector<std::byte> bytes(arrived.bytes().begin(), arrived.bytes().end());
        packet::detail::store_48(bytes.data(), card->second.to_uint());
        packet::detail::store_48(bytes.data() + 6, hardware_address().to_uint());
        send(0, frame{std::move(bytes)});
    }

  private:
    void lie(virtual_time interval, unsigned count) {
        for (std::size_t i = 0; i < 2; ++i) {
            const auto card = cards_.find(victims_[i]);
            if (card == cards_.end()) continue;
            send_arp({.operation = packet::arp_operation::reply,
                      .sender_hardware_address = hardware_address(),
                      .sender_protocol_address = victims_[1 - i],
                      .target_hardware_address = card->second,
                      .target_protocol_address = victims_[i]},
                     card->second);
        }
        if (count > 1) net().after(interval, [this, interval, count] { lie(interval, count - 1); });
    }
    void send_arp(const packet::arp& what, packet::mac_address to) {
        std::vector<std::byte> bytes;
        packet::write(bytes, packet::ethernet{.destination = to, .source = hardware_address()}, what);
        send(0, frame{std::move(bytes)});
    }
    std::array<ipv4_address, 2> victims_{};
    std::map<ipv4_address, packet::mac_address> cards_;
    std::uint64_t passed_on_ = 0;
};

/// Dynamic ARP inspection: a guard for a switch. It knows which card has which address and behind which port the card
/// is. An ARP packet that says something else is dropped. Real switches learn the table from DHCP.
///
///     lan::arp_inspection inspection;
///     inspection.bind(a.address(), a.hardware_address(), 0);
///     s.add_guard(inspection.guard());
class arp_inspection {
  public:
    /// Enters a host: its address, its card, and the port of the switch.
    void bind(ipv4_address address, packet::mac_address card, unsigned port) { table_[address] = {card, port}; }
    /// Returns true if the frame may pass: it is no ARP packet, or its sender has the address that it claims. The
    /// sender 0.0.0.0 asks before it has an address (RFC 5227), and claims nothing.
    [[nodiscard]] bool operator()(unsigned port, const packet::frame_view& frame) const {
        const auto arp = frame.arp();
        if (!arp) return true;
        if (!arp->is_ethernet_ipv4()) return false;
        const auto ethernet = frame.ethernet();
        if (!ethernet || ethernet->source() != arp->sender_hardware_address()) return false;
        if (arp->sender_protocol_address().is_unspecified()) return true;
        const auto found = table_.find(arp->sender_protocol_address());
        return found != table_.end() && found->second.card == arp->sender_hardware_address() &&
               found->second.port == port;
    }
    /// Returns a guard for learning_switch::add_guard(). This object must outlive the switch.
    [[nodiscard]] std::function<bool(unsigned, const packet::frame_view&)> guard() const {
        return [this](unsigned port, const packet::frame_view& frame) { return (*this)(port, frame); };
    }

  private:
    struct binding {
        packet::mac_address card;
        unsigned port = 0;
    };
    std::map<ipv4_address, binding> table_;
};

/// A host that sends answers in the name of a name server, and guesses what makes them fit. It does not see the
/// queries.
class dns_spoofer : public host {
  public:
    dns_spoofer(network& net, std::string_view name, std::string_view interface) : host{net, name, interface} {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "attacker"; }

    /// Sends `count` forged answers to `client`, one after each `interval`. Each says that `name` has the address
    /// `lie`, and guesses id, port and capitals by chance among what the resolver's `habits` leave open. The forger
    /// knows every value that they do not vary: `id` is the next id of a resolver that counts.
    void forge(ipv4_address client, ipv4_address server, std::string_view name, ipv4_address lie,
               const resolver_habits& habits, std::uint16_t id, unsigned count, virtual_time interval) {
        for (unsigned i = 0; i < count; ++i)
            net().after(i * interval, [this, client, server, text = std::string{name}, lie, habits, id] {
                send_answer(client, server, text, lie, habits, id);
            });
    }
    /// Returns how many packets were sent so far.
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

  private:
    void send_answer(ipv4_address client, ipv4_address server, std::string name, ipv4_address lie,
                     const resolver_habits& habits, std::uint16_t id) {
        random_numbers& random = net().random();
        std::uint16_t port = habits.first_port;
        if (habits.random_id) id = static_cast<std::uint16_t>(random.below(habits.ids()));
        if (habits.random_port) port = static_cast<std::uint16_t>(port + random.below(habits.ports()));
        if (habits.mixed_case)
            for (char& each : name)
                if (resolver_habits::is_letter(static_cast<std::byte>(each)) && random.chance(500'000))
                    each = static_cast<char>(each ^ 0x20);
        const packet::dns_name asked{name};
        std::array<std::byte, packet::dns_udp_size> space;
        packet::dns_builder answer{space, {.id = id, .is_response = true, .is_authoritative = true}};
        answer.question(asked, packet::dns_type::a);
        answer.address(packet::dns_section::answer, asked, 86'400, lie);
        packet_options how;
        how.source = server;
        sent_ += send_udp(name_server::port, {client, port}, answer.message(), how);
    }
    std::uint64_t sent_ = 0;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_ATTACKS_HPP

// Ethernet frames, VLAN tags and ARP packets.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

using packet::arp_view;
using packet::ethernet_view;
using packet::packet_failure;
using packet::vlan_view;

namespace {

template <class View>
packet_failure refusal(std::span<const std::byte> bytes) {
    const exact_copy copy{bytes};
    packet_failure why;
    CHECK(!View::parse(copy, why));
    return why;
}

const auto arp_request = hex("0001 0800 06 04 0001 02005e100001 c0000201 000000000000 c0000207");

constexpr std::array<std::byte, 15> frame{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                          std::byte{0xff}, std::byte{0xff}, std::byte{0x02}, std::byte{0x00},
                                          std::byte{0x5e}, std::byte{0x10}, std::byte{0x00}, std::byte{0x01},
                                          std::byte{0x08}, std::byte{0x06}, std::byte{0x77}};

constexpr auto source_of(std::span<const std::byte> bytes) {
    packet_failure why;
    return ethernet_view::parse(bytes, why)->source();
}
static_assert(source_of(frame) == packet::mac_address{"02:00:5e:10:00:01"});

}  // namespace

TEST_CASE("an Ethernet header has two addresses and a type") {
    packet_failure why;
    const auto header = ethernet_view::parse(frame, why);
    REQUIRE(header);
    CHECK(!why);
    CHECK(header->destination().is_broadcast());
    CHECK(header->source() == packet::mac_address{"02:00:5e:10:00:01"});
    CHECK(header->type() == packet::ether_type::arp);
    CHECK(!header->has_length());
    CHECK(header->header_size() == 14);
    CHECK(header->header().size() == 14);
    CHECK(header->bytes().size() == 15);
    REQUIRE(header->payload().size() == 1);
    CHECK(header->payload()[0] == std::byte{0x77});
}

TEST_CASE("a third field up to 1500 is a length and from 1536 on a type") {
    const auto has_length = [](std::string_view field) {
        packet_failure why;
        return ethernet_view::parse(hex("ffffffffffff 02005e100001" + std::string{field}), why)->has_length();
    };
    CHECK(has_length("0000"));
    CHECK(has_length("05dc"));
    CHECK(!has_length("05dd"));
    CHECK(!has_length("0600"));
}

TEST_CASE("a VLAN tag has priority drop bit and number") {
    packet_failure why;
    const auto bytes = hex("b123 86dd 60");
    const auto tag = vlan_view::parse(bytes, why);
    REQUIRE(tag);
    CHECK(tag->priority() == 5);
    CHECK(tag->drop_eligible());
    CHECK(tag->identifier() == 0x123);
    CHECK(tag->control_information() == 0xb123);
    CHECK(tag->type() == packet::ether_type::ipv6);
    CHECK(!tag->has_length());
    CHECK(tag->payload().size() == 1);
    CHECK(vlan_view::parse(hex("0001 002a"), why)->has_length());
}

TEST_CASE("an ARP request asks for the card of an address") {
    packet_failure why;
    const auto arp = arp_view::parse(arp_request, why);
    REQUIRE(arp);
    CHECK(arp->is_ethernet_ipv4());
    CHECK(arp->hardware_type() == 1);
    CHECK(arp->protocol_type() == packet::ether_type::ipv4);
    CHECK((arp->hardware_size() == 6 && arp->protocol_size() == 4));
    CHECK(arp->operation() == packet::arp_operation::request);
    CHECK(to_string(arp->operation()) == "request");
    CHECK(arp->sender_hardware_address() == packet::mac_address{"02:00:5e:10:00:01"});
    CHECK(arp->sender_protocol_address() == "192.0.2.1"_ip);
    CHECK(arp->target_hardware_address().is_unspecified());
    CHECK(arp->target_protocol_address() == "192.0.2.7"_ip);
    CHECK(!arp->is_announcement());
    CHECK(!arp->is_probe());
}

TEST_CASE("an ARP packet may announce an address or ask whether it is free") {
    packet_failure why;
    const auto announcement = hex("0001 0800 06 04 0002 02005e100001 c0000201 ffffffffffff c0000201");
    CHECK(arp_view::parse(announcement, why)->is_announcement());
    const auto probe = hex("0001 0800 06 04 0001 02005e100001 00000000 000000000000 c0000201");
    CHECK(arp_view::parse(probe, why)->is_probe());
    CHECK(!arp_view::parse(probe, why)->is_announcement());
}

TEST_CASE("an ARP packet of another kind of link keeps its bytes and has no typed address") {
    packet_failure why;
    const auto short_addresses = hex("0006 0800 02 04 0001 abcd c0000201 0000 c0000207 99");
    const auto arp = arp_view::parse(short_addresses, why);
    REQUIRE(arp);
    CHECK(!arp->is_ethernet_ipv4());
    CHECK(same_bytes(arp->sender_hardware_bytes(), hex("abcd")));
    CHECK(arp->sender_hardware_address().is_unspecified());
    CHECK(arp->sender_protocol_address() == "192.0.2.1"_ip);
    CHECK(same_bytes(arp->target_hardware_bytes(), hex("0000")));
    CHECK(arp->target_protocol_address() == "192.0.2.7"_ip);
    CHECK(same_bytes(arp->payload(), hex("99")));
    auto bytes = hex("0001 86dd 06 10 0001");
    bytes.resize(8 + 44, std::byte{1});
    const auto odd = arp_view::parse(bytes, why);
    REQUIRE(odd);
    CHECK(odd->target_protocol_bytes().size() == 16);
    CHECK(odd->target_protocol_address().is_unspecified());
}

TEST_CASE("a header that ends too early is cut short and says how many bytes it needs") {
    CHECK(refusal<ethernet_view>(hex("ffffffffffff 02005e100001 08")).message() ==
          "Ethernet: cut short: 13 of 14 bytes are there, at byte 13");
    CHECK(refusal<ethernet_view>({}).message() == "Ethernet: cut short: 0 of 14 bytes are there, at byte 0");
    CHECK(refusal<vlan_view>(hex("b12386")).message() == "VLAN: cut short: 3 of 4 bytes are there, at byte 3");
    CHECK(refusal<arp_view>(hex("0001 0800 06 04 00")).message() ==
          "ARP: cut short: 7 of 8 bytes are there, at byte 7");
    for (std::size_t size = 0; size < arp_request.size(); ++size)
        CHECK(refusal<arp_view>(std::span{arp_request}.first(size)).is_cut_short());
    CHECK(refusal<arp_view>(std::span{arp_request}.first(27)).message() ==
          "ARP: cut short: 27 of 28 bytes are there, at byte 27");
}

TEST_CASE("operations of ARP have names") {
    CHECK(to_string(packet::arp_operation::inverse_reply) == "inverse reply");
    CHECK(to_string(packet::arp_operation{77}) == "");
}

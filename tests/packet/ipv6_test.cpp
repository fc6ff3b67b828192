// The header of IPv6 and its extension headers.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

using packet::ip_protocol;
using packet::ipv6_extension;
using packet::ipv6_view;
using packet::packet_failure;

namespace {

const std::string addresses = "20010db8000000000000000000000001 20010db8000000000000000000000002";

packet_failure refusal(std::span<const std::byte> bytes) {
    const exact_copy copy{bytes};
    packet_failure why;
    CHECK(!ipv6_view::parse(copy, why));
    CHECK(why.where() == packet::layer::ipv6);
    return why;
}

std::vector<unsigned> kinds(const ipv6_view& ip) {
    std::vector<unsigned> found;
    for (const auto& each : ip.extensions()) found.push_back(static_cast<unsigned>(each.kind()));
    return found;
}

}  // namespace

TEST_CASE("an IPv6 header has class label length next header and hop limit") {
    const auto bytes = hex("6b8a bcde 0004 3b 40" + addresses + "61626364 9999");
    packet_failure why;
    const auto ip = ipv6_view::parse(bytes, why);
    REQUIRE(ip);
    CHECK((ip->version() == 6 && ip->header_size() == 40));
    CHECK(ip->traffic_class() == 0xb8);
    CHECK(ip->differentiated_services() == 46);
    CHECK(ip->congestion_notification() == 0);
    CHECK(ip->flow_label() == 0xabcde);
    CHECK(ip->payload_length() == 4);
    CHECK(ip->next_header() == ip_protocol::no_next_header);
    CHECK(ip->hop_limit() == 64);
    CHECK(ip->source() == "2001:db8::1"_ip);
    CHECK(ip->destination() == "2001:db8::2"_ip);
    CHECK(same_bytes(ip->payload(), hex("61626364")));
    CHECK(ip->extensions().empty());
    CHECK(!ip->is_cut_short());
}

TEST_CASE("an IPv6 payload length of 0 goes to the end for TCP and jumbograms only") {
    packet_failure why;
    auto bytes = hex("6000 0000 0000 06 40" + addresses);
    bytes.resize(3000);
    const auto size = [&](unsigned next_header) {
        bytes[6] = static_cast<std::byte>(next_header);
        return ipv6_view::parse(bytes, why)->payload().size();
    };
    CHECK(size(6) == 2960);
    CHECK(size(0) == 2960);
    CHECK(size(17) == 0);
    CHECK(size(58) == 0);
    CHECK(size(59) == 0);
}

TEST_CASE("extension headers lead to the protocol of the payload") {
    const auto bytes = hex("6000 0000 0034 00 40" + addresses +
                           "3c00 05020000 0100"                                   // hop-by-hop: router alert, padding
                           "2b00 0104 00000000"                                   // destination options
                           "2c02 0400 00000000 20010db8000000000000000000000099"  // routing
                           "1100 0000 12345678"                                   // an atomic fragment
                           "abcdef01");
    packet_failure why;
    const auto ip = ipv6_view::parse(bytes, why);
    REQUIRE(ip);
    CHECK(kinds(*ip) == std::vector<unsigned>{0, 60, 43, 44});
    const auto end = ip->extensions().last();
    CHECK(end.protocol == ip_protocol::udp);
    CHECK(same_bytes(end.payload, hex("abcdef01")));
    CHECK(!end.failure);
    const auto first = *ip->extensions().begin();
    CHECK(first.next_header() == ip_protocol::destination_options);
    std::vector<unsigned> options;
    for (const auto& each : first.options()) options.push_back(each.kind);
    CHECK(options == std::vector<unsigned>{5, 1});
    CHECK(!first.options().failure());
    CHECK((first.fragment_offset() == 0 && first.identification() == 0 && first.segments_left() == 0));
}

TEST_CASE("behind the header of a later fragment nothing is read") {
    const auto bytes = hex("6000 0000 0010 2c 40" + addresses + "0005 0029 00000007" + "0000000000000000");
    packet_failure why;
    const auto ip = ipv6_view::parse(bytes, why);
    REQUIRE(ip);
    CHECK(kinds(*ip) == std::vector<unsigned>{44});
    const auto fragment = *ip->extensions().begin();
    CHECK(fragment.fragment_offset() == 0x28);
    CHECK(fragment.more_fragments());
    CHECK(fragment.is_part());
    CHECK(fragment.identification() == 7);
    CHECK(ip->extensions().last().payload.size() == 8);
}

TEST_CASE("a routing header tells the final destination") {
    packet_failure why;
    const auto final_destination = [&](std::string_view type_and_left) {
        const auto bytes = hex("0604" + std::string{type_and_left} + "00000000 20010db800000000000000000000000a" +
                               "20010db800000000000000000000000b");
        return ipv6_extension::parse(ip_protocol::routing, bytes, why)->final_destination();
    };
    CHECK(final_destination("0002") == net::ipv6_address{"2001:db8::b"});
    CHECK(final_destination("0400") == std::nullopt);
    CHECK(final_destination("0401") == net::ipv6_address{"2001:db8::a"});
    CHECK(final_destination("0201") == net::ipv6_address{"2001:db8::a"});
    CHECK(final_destination("0301") == std::nullopt);
}

TEST_CASE("the authentication header counts its length in words of four bytes") {
    packet_failure why;
    auto bytes = hex("0604 0000 00000001 00000002 000000000000000000000000 ffff");
    const auto header = ipv6_extension::parse(ip_protocol::authentication, bytes, why);
    REQUIRE(header);
    CHECK(header->bytes().size() == 24);
    bytes.resize(23);
    CHECK(!ipv6_extension::parse(ip_protocol::authentication, bytes, why));
    CHECK(why.message() == "IPv6 extension: cut short: 23 of 24 bytes are there, at byte 23");
    CHECK(!ipv6_extension::parse(ip_protocol::tcp, bytes, why));
    CHECK(why.message() == "IPv6 extension: protocol 6 is no extension header, at byte 0");
}

TEST_CASE("an extension header that ends too early is reported with its place") {
    const auto whole =
        hex("6000 0000 0018 00 40" + addresses + "3c00 05020000 0100" + "0601 0104 00000000 0000000000000000");
    for (std::size_t size = 40; size < whole.size(); ++size) {
        const exact_copy copy{std::span{whole}.first(size)};
        packet_failure why;
        const auto ip = ipv6_view::parse(copy, why);
        REQUIRE(ip);
        CHECK(ip->is_cut_short());
        const auto failure = ip->extensions().failure();
        CHECK(failure.is_cut_short());
        CHECK(failure.offset() == size - 40);
    }
    packet_failure why;
    CHECK(!ipv6_view::parse(whole, why)->extensions().failure());
}

TEST_CASE("a broken option of IPv6 is reported") {
    packet_failure why;
    const auto bytes = hex("0600 0509 00000000");
    const auto header = ipv6_extension::parse(ip_protocol::hop_by_hop, bytes, why);
    REQUIRE(header);
    CHECK(header->options().empty());
    CHECK(header->options().failure().message() ==
          "IPv6 extension: option 5 needs 11 bytes, and the header ends before, at byte 2");
}

TEST_CASE("an IPv6 header of another version is malformed and a short one is cut short") {
    CHECK(refusal(hex("4500")).message() == "IPv6: version is 4, not 6, at byte 0");
    const auto whole = hex("6000 0000 0000 3b 40" + addresses);
    for (std::size_t size = 0; size < 40; ++size) {
        const auto why = refusal(std::span{whole}.first(size));
        CHECK((why.is_cut_short() && why.offset() == size));
    }
}

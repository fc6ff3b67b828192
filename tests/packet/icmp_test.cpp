// ICMP and ICMPv6, with neighbour discovery.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

using packet::checksum_state;
using packet::icmp_type;
using packet::icmp_view;
using packet::icmpv6_type;
using packet::icmpv6_view;
using packet::mac_address;
using packet::packet_failure;

namespace {

const net::ipv6_address from{"fe80::1"}, to{"ff02::1:ff00:2"};

std::vector<std::byte> with_checksum(std::vector<std::byte> bytes) {
    packet::detail::store_16(bytes.data() + 2, 0);
    packet::detail::store_16(bytes.data() + 2, packet::internet_checksum(bytes));
    return bytes;
}
std::vector<std::byte> with_checksum_v6(std::vector<std::byte> bytes) {
    packet::detail::store_16(bytes.data() + 2, 0);
    const auto sum =
        packet::pseudo_header(from, to, packet::ip_protocol::icmpv6, static_cast<std::uint32_t>(bytes.size()));
    packet::detail::store_16(bytes.data() + 2, packet::internet_checksum(bytes, sum));
    return bytes;
}

}  // namespace

// ---- ICMP --------------------------------------------------------------------------------------------------

TEST_CASE("an echo request has identifier number and data") {
    const auto bytes = with_checksum(hex("0800 0000 1234 0007 6162636465"));
    packet_failure why;
    const auto icmp = icmp_view::parse(bytes, why);
    REQUIRE(icmp);
    CHECK(icmp->type() == icmp_type::echo_request);
    CHECK(icmp->code() == 0);
    CHECK((icmp->is_echo() && !icmp->is_error()));
    CHECK(icmp->identifier() == 0x1234);
    CHECK(icmp->sequence_number() == 7);
    CHECK(icmp->rest_of_header() == 0x12340007);
    CHECK(icmp->payload().size() == 5);
    CHECK(icmp->quoted().empty());
    CHECK(icmp->checksum_state() == checksum_state::good);
    CHECK(!icmp->next_hop_mtu());
    CHECK(!icmp->gateway());
    CHECK(!icmp->pointer());
}

TEST_CASE("an error quotes the packet that caused it") {
    packet_failure why;
    const auto quote = "4500 0040 0000 4000 4006 0000 c0000201 c6336407 9ff0 1a0a 12345678"s;
    const auto too_big = hex("0304 0000 0000 05dc" + quote);
    const auto icmp = icmp_view::parse(too_big, why);
    REQUIRE(icmp);
    CHECK(icmp->is_error());
    CHECK(icmp->next_hop_mtu() == 1500);
    const auto inner = packet::ipv4_view::parse(icmp->quoted(), why);
    REQUIRE(inner);
    CHECK(inner->destination() == "198.51.100.7"_ip);
    CHECK(inner->is_cut_short());
    CHECK(icmp->checksum_state() == checksum_state::bad);

    const auto redirect = hex("0501 0000 c0000263" + quote);
    CHECK(icmp_view::parse(redirect, why)->gateway() == net::ipv4_address{"192.0.2.99"});
    const auto problem = hex("0c00 0000 14000000" + quote);
    CHECK(icmp_view::parse(problem, why)->pointer() == 20);
}

TEST_CASE("every flipped bit of an ICMP message is noticed") {
    const auto bytes = with_checksum(hex("0800 0000 1234 0007 6162636465"));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        packet_failure why;
        CHECK(icmp_view::parse(damaged, why)->checksum_state() == checksum_state::bad);
    }
}

// ---- ICMPv6 ------------------------------------------------------------------------------------------------

TEST_CASE("a neighbour solicitation asks for the card of an address") {
    const auto bytes = with_checksum_v6(hex("8700 0000 00000000 fe800000000000000000000000000002 0101 02005e100001"));
    packet_failure why;
    const auto icmp = icmpv6_view::parse(bytes, why);
    REQUIRE(icmp);
    CHECK(icmp->type() == icmpv6_type::neighbor_solicitation);
    CHECK(icmp->target_address() == net::ipv6_address{"fe80::2"});
    CHECK(icmp->source_link_layer_address() == mac_address{"02:00:5e:10:00:01"});
    CHECK(!icmp->target_link_layer_address());
    CHECK(!icmp->is_router());
    CHECK(icmp->checksum_state(from, to) == checksum_state::good);
    CHECK(icmp->checksum_state(from, from) == checksum_state::bad);
    CHECK((!icmp->is_error() && !icmp->is_echo()));
}

TEST_CASE("a neighbour advertisement has three flags") {
    const auto bytes = hex("8800 0000 e0000000 fe800000000000000000000000000002 0201 02005e100002");
    packet_failure why;
    const auto icmp = icmpv6_view::parse(bytes, why);
    REQUIRE(icmp);
    CHECK((icmp->is_router() && icmp->is_solicited() && icmp->is_override()));
    CHECK(icmp->target_link_layer_address() == mac_address{"02:00:5e:10:00:02"});
    auto without = bytes;
    without[4] = std::byte{0};
    const auto other = icmpv6_view::parse(without, why);
    CHECK((!other->is_router() && !other->is_solicited() && !other->is_override()));
}

TEST_CASE("a router advertisement tells lifetimes and a prefix") {
    const auto bytes =
        hex("8600 0000 40c0 0708 00000001 00000002"
            "0501 0000 000005dc"
            "0304 40c0 00278d00 00093a80 00000000 20010db8000000000000000000000000");
    packet_failure why;
    const auto icmp = icmpv6_view::parse(bytes, why);
    REQUIRE(icmp);
    const auto router = icmp->router_advertisement();
    REQUIRE(router);
    CHECK(router->current_hop_limit == 64);
    CHECK((router->managed && router->other_configuration));
    CHECK(router->router_lifetime_seconds == 1800);
    CHECK((router->reachable_milliseconds == 1 && router->retransmission_milliseconds == 2));
    const auto prefix = icmp->prefix_information();
    REQUIRE(prefix);
    CHECK(prefix->prefix == net::ipv6_address{"2001:db8::"});
    CHECK(prefix->prefix_length == 64);
    CHECK((prefix->on_link && prefix->autonomous));
    CHECK((prefix->valid_seconds == 2592000 && prefix->preferred_seconds == 604800));
    CHECK(!icmp->target_address());
    CHECK(!icmp->options().failure());
}

TEST_CASE("an option of neighbour discovery of length 0 ends the list and does not loop") {
    packet_failure why;
    const auto endless = hex("8500 0000 00000000 0100 000000000000");
    CHECK(icmpv6_view::parse(endless, why)->options().failure().message() ==
          "ICMPv6: option 1 has the length 0, at byte 8");
    const auto beyond = hex("8500 0000 00000000 0102 000000000000");
    CHECK(icmpv6_view::parse(beyond, why)->options().failure().message() ==
          "ICMPv6: option 1 needs 16 bytes, and the message ends before, at byte 8");
    CHECK(!icmpv6_view::parse(beyond, why)->source_link_layer_address());
}

TEST_CASE("a short message of neighbour discovery has no target and no options") {
    packet_failure why;
    const auto bytes = hex("8700 0000 00000000 fe8000000000000000000000000000");
    const auto icmp = icmpv6_view::parse(bytes, why);
    REQUIRE(icmp);
    CHECK(!icmp->target_address());
    CHECK(icmp->options().empty());
    CHECK(!icmp->router_advertisement());
    CHECK(!icmp->prefix_information());
}

TEST_CASE("errors of ICMPv6 have an MTU or a pointer and quote a packet") {
    packet_failure why;
    const auto too_big = hex("0200 0000 00000500 6000");
    CHECK(icmpv6_view::parse(too_big, why)->mtu() == 1280);
    CHECK(icmpv6_view::parse(too_big, why)->quoted().size() == 2);
    CHECK(!icmpv6_view::parse(too_big, why)->pointer());
    const auto problem = hex("0401 0000 00000006 6000");
    CHECK(icmpv6_view::parse(problem, why)->pointer() == 6);
    const auto echo = hex("8000 0000 0001 0002");
    CHECK(icmpv6_view::parse(echo, why)->is_echo());
    CHECK(icmpv6_view::parse(echo, why)->identifier() == 1);
    CHECK(icmpv6_view::parse(echo, why)->sequence_number() == 2);
    CHECK(icmpv6_view::parse(echo, why)->quoted().empty());
}

TEST_CASE("a message that ends too early is cut short at every length") {
    const auto bytes = hex("0800 0000 1234 0007");
    for (std::size_t size = 0; size < 8; ++size) {
        const exact_copy copy{std::span{bytes}.first(size)};
        packet_failure why;
        CHECK(!icmp_view::parse(copy, why));
        CHECK((why.is_cut_short() && why.where() == packet::layer::icmp && why.offset() == size));
        CHECK(!icmpv6_view::parse(copy, why));
        CHECK((why.is_cut_short() && why.where() == packet::layer::icmpv6 && why.offset() == size));
    }
}

TEST_CASE("types of messages have names") {
    CHECK(to_string(icmp_type::time_exceeded) == "time exceeded");
    CHECK(to_string(icmp_type{99}) == "");
    CHECK(to_string(icmpv6_type::packet_too_big) == "packet too big");
    CHECK(to_string(icmpv6_type{99}) == "");
}

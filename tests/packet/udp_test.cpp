// The header of UDP.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

using packet::checksum_state;
using packet::packet_failure;
using packet::udp_view;

namespace {

const net::ipv4_address from{"192.0.2.1"}, to{"198.51.100.7"};
const net::ipv6_address from6{"2001:db8::1"}, to6{"2001:db8::7"};

/// A datagram with three bytes of payload and the checksum that belongs to its addresses.
template <class Address>
std::vector<std::byte> datagram(const Address& source, const Address& destination) {
    auto bytes = hex("1a0a 0035 000b 0000 616263");
    const auto sum = packet::pseudo_header(source, destination, packet::ip_protocol::udp, 11);
    packet::detail::store_16(bytes.data() + 6, packet::internet_checksum(bytes, sum));
    return bytes;
}

packet_failure refusal(std::span<const std::byte> bytes) {
    const exact_copy copy{bytes};
    packet_failure why;
    CHECK(!udp_view::parse(copy, why));
    return why;
}

constexpr std::array<std::byte, 8> empty{std::byte{0x1a}, std::byte{0x0a}, std::byte{0}, std::byte{53},
                                         std::byte{0},    std::byte{8},    std::byte{0}, std::byte{0}};
constexpr auto port_of(std::span<const std::byte> bytes) {
    packet_failure why;
    return udp_view::parse(bytes, why)->destination_port();
}
static_assert(port_of(empty) == 53);

}  // namespace

TEST_CASE("a UDP header has two ports a length and a checksum") {
    const auto bytes = datagram(from, to);
    packet_failure why;
    const auto udp = udp_view::parse(bytes, why);
    REQUIRE(udp);
    CHECK(udp->source_port() == 6666);
    CHECK(udp->destination_port() == 53);
    CHECK(udp->length() == 11);
    CHECK(udp->header_size() == 8);
    CHECK(same_bytes(udp->payload(), hex("616263")));
    CHECK(udp->checksum_state(from, to) == checksum_state::good);
    CHECK(udp->checksum_state(to, to) == checksum_state::bad);
    CHECK(!udp->is_cut_short());
}

TEST_CASE("a UDP checksum of 0 is absent over IPv4 and bad over IPv6") {
    auto bytes = datagram(from6, to6);
    packet_failure why;
    CHECK(udp_view::parse(bytes, why)->checksum_state(from6, to6) == checksum_state::good);
    bytes[6] = bytes[7] = std::byte{0};
    CHECK(udp_view::parse(bytes, why)->checksum_state(from, to) == checksum_state::absent);
    CHECK(udp_view::parse(bytes, why)->checksum_state(from6, to6) == checksum_state::bad);
}

TEST_CASE("a UDP checksum that holds the pseudo-header only is partial") {
    auto bytes = datagram(from, to);
    packet::detail::store_16(bytes.data() + 6, packet::pseudo_header(from, to, packet::ip_protocol::udp, 11).sum());
    packet_failure why;
    CHECK(udp_view::parse(bytes, why)->checksum_state(from, to) == checksum_state::partial);
}

TEST_CASE("bytes behind the length of UDP are no payload and missing bytes make the checksum unknown") {
    auto bytes = datagram(from, to);
    bytes.resize(26, std::byte{0xee});
    packet_failure why;
    const auto udp = udp_view::parse(bytes, why);
    CHECK(udp->payload().size() == 3);
    CHECK(udp->checksum_state(from, to) == checksum_state::good);
    bytes.resize(10);
    const auto shorter = udp_view::parse(bytes, why);
    CHECK(shorter->payload().size() == 2);
    CHECK(shorter->is_cut_short());
    CHECK(shorter->checksum_state(from, to) == checksum_state::unknown);
}

TEST_CASE("a UDP length of 0 goes to the end and one of 1 to 7 is malformed") {
    auto bytes = hex("1a0a 0035 0000 0000 616263");
    packet_failure why;
    CHECK(udp_view::parse(bytes, why)->payload().size() == 3);
    for (unsigned length = 1; length < 8; ++length) {
        bytes[5] = static_cast<std::byte>(length);
        CHECK(refusal(bytes).message() == "UDP: length is " + std::to_string(length) + " bytes, below 8, at byte 4");
    }
    bytes[5] = std::byte{8};
    CHECK(udp_view::parse(bytes, why)->payload().empty());
}

TEST_CASE("a UDP header that ends too early is cut short at every length") {
    const auto bytes = datagram(from, to);
    for (std::size_t size = 0; size < 8; ++size) CHECK(refusal(std::span{bytes}.first(size)).is_cut_short());
}

TEST_CASE("every flipped bit of a UDP datagram is noticed unless the checksum becomes 0") {
    const auto bytes = datagram(from, to);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        packet_failure why;
        const auto udp = udp_view::parse(damaged, why);
        CHECK((!udp || udp->checksum_state(from, to) != checksum_state::good));
    }
}

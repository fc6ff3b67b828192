// The header of IPv4.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

using packet::checksum_state;
using packet::ipv4_view;
using packet::packet_failure;

namespace {

packet_failure refusal(std::span<const std::byte> bytes) {
    const exact_copy copy{bytes};
    packet_failure why;
    CHECK(!ipv4_view::parse(copy, why));
    CHECK(why.where() == packet::layer::ipv4);
    return why;
}

const auto plain = hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
const auto with_options = hex("4718 0020 1234 2003 3d06 0000 c000 0201 c633 6407  94040000 01000000 aabbccdd");

constexpr std::array<std::byte, 20> header{std::byte{0x45}, std::byte{0},    std::byte{0}, std::byte{20}, std::byte{0},
                                           std::byte{0},    std::byte{0},    std::byte{0}, std::byte{1},  std::byte{6},
                                           std::byte{0},    std::byte{0},    std::byte{1}, std::byte{2},  std::byte{3},
                                           std::byte{4},    std::byte{0x7f}, std::byte{0}, std::byte{0},  std::byte{1}};
constexpr auto destination_of(std::span<const std::byte> bytes) {
    packet_failure why;
    return ipv4_view::parse(bytes, why)->destination();
}
static_assert(destination_of(header).is_loopback());

}  // namespace

TEST_CASE("an IPv4 header without options") {
    packet_failure why;
    const auto ip = ipv4_view::parse(plain, why);
    REQUIRE(ip);
    CHECK((ip->version() == 4 && ip->internet_header_length() == 5 && ip->header_size() == 20));
    CHECK(ip->total_length() == 0x73);
    CHECK(ip->identification() == 0);
    CHECK((ip->dont_fragment() && !ip->more_fragments() && !ip->reserved() && !ip->is_fragment()));
    CHECK(ip->fragment_offset() == 0);
    CHECK(ip->time_to_live() == 64);
    CHECK(ip->protocol() == packet::ip_protocol::udp);
    CHECK(ip->header_checksum() == 0xb861);
    CHECK(ip->header_checksum_state() == checksum_state::good);
    CHECK(ip->source() == "192.168.0.1"_ip);
    CHECK(ip->destination() == "192.168.0.199"_ip);
    CHECK(ip->options().empty());
    CHECK(ip->payload().empty());
    CHECK(ip->is_cut_short());
}

TEST_CASE("an IPv4 header with services options and a fragment's place") {
    packet_failure why;
    const auto ip = ipv4_view::parse(with_options, why);
    REQUIRE(ip);
    CHECK(ip->header_size() == 28);
    CHECK(ip->type_of_service() == 0x18);
    CHECK(ip->differentiated_services() == 6);
    CHECK(ip->congestion_notification() == 0);
    CHECK((ip->more_fragments() && !ip->dont_fragment() && ip->is_fragment()));
    CHECK(ip->fragment_offset() == 24);
    CHECK(ip->header_checksum_state() == checksum_state::bad);
    std::vector<unsigned> kinds;
    for (const auto& each : ip->options()) kinds.push_back(each.kind);
    CHECK(kinds == std::vector<unsigned>{148, 1});
    const auto alert = ip->options().find(static_cast<std::uint8_t>(packet::ipv4_option::router_alert));
    REQUIRE(alert);
    CHECK(same_bytes(alert->data, hex("0000")));
    CHECK(!ip->options().find(7));
    CHECK(!ip->options().failure());
    CHECK(same_bytes(ip->payload(), hex("aabbccdd")));
    CHECK(!ip->is_cut_short());
}

TEST_CASE("bytes behind the total length are padding and no payload") {
    auto padded = with_options;
    padded.resize(60);
    packet_failure why;
    CHECK(ipv4_view::parse(padded, why)->payload().size() == 4);
}

TEST_CASE("a total length of 0 means segmentation offload and the payload goes to the end") {
    auto offloaded = with_options;
    offloaded[2] = offloaded[3] = std::byte{0};
    offloaded.resize(3000);
    packet_failure why;
    const auto ip = ipv4_view::parse(offloaded, why);
    REQUIRE(ip);
    CHECK(ip->payload().size() == 3000 - 28);
    CHECK(!ip->is_cut_short());
}

TEST_CASE("an IPv4 header with impossible lengths is malformed and not cut short") {
    auto bytes = plain;
    bytes[0] = std::byte{0x65};
    CHECK(refusal(bytes).message() == "IPv4: version is 6, not 4, at byte 0");
    CHECK(refusal(std::span{bytes}.first(1)).message() == "IPv4: version is 6, not 4, at byte 0");
    bytes[0] = std::byte{0x44};
    CHECK(refusal(bytes).message() == "IPv4: header length is 4 words, below 5, at byte 0");
    bytes[0] = std::byte{0x45};
    bytes[3] = std::byte{19};
    CHECK(refusal(bytes).message() == "IPv4: total length is 19 bytes, below the 20 bytes of the header, at byte 2");
    CHECK(!refusal(bytes).is_cut_short());
}

TEST_CASE("an IPv4 header that ends too early is cut short at every length") {
    for (std::size_t size = 0; size < 28; ++size) {
        const auto why = refusal(std::span{with_options}.first(size));
        CHECK(why.is_cut_short());
        CHECK(why.offset() == size);
    }
    CHECK(refusal(std::span{with_options}.first(27)).message() ==
          "IPv4: cut short: 27 of 28 bytes are there, at byte 27");
    CHECK(refusal({}).message() == "IPv4: cut short: 0 of 20 bytes are there, at byte 0");
}

TEST_CASE("a broken option ends the list and says why and where") {
    const auto failure = [](std::string_view options) {
        const auto bytes = hex("4700 001c 0000 0000 4006 0000 c0000201 c6336407" + std::string{options});
        packet_failure why;
        const auto ip = ipv4_view::parse(bytes, why);
        REQUIRE(ip);
        std::size_t count = 0;
        for (const auto& each : ip->options()) count += each.kind > 0 ? 1 : 0;
        return std::to_string(count) + " " + ip->options().failure().message();
    };
    CHECK(failure("0101010101010107") == "7 IPv4: option 7 has no length, at byte 27");
    CHECK(failure("0107010101010101") == "1 IPv4: option 7 has the length 1, below 2, at byte 21");
    CHECK(failure("0107080000000000") == "1 IPv4: option 7 needs 8 bytes, and the header ends before, at byte 21");
    CHECK(failure("0107070000000000") == "2 ");
    CHECK(failure("00ffffffffffffff") == "0 ");
}

TEST_CASE("every flipped bit of an IPv4 header is noticed") {
    for (std::size_t bit = 0; bit < plain.size() * 8; ++bit) {
        auto damaged = plain;
        damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        packet_failure why;
        const auto ip = ipv4_view::parse(damaged, why);
        CHECK((!ip || ip->header_checksum_state() == checksum_state::bad));
    }
}

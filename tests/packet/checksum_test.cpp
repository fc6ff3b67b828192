// The checksum of the Internet, and that of Ethernet.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

#include <random>

using packet::internet_checksum;
using packet::internet_sum;

namespace {

/// The sum as RFC 1071 §4.1 writes it, byte by byte: slow and plain.
std::uint16_t plain_sum(std::span<const std::byte> bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

std::vector<std::byte> random_bytes(std::mt19937& random, std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (auto& each : bytes) each = static_cast<std::byte>(random());
    return bytes;
}

constexpr std::array<std::byte, 8> rfc1071{std::byte{0x00}, std::byte{0x01}, std::byte{0xf2}, std::byte{0x03},
                                           std::byte{0xf4}, std::byte{0xf5}, std::byte{0xf6}, std::byte{0xf7}};

}  // namespace

TEST_CASE("the example of RFC 1071 has the sum ddf2 at compile time too") {
    static_assert(internet_sum{}.add(rfc1071).sum() == 0xddf2);
    static_assert(internet_checksum(rfc1071) == 0x220d);
    CHECK(internet_sum{}.add(rfc1071).sum() == 0xddf2);
    CHECK(internet_checksum(rfc1071) == 0x220d);
}

TEST_CASE("a header with its checksum sums to ffff and has the checksum 0") {
    const auto header = hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
    CHECK(internet_sum{}.add(header).sum() == 0xffff);
    CHECK(internet_checksum(header) == 0);
}

TEST_CASE("words are summed like bytes for every length and place") {
    std::mt19937 random{1};
    for (std::size_t size = 0; size <= 130; ++size) {
        const exact_copy bytes{random_bytes(random, size)};
        for (std::size_t skipped = 0; skipped < std::min<std::size_t>(size, 9); ++skipped) {
            const auto part = std::span<const std::byte>{bytes}.subspan(skipped);
            CHECK(internet_sum{}.add(part).sum() == plain_sum(part));
        }
    }
}

TEST_CASE("no carry is lost among bytes that are all ones") {
    for (const std::size_t size : {2u, 31u, 32u, 33u, 64u, 100u, 1500u, 65535u}) {
        const std::vector<std::byte> ones(size, std::byte{0xff});
        CHECK(internet_sum{}.add(ones).sum() == plain_sum(ones));
        CHECK(internet_sum{}.add(ones).add(ones).sum() == plain_sum(std::vector<std::byte>(size * 2, std::byte{0xff})));
    }
}

TEST_CASE("pieces of odd sizes are joined") {
    std::mt19937 random{2};
    for (int round = 0; round < 500; ++round) {
        const auto bytes = random_bytes(random, random() % 200);
        internet_sum sum;
        std::span<const std::byte> rest{bytes};
        while (!rest.empty()) {
            const std::size_t size = 1 + random() % rest.size();
            sum.add(rest.first(size));
            rest = rest.subspan(size);
        }
        CHECK(sum.sum() == plain_sum(bytes));
        CHECK(sum.checksum() == internet_checksum(bytes));
    }
    CHECK(internet_sum{}.add(hex("12")).add(std::uint16_t{0x3456}).add(hex("78")).sum() == plain_sum(hex("12345678")));
}

TEST_CASE("the pseudo-header sums addresses protocol and length") {
    CHECK(packet::pseudo_header(net::ipv4_address{"192.0.2.1"}, net::ipv4_address{"198.51.100.7"},
                                packet::ip_protocol::tcp, 0x12345)
              .sum() == plain_sum(hex("c0000201 c6336407 00000006 00012345")));
    CHECK(packet::pseudo_header(net::ipv6_address{"2001:db8::1"}, net::ipv6_address{"fe80::1:2"},
                                packet::ip_protocol::udp, 8)
              .sum() == plain_sum(hex("20010db8000000000000000000000001 fe800000000000000000000000010002 00000008"
                                      "00000011")));
}

TEST_CASE("a changed number updates the checksum without the rest of the packet") {
    std::mt19937 random{3};
    for (int round = 0; round < 1000; ++round) {
        auto bytes = random_bytes(random, 60);
        const std::uint16_t before = internet_checksum(bytes);
        const std::size_t at = 2 * (random() % 28);
        const std::uint32_t old = packet::detail::load_32(bytes.data() + at),
                            next = static_cast<std::uint32_t>(random());
        packet::detail::store_32(bytes.data() + at, next);
        CHECK(packet::updated_checksum(before, old, next) == internet_checksum(bytes));
        const std::uint16_t ttl = packet::detail::load_16(bytes.data() + 8);
        const auto less = static_cast<std::uint16_t>(ttl - 0x100);
        const std::uint16_t whole = internet_checksum(bytes);
        packet::detail::store_16(bytes.data() + 8, less);
        CHECK(packet::updated_checksum(whole, ttl, less) == internet_checksum(bytes));
    }
}

TEST_CASE("the examples of RFC 1624 for which earlier equations failed") {
    CHECK(packet::updated_checksum<std::uint16_t>(0xdd2f, 0x5555, 0x3285) == 0x0000);
}

TEST_CASE("every flipped bit changes the sum") {
    const auto bytes = hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        CHECK(internet_checksum(damaged) != 0);
    }
}

TEST_CASE("the CRC of Ethernet has the published check value") {
    constexpr std::array<std::byte, 9> digits{std::byte{'1'}, std::byte{'2'}, std::byte{'3'},
                                              std::byte{'4'}, std::byte{'5'}, std::byte{'6'},
                                              std::byte{'7'}, std::byte{'8'}, std::byte{'9'}};
    static_assert(packet::crc32(digits) == 0xcbf43926);
    CHECK(packet::crc32({}) == 0);
    const std::span<const std::byte> all{digits};
    CHECK(packet::crc32(all.subspan(4), packet::crc32(all.first(4))) == 0xcbf43926);
}

TEST_CASE("the states of a checksum have names") {
    static_assert(to_string(packet::checksum_state::good) == "good");
    static_assert(to_string(packet::checksum_state::partial) == "partial");
    static_assert(to_string(packet::checksum_state{9}) == "unknown");
    SUCCEED();
}

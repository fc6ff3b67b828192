// Addresses as numbers: neighbours, distances, the ends.
// SPDX-License-Identifier: MIT

#include <netnotes/ip/arithmetic.hpp>

#include <netnotes/ip/network.hpp>

#include <cstdint>
#include <limits>

#include "../catch.hpp"

namespace net = netnotes;
using namespace net::literals;

namespace {

template <class Left, class Right>
concept can_add = requires(Left left, Right right) {
    left + right;
};
template <class Left, class Right>
concept can_subtract = requires(Left left, Right right) {
    left - right;
};

static_assert("192.168.1.254"_ip + 2 == "192.168.2.0"_ip);
static_assert("192.168.2.0"_ip - "192.168.1.254"_ip == 2);
static_assert("2001:db8::ffff:ffff:ffff:ffff"_ip + 1 == "2001:db8:0:1::"_ip);
static_assert(can_add<net::ipv4_address, unsigned> && can_add<net::ipv6_address, std::int8_t>);
static_assert(!can_add<net::ipv4_address, bool> && !can_add<net::ipv4_address, char>);
static_assert(!can_add<net::ipv4_address, double> && !can_add<net::ipv4_address, net::ipv4_address>);
static_assert(!can_subtract<net::ipv4_address, net::ipv6_address>);

constexpr auto int64_min = std::numeric_limits<std::int64_t>::min();
constexpr auto int64_max = std::numeric_limits<std::int64_t>::max();
constexpr auto uint64_max = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("a step beyond the first or the last address throws and changes nothing") {
    net::ipv4_address v4{"255.255.255.250"};
    CHECK(v4 + 5 == net::ipv4_address::broadcast());
    CHECK_THROWS_AS(v4 += 6, std::out_of_range);
    CHECK_THROWS_AS(v4 + int64_max, std::out_of_range);
    CHECK_THROWS_AS(v4 + uint64_max, std::out_of_range);
    CHECK_THROWS_AS(v4 - int64_min, std::out_of_range);
    CHECK_THROWS_AS(v4 - uint64_max, std::out_of_range);
    CHECK(v4 == net::ipv4_address{"255.255.255.250"});
    CHECK_THROWS_AS(net::ipv4_address{} - 1, std::out_of_range);
    CHECK_THROWS_AS(net::ipv4_address{} + -1, std::out_of_range);
    CHECK(net::ipv4_address{} + 0xffff'ffffu == net::ipv4_address::broadcast());

    const net::ipv6_address last{net::uint128{uint64_max, uint64_max}};
    CHECK_THROWS_AS(last + 1, std::out_of_range);
    CHECK_THROWS_AS(net::ipv6_address{} - 1, std::out_of_range);
    CHECK(net::ipv6_address{} + last.to_uint() == last);
    CHECK_THROWS_AS(net::ipv6_address{"::1"} + last.to_uint(), std::out_of_range);
    CHECK(last - last.to_uint() == net::ipv6_address{});

    // 255.255.255.255 is the last address of its family, although 128 bits have room for more.
    CHECK_THROWS_AS("255.255.255.255"_ip + 1, std::out_of_range);
    CHECK_THROWS_AS("::"_ip - 1, std::out_of_range);
}

TEST_CASE("a negative count goes the other way, down to the smallest integer") {
    CHECK("10.0.1.0"_ip + -1 == "10.0.0.255"_ip);
    CHECK("10.0.0.255"_ip - -1 == "10.0.1.0"_ip);
    CHECK("10.0.0.255"_ip + std::int8_t{-128} == "10.0.0.127"_ip);
    CHECK("8000::"_ip + int64_min == "7fff:ffff:ffff:ffff:8000::"_ip);
    CHECK("::"_ip - int64_min == "::8000:0:0:0"_ip);
    CHECK("::"_ip + uint64_max == "::ffff:ffff:ffff:ffff"_ip);
}

TEST_CASE("the zone stays, and an IPv4-mapped address has none") {
    CHECK(net::ipv6_address{"fe80::ff%eth0"} + 1 == net::ipv6_address{"fe80::100%eth0"});
    CHECK("fe80::1%2"_ip - 1 == "fe80::%2"_ip);
    CHECK("::fffe:ffff:ffff%2"_ip + 1 == "::ffff:0:0"_ip);
    CHECK_THROWS_AS(("fe80::1%2"_ip - "fe80::1%3"_ip), std::invalid_argument);
    CHECK("fe80::1%2"_ip - "fe80::%2"_ip == 1);
}

TEST_CASE("the distance is what must be added, or an error where there is no such number") {
    for (const auto& [from, to] : {std::pair{"0.0.0.0"_ip, "255.255.255.255"_ip},
                                   {"255.255.255.255"_ip, "0.0.0.0"_ip},
                                   {"10.0.0.1"_ip, "10.0.0.1"_ip},
                                   {"::"_ip, "::7fff:ffff:ffff:ffff"_ip},
                                   {"::8000:0:0:0"_ip, "::"_ip},
                                   {"2001:db8::ffff"_ip, "2001:db8::1:0"_ip}}) {
        CAPTURE(from, to);
        CHECK(from + (to - from) == to);
        CHECK(to - (to - from) == from);
    }
    CHECK(net::ipv4_address{"0.0.0.0"} - net::ipv4_address{"255.255.255.255"} == -4'294'967'295);
    CHECK_THROWS_AS(("::8000:0:0:0"_ip - "::"_ip), std::out_of_range);
    CHECK("::"_ip - "::8000:0:0:0"_ip == int64_min);
    CHECK_THROWS_AS(("::"_ip - "::8000:0:0:1"_ip), std::out_of_range);
    CHECK_THROWS_AS(("1::"_ip - "::"_ip), std::out_of_range);
    CHECK_THROWS_AS(("10.0.0.1"_ip - "::1"_ip), std::invalid_argument);
    CHECK_THROWS_AS(("10.0.0.1"_ip - "::ffff:10.0.0.1"_ip), std::invalid_argument);
}

TEST_CASE("128 bits shift, add and subtract over the border of the halves") {
    const net::uint128 one{0, 1}, top{std::uint64_t{1} << 63, 0};
    CHECK((one << 127) == top);
    CHECK((top >> 127) == one);
    CHECK((one << 128) == net::uint128{});
    CHECK((top >> 128) == net::uint128{});
    for (unsigned bits = 0; bits < 128; ++bits) {
        CAPTURE(bits);
        CHECK((one << bits >> bits) == one);
        CHECK((top >> bits << bits) == top);
        CHECK(((one << bits) - one) + one == (one << bits));
        CHECK(((one << bits) ^ (one << bits)) == net::uint128{});
    }
}

TEST_CASE("a network has an address at each index of 128 bits up to its last") {
    const net::network all{"::/0"}, block{"2001:db8::/32"}, v4{"10.0.0.0/8"};
    CHECK(all[net::uint128{uint64_max, uint64_max}] == all.last());
    CHECK(block[net::uint128{0xffff'ffff, uint64_max}] == block.last());
    CHECK(block[net::uint128{1, 0}] == "2001:db8:0:1::"_ip);
    CHECK_THROWS_AS((block[net::uint128{0x1'0000'0000, 0}]), std::out_of_range);
    CHECK(v4[net::uint128{0, 0xff'ffff}] == v4.last());
    CHECK_THROWS_AS((v4[net::uint128{0, 0x100'0000}]), std::out_of_range);
    CHECK_THROWS_AS((v4[net::uint128{1, 0}]), std::out_of_range);
}

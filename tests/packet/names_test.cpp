// Numbers on the wire, MAC addresses, names of registries, and failures.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

using packet::mac_address;
using packet::packet_failure;

// ---- Bytes -------------------------------------------------------------------------------------------------

TEST_CASE("a number is loaded the same at compile time and at run time") {
    constexpr std::array<std::byte, 8> wire{std::byte{0x01}, std::byte{0x23}, std::byte{0x45}, std::byte{0x67},
                                            std::byte{0x89}, std::byte{0xab}, std::byte{0xcd}, std::byte{0xef}};
    static_assert(packet::detail::load_16(wire.data()) == 0x0123);
    static_assert(packet::detail::load_32(wire.data()) == 0x01234567);
    static_assert(packet::detail::load_48(wire.data()) == 0x0123456789ab);
    static_assert(packet::detail::load_64(wire.data()) == 0x0123456789abcdef);
    static_assert(packet::detail::load_little_16(wire.data()) == 0x2301);
    static_assert(packet::detail::load_little_32(wire.data()) == 0x67452301);
    static_assert(packet::detail::load_little_64(wire.data()) == 0xefcdab8967452301);
    const exact_copy copy{wire};
    const std::byte* const at = std::span<const std::byte>{copy}.data();
    CHECK(packet::detail::load_8(at) == 0x01);
    CHECK(packet::detail::load_16(at) == 0x0123);
    CHECK(packet::detail::load_16(at + 1) == 0x2345);  // no alignment is needed
    CHECK(packet::detail::load_32(at + 3) == 0x6789abcd);
    CHECK(packet::detail::load_48(at + 2) == 0x456789abcdef);
    CHECK(packet::detail::load_64(at) == 0x0123456789abcdef);
    CHECK(packet::detail::load_little_16(at) == 0x2301);
    CHECK(packet::detail::load_little_32(at) == 0x67452301);
    CHECK(packet::detail::load_little_64(at) == 0xefcdab8967452301);
}

TEST_CASE("a number that was stored is loaded again") {
    std::array<std::byte, 8> wire{};
    packet::detail::store_16(wire.data() + 1, 0x1f90);
    CHECK((wire[0] == std::byte{0} && wire[1] == std::byte{0x1f} && wire[2] == std::byte{0x90}));
    packet::detail::store_32(wire.data(), 0xfedcba98);
    CHECK(packet::detail::load_32(wire.data()) == 0xfedcba98);
    packet::detail::store_48(wire.data(), 0x123456789abc);
    CHECK(packet::detail::load_48(wire.data()) == 0x123456789abc);
    packet::detail::store_64(wire.data(), 0x123456789abcdef0);
    CHECK(packet::detail::load_64(wire.data()) == 0x123456789abcdef0);
    packet::detail::store_little_16(wire.data(), 0x1f90);
    CHECK((wire[0] == std::byte{0x90} && wire[1] == std::byte{0x1f}));
    packet::detail::store_little_32(wire.data(), 0xfedcba98);
    CHECK(packet::detail::load_little_32(wire.data()) == 0xfedcba98);
    packet::detail::store_little_64(wire.data(), 0x123456789abcdef0);
    CHECK(packet::detail::load_little_64(wire.data()) == 0x123456789abcdef0);
}

// ---- MAC addresses -----------------------------------------------------------------------------------------

TEST_CASE("a MAC address is the same from a number from octets and from text") {
    constexpr mac_address address{"02:00:5e:10:00:01"};
    static_assert(address == mac_address{0x0200'5e10'0001});
    static_assert(address == mac_address{std::array<std::uint8_t, 6>{2, 0, 0x5e, 0x10, 0, 1}});
    CHECK(mac_address{"02-00-5E-10-00-01"} == address);
    CHECK(address.to_string() == "02:00:5e:10:00:01");
    CHECK(address.to_uint() == 0x0200'5e10'0001);
    CHECK(mac_address{address.to_octets()} == address);
    std::ostringstream out;
    out << address;
    CHECK(out.str() == "02:00:5e:10:00:01");
    CHECK(std::unordered_set<mac_address>{address, address, mac_address{}}.size() == 2);
    CHECK(mac_address{"00:00:00:00:00:02"} < mac_address{"00:00:00:00:01:00"});
}

TEST_CASE("the first octet of a MAC address tells groups and chosen addresses") {
    static_assert(mac_address{"01:00:5e:00:00:01"}.is_multicast());
    static_assert(mac_address{"33:33:00:00:00:01"}.is_multicast());
    static_assert(!mac_address{"00:1b:21:00:00:01"}.is_multicast());
    static_assert(mac_address::broadcast().is_broadcast() && mac_address::broadcast().is_multicast());
    static_assert(mac_address{"02:00:00:00:00:01"}.is_locally_administered());
    static_assert(!mac_address{"00:1b:21:00:00:01"}.is_locally_administered());
    static_assert(mac_address{"00:1b:21:00:00:01"}.manufacturer() == 0x001b21);
    static_assert(mac_address{}.is_unspecified());
    SUCCEED();
}

TEST_CASE("a wrong MAC address is refused with the place of the error") {
    const auto refusal = [](std::string_view text) {
        net::parse_failure why;
        CHECK(!mac_address::parse(text, why));
        CHECK(!mac_address::parse(text));
        return why.message();
    };
    CHECK(refusal("") == "a MAC address has 17 characters, at character 0");
    CHECK(refusal("02:00:5e:10:00") == "a MAC address has 17 characters, at character 14");
    CHECK(refusal("02:00:5e:10:00:0") == "a MAC address has 17 characters, at character 16");
    CHECK(refusal("02:00:5e:10:00:011") == "a MAC address has 17 characters, at character 17");
    CHECK(refusal("02:00:5e:1g:00:01") == "unexpected character 'g', at character 10");
    CHECK(refusal("02:00-5e:10:00:01") == "unexpected character '-', at character 5");
    CHECK(refusal("2:00:5e:10:00:011") == "unexpected character ':', at character 1");
    CHECK_THROWS_AS(mac_address{"02:00"}, net::parse_error);
}

// ---- Names and failures ------------------------------------------------------------------------------------

TEST_CASE("numbers of registries have the names that RFCs give them") {
    static_assert(to_string(packet::ether_type::ipv6) == "IPv6");
    static_assert(to_string(packet::ether_type{0x1234}) == "");
    static_assert(to_string(packet::ip_protocol::icmpv6) == "ICMPv6");
    static_assert(to_string(packet::ip_protocol{253}) == "");
    static_assert(to_string(packet::layer::tcp) == "TCP");
    static_assert(to_string(packet::layer::capture) == "capture file");
    static_assert(to_string(packet::layer{200}) == "unknown layer");
    SUCCEED();
}

TEST_CASE("a failure names layer reason and byte") {
    constexpr packet_failure failure{packet::layer::tcp, 46, "data offset is % words, below #", 3, 5};
    static_assert(failure && failure.where() == packet::layer::tcp && failure.offset() == 46);
    CHECK(!failure.is_cut_short());
    CHECK(failure.message() == "TCP: data offset is 3 words, below 5, at byte 46");
    CHECK(!packet_failure{});
    CHECK(packet_failure{}.message() == "");
}

TEST_CASE("a failure of a header that was cut short differs from a malformed header") {
    packet_failure failure = packet_failure::cut_short(packet::layer::udp, 0, 3, 8);
    CHECK(failure.is_cut_short());
    CHECK(failure.message() == "UDP: cut short: 3 of 8 bytes are there, at byte 3");
    failure.shift(34);
    CHECK(failure.offset() == 37);
    CHECK(failure == packet_failure::cut_short(packet::layer::udp, 34, 3, 8));
    CHECK(!(failure == packet_failure{}));
}

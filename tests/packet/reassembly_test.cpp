// Fragments of IPv4 and IPv6, in every order, overlapping, repeated, and more of them than there is memory for.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

#include <netnotes/packet/reassembly.hpp>

#include <chrono>
#include <numeric>
#include <random>

using packet::ip_fragment;
using packet::reassembler;
using packet::reassembly;
using outcome = packet::reassembly::outcome;
using std::chrono::nanoseconds;
using std::chrono::seconds;

using namespace std::string_literals;

namespace {

packet::capture_time at(nanoseconds time) { return packet::capture_time{time}; }
const packet::capture_time now = at(seconds{1'600'000'000});

std::vector<std::byte> counted(std::size_t size, unsigned first = 0) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((first + i * 7) & 0xff);
    return bytes;
}
ip_fragment part_of(std::span<const std::byte> whole, std::size_t first, std::size_t size, bool is_v6 = false) {
    ip_fragment part;
    if (is_v6) {
        part.source = "2001:db8::1"_ip, part.destination = "2001:db8::2"_ip;
    } else {
        part.source = "192.0.2.1"_ip, part.destination = "192.0.2.2"_ip;
    }
    part.identification = 0x1234;
    part.protocol = packet::ip_protocol::udp;
    part.offset = static_cast<std::uint32_t>(first);
    part.payload = whole.subspan(first, std::min(size, whole.size() - first));
    part.has_more = first + part.payload.size() < whole.size();
    return part;
}

}  // namespace

TEST_CASE("the fragments of an IPv4 packet are joined") {
    // 24 bytes of UDP in two fragments, written by hand; two bytes of padding follow the second.
    const auto first = hex("45000024 abcd2000 4011 0000 c0000201 c0000202 01020304 05060708 090a0b0c 0d0e0f10");
    const auto second = hex("4500001c abcd0002 4011 0000 c0000201 c0000202 11121314 15161718 0000");
    const auto whole = hex("4500001c abcd4000 4011 0000 c0000201 c0000202 11121314 15161718");
    packet::packet_failure why;
    const auto view = [&](std::span<const std::byte> bytes) { return *packet::ipv4_view::parse(bytes, why); };
    CHECK(!ip_fragment::from(view(whole)));
    reassembler fragments;
    auto result = fragments.add(*ip_fragment::from(view(first)), now);
    CHECK(result.what == outcome::kept);
    CHECK(fragments.size() == 1);
    CHECK(fragments.memory() > 16);
    result = fragments.add(*ip_fragment::from(view(second)), now);
    REQUIRE(result.is_complete());
    CHECK(same_bytes(result.payload, hex("01020304 05060708 090a0b0c 0d0e0f10 11121314 15161718")));
    CHECK(result.protocol == packet::ip_protocol::udp);
    CHECK(result.different_bytes == 0);
    CHECK(fragments.size() == 0);
    CHECK(fragments.memory() == 0);
}

TEST_CASE("the fragments of an IPv6 packet are joined, behind the headers that each of them has") {
    const auto addresses = "20010db8000000000000000000000001 20010db8000000000000000000000002"s;
    // hop-by-hop options with padding, the fragment header, the data
    const auto first =
        hex("60000000 0018 00 40" + addresses + "2c00 0104 00000000  1100 0001 00000007  0102030405060708");
    const auto second = hex("60000000 0012 00 40" + addresses + "2c00 0104 00000000  1100 0008 00000007  0a0b");
    const auto atomic = hex("60000000 000a 2c 40" + addresses + "1100 0000 00000007  0a0b");
    const auto plain = hex("60000000 0002 11 40" + addresses + "0a0b");
    packet::packet_failure why;
    const auto view = [&](std::span<const std::byte> bytes) { return *packet::ipv6_view::parse(bytes, why); };
    CHECK(!ip_fragment::from(view(atomic)));
    CHECK(!ip_fragment::from(view(plain)));
    reassembler fragments;
    CHECK(fragments.add(*ip_fragment::from(view(second)), now).what == outcome::kept);
    const auto result = fragments.add(*ip_fragment::from(view(first)), now);
    REQUIRE(result.is_complete());
    CHECK(same_bytes(result.payload, hex("0102030405060708 0a0b")));
    CHECK(result.protocol == packet::ip_protocol::udp);
}

TEST_CASE("fragments of each order and size are joined, and overlaps that are equal change nothing") {
    std::mt19937 random{7};
    for (int round = 0; round < 300; ++round) {
        const auto whole = counted(1 + random() % 3000);
        std::vector<ip_fragment> parts;
        for (std::size_t first = 0; first < whole.size();) {
            const std::size_t size = 8 * (1 + random() % 40);
            parts.push_back(part_of(whole, first, size));
            first += size;
        }
        for (std::size_t extra = random() % 4; extra > 0; --extra)  // overlaps, and the whole once more
            parts.push_back(part_of(whole, random() % whole.size() / 8 * 8, 8 * (1 + random() % 400)));
        std::shuffle(parts.begin(), parts.end(), random);
        reassembler fragments;
        std::size_t complete = 0;
        for (const ip_fragment& part : parts) {
            const auto result = fragments.add(part, now);
            CHECK(result.different_bytes == 0);
            CHECK(result.what != outcome::refused);
            if (!result.is_complete()) continue;
            ++complete;
            CHECK(same_bytes(result.payload, whole));
        }
        CHECK(complete >= 1);
    }
}

TEST_CASE("of IPv4 fragments that differ the first bytes win, and the difference is reported (PyPCAPKit 443)") {
    auto whole = counted(32);
    auto other = whole;
    other[9] = std::byte{0xee}, other[17] = std::byte{0xee};
    reassembler fragments;
    CHECK(fragments.add(part_of(whole, 8, 8), now).what == outcome::kept);
    auto result = fragments.add(part_of(other, 0, 24), now);
    CHECK(result.what == outcome::kept);
    CHECK(result.different_bytes == 1);
    result = fragments.add(part_of(whole, 16, 8), now);
    CHECK(result.what == outcome::repeated);
    CHECK(result.different_bytes == 2);
    result = fragments.add(part_of(whole, 24, 8), now);
    REQUIRE(result.is_complete());
    CHECK(result.different_bytes == 2);
    whole[17] = std::byte{0xee};  // place 9 came first from `whole`, place 17 from `other`
    CHECK(same_bytes(result.payload, whole));
}

TEST_CASE("an IPv6 packet with overlapping fragments is discarded, and doubled fragments are no overlap (RFC 5722)") {
    const auto whole = counted(32);
    reassembler fragments;
    CHECK(fragments.add(part_of(whole, 0, 16, true), now).what == outcome::kept);
    CHECK(fragments.add(part_of(whole, 0, 16, true), now).what == outcome::repeated);
    CHECK(fragments.add(part_of(whole, 8, 16, true), now).what == outcome::discarded);
    CHECK(fragments.add(part_of(whole, 16, 16, true), now).what == outcome::discarded);
    CHECK(fragments.size() == 1);
    CHECK(fragments.drop_expired(now + seconds{61}) == 1);
    CHECK(fragments.memory() == 0);
    CHECK(fragments.add(part_of(whole, 0, 16, true), now).what == outcome::kept);
    CHECK(fragments.add(part_of(whole, 16, 16, true), now).is_complete());
}

TEST_CASE("packets with another address, number or protocol are other packets") {
    const auto whole = counted(16);
    const auto last = part_of(whole, 8, 8);
    for (int i = 0; i < 4; ++i) {
        reassembler fragments;
        auto first = part_of(whole, 0, 8);
        if (i == 0) first.source = "192.0.2.9"_ip;
        if (i == 1) first.destination = "192.0.2.9"_ip;
        if (i == 2) first.identification = 9;
        if (i == 3) first.protocol = packet::ip_protocol::tcp;
        CHECK(fragments.add(first, now).what == outcome::kept);
        CHECK(fragments.add(last, now).what == outcome::kept);
        CHECK(fragments.size() == 2);
    }
    // The next header of a later fragment of IPv6 does not count (RFC 8200 §4.5).
    reassembler fragments;
    auto later = part_of(whole, 8, 8, true);
    later.protocol = packet::ip_protocol::tcp;
    fragments.add(later, now);
    const auto result = fragments.add(part_of(whole, 0, 8, true), now);
    CHECK(result.is_complete());
    CHECK(result.protocol == packet::ip_protocol::udp);
}

TEST_CASE("a fragment that cannot be part of a packet is refused with its reason") {
    const auto whole = counted(65'535);
    reassembler fragments;
    const auto refusal = [&](const ip_fragment& part) {
        const auto result = fragments.add(part, now);
        CHECK(result.what == outcome::refused);
        CHECK(result.failure.is_cut_short() == (part.missing > 0));
        return result.failure.message();
    };
    auto part = part_of(whole, 0, 9);
    CHECK(refusal(part) == "IPv4: a fragment in the middle has 9 bytes, no multiple of 8, at byte 0");
    part = part_of(whole, 65'528, 7);
    part.payload = std::span{whole}.first(8);
    CHECK(refusal(part) == "IPv4: the fragment ends at byte 65536, behind byte 65535, at byte 65528");
    part = part_of(whole, 8, 8);
    part.missing = 4;
    CHECK(refusal(part) == "IPv4: cut short: 8 of 12 bytes are there, at byte 16");
    part = part_of(whole, 8, 0);
    CHECK(refusal(part) == "IPv4: the fragment is empty, at byte 8");
    CHECK(fragments.size() == 0);

    part = part_of(whole, 16, 8, true);
    part.has_more = false;
    CHECK(fragments.add(part, now).what == outcome::kept);
    CHECK(refusal(part_of(whole, 24, 8, true)) ==
          "IPv6 extension: the fragment ends at byte 32, and the packet at byte 24, at byte 24");
    part.offset = 0;
    CHECK(refusal(part) == "IPv6 extension: the fragment ends at byte 8, and the packet at byte 24, at byte 0");
    CHECK(fragments.add(part_of(whole, 32, 8), now).what == outcome::kept);
    part = part_of(whole, 8, 8);
    part.has_more = false;
    CHECK(refusal(part) == "IPv4: the last fragment ends at byte 16, and others at byte 40, at byte 8");
}

TEST_CASE("the largest packet is joined from fragments of eight bytes") {
    const auto whole = counted(65'535);
    reassembler fragments;
    reassembly result;
    for (std::size_t first = 65'528;; first -= 8) {  // the last one first
        result = fragments.add(part_of(whole, first, 8), now);
        if (first == 0) break;
        if (result.what != outcome::kept) FAIL(first);
    }
    REQUIRE(result.is_complete());
    CHECK(same_bytes(result.payload, whole));
}

TEST_CASE("incomplete packets take no more memory than allowed, and the oldest are dropped") {
    const auto whole = counted(2000);
    reassembler fragments{{.max_memory = 20'000, .timeout = seconds{60}}};
    std::size_t dropped = 0, most = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        auto part = part_of(whole, i % 5 * 8, 1000);
        part.identification = i;
        part.has_more = true;
        part.payload = part.payload.first(1000);
        dropped += fragments.add(part, now).dropped_packets;
        CHECK(fragments.memory() <= 20'000);
        most = std::max(most, fragments.size());
    }
    CHECK(dropped == 1000 - fragments.size());
    CHECK(most == fragments.size());
    CHECK(most > 10);
    // The newest are still there.
    auto part = part_of(whole, 1032, 968);
    part.identification = 999;
    CHECK(fragments.add(part, now).what == outcome::kept);
    part = part_of(whole, 0, 32);
    part.identification = 999;
    CHECK(fragments.add(part, now).is_complete());

    reassembler small{{.max_memory = 500, .timeout = seconds{60}}};
    const auto result = small.add(part_of(whole, 0, 1000), now);
    CHECK(result.what == outcome::refused);
    CHECK(result.failure.message().find("bytes of memory, above 500") != std::string::npos);
    CHECK(small.size() == 0);
    CHECK(small.memory() == 0);
}

TEST_CASE("an incomplete packet is dropped when its time is over") {
    const auto whole = counted(16);
    reassembler fragments{{.max_memory = 1 << 20, .timeout = seconds{30}}};
    CHECK(fragments.add(part_of(whole, 0, 8), now).what == outcome::kept);
    CHECK(fragments.add(part_of(whole, 8, 8), now + seconds{31}).dropped_packets == 1);
    CHECK(fragments.add(part_of(whole, 0, 8), now + seconds{61}).is_complete());
    // Times that go back drop nothing.
    CHECK(fragments.add(part_of(whole, 0, 8), now).what == outcome::kept);
    CHECK(fragments.add(part_of(whole, 8, 8), now - seconds{1000}).is_complete());
}

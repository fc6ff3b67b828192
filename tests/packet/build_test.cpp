// Frames made of values, and made again out of what was parsed.
// SPDX-License-Identifier: MIT

#include "frames.hpp"
#include "rebuilt.hpp"

#include <algorithm>

using packet::checksum_state;
using packet::dissect;
using packet::sequence;
using packet::tcp_flag;
using packet::write;

namespace {

const packet::ethernet cards{.destination = packet::mac_address{"02:00:5e:10:00:02"},
                             .source = packet::mac_address{"02:00:5e:10:00:01"}};
const packet::ipv4 four{.source = net::ipv4_address{"192.0.2.1"}, .destination = net::ipv4_address{"198.51.100.7"}};
const packet::ipv6 six{.source = net::ipv6_address{"2001:db8::1"}, .destination = net::ipv6_address{"2001:db8::2"}};

template <class... Layers>
std::vector<std::byte> built(const Layers&... layers) {
    std::vector<std::byte> frame;
    const std::size_t size = write(frame, layers...);
    CHECK(size == frame.size());
    return frame;
}

constexpr auto constant = [] {
    std::array<std::byte, 64> room{};
    const auto size = write(room, packet::ethernet{}, packet::ipv4{}, packet::udp{.destination_port = 53}, "abc");
    return std::pair{room, size};
}();
static_assert(constant.second == 45);
static_assert(dissect(std::span{constant.first}.first(45)).checksum_state() == checksum_state::good);

}  // namespace

TEST_CASE("a built SYN equals the frame written by hand") {
    const auto frame = built(
        cards,
        packet::ipv4{
            .identification = 0x1234, .dont_fragment = true, .source = four.source, .destination = four.destination},
        packet::tcp{.source_port = 40944,
                    .destination_port = 6666,
                    .sequence_number = sequence{0x12345678},
                    .flags = tcp_flag::syn,
                    .window = 64240,
                    .options = packet::tcp_options{}
                                   .maximum_segment_size(1460)
                                   .sack_permitted()
                                   .timestamps(0x112233, 0)
                                   .no_operation()
                                   .window_scale(7)});
    CHECK(same_bytes(frame, good_frame("SYN")));
}

TEST_CASE("lengths protocols and checksums are computed for every layer") {
    const std::array room{std::byte{5}, std::byte{2}, std::byte{0}, std::byte{0}, std::byte{1}, std::byte{0}};
    const packet::ipv6_header options{.contents = room};
    for (const auto& frame : {
             built(cards, four, packet::udp{.source_port = 1, .destination_port = 2}, "hello"),
             built(cards, four, packet::tcp{.flags = tcp_flag::ack}, "hello"sv),
             built(cards, four, packet::icmp{.rest_of_header = 0x10002}, "hello"s),
             built(cards, six, packet::udp{.source_port = 1}, hex("0011")),
             built(cards, six, packet::tcp{}),
             built(cards, six, options, packet::icmpv6{}, "x"),
             built(cards, packet::vlan{.identifier = 7}, packet::vlan{.identifier = 8, .priority = 5}, four,
                   packet::udp{}),
             built(cards, six, packet::ipv6_fragment{.identification = 7}, packet::udp{}, "atomic"),
         }) {
        const auto seen = dissect(frame);
        CHECK(seen.failure().message() == "");
        CHECK(seen.is_whole());
        CHECK(seen.checksum_state() == checksum_state::good);
        CHECK(seen.trailer().empty());
        if (seen.ipv4()) CHECK(seen.ipv4()->header_checksum_state() == checksum_state::good);
    }
}

TEST_CASE("an ARP request is built") {
    const auto frame = built(packet::ethernet{.source = cards.source},
                             packet::arp{.sender_hardware_address = cards.source,
                                         .sender_protocol_address = four.source,
                                         .target_protocol_address = net::ipv4_address{"192.0.2.7"}},
                             packet::trailer{hex("000000000000000000000000000000000000")});
    CHECK(same_bytes(frame, good_frame("ARP, padded")));
}

TEST_CASE("other bytes behind Ethernet get a length of IEEE 802.3") {
    const auto frame = built(cards, hex("424203 00"));
    CHECK(dissect(frame).ethernet()->type_or_length() == 4);
    CHECK(dissect(frame).payload_ended_by() == packet::length_source::ieee_802_3_length);
}

TEST_CASE("no length counts a trailer") {
    const auto padding = hex("00000000");
    const auto frame = built(cards, four, packet::udp{}, "abc", packet::trailer{padding});
    const auto seen = dissect(frame);
    CHECK(seen.ipv4()->total_length() == 31);
    CHECK(seen.udp()->length() == 11);
    CHECK(seen.trailer().size() == 4);
    CHECK(seen.checksum_state() == checksum_state::good);
}

TEST_CASE("what is given is written even if it is a lie") {
    auto frame = built(cards, four, packet::udp{.length = 7}, "abc");
    CHECK(dissect(frame).failure().message() == "UDP: length is 7 bytes, below 8, at byte 38");
    frame = built(cards, four, packet::udp{.checksum = 0}, "abc");
    CHECK(dissect(frame).checksum_state() == checksum_state::absent);
    frame = built(cards, four, packet::tcp{.data_offset = 3});
    CHECK(dissect(frame).failure().message() == "TCP: data offset is 3 words, below 5, at byte 46");
    frame = built(cards, four, packet::tcp{.checksum = 0x1234});
    CHECK(dissect(frame).tcp()->checksum() == 0x1234);
    CHECK(dissect(frame).checksum_state() == checksum_state::bad);
    frame = built(cards, packet::ipv4{.total_length = 0, .header_checksum = 0}, packet::tcp{}, "abc");
    CHECK(dissect(frame).ipv4()->total_length() == 0);
    CHECK(dissect(frame).ipv4()->header_checksum_state() == checksum_state::bad);
    frame = built(cards, packet::ipv4{.version = 7}, packet::tcp{});
    CHECK(dissect(frame).failure().message() == "IPv4: version is 7, not 4, at byte 14");
    frame = built(cards, packet::ipv4{.internet_header_length = 15}, packet::tcp{});
    CHECK(dissect(frame).failure().message() == "IPv4: the header needs 60 bytes, and 40 are left, at byte 14");
    frame = built(packet::ethernet{.type = packet::ether_type::ipv6}, four, packet::tcp{});
    CHECK(dissect(frame).failure().message() == "IPv6: version is 4, not 6, at byte 14");
    frame = built(cards, packet::ipv6{.payload_length = 9999, .next_header = packet::ip_protocol::tcp}, "abc");
    CHECK(dissect(frame).failure().message() == "IPv6: length is 10039 bytes, and 43 are there, at byte 18");
}

TEST_CASE("a UDP checksum that would be 0 is sent as ffff") {
    for (std::uint32_t port = 0; port <= 0xffff; ++port) {
        std::array<std::byte, 28> room{};
        write(room, four, packet::udp{.source_port = static_cast<std::uint16_t>(port)});
        const auto sum = packet::detail::load_16(room.data() + 26);
        REQUIRE(sum != 0);
        if (sum == 0xffff) {
            CHECK(dissect(room, packet::link_type::raw_ip).checksum_state() == checksum_state::good);
            return;
        }
    }
    FAIL("no port has that sum");
}

TEST_CASE("the checksum behind a source route is computed for its end") {
    const auto contents = hex("0001 00000000 20010db8000000000000000000000099");
    const auto frame =
        built(cards, six, packet::ipv6_header{.kind = packet::ip_protocol::routing, .contents = contents},
              packet::udp{.source_port = 0x1a0a, .destination_port = 53}, "abcd");
    CHECK(same_bytes(frame, good_frame("source route of IPv6")));
}

TEST_CASE("room that is too small is left alone") {
    std::array<std::byte, 41> room{};
    CHECK(write(std::span{room}.first(41), packet::ethernet{}, packet::ipv4{}, packet::udp{}) == 0);
    CHECK(std::all_of(room.begin(), room.end(), [](std::byte each) { return each == std::byte{0}; }));
    CHECK(write(std::span<std::byte>{}) == 0);
}

TEST_CASE("options are padded with zeros and dropped when they do not fit") {
    packet::tcp_options options;
    options.window_scale(7);
    CHECK((options.bytes().size() == 3 && options.padded_size() == 4));
    const auto frame = built(cards, four, packet::tcp{.options = options});
    CHECK(same_bytes(dissect(frame).tcp()->options().bytes(), hex("03030700")));
    for (int i = 0; i < 3; ++i) options.timestamps(1, 2);
    CHECK(options.fits());
    options.timestamps(3, 4);
    CHECK(!options.fits());
    CHECK(options.bytes().size() == 33);
    packet::tcp_options blocks;
    blocks.selective_acknowledgment({sequence{1}, sequence{5}});
    CHECK(same_bytes(blocks.bytes(), hex("050a0000000100000005")));
    packet::ipv4_options alert;
    alert.router_alert();
    CHECK(same_bytes(alert.bytes(), hex("94040000")));
}

TEST_CASE("a frame that was parsed is built again byte by byte") {
    for (const auto& [name, bytes] : good_frames()) {
        INFO(name);
        CHECK(same_bytes(rebuilt(dissect(bytes)), bytes));
        // Every bit counts, also reserved ones and the padding of options.
        for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
            auto changed = bytes;
            changed[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
            INFO("bit " << bit);
            CHECK(same_bytes(rebuilt(dissect(changed)), changed));
        }
    }
}

// Whole frames: which layers they have, where their payload ends, and what happens when bytes are missing.
// SPDX-License-Identifier: MIT

#include "frames.hpp"

#include <random>

using packet::checksum_state;
using packet::dissect;
using packet::frame_view;
using packet::layer;
using packet::length_source;
using packet::link_type;

namespace {

std::string layers(const frame_view& frame) {
    std::string text;
    for (unsigned i = 0; i <= static_cast<unsigned>(layer::capture); ++i)
        if (frame.has(layer{static_cast<std::uint8_t>(i)})) {
            text += text.empty() ? "" : " ";
            text += to_string(layer{static_cast<std::uint8_t>(i)});
        }
    return text;
}
std::string layers(std::string_view name) {
    const auto bytes = good_frame(name);
    return layers(dissect(bytes));
}

constexpr auto constant = [] {
    std::array<std::byte, 14 + 20 + 8> frame{};
    frame[12] = std::byte{8};
    frame[14] = std::byte{0x45};
    frame[17] = std::byte{28};
    frame[23] = std::byte{17};
    frame[37] = std::byte{53};
    frame[39] = std::byte{8};
    return frame;
}();
static_assert(dissect(constant).udp()->destination_port() == 53);
static_assert(dissect(constant).is_whole());
static_assert(dissect(constant).checksum_state() == checksum_state::absent);
static_assert(std::is_trivially_copyable_v<frame_view> && sizeof(frame_view) <= 80);

}  // namespace

TEST_CASE("dissect finds the layers of each kind of frame") {
    CHECK(layers("SYN") == "Ethernet IPv4 TCP");
    CHECK(layers("UDP with IPv4 options") == "Ethernet IPv4 UDP");
    CHECK(layers("UDP over IPv6") == "Ethernet IPv6 UDP");
    CHECK(layers("TCP over IPv6") == "Ethernet IPv6 TCP");
    CHECK(layers("ICMP echo") == "Ethernet IPv4 ICMP");
    CHECK(layers("multicast listener report behind an extension header") == "Ethernet IPv6 IPv6 extension ICMPv6");
    CHECK(layers("neighbour solicitation") == "Ethernet IPv6 ICMPv6");
    CHECK(layers("ARP, padded") == "Ethernet ARP");
    CHECK(layers("two VLAN tags") == "Ethernet VLAN IPv4 UDP");
    CHECK(layers("spanning tree over IEEE 802.3") == "Ethernet");
    CHECK(layers("IPv4 over IEEE 802.3") == "Ethernet IPv4 UDP");
    CHECK(layers("unknown protocol") == "Ethernet");
}

TEST_CASE("a good frame is whole and its checksum good or absent") {
    for (const auto& [name, bytes] : good_frames()) {
        INFO(name);
        const auto frame = dissect(bytes);
        CHECK(frame.failure().message() == "");
        CHECK(frame.is_whole());
        const bool has_checksum = frame.udp() || frame.tcp() || frame.icmp() || frame.icmpv6();
        CHECK(frame.checksum_state() == (has_checksum ? checksum_state::good : checksum_state::absent));
        if (frame.ipv4()) CHECK(frame.ipv4()->header_checksum_state() == checksum_state::good);
    }
}

TEST_CASE("the views of a frame equal the views that parse makes") {
    const auto bytes = good_frame("SYN");
    const auto frame = dissect(bytes);
    packet::packet_failure why;
    REQUIRE((frame.ethernet() && frame.ipv4() && frame.tcp()));
    const auto ip = packet::ipv4_view::parse(frame.ethernet()->payload(), why);
    CHECK(ip->bytes().data() == frame.ipv4()->bytes().data());
    CHECK(ip->bytes().size() == frame.ipv4()->bytes().size());
    const auto tcp = packet::tcp_view::parse(ip->payload(), why);
    CHECK(tcp->bytes().data() == frame.tcp()->bytes().data());
    CHECK(tcp->bytes().size() == frame.tcp()->bytes().size());
    CHECK(tcp->header_size() == frame.tcp()->header_size());
    CHECK((!frame.udp() && !frame.ipv6() && !frame.arp() && !frame.icmp() && !frame.icmpv6() && !frame.vlan()));
    CHECK(frame.network_offset() == 14);
    CHECK(frame.transport_offset() == 34);
    CHECK(frame.payload_offset() == 74);
    CHECK(frame.bytes().size() == bytes.size());
    CHECK(frame.size_on_the_wire() == bytes.size());
}

TEST_CASE("VLAN tags are counted from the outside") {
    const auto bytes = good_frame("two VLAN tags");
    const auto frame = dissect(bytes);
    REQUIRE(frame.vlan_count() == 2);
    CHECK(frame.vlan(0)->identifier() == 100);
    CHECK(frame.vlan(1)->identifier() == 7);
    CHECK(frame.vlan(1)->priority() == 3);
    CHECK(!frame.vlan(2));
    CHECK(frame.udp()->destination_port() == 53);
}

// ---- Where a payload ends ----------------------------------------------------------------------------------

TEST_CASE("padding of a short frame is no payload") {
    const auto bytes = good_frame("data, padded");
    const auto frame = dissect(bytes);
    CHECK(same_bytes(frame.payload(), hex("616263")));
    CHECK(same_bytes(frame.trailer(), hex("000000")));
    CHECK(frame.payload_ended_by() == length_source::ipv4_total_length);
    CHECK(to_string(frame.payload_ended_by()) == "IPv4 total length");
    CHECK(frame.tcp()->payload().size() == 3);
    CHECK(frame.ipv4()->payload().size() == 23);
    const auto arp = good_frame("ARP, padded");
    CHECK(dissect(arp).payload().empty());
    CHECK(dissect(arp).trailer().size() == 18);
    CHECK(dissect(arp).payload_ended_by() == length_source::arp_address_sizes);
}

TEST_CASE("each length may end the payload") {
    const auto ended_by = [](std::vector<std::byte> bytes) { return dissect(bytes).payload_ended_by(); };
    CHECK(ended_by(good_frame("UDP over IPv6")) == length_source::ipv6_payload_length);
    CHECK(ended_by(good_frame("unknown protocol")) == length_source::frame);
    CHECK(ended_by(good_frame("spanning tree over IEEE 802.3")) == length_source::ieee_802_3_length);
    auto shorter = good_frame("UDP over IPv6");
    shorter[14 + 40 + 5] = std::byte{10};
    CHECK(ended_by(shorter) == length_source::udp_length);
    const auto frame = dissect(shorter);
    CHECK(frame.payload().size() == 2);
    CHECK(frame.ipv6()->payload().size() == 12);
    CHECK(frame.trailer().empty());
    CHECK(frame.is_whole());
    const auto whole = good_frame("SYN");
    CHECK(dissect(std::span{whole}.first(30), whole.size()).payload_ended_by() == length_source::capture);
    CHECK(to_string(length_source{77}) == "unknown length");
}

TEST_CASE("a total length of 0 is segmentation offload and no error") {
    auto bytes = good_frame("data, padded");
    bytes[16] = bytes[17] = std::byte{0};
    bytes.resize(4000, std::byte{'x'});
    const auto frame = dissect(bytes);
    CHECK(frame.is_whole());
    REQUIRE(frame.tcp());
    CHECK(frame.payload().size() == 4000 - 54);
    CHECK(frame.payload_ended_by() == length_source::frame);
    CHECK(frame.checksum_state() == checksum_state::unknown);
    packet::detail::store_16(
        bytes.data() + 50,
        packet::pseudo_header(frame.ipv4()->source(), frame.ipv4()->destination(), packet::ip_protocol::tcp, 4000 - 34)
            .sum());
    CHECK(dissect(bytes).checksum_state() == checksum_state::partial);
}

// ---- Bytes that are missing --------------------------------------------------------------------------------

TEST_CASE("a frame cut at any length is cut short and never malformed") {
    for (const auto& [name, bytes] : good_frames()) {
        const auto whole = dissect(bytes);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            INFO(name << " at " << size);
            const exact_copy copy{std::span{bytes}.first(size)};
            const auto frame = dissect(copy, bytes.size());
            touch(frame);
            CHECK(frame.is_cut_short());
            CHECK(!frame.is_whole());
            // Only the trailer may be missing without a failure.
            const std::size_t end = whole.payload_offset() + whole.payload().size();
            CHECK(static_cast<bool>(frame.failure()) == (size < end));
            if (frame.failure()) {
                CHECK(frame.failure().is_cut_short());
                CHECK(frame.failure().offset() == size);
                CHECK(frame.payload_ended_by() == length_source::capture);
            }
            if (size < end)
                CHECK((frame.checksum_state() == checksum_state::unknown ||
                       frame.checksum_state() == checksum_state::absent));
            for (unsigned i = 0; i <= static_cast<unsigned>(layer::capture); ++i) {
                const layer each{static_cast<std::uint8_t>(i)};
                CHECK((!frame.has(each) || whole.has(each)));
            }
        }
    }
}

TEST_CASE("a frame that was sent too short is malformed and not cut short") {
    for (const auto& [name, bytes] : good_frames()) {
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            INFO(name << " at " << size);
            const exact_copy copy{std::span{bytes}.first(size)};
            const auto frame = dissect(copy);
            touch(frame);
            CHECK(!frame.is_cut_short());
            CHECK(!frame.failure().is_cut_short());
            CHECK(frame.failure().offset() <= size);
        }
    }
    const auto syn = good_frame("SYN");
    CHECK(dissect(std::span{syn}.first(13)).failure().message() ==
          "Ethernet: the header needs 14 bytes, and 13 are left, at byte 0");
    CHECK(dissect(std::span{syn}.first(70)).failure().message() ==
          "IPv4: length is 60 bytes, and 56 are there, at byte 16");
}

TEST_CASE("a length that leaves too few bytes for a header is named") {
    auto bytes = good_frame("SYN");
    bytes[17] = std::byte{30};
    const auto frame = dissect(bytes);
    CHECK(frame.failure().message() == "TCP: the header needs 20 bytes, and 10 are left, at byte 34");
    CHECK(frame.has(layer::ipv4));
    CHECK(!frame.tcp());
    CHECK(frame.payload().size() == 10);
    CHECK(frame.trailer().size() == 30);
    auto udp = good_frame("UDP over IPv6");
    udp[14 + 40 + 5] = std::byte{99};
    CHECK(dissect(udp).failure().message() == "UDP: length is 99 bytes, and 12 are there, at byte 58");
    CHECK(dissect(udp).payload().size() == 4);
    CHECK(dissect(udp).checksum_state() == checksum_state::unknown);
    auto ieee = good_frame("spanning tree over IEEE 802.3");
    ieee[13] = std::byte{200};
    CHECK(dissect(ieee).failure().message() == "Ethernet: length is 200 bytes, and 46 are there, at byte 12");
}

TEST_CASE("what comes before a broken header is kept") {
    auto bytes = good_frame("SYN");
    bytes[46] = std::byte{0x30};
    const auto frame = dissect(bytes);
    CHECK(frame.failure().message() == "TCP: data offset is 3 words, below 5, at byte 46");
    CHECK(frame.failure().where() == layer::tcp);
    CHECK(frame.ipv4()->source() == "192.0.2.1"_ip);
    CHECK(frame.payload().size() == 40);
    bytes[14] = std::byte{0x55};
    CHECK(dissect(bytes).failure().message() == "IPv4: version is 5, not 4, at byte 14");
    CHECK(layers(dissect(bytes)) == "Ethernet");
    CHECK(dissect(bytes).payload().size() == 60);
}

// ---- Fragments ---------------------------------------------------------------------------------------------

TEST_CASE("the first fragment has its transport and a later one has none") {
    auto bytes = good_frame("UDP with IPv4 options");
    bytes[20] = std::byte{0x20};
    auto first = dissect(bytes);
    CHECK(first.is_fragment());
    CHECK(first.udp());
    CHECK(first.checksum_state() == checksum_state::unknown);
    // The datagram's length counts all fragments, so it is no error that it exceeds this one.
    bytes[14 + 24 + 4] = std::byte{9};
    CHECK(!dissect(bytes).failure());
    bytes[20] = std::byte{0x00};
    bytes[21] = std::byte{0x01};
    const auto later = dissect(bytes);
    CHECK(later.is_fragment());
    CHECK(!later.udp());
    CHECK(later.protocol() == packet::ip_protocol::udp);
    CHECK(later.payload().size() == 11);
    CHECK(later.is_whole());
    CHECK(later.checksum_state() == checksum_state::absent);
}

TEST_CASE("fragments of IPv6 are told by their extension header") {
    const std::string ip =
        "86dd 6000 0000 0014 2c 40 20010db8000000000000000000000001 20010db8000000000000000000000002";
    const auto first = hex("02005e100002 02005e100001" + ip + "1100 0001 00000007 1a0a 0035 0020 0000 61626364");
    CHECK(dissect(first).udp());
    CHECK(dissect(first).is_fragment());
    CHECK(!dissect(first).failure());
    const auto later = hex("02005e100002 02005e100001" + ip + "1100 0008 00000007 1a0a 0035 0020 0000 61626364");
    CHECK(!dissect(later).udp());
    CHECK(dissect(later).payload().size() == 12);
    const auto atomic = hex("02005e100002 02005e100001" + ip + "1100 0000 00000007 1a0a 0035 000c 0000 61626364");
    CHECK(dissect(atomic).udp());
    CHECK(!dissect(atomic).is_fragment());
}

// ---- Checksums ---------------------------------------------------------------------------------------------

TEST_CASE("every flipped bit that a checksum covers is reported") {
    for (const auto& [name, bytes] : good_frames()) {
        const auto whole = dissect(bytes);
        if (!whole.tcp() && !whole.udp() && !whole.icmp() && !whole.icmpv6()) continue;
        const std::size_t end = whole.payload_offset() + whole.payload().size();
        for (std::size_t bit = whole.network_offset() * 8; bit < end * 8; ++bit) {
            INFO(name << " bit " << bit);
            auto damaged = bytes;
            damaged[bit / 8] ^= static_cast<std::byte>(0x80 >> bit % 8);
            const exact_copy copy{damaged};
            const auto frame = dissect(copy);
            touch(frame);
            const bool in_transport = bit / 8 >= whole.transport_offset();
            if (whole.ipv4() && bit / 8 < whole.network_offset() + whole.ipv4()->header_size())
                CHECK((!frame.ipv4() || frame.ipv4()->header_checksum_state() == checksum_state::bad));
            else if (in_transport)
                CHECK(frame.checksum_state() != checksum_state::good);
        }
    }
}

TEST_CASE("a checksum of offload is partial") {
    for (const std::string_view name : {"SYN"sv, "TCP over IPv6"sv, "UDP over IPv6"sv}) {
        auto bytes = good_frame(name);
        const auto frame = dissect(bytes);
        const auto size =
            static_cast<std::uint32_t>(frame.payload_offset() + frame.payload().size() - frame.transport_offset());
        const auto sum =
            frame.ipv4()
                ? packet::pseudo_header(frame.ipv4()->source(), frame.ipv4()->destination(), frame.protocol(), size)
                : packet::pseudo_header(frame.ipv6()->source(), frame.ipv6()->destination(), frame.protocol(), size);
        packet::detail::store_16(bytes.data() + frame.transport_offset() + (frame.tcp() ? 16 : 6), sum.sum());
        CHECK(dissect(bytes).checksum_state() == checksum_state::partial);
    }
}

TEST_CASE("the checksum behind a source route covers the final destination") {
    const auto bytes = good_frame("source route of IPv6");
    const auto frame = dissect(bytes);
    REQUIRE(frame.udp());
    CHECK(frame.udp()->checksum_state(frame.ipv6()->source(), net::ipv6_address{"2001:db8::99"}) ==
          checksum_state::good);
    CHECK(frame.udp()->checksum_state(frame.ipv6()->source(), frame.ipv6()->destination()) == checksum_state::bad);
    CHECK(frame.checksum_state() == checksum_state::good);
}

TEST_CASE("UDP without a checksum") {
    auto four = good_frame("UDP with IPv4 options");
    four[44] = four[45] = std::byte{0};
    CHECK(dissect(four).checksum_state() == checksum_state::absent);
    auto six = good_frame("UDP over IPv6");
    six[60] = six[61] = std::byte{0};
    CHECK(dissect(six).checksum_state() == checksum_state::bad);
}

// ---- Other links -------------------------------------------------------------------------------------------

TEST_CASE("frames of other links lead to the same packet") {
    const auto bytes = good_frame("SYN");
    const auto ip = std::vector<std::byte>(bytes.begin() + 14, bytes.end());
    const auto behind = [&](std::string_view header) {
        auto frame = hex(header);
        frame.insert(frame.end(), ip.begin(), ip.end());
        return frame;
    };
    const auto found = [](const std::vector<std::byte>& frame, link_type link) { return layers(dissect(frame, link)); };
    CHECK(found(ip, link_type::raw_ip) == "IPv4 TCP");
    CHECK(found(ip, link_type::raw_ipv4) == "IPv4 TCP");
    CHECK(found(ip, link_type::raw_ipv6) == "");
    CHECK(found(behind("02000000"), link_type::null_loopback) == "IPv4 TCP");
    CHECK(found(behind("00000002"), link_type::null_loopback) == "IPv4 TCP");
    CHECK(found(behind("00000002"), link_type::loop) == "IPv4 TCP");
    CHECK(found(behind("00000063"), link_type::loop) == "");
    CHECK(found(behind("0000 0001 0006 02005e100001 0000 0800"), link_type::linux_cooked) == "IPv4 TCP");
    CHECK(found(behind("0800 0000 00000001 0001 00 06 02005e100001 0000"), link_type::linux_cooked_v2) == "IPv4 TCP");
    CHECK(found(ip, link_type{9999}) == "");
    const auto six = good_frame("TCP over IPv6");
    CHECK(found(std::vector<std::byte>(six.begin() + 14, six.end()), link_type::raw_ip) == "IPv6 TCP");
    for (const auto link : {link_type::raw_ip, link_type::null_loopback, link_type::linux_cooked,
                            link_type::linux_cooked_v2, link_type::raw_ipv4, link_type::raw_ipv6}) {
        CHECK(dissect({}, link).failure());
        CHECK(dissect({}, 99, link).failure().is_cut_short());
    }
}

// ---- Chance ------------------------------------------------------------------------------------------------

TEST_CASE("no damaged frame is read beyond its end") {
    std::mt19937 random{7};
    std::uint64_t sum = 0;
    for (int round = 0; round < 20000; ++round) {
        const auto& frames = good_frames();
        auto bytes = frames[random() % frames.size()].bytes;
        for (auto i = random() % 6; i > 0; --i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        bytes.resize(random() % (bytes.size() + 1));
        const exact_copy copy{bytes};
        const auto frame = dissect(copy, bytes.size() + random() % 3 * 20);
        sum += touch(frame);
        REQUIRE(frame.payload_offset() + frame.payload().size() <= bytes.size());
        if (frame.failure()) REQUIRE(frame.failure().offset() <= bytes.size());
    }
    CHECK(sum != 0);
}

TEST_CASE("the short way through common frames finds what the long way finds") {
    std::mt19937 random{8};
    const auto places = [](const frame_view& frame) {
        std::vector<std::size_t> all{frame.network_offset(),
                                     frame.transport_offset(),
                                     frame.payload_offset(),
                                     frame.payload().size(),
                                     frame.trailer().size(),
                                     frame.size_on_the_wire(),
                                     frame.bytes().size(),
                                     frame.vlan_count(),
                                     frame.is_fragment(),
                                     static_cast<std::size_t>(frame.protocol()),
                                     frame.failure().offset(),
                                     static_cast<std::size_t>(frame.payload_ended_by()),
                                     static_cast<std::size_t>(frame.checksum_state())};
        for (unsigned i = 0; i <= static_cast<unsigned>(layer::capture); ++i)
            all.push_back(frame.has(layer{static_cast<std::uint8_t>(i)}));
        return all;
    };
    for (int round = 0; round < 40000; ++round) {
        const auto& frames = good_frames();
        auto bytes = frames[random() % frames.size()].bytes;
        for (auto i = random() % 3; i > 0; --i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        if (random() % 2 == 0) bytes.resize(random() % (bytes.size() + 1));
        const std::size_t wire = bytes.size() + random() % 3 * 20;
        const frame_view slow = packet::detail::dissector::run(bytes, wire, link_type::ethernet);
        const frame_view fast = dissect(bytes, wire);
        REQUIRE(places(slow) == places(fast));
        REQUIRE(slow.failure() == fast.failure());
    }
}

// The table of fields: names, places and texts.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

#include <netnotes/packet/fields.hpp>

#include <map>
#include <set>

using packet::dissect;
using packet::field;
using packet::field_place;
using packet::find_field;
using packet::frame_view;
using packet::layer;
using packet::place_of;
using packet::text_of;

namespace {

/// SYN of a client behind a VLAN tag, with options: MSS 1460, SACK permitted, timestamps 7 and 0, window scale 7.
std::vector<std::byte> syn() {
    return hex(
        "020000000001 020000000002 8100 6005 0800"
        "4500003c 1c464000 4006 9b64 c0000201 c0000202"
        "9ff01a0a 00000001 00000000 a002 faf0 1234 0000 020405b4 0402080a 00000007 00000000 01 030307");
}
std::string text(const frame_view& frame, std::string_view name) { return text_of(frame, name).value_or("absent"); }

}  // namespace

TEST_CASE("each name of a field stands once in the table, and the fields of a header are in order") {
    std::set<std::string_view> names;
    std::map<layer, std::size_t> ends;
    for (const field& each : packet::all_fields) {
        CHECK(names.insert(each.filter_name).second);
        CHECK(!each.name.empty());
        CHECK((each.compute == nullptr) == (each.bit_count > 0));
        CHECK(find_field(each.filter_name) == &each);
        if (each.bit_count == 0 || each.filter_name == "eth.len" || each.filter_name.starts_with("tcp.options."))
            continue;
        CHECK(each.first_bit >= ends[each.header]);
        ends[each.header] = each.first_bit + each.bit_count;
    }
    CHECK(names.size() > 80);
    CHECK(ends[layer::tcp] == 160);
    CHECK(ends[layer::ipv4] == 160);
    CHECK(ends[layer::ipv6] == 320);
    CHECK(ends[layer::udp] == 64);
    CHECK(ends[layer::dns] == 96);
    CHECK(find_field("tcp.nonsense") == nullptr);
    static_assert(find_field("ip.ttl")->first_bit == 64);
}

TEST_CASE("the fields of a TCP segment have the texts that tshark prints") {
    const exact_copy bytes{syn()};
    const frame_view frame = dissect(bytes);
    const std::pair<std::string_view, std::string_view> expected[]{
        {"frame.len", "78"},
        {"eth.dst", "02:00:00:00:00:01"},
        {"eth.type", "0x8100"},
        {"eth.len", "absent"},
        {"vlan.priority", "3"},
        {"vlan.dei", "0"},
        {"vlan.id", "5"},
        {"vlan.etype", "0x0800"},
        {"ip.version", "4"},
        {"ip.hdr_len", "20"},
        {"ip.len", "60"},
        {"ip.id", "0x1c46"},
        {"ip.flags.df", "1"},
        {"ip.flags.mf", "0"},
        {"ip.frag_offset", "0"},
        {"ip.ttl", "64"},
        {"ip.proto", "6"},
        {"ip.checksum", "0x9b64"},
        {"ip.src", "192.0.2.1"},
        {"ip.dst", "192.0.2.2"},
        {"ipv6.src", "absent"},
        {"udp.srcport", "absent"},
        {"tcp.srcport", "40944"},
        {"tcp.dstport", "6666"},
        {"tcp.seq_raw", "1"},
        {"tcp.hdr_len", "40"},
        {"tcp.flags", "0x0002"},
        {"tcp.flags.syn", "1"},
        {"tcp.flags.ack", "0"},
        {"tcp.window_size_value", "64240"},
        {"tcp.checksum", "0x1234"},
        {"tcp.len", "0"},
        {"tcp.options.mss_val", "1460"},
        {"tcp.options.wscale.shift", "7"},
        {"tcp.options.timestamp.tsval", "7"},
        {"tcp.options.timestamp.tsecr", "0"},
        {"no.such.field", "absent"},
    };
    for (const auto& [name, value] : expected) {
        INFO(name);
        CHECK(text(frame, name) == value);
    }
}

TEST_CASE("the place of a field is its bits in the frame") {
    const auto bytes = syn();
    const frame_view frame = dissect(bytes);
    CHECK(place_of(frame, *find_field("eth.src")) == field_place{48, 48});
    CHECK(place_of(frame, *find_field("ip.ttl")) == field_place{(18 + 8) * 8, 8});
    const auto syn_flag = place_of(frame, *find_field("tcp.flags.syn"));
    REQUIRE(syn_flag);
    CHECK(syn_flag->first_byte() == 38 + 13);
    CHECK(syn_flag->first_bit % 8 == 6);
    CHECK(syn_flag->byte_count() == 1);
    const auto mss = place_of(frame, *find_field("tcp.options.mss_val"));
    REQUIRE(mss);
    CHECK(mss->first_byte() == 38 + 22);
    CHECK(mss->byte_count() == 2);
    CHECK(place_of(frame, *find_field("ip.frag_offset"))->byte_count() == 2);
    CHECK(!place_of(frame, *find_field("tcp.len")));
    CHECK(!place_of(frame, *find_field("udp.length")));
    CHECK(value_of(frame, *find_field("vlan.id")) == 5);
    CHECK(!value_of(frame, *find_field("ipv6.src")));
}

TEST_CASE("the fields of ARP, ICMP, IPv6 fragments and DNS are found") {
    const auto request =
        hex("ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202");
    const frame_view arp = dissect(request);
    CHECK(text(arp, "arp.opcode") == "1");
    CHECK(text(arp, "arp.proto.type") == "0x0800");
    CHECK(text(arp, "arp.src.hw_mac") == "02:00:00:00:00:01");
    CHECK(text(arp, "arp.dst.proto_ipv4") == "192.0.2.2");
    const auto token_ring =
        hex("ffffffffffff 020000000001 0806 0006 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202");
    CHECK(text(dissect(token_ring), "arp.hw.type") == "6");
    CHECK(text(dissect(token_ring), "arp.src.hw_mac") == "absent");

    const auto fragment =
        hex("020000000001 020000000002 86dd 6012 3456 0018 2c 40 20010db8000000000000000000000001"
            "20010db8000000000000000000000002 1100 0001 00000007 0035 9c40 0010 1234 0102030405060708");
    const frame_view ipv6 = dissect(fragment);
    CHECK(text(ipv6, "ip.version") == "6");
    CHECK(text(ipv6, "ipv6.tclass") == "0x00000001");
    CHECK(text(ipv6, "ipv6.flow") == "0x023456");
    CHECK(text(ipv6, "ipv6.src") == "2001:db8::1");
    CHECK(text(ipv6, "ipv6.fraghdr.more") == "1");
    CHECK(text(ipv6, "ipv6.fraghdr.ident") == "0x00000007");
    CHECK(place_of(ipv6, layer::ipv6_extension) == 54);

    const auto ping =
        hex("020000000001 020000000002 0800 4500001c 00000000 4001 0000 c0000201 c0000202 0800 f7fd 0001 0001");
    CHECK(text(dissect(ping), "icmp.type") == "8");
    CHECK(text(dissect(ping), "icmp.ident") == "1");
    CHECK(text(dissect(ping), "icmp.checksum.status") == "1");

    const auto query =
        hex("020000000001 020000000002 0800 45000039 00000000 4011 0000 c0000201 c0000202"
            "9c40 0035 0025 0000 beef 0100 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001");
    const frame_view dns = dissect(query);
    CHECK(text(dns, "dns.id") == "0xbeef");
    CHECK(text(dns, "dns.flags.response") == "0");
    CHECK(text(dns, "dns.flags.rcode") == "absent");
    CHECK(text(dns, "dns.qry.name") == "example.com");
    CHECK(text(dns, "dns.qry.type") == "1");
    CHECK(text(dns, "dns.a") == "absent");
    CHECK(text(dns, "udp.checksum.status") == "3");
}

TEST_CASE("no field is read beyond a frame that is cut anywhere") {
    const auto frames = {
        syn(), hex("020000000001 020000000002 0800 45000039 00000000 4011 0000 c0000201 c0000202"
                   "9c40 0035 0025 0000 beef 8100 0001 0001 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001")};
    for (const auto& whole : frames) {
        for (std::size_t size = 0; size <= whole.size(); ++size) {
            const exact_copy copy{std::span{whole}.first(size)};
            const frame_view frame = dissect(copy, whole.size());
            for (const field& each : packet::all_fields) {
                const auto place = place_of(frame, each);
                if (place) CHECK(place->first_byte() + place->byte_count() <= size);
                if (place) CHECK(text_of(frame, each).has_value());
                (void)text_of(frame, each);
            }
        }
    }
}

// packet_fields: the fields of captured packets as a program, for packet_tshark.py, which compares them with tshark
// SPDX-License-Identifier: MIT
//
//     packet_fields names            the fields that it knows, by tshark's names
//     packet_fields print FILE       a line a packet: its fields in that order, with tabs between; absent ones are empty
//     packet_fields rebuild FILE     takes every packet apart, builds it again, and compares the bytes
//     packet_fields damage FILE [N]  cuts each packet, or each Nth, at every length, and flips every bit that a checksum
//                                    covers. Each cut must be noticed, and each flipped bit
//     packet_fields merge OUT FILE…  writes the Ethernet packets of all files into one pcapng file, each with a comment that
//                                    says where it was: FILE:NUMBER. Prints a line a file: how many packets it has, how many
//                                    were written, why reading ended, its name
//
// Behind the fields stand five columns that explain differences: the layers, the layer that failed, why it failed, which
// length ended the payload, and the packet's comment.

#include <netnotes/packet.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../packet/rebuilt.hpp"

using namespace netnotes::packet;
using bytes = std::vector<std::byte>;
using text = std::optional<std::string>;

namespace {

bytes read_file(const char* name) {
    std::ifstream file{name, std::ios::binary};
    if (!file) throw std::runtime_error{std::string{"cannot read "} + name};
    const std::string content{std::istreambuf_iterator<char>{file}, {}};
    const auto* const begin = reinterpret_cast<const std::byte*>(content.data());
    return {begin, begin + content.size()};
}

// ---- How values are written --------------------------------------------------------------------------------

text show(bool value) { return value ? "1" : "0"; }
template <class Number>
requires(std::integral<Number> || std::is_enum_v<Number>) text show(Number value) {
    return std::to_string(static_cast<std::uint64_t>(value));
}
text show(const mac_address& value) { return value.to_string(); }
text show(const netnotes::ipv4_address& value) { return value.to_string(); }
text show(const netnotes::ipv6_address& value) { return value.to_string(); }
text show(sequence value) { return show(value.to_uint()); }
text show(checksum_state state) {  // tshark: 0 bad, 1 good, 2 not checked, 3 not present
    constexpr std::string_view numbers[]{"1", "0", "3", "0", "2"};
    return std::string{numbers[static_cast<std::size_t>(state)]};
}
template <class Value>
text show(const std::optional<Value>& value) {
    return value ? show(*value) : text{};
}

// ---- The fields --------------------------------------------------------------------------------------------

/// These columns ask the accessors of the views, so tshark checks the accessors. The table of packet/fields.hpp reads the
/// same fields by their place in bits. agrees() compares the two, so tshark checks the table, too.
struct column {
    std::string_view name;
    std::function<text(const frame_view&)> read;
};
/// A field of a header, if the frame has that header.
template <class View, class Read>
column of(std::optional<View> (frame_view::*header)() const noexcept, std::string_view name, Read read) {
    return {name, [=](const frame_view& frame) -> text {
                const auto view = (frame.*header)();
                return view ? show(read(*view)) : text{};
            }};
}
/// The same, and the field itself may be absent.
template <class View, class Read>
column of_frame(std::optional<View> (frame_view::*header)() const noexcept, std::string_view name, Read read) {
    return {name, [=](const frame_view& frame) -> text {
                const auto view = (frame.*header)();
                return view ? text{read(frame, *view)} : text{};
            }};
}

std::optional<ipv6_extension> fragment_of(const ipv6_view& ip) {
    for (const ipv6_extension& each : ip.extensions())
        if (each.kind() == ip_protocol::fragment) return each;
    return std::nullopt;
}

const std::vector<column>& fields() {
    constexpr auto eth = &frame_view::ethernet;
    constexpr auto arp_ = &frame_view::arp;
    constexpr auto ip = &frame_view::ipv4;
    constexpr auto ip6 = &frame_view::ipv6;
    constexpr auto icmp_ = &frame_view::icmp;
    constexpr auto icmp6 = &frame_view::icmpv6;
    constexpr auto udp_ = &frame_view::udp;
    constexpr auto tcp_ = &frame_view::tcp;
    // tshark gives the tags of IEEE 802.1ad other names.
    const auto vlan_field = [](std::string_view name, auto read) {
        return column{name, [=](const frame_view& frame) -> text {
                         for (std::size_t i = 0; i < frame.vlan_count(); ++i) {
                             const auto type = i == 0 ? frame.ethernet()->type() : frame.vlan(i - 1)->type();
                             if (type != ether_type::provider_vlan) return show(read(*frame.vlan(i)));
                         }
                         return std::nullopt;
                     }};
    };
    const auto arp_address = [=](std::string_view name, auto read) {
        return of_frame(arp_, name, [=](const frame_view&, const arp_view& v) {
            return v.is_ethernet_ipv4() ? show(read(v)) : text{};
        });
    };
    const auto fragment = [=](std::string_view name, auto read) {
        return of_frame(ip6, name, [=](const frame_view&, const ipv6_view& v) -> text {
            const auto header = fragment_of(v);
            return header ? show(read(*header)) : text{};
        });
    };
    static const std::vector<column> all{
        {"frame.cap_len", [](const frame_view& frame) { return show(frame.bytes().size()); }},
        of(eth, "eth.dst", [](const auto& v) { return v.destination(); }),
        of(eth, "eth.src", [](const auto& v) { return v.source(); }),
        of_frame(eth, "eth.type", [](const auto&, const auto& v) { return v.has_length() ? text{} : show(v.type()); }),
        of_frame(eth, "eth.len",
                 [](const auto&, const auto& v) { return v.has_length() ? show(v.type_or_length()) : text{}; }),
        vlan_field("vlan.priority", [](const auto& v) { return v.priority(); }),
        vlan_field("vlan.dei", [](const auto& v) { return v.drop_eligible(); }),
        vlan_field("vlan.id", [](const auto& v) { return v.identifier(); }),
        of(arp_, "arp.hw.type", [](const auto& v) { return v.hardware_type(); }),
        of(arp_, "arp.proto.type", [](const auto& v) { return v.protocol_type(); }),
        of(arp_, "arp.hw.size", [](const auto& v) { return v.hardware_size(); }),
        of(arp_, "arp.proto.size", [](const auto& v) { return v.protocol_size(); }),
        of(arp_, "arp.opcode", [](const auto& v) { return v.operation(); }),
        arp_address("arp.src.hw_mac", [](const auto& v) { return v.sender_hardware_address(); }),
        arp_address("arp.src.proto_ipv4", [](const auto& v) { return v.sender_protocol_address(); }),
        arp_address("arp.dst.hw_mac", [](const auto& v) { return v.target_hardware_address(); }),
        arp_address("arp.dst.proto_ipv4", [](const auto& v) { return v.target_protocol_address(); }),
        {"ip.version",  // of IPv6, too
         [](const frame_view& frame) -> text {
             if (frame.ipv6()) return show(frame.ipv6()->version());
             return frame.ipv4() ? show(frame.ipv4()->version()) : text{};
         }},
        of(ip, "ip.hdr_len", [](const auto& v) { return v.header_size(); }),
        of(ip, "ip.dsfield.dscp", [](const auto& v) { return v.differentiated_services(); }),
        of(ip, "ip.dsfield.ecn", [](const auto& v) { return v.congestion_notification(); }),
        of(ip, "ip.len", [](const auto& v) { return v.total_length(); }),
        of(ip, "ip.id", [](const auto& v) { return v.identification(); }),
        of(ip, "ip.flags.rb", [](const auto& v) { return v.reserved(); }),
        of(ip, "ip.flags.df", [](const auto& v) { return v.dont_fragment(); }),
        of(ip, "ip.flags.mf", [](const auto& v) { return v.more_fragments(); }),
        // tshark 4.0 counts in units of eight bytes.
        of(ip, "ip.frag_offset", [](const auto& v) { return v.fragment_offset() / 8; }),
        of(ip, "ip.ttl", [](const auto& v) { return v.time_to_live(); }),
        of(ip, "ip.proto", [](const auto& v) { return v.protocol(); }),
        of(ip, "ip.checksum", [](const auto& v) { return v.header_checksum(); }),
        of(ip, "ip.checksum.status", [](const auto& v) { return v.header_checksum_state(); }),
        of(ip, "ip.src", [](const auto& v) { return v.source(); }),
        of(ip, "ip.dst", [](const auto& v) { return v.destination(); }),
        of(ip6, "ipv6.version", [](const auto& v) { return v.version(); }),
        of(ip6, "ipv6.tclass", [](const auto& v) { return v.traffic_class(); }),
        of(ip6, "ipv6.flow", [](const auto& v) { return v.flow_label(); }),
        of(ip6, "ipv6.plen", [](const auto& v) { return v.payload_length(); }),
        of(ip6, "ipv6.nxt", [](const auto& v) { return v.next_header(); }),
        of(ip6, "ipv6.hlim", [](const auto& v) { return v.hop_limit(); }),
        of(ip6, "ipv6.src", [](const auto& v) { return v.source(); }),
        of(ip6, "ipv6.dst", [](const auto& v) { return v.destination(); }),
        fragment("ipv6.fraghdr.nxt", [](const auto& v) { return v.next_header(); }),
        fragment("ipv6.fraghdr.offset", [](const auto& v) { return v.fragment_offset() / 8; }),
        fragment("ipv6.fraghdr.more", [](const auto& v) { return v.more_fragments(); }),
        fragment("ipv6.fraghdr.ident", [](const auto& v) { return v.identification(); }),
        of(icmp_, "icmp.type", [](const auto& v) { return v.type(); }),
        of(icmp_, "icmp.code", [](const auto& v) { return v.code(); }),
        of(icmp_, "icmp.checksum", [](const auto& v) { return v.checksum(); }),
        of_frame(icmp_, "icmp.ident",
                 [](const auto&, const auto& v) { return v.is_echo() ? show(v.identifier()) : text{}; }),
        of_frame(icmp_, "icmp.seq",
                 [](const auto&, const auto& v) { return v.is_echo() ? show(v.sequence_number()) : text{}; }),
        of(icmp_, "icmp.mtu", [](const auto& v) { return v.next_hop_mtu(); }),
        of(icmp_, "icmp.redir_gw", [](const auto& v) { return v.gateway(); }),
        of(icmp6, "icmpv6.type", [](const auto& v) { return v.type(); }),
        of(icmp6, "icmpv6.code", [](const auto& v) { return v.code(); }),
        of(icmp6, "icmpv6.checksum", [](const auto& v) { return v.checksum(); }),
        of_frame(icmp6, "icmpv6.checksum.status", [](const auto& f, const auto&) { return show(f.checksum_state()); }),
        of_frame(icmp6, "icmpv6.echo.identifier",
                 [](const auto&, const auto& v) { return v.is_echo() ? show(v.identifier()) : text{}; }),
        of_frame(icmp6, "icmpv6.echo.sequence_number",
                 [](const auto&, const auto& v) { return v.is_echo() ? show(v.sequence_number()) : text{}; }),
        of_frame(icmp6, "icmpv6.nd.ns.target_address",
                 [](const auto&, const auto& v) {
                     return v.type() == icmpv6_type::neighbor_solicitation ? show(v.target_address()) : text{};
                 }),
        of_frame(icmp6, "icmpv6.nd.na.target_address",
                 [](const auto&, const auto& v) {
                     return v.type() == icmpv6_type::neighbor_advertisement ? show(v.target_address()) : text{};
                 }),
        of_frame(icmp6, "icmpv6.nd.ra.cur_hop_limit",
                 [](const auto&, const auto& v) {
                     const auto router = v.router_advertisement();
                     return router ? show(router->current_hop_limit) : text{};
                 }),
        of_frame(icmp6, "icmpv6.nd.ra.router_lifetime",
                 [](const auto&, const auto& v) {
                     const auto router = v.router_advertisement();
                     return router ? show(router->router_lifetime_seconds) : text{};
                 }),
        of(udp_, "udp.srcport", [](const auto& v) { return v.source_port(); }),
        of(udp_, "udp.dstport", [](const auto& v) { return v.destination_port(); }),
        of(udp_, "udp.length", [](const auto& v) { return v.length(); }),
        of(udp_, "udp.checksum", [](const auto& v) { return v.checksum(); }),
        of_frame(udp_, "udp.checksum.status", [](const auto& f, const auto&) { return show(f.checksum_state()); }),
        of(tcp_, "tcp.srcport", [](const auto& v) { return v.source_port(); }),
        of(tcp_, "tcp.dstport", [](const auto& v) { return v.destination_port(); }),
        of(tcp_, "tcp.seq_raw", [](const auto& v) { return v.sequence_number(); }),
        of(tcp_, "tcp.ack_raw", [](const auto& v) { return v.acknowledgment_number(); }),
        of(tcp_, "tcp.hdr_len", [](const auto& v) { return v.header_size(); }),
        of(tcp_, "tcp.flags", [](const auto& v) { return v.reserved() << 8 | v.flags().to_uint(); }),
        of(tcp_, "tcp.window_size_value", [](const auto& v) { return v.window(); }),
        of(tcp_, "tcp.checksum", [](const auto& v) { return v.checksum(); }),
        of_frame(tcp_, "tcp.checksum.status", [](const auto& f, const auto&) { return show(f.checksum_state()); }),
        of(tcp_, "tcp.urgent_pointer", [](const auto& v) { return v.urgent_pointer(); }),
        of(tcp_, "tcp.options.mss_val", [](const auto& v) { return v.maximum_segment_size(); }),
        of(tcp_, "tcp.options.wscale.shift", [](const auto& v) { return v.window_scale(); }),
        of_frame(tcp_, "tcp.options.timestamp.tsval",
                 [](const auto&, const auto& v) { return v.timestamps() ? show(v.timestamps()->value) : text{}; }),
        of_frame(tcp_, "tcp.options.timestamp.tsecr",
                 [](const auto&, const auto& v) { return v.timestamps() ? show(v.timestamps()->echo_reply) : text{}; }),
        of_frame(tcp_, "tcp.options.sack_le",
                 [](const auto&, const auto& v) {
                     const auto blocks = v.selective_acknowledgments();
                     return blocks.size() > 0 ? show(blocks[0].first) : text{};
                 }),
    };
    return all;
}

/// Returns true if the table of packet/fields.hpp has the same value, or does not know the field.
bool agrees(const frame_view& frame, const column& which, const text& value) {
    if (find_field(which.name) == nullptr) return true;
    text other = text_of(frame, which.name);
    if (other && other->starts_with("0x"))
        if (const auto number = netnotes::parse_number<std::uint64_t>(other->substr(2), 16)) other = show(*number);
    if (other == value) return true;
    std::cerr << which.name << " is " << value.value_or("absent") << ", in the table " << other.value_or("absent") << '\n';
    return false;
}

int print(const char* name) {
    const bytes file = read_file(name);
    capture_reader reader{file};
    std::string line;
    bool is_same = true;
    for (const capture_record& record : reader) {
        const frame_view frame = dissect(record.bytes, record.original_size, record.link);
        line = std::to_string(record.original_size) + '\t';
        for (const column& each : fields()) {
            const text value = each.read(frame);
            is_same = agrees(frame, each, value) && is_same;
            line += value.value_or("");
            line += '\t';
        }
        for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(layer::capture); ++i)
            if (frame.has(layer{i})) line += std::to_string(i) + " ";
        line += '\t';
        if (frame.failure()) line += std::to_string(static_cast<unsigned>(frame.failure().where()));
        line += '\t';
        line += frame.failure().message();
        line += '\t';
        line += to_string(frame.payload_ended_by());
        line += '\t';
        line += record.comment();
        std::cout << line << '\n';
    }
    if (reader.failure()) std::cerr << reader.failure().message() << '\n';
    return is_same ? 0 : 1;
}

// ---- Taken apart and built again ---------------------------------------------------------------------------

int rebuild(const char* name) {
    const bytes file = read_file(name);
    capture_reader reader{file};
    std::size_t packets = 0, different = 0;
    for (const capture_record& record : reader) {
        ++packets;
        const bytes again = rebuilt(dissect(record.bytes, record.original_size, record.link));
        if (std::equal(again.begin(), again.end(), record.bytes.begin(), record.bytes.end())) continue;
        if (++different <= 5) std::cout << "packet " << packets << " differs\n";
    }
    std::cout << packets << " packets, " << different << " different\n";
    return different == 0 ? 0 : 1;
}

// ---- Cut at every length, and with every bit flipped -------------------------------------------------------

struct damage_report {
    std::size_t packet = 0;  // its number in the file
    std::size_t packets = 0, cuts = 0, bits = 0, faults = 0;
    void require(bool holds, const char* what, std::size_t place) {
        if (!holds && ++faults <= 5) std::cout << "packet " << packet << " at " << place << ": " << what << '\n';
    }
};

/// Each beginning of the packet lies in memory of just its size, so that AddressSanitizer sees a read beyond it.
void cut_everywhere(const capture_record& record, damage_report& report) {
    const std::size_t on_the_wire = std::max(record.bytes.size(), record.original_size);
    const frame_view whole = dissect(record.bytes, on_the_wire, record.link);
    const bool is_malformed = whole.failure() && !whole.failure().is_cut_short();
    for (std::size_t size = 0; size < record.bytes.size(); ++size) {
        const auto exact = std::make_unique<std::byte[]>(size);
        const std::span<const std::byte> beginning{exact.get(), size};
        std::copy_n(record.bytes.begin(), size, exact.get());
        const frame_view frame = dissect(beginning, on_the_wire, record.link);
        ++report.cuts;
        report.require(frame.is_cut_short() && !frame.is_whole(), "the cut is not noticed", size);
        report.require(!frame.failure() || frame.failure().is_cut_short() || is_malformed, "a cut is no malformed header", size);
        for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(layer::capture); ++i)
            report.require(!frame.has(layer{i}) || whole.has(layer{i}), "a layer that the whole packet has not", size);
        const bytes again = rebuilt(frame);
        report.require(std::equal(again.begin(), again.end(), beginning.begin(), beginning.end()), "built again, it differs", size);
    }
}

/// A bit of a length may lead to another sum that is right by chance, so lengths are left out.
void flip_every_bit(const capture_record& record, damage_report& report) {
    const std::size_t size = record.bytes.size(), on_the_wire = std::max(size, record.original_size);
    const auto exact = std::make_unique<std::byte[]>(size);
    std::copy_n(record.bytes.begin(), size, exact.get());
    const std::span<const std::byte> damaged{exact.get(), size};
    const frame_view whole = dissect(record.bytes, on_the_wire, record.link);
    const auto flip = [&](std::size_t first, std::size_t last, std::size_t length_at, std::size_t length_size, auto is_good) {
        for (std::size_t at = first; at < last; ++at) {
            if (at >= length_at && at < length_at + length_size) continue;
            for (unsigned bit = 0; bit < 8; ++bit) {
                exact[at] ^= static_cast<std::byte>(1u << bit);
                ++report.bits;
                report.require(!is_good(dissect(damaged, on_the_wire, record.link)), "a flipped bit is not noticed", at);
                exact[at] ^= static_cast<std::byte>(1u << bit);
            }
        }
    };
    const std::size_t network = whole.network_offset(), transport = whole.transport_offset();
    const auto has_good_header = [](const frame_view& frame) {
        return frame.ipv4() && frame.ipv4()->header_checksum_state() == checksum_state::good;
    };
    if (has_good_header(whole)) flip(network, network + whole.ipv4()->header_size(), network, 1, has_good_header);
    const auto is_good = [](const frame_view& frame) { return frame.checksum_state() == checksum_state::good; };
    if (!is_good(whole)) return;
    const std::size_t end = whole.payload_offset() + whole.payload().size();
    flip(transport, end, transport + 4, whole.udp() ? 2 : 0, is_good);
    if (whole.ipv6() && !whole.has(layer::ipv6_extension)) flip(network + 8, network + 40, 0, 0, is_good);  // addresses
}

int damage(const char* name, std::size_t every) {
    const bytes file = read_file(name);
    capture_reader reader{file};
    damage_report report;
    for (const capture_record& record : reader) {
        if (report.packet++ % every != 0) continue;
        ++report.packets;
        cut_everywhere(record, report);
        flip_every_bit(record, report);
    }
    std::cout << report.packets << " packets, " << report.cuts << " cuts, " << report.bits << " flipped bits, "
              << report.faults << " faults\n";
    return report.faults == 0 ? 0 : 1;
}

// ---- Many files become one ---------------------------------------------------------------------------------

int merge(const char* to, const std::vector<const char*>& files) {
    std::ofstream out{to, std::ios::binary};
    out.exceptions(std::ios::failbit | std::ios::badbit);
    pcapng_writer writer{out};
    const std::uint32_t link = writer.add_interface({.name = "merged"});
    for (const char* const name : files) {
        const bytes file = read_file(name);
        capture_reader reader{file};
        std::size_t packets = 0, written = 0;
        for (const capture_record& record : reader) {
            ++packets;
            if (record.link != link_type::ethernet || record.bytes.size() > max_captured_size) continue;
            std::string where{name};
            where += ':';
            where += std::to_string(packets);
            writer.write(link, {}, record.bytes, {.comment = where, .original_size = record.original_size});
            ++written;
        }
        const std::string why = reader.failure() ? reader.failure().message() : std::string{};
        std::cout << packets << '\t' << written << '\t' << why << '\t' << name << '\n';
    }
    out.close();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "names" && argc == 2) {
        std::cout << "frame.len\n";
        for (const column& each : fields()) std::cout << each.name << '\n';
        return 0;
    }
    if (what == "print" && argc == 3) return print(argv[2]);
    if (what == "rebuild" && argc == 3) return rebuild(argv[2]);
    if (what == "damage" && (argc == 3 || argc == 4)) {
        const auto every = netnotes::parse_number<std::size_t>(argc == 4 ? argv[3] : "1");
        if (every && *every > 0) return damage(argv[2], *every);
    }
    if (what == "merge" && argc > 3) return merge(argv[2], {argv + 3, argv + argc});
    std::cerr << "usage: packet_fields names | print FILE | rebuild FILE | damage FILE [N] | merge OUT FILE...\n";
    return 2;
}

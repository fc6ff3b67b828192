// netnotes/lan/print.hpp: what happened, as text
// SPDX-License-Identifier: MIT
//
// Three tables about the frames of a network:
//
//        hops       a line for each frame on each cable: time, cable, hardware addresses, and what is inside
//        witnesses  who saw what: a line for each frame, a column for each host
//        addresses  hardware pair and IP pair of each hop side by side: what changes on the way, and what does not
//
// On this page:  hop_line · hops · witnesses · addresses · all_tables
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_PRINT_HPP
#define NETNOTES_LAN_PRINT_HPP

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../packet/frame.hpp"
#include "../packet/print.hpp"
#include "ip_node.hpp"
#include "network.hpp"

namespace netnotes::lan {

namespace detail {
/// Appends blanks up to a width, which counts characters of UTF-8, and two more.
inline void pad(std::string& text, std::size_t begin, std::size_t width) {
    std::size_t columns = 0;
    for (std::size_t i = begin; i < text.size(); ++i) columns += (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (columns < width) text.append(width - columns, ' ');
    text += "  ";
}
/// Aligns the columns of a table. The last column is not filled up.
inline std::string aligned(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    const auto width_of = [](std::string_view text) {
        return static_cast<std::size_t>(std::count_if(
            text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    };
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i == widths.size()) widths.push_back(0);
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::size_t begin = line.size();
            line += row[i];
            if (i + 1 < row.size()) pad(line, begin, widths[i]);
        }
        while (line.ends_with(' ')) line.pop_back();
        text += line + "\n";
    }
    return text;
}
inline std::string way_of(const passage& which) { return which.sender().name() + " \u2192 " + which.receiver().name(); }
/// Says what is in a frame, in a few words: `ARP: where is 10.0.1.3?`, `ICMP echo request 10.0.1.2 → 10.0.1.3`.
inline std::string contents_of(const frame& which) {
    const packet::frame_view view = packet::dissect(which.bytes());
    if (const auto arp = view.arp()) {
        if (arp->is_announcement()) return "ARP: I have " + arp->sender_protocol_address().to_string();
        if (arp->operation() == packet::arp_operation::request)
            return "ARP: where is " + arp->target_protocol_address().to_string() + "? tell " +
                   arp->sender_protocol_address().to_string();
        return "ARP: " + arp->sender_protocol_address().to_string() + " is at " +
               arp->sender_hardware_address().to_string();
    }
    const auto ip = view.ipv4();
    if (!ip) return packet::summary(view);
    std::string text = packet::summary(view);
    text += " ttl=" + std::to_string(ip->time_to_live());
    return text;
}
}  // namespace detail

/// Returns a frame's passage in one line: time, way, contents, and the fate of a frame that did not simply arrive.
[[nodiscard]] inline std::string hop_line(const passage& which) {
    std::string text = time_text(which.sent) + "  " + detail::way_of(which) + "  " + detail::contents_of(which.frame);
    if (which.fate != fate::delivered) text += netnotes::detail::joined("  [", to_string(which.fate), "]");
    return text;
}

/// Returns a line for each passage, in columns.
[[nodiscard]] inline std::string hops(std::span<const passage> passages) {
    std::vector<std::vector<std::string>> rows;
    for (const passage& each : passages) {
        std::string what = detail::contents_of(each.frame);
        if (each.fate != fate::delivered) what += netnotes::detail::joined("  [", to_string(each.fate), "]");
        rows.push_back({time_text(each.sent), detail::way_of(each), what});
    }
    return detail::aligned(rows);
}

/// Returns a table of frames and hosts. A cell says `sent`, or `for me` for a frame to this host or to all hosts. It says
/// `ignored` for a frame to another host, and `-` if the frame never came. Frames that a device repeats on several cables make
/// one line. Hubs and switches have no column.
[[nodiscard]] inline std::string witnesses(const network& net, std::span<const passage> passages) {
    std::vector<node*> hosts;
    for (const auto& each : net.nodes())
        if (each->kind() != "hub" && each->kind() != "switch") hosts.push_back(each.get());
    std::vector<std::vector<std::string>> lines;
    std::map<const std::byte*, std::size_t> line_of;  // copies of a frame share their bytes
    const auto column = [&](const node& which) {
        return static_cast<std::size_t>(std::find(hosts.begin(), hosts.end(), &which) - hosts.begin());
    };
    for (const passage& each : passages) {
        const std::byte* const bytes = each.frame.bytes().data();
        const auto [known_line, is_new] = line_of.try_emplace(bytes, lines.size());
        if (is_new) {
            lines.emplace_back(hosts.size() + 1, "-");
            lines.back().back() = detail::contents_of(each.frame);
        }
        auto& cells = lines[known_line->second];
        if (const auto i = column(each.sender()); i < hosts.size()) cells[i] = "sent";
        const auto i = column(each.receiver());
        if (i >= hosts.size() || !arrives(each.fate)) continue;
        packet::packet_failure why;
        const auto header = packet::ethernet_view::parse(each.frame.bytes(), why);
        const unsigned port = each.wire->port_at(1 - each.from);
        const ip_node* const known = hosts[i]->as_ip_node();
        const auto mine = known != nullptr ? known->hardware_address(port) : hosts[i]->port_address(port);
        const bool is_for_it = header && (header->destination().is_multicast() || header->destination() == mine);
        cells[i] = is_for_it ? "for me" : "ignored";
    }
    std::vector<std::vector<std::string>> rows{{}};
    for (const node* each : hosts) rows[0].push_back(each->name());
    rows[0].push_back("frame");
    for (auto& each : lines) rows.push_back(std::move(each));
    return detail::aligned(rows);
}

/// Returns a table of the IP packets: the pair of hardware addresses and the pair of IP addresses on each cable, with the time to
/// live and the header's checksum.
[[nodiscard]] inline std::string addresses(std::span<const passage> passages) {
    std::vector<std::vector<std::string>> rows{{"way", "hardware addresses", "IP addresses", "ttl", "checksum", ""}};
    for (const passage& each : passages) {
        const packet::frame_view view = packet::dissect(each.frame.bytes());
        const auto ethernet = view.ethernet();
        const auto ip = view.ipv4();
        if (!ethernet || !ip) continue;
        std::string checksum = "0x";
        for (unsigned shift = 16; shift > 0; shift -= 4)
            checksum += netnotes::detail::hexadecimal_digits[ip->header_checksum() >> (shift - 4) & 0xf];
        checksum += ip->header_checksum_state() == packet::checksum_state::good ? " right" : " wrong";
        std::string what;
        if (const auto icmp = view.icmp()) what = std::string{to_string(icmp->type())};
        if (const auto udp = view.udp())
            what = "UDP " + std::to_string(udp->source_port()) + " \u2192 " + std::to_string(udp->destination_port());
        if (const auto tcp = view.tcp())
            what = "TCP " + std::to_string(tcp->source_port()) + " \u2192 " + std::to_string(tcp->destination_port());
        rows.push_back({detail::way_of(each),
                        ethernet->source().to_string() + " \u2192 " + ethernet->destination().to_string(),
                        ip->source().to_string() + " \u2192 " + ip->destination().to_string(),
                        std::to_string(ip->time_to_live()), checksum, what});
    }
    return detail::aligned(rows);
}

/// Returns the tables of all nodes that have one, each below the node's name.
[[nodiscard]] inline std::string all_tables(const network& net) {
    std::string text;
    for (const auto& each : net.nodes()) {
        const std::string table = each->tables();
        if (!table.empty()) text += netnotes::detail::joined(each->kind(), " ", each->name(), "\n", table, "\n");
    }
    return text;
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_PRINT_HPP

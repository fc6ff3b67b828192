// netnotes/packet/print.hpp: a frame as a line, a tree, a hex dump, and the RFC's box
// SPDX-License-Identifier: MIT
//
// Four printers show the same frame, from far away to very near. All but the first are driven by the table of
// fields.hpp:
//
//        summary      10.0.0.1 → 10.0.0.2 TCP 74 40944 → 6666 [SYN] Seq=0 Win=64240 Len=0 MSS=1460
//
//        tree         TCP, 20 bytes from byte 34
//                         source port: 40944
//                         …
//
//        hex_dump     0020  00 02[9f f0]1a 0a 00 00 00 00 00 00 00 00 50 02  .. .......... P.
//
//        box          ┌───────────────────────────────┬───────────────────────────────┐
//                     │          source port          │       destination port        │
//                     │             40944             │             6666              │
//                     ├───────────────────────────────┴───────────────────────────────┤
//
// Texts that come from the frame are names of DNS only, and these are safe for a terminal.
//
// On this page:  summary · tree · hex_dump · box
// The notes:     网络分析工具, TCP报文首部; examples 29, 30

#ifndef NETNOTES_PACKET_PRINT_HPP
#define NETNOTES_PACKET_PRINT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fields.hpp"
#include "frame.hpp"
#include "names.hpp"

namespace netnotes::packet {

/// Returns the frame in one line: addresses, protocol, size on the wire, and the main fields of the protocol. Sequence
/// numbers stand as the header has them, not relative to the first. The line of a long DNS message ends with "...".
[[nodiscard]] std::string summary(const frame_view& frame);
/// Returns a paragraph for each header, with a line for each of its fields. A last line says what could not be read.
[[nodiscard]] std::string tree(const frame_view& frame);
/// Returns the bytes as lines of sixteen, in hexadecimal digits and as characters. The bytes of `marked` stand in
/// brackets.
[[nodiscard]] std::string hex_dump(std::span<const std::byte> bytes, std::optional<field_place> marked = std::nullopt);
/// Returns the header as its RFC draws it, 32 bits in a row, with the frame's values in it. Ethernet has 48 bits in a
/// row. Returns an empty text if the frame does not have the header.
[[nodiscard]] std::string box(const frame_view& frame, layer header);

namespace detail {

/// Appends texts and numbers.
class line {
  public:
    template <class... Parts>
    line& add(const Parts&... parts) {
        (append(parts), ...);
        return *this;
    }
    std::string text;

  private:
    void append(std::string_view part) { text += part; }
    void append(const char* part) { text += part; }
    void append(const std::string& part) { text += part; }
    void append(std::uint64_t number) { text += std::to_string(number); }
};

inline void add_tcp(line& to, const frame_view& frame, const tcp_view& header) {
    to.add(header.source_port(), " → ", header.destination_port(), " [");
    constexpr std::string_view names[]{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    bool is_first = true;
    for (unsigned bit = 0; bit < 8; ++bit) {
        if ((header.flags().to_uint() >> bit & 1) == 0) continue;
        to.add(is_first ? "" : ", ", names[bit]);
        is_first = false;
    }
    to.add(is_first ? "<None>" : "", "] Seq=", header.sequence_number().to_uint());
    if (header.flags().ack()) to.add(" Ack=", header.acknowledgment_number().to_uint());
    to.add(" Win=", header.window(), " Len=", transport_payload_size(frame));
    for (const option& each : header.options()) {
        const auto* const data = each.data.data();
        const std::size_t size = each.data.size();
        switch (static_cast<tcp_option>(each.kind)) {
            case tcp_option::maximum_segment_size:
                if (size == 2) to.add(" MSS=", load_16(data));
                break;
            case tcp_option::window_scale:
                if (size == 1) to.add(" WS=", std::uint64_t{1} << std::min<unsigned>(load_8(data), 14));
                break;
            case tcp_option::sack_permitted: to.add(" SACK_PERM"); break;
            case tcp_option::timestamps:
                if (size == 8) to.add(" TSval=", load_32(data), " TSecr=", load_32(data + 4));
                break;
            default: break;
        }
    }
}

/// A hostile message names a long name in each of 5,000 records: 64 KiB would become 5 MB. So a line ends early.
inline constexpr std::size_t max_dns_text = 4096;

inline void add_dns(line& to, const dns_view& message) {
    const auto is_full = [&] { return to.text.size() > max_dns_text && (to.add(" ..."), true); };
    const dns_header header = message.header();
    to.add(header.opcode == dns_opcode::query ? "Standard query" : "Operation");
    if (header.is_response) to.add(" response");
    to.add(" 0x");
    for (unsigned shift = 16; shift > 0; shift -= 4)
        to.text += netnotes::detail::hexadecimal_digits[message.id() >> (shift - 4) & 15];
    const auto add_type = [&](dns_type type) {
        const std::string_view name = to_string(type);
        if (name.empty())
            to.add(" TYPE", static_cast<std::uint64_t>(type));
        else
            to.add(" ", name);
    };
    if (header.is_response) {
        switch (header.response_code) {
            case dns_response_code::no_error: break;
            case dns_response_code::format_error: to.add(" Format error"); break;
            case dns_response_code::server_failure: to.add(" Server failure"); break;
            case dns_response_code::name_error: to.add(" No such name"); break;
            case dns_response_code::not_implemented: to.add(" Not implemented"); break;
            case dns_response_code::refused: to.add(" Refused"); break;
            default: to.add(" error ", static_cast<std::uint64_t>(header.response_code));
        }
    }
    for (const dns_question& question : message.questions()) {
        if (is_full()) return;
        add_type(question.type);
        to.add(" ", question.name.to_string());
    }
    for (const dns_record& record : message.records()) {
        if (is_full()) return;
        add_type(record.type);
        if (const auto address = record.address()) to.add(" ", address->to_string());
        if (const auto target = record.target()) to.add(" ", target->to_string());
        if (const auto mail = record.mail_exchange()) to.add(" ", mail->preference, " ", mail->exchange.to_string());
        if (const auto service = record.service())
            to.add(" ", service->priority, " ", service->weight, " ", service->port, " ", service->target.to_string());
        if (const auto zone = record.start_of_authority()) to.add(" ", zone->primary_server.to_string());
    }
}

inline void add_arp(line& to, const arp_view& arp) {
    const std::string sender = arp.sender_protocol_address().to_string(),
                      target = arp.target_protocol_address().to_string();
    if (arp.operation() == arp_operation::request)
        to.add("Who has ", target, "? Tell ", sender);
    else
        to.add(sender, " is at ", arp.sender_hardware_address().to_string());
}

/// Returns the text behind the names of both ends: the innermost protocol, the size, and its main fields.
inline void add_protocol(line& to, const frame_view& frame) {
    const auto start = [&](std::string_view name) { to.add(name, " ", frame.size_on_the_wire(), " "); };
    if (const auto tcp = frame.tcp()) {
        start("TCP");
        add_tcp(to, frame, *tcp);
    } else if (const auto message = fields::dns_of(frame)) {
        start("DNS");
        add_dns(to, *message);
    } else if (const auto udp = frame.udp()) {
        start("UDP");
        // A length of 0 is a jumbogram's, or of segmentation offload.
        const std::size_t size = udp->length() >= 8 ? udp->length() - 8u : frame.payload().size();
        to.add(udp->source_port(), " → ", udp->destination_port(), " Len=", size);
    } else if (const auto icmp = frame.icmp()) {
        start("ICMP");
        to.add(to_string(icmp->type()));
        if (icmp->is_echo()) to.add(" id=", icmp->identifier(), " seq=", icmp->sequence_number());
    } else if (const auto icmpv6 = frame.icmpv6()) {
        start("ICMPv6");
        to.add(to_string(icmpv6->type()));
        if (icmpv6->is_echo()) to.add(" id=", icmpv6->identifier(), " seq=", icmpv6->sequence_number());
    } else if (frame.arp()) {
        start("ARP");
        if (frame.arp()->is_ethernet_ipv4()) add_arp(to, *frame.arp());
    } else if (frame.ipv4() || frame.ipv6()) {
        const std::string_view name = to_string(frame.protocol());
        start(name.empty() ? "IP" : name);
        if (frame.is_fragment())
            to.add("fragment");
        else
            to.add("protocol ", static_cast<std::uint64_t>(frame.protocol()));
    } else {
        start(frame.ethernet() ? "Ethernet" : "frame");
        if (frame.ethernet() && !frame.ethernet()->has_length()) to.add(*text_of(frame, "eth.type"));
    }
}

/// Returns the size of a header in bytes; the header is in the frame.
inline std::size_t header_size(const frame_view& frame, layer header) {
    switch (header) {
        case layer::ethernet: return 14;
        case layer::vlan: return 4;
        case layer::arp: return frame.arp()->header_size();
        case layer::ipv4: return frame.ipv4()->header_size();
        case layer::ipv6: return 40;
        case layer::ipv6_extension: return 8;
        case layer::udp: return 8;
        case layer::tcp: return frame.tcp()->header_size();
        case layer::icmp: return frame.icmp()->header_size();
        case layer::icmpv6: return frame.icmpv6()->header_size();
        case layer::dns: return 12;
        default: return 0;
    }
}

/// Returns the field for a reader: with the names that numbers have.
inline std::string explained(const frame_view& frame, const field& which, const std::string& text) {
    if (which.filter_name == "ip.checksum.status") return std::string{to_string(frame.ipv4()->header_checksum_state())};
    if (which.filter_name.ends_with(".checksum.status")) return std::string{to_string(frame.checksum_state())};
    const std::uint64_t value = value_of(frame, which).value_or(0);
    std::string_view name;
    if (which.format == field_format::words)
        return netnotes::detail::joined(std::to_string(value), " words, ", text, " bytes");
    if (which.filter_name == "eth.type" || which.filter_name == "vlan.etype" || which.filter_name == "arp.proto.type")
        name = to_string(static_cast<ether_type>(value));
    if (which.filter_name == "ip.proto" || which.filter_name == "ipv6.nxt" || which.filter_name == "ipv6.fraghdr.nxt")
        name = to_string(static_cast<ip_protocol>(value));
    if (which.filter_name == "arp.opcode") name = to_string(static_cast<arp_operation>(value));
    if (which.filter_name == "icmp.type") name = to_string(static_cast<icmp_type>(value));
    if (which.filter_name == "icmpv6.type") name = to_string(static_cast<icmpv6_type>(value));
    return name.empty() ? text : netnotes::detail::joined(text, " (", name, ")");
}

/// A cell of a box: some bits in one row, with a name and a value.
struct box_cell {
    std::size_t first = 0, count = 0;  // bits of the row
    std::vector<std::string> lines;

    [[nodiscard]] std::size_t width() const noexcept { return 2 * count - 1; }
    /// Breaks the name between words, and words that are too long between letters.
    void put(std::string_view name, const std::string& value) {
        std::string now;
        const auto finish = [&] {
            if (!now.empty()) lines.push_back(now);
            now.clear();
        };
        while (!name.empty()) {
            const std::string_view word = name.substr(0, name.find(' '));
            name.remove_prefix(std::min(word.size() + 1, name.size()));
            if (!now.empty() && now.size() + 1 + word.size() > width()) finish();
            if (!now.empty()) now += ' ';
            for (const char c : word) {
                if (now.size() == width()) finish();
                now += c;
            }
        }
        finish();
        if (!value.empty()) lines.push_back(value.substr(0, width()));
    }
};

/// Draws rows of cells. Each row has the same number of bits.
class box_drawing {
  public:
    explicit box_drawing(std::size_t row_bits) : row_bits_{row_bits} {
        std::string tens, ones;
        for (std::size_t bit = 0; bit < row_bits; ++bit) {
            tens += bit % 10 == 0 ? static_cast<char>('0' + bit / 10) : ' ';
            tens += ' ';
            ones += static_cast<char>('0' + bit % 10);
            ones += ' ';
        }
        tens.erase(tens.find_last_not_of(' ') + 1);
        ones.pop_back();
        text_ += ' ' + tens + "\n " + ones + '\n';
    }
    void row(const std::vector<box_cell>& cells) {
        std::vector<bool> edges(row_bits_ + 1);
        edges[0] = true;
        for (const box_cell& each : cells) edges[each.first + each.count] = true;
        rule(edges);
        std::size_t height = 1;
        for (const box_cell& each : cells) height = std::max(height, each.lines.size());
        for (std::size_t i = 0; i < height; ++i) {
            text_ += "│";
            for (const box_cell& each : cells) {
                // The value stands in the last line of each cell of the row, the name from the first line on.
                std::string part;
                if (!each.lines.empty() && i + 1 == height)
                    part = each.lines.back();
                else if (i + 1 < each.lines.size())
                    part = each.lines[i];
                const std::size_t space = each.width() - std::min(part.size(), each.width());
                text_ += std::string(space / 2, ' ') + part + std::string(space - space / 2, ' ');
                text_ += "│";
            }
            text_ += '\n';
        }
        above_ = edges;
    }
    std::string finish() {
        rule(std::vector<bool>(row_bits_ + 1), true);
        return std::move(text_);
    }

  private:
    void rule(const std::vector<bool>& below, bool is_last = false) {
        const bool is_first = above_.empty();
        std::size_t last = row_bits_;  // a last row may be shorter
        while (last > 0 && !below[last] && (is_first || !above_[last])) --last;
        for (std::size_t bit = 0; bit <= last; ++bit) {
            const bool up = !is_first && above_[bit], down = !is_last && below[bit];
            if (bit == 0)
                text_ += is_first ? "┌" : is_last ? "└" : "├";
            else if (bit == last)
                text_ += !up ? "┐" : down ? "┤" : "┘";
            else
                text_ += up ? (down ? "┼" : "┴") : down ? "┬" : "─";
            if (bit < last) text_ += "─";
        }
        text_ += '\n';
    }
    std::size_t row_bits_;
    std::string text_;
    std::vector<bool> above_;
};

}  // namespace detail

inline std::string summary(const frame_view& frame) {
    detail::line all;
    if (const auto ip = frame.ipv4())
        all.add(ip->source().to_string(), " → ", ip->destination().to_string(), " ");
    else if (const auto ip6 = frame.ipv6())
        all.add(ip6->source().to_string(), " → ", ip6->destination().to_string(), " ");
    else if (const auto ethernet = frame.ethernet())
        all.add(ethernet->source().to_string(), " → ", ethernet->destination().to_string(), " ");
    detail::add_protocol(all, frame);
    if (frame.failure()) all.add(all.text.ends_with(' ') ? "[" : " [", frame.failure().message(), "]");
    if (all.text.ends_with(' ')) all.text.pop_back();
    return all.text;
}

inline std::string tree(const frame_view& frame) {
    detail::line all;
    all.add("Frame, ", frame.bytes().size(), " bytes");
    if (frame.is_cut_short()) all.add(" of ", frame.size_on_the_wire(), " on the wire");
    all.add("\n");
    std::optional<layer> header;
    for (const field& each : all_fields) {
        if (each.header == layer::payload) continue;
        auto text = text_of(frame, each);
        if (!text) continue;
        if (text->size() > detail::max_dns_text) text->replace(detail::max_dns_text, text->npos, "...");
        if (each.header != header) {
            header = each.header;
            all.add(to_string(*header), ", ", detail::header_size(frame, *header), " bytes from byte ",
                    *place_of(frame, *header), "\n");
        }
        all.add("    ", each.name, ": ", detail::explained(frame, each, *text), "\n");
    }
    if (!frame.payload().empty())
        all.add("Payload, ", frame.payload().size(), " bytes from byte ", frame.payload_offset(), ", ended by ",
                to_string(frame.payload_ended_by()), "\n");
    if (!frame.trailer().empty()) all.add("Trailer, ", frame.trailer().size(), " bytes\n");
    if (frame.failure()) all.add("Failure: ", frame.failure().message(), "\n");
    return all.text;
}

inline std::string hex_dump(std::span<const std::byte> bytes, std::optional<field_place> marked) {
    constexpr std::string_view digits = netnotes::detail::hexadecimal_digits;
    const std::size_t first = marked ? marked->first_byte() : bytes.size();
    const std::size_t last = marked ? first + marked->byte_count() : bytes.size();  // behind the marked bytes
    unsigned offset_bits = 16;  // a frame of the loopback interface may have more than 64 KiB
    while (offset_bits < 64 && bytes.size() > std::uint64_t{1} << offset_bits) offset_bits += 4;
    std::string text;
    for (std::size_t row = 0; row < bytes.size(); row += 16) {
        for (unsigned shift = offset_bits; shift > 0; shift -= 4) text += digits[row >> (shift - 4) & 15];
        text += ' ';
        for (std::size_t at = row; at <= row + 16; ++at) {
            const bool is_marked = at >= first && at < last;
            const bool was_marked = at > row && at - 1 >= first && at - 1 < last;
            const bool is_in_row = at < row + 16 && at < bytes.size();
            text += is_marked && !was_marked && is_in_row ? '[' : was_marked && !(is_marked && is_in_row) ? ']' : ' ';
            if (at == row + 16) break;
            const auto value = at < bytes.size() ? std::to_integer<unsigned>(bytes[at]) : 0u;
            text += at < bytes.size() ? digits[value >> 4] : ' ';
            text += at < bytes.size() ? digits[value & 15] : ' ';
        }
        text += ' ';
        for (std::size_t at = row; at < std::min(row + 16, bytes.size()); ++at) {
            const auto value = std::to_integer<unsigned>(bytes[at]);
            text += value >= ' ' && value <= '~' ? static_cast<char>(value) : '.';
        }
        text += '\n';
    }
    return text;
}

inline std::string box(const frame_view& frame, layer header) {
    const auto start = place_of(frame, header);
    if (!start || detail::header_size(frame, header) == 0) return {};
    const std::size_t row_bits = header == layer::ethernet ? 48 : 32;
    const std::size_t end = detail::header_size(frame, header) * 8;
    struct part {
        std::size_t first, count;
        std::string_view name;
        std::string value;
    };
    std::vector<part> parts;
    std::size_t at = 0;
    const auto fill = [&](std::size_t to) {  // bits without a name: reserved, or options
        if (to <= at) return;
        const bool is_option = to == end && to - at >= 32 && (header == layer::tcp || header == layer::ipv4);
        parts.push_back({at, to - at, is_option ? "options" : "", ""});
        at = to;
    };
    for (const field& each : all_fields) {
        const auto place = each.header == header ? place_of(frame, each) : std::nullopt;
        if (!place || place->first_bit < *start * 8 + at || place->first_bit + place->bit_count > *start * 8 + end)
            continue;
        if (each.locate != nullptr && header == layer::tcp) continue;  // options have no fixed place
        fill(place->first_bit - *start * 8);
        // The box has the number that stands in the header: words, not bytes.
        parts.push_back(
            {at, each.bit_count, each.name,
             each.format == field_format::words ? std::to_string(*value_of(frame, each)) : *text_of(frame, each)});
        at += each.bit_count;
    }
    fill(end);
    detail::box_drawing drawing{row_bits};
    std::vector<detail::box_cell> row;
    for (const part& each : parts) {
        std::size_t first = each.first, count = each.count;
        bool is_continued = false;
        while (count > 0) {
            const std::size_t in_row = first % row_bits;
            // Several whole rows become one high cell.
            const bool is_high = in_row == 0 && count > row_bits;
            const std::size_t bits = is_high ? row_bits : std::min(count, row_bits - in_row);
            const std::size_t taken = is_high ? count / row_bits * row_bits : bits;
            detail::box_cell cell{in_row, bits, {}};
            if (is_continued)
                cell.put("...", "");
            else
                cell.put(each.name, each.value);
            row.push_back(cell);
            if (in_row + bits == row_bits || first + taken == end) {
                drawing.row(row);
                row.clear();
            }
            first += taken;
            count -= taken;
            is_continued = true;
        }
    }
    return drawing.finish();
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_PRINT_HPP

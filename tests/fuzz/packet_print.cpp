// tests/fuzz/packet_print.cpp: any bytes as a frame, in every form in which frames are printed
// SPDX-License-Identifier: MIT
//
// The first byte chooses the link type, the second how much of the frame the capture has lost. Each field lies in the
// frame. Each printed text has only characters that are safe for a terminal, and each box has straight edges.

#include "fuzz.hpp"

#include <string>
#include <vector>

#include <netnotes/packet/print.hpp>

namespace packet = netnotes::packet;
using fuzz::require;

namespace {

/// Returns how many characters the text has, if it has the library's own and printable ASCII only.
std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        char32_t point = 0;
        const std::size_t size = netnotes::detail::read_utf8(text, point);
        require(size > 0, "a text is UTF-8");
        const bool is_drawn = point == U'\u2192' || (point >= U'\u2500' && point <= U'\u257f');
        require(is_drawn || (point >= ' ' && point <= '~'), "a text is safe for a terminal");
        text.remove_prefix(size);
        ++width;
    }
    return width;
}
std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        require(end != text.npos, "a text ends with a line's end");
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return lines;
}

void check_frame(const packet::frame_view& frame) {
    width_of(packet::summary(frame));
    for (const std::string& line : lines_of(packet::tree(frame))) width_of(line);
    for (const packet::field& each : packet::all_fields) {
        const auto place = place_of(frame, each);
        const auto text = text_of(frame, each);
        if (!place) continue;
        require(text.has_value(), "a field with a place has a text");
        require(place->first_byte() + place->byte_count() <= frame.bytes().size(), "a field lies in the frame");
        require(each.bit_count > 64 || value_of(frame, each) == value_of(frame, each), "a field has a value");
        const auto marked = packet::hex_dump(frame.bytes(), place);
        require(marked.find('[') != marked.npos, "the field is marked");
    }
    const auto dump = lines_of(packet::hex_dump(frame.bytes()));
    require(dump.size() == (frame.bytes().size() + 15) / 16, "a line has sixteen bytes");
    for (std::size_t i = 0; i <= static_cast<std::size_t>(packet::layer::capture); ++i) {
        const std::string box = packet::box(frame, static_cast<packet::layer>(i));
        if (box.empty()) continue;
        const auto lines = lines_of(box);
        require(lines.size() > 4, "a box has a ruler, edges and a row");
        for (std::size_t j = 3; j < lines.size(); ++j)
            require(width_of(lines[j]) <= width_of(lines[2]), "a box is nowhere wider than its first row");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::choices choose{{data, size}};
    using enum packet::link_type;
    const auto link =
        choose.one_of({ethernet, ethernet, ethernet, raw_ip, null_loopback, linux_cooked, linux_cooked_v2});
    const std::size_t lost = choose.below(4) == 1 ? choose.below(64) : 0;
    const auto rest = choose.take(size);
    const std::vector<std::uint8_t> copy{rest.begin(), rest.end()};  // of exactly its size
    check_frame(packet::dissect(fuzz::as_bytes(copy), copy.size() + lost, link));
    return 0;
}

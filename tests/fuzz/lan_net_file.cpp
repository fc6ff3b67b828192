// tests/fuzz/lan_net_file.cpp: any text as a network
// SPDX-License-Identifier: MIT
//
// A text is refused with a line that it has, or it makes a network. The network then does what the text says, within a bound
// of events. Every IP packet on a cable has a right checksum, and a second network of the same text sends the same bytes. All
// drawings are made, and hold nothing that harms a terminal.

#include "fuzz.hpp"

#include <algorithm>
#include <sstream>
#include <string>

#include <netnotes/lan/draw.hpp>
#include <netnotes/lan/net_file.hpp>
#include <netnotes/lan/print.hpp>
#include <netnotes/lan/svg.hpp>

namespace lan = netnotes::lan;
namespace packet = netnotes::packet;
using fuzz::require;

namespace {

void check_text(const std::string& text) {
    require(netnotes::visible(text).size() - text.size() ==
                static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')),
            "a text is safe for a terminal");  // visible() writes a line's end as two characters
}

/// Plays a text. Returns the capture, or the message of the refusal.
std::string play(std::string_view text, bool draws) {
    lan::network net;
    net.keep_passages(5000);
    std::ostringstream out;
    try {
        lan::scenario script{net, text};
        for (std::size_t i = 0; i < std::min<std::size_t>(script.size(), 20); ++i) {
            const std::string result = script.perform(i, 2000);
            if (draws) check_text(result), check_text(script.statement(i) + "\n");
        }
    } catch (const lan::net_file_error& error) {
        const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
        require(error.line() >= 1 && error.line() <= lines, "the line of an error exists");
        if (draws) check_text(std::string{error.what()} + "\n");
        out << error.what();
    }
    for (const lan::passage& each : net.passages()) {
        const auto frame = packet::dissect(each.frame.bytes());
        if (const auto header = frame.ipv4())
            require(header->header_checksum_state() == packet::checksum_state::good, "a checksum of IP is right");
        require(frame.checksum_state() != packet::checksum_state::bad, "a checksum of a transport is right");
    }
    if (draws) {
        const auto few = net.passages().first(std::min<std::size_t>(net.passages().size(), 100));
        for (const std::string& drawn : {lan::map_text(net), lan::sequence_diagram(net, few), lan::witnesses(net, few),
                                         lan::addresses(few), lan::hops(few), lan::all_tables(net), lan::svg(net, few)})
            check_text(drawn);
    }
    net.save(out);
    return out.str();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 4096) return 0;
    const std::string text{reinterpret_cast<const char*>(data), size};
    require(play(text, true) == play(text, false), "equal texts make equal networks");
    return 0;
}

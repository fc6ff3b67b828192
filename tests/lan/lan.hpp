// What the tests of lan share.
// SPDX-License-Identifier: MIT

#pragma once

#include "../catch.hpp"

#include <netnotes/lan.hpp>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace net = netnotes;
namespace lan = netnotes::lan;
namespace packet = netnotes::packet;
using namespace net::literals;
using namespace std::chrono_literals;
using namespace std::string_literals;

inline net::ipv4_address ip(std::string_view text) { return net::ipv4_address{text}; }

/// The capture file of a network, as a text of bytes.
inline std::string capture_of(const lan::network& net) {
    std::ostringstream file;
    net.save(file);
    return file.str();
}

/// Returns how many frames have arrived at a node, those for others included.
inline std::size_t seen_by(const lan::network& net, std::string_view name) {
    std::size_t count = 0;
    for (const auto& each : net.passages()) count += arrives(each.fate) && each.receiver().name() == name;
    return count;
}

/// Counts the frames of a network whose headers or checksums are not right.
inline std::size_t broken_frames(const lan::network& net) {
    std::size_t count = 0;
    for (const auto& each : net.passages()) {
        const auto frame = packet::dissect(each.frame.bytes());
        const auto header = frame.ipv4();
        const bool is_right = frame.is_whole() &&
                              (!header || header->header_checksum_state() == packet::checksum_state::good) &&
                              frame.checksum_state() != packet::checksum_state::bad;
        count += !is_right;
    }
    return count;
}

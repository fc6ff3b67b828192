// What the tests of lan's TCP share: segments of a peer that a test writes by hand.
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/lan/tcp_machine.hpp>

#include "../catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace net = netnotes;
namespace lan = netnotes::lan;
namespace packet = netnotes::packet;
using net::tcp_state;
using packet::sequence;
using packet::tcp_flag;
using packet::tcp_flags;
using namespace std::chrono_literals;
using nanoseconds = std::chrono::nanoseconds;

/// The bytes of a segment, as they would stand behind an IP header.
inline std::vector<std::byte> bytes_of(const packet::tcp& header, std::span<const std::byte> payload = {}) {
    std::vector<std::byte> bytes;
    packet::write(bytes, header, payload);
    return bytes;
}
inline packet::tcp_view view_of(std::span<const std::byte> bytes) {
    packet::packet_failure why;
    return packet::tcp_view::parse(bytes, why).value();
}
/// Byte `i` of a stream that both sides of a test know.
inline std::byte stream_byte(std::uint64_t i) { return static_cast<std::byte>((i * 7 + i / 251) & 0xff); }
inline std::vector<std::byte> stream_bytes(std::uint64_t from, std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = stream_byte(from + i);
    return bytes;
}

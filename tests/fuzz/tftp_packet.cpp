// tests/fuzz/tftp_packet.cpp: any datagram as one of TFTP, and any bytes as netascii
// SPDX-License-Identifier: MIT
//
// What parse() accepts is written again and parsed again: an equal packet. Its views lie in the datagram, so nothing was
// read beside it. A text goes through netascii and back, cut into pieces anywhere, and is the same text.

#include "fuzz.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <netnotes/tftp/netascii.hpp>
#include <netnotes/tftp/packet.hpp>

namespace tftp = netnotes::tftp;
using fuzz::require;
using bytes = std::vector<std::byte>;

namespace {

bool is_inside(const void* begin, std::size_t size, std::span<const std::byte> whole) {
    if (size == 0) return true;
    const auto* const first = static_cast<const std::byte*>(begin);
    return !std::less<>{}(first, whole.data()) && size <= whole.size() &&
           !std::less<>{}(whole.data() + whole.size() - size, first);
}

/// Calls `write` with room for just what it needs, and once with a byte less.
template <class Write>
bytes written(std::size_t most, Write write) {
    bytes room(most);
    room.resize(write(std::span{room}));
    room.shrink_to_fit();
    if (room.empty()) return room;
    bytes again(room.size());
    require(write(std::span{again}) == again.size() && again == room, "it fits where it just fits");
    require(write(std::span{again}.first(again.size() - 1)) == 0, "and not into a byte less");
    return room;
}

void check_request(const tftp::packet& packet, std::size_t size) {
    require(!packet.file_name.empty() && packet.file_name.find('\0') == packet.file_name.npos, "a request has a name");
    if (!packet.mode) return;
    const bytes again = written(tftp::max_request_size, [&](std::span<std::byte> room) {
        return tftp::write_request(room, packet.what, packet.file_name, *packet.mode, packet.options);
    });
    // Its numbers may have had leading zeros, and there may have been options that nobody knows: it grows by nothing.
    if (again.empty()) return require(size > tftp::max_request_size, "what was short enough is short enough again");
    const auto read = tftp::parse(again);
    require(read && !read->has_bad_option, "what we write can be read");
    require(read->what == packet.what && read->file_name == packet.file_name && read->mode == packet.mode &&
                read->options == packet.options,
            "a request, written again, is the same request");
}

/// NULs behind the end mean nothing.
void check_padding(std::span<const std::byte> datagram, const tftp::packet& packet) {
    bytes padded{datagram.begin(), datagram.end()};
    for (int i = 0; i < 3; ++i) {
        padded.push_back(std::byte{0});
        const auto read = tftp::parse(padded);
        require(
            read && read->options == packet.options && read->file_name == packet.file_name && read->mode == packet.mode,
            "with padding it says the same");
    }
}

void check_packet(std::span<const std::byte> datagram) {
    const auto packet = tftp::parse(datagram);
    const bool has_options =
        packet && (packet->what == tftp::opcode::option_acknowledgment || !packet->file_name.empty());
    require(tftp::begins_as_request(datagram) == (datagram.size() >= 2 && datagram[0] == std::byte{0} &&
                                                  (datagram[1] == std::byte{1} || datagram[1] == std::byte{2})),
            "a request begins with its number");
    if (has_options && datagram.back() == std::byte{0}) check_padding(datagram, *packet);
    if (!packet) return;
    require(is_inside(packet->file_name.data(), packet->file_name.size(), datagram), "the name is in the datagram");
    require(is_inside(packet->message.data(), packet->message.size(), datagram), "and so is the message");
    require(is_inside(packet->data.data(), packet->data.size(), datagram), "and so are the data");
    switch (packet->what) {
        case tftp::opcode::read_request:
        case tftp::opcode::write_request: return check_request(*packet, datagram.size());
        case tftp::opcode::data: {
            bytes again = written(tftp::data_header_size, [&](std::span<std::byte> room) {
                return tftp::write_data_header(room, packet->block);
            });
            again.insert(again.end(), packet->data.begin(), packet->data.end());
            return require(std::ranges::equal(again, datagram), "data are a header and the rest");
        }
        case tftp::opcode::acknowledgment: {
            const bytes again =
                written(4, [&](std::span<std::byte> room) { return tftp::write_acknowledgment(room, packet->block); });
            return require(std::ranges::equal(again, datagram.first(4)), "an acknowledgment has four bytes");
        }
        case tftp::opcode::error: {
            bytes again(packet->message.size() + 5);
            again.resize(tftp::write_error(again, static_cast<tftp::error>(packet->error_code), packet->message));
            const auto read = tftp::parse(again);
            require(read && read->error_code == packet->error_code && read->message == packet->message,
                    "an error, written again, says the same");
            const std::span<std::byte> small = std::span{again}.first(again.size() / 2);
            const std::size_t cut = tftp::write_error(small, tftp::error::disk_full, packet->message);
            return require(small.size() < 5 ? cut == 0 : cut == small.size(),
                           "a long message is cut, and the end kept");
        }
        case tftp::opcode::option_acknowledgment: {
            const bytes again = written(datagram.size(), [&](std::span<std::byte> room) {
                return tftp::write_option_acknowledgment(room, packet->options);
            });
            const auto read = tftp::parse(again);
            return require(read && read->options == packet->options && !read->has_bad_option,
                           "an option acknowledgment, written again, grants the same");
        }
    }
    require(false, "every kind of packet is known");
}

// ---- netascii ------------------------------------------------------------------------------------------

bytes encoded(std::span<const std::byte> text, fuzz::choices cuts) {
    bytes made;
    tftp::netascii_encoder encoder;
    for (bool goes_on = true; goes_on;) {
        const std::span<const std::byte> piece = text.first(std::min(text.size(), 1 + cuts.below(8)));
        bytes room(1 + cuts.below(8));
        const auto [taken, size] = encoder.encode(piece, room);
        require(taken <= piece.size() && size <= room.size(), "the encoder stays in its bounds");
        made.insert(made.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
        text = text.subspan(taken);
        goes_on = !text.empty() || encoder.has_rest();
    }
    return made;
}
bytes decoded(bytes text, fuzz::choices cuts) {
    bytes made;
    tftp::netascii_decoder decoder;
    for (std::span<std::byte> rest{text}; !rest.empty();) {
        std::span<std::byte> piece = rest.first(std::min(rest.size(), 1 + cuts.below(8)));
        rest = rest.subspan(piece.size());
        std::optional<std::byte> before;
        piece = piece.first(decoder.decode(piece, before));
        if (before) made.push_back(*before);
        made.insert(made.end(), piece.begin(), piece.end());
    }
    if (const auto last = decoder.finish()) made.push_back(*last);
    return made;
}

void check_netascii(std::span<const std::byte> text, fuzz::choices cuts) {
    const bytes travels = encoded(text, cuts);
    require(travels == encoded(text, fuzz::choices{{}}), "where it is cut makes no difference to the encoder");
    for (std::size_t i = 0; i < travels.size(); ++i) {
        const auto next = i + 1 < travels.size() ? travels[i + 1] : std::byte{'x'};
        if (travels[i] == std::byte{'\r'})
            require(next == std::byte{'\n'} || next == std::byte{0}, "behind CR comes LF or NUL");
    }
    require(std::ranges::equal(decoded(travels, cuts), text), "a text is the same behind the net");
    const bytes any{text.begin(), text.end()};
    require(decoded(any, cuts) == decoded(any, fuzz::choices{{}}), "nor where it is cut to the decoder");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span input{data, size};
    check_packet(fuzz::as_bytes(input));
    check_netascii(fuzz::as_bytes(input), fuzz::choices{input});
    return 0;
}

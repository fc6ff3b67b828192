// netnotes/tftp/negotiation.hpp: which options a client asks for, and which a server grants
// SPDX-License-Identifier: MIT
//
//        client                                server
//          │ blksize 1428, windowsize 64 ───>  │   grants as much as its limits allow
//          │ <── blksize 1428, windowsize 16   │   never more, and nothing that was not asked for (RFC 2347)
//
// On this page:  max_window · wishes_of · grant · is_acceptable
// Above it:      tftp/transfer.hpp

#ifndef NETNOTES_TFTP_NEGOTIATION_HPP
#define NETNOTES_TFTP_NEGOTIATION_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "packet.hpp"
#include "settings.hpp"

namespace netnotes::tftp::detail {

/// Who speaks: the end that has sent the request, or the end that has received it.
enum class role : unsigned char { client, server };

/// Returns the widest window that the settings allow. A whole window must fit into the allowed memory. All its blocks,
/// and the next block, must also have different numbers. There are 65,536 numbers, or 65,535 if they roll over to 1.
[[nodiscard]] inline std::uint16_t max_window(const settings& how, role who, std::uint16_t block_size,
                                              bool rolls_to_one) noexcept {
    constexpr std::size_t max_first_window = 64 * 1024;  // bytes, see settings::shared_port
    std::size_t room = how.max_memory;
    if (how.link_rate != 0) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(how.patience / 2).count();
        const auto time = static_cast<std::uint64_t>(std::clamp<std::int64_t>(seconds, 1, 86'400));
        room = static_cast<std::size_t>(std::min<std::uint64_t>(room, how.link_rate * std::uint64_t{time}));
    }
    if (how.shared_port && who == role::server) room = std::min(room, max_first_window);
    const std::size_t fit = room / (block_size + data_header_size);
    const std::size_t most = std::min<std::size_t>(how.window_size, rolls_to_one ? 65'534 : 65'535);
    return static_cast<std::uint16_t>(std::clamp<std::size_t>(fit, 1, most));
}

/// Returns what a client asks for. `size` is the size of the file that it writes, 0 if it reads; nullopt: it is
/// unknown.
[[nodiscard]] inline options wishes_of(const settings& how, mode what, std::optional<std::uint64_t> size) noexcept {
    options asked;
    if (!how.with_options) return asked;
    if (how.block_size != usual_block_size) asked.block_size = how.block_size;
    // The server may grant the window and not the smaller blocks.
    const std::uint16_t block_size = std::max(how.block_size, usual_block_size);
    if (const auto window = max_window(how, role::client, block_size, how.rollover == 1); window != 1)
        asked.window_size = window;
    asked.timeout = how.timeout;
    asked.rollover = how.rollover;
    // Of a text neither end knows how long it is on the other's disk.
    if (what == mode::octet) asked.transfer_size = size;
    return asked;
}

/// Returns what a server grants of `asked`. `size` is the size of the file that it sends; a server that receives
/// repeats the client's.
[[nodiscard]] inline options grant(const options& asked, const settings& how, mode what, bool is_sender,
                                   std::optional<std::uint64_t> size) noexcept {
    options granted;
    if (!how.with_options) return granted;
    if (asked.block_size) granted.block_size = std::min(*asked.block_size, how.block_size);
    const std::uint16_t block_size = granted.block_size.value_or(usual_block_size);
    granted.rollover = asked.rollover;
    if (asked.window_size)
        granted.window_size =
            std::min(*asked.window_size, max_window(how, role::server, block_size, granted.rollover == 1));
    // With a longer timeout the transfer would fail before a datagram was sent again.
    if (asked.timeout && how.patience / 2 >= std::chrono::seconds{*asked.timeout}) granted.timeout = asked.timeout;
    if (asked.transfer_size && what == mode::octet) granted.transfer_size = is_sender ? size : asked.transfer_size;
    // The first block of an empty file says the same, and curl takes a size of 0 for nonsense.
    if (is_sender && granted.transfer_size == std::uint64_t{0}) granted.transfer_size.reset();
    return granted;
}

/// Returns true if a server may grant that to a client: less than was asked for, and nothing else. The size of a file
/// that the client writes is repeated as it was (RFC 2349).
[[nodiscard]] inline bool is_acceptable(const packet& acknowledgment, const options& asked, bool is_reader) noexcept {
    const options& granted = acknowledgment.options;
    const auto fits = [](const auto& what, const auto& most) { return !what || (most && *what <= *most); };
    return asked.any() && !acknowledgment.has_bad_option && fits(granted.block_size, asked.block_size) &&
           fits(granted.window_size, asked.window_size) && (!granted.timeout || granted.timeout == asked.timeout) &&
           (!granted.rollover || granted.rollover == asked.rollover) &&
           (!granted.transfer_size || granted.transfer_size == asked.transfer_size ||
            (asked.transfer_size && is_reader));
}

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_NEGOTIATION_HPP

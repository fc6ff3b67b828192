// tests/fuzz/tftp_conversation.cpp: TFTP transfers with peers and nets as bad as the input decides
// SPDX-License-Identifier: MIT
//
// Two games, and the first byte says which:
//
//     a stranger    one transfer, and a peer who says whatever the input says, whenever. Nothing is written out of order
//                   or twice, what is sent is bounded, and after the end there is silence.
//     a net         two transfers, and the input decides of every datagram whether it arrives, when, and how often. When
//                   it is used up the net is perfect, and so both must come to an end. If a side says that the file is
//                   whole, it is.
//
// In both the disk may be full, or the file end in an error.
//
// No clock and no socket: time is what the deadlines say.

#include "fuzz.hpp"

#include "../tftp/link.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <vector>

namespace net = netnotes;
namespace tftp = netnotes::tftp;
using fuzz::choices;
using fuzz::require;
using tftp_link::bytes;
using tftp_link::lossy_link;
using tftp_link::memory_sink;
using tftp_link::memory_source;

namespace {

const net::endpoint door = lossy_link::server_door, server = lossy_link::server_port, client = lossy_link::client_port;
const net::endpoint other_port{server.address(), 4'000}, stranger{net::ipv4_address{"198.51.100.7"}, 4'000};

tftp::settings any_settings(choices& input) {
    tftp::settings how;
    how.block_size = input.one_of<std::uint16_t>({8, 9, 512, 1428});
    how.window_size = input.one_of<std::uint16_t>({1, 2, 5, 64});
    how.with_options = !input.yes();
    if (input.yes()) how.rollover = static_cast<std::uint8_t>(input.below(2));
    if (input.yes()) how.timeout = static_cast<std::uint8_t>(1 + input.below(3));
    how.dally = input.yes() ? std::chrono::seconds{10} : std::chrono::seconds{0};
    how.max_bytes = input.yes() ? 100 : 1'000'000;
    return how;
}

/// Disks are full now and then, and files cannot be read to their end.
void any_trouble(choices& input, memory_source& from, memory_sink& to) {
    switch (input.below(16)) {
        case 13: to.room = input.below(2'000); break;
        case 14: to.at_the_end = std::make_error_code(std::errc::no_space_on_device); break;
        case 15: from.fails_at = input.below(2'000); break;
        default: break;
    }
}

tftp::packet parsed(const bytes& datagram) {
    const auto packet = tftp::parse(datagram);
    require(packet.has_value(), "what was written can be read");
    return *packet;
}
bytes request(choices& input, tftp::opcode what, tftp::mode mode, const tftp::settings& how) {
    tftp::options asked;
    if (input.yes()) asked.block_size = how.block_size;
    if (input.yes()) asked.window_size = how.window_size;
    if (input.yes()) asked.timeout = how.timeout;
    if (input.yes()) asked.rollover = how.rollover;
    if (input.yes()) asked.transfer_size = input.below(300);
    bytes made(tftp::max_request_size);
    made.resize(tftp::write_request(made, what, "f", mode, asked));
    return made;
}

/// All that it wants to send now; `each` gets the datagrams. Bounded by its window, and a word for a stranger.
template <class Each>
void drain(tftp::transfer& one, Each each) {
    std::size_t sent = 0;
    for (auto out = one.next(); !out.bytes.empty(); out = one.next()) {
        require(out.segment > 0, "a run of datagrams has a size for each");
        sent += out.bytes.size();
        for (std::size_t at = 0; at < out.bytes.size(); at += out.segment) {
            const auto datagram = out.bytes.subspan(at, std::min(out.segment, out.bytes.size() - at));
            require(tftp::parse(datagram).has_value(), "only datagrams of TFTP are sent");
            each(datagram, out.to);
        }
    }
    const auto& has = one.result();
    require(sent <= std::size_t{has.window_size} * (has.block_size + 4u) + 2 * tftp::max_request_size,
            "no more than a window at once");
}
void require_silence(tftp::transfer& one, choices& input) {
    require(one.deadline() == tftp::time_point::max(), "an ended transfer waits for nothing");
    const bytes nonsense{std::byte{0}, static_cast<std::byte>(input.below(8)), std::byte{0}, std::byte{1}};
    one.receive(one.peer(), nonsense, tftp::time_point{std::chrono::hours{2}});
    require(one.next().bytes.empty() && one.has_ended(), "after the end there is silence");
}

// ---- a stranger ------------------------------------------------------------------------------------------

/// Block k consists of bytes k: so what was written tells which blocks it came from.
bytes block(std::uint64_t number, std::size_t size) {
    bytes made(4 + size, static_cast<std::byte>(number));
    made[0] = {};
    made[1] = std::byte{3};
    made[2] = static_cast<std::byte>(number >> 8);
    return made;
}
void require_order(const memory_sink& to, const tftp::outcome& has) {
    std::size_t at = 0;
    for (std::uint64_t number = 1; at < to.content.size(); ++number) {
        const std::size_t size = std::min<std::size_t>(has.block_size, to.content.size() - at);
        const auto piece = std::span{to.content}.subspan(at, size);
        require(std::ranges::all_of(piece, [&](std::byte b) { return b == static_cast<std::byte>(number); }),
                "every block is written once, in order, and but for the last one whole");
        require(number <= has.blocks, "what is written has been received");
        at += size;
    }
}

bytes anything(choices& input, const tftp::transfer& one) {
    const std::uint64_t near = (one.result().blocks + input.below(5) + 65'534) % 65'536;  // the second is the last one
    const std::size_t size = one.result().block_size;
    switch (input.below(8)) {
        case 0: return block(near, size);
        case 1: return block(near, input.below(2) == 0 ? input.below(size) : size + 1);
        case 2: {
            bytes made = block(near, 0);
            made[1] = std::byte{4};
            made[3] = static_cast<std::byte>(near);
            return made;
        }
        case 3: {
            tftp::options granted;
            if (input.yes()) granted.block_size = input.one_of<std::uint16_t>({8, 9, 512, 1428});
            if (input.yes()) granted.window_size = input.one_of<std::uint16_t>({1, 2, 5, 64});
            if (input.yes()) granted.rollover = static_cast<std::uint8_t>(input.below(2));
            if (input.yes()) granted.transfer_size = input.below(300);
            if (input.yes()) granted.timeout = static_cast<std::uint8_t>(1 + input.below(255));
            bytes made(tftp::max_request_size);
            made.resize(tftp::write_option_acknowledgment(made, granted));
            return made;
        }
        case 4: return request(input, tftp::opcode::read_request, tftp::mode::octet, {});
        case 5: {
            const auto raw = std::as_bytes(input.take(1 + input.below(40)));
            return {raw.begin(), raw.end()};
        }
        case 6: return block(input.below(65'536), size);
        default: {
            bytes made{std::byte{0}, std::byte{5}, std::byte{0}, static_cast<std::byte>(input.below(10)), std::byte{0}};
            return made;
        }
    }
}

void play_stranger(choices& input) {
    memory_source from{bytes(input.below(2'000), std::byte{'x'}), input.yes()};
    memory_sink to;
    any_trouble(input, from, to);
    const tftp::settings how = any_settings(input);
    const bool sends = input.yes();
    std::unique_ptr<tftp::transfer> one;
    if (input.yes()) {
        const bytes asked =
            request(input, sends ? tftp::opcode::read_request : tftp::opcode::write_request, tftp::mode::octet, how);
        const tftp::packet packet = parsed(asked);
        one = sends ? std::make_unique<tftp::transfer>(server, packet, from, how)
                    : std::make_unique<tftp::transfer>(server, packet, to, how);
    } else {
        one = sends ? std::make_unique<tftp::transfer>(door, "f", tftp::mode::octet, from, how)
                    : std::make_unique<tftp::transfer>(door, "f", tftp::mode::octet, to, how);
    }
    tftp::time_point now{std::chrono::hours{1}};
    one->begin(now);
    const auto ignore = [](std::span<const std::byte>, const net::endpoint&) {};
    while (!input.empty() && !one->has_ended()) {
        if (!input.yes()) drain(*one, ignore);
        if (input.below(8) == 7 && one->deadline() != tftp::time_point::max()) {
            now = std::max(now, one->deadline());
            one->expired(now);
        } else
            one->receive(input.below(8) == 7   ? stranger
                         : input.below(8) == 7 ? other_port
                                               : server,
                         anything(input, *one), now);
        require_order(to, one->result());
        if (one->has_outcome())
            require(one->result().is_whole() == to.is_finished || sends, "whole is what was finished");
    }
    for (int silences = 0; !one->has_ended(); ++silences) {
        require(silences < 200, "with nobody there it ends");
        drain(*one, ignore);
        if (one->has_ended()) break;
        require(one->deadline() != tftp::time_point::max(), "a transfer that goes on waits for a time");
        now = std::max(now, one->deadline());
        one->expired(now);
    }
    drain(*one, ignore);
    require_silence(*one, input);
}

// ---- a net -----------------------------------------------------------------------------------------------

class wire {
  public:
    explicit wire(choices& input) : input_{input} {}
    /// The next to arrive, or nothing, if one is lost.
    std::optional<bytes> next() {
        const std::size_t which = input_.below(4) == 3 ? input_.below(under_way_.size()) : 0;
        const auto place = under_way_.begin() + static_cast<std::ptrdiff_t>(which);
        const std::size_t fate = input_.below(8);
        if (fate == 7 && under_way_.size() < most) return *place;  // it comes again
        std::optional<bytes> arrives = std::move(*place);
        under_way_.erase(place);
        if (fate == 6) arrives.reset();
        return arrives;
    }
    void put(std::span<const std::byte> datagram) {
        if (under_way_.size() < most) under_way_.emplace_back(datagram.begin(), datagram.end());
    }
    [[nodiscard]] bool empty() const { return under_way_.empty(); }

  private:
    static constexpr std::size_t most = 1'000;
    choices& input_;
    std::deque<bytes> under_way_;
};

bytes content(choices& input) {
    bytes made(input.below(3'000));
    const std::uint8_t kind = input.byte();
    for (std::size_t i = 0; i < made.size(); ++i)
        made[i] = static_cast<std::byte>(kind % 2 == 0 ? i * 7 + kind : "\r\n\0a"[(i * kind + i / 3) % 4]);
    return made;
}

void play_net(choices& input) {
    const bytes whole = content(input);
    memory_source from{whole, input.yes()};
    memory_sink to;
    any_trouble(input, from, to);
    const bool uploads = input.yes();
    const tftp::mode mode = input.yes() ? tftp::mode::netascii : tftp::mode::octet;
    tftp::settings wishes = any_settings(input), limits = any_settings(input);
    std::unique_ptr<tftp::transfer> asks, answers;
    asks = uploads ? std::make_unique<tftp::transfer>(door, "f", mode, from, wishes)
                   : std::make_unique<tftp::transfer>(door, "f", mode, to, wishes);
    wire there{input}, back{input};
    const auto send_there = [&](std::span<const std::byte> datagram, const net::endpoint&) { there.put(datagram); };
    const auto send_back = [&](std::span<const std::byte> datagram, const net::endpoint&) { back.put(datagram); };
    tftp::time_point now{std::chrono::hours{1}};
    asks->begin(now);
    for (int step = 0;; ++step) {
        require(step < 100'000, "every conversation ends");
        drain(*asks, send_there);
        if (answers) drain(*answers, send_back);
        now += std::chrono::milliseconds{1};
        const bool back_first = input.below(4) == 3;
        if (!there.empty() && !(back_first && !back.empty())) {
            const auto datagram = there.next();
            if (!datagram) continue;
            if (answers) {
                answers->receive(client, *datagram, now);
                continue;
            }
            const auto packet = tftp::parse(*datagram);
            if (!packet || !packet->mode) continue;  // a word of the end, of one whom nobody has heard before
            answers = uploads ? std::make_unique<tftp::transfer>(client, *packet, to, limits)
                              : std::make_unique<tftp::transfer>(client, *packet, from, limits);
            answers->begin(now);
        } else if (!back.empty()) {
            if (const auto datagram = back.next()) asks->receive(server, *datagram, now);
        } else {
            const tftp::time_point next = std::min(asks->deadline(), answers ? answers->deadline() : asks->deadline());
            if (next == tftp::time_point::max()) break;
            now = std::max(now, next);
            if (asks->deadline() <= now) asks->expired(now);
            if (answers && answers->deadline() <= now) answers->expired(now);
        }
    }
    require(asks->has_ended() && (!answers || answers->has_ended()), "nobody waits for nothing");
    const tftp::transfer* const receiver = uploads ? answers.get() : asks.get();
    const tftp::transfer* const sender = uploads ? asks.get() : answers.get();
    if (receiver && receiver->result().is_whole()) {
        require(to.is_finished, "whole is what was finished");
        require(to.content == whole, "whole is what is equal");
    } else
        require(!to.is_finished, "what has failed is not finished");
    if (sender && sender->result().is_whole()) require(to.is_finished, "the sender believes only in what is there");
    require_silence(*asks, input);
    if (answers) require_silence(*answers, input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices input{{data, size}};
    if (input.yes())
        play_net(input);
    else
        play_stranger(input);
    return 0;
}

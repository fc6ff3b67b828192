// tests/fuzz/packet_follow.cpp: segments and fragments in any order, against a simple model
// SPDX-License-Identifier: MIT
//
// The input decides which pieces of a text arrive, when, with which bytes changed, and what is acknowledged. The model
// notes for each place which byte came first. Then every byte that is reported must be that byte, in order, and a gap
// must be a place where no byte has come. No bytes are outside before the end of the stream is certain. The memory stays
// within its bound.

#include "fuzz.hpp"

#include <array>
#include <map>
#include <optional>
#include <vector>

#include <netnotes/packet/follow.hpp>
#include <netnotes/packet/reassembly.hpp>

namespace packet = netnotes::packet;
using fuzz::require;
using kind = packet::stream_event::kind;
using bytes = std::vector<std::byte>;

namespace {

std::byte letter(std::size_t place) { return static_cast<std::byte>('a' + place * 7 % 26); }

struct half_model {
    std::map<std::uint32_t, std::byte> first;   // the byte that came first, by its number
    std::optional<std::uint32_t> next;          // what must be reported next
    bool is_finished = false;                   // its end was reported
    std::optional<std::uint32_t> acknowledged;  // the furthest
};
struct stream_model {
    std::array<half_model, 2> halves;
    std::array<std::uint32_t, 2> start{};
    std::optional<std::uint64_t> number;
};

void check_follow(fuzz::choices choose) {
    // With 6,000 bytes several streams find room, with 2,000 bytes a stream runs out of memory after a few gaps.
    const std::size_t how = choose.below(6), max_memory = how < 3 ? 6000 : 2000;
    packet::tcp_follower follower{{.max_memory = max_memory, .history = std::array{0u, 16u, 300u}[how % 3]}};
    std::array<stream_model, 3> models;
    for (auto& model : models) model.start = {0xffff'ffc0, 7};
    std::map<std::uint64_t, std::size_t> known;  // stream number to model
    std::size_t at_hand = 0;
    const auto handle = [&](const packet::stream_event& event) {
        if (event.what == kind::opened) {
            known[event.stream.number] = at_hand;
            models[at_hand].number = event.stream.number;
            for (half_model& half : models[at_hand].halves) half = {};
            return;
        }
        require(known.count(event.stream.number) == 1, "a stream is opened first");
        stream_model& model = models[known[event.stream.number]];
        require(event.stream.client.port() < 1003 || event.stream.server.port() < 1003, "the client has its port");
        // The side of the stream need not be that of the model: the follower may have seen the server first.
        const std::size_t side =
            (event.side == packet::stream_side::client) == (event.stream.client.port() >= 1000) ? 0 : 1;
        half_model& half = model.halves[side];
        if (event.what == kind::dropped) {
            known.erase(event.stream.number);
            return;
        }
        if (event.what == kind::finished) half.is_finished = true;
        if (event.what == kind::data || event.what == kind::gap)
            require(!half.is_finished, "nothing follows the end");
        if (event.what == kind::data) {
            require(!event.bytes.empty() && event.size == event.bytes.size(), "data are not empty");
            require(!half.next || *half.next == event.at.to_uint(), "data come in order");
            for (std::size_t i = 0; i < event.size; ++i) {
                const auto found = half.first.find(event.at.to_uint() + static_cast<std::uint32_t>(i));
                require(found != half.first.end() && found->second == event.bytes[i], "the first byte wins");
            }
        }
        if (event.what == kind::gap) {
            require(event.size > 0, "a gap is not empty");
            require(!half.next || *half.next == event.at.to_uint(), "a gap comes in order");
            for (std::size_t i = 0; i < event.size; ++i)
                require(half.first.count(event.at.to_uint() + static_cast<std::uint32_t>(i)) == 0, "a gap is empty");
        }
        if (event.what == kind::data || event.what == kind::gap)
            half.next = event.at.to_uint() + static_cast<std::uint32_t>(event.size);
    };
    while (!choose.empty()) {
        at_hand = choose.below(models.size());
        stream_model& model = models[at_hand];
        const std::size_t side = choose.below(2), what = choose.below(16);
        const std::uint32_t place = static_cast<std::uint32_t>(choose.below(200));
        const std::size_t size = what < 2 ? 0 : choose.below(what == 2 ? 256 : 24);
        const std::uint32_t number = model.start[side] + 1 + place;
        packet::tcp_flags flags = packet::tcp_flag::ack;
        if (what == 0) flags = packet::tcp_flag::syn;
        if (what == 1) flags = packet::tcp_flag::fin | packet::tcp_flag::ack;
        if (what == 3 && choose.below(4) == 1) flags = packet::tcp_flag::fin | packet::tcp_flag::ack;
        if (what == 15 && choose.below(8) == 1) flags = packet::tcp_flag::rst;
        bytes segment(20 + size);
        const std::uint16_t client = static_cast<std::uint16_t>(1000 + at_hand);
        packet::detail::store_16(segment.data(), side == 0 ? client : std::uint16_t{80});
        packet::detail::store_16(segment.data() + 2, side == 0 ? std::uint16_t{80} : client);
        packet::detail::store_32(segment.data() + 4, what == 0 ? model.start[side] : number);
        packet::detail::store_32(segment.data() + 8,
                                 model.start[1 - side] + 1 + static_cast<std::uint32_t>(choose.below(220)));
        segment[12] = std::byte{0x50};
        segment[13] = std::byte{flags.to_uint()};
        for (std::size_t i = 0; i < size; ++i) segment[20 + i] = letter(place + i);
        if (size > 0 && choose.below(8) == 1) segment[20 + choose.below(size)] = std::byte{'!'};
        const netnotes::ip_address near = netnotes::ipv4_address{1}, far = netnotes::ipv4_address{2};
        packet::packet_failure why;
        const auto header = packet::tcp_view::parse(segment, why);
        require(header.has_value(), "the header is right");
        // The model learns of the bytes before the follower does. A new stream on the ports would forget them, and the
        // handler cannot tell before: so it is asked for its number afterwards.
        const auto before = model.halves;
        if (what != 0 && !flags.rst())
            for (std::size_t i = 0; i < size; ++i)
                model.halves[side].first.try_emplace(number + static_cast<std::uint32_t>(i), segment[20 + i]);
        const bytes content{segment.begin() + 20, segment.end()};
        const auto was = model.number;
        bool is_ignored = false;
        follower.add({side == 0 ? near : far, side == 0 ? far : near, *header, size},
                     [&](const packet::stream_event& event) {
                         handle(event);
                         if (event.what == kind::outside && event.size > 0 && !flags.rst()) {  // not only a FIN
                             const half_model& half = model.halves[side];
                             const std::uint32_t end = number + static_cast<std::uint32_t>(size);
                             require(half.is_finished ||
                                         (flags.fin() && event.at.to_uint() == end && half.next.value_or(end) == end),
                                     "only an end without a gap before it puts bytes outside");
                             is_ignored = half.is_finished;
                         }
                         if (event.what == kind::opened && what != 0 && !flags.rst())
                             for (std::size_t i = 0; i < content.size(); ++i)
                                 models[at_hand].halves[side].first.try_emplace(number + static_cast<std::uint32_t>(i),
                                                                                content[i]);
                     });
        // A segment that was outside has not come. A keep-alive has no byte of the stream.
        const bool is_keep_alive =
            size == 1 && before[side].next.value_or(number) == number + 1 && before[side].first.count(number) == 0;
        if (was == model.number && (is_ignored || is_keep_alive)) model.halves[side].first = before[side].first;
        require(follower.memory() <= max_memory, "the memory has its bound");
    }
    follower.finish(handle);
    follower.finish([](const packet::stream_event&) { require(false, "nothing is left after the end"); });
}

void check_reassembly(fuzz::choices choose) {
    packet::reassembler fragments{{.max_memory = 4000, .timeout = std::chrono::seconds{5}}};
    struct model {
        std::map<std::uint32_t, std::byte> first;
    };
    std::array<model, 3> models;
    packet::capture_time now{};
    while (!choose.empty()) {
        now += std::chrono::milliseconds{choose.below(16)};
        const std::size_t which = choose.below(models.size());
        const std::uint32_t offset = static_cast<std::uint32_t>(choose.below(16) * 8);
        const bool has_more = choose.below(4) != 1;
        const std::size_t size = has_more ? 8 + choose.below(8) * 8 : 1 + choose.below(40);
        bytes content(size);
        for (std::size_t i = 0; i < size; ++i) content[i] = letter(offset + i);
        if (choose.below(8) == 1) content[choose.below(size)] = std::byte{'!'};
        const bool is_v6 = which == 2;
        const netnotes::ip_address from =
            is_v6 ? netnotes::ip_address{netnotes::ipv6_address::loopback()} : netnotes::ip_address{};
        const auto result = fragments.add({.source = from,
                                           .destination = from,
                                           .identification = static_cast<std::uint32_t>(which),
                                           .protocol = packet::ip_protocol::udp,
                                           .offset = offset,
                                           .has_more = has_more,
                                           .payload = content},
                                          now);
        require(fragments.memory() <= 4000, "the memory has its bound");
        if (result.dropped_packets > 0)  // which of them is not told: so the model forgets all, and knows less
            for (model& each : models) each.first.clear();
        using outcome = packet::reassembly::outcome;
        if (result.what == outcome::refused) {
            require(!result.failure.message().empty(), "a refusal has its reason");
            continue;
        }
        if (result.what == outcome::discarded) {
            require(is_v6, "only packets of IPv6 are discarded");
            continue;
        }
        auto& first = models[which].first;
        for (std::size_t i = 0; i < size; ++i) first.try_emplace(offset + static_cast<std::uint32_t>(i), content[i]);
        if (!result.is_complete()) continue;
        for (std::uint32_t i = 0; i < result.payload.size(); ++i) {
            const auto found = first.find(i);
            require(result.payload[i] == letter(i) || result.payload[i] == std::byte{'!'},
                    "the bytes are the sender's");
            if (found != first.end() && result.dropped_packets == 0 && first.size() == result.payload.size())
                require(found->second == result.payload[i], "the first byte wins");
        }
        first.clear();
    }
    fragments.drop_expired(now + std::chrono::hours{1});
    require(fragments.memory() == 0 && fragments.size() == 0, "nothing is left");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span input{data, size};
    check_follow(fuzz::choices{input});
    check_reassembly(fuzz::choices{input});
    return 0;
}

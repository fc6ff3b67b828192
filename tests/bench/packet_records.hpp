// tests/bench/packet_records.hpp: the packets that the benchmarks of packet read, and how netnotes reads them
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/packet.hpp>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

namespace packet = netnotes::packet;

namespace {

constexpr std::size_t packet_count = 4000;

/// Records one behind the other: four bytes with the size, then the frame.
std::vector<std::byte> generate() {
    std::mt19937 random{1};
    const auto draw = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random()) % below; };
    std::vector<std::byte> all;
    for (std::size_t i = 0; i < packet_count; ++i) {
        const packet::ethernet link{.destination = packet::mac_address{0x0200'5e00'0000u + draw(1000)},
                                    .source = packet::mac_address{0x0200'5e00'0000u + draw(1000)}};
        const packet::ipv4 four{.identification = static_cast<std::uint16_t>(random()),
                                .time_to_live = static_cast<std::uint8_t>(1 + draw(255)),
                                .source = netnotes::ipv4_address{static_cast<std::uint32_t>(random())},
                                .destination = netnotes::ipv4_address{static_cast<std::uint32_t>(random())}};
        const packet::tcp segment{.source_port = static_cast<std::uint16_t>(random()),
                                  .destination_port = 443,
                                  .sequence_number = packet::sequence{static_cast<std::uint32_t>(random())},
                                  .acknowledgment_number = packet::sequence{static_cast<std::uint32_t>(random())},
                                  .flags = packet::tcp_flag::ack,
                                  .window = static_cast<std::uint16_t>(random()),
                                  .options = packet::tcp_options{}.no_operation().no_operation().timestamps(
                                      static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()))};
        const packet::udp query{.source_port = static_cast<std::uint16_t>(random()), .destination_port = 53};
        std::vector<std::byte> data(draw(16) < 2 ? 1400 : draw(100));
        for (auto& each : data) each = static_cast<std::byte>(random());
        std::vector<std::byte> frame;
        const std::uint32_t kind = draw(32);
        if (kind < 22)
            packet::write(frame, link, four, segment, data);
        else if (kind < 28)
            packet::write(frame, link, four, query, data);
        else if (kind < 30)
            packet::write(frame, link,
                          packet::ipv6{.source = netnotes::ipv6_address{"2001:db8::1"},
                                       .destination = netnotes::ipv6_address{"2001:db8::2"}},
                          segment, data);
        else if (kind < 31)
            packet::write(frame, link, four, packet::icmp{}, data);
        else
            packet::write(frame, link, packet::arp{.sender_protocol_address = four.source});
        std::array<std::byte, 4> size{};
        packet::detail::store_32(size.data(), static_cast<std::uint32_t>(frame.size()));
        all.insert(all.end(), size.begin(), size.end());
        all.insert(all.end(), frame.begin(), frame.end());
    }
    return all;
}

/// The thirteen values that every way sums.
struct totals {
    std::uint64_t cards = 0, types = 0, addresses = 0, lifetimes = 0, protocols = 0, identifications = 0, ports = 0,
                  sequences = 0, acknowledgments = 0, flags = 0, windows = 0, payloads = 0, good = 0;
    friend bool operator==(const totals&, const totals&) = default;
};

template <class Use>
void each_record(const std::vector<std::byte>& all, const Use& use) {
    for (const std::byte *at = all.data(), *const end = at + all.size(); at != end;) {
        const std::uint32_t size = packet::detail::load_32(at);
        use(at + 4, size);
        at += 4 + size;
    }
}

// ---- By dissect() ------------------------------------------------------------------------------------------

template <bool Sums>
void by_netnotes(const std::byte* at, std::uint32_t size, totals& all) {
    const packet::frame_view frame = packet::dissect({at, size});
    if (const auto ethernet = frame.ethernet()) {
        all.cards += ethernet->destination().to_uint() + ethernet->source().to_uint();
        all.types += ethernet->type_or_length();
    }
    if (const auto ip = frame.ipv4()) {
        all.addresses += ip->source().to_uint() + std::uint64_t{ip->destination().to_uint()};
        all.lifetimes += ip->time_to_live();
        all.identifications += ip->identification();
        all.protocols += static_cast<unsigned>(frame.protocol());
        if constexpr (Sums) all.good += ip->header_checksum_state() == packet::checksum_state::good;
    } else if (const auto ipv6 = frame.ipv6()) {
        const auto source = ipv6->source().to_uint(), destination = ipv6->destination().to_uint();
        all.addresses += source.high + source.low + destination.high + destination.low;
        all.lifetimes += ipv6->hop_limit();
        all.protocols += static_cast<unsigned>(frame.protocol());
    }
    if (const auto tcp = frame.tcp()) {
        all.ports += tcp->source_port() + std::uint32_t{tcp->destination_port()};
        all.sequences += tcp->sequence_number().to_uint();
        all.acknowledgments += tcp->acknowledgment_number().to_uint();
        all.flags += tcp->flags().to_uint();
        all.windows += tcp->window();
        all.payloads += tcp->payload().size();
    } else if (const auto udp = frame.udp()) {
        all.ports += udp->source_port() + std::uint32_t{udp->destination_port()};
        all.payloads += udp->payload().size();
    } else if (const auto icmp = frame.icmp()) {
        all.flags += static_cast<unsigned>(icmp->type());
        all.payloads += icmp->payload().size();
    }
    if constexpr (Sums) all.good += frame.checksum_state() == packet::checksum_state::good;
}

void keep(const void* value) { asm volatile("" : : "g"(value) : "memory"); }  // the optimiser may not drop the work

}  // namespace

// Measures dissect() beside a loop that is written by hand for these frames only.
//
//     packet_bench                     prints nanoseconds a packet, for each way
//     packet_bench WAY ROUNDS          goes ROUNDS times through the packets, for callgrind; WAY is one of
//         walk          only goes from record to record
//         hand          reads the header fields by hand
//         hand+sums     the same, and checks every checksum
//         netnotes      reads the same fields by dissect()
//         netnotes+sums
//     packet_bench --smoke             checks that the ways agree
//
// The packets are generated, always the same: two thirds are TCP with options, a fifth is UDP, the rest is TCP over IPv6,
// ICMP and ARP. They have 277 bytes on average. Two goals: all header fields cost at most 150 instructions a packet. With
// all checksums, dissect() needs at most 1.25 times the instructions of the loop by hand. packet_instructions.sh counts.

#include <netnotes/packet.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>
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

// ---- By hand -----------------------------------------------------------------------------------------------

std::uint32_t get_16(const std::byte* at) {
    std::uint16_t value;
    std::memcpy(&value, at, 2);
    return __builtin_bswap16(value);
}
std::uint32_t get_32(const std::byte* at) {
    std::uint32_t value;
    std::memcpy(&value, at, 4);
    return __builtin_bswap32(value);
}
std::uint64_t get_64(const std::byte* at) {
    std::uint64_t value;
    std::memcpy(&value, at, 8);
    return __builtin_bswap64(value);
}
/// The sum in the order of memory: half of the words of 64 bits after the other half, with their carries.
std::uint64_t sum_by_hand(const std::byte* at, std::size_t size, std::uint64_t sum) {
    std::uint64_t word;
    std::uint64_t carries = 0;
    for (; size >= 8; at += 8, size -= 8) {
        std::memcpy(&word, at, 8);
        carries += __builtin_add_overflow(sum, word, &sum) ? 1 : 0;
    }
    word = 0;
    std::memcpy(&word, at, size);
    carries += __builtin_add_overflow(sum, word, &sum) ? 1 : 0;
    const bool carry = __builtin_add_overflow(sum, carries, &sum);
    return sum + (carry ? 1 : 0);
}
bool is_good(std::uint64_t sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

template <bool Sums>
void by_hand(const std::byte* at, std::uint32_t size, totals& all) {
    if (size < 14) return;
    all.cards += get_64(at) >> 16;
    all.cards += get_64(at + 4) & 0xffff'ffff'ffff;
    std::uint32_t type = get_16(at + 12);
    at += 14;
    size -= 14;
    while (type == 0x8100 && size >= 4) {
        type = get_16(at + 2);
        at += 4;
        size -= 4;
    }
    all.types += type;
    std::uint32_t protocol = 0;
    std::uint64_t pseudo = 0;
    if (type == 0x0800) {
        if (size < 20) return;
        const auto first = std::to_integer<std::uint32_t>(at[0]);
        const std::uint32_t header = (first & 15) * 4, total = get_16(at + 2);
        if (first >> 4 != 4 || header < 20 || header > size || total < header || total > size) return;
        all.addresses += get_32(at + 12) + std::uint64_t{get_32(at + 16)};
        all.lifetimes += std::to_integer<std::uint32_t>(at[8]);
        all.identifications += get_16(at + 4);
        protocol = std::to_integer<std::uint32_t>(at[9]);
        if constexpr (Sums) {
            all.good += is_good(sum_by_hand(at, header, 0));
            pseudo = sum_by_hand(at + 12, 8, 0) + __builtin_bswap16(static_cast<std::uint16_t>(total - header)) +
                     (protocol << 8);
        }
        const bool is_later = (get_16(at + 6) & 0x1fff) != 0;
        at += header;
        size = total - header;
        if (is_later) return;
    } else if (type == 0x86dd) {
        if (size < 40) return;
        const std::uint32_t length = get_16(at + 4);
        if (std::to_integer<std::uint32_t>(at[0]) >> 4 != 6 || length > size - 40) return;
        all.addresses += get_64(at + 8) + get_64(at + 16) + get_64(at + 24) + get_64(at + 32);
        all.lifetimes += std::to_integer<std::uint32_t>(at[7]);
        protocol = std::to_integer<std::uint32_t>(at[6]);
        if constexpr (Sums)
            pseudo =
                sum_by_hand(at + 8, 32, 0) + __builtin_bswap16(static_cast<std::uint16_t>(length)) + (protocol << 8);
        at += 40;
        size = length;
    } else {
        return;
    }
    all.protocols += protocol;
    std::uint32_t header = 8;
    if (protocol == 6) {
        if (size < 20) return;
        header = (std::to_integer<std::uint32_t>(at[12]) >> 4) * 4;
        if (header < 20 || header > size) return;
        all.ports += get_16(at) + get_16(at + 2);
        all.sequences += get_32(at + 4);
        all.acknowledgments += get_32(at + 8);
        all.flags += std::to_integer<std::uint32_t>(at[13]);
        all.windows += get_16(at + 14);
    } else if (protocol == 17) {
        if (size < 8) return;
        const std::uint32_t length = get_16(at + 4);
        if (length < 8 || length > size) return;
        all.ports += get_16(at) + get_16(at + 2);
        size = length;
    } else if (protocol == 1) {
        if (size < 8) return;
        all.flags += std::to_integer<std::uint32_t>(at[0]);
        pseudo = 0;
    } else {
        return;
    }
    all.payloads += size - header;
    if constexpr (Sums) all.good += is_good(sum_by_hand(at, size, pseudo));
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

// ---- Measuring ---------------------------------------------------------------------------------------------

totals run(std::string_view way, const std::vector<std::byte>& records) {
    totals all;
    if (way == "walk")
        each_record(records, [&](const std::byte*, std::uint32_t size) { all.payloads += size; });
    else if (way == "hand")
        each_record(records, [&](const std::byte* at, std::uint32_t size) { by_hand<false>(at, size, all); });
    else if (way == "hand+sums")
        each_record(records, [&](const std::byte* at, std::uint32_t size) { by_hand<true>(at, size, all); });
    else if (way == "netnotes")
        each_record(records, [&](const std::byte* at, std::uint32_t size) { by_netnotes<false>(at, size, all); });
    else if (way == "netnotes+sums")
        each_record(records, [&](const std::byte* at, std::uint32_t size) { by_netnotes<true>(at, size, all); });
    else
        std::exit((std::fprintf(stderr, "packet_bench: unknown way\n"), 2));
    return all;
}

void keep(const void* value) { asm volatile("" : : "g"(value) : "memory"); }  // the optimiser may not drop the work

}  // namespace

int main(int argc, char** argv) {
    const auto records = generate();
    const bool smoke = argc == 2 && std::strcmp(argv[1], "--smoke") == 0;
    if (argc == 3) {
        for (int rounds = std::atoi(argv[2]); rounds > 0; --rounds) {
            const totals all = run(argv[1], records);
            keep(&all);
        }
        return 0;
    }
    if (argc > 1 && !smoke) {
        std::fprintf(stderr, "usage: packet_bench [WAY ROUNDS | --smoke]\n");
        return 2;
    }
    if (run("hand", records) != run("netnotes", records) ||
        run("hand+sums", records) != run("netnotes+sums", records)) {
        std::fprintf(stderr, "packet_bench: the ways do not agree\n");
        return 1;
    }
    std::printf("%zu packets, %zu bytes on average\n", packet_count, records.size() / packet_count - 4);
    for (const char* way : {"walk", "hand", "netnotes", "hand+sums", "netnotes+sums"}) {
        double best = 1e9;
        for (int slice = 0; slice < (smoke ? 2 : 200); ++slice) {
            const auto start = std::chrono::steady_clock::now();
            const totals all = run(way, records);
            keep(&all);
            const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
            best = std::min(best, taken.count() / packet_count);
        }
        std::printf("%-14s %7.1f ns a packet\n", way, best);
    }
}

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

#include "packet_records.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

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

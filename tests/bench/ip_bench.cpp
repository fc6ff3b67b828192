// How fast ip.hpp reads and writes addresses, beside the C library's inet_pton() and inet_ntop().
//
//     ip_bench [--smoke]
//
// A mixed corpus, both sides in alternating slices of a few milliseconds, so that a machine that slows down
// slows both; the figure is the median of the slices' ratios. Goals: read IPv4 1.5 and IPv6 2.4 times, write
// IPv4 15 and IPv6 5 times as fast. --smoke runs a few slices and checks the results only.

#include <netnotes/ip.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace net = netnotes;

namespace {

constexpr std::size_t corpus_size = 4096;

std::vector<std::string> ipv4_corpus() {
    std::mt19937 random{1};
    std::vector<std::string> texts;
    while (texts.size() < corpus_size) {
        switch (random() % 3) {
            case 0: texts.push_back(net::ipv4_address{static_cast<std::uint32_t>(random())}.to_string()); break;
            case 1:
                texts.push_back("192.168." + std::to_string(random() % 256) + '.' + std::to_string(random() % 256));
                break;
            default: texts.push_back("10." + std::to_string(random() % 10) + ".0." + std::to_string(random() % 100));
        }
    }
    return texts;
}

std::vector<std::string> ipv6_corpus() {
    std::mt19937_64 random{2};
    std::vector<std::string> texts;
    while (texts.size() < corpus_size) {
        std::array<std::uint8_t, 16> octets{};
        for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
        switch (random() % 4) {
            case 0: break;  // all groups full
            case 1: octets = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, octets[14], octets[15]}; break;
            case 2:
                std::fill(octets.begin() + 2, octets.begin() + 8, std::uint8_t{0});
                octets[0] = 0xfe;
                octets[1] = 0x80;
                break;
            default: std::fill(octets.begin(), octets.begin() + 10, std::uint8_t{0}); octets[10] = octets[11] = 0xff;
        }
        texts.push_back(net::ipv6_address{octets}.to_string());
    }
    return texts;
}

template <class Work>
double nanoseconds_per_item(const Work& work, int rounds) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) work();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / rounds /
           corpus_size;
}

void keep(const void* value) { asm volatile("" : : "g"(value) : "memory"); }  // the optimiser may not drop the work

template <class Ours, class Theirs>
void compare(const char* what, double goal, bool smoke, const Ours& ours, const Theirs& theirs) {
    std::vector<double> ratios, our_times, their_times;
    for (int slice = 0; slice < (smoke ? 3 : 201); ++slice) {
        their_times.push_back(nanoseconds_per_item(theirs, smoke ? 1 : 8));
        our_times.push_back(nanoseconds_per_item(ours, smoke ? 1 : 8));
        ratios.push_back(their_times.back() / our_times.back());
    }
    for (auto* figures : {&ratios, &our_times, &their_times}) std::sort(figures->begin(), figures->end());
    const auto quantile = [](const std::vector<double>& sorted, double q) {
        return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
    };
    std::printf("%-12s %8.1f ns %8.1f ns %8.2f  (%.2f to %.2f) %8.1f\n", what, quantile(our_times, .5),
                quantile(their_times, .5), quantile(ratios, .5), quantile(ratios, .1), quantile(ratios, .9), goal);
}

template <class Address, class Bytes>
int measure(const char* name, int family, const std::vector<std::string>& texts, double read_goal, double write_goal,
            bool smoke) {
    std::vector<Address> addresses;
    std::vector<Bytes> bytes(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        addresses.emplace_back(std::string_view{texts[i]});
        inet_pton(family, texts[i].c_str(), &bytes[i]);
        char theirs[64];
        if (inet_ntop(family, &bytes[i], theirs, sizeof theirs) != addresses[i].to_string()) {
            std::fprintf(stderr, "%s: inet_ntop() writes %s\n", texts[i].c_str(), theirs);
            return 1;
        }
    }
    compare((std::string{"read "} + name).c_str(), read_goal, smoke,
            [&] {
                for (const auto& text : texts) {
                    auto address = Address::parse(text);
                    keep(&address);
                }
            },
            [&] {
                for (const auto& text : texts) {
                    Bytes read;
                    inet_pton(family, text.c_str(), &read);
                    keep(&read);
                }
            });
    compare((std::string{"write "} + name).c_str(), write_goal, smoke,
            [&] {
                for (const auto& address : addresses) {
                    char out[64];
                    address.to_chars(out, out + sizeof out);
                    keep(out);
                }
            },
            [&] {
                for (const auto& address : bytes) {
                    char out[64];
                    inet_ntop(family, &address, out, sizeof out);
                    keep(out);
                }
            });
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const bool smoke = argc == 2 && std::strcmp(argv[1], "--smoke") == 0;
    if (argc > 1 && !smoke) {
        std::fprintf(stderr, "usage: ip_bench [--smoke]\n");
        return 2;
    }
    std::printf("%-12s %11s %11s %8s  %-14s %8s\n", "", "netnotes", "C library", "ratio", "(10 to 90 %)", "goal");
    return measure<net::ipv4_address, in_addr>("IPv4", AF_INET, ipv4_corpus(), 1.5, 15, smoke) |
           measure<net::ipv6_address, in6_addr>("IPv6", AF_INET6, ipv6_corpus(), 2.4, 5, smoke);
}

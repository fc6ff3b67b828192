// IPv4 addresses of all 16,777,216 networks of 256: written, read back, classified, asked for their properties.
//
// In each network eight addresses are tried, the first and last of each length of the last octet and some beside them.
// In each 257th network all 256 addresses are tried. No range that is tested here ends inside a network of 256, so a
// range that begins or ends at a wrong address shows. NETNOTES_EXHAUSTIVE=1 in the environment tries all 4,294,967,296
// addresses, which takes a minute and a half of one processor.
//
// The references are the slow and obvious ones: the dotted text is put together from four decimal numbers, and
// a range is two comparisons. Two threads take half of the addresses each and report what they counted; no
// assertion of Catch2 is reached from a thread, nor a hundred million times.

#include <netnotes/ip.hpp>

#include "../catch.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace net = netnotes;

namespace {

enum property : std::size_t { private_use, loopback, multicast, reserved, link_local, documentation, properties };

struct tally {
    std::array<std::uint64_t, 5> classes{};  // A to E
    std::array<std::uint64_t, properties> holding{};
    std::uint64_t read_back = 0;
    std::string first_wrong;  // what disagreed, and at which address; empty when nothing did
};

constexpr bool between(std::uint32_t value, std::uint32_t first, std::uint32_t last) {
    return first <= value && value <= last;
}

constexpr std::size_t reference_class(std::uint32_t value) {
    const std::uint32_t octet = value >> 24;
    return octet < 128 ? 0 : octet < 192 ? 1 : octet < 224 ? 2 : octet < 240 ? 3 : 4;
}

constexpr std::array<bool, properties> reference_properties(std::uint32_t value) {
    std::array<bool, properties> holds{};
    holds[private_use] = between(value, 0x0a000000, 0x0affffff) ||  // 10.0.0.0 to 10.255.255.255
                         between(value, 0xac100000, 0xac1fffff) ||  // 172.16.0.0 to 172.31.255.255
                         between(value, 0xc0a80000, 0xc0a8ffff);    // 192.168.0.0 to 192.168.255.255
    holds[loopback] = between(value, 0x7f000000, 0x7fffffff);
    holds[multicast] = between(value, 0xe0000000, 0xefffffff);
    holds[reserved] = between(value, 0xf0000000, 0xffffffff);
    holds[link_local] = between(value, 0xa9fe0000, 0xa9feffff);       // 169.254.0.0 to 169.254.255.255
    holds[documentation] = between(value, 0xc0000200, 0xc00002ff) ||  // 192.0.2.0 to 192.0.2.255
                           between(value, 0xc6336400, 0xc63364ff) ||  // 198.51.100.0 to 198.51.100.255
                           between(value, 0xcb007100, 0xcb0071ff);    // 203.0.113.0 to 203.0.113.255
    return holds;
}

std::array<bool, properties> properties_of(net::ipv4_address address) {
    std::array<bool, properties> holds{};
    holds[private_use] = address.is_private();
    holds[loopback] = address.is_loopback();
    holds[multicast] = address.is_multicast();
    holds[reserved] = address.is_reserved();
    holds[link_local] = address.is_link_local();
    holds[documentation] = address.is_documentation();
    return holds;
}

constexpr std::array<std::uint32_t, 8> chosen_octets{0, 1, 9, 10, 99, 100, 254, 255};
constexpr std::uint32_t share = 256 / chosen_octets.size();

// Addresses whose first three octets are `from` up to, but without, `to`: `all`, or those named above. The tally counts
// all addresses, or the chosen octets.
tally examine(std::uint32_t from, std::uint32_t to, bool all) {
    std::array<std::string, 256> last_octets;
    std::array<std::uint32_t, 256> every_octet;
    std::array<bool, 256> counts{};
    for (std::uint32_t octet = 0; octet < 256; ++octet) {
        last_octets[octet] = std::to_string(octet);
        every_octet[octet] = octet;
        counts[octet] = all;
    }
    for (const std::uint32_t octet : chosen_octets) counts[octet] = true;

    tally result;
    for (std::uint32_t network = from; network < to && result.first_wrong.empty(); ++network) {
        std::array<char, 16> expected{};
        std::size_t prefix_size = 0;
        for (const int shift : {16, 8, 0}) {
            const std::string text = std::to_string(network >> shift & 0xff) + '.';
            std::memcpy(expected.data() + prefix_size, text.data(), text.size());
            prefix_size += text.size();
        }
        const bool is_whole = all || network % 257 == 0;
        for (const std::uint32_t octet : is_whole ? std::span<const std::uint32_t>{every_octet} : chosen_octets) {
            const std::uint32_t value = network << 8 | octet;
            const std::string_view last = last_octets[octet];
            std::memcpy(expected.data() + prefix_size, last.data(), last.size());
            const std::string_view expected_text{expected.data(), prefix_size + last.size()};

            const net::ipv4_address address{value};
            std::array<char, net::ipv4_address::text_capacity> buffer{};
            const auto [end, error] = address.to_chars(buffer.data(), buffer.data() + buffer.size());
            const std::string_view text{buffer.data(), static_cast<std::size_t>(end - buffer.data())};
            const auto read = net::ipv4_address::parse(text);
            const auto letter = static_cast<std::size_t>(address.address_class()) - 'A';
            const auto holds = properties_of(address);

            if (error != std::errc{} || text != expected_text)
                result.first_wrong = "written: " + std::string{expected_text};
            else if (!read || read->to_uint() != value)
                result.first_wrong = "read: " + std::string{expected_text};
            else if (letter != reference_class(value))
                result.first_wrong = "class: " + std::string{expected_text};
            else if (holds != reference_properties(value))
                result.first_wrong = "properties: " + std::string{expected_text};
            else if (counts[octet]) {
                ++result.read_back;
                ++result.classes[letter];
                for (std::size_t i = 0; i < properties; ++i) result.holding[i] += holds[i];
            }
        }
    }
    return result;
}

TEST_CASE("IPv4 addresses of all networks survive writing and reading and are told what they are") {
    const bool all = std::getenv("NETNOTES_EXHAUSTIVE") != nullptr;
    const std::uint64_t in = all ? 1 : share;  // of `in` addresses, one is counted
    tally lower, upper;
    std::thread worker{[&] { lower = examine(0, 1u << 23, all); }};
    upper = examine(1u << 23, 1u << 24, all);
    worker.join();

    CHECK(lower.first_wrong == "");
    CHECK(upper.first_wrong == "");
    CHECK(lower.read_back + upper.read_back == (1ull << 32) / in);

    // Half of all addresses are of class A, a quarter of class B, and so on: the leading bits say so.
    const auto of_class = [&](char letter) {
        const auto index = static_cast<std::size_t>(letter - 'A');
        return lower.classes[index] + upper.classes[index];
    };
    CHECK(of_class('A') == 2'147'483'648 / in);
    CHECK(of_class('B') == 1'073'741'824 / in);
    CHECK(of_class('C') == 536'870'912 / in);
    CHECK(of_class('D') == 268'435'456 / in);
    CHECK(of_class('E') == 268'435'456 / in);

    const auto with = [&](property which) { return lower.holding[which] + upper.holding[which]; };
    CHECK(with(private_use) == 17'891'328 / in);  // 2^24 + 2^20 + 2^16
    CHECK(with(loopback) == 16'777'216 / in);
    CHECK(with(multicast) == 268'435'456 / in);
    CHECK(with(reserved) == 268'435'456 / in);
    CHECK(with(link_local) == 65'536 / in);
    CHECK(with(documentation) == 768 / in);
}

}  // namespace

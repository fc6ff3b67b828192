// All 4,294,967,296 IPv4 addresses, one by one: written, read back, classified, asked for their properties.
//
// The references are the slow and obvious ones: the dotted text is put together from four decimal numbers, and
// a range is two comparisons. Two threads take half of the addresses each and report what they counted; no
// assertion of Catch2 is reached from a thread, nor four thousand million times.

#include <netnotes/ip.hpp>

#include "../catch.hpp"

#include <array>
#include <cstdint>
#include <cstring>
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

// All addresses whose first three octets are `from` up to, but without, `to`.
tally examine(std::uint32_t from, std::uint32_t to) {
    std::array<std::string, 256> last_octets;
    for (std::size_t octet = 0; octet < 256; ++octet) last_octets[octet] = std::to_string(octet);

    tally result;
    for (std::uint32_t network = from; network < to && result.first_wrong.empty(); ++network) {
        std::array<char, 16> expected{};
        std::size_t prefix_size = 0;
        for (const int shift : {16, 8, 0}) {
            const std::string text = std::to_string(network >> shift & 0xff) + '.';
            std::memcpy(expected.data() + prefix_size, text.data(), text.size());
            prefix_size += text.size();
        }
        for (std::uint32_t octet = 0; octet < 256; ++octet) {
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
            else {
                ++result.read_back;
                ++result.classes[letter];
                for (std::size_t i = 0; i < properties; ++i) result.holding[i] += holds[i];
            }
        }
    }
    return result;
}

TEST_CASE("each of all IPv4 addresses survives writing and reading and is told what it is") {
    tally lower, upper;
    std::thread worker{[&] { lower = examine(0, 1u << 23); }};
    upper = examine(1u << 23, 1u << 24);
    worker.join();

    CHECK(lower.first_wrong == "");
    CHECK(upper.first_wrong == "");
    CHECK(lower.read_back + upper.read_back == 1ull << 32);

    // Half of all addresses are of class A, a quarter of class B, and so on: the leading bits say so.
    const auto of_class = [&](char letter) {
        const auto index = static_cast<std::size_t>(letter - 'A');
        return lower.classes[index] + upper.classes[index];
    };
    CHECK(of_class('A') == 2'147'483'648);
    CHECK(of_class('B') == 1'073'741'824);
    CHECK(of_class('C') == 536'870'912);
    CHECK(of_class('D') == 268'435'456);
    CHECK(of_class('E') == 268'435'456);

    const auto with = [&](property which) { return lower.holding[which] + upper.holding[which]; };
    CHECK(with(private_use) == 17'891'328);  // 2^24 + 2^20 + 2^16
    CHECK(with(loopback) == 16'777'216);
    CHECK(with(multicast) == 268'435'456);
    CHECK(with(reserved) == 268'435'456);
    CHECK(with(link_local) == 65'536);
    CHECK(with(documentation) == 768);
}

}  // namespace

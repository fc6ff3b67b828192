// header.cpp: fills the RFC's drawing with a real segment, and flips bits of it (beyond the notes)

#include <netnotes/packet.hpp>

#include <charconv>
#include <iostream>

namespace net = netnotes;
namespace packet = netnotes::packet;

// The SYN with which a browser's connection began. ../30_wireshark/web.pcap holds the rest of the conversation.
constexpr unsigned char captured[] = {
    0x02, 0x00, 0x00, 0x00, 0x00, 0x50, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x08, 0x00,  // Ethernet
    0x45, 0x00, 0x00, 0x3c, 0x5d, 0x67, 0x40, 0x00, 0x40, 0x06, 0x59, 0xaa,              // IPv4
    192,  168,  1,    10,   192,  168,  1,    80,                                        // its addresses
    0x9f, 0xf0, 0x00, 0x50, 0x6b, 0xf7, 0x67, 0xfd, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02,
    0xfa, 0xf0, 0xc6, 0x02, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a,
    0xdd, 0x3b, 0xb1, 0xed, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x0a};

void show(std::span<const std::byte> bytes) {
    const packet::frame_view frame = packet::dissect(bytes);
    std::cout << packet::box(frame, packet::layer::tcp) << packet::summary(frame)
              << "\n检验和 (checksum): " << to_string(frame.checksum_state()) << "\n\n";
}

int main() {
    const auto original = std::as_bytes(std::span{captured});
    show(original);
    constexpr std::size_t tcp = 34;  // where the segment begins: behind 14 bytes of Ethernet and 20 bytes of IPv4
    const std::size_t bits = (original.size() - tcp) * 8;
    for (std::string line;;) {
        std::cout << "请输入要翻转的位 (bit to flip, 0 to " << bits - 1 << "): " << std::flush;
        if (!std::getline(std::cin, line)) break;
        std::size_t bit = bits;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), bit);
        if (error != std::errc{} || end != line.data() + line.size() || bit >= bits) {
            std::cout << "不是位的编号 (not the number of a bit): " << net::visible(line) << '\n';
            continue;
        }
        std::vector<std::byte> damaged{original.begin(), original.end()};
        damaged[tcp + bit / 8] ^= std::byte{0x80} >> bit % 8;  // the RFC counts from the most significant bit
        show(damaged);
    }
    std::cout << '\n';
}

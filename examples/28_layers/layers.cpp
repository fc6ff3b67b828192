// layers.cpp: unwraps an HTTP request, layer by layer and byte by byte (beyond the notes)

#include <netnotes/packet.hpp>

#include <algorithm>
#include <iomanip>
#include <iostream>

namespace packet = netnotes::packet;
using packet::layer;

// A frame as a network card received it. ../30_wireshark/web.pcap holds the conversation around it.
constexpr char captured[] =
    "\x02\x00\x00\x00\x00\x50\x02\x00\x00\x00\x00\x0a\x08\x00"                          // Ethernet
    "\x45\x00\x00\x79\x5d\x69\x40\x00\x40\x06\x59\x6b\xc0\xa8\x01\x0a\xc0\xa8\x01\x50"  // IPv4
    "\x9f\xf0\x00\x50\x6b\xf7\x67\xfe\xa0\x71\x0e\xf0\x80\x18\x00\x3f\x0f\x76\x00\x00"  // TCP
    "\x01\x01\x08\x0a\xdd\x3b\xb1\xfb\xab\x44\xe7\xd3"                                  // its options
    "GET /hello.txt HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n";

// Prints each field of a header: its place in the frame, its bytes, its name and its value.
void show(const packet::frame_view& frame, layer header) {
    const auto bytes = frame.bytes();
    std::size_t next = 0;  // several fields may share a byte: it is printed once, beside the first of them
    for (const packet::field& field : packet::all_fields) {
        const auto place = field.header == header ? packet::place_of(frame, field) : std::nullopt;
        if (!place) continue;
        std::cout << std::setw(6) << place->first_byte() << "  ";
        std::string digits;
        const std::size_t end = place->first_byte() + place->byte_count();
        for (next = std::max(next, place->first_byte()); next < end; ++next)
            for (const int shift : {4, 0})
                digits += "0123456789abcdef"[std::to_integer<int>(bytes[next]) >> shift & 15];
        std::cout << std::left << std::setw(14) << digits << std::setw(24) << field.name
                  << *packet::text_of(frame, field) << std::right << '\n';
    }
}

int main() {
    const auto bytes = std::as_bytes(std::span{captured}).first(sizeof captured - 1);  // without the literal's '\0'
    const packet::frame_view frame = packet::dissect(bytes);
    std::cout << "一帧 (a frame): " << bytes.size() << " bytes\n\n链路层 (link layer): Ethernet\n";
    show(frame, layer::ethernet);
    std::cout << "\n网络层 (internet layer): IPv4\n";
    show(frame, layer::ipv4);
    std::cout << "\n传输层 (transport layer): TCP\n";
    show(frame, layer::tcp);
    std::cout << "\n应用层 (application layer): HTTP, " << frame.payload().size() << " bytes from byte "
              << frame.payload_offset() << '\n';
    for (const std::byte byte : frame.payload()) std::cout << static_cast<char>(byte);
}

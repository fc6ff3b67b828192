#include "grader.hpp"

#include <netnotes/ip.hpp>

#include <netinet/in.h>
#include <string.h>

namespace {

namespace net = netnotes;
using grader::question;

std::string hex(const unsigned char* bytes, std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) {
        constexpr std::string_view digits = "0123456789abcdef";
        if (i > 0) out += ' ';
        (out += digits[bytes[i] >> 4]) += digits[bytes[i] & 15];
    }
    return out;
}
std::string hex(std::uint16_t value) {
    const unsigned char bytes[] = {static_cast<unsigned char>(value >> 8), static_cast<unsigned char>(value)};
    return hex(bytes, 2);
}
std::uint16_t swapped(std::uint16_t value) { return static_cast<std::uint16_t>(value << 8 | value >> 8); }

question on_the_wire(std::uint16_t port) {
    return {"port " + std::to_string(port) + " on the wire, two bytes in hex", hex(port),
            grader::either("The wire has the byte of the 256s first.", "网络上先发送高位字节。")};
}
question from_the_wire(std::uint16_t port) {
    return {"the bytes " + hex(port) + " are the port", std::to_string(port),
            grader::either("The first byte counts 256 each.", "第一个字节的每个 1 代表 256。")};
}
question forgotten(std::uint16_t port) {
    return {"a PC runs sin_port := " + std::to_string(port) + " without htons(); the kernel binds to port",
            std::to_string(swapped(port)),
            grader::either("A PC stores the low byte first, and the kernel reads the first byte as the high byte.",
                           "PC 先存低位字节，而内核把第一个字节当作高位字节。")};
}
/// The system fills the structure, so this computer decides about its bytes.
question structure(const char* address, std::uint16_t port) {
    sockaddr_in where{};
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(net::ipv4_address{address}.to_uint());
    unsigned char bytes[8];
    ::memcpy(bytes, &where, sizeof bytes);
    return {"sockaddr_in of " + std::string{address} + ":" + std::to_string(port) + ", bytes 2 to 7, in hex",
            hex(bytes + 2, 6),
            grader::either("Two bytes of port, then four of address, all in network byte order.",
                           "先是两个字节的端口，然后是四个字节的地址，都用网络字节序。")};
}
void header(std::vector<question>& all, std::uint16_t source, std::uint16_t destination, std::uint16_t length) {
    const std::string text = "UDP header " + hex(source) + " " + hex(destination) + " " + hex(length) + " 00 00: ";
    const char* const why = grader::either("Source port, destination port, length, checksum: two bytes each (RFC 768).",
                                           "源端口、目的端口、长度、校验和：各两个字节（RFC 768）。");
    all.push_back({text + "source port", std::to_string(source), why});
    all.push_back({text + "destination port", std::to_string(destination), why});
    all.push_back({text + "bytes of data", std::to_string(length - 8),
                   grader::either("The length counts the header, too: 8 bytes.", "长度包括 8 个字节的首部。")});
}
question class_of(std::uint16_t port) {
    constexpr const char* names[] = {"well-known", "registered", "dynamic"};
    return {
        "the class of port " + std::to_string(port), names[static_cast<int>(net::classify_port(port))],
        grader::either("RFC 6335: up to 1023, up to 49151, up to 65535.", "RFC 6335：到 1023，到 49151，到 65535。")};
}

std::vector<question> make(std::uint32_t seed) {
    std::vector<question> all{on_the_wire(80), on_the_wire(8080), on_the_wire(256), from_the_wire(443),
                              from_the_wire(6666)};
    all.push_back(forgotten(80));
    all.push_back(forgotten(6666));
    all.push_back(forgotten(257));
    all.push_back(structure("127.0.0.1", 8080));
    header(all, 49152, 53, 29);
    for (const int port : {1023, 1024, 49151, 49152}) all.push_back(class_of(static_cast<std::uint16_t>(port)));

    std::mt19937 random{seed};
    const auto port = [&] { return static_cast<std::uint16_t>(1024 + random() % 64512); };
    all.push_back(on_the_wire(port()));
    all.push_back(from_the_wire(port()));
    all.push_back(forgotten(port()));
    const std::string address = "10." + std::to_string(random() % 256) + "." + std::to_string(random() % 256) + ".7";
    all.push_back(structure(address.c_str(), port()));
    const std::uint16_t source = port(), destination = port();
    header(all, source, destination, static_cast<std::uint16_t>(8 + random() % 1472));
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }

// read_capture.cpp: lists the packets of a capture file, or fields of each packet (beyond the notes)
//
//     read_capture FILE              a line for each packet: number, seconds, summary
//     read_capture FILE FIELD ...    values as `tshark -T fields -e FIELD ...` prints them, with tabs between
//
// FILE may be larger than memory. If it is -, the packets come from standard input: tcpdump -U -w - | read_capture -

#include <netnotes/packet.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <iomanip>
#include <iostream>
#include <system_error>

namespace net = netnotes;
namespace packet = netnotes::packet;

int main(int argc, char** argv) try {
    if (argc < 2) {
        std::cerr << "usage: read_capture FILE [FIELD ...]\n";
        return 2;
    }
    for (int i = 2; i < argc; ++i)
        if (packet::find_field(argv[i]) == nullptr)
            throw std::runtime_error{"no field is called " + net::visible(argv[i])};
    const bool is_piped = argv[1] == std::string{"-"};
    const std::string name = is_piped ? "standard input" : argv[1];
    const int file = is_piped ? STDIN_FILENO : ::open(argv[1], O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::system_error{errno, std::generic_category(), name};

    std::optional<packet::capture_time> first;
    std::size_t number = 0;
    const auto show = [&](const packet::capture_record& record) {
        const packet::frame_view frame = packet::dissect(record.bytes, record.original_size, record.link);
        ++number;
        if (argc > 2) {
            for (int i = 2; i < argc; ++i)
                std::cout << (i > 2 ? "\t" : "") << packet::text_of(frame, argv[i]).value_or("");
            std::cout << '\n';
            return;
        }
        const packet::capture_time time = record.time.value_or(packet::capture_time{});
        if (!first) first = time;
        std::cout << std::setw(5) << number << std::fixed << std::setprecision(6) << std::setw(12)
                  << std::chrono::duration<double>(time - *first).count() << "  " << packet::summary(frame) << '\n';
    };
    std::vector<std::byte> piece(256 * 1024);
    packet::capture_reader reader;  // pcap or pcapng
    while (!reader.failure()) {
        const ssize_t size = ::read(file, piece.data(), piece.size());  // from a pipe: what has arrived
        if (size < 0) throw std::system_error{errno, std::generic_category(), name};
        if (size == 0) break;
        reader.add(std::span{piece}.first(static_cast<std::size_t>(size)));
        for (const packet::capture_record& record : reader) show(record);
        std::cout.flush();
    }
    reader.finish();
    if (reader.failure()) throw std::runtime_error{name + ": " + reader.failure().message()};
} catch (const std::exception& error) {
    std::cout.flush();
    std::cerr << "read_capture: " << error.what() << '\n';
    return 1;
}

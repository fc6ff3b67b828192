// read_capture.cpp: lists the packets of a capture file, or fields of each packet (beyond the notes)
//
//     read_capture FILE              a line for each packet: number, seconds, summary
//     read_capture FILE FIELD ...    values as `tshark -T fields -e FIELD ...` prints them, with tabs between

#include <netnotes/packet.hpp>

#include <fstream>
#include <iomanip>
#include <iostream>

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
    std::ifstream file{argv[1], std::ios::binary};
    if (!file) throw std::runtime_error{std::string{argv[1]} + ": cannot be opened"};
    const std::string content{std::istreambuf_iterator{file}, {}};

    packet::capture_reader reader{std::as_bytes(std::span{content})};  // pcap or pcapng
    std::optional<packet::capture_time> first;
    std::size_t number = 0;
    for (const packet::capture_record& record : reader) {
        const packet::frame_view frame = packet::dissect(record.bytes, record.original_size, record.link);
        ++number;
        if (argc > 2) {
            for (int i = 2; i < argc; ++i)
                std::cout << (i > 2 ? "\t" : "") << packet::text_of(frame, argv[i]).value_or("");
            std::cout << '\n';
            continue;
        }
        const packet::capture_time time = record.time.value_or(packet::capture_time{});
        if (!first) first = time;
        std::cout << std::setw(5) << number << std::fixed << std::setprecision(6) << std::setw(12)
                  << std::chrono::duration<double>(time - *first).count() << "  " << packet::summary(frame) << '\n';
    }
    if (reader.failure()) throw std::runtime_error{std::string{argv[1]} + ": " + reader.failure().message()};
} catch (const std::exception& error) {
    std::cout.flush();
    std::cerr << "read_capture: " << error.what() << '\n';
    return 1;
}

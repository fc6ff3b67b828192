// tests/fuzz/packet_capture.cpp: any bytes as a capture file
// SPDX-License-Identifier: MIT
//
// Every record and option lies in the file. A file that is cut gives the same records, up to the cut. The packets
// are written as pcapng, and as pcap, and read again: the same packets. A file in pieces of any sizes gives the records,
// offsets and failure of the whole file.

#include "fuzz.hpp"

#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <netnotes/packet/capture.hpp>

namespace packet = netnotes::packet;
using fuzz::require;
using bytes = std::vector<std::byte>;

namespace {

bool is_inside(std::span<const std::byte> part, std::span<const std::byte> whole) {
    if (part.empty()) return true;
    return !std::less<>{}(part.data(), whole.data()) && part.size() <= whole.size() &&
           !std::less<>{}(whole.data() + whole.size() - part.size(), part.data());
}
bytes bytes_of(const std::ostringstream& out) {
    const std::string text = out.str();
    const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}

struct known {
    bytes content;
    std::size_t original_size = 0;
    std::optional<packet::capture_time> time;
    std::string comment;
    std::size_t interface_index = 0;
    friend bool operator==(const known&, const known&) = default;
};

std::vector<known> read(std::span<const std::byte> file, packet::packet_failure& failure) {
    std::vector<known> all;
    packet::capture_reader reader{file};
    std::size_t last = 0;
    for (const packet::capture_record& record : reader) {
        require(is_inside(record.bytes, file), "a record lies in the file");
        require(all.empty() || record.offset > last, "records come in order");
        last = record.offset;
        for (const packet::capture_option& option : record.options)
            require(is_inside(option.value, file), "an option lies in the file");
        require(record.interface_index < reader.interfaces().size(), "the interface is known");
        const auto& interface = reader.interfaces()[record.interface_index];
        require(record.link == interface.link, "the link type is the interface's");
        require(record.comment().size() + interface.name().size() <= file.size(), "texts lie in the file");
        all.push_back({{record.bytes.begin(), record.bytes.end()},
                       record.original_size,
                       record.time,
                       std::string{record.comment()},
                       record.interface_index});
    }
    require(!reader.next(), "the end stays the end");
    failure = reader.failure();
    if (failure)
        require(!failure.message().empty() && failure.offset() <= file.size(), "a failure has place and reason");
    return all;
}

void check_cut(std::span<const std::byte> file, const std::vector<known>& all, std::size_t size) {
    const bytes beginning{file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)};
    packet::packet_failure failure;
    const auto some = read(beginning, failure);
    require(some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin()),
            "a file that is cut gives the same records");
}

/// What a reader says about a record, where it lies in memory left out.
struct seen {
    known what;
    std::size_t offset = 0;
    std::uint64_t ticks = 0;
    std::string name;
    std::size_t options = 0;
    friend bool operator==(const seen&, const seen&) = default;
};
void note(std::vector<seen>& all, packet::capture_reader& reader) {
    for (const packet::capture_record& record : reader) {
        std::size_t options = 0;
        for (const packet::capture_option& option : record.options)
            options = options * 31 + option.code + option.value.size();
        all.push_back({{{record.bytes.begin(), record.bytes.end()},
                        record.original_size,
                        record.time,
                        std::string{record.comment()},
                        record.interface_index},
                       record.offset,
                       record.ticks,
                       std::string{reader.interfaces()[record.interface_index].name()},
                       options});
    }
}
void check_pieces(std::span<const std::byte> file, std::size_t first_size, std::size_t size_of_others) {
    std::vector<seen> expected, all;
    packet::capture_reader whole{file};
    note(expected, whole);
    packet::capture_reader reader;
    std::size_t size = first_size;
    for (auto rest = file; !rest.empty(); size = size_of_others) {
        const bytes piece{rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(std::min(size, rest.size()))};
        reader.add(piece);
        note(all, reader);
        require(!reader.next() && !reader.is_cut_short(), "more bytes may come");
        rest = rest.subspan(piece.size());
    }
    reader.finish();
    note(all, reader);
    require(all == expected, "pieces give the records of the whole file");
    require(reader.failure() == whole.failure(), "and its failure");
    require(reader.is_pcapng() == whole.is_pcapng() && reader.interfaces().size() == whole.interfaces().size(),
            "and its interfaces");
    for (std::size_t i = 0; i < whole.interfaces().size(); ++i)
        require(reader.interfaces()[i].name() == whole.interfaces()[i].name(), "and their names");
}

void check_copies(const std::vector<known>& all) {
    std::ostringstream ng, old;
    packet::pcapng_writer to_ng{ng};
    packet::pcap_writer to_old{old};
    std::vector<known> expected;
    for (const known& each : all) {
        while (to_ng.add_interface({}) < each.interface_index) {
        }
        if (!each.time || each.time->time_since_epoch().count() < 0) continue;
        if (each.time->time_since_epoch().count() / 1'000'000'000 > 0xffff'ffff) continue;
        if (each.content.size() > packet::max_captured_size) continue;
        expected.push_back(each);
        to_ng.write(static_cast<std::uint32_t>(each.interface_index), *each.time, each.content,
                    {.comment = each.comment, .original_size = each.original_size});
        to_old.write(*each.time, each.content, each.original_size);
    }
    packet::packet_failure failure;
    require(read(bytes_of(ng), failure) == expected && !failure, "a pcapng file, written again, has the same packets");
    for (known& each : expected) each.comment.clear(), each.interface_index = 0;
    require(read(bytes_of(old), failure) == expected && !failure, "and so has a pcap file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto file = fuzz::as_bytes({data, size});
    packet::packet_failure failure;
    const auto all = read(file, failure);
    if (size > 0) {
        for (const std::size_t cut : {size - 1, size / 2, size - size % 7 - size / 9 % (size / 2 + 1)})
            check_cut(file, all, std::min(cut, size));
    }
    const std::size_t random = size > 0 ? data[size - 1] + size : 1;
    check_pieces(file, random % (size + 1), 1 + random % 61);
    if (size < 4000) check_pieces(file, 1, 1);
    if (all.size() < 1000 && (all.empty() || all.back().interface_index < 1000)) check_copies(all);
    return 0;
}

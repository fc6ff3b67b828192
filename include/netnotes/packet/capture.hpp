// netnotes/packet/capture.hpp: reading a capture file, whichever of the two formats it has
// SPDX-License-Identifier: MIT
//
// Two formats are in use, and their first bytes tell which one a file has:
//
//        a1 b2 c3 d4, or another of four magics    pcap, pcap.hpp
//        0a 0d 0d 0a                               pcapng, pcapng.hpp
//
//        packet::capture_reader reader{bytes};
//        for (const packet::capture_record& record : reader)
//            std::cout << record.bytes.size() << " bytes on " << reader.interfaces()[record.interface_index].name();
//        if (reader.is_cut_short()) std::cout << "the file ends within a packet";
//
// The reader takes bytes and opens no file. A program reads the file into memory, or maps it (mmap(2)).
//
// On this page:  capture_reader
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_CAPTURE_HPP
#define NETNOTES_PACKET_CAPTURE_HPP

#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <variant>

#include "pcap.hpp"
#include "pcapng.hpp"
#include "record.hpp"

namespace netnotes::packet {

/// Reads a capture file of either format that lies in memory, packet by packet. The bytes must outlive the reader and
/// its records. Different readers of the same bytes may be used in different threads.
class capture_reader {
  public:
    /// Takes the whole file. If the format is unknown, next() returns nullopt and failure() says so.
    explicit capture_reader(std::span<const std::byte> file) noexcept : reader_{chosen(file)} {}

    /// Returns the next packet. Returns nullopt at the end, and after the last packet before an error; failure() then
    /// names the error. Throws std::bad_alloc only, if the table of interfaces has no room.
    std::optional<capture_record> next() { return is_pcapng() ? pcapng()->next() : pcap()->next(); }
    /// Reads on from the record that next() would return. A record that was read is not returned again.
    [[nodiscard]] detail::record_iterator<capture_reader> begin() {
        return detail::record_iterator<capture_reader>{*this};
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns true for pcapng, false for pcap and for a file of neither format.
    [[nodiscard]] bool is_pcapng() const noexcept { return reader_.index() == 1; }
    /// Returns the interfaces that are known so far. In pcapng an interface may be described behind the first packets.
    [[nodiscard]] std::span<const capture_interface> interfaces() const noexcept {
        return is_pcapng() ? pcapng()->interfaces() : pcap()->interfaces();
    }
    /// Returns why reading ended before the end of the file. It converts to false as long as no error was met.
    [[nodiscard]] const packet_failure& failure() const noexcept {
        return is_pcapng() ? pcapng()->failure() : pcap()->failure();
    }
    /// Returns true if the file ended within a header, a record or a block. Every whole record was returned before.
    [[nodiscard]] bool is_cut_short() const noexcept { return failure().is_cut_short(); }
    /// Returns the byte order of the file, or of its section that was read last.
    [[nodiscard]] bool is_big_endian() const noexcept {
        return is_pcapng() ? pcapng()->is_big_endian() : pcap()->is_big_endian();
    }

  private:
    using either = std::variant<pcap_reader, pcapng_reader>;
    static either chosen(std::span<const std::byte> file) noexcept {
        if (!file.empty() && file[0] == std::byte{0x0a}) return pcapng_reader{file};
        return pcap_reader{file};
    }
    [[nodiscard]] pcap_reader* pcap() noexcept { return std::get_if<0>(&reader_); }
    [[nodiscard]] pcapng_reader* pcapng() noexcept { return std::get_if<1>(&reader_); }
    [[nodiscard]] const pcap_reader* pcap() const noexcept { return std::get_if<0>(&reader_); }
    [[nodiscard]] const pcapng_reader* pcapng() const noexcept { return std::get_if<1>(&reader_); }
    either reader_;
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_CAPTURE_HPP

// netnotes/packet/pcap.hpp: pcap, the capture file that every tool reads
// SPDX-License-Identifier: MIT
//
// tcpdump writes this format. A header of 24 bytes says how the rest is to be read. Then each packet follows its own
// header of 16 bytes:
//
//        0          4       6       8             16          20          24
//       ┌──────────┬───────┬───────┬─────────────┬───────────┬───────────┐
//       │ a1b2c3d4 │   2   │   4   │ 0         0 │ snapshot  │ link type │   of the file
//       └──────────┴───────┴───────┴─────────────┴───────────┴───────────┘
//       ┌──────────┬──────────┬──────────┬──────────┬──────────────────┐
//       │ seconds  │ fraction │ captured │ original │ the packet       │     of each packet
//       └──────────┴──────────┴──────────┴──────────┴──────────────────┘
//
// The numbers have the byte order of the machine that wrote them. The first number, the *magic*, tells which: its bytes
// are a1 b2 c3 d4 or d4 c3 b2 a1. The magic a1b23c4d says that the fraction counts nanoseconds instead of microseconds.
// A reader that does not know this magic loses three digits.
//
// A program that is killed while it captures leaves a file that ends within a record. That is no broken file: the
// reader returns every whole record, and then failure() is cut short.
//
// On this page:  pcap_reader · pcap_writer
// Source:        draft-ietf-opsawg-pcap
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_PCAP_HPP
#define NETNOTES_PACKET_PCAP_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <utility>

#include "bytes.hpp"
#include "record.hpp"

namespace netnotes::packet {

/// The largest packet that the common tools accept in a file whose header names no larger size: 262,144 bytes. If it
/// names a larger size, packets of that size are accepted, up to max_record_size with their header.
inline constexpr std::uint32_t max_captured_size = 262'144;

/// Reads a pcap file that lies in memory. It allocates nothing and throws nothing. The bytes must outlive the reader
/// and its records.
///
///     pcap_reader reader{bytes};
///     for (const capture_record& record : reader) …
///     if (reader.failure()) std::cerr << reader.failure().message();
class pcap_reader {
  public:
    /// Reads the header. If that fails, failure() is set and next() returns nullopt.
    constexpr explicit pcap_reader(std::span<const std::byte> file) noexcept;

    /// Returns true if the bytes begin as a pcap file does.
    [[nodiscard]] static constexpr bool recognizes(std::span<const std::byte> file) noexcept {
        return file.size() >= 4 && kind_of(file) != unknown;
    }

    /// Returns the next packet. Returns nullopt at the end, and after the first record that is cut short or malformed;
    /// failure() then says why.
    constexpr std::optional<capture_record> next() noexcept;
    /// Reads on from the record that next() would return. A record that was read is not returned again.
    [[nodiscard]] constexpr detail::record_iterator<pcap_reader> begin() noexcept {
        return detail::record_iterator<pcap_reader>{*this};
    }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns why reading ended before the end of the file. It converts to false as long as no error was met.
    [[nodiscard]] constexpr const packet_failure& failure() const noexcept { return failure_; }
    /// Returns true if the file ended within its header or within a record.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return failure_.is_cut_short(); }

    /// Returns true if the host that wrote the file stores the byte of the larger weight first.
    [[nodiscard]] constexpr bool is_big_endian() const noexcept { return (kind_ & 2) != 0; }
    /// Returns the only interface of the file, which has no name.
    [[nodiscard]] constexpr std::span<const capture_interface> interfaces() const noexcept { return {&interface_, 1}; }
    /// Returns how many bytes at the end of each packet are Ethernet's check sequence. Most files do not say: then 0.
    [[nodiscard]] constexpr std::size_t check_sequence_size() const noexcept { return check_sequence_size_; }

  private:
    friend class capture_reader;  // which reads a file piece by piece
    enum kind : unsigned { micro_little = 0, nano_little = 1, micro_big = 2, nano_big = 3, unknown = 4 };
    static constexpr kind kind_of(std::span<const std::byte> file) noexcept {
        switch (detail::number_at<std::uint32_t>(file, 0, true)) {
            case 0xa1b2c3d4: return micro_big;
            case 0xa1b23c4d: return nano_big;
            case 0xd4c3b2a1: return micro_little;
            case 0x4d3cb2a1: return nano_little;
            default: return unknown;
        }
    }
    template <class Number>
    constexpr Number load(std::size_t at) const noexcept {
        return detail::number_at<Number>(file_, at, is_big_endian());
    }
    constexpr std::nullopt_t fail(std::size_t offset, const char* pattern, std::uint32_t value = 0,
                                  std::uint32_t limit = 0) noexcept {
        failure_ = packet_failure{layer::capture, offset, pattern, value, limit};
        return std::nullopt;
    }
    constexpr std::nullopt_t cut_short(std::size_t needed) noexcept {
        needed_ = needed;
        failure_ = packet_failure::cut_short(layer::capture, position(), file_.size() - at_, needed);
        return std::nullopt;
    }
    /// Returns the place in the file of the next byte to read.
    [[nodiscard]] constexpr std::size_t position() const noexcept { return before_ + at_; }
    /// Reads on at this position of the file, in a part of the file that begins there. Forgets that bytes were missing.
    constexpr void go_on(std::span<const std::byte> part, std::size_t position) noexcept {
        file_ = part;
        at_ = 0;
        before_ = position;
        failure_ = {};
    }

    std::span<const std::byte> file_;  // the whole file, or a part of it
    std::size_t at_ = 0;
    std::size_t before_ = 0;  // bytes of the file before the part
    std::size_t needed_ = 0;  // bytes that the record has which was cut short
    kind kind_ = unknown;
    unsigned minor_version_ = 4;
    std::uint32_t largest_ = 0;  // packet
    std::size_t check_sequence_size_ = 0;
    capture_interface interface_;
    packet_failure failure_;
};

/// Writes a pcap file with nanoseconds to a stream. The numbers are little-endian on every machine, so equal packets
/// make equal files. The stream must outlive the writer. An error of the stream is the stream's: ask it, or let it
/// throw.
class pcap_writer {
  public:
    /// Writes the header. A packet longer than the snapshot length is cut, and its original size is kept.
    explicit pcap_writer(std::ostream& out, link_type link = link_type::ethernet,
                         std::uint32_t snapshot_length = max_captured_size)
        : out_{&out}, snapshot_length_{snapshot_length} {
        put(0xa1b23c4d, 2 | 4u << 16, 0, 0, snapshot_length, static_cast<std::uint32_t>(link));
    }

    /// Writes a packet of `original_size` bytes, which is the size of `bytes` if you do not say otherwise.
    /// Throws std::out_of_range for a time before 1970 or after 2106-02-07, which the file cannot hold, for an original
    /// size above 4,294,967,295, and for a record above max_record_size. Then nothing was written.
    void write(capture_time time, std::span<const std::byte> bytes, std::optional<std::size_t> original_size = {}) {
        const std::size_t original = original_size.value_or(bytes.size());
        const auto nanoseconds = time.time_since_epoch().count();
        if (nanoseconds < 0 || nanoseconds / 1'000'000'000 > 0xffff'ffff)
            throw std::out_of_range{"a pcap file holds times from 1970 to 2106 only"};
        if (original > 0xffff'ffff) throw std::out_of_range{"a pcap file holds packets below 4 GiB only"};
        bytes = bytes.first(std::min<std::size_t>(bytes.size(), snapshot_length_));
        if (bytes.size() > max_record_size - 16) throw std::out_of_range{"a record of a capture file has at most 16 MiB"};
        put(static_cast<std::uint32_t>(nanoseconds / 1'000'000'000),
            static_cast<std::uint32_t>(nanoseconds % 1'000'000'000), static_cast<std::uint32_t>(bytes.size()),
            static_cast<std::uint32_t>(original));
        out_->write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }

  private:
    template <class... Numbers>
    void put(Numbers... numbers) {
        std::array<char, 4 * sizeof...(numbers)> bytes;
        std::size_t at = 0;
        for (const std::uint32_t number : {static_cast<std::uint32_t>(numbers)...})
            for (unsigned shift = 0; shift < 32; shift += 8) bytes[at++] = static_cast<char>(number >> shift & 0xff);
        out_->write(bytes.data(), bytes.size());
    }
    std::ostream* out_;
    std::uint32_t snapshot_length_;
};

// ---- Reading -------------------------------------------------------------------------------------------

constexpr pcap_reader::pcap_reader(std::span<const std::byte> file) noexcept : file_{file} {
    if (file.size() < 4) {
        if (detail::begins_as(file, 0xa1b2c3d4) || detail::begins_as(file, 0xa1b23c4d) ||
            detail::begins_as(file, 0xd4c3b2a1) || detail::begins_as(file, 0x4d3cb2a1))
            cut_short(24);
        else
            fail(0, "the file does not begin as a pcap file does");
        return;
    }
    kind_ = kind_of(file);
    if (kind_ == unknown) {
        fail(0, "the file does not begin as a pcap file does");
        return;
    }
    if (file.size() < 24) {
        cut_short(24);
        return;
    }
    if (load<std::uint16_t>(4) != 2) {
        fail(4, "version is %, and # is known", load<std::uint16_t>(4), 2);
        return;
    }
    minor_version_ = load<std::uint16_t>(6);
    interface_.snapshot_length = load<std::uint32_t>(16);
    largest_ = std::min(std::max(interface_.snapshot_length, max_captured_size), max_record_size - 16);
    const auto link = load<std::uint32_t>(20);
    interface_.link = static_cast<link_type>(link & 0xffff);
    if ((link & 0x0400'0000) != 0) check_sequence_size_ = link >> 28 << 1;  // it is counted in 16 bits
    if ((kind_ & 1) != 0) interface_.resolution = time_resolution::nanoseconds();
    at_ = 24;
}

constexpr std::optional<capture_record> pcap_reader::next() noexcept {
    if (failure_ || at_ == file_.size()) return std::nullopt;
    const std::size_t rest = file_.size() - at_;
    if (rest < 16) return cut_short(16);
    std::size_t size = load<std::uint32_t>(at_ + 8), original_size = load<std::uint32_t>(at_ + 12);
    // Before version 2.3 the two sizes had changed places. In version 2.3 some programs wrote them one way, some the
    // other.
    if (minor_version_ < 3 || (minor_version_ == 3 && size > original_size)) std::swap(size, original_size);
    if (size > largest_)
        return fail(position() + 8, "captured size is %, above #", static_cast<std::uint32_t>(size), largest_);
    if (size > rest - 16) return cut_short(16 + size);
    detail::load_ahead(file_, at_, 16 + size);
    capture_record record;
    const std::uint64_t fraction = load<std::uint32_t>(at_ + 4);
    const std::uint64_t ticks_of_a_second = (kind_ & 1) != 0 ? 1'000'000'000 : 1'000'000;
    record.ticks = load<std::uint32_t>(at_) * ticks_of_a_second + fraction;
    record.time = interface_.resolution.at(record.ticks);
    record.bytes = file_.subspan(at_ + 16, size);
    record.original_size = original_size;
    record.link = interface_.link;
    record.offset = position();
    at_ += 16 + size;
    return record;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_PCAP_HPP

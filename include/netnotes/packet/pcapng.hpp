// netnotes/packet/pcapng.hpp: pcapng, the capture file with interfaces and comments
// SPDX-License-Identifier: MIT
//
// Wireshark writes this format. The file is a row of blocks. Each begins with its type and ends with its length again,
// so a reader can skip a block that it does not know:
//
//        4 bytes   4 bytes    length - 12 bytes, a multiple of 4                       4 bytes
//       ┌────────┬──────────┬────────────────────────────────────────────────────────┬──────────┐
//       │  type  │  length  │ fixed part │ data │ options: code, size, value; …; 0 0 │  length  │
//       └────────┴──────────┴────────────────────────────────────────────────────────┴──────────┘
//
//        0a0d0d0a   begins a section: byte order, version. Joining two files gives a file with two sections.
//        1          describes an interface: link type, snapshot length; options: its name, how long a tick is
//        6          a packet: interface, time, sizes, bytes; options: comments
//        3          a packet without a time, of the section's first interface
//        2          a packet, as older programs wrote it
//
// Interfaces are numbered anew in each section. The reader here counts them through the whole file, so that an index
// means one interface.
//
// On this page:  pcapng_reader · pcapng_writer
// Source:        draft-ietf-opsawg-pcapng
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_PCAPNG_HPP
#define NETNOTES_PACKET_PCAPNG_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "record.hpp"

namespace netnotes::packet {

/// Reads a pcapng file that lies in memory. It allocates a table of the interfaces and nothing else. A file in which the
/// descriptions of interfaces take more than max_record_size is refused, so the table stays below 80 MiB. The bytes must
/// outlive the reader and its records.
class pcapng_reader {
  public:
    /// Begins before the first block; next() reads.
    explicit pcapng_reader(std::span<const std::byte> file) noexcept : file_{file} {}

    /// Returns true if the bytes begin as a pcapng file does.
    [[nodiscard]] static constexpr bool recognizes(std::span<const std::byte> file) noexcept {
        return file.size() >= 4 && detail::number_at<std::uint32_t>(file, 0, true) == section_header;
    }

    /// Returns the next packet and takes note of the sections and interfaces before it. Returns nullopt at the end, and
    /// before the first block that is cut short or malformed; failure() then says why. Throws std::bad_alloc only.
    std::optional<capture_record> next();
    /// Reads on from the record that next() would return. A record that was read is not returned again.
    [[nodiscard]] detail::record_iterator<pcapng_reader> begin() {
        return detail::record_iterator<pcapng_reader>{*this};
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns why reading ended before the end of the file. It converts to false as long as no error was met.
    [[nodiscard]] const packet_failure& failure() const noexcept { return failure_; }
    /// Returns true if the file ended within a block.
    [[nodiscard]] bool is_cut_short() const noexcept { return failure_.is_cut_short(); }

    /// Returns the byte order of the section that was read last.
    [[nodiscard]] bool is_big_endian() const noexcept { return big_endian_; }
    /// Returns the interfaces that were described before the record that was read last, of all sections.
    [[nodiscard]] std::span<const capture_interface> interfaces() const noexcept { return interfaces_; }
    /// Returns how many sections were begun.
    [[nodiscard]] std::size_t section_count() const noexcept { return section_count_; }
    /// Returns the options of the section that was read last: comments, and the application that wrote it.
    [[nodiscard]] const capture_options& section_options() const noexcept { return section_options_; }

  private:
    friend class capture_reader;  // which reads a file piece by piece
    static constexpr std::uint32_t section_header = 0x0a0d0d0a, interface_description = 1, obsolete_packet = 2,
                                   simple_packet = 3, enhanced_packet = 6;
    struct block {
        std::uint32_t type = 0;
        std::size_t offset = 0;           // in the file
        std::span<const std::byte> body;  // between the two lengths
    };

    template <class Number>
    [[nodiscard]] Number load(std::span<const std::byte> bytes, std::size_t at) const noexcept {
        return detail::number_at<Number>(bytes, at, big_endian_);
    }
    // Each of these returns false after it has set failure_.
    bool fail(std::size_t offset, const char* pattern, std::size_t value = 0, std::uint32_t limit = 0) noexcept {
        failure_ = packet_failure{layer::capture, offset, pattern, static_cast<std::uint32_t>(value), limit};
        return false;
    }
    bool cut_short(std::size_t needed) noexcept {
        needed_ = needed;
        failure_ = packet_failure::cut_short(layer::capture, position(), file_.size() - at_, needed);
        return false;
    }
    /// Returns the place in the file of the next byte to read.
    [[nodiscard]] std::size_t position() const noexcept { return before_ + at_; }
    /// Reads on at this position of the file, in a part of the file that begins there. Forgets that bytes were missing.
    void go_on(std::span<const std::byte> part, std::size_t position) noexcept {
        file_ = part;
        at_ = 0;
        before_ = position;
        failure_ = {};
    }
    bool next_block(block& found) noexcept;
    bool read_byte_order() noexcept;
    bool read_section(const block& from) noexcept;
    bool read_interface(const block& from);
    bool read_packet(const block& from, capture_record& record) noexcept;

    std::span<const std::byte> file_;  // the whole file, or a part of it
    std::size_t at_ = 0;
    std::size_t before_ = 0;  // bytes of the file before the part
    std::size_t needed_ = 0;  // bytes that the block has which was cut short
    bool big_endian_ = false;
    std::size_t section_count_ = 0;
    std::size_t first_interface_ = 0;  // of the section
    std::size_t interface_bytes_ = 0;  // of the file, which describe interfaces
    std::vector<capture_interface> interfaces_;
    capture_options section_options_;
    packet_failure failure_;
};

/// Writes a pcapng file with one section to a stream: named interfaces, comments, times in nanoseconds. The numbers are
/// little-endian on every machine, so equal packets make equal files. The stream must outlive the writer. An error of
/// the stream is the stream's: ask it, or let it throw.
///
///     pcapng_writer writer{file, {.application = "netnotes"}};
///     const auto link = writer.add_interface({.name = "link h1–s1"});
///     writer.write(link, time, bytes, {.comment = "this frame is lost on the way"});
class pcapng_writer {
  public:
    /// The computer and the program that write the file.
    struct section {
        std::string_view comment{};      ///< UTF-8, as all texts here
        std::string_view application{};  ///< the program that writes
    };
    /// A source of packets.
    struct interface {
        std::string_view name{};
        std::string_view description{};
        std::string_view comment{};
        link_type link = link_type::ethernet;
        std::uint32_t snapshot_length = 0;  ///< a longer packet is cut; 0 means that no packet is
    };
    /// The optional parts of a record beside its bytes and its time.
    struct details {
        std::string_view comment{};
        std::optional<std::size_t> original_size{};  ///< bytes on the wire; the size of the packet if you do not say
    };

    /// Writes the section's header. Throws std::length_error for a text above 65,535 bytes, as each function here does.
    explicit pcapng_writer(std::ostream& out) : pcapng_writer{out, section{}} {}
    pcapng_writer(std::ostream& out, const section& about) : out_{&out} {
        number(0x1a2b3c4d, 4);
        number(1, 2);
        number(0, 2);
        number(std::numeric_limits<std::uint64_t>::max(), 8);  // the length of the section: not known
        text(capture_option::comment, about.comment);
        text(capture_option::section_application, about.application);
        finish(0x0a0d0d0a);
    }

    /// Describes an interface and returns its number, counted from 0. You can add interfaces at any time.
    std::uint32_t add_interface(const interface& about) {
        number(static_cast<std::uint16_t>(about.link), 2);
        number(0, 2);
        number(about.snapshot_length, 4);
        text(capture_option::comment, about.comment);
        text(capture_option::interface_name, about.name);
        text(capture_option::interface_description, about.description);
        const char resolution = static_cast<char>(time_resolution::nanoseconds().to_byte());
        text(capture_option::interface_time_resolution, {&resolution, 1});
        finish(1);
        snapshot_lengths_.push_back(about.snapshot_length);
        return static_cast<std::uint32_t>(snapshot_lengths_.size() - 1);
    }

    /// Writes a packet. Throws std::out_of_range for an interface that was not added, for a time before 1970, for an
    /// original size of 4 GiB or more, and for a block above max_record_size; then nothing was written.
    void write(std::uint32_t interface_number, capture_time time, std::span<const std::byte> bytes) {
        write(interface_number, time, bytes, details{});
    }
    void write(std::uint32_t interface_number, capture_time time, std::span<const std::byte> bytes,
               const details& more) {
        const std::size_t original = more.original_size.value_or(bytes.size());
        const auto snapshot_length = snapshot_lengths_.at(interface_number);
        if (time.time_since_epoch().count() < 0) throw std::out_of_range{"a pcapng file holds no times before 1970"};
        if (snapshot_length != 0) bytes = bytes.first(std::min<std::size_t>(bytes.size(), snapshot_length));
        if (original > 0xffff'ffff) throw std::out_of_range{"a pcapng file holds packets below 4 GiB only"};
        const std::size_t options = more.comment.empty() ? 0 : 8 + detail::padded(more.comment.size());
        if (bytes.size() > max_record_size - 32 || detail::padded(bytes.size()) + options > max_record_size - 32)
            throw std::out_of_range{"a record of a capture file has at most 16 MiB"};
        const auto ticks = static_cast<std::uint64_t>(time.time_since_epoch().count());
        number(interface_number, 4);
        number(ticks >> 32, 4);
        number(ticks, 4);
        number(bytes.size(), 4);
        number(original, 4);
        append(detail::as_text(bytes));
        text(capture_option::comment, more.comment);
        finish(6);
    }

  private:
    static constexpr std::size_t max_text_size = 65'535;
    void number(std::uint64_t value, unsigned size) {
        for (; size > 0; --size, value >>= 8) body_ += static_cast<char>(value & 0xff);
    }
    void append(std::string_view bytes) {
        body_ += bytes;
        body_.append(detail::padded(bytes.size()) - bytes.size(), '\0');
    }
    void text(std::uint16_t code, std::string_view value) {
        if (value.size() > max_text_size) {
            body_.clear();
            has_options_ = false;
            throw std::length_error{"a text in a pcapng file has at most 65,535 bytes"};
        }
        if (value.empty()) return;
        number(code, 2);
        number(value.size(), 2);
        append(value);
        has_options_ = true;
    }
    void finish(std::uint32_t type) {
        if (has_options_) number(0, 4);
        has_options_ = false;
        std::string whole;
        whole.swap(body_);
        const std::size_t length = whole.size() + 12;
        number(type, 4);
        number(length, 4);
        out_->write(body_.data(), static_cast<std::streamsize>(body_.size()));
        out_->write(whole.data(), static_cast<std::streamsize>(whole.size()));
        out_->write(body_.data() + 4, 4);
        whole.clear();
        body_.swap(whole);  // its room is used again
    }
    std::ostream* out_;
    std::string body_;
    bool has_options_ = false;
    std::vector<std::uint32_t> snapshot_lengths_;
};

// ---- Reading -------------------------------------------------------------------------------------------

/// The byte order stands in the section's header itself, behind a type that reads the same from both sides.
inline bool pcapng_reader::read_byte_order() noexcept {
    switch (detail::number_at<std::uint32_t>(file_, at_ + 8, true)) {
        case 0x1a2b3c4d: return big_endian_ = true, true;
        case 0x4d3c2b1a: return big_endian_ = false, true;
        default: return fail(position() + 8, "the section names no byte order"), false;
    }
}

inline bool pcapng_reader::next_block(block& found) noexcept {
    const std::size_t rest = file_.size() - at_;
    if (section_count_ == 0) {  // is it such a file at all?
        if (rest < 4 ? !detail::begins_as(file_, section_header) : !recognizes(file_))
            return fail(0, "the file does not begin as a pcapng file does");
    }
    if (rest < 12) return cut_short(12);
    if (detail::number_at<std::uint32_t>(file_, at_, true) == section_header && !read_byte_order()) return false;
    const auto whole = file_.subspan(at_);
    const std::size_t length = load<std::uint32_t>(whole, 4);
    if (length < 12) return fail(position() + 4, "length of the block is %, below #", length, 12);
    if (length % 4 != 0) return fail(position() + 4, "length of the block is %, no multiple of #", length, 4);
    if (length > max_record_size)
        return fail(position() + 4, "length of the block is %, above #", length, max_record_size);
    if (length > rest) return cut_short(length);
    if (load<std::uint32_t>(whole, length - 4) != length)
        return fail(position() + length - 4, "the block does not end with its length, %", length);
    found = {load<std::uint32_t>(whole, 0), position(), whole.subspan(8, length - 12)};
    at_ += length;
    return true;
}

inline bool pcapng_reader::read_section(const block& from) noexcept {
    if (from.body.size() < 16)
        return fail(from.offset + 4, "length of the section header is %, below #", from.body.size() + 12, 28);
    if (load<std::uint16_t>(from.body, 4) != 1)
        return fail(from.offset + 12, "version is %, and # is known", load<std::uint16_t>(from.body, 4), 1), false;
    ++section_count_;
    first_interface_ = interfaces_.size();
    section_options_ = capture_options{from.body.subspan(16), big_endian_};
    return true;
}

inline bool pcapng_reader::read_interface(const block& from) {
    if (from.body.size() < 8)
        return fail(from.offset + 4, "length of the interface's block is %, below #", from.body.size() + 12, 20), false;
    interface_bytes_ += from.body.size() + 12;
    if (interface_bytes_ > max_record_size)
        return fail(from.offset, "the interfaces take % bytes, above #", interface_bytes_, max_record_size), false;
    capture_interface found;
    found.link = static_cast<link_type>(load<std::uint16_t>(from.body, 0));
    found.snapshot_length = load<std::uint32_t>(from.body, 4);
    found.options = capture_options{from.body.subspan(8), big_endian_};
    if (const auto option = found.options.find(capture_option::interface_time_resolution)) {
        if (option->value.size() != 1)
            return fail(from.offset, "size of if_tsresol is %, and it should be #", option->value.size(), 1), false;
        found.resolution = time_resolution{std::to_integer<std::uint8_t>(option->value[0])};
    }
    if (const auto option = found.options.find(capture_option::interface_time_offset)) {
        if (option->value.size() != 8)
            return fail(from.offset, "size of if_tsoffset is %, and it should be #", option->value.size(), 8), false;
        found.time_offset = static_cast<std::int64_t>(load<std::uint64_t>(option->value, 0));
    }
    interfaces_.push_back(found);
    return true;
}

inline bool pcapng_reader::read_packet(const block& from, capture_record& record) noexcept {
    const bool is_simple = from.type == simple_packet, is_obsolete = from.type == obsolete_packet;
    const std::size_t fixed_size = is_simple ? 4 : 20;
    const auto& body = from.body;
    if (body.size() < fixed_size)
        return fail(from.offset + 4, "length of the packet's block is %, below #", body.size() + 12,
                    static_cast<std::uint32_t>(fixed_size + 12));
    const std::size_t number = is_simple     ? 0
                               : is_obsolete ? load<std::uint16_t>(body, 0)
                                             : load<std::uint32_t>(body, 0);
    if (number >= interfaces_.size() - first_interface_)
        return fail(from.offset + 8, "interface is %, and the section has described #", number,
                    static_cast<std::uint32_t>(interfaces_.size() - first_interface_));
    record.interface_index = first_interface_ + number;
    const capture_interface& where = interfaces_[record.interface_index];
    record.link = where.link;
    record.offset = from.offset;
    record.original_size = load<std::uint32_t>(body, fixed_size - 4);
    std::size_t size = 0;
    if (is_simple) {
        size = record.original_size;
        if (where.snapshot_length != 0) size = std::min<std::size_t>(size, where.snapshot_length);
    } else {
        record.ticks = std::uint64_t{load<std::uint32_t>(body, 4)} << 32 | load<std::uint32_t>(body, 8);
        record.time = where.resolution.at(record.ticks, where.time_offset);
        size = load<std::uint32_t>(body, 12);
    }
    if (size > body.size() - fixed_size)
        return fail(from.offset + 4 + fixed_size, "size of the packet is %, and its block has room for #", size,
                    static_cast<std::uint32_t>(body.size() - fixed_size));
    record.bytes = body.subspan(fixed_size, size);
    // Some programs forget to pad the packet if no option follows.
    const std::size_t options = std::min(fixed_size + detail::padded(size), body.size());
    if (!is_simple) record.options = capture_options{body.subspan(options), big_endian_};
    return true;
}

inline std::optional<capture_record> pcapng_reader::next() {
    std::optional<capture_record> record;  // the only thing that is returned, so nothing is copied
    block found;
    while (!failure_ && (at_ < file_.size() || section_count_ == 0)) {
        const std::size_t before = at_;
        if (!next_block(found)) break;
        detail::load_ahead(file_, before, at_ - before);
        switch (found.type) {
            case section_header: read_section(found); break;
            case interface_description: read_interface(found); break;
            case obsolete_packet:
            case simple_packet:
            case enhanced_packet:
                if (!read_packet(found, record.emplace())) record.reset();
                return record;
            default: break;  // names, statistics, secrets, and blocks of other programs
        }
    }
    return record;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_PCAPNG_HPP

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
// The reader takes bytes and opens no file. The bytes are a whole file, or they come in pieces, as read(2) gives them:
//
//        packet::capture_reader reader;
//        while (const std::size_t size = read_some(buffer)) {
//            reader.add(std::span{buffer}.first(size));
//            for (const packet::capture_record& record : reader) say(record.bytes.size());
//        }
//        reader.finish();                                       // now is_cut_short() knows
//
// So a file may be larger than memory, or a pipe into which tcpdump still writes. A record lies in the piece that was
// given. Only a record that the end of a piece cuts is copied, and completed with the beginning of the next piece:
//
//        ├─────────────── piece ──────────────┼─────────────── piece ──────────────┤
//        │ record │  record  │ record │ rec   │ ord │ record │   record   │ record  │
//                                     └── copied ─┘
//
// Pieces of 256 KiB are large enough: larger pieces are not read faster.
//
// On this page:  capture_reader
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_CAPTURE_HPP
#define NETNOTES_PACKET_CAPTURE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "pcap.hpp"
#include "pcapng.hpp"
#include "record.hpp"

namespace netnotes::packet {

/// Reads a capture file of either format, packet by packet: a file that lies in memory, or a file that comes in pieces.
/// Both give the same records, offsets and failures. Offsets count from the beginning of the file.
///
/// The bytes of a whole file must outlive the reader and its records. With pieces, a record and the texts of interfaces()
/// are valid until the next call of next(), add() or finish().
///
/// A whole file costs no memory but the table of a pcapng file's interfaces. With pieces, the reader also keeps what these
/// interfaces say, and one record: 256 KiB, or up to max_record_size for a file with larger records. It allocates as
/// bytes arrive, and not what a length claims. Different readers may be used in different threads.
class capture_reader {
  public:
    /// Begins a file that comes in pieces.
    capture_reader() noexcept : reader_{pcap_reader{{}}} { go_on({}); }
    /// Takes the whole file. If the format is unknown, next() returns nullopt and failure() says so.
    explicit capture_reader(std::span<const std::byte> file) noexcept : reader_{chosen(file)}, is_whole_{true} {}
    capture_reader(capture_reader&&) noexcept = default;
    capture_reader& operator=(capture_reader&&) noexcept = default;

    /// Gives the next piece of the file, of any size. It must stay unchanged until next() has returned nullopt. After a
    /// failure the piece is ignored. Throws std::logic_error if next() has not returned nullopt since the last piece, and
    /// if the file is whole already.
    void add(std::span<const std::byte> piece);
    /// Says that no more pieces come. If a record lacks bytes, the file is cut short: failure() says so as soon as next()
    /// has returned nullopt. Does nothing if the file is whole already.
    void finish();

    /// Returns the next packet. Returns nullopt at the end, and after the last packet before an error; failure() then
    /// names the error. With pieces, it also returns nullopt if the next packet needs another piece; failure() is then
    /// false. Throws std::bad_alloc only.
    std::optional<capture_record> next() {
        auto record = is_pcapng() ? pcapng()->next() : pcap()->next();
        if (!record && !is_whole_) record = next_of_next_part();
        return record;
    }
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
        if (!file.empty() && file[0] == std::byte{0x0a}) return either{std::in_place_type<pcapng_reader>, file};
        return either{std::in_place_type<pcap_reader>, file};
    }
    [[nodiscard]] pcap_reader* pcap() noexcept { return std::get_if<0>(&reader_); }
    [[nodiscard]] pcapng_reader* pcapng() noexcept { return std::get_if<1>(&reader_); }
    [[nodiscard]] const pcap_reader* pcap() const noexcept { return std::get_if<0>(&reader_); }
    [[nodiscard]] const pcapng_reader* pcapng() const noexcept { return std::get_if<1>(&reader_); }

    /// Where the bytes lie that the reader of the format reads now.
    enum class source : std::uint8_t { nothing, piece, room };

    [[gnu::cold]] std::optional<capture_record> next_of_next_part();
    bool begin_part();
    void leave_part();
    /// Lets the reader of the format read this part, at position_. At the beginning the part tells the format.
    void go_on(std::span<const std::byte> part) noexcept {
        if (is_pcapng())
            pcapng()->go_on(part, position_);
        else
            pcap()->go_on(part, position_);
    }
    void keep_interfaces();
    void append_to_room(std::span<const std::byte> bytes);

    either reader_;
    bool is_whole_ = false;  // nothing can come any more
    bool is_finished_ = false;
    source source_ = source::nothing;
    std::size_t position_ = 0;          // in the file, of the first byte that no part has had as a whole record
    std::size_t needed_ = 0;            // bytes from there on: more than the room has
    std::vector<std::byte> room_;       // the beginning of the record at position_
    std::span<const std::byte> piece_;  // what is behind it
    std::vector<std::unique_ptr<std::byte[]>> kept_;  // options of interfaces
    std::size_t kept_count_ = 0;                      // of these interfaces
};

// ---- Pieces --------------------------------------------------------------------------------------------

inline void capture_reader::add(std::span<const std::byte> piece) {
    if (is_whole_ || is_finished_) throw std::logic_error{"capture_reader: a piece behind the end of the file"};
    if (failure()) return;
    if (source_ != source::nothing || !piece_.empty())
        throw std::logic_error{"capture_reader: the records of the last piece are not read yet"};
    piece_ = piece;
}

inline void capture_reader::finish() {
    if (is_whole_) return;
    is_finished_ = true;
    if (source_ == source::nothing && piece_.empty()) next_of_next_part();  // nothing is left but the beginning of a record
}

inline std::optional<capture_record> capture_reader::next_of_next_part() {
    if (!begin_part()) return std::nullopt;
    return next();
}

/// Goes on to the next part: a piece, or the record that its end has cut, or what is left of the next piece. Returns
/// false if no bytes are left.
inline bool capture_reader::begin_part() {
    if (failure() && !is_cut_short()) {
        if (std::exchange(source_, source::nothing) != source::nothing) keep_interfaces();
        return false;
    }
    leave_part();
    if (piece_.empty()) {
        if (!is_finished_) return false;
        is_whole_ = true;  // so a record that lacks bytes is cut short
    }
    std::span<const std::byte> part;
    if (room_.empty()) {
        source_ = source::piece;
        part = std::exchange(piece_, {});
    } else {
        source_ = source::room;
        const std::size_t size = std::min(needed_ - room_.size(), piece_.size());
        append_to_room(piece_.first(size));
        piece_ = piece_.subspan(size);
        part = room_;
    }
    if (position_ == 0)
        reader_ = chosen(part);
    else
        go_on(part);
    return true;
}

/// Keeps what will be needed of the part that was read. Its bytes may change afterwards.
inline void capture_reader::leave_part() {
    if (source_ != source::nothing) {
        keep_interfaces();
        const auto take = [&](const auto& from) {
            position_ = from.position();
            needed_ = from.needed_;
            return from.file_.subspan(from.at_);
        };
        const auto rest = is_pcapng() ? take(*pcapng()) : take(*pcap());
        if (source_ == source::piece)
            append_to_room(rest);
        else if (rest.empty())
            room_.clear();
        source_ = source::nothing;
    }
    go_on({});
}

/// Copies the options of new interfaces, which lie in the part. Nobody asks for the options of the section.
inline void capture_reader::keep_interfaces() {
    if (!is_pcapng()) return;
    pcapng()->section_options_ = {};
    const auto added = std::span{pcapng()->interfaces_}.subspan(kept_count_);
    std::size_t size = 0;
    for (const capture_interface& each : added) size += each.options.bytes_.size();
    if (size > 0) kept_.push_back(std::make_unique<std::byte[]>(size));
    std::byte* to = size > 0 ? kept_.back().get() : nullptr;
    for (capture_interface& each : added) {
        const auto from = std::exchange(each.options.bytes_, {to, each.options.bytes_.size()});
        to = std::copy(from.begin(), from.end(), to);
    }
    kept_count_ += added.size();
}

/// Grows by what has arrived, not by what a length claims.
inline void capture_reader::append_to_room(std::span<const std::byte> bytes) {
    const std::size_t size = room_.size() + bytes.size();
    if (size > room_.capacity())
        room_.reserve(std::min<std::size_t>(std::max<std::size_t>(size * 2, max_captured_size + 64), max_record_size));
    room_.insert(room_.end(), bytes.begin(), bytes.end());
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_CAPTURE_HPP

// netnotes/packet/record.hpp: a captured packet, and the time at which it was captured
// SPDX-License-Identifier: MIT
//
// A capture file is a list of records. Each record has the bytes of a packet, its size on the wire, and a time. The
// two sizes differ if the program that captured kept only the beginning of each packet (its *snapshot length*).
//
// A time in a file is a number of ticks. How long a tick is, differs from file to file, and in pcapng from interface to
// interface. Its option if_tsresol has one byte:
//
//        bit 7       bits 6 to 0
//       ┌───┬───────────────────┐
//       │ 0 │         6         │    a tick has 10^-6 seconds, which is also what counts without the option
//       ├───┼───────────────────┤
//       │ 1 │        10         │    a tick has 2^-10 seconds
//       └───┴───────────────────┘
//
// Here every time becomes a count of nanoseconds since 1970, rounded down. The ticks remain beside it.
//
// On this page:  capture_time · time_resolution · max_record_size · capture_options · capture_interface, capture_record
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_RECORD_HPP
#define NETNOTES_PACKET_RECORD_HPP

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "bytes.hpp"
#include "names.hpp"

namespace netnotes::packet {

/// A point in time, in nanoseconds since 1970-01-01 00:00 UTC. It can name the years from 1678 to 2261.
using capture_time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// How long a tick of a capture file is. A regular value; no operation throws.
class time_resolution {
  public:
    /// Creates 10^-6 seconds, which counts where a file names no resolution.
    constexpr time_resolution() noexcept = default;
    /// Takes the byte of the option if_tsresol (draft-ietf-opsawg-pcapng §4.2). Every byte is valid.
    constexpr explicit time_resolution(std::uint8_t if_tsresol) noexcept : byte_{if_tsresol} {}
    /// Returns 10^-9 seconds.
    static constexpr time_resolution nanoseconds() noexcept { return time_resolution{9}; }

    /// Returns the resolution as the option if_tsresol writes it.
    [[nodiscard]] constexpr std::uint8_t to_byte() const noexcept { return byte_; }
    /// Returns true if the unit is a power of two, and false if it is a power of ten.
    [[nodiscard]] constexpr bool is_binary() const noexcept { return byte_ >= 0x80; }
    /// Returns n of 10^-n or 2^-n seconds, from 0 to 127.
    [[nodiscard]] constexpr unsigned exponent() const noexcept { return byte_ & 0x7fu; }

    /// Returns the time of `ticks` ticks after 1970, moved by `offset` seconds (if_tsoffset), rounded down to
    /// nanoseconds. Returns nullopt if 64 bits of nanoseconds cannot hold the time.
    [[nodiscard]] constexpr std::optional<capture_time> at(std::uint64_t ticks, std::int64_t offset = 0) const noexcept;

    friend constexpr bool operator==(time_resolution, time_resolution) noexcept = default;

  private:
    std::uint8_t byte_ = 6;
};

namespace detail {

/// Reads a number that begins at byte `at`. The bytes must be there.
template <class Number>
constexpr Number number_at(std::span<const std::byte> bytes, std::size_t at, bool big_endian) noexcept {
    return big_endian ? load<Number, std::endian::big>(bytes.data() + at)
                      : load<Number, std::endian::little>(bytes.data() + at);
}
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
/// Returns true if the bytes, fewer than four, are those with which the big-endian number begins.
constexpr bool begins_as(std::span<const std::byte> bytes, std::uint32_t number) noexcept {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != static_cast<std::byte>(number >> (24 - 8 * i))) return false;
    return true;
}
/// Returns the size that an item of pcapng takes in the file: a multiple of 4.
constexpr std::size_t padded(std::size_t size) noexcept { return (size + 3) & ~std::size_t{3}; }

}  // namespace detail

/// The largest record or block of a capture file that is read or written, with its headers: 16 MiB, which is also
/// libpcap's bound for a block. A record that claims more is malformed. So the memory that a reader of pieces needs has
/// a bound, whatever a length in the file claims.
inline constexpr std::uint32_t max_record_size = 16 << 20;

/// An option of a pcapng block: a number that says what it is, and its value without padding.
struct capture_option {
    static constexpr std::uint16_t end = 0, comment = 1, interface_name = 2, interface_description = 3,
                                   interface_time_resolution = 9, interface_time_offset = 14, section_application = 4;
    std::uint16_t code = 0;
    std::span<const std::byte> value;

    /// Returns the value as text, up to the first NUL, which some programs write at its end. The text may hold any
    /// other byte: use visible() before you print it.
    [[nodiscard]] std::string_view text() const noexcept {
        const std::string_view whole = detail::as_text(value);
        return whole.substr(0, whole.find('\0'));
    }
};

/// The options of a block, read one after the other while you iterate. A broken option ends the list: what came before
/// it stays. The bytes must outlive the list. Nothing here throws or allocates.
class capture_options {
  public:
    constexpr capture_options() noexcept = default;
    /// Takes the bytes behind a block's fixed part.
    constexpr capture_options(std::span<const std::byte> bytes, bool big_endian) noexcept
        : bytes_{bytes}, big_endian_{big_endian} {}

    /// Reads the next option with each step.
    class iterator {
      public:
        using value_type = capture_option;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr explicit iterator(const capture_options& whole) noexcept
            : rest_{whole.bytes_}, big_endian_{whole.big_endian_} {
            read();
        }
        constexpr const capture_option& operator*() const noexcept { return now_; }
        constexpr const capture_option* operator->() const noexcept { return &now_; }
        constexpr iterator& operator++() noexcept { return read(), *this; }
        constexpr void operator++(int) noexcept { read(); }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept { return a.ended_; }

      private:
        constexpr void read() noexcept {
            ended_ = true;
            if (rest_.size() < 4) return;
            now_.code = detail::number_at<std::uint16_t>(rest_, 0, big_endian_);
            const std::size_t size = detail::number_at<std::uint16_t>(rest_, 2, big_endian_);
            if (now_.code == capture_option::end || detail::padded(size) > rest_.size() - 4) return;
            now_.value = rest_.subspan(4, size);
            rest_ = rest_.subspan(4 + detail::padded(size));
            ended_ = false;
        }
        std::span<const std::byte> rest_;
        capture_option now_;
        bool big_endian_ = false, ended_ = true;
    };
    [[nodiscard]] constexpr iterator begin() const noexcept { return iterator{*this}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns the first option of this code, or nullopt.
    [[nodiscard]] constexpr std::optional<capture_option> find(std::uint16_t code) const noexcept {
        for (const capture_option& option : *this)
            if (option.code == code) return option;
        return std::nullopt;
    }
    /// Returns the text of the first option of this code, or an empty text.
    [[nodiscard]] std::string_view text(std::uint16_t code) const noexcept {
        const auto found = find(code);
        return found ? found->text() : std::string_view{};
    }

  private:
    friend class capture_reader;  // which moves the bytes
    std::span<const std::byte> bytes_;
    bool big_endian_ = false;
};

/// Where packets were captured. A pcap file has a single interface without a name.
struct capture_interface {
    link_type link{};
    std::uint32_t snapshot_length = 0;  ///< most bytes that were kept of a packet; 0 means all
    time_resolution resolution{};
    std::int64_t time_offset = 0;  ///< seconds, which every time of this interface lacks (if_tsoffset)
    capture_options options{};     ///< of pcapng

    /// Returns the name, such as `eth0`, or an empty text. Use visible() before you print it.
    [[nodiscard]] std::string_view name() const noexcept { return options.text(capture_option::interface_name); }
    [[nodiscard]] std::string_view description() const noexcept {
        return options.text(capture_option::interface_description);
    }
};

/// A captured packet. It points into the file's bytes, which must outlive it.
struct capture_record {
    std::span<const std::byte> bytes;  ///< what was captured
    std::size_t original_size = 0;     ///< bytes on the wire, at least bytes.size() in a file that tells the truth
    /// When it was captured. nullopt if the file does not say (a simple packet block), or if a capture_time cannot hold
    /// it.
    std::optional<capture_time> time{};
    std::uint64_t ticks = 0;          ///< the time as it stands in the file; see capture_interface::resolution
    std::size_t interface_index = 0;  ///< into interfaces() of the reader, counted through all sections
    link_type link{};                 ///< what the packet begins with
    capture_options options{};        ///< of pcapng
    std::size_t offset = 0;           ///< where the record begins in the file

    /// Returns true if the capture kept less of the packet than was on the wire.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return bytes.size() < original_size; }
    /// Returns the first comment, or an empty text. Use visible() before you print it.
    [[nodiscard]] std::string_view comment() const noexcept { return options.text(capture_option::comment); }
};

namespace detail {

/// The common end of the readers' loops: `for (const capture_record& record : reader)`.
template <class Reader>
class record_iterator {
  public:
    using value_type = capture_record;
    using difference_type = std::ptrdiff_t;
    constexpr record_iterator() noexcept = default;
    constexpr explicit record_iterator(Reader& reader) : reader_{&reader}, now_{reader.next()} {}
    constexpr const capture_record& operator*() const noexcept { return *now_; }
    constexpr const capture_record* operator->() const noexcept { return &*now_; }
    constexpr record_iterator& operator++() { return now_ = reader_->next(), *this; }
    constexpr void operator++(int) { now_ = reader_->next(); }
    friend constexpr bool operator==(const record_iterator& a, std::default_sentinel_t) noexcept { return !a.now_; }

  private:
    Reader* reader_ = nullptr;
    std::optional<capture_record> now_;
};

inline constexpr std::array<std::uint64_t, 20> powers_of_ten = [] {
    std::array<std::uint64_t, 20> powers{1};
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
}();

}  // namespace detail

constexpr std::optional<capture_time> time_resolution::at(std::uint64_t ticks, std::int64_t offset) const noexcept {
    constexpr std::uint64_t billion = 1'000'000'000;
    const unsigned n = exponent();
    std::uint64_t seconds = 0, nanoseconds = 0;  // nanoseconds below a billion
    if (!is_binary() && n <= 9) {
        seconds = ticks / detail::powers_of_ten[n];
        nanoseconds = ticks % detail::powers_of_ten[n] * detail::powers_of_ten[9 - n];
    } else if (!is_binary()) {
        const std::uint64_t whole = n - 9 > 19 ? 0 : ticks / detail::powers_of_ten[n - 9];
        seconds = whole / billion;
        nanoseconds = whole % billion;
    } else {
        seconds = n > 63 ? 0 : ticks >> n;
        const std::uint64_t rest = n > 63 ? ticks : ticks & ((std::uint64_t{1} << n) - 1);
        // rest * 10^9 / 2^n, where the product has up to 94 bits: its upper part holds what is above the lowest 32.
        const std::uint64_t low = (rest & 0xffff'ffff) * billion, upper = (rest >> 32) * billion + (low >> 32);
        if (n < 32)
            nanoseconds = low >> n;  // rest has fewer than 32 bits
        else if (n < 96)
            nanoseconds = upper >> (n - 32);
    }
    // The sum of seconds and offset, as its distance from 1970. Unsigned numbers hold each distance without overflow.
    const auto moved = static_cast<std::uint64_t>(offset);
    const bool is_before = offset < 0 && seconds < 0 - moved;  // 1970
    const std::uint64_t distance = is_before ? 0 - moved - seconds : seconds + moved;
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    const std::uint64_t one_more = is_before ? 1 : 0;  // there is one more negative number than positive ones
    if ((offset >= 0 && seconds > most - moved) || distance > most / billion + one_more) return std::nullopt;
    // Before 1970 the nanoseconds lead back from the second: 1.25 s before is 2 s before and 0.75 s after.
    const std::uint64_t whole = is_before ? distance * billion - nanoseconds : distance * billion + nanoseconds;
    if (whole > most + one_more) return std::nullopt;
    return capture_time{std::chrono::nanoseconds{static_cast<std::int64_t>(is_before ? 0 - whole : whole)}};
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_RECORD_HPP

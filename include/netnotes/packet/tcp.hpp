// netnotes/packet/tcp.hpp: from program to program, as a stream of numbered bytes
// SPDX-License-Identifier: MIT
//
// A TCP segment carries bytes of a stream, and says which bytes of the other direction have arrived (RFC 9293 §3.1):
//
//         0                   1                   2                   3
//         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//        ┌───────────────────────────────┬───────────────────────────────┐
//        │          source port          │       destination port        │
//        ├───────────────────────────────┴───────────────────────────────┤
//        │          sequence number: of the first byte, or of SYN        │
//        ├───────────────────────────────────────────────────────────────┤
//        │      acknowledgment number: of the next byte expected         │
//        ├───────┬───────┬─┬─┬─┬─┬─┬─┬─┬─┬───────────────────────────────┤
//        │ data  │       │C│E│U│A│P│R│S│F│            window:            │   the four bits between are reserved
//        │ offset│       │W│C│R│C│S│S│Y│I│   bytes that the sender of    │
//        │       │       │R│E│G│K│H│T│N│N│   this segment will accept    │
//        ├───────┴───────┴─┴─┴─┴─┴─┴─┴─┴─┼───────────────────────────────┤
//        │           checksum            │        urgent pointer         │
//        ├───────────────────────────────┴───────────────────────────────┤
//        │                    options, 0 to 40 bytes …                   │
//        └───────────────────────────────────────────────────────────────┘
//
// The data offset is the header's length in words of four bytes, so data begins after 20 to 60 bytes. TCP has no length
// of its own: IP's length ends the segment.
//
// Sequence numbers count modulo 2^32. After ffffffff comes 0, so "smaller" says nothing. Of two numbers that are less
// than 2^31 apart, one is before the other (RFC 9293 §3.4). That relation is no order: a can be before b, b before c,
// and c before a. The class sequence therefore has is_before(), and no operator <.
//
// On this page:  sequence · tcp_flag, tcp_flags · tcp_option · tcp_view
// The notes:     TCP报文首部, TCP三次握手

#ifndef NETNOTES_PACKET_TCP_HPP
#define NETNOTES_PACKET_TCP_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "../ip/address.hpp"
#include "checksum.hpp"
#include "names.hpp"
#include "view.hpp"

namespace netnotes::packet {

// ---- Sequence numbers ----------------------------------------------------------------------------------

/// The number of a byte in a TCP stream, modulo 2^32 (RFC 9293 §3.4). A value; comparisons other than == have names.
class sequence {
  public:
    constexpr sequence() noexcept = default;
    constexpr explicit sequence(std::uint32_t value) noexcept : value_{value} {}
    /// Returns the number.
    [[nodiscard]] constexpr std::uint32_t to_uint() const noexcept { return value_; }

    /// Moves by a count of bytes, and returns the new number. After 2^32 - 1 comes 0.
    constexpr sequence& operator+=(std::uint32_t bytes) noexcept { return value_ += bytes, *this; }
    constexpr sequence& operator-=(std::uint32_t bytes) noexcept { return value_ -= bytes, *this; }
    friend constexpr sequence operator+(sequence a, std::uint32_t bytes) noexcept { return a += bytes; }
    friend constexpr sequence operator-(sequence a, std::uint32_t bytes) noexcept { return a -= bytes; }
    /// Returns how many bytes lead from `b` to `a`, at least -2^31 and below 2^31.
    friend constexpr std::int32_t operator-(sequence a, sequence b) noexcept {
        return static_cast<std::int32_t>(a.value_ - b.value_);
    }
    friend constexpr bool operator==(sequence, sequence) noexcept = default;

    /// Returns true if fewer than 2^31 steps forward lead from this number to `other`, and at least one step.
    [[nodiscard]] constexpr bool is_before(sequence other) const noexcept { return other - *this > 0; }
    [[nodiscard]] constexpr bool is_after(sequence other) const noexcept { return other.is_before(*this); }
    /// Returns true if the number is one of the `size` numbers that begin with `first`. `size` may be up to 2^32 - 1.
    [[nodiscard]] constexpr bool is_in(sequence first, std::uint32_t size) const noexcept {
        return value_ - first.value_ < size;
    }

  private:
    std::uint32_t value_ = 0;
};

// ---- Flags ---------------------------------------------------------------------------------------------

/// A flag of TCP, with its bit in the header's fourteenth byte (RFC 9293 §3.1).
enum class tcp_flag : std::uint8_t {
    fin = 0x01,  ///< the sender has sent its last byte
    syn = 0x02,  ///< opens: the sequence number is the initial one
    rst = 0x04,  ///< resets: the connection does not exist any more
    psh = 0x08,  ///< the receiver should hand the data to the program at once
    ack = 0x10,  ///< the acknowledgment number is valid; set in every segment but the first
    urg = 0x20,  ///< the urgent pointer is valid
    ece = 0x40,  ///< congestion was experienced; in a SYN: can do that (RFC 3168 §6.1)
    cwr = 0x80,  ///< the congestion window was reduced
};

/// A set of flags: `tcp_flag::syn | tcp_flag::ack`. A regular value of one byte.
class tcp_flags {
  public:
    constexpr tcp_flags() noexcept = default;
    constexpr tcp_flags(tcp_flag flag) noexcept : bits_{static_cast<std::uint8_t>(flag)} {}
    /// Takes the header's byte: bit 0 is FIN, bit 7 is CWR.
    constexpr explicit tcp_flags(std::uint8_t bits) noexcept : bits_{bits} {}

    /// Returns the flags as the byte of the header.
    [[nodiscard]] constexpr std::uint8_t to_uint() const noexcept { return bits_; }
    /// Returns true if all flags of `others` are set.
    [[nodiscard]] constexpr bool has(tcp_flags others) const noexcept { return (bits_ & others.bits_) == others.bits_; }
    [[nodiscard]] constexpr bool fin() const noexcept { return has(tcp_flag::fin); }
    [[nodiscard]] constexpr bool syn() const noexcept { return has(tcp_flag::syn); }
    [[nodiscard]] constexpr bool rst() const noexcept { return has(tcp_flag::rst); }
    [[nodiscard]] constexpr bool psh() const noexcept { return has(tcp_flag::psh); }
    [[nodiscard]] constexpr bool ack() const noexcept { return has(tcp_flag::ack); }
    [[nodiscard]] constexpr bool urg() const noexcept { return has(tcp_flag::urg); }
    [[nodiscard]] constexpr bool ece() const noexcept { return has(tcp_flag::ece); }
    [[nodiscard]] constexpr bool cwr() const noexcept { return has(tcp_flag::cwr); }

    /// Returns the flags that are in any operand, or in both.
    friend constexpr tcp_flags operator|(tcp_flags a, tcp_flags b) noexcept {
        return tcp_flags{static_cast<std::uint8_t>(a.bits_ | b.bits_)};
    }
    friend constexpr tcp_flags operator&(tcp_flags a, tcp_flags b) noexcept {
        return tcp_flags{static_cast<std::uint8_t>(a.bits_ & b.bits_)};
    }
    friend constexpr tcp_flags operator~(tcp_flags a) noexcept {
        return tcp_flags{static_cast<std::uint8_t>(~a.bits_)};
    }
    friend constexpr bool operator==(tcp_flags, tcp_flags) noexcept = default;

  private:
    std::uint8_t bits_ = 0;
};

/// Returns a set of both flags.
constexpr tcp_flags operator|(tcp_flag a, tcp_flag b) noexcept { return tcp_flags{a} | tcp_flags{b}; }

// ---- Options -------------------------------------------------------------------------------------------

/// Numbers of TCP options (IANA's "TCP Option Kind Numbers"), as option::kind has them.
enum class tcp_option : std::uint8_t {
    end_of_list = 0,
    no_operation = 1,
    maximum_segment_size = 2,      ///< RFC 9293 §3.7.1
    window_scale = 3,              ///< RFC 7323 §2.2
    sack_permitted = 4,            ///< RFC 2018 §2
    selective_acknowledgment = 5,  ///< RFC 2018 §3
    timestamps = 8,                ///< RFC 7323 §3.2
    md5_signature = 19,            ///< RFC 2385
    user_timeout = 28,             ///< RFC 5482
    authentication = 29,           ///< RFC 5925
    multipath = 30,                ///< RFC 8684
    fast_open = 34,                ///< RFC 7413
};

/// The two clocks of the option "timestamps" (RFC 7323 §3.2).
struct tcp_timestamps {
    std::uint32_t value = 0;       ///< the sender's clock
    std::uint32_t echo_reply = 0;  ///< the last value that the sender has received
    friend constexpr bool operator==(const tcp_timestamps&, const tcp_timestamps&) noexcept = default;
};

/// Bytes that arrived behind a gap (RFC 2018 §3): the bytes from `first` on, before `last`.
struct tcp_block {
    sequence first;
    sequence last;
    friend constexpr bool operator==(const tcp_block&, const tcp_block&) noexcept = default;
};

/// The blocks of a selective acknowledgment: the header has room for four.
class tcp_blocks {
  public:
    [[nodiscard]] constexpr const tcp_block* begin() const noexcept { return blocks_.data(); }
    [[nodiscard]] constexpr const tcp_block* end() const noexcept { return blocks_.data() + size_; }
    /// Returns the number of blocks, or a block; `i` is below size().
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr const tcp_block& operator[](std::size_t i) const noexcept { return blocks_[i]; }
    /// Adds a block. A fifth block is dropped.
    constexpr void push_back(const tcp_block& block) noexcept {
        if (size_ < blocks_.size()) blocks_[size_++] = block;
    }

  private:
    std::array<tcp_block, 4> blocks_{};
    std::size_t size_ = 0;
};

// ---- The header ----------------------------------------------------------------------------------------

/// The header of a TCP segment (RFC 9293 §3.1).
class tcp_view : public header_view {
  public:
    /// Returns nullopt if the header is cut short, or if its data offset is below 5; `why` then says so.
    [[nodiscard]] static constexpr std::optional<tcp_view> parse(std::span<const std::byte> bytes,
                                                                 packet_failure& why) noexcept {
        return detail::view_maker::parse<tcp_view>(bytes, why);
    }

    /// Returns a field of the header; so do the functions below.
    [[nodiscard]] constexpr std::uint16_t source_port() const noexcept { return get_16(0); }
    [[nodiscard]] constexpr std::uint16_t destination_port() const noexcept { return get_16(2); }
    [[nodiscard]] constexpr sequence sequence_number() const noexcept { return sequence{get_32(4)}; }
    /// Returns the number of the next byte that the sender expects. It is valid if flags().ack() is true.
    [[nodiscard]] constexpr sequence acknowledgment_number() const noexcept { return sequence{get_32(8)}; }
    /// Returns the header's length in words of four bytes, 5 to 15; header_size() has it in bytes.
    [[nodiscard]] constexpr unsigned data_offset() const noexcept { return get_8(12) >> 4u; }
    /// Returns the four bits between data offset and flags, which are 0 today. RFC 9768 uses the lowest of them.
    [[nodiscard]] constexpr unsigned reserved() const noexcept { return get_8(12) & 0xfu; }
    [[nodiscard]] constexpr tcp_flags flags() const noexcept { return tcp_flags{get_8(13)}; }
    /// Returns how many bytes the sender of this segment will accept, before the window scale is applied.
    [[nodiscard]] constexpr std::uint16_t window() const noexcept { return get_16(14); }
    [[nodiscard]] constexpr std::uint16_t checksum() const noexcept { return get_16(16); }
    /// Returns the distance from the sequence number to the byte behind the urgent data; valid if flags().urg() is
    /// true.
    [[nodiscard]] constexpr std::uint16_t urgent_pointer() const noexcept { return get_16(18); }
    /// Returns the options, which are read lazily; see tcp_option for their numbers.
    [[nodiscard]] constexpr tcp_option_range options() const noexcept {
        return {get_bytes(20, header_size() - 20), 20};
    }
    /// Returns how many sequence numbers the segment occupies: its bytes, and one each for SYN and FIN (RFC 9293 §3.4).
    [[nodiscard]] constexpr std::uint32_t segment_length() const noexcept {
        return static_cast<std::uint32_t>(payload().size()) + (flags().syn() ? 1 : 0) + (flags().fin() ? 1 : 0);
    }

    /// Returns the largest segment that the sender accepts, in bytes of data. Only a SYN should have it.
    [[nodiscard]] constexpr std::optional<std::uint16_t> maximum_segment_size() const noexcept {
        const auto found = find(tcp_option::maximum_segment_size, 2);
        if (!found) return std::nullopt;
        return detail::load_16(found->data.data());
    }
    /// Returns by how many bits the sender's later windows must be shifted to the left. A value above 14 counts as 14
    /// (RFC 7323 §2.3); it is returned as it stands.
    [[nodiscard]] constexpr std::optional<std::uint8_t> window_scale() const noexcept {
        const auto found = find(tcp_option::window_scale, 1);
        if (!found) return std::nullopt;
        return detail::load_8(found->data.data());
    }
    /// Returns true if the sender of this SYN understands selective acknowledgments.
    [[nodiscard]] constexpr bool is_sack_permitted() const noexcept {
        return find(tcp_option::sack_permitted, 0).has_value();
    }
    [[nodiscard]] constexpr std::optional<tcp_timestamps> timestamps() const noexcept {
        const auto found = find(tcp_option::timestamps, 8);
        if (!found) return std::nullopt;
        return tcp_timestamps{detail::load_32(found->data.data()), detail::load_32(found->data.data() + 4)};
    }
    /// Returns the blocks of the first selective acknowledgment, or no block.
    [[nodiscard]] constexpr tcp_blocks selective_acknowledgments() const noexcept {
        tcp_blocks blocks;
        const auto found = options().find(static_cast<std::uint8_t>(tcp_option::selective_acknowledgment));
        if (!found || found->data.size() % 8 != 0) return blocks;
        for (std::size_t at = 0; at < found->data.size(); at += 8)
            blocks.push_back({sequence{detail::load_32(found->data.data() + at)},
                              sequence{detail::load_32(found->data.data() + at + 4)}});
        return blocks;
    }

    /// Returns whether the checksum fits the segment and the addresses of the IP header around it. The view must have
    /// the whole segment.
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state(ipv4_address source,
                                                                            ipv4_address destination) const noexcept {
        return detail::state_of(pseudo_header(source, destination, ip_protocol::tcp, size()), bytes(), checksum());
    }
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state(
        const ipv6_address& source, const ipv6_address& destination) const noexcept {
        return detail::state_of(pseudo_header(source, destination, ip_protocol::tcp, size()), bytes(), checksum());
    }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        if (size < 20) [[unlikely]] {
            why = packet_failure::cut_short(layer::tcp, 0, size, 20);
            return 0;
        }
        const std::size_t header_size = detail::load_8(data + 12) / 16 * 4u;
        if (header_size < 20 || header_size > size) [[unlikely]]
            return refuse(header_size, size, why);
        return header_size;
    }
    static constexpr std::size_t refuse(std::size_t header_size, std::size_t size, packet_failure& why) noexcept {
        if (header_size < 20)
            why = packet_failure{layer::tcp, 12, "data offset is % words, below #",
                                 static_cast<std::uint32_t>(header_size / 4), 5};
        else
            why = packet_failure::cut_short(layer::tcp, 0, size, header_size);
        return 0;
    }
    [[nodiscard]] constexpr std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(bytes().size()); }
    /// The first option of that kind, if its data has the size that its RFC gives it.
    [[nodiscard]] constexpr std::optional<option> find(tcp_option kind, std::size_t data_size) const noexcept {
        const auto found = options().find(static_cast<std::uint8_t>(kind));
        return found && found->data.size() == data_size ? found : std::nullopt;
    }
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_TCP_HPP

// netnotes/packet/dns_name.hpp: names of DNS, as text and as they travel
// SPDX-License-Identifier: MIT
//
// A name is a list of labels. On the wire each label follows its length, and the root, which has no label, ends it:
//
//        www.example.com     3 w w w  7 e x a m p l e  3 c o m  0
//
// A message names the same things again and again. So a name may end with a *pointer* instead: two bytes whose upper
// two bits are set, and whose other 14 bits are a place in the message. There the name goes on.
//
//        at 12     7 e x a m p l e  3 c o m  0
//        at 40     3 w w w  c0 0c                      www.example.com once more, in 6 bytes
//
// A hostile pointer points to itself, or two point to each other, and a careless reader never ends. Two rules end it. A
// pointer must point before the labels that led to it. A whole name has at most 255 bytes. A third rule bounds the
// time: a name has at most 128 pointers. Otherwise 64 KiB could hold thousands of names, each with 8,000 pointers in a
// row. A lower bound would be too strict: a name may have 127 labels, each behind a pointer.
//
// Upper and lower case are equal in comparisons, but a name keeps its letters as they came (RFC 4343). A label may hold
// any byte. In text a dot within a label is written `\.`, and a byte that is not a visible character `\000` to `\255`.
//
// On this page:  dns_name_view · dns_name
// Source:        RFC 1035 §3.1, §4.1.4, §5.1
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_NAME_HPP
#define NETNOTES_PACKET_DNS_NAME_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "../ip/text.hpp"
#include "bytes.hpp"
#include "names.hpp"

namespace netnotes::packet {

/// A name within a message, or within a dns_name. It points to the bytes, which must stay valid and must not change. It
/// was checked when it was made, so reading it cannot fail. Nothing here allocates but to_string().
class dns_name_view {
  public:
    static constexpr std::size_t max_size = 255;       ///< bytes of a name without pointers, its final 0 included
    static constexpr std::size_t max_label_size = 63;  ///< bytes
    static constexpr std::size_t max_pointers = 128;   ///< parse() refuses a name with more

    /// Creates the root, a name without labels.
    constexpr dns_name_view() noexcept = default;
    /// Reads the name that begins at byte `at` of the message. On success `at` is the place behind the name. Otherwise
    /// returns nullopt; `why` then says where the name is cut short or malformed.
    static constexpr std::optional<dns_name_view> parse(std::span<const std::byte> message, std::size_t& at,
                                                        packet_failure& why) noexcept;

    /// The labels, from the left. Each is a span of 1 to 63 bytes.
    class iterator {
      public:
        using value_type = std::span<const std::byte>;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr std::span<const std::byte> operator*() const noexcept {
            return message_.subspan(at_ + 1, detail::load_8(message_.data() + at_));
        }
        constexpr iterator& operator++() noexcept {
            at_ += 1u + detail::load_8(message_.data() + at_);
            return follow(), *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.at_ == b.at_ && a.message_.data() == b.message_.data();
        }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
            return a.message_.empty() || a.message_[a.at_] == std::byte{0};
        }

      private:
        friend dns_name_view;
        constexpr iterator(std::span<const std::byte> message, std::size_t at) noexcept : message_{message}, at_{at} {
            if (!message.empty()) follow();
        }
        constexpr void follow() noexcept {
            while (detail::load_8(message_.data() + at_) >= 0xc0)
                at_ = detail::load_16(message_.data() + at_) & 0x3fffu;
        }
        std::span<const std::byte> message_;
        std::size_t at_ = 0;
    };
    [[nodiscard]] constexpr iterator begin() const noexcept { return {message_, at_}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

    [[nodiscard]] constexpr bool is_root() const noexcept { return begin() == end(); }
    /// Returns how many bytes the name has without pointers, from 1 to 255.
    [[nodiscard]] constexpr std::size_t wire_size() const noexcept { return size_; }
    /// Returns `www.example.com`, without a dot at the end, and `.` for the root. The text is safe for a terminal.
    [[nodiscard]] std::string to_string() const;

    /// Returns true if the labels are equal; the case of the letters A to Z does not count.
    friend constexpr bool operator==(const dns_name_view& a, const dns_name_view& b) noexcept {
        return a.size_ == b.size_ && have_equal_labels(a.begin(), b.begin());
    }
    /// Returns a hash; equal names have equal hashes.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept {
        std::uint64_t value = size_;
        for (const auto label : *this)
            for (const std::byte byte : label) value = netnotes::detail::mix(value ^ lower(byte)) + label.size();
        return value;
    }
    /// Returns true if the name is `zone` or lies below it: www.example.com is within example.com.
    [[nodiscard]] constexpr bool is_within(const dns_name_view& zone) const noexcept {
        std::size_t rest = size_;
        for (iterator label = begin(); rest >= zone.size_; rest -= 1 + (*label++).size()) {
            if (rest == zone.size_) return have_equal_labels(label, zone.begin());
            if (label == end()) break;
        }
        return false;
    }

  private:
    friend class dns_name;
    friend class dns_builder;
    constexpr dns_name_view(std::span<const std::byte> message, std::size_t at, std::size_t size) noexcept
        : message_{message}, at_{at}, size_{size} {}
    static constexpr unsigned lower(std::byte byte) noexcept {
        const auto value = std::to_integer<unsigned>(byte);
        return value >= 'A' && value <= 'Z' ? value + ('a' - 'A') : value;
    }
    static constexpr bool have_equal_labels(iterator a, iterator b) noexcept {
        for (; a != std::default_sentinel && b != std::default_sentinel; ++a, ++b) {
            if (a == b) return true;  // the rest is the same memory
            const auto x = *a, y = *b;
            if (!std::equal(x.begin(), x.end(), y.begin(), y.end(),
                            [](std::byte c, std::byte d) { return lower(c) == lower(d); }))
                return false;
        }
        return a == std::default_sentinel && b == std::default_sentinel;
    }

    std::span<const std::byte> message_;
    std::size_t at_ = 0;
    std::size_t size_ = 1;
};

/// A name that owns its bytes: a regular value of 256 bytes without allocation. It is used to build messages, to
/// compare with names in messages, and as a key.
///
///     constexpr dns_name server{"www.example.com"};
///     if (record.name == server) …
class dns_name : public netnotes::detail::printable<dns_name> {
  public:
    static constexpr std::size_t text_capacity = 4 * dns_name_view::max_size;  ///< room that any name's text needs

    /// Creates the root.
    constexpr dns_name() noexcept = default;
    /// Reads `www.example.com`, with or without a dot at its end; "." is the root. `\.` is a dot within a label, `\\` a
    /// backslash, and `\032` the byte of that decimal number. Throws parse_error.
    constexpr explicit dns_name(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"DNS name", text, why};
        *this = *read;
    }
    /// Copies a name out of a message.
    constexpr explicit dns_name(const dns_name_view& name) noexcept {
        std::size_t at = 0;
        for (const auto label : name) {
            bytes_[at++] = static_cast<std::byte>(label.size());
            for (const std::byte byte : label) bytes_[at++] = byte;
        }
        bytes_[at] = std::byte{0};
        size_ = static_cast<std::uint8_t>(at + 1);
    }
    /// Reads a text like the constructor, but returns nullopt for an unreadable text; `why` then names the error.
    static constexpr std::optional<dns_name> parse(std::string_view text, parse_failure& why) noexcept;
    static constexpr std::optional<dns_name> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the name as it travels, without pointers. It is valid as long as this object.
    [[nodiscard]] constexpr std::span<const std::byte> wire() const noexcept { return {bytes_.data(), size_}; }
    [[nodiscard]] constexpr std::size_t wire_size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool is_root() const noexcept { return size_ == 1; }
    /// Converts to a view, so that every function that takes a name of a message takes this name, too. The view is
    /// valid as long as this object.
    constexpr operator dns_name_view() const noexcept { return {wire(), 0, size_}; }

    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return dns_name_view{*this}.hash(); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept;
    friend constexpr bool operator==(const dns_name& a, const dns_name& b) noexcept {
        return dns_name_view{a} == dns_name_view{b};
    }
    friend constexpr bool operator==(const dns_name& a, const dns_name_view& b) noexcept {
        return dns_name_view{a} == b;
    }

  private:
    std::array<std::byte, dns_name_view::max_size> bytes_{};
    std::uint8_t size_ = 1;
};

// ---- Reading and writing -------------------------------------------------------------------------------

constexpr std::optional<dns_name_view> dns_name_view::parse(std::span<const std::byte> message, std::size_t& at,
                                                            packet_failure& why) noexcept {
    std::size_t size = 1, place = at;
    std::size_t end = 0;     // behind the name; 0 until a pointer was followed
    std::size_t limit = at;  // what a pointer must point before
    std::size_t pointers = 0;
    for (;;) {
        if (place >= message.size()) return why = packet_failure::cut_short(layer::dns, place, 0, 1), std::nullopt;
        const unsigned length = detail::load_8(message.data() + place);
        if (length == 0) break;
        if (length >= 0xc0) {
            if (message.size() - place < 2)
                return why = packet_failure::cut_short(layer::dns, place, 1, 2), std::nullopt;
            const unsigned target = detail::load_16(message.data() + place) & 0x3fffu;
            if (target >= limit)
                return why = packet_failure{layer::dns, place, "pointer to byte %, not before byte #", target,
                                            static_cast<std::uint32_t>(limit)},
                       std::nullopt;
            if (++pointers > max_pointers)
                return why = packet_failure{layer::dns, place, "the name has more than # pointers", 0, max_pointers},
                       std::nullopt;
            if (end == 0) end = place + 2;
            place = limit = target;
            continue;
        }
        if (length > max_label_size)
            return why = packet_failure{layer::dns, place, "label type is %, which is unknown", length >> 6},
                   std::nullopt;
        if (message.size() - place - 1 < length)
            return why = packet_failure::cut_short(layer::dns, place, message.size() - place, length + 1), std::nullopt;
        size += length + 1;
        if (size > max_size)
            return why = packet_failure{layer::dns, place, "the name has more than # bytes", 0, max_size}, std::nullopt;
        place += length + 1;
    }
    const dns_name_view found{message, at, size};
    at = end != 0 ? end : place + 1;
    return found;
}

constexpr std::optional<dns_name> dns_name::parse(std::string_view text, parse_failure& why) noexcept {
    dns_name read;
    if (text == ".") return read;
    const auto refuse = [&](std::string_view pattern, std::size_t position, std::uint32_t item = 0,
                            std::uint32_t value = 0) {
        why = parse_failure{pattern, position, item, value};
        return std::nullopt;
    };
    if (text.empty()) return refuse("the name is empty", 0);
    std::size_t length_at = 0, at = 1;  // of the label that is being read, and of its next byte
    std::uint32_t label = 1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::size_t start = i;
        auto byte = static_cast<unsigned char>(text[i]);
        if (byte == '.') {
            if (at == length_at + 1) return refuse("label # is empty", i, label);
            length_at = at++;
            ++label;
            continue;
        }
        if (byte == '\\') {
            if (++i == text.size()) return refuse("nothing follows the backslash", start);
            byte = static_cast<unsigned char>(text[i]);
            if (byte >= '0' && byte <= '9') {
                unsigned value = 0, digits = 0;
                for (; digits < 3 && i < text.size() && text[i] >= '0' && text[i] <= '9'; ++digits, ++i)
                    value = value * 10 + static_cast<unsigned>(text[i] - '0');
                --i;
                if (digits < 3) return refuse("three digits follow a backslash, or none", start);
                if (value > 255) return refuse("the byte is %, above 255", start, 0, value);
                byte = static_cast<unsigned char>(value);
            }
        }
        const std::size_t length = at - length_at;  // with this byte
        if (length > dns_name_view::max_label_size) return refuse("label # has more than 63 bytes", start, label);
        if (at >= dns_name_view::max_size - 1) return refuse("the name has more than 255 bytes", start);
        read.bytes_[at++] = static_cast<std::byte>(byte);
        read.bytes_[length_at] = static_cast<std::byte>(length);
    }
    // Behind the last label, or behind a dot, comes the root.
    const std::size_t end = at == length_at + 1 ? length_at : at;
    read.bytes_[end] = std::byte{0};
    read.size_ = static_cast<std::uint8_t>(end + 1);
    return read;
}

constexpr char* dns_name::write(char* out) const noexcept {
    if (is_root()) *out++ = '.';
    bool is_first = true;
    for (const auto label : dns_name_view{*this}) {
        if (!is_first) *out++ = '.';
        is_first = false;
        for (const std::byte each : label) {
            const auto byte = std::to_integer<unsigned>(each);
            if (byte == '.' || byte == '\\') {
                *out++ = '\\';
            } else if (byte <= ' ' || byte > '~') {
                *out++ = '\\';
                *out++ = static_cast<char>('0' + byte / 100);
                *out++ = static_cast<char>('0' + byte / 10 % 10);
                *out++ = static_cast<char>('0' + byte % 10);
                continue;
            }
            *out++ = static_cast<char>(byte);
        }
    }
    return out;
}

inline std::string dns_name_view::to_string() const { return dns_name{*this}.to_string(); }

/// Writes to_string() of the name to a stream, with the stream's width and fill.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const dns_name_view& name) {
    return out << dns_name{name};
}

}  // namespace netnotes::packet

template <>
struct std::hash<netnotes::packet::dns_name> {
    std::size_t operator()(const netnotes::packet::dns_name& name) const noexcept {
        return static_cast<std::size_t>(name.hash());
    }
};

#endif  // NETNOTES_PACKET_DNS_NAME_HPP

// netnotes/packet/view.hpp: what every view of a header can do
// SPDX-License-Identifier: MIT
//
// A view looks at bytes that lie elsewhere: in a file, in a buffer, in an array. It holds their address and two sizes,
// and copies nothing. The bytes must outlive the view.
//
//        bytes()   ┌──────────────── header() ───────────────┬───────── payload() ─────────┐
//                  │ fixed fields            options         │ the next header, or data    │
//                  └─────────────────────────────────────────┴─────────────────────────────┘
//                  └─────────── header_size() ───────────────┘
//
// A view is made by its class's function parse(), which checks once whether the header is whole and consistent. If it
// is not, parse() returns nullopt and says why. Every accessor then reads within the bounds, so it needs no check and
// cannot fail. This is also why a view is fast: reading a field is one load and one swap of bytes.
//
//        packet::packet_failure why;
//        if (const auto header = packet::tcp_view::parse(bytes, why))
//            use(header->source_port());
//        else
//            std::cerr << why.message();         // TCP: data offset is 3 words, below 5, at byte 12
//
// Options are read lazily: a loop over options() looks at one option after the other. It stops at an option that is
// broken, and failure() then says why. A header with a broken option is still a header, and its fields are readable.
//
// On this page:  header_view · option, option_range
// The notes:     TCP报文首部 (选项)

#ifndef NETNOTES_PACKET_VIEW_HPP
#define NETNOTES_PACKET_VIEW_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>

#include "bytes.hpp"
#include "names.hpp"

namespace netnotes::packet {

namespace detail {
/// Makes views of headers that were checked already.
struct view_maker {
    template <class View>
    static constexpr View make(const std::byte* data, std::size_t header_size, std::size_t size) noexcept {
        return View{data, header_size, size};
    }
    /// Returns the header's size, or 0 and the reason in `why`. The place counts from `data`.
    template <class View>
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        return View::check(data, size, why);
    }
    template <class View>
    static constexpr std::optional<View> parse(std::span<const std::byte> bytes, packet_failure& why) noexcept {
        const std::size_t header_size = View::check(bytes.data(), bytes.size(), why);
        if (header_size == 0) return std::nullopt;
        // A view counts in 32 bits. No packet is that long, but a span may be, for example a whole file.
        const std::size_t size = View::extent(bytes.data(), bytes.size());
        return View{bytes.data(), header_size, std::min<std::size_t>(size, 0xffff'ffff)};
    }
};
}  // namespace detail

/// The part that all views share: the bytes of a header and of its payload. The view is valid as long as the bytes.
class header_view {
  public:
    /// Returns the header and its payload.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
    /// Returns the header with its options.
    [[nodiscard]] constexpr std::span<const std::byte> header() const noexcept { return {data_, header_size_}; }
    /// Returns what follows the header, as far as it is there.
    [[nodiscard]] constexpr std::span<const std::byte> payload() const noexcept {
        return {data_ + header_size_, size_ - header_size_};
    }
    /// Returns the header's size in bytes.
    [[nodiscard]] constexpr std::size_t header_size() const noexcept { return header_size_; }

  protected:
    constexpr header_view(const std::byte* data, std::size_t header_size, std::size_t size) noexcept
        : data_{data}, header_size_{static_cast<std::uint32_t>(header_size)}, size_{static_cast<std::uint32_t>(size)} {}
    ~header_view() = default;
    /// How many of `size` bytes belong to header and payload. A header that has a length of its own says it here.
    static constexpr std::size_t extent(const std::byte*, std::size_t size) noexcept { return size; }
    constexpr header_view(const header_view&) noexcept = default;
    constexpr header_view& operator=(const header_view&) noexcept = default;

    [[nodiscard]] constexpr std::uint8_t get_8(std::size_t at) const noexcept { return detail::load_8(data_ + at); }
    [[nodiscard]] constexpr std::uint16_t get_16(std::size_t at) const noexcept { return detail::load_16(data_ + at); }
    [[nodiscard]] constexpr std::uint32_t get_32(std::size_t at) const noexcept { return detail::load_32(data_ + at); }
    [[nodiscard]] constexpr std::uint64_t get_48(std::size_t at) const noexcept { return detail::load_48(data_ + at); }
    [[nodiscard]] constexpr std::uint64_t get_64(std::size_t at) const noexcept { return detail::load_64(data_ + at); }
    [[nodiscard]] constexpr ipv4_address get_ipv4(std::size_t at) const noexcept { return ipv4_address{get_32(at)}; }
    [[nodiscard]] constexpr ipv6_address get_ipv6(std::size_t at) const noexcept {
        return ipv6_address{uint128{get_64(at), get_64(at + 8)}};
    }
    [[nodiscard]] constexpr std::span<const std::byte> get_bytes(std::size_t at, std::size_t count) const noexcept {
        return {data_ + at, count};
    }

  private:
    const std::byte* data_;
    std::uint32_t header_size_;
    std::uint32_t size_;
};

// ---- Options -------------------------------------------------------------------------------------------

/// An option of a header: its number, and the bytes behind number and length.
struct option {
    std::uint8_t kind = 0;
    std::span<const std::byte> data;
};

namespace detail {

/// The result of a step through options. `size` 0 is the end; then `pattern` tells whether an option is broken.
struct option_step {
    std::size_t size = 0;
    option found{};
    const char* pattern = nullptr;
    std::uint32_t value = 0;
    std::uint32_t limit = 0;
};

/// IPv4 and TCP: kind, length of the whole option, data. Kind 0 ends the list, kind 1 is a single byte (RFC 791 §3.1,
/// RFC 9293 §3.1).
template <layer Where>
struct classic_options {
    static constexpr layer where = Where;
    static constexpr option_step step(std::span<const std::byte> rest) noexcept {
        const std::uint8_t kind = load_8(rest.data());
        if (kind == 0) return {};
        if (kind == 1) return {1, {kind, {}}};
        if (rest.size() < 2) return {0, {}, "option % has no length", kind};
        const std::size_t length = load_8(rest.data() + 1);
        if (length < 2) return {0, {}, "option % has the length #, below 2", kind, static_cast<std::uint32_t>(length)};
        if (length > rest.size())
            return {
                0, {}, "option % needs # bytes, and the header ends before", kind, static_cast<std::uint32_t>(length)};
        return {length, {kind, rest.subspan(2, length - 2)}};
    }
};

/// IPv6 hop-by-hop and destination options: kind, length of the data, data. Kind 0 is a single byte (RFC 8200 §4.2).
struct ipv6_options_form {
    static constexpr layer where = layer::ipv6_extension;
    static constexpr option_step step(std::span<const std::byte> rest) noexcept {
        const std::uint8_t kind = load_8(rest.data());
        if (kind == 0) return {1, {kind, {}}};
        if (rest.size() < 2) return {0, {}, "option % has no length", kind};
        const std::size_t length = load_8(rest.data() + 1);
        if (length + 2 > rest.size())
            return {0,
                    {},
                    "option % needs # bytes, and the header ends before",
                    kind,
                    static_cast<std::uint32_t>(length + 2)};
        return {length + 2, {kind, rest.subspan(2, length)}};
    }
};

/// Neighbour discovery: kind, length in units of eight bytes, data (RFC 4861 §4.6).
struct neighbor_options_form {
    static constexpr layer where = layer::icmpv6;
    static constexpr option_step step(std::span<const std::byte> rest) noexcept {
        const std::uint8_t kind = load_8(rest.data());
        if (rest.size() < 2) return {0, {}, "option % has no length", kind};
        const std::size_t length = load_8(rest.data() + 1) * std::size_t{8};
        if (length == 0) return {0, {}, "option % has the length 0", kind};
        if (length > rest.size())
            return {
                0, {}, "option % needs # bytes, and the message ends before", kind, static_cast<std::uint32_t>(length)};
        return {length, {kind, rest.subspan(2, length - 2)}};
    }
};

}  // namespace detail

/// The options of a header, read one at a time. A loop over them ends at the end of the list, or at a broken option;
/// failure() tells the two apart. The range is valid as long as the bytes of the frame.
template <class Form>
class option_range {
  public:
    /// Reads the next option with each step.
    class iterator {
      public:
        using value_type = option;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::forward_iterator_tag;
        using pointer = const option*;
        using reference = const option&;

        constexpr iterator() noexcept = default;
        constexpr const option& operator*() const noexcept { return step_.found; }
        constexpr const option* operator->() const noexcept { return &step_.found; }
        constexpr iterator& operator++() noexcept {
            rest_ = rest_.subspan(step_.size);
            step_ = rest_.empty() ? detail::option_step{} : Form::step(rest_);
            return *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.rest_.data() == b.rest_.data() && a.rest_.size() == b.rest_.size();
        }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
            return a.step_.size == 0;
        }

      private:
        friend option_range;
        constexpr explicit iterator(std::span<const std::byte> rest) noexcept
            : rest_{rest}, step_{rest.empty() ? detail::option_step{} : Form::step(rest)} {}
        std::span<const std::byte> rest_;
        detail::option_step step_;
    };

    constexpr option_range() noexcept = default;
    /// Takes the bytes of the options, which begin at byte `offset` of their header.
    constexpr option_range(std::span<const std::byte> bytes, std::size_t offset) noexcept
        : bytes_{bytes}, offset_{offset} {}

    [[nodiscard]] constexpr iterator begin() const noexcept { return iterator{bytes_}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }
    /// Returns true if there is no option.
    [[nodiscard]] constexpr bool empty() const noexcept { return begin() == end(); }
    /// Returns all bytes of the options, padding included.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return bytes_; }
    /// Returns the first option with the number `kind`, or nullopt.
    [[nodiscard]] constexpr std::optional<option> find(std::uint8_t kind) const noexcept {
        for (const option& each : *this)
            if (each.kind == kind) return each;
        return std::nullopt;
    }
    /// Returns why the list cannot be read to its end, or success. The place counts from the beginning of the header.
    [[nodiscard]] constexpr packet_failure failure() const noexcept {
        iterator at = begin();
        while (at != end()) ++at;
        if (at.step_.pattern == nullptr) return {};
        const auto place = offset_ + bytes_.size() - at.rest_.size();
        return {Form::where, place, at.step_.pattern, at.step_.value, at.step_.limit};
    }

  private:
    std::span<const std::byte> bytes_;
    std::size_t offset_ = 0;
};

/// The options of TCP (RFC 9293 §3.1).
using tcp_option_range = option_range<detail::classic_options<layer::tcp>>;
/// The options of IPv4 (RFC 791 §3.1).
using ipv4_option_range = option_range<detail::classic_options<layer::ipv4>>;
/// The options of an extension header of IPv6 (RFC 8200 §4.2).
using ipv6_option_range = option_range<detail::ipv6_options_form>;
/// The options of neighbour discovery (RFC 4861 §4.6).
using neighbor_option_range = option_range<detail::neighbor_options_form>;

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_VIEW_HPP

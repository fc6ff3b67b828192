// netnotes/socket/buffer.hpp: bytes
// SPDX-License-Identifier: MIT
//
// The calls of a socket take a buffer: room to receive into, or bytes to send.
//
// On this page:  mutable_buffer, const_buffer, as_text
// The notes:     recv, send (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_BUFFER_HPP
#define NETNOTES_SOCKET_BUFFER_HPP

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

#include "../ip/version.hpp"

namespace netnotes {

namespace detail {
template <class Byte>
concept byte_like = sizeof(Byte) == 1 && std::is_trivially_copyable_v<Byte>;
template <class Range>
concept bytes_range = requires(Range& range) {
    { std::size(range) } -> std::convertible_to<std::size_t>;
    requires byte_like<std::remove_cvref_t<decltype(*std::data(range))>>;
};
template <class Pointer>
concept text_pointer = std::is_pointer_v<Pointer> && std::is_convertible_v<Pointer, const char*>;
class borrowed_socket;
// What a compiler shows for a mistake: see tests/package/mistakes.txt.
struct write_std_span_buffer_first_size;
struct give_a_buffer_to_receive_into_not_a_size;
struct bytes_to_send_are_text_or_a_range_of_bytes;
struct room_to_receive_is_a_range_of_char_or_std_byte_that_is_not_const;
}  // namespace detail

/// Room to receive into, made from any contiguous bytes: an array, a std::array, std::string, std::vector or std::span
/// of std::byte, char or unsigned char. The buffer does not own its memory and does not grow.
class mutable_buffer : public std::span<std::byte> {
  public:
    using std::span<std::byte>::span;
    constexpr mutable_buffer(std::span<std::byte> bytes) noexcept : std::span<std::byte>{bytes} {}
    template <detail::bytes_range Range>
    mutable_buffer(Range&& range) noexcept  // NOLINT(bugprone-forwarding-reference-overload)
        requires(!std::is_const_v<std::remove_reference_t<decltype(*std::data(range))>>)
        : std::span<std::byte>{reinterpret_cast<std::byte*>(std::data(range)), std::size(range)} {}
    template <class Range, class Advice = detail::room_to_receive_is_a_range_of_char_or_std_byte_that_is_not_const>
    requires(requires(Range& range) { std::data(range); } &&
             !(detail::bytes_range<Range> && requires(Range& range) { *std::data(range) = {}; }))
    mutable_buffer(Range&&) = delete;
    template <class Number, class Advice = detail::give_a_buffer_to_receive_into_not_a_size>
    requires std::is_arithmetic_v<Number>
    mutable_buffer(Number) = delete;
};

/// Bytes to send, made from any contiguous bytes or from text. The NUL at the end of a literal is not sent. No type can
/// tell a literal from another *const* array of char, so a NUL at the end of such an array is not sent either. An array
/// of char that is not const is refused, because it is seldom full: use `std::span{buffer}.first(size)`.
class const_buffer : public std::span<const std::byte> {
  public:
    using std::span<const std::byte>::span;
    constexpr const_buffer(std::span<const std::byte> bytes) noexcept : std::span<const std::byte>{bytes} {}
    const_buffer(const std::string_view& text) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(text.data()), text.size()} {}
    template <detail::text_pointer Pointer>
    const_buffer(Pointer text) noexcept : const_buffer{std::string_view{text}} {}
    template <detail::byte_like Byte, std::size_t Size>
    const_buffer(Byte (&array)[Size]) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(array),
                                     Size - (std::is_same_v<Byte, const char> && array[Size - 1] == Byte{})} {}
    template <std::size_t Size, class Advice = detail::write_std_span_buffer_first_size>
    const_buffer(char (&array)[Size]) = delete;
    template <class Number, class Advice = detail::bytes_to_send_are_text_or_a_range_of_bytes>
    requires std::is_arithmetic_v<Number>
    const_buffer(Number) = delete;
    template <class Range, class Advice = detail::bytes_to_send_are_text_or_a_range_of_bytes>
    requires(requires(const Range& range) { std::data(range); } && !detail::bytes_range<const Range>)
    const_buffer(const Range&) = delete;
    template <detail::bytes_range Range>
    const_buffer(const Range& range) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(std::data(range)), std::size(range)} {}
};

namespace detail {
/// Returns the bytes of a value, for an option of a socket. (std::as_bytes() makes the compiler check each type.)
template <class Value>
std::span<const std::byte> bytes_of(const Value& value) noexcept {
    return {reinterpret_cast<const std::byte*>(&value), sizeof value};
}
/// Returns the bytes of a value, to fill them.
template <class Value>
std::span<std::byte> room_of(Value& value) noexcept {
    return {reinterpret_cast<std::byte*>(&value), sizeof value};
}
}  // namespace detail

/// Returns received bytes as text, without a copy and without a check: a peer may send anything.
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_BUFFER_HPP

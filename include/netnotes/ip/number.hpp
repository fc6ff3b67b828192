// netnotes/ip/number.hpp: numbers in a text from a stranger
// SPDX-License-Identifier: MIT
//
// A port, the size of a chunk, a length in a header: protocols write numbers as text, and a peer may write anything
// there. The functions of the C library are too friendly for that. strtol(3) skips spaces, takes a sign, stops at the
// first letter without a word, and reads "010" as 8 if it may choose the base. Two programs that read one text as two
// numbers disagree about where a message ends, and an attacker uses that (request smuggling, RFC 9112 §11.2). So these
// functions take the whole text or nothing:
//
//        parse_number<std::uint16_t>("65535")      65535
//        parse_number<std::uint16_t>("65536")      nullopt: the number is above 65535
//        parse_number<unsigned>("+1")              nullopt: unexpected character '+', at character 0
//        parse_number<unsigned>("01")              nullopt: a leading zero, at character 0
//        parse_number<std::size_t>("1aF", 16)      431
//        parse_number<int>("-7")                   -7: only a signed type takes a minus
//
// On this page:  parse_number, read_number
// Beside it:     ip/endpoint.hpp: parse_port
// The notes:     端口 (ports); example 04

#ifndef NETNOTES_IP_NUMBER_HPP
#define NETNOTES_IP_NUMBER_HPP

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "text.hpp"

namespace netnotes {

namespace detail {
template <class Number>
concept readable_number = std::is_integral_v<Number> && !std::is_same_v<std::remove_cv_t<Number>, bool> &&
    sizeof(Number) <= sizeof(std::uint64_t);
/// Reads a whole text as a number of which the magnitude is at most `most`, or `most_negative` behind a minus.
constexpr bool read_whole_number(std::string_view text, unsigned base, std::uint64_t most, std::uint64_t most_negative,
                                 std::uint64_t& value, parse_failure& why) noexcept;
}  // namespace detail

/// Reads the whole text as a number in that base, 2 to 36. Returns nullopt if the text is something else, or if the
/// type cannot hold the number; `why` then says why. Takes no space and no plus. Takes a minus only for a signed type,
/// and not in front of 0. Takes no leading zero in base 10, where it could mean an octal number. In other bases leading
/// zeros are usual: the chunk "00ff". Digits above 9 are letters of either case, without a prefix such as 0x.
template <detail::readable_number Number>
constexpr std::optional<Number> parse_number(std::string_view text, parse_failure& why, unsigned base = 10) noexcept {
    using unsigned_number = std::make_unsigned_t<Number>;
    constexpr bool is_signed = std::is_signed_v<Number>;
    constexpr std::uint64_t most = static_cast<unsigned_number>(-1) >> (is_signed ? 1 : 0);
    std::uint64_t value = 0;
    if (!detail::read_whole_number(text, base, most, is_signed ? most + 1 : 0, value, why)) return std::nullopt;
    return static_cast<Number>(value);
}
template <detail::readable_number Number>
constexpr std::optional<Number> parse_number(std::string_view text, unsigned base = 10) noexcept {
    parse_failure why;
    return parse_number<Number>(text, why, base);
}
/// Does the same for an argument of a program: `read_number<int>(argv[1])`. Throws parse_error, whose what() is for
/// example `"12x" is no number: unexpected character 'x', at character 2`.
template <detail::readable_number Number>
constexpr Number read_number(std::string_view text, unsigned base = 10) {
    parse_failure why;
    const auto number = parse_number<Number>(text, why, base);
    if (!number) throw parse_error{"number", text, why};
    return *number;
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

constexpr bool read_whole_number(std::string_view text, unsigned base, std::uint64_t most, std::uint64_t most_negative,
                                 std::uint64_t& value, parse_failure& why) noexcept {
    const char* const first = text.data();
    const char* const last = first + text.size();
    const bool is_negative = most_negative > 0 && text.starts_with('-');
    const char* const digits = first + (is_negative ? 1 : 0);
    const std::uint64_t limit = is_negative ? most_negative : most;
    if (base < 2 || base > 36) return refuse(why, "base % is not one of 2 to 36", 0, 0, base);
    if (digits == last) return refuse(why, "a number is missing", digits - first);
    std::uint64_t number = 0;
    bool is_above = false;
    for (const char* p = digits; p != last; ++p) {
        unsigned digit = digit_value(*p);
        if (digit > 9) {
            const unsigned letter = (static_cast<unsigned char>(*p) | 0x20u) - unsigned{'a'};
            digit = letter < 26 ? letter + 10 : 36;
        }
        if (digit >= base) return refuse_character(why, first, p);
        is_above = is_above || number > (limit - digit) / base;  // a wrong character is reported first
        if (!is_above) number = number * base + digit;
    }
    if (*digits == '0' && ((base == 10 && last - digits > 1) || (is_negative && number == 0)))
        return refuse(why, is_negative ? "a zero behind the minus" : "a leading zero", digits - first);
    if (is_above && limit > 0xffff'ffff) return refuse(why, "the number is too large", digits - first);
    if (is_above)
        return refuse(why, is_negative ? "the number is below -%" : "the number is above %", digits - first, 0,
                      static_cast<std::uint32_t>(limit));
    value = is_negative ? std::uint64_t{0} - number : number;
    return true;
}

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_IP_NUMBER_HPP

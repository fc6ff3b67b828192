// netnotes/http/syntax.hpp: which characters HTTP allows where
// SPDX-License-Identifier: MIT
//
// HTTP is text, and most of its security is in one question: which character may stand where? Two programs that answer
// it differently see two different messages in the same bytes. This page answers it once, in a table, for all chapters.
//
//        GET /notes HTTP/1.1      GET is a token        tokens: methods, names of fields, some values
//        Host: example.com        Host is a token; the value is text without control characters
//
// A token is one character or more of letters, digits and ! # $ % & ' * + - . ^ _ ` | ~ (RFC 9110 §5.6.2). The value of
// a field may hold spaces, tabs, visible characters, and bytes above 0x7f, which mean nothing (RFC 9110 §5.5).
//
// HTTP ignores the case of names of fields, but only for the letters of ASCII. The functions of <cctype> would ask the
// locale, and in a Turkish locale `HOST` and `host` are two names.
//
// On this page:  is_token, is_field_value, same_name · trimmed · read_decimal
// Sources:       RFC 9110 §5.5, §5.6.2, §5.6.3; RFC 5234 §B.1

#ifndef NETNOTES_HTTP_SYNTAX_HPP
#define NETNOTES_HTTP_SYNTAX_HPP

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

#include "../ip/text.hpp"

namespace netnotes::http {

namespace detail {

enum character : std::uint8_t {
    token_character = 1,   // may stand in a token
    value_character = 2,   // may stand in the value of a field: no control character but the tab
    target_character = 4,  // may stand in the target of a request: visible, in ASCII, and no '#'
    host_character = 16,   // may stand in a host with its port; not in it: `@`, `/`, `,`
    plain_character = 8,   // stands in a URI as it is: RFC 3986 §2.3 calls it unreserved
};

inline constexpr auto characters = [] {
    std::array<std::uint8_t, 256> kinds{};
    for (unsigned c = 0; c < 256; ++c) {
        const bool is_alphanumeric = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        unsigned kind = 0;
        if (is_alphanumeric ||
            (c != 0 && c < 128 &&
             std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c)) != std::string_view::npos))
            kind |= token_character;
        if (c == '\t' || (c >= ' ' && c != 0x7f)) kind |= value_character;
        if (c > ' ' && c < 0x7f && c != '#') kind |= target_character;
        if (is_alphanumeric || c == '-' || c == '.' || c == '_' || c == '~') kind |= plain_character | host_character;
        if (c != 0 && c < 128 &&
            std::string_view{"%!$&'()*+;=:[]"}.find(static_cast<char>(c)) != std::string_view::npos)
            kind |= host_character;
        kinds[c] = static_cast<std::uint8_t>(kind);
    }
    return kinds;
}();

constexpr bool is(character kind, char c) noexcept { return (characters[static_cast<unsigned char>(c)] & kind) != 0; }
/// Returns the place of the first character that is not of this kind, or the text's size.
constexpr std::size_t span_of(character kind, std::string_view text, std::size_t from = 0) noexcept {
    while (from < text.size() && is(kind, text[from])) ++from;
    return from;
}

/// Returns which of the eight bytes of a word in memory is the first whose highest bit is set in `mask`: 0 to 7.
inline std::ptrdiff_t first_byte(std::uint64_t mask) noexcept {
    constexpr bool is_little = std::endian::native == std::endian::little;
    return (is_little ? std::countr_zero(mask) : std::countl_zero(mask)) / 8;
}
/// Returns the place of the first byte that is a control character other than the tab. Eight bytes are looked at in one
/// step: the highest bit of a byte of `mask` is set if the byte is below 0x20, or is 0x7f. No step carries into the
/// byte beside it.
inline const char* skip_value(const char* p, const char* last) noexcept {
    constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
    constexpr std::uint64_t high = ones * 0x80, low = ones * 0x7f;
    while (last - p >= 8) {
        std::uint64_t word;
        std::memcpy(&word, p, sizeof word);
        const std::uint64_t below_space = ~((word & low) + ones * 0x60);
        const std::uint64_t is_delete = ~(((word ^ low) & low) + low);
        const std::uint64_t mask = (below_space | is_delete) & ~word & high;
        if (mask == 0) {
            p += 8;
            continue;
        }
        p += first_byte(mask);
        if (*p != '\t') return p;
        ++p;
    }
    while (p != last && is(value_character, *p)) ++p;
    return p;
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; }

}  // namespace detail

/// Returns true if the text is a token: a method, the name of a field (RFC 9110 §5.6.2). An empty text is no token.
[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
    return !text.empty() && detail::span_of(detail::token_character, text) == text.size();
}
/// Returns true if the text may be the value of a field: it holds no control character except tabs (RFC 9110 §5.5).
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
    if (std::is_constant_evaluated()) return detail::span_of(detail::value_character, text) == text.size();
    const char* const last = text.data() + text.size();
    return detail::skip_value(text.data(), last) == last;
}
/// Returns true if two names are equal, where the case of ASCII letters does not count (RFC 9110 §5.1).
[[nodiscard]] constexpr bool same_name(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && detail::lower(a[i]) != detail::lower(b[i])) return false;
    return true;
}

/// Returns the text without spaces and tabs at its ends (RFC 9110 §5.6.3).
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
    const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

/// Reads a number of decimal digits and nothing else: no sign, no space, no empty text. Returns nullopt for any other
/// text and for a number above 2^64-1. The functions of the C library take `+5`, ` 5` and `0x5`, and wrap or saturate
/// silently. A length that two programs read differently ends a message at two places.
[[nodiscard]] constexpr std::optional<std::uint64_t> read_decimal(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : text) {
        const std::uint64_t digit = netnotes::detail::digit_value(c);
        if (digit > 9) return std::nullopt;
        if (number > (~std::uint64_t{0} - digit) / 10) return std::nullopt;
        number = number * 10 + digit;
    }
    return number;
}

namespace detail {

/// Calls visit(part) for each element of a list with commas, for example `keep-alive, Upgrade`; empty elements count
/// for nothing (RFC 9110 §5.6.1). Do not use it for lists that may hold quoted commas.
template <class Visit>
constexpr void for_each_element(std::string_view list, Visit visit) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const std::string_view part = trimmed(list.substr(0, comma));
        if (!part.empty()) visit(part);
        list = comma == list.npos ? std::string_view{} : list.substr(comma + 1);
    }
}

}  // namespace detail

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_SYNTAX_HPP

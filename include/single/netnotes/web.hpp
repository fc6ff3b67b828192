// netnotes 0.1.0, web.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/web.hpp, where it can be read in chapters.
// netnotes/ip/version.hpp: the version, which every chapter includes
// SPDX-License-Identifier: MIT
//
// The test stands outside the include guard on purpose. If one-file headers of two releases meet in one program, the
// compiler reports that here. Otherwise it would report strange errors about classes that are defined twice.

#if __cplusplus < 202002L
#error "netnotes needs C++20: compile with -std=c++20"
#endif

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif

#ifndef NETNOTES_IP_VERSION_HPP
#define NETNOTES_IP_VERSION_HPP

#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

#endif  // NETNOTES_IP_VERSION_HPP
// netnotes/web.hpp: web pages, as the notes make them with Django
// SPDX-License-Identifier: MIT
//
// A framework stands between HTTP and a program's pages. A request walks through its parts:
//
//        request ──> middleware ──> routes: which view? ──> view ──> template ──> response
//        GET /articles/42/          ^articles/(\d+)/$       42        {{ title }}
//
// This module has the parts of Django that the notes name, under Django's names, and does what Django does. Tests ask
// Django itself. Django 3.2 is the version that Debian 12 has.
//
//        const web::pattern detail{R"(^articles/(?P<id>\d+)/$)"};
//        if (const auto found = detail.search("articles/42/")) std::cout << *(*found)["id"];
//
// What of Django is not here:
//     ORM, migrations    A database is a library of its own. A migration is a numbered script. It changes the tables of
//                        a database from one version of the program to the next. The notes name its two commands.
//     admin              Pages that edit such tables: without an ORM there is nothing to edit.
//     sessions, login    A session is a cookie with a number, and a table behind it.
//     translation        Django's templates may be translated; ours have the language in which they are written.
//
// Chapters, lowest first:
//     web/pattern_program.hpp  from the text of a regular expression to a program
//     web/pattern.hpp          regular expressions that cannot be made slow
//
// The notes:     Django, DTL语言, 模板的继承, html转义, 静态文件, 中间件

#ifndef NETNOTES_WEB_HPP
#define NETNOTES_WEB_HPP


// netnotes/web/pattern.hpp: regular expressions that cannot be made slow
// SPDX-License-Identifier: MIT
//
// A URL table says with a regular expression which paths it takes. The path is a stranger's text. Many matchers try one
// way through the pattern after the other, and go back when a way fails. For `(a+)+$` and forty times the letter a with
// a b behind them they try 2^40 ways. std::regex also calls itself for each character, so a long text ends the program.
//
// This matcher walks all ways at the same time (Thompson, 1968). Each way is a small record: where it is in the
// program, and which groups it has found. Two ways at the same place have the same future, so the one of lower priority
// is dropped:
//
//        pattern  (a|ab)(c|bcd)        text  a b c d
//        behind a:    way 1 before (c|bcd)    way 2 before the b of ab
//        behind ab:   way 1 inside bcd        way 2 before (c|bcd)
//        behind abcd: way 1 has matched       way 2 is gone
//
// The number of ways is at most the size of the program. So the time is at most that size times the length of the text.
//
//        const web::pattern detail{R"(^articles/(?P<id>\d+)/$)"};
//        if (const auto found = detail.search("articles/42/")) std::cout << *(*found)["id"];
//
// It reads what Python's `re` reads, as far as one walk can do it, and finds the same groups:
//
//        a  .  \d \D \w \W \s \S  [a-z]  [^/]        a character; \d \w \s know ASCII only, as with re.ASCII
//        x*  x+  x?  x{2}  x{2,}  x{,5}  x{2,5}      repeated; with ? behind it as few times as possible
//        (x)  (?P<name>x)  (?:x)  x|y                groups, alternatives; the first alternative is preferred
//        ^  $  \A  \Z  \b  \B                        places; $ is the end, or before a line feed at the end
//
// Backreferences and lookaround are refused, with their place: one walk cannot do them.
//
// On this page:  pattern, pattern_match
// The notes:     配置url; example 43

#ifndef NETNOTES_WEB_PATTERN_HPP
#define NETNOTES_WEB_PATTERN_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// netnotes/ip/text.hpp: how addresses are read and written
// SPDX-License-Identifier: MIT
//
// The machinery under ip.hpp, and a page on two small grammars. Most people never include this file.
//
//        "192.0.2.1"                             <->  0xc0000201                  dotted decimal
//        "2001:db8::1"                           <->  2001:0db8:0:0:0:0:0:1       RFC 4291 §2.2, RFC 5952
//        "::ffff:192.0.2.1"                      <->  ... ffff c000 0201          an IPv4 tail
//        "fe80::1%eth0"                          <->  number and zone             RFC 4007 §11
//
// Reading is strict where the C library is not. inet_aton() takes 192.168.010.1 for 192.168.8.1, because a leading zero
// means octal in C. It takes 10.1 for 10.0.0.1. If a filter and a server read the same text as two addresses, the
// filter is useless (RFC 6943 §3.1.1). Both texts are therefore refused here. A reader stops at the first error and
// names it with its place: "octet 4 is 256, above 255, at character 6".
//
// Writing has one form for each address (RFC 5952 §4): lower case and no leading zeros. The longest run of zero groups,
// the first of equals, becomes "::", but only if it is longer than one group. Equal addresses have equal texts, so a
// text may serve as a key in a log.
//
// A text from a stranger is not printed as it is. It may hold a line's end that forges a line of the log. It may hold
// an escape sequence that controls the terminal. visible() and quoted() write such characters as escape sequences of
// C++.
//
// On this page:  parse_failure, parse_error · visible, quoted · printable, what every value of ip.hpp can do · 128 bits
// ·
//                reading IPv4, IPv6, numbers · writing them
// The notes:     IP地址 (IP addresses); example 02

#ifndef NETNOTES_IP_TEXT_HPP
#define NETNOTES_IP_TEXT_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif



namespace netnotes {

// ---- Why a text was refused ----------------------------------------------------------------------------

/// The error in a text and its place. It is cheap to make: only message() composes the sentence.
class parse_failure {
  public:
    constexpr parse_failure() noexcept = default;
    /// In the pattern '#' stands for the item's number, '%' for the offending value, '@' for that value as
    /// a character. The pattern must outlive the failure: here it is always a literal.
    constexpr parse_failure(std::string_view pattern, std::size_t position, std::uint32_t item = 0,
                            std::uint32_t value = 0) noexcept
        : pattern_{pattern}, position_{position}, item_{item}, value_{value} {}

    /// The offending character's place, counted from 0; the text's size if something is missing.
    [[nodiscard]] constexpr std::size_t position() const noexcept { return position_; }
    /// Returns the failure for a longer text, in which this text begins at `offset` characters.
    constexpr void shift(std::ptrdiff_t offset) noexcept { position_ += static_cast<std::size_t>(offset); }
    /// Returns a sentence, for example `octet 4 is 256, above 255, at character 6`.
    [[nodiscard]] std::string message() const;

  private:
    std::string_view pattern_;
    std::size_t position_ = 0;
    std::uint32_t item_ = 0;
    std::uint32_t value_ = 0;
};

/// Thrown by the constructors that take text. what() quotes the text and gives the failure's message.
class parse_error : public std::invalid_argument {
  public:
    parse_error(std::string_view kind, std::string_view text, const parse_failure& failure);
    [[nodiscard]] const parse_failure& failure() const noexcept { return failure_; }

  private:
    parse_failure failure_;
};

// ---- A stranger's text ---------------------------------------------------------------------------------

/// Returns the text in a form that is safe for a terminal and a line of a log. Valid UTF-8 stays, except for characters
/// that control the output or cannot be seen. These are the controls, the separators of lines, characters that change
/// the direction of writing, characters without width, and noncharacters. The controls include U+0080 to U+009F; U+009B
/// means ESC [ (ECMA-48 §5.4). These characters become `\n`, `\r`, `\t`, `\u202e` and the like. U+0000 to U+001F,
/// U+007F and each byte that is no UTF-8 (RFC 3629) become `\x1b` and the like. A backslash and a quotation mark stay,
/// so a text that is visible already does not change.
[[nodiscard]] std::string visible(std::string_view text);
/// Returns the text, made visible, in quotation marks. A quotation mark inside becomes `\"` and a backslash two, so
/// that the text cannot pretend to have ended.
[[nodiscard]] std::string quoted(std::string_view text);

/// A number of 128 bits, as two halves: an IPv6 address as a number, or a distance between two. (`unsigned __int128` is
/// not standard C++, and not every compiler has it.) Arithmetic is modulo 2^128, as for the built-in unsigned types. A
/// regular value. No operation throws.
struct uint128 {
    std::uint64_t high = 0;  ///< the 64 bits of the larger weight
    std::uint64_t low = 0;   ///< the 64 bits of the smaller weight

    /// Compares as numbers.
    friend constexpr auto operator<=>(const uint128&, const uint128&) noexcept = default;
    friend constexpr uint128 operator&(uint128 a, uint128 b) noexcept { return {a.high & b.high, a.low & b.low}; }
    friend constexpr uint128 operator|(uint128 a, uint128 b) noexcept { return {a.high | b.high, a.low | b.low}; }
    friend constexpr uint128 operator^(uint128 a, uint128 b) noexcept { return {a.high ^ b.high, a.low ^ b.low}; }
    friend constexpr uint128 operator~(uint128 a) noexcept { return {~a.high, ~a.low}; }
    /// Returns `a` shifted to the left. `bits` is 0 to 128.
    friend constexpr uint128 operator<<(uint128 a, unsigned bits) noexcept {
        if (bits >= 64) return {bits == 128 ? 0 : a.low << (bits - 64), 0};
        return bits == 0 ? a : uint128{a.high << bits | a.low >> (64 - bits), a.low << bits};
    }
    /// Returns `a` shifted to the right. `bits` is 0 to 128.
    friend constexpr uint128 operator>>(uint128 a, unsigned bits) noexcept {
        if (bits >= 64) return {0, bits == 128 ? 0 : a.high >> (bits - 64)};
        return bits == 0 ? a : uint128{a.high >> bits, a.low >> bits | a.high << (64 - bits)};
    }
    friend constexpr uint128 operator+(uint128 a, uint128 b) noexcept {
        const std::uint64_t sum = a.low + b.low;
        return {a.high + b.high + (sum < a.low ? 1 : 0), sum};
    }
    friend constexpr uint128 operator-(uint128 a, uint128 b) noexcept {
        return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low};
    }
};

namespace detail {

using netnotes::uint128;

/// A number of `bits` ones at the low end; bits from 0 to 128.
constexpr uint128 ones(unsigned bits) noexcept { return (uint128{0, 1} << bits) - uint128{0, 1}; }
constexpr unsigned bit_width(uint128 value) noexcept {
    return static_cast<unsigned>(value.high != 0 ? 64 + std::bit_width(value.high) : std::bit_width(value.low));
}
constexpr unsigned trailing_zeros(uint128 value) noexcept {
    return static_cast<unsigned>(value.low != 0 ? std::countr_zero(value.low) : 64 + std::countr_zero(value.high));
}

/// An IPv6 zone ("eth0", "2"), kept inside the address. Interface names have at most 15 characters (IFNAMSIZ is 16), so
/// the zone needs no allocation.
struct zone_name {
    std::array<char, 15> text{};
    std::uint8_t size = 0;
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text.data(), size}; }
    // Compares only the characters that are used. This is faster for the usual empty zone. It also stays constexpr in
    // libstdc++'s debug mode (g++ 12), where comparing the arrays does not.
    friend constexpr bool operator==(const zone_name& a, const zone_name& b) noexcept { return a.view() == b.view(); }
    friend constexpr std::strong_ordering operator<=>(const zone_name& a, const zone_name& b) noexcept {
        return a.view().compare(b.view()) <=> 0;
    }
};

constexpr std::uint64_t mix(std::uint64_t x) noexcept {  // the finaliser of MurmurHash3: every bit reaches every bit
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
    return x ^ (x >> 33);
}

/// The text functions of every value of this header. A value defines `write`, which writes into a buffer of at least
/// `text_capacity` characters. This class adds the functions that the standard library's types have.
template <class Value>
struct printable {
    /// Returns the canonical text. It is the only function of this header that allocates.
    [[nodiscard]] std::string to_string() const {
        char text[Value::text_capacity];
        return {text, self().write(text)};
    }
    /// Works like std::to_chars: writes to [first, last) without a terminating NUL and returns the end. Returns
    /// errc::value_too_large if the text does not fit. Value::text_capacity characters always suffice.
    constexpr std::to_chars_result to_chars(char* first, char* last) const noexcept {
        if (last - first >= static_cast<std::ptrdiff_t>(Value::text_capacity)) return {self().write(first), {}};
        char text[Value::text_capacity]{};
        const char* const end = self().write(text);
        if (last - first < end - text) return {last, std::errc::value_too_large};
        return {std::copy(static_cast<const char*>(text), end, first), {}};
    }
    /// Writes the text to a stream, with the stream's width and fill, as for a string.
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Value& value) {
        char text[Value::text_capacity];
        return out << std::basic_string_view<char, Traits>(text, static_cast<std::size_t>(value.write(text) - text));
    }
    friend constexpr auto operator<=>(const printable&, const printable&) noexcept = default;

  private:
    constexpr const Value& self() const noexcept { return static_cast<const Value&>(*this); }
};

template <class Value>
concept text_value = std::is_base_of_v<printable<Value>, Value>;

// ---- Reading -------------------------------------------------------------------------------------------

/// Returns the digit's value, above 9 if the character is no digit.
constexpr unsigned digit_value(char c) noexcept { return static_cast<unsigned char>(c) - unsigned{'0'}; }

/// One table look-up a character instead of three comparisons; 0xff is no digit.
inline constexpr auto hexadecimal_value = [] {
    std::array<std::uint8_t, 256> values{};
    for (unsigned c = 0; c < 256; ++c)
        values[c] = static_cast<std::uint8_t>(c >= '0' && c <= '9'   ? c - '0'
                                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                                     : 0xff);
    return values;
}();

/// The failure branches are out of line, so that the path through a valid text stays short.
constexpr bool refuse(parse_failure& why, std::string_view pattern, std::ptrdiff_t position, std::uint32_t item = 0,
                      std::uint32_t value = 0) noexcept {
    why = parse_failure{pattern, static_cast<std::size_t>(position), item, value};
    return false;
}
constexpr bool refuse_character(parse_failure& why, const char* first, const char* at) noexcept {
    return refuse(why, "unexpected character @", at - first, 0, static_cast<unsigned char>(*at));
}

/// Reads all of [first, last) as a decimal number up to `limit`, without sign or leading zeros.
constexpr bool read_number(const char* first, const char* last, std::uint32_t limit, std::uint32_t& value,
                           parse_failure& why) noexcept {
    std::uint64_t number = 0;
    if (first == last) return refuse(why, "a number is missing", 0);
    for (const char* p = first; p != last; ++p) {
        if (digit_value(*p) > 9) return refuse_character(why, first, p);
        if (number <= limit) number = number * 10 + digit_value(*p);  // beyond the limit it only has to stay there
    }
    if (*first == '0' && last - first > 1) return refuse(why, "a leading zero", 0);
    if (number > limit) return refuse(why, "the number is above %", 0, 0, limit);
    value = static_cast<std::uint32_t>(number);
    return true;
}

/// Reads all of [first, last) as dotted decimal.
constexpr bool read_ipv4(const char* const first, const char* const last, std::uint32_t& value,
                         parse_failure& why) noexcept {
    std::uint32_t address = 0;
    const char* p = first;
    if (p == last) return refuse(why, "the address is empty", 0);
    for (std::uint32_t octet = 1; octet <= 4; ++octet) {
        if (octet > 1) {
            if (p == last) return refuse(why, "only # of 4 octets", last - first, octet - 1);
            if (*p != '.') return refuse_character(why, first, p);
            ++p;
        }
        const char* const start = p;
        if (p == last || *p == '.') return refuse(why, "octet # is missing", p - first, octet);
        std::uint32_t number = digit_value(*p);
        if (number > 9) return refuse_character(why, first, p);
        for (++p; p != last && digit_value(*p) <= 9; ++p) {
            number = number * 10 + digit_value(*p);
            // Before the number of digits: "0377" is refused because C would read it as octal.
            if (*start == '0') return refuse(why, "octet # has a leading zero", start - first, octet);
            if (p - start == 3) return refuse(why, "octet # has more than three digits", start - first, octet);
        }
        if (number > 255) return refuse(why, "octet # is %, above 255", start - first, octet, number);
        address = address << 8 | number;
    }
    if (p != last) {
        if (*p == '.') return refuse(why, "more than 4 octets", p - first);
        return refuse_character(why, first, p);
    }
    value = address;
    return true;
}

/// Reads all of [first, last) as a zone. It accepts the characters that the name of an interface may hold, except
/// characters that end the zone in `[fe80::1%eth0]:80` or `fe80::%eth0/64`.
constexpr bool read_zone(const char* first, const char* last, zone_name& zone, parse_failure& why) noexcept {
    if (first == last) return refuse(why, "the zone is missing", 0);
    if (last - first > static_cast<std::ptrdiff_t>(zone.text.size()))
        return refuse(why, "a zone of more than 15 characters", 0);
    zone_name read;
    for (const char* p = first; p != last; ++p) {
        if (*p <= ' ' || *p > '~' || *p == '%' || *p == '/' || *p == '[' || *p == ']')
            return refuse_character(why, first, p);
        read.text[read.size++] = *p;
    }
    zone = read;
    return true;
}

/// Reads all of [first, last) as IPv6: groups of hexadecimal digits, perhaps one "::", perhaps an IPv4 tail.
constexpr bool read_ipv6(const char* const first, const char* const last, uint128& value, zone_name& zone,
                         parse_failure& why) noexcept {
    uint128 address;     // the groups read so far, the last one lowest; after "::" only those behind it
    uint128 front;       // the groups before "::", already in their place
    unsigned count = 0;  // of all groups
    bool gap = false;    // has "::" been seen?
    const char* p = first;
    if (p == last) return refuse(why, "the address is empty", 0);
    if (*p == ':') {
        if (p + 1 == last || p[1] != ':') return refuse(why, "a single ':' at the start", 0);
        gap = true;
        p += 2;
    }
    while (p != last && *p != '%') {
        if (*p == ':') return refuse(why, "a second '::', or ':::'", p - first);
        if (count == 8) return refuse(why, "more than 8 groups", p - first);
        const char* const start = p;
        unsigned group = 0;
        for (; p != last && hexadecimal_value[static_cast<unsigned char>(*p)] < 16; ++p) {
            if (p - start == 4) return refuse(why, "group # has more than four digits", start - first, count + 1);
            group = group << 4 | hexadecimal_value[static_cast<unsigned char>(*p)];
        }
        if (p != last && *p == '.') {  // what looked like a group is the first octet of an IPv4 tail
            if (count > 6) return refuse(why, "no room for an IPv4 address after # groups", start - first, count);
            const char* tail_end = p;
            while (tail_end != last && *tail_end != '%') ++tail_end;
            std::uint32_t tail = 0;
            if (!read_ipv4(start, tail_end, tail, why)) return why.shift(start - first), false;
            address = address << 32 | uint128{0, tail};
            count += 2;
            p = tail_end;
            break;
        }
        if (p == start) return refuse_character(why, first, p);
        address = address << 16 | uint128{0, group};
        ++count;
        if (p == last || *p == '%') break;
        if (*p != ':') return refuse_character(why, first, p);
        ++p;
        if (p == last || *p == '%') return refuse(why, "a single ':' at the end", p - 1 - first);
        if (*p == ':') {
            if (gap) return refuse(why, "a second '::', or ':::'", p - first);
            gap = true;
            front = address << 16 * (8 - count);
            address = {};
            ++p;
        }
    }
    if (!gap && count < 8) return refuse(why, "only # of 8 groups, and no '::'", p - first, count);
    if (gap && count == 8) return refuse(why, "'::' stands for one group at least, and 8 are there", p - first);
    value = front | address;
    if (p != last) {
        ++p;
        if (!read_zone(p, last, zone, why)) return why.shift(p - first), false;
        // unmapped() would lose the zone without a word.
        if (value.high == 0 && value.low >> 32 == 0xffff)
            return refuse(why, "an IPv4-mapped address has no zone", p - 1 - first);
    }
    return true;
}

// ---- Writing -------------------------------------------------------------------------------------------

/// The texts "0." to "255.". Writing an octet takes one look-up and one four-byte store. So printing an address is some
/// thirty times faster than inet_ntop(), which calls snprintf().
inline constexpr auto octet_texts = [] {
    std::array<std::array<char, 4>, 256> texts{};
    for (unsigned octet = 0; octet < 256; ++octet) {
        unsigned size = 0;
        if (octet >= 100) texts[octet][size++] = static_cast<char>('0' + octet / 100);
        if (octet >= 10) texts[octet][size++] = static_cast<char>('0' + octet / 10 % 10);
        texts[octet][size++] = static_cast<char>('0' + octet % 10);
        texts[octet][size] = '.';
    }
    return texts;
}();

/// Needs room for 16 characters. The last characters may be overwritten without being part of the text.
constexpr char* write_ipv4(char* out, std::uint32_t value) noexcept {
    for (int shift = 24; shift >= 0; shift -= 8) {
        const unsigned octet = value >> shift & 0xff;
        const auto [a, b, c, d] = octet_texts[octet];  // all four before any store, so that they become one
        out[0] = a, out[1] = b, out[2] = c, out[3] = d;
        out += 2 + (octet >= 10) + (octet >= 100);
    }
    return out - 1;
}

/// Writes the number in decimal; std::to_chars is not constexpr before C++23.
constexpr char* write_number(char* out, std::uint32_t value) noexcept {
    std::array<char, 10> digits{};
    char* first = digits.data() + digits.size();
    do {
        *--first = static_cast<char>('0' + value % 10);
    } while ((value /= 10) != 0);
    return std::copy(first, digits.data() + digits.size(), out);
}

inline constexpr std::string_view hexadecimal_digits = "0123456789abcdef";

/// Needs room for 64 characters.
constexpr char* write_ipv6(char* out, uint128 value, const zone_name& zone) noexcept {
    std::array<std::uint16_t, 8> groups{};
    for (unsigned i = 0; i < 4; ++i) {
        groups[i] = static_cast<std::uint16_t>(value.high >> (48 - 16 * i));
        groups[i + 4] = static_cast<std::uint16_t>(value.low >> (48 - 16 * i));
    }
    unsigned gap = 8, zeros = 1;  // where the longest run of zero groups begins, and its length: one is no run
    for (unsigned i = 0; i < 8; ++i) {
        unsigned run = 0;
        while (i + run < 8 && groups[i + run] == 0) ++run;
        if (run > zeros) gap = i, zeros = run;
        i += run;
    }
    // RFC 5952 §5: the IPv4 part of a mapped address is written as IPv4.
    const bool mapped = value.high == 0 && value.low >> 32 == 0xffff;
    for (unsigned i = 0; i < (mapped ? 6u : 8u);) {
        if (i == gap) {
            *out++ = ':';
            if (i == 0) *out++ = ':';
            i += zeros;
            continue;
        }
        const unsigned group = groups[i];
        if (group >= 0x1000) *out++ = hexadecimal_digits[group >> 12];
        if (group >= 0x100) *out++ = hexadecimal_digits[group >> 8 & 0xf];
        if (group >= 0x10) *out++ = hexadecimal_digits[group >> 4 & 0xf];
        *out++ = hexadecimal_digits[group & 0xf];
        if (++i < 8) *out++ = ':';
    }
    if (mapped) out = write_ipv4(out, static_cast<std::uint32_t>(value.low));
    if (zone.size > 0) {
        *out++ = '%';
        out = std::copy(zone.text.begin(), zone.text.begin() + zone.size, out);
    }
    return out;
}

}  // namespace detail

namespace detail {
/// Joins texts and characters. (g++ 12 -O3 wrongly warns of an overlapping copy in every "text" + std::string{}: its
/// bug 105651.)
template <class... Parts>
std::string joined(const Parts&... parts) {
    std::string text;
    ((text += parts), ...);
    return text;
}
}  // namespace detail

inline std::string parse_failure::message() const {
    std::string text;
    for (const char c : pattern_) {
        if (c == '#') {
            text += std::to_string(item_);
        } else if (c == '%') {
            text += std::to_string(value_);
        } else if (c != '@') {
            text += c;
        } else if (value_ > ' ' && value_ <= '~') {
            text += {'\'', static_cast<char>(value_), '\''};
        } else {
            text += {'0', 'x', detail::hexadecimal_digits[value_ >> 4 & 0xf], detail::hexadecimal_digits[value_ & 0xf]};
        }
    }
    return detail::joined(text, ", at character ", std::to_string(position_));
}

namespace detail {

/// Returns true if a reader does not see the character, or if the character changes how others are seen.
constexpr bool is_invisible(char32_t point) noexcept {
    struct range {
        char32_t first, last;
    };
    constexpr range all[]{
        {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    return (point & 0xfffe) == 0xfffe || std::any_of(std::begin(all), std::end(all), [&](const range& each) {
               return each.first <= point && point <= each.last;
           });
}

/// Reads the character of UTF-8 (RFC 3629) with which the text begins. Returns how many bytes it has, 0 if they are no
/// character: cut off, longer than needed, a surrogate, or above U+10FFFF.
constexpr std::size_t read_utf8(std::string_view text, char32_t& point) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    point = lead;
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() < size) return 0;
    point = lead & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        point = point << 6 | (byte(i) & 0x3fu);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : size;
}

inline void append_visible(std::string& to, std::string_view text, bool is_quoted) {
    const auto append_hex = [&](char kind, char32_t value, unsigned digits) {
        to += '\\';
        to += kind;
        while (digits-- > 0) to += hexadecimal_digits[value >> 4 * digits & 0xf];
    };
    while (!text.empty()) {
        char32_t point = 0;
        const std::size_t size = read_utf8(text, point);
        if (size > 0 && !is_invisible(point)) {
            if (is_quoted && (point == '"' || point == '\\')) to += '\\';
            to += text.substr(0, size);
        } else if (size == 1 && (point == '\n' || point == '\r' || point == '\t')) {
            to += point == '\n' ? "\\n" : point == '\r' ? "\\r" : "\\t";
        } else if (size < 2) {
            append_hex('x', static_cast<unsigned char>(text[0]), 2);
        } else if (point <= 0xffff) {
            append_hex('u', point, 4);
        } else
            append_hex('U', point, 8);
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
}

}  // namespace detail

inline std::string visible(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    detail::append_visible(shown, text, false);
    return shown;
}
inline std::string quoted(std::string_view text) {
    std::string shown{'"'};
    shown.reserve(text.size() + 2);
    detail::append_visible(shown, text, true);
    return shown += '"';
}

namespace detail {
/// Returns the text in quotation marks, cut if it is long, so that an error fits in a line.
inline std::string quoted_beginning(std::string_view text) {
    constexpr std::size_t most = 64;
    std::string shown = quoted(text.substr(0, most));
    if (text.size() > most) shown.insert(shown.size() - 1, "...");
    return shown;
}
}  // namespace detail

inline parse_error::parse_error(std::string_view kind, std::string_view text, const parse_failure& failure)
    : std::invalid_argument{detail::joined(detail::quoted_beginning(text), " is no ", kind, ": ", failure.message())},
      failure_{failure} {}

}  // namespace netnotes

#ifdef __cpp_lib_format
template <netnotes::detail::text_value Value>
struct std::formatter<Value, char> : std::formatter<std::string_view, char> {
    auto format(const Value& value, auto& context) const {
        char text[Value::text_capacity];
        const char* const end = value.write(text);
        return std::formatter<std::string_view, char>::format({text, static_cast<std::size_t>(end - text)}, context);
    }
};
#endif

#endif  // NETNOTES_IP_TEXT_HPP

// netnotes/web/pattern_program.hpp: from the text of a regular expression to a program
// SPDX-License-Identifier: MIT
//
// The machinery under pattern.hpp. A regular expression becomes a list of instructions, in two steps. The first step
// reads the text into a tree. The second step writes the tree down, and writes what is counted as often as it is
// counted:
//
//        (?P<id>\d+)/        0  save 2            the group begins
//                            1  set \d
//                            2  split 1, 3        once more, else on
//                            3  save 3            the group ends
//                            4  literal /
//
// A pattern is the program's own text, but the reader bounds it all the same: how deep groups are nested, how many
// groups there are, and how long the program becomes. A reader without bounds calls itself for each parenthesis until
// the stack is used up, and `((a{1000}){1000}){1000}` fills the memory.
//
// On this page:  (what pattern.hpp uses)
// The notes:     配置url

#ifndef NETNOTES_WEB_PATTERN_PROGRAM_HPP
#define NETNOTES_WEB_PATTERN_PROGRAM_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>



namespace netnotes::web::detail::patterns {

inline constexpr std::size_t max_program_size = 4'000;
inline constexpr std::size_t max_depth = 50;
inline constexpr std::size_t max_groups = 100;
inline constexpr std::size_t max_count = 1'000;

enum class operation : std::uint8_t {
    literal,  // value: the code point
    any,      // any character but a line feed
    set,      // value: the number of the character set
    jump,     // to `first`
    split,    // to `first`, and with lower priority to `second`
    enter,    // a split before the first repetition of something that may be empty
    again,    // a split behind a repetition of something that may be empty, see `walk`
    save,     // value: the number in the list of places
    place,    // value: the letter of the assertion
    matched,
};

struct instruction {
    operation op{};
    std::uint8_t depth = 0;  // how many repetitions of something that may be empty are around it
    std::uint32_t value = 0;
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    bool prefers_exit = false;  // of `again`: the exit is `first`
};

struct character_range {
    char32_t first, last;
};
struct character_set {
    std::vector<character_range> ranges;
    bool is_negated = false;

    [[nodiscard]] bool contains(char32_t point) const noexcept {
        return is_negated != std::any_of(ranges.begin(), ranges.end(), [&](const character_range& range) {
                   return range.first <= point && point <= range.last;
               });
    }
};

constexpr bool is_word(char32_t c) noexcept {
    return (c >= U'0' && c <= U'9') || (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || c == U'_';
}

struct program {
    std::vector<instruction> code;
    std::vector<character_set> sets;
    std::vector<std::pair<std::string, std::size_t>> names;  // of groups
    std::size_t groups = 1;
    std::size_t depth = 0;  // the greatest of all instructions
};

inline constexpr std::size_t endless = static_cast<std::size_t>(-1);

/// Reads the character at which the text begins. A byte that is no UTF-8 is a character of its own, above all others.
constexpr std::size_t read_character(std::string_view text, char32_t& point) noexcept {
    if (const std::size_t size = netnotes::detail::read_utf8(text, point); size != 0) return size;
    point = 0x110000 + static_cast<unsigned char>(text[0]);
    return 1;
}

/// A piece of the pattern. Lists of children are chains: `child` is the first of them, and `next` its neighbour.
struct node {
    enum class kind : std::uint8_t { literal, any, set, place, group, sequence, choice, repeat } what{};
    std::uint32_t value =
        0;  // a code point, the number of a set, the letter of a place, the number of a group (0: none)
    std::size_t min = 0, max = 0;
    bool is_lazy = false;
    bool may_be_empty = false;
    std::uint32_t child = 0, next = 0;  // 0: no node
};

class compiler {
  public:
    compiler(std::string_view text, parse_failure& why) : text_{text}, why_{why} { nodes_.emplace_back(); }

    bool compile(program& to) {
        program_ = &to;
        const std::uint32_t root = read_choice(0);
        if (!failed_ && at_ < text_.size()) refuse("')' has no '('", at_);
        if (failed_) return false;
        emit({operation::save, 0, 0});
        write(root, 0);
        emit({operation::save, 0, 1});
        emit({operation::matched});
        return !failed_;
    }

  private:
    using kind = node::kind;

    // ---- Reading: text to nodes. It calls itself for a group only, so max_depth bounds it.

    void refuse(std::string_view reason, std::size_t place) noexcept {
        if (!failed_) why_ = parse_failure{reason, place};
        failed_ = true;
        at_ = text_.size();
    }
    [[nodiscard]] bool sees(std::string_view word) const noexcept { return text_.substr(at_).starts_with(word); }
    bool take(std::string_view word) noexcept {
        if (!sees(word)) return false;
        at_ += word.size();
        return true;
    }
    char32_t take_character() noexcept {
        char32_t point = 0;
        at_ += read_character(text_.substr(at_), point);
        return point;
    }
    std::uint32_t make(const node& what) {
        nodes_.push_back(what);
        return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    std::uint32_t make_set(character_set set) {
        program_->sets.push_back(std::move(set));
        return make({kind::set, static_cast<std::uint32_t>(program_->sets.size() - 1)});
    }

    std::uint32_t read_choice(std::size_t depth) {
        const std::uint32_t first = read_sequence(depth);
        if (!sees("|")) return first;
        const std::uint32_t whole = make({kind::choice});
        nodes_[whole].child = first;
        nodes_[whole].may_be_empty = nodes_[first].may_be_empty;
        for (std::uint32_t last = first; take("|");) {
            const std::uint32_t more = read_sequence(depth);
            nodes_[last].next = more;
            last = more;
            if (nodes_[more].may_be_empty) nodes_[whole].may_be_empty = true;
        }
        return whole;
    }
    std::uint32_t read_sequence(std::size_t depth) {
        const std::uint32_t whole = make({kind::sequence});
        nodes_[whole].may_be_empty = true;
        std::uint32_t last = 0;
        while (!failed_ && at_ < text_.size() && !sees("|") && !sees(")")) {
            const std::size_t begin = at_;
            std::uint32_t item = read_item(depth);
            if (failed_) break;
            item = read_repeat(item, begin);
            if (failed_) break;
            (last == 0 ? nodes_[whole].child : nodes_[last].next) = item;
            last = item;
            if (!nodes_[item].may_be_empty) nodes_[whole].may_be_empty = false;
        }
        return whole;
    }
    std::uint32_t read_item(std::size_t depth) {
        const std::size_t begin = at_;
        if (take("(")) return read_group(depth, begin);
        if (take("[")) return read_set(begin);
        if (take("\\")) return read_escape(begin);
        if (take(".")) return make({kind::any});
        if (take("^")) return place('A');
        if (take("$")) return place('$');
        if (sees("*") || sees("+") || sees("?")) return refuse("there is nothing to repeat", begin), 0;
        return make({kind::literal, take_character()});
    }
    std::uint32_t place(char letter) {
        const std::uint32_t made = make({kind::place, static_cast<unsigned char>(letter)});
        nodes_[made].may_be_empty = true;
        return made;
    }
    std::uint32_t read_group(std::size_t depth, std::size_t begin) {
        if (depth == max_depth) return refuse("groups are nested too deep", begin), 0;
        std::uint32_t number = 0;
        if (sees("?=") || sees("?!") || sees("?<=") || sees("?<!"))
            return refuse("lookaround is refused: one walk through the text cannot do it", begin), 0;
        if (sees("?P=") || sees("?("))
            return refuse("a backreference is refused: one walk through the text cannot do it", begin), 0;
        if (sees("?") && !sees("?:") && !sees("?P<"))
            return refuse("behind an opening parenthesis and a question mark comes ':' or 'P<'", begin), 0;
        if (!take("?:")) {
            if (program_->groups > max_groups) return refuse("too many groups", begin), 0;
            number = static_cast<std::uint32_t>(program_->groups++);
            if (take("?P<") && !read_name(number)) return 0;
        }
        const std::uint32_t inner = read_choice(depth + 1);
        if (failed_) return 0;
        if (!take(")")) return refuse("this '(' has no ')'", begin), 0;
        const std::uint32_t whole = make({kind::group, number});
        nodes_[whole].child = inner;
        nodes_[whole].may_be_empty = nodes_[inner].may_be_empty;
        return whole;
    }
    bool read_name(std::uint32_t number) {
        const std::size_t begin = at_, end = text_.find('>', at_);
        if (end == text_.npos) return refuse("the name of a group has no '>'", begin), false;
        const std::string_view name = text_.substr(begin, end - begin);
        const auto is_part = [](char c) { return is_word(static_cast<unsigned char>(c)); };
        if (name.empty() || (name[0] >= '0' && name[0] <= '9') || !std::all_of(name.begin(), name.end(), is_part))
            return refuse("the name of a group has letters, digits and _, and begins with no digit", begin), false;
        for (const auto& [other, index] : program_->names)
            if (other == name) return refuse("two groups have this name", begin), false;
        program_->names.emplace_back(name, number);
        at_ = end + 1;
        return true;
    }

    /// The sets of \d, \w and \s, and their opposites with capital letters.
    static std::optional<character_set> named_set(char letter) {
        character_set set;
        switch (letter | 0x20) {
            case 'd': set.ranges = {{U'0', U'9'}}; break;
            case 'w': set.ranges = {{U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}}; break;
            case 's': set.ranges = {{U'\t', U'\r'}, {U' ', U' '}}; break;
            default: return std::nullopt;
        }
        set.is_negated = letter < 'a';
        return set;
    }
    /// A character that is written behind a backslash; `at_` is behind the backslash. Letters and digits without a
    /// meaning are refused, because a later version may give them one.
    std::optional<char32_t> escaped_character(std::size_t begin) {
        if (at_ == text_.size()) return refuse("a backslash has nothing behind it", begin), std::nullopt;
        const char letter = text_[at_];
        constexpr std::string_view letters = "ntrfva", meanings = "\n\t\r\f\v\a";
        if (const auto found = letters.find(letter); found != letters.npos) return ++at_, meanings[found];
        if (letter == 'x' || letter == 'u') {
            const std::size_t digits = letter == 'x' ? 2 : 4;
            char32_t value = 0;
            for (std::size_t i = 1; i <= digits; ++i) {
                const unsigned digit =
                    at_ + i < text_.size()
                        ? netnotes::detail::hexadecimal_value[static_cast<unsigned char>(text_[at_ + i])]
                        : 16u;
                if (digit > 15) return refuse("hexadecimal digits are missing", begin), std::nullopt;
                value = value << 4 | digit;
            }
            at_ += digits + 1;
            return value;
        }
        if (letter >= '1' && letter <= '9')
            return refuse("a backreference is refused: one walk through the text cannot do it", begin), std::nullopt;
        if (letter != '_' && is_word(static_cast<unsigned char>(letter)))
            return refuse("this escape sequence has no meaning", begin), std::nullopt;
        return take_character();
    }
    std::uint32_t read_escape(std::size_t begin) {
        const char letter = at_ < text_.size() ? text_[at_] : '\0';
        if (auto set = named_set(letter)) return ++at_, make_set(*std::move(set));
        if (letter == 'A' || letter == 'Z' || letter == 'b' || letter == 'B') return ++at_, place(letter);
        const auto point = escaped_character(begin);
        return point ? make({kind::literal, *point}) : 0;
    }
    std::uint32_t read_set(std::size_t begin) {
        character_set set;
        set.is_negated = take("^");
        for (bool is_first = true; is_first || !sees("]"); is_first = false) {
            if (at_ == text_.size()) return refuse("this '[' has no ']'", begin), 0;
            const std::size_t item = at_;
            const auto low = read_set_item(set);
            if (failed_) return 0;
            if (!sees("-") || at_ + 1 == text_.size() || text_[at_ + 1] == ']') {
                if (low) set.ranges.push_back({*low, *low});
                continue;
            }
            ++at_;
            const auto high = read_set_item(set);
            if (failed_) return 0;
            if (!low || !high || *high < *low)
                return refuse("this range of characters is empty or has no end", item), 0;
            set.ranges.push_back({*low, *high});
        }
        ++at_;
        return make_set(std::move(set));
    }
    /// Returns a character, or puts a whole set like \d into `set` and returns nullopt.
    std::optional<char32_t> read_set_item(character_set& set) {
        const std::size_t begin = at_;
        if (!take("\\")) return take_character();
        const char letter = at_ < text_.size() ? text_[at_] : '\0';
        if (letter == 'b') return ++at_, U'\b';
        const auto named = named_set(letter);
        if (!named) return escaped_character(begin);
        ++at_;
        char32_t next = 0;
        for (const auto& range : named->ranges) {
            if (!named->is_negated) {
                set.ranges.push_back(range);
            } else if (range.first > next) {
                set.ranges.push_back({next, range.first - 1});
            }
            next = range.last + 1;
        }
        if (named->is_negated) set.ranges.push_back({next, 0x1100ff});
        return std::nullopt;
    }

    std::uint32_t read_repeat(std::uint32_t item, std::size_t begin) {
        std::size_t min = 0, max = endless;
        if (!read_counts(min, max)) return item;
        if (failed_) return 0;
        if (nodes_[item].what == kind::place) return refuse("there is nothing to repeat", begin), 0;
        node whole{kind::repeat};
        whole.min = min;
        whole.max = max;
        whole.is_lazy = take("?");
        whole.child = item;
        whole.may_be_empty = min == 0 || nodes_[item].may_be_empty;
        const std::size_t behind = at_;
        if (sees("+"))
            return refuse("a possessive repetition is refused: one walk through the text cannot do it", behind), 0;
        if (read_counts(min, max)) return refuse("a repetition stands behind a repetition", behind), 0;
        return make(whole);
    }
    /// Reads * + ? or {m,n}. A brace that is no count is a character.
    bool read_counts(std::size_t& min, std::size_t& max) {
        min = 0;
        max = endless;
        if (take("*")) return true;
        if (take("+")) return min = 1, true;
        if (take("?")) return max = 1, true;
        const std::size_t begin = at_;
        if (!take("{") || sees("}")) return at_ = begin, false;
        const auto number = [&](std::size_t otherwise) {
            if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9') return otherwise;
            std::size_t value = 0;
            for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
                value = std::min(value * 10 + static_cast<std::size_t>(text_[at_] - '0'), max_count + 1);
            return value;
        };
        const std::size_t digits = at_;
        min = number(0);
        const bool has_min = at_ > digits;
        if (take(","))
            max = number(endless);
        else
            max = has_min ? min : endless;
        if (!take("}")) return at_ = begin, false;
        if (min > max_count || (max != endless && max > max_count))
            refuse("a count is above 1000", begin);
        else if (max < min)
            refuse("the least count is above the greatest", begin);
        return true;
    }

    // ---- Writing: nodes to instructions.

    std::uint32_t here() const noexcept { return static_cast<std::uint32_t>(program_->code.size()); }
    std::uint32_t emit(const instruction& what) {
        if (program_->code.size() == max_program_size) refuse("the pattern becomes too large", text_.size());
        if (failed_) return 0;
        program_->depth = std::max<std::size_t>(program_->depth, what.depth);
        program_->code.push_back(what);
        return here() - 1;
    }
    void write(std::uint32_t which, std::uint8_t depth) {
        if (++written_ > 10 * max_program_size) refuse("the pattern becomes too large", text_.size());
        if (failed_) return;
        const node what = nodes_[which];
        switch (what.what) {
            case kind::literal: emit({operation::literal, depth, what.value}); break;
            case kind::any: emit({operation::any, depth}); break;
            case kind::set: emit({operation::set, depth, what.value}); break;
            case kind::place: emit({operation::place, depth, what.value}); break;
            case kind::sequence:
                for (std::uint32_t item = what.child; item != 0; item = nodes_[item].next) write(item, depth);
                break;
            case kind::group:
                if (what.value != 0) emit({operation::save, depth, 2 * what.value});
                write(what.child, depth);
                if (what.value != 0) emit({operation::save, depth, 2 * what.value + 1});
                break;
            case kind::choice: write_choice(what, depth); break;
            case kind::repeat: write_repeat(what, depth); break;
        }
    }
    void write_choice(const node& what, std::uint8_t depth) {
        std::vector<std::uint32_t> exits;
        for (std::uint32_t item = what.child; item != 0; item = nodes_[item].next) {
            if (nodes_[item].next == 0) {
                write(item, depth);
                break;
            }
            const std::uint32_t split = emit({operation::split, depth});
            write(item, depth);
            exits.push_back(emit({operation::jump, depth}));
            if (failed_) return;
            program_->code[split].first = split + 1;
            program_->code[split].second = here();
        }
        for (const std::uint32_t exit : exits) program_->code[exit].first = here();
    }
    void write_repeat(const node& what, std::uint8_t depth) {
        for (std::size_t i = 0; i < what.min && !failed_; ++i) write(what.child, depth);
        const bool may_be_empty = nodes_[what.child].may_be_empty;
        const auto inside = static_cast<std::uint8_t>(may_be_empty ? depth + 1 : depth);
        std::vector<std::uint32_t> branches;  // each with a way into the next repetition and a way out
        const std::size_t count = what.max == endless ? 1 : what.max - what.min;
        for (std::size_t i = 0; i < count && !failed_; ++i) {
            branches.push_back(emit({!may_be_empty ? operation::split
                                     : i == 0      ? operation::enter
                                                   : operation::again,
                                     depth}));
            program_->code[branches.back()].first = here();
            write(what.child, inside);
        }
        if (what.max == endless && may_be_empty) {
            branches.push_back(emit({operation::again, depth}));
            program_->code[branches.back()].first = branches.front() + 1;
        } else if (what.max == endless) {
            emit({operation::jump, depth, 0, branches.front()});
        }
        if (failed_) return;
        for (const std::uint32_t each : branches) {
            instruction& split = program_->code[each];
            split.second = here();
            split.prefers_exit = what.is_lazy;
            if (what.is_lazy) std::swap(split.first, split.second);
        }
    }

    std::string_view text_;
    parse_failure& why_;
    program* program_ = nullptr;
    std::vector<node> nodes_;
    std::size_t at_ = 0;
    std::size_t written_ = 0;
    bool failed_ = false;
};

}  // namespace netnotes::web::detail::patterns

#endif  // NETNOTES_WEB_PATTERN_PROGRAM_HPP


namespace netnotes::web {

class pattern;

/// What a pattern found in a text. It refers to both: neither the pattern nor the text may end before it.
class pattern_match {
  public:
    /// Returns how many groups there are, with group 0, which is the whole.
    [[nodiscard]] std::size_t size() const noexcept { return places_.size() / 2; }
    /// Returns the text of a group: 0 is what the whole pattern matched. Returns nullopt if the group took no part, or
    /// if no group has this number. A group that is repeated has the text of its last repetition.
    [[nodiscard]] std::optional<std::string_view> operator[](std::size_t group) const noexcept {
        if (group >= size() || places_[2 * group + 1] == missing) return std::nullopt;
        return text_.substr(places_[2 * group], places_[2 * group + 1] - places_[2 * group]);
    }
    [[nodiscard]] std::optional<std::string_view> operator[](int group) const noexcept {
        return (*this)[static_cast<std::size_t>(group)];
    }
    /// Returns the text of a named group, or nullopt if it took no part or no group has this name.
    [[nodiscard]] std::optional<std::string_view> operator[](std::string_view name) const noexcept;
    [[nodiscard]] std::optional<std::string_view> operator[](const char* name) const noexcept {
        return (*this)[std::string_view{name}];
    }
    /// Returns the byte of the text at which the match begins.
    [[nodiscard]] std::size_t begin() const noexcept { return places_[0]; }
    /// Returns the byte of the text behind the match.
    [[nodiscard]] std::size_t end() const noexcept { return places_[1]; }

  private:
    friend class pattern;
    static constexpr std::size_t missing = static_cast<std::size_t>(-1);
    pattern_match(const pattern& of, std::string_view text, std::vector<std::size_t> places) noexcept
        : pattern_{&of}, text_{text}, places_{std::move(places)} {}

    const pattern* pattern_;
    std::string_view text_;
    std::vector<std::size_t> places_;  // begin and end of each group
};

/// A regular expression. A regular value; a constant one may be used by several threads at once.
class pattern {
  public:
    /// How large a program may become. `x{20}` counts as twenty times x.
    static constexpr std::size_t max_program_size = detail::patterns::max_program_size;
    /// How deep groups may be nested.
    static constexpr std::size_t max_depth = detail::patterns::max_depth;
    /// How many groups may be captured.
    static constexpr std::size_t max_groups = detail::patterns::max_groups;
    /// How often a counted repetition may be asked for.
    static constexpr std::size_t max_count = detail::patterns::max_count;

    /// Reads a regular expression. Throws parse_error, which quotes the text and names the place of the fault.
    explicit pattern(std::string_view text);
    /// Reads a regular expression. Returns nullopt if it is not one, or asks for what this matcher refuses; `why` then
    /// has the reason and its place.
    [[nodiscard]] static std::optional<pattern> parse(std::string_view text, parse_failure& why);

    /// Returns the first match anywhere in the text, as Python's re.search(). `steps`, if it is not null, is raised by
    /// the number of instructions that were executed. That number is at most a constant times program_size() times the
    /// number of characters. Throws std::bad_alloc only.
    [[nodiscard]] std::optional<pattern_match> search(std::string_view text, std::size_t* steps = nullptr) const {
        return run(text, false, false, steps);
    }
    /// Returns the match at the beginning of the text, as Python's re.match().
    [[nodiscard]] std::optional<pattern_match> match(std::string_view text, std::size_t* steps = nullptr) const {
        return run(text, true, false, steps);
    }
    /// Returns the match of the whole text, as Python's re.fullmatch().
    [[nodiscard]] std::optional<pattern_match> full_match(std::string_view text, std::size_t* steps = nullptr) const {
        return run(text, true, true, steps);
    }

    /// Returns the text that was read.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// Returns how many groups it captures, without group 0.
    [[nodiscard]] std::size_t group_count() const noexcept { return program_.groups - 1; }
    /// Returns the names of groups and their numbers, in the order of the text.
    [[nodiscard]] const std::vector<std::pair<std::string, std::size_t>>& names() const noexcept {
        return program_.names;
    }
    /// Returns the number of instructions.
    [[nodiscard]] std::size_t program_size() const noexcept { return program_.code.size(); }

    /// Equal texts are equal patterns.
    friend bool operator==(const pattern& a, const pattern& b) noexcept { return a.text_ == b.text_; }

  private:
    pattern() = default;
    std::optional<pattern_match> run(std::string_view text, bool at_begin, bool to_end, std::size_t* steps) const;

    std::string text_;
    detail::patterns::program program_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::optional<std::string_view> pattern_match::operator[](std::string_view name) const noexcept {
    for (const auto& [each, group] : pattern_->names())
        if (each == name) return (*this)[group];
    return std::nullopt;
}

namespace detail::patterns {

/// One walk through a text. Python repeats what may be empty once more after it has found nothing, and then stops. So a
/// way must know, for each repetition around it, whether the repetition has moved since it began. Inner repetitions
/// began later: if an outer one has not moved, none inside it has. One number is therefore enough: how many of the
/// outermost repetitions have moved. A way that takes a character has moved in all of them.
class walk {
  public:
    walk(const program& of, std::string_view text, std::size_t* steps)
        : program_{of},
          text_{text},
          places_(2 * of.groups, missing),
          seen_(of.code.size() * (of.depth + 1), missing),
          waiting_(of.code.size(), missing) {
        steps_ = steps;
    }

    bool run(bool at_begin, bool to_end, std::vector<std::size_t>& found) {
        const std::size_t width = places_.size();
        bool is_found = false;
        std::size_t steps = 0;
        for (std::size_t at = 0;; ++at_count_) {
            char32_t point = 0;
            const std::size_t size = at < text_.size() ? read_character(text_.substr(at), point) : 0;
            next_.clear();
            next_places_.clear();
            // Ways that wait for a character, in the order of their priority; behind them a new way that begins here.
            for (std::size_t i = 0; i < now_.size(); ++i) {
                std::copy_n(now_places_.begin() + static_cast<std::ptrdiff_t>(i * width), width, places_.begin());
                if (follow(now_[i], program_.code[now_[i] - 1].depth, at, to_end, steps)) {
                    found = places_;
                    is_found = true;
                    break;
                }
            }
            if (!is_found && (at == 0 || !at_begin)) {
                std::fill(places_.begin(), places_.end(), missing);
                if (follow(0, 0, at, to_end, steps)) {
                    found = places_;
                    is_found = true;
                }
            }
            if (size == 0) break;
            now_.clear();
            now_places_.clear();
            for (std::size_t i = 0; i < next_.size(); ++i) {
                ++steps;
                if (!takes(program_.code[next_[i]], point)) continue;
                now_.push_back(next_[i] + 1);
                const auto begin = next_places_.begin() + static_cast<std::ptrdiff_t>(i * width);
                now_places_.insert(now_places_.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
            }
            at += size;
            previous_ = point;
            if (now_.empty() && (is_found || at_begin)) break;
        }
        if (steps_ != nullptr) *steps_ += steps;
        return is_found;
    }

  private:
    static constexpr std::size_t missing = static_cast<std::size_t>(-1);
    struct visit {
        std::uint32_t code;
        std::uint32_t moved;  // or `restores`
        std::size_t value;    // what places_[code] is to be again
    };
    static constexpr std::uint32_t restores = static_cast<std::uint32_t>(-1);

    [[nodiscard]] bool takes(const instruction& what, char32_t point) const noexcept {
        if (what.op == operation::literal) return what.value == point;
        return what.op == operation::any ? point != U'\n' : program_.sets[what.value].contains(point);
    }
    [[nodiscard]] bool holds(std::uint32_t letter, std::size_t at) const noexcept {
        const std::size_t rest = text_.size() - at;
        if (letter == 'A') return at == 0;
        if (letter == 'Z') return rest == 0;
        if (letter == '$') return rest == 0 || (rest == 1 && text_.back() == '\n');
        if (letter == 'B' && text_.empty()) return false;  // so does Python before 3.14
        char32_t next = 0;
        if (rest > 0) read_character(text_.substr(at), next);
        return (is_word(at > 0 ? previous_ : 0) != is_word(next)) == (letter == 'b');
    }

    /// Follows a way until it waits for a character, and all ways that branch off. Returns true if one of them matches:
    /// places_ then has its groups, and ways of lower priority were not followed.
    bool follow(std::uint32_t start, std::uint32_t start_moved, std::size_t at, bool to_end, std::size_t& steps) {
        stack_.clear();
        stack_.push_back({start, start_moved, 0});
        while (!stack_.empty()) {
            const visit top = stack_.back();
            stack_.pop_back();
            if (top.moved == restores) {
                places_[top.code] = top.value;
                continue;
            }
            ++steps;
            const instruction& what = program_.code[top.code];
            const std::uint32_t moved = top.moved;
            if (auto& mark = seen_[top.code * (program_.depth + 1) + moved]; mark == at_count_)
                continue;
            else
                mark = at_count_;
            switch (what.op) {
                case operation::jump: stack_.push_back({what.first, moved, 0}); break;
                case operation::split:
                    stack_.push_back({what.second, moved, 0});
                    stack_.push_back({what.first, moved, 0});
                    break;
                case operation::enter:
                case operation::again: {
                    const auto less = std::min<std::uint32_t>(moved, what.depth);
                    const bool may_enter = what.op == operation::enter || moved > what.depth;
                    if (may_enter || !what.prefers_exit) stack_.push_back({what.second, less, 0});
                    if (may_enter || what.prefers_exit) stack_.push_back({what.first, less, 0});
                    break;
                }
                case operation::save:
                    stack_.push_back({what.value, restores, places_[what.value]});
                    places_[what.value] = at;
                    stack_.push_back({top.code + 1, moved, 0});
                    break;
                case operation::place:
                    if (holds(what.value, at)) stack_.push_back({top.code + 1, moved, 0});
                    break;
                case operation::matched:
                    if (!to_end || at == text_.size()) return true;
                    break;
                default:
                    if (waiting_[top.code] == at_count_) break;
                    waiting_[top.code] = at_count_;
                    next_.push_back(top.code);
                    next_places_.insert(next_places_.end(), places_.begin(), places_.end());
            }
        }
        return false;
    }

    const program& program_;
    std::string_view text_;
    std::size_t* steps_;
    std::vector<std::size_t> places_;
    std::vector<std::size_t>
        seen_;  // at which character an instruction was last followed, for each number of moved repetitions
    std::vector<std::size_t> waiting_;  // at which character an instruction began to wait
    std::size_t at_count_ = 0;
    char32_t previous_ = 0;
    std::vector<std::uint32_t> now_, next_;
    std::vector<std::size_t> now_places_, next_places_;
    std::vector<visit> stack_;
};

}  // namespace detail::patterns

inline std::optional<pattern> pattern::parse(std::string_view text, parse_failure& why) {
    pattern made;
    if (!detail::patterns::compiler{text, why}.compile(made.program_)) return std::nullopt;
    made.text_ = text;
    return made;
}
inline pattern::pattern(std::string_view text) {
    parse_failure why;
    auto made = parse(text, why);
    if (!made) throw parse_error{"pattern", text, why};
    *this = *std::move(made);
}
inline std::optional<pattern_match> pattern::run(std::string_view text, bool at_begin, bool to_end,
                                                 std::size_t* steps) const {
    std::vector<std::size_t> places;
    if (!detail::patterns::walk{program_, text, steps}.run(at_begin, to_end, places)) return std::nullopt;
    return pattern_match{*this, text, std::move(places)};
}

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_PATTERN_HPP



#endif  // NETNOTES_WEB_HPP

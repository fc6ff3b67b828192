// netnotes 0.1.0, http.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/http.hpp, where it can be read in chapters.
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
// netnotes/http.hpp: the protocol of the web
// SPDX-License-Identifier: MIT
//
// HTTP is a conversation in text. The client asks for a target, the server answers, and then the client may ask again
// on the same connection. With `nc -C localhost 8000` you can type a request yourself:
//
//        client                                     server
//          GET /notes HTTP/1.1        ───────────>
//          Host: example.com
//          (an empty line)
//                                     <───────────  HTTP/1.1 200 OK
//                                                   Content-Length: 6
//                                                   (an empty line)
//                                                   hello
//
// The difficult question is where a message ends. If a proxy and a server answer it differently, an attacker can hide a
// second request inside the first: request smuggling. So the parser of this module is strict, has no lenient mode, and
// says why it refuses a message, with the line, the place and the section of the RFC.
//
// Values, parser and connection know no socket and no clock. The server and the client drive them.
//
// Chapters, lowest first:
//     http/syntax.hpp       which characters HTTP allows where
//     http/status.hpp       methods, and the numbers of answers
//     http/fields.hpp       the lines between the first line and the body
//     http/date.hpp         points in time
//     http/target.hpp       the second word of a request: path and query, percent coding
//     http/media.hpp        what kind of text or picture a body is
//     http/message.hpp      a request and a response, as values
//     http/refusal.hpp      the rules, the limits, and the sentence that says which one was broken
//     http/head.hpp         the head of a message, as views into the bytes
//     http/parser.hpp       the head of a message, read strictly and fast
//     http/body.hpp         the bytes behind the head: a length, chunks, or until the connection ends
//     http/form.hpp         queries, forms, uploaded files, cookies
//     http/file.hpp         a folder of files, which no path leaves
//
// This speaks HTTP/1.0 and HTTP/1.1 without TLS. For https put nginx or another proxy in front.
//
// The notes:     Python Internet 模块, TCP长/短连接的应用场景, asyncio、async/await、aiohttp
// Sources:       RFC 9110 (meaning), RFC 9112 (bytes)

#ifndef NETNOTES_HTTP_HPP
#define NETNOTES_HTTP_HPP


// netnotes/http/body.hpp: the bytes behind the head
// SPDX-License-Identifier: MIT
//
// The head says where the body ends (see framing in http/head.hpp). If the sender does not know the length in advance,
// it sends the body in chunks. Each chunk has its size before it, in hexadecimal digits, and the chunk of size 0 is the
// end:
//
//        5\r\n                      5 bytes follow
//        hello\r\n
//        6;a=b\r\n                  6 bytes follow; behind the semicolon are extensions, which mean nothing to us
//         world\r\n
//        0\r\n                      the end
//        Checksum: 1234\r\n         trailers: fields that the sender knew only now
//        \r\n                       the end of the trailers
//
// A decoder takes bytes as they come and returns the bytes of the body among them, as views. It copies nothing but
// trailers.
//
//        http::body_decoder body{head.body(), bounds};
//        while (!body.is_done() && !bytes.empty()) {
//            const auto piece = body.next(bytes);
//            if (body.is_refused()) throw bad_body{body.refusal().message()};
//            use(piece.data);                                  // perhaps empty: these bytes were the frame of a chunk
//            bytes.remove_prefix(piece.consumed);
//        }
//
// Everything that a stranger can make large is counted: the body, the extensions, and the trailers. A size with more
// than 16 digits would wrap around in 64 bits, and then two programs would see two bodies, so it is refused.
//
// Trailers stay apart from the fields of the head. If a trailer could add Content-Length or Host to a message after it
// was checked, the check would be worth nothing (RFC 9110 §6.5.1).
//
// On this page:  body_decoder · write_chunk_head, last_chunk
// Sources:       RFC 9112 §6.3, §7.1

#ifndef NETNOTES_HTTP_BODY_HPP
#define NETNOTES_HTTP_BODY_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// netnotes/http/fields.hpp: the lines between the first line and the body
// SPDX-License-Identifier: MIT
//
// A field is a line "name: value". A message has a list of them. The order is kept, and a name may come twice:
//
//        Host: example.com                    find("host")         "example.com"
//        Accept: text/html                    find("accept")       "text/html", the first of two
//        Accept: image/png                    joined("accept")     "text/html, image/png", which means the same
//        Cookie: seen=1
//
//        http::fields fields{{"Content-Type", "text/html"}};
//        fields.add("Set-Cookie", "seen=1");
//        fields.set("Content-Type", "text/plain");
//        for (const auto& [name, value] : fields) std::cout << name << " = " << value << '\n';
//
// A value that a stranger chose is dangerous here. If it holds a line's end, the text behind it becomes a field of its
// own, or a second response: "/home\r\nSet-Cookie: admin=1" (CWE-113). So add() and set() refuse such a value. All text
// of a list lies in one string, so a list of nine fields needs two allocations and not eighteen.
//
// On this page:  field, fields
// Sources:       RFC 9110 §5

#ifndef NETNOTES_HTTP_FIELDS_HPP
#define NETNOTES_HTTP_FIELDS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <stdexcept>
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
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>



namespace netnotes::http {

namespace detail {

enum character : std::uint8_t {
    token_character = 1,   // may stand in a token
    value_character = 2,   // may stand in the value of a field: no control character but the tab
    target_character = 4,  // may stand in the target of a request: visible, in ASCII, and no '#'
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
        if (is_alphanumeric || c == '-' || c == '.' || c == '_' || c == '~') kind |= plain_character;
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

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; }

}  // namespace detail

/// Returns true if the text is a token: a method, the name of a field (RFC 9110 §5.6.2). An empty text is no token.
[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
    return !text.empty() && detail::span_of(detail::token_character, text) == text.size();
}
/// Returns true if the text may be the value of a field: it holds no control character except tabs (RFC 9110 §5.5).
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
    return detail::span_of(detail::value_character, text) == text.size();
}
/// Returns true if two names are equal, where the case of ASCII letters does not count (RFC 9110 §5.1).
[[nodiscard]] constexpr bool same_name(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (detail::lower(a[i]) != detail::lower(b[i])) return false;
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


namespace netnotes::http {

namespace detail {
struct checked_fields;  // http/parser.hpp
}

/// One field, as two views into text that lies elsewhere.
struct field {
    std::string_view name;
    std::string_view value;
    friend constexpr bool operator==(const field&, const field&) noexcept = default;
};

/// An ordered list of fields. Names are found whatever their case. The views that it returns are valid until the list
/// is changed, moved or destroyed.
class fields {
  public:
    class iterator;
    using value_type = field;
    using const_iterator = iterator;

    fields() noexcept = default;
    /// Makes a list. Throws as add() does.
    fields(std::initializer_list<field> list) {
        for (const auto& [name, value] : list) add(name, value);
    }

    /// Appends a field, even if one with that name is there. Spaces and tabs at the value's ends are dropped. Throws
    /// std::invalid_argument if the name is no token, or if the value holds a control character other than a tab.
    void add(std::string_view name, std::string_view value);
    /// Makes this the only field with that name. It takes the place of the first one. Throws as add() does.
    void set(std::string_view name, std::string_view value);
    /// Removes all fields with that name, and returns how many there were.
    std::size_t erase(std::string_view name) noexcept {
        return std::erase_if(entries_, [&](const entry& each) { return same_name(name_of(each), name); });
    }
    /// Removes all fields, and keeps the memory.
    void clear() noexcept {
        entries_.clear();
        text_.clear();
    }

    /// Returns the value of the first field with that name, or nullopt if no field has it.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        for (const entry& each : entries_)
            if (same_name(name_of(each), name)) return value_of(each);
        return std::nullopt;
    }
    /// Returns true if a field with that name is there.
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
    /// Returns how many fields have that name.
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept {
        return static_cast<std::size_t>(std::count_if(
            entries_.begin(), entries_.end(), [&](const entry& each) { return same_name(name_of(each), name); }));
    }
    /// Returns the values of all fields with that name, in order.
    [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const {
        std::vector<std::string_view> values;
        for (const entry& each : entries_)
            if (same_name(name_of(each), name)) values.push_back(value_of(each));
        return values;
    }
    /// Returns the values of all fields with that name as one list with ", " between them, which means the same
    /// (RFC 9110 §5.3). Set-Cookie is the exception: its values may hold commas.
    [[nodiscard]] std::string joined(std::string_view name) const {
        std::string list;
        bool is_first = true;
        for (const entry& each : entries_) {
            if (!same_name(name_of(each), name)) continue;
            if (!is_first) list += ", ";
            is_first = false;
            list += value_of(each);
        }
        return list;
    }
    /// Returns true if the list of values of that name has this element, whatever its case: `Connection: keep-alive,
    /// Upgrade` has "upgrade".
    [[nodiscard]] bool has_element(std::string_view name, std::string_view element) const noexcept {
        bool found = false;
        for (const entry& each : entries_)
            if (same_name(name_of(each), name))
                detail::for_each_element(value_of(each),
                                         [&](std::string_view part) { found = found || same_name(part, element); });
        return found;
    }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    /// Returns the field with this number, counted from 0. The number must be below size().
    [[nodiscard]] field operator[](std::size_t at) const noexcept {
        return {name_of(entries_[at]), value_of(entries_[at])};
    }
    [[nodiscard]] iterator begin() const noexcept;
    [[nodiscard]] iterator end() const noexcept;

    /// Compares names whatever their case, values, and the order.
    friend bool operator==(const fields& a, const fields& b) noexcept {
        if (a.size() != b.size()) return false;
        for (std::size_t i = 0; i < a.size(); ++i)
            if (!same_name(a[i].name, b[i].name) || a[i].value != b[i].value) return false;
        return true;
    }

  private:
    friend detail::checked_fields;
    struct entry {
        std::uint32_t name_at, name_size, value_at, value_size;
    };

    [[nodiscard]] std::string_view name_of(const entry& each) const noexcept {
        return std::string_view{text_}.substr(each.name_at, each.name_size);
    }
    [[nodiscard]] std::string_view value_of(const entry& each) const noexcept {
        return std::string_view{text_}.substr(each.value_at, each.value_size);
    }
    [[nodiscard]] bool is_own(std::string_view text) const noexcept {
        const std::less<const char*> before;
        return !before(text.data(), text_.data()) && before(text.data(), text_.data() + text_.size());
    }
    entry append(std::string_view name, std::string_view value);
    void append_checked(std::string_view name, std::string_view value) {
        const auto at = static_cast<std::uint32_t>(text_.size()), name_size = static_cast<std::uint32_t>(name.size());
        entries_.push_back({at, name_size, at + name_size, static_cast<std::uint32_t>(value.size())});
        text_.append(name).append(value);
    }

    // The text of a removed field stays here until clear(). A program that sets one field again and again in the same
    // list would be strange, so nothing is moved together.
    std::string text_;
    std::vector<entry> entries_;
};

/// Goes through a list of fields, and gives each as two views.
class fields::iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = field;
    using difference_type = std::ptrdiff_t;
    using reference = field;
    using pointer = void;

    iterator() noexcept = default;
    field operator*() const noexcept { return (*list_)[at_]; }
    iterator& operator++() noexcept {
        ++at_;
        return *this;
    }
    iterator operator++(int) noexcept {
        iterator before = *this;
        ++at_;
        return before;
    }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

  private:
    friend fields;
    iterator(const fields* list, std::size_t at) noexcept : list_{list}, at_{at} {}

    const fields* list_ = nullptr;
    std::size_t at_ = 0;
};

inline fields::iterator fields::begin() const noexcept { return {this, 0}; }
inline fields::iterator fields::end() const noexcept { return {this, entries_.size()}; }

inline fields::entry fields::append(std::string_view name, std::string_view value) {
    value = trimmed(value);
    if (!is_token(name))
        throw std::invalid_argument{"the name of an HTTP field is a token (RFC 9110 §5.1), and " + quoted(name) +
                                    " is not"};
    if (!is_field_value(value))
        throw std::invalid_argument{"the value of the HTTP field " + quoted(name) +
                                    " holds a control character (RFC 9110 §5.5): " + quoted(value.substr(0, 200))};
    if (name.size() + value.size() > 0x7fff'ffff - std::min<std::size_t>(text_.size(), 0x7fff'ffff))
        throw std::length_error{"a list of HTTP fields has at most 2 GiB"};
    // Views into this very list would be invalid after the string has grown.
    const std::string copy = is_own(name) || is_own(value) ? std::string{name}.append(value) : std::string{};
    if (!copy.empty()) {
        name = std::string_view{copy}.substr(0, name.size());
        value = std::string_view{copy}.substr(name.size());
    }
    const entry made{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(text_.size() + name.size()), static_cast<std::uint32_t>(value.size())};
    text_.append(name).append(value);
    return made;
}

inline void fields::add(std::string_view name, std::string_view value) {
    const entry made = append(name, value);
    entries_.push_back(made);
}

inline void fields::set(std::string_view name, std::string_view value) {
    const entry made = append(name, value);
    const auto is_same = [&](const entry& each) { return same_name(name_of(each), name_of(made)); };
    const auto first = std::find_if(entries_.begin(), entries_.end(), is_same);
    if (first == entries_.end()) return entries_.push_back(made);
    *first = made;
    entries_.erase(std::remove_if(first + 1, entries_.end(), is_same), entries_.end());
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_FIELDS_HPP

// netnotes/http/head.hpp: the head of a message, as views
// SPDX-License-Identifier: MIT
//
// The parser fills a head with views into the bytes that the caller holds:
//
//        bytes   G E T   / n o t e s   H T T P / 1 . 1 \r\n H o s t : a \r\n \r\n
//                └─┬─┘   └───┬─────┘                        └──┬──┘ │
//        head    method    target                        fields()[0].name, .value
//
// The views are valid as long as these bytes. Nothing is allocated: there is room for 100 fields in the head itself,
// which makes it 3 KiB large on a 64-bit machine. A server needs one head for all of its connections, because nothing
// waits between parsing and using it. to_request() makes a value that owns its texts.
//
// On this page:  framing · message_head, request_head, response_head · to_request, to_response
// Sources:       RFC 9112 §6.3, §9.3
// Beside it:     http/parser.hpp, which fills a head; http/message.hpp, the values

#ifndef NETNOTES_HTTP_HEAD_HPP
#define NETNOTES_HTTP_HEAD_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>


// netnotes/http/message.hpp: a request and a response, as values
// SPDX-License-Identifier: MIT
//
// A message of HTTP is a first line, fields, an empty line, and perhaps a body:
//
//        GET /notes?page=2 HTTP/1.1        HTTP/1.1 200 OK
//        Host: example.com                 Content-Type: text/plain; charset=utf-8
//                                          Content-Length: 6
//
//                                          hello
//
// Here both are values: they can be made by hand, changed, compared and tested without a network.
//
//        http::request ask{"GET", "/notes?page=2", {{"Host", "example.com"}}};
//        std::cout << ask.path();                                      // /notes
//        std::cout << ask.query("page").value_or("1");                 // 2
//
//        http::response{200, "hello\n"};                               // text/plain; charset=utf-8
//        http::response{200, "<p>hello", "text/html; charset=utf-8"};
//        http::redirect("/login/");
//        http::not_found(ask);
//
// A server gives a request to its handler when the head is there, while the body may still be on its way. So a request
// has two ways to its body. body() returns the text that the request holds, for example from a test. text() and recv()
// are tasks that wait for the bytes of a connection. This page only declares them, and http/server.hpp has their code.
// Without a connection they return what body() holds, so a handler can be tested with a request made by hand.
//
// A response has a text as its body, or a body_source: a file, or pieces that a task makes one after the other. The
// chapters above this one derive from body_source, and this page only carries it.
//
// On this page:  body_source · request · response, not_found, redirect
// Sources:       RFC 9112 §2; RFC 9110 §6
// The notes:     Python Internet 模块

#ifndef NETNOTES_HTTP_MESSAGE_HPP
#define NETNOTES_HTTP_MESSAGE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

// netnotes/http/date.hpp: points in time as HTTP writes them
// SPDX-License-Identifier: MIT
//
//        Sun, 06 Nov 1994 08:49:37 GMT       the form to write: always GMT, always 29 characters
//        Sunday, 06-Nov-94 08:49:37 GMT      an old form, which a recipient must still read (RFC 850)
//        Sun Nov  6 08:49:37 1994            an older form: what asctime() of C prints
//
// Programs compare dates, so they must not depend on the language of the machine: strftime() writes `So, 06 Nov` where
// the locale is German. Here names of days and months are always English.
//
// The second form has a year of two digits. A date that seems to be more than 50 years in the future is meant to be in
// the past century (RFC 9110 §5.6.7), so that reader needs to know which year it is now.
//
// On this page:  time_point, write_date, read_date
// Sources:       RFC 9110 §5.6.7

#ifndef NETNOTES_HTTP_DATE_HPP
#define NETNOTES_HTTP_DATE_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>



namespace netnotes::http {

/// A date of HTTP: seconds since 1970 in UTC, leap seconds not counted. std::chrono::floor<seconds> makes it out of
/// system_clock::now().
using time_point = std::chrono::sys_seconds;

/// Returns the date as HTTP writes it, 29 characters: `Sun, 06 Nov 1994 08:49:37 GMT`. Years outside 0 to 9999 become
/// the first or the last second of that range.
[[nodiscard]] std::string write_date(time_point when);
/// Reads a date in any of the three forms of RFC 9110 §5.6.7. Returns nullopt if the text is not such a date, if the
/// date does not exist (30 February), or if it is before 1 January of the year 1. The day of the week is only checked
/// to be the name of a day. `now` decides the century where the year has two digits.
[[nodiscard]] std::optional<time_point> read_date(std::string_view text, time_point now) noexcept;
/// Reads a date, where `now` is the time of the system's clock.
[[nodiscard]] inline std::optional<time_point> read_date(std::string_view text) noexcept {
    return read_date(text, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline constexpr std::array<std::string_view, 7> day_names{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                           "Thursday", "Friday", "Saturday"};
inline constexpr std::string_view month_names = "JanFebMarAprMayJunJulAugSepOctNovDec";

/// Reads a date from left to right. After the first character that does not fit, everything fails.
class date_reader {
  public:
    constexpr explicit date_reader(std::string_view text) noexcept : rest_{text} {}

    constexpr bool skip(std::string_view what) noexcept {
        if (!rest_.starts_with(what)) return false;
        rest_.remove_prefix(what.size());
        return true;
    }
    /// Reads exactly `digits` digits; with `is_padded` the first may be a space instead.
    constexpr bool number(unsigned digits, int& value, bool is_padded = false) noexcept {
        if (rest_.size() < digits) return false;
        value = 0;
        for (unsigned i = 0; i < digits; ++i) {
            const char c = is_padded && i == 0 && rest_[0] == ' ' ? '0' : rest_[i];
            if (netnotes::detail::digit_value(c) > 9) return false;
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(digits);
        return true;
    }
    constexpr bool month(unsigned& value) noexcept {
        const std::string_view name = rest_.substr(0, 3);
        if (name.size() != 3) return false;
        for (value = 1; value <= 12; ++value)
            if (month_names.substr(std::size_t{3} * (value - 1), 3) == name) return skip(name);
        return false;
    }
    /// Reads the name of a day: all of it, or its first three letters.
    constexpr bool day_name(bool is_short) noexcept {
        for (const std::string_view name : day_names)
            if (skip(is_short ? name.substr(0, 3) : name)) return true;
        return false;
    }
    constexpr bool time_of_day(int& hour, int& minute, int& second) noexcept {
        return number(2, hour) && skip(":") && number(2, minute) && skip(":") && number(2, second);
    }
    [[nodiscard]] constexpr bool at_end() const noexcept { return rest_.empty(); }
    [[nodiscard]] constexpr std::string_view rest() const noexcept { return rest_; }

  private:
    std::string_view rest_;
};

inline void put_digits(std::string& out, unsigned value, unsigned digits) {
    for (unsigned weight = digits == 4 ? 1000 : 10; weight > 0; weight /= 10)
        out += static_cast<char>('0' + value / weight % 10);
}

}  // namespace detail

inline std::string write_date(time_point when) {
    namespace chrono = std::chrono;
    constexpr time_point first = chrono::sys_days{chrono::year{0} / 1 / 1};
    constexpr time_point last = chrono::sys_days{chrono::year{10000} / 1 / 1} - chrono::seconds{1};
    when = when < first ? first : when > last ? last : when;
    const auto day = chrono::floor<chrono::days>(when);
    const chrono::year_month_day date{day};
    const auto second = static_cast<unsigned>((when - day).count());
    std::string text;
    text.reserve(29);
    text += detail::day_names[chrono::weekday{day}.c_encoding()].substr(0, 3);
    text += ", ";
    detail::put_digits(text, static_cast<unsigned>(date.day()), 2);
    text += ' ';
    text += detail::month_names.substr(std::size_t{3} * (static_cast<unsigned>(date.month()) - 1), 3);
    text += ' ';
    detail::put_digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    text += ' ';
    detail::put_digits(text, second / 3600, 2);
    text += ':';
    detail::put_digits(text, second / 60 % 60, 2);
    text += ':';
    detail::put_digits(text, second % 60, 2);
    text += " GMT";
    return text;
}

inline std::optional<time_point> read_date(std::string_view text, time_point now) noexcept {
    namespace chrono = std::chrono;
    int day = 0, year = 0, hour = 0, minute = 0, second = 0;
    unsigned month = 0;
    detail::date_reader in{text};
    bool is_read = false;
    if (const std::size_t comma = text.find(','); comma == 3) {  // Sun, 06 Nov 1994 08:49:37 GMT
        is_read = in.day_name(true) && in.skip(", ") && in.number(2, day) && in.skip(" ") && in.month(month) &&
                  in.skip(" ") && in.number(4, year) && in.skip(" ") && in.time_of_day(hour, minute, second) &&
                  in.skip(" GMT");
    } else if (comma != text.npos) {  // Sunday, 06-Nov-94 08:49:37 GMT
        is_read = in.day_name(false) && in.skip(", ") && in.number(2, day) && in.skip("-") && in.month(month) &&
                  in.skip("-") && in.number(2, year) && in.skip(" ") && in.time_of_day(hour, minute, second) &&
                  in.skip(" GMT");
        const int this_year = static_cast<int>(chrono::year_month_day{chrono::floor<chrono::days>(now)}.year());
        year += this_year / 100 * 100;
        if (year > this_year + 50) year -= 100;
    } else {  // Sun Nov  6 08:49:37 1994
        is_read = in.day_name(true) && in.skip(" ") && in.month(month) && in.skip(" ") && in.number(2, day, true) &&
                  in.skip(" ") && in.time_of_day(hour, minute, second) && in.skip(" ") && in.number(4, year);
    }
    const chrono::year_month_day date{chrono::year{year}, chrono::month{month},
                                      chrono::day{static_cast<unsigned>(day)}};
    if (!is_read || !in.at_end() || year < 1 || !date.ok()) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 60) return std::nullopt;  // 60: a leap second, which is the next one here
    return chrono::sys_days{date} + chrono::hours{hour} + chrono::minutes{minute} + chrono::seconds{second};
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_DATE_HPP


// netnotes/http/media.hpp: what kind of text or picture a body is
// SPDX-License-Identifier: MIT
//
// A browser does not look at the name of a file. It believes the field Content-Type, which has a media type and perhaps
// a charset:
//
//        Content-Type: text/html; charset=utf-8
//
// Without a charset a browser guesses, and a guess can turn text into a script (an old trick with UTF-7). So every text
// type of this table says utf-8. What the table does not know is application/octet-stream: bytes to be saved.
//
// On this page:  media_type_of
// Sources:       RFC 9110 §8.3; the registry of IANA; RFC 9239 (JavaScript)

#ifndef NETNOTES_HTTP_MEDIA_HPP
#define NETNOTES_HTTP_MEDIA_HPP

#include <cstddef>
#include <string_view>



namespace netnotes::http {

namespace detail {
struct media_of_suffix {
    std::string_view suffix, type;
};
inline constexpr media_of_suffix media_types[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"bmp", "image/bmp"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"wasm", "application/wasm"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"tar", "application/x-tar"},
    {"webmanifest", "application/manifest+json"},
};
}  // namespace detail

/// Returns the media type that belongs to the end of a file's name, where case does not count: "page.html" and
/// "/a/PAGE.HTML" give "text/html; charset=utf-8". Returns "application/octet-stream" for a name that has no known end.
/// The text is a constant.
[[nodiscard]] constexpr std::string_view media_type_of(std::string_view file_name) noexcept {
    const std::size_t dot = file_name.find_last_of("./");
    if (dot != file_name.npos && file_name[dot] == '.')
        for (const auto& [suffix, type] : detail::media_types)
            if (same_name(file_name.substr(dot + 1), suffix)) return type;
    return "application/octet-stream";
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_MEDIA_HPP

// netnotes/http/status.hpp: what a client asks for, and how the server answers in a number
// SPDX-License-Identifier: MIT
//
// The first word of a request is its method, and the first number of a response is its status:
//
//        GET /notes HTTP/1.1           the method: what to do with the target
//        HTTP/1.1 404 Not Found        the status: 1xx wait, 2xx done, 3xx elsewhere, 4xx your fault, 5xx my fault
//
// Three properties of methods decide what programs may do without asking (RFC 9110 §9.2):
//   - A safe method only reads, so a browser may follow a link. GET, HEAD, OPTIONS and TRACE are safe.
//   - An idempotent method has the same effect once or twice, so a client may send it again after a lost connection.
//     Safe methods, PUT and DELETE are idempotent. POST is not: it may order two books.
//   - HEAD is GET without the body.
//
// A method that this table does not know is `method::other`, and its text stays readable. A server answers it with 501.
//
// On this page:  method, name_of, read_method, is_safe, is_idempotent · status
// Sources:       RFC 9110 §9, §15, §16.1; RFC 5789 (PATCH); RFC 6585 (428, 429, 431)
// The notes:     Python Internet 模块

#ifndef NETNOTES_HTTP_STATUS_HPP
#define NETNOTES_HTTP_STATUS_HPP

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace netnotes::http {

/// The methods of RFC 9110 §9, and PATCH. `delete` is a word of C++, so DELETE has a trailing underscore.
enum class method : std::uint8_t { other, get, head, post, put, delete_, connect, options, trace, patch };

/// Returns the method's name as it is sent, and "" for `method::other`.
[[nodiscard]] constexpr std::string_view name_of(method what) noexcept {
    switch (what) {
        case method::get: return "GET";
        case method::head: return "HEAD";
        case method::post: return "POST";
        case method::put: return "PUT";
        case method::delete_: return "DELETE";
        case method::connect: return "CONNECT";
        case method::options: return "OPTIONS";
        case method::trace: return "TRACE";
        case method::patch: return "PATCH";
        case method::other: break;
    }
    return {};
}
/// Returns the method with this name, and `method::other` for any other text. Case counts: `get` is not GET
/// (RFC 9110 §9.1).
[[nodiscard]] constexpr method read_method(std::string_view name) noexcept {
    method what = method::other;
    switch (name.size()) {
        case 3: what = name[0] == 'G' ? method::get : method::put; break;
        case 4: what = name[0] == 'P' ? method::post : method::head; break;
        case 5: what = name[0] == 'P' ? method::patch : method::trace; break;
        case 6: what = method::delete_; break;
        case 7: what = name[0] == 'O' ? method::options : method::connect; break;
        default: return method::other;
    }
    return name == name_of(what) ? what : method::other;
}
/// Returns true if the method only reads (RFC 9110 §9.2.1).
[[nodiscard]] constexpr bool is_safe(method what) noexcept {
    return what == method::get || what == method::head || what == method::options || what == method::trace;
}
/// Returns true if doing it twice has the effect of doing it once (RFC 9110 §9.2.2).
[[nodiscard]] constexpr bool is_idempotent(method what) noexcept {
    return is_safe(what) || what == method::put || what == method::delete_;
}

/// The status of a response: a number from 100 to 999, with a name for the usual ones. A plain number converts to it.
///
///        http::response{404, "no such page\n"}       http::response{http::status::not_found, "no such page\n"}
class status {
  public:
    /// Makes the status 200.
    constexpr status() noexcept = default;
    /// Takes a number. Throws std::invalid_argument if it is not in 100 to 999, because a status has three digits.
    constexpr status(int code) : code_{static_cast<std::uint16_t>(code)} {
        if (code < 100 || code > 999) throw std::invalid_argument{"an HTTP status is a number from 100 to 999"};
    }
    /// Returns the number.
    [[nodiscard]] constexpr int code() const noexcept { return code_; }
    /// Returns the first digit: 1 to 9. A client that does not know a status treats it like x00 (RFC 9110 §15).
    [[nodiscard]] constexpr int kind() const noexcept { return code_ / 100; }
    /// Returns true for 1xx: the real response is still to come.
    [[nodiscard]] constexpr bool is_interim() const noexcept { return kind() == 1; }
    /// Returns true for 2xx.
    [[nodiscard]] constexpr bool is_success() const noexcept { return kind() == 2; }
    /// Returns true for 3xx.
    [[nodiscard]] constexpr bool is_redirect() const noexcept { return kind() == 3; }
    /// Returns true for 4xx and 5xx.
    [[nodiscard]] constexpr bool is_error() const noexcept { return kind() == 4 || kind() == 5; }
    /// Returns true if a response with this status may have a body: 1xx, 204 and 304 have none (RFC 9110 §6.4.1).
    [[nodiscard]] constexpr bool allows_body() const noexcept { return kind() != 1 && code_ != 204 && code_ != 304; }
    /// Returns the standard words, for example "Not Found", or "" for a number without any. A client must not use them
    /// (RFC 9112 §4): they are for people who read the bytes.
    [[nodiscard]] constexpr std::string_view reason() const noexcept;
    /// Returns number and words: "404 Not Found".
    [[nodiscard]] std::string to_string() const {
        std::string text = std::to_string(code_);
        if (!reason().empty()) (text += ' ') += reason();
        return text;
    }
    friend constexpr bool operator==(status, status) noexcept = default;

    static const status continue_, switching_protocols;
    static const status ok, created, accepted, no_content, reset_content, partial_content;
    static const status moved_permanently, found, see_other, not_modified, temporary_redirect, permanent_redirect;
    static const status bad_request, unauthorized, forbidden, not_found, method_not_allowed, not_acceptable,
        request_timeout, conflict, gone, length_required, precondition_failed, content_too_large, uri_too_long,
        unsupported_media_type, range_not_satisfiable, expectation_failed, upgrade_required, too_many_requests,
        request_header_fields_too_large;
    static const status internal_server_error, not_implemented, bad_gateway, service_unavailable, gateway_timeout,
        http_version_not_supported;

  private:
    std::uint16_t code_ = 200;
};

inline constexpr status status::continue_{100}, status::switching_protocols{101};
inline constexpr status status::ok{200}, status::created{201}, status::accepted{202}, status::no_content{204},
    status::reset_content{205}, status::partial_content{206};
inline constexpr status status::moved_permanently{301}, status::found{302}, status::see_other{303},
    status::not_modified{304}, status::temporary_redirect{307}, status::permanent_redirect{308};
inline constexpr status status::bad_request{400}, status::unauthorized{401}, status::forbidden{403},
    status::not_found{404}, status::method_not_allowed{405}, status::not_acceptable{406}, status::request_timeout{408},
    status::conflict{409}, status::gone{410}, status::length_required{411}, status::precondition_failed{412},
    status::content_too_large{413}, status::uri_too_long{414}, status::unsupported_media_type{415},
    status::range_not_satisfiable{416}, status::expectation_failed{417}, status::upgrade_required{426},
    status::too_many_requests{429}, status::request_header_fields_too_large{431};
inline constexpr status status::internal_server_error{500}, status::not_implemented{501}, status::bad_gateway{502},
    status::service_unavailable{503}, status::gateway_timeout{504}, status::http_version_not_supported{505};

constexpr std::string_view status::reason() const noexcept {
    switch (code_) {
        case 100: return "Continue";
        case 101: return "Switching Protocols";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 203: return "Non-Authoritative Information";
        case 204: return "No Content";
        case 205: return "Reset Content";
        case 206: return "Partial Content";
        case 300: return "Multiple Choices";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 305: return "Use Proxy";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 402: return "Payment Required";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 407: return "Proxy Authentication Required";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 411: return "Length Required";
        case 412: return "Precondition Failed";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 416: return "Range Not Satisfiable";
        case 417: return "Expectation Failed";
        case 421: return "Misdirected Request";
        case 422: return "Unprocessable Content";
        case 426: return "Upgrade Required";
        case 428: return "Precondition Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        default: return {};
    }
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_STATUS_HPP


// netnotes/http/target.hpp: what a request is about
// SPDX-License-Identifier: MIT
//
// The second word of a request is its target. It has four forms (RFC 9112 §3.2):
//
//        GET /notes/a%20b?page=2 HTTP/1.1              origin form: path and query
//        GET http://example.com/notes HTTP/1.1         absolute form, to a proxy; a server must take it, too
//        OPTIONS * HTTP/1.1                            asterisk form: the whole server
//        CONNECT example.com:443 HTTP/1.1              authority form: a tunnel, which a server refuses
//
// A character that no URI may hold is written as a percent sign and two hexadecimal digits. When to decode them is
// the source of many holes, so this page keeps two rules:
//   - Split first, then decode, and decode once. In /a%2Fb the slash is a part of a name. A program that decodes first
//     sees two names, and a check made before no longer holds. `%252e` is the text `%2e` and not a dot.
//   - A path with %00 is refused. For C the name of the file ends there, so /secret%00.html would pass for HTML.
//
//        "/a%2Fb/c%20d?x=1"    path()      "/a%2Fb/c d"              all is decoded but the slash
//                              segments()  { "a/b", "c d" }          split, then decoded
//                              query()     "x=1"                     as it came: http/form.hpp reads it
//
// On this page:  percent_decode, percent_encode · target
// Sources:       RFC 9112 §3.2; RFC 3986 §2, §3.3

#ifndef NETNOTES_HTTP_TARGET_HPP
#define NETNOTES_HTTP_TARGET_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>




namespace netnotes::http {

/// Replaces each percent sign and its two hexadecimal digits by their byte. Returns nullopt if two digits are missing
/// behind a percent sign. The result may hold any byte, NUL too.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
/// Returns the text with every byte as %XX except letters, digits, `-` `.` `_` `~` (RFC 3986 §2.3) and the characters
/// in `also_plain`. For a path with slashes pass "/".
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view also_plain = {});

/// The target of a request, read into its parts. It owns its text.
class target {
  public:
    enum class form : std::uint8_t {
        origin,    ///< "/notes?page=2"
        absolute,  ///< "http://example.com/notes?page=2"
        asterisk,  ///< "*"
    };

    /// Makes the target "/".
    target() : text_{"/"}, path_{"/"}, raw_path_size_{1} {}
    /// Reads a target. Throws parse_error, whose message has the reason and the place.
    explicit target(std::string_view text);
    /// Reads a target. Returns nullopt if it is not in origin, absolute or asterisk form, and for a character that no
    /// URI has, for a wrong percent coding in the path, and for %00 there. `why` then has the reason and its place. A
    /// query may hold any visible characters of ASCII, because browsers send them; `#` is refused everywhere.
    [[nodiscard]] static std::optional<target> parse(std::string_view text, parse_failure& why);

    /// Returns which form the text has.
    [[nodiscard]] form which() const noexcept { return form_; }
    /// Returns the whole text as it came.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// Returns host and port of the absolute form, for example "example.com:8000", and "" for the other forms.
    [[nodiscard]] std::string_view authority() const noexcept { return part(authority_at_, authority_size_); }
    /// Returns the path, decoded, except that an encoded slash stays `%2F`. It begins with '/'; for "*" it is "*". Use
    /// it to compare with a path that the program knows. To look up names of files take segments().
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Returns the path as it came.
    [[nodiscard]] std::string_view raw_path() const noexcept {
        return raw_path_size_ == 0 ? std::string_view{"/"} : part(raw_path_at_, raw_path_size_);
    }
    /// Returns the parts of the path between slashes, split first and decoded then: "/a%2Fb/c" has "a/b" and "c", and
    /// "/a/" has "a" and "". Dots are parts like others: whoever maps them to files must refuse "..", and any "/".
    [[nodiscard]] std::vector<std::string> segments() const;
    /// Returns the text behind the first '?', as it came, and "" without a '?'.
    [[nodiscard]] std::string_view query() const noexcept { return part(query_at_, text_.size() - query_at_); }
    /// Returns true if there is a '?', even one with nothing behind it.
    [[nodiscard]] bool has_query() const noexcept { return has_query_; }

    friend bool operator==(const target& a, const target& b) noexcept { return a.text_ == b.text_; }

  private:
    [[nodiscard]] std::string_view part(std::size_t at, std::size_t size) const noexcept {
        return at >= text_.size() ? std::string_view{} : std::string_view{text_}.substr(at, size);
    }

    std::string text_;
    std::string path_;
    std::size_t authority_at_ = 0, authority_size_ = 0;
    std::size_t raw_path_at_ = 0, raw_path_size_ = 0;
    std::size_t query_at_ = static_cast<std::size_t>(-1);
    form form_ = form::origin;
    bool has_query_ = false;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns the byte of the two hexadecimal digits behind the percent sign at `at`, or -1.
constexpr int percent_byte(std::string_view text, std::size_t at) noexcept {
    if (text.size() - at < 3) return -1;
    const unsigned high = netnotes::detail::hexadecimal_value[static_cast<unsigned char>(text[at + 1])];
    const unsigned low = netnotes::detail::hexadecimal_value[static_cast<unsigned char>(text[at + 2])];
    return high > 15 || low > 15 ? -1 : static_cast<int>(high << 4 | low);
}

/// Finds what is wrong with the percent coding of a path. Returns its place, or npos. `is_nul` tells the two apart.
constexpr std::size_t wrong_percent(std::string_view path, bool& is_nul) noexcept {
    is_nul = false;
    for (std::size_t at = path.find('%'); at != path.npos; at = path.find('%', at + 3)) {
        const int byte = percent_byte(path, at);
        is_nul = byte == 0;
        if (byte <= 0) return at;
    }
    return std::string_view::npos;
}

/// Decodes what is known to be right.
inline std::string decoded(std::string_view text, bool keeps_slash) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        const auto byte = static_cast<char>(percent_byte(text, i));
        if (byte == '/' && keeps_slash)
            result += "%2F";
        else
            result += byte;
        i += 2;
    }
    return result;
}

/// Returns the place of the first character that no host and port have, or npos. It is not a full check of the syntax:
/// it keeps out what would mean two things to two programs, like `a@b`, `a/b` and `a,b`.
constexpr std::size_t wrong_in_authority(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (!is(plain_character, c) && std::string_view{"%!$&'()*+;=:[]"}.find(c) == std::string_view::npos) return i;
    }
    return std::string_view::npos;
}
/// Returns true if the text is a host, or a host with a port: "example.com", "192.0.2.1:80", "[2001:db8::1]:80". The
/// host may be empty only if all is.
constexpr bool is_authority(std::string_view text) noexcept {
    if (wrong_in_authority(text) != text.npos) return false;
    std::string_view host = text, port;
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == text.npos) return false;
        host = text.substr(1, bracket - 1);
        for (const char c : host)
            if (netnotes::detail::hexadecimal_value[static_cast<unsigned char>(c)] > 15 && c != ':' && c != '.')
                return false;
        text.remove_prefix(bracket + 1);
        if (!text.empty() && text[0] != ':') return false;
        port = text.substr(text.empty() ? 0 : 1);
    } else {
        if (host.find_first_of("[]") != host.npos) return false;
        const std::size_t colon = text.find(':');
        host = text.substr(0, colon);
        if (colon != text.npos) port = text.substr(colon + 1);
    }
    for (const char c : port)
        if (netnotes::detail::digit_value(c) > 9) return false;
    return !host.empty() || text.empty();
}

}  // namespace detail

inline std::optional<std::string> percent_decode(std::string_view text) {
    for (std::size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 3))
        if (detail::percent_byte(text, at) < 0) return std::nullopt;
    return detail::decoded(text, false);
}

inline std::string percent_encode(std::string_view text, std::string_view also_plain) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    result.reserve(text.size());
    for (const char c : text) {
        if (detail::is(detail::plain_character, c) || also_plain.find(c) != also_plain.npos) {
            result += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        ((result += '%') += digits[byte >> 4]) += digits[byte & 15];
    }
    return result;
}

inline std::optional<target> target::parse(std::string_view text, parse_failure& why) {
    const auto refused = [&](std::string_view reason, std::size_t place) {
        why = parse_failure{reason, place};
        return std::nullopt;
    };
    if (text.empty()) return refused("the target is empty", 0);
    if (const std::size_t wrong = detail::span_of(detail::target_character, text); wrong != text.size())
        return refused("a character that no target has; it is written as a percent sign and two digits", wrong);
    target read;
    read.text_ = text;
    if (text == "*") {
        read.form_ = form::asterisk;
        read.path_ = text;
        read.raw_path_size_ = 1;
        return read;
    }
    std::size_t path = 0;
    if (text[0] != '/') {
        constexpr std::string_view schemes[] = {"http://", "https://"};
        for (const std::string_view scheme : schemes)
            if (same_name(text.substr(0, scheme.size()), scheme)) path = scheme.size();
        if (path == 0) return refused("a target begins with '/', or with http:// and a host", 0);
        read.form_ = form::absolute;
        read.authority_at_ = path;
        path = std::min(text.find_first_of("/?", path), text.size());
        read.authority_size_ = path - read.authority_at_;
        const std::string_view authority = text.substr(read.authority_at_, read.authority_size_);
        if (authority.empty() || !detail::is_authority(authority))
            return refused("behind http:// comes a host, and perhaps a port", read.authority_at_);
    }
    const std::size_t question = std::min(text.find('?', path), text.size());
    const std::string_view raw = text.substr(path, question - path);
    bool is_nul = false;
    if (const std::size_t wrong = detail::wrong_percent(raw, is_nul); wrong != raw.npos)
        return refused(is_nul ? "a path holds no NUL" : "behind a percent sign come two hexadecimal digits",
                       path + wrong);
    read.raw_path_at_ = path;
    read.raw_path_size_ = raw.size();
    read.path_ = raw.empty() ? "/" : detail::decoded(raw, true);
    read.has_query_ = question < text.size();
    if (read.has_query_) read.query_at_ = question + 1;
    return read;
}

inline target::target(std::string_view text) {
    parse_failure why;
    auto read = parse(text, why);
    if (!read) throw parse_error{"HTTP request target", text, why};
    *this = *std::move(read);
}

inline std::vector<std::string> target::segments() const {
    std::vector<std::string> parts;
    std::string_view rest = raw_path();
    if (form_ == form::asterisk) return parts;
    while (!rest.empty()) {
        rest.remove_prefix(1);  // the slash
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        parts.push_back(detail::decoded(rest.substr(0, slash), false));
        rest.remove_prefix(slash);
    }
    return parts;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_TARGET_HPP


namespace netnotes {

template <class T>
class task;  // coro/task.hpp: include http/server.hpp to call the members that return a task

namespace http {

/// A body that comes in pieces. The server derives from it for the body of a request that is still arriving; files and
/// generators derive from it for the body of a response.
class body_source {
  public:
    body_source() noexcept = default;
    body_source(const body_source&) = delete;
    body_source& operator=(const body_source&) = delete;
    virtual ~body_source() = default;

    /// Returns how many bytes there are in all, or nullopt if this is known only at the end. In a response such a body
    /// is sent in chunks.
    [[nodiscard]] virtual std::optional<std::uint64_t> size() const noexcept { return std::nullopt; }
    /// Waits for the next piece, which is valid until the next call. No bytes: the body has ended.
    [[nodiscard]] virtual task<std::span<const std::byte>> next() = 0;
};

/// A request: method, target, fields, and a body. It owns everything, so it may outlive the bytes it was read from.
///
/// The version is 1.0 or 1.1, and fields() of a received request are as they came. A request can be moved, not copied.
class request {
  public:
    /// Makes `GET /`.
    request() = default;
    /// Makes a request. The target is in origin, absolute or asterisk form, with its query: "/notes?page=2". Throws
    /// std::invalid_argument if the method is no token, and parse_error if the text is no target.
    request(std::string_view method, std::string_view target, http::fields fields = {}, std::string body = {})
        : request{http::target{target}, method, std::move(fields), std::move(body)} {}
    /// Makes a request with a method of the table. Throws as above, also for `method::other`.
    request(http::method method, std::string_view target, http::fields fields = {}, std::string body = {})
        : request{name_of(method), target, std::move(fields), std::move(body)} {}
    /// Makes a request with a target that was read before. Throws std::invalid_argument if the method is no token.
    request(http::target target, std::string_view method, http::fields fields = {}, std::string body = {})
        : method_{read_method(method)}, target_{std::move(target)}, fields_{std::move(fields)}, body_{std::move(body)} {
        if (!is_token(method))
            throw std::invalid_argument{"the method of an HTTP request is a token, not " + quoted(method)};
        if (method_ == http::method::other) other_method_ = method;
    }

    /// Returns the method, or `method::other`; then method_name() has its text.
    [[nodiscard]] http::method method() const noexcept { return method_; }
    [[nodiscard]] std::string_view method_name() const noexcept {
        return method_ == http::method::other ? std::string_view{other_method_} : name_of(method_);
    }
    [[nodiscard]] const http::target& target() const noexcept { return target_; }
    /// Returns the path, decoded, except that an encoded slash stays `%2F`: see target::path().
    [[nodiscard]] const std::string& path() const noexcept { return target_.path(); }
    /// Returns the text behind '?', as it came.
    [[nodiscard]] std::string_view query() const noexcept { return target_.query(); }
    /// Returns the value of the first parameter of the query with that name, decoded: for "?name=a+b%21" it returns "a
    /// b!". Returns nullopt if there is no such parameter or if its percent coding is wrong. http/form.hpp reads them
    /// all.
    [[nodiscard]] std::optional<std::string> query(std::string_view name) const;

    /// Returns the number behind `HTTP/1.`: 0 or 1.
    [[nodiscard]] int minor_version() const noexcept { return minor_version_; }
    void set_minor_version(int minor) noexcept { minor_version_ = minor; }

    [[nodiscard]] const http::fields& fields() const noexcept { return fields_; }
    [[nodiscard]] http::fields& fields() noexcept { return fields_; }
    /// Returns the value of the first field with that name, or nullopt.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept {
        return fields_.find(name);
    }
    /// Returns host and port as the client named them, for example "example.com:8000". An absolute target has them,
    /// else the field Host (RFC 9112 §3.2.2). Returns "" if both are missing. They come from a stranger: compare them
    /// with a list, and never build a link for others out of them.
    [[nodiscard]] std::string_view host() const noexcept {
        return target_.which() == target::form::absolute ? target_.authority() : fields_.find("Host").value_or("");
    }

    /// Returns the body as far as the request holds it: the text of the constructor or of set_body(). On a server it is
    /// empty; use text() or recv() there.
    [[nodiscard]] const std::string& body() const noexcept { return body_; }
    void set_body(std::string body) noexcept { body_ = std::move(body); }

    /// Waits for the whole body and returns it. A second call returns "". Throws as http/server.hpp says, above all if
    /// the body is too large. Include http/server.hpp to call it.
    [[nodiscard]] task<std::string> text();
    /// Waits for the next bytes of the body. They are valid until the next call. No bytes: the body has ended. Include
    /// http/server.hpp to call it.
    [[nodiscard]] task<std::span<const std::byte>> recv();
    /// Gives the request a body that is still arriving. The source must outlive the request, or be taken away again
    /// with nullptr. For authors of servers.
    void set_source(body_source* source) noexcept { source_ = source; }
    [[nodiscard]] body_source* source() const noexcept { return source_; }

    request(request&&) = default;
    request& operator=(request&&) = default;

  private:
    http::method method_ = http::method::get;
    int minor_version_ = 1;
    std::string other_method_;
    http::target target_;
    http::fields fields_;
    std::string body_;
    body_source* source_ = nullptr;
};

/// A response: status, fields, and a body. The server adds Date, Content-Length or Transfer-Encoding, and Connection.
///
/// The members are open, because every combination has a meaning. A response can be moved, not copied.
class response {
  public:
    /// Makes 200 without a body.
    response() = default;
    /// Makes a response with a body of text. An empty body gets no Content-Type. Throws std::invalid_argument if the
    /// media type could not be a field's value.
    response(http::status code, std::string text = {}, std::string_view media_type = "text/plain; charset=utf-8")
        : status{code}, body{std::move(text)} {
        if (!body.empty()) fields.set("Content-Type", media_type);
    }
    /// Makes a response whose body comes from a source.
    response(http::status code, std::unique_ptr<body_source> from, std::string_view media_type)
        : status{code}, source{std::move(from)} {
        fields.set("Content-Type", media_type);
    }

    http::status status;                  ///< 200 unless set
    http::fields fields;                  ///< the server adds more: see above
    std::string body;                     ///< the body, if `source` is empty
    std::unique_ptr<body_source> source;  ///< the body, if it is no text in memory

    /// Sets a field and returns the response, so that calls can follow each other. Throws as fields::set() does.
    response& with(std::string_view name, std::string_view value) & {
        fields.set(name, value);
        return *this;
    }
    response&& with(std::string_view name, std::string_view value) && {
        fields.set(name, value);
        return std::move(*this);
    }
};

/// Returns 404 with a short text that names the path.
[[nodiscard]] inline response not_found(const request& ask) {
    return {status::not_found, "404: nothing is at " + quoted(ask.path().substr(0, 200)) + "\n"};
}
/// Returns a response that sends the client to another place: a path ("/login/") or a whole URL. The status is 303 for
/// "look there with GET", 307 or 308 for "send the same request there", 302 and 301 as old programs do. Throws
/// std::invalid_argument if the status is no redirect, or if `location` is empty or holds a character that no URL has:
/// take percent_encode() for text of strangers.
[[nodiscard]] inline response redirect(std::string_view location, status how = status::see_other) {
    if (!how.is_redirect()) throw std::invalid_argument{how.to_string() + " is no redirect"};
    for (const char c : location)
        if (c <= ' ' || c > '~')
            throw std::invalid_argument{"no URL to redirect to: " + quoted(location.substr(0, 200))};
    if (location.empty()) throw std::invalid_argument{"a redirect needs a place"};
    response answer{how};
    answer.fields.set("Location", location);
    return answer;
}

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::optional<std::string> request::query(std::string_view name) const {
    const auto decode = [](std::string_view text) {
        std::string spaced{text};
        for (char& c : spaced)
            if (c == '+') c = ' ';
        return percent_decode(spaced);
    };
    std::string_view rest = query();
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view part = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::size_t equals = std::min(part.find('='), part.size());
        if (decode(part.substr(0, equals)) == name) return decode(part.substr(std::min(equals + 1, part.size())));
    }
    return std::nullopt;
}

}  // namespace http
}  // namespace netnotes

#endif  // NETNOTES_HTTP_MESSAGE_HPP





namespace netnotes::http {

namespace detail {
class head_reader;
}

/// Where the body of a message ends (RFC 9112 §6.3).
struct framing {
    enum class kind : std::uint8_t {
        none,         ///< there is no body
        length,       ///< after `length` bytes, which may be 0
        chunked,      ///< behind the chunk of size 0
        until_close,  ///< with the connection; only in a response
    };
    kind how = kind::none;
    std::uint64_t length = 0;
    friend bool operator==(const framing&, const framing&) noexcept = default;
};

/// What the heads of requests and responses share.
class message_head {
  public:
    static constexpr std::size_t max_fields = 100;

    /// Returns the fields in their order.
    [[nodiscard]] std::span<const field> fields() const noexcept { return {fields_.data(), count_}; }
    /// Returns the value of the first field with that name, or nullopt if no field has it.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        for (const field& each : fields())
            if (same_name(each.name, name)) return each.value;
        return std::nullopt;
    }

    int minor_version = 1;     ///< the digit behind `HTTP/1.`; 2 to 9 are read as 1 (RFC 9110 §2.5)
    bool keeps_alive = true;   ///< the sender can use the connection once more (RFC 9112 §9.3)
    bool is_chunked = false;   ///< Transfer-Encoding: chunked
    bool has_length = false;   ///< a Content-Length is there
    std::uint64_t length = 0;  ///< its value
    std::string_view upgrade;  ///< the field Upgrade, if Connection names it; else ""

  protected:
    message_head() noexcept = default;

  private:
    friend detail::head_reader;
    std::array<field, max_fields> fields_;
    std::size_t count_ = 0;
};

/// The head of a request. All texts are views into the bytes that were parsed.
class request_head : public message_head {
  public:
    http::method method = http::method::get;  ///< `other` for a method that the table does not know
    std::string_view method_name;
    std::string_view target;  ///< checked: http::target can read it
    std::string_view host;    ///< the field Host, or "" in HTTP/1.0. The target may have another: see request::host()
    bool expects_continue = false;  ///< the client waits for a 100 before it sends the body (RFC 9110 §10.1.1)

    /// Returns where the body ends. Without Content-Length and chunks a request has none.
    [[nodiscard]] framing body() const noexcept {
        using kind = framing::kind;
        return {is_chunked ? kind::chunked : has_length ? kind::length : kind::none, length};
    }
};

/// The head of a response. All texts are views into the bytes that were parsed.
class response_head : public message_head {
  public:
    http::status status;
    std::string_view reason;  ///< the words behind the number; a program must not depend on them

    /// Returns where the body ends, which depends on the method of the request (RFC 9112 §6.3).
    [[nodiscard]] framing body(http::method asked) const noexcept {
        using kind = framing::kind;
        if (asked == method::head || !status.allows_body()) return {};
        return {is_chunked ? kind::chunked : has_length ? kind::length : kind::until_close, length};
    }
};

/// Returns a request that owns its texts, without a body.
[[nodiscard]] request to_request(const request_head& head);
/// Returns a response that owns its texts, without a body.
[[nodiscard]] response to_response(const response_head& head);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Fills a list with fields that a parser has checked already.
struct checked_fields {
    static fields copy(std::span<const field> from) {
        fields list;
        std::size_t size = 0;
        for (const field& each : from) size += each.name.size() + each.value.size();
        list.text_.reserve(size);
        list.entries_.reserve(from.size());
        for (const field& each : from) list.append_checked(each.name, each.value);
        return list;
    }
};

}  // namespace detail

inline request to_request(const request_head& head) {
    request made{target{head.target}, head.method_name, detail::checked_fields::copy(head.fields())};
    made.set_minor_version(head.minor_version);
    return made;
}
inline response to_response(const response_head& head) {
    response made{head.status};
    made.fields = detail::checked_fields::copy(head.fields());
    return made;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_HEAD_HPP

// netnotes/http/parser.hpp: the head of a message, read strictly and fast
// SPDX-License-Identifier: MIT
//
// The head is the first line, the fields, and the empty line behind them. TCP may cut it anywhere, so the parser is
// asked again with more bytes until the head is whole:
//
//        http::request_head head;
//        http::head_progress seen;
//        auto result = http::parse_head(bytes, seen, head);
//        if (result.is_complete())
//            use(head.target, bytes.substr(result.size));           // the body begins there
//        else if (result.is_refused())
//            answer(result.refusal.message(bytes));                 // 400: line 3 "Host : a": a space before ...
//        else
//            read_more();                                           // and ask again with all bytes, old and new
//
//        bytes   G E T   / n o t e s   H T T P / 1 . 1 \r\n H o s t : a \r\n \r\n
//                └─┬─┘   └───┬─────┘                        └─┬──┘ │
//        head    method    target                          fields()[0].name, .value      views: nothing is copied
//
// If a head arrives byte by byte, parsing it from the start each time would take time in the square of its size. So
// after a first attempt only the end of the head is looked for, in the bytes that are new, and `seen` remembers how
// far. Then it is parsed once more. The result is the same whatever the cuts.
//
// Why it is fast: a table tells for each byte whether it may stand in a token. Values are checked eight bytes at a
// time, and this check also finds the end of the line.
//
// On this page:  framing · request_head, response_head · head_progress, head_result, parse_head · to_request,
// to_response
// Sources:       RFC 9112 §2 to §6
// Beside it:     http/refusal.hpp, all rules; http/head.hpp, the result; http/body.hpp, the bytes behind the head

#ifndef NETNOTES_HTTP_PARSER_HPP
#define NETNOTES_HTTP_PARSER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>


// netnotes/http/refusal.hpp: why a message is refused, in a sentence with the place
// SPDX-License-Identifier: MIT
//
// A parser that only says "400 Bad Request" teaches nobody. This one names the rule, the line and the place:
//
//        400: line 3 "Host : a": a space before the colon (RFC 9112 §5.1)
//        400: line 1 "GET / HTTP/1.1": the line ends with LF alone; typing by hand? nc -C sends CR LF (RFC 9112 §2.2)
//        501: line 1 "CONNECT a:443 HTTP/1.1": this server opens no tunnels (RFC 9110 §9.3.6)
//
// Why so strict? Between a browser and a server there is often a proxy, and both must find the same end of each
// message. Each rule below was once broken by a well-known program, and then a request could be hidden inside another
// one:
//
//        POST / HTTP/1.1                    The proxy believes Content-Length: the body has 44 bytes, all of this.
//        Host: example.com                  The server believes Transfer-Encoding: the body ends with the chunk of size
//        0.
//        Content-Length: 44                 So for the server this is the next request, which the proxy never saw.
//        Transfer-Encoding: chunked
//
//        0
//
//        GET /admin HTTP/1.1 ...
//
// The sizes of everything are limited, because a stranger chooses them. See struct limits.
//
// On this page:  limits · reason · refusal
// Sources:       RFC 9112 §2.2, §3, §5, §6, §7; RFC 6585 §5; CWE-444

#ifndef NETNOTES_HTTP_REFUSAL_HPP
#define NETNOTES_HTTP_REFUSAL_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>




namespace netnotes::http {

/// How large the parts of a message may be, in bytes.
struct limits {
    std::size_t start_line = 8 * 1024;  ///< the first line, without its end; else 414
    std::size_t fields = 32 * 1024;     ///< all fields with their line ends; else 431
    std::size_t field_count = 100;      ///< the number of fields, at most 100; else 431
    std::uint64_t body = 1024 * 1024;   ///< the body, without the frame of its chunks; else 413
    std::size_t extensions = 1024;      ///< all extensions of the chunks of a body together; else 400
    std::size_t trailers = 4 * 1024;    ///< all fields behind the last chunk, with their line ends; else 431
};

/// The rules that a message can break. reason_text() has the sentence, status_of() the status of the answer.
enum class reason : std::uint8_t {
    none,
    // the first line
    tls,         ///< the first byte of a TLS handshake
    empty_line,  ///< a second empty line before the request
    bad_method,  ///< no token
    spaces,      ///< not exactly one space between two parts
    missing_target,
    bad_target,           ///< a character that no target has
    target_form,          ///< begins neither with '/' nor with http://, or is `*` and the method is not OPTIONS
    percent,              ///< a percent sign without two hexadecimal digits in the path
    nul_in_path,          ///< %00
    missing_version,      ///< HTTP/0.9
    bad_version,          ///< not HTTP/ and two digits
    unsupported_version,  ///< not 1.x: 505
    no_tunnels,           ///< CONNECT: 501
    start_line_too_long,  ///< 414
    bad_status,           ///< in a response: not three digits
    // lines
    bare_lf,  ///< LF without CR
    bare_cr,  ///< CR without LF
    nul,
    control_character,
    // fields
    fold,  ///< a line that begins with a space or a tab
    missing_colon,
    empty_name,
    space_before_colon,
    bad_name,          ///< no token
    fields_too_large,  ///< 431
    too_many_fields,   ///< 431
    missing_host,
    second_host,
    bad_host,
    bad_expectation,  ///< not 100-continue: 417
    // where the body ends
    bad_length,         ///< not decimal digits, or above 2^64-1
    second_length,      ///< even if it is equal
    length_and_coding,  ///< Content-Length beside Transfer-Encoding
    second_coding,
    coding_in_1_0,
    bad_coding,      ///< more or less than exactly `chunked`
    unknown_coding,  ///< 501
    chunked_not_last,
    body_too_large,  ///< 413
    // chunks
    bad_chunk_size,
    chunk_size_too_large,  ///< above 2^64-1, or more than 16 digits
    bad_extension,
    extensions_too_large,
    missing_chunk_end,   ///< no CR LF behind the data of a chunk
    trailers_too_large,  ///< 431
    cut_off,             ///< the connection has ended inside the message
};

namespace detail {
struct rule {
    std::uint16_t status;
    std::string_view section, text;
};
constexpr rule rule_of(reason why) noexcept {
    switch (why) {
        case reason::none: return {200, "", "no error"};
        case reason::tls: return {400, "RFC 9112 §3", "this looks like TLS, and this port speaks plain HTTP"};
        case reason::empty_line: return {400, "RFC 9112 §2.2", "a second empty line before the request"};
        case reason::bad_method: return {400, "RFC 9110 §9.1", "the method is no token"};
        case reason::spaces: return {400, "RFC 9112 §3", "exactly one space stands between the parts of the line"};
        case reason::missing_target: return {400, "RFC 9112 §3", "the target is missing"};
        case reason::bad_target: return {400, "RFC 9112 §3.2", "a character that no target has"};
        case reason::target_form:
            return {400, "RFC 9112 §3.2", "the target is a path, or http:// with a host, or * for OPTIONS"};
        case reason::percent: return {400, "RFC 3986 §2.1", "behind a percent sign come two hexadecimal digits"};
        case reason::nul_in_path: return {400, "RFC 3986 §7.3", "a path holds no NUL"};
        case reason::missing_version: return {400, "RFC 9112 §3", "the version is missing, as in HTTP/0.9"};
        case reason::bad_version:
            return {400, "RFC 9112 §2.3", "the version is HTTP/ and two digits, then the line ends"};
        case reason::unsupported_version: return {505, "RFC 9110 §2.5", "this server speaks HTTP/1.1"};
        case reason::no_tunnels: return {501, "RFC 9110 §9.3.6", "this server opens no tunnels"};
        case reason::start_line_too_long: return {414, "RFC 9112 §3", "the line is too long"};
        case reason::bad_status: return {400, "RFC 9112 §4", "the status has three digits and a space behind them"};
        case reason::bare_lf:
            return {400, "RFC 9112 §2.2", "the line ends with LF alone; typing by hand? nc -C sends CR LF"};
        case reason::bare_cr: return {400, "RFC 9112 §2.2", "a CR without LF"};
        case reason::nul: return {400, "RFC 9110 §5.5", "a NUL"};
        case reason::control_character: return {400, "RFC 9110 §5.5", "a control character"};
        case reason::fold: return {400, "RFC 9112 §5.2", "the line begins with a space: folded lines are obsolete"};
        case reason::missing_colon: return {400, "RFC 9112 §5", "no colon behind the name of the field"};
        case reason::empty_name: return {400, "RFC 9112 §5", "the name of the field is empty"};
        case reason::space_before_colon: return {400, "RFC 9112 §5.1", "a space before the colon"};
        case reason::bad_name: return {400, "RFC 9110 §5.1", "the name of the field is no token"};
        case reason::fields_too_large: return {431, "RFC 6585 §5", "the fields are too large"};
        case reason::too_many_fields: return {431, "RFC 6585 §5", "too many fields"};
        case reason::missing_host: return {400, "RFC 9112 §3.2", "HTTP/1.1 needs a field Host"};
        case reason::second_host: return {400, "RFC 9112 §3.2", "a second Host"};
        case reason::bad_host: return {400, "RFC 9110 §7.2", "Host is a host, and perhaps a port"};
        case reason::bad_expectation: return {417, "RFC 9110 §10.1.1", "the only expectation is 100-continue"};
        case reason::bad_length: return {400, "RFC 9110 §8.6", "a length is decimal digits, at most 2^64-1"};
        case reason::second_length: return {400, "RFC 9110 §8.6", "a second Content-Length"};
        case reason::length_and_coding:
            return {400, "RFC 9112 §6.1", "Content-Length beside Transfer-Encoding: where does the body end?"};
        case reason::second_coding: return {400, "RFC 9112 §6.1", "a second Transfer-Encoding"};
        case reason::coding_in_1_0: return {400, "RFC 9112 §6.1", "HTTP/1.0 has no Transfer-Encoding"};
        case reason::bad_coding: return {400, "RFC 9112 §6.1", "Transfer-Encoding is exactly `chunked`, once"};
        case reason::unknown_coding: return {501, "RFC 9112 §6.1", "the only transfer coding here is chunked"};
        case reason::chunked_not_last:
            return {400, "RFC 9112 §6.3", "chunked is not the last coding, so the body has no end"};
        case reason::body_too_large: return {413, "RFC 9110 §15.5.14", "the body is too large"};
        case reason::bad_chunk_size: return {400, "RFC 9112 §7.1", "the size of a chunk is hexadecimal digits"};
        case reason::chunk_size_too_large: return {400, "RFC 9112 §7.1", "the size of a chunk is above 2^64-1"};
        case reason::bad_extension:
            return {400, "RFC 9112 §7.1.1", "behind the size of a chunk comes a semicolon or the end of the line"};
        case reason::extensions_too_large:
            return {400, "RFC 9112 §7.1.1", "the extensions of the chunks are too large"};
        case reason::missing_chunk_end: return {400, "RFC 9112 §7.1", "the data of a chunk are longer than its size"};
        case reason::trailers_too_large: return {431, "RFC 6585 §5", "the fields behind the last chunk are too large"};
        case reason::cut_off: return {400, "RFC 9112 §8", "the connection has ended inside the message"};
    }
    return {};
}
}  // namespace detail

/// Returns the status that tells a client about this reason: 400, 413, 414, 417, 431, 501 or 505.
[[nodiscard]] constexpr status status_of(reason why) noexcept { return status{detail::rule_of(why).status}; }
/// Returns where the rule stands, for example "RFC 9112 §5.1".
[[nodiscard]] constexpr std::string_view section_of(reason why) noexcept { return detail::rule_of(why).section; }
/// Returns the rule in words, for example "a space before the colon".
[[nodiscard]] constexpr std::string_view text_of(reason why) noexcept { return detail::rule_of(why).text; }

/// Which rule a message breaks, and where. It is cheap to make: only message() composes the sentence.
struct refusal {
    reason why = reason::none;
    std::size_t line = 0;        ///< counted from 1; 0 in a body, which has no lines
    std::size_t offset = 0;      ///< of the offending byte, counted from 0: in the head, or in the body with its chunks
    std::size_t line_begin = 0;  ///< where the line begins, counted from 0

    [[nodiscard]] http::status status() const noexcept { return status_of(why); }
    [[nodiscard]] std::string_view section() const noexcept { return section_of(why); }
    /// Returns the sentence: `400: line 3 "Host : a": a space before the colon (RFC 9112 §5.1)`. `head` is the text
    /// that was parsed; without it the line is not quoted. At most 60 bytes are quoted, and control characters are
    /// visible.
    [[nodiscard]] std::string message(std::string_view head = {}) const;

    friend bool operator==(const refusal&, const refusal&) noexcept = default;
};

inline std::string refusal::message(std::string_view head) const {
    constexpr std::size_t most = 60;
    std::string text = std::to_string(status().code()) + ": ";
    if (line == 0)
        text += "byte " + std::to_string(offset) + " of the body";
    else
        text += "line " + std::to_string(line);
    if (line > 0 && line_begin < head.size()) {
        std::string_view quote = head.substr(line_begin);
        quote = quote.substr(0, quote.find('\n'));
        if (quote.ends_with('\r')) quote.remove_suffix(1);
        // Of a long line show the offending byte, and what stands before it.
        const std::size_t place = offset - std::min(offset, line_begin);
        std::size_t from = 0;
        if (place + 1 > most) from = std::min(place + 1, quote.size()) - std::min(most, quote.size());
        if (!quote.empty()) (text += from > 0 ? " ... " : " ") += quoted(quote.substr(from, most));
        if (quote.size() - from > most) text += " ...";
    }
    ((((text += ": ") += text_of(why)) += " (") += section()) += ')';
    return text;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_REFUSAL_HPP





namespace netnotes::http {

/// How far parse_head() has looked. Begin each message with a new one.
struct head_progress {
    std::size_t seen = 0;        ///< bytes in which no end of the head was found
    std::size_t start_line = 0;  ///< where the line behind the first one begins; 0: not known yet
};

/// What parse_head() has found.
struct head_result {
    enum class outcome : std::uint8_t { complete, more, refused };
    outcome what = outcome::more;
    std::size_t size = 0;     ///< of the head with its empty line, if it is complete
    http::refusal refusal{};  ///< if it is refused

    [[nodiscard]] bool is_complete() const noexcept { return what == outcome::complete; }
    [[nodiscard]] bool is_refused() const noexcept { return what == outcome::refused; }
    [[nodiscard]] bool needs_more() const noexcept { return what == outcome::more; }
};

/// Reads the head of a request from the beginning of `bytes`. If it returns `more`, call it again when bytes have come:
/// with the old bytes and the new ones behind them, at any place in memory, and the same `seen`. One empty line before
/// the request is skipped (RFC 9112 §2.2). If the result is not complete, the content of `head` means nothing. Never
/// reads beyond `bytes`, allocates nothing, and throws nothing.
[[nodiscard]] head_result parse_head(std::string_view bytes, head_progress& seen, request_head& head,
                                     const limits& bounds = {}) noexcept;
/// Reads the head of a response in the same way.
[[nodiscard]] head_result parse_head(std::string_view bytes, head_progress& seen, response_head& head,
                                     const limits& bounds = {}) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns the place of the first byte that is a control character other than the tab. Eight bytes are looked at in one
/// step: in each byte of `word` the highest bit is set if the byte is below 0x20, or is 0x7f. No step carries into the
/// byte beside it, so the order of bytes in memory does not matter.
inline const char* skip_value(const char* p, const char* last) noexcept {
    constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
    constexpr std::uint64_t high = ones * 0x80, low = ones * 0x7f;
    for (;;) {
        while (last - p >= 8) {
            std::uint64_t word;
            std::memcpy(&word, p, sizeof word);
            const std::uint64_t below_space = ~((word & low) + ones * 0x60);
            const std::uint64_t is_delete = ~(((word ^ low) & low) + low);
            if (((below_space | is_delete) & ~word & high) != 0) break;
            p += 8;
        }
        while (p != last && is(value_character, *p)) {
            ++p;
            if (*(p - 1) == '\t') break;  // the eight bytes may have stopped for it alone
        }
        if (p == last || !is(value_character, *p)) return p;
    }
}

/// The fields behind the last chunk.
struct trailer_head : message_head {};

/// The parser of both heads.
class head_reader {
  public:
    head_reader(std::string_view bytes, const limits& bounds) noexcept
        : first_{bytes.data()}, last_{bytes.data() + bytes.size()}, p_{first_}, line_begin_{first_}, bounds_{bounds} {}

    template <class Head>
    head_result read(Head& head) noexcept {
        head.count_ = 0;
        head.keeps_alive = true;
        head.is_chunked = head.has_length = false;
        head.length = 0;
        head.upgrade = {};
        if (start_line(head) && all_fields(head) && is_consistent(head)) {
            using outcome = head_result::outcome;
            return {outcome::complete, static_cast<std::size_t>(p_ - first_), {}};
        }
        return result_;
    }

    /// Reads fields and the empty line, without a first line and without meaning.
    head_result read_fields(trailer_head& head) noexcept {
        fields_begin_ = p_;
        if (!all_fields(head)) return result_;
        return {head_result::outcome::complete, offset_of(p_), {}};
    }

    /// Looks for the end of a head in bytes that are new. Returns true if it is time to parse: at the end, at a line
    /// that is refused anyway, and beyond the limits.
    static bool is_worth_parsing(std::string_view bytes, head_progress& seen, const limits& bounds) noexcept {
        while (seen.seen < bytes.size()) {
            const std::size_t at = bytes.find('\n', seen.seen);
            if (at == bytes.npos) break;
            if (at == 0 || bytes[at - 1] != '\r') return true;
            if (at >= 2 && bytes[at - 2] == '\n') return true;
            seen.seen = at + 1;
            if (seen.start_line == 0 && at > 1) seen.start_line = seen.seen;
        }
        seen.seen = bytes.size();
        if (seen.start_line == 0) return bytes.size() > bounds.start_line;
        return bytes.size() - seen.start_line > bounds.fields;
    }

    /// Returns where the second line begins, or 0 if it has not come.
    [[nodiscard]] std::size_t fields_at() const noexcept {
        return fields_begin_ == nullptr ? 0 : offset_of(fields_begin_);
    }

  private:
    // Each step returns false when it cannot go on; result_ then says why. At the end of the bytes it is `more`.
    bool refuse(reason why, const char* at) noexcept {
        result_ = {head_result::outcome::refused, 0, {why, line_, offset_of(at), offset_of(line_begin_)}};
        return false;
    }
    /// Refuses something in the line before this one, which began at `line`.
    bool refuse_line(reason why, const char* at, const char* line) noexcept {
        result_ = {head_result::outcome::refused, 0, {why, line_ - 1, offset_of(at), offset_of(line)}};
        return false;
    }
    [[nodiscard]] std::size_t offset_of(const char* at) const noexcept { return static_cast<std::size_t>(at - first_); }
    /// The bytes end inside the first line.
    bool more_of_start_line() noexcept {
        if (static_cast<std::size_t>(last_ - line_begin_) > bounds_.start_line + 1)  // 1: a CR may be there
            return refuse(reason::start_line_too_long, line_begin_ + bounds_.start_line);
        return false;
    }
    bool more_of_fields() noexcept {
        if (static_cast<std::size_t>(last_ - fields_begin_) > bounds_.fields)
            return refuse(reason::fields_too_large, fields_begin_ + bounds_.fields);
        return false;
    }
    /// A byte that may not stand in any line, or not there.
    bool refuse_byte(const char* at, reason otherwise) noexcept {
        switch (*at) {
            case '\0': return refuse(reason::nul, at);
            case '\n': return refuse(reason::bare_lf, at);
            case '\r': return refuse(at + 1 != last_ && at[1] == '\n' ? otherwise : reason::bare_cr, at);
            default: break;
        }
        const auto byte = static_cast<unsigned char>(*at);
        return refuse((byte < ' ' && byte != '\t') || byte == 0x7f ? reason::control_character : otherwise, at);
    }
    const char* skip(character kind, const char* p) const noexcept {
        while (p != last_ && is(kind, *p)) ++p;
        return p;
    }
    /// Steps over CR LF.
    bool end_of_line(reason otherwise) noexcept {
        if (p_ == last_) return false;
        if (*p_ != '\r') return refuse_byte(p_, otherwise);
        if (p_ + 1 == last_) return false;
        if (p_[1] != '\n') return refuse(reason::bare_cr, p_);
        p_ += 2;
        ++line_;
        line_begin_ = p_;
        return true;
    }

    bool start_line(request_head& head) noexcept {
        if (p_ == last_) return false;
        if (*p_ == '\r') {  // an old browser sends CR LF behind the body of a POST
            if (p_ + 1 == last_) return false;
            if (!end_of_line(reason::empty_line)) return false;
            if (p_ == last_) return false;
        }
        return finish_start_line(request_line(head));
    }
    bool start_line(response_head& head) noexcept { return finish_start_line(status_line(head)); }
    bool finish_start_line(bool has_line) noexcept {
        if (has_line) return true;
        if (!result_.is_refused()) return more_of_start_line();
        // A line that is too long is refused for that, whatever is wrong behind the limit: else the cuts would decide.
        if (result_.refusal.offset > result_.refusal.line_begin + bounds_.start_line)
            refuse(reason::start_line_too_long, line_begin_ + bounds_.start_line);
        return false;
    }
    bool request_line(request_head& head) noexcept {
        const char* const name = p_;
        p_ = skip(token_character, p_);
        if (p_ == last_) return false;
        if (p_ == name) {
            if (*p_ == 0x16) return refuse(reason::tls, p_);
            if (*p_ == '\r' && p_ + 1 == last_) return false;
            return refuse_byte(p_, *p_ == '\r' ? reason::empty_line : reason::bad_method);
        }
        if (*p_ != ' ') {
            if (*p_ == '\r' && p_ + 1 == last_) return false;
            return refuse_byte(p_, *p_ == '\r' ? reason::missing_target : reason::bad_method);
        }
        head.method_name = {name, static_cast<std::size_t>(p_ - name)};
        head.method = read_method(head.method_name);

        const char* const target = ++p_;
        p_ = skip(target_character, p_);
        if (p_ == last_) return false;
        if (*p_ == '\r' && p_ + 1 == last_) return false;
        if (*p_ != ' ') return refuse_byte(p_, *p_ == '\r' ? reason::missing_version : reason::bad_target);
        if (p_ == target) return refuse(reason::spaces, p_);
        head.target = {target, static_cast<std::size_t>(p_ - target)};
        ++p_;
        if (!version(head)) return false;
        if (!end_of_line(p_ != last_ && *p_ == ' ' ? reason::spaces : reason::bad_version)) return false;
        fields_begin_ = p_;
        if (static_cast<std::size_t>(p_ - 2 - name) > bounds_.start_line)
            return refuse_line(reason::start_line_too_long, name + bounds_.start_line, name);
        return target_is_right(head, name);
    }
    template <class Head>
    bool version(Head& head) noexcept {
        constexpr std::string_view prefix = "HTTP/";
        for (const char c : prefix) {
            if (p_ == last_) return false;
            if (*p_ != c) {
                if (*p_ == '\r' && p_ + 1 == last_) return false;
                return refuse_byte(p_, *p_ == ' ' ? reason::spaces : reason::bad_version);
            }
            ++p_;
        }
        int digits[2] = {};
        for (int i = 0; i < 3; ++i, ++p_) {
            if (p_ == last_) return false;
            const bool fits = i == 1 ? *p_ == '.' : netnotes::detail::digit_value(*p_) <= 9;
            if (!fits) {
                if (*p_ == '\r' && p_ + 1 == last_) return false;
                return refuse_byte(p_, reason::bad_version);
            }
            if (i != 1) digits[i / 2] = *p_ - '0';
        }
        if (digits[0] != 1) return refuse(reason::unsupported_version, p_ - 3);
        head.minor_version = digits[1] == 0 ? 0 : 1;
        head.keeps_alive = digits[1] != 0;
        return true;
    }
    bool target_is_right(request_head& head, const char* name) noexcept {
        const auto wrong = [&](reason why, std::size_t place) {
            return refuse_line(why, head.target.data() + place, name);
        };
        if (head.method == method::connect) return wrong(reason::no_tunnels, 0);
        std::string_view path = head.target;
        if (path == "*") return head.method == method::options || wrong(reason::target_form, 0);
        if (path[0] != '/') {
            const std::size_t scheme = same_name(path.substr(0, 7), "http://")    ? 7
                                       : same_name(path.substr(0, 8), "https://") ? 8
                                                                                  : 0;
            if (scheme == 0) return wrong(reason::target_form, 0);
            const std::size_t end = std::min(path.find_first_of("/?", scheme), path.size());
            if (end == scheme || !is_authority(path.substr(scheme, end - scheme)))
                return wrong(reason::target_form, scheme);
            path.remove_prefix(end);
        }
        if (path.find('%') == path.npos) return true;
        bool is_nul = false;
        const std::size_t place = wrong_percent(path.substr(0, path.find('?')), is_nul);
        if (place == path.npos) return true;
        return wrong(is_nul ? reason::nul_in_path : reason::percent, head.target.size() - path.size() + place);
    }

    bool status_line(response_head& head) noexcept {
        if (!version(head)) return false;
        if (p_ == last_) return false;
        if (*p_ != ' ') {
            if (*p_ == '\r' && p_ + 1 == last_) return false;
            return refuse_byte(p_, *p_ == '\r' ? reason::bad_status : reason::bad_version);
        }
        ++p_;
        int code = 0;
        for (int i = 0; i < 3; ++i, ++p_) {
            if (p_ == last_) return false;
            if (netnotes::detail::digit_value(*p_) > 9 || (i == 0 && *p_ == '0')) {
                if (*p_ == '\r' && p_ + 1 == last_) return false;
                return refuse_byte(p_, reason::bad_status);
            }
            code = code * 10 + (*p_ - '0');
        }
        head.status = http::status{code};
        if (p_ == last_) return false;
        if (*p_ == ' ')
            ++p_;
        else if (*p_ != '\r')  // many servers leave out the space behind the number if no words follow
            return refuse_byte(p_, reason::bad_status);
        const char* const words = p_;
        p_ = skip_value(p_, last_);
        head.reason = {words, static_cast<std::size_t>(p_ - words)};
        const char* const line = line_begin_;
        if (!end_of_line(reason::control_character)) return false;
        fields_begin_ = p_;
        if (static_cast<std::size_t>(p_ - 2 - line) > bounds_.start_line)
            return refuse_line(reason::start_line_too_long, line + bounds_.start_line, line);
        return true;
    }

    template <class Head>
    bool all_fields(Head& head) noexcept {
        for (;;) {
            const step taken = one_field(head);
            if (taken == step::next) continue;
            if (taken == step::end) return true;
            if (!result_.is_refused()) return more_of_fields();
            if (result_.refusal.why != reason::fields_too_large &&  // as at the start line
                result_.refusal.offset >= offset_of(fields_begin_) + bounds_.fields)
                refuse(reason::fields_too_large, fields_begin_ + bounds_.fields);
            return false;
        }
    }
    enum class step : std::uint8_t { next, end, stop };
    template <class Head>
    step one_field(Head& head) noexcept {
        const char* const name = p_;
        p_ = skip(token_character, p_);
        if (p_ == last_) return step::stop;
        if (p_ == name && *p_ == '\r') {
            if (!end_of_line(reason::bare_cr)) return step::stop;
            return fits(name) ? step::end : step::stop;
        }
        if (p_ == name || *p_ != ':') {
            wrong_name(name);
            return step::stop;
        }
        const auto name_size = static_cast<std::size_t>(p_ - name);
        ++p_;
        while (p_ != last_ && (*p_ == ' ' || *p_ == '\t')) ++p_;
        const char* const value = p_;
        p_ = skip_value(p_, last_);
        const char* end = p_;
        if (!end_of_line(reason::control_character) || !fits(name)) return step::stop;
        while (end != value && (end[-1] == ' ' || end[-1] == '\t')) --end;

        if (head.count_ >= std::min(bounds_.field_count, message_head::max_fields)) {
            refuse_line(reason::too_many_fields, name, name);
            return step::stop;
        }
        field& added = head.fields_[head.count_++];
        added = {{name, name_size}, {value, static_cast<std::size_t>(end - value)}};
        if (const reason why = meaning(head, added); why != reason::none) {
            refuse_line(why, value, name);
            return step::stop;
        }
        return step::next;
    }
    /// Returns false if the line that has just ended, and began at `line`, is beyond the limit.
    bool fits(const char* line) noexcept {
        if (static_cast<std::size_t>(p_ - fields_begin_) <= bounds_.fields) return true;
        return refuse_line(reason::fields_too_large, fields_begin_ + bounds_.fields, line);
    }
    /// Finds out what is wrong with the name of a field: p_ is at the first byte that no token has.
    bool wrong_name(const char* name) noexcept {
        if (*p_ == ':') return refuse(reason::empty_name, p_);
        const bool is_space = *p_ == ' ' || *p_ == '\t';
        if (is_space && p_ == name) return refuse(reason::fold, p_);
        if (is_space) {  // "Host : a" or "Host a"
            if (p_ + 1 == last_) return false;
            const bool is_before_colon = p_[1] == ':' || p_[1] == ' ' || p_[1] == '\t';
            return refuse(is_before_colon ? reason::space_before_colon : reason::missing_colon, p_);
        }
        if (*p_ == '\r' && p_ + 1 == last_) return false;
        return refuse_byte(p_, *p_ == '\r' ? reason::missing_colon : reason::bad_name);
    }

    // ---- the fields that mean something to a parser

    template <class Head>
    reason meaning(Head& head, const field& it) noexcept {
        if constexpr (std::is_same_v<Head, trailer_head>) return reason::none;
        switch (it.name.size()) {
            case 4:
                if constexpr (std::is_same_v<Head, request_head>)
                    if (same_name(it.name, "host")) return host(head, it.value);
                break;
            case 6:
                if constexpr (std::is_same_v<Head, request_head>)
                    if (same_name(it.name, "expect")) return expect(head, it.value);
                break;
            case 7:
                if (same_name(it.name, "upgrade")) upgrade_ = it.value;
                break;
            case 10:
                if (same_name(it.name, "connection")) connection(it.value);
                break;
            case 14:
                if (same_name(it.name, "content-length")) return content_length(head, it.value);
                break;
            case 17:
                if (same_name(it.name, "transfer-encoding")) return transfer_encoding(head, it.value);
                break;
            default: break;
        }
        return reason::none;
    }
    reason host(request_head& head, std::string_view value) noexcept {
        if (has_host_) return reason::second_host;
        has_host_ = true;
        head.host = value;
        return is_authority(value) ? reason::none : reason::bad_host;
    }
    reason expect(request_head& head, std::string_view value) noexcept {
        if (!same_name(value, "100-continue")) return reason::bad_expectation;
        head.expects_continue = head.minor_version > 0;  // a client of 1.0 would not understand the 100
        return reason::none;
    }
    void connection(std::string_view value) noexcept {
        for_each_element(value, [&](std::string_view word) {
            if (same_name(word, "close")) closes_ = true;
            if (same_name(word, "keep-alive")) keeps_alive_ = true;
            if (same_name(word, "upgrade")) upgrades_ = true;
        });
    }
    static reason content_length(message_head& head, std::string_view value) noexcept {
        if (head.is_chunked) return reason::length_and_coding;
        if (head.has_length) return reason::second_length;
        const auto length = read_decimal(value);
        if (!length) return reason::bad_length;
        head.has_length = true;
        head.length = *length;
        return reason::none;
    }
    static reason transfer_encoding(message_head& head, std::string_view value) noexcept {
        if (head.minor_version == 0) return reason::coding_in_1_0;
        if (head.has_length) return reason::length_and_coding;
        if (head.is_chunked) return reason::second_coding;
        head.is_chunked = true;
        if (same_name(value, "chunked")) return reason::none;
        // `gzip, chunked` is legal, but there is no gzip here. `gzip` alone leaves a request without an end.
        std::string_view last;
        std::size_t count = 0;
        bool is_chunked_before = false;
        for_each_element(value, [&](std::string_view coding) {
            is_chunked_before = is_chunked_before || same_name(last, "chunked");
            last = coding;
            ++count;
        });
        if (!same_name(last, "chunked")) return reason::chunked_not_last;
        return count > 1 && !is_chunked_before ? reason::unknown_coding : reason::bad_coding;
    }

    bool is_consistent(request_head& head) noexcept {
        conclude(head);
        if (!has_host_) {
            head.host = {};
            if (head.minor_version > 0) return refuse_line(reason::missing_host, p_ - 2, p_ - 2);
        }
        return true;
    }
    bool is_consistent(response_head& head) noexcept {
        conclude(head);
        return true;
    }
    void conclude(message_head& head) noexcept {
        head.keeps_alive = !closes_ && (head.keeps_alive || keeps_alive_);
        if (upgrades_) head.upgrade = upgrade_;
    }

    const char* const first_;
    const char* const last_;
    const char* p_;
    const char* line_begin_;
    const char* fields_begin_ = nullptr;
    const limits& bounds_;
    std::size_t line_ = 1;
    std::string_view upgrade_;
    bool has_host_ = false, closes_ = false, keeps_alive_ = false, upgrades_ = false;
    head_result result_;
};

template <class Head>
head_result parse_any_head(std::string_view bytes, head_progress& seen, Head& head, const limits& bounds) noexcept {
    if (seen.seen > 0 && !head_reader::is_worth_parsing(bytes, seen, bounds)) return {};
    head_reader reader{bytes, bounds};
    const head_result result = reader.read(head);
    if (result.needs_more()) {
        seen.seen = bytes.size();
        seen.start_line = reader.fields_at();
    }
    return result;
}

}  // namespace detail

inline head_result parse_head(std::string_view bytes, head_progress& seen, request_head& head,
                              const limits& bounds) noexcept {
    return detail::parse_any_head(bytes, seen, head, bounds);
}
inline head_result parse_head(std::string_view bytes, head_progress& seen, response_head& head,
                              const limits& bounds) noexcept {
    return detail::parse_any_head(bytes, seen, head, bounds);
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_PARSER_HPP



namespace netnotes::http {

/// Finds the bytes of a body in the bytes of a connection.
class body_decoder {
  public:
    /// Decodes no body: is_done() is true at once.
    body_decoder() noexcept : body_decoder{framing{}} {}
    /// Decodes a body with this end. Is refused at once if the announced length is above `bounds.body`.
    explicit body_decoder(framing how, const limits& bounds = {}) noexcept;

    /// What next() has found.
    struct piece {
        std::string_view data;     ///< bytes of the body: a part of the bytes that were given
        std::size_t consumed = 0;  ///< how many bytes are used up, data and frame; the next call begins behind them
    };
    /// Takes bytes, and returns the first bytes of the body among them. Call it again with the bytes behind `consumed`
    /// until these are empty, or until is_done() or is_refused(). Then it consumes nothing. Throws std::bad_alloc if
    /// there is no memory for trailers.
    [[nodiscard]] piece next(std::string_view bytes);
    /// Tells that the connection has ended. A body that goes on until then is done. Any other that is not done is
    /// refused with reason::cut_off: what has come is only a part.
    void end() noexcept;

    [[nodiscard]] bool is_done() const noexcept { return state_ == state::done; }
    [[nodiscard]] bool is_refused() const noexcept { return state_ == state::refused; }
    /// Returns why and where, if is_refused(). The offset counts bytes of body and frame, from 0.
    [[nodiscard]] const http::refusal& refusal() const noexcept { return refusal_; }
    /// Returns how many bytes of the body have come.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// Returns the trailers, if is_done(). Do not mix them with the fields of the head.
    [[nodiscard]] const fields& trailers() const noexcept { return trailers_; }

  private:
    enum class state : std::uint8_t {
        data,         // `left_` bytes follow
        until_close,  //
        chunk_begin,  // the first digit of a size
        chunk_size,   // more digits, or the end of the size
        extension,    // behind a semicolon, up to CR
        size_lf,      // behind the CR of a line with a size
        chunk_cr,     // behind the data of a chunk
        chunk_lf,     //
        trailer,      // lines, the last one empty
        done,
        refused,
    };

    void refuse(reason why, std::uint64_t at) noexcept {
        refusal_ = {why, 0, static_cast<std::size_t>(at), 0};
        state_ = state::refused;
    }
    void refuse_byte(char c, reason otherwise) noexcept {
        const auto byte = static_cast<unsigned char>(c);
        refuse(c == '\n'                                                ? reason::bare_lf
               : c == '\0'                                              ? reason::nul
               : (byte < ' ' && c != '\t' && c != '\r') || byte == 0x7f ? reason::control_character
                                                                        : otherwise,
               offset_);
    }
    void frame(char c) noexcept;
    void end_of_size() noexcept;
    std::size_t trailer(std::string_view bytes);
    void parse_trailers();

    limits bounds_;
    state state_ = state::done;
    bool is_chunked_ = false;
    std::uint8_t digits_ = 0;
    std::uint64_t left_ = 0;    // of the body, or of the chunk
    std::uint64_t size_ = 0;    // of the body so far
    std::uint64_t offset_ = 0;  // of the next byte, in the body with its frame
    std::size_t extensions_ = 0;
    http::refusal refusal_{};
    std::string lines_;  // the trailers as they came
    fields trailers_;
};

/// Returns the line before a chunk of `size` bytes: "5\r\n" for 5. Behind the data comes "\r\n". `size` must not be 0,
/// because that would be the end of the body.
[[nodiscard]] inline std::string write_chunk_head(std::uint64_t size) {
    std::array<char, 18> text{};
    char* p = text.data() + text.size();
    *--p = '\n';
    *--p = '\r';
    do {
        *--p = netnotes::detail::hexadecimal_digits[size & 15];
        size >>= 4;
    } while (size != 0);
    return {p, text.data() + text.size()};
}
/// The end of a body in chunks, without trailers.
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

// ========================================================================================================
// How it is done
// ========================================================================================================

inline body_decoder::body_decoder(framing how, const limits& bounds) noexcept : bounds_{bounds} {
    switch (how.how) {
        case framing::kind::none: break;
        case framing::kind::length:
            left_ = how.length;
            state_ = left_ == 0 ? state::done : state::data;
            if (left_ > bounds_.body) refuse(reason::body_too_large, 0);
            break;
        case framing::kind::chunked:
            is_chunked_ = true;
            state_ = state::chunk_begin;
            break;
        case framing::kind::until_close: state_ = state::until_close; break;
    }
}

inline body_decoder::piece body_decoder::next(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size()) {
        std::size_t count = bytes.size() - used;
        switch (state_) {
            case state::until_close:
                if (count > bounds_.body - size_) {
                    refuse(reason::body_too_large, bounds_.body);
                    return {{}, used};
                }
                size_ += count;
                offset_ += count;
                return {bytes.substr(used), used + count};
            case state::data: {
                count = static_cast<std::size_t>(std::min<std::uint64_t>(count, left_));
                left_ -= count;
                size_ += count;
                offset_ += count;
                if (left_ == 0) state_ = is_chunked_ ? state::chunk_cr : state::done;
                return {bytes.substr(used, count), used + count};
            }
            case state::trailer: used += trailer(bytes.substr(used)); break;
            case state::done:
            case state::refused: return {{}, used};
            default:
                frame(bytes[used]);
                if (state_ == state::refused) return {{}, used};
                ++used;
                ++offset_;
        }
    }
    return {{}, used};
}

inline void body_decoder::end() noexcept {
    if (state_ == state::until_close)
        state_ = state::done;
    else if (state_ != state::done && state_ != state::refused)
        refuse(reason::cut_off, offset_);
}

/// Takes a byte of the frame of a chunk.
inline void body_decoder::frame(char c) noexcept {
    switch (state_) {
        case state::chunk_begin:
        case state::chunk_size: {
            const unsigned digit = netnotes::detail::hexadecimal_value[static_cast<unsigned char>(c)];
            if (digit < 16) {
                if (state_ == state::chunk_begin) left_ = digits_ = 0;
                if (++digits_ > 16) return refuse(reason::chunk_size_too_large, offset_);
                left_ = left_ << 4 | digit;
                state_ = state::chunk_size;
                return;
            }
            if (state_ == state::chunk_begin) return refuse_byte(c, reason::bad_chunk_size);
            if (c == '\r')
                state_ = state::size_lf;
            else if (c == ';') {
                state_ = state::extension;
                if (++extensions_ > bounds_.extensions) refuse(reason::extensions_too_large, offset_);
            } else
                refuse_byte(c, reason::bad_extension);
            return;
        }
        case state::extension:
            if (c == '\r') {
                state_ = state::size_lf;
                return;
            }
            if (!detail::is(detail::value_character, c)) return refuse_byte(c, reason::bad_extension);
            if (++extensions_ > bounds_.extensions) refuse(reason::extensions_too_large, offset_);
            return;
        case state::size_lf:
            if (c != '\n') return refuse(reason::bare_cr, offset_ - 1);
            return end_of_size();
        case state::chunk_cr:
            if (c != '\r') return refuse(c == '\n' ? reason::bare_lf : reason::missing_chunk_end, offset_);
            state_ = state::chunk_lf;
            return;
        default:
            if (c != '\n') return refuse(reason::bare_cr, offset_ - 1);
            state_ = state::chunk_begin;
            return;
    }
}

inline void body_decoder::end_of_size() noexcept {
    if (left_ > bounds_.body - size_) return refuse(reason::body_too_large, offset_);
    state_ = left_ == 0 ? state::trailer : state::data;
}

/// Takes bytes of the trailers, up to the end of a line, and returns how many.
inline std::size_t body_decoder::trailer(std::string_view bytes) {
    const std::size_t line = bytes.find('\n');
    std::size_t count = line == bytes.npos ? bytes.size() : line + 1;
    // Two bytes more than the limit, because the empty line at the end is no trailer.
    const std::size_t room = std::min(bounds_.trailers, std::size_t{1} << 30) + 2 - lines_.size();
    if (count > room) {
        offset_ += room;
        refuse(reason::trailers_too_large, offset_);
        return room;
    }
    lines_.append(bytes.substr(0, count));
    offset_ += count;
    if (line == bytes.npos) return count;
    const std::string_view all = lines_;
    if (!all.ends_with("\r\n") || all == "\r\n" || all.ends_with("\n\r\n")) parse_trailers();
    return count;
}

inline void body_decoder::parse_trailers() {
    state_ = state::done;
    if (lines_ == "\r\n") return;
    detail::trailer_head head;
    limits bounds = bounds_;
    bounds.fields = lines_.size();
    const head_result result = detail::head_reader{lines_, bounds}.read_fields(head);
    if (!result.is_complete()) return refuse(result.refusal.why, offset_ - lines_.size() + result.refusal.offset);
    trailers_ = detail::checked_fields::copy(head.fields());
    lines_.clear();
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_BODY_HPP



// netnotes/http/file.hpp: a folder of files for the web, which no path leaves
// SPDX-License-Identifier: MIT
//
// A server of files turns the path of a request into the name of a file. Each year some server does it wrongly, and a
// stranger reads /etc/passwd with GET /../../etc/passwd. The order of the steps decides:
//
//        /docs/a%20b.html ── split at '/' ──> docs, a%20b.html ── decode once ──> docs, a b.html ── open below the root
//                              first                                then               openat2(2), RESOLVE_BENEATH
//
//        /..%2f..%2fetc/passwd     decoded first, it would be split into "..", "..", "etc", "passwd".
//                                  Here it is one piece with a '/' in it, which no file name has: 404
//        /%252e%252e/x             decoded twice, it would be "..". Decoded once, it is "%2e%2e": no such file
//        /notes.txt%00.png         a C function would stop at the NUL and send notes.txt as a picture: 404
//        /link/passwd              a symbolic link that leads out of the folder: the kernel refuses to follow it
//
// A check of the text cannot see a symbolic link, and a link may appear between a check and open(2). So the kernel
// checks, while it opens the file (openat2(2), Linux 5.6). On an older kernel each piece of the path is opened below the
// piece before, and no link is followed at all.
//
//     http::files pictures{"/srv/pictures"};                              // in a handler of http::serve():
//     co_return pictures.answer(ask);                                     // 200, 206, 304, 404, 405, 412, 416 or 301
//
// A browser that has the file already asks whether it has changed, and a download that was cut asks for its rest:
//
//        GET /cat.png                          200, ETag: "65f1c2a0.1b2-2400"        the whole file
//        If-None-Match: "65f1c2a0.1b2-2400"    304                                   no bytes: the copy is still good
//        Range: bytes=1000-                    206, Content-Range: bytes 1000-9215/9216
//        If-Range: "another"                   200                                   it has changed: the whole file
//
// decide_file() makes this decision without a file and without a socket, so its tests need neither.
//
// On this page:  split_path · byte_range, parse_range · file_facts, file_decision, decide_file · files
// Below it:      http/message.hpp
// Above it:      http/server.hpp, which sends the answers
// Sources:       RFC 9110 §13 (conditions), §14 (ranges), §8.8 (validators); openat2(2); RFC 3986 §2.1, §3.3

#ifndef NETNOTES_HTTP_FILE_HPP
#define NETNOTES_HTTP_FILE_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// netnotes/coro/task.hpp: functions that wait
// SPDX-License-Identifier: MIT
//
// A server with a thousand clients waits in a thousand places. A thread for each client costs a thousand stacks.
// Callbacks need only one stack, but they cut each conversation into pieces. A coroutine is a function that can wait
// without keeping a thread. `co_await` suspends it, and the event loop resumes it when its event has happened. So it
// reads like the blocking program.
//
//     task<std::string> ask(async_stream& server, std::string_view question) {
//         co_await server.send_all(question);                     other tasks run during the wait
//         co_return co_await receive_line(server);                a task awaits a task as a function calls a function
//     }
//
//        outer ── co_await inner() ──> inner ── co_await (an operation) ──┐
//          ^                             ^                                │ the stack is empty; the frames are on the
//          |                             └────── the loop resumes it ─────┘ heap, and each frame knows which frame
//          └────── co_return value ──────┘                                  awaits it
//
// A task is lazy. Calling the function only makes its frame, and co_await begins it. So a task that is never awaited
// never runs, which is why the class is [[nodiscard]]. The task begins inside the expression that awaits it, so
// arguments passed by reference stay valid. To run a task concurrently with its caller, use spawn() (coro/loop.hpp).
//
// If a task is cancelled, its wait throws netnotes::cancelled. Destructors then clean up, as in any function. The class
// is not a std::exception, so a handler that logs every std::exception and continues does not swallow it. If a task
// swallows it anyway, its next wait throws it again.
//
// g++ 12 compiles some expressions around co_await wrongly, and prints no warning. With that compiler write
//     auto ready = co_await x; if (ready) ...        not   if (co_await x) ..., while (co_await x) ..., switch
//     pair p{a, 1}; co_await f(std::move(p))         not   co_await f({a, 1}): an aggregate that is a temporary
//     auto body = [n]() -> task<> ...; co_await body()     not   co_await [n]() -> task<> {...}(): a capturing temporary
//     auto body = [n](task_group&) ...; with_group(body)   not   co_await with_group([n](task_group&) ...), nor such a
//                                                                std::function argument, nor [n](T) {...}(co_await x)
//     if (c) co_await x; else co_await y;            not   c ? co_await x : co_await y, with operands of class type
//     auto text = co_await x; throw error{text};     not   throw error{co_await x}
//     auto a = co_await x; std::vector{a, ...}       not   std::vector{co_await x, co_await y}, pair p{co_await x, 4}
// clang and newer versions of g++ compile both columns correctly. The examples and tests use the left column.
// `sh tests/gcc12_coroutines.sh FILE...` finds expressions of the right column in your sources.
//
// On this page:  task, cancelled · for authors of awaitables: fiber, operation, awaited_once
// The notes:     asyncio, async/await; examples 24 to 26

#ifndef NETNOTES_CORO_TASK_HPP
#define NETNOTES_CORO_TASK_HPP

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>



namespace netnotes {

namespace detail {
class scheduler;
template <class T>
class task_promise;
template <class T>
class task_awaiter;
struct task_access;
}  // namespace detail

/// Thrown by the waits of a cancelled task. It is not an error and not a std::exception. Catch it only to clean up, and
/// rethrow it. Outside of the cancelled task it is reported as std::system_error with errc::operation_canceled: by
/// event_loop::run(), and by join_handle::join() to a task that was not cancelled itself.
class cancelled {
  public:
    /// Returns a fixed text for log messages.
    [[nodiscard]] const char* what() const noexcept { return "this task was cancelled"; }
};

/// A coroutine that can wait. Its result is a value, a reference, nothing, or an exception. It begins when it is
/// awaited, and it can be awaited once: `co_await f()`, or `co_await std::move(t)` for a variable. Before that it can
/// be moved, not copied. It runs in the thread of its event loop.
///
/// A task that waits can be destroyed. Its variables are then destroyed, innermost call first, which nests on the
/// stack. Each call takes 64 bytes with g++ -O2, and 160 bytes without optimization. So a depth of 50,000 calls is safe
/// on a stack of 8 MiB. The end of a task, and its cancellation, do not nest.
template <class T = void>
class [[nodiscard]] task {
  public:
    /// Names the promise, as the language requires for a coroutine.
    using promise_type = detail::task_promise<T>;

    /// Makes an empty task. Awaiting it throws std::logic_error, as does awaiting a task that was moved from or
    /// awaited.
    task() noexcept = default;
    /// Takes the coroutine of `other`, which is empty afterwards.
    task(task&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    /// Destroys the own coroutine and takes that of `other`, which is empty afterwards.
    task& operator=(task&& other) noexcept {
        task{std::move(other)}.swap(*this);
        return *this;
    }
    /// Destroys the coroutine if it was never awaited, with its arguments.
    ~task() {
        if (coroutine_) coroutine_.destroy();
    }
    /// Exchanges the two coroutines.
    void swap(task& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// `co_await` runs the task at once, up to its first wait, and suspends the caller until the task has ended. Then
    /// it returns the task's result or throws its exception. Throws std::logic_error if the task is empty.
    [[nodiscard]] detail::task_awaiter<T> operator co_await() && noexcept;
    /// A mistake: the message says what to write.
    template <class Result = T>
    detail::task_awaiter<Result> operator co_await() & {
        static_assert(!std::is_same_v<Result, T>, "a task with a name: write co_await std::move(name), only once");
    }

  private:
    friend promise_type;
    friend detail::task_access;
    explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

// ========================================================================================================
// For authors of awaitables
// ========================================================================================================

namespace detail {

class operation;

/// Holds what a thread must remember from one coroutine to the next. A coroutine that ends does not resume its awaiter:
/// it stores the awaiter in `next` and returns. So chains of any length end without nesting on the stack. "Symmetric
/// transfer" gives the same only where the compiler turns a call into a jump. g++ does not below -O2 or with a
/// sanitizer.
struct relay {
    std::coroutine_handle<> next;  ///< is resumed as soon as the running coroutine has returned
    std::uintptr_t stack_begin;    ///< where the stack was when the loop resumed the running chain

    /// Resumes `coroutine`, and then each coroutine that is stored in `next`.
    void resume(std::coroutine_handle<> coroutine) {
        stack_begin = here();
        coroutine.resume();
        while (next) std::exchange(next, nullptr).resume();
    }
    /// Returns true if the stack is deep, because coroutines have begun inside one another. Then the loop should begin
    /// the next coroutine.
    [[nodiscard]] bool is_deep() const noexcept {
        return static_cast<std::intptr_t>(stack_begin - here()) > most;
    }

  private:
    static constexpr std::intptr_t most = 32 * 1024;  // bytes; musl's threads have 128 KiB in all
    [[gnu::always_inline]] static std::uintptr_t here() noexcept {
        return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    }
};
inline constinit thread_local relay between{};

/// Throws netnotes::cancelled.
[[noreturn]] inline void throw_cancelled() { throw cancelled{}; }
/// Throws std::logic_error for a task without a coroutine.
[[noreturn]] inline void throw_empty_task() {
    throw std::logic_error{"empty task: default-constructed, moved from, or already awaited"};
}

/// A chain of tasks, each awaiting the next. It begins with the task that was started, by spawn() for example, and ends
/// with the task that runs or waits. Other libraries call the whole chain a fibre, a green thread or a task.
class fiber {
  public:
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// Cancels the chain. Its present wait throws netnotes::cancelled unless the wait has been decided already, and so
    /// does every later wait. The loop resumes the chain later, not inside this call.
    void cancel() noexcept;
    /// Returns true after cancel() or withdraw().
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }
    /// Cancels the chain and declares that its result will not be used. A value or permit that is reserved for the
    /// chain is then given back, although cancel() would come too late for that.
    void withdraw() noexcept;
    /// Returns true after withdraw().
    [[nodiscard]] bool is_withdrawn() const noexcept { return withdrawn_; }
    /// Returns the scheduler that resumes the chain. The chain must have begun.
    [[nodiscard]] scheduler& loop() const noexcept { return *loop_; }
    /// Returns the name that was given to spawn().
    [[nodiscard]] const char* name() const noexcept { return name_; }
    /// Sets the coroutine that resume() resumes. Code that suspends the chain calls this.
    void goes_on_at(std::coroutine_handle<> coroutine) noexcept { goes_on_at_ = coroutine; }
    /// Returns the coroutine that resume() resumes.
    [[nodiscard]] std::coroutine_handle<> goes_on_at() const noexcept { return goes_on_at_; }
    /// Resumes the chain. This object may be destroyed when the call returns.
    void resume() const { between.resume(goes_on_at_); }

  protected:
    fiber() noexcept = default;
    /// Makes a chain of `loop`. `name` is not copied.
    fiber(scheduler& loop, const char* name) noexcept : loop_{&loop}, name_{name} {}
    /// Makes this chain a part of `parent`, which waits for it: takes over the loop and the name.
    void belongs_to(const fiber& parent) noexcept {
        loop_ = parent.loop_;
        name_ = parent.name_;
    }
    /// Ends the wait of an awaiter that is stored outside of the coroutine. Call when the coroutine has been destroyed.
    inline void leave_awaiter() noexcept;
    ~fiber() = default;
    /// Called once, when the outermost task has ended and its result is stored. It runs in the last step of the
    /// coroutine, and may destroy the coroutine.
    virtual void ended() noexcept = 0;
    /// Makes the loop resume the chain at the next turn. Returns false if the chain has no loop.
    virtual bool postpone() noexcept { return false; }

  private:
    friend operation;
    friend scheduler;
    friend class task_promise_base;
    template <class T>
    friend class task_awaiter;
    scheduler* loop_ = nullptr;
    const char* name_ = "";
    operation* waits_for_ = nullptr;
    // A chain runs, waits, or is in the ready queue. So one of each member is enough for all its tasks and awaiters.
    std::coroutine_handle<> goes_on_at_;
    fiber* next_ready_ = nullptr;
    bool cancelled_ = false;
    bool withdrawn_ = false;
};

/// What the last task of a chain waits for: the base of the awaiters. An awaiter is in the frame of the awaiting
/// coroutine.
class operation {
  public:
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    /// Returns the chain that waits. The operation must wait, or have waited.
    [[nodiscard]] fiber& chain() const noexcept { return *reinterpret_cast<fiber*>(chain_ & ~waiting); }

  protected:
    operation() noexcept = default;
    /// Waits still only if the frame is destroyed during the wait. Then the derived class removes itself from its list.
    /// (always_inline, because g++ takes the body of a coroutine for code that runs once, and would make this a call.)
    [[gnu::always_inline]] ~operation() {
        if (is_waiting()) [[unlikely]]
            decided();
    }
    /// Begins the wait: from now on cancelled() may be called. Call in await_suspend().
    void waits(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        chain_ = reinterpret_cast<std::uintptr_t>(&whose) | waiting;
        whose.waits_for_ = this;
        whose.goes_on_at(waiter);
    }
    /// Returns true after the first waits().
    [[nodiscard]] bool has_waited() const noexcept { return chain_ != 0; }
    /// Returns true from waits() until decided().
    [[nodiscard]] bool is_waiting() const noexcept { return (chain_ & waiting) != 0; }
    /// Ends the wait: from now on cancelling comes too late. The caller must make sure that the coroutine is resumed.
    void decided() noexcept {
        chain().waits_for_ = nullptr;
        chain_ &= ~waiting;
    }
    /// Gives up the wait, and makes sure that the loop resumes the coroutine later. Called when the chain is cancelled.
    virtual void cancelled() noexcept = 0;

  private:
    friend fiber;
    // The chain's address. Its lowest bit is set while this operation waits. An awaiter that is stored outside of its
    // coroutine may be destroyed after the chain, so the destructor must not read the chain.
    static constexpr std::uintptr_t waiting = 1;
    std::uintptr_t chain_ = 0;
};

/// An awaitable that can be awaited once, because its awaiter takes over `parts`. Only an rvalue can be awaited, so
/// code that awaits a variable twice does not compile.
template <class Awaiter, class... Parts>
class [[nodiscard]] awaited_once {
  public:
    /// Takes the arguments of the awaiter's constructor.
    explicit awaited_once(Parts... parts) : parts_{std::move(parts)...} {}
    /// Makes the awaiter when `co_await` begins.
    [[nodiscard]] Awaiter operator co_await() && { return std::make_from_tuple<Awaiter>(std::move(parts_)); }

  private:
    std::tuple<Parts...> parts_;
};

inline void fiber::cancel() noexcept {
    if (std::exchange(cancelled_, true)) return;
    if (waits_for_) waits_for_->cancelled();
}
inline void fiber::leave_awaiter() noexcept {
    if (waits_for_) [[unlikely]]
        waits_for_->cancelled();
}
inline void fiber::withdraw() noexcept {
    cancelled_ = true;
    if (std::exchange(withdrawn_, true)) return;
    if (waits_for_) waits_for_->cancelled();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

// Every call of a task makes a frame and frees it. There are few sizes, and mostly the last frame made is freed first.
// So each thread keeps some free frames of each size, which halves the cost of a call. AddressSanitizer must see each
// frame freed, so no frames are kept there. MinGW keeps no frames either, because it frees the memory of thread_local
// objects before it calls their destructors.

inline constexpr bool keeps_frames =
#if defined(__SANITIZE_ADDRESS__) || defined(__MINGW32__)
    false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    false;
#else
    true;
#endif
#else
    true;
#endif

class frame_store {
  public:
    void* take(std::size_t size) {
        const std::size_t index = index_of(size);
        if (!keeps_frames || index >= lists_.size()) return ::operator new(size);
        list& free = lists_[index];
        if (!free.first) return ::operator new((step * index) + first_step);
        --free.length;
        return std::exchange(free.first, free.first->next);
    }
    void give_back(void* frame, std::size_t size) noexcept {
        const std::size_t index = index_of(size);
        if (!keeps_frames || index >= lists_.size() || lists_[index].length == longest) return ::operator delete(frame);
        if (!open_) return late(frame, size);
        list& free = lists_[index];
        free.first = new (frame) link{free.first};
        ++free.length;
    }

  private:
    static constexpr std::size_t step = 16;        // bytes between two sizes, as in malloc, ...
    static constexpr std::size_t first_step = 24;  // ... which keeps 8 bytes of each block for itself
    static constexpr std::uint32_t longest = 256;  // free frames kept of one size; further frames are deleted
    struct link {
        link* next;
    };
    struct list {
        link* first;
        std::uint32_t length;
    };
    static constexpr std::size_t index_of(std::size_t size) noexcept {
        return size <= first_step ? 0 : (size - first_step + step - 1) / step;
    }

    void late(void* frame, std::size_t size) noexcept;
    void empty() noexcept {
        open_ = false;
        for (list& free : lists_)
            while (free.first) ::operator delete(std::exchange(free.first, free.first->next));
    }

    // No constructor and no destructor, so that access to the thread_local object needs no check whether it was made.
    std::array<list, 128> lists_;
    bool open_;
    bool closed_;
};
inline constinit thread_local frame_store frames{};

/// Takes a frame while the store is not open. The first frame that a thread gives back opens its store, and the end of
/// the thread empties it. Frames that other thread_local objects give back after that are deleted.
inline void frame_store::late(void* frame, std::size_t size) noexcept {
    struct closing {
        ~closing() {
            frames.empty();
            frames.closed_ = true;
        }
    };
    if (closed_) return ::operator delete(frame);
    static thread_local closing at_the_end;
    static_cast<void>(at_the_end);
    open_ = true;
    give_back(frame, size);
}

class task_promise_base {
  public:
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { frames.give_back(frame, size); }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return ending{}; }

    /// Returns the chain that this task is a part of. The task must have begun.
    [[nodiscard]] fiber& chain() const noexcept { return *fiber_; }

    /// Makes this task the outermost task of `chain`, which is told when the task ends. Resume the task to begin it.
    void belongs_to(fiber& chain) noexcept { fiber_ = &chain; }
    /// Begins this task for `awaiter`. Returns true if the task has ended inside this call.
    ///
    /// There are two ways back to the awaiter. Most tasks end without a wait, and then the awaiter continues when this
    /// call returns. A task that has waited stores the awaiter in relay::next when it ends. So does a task that the
    /// loop had to begin because the stack was deep.
    bool begin(std::coroutine_handle<> self, std::coroutine_handle<> awaiter, fiber& chain) {
        continuation_ = awaiter;
        fiber_ = &chain;
        if (between.is_deep()) [[unlikely]] {
            chain.goes_on_at(self);
            if (chain.postpone()) return false;
        }
        state_ = state::in_place;
        self.resume();
        return std::exchange(state_, state::waiting) == state::ended;
    }

  private:
    enum class state : char { waiting, in_place, ended };
    struct ending {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
            task_promise_base& task = self.promise();
            if (std::exchange(task.state_, state::ended) == state::in_place) return;
            if (task.continuation_)
                between.next = task.continuation_;
            else
                task.fiber_->ended();
        }
        void await_resume() const noexcept {}
    };

    std::coroutine_handle<> continuation_;
    fiber* fiber_ = nullptr;
    state state_ = state::waiting;
};

/// Stores what a task returned or threw.
template <class T>
class result {
  public:
    result() noexcept {}
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    ~result() { clear(); }
    template <class Value>
    void set_value(Value&& value) {
        if constexpr (std::is_reference_v<T>)
            new (&value_) stored{std::addressof(value)};
        else
            new (&value_) stored(std::forward<Value>(value));
        kind_ = kind::value;
    }
    /// Stores an exception, and drops a value that is stored already. A destructor of a variable may throw after
    /// co_return.
    void set_exception(std::exception_ptr exception) noexcept {
        clear();
        new (&exception_) std::exception_ptr{std::move(exception)};
        kind_ = kind::exception;
    }
    /// Returns the value, or throws the exception. Call once.
    T take() {
        if (kind_ == kind::exception) std::rethrow_exception(exception_);
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*value_);
        else
            return std::move(value_);
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return kind_ == kind::exception ? exception_ : nullptr;
    }
    /// Moves the result of `other` here.
    void take_over(result& other) {
        if (other.kind_ == kind::exception)
            set_exception(other.exception_);
        else if constexpr (std::is_reference_v<T>)
            set_value(*other.value_);
        else
            set_value(std::move(other.value_));
    }

  private:
    using stored = std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_const_t<T>>;
    enum class kind : char { none, value, exception };
    void clear() noexcept {
        if (kind_ == kind::value) value_.~stored();
        if (kind_ == kind::exception) exception_.~exception_ptr();
        kind_ = kind::none;
    }
    union {
        stored value_;
        std::exception_ptr exception_;
    };
    kind kind_ = kind::none;
};
template <>
class result<void> {
  public:
    void set_exception(std::exception_ptr exception) noexcept { exception_ = std::move(exception); }
    void take() const {
        if (exception_) std::rethrow_exception(exception_);
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept { return exception_; }
    void take_over(result& other) noexcept { exception_ = std::move(other.exception_); }

  private:
    std::exception_ptr exception_;
};

template <class T>
class task_promise : public task_promise_base {
  public:
    task<T> get_return_object() noexcept { return task<T>{std::coroutine_handle<task_promise>::from_promise(*this)}; }
    template <class Value = T>
    requires std::is_convertible_v<Value&&, T>
    void return_value(Value&& value) { outcome.set_value(std::forward<Value>(value)); }
    void unhandled_exception() noexcept { outcome.set_exception(std::current_exception()); }

    result<T> outcome;
};
template <>
class task_promise<void> : public task_promise_base {
  public:
    task<void> get_return_object() noexcept {
        return task<void>{std::coroutine_handle<task_promise>::from_promise(*this)};
    }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { outcome.set_exception(std::current_exception()); }

    result<void> outcome;
};

/// Owns the awaited task, so that its frame is destroyed at the end of the awaiting expression.
template <class T>
class [[nodiscard]] task_awaiter {
  public:
    explicit task_awaiter(std::coroutine_handle<task_promise<T>> awaited) noexcept : awaited_{awaited} {}
    task_awaiter(task_awaiter&& other) noexcept : awaited_{std::exchange(other.awaited_, nullptr)} {}
    task_awaiter& operator=(task_awaiter&&) = delete;
    ~task_awaiter() {
        if (awaited_) awaited_.destroy();
    }
    void operator co_await() & = delete;  // a task can be awaited once
    bool await_ready() const noexcept { return false; }
    /// Begins the task. If the task is empty, the awaiting task gives up its turn before the error is thrown. So a
    /// program that tries again for ever still lets the other tasks run.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiter) const {
        fiber& whose = awaiter.promise().chain();
        if (awaited_) [[likely]]
            return !awaited_.promise().begin(awaited_, awaiter, whose);
        whose.goes_on_at(awaiter);
        return whose.postpone();
    }
    T await_resume() const {
        if (!awaited_) [[unlikely]]
            throw_empty_task();
        return awaited_.promise().outcome.take();
    }

  private:
    std::coroutine_handle<task_promise<T>> awaited_;
};

/// Lets code that starts tasks take the coroutine out of a task.
struct task_access {
    template <class T>
    static std::coroutine_handle<task_promise<T>> release(task<T>& from) noexcept {
        return std::exchange(from.coroutine_, nullptr);
    }
};

}  // namespace detail

template <class T>
detail::task_awaiter<T> task<T>::operator co_await() && noexcept {
    return detail::task_awaiter<T>{std::exchange(coroutine_, nullptr)};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TASK_HPP








namespace netnotes::http {

static_assert(sizeof(off_t) >= 8, "files of 2 GiB and more need a 64-bit off_t: compile with -D_FILE_OFFSET_BITS=64");

// ---- The name of a file --------------------------------------------------------------------------------

/// Turns the path of a target, for example `/docs/a%20b.html`, into a relative path: `docs/a b.html`. It is split at
/// '/', then each piece is decoded once. A '/' at the end stays, because it asks for a folder. The path `/` becomes "".
///
/// Returns nullopt if no file below the root can have this name: for a piece that is empty, holds a '/' or a NUL, or
/// begins with a dot, which includes "." and "..". Files with a dot in front are hidden: `.git` or `.env` should not be
/// on the web, and a server that sends them by accident does so silently. It also returns nullopt for a path without
/// a '/' in front, for a '%' without two hexadecimal digits, and for more than `max_size` bytes.
[[nodiscard]] std::optional<std::string> split_path(std::string_view path, std::size_t max_size = 4095);

// ---- What is sent of a file ----------------------------------------------------------------------------

/// A part of a file: the bytes from `first` to `first + count - 1`.
struct byte_range {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    friend constexpr bool operator==(const byte_range&, const byte_range&) noexcept = default;
};
/// Says what a Range field asks for.
enum class range_kind : std::uint8_t {
    whole,          ///< everything: no range, several ranges, another unit, or a text that is not valid
    part,           ///< one part
    unsatisfiable,  ///< a part behind the end of the file: 416
};
/// Reads the value of a Range field, for a file of `size` bytes, and sets `range` if there is one part. `bytes=5-` means
/// everything from byte 5, and `bytes=-5` the last 5 bytes. An end behind the end of the file is cut, and a suffix
/// longer than the file is the whole file.
///
/// Several ranges are answered with the whole file, which RFC 9110 §14.2 allows: a request for a thousand ranges that
/// overlap would otherwise be answered with a thousand copies (CVE-2011-3192).
[[nodiscard]] range_kind parse_range(std::string_view value, std::uint64_t size, byte_range& range) noexcept;

/// What a decision needs to know about a file.
struct file_facts {
    std::uint64_t size = 0;
    time_point modified{};          ///< the time of the last change
    std::uint32_t nanoseconds = 0;  ///< the fraction of that second
};
/// Returns the file's entity tag, with its quotation marks: the time of the last change and the size. Two versions have
/// the same tag only if they have the same size and were written in the same tick of the file system's clock.
[[nodiscard]] std::string entity_tag(const file_facts& file);

/// The fields of a request that decide what is sent. An absent field is empty.
struct file_conditions {
    std::string_view if_match{}, if_unmodified_since{}, if_none_match{}, if_modified_since{}, range{}, if_range{};
};
/// Says what is sent of a file.
struct file_decision {
    int status = 200;     ///< 200, 206 for a part, 304 not modified, 412 precondition failed, 416 no such part
    byte_range bytes{};  ///< what is sent, for 200 and 206
};
/// Decides what is sent, in the order of RFC 9110 §13.2.2: If-Match, or else If-Unmodified-Since. Then If-None-Match, or
/// else If-Modified-Since. Then Range, if If-Range allows it. `what` is GET or HEAD. A HEAD request has no ranges
/// (RFC 9110 §14.2). A date that is not valid counts as absent.
[[nodiscard]] file_decision decide_file(method what, const file_conditions& asked, const file_facts& file);

// ---- The folder ----------------------------------------------------------------------------------------

/// Owns an open file, to read, and knows what a decision needs. It can be moved, not copied.
class opened_file {
  public:
    opened_file() noexcept = default;
    opened_file(opened_file&& other) noexcept
        : facts{other.facts}, is_folder{other.is_folder}, descriptor_{std::exchange(other.descriptor_, -1)} {}
    opened_file& operator=(opened_file&& other) noexcept {
        facts = other.facts;
        is_folder = other.is_folder;
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~opened_file() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Returns the descriptor, or -1. It belongs to this object.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
    /// Returns the descriptor, which the caller must close.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

    file_facts facts{};
    bool is_folder = false;

  private:
    friend class files;
    int descriptor_ = -1;
};

/// A part of a file as the body of a response. The server sends it with sendfile(2). Another reader gets it in pieces.
class file_body final : public body_source {
  public:
    /// Takes over the file. The bytes are not read before they are sent.
    file_body(opened_file file, byte_range bytes) noexcept : file_{std::move(file)}, bytes_{bytes} {}
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return bytes_.count; }
    /// Returns the next piece, at most 16 KiB, without a wait for anything but the disk. Throws std::system_error if the
    /// file cannot be read, or is shorter now than it was.
    [[nodiscard]] task<std::span<const std::byte>> next() override;
    [[nodiscard]] int native_handle() const noexcept { return file_.native_handle(); }
    /// Returns the bytes that are still to be sent.
    [[nodiscard]] byte_range bytes() const noexcept { return bytes_; }

  private:
    opened_file file_;
    byte_range bytes_;
    std::string piece_{};
};

/// How files opens what is below its folder.
enum class file_lookup : std::uint8_t {
    /// By openat2(2). A symbolic link is followed if it stays below the folder. If the kernel does not know the call, as
    /// `without_links`.
    by_kernel,
    /// Each piece of a path is opened below the piece before, and a symbolic link is not followed at all.
    without_links,
};

/// A folder whose files are on the web. It can be moved, not copied. All calls may be made from several threads.
///
/// It sends regular files only. A folder is answered with its `index.html`, and never with a list of its files. A path of
/// a folder without a '/' at its end is answered with 301, because a browser takes the links of the page as relative to
/// the last '/'. All that cannot be sent is a 404, whatever the reason: 403 would tell a stranger what exists.
class files {
  public:
    /// Opens the folder. The path to it may contain symbolic links. Throws std::system_error.
    explicit files(const std::string& root, file_lookup lookup = file_lookup::by_kernel);
    files(files&& other) noexcept : root_{std::exchange(other.root_, -1)}, lookup_{other.lookup_} {}
    files& operator=(files&& other) noexcept {
        std::swap(root_, other.root_);
        lookup_ = other.lookup_;
        return *this;
    }
    ~files() {
        if (root_ >= 0) ::close(root_);
    }

    /// Answers a GET or HEAD request for a file: with 200, 206, 304, 412 or 416, with 301 for a folder without a '/' at
    /// its end, or with 404. Another method is answered with 405. A file of at most 16 KiB is read at once, a longer one
    /// becomes a file_body. Throws std::system_error if the process has no descriptor left.
    ///
    /// The response says `X-Content-Type-Options: nosniff`. Without it a browser may take a text that a stranger has
    /// uploaded for a page with scripts.
    [[nodiscard]] response answer(const request& ask) const;
    /// Does the same for another path than that of the request: a handler may take away a prefix, or choose a file. The
    /// path is as in split_path().
    [[nodiscard]] response answer(const request& ask, std::string_view path) const;

    /// Opens what the path of a target names, a regular file or a folder. Does not wait for the other end of a FIFO.
    /// Returns a closed file and sets `error` if there is no such file, or if it may not be sent.
    [[nodiscard]] opened_file open(std::string_view path, std::error_code& error) const;

  private:
    [[nodiscard]] opened_file open_below(int folder, const std::string& name, std::error_code& error) const;

    int root_ = -1;
    file_lookup lookup_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::optional<std::string> split_path(std::string_view path, std::size_t max_size) {
    if (!path.starts_with('/') || path.size() > max_size) return std::nullopt;
    std::string result;
    result.reserve(path.size());
    for (std::size_t begin = 1; begin < path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::size_t piece = result.size();
        const std::optional<std::string> name = percent_decode(path.substr(begin, end - begin));
        if (!name || name->empty() || name->front() == '.') return std::nullopt;
        result += *name;
        if (result.find_first_of(std::string_view{"/\0", 2}, piece) != result.npos) return std::nullopt;
        if (end < path.size()) result += '/';
        begin = end + 1;
    }
    return result;
}

inline range_kind parse_range(std::string_view value, std::uint64_t size, byte_range& range) noexcept {
    const std::size_t equals = value.find('=');
    if (equals == value.npos || !same_name(value.substr(0, equals), "bytes")) return range_kind::whole;
    value = trimmed(value.substr(equals + 1));
    const std::size_t dash = value.find('-');
    if (dash == value.npos) return range_kind::whole;
    const std::string_view from = value.substr(0, dash), to = value.substr(dash + 1);
    static constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    // A number above 2^64 is valid, and behind the end of every file.
    const auto read = [](std::string_view digits) -> std::optional<std::uint64_t> {
        if (digits.empty() || !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
            return std::nullopt;
        return read_decimal(digits).value_or(most);
    };
    const std::optional<std::uint64_t> first = read(from), last = read(to);
    if (from.empty()) {
        if (!last) return range_kind::whole;
        const std::uint64_t count = std::min(*last, size);
        if (count == 0) return range_kind::unsatisfiable;
        range = {size - count, count};
        return range_kind::part;
    }
    if (!first || (!last && !to.empty()) || (last && *last < *first)) return range_kind::whole;
    if (*first >= size) return range_kind::unsatisfiable;
    range = {*first, std::min(last.value_or(most), size - 1) - *first + 1};
    return range_kind::part;
}

inline std::string entity_tag(const file_facts& file) {
    std::string tag = "\"";
    std::array<char, 20> digits{};
    const auto append = [&](std::uint64_t number) {
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
        tag.append(digits.data(), end);
    };
    append(static_cast<std::uint64_t>(file.modified.time_since_epoch().count()));
    tag += '.';
    append(file.nanoseconds);
    tag += '-';
    append(file.size);
    return tag += '"';
}

namespace detail {

/// Returns true if the list of entity tags, or "*", has this tag. A weak comparison ignores a "W/" in front. A strong
/// one never matches a weak tag (RFC 9110 §8.8.3.2). Our tags are strong.
inline bool has_tag(std::string_view list, std::string_view tag, bool is_strong) noexcept {
    if (trimmed(list) == "*") return true;
    while (!list.empty()) {
        list = trimmed(list);
        if (list.starts_with(',')) {
            list.remove_prefix(1);
            continue;
        }
        const bool is_weak = list.starts_with("W/");
        if (is_weak) list.remove_prefix(2);
        const std::size_t end = list.starts_with('"') ? list.find('"', 1) : list.npos;
        if (end == list.npos) return false;  // not valid, and what follows cannot be read either
        if (list.substr(0, end + 1) == tag && !(is_weak && is_strong)) return true;
        list.remove_prefix(end + 1);
    }
    return false;
}

}  // namespace detail

inline file_decision decide_file(method what, const file_conditions& asked, const file_facts& file) {
    const std::string tag = entity_tag(file);
    const auto date = [](std::string_view text) -> std::optional<time_point> {
        return text.empty() ? std::nullopt : read_date(text);
    };
    if (!asked.if_match.empty()) {
        if (!detail::has_tag(asked.if_match, tag, true)) return {412, {}};
    } else if (const auto limit = date(asked.if_unmodified_since); limit && file.modified > *limit) {
        return {412, {}};
    }
    if (!asked.if_none_match.empty()) {
        if (detail::has_tag(asked.if_none_match, tag, false)) return {304, {}};
    } else if (const auto known = date(asked.if_modified_since); known && file.modified <= *known) {
        return {304, {}};
    }
    const file_decision whole{200, {0, file.size}};
    if (what != method::get || asked.range.empty()) return whole;
    if (const std::string_view same = trimmed(asked.if_range); !same.empty()) {
        // A date must be equal, and not only later: the client has seen exactly this version.
        const bool is_tag = same.starts_with('"') || same.starts_with("W/");
        if (is_tag ? same != tag : date(same) != file.modified) return whole;
    }
    byte_range part;
    switch (parse_range(asked.range, file.size, part)) {
        case range_kind::part: return {206, part};
        case range_kind::unsatisfiable: return {416, {}};
        case range_kind::whole: break;
    }
    return whole;
}

namespace detail {

/// Calls openat2(2), which C libraries do not have yet. The numbers are the same on all architectures but Alpha.
inline int openat2(int folder, const char* name, std::uint64_t flags) noexcept {
#ifdef SYS_openat2
    constexpr long number = SYS_openat2;
#else
    constexpr long number = 437;
#endif
    constexpr std::uint64_t no_magic_links = 0x02, beneath = 0x08;  // RESOLVE_... of linux/openat2.h
    struct {
        std::uint64_t flags, mode, resolve;
    } const how{flags, 0, no_magic_links | beneath};
    return static_cast<int>(::syscall(number, folder, name, &how, sizeof how));
}
constexpr int to_read = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;  // O_NONBLOCK: see files::open()

/// Opens the path piece by piece. A part of it that was a folder may be moved away meanwhile, but ".." is no piece here,
/// so the walk never goes up.
inline int open_without_links(int folder, const std::string& name) noexcept {
    int at = folder;
    for (std::size_t begin = 0;;) {
        const std::size_t end = name.find('/', begin);
        const bool is_last = end == name.npos || end + 1 == name.size();
        std::array<char, 256> piece{};
        const std::size_t size = std::min(end, name.size()) - begin;
        int next = -1;
        if (size >= piece.size()) {
            errno = ENAMETOOLONG;
        } else {
            std::copy_n(name.data() + begin, size, piece.data());
            const int folder_only = is_last && end == name.npos ? 0 : O_DIRECTORY;
            const int flags = is_last ? to_read | folder_only : O_PATH | O_CLOEXEC | O_DIRECTORY;
            next = ::openat(at, size == 0 ? "." : piece.data(), flags | O_NOFOLLOW);
        }
        if (at != folder) {
            const int error = errno;
            ::close(at);
            errno = error;
        }
        if (next < 0 || is_last) return next;
        at = next;
        begin = end + 1;
    }
}

/// Fills `room` with the bytes from `first` on. Returns false and sets errno if they cannot be read. A file that has
/// become shorter sets EIO: the response has promised its old size.
inline bool read_exactly(int file, std::uint64_t first, std::string& room) noexcept {
    for (std::size_t filled = 0; filled < room.size();) {
        const auto got = ::pread(file, room.data() + filled, room.size() - filled, static_cast<off_t>(first + filled));
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = EIO;
        if (got <= 0) return false;
        filled += static_cast<std::size_t>(got);
    }
    return true;
}

}  // namespace detail

inline files::files(const std::string& root, file_lookup lookup)
    : root_{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}, lookup_{lookup} {
    if (root_ < 0) throw std::system_error{errno, std::system_category(), "open the folder " + quoted(root)};
    if (lookup_ != file_lookup::by_kernel) return;
    const int probe = detail::openat2(root_, ".", O_PATH | O_CLOEXEC);
    // An old kernel answers ENOSYS, and some sandboxes EPERM.
    if (probe < 0)
        lookup_ = file_lookup::without_links;
    else
        ::close(probe);
}
inline opened_file files::open_below(int folder, const std::string& name, std::error_code& error) const {
    opened_file file;
    constexpr int attempts = 3;  // EAGAIN: somewhere a folder was renamed meanwhile, so the kernel cannot be certain
    for (int i = 0; i < attempts && !file.is_open(); ++i) {
        file.descriptor_ = lookup_ == file_lookup::by_kernel
                               ? detail::openat2(folder, name.empty() ? "." : name.c_str(), detail::to_read)
                               : detail::open_without_links(folder, name);
        if (file.descriptor_ < 0 && errno != EAGAIN && errno != EINTR) break;
    }
    struct stat status {};
    if (!file.is_open() || ::fstat(file.descriptor_, &status) != 0) {
        error = std::error_code{errno, std::system_category()};
        return {};
    }
    file.is_folder = S_ISDIR(status.st_mode);
    if (!file.is_folder && !S_ISREG(status.st_mode)) {  // a FIFO, a device, a socket
        error = std::make_error_code(std::errc::operation_not_permitted);
        return {};
    }
    file.facts.size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
    file.facts.modified = time_point{std::chrono::seconds{status.st_mtim.tv_sec}};
    file.facts.nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
    error.clear();
    return file;
}
inline opened_file files::open(std::string_view path, std::error_code& error) const {
    const std::optional<std::string> name = split_path(path);
    if (!name) {
        error = std::make_error_code(std::errc::no_such_file_or_directory);
        return {};
    }
    return open_below(root_, *name, error);
}

inline response files::answer(const request& ask) const { return answer(ask, ask.target().raw_path()); }
inline response files::answer(const request& ask, std::string_view path) const {
    if (ask.method() != method::get && ask.method() != method::head) {
        response refused{status::method_not_allowed, "405: files are read with GET\n"};
        refused.fields.set("Allow", "GET, HEAD");
        return refused;
    }
    std::string name = split_path(path).value_or("");
    std::error_code error;
    opened_file file = open(path, error);
    if (!error && file.is_folder) {
        if (!name.empty() && !name.ends_with('/')) {
            // The path of the request, not ours: the handler may have taken a prefix away. "//host/" would be a host.
            std::string_view asked = ask.target().raw_path();
            while (asked.starts_with("//")) asked.remove_prefix(1);
            std::string where{asked};
            where += '/';
            if (ask.target().has_query()) (where += '?') += ask.query();
            return redirect(where, status::moved_permanently);
        }
        name += "index.html";
        file = open_below(root_, name, error);
        if (!error && file.is_folder) error = std::make_error_code(std::errc::is_a_directory);
    }
    for (const std::errc shortage : {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
                                     std::errc::not_enough_memory})
        if (error == shortage) throw std::system_error{error, "open " + quoted(name)};
    if (error) return not_found(ask);

    // A list may come in several fields (RFC 9110 §5.3). More than one is rare, so only then is it put together.
    std::string tags, strong_tags;
    const auto list_of = [&](std::string_view field, std::string& joined) -> std::string_view {
        if (ask.fields().count(field) < 2) return ask.field(field).value_or("");
        return joined = ask.fields().joined(field);
    };
    const auto one_of = [&](std::string_view field) { return ask.field(field).value_or(""); };
    file_conditions asked;
    asked.if_match = list_of("If-Match", strong_tags);
    asked.if_none_match = list_of("If-None-Match", tags);
    asked.if_unmodified_since = one_of("If-Unmodified-Since");
    asked.if_modified_since = one_of("If-Modified-Since");
    asked.if_range = one_of("If-Range");
    // Two Range fields have no meaning, so the whole file is sent.
    if (ask.fields().count("Range") == 1) asked.range = one_of("Range");
    const file_facts facts = file.facts;
    const file_decision decision = decide_file(ask.method(), asked, facts);

    response result{decision.status};
    result.fields.add("Accept-Ranges", "bytes");
    if (decision.status == 412) {
        result.body = "412: the file has changed\n";
        return result;
    }
    const auto range = [&](std::string part) { return "bytes " + std::move(part) + "/" + std::to_string(facts.size); };
    if (decision.status == 416) {
        result.fields.add("Content-Range", range("*"));
        result.body = "416: the file has " + std::to_string(facts.size) + " bytes\n";
        return result;
    }
    result.fields.add("ETag", entity_tag(facts));
    result.fields.add("Last-Modified", write_date(facts.modified));
    if (decision.status == 304) return result;
    result.fields.add("Content-Type", media_type_of(name));
    result.fields.add("X-Content-Type-Options", "nosniff");
    const auto [first, count] = decision.bytes;
    if (decision.status == 206)
        result.fields.add("Content-Range", range(std::to_string(first) + "-" + std::to_string(first + count - 1)));
    constexpr std::uint64_t most_at_once = 16 * 1024;  // two more system calls of sendfile(2) cost more than a copy
    if (count > most_at_once) {
        result.source = std::make_unique<file_body>(std::move(file), decision.bytes);
    } else {
        result.body.resize(static_cast<std::size_t>(count));
        if (!detail::read_exactly(file.native_handle(), first, result.body))
            throw std::system_error{errno, std::system_category(), "read " + quoted(name)};
    }
    return result;
}

inline task<std::span<const std::byte>> file_body::next() {
    constexpr std::uint64_t most = 16 * 1024;
    piece_.resize(static_cast<std::size_t>(std::min(bytes_.count, most)));
    if (!piece_.empty() && !detail::read_exactly(file_.native_handle(), bytes_.first, piece_)) {
        const int error = errno;
        throw std::system_error{error, std::system_category(), "read a file that is being sent"};
    }
    bytes_.first += piece_.size();
    bytes_.count -= piece_.size();
    co_return std::as_bytes(std::span<const char>{piece_.data(), piece_.size()});
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_FILE_HPP

// netnotes/http/form.hpp: what a browser sends when a person presses a button: queries, forms, files and cookies
// SPDX-License-Identifier: MIT
//
// A form has names and values. A browser writes them in one of three ways, and the server must read all of them:
//
//        GET /search?city=New+York&day=3            the query of a target: percent encoding, and '+' for a space
//        Content-Type: application/x-www-form-urlencoded    the same text as the body of a POST
//        Content-Type: multipart/form-data; boundary=XyZ    parts between lines of dashes, for files
//
//        --XyZ                                               the boundary: a line that no part contains
//        Content-Disposition: form-data; name="photo"; filename="cat.png"
//        Content-Type: image/png
//                                                            an empty line, then the bytes as they are
//        (bytes)
//        --XyZ--                                             two more dashes: the end
//
//     parse_failure why;
//     if (auto form = http::form::parse("city=New+York&day=3", why))
//         std::cout << form->get("city").value_or("nowhere");             // New York
//     else
//         std::cout << why.message();
//
// A cookie is a name and a value, too. The server sets it with the field Set-Cookie, and the browser sends it back with
// each later request, in the field Cookie.
//
// Every text here comes from a stranger. So each reader has bounds, and refuses a text that is not what it claims to be:
// the reason and its place are in a parse_failure. The exception is a Cookie field, see cookies::parse().
//
// On this page:  form_limits · form, encode_form · form_part, parse_multipart, multipart_boundary · cookies, set_cookie
// Below it:      ip/text.hpp (parse_failure), http/target.hpp (percent coding)
// Sources:       WHATWG URL §5 (urlencoded), RFC 7578 (multipart/form-data), RFC 2046 §5.1, RFC 6265 (cookies)

#ifndef NETNOTES_HTTP_FORM_HPP
#define NETNOTES_HTTP_FORM_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>





namespace netnotes::http {

/// The bounds of the readers on this page. The number of bytes is bounded by the message that holds the text.
struct form_limits {
    std::size_t max_fields = 1000;       ///< names with values, parts of a multipart body, or cookies
    std::size_t max_part_head = 4 * 1024;  ///< bytes of the fields of one part
};

/// The names and values of a query or a form, in the order of the text. A name may occur more than once.
class form {
  public:
    /// A name with its value, decoded. Both may hold any bytes.
    struct field {
        std::string name;
        std::string value;
    };

    /// Creates a form without fields.
    form() = default;
    /// Reads `name=value&name=value`, the text of a query behind its '?', or a urlencoded body. A '+' is a space, and
    /// %xx is a byte. Empty pieces (`a=1&&b=2`) are skipped. A piece without '=' is a name with an empty value.
    ///
    /// Returns nullopt if a '%' is not followed by two hexadecimal digits, or if there are more than max_fields fields;
    /// `why` then has the reason and the place. A ';' separates nothing: if a proxy and a server disagree about it, a
    /// cache can be poisoned (CVE-2021-23336).
    [[nodiscard]] static std::optional<form> parse(std::string_view text, parse_failure& why, form_limits limits = {});

    /// Returns the first value with this name, or nullopt. The view is valid until the form is changed or destroyed.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept {
        for (const field& each : fields_)
            if (each.name == name) return each.value;
        return std::nullopt;
    }
    /// Returns all values with this name, in their order. The views are valid as long as the view of get().
    [[nodiscard]] std::vector<std::string_view> get_all(std::string_view name) const {
        std::vector<std::string_view> found;
        for (const field& each : fields_)
            if (each.name == name) found.push_back(each.value);
        return found;
    }
    /// Adds a field behind the others.
    void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
    [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }
    [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
    [[nodiscard]] auto end() const noexcept { return fields_.end(); }

  private:
    std::vector<field> fields_;
};

/// Returns the fields as `name=value&name=value`, for a query or a urlencoded body. form::parse() returns them again.
[[nodiscard]] std::string encode_form(const form& fields);

// ---- multipart/form-data -------------------------------------------------------------------------------

/// One part of a multipart body.
struct form_part {
    std::string name{};  ///< the name of the field in the form
    /// The name of the file on the sender's machine, without its folders; nullopt if the part is no file. It is a
    /// stranger's word: do not use it as a path (RFC 7578 §4.2).
    std::optional<std::string> file_name{};
    std::string content_type = "text/plain";  ///< as the sender says, not checked
    std::string_view body{};  ///< The bytes. They lie in the body that was parsed, which must stay valid.
};

/// Returns the boundary from the value of a Content-Type field, or nullopt if the value is not `multipart/form-data` with
/// one valid boundary of 1 to 70 characters (RFC 2046 §5.1.1). The view lies in `content_type`.
[[nodiscard]] std::optional<std::string_view> multipart_boundary(std::string_view content_type);

/// Splits a complete multipart body into its parts. Does not copy the parts' bytes. Returns nullopt, with the reason and
/// the place in `why`, for
///   - a body without its first or its last boundary: the last one shows that the body has not been cut,
///   - a part without `Content-Disposition: form-data; name="..."`, or with two of these fields or names,
///   - a line of a part's head that does not end in CR LF, is folded or holds a control character,
///   - more than max_fields parts, or a part's head of more than max_part_head bytes.
/// Bytes before the first and behind the last boundary are skipped (RFC 2046 §5.1.1). Takes time in proportion to the
/// size of the body.
[[nodiscard]] std::optional<std::vector<form_part>> parse_multipart(std::string_view body, std::string_view boundary,
                                                                    parse_failure& why, form_limits limits = {});

// ---- cookies -------------------------------------------------------------------------------------------

/// The cookies of a request. The views lie in the text that was parsed.
class cookies {
  public:
    struct cookie {
        std::string_view name;
        std::string_view value;
    };
    /// Reads the value of a Cookie field: `a=1; b=2`. Quotation marks around a value are removed. A pair that is not
    /// valid is skipped, and so are pairs behind the first max_fields: another program of the same site may have set
    /// them, and a refusal would lock the person out until the cookie expires.
    [[nodiscard]] static cookies parse(std::string_view text, form_limits limits = {});

    /// Returns the first value with this name, or nullopt. A browser sends the cookie with the longest path first
    /// (RFC 6265 §5.4). Names are case-sensitive.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept {
        for (const cookie& each : cookies_)
            if (each.name == name) return each.value;
        return std::nullopt;
    }
    [[nodiscard]] std::size_t size() const noexcept { return cookies_.size(); }
    [[nodiscard]] auto begin() const noexcept { return cookies_.begin(); }
    [[nodiscard]] auto end() const noexcept { return cookies_.end(); }

  private:
    std::vector<cookie> cookies_;
};

/// Says whether a browser sends a cookie with a request that another site has caused.
enum class same_site : std::uint8_t {
    strict,  ///< never
    lax,     ///< only when the person follows a link
    none,    ///< always; needs `secure`
};

/// A cookie that a server sets. The defaults are the careful ones: no script can read the cookie, and other sites cannot
/// make the browser send it with a form.
struct set_cookie {
    std::string name{};
    std::string value{};  ///< printable ASCII without space, quotation mark, comma, semicolon and backslash
    std::string path = "/";
    std::string domain{};  ///< empty: only the host that has set it
    /// How long the browser keeps it; zero or less deletes it. nullopt: until the browser ends.
    std::optional<std::chrono::seconds> max_age{};
    bool secure = false;    ///< only over TLS
    bool http_only = true;  ///< hidden from scripts
    http::same_site same_site = http::same_site::lax;

    /// Returns the value of a Set-Cookie field. Throws std::invalid_argument if a member holds a character that would
    /// change the meaning of the field, or if browsers would ignore the cookie: same_site::none without `secure`, or a
    /// name with the prefix `__Secure-` or `__Host-` without what that prefix promises.
    [[nodiscard]] std::string to_string() const;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Decodes a piece of a form. Returns the place of a '%' without two digits, or npos.
inline std::size_t decode_form_piece(std::string_view text, std::string& into) {
    into.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            into += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        const int byte = percent_byte(text, i);
        if (byte < 0) return i;
        into += static_cast<char>(byte);
        i += 2;
    }
    return std::string_view::npos;
}
inline void append_form_piece(std::string& to, std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((is(plain_character, c) && c != '~') || c == '*') {  // the characters of WHATWG URL section 5.2
            to += c;
        } else if (c == ' ') {
            to += '+';
        } else {
            to += '%';
            to += digits[byte >> 4];
            to += digits[byte & 15];
        }
    }
}
/// cookie-octet of RFC 6265 §4.1.1
constexpr bool is_cookie_octet(char c) noexcept {
    return c > ' ' && c < '\x7f' && c != '"' && c != ',' && c != ';' && c != '\\';
}
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
/// Walks through the parameters of a field's value: `; name=token; name="quoted"`.
class parameter_reader {
  public:
    explicit parameter_reader(std::string_view rest) noexcept : rest_{rest} {}
    /// Reads the next parameter. Returns false at the end, or if the text is not valid; is_valid() then tells which.
    bool next() {
        rest_ = trimmed(rest_);
        if (rest_.empty()) return false;
        if (rest_.front() != ';') return refuse();
        rest_ = trimmed(rest_.substr(1));
        const std::size_t equals = rest_.find('=');
        if (equals == rest_.npos) return refuse();
        name = rest_.substr(0, equals);
        if (!is_token(name)) return refuse();
        rest_.remove_prefix(equals + 1);
        if (!rest_.starts_with('"')) {
            const std::size_t end = std::min(rest_.find_first_of("; \t"), rest_.size());
            value = rest_.substr(0, end);
            rest_.remove_prefix(end);
            return is_token(value) || refuse();
        }
        // Browsers write %22 for a quotation mark inside (HTML, "multipart form data"), and leave a backslash as it is.
        // Other programs write \" for it. Both are read: a backslash before anything else is a backslash.
        std::size_t end = 1;
        while (end < rest_.size() && rest_[end] != '"') end += rest_.substr(end, 2) == "\\\"" ? 2 : 1;
        if (end >= rest_.size()) return refuse();
        value = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
        return true;
    }
    [[nodiscard]] bool is_valid() const noexcept { return is_valid_; }
    std::string_view name, value;

  private:
    bool refuse() noexcept { return is_valid_ = false; }
    std::string_view rest_;
    bool is_valid_ = true;
};
/// Decodes the text between the quotation marks of a name in a part's head. Only %22, %0D and %0A are decoded, because a
/// browser encodes only these: "100%25" is the name 100%25.
inline std::string part_name(std::string_view text) {
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::string_view code = text.substr(i, 3);
        const char meant = code == "%22" ? '"' : same_name(code, "%0d") ? '\r' : same_name(code, "%0a") ? '\n' : '\0';
        if (meant != '\0') {
            name += meant;
            i += 2;
        } else if (text.substr(i, 2) == "\\\"") {
            name += '"';
            ++i;
        } else {
            name += text[i];
        }
    }
    return name;
}

class multipart_reader {
  public:
    multipart_reader(std::string_view body, std::string_view boundary, parse_failure& why, const form_limits& limits)
        : body_{body}, delimiter_{"\r\n--"}, why_{why}, limits_{limits} {
        delimiter_ += boundary;
    }
    std::optional<std::vector<form_part>> read() {
        // The first boundary may stand at the very beginning, without the CR LF in front.
        std::size_t at = 0;
        if (const std::string_view first = std::string_view{delimiter_}.substr(2); body_.starts_with(first)) {
            at = first.size();
        } else {
            const std::size_t found = body_.find(delimiter_);
            if (found == body_.npos) return refused("the first boundary is missing", body_.size());
            at = found + delimiter_.size();
        }
        std::vector<form_part> parts;
        for (;;) {
            if (body_.substr(at, 2) == "--") return parts;
            while (at < body_.size() && is_blank(body_[at])) ++at;  // transport padding
            if (body_.substr(at, 2) != "\r\n") return refused("behind a boundary comes the end of the line", at);
            at += 2;
            if (parts.size() == limits_.max_fields) return refused("there are too many parts", at);
            if (!read_head(at, parts.emplace_back())) return std::nullopt;
            // The empty line's CR LF is also the one of the delimiter if the part is empty.
            const std::size_t end = body_.find(delimiter_, at - 2);
            if (end == body_.npos) return refused("the last boundary is missing, so the body was cut", body_.size());
            parts.back().body = end < at ? std::string_view{} : body_.substr(at, end - at);
            at = end + delimiter_.size();
        }
    }

  private:
    std::nullopt_t refused(std::string_view reason, std::size_t place) noexcept {
        why_ = parse_failure{reason, place};
        return std::nullopt;
    }
    bool read_head(std::size_t& at, form_part& part) {
        const std::size_t begin = at;
        bool has_disposition = false, has_type = false;
        for (;;) {
            const std::string_view room = body_.substr(at, limits_.max_part_head - (at - begin));
            const std::size_t size = room.find("\r\n");
            if (size == room.npos) {
                const bool is_cut = body_.size() - at == room.size();
                refused(is_cut ? "the head of a part is cut" : "the head of a part is too long", at + room.size());
                return false;
            }
            const std::string_view line = room.substr(0, size);
            if (size == 0) break;
            const std::size_t bad = static_cast<std::size_t>(
                std::find_if(line.begin(), line.end(),
                             [](char c) { return (c >= '\0' && c < ' ' && c != '\t') || c == '\x7f'; }) -
                line.begin());
            if (bad < size) return refused("a control character in the head of a part", at + bad), false;
            const std::size_t colon = std::min(line.find(':'), size);
            const std::string_view name = line.substr(0, colon);
            if (colon == size || !is_token(name))
                return refused("a line of a part's head is a name, a colon and a value", at), false;
            const std::string_view value = trimmed(line.substr(colon + 1));
            if (same_name(name, "content-disposition")) {
                if (std::exchange(has_disposition, true))
                    return refused("a part has one Content-Disposition", at), false;
                if (!read_disposition(value, part))
                    return refused("a part has Content-Disposition: form-data; name=\"...\"", at), false;
            } else if (same_name(name, "content-type")) {
                if (std::exchange(has_type, true)) return refused("a part has one Content-Type", at), false;
                part.content_type = value;
            } else if (same_name(name, "content-transfer-encoding") && !same_name(value, "binary") &&
                       !same_name(value, "8bit") && !same_name(value, "7bit")) {
                // RFC 7578 §4.7 has done away with the encodings. To take base64 for the file would be wrong bytes.
                return refused("an encoded part: only bytes as they are can be read", at), false;
            }
            at += size + 2;
            if (at - begin >= limits_.max_part_head) return refused("the head of a part is too long", at), false;
        }
        if (!has_disposition)
            return refused("a part has Content-Disposition: form-data; name=\"...\"", at), false;
        at += 2;
        return true;
    }
    static bool read_disposition(std::string_view value, form_part& part) {
        const std::size_t kind = std::min(value.find(';'), value.size());
        if (!same_name(trimmed(value.substr(0, kind)), "form-data")) return false;
        parameter_reader each{value.substr(kind)};
        bool has_name = false;
        while (each.next()) {
            if (same_name(each.name, "name")) {
                if (std::exchange(has_name, true)) return false;
                part.name = part_name(each.value);
            } else if (same_name(each.name, "filename")) {
                if (part.file_name) return false;
                std::string name = part_name(each.value);
                if (const std::size_t folder = name.find_last_of("/\\"); folder != name.npos) name.erase(0, folder + 1);
                part.file_name = std::move(name);
            }
        }
        return each.is_valid() && has_name;
    }

    std::string_view body_;
    std::string delimiter_;
    parse_failure& why_;
    const form_limits& limits_;
};

}  // namespace detail

inline std::optional<form> form::parse(std::string_view text, parse_failure& why, form_limits limits) {
    form all;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('&', begin), text.size());
        const std::string_view piece = text.substr(begin, end - begin);
        if (!piece.empty()) {
            if (all.fields_.size() == limits.max_fields) {
                why = parse_failure{"the form has too many fields", begin};
                return std::nullopt;
            }
            field& next = all.fields_.emplace_back();
            const std::size_t equals = std::min(piece.find('='), piece.size());
            std::size_t bad = detail::decode_form_piece(piece.substr(0, equals), next.name);
            if (bad == piece.npos && equals < piece.size()) {
                bad = detail::decode_form_piece(piece.substr(equals + 1), next.value);
                if (bad != piece.npos) bad += equals + 1;
            }
            if (bad != piece.npos) {
                why = parse_failure{"behind a percent sign come two hexadecimal digits", begin + bad};
                return std::nullopt;
            }
        }
        begin = end + 1;
    }
    return all;
}
inline std::string encode_form(const form& fields) {
    std::string text;
    for (const form::field& each : fields) {
        if (!text.empty()) text += '&';
        detail::append_form_piece(text, each.name);
        text += '=';
        detail::append_form_piece(text, each.value);
    }
    return text;
}

inline std::optional<std::string_view> multipart_boundary(std::string_view content_type) {
    const std::size_t kind = std::min(content_type.find(';'), content_type.size());
    if (!same_name(trimmed(content_type.substr(0, kind)), "multipart/form-data")) return std::nullopt;
    detail::parameter_reader each{content_type.substr(kind)};
    std::optional<std::string_view> boundary;
    while (each.next()) {
        if (!same_name(each.name, "boundary")) continue;
        if (boundary) return std::nullopt;
        boundary = each.value;
    }
    if (!each.is_valid() || !boundary || boundary->empty() || boundary->size() > 70) return std::nullopt;
    const bool is_valid = std::all_of(boundary->begin(), boundary->end(), [](char c) {
        const bool is_letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return is_letter || (c != '\0' && std::string_view{"'()+_,-./:=? "}.find(c) != std::string_view::npos);
    });
    if (!is_valid || boundary->back() == ' ') return std::nullopt;
    return boundary;
}
inline std::optional<std::vector<form_part>> parse_multipart(std::string_view body, std::string_view boundary,
                                                             parse_failure& why, form_limits limits) {
    return detail::multipart_reader{body, boundary, why, limits}.read();
}

inline cookies cookies::parse(std::string_view text, form_limits limits) {
    cookies all;
    while (!text.empty() && all.cookies_.size() < limits.max_fields) {
        const std::size_t end = std::min(text.find(';'), text.size());
        const std::string_view pair = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t equals = pair.find('=');
        if (equals == pair.npos) continue;
        const std::string_view name = pair.substr(0, equals);
        std::string_view value = pair.substr(equals + 1);
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        const bool is_valid = std::all_of(value.begin(), value.end(), [](char c) { return detail::is_cookie_octet(c); });
        if (is_valid && is_token(name)) all.cookies_.push_back({name, value});
    }
    return all;
}
inline std::string set_cookie::to_string() const {
    const auto is_attribute = [](const std::string& text) {
        return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != ';'; });
    };
    if (!is_token(name))
        throw std::invalid_argument{"set_cookie: the name " + quoted(name) + " is no token (RFC 6265 section 4.1.1)"};
    if (!std::all_of(value.begin(), value.end(), [](char c) { return detail::is_cookie_octet(c); }))
        throw std::invalid_argument{"set_cookie: the value " + quoted(value) + " needs encoding (RFC 6265 section 4.1.1)"};
    if (!is_attribute(path) || !is_attribute(domain))
        throw std::invalid_argument{"set_cookie: the path or the domain has a character that no attribute may have"};
    if (same_site == http::same_site::none && !secure)
        throw std::invalid_argument{"set_cookie: same_site::none needs secure, or browsers ignore the cookie"};
    const auto begins = [&](std::string_view prefix) {
        return same_name(std::string_view{name}.substr(0, prefix.size()), prefix);
    };
    if ((begins("__secure-") || begins("__host-")) && !secure)
        throw std::invalid_argument{"set_cookie: the name " + quoted(name) + " promises secure"};
    if (begins("__host-") && (path != "/" || !domain.empty()))
        throw std::invalid_argument{"set_cookie: the name " + quoted(name) + " promises the path / and no domain"};
    std::string text = name + "=" + value;
    if (!path.empty()) text += "; Path=" + path;
    if (!domain.empty()) text += "; Domain=" + domain;
    if (max_age) text += "; Max-Age=" + std::to_string(max_age->count());
    if (secure) text += "; Secure";
    if (http_only) text += "; HttpOnly";
    constexpr std::array<std::string_view, 3> policies{"Strict", "Lax", "None"};
    text += "; SameSite=";
    return text += policies[static_cast<std::size_t>(same_site)];
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_FORM_HPP










#endif  // NETNOTES_HTTP_HPP

// netnotes 0.2.0, web.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/web.hpp, where it can be read in chapters.
// netnotes/ip/version.hpp: the version, which every chapter includes
// SPDX-License-Identifier: MIT
//
// The test stands outside the include guard on purpose. If one-file headers of two releases meet in one program, the
// compiler reports that here. Otherwise it would report strange errors about classes that are defined twice.

#if __cplusplus < 202002L
#error "netnotes needs C++20: compile with -std=c++20"
#endif

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 200
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif

#ifndef NETNOTES_IP_VERSION_HPP
#define NETNOTES_IP_VERSION_HPP

#define NETNOTES_VERSION 200  // major * 10000 + minor * 100 + patch

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
//        web::template_map texts{{"list.html", "<ul>{% for x in all %}<li>{{ x }}</li>{% endfor %}</ul>"}};
//        const web::templates pages{texts};
//        std::cout << pages.render("list.html", {{"all", web::list{"a", "<b>"}}});
//
// These parts of Django are not here:
//     ORM, migrations    A database is a library of its own. A migration is a numbered script. It changes the tables of
//                        a database from one version of the program to the next. The notes name its two commands.
//     admin              Pages that edit such tables: without an ORM there is nothing to edit.
//     sessions, login    A session is a cookie with a number, and a table behind it.
//     translation        Django's templates may be translated; ours have the language in which they are written.
//
// Chapters, lowest first:
//     web/pattern_program.hpp  from the text of a regular expression to a program
//     web/pattern.hpp          regular expressions that cannot be made slow
//     web/value.hpp            what a template can print
//     web/template_lexer.hpp   from the text of a template to its tags
//     web/template_date.hpp    a point in time, written as a format says
//     web/template_filters.hpp what stands behind the | in a template
//     web/template_expression.hpp  names, literals and conditions of a template
//     web/template_parser.hpp  from the tags of a template to a program
//     web/template_loader.hpp  where the texts of templates come from
//     web/template.hpp         pages with gaps, and what fills them
//     web/route_forms.hpp      from the regular expression of a route to the paths that it takes
//     web/routes.hpp           which view answers which path
//     web/middleware.hpp       what happens before and after every view
//     web/hosts.hpp            a site answers for its own names only
//     web/csrf.hpp             forms that only our own pages can send
//
// Examples:      43_routes, 44_templates, 45_inheritance, 46_escaping, 47_forms_csrf, 48_middleware, 49_web_project
// The notes:     Django, DTL语言, 模板的继承, html转义, 静态文件, 中间件

#ifndef NETNOTES_WEB_HPP
#define NETNOTES_WEB_HPP


// netnotes/web/csrf.hpp: forms that only our own pages can send
// SPDX-License-Identifier: MIT
//
// A browser sends the cookies of a site with every request to it, also with a form that another site has made. This is
// cross-site request forgery: a foreign page lets a person's browser do something in the person's name.
//
//        our page                       cookie  csrftoken = SECRET          form  csrfmiddlewaretoken = TOKEN(SECRET)
//        a foreign page                 cookie  csrftoken = SECRET          form  a guess: it cannot read the cookie
//
// So a form carries a second copy of a secret. The layer compares both copies, and answers 403 if they differ:
//
//        web::site site{table};
//        site.add(web::csrf{});
//
// A page that is a template_response gets the name csrf_token, which {% csrf_token %} prints as a hidden field. The
// token is another one in each page, although the secret stays: an attacker who sees the sizes of compressed pages
// cannot guess it character by character (the attack BREACH).
//
// The layer reads the form in the body of the request. A site waits for the body if it is the handler of http::serve().
// A handler of your own waits first:
//
//        auto handler = [&site](http::request& ask) -> task<http::response> {
//            ask.set_body(co_await ask.text());
//            co_return site.answer(ask);
//        };
//
// On this page:  csrf
// The notes:     DTL语言 (csrf_token); example 47

#ifndef NETNOTES_WEB_CSRF_HPP
#define NETNOTES_WEB_CSRF_HPP

#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
// Every text here comes from a stranger. So each reader has bounds, and refuses a text that is not what it claims to
// be: the reason and its place are in a parse_failure. The exception is a Cookie field, see cookies::parse().
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

#include <array>
#include <bit>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif

// netnotes/ip/algorithm.hpp: the few algorithms that the chapters need
// SPDX-License-Identifier: MIT
//
// <algorithm> has 14,000 lines, and a program that includes it waits for them in every compilation. The chapters below
// coro.hpp need six of its functions, in the forms that stand here. A chapter that needs more includes <algorithm>.
//
// On this page:  min, max, clamp · copy_n · find_if · sort

#ifndef NETNOTES_IP_ALGORITHM_HPP
#define NETNOTES_IP_ALGORITHM_HPP

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

// A namespace of its own: the addresses have a base class in detail. For a program that also has `using namespace std`,
// find_if() of addresses would otherwise be two functions that fit equally well, and would not compile.
namespace netnotes::detail::algorithms {

/// Returns the smaller value, and `a` if they are equal.
template <class T>
[[nodiscard]] constexpr const T& min(const T& a, const T& b) {
    return b < a ? b : a;
}
/// Returns the larger value, and `a` if they are equal.
template <class T>
[[nodiscard]] constexpr const T& max(const T& a, const T& b) {
    return a < b ? b : a;
}

/// Returns `value`, or the limit that it passes.
template <class T>
[[nodiscard]] constexpr const T& clamp(const T& value, const T& low, const T& high) {
    return value < low ? low : high < value ? high : value;
}

/// Copies `count` items, and returns the place behind the last copy. The two places must not overlap.
template <class T>
constexpr T* copy_n(const T* from, std::size_t count, T* to) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    if (std::is_constant_evaluated()) {
        for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
    } else if (count > 0) {  // memcpy() refuses a null pointer even for no bytes
        std::memcpy(to, from, count * sizeof(T));
    }
    return to + count;
}

/// Returns the first place whose item fulfils the condition, or `last`.
template <class Place, class Condition>
[[nodiscard]] constexpr Place find_if(Place first, Place last, Condition condition) {
    while (first != last && !condition(*first)) ++first;
    return first;
}

/// Sorts `count` items, the smallest first. Heap sort: it takes count · log(count) steps for any input, and no memory.
template <class T>
constexpr void sort(T* items, std::size_t count) {
    // In a heap no parent is smaller than its two children, so the largest item is the first.
    const auto sink = [&](std::size_t parent, std::size_t size) {
        for (std::size_t child; (child = 2 * parent + 1) < size; parent = child) {
            if (child + 1 < size && items[child] < items[child + 1]) ++child;
            if (!(items[parent] < items[child])) return;
            std::swap(items[parent], items[child]);
        }
    };
    for (std::size_t parent = count / 2; parent > 0; --parent) sink(parent - 1, count);
    for (std::size_t size = count; size > 1; --size) {
        std::swap(items[0], items[size - 1]);
        sink(0, size - 1);
    }
}

}  // namespace netnotes::detail::algorithms

namespace netnotes::detail {
using namespace algorithms;  // a lookup by the types of arguments does not follow this
}

#endif  // NETNOTES_IP_ALGORITHM_HPP



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

    /// Returns the offending character's place, counted from 0; the text's size if something is missing.
    [[nodiscard]] constexpr std::size_t position() const noexcept { return position_; }
    /// Returns the failure for a longer text, in which this text begins at `offset` characters.
    constexpr void shift(std::ptrdiff_t offset) noexcept { position_ += static_cast<std::size_t>(offset); }
    /// Returns a sentence, for example `octet 4 is 256, above 255, at character 6`.
    [[nodiscard, gnu::cold]] std::string message() const;

  private:
    std::string_view pattern_;
    std::size_t position_ = 0;
    std::uint32_t item_ = 0;
    std::uint32_t value_ = 0;
};

/// Thrown by the constructors that take text. what() quotes the text and gives the failure's message.
class parse_error : public std::invalid_argument {
  public:
    [[gnu::cold]] parse_error(std::string_view kind, std::string_view text, const parse_failure& failure);
    /// Returns the reason and the place of the fault.
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
    /// Returns the number that has the bits of both, of any, of exactly one, or of none of the operands.
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
        return {detail::copy_n(text, static_cast<std::size_t>(end - text), first), {}};
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
struct hexadecimal_values {
    std::uint8_t of[256]{};  // no std::array: each of its operator[] costs the compiler a call
    constexpr hexadecimal_values() noexcept {
        for (std::uint8_t& value : of) value = 0xff;
        for (unsigned digit = 0; digit < 16; ++digit)
            of[digit < 10 ? '0' + digit : 'a' + digit - 10] = of[digit < 10 ? '0' + digit : 'A' + digit - 10] =
                static_cast<std::uint8_t>(digit);
    }
    constexpr unsigned operator[](unsigned char c) const noexcept { return of[c]; }
};
inline constexpr hexadecimal_values hexadecimal_value;

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
    uint128 address;     // the groups read so far, the last group lowest; after "::" only the groups behind it
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
struct octet_texts {
    char of[256][4]{};
    constexpr octet_texts() noexcept {
        for (unsigned octet = 0; octet < 256; ++octet) {
            char* out = of[octet];
            if (octet >= 100) *out++ = static_cast<char>('0' + octet / 100);
            if (octet >= 10) *out++ = static_cast<char>('0' + octet / 10 % 10);
            *out++ = static_cast<char>('0' + octet % 10);
            *out = '.';
        }
    }
};
inline constexpr octet_texts octet_text;

/// Needs room for 16 characters. The last characters may be overwritten without being part of the text.
constexpr char* write_ipv4(char* out, std::uint32_t value) noexcept {
    for (int shift = 24; shift >= 0; shift -= 8) {
        const unsigned octet = value >> shift & 0xff;
        const auto [a, b, c, d] = octet_text.of[octet];  // all four before any store, so that they become one
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
    return detail::copy_n(first, static_cast<std::size_t>(digits.data() + digits.size() - first), out);
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
        out = detail::copy_n(zone.text.data(), zone.size, out);
    }
    return out;
}

}  // namespace detail

namespace detail {
/// A text or a character, for joined(). It refers to the text and does not own it.
class text_part {
  public:
    constexpr text_part() noexcept = default;
    constexpr text_part(std::string_view text) noexcept : text_{text} {}
    constexpr text_part(const char* text) noexcept : text_{text} {}
    text_part(const std::string& text) noexcept : text_{text} {}
    constexpr text_part(char character) noexcept : character_{character}, is_character_{true} {}
    void append_to(std::string& text) const {
        if (is_character_) text += character_;
        text += text_;
    }

  private:
    std::string_view text_{};
    char character_ = '\0';
    bool is_character_ = false;
};
/// Joins texts and characters. It is no template, because each of its hundred calls would make another function. (g++
/// 12 -O3 wrongly warns of an overlapping copy in every "text" + std::string{}: its bug 105651.)
inline std::string joined(const text_part& a, const text_part& b = {}, const text_part& c = {}, const text_part& d = {},
                          const text_part& e = {}, const text_part& f = {}, const text_part& g = {},
                          const text_part& h = {}, const text_part& i = {}) {
    std::string text;
    for (const text_part* const part : {&a, &b, &c, &d, &e, &f, &g, &h, &i}) part->append_to(text);
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
    for (const range& each : all)
        if (each.first <= point && point <= each.last) return true;
    return (point & 0xfffe) == 0xfffe;
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
    while (!text.empty()) {
        char32_t point = 0;
        const std::size_t size = read_utf8(text, point);
        const std::string_view bytes = text.substr(0, detail::max<std::size_t>(size, 1));
        text.remove_prefix(bytes.size());
        // A string is appended to in one place: each other place would put its code here once more.
        char escape[10] = {'\\'};
        std::size_t length = 1;
        if (size > 0 && !is_invisible(point)) {
            if (!is_quoted || (point != '"' && point != '\\')) length = 0;
            for (const char byte : bytes) escape[length++] = byte;
        } else if (size == 1 && (point == '\n' || point == '\r' || point == '\t')) {
            escape[length++] = point == '\n' ? 'n' : point == '\r' ? 'r' : 't';
        } else {
            if (size == 0) point = static_cast<unsigned char>(bytes[0]);
            unsigned digits = size < 2 ? 2 : point <= 0xffff ? 4 : 8;
            escape[length++] = digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
            while (digits-- > 0) escape[length++] = hexadecimal_digits[point >> 4 * digits & 0xf];
        }
        to.append(escape, length);
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
[[gnu::cold]] inline std::string quoted_beginning(std::string_view text) {
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
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>



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
//   Of "/a%2Fb/c%20d?x=1":
//   path()        "/a%2Fb/c d"        all is decoded but the slash
//   segments()    "a/b", "c d"        split, then decoded
//   query()       "x=1"               as it came: http/form.hpp reads it
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

namespace detail {
struct checked_request;  // http/head.hpp
}

/// Replaces each percent sign and its two hexadecimal digits by their byte. Returns nullopt if two digits are missing
/// behind a percent sign. The result may hold any byte, NUL too.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
/// Returns the text with every byte as %XX except letters, digits, `-` `.` `_` `~` (RFC 3986 §2.3) and the characters
/// in `also_plain`. For a path with slashes pass "/".
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view also_plain = {});

/// The target of a request, read into its parts. It owns its text.
class target {
  public:
    /// The forms of a target (RFC 9112 §3.2).
    enum class form : std::uint8_t {
        origin,    ///< "/notes?page=2"
        absolute,  ///< "http://example.com/notes?page=2"
        asterisk,  ///< "*"
    };

    /// Makes the target "/".
    target() : text_{"/"}, path_{"/"}, raw_path_size_{1} {}
    /// Reads a target. Throws parse_error, whose message has the reason and the place.
    explicit target(std::string_view text);
    /// Reads a target. Returns nullopt if it is not in origin, absolute or asterisk form. It also returns nullopt for a
    /// character that no URI has, and for a wrong percent coding or %00 in the path. `why` then has the reason and its
    /// place. A query may hold any visible characters of ASCII, because browsers send them; `#` is refused everywhere.
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
    friend detail::checked_request;
    /// Reads a target that a parser has checked. Uses the memory that this object has.
    void assign(std::string_view text);
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

/// Returns the size of `http://` or `https://` at the beginning of the text, or 0.
constexpr std::size_t size_of_scheme(std::string_view text) noexcept {
    for (const std::string_view scheme : {std::string_view{"http://"}, std::string_view{"https://"}})
        if (same_name(text.substr(0, scheme.size()), scheme)) return scheme.size();
    return 0;
}

/// Decodes what is known to be right.
inline std::string decoded(std::string_view text, bool keeps_slash) {
    std::string result;
    result.reserve(text.size());
    for (;;) {
        const std::size_t plain = std::min(text.find('%'), text.size());
        result.append(text.data(), plain);
        if (plain == text.size()) break;
        const auto byte = static_cast<char>(percent_byte(text, plain));
        if (byte == '/' && keeps_slash)
            result.append("%2F", 3);
        else
            result += byte;
        text.remove_prefix(plain + 3);
    }
    return result;
}

/// Returns true if the text is a host, or a host with a port: "example.com", "192.0.2.1:80", "[2001:db8::1]:80". The
/// host may be empty only if all is. It is no full check of the syntax: it keeps out what would mean two things to two
/// programs, like `a@b`, `a/b` and `a,b`.
constexpr bool is_authority(std::string_view text) noexcept {
    std::size_t colon = span_of(plain_character, text);  // before the port. Most names end here
    if (colon > 0 && (colon == text.size() || text[colon] == ':')) {
    } else if (text.starts_with('[')) {
        std::size_t at = 1;
        while (at < text.size() && (netnotes::detail::hexadecimal_value[static_cast<unsigned char>(text[at])] < 16 ||
                                    text[at] == ':' || text[at] == '.'))
            ++at;
        if (at == text.size() || text[at] != ']' || at == 1) return false;
        colon = at + 1;
        if (colon < text.size() && text[colon] != ':') return false;
    } else {
        colon = text.size();
        for (std::size_t at = 0; at < text.size(); ++at) {
            if (!is(host_character, text[at]) || text[at] == '[' || text[at] == ']') return false;
            if (text[at] != ':') continue;
            colon = at;
            break;
        }
        if (colon == 0) return text.empty();
    }
    for (std::size_t at = colon + 1; at < text.size(); ++at)
        if (netnotes::detail::digit_value(text[at]) > 9) return false;
    return true;
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
    std::size_t path = 0;
    if (text[0] != '/' && text != "*") {
        path = detail::size_of_scheme(text);
        if (path == 0) return refused("a target begins with '/', or with http:// and a host", 0);
        const std::size_t begin = path;
        path = std::min(text.find_first_of("/?", path), text.size());
        if (path == begin || !detail::is_authority(text.substr(begin, path - begin)))
            return refused("behind http:// comes a host, and perhaps a port", begin);
    }
    bool is_nul = false;
    const std::size_t question = std::min(text.find('?', path), text.size());
    if (const std::size_t wrong = detail::wrong_percent(text.substr(path, question - path), is_nul); wrong != text.npos)
        return refused(is_nul ? "a path holds no NUL" : "behind a percent sign come two hexadecimal digits",
                       path + wrong);
    target read;
    read.assign(text);
    return read;
}

inline void target::assign(std::string_view text) {
    text_ = text;
    form_ = text[0] == '/' ? form::origin : text == "*" ? form::asterisk : form::absolute;
    authority_at_ = authority_size_ = raw_path_at_ = 0;
    if (form_ == form::absolute) {
        authority_at_ = detail::size_of_scheme(text);
        raw_path_at_ = std::min(text.find_first_of("/?", authority_at_), text.size());
        authority_size_ = raw_path_at_ - authority_at_;
    }
    const std::size_t question = std::min(text.find('?', raw_path_at_), text.size());
    has_query_ = question < text.size();
    query_at_ = has_query_ ? question + 1 : text.npos;
    const std::string_view raw = text.substr(raw_path_at_, question - raw_path_at_);
    raw_path_size_ = raw.size();
    if (raw.empty())
        path_.assign(1, '/');  // g++ 12 warns of = "/" (its bug 105651)
    else if (raw.find('%') == raw.npos)
        path_ = raw;
    else
        path_ = detail::decoded(raw, true);
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


namespace netnotes::http {

/// The bounds of the readers on this page. The number of bytes is bounded by the message that holds the text.
struct form_limits {
    std::size_t max_fields = 1000;         ///< names with values, parts of a multipart body, or cookies
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
    /// Returns the number of fields, or true if there is no field.
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
    /// The name of the file on the sender's machine, without its folders; nullopt if the part is no file. It may be
    /// empty. It is a stranger's word: do not use it as a path (RFC 7578 §4.2). `filename*` does not count.
    std::optional<std::string> file_name{};
    std::string content_type = "text/plain";  ///< as the sender says, not checked
    std::string_view body{};  ///< The bytes. They lie in the body that was parsed, which must stay valid.
};

/// Returns the boundary from the value of a Content-Type field. Returns nullopt if the value is not
/// `multipart/form-data` with one valid boundary of 1 to 70 characters (RFC 2046 §5.1.1). The view lies in
/// `content_type`.
[[nodiscard]] std::optional<std::string_view> multipart_boundary(std::string_view content_type);

/// Splits a complete multipart body into its parts. Does not copy the parts' bytes. Returns nullopt, with the reason
/// and the place in `why`, for
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
    /// A pair of the field Cookie.
    struct cookie {
        std::string_view name;
        std::string_view value;
    };
    /// Reads the value of a Cookie field, `a=1; b=2`, and returns its pairs. Quotation marks around a value are
    /// removed. A pair that is not valid is skipped, and so are pairs behind the first max_fields. Another program of
    /// the same site may have set them. A refusal would lock the person out until the cookie expires.
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

/// A cookie that a server sets. The defaults are the careful ones: no script can read the cookie, and other sites
/// cannot make the browser send it with a form. Give a cookie a name of its own where an expression has a co_await: g++
/// 12 destroys a temporary aggregate twice there.
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
    /// change the meaning of the field. It also throws if browsers would ignore the cookie: same_site::none needs
    /// `secure`, and a name that begins with `__Secure-` or `__Host-` needs what the prefix promises.
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
/// Decodes the text between the quotation marks of a name in a part's head. Only %22, %0D and %0A are decoded, because
/// a browser encodes only these: "100%25" is the name 100%25.
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
            const bool is_last = body_.substr(at, 2) == "--";
            if (is_last) at += 2;
            while (at < body_.size() && is_blank(body_[at])) ++at;  // transport padding
            if (is_last && at == body_.size()) return parts;
            if (body_.substr(at, 2) != "\r\n") return refused("behind a boundary comes the end of the line", at);
            if (is_last) return parts;
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
                             [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; }) -
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
        if (!has_disposition) return refused("a part has Content-Disposition: form-data; name=\"...\"", at), false;
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
                if (name == "." || name == "..") name.clear();  // these are names of folders
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
        const bool is_valid =
            std::all_of(value.begin(), value.end(), [](char c) { return detail::is_cookie_octet(c); });
        if (is_valid && is_token(name)) all.cookies_.push_back({name, value});
    }
    return all;
}
inline std::string set_cookie::to_string() const {
    const auto is_attribute = [](const std::string& text) {
        return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != ';'; });
    };
    if (!is_token(name))
        throw std::invalid_argument{"set_cookie: the name " + netnotes::quoted(name) +
                                    " is no token (RFC 6265 section 4.1.1)"};
    if (!std::all_of(value.begin(), value.end(), [](char c) { return detail::is_cookie_octet(c); }))
        throw std::invalid_argument{"set_cookie: the value " + netnotes::quoted(value) +
                                    " needs encoding (RFC 6265 section 4.1.1)"};
    if (!is_attribute(path) || !is_attribute(domain))
        throw std::invalid_argument{"set_cookie: the path or the domain has a character that no attribute may have"};
    if (same_site == http::same_site::none && !secure)
        throw std::invalid_argument{"set_cookie: same_site::none needs secure, or browsers ignore the cookie"};
    const auto begins = [&](std::string_view prefix) {
        return same_name(std::string_view{name}.substr(0, prefix.size()), prefix);
    };
    if ((begins("__secure-") || begins("__host-")) && !secure)
        throw std::invalid_argument{"set_cookie: the name " + netnotes::quoted(name) + " promises secure"};
    if (begins("__host-") && (path != "/" || !domain.empty()))
        throw std::invalid_argument{"set_cookie: the name " + netnotes::quoted(name) +
                                    " promises the path / and no domain"};
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
// chapters above derive from body_source, and this chapter only carries it.
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
// The second form has a year of two digits. A date that seems to be more than 50 years in the future belongs to the
// past century (RFC 9110 §5.6.7). So the reader needs to know the year of today.
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
[[nodiscard, gnu::cold]] std::string write_date(time_point when);
/// Reads a date in any of the three forms of RFC 9110 §5.6.7. Returns nullopt if the text is not such a date, if the
/// date does not exist (30 February), or if it is before 1 January of the year 1. The day of the week is only checked
/// to be the name of a day. `now` decides the century where the year has two digits.
[[nodiscard]] std::optional<time_point> read_date(std::string_view text, time_point now) noexcept;
/// Does the same, where `now` is the time of the system's clock.
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

inline void put_two_digits(char* out, unsigned value) noexcept {
    out[0] = static_cast<char>('0' + value / 10);
    out[1] = static_cast<char>('0' + value % 10);
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
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    std::string text = "Sun, 06 Nov 1994 08:49:37 GMT";
    char* const out = text.data();
    detail::day_names[chrono::weekday{day}.c_encoding()].copy(out, 3);
    detail::put_two_digits(out + 5, static_cast<unsigned>(date.day()));
    detail::month_names.copy(out + 8, 3, std::size_t{3} * (static_cast<unsigned>(date.month()) - 1));
    detail::put_two_digits(out + 12, year / 100);
    detail::put_two_digits(out + 14, year % 100);
    detail::put_two_digits(out + 17, second / 3600);
    detail::put_two_digits(out + 20, second / 60 % 60);
    detail::put_two_digits(out + 23, second % 60);
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
// of a list lies in one string, so a list of nine fields needs two allocations and not eighteen. The list of an answer
// that has only a Content-Type of plain text or HTML needs none.
//
// On this page:  field, fields
// Sources:       RFC 9110 §5

#ifndef NETNOTES_HTTP_FIELDS_HPP
#define NETNOTES_HTTP_FIELDS_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>




namespace netnotes::http {

namespace detail {
struct checked_fields;  // http/head.hpp

// A list of small structs. The first `few` lie in the list itself, so a short list needs no allocation.
template <class T, std::uint32_t few>
class short_list {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    short_list() noexcept = default;
    short_list(const short_list& other) {
        reserve(other.size_);
        std::copy(other.begin(), other.end(), begin());
        size_ = other.size_;
    }
    short_list(short_list&& other) noexcept
        : first_{other.first_},
          more_{std::move(other.more_)},
          size_{std::exchange(other.size_, 0)},
          room_{std::exchange(other.room_, few)} {}
    short_list& operator=(const short_list& other) { return *this = short_list{other}; }
    short_list& operator=(short_list&& other) noexcept {
        first_ = other.first_;
        more_ = std::move(other.more_);
        size_ = std::exchange(other.size_, 0);
        room_ = std::exchange(other.room_, few);
        return *this;
    }
    ~short_list() = default;

    [[nodiscard]] const T* begin() const noexcept { return more_ ? more_.get() : first_.data(); }
    [[nodiscard]] T* begin() noexcept { return more_ ? more_.get() : first_.data(); }
    [[nodiscard]] const T* end() const noexcept { return begin() + size_; }
    [[nodiscard]] T* end() noexcept { return begin() + size_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const T& operator[](std::size_t at) const noexcept { return begin()[at]; }
    void clear() noexcept { size_ = 0; }
    void push_back(const T& added) {
        if (size_ == room_) [[unlikely]]
            reserve(std::size_t{2} * size_);
        begin()[size_++] = added;
    }
    void reserve(std::size_t size) {
        if (size <= room_) return;
        std::unique_ptr<T[]> larger{new T[size]};
        std::copy(begin(), end(), larger.get());
        more_ = std::move(larger);
        room_ = static_cast<std::uint32_t>(size);
    }
    // Removes the elements from `from` on for which the predicate is true, and returns their number.
    template <class Predicate>
    std::size_t erase_if(T* from, Predicate is_unwanted) noexcept {
        T* const new_end = std::remove_if(from, end(), is_unwanted);
        const auto removed = static_cast<std::uint32_t>(end() - new_end);
        size_ -= removed;
        return removed;
    }

  private:
    std::array<T, few> first_{};
    std::unique_ptr<T[]> more_;  // all elements, if they are more than `few`
    std::uint32_t size_ = 0, room_ = few;
};
}  // namespace detail

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
    /// Makes this the only field with the name `name`. The new field takes the place of the first old field. Throws as
    /// add() does.
    void set(std::string_view name, std::string_view value);
    /// Removes all fields with the name `name`, and returns their number.
    std::size_t erase(std::string_view name) noexcept {
        return entries_.erase_if(entries_.begin(), [&](const entry& each) { return same_name(name_of(each), name); });
    }
    /// Removes all fields, and keeps the memory.
    void clear() noexcept {
        entries_.clear();
        text_.clear();
    }

    /// Returns the value of the first field with the name `name`, or nullopt if there is no such field.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        for (const entry& each : entries_)
            if (same_name(name_of(each), name)) return value_of(each);
        return std::nullopt;
    }
    /// Returns true if a field with that name is there.
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
    /// Returns the number of fields with the name `name`.
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept {
        return static_cast<std::size_t>(std::count_if(
            entries_.begin(), entries_.end(), [&](const entry& each) { return same_name(name_of(each), name); }));
    }
    /// Returns the values of all fields with the name `name`, in order.
    [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const {
        std::vector<std::string_view> values;
        for (const entry& each : entries_)
            if (same_name(name_of(each), name)) values.push_back(value_of(each));
        return values;
    }
    /// Returns the values of all fields with the name `name` as one list with ", " between them, which means the same
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

    /// Returns the number of fields, or true if there is no field.
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
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
    friend class response;
    friend class files;
    struct entry {
        std::uint32_t name_at, name_size, value_at, value_size;
    };

    // The texts of the field that most answers have are not copied into each list. The places of an entry count from
    // the beginning of these texts, and text_ comes behind them.
    static constexpr std::string_view content_type = "Content-Type", plain = "text/plain; charset=utf-8",
                                      html = "text/html; charset=utf-8",
                                      common = "Content-Typetext/plain; charset=utf-8text/html; charset=utf-8";
    static constexpr std::uint32_t plain_at = content_type.size(), html_at = plain_at + plain.size();
    static_assert(common.substr(plain_at, plain.size()) == plain && common.substr(html_at) == html);

    [[nodiscard]] const char* at(std::uint32_t place) const noexcept {
        return place < common.size() ? common.data() + place : text_.data() + (place - common.size());
    }
    [[nodiscard]] std::string_view name_of(const entry& each) const noexcept {
        return {at(each.name_at), each.name_size};
    }
    [[nodiscard]] std::string_view value_of(const entry& each) const noexcept {
        return {at(each.value_at), each.value_size};
    }
    // The place of the byte behind text_.
    [[nodiscard]] std::uint32_t next_place() const noexcept {
        return static_cast<std::uint32_t>(common.size() + text_.size());
    }
    [[nodiscard]] bool is_own(std::string_view text) const noexcept {
        const std::less<const char*> before;
        return !before(text.data(), text_.data()) && before(text.data(), text_.data() + text_.size());
    }
    /// Appends the text of a field, whose name is a token. Throws as add() does for the value.
    entry append(std::string_view name, std::string_view value);
    [[noreturn]] static void refuse_name(std::string_view name);
    [[noreturn]] static void refuse_value(std::string_view name, std::string_view value);
    // Makes room for a list of known size, so that it does not grow step by step.
    void reserve(std::size_t count, std::size_t bytes) {
        entries_.reserve(count);
        text_.reserve(bytes);
    }
    /// Makes this the first field of an empty list.
    void set_media_type(std::string_view type) {
        if (type == plain) return entries_.push_back({0, content_type.size(), plain_at, plain.size()});
        if (type == html) return entries_.push_back({0, content_type.size(), html_at, html.size()});
        type = trimmed(type);
        if (!is_field_value(type) || type.size() > 0xffff) refuse_value(content_type, type);
        entries_.push_back({0, content_type.size(), next_place(), static_cast<std::uint32_t>(type.size())});
        text_ += type;
    }

    // The text of a removed field stays here until clear(). A program that sets one field again and again in the same
    // list would be strange, so nothing is moved together. There may be other text between names and values.
    std::string text_;
    detail::short_list<entry, 2> entries_;
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

[[gnu::noinline]] inline void fields::refuse_name(std::string_view name) {
    throw std::invalid_argument{netnotes::detail::joined("the name of an HTTP field is a token (RFC 9110 §5.1), and ",
                                                         netnotes::quoted(name), " is not")};
}
[[gnu::noinline]] inline void fields::refuse_value(std::string_view name, std::string_view value) {
    throw std::invalid_argument{
        netnotes::detail::joined("the value of the HTTP field ", netnotes::quoted(name),
                                 " holds a control character (RFC 9110 §5.5): ",
                                 netnotes::quoted(value.substr(0, 200)))};
}
inline fields::entry fields::append(std::string_view name, std::string_view value) {
    value = trimmed(value);
    if (!is_field_value(value)) refuse_value(name, value);
    if (name.size() + value.size() > 0x7fff'ffff - std::min<std::size_t>(text_.size(), 0x7fff'ffff))
        throw std::length_error{"a list of HTTP fields has at most 2 GiB"};
    std::string copy;
    if (is_own(name) || is_own(value)) {  // views into this very list would be invalid after the string has grown
        copy.append(name).append(value);
        name = std::string_view{copy}.substr(0, name.size());
        value = std::string_view{copy}.substr(name.size());
    }
    const auto name_size = static_cast<std::uint32_t>(name.size());
    const std::uint32_t place = next_place();
    const entry made{place, name_size, place + name_size, static_cast<std::uint32_t>(value.size())};
    text_.reserve(text_.size() + name.size() + value.size());
    text_.append(name).append(value);
    return made;
}

inline void fields::add(std::string_view name, std::string_view value) {
    if (!is_token(name)) refuse_name(name);
    const entry made = append(name, value);
    entries_.push_back(made);
}

inline void fields::set(std::string_view name, std::string_view value) {
    if (!is_token(name)) refuse_name(name);
    const entry made = append(name, value);
    const auto is_same = [&](const entry& each) { return same_name(name_of(each), name_of(made)); };
    entry* const first = std::find_if(entries_.begin(), entries_.end(), is_same);
    if (first == entries_.end()) return entries_.push_back(made);
    *first = made;
    entries_.erase_if(first + 1, is_same);
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_FIELDS_HPP

// netnotes/http/media.hpp: what kind of text or picture a body is
// SPDX-License-Identifier: MIT
//
// A browser does not look at the name of a file. It believes the field Content-Type, which has a media type and perhaps
// a charset:
//
//        Content-Type: text/html; charset=utf-8
//
// Without a charset a browser guesses, and a guess can turn text into a script (an old trick with UTF-7). So every text
// type of this table says utf-8. An ending that the table does not know is application/octet-stream: bytes to be saved.
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




namespace netnotes {

template <class T>
class task;  // coro/task.hpp: include http/server.hpp to call the members that return a task

namespace http {

namespace detail {
struct checked_request;  // http/head.hpp
}
class upgrade;  // http/upgrade.hpp

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
    /// Waits for the next piece and returns it. It is valid until the next call. No bytes: the body has ended.
    [[nodiscard]] virtual task<std::span<const std::byte>> next() = 0;

    /// A part of an open file. No part of a file has the descriptor -1.
    struct file_bytes {
        int descriptor = -1;
        std::uint64_t first = 0, count = 0;
    };
    /// Returns where the bytes lie if they are a part of a file. Then a server lets the kernel send them, and does not
    /// call next(). They must stay there as long as this object.
    [[nodiscard]] virtual file_bytes in_file() const noexcept { return {}; }
    /// Returns true if next() never waits for another task or another program. Then a server gathers small pieces, and
    /// it does not keep a client waiting.
    [[nodiscard]] virtual bool is_ready() const noexcept { return false; }
    /// Returns the conversation that follows a response 101, or nullptr if this is a body.
    [[nodiscard]] virtual upgrade* as_upgrade() noexcept { return nullptr; }
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
            throw std::invalid_argument{"the method of an HTTP request is a token, not " + netnotes::quoted(method)};
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
    void set_body(std::string body) noexcept {
        body_ = std::move(body);
        is_given_ = false;
    }

    /// Waits for the whole body and returns it. A second call returns "". If a call is cancelled, the next call of
    /// text() or recv() returns what that one has received, too. Throws as http/server.hpp says, above all if the body
    /// is too large. Include http/server.hpp to call it.
    [[nodiscard]] task<std::string> text();
    /// Waits for the next bytes of the body and returns them. They are valid until the next call. No bytes: the body
    /// has ended. A call that is cancelled takes no bytes. Include http/server.hpp to call it.
    [[nodiscard]] task<std::span<const std::byte>> recv();
    /// Gives the request a body that is still arriving. The source must outlive the request, or be taken away again
    /// with nullptr. For authors of servers.
    void set_source(body_source* source) noexcept { source_ = source; }
    /// Returns the body that is still arriving, or nullptr.
    [[nodiscard]] body_source* source() const noexcept { return source_; }

    request(request&&) = default;
    request& operator=(request&&) = default;

  private:
    friend detail::checked_request;
    http::method method_ = http::method::get;
    int minor_version_ = 1;
    std::string other_method_;
    http::target target_;
    http::fields fields_;
    std::string body_;
    body_source* source_ = nullptr;
    bool is_given_ = false;  // recv() has returned body_
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
        if (!body.empty()) fields.set_media_type(media_type);
    }
    /// Makes a response whose body comes from a source.
    response(http::status code, std::unique_ptr<body_source> from, std::string_view media_type)
        : status{code}, source{std::move(from)} {
        fields.set_media_type(media_type);
    }

    http::status status;                  ///< 200 unless set
    http::fields fields;                  ///< the server adds more: see above
    std::string body;                     ///< the body, if `source` is empty
    std::unique_ptr<body_source> source;  ///< the body, if it is no text in memory

    /// Returns the value of the first field with that name, or nullopt. The view is valid until the fields change.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept {
        return fields.find(name);
    }
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
    return {status::not_found, "404: nothing is at " + netnotes::quoted(ask.path().substr(0, 200)) + "\n"};
}
/// Returns a response that sends the client to another place: a path ("/login/") or a whole URL. The status is 303 for
/// "look there with GET", 307 or 308 for "send the same request there", 302 and 301 as old programs do. Throws
/// std::invalid_argument if the status is no redirect, or if `location` is empty or holds a character that no URL has:
/// take percent_encode() for text of strangers.
[[nodiscard]] inline response redirect(std::string_view location, status how = status::see_other) {
    if (!how.is_redirect()) throw std::invalid_argument{how.to_string() + " is no redirect"};
    for (const char c : location)
        if (c <= ' ' || c > '~')
            throw std::invalid_argument{"no URL to redirect to: " + netnotes::quoted(location.substr(0, 200))};
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

// netnotes/web/middleware.hpp: what happens before and after every view
// SPDX-License-Identifier: MIT
//
// A layer stands around all views. It sees each request on its way in, and each response on its way out. Layers are
// nested as they are listed:
//
//        request ──> A.process_request ──> B.process_request ──> A.process_view ──> B.process_view ──> view
//                                                                                                        │
//        response <── A.process_response <── B.process_response <── A, B.process_template_response <─────┘
//
//        class timer : public web::middleware {
//          public:
//            http::response process_response(http::request&, http::response made) override {
//                return std::move(made).with("Server-Timing", "total");
//            }
//        };
//
// The order is Django's, whatever throws and wherever. The rules that surprise:
//
//     process_request answers    The view and the inner layers do not run. This layer's process_response does.
//     process_request throws     This layer's process_response does not run. The layers around it see a 500.
//     the view throws            process_exception of the *inner* layers is asked first. The first answer counts.
//     a hook throws              It becomes a 500 at that layer, and the layers around it see a response.
//     process_template_response  Only for a template_response, from the inside to the outside, before it is rendered.
//
// http::serve() takes a site as its handler, also if some of its views are tasks.
//
// On this page:  middleware, site
// The notes:     中间件; example 48

#ifndef NETNOTES_WEB_MIDDLEWARE_HPP
#define NETNOTES_WEB_MIDDLEWARE_HPP

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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
#include <iosfwd>
#include <new>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>


// netnotes/socket/block.hpp: the blocks of buffers that are filled and emptied again and again
// SPDX-License-Identifier: MIT
//
// A connection that waits has no buffer, so ten thousand idle connections need little memory. Its next message needs a
// buffer again. If free() gets the last blocks of the heap, malloc() returns them to the kernel with brk(2), and soon
// fetches them again. So each thread keeps a few blocks:
//
//     a message arrives        new_block()     a kept block, or a new one
//     the buffer is empty      free_block()    keeps the block, or deletes it if enough are kept
//
// On this page:  (what readers and queues use: block_size, new_block, free_block)

#ifndef NETNOTES_SOCKET_BLOCK_HPP
#define NETNOTES_SOCKET_BLOCK_HPP

#include <cstddef>
#include <new>

// netnotes/socket/owner.hpp: a pointer that owns
// SPDX-License-Identifier: MIT
//
// An owner deletes its object when it is destroyed, so no path out of a function can forget the object:
//
//     first{new object}            first ──> object
//     second{std::move(first)}     second ──> object        `first` is empty now
//
// std::unique_ptr does the same. But <memory> takes five times as long to compile as this page. So a chapter that needs
// only an owner, such as tcp/reader.hpp, includes this page.
//
// On this page:  owner

#ifndef NETNOTES_SOCKET_OWNER_HPP
#define NETNOTES_SOCKET_OWNER_HPP

#include <cstddef>
#include <utility>

namespace netnotes::detail {

/// Releases an object with delete.
template <class T>
struct deleting {
    void operator()(T* object) const noexcept { delete object; }
};
/// Releases an array with delete[].
template <class T>
struct deleting<T[]> {
    void operator()(T* first) const noexcept { delete[] first; }
};
/// Names the type of the object, or of an element if T is an array.
template <class T>
struct owned {
    using type = T;
};
template <class T>
struct owned<T[]> {
    using type = T;
};

/// Owns an object, or an array if T is `U[]`. Calls `Release{}(object)` when the owner is destroyed. It can be moved,
/// not copied.
template <class T, class Release = deleting<T>>
class owner {
  public:
    /// Names the type that the owner points to.
    using element = typename owned<T>::type;

    /// Makes an empty owner.
    constexpr owner() noexcept = default;
    /// Makes an empty owner.
    constexpr owner(std::nullptr_t) noexcept {}
    /// Takes the object. nullptr makes an empty owner.
    constexpr explicit owner(element* object) noexcept : object_{object} {}
    /// Takes the object of `other`, which is empty afterwards.
    constexpr owner(owner&& other) noexcept : object_{other.release()} {}
    /// Takes the object of `other`, which is empty afterwards, and releases the old object.
    constexpr owner& operator=(owner&& other) noexcept {
        reset(other.release());
        return *this;
    }
    /// Releases the object, if there is one.
    constexpr ~owner() {
        if (object_) Release{}(object_);
    }

    /// Returns the object, which the caller now owns, and leaves this owner empty.
    [[nodiscard]] constexpr element* release() noexcept { return std::exchange(object_, nullptr); }
    /// Takes `object`, then releases the old object, if there is one.
    constexpr void reset(element* object = nullptr) noexcept {
        if (element* const old = std::exchange(object_, object)) Release{}(old);
    }
    /// Returns the object, which this owner keeps; nullptr if it is empty.
    [[nodiscard]] constexpr element* get() const noexcept { return object_; }
    /// Returns the object. The owner must not be empty.
    [[nodiscard]] constexpr element& operator*() const noexcept { return *object_; }
    /// Accesses a member of the object. The owner must not be empty.
    [[nodiscard]] constexpr element* operator->() const noexcept { return object_; }
    /// Returns an element of the array. `index` is not checked.
    [[nodiscard]] constexpr element& operator[](std::size_t index) const noexcept { return object_[index]; }
    /// Returns true if it owns an object.
    constexpr explicit operator bool() const noexcept { return object_ != nullptr; }

  private:
    element* object_ = nullptr;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_OWNER_HPP


namespace netnotes::detail {

/// Whether freed memory may be kept for the next use. AddressSanitizer must see each block and frame freed. MinGW frees
/// the memory of thread_local objects before it calls their destructors, so it keeps nothing either.
inline constexpr bool keeps_freed_memory =
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

/// How many bytes a buffer has at first. Only blocks of this size are kept.
inline constexpr std::size_t block_size = 4096;

class block_store {
  public:
    char* take() noexcept { return count_ == 0 ? nullptr : kept_[--count_]; }
    /// Keeps a block, and returns true. Returns false if it is the caller's still: enough are kept, or the thread ends.
    bool keep(char* block) noexcept {
        if (!keeps_freed_memory || count_ == max_count || (!open_ && !opens())) return false;
        kept_[count_++] = block;
        return true;
    }

  private:
    // A connection needs one block to receive and one to send, and a loop works for one connection at a time.
    static constexpr std::size_t max_count = 4;

    bool opens() noexcept;

    // No constructor and no destructor, so that access to the thread_local object needs no check whether it was made.
    char* kept_[max_count];
    std::size_t count_;
    bool open_;
    bool closed_;
};
inline constinit thread_local block_store blocks{};

/// Opens the store with the first block that a thread gives back. The end of the thread empties it. Blocks that other
/// thread_local objects give back after that are not kept.
inline bool block_store::opens() noexcept {
    struct closing {
        ~closing() {
            blocks.open_ = false;
            blocks.closed_ = true;
            while (char* const block = blocks.take()) delete[] block;
        }
    };
    if (closed_) return false;
    static thread_local closing at_the_end;
    static_cast<void>(at_the_end);
    return open_ = true;
}

/// Returns `size` bytes, or an empty owner if there is no memory.
inline owner<char[]> new_block(std::size_t size) noexcept {
    char* const kept = size == block_size ? blocks.take() : nullptr;
    return owner<char[]>{kept ? kept : new (std::nothrow) char[size]};
}
/// Frees `size` bytes. The owner is empty afterwards.
inline void free_block(owner<char[]>& memory, std::size_t size) noexcept {
    if (size == block_size && blocks.keep(memory.get()))
        static_cast<void>(memory.release());
    else
        memory.reset();
}

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_BLOCK_HPP


namespace netnotes {

namespace detail {
class scheduler;
template <class T>
class task_promise;
template <class T>
class task_awaiter;
struct task_access;
struct write_co_await_before_the_call;  // what a compiler shows for a mistake: tests/package/mistakes.txt
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
    template <class Value, class Advice = detail::write_co_await_before_the_call>
    requires(std::is_arithmetic_v<Value> || std::is_same_v<Value, T>)
    operator Value() const = delete;

  private:
    friend promise_type;
    friend detail::task_access;
    explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

template <class Traits, class T, class Advice = detail::write_co_await_before_the_call>
void operator<<(std::basic_ostream<char, Traits>&, const task<T>&) = delete;

namespace detail {
template <class Traits, class Operation, class Advice = typename Operation::write_co_await>
void operator<<(std::basic_ostream<char, Traits>&, const Operation&) = delete;
template <class Operation, class Value, class Advice = typename Operation::write_co_await>
void operator==(const Operation&, const Value&) = delete;
}  // namespace detail

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

/// The wait of the last task of a chain: the base of the awaiters. An awaiter is in the frame of the awaiting
/// coroutine.
class operation {
  public:
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    // A mistake: the message says what to write. So in `reporting` and `awaited_once`.
    using write_co_await = write_co_await_before_the_call;
    template <class Value, class Advice = write_co_await_before_the_call>
    requires std::is_arithmetic_v<Value>
    operator Value() const = delete;
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
    using write_co_await = write_co_await_before_the_call;
    template <class Value, class Advice = write_co_await_before_the_call>
    requires std::is_arithmetic_v<Value>
    operator Value() const = delete;

  private:
    std::tuple<Parts...> parts_;
};

inline void fiber::leave_awaiter() noexcept {
    if (waits_for_) [[unlikely]]
        waits_for_->cancelled();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

// Every call of a task makes a frame and frees it. There are few sizes, and mostly the last frame made is freed first.
// So each thread keeps some free frames of each size, which halves the cost of a call.

class frame_store {
  public:
    void* take(std::size_t size) {
        const std::size_t index = index_of(size);
        if (!keeps_freed_memory || index >= lists_.size()) return ::operator new(size);
        list& free = lists_[index];
        if (!free.first) return ::operator new((step * index) + first_step);
        --free.length;
        return std::exchange(free.first, free.first->next);
    }
    void give_back(void* frame, std::size_t size) noexcept {
        const std::size_t index = index_of(size);
        if (!keeps_freed_memory || index >= lists_.size() || lists_[index].length == longest)
            return ::operator delete(frame);
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
    /// Notes that the task only awaits one operation, which was made before: with_timeout(2s, stream.recv(room)).
    void set_operation() noexcept { is_operation_ = true; }
    [[nodiscard]] bool is_operation() const noexcept { return is_operation_; }
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
    bool is_operation_ = false;  // beside the state, where it needs no memory
};

/// Stores what a task returned or threw.
template <class T>
class result {
    using stored = std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_const_t<T>>;

  public:
    result() noexcept {}
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    ~result() { clear(); }
    template <class Value>
    void set_value(Value&& value) {
        if constexpr (std::is_reference_v<T>)
            new (&value_) stored{__builtin_addressof(value)};  // std::addressof without <memory>
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
    // Returns the value where it lies, or throws the exception.
    stored& value() {
        if (kind_ == kind::exception) std::rethrow_exception(exception_);
        return value_;
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
    requires(std::is_convertible_v<Value&&, T> && !std::is_arithmetic_v<T>)
    void return_value(Value&& value) { outcome.set_value(std::forward<Value>(value)); }
    // In a task<std::size_t>, `co_return 0` converts a constant, which no compiler warns of. Through a template it would
    // convert an int.
    void return_value(T value) requires std::is_arithmetic_v<T> { outcome.set_value(value); }
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
    T await_resume() const { return outcome().take(); }
    // The result in the frame of the awaited task, when that task has ended.
    [[nodiscard]] result<T>& outcome() const {
        if (!awaited_) [[unlikely]]
            throw_empty_task();
        return awaited_.promise().outcome;
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
    /// Notes that the task only awaits one operation.
    template <class T>
    static void is_operation(const task<T>& what) noexcept {
        what.coroutine_.promise().set_operation();
    }
};

}  // namespace detail

template <class T>
detail::task_awaiter<T> task<T>::operator co_await() && noexcept {
    return detail::task_awaiter<T>{std::exchange(coroutine_, nullptr)};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TASK_HPP


// netnotes/web/routes.hpp: which view answers which path
// SPDX-License-Identifier: MIT
//
// A table of routes is asked from the top to the bottom, and the first route that fits answers. A part in angle
// brackets is given to the view, as the type that the view wants:
//
//        articles/<int:id>/        /articles/42/   ──>  show(request, 42)
//        articles/<slug:name>/     /articles/a-b/  ──>  by_name(request, "a-b")
//
//        http::response show(const http::request&, int id) {
//            return {200, std::to_string(id)};
//        }
//
//        web::routes table;
//        table.path("articles/<int:id>/", show, "detail");
//        std::cout << table.reverse("detail", {42});                       // /articles/42/
//        const http::response page = table.answer(http::request{"GET", "/articles/42/"});
//
// A view that waits is a task. Its request and its arguments live until it has ended:
//
//        task<http::response> slow(http::request&, int id) {
//            co_await sleep_for(std::chrono::seconds{1});
//            co_return http::response{200, std::to_string(id)};
//        }
//
// A path whose parts do not fit the view's arguments does not compile. The notes write tables of regular expressions;
// these are re_path(), and a mismatch throws when the table is made.
//
// The parts: <str:x> or <x> is all but a slash, <int:x> digits, <slug:x> letters, digits, - and _, <path:x> is
// everything, <uuid:x> a UUID in lower case. A path begins without its slash, as Django's do.
//
// On this page:  routes, route_settings · path_text
// The notes:     视图view, 配置url; example 43

#ifndef NETNOTES_WEB_ROUTES_HPP
#define NETNOTES_WEB_ROUTES_HPP

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>



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
// The number of ways is at most the size of the program. So the time is at most the size of the program times the
// length of the text.
//
//        const web::pattern detail{R"(^articles/(?P<id>\d+)/$)"};
//        if (const auto found = detail.search("articles/42/")) std::cout << *(*found)["id"];
//
// It reads what Python's `re` reads, as far as one walk can do it, and finds the same groups:
//
//   a  .  \d \D \w \W \s \S  [a-z]  [^/]        a character; \d \w \s know ASCII only, as with re.ASCII
//   x*  x+  x?  x{2}  x{2,}  x{,5}  x{2,5}      repeated; with ? behind it as few times as possible
//   (x)  (?P<name>x)  (?:x)  x|y                groups, alternatives; the first alternative is preferred
//   ^  $  \A  \Z  \b  \B                        places; $ is the end, or before a line feed at the end
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

/// The places that a pattern found in a text. It refers to both: neither the pattern nor the text may end before it.
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

/// A regular expression. A regular value: several threads may use a constant object at once.
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
    /// Reads a regular expression. Returns nullopt if the text is no pattern, or uses something that this matcher
    /// refuses; `why` then has the reason and its place.
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
/// began later: if an outer repetition has not moved, no inner repetition has. One number is therefore enough: how many
/// of the outermost repetitions have moved. A way that takes a character has moved in all of them.
class walk {
  public:
    walk(const program& of, std::string_view text)
        : program_{of},
          text_{text},
          levels_{of.depth + 1},
          places_(2 * of.groups, missing),
          seen_(of.code.size() * levels_, missing),
          waiting_(of.code.size(), missing) {}

    bool run(bool at_begin, bool to_end, std::vector<std::size_t>& found) {
        if (const instruction& first = program_.code[1]; first.op == operation::place && first.value == 'A')
            at_begin = true;
        const std::size_t width = places_.size();
        bool is_found = false;
        for (std::size_t at = 0;; ++at_count_) {
            // Ways that waited for the last character, in the order of their priority; behind them a new way that
            // begins here.
            next_.clear();
            next_places_.clear();
            bool is_done = false;
            for (std::size_t i = 0; i < now_.size() && !is_done; ++i) {
                ++steps_;
                if (!takes(program_.code[now_[i]], previous_)) continue;
                std::copy_n(now_places_.data() + i * width, width, places_.data());
                is_done = follow(now_[i] + 1, program_.code[now_[i]].depth, at, to_end);
            }
            if (!is_found && !is_done && (at == 0 || !at_begin)) {
                std::fill(places_.begin(), places_.end(), missing);
                is_done = follow(0, 0, at, to_end);
            }
            if (is_done) {
                found = places_;
                is_found = true;
            }
            if (at == text_.size() || (next_.empty() && (is_found || at_begin))) return is_found;
            std::swap(now_, next_);
            std::swap(now_places_, next_places_);
            at += read_character(text_.substr(at), previous_);
        }
    }
    /// How many instructions were executed.
    [[nodiscard]] std::size_t steps() const noexcept { return steps_; }

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
    bool follow(std::uint32_t code, std::uint32_t moved, std::size_t at, bool to_end) {
        branches_.clear();
        do {
            while (const std::uint32_t next = step(code, moved, at)) code = next;
            if (program_.code[code].op == operation::matched && (!to_end || at == text_.size())) return true;
        } while (next_branch(code, moved));
        return false;
    }
    /// Executes an instruction, and returns the next one of this way, or 0 at its end. No way comes to instruction 0.
    std::uint32_t step(std::uint32_t code, std::uint32_t& moved, std::size_t at) {
        ++steps_;
        std::size_t& mark = seen_[code * levels_ + moved];
        if (mark == at_count_) return 0;
        mark = at_count_;
        const instruction& what = program_.code[code];
        switch (what.op) {
            case operation::jump: return what.first;
            case operation::split: branches_.push_back({what.second, moved, 0}); return what.first;
            case operation::enter:
            case operation::again: {
                const bool may_enter = what.op == operation::enter || moved > what.depth;
                moved = std::min<std::uint32_t>(moved, what.depth);
                if (!may_enter) return what.prefers_exit ? what.first : what.second;
                branches_.push_back({what.second, moved, 0});
                return what.first;
            }
            case operation::save:
                if (!branches_.empty()) branches_.push_back({what.value, restores, places_[what.value]});
                places_[what.value] = at;
                return code + 1;
            case operation::place: return holds(what.value, at) ? code + 1 : 0;
            case operation::matched: return 0;
            default:
                if (std::exchange(waiting_[code], at_count_) == at_count_) return 0;
                next_.push_back(code);
                next_places_.insert(next_places_.end(), places_.begin(), places_.end());
                return 0;
        }
    }
    /// Takes the branch of highest priority that is left, with the groups that it had found.
    bool next_branch(std::uint32_t& code, std::uint32_t& moved) {
        while (!branches_.empty()) {
            const visit top = branches_.back();
            branches_.pop_back();
            code = top.code;
            moved = top.moved;
            if (moved != restores) return true;
            places_[code] = top.value;
        }
        return false;
    }

    const program& program_;
    std::string_view text_;
    std::size_t levels_;
    std::vector<std::size_t> places_;
    /// At which character an instruction was last followed, for each number of moved repetitions.
    std::vector<std::size_t> seen_;
    std::vector<std::size_t> waiting_;  // at which character an instruction began to wait
    std::size_t at_count_ = 0, steps_ = 0;
    char32_t previous_ = 0;
    std::vector<std::uint32_t> now_, next_;
    std::vector<std::size_t> now_places_, next_places_;
    std::vector<visit> branches_;
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
    detail::patterns::walk walk{program_, text};
    const bool is_found = walk.run(at_begin, to_end, places);
    if (steps != nullptr) *steps += walk.steps();
    if (!is_found) return std::nullopt;
    return pattern_match{*this, text, std::move(places)};
}

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_PATTERN_HPP

// netnotes/web/route_forms.hpp: from the regular expression of a route to the paths that it takes
// SPDX-License-Identifier: MIT
//
// A route goes from a path to a view. The way back starts with the route's regular expression, and fills its groups:
//
//        ^articles/(\d+)/$                           articles/ _ /
//        ^comments/(?:page-(?P<number>\d+)/)?$       comments/      or     comments/page- number /
//
// So an expression has forms, each of them with other groups. As in Django, what may be left away is left away, and
// what stands for many characters becomes one of them: [abc] is a, and \d is 0. A part with groups may be left away or
// not, so there are two forms. An expression with alternatives outside of its groups has only the empty form. A form
// that the expression does not take again is no answer.
//
// On this page:  (what routes.hpp uses: forms_of)
// The notes:     视图view, 配置url; example 43

#ifndef NETNOTES_WEB_ROUTE_FORMS_HPP
#define NETNOTES_WEB_ROUTE_FORMS_HPP

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>


// netnotes/web/value.hpp: what a template can print
// SPDX-License-Identifier: MIT
//
// A template knows names, and a name has a value. C++ knows types, and a template asks at run time. Between both stands
// this class: one type for everything that a template can print, compare or walk through.
//
//        web::map page{{"title", "Lists"}, {"count", 3}, {"items", web::list{"a", "b"}}};
//        page.set("intro", web::safe_string{"<b>first</b>"});   // HTML already: it is not escaped
//        std::cout << page["items"].text();                     // ['a', 'b'], as Python writes it
//
// A class of yours becomes a map by a function beside it. The function `describe` is found by its argument:
//
//        struct article { int id; std::string title; };
//        web::map describe(const article& a) { return {{"id", a.id}, {"title", a.title}}; }
//
// Values print, compare and count as Python's do, because templates of Django say it so: 1 == 1.0 == True. An empty
// list is false. A missing value is written None. Lists and maps are shared when a value is copied, and they cannot be
// changed after.
//
// On this page:  value, value_kind · list, map · safe_string, time_value · escape
// The notes:     DTL语言, html转义; examples 44, 46

#ifndef NETNOTES_WEB_VALUE_HPP
#define NETNOTES_WEB_VALUE_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>



namespace netnotes::web {

class value;

/// Values in their order.
using list = std::vector<value>;

/// Names and their values, in the order in which they were set. A look-up compares one name after the other, because
/// the maps of pages are small.
class map {
  public:
    using entry = std::pair<std::string, value>;
    map() noexcept;
    map(std::initializer_list<entry> entries);
    map(const map&);
    map(map&&) noexcept;
    map& operator=(const map&);
    map& operator=(map&&) noexcept;
    ~map();

    /// Sets a name's value; replaces an earlier value in its place.
    map& set(std::string_view name, value what);
    /// Returns the name's value, or nullptr if the map does not have the name.
    [[nodiscard]] const value* find(std::string_view name) const noexcept;
    /// Returns the name's value, or an empty value if the map does not have the name.
    [[nodiscard]] const value& operator[](std::string_view name) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] const entry* begin() const noexcept;
    [[nodiscard]] const entry* end() const noexcept;

  private:
    std::vector<entry> entries_;
};

/// Text that is HTML already. Templates print it as it is. Never make it out of a stranger's text.
struct safe_string {
    std::string text;
};
/// A point in time, in UTC, in whole seconds.
using time_value = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;

/// The kinds of values.
enum class value_kind : std::uint8_t { none, boolean, integer, real, string, safe, time, sequence, mapping, function };

namespace detail {
template <class T>
concept describable = requires(const T& object) {
    { describe(object) } -> std::convertible_to<map>;
};
}  // namespace detail

/// A value. A regular value; copies of lists, maps and functions share them.
class value {
  public:
    /// None.
    value() noexcept = default;
    value(std::nullptr_t) noexcept {}
    template <std::same_as<bool> T>
    value(T what) noexcept : held_{what} {}
    /// A whole number of 64 bits. Throws std::out_of_range if the number is above 2^63 - 1.
    template <std::integral T>
    requires(!std::same_as<T, bool> && !std::same_as<T, char>) value(T what) : held_{static_cast<std::int64_t>(what)} {
        if (!std::in_range<std::int64_t>(what)) throw std::out_of_range{"web::value: a number above 2^63 - 1"};
    }
    template <std::floating_point T>
    value(T what) noexcept : held_{static_cast<double>(what)} {}
    value(const char* text) : held_{std::string{text}} {}
    value(std::string_view text) : held_{std::string{text}} {}
    value(std::string text) noexcept : held_{std::move(text)} {}
    value(safe_string text) noexcept : held_{std::move(text)} {}
    value(time_value when) noexcept : held_{when} {}
    value(list items) : held_{std::make_shared<const list>(std::move(items))} {}
    value(map entries) : held_{std::make_shared<const map>(std::move(entries))} {}
    /// Called each time a template asks for the value; it may throw, and the template then throws this.
    template <class F>
    requires(std::is_invocable_r_v<value, const F&> && !std::is_convertible_v<F, std::string_view>) value(F function)
        : held_{std::make_shared<const std::function<value()>>(std::move(function))} {}
    /// An object for which there is a function describe().
    template <detail::describable T>
    value(const T& object) : value(map{describe(object)}) {}
    /// The values of a vector.
    template <class T>
    requires(!std::same_as<T, value> && std::constructible_from<value, const T&>) value(const std::vector<T>& items)
        : value(list(items.begin(), items.end())) {}

    /// Returns which kind of value this is.
    [[nodiscard]] value_kind kind() const noexcept { return static_cast<value_kind>(held_.index()); }
    [[nodiscard]] bool is_none() const noexcept { return kind() == value_kind::none; }
    /// Returns true for a string and for a safe string.
    [[nodiscard]] bool is_text() const noexcept { return kind() == value_kind::string || is_safe(); }
    [[nodiscard]] bool is_safe() const noexcept { return kind() == value_kind::safe; }
    /// Returns true for a boolean, an integer and a real number.
    [[nodiscard]] bool is_number() const noexcept {
        return kind() >= value_kind::boolean && kind() <= value_kind::real;
    }

    /// Returns the characters of a string, empty for every other kind.
    [[nodiscard]] std::string_view string() const noexcept {
        if (const auto* text = std::get_if<std::string>(&held_)) return *text;
        if (const auto* safe = std::get_if<safe_string>(&held_)) return safe->text;
        return {};
    }
    /// Returns the number, or 0 for every other kind.
    [[nodiscard]] double number() const noexcept {
        if (const auto* real = std::get_if<double>(&held_)) return *real;
        return static_cast<double>(integer());
    }
    /// Returns the integer, 1 for true, 0 for every other kind.
    [[nodiscard]] std::int64_t integer() const noexcept {
        if (const auto* whole = std::get_if<std::int64_t>(&held_)) return *whole;
        const auto* truth = std::get_if<bool>(&held_);
        return truth != nullptr && *truth ? 1 : 0;
    }
    [[nodiscard]] std::optional<time_value> time() const noexcept {
        const auto* when = std::get_if<time_value>(&held_);
        return when != nullptr ? std::optional{*when} : std::nullopt;
    }
    /// Returns the list, or nullptr for every other kind.
    [[nodiscard]] const list* as_list() const noexcept {
        const auto* items = std::get_if<std::shared_ptr<const list>>(&held_);
        return items != nullptr ? items->get() : nullptr;
    }
    /// Returns the map, or nullptr for every other kind.
    [[nodiscard]] const map* as_map() const noexcept {
        const auto* entries = std::get_if<std::shared_ptr<const map>>(&held_);
        return entries != nullptr ? entries->get() : nullptr;
    }
    /// Returns what the function returns, or nullopt for every other kind.
    [[nodiscard]] std::optional<value> call() const {
        const auto* function = std::get_if<std::shared_ptr<const std::function<value()>>>(&held_);
        return function != nullptr ? std::optional{(**function)()} : std::nullopt;
    }

    /// Returns false for none, false, 0, and empty values.
    [[nodiscard]] bool is_true() const noexcept;
    /// Returns how many characters, items or entries there are, or nullopt for kinds that have none.
    [[nodiscard]] std::optional<std::size_t> size() const noexcept;
    /// Returns the text that Python's str() makes: 1.0, True, None, ['a', 1].
    [[nodiscard]] std::string text() const;
    /// Returns the text that Python's repr() makes: as text(), and a string stands in quotes.
    [[nodiscard]] std::string repr() const;
    /// Returns the name of Python's type: NoneType, bool, int, float, str, SafeString, datetime.datetime, list, dict,
    /// function.
    [[nodiscard]] std::string_view type_name() const noexcept;

    /// Compares as Python does: numbers by their values, safe strings as strings. Functions are never equal.
    friend bool operator==(const value& a, const value& b) noexcept;
    /// Returns -1, 0 or 1, or nullopt if Python refuses to compare: none, maps, different kinds.
    [[nodiscard]] static std::optional<int> compare(const value& a, const value& b) noexcept;
    /// Returns whether the container has the item: a text a part, a list an item, a map a key. nullopt: no container.
    [[nodiscard]] static std::optional<bool> contains(const value& container, const value& item) noexcept;

  private:
    std::variant<std::monostate, bool, std::int64_t, double, std::string, safe_string, time_value,
                 std::shared_ptr<const list>, std::shared_ptr<const map>, std::shared_ptr<const std::function<value()>>>
        held_;
};

namespace detail {
/// Calls `take` with one piece of the escaped text after the other.
template <class Take>
void escape_in_pieces(std::string_view text, const Take& take) {
    static constexpr auto is_special = [] {
        std::array<bool, 256> made{};
        for (const char c : {'&', '<', '>', '"', '\''}) made[static_cast<unsigned char>(c)] = true;
        return made;
    }();
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!is_special[static_cast<unsigned char>(text[at])]) continue;
        if (at > begin) take(text.substr(begin, at - begin));
        begin = at + 1;
        switch (text[at]) {
            case '&': take("&amp;"); break;
            case '<': take("&lt;"); break;
            case '>': take("&gt;"); break;
            case '"': take("&quot;"); break;
            default: take("&#x27;");
        }
    }
    take(text.substr(begin));
}
/// Compares names, which are short: most comparisons end at the sizes.
inline bool is_same_name(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    if (a.empty() || a.size() > 8) return a == b;
    if (a.size() < 4) return a[0] == b[0] && a[a.size() / 2] == b[a.size() / 2] && a.back() == b.back();
    std::uint32_t first[2], last[2];  // these two overlap
    std::memcpy(&first[0], a.data(), 4), std::memcpy(&first[1], b.data(), 4);
    std::memcpy(&last[0], a.data() + a.size() - 4, 4), std::memcpy(&last[1], b.data() + b.size() - 4, 4);
    return first[0] == first[1] && last[0] == last[1];
}
}  // namespace detail

/// Appends the text to `to` with the five characters replaced that mean something in HTML: & < > " ' become &amp; &lt;
/// &gt; &quot; &#x27;. The result may stand between tags, and in an attribute that has quotes. It may stand neither in
/// a script nor in an attribute without quotes.
inline void escape_to(std::string& to, std::string_view text) {
    detail::escape_in_pieces(text, [&to](std::string_view piece) { to += piece; });
}
/// Returns the text escaped for HTML, see escape_to().
[[nodiscard]] inline std::string escape(std::string_view text) {
    std::string made;
    made.reserve(text.size() + text.size() / 8);
    escape_to(made, text);
    return made;
}

// ========================================================================================================
// How it is done
// ========================================================================================================

inline map::map() noexcept = default;
inline map::map(const map&) = default;
inline map::map(map&&) noexcept = default;
inline map& map::operator=(const map&) = default;
inline map& map::operator=(map&&) noexcept = default;
inline map::~map() = default;
inline map::map(std::initializer_list<entry> entries) {
    for (const entry& each : entries) set(each.first, each.second);
}
inline map& map::set(std::string_view name, value what) {
    for (entry& each : entries_)
        if (each.first == name) return each.second = std::move(what), *this;
    entries_.emplace_back(name, std::move(what));
    return *this;
}
inline const value* map::find(std::string_view name) const noexcept {
    for (const entry& each : entries_)
        if (detail::is_same_name(each.first, name)) return &each.second;
    return nullptr;
}
inline const value& map::operator[](std::string_view name) const noexcept {
    static const value none;
    const value* found = find(name);
    return found != nullptr ? *found : none;
}
inline std::size_t map::size() const noexcept { return entries_.size(); }
inline const map::entry* map::begin() const noexcept { return entries_.data(); }
inline const map::entry* map::end() const noexcept { return entries_.data() + entries_.size(); }

namespace detail {

/// How deep lists and maps are written and compared; deeper ones are written as [...].
inline constexpr unsigned max_value_depth = 100;

/// The size of the character at which the text begins; a byte that is no UTF-8 is a character of its own.
inline std::size_t character_size(std::string_view text) noexcept {
    char32_t point = 0;
    return std::max<std::size_t>(netnotes::detail::read_utf8(text, point), 1);
}
inline std::size_t count_characters(std::string_view text) noexcept {
    std::size_t count = 0;
    for (; !text.empty(); text.remove_prefix(character_size(text))) ++count;
    return count;
}
/// The character with this number, or nullopt.
inline std::optional<std::string_view> character_at(std::string_view text, std::size_t index) noexcept {
    for (; !text.empty(); text.remove_prefix(character_size(text)))
        if (index-- == 0) return text.substr(0, character_size(text));
    return std::nullopt;
}

/// A number as Python writes it: the shortest text that reads as the same number, with an exponent where it is below -4
/// or above 15.
inline std::string real_text(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
    char digits[40];
    for (int precision = 0; precision < 18; ++precision) {
        std::snprintf(digits, sizeof digits, "%.*e", precision, number);
        if (std::strtod(digits, nullptr) == number) break;
    }
    std::string mantissa{digits};
    const std::size_t at = mantissa.find('e');
    const int exponent = std::atoi(mantissa.c_str() + at + 1);
    mantissa.resize(at);
    std::string sign = mantissa[0] == '-' ? "-" : "";
    std::erase_if(mantissa, [](char c) { return c < '0' || c > '9'; });
    const auto size = static_cast<int>(mantissa.size());
    if (exponent < -4 || exponent > 15) {
        if (size > 1) mantissa.insert(mantissa.begin() + 1, '.');
        const std::string power = std::to_string(std::abs(exponent));
        return sign + mantissa + (exponent < 0 ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
    }
    if (exponent < 0) return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + mantissa;
    if (size <= exponent + 1)
        return sign + mantissa + std::string(static_cast<std::size_t>(exponent + 1 - size), '0') + ".0";
    mantissa.insert(mantissa.begin() + (exponent + 1), '.');
    return sign + mantissa;
}
/// A text as Python's repr() writes it.
inline std::string repr_of(std::string_view text) {
    const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
    std::string made{quote};
    for (const char c : text) {
        if (c == quote || c == '\\')
            made += {'\\', c};
        else if (c == '\n')
            made += "\\n";
        else if (c == '\r')
            made += "\\r";
        else if (c == '\t')
            made += "\\t";
        else if (static_cast<unsigned char>(c) < 32 || c == 127)
            made += {'\\', 'x', netnotes::detail::hexadecimal_digits[static_cast<unsigned char>(c) >> 4],
                     netnotes::detail::hexadecimal_digits[c & 15]};
        else
            made += c;
    }
    return made + quote;
}

void write_value(std::string& to, const value& what, bool in_quotes, unsigned depth);
bool are_equal(const value& a, const value& b, unsigned depth) noexcept;
std::optional<int> compare_values(const value& a, const value& b, unsigned depth) noexcept;
std::string plain_time(time_value when);

}  // namespace detail

inline bool value::is_true() const noexcept {
    if (const auto count = size()) return *count != 0;
    return is_number() ? number() != 0 : !is_none();
}
inline std::optional<std::size_t> value::size() const noexcept {
    if (is_text()) return detail::count_characters(string());
    if (const list* items = as_list()) return items->size();
    if (const map* entries = as_map()) return entries->size();
    return std::nullopt;
}
inline std::string value::text() const {
    std::string made;
    detail::write_value(made, *this, false, 0);
    return made;
}
inline std::string value::repr() const {
    std::string made;
    detail::write_value(made, *this, true, 0);
    return made;
}
inline std::string_view value::type_name() const noexcept {
    constexpr std::string_view names[] = {"NoneType",          "bool", "int",  "float",   "str", "SafeString",
                                          "datetime.datetime", "list", "dict", "function"};
    return names[held_.index()];
}
inline bool operator==(const value& a, const value& b) noexcept { return detail::are_equal(a, b, 0); }
inline std::optional<int> value::compare(const value& a, const value& b) noexcept {
    return detail::compare_values(a, b, 0);
}
inline std::optional<bool> value::contains(const value& container, const value& item) noexcept {
    if (container.is_text()) {
        if (!item.is_text()) return std::nullopt;
        return container.string().find(item.string()) != std::string_view::npos;
    }
    if (const list* items = container.as_list()) return std::find(items->begin(), items->end(), item) != items->end();
    if (const map* entries = container.as_map()) {
        if (item.as_list() != nullptr || item.as_map() != nullptr) return std::nullopt;  // not hashable
        return item.is_text() && entries->find(item.string()) != nullptr;
    }
    return std::nullopt;
}

namespace detail {

inline void write_value(std::string& to, const value& what, bool in_quotes, unsigned depth) {
    switch (what.kind()) {
        case value_kind::none: to += "None"; return;
        case value_kind::boolean: to += what.integer() != 0 ? "True" : "False"; return;
        case value_kind::integer: to += std::to_string(what.integer()); return;
        case value_kind::real: to += real_text(what.number()); return;
        case value_kind::string:
        case value_kind::safe: in_quotes ? to += repr_of(what.string()) : to.append(what.string()); return;
        case value_kind::time: to += plain_time(*what.time()); return;
        case value_kind::function: to += "<function>"; return;
        case value_kind::sequence: {
            if (depth == max_value_depth) return void(to += "[...]");
            to += '[';
            for (const value& each : *what.as_list()) {
                if (&each != what.as_list()->data()) to += ", ";
                write_value(to, each, true, depth + 1);
            }
            to += ']';
            return;
        }
        case value_kind::mapping: {
            if (depth == max_value_depth) return void(to += "{...}");
            to += '{';
            for (const auto& each : *what.as_map()) {
                if (&each != what.as_map()->begin()) to += ", ";
                to += repr_of(each.first) + ": ";
                write_value(to, each.second, true, depth + 1);
            }
            to += '}';
        }
    }
}
inline bool are_equal(const value& a, const value& b, unsigned depth) noexcept {
    if (a.is_number() && b.is_number()) return compare_values(a, b, depth) == 0;
    if (a.is_text() && b.is_text()) return a.string() == b.string();
    if (a.kind() != b.kind() || depth == max_value_depth) return false;
    if (a.is_none()) return true;
    if (a.time()) return a.time() == b.time();
    if (const list* x = a.as_list(), *y = b.as_list(); x != nullptr)
        return std::equal(x->begin(), x->end(), y->begin(), y->end(),
                          [&](const value& c, const value& d) { return are_equal(c, d, depth + 1); });
    if (const map* x = a.as_map(), *y = b.as_map(); x != nullptr)
        return x->size() == y->size() && std::all_of(x->begin(), x->end(), [&](const map::entry& each) {
                   const value* other = y->find(each.first);
                   return other != nullptr && are_equal(each.second, *other, depth + 1);
               });
    return false;
}
inline std::optional<int> compare_values(const value& a, const value& b, unsigned depth) noexcept {
    const auto order = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
    if (a.is_number() && b.is_number()) {
        if (a.kind() == value_kind::real || b.kind() == value_kind::real) {
            if (std::isnan(a.number()) || std::isnan(b.number())) return std::nullopt;
            return order(a.number(), b.number());
        }
        return order(a.integer(), b.integer());
    }
    if (a.is_text() && b.is_text()) return order(a.string(), b.string());
    if (a.time() && b.time()) return order(*a.time(), *b.time());
    const list *x = a.as_list(), *y = b.as_list();
    if (x == nullptr || y == nullptr || depth == max_value_depth) return std::nullopt;
    for (std::size_t i = 0; i < x->size() && i < y->size(); ++i)
        if (!are_equal((*x)[i], (*y)[i], depth + 1)) return compare_values((*x)[i], (*y)[i], depth + 1);
    return order(x->size(), y->size());
}
/// The date and the time of day: 2026-11-29 17:09:21.
inline std::string plain_time(time_value when) {
    const auto day = std::chrono::floor<std::chrono::days>(when);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{when - day};
    char made[64];
    std::snprintf(made, sizeof made, "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return made;
}

}  // namespace detail

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_VALUE_HPP


namespace netnotes::web::detail::routing {

/// A piece of a form: text, or a group with its number and perhaps a name.
struct form_part {
    std::string text;
    std::size_t group = 0;  // 0: this is text
    std::string name{};
};
using form = std::vector<form_part>;

/// Reads the expression of a route, which pattern has read before, so that it is right.
class form_reader {
  public:
    /// How many forms an expression may have: each optional part with groups doubles them.
    static constexpr std::size_t max_forms = 64;

    explicit form_reader(std::string_view text) noexcept : text_{text} {}

    /// Returns the forms, or nullopt if there are too many, or if they are too long.
    std::optional<std::vector<form>> read() {
        std::vector<item> items;
        std::vector<std::size_t> open;  // where the items of each group without a number begin
        while (const auto next = take()) {
            const auto [what, is_escaped] = *next;
            const char sign = is_escaped || what.size() != 1 ? '\0' : what[0];
            if (sign == '|') {
                has_choice_ = true;
                return std::vector<form>(1);
            }
            if (sign == '$') break;
            if (sign == '^') continue;
            if (sign == '(') {
                if (text_.substr(at_).starts_with("?:"))
                    at_ += 2, open.push_back(items.size());
                else
                    items.push_back(read_group());
            } else if (sign == ')' && !open.empty()) {
                item whole;
                const auto begin = items.begin() + static_cast<std::ptrdiff_t>(open.back());
                for (auto each = begin; each != items.end(); ++each)
                    if (!append(whole, *each)) return std::nullopt;
                items.erase(begin, items.end());
                items.push_back(std::move(whole));
                open.pop_back();
            } else if (sign == '[') {
                const auto first = take();  // of [^/] this is ^, which often fits
                if (first && first->first == "^" && text_.substr(at_).starts_with(']')) ++at_;
                items.push_back(item{{{{first ? first->first : std::string{}}}}});
                while (const auto inside = take())
                    if (!inside->second && inside->first == "]") break;
            } else if (!items.empty() && (sign == '*' || sign == '?' || sign == '+' || (sign == '{' && is_count()))) {
                const std::size_t count = least_count(sign);
                if (text_.substr(at_).starts_with('?')) ++at_;
                if (count == 0 && items.back().has_group)
                    items.back().ways.insert(items.back().ways.begin(), form{});
                else if (count == 0)
                    items.pop_back();
                else if (items.back().size * count > max_size)
                    return std::nullopt;
                else
                    items.insert(items.end(), count - 1, item{items.back()});
            } else {
                items.push_back(item{{{{what}}}});
            }
        }
        item whole;
        for (const item& each : items)
            if (!append(whole, each)) return std::nullopt;
        return std::move(whole.ways);
    }

    /// Returns true if read() has met alternatives outside of the groups.
    [[nodiscard]] bool has_choice() const noexcept { return has_choice_; }

  private:
    static constexpr std::size_t max_size = 100'000;  // of a form, in pieces; x{1000} has a thousand
    struct item {
        std::vector<form> ways{form{}};
        bool has_group = false;
        std::size_t size = 1;
    };

    /// Puts each form of `more` behind each form of `to`.
    static bool append(item& to, const item& more) {
        to.size += more.size;
        if (to.ways.size() * more.ways.size() > max_forms || to.size > max_size) return false;
        std::vector<form> made;
        for (const form& begin : to.ways)
            for (const form& end : more.ways) {
                made.push_back(begin);
                for (const form_part& each : end)
                    if (each.group == 0 && !made.back().empty() && made.back().back().group == 0)
                        made.back().back().text += each.text;
                    else
                        made.back().push_back(each);
            }
        to.ways = std::move(made);
        to.has_group = to.has_group || more.has_group;
        return true;
    }
    /// Takes a character. One behind a backslash is another one of its kind, and places like \b are passed over.
    std::optional<std::pair<std::string, bool>> take() {
        while (at_ < text_.size()) {
            std::size_t size = character_size(text_.substr(at_));
            std::string what{text_.substr(std::exchange(at_, at_ + size), size)};
            if (what != "\\" || at_ == text_.size()) return std::pair{std::move(what), false};
            size = character_size(text_.substr(at_));
            what = text_.substr(std::exchange(at_, at_ + size), size);
            constexpr std::string_view kinds = "dDsSwW", members = "0x xx!", places = "AbBZ";
            if (what.size() == 1 && places.find(what[0]) != places.npos) continue;
            const std::size_t kind = what.size() == 1 ? kinds.find(what[0]) : kinds.npos;
            if (kind != kinds.npos) what = members[kind];
            return std::pair{std::move(what), true};
        }
        return std::nullopt;
    }
    /// Reads a group with a number up to its end, with the groups inside. `at_` is behind its parenthesis.
    item read_group() {
        form_part made;
        made.group = ++groups_;
        if (text_.substr(at_).starts_with("?P<")) {
            const std::size_t end = std::min(text_.find('>', at_), text_.size());
            made.name = text_.substr(at_ + 3, end - at_ - 3);
        }
        bool in_set = false;
        for (std::size_t depth = 1; depth > 0;) {
            const auto next = take();
            if (!next) break;
            if (next->second || next->first.size() != 1) continue;
            const char sign = next->first[0];
            if (in_set) {
                in_set = sign != ']';
            } else if (sign == '[') {
                in_set = true;
                if (text_.substr(at_).starts_with('^')) ++at_;
                if (text_.substr(at_).starts_with(']')) ++at_;
            } else if (sign == '(') {
                ++depth;
                if (!text_.substr(at_).starts_with('?') || text_.substr(at_).starts_with("?P<")) ++groups_;
            } else if (sign == ')') {
                --depth;
            }
        }
        return {{{std::move(made)}}, true};
    }
    /// Returns whether {2}, {2,}, {,5} or {2,5} begins here: another brace is a character. `at_` is behind it.
    [[nodiscard]] bool is_count() const {
        const std::size_t end = text_.find_first_not_of("0123456789,", at_);
        return end != text_.npos && end > at_ && text_[end] == '}';
    }
    /// How often something is repeated at least. `at_` is behind the sign of the repetition.
    std::size_t least_count(char sign) {
        if (sign != '{') return sign == '+' ? 1 : 0;
        const std::size_t end = std::min(text_.find('}', at_), text_.size());
        std::size_t count = 0;
        for (; at_ < end && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
            count = std::min<std::size_t>(count * 10 + static_cast<std::size_t>(text_[at_] - '0'), max_size);
        at_ = std::min(end + 1, text_.size());
        return count;
    }

    std::string_view text_;
    std::size_t at_ = 0, groups_ = 0;
    bool has_choice_ = false;
};

/// One piece of a route: a path of its own, or that of a table which was included.
struct piece {
    std::string text;  // as it was written
    web::pattern compiled;
    bool is_path;
};
/// A form of a whole route. Each group also knows its number among the arguments of the view, or has npos.
struct whole_form {
    form parts;
    std::vector<std::size_t> places;
};
/// Returns the forms of a route. If there are too many, the list is empty.
inline std::vector<whole_form> forms_of(const std::vector<piece>& pieces) {
    std::vector<whole_form> all(1);
    std::size_t arguments = 0;
    for (const piece& each : pieces) {
        const auto& names = each.compiled.names();
        const auto place = [&](const form_part& part) {
            if (names.empty()) return arguments + part.group - 1;
            const auto found =
                std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.first == part.name; });
            return found == names.end() ? std::string::npos
                                        : arguments + static_cast<std::size_t>(found - names.begin());
        };
        form_reader reader{each.compiled.text()};
        const auto forms = reader.read();
        if (!forms) return {};
        if (reader.has_choice()) return std::vector<whole_form>(1);
        std::vector<whole_form> longer;
        for (const whole_form& begin : all)
            for (const form& end : *forms) {
                longer.push_back(begin);
                for (const form_part& part : end) {
                    longer.back().parts.push_back(part);
                    if (part.group != 0) longer.back().places.push_back(place(part));
                }
            }
        if (longer.size() > form_reader::max_forms) return {};
        all = std::move(longer);
        arguments += names.empty() ? each.compiled.group_count() : names.size();
    }
    return all;
}

}  // namespace netnotes::web::detail::routing

#endif  // NETNOTES_WEB_ROUTE_FORMS_HPP

// netnotes/web/template.hpp: pages with gaps, and what fills them
// SPDX-License-Identifier: MIT
//
// A view should compute, and a page should look nice. So the page is a file of its own, a template. The view gives it
// names and values, and the template says where they stand:
//
//        web::template_map texts{{"list.html", "<ul>{% for x in all %}<li>{{ x }}</li>{% endfor %}</ul>"}};
//        const web::templates pages{texts};
//        std::cout << pages.render("list.html", {{"all", web::list{"a", "<b>"}}});
//
// This prints <ul><li>a</li><li>&lt;b&gt;</li></ul>: what a stranger has typed cannot become a tag.
//
// The language is Django's. A page can extend another page, and fills the blocks of that page:
//
//   base.html    <title>{% block title %}Shop{% endblock %}</title>
//   list.html    {% extends "base.html" %}{% block title %}List, {{ block.super }}{% endblock %}
//   prints       <title>List, Shop</title>
//
// Text before {% extends %} is printed. Text behind it is lost, unless it stands in a block that the parent has.
//
// Texts of templates are a part of the program, and values may come from strangers. A template that loops over a long
// list a thousand times is as slow as it is written.
//
// Output and errors equal Django's (3.2), and the line is added. These differ: loops of includes end with a
// template_error, and so does a page of more than 16 MiB. Tags and filters that the notes do not use are not there.
//
// On this page:  templates, template_settings
// The notes:     django模板处理, DTL语言, 模板的继承, html转义; examples 44 to 46

#ifndef NETNOTES_WEB_TEMPLATE_HPP
#define NETNOTES_WEB_TEMPLATE_HPP

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>


// netnotes/web/template_expression.hpp: names, literals and conditions of a template
// SPDX-License-Identifier: MIT
//
// A variable tag holds one expression: a name or a literal, and filters behind it. A dot asks the value on its left:
// for the entry of a map, or for the item of a list.
//
//   {{ shop.items.0.name|upper }}       the map shop, its list, the item 0, the entry name; then the filter upper
//   {{ "now"|default:title }}           an argument is a name or a literal, too
//   {% if a and not b|length > 10 %}    conditions have Python's operators, with blanks around them
//
// A name that is not known is no error: it prints nothing, and is None in a condition. Only a misspelt *filter* is one.
//
// On this page:  (what template.hpp uses: expression, condition, scope)
// The notes:     DTL语言 (变量); example 44

#ifndef NETNOTES_WEB_TEMPLATE_EXPRESSION_HPP
#define NETNOTES_WEB_TEMPLATE_EXPRESSION_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// netnotes/web/template_filters.hpp: what stands behind the | in a template
// SPDX-License-Identifier: MIT
//
// A filter takes a value and returns another value. It may have one argument:
//
//   {{ name|title }}                       ada lovelace -> Ada Lovelace
//   {{ names|join:", " }}                  ["a", "b"]   -> a, b
//   {{ text|truncatechars:10 }}            -> 9 characters and an ellipsis
//   {{ when|date:"Y-m-d" }}                -> 2026-11-29
//   {{ count }} item{{ count|pluralize }}  -> 1 item, 2 items
//
// Each filter says whether it keeps HTML intact. If it does, and its value was safe, the result is safe. `upper` does
// not: &lt; would become &LT;.
//
// The letters of other alphabets than ASCII keep their case. Python changes them, too.
//
// On this page:  (what template.hpp uses: the table of filters)
// The notes:     DTL语言 (过滤器); example 44

#ifndef NETNOTES_WEB_TEMPLATE_FILTERS_HPP
#define NETNOTES_WEB_TEMPLATE_FILTERS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// netnotes/web/template_date.hpp: a point in time, written as a format says
// SPDX-License-Identifier: MIT
//
// Each letter of the format stands for a part of the time, and a letter behind a backslash stands for itself:
//
//        Y-m-d H:i:s        2026-11-29 17:09:21
//        N j, Y             Nov. 29, 2026
//        l \t\h\e jS        Sunday the 29th
//
// These are the letters of PHP's date(), and Django's. Times are in UTC.
//
// On this page:  (what template_filters.hpp uses: format_date)
// The notes:     DTL语言 (过滤器)

#ifndef NETNOTES_WEB_TEMPLATE_DATE_HPP
#define NETNOTES_WEB_TEMPLATE_DATE_HPP

#include <chrono>
#include <string>
#include <string_view>



namespace netnotes::web::detail::templates {

inline std::string two_digits(unsigned number) {
    return netnotes::detail::joined(number < 10 ? "0" : "", std::to_string(number));
}

/// Returns the time in a format of Django's filter `date`. It knows d j D l S w z, m n M b N F, y Y L t, g G h H i s a
/// A f P, c U. Other letters stand for themselves.
inline std::string format_date(time_value when, std::string_view format) {
    using namespace std::chrono;
    constexpr std::string_view months[] = {"January", "February", "March",     "April",   "May",      "June",
                                           "July",    "August",   "September", "October", "November", "December"};
    constexpr std::string_view short_months[] = {"Jan.", "Feb.", "March", "April", "May",  "June",
                                                 "July", "Aug.", "Sept.", "Oct.",  "Nov.", "Dec."};
    constexpr std::string_view days_of_week[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                 "Thursday", "Friday", "Saturday"};
    const auto midnight = floor<days>(when);
    const year_month_day date{midnight};
    const hh_mm_ss clock{when - midnight};
    const auto hour = static_cast<unsigned>(clock.hours().count());
    const auto minute = static_cast<unsigned>(clock.minutes().count());
    const auto second = static_cast<unsigned>(clock.seconds().count());
    const auto day = static_cast<unsigned>(date.day()), month = static_cast<unsigned>(date.month());
    const int year = static_cast<int>(date.year());
    const unsigned week_day = weekday{midnight}.c_encoding();
    const unsigned hour_12 = hour % 12 == 0 ? 12 : hour % 12;
    const std::string_view half = hour < 12 ? "a.m." : "p.m.";
    const std::string short_time =
        std::to_string(hour_12) + (minute == 0 ? "" : netnotes::detail::joined(":", two_digits(minute)));
    std::string made;
    for (std::size_t i = 0; i < format.size(); ++i) {
        switch (format[i]) {
            case '\\':
                if (++i < format.size()) made += format[i];
                break;
            case 'd': made += two_digits(day); break;
            case 'j': made += std::to_string(day); break;
            case 'D': made += days_of_week[week_day].substr(0, 3); break;
            case 'l': made += days_of_week[week_day]; break;
            case 'S':
                made += day / 10 == 1   ? "th"
                        : day % 10 == 1 ? "st"
                        : day % 10 == 2 ? "nd"
                        : day % 10 == 3 ? "rd"
                                        : "th";
                break;
            case 'w': made += std::to_string(week_day); break;
            case 'z': made += std::to_string((midnight - sys_days{date.year() / January / 1}).count() + 1); break;
            case 'm': made += two_digits(month); break;
            case 'n': made += std::to_string(month); break;
            case 'M': made += months[month - 1].substr(0, 3); break;
            case 'b':
                made += static_cast<char>(months[month - 1][0] | 0x20);
                made += months[month - 1].substr(1, 2);
                break;
            case 'N': made += short_months[month - 1]; break;
            case 'F':
            case 'E': made += months[month - 1]; break;
            case 'y': made += two_digits(static_cast<unsigned>(year % 100)); break;
            case 'Y': made += std::to_string(year); break;
            case 'L': made += date.year().is_leap() ? "True" : "False"; break;
            case 't': made += two_digits(static_cast<unsigned>((date.year() / date.month() / last).day())); break;
            case 'g': made += std::to_string(hour_12); break;
            case 'G': made += std::to_string(hour); break;
            case 'h': made += two_digits(hour_12); break;
            case 'H': made += two_digits(hour); break;
            case 'i': made += two_digits(minute); break;
            case 's': made += two_digits(second); break;
            case 'u': made += "000000"; break;
            case 'a': made += half; break;
            case 'A': made += hour < 12 ? "AM" : "PM"; break;
            case 'f': made += short_time; break;
            case 'P':
                made += minute == 0 && hour == 0    ? "midnight"
                        : minute == 0 && hour == 12 ? "noon"
                                                    : short_time + " " + std::string{half};
                break;
            case 'c':
                made += plain_time(when);
                made[made.size() - 9] = 'T';
                break;
            case 'U': made += std::to_string(when.time_since_epoch().count()); break;
            default: made += format[i];
        }
    }
    return made;
}

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_DATE_HPP

// netnotes/web/template_lexer.hpp: from the text of a template to its tags
// SPDX-License-Identifier: MIT
//
// A template is text with tags in it. A tag stands on one line and has one of three kinds of braces:
//
//   Hello, {{ name|title }}!{% if is_new %} Welcome.{% endif %}{# a comment #}
//   text   a variable        a block tag   text     a block tag a comment: nothing
//
// Braces that are not closed on their line are text, as in Django. The words of a block tag are separated by blanks,
// and a string in quotes may contain blanks.
//
// On this page:  template_error · (what template.hpp uses: tokens and words)
// The notes:     DTL语言; example 44

#ifndef NETNOTES_WEB_TEMPLATE_LEXER_HPP
#define NETNOTES_WEB_TEMPLATE_LEXER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>



namespace netnotes::web {

/// Thrown for a template that cannot be read or rendered. It has the name and the text of Django's exception, and the
/// place, which Django shows on its yellow page only. what() has all: `page.html, line 3: TemplateSyntaxError: ...`.
class template_error : public std::runtime_error {
  public:
    template_error(std::string_view kind, std::string_view message, std::string_view file = {}, std::size_t line = 0)
        : std::runtime_error{line == 0 ? netnotes::detail::joined(kind, ": ", message)
                                       : netnotes::detail::joined(file, ", line ", std::to_string(line), ": ", kind,
                                                                  ": ", message)},
          kind_{kind},
          message_{message},
          file_{file},
          line_{line} {}

    /// Returns the name of Django's exception, for example TemplateSyntaxError or TemplateDoesNotExist.
    [[nodiscard]] const std::string& kind() const noexcept { return kind_; }
    /// Returns the text of Django's exception.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    /// Returns the name of the template.
    [[nodiscard]] const std::string& file() const noexcept { return file_; }
    /// Returns the line on which the tag stands, counted from 1, or 0 if it is unknown.
    [[nodiscard]] std::size_t line() const noexcept { return line_; }

  private:
    std::string kind_, message_, file_;
    std::size_t line_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail::templates {

[[noreturn]] inline void refuse(std::string_view message) { throw template_error{"TemplateSyntaxError", message}; }

enum class token_kind : std::uint8_t { text, variable, block, comment };

struct token {
    token_kind kind{};
    std::string_view contents;  // of a tag: what stands between the braces, without blanks around it
    std::size_t line = 0;
};

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}
/// A letter, a digit or an underscore. A byte of a longer character counts as a letter.
constexpr bool is_word(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
constexpr std::string_view stripped(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

/// Cuts a template into texts and tags.
inline std::vector<token> tokens_of(std::string_view text) {
    std::vector<token> all;
    std::string end_of_verbatim;
    std::size_t begin = 0, line = 1, counted = 0, line_end = 0;
    std::size_t unclosed[3] = {0, 0, 0};  // up to there no closing brace of this kind comes: so the whole stays linear
    const auto add = [&](token_kind kind, std::string_view contents, std::size_t at) {
        line += static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(counted),
                                                    text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
        counted = at;
        all.push_back({kind, contents, line});
    };
    const auto add_text = [&](std::size_t end) {
        if (end > begin) add(token_kind::text, text.substr(begin, end - begin), begin);
    };
    for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at)) {
        const char kind = at + 1 < text.size() ? text[at + 1] : '\0';
        const std::size_t which = kind == '{' ? 0 : kind == '%' ? 1 : 2;
        if ((kind != '{' && kind != '%' && kind != '#') || at < unclosed[which]) {
            ++at;
            continue;
        }
        if (at >= line_end) line_end = std::min(text.find('\n', at), text.size());
        const char closing[] = {kind == '{' ? '}' : kind, '}'};
        const std::size_t close = text.substr(0, line_end).find(std::string_view{closing, 2}, at + 2);
        if (close == text.npos) {
            unclosed[which] = line_end;
            ++at;
            continue;
        }
        const std::string_view contents = stripped(text.substr(at + 2, close - at - 2));
        if (!end_of_verbatim.empty() && kind == '%' && contents == end_of_verbatim) end_of_verbatim.clear();
        if (!end_of_verbatim.empty()) {
            add_text(at);
            add(token_kind::text, text.substr(at, close + 2 - at), at);
        } else {
            add_text(at);
            add(which == 0 ? token_kind::variable : which == 1 ? token_kind::block : token_kind::comment, contents, at);
            if (kind == '%' && (contents == "verbatim" || contents.starts_with("verbatim ")))
                end_of_verbatim = netnotes::detail::joined("end", contents);
        }
        begin = at = close + 2;
    }
    add_text(text.size());
    return all;
}

/// The first word of a tag, or an empty text.
constexpr std::string_view first_word(std::string_view contents) noexcept {
    contents = stripped(contents);
    return contents.substr(
        0, static_cast<std::size_t>(std::find_if(contents.begin(), contents.end(), is_blank) - contents.begin()));
}
/// The words between blanks, as Python's split().
inline std::vector<std::string_view> plain_words(std::string_view text) {
    std::vector<std::string_view> words;
    for (text = stripped(text); !text.empty(); text = stripped(text)) {
        words.push_back(first_word(text));
        text.remove_prefix(words.back().size());
    }
    return words;
}
/// Returns the place behind the string in quotes that begins at `at`, or npos if the string does not end.
constexpr std::size_t behind_string(std::string_view text, std::size_t at) noexcept {
    for (std::size_t i = at + 1; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == text[at])
            return i + 1;
    }
    return text.npos;
}
/// The words of a tag. A string in quotes is a part of its word, with its blanks.
inline std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    std::size_t at = 0;
    std::size_t open[2] = {text.npos, text.npos};  // from there on a quote of this kind is known not to end
    while (true) {
        while (at < text.size() && is_blank(text[at])) ++at;
        if (at == text.size()) return words;
        const std::size_t begin = at;
        bool has_string = false;
        while (at < text.size() && !is_blank(text[at])) {
            if (text[at] != '"' && text[at] != '\'') {
                ++at;
                continue;
            }
            std::size_t& known = open[text[at] == '"' ? 0 : 1];
            const std::size_t behind = at >= known ? text.npos : behind_string(text, at);
            if (behind == text.npos) {
                known = std::min(known, at);
                if (has_string) break;  // the next word begins with this quote
                while (at < text.size() && !is_blank(text[at])) ++at;
                break;
            }
            has_string = true;
            at = behind;
        }
        words.push_back(text.substr(begin, at - begin));
    }
}

}  // namespace detail::templates

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_TEMPLATE_LEXER_HPP



namespace netnotes::web::detail::templates {

[[noreturn]] inline void type_error(const std::string& message) { throw template_error{"TypeError", message}; }

/// What Python's int() makes of a value; nullopt for a text that is no whole number, and for other kinds.
inline std::optional<std::int64_t> whole_number(const value& what) {
    if (what.kind() == value_kind::real) {
        const double number = std::trunc(what.number());
        if (!(std::abs(number) < 9.2e18)) return std::nullopt;
        return static_cast<std::int64_t>(number);
    }
    if (what.is_number()) return what.integer();
    std::string_view text = stripped(what.string());
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) text.remove_prefix(1);
    std::int64_t number = 0;
    char before = '_';
    for (const char c : text) {
        if (c == '_' ? before == '_' : c < '0' || c > '9') return std::nullopt;
        before = c;
        if (c == '_') continue;
        if (number > (INT64_MAX - 9) / 10) return std::nullopt;
        number = number * 10 + (c - '0');
    }
    if (before == '_') return std::nullopt;
    return is_negative ? -number : number;
}
/// What Python's float() makes of a text.
inline std::optional<double> real_number(std::string_view text) {
    std::string digits{stripped(text)};
    const bool is_plain = !digits.empty() && digits.find_first_not_of("0123456789+-.eE") == digits.npos;
    if (!is_plain) return std::nullopt;
    std::istringstream in{digits};
    in.imbue(std::locale::classic());  // strtod() would want a comma in a program that has called setlocale()
    double number = 0;
    return in >> number && in.peek() == std::istringstream::traits_type::eof() ? std::optional{number} : std::nullopt;
}
inline std::string lower(std::string_view text) {
    std::string made{text};
    for (char& c : made)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return made;
}
inline std::string upper(std::string_view text) {
    std::string made{text};
    for (char& c : made)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c & ~0x20);
    return made;
}
constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Each word with a capital; not behind an apostrophe ("it's") and not behind a digit ("1st").
inline std::string title(std::string_view text) {
    std::string made{text};
    char before = ' ';
    for (char& c : made) {
        const bool is_inside = is_lower(before) || is_upper(before);
        if (is_inside && is_upper(c)) c = static_cast<char>(c | 0x20);
        if (!is_inside && is_lower(c)) c = static_cast<char>(c & ~0x20);
        before = c;
    }
    for (std::size_t i = 0; i + 2 < made.size(); ++i)
        if (is_lower(made[i]) && made[i + 1] == '\'' && is_upper(made[i + 2])) {
            made[i + 2] = static_cast<char>(made[i + 2] | 0x20);
            i += 2;
        }
    for (std::size_t i = 0; i + 1 < made.size(); ++i)
        if (is_digit(made[i]) && is_upper(made[i + 1])) made[i + 1] = static_cast<char>(made[i + 1] | 0x20);
    return made;
}
inline std::string without(std::string_view text, std::string_view part) {
    if (part.empty()) return std::string{text};
    std::string made;
    for (std::size_t begin = 0;;) {
        const std::size_t at = std::min(text.find(part, begin), text.size());
        made.append(text, begin, at - begin);
        if (at == text.size()) return made;
        begin = at + part.size();
    }
}
inline std::string truncated(std::string_view text, std::int64_t length) {
    const auto size = static_cast<std::int64_t>(count_characters(text));
    if (size <= length) return std::string{text};
    std::size_t end = 0;
    for (std::int64_t i = 1; i < length; ++i) end += character_size(text.substr(end));
    return std::string{text.substr(0, end)} + "…";
}
/// Percent-encodes as Python's quote(): letters, digits, _ . - ~ and the characters in `kept` stay.
inline std::string quote(std::string_view text, std::string_view kept) {
    std::string made;
    for (const char c : text) {
        const bool is_ascii = (c & 0x80) == 0;
        if (is_ascii && (is_word(c) || c == '.' || c == '-' || c == '~' || kept.find(c) != kept.npos)) {
            made += c;
        } else {
            constexpr std::string_view digits = "0123456789ABCDEF";
            const auto byte = static_cast<unsigned char>(c);
            made += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return made;
}
inline std::string with_breaks(std::string_view text) {
    std::string made;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
        text[i] == '\n' || text[i] == '\r' ? made += "<br>" : made += text[i];
    }
    return made;
}
/// The value as text, escaped unless it is safe.
inline std::string escaped(const value& what) {
    return what.is_safe() ? std::string{what.string()} : what.is_text() ? escape(what.string()) : escape(what.text());
}
inline std::vector<std::string_view> parts_of(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0;;) {
        const std::size_t at = std::min(text.find(separator, begin), text.size());
        parts.push_back(text.substr(begin, at - begin));
        if (at == text.size()) return parts;
        begin = at + 1;
    }
}
/// Returns the items of a list, the characters of a text, or the keys of a map; nullopt for any other value.
inline std::optional<list> items_of(const value& what) {
    if (const list* items = what.as_list()) return *items;
    list made;
    if (const map* entries = what.as_map()) {
        for (const auto& each : *entries) made.emplace_back(each.first);
        return made;
    }
    if (!what.is_text()) return std::nullopt;
    for (std::string_view text = what.string(); !text.empty(); text.remove_prefix(character_size(text)))
        made.emplace_back(text.substr(0, character_size(text)));
    return made;
}

inline value at_end(const value& what, bool is_last) {
    if (const auto* items = what.as_list())
        return items->empty() ? value{""} : is_last ? items->back() : items->front();
    if (what.is_text()) {
        const std::size_t size = count_characters(what.string());
        return std::string{character_at(what.string(), is_last && size > 0 ? size - 1 : 0).value_or("")};
    }
    if (what.as_map() != nullptr) throw template_error{"KeyError", is_last ? "-1" : "0"};
    type_error(netnotes::detail::joined("'", what.type_name(), "' object is not subscriptable"));
}
/// Python's value[begin:end:step]; `texts` are its numbers.
inline value slice(const value& what, const std::vector<std::string_view>& texts) {
    const auto size_or_none = what.as_map() != nullptr ? std::nullopt : what.size();
    if (!size_or_none || texts.size() > 3) return what;
    std::optional<std::int64_t> numbers[3];
    for (std::size_t i = 0; i < texts.size(); ++i)
        if (!texts[i].empty() && !(numbers[i] = whole_number(texts[i]))) return what;
    if (texts.size() == 1) std::swap(numbers[0], numbers[1]);
    const auto size = static_cast<std::int64_t>(*size_or_none);
    const std::int64_t step = std::clamp<std::int64_t>(numbers[2].value_or(1), -size - 1, size + 1);
    if (step == 0) return what;
    const std::int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
    const auto place = [&](std::optional<std::int64_t> number, std::int64_t otherwise) {
        return number ? std::clamp(*number < 0 ? *number + size : *number, least, most) : otherwise;
    };
    const std::int64_t begin = place(numbers[0], step > 0 ? 0 : size - 1),
                       end = place(numbers[1], step > 0 ? size : -1);
    const list all = *items_of(what);
    list made;
    for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step)
        made.push_back(all[static_cast<std::size_t>(i)]);
    if (what.as_list() != nullptr) return made;
    std::string text;
    for (const value& each : made) text += each.string();
    return text;
}
inline value add(const value& what, const value& more) {
    if (const auto a = whole_number(what), b = whole_number(more); a && b)
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(*a) + static_cast<std::uint64_t>(*b));
    if (what.is_text() && more.is_text()) {
        std::string made{what.string()};
        made += more.string();
        return what.is_safe() && more.is_safe() ? value{safe_string{std::move(made)}} : value{std::move(made)};
    }
    if (what.as_list() != nullptr && more.as_list() != nullptr) {
        list made = *what.as_list();
        made.insert(made.end(), more.as_list()->begin(), more.as_list()->end());
        return made;
    }
    return "";
}
inline value join(const value& what, const value& glue, bool autoescape) {
    const auto items = items_of(what);
    if (!items) return what;
    const std::string between = escaped(glue);
    std::string made;
    for (std::size_t i = 0; i < items->size(); ++i) {
        if (!autoescape && !(*items)[i].is_text()) return what;
        if (i > 0) made += between;
        made += autoescape ? escaped((*items)[i]) : std::string{(*items)[i].string()};
    }
    return safe_string{std::move(made)};
}
inline value yes_no(const value& what, const value* words) {
    if (words != nullptr && !words->is_text())
        throw template_error{"AttributeError",
                             netnotes::detail::joined("'", words->type_name(), "' object has no attribute 'split'")};
    const auto parts = parts_of(words != nullptr ? words->string() : "yes,no,maybe", ',');
    if (parts.size() < 2) return what;
    return std::string{what.is_none() ? parts[parts.size() == 3 ? 2 : 1] : parts[what.is_true() ? 0 : 1]};
}
inline value pluralize(const value& what, const value* endings) {
    if (endings != nullptr && !endings->is_text())
        type_error(netnotes::detail::joined("argument of type '", endings->type_name(), "' is not iterable"));
    std::string both{endings != nullptr ? endings->string() : "s"};
    if (both.find(',') == both.npos) both.insert(both.begin(), ',');
    const auto parts = parts_of(both, ',');
    if (parts.size() > 2) return "";
    std::optional<double> count;
    if (what.is_number())
        count = what.number();
    else if (what.is_text())
        count = real_number(what.string());
    else if (const auto size = what.size())
        count = static_cast<double>(*size);
    return count ? std::string{parts[*count == 1 ? 0 : 1]} : std::string{};
}

/// The arguments of a filter. `argument` may be nullptr.
struct filter_input {
    const value& what;
    const value* argument;
    bool autoescape;

    [[nodiscard]] std::string text() const { return what.is_text() ? std::string{what.string()} : what.text(); }
};

struct filter {
    std::string_view name;
    unsigned min_arguments, max_arguments;  // with the value itself, as Django counts them
    bool is_safe;                           // keeps HTML intact
    value (*apply)(const filter_input&);
};

inline std::string_view text_argument(const filter_input& in, const char* complaint) {
    if (!in.argument->is_text()) type_error(netnotes::detail::joined(complaint, in.argument->type_name()));
    return in.argument->string();
}

// clang-format off
inline constexpr filter filters[]{
    {"add", 2, 2, false, [](const filter_input& in) { return add(in.what, *in.argument); }},
    {"capfirst", 1, 1, true, [](const filter_input& in) -> value {
        std::string text = in.text();
        if (!text.empty() && is_lower(text[0])) text[0] = static_cast<char>(text[0] & ~0x20);
        return text;
    }},
    {"cut", 2, 2, false, [](const filter_input& in) -> value {
        const std::string_view part = text_argument(in, "replace() argument 1 must be str, not ");
        std::string made = without(in.text(), part);
        return in.what.is_safe() && part != ";" ? value{safe_string{std::move(made)}} : value{std::move(made)};
    }},
    {"date", 1, 2, false, [](const filter_input& in) -> value {
        const auto when = in.what.time();
        if (!when) return "";
        const bool is_default = in.argument == nullptr || !in.argument->is_true();
        return format_date(*when, is_default ? "N j, Y" : in.argument->text());
    }},
    {"default", 2, 2, false, [](const filter_input& in) { return in.what.is_true() ? in.what : *in.argument; }},
    {"default_if_none", 2, 2, false, [](const filter_input& in) { return in.what.is_none() ? *in.argument : in.what; }},
    {"escape", 1, 1, true, [](const filter_input& in) -> value { return safe_string{escaped(in.what)}; }},
    {"first", 1, 1, false, [](const filter_input& in) { return at_end(in.what, false); }},
    {"force_escape", 1, 1, true, [](const filter_input& in) -> value { return safe_string{escape(in.text())}; }},
    {"join", 2, 3, true, [](const filter_input& in) { return join(in.what, *in.argument, in.autoescape); }},
    {"last", 1, 1, true, [](const filter_input& in) { return at_end(in.what, true); }},
    {"length", 1, 1, false, [](const filter_input& in) -> value { return in.what.size().value_or(0); }},
    {"linebreaksbr", 1, 2, true, [](const filter_input& in) -> value {
        if (in.argument != nullptr) type_error("linebreaksbr() got multiple values for argument 'autoescape'");
        std::string text = in.text();
        if (in.autoescape && !in.what.is_safe()) text = escape(text);
        return safe_string{with_breaks(text)};
    }},
    {"lower", 1, 1, true, [](const filter_input& in) -> value { return lower(in.text()); }},
    {"pluralize", 1, 2, false, [](const filter_input& in) { return pluralize(in.what, in.argument); }},
    {"safe", 1, 1, true, [](const filter_input& in) -> value { return safe_string{in.text()}; }},
    {"slice", 2, 2, true, [](const filter_input& in) {
        const std::string numbers = in.argument->text();
        return slice(in.what, parts_of(numbers, ':'));
    }},
    {"title", 1, 1, true, [](const filter_input& in) -> value { return title(in.text()); }},
    {"truncatechars", 2, 2, true, [](const filter_input& in) -> value {
        if (!in.argument->is_text() && !in.argument->is_number())
            type_error(netnotes::detail::joined(
                "int() argument must be a string, a bytes-like object or a real number, not '",
                in.argument->type_name(), "'"));
        const auto length = whole_number(*in.argument);
        return length ? truncated(in.text(), *length) : in.text();
    }},
    {"upper", 1, 1, false, [](const filter_input& in) -> value { return upper(in.text()); }},
    {"urlencode", 1, 2, false, [](const filter_input& in) -> value {
        const bool is_default = in.argument == nullptr || in.argument->is_none();
        return quote(in.text(), is_default ? std::string_view{"/"} : in.argument->string());
    }},
    {"yesno", 1, 2, false, [](const filter_input& in) { return yes_no(in.what, in.argument); }},
};
// clang-format on

inline const filter* find_filter(std::string_view name) noexcept {
    for (const filter& each : filters)
        if (each.name == name) return &each;
    return nullptr;
}
/// Applies a filter. If the filter keeps HTML intact and the value was safe, the result is safe.
inline value apply(const filter& which, const value& what, const value* argument, bool autoescape) {
    value made = which.apply({what, argument, autoescape});
    if (!which.is_safe || !what.is_safe() || made.is_safe()) return made;
    return safe_string{made.text()};
}

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_FILTERS_HPP




namespace netnotes::web::detail::templates {

/// What {{ forloop.NAME }} asks a loop for.
enum class loop_part : std::uint8_t { parentloop, counter0, counter, revcounter, revcounter0, first, last, none };
inline constexpr std::string_view loop_parts[] = {"parentloop",  "counter0", "counter", "revcounter",
                                                  "revcounter0", "first",    "last"};

/// A name, or a lookup behind a dot. It is read once, so that a page only compares numbers: `x.0` may be an item, and
/// `x.first` may ask a loop.
struct name_part {
    explicit name_part(std::string_view name)
        : text{name},
          of_loop{static_cast<loop_part>(std::find(std::begin(loop_parts), std::end(loop_parts), name) - loop_parts)},
          index{whole_number(value{name})} {}
    std::string_view text;
    loop_part of_loop;
    std::optional<std::int64_t> index;
};
/// A literal, or a name with its lookups.
struct operand {
    std::optional<value> literal;
    std::vector<name_part> parts;
    std::string_view text;
};
struct filter_call {
    const filter* which;
    std::optional<operand> argument;
};
struct expression {
    operand what;
    std::vector<filter_call> calls;
    std::string_view text;
};

// ---- Reading

/// A string without its quotes, or nullopt if the text is no string.
inline std::optional<std::string> unquoted(std::string_view text) {
    if (text.empty() || (text[0] != '"' && text[0] != '\'') || text.back() != text[0]) return std::nullopt;
    const char quote_mark = text[0];
    text = text.size() < 2 ? std::string_view{} : text.substr(1, text.size() - 2);
    std::string once, made;  // as Python: first \" becomes ", then \\ becomes a backslash
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] != '\\' || i + 1 == text.size() || text[i + 1] != quote_mark) once += text[i];
    for (std::size_t i = 0; i < once.size(); ++i) {
        made += once[i];
        if (once[i] == '\\' && i + 1 < once.size() && once[i + 1] == '\\') ++i;
    }
    return made;
}

inline operand read_operand(std::string_view text) {
    operand made;
    made.text = text;
    if (text.find_first_of(".eE") != text.npos) {
        if (!text.ends_with('.')) {
            if (const auto number = real_number(text)) return made.literal = *number, made;
        }
    } else if (const auto number = whole_number(value{text})) {
        return made.literal = *number, made;
    }
    if (auto literal = unquoted(text)) return made.literal = safe_string{*std::move(literal)}, made;
    if (text[0] == '_' || text.find("._") != text.npos)
        refuse(netnotes::detail::joined("Variables and attributes may not begin with underscores: '", text, "'"));
    for (const std::string_view part : parts_of(text, '.')) made.parts.emplace_back(part);
    return made;
}

/// Returns the place behind the literal or the name that begins at `at`, or `at` if nothing of the kind begins there.
inline std::size_t behind_operand(std::string_view text, std::size_t at) noexcept {
    if (at == text.size()) return at;
    if (text[at] == '"' || text[at] == '\'') {
        const std::size_t behind = behind_string(text, at);
        return behind == text.npos ? at : behind;
    }
    std::size_t end = at;
    while (end < text.size() && (is_word(text[end]) || text[end] == '.')) ++end;
    if (end > at) return end;
    if ((text[at] != '-' && text[at] != '+') || at + 1 == text.size() || !is_digit(text[at + 1])) return at;
    for (++end; end < text.size() && (is_digit(text[end]) || text[end] == '.' || text[end] == 'e');) ++end;
    return end;
}

/// Reads an expression. Throws TemplateSyntaxError with Django's text.
inline expression read_expression(std::string_view text) {
    using netnotes::detail::joined;
    expression made;
    made.text = text;
    std::size_t at = behind_operand(text, 0);
    const bool has_operand = at > 0;
    if (has_operand) made.what = read_operand(text.substr(0, at));
    for (bool is_first = !has_operand;; is_first = false) {
        // Where does the next filter begin? Django looks for it anywhere behind, and complains about what is between.
        std::size_t begin = at, bar = text.npos, name = 0;
        for (std::size_t from = at; (bar = text.find('|', from)) != text.npos; from = bar + 1) {
            name = bar + 1;
            while (name < text.size() && is_blank(text[name])) ++name;
            if (name < text.size() && is_word(text[name])) break;
        }
        if (bar == text.npos) break;
        begin = bar;
        while (begin > at && is_blank(text[begin - 1])) --begin;
        if (begin != at)
            refuse(joined("Could not parse some characters: ", text.substr(0, at), "|", text.substr(at, begin - at),
                          "|", text.substr(begin)));
        if (is_first) refuse(joined("Could not find variable at start of ", text, "."));
        at = name;
        while (at < text.size() && is_word(text[at])) ++at;
        const std::string_view filter_name = text.substr(name, at - name);
        filter_call call{};
        if (at < text.size() && text[at] == ':') {
            const std::size_t end = behind_operand(text, at + 1);
            if (end > at + 1) {
                call.argument = read_operand(text.substr(at + 1, end - at - 1));
                at = end;
            }
        }
        call.which = find_filter(filter_name);
        if (call.which == nullptr) refuse(joined("Invalid filter: '", filter_name, "'"));
        const unsigned given = call.argument ? 2 : 1;
        if (given < call.which->min_arguments || given > call.which->max_arguments)
            refuse(joined(filter_name, " requires ", std::to_string(call.which->min_arguments), " arguments, ",
                          std::to_string(given), " provided"));
        made.calls.push_back(std::move(call));
    }
    if (at != text.size() || text.empty())
        refuse(joined("Could not parse the remainder: '", text.substr(at), "' from '", text, "'"));
    return made;
}

// ---- Names and their values

/// A loop that is running. {{ forloop.counter }} asks it.
struct loop_state {
    std::size_t index = 0, count = 0;
    const loop_state* parent = nullptr;

    [[nodiscard]] value find(loop_part which) const {
        switch (which) {
            case loop_part::counter: return index + 1;
            case loop_part::counter0: return index;
            case loop_part::revcounter: return count - index;
            case loop_part::revcounter0: return count - index - 1;
            case loop_part::first: return index == 0;
            case loop_part::last: return index + 1 == count;
            case loop_part::parentloop: return parent == nullptr ? value{map{}} : parent->all();
            case loop_part::none: break;
        }
        return {};
    }
    [[nodiscard]] value all() const {
        map made;
        for (std::size_t i = 0; i < std::size(loop_parts); ++i)
            made.set(loop_parts[i], find(static_cast<loop_part>(i)));
        return made;
    }
};

/// A name in the scope. It refers to its value, or to a loop that is running. `block` is a name without a value: the
/// name of the block is then in `block`.
struct binding {
    std::string_view name;
    const value* what = nullptr;
    const loop_state* loop = nullptr;
    std::string_view block{};
};

/// The names that a template knows at this moment. The last binding of a name counts.
class scope {
  public:
    explicit scope(const map& context) noexcept : context_{&context} {}

    std::vector<binding> bindings;
    /// Values that nobody else keeps. A deque: evaluate() may return a value in it while {{ x|add:block.super }} adds
    /// more.
    std::deque<value> kept;
    std::size_t frame = 0;  // the first binding of the innermost tag that has names of its own
    bool autoescape = true;
    std::function<value(std::string_view)> super_of;  // renders the parent's block

    /// If `hides`, hides the names below `floor` and the context as long as it lives.
    class hidden_names {
      public:
        hidden_names(scope& names, bool hides, std::size_t floor) noexcept
            : names_{names}, floor_{names.floor_}, context_{names.context_} {
            if (!hides) return;
            names.floor_ = floor;
            names.context_ = &nothing();
        }
        hidden_names(const hidden_names&) = delete;
        hidden_names& operator=(const hidden_names&) = delete;
        ~hidden_names() { names_.floor_ = floor_, names_.context_ = context_; }

      private:
        scope& names_;
        std::size_t floor_;
        const map* context_;
    };

    [[nodiscard]] const binding* find(std::string_view name) const noexcept {
        for (std::size_t i = bindings.size(); i > floor_; --i)
            if (is_same_name(bindings[i - 1].name, name)) return &bindings[i - 1];
        return nullptr;
    }
    /// Returns the value of an operand, or nullptr if its name is not known. `holder` keeps what was made for the
    /// answer: the answer may be a part of it.
    const value* resolve(const operand& which, value& holder, std::string_view* missing = nullptr) const {
        if (which.literal) return &*which.literal;
        const value* current = nullptr;
        std::size_t next = 1;
        const std::size_t size = which.parts.size();
        const auto hold = [&](value made) { return holder = std::move(made), &holder; };
        const auto is_missing = [&](const name_part& part) -> const value* {
            if (missing != nullptr) *missing = part.text;
            return nullptr;
        };
        if (const binding* found = find(which.parts[0].text); found == nullptr) {
            current = context_->find(which.parts[0].text);
            if (current == nullptr) current = constant(which.parts[0].text);
            if (current == nullptr) return is_missing(which.parts[0]);
        } else if (found->what != nullptr) {
            current = found->what;
        } else if (found->loop != nullptr) {
            if (size == 1) return hold(found->loop->all());
            const loop_state* loop = found->loop;
            for (; next + 1 < size && which.parts[next].of_loop == loop_part::parentloop && loop->parent != nullptr;
                 ++next)
                loop = loop->parent;
            if (which.parts[next].of_loop == loop_part::none) return is_missing(which.parts[next]);
            current = hold(loop->find(which.parts[next].of_loop));
            ++next;
        } else if (size == 1 || which.parts[1].text == "name") {
            next = std::min<std::size_t>(size, 2);
            current = hold(value{found->block});
        } else if (which.parts[1].text == "super") {
            next = 2;
            current = hold(super_of(found->block));
        } else {
            return is_missing(which.parts[1]);
        }
        for (;; ++next) {
            if (current->kind() == value_kind::function) current = hold(*current->call());
            if (next == size) return current;
            const name_part& part = which.parts[next];
            if (const map* entries = current->as_map()) {
                if (const value* found = entries->find(part.text))
                    current = found;
                else if (auto made = view_of(*entries, part.text))
                    current = hold(*std::move(made));
                else
                    return is_missing(part);
                continue;
            }
            const auto place = place_of(part, *current);
            if (!place) return is_missing(part);
            if (const list* items = current->as_list())
                current = &(*items)[*place];
            else
                current = hold(std::string{*character_at(current->string(), *place)});
        }
    }
    /// Returns the value of an expression; `holder` keeps it if it was made. A name that is not known is the empty
    /// text, or None for a condition.
    const value& evaluate(const expression& which, value& holder, bool missing_is_none = false) const {
        const value* current = resolve(which.what, holder);
        if (current == nullptr) {
            static const value none, empty{""};
            current = missing_is_none ? &none : &empty;
        }
        if (which.calls.empty()) return *current;
        for (const filter_call& call : which.calls) {
            value argument_holder;
            const value* argument = nullptr;
            if (call.argument) {
                std::string_view missing;
                argument = resolve(*call.argument, argument_holder, &missing);
                if (argument == nullptr)
                    throw template_error{"VariableDoesNotExist",
                                         netnotes::detail::joined("Failed lookup for key [", missing, "]")};
            }
            value made = apply(*call.which, *current, argument, autoescape);
            holder = std::move(made);
            current = &holder;
        }
        return *current;
    }

  private:
    static const map& nothing() noexcept {
        static const map none;
        return none;
    }
    static const value* constant(std::string_view name) noexcept {
        static const value yes{true}, no{false}, none;
        return name == "True" ? &yes : name == "False" ? &no : name == "None" ? &none : nullptr;
    }
    /// The list of a map's items, keys or values; nullopt for another name.
    static std::optional<value> view_of(const map& entries, std::string_view part) {
        if (part != "items" && part != "keys" && part != "values") return std::nullopt;
        list made;
        for (const auto& [key, each] : entries)
            made.push_back(part == "items" ? value{list{key, each}} : part == "keys" ? value{key} : each);
        return made;
    }
    /// Which item of a list, or which character of a text, `x.0` or `x.-1` means.
    static std::optional<std::size_t> place_of(const name_part& part, const value& what) noexcept {
        if (!part.index) return std::nullopt;
        const auto size = what.size();
        if (!size) return std::nullopt;
        const auto place = *part.index < 0 ? *part.index + static_cast<std::int64_t>(*size) : *part.index;
        if (place < 0 || place >= static_cast<std::int64_t>(*size)) return std::nullopt;
        return static_cast<std::size_t>(place);
    }

    const map* context_;
    std::size_t floor_ = 0;
};

// ---- Conditions

enum class operation : std::uint8_t {
    leaf,
    logical_or,
    logical_and,
    logical_not,
    in,
    not_in,
    is,
    is_not,
    equal,
    unequal,
    greater,
    at_least,
    less,
    at_most
};
struct condition {
    operation what{};
    std::uint32_t left = 0, right = 0;
    expression leaf{};
};

/// Reads the words of an `if` with the precedence of Python (a top-down operator parser).
class condition_reader {
  public:
    condition_reader(std::vector<std::string_view> words, std::vector<condition>& to) : to_{to} {
        if (words.size() > max_words) refuse("This condition has more than 200 words.");
        for (std::size_t i = 0; i < words.size(); ++i) {
            const bool has_next = i + 1 < words.size();
            if (words[i] == "is" && has_next && words[i + 1] == "not")
                ++i, items_.push_back({"is not", find("is not"), 0});
            else if (words[i] == "not" && has_next && words[i + 1] == "in")
                ++i, items_.push_back({"not in", find("not in"), 0});
            else if (const auto* found = find(words[i]))
                items_.push_back({words[i], found, 0});
            else
                items_.push_back({words[i], nullptr, add({operation::leaf, 0, 0, read_expression(words[i])})});
        }
    }
    std::uint32_t read() {
        const std::uint32_t whole = read(0);
        if (at_ < items_.size())
            refuse(netnotes::detail::joined("Unused '", items_[at_].text, "' at end of if expression."));
        return whole;
    }

  private:
    static constexpr std::size_t max_words = 200;
    struct symbol {
        std::string_view text;
        operation what;
        unsigned power;
    };
    struct item {
        std::string_view text;
        const symbol* found;  // nullptr: an operand
        std::uint32_t leaf;
    };
    static constexpr symbol symbols[] = {
        {"or", operation::logical_or, 6},  {"and", operation::logical_and, 7}, {"not", operation::logical_not, 8},
        {"in", operation::in, 9},          {"not in", operation::not_in, 9},   {"is", operation::is, 10},
        {"is not", operation::is_not, 10}, {"==", operation::equal, 10},       {"!=", operation::unequal, 10},
        {">", operation::greater, 10},     {">=", operation::at_least, 10},    {"<", operation::less, 10},
        {"<=", operation::at_most, 10},
    };
    static const symbol* find(std::string_view text) noexcept {
        for (const symbol& each : symbols)
            if (each.text == text) return &each;
        return nullptr;
    }
    std::uint32_t add(condition made) {
        to_.push_back(std::move(made));
        return static_cast<std::uint32_t>(to_.size() - 1);
    }
    std::uint32_t read(unsigned power) {
        using netnotes::detail::joined;
        if (at_ == items_.size()) refuse("Unexpected end of expression in if tag.");
        const item& begin = items_[at_++];
        std::uint32_t left = begin.leaf;
        if (begin.found != nullptr) {
            if (begin.found->what != operation::logical_not)
                refuse(joined("Not expecting '", begin.text, "' in this position in if tag."));
            const std::uint32_t inner = read(begin.found->power);
            left = add({operation::logical_not, inner, 0, {}});
        }
        while (at_ < items_.size() && items_[at_].found != nullptr && power < items_[at_].found->power) {
            const symbol& infix = *items_[at_++].found;
            if (infix.what == operation::logical_not) refuse("Not expecting 'not' as infix operator in if tag.");
            const std::uint32_t right = read(infix.power);
            left = add({infix.what, left, right, {}});
        }
        return left;
    }

    std::vector<condition>& to_;
    std::vector<item> items_;
    std::size_t at_ = 0;
};

/// Returns what a condition is; `holder` keeps it if it was made. An operator whose operands cannot be compared is
/// false, as in Django.
inline const value& evaluate(const std::vector<condition>& all, std::uint32_t which, const scope& names,
                             value& holder) {
    const condition& what = all[which];
    if (what.what == operation::leaf) return names.evaluate(what.leaf, holder, true);
    const auto hold = [&](bool answer) -> const value& { return holder = answer; };
    try {
        value left_holder;
        const value& left = evaluate(all, what.left, names, left_holder);
        if (what.what == operation::logical_not) return hold(!left.is_true());
        if ((what.what == operation::logical_or && left.is_true()) ||
            (what.what == operation::logical_and && !left.is_true()))
            return holder = left;
        if (what.what == operation::logical_or || what.what == operation::logical_and)
            return evaluate(all, what.right, names, holder);
        value right_holder;
        const value& right = evaluate(all, what.right, names, right_holder);
        const auto is_same = [&] { return left.kind() == right.kind() && left == right; };
        const auto order = [&] { return value::compare(left, right); };
        switch (what.what) {
            case operation::in: return hold(value::contains(right, left).value_or(false));
            case operation::not_in: return hold(!value::contains(right, left).value_or(true));
            case operation::is: return hold(is_same());
            case operation::is_not: return hold(!is_same());
            case operation::equal: return hold(left == right);
            case operation::unequal: return hold(!(left == right));
            case operation::greater: return hold(order().value_or(0) > 0);
            case operation::less: return hold(order().value_or(0) < 0);
            case operation::at_least: return hold(order().value_or(-1) >= 0);
            default: return hold(order().value_or(1) <= 0);
        }
    } catch (const template_error&) {
        return hold(false);
    }
}

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_EXPRESSION_HPP

// netnotes/web/template_loader.hpp: where the texts of templates come from
// SPDX-License-Identifier: MIT
//
// A template has a name, for example shop/list.html. A loader finds its text. Django looks in two kinds of places:
// first in the folders of the project (DIRS), then in the folder templates/ of each application (APP_DIRS):
//
//        web::template_folders pages;
//        pages.add("templates");           // DIRS
//        pages.add_app("shop");            // APP_DIRS: shop/templates
//
// The notes put the folder of APP_DIRS into the project's root. Django looks for it in each application.
//
// A name cannot leave its folder: `..`, an absolute path, and a symbolic link that points out of the folder are
// refused. So are `./list.html` and `shop//list.html`: each template has one name.
//
// On this page:  template_text, template_loader · template_folders, template_map
// The notes:     配置 DIRS, APP_DIRS; example 45

#ifndef NETNOTES_WEB_TEMPLATE_LOADER_HPP
#define NETNOTES_WEB_TEMPLATE_LOADER_HPP

#include <cstddef>
#include <cstdint>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace netnotes::web {

/// The text of a template, and where it was found.
struct template_text {
    std::string text;
    std::string origin;  ///< a path, or another word that tells two sources apart
};

/// Finds the texts of templates. Both functions may be called by several threads at once.
class template_loader {
  public:
    virtual ~template_loader() = default;
    /// Returns the text of a template, or nullopt if it is not found. `skip` templates of this name are passed over.
    [[nodiscard]] virtual std::optional<template_text> load(std::string_view name, std::size_t skip) const = 0;
    /// Returns a number that changes when load() with the same arguments would return another text. It is asked only if
    /// templates are read again when they have changed.
    [[nodiscard]] virtual std::uint64_t version(std::string_view name, std::size_t skip) const = 0;
};

/// Templates in memory, for tests and for short programs.
class template_map final : public template_loader {
  public:
    template_map() = default;
    template_map(std::initializer_list<std::pair<const std::string, std::string>> texts) : texts_{texts} {}
    /// Sets the text of a template.
    void set(std::string name, std::string text) {
        texts_[std::move(name)] = std::move(text);
        ++version_;
    }
    [[nodiscard]] std::optional<template_text> load(std::string_view name, std::size_t skip) const override {
        const auto found = texts_.find(name);
        if (found == texts_.end() || skip > 0) return std::nullopt;
        return template_text{found->second, found->first};
    }
    [[nodiscard]] std::uint64_t version(std::string_view, std::size_t) const override { return version_; }

  private:
    std::map<std::string, std::string, std::less<>> texts_;
    std::uint64_t version_ = 0;
};

/// Templates in folders, which are asked in the order in which they were added.
class template_folders final : public template_loader {
  public:
    template_folders() = default;
    explicit template_folders(std::filesystem::path folder) { add(std::move(folder)); }

    /// Adds a folder. It need not exist.
    void add(std::filesystem::path folder) { folders_.push_back(std::move(folder)); }
    /// Adds the folder templates/ of an application, whose folder is given.
    void add_app(const std::filesystem::path& app) { add(app / "templates"); }

    /// How large a template may be, in bytes.
    static constexpr std::size_t max_size = std::size_t{1} << 20;

    [[nodiscard]] std::optional<template_text> load(std::string_view name, std::size_t skip) const override {
        const auto path = find(name, skip);
        if (!path) return std::nullopt;
        std::ifstream in{*path, std::ios::binary};
        std::string text(max_size + 1, '\0');
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(in.gcount()));
        if (in.bad() || text.size() > max_size) return std::nullopt;
        return template_text{std::move(text), path->string()};
    }
    [[nodiscard]] std::uint64_t version(std::string_view name, std::size_t skip) const override {
        const auto path = find(name, skip);
        if (!path) return 0;
        std::error_code ignored;
        const auto time = std::filesystem::last_write_time(*path, ignored).time_since_epoch().count();
        return static_cast<std::uint64_t>(time) * 31 + std::filesystem::file_size(*path, ignored) + 1;
    }

  private:
    [[nodiscard]] std::optional<std::filesystem::path> find(std::string_view name, std::size_t skip) const {
        if (!is_inside(name)) return std::nullopt;
        for (const auto& folder : folders_) {
            std::error_code error;
            const auto root = std::filesystem::canonical(folder, error);
            if (error) continue;
            const auto path = std::filesystem::canonical(root / name, error);
            if (error || !std::filesystem::is_regular_file(path, error)) continue;
            const auto [end, unused] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
            if (end != root.end()) continue;  // a symbolic link led out of the folder
            if (skip-- == 0) return path;
        }
        return std::nullopt;
    }
    static bool is_inside(std::string_view name) {
        if (name.empty() || name.find('\0') != name.npos) return false;
        // Only one spelling of each name: a name may come from a stranger, and what was read is kept by its name.
        for (std::string_view rest = name;;) {
            const std::string_view part = rest.substr(0, rest.find('/'));
            if (part.empty() || part == "." || part == "..") return false;
            if (part.size() == rest.size()) return true;
            rest.remove_prefix(part.size() + 1);
        }
    }

    std::vector<std::filesystem::path> folders_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_TEMPLATE_LOADER_HPP

// netnotes/web/template_parser.hpp: from the tags of a template to a program
// SPDX-License-Identifier: MIT
//
// A template is read once. It becomes a list of nodes, and a node that has a body knows where the body ends:
//
//        <ul>{% for x in all %}<li>{{ x }}{% empty %}none{% endfor %}</ul>
//
//        0 text <ul>     1 loop x in all: body 2 to 4, empty 4 to 5     5 text </ul>
//                          2 text <li>   3 variable x   4 text none
//
// A faulty tag is reported when the template is read, with the line and in Django's words. It need not stand where
// something is printed.
//
// On this page:  (what template.hpp uses: program, parser)
// The notes:     DTL语言 (标签), 模板的继承; examples 44, 45

#ifndef NETNOTES_WEB_TEMPLATE_PARSER_HPP
#define NETNOTES_WEB_TEMPLATE_PARSER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>




namespace netnotes::web::detail::templates {

enum class node_kind : std::uint8_t {
    text,
    variable,
    loop,
    choice,
    branch,
    with,
    autoescape,
    block,
    extends,
    include,
    url,
    csrf_token,
    static_file
};

inline constexpr std::uint32_t no_index = static_cast<std::uint32_t>(-1);

struct node {
    node_kind what{};
    bool flag = false;  // loop: reversed; autoescape: on; include: only
    std::uint32_t line = 0;
    std::uint32_t first = 0;                  // an expression; of a branch a condition, or no_index for else
    std::uint32_t middle = 0;                 // loop: where the nodes behind {% empty %} begin
    std::uint32_t end = 0;                    // behind the body
    std::uint32_t names = 0, name_count = 0;  // loop: its variables; with, include, url: assignments
    std::string_view text;                    // text; the name of a block, or behind `as`
};
struct assignment {
    std::string_view name;  // empty: an argument of {% url %} without a name
    std::uint32_t what = 0;
};

/// A template, read. The views inside refer to `source`, so it is neither copied nor moved.
struct program {
    program(std::string_view text, std::string_view file) : source{text}, name{file} {}
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    std::string source, name;
    std::vector<node> nodes;
    std::vector<expression> expressions;
    std::vector<condition> conditions;
    std::vector<assignment> assignments;
    std::vector<std::string_view> names;
    std::vector<std::pair<std::string_view, std::uint32_t>> blocks;
    bool has_extends = false;
};

class parser {
  public:
    explicit parser(program& to) : to_{to}, tokens_{tokens_of(to.source)} {}

    /// Throws template_error with the place of the innermost tag that is at fault.
    void parse() {
        try {
            parse({}, 0);
        } catch (const template_error& error) {
            if (error.line() != 0) throw;
            throw template_error{error.kind(), error.message(), to_.name, line_};
        }
    }

  private:
    using words = std::vector<std::string_view>;
    static constexpr unsigned max_depth = 100;

    template <class... Parts>
    [[noreturn]] void refuse_at(std::size_t line, const Parts&... parts) const {
        throw template_error{"TemplateSyntaxError", netnotes::detail::joined(parts...), to_.name, line};
    }
    /// Runs something, and gives an error that has no place the place of this tag.
    template <class F>
    void placed(std::size_t line, const F& run) {
        try {
            run();
        } catch (const template_error& error) {
            if (error.line() != 0) throw;
            throw template_error{error.kind(), error.message(), to_.name, line};
        }
    }

    std::uint32_t here() const noexcept { return static_cast<std::uint32_t>(to_.nodes.size()); }
    std::uint32_t add(node_kind what, std::size_t line) {
        node made;
        made.what = what;
        made.line = static_cast<std::uint32_t>(line);
        to_.nodes.push_back(made);
        return here() - 1;
    }
    std::uint32_t add_expression(std::string_view text) {
        to_.expressions.push_back(read_expression(text));
        return static_cast<std::uint32_t>(to_.expressions.size() - 1);
    }

    /// Reads nodes up to one of these tags, and leaves that tag. Without any of them it reads to the end.
    void parse(const words& until, unsigned depth) {
        if (depth == max_depth) refuse("Tags are nested more than 100 deep.");
        bool has_tags = false;
        for (; at_ < tokens_.size(); ++at_) {
            const token& next = tokens_[at_];
            line_ = next.line;
            if (next.kind == token_kind::text) {
                to_.nodes[add(node_kind::text, next.line)].text = next.contents;
            } else if (next.kind == token_kind::variable) {
                if (next.contents.empty())
                    refuse_at(next.line, "Empty variable tag on line ", std::to_string(next.line));
                placed(next.line, [&] {
                    const std::uint32_t what = add_expression(next.contents);
                    to_.nodes[add(node_kind::variable, next.line)].first = what;
                });
                has_tags = true;
            } else if (next.kind == token_kind::block) {
                const std::string_view name = first_word(next.contents);
                if (name.empty()) refuse_at(next.line, "Empty block tag on line ", std::to_string(next.line));
                if (std::find(until.begin(), until.end(), name) != until.end()) return;
                open_.push_back(&next);
                placed(next.line, [&] { tag(name, next, until, depth, has_tags); });
                has_tags = true;
                open_.pop_back();
                if (at_ == tokens_.size()) break;  // {% extends %} has read everything
            }
        }
        if (!until.empty()) unclosed(until);
    }
    [[noreturn]] void unclosed(const words& until) const {
        std::string expected;
        for (const auto word : until) expected.append(expected.empty() ? "" : ", ").append(word);
        const token& open = *open_.back();
        refuse_at(open.line, "Unclosed tag on line ", std::to_string(open.line), ": '", first_word(open.contents),
                  "'. Looking for one of: ", expected, ".");
    }
    [[noreturn]] void invalid(const token& which, std::string_view name, const words& expected) const {
        std::string list;
        for (std::size_t i = 0; i < expected.size(); ++i)
            list += netnotes::detail::joined(i == 0                     ? ", expected '"
                                             : i + 1 == expected.size() ? " or '"
                                                                        : ", '",
                                             expected[i], "'");
        refuse_at(which.line, "Invalid block tag on line ", std::to_string(which.line), ": '", name, "'", list,
                  ". Did you forget to register or load this tag?");
    }

    void tag(std::string_view name, const token& here_is, const words& until, unsigned depth, bool has_tags) {
        if (name == "for") return loop(here_is, depth);
        if (name == "if") return choice(here_is, depth);
        if (name == "block") return block(here_is, depth);
        if (name == "extends") return extends(here_is, depth, has_tags);
        if (name == "include") return include(here_is);
        if (name == "with") return with(here_is, depth);
        if (name == "autoescape") return autoescape(here_is, depth);
        if (name == "comment") return comment();
        if (name == "verbatim") return body({"endverbatim"}, depth);
        if (name == "url") return url(here_is);
        if (name == "csrf_token") return void(add(node_kind::csrf_token, here_is.line));
        if (name == "load") return load(here_is);
        if (name == "static" && has_static_) return static_file(here_is);
        invalid(here_is, name, until);
    }
    /// Reads a body up to its end tag; at_ is then at that tag.
    void body(const words& until, unsigned depth) {
        ++at_;
        parse(until, depth + 1);
    }

    void loop(const token& tag_token, unsigned depth) {
        using netnotes::detail::joined;
        const words bits = words_of(tag_token.contents);
        if (bits.size() < 4) refuse(joined("'for' statements should have at least four words: ", tag_token.contents));
        const bool is_reversed = bits.back() == "reversed";
        const std::size_t in = bits.size() - (is_reversed ? 3 : 2);
        if (bits[in] != "in")
            refuse(joined("'for' statements should use the format 'for x in y': ", tag_token.contents));
        // The variables are separated by commas, with blanks around or not.
        const auto names = static_cast<std::uint32_t>(to_.names.size());
        const auto wrong = [&] { refuse(joined("'for' tag received an invalid argument: ", tag_token.contents)); };
        bool has_comma = true;
        for (std::size_t i = 1; i < in; ++i) {
            const auto parts = parts_of(bits[i], ',');
            for (std::size_t k = 0; k < parts.size(); ++k) {
                if (k > 0) {
                    if (has_comma) wrong();
                    has_comma = true;
                }
                if (parts[k].empty()) continue;
                if (!has_comma || parts[k].find_first_of("\"'| ") != std::string_view::npos) wrong();
                to_.names.push_back(parts[k]);
                has_comma = false;
            }
        }
        if (has_comma) wrong();
        const auto count = static_cast<std::uint32_t>(to_.names.size()) - names;
        const std::uint32_t what = add_expression(bits[in + 1]);
        const std::uint32_t whole = add(node_kind::loop, tag_token.line);
        body({"empty", "endfor"}, depth);
        const std::uint32_t middle = here();
        if (tokens_[at_].contents == "empty") body({"endfor"}, depth);
        node& made = to_.nodes[whole];
        made.flag = is_reversed;
        made.first = what;
        made.names = names;
        made.name_count = count;
        made.middle = middle;
        made.end = here();
    }
    std::uint32_t read_condition(const token& tag_token) {
        words bits = words_of(tag_token.contents);
        bits.erase(bits.begin());
        return condition_reader{std::move(bits), to_.conditions}.read();
    }
    void choice(const token& tag_token, unsigned depth) {
        const std::uint32_t whole = add(node_kind::choice, tag_token.line);
        const auto branch = [&](std::uint32_t what, const words& until) {
            const std::uint32_t made = add(node_kind::branch, tokens_[at_].line);
            to_.nodes[made].first = what;
            body(until, depth);
            to_.nodes[made].end = here();
        };
        branch(read_condition(tag_token), {"elif", "else", "endif"});
        while (tokens_[at_].contents.starts_with("elif"))
            branch(read_condition(tokens_[at_]), {"elif", "else", "endif"});
        if (tokens_[at_].contents == "else") branch(no_index, {"endif"});
        if (tokens_[at_].contents != "endif")
            refuse(netnotes::detail::joined("Malformed template tag at line ", std::to_string(tokens_[at_].line),
                                            ": \"", tokens_[at_].contents, "\""));
        to_.nodes[whole].end = here();
    }
    void block(const token& tag_token, unsigned depth) {
        using netnotes::detail::joined;
        const words bits = plain_words(tag_token.contents);
        if (bits.size() != 2) refuse("'block' tag takes only one argument");
        for (const auto& [name, index] : to_.blocks)
            if (name == bits[1]) refuse(joined("'block' tag with name '", name, "' appears more than once"));
        const std::uint32_t whole = add(node_kind::block, tag_token.line);
        to_.nodes[whole].text = bits[1];
        to_.blocks.emplace_back(bits[1], whole);
        body({"endblock"}, depth);
        const std::string full = joined("endblock ", bits[1]);
        if (tokens_[at_].contents != "endblock" && tokens_[at_].contents != full)
            invalid(tokens_[at_], "endblock", {"endblock", full});
        to_.nodes[whole].end = here();
    }
    void extends(const token& tag_token, unsigned depth, bool has_tags) {
        const words bits = words_of(tag_token.contents);
        if (bits.size() != 2) refuse("'extends' takes one argument");
        const std::uint32_t what = add_expression(bits[1]);
        const std::uint32_t whole = add(node_kind::extends, tag_token.line);
        to_.nodes[whole].first = what;
        body({}, depth);
        if (to_.has_extends) refuse("'extends' cannot appear more than once in the same template");
        to_.has_extends = true;
        to_.nodes[whole].end = here();
        if (has_tags)
            refuse(netnotes::detail::joined("<ExtendsNode: extends ", bits[1],
                                            "> must be the first tag in the template."));
    }
    /// Reads words like name=value from `at` on, and returns how many there are; with `is_legacy` also `value as name`.
    std::uint32_t read_assignments(const words& bits, std::size_t& at, bool is_legacy) {
        const std::size_t begin = to_.assignments.size();
        std::vector<assignment> made;
        bool is_plain = true;
        if (at < bits.size() && name_before_equals(bits[at]).empty()) is_plain = false;
        if (!is_plain && !is_legacy) return 0;
        while (at < bits.size()) {
            std::string_view name, what;
            if (is_plain) {
                name = name_before_equals(bits[at]);
                if (name.empty()) break;
                what = bits[at].substr(name.size() + 1);
                ++at;
            } else {
                if (bits.size() - at < 3 || bits[at + 1] != "as") break;
                name = bits[at + 2];
                what = bits[at];
                at += 3;
            }
            const std::uint32_t index = add_expression(what);
            const auto same =
                std::find_if(made.begin(), made.end(), [&](const auto& each) { return each.name == name; });
            if (same != made.end())
                same->what = index;
            else
                made.push_back({name, index});
        }
        to_.assignments.insert(to_.assignments.end(), made.begin(), made.end());
        return static_cast<std::uint32_t>(to_.assignments.size() - begin);
    }
    /// The name of name=value; empty if the word has another form.
    static std::string_view name_before_equals(std::string_view word) noexcept {
        const auto end = std::find_if_not(word.begin(), word.end(), is_word);
        const auto size = static_cast<std::size_t>(end - word.begin());
        return size > 0 && size + 1 < word.size() && *end == '=' ? word.substr(0, size) : std::string_view{};
    }
    void with(const token& tag_token, unsigned depth) {
        using netnotes::detail::joined;
        const words bits = words_of(tag_token.contents);
        const std::uint32_t whole = add(node_kind::with, tag_token.line);
        std::size_t at = 1;
        const auto names = static_cast<std::uint32_t>(to_.assignments.size());
        const std::uint32_t count = read_assignments(bits, at, true);
        if (count == 0) refuse("'with' expected at least one variable assignment");
        if (at < bits.size()) refuse(joined("'with' received an invalid token: ", repr_of(bits[at])));
        to_.nodes[whole].names = names;
        to_.nodes[whole].name_count = count;
        body({"endwith"}, depth);
        to_.nodes[whole].end = here();
    }
    void include(const token& tag_token) {
        using netnotes::detail::joined;
        const words bits = words_of(tag_token.contents);
        if (bits.size() < 2)
            refuse("'include' tag takes at least one argument: the name of the template to be included.");
        const std::uint32_t whole = add(node_kind::include, tag_token.line);
        const auto names = static_cast<std::uint32_t>(to_.assignments.size());
        std::uint32_t count = 0;
        bool has_with = false, has_only = false;
        for (std::size_t at = 2; at < bits.size();) {
            const std::string_view option = bits[at++];
            if ((option == "with" && has_with) || (option == "only" && has_only))
                refuse(joined("The ", repr_of(option), " option was specified more than once."));
            if (option == "with") {
                has_with = true;
                count = read_assignments(bits, at, false);
                if (count == 0) refuse("\"with\" in 'include' tag needs at least one keyword argument.");
            } else if (option == "only") {
                has_only = true;
            } else {
                refuse(joined("Unknown argument for 'include' tag: ", repr_of(option), "."));
            }
        }
        const std::uint32_t what = add_expression(bits[1]);
        node& made = to_.nodes[whole];
        made.first = what;
        made.names = names;
        made.name_count = count;
        made.flag = has_only;
    }
    void autoescape(const token& tag_token, unsigned depth) {
        const words bits = plain_words(tag_token.contents);
        if (bits.size() != 2) refuse("'autoescape' tag requires exactly one argument.");
        if (bits[1] != "on" && bits[1] != "off") refuse("'autoescape' argument should be 'on' or 'off'");
        const std::uint32_t whole = add(node_kind::autoescape, tag_token.line);
        body({"endautoescape"}, depth);
        to_.nodes[whole].flag = bits[1] == "on";
        to_.nodes[whole].end = here();
    }
    void comment() {
        for (++at_; at_ < tokens_.size(); ++at_)
            if (tokens_[at_].kind == token_kind::block && tokens_[at_].contents == "endcomment") return;
        unclosed({"endcomment"});
    }
    void url(const token& tag_token) {
        words bits = words_of(tag_token.contents);
        if (bits.size() < 2) refuse("'url' takes at least one argument, a URL pattern name.");
        const std::uint32_t whole = add(node_kind::url, tag_token.line);
        const std::uint32_t what = add_expression(bits[1]);
        std::string_view as;
        if (bits.size() >= 4 && bits[bits.size() - 2] == "as") {
            as = bits.back();
            bits.resize(bits.size() - 2);
        }
        const auto names = static_cast<std::uint32_t>(to_.assignments.size());
        for (std::size_t i = 2; i < bits.size(); ++i) {
            const std::string_view name = name_before_equals(bits[i]);
            const std::uint32_t index = add_expression(name.empty() ? bits[i] : bits[i].substr(name.size() + 1));
            to_.assignments.push_back({name, index});
        }
        node& made = to_.nodes[whole];
        made.first = what;
        made.text = as;
        made.names = names;
        made.name_count = static_cast<std::uint32_t>(to_.assignments.size()) - names;
    }
    void load(const token& tag_token) {
        using netnotes::detail::joined;
        const words bits = plain_words(tag_token.contents);
        const auto check = [](std::string_view library) {
            if (library == "static") return;
            refuse(joined("'", library, "' is not a registered tag library. Must be one of:\nstatic"));
        };
        if (bits.size() >= 4 && bits[bits.size() - 2] == "from") {
            check(bits.back());
            for (std::size_t i = 1; i + 2 < bits.size(); ++i)
                if (bits[i] != "static")
                    refuse(joined("'", bits[i], "' is not a valid tag or filter in tag library 'static'"));
            has_static_ = true;
            return;
        }
        for (std::size_t i = 1; i < bits.size(); ++i) {
            check(bits[i]);
            has_static_ = true;
        }
    }
    void static_file(const token& tag_token) {
        const words bits = words_of(tag_token.contents);
        if (bits.size() < 2) refuse("'static' takes at least one argument (path to file)");
        const std::uint32_t what = add_expression(bits[1]);
        const std::uint32_t whole = add(node_kind::static_file, tag_token.line);
        to_.nodes[whole].first = what;
        if (bits.size() >= 4 && bits[bits.size() - 2] == "as") to_.nodes[whole].text = bits[3];
    }

    program& to_;
    std::vector<token> tokens_;
    std::vector<const token*> open_;  // tags whose end has not come
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    bool has_static_ = false;
};

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_PARSER_HPP



namespace netnotes::web {

/// Settings that all templates share.
struct template_settings {
    /// Whether {{ }} escapes HTML. Only for text that is no HTML.
    bool autoescape = true;
    /// Whether each use looks if the template has changed. For development: it costs system calls.
    bool reload = false;
    /// What {% static %} puts in front of a path: a path or a URL that ends with a slash. "static/" means "/static/",
    /// because a page at /shop/ would look for "static/" in its own folder.
    std::string static_url = "/static/";
    /// What {% url %} calls: the name of a route, its arguments, and its named arguments. To refuse it throws a
    /// template_error of the kind NoReverseMatch. Without a function each {% url %} is refused so.
    std::function<std::string(std::string_view name, const list& arguments, const map& named)> reverse{};
    /// How many bytes a page may have.
    std::size_t max_output = std::size_t{16} << 20;
};

namespace detail::templates {
class renderer;
}

/// Reads templates, keeps what it has read, and renders. Rendering is safe in several threads at once.
class templates {
  public:
    /// The loader must live as long as the templates. Throws std::invalid_argument if static_url does not end with a
    /// slash: "/static" and "a.png" would make "/statica.png".
    explicit templates(const template_loader& loader, template_settings settings = {})
        : loader_{&loader}, settings_{std::move(settings)} {
        std::string& url = settings_.static_url;
        if (!url.empty() && !url.ends_with('/'))
            throw std::invalid_argument{"The STATIC_URL setting must end with a slash, and " + netnotes::quoted(url) +
                                        " does not (urls.E006)."};
        if (!url.starts_with('/') && !url.starts_with("http://") && !url.starts_with("https://")) url.insert(0, 1, '/');
    }

    /// Returns the page that the template and the values make. Throws template_error if the template is not found or
    /// has a fault, and whatever a function among the values throws.
    [[nodiscard]] std::string render(std::string_view name, const map& context = {}) const;
    /// Returns the page that a text makes, which may extend and include templates of the loader.
    [[nodiscard]] std::string render_text(std::string_view text, const map& context = {}) const;
    /// Reads a template, and throws template_error if it has a fault or is not there. Call it at the start of a program
    /// to find faults early.
    void check(std::string_view name) const { static_cast<void>(find(name, 0)); }

    /// Returns the settings that all templates share.
    [[nodiscard]] const template_settings& settings() const noexcept { return settings_; }

  private:
    friend class detail::templates::renderer;
    using program_pointer = std::shared_ptr<const detail::templates::program>;
    program_pointer find(std::string_view name, std::size_t skip) const;
    static program_pointer read(std::string_view text, std::string_view name);

    struct kept {
        program_pointer program;
        std::uint64_t version;
    };
    const template_loader* loader_;
    template_settings settings_;
    mutable std::mutex mutex_;
    mutable std::map<std::pair<std::string, std::size_t>, kept> kept_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail::templates {

/// Gives a variable another value, and its old value at the end of the scope. This holds after an exception, too: a
/// condition in which {{ block.super }} fails is false, and the page goes on.
template <class T>
class for_now {
  public:
    for_now(T& which, T what) : which_{which}, before_{std::exchange(which, std::move(what))} {}
    for_now(const for_now&) = delete;
    for_now& operator=(const for_now&) = delete;
    ~for_now() { which_ = std::move(before_); }

  private:
    T& which_;
    T before_;
};
/// Drops the names that were bound in this scope.
class new_names {
  public:
    explicit new_names(scope& names) noexcept
        : names_{names}, count_{names.bindings.size()}, kept_{names.kept.size()}, frame_{names.frame} {
        names.frame = count_;
    }
    new_names(const new_names&) = delete;
    new_names& operator=(const new_names&) = delete;
    ~new_names() {
        names_.bindings.resize(count_);
        while (names_.kept.size() > kept_) names_.kept.pop_back();
        names_.frame = frame_;
    }

  private:
    scope& names_;
    std::size_t count_, kept_, frame_;
};
/// The page, as far as it is made. A std::string that is longer than the page: a piece of text is then a plain copy.
class output {
  public:
    explicit output(std::size_t max_size) noexcept : max_size_{max_size} {}

    void append(std::string_view text) {
        if (text.size() > text_.size() - size_) grow(text.size());
        std::copy_n(text.data(), text.size(), text_.data() + size_);
        size_ += text.size();
    }
    void append(std::int64_t number) {
        char digits[24];
        const auto end = std::to_chars(digits, std::end(digits), number).ptr;
        append(std::string_view{digits, static_cast<std::size_t>(end - digits)});
    }
    void append_escaped(std::string_view text) {
        escape_in_pieces(text, [this](std::string_view piece) { append(piece); });
    }
    /// Returns the page, and begins another one.
    std::string take() {
        text_.resize(std::exchange(size_, 0));
        return std::exchange(text_, {});
    }

  private:
    void grow(std::size_t more) {
        if (size_ + more > max_size_) throw template_error{"MemoryError", "the page becomes too large"};
        text_.resize(std::min(std::max({2 * text_.size(), size_ + more, std::size_t{1000}}), max_size_));
    }

    std::string text_;
    std::size_t size_ = 0, max_size_;
};

class renderer {
  public:
    renderer(const web::templates& of, const map& context) : of_{of}, names_{context}, out_{of.settings().max_output} {
        names_.autoescape = of.settings().autoescape;
        names_.super_of = [this](std::string_view name) { return super(name); };
    }

    std::string run(const std::shared_ptr<const program>& what) {
        alive_.push_back(what);
        render(*what);
        return out_.take();
    }

  private:
    static constexpr unsigned max_depth = 100, max_tags = 1'000;
    using block_place = std::pair<const program*, std::uint32_t>;
    /// The blocks of each name: the parent's first, the child's last.
    using block_chains = std::map<std::string_view, std::vector<block_place>>;

    void print(const value& what) {
        if (what.is_text())
            return !names_.autoescape || what.is_safe() ? out_.append(what.string())
                                                        : out_.append_escaped(what.string());
        if (what.kind() == value_kind::integer) return out_.append(what.integer());
        // Truth values, other numbers and None have no character that is escaped.
        if (what.kind() < value_kind::string) return out_.append(what.text());
        const std::string text = what.time() ? format_date(*what.time(), "N j, Y, P") : what.text();
        return names_.autoescape ? out_.append_escaped(text) : out_.append(text);
    }
    const value& evaluate(std::uint32_t which, value& holder, bool missing_is_none = false) const {
        return names_.evaluate(now_->expressions[which], holder, missing_is_none);
    }
    /// Gives a name of the innermost scope a value, or another value.
    void bind(std::string_view name, value what) {
        names_.kept.push_back(std::move(what));
        const value* const kept = &names_.kept.back();
        for (std::size_t i = names_.frame; i < names_.bindings.size(); ++i)
            if (names_.bindings[i].name == name) return void(names_.bindings[i] = {name, kept});
        names_.bindings.push_back({name, kept});
    }

    void render(const program& what) { walk(what, 0, static_cast<std::uint32_t>(what.nodes.size())); }
    /// Renders nodes of a template, and gives an error that has no place the place of the tag.
    void walk(const program& in, std::uint32_t first, std::uint32_t last) {
        const for_now<const program*> now{now_, &in};
        try {
            range(first, last);
        } catch (const template_error& error) {
            if (error.line() != 0) throw;
            throw template_error{error.kind(), error.message(), in.name, line_};
        }
    }
    void range(std::uint32_t first, std::uint32_t last) {
        // 100 templates with 100 tags around the next include would need more stack than there is.
        if (tags_ == max_tags) throw template_error{"RecursionError", "tags are nested more than 1000 deep"};
        const for_now tags{tags_, tags_ + 1};
        for (std::uint32_t i = first; i < last;) {
            const node& what = now_->nodes[i];
            line_ = what.line;
            switch (what.what) {
                case node_kind::text: out_.append(what.text), ++i; break;
                case node_kind::variable: {
                    value holder;
                    print(evaluate(what.first, holder));
                    ++i;
                    break;
                }
                case node_kind::loop: loop(i), i = what.end; break;
                case node_kind::choice: choice(i), i = what.end; break;
                case node_kind::with: {
                    const new_names names{names_};
                    assign(what);
                    range(i + 1, what.end);
                    i = what.end;
                    break;
                }
                case node_kind::autoescape: {
                    const for_now autoescape{names_.autoescape, what.flag};
                    range(i + 1, what.end);
                    i = what.end;
                    break;
                }
                case node_kind::block: block(i), i = what.end; break;
                case node_kind::extends: extends(what), i = what.end; break;
                case node_kind::include: include(what), ++i; break;
                case node_kind::url: url(what), ++i; break;
                case node_kind::csrf_token: csrf_token(), ++i; break;
                case node_kind::static_file: static_file(what), ++i; break;
                case node_kind::branch: i = what.end; break;
            }
        }
    }

    void loop(std::uint32_t which) {
        const node what = now_->nodes[which];
        value holder;
        const value sequence = evaluate(what.first, holder, true);
        std::optional<list> made;
        const list* items = sequence.as_list();
        if (items == nullptr) {
            made = sequence.is_none() ? list{} : items_of(sequence);
            if (!made) type_error(netnotes::detail::joined("'", sequence.type_name(), "' object is not iterable"));
            items = &*made;
        }
        if (items->empty()) return range(what.middle, what.end);
        loop_state state;
        state.count = items->size();
        if (const binding* outer = names_.find("forloop"); outer != nullptr) state.parent = outer->loop;
        const new_names names{names_};
        names_.bindings.push_back({"forloop", nullptr, &state});
        const std::size_t first = names_.bindings.size();
        for (std::size_t i = 0; i < items->size(); ++i) {
            state.index = i;
            const value& item = (*items)[what.flag ? items->size() - 1 - i : i];
            if (what.name_count == 1) {
                // The name refers to the item, which the list keeps. {% static ... as x %} may have bound it to a copy.
                if (i == 0) names_.bindings.push_back({now_->names[what.names]});
                names_.bindings[first].what = &item;
                range(which + 1, what.middle);
            } else {
                const new_names own{names_};
                unpack(item, what);
                range(which + 1, what.middle);
            }
            line_ = what.line;
        }
    }
    /// Binds the names of {% for a, b in pairs %} to the items of an item.
    void unpack(const value& item, const node& what) {
        const std::size_t size = item.size().value_or(1);
        if (size != what.name_count)
            throw template_error{"ValueError", netnotes::detail::joined("Need ", std::to_string(what.name_count),
                                                                        " values to unpack in for loop; got ",
                                                                        std::to_string(size), ". ")};
        const list* parts = item.as_list();
        const list made = parts == nullptr ? *items_of(item) : list{};
        for (std::uint32_t k = 0; k < what.name_count; ++k)
            if (parts != nullptr)
                names_.bindings.push_back({now_->names[what.names + k], &(*parts)[k]});
            else
                bind(now_->names[what.names + k], made[k]);
    }
    void choice(std::uint32_t which) {
        const std::uint32_t end = now_->nodes[which].end;
        for (std::uint32_t i = which + 1; i < end; i = now_->nodes[i].end) {
            const node& branch = now_->nodes[i];
            line_ = branch.line;
            if (branch.first != no_index && !holds(branch.first)) continue;
            return range(i + 1, branch.end);
        }
    }
    bool holds(std::uint32_t which) const {
        try {
            value holder;
            return templates::evaluate(now_->conditions, which, names_, holder).is_true();
        } catch (const template_error& error) {
            if (error.kind() == "VariableDoesNotExist") return false;
            throw;
        }
    }
    /// Evaluates all before it binds any of them.
    void assign(const node& what) {
        std::vector<value> made;
        for (std::uint32_t i = 0; i < what.name_count; ++i) {
            value holder;
            made.push_back(evaluate(now_->assignments[what.names + i].what, holder));
        }
        for (std::uint32_t i = 0; i < what.name_count; ++i)
            bind(now_->assignments[what.names + i].name, std::move(made[i]));
    }

    // ---- Inheritance

    void block(std::uint32_t which) {
        const std::string_view name = now_->nodes[which].text;
        const new_names names{names_};
        struct taken {  // out of the chain while it is rendered, so that {{ block.super }} finds the next
            block_place place;
            std::vector<block_place>* chain = nullptr;
            ~taken() {
                if (chain != nullptr) chain->push_back(place);
            }
        } found{{now_, which}};
        if (blocks_ != nullptr) {
            auto& chain = (*blocks_)[name];
            if (!chain.empty()) {
                found.place = chain.back();
                chain.pop_back();
                found.chain = &chain;
            }
        }
        names_.bindings.push_back({"block", nullptr, nullptr, name});
        const auto [in, index] = found.place;
        walk(*in, index + 1, in->nodes[index].end);
    }
    /// {{ block.super }}: the block of this name that is next in the chain.
    value super(std::string_view name) {
        if (blocks_ == nullptr)
            refuse("'BlockNode' object has no attribute 'context'. Did you use {{ block.super }} in a base template?");
        const auto found = blocks_->find(name);
        if (found == blocks_->end() || found->second.empty()) return "";
        const auto [in, index] = found->second.back();
        const for_now page{out_, output{of_.settings().max_output}};
        const for_now<const program*> now{now_, in};
        const for_now line{line_, line_};
        block(index);
        return safe_string{out_.take()};
    }
    void add_blocks(const program& of) {
        for (const auto& [name, index] : of.blocks) {
            auto& chain = (*blocks_)[name];
            chain.insert(chain.begin(), block_place{&of, index});
        }
    }
    void extends(const node& what) {
        value holder;
        const value name = evaluate(what.first, holder);
        const expression& written = now_->expressions[what.first];
        if (!name.is_true()) {
            std::string message =
                netnotes::detail::joined("Invalid template name in 'extends' tag: ", name.repr(), ".");
            if (!written.calls.empty() || !written.what.literal)
                message += netnotes::detail::joined(" Got this from the '", written.text, "' variable.");
            refuse(message);
        }
        block_chains own;
        const for_now blocks{blocks_, blocks_ == nullptr ? &own : blocks_};
        const for_now depth{depth_, depth_};
        add_blocks(*now_);
        // A template does not extend itself: of several with its name it extends the next.
        const std::string text = name.text();
        extended_.push_back(now_->name);
        const auto skip = static_cast<std::size_t>(std::count(extended_.begin(), extended_.end(), text));
        const auto parent = enter(text, skip);
        if (!parent->has_extends) add_blocks(*parent);
        render(*parent);
        extended_.pop_back();
    }
    std::shared_ptr<const program> enter(std::string_view name, std::size_t skip) {
        if (depth_ == max_depth)
            throw template_error{"RecursionError", netnotes::detail::joined(
                                                       "templates are nested more than 100 deep; the last is ", name)};
        auto found = of_.find(name, skip);
        if (!found) throw template_error{"TemplateDoesNotExist", name};
        ++depth_;
        alive_.push_back(found);
        return found;
    }
    void include(const node& what) {
        value holder;
        const value name = evaluate(what.first, holder);
        if (!name.is_true()) throw template_error{"TemplateDoesNotExist", "No template names provided"};
        const new_names names{names_};
        const std::size_t floor = names_.bindings.size();
        assign(what);
        const scope::hidden_names hidden{names_, what.flag, floor};
        const for_now<block_chains*> blocks{blocks_, nullptr};
        const for_now extended{extended_, std::vector<std::string>{}};
        const for_now depth{depth_, depth_};
        const std::size_t alive = alive_.size();
        render(*enter(name.text(), 0));
        alive_.resize(alive);
    }

    // ---- Addresses

    void url(const node& what) {
        value holder;
        const value view = evaluate(what.first, holder);
        list arguments;
        map named;
        for (std::uint32_t i = 0; i < what.name_count; ++i) {
            const assignment& each = now_->assignments[what.names + i];
            value argument_holder;
            const value& argument = evaluate(each.what, argument_holder);
            if (each.name.empty())
                arguments.push_back(argument);
            else
                named.set(each.name, argument);
        }
        std::string made;
        try {
            if (!of_.settings().reverse)
                throw template_error{"NoReverseMatch", netnotes::detail::joined("Reverse for '", view.text(),
                                                                                "' not found: there are no routes.")};
            made = of_.settings().reverse(view.text(), arguments, named);
        } catch (const template_error& error) {
            if (error.kind() != "NoReverseMatch" || what.text.empty()) throw;
        }
        if (what.text.empty()) return print(value{std::move(made)});
        bind(what.text, std::move(made));
    }
    /// Returns "https://cdn.example" of "https://cdn.example/files/", and nothing of "/files/".
    static std::string_view origin_of(std::string_view url) {
        const auto scheme = url.starts_with('/') ? url.npos : url.find("://");
        return scheme == url.npos ? std::string_view{} : url.substr(0, url.find('/', scheme + 3));
    }
    void static_file(const node& what) {
        value holder;
        const value& path = evaluate(what.first, holder);
        if (!path.is_text()) type_error("quote_from_bytes() expected bytes");
        std::string made = quote(path.string(), "/");
        if (!made.starts_with("//")) {  // "/a.png" is not below static_url, and "//host/a.png" has a host of its own
            const std::string_view url = of_.settings().static_url;
            made.insert(0, made.starts_with('/') ? origin_of(url) : url);
        }
        if (what.text.empty()) return print(value{std::move(made)});
        bind(what.text, names_.autoescape ? value{safe_string{escape(made)}} : value{std::move(made)});
    }
    void csrf_token() {
        static const operand name{std::nullopt, {name_part{"csrf_token"}}, "csrf_token"};
        value holder;
        const value* token = names_.resolve(name, holder);
        if (token == nullptr || !token->is_true()) return;
        out_.append("<input type=\"hidden\" name=\"csrfmiddlewaretoken\" value=\"");
        out_.append(escaped(*token));
        out_.append("\">");
    }

    const web::templates& of_;
    scope names_;
    output out_;
    const program* now_ = nullptr;
    std::size_t line_ = 0;
    unsigned depth_ = 0;  // of templates
    unsigned tags_ = 0;   // that are open
    block_chains* blocks_ = nullptr;
    std::vector<std::string> extended_;
    std::vector<std::shared_ptr<const program>> alive_;  // names are views of their texts
};

}  // namespace detail::templates

inline templates::program_pointer templates::read(std::string_view text, std::string_view name) {
    auto made = std::make_shared<detail::templates::program>(text, name);
    detail::templates::parser{*made}.parse();
    return made;
}
inline templates::program_pointer templates::find(std::string_view name, std::size_t skip) const {
    const std::lock_guard lock{mutex_};
    const std::pair key{std::string{name}, skip};
    const std::uint64_t version = settings_.reload ? loader_->version(name, skip) : 0;
    const auto found = kept_.find(key);
    if (found != kept_.end() && found->second.version == version) return found->second.program;
    const auto text = loader_->load(name, skip);
    if (!text) throw template_error{"TemplateDoesNotExist", name};
    auto made = read(text->text, name);
    kept_.insert_or_assign(key, kept{made, version});
    return made;
}
inline std::string templates::render(std::string_view name, const map& context) const {
    const auto found = find(name, 0);
    return detail::templates::renderer{*this, context}.run(found);
}
inline std::string templates::render_text(std::string_view text, const map& context) const {
    const auto made = read(text, "<unknown source>");
    return detail::templates::renderer{*this, context}.run(made);
}

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_TEMPLATE_HPP



namespace netnotes::web {

/// A page that is rendered later, so that middleware can still change its context. A view may return it in place of an
/// http::response.
struct template_response {
    const templates* pages = nullptr;  ///< must live until the page is rendered
    std::string name{};                ///< of the template
    map context{};
    http::status status{};
    /// Renders the page. Throws as templates::render() does.
    [[nodiscard]] http::response render() const {
        return {status, pages->render(name, context), "text/html; charset=utf-8"};
    }
};
/// The result of a view: a response, or a page that is rendered later. A view may also return a task of one of them.
using view_answer = std::variant<http::response, template_response>;

namespace detail::routing {

template <class F>
struct signature : signature<decltype(&F::operator())> {};
template <class R, class Q, class... Arguments, bool is_noexcept>
struct signature<R (*)(Q, Arguments...) noexcept(is_noexcept)> {
    using arguments = std::tuple<std::decay_t<Arguments>...>;
};
template <class C, class R, class Q, class... Arguments, bool is_noexcept>
struct signature<R (C::*)(Q, Arguments...) const noexcept(is_noexcept)> : signature<R (*)(Q, Arguments...)> {};
template <class C, class R, class Q, class... Arguments, bool is_noexcept>
struct signature<R (C::*)(Q, Arguments...) noexcept(is_noexcept)> : signature<R (*)(Q, Arguments...)> {};

template <class View>
using arguments_of = typename signature<std::decay_t<View>>::arguments;

inline void argument_does_not_fit_the_path() {}  // not constexpr: a call of it does not compile
inline void number_of_arguments_differs_from_path() {}
inline void a_path_begins_without_its_slash() {}

/// The next part in angle brackets, from `at` on: its kind and its name. `at` is then behind it.
struct part {
    std::string_view before, kind, name;
};
constexpr std::optional<part> next_part(std::string_view text, std::size_t& at) {
    const std::size_t open = text.find('<', at);
    if (open == text.npos) return std::nullopt;
    const std::size_t close = text.find('>', open);
    if (close == text.npos) return std::nullopt;
    const std::string_view inside = text.substr(open + 1, close - open - 1);
    const std::size_t colon = inside.find(':');
    part found{text.substr(at, open - at), colon == inside.npos ? std::string_view{"str"} : inside.substr(0, colon),
               colon == inside.npos ? inside : inside.substr(colon + 1)};
    at = close + 1;
    return found;
}

template <class Argument>
constexpr bool fits(std::string_view kind) {
    if constexpr (std::integral<Argument>)
        return kind == "int";
    else
        return std::constructible_from<Argument, std::string_view> || std::constructible_from<Argument, std::string>;
}

template <class Arguments>
class path_text;
template <class... Arguments>
class path_text<std::tuple<Arguments...>> {
  public:
    template <std::convertible_to<std::string_view> Text>
    consteval path_text(const Text& text) : text_{text} {  // NOLINT: like a format string
        if (text_.starts_with('/')) a_path_begins_without_its_slash();
        std::string_view kinds[sizeof...(Arguments) + 1];
        std::size_t count = 0, at = 0;
        while (const auto found = next_part(text_, at)) {
            if (count == sizeof...(Arguments)) number_of_arguments_differs_from_path();
            kinds[count++] = found->kind;
        }
        if (count != sizeof...(Arguments)) number_of_arguments_differs_from_path();
        std::size_t i = 0;
        if (!(fits<Arguments>(kinds[i++]) && ...)) argument_does_not_fit_the_path();
    }
    [[nodiscard]] constexpr std::string_view text() const noexcept { return text_; }

  private:
    std::string_view text_;
};

/// Reads an argument; false if the text is no number of this type.
template <class Argument>
bool read_argument(std::string_view text, Argument& to) {
    if constexpr (std::integral<Argument>) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
        return error == std::errc{} && end == text.data() + text.size();
    } else {
        to = Argument{text};
        return true;
    }
}

/// Views with their types hidden. They are given arguments that can be read.
using any_view = std::function<std::variant<view_answer, task<view_answer>>(http::request&, std::vector<std::string>)>;

template <class View, class Arguments>
struct view_result;
template <class View, class... Arguments>
struct view_result<View, std::tuple<Arguments...>> : std::invoke_result<const View&, http::request&, Arguments&...> {};
template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;
/// True for a view that is a task.
template <class View>
inline constexpr bool waits = is_task<typename view_result<View, arguments_of<View>>::type>;

template <class Arguments>
bool read_arguments(const std::vector<std::string>& texts, Arguments& to) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (read_argument(texts[I], std::get<I>(to)) && ...);
    }
    (std::make_index_sequence<std::tuple_size_v<Arguments>>{});
}
template <class View>
bool can_read(const std::vector<std::string>& texts) {
    arguments_of<View> unused;
    return read_arguments(texts, unused);
}
template <class View>
auto call(const View& view, http::request& ask, const std::vector<std::string>& texts, arguments_of<View>& arguments) {
    static_cast<void>(read_arguments(texts, arguments));
    return std::apply([&](auto&... each) { return view(ask, each...); }, arguments);
}
/// Runs a view that waits. What it may refer to lies in this frame: the arguments, and the texts that they show.
template <class View>
task<view_answer> run(const View& view, http::request& ask, std::vector<std::string> texts) {
    arguments_of<View> arguments;
    auto running = call(view, ask, texts, arguments);
    auto made = co_await std::move(running);
    view_answer answer{std::move(made)};
    co_return answer;
}
template <class View>
any_view hide(View view) {
    using result = std::variant<view_answer, task<view_answer>>;
    return [view = std::move(view)](http::request& ask, std::vector<std::string> texts) {
        if constexpr (waits<View>) {
            return result{run(view, ask, std::move(texts))};
        } else {
            arguments_of<View> arguments;
            return result{view_answer{call(view, ask, texts, arguments)}};
        }
    };
}

struct route {
    std::vector<piece> pieces;
    std::vector<std::string> spaces;  // namespaces, from the outside
    std::string name;
    any_view view;
    bool (*can_read)(const std::vector<std::string>& arguments);
    bool waits = false;
    std::vector<http::method> methods;  // empty: all
};

inline std::string kind_pattern(std::string_view kind) {
    if (kind == "int") return "[0-9]+";
    if (kind == "str") return "[^/]+";
    if (kind == "slug") return "[-a-zA-Z0-9_]+";
    if (kind == "path") return ".+";
    if (kind == "uuid") return "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    throw std::invalid_argument{netnotes::detail::joined("a path has no parts of the kind ", netnotes::quoted(kind))};
}
inline std::string escaped_for_pattern(std::string_view text) {
    std::string made;
    for (const char c : text) {
        if (std::string_view{"\\^$.|?*+()[]{}"}.find(c) != std::string_view::npos) made += '\\';
        made += c;
    }
    return made;
}
/// The regular expression of a path. `is_whole`: it ends where the path ends.
inline piece read_path(std::string_view text, bool is_whole) {
    std::string made = "^";
    std::size_t at = 0;
    while (const auto found = next_part(text, at))
        made += escaped_for_pattern(found->before) +
                netnotes::detail::joined("(?P<", found->name, ">", kind_pattern(found->kind), ")");
    made += escaped_for_pattern(text.substr(at)) + (is_whole ? "\\Z" : "");
    return {std::string{text}, web::pattern{made}, true};
}

}  // namespace detail::routing

/// How a table answers a path that no route takes.
struct route_settings {
    /// For development: a 404 lists the table. Never for strangers, who would learn about pages that are not linked.
    bool debug = false;
    /// Whether "/articles" is redirected to "/articles/" if only the second is a route.
    bool append_slash = true;
};

/// A table of routes. Make it at the start of a program; afterwards several threads may ask it.
class routes {
  public:
    /// Adds a route for a path with parts in angle brackets. A view is called with the request and the parts, and
    /// returns an http::response, a template_response, or a task of one of them. The route takes these `methods`, or
    /// all if the list is empty. A route that takes GET also takes HEAD. Throws std::invalid_argument if a part has an
    /// unknown kind.
    template <class View>
    requires(!std::is_pointer_v<View>) routes& path(
        detail::routing::path_text<std::type_identity_t<detail::routing::arguments_of<View>>> text, View view,
        std::string name = {}, std::vector<http::method> methods = {}) {
        return add(detail::routing::read_path(text.text(), true), std::move(view), std::move(name), std::move(methods));
    }
    /// Adds a route whose view is a function. If several functions have its name, the only function that takes a request
    /// is the view. So a view may be called index(), although POSIX has a function of that name.
    template <class Result, class Request, class... Arguments>
    routes& path(detail::routing::path_text<std::tuple<std::decay_t<Arguments>...>> text,
                 Result (*view)(Request&, Arguments...), std::string name = {},
                 std::vector<http::method> methods = {}) {
        return add(detail::routing::read_path(text.text(), true), view, std::move(name), std::move(methods));
    }
    /// Adds a route for a regular expression, which is searched in the path: begin it with ^ and end it with $. The
    /// view gets the groups; if some of them have names, only these. Throws std::invalid_argument if their number
    /// differs from that of the view's arguments, and parse_error if the text is no regular expression.
    template <class View>
    requires(!std::is_pointer_v<View>) routes& re_path(std::string_view text, View view, std::string name = {},
                                                       std::vector<http::method> methods = {}) {
        detail::routing::piece made{std::string{text}, pattern{text}, false};
        const std::size_t groups =
            made.compiled.names().empty() ? made.compiled.group_count() : made.compiled.names().size();
        constexpr std::size_t wanted = std::tuple_size_v<detail::routing::arguments_of<View>>;
        if (groups != wanted)
            throw std::invalid_argument{netnotes::detail::joined("the pattern ", netnotes::quoted(text), " has ",
                                                                 std::to_string(groups), " groups, and its view has ",
                                                                 std::to_string(wanted), " arguments")};
        return add(std::move(made), std::move(view), std::move(name), std::move(methods));
    }
    template <class Result, class Request, class... Arguments>
    routes& re_path(std::string_view text, Result (*view)(Request&, Arguments...), std::string name = {},
                    std::vector<http::method> methods = {}) {
        return re_path(
            text, [view](Request& ask, Arguments... each) { return view(ask, each...); }, std::move(name),
            std::move(methods));
    }
    /// Adds all routes of a table behind a prefix. Their names get the namespace in front: shop:list. Throws
    /// std::invalid_argument if the prefix has parts in angle brackets: the views would get them as their own.
    routes& include(std::string_view prefix, const routes& table, std::string_view space = {}) {
        std::size_t begin = 0;
        if (detail::routing::next_part(prefix, begin))
            throw std::invalid_argument{"include: the prefix " + netnotes::quoted(prefix) + " has parts"};
        for (detail::routing::route each : table.routes_) {
            each.pieces.insert(each.pieces.begin(), detail::routing::read_path(prefix, false));
            if (!space.empty()) each.spaces.insert(each.spaces.begin(), std::string{space});
            routes_.push_back(std::move(each));
        }
        return *this;
    }

    /// A view that was found, with its arguments. It refers to the table.
    class ready_view {
      public:
        /// Returns true if the view is a task.
        [[nodiscard]] bool waits() const noexcept { return route_->waits; }
        /// Returns what a view returns that does not wait. Throws std::logic_error if the view is a task.
        [[nodiscard]] view_answer operator()(http::request& ask) const {
            if (waits())
                throw std::logic_error{"the view of " + netnotes::quoted(route_->pieces.back().text) +
                                       " is a task: ask the table or the site with async_answer()"};
            return std::get<view_answer>(route_->view(ask, arguments_));
        }
        /// Returns the task of a view that waits. The request must live as long as the task. Throws std::logic_error if
        /// the view is no task.
        [[nodiscard]] task<view_answer> start(http::request& ask) const {
            if (!waits()) throw std::logic_error{"a view that is no task is called"};
            return std::get<task<view_answer>>(route_->view(ask, arguments_));
        }

      private:
        friend class routes;
        ready_view(const detail::routing::route& found, std::vector<std::string> arguments)
            : route_{&found}, arguments_{std::move(arguments)} {}
        const detail::routing::route* route_;
        std::vector<std::string> arguments_;
    };
    /// Returns the view for a request, or an answer in its place. The answer is 405 with the field Allow if only routes
    /// for other methods fit, 301 to the path with a slash behind it, or 404 if no route fits. A HEAD request gets the
    /// view of GET; the server leaves the body away. A number that its argument's type cannot hold lets the next route
    /// try.
    [[nodiscard]] std::variant<ready_view, http::response> find(const http::request& ask,
                                                                const route_settings& settings = {}) const {
        std::vector<http::method> allowed;
        std::vector<std::string> arguments;
        for (const auto& each : routes_) {
            if (!fits(each, path_of(ask), arguments)) continue;
            if (!takes(each, ask.method()))
                allowed.insert(allowed.end(), each.methods.begin(), each.methods.end());
            else if (each.can_read(arguments))
                return ready_view{each, std::move(arguments)};
        }
        if (!allowed.empty()) return not_allowed(allowed);
        if (settings.append_slash && !ask.path().ends_with('/') && has(std::string{path_of(ask)} + "/")) {
            std::string target = from_root(http::percent_encode(std::string{path_of(ask)} + "/", "/"));
            if (!ask.query().empty()) target.append("?").append(ask.query());
            return http::redirect(target, http::status::moved_permanently);
        }
        return missing(ask, settings);
    }
    /// Returns what the view for this request returns, rendered, or what find() has in its place. Throws
    /// std::logic_error if the view is a task.
    [[nodiscard]] http::response answer(http::request& ask, const route_settings& settings = {}) const {
        auto found = find(ask, settings);
        if (auto* made = std::get_if<http::response>(&found)) return std::move(*made);
        return rendered(std::get<ready_view>(found)(ask));
    }
    [[nodiscard]] http::response answer(http::request&& ask, const route_settings& settings = {}) const {
        return answer(ask, settings);
    }
    /// Returns the same as answer(), and waits for a view that is a task. The table and the request must live as long
    /// as the task.
    [[nodiscard]] task<http::response> async_answer(http::request& ask, route_settings settings = {}) const {
        auto found = find(ask, settings);
        if (auto* made = std::get_if<http::response>(&found)) co_return std::move(*made);
        const ready_view& view = std::get<ready_view>(found);
        if (!view.waits()) co_return rendered(view(ask));
        auto running = view.start(ask);
        auto made = co_await std::move(running);
        co_return rendered(std::move(made));
    }

    /// Returns the path of the last route with this name that takes the arguments, or the named arguments:
    /// "shop:detail", {3}. The route takes the path again and finds the same arguments. The path never begins with two
    /// slashes, which would name another host: the second is %2F. Throws a template_error of the kind NoReverseMatch
    /// with Django's text.
    [[nodiscard]] std::string reverse(std::string_view name, const list& arguments = {}, const map& named = {}) const;

    /// Returns the table, one route a line.
    [[nodiscard]] std::string text() const {
        std::string made;
        for (const auto& each : routes_) {
            made += "    ";
            for (const auto& piece : each.pieces) made += piece.text + (&piece == &each.pieces.back() ? "" : " ");
            if (!each.name.empty()) made += " [name='" + each.name + "']";
            made += '\n';
        }
        return made;
    }

  private:
    using route = detail::routing::route;

    template <class View>
    routes& add(detail::routing::piece what, View view, std::string name, std::vector<http::method> methods) {
        route made;
        made.pieces.push_back(std::move(what));
        made.name = std::move(name);
        made.can_read = &detail::routing::can_read<View>;
        made.waits = detail::routing::waits<View>;
        made.view = detail::routing::hide(std::move(view));
        made.methods = std::move(methods);
        routes_.push_back(std::move(made));
        return *this;
    }
    static std::string_view path_of(const http::request& ask) {
        const std::string_view path = ask.path();
        return path.substr(path.starts_with('/') ? 1 : 0);
    }
    /// The path from the root of the site. Two slashes would name another host (Django CVE-2018-14574).
    static std::string from_root(std::string_view path) {
        return path.starts_with('/') ? netnotes::detail::joined("/%2F", path.substr(1))
                                     : netnotes::detail::joined("/", path);
    }
    static http::response rendered(view_answer made) {
        if (const auto* page = std::get_if<template_response>(&made)) return page->render();
        return std::get<http::response>(std::move(made));
    }
    static bool takes(const route& which, http::method method) {
        if (which.methods.empty()) return true;
        if (method == http::method::head) method = http::method::get;
        return std::find(which.methods.begin(), which.methods.end(), method) != which.methods.end();
    }
    static bool fits(const route& which, std::string_view path, std::vector<std::string>& arguments) {
        arguments.clear();
        for (const auto& piece : which.pieces) {
            const auto found = piece.compiled.search(path);
            if (!found) return false;
            if (piece.compiled.names().empty()) {
                for (std::size_t i = 1; i < found->size(); ++i) arguments.emplace_back((*found)[i].value_or(""));
            } else {
                for (const auto& [name, group] : piece.compiled.names())
                    arguments.emplace_back((*found)[group].value_or(""));
            }
            path.remove_prefix(found->end());
        }
        return true;
    }
    /// Returns the form with its groups filled, or nullopt if other arguments are given, or if the route does not take
    /// the path, or finds other arguments in it.
    static std::optional<std::string> filled(const route& which, const detail::routing::form& parts,
                                             const std::vector<std::size_t>& places, const list& arguments,
                                             const map& named) {
        std::string path;
        std::vector<std::string> given, found;
        std::size_t different = 0;  // how many names were used
        for (auto part = parts.begin(); part != parts.end(); ++part) {
            path += part->text;
            if (part->group == 0) continue;
            const bool is_new = std::none_of(parts.begin(), part, [&](const auto& other) {
                return other.group == part->group && other.name == part->name;
            });
            different += is_new ? 1 : 0;
            const value* what = !named.empty()                    ? named.find(part->name)
                                : given.size() < arguments.size() ? &arguments[given.size()]
                                                                  : nullptr;
            if (what == nullptr) return std::nullopt;
            given.push_back(what->text());
            path += given.back();
        }
        if (named.empty() ? given.size() != arguments.size() : different != named.size()) return std::nullopt;
        if (!fits(which, path, found)) return std::nullopt;
        for (std::size_t i = 0; i < given.size(); ++i)
            if (places[i] < found.size() && found[places[i]] != given[i]) return std::nullopt;
        return path;
    }
    [[nodiscard]] bool has(std::string_view path) const {
        std::vector<std::string> unused;
        return std::any_of(routes_.begin(), routes_.end(), [&](const route& each) { return fits(each, path, unused); });
    }
    static http::response not_allowed(const std::vector<http::method>& allowed) {
        std::vector<std::string_view> names;
        const auto add = [&](http::method which) {
            const std::string_view name = http::name_of(which);
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
        };
        for (const http::method each : allowed) {
            add(each);
            if (each == http::method::get) add(http::method::head);
        }
        std::string all;
        for (const std::string_view name : names) all.append(all.empty() ? "" : ", ").append(name);
        return http::response{http::status::method_not_allowed, "405: this page takes " + all + "\n"}.with("Allow",
                                                                                                           all);
    }
    [[nodiscard]] http::response missing(const http::request& ask, const route_settings& settings) const {
        if (!settings.debug) return http::not_found(ask);
        return {http::status::not_found, "Page not found (404)\n\nThese routes were tried, in this order:\n" + text() +
                                             "\nThe path " + netnotes::quoted(path_of(ask).substr(0, 200)) +
                                             " matched none of them.\n"};
    }

    std::vector<route> routes_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::string routes::reverse(std::string_view name, const list& arguments, const map& named) const {
    using netnotes::detail::joined;
    const auto refuse = [](const std::string& message) { throw template_error{"NoReverseMatch", message}; };
    auto words = detail::templates::parts_of(name, ':');
    const std::string_view last = words.back();
    words.pop_back();
    const auto is_in = [&](const route& which) {
        return std::equal(words.begin(), words.end(), which.spaces.begin(), which.spaces.end());
    };
    std::string tried;
    std::size_t count = 0;
    if (!arguments.empty() && !named.empty())
        throw template_error{"ValueError", "Don't mix *args and **kwargs in call to reverse()!"};
    for (auto at = routes_.rbegin(); at != routes_.rend(); ++at) {  // as in Django, the last route comes first
        const route& each = *at;
        if (each.name != last || !is_in(each)) continue;
        for (const auto& [parts, places] : detail::routing::forms_of(each.pieces))
            if (const auto path = filled(each, parts, places, arguments, named))
                return from_root(http::percent_encode(*path, "/:@!$&'()*+,;=~"));
        ++count;
        std::string text;
        for (const auto& piece : each.pieces)
            text +=
                piece.compiled.text().substr(&piece != &each.pieces.front() && piece.compiled.text()[0] == '^' ? 1 : 0);
        tried += joined(count > 1 ? ", " : "", value{text.substr(text.starts_with('^') ? 1 : 0)}.repr());
    }
    if (count == 0) {
        for (std::size_t i = 0; i < words.size(); ++i) {
            const bool is_known = std::any_of(routes_.begin(), routes_.end(), [&](const route& each) {
                return each.spaces.size() > i &&
                       std::equal(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                  each.spaces.begin());
            });
            if (!is_known) refuse(joined("'", words[i], "' is not a registered namespace"));
        }
        refuse(
            joined("Reverse for '", last, "' not found. '", last, "' is not a valid view function or pattern name."));
    }
    std::string given = "no arguments";
    if (!arguments.empty()) {
        given = value{arguments}.repr();
        given = joined("arguments '(", given.substr(1, given.size() - 2), arguments.size() == 1 ? ",)'" : ")'");
    } else if (!named.empty()) {
        given = joined("keyword arguments '", value{named}.repr(), "'");
    }
    refuse(joined("Reverse for '", last, "' with ", given, " not found. ", std::to_string(count),
                  " pattern(s) tried: [", tried, "]"));
    return {};
}

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_ROUTES_HPP


namespace netnotes::web {

/// A layer. Override the hooks that you need; the others do nothing. A hook may throw any std::exception. One object
/// serves all requests.
class middleware {
  public:
    virtual ~middleware() = default;
    /// Is called before the route is looked up. Returns a response to answer in the view's place, or nullopt.
    virtual std::optional<http::response> process_request(http::request&) { return std::nullopt; }
    /// Is called when the view is known, before it runs. Returns a response to answer in the view's place, or nullopt.
    virtual std::optional<http::response> process_view(http::request&) { return std::nullopt; }
    /// Is called when the view has returned a page that is not rendered yet. It may change the page.
    virtual void process_template_response(http::request&, template_response&) {}
    /// Is called when the view has thrown, or the page could not be rendered. Returns a response, or nullopt to let the
    /// error go on.
    virtual std::optional<http::response> process_exception(http::request&, const std::exception&) {
        return std::nullopt;
    }
    /// Is called with the response, and returns it, changed or not.
    virtual http::response process_response(http::request&, http::response made) { return made; }
};

/// Routes with layers around them. Make it at the start of a program.
class site {
  public:
    /// The table must live as long as the site.
    explicit site(const routes& table, route_settings settings = {}) : table_{&table}, settings_{settings} {}

    /// Adds a layer. It stands inside of the earlier layers.
    site& add(std::shared_ptr<middleware> layer) {
        layers_.push_back(std::move(layer));
        return *this;
    }
    template <std::derived_from<middleware> Layer>
    site& add(Layer layer) {
        return add(std::make_shared<Layer>(std::move(layer)));
    }

    /// Returns the response. An exception becomes a 500, whose text says what was thrown only in development. Only what
    /// is no std::exception passes, such as netnotes::cancelled. A view that is a task is such a 500.
    [[nodiscard]] http::response answer(http::request& ask) const {
        passage way = enter(ask);
        if (way.view) {
            try {
                way.answered = (*way.view)(ask);
            } catch (const std::exception&) {
                way.fault = std::current_exception();
            }
        }
        return leave(ask, std::move(way));
    }
    [[nodiscard]] http::response answer(http::request&& ask) const { return answer(ask); }
    /// Returns the same as answer(), and waits for a view that is a task. The site and the request must live as long as
    /// the task.
    [[nodiscard]] task<http::response> async_answer(http::request& ask) const {
        passage way = enter(ask);
        if (way.view) {
            try {
                if (way.view->waits()) {
                    auto running = way.view->start(ask);
                    auto made = co_await std::move(running);
                    way.answered = std::move(made);
                } else {
                    way.answered = (*way.view)(ask);
                }
            } catch (const std::exception&) {
                way.fault = std::current_exception();
            }
        }
        co_return leave(ask, std::move(way));
    }
    /// Returns the response to a request whose body it has waited for, because web::csrf reads the body. This makes a
    /// site a handler of http::serve(). A view that takes its body in pieces needs a handler of your own, which calls async_answer().
    template <std::same_as<http::request> Request>  // a template: request::text() has its code in http/server.hpp
    [[nodiscard]] task<http::response> operator()(Request& ask) const {
        auto body = co_await ask.text();
        ask.set_body(std::move(body));
        auto made = co_await async_answer(ask);
        co_return made;
    }

  private:
    /// A request on its way.
    struct passage {
        std::size_t entered = 0;               // how many layers will see the response
        std::optional<http::response> made{};  // without the view, or
        std::optional<routes::ready_view> view{};
        std::optional<view_answer> answered{};  // by the view, or
        std::exception_ptr fault{};
    };
    [[nodiscard]] http::response failed(const std::exception& error) const {
        return {http::status::internal_server_error,
                settings_.debug ? "500: " + visible(error.what()) + "\n" : "500: the server has failed\n"};
    }
    /// The way in, up to the view.
    passage enter(http::request& ask) const {
        passage way;
        try {
            for (; !way.made && way.entered < layers_.size(); ++way.entered)
                way.made = layers_[way.entered]->process_request(ask);
            if (way.made) return way;
            auto found = table_->find(ask, settings_);
            if (auto* made = std::get_if<http::response>(&found)) way.made = std::move(*made);
            for (std::size_t i = 0; !way.made && i < layers_.size(); ++i) way.made = layers_[i]->process_view(ask);
            if (!way.made) way.view = std::get<routes::ready_view>(std::move(found));
        } catch (const std::exception& error) {
            way.made = failed(error);
        }
        return way;
    }
    /// The way out, from what the view has returned or thrown.
    http::response leave(http::request& ask, passage way) const {
        try {
            if (!way.made) way.made = way.fault ? rescued(ask, way.fault) : finished(ask, *std::move(way.answered));
        } catch (const std::exception& error) {
            way.made = failed(error);
        }
        http::response made = *std::move(way.made);
        for (std::size_t i = way.entered; i > 0; --i) {
            try {
                made = layers_[i - 1]->process_response(ask, std::move(made));
            } catch (const std::exception& error) {
                made = failed(error);
            }
        }
        return made;
    }
    http::response finished(http::request& ask, view_answer answered) const {
        auto* const page = std::get_if<template_response>(&answered);
        if (page == nullptr) return std::get<http::response>(std::move(answered));
        for (std::size_t i = layers_.size(); i > 0; --i) layers_[i - 1]->process_template_response(ask, *page);
        std::exception_ptr fault;
        try {
            return page->render();
        } catch (const std::exception&) {
            fault = std::current_exception();
        }
        return rescued(ask, fault);
    }
    /// Returns what the layers make of an exception. Throws it again if none of them answers.
    http::response rescued(http::request& ask, const std::exception_ptr& fault) const {
        try {
            std::rethrow_exception(fault);
        } catch (const std::exception& error) {
            for (std::size_t i = layers_.size(); i > 0; --i)
                if (auto made = layers_[i - 1]->process_exception(ask, error)) return *std::move(made);
            throw;
        }
    }

    const routes* table_;
    route_settings settings_;
    std::vector<std::shared_ptr<middleware>> layers_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_MIDDLEWARE_HPP


namespace netnotes::web {

/// A layer that refuses unsafe requests of foreign pages. GET, HEAD, OPTIONS and TRACE pass: they must not change
/// anything.
class csrf : public middleware {
  public:
    static constexpr std::string_view cookie_name = "csrftoken";
    static constexpr std::string_view field_name = "csrfmiddlewaretoken";
    static constexpr std::size_t secret_size = 32;

    /// `trusted` are origins besides the site's own, for example "https://shop.example". `secure` is for a site that is
    /// reached by https:// only: the cookie is not sent otherwise, and a form without Origin must have a Referer of the
    /// site.
    explicit csrf(std::vector<std::string> trusted = {}, bool secure = false)
        : trusted_{std::move(trusted)}, secure_{secure} {}

    /// Returns a new token for this request's secret. Each call returns another text of 64 characters. The response to
    /// this request then sets the cookie. Throws std::logic_error if the request has not passed this layer.
    static std::string token(http::request& ask) {
        const std::string kept{ask.field(secret).value_or("")};
        if (!is_secret(kept)) throw std::logic_error{"csrf::token: this request has not passed the layer web::csrf"};
        ask.fields().set(used, "1");
        return masked(kept, random_text());
    }
    /// Replaces the secret. Call it when somebody logs in: a token that was seen before is then worth nothing.
    static void rotate(http::request& ask) {
        ask.fields().set(secret, random_text());
        ask.fields().set(used, "1");
    }

    std::optional<http::response> process_request(http::request& ask) override {
        const std::string_view sent = cookie(ask);
        ask.fields().set(secret, is_secret(sent) ? std::string{sent} : random_text());  // whatever a client has sent
        ask.fields().erase(used);
        return std::nullopt;
    }
    std::optional<http::response> process_view(http::request& ask) override {
        const std::string fault = fault_of(ask);
        if (fault.empty()) return std::nullopt;
        return http::response{http::status::forbidden, "403: CSRF verification failed: " + fault + "\n"};
    }
    void process_template_response(http::request& ask, template_response& page) override {
        http::request* const asked = &ask;
        page.context.set("csrf_token", value{[asked] { return value{token(*asked)}; }});
    }
    http::response process_response(http::request& ask, http::response made) override {
        if (!ask.field(used)) return made;
        http::set_cookie set{.name = std::string{cookie_name}, .value = std::string{ask.field(secret).value_or("")}};
        set.max_age = std::chrono::hours{24 * 7 * 52};
        set.secure = secure_;
        made.fields.add("Set-Cookie", set.to_string());
        made.fields.add("Vary", "Cookie");
        return made;
    }

    /// Returns which check an unsafe request fails, or an empty text.
    [[nodiscard]] std::string fault_of(const http::request& ask) const {
        switch (ask.method()) {
            case http::method::get:
            case http::method::head:
            case http::method::options:
            case http::method::trace: return {};
            default: break;
        }
        if (const auto origin = ask.field("Origin")) {
            if (!is_trusted(*origin, ask.host()))
                return "Origin checking failed - " + netnotes::visible(origin->substr(0, 200)) +
                       " does not match any trusted origins.";
        } else if (secure_) {
            // An attacker in between can set a cookie for the site by http://, and so knows a secret. Browsers tell by
            // https:// where a form comes from, so the page must be one of ours.
            const std::string_view page = ask.field("Referer").value_or("");
            if (page.empty()) return "Referer checking failed - no Referer.";
            const std::size_t scheme = page.find("://");
            const std::size_t path = scheme == page.npos ? page.size() : page.find_first_of("/?#", scheme + 3);
            if (!is_trusted(page.substr(0, path), ask.host()))
                return "Referer checking failed - " + netnotes::visible(page.substr(0, 200)) +
                       " does not match any trusted origins.";
        }
        const std::string_view kept = cookie(ask);
        if (!is_secret(kept)) return "CSRF cookie not set.";
        std::string given = sent_token(ask);
        if (given.empty()) given = ask.field("X-CSRFToken").value_or("");
        if (given.empty()) return "CSRF token missing.";
        return is_same(unmasked(given), kept) ? std::string{} : "CSRF token incorrect.";
    }

  private:
    // Notes to ourselves in the request, as Django has them in request.META. A client cannot set them: process_request
    // writes over them.
    static constexpr std::string_view secret = "X-Netnotes-CSRF-Secret", used = "X-Netnotes-CSRF-Used";
    static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    static std::string_view cookie(const http::request& ask) {
        const auto field = ask.field("Cookie");
        return field ? http::cookies::parse(*field).get(cookie_name).value_or("") : std::string_view{};
    }
    /// The token in the body: in a form, or in a form with files, which browsers send as multipart/form-data.
    static std::string sent_token(const http::request& ask) {
        parse_failure unused;
        if (const auto boundary = http::multipart_boundary(ask.field("Content-Type").value_or(""))) {
            const auto parts = http::parse_multipart(ask.body(), *boundary, unused);
            for (const http::form_part& part : parts.value_or(std::vector<http::form_part>{}))
                if (part.name == field_name) return std::string{part.body};
            return {};
        }
        const auto form = http::form::parse(ask.body(), unused);
        return form ? std::string{form->get(field_name).value_or("")} : std::string{};
    }
    static bool is_secret(std::string_view text) noexcept {
        return text.size() == secret_size && text.find_first_not_of(letters) == text.npos;
    }
    static std::string random_text() {
        std::random_device source;
        std::uniform_int_distribution<std::size_t> any{0, letters.size() - 1};
        std::string made;
        for (std::size_t i = 0; i < secret_size; ++i) made += letters[any(source)];
        return made;
    }
    /// The mask, and behind it the secret, each letter moved on by the number of the mask's letter.
    static std::string masked(std::string_view kept, std::string mask) {
        std::string made = std::move(mask);
        for (std::size_t i = 0; i < secret_size; ++i)
            made += letters[(letters.find(kept[i]) + letters.find(made[i])) % letters.size()];
        return made;
    }
    static std::string unmasked(std::string_view token) {
        if (token.size() != 2 * secret_size || token.find_first_not_of(letters) != token.npos) return {};
        std::string made;
        for (std::size_t i = 0; i < secret_size; ++i)
            made += letters[(letters.find(token[secret_size + i]) + letters.size() - letters.find(token[i])) %
                            letters.size()];
        return made;
    }
    /// Takes the same time wherever the texts differ, so an attacker cannot measure how far a guess is right.
    static bool is_same(std::string_view a, std::string_view b) noexcept {
        if (a.size() != b.size()) return false;
        unsigned differ = 0;
        for (std::size_t i = 0; i < a.size(); ++i) differ |= static_cast<unsigned char>(a[i] ^ b[i]);
        return differ == 0;
    }
    [[nodiscard]] bool is_trusted(std::string_view origin, std::string_view host) const {
        for (const std::string& each : trusted_)
            if (each == origin) return true;
        const std::string_view scheme = secure_ ? "https://" : "http://";
        return origin.starts_with(scheme) && !host.empty() && origin.substr(scheme.size()) == host;
    }

    std::vector<std::string> trusted_;
    bool secure_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_CSRF_HPP

// netnotes/web/hosts.hpp: a site answers for its own names only
// SPDX-License-Identifier: MIT
//
// A client writes into each request which host it wants. A stranger can write any name there:
//
//        GET /password/forgotten/ HTTP/1.1
//        Host: evil.example                   a page that builds links out of this name sends its readers there
//
// A name may also belong to an attacker, and lead to an address inside of your network. A browser there then gives the
// attacker's page what a server for insiders answers (DNS rebinding). So Django asks a list, ALLOWED_HOSTS, and answers
// 400 if the name is not in it. So does this layer:
//
//        web::site site{table};
//        site.add(web::allowed_hosts{{"www.example.com", ".example.org"}});
//
//   www.example.com     this name, in capital letters or not, with any port and with a dot behind it or not
//   .example.org        example.org and all names below it
//   *                   every name that is a name at all
//   [::1]  127.0.0.1    addresses are names, too
//
// With an empty list nothing is allowed. In development an empty list means localhost, the names below it, 127.0.0.1
// and [::1].
//
// On this page:  allowed_hosts
// The notes:     创建项目 (settings.py); example 49

#ifndef NETNOTES_WEB_HOSTS_HPP
#define NETNOTES_WEB_HOSTS_HPP

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>






namespace netnotes::web {

/// A layer that refuses requests for hosts that are not the site's own, with 400. Add it before all layers that read
/// request::host(), such as web::csrf.
class allowed_hosts : public middleware {
  public:
    /// `hosts` are Django's ALLOWED_HOSTS. `debug` is for development: an empty list then allows this computer, and the
    /// answer 400 says which name is missing in the list.
    explicit allowed_hosts(std::vector<std::string> hosts = {}, bool debug = false)
        : hosts_{std::move(hosts)}, debug_{debug} {
        if (debug_ && hosts_.empty()) hosts_ = {".localhost", "127.0.0.1", "[::1]"};
        for (std::string& each : hosts_) each = lower(each);
    }

    /// Returns the name in a field Host, in small letters: without its port, and without a dot at its end. Returns an
    /// empty text if the field has no name, or another character than letters, digits, '-' and '.'; in brackets stands
    /// an IPv6 address.
    [[nodiscard]] static std::string name_of(std::string_view host) {
        const std::string text = lower(host);
        const auto count = [&](std::size_t at, std::string_view taken) {
            return std::min(text.find_first_not_of(taken, at), text.size()) - at;
        };
        std::size_t end = 0;
        if (text.starts_with('[')) {
            const std::size_t first = 1 + count(1, "0123456789abcdef");
            const std::size_t rest = first < text.size() && text[first] == ':' ? first + 1 : text.size();
            end = rest + count(rest, "0123456789abcdef:.");
            if (end == rest || end == text.size() || text[end++] != ']') return {};
        } else {
            end = count(0, "0123456789abcdefghijklmnopqrstuvwxyz.-");
        }
        if (end < text.size()) {
            const std::size_t digits = text[end] == ':' ? count(end + 1, "0123456789") : 0;
            if (digits == 0 || end + 1 + digits != text.size()) return {};
        }
        if (end > 0 && text[end - 1] == '.') --end;
        return text.substr(0, end);
    }
    /// Returns true if the list has the name, which name_of() has returned.
    [[nodiscard]] bool allows(std::string_view name) const {
        return std::any_of(hosts_.begin(), hosts_.end(), [&](std::string_view each) {
            if (each == "*" || each == name) return true;
            return each.starts_with('.') && (name.ends_with(each) || name == each.substr(1));
        });
    }

    std::optional<http::response> process_request(http::request& ask) override {
        const std::string name = name_of(ask.host());
        if (!name.empty() && allows(name)) return std::nullopt;
        if (!debug_) return http::response{http::status::bad_request, "400: Bad Request\n"};
        std::string text = "400: Invalid HTTP_HOST header: " + repr(ask.host()) + ". ";
        text += name.empty() ? "The domain name provided is not valid according to RFC 1034/1035.\n"
                             : "You may need to add " + repr(name) + " to ALLOWED_HOSTS.\n";
        return http::response{http::status::bad_request, std::move(text)};
    }

  private:
    static std::string lower(std::string_view text) {
        std::string made{text};
        for (char& c : made)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
        return made;
    }
    static std::string repr(std::string_view text) { return netnotes::visible(value{text.substr(0, 200)}.repr()); }

    std::vector<std::string> hosts_;
    bool debug_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_HOSTS_HPP















#endif  // NETNOTES_WEB_HPP

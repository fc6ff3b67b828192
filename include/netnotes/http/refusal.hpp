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
#include <iterator>
#include <string>
#include <string_view>

#include "../ip/text.hpp"
#include "status.hpp"

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

/// The rules that a message can break. text_of() has the sentence, status_of() the status of the answer.
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
    reason why;
    std::uint16_t status;
    std::string_view section, text;
};
inline constexpr rule rules[] = {  // in the order of the enumerators
    {reason::none, 200, "", "no error"},
    {reason::tls, 400, "RFC 9112 §3", "this looks like TLS, and this port speaks plain HTTP"},
    {reason::empty_line, 400, "RFC 9112 §2.2", "a second empty line before the request"},
    {reason::bad_method, 400, "RFC 9110 §9.1", "the method is no token"},
    {reason::spaces, 400, "RFC 9112 §3", "exactly one space stands between the parts of the line"},
    {reason::missing_target, 400, "RFC 9112 §3", "the target is missing"},
    {reason::bad_target, 400, "RFC 9112 §3.2", "a character that no target has"},
    {reason::target_form, 400, "RFC 9112 §3.2", "the target is a path, or http:// with a host, or * for OPTIONS"},
    {reason::percent, 400, "RFC 3986 §2.1", "behind a percent sign come two hexadecimal digits"},
    {reason::nul_in_path, 400, "RFC 3986 §7.3", "a path holds no NUL"},
    {reason::missing_version, 400, "RFC 9112 §3", "the version is missing, as in HTTP/0.9"},
    {reason::bad_version, 400, "RFC 9112 §2.3", "the version is HTTP/ and two digits, then the line ends"},
    {reason::unsupported_version, 505, "RFC 9110 §2.5", "this server speaks HTTP/1.1"},
    {reason::no_tunnels, 501, "RFC 9110 §9.3.6", "this server opens no tunnels"},
    {reason::start_line_too_long, 414, "RFC 9112 §3", "the line is too long"},
    {reason::bad_status, 400, "RFC 9112 §4", "the status has three digits and a space behind them"},
    {reason::bare_lf, 400, "RFC 9112 §2.2", "the line ends with LF alone; typing by hand? nc -C sends CR LF"},
    {reason::bare_cr, 400, "RFC 9112 §2.2", "a CR without LF"},
    {reason::nul, 400, "RFC 9110 §5.5", "a NUL"},
    {reason::control_character, 400, "RFC 9110 §5.5", "a control character"},
    {reason::fold, 400, "RFC 9112 §5.2", "the line begins with a space: folded lines are obsolete"},
    {reason::missing_colon, 400, "RFC 9112 §5", "no colon behind the name of the field"},
    {reason::empty_name, 400, "RFC 9112 §5", "the name of the field is empty"},
    {reason::space_before_colon, 400, "RFC 9112 §5.1", "a space before the colon"},
    {reason::bad_name, 400, "RFC 9110 §5.1", "the name of the field is no token"},
    {reason::fields_too_large, 431, "RFC 6585 §5", "the fields are too large"},
    {reason::too_many_fields, 431, "RFC 6585 §5", "too many fields"},
    {reason::missing_host, 400, "RFC 9112 §3.2", "HTTP/1.1 needs a field Host"},
    {reason::second_host, 400, "RFC 9112 §3.2", "a second Host"},
    {reason::bad_host, 400, "RFC 9110 §7.2", "Host is a host, and perhaps a port"},
    {reason::bad_expectation, 417, "RFC 9110 §10.1.1", "the only expectation is 100-continue"},
    {reason::bad_length, 400, "RFC 9110 §8.6", "a length is decimal digits, at most 2^64-1"},
    {reason::second_length, 400, "RFC 9110 §8.6", "a second Content-Length"},
    {reason::length_and_coding, 400, "RFC 9112 §6.1",
     "Content-Length beside Transfer-Encoding: where does the body end?"},
    {reason::second_coding, 400, "RFC 9112 §6.1", "a second Transfer-Encoding"},
    {reason::coding_in_1_0, 400, "RFC 9112 §6.1", "HTTP/1.0 has no Transfer-Encoding"},
    {reason::bad_coding, 400, "RFC 9112 §6.1", "Transfer-Encoding is exactly `chunked`, once"},
    {reason::unknown_coding, 501, "RFC 9112 §6.1", "the only transfer coding here is chunked"},
    {reason::chunked_not_last, 400, "RFC 9112 §6.3", "chunked is not the last coding, so the body has no end"},
    {reason::body_too_large, 413, "RFC 9110 §15.5.14", "the body is too large"},
    {reason::bad_chunk_size, 400, "RFC 9112 §7.1", "the size of a chunk is hexadecimal digits"},
    {reason::chunk_size_too_large, 400, "RFC 9112 §7.1", "the size of a chunk is above 2^64-1"},
    {reason::bad_extension, 400, "RFC 9112 §7.1.1",
     "behind the size of a chunk comes a semicolon or the end of the line"},
    {reason::extensions_too_large, 400, "RFC 9112 §7.1.1", "the extensions of the chunks are too large"},
    {reason::missing_chunk_end, 400, "RFC 9112 §7.1", "the data of a chunk are longer than its size"},
    {reason::trailers_too_large, 431, "RFC 6585 §5", "the fields behind the last chunk are too large"},
    {reason::cut_off, 400, "RFC 9112 §8", "the connection has ended inside the message"},
};
constexpr rule rule_of(reason why) noexcept {
    const auto at = static_cast<std::size_t>(why);
    return at < std::size(rules) ? rules[at] : rule{};
}
static_assert(
    [] {
        for (std::size_t i = 0; i < std::size(rules); ++i)
            if (static_cast<std::size_t>(rules[i].why) != i) return false;
        return std::size(rules) == static_cast<std::size_t>(reason::cut_off) + 1;
    }(),
    "each reason has a rule, in the same order");
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

    /// Returns the status that a server answers with, or the section of the RFC that demands the refusal.
    [[nodiscard]] http::status status() const noexcept { return status_of(why); }
    [[nodiscard]] std::string_view section() const noexcept { return section_of(why); }
    /// Returns the sentence: `400: line 3 "Host : a": a space before the colon (RFC 9112 §5.1)`. `head` is the text
    /// that was parsed; without it the line is not quoted. At most 60 bytes are quoted, and control characters are
    /// visible.
    [[nodiscard, gnu::cold]] std::string message(std::string_view head = {}) const {
        return netnotes::detail::joined(std::to_string(status().code()), ": ", explain(head));
    }
    /// Returns the sentence without the status. A client shows this: the server has sent no 400.
    [[nodiscard, gnu::cold]] std::string explain(std::string_view head = {}) const;

    friend bool operator==(const refusal&, const refusal&) noexcept = default;
};

inline std::string refusal::explain(std::string_view head) const {
    constexpr std::size_t most = 60;
    std::string quoted;
    std::string_view before, behind;
    if (line > 0 && line_begin < head.size()) {
        std::string_view quote = head.substr(line_begin);
        quote = quote.substr(0, quote.find('\n'));
        if (quote.ends_with('\r')) quote.remove_suffix(1);
        // Of a long line show the offending byte, and the text before it.
        const std::size_t place = offset - std::min(offset, line_begin);
        std::size_t from = 0;
        if (place + 1 > most) from = std::min(place + 1, quote.size()) - std::min(most, quote.size());
        if (!quote.empty()) {
            before = from > 0 ? " ... " : " ";
            quoted = netnotes::quoted(quote.substr(from, most));
        }
        if (quote.size() - from > most) behind = " ...";
    }
    const std::string where = line == 0 ? netnotes::detail::joined("byte ", std::to_string(offset), " of the body")
                                        : netnotes::detail::joined("line ", std::to_string(line));
    return netnotes::detail::joined(where, before, quoted, behind, ": ", text_of(why), " (", section(), ")");
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_REFUSAL_HPP

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

#include "../ip/text.hpp"
#include "syntax.hpp"

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

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

#include "../ip/text.hpp"
#include "syntax.hpp"
#include "target.hpp"

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

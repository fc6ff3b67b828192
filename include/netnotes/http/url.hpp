// netnotes/http/url.hpp: where a resource is: the host, the port, and the target of the request
// SPDX-License-Identifier: MIT
//
//        http://example.com:8000/notes?page=2#top
//               └── host ──┘ └┬─┘└── target ─┘└┬─┘
//                            port              fragment: it stays in the browser, so it is dropped
//
// Programs that read the same URL differently are a hole (SSRF): one checks the host, the other connects to another
// one. So this reader refuses what is ambiguous: `http://good.com@evil.com/`, a backslash, spaces, control characters.
//
// A server may answer with another place (Location), and that text may be relative. resolve() puts it together with the
// URL of the request (RFC 3986 §5.2).
//
// On this page:  url
// Below it:      http/target.hpp
// Sources:       RFC 3986 §3, §5.2; RFC 9110 §4.2

#ifndef NETNOTES_HTTP_URL_HPP
#define NETNOTES_HTTP_URL_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/text.hpp"
#include "target.hpp"

namespace netnotes::http {

/// A URL with the scheme http. It has constructors, because g++ 12 destroys a temporary aggregate twice in an
/// expression with co_await: `co_await browser.send(ask, http::url{"127.0.0.1", port, "/x"})` is safe.
struct url {
    url() = default;
    /// Puts a URL together. Nothing is checked: parse() is for text of a stranger.
    url(std::string name, std::uint16_t number, std::string path = "/")
        : host{std::move(name)}, port{number}, target{std::move(path)} {}

    std::string host{};  ///< a name, or an address without brackets
    std::uint16_t port = 80;
    std::string target = "/";  ///< path and query, as a request has them

    /// Reads a URL. Returns nullopt if the text is not a URL of http; `why` then has the reason and the place. A user
    /// (`me@host`) is refused, and so is https: this module has no TLS.
    [[nodiscard]] static std::optional<url> parse(std::string_view text, parse_failure& why);
    /// Reads a URL and returns it. Throws parse_error.
    [[nodiscard]] static url parse(std::string_view text);
    /// Returns the URL that `reference` means on a page with this URL: a whole URL, "//host/path", "/path", "?query",
    /// or a path that is relative to the last '/'. Returns nullopt, and sets `why`, for a text that parse() would
    /// refuse.
    [[nodiscard]] std::optional<url> resolve(std::string_view reference, parse_failure& why) const;

    /// Returns host and port as the field Host has them: "example.com", "example.com:8000", "[2001:db8::1]".
    [[nodiscard]] std::string authority() const {
        std::string text = host.find(':') == host.npos ? host : "[" + host + "]";
        if (port != 80) text.append(":").append(std::to_string(port));
        return text;
    }
    [[nodiscard]] std::string to_string() const { return "http://" + authority() + target; }
    friend bool operator==(const url&, const url&) = default;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Removes the pieces "." and ".." from a path, as RFC 3986 §5.2.4 says. A ".." at the root stays there.
inline std::string without_dots(std::string_view path) {
    std::vector<std::string_view> pieces;
    bool ends_with_slash = true;
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const std::string_view piece = path.substr(0, path.find('/'));
        path.remove_prefix(piece.size());
        ends_with_slash = false;
        if (piece == "..") {
            if (!pieces.empty()) pieces.pop_back();
            ends_with_slash = true;
        } else if (piece == ".") {
            ends_with_slash = true;
        } else {
            pieces.push_back(piece);
        }
    }
    std::string result;
    for (const std::string_view piece : pieces) (result += '/') += piece;
    if (ends_with_slash || result.empty()) result += '/';
    return result;
}

}  // namespace detail

inline std::optional<url> url::parse(std::string_view text, parse_failure& why) {
    const auto refused = [&](std::string_view reason, std::size_t place) {
        why = parse_failure{reason, place};
        return std::nullopt;
    };
    constexpr std::string_view scheme = "http://";
    if (same_name(text.substr(0, 8), "https://"))
        return refused(
            "https needs TLS, which this client does not have: let nginx speak it (proxy_pass https://...), and "
            "send the request to nginx by http",
            0);
    if (!same_name(text.substr(0, scheme.size()), scheme)) return refused("a URL begins with http://", 0);
    const std::size_t begin = scheme.size(), end = std::min(text.find_first_of("/?#", begin), text.size());
    const std::string_view authority = text.substr(begin, end - begin);
    if (authority.empty()) return refused("a host is missing", begin);
    if (authority.find('@') != authority.npos) return refused("a user before the host is not supported", begin);
    if (authority.find('%') != authority.npos || !detail::is_authority(authority))
        return refused("behind http:// comes a host, and perhaps a port", begin);
    url read;
    std::string_view host = authority, port;
    if (host.starts_with('[')) {
        const std::size_t bracket = host.find(']');
        port = host.substr(bracket + 1);
        host = host.substr(1, bracket - 1);
    } else if (const std::size_t colon = host.find(':'); colon != host.npos) {
        port = host.substr(colon);
        host = host.substr(0, colon);
    }
    if (host.empty()) return refused("a host is missing", begin);
    read.host = host;
    for (char& c : read.host) c = detail::lower(c);
    if (port.size() > 1) {  // "http://host:/" has the default port (RFC 3986 §6.2.3)
        const auto number = read_decimal(port.substr(1));
        if (!number || *number == 0 || *number > 65'535)
            return refused("a port is a number from 1 to 65535", end - port.size() + 1);
        read.port = static_cast<std::uint16_t>(*number);
    }
    std::string_view rest = text.substr(end);
    rest = rest.substr(0, rest.find('#'));
    read.target = rest.starts_with('/') ? "" : "/";
    read.target += rest;
    parse_failure in_target;
    if (!http::target::parse(read.target, in_target)) {
        why = in_target;
        why.shift(static_cast<std::ptrdiff_t>(end) - (rest.starts_with('/') ? 0 : 1));
        return std::nullopt;
    }
    return read;
}
inline url url::parse(std::string_view text) {
    parse_failure why;
    auto read = parse(text, why);
    if (!read) throw parse_error{"URL of http", text, why};
    return *std::move(read);
}
inline std::optional<url> url::resolve(std::string_view reference, parse_failure& why) const {
    reference = reference.substr(0, reference.find('#'));
    const std::size_t colon = reference.find(':');
    if (colon < reference.find_first_of("/?")) return parse(reference, why);  // it has a scheme of its own
    if (reference.starts_with("//")) return parse("http:" + std::string{reference}, why);
    url result = *this;
    if (reference.empty()) return result;
    const std::string_view path = std::string_view{target}.substr(0, target.find('?'));
    const std::size_t question = std::min(reference.find('?'), reference.size());
    const std::string_view query = reference.substr(question);
    const std::string_view asked = reference.substr(0, question);
    std::string whole;
    if (asked.empty())
        whole = path;
    else if (asked.starts_with('/'))
        whole = detail::without_dots(asked);
    else
        whole = detail::without_dots(std::string{path.substr(0, path.rfind('/') + 1)}.append(asked));
    result.target = whole.append(query);
    if (!http::target::parse(result.target, why)) return std::nullopt;
    return result;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_URL_HPP

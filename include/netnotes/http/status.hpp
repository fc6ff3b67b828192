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

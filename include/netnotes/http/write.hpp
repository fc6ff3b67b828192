// netnotes/http/write.hpp: the bytes of a head, and how the body must follow
// SPDX-License-Identifier: MIT
//
// A program says what it wants to send. This page adds the fields that say where the body ends, so that they cannot be
// wrong:
//
//        http::response{200, "hello\n"}   ──>   HTTP/1.1 200 OK
//                                               Content-Type: text/plain; charset=utf-8
//                                               Content-Length: 6
//
//        http::request{"PUT", "/notes", {{"Host", "example.com"}}}, of unknown size
//
//                                         ──>   PUT /notes HTTP/1.1
//                                               Host: example.com
//                                               Transfer-Encoding: chunked
//
// Fields of a message cannot hold a line's end, because http/fields.hpp refuses it. So no text of a stranger becomes a
// second field or a second message here.
//
// On this page:  body_coding · head_context, write_head of a response · write_head of a request
// Sources:       RFC 9112 §6; RFC 9110 §8.6
// Beside it:     http/body.hpp: write_chunk_head, last_chunk

#ifndef NETNOTES_HTTP_WRITE_HPP
#define NETNOTES_HTTP_WRITE_HPP

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "message.hpp"

namespace netnotes::http {

/// Says how the body of an answer travels.
enum class body_coding : std::uint8_t {
    none,         ///< there is no body: HEAD, 101, 204, 304
    length,       ///< Content-Length
    chunked,      ///< Transfer-Encoding: chunked
    until_close,  ///< the end of the connection is the end of the body
};
/// Says what a head depends on besides the response.
struct head_context {
    std::string_view date{};  ///< the value of the field Date
    bool is_head = false;     ///< the request was HEAD
    int minor_version = 1;    ///< of the request
    bool keeps_alive = true;  ///< the connection can carry one more request
};
/// Appends the head of an answer to `to`, and returns how its body must follow. Sets `keeps_alive` to false if the
/// response has a field `Connection: close`, or if the body ends with the connection.
///
/// Content-Length, Transfer-Encoding and Connection of the response are left out: this function knows better. So is
/// Date, unless `date` is empty. The responses 101 and 426 say `Connection: Upgrade`. No other status 1xx is a
/// response. The fields cannot hold a line's end: see fields::add().
body_coding write_head(std::string& to, const response& answer, head_context& context);
/// Does the same for a body of this size; nullopt means that the size is not known yet.
body_coding write_head(std::string& to, const response& answer, std::optional<std::uint64_t> size,
                       head_context& context);

/// Appends the head of a request to `to`, and returns how its body must follow. `size` is the size of the body, or
/// nullopt if it is not known yet. The fields Content-Length and Transfer-Encoding of the request are left out, because
/// this function knows better. Throws std::invalid_argument if the request does not have exactly one field Host, which
/// HTTP/1.1 demands.
body_coding write_head(std::string& to, const request& ask, std::optional<std::uint64_t> size);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline void append_number(std::string& to, std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    to.append(digits.data(), end);
}

}  // namespace detail

inline body_coding write_head(std::string& to, const response& answer, head_context& context) {
    return write_head(
        to, answer, answer.source ? answer.source->size() : std::optional<std::uint64_t>{answer.body.size()}, context);
}
inline body_coding write_head(std::string& to, const response& answer, std::optional<std::uint64_t> size,
                              head_context& context) {
    const bool may_have_body = answer.status.allows_body();
    body_coding how = body_coding::length;
    if (!may_have_body)
        how = body_coding::none;
    else if (!size)
        how = context.minor_version > 0 ? body_coding::chunked : body_coding::until_close;
    // A HEAD request is answered with the fields that GET would have, so the connection does not end with this body.
    if (how == body_coding::until_close && !context.is_head) context.keeps_alive = false;

    // The string grows once, and not with each word. 160 bytes hold all words that are not counted here.
    const std::size_t old_size = to.size();
    std::size_t room = 160 + context.date.size();
    for (const auto& [name, value] : answer.fields) room += name.size() + value.size() + 4;
    to.resize(old_size + room);
    char* end = to.data() + old_size;
    const auto put = [&end](std::string_view text) { end += text.copy(end, text.size()); };
    const auto put_words = [&end](const auto& words) {  // of a size that the compiler knows, so it needs no call
        std::memcpy(end, words, sizeof words - 1);
        end += sizeof words - 1;
    };
    const auto put_number = [&end](std::uint64_t number) { end = std::to_chars(end, end + 20, number).ptr; };
    const int code = answer.status.code();
    put_words("HTTP/1.1 ");
    for (const int digit : {code / 100, code / 10 % 10, code % 10}) *end++ = static_cast<char>('0' + digit);
    put_words(" ");
    put(answer.status.reason());
    if (!context.date.empty()) {
        put_words("\r\nDate: ");
        put(context.date);
    }
    put_words("\r\n");
    for (const auto& [name, value] : answer.fields) {
        switch (name.size()) {
            case 4:
                if (!context.date.empty() && same_name(name, "date")) continue;
                break;
            case 10:
                if (!same_name(name, "connection")) break;
                detail::for_each_element(value, [&context](std::string_view word) {
                    if (same_name(word, "close")) context.keeps_alive = false;
                });
                continue;
            case 14:
                if (same_name(name, "content-length")) continue;
                break;
            case 17:
                if (same_name(name, "transfer-encoding")) continue;
                break;
            default: break;
        }
        put(name);
        put_words(": ");
        put(value);
        put_words("\r\n");
    }
    const bool is_upgrade = answer.status == status::switching_protocols;
    if (is_upgrade || answer.status == status::upgrade_required)
        put_words("Connection: Upgrade\r\n");  // the field Upgrade demands it (RFC 9110 §7.8)
    if (is_upgrade)
        ;  // the connection goes on, as another one
    else if (!context.keeps_alive)
        put_words("Connection: close\r\n");
    else if (context.minor_version == 0)
        put_words("Connection: keep-alive\r\n");  // in HTTP/1.0 it is the exception
    if (how == body_coding::length) {
        put_words("Content-Length: ");
        put_number(size.value_or(0));
        put_words("\r\n");
    } else if (how == body_coding::chunked) {
        put_words("Transfer-Encoding: chunked\r\n");
    }
    put_words("\r\n");
    to.resize(static_cast<std::size_t>(end - to.data()));
    return context.is_head ? body_coding::none : how;
}

inline body_coding write_head(std::string& to, const request& ask, std::optional<std::uint64_t> size) {
    if (ask.fields().count("Host") != 1) throw std::invalid_argument{"a request of HTTP/1.1 has one field Host"};
    to += ask.method_name();
    to += ' ';
    to += ask.target().text();
    to += " HTTP/1.1\r\n";
    for (const auto& [name, value] : ask.fields()) {
        if (same_name(name, "content-length") || same_name(name, "transfer-encoding")) continue;
        to += name;
        to += ": ";
        to += value;
        to += "\r\n";
    }
    // Without a body GET has no length. POST, PUT and PATCH have: 0 (RFC 9110 §8.6).
    const method how = ask.method();
    const bool expects_body = how == method::post || how == method::put || how == method::patch;
    body_coding coding = body_coding::none;
    const std::uint64_t length = size.value_or(0);
    if (!size) {
        to += "Transfer-Encoding: chunked\r\n";
        coding = body_coding::chunked;
    } else if (length > 0 || expects_body) {
        to += "Content-Length: ";
        detail::append_number(to, length);
        to += "\r\n";
        coding = body_coding::length;
    }
    to += "\r\n";
    return coding;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_WRITE_HPP

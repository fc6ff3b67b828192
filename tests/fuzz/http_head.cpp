// tests/fuzz/http_head.cpp: any bytes as the head of a request and of a response
// SPDX-License-Identifier: MIT
//
// The first byte of the input chooses small limits or the usual ones; the rest is a head. Whatever the cuts, the result is
// the same. An accepted head keeps the rules that other programs rely on. It is written again, and read again: the same.

#include "fuzz.hpp"

#include <memory>
#include <string>
#include <string_view>

#include <netnotes/http/body.hpp>
#include <netnotes/http/parser.hpp>
#include <netnotes/http/write.hpp>

namespace http = netnotes::http;
using fuzz::require;

namespace {

/// Parses bytes that lie in memory of exactly their size.
template <class Head>
http::head_result parse(std::string_view bytes, http::head_progress& seen, Head& head, const http::limits& bounds) {
    return http::parse_head(bytes, seen, head, bounds);
}

template <class Head>
http::head_result at_every_cut(std::string_view bytes, Head& head, const http::limits& bounds) {
    http::head_progress whole;
    const auto result = parse(bytes, whole, head, bounds);
    static Head part;
    const auto same = [&](const http::head_result& other) {
        require(other.what == result.what && other.size == result.size && other.refusal == result.refusal,
                "the cuts do not matter");
    };
    // Byte by byte: nothing before the last byte that is needed may give another result.
    http::head_progress seen;
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
        const std::unique_ptr<char[]> exact{new char[size]};
        std::copy_n(bytes.data(), size, exact.get());
        const auto now = parse({exact.get(), size}, seen, part, bounds);
        if (now.needs_more()) continue;
        same(now);
        return result;
    }
    // A head that is refused in the middle of its bytes may wait for its end.
    require(!result.is_complete(), "what is complete at once is complete at last");
    return result;
}

void check_fields(const http::message_head& head) {
    for (const auto& [name, value] : head.fields()) {
        require(http::is_token(name), "a name is a token");
        require(http::is_field_value(value), "a value has no control character");
        require(value == http::trimmed(value), "a value has no spaces around it");
    }
    require(!(head.is_chunked && head.has_length), "one frame");
    require(!head.is_chunked || head.minor_version == 1, "no chunks in 1.0");
}

void check_request(std::string_view bytes, const http::limits& bounds) {
    static http::request_head head;
    const auto result = at_every_cut(bytes, head, bounds);
    if (result.is_refused()) {
        require(result.refusal.offset <= bytes.size() && result.refusal.line_begin <= bytes.size(),
                "a place in the bytes");
        require(!result.refusal.message(bytes).empty() && result.refusal.status().is_error(), "a sentence");
        return;
    }
    if (!result.is_complete()) return;
    require(bytes.substr(0, result.size).ends_with("\r\n\r\n"), "a head ends with an empty line");
    check_fields(head);
    require(http::is_token(head.method_name), "a method is a token");
    std::size_t hosts = 0;
    for (const auto& each : head.fields()) hosts += http::same_name(each.name, "host") ? 1 : 0;
    require(hosts == 1 || (hosts == 0 && head.minor_version == 0), "one Host");

    const http::request owned = http::to_request(head);  // so the target can be read
    require(owned.path() == "*" || owned.path().starts_with('/'), "a path begins with a slash");
    require(owned.path().find('\0') == std::string::npos, "a path has no NUL");
    if (hosts == 0) return;
    std::string written;
    if (head.is_chunked)
        http::write_head(written, owned, std::nullopt);
    else
        http::write_head(written, owned, head.length);
    static http::request_head again;
    http::head_progress seen;
    const auto reread = http::parse_head(written, seen, again);
    require(reread.is_complete() && reread.size == written.size(), "what is written can be read");
    require(again.method_name == head.method_name && again.target == head.target && again.host == head.host,
            "it is the same request");
    require(again.is_chunked == head.is_chunked && again.length == head.length, "it has the same frame");
    require(again.expects_continue == (head.find("expect").has_value()), "it has the same expectation");
}

void check_response(std::string_view bytes, const http::limits& bounds) {
    static http::response_head head;
    const auto result = at_every_cut(bytes, head, bounds);
    if (!result.is_complete()) return;
    check_fields(head);
    const http::response owned = http::to_response(head);
    require(owned.status.code() >= 100 && owned.fields.size() == head.fields().size(), "a response owns its fields");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 4000) return 0;
    http::limits bounds;
    if (data[0] % 2 != 0) {
        bounds.start_line = data[0] / 2;
        bounds.fields = data[0];
        bounds.field_count = data[0] % 7;
    }
    const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
    check_request(bytes, bounds);
    check_response(bytes, bounds);
    return 0;
}

#include "kill.hpp"

#include <netnotes/http/body.hpp>

#include <string>

namespace http = netnotes::http;

/// Parses the head of a request that arrives in two pieces, the first of `cut` bytes. Returns 200, or the status of the
/// refusal, or 0 if the head has not ended.
int parse(const std::string& text, std::size_t cut = 0) {
    http::request_head head;
    http::head_progress seen;
    auto result = http::parse_head(std::string_view{text}.substr(0, cut), seen, head);
    if (result.needs_more()) result = http::parse_head(text, seen, head);
    if (result.is_refused()) return result.refusal.status().code();
    return result.is_complete() ? 200 : 0;
}
/// Decodes a body in chunks that arrives in two pieces. Returns the body, or "refused", or "more".
std::string decode(const std::string& first, const std::string& second = "") {
    http::body_decoder body{{http::framing::kind::chunked, 0}};
    std::string made;
    for (std::string_view bytes : {std::string_view{first}, std::string_view{second}})
        while (!bytes.empty() && !body.is_done() && !body.is_refused()) {
            const auto piece = body.next(bytes);
            made += piece.data;
            bytes.remove_prefix(piece.consumed);
        }
    return body.is_refused() ? "refused" : body.is_done() ? made : "more";
}

void test() {
    CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 200);
    CHECK(parse("GET / HTTP/1.1\r\n\r\n") == 400);  // HTTP/1.1 needs a field Host
    CHECK(decode("5\r\nhello\r\n0\r\n\r\n") == "hello");
}

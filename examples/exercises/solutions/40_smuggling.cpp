#include "kill.hpp"

#include <netnotes/http/body.hpp>

#include <string>

namespace http = netnotes::http;

int parse(const std::string& text, std::size_t cut = 0) {
    http::request_head head;
    http::head_progress seen;
    auto result = http::parse_head(std::string_view{text}.substr(0, cut), seen, head);
    if (result.needs_more()) result = http::parse_head(text, seen, head);
    if (result.is_refused()) return result.refusal.status().code();
    return result.is_complete() ? 200 : 0;
}
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

/// Parses a head with these lines behind a good first line and a good Host.
int with(const std::string& lines) { return parse("POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"); }

void test() {
    const std::string good = "GET /notes/ HTTP/1.1\r\nHost: a\r\n\r\n";
    for (std::size_t cut = 0; cut <= good.size(); ++cut) CHECK(parse(good, cut) == 200);
    CHECK(with("Content-Length: 5\r\n") == 200);
    CHECK(with("Transfer-Encoding: chunked\r\n") == 200);

    // Where does the body end?
    for (const char* length : {"0", "5"})
        CHECK(with(std::string{"Content-Length: "} + length + "\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") == 400);
    CHECK(with("Content-Length: 5\r\nContent-Length: 5\r\n") == 400);
    for (const char* length : {"+5", "-5", "0x5", "5_0", "", "18446744073709551621"})
        CHECK(with(std::string{"Content-Length: "} + length + "\r\n") == 400);
    for (const char* coding : {"xchunked", "chunked, identity", "identity"})
        CHECK(with(std::string{"Transfer-Encoding: "} + coding + "\r\n") == 400);

    // Where does a line end, and where does a name end?
    CHECK(parse("GET / HTTP/1.1\nHost: a\r\n\r\n") == 400);
    CHECK(with("Content-Length: 5\n") == 400);
    CHECK(with("Content-Length : 5\r\n") == 400);
    CHECK(with("Host: b\r\n") == 400);
    CHECK(parse("GET /users.db%00.png HTTP/1.1\r\nHost: a\r\n\r\n") == 400);

    // Chunks
    CHECK(decode("5\r\nhello\r\n0\r\n\r\n") == "hello");
    CHECK(decode("10000000000000005\r\nhello\r\n0\r\n\r\n") == "refused");
    CHECK(decode("0\r\nName: value\r\n", "\r\n").empty());
    CHECK(decode("0\r\nName: ", std::string(5000, 'x')) == "refused");
}

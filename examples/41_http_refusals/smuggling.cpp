// smuggling.cpp: one text, two readings: how a request hides inside another (beyond the notes)
#include <netnotes/http.hpp>

#include <iostream>
#include <string>
#include <string_view>

namespace net = netnotes;
namespace http = netnotes::http;

/// Returns the body as a program reads it that believes only Content-Length.
std::string_view by_length(const std::string& text, std::size_t body) {
    const std::size_t at = text.find("Content-Length: ") + 16;
    const std::size_t length =
        http::read_decimal(std::string_view{text}.substr(at, text.find('\r', at) - at)).value_or(0);
    return std::string_view{text}.substr(body, length);
}
/// Returns the body, with its frame, as a program reads it that believes only Transfer-Encoding.
std::string_view by_chunks(const std::string& text, std::size_t body) {
    std::string_view rest = std::string_view{text}.substr(body);
    http::body_decoder chunks{{http::framing::kind::chunked, 0}};
    while (!rest.empty() && !chunks.is_done() && !chunks.is_refused()) rest.remove_prefix(chunks.next(rest).consumed);
    return std::string_view{text}.substr(body, text.size() - body - rest.size());
}
/// Prints what a reader takes as the body, and what it takes as the next request.
void show(std::string_view who, const std::string& text, std::size_t body, std::string_view read) {
    const std::string_view next = std::string_view{text}.substr(body + read.size());
    std::cout << who << "\n    正文 (body)           " << net::quoted(read) << "\n    下一个请求 (next request)  "
              << (next.empty() ? "nothing" : net::quoted(next.substr(0, next.find('\r')))) << "\n\n";
}

int main() {
    const std::string hidden = "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: inside\r\n\r\n";
    const std::string text =
        "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: " + std::to_string(hidden.size()) +
        "\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden;
    const std::size_t body = text.size() - hidden.size();
    std::cout << text.substr(0, body) << "...\n\n";
    show("代理相信 Content-Length (a proxy that believes Content-Length)", text, body, by_length(text, body));
    show("服务器相信 Transfer-Encoding (a server that believes Transfer-Encoding)", text, body, by_chunks(text, body));

    http::request_head head;
    http::head_progress seen;
    const auto result = http::parse_head(text, seen, head);
    std::cout << "netnotes\n    " << (result.is_refused() ? result.refusal.message(text) : "takes it") << '\n';
}

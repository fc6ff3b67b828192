// netnotes/http/answer.hpp: what a server answers, bodies that come in pieces, and the line of the log
// SPDX-License-Identifier: MIT
//
// A handler returns a response: a status, fields and a body. The server adds the fields that say how the bytes travel,
// so that no handler can make them wrong:
//
//        http::response{200, "hello\n"}   ──>   HTTP/1.1 200 OK
//                                               Date: Sun, 06 Nov 1994 08:49:37 GMT
//                                               Content-Type: text/plain; charset=utf-8
//                                               Content-Length: 6
//
//                                               hello
//
//   the body is a text, or a source with a size    Content-Length
//   a source without a size, to HTTP/1.1           Transfer-Encoding: chunked, and each piece is a chunk
//   a source without a size, to HTTP/1.0           neither: the body ends with the connection
//   the request was HEAD                           the same fields, and no body
//   the status is 204 or 304                       no body, and no length of a body (RFC 9110 §8.6)
//
// A long answer need not be in memory. A generator makes it piece by piece, and the server sends what it has, about 16
// KiB at once, before it asks for more:
//
//     generator<std::string> numbers() {
//         for (int i = 0; i < 1'000'000; ++i) co_yield std::to_string(i) + "\n";
//     }
//     http::response all(http::request&) {
//         return http::response{200, http::pieces(numbers()), "text/plain"};
//     }
//
// On this page:  pieces · access_entry, access_line
// Below it:      http/write.hpp (the head), http/message.hpp, coro/generator.hpp
// Above it:      http/exchange.hpp
// Sources:       RFC 9112 §6, §7; RFC 9110 §6.6.1 (Date), §8.6; Apache's combined log format

#ifndef NETNOTES_HTTP_ANSWER_HPP
#define NETNOTES_HTTP_ANSWER_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../coro/generator.hpp"
#include "../coro/task.hpp"
#include "message.hpp"
#include "write.hpp"

namespace netnotes::http {

/// Returns a body that is made piece by piece. Empty pieces are skipped. If the generator throws, the connection ends
/// in a reset, so that the client can tell that a part is missing.
[[nodiscard]] std::unique_ptr<body_source> pieces(generator<std::string> from);

/// The contents of a line of the access log.
struct access_entry {
    std::string_view peer{};     ///< the client's address, without its port
    std::time_t when = 0;        ///< seconds since 1970
    std::string_view request{};  ///< the first line of the request
    int status = 0;
    std::uint64_t bytes = 0;                   ///< of the body that was sent
    std::string_view referer{}, user_agent{};  ///< fields of the request; empty: "-"
};
/// Returns a line in the combined format of Apache and nginx, without its end and in UTC:
///
///     192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] "GET / HTTP/1.1" 200 6 "-" "curl/7.88.1"
///
/// A client chooses the request and two fields. So they are made visible and quoted: no client can forge a line or
/// control the terminal that shows the log. At most 1,000 bytes of each are shown.
[[nodiscard]] std::string access_line(const access_entry& entry);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class generated_body final : public body_source {
  public:
    explicit generated_body(generator<std::string> from) noexcept : from_{std::move(from)} {}
    [[nodiscard]] bool is_ready() const noexcept override { return true; }
    task<std::span<const std::byte>> next() override {
        for (;;) {
            std::string* const piece = from_.next();
            if (!piece) co_return std::span<const std::byte>{};
            if (!piece->empty()) co_return std::as_bytes(std::span<const char>{piece->data(), piece->size()});
        }
    }

  private:
    generator<std::string> from_;
};

}  // namespace detail

inline std::unique_ptr<body_source> pieces(generator<std::string> from) {
    return std::make_unique<detail::generated_body>(std::move(from));
}

inline std::string access_line(const access_entry& entry) {
    constexpr std::size_t most = 1000;
    const auto shown = [](std::string_view text) {
        return text.empty() ? std::string{"\"-\""} : netnotes::quoted(text.substr(0, most));
    };
    // "Sun, 06 Nov 1994 08:49:37 GMT" has all parts of "06/Nov/1994:08:49:37".
    const std::string date = write_date(time_point{std::chrono::seconds{entry.when}});
    const std::string_view parts{date};
    std::string line{entry.peer.empty() ? std::string_view{"-"} : entry.peer};
    line += " - - [";
    line += parts.substr(5, 2);
    line += '/';
    line += parts.substr(8, 3);
    line += '/';
    line += parts.substr(12, 4);
    line += ':';
    line += parts.substr(17, 8);
    line += " +0000] ";
    line += shown(entry.request);
    line += ' ';
    detail::append_number(line, static_cast<std::uint64_t>(entry.status));
    line += ' ';
    detail::append_number(line, entry.bytes);
    line += ' ';
    line += shown(entry.referer);
    line += ' ';
    return line += shown(entry.user_agent);
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_ANSWER_HPP

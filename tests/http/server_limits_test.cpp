// What http/exchange.hpp promises at the edges of a request: bodies that nobody reads, clocks, and the end of a connection.

#include "scripted.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace {

/// All tests here share this type, so the server is compiled once.
using pages = std::function<net::task<http::response>(http::request&)>;

net::duration run(script& client, pages handler, http::server_options options = {}) {
    return play(client, std::move(handler), options);
}
net::task<http::response> path_only(http::request& ask) { co_return echo_path(ask); }

constexpr std::string_view chunks = "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("answers that have gathered arrive, although the body behind them is damaged") {
    script client{{get("/1") + std::string{chunks} + "zz\r\n"}};
    run(client, path_only);
    CHECK(heard(client) == ok("/1\n") + ok("/2\n"));
    CHECK(client.has_shut_down);
    CHECK_FALSE(client.is_closed);  // that would be a reset
    CHECK(told.empty());
}

TEST_CASE("a server reads on before it closes if the client may still send the body") {
    script client{{"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 30000\r\n\r\n",
                   std::string(3000, 'b')}};
    run(client, path_only);
    CHECK(heard(client) == ok("/\n", "Connection: close\r\n"));
    CHECK(client.has_shut_down);
    script whole{{post("hello", "Connection: close\r\n")}};
    run(whole, echo_body);
    CHECK_FALSE(whole.has_shut_down);  // nothing is left to read, so there is nothing to wait for
}

// What http/client.hpp promises if the server is an enemy: every answer ends, in a response or in an error that says why.

#include <netnotes/coro/serve.hpp>
#include <netnotes/coro/sync.hpp>
#include <netnotes/http/client.hpp>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace http = netnotes::http;
using namespace std::chrono_literals;

namespace {

using talk = std::function<net::task<>(net::async_stream&)>;  // after each head of a request

/// The heads that the servers of a test have heard, and how many connections they have had.
std::vector<std::string> heard;
int connections = 0;

net::task<> serve_heads(net::tcp_listener listener, talk answers) {
    const auto converse = [&answers](net::async_stream client) -> net::task<> {
        ++connections;
        std::string head;
        for (;;) {
            const auto bytes = co_await client.recv();
            if (bytes.empty()) co_return;
            head += net::as_text(bytes);
            if (head.find("\r\n\r\n") == head.npos) continue;
            heard.push_back(std::exchange(head, {}));
            co_await answers(client);
        }
    };
    net::serve_options options;
    options.on_error = nullptr;  // the client closes in the middle of endless answers
    co_await net::serve(std::move(listener), converse, options);
}
/// Runs `client(place)` beside a server that answers each head of a request with `answers(stream)`.
template <class Client>
void beside(talk answers, Client client) {
    test_loop loop;
    heard.clear();
    connections = 0;
    const auto both = [&]() -> net::task<> {
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        const std::uint16_t port = listener.local_endpoint().port();
        auto server = net::spawn(serve_heads(std::move(listener), answers));
        co_await client(http::url{"127.0.0.1", port});
        server.cancel();
        try {
            co_await server.join();
        } catch (const std::system_error&) {  // the cancellation
        }
    };
    loop.run(both());
}
/// Sends the text, and then `again` for ever, unless that is empty: then the server ends the connection if `ends`.
talk says(std::string text, std::string again = {}, bool ends = false) {
    return [text = std::move(text), again = std::move(again), ends](net::async_stream& client) -> net::task<> {
        co_await client.send_all(text);
        while (!again.empty()) co_await client.send_all(again);
        if (ends) client.shutdown(net::shutdown_direction::send);
    };
}
net::task<std::string> shown(http::client& from, http::request ask, http::url where) {
    std::string text;
    try {
        const http::response page = co_await from.send(std::move(ask), std::move(where));
        text = std::to_string(page.status.code()) + " " + page.body;
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}
/// Returns the page, or the error. After it no connection may be in use, and the number of idle ones is `idle`.
std::string answer_to(std::string method, talk answers, std::size_t idle = 0) {
    std::string text;
    const auto ask = [&](http::url where) -> net::task<> {
        http::client_options options;
        options.max_body = 100'000;
        http::client browser{options};
        http::request asked{method, "/"};
        text = co_await shown(browser, std::move(asked), std::move(where));
        CHECK(browser.busy() == 0);
        CHECK(browser.idle() == idle);
    };
    beside(std::move(answers), ask);
    return text;
}
std::string answer_to_get(std::string text, std::string again = {}, bool ends = false) {
    return answer_to("GET", says(std::move(text), std::move(again), ends));
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
std::string much(std::string_view piece) {
    std::string text;
    while (text.size() < 10'000) text += piece;
    return text;
}

}  // namespace

TEST_CASE("an answer without an end is refused as soon as a limit is passed") {
    struct answer {
        std::string begin, again, why;
    };
    const std::vector<answer> all{
        {"", much("HTTP/1.1 100 Continue\r\n\r\n"), "100 Continue"},
        {"", much("HTTP/1.1 199 x\r\nLink: a\r\n\r\n"), "199"},
        {"", much("\r\n"), "line 1"},
        {"", much("x"), "line 1"},
        {"HTTP/1.1 200 ", much("OK"), "line 1"},
        {"HTTP/1.1 200 OK\r\nX: ", much("x"), "line 2"},
        {"HTTP/1.1 200 OK\r\n", much("x"), "line 2"},
        {"HTTP/1.1 200 OK\r\n", much("X: y\r\n"), "line 102"},
        {"HTTP/1.1 200 OK\r\n", much("X: " + std::string(900, 'y') + "\r\n"), "line 38"},
        {chunked + "0", much("0"), "the size of a chunk"},
        {chunked + "1;", much("x"), "extensions"},
        {chunked, much("1;x=y\r\na\r\n"), "extensions"},
        {chunked + "0\r\nX: ", much("y"), "behind the last chunk are too large"},
        {chunked + "0\r\n", much("X: y\r\n"), "behind the last chunk are too large"},
        {chunked, much("1\r\na\r\n"), "more than 100000 bytes"},
        {chunked + "ffffffffffffffff\r\n", much("x"), "more than 100000 bytes"},
        {"HTTP/1.1 200 OK\r\n\r\n", much("x"), "more than 100000 bytes"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", much("x"), "more than 100000 bytes"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", much("x"), "101 Switching Protocols"},
    };
    for (const auto& [begin, again, why] : all) {
        CAPTURE(begin, again.substr(0, 30));
        CHECK_THAT(answer_to_get(begin, again), Catch::Matchers::ContainsSubstring(why));
    }
}

TEST_CASE("an answer whose end two programs could see at two places is refused") {
    const std::string begin = "HTTP/1.1 200 OK\r\n", end = "\r\n\r\nhello";
    for (const std::string_view fields :
         {"Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5, 5",
          "Content-Length: +5", "Content-Length: -5", "Content-Length: 0x5", "Content-Length: 5 5", "Content-Length:",
          "Content-Length: 18446744073709551621", "Content-Length: 5\r\nTransfer-Encoding: chunked",
          "Transfer-Encoding: chunked\r\nContent-Length: 5", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
          "Transfer-Encoding: gzip", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, identity",
          "Transfer-Encoding : chunked", "Content-Length: 5\r\n X: y", "X: a\rb", "X: a\nContent-Length: 5",
          "Content\x01-Length: 5"}) {
        CAPTURE(fields);
        CHECK_THAT(answer_to_get(begin + std::string{fields} + end), Catch::Matchers::ContainsSubstring("(RFC 9"));
    }
    CHECK(has(answer_to_get("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "(RFC 9112"));
    for (const std::string_view line : {"HTTP/2.0 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1  200 OK", "ICY 200 OK",
                                        "HTTP/1.1200 OK", "http/1.1 200 OK", "HTTP/1.1 099 OK"}) {
        CAPTURE(line);
        CHECK_THAT(answer_to_get(std::string{line} + "\r\nContent-Length: 5" + end), Catch::Matchers::ContainsSubstring("line 1"));
    }
    for (const std::string_view frame : {"5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
                                         "0x5\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n",
                                         "10000000000000005\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nX : y\r\n\r\n"}) {
        CAPTURE(frame);
        CHECK_THAT(answer_to_get(chunked + std::string{frame}), Catch::Matchers::ContainsSubstring("(RFC 9"));
    }
}

TEST_CASE("a body that is shorter than announced is an error, and a longer one costs the connection") {
    CHECK(has(answer_to_get("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", {}, true), "ended inside the message"));
    CHECK(has(answer_to_get(chunked + "5\r\nhello\r\n", {}, true), "ended inside the message"));
    CHECK(has(answer_to_get(chunked + "5\r\nhello\r\n0\r\n", {}, true), "ended inside the message"));
    CHECK(has(answer_to_get("HTTP/1.1 200 OK\r\nContent-Le", {}, true), "closed"));
    CHECK(answer_to("GET", says(ok), 1) == "200 hi");
    CHECK(answer_to("GET", says(ok + "!")) == "200 hi");
    CHECK(answer_to("GET", says(chunked + "0\r\n\r\n!")) == "200 ");
    CHECK(answer_to("HEAD", says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), 1) == "200 ");
    CHECK(answer_to("HEAD", says(ok)) == "200 ");
    CHECK(answer_to("HEAD", says(chunked + "0\r\n\r\n")) == "200 ");
    CHECK(answer_to("GET", says("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi")) == "204 ");
    CHECK(answer_to("GET", says("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"), 1) == "304 ");
}

namespace {

/// Asks three times. While the connection is idle, the server does `something` to it: then the next request must have a
/// connection of its own. (It is a POST, which is not sent twice. So a connection that is dead is an error, too.)
void is_idle_while(std::function<net::task<>(net::async_stream&)> something) {
    net::async_event is_idle, is_done;
    const auto says_and_does = [&](net::async_stream& client) -> net::task<> {
        co_await client.send_all(ok);
        co_await is_idle.wait();
        is_idle.reset();
        co_await something(client);
        is_done.set();
    };
    const auto check = [&](http::url where) -> net::task<> {
        http::client browser;
        for (int i = 1; i <= 3; ++i) {
            http::request ask{"POST", "/"};
            const std::string page = co_await shown(browser, std::move(ask), where);
            CHECK(page == "200 hi");
            CHECK(connections == i);
            CHECK(browser.idle() == 1);
            is_idle.set();
            co_await is_done.wait();
            is_done.reset();
            // A wait in the kernel, so that a back end receives ahead what has come.
            auto [one, other] = net::socket_pair();
            net::async_stream sender{std::move(one)}, receiver{std::move(other)};
            co_await sender.send_all("x");
            co_await receiver.recv();
        }
    };
    beside(says_and_does, check);
}

}  // namespace

TEST_CASE("bytes that come while a connection is idle are no answer to the next request") {
    // They would be a page for another question, and each later answer would belong to the request before it.
    is_idle_while([](net::async_stream& client) -> net::task<> {
        co_await client.send_all("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    });
}

TEST_CASE("a connection that the server has closed while it was idle is not used") {
    is_idle_while([](net::async_stream& client) -> net::task<> {
        client.shutdown(net::shutdown_direction::send);
        co_return;
    });
    is_idle_while([](net::async_stream& client) -> net::task<> {
        client.set_option(net::option::linger{0s});  // a reset
        client.close();
        co_return;
    });
}

TEST_CASE("a client that asks for the end of the connection does not use it again") {
    const auto check = [](http::url where) -> net::task<> {
        http::client browser;
        http::request ask{"GET", "/"};
        ask.fields().add("Connection", "close");
        const std::string page = co_await shown(browser, std::move(ask), where);
        CHECK(page == "200 hi");
        CHECK(browser.idle() == 0);
    };
    beside(says(ok), check);
}

TEST_CASE("a redirect leads only where a client of http may go") {
    struct answer {
        std::string location, shows;
    };
    const std::vector<answer> all{
        {"file:///etc/passwd", "a URL begins with http://"},
        {"FILE:/etc/passwd", "a URL begins with http://"},
        {"gopher://127.0.0.1:25/", "a URL begins with http://"},
        {"javascript:alert(1)", "a URL begins with http://"},
        {"https://127.0.0.1/", "https needs TLS"},
        {"http:/x", "a URL begins with http://"},
        {"http:x", "a URL begins with http://"},
        {"http://", "a host is missing"},
        {"///x", "a host is missing"},
        {"//me@127.0.0.1/", "a user before the host"},
        {"http://127.0.0.1:1@127.0.0.1:2/", "a user before the host"},
        {"http://127.0.0.1\\@x/", "a user before the host"},
        {"http://127.0.0.1\\x/", "behind http:// comes a host"},
        {"http://127.0.0.1:99999/", "a port is a number"},
        {"/a b", "character"},
        {"/\\x", "200 /\\x"},
        {"\\\\x", "200 /\\\\x"},
        {"/%00", "NUL"},
        {"/%zz", "hexadecimal"},
        {"/\xc3\xa9", "character"},
        {"../../../x", "200 /x"},
        {"/a/../../../x?../y", "200 /x?../y"},
        {"./", "200 /"},
        {"%2e%2e/x", "200 /%2e%2e/x"},
        {"#top", "too many redirects"},
        {"", "too many redirects"},
        {"/from", "too many redirects"},
    };
    std::string location;
    const auto sends = [&location](net::async_stream& client) -> net::task<> {
        const std::string target = heard.back().substr(4, heard.back().find(" HTTP") - 4);
        std::string text = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n";
        if (target != "/from")
            text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(target.size()) + "\r\n\r\n" + target;
        co_await client.send_all(text);
    };
    const auto check = [&](http::url where) -> net::task<> {
        http::client_options options;
        options.max_redirects = 3;
        http::client browser{options};
        where.target = "/from";
        for (const auto& [next, shows] : all) {
            CAPTURE(next);
            location = next;
            http::request ask{"GET", "/"};
            const std::string page = co_await shown(browser, std::move(ask), where);
            CHECK_THAT(page, Catch::Matchers::ContainsSubstring(shows));
            CHECK(browser.busy() == 0);
        }
        // The text of a Location stands in the error, but cannot control a terminal.
        location = "/\x1b[2J";
        http::request ask{"GET", "/"};
        const std::string page = co_await shown(browser, std::move(ask), where);
        CHECK_FALSE(has(page, "\x1b"));
    };
    beside(sends, check);
}

TEST_CASE("a redirect to another host does not get the secrets for the first, and coming back does not help") {
    std::vector<std::string> places;
    const auto sends = [&places](net::async_stream& client) -> net::task<> {
        std::string text = ok;
        if (!places.empty()) {
            text = "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: " + places.front() + "\r\n\r\n";
            places.erase(places.begin());
        }
        co_await client.send_all(text);
    };
    const auto check = [&](http::url where) -> net::task<> {
        const http::url other{"127.0.0.2", where.port};
        net::tcp_listener listener{{net::ipv4_address{127, 0, 0, 2}, where.port}};
        auto server = net::spawn(serve_heads(std::move(listener), sends));
        places = {"/again", other.to_string(), where.to_string()};
        http::client_options options;
        options.max_redirects = 9;
        http::client browser{options};
        http::request ask{"GET", "/"};
        for (const std::string_view secret : {"Authorization", "proxy-authorization", "Cookie", "cookie"})
            ask.fields().add(secret, "secret");
        ask.fields().add("Accept", "text/html");
        const std::string page = co_await shown(browser, std::move(ask), where);
        CHECK(page == "200 hi");
        REQUIRE(heard.size() == 4);
        for (std::size_t i = 0; i < heard.size(); ++i) {
            CAPTURE(i);
            CHECK(has(heard[i], "secret") == (i < 2));
            CHECK(has(heard[i], "Accept: text/html"));
            CHECK(has(heard[i], "Host: " + (i == 2 ? other : where).authority() + "\r\n"));
        }
        server.cancel();
        try {
            co_await server.join();
        } catch (const std::system_error&) {  // the cancellation
        }
    };
    beside(sends, check);
}

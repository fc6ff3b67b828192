// What http/server.hpp promises: the same answers whatever the cuts, bounds for everything, and no client ends it.

#include <netnotes/coro/group.hpp>

#include "scripted.hpp"

#include "../coro/encrypted.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::string_view chunked =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: z\r\n\r\n";

}  // namespace

TEST_CASE("requests are answered in order, and the connection stays until the client ends it") {
    CHECK(answers(get("/a") + get("/b"), echo_path) == ok("/a\n") + ok("/b\n"));
    CHECK(answers(get("/a", "Connection: close\r\n") + get("/b"), echo_path) == ok("/a\n", "Connection: close\r\n"));
    CHECK(answers("GET /a HTTP/1.0\r\n\r\n" + get("/b"), echo_path) == ok("/a\n", "Connection: close\r\n"));
    CHECK(answers("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("/b"), echo_path) ==
          ok("/a\n", "Connection: keep-alive\r\n") + ok("/b\n"));
    CHECK(answers(get("/a").replace(0, 3, "HEAD") + get("/b"), echo_path) ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n" + ok("/b\n"));
    CHECK(answers("", echo_path).empty());
    CHECK(told.empty());
}

TEST_CASE("the answers are the same, wherever the requests are cut") {
    const std::string all = get("/a") + post("hello") + std::string{chunked} + get("/b").replace(0, 3, "HEAD") +
                            post("") + post("last", "Connection: close\r\n");
    const std::string wanted = answers(all, echo_body);
    CHECK(wanted.find("POST hello, world") != std::string::npos);
    CHECK(wanted.ends_with("POST last"));
    for (std::size_t cut = 1; cut < all.size(); ++cut) {
        script client{{all.substr(0, cut), all.substr(cut)}};
        play(client, echo_body);
        CAPTURE(cut);
        REQUIRE(heard(client) == wanted);
    }
    script client;
    for (const char c : all) client.pieces.emplace_back(1, c);
    play(client, echo_body);
    CHECK(heard(client) == wanted);
}

TEST_CASE("answers to pipelined requests leave in one piece") {
    std::string all, wanted;
    for (int i = 0; i < 16; ++i) {
        all += get("/" + std::to_string(i));
        wanted += ok("/" + std::to_string(i) + "\n");
    }
    script client{{all}};
    play(client, echo_path);
    CHECK(heard(client) == wanted);
    CHECK(client.sends == 1);
    // Many more than fit together leave in several pieces, and a client that takes few bytes at once gets all of them.
    std::string many;
    for (int i = 0; i < 3000; ++i) many += get("/x");
    script slow{{many}};
    play(slow, echo_path);
    CHECK(slow.sends > 1);
    CHECK(slow.sends < 30);  // it receives 4 KiB at once
    CHECK(slow.heard.size() > 3000 * ok("/x\n").size());
}

TEST_CASE("a body can be read at once, in pieces, or not at all") {
    CHECK(answers(post("hello"), echo_body) == ok("POST hello"));
    CHECK(answers(chunked, echo_body) == ok("POST hello, world"));
    CHECK(answers(get("/"), echo_body) == ok("GET "));
    const auto count = [](http::request& ask) -> net::task<http::response> {
        std::size_t size = 0, pieces = 0;
        for (;;) {
            const auto bytes = co_await ask.recv();
            if (bytes.empty()) break;
            size += bytes.size();
            ++pieces;
        }
        const auto again = co_await ask.recv();
        co_return http::response{
            200, std::to_string(size) + (pieces > 1 ? " in pieces" : " in one") + (again.empty() ? "" : "?"),
            "text/plain"};
    };
    CHECK(answers(post(std::string(100'000, 'x')), count) == ok("100000 in pieces"));
    CHECK(answers(post("x"), count) == ok("1 in one"));
    CHECK(answers(chunked, count) == ok("12 in pieces"));
    // not at all: a small rest is discarded, for a large one the connection ends
    CHECK(answers(post(std::string(60'000, 'x')) + get("/b"), echo_path) == ok("/\n") + ok("/b\n"));
    CHECK(answers(post(std::string(70'000, 'x')) + get("/b"), echo_path) == ok("/\n", "Connection: close\r\n"));
    CHECK(answers(std::string{chunked} + get("/b"), echo_path) == ok("/\n") + ok("/b\n"));
    const std::string endless = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n" +
                                std::string(70'000, 'x') + "\r\n0\r\n\r\n";
    CHECK(answers(endless + get("/b"), echo_path) == ok("/\n"));
}

TEST_CASE("a read of a body that loses takes no byte with it") {
    // 16 pieces: the head with 10 bytes, and then 10 bytes every 3 s, in chunks or not.
    const bool is_chunked = GENERATE(false, true);
    CAPTURE(is_chunked);
    std::string whole;
    script client;
    client.pause = 3s;
    for (int i = 0; i < 16; ++i) {
        std::string piece = std::to_string(1'000'000'000 + i);
        whole += piece;
        client.pieces.push_back(is_chunked ? "a\r\n" + piece + "\r\n" : piece);
    }
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
    client.pieces[0].insert(0, head + (is_chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: 160\r\n\r\n"));
    if (is_chunked) client.pieces.push_back("0\r\n\r\n");
    http::server_options options;
    options.body_timeout = 60s;
    const auto nap = [](net::duration time) -> net::task<> { co_await net::sleep_for(time); };
    int lost = 0;

    SECTION("text() with a time limit") {
        const auto handler = [&](http::request& ask) -> net::task<http::response> {
            for (;;) {
                bool is_late = false;
                std::string text;
                try {
                    text = co_await net::with_timeout(7s, ask.text());
                } catch (const std::system_error&) {
                    is_late = true;
                }
                if (!is_late) co_return http::response{200, text, "text/plain"};
                ++lost;
            }
        };
        play(client, handler, options);
    }
    SECTION("text() with a time limit, and then the rest with recv()") {
        const auto handler = [&](http::request& ask) -> net::task<http::response> {
            std::string all;
            try {
                all = co_await net::with_timeout(20s, ask.text());
            } catch (const std::system_error&) {
                ++lost;
            }
            for (;;) {
                const auto bytes = co_await ask.recv();
                if (bytes.empty()) break;
                all += net::as_text(bytes);
            }
            co_return http::response{200, all, "text/plain"};
        };
        play(client, handler, options);
    }
    SECTION("recv() that loses while it waits, or in the very moment in which bytes come") {
        const net::duration time = GENERATE(1s, 2s, 3s, 6s);
        const auto handler = [&](http::request& ask) -> net::task<http::response> {
            std::string all;
            for (;;) {
                const auto first = co_await net::when_any(nap(time), ask.recv());
                if (first.index() == 0) {
                    ++lost;
                    continue;
                }
                const auto bytes = std::get<1>(first);
                if (bytes.empty()) break;
                all += net::as_text(bytes);
            }
            co_return http::response{200, all, "text/plain"};
        };
        play(client, handler, options);
        if (time > 3s) ++lost;  // nobody loses
    }
    SECTION("text() that loses in the very moment in which bytes come") {
        const auto handler = [&](http::request& ask) -> net::task<http::response> {
            for (;;) {
                auto first = co_await net::when_any(nap(3s), ask.text());
                if (first.index() == 1) co_return http::response{200, std::get<1>(std::move(first)), "text/plain"};
                ++lost;
            }
        };
        play(client, handler, options);
    }
    CHECK(lost > 0);
    CHECK(heard(client) == ok(whole));
}

TEST_CASE("a body that is withdrawn again and again has its time limit") {
    script client{{post(std::string(100, 'x')).substr(0, 90)}, ending::is_silent};
    http::server_options options;
    options.body_timeout = 20s;
    const auto handler = [](http::request& ask) -> net::task<http::response> {
        for (;;) {
            bool is_late = false;
            try {
                const std::string text = co_await net::with_timeout(3s, ask.text());
            } catch (const std::system_error&) {
                is_late = true;
            }
            if (!is_late) break;
        }
        co_return http::response{200, "never", "text/plain"};
    };
    const net::duration took = play(client, handler, options);
    CHECK(heard(client).starts_with("HTTP/1.1 408"));
    CHECK(took >= 20s);
    CHECK(took < 30s);
}

TEST_CASE("a request made by hand has the same calls for its body") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        http::request ask{"POST", "/", {}, "hello"};
        const auto bytes = co_await ask.recv();
        CHECK(net::as_text(bytes) == "hello");
        const auto end = co_await ask.recv();
        CHECK(end.empty());
        http::request other{"POST", "/", {}, "hello"};
        const std::string text = co_await other.text();
        CHECK(text == "hello");
        const std::string rest = co_await other.text();
        CHECK(rest.empty());
    };
    loop.run(main());
}

TEST_CASE("a body that is too large, cut or damaged is answered with the reason, and the connection ends") {
    http::server_options options;
    options.limits.body = 10;
    script large{{post("12345678901"), get("/b")}};
    play(large, echo_body, options);
    CHECK(large.heard.starts_with("HTTP/1.1 413 "));
    CHECK(large.heard.find("413: the body has 11 bytes, and this server takes 10 (RFC 9110 §15.5.14)\n") !=
          std::string::npos);
    CHECK(large.heard.find("HTTP", 1) == std::string::npos);
    CHECK(large.has_shut_down);
    CHECK(answers(chunked, echo_body, options).starts_with("HTTP/1.1 413 "));
    CHECK(answers("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n" + get("/b"), echo_body)
              .starts_with("HTTP/1.1 400 "));
    const std::string cut = answers("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", echo_body);
    CHECK(cut.starts_with("HTTP/1.1 400 "));
    CHECK(cut.find("Connection: close\r\n") != std::string::npos);
    // A handler may answer by itself.
    const auto patient = [](http::request& ask) -> net::task<http::response> {
        std::string what;
        try {
            static_cast<void>(co_await ask.text());
        } catch (const http::body_error& error) {
            what = error.what();
        }
        co_return http::response{400, "handled: " + what.substr(0, 3), "text/plain"};
    };
    const std::string handled = answers(chunked, patient, options);
    CHECK(handled.ends_with("handled: 413"));
    CHECK(handled.find("Connection: close\r\n") != std::string::npos);
    CHECK(told.empty());
}

TEST_CASE("100 Continue is sent when the handler first waits for the body, and not otherwise") {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    script waits{{head, "hello"}};
    play(waits, echo_body);
    CHECK(heard(waits) == "HTTP/1.1 100 Continue\r\n\r\n" + ok("POST hello"));
    CHECK(answers(head + "hello", echo_body) == ok("POST hello"));  // the body has come already
    // A final answer instead of it: the client may send the body or not, so the connection ends.
    CHECK(answers(head, echo_path) == ok("/\n", "Connection: close\r\n"));
    CHECK(answers("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 5\r\n\r\n", echo_body)
              .starts_with("HTTP/1.1 417 "));
    // To HTTP/1.0 it means nothing.
    script old{{"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "hello"}};
    play(old, echo_body);
    CHECK(heard(old) == ok("POST hello", "Connection: close\r\n"));
    // The answers before it must leave first, or the client would wait for ever.
    script mixed{{get("/") + head, "hello"}};
    play(mixed, echo_body);
    CHECK(heard(mixed) == ok("GET ") + "HTTP/1.1 100 Continue\r\n\r\n" + ok("POST hello"));
}

TEST_CASE("bytes that are no request are answered with a sentence, and the connection ends") {
    const std::string answer = answers("GET / HTTP/1.1\r\nHost : a\r\n\r\n" + get("/b"), echo_path);
    CHECK(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(answer.ends_with("\r\n\r\n400: line 2 \"Host : a\": a space before the colon (RFC 9112 §5.1)\n"));
    http::server_options silent;
    silent.explains_refusals = false;
    CHECK(answers("GET / HTTP/1.1\r\nHost : a\r\n\r\n", echo_path, silent).ends_with("\r\n\r\n400 Bad Request\n"));
    CHECK(answers(get("/a") + "\x16\x03\x01", echo_path).starts_with(ok("/a\n") + "HTTP/1.1 400 "));
    CHECK(answers("GET / HTTP/2.0\r\n\r\n", echo_path).starts_with("HTTP/1.1 505 "));
    CHECK(answers("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", echo_path).starts_with("HTTP/1.1 501 "));
    CHECK(answers("GET /" + std::string(9000, 'a'), echo_path).starts_with("HTTP/1.1 414 "));
    CHECK(
        answers("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'a'), echo_path).starts_with("HTTP/1.1 431 "));
    CHECK(told.empty());
}

TEST_CASE("a handler that fails is a 500 without details, and the next request is served") {
    const auto fails = [](http::request& ask) -> net::task<http::response> {
        if (ask.path() == "/error") throw std::runtime_error{"the password is 1234"};
        if (ask.path() == "/int") throw 5;
        if (ask.path() == "/interim") co_return http::response{100};
        co_return http::response{200, "fine", "text/plain"};
    };
    const std::string failed =
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 27\r\n\r\n500: the server has failed\n";
    CHECK(answers(get("/error") + get("/int") + get("/interim") + get("/"), fails) ==
          failed + failed + failed + ok("fine"));
    CHECK(told == std::vector<std::string>{"the password is 1234",
                                           "the handler threw an object that is not a std::exception",
                                           "the handler has returned a response with the status 1xx"});
    const auto plain = [](http::request&) -> http::response { throw std::runtime_error{"no task"}; };
    CHECK(answers(get("/"), plain) == failed);
}

TEST_CASE("the server alone says how a body travels") {
    const auto lies = [](http::request&) {
        return http::response{200, "four", "text/plain"}
            .with("Content-Length", "5")
            .with("Transfer-Encoding", "chunked")
            .with("Date", "yesterday")
            .with("X-More", "kept");
    };
    CHECK(answers(get("/"), lies) == ok("four", "X-More: kept\r\n"));
    const auto closes = [](http::request&) {
        return http::response{200, "last", "text/plain"}.with("Connection", "close");
    };
    CHECK(answers(get("/") + get("/"), closes) == ok("last", "Connection: close\r\n"));
    for (const int code : {204, 304}) {
        const auto empty = [code](http::request&) { return http::response{code, "no body", "text/plain"}; };
        const std::string answer = answers(get("/") + get("/"), empty);
        CHECK(answer.find("no body") == std::string::npos);
        CHECK(answer.find("Content-Length") == std::string::npos);
        CHECK(answer.find("HTTP/1.1", 1) != std::string::npos);
    }
    script client{{get("/")}};
    play(client, echo_path);
    const std::size_t date = client.heard.find("Date: ");
    REQUIRE(date != std::string::npos);
    CHECK(http::read_date(std::string_view{client.heard}.substr(date + 6, 29)));
}

namespace {
net::generator<std::string> numbers(int last) {
    for (int i = 1; i <= last; ++i) {
        std::string line = std::to_string(i) + "\n";
        if (i == 2) line.clear();  // an empty piece is no end
        co_yield std::move(line);
    }
    if (last < 0) throw std::runtime_error{"half way"};
}
http::response stream_numbers(http::request& ask) {
    const int last = ask.path() == "/" ? 3 : ask.path() == "/many" ? 100'000 : -1;
    return {200, http::pieces(numbers(last)), "text/plain"};
}
/// A body that says a size, and may lie.
class sized_body final : public http::body_source {
  public:
    sized_body(std::uint64_t says, std::size_t is) : says_{says}, is_{is} {}
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return says_; }
    net::task<std::span<const std::byte>> next() override {
        text_.assign(std::min<std::size_t>(is_, 3), 'x');
        is_ -= text_.size();
        co_return std::as_bytes(std::span<const char>{text_.data(), text_.size()});
    }

  private:
    std::uint64_t says_;
    std::size_t is_;
    std::string text_{};
};
}  // namespace

TEST_CASE("a generator is sent in chunks, and to HTTP/1.0 until the end of the connection") {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    CHECK(answers(get("/") + get("/"), stream_numbers) ==
          head + "Transfer-Encoding: chunked\r\n\r\n2\r\n1\n\r\n2\r\n3\n\r\n0\r\n\r\n" + head +
              "Transfer-Encoding: chunked\r\n\r\n2\r\n1\n\r\n2\r\n3\n\r\n0\r\n\r\n");
    CHECK(answers("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("/"), stream_numbers) ==
          head + "Connection: close\r\n\r\n1\n3\n");
    CHECK(answers(get("/").replace(0, 3, "HEAD"), stream_numbers) == head + "Transfer-Encoding: chunked\r\n\r\n");
    script many{{get("/many")}};
    play(many, stream_numbers);
    CHECK(many.sends > 10);  // it is not gathered as a whole
    CHECK(many.heard.ends_with("100000\n\r\n0\r\n\r\n"));
}

TEST_CASE("while a body is sent, nothing that the handler was given is held any more") {
    const auto permit = std::make_shared<int>(0);
    std::vector<long> holders;
    const auto body = [](std::shared_ptr<int> all, std::vector<long>& seen) -> net::generator<std::string> {
        for (int i = 0; i < 3; ++i) {
            seen.push_back(all.use_count());
            co_yield "x";
        }
    };
    const auto work = [&body, &holders](http::request&, std::shared_ptr<int> held) -> net::task<http::response> {
        co_return http::response{200, http::pieces(body(held, holders)), "text/plain"};
    };
    CHECK(answers(get("/"), [&](http::request& ask) { return work(ask, permit); }).ends_with("0\r\n\r\n"));
    CHECK(holders == std::vector<long>{2, 2, 2});  // the test and the body, but not the handler
}

TEST_CASE("a body that fails, or is not as long as it says, cuts the connection") {
    script failed{{get("/fails") + get("/")}};
    play(failed, stream_numbers);
    CHECK(failed.is_closed);
    CHECK(failed.heard.find("0\r\n\r\n") == std::string::npos);
    CHECK(told == std::vector<std::string>{"half way"});
    for (const std::size_t is : {9U, 10U, 11U}) {
        const auto sized = [is](http::request&) {
            return http::response{200, std::make_unique<sized_body>(10, is), "text/plain"};
        };
        script client{{get("/")}};
        play(client, sized);
        CAPTURE(is);
        CHECK(told.empty() == (is == 10));
        CHECK(client.is_closed == (is != 10));
        if (is == 10) CHECK(heard(client) == ok("xxxxxxxxxx"));
    }
}

TEST_CASE("a client that is silent or slow is not waited for") {
    script idle{{get("/")}, ending::is_silent};
    CHECK(play(idle, echo_path) == 60s);
    CHECK(heard(idle) == ok("/\n"));

    script half{{get("/") + "GET /"}, ending::is_silent};
    CHECK(play(half, echo_path) == 12s);  // and two seconds for the client to read the answer
    CHECK(heard(half).starts_with(ok("/\n") + "HTTP/1.1 408 "));

    // A head of one byte each six seconds never ends by idle_timeout.
    script body{{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"}, ending::is_silent};
    CHECK(play(body, echo_body) == 12s);
    CHECK(heard(body).starts_with("HTTP/1.1 408 "));

    script stalled{{get("/many")}};
    stalled.most_sent = 100'000;
    CHECK(play(stalled, stream_numbers) == 30s);
    CHECK(stalled.is_closed);
    CHECK(told.size() == 1);

    script reset{{get("/") + "GET /"}, ending::fails};
    play(reset, echo_path);
    CHECK(reset.heard.starts_with("HTTP/1.1 200 "));
    CHECK(told.size() == 1);
}

TEST_CASE("whichever call fails, the connection ends, and what was sent is a beginning of the answers") {
    const auto handler = [](http::request& ask) -> net::task<http::response> {
        if (ask.path() == "/pieces") co_return http::response{200, http::pieces(numbers(3)), "text/plain"};
        if (ask.path() == "/sized") co_return http::response{200, std::make_unique<sized_body>(10, 10), "text/plain"};
        co_return co_await echo_body(ask);
    };
    const std::string post_head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    const auto talk = [&] {
        script client{{get("/a"), "GET /b HTTP/1.1\r\n", "Host: a\r\n\r\n" + get("/pieces"), post_head,
                       "hel", "lo", get("/sized") + post(std::string(30'000, 'x')), "no request\r\n\r\n"}};
        client.most_at_once = 1000;
        return client;
    };
    script whole = talk();
    play(whole, handler);
    const std::string wanted = heard(whole);
    CHECK(told.empty());
    CHECK(wanted.find("HTTP/1.1 400 ") != std::string::npos);  // the conversation came to its end
    CHECK(whole.calls > 20);
    for (std::size_t i = 0; i < whole.calls; ++i) {
        script client = talk();
        client.fails_at = i;
        play(client, handler);
        CAPTURE(i);
        CHECK(wanted.starts_with(heard(client)));
        CHECK(told.size() <= 1);
        CHECK(client.calls <= i + 3);  // at most the two calls of a lingering close follow
    }
    script bytewise{{get("/a") + post("hello")}};
    bytewise.most_at_once = 1;
    play(bytewise, echo_body);
    CHECK(heard(bytewise) == ok("GET ") + ok("POST hello"));
    CHECK(bytewise.sends == bytewise.heard.size());
}

TEST_CASE("the log has a line for each answer, which no client can forge") {
    answers(get("/a?b=\"", "Referer: x\ty\r\nUser-Agent: \xe2\x80\xae\\n\"\r\n") + "nonsense\r\n\r\n", echo_path);
    REQUIRE(logged.size() == 2);
    CHECK(logged[0].find("] \"GET /a?b=\\\" HTTP/1.1\" 200 3 \"x\\ty\" \"\\u202e\\\\n\\\"\"") != std::string::npos);
    CHECK(logged[0].starts_with("- - - ["));
    CHECK(logged[1].find("] \"-\" 400 ") != std::string::npos);
    http::access_entry entry;
    entry.peer = "192.0.2.1";
    entry.when = 784'111'777;
    entry.request = "GET / HTTP/1.1";
    entry.status = 200;
    entry.bytes = 6;
    entry.user_agent = "curl/7.88.1";
    CHECK(http::access_line(entry) ==
          "192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] \"GET / HTTP/1.1\" 200 6 \"-\" \"curl/7.88.1\"");
}

TEST_CASE("a limit that must be above zero and is not is refused") {
    http::server_options options;
    options.head_timeout = 0s;
    script client{{get("/")}};
    play(client, echo_path, options);
    CHECK(told.size() == 1);
    CHECK(client.heard.empty());
}

// ---- over sockets

TEST_CASE("a file is sent whole, in part, and by the address of its part") {
    const support::temporary_folder folder;
    const std::string bytes = support::pattern(3'000'000);
    std::ofstream{folder.file("big.bin"), std::ios::binary} << bytes;
    const http::files site{folder.file("")};
    const auto handler = [&site](http::request& ask) { return site.answer(ask); };
    const auto check = [&](net::endpoint where, auto&) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        co_await client.send_all(get("/big.bin"));
        const std::string head = co_await receive_until(client, "\r\n\r\n");
        const std::size_t end = head.find("\r\n\r\n") + 4;
        CHECK(head.find("Content-Length: 3000000\r\n") != std::string::npos);
        const std::string rest = co_await receive(client, bytes.size() - (head.size() - end));
        CHECK(head.substr(end) + rest == bytes);
        co_await client.send_all(get("/big.bin", "Range: bytes=2900000-\r\nConnection: close\r\n"));
        const std::string part = co_await receive(client, std::string::npos);
        CHECK(part.find("Content-Range: bytes 2900000-2999999/3000000\r\n") != std::string::npos);
        CHECK(part.ends_with(bytes.substr(2'900'000)));
    };
    play_over_tcp(handler, check);
    CHECK(told.empty());
    // A stream without a send_file() of its own gets the same bytes.
    const auto check_other = [&](net::endpoint where, auto&) -> net::task<> {
        auto below = co_await net::async_stream::connect(where);
        co_await below.send_all(encrypted::cipher(get("/big.bin", "Connection: close\r\n")));
        const std::string wire = co_await receive(below, std::string::npos);
        const std::string all = encrypted::cipher(wire);
        CHECK(all.ends_with(bytes));
    };
    play_over_tcp<encrypted>(handler, check_other);
    CHECK(told.empty());
}

TEST_CASE("a file that sendfile refuses is read, and a file that is shorter than it says cuts the connection") {
    const std::string text = "what next() gives\n";
    const support::temporary_folder folder;
    std::ofstream{folder.file("short")} << text;
    class body final : public http::body_source {
      public:
        body(std::string text, int descriptor, std::size_t more)
            : text_{std::move(text)}, size_{text_.size() + more}, descriptor_{descriptor} {}
        ~body() override { ::close(descriptor_); }
        [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return size_; }
        [[nodiscard]] file_bytes in_file() const noexcept override { return {descriptor_, 0, size_}; }
        net::task<std::span<const std::byte>> next() override {
            const std::span<const char> all{text_};
            co_return std::as_bytes(std::exchange(is_given_, true) ? all.last(0) : all);
        }

      private:
        std::string text_;
        std::size_t size_;
        int descriptor_;
        bool is_given_ = false;
    };
    const auto handler = [&](http::request& ask) {
        int ends[2];  // sendfile(2) does not read from a place in a pipe
        if (ask.path() == "/short") {
            const int file = ::open(folder.file("short").c_str(), O_RDONLY | O_CLOEXEC);
            return http::response{200, std::make_unique<body>(text, file, 1), "text/plain"};
        }
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        ::close(ends[1]);
        return http::response{200, std::make_unique<body>(text, ends[0], 0), "text/plain"};
    };
    const auto check = [&](net::endpoint where, auto&) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        co_await client.send_all(get("/", "Connection: close\r\n"));
        const std::string all = co_await receive(client, std::string::npos);
        CHECK(all.ends_with("\r\n\r\n" + text));
        CHECK(told.empty());
        auto other = co_await net::async_stream::connect(where);
        co_await other.send_all(get("/short"));
        std::error_code how;
        try {
            const std::string cut = co_await receive(other, std::string::npos);
        } catch (const std::system_error& error) {
            how = error.code();
        }
        CHECK(how == std::errc::connection_reset);
    };
    play_over_tcp(handler, check);
    REQUIRE(told.size() == 1);
    CHECK(told[0].find("has become shorter") != std::string::npos);
}

TEST_CASE("the head of a file and its first bytes travel together") {
    const support::temporary_folder folder;
    const std::string bytes = support::pattern(20'000);  // more than is read at once, and less than a packet of loopback
    std::ofstream{folder.file("small.bin"), std::ios::binary} << bytes;
    const http::files site{folder.file("")};
    const auto handler = [&site](http::request& ask) { return site.answer(ask); };
    const auto check = [&](net::endpoint where, auto&) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        co_await client.send_all(get("/small.bin", "Connection: close\r\n"));
        const std::string all = co_await receive(client, std::string::npos);
        CHECK(all.ends_with(bytes));
        // The headers of the C library do not have this member of tcp_info.
        std::array<unsigned char, 512> info{};
        socklen_t size = sizeof info;
        constexpr std::size_t segments_at = 152;  // tcpi_data_segs_in, since Linux 4.6
        std::uint32_t segments = 0;
        REQUIRE(::getsockopt(client.native_handle(), IPPROTO_TCP, TCP_INFO, info.data(), &size) == 0);
        if (size >= segments_at + sizeof segments) {
            std::memcpy(&segments, info.data() + segments_at, sizeof segments);
            CHECK(segments == 1);
        }
    };
    play_over_tcp(handler, check);
    CHECK(told.empty());
}

TEST_CASE("clients that reset at any moment end nobody but themselves") {
    const auto before = support::open_descriptors();
    const auto check = [&](net::endpoint where, auto&) -> net::task<> {
        auto bystander = co_await net::async_stream::connect(where);
        const std::string request = post("hello", "X: y\r\n");
        for (std::size_t i = 0; i < 150; ++i) {
            auto client = co_await net::async_stream::connect(where);
            std::string said = request.substr(0, i);
            if (i >= request.size()) said = get("/many");
            co_await client.send_all(said);
            if (i % 5 == 0) co_await net::yield();
            client.set_option(net::option::linger{0s});
            client.close();
        }
        co_await bystander.send_all(get("/", "Connection: close\r\n"));
        const std::string all = co_await receive(bystander, std::string::npos);
        CHECK(all.ends_with("0\r\n\r\n"));
    };
    play_over_tcp(stream_numbers, check);
    CHECK(support::open_descriptors() == before);
}

TEST_CASE("a stop lets handlers finish, and their answers say that the connection ends") {
    net::async_event asked, may_end;
    const auto waits = [&](http::request&) -> net::task<http::response> {
        asked.set();
        co_await may_end.wait();
        co_return http::response{200, "done", "text/plain"};
    };
    const auto check = [&](net::endpoint where, auto& server) -> net::task<> {
        auto idle = co_await net::async_stream::connect(where);
        auto busy = co_await net::async_stream::connect(where);
        co_await busy.send_all(get("/"));
        co_await asked.wait();
        server.cancel();
        const std::string nothing = co_await receive(idle, std::string::npos);
        CHECK(nothing.empty());
        may_end.set();
        const std::string all = co_await receive(busy, std::string::npos);
        CHECK(all.find("Connection: close\r\n") != std::string::npos);
        CHECK(all.ends_with("done"));
        std::error_code refused;
        try {
            co_await net::async_stream::connect(where);
        } catch (const std::system_error& error) {
            refused = error.code();
        }
        CHECK(refused == std::errc::connection_refused);
    };
    play_over_tcp(waits, check);
}

TEST_CASE("an answer arrives although the client still sends") {
    http::server_options options;
    options.limits.body = 1000;
    const auto check = [&](net::endpoint where, auto&) -> net::task<> {
        for (int i = 0; i < 20; ++i) {
            auto client = co_await net::async_stream::connect(where);
            co_await client.send_all("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" +
                                     std::string(100'000, 'x'));
            const std::string all = co_await receive(client, std::string::npos);
            CHECK(all.starts_with("HTTP/1.1 413 "));
        }
    };
    play_over_tcp(echo_body, check, options);
}

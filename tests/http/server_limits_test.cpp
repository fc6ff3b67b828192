// What http/exchange.hpp promises at the edges of a request: bodies that nobody reads, clocks, and the end of a connection.

#include <netnotes/coro/connect.hpp>
#include <netnotes/http/connection.hpp>

#include "scripted.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

TEST_CASE("a handler that turns a body_error into an error of its own has failed, and not the connection") {
    const auto translates = [](http::request& ask) -> net::task<http::response> {
        std::string why;
        try {
            static_cast<void>(co_await ask.text());
        } catch (const http::body_error& error) {
            why = error.what();
        }
        if (!why.empty()) throw std::runtime_error{"bad upload: " + why.substr(0, 3)};
        co_return http::response{200};
    };
    script client{{std::string{chunks} + "zz\r\n"}};
    run(client, translates);
    CHECK(client.heard.starts_with("HTTP/1.1 500 "));
    CHECK(client.has_shut_down);
    CHECK_FALSE(client.is_closed);
    CHECK(told == std::vector<std::string>{"bad upload: 400"});
    // A connection that fails is the other case: nobody is left who could read an answer.
    script gone{{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"}, ending::fails};
    run(gone, translates);
    CHECK(gone.heard.empty());
    CHECK(gone.is_closed);
}

TEST_CASE("the clock of a body runs while the server waits for the client, and not while the handler works") {
    const auto works = [](net::duration time) {
        return [time](http::request& ask) -> net::task<http::response> {
            std::string body;
            for (;;) {
                const auto piece = co_await ask.recv();
                if (piece.empty()) break;
                body += net::as_text(piece);
                co_await net::sleep_for(time);
            }
            co_return http::response{200, body, "text/plain"};
        };
    };
    const std::vector<std::string> pieces{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", "abc", "def", "ghi"};
    script quick{pieces};
    CHECK(run(quick, works(6s)) == 18s);
    CHECK(heard(quick) == ok("abcdefghi"));
    // Waits of 4 s add up to more than body_timeout. (Two seconds more pass before the close.)
    script slow{pieces};
    slow.pause = 4s;
    CHECK(run(slow, works(0s)) == 4s + 10s + 2s);
    CHECK(slow.heard.starts_with("HTTP/1.1 408 "));
    http::server_options patient;
    patient.body_timeout = net::never;
    script late{pieces};
    late.pause = 1h;
    patient.head_timeout = patient.idle_timeout = net::never;
    run(late, works(1h), patient);
    CHECK(heard(late) == ok("abcdefghi"));
}

namespace {

/// The body of the request as the body of the answer.
class mirror final : public http::body_source {
  public:
    explicit mirror(http::request& ask) : ask_{ask} {}
    net::task<std::span<const std::byte>> next() override { co_return co_await ask_.recv(); }

  private:
    http::request& ask_;
};

}  // namespace

TEST_CASE("no 100 Continue comes inside an answer") {
    const auto mirrors = [](http::request& ask) -> net::task<http::response> {
        co_return http::response{200, std::make_unique<mirror>(ask), "text/plain"};
    };
    script client{{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "hello"}};
    run(client, mirrors);
    CHECK(heard(client) ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5\r\nhello\r\n0\r\n\r\n");
}

TEST_CASE("a stop in the middle of an upload is not the client's fault") {
    net::async_event asked;
    const pages reads = [&asked](http::request& ask) -> net::task<http::response> {
        asked.set();
        co_return co_await echo_body(ask);
    };
    const auto check = [&](net::endpoint where, auto& server) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        co_await client.send_all("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
        co_await asked.wait();
        server.cancel();
        const std::string all = co_await receive(client, std::string::npos);
        CHECK(all.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        CHECK(all.ends_with("503: the server stops\n"));
    };
    play_over_tcp(reads, check);
    CHECK(told.empty());
}

TEST_CASE("answers without a body gather up to the same bound as others") {
    const auto long_head = [](http::request&) -> net::task<http::response> {
        co_return http::response{200, "x"}.with("X", std::string(1000, 'x'));
    };
    std::string many;
    for (int i = 0; i < 300; ++i) many += "HEAD / HTTP/1.1\r\nHost:\r\n\r\n";
    script client{{many}};
    run(client, long_head);
    CHECK(client.heard.size() > 300'000);
    CHECK(client.most_offered > 60'000);
    CHECK(client.most_offered < 70'000);
}

TEST_CASE("a client with thousands of requests in one piece does not keep the others waiting") {
    std::string many;
    for (int i = 0; i < 2000; ++i) many += "GET / HTTP/1.1\r\nHost:\r\n\r\n";
    script client{{many, many}};
    net::loop_options how;
    how.virtual_time = true;
    test_loop loop{how};
    int answers = 0, most_in_turn = 0;
    const pages counts = [&](http::request&) -> net::task<http::response> {
        ++answers;
        co_return http::response{204};
    };
    const auto main = [&]() -> net::task<> {
        auto server = net::spawn(http::converse(scripted_stream{client}, counts));
        while (answers < 4000) {
            const int before = answers;
            co_await net::yield();
            most_in_turn = std::max(most_in_turn, answers - before);
        }
        co_await server.join();
    };
    loop.run(main());
    CHECK(answers == 4000);
    CHECK(most_in_turn < 2 * 64);  // an idle connection begins to count anew
}

TEST_CASE("a server that sends files keeps a descriptor free for each client") {
    const support::temporary_folder folder;
    std::ofstream{folder.file("a.txt")} << "hello\n";
    const http::files site{folder.file("")};
    std::size_t at_once = 0, most_at_once = 0;
    const pages serves = [&](http::request& ask) -> net::task<http::response> {
        most_at_once = std::max(most_at_once, ++at_once);
        http::response file = site.answer(ask);
        co_await net::yield();
        --at_once;
        co_return file;
    };
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const auto check = [&](net::endpoint where, auto&) -> net::task<> {
        std::vector<net::tcp_stream> clients(8);
        for (auto& client : clients) client = net::tcp_stream::connect(where);
        const int lowest = ::dup(0);
        ::close(lowest);
        rlimit few = before;
        few.rlim_cur = static_cast<rlim_t>(lowest) + 7;  // room for three clients and their files
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        for (auto& client : clients) client.send_all(get("/a.txt", "Connection: close\r\n"));
        for (auto& client : clients) {  // the server begins to accept when this task waits
            net::async_stream stream{std::move(client)};
            const std::string all = co_await receive(stream, std::string::npos);
            CHECK(all.ends_with("hello\n"));
        }
        ::setrlimit(RLIMIT_NOFILE, &before);
    };
    http::server_options options;
    options.descriptors_per_connection = 2;
    play_over_tcp(serves, check, options);
    CHECK(most_at_once == 3);
    CHECK(told.empty());
}

TEST_CASE("one address has at most max_per_client connections, and other addresses do not notice") {
    const pages serves = [](http::request&) -> net::task<http::response> { co_return http::response{200, "x"}; };
    const auto check = [](net::endpoint where, auto&) -> net::task<> {
        std::vector<net::async_stream> clients;
        std::string all;
        for (int i = 0; i < 3; ++i) {
            clients.push_back(co_await net::async_stream::connect(where));
            co_await clients.back().send_all(get("/"));
            std::error_code error;
            std::array<char, 12> room{};
            const std::size_t size = co_await clients.back().recv_exact(room, error);
            all += error ? "refused;" : std::string{room.data(), size} + ';';
        }
        CHECK(all == "HTTP/1.1 200;HTTP/1.1 200;refused;");
        net::connect_options elsewhere;
        elsewhere.local = {"127.0.0.2", 0};
        std::vector<net::endpoint> there(1, where);
        net::async_stream other = co_await net::async_connect(std::move(there), elsewhere);
        co_await other.send_all(get("/", "Connection: close\r\n"));
        all = co_await receive(other, std::string::npos);
        CHECK(all.starts_with("HTTP/1.1 200"));
    };
    http::server_options options;
    options.max_per_client = 2;
    play_over_tcp(serves, check, options);
    CHECK(told.size() == 1);
    CHECK(told.front().starts_with("more connections than max_per_client"));
    options.max_per_client = 0;
    CHECK_THROWS_AS(http::detail::server_state{options}, std::invalid_argument);
}

namespace {

/// A stream whose sends follow a script. The kernel counts what its peer has not taken yet.
class stalling_stream {
  public:
    /// `r`: the peer takes bytes, and then the limit ends the wait. `s`: the limit ends it, and the peer has taken nothing.
    /// Each other letter: the kernel takes one byte.
    explicit stalling_stream(std::string script) : script_{std::move(script)} {
        for (int i = 0; i < 9; ++i) pair_.first.send_all("x");
    }
    net::task<std::size_t> recv(net::mutable_buffer) { co_return std::size_t{0}; }
    net::task<std::size_t> send(net::const_buffer) {
        const char now = script_.empty() ? '.' : script_.front();
        script_.erase(0, 1);
        if (now == 'r') {
            std::array<std::byte, 1> byte{};
            static_cast<void>(pair_.second.recv(byte));
        }
        if (now == 'r' || now == 's') throw std::system_error{std::make_error_code(std::errc::timed_out)};
        co_return std::size_t{1};
    }
    void shutdown(net::shutdown_direction) {}
    void close() noexcept {}
    void set_timeout(net::duration) {}
    [[nodiscard]] int native_handle() const noexcept { return pair_.first.native_handle(); }

  private:
    std::pair<net::socket, net::socket> pair_ = net::socket_pair();
    std::string script_;
};
/// Returns true if a text of four bytes could be sent.
bool is_sent(const std::string& script, bool waits = true) {
    using link = http::detail::peer_link<stalling_stream>;
    bool is_whole = false;
    const auto main = [&]() -> net::task<> {
        link to{stalling_stream{script}};
        to.limit(10s);
        try {
            std::string_view text = "text";
            co_await to.send(text, waits ? link::slow_peer::is_waited_for : link::slow_peer::fails);
            is_whole = true;
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::timed_out);
        }
    };
    test_loop loop;
    loop.run(main());
    return is_whole;
}

}  // namespace

TEST_CASE("a client that takes bytes slowly is waited for, and a stalled client is not") {
    CHECK(is_sent("...."));
    CHECK(is_sent("r.rrrr.r.r."));
    CHECK(is_sent("s.s.s.s."));  // the kernel has taken a byte between two looks, so the client has taken some
    CHECK(is_sent("srrr...."));
    CHECK_FALSE(is_sent("ss"));
    CHECK_FALSE(is_sent(".rrss"));
    CHECK_FALSE(is_sent("r....", false));
}

// ---- http::connection and the server of tasks ask the same rules: http/rules.hpp

namespace {

net::task<http::response> early_or_echo(http::request& ask) {
    if (ask.method() == http::method::put) co_return http::response{200, "early"};
    const std::string body = co_await ask.text();
    co_return http::response{200, "echo " + body};
}
/// Lets http::connection answer the same pieces in the same way. `lingers` is set to what it says about the close.
std::string answers_of_machine(const std::vector<std::string>& pieces, bool& lingers) {
    using event = http::connection::event;
    const http::connection::time start{};
    http::connection talk{http::connection::role::server, start};
    std::string out, body;
    bool is_answered = false;
    for (const std::string& piece : pieces) {
        talk.receive(piece, start);
        for (;;) {
            const event what = talk.next(start);
            if (what == event::request) {
                body.clear();
                is_answered = talk.request().method == http::method::put;
                if (is_answered) talk.send({200, "early"});
            } else if (what == event::data) {
                body += talk.data();
            } else if (what == event::end || what == event::paused) {
                if (!is_answered) talk.send({200, "echo " + body});
                is_answered = true;
            } else {
                break;
            }
        }
        out += talk.output();
        talk.sent(talk.output().size(), start);
    }
    lingers = talk.how_to_close() == http::connection::closing::linger;
    return out;
}

}  // namespace

TEST_CASE("http::connection and the server give the same answers, and close in the same way") {
    const std::string put = "PUT / HTTP/1.1\r\nHost: a\r\n", close = "Connection: close\r\n";
    const std::string expects = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    const std::string talks[]{
        get("/a") + get("/b"),
        get("/a", close) + get("/b"),
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("/b"),
        get("/a").replace(0, 3, "HEAD") + post("hello") + get("/b"),
        std::string{chunks} + "5\r\nhello\r\n0\r\nTrailer: z\r\n\r\n" + get("/b", close),
        get("/a") + "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        get("/a") + "GET / HTTP/2.0\r\n\r\n",
        std::string{chunks} + "zz\r\n" + get("/b"),
        // answers before the body has come
        put + "Content-Length: 5\r\n\r\nhello" + get("/b"),
        put + "Content-Length: 100000\r\n\r\n",
        put + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get("/b"),
        get("/a") + put + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        put + close + "Content-Length: 30000\r\n\r\nhello",
        put + expects + "hello",
        "POST / HTTP/1.1\r\nHost: a\r\n" + expects + "hello" + get("/b"),
    };
    for (const std::string& all : talks) {
        for (std::size_t cut = 1; cut <= all.size(); ++cut) {
            std::vector<std::string> pieces{all.substr(0, cut)};
            if (cut < all.size()) pieces.push_back(all.substr(cut));
            bool lingers = false;
            const std::string machine = answers_of_machine(pieces, lingers);
            script client{pieces};
            run(client, early_or_echo);
            CAPTURE(all, cut);
            REQUIRE(heard(client) == machine);
            REQUIRE(client.has_shut_down == lingers);
        }
    }
}

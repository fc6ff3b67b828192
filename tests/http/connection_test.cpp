// What http/connection.hpp promises: which message may follow at both ends, which end closes, and the reason.

#include <netnotes/http/connection.hpp>

#include "../catch.hpp"
#include "corpus.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace http = netnotes::http;
using namespace std::chrono_literals;
using namespace std::string_literals;
using http::connection;
using http::ending;
using event = connection::event;
using closing = connection::closing;

namespace {

constexpr connection::time start{};

std::string take(connection& talk) {
    std::string bytes{talk.output()};
    talk.sent(bytes.size(), start);
    return bytes;
}

/// A server whose handler echoes the body, and writes down what happens. It reads bodies, except of PUT.
class echo {
  public:
    explicit echo(const http::connection_settings& wishes = {}) : talk{connection::role::server, start, wishes} {}
    void feed(std::string_view bytes) {
        talk.receive(bytes, start);
        for (;;) {
            const event what = talk.next(start);
            if (what == event::request) {
                body.clear();
                is_answered = talk.request().method == http::method::put;
                if (is_answered) talk.send({200, "early"});
                log += "request " + std::string{talk.request().target} + "; ";
            } else if (what == event::data)
                body += talk.data();
            else if (what == event::end || what == event::paused) {
                if (!is_answered) talk.send({200, "echo " + body});
                is_answered = true;
            } else {
                last = what;
                break;
            }
        }
        out += take(talk);
    }
    connection talk;
    std::string out, log, body;
    event last = event::need_data;
    bool is_answered = false;
};

/// What the server has sent. Of a refusal only the status: its sentence quotes the line as far as it had come.
std::string sent_by(const echo& server) {
    if (server.talk.why() != ending::refused) return server.out;
    return server.out.substr(0, server.out.find("\r\n", server.out.rfind("HTTP/1.1 ")));
}

std::string answer_of(std::string_view body, std::string_view connection = "") {
    std::string text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n";
    text.append(connection);
    return text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

http::request get(std::string_view target, http::fields fields = {{"Host", "a"}}) {
    return {"GET", target, std::move(fields)};
}

}  // namespace

TEST_CASE("a server answers one request after the other, in order") {
    echo server;
    server.feed(corpus::get("") + corpus::post("Content-Length: 2\r\n", "hi") + corpus::chunked("1\r\nx\r\n0\r\n\r\n"));
    CHECK(server.out == answer_of("echo ") + answer_of("echo hi") + answer_of("echo x"));
    CHECK(server.last == event::need_data);
    CHECK(server.talk.why() == ending::none);
    CHECK(server.talk.how_to_close() == closing::no);
    server.talk.receive_end();
    server.feed("");
    CHECK(server.last == event::closed);
    CHECK(server.talk.why() == ending::peer_left);
    CHECK(server.talk.how_to_close() == closing::close);
}

TEST_CASE("the next request waits for the answer") {
    connection server{connection::role::server, start};
    server.receive(corpus::get("") + corpus::get(""), start);
    CHECK(server.next(start) == event::request);
    CHECK(server.next(start) == event::end);
    CHECK(server.next(start) == event::paused);
    server.begin(http::response{200}, std::nullopt);
    CHECK(server.next(start) == event::paused);
    server.write("one");
    server.write("");
    server.write("two");
    CHECK(server.next(start) == event::paused);
    server.finish();
    CHECK(server.next(start) == event::request);
    CHECK(take(server) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
}

TEST_CASE("a connection says why it ends, and how to close it") {
    const auto served = [](std::string_view bytes, ending why, closing how, std::string_view more = "") {
        echo server;
        server.feed(bytes);
        server.feed(more);
        CHECK(server.talk.why() == why);
        CHECK(server.talk.how_to_close() == how);
        return server.out;
    };
    const std::string closes = "Connection: close\r\n";
    CHECK(served(corpus::get(closes), ending::asked_by_peer, closing::close) == answer_of("echo ", closes));
    CHECK(served("GET / HTTP/1.0\r\n\r\n", ending::asked_by_peer, closing::close) == answer_of("echo ", closes));
    CHECK(served("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ending::none, closing::no) ==
          answer_of("echo ", "Connection: keep-alive\r\n"));
    // Bytes behind the last request are not read.
    CHECK(served(corpus::get(closes) + corpus::get(""), ending::asked_by_peer, closing::close) ==
          answer_of("echo ", closes));

    CHECK(served("nonsense\r\n\r\n", ending::refused, closing::linger).starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(served(corpus::get("") + "\n", ending::refused, closing::linger).find("nc -C") != std::string::npos);
    CHECK(served("GET / HTTP/2.0\r\n\r\n", ending::refused, closing::linger).starts_with("HTTP/1.1 505 "));

    // PUT is answered at once. Its body is skipped if it is short, or the connection ends.
    const std::string put = "PUT / HTTP/1.1\r\nHost: a\r\n";
    CHECK(served(put + "Content-Length: 5\r\n\r\nhel", ending::none, closing::no, "lo" + corpus::get("")) ==
          answer_of("early") + answer_of("echo "));
    CHECK(served(put + "Content-Length: 100000\r\n\r\n", ending::unread_body, closing::linger) ==
          answer_of("early", closes));
    CHECK(served(put + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", ending::expected_continue,
                 closing::linger) == answer_of("early", closes));
    CHECK(served(put + "Transfer-Encoding: chunked\r\n\r\n", ending::unread_body, closing::linger,
                 "11000\r\n" + std::string(0x11000, 'x')) == answer_of("early"));
    // Unread bytes would make a close a reset, also if the client itself asked for the end.
    const std::string last = put + closes + "Content-Length: 5\r\n\r\nhe";
    CHECK(served(last, ending::asked_by_peer, closing::linger) == answer_of("early", closes));
    CHECK(served(last, ending::asked_by_peer, closing::close, "llo") == answer_of("early", closes));
}

TEST_CASE("bytes that cannot begin a message are refused at once") {
    // A peer that speaks another protocol may wait for our answer, and would never send the end of a head.
    for (const auto& bytes :
         {"\0"s, " "s, "\x16\x03\x01\x00\xa5"s, "\x7f"s, "("s, "\n"s, "\r\n("s, "GET / HTTP/1.1\n"s}) {
        echo server;
        server.feed(bytes);
        CHECK(server.last == event::refused);
        CHECK(server.out.starts_with("HTTP/1.1 400 Bad Request\r\n"));
        CHECK(server.out.find("Connection: close\r\n") != std::string::npos);
    }
    for (const auto& bytes : {"\0"s, " "s, "SSH-2.0"s, "HTTX"s, "HTTP/2"s, "\r\n"s}) {
        connection client{connection::role::client, start};
        client.send(get("/"));
        client.receive(bytes, start);
        CHECK(client.next(start) == (bytes == "HTTP/2" ? event::need_data : event::refused));
    }
}

TEST_CASE("100 Continue is sent by the first wait for the body, and once") {
    connection server{connection::role::server, start};
    server.receive(corpus::post("Expect: 100-continue\r\nContent-Length: 4\r\n"), start);
    CHECK(server.next(start) == event::request);
    CHECK(server.output().empty());
    CHECK(server.next(start) == event::need_data);
    CHECK(take(server) == "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(server.next(start) == event::need_data);
    CHECK(server.output().empty());
    server.receive("ab", start);
    CHECK(server.next(start) == event::data);
    CHECK(server.next(start) == event::need_data);
    CHECK(server.output().empty());

    // A client that does not wait, an empty body, and a client of HTTP/1.0 get none.
    for (const auto& bytes :
         {corpus::post("Expect: 100-continue\r\nContent-Length: 4\r\n", "abcd"),
          corpus::post("Expect: 100-continue\r\n"), corpus::post("Expect: 100-continue\r\nContent-Length: 0\r\n"),
          "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"s}) {
        echo other;
        other.feed(bytes);
        CHECK(other.out.find("100 Continue") == std::string::npos);
    }
    // A body that is announced too large is refused instead.
    echo large;
    large.feed(corpus::post("Expect: 100-continue\r\nContent-Length: 9999999\r\n"));
    CHECK(large.out.starts_with("HTTP/1.1 413 Content Too Large\r\n"));
}

TEST_CASE("HEAD, 204 and 304 have no body") {
    connection server{connection::role::server, start};
    server.receive("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", start);
    CHECK(server.next(start) == event::request);
    CHECK(server.next(start) == event::end);
    server.send({200, "hello"});
    CHECK(take(server) == answer_of("hello").substr(0, answer_of("hello").size() - 5));
    server.receive(corpus::get(""), start);
    CHECK(server.next(start) == event::request);
    server.send({204});
    CHECK(take(server) == "HTTP/1.1 204 No Content\r\n\r\n");
    server.receive(corpus::get(""), start);
    CHECK(server.next(start) == event::request);  // the rest of an answered request makes no events
    server.begin(http::response{304}, 50);
    server.write("dropped");
    server.finish();
    CHECK(take(server) == "HTTP/1.1 304 Not Modified\r\n\r\n");
    CHECK(server.why() == ending::none);
}

TEST_CASE("a body keeps its promise, or the peer notices") {
    connection server{connection::role::server, start};
    server.receive(corpus::get(""), start);
    CHECK(server.next(start) == event::request);
    server.begin(http::response{200}, 5);
    server.write("abc");
    CHECK_THROWS_AS(server.write("def"), std::length_error);
    server.finish();
    CHECK(server.why() == ending::short_body);
    CHECK(server.how_to_close() == closing::reset);

    // As long as a body is being sent the connection stays, also for a client that has asked for the end.
    connection last{connection::role::server, start};
    last.receive(corpus::get("Connection: close\r\n"), start);
    CHECK(last.next(start) == event::request);
    last.begin(http::response{200}, 5);
    CHECK(last.why() == ending::asked_by_peer);
    CHECK(last.how_to_close() == closing::no);
    // An answer that was begun before the request was refused cannot be made whole.
    connection wrong{connection::role::server, start};
    wrong.receive(corpus::chunked("x"), start);
    CHECK(wrong.next(start) == event::request);
    wrong.begin(http::response{200}, 5);
    CHECK(wrong.next(start) == event::refused);
    CHECK(wrong.how_to_close() == closing::reset);

    // To HTTP/1.0 a body of unknown size goes up to the end of the connection.
    connection old{connection::role::server, start};
    old.receive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", start);
    CHECK(old.next(start) == event::request);
    CHECK(old.next(start) == event::end);
    old.begin(http::response{200}, std::nullopt);
    old.write("abc");
    old.finish();
    CHECK(take(old) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
    CHECK(old.why() == ending::until_close);
    CHECK(old.how_to_close() == closing::linger);
    CHECK(old.next(start) == event::closed);
}

TEST_CASE("calls in the wrong order are mistakes") {
    connection server{connection::role::server, start};
    CHECK_THROWS_AS(server.send(http::response{200}), std::logic_error);
    CHECK_THROWS_AS(server.send(get("/")), std::logic_error);
    CHECK_THROWS_AS(server.write("a"), std::logic_error);
    CHECK_THROWS_AS(server.finish(), std::logic_error);
    server.receive(corpus::get(""), start);
    CHECK(server.next(start) == event::request);
    server.send(http::response{200});
    CHECK_THROWS_AS(server.send(http::response{200}), std::logic_error);
    connection client{connection::role::client, start};
    CHECK_THROWS_AS(client.send(http::response{200}), std::logic_error);
    CHECK_THROWS_AS(client.send(get("/", {})), std::invalid_argument);  // no Host
    client.send(get("/"));
    CHECK_THROWS_AS(client.send(get("/")), std::logic_error);
}

TEST_CASE("a client asks, gets interim answers, the answer, and asks again") {
    connection client{connection::role::client, start};
    CHECK(client.next(start) == event::paused);
    client.send(http::request{"POST", "/a", {{"Host", "a"}}, "hi"});
    CHECK(take(client) == "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(client.next(start) == event::need_data);
    client.receive(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
        "Content-Length: 3\r\n\r\nab",
        start);
    CHECK(client.next(start) == event::interim);
    CHECK(client.response().status == 100);
    CHECK(client.next(start) == event::interim);
    CHECK(client.response().find("link") == "x");
    CHECK(client.next(start) == event::response);
    CHECK(client.next(start) == event::data);
    CHECK(client.data() == "ab");
    CHECK(client.next(start) == event::need_data);
    client.receive("c", start);
    CHECK(client.next(start) == event::data);
    CHECK(client.next(start) == event::end);
    CHECK(client.next(start) == event::paused);
    CHECK(client.why() == ending::none);

    client.send(http::request{"HEAD", "/", {{"Host", "a"}}});
    client.receive("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", start);
    CHECK(client.next(start) == event::response);
    CHECK(client.next(start) == event::end);
    CHECK(client.next(start) == event::paused);

    client.send(get("/", {{"Host", "a"}, {"Connection", "close"}}));
    client.receive("HTTP/1.1 204 No Content\r\n\r\n", start);
    CHECK(client.next(start) == event::response);
    CHECK(client.next(start) == event::end);
    CHECK(client.next(start) == event::closed);
    CHECK(client.why() == ending::asked_here);
    CHECK(client.how_to_close() == closing::close);
}

TEST_CASE("a client reads until the end of the connection, and notices a cut") {
    connection client{connection::role::client, start};
    client.send(get("/"));
    client.receive("HTTP/1.0 200 OK\r\n\r\nabc", start);
    CHECK(client.next(start) == event::response);
    CHECK(client.next(start) == event::data);
    CHECK(client.next(start) == event::need_data);
    client.receive_end();
    CHECK(client.next(start) == event::end);
    CHECK(client.next(start) == event::closed);
    CHECK(client.why() == ending::asked_by_peer);

    for (const auto bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 200 OK\r\nContent-Le",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
        connection cut{connection::role::client, start};
        cut.send(get("/"));
        cut.receive(bytes, start);
        cut.receive_end();
        event last = event::need_data;
        while (last != event::refused && last != event::closed) last = cut.next(start);
        CHECK(cut.refusal().why == http::reason::cut_off);
        CHECK(cut.how_to_close() == closing::close);
    }
    connection silent{connection::role::client, start};
    silent.send(get("/"));
    silent.receive_end();
    CHECK(silent.next(start) == event::closed);
    CHECK(silent.why() == ending::peer_left);
}

TEST_CASE("a client does not take an answer that nobody asked for") {
    connection client{connection::role::client, start};
    client.receive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", start);
    CHECK(client.next(start) == event::refused);
    // An answer before the request is complete ends the connection.
    connection early{connection::role::client, start};
    early.begin(http::request{"POST", "/", {{"Host", "a"}}}, 100);
    early.receive("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n", start);
    CHECK(early.next(start) == event::response);
    CHECK(early.next(start) == event::end);
    CHECK(early.next(start) == event::closed);
    CHECK(early.why() == ending::early_answer);
}

TEST_CASE("after 101 the bytes are of another protocol") {
    connection client{connection::role::client, start};
    client.send(get("/chat", {{"Host", "a"}, {"Connection", "Upgrade"}, {"Upgrade", "websocket"}}));
    client.receive("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi",
                   start);
    CHECK(client.next(start) == event::response);
    CHECK(client.response().upgrade == "websocket");
    CHECK(client.next(start) == event::end);
    CHECK(client.next(start) == event::closed);
    CHECK(client.why() == ending::upgraded);
    CHECK(client.rest() == "\x81\x02hi");
    CHECK(client.how_to_close() == closing::no);

    connection server{connection::role::server, start};
    server.receive(corpus::get("Connection: Upgrade\r\nUpgrade: websocket\r\n") + "\x81\x82", start);
    CHECK(server.next(start) == event::request);
    server.begin(http::response{101}.with("Upgrade", "websocket"), 0);
    server.finish();
    CHECK(server.output() == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    CHECK(server.next(start) == event::closed);
    CHECK(server.why() == ending::upgraded);
    CHECK(server.rest() == "\x81\x82");
}

TEST_CASE("deadlines: silence, a slow head, a slow body, a peer that does not read") {
    connection idle{connection::role::server, start};
    CHECK(idle.deadline(start) == start + 60s);
    idle.expired(start + 59s);
    CHECK(idle.why() == ending::none);
    idle.expired(start + 60s);
    CHECK(idle.why() == ending::timed_out);
    CHECK(idle.output().empty());
    CHECK(idle.how_to_close() == closing::close);
    CHECK(idle.deadline(start + 60s) == connection::time::max());

    connection head{connection::role::server, start};
    head.receive("GET", start + 5s);
    CHECK(head.deadline(start + 5s) == start + 15s);
    CHECK(head.next(start + 5s) == event::need_data);
    head.receive(" /", start + 9s);  // the deadline is for the whole head
    CHECK(head.next(start + 9s) == event::need_data);
    CHECK(head.deadline(start) == start + 15s);
    head.expired(start + 15s);
    CHECK(head.output().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    CHECK(head.next(start) == event::refused);
    CHECK(head.refusal() == http::refusal{http::reason::cut_off, 0, 0, 0});
    CHECK(head.how_to_close() == closing::linger);

    connection body{connection::role::server, start};
    body.receive(corpus::post("Content-Length: 100000\r\n", std::string(32 * 1024, 'x')), start);
    CHECK(body.next(start) == event::request);
    CHECK(body.next(start) == event::data);
    CHECK(body.next(start) == event::need_data);
    CHECK(body.deadline(start) == start + 12s);
    body.expired(start + 12s);
    CHECK(body.output().starts_with("HTTP/1.1 408 Request Timeout\r\n"));

    connection stalled{connection::role::server, start};
    stalled.receive(corpus::get(""), start);
    CHECK(stalled.next(start) == event::request);
    CHECK(stalled.next(start) == event::end);
    CHECK(stalled.deadline(start) == connection::time::max());  // the handler may take its time
    // A time that the clock cannot hold means no limit.
    http::connection_settings longest;
    longest.head = longest.idle = longest.body = longest.send = std::chrono::milliseconds::max();
    connection patient{connection::role::server, start, longest};
    CHECK(patient.deadline(start) == connection::time::max());
    patient.receive("POST / HTTP/1.1\r\n", start);
    static_cast<void>(patient.next(start));
    CHECK(patient.deadline(start) == connection::time::max());
    patient.receive("Host: a\r\nContent-Length: 100000\r\n\r\nx", start);
    static_cast<void>(patient.next(start));
    CHECK(patient.deadline(start) == connection::time::max());
    stalled.send({200, "hello"});
    CHECK(stalled.deadline(start + 100s) == start + 130s);
    stalled.sent(3, start + 110s);
    CHECK(stalled.deadline(start + 120s) == start + 140s);
    stalled.sent(1, start + 130s);
    stalled.sent(0, start + 135s);  // the peer has read nothing
    CHECK(stalled.deadline(start + 135s) == start + 160s);
    stalled.expired(start + 160s);
    CHECK(stalled.why() == ending::timed_out);
    CHECK(stalled.how_to_close() == closing::reset);

    // The time for a body begins at the end of the head.
    connection late{connection::role::server, start};
    late.receive("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n", start + 2s);
    CHECK(late.next(start + 2s) == event::need_data);
    late.receive("\r\n", start + 9s);
    CHECK(late.next(start + 9s) == event::request);
    CHECK(late.deadline(start + 9s) == start + 19s);

    // The time for a head that has come behind a request begins when the answer is there.
    connection second{connection::role::server, start};
    second.receive(corpus::get("") + "GET", start);
    CHECK(second.next(start) == event::request);
    CHECK(second.next(start) == event::end);
    second.send({200, "hello"});
    take(second);
    CHECK(second.next(start + 30s) == event::need_data);
    CHECK(second.deadline(start + 30s) == start + 40s);
    second.receive(corpus::get("").substr(3), start + 35s);
    CHECK(second.next(start + 35s) == event::request);
    second.send({200, "hello"});
    take(second);
    CHECK(second.next(start + 50s) == event::need_data);
    second.receive("GET", start + 60s);
    CHECK(second.next(start + 61s) == event::need_data);  // our program was slow
    CHECK(second.deadline(start + 61s) == start + 71s);

    connection client{connection::role::client, start};  // its limit is for the whole exchange, and is not here
    CHECK(client.deadline(start) == connection::time::max());
}

TEST_CASE("the corpus through a server: the same bytes out at every cut") {
    for (const auto& [name, bytes, why] : corpus::requests()) {
        if (bytes.size() > 2000) continue;
        INFO(name);
        echo whole;
        whole.feed(bytes);
        CHECK((whole.talk.refusal().why == why));
        echo bytewise;
        for (const char c : bytes) bytewise.feed({&c, 1});
        // A client that waits for a 100 gets no 100 if its body is there already.
        const bool is_expecting = name == "expect";
        if (!is_expecting) CHECK((sent_by(bytewise) == sent_by(whole)));
        CHECK((bytewise.talk.why() == whole.talk.why()));
        CHECK((bytewise.log == whole.log));
        for (std::size_t cut = 1; cut < bytes.size() && !is_expecting; ++cut) {
            echo two;
            two.feed(std::string_view{bytes}.substr(0, cut));
            two.feed(std::string_view{bytes}.substr(cut));
            if (sent_by(two) != sent_by(whole)) {
                CAPTURE(cut);
                CHECK(sent_by(two) == sent_by(whole));
            }
        }
    }
}

TEST_CASE("a client and a server of ours understand each other") {
    // Everything that one end writes is read by the other end with the same meaning, whatever the cuts.
    std::uint32_t random = 7;
    const auto next = [&random](std::uint32_t below) {
        random = random * 1'664'525 + 1'013'904'223;
        return (random >> 8) % below;
    };
    connection client{connection::role::client, start}, server{connection::role::server, start};
    const char* const methods[] = {"GET", "POST", "HEAD", "PUT", "BREW"};
    const int statuses[] = {200, 204, 304, 404, 500};
    for (int round = 0; round < 500; ++round) {
        const std::string method = methods[next(5)];
        const http::request ask{
            method, "/" + std::to_string(round), {{"Host", "a"}, {"X", std::string(next(50), 'x')}}};
        const int status = statuses[next(5)];
        std::string pieces[2];
        for (auto& all : pieces)
            if (method != "GET" && method != "HEAD") all.assign(next(3000), static_cast<char>('a' + round % 26));
        const bool is_chunked[2] = {next(2) == 0, next(2) == 0};
        const auto put = [&](connection& to, std::string_view text) {
            while (!text.empty()) {
                const std::size_t size = std::min<std::size_t>(text.size(), 1 + next(700));
                to.write(text.substr(0, size));
                text.remove_prefix(size);
            }
            to.finish();
        };
        client.begin(ask, is_chunked[0] ? std::nullopt : std::optional<std::uint64_t>{pieces[0].size()});
        put(client, pieces[0]);

        std::string got, asked, answered;
        int code = 0;
        bool is_over = false;
        for (int steps = 0; !is_over && steps < 20'000; ++steps) {
            connection& from = steps % 2 == 0 ? client : server;
            connection& to = steps % 2 == 0 ? server : client;
            const std::string moved{from.output().substr(0, 1 + next(900))};
            from.sent(moved.size(), start);
            to.receive(moved, start);
            for (bool goes_on = true; goes_on;) switch (const event what = to.next(start); what) {
                    case event::request:
                        asked = std::string{to.request().method_name} + " " + std::string{to.request().target};
                        CHECK(http::to_request(to.request()).field("X") == ask.field("X"));
                        break;
                    case event::response: code = to.response().status.code(); break;
                    case event::data: (&to == &server ? got : answered) += to.data(); break;
                    case event::end:
                        if (&to == &server) {
                            to.begin(http::response{status},
                                     is_chunked[1] ? std::nullopt : std::optional<std::uint64_t>{pieces[1].size()});
                            const bool has_body = status != 204 && status != 304;
                            put(to, has_body || !is_chunked[1] ? pieces[1] : "");
                        } else
                            is_over = true;
                        break;
                    default: goes_on = false;
                }
        }
        REQUIRE(is_over);
        CHECK(asked == method + " " + ask.target().text());
        CHECK((got == pieces[0]));
        CHECK(code == status);
        CHECK((answered == (status == 204 || status == 304 || method == "HEAD" ? "" : pieces[1])));
        REQUIRE(client.next(start) == event::paused);
        REQUIRE(client.why() == ending::none);
        REQUIRE(server.why() == ending::none);
    }
}

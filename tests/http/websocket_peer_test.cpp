// What http/websocket_peer.hpp promises: whole messages for a handler, and an end in order, whatever the peer does.

#include <netnotes/coro/sync.hpp>
#include <netnotes/http/websocket_peer.hpp>

#include "scripted.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using opcode = http::websocket_opcode;
using http::websocket_close;
using handler = std::function<net::task<>(http::websocket&)>;
using pages = std::function<http::response(http::request&)>;

constexpr std::string_view key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
std::string upgrade(std::string_view more = "") {
    return "GET /chat HTTP/1.1\r\nHost: a:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + std::string{key} +
           std::string{more} + "\r\n";
}
const std::string accepted =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\n\r\n";

/// A frame of a browser.
std::string frame(opcode what, std::string_view data, bool is_last = true) {
    std::string bytes;
    http::write_frame(bytes, what, data, is_last, 0x12345678);
    return bytes;
}
std::string close_frame(websocket_close why = websocket_close::normal, std::string_view reason = "") {
    std::string bytes;
    http::write_close(bytes, why, reason, 0x12345678);
    return bytes;
}
std::string repeated(std::string_view piece, std::size_t count) {
    std::string all;
    while (count-- > 0) all += piece;
    return all;
}
/// What the browser hears behind the head: "1:hello 8:1000 reason".
std::string frames_in(std::string_view bytes) {
    http::websocket_reader reader{http::websocket_reader::role::client, 10'000'000};
    reader.receive(bytes);
    std::string all;
    while (const auto message = reader.next()) {
        if (!all.empty()) all += ' ';
        all += std::to_string(static_cast<int>(message->what)) + ':';
        if (message->what == opcode::close) all += std::to_string(static_cast<int>(message->why)) + ':';
        all += message->data;
    }
    if (reader.is_refused()) all += " refused: " + std::string{reader.reason()};
    if (reader.has_begun()) all += " (and a part of a frame)";
    return all;
}
/// Plays a browser that upgrades and says these pieces. Returns the frames that it hears.
std::string talk(script& browser, const handler& what, http::websocket_options options = {}, net::duration* took = nullptr) {
    browser.pieces.insert(browser.pieces.begin(), upgrade());
    const pages answer = [&](http::request& ask) { return http::accept_websocket(ask, what, options); };
    const net::duration time = play(browser, answer);
    if (took) *took = time;
    const std::string all = heard(browser);
    REQUIRE(all.starts_with(accepted));
    return frames_in(std::string_view{all}.substr(accepted.size()));
}
std::string talk(std::vector<std::string> pieces, const handler& what, http::websocket_options options = {}) {
    script browser{std::move(pieces)};
    return talk(browser, what, options);
}

/// Asks for a message again and again, and waits a little each time.
net::task<> listens_in_parts(http::websocket& peer, net::duration part) {
    for (;;) {
        try {
            const auto message = co_await net::with_timeout(part, peer.recv());
            if (!message) break;
        } catch (const std::system_error&) {
            if (!peer.is_open()) throw;
        }
    }
}
/// What the handlers below have seen of the end.
std::string seen;
void note_end(const http::websocket& peer) {
    seen = std::to_string(static_cast<int>(peer.why())) + ':' + peer.reason();
}
net::task<> echo(http::websocket& peer) {
    seen = "running";
    for (;;) {
        const auto message = co_await peer.recv();
        if (!message) break;
        co_await peer.send(message->data, message->what);
    }
    note_end(peer);
}

}  // namespace

TEST_CASE("messages of a browser reach the handler whole, and its own reach the browser") {
    CHECK(talk({frame(opcode::text, "hello") + frame(opcode::binary, "\xff"), close_frame(websocket_close::normal, "bye")},
               echo) == "1:hello 2:\xff 8:1000:");
    CHECK(seen == "1000:bye");
    CHECK(told.empty());
    CHECK(logged.size() == 1);
    CHECK(logged.front().find("\"GET /chat HTTP/1.1\" 101 0") != std::string::npos);
    // In fragments, with a ping between them; and a close without a code.
    // A pong may pass a message or follow it (RFC 6455 §5.5.3).
    CHECK(talk({frame(opcode::text, "one ", false) + frame(opcode::ping, "?") + frame(opcode::continuation, "", false),
                frame(opcode::continuation, "message"), close_frame(websocket_close::no_status)},
               echo) == "1:one message 10:? 8:1005:");
    CHECK(seen == "1005:");
    const std::string large(70'000, 'x');
    CHECK(talk({frame(opcode::text, large), close_frame()}, echo) == "1:" + large + " 8:1000:");
}

TEST_CASE("the messages are the same, wherever the bytes are cut, also behind the request") {
    const std::string all = upgrade() + frame(opcode::text, "hello") + frame(opcode::ping, "p") +
                            frame(opcode::text, "a", false) + frame(opcode::continuation, "b") + close_frame();
    const pages answer = [](http::request& ask) { return http::accept_websocket(ask, handler{echo}); };
    const auto check = [](std::string_view bytes) {
        const std::string frames = frames_in(bytes);
        if (frames != "1:hello 10:p 1:ab 8:1000:") CHECK(frames == "1:hello 1:ab 10:p 8:1000:");
    };
    for (std::size_t cut = 0; cut < all.size(); ++cut) {
        script browser{{all.substr(0, cut), all.substr(cut)}};
        if (cut == 0) browser.pieces.erase(browser.pieces.begin());
        play(browser, answer);
        CAPTURE(cut);
        const std::string text = heard(browser);
        REQUIRE(text.starts_with(accepted));
        check(std::string_view{text}.substr(accepted.size()));
    }
    script browser;
    for (const char c : all) browser.pieces.emplace_back(1, c);
    play(browser, answer);
    const std::string text = heard(browser);
    REQUIRE(text.starts_with(accepted));
    check(std::string_view{text}.substr(accepted.size()));
}

TEST_CASE("a task that has lost in when_any takes no message, though its last wait had ended before") {
    std::string second;
    const auto reads = [&](http::websocket& peer) -> net::task<> {
        const auto first = co_await peer.recv();  // the other message is in the buffer now
        CHECK(first->data == "one");
        net::async_event now;
        const auto quick = [&]() -> net::task<> { co_await now.wait(); };
        const auto slow = [&]() -> net::task<> {
            co_await now.wait();
            const auto lost = co_await peer.recv();
            static_cast<void>(lost);
        };
        const auto races = [&]() -> net::task<> { co_await net::when_any(quick(), slow()); };
        auto racing = net::spawn(races());
        for (int i = 0; i < 8; ++i) co_await net::yield();
        now.set();
        co_await racing.join();
        const auto next = co_await peer.recv();
        if (next) second = next->data;
    };
    talk({frame(opcode::text, "one") + frame(opcode::text, "two"), close_frame()}, reads);
    CHECK(second == "two");
}

TEST_CASE("a request that is no WebSocket is refused with the reason, and the connection goes on") {
    const pages answer = [](http::request& ask) {
        return ask.path() == "/chat" ? http::accept_websocket(ask, handler{echo}) : echo_path(ask);
    };
    const std::string plain = answers(get("/chat") + get("/b"), answer);
    CHECK(plain.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
    CHECK(plain.find("\r\nUpgrade: websocket\r\n") != plain.npos);
    CHECK(plain.find("\r\nSec-WebSocket-Version: 13\r\n") != plain.npos);
    CHECK(plain.find("\r\nConnection: Upgrade\r\n") != plain.npos);
    CHECK(plain.ends_with(ok("/b\n")));
    CHECK(answers(upgrade("Content-Length: 2\r\n") + "hi" + get("/b"), answer).starts_with("HTTP/1.1 400 "));
    CHECK(answers(upgrade("Content-Length: 2\r\n") + "hi" + get("/b"), answer).ends_with(ok("/b\n")));
    CHECK(answers(upgrade("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", answer).starts_with("HTTP/1.1 400 "));
    // Answers to requests before it leave first.
    CHECK(answers(get("/a") + upgrade() + close_frame(), answer).starts_with(ok("/a\n") + accepted));
}

TEST_CASE("a page of another site is refused, unless the server allows it") {
    const auto ask = [](std::string_view fields, http::websocket_options options = {}) {
        const pages answer = [options](http::request& request) {
            return http::accept_websocket(request, handler{echo}, options);
        };
        return answers(upgrade(fields) + close_frame(), answer).substr(9, 3);
    };
    CHECK(ask("Origin: http://a:8000\r\n") == "101");
    CHECK(ask("Origin: HTTP://A:8000\r\n") == "101");
    CHECK(ask("Origin: https://a:8000\r\n") == "101");  // behind a proxy that speaks TLS
    CHECK(ask("") == "101");                            // no browser
    for (const std::string_view origin :
         {"http://a", "http://a:8001", "http://evil.example", "http://a:8000.evil.example", "http://evil.example/a:8000",
          "http://evil@a:8000", "null", "", "a:8000", "file://", "ftp://a:8000", "http://"}) {
        CAPTURE(origin);
        CHECK(ask("Origin: " + std::string{origin} + "\r\n") == "403");
    }
    CHECK(ask("Origin: http://a:8000\r\nOrigin: http://evil.example\r\n") == "403");
    http::websocket_options shop;
    shop.allows_origin = [](const http::request&, std::string_view origin) { return origin == "https://shop.example"; };
    CHECK(ask("Origin: https://shop.example\r\n", shop) == "101");
    CHECK(ask("Origin: http://a:8000\r\n", shop) == "403");
}

TEST_CASE("a browser that breaks a rule is told which, and the handler sees the end") {
    const std::pair<std::string, std::string_view> broken[] = {
        {std::string{"\x81\x05hello"}, "1002:the frame of a client needs a mask"},
        {frame(opcode::text, "\xff"), "1007:the text is not UTF-8"},
        {frame(opcode::continuation, "x"), "1002:no message is there to be continued"},
        {frame(static_cast<opcode>(3), "x"), "1002:an unknown kind of frame"},
        {std::string{"\xc1\x80"}, "1002:a reserved bit is set"},
        {frame(opcode::text, std::string(2000, 'x')), "1009:the message is too large"},
        {frame(opcode::text, std::string(600, 'x'), false) + frame(opcode::continuation, std::string(600, 'x')),
         "1009:the message is too large"},
        {frame(opcode::ping, "x", false), "1002:a control frame has at most 125 bytes, in one piece"},
        {close_frame(static_cast<websocket_close>(1006)), "1002:a status that nobody may send"},
    };
    http::websocket_options options;
    options.max_message = 1000;
    for (const auto& [bytes, why] : broken) {
        script browser{{frame(opcode::text, "first") + bytes, frame(opcode::text, "not read")}};
        CHECK(talk(browser, echo, options) == "1:first 8:" + std::string{why});
        CHECK(seen == why);
        CHECK(browser.has_shut_down);
        CHECK_FALSE(browser.is_closed);  // that would be a reset, which may destroy the close frame
    }
    CHECK(told.empty());
}

TEST_CASE("a browser that leaves without a close is a lost connection, and no error of the handler") {
    script browser{{frame(opcode::text, "hello")}};
    CHECK(talk(browser, echo) == "1:hello");
    CHECK(seen == "1006:the peer has left without a close");
    script cut{{frame(opcode::text, "hello").substr(0, 5)}};
    CHECK(talk(cut, echo).empty());
    CHECK(seen == "1006:the peer has left without a close");
    script failed{{frame(opcode::text, "hello")}, ending::fails};
    CHECK(talk(failed, echo).empty());
    CHECK(seen.starts_with("1006:scripted"));
    CHECK(told.empty());
    // A handler need not catch what send() throws then.
    const handler sends = [](http::websocket& peer) -> net::task<> {
        const auto none = co_await peer.recv();
        CHECK_FALSE(none);
        CHECK_FALSE(peer.is_open());
        CHECK_FALSE(peer.post("too late"));
        co_await peer.send("too late");
        FAIL_CHECK("send() returned");
    };
    script gone;
    CHECK(talk(gone, sends).empty());
    CHECK(told.empty());
}

TEST_CASE("the end of the handler is told to the browser, and its answer is awaited") {
    const handler greets = [](http::websocket& peer) -> net::task<> { co_await peer.send("welcome"); };
    script browser{{frame(opcode::text, "dropped") + close_frame()}, ending::is_silent};
    net::duration took{};
    CHECK(talk(browser, greets, {}, &took) == "1:welcome 8:1000:");
    CHECK(took <= 3s);  // nothing but the pause in which the browser may close
    // A browser that does not answer is given up after close_timeout.
    script silent{{frame(opcode::text, "dropped")}, ending::is_silent};
    CHECK(talk(silent, greets, {}, &took) == "1:welcome 8:1000:");
    CHECK(took >= 5s);
    CHECK(took < 8s);
    CHECK(silent.is_closed);
    const handler refuses = [](http::websocket& peer) -> net::task<> {
        peer.close(websocket_close::policy, "no room");
        peer.close();  // the first call counts
        CHECK_FALSE(peer.post("later"));
        const auto none = co_await peer.recv();
        CHECK_FALSE(none);
        note_end(peer);
    };
    CHECK(talk({frame(opcode::text, "dropped") + close_frame()}, refuses) == "8:1008:no room");
    CHECK(seen == "1008:no room");
    CHECK(told.empty());
}

TEST_CASE("a handler that throws is a close with 1011, and on_error hears why") {
    const handler fails = [](http::websocket& peer) -> net::task<> {
        const auto message = co_await peer.recv();
        if (message->data == "int") throw 5;
        if (message->data == "system") throw std::system_error{EIO, std::system_category(), "the disk"};
        throw std::runtime_error{"the password is 1234"};
    };
    CHECK(talk({frame(opcode::text, "x"), close_frame()}, fails) == "8:1011:");
    CHECK(told == std::vector<std::string>{"the password is 1234"});
    CHECK(talk({frame(opcode::text, "int"), close_frame()}, fails) == "8:1011:");
    CHECK(told == std::vector<std::string>{"the handler threw an object that is not a std::exception"});
    CHECK(talk({frame(opcode::text, "system"), close_frame()}, fails) == "8:1011:");
    CHECK(told.size() == 1);
}

TEST_CASE("a reason that is not UTF-8 is not sent, because the browser would have to refuse it") {
    const auto repeats = [](http::websocket& peer) -> net::task<> {
        const auto message = co_await peer.recv();
        peer.close(websocket_close::policy, message.value().data);
    };
    CHECK(talk({frame(opcode::binary, "caf\xc3\xa9"), close_frame()}, repeats) == "8:1008:caf\xc3\xa9");
    CHECK(talk({frame(opcode::binary, "caf\xe9"), close_frame()}, repeats) == "8:1011:");
    CHECK(told == std::vector<std::string>{"the reason of a close is UTF-8, not \"caf\\xe9\""});
}

TEST_CASE("a silent browser gets a ping, and is given up if it does not answer") {
    script alive{{frame(opcode::pong, ""), frame(opcode::text, "hello"), close_frame()}};
    alive.pause = 40s;
    CHECK(talk(alive, echo) == "9: 9: 1:hello 9: 8:1000:");
    script dead{{}, ending::is_silent};
    net::duration took{};
    CHECK(talk(dead, echo, {}, &took) == "9:");
    CHECK(seen == "1006:the peer is silent");
    CHECK(took >= 60s);
    CHECK(took < 65s);
    CHECK(dead.is_closed);
}

TEST_CASE("a message must arrive in time, and pings in between do not help") {
    script slow{{frame(opcode::text, "a", false)}};
    for (int i = 0; i < 100; ++i) slow.pieces.push_back(frame(opcode::ping, "") + frame(opcode::continuation, "a", false));
    slow.pause = 1s;
    net::duration took{};
    const std::string frames = talk(slow, echo, {}, &took);
    CHECK(frames.ends_with(" 8:1008:the message did not arrive in time"));
    CHECK(took < 20s);
    // Fragments without a byte come as fast as they like: the message does not grow, and its time passes.
    script empty{{frame(opcode::text, "a", false)}};
    for (int i = 0; i < 300; ++i) empty.pieces.push_back(repeated(frame(opcode::continuation, "", false), 5000));
    empty.pause = 1s;
    http::websocket_options short_messages;
    short_messages.max_message = 100'000;
    CHECK(talk(empty, echo, short_messages, &took) == "8:1008:the message did not arrive in time");
    CHECK(took < 30s);
    // A large message that comes steadily has more time, and a handler that works does not cost the peer its time.
    script steady{{}};
    const std::string large = frame(opcode::binary, std::string(600'000, 'x'));
    for (std::size_t at = 0; at < large.size(); at += 20'000) steady.pieces.push_back(large.substr(at, 20'000));
    steady.pieces.push_back(close_frame());
    steady.pause = 1s;
    CHECK(talk(steady, echo).size() == 600'000 + 2 + 8);
}

TEST_CASE("the silence of a browser and the time of a message are counted also where each wait is short") {
    const handler in_parts = [](http::websocket& peer) -> net::task<> {
        co_await listens_in_parts(peer, 7s);
        note_end(peer);
    };
    script dead{{}, ending::is_silent};
    net::duration took{};
    CHECK(talk(dead, in_parts, {}, &took) == "9:");
    CHECK(seen == "1006:the peer is silent");
    CHECK(took >= 60s);
    CHECK(took < 65s);
    script slow{{frame(opcode::text, "a", false)}};
    for (int i = 0; i < 100; ++i) slow.pieces.push_back(frame(opcode::continuation, "a", false));
    slow.pause = 3s;
    const handler in_seconds = [](http::websocket& peer) { return listens_in_parts(peer, 1s); };
    CHECK(talk(slow, in_seconds, {}, &took) == "8:1008:the message did not arrive in time");
    CHECK(took >= 10s);
    CHECK(took < 20s);
    // A handler that is away for long has not waited for the peer, which has spoken meanwhile.
    script alive{{frame(opcode::pong, ""), frame(opcode::pong, ""), frame(opcode::text, "hello"), close_frame()}};
    alive.pause = 25s;
    const handler is_away = [](http::websocket& peer) -> net::task<> {
        std::optional<http::websocket_message> message;
        do {
            co_await net::sleep_for(10min);
            message.reset();
            try {
                message = co_await net::with_timeout(20s, peer.recv());
                if (!message) break;
            } catch (const std::system_error&) {  // not yet
            }
        } while (peer.is_open());
        note_end(peer);
    };
    CHECK(talk(alive, is_away) == "8:1000:");
    CHECK(seen == "1000:");
}

TEST_CASE("close_timeout begins with the close, also for a wait that began earlier") {
    http::websocket_options options;
    options.close_timeout = 10s;
    for (const net::duration before : {19s, 29s}) {  // a wait of recv() ends 1 s after 19 s; and a ping is due 1 s after 29 s
        script browser{{close_frame()}};  // its answer, five seconds after our close
        browser.pause = before + 5s;
        const handler is_closed = [before](http::websocket& peer) -> net::task<> {
            const auto closes = [&]() -> net::task<> {
                co_await net::sleep_for(before);
                peer.close();
            };
            const auto waits = [&]() -> net::task<> { co_await listens_in_parts(peer, 20s); };
            co_await net::when_all(closes(), waits());
            note_end(peer);
        };
        CHECK(talk(browser, is_closed, options) == "8:1000:");
        CHECK(browser.has_shut_down);
        CHECK_FALSE(browser.is_closed);  // that would be a reset
    }
}

TEST_CASE("a message may take as long as it likes, if the server says so") {
    http::websocket_options options;
    options.message_timeout = net::never;
    script steady{{}};
    const std::string large = frame(opcode::binary, std::string(100'000, 'x'));
    for (std::size_t at = 0; at < large.size(); at += 20'000) steady.pieces.push_back(large.substr(at, 20'000));
    steady.pieces.push_back(close_frame());
    steady.pause = 20s;
    CHECK(talk(steady, echo, options).size() == 100'000 + 2 + 8);
}

TEST_CASE("a browser that reads slowly has send_timeout for each part, though the server also receives") {
    http::websocket_options options;
    options.ping_after = 5s;
    script slow{{}};
    for (int i = 0; i < 100; ++i) slow.pieces.push_back(frame(opcode::pong, ""));
    slow.pieces.push_back(close_frame());
    slow.pause = 2s;
    slow.send_pause = 10s;  // less than send_timeout, and more than ping_after
    slow.most_at_once = 200;
    const handler sends = [](http::websocket& peer) -> net::task<> {
        co_await peer.send(std::string(1000, 'x'));
        const auto none = co_await peer.recv();
        CHECK_FALSE(none);
        note_end(peer);
    };
    CHECK(talk(slow, sends, options) == "1:" + std::string(1000, 'x') + " 8:1000:");
    CHECK(seen == "1000:");
}

TEST_CASE("pings of a browser that reads nothing do not fill the memory") {
    script flood{{}, ending::is_silent};
    flood.most_sent = 300;  // the head, and a little
    for (int i = 0; i < 200; ++i) flood.pieces.push_back(repeated(frame(opcode::ping, std::string(125, 'x')), 30));
    std::size_t most = 0;
    const handler listens = [&most](http::websocket& peer) -> net::task<> {
        const auto none = co_await peer.recv();
        CHECK_FALSE(none);
        most = peer.queued();
        note_end(peer);
    };
    CHECK_FALSE(talk(flood, listens).empty());
    CHECK(most < 1000);
    CHECK(seen.starts_with("1006:"));
    CHECK(told.empty());
}

TEST_CASE("post() does not wait, and refuses what exceeds the queue; send() waits for room") {
    http::websocket_options options;
    options.max_queued = 1000;
    script stuck{{}, ending::is_silent};
    stuck.most_sent = 300;  // the head and the beginning of the first message
    bool has_thrown = false;
    const handler floods = [&](http::websocket& peer) -> net::task<> {
        CHECK(peer.post(std::string(5000, 'x')));  // a message that is larger may wait alone
        CHECK_FALSE(peer.post("x"));
        CHECK(peer.queued() == 5004);
        try {
            co_await peer.send("waits, and fails when the peer is given up");
        } catch (const std::system_error& error) {
            has_thrown = error.code() == std::errc::broken_pipe;
        }
        note_end(peer);
    };
    net::duration took{};
    script copy = stuck;
    talk(copy, floods, options, &took);
    CHECK(has_thrown);
    CHECK(took >= 30s);
    CHECK(took < 40s);
    CHECK(seen.starts_with("1006:"));
    CHECK(copy.is_closed);
    script reads{{close_frame()}};
    reads.pause = 10s;
    const handler many = [](http::websocket& peer) -> net::task<> {
        for (int i = 0; i < 10; ++i) co_await peer.send(std::string(500, static_cast<char>('0' + i)));
        CHECK(peer.queued() <= 1008);
        const auto none = co_await peer.recv();
        CHECK_FALSE(none);
    };
    std::string wanted;
    for (int i = 0; i < 10; ++i) wanted += "1:" + std::string(500, static_cast<char>('0' + i)) + ' ';
    CHECK(talk(reads, many, options) == wanted + "8:1000:");
    const handler wrong = [](http::websocket& peer) -> net::task<> {
        CHECK_THROWS_AS(peer.post("\xff"), std::invalid_argument);
        CHECK_THROWS_AS(peer.post("x", opcode::ping), std::invalid_argument);
        CHECK_THROWS_AS(peer.close(websocket_close::no_status), std::invalid_argument);
        CHECK(peer.post("\xff", opcode::binary));
        bool throws = false;
        try {
            co_await peer.send("\xc3");
        } catch (const std::invalid_argument&) {
            throws = true;
        }
        CHECK(throws);
    };
    CHECK(talk({close_frame()}, wrong) == "2:\xff 8:1000:");
}

TEST_CASE("limits that must be above zero, and a response 101 that is no upgrade") {
    http::websocket_options none;
    none.ping_after = 0s;
    const pages answer = [none](http::request& ask) { return http::accept_websocket(ask, handler{echo}, none); };
    CHECK(answers(upgrade(), answer).starts_with("HTTP/1.1 500 "));
    CHECK(told.size() == 1);
    const pages bare = [](http::request& ask) { return http::accept_websocket(ask); };
    CHECK(answers(upgrade() + get("/b"), bare).starts_with("HTTP/1.1 500 "));
    const pages elsewhere = [](http::request& ask) {  // a conversation under another status is no conversation
        http::response answered = http::accept_websocket(ask, handler{echo});
        answered.status = 200;
        return answered;
    };
    CHECK(answers(upgrade() + get("/b"), elsewhere).starts_with("HTTP/1.1 200 "));
}

// ---- over sockets

namespace {

net::task<net::async_stream> open_websocket(net::endpoint where) {
    auto browser = co_await net::async_stream::connect(where);
    const std::string request = upgrade();
    co_await browser.send_all(request);
    const std::string head = co_await receive_until(browser, "\r\n\r\n");
    CHECK(head.starts_with("HTTP/1.1 101 "));
    co_return browser;
}
net::task<std::string> rest_of(net::async_stream& browser) {
    std::string all;
    for (;;) {
        const auto bytes = co_await browser.recv();
        if (bytes.empty()) break;
        all += net::as_text(bytes);
    }
    co_return frames_in(all);
}

}  // namespace

TEST_CASE("over TCP: two browsers talk with each other, and a third that does not read harms neither") {
    std::vector<http::websocket*> room;
    net::async_event is_full;
    const handler member = [&](http::websocket& self) -> net::task<> {
        room.push_back(&self);
        is_full.set();
        for (;;) {
            const auto message = co_await self.recv();
            if (!message) break;
            for (http::websocket* each : room)
                if (!each->post(message->data)) each->close(websocket_close::policy, "too slow");
        }
        std::erase(room, &self);
    };
    http::websocket_options options;
    options.max_queued = 100'000;
    options.send_timeout = 200ms;
    const pages answer = [&](http::request& ask) { return http::accept_websocket(ask, member, options); };
    const auto client = [&](net::endpoint where, auto&) -> net::task<> {
        auto slow = co_await open_websocket(where);  // never reads
        auto first = co_await open_websocket(where);
        auto second = co_await open_websocket(where);
        while (room.size() < 3) {
            is_full.reset();
            co_await is_full.wait();
        }
        const std::string text(10'000, 'x');
        const std::string said = frame(opcode::text, text);
        int rounds = 0;
        while (room.size() == 3 && rounds < 5000) {  // until the buffers of the slow one are full
            co_await first.send_all(said);
            const std::string a = co_await receive(first, text.size() + 4);
            const std::string b = co_await receive(second, text.size() + 4);
            REQUIRE(a == b);
            REQUIRE(frames_in(a) == "1:" + text);
            ++rounds;
        }
        CHECK(rounds < 5000);
        CHECK(room.size() == 2);
        const std::string bye = close_frame();
        co_await second.send_all(bye);
        const std::string end = co_await rest_of(second);
        CHECK(end == "8:1000:");
        co_await first.send_all(bye);
        const std::string last = co_await rest_of(first);
        CHECK(last == "8:1000:");
    };
    play_over_tcp(answer, client);
    CHECK(room.empty());
    CHECK(told.empty());
}

TEST_CASE("over TCP: a stop tells 1001, to handlers that receive and to handlers that wait for something else") {
    net::async_event is_there, never_set;
    int ended = 0;
    const handler waits = [&](http::websocket& peer) -> net::task<> {
        const auto first = co_await peer.recv();
        is_there.set();
        if (first->data == "elsewhere") {
            co_await never_set.wait();
        } else {
            const auto none = co_await peer.recv();
            CHECK_FALSE(none);
            CHECK(peer.why() == websocket_close::going_away);
        }
        ++ended;
    };
    const pages answer = [&](http::request& ask) { return http::accept_websocket(ask, waits); };
    http::server_options options;
    options.stop_grace = 50ms;
    for (const std::string_view what : {"here", "elsewhere"}) {
        is_there.reset();
        const auto client = [&](net::endpoint where, auto& server) -> net::task<> {
            auto browser = co_await open_websocket(where);
            const std::string said = frame(opcode::text, what);
            co_await browser.send_all(said);
            co_await is_there.wait();
            server.cancel();
            std::string all;
            try {
                for (;;) {
                    const auto bytes = co_await browser.recv();
                    if (bytes.empty()) break;
                    all += net::as_text(bytes);
                }
            } catch (const std::system_error&) {  // a cancelled handler ends in a reset
            }
            CHECK(frames_in(all) == "8:1001:");
        };
        play_over_tcp(answer, client, options);
    }
    CHECK(ended == 1);
    CHECK(told.empty());
}

TEST_CASE("a request may be asked for what the handler needs, which lives as long as its task") {
    const pages answer = [](http::request& ask) {
        const auto greet = [name = ask.query("name").value_or("nobody")](http::websocket& peer) -> net::task<> {
            co_await peer.send("hello " + name);
            const auto none = co_await peer.recv();
            CHECK_FALSE(none);
            CHECK(name == "Li, whose name is longer than a short string holds");
        };
        return http::accept_websocket(ask, greet);
    };
    std::string request = upgrade();
    request.replace(0, 9, "GET /chat?name=Li,+whose+name+is+longer+than+a+short+string+holds");
    script browser{{request, close_frame()}};
    play(browser, answer);
    CHECK(frames_in(std::string_view{heard(browser)}.substr(accepted.size())) ==
          "1:hello Li, whose name is longer than a short string holds 8:1000:");
    CHECK(told.empty());
}

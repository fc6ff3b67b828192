// What coro/buffered.hpp promises: messages whole, answers gathered, and nothing lost whatever interrupts it.

#include <netnotes/coro/buffered.hpp>
#include <netnotes/coro/group.hpp>
#include <netnotes/coro/when.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <sys/socket.h>

#include <array>
#include <random>
#include <string>

using namespace std::chrono_literals;

namespace {

using optional_line = std::optional<std::string>;

/// A copy, for views end with the next call.
net::task<optional_line> next_line(net::async_buffered_stream& from) {
    const auto line = co_await from.recv_line();
    co_return line ? optional_line{*line} : std::nullopt;
}

net::task<> echo_lines(net::async_buffered_stream& client) {
    for (;;) {
        const auto line = co_await client.recv_line();
        if (!line) break;
        std::string answer{*line};
        answer += '\n';
        co_await client.write(answer);
    }
    co_await client.flush();
    client.stream().shutdown(net::shutdown_direction::send);
}

net::task<> send_and_end(net::async_stream& to, const std::string& text) {
    co_await to.send_all(text);
    to.shutdown(net::shutdown_direction::send);
}

net::task<std::string> receive_all(net::async_stream& from) {
    std::string all;
    for (;;) {
        const auto bytes = co_await from.recv();
        if (bytes.empty()) break;
        all += net::as_text(bytes);
    }
    co_return all;
}

std::error_code failure_of(net::event_loop& loop, net::task<> what) {
    try {
        loop.run(std::move(what));
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

/// A loop, a buffered end, and the other end, which is asked without waiting.
struct pair_of_ends {
    explicit pair_of_ends(net::loop_options options = {}, std::size_t limit = 64 * 1024,
                          std::size_t high_water = 64 * 1024)
        : loop{options} {
        auto [one, other] = net::socket_pair();
        peer = std::move(other);
        peer.set_timeout(net::duration::zero());
        end = net::async_buffered_stream{net::async_stream{loop, std::move(one)}, limit, high_water};
    }
    /// Returns the bytes that have reached the peer by now, in one receive.
    std::string arrived() {
        char buffer[64 * 1024];
        std::error_code error;
        return {buffer, peer.recv(buffer, error)};
    }
    test_loop loop;
    net::socket peer;
    net::async_buffered_stream end;
};

}  // namespace

// ---- Reading -------------------------------------------------------------------------------------------

TEST_CASE("lines come one by one however they were sent") {
    pair_of_ends ends;
    ends.peer.send_all("one\r\ntwo\n\nlast");
    ends.peer.shutdown(net::shutdown_direction::send);
    const auto body = [](net::async_buffered_stream& end) -> net::task<> {
        const optional_line one = co_await next_line(end), two = co_await next_line(end);
        const optional_line empty = co_await next_line(end), last = co_await next_line(end);
        CHECK(one == "one");
        CHECK(two == "two");
        CHECK(empty == "");
        CHECK(last == "last");
        const optional_line none = co_await next_line(end), still_none = co_await next_line(end);
        CHECK_FALSE(none);
        CHECK_FALSE(still_none);
    };
    ends.loop.run(body(ends.end));
}

TEST_CASE("lengths and delimiters mix") {
    pair_of_ends ends;
    ends.peer.send_all("5\nhello--rest");
    ends.peer.shutdown(net::shutdown_direction::send);
    const auto body = [](net::async_buffered_stream& end) -> net::task<> {
        const optional_line length = co_await next_line(end);
        CHECK(length == "5");
        const auto word = co_await end.recv_exact(5);
        CHECK(word == "hello");
        const auto mark = co_await end.recv_until("--");
        CHECK(mark == "--");
        co_await end.recv_until("--");
    };
    CHECK(failure_of(ends.loop, body(ends.end)) == std::errc::protocol_error);  // the end in the middle
}

TEST_CASE("a message that is too long is an error and memory is bounded") {
    pair_of_ends ends{{}, 100};
    const std::string endless(200, 'x');
    ends.peer.send_all(endless);
    const auto body = [](net::async_buffered_stream& end) -> net::task<> { co_await end.recv_line(); };
    CHECK(failure_of(ends.loop, body(ends.end)) == std::errc::message_size);
}

TEST_CASE("a timeout or a cancellation in the middle of a message loses nothing") {
    pair_of_ends ends{{.virtual_time = true}};
    ends.peer.send_all("first ha");
    ends.end.stream().set_timeout(10ms);
    const auto late = [](net::async_buffered_stream& end) -> net::task<> { co_await end.recv_line(); };
    CHECK(failure_of(ends.loop, late(ends.end)) == std::errc::timed_out);
    ends.peer.send_all("lf, seco");
    const auto cancelled = [](net::async_buffered_stream& end) -> net::task<> {
        auto reads = net::spawn(next_line(end));
        co_await net::yield();
        co_await net::yield();
        reads.cancel();
        co_await reads.join();
    };
    ends.end.stream().set_timeout(net::never);
    CHECK(failure_of(ends.loop, cancelled(ends.end)) == std::errc::operation_canceled);
    ends.peer.send_all("nd half\n");
    const auto whole = [](net::async_buffered_stream& end) -> net::task<> {
        const optional_line line = co_await next_line(end);
        CHECK(line == "first half, second half");
    };
    ends.loop.run(whole(ends.end));
}

// ---- Writing -------------------------------------------------------------------------------------------

TEST_CASE("what is written gathers until the reader is about to wait") {
    pair_of_ends ends;
    ends.peer.send_all("1\n2\n3\n");
    const auto body = [](pair_of_ends& both) -> net::task<> {
        for (std::size_t round = 1; round <= 3; ++round) {
            const optional_line line = co_await next_line(both.end);
            REQUIRE(line);
            const std::string answer = *line + "!";
            co_await both.end.write(answer);
            CHECK(both.end.unsent() == 2 * round);
            CHECK(both.arrived().empty());
        }
        auto waits = net::spawn(next_line(both.end));
        co_await net::yield();
        co_await net::yield();
        CHECK(both.end.unsent() == 0);
        CHECK(both.arrived() == "1!2!3!");
        both.peer.shutdown(net::shutdown_direction::send);
        const optional_line end = co_await waits.join();
        CHECK_FALSE(end);
    };
    ends.loop.run(body(ends));
}

TEST_CASE("a flush sends at once") {
    pair_of_ends ends;
    const auto body = [](pair_of_ends& both) -> net::task<> {
        co_await both.end.flush();  // of nothing
        co_await both.end.write("hello");
        CHECK(both.arrived().empty());
        co_await both.end.flush();
        CHECK(both.end.unsent() == 0);
        CHECK(both.arrived() == "hello");
    };
    ends.loop.run(body(ends));
}

TEST_CASE("above the high water mark a write sends and waits for the peer") {
    pair_of_ends ends{{}, 64 * 1024, 1000};
    const auto body = [](pair_of_ends& both) -> net::task<> {
        const std::string piece(1000, 'p');
        co_await both.end.write(piece);
        CHECK(both.end.unsent() == 1000);
        co_await both.end.write(piece);
        CHECK(both.end.unsent() == 0);
        CHECK(both.arrived() == piece + piece);
        const std::string flood(8 << 20, 'f');  // more than the kernel takes
        auto writes = net::spawn([](net::async_buffered_stream& end, const std::string& all) -> net::task<> {
            co_await end.write(all);
        }(both.end, flood));
        co_await net::yield();
        co_await net::yield();
        CHECK_FALSE(writes.has_ended());
        std::size_t taken = 0;
        while (taken < flood.size()) {
            taken += both.arrived().size();
            co_await net::yield();
        }
        co_await writes.join();
        CHECK(both.end.unsent() == 0);
    };
    ends.loop.run(body(ends));
}

TEST_CASE("a reader that had to send first is timed out like any other") {
    // In virtual time: if a busy machine let the reader time out before the peer has taken all, the rest would never
    // come.
    pair_of_ends ends{{.virtual_time = true}, 64 * 1024, 16 << 20};
    ends.end.stream().set_timeout(100ms);
    const auto body = [](pair_of_ends& both) -> net::task<> {
        const std::string flood(8 << 20, 'f');  // more than the kernel takes
        co_await both.end.write(flood);
        auto reads = net::spawn(next_line(both.end));
        std::size_t taken = 0;
        while (taken < flood.size()) {
            taken += both.arrived().size();
            co_await net::yield();
        }
        std::error_code error;
        try {  // and now the peer says nothing
            co_await reads.join();
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        CHECK(error == std::errc::timed_out);
    };
    ends.loop.run(body(ends));
}

TEST_CASE("a peer that does not read stops the reader of its lines and no byte is lost") {
    // It sends more lines than all buffers hold, while it takes no answer: so we must stop taking its lines.
    test_loop loop;
    auto [one, other] = net::socket_pair();
    net::async_buffered_stream server{net::async_stream{loop, std::move(one)}};
    net::async_stream client{loop, std::move(other)};
    std::string lines;
    for (int i = 0; i < 200'000; ++i) lines += "line " + std::to_string(i) + '\n';
    const auto body = [](net::async_buffered_stream& end, net::async_stream& peer,
                         const std::string& text) -> net::task<> {
        auto serves = net::spawn(echo_lines(end));
        auto sends = net::spawn(send_and_end(peer, text));
        for (int turn = 0; turn < 10'000; ++turn) co_await net::yield();
        CHECK_FALSE(sends.has_ended());
        CHECK(end.unsent() < 1 << 20);
        const std::string back = co_await receive_all(peer);
        co_await sends.join();
        co_await serves.join();
        CHECK((back == text));  // in parentheses: a failure need not print megabytes
    };
    loop.run(body(server, client, lines));
}

TEST_CASE("an error of sending comes out of the call that sends") {
    pair_of_ends ends;
    ends.peer.close();
    const auto body = [](net::async_buffered_stream& end) -> net::task<> {
        co_await end.write("to nobody");
        co_await end.flush();
    };
    CHECK(failure_of(ends.loop, body(ends.end)) == std::errc::broken_pipe);
    const auto reads = [](net::async_buffered_stream& end) -> net::task<> { co_await end.recv_line(); };
    CHECK(failure_of(ends.loop, reads(ends.end)) == std::errc::broken_pipe);
}

// ---- Both ----------------------------------------------------------------------------------------------

TEST_CASE("random pieces in both directions arrive as they were sent") {
    std::mt19937 random{2026};
    for (int round = 0; round < 20; ++round) {
        test_loop loop;
        auto [one, other] = net::socket_pair();
        net::async_buffered_stream server{net::async_stream{loop, std::move(one)}};
        net::async_stream client{loop, std::move(other)};
        std::string lines;
        for (int i = 0; i < 300; ++i) lines += std::string(random() % 2000, static_cast<char>('a' + i % 26)) + '\n';
        const auto pieces = [](net::async_stream& to, const std::string& text, unsigned seed) -> net::task<> {
            std::mt19937 sizes{seed};
            for (std::size_t sent = 0; sent < text.size();) {
                const std::string_view piece = std::string_view{text}.substr(sent, 1 + sizes() % 3000);
                co_await to.send_all(piece);
                sent += piece.size();
                co_await net::yield();
            }
            to.shutdown(net::shutdown_direction::send);
        };
        const auto body = [&](const unsigned seed) -> net::task<> {
            auto serves = net::spawn(echo_lines(server));
            auto sends = net::spawn(pieces(client, lines, seed));
            const std::string back = co_await receive_all(client);
            CHECK((back == lines));
            co_await sends.join();
            co_await serves.join();
        };
        loop.run(body(static_cast<unsigned>(random())));
    }
}

TEST_CASE("a buffered stream can be moved between calls") {
    pair_of_ends ends;
    ends.peer.send_all("one\ntwo\n");
    const auto body = [](net::async_buffered_stream& end) -> net::task<> {
        const optional_line one = co_await next_line(end);
        net::async_buffered_stream moved = std::move(end);
        const optional_line two = co_await next_line(moved);
        CHECK(one == "one");
        CHECK(two == "two");
        end = std::move(moved);
    };
    ends.loop.run(body(ends.end));
}

TEST_CASE("a closed stream, and none, is an error of each call and not the end of the program") {
    pair_of_ends ends;
    ends.peer.send_all("one\ntwo\n");
    const auto body = [](net::async_buffered_stream& end) -> net::task<> {
        const optional_line one = co_await next_line(end);
        CHECK(one == "one");
        end.stream().close();
        net::async_buffered_stream none;
        CHECK(none.unsent() == 0);
        CHECK_THROWS_AS(none.stream(), std::system_error);
        for (net::async_buffered_stream* const each : {&end, &none})
            for (int call = 0; call < 5; ++call) {
                std::error_code error;
                try {
                    if (call == 0) co_await each->recv_line();
                    if (call == 1) co_await each->recv_until("x");
                    if (call == 2) co_await each->recv_exact(1);
                    if (call == 3) co_await each->write("lost");
                    if (call == 4) co_await each->flush();
                } catch (const std::system_error& thrown) {
                    error = thrown.code();
                }
                CHECK(error == std::errc::bad_file_descriptor);
                CHECK(each->unsent() == 0);
            }
    };
    ends.loop.run(body(ends.end));
}

TEST_CASE("what is sent without waiting is sent by the task that reads, in one piece, and the bound is kept") {
    pair_of_ends ends{{}, 64 * 1024, 10};
    const auto body = [&ends]() -> net::task<> {
        const auto line = co_await next_line(ends.end);
        CHECK(line == "at last");
    };
    const auto main = [&]() -> net::task<> {
        CHECK(ends.end.try_send("one"));  // no task waits yet, so it is gathered
        CHECK(ends.arrived() == "");
        auto reading = net::spawn(body());
        co_await net::yield();
        CHECK(ends.arrived() == "one");
        CHECK(ends.end.try_send("two "));
        CHECK(ends.end.try_send("three"));
        CHECK(ends.end.unsent() == 9);
        CHECK(ends.end.try_send("4"));
        CHECK_FALSE(ends.end.try_send("eleven byte"));  // above the bound, whatever the kernel takes
        CHECK(ends.arrived() == "");
        CHECK(ends.end.try_send("5"));  // the ten before leave at once, because the kernel takes them
        CHECK(ends.arrived() == "two three4");
        CHECK(ends.end.unsent() == 1);
        while (ends.end.unsent() > 0) co_await net::yield();
        CHECK(ends.arrived() == "5");
        CHECK(ends.end.try_send(""));
        ends.peer.send_all("at last\n");
        co_await reading.join();
        ends.end.stream().close();
        CHECK_FALSE(ends.end.try_send("6"));
        CHECK_FALSE(net::async_buffered_stream{}.try_send("7"));
    };
    ends.loop.run(main());
}

TEST_CASE("a peer that does not read is told by try_send(), and what was queued arrives when it reads") {
    pair_of_ends ends;
    const auto main = [&]() -> net::task<> {
        auto reading = net::spawn([&ends]() -> net::task<> { co_await next_line(ends.end); });
        co_await net::yield();
        const std::string line(1'000, 'x');
        std::size_t queued = 0;
        for (int refused = 0; refused < 10;) {
            if (ends.end.try_send(line))
                queued += line.size();
            else
                ++refused;
            co_await net::yield();
        }
        CHECK(ends.end.unsent() <= 64 * 1024);
        std::size_t got = 0;
        while (got < queued) {
            got += ends.arrived().size();
            co_await net::yield();
        }
        CHECK(got == queued);
        CHECK(ends.end.unsent() == 0);
        ends.peer.send_all("line\n");  // the reader reads again
        co_await reading.join();
    };
    ends.loop.run(main());
}

TEST_CASE("a connection that is closed with unsent bytes ends in a reset, whichever way it is closed") {
    for (int way = 0; way < 4; ++way) {
        CAPTURE(way);
        test_loop loop;
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        net::tcp_stream peer{listener.local_endpoint()};
        net::async_buffered_stream end{net::async_stream{loop, listener.accept().stream}};
        const auto main = [&]() -> net::task<> {
            co_await end.write("gathered");
            if (way == 3) co_await end.flush();
            if (way == 0) end.stream().close();
            if (way == 1) end = net::async_buffered_stream{};
            if (way >= 2) const net::async_buffered_stream ends_here{std::move(end)};
        };
        loop.run(main());
        std::array<std::byte, 20> room{};
        std::error_code error;
        const std::size_t got = peer.recv(room, error);
        CHECK((error == std::errc::connection_reset) == (way != 3));
        CHECK(got == (way == 3 ? 8 : 0));
    }
}

namespace {
/// More than the kernel keeps for a peer who does not read.
constexpr std::size_t too_much = 4'000'000;

net::task<> reads_one(net::async_buffered_stream& end, std::string& log) {
    const optional_line line = co_await next_line(end);
    log += "read " + line.value_or("nothing") + ", ";
}
net::task<> flushes(net::async_buffered_stream& end, std::string& log) {
    co_await end.write("behind it");
    co_await end.flush();
    log += "flushed, ";
}
}  // namespace

TEST_CASE("a task that must send before it reads blocks no other task, and reads when another task sends") {
    pair_of_ends ends{{}, 64 * 1024, 2 * too_much};
    const auto body = [](pair_of_ends& both, std::string& log) -> net::task<> {
        const std::string much(too_much, 'x');
        co_await both.end.write(much);
        auto reader = net::spawn(reads_one(both.end, log));
        co_await net::yield();
        co_await net::yield();
        auto writer = net::spawn(flushes(both.end, log));
        co_await net::yield();
        co_await net::yield();
        both.peer.send_all("line\n");
        co_await reader.join();
        CHECK(log == "read line, ");
        std::size_t size = 0;
        while (size < too_much + 9) {
            size += both.arrived().size();
            co_await net::yield();
        }
        co_await writer.join();
        CHECK(size == too_much + 9);
        CHECK(log == "read line, flushed, ");
    };
    std::string log;
    ends.loop.run(body(ends, log));
}

TEST_CASE("if the sending task is cancelled, the reading task sends the gathered bytes") {
    pair_of_ends ends{{}, 64 * 1024, 2 * too_much};
    const auto body = [](pair_of_ends& both, std::string& log) -> net::task<> {
        const std::string much(too_much, 'x');
        co_await both.end.write(much);
        auto writer = net::spawn(flushes(both.end, log));
        co_await net::yield();
        co_await net::yield();
        auto reader = net::spawn(reads_one(both.end, log));
        co_await net::yield();
        co_await net::yield();
        writer.cancel();
        CHECK_THROWS_AS(co_await writer.join(), std::system_error);
        std::size_t size = 0;
        while (size < too_much + 9) {
            size += both.arrived().size();
            co_await net::yield();
        }
        both.peer.send_all("line\n");
        co_await reader.join();
        CHECK(log == "read line, ");
    };
    std::string log;
    ends.loop.run(body(ends, log));
}

namespace {
/// Gathers the text and flushes it until the kernel has all of it. Each flush ends early: every second one by a
/// cancellation, the others by a timeout. Between two of them the peer reads a little. Returns how many ended early.
net::task<unsigned> flush_in_pieces(pair_of_ends& both, const std::string& text, std::string& arrived) {
    const auto flushes_all = [](net::async_buffered_stream& end) -> net::task<> { co_await end.flush(); };
    const std::size_t half = text.size() / 2;
    CHECK(both.end.try_send(text.substr(0, half)));
    unsigned ended_early = 0;
    for (; both.end.unsent() > 0; ++ended_early) {
        const std::size_t before = both.end.unsent();
        const bool is_cancelled = ended_early % 2 == 0;
        both.end.stream().set_timeout(is_cancelled ? net::never : net::duration{1ms});
        auto flusher = net::spawn(flushes_all(both.end));
        co_await net::yield();
        co_await net::yield();
        if (is_cancelled) flusher.cancel();
        std::error_code error;
        try {
            co_await flusher.join();
        } catch (const std::system_error& thrown) {
            error = thrown.code();
        }
        if (!error) break;
        CHECK(error == (is_cancelled ? std::errc::operation_canceled : std::errc::timed_out));
        CHECK(both.end.unsent() <= before);
        if (ended_early == 2) CHECK(both.end.try_send(text.substr(half)));  // behind the bytes that wait
        arrived += both.arrived();
    }
    co_return ended_early;
}
}  // namespace

TEST_CASE("a flush that was cancelled or ran into its timeout goes on where it stopped") {
    pair_of_ends ends{{.virtual_time = true}, 64 * 1024, 2 * too_much};
    const std::string text = support::pattern(too_much);
    std::string arrived;
    CHECK(ends.loop.run(flush_in_pieces(ends, text, arrived)) > 10);
    CHECK(ends.end.unsent() == 0);
    ends.end = {};  // every byte is with the kernel, so the end is no reset
    ends.peer.set_timeout(50s);
    arrived += support::receive_all(ends.peer);
    CHECK(arrived == text);
}

TEST_CASE("the timeout of a reading call goes on when it has sent what it had to") {
    pair_of_ends ends{{.virtual_time = true}, 64 * 1024, 2 * too_much};
    const auto body = [](pair_of_ends& both) -> net::task<> {
        const net::time_point begin = both.loop.now();
        both.end.stream().set_timeout(300ms);
        const std::string much(too_much, 'x');
        co_await both.end.write(much);
        const auto read = [](net::async_buffered_stream& end) -> net::task<> { co_await end.recv_line(); };
        auto reader = net::spawn(read(both.end));
        std::size_t size = 0;
        while (size < too_much) {
            size += both.arrived().size();
            co_await net::yield();
        }
        const auto gives_up = [](pair_of_ends& of) -> net::task<> {
            co_await net::sleep_for(1h);
            of.end.stream().close();
        };
        auto in_the_end = net::spawn(gives_up(both));
        std::error_code error;
        try {
            co_await reader.join();
        } catch (const std::system_error& thrown) {
            error = thrown.code();
        }
        CHECK(error == std::errc::timed_out);
        CHECK(both.loop.now() - begin == 300ms);
    };
    ends.loop.run(body(ends));
}

TEST_CASE("a second reader is an error, also while the first has to send") {
    pair_of_ends ends{{}, 64 * 1024, 2 * too_much};
    const auto body = [](net::async_buffered_stream& end) -> net::task<> {
        const std::string much(too_much, 'x');
        std::string log;
        co_await end.write(much);
        auto first = net::spawn(reads_one(end, log));
        co_await net::yield();
        bool was_refused = false;
        try {
            co_await end.recv_line();
        } catch (const std::logic_error&) {
            was_refused = true;
        }
        CHECK(was_refused);
        first.cancel();
        CHECK_THROWS_AS(co_await first.join(), std::system_error);
    };
    ends.loop.run(body(ends.end));
}

TEST_CASE("a task that is cancelled while it runs takes no message, though messages are there") {
    pair_of_ends ends;
    const auto body = [](pair_of_ends& of) -> net::task<> {
        REQUIRE(::send(of.peer.native_handle(), "1\n2\n3\n4\n", 8, MSG_NOSIGNAL) == 8);
        const optional_line first = co_await next_line(of.end);
        CHECK(first == "1");
        std::string taken;
        const auto takes = [&]() -> net::task<> {
            for (;;) {
                const auto line = co_await of.end.recv_line();
                taken += line.value();
            }
        };
        // Its own group cancels it.
        const auto cancels_itself = [&](net::task_group& group) -> net::task<> {
            group.cancel();
            co_await takes();
        };
        CHECK_THROWS_AS(co_await net::with_group(cancels_itself), std::system_error);
        // A part that begins inside when_all() cancels the task that awaits it.
        net::join_handle<> waiting;
        const auto cancels = [&]() -> net::task<> {
            waiting.cancel();
            co_return;
        };
        const auto waits = [&]() -> net::task<> {
            co_await net::when_all(cancels(), cancels());
            co_await takes();
        };
        waiting = net::spawn(waits());
        CHECK_THROWS_AS(co_await waiting.join(), std::system_error);
        CHECK(taken.empty());
        const optional_line next = co_await next_line(of.end);
        CHECK(next == "2");
    };
    ends.loop.run(body(ends));
}

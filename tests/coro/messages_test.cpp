// One suite for all readers of messages: buffered_reader, which blocks, async_buffered_stream, which suspends, and
// basic_async_buffered_stream over a stream of this test. The same text comes in pieces of several sizes, from another
// thread.

#include <netnotes/coro/buffered.hpp>
#include <netnotes/coro/byte_stream.hpp>
#include <netnotes/coro/timeout.hpp>
#include <netnotes/tcp/reader.hpp>

#include "../back_end.hpp"
#include "../support.hpp"
#include "encrypted.hpp"

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace {

using blocking = net::buffered_reader<net::socket>;
using suspending = net::async_buffered_stream;
using over_any_stream = net::basic_async_buffered_stream<encrypted>;
static_assert(net::message_reader<blocking> && net::message_reader<suspending> && net::message_reader<over_any_stream>);
static_assert(!net::message_reader<net::async_stream>);

/// A value that is there already.
template <class T>
struct ready {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    T await_resume() { return std::move(value); }
    T value;
};
/// `co_await get([&] { return reader.recv_line(); })`: what a blocking call returns, or what the task waits for.
template <class Call>
auto get(Call call) {
    using result = decltype(call());
    if constexpr (net::awaitable_operation<result> || net::detail::is_task<result>)
        return call();
    else
        return ready<result>{call()};
}

using text = std::optional<std::string>;
template <class Reader>
net::task<text> line_of(Reader& reader) {
    const auto line = co_await get([&] { return reader.recv_line(); });
    co_return line ? text{*line} : std::nullopt;
}
template <class Reader>
net::task<text> until(Reader& reader, std::string_view delimiter) {
    const auto message = co_await get([&] { return reader.recv_until(delimiter); });
    co_return message ? text{*message} : std::nullopt;
}
template <class Reader>
net::task<text> exactly(Reader& reader, std::size_t size) {
    const auto message = co_await get([&] { return reader.recv_exact(size); });
    co_return message ? text{*message} : std::nullopt;
}
template <class Reader>
net::task<std::string> fills(Reader& reader, std::size_t size) {
    std::string room(size, '\0');
    const std::size_t filled = co_await get([&] { return reader.recv_exact(std::as_writable_bytes(std::span{room})); });
    co_return room.substr(0, filled);
}
template <class Reader>
net::task<std::string> some(Reader& reader, std::size_t size) {
    std::string room(size, '\0');
    const std::size_t filled = co_await get([&] { return reader.recv(std::as_writable_bytes(std::span{room})); });
    co_return room.substr(0, filled);
}
template <class Reader>
net::task<bool> skips(Reader& reader, std::string_view delimiter) {
    const bool found = co_await get([&] { return reader.skip_until(delimiter); });
    co_return found;
}
template <class T>
net::task<std::error_code> failure_of(net::task<T> what) {
    try {
        co_await std::move(what);
    } catch (const std::system_error& error) {
        co_return error.code();
    }
    co_return std::error_code{};
}

/// Runs `suite(reader)` for each reader, and for each size of the pieces.
template <class Suite>
void for_all(const std::string& sent, Suite suite, std::size_t limit = 64 * 1024) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{100'000}})
        for (const std::string kind : {"blocking", "suspending", "over_any_stream"}) {
            INFO(kind << ", pieces of " << piece);
            auto ends = net::socket_pair();
            net::socket& peer = ends.second;
            const std::string wire = kind == "over_any_stream" ? encrypted::cipher(sent) : sent;
            std::thread feeder{[&] {
                std::error_code gone;  // a suite need not read everything
                for (std::size_t at = 0; at < wire.size() && !gone; at += piece)
                    peer.send_all(std::string_view{wire}.substr(at, piece), gone);
                peer.close();
            }};
            test_loop loop;
            if (kind == "suspending") {
                suspending reader{net::async_stream{loop, std::move(ends.first)}, limit};
                loop.run(suite(reader));
            } else if (kind == "over_any_stream") {
                over_any_stream reader{encrypted{net::async_stream{loop, std::move(ends.first)}}, limit};
                loop.run(suite(reader));
            } else {
                blocking reader{ends.first, limit};
                loop.run(suite(reader));
                ends.first.close();
            }
            feeder.join();
        }
}

}  // namespace

TEST_CASE("lines, with either end and with none, come one by one") {
    for_all("one\ntwo\r\n\r\nlast", [](auto& reader) -> net::task<> {
        for (const char* const expected : {"one", "two", "", "last"}) {
            const text line = co_await line_of(reader);
            CHECK(line == expected);
        }
        const text end = co_await line_of(reader);
        CHECK(end == std::nullopt);
    });
}

TEST_CASE("messages, blocks, filled buffers and plain receives mix") {
    for_all("head: 1\r\n\r\n0123456789abcdefline\nXYZthe rest", [](auto& reader) -> net::task<> {
        const auto got_1 = co_await until(reader, "\r\n\r\n");
        CHECK(got_1 == "head: 1\r\n\r\n");
        const auto got_2 = co_await exactly(reader, 10);
        CHECK(got_2 == "0123456789");
        const auto got_3 = co_await fills(reader, 6);
        CHECK(got_3 == "abcdef");
        const auto got_4 = co_await exactly(reader, 0);
        CHECK(got_4 == "");
        const auto got_5 = co_await fills(reader, 0);
        CHECK(got_5 == "");
        const auto got_6 = co_await line_of(reader);
        CHECK(got_6 == "line");
        const auto got_7 = co_await some(reader, 0);
        CHECK(got_7 == "");
        std::string rest;
        for (;;) {
            const std::string more = co_await some(reader, 5);
            CHECK(more.size() <= 5);
            if (more.empty()) break;
            rest += more;
        }
        CHECK(rest == "XYZthe rest");
        const auto got_8 = co_await fills(reader, 3);
        CHECK(got_8 == "");
        const auto got_9 = co_await exactly(reader, 3);
        CHECK(got_9 == std::nullopt);
    });
}

TEST_CASE("what has been received is taken without a wait") {
    for_all("one\ntwo\nabcdef;tail", [](auto& reader) -> net::task<> {
        CHECK(reader.take_line() == std::nullopt);
        CHECK(reader.take_exact(1) == std::nullopt);
        CHECK(reader.buffered() == "");
        const auto got_10 = co_await line_of(reader);
        CHECK(got_10 == "one");
        const std::error_code too_short = co_await failure_of(exactly(reader, 16));  // all that is left is in the buffer now
        CHECK(too_short == std::errc::protocol_error);
        CHECK(reader.buffered() == "two\nabcdef;tail");
        CHECK(reader.take_line() == "two");
        CHECK(reader.take_until(";") == "abcdef;");
        CHECK(reader.take_until(";") == std::nullopt);
        CHECK(reader.take_exact(5) == std::nullopt);
        CHECK(reader.take_exact(3) == "tai");
        CHECK(reader.buffered() == "l");
        reader.shrink_to_fit();
        CHECK(reader.buffered() == "l");
        const auto got_11 = co_await line_of(reader);
        CHECK(got_11 == "l");
        reader.shrink_to_fit();
        CHECK(reader.capacity() == 0);
    });
}

TEST_CASE("a message that is too long is refused, and can be skipped") {
    const std::string body(30'000, 'x');
    for_all("short\n" + body + "\r\r\r\nlast\n", [](auto& reader) -> net::task<> {
        CHECK(reader.limit() == 100);
        const auto got_12 = co_await line_of(reader);
        CHECK(got_12 == "short");
        for (int i = 0; i < 2; ++i) {
            const std::error_code error = co_await failure_of(line_of(reader));
            CHECK(error == std::errc::message_size);
        }
        CHECK(reader.capacity() <= 4096);
        const bool found = co_await skips(reader, "\r\r\n");
        CHECK(found);
        CHECK(reader.capacity() <= 4096);
        const auto got_13 = co_await line_of(reader);
        CHECK(got_13 == "last");
        const bool again = co_await skips(reader, "\n");
        CHECK_FALSE(again);
    }, 100);
}

TEST_CASE("a wrong question is an error before anything is received") {
    for_all("abc", [](auto& reader) -> net::task<> {
        const auto got_14 = co_await failure_of(until(reader, ""));
        CHECK(got_14 == std::errc::invalid_argument);
        const auto got_15 = co_await failure_of(skips(reader, ""));
        CHECK(got_15 == std::errc::invalid_argument);
        const auto got_16 = co_await failure_of(exactly(reader, 101));
        CHECK(got_16 == std::errc::message_size);
        const auto got_17 = co_await fills(reader, 3);
        CHECK(got_17 == "abc");
    }, 100);
}

TEST_CASE("an end in the middle is an error, and nothing that came is lost") {
    for_all("abc", [](auto& reader) -> net::task<> {
        const auto got_18 = co_await failure_of(until(reader, "\n"));
        CHECK(got_18 == std::errc::protocol_error);
        CHECK(reader.buffered() == "abc");
        const auto got_19 = co_await failure_of(exactly(reader, 4));
        CHECK(got_19 == std::errc::protocol_error);
        const auto got_20 = co_await exactly(reader, 2);
        CHECK(got_20 == "ab");
        const auto got_21 = co_await failure_of(fills(reader, 2));
        CHECK(got_21 == std::errc::protocol_error);
    });
}

TEST_CASE("a block beyond the limit fills the caller's buffer") {
    const std::string block = support::pattern(30'000);
    for_all("first\n" + block + "last\n", [&](auto& reader) -> net::task<> {
        const auto got_22 = co_await line_of(reader);
        CHECK(got_22 == "first");
        const std::string filled = co_await fills(reader, block.size());
        CHECK(filled == block);
        const auto got_23 = co_await line_of(reader);
        CHECK(got_23 == "last");
    }, 100);
}

// ---- what only tasks need --------------------------------------------------------------------------------

TEST_CASE("a filled buffer is continued after a timeout, and the error says how much is there") {
    test_loop loop;
    auto ends = net::socket_pair();
    suspending reader{net::async_stream{loop, std::move(ends.first)}};
    ends.second.send_all("line\nabc");
    loop.run([&]() -> net::task<> {
        const auto got_24 = co_await line_of(reader);
        CHECK(got_24 == "line");
        std::array<std::byte, 6> room{};
        std::size_t filled = 0;
        const auto fill = [&]() -> net::task<std::size_t> { co_return co_await reader.recv_exact(room, filled); };
        const std::error_code late = co_await failure_of(net::task<std::size_t>{[](auto what) -> net::task<std::size_t> {
            co_return co_await net::with_timeout(std::chrono::milliseconds{1}, std::move(what));
        }(fill())});
        CHECK(late == std::errc::timed_out);
        CHECK(filled == 3);
        ends.second.send_all("defghi");
        const std::size_t size = co_await reader.recv_exact(room, filled);
        CHECK(size == 6);
        CHECK(net::as_text(room) == "abcdef");
        filled = 0;
        ends.second.close();
        const std::error_code ended = co_await failure_of(fill());
        CHECK(ended == std::errc::protocol_error);
        CHECK(filled == 3);
    });
}

TEST_CASE("a peer that sends without end does not keep the others waiting while a reader skips") {
    test_loop loop;
    auto ends = net::socket_pair();
    suspending reader{net::async_stream{loop, std::move(ends.first)}};
    std::thread feeder{[&] {
        const std::string much(100'000, 'x');
        std::error_code gone;
        while (!gone) ends.second.send_all(much, gone);
    }};
    loop.run([&]() -> net::task<> {
        auto skipping = net::spawn([&]() -> net::task<> { co_await reader.skip_until("\n"); });
        for (int i = 0; i < 1'000; ++i) co_await net::yield();
        CHECK_FALSE(skipping.has_ended());
        reader.stream().close();
        std::error_code why;
        try {
            co_await skipping.join();
        } catch (const std::system_error& error) {
            why = error.code();
        }
        CHECK(why == std::errc::bad_file_descriptor);
    });
    feeder.join();
}

// Streams of one's own below buffered streams and serve().

#include <netnotes/coro/byte_stream.hpp>
#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/serve.hpp>
#include <netnotes/coro/timeout.hpp>

#include "../back_end.hpp"
#include "../support.hpp"
#include "encrypted.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>
#include <string>

using namespace std::chrono_literals;

static_assert(net::async_byte_stream<net::async_stream>);
static_assert(net::async_byte_stream<encrypted>);
static_assert(!net::async_byte_stream<net::socket>);
static_assert(!net::async_byte_stream<net::async_buffered_stream>);
static_assert(net::connection_handler<net::task<> (*)(encrypted)>);
template <class Stream>
concept has_write = requires(net::basic_async_buffered_stream<Stream>& stream) {
    stream.write("x");
    stream.flush();
};
static_assert(has_write<net::async_stream> && !has_write<net::async_descriptor>);

namespace {

net::task<> shout(encrypted connection) {
    net::basic_async_buffered_stream client{std::move(connection)};
    for (;;) {
        const auto line = co_await client.recv_line();
        if (!line) break;
        std::string answer{*line};
        for (char& c : answer) c = static_cast<char>(std::toupper(c));
        co_await client.write(answer + "\n");
    }
    co_await client.flush();
    client.stream().shutdown(net::shutdown_direction::send);
}

/// Receives once, and each time fewer bytes than asked for.
struct trickle {
    net::task<std::size_t> recv(net::mutable_buffer buffer) {
        co_await net::yield();
        const std::size_t size = std::min<std::size_t>({buffer.size(), text.size(), 2});
        std::copy_n(std::as_bytes(std::span{text}).begin(), size, buffer.begin());
        text.erase(0, size);
        co_return size;
    }
    net::task<std::size_t> send(net::const_buffer bytes) {
        co_await net::sleep_for(1ms);
        const std::size_t size = std::min<std::size_t>(bytes.size(), 3);
        *sent += net::as_text(bytes.first(size));
        co_return size;
    }
    void shutdown(net::shutdown_direction) {}
    void close() noexcept {}
    std::string text;
    std::string* sent;
};

}  // namespace

TEST_CASE("serve() passes its connections to a handler that takes another stream") {
    test_loop loop;
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    const net::endpoint where = listener.local_endpoint();
    const auto main = [&]() -> net::task<> {
        auto server = net::spawn(net::serve(std::move(listener), shout));
        net::async_stream raw = co_await net::async_stream::connect(where);
        const std::string wire = encrypted::cipher("hello\nsecond\n");
        co_await raw.send_all(wire);
        raw.shutdown(net::shutdown_direction::send);
        std::string answer;
        for (;;) {
            const auto bytes = co_await raw.recv();
            if (bytes.empty()) break;
            answer += net::as_text(bytes);
        }
        CHECK(answer != "HELLO\nSECOND\n");
        CHECK(encrypted::cipher(answer) == "HELLO\nSECOND\n");
        server.cancel();
    };
    loop.run(main());
}

TEST_CASE("a cancellation in the middle of a message or of a flush loses no byte") {
    test_loop loop{{.virtual_time = true}};
    std::string sent;
    net::basic_async_buffered_stream stream{trickle{"one\ntwo\n", &sent}};
    const auto main = [&]() -> net::task<> {
        co_await stream.write("0123456789");
        CHECK(stream.unsent() == 10);
        const auto flush = [&]() -> net::task<> { co_await net::with_timeout(2500us, stream.flush()); };
        bool was_late = false;
        try {
            co_await flush();
        } catch (const std::system_error&) {
            was_late = true;
        }
        CHECK(was_late);
        CHECK(sent == "012345");
        CHECK(stream.unsent() == 4);
        co_await stream.write("abc");
        auto other = net::spawn([&]() -> net::task<> { co_await stream.flush(); });
        co_await net::yield();
        for (int i = 0; i < 1'000; ++i) co_await stream.write("x");  // while the other task sends
        const auto line = co_await stream.recv_line();
        CHECK(line == "one");
        co_await other.join();
        const auto two = co_await stream.recv_line();
        CHECK(two == "two");
        const auto end = co_await stream.recv_line();
        CHECK_FALSE(end);
        CHECK(stream.unsent() == 0);
        CHECK(sent == "0123456789abc" + std::string(1'000, 'x'));
    };
    loop.run(main());
}

TEST_CASE("a task that waits on a buffered stream fails when the object is destroyed or replaced") {
    const int how = GENERATE(0, 1, 2, 3);
    test_loop loop;
    const auto main = [&]() -> net::task<> {
        auto [one, other] = net::socket_pair(net::socket_type::stream);
        using buffered = net::basic_async_buffered_stream<net::async_stream>;
        auto stream = std::make_unique<buffered>(net::async_stream{std::move(one)});
        const bool sends = how % 2 == 0;
        std::error_code why;
        const auto use = [&]() -> net::task<> {
            try {
                if (sends) {
                    co_await stream->write(std::string(4 << 20, 'x'));
                } else {
                    const auto line = co_await stream->recv_line();
                    CHECK_FALSE(line);
                }
            } catch (const std::system_error& failure) {
                why = failure.code();
            }
        };
        auto waiting = net::spawn(use);
        co_await net::sleep_for(1ms);
        if (how < 2) {
            stream.reset();
        } else {
            auto [third, fourth] = net::socket_pair(net::socket_type::stream);
            *stream = buffered{net::async_stream{std::move(third)}};
        }
        co_await waiting.join();
        CHECK(why == std::errc::bad_file_descriptor);
    };
    loop.run(main());
}

TEST_CASE("the lines of a keyboard, a pipe or a file can be read") {
    test_loop loop;
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    support::temporary_folder folder;
    std::ofstream{folder.file("text")} << "one\ntwo";
    const int file = ::open(folder.file("text").c_str(), O_RDONLY | O_CLOEXEC);
    const auto body = [&]() -> net::task<> {
        net::basic_async_buffered_stream keyboard{net::async_descriptor{ends[0]}, 16};
        REQUIRE(::write(ends[1], "a\nb\r\nha", 7) == 7);
        auto line = co_await keyboard.recv_line();
        CHECK(line == "a");
        line = co_await keyboard.recv_line();
        CHECK(line == "b");
        std::error_code error;
        keyboard.stream().set_timeout(1ms);
        line = co_await keyboard.recv_line(error);
        CHECK((error == std::errc::timed_out && !line));
        keyboard.stream().set_timeout(net::never);
        REQUIRE(::write(ends[1], "lf\n", 3) == 3);
        line = co_await keyboard.recv_line(error);
        CHECK((!error && line == "half"));
        {
            auto waits = std::make_unique<net::basic_async_buffered_stream<net::async_descriptor>>(std::move(keyboard));
            auto reading = net::spawn(waits->recv_line(error));
            co_await net::yield();
            waits.reset();  // the task that waits is told
            co_await reading.join();
            CHECK(error == std::errc::bad_file_descriptor);
        }
        net::basic_async_buffered_stream lines{net::async_descriptor{file}};
        line = co_await lines.recv_line();
        CHECK(line == "one");
        line = co_await lines.recv_line();
        CHECK(line == "two");
        line = co_await lines.recv_line();
        CHECK(!line);
    };
    loop.run(body());
    for (const int each : {ends[0], ends[1], file}) ::close(each);
}

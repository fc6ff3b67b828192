// What coro/pump.hpp promises: every byte in order between all kinds of streams, each end by itself, resets passed on.

#include <netnotes/coro/buffered.hpp>
#include <netnotes/coro/byte_stream.hpp>
#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/pump.hpp>

#include "streams.hpp"
#include "tasks.hpp"

#include <poll.h>

namespace {

const net::ip_address loopback = net::ipv4_address::loopback();

net::task<> send_and_end(net::async_stream& to, const std::string& text) {
    co_await to.send_all(text);
    to.shutdown(net::shutdown_direction::send);
}
net::task<> pump_alone(net::async_stream& from, net::async_stream& to) { co_await net::pump(from, to); }
net::task<std::error_code> pump_error(net::async_stream& from, net::async_stream& to) {
    const std::error_code error = co_await error_of(pump_alone(from, to));
    to.close();
    co_return error;
}

}  // namespace

TEST_CASE("a task copies as many bytes as it was told, and no byte more") {
    test_loop loop;
    two_ends in = connected(loop), out = connected(loop);
    const auto body = [&]() -> net::task<> {
        co_await send_and_end(in.one, "line\n0123456789rest");
        net::async_buffered_stream reader{std::move(in.other)};
        const auto line = co_await reader.recv_line();
        CHECK(line == "line");
        const auto nothing = co_await net::copy_bytes(reader, out.one, 0);
        CHECK(nothing == 0);
        const auto ten = co_await net::copy_bytes(reader, out.one, 10);
        CHECK(ten == 10);
        const auto rest = co_await reader.recv_exact(2);
        CHECK(rest == "re");
        const auto rest_size = co_await net::copy_bytes(reader, out.one);
        CHECK(rest_size == 2);
        co_await send_and_end(out.one, "!");
        const auto arrived = co_await receive_all(out.other);
        CHECK(arrived == "0123456789st!");
    };
    loop.run(body());
}

TEST_CASE("a proxy moves both directions at once, each to its own end, over TCP and Unix sockets") {
    const std::string bytes = pattern(2'000'003, 3), answer = pattern(1'500'001, 4);
    for (const net::ip_address* const address : {&loopback, static_cast<const net::ip_address*>(nullptr)}) {
        test_loop loop;
        two_ends in = connected(loop, address), out = connected(loop, address);
        const auto body = [&]() -> net::task<> {
            auto proxy = net::spawn(net::pump_both(in.other, out.one));
            auto typing = net::spawn(send_and_end(in.one, bytes));
            auto [arrived, back, sent] = co_await net::when_all(receive_all(out.other), receive_all(in.one),
                                                                send_in_pieces(out.other, answer, 1));
            CHECK((arrived == bytes));
            CHECK((back == answer));
            const auto moved = co_await proxy.join();
            CHECK(moved == std::pair<std::uint64_t, std::uint64_t>{bytes.size(), answer.size()});
        };
        loop.run(body());
    }
}

TEST_CASE("a pump takes the streams of a library's user and descriptors as well") {
    const std::string bytes = pattern(300'000, 5);
    test_loop loop;
    two_ends in = connected(loop), out = connected(loop);
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    const auto body = [&]() -> net::task<> {
        net::async_descriptor reading{pipe[0]}, writing{pipe[1]};
        net::basic_async_buffered_stream own{std::move(out.one)};
        auto typing = net::spawn(send_and_end(in.one, bytes));
        auto into_pipe = net::spawn([&]() -> net::task<> {
            co_await net::pump(in.other, writing);
            ::close(pipe[1]);
        });
        auto onward = net::spawn(net::pump(reading, own));
        const auto arrived = co_await receive_all(out.other);
        CHECK((arrived == bytes));
        const auto size = co_await onward.join();
        CHECK(size == bytes.size());
        co_await into_pipe.join();
    };
    loop.run(body());
    ::close(pipe[0]);
}

TEST_CASE("a reset is passed on as a reset, a cancellation as an end") {
    for (const bool is_reset : {true, false}) {
        CAPTURE(is_reset);
        test_loop loop;
        two_ends in = connected(loop, &loopback), out = connected(loop, &loopback);
        const auto body = [&]() -> net::task<> {
            auto pumping = net::spawn(pump_error(in.other, out.one));
            co_await in.one.send_all("half of it");
            std::array<char, 10> room{};
            const auto size = co_await out.other.recv_exact(room);
            CHECK(size == 10);
            if (is_reset) {
                in.one.set_option(net::option::linger{0s});
                in.one.close();
                const auto code = co_await pumping.join();
                CHECK(code == std::errc::connection_reset);
            } else {
                pumping.cancel();
                const auto code = co_await pumping.join();
                CHECK(code == std::errc::operation_canceled);
            }
            const std::error_code heard = co_await error_of(receive_once(out.other));
            CHECK((is_reset ? heard == std::errc::connection_reset : !heard));
        };
        loop.run(body());
    }
}

TEST_CASE("a failure in one direction ends the other") {
    test_loop loop;
    two_ends in = connected(loop, &loopback), out = connected(loop, &loopback);
    const auto body = [&]() -> net::task<> {
        auto proxy = net::spawn(net::pump_both(in.other, out.one));
        out.other.set_option(net::option::linger{0s});
        out.other.close();
        std::error_code code;
        try {
            co_await proxy.join();
        } catch (const std::system_error& error) {
            code = error.code();
        }
        CHECK(code == std::errc::connection_reset);
    };
    loop.run(body());
}

TEST_CASE("a failure in one direction resets both connections, so that no peer takes a part for the whole") {
    enum class ends_by { timeout, cancellation };
    const auto end = GENERATE(ends_by::timeout, ends_by::cancellation);
    const bool buffered = GENERATE(false, true);
    CAPTURE(end == ends_by::timeout, buffered);
    test_loop loop{in_virtual_time};
    two_ends in = connected(loop, &loopback), out = connected(loop, &loopback);
    const auto body = [&]() -> net::task<> {
        if (end == ends_by::timeout) in.other.set_timeout(1s);
        const auto proxy = [&]() -> net::task<> {
            net::async_stream client = std::move(in.other), server = std::move(out.one);
            if (buffered) {
                net::async_buffered_stream first{std::move(client)}, second{std::move(server)};
                co_await net::pump_both(first, second);
            } else {
                co_await net::pump_both(client, server);
            }
        };
        auto running = net::spawn(error_of(proxy()));
        co_await out.other.send_all("half of the answer");
        std::array<char, 18> room{};
        co_await in.one.recv_exact(room);
        if (end == ends_by::cancellation) running.cancel();
        const auto code = co_await running.join();
        CHECK(code == (end == ends_by::timeout ? std::errc::timed_out : std::errc::operation_canceled));
        const auto client_hears = co_await error_of(receive_once(in.one));
        const auto server_hears = co_await error_of(receive_once(out.other));
        CHECK(client_hears == std::errc::connection_reset);
        CHECK(server_hears == std::errc::connection_reset);
    };
    loop.run(body());
}

TEST_CASE("an end that comes when the other peer has gone is no failure of a proxy, but of a pump") {
    const bool both = GENERATE(true, false);
    CAPTURE(both);
    test_loop loop;
    two_ends in = connected(loop, &loopback), out = connected(loop, &loopback);
    const auto body = [&]() -> net::task<> {
        co_await out.other.send_all("answer");
        out.other.close();
        auto proxy = net::spawn([&]() -> net::task<std::uint64_t> {
            if (both) {
                const auto moved = co_await net::pump_both(in.other, out.one);
                co_return moved.first + 10 * moved.second;
            }
            co_await net::pump(out.one, in.other);
            const auto moved = co_await net::pump(in.other, out.one);
            co_return moved;
        });
        std::array<char, 6> room{};
        co_await in.one.recv_exact(room);
        co_await in.one.send_all("x");  // the server's host answers with a reset
        // Nothing but the descriptor tells that the reset has come: the proxy does not read the server any more.
        pollfd gone{out.one.native_handle(), 0, 0};
        while ((gone.revents & POLLERR) == 0 && (gone.revents & POLLHUP) == 0) {
            co_await net::yield();
            REQUIRE(::poll(&gone, 1, 0) >= 0);
        }
        in.one.shutdown(net::shutdown_direction::send);
        std::error_code code;
        std::uint64_t moved = 0;
        try {
            moved = co_await proxy.join();
        } catch (const std::system_error& error) {
            code = error.code();
        }
        CHECK((both ? !code : code == std::errc::not_connected));
        CHECK(moved == (both ? 1u + 10 * 6 : 0u));
    };
    loop.run(body());
}

TEST_CASE("a cancelled proxy resets the other connection, though one buffered stream was closed meanwhile") {
    test_loop loop;
    two_ends in = connected(loop, &loopback), out = connected(loop, &loopback);
    const auto body = [&]() -> net::task<> {
        net::async_buffered_stream first{std::move(in.other)}, second{std::move(out.one)};
        bool was_cancelled = false;
        auto proxy = net::spawn([&]() -> net::task<> {
            try {
                co_await net::pump_both(first, second);
            } catch (const net::cancelled&) {
                was_cancelled = true;
                throw;
            }
        });
        in.one.shutdown(net::shutdown_direction::send);
        const auto end = co_await out.other.recv();
        CHECK(end.empty());
        first = {};  // nobody reads it any more
        proxy.cancel();
        CHECK_THROWS_AS(co_await proxy.join(), std::system_error);
        CHECK(was_cancelled);
        second = {};
        CHECK(out.other.take_error() == std::errc::broken_pipe);  // what a reset means behind an end
    };
    loop.run(body());
}

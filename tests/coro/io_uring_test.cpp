// Only io_uring receives and accepts before a task asks. So bytes that no task takes must not pile up, and a closed
// descriptor must be released. (The suites of the loop and the sockets run on it as well: see back_end.hpp.)

#include <netnotes/coro/io/io_uring.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/stream.hpp>
#include <netnotes/tcp/stream.hpp>

#include "../support.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using support::open_descriptors;

namespace {

const net::loop_options with_io_uring{.backend = net::io_backend::io_uring};

/// Why not, where it is refused; empty where it works.
std::string refusal() {
    const net::event_loop loop{with_io_uring};
    return loop.backend() == net::io_backend::io_uring ? "" : "io_uring: " + loop.refusal().message();
}
#define NEEDS_IO_URING() \
    if (const std::string why = refusal(); !why.empty()) NETNOTES_SKIP(why)

net::task<> echo(net::async_stream& client) {
    for (;;) {
        const auto bytes = co_await client.recv();
        if (bytes.empty()) break;
        co_await client.send_all(bytes);
    }
}
net::task<> echo_own(net::async_stream client) { co_await echo(client); }

/// Sends until the kernel takes no more, and some turns later still does not.
net::task<std::size_t> flood(net::socket& from) {
    const std::string piece = support::pattern(16 * 1024);
    std::size_t sent = 0;
    for (int turns_in_vain = 0; turns_in_vain < 20;) {
        std::error_code error;
        const std::size_t taken = from.send(std::string_view{piece}.substr(sent % piece.size()), error);
        sent += taken;
        turns_in_vain = taken == 0 ? turns_in_vain + 1 : 0;
        co_await net::sleep_for(0ms);  // a turn in which the loop has a look
    }
    co_return sent;
}
/// Receives `size` bytes in several kinds of receives, and checks that they are the bytes of flood().
net::task<std::size_t> right_bytes(net::async_stream& from, std::size_t size, unsigned seed) {
    const std::string piece = support::pattern(16 * 1024);
    std::mt19937 random{seed};
    std::string own(30'000, '\0');
    std::size_t right = 0;
    while (right < size) {
        std::string_view bytes;
        if (random() % 2 == 0) {
            const auto lent = co_await from.recv();
            bytes = net::as_text(lent);
        } else {
            const std::size_t got = co_await from.recv(std::span{own.data(), 1 + random() % own.size()});
            bytes = std::string_view{own}.substr(0, got);
        }
        if (bytes.empty()) break;
        for (const char byte : bytes) {
            if (byte != piece[right % piece.size()]) co_return right;
            ++right;
        }
    }
    co_return right;
}
net::task<> receive_once(net::async_stream& from) { co_await from.recv(); }

struct connection {
    net::async_stream served;
    net::socket peer;
};
connection connect(net::event_loop& loop) {
    auto [near, far] = net::socket_pair();
    far.set_blocking(false);
    return {net::async_stream{loop, std::move(near)}, std::move(far)};
}
/// Its request is in force from here on.
net::task<> wake(connection& which) {
    auto receiver = net::spawn(receive_once(which.served));
    co_await net::sleep_for(0ms);
    std::error_code error;
    which.peer.send("!", error);
    co_await receiver.join();
}
bool at_its_end(net::socket& peer) {
    char byte = 0;
    std::error_code error;
    return peer.recv(std::span{&byte, 1}, error) == 0 && !error;
}

}  // namespace

TEST_CASE("for a task that receives nothing for long no bytes are fetched: its peer waits, and no other peer") {
    NEEDS_IO_URING();
    net::event_loop loop{with_io_uring};
    connection lazy = connect(loop), other = connect(loop);
    const auto body = [&]() -> net::task<> {
        auto server = net::spawn(echo(other.served));
        co_await wake(lazy);
        const std::size_t sent = co_await flood(lazy.peer);
        CHECK(sent < 4 << 20);  // what the kernel holds, and some buffers of the pool
        net::async_stream client{loop, std::move(other.peer)};
        char answer[4] = {};
        for (int i = 0; i < 100; ++i) {
            co_await client.send_all("ping");
            co_await client.recv_exact(std::span{answer});
        }
        CHECK((std::string_view{answer, 4} == "ping"));
        const std::size_t right = co_await right_bytes(lazy.served, sent, 1);
        CHECK(right == sent);
        client.close();
        co_await server.join();
    };
    loop.run(body());
}

TEST_CASE("when the pool is empty, connections are waited for as with epoll, and nothing is lost") {
    NEEDS_IO_URING();
    constexpr std::size_t count = 200;  // each holds as many buffers as one may: more than there are
    net::event_loop loop{with_io_uring};
    std::vector<connection> lazy;
    for (std::size_t i = 0; i < count; ++i) lazy.push_back(connect(loop));
    connection other = connect(loop);
    const auto body = [&]() -> net::task<> {
        std::vector<std::size_t> sent;
        for (connection& each : lazy) co_await wake(each);
        for (connection& each : lazy) sent.push_back(co_await flood(each.peer));
        auto server = net::spawn(echo(other.served));
        net::async_stream client{loop, std::move(other.peer)};
        char answer[4] = {};
        for (int i = 0; i < 100; ++i) {
            co_await client.send_all("ping");
            co_await client.recv_exact(std::span{answer});
        }
        CHECK((std::string_view{answer, 4} == "ping"));
        std::size_t all_right = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t right = co_await right_bytes(lazy[i].served, sent[i], static_cast<unsigned>(i));
            all_right += right == sent[i];
        }
        CHECK(all_right == count);
        for (connection& each : lazy) each.peer.close();
        client.close();
        co_await server.join();
    };
    loop.run(body());
}

TEST_CASE("what is closed is let go at once: the peer reads the end, and the number is free") {
    NEEDS_IO_URING();
    const auto before = open_descriptors();
    {
        net::event_loop loop{with_io_uring};
        const auto body = [&]() -> net::task<> {
            for (int i = 0; i < 300; ++i) {  // more than there are requests in the ring
                connection asked = connect(loop);
                co_await wake(asked);  // and its request stays in force
                asked.served.close();
                CHECK(at_its_end(asked.peer));
                connection never_asked = connect(loop);
                never_asked.served.close();
                CHECK(at_its_end(never_asked.peer));
            }
        };
        loop.run(body());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a request that was not yet handed over is not made of the next who has the number") {
    NEEDS_IO_URING();
    net::event_loop loop{with_io_uring};
    const auto body = [&]() -> net::task<> {
        for (int i = 0; i < 20; ++i) {
            connection first = connect(loop);
            const int number = first.served.native_handle();
            auto receiver = net::spawn(receive_once(first.served));
            co_await net::yield();  // it waits; the loop has not been in the kernel since
            receiver.cancel();
            first.served.close();
            connection second = connect(loop);
            CHECK(second.served.native_handle() == number);
            std::error_code error;
            second.peer.send("for the second", error);
            co_await net::sleep_for(1ms);
            const auto bytes = co_await second.served.recv();
            CHECK(net::as_text(bytes) == "for the second");
        }
    };
    loop.run(body());
}

TEST_CASE("a rush of connections that nobody accepts yet is kept, and what is left of it is closed with the listener") {
    NEEDS_IO_URING();
    const auto before = open_descriptors();
    {
        net::event_loop loop{with_io_uring};
        net::tcp_listener made{{net::ipv4_address::loopback(), 0}};
        const net::endpoint where = made.local_endpoint();
        net::async_listener listener{loop, std::move(made).into_socket()};
        std::vector<net::tcp_stream> clients;
        const auto body = [&]() -> net::task<> {
            clients.emplace_back(where);
            auto accepted = co_await listener.accept();  // from here on the kernel accepts unasked
            CHECK(accepted.peer == net::socket_address{clients[0].local_endpoint()});
            for (int i = 0; i < 60; ++i) clients.emplace_back(where);
            for (int i = 0; i < 5; ++i) co_await net::sleep_for(0ms);
            CHECK(open_descriptors() < before + 2 * 61 + 20);
            for (int i = 1; i < 40; ++i) {
                auto next = co_await listener.accept();
                CHECK(next.peer == net::socket_address{clients[static_cast<std::size_t>(i)].local_endpoint()});
            }
            listener.close();
            std::error_code error;
            char byte = 0;
            clients[60].recv(std::span{&byte, 1}, error);  // the end, or a reset: the client does not wait for ever
        };
        loop.run(body());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("when no descriptor is free, accept() waits, and the connection can be accepted later") {
    NEEDS_IO_URING();
    net::event_loop loop{with_io_uring};
    net::tcp_listener made{{net::ipv4_address::loopback(), 0}};
    const net::endpoint where = made.local_endpoint();
    net::async_listener listener{loop, std::move(made).into_socket()};
    const auto body = [&]() -> net::task<> {
        net::tcp_stream client{where};
        client.send_all("still here");
        rlimit usual{};
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
        const rlimit none{static_cast<rlim_t>(client.native_handle()), usual.rlim_max};
        std::error_code code;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
        listener.set_timeout(std::chrono::milliseconds{250});
        try {
            co_await listener.accept();
        } catch (const std::system_error& error) {
            code = error.code();
        }
        ::setrlimit(RLIMIT_NOFILE, &usual);
        CHECK(code == std::errc::timed_out);
        listener.set_timeout(net::never);
        auto accepted = co_await listener.accept();
        const auto bytes = co_await accepted.stream.recv();
        CHECK(net::as_text(bytes) == "still here");
    };
    loop.run(body());
}

TEST_CASE("two hundred connections, each with requests in force, are served in one ring") {
    NEEDS_IO_URING();
    net::event_loop loop{with_io_uring};
    const auto body = [&]() -> net::task<> {
        std::vector<net::async_stream> clients;
        for (int i = 0; i < 200; ++i) {
            connection next = connect(loop);
            net::spawn(echo_own(std::move(next.served)));
            clients.emplace_back(std::move(next.peer));
        }
        std::size_t right = 0;
        for (std::size_t round = 0; round < 20; ++round) {
            for (auto& client : clients) co_await client.send_all("12345678");
            for (auto& client : clients) {
                char answer[8] = {};
                const std::size_t size = co_await client.recv_exact(std::span{answer});
                right += std::string_view{answer, size} == "12345678";
            }
        }
        CHECK(right == 20 * clients.size());
    };
    loop.run(body());
}

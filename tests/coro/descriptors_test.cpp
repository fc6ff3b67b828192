// What coro/descriptors.hpp promises: tasks pass descriptors as threads do, and other tasks run meanwhile.

#include <netnotes/coro/descriptors.hpp>
#include <netnotes/coro/when.hpp>

#include "streams.hpp"

#include <array>
#include <iterator>

using net::socket_type;

TEST_CASE("a task waits for descriptors and gets them in order with their bytes") {
    for (const socket_type type : {socket_type::stream, socket_type::datagram, socket_type::sequenced_packet}) {
        const auto before = open_descriptors();
        {
            test_loop loop;
            auto [one, other] = net::socket_pair(type);
            net::async_unix_socket here{loop, std::move(one)}, there{loop, std::move(other)};
            const auto body = [&]() -> net::task<> {
                auto late = net::spawn([&]() -> net::task<> {
                    const std::array<int, 3> descriptors{0, 1, 2};
                    co_await here.send_descriptors(descriptors, "three");
                    co_await here.send_descriptors({}, "none");
                });
                std::array<char, 5> room{};
                const auto got = co_await there.recv_descriptors(room);
                CHECK(net::as_text(got.bytes) == "three");
                CHECK(got.descriptors.size() == 3);
                const auto more = co_await there.recv_descriptors(room);
                CHECK(net::as_text(more.bytes) == "none");
                CHECK(more.descriptors.empty());
                co_await late.join();
                const net::credentials peer = there.peer_credentials();
                CHECK(peer.process == ::getpid());
                std::error_code code = co_await error_of([](auto& from, auto& to) -> net::task<> {
                    const std::array<int, 2> two{0, 0};
                    co_await from.send_descriptors(two, "x");
                    std::array<char, 5> small{};
                    co_await to.recv_descriptors(small, 1);
                }(here, there));
                CHECK(code == std::errc::message_size);
            };
            loop.run(body());
        }
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("descriptors travel with the first of many bytes, however full the socket is") {
    for (const socket_type type : {socket_type::stream, socket_type::datagram}) {
        test_loop loop;
        auto [one, other] = net::socket_pair(type);
        net::async_unix_socket here{loop, std::move(one)}, there{loop, std::move(other)};
        const std::string much = pattern(type == socket_type::stream ? 3'000'001 : 60'000, 9);
        const std::size_t times = type == socket_type::stream ? 1 : 50;
        const auto body = [&]() -> net::task<> {
            auto sender = net::spawn([&]() -> net::task<> {
                const std::array<int, 1> input{0};
                for (std::size_t i = 0; i < times; ++i) co_await here.send_descriptors(input, much);
                here.shutdown(net::shutdown_direction::send);
            });
            std::string arrived, room(70'000, '\0');
            std::size_t count = 0;
            while (arrived.size() < times * much.size()) {
                const auto got = co_await there.recv_descriptors(room);
                arrived += net::as_text(got.bytes);
                count += got.descriptors.size();
            }
            CHECK(count == times);
            CHECK((arrived.substr(arrived.size() - much.size()) == much));
            co_await sender.join();
            if (type == socket_type::stream) {
                const auto end = co_await there.recv_descriptors(room);
                CHECK(end.bytes.empty());
            }
        };
        loop.run(body());
    }
}

TEST_CASE("a wait for descriptors is cancelled, limited, and refused on a closed socket") {
    test_loop loop;
    auto [one, other] = net::socket_pair();
    net::async_unix_socket here{loop, std::move(one)}, none;
    const auto receive = [](net::async_unix_socket& from) -> net::task<> {
        std::array<char, 5> room{};
        co_await from.recv_descriptors(room);
    };
    const auto body = [&]() -> net::task<> {
        std::error_code code = co_await error_of(receive(none));
        CHECK(code == std::errc::bad_file_descriptor);
        auto waiting = net::spawn(error_of(receive(here)));
        co_await net::yield();
        waiting.cancel();
        code = co_await waiting.join();
        CHECK(code == std::errc::operation_canceled);
        here.set_timeout(1ms);
        code = co_await error_of(receive(here));
        CHECK(code == std::errc::timed_out);
    };
    loop.run(body());
}

namespace {
net::task<std::vector<net::owned_descriptor>> takes_descriptors(net::async_unix_socket& from) {
    std::array<char, 1> room{};
    auto got = co_await from.recv_descriptors(room);
    co_return std::move(got.descriptors);
}
/// Receives from two sockets at once, until `count` messages have come. Returns the descriptors.
net::task<std::vector<net::owned_descriptor>> takes_from_both(net::async_unix_socket& one, net::async_unix_socket& other,
                                                              std::size_t count) {
    std::vector<net::owned_descriptor> all;
    while (all.size() < count) {
        auto from_one = takes_descriptors(one), from_other = takes_descriptors(other);
        auto winner = co_await net::when_any(std::move(from_one), std::move(from_other));
        std::visit([&](auto& got) { std::move(got.begin(), got.end(), std::back_inserter(all)); }, winner);
    }
    co_return all;
}
}  // namespace

TEST_CASE("no descriptor is lost when the wait for it is cancelled as it comes") {
    constexpr std::size_t count = 50;
    const auto before = open_descriptors();
    for (const socket_type type : {socket_type::stream, socket_type::sequenced_packet}) {
        test_loop loop;
        auto [one, sends_to_one] = net::socket_pair(type);
        auto [other, sends_to_other] = net::socket_pair(type);
        net::async_unix_socket first{loop, std::move(one)}, second{loop, std::move(other)};
        net::async_unix_socket to_first{loop, std::move(sends_to_one)}, to_second{loop, std::move(sends_to_other)};
        const auto body = [&]() -> net::task<> {
            auto sender = net::spawn([&]() -> net::task<> {
                const std::array<int, 1> input{0};
                for (std::size_t i = 0; i < count; ++i) {
                    co_await to_first.send_descriptors(input, "1");
                    co_await to_second.send_descriptors(input, "2");
                    if (i % 7 == 0) co_await net::yield();
                }
            });
            first.set_timeout(1min);
            second.set_timeout(1min);
            const auto got = co_await takes_from_both(first, second, 2 * count);
            CHECK(got.size() == 2 * count);
            co_await sender.join();
        };
        loop.run(body());
    }
    CHECK(open_descriptors() == before);
}

// What coro/descriptors.hpp promises: tasks pass descriptors as threads do, and other tasks run meanwhile.

#include <netnotes/coro/descriptors.hpp>

#include "streams.hpp"

#include <array>

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

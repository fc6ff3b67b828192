// A UDP socket for tasks: the calls of udp_socket, awaited where they may wait.

#include <netnotes/coro/timeout.hpp>
#include <netnotes/coro/udp.hpp>
#include <netnotes/coro/when.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <array>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};

net::task<std::error_code> failure_of(net::task<> what) {
    try {
        co_await std::move(what);
    } catch (const std::system_error& error) {
        co_return error.code();
    }
    co_return std::error_code{};
}

}  // namespace

TEST_CASE("datagrams go to and fro, also to a connected peer, and an answer leaves from the right address") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::async_udp server{net::endpoint{net::ipv4_address::any(), 0}};
        const std::uint16_t port = server.local_endpoint().port();
        auto echo = net::spawn([&server]() -> net::task<> {
            std::array<std::byte, 100> room{};
            for (;;) {
                const auto got = co_await server.recv_from(room);
                co_await server.send_to(got.bytes, got.sender);
            }
        });
        net::async_udp client{anywhere};
        client.connect({net::ipv4_address{"127.0.0.2"}, port});
        CHECK(client.peer_endpoint() == net::endpoint{net::ipv4_address{"127.0.0.2"}, port});
        std::array<std::byte, 4> room{};
        for (const std::string text : {"one", "", "four", "longer"}) {
            co_await client.send(text);
            const auto got = co_await client.recv_from(room);  // from 127.0.0.2, or it would not be let in
            CHECK(net::as_text(got.bytes) == text.substr(0, 4));
            CHECK(got.truncated == (text.size() > 4));
        }
        echo.cancel();
    };
    loop.run(main());
}

TEST_CASE("batches and segments arrive whole and in order, however full the socket's buffer gets") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::async_udp receiver{anywhere}, sender{anywhere};
        receiver.set_option(net::option::receive_buffer{4'000'000});
        const net::endpoint to = receiver.local_endpoint();
        std::vector<std::string> texts;
        std::vector<net::udp_socket::outgoing> datagrams;
        for (int i = 0; i < 100; ++i) texts.push_back("datagram " + std::to_string(i));
        for (const std::string& text : texts) datagrams.push_back({net::const_buffer{text}, to});
        const std::size_t sent = co_await sender.send_batch(datagrams);
        CHECK(sent == 100);
        net::datagram_batch batch{16, 100};
        std::size_t at = 0;
        while (at < 100) {
            const auto got = co_await receiver.recv_batch(batch);
            CHECK(got.size() <= 16);
            for (const auto& each : got) {
                REQUIRE(at < 100);
                CHECK(net::as_text(each.bytes) == texts[at++]);
            }
        }
        const std::size_t segments = co_await sender.send_segments(std::string_view{"aaabbbc"}, 3, to);
        CHECK(segments == 3);
        std::array<std::byte, 10> room{};
        for (const char* const expected : {"aaa", "bbb", "c"}) {
            const auto got = co_await receiver.recv_from(room);
            CHECK(net::as_text(got.bytes) == expected);
        }
    };
    loop.run(main());
}

TEST_CASE("a sender to whose address nothing can be sent is an error code, and ends no server") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::async_udp server{anywhere};
        const net::datagram_peer forged{net::endpoint{net::ipv4_address::loopback(), 0}};
        const net::datagram_peer good{server.local_endpoint()};
        const std::string_view text = "an answer";
        std::error_code error;
        co_await server.send_to(text, forged, error);
        CHECK(error == std::errc::invalid_argument);
        co_await server.send_to(text, good, error);
        CHECK(!error);
        std::array<std::byte, 100> room{};
        const auto got = co_await server.recv_from(room);
        CHECK(net::as_text(got.bytes) == text);
        const auto cancelled = [&]() -> net::task<> { co_await server.send_to(text, good, error); };
        auto sends = net::spawn(cancelled());
        sends.cancel();  // before it begins
        const auto joins = [&]() -> net::task<> { co_await sends.join(); };
        const std::error_code why = co_await failure_of(joins());
        CHECK(why == std::errc::operation_canceled);
    };
    loop.run(main());
}

TEST_CASE("groups and options work as in udp_socket") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::async_udp socket{net::endpoint{net::ipv4_address::any(), 0}};
        const net::ip_address group{net::ipv4_address{"239.255.1.2"}};
        const unsigned lo = net::interface_index("lo");
        socket.join(group, lo);
        socket.set_multicast_interface(lo);
        socket.set_multicast_ttl(0);
        socket.set_multicast_loop(true);
        CHECK(socket.multicast_ttl() == 0);
        CHECK(socket.multicast_loop());
        co_await socket.send_to(std::string_view{"a question"}, {group, socket.local_endpoint().port()});
        std::array<std::byte, 100> room{};
        const auto got = co_await net::with_timeout(5s, socket.recv_from(room));
        CHECK(net::as_text(got.bytes) == "a question");
        socket.leave(group, lo);
        CHECK_THROWS_AS(socket.leave(group, lo), std::system_error);
    };
    loop.run(main());
}

TEST_CASE("a wait ends by a timeout, a cancellation, a close, and not by a move") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::async_udp socket{anywhere};
        std::array<std::byte, 10> room{};
        const auto receives = [&]() -> net::task<> {
            co_await socket.recv_from(room);
        };
        socket.set_timeout(1ms);
        const std::error_code late = co_await failure_of(receives());
        CHECK(late == std::errc::timed_out);
        socket.set_timeout(net::never);

        auto waits = net::spawn(receives());
        co_await net::yield();
        net::async_udp moved{std::move(socket)};
        const net::endpoint where = moved.local_endpoint();
        co_await moved.send_to(std::string_view{"still here"}, where);
        co_await waits.join();
        CHECK(net::as_text(room) == "still here");

        const auto moved_receives = [&]() -> net::task<> { co_await moved.recv_from(room); };
        auto closed = net::spawn(failure_of(moved_receives()));
        co_await net::yield();
        moved.close();
        const std::error_code end = co_await closed.join();
        CHECK(end == std::errc::bad_file_descriptor);
        const std::error_code after = co_await failure_of(moved_receives());
        CHECK(after == std::errc::bad_file_descriptor);
        CHECK_THROWS_AS(moved.local_endpoint(), std::system_error);
        CHECK_FALSE(moved.is_open());
        CHECK(moved.native_handle() == -1);
    };
    const auto before = support::open_descriptors();
    loop.run(main());
    CHECK(support::open_descriptors() == before);
}

TEST_CASE("a client that gets no answer in time is told and asks again") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::async_udp server{anywhere}, client{anywhere};
        client.connect(server.local_endpoint());
        client.set_timeout(1ms);
        std::array<std::byte, 8> room{};
        std::error_code error;
        auto got = co_await client.recv_from(room, error);
        CHECK(error == std::errc::timed_out);
        CHECK(got.bytes.empty());
        co_await server.send_to("late", client.local_endpoint());
        client.set_timeout(1h);
        got = co_await client.recv_from(room, error);
        CHECK_FALSE(error);
        CHECK(net::as_text(got.bytes) == "late");
        server.close();
        co_await client.send("x");  // its refusal comes with the next call
        static_cast<void>(co_await client.recv_from(room, error));
        CHECK(error == std::errc::connection_refused);
    };
    loop.run(main());
}

TEST_CASE("a task learns what the kernel knows of a datagram") {
    if (!support::tells_arrival()) NETNOTES_SKIP("no time of arrival on this machine");
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::async_udp receiver{anywhere}, sender{anywhere};
        receiver.tell_details();
        auto late = net::spawn([&]() -> net::task<> { co_await sender.send_to("late", receiver.local_endpoint()); });
        std::array<std::byte, 8> room{};
        net::datagram_details details;
        const auto got = co_await receiver.recv_from(room, details);
        CHECK(net::as_text(got.bytes) == "late");
        CHECK(details.destination == net::ip_address{net::ipv4_address::loopback()});
        CHECK(details.hop_limit);
        co_await late.join();
    };
    loop.run(main());
}

namespace {

/// Receives one datagram, or as many as there are, and returns their number.
net::task<std::size_t> takes_one(net::async_udp& from) {
    std::array<std::byte, 8> room{};
    co_await from.recv_from(room);
    co_return std::size_t{1};
}
net::task<std::size_t> takes_batch(net::async_udp& from) {
    net::datagram_batch room{4, 8};
    const auto got = co_await from.recv_batch(room);
    co_return got.size();
}
/// Receives until `count` datagrams have come, from two sockets at once: the wait for the other socket is cancelled
/// each time. Every third wait ends in a timeout that is due when the datagrams come.
net::task<std::size_t> takes_from_both(net::async_udp& one, net::async_udp& other, std::size_t count) {
    std::size_t taken = 0, losers = 0;
    for (std::size_t round = 0; taken < count && losers < 10 * count; ++round) {
        auto from_one = round % 2 == 0 ? takes_one(one) : takes_batch(one);
        auto from_other = round % 2 == 0 ? takes_batch(other) : takes_one(other);
        auto first = net::when_any(std::move(from_one), std::move(from_other));
        if (round % 3 > 0) {
            const auto winner = co_await std::move(first);
            taken += std::visit([](std::size_t size) { return size; }, winner);
            continue;
        }
        try {
            const auto winner = co_await net::with_timeout(1us, std::move(first));
            taken += std::visit([](std::size_t size) { return size; }, winner);
        } catch (const std::system_error& late) {
            CHECK(late.code() == std::errc::timed_out);
            ++losers;
        }
    }
    co_return taken;
}

}  // namespace

TEST_CASE("no datagram is lost when the wait for it is cancelled or ends in a timeout as it comes") {
    constexpr std::size_t count = 300;
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::async_udp one{anywhere}, other{anywhere}, sender{anywhere};
        one.set_timeout(1min);  // a lost datagram ends the test, and it does not hang
        other.set_timeout(1min);
        auto sends = net::spawn([&]() -> net::task<> {
            for (std::size_t i = 0; i < count; ++i) {
                co_await sender.send_to("to one", one.local_endpoint());
                co_await sender.send_to("to other", other.local_endpoint());
                if (i % 5 == 0) co_await net::yield();
                if (i % 50 == 0) co_await net::sleep_for(1ms);
            }
        });
        const std::size_t taken = co_await takes_from_both(one, other, 2 * count);
        CHECK(taken == 2 * count);
        co_await sends.join();
    };
    loop.run(main());
}

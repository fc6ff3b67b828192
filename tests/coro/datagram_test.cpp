// What coro/datagram.hpp promises: datagrams whole, with their sender and the address to which they came.

#include <netnotes/coro/datagram.hpp>

#include "../catch.hpp"
#include "streams.hpp"

TEST_CASE("a datagram that has left wakes no loop in which nobody waits to send") {
    test_loop loop;
    net::udp_socket there{net::endpoint{net::ipv4_address::loopback(), 0}};
    net::async_datagram here{loop, net::socket{net::address_family::inet, net::socket_type::datagram}};
    const net::socket_address where{there.local_endpoint()};
    REQUIRE(::sendto(here.native_handle(), "x", 1, 0, where.data(), where.size()) == 1);
    char room[8];
    REQUIRE(there.recv_from(room).bytes.size() == 1);
    CHECK_FALSE(loop.back_end().wait(net::duration::zero()));
}

TEST_CASE("datagrams come whole, with their sender, also empty datagrams, and a truncated datagram is marked") {
    test_loop loop;
    const net::endpoint anywhere{net::ipv4_address::loopback(), 0};
    net::async_datagram receiver{loop, net::udp_socket{anywhere}.into_socket()};
    net::async_datagram sender{loop, net::udp_socket{anywhere}.into_socket()};
    const auto body = [&]() -> net::task<> {
        char buffer[8];
        const net::socket_address where = receiver.local_endpoint();
        const auto first = [&]() -> net::task<std::string> {
            const auto got = co_await receiver.recv_from(buffer);
            co_return std::string{net::as_text(got.bytes)};
        };
        auto waits = net::spawn(first());
        co_await net::yield();
        co_await net::yield();
        co_await sender.send_to("hello", where);
        const std::string text = co_await waits.join();
        CHECK(text == "hello");
        co_await sender.send_to("", where);
        const auto empty = co_await receiver.recv_from(buffer);
        CHECK(empty.bytes.empty());
        CHECK(empty.sender.ip() == sender.local_endpoint().ip());
        CHECK_FALSE(empty.truncated);
        co_await sender.send_to("too long for it", where);
        const auto cut = co_await receiver.recv_from(buffer);
        CHECK(cut.truncated);
        CHECK(net::as_text(cut.bytes) == "too long");
    };
    loop.run(body());
}

TEST_CASE("a sender to whose address no datagram can be sent is an error code, and ends no server") {
    test_loop loop;
    net::async_datagram server{loop, net::udp_socket{net::endpoint{net::ipv4_address::loopback(), 0}}.into_socket()};
    const auto body = [&]() -> net::task<> {
        const net::socket_address forged = net::endpoint{net::ipv4_address::loopback(), 0};
        const net::socket_address good = server.local_endpoint();
        std::error_code error;
        co_await server.send_to("an answer", forged, {}, error);
        CHECK(error == std::errc::invalid_argument);
        co_await server.send_to("an answer", good, {}, error);
        CHECK(!error);
        char buffer[100];
        const auto got = co_await server.recv_from(buffer);
        CHECK(net::as_text(got.bytes) == "an answer");
    };
    loop.run(body());
}

TEST_CASE("a datagram tells to which address it came and the answer leaves from there") {
    for (const net::ip_address& wildcard : {net::ip_address{net::ipv4_address::any()}, net::ip_address{net::ipv6_address::any()}}) {
        if (wildcard.is_v6() && support::loopbacks().size() < 2) continue;
        test_loop loop;
        net::socket plain{support::family_of(wildcard), net::socket_type::datagram};  // a udp_socket would know it already
        if (wildcard.is_v6()) plain.set_option(net::option::ipv6_only{false});
        plain.bind(net::endpoint{wildcard, 0});
        net::async_datagram server{loop, std::move(plain)};
        const std::uint16_t port = server.local_endpoint().ip().port();
        const auto answers = [&]() -> net::task<> {
            for (const std::string_view text : {"127.0.0.1", "127.0.0.2", "127.77.0.9"}) {
                INFO(wildcard << " asked at " << text);
                net::udp_socket asks{net::address_family::inet};
                asks.connect({net::ip_address{text}, port});  // so that it hears this address only
                net::async_datagram client{std::move(asks).into_socket()};
                co_await client.send_to("?", net::endpoint{net::ip_address{text}, port});
                char room[8];
                const auto question = co_await server.recv_from(room);
                CHECK(question.local.unmapped() == net::ip_address{text});
                co_await server.send_to("!", question.sender, question.local);
                const auto answer = co_await client.recv_from(room);
                CHECK(net::as_text(answer.bytes) == "!");
                std::error_code refused;
                try {
                    co_await server.send_to("!", question.sender, net::ip_address{"192.0.2.77"});
                } catch (const std::system_error& failure) {
                    refused = failure.code();
                }
                CHECK(refused);
            }
        };
        loop.run(answers());
    }
    // A socket on one address answers from there in any case, and is told nothing.
    test_loop loop;
    net::async_datagram one{loop, net::udp_socket{net::endpoint{net::ipv4_address::loopback(), 0}}.into_socket()};
    const auto is_told_nothing = [&]() -> net::task<> {
        co_await one.send_to("x", one.local_endpoint());
        char room[8];
        const auto got = co_await one.recv_from(room);
        CHECK(got.local.is_unspecified());
    };
    loop.run(is_told_nothing());
}

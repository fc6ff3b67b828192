// What udp/connect.hpp promises: a socket for the first address of a host that can be reached.
// SPDX-License-Identifier: MIT

#include <netnotes/udp/connect.hpp>

#include "datagrams.hpp"

TEST_CASE("a socket is connected to a host, in the family of its address") {
    for (const net::ip_address& host : loopbacks()) {
        net::udp_socket server{net::endpoint{host, 0}};
        net::udp_socket client = net::udp_connect(host.to_string(), server.local_endpoint().port());
        CHECK(client.peer_endpoint() == server.local_endpoint());
        client.send("hello");
        std::array<char, 10> room{};
        const auto question = server.recv_from(room);
        CHECK(net::as_text(question.bytes) == "hello");
        server.send_to("world", question.sender);
        CHECK(net::as_text(client.recv_from(room).bytes) == "world");
    }
}

TEST_CASE("an address that cannot be reached is passed over") {
    const net::endpoint refused{"255.255.255.255", 9};  // a broadcast, which connect(2) refuses
    const net::udp_socket server{net::endpoint{"127.0.0.1", 0}};
    const net::endpoint there = server.local_endpoint();
    const std::array<net::endpoint, 3> some{refused, there, net::endpoint{"127.0.0.2", 9}};
    CHECK(net::detail::connect_to_first_route(some, "a.test", 9, {}).peer_endpoint() == there);
    const std::array<net::endpoint, 2> none{refused, net::endpoint{net::ip_address{"255.255.255.255"}, 0}};
    const auto before = open_descriptors();
    const auto failure = failure_of([&] { (void)net::detail::connect_to_first_route(none, "a.test", 9, {}); });
    CHECK(failure.code == std::errc::permission_denied);
    CHECK_THAT(failure.what, StartsWith("connect a UDP socket to a.test port 9: "));
    CHECK(open_descriptors() == before);
}

TEST_CASE("the time limit is for the name, and the options are the socket's") {
    CHECK(failure_of([] { (void)net::udp_connect("a.test", 9, 0s); }).code == std::errc::timed_out);
    const auto first = net::udp_connect("127.0.0.1", 9, 0s, {.reuse_port = true});
    CHECK(first.get_option<net::option::reuse_port>());
}

// The TCP of simulated hosts: connections, listeners, and what a SYN flood does to them.
// SPDX-License-Identifier: MIT

#include <netnotes/lan/host.hpp>
#include <netnotes/lan/network.hpp>
#include <netnotes/lan/tcp_stack.hpp>
#include <netnotes/packet/frame.hpp>

#include "tcp.hpp"

#include <algorithm>
#include <set>

namespace {

struct pair_of_hosts {
    lan::network net{5};
    lan::host& a = net.host("A", "10.0.0.1/24");
    lan::host& b = net.host("B", "10.0.0.2/24");
    lan::cable& wire = net.connect(a, b, {.delay = 1ms});
    lan::tcp_stack client{a}, server{b};
    const net::endpoint to_server{"10.0.0.2", 80};
};

/// What the two hosts have said in TCP, a line for each segment.
std::string talk(const lan::network& net) {
    std::string text;
    for (const auto& each : net.passages()) {
        const auto frame = packet::dissect(each.frame.bytes());
        const auto tcp = frame.tcp();
        if (!tcp) continue;
        text += each.sender().name();
        for (const auto& [flag, letter] :
             {std::pair{tcp_flag::syn, 'S'}, std::pair{tcp_flag::fin, 'F'}, std::pair{tcp_flag::rst, 'R'}})
            if (tcp->flags().has(flag)) text += letter;
        if (tcp->flags().ack()) text += '.';
        if (!tcp->payload().empty()) text += std::to_string(tcp->payload().size());
        text += ' ';
    }
    return text;
}

/// A SYN or an ACK of a client that exists on paper only.
std::vector<std::byte> segment(std::uint16_t port, std::uint32_t number, tcp_flags flags, std::uint32_t ack = 0) {
    packet::tcp header{.source_port = port,
                       .destination_port = 80,
                       .sequence_number = sequence{number},
                       .acknowledgment_number = sequence{ack},
                       .flags = flags};
    if (flags.syn()) header.options.maximum_segment_size(1400);
    return bytes_of(header);
}

}  // namespace

TEST_CASE("hosts open, talk and close over a cable") {
    pair_of_hosts both;
    std::string heard;
    both.server.listen(80, [&](lan::tcp_connection& peer) {
        peer.on_change = [&](lan::tcp_connection& it) {
            heard += it.read();
            if (it.has_ended() && it.state() == tcp_state::close_wait) {
                it.send("bye");
                it.close();
            }
        };
    });
    auto& connection = both.client.connect(both.to_server, 4000);
    connection.send("hello");
    connection.shutdown();
    CHECK(connection.state() == tcp_state::closed);  // shutdown() in SYN-SENT ends the attempt (RFC 9293 §3.10.4)
    CHECK(both.client.release(connection));
    auto& next = both.client.connect(both.to_server, 4001);
    next.send("hello");
    both.net.run_for(10ms);
    next.shutdown();
    both.net.run_for(10ms);
    CHECK(heard == "hello");
    CHECK(next.read() == "bye");
    CHECK(next.has_ended());
    CHECK(next.state() == tcp_state::time_wait);
    CHECK(both.server.connections().empty());
    CHECK(talk(both.net) == "AS BS. A.5 AF. BF.3 A. ");
    both.net.run();
    CHECK(next.state() == tcp_state::closed);
    CHECK(both.net.now() > 4min);
    CHECK(both.client.release(next));
    CHECK(both.client.connections().empty());
}

TEST_CASE("a port without a listener refuses") {
    pair_of_hosts both;
    auto& connection = both.client.connect({"10.0.0.2", 81});
    both.net.run();
    CHECK(connection.machine().failure() == std::errc::connection_refused);
    CHECK(talk(both.net) == "AS BR. ");
}

TEST_CASE("a megabyte each way over a cable that loses, doubles and delays") {
    pair_of_hosts both;
    both.wire.settings.loss = lan::per_cent(2);
    both.wire.settings.duplication = lan::per_cent(1);
    both.wire.settings.reordering = lan::per_cent(2);
    constexpr std::size_t size = 200'000;
    struct end {
        std::size_t sent = 0, received = 0;
        bool is_whole = true;
        void act(lan::tcp_connection& it) {
            const std::string text = it.read();
            for (const char each : text) is_whole = is_whole && static_cast<std::byte>(each) == stream_byte(received++);
            if (sent < size) {
                sent += it.send(stream_bytes(sent, std::min<std::size_t>(size - sent, 30'000)));
                if (sent == size) it.shutdown();
            }
        }
    } here, there;
    both.server.listen(
        80, [&](lan::tcp_connection& peer) { peer.on_change = [&](lan::tcp_connection& it) { there.act(it); }; });
    auto& connection = both.client.connect(both.to_server);
    connection.on_change = [&](lan::tcp_connection& it) { here.act(it); };
    both.net.run();
    CHECK(here.received == size);
    CHECK(there.received == size);
    CHECK((here.is_whole && there.is_whole));
    CHECK(connection.machine().retransmissions() > 0);
    CHECK(connection.state() == tcp_state::closed);
    CHECK(!connection.machine().failure());
    CHECK(both.client.malformed() == 0);
}

TEST_CASE("connections wait for accept(), and no more than the backlog") {
    pair_of_hosts both;
    both.server.listen(80, {}, {.backlog = 2, .cookies = lan::syn_cookie_use::never});
    for (unsigned i = 0; i < 4; ++i) both.client.connect(both.to_server);
    both.net.run_for(100ms);
    CHECK(both.server.connections().size() == 2);
    CHECK(both.server.listener(80).count().dropped_syns + both.server.listener(80).count().waits_dropped > 0);
    CHECK(both.server.accept(80) != nullptr);
    CHECK(both.server.accept(80) != nullptr);
    CHECK(both.server.accept(80) == nullptr);
    both.net.run_for(10s);  // the clients try again
    CHECK(both.server.connections().size() == 4);
    CHECK(both.server.accept(80) != nullptr);
    CHECK(both.server.accept(80) != nullptr);
}

TEST_CASE("TIME-WAIT gives way to a new connection of the same ports") {
    pair_of_hosts both;
    both.server.listen(80, [](lan::tcp_connection& peer) {
        peer.on_change = [](lan::tcp_connection& it) {
            if (it.state() == tcp_state::established) it.close();
        };
    });
    auto& first = both.client.connect(both.to_server, 4000);
    first.on_change = [](lan::tcp_connection& it) {
        if (it.has_ended()) it.close();
    };
    both.net.run_for(100ms);
    CHECK(both.client.connections().empty());
    REQUIRE(both.server.connections().size() == 1);
    CHECK(both.server.connections()[0]->state() == tcp_state::time_wait);
    both.net.run_for(1s);
    auto& second = both.client.connect(both.to_server, 4000);
    both.net.run_for(1500us);  // SYN and SYN+ACK
    both.net.run_for(1ms);
    CHECK(second.state() == tcp_state::established);
}

TEST_CASE("a smaller MTU on the way is learned from ICMP") {
    pair_of_hosts both;
    auto& connection = both.client.connect(both.to_server);
    both.server.listen(80);
    both.net.run_for(10ms);
    connection.send(std::string(1460, 'x'));
    both.wire.settings.mtu = 1000;
    both.net.run_for(10s);
    CHECK(both.server.accept(80)->read() == std::string(1460, 'x'));
    CHECK(connection.machine().segment_size() == 960);
}

TEST_CASE("a backlog of half-open connections shuts clients out, and cookies let them in") {
    for (const auto use : {lan::syn_cookie_use::never, lan::syn_cookie_use::when_full, lan::syn_cookie_use::always}) {
        lan::tcp_listener listener{80, {}, {.backlog = 5, .cookies = use}, {1, 2}};
        const net::endpoint server{"10.0.0.2", 80}, client{"10.0.0.1", 4000};
        nanoseconds now = 1000s;
        for (std::uint16_t i = 0; i < 100; ++i) {
            const net::endpoint forged{net::ipv4_address{static_cast<std::uint32_t>(0xcb00'7100 + i)}, 1000};
            CHECK(!listener.receive(server, forged, view_of(segment(1000, i, tcp_flag::syn)), 0, now));
            while (listener.next(now)) {
            }
        }
        CHECK(listener.half_open() == (use == lan::syn_cookie_use::always ? 0 : 5));
        listener.receive(server, client, view_of(segment(4000, 7000, tcp_flag::syn)), 0, now);
        const auto answer = listener.next(now);
        CHECK(answer.has_value() == (use != lan::syn_cookie_use::never));
        if (!answer) continue;
        CHECK(answer->remote == client);
        CHECK(answer->segment.header.flags == (tcp_flag::syn | tcp_flag::ack));
        const sequence number = answer->segment.header.sequence_number;
        now += 60s;
        auto done = listener.receive(server, client,
                                     view_of(segment(4000, 7001, tcp_flag::ack, (number + 1).to_uint())), 0, now);
        REQUIRE(done);
        CHECK(done->machine.state() == tcp_state::established);
        CHECK(done->machine.segment_size() == 1360);  // 1400, as far as a cookie can tell
        CHECK(done->machine.send_window() == 65'535);
        CHECK(listener.count().cookies_passed == 1);
    }
}

TEST_CASE("a cookie that is forged, old, or made for another client opens nothing") {
    const lan::syn_cookies cookies{{3, 4}};
    const net::endpoint server{"10.0.0.2", 80}, client{"10.0.0.1", 4000}, other{"10.0.0.1", 4001};
    const sequence initial{77};
    const nanoseconds now = 10'000s;
    const sequence good = cookies.make(server, client, initial, 1460, now);
    CHECK(cookies.check(good, server, client, initial, now) == 1460);
    CHECK(cookies.check(good, server, client, initial, now + 64s) == 1460);
    CHECK(!cookies.check(good, server, client, initial, now + 128s));
    CHECK(!cookies.check(good, server, other, initial, now));
    CHECK(!cookies.check(good, server, client, initial + 1, now));
    CHECK(!lan::syn_cookies{{3, 5}}.check(good, server, client, initial, now));
    unsigned passed = 0;
    for (std::uint32_t guess = 0; guess < 100'000; ++guess)
        passed += cookies.check(sequence{guess * 42'949}, server, client, initial, now).has_value();
    CHECK(passed == 0);
    for (const std::uint16_t size : std::initializer_list<std::uint16_t>{0, 1, 215, 216, 535, 536, 1459, 1460, 9000})
        CHECK(cookies.check(cookies.make(server, client, initial, size, now), server, client, initial, now) <=
              std::max<std::uint16_t>(size, 216));
    lan::tcp_listener listener{80, {}, {.backlog = 0, .cookies = lan::syn_cookie_use::when_full}, {3, 4}};
    listener.receive(server, other, view_of(segment(4001, 1, tcp_flag::syn)), 0, now);
    while (listener.next(now)) {
    }
    CHECK(!listener.receive(server, client, view_of(segment(4000, 78, tcp_flag::ack, 12345)), 0, now));
    CHECK(listener.next(now)->segment.header.flags == tcp_flag::rst);
    CHECK(listener.count().cookies_failed == 1);
}

TEST_CASE("the keyed hash is SipHash-2-4") {
    // The key 00 01 .. 0f and the eight bytes 00 .. 07: Aumasson and Bernstein's list of test vectors, entry 8.
    const lan::keyed_hash hash{{0x0706'0504'0302'0100, 0x0f0e'0d0c'0b0a'0908}};
    CHECK(hash.value() == 0x726f'db47'dd0e'0e31);
    CHECK(lan::keyed_hash{hash}.add(0x0706'0504'0302'0100).value() == 0x93f5'f579'9a93'2462);
}

TEST_CASE("initial numbers differ between endpoints, and grow with time (RFC 6528)") {
    const net::endpoint local{"10.0.0.1", 1}, remote{"10.0.0.2", 80};
    std::set<std::uint32_t> seen;
    for (std::uint16_t port = 1; port < 1000; ++port)
        seen.insert(lan::initial_sequence({1, 2}, {"10.0.0.1", port}, remote, 1s).to_uint());
    CHECK(seen.size() == 999);
    const auto now = lan::initial_sequence({1, 2}, local, remote, 1s);
    CHECK(lan::initial_sequence({1, 2}, local, remote, 2s) - now == 250'000);
    CHECK(lan::initial_sequence({1, 3}, local, remote, 1s) != now);
}

TEST_CASE("a SYN to all hosts opens nothing (RFC 9293 §3.9.2.3)") {
    pair_of_hosts both;
    both.server.listen(80);
    for (const char* const to : {"10.0.0.255", "255.255.255.255", "224.0.0.1", "10.0.0.2"}) {
        const net::ipv4_address destination{to};
        std::vector<std::byte> bytes;
        packet::write(bytes, packet::ipv4{.source = both.a.address(), .destination = destination},
                      packet::tcp{.source_port = 4000, .destination_port = 80, .flags = tcp_flag::syn});
        both.a.send_packet(destination, packet::ip_protocol::tcp, std::span{bytes}.subspan(20));
        both.net.run_for(10ms);
        CHECK(both.server.listener(80).count().syns == (to == std::string_view{"10.0.0.2"} ? 1 : 0));
    }
}

TEST_CASE("a program may release a connection while it hears of another") {
    pair_of_hosts both;
    auto& refused = both.client.connect({"10.0.0.2", 81}, 60'000);
    both.net.run_for(10ms);
    REQUIRE(refused.state() == tcp_state::closed);
    bool is_released = false;
    auto& lost = both.client.connect({"10.0.0.9", 80}, 50'000);  // before the other in the order of connections
    lost.on_change = [&](lan::tcp_connection& it) {
        if (it.state() == tcp_state::closed && !is_released) is_released = both.client.release(refused);
    };
    both.net.run();
    CHECK(is_released);
    CHECK(both.client.connections() == std::vector{&lost});
    // The same from the function that takes connections.
    both.server.listen(80, [&](lan::tcp_connection& peer) {
        peer.abort();
        CHECK(both.server.release(peer));
    });
    both.client.connect(both.to_server);
    both.net.run();
    CHECK(both.server.connections().empty());
}

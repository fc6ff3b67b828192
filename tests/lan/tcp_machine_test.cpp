// The TCP machine, where a script of segments does not reach: two machines together, floods, and the numbers of its timer.
// SPDX-License-Identifier: MIT

#include "tcp.hpp"

#include <algorithm>
#include <limits>
#include <random>

namespace {

/// Two machines. Each segment arrives at once, unless the test holds it back.
struct pair_of_machines {
    lan::tcp_machine client, server;
    nanoseconds now = 1s;
    unsigned segments = 0;

    explicit pair_of_machines(const lan::tcp_settings& a = {}, const lan::tcp_settings& b = {})
        : client{a, 40000, 80}, server{b, 80, 40000} {
        server.listen(sequence{77});
        client.connect(sequence{0xffff'fff0}, now);
    }
    /// Carries segments until both are silent. Returns false if that takes more than `most` segments.
    bool settle(unsigned most = 1000) {
        for (unsigned before = segments; segments - before < most;) {
            bool is_silent = true;
            while (const auto segment = client.next(now)) is_silent = !carry(server, *segment);
            while (const auto segment = server.next(now)) is_silent = !carry(client, *segment);
            if (is_silent) return true;
        }
        return false;
    }
    bool carry(lan::tcp_machine& to, const lan::tcp_segment& segment) {
        ++segments;
        to.receive(view_of(bytes_of(segment.header, segment.payload)), now);
        return true;
    }
    void pass(nanoseconds time) {
        const auto until = now + time;
        while (std::min(client.deadline(), server.deadline()) <= until) {
            now = std::min(client.deadline(), server.deadline());
            client.expired(now);
            server.expired(now);
            settle();
        }
        now = until;
    }
};

std::string text_of(std::span<const std::byte> bytes) {
    std::string text;
    for (const std::byte each : bytes) text += static_cast<char>(each);
    return text;
}

void establish(lan::tcp_machine& tcp, nanoseconds now = 1s) {
    tcp.establish(sequence{0}, sequence{0}, 1460, now);
    tcp.receive(view_of(bytes_of({.sequence_number = sequence{1},
                                  .acknowledgment_number = sequence{1},
                                  .flags = tcp_flag::ack,
                                  .window = 65535})),
                now);
}

}  // namespace

TEST_CASE("two machines talk and close") {
    pair_of_machines both;
    REQUIRE(both.settle());
    CHECK(both.segments == 3);
    CHECK(both.client.send("hello") == 5);
    both.settle();
    CHECK(text_of(both.server.readable()) == "hello");
    both.server.consume(5);
    CHECK(both.server.send("world") == 5);
    both.server.shutdown();
    both.settle();
    CHECK(text_of(both.client.readable()) == "world");
    CHECK(both.client.has_peer_finished());
    both.client.consume(5);
    both.client.shutdown();
    both.settle();
    CHECK(both.client.state() == tcp_state::closed);
    CHECK(both.server.state() == tcp_state::time_wait);
    CHECK(both.server.time_wait_left(both.now) == 4min);
    both.pass(4min);
    CHECK(both.server.state() == tcp_state::closed);
    CHECK(!both.server.failure());
    CHECK(both.server.deadline() == lan::tcp_machine::never);
}

TEST_CASE("a copy of a machine is the same connection at that moment") {
    pair_of_machines both;
    both.settle();
    both.client.send("x");
    lan::tcp_machine twin = both.client;
    const auto a = both.client.next(both.now), b = twin.next(both.now);
    REQUIRE((a && b));
    CHECK(bytes_of(a->header, a->payload) == bytes_of(b->header, b->payload));
}

TEST_CASE("a megabyte goes through a small buffer, a slow reader and a lossy way") {
    const lan::tcp_settings small{.send_buffer = 20'000, .receive_buffer = 10'000};
    pair_of_machines both{small, small};
    both.settle();
    std::minstd_rand random{3};
    std::size_t sent = 0, read = 0;
    constexpr std::size_t size = 1'000'000;
    for (unsigned rounds = 0; read < size && rounds < 1'000'000; ++rounds) {
        if (sent < size) sent += both.client.send(stream_bytes(sent, std::min<std::size_t>(5000, size - sent)));
        bool is_silent = true;
        while (const auto segment = both.client.next(both.now)) {
            is_silent = false;
            CHECK(segment->payload.size() <= 1460);
            if (random() % 20 != 0) both.carry(both.server, *segment);
        }
        const std::size_t step = std::min<std::size_t>(both.server.readable().size(), random() % 4000);
        const auto bytes = both.server.readable().first(step);
        REQUIRE(std::vector<std::byte>(bytes.begin(), bytes.end()) == stream_bytes(read, step));
        both.server.consume(step);
        read += step;
        while (const auto segment = both.server.next(both.now)) {
            is_silent = false;
            if (random() % 20 != 0) both.carry(both.client, *segment);
        }
        if (!is_silent) continue;
        both.now = std::max(both.now, std::min(both.client.deadline(), both.server.deadline()));
        if (both.now == lan::tcp_machine::never) FAIL("both wait for ever");
        both.client.expired(both.now);
        both.server.expired(both.now);
    }
    CHECK(read == size);
    CHECK(both.client.retransmissions() > 10);
}

TEST_CASE("two ends that disagree about their numbers do not answer each other for ever (smoltcp #29)") {
    lan::tcp_machine a{{}, 1, 2}, b{{}, 2, 1};
    a.establish(sequence{1'000'000}, sequence{9'000'000}, 1460, 1s);
    b.establish(sequence{50'000'000}, sequence{70'000'000}, 1460, 1s);
    a.receive(view_of(bytes_of(
                  {.sequence_number = sequence{5}, .acknowledgment_number = sequence{6}, .flags = tcp_flag::ack})),
              1s);
    unsigned segments = 0;
    for (bool is_silent = false; !is_silent && segments < 1000;) {
        is_silent = true;
        for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}})
            while (const auto segment = from->next(1s)) {
                to->receive(view_of(bytes_of(segment->header)), 1s);
                ++segments;
                is_silent = false;
            }
    }
    CHECK(segments <= 21);
}

TEST_CASE("repetitions with bytes are all acknowledged (smoltcp #1162)") {
    lan::tcp_machine tcp{{}, 80, 40000};
    establish(tcp);
    const auto bytes =
        bytes_of({.sequence_number = sequence{1}, .acknowledgment_number = sequence{1}, .flags = tcp_flag::ack},
                 stream_bytes(0, 10));
    tcp.receive(view_of(bytes), 1s);
    (void)tcp.next(1s);
    for (unsigned i = 0; i < 100; ++i) {
        tcp.receive(view_of(bytes), 1s);
        CHECK(tcp.next(1s));
    }
}

TEST_CASE("hundreds of repeated acknowledgments resend once (smoltcp #224)") {
    lan::tcp_machine tcp{{.initial_window = 4}, 80, 40000};
    establish(tcp);
    tcp.send(stream_bytes(0, 4 * 1460));
    while (tcp.next(1s)) {
    }
    const auto again = bytes_of({.sequence_number = sequence{1},
                                 .acknowledgment_number = sequence{1},
                                 .flags = tcp_flag::ack,
                                 .window = 65535});
    unsigned left = 0;
    for (unsigned i = 0; i < 1000; ++i) {
        tcp.receive(view_of(again), 1s);
        while (tcp.next(1s)) ++left;
    }
    CHECK(left == 1);
    CHECK(tcp.congestion().is_recovering());
}

TEST_CASE("TIME-WAIT gives way to a SYN with a later number only (nanovms/lwip #10)") {
    pair_of_machines both;
    both.settle();
    both.server.shutdown();
    both.settle();
    both.client.shutdown();
    both.settle();
    REQUIRE(both.server.state() == tcp_state::time_wait);
    const auto syn = [&](std::uint32_t ahead, tcp_flags flags = tcp_flag::syn) {
        return bytes_of({.source_port = 40000,
                         .destination_port = 80,
                         .sequence_number = both.server.receive_next() + ahead,
                         .flags = flags});
    };
    CHECK(both.server.gives_way_to(view_of(syn(1))));
    CHECK(both.server.gives_way_to(view_of(syn(1'000'000))));
    CHECK(!both.server.gives_way_to(view_of(syn(0))));
    CHECK(!both.server.gives_way_to(view_of(syn(0x8000'0001))));
    CHECK(!both.server.gives_way_to(view_of(syn(1, tcp_flag::syn | tcp_flag::ack))));
    CHECK(!both.client.gives_way_to(view_of(syn(1))));
}

TEST_CASE("challenges are limited (RFC 5961 §7)") {
    lan::tcp_machine tcp{{}, 80, 40000};
    establish(tcp);
    const auto forged = bytes_of({.sequence_number = sequence{100}, .flags = tcp_flag::rst});
    unsigned answers = 0;
    for (unsigned i = 0; i < 1000; ++i) {
        tcp.receive(view_of(forged), 10s);
        while (tcp.next(10s)) ++answers;
    }
    CHECK(answers == 10);
    tcp.receive(view_of(forged), 15s);
    CHECK(tcp.next(15s));
    CHECK(tcp.state() == tcp_state::established);
}

TEST_CASE("a flood of one-byte pieces behind a gap takes bounded memory") {
    lan::receive_queue queue{65'535, 1460};
    queue.begin(sequence{0});
    for (std::uint32_t i = 1; i < 65'000; i += 2)
        CHECK(queue.arrived(sequence{i}, stream_bytes(i, 1), false).in_order == 0);
    CHECK(queue.early() < 4000);
    queue.arrived(sequence{0}, stream_bytes(0, 65'535), false);
    CHECK(queue.readable().size() == 65'535);
    CHECK(queue.early() == 0);
}

TEST_CASE("a path with a smaller MTU gets smaller segments, and a claim of 0 bytes does no harm") {
    lan::tcp_machine tcp{{}, 80, 40000};
    establish(tcp);
    tcp.send(stream_bytes(0, 1460));
    CHECK(tcp.next(1s)->payload.size() == 1460);
    tcp.path_mtu(1000);
    CHECK(tcp.next(1s)->payload.size() == 960);
    CHECK(tcp.next(1s)->payload.size() == 500);
    tcp.path_mtu(0);
    CHECK(tcp.segment_size() == 28);
    tcp.path_mtu(1500);
    CHECK(tcp.segment_size() == 28);
}

TEST_CASE("an ICMP error ends an attempt to connect, and no connection (RFC 5927)") {
    lan::tcp_machine tcp{{}, 80, 40000};
    tcp.connect(sequence{0}, 1s);
    tcp.unreachable(false);
    CHECK(tcp.state() == tcp_state::syn_sent);
    tcp.unreachable(true);
    CHECK(tcp.failure() == std::errc::host_unreachable);
    lan::tcp_machine other{{}, 80, 40000};
    establish(other);
    other.unreachable(true);
    CHECK(other.state() == tcp_state::established);
}

TEST_CASE("the retransmission timeout is computed as RFC 6298 says") {
    lan::retransmission_timeout timeout{lan::tcp_settings{.min_timeout = 1ms}};
    CHECK(timeout.value() == 1s);
    timeout.measure(100ms);
    CHECK(timeout.round_trip() == 100ms);
    CHECK(timeout.variation() == 50ms);
    CHECK(timeout.value() == 300ms);
    timeout.measure(180ms);
    CHECK(timeout.variation() == 57'500us);
    CHECK(timeout.round_trip() == 110ms);
    CHECK(timeout.value() == 340ms);
    timeout.back_off();
    CHECK(timeout.value() == 680ms);
    for (unsigned i = 0; i < 100; ++i) timeout.back_off();
    CHECK(timeout.value() == 60s);
    timeout.measure(110ms);
    CHECK(timeout.value() < 1s);
    lan::retransmission_timeout defaults{lan::tcp_settings{}};
    defaults.measure(1ms);
    CHECK(defaults.value() == 1s);
    defaults.syn_was_repeated();
    CHECK(defaults.value() == 3s);
}

TEST_CASE("a machine can be used again") {
    pair_of_machines both;
    both.settle();
    both.client.abort();
    both.settle();
    CHECK(both.client.failure() == std::errc::connection_aborted);
    CHECK(both.server.failure() == std::errc::connection_reset);
    both.server.listen(sequence{5});
    both.client.connect(sequence{6}, both.now);
    both.settle();
    CHECK(both.client.state() == tcp_state::established);
    CHECK(both.server.state() == tcp_state::established);
    CHECK(!both.client.failure());
}

TEST_CASE("arbitrary segments break nothing") {
    std::minstd_rand random{9};
    for (unsigned run = 0; run < 200; ++run) {
        lan::tcp_machine tcp{{.receive_buffer = 3000, .keep_alive_idle = 1s}, 80, 40000};
        nanoseconds now = 1s;
        if (run % 3 == 0)
            tcp.listen(sequence{1000});
        else if (run % 3 == 1)
            tcp.connect(sequence{1000}, now);
        else
            establish(tcp);
        for (unsigned i = 0; i < 300; ++i) {
            packet::tcp header{.source_port = 40000, .destination_port = 80};
            // Near the numbers that the machine knows, so that many segments pass the checks.
            header.sequence_number = tcp.receive_next() + static_cast<std::uint32_t>(random() % 4000) - 1000;
            header.acknowledgment_number = tcp.send_next() + static_cast<std::uint32_t>(random() % 200) - 190;
            if (random() % 3 != 0) header.acknowledgment_number = tcp.send_next();
            if (random() % 3 != 0) header.sequence_number = tcp.receive_next();
            header.flags =
                random() % 4 != 0 ? tcp_flags{tcp_flag::ack} : tcp_flags{static_cast<std::uint8_t>(random())};
            header.window = static_cast<std::uint16_t>(random() % 2 == 0 ? random() % 3 : random());
            header.urgent_pointer = static_cast<std::uint16_t>(random());
            if (header.flags.syn())
                header.options.maximum_segment_size(static_cast<std::uint16_t>(random()))
                    .window_scale(static_cast<std::uint8_t>(random() % 20));
            tcp.receive(view_of(bytes_of(header, stream_bytes(0, random() % 5 == 0 ? random() % 2000 : 0))), now);
            switch (random() % 12) {
                case 0: tcp.send(stream_bytes(0, random() % 3000)); break;
                case 1: tcp.consume(random() % 2000); break;
                case 2:
                    if (random() % 20 == 0) tcp.shutdown();
                    break;
                case 3:
                    if (random() % 40 == 0) tcp.close(now);
                    break;
                case 4: tcp.send_urgent(stream_bytes(0, random() % 10)); break;
                case 5:
                    now = std::max(now, std::min(tcp.deadline(), now + 100s));
                    tcp.expired(now);
                    break;
                default: break;
            }
            unsigned left = 0;
            while (const auto segment = tcp.next(now)) {
                REQUIRE(++left < 200);
                REQUIRE(segment->payload.size() <= 1460);
            }
            REQUIRE(tcp.receive_window() <= 3000 + 1460);
            REQUIRE(tcp.readable().size() <= 3000);
            if (tcp.state() == tcp_state::closed && random() % 4 == 0) establish(tcp, now);
        }
    }
}

// Streams: what arrives, in which pieces, and how a connection ends.
// SPDX-License-Identifier: MIT

#include "sockets.hpp"

#include <algorithm>
#include <thread>

// ---- The stream ----------------------------------------------------------------------------------------

TEST_CASE("the end of the stream is 0 and stays 0 behind the last byte") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.send_all("last words");
        first.close();
        CHECK(receive_exactly(second, 10) == "last words");
        char buffer[8];
        for (int i = 0; i < 3; ++i) CHECK(second.recv(buffer) == 0);
    }
}

TEST_CASE("the stream has no seams") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.send_all("hello");
        first.send_all("world");
        char buffer[16];
        // Two sends, one receive. MSG_WAITALL, for nothing says that both have arrived by now.
        CHECK(second.recv(std::span{buffer}.first(10), MSG_WAITALL) == 10);
        CHECK(std::string_view{buffer, 10} == "helloworld");
        // One send, three receives.
        first.send_all("xxxyyyzzzz");
        CHECK(second.recv(std::span{buffer}.first(3), MSG_WAITALL) == 3);
        CHECK(second.recv(std::span{buffer}.subspan(3, 3), MSG_WAITALL) == 3);
        CHECK(second.recv(std::span{buffer}.subspan(6, 4), MSG_WAITALL) == 4);
        CHECK(std::string_view{buffer, 10} == "xxxyyyzzzz");
        // A look does not take.
        first.send_all("peek");
        CHECK(second.recv(std::span{buffer}.first(4), MSG_PEEK | MSG_WAITALL) == 4);
        CHECK(receive_exactly(second, 4) == "peek");
    }
}

TEST_CASE("the kernel takes part of 64 MiB and then no more") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.set_blocking(false);
        std::error_code error;
        std::size_t taken = 0;
        while (const std::size_t size = first.send(std::string_view{much()}.substr(taken), error)) taken += size;
        CHECK(error == std::errc::operation_would_block);
        CHECK(taken > 0);
        CHECK(taken < too_much);
        first.close();
        CHECK((receive_all(second) == much().substr(0, taken)));
    }
}

TEST_CASE("send_all sends everything to a reader that takes little at a time") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.set_option(net::option::send_buffer{4096});  // so that it has to wait often
        const std::string bytes = pattern(1 << 20);
        background sending{[&, &sender = first] {
            sender.send_all(bytes);
            sender.close();
        }};
        std::string received;
        char buffer[1000];
        while (const std::size_t size = second.recv(buffer)) received.append(buffer, size);
        sending.get();
        CHECK((received == bytes));
    }
}

TEST_CASE("recv_exact fills the buffer however the bytes come") {
    for (auto& [name, first, second] : support::links()) {
        INFO(name);
        const std::string text = pattern(200'000);
        background sender{[&sending = second, &text] {
            for (std::size_t at = 0; at < text.size(); at += 777)
                sending.send_all(std::string_view{text}.substr(at, 777));
            sending.close();
        }};
        std::string got(text.size() / 2, '?'), rest = got;
        CHECK(first.recv_exact(got) == got.size());
        CHECK(first.recv_exact(rest) == rest.size());
        CHECK(got + rest == text);
        CHECK(first.recv_exact(got) == 0);
        CHECK(first.recv_exact(got) == 0);
        sender.get();
    }
}

TEST_CASE("recv_exact tells an end between two messages from an end in the middle of one") {
    for (auto& [name, first, second] : support::links()) {
        INFO(name);
        const net::socket_address where = second.local_endpoint();
        const std::string peer = where.is_ip() ? where.to_string() : "the peer";  // a Unix peer has no name
        second.send_all("12345678abc");
        second.close();
        char message[8];
        CHECK(first.recv_exact(message) == 8);
        CHECK(std::string_view{message, 8} == "12345678");
        const auto failure = failure_of([&message, &from = first] { from.recv_exact(message); });
        CHECK(failure.code == std::errc::protocol_error);
        CHECK(failure.what ==
              "recv_exact (3 of 8 bytes, then the end of the stream) from " + peer + ": Protocol error");
        CHECK(std::string_view{message, 3} == "abc");
        CHECK(first.recv_exact(message) == 0);
    }
}

TEST_CASE("after recv_exact has failed it is known how much came and the next call goes on") {
    auto [first, second] = support::tcp_pair();
    second.send_all("123");
    first.set_timeout(a_while);
    char message[8];
    std::error_code error;
    CHECK(first.recv_exact(message, error) == 3);
    CHECK(error == std::errc::timed_out);
    second.send_all("45678");
    CHECK(first.recv_exact(std::span{message}.subspan(3), error) == 5);
    CHECK_FALSE(error);
    CHECK(std::string_view{message, 8} == "12345678");
    CHECK(failure_of([&message, &from = first] { from.recv_exact(message); }).what ==
          "recv_exact (0 of 8 bytes) from " + second.local_endpoint().to_string() + ": Connection timed out");
    first.set_blocking(false);
    CHECK(first.recv_exact(message, error) == 0);
    CHECK(error == std::errc::operation_would_block);
}

TEST_CASE("to fill nothing recv_exact asks nobody") {
    net::socket none;
    CHECK(none.recv_exact(net::mutable_buffer{}) == 0);
    std::error_code error = std::make_error_code(std::errc::timed_out);
    CHECK(none.recv_exact(net::mutable_buffer{}, error) == 0);
    CHECK_FALSE(error);
    char one[1];
    CHECK(failure_of([&] { none.recv_exact(one); }).code == std::errc::bad_file_descriptor);
}

TEST_CASE("a peer that trickles cannot stretch the timeout of recv_exact") {
    auto [first, second] = support::tcp_pair();
    std::atomic<bool> enough{false};
    background trickle{[&, &sending = second] {
        while (!enough) {
            sending.send_all("x");
            std::this_thread::sleep_for(1ms);
        }
    }};
    first.set_timeout(a_while);
    std::vector<std::byte> more_than_comes(1'000'000);
    const auto start = net::clock::now();
    std::error_code error;
    CHECK(first.recv_exact(more_than_comes, error) > 0);
    CHECK(error == std::errc::timed_out);
    CHECK(net::clock::now() - start >= a_while);
    enough = true;
    trickle.get();
}

TEST_CASE("both directions are independent of each other") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        const std::string there = pattern(3 << 20), back = pattern(2 << 20);
        background sending{[&, &socket = first] { socket.send_all(there); }};
        background answering{[&, &socket = second] { socket.send_all(back); }};
        background receiving{[&, &socket = first] { return receive_exactly(socket, back.size()); }};
        const std::string received = receive_exactly(second, there.size());
        sending.get();
        answering.get();
        CHECK((received == there));
        CHECK((receiving.get() == back));
    }
}

TEST_CASE("after send_all has failed it is known how much went out") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        const std::string& bytes = much();
        SECTION("the time was up: " + name) {
            first.set_timeout(a_while);
            const auto start = net::clock::now();
            std::error_code error;
            const std::size_t sent = first.send_all(bytes, error);
            CHECK(net::clock::now() - start >= a_while);
            CHECK(error == std::errc::timed_out);
            CHECK(sent > 0);
            CHECK(sent < bytes.size());
            // Every byte that was counted arrives, and no other. (To close now would be to reset.)
            first.shutdown(net::shutdown_direction::send);
            CHECK((receive_all(second) == bytes.substr(0, sent)));
        }
        SECTION("the peer has reset: " + name) {
            background sending{[&, &sender = first] {
                std::error_code error;
                const std::size_t sent = sender.send_all(bytes, error);
                return std::pair{sent, error};
            }};
            CHECK((receive_exactly(second, 1 << 20) == bytes.substr(0, 1 << 20)));
            reset(second);
            const auto [sent, error] = sending.get();
            CHECK((error == std::errc::connection_reset || error == std::errc::broken_pipe));
            CHECK(sent >= 1 << 20);
            CHECK(sent < bytes.size());
        }
        SECTION("it may not wait: " + name) {
            first.set_blocking(false);
            std::error_code error;
            const std::size_t sent = first.send_all(bytes, error);
            CHECK(error == std::errc::operation_would_block);
            first.close();
            CHECK((receive_all(second) == bytes.substr(0, sent)));
        }
        SECTION("the form that throws says it in words: " + name) {
            first.set_timeout(0s);
            const auto failure = failure_of([&, &sender = first] { sender.send_all(bytes); });
            CHECK(failure.code == std::errc::timed_out);
            CHECK_THAT(failure.what, ContainsSubstring(" of 67108864 bytes sent) to "));
            first.shutdown(net::shutdown_direction::send);
            CHECK_THAT(failure.what,
                       ContainsSubstring("send_all (" + std::to_string(receive_all(second).size()) + " of"));
        }
    }
}

TEST_CASE("to close after send_all has failed is to reset and after the next has succeeded it is not") {
    for (const bool is_made_good : {false, true}) {
        auto [first, second] = tcp_pair();
        first.set_timeout(0s);
        std::error_code error;
        std::string text = much();
        const std::size_t sent = first.send_all(text, error);
        REQUIRE(error == std::errc::timed_out);
        if (is_made_good) {
            CHECK((receive_exactly(second, sent) == text.substr(0, sent)));
            first.send_all("and no more");
        }
        first.close();
        if (is_made_good)
            CHECK(receive_all(second) == "and no more");
        else
            CHECK(failure_of([&, &socket = second] { receive_all(socket); }).code == std::errc::connection_reset);
    }
}

TEST_CASE("a peer that has gone is an error and not the death of the process") {
    REQUIRE(std::signal(SIGPIPE, SIG_DFL) != SIG_ERR);  // what kills a program that does not know better
    for (auto& [name, first, second] : links()) {
        INFO(name);
        second.close();
        // Over TCP the first send succeeds: only the answer to it says that nobody is there.
        std::error_code error;
        while (!error) first.send("is anybody there?", error);
        CHECK((error == std::errc::broken_pipe || error == std::errc::connection_reset));
        for (int i = 0; i < 2; ++i)
            CHECK(failure_of([&, &gone = first] { gone.send_all("?"); }).code == std::errc::broken_pipe);
    }
    {
        auto [first, second] = tcp_pair();  // a stream takes send_to(), too, and disregards the name
        first.shutdown(net::shutdown_direction::send);
        CHECK(failure_of([&, &gone = first, &peer = second] { gone.send_to("?", peer.local_endpoint()); }).code ==
              std::errc::broken_pipe);
    }
    auto [first, second] = net::socket_pair(socket_type::datagram);
    const auto name = unused_name();
    net::socket third{address_family::local, socket_type::datagram};
    third.bind(name);
    second.close();
    third.close();
    CHECK(failure_of([&, &sender = first] { sender.send("?"); }).code == std::errc::connection_refused);
    CHECK(failure_of([&, &sender = first] { sender.send_to("?", name); }).code == std::errc::connection_refused);
}

TEST_CASE("a reset is an error and not an end") {
    for (const net::ip_address& address : loopbacks()) {
        auto [client, server] = tcp_pair(address);
        reset(server);
        char buffer[8];
        std::error_code error;
        CHECK(client.recv(buffer, error) == 0);
        CHECK(error == std::errc::connection_reset);
    }
}

TEST_CASE("to close with unread bytes is to reset") {
    for (const net::ip_address& address : loopbacks()) {
        auto [client, server] = tcp_pair(address);
        client.send_all("unread");
        server.wait(POLLIN, net::time_point::max(), *std::make_unique<std::error_code>());  // until they are there
        server.close();
        char buffer[8];
        CHECK(failure_of([&, &socket = client] { socket.recv(buffer); }).code == std::errc::connection_reset);
    }
}

TEST_CASE("closing a listener resets the clients in its queue") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        net::socket client = client_of(listener);
        listener.close();
        char buffer[8];
        CHECK(failure_of([&] { client.recv(buffer); }).code == std::errc::connection_reset);
    }
}

TEST_CASE("half a goodbye leaves the other half open") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.send_all("question");
        first.shutdown(net::shutdown_direction::send);
        CHECK(receive_all(second) == "question");
        second.send_all("still");
        second.close();
        CHECK(receive_all(first) == "still");
        CHECK(failure_of([&, &socket = first] { socket.send("more"); }).code == std::errc::broken_pipe);
    }
}

TEST_CASE("after shutdown of both directions late data is an error for its sender") {
    for (const net::ip_address& address : loopbacks()) {
        auto [client, server] = tcp_pair(address);
        client.close();
        char buffer[8];
        CHECK(server.recv(buffer) == 0);  // looks the same as half a goodbye
        server.send_all("late");          // taken, and answered by a reset
        std::error_code error;
        server.wait(0, net::time_point::max(), error);  // POLLERR and POLLHUP come unasked
        CHECK(failure_of([&, &socket = server] { socket.send("later"); }).code == std::errc::broken_pipe);
    }
}

TEST_CASE("a connection ends when its last descriptor does") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        // As after fork(): two descriptors, one connection.
        std::optional<net::socket> other{net::socket{::dup(first.native_handle())}};
        first.close();
        char buffer[8];
        second.set_timeout(a_while);
        CHECK(failure_of([&, &socket = second] { socket.recv(buffer); }).code == std::errc::timed_out);
        other->send_all("still here");
        CHECK(receive_exactly(second, 10) == "still here");
        other.reset();
        second.set_timeout(net::never);
        CHECK(second.recv(buffer) == 0);
    }
}

// ppoll(2) refuses what does not fit: time_t may have 32 bits, which are 68 years.
TEST_CASE("a timeout of any number of years is waited for") {
    for (const net::duration timeout : {net::duration{24h * 365 * 69}, net::duration{24h * 365 * 136},
                                        net::duration{24h * 365 * 137}, net::never - 1ns, net::never})
        for (const bool is_deadline : {false, true}) {
            CAPTURE(timeout.count(), is_deadline);
            const timespec longest = net::detail::to_timespec(timeout);
            CHECK(longest.tv_sec >= 24 * 3600 * 365 * 68);
            CHECK((longest.tv_nsec >= 0 && longest.tv_nsec < 1'000'000'000));
            auto [first, second] = net::socket_pair();
            if (is_deadline)
                first.set_deadline(timeout > net::time_point::max() - net::clock::now() ? net::time_point::max()
                                                                                       : net::clock::now() + timeout);
            else
                first.set_timeout(timeout);
            background receiver{[&socket = first] {
                char byte[1];
                return socket.recv(byte);
            }};
            receiver.await_waiting();
            second.send_all("x");
            CHECK(receiver.get() == 1);
        }
}

TEST_CASE("after shutdown of receiving there is nothing to receive") {
    auto [first, second] = tcp_pair();
    first.shutdown(net::shutdown_direction::receive);
    char buffer[8];
    CHECK(first.recv(buffer) == 0);
    first.send_all("but I may still talk");
    first.shutdown(net::shutdown_direction::both);
    CHECK(receive_all(second) == "but I may still talk");
}

TEST_CASE("a connection stands before it is accepted") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        net::socket client = client_of(listener);
        client.send_all("sent before accept");
        auto [connection, peer] = listener.accept();
        CHECK(peer == client.local_endpoint());
        CHECK(receive_exactly(connection, 18) == "sent before accept");
    }
}

TEST_CASE("listen(n) lets in one more than n and refuses nobody") {
    for (const net::ip_address& address : loopbacks()) {
        for (const int backlog : {0, 1, 2, 5}) {
            INFO(address << ", backlog " << backlog);
            const net::socket listener = listening(address, backlog);
            std::vector<net::socket> inside;
            for (int i = 0; i <= backlog; ++i) inside.push_back(client_of(listener));
            net::socket late{family_of(address), socket_type::stream};
            late.set_timeout(a_while);
            std::error_code error;
            late.connect(listener.local_endpoint(), error);
            CHECK(error == std::errc::timed_out);
        }
    }
}

TEST_CASE("a negative backlog is as much as the system allows") {
    net::socket listener = listening(localhost, -1);
    tcp_info info{};
    listener.get_option(IPPROTO_TCP, TCP_INFO, std::as_writable_bytes(std::span{&info, 1}));
    std::ifstream limit{"/proc/sys/net/core/somaxconn"};
    unsigned most = 0;
    REQUIRE(limit >> most);
    CHECK(info.tcpi_sacked == most);  // for a listener, that is its backlog
}

TEST_CASE("a stream does not connect to itself") {
    // What TCP allows (a simultaneous open, RFC 9293, 3.5), and what happens by chance to a client of a dead port in
    // the range of the ephemeral ones. A socket that is bound first meets itself always.
    for (const net::ip_address& address : support::loopbacks()) {
        const net::ip_address wildcard{address.is_v4() ? net::ip_address{net::ipv4_address::any()}
                                                       : net::ip_address{net::ipv6_address::any()}};
        std::vector<net::ip_address> names{address, wildcard};
        if (address.is_v6()) {  // a zone makes no other address of it
            names.emplace_back("::1%lo");
            names.emplace_back("::1%" + std::to_string(::if_nametoindex("lo")));
        }
        for (const net::ip_address& to : names)
            for (const auto wait : {"for ever", "5 s", "until", "not"}) {
                INFO(address << " to " << to << ", waiting " << wait);
                net::socket alone = bound(address, socket_type::stream);
                const net::endpoint own{to, alone.local_endpoint().ip().port()};
                if (wait == "5 s"s) alone.set_timeout(5s);
                if (wait == "until"s) alone.set_deadline(net::clock::now() + 5s);
                if (wait == "not"s) alone.set_blocking(false);
                std::error_code error;
                alone.connect(own, error);
                CHECK(error == std::errc::connection_refused);
                CHECK(failure_of([&] { static_cast<void>(alone.peer_endpoint()); }).code == std::errc::not_connected);
                alone.send("to myself", error);
                CHECK(error);
            }
    }
    net::socket alone = bound(localhost, socket_type::stream);
    const net::endpoint own = alone.local_endpoint().ip();
    CHECK(failure_of([&] { alone.connect(own); }).what == "connect " + own.to_string() + ": Connection refused");
}

TEST_CASE("a datagram socket may be its own peer and a stream may have a peer on its port elsewhere") {
    net::socket self = bound(localhost, socket_type::datagram);
    self.connect(self.local_endpoint());
    self.send("to myself");
    char buffer[16];
    CHECK(self.recv(buffer) == 9);
    const net::socket listener = listening(net::ip_address{"127.0.0.2"});
    const net::endpoint there = listener.local_endpoint().ip();
    net::socket client{address_family::inet, socket_type::stream};
    std::error_code error;
    client.bind(net::endpoint{localhost, there.port()}, error);
    if (error) NETNOTES_SKIP("the port is taken at another address");
    client.connect(there);
    CHECK(client.peer_endpoint().ip() == there);
}

namespace {
/// Is there a connection in TIME_WAIT with this end (proc(5), /proc/net/tcp)?
bool has_ghost(const net::socket_address& where) {
    sockaddr_in raw{};
    std::memcpy(&raw, where.data(), sizeof raw);
    char end[16];
    std::snprintf(end, sizeof end, "%08X:%04X", raw.sin_addr.s_addr, unsigned{ntohs(raw.sin_port)});
    std::ifstream connections{"/proc/net/tcp"};
    for (std::string line; std::getline(connections, line);) {
        std::istringstream fields{line};
        std::string number, local, remote, state;
        if (fields >> number >> local >> remote >> state && local == end && state == "06") return true;
    }
    return false;
}
}  // namespace

TEST_CASE("a restarted server binds its port only if the earlier one had said reuse too") {
    for (const bool first_says : {false, true})
        for (const bool second_says : {false, true}) {
            INFO("SO_REUSEADDR first " << first_says << ", then " << second_says);
            net::socket listener{address_family::inet, socket_type::stream};
            listener.set_option(net::option::reuse_address{first_says});
            listener.bind(net::endpoint{localhost, 0});
            listener.listen();
            const net::socket_address where = listener.local_endpoint();
            net::socket client = client_of(listener);
            net::socket server = listener.accept().connection;
            listener.close();
            server.close();  // the side that closes first stays in TIME_WAIT
            CHECK(receive_all(client).empty());
            client.close();
            // Of such ghosts the system keeps a limited number, and beyond it none (net.ipv4.tcp_max_tw_buckets).
            if (!has_ghost(where)) NETNOTES_SKIP("the kernel keeps no TIME_WAIT, or does not show it");

            net::socket next{address_family::inet, socket_type::stream};
            next.set_option(net::option::reuse_address{second_says});
            std::error_code error;
            next.bind(where, error);
            if (first_says && second_says)
                CHECK_FALSE(error);
            else
                CHECK(error == std::errc::address_in_use);
        }
}

TEST_CASE("reuse_address never lets two listen at once") {
    net::socket first{address_family::inet, socket_type::stream}, second{address_family::inet, socket_type::stream};
    first.set_option(net::option::reuse_address{});
    second.set_option(net::option::reuse_address{});
    first.bind(net::endpoint{localhost, 0});
    first.listen();
    CHECK(failure_of([&] { second.bind(first.local_endpoint()); }).code == std::errc::address_in_use);
}

TEST_CASE("reuse_port lets two listen when both say so") {
    for (const bool second_says : {false, true}) {
        net::socket first{address_family::inet, socket_type::stream}, second{address_family::inet, socket_type::stream};
        first.set_option(net::option::reuse_port{});
        second.set_option(net::option::reuse_port{second_says});
        first.bind(net::endpoint{localhost, 0});
        first.listen();
        std::error_code error;
        second.bind(first.local_endpoint(), error);
        if (second_says) {
            CHECK_FALSE(error);
            second.listen();
        } else {
            CHECK(error == std::errc::address_in_use);
        }
    }
}

// ---- Pairs ---------------------------------------------------------------------------------------------

TEST_CASE("a pair of sockets talks in both directions and keeps borders as its type does") {
    for (const socket_type type : {socket_type::stream, socket_type::datagram, socket_type::sequenced_packet}) {
        INFO("type " << static_cast<int>(type));
        auto [first, second] = net::socket_pair(type);
        CHECK(first.local_endpoint().local().is_unnamed());
        CHECK(first.peer_endpoint().local().is_unnamed());
        first.send("hello");
        first.send("world");
        char buffer[32];
        const std::size_t size = second.recv(buffer);
        const auto text = std::string_view{buffer, size};
        CHECK(text == (type == socket_type::stream ? "helloworld" : "hello"));
        if (type != socket_type::stream) CHECK(second.recv(buffer) == 5);
        second.send("back");
        CHECK(first.recv(buffer) == 4);
        // Too long for the buffer: a stream keeps the rest, a message loses it.
        first.send("123456");
        CHECK(second.recv(std::span{buffer}.first(4)) == 4);
        first.send("next");
        CHECK(second.recv(buffer) == (type == socket_type::stream ? 6 : 4));
        first.close();
        second.set_timeout(0s);
        if (type == socket_type::datagram)  // no connection, so no end of it
            CHECK(failure_of([&, &socket = second] { socket.recv(buffer); }).code == std::errc::timed_out);
        else
            CHECK(second.recv(buffer) == 0);
    }
    CHECK(failure_of([] { static_cast<void>(net::socket_pair(socket_type{SOCK_RDM})); }).what ==
          "socketpair: Socket type not supported");
}

TEST_CASE("a raw socket exchanges the packets of ICMP") {
    std::error_code error;
    net::socket raw{address_family::inet, socket_type::raw, IPPROTO_ICMP, error};
    if (error == std::errc::operation_not_permitted) NETNOTES_SKIP("raw sockets need root");
    REQUIRE_FALSE(error);
    raw.set_timeout(10s);
    const std::array<std::uint8_t, 8> request{8, 0, 0x08, 0xa9, 0xbe, 0xef, 0x30, 0x67};  // an echo, with its checksum
    raw.send_to(request, net::endpoint{net::ipv4_address::loopback(), 0});
    std::array<std::uint8_t, 100> room{};
    for (bool is_answer = false; !is_answer;) {  // the request comes by, too, and packets of other programs
        const auto got = raw.recv_from(room);
        REQUIRE(got.bytes.size() >= 28);  // behind IP's header
        is_answer = room[20] == 0 && room[24] == 0xbe && room[25] == 0xef;
    }
    CHECK(room[27] == 0x67);
}

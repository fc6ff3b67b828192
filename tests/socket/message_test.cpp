// Datagrams of a plain socket, and what comes beside their bytes.
// SPDX-License-Identifier: MIT

#include "sockets.hpp"

#include <memory>

// ---- Datagrams -----------------------------------------------------------------------------------------

TEST_CASE("a datagram arrives whole with its sender") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        sender.send_to("first", receiver.local_endpoint());
        sender.send_to("second", receiver.local_endpoint());
        char buffer[32];
        const auto [bytes, from, truncated, local] = receiver.recv_from(buffer);
        CHECK(net::as_text(bytes) == "first");
        CHECK(static_cast<void*>(bytes.data()) == buffer);
        CHECK(from == sender.local_endpoint());
        CHECK_FALSE(truncated);
        CHECK(net::as_text(receiver.recv_from(buffer).bytes) == "second");
    }
}

TEST_CASE("a datagram longer than the buffer is reported as truncated and an empty one is not") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        const auto receive = [&](const std::string& sent, std::size_t room, int flags = 0) {
            sender.send_to(sent, receiver.local_endpoint());
            std::vector<std::byte> buffer(room);
            const auto got = receiver.recv_from(buffer, flags);
            CHECK(got.sender == sender.local_endpoint());
            CHECK(net::as_text(got.bytes) == sent.substr(0, room));
            return got.truncated;
        };
        CHECK(receive("12345", 4));
        CHECK_FALSE(receive("12345", 5));
        CHECK_FALSE(receive("12345", 6));
        CHECK_FALSE(receive("", 4));
        CHECK_FALSE(receive("", 0));
        CHECK(receive("1", 0));
        CHECK(receive("12345", 3, MSG_TRUNC));  // asks for the real length; no more than the buffer was filled
        // What did not fit is lost, not left for the next call.
        receiver.set_timeout(0s);
        char buffer[8];
        std::error_code error;
        receiver.recv_from(buffer, error);
        CHECK(error == std::errc::timed_out);
    }
}

TEST_CASE("a datagram is as long as the protocol allows and no longer") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        // 65,535 bytes of packet, with the IP header for IPv4 and without it for IPv6, less 8 bytes of UDP.
        const std::size_t most = address.is_v4() ? 65'507 : 65'527;
        const std::string longest = pattern(most), too_long = pattern(most + 1);
        sender.send_to(longest, receiver.local_endpoint());
        std::vector<std::byte> buffer(most + 1);
        CHECK((net::as_text(receiver.recv_from(buffer).bytes) == longest));
        const auto failure = failure_of([&] { sender.send_to(too_long, receiver.local_endpoint()); });
        CHECK(failure.code == std::errc::message_size);
        CHECK(failure.what == "send_to " + receiver.local_endpoint().to_string() + " (" + std::to_string(most + 1) +
                                  " bytes): Message too long");
    }
}

TEST_CASE("a program that does not bind gets a port with its first datagram") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = bound(address, socket_type::datagram);
        net::socket sender{family_of(address), socket_type::datagram};
        CHECK(port_of(sender) == 0);
        sender.send_to("x", receiver.local_endpoint());
        CHECK(port_of(sender) != 0);
        char buffer[8];
        CHECK(receiver.recv_from(buffer).sender.ip().port() == port_of(sender));
    }
}

TEST_CASE("a connected datagram socket reports that nobody listens, and an unconnected socket does not") {
    for (const net::ip_address& address : loopbacks()) {
        // A port that was free a moment ago: a bound datagram socket would not be refused but heard.
        std::optional<net::socket> holder{bound(address, socket_type::datagram)};
        const net::socket_address closed = holder->local_endpoint();
        net::socket connected{family_of(address), socket_type::datagram};
        connected.connect(closed);
        holder.reset();
        CHECK(connected.send("anybody?") == 8);  // taken is not delivered
        char buffer[8];
        std::error_code error;
        connected.recv(buffer, error);
        CHECK(error == std::errc::connection_refused);

        net::socket unconnected = bound(address, socket_type::datagram);
        unconnected.send_to("anybody?", closed);
        unconnected.set_timeout(a_while);
        unconnected.recv_from(buffer, error);
        CHECK(error == std::errc::timed_out);
    }
}

TEST_CASE("a datagram socket that was shut down for receiving keeps to its limits although poll calls it readable") {
    net::socket socket = bound(net::ipv4_address::loopback(), socket_type::datagram);
    std::error_code error;
    socket.shutdown(net::shutdown_direction::receive, error);  // ENOTCONN, and yet it is done
    pollfd watched{socket.native_handle(), POLLIN, 0};
    REQUIRE(::poll(&watched, 1, 0) == 1);
    char buffer[8];
    socket.set_timeout(a_while);
    socket.recv_from(buffer, error);
    CHECK(error == std::errc::timed_out);
    socket.set_deadline(net::clock::now() + a_while);
    socket.recv_from(buffer, error);
    CHECK(error == std::errc::timed_out);
    // Nor does it keep the processor busy: it gives it up again and again.
    struct rusage before {};
    struct rusage after {};
    ::getrusage(RUSAGE_THREAD, &before);
    socket.set_timeout(a_while);
    socket.recv_from(buffer, error);
    ::getrusage(RUSAGE_THREAD, &after);
    CHECK(after.ru_nvcsw > before.ru_nvcsw);
    // A stop ends it.
    net::stop_event stop;
    socket.set_timeout(net::never);
    socket.stop_with(stop);
    background waiting{[&] {
        std::error_code why;
        socket.recv_from(buffer, why);
        return why;
    }};
    waiting.await_waiting();
    stop.request_stop();
    CHECK(waiting.get() == std::errc::operation_canceled);
}

TEST_CASE("a connected datagram socket hears its peer only") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket peer = bound(address, socket_type::datagram), stranger = bound(address, socket_type::datagram);
        net::socket socket = bound(address, socket_type::datagram);
        socket.connect(peer.local_endpoint());
        stranger.send_to("from a stranger", socket.local_endpoint());
        peer.send_to("from the peer", socket.local_endpoint());
        char buffer[32];
        CHECK(socket.recv(buffer) == 13);
        socket.send("answer");
        CHECK(net::as_text(peer.recv_from(buffer).bytes) == "answer");
    }
}

TEST_CASE("a broadcast must be asked for and reaches who listens on any address") {
    net::socket receiver = bound(net::ipv4_address::any(), socket_type::datagram);
    net::socket sender{address_family::inet, socket_type::datagram};
    const net::endpoint everyone{net::ipv4_address{127, 255, 255, 255}, port_of(receiver)};  // of the loopback network
    CHECK(failure_of([&] { sender.send_to("hello, world!", everyone); }).code == std::errc::permission_denied);
    sender.set_option(net::option::broadcast{});
    sender.send_to("hello, world!", everyone);
    char buffer[32];
    CHECK(net::as_text(receiver.recv_from(buffer).bytes) == "hello, world!");
}

TEST_CASE("a descriptor that a stranger passes with a Unix datagram is not taken in") {
    auto [first, second] = net::socket_pair(socket_type::datagram);
    const int passed = STDIN_FILENO;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof passed)> control{};
    char text[] = "x";
    iovec part{text, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
    REQUIRE(::sendmsg(first.native_handle(), &message, 0) == 1);
    const auto before = open_descriptors();
    std::array<char, 8> buffer{};
    CHECK(second.recv_from(buffer).bytes.size() == 1);
    CHECK(open_descriptors() == before);
    CHECK(failure_of([&, &one = second] { one.tell_local_address(); }).code == std::errc::address_family_not_supported);
}

TEST_CASE("a Unix datagram tells a bound sender and does not invent one") {
    const auto here = unused_name(), there = unused_name();
    net::socket receiver{address_family::local, socket_type::datagram};
    net::socket sender{address_family::local, socket_type::datagram};
    receiver.bind(here);
    char buffer[8];
    sender.send_to("1", here);
    const net::socket_address nobody = receiver.recv_from(buffer).sender;
    CHECK(nobody.family() == address_family::unspecified);
    CHECK(nobody.local().is_unnamed());
    sender.bind(there);
    sender.send_to("2", here);
    CHECK(receiver.recv_from(buffer).sender.local() == there);
}

TEST_CASE("a stream has no sender to tell") {
    auto [first, second] = tcp_pair();
    first.send_all("x");
    char buffer[8];
    const auto got = second.recv_from(buffer);
    CHECK(net::as_text(got.bytes) == "x");
    CHECK(got.sender.family() == address_family::unspecified);
    CHECK_FALSE(got.truncated);
}

TEST_CASE("a datagram tells its destination, its interface, its hops and its time when it is asked to") {
    if (!support::tells_arrival()) NETNOTES_SKIP("no time of arrival on this machine");
    for (const net::ip_address& address : loopbacks()) {
        INFO(address);
        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        receiver.tell_details();
        const int hops = 7;
        sender.set_option(address.is_v4() ? IPPROTO_IP : IPPROTO_IPV6, address.is_v4() ? IP_TTL : IPV6_UNICAST_HOPS,
                          hops);
        const auto before = std::chrono::system_clock::now();
        sender.send_to("x", receiver.local_endpoint());
        char buffer[8];
        net::datagram_details details;
        const auto got = receiver.recv_from(buffer, details);
        CHECK(got.sender == sender.local_endpoint());
        CHECK(got.local == address);
        CHECK(details.destination == address);
        CHECK(details.interface_index == ::if_nametoindex("lo"));
        CHECK(details.hop_limit == std::optional<std::uint8_t>{7});
        REQUIRE(details.arrived);
        CHECK(*details.arrived - before < 10min);  // the time of day, not that of another clock
        CHECK(before - *details.arrived < 10min);
    }
}

TEST_CASE("the details of an IPv4 datagram on an IPv6 socket name the IPv4 address") {
    if (!support::tells_arrival()) NETNOTES_SKIP("no time of arrival on this machine");
    if (loopbacks().size() < 2) return;
    net::socket receiver{address_family::inet6, socket_type::datagram};
    receiver.set_option(net::option::ipv6_only{false});
    receiver.bind(net::endpoint{net::ipv6_address::any(), 0});
    receiver.tell_details();
    net::socket sender{address_family::inet, socket_type::datagram};
    sender.set_option(IPPROTO_IP, IP_TTL, 9);
    sender.send_to("x", net::endpoint{localhost, port_of(receiver)});
    char buffer[8];
    net::datagram_details details;
    receiver.recv_from(buffer, details);
    CHECK(details.destination == localhost);
    CHECK(details.hop_limit == std::optional<std::uint8_t>{9});
    CHECK(details.arrived);
}

TEST_CASE("a call without details still learns the local address after tell_details") {
    if (!support::tells_arrival()) NETNOTES_SKIP("no time of arrival on this machine");
    if (loopbacks().size() < 2) return;
    net::socket receiver{address_family::inet6, socket_type::datagram};
    receiver.set_option(net::option::ipv6_only{false});
    receiver.bind(net::endpoint{net::ipv6_address::any(), 0});
    receiver.tell_details();
    net::socket sender{address_family::inet, socket_type::datagram};
    sender.send_to("x", net::endpoint{localhost, port_of(receiver)});
    char buffer[8];
    CHECK(receiver.recv_from(buffer).local == localhost);
}

TEST_CASE("a control message that the kernel has cut off is not read") {
    if (!support::tells_arrival()) NETNOTES_SKIP("no time of arrival on this machine");
    net::socket receiver = bound(localhost, socket_type::datagram), sender = bound(localhost, socket_type::datagram);
    receiver.tell_details();
    sender.send_to("x", receiver.local_endpoint());
    for (std::size_t size = 0; size <= net::detail::details_note::capacity; ++size) {
        INFO(size);
        // Exactly as many bytes as the kernel may fill, so that AddressSanitizer reports a read behind them.
        const std::unique_ptr<char[]> control{new char[size]};
        char byte;
        iovec part{&byte, 1};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.get();
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(size);
        REQUIRE(::recvmsg(receiver.native_handle(), &message, MSG_PEEK) == 1);
        const net::datagram_details details = net::detail::details_note::of(message);
        const net::ip_address local = net::detail::datagram_notes::of(message).local;
        if ((message.msg_flags & MSG_CTRUNC) == 0) CHECK(details.destination == localhost);
        CHECK((details.destination == localhost || details.destination == net::ip_address{}));
        CHECK((local == localhost || local == net::ip_address{}));
        CHECK(details.hop_limit.value_or(64) == 64);
    }
}

TEST_CASE("details that nobody asked for stay empty and a Unix socket has none") {
    net::socket receiver = bound(localhost, socket_type::datagram), sender = bound(localhost, socket_type::datagram);
    sender.send_to("x", receiver.local_endpoint());
    char buffer[8];
    net::datagram_details details;
    details.interface_index = 77;
    receiver.recv_from(buffer, details);
    CHECK(details.interface_index == 0);  // not the number of an earlier datagram
    CHECK_FALSE(details.arrived);
    auto [one, other] = net::socket_pair(socket_type::datagram);
    CHECK(failure_of([&end = one] { end.tell_details(); }).code == std::errc::address_family_not_supported);
}

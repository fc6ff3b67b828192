// One datagram at a time: borders, senders, limits, refusals, broadcast.
// SPDX-License-Identifier: MIT

#include "datagrams.hpp"

// ---- The type ------------------------------------------------------------------------------------------

static_assert(!std::is_copy_constructible_v<net::udp_socket>);
static_assert(std::is_nothrow_move_constructible_v<net::udp_socket> &&
              std::is_nothrow_move_assignable_v<net::udp_socket>);
static_assert(!std::is_convertible_v<net::udp_socket, net::socket>, "a UDP socket is a socket only when asked to be");
static_assert(std::is_nothrow_move_constructible_v<net::datagram_batch> &&
              !std::is_copy_constructible_v<net::datagram_batch>);
static_assert(sizeof(udphdr) == 8, "the header that the limits are less by");
static_assert(net::max_datagram_v4 == 65'507 && net::max_datagram_v6 == 65'527);

#define NETNOTES_NOEXCEPT(call) static_assert(noexcept(std::declval<net::udp_socket&>().call))
NETNOTES_NOEXCEPT(bind(net::endpoint{}, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(connect(net::endpoint{}, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(disconnect(std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(local_endpoint(std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(peer_endpoint(std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(send_to(std::declval<net::const_buffer>(), net::endpoint{}, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(send(std::declval<net::const_buffer>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(recv_from(std::declval<net::mutable_buffer>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(recv_batch(std::declval<net::datagram_batch&>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(send_batch({}, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(send_segments(std::declval<net::const_buffer>(), 1, {}, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(enable_receive_offload(std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(join(std::declval<const net::ip_address&>(), 0u, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(set_multicast_ttl(1, std::declval<std::error_code&>()));

TEST_CASE("a UDP socket without one is closed and says so") {
    net::udp_socket none;
    CHECK_FALSE(none.is_open());
    std::error_code error;
    std::array<std::byte, 8> buffer;
    none.recv_from(buffer, error);
    CHECK(error == std::errc::bad_file_descriptor);
    none.send_to("x", {loopback, 9}, error);
    CHECK(error == std::errc::bad_file_descriptor);
    net::datagram_batch batch{2, 8};
    CHECK(none.recv_batch(batch, error).empty());
    CHECK(error == std::errc::bad_file_descriptor);
    const net::udp_socket::outgoing one{"x", {loopback, 9}};
    CHECK(none.send_batch({&one, 1}, error) == 0);
    CHECK(error == std::errc::bad_file_descriptor);
}

TEST_CASE("the socket may be made first and bound later, and moves with all it knows") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket first{family_of(address)};
        CHECK(first.local_endpoint().port() == 0);
        first.bind({address, 0});
        const net::endpoint where = first.local_endpoint();
        CHECK(where.address() == address);
        CHECK(where.port() != 0);
        net::udp_socket second{std::move(first)};
        CHECK(second.local_endpoint() == where);
        net::udp_socket third{std::move(second).into_socket()};
        CHECK(third.local_endpoint() == where);
    }
}

TEST_CASE("a port that is taken is refused without leaking a descriptor") {
    const net::udp_socket holder = bound(loopback);
    const net::endpoint where = holder.local_endpoint();
    const auto before = open_descriptors();
    const auto failure = failure_of([&] { net::udp_socket{where}; });
    CHECK(failure.code == std::errc::address_in_use);
    CHECK(failure.what == "bind " + where.to_string() + ": Address already in use");
    std::error_code error;
    const net::udp_socket refused{where, {}, error};
    CHECK(error == std::errc::address_in_use);
    CHECK_FALSE(refused.is_open());
    const net::udp_socket nowhere{net::endpoint{"fe80::1%no-such-dev", 0}, {}, error};
    CHECK(error);
    CHECK_FALSE(nowhere.is_open());
    CHECK(open_descriptors() == before);
}

// ---- One datagram --------------------------------------------------------------------------------------

TEST_CASE("a datagram arrives whole, with its sender, and the borders stay") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket receiver = bound(address), sender = bound(address);
        sender.send_to("first", receiver.local_endpoint());
        sender.send_to("second", receiver.local_endpoint());
        char buffer[32];
        const auto [bytes, from, truncated] = receiver.recv_from(buffer);
        CHECK(text(bytes) == "first");
        CHECK(static_cast<void*>(bytes.data()) == buffer);
        CHECK(from == sender.local_endpoint());
        CHECK_FALSE(truncated);
        CHECK(receive(receiver) == "second");
    }
}

TEST_CASE("an exactly fitting datagram, a truncated datagram and an empty datagram can be distinguished") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket receiver = bound(address), sender = bound(address);
        struct expected {
            std::string sent;
            std::size_t room;
            bool truncated;
        };
        for (const auto& [sent, room, truncated] : {expected{"12345", 4, true},
                                                    {"12345", 5, false},
                                                    {"12345", 6, false},
                                                    {"", 4, false},
                                                    {"", 0, false},
                                                    {"1", 0, true}}) {
            INFO(sent << " into " << room);
            for (const int flags : {0, int{MSG_TRUNC}}) {  // which asks for the real length; no more is filled
                sender.send_to(sent, receiver.local_endpoint());
                std::vector<std::byte> buffer(room);
                const auto got = receiver.recv_from(buffer, flags);
                CHECK(text(got.bytes) == sent.substr(0, room));
                CHECK(got.sender == sender.local_endpoint());
                CHECK(got.truncated == truncated);
                CHECK(has_nothing(receiver));  // what did not fit is gone, not left for the next call
            }
        }
    }
}

namespace {
/// What a server may be bound to that hears IPv4 and, if it is an IPv6 socket, IPv6 as well.
std::vector<net::ip_address> wildcards() {
    std::vector<net::ip_address> all{net::ipv4_address::any()};
    if (loopbacks().size() > 1) all.emplace_back(net::ipv6_address::any());
    return all;
}
}  // namespace

TEST_CASE("an answer leaves from the address that was asked") {
    for (const net::ip_address& wildcard : wildcards()) {
        net::udp_socket server = bound(wildcard);
        const std::uint16_t port = server.local_endpoint().port();
        std::vector<net::ip_address> asked{net::ip_address{"127.0.0.1"}, net::ip_address{"127.0.0.2"},
                                           net::ip_address{"127.77.0.9"}};
        if (wildcard.is_v6()) asked.emplace_back(net::ipv6_address::loopback());
        for (const net::ip_address& address : asked)
            for (const auto how : {"one", "batch", "segments"}) {
                if (how == "segments"s && support::is_emulated()) continue;
                INFO(wildcard << " asked at " << address << ", " << how);
                net::udp_socket client{support::family_of(address)};
                client.connect({address, port});  // so that it hears this address only
                client.set_timeout(5s);
                client.send("question");
                char buffer[64];
                net::datagram_batch batch;
                net::datagram_peer sender;
                if (how == "batch"s) {
                    const auto got = server.recv_batch(batch);
                    REQUIRE(got.size() == 1);
                    sender = got[0].sender;
                    const net::udp_socket::outgoing answers[]{{"first", sender}, {"second", sender}};
                    server.send_batch(answers);
                } else {
                    sender = server.recv_from(buffer).sender;
                    if (how == "one"s) {
                        server.send_to("first", sender);
                        server.send_to("second", sender);
                    } else {
                        server.send_segments("firstsecond", 5, sender);
                    }
                }
                CHECK(sender.local_address().unmapped() == address);
                CHECK(receive(client) == "first");
                CHECK(receive(client) == (how[0] == 's' ? "secon" : "second"));
            }
    }
}

TEST_CASE("the address to send from can be chosen, and an address that is not ours is an error") {
    net::udp_socket receiver = bound(loopback);
    for (const net::ip_address& wildcard : wildcards()) {
        net::udp_socket sender = bound(wildcard);
        const net::endpoint to =
            wildcard.is_v6() ? net::endpoint{net::ip_address{"::ffff:127.0.0.1"}, receiver.local_endpoint().port()}
                             : receiver.local_endpoint();
        sender.send_to("x", {to, net::ip_address{"127.0.0.9"}});
        char buffer[8];
        CHECK(receiver.recv_from(buffer).sender.address() == net::ip_address{"127.0.0.9"});
        sender.send_to("x", {to, wildcard});  // the system's choice
        CHECK(receiver.recv_from(buffer).sender.address() == loopback);
        std::error_code error;
        sender.send_to("x", {to, net::ip_address{"192.0.2.77"}}, error);
        CHECK(error);
        const net::udp_socket::outgoing both[]{{"1", {to, net::ip_address{"127.0.0.9"}}},
                                               {"2", {to, net::ip_address{"192.0.2.77"}}}};
        CHECK(sender.send_batch(both, error) == 1);
        CHECK(error);
        CHECK(receiver.recv_from(buffer).sender.address() == net::ip_address{"127.0.0.9"});
        CHECK(failure_of([&] {
                  sender.send_to("x", {to, net::ip_address{"192.0.2.77"}});
              }).what.find(" from 192.0.2.77") != std::string::npos);
    }
}

TEST_CASE("the local address is told where it is needed and nowhere else") {
    const auto told = [](net::udp_socket&& server, const net::ip_address& at) {
        net::udp_socket client{net::address_family::inet};
        client.send_to("x", {at, server.local_endpoint().port()});
        char buffer[8];
        return server.recv_from(buffer).sender.local_address();
    };
    CHECK(told(net::udp_socket{{net::ipv4_address::any(), 0}}, loopback) == loopback);
    CHECK(told(net::udp_socket{{net::ipv4_address::any(), 0}, {.local_address = false}}, loopback).is_unspecified());
    CHECK(told(bound(loopback), loopback).is_unspecified());  // it answers from there in any case
    net::udp_socket later{net::address_family::inet};
    later.bind({net::ipv4_address::any(), 0});
    CHECK(told(std::move(later), net::ip_address{"127.0.0.3"}) == net::ip_address{"127.0.0.3"});
    // Through a plain socket and back the knowledge stays.
    CHECK(told(net::udp_socket{net::udp_socket{{net::ipv4_address::any(), 0}}.into_socket()}, loopback) == loopback);
    // The plain socket has the same words.
    net::socket plain = net::udp_socket{{net::ipv4_address::any(), 0}}.into_socket();
    net::udp_socket client{net::address_family::inet};
    client.connect({net::ip_address{"127.0.0.5"}, plain.local_endpoint().ip().port()});
    client.set_timeout(5s);
    client.send("x");
    char buffer[8];
    const auto got = plain.recv_from(buffer);
    CHECK(got.local == net::ip_address{"127.0.0.5"});
    plain.send_to("y", got.sender, got.local);
    CHECK(receive(client) == "y");
}

TEST_CASE("a datagram that is only looked at stays") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    sender.send_to("look", receiver.local_endpoint());
    char buffer[8];
    CHECK(text(receiver.recv_from(buffer, MSG_PEEK).bytes) == "look");
    CHECK(text(receiver.recv_from(buffer).bytes) == "look");
    CHECK(has_nothing(receiver));
}

TEST_CASE("the limit of a datagram is the protocol's, and the error says how many bytes and how many are allowed") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket receiver = bound(address), sender = bound(address);
        const net::endpoint where = receiver.local_endpoint();
        const std::size_t most = address.is_v4() ? 65'507 : 65'527;
        CHECK(net::max_datagram(address) == most);
        const std::string longest = pattern(most), too_long = pattern(most + 1);
        sender.send_to(longest, where);
        CHECK((receive(receiver) == longest));

        const std::string said = " (" + std::to_string(most + 1) + " bytes; a datagram over IPv" +
                                 (address.is_v4() ? "4" : "6") + " holds at most " + std::to_string(most) +
                                 "): Message too long";
        const auto failure = failure_of([&] { sender.send_to(too_long, where); });
        CHECK(failure.code == std::errc::message_size);
        CHECK(failure.what == "send_to " + where.to_string() + said);
        sender.connect(where);
        const auto connected = failure_of([&] { sender.send(too_long); });
        CHECK(connected.code == std::errc::message_size);
        CHECK(connected.what == "send to " + where.to_string() + said);
        const net::udp_socket::outgoing one{too_long};
        CHECK(failure_of([&] {
                  sender.send_batch({&one, 1});
              }).what == "send_batch (0 of 1 datagrams sent) to " + where.to_string() + said);
        std::error_code error;
        sender.send(std::string(1'000'000, 'x'), error);
        CHECK(error == std::errc::message_size);
        CHECK(has_nothing(receiver));
    }
    CHECK(net::max_datagram(net::ip_address::parse("::ffff:127.0.0.1").value()) == net::max_datagram_v4);
}

TEST_CASE("a datagram to port 0 is refused, for nobody can be there") {
    net::udp_socket sender = bound(loopback);
    std::error_code error;
    sender.send_to("x", {loopback, 0}, error);
    CHECK(error == std::errc::invalid_argument);
}

TEST_CASE("a datagram from port 0 is received, as its sender wants no answer") {
    std::error_code error;
    net::socket raw{net::address_family::inet, static_cast<net::socket_type>(SOCK_RAW), IPPROTO_UDP, error};
    if (error) NETNOTES_SKIP("without a privilege nobody can send from port 0: " << error.message());
    net::udp_socket receiver = bound(loopback);
    const std::uint16_t port = receiver.local_endpoint().port();
    // RFC 768: source port, destination port, length, checksum (0: no checksum), data.
    const std::array<std::uint8_t, 9> datagram{
        0, 0, static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port & 0xff), 0, 9, 0, 0, 'x'};
    raw.send_to(datagram, receiver.local_endpoint());
    char buffer[8];
    const auto got = receiver.recv_from(buffer);
    CHECK(net::as_text(got.bytes) == "x");
    CHECK(got.sender == net::endpoint{loopback, 0});
}

TEST_CASE("a zone that is no interface is an error and not the end of the program") {
    net::udp_socket socket{net::address_family::inet6};
    const net::endpoint nowhere{"fe80::1%no-such-dev", 9};
    std::error_code error;
    socket.send_to("x", nowhere, error);
    CHECK(error);
    socket.connect(nowhere, error);
    CHECK(error);
    socket.bind(nowhere, error);
    CHECK(error);
    socket.join(net::ip_address{"ff02::1%no-such-dev"}, 0, error);
    CHECK(error);
    CHECK(socket.send_segments("xxx", 1, nowhere, error) == 0);
    CHECK(error);
    CHECK(failure_of([] { (void)net::interface_index("no-such-dev"); }).code);
    CHECK(net::interface_index("lo") > 0);
}

TEST_CASE("a socket gets its port with its first datagram, with connect, or with bind") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket receiver = bound(address);
        net::udp_socket sends{family_of(address)}, connects{family_of(address)};
        CHECK(sends.local_endpoint().port() == 0);
        sends.send_to("x", receiver.local_endpoint());
        const auto port = sends.local_endpoint().port();
        CHECK(port != 0);
        CHECK(sends.local_endpoint().address().is_unspecified());
        char buffer[8];
        CHECK(receiver.recv_from(buffer).sender == net::endpoint{address, port});
        sends.send_to("x", receiver.local_endpoint());
        CHECK(sends.local_endpoint().port() == port);  // the same for as long as it lives
        connects.connect(receiver.local_endpoint());
        CHECK(connects.local_endpoint().port() != 0);
        CHECK(connects.local_endpoint().address() == address);
        // A socket that only receives has no port, and no datagram can ever be addressed to it.
        net::udp_socket receives{family_of(address)};
        receives.set_timeout(0s);
        std::error_code error;
        receives.recv_from(buffer, error);
        CHECK(error == std::errc::timed_out);
        CHECK(receives.local_endpoint().port() == 0);
    }
}

// ---- One peer ------------------------------------------------------------------------------------------

TEST_CASE("a connected socket is told that nobody listens, an unconnected one is not") {
    for (const net::ip_address& address : loopbacks()) {
        const deaf_port nobody{address};
        net::udp_socket unconnected = bound(address);
        unconnected.send_to("anybody?", nobody.where());
        CHECK(has_nothing(unconnected));
        CHECK_FALSE(unconnected.take_error());

        net::udp_socket connected{family_of(address)};
        connected.connect(nobody.where());
        CHECK(connected.peer_endpoint() == nobody.where());
        connected.send("anybody?");
        char buffer[8];
        std::error_code error;
        connected.recv_from(buffer, error);
        CHECK(error == std::errc::connection_refused);
        connected.send("anybody?");
        const auto failure = failure_of([&] { connected.recv_from(buffer); });
        CHECK(failure.code == std::errc::connection_refused);
        CHECK(failure.what == "recv_from on " + connected.local_endpoint().to_string() + ": Connection refused");
        connected.send("anybody?");
        CHECK(failure_of([&] { connected.send("and now?"); }).what ==
              "send to " + nobody.where().to_string() + " (8 bytes): Connection refused");
        connected.send("anybody?");
        CHECK(connected.take_error() == std::errc::connection_refused);
        net::datagram_batch batch;
        connected.send("anybody?");
        CHECK(connected.recv_batch(batch, error).empty());
        CHECK(error == std::errc::connection_refused);
    }
}

TEST_CASE("after a refusal the socket goes on, and reaches who has come since") {
    for (const net::ip_address& address : loopbacks()) {
        deaf_port port{address};
        net::udp_socket client{family_of(address)};
        client.connect(port.where());
        client.send("too early");
        std::error_code error;
        client.send("not sent", error);  // it reports the datagram before, and is itself not sent
        CHECK(error == std::errc::connection_refused);
        net::udp_socket& server = port.open();
        client.send("hello");
        CHECK(receive(server) == "hello");
        server.send_to("welcome", client.local_endpoint());
        CHECK(receive(client) == "welcome");
    }
}

TEST_CASE("a connected socket hears its peer only, but for what had come before") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket peer = bound(address), stranger = bound(address), socket = bound(address);
        const net::endpoint where = socket.local_endpoint();
        stranger.send_to("early", where);
        socket.connect(peer.local_endpoint());
        stranger.send_to("from a stranger", where);
        peer.send_to("from the peer", where);
        char buffer[32];
        auto got = socket.recv_from(buffer);
        CHECK(text(got.bytes) == "early");
        CHECK(got.sender == stranger.local_endpoint());
        got = socket.recv_from(buffer);
        CHECK(text(got.bytes) == "from the peer");
        CHECK(got.sender == peer.local_endpoint());
        CHECK(has_nothing(socket));
        socket.send("answer");
        CHECK(receive(peer) == "answer");

        socket.connect(stranger.local_endpoint());  // another peer, without a disconnect
        peer.send_to("from the old peer", where);
        stranger.send_to("now you hear me", where);
        CHECK(receive(socket) == "now you hear me");

        socket.disconnect();
        peer.send_to("everybody again", where);
        CHECK(receive(socket) == "everybody again");
        CHECK(failure_of([&] { (void)socket.peer_endpoint(); }).code == std::errc::not_connected);
        std::error_code error;
        socket.send("to whom?", error);
        CHECK(error == std::errc::destination_address_required);
    }
}

TEST_CASE("disconnecting keeps the port, chosen or not, and gives back the wildcard address") {
    for (const net::ip_address& address : loopbacks()) {
        const net::udp_socket peer = bound(address);
        const net::ip_address any =
            address.is_v4() ? net::ip_address{net::ipv4_address::any()} : net::ipv6_address::any();
        net::udp_socket chosen = bound(address), unnamed{family_of(address)}, wildcard = bound(any);
        const net::endpoint before = chosen.local_endpoint();
        chosen.connect(peer.local_endpoint());
        chosen.disconnect();
        CHECK(chosen.local_endpoint() == before);
        chosen.disconnect();  // from nobody
        CHECK(chosen.local_endpoint() == before);
        for (net::udp_socket* socket : {&unnamed, &wildcard}) {
            socket->connect(peer.local_endpoint());
            const auto port = socket->local_endpoint().port();
            CHECK(socket->local_endpoint().address() == address);
            socket->disconnect();
            CHECK(socket->local_endpoint() == net::endpoint{any, port});
        }
        chosen.close();
        net::udp_socket named{before};
        named.connect(peer.local_endpoint());
        named.disconnect();
        CHECK(named.local_endpoint() == before);
    }
    net::udp_socket none{net::address_family::inet};
    none.disconnect();
    CHECK(none.local_endpoint().port() == 0);
}

TEST_CASE("connecting again chooses the source address again, and a failure leaves no peer") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket peer = bound(address);
        net::udp_socket unnamed{family_of(address)}, named = bound(address);
        for (net::udp_socket* socket : {&unnamed, &named}) {
            socket->connect(peer.local_endpoint());
            const net::endpoint own = socket->local_endpoint();
            const net::endpoint refused = address.is_v4() ? net::endpoint{"255.255.255.255", 9}     // not allowed
                                                          : net::endpoint{"fe80::1%no-such-dev", 9};
            std::error_code error;
            socket->connect(refused, error);
            CHECK(error);
            socket->send("to the old peer?", error);
            CHECK(error == std::errc::destination_address_required);
            CHECK(socket->local_endpoint().port() == own.port());
            socket->connect(peer.local_endpoint());
            CHECK(socket->local_endpoint() == own);
        }
    }
    // For an IPv4 peer an IPv6 socket takes an IPv4 source address, which does not fit an IPv6 peer.
    if (loopbacks().size() > 1) {
        net::udp_socket over_v4 = bound(loopback), over_v6 = bound(net::ipv6_address::loopback());
        net::udp_socket both{net::address_family::inet6};
        both.connect({net::ip_address{"::ffff:127.0.0.1"}, over_v4.local_endpoint().port()});
        const auto port = both.local_endpoint().port();
        both.send("first");
        CHECK(receive(over_v4) == "first");
        both.connect(over_v6.local_endpoint());
        CHECK(both.local_endpoint() == net::endpoint{net::ipv6_address::loopback(), port});
        both.send("second");
        CHECK(receive(over_v6) == "second");
    }
    // Another address of this host is its own source address.
    for (const auto& each : net::interfaces())
        for (const auto& one : each.addresses) {
            const net::ip_address own = one.address.address();
            if (!each.is_up || !own.is_v4() || own.is_loopback()) continue;
            net::udp_socket far = bound(own), near = bound(loopback);
            net::udp_socket socket{net::address_family::inet};
            socket.connect(near.local_endpoint());
            socket.connect(far.local_endpoint());
            CHECK(socket.local_endpoint().address() == own);
            socket.send("hello");
            CHECK(receive(far) == "hello");
        }
}

// ---- IPv4 peers of an IPv6 socket ----------------------------------------------------------------------

TEST_CASE("a dual-stack socket talks with IPv4 peers under either form of their address") {
    if (!support::has_ipv6()) NETNOTES_SKIP("no IPv6 here");
    net::udp_socket server{net::endpoint{net::ipv6_address::any(), 0}};
    const auto port = server.local_endpoint().port();
    net::udp_socket client = bound(loopback);
    client.send_to("over IPv4", {loopback, port});
    char buffer[32];
    const auto got = server.recv_from(buffer);
    CHECK(text(got.bytes) == "over IPv4");
    CHECK(got.sender.to_string() ==
          "[::ffff:127.0.0.1]:" + std::to_string(client.local_endpoint().port()));  // as reported
    CHECK(got.sender.address().unmapped() == loopback);
    server.send_to("as reported", got.sender);
    CHECK(receive(client) == "as reported");
    server.send_to("unmapped", client.local_endpoint());
    CHECK(receive(client) == "unmapped");
    const std::array<net::udp_socket::outgoing, 2> both{{{"1", got.sender}, {"2", client.local_endpoint()}}};
    server.send_batch(both);
    CHECK(receive(client) == "1");
    CHECK(receive(client) == "2");
    if (!support::is_emulated()) {
        server.send_segments("345", 1, got.sender);
        for (const auto text : {"3", "4", "5"}) CHECK(receive(client) == text);
    }
    const auto failure = failure_of([&] { server.send_to(pattern(65'508), got.sender); });
    CHECK(failure.code == std::errc::message_size);
    CHECK_THAT(failure.what, ContainsSubstring("over IPv4 holds at most 65507"));
    server.connect(got.sender);
    CHECK(server.peer_endpoint() == got.sender);
    server.send("connected");
    CHECK(receive(client) == "connected");
}

TEST_CASE("an IPv6 socket speaks with IPv4 unless it is told not to, whatever the system's default is") {
    if (!support::has_ipv6()) NETNOTES_SKIP("no IPv6 here");
    net::udp_socket only{net::endpoint{net::ipv6_address::any(), 0}, {.ipv6_only = true}};
    CHECK(only.get_option<net::option::ipv6_only>());
    CHECK_FALSE(net::udp_socket{net::address_family::inet6}.get_option<net::option::ipv6_only>());
    std::error_code error;
    only.send_to("x", {loopback, 9}, error);
    CHECK(error);
}

// ---- Time ----------------------------------------------------------------------------------------------

namespace {
/// The calls that wait for a datagram.
template <class Check>
void with_each_wait(Check check) {
    std::array<std::byte, 8> buffer;
    net::datagram_batch batch;
    check("recv_from", [&](net::udp_socket& socket, std::error_code& error) { socket.recv_from(buffer, error); });
    check("recv_batch", [&](net::udp_socket& socket, std::error_code& error) { socket.recv_batch(batch, error); });
}
}  // namespace

TEST_CASE("a datagram that does not come is timed_out, and not before the time is up") {
    with_each_wait([](const std::string& name, auto wait) {
        INFO(name);
        net::udp_socket socket = bound(loopback);
        std::error_code error;
        socket.set_timeout(a_while);
        const auto start = net::clock::now();
        wait(socket, error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
        const auto deadline = net::clock::now() + a_while;
        socket.set_deadline(deadline);
        wait(socket, error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() >= deadline);
        socket.set_timeout(0s);
        wait(socket, error);
        CHECK(error == std::errc::timed_out);
        socket.set_blocking(false);
        wait(socket, error);
        CHECK(error == std::errc::operation_would_block);
    });
}

TEST_CASE("a timeout of zero takes what is there, and a deadline that has passed does so once") {
    with_each_wait([](const std::string& name, auto wait) {
        INFO(name);
        net::udp_socket socket = bound(loopback), sender = bound(loopback);
        sender.send_to("x", socket.local_endpoint());
        std::error_code error;
        socket.set_deadline(net::clock::now());
        wait(socket, error);
        CHECK_FALSE(error);
        sender.send_to("x", socket.local_endpoint());
        sender.send_to("x", socket.local_endpoint());
        wait(socket, error);
        CHECK(error == std::errc::timed_out);  // or a flood would carry a program past it
        socket.set_timeout(0s);
        wait(socket, error);
        CHECK_FALSE(error);
    });
}

TEST_CASE("a stop ends a wait, and forbids what comes after even where it need not wait") {
    with_each_wait([](const std::string& name, auto wait) {
        INFO(name);
        net::stop_event stop;
        net::udp_socket socket = bound(loopback);
        socket.stop_with(stop);
        background waiting{[&] {
            std::error_code error;
            wait(socket, error);
            return error;
        }};
        waiting.await_waiting();
        stop.request_stop();
        CHECK(waiting.get() == std::errc::operation_canceled);
        net::udp_socket{net::address_family::inet}.send_to("x", socket.local_endpoint());
        std::error_code error;
        wait(socket, error);
        CHECK(error == std::errc::operation_canceled);
        const std::array<net::udp_socket::outgoing, 2> two{
            {{"a", socket.local_endpoint()}, {"b", socket.local_endpoint()}}};
        CHECK(socket.send_batch(two, error) == 0);
        CHECK(error == std::errc::operation_canceled);
        CHECK(socket.send_segments("ab", 1, socket.local_endpoint(), error) == 0);
        CHECK(error == std::errc::operation_canceled);
    });
}

TEST_CASE("what a socket was told holds when it has become a UDP socket") {
    with_each_wait([](const std::string& name, auto wait) {
        INFO(name);
        net::stop_event stop;
        net::socket plain{net::address_family::inet, net::socket_type::datagram};
        plain.bind(net::endpoint{loopback, 0});
        plain.stop_with(stop);
        plain.set_timeout(0s);
        net::udp_socket socket{std::move(plain)};
        std::error_code error;
        wait(socket, error);
        CHECK(error == std::errc::timed_out);
        stop.request_stop();
        net::udp_socket{net::address_family::inet}.send_to("x", socket.local_endpoint());
        wait(socket, error);
        CHECK(error == std::errc::operation_canceled);
        const std::array<net::udp_socket::outgoing, 1> one{{{"a", socket.local_endpoint()}}};
        CHECK(socket.send_batch(one, error) == 0);
        CHECK(error == std::errc::operation_canceled);
        CHECK(socket.send_segments("ab", 1, socket.local_endpoint(), error) == 0);
        CHECK(error == std::errc::operation_canceled);
    });
}

TEST_CASE("a deadline that has passed lets one send through and then forbids sending too") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    const net::endpoint where = receiver.local_endpoint();
    sender.set_deadline(net::clock::now());
    std::error_code error;
    sender.send_to("x", where, error);
    CHECK_FALSE(error);
    char buffer[8];
    CHECK(receiver.recv_from(buffer).bytes.size() == 1);
    sender.send_to("x", where, error);
    CHECK(error == std::errc::timed_out);
    const std::array<net::udp_socket::outgoing, 2> two{{{"a", where}, {"b", where}}};
    CHECK(sender.send_batch(two, error) == 0);
    CHECK(error == std::errc::timed_out);
    CHECK(sender.send_segments("ab", 1, where, error) == 0);
    CHECK(error == std::errc::timed_out);
    CHECK(has_nothing(receiver));
    sender.set_timeout(0s);  // zero is "now": what can be done at once is done
    CHECK(sender.send_batch(two, error) == 2);
    CHECK_FALSE(error);
}

TEST_CASE("a signal does not end a wait for a batch") {
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) {};  // without SA_RESTART
    ::sigaction(SIGUSR1, &action, &before);
    const net::stop_event never_requested;
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    receiver.stop_with(never_requested);
    net::datagram_batch batch;
    background waiting{[&] { return receiver.recv_batch(batch).size(); }};
    waiting.await_waiting();
    for (int i = 0; i < 3; ++i) ::pthread_kill(waiting.native_handle(), SIGUSR1);
    sender.send_to("x", receiver.local_endpoint());
    CHECK(waiting.get() == 1);
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("a batch waits for the first datagram for as long as it takes") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    net::datagram_batch batch;
    background waiting{[&] { return texts_of(receiver.recv_batch(batch)); }};
    sender.send_to("at last", receiver.local_endpoint());
    CHECK(waiting.get() == texts{"at last"});
}

// ---- Broadcast -----------------------------------------------------------------------------------------

TEST_CASE("a broadcast must be asked for, and reaches every socket on that port that is bound to any address") {
    net::udp_socket sender = bound(loopback);
    net::udp_socket first{net::endpoint{net::ipv4_address::any(), 0}, {.reuse_address = true}};
    const auto port = first.local_endpoint().port();
    const net::ip_address broadcast{net::ipv4_address{127, 255, 255, 255}};
    net::udp_socket second{net::endpoint{net::ipv4_address::any(), port}, {.reuse_address = true}};
    net::udp_socket third{net::endpoint{broadcast, port}, {.reuse_address = true}};
    net::udp_socket unicast{net::endpoint{loopback, port}, {.reuse_address = true}};
    const net::endpoint everyone{broadcast, port};
    const auto failure = failure_of([&] { sender.send_to("hello, world!", everyone); });
    CHECK(failure.code == std::errc::permission_denied);
    CHECK(failure.what == "send_to " + everyone.to_string() + " (13 bytes): Permission denied");
    sender.set_option(net::option::broadcast{});
    sender.send_to("hello, world!", everyone);
    for (net::udp_socket* hears : {&first, &second, &third}) CHECK(receive(*hears) == "hello, world!");
    CHECK(has_nothing(unicast));
}

TEST_CASE("two sockets share a port only when both say so") {
    for (const bool first : {false, true})
        for (const bool second : {false, true}) {
            const net::udp_socket holder{anywhere_on_loopback, {.reuse_address = first}};
            std::error_code error;
            net::udp_socket{holder.local_endpoint(), {.reuse_address = second}, error};
            CHECK((error == std::errc::address_in_use) == !(first && second));
        }
}

TEST_CASE("sockets that all say so share a port and the senders are distributed") {
    net::udp_socket first{anywhere_on_loopback, {.reuse_port = true}};
    std::error_code error;
    const net::udp_socket refused{first.local_endpoint(), {}, error};
    CHECK(error == std::errc::address_in_use);
    net::udp_socket second{first.local_endpoint(), {.reuse_port = true}};
    CHECK(second.local_endpoint() == first.local_endpoint());
    net::udp_socket* const sockets[] = {&first, &second};
    constexpr int senders = 64;  // that all of them go to one socket has the probability of 2 to the power of -63
    for (int i = 0; i < senders; ++i) net::udp_socket{anywhere_on_loopback}.send_to("x", first.local_endpoint());
    int got[2] = {};
    for (int i = 0; i < 2; ++i) {
        sockets[i]->set_timeout(0s);
        char buffer[8];
        while (!sockets[i]->recv_from(buffer, error).bytes.empty()) ++got[i];
    }
    CHECK(got[0] + got[1] == senders);
    CHECK(got[0] > 0);
    CHECK(got[1] > 0);
}

TEST_CASE("a UDP socket tells what the kernel knows of a datagram") {
    if (!support::tells_arrival()) NETNOTES_SKIP("no time of arrival on this machine");
    net::udp_socket receiver{{loopback, 0}}, sender{{loopback, 0}};
    receiver.tell_details();
    sender.set_option(IPPROTO_IP, IP_TTL, 9);
    sender.send_to("x", receiver.local_endpoint());
    std::array<std::byte, 8> buffer;
    net::datagram_details details;
    const auto got = receiver.recv_from(buffer, details);
    CHECK(net::as_text(got.bytes) == "x");
    CHECK(static_cast<const net::endpoint&>(got.sender) == sender.local_endpoint());
    CHECK(details.destination == net::ip_address{loopback});
    CHECK(details.hop_limit == std::optional<std::uint8_t>{9});
    CHECK(details.arrived);
    receiver.set_blocking(false);
    std::error_code error;
    receiver.recv_from(buffer, details, error);
    CHECK(error == std::errc::operation_would_block);
}

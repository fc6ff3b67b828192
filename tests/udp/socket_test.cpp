// What udp.hpp promises: borders, senders, limits, refusals, groups; and the same datagrams one by one, in batches and
// in segments, with the kernel's help and without it.

#include <netnotes/udp/socket.hpp>

#include "../support.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using support::background;
using support::failure_of;
using support::loopbacks;
using support::open_descriptors;
using support::pattern;

// ---- Every allocation is counted, so that one can see that there was none -------------------------------

// The sanitizers have an operator new of their own, which must not be mixed with another; with them nothing is counted.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define NETNOTES_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NETNOTES_SANITIZED
#endif

namespace {
std::atomic<std::size_t> allocations{0};
}
#ifndef NETNOTES_SANITIZED
// (Not inlined: g++ 12 would then see free() meet a pointer from operator new, and warn.)
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace {

constexpr auto a_while = 30ms;
const net::ip_address loopback{net::ipv4_address::loopback()};
const net::endpoint anywhere_on_loopback{loopback, 0};

net::address_family family_of(const net::ip_address& address) { return support::family_of(address); }
net::udp_socket bound(const net::ip_address& address, net::udp_options options = {}) {
    return net::udp_socket{net::endpoint{address, 0}, options};
}

/// A port on which nobody hears a stranger, and that nobody else gets: its socket talks to itself only.
class deaf_port {
  public:
    explicit deaf_port(const net::ip_address& address) : holder_{bound(address)} {
        holder_.connect(holder_.local_endpoint());
    }
    [[nodiscard]] net::endpoint where() const { return holder_.local_endpoint(); }
    net::udp_socket& open() {
        holder_.disconnect();
        return holder_;
    }

  private:
    net::udp_socket holder_;
};

std::string text(std::span<const std::byte> bytes) { return std::string{net::as_text(bytes)}; }
std::string receive(net::udp_socket& from) {
    std::vector<std::byte> buffer(65'536);
    return text(from.recv_from(buffer).bytes);
}
bool has_nothing(net::udp_socket& socket) {
    std::array<std::byte, 64> buffer;
    std::error_code error;
    socket.recv_from(buffer, error, MSG_DONTWAIT);
    return error == std::errc::operation_would_block;
}
using texts = std::vector<std::string>;
texts texts_of(std::span<const net::udp_socket::received> batch) {
    texts all;
    for (const auto& [bytes, sender, truncated] : batch) all.push_back(text(bytes));
    return all;
}

}  // namespace

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

TEST_CASE("a datagram that fits exactly, one that is truncated and an empty one are told apart") {
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
            for (const auto how : {"one", "batch", "segments", "segments by hand"}) {
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

TEST_CASE("the address to send from can be chosen and one that is not ours is an error") {
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
    // RFC 768: source port, destination port, length, checksum (0: there is none), data.
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
        // One that only receives has none, and no datagram can ever be addressed to it.
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

TEST_CASE("disconnecting keeps the port, whoever has chosen it, and gives back the wildcard address") {
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
    server.send_segments("345", 1, got.sender);
    CHECK(receive(client) == "3");
    const auto failure = failure_of([&] { server.send_to(pattern(65'508), got.sender); });
    CHECK(failure.code == std::errc::message_size);
    CHECK_THAT(failure.what, ContainsSubstring("over IPv4 holds at most 65507"));
    server.connect(got.sender);
    CHECK(server.peer_endpoint() == got.sender);
    server.send("connected");
    CHECK(receive(client) == "4");
    CHECK(receive(client) == "5");
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

TEST_CASE("a timeout of zero takes what is there, and a deadline that has passed does not") {
    with_each_wait([](const std::string& name, auto wait) {
        INFO(name);
        net::udp_socket socket = bound(loopback), sender = bound(loopback);
        sender.send_to("x", socket.local_endpoint());
        sender.send_to("x", socket.local_endpoint());
        std::error_code error;
        socket.set_deadline(net::clock::now());
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

TEST_CASE("a deadline that has passed forbids sending too") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    const net::endpoint where = receiver.local_endpoint();
    sender.set_deadline(net::clock::now());
    std::error_code error;
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

// ---- Batches -------------------------------------------------------------------------------------------

TEST_CASE("a batch keeps order, borders and senders, and takes no more than its count") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket receiver = bound(address), first = bound(address), second = bound(address);
        texts sent;
        for (int i = 0; i < 10; ++i) {
            sent.push_back("datagram " + std::to_string(i));
            (i % 2 == 0 ? first : second).send_to(sent.back(), receiver.local_endpoint());
        }
        net::datagram_batch batch{4, 100};
        CHECK(batch.count() == 4);
        CHECK(batch.size() == 100);
        texts received;
        for (const std::size_t expected : {4u, 4u, 2u}) {
            const auto part = receiver.recv_batch(batch);
            REQUIRE(part.size() == expected);
            for (const auto& [bytes, sender, truncated] : part) {
                CHECK(sender == (received.size() % 2 == 0 ? first : second).local_endpoint());
                CHECK_FALSE(truncated);
                received.push_back(text(bytes));
            }
        }
        CHECK(received == sent);
    }
}

TEST_CASE("a batch may hold empty and truncated datagrams, and the next use starts afresh") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    const net::endpoint where = receiver.local_endpoint();
    net::datagram_batch batch{8, 4};
    for (int round = 0; round < 2; ++round) {
        for (const char* const sent : {"", "1234", "12345", "", "1"}) sender.send_to(sent, where);
        const auto got = receiver.recv_batch(batch);
        CHECK(texts_of(got) == texts{"", "1234", "1234", "", "1"});
        std::vector<bool> truncated;
        for (const auto& one : got) {
            truncated.push_back(one.truncated);
            CHECK(one.sender == sender.local_endpoint());
        }
        CHECK(truncated == std::vector<bool>{false, false, true, false, false});
    }
}

TEST_CASE("a batch that is moved goes on working") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    net::datagram_batch first{2, 16};
    net::datagram_batch second{std::move(first)};
    first = net::datagram_batch{1, 1};
    sender.send_to("moved", receiver.local_endpoint());
    CHECK(texts_of(receiver.recv_batch(second)) == texts{"moved"});
}

TEST_CASE("the bounds of a batch are kept") {
    for (const auto& [count, size] :
         std::vector<std::pair<std::size_t, std::size_t>>{{0, 1}, {1025, 1}, {1, 0}, {1, 65'536}, {SIZE_MAX, SIZE_MAX}})
        CHECK_THROWS_AS((net::datagram_batch{count, size}), std::invalid_argument);
    CHECK(net::datagram_batch{1024, 1}.count() == 1024);
}

TEST_CASE("a batch of any length is sent in order") {
    for (const net::ip_address& address : loopbacks()) {
        for (const std::size_t count : {0u, 1u, 64u, 65u, 130u}) {
            INFO(count);
            net::udp_socket receiver = bound(address), sender = bound(address);
            texts sent;
            for (std::size_t i = 0; i < count; ++i) sent.push_back(std::to_string(i));
            std::vector<net::udp_socket::outgoing> datagrams;
            for (const std::string& one : sent) datagrams.push_back({one, receiver.local_endpoint()});
            sender.send_batch(datagrams);
            net::datagram_batch batch{200, 16};
            texts received;
            while (received.size() < count)
                for (const std::string& one : texts_of(receiver.recv_batch(batch))) received.push_back(one);
            CHECK(received == sent);
            CHECK(has_nothing(receiver));
        }
    }
}

TEST_CASE("a batch goes to many receivers, and to the peer where none is named") {
    net::udp_socket first = bound(loopback), second = bound(loopback), sender = bound(loopback);
    const std::array<net::udp_socket::outgoing, 3> mixed{
        {{"1", first.local_endpoint()}, {"2", second.local_endpoint()}, {"", first.local_endpoint()}}};
    sender.send_batch(mixed);
    CHECK(receive(first) == "1");
    CHECK(receive(first).empty());
    CHECK(receive(second) == "2");
    const std::array<net::udp_socket::outgoing, 2> unnamed{{{"a"}, {"b"}}};
    std::error_code error;
    CHECK(sender.send_batch(unnamed, error) == 0);
    CHECK(error == std::errc::destination_address_required);
    sender.connect(second.local_endpoint());
    sender.send_batch(unnamed);
    CHECK(receive(second) == "a");
    CHECK(receive(second) == "b");
}

TEST_CASE("when a batch fails it is known which datagram did, and none behind it was sent") {
    const std::string too_long(65'508, 'x');
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    const net::endpoint where = receiver.local_endpoint(), nowhere{"fe80::1%no-such-dev", 9};
    for (const std::size_t bad : {0u, 1u, 2u, 63u, 64u, 65u, 99u}) {
        for (const bool is_address : {false, true}) {
            INFO(bad);
            std::vector<net::udp_socket::outgoing> datagrams(100, {"good", where});
            if (is_address)
                datagrams[bad].to = nowhere;
            else
                datagrams[bad].bytes = too_long;
            std::error_code error;
            CHECK(sender.send_batch(datagrams, error) == bad);
            if (!is_address) CHECK(error == std::errc::message_size);
            CHECK(error);
            for (std::size_t i = 0; i < bad; ++i) CHECK(receive(receiver) == "good");
            CHECK(has_nothing(receiver));
        }
    }
    const std::array<net::udp_socket::outgoing, 3> three{{{"1", where}, {too_long, where}, {"3", where}}};
    const auto failure = failure_of([&] { sender.send_batch(three); });
    CHECK(failure.code == std::errc::message_size);
    CHECK(failure.what == "send_batch (1 of 3 datagrams sent) to " + where.to_string() +
                              " (65508 bytes; a datagram over IPv4 holds at most 65507): Message too long");
}

TEST_CASE("receiving and sending allocate nothing, and a batch only when it is made") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    const net::endpoint where = receiver.local_endpoint();
    net::datagram_batch batch{16, 64};
    const std::array<net::udp_socket::outgoing, 3> three{{{"1", where}, {"2", where}, {"3", where}}};
    std::array<std::byte, 64> buffer;
    std::error_code error;
    std::size_t received = 0;
    const std::size_t before = allocations;
    for (int i = 0; i < 10; ++i) {
        sender.send_to("x", where, error);
        received += receiver.recv_from(buffer, error).bytes.size();
        sender.send_batch(three, error);
        received += receiver.recv_batch(batch, error).size();
        sender.send_segments("abc", 1, where, error);
        received += receiver.recv_batch(batch, error).size();
        receiver.recv_from(buffer, error, MSG_DONTWAIT);  // and nor does an error
    }
    CHECK(allocations == before);
    CHECK(received == 70);
}

// ---- Segments ------------------------------------------------------------------------------------------

namespace {

/// The ways in which segments can come to leave: the kernel's help, none of it, and help that is refused when it is
/// asked for (a socket without checksums cannot have it).
struct way {
    std::string name;
    net::udp_options options;
    bool refused = false;
};
const std::vector<way> ways{{"with the kernel", {}}, {"without it", {.kernel_offload = false}}, {"refused", {}, true}};

net::udp_socket sender_by(const way& how, const net::ip_address& address) {
    net::udp_socket sender = bound(address, how.options);
    if (how.refused) sender.set_option(SOL_SOCKET, SO_NO_CHECK, 1);
    return sender;
}

texts cut(const std::string& bytes, std::size_t size) {
    texts parts;
    for (std::size_t at = 0; at < bytes.size(); at += size) parts.push_back(bytes.substr(at, size));
    return parts;
}

struct load {
    std::size_t bytes, size;
};
/// Nothing, less than one, one, exact, a short rest, a kernel's worth of 64 and one more, several, and the longest.
const std::vector<load> loads{{0, 10},          {7, 10},         {10, 10},        {20, 10},        {25, 10},
                              {1, 1},           {640, 10},       {641, 10},       {650, 10},       {1295, 10},
                              {10'000, 1'200},  {65'507, 1'200}, {65'508, 1'024}, {70'000, 1'472}, {90'000, 30'000},
                              {65'507, 65'507}, {70'000, 65'507}};

}  // namespace

TEST_CASE("segments are the same datagrams with the kernel's help, without it, and where it refuses") {
    for (const net::ip_address& address : loopbacks()) {
        for (const way& how : ways) {
            if (how.refused && address.is_v6()) continue;  // IPv6 has no datagrams without a checksum
            for (const auto& [bytes, size] : loads) {
                INFO(address << ", " << how.name << ": " << bytes << " in segments of " << size);
                net::udp_socket receiver = bound(address), sender = sender_by(how, address);
                receiver.set_option(net::option::receive_buffer{1 << 20});
                receiver.set_timeout(60s);  // what is lost is a failure, not a wait
                const std::string sent = pattern(bytes);
                const texts expected = cut(sent, size);
                sender.send_segments(sent, size, receiver.local_endpoint());
                texts received;
                while (received.size() < expected.size()) received.push_back(receive(receiver));
                CHECK((received == expected));
                CHECK(has_nothing(receiver));

                std::error_code error;
                sender.connect(receiver.local_endpoint());
                CHECK(sender.send_segments(sent, size, {}, error) == expected.size());
                CHECK_FALSE(error);
                received.clear();
                while (received.size() < expected.size()) received.push_back(receive(receiver));
                CHECK((received == expected));
            }
        }
    }
}

TEST_CASE("what is wrong with segments is told, and the same in every way") {
    for (const way& how : ways) {
        INFO(how.name);
        net::udp_socket receiver = bound(loopback), sender = sender_by(how, loopback);
        const net::endpoint where = receiver.local_endpoint();
        std::error_code error;
        CHECK(sender.send_segments("abc", 0, where, error) == 0);
        CHECK(error == std::errc::invalid_argument);
        CHECK(sender.send_segments("abc", 1, {loopback, 0}, error) == 0);
        CHECK(error == std::errc::invalid_argument);  // not only because segments are refused with that very code
        CHECK(sender.send_segments("abc", 1, {}, error) == 0);
        CHECK(error == std::errc::destination_address_required);
        const std::string two(2 * 65'508, 'x');
        CHECK(sender.send_segments(two, 65'508, where, error) == 0);
        CHECK(error == std::errc::message_size);
        CHECK(failure_of([&] { sender.send_segments(two, 65'508, where); }).what ==
              "send_segments (0 datagrams sent) to " + where.to_string() +
                  " (65508 bytes; a datagram over IPv4 holds at most 65507): Message too long");
        CHECK(sender.send_segments("abc", SIZE_MAX, where, error) == 1);  // one, and shorter
        CHECK_FALSE(error);
        CHECK(receive(receiver) == "abc");
        CHECK(has_nothing(receiver));
        const net::endpoint broadcast{net::ipv4_address{127, 255, 255, 255}, where.port()};
        CHECK(sender.send_segments("abc", 1, broadcast, error) == 0);
        CHECK(error == std::errc::permission_denied);
    }
}

TEST_CASE("merged datagrams are taken apart again, and one by one they are the same") {
    for (const net::ip_address& address : loopbacks()) {
        for (const bool merges : {true, false}) {
            for (const way& how : ways) {
                if (how.refused && address.is_v6()) continue;
                for (const auto& [bytes, size] : loads) {
                    INFO(address << ", " << how.name << (merges ? ", merged: " : ": ") << bytes << " in segments of "
                                 << size);
                    net::udp_socket receiver = bound(address, {.kernel_offload = merges});
                    receiver.set_option(net::option::receive_buffer{1 << 20});
                    receiver.set_timeout(60s);
                    const bool helped = receiver.enable_receive_offload();
                    if (!merges) CHECK_FALSE(helped);
                    net::udp_socket sender = sender_by(how, address);
                    const std::string sent = pattern(bytes);
                    const texts expected = cut(sent, size);
                    sender.send_segments(sent, size, receiver.local_endpoint());
                    net::datagram_batch batch{3, net::datagram_batch::any_size};
                    texts received;
                    while (received.size() < expected.size())
                        for (const auto& one : receiver.recv_batch(batch)) {
                            CHECK_FALSE(one.truncated);
                            CHECK(one.sender == sender.local_endpoint());
                            received.push_back(text(one.bytes));
                        }
                    CHECK((received == expected));
                }
            }
        }
    }
}

TEST_CASE("where the kernel merges, one message brings many datagrams") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    if (!receiver.enable_receive_offload()) NETNOTES_SKIP("this kernel has no UDP_GRO");
    sender.send_segments(pattern(640), 10, receiver.local_endpoint());
    sender.send_to("", receiver.local_endpoint());
    net::datagram_batch batch{1, net::datagram_batch::any_size};
    const std::size_t before = allocations;
    CHECK(receiver.recv_batch(batch).size() == 64);
    const auto empty = receiver.recv_batch(batch);
    CHECK(allocations == before);
    REQUIRE(empty.size() == 1);
    CHECK(empty[0].bytes.empty());
    CHECK(empty[0].sender == sender.local_endpoint());
}

TEST_CASE("with receive offload what could lose or glue datagrams is refused, helped by the kernel or not") {
    for (const bool merges : {true, false}) {
        net::udp_socket receiver = bound(loopback, {.kernel_offload = merges});
        receiver.set_timeout(0s);
        receiver.enable_receive_offload();
        char buffer[8];
        CHECK(failure_of([&] { receiver.recv_from(buffer); }).code == std::errc::operation_not_supported);
        net::datagram_batch small{4, 2048};
        CHECK(failure_of([&] { receiver.recv_batch(small); }).code == std::errc::invalid_argument);
        net::udp_socket moved = std::move(receiver);
        CHECK(failure_of([&] { moved.recv_from(buffer); }).code == std::errc::operation_not_supported);
    }
    net::udp_socket none;
    std::error_code error;
    CHECK_FALSE(none.enable_receive_offload(error));
    CHECK(error == std::errc::bad_file_descriptor);
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

// ---- Multicast -----------------------------------------------------------------------------------------

namespace {

/// A group, on one interface of this host, with its address there.
struct group {
    net::ip_address address, source;
    std::string interface;
    [[nodiscard]] unsigned index() const { return net::interface_index(interface); }
    [[nodiscard]] net::endpoint at(std::uint16_t port) const { return {address, port}; }
    [[nodiscard]] net::endpoint anywhere() const {
        return address.is_v4() ? net::endpoint{} : net::endpoint{net::ipv6_address::any(), 0};
    }
};

/// What it sends stays on this host: no test has any business on the network.
net::udp_socket sender_to(const group& where) {
    net::udp_socket sender{net::endpoint{where.source, 0}};
    sender.set_multicast_interface(where.index());
    sender.set_multicast_ttl(0);
    return sender;
}
bool works(const group& one) {
    std::error_code error;
    net::udp_socket sender{net::endpoint{one.source, 0}, {}, error};  // an IPv6 address may still be tentative
    if (error) return false;
    sender = sender_to(one);
    sender.join(one.address, one.index(), error);
    if (!error) sender.send_to("", one.at(9), error);
    return !error;
}
const net::ip_address group_v4{"239.255.77.1"}, group_v6{"ff12::4e65:7401"};

/// On the addresses of all interfaces that are up; "lo" comes first, and needs no route for IPv4.
std::vector<group> all_groups() {
    std::vector<group> found;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return found;
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
        if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP)) continue;
        net::socket_address address;
        const auto family = entry->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        std::memcpy(address.data(), entry->ifa_addr, size);
        address.resize(size);
        const group one{family == AF_INET ? group_v4 : group_v6, address.ip().address(), entry->ifa_name};
        if (works(one)) found.push_back(one);
    }
    ::freeifaddrs(list);
    return found;
}
/// Of each family the first.
std::vector<group> groups() {
    static const std::vector<group> usable = [] {
        std::vector<group> found;
        for (const bool v4 : {true, false}) {
            const auto all = all_groups();
            const auto one = std::find_if(all.begin(), all.end(),
                                          [&](const group& candidate) { return candidate.address.is_v4() == v4; });
            if (one == all.end()) WARN("SKIPPED: no interface for multicast over IPv" << (v4 ? 4 : 6));
            if (one != all.end()) found.push_back(*one);
        }
        return found;
    }();
    return usable;
}
/// Two sockets on one port, as two programs would have them.
std::pair<net::udp_socket, net::udp_socket> two_on_one_port(const group& where) {
    net::udp_socket first{where.anywhere(), {.reuse_address = true}};
    const auto port = first.local_endpoint().port();
    net::udp_socket second{{where.anywhere().address(), port}, {.reuse_address = true}};
    return {std::move(first), std::move(second)};
}

}  // namespace

TEST_CASE("a group's datagram reaches its members, and nobody else on that port") {
    for (const group& where : groups()) {
        INFO(where.address);
        auto [first, second] = two_on_one_port(where);
        const auto port = first.local_endpoint().port();
        net::udp_socket stranger{{where.anywhere().address(), port}, {.reuse_address = true}};
        net::udp_socket sender = sender_to(where);
        first.join(where.address, where.index());
        second.join(where.address, where.index());
        sender.send_to("to all members", where.at(port));
        char buffer[32];
        for (net::udp_socket* member : {&first, &second}) {
            const auto got = member->recv_from(buffer);
            CHECK(text(got.bytes) == "to all members");
            CHECK(got.sender == sender.local_endpoint());
        }
        CHECK(has_nothing(stranger));
        std::error_code error;
        first.join(where.address, where.index(), error);
        CHECK(error == std::errc::address_in_use);
    }
}

TEST_CASE("who has left a group hears it no more, though others on this host still do") {
    for (const group& where : groups()) {
        INFO(where.address);
        auto [leaves, stays] = two_on_one_port(where);
        const net::endpoint to = where.at(leaves.local_endpoint().port());
        net::udp_socket sender = sender_to(where);
        leaves.join(where.address, where.index());
        stays.join(where.address, where.index());
        sender.send_to("1", to);
        CHECK(receive(leaves) == "1");
        CHECK(receive(stays) == "1");
        leaves.leave(where.address, where.index());
        sender.send_to("2", to);
        CHECK(receive(stays) == "2");
        CHECK(has_nothing(leaves));
        leaves.join(where.address, where.index());
        sender.send_to("3", to);
        CHECK(receive(leaves) == "3");
        leaves.leave(where.address, where.index());
        std::error_code error;
        leaves.leave(where.address, where.index(), error);
        CHECK(error == std::errc::address_not_available);
        CHECK_THAT(failure_of([&, &gone = leaves] { gone.leave(where.address, where.index()); }).what,
                   StartsWith("leave " + where.address.to_string() + " on "));
    }
}

TEST_CASE("without loop this host's members hear nothing") {
    bool tested = false;
    for (const group& where : all_groups()) {
        if (where.interface == "lo") continue;  // there everything comes back
        INFO(where.address << " on " << where.interface);
        tested = true;
        net::udp_socket member{where.anywhere()};
        member.join(where.address, where.index());
        const net::endpoint to = where.at(member.local_endpoint().port());
        net::udp_socket sender = sender_to(where);
        CHECK(sender.multicast_loop());
        sender.set_multicast_loop(false);
        CHECK_FALSE(sender.multicast_loop());
        sender.send_to("unheard", to);
        CHECK(has_nothing(member));
        sender.set_multicast_loop(true);
        sender.send_to("heard", to);
        CHECK(receive(member) == "heard");
    }
    if (!tested) NETNOTES_SKIP("no interface but lo");
}

TEST_CASE("a source-specific member hears that source only") {
    for (const group& general : groups()) {
        group where = general;
        where.address = net::ip_address{general.address.is_v4() ? "232.255.77.1" : "ff32::4e65:7401"};
        INFO(where.address << " on " << where.interface);
        auto [wants, wants_other] = two_on_one_port(where);
        const net::endpoint to = where.at(wants.local_endpoint().port());
        const net::ip_address other{general.address.is_v4() ? "127.0.0.2" : "2001:db8::2"};
        wants.join(where.address, where.source, where.index());
        wants_other.join(where.address, other, where.index());
        net::udp_socket sender = sender_to(where);
        sender.send_to("from the source", to);
        CHECK(receive(wants) == "from the source");
        CHECK(has_nothing(wants_other));
        if (general.address.is_v4()) {  // all of 127.0.0.0/8 is this host's
            group there = where;
            there.source = other;
            net::udp_socket from_other = sender_to(there);
            from_other.send_to("from the other", to);
            CHECK(receive(wants_other) == "from the other");
            CHECK(has_nothing(wants));
        }
        wants_other.join(where.address, where.source, where.index());  // several sources
        sender.send_to("to both", to);
        CHECK(receive(wants) == "to both");
        CHECK(receive(wants_other) == "to both");
        wants.leave(where.address, where.source, where.index());
        sender.send_to("to one", to);
        CHECK(receive(wants_other) == "to one");
        CHECK(has_nothing(wants));
        std::error_code error;
        wants.leave(where.address, where.source, where.index(), error);
        CHECK(error);
        wants_other.join(where.address, where.index(), error);
        CHECK(error);  // one kind of membership or the other
    }
}

TEST_CASE("the options of multicast are read back, and are those of the socket's family") {
    std::vector<net::address_family> families{net::address_family::inet};
    if (support::has_ipv6()) families.push_back(net::address_family::inet6);
    for (const net::address_family family : families) {
        net::udp_socket socket{family};
        CHECK(socket.multicast_ttl() == 1);
        for (const int ttl : {0, 1, 32, 255}) {
            socket.set_multicast_ttl(ttl);
            CHECK(socket.multicast_ttl() == ttl);
        }
        std::error_code error;
        for (const int wrong : {-1, 256, 100'000}) {
            socket.set_multicast_ttl(wrong, error);
            CHECK(error == std::errc::invalid_argument);
        }
        CHECK(failure_of([&] { socket.set_multicast_ttl(256); }).code == std::errc::invalid_argument);
        CHECK(socket.multicast_ttl() == 255);
        const unsigned lo = net::interface_index("lo");
        socket.set_multicast_interface(lo);
        socket.set_multicast_interface(0);
        socket.set_multicast_interface(999'999, error);
        CHECK(error);
        socket.join(loopback, lo, error);
        CHECK(error == std::errc::invalid_argument);  // not a group
    }
}

TEST_CASE("an IPv6 socket joins IPv4 groups and sends to them") {
    if (!support::has_ipv6()) NETNOTES_SKIP("no IPv6 here");
    const group where{group_v4, loopback, "lo"};
    net::udp_socket member{net::endpoint{net::ipv6_address::any(), 0}};
    const net::endpoint to = where.at(member.local_endpoint().port());
    member.join(where.address, where.index());
    sender_to(where).send_to("IPv4", to);
    char buffer[32];
    const auto got = member.recv_from(buffer);
    CHECK(text(got.bytes) == "IPv4");
    CHECK(got.sender.address().unmapped() == where.source);
    net::udp_socket dual{net::address_family::inet6};
    dual.set_multicast_interface(where.index());
    dual.set_multicast_ttl(0);
    dual.send_to("dual", to);
    CHECK(receive(member) == "dual");
    dual.set_multicast_loop(false);
    dual.set_multicast_ttl(7);
    for (const auto& [name, value] : {std::pair{IP_MULTICAST_LOOP, 0}, {IP_MULTICAST_TTL, 7}}) {  // of its IPv4 side
        int set = -1;
        dual.get_option(IPPROTO_IP, name, std::as_writable_bytes(std::span{&set, 1}));
        CHECK(set == value);
    }
    member.leave(where.address, where.index());
    sender_to(where).send_to("left", to);
    CHECK(has_nothing(member));
}

TEST_CASE("an IPv6 group's zone names its interface") {
    const auto all = groups();
    const auto where = std::find_if(all.begin(), all.end(), [](const group& one) { return one.address.is_v6(); });
    if (where == all.end()) NETNOTES_SKIP("no multicast over IPv6 here");
    const net::ip_address zoned{where->address.to_string() + "%" + where->interface};
    net::udp_socket member{where->anywhere()};
    member.join(zoned);
    net::udp_socket sender{net::address_family::inet6};
    sender.set_multicast_ttl(0);
    sender.send_to("by the zone", {zoned, member.local_endpoint().port()});
    CHECK(receive(member) == "by the zone");
    member.leave(zoned);
    sender.send_to("left", {zoned, member.local_endpoint().port()});
    CHECK(has_nothing(member));
}

TEST_CASE("segments and batches go to groups and come from them") {
    for (const group& where : groups()) {
        INFO(where.address);
        net::udp_socket member{where.anywhere()};
        member.join(where.address, where.index());
        const net::endpoint to = where.at(member.local_endpoint().port());
        net::udp_socket sender = sender_to(where);
        sender.send_segments("abc", 1, to);
        net::datagram_batch batch;
        texts received;
        while (received.size() < 3)
            for (const std::string& one : texts_of(member.recv_batch(batch))) received.push_back(one);
        CHECK(received == texts{"a", "b", "c"});
    }
}

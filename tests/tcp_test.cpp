// What tcp.hpp promises: streams, listeners on both kinds of address, and a server that outlives its clients.

#include <netnotes/tcp.hpp>

#include "support.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>

using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using support::background;
using support::closed_port;
using support::failure_of;
using support::loopbacks;
using support::open_descriptors;
using support::pattern;

namespace {

constexpr auto a_while = 30ms;
const net::endpoint anywhere_on_loopback{net::ipv4_address::loopback(), 0};

std::string receive_all(net::tcp_stream& from) {
    std::string all;
    char buffer[4096];
    while (const std::size_t size = from.recv(buffer)) all.append(buffer, size);
    return all;
}
std::string receive_some(net::tcp_stream& from) {
    char buffer[4096];
    return {buffer, from.recv(buffer)};
}
void reset(net::tcp_stream& connection) {
    connection.set_option(net::option::linger{0s});
    connection.close();
}

/// Holds a port at one address, without listening, and makes something with the same port at another. Until a port
/// is found that is free at both.
template <class Make>
auto free_at_both(const net::ip_address& address, Make make) {
    for (;;) {
        net::socket held = support::bound(address, net::socket_type::stream);
        try {
            auto made = make(held.local_endpoint().ip().port());
            return std::pair{std::move(held), std::move(made)};
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::address_in_use) throw;
        }
    }
}

/// What one thread tells and another waits for, one word at a time.
class story {
  public:
    void tell(std::string word) {
        const std::lock_guard lock{mutex_};
        words_.push_back(std::move(word));
        told_.notify_all();
    }
    /// Waits for as many words and returns those; more may have been told by then.
    std::vector<std::string> first(std::size_t count) {
        std::unique_lock lock{mutex_};
        told_.wait(lock, [&] { return words_.size() >= count; });
        return {words_.begin(), std::next(words_.begin(), static_cast<std::ptrdiff_t>(count))};
    }
    std::size_t size() {
        const std::lock_guard lock{mutex_};
        return words_.size();
    }

  private:
    std::mutex mutex_;
    std::condition_variable told_;
    std::list<std::string> words_;
};
using words = std::vector<std::string>;

/// Takes every descriptor that this process may have, so that the next accept() has none. What happens meanwhile is
/// looked at afterwards: UBSan needs a descriptor to look at an object of a class that it has not met before, and
/// Catch2's assertions are full of them.
class no_descriptors_left {
  public:
    no_descriptors_left() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        struct rlimit few = before_;
        few.rlim_cur = static_cast<rlim_t>(open_descriptors()) + 16;  // few to take, and room for those in use
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (int next; (next = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(next);
    }
    no_descriptors_left(const no_descriptors_left&) = delete;
    no_descriptors_left& operator=(const no_descriptors_left&) = delete;
    ~no_descriptors_left() {
        while (!taken_.empty()) give_back_one();
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    void give_back_one() {
        ::close(taken_.back());
        taken_.pop_back();
    }

  private:
    struct rlimit before_ {};
    std::vector<int> taken_;
};

}  // namespace

// ---- Streams and listeners -----------------------------------------------------------------------------

static_assert(!std::is_copy_constructible_v<net::tcp_stream> && !std::is_copy_constructible_v<net::tcp_listener>);
static_assert(std::is_nothrow_move_constructible_v<net::tcp_stream> &&
              std::is_nothrow_move_assignable_v<net::tcp_stream>);
static_assert(std::is_nothrow_move_constructible_v<net::tcp_listener>);
static_assert(!std::is_convertible_v<net::tcp_stream, net::socket>, "a stream is a socket only when asked to be");
static_assert(!std::is_convertible_v<net::tcp_stream&, net::socket&>);

TEST_CASE("a client and a server talk") {
    for (const net::ip_address& address : loopbacks()) {
        const auto before = open_descriptors();
        {
            net::tcp_listener listener{{address, 0}};
            const net::endpoint where = listener.local_endpoint();
            CHECK(where.address() == address);
            CHECK(where.port() != 0);
            net::tcp_stream client{where};
            auto [server, peer] = listener.accept();
            CHECK(peer == client.local_endpoint());
            CHECK(server.peer_endpoint() == peer);
            CHECK(server.local_endpoint() == where);
            CHECK(client.peer_endpoint() == where);
            client.send_all("hello");
            client.shutdown(net::shutdown_direction::send);
            CHECK(receive_all(server) == "hello");
            server.send_all("bye");
            server.close();
            CHECK(receive_all(client) == "bye");
        }
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("streams and listeners that were only declared are none") {
    net::tcp_stream stream;
    net::tcp_listener listener;
    CHECK_FALSE(stream.is_open());
    CHECK_FALSE(listener.is_open());
    CHECK(failure_of([&] { stream.send("x"); }).code == std::errc::bad_file_descriptor);
    CHECK(failure_of([&] { listener.accept(); }).what == "accept: Bad file descriptor");
}

TEST_CASE("a stream and a listener become plain sockets and back") {
    const auto before = open_descriptors();
    {
        net::tcp_listener listener{anywhere_on_loopback};
        const net::endpoint where = listener.local_endpoint();
        net::socket plain_listener = std::move(listener).into_socket();
        CHECK_FALSE(listener.is_open());  // NOLINT(bugprone-use-after-move): that is what is asked
        net::tcp_stream client{where};
        const int descriptor = client.native_handle();
        net::socket plain = std::move(client).into_socket();
        CHECK_FALSE(client.is_open());  // NOLINT(bugprone-use-after-move)
        CHECK(plain.native_handle() == descriptor);
        net::tcp_stream again{std::move(plain)};
        again.send_all("x");
        net::tcp_stream server{plain_listener.accept().connection};
        CHECK(receive_some(server) == "x");
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("both ends of a connection are close-on-exec") {
    net::tcp_listener listener{anywhere_on_loopback};
    const net::tcp_stream client{listener.local_endpoint()};
    const auto [server, peer] = listener.accept();
    for (const int descriptor : {listener.native_handle(), client.native_handle(), server.native_handle()})
        CHECK((::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a port in use is an error that names it") {
    for (const net::ip_address& address : loopbacks()) {
        const auto before = open_descriptors();
        {
            const net::tcp_listener listener{{address, 0}};
            const auto failure = failure_of([&] { net::tcp_listener{listener.local_endpoint()}; });
            CHECK(failure.code == std::errc::address_in_use);
            CHECK(failure.what == "bind " + listener.local_endpoint().to_string() + ": Address already in use");
        }
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("a server can be started again at once on its port") {
    for (const net::ip_address& address : loopbacks()) {
        net::endpoint where{address, 0};
        for (int start = 0; start < 3; ++start) {
            INFO(address << ", start " << start);
            net::tcp_listener listener{where};
            where = listener.local_endpoint();
            net::tcp_stream client{where};
            auto [server, peer] = listener.accept();
            server.close();  // who closes first keeps the connection's ghost, here on the server's port
            CHECK(receive_all(client).empty());
        }
    }
}

TEST_CASE("an IPv6 listener on every address also takes IPv4 clients") {
    if (!support::has_ipv6()) NETNOTES_SKIP("no IPv6 on this machine");
    net::tcp_listener listener{{net::ipv6_address::any(), 0}};
    const std::uint16_t port = listener.local_endpoint().port();
    const net::tcp_stream client4{net::endpoint{net::ipv4_address::loopback(), port}};
    const auto peer4 = listener.accept().peer;
    CHECK(peer4.address().to_string() == "::ffff:127.0.0.1");
    CHECK(peer4.address().unmapped() == net::ip_address{net::ipv4_address::loopback()});
    CHECK(peer4.port() == client4.local_endpoint().port());
    const net::tcp_stream client6{net::endpoint{net::ipv6_address::loopback(), port}};
    CHECK(listener.accept().peer == client6.local_endpoint());
}

TEST_CASE("an IPv6 listener that says so takes no IPv4 clients") {
    if (!support::has_ipv6()) NETNOTES_SKIP("no IPv6 on this machine");
    auto [held, listener] = free_at_both(net::ipv4_address::loopback(), [](std::uint16_t port) {
        return net::tcp_listener{{net::ipv6_address::any(), port}, {.ipv6_only = true}};
    });
    const net::endpoint where4{net::ipv4_address::loopback(), listener.local_endpoint().port()};
    CHECK(failure_of([&] { net::tcp_stream{where4}; }).code == std::errc::connection_refused);
    const net::tcp_stream client6{net::endpoint{net::ipv6_address::loopback(), where4.port()}};
    CHECK(listener.accept().peer == client6.local_endpoint());
}

TEST_CASE("listeners that all say so share a port") {
    net::tcp_listener first{anywhere_on_loopback, {.reuse_port = true}};
    const net::endpoint where = first.local_endpoint();
    CHECK(failure_of([&] { net::tcp_listener{where}; }).code == std::errc::address_in_use);
    net::tcp_listener second{where, {.reuse_port = true}};
    CHECK(second.local_endpoint() == where);
    // The kernel chooses between the two; that a client is always taken by one of them is what counts.
    first.set_blocking(false);
    second.set_blocking(false);
    for (int i = 0; i < 8; ++i) {
        const net::tcp_stream client{where};
        std::error_code first_error, second_error;
        const auto by_first = first.accept(first_error);
        const auto by_second = second.accept(second_error);
        CHECK(by_first.stream.is_open() != by_second.stream.is_open());
    }
}

TEST_CASE("the backlog is the listener's") {
    net::tcp_listener listener{anywhere_on_loopback, {.backlog = 3}};
    tcp_info info{};
    listener.get_option(IPPROTO_TCP, TCP_INFO, std::as_writable_bytes(std::span{&info, 1}));
    CHECK(info.tcpi_sacked == 3);  // for a listener, that is its backlog
}

TEST_CASE("accepted streams inherit no_delay") {
    for (const net::ip_address& address : loopbacks()) {
        net::tcp_listener listener{{address, 0}};
        const net::tcp_stream first_client{listener.local_endpoint()};
        CHECK_FALSE(listener.accept().stream.get_option<net::option::no_delay>());
        listener.set_option(net::option::no_delay{});
        const net::tcp_stream second_client{listener.local_endpoint()};
        CHECK(listener.accept().stream.get_option<net::option::no_delay>());
    }
}

TEST_CASE("accept without an exception tells why there is no stream") {
    net::tcp_listener listener{anywhere_on_loopback};
    std::error_code error;
    listener.set_blocking(false);
    CHECK_FALSE(listener.accept(error).stream.is_open());
    CHECK(error == std::errc::operation_would_block);
    listener.set_timeout(a_while);
    CHECK_FALSE(listener.accept(error).stream.is_open());
    CHECK(error == std::errc::timed_out);
    CHECK(failure_of([&] { listener.accept(); }).what ==
          "accept on " + listener.local_endpoint().to_string() + ": Connection timed out");
}

TEST_CASE("who has been reset is not connected any more") {
    net::tcp_listener listener{anywhere_on_loopback};
    net::tcp_stream client{listener.local_endpoint()};
    auto server = listener.accept().stream;
    reset(server);
    CHECK(failure_of([&] { receive_some(client); }).code == std::errc::connection_reset);
    CHECK(failure_of([&] { static_cast<void>(client.peer_endpoint()); }).code == std::errc::not_connected);
}

// ---- Connecting ----------------------------------------------------------------------------------------

TEST_CASE("a refused connection names who refused") {
    for (const net::ip_address& address : loopbacks()) {
        const auto before = open_descriptors();
        {
            const closed_port closed{address};
            const std::string what = "connect " + closed.where().to_string() + ": Connection refused";
            CHECK(failure_of([&] { net::tcp_stream{closed.where()}; }).what == what);
            CHECK(failure_of([&] { net::tcp_stream::connect(closed.where(), 1h); }).what == what);
            std::error_code error;
            CHECK_FALSE(net::tcp_stream::connect(closed.where(), net::never, error).is_open());
            CHECK(error == std::errc::connection_refused);
        }
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("connecting ends when its time is up and not before") {
    for (const net::ip_address& address : loopbacks()) {
        // A full queue is a server that does not answer: the kernel drops what comes.
        const net::socket listener = support::listening(address, 0), inside = support::client_of(listener);
        const net::endpoint where = listener.local_endpoint().ip();
        const auto before = open_descriptors();
        const auto start = net::clock::now();
        CHECK(failure_of([&] { net::tcp_stream::connect(where, a_while); }).what ==
              "connect " + where.to_string() + ": Connection timed out");
        CHECK(net::clock::now() - start >= a_while);
        std::error_code error;
        CHECK_FALSE(net::tcp_stream::connect(where, a_while, error).is_open());
        CHECK(error == std::errc::timed_out);
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("the time limit of connecting is no limit of the conversation") {
    net::tcp_listener listener{anywhere_on_loopback};
    net::tcp_stream client = net::tcp_stream::connect(listener.local_endpoint(), 1h);
    CHECK(client.timeout() == net::never);
    CHECK(client.deadline() == net::time_point::max());
    CHECK(client.is_blocking());
    CHECK((::fcntl(client.native_handle(), F_GETFL) & O_NONBLOCK) == 0);
}

namespace {
/// The empty host stands for the loopback addresses of both families (getaddrinfo(3)), whatever /etc/hosts says
/// of localhost. One port, held at both addresses, in the order in which they are tried. Nobody listens yet.
struct two_addresses {
    net::socket first, second;
    std::uint16_t port = 0;
    std::vector<net::endpoint> order;

    bool exist() {
        if (!support::has_ipv6()) return false;  // which the resolver does not look at
        order = net::resolve("", 80);
        if (order.size() != 2 || order[0].address().is_v4() == order[1].address().is_v4()) return false;
        std::tie(first, second) = free_at_both(order[0].address(), [&](std::uint16_t free) {
            net::socket made{support::family_of(order[1].address()), net::socket_type::stream};
            made.bind(net::endpoint{order[1].address(), free});
            return made;
        });
        port = first.local_endpoint().ip().port();
        order = net::resolve("", port);
        return true;
    }
};
}  // namespace

TEST_CASE("connecting by name goes on to the next address when the first refuses") {
    two_addresses host;
    if (!host.exist()) NETNOTES_SKIP("no name here has an IPv6 and an IPv4 address");
    host.second.listen();
    CHECK(failure_of([&] { net::tcp_stream{host.order[0]}; }).code == std::errc::connection_refused);
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        const auto before = open_descriptors();
        net::tcp_stream client = net::tcp_stream::connect("", host.port, timeout);
        CHECK(open_descriptors() == before + 1);
        CHECK(client.peer_endpoint() == host.order[1]);
        CHECK(host.second.accept().peer == client.local_endpoint());
    }
}

TEST_CASE("when every address refuses the error is the last one's") {
    two_addresses host;
    if (!host.exist()) NETNOTES_SKIP("no name here has an IPv6 and an IPv4 address");
    const auto before = open_descriptors();
    const auto failure = failure_of([&] { net::tcp_stream::connect("", host.port); });
    CHECK(failure.code == std::errc::connection_refused);
    CHECK(failure.what == "connect :" + std::to_string(host.port) +
                              " (the last of 2 addresses: " + host.order[1].to_string() + "): Connection refused");
    CHECK(open_descriptors() == before);
}

TEST_CASE("the time limit of connecting by name is for all addresses together") {
    two_addresses host;
    if (!host.exist()) NETNOTES_SKIP("no name here has an IPv6 and an IPv4 address");
    // The first does not answer: a full queue. Its wait takes all the time, and none is left for the second.
    host.first.listen(0);
    host.second.listen();
    const net::tcp_stream inside{host.order[0]};
    const auto start = net::clock::now();
    const auto failure = failure_of([&] { net::tcp_stream::connect("", host.port, a_while); });
    CHECK(failure.code == std::errc::timed_out);
    CHECK_THAT(failure.what, StartsWith("connect :" + std::to_string(host.port) + " (the last of 2 addresses: "));
    CHECK(net::clock::now() - start >= a_while);
}

TEST_CASE("a zone that is no interface is an error like any other") {
    const net::endpoint where{net::ipv6_address{"fe80::1%no-such-if"}, 80};
    std::error_code error;
    CHECK_FALSE(net::tcp_stream::connect(where, net::never, error).is_open());
    CHECK(error == std::errc::no_such_device);
    CHECK(failure_of([&] { net::tcp_stream{where}; }).what == "connect [fe80::1%no-such-if]:80: No such device");
    CHECK(failure_of([&] { net::tcp_listener{where}; }).what == "zone of fe80::1%no-such-if: No such device");
}

TEST_CASE("connecting to a host that does not exist is the resolver's error") {
    const auto failure = failure_of([] { net::tcp_stream::connect("no-such-host.invalid", 80); });
    CHECK(failure.code.category() == net::resolver_category());
    CHECK_THAT(failure.what, StartsWith("resolve no-such-host.invalid:80: "));
}

TEST_CASE("a stop ends a conversation and the wait for one") {
    net::stop_event stop;
    net::tcp_listener listener{anywhere_on_loopback};
    net::tcp_stream client{listener.local_endpoint()};
    client.stop_with(stop);
    background receiving{[&] { return failure_of([&] { receive_some(client); }).code; }};
    receiving.await_waiting();
    auto server = listener.accept().stream;
    listener.stop_with(stop);
    background accepting{[&] { return failure_of([&] { listener.accept(); }).code; }};
    accepting.await_waiting();
    stop.request_stop();
    CHECK(receiving.get() == std::errc::operation_canceled);
    CHECK(accepting.get() == std::errc::operation_canceled);
}

// What tcp.hpp promises: streams, listeners on both kinds of address, and a server that outlives its clients.

#include <netnotes/tcp/stream.hpp>

#include "../support.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/resource.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <fstream>
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
            server.close();  // the side that closes first stays in TIME_WAIT, here on the server's port
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

TEST_CASE("after a reset the socket is not connected any more") {
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

TEST_CASE("when every address refuses the error says whose it is and how many there were") {
    two_addresses host;
    if (!host.exist()) NETNOTES_SKIP("no name here has an IPv6 and an IPv4 address");
    const auto before = open_descriptors();
    const auto failure = failure_of([&] { net::tcp_stream::connect("", host.port); });
    CHECK(failure.code == std::errc::connection_refused);
    CHECK(failure.what == "connect :" + std::to_string(host.port) + " (" + host.order[0].to_string() +
                              ", one of 2 addresses): Connection refused");
    CHECK(open_descriptors() == before);
}

TEST_CASE("connecting by name is not held up by an address that does not answer") {
    two_addresses host;
    if (!host.exist()) NETNOTES_SKIP("no name here has an IPv6 and an IPv4 address");
    host.first.listen(0);  // and its queue is full: it is silent
    host.second.listen();
    const net::tcp_stream inside{host.order[0]};
    const auto before = open_descriptors();
    const auto start = net::clock::now();
    const net::tcp_stream client = net::tcp_stream::connect("", host.port);
    CHECK(net::clock::now() - start >= 250ms);
    CHECK(client.peer_endpoint() == host.order[1]);
    CHECK(open_descriptors() == before + 1);
}

TEST_CASE("connecting by name without an exception tells what an exception would") {
    std::error_code error;
    CHECK_FALSE(net::tcp_stream::connect("no-such-host.invalid", 80, {}, error).is_open());
    CHECK(error.category() == net::resolver_category());
    const closed_port closed{net::ipv4_address::loopback()};
    CHECK_FALSE(net::tcp_stream::connect("127.0.0.1", closed.where().port(), {}, error).is_open());
    CHECK(error == std::errc::connection_refused);
    const net::tcp_listener listener{anywhere_on_loopback};
    CHECK(net::tcp_stream::connect("127.0.0.1", listener.local_endpoint().port(), {.timeout = 1h}, error).is_open());
    CHECK_FALSE(error);
}

// ---- Happy Eyeballs: order, and timing without a clock ---------------------------------------------------

TEST_CASE("the families take turns beginning with that of the first address") {
    const auto order_of = [](const std::vector<std::string>& given) {
        std::vector<net::endpoint> endpoints;
        for (const std::string& text : given) endpoints.emplace_back(net::ip_address{text}, std::uint16_t{80});
        std::vector<std::string> order;
        for (const net::endpoint& one : net::interleave_families(endpoints)) order.push_back(one.address().to_string());
        return order;
    };
    using list = std::vector<std::string>;
    CHECK(order_of({}) == list{});
    CHECK(order_of({"::1"}) == list{"::1"});
    CHECK(order_of({"1.0.0.1", "1.0.0.2"}) == list{"1.0.0.1", "1.0.0.2"});
    CHECK(order_of({"::1", "::2", "::3", "1.0.0.1"}) == list{"::1", "1.0.0.1", "::2", "::3"});
    CHECK(order_of({"1.0.0.1", "1.0.0.2", "1.0.0.3", "::1", "::2"}) ==
          list{"1.0.0.1", "::1", "1.0.0.2", "::2", "1.0.0.3"});
    CHECK(order_of({"::1", "1.0.0.1", "::2", "1.0.0.2"}) == list{"::1", "1.0.0.1", "::2", "1.0.0.2"});
    // An IPv4 address in IPv6 clothes is reached by IPv6 sockets, and stands among those.
    CHECK(order_of({"::ffff:1.0.0.9", "::1", "1.0.0.1"}) == list{"::ffff:1.0.0.9", "1.0.0.1", "::1"});
}

namespace {
/// A network in which every attempt ends as the test says, and at the time that it says. Its clock moves only by
/// waiting.
struct virtual_network {
    struct fate {
        net::duration after;  ///< zero: at once, within start()
        int error = 0;
    };
    std::vector<fate> fates;
    net::duration stop_at = net::never;
    std::vector<net::duration> started = {};  ///< when each attempt began
    std::vector<bool> pending = {};
    net::time_point time{};
    std::size_t descriptors = 1000;

    net::time_point now() const { return time; }
    std::error_code start(std::size_t attempt) {
        REQUIRE(attempt == started.size());  // in their order, each once
        if (static_cast<std::size_t>(std::count(pending.begin(), pending.end(), true)) >= descriptors)
            return {EMFILE, std::system_category()};
        started.push_back(time.time_since_epoch());
        pending.push_back(fates[attempt].after > 0s);
        if (pending.back()) return std::make_error_code(std::errc::operation_in_progress);
        return {fates[attempt].error, std::system_category()};
    }
    net::detail::attempt_end wait(net::time_point until) {
        std::optional<std::size_t> first;
        const auto end = [&](std::size_t i) { return net::detail::later(net::time_point{started[i]}, fates[i].after); };
        for (std::size_t i = 0; i < pending.size(); ++i)
            if (pending[i] && (!first || end(i) < end(*first))) first = i;
        const auto next = first ? end(*first) : net::time_point::max();
        if (std::min(next, until).time_since_epoch() >= stop_at)
            return {{}, std::make_error_code(std::errc::operation_canceled)};
        if (next > until) {
            REQUIRE(until < net::time_point::max());  // or it would wait for ever
            time = std::max(time, until);
            return {};
        }
        time = std::max(time, next);
        pending[*first] = false;
        return {first, {fates[*first].error, std::system_category()}};
    }
};
struct outcome {
    std::optional<std::size_t> attempt;
    std::error_code error;
    net::duration after;
    std::vector<net::duration> started;
};
using times = std::vector<net::duration>;

outcome race(std::vector<virtual_network::fate> fates, net::duration timeout = net::never,
             net::duration stop_at = net::never) {
    virtual_network network{.fates = std::move(fates), .stop_at = stop_at};
    const std::size_t count = network.fates.size();
    std::error_code error;
    const auto winner = net::detail::race(network, count, 250ms, net::detail::later(net::time_point{}, timeout), error);
    return {winner, error, network.time.time_since_epoch(), network.started};
}
}  // namespace

TEST_CASE("the first attempt has a quarter of a second for itself") {
    const outcome fast = race({{249ms}, {1ms}});
    CHECK(fast.attempt == 0u);
    CHECK(fast.started == times{0ms});
    const outcome slow = race({{251ms}, {100ms}});
    CHECK(slow.attempt == 0u);  // begun first, and ahead all the same
    CHECK(slow.after == 251ms);
    CHECK(slow.started == times{0ms, 250ms});
    const outcome overtaken = race({{10s}, {100ms}});
    CHECK(overtaken.attempt == 1u);
    CHECK(overtaken.after == 350ms);
    CHECK_FALSE(overtaken.error);
}

TEST_CASE("attempts begin a quarter of a second apart however many there are") {
    const outcome all_silent_but_the_last = race({{1h}, {1h}, {1h}, {1h}, {10ms}});
    CHECK(all_silent_but_the_last.attempt == 4u);
    CHECK(all_silent_but_the_last.after == 1010ms);
    CHECK(all_silent_but_the_last.started == times{0ms, 250ms, 500ms, 750ms, 1000ms});
}

TEST_CASE("after a failure the next attempt begins at once and the delay with it") {
    const outcome refused = race({{20ms, ECONNREFUSED}, {0s, ENETUNREACH}, {1h}, {1h}, {1ms}});
    CHECK(refused.attempt == 4u);
    CHECK(refused.started == times{0ms, 20ms, 20ms, 270ms, 520ms});
    // An earlier attempt that fails late hurries on the next as well.
    const outcome late = race({{300ms, ECONNREFUSED}, {1h}, {1ms}});
    CHECK(late.started == times{0ms, 250ms, 300ms});
    CHECK(late.after == 301ms);
}

TEST_CASE("an attempt that stands at once ends the race") {
    const outcome at_once = race({{0s}, {0s}});
    CHECK(at_once.attempt == 0u);
    CHECK(at_once.started == times{0ms});
    CHECK(race({{0s, EAFNOSUPPORT}, {0s}}).attempt == 1u);
}

TEST_CASE("the time limit is for all attempts together and zero is now") {
    const outcome silent = race({{1h}, {1h}, {1h}, {1h}}, 600ms);
    CHECK_FALSE(silent.attempt);
    CHECK(silent.error == std::errc::timed_out);
    CHECK(silent.after == 600ms);
    CHECK(silent.started == times{0ms, 250ms, 500ms});
    const outcome now = race({{1ms}, {0s}}, 0s);
    CHECK(now.error == std::errc::timed_out);
    CHECK(now.started == times{0ms});
    CHECK(race({{0s}}, 0s).attempt == 0u);
    CHECK(race({{0s, ECONNREFUSED}, {0s}}, 0s).attempt == 1u);
    // The kernel's own limit may come before.
    CHECK(race({{130s, ETIMEDOUT}}, 1h).attempt == 0u);
    CHECK(race({{130s, ETIMEDOUT}}, 1h).after == 130s);
}

TEST_CASE("if all attempts fail, the most informative error is reported, and the first of its kind") {
    const auto told = [](std::vector<virtual_network::fate> fates) {
        const outcome all = race(std::move(fates));
        REQUIRE(all.attempt);
        return std::pair{*all.attempt, all.error.value()};
    };
    using pair = std::pair<std::size_t, int>;
    CHECK(told({{0s, ENETUNREACH}, {5ms, ECONNREFUSED}}) == pair{1, ECONNREFUSED});
    CHECK(told({{5ms, ECONNREFUSED}, {0s, ENETUNREACH}}) == pair{0, ECONNREFUSED});
    CHECK(told({{0s, ENETUNREACH}, {130s, ETIMEDOUT}, {3s, EHOSTUNREACH}}) == pair{2, EHOSTUNREACH});
    CHECK(told({{0s, ENETUNREACH}, {0s, EMFILE}, {0s, EAFNOSUPPORT}}) == pair{1, EMFILE});
    CHECK(told({{0s, EAFNOSUPPORT}, {0s, EADDRNOTAVAIL}}) == pair{0, EAFNOSUPPORT});
    CHECK(told({{5ms, ECONNREFUSED}, {1ms, ECONNREFUSED}}) == pair{0, ECONNREFUSED});
}

TEST_CASE("a stop ends the race and no attempt begins after it") {
    const outcome stopped = race({{1h}, {1h}, {1h}}, 1h, 300ms);
    CHECK(stopped.error == std::errc::operation_canceled);
    CHECK_FALSE(stopped.attempt);
    CHECK(stopped.started == times{0ms, 250ms});
}

TEST_CASE("no number of silent addresses holds up the next one") {
    for (const std::size_t dead : {15u, 16u, 17u, 63u, 64u, 200u}) {
        CAPTURE(dead);
        std::vector<virtual_network::fate> fates(dead, {1h});
        fates.push_back({10ms});
        const outcome last = race(std::move(fates));
        CHECK(last.attempt == dead);
        CHECK(last.after == dead * 250ms + 10ms);
    }
}

TEST_CASE("where descriptors run out the next attempt waits for one and does not count as failed") {
    const auto with_two = [](std::vector<virtual_network::fate> fates, net::duration timeout) {
        virtual_network network{.fates = std::move(fates), .descriptors = 2};
        const std::size_t count = network.fates.size();
        std::error_code error;
        const auto winner =
            net::detail::race(network, count, 250ms, net::detail::later(net::time_point{}, timeout), error);
        return outcome{winner, error, network.time.time_since_epoch(), network.started};
    };
    const outcome two_at_once = with_two({{1s, ECONNREFUSED}, {1h}, {10ms}}, 1h);
    CHECK(two_at_once.attempt == 2u);
    CHECK(two_at_once.started == times{0ms, 250ms, 1000ms});
    const outcome none_ends = with_two({{1h}, {1h}, {10ms}}, 5s);
    CHECK(none_ends.error == std::errc::timed_out);
    CHECK(none_ends.after == 5s);
    // With none under way there is nothing to wait for: it is the error.
    CHECK(race({{0s, EMFILE}, {0s, ENFILE}}).error == std::errc::too_many_files_open);
}

// ---- Happy Eyeballs on real sockets ----------------------------------------------------------------------

namespace {
/// A server that does not answer, at an address of this machine: its queue is full, and the kernel drops what comes.
class silent_server {
  public:
    explicit silent_server(const std::string& address)
        : listener_{support::listening(net::ip_address{address}, 0)}, inside_{support::client_of(listener_)} {}
    [[nodiscard]] net::endpoint where() const { return listener_.local_endpoint().ip(); }

  private:
    net::socket listener_, inside_;
};
}  // namespace

TEST_CASE("a silent address costs the delay and no more and is let go") {
    const silent_server silent{"127.0.0.2"};
    net::tcp_listener listener{anywhere_on_loopback};
    const std::vector endpoints{silent.where(), listener.local_endpoint()};
    const auto before = open_descriptors();
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        const auto start = net::clock::now();
        net::tcp_stream client = net::tcp_stream::connect(endpoints, {.timeout = timeout, .attempt_delay = 50ms});
        CHECK(net::clock::now() - start >= 50ms);
        CHECK(client.peer_endpoint() == listener.local_endpoint());
        CHECK(open_descriptors() == before + 1);
        CHECK(client.is_blocking());
        CHECK(client.timeout() == net::never);
        CHECK((::fcntl(client.native_handle(), F_GETFL) & O_NONBLOCK) == 0);
        CHECK(listener.accept().peer == client.local_endpoint());
    }
}

TEST_CASE("after a refusal the next address is tried without a delay") {
    const closed_port closed{net::ipv4_address::loopback()};
    net::tcp_listener listener{anywhere_on_loopback};
    const std::vector endpoints{closed.where(), listener.local_endpoint()};
    // Were the delay waited for, this would last longer than anybody waits for a test.
    const net::tcp_stream client = net::tcp_stream::connect(endpoints, {.attempt_delay = 24h});
    CHECK(client.peer_endpoint() == listener.local_endpoint());
}

TEST_CASE("no delay is shorter than ten milliseconds") {
    const silent_server silent{"127.0.0.2"};
    const net::tcp_listener listener{anywhere_on_loopback};
    const std::vector endpoints{silent.where(), listener.local_endpoint()};
    for (const net::duration delay : {net::duration{0}, net::duration{-5s}}) {
        const auto start = net::clock::now();
        CHECK(net::tcp_stream::connect(endpoints, {.attempt_delay = delay}).is_open());
        CHECK(net::clock::now() - start >= 10ms);
    }
}

TEST_CASE("when no address answers the time limit holds and says how many there were") {
    const silent_server first{"127.0.0.2"}, second{"127.0.0.3"};
    const std::vector endpoints{first.where(), second.where()};
    const auto before = open_descriptors();
    const auto start = net::clock::now();
    const auto failure =
        failure_of([&] { net::tcp_stream::connect(endpoints, {.timeout = a_while, .attempt_delay = 10ms}); });
    CHECK(net::clock::now() - start >= a_while);
    CHECK(failure.code == std::errc::timed_out);
    CHECK(failure.what == "connect " + first.where().to_string() + " (2 addresses): Connection timed out");
    CHECK(open_descriptors() == before);
}

TEST_CASE("an address that refuses while another is silent is not the end") {
    const silent_server silent{"127.0.0.2"};
    const closed_port closed{net::ipv4_address::loopback()};
    std::error_code error;
    const std::vector endpoints{silent.where(), closed.where()};
    CHECK_FALSE(net::tcp_stream::connect(endpoints, {.timeout = a_while, .attempt_delay = 10ms}, error).is_open());
    CHECK(error == std::errc::timed_out);
}

TEST_CASE("a timeout of zero connects to who answers at once and to nobody else") {
    const silent_server silent{"127.0.0.2"};
    const net::tcp_listener listener{anywhere_on_loopback};
    const closed_port closed{net::ipv4_address::loopback()};
    const auto connect = [](const net::endpoint& where) {
        std::error_code error;
        const bool open = net::tcp_stream::connect(where, net::duration::zero(), error).is_open();
        CHECK(open == !error);
        return error;
    };
    CHECK(connect(silent.where()) == std::errc::timed_out);
    // On this machine the answer is there before the call returns, or it is not; it is never waited for.
    const auto here = connect(listener.local_endpoint());
    CHECK((!here || here == std::errc::timed_out));
    const auto refused = connect(closed.where());
    CHECK((refused == std::errc::connection_refused || refused == std::errc::timed_out));
}

TEST_CASE("a connection leaves from the address and port that it was told") {
    for (const auto timeout : {net::never, net::duration{1h}}) {  // one call, and the race
        net::tcp_listener listener{anywhere_on_loopback};
        const net::endpoint there = listener.local_endpoint();
        const net::ip_address second{"127.0.0.2"};
        net::connect_options options{.timeout = timeout, .local = {second, 0}};
        const auto by_address = net::tcp_stream::connect(there, options);
        CHECK(by_address.local_endpoint().address() == second);
        CHECK(by_address.local_endpoint().port() != 0);
        CHECK(listener.accept().peer == by_address.local_endpoint());
        const std::uint16_t port = closed_port{net::ipv4_address::loopback()}.where().port();  // free again
        options.local = {net::ipv6_address::any(), port};  // any address, of the family that is needed
        CHECK(net::tcp_stream::connect(there, options).local_endpoint().port() == port);
        std::error_code error;
        const auto before = open_descriptors();
        options.local = {net::ip_address{"192.0.2.1"}, 0};
        CHECK_FALSE(net::tcp_stream::connect(there, options, error).is_open());
        CHECK(error == std::errc::address_not_available);
        options.local = {net::ipv6_address::loopback(), 0};
        CHECK_FALSE(net::tcp_stream::connect(there, options, error).is_open());
        CHECK(error == std::errc::address_family_not_supported);
        CHECK(open_descriptors() == before);
    }
}

namespace {
int hooked = 0;
void count_hook(net::socket& made) { hooked += made.is_open(); }
}  // namespace

TEST_CASE("the hook may be a plain function") {
    const net::tcp_listener listener{anywhere_on_loopback};
    hooked = 0;
    std::ignore = net::tcp_stream::connect(listener.local_endpoint(), {.before = count_hook});
    std::ignore = net::tcp_stream::connect(listener.local_endpoint(), {.before = &count_hook});
    CHECK(hooked == 2);
}

TEST_CASE("the hook sees each socket before it connects and may end the connecting") {
    net::tcp_listener listener{anywhere_on_loopback};
    const closed_port closed{net::ipv4_address::loopback()};
    for (const auto timeout : {net::never, net::duration{1h}}) {
        int calls = 0;
        const auto hook = [&](net::socket& made) {
            ++calls;
            CHECK(made.local_endpoint().ip().port() == 0);
            made.set_option(net::option::receive_buffer{8192});
        };
        const auto made = net::tcp_stream::connect(listener.local_endpoint(), {.timeout = timeout, .before = hook});
        CHECK(made.get_option<net::option::receive_buffer>() == 2 * 8192);
        CHECK(calls == 1);
        const std::vector both{closed.where(), listener.local_endpoint()};
        CHECK(net::tcp_stream::connect(both, {.timeout = timeout, .before = hook}).is_open());
        CHECK(calls == 3);
        const auto before = open_descriptors();
        struct no {};
        std::error_code error;
        CHECK_THROWS_AS(
            net::tcp_stream::connect(both, {.timeout = timeout, .before = [](net::socket&) { throw no{}; }}, error),
            no);
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("a stop ends connecting and forbids it") {
    const silent_server silent{"127.0.0.2"};
    const net::tcp_listener listener{anywhere_on_loopback};
    for (const auto& endpoints : {std::vector{silent.where()}, std::vector{silent.where(), silent.where()}}) {
        net::stop_event stop;
        const auto before = open_descriptors();
        {
            background connecting{[&] {
                return failure_of([&] { net::tcp_stream::connect(endpoints, {.attempt_delay = 10ms, .stop = &stop}); });
            }};
            connecting.await_waiting();
            stop.request_stop();
            CHECK(connecting.get().code == std::errc::operation_canceled);
        }
        CHECK(open_descriptors() == before);
        std::error_code error;
        CHECK_FALSE(net::tcp_stream::connect(listener.local_endpoint(), {.stop = &stop}, error).is_open());
        CHECK(error == std::errc::operation_canceled);
        CHECK(failure_of([&] { net::tcp_stream::connect("127.0.0.1", 1, {.stop = &stop}); }).code ==
              std::errc::operation_canceled);
    }
}

TEST_CASE("the stop of connect() does not hold for later calls") {
    net::tcp_listener listener{anywhere_on_loopback};
    net::stop_event stop;
    net::tcp_stream client = net::tcp_stream::connect(listener.local_endpoint(), {.stop = &stop});
    stop.request_stop();
    client.send_all("x");
    auto server = listener.accept().stream;
    CHECK(receive_some(server) == "x");
}

TEST_CASE("however many addresses there are all are tried") {
    const closed_port closed{net::ipv4_address::loopback()};
    const net::tcp_listener listener{anywhere_on_loopback};
    std::vector<net::endpoint> endpoints(50, closed.where());
    const auto failure = failure_of([&] { net::tcp_stream::connect(endpoints); });
    CHECK(failure.what == "connect " + closed.where().to_string() + " (" + closed.where().to_string() +
                              ", one of 50 addresses): Connection refused");
    endpoints.push_back(listener.local_endpoint());
    CHECK(net::tcp_stream::connect(endpoints).peer_endpoint() == listener.local_endpoint());
    // And twenty that are silent do not hold up the next one, whose turn comes after twenty delays.
    const silent_server silent{"127.0.0.2"};
    endpoints.assign(20, silent.where());
    endpoints.push_back(listener.local_endpoint());
    const auto before = open_descriptors();
    const net::tcp_stream stream = net::tcp_stream::connect(endpoints, {.attempt_delay = 10ms});
    CHECK(stream.peer_endpoint() == listener.local_endpoint());
    CHECK(open_descriptors() == before + 1);
}

TEST_CASE("to connect to none of no addresses is an error") {
    CHECK(failure_of([] { net::tcp_stream::connect(std::span<const net::endpoint>{}); }).what ==
          "connect nowhere: Destination address required");
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

// ---- Options -------------------------------------------------------------------------------------------

namespace {
struct connection {
    net::tcp_stream client, server;
};
connection connected() {
    net::tcp_listener listener{anywhere_on_loopback};
    net::tcp_stream client{listener.local_endpoint()};
    return {std::move(client), listener.accept().stream};
}

/// Makes a socket deaf, as if its network lost all that comes: a filter that keeps nothing (socket(7)). False where the
/// system does not let us: newer kernels want CAP_NET_ADMIN for a filter on a TCP socket.
template <class Socket>
bool lose_all(Socket& socket) {
    sock_filter program[] = {{BPF_RET | BPF_K, 0, 0, 0}};
    const sock_fprog filter{1, program};
    std::error_code error;
    socket.set_option(SOL_SOCKET, SO_ATTACH_FILTER, std::as_bytes(std::span{&filter, 1}), error);
    CHECK((!error || error == std::errc::operation_not_permitted));
    return !error;
}
/// Sends until the peer has no more room and says so, and then until our own buffer is full. Bytes that are sent now,
/// and a FIN, too, wait behind it.
std::size_t fill(net::tcp_stream& stream) {
    const std::string piece(64 * 1024, 'x');
    std::size_t sent = 0;
    stream.set_blocking(false);
    while (stream.info().bytes_not_sent == 0 || stream.info().unacknowledged > 0) {
        for (std::error_code error; !error;) sent += stream.send(piece, error);
        std::this_thread::sleep_for(1ms);  // no call waits for an acknowledgment
    }
    stream.set_blocking(true);
    return sent;
}
std::size_t drain(net::tcp_stream& stream, std::error_code& error) {
    std::vector<char> buffer(64 * 1024);
    std::size_t got = 0;
    while (const std::size_t size = stream.recv(buffer, error)) got += size;
    return got;
}
std::size_t drain(net::tcp_stream& stream) {
    std::error_code error;
    const std::size_t got = drain(stream, error);
    CHECK_FALSE(error);
    return got;
}
void await(const net::tcp_stream& stream, net::tcp_state state) {  // no call waits for a state
    while (stream.info().state != state) std::this_thread::sleep_for(1ms);
}
}  // namespace

TEST_CASE("a time limit of connecting and of an option may be the longest there is") {
    net::tcp_listener listener{anywhere_on_loopback};
    using std::chrono::hours;
    net::tcp_stream stream = net::tcp_stream::connect(listener.local_endpoint(), hours::max());
    CHECK(net::tcp_stream::connect(listener.local_endpoint(), {.timeout = hours::max(), .attempt_delay = hours::max()})
              .is_open());
    CHECK(net::tcp_stream::connect(listener.local_endpoint(), net::duration::max() - 1ns).is_open());
    stream.set_option(net::option::user_timeout{hours::max()});
    CHECK(stream.get_option<net::option::user_timeout>().count() == std::numeric_limits<int>::max());
    CHECK(failure_of([&] { stream.set_option(net::option::user_timeout{-1ms}); }).code == std::errc::invalid_argument);
    CHECK(failure_of([&] { stream.set_option(net::option::keep_alive_idle{hours::min()}); }).code ==
          std::errc::invalid_argument);
    CHECK(stream.get_option<net::option::user_timeout>().count() == std::numeric_limits<int>::max());
}

TEST_CASE("keep-alive is off unless asked for and has three numbers") {
    auto [client, server] = connected();
    CHECK(client.keep_alive() == std::nullopt);
    client.set_keep_alive(net::keep_alive{.idle = 60s, .interval = 10s, .count = 3});
    CHECK(client.keep_alive() == net::keep_alive{60s, 10s, 3});
    CHECK(client.get_option<net::option::keep_alive>());
    CHECK(client.get_option<net::option::keep_alive_idle>() == 60s);
    CHECK(client.get_option<net::option::keep_alive_interval>() == 10s);
    CHECK(client.get_option<net::option::keep_alive_count>() == 3);
    CHECK(server.keep_alive() == std::nullopt);  // each end for itself
    client.set_keep_alive(std::nullopt);
    CHECK(client.keep_alive() == std::nullopt);
    client.set_keep_alive(net::keep_alive{32767s, 32767s, 127});
    CHECK(client.keep_alive() == net::keep_alive{32767s, 32767s, 127});
}

TEST_CASE("a connection that only switches keep-alive on has the numbers of the machine") {
    auto [client, server] = connected();
    client.set_option(net::option::keep_alive{});
    const auto setting = [](const char* name) {
        int number = 0;
        std::ifstream{std::string{"/proc/sys/net/ipv4/"} + name} >> number;
        return number;
    };
    CHECK(client.keep_alive() == net::keep_alive{std::chrono::seconds{setting("tcp_keepalive_time")},
                                                 std::chrono::seconds{setting("tcp_keepalive_intvl")},
                                                 setting("tcp_keepalive_probes")});
}

TEST_CASE("the defaults of keep-alive give their verdict after two hours eleven minutes and a quarter") {
    static_assert(net::keep_alive{}.until_verdict() == 2h + 11min + 15s);
    static_assert(net::keep_alive{1s, 2s, 3}.until_verdict() == 7s);
    static_assert(net::keep_alive{std::chrono::seconds::max(), 75s, 9}.until_verdict() == std::chrono::seconds::max());
    static_assert(net::keep_alive{1s, std::chrono::seconds::max(), 127}.until_verdict() == std::chrono::seconds::max());
    static_assert(net::keep_alive{0s, std::chrono::seconds::min(), 2}.until_verdict() == std::chrono::seconds::min());
}

TEST_CASE("a number of keep-alive out of its range is refused and named and nothing has changed") {
    auto [client, server] = connected();
    const auto what = [&stream = client](net::keep_alive numbers) {
        return failure_of([&] { stream.set_keep_alive(numbers); }).what;
    };
    CHECK(what({0s, 1s, 1}) == "keep-alive idle 0 s (1 to 32767): Invalid argument");
    CHECK(what({32768s, 1s, 1}) == "keep-alive idle 32768 s (1 to 32767): Invalid argument");
    CHECK(what({1s, 0s, 1}) == "keep-alive interval 0 s (1 to 32767): Invalid argument");
    CHECK(what({1s, -1s, 1}) == "keep-alive interval -1 s (1 to 32767): Invalid argument");
    CHECK(what({1s, 1s, 0}) == "keep-alive count 0 (1 to 127): Invalid argument");
    CHECK(what({1s, 1s, 128}) == "keep-alive count 128 (1 to 127): Invalid argument");
    CHECK(client.keep_alive() == std::nullopt);
    // The kernel's limits are the same ones.
    for (const auto& bad : {0s, 32768s, std::chrono::seconds{std::chrono::seconds::max()}}) {
        std::error_code error;
        client.set_option(net::option::keep_alive_idle{bad}, error);
        CHECK(error == std::errc::invalid_argument);
    }
}

TEST_CASE("keep-alive finds out that an idle peer is gone and not that it is idle") {
    auto [alive_client, alive_server] = connected();
    auto [gone_client, gone_server] = connected();
    for (net::tcp_stream* client : {&alive_client, &gone_client})
        client->set_keep_alive(net::keep_alive{.idle = 1s, .interval = 1s, .count = 1});
    if (!lose_all(gone_server)) NETNOTES_SKIP("no filter may be set here, so no peer's power can be cut");
    const auto start = net::clock::now();
    CHECK(failure_of([&, &client = gone_client] { receive_some(client); }).code == std::errc::timed_out);
    CHECK(net::clock::now() - start >= 1900ms);  // the kernel counts in ticks
    alive_server.send_all("still here");
    CHECK(receive_some(alive_client) == "still here");
}

TEST_CASE("user_timeout ends a connection whose bytes nobody takes") {
    auto [client, server] = connected();
    CHECK(client.get_option<net::option::user_timeout>() == 0ms);
    client.set_option(net::option::user_timeout{100ms});
    CHECK(client.get_option<net::option::user_timeout>() == 100ms);
    std::error_code error;
    client.set_option(net::option::user_timeout{-1ms}, error);
    CHECK(error == std::errc::invalid_argument);
    fill(client);  // the peer's kernel is there, and its program does not read
    CHECK(failure_of([&, &stream = client] { receive_some(stream); }).code == std::errc::timed_out);
}

TEST_CASE("what close makes of unsent bytes depends on linger") {
    std::error_code error;
    SECTION("nothing said: all arrives, after close has returned") {
        auto [client, server] = connected();
        const std::size_t sent = fill(client);
        client.close();
        CHECK(drain(server, error) == sent);
        CHECK_FALSE(error);
    }
    SECTION("zero seconds: a reset, and what has not arrived never will") {
        auto [client, server] = connected();
        const std::size_t sent = fill(client);
        CHECK(client.info().bytes_not_sent > 0);
        client.set_option(net::option::linger{0s});
        client.close();
        CHECK(drain(server, error) < sent);
        CHECK(error == std::errc::connection_reset);
    }
    SECTION("some seconds: close returns when all has been acknowledged") {
        auto [client, server] = connected();
        const std::size_t sent = fill(client);
        client.set_blocking(false);
        client.set_option(net::option::linger{1h});
        std::atomic<bool> closed{false};
        background closing{[&, &stream = client] {
            stream.close();  // although this stream is non-blocking
            closed = true;
        }};
        std::this_thread::sleep_for(a_while);
        CHECK_FALSE(closed);
        CHECK(drain(server, error) == sent);
        CHECK_FALSE(error);
        closing.get();
    }
    SECTION("too few seconds: close returns as if all were well") {
        auto [client, server] = connected();
        const std::size_t sent = fill(client);
        client.set_option(net::option::linger{1s});
        const auto start = net::clock::now();
        client.close(error);
        CHECK_FALSE(error);
        CHECK(net::clock::now() - start >= 900ms);
        CHECK(drain(server, error) == sent);  // and goes on behind one's back
        CHECK_FALSE(error);
    }
}

// ---- States --------------------------------------------------------------------------------------------

TEST_CASE("the eleven states have the names of the standard") {
    using state = net::tcp_state;
    std::vector<std::string_view> names;
    for (int number = 1; number <= 11; ++number) names.push_back(to_string(static_cast<state>(number)));
    CHECK(names == std::vector<std::string_view>{"ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2",
                                                 "TIME-WAIT", "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"});
    static_assert(to_string(state::closing) == "CLOSING" && static_cast<int>(state::closing) == 11);
    CHECK(to_string(static_cast<state>(0)) == "UNKNOWN");
    CHECK(to_string(static_cast<state>(12)) == "UNKNOWN");
    CHECK(to_string(static_cast<state>(255)) == "UNKNOWN");
}

TEST_CASE("a connection is shown in every state that a descriptor can see") {
    using state = net::tcp_state;
    const auto state_of = [](const net::tcp_stream& stream) { return stream.info().state; };
    SECTION("no connection, and a listener") {
        CHECK(state_of(net::tcp_stream{net::socket{net::address_family::inet, net::socket_type::stream}}) ==
              state::closed);
        CHECK(state_of(net::tcp_stream{support::listening(net::ipv4_address::loopback())}) == state::listen);
    }
    SECTION("asking, without an answer") {
        const silent_server silent{"127.0.0.2"};
        net::socket asking{net::address_family::inet, net::socket_type::stream};
        asking.set_blocking(false);
        std::error_code error;
        asking.connect(silent.where(), error);
        CHECK(error == std::errc::operation_in_progress);
        CHECK(state_of(net::tcp_stream{std::move(asking)}) == state::syn_sent);
    }
    SECTION("one says goodbye, then the other") {
        auto [client, server] = connected();
        CHECK(state_of(client) == state::established);
        CHECK(state_of(server) == state::established);
        fill(client);
        client.shutdown(net::shutdown_direction::send);
        CHECK(state_of(client) == state::fin_wait_1);
        CHECK(state_of(server) == state::established);
        drain(server);
        CHECK(state_of(server) == state::close_wait);
        await(client, state::fin_wait_2);
        server.send_all("still");
        CHECK(receive_some(client) == "still");
        CHECK(state_of(server) == state::close_wait);
        fill(server);
        server.shutdown(net::shutdown_direction::send);
        CHECK(state_of(server) == state::last_ack);
        drain(client);
        CHECK(state_of(client) == state::closed);  // TIME-WAIT, which has left the descriptor
        await(server, state::closed);
    }
    SECTION("both say goodbye before either hears it") {
        auto [client, server] = connected();
        fill(client);
        fill(server);
        client.shutdown(net::shutdown_direction::send);
        server.shutdown(net::shutdown_direction::send);
        CHECK(state_of(client) == state::fin_wait_1);
        CHECK(state_of(server) == state::fin_wait_1);
        drain(server);
        CHECK(state_of(server) == state::closing);
        await(client, state::fin_wait_2);
    }
    SECTION("a reset") {
        auto [client, server] = connected();
        reset(client);
        CHECK(failure_of([&, &stream = server] { receive_some(stream); }).code == std::errc::connection_reset);
        CHECK(state_of(server) == state::closed);
    }
}

TEST_CASE("a socket that connects to itself asks and is asked at the same time") {
    net::socket self = support::bound(net::ipv4_address::loopback(), net::socket_type::stream);
    const auto me = self.local_endpoint();
    REQUIRE(::connect(self.native_handle(), me.data(), me.size()) == 0);  // socket::connect() does not allow it
    const net::tcp_stream stream{std::move(self)};
    await(stream, net::tcp_state::established);
    CHECK(stream.peer_endpoint() == stream.local_endpoint());
}

TEST_CASE("the figures of a connection are the kernel's") {
    auto [client, server] = connected();
    const std::string question = "0123456789";
    for (int i = 0; i < 5; ++i) {
        client.send_all(question);
        CHECK(receive_some(server) == question);
        server.send_all("ok");
        CHECK(receive_some(client) == "ok");
    }
    const net::connection_info info = client.info();
    CHECK(info.data_segments_sent == 5);
    CHECK(info.data_segments_received == 5);
    CHECK(info.segments_sent >= 5 + 2);  // SYN, and the last of the handshake
    CHECK(info.bytes_received == 10);
    CHECK(info.bytes_acknowledged == 50 + 1);  // the SYN
    CHECK(info.retransmissions == 0);
    CHECK(info.bytes_not_sent == 0);
    CHECK(info.unacknowledged == 0);
    CHECK(info.maximum_segment_size > 500);
    CHECK(info.congestion_window > 0);
    CHECK(info.peer_window > 0);
    CHECK(info.round_trip_time > 0us);
    CHECK(info.minimum_round_trip_time <= info.round_trip_time + info.round_trip_variation * 4 + 1ms);
    CHECK(info.retransmission_timeout >= info.round_trip_time);
    fill(client);
    CHECK(client.info().bytes_not_sent > 0);
}

TEST_CASE("a connection of which nothing is known has only zeros") {
    const net::connection_info none;
    CHECK(none.state == net::tcp_state::closed);
    for (const std::chrono::microseconds each : {none.round_trip_time, none.round_trip_variation,
                                                 none.minimum_round_trip_time, none.retransmission_timeout})
        CHECK(each == 0us);
    for (const std::uint64_t each :
         {std::uint64_t{none.maximum_segment_size}, std::uint64_t{none.congestion_window},
          std::uint64_t{none.peer_window}, std::uint64_t{none.unacknowledged}, std::uint64_t{none.lost},
          std::uint64_t{none.timeouts_in_a_row}, std::uint64_t{none.retransmissions}, std::uint64_t{none.probes},
          std::uint64_t{none.bytes_not_sent}, none.bytes_acknowledged, none.bytes_received,
          std::uint64_t{none.segments_sent}, std::uint64_t{none.segments_received},
          std::uint64_t{none.data_segments_sent}, std::uint64_t{none.data_segments_received}})
        CHECK(each == 0);
}

TEST_CASE("what the network loses is sent again and counted") {
    auto [client, server] = connected();
    if (!lose_all(server)) NETNOTES_SKIP("no filter may be set here, so nothing can be lost");
    client.send_all("lost");
    while (client.info().retransmissions == 0) std::this_thread::sleep_for(1ms);
    CHECK(client.info().unacknowledged > 0);
    server.set_option(SOL_SOCKET, SO_DETACH_FILTER, 0);
    CHECK(receive_some(server) == "lost");
}

TEST_CASE("a socket that is no TCP connection has no figures") {
    const net::tcp_stream none;
    CHECK(failure_of([&] { static_cast<void>(none.info()); }).what == "getsockopt(TCP_INFO): Bad file descriptor");
    std::error_code error;
    const net::tcp_stream local{net::socket_pair().first};
    static_cast<void>(local.info(error));
    CHECK(error);
}

TEST_CASE("a listener tells how many wait to be accepted") {
    net::tcp_listener listener{anywhere_on_loopback};
    CHECK(listener.queue_length() == 0);
    const net::tcp_stream first{listener.local_endpoint()}, second{listener.local_endpoint()};
    while (listener.queue_length() < 2) std::this_thread::yield();  // the last acknowledgment may be on its way
    const auto accepted = listener.accept();
    CHECK(listener.queue_length() == 1);
}

TEST_CASE("recv_exact is a stream's as well") {
    auto [client, server] = connected();
    server.send_all("12345");
    server.close();
    char four[4];
    CHECK(client.recv_exact(four) == 4);
    CHECK(failure_of([&, &stream = client] { stream.recv_exact(four); }).code == std::errc::protocol_error);
}

// What coro/connect.hpp promises: names are looked up beside the loop, by few threads, and the first address that
// answers is it. The resolver is the test's own: it answers for *.test, when it is told to.

#include <netnotes/coro/connect.hpp>
#include <netnotes/coro/lookup.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using support::open_descriptors;

namespace {

/// What the resolver does, and what it was asked.
class {
  public:
    /// How many must be at work at a time before any of them answers.
    void hold(int until_so_many) {
        std::unique_lock lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return inside_ == 0; });  // those whom the last test has abandoned
        threshold_ = until_so_many;
        inside_ = most_ = asked_ = 0;
        is_open_ = until_so_many == 0;
    }
    void let_go() {
        const std::lock_guard lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void enter() {
        std::unique_lock lock{mutex_};
        ++asked_;
        most_ = std::max(most_, ++inside_);
        if (threshold_ > 0 && inside_ >= threshold_) is_open_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return is_open_; });
        --inside_;
        changed_.notify_all();
    }
    void wait_until_inside(int so_many) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return inside_ >= so_many; });
    }
    [[nodiscard]] int most() {
        const std::lock_guard lock{mutex_};
        return most_;
    }
    [[nodiscard]] int asked() {
        const std::lock_guard lock{mutex_};
        return asked_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int threshold_ = 0, inside_ = 0, most_ = 0, asked_ = 0;
    bool is_open_ = true;
} resolver;

const std::map<std::string, std::vector<const char*>> hosts{
    {"one.test", {"192.0.2.1"}},
    {"both.test", {"2001:db8::1", "2001:db8::2", "192.0.2.1"}},
    {"here.test", {"127.0.0.2", "127.0.0.1"}},
};

}  // namespace

extern "C" {
int __real_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
int __wrap_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
    const std::string name = host ? host : "";
    if (!name.ends_with(".test")) return __real_getaddrinfo(host, service, hints, found);
    resolver.enter();
    const auto known = hosts.find(name);
    if (known == hosts.end()) return EAI_NONAME;
    addrinfo** end = found;
    for (const char* address : known->second) {
        if (const int error = __real_getaddrinfo(address, service, hints, end)) return error;
        while (*end) end = &(*end)->ai_next;
    }
    return 0;
}
}

namespace {

struct end_of_task {
    std::error_code code;
    std::string what;
};
template <class T>
net::task<end_of_task> end_of(net::task<T> what) {
    end_of_task end;
    try {
        co_await std::move(what);
    } catch (const net::cancelled&) {
        end = end_of_task{std::make_error_code(std::errc::operation_canceled), "cancelled"};
    } catch (const std::system_error& error) {
        end = end_of_task{error.code(), error.what()};
    }
    co_return end;
}

/// A server that does not answer: its queue is full, and the kernel drops what comes.
class silent_server {
  public:
    explicit silent_server(const std::string& address)
        : listener_{support::listening(net::ip_address{address}, 0)}, inside_{support::client_of(listener_)} {}
    [[nodiscard]] net::endpoint where() const { return listener_.local_endpoint().ip(); }

  private:
    net::socket listener_, inside_;
};

/// A port at which nobody listens, and nobody else can: it is bound.
class closed_port {
  public:
    explicit closed_port(const std::string& address) : bound_{net::address_family::inet, net::socket_type::stream} {
        bound_.bind(net::endpoint{net::ip_address{address}, 0});
    }
    [[nodiscard]] net::endpoint where() const { return bound_.local_endpoint().ip(); }

  private:
    net::socket bound_;
};

net::endpoint nobody_yet() { return {net::ip_address{"127.0.0.1"}, 0}; }

using endpoints = std::vector<net::endpoint>;

}  // namespace

// ---- Names ---------------------------------------------------------------------------------------------

TEST_CASE("an address is its own answer, and no thread is asked") {
    test_loop loop;
    resolver.hold(0);
    const endpoints of_four{net::endpoint{"192.0.2.1:80"}}, of_six{net::endpoint{"[2001:db8::1]:443"}},
        of_none{net::endpoint{"0.0.0.0:7"}};
    const auto body = [&]() -> net::task<> {
        const auto four = co_await net::async_resolve("192.0.2.1", 80);
        CHECK((four == of_four));
        const auto six = co_await net::async_resolve("2001:db8::1", "443");
        CHECK((six == of_six));
        const net::resolve_hints hints{.family = net::address_family::inet, .to_bind = true};
        const auto wildcard = co_await net::async_resolve("", 7, hints);
        CHECK((wildcard == of_none));
    };
    loop.run(body());
}

TEST_CASE("a name is looked up while others go on") {
    test_loop loop;
    resolver.hold(2);  // so that each waits for the other: were one of them to keep the loop, none would ever end
    const endpoints of_both{net::endpoint{"[2001:db8::1]:80"}, net::endpoint{"[2001:db8::2]:80"},
                            net::endpoint{"192.0.2.1:80"}};
    const auto body = [&]() -> net::task<> {
        auto [both, one] =
            co_await net::when_all(net::async_resolve("both.test", 80), net::async_resolve("one.test", "80"));
        CHECK((both == of_both));
        CHECK((one == endpoints(1, of_both.back())));
    };
    loop.run(body());
    CHECK(resolver.asked() == 2);
}

TEST_CASE("what cannot be looked up is an error with the resolver's words") {
    test_loop loop;
    resolver.hold(0);
    const auto body = []() -> net::task<> {
        const auto [code, what] = co_await end_of(net::async_resolve("nobody.test", 80));
        CHECK(code == std::error_code(EAI_NONAME, net::resolver_category()));
        CHECK(what.starts_with("resolve nobody.test:80: "));
        const auto end = co_await end_of(net::async_resolve(std::string{"one.test\0x", 10}, 80));
        CHECK(end.code == std::error_code(EAI_NONAME, net::resolver_category()));
        const auto connecting = co_await end_of(net::async_connect("nobody.test", 80));
        CHECK(connecting.what.starts_with("resolve nobody.test:80: "));
    };
    loop.run(body());
}

TEST_CASE("however many ask at most eight are looked up at a time") {
    test_loop loop;
    resolver.hold(8);
    constexpr int many = 100;
    const auto body = []() -> net::task<> {
        std::vector<net::join_handle<endpoints>> all;
        for (int i = 0; i < many; ++i) all.push_back(net::spawn(net::async_resolve("one.test", 80)));
        for (auto& each : all) {
            const auto found = co_await each.join();
            CHECK((found == endpoints(1, net::endpoint{"192.0.2.1:80"})));
        }
    };
    loop.run(body());
    CHECK(resolver.asked() == many);
    CHECK(resolver.most() == 8);
}

TEST_CASE("a cancelled task does not wait for its lookup") {
    test_loop loop;
    resolver.hold(1000);
    const auto body = []() -> net::task<> {
        std::vector<net::join_handle<end_of_task>> all;  // some at work, and some in line
        for (int i = 0; i < 12; ++i) all.push_back(net::spawn(end_of(net::async_resolve("one.test", 80))));
        co_await net::yield();
        resolver.wait_until_inside(8);
        for (std::size_t i = 0; i < all.size(); i += 2) all[i].cancel();
        for (std::size_t i = 0; i < all.size(); i += 2) {
            const auto end = co_await all[i].join();
            CHECK(end.code == std::errc::operation_canceled);
        }
        resolver.let_go();
        for (std::size_t i = 1; i < all.size(); i += 2) {
            const auto end = co_await all[i].join();
            CHECK_FALSE(end.code);
        }
        all.clear();
        auto late = net::spawn(end_of(net::async_resolve("one.test", 80)));
        late.cancel();  // before it has begun
        const auto end = co_await late.join();
        CHECK(end.code == std::errc::operation_canceled);
    };
    loop.run(body());
}

TEST_CASE("a loop may end before the lookups of its tasks") {
    resolver.hold(1000);
    int ended = 0, cancelled = 0;
    const auto counts = [&]() -> net::task<> {
        const auto end = co_await end_of(net::async_resolve("one.test", 80));
        ++ended;
        if (end.code == std::errc::operation_canceled) ++cancelled;
    };
    {
        test_loop loop;
        const auto body = [&]() -> net::task<> {
            for (int i = 0; i < 12; ++i) net::spawn(counts());
            co_await net::yield();
            resolver.wait_until_inside(8);
        };
        loop.run(body());  // cancels them
    }
    CHECK(ended == 12);
    CHECK(cancelled == 12);
    CHECK(resolver.asked() == 8);  // those in line were taken out of it
    resolver.let_go();
    {
        test_loop loop;
        const auto fails = [](net::event_loop& in) -> net::task<> {
            for (int i = 0; i < 4; ++i) in.spawn(end_of(net::async_resolve("one.test", 80)));
            co_await net::yield();
        };
        loop.run(fails(loop));  // some answers may be on their way to the loop when it is destroyed
    }
}

#if defined(__SANITIZE_THREAD__)
#define NETNOTES_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NETNOTES_THREAD_SANITIZER
#endif
#endif
#if !defined(NETNOTES_THREAD_SANITIZER)  // which allows a child of several threads none of its own
TEST_CASE("a child of fork has threads of its own") {
    resolver.hold(1000);
    test_loop loop;
    const auto body = []() -> net::task<> {
        for (int i = 0; i < 8; ++i) net::spawn(end_of(net::async_resolve("one.test", 80)));
        co_await net::yield();
        resolver.wait_until_inside(8);
    };
    loop.run(body());
    // The parent's eight are at work: if the child counted them as its own, nobody would ever look anything up for it.
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(60);
        net::event_loop own;
        const auto asks = []() -> net::task<int> {
            const auto found = co_await net::async_resolve("localhost", 80);
            co_return found.empty() ? 1 : 0;
        };
        ::_exit(own.run(asks()));
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    resolver.let_go();
}
#endif

// ---- Connecting ----------------------------------------------------------------------------------------

TEST_CASE("a silent address costs the delay and a refusal nothing") {
    const silent_server silent{"127.0.0.2"}, also_silent{"127.0.0.3"};
    const closed_port closed{"127.0.0.4"};
    const net::tcp_listener listener{nobody_yet()};
    const net::endpoint there = listener.local_endpoint();
    const struct {
        endpoints all;
        net::duration delay, costs;
    } cases[]{
        {{there}, 250ms, 0ms},
        {{there, silent.where()}, 250ms, 0ms},
        {{silent.where(), there}, 250ms, 250ms},
        {{silent.where(), also_silent.where(), there}, 250ms, 500ms},
        {{closed.where(), there}, 24h, 0ms},
        {{closed.where(), closed.where(), silent.where(), closed.where(), there}, 100ms, 100ms},
        {{silent.where(), there}, 0ms, 10ms},
        {{silent.where(), there}, -1s, 10ms},
    };
    const auto before = open_descriptors();
    for (const auto& one : cases) {
        test_loop loop{{.virtual_time = true}};
        const auto body = [&]() -> net::task<> {
            const net::time_point start = net::event_loop::current().now();
            const auto own = open_descriptors();
            const net::async_stream stream = co_await net::async_connect(one.all, one.delay);
            CHECK(net::event_loop::current().now() - start == one.costs);
            CHECK(stream.peer_endpoint().ip() == there);
            co_await net::yield();  // what was closed in a turn is gone with the next
            CHECK(open_descriptors() == own + 1);
        };
        loop.run(body());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("when no address stands the error is the one that tells most") {
    const closed_port closed{"127.0.0.4"};
    const net::endpoint multicast{net::ip_address{"224.0.0.1"}, 9};
    const endpoints three{multicast, closed.where(), multicast};
    test_loop loop;
    const auto body = [&]() -> net::task<> {
        auto end = co_await end_of(net::async_connect(three));
        CHECK(end.code == std::errc::connection_refused);
        CHECK(end.what ==
              "connect 224.0.0.1:9 (" + closed.where().to_string() + ", one of 3 addresses): Connection refused");
        end = co_await end_of(net::async_connect(endpoints(1, closed.where())));
        CHECK(end.what == "connect " + closed.where().to_string() + ": Connection refused");
        end = co_await end_of(net::async_connect(endpoints{}));
        CHECK(end.code == std::errc::destination_address_required);
    };
    loop.run(body());
}

TEST_CASE("a host is connected to by the first of its addresses that stands") {
    resolver.hold(0);
    const net::tcp_listener listener{nobody_yet()};
    test_loop loop;
    const auto body = [&]() -> net::task<> {
        // 127.0.0.2 is refused: the listener is at 127.0.0.1.
        const net::async_stream stream = co_await net::async_connect("here.test", listener.local_endpoint().port());
        CHECK(stream.peer_endpoint().ip() == listener.local_endpoint());
    };
    loop.run(body());
}

TEST_CASE("no number of silent addresses holds up the next one") {
    const silent_server silent{"127.0.0.2"};
    const net::tcp_listener listener{nobody_yet()};
    for (const std::size_t dead : {16u, 17u, 40u}) {
        test_loop loop{{.virtual_time = true}};
        endpoints all(dead, silent.where());
        all.push_back(listener.local_endpoint());
        const auto body = [&]() -> net::task<> {
            const net::time_point start = net::event_loop::current().now();
            const net::async_stream stream = co_await net::async_connect(all, 250ms);
            CHECK(net::event_loop::current().now() - start == dead * 250ms);
            CHECK(stream.peer_endpoint().ip() == listener.local_endpoint());
        };
        loop.run(body());
    }
}

TEST_CASE("where descriptors run out the next attempt waits for one") {
    const silent_server silent{"127.0.0.2"};
    const net::tcp_listener listener{nobody_yet()};
    endpoints all(20, silent.where());
    all.push_back(listener.local_endpoint());
    const closed_port closed{"127.0.0.4"};
    test_loop loop{{.virtual_time = true}};
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const auto limited = [&]() -> net::task<> {
        co_await net::with_timeout(20s, net::async_connect(all, 250ms));
    };
    const auto body = [&]() -> net::task<> {
        const rlimit few{static_cast<rlim_t>(open_descriptors() + 4), before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        const auto end = co_await end_of(limited());  // and no end sooner, as if all had failed
        CHECK(end.code == std::errc::timed_out);
        const auto refused = co_await end_of(net::async_connect(endpoints(30, closed.where())));
        CHECK(refused.code == std::errc::connection_refused);
    };
    loop.run(body());
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("a task does not connect to itself") {
    // What happens by chance to a client of a dead port: a socket that is bound first meets itself always.
    test_loop loop;
    const auto body = [&]() -> net::task<> {
        net::socket alone{net::address_family::inet, net::socket_type::stream};
        alone.bind(net::endpoint{net::ip_address{"127.0.0.1"}, 0});
        const net::socket_address own = alone.local_endpoint();
        net::async_stream stream{std::move(alone)};
        std::error_code error;
        try {
            co_await net::detail::connecting{stream.node(), own};
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        CHECK(error == std::errc::connection_refused);
    };
    loop.run(body());
}

TEST_CASE("a service that is a number beyond the ports is an error and asks nobody") {
    resolver.hold(0);
    test_loop loop;
    const auto body = []() -> net::task<> {
        for (const char* const service : {"65616", "+80", " 80", "080", "-1"}) {
            const auto end = co_await end_of(net::async_resolve("127.0.0.1", std::string{service}));
            CHECK(end.code == std::error_code(EAI_SERVICE, net::resolver_category()));
            const auto by_name = co_await end_of(net::async_resolve("one.test", std::string{service}));
            CHECK(by_name.code == std::error_code(EAI_SERVICE, net::resolver_category()));
        }
        const auto number = co_await end_of(net::async_resolve("127.0.0.1", 65616));
        CHECK(number.code == std::error_code(EAI_SERVICE, net::resolver_category()));
        for (const char* const host : {"127.1", "0x7f000001", "2130706433", "0177.0.0.1"}) {
            const auto end = co_await end_of(net::async_resolve(host, 80));
            CHECK(end.code == std::error_code(EAI_NONAME, net::resolver_category()));
        }
    };
    loop.run(body());
    CHECK(resolver.asked() == 0);
}

TEST_CASE("a limit of time closes all attempts") {
    const silent_server silent{"127.0.0.2"};
    test_loop loop{{.virtual_time = true}};
    const auto before = open_descriptors();
    const auto looks = [](std::ptrdiff_t& seen) -> net::task<> {
        co_await net::sleep_for(9s);
        seen = open_descriptors();
    };
    const auto limited = [&]() -> net::task<> {
        co_await net::with_timeout(10s, net::async_connect(endpoints(20, silent.where()), 100ms));
    };
    const auto body = [&]() -> net::task<> {
        std::ptrdiff_t seen = 0;
        auto observer = net::spawn(looks(seen));
        const auto end = co_await end_of(limited());
        CHECK(end.code == std::errc::timed_out);
        CHECK(seen == before + 20);
        co_await net::yield();
        CHECK(open_descriptors() == before);
    };
    loop.run(body());
}

TEST_CASE("connecting that is cancelled says so, and not that an address has failed") {
    const net::tcp_listener listener{nobody_yet()};
    endpoints all(1000, listener.local_endpoint());
    all.front() = net::endpoint{"[fe80::1%none-such]:9"};  // that fails before it has waited
    test_loop loop;
    const auto before = open_descriptors();
    const auto body = [&]() -> net::task<> {
        auto connecting = net::spawn(end_of(net::async_connect(all, 24h)));
        connecting.cancel();
        const auto end = co_await connecting.join();
        CHECK(end.code == std::errc::operation_canceled);
        CHECK(open_descriptors() <= before + 1);  // and has not tried them all
    };
    loop.run(body());
}

TEST_CASE("connecting that is cancelled at any moment leaves nothing open") {
    const silent_server silent{"127.0.0.2"};
    const closed_port closed{"127.0.0.4"};
    const net::tcp_listener listener{nobody_yet()};
    const endpoints all{silent.where(), closed.where(), silent.where(), listener.local_endpoint()};
    const auto before = open_descriptors();
    for (const net::duration when : {0ms, 1ms, 99ms, 100ms, 101ms, 199ms, 200ms, 201ms}) {
        test_loop loop{{.virtual_time = true}};
        const auto body = [&]() -> net::task<> {
            auto connecting = net::spawn(end_of(net::async_connect(all, 100ms)));
            co_await net::sleep_for(when);
            const bool had_ended = connecting.has_ended();
            connecting.cancel();
            const auto end = co_await connecting.join();
            CHECK((end.code == std::errc::operation_canceled || had_ended));
            CHECK((when >= 200ms || !had_ended));
        };
        loop.run(body());
    }
    CHECK(open_descriptors() == before);
}

// What coro/lookup.hpp promises: names are looked up beside the loop, by few threads, and a cancelled task does not wait.

#include <netnotes/coro/lookup.hpp>

#include "../catch.hpp"
#include "resolver.hpp"

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

TEST_CASE("the official name of a host, and the name of an address, are looked up beside the loop, too") {
    test_loop loop;
    resolver.hold(1);
    const net::endpoint here{net::ipv4_address::loopback(), 80};
    const auto body = [&]() -> net::task<> {
        const auto same = co_await net::async_canonical_name("192.0.2.1");
        CHECK(same == "192.0.2.1");
        CHECK(resolver.asked() == 0);
        const auto official = co_await net::async_canonical_name("one.test");
        CHECK(official == "192.0.2.1");  // of this name, says the resolver of the test
        CHECK(resolver.asked() == 1);
        std::error_code error;
        try {
            static_cast<void>(co_await net::async_canonical_name("nobody.test"));
        } catch (const std::system_error& failure) {
            error = failure.code();
            CHECK(std::string{failure.what()}.starts_with("canonical name of nobody.test: "));
        }
        CHECK(error == std::error_code(EAI_NONAME, net::resolver_category()));
        const auto name = co_await net::async_resolve_name(here);
        CHECK((name == net::resolve_name(here)));  // what this machine calls itself
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

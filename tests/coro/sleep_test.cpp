// What coro/sleep.hpp promises: sleeps end in order and never early, in virtual time and in real time.

#include <netnotes/coro/sleep.hpp>

#include "../catch.hpp"
#include "tasks.hpp"

// ---- time ----------------------------------------------------------------------------------------------

TEST_CASE("sleeps end in order, at their time exactly, and in virtual time none of it takes any") {
    test_loop loop{in_virtual_time};
    std::mt19937_64 random{1};
    struct end {
        net::duration time;
        int number;
    };
    std::vector<end> ends;
    const auto sleeps = [&](net::duration time, int number) -> net::task<> {
        const net::time_point begin = loop.now();
        if (number % 2 == 0)
            co_await net::sleep_for(time);
        else
            co_await net::sleep_until(begin + time);
        CHECK(loop.now() - begin == time);
        ends.push_back({time, number});
    };
    const auto body = [&]() -> net::task<> {
        std::vector<net::join_handle<>> all;
        for (int i = 0; i < 500; ++i) {
            const auto time = net::duration{static_cast<net::duration::rep>(random() >> (10 + random() % 54))};
            all.push_back(net::spawn(sleeps(i % 5 == 0 ? net::duration{7s} : time, i)));
        }
        for (auto& each : all) co_await each.join();
    };
    loop.run(body());
    REQUIRE(ends.size() == 500);
    const bool in_order = std::is_sorted(ends.begin(), ends.end(), [](const end& a, const end& b) {
        return a.time != b.time ? a.time < b.time : a.number < b.number;
    });
    CHECK(in_order);
}

TEST_CASE("a sleep of no time, or of less, lets the others have their turn, and takes none") {
    test_loop loop{in_virtual_time};
    std::string log;
    const auto sleeps = [&](net::duration time, char name) -> net::task<> {
        for (int i = 0; i < 2; ++i) {
            co_await net::sleep_for(time);
            log += name;
        }
    };
    const auto body = [&]() -> net::task<> {
        auto first = net::spawn(sleeps(0s, 'a'));
        auto second = net::spawn(sleeps(-1h, 'b'));
        auto third = net::spawn(sleeps(net::duration::min(), 'c'));
        co_await first.join();
        co_await second.join();
        co_await third.join();
    };
    const net::time_point begin = loop.now();
    loop.run(body());
    CHECK(log == "abcabc");
    CHECK(loop.now() == begin);
}

TEST_CASE("a sleep for ever ends when it is cancelled, and not before") {
    for (const bool is_virtual : {false, true}) {
        test_loop loop{{.virtual_time = is_virtual}};
        const auto sleeps = []() -> net::task<> { co_await net::sleep_for(net::never); };
        const auto sleeps_until = []() -> net::task<> { co_await net::sleep_until(net::time_point::max()); };
        const auto sleeps_almost = []() -> net::task<> { co_await net::sleep_for(net::never - 1ns); };
        const auto body = [&]() -> net::task<int> {
            std::vector<net::join_handle<>> all;
            all.push_back(net::spawn(sleeps()));
            all.push_back(net::spawn(sleeps_until()));
            all.push_back(net::spawn(sleeps_almost()));
            const net::duration time = is_virtual ? net::duration{100'000h} : net::duration{5ms};
            co_await net::sleep_for(time);
            int cancelled = 0;
            for (auto& each : all) {
                if (each.has_ended()) co_return -1;
                each.cancel();
                try {
                    co_await each.join();
                } catch (const std::system_error& error) {
                    cancelled += is_cancelled(error);
                }
            }
            co_return cancelled;
        };
        CHECK(loop.run(body()) == 3);
    }
}

TEST_CASE("virtual time that has nothing to jump to waits for what is real") {
    test_loop loop{in_virtual_time};
    net::stop_event stop;
    const auto body = []() -> net::task<> { co_await net::sleep_for(net::never); };
    support::background run{[&] { return loop.run(body(), stop); }};
    run.await_waiting();
    CHECK(!run.has_ended());
    stop.request_stop();
    CHECK(!run.get());
}

TEST_CASE("virtual time stands still while anybody can go on") {
    test_loop loop{in_virtual_time};
    const auto body = [&]() -> net::task<> {
        auto sleeper = net::spawn(number_after(1ns, 1));
        const net::time_point begin = loop.now();
        for (int i = 0; i < 1'000; ++i) co_await net::yield();
        CHECK(loop.now() == begin);
        CHECK(!sleeper.has_ended());
        int calls = 0;
        for (int i = 0; i < 100; ++i) {
            loop.post([&] { ++calls; });
            co_await net::yield();
        }
        co_await sleeper.join();
        CHECK(calls == 100);
        CHECK(loop.now() - begin == 1ns);
    };
    loop.run(body());
}

TEST_CASE("virtual time stands still while a peer's bytes are read, however many turns that takes") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    put(ends.write.get(), std::string(4'096, 'x'));
    const auto body = [&]() -> net::task<> {
        const node_owner node{new net::detail::io_node{loop, ends.read.get()}};
        node->read_to_end = true;
        auto sleeper = net::spawn(number_after(1h, 1));
        co_await net::yield();
        const net::time_point begin = loop.now();
        char byte = 0;
        for (int i = 0; i < 4'096; ++i) {
            reading operation{*node, {&byte, 1}};
            co_await operation;
        }
        CHECK(loop.now() == begin);
        CHECK(!sleeper.has_ended());
    };
    loop.run(body());
}

TEST_CASE("a sleep in real time is never too short, and many end in order") {
    test_loop loop;
    std::vector<int> order;
    int early = 0;
    const auto sleeps = [&](int milliseconds) -> net::task<> {
        const net::time_point begin = net::clock::now();
        co_await net::sleep_for(std::chrono::milliseconds{milliseconds});
        if (net::clock::now() - begin < std::chrono::milliseconds{milliseconds}) ++early;
        order.push_back(milliseconds);
    };
    const auto body = [&]() -> net::task<> {
        std::vector<net::join_handle<>> all;
        for (const int time : {30, 3, 20, 0, 10}) all.push_back(net::spawn(sleeps(time)));
        for (auto& each : all) co_await each.join();
        const net::time_point when = net::clock::now() + 3ms;
        co_await net::sleep_until(when);
        if (net::clock::now() < when) ++early;
    };
    loop.run(body());
    CHECK(early == 0);
    CHECK(order == std::vector{0, 3, 10, 20, 30});
}

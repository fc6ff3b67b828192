// What coro/join.hpp promises: a spawned task's result, for the task that joins it, whatever becomes of the handle.

#include <netnotes/coro/join.hpp>

#include "../catch.hpp"
#include "tasks.hpp"

// ---- spawn, join ---------------------------------------------------------------------------------------

namespace {
net::task<> tells(std::string name, net::duration pause, std::string& log) {
    for (int i = 0; i < 3; ++i) {
        log += name + std::to_string(i) + ' ';
        if (pause > 0s) co_await net::sleep_for(pause);
    }
}
net::task<> two_tell(net::duration pause, std::string& log) {
    auto first = net::spawn(tells("a", pause, log));
    auto second = net::spawn(tells("b", pause, log));
    log += "spawned ";
    co_await first.join();
    co_await second.join();
}
}  // namespace

TEST_CASE("spawned tasks begin when their spawner waits, in order, and a task that does not wait runs to its end") {
    test_loop loop{in_virtual_time};
    std::string log;
    loop.run(two_tell(0s, log));
    CHECK(log == "spawned a0 a1 a2 b0 b1 b2 ");
}

TEST_CASE("spawned tasks that sleep have their turns one after the other") {
    test_loop loop{in_virtual_time};
    std::string log;
    const net::time_point begin = loop.now();
    loop.run(two_tell(300ms, log));
    CHECK(log == "spawned a0 b0 a1 b1 a2 b2 ");
    CHECK(loop.now() - begin == 900ms);
}

TEST_CASE("a task that was spawned before run begins before the task of run") {
    test_loop loop;
    std::string log;
    const auto says = [&](std::string what) -> net::task<> {
        log += what;
        co_return;
    };
    loop.spawn(says("first "));
    CHECK(loop.size() == 1);
    loop.run(says("main "));
    CHECK(log == "first main ");
    CHECK(loop.size() == 0);
}

TEST_CASE("join gives the result, or throws the exception, of a task that has ended or will") {
    test_loop loop{in_virtual_time};
    const auto body = []() -> net::task<std::string> {
        std::string log;
        auto later = net::spawn(number_after(1s, 1));
        auto failing = net::spawn(fails_after(1s, "failed "));
        const int one = co_await later.join();
        log += std::to_string(one) + (later.has_ended() ? " ended " : " not ended ");
        co_await net::sleep_for(1s);
        try {
            co_await failing.join();
        } catch (const std::runtime_error& error) {
            log += error.what();
        }
        const int two = co_await net::spawn(number_after(1s, 2)).join();  // a handle that is a temporary
        log += std::to_string(two);
        co_return log;
    };
    CHECK(loop.run(body()) == "1 ended failed 2");
}

TEST_CASE("join gives references and what can only be moved") {
    test_loop loop;
    int object = 1;
    const auto reference = [](int& to) -> net::task<int&> { co_return to; };
    const auto pointer = []() -> net::task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
    const auto body = [&]() -> net::task<int> {
        auto first = net::spawn(reference(object));
        auto second = net::spawn(pointer());
        int& same = co_await first.join();
        same = 10;
        const std::unique_ptr<int> five = co_await second.join();
        co_return *five;
    };
    CHECK(loop.run(body()) == 5);
    CHECK(object == 10);
}

TEST_CASE("a result is given once, to one, and a handle without a task gives none") {
    test_loop loop{in_virtual_time};
    const auto body = []() -> net::task<int> {
        int refused = 0;
        auto once = net::spawn(number(1));
        co_await once.join();
        try {
            co_await once.join();
        } catch (const std::logic_error&) {
            ++refused;
        }
        net::join_handle<int> moved = std::move(once);
        net::join_handle<int> none;
        none.cancel();
        refused += none.has_ended() ? 100 : 0;
        for (net::join_handle<int>* each : {&once, &none}) try {
                co_await each->join();
            } catch (const std::logic_error&) {
                ++refused;
            }
        co_return refused;
    };
    CHECK(loop.run(body()) == 3);
}

TEST_CASE("two tasks that wait for the end of one are an error of the second") {
    test_loop loop{in_virtual_time};
    const auto body = []() -> net::task<std::string> {
        auto one = net::spawn(number_after(10s, 1));
        std::string log;
        const auto joins = [&]() -> net::task<> {
            try {
                const int value = co_await one.join();
                log += std::to_string(value);
            } catch (const std::logic_error&) {
                log += "refused ";
            }
        };
        auto first = net::spawn(joins());
        auto second = net::spawn(joins());
        co_await first.join();
        co_await second.join();
        co_return log;
    };
    CHECK(loop.run(body()) == "refused 1");
}

TEST_CASE("a task is not joined from another loop") {
    test_loop own, other;
    auto handle = own.spawn(nothing());
    const auto joins = [](net::join_handle<>& what) -> net::task<> { co_await what.join(); };
    CHECK_THROWS_AS(other.run(joins(handle)), std::logic_error);
    own.run(joins(handle));
    CHECK(handle.has_ended());
}

TEST_CASE("cancelling a join does not change the task, and another task may join it") {
    test_loop loop{in_virtual_time};
    const auto body = []() -> net::task<int> {
        auto one = net::spawn(number_after(10s, 1));
        bool cancelled = false;
        const auto joins = [&]() -> net::task<> {
            try {
                co_await one.join();
            } catch (const net::cancelled&) {
                cancelled = true;
            }
        };
        auto joiner = net::spawn(joins());
        co_await net::sleep_for(1s);
        joiner.cancel();
        const int value = co_await one.join();  // before the other has gone on
        co_return cancelled ? value : -1;
    };
    CHECK(loop.run(body()) == 1);
}

TEST_CASE("a cancelled task may still take the result of a task that has ended") {
    test_loop loop;
    int got = 0;
    const auto joins = [&](net::join_handle<int> one) -> net::task<> { got = co_await one.join(); };
    const auto body = [&]() -> net::task<> {
        auto one = net::spawn(number(4));
        co_await net::yield();
        auto joiner = net::spawn(joins(std::move(one)));
        joiner.cancel();
        co_await joiner.join();
    };
    loop.run(body());
    CHECK(got == 4);
}

TEST_CASE("what a task holds goes when it ends, not when its handle goes") {
    test_loop loop;
    int alive = 0;
    const auto holder = [](counted) -> net::task<> { co_await net::yield(); };
    const auto body = [&]() -> net::task<int> {
        auto one = net::spawn(holder(counted{alive}));
        co_await net::yield();
        const int before = alive;
        co_await net::yield();
        co_return one.has_ended() ? before * 10 + alive : -1;
    };
    CHECK(loop.run(body()) == 10);
}

// ---- handles dropped -----------------------------------------------------------------------------------

TEST_CASE("a task whose handle is dropped goes on") {
    test_loop loop{in_virtual_time};
    int done = 0;
    const auto works = [&]() -> net::task<> {
        co_await net::sleep_for(1s);
        ++done;
    };
    const auto body = [&]() -> net::task<> {
        net::spawn(works());
        auto replaced = net::spawn(works());
        replaced = net::spawn(works());
        co_await net::sleep_for(2s);
    };
    loop.run(body());
    CHECK(done == 3);
}

TEST_CASE("an exception that nobody can catch any more ends the run and comes out of it") {
    test_loop loop{in_virtual_time};
    int alive = 0;
    bool cancelled = false;
    const auto dropped_before = [&](counted) -> net::task<> {
        net::spawn(fails_after(1s, "lost"));
        net::spawn(holds(counted{alive}));
        co_await waits_for_ever(cancelled);
    };
    CHECK_THROWS_WITH(loop.run(dropped_before(counted{alive})), "lost");
    CHECK(cancelled);
    CHECK(alive == 0);
    CHECK(loop.size() == 0);

    const auto dropped_after = [&]() -> net::task<> {
        {
            auto one = net::spawn(fails_after(1s, "lost, too"));
            co_await net::sleep_for(2s);
        }
        co_await net::sleep_for(net::never);
    };
    CHECK_THROWS_WITH(loop.run(dropped_after()), "lost, too");
    CHECK(loop.run(number(1)) == 1);
}

TEST_CASE("of several exceptions that nobody can catch the first comes out, and none from the next run") {
    test_loop loop{in_virtual_time};
    const auto body = [&]() -> net::task<> {
        net::spawn(fails_after(1s, "first"));
        net::spawn(fails_after(1s, "second"));
        try {
            co_await net::sleep_for(net::never);
        } catch (const net::cancelled&) {
            throw std::runtime_error{"the task of run, when it was cancelled"};
        }
    };
    CHECK_THROWS_WITH(loop.run(body()), "first");
    CHECK(loop.run(number(1)) == 1);
}

TEST_CASE("that a task was cancelled is no error; that it failed otherwise when it was cancelled, is") {
    test_loop loop{in_virtual_time};
    bool cancelled = false;
    const auto silent = [&]() -> net::task<> {
        net::spawn(waits_for_ever(cancelled));
        co_await net::sleep_for(1s);
    };
    loop.run(silent());
    CHECK(cancelled);

    const auto fails = []() -> net::task<> {
        try {
            co_await net::sleep_for(net::never);
        } catch (const net::cancelled&) {
            throw std::runtime_error{"at the end"};
        }
    };
    const auto loud = [&]() -> net::task<> {
        net::spawn(fails());
        co_await net::sleep_for(1s);
    };
    CHECK_THROWS_WITH(loop.run(loud()), "at the end");
}

TEST_CASE("a handle that is dropped during a join takes nothing from the joining task") {
    test_loop loop{in_virtual_time};
    int alive = 0;
    // The handle is dropped while the task runs, and after its end, before the waiting task is resumed.
    for (const net::duration when : {net::duration{1s}, net::duration{2s}}) {
        const auto works = [&](counted what) -> net::task<std::pair<counted, std::string>> {
            co_await net::sleep_for(2s);
            co_return std::pair{std::move(what), std::string{"a result that is too long for a string to keep inside"}};
        };
        std::string got;
        const auto body = [&]() -> net::task<> {
            std::optional<net::join_handle<std::pair<counted, std::string>>> one;
            const auto drops = [&]() -> net::task<> {
                co_await net::sleep_for(when);
                one.reset();
            };
            auto dropper = net::spawn(drops());
            co_await net::yield();
            one = net::spawn(works(counted{alive}));
            auto result = co_await one->join();
            got = result.second;
            co_await dropper.join();
        };
        loop.run(body());
        CHECK(got.starts_with("a result"));
        CHECK(alive == 0);
    }
}

TEST_CASE("a handle may be dropped between join() and co_await") {
    test_loop loop{in_virtual_time};
    const auto body = []() -> net::task<int> {
        auto joining = net::spawn(number_after(1s, 5)).join();
        co_await net::sleep_for(2s);
        const int value = co_await std::move(joining);
        co_return value;
    };
    CHECK(loop.run(body()) == 5);
}

TEST_CASE("the exception of a task is not lost if the joining task is cancelled at that moment") {
    test_loop loop{in_virtual_time};
    const auto body = []() -> net::task<> {
        const auto joins = []() -> net::task<> {
            auto one = net::spawn(fails_after(1s, "between two"));
            co_await one.join();
        };
        auto joiner = net::spawn(joins());
        co_await net::yield();
        co_await net::yield();
        joiner.cancel();
        co_await net::sleep_for(5s);
    };
    CHECK_THROWS_WITH(loop.run(body()), "between two");
}

TEST_CASE("handles may outlive their loop, of tasks that have ended and of such as have not") {
    int alive = 0;
    net::join_handle<> never_begun, ended, failed;
    net::join_handle<int> in_a_member;
    {
        test_loop loop;
        const auto body = [&]() -> net::task<> {
            ended = net::spawn(nothing());
            failed = net::spawn(fails_after(0s, "seen by nobody"));
            co_await net::yield();
        };
        loop.run(body());
        never_begun = loop.spawn(holds(counted{alive}));
        in_a_member = loop.spawn(number(1));
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
    for (const net::join_handle<>* each : {&never_begun, &ended, &failed}) CHECK(each->has_ended());
    never_begun.cancel();

    test_loop another;
    const auto joins = [&]() -> net::task<> { co_await never_begun.join(); };
    CHECK(support::failure_of([&] { another.run(joins()); }).code == std::errc::operation_canceled);
}

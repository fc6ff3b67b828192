// Tasks beside one another, inside a function: their results and failures, which tasks are cancelled, and when all have
// ended. Time is virtual: it jumps when all wait, so what is asserted of it is exact.

#include <netnotes/coro/group.hpp>
#include <netnotes/coro/sync.hpp>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using net::task, net::with_group, net::when_all, net::when_any, net::with_timeout, net::task_group;

namespace {

/// Counts its living objects: an object in a frame is destroyed with the frame.
struct token {
    token() { ++alive; }
    token(const token&) = delete;
    token& operator=(const token&) = delete;
    ~token() { --alive; }
    static inline int alive = 0;
};

/// Runs the task that `body` gives, in a loop of its own whose time is virtual, and says how long it took.
template <class Body>
net::duration in_a_loop(Body body) {
    test_loop loop{{.virtual_time = true}};
    const auto begin = loop.now();
    loop.run(body());
    CHECK(loop.size() == 0);
    CHECK(token::alive == 0);
    return loop.now() - begin;
}

/// A kind of error that nothing else throws.
struct broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

task<int> gives(int value, net::duration after) {
    const token here;
    co_await net::sleep_for(after);
    co_return value;
}
task<int> gives_now(int value) {
    const token here;
    co_return value;
}
task<> breaks(std::string why, net::duration after) {
    const token here;
    co_await net::sleep_for(after);
    throw broken{why};
}
task<> breaks_now(std::string why) {
    throw broken{why};
    co_return;
}
task<> nothing() { co_return; }
task<> sleeps(net::duration time) {
    const token here;
    co_await net::sleep_for(time);
}
/// When it is cancelled it ends well, all the same.
task<int> ends_well(int& ended) {
    const token here;
    try {
        co_await net::sleep_for(1h);
    } catch (const net::cancelled&) {
    }
    ++ended;
    co_return -1;
}
/// Stays for some turns, however often it is told to go.
task<int> lingers(int turns, int& ended) {
    const token here;
    for (int i = 0; i < turns; ++i) {
        try {
            co_await net::yield();
        } catch (const net::cancelled&) {
        }
    }
    ++ended;
    co_return -1;
}

/// Sleeps for an hour, with a limit.
task<> limited(net::duration time) { co_await with_timeout(time, sleeps(2 * time)); }

struct outcome {
    std::string text;  // "" when nothing was thrown
    std::error_code code;
};
/// Awaits something and says what it threw.
template <class Awaitable>
task<outcome> outcome_of(Awaitable& what) {
    try {
        co_await std::move(what);
    } catch (const net::cancelled&) {
        co_return outcome{"cancelled", std::make_error_code(std::errc::operation_canceled)};
    } catch (const std::system_error& error) {
        co_return outcome{error.what(), error.code()};
    } catch (const std::exception& error) {
        co_return outcome{error.what(), {}};
    }
    co_return outcome{};
}
template <class T>
task<outcome> end_of(net::join_handle<T>& handle) {
    auto joining = handle.join();
    auto result = co_await outcome_of(joining);
    co_return result;
}
bool is_cancellation(const outcome& result) { return result.code == std::errc::operation_canceled; }

}  // namespace

// ---- when_all ------------------------------------------------------------------------------------------

TEST_CASE("when_all gives all results, in the time of the longest") {
    const auto took = in_a_loop([]() -> task<> {
        auto [a, b, c, d] = co_await when_all(gives(1, 3s), gives(2, 1s), sleeps(2s), gives_now(4));
        CHECK(a == 1);
        CHECK(b == 2);
        CHECK(std::is_same_v<decltype(c), std::monostate>);
        CHECK(d == 4);
        CHECK(token::alive == 0);
    });
    CHECK(took == 3s);
}

TEST_CASE("when_all without tasks, and with tasks that do not wait, does not wait") {
    in_a_loop([]() -> task<> {
        const auto none = co_await when_all();
        CHECK(std::tuple_size_v<std::remove_const_t<decltype(none)>> == 0);
        bool others_ran = false;
        const auto other = [&]() -> task<> {
            others_ran = true;
            co_return;
        };
        auto beside = net::spawn(other());
        auto [a, b] = co_await when_all(gives_now(1), gives_now(2));
        CHECK(a + b == 3);
        CHECK_FALSE(others_ran);
        co_await beside.join();
    });
}

TEST_CASE("when_all begins its tasks at once and in order") {
    in_a_loop([]() -> task<> {
        std::vector<int> order;
        const auto one = [&](int number) -> task<> {
            order.push_back(number);
            co_await net::yield();
            order.push_back(-number);
        };
        co_await when_all(one(1), one(2), one(3));
        CHECK(order == std::vector{1, 2, 3, -1, -2, -3});
    });
}

TEST_CASE("when one of when_all fails the others are cancelled, and it comes out when they have ended") {
    const auto took = in_a_loop([]() -> task<> {
        int ended = 0;
        auto all = when_all(gives(1, 1h), breaks("first", 2s), lingers(1, ended), ends_well(ended));
        const auto result = co_await outcome_of(all);
        CHECK(result.text == "first");
        CHECK(ended == 2);
        CHECK(token::alive == 0);
    });
    CHECK(took == 2s);
}

TEST_CASE("the first failure of when_all counts, also when it comes at once") {
    in_a_loop([]() -> task<> {
        auto one = when_all(breaks("late", 2s), breaks("early", 1s));
        const auto first = co_await outcome_of(one);
        CHECK(first.text == "early");
        auto two = when_all(breaks_now("at once"), gives(1, 1h), breaks_now("and another"));
        const auto second = co_await outcome_of(two);
        CHECK(second.text == "at once");
    });
}

TEST_CASE("when_all and when_any carry what can only be moved, and when_all references") {
    in_a_loop([]() -> task<> {
        const auto make = [](int value) -> task<std::unique_ptr<int>> {
            co_await net::yield();
            co_return std::make_unique<int>(value);
        };
        int number = 5;
        const auto refer = [](int& to) -> task<int&> { co_return to; };
        auto [a, b] = co_await when_all(make(1), refer(number));
        CHECK(*a == 1);
        CHECK(&b == &number);
        auto first = co_await when_any(make(2), make(3));
        CHECK(*std::get<0>(first) == 2);
    });
}

TEST_CASE("an empty task is refused before any task begins, and the others are not leaked") {
    in_a_loop([]() -> task<> {
        std::string thrown;
        try {
            co_await when_all(gives(1, 1s), task<int>{}, gives(2, 1s));
        } catch (const std::logic_error& error) {
            thrown = error.what();
        }
        CHECK_THAT(thrown, Catch::Matchers::ContainsSubstring("empty task"));
        const auto body = [](task_group& group) -> task<> {
            group.spawn({});
            co_return;
        };
        auto group = with_group(body);
        const auto result = co_await outcome_of(group);
        CHECK_THAT(result.text, Catch::Matchers::ContainsSubstring("empty task"));
    });
}

TEST_CASE("what is never awaited never begins, and is not leaked") {
    in_a_loop([]() -> task<> {
        bool has_run = false;
        const auto run = [&](std::shared_ptr<token>) -> task<> {
            has_run = true;
            co_return;
        };
        {
            auto all = when_all(run(std::make_shared<token>()), run(std::make_shared<token>()));
            auto any = when_any(run(std::make_shared<token>()));
            auto limited = with_timeout(1s, run(std::make_shared<token>()));
            CHECK(token::alive == 4);
        }
        CHECK(token::alive == 0);
        CHECK_FALSE(has_run);
        co_return;
    });
}

// ---- when_any ------------------------------------------------------------------------------------------

TEST_CASE("when_any gives the first result and who it was, and the others have ended") {
    const auto took = in_a_loop([]() -> task<> {
        auto first = co_await when_any(gives(1, 3s), gives(2, 1s), sleeps(2s));
        CHECK(first.index() == 1);
        CHECK(std::get<1>(first) == 2);
        CHECK(token::alive == 0);
        auto other = co_await when_any(gives(1, 3s), sleeps(1s));
        CHECK(other.index() == 1);
    });
    CHECK(took == 2s);
}

TEST_CASE("when_any waits for a slow loser, and drops its result or its exception") {
    in_a_loop([]() -> task<> {
        int ended = 0;
        const auto throws = [&]() -> task<int> {
            co_await lingers(20, ended);
            throw broken{"of no interest"};
        };
        auto first = co_await when_any(lingers(5, ended), gives(7, 1s), throws());
        // Virtual time stands still while any task is ready, so the task with the shorter sleep wins.
        CHECK(first.index() == 0);
        CHECK(ended == 2);
    });
    in_a_loop([]() -> task<> {
        int ended = 0;
        auto first = co_await when_any(gives(7, 1s), ends_well(ended));
        CHECK(first.index() == 0);
        CHECK(ended == 1);
    });
}

TEST_CASE("when_any throws what the first threw, and not what a later one gives") {
    in_a_loop([]() -> task<> {
        auto any = when_any(gives(1, 2s), breaks("first", 1s));
        const auto result = co_await outcome_of(any);
        CHECK(result.text == "first");
    });
}

TEST_CASE("when the first of when_any ends at once, the others begin as cancelled ones") {
    in_a_loop([]() -> task<> {
        int waited = 0;
        const auto waits = [&]() -> task<int> {
            co_await net::sleep_for(1s);
            ++waited;
            co_return 0;
        };
        auto first = co_await when_any(gives_now(1), waits());
        CHECK(first.index() == 0);
        CHECK(waited == 0);
    });
}

TEST_CASE("two that end in the same turn: one wins, and the other is no trouble") {
    in_a_loop([]() -> task<> {
        net::async_event event;
        const auto waits = [&](int value) -> task<int> {
            co_await event.wait();
            co_return value;
        };
        const auto sets = [&]() -> task<int> {
            co_await net::sleep_for(1s);
            event.set();
            co_await net::sleep_for(1h);
            co_return 0;
        };
        auto first = co_await when_any(waits(1), waits(2), sets());
        CHECK(first.index() == 0);
        CHECK(std::get<0>(first) == 1);
    });
}

// ---- with_timeout --------------------------------------------------------------------------------------

TEST_CASE("with_timeout gives what comes in time, and throws timed_out when the time has passed") {
    const auto took = in_a_loop([]() -> task<> {
        const int value = co_await with_timeout(2s, gives(5, 1s));
        CHECK(value == 5);
        auto late = with_timeout(2s, gives(5, 3s));
        const auto result = co_await outcome_of(late);
        CHECK(result.code == std::errc::timed_out);
        CHECK(token::alive == 0);
    });
    CHECK(took == 3s);
}

TEST_CASE("with_timeout never, zero and less than zero") {
    const auto took = in_a_loop([]() -> task<> {
        const int patient = co_await with_timeout(net::never, gives(5, 24h));
        CHECK(patient == 5);
        for (const net::duration time : {net::duration{0}, net::duration{-1h}, net::duration::min()}) {
            const int at_once = co_await with_timeout(time, gives_now(6));  // what need not wait is in time
            CHECK(at_once == 6);
            auto late = with_timeout(time, gives(5, 1s));
            const auto result = co_await outcome_of(late);
            CHECK(result.code == std::errc::timed_out);
        }
    });
    CHECK(took == 24h);
}

TEST_CASE("with_timeout: what ends well after the time has passed counts, and so does another failure") {
    in_a_loop([]() -> task<> {
        int ended = 0;
        const int value = co_await with_timeout(1s, ends_well(ended));
        CHECK(value == -1);
        const auto fails = []() -> task<> {
            std::string why = "nothing";
            try {
                co_await net::sleep_for(1h);
            } catch (const net::cancelled&) {
                why = "while it was cancelled";
            }
            throw broken{why};
        };
        auto limited = with_timeout(1s, fails());
        const auto result = co_await outcome_of(limited);
        CHECK(result.text == "while it was cancelled");
    });
}

TEST_CASE("of two limits, one inside the other, the shorter counts, whichever it is") {
    for (const auto& [outer, inner] : {std::pair{1s, 5s}, std::pair{5s, 1s}, std::pair{1s, 1s}}) {
        const auto took = in_a_loop([o = outer, i = inner]() -> task<> {
            std::string where = "nowhere";
            const auto within = [&](net::duration time) -> task<> {
                auto limited = with_timeout(time, sleeps(1h));
                const auto result = co_await outcome_of(limited);
                if (result.code == std::errc::timed_out) where = "inside";
                if (is_cancellation(result)) where = "outside";
                co_await net::sleep_for(0s);  // if the outer one has expired, here
            };
            auto limited = with_timeout(o, within(i));
            const auto result = co_await outcome_of(limited);
            if (i < o) CHECK(where == "inside");
            if (i < o) CHECK(result.text.empty());
            if (i > o) CHECK(where == "outside");
            if (i > o) CHECK(result.code == std::errc::timed_out);
        });
        CHECK(took == 1s);
    }
}

TEST_CASE("cancelled from outside, with_timeout throws that, and not timed_out, also when both happen") {
    for (const auto after : {1s, 2s, 3s})
        in_a_loop([after]() -> task<> {
            const auto limited = []() -> task<> { co_await with_timeout(2s, sleeps(1h)); };
            auto handle = net::spawn(limited());
            co_await net::sleep_for(after);
            handle.cancel();
            const auto result = co_await end_of(handle);
            if (after < 2s) CHECK(is_cancellation(result));
            if (after == 2s) CHECK((is_cancellation(result) || result.code == std::errc::timed_out));
            if (after > 2s) CHECK(result.code == std::errc::timed_out);
        });
}

// ---- with_group ----------------------------------------------------------------------------------------

TEST_CASE("a group ends with its last task, and gives the body's result") {
    const auto took = in_a_loop([]() -> task<> {
        const auto body = [](task_group& group) -> task<std::string> {
            for (const auto time : {3s, 1s, 2s}) group.spawn(sleeps(time));
            CHECK(group.size() == 3);
            co_await net::sleep_for(1500ms);
            CHECK(group.size() == 2);
            co_return "the body's";
        };
        const std::string result = co_await with_group(body);
        CHECK(result == "the body's");
        CHECK(token::alive == 0);
    });
    CHECK(took == 3s);
}

TEST_CASE("a group of nothing, of tasks that do not wait, and of thousands") {
    in_a_loop([]() -> task<> {
        const auto empty = [](task_group&) -> task<> { co_return; };
        co_await with_group(empty);
        const auto at_once = [](task_group& group) -> task<> {
            for (int i = 0; i < 1000; ++i) {
                group.spawn(nothing());
                CHECK(group.size() == 0);
            }
            co_return;
        };
        co_await with_group(at_once);
        const auto many = [](task_group& group) -> task<> {
            for (int i = 0; i < 5000; ++i) group.spawn(sleeps(i * 1ms));
            CHECK(group.size() == 5000);
            co_return;
        };
        co_await with_group(many);
    });
}

TEST_CASE("tasks of a group may begin others, also when the body has ended") {
    const auto took = in_a_loop([]() -> task<> {
        int ended = 0;
        struct tree {
            static task<> grow(task_group& group, int depth, int& ended) {
                const token here;
                co_await net::sleep_for(1s);
                if (depth > 0) {
                    group.spawn(grow(group, depth - 1, ended));
                    group.spawn(grow(group, depth - 1, ended));
                }
                ++ended;
            }
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(tree::grow(group, 4, ended));
            co_return;
        };
        co_await with_group(body);
        CHECK(ended == 31);
    });
    CHECK(took == 5s);
}

TEST_CASE("the first failure of a group cancels all others, whoever it is, and comes out when they have ended") {
    for (const bool in_the_body : {false, true}) {
        const auto took = in_a_loop([in_the_body]() -> task<> {
            int ended = 0;
            const auto body = [&](task_group& group) -> task<> {
                const auto waits = [&]() -> task<> { co_await ends_well(ended); };
                group.spawn(waits());
                group.spawn(waits());
                group.spawn(in_the_body ? breaks("later", 2s) : breaks("a task", 1s));
                co_await net::sleep_for(in_the_body ? 1s : 1h);
                throw broken{"the body"};
            };
            auto group = with_group(body);
            const auto result = co_await outcome_of(group);
            CHECK(result.text == (in_the_body ? "the body" : "a task"));
            CHECK(ended == 2);
            CHECK(token::alive == 0);
        });
        CHECK(took == 1s);
    }
}

TEST_CASE("a task that fails inside spawn() cancels the body, which goes on until it waits") {
    in_a_loop([]() -> task<> {
        bool went_on = false, waited = false;
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(breaks_now("at once"));
            went_on = true;
            group.spawn(sleeps(1h));  // begins as a cancelled one, and so ends where it would wait
            CHECK(group.size() == 0);
            co_await net::yield();
            waited = true;
        };
        auto group = with_group(body);
        const auto result = co_await outcome_of(group);
        CHECK(result.text == "at once");
        CHECK(went_on);
        CHECK_FALSE(waited);
    });
}

TEST_CASE("what is spawned after cancel() begins as a cancelled one") {
    in_a_loop([]() -> task<> {
        bool began = false, waited = false;
        const auto body = [&](task_group& group) -> task<> {
            const auto task_of_it = [&]() -> task<> {
                began = true;
                co_await net::sleep_for(0s);
                waited = true;
            };
            group.cancel();
            group.spawn(task_of_it());
            co_return;
        };
        co_await with_group(body);
        CHECK(began);
        CHECK_FALSE(waited);
    });
}

TEST_CASE("a body that is done cancels the rest, and that is no failure") {
    const auto took = in_a_loop([]() -> task<> {
        const auto body = [](task_group& group) -> task<int> {
            group.spawn(sleeps(1h));
            co_await net::sleep_for(1s);
            group.cancel();
            co_return 7;
        };
        const int result = co_await with_group(body);
        CHECK(result == 7);
    });
    CHECK(took == 1s);
}

TEST_CASE("after cancel() another failure still counts, and so does the end of the body by it") {
    in_a_loop([]() -> task<> {
        const auto cleaning_up = []() -> task<> {
            bool cancelled = false;
            try {
                co_await net::sleep_for(1h);
            } catch (const net::cancelled&) {
                cancelled = true;
            }
            if (cancelled) throw broken{"cleaning up"};
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(cleaning_up());
            group.cancel();
            co_return;
        };
        auto group = with_group(body);
        const auto result = co_await outcome_of(group);
        CHECK(result.text == "cleaning up");
        const auto waits = [](task_group& it) -> task<> {
            it.cancel();
            co_await net::sleep_for(1s);
        };
        auto other = with_group(waits);
        const auto other_result = co_await outcome_of(other);
        CHECK(is_cancellation(other_result));
    });
}

TEST_CASE("cancelled from outside a group cancels all its tasks, waits for them, and says so") {
    for (const bool body_has_ended : {false, true})
        in_a_loop([body_has_ended]() -> task<> {
            int ended = 0;
            const auto body = [&](task_group& group) -> task<> {
                const auto waits = [&]() -> task<> { co_await ends_well(ended); };
                group.spawn(sleeps(1h));
                group.spawn(waits());
                if (!body_has_ended) co_await net::sleep_for(1h);
            };
            const auto outer = [&]() -> task<> { co_await with_group(body); };
            auto handle = net::spawn(outer());
            co_await net::sleep_for(1s);
            CHECK_FALSE(handle.has_ended());
            handle.cancel();
            const auto result = co_await end_of(handle);
            CHECK(is_cancellation(result));
            CHECK(ended == 1);
            CHECK(token::alive == 0);
        });
}

TEST_CASE("a group refuses tasks before its body runs and after its last task has ended") {
    in_a_loop([]() -> task<> {
        const auto eager = [](task_group& group) {  // no coroutine: it is called before anything runs
            group.spawn(nothing());
            return nothing();
        };
        std::string thrown;
        try {
            co_await with_group(eager);
        } catch (const std::logic_error& error) {
            thrown = error.what();
        }
        CHECK(thrown == "task_group::spawn: the group has not begun, or has ended");

        // The group's last timer and the other's are due at the same moment, in this order; so the group has ended, but
        // the task that waits for it has not been resumed.
        task_group* kept = nullptr;
        bool group_is_over = false;
        const auto body = [&](task_group& group) -> task<> {
            kept = &group;
            co_await net::sleep_for(1s);
        };
        const auto inside = [&]() -> task<> {
            co_await with_group(body);
            group_is_over = true;
        };
        const auto outside = [&]() -> task<> {
            co_await net::sleep_for(1s);
            CHECK_FALSE(group_is_over);
            kept->spawn(sleeps(1s));
        };
        auto first = net::spawn(inside());
        auto second = net::spawn(outside());
        std::string refused;
        try {
            co_await second.join();
        } catch (const std::logic_error& error) {
            refused = error.what();
        }
        CHECK(refused == thrown);
        co_await first.join();
        CHECK(group_is_over);
    });
}

// ---- all of them, in one another -----------------------------------------------------------------------

TEST_CASE("cancelling reaches all the way down, and begun as cancelled nothing waits") {
    const auto deep = []() -> task<> {
        const auto body = [](task_group& group) -> task<> {
            const auto member = []() -> task<> {
                const token here;
                co_await when_all(sleeps(1h), limited(1h));
            };
            group.spawn(member());
            co_await when_any(sleeps(1h), sleeps(2h));
        };
        co_await with_group(body);
    };
    for (const bool before : {true, false}) {
        const auto took = in_a_loop([&]() -> task<> {
            auto handle = net::spawn(deep());
            if (!before) co_await net::sleep_for(1s);
            handle.cancel();
            const auto result = co_await end_of(handle);
            CHECK(is_cancellation(result));
            CHECK(token::alive == 0);
        });
        CHECK(took == (before ? 0s : 1s));
    }
}

TEST_CASE("a part may cancel the very chain that waits for it") {
    in_a_loop([]() -> task<> {
        net::join_handle<> self;
        bool second_began = false, second_waited = false;
        const auto cancels = [&]() -> task<> {
            self.cancel();
            co_return;
        };
        const auto second = [&]() -> task<> {
            second_began = true;
            co_await net::yield();
            second_waited = true;
        };
        const auto outer = [&]() -> task<> { co_await when_all(cancels(), second()); };
        self = net::spawn(outer());
        const auto result = co_await end_of(self);
        CHECK(is_cancellation(result));
        CHECK(second_began);
        CHECK_FALSE(second_waited);
    });
}

TEST_CASE("thousands of groups and parts one after the other do not use up the stack") {
    in_a_loop([]() -> task<> {
        const auto body = [](task_group& group) -> task<> {
            group.spawn(nothing());
            co_return;
        };
        for (int i = 0; i < 20'000; ++i) {
            co_await when_all(nothing(), nothing());
            co_await when_any(nothing(), nothing());
            co_await with_timeout(1s, nothing());
            co_await with_group(body);
        }
    });
}

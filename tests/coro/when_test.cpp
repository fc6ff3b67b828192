// All results, the first, or the first success, of any number of tasks. Time is virtual, so what is asserted of it is
// exact.

#include <netnotes/coro/group.hpp>
#include <netnotes/coro/sync.hpp>
#include <netnotes/coro/when.hpp>

#include "tasks.hpp"

#include <memory>
#include <string>
#include <vector>

namespace {

using failures = std::vector<std::exception_ptr>;

template <class... Ts>
auto list_of(Ts... tasks) {
    std::vector<std::common_type_t<Ts...>> all;
    (all.push_back(std::move(tasks)), ...);
    return all;
}
std::string text_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        return error.what();
    } catch (const net::cancelled& error) {
        return error.what();
    }
}
net::task<int> number_fails(net::duration time, std::string why) {
    co_await net::sleep_for(time);
    throw std::runtime_error{why};
}
net::task<int> number_waits(bool& was_cancelled) {
    co_await waits_for_ever(was_cancelled);
    co_return -1;
}

}  // namespace

TEST_CASE("when_all of a vector gives the results in the order of the tasks, in the time of the longest") {
    test_loop loop{in_virtual_time};
    const auto begin = loop.now();
    loop.run([]() -> net::task<> {
        std::vector<net::task<int>> tasks;
        for (int i = 0; i < 1'000; ++i) tasks.push_back(number_after((1'000 - i) * 1ms, i));
        const std::vector<int> results = co_await net::when_all(std::move(tasks));
        REQUIRE(results.size() == 1'000);
        for (int i = 0; i < 1'000; ++i) CHECK(results[static_cast<std::size_t>(i)] == i);
        co_await net::when_all(list_of(nothing(), nothing()));
        const auto none = co_await net::when_all(std::vector<net::task<int>>{});
        CHECK(none.empty());
    });
    CHECK(loop.now() - begin == 1s);
}

TEST_CASE("when_all of a vector carries what can only be moved, and flags") {
    test_loop loop;
    loop.run([]() -> net::task<> {
        const auto make = [](int value) -> net::task<std::unique_ptr<int>> { co_return std::make_unique<int>(value); };
        const auto made = co_await net::when_all(list_of(make(1), make(2)));
        CHECK(*made[0] + *made[1] == 3);
        const auto flag = [](bool value) -> net::task<bool> { co_return value; };
        const auto flags = co_await net::when_all(list_of(flag(true), flag(false)));
        CHECK(flags == std::vector<bool>{true, false});
    });
}

TEST_CASE("when a task of a vector fails the others are cancelled, and the first failure comes out") {
    test_loop loop{in_virtual_time};
    bool was_cancelled = false;
    const auto main = [&]() -> net::task<> {
        co_await net::when_all(list_of(waits_for_ever(was_cancelled), fails_after(1s, "first"), fails_after(2s, "second")));
    };
    CHECK_THROWS_WITH(loop.run(main), "first");
    CHECK(was_cancelled);
    const auto empty = []() -> net::task<> { co_await net::when_all(list_of(net::task<>{}, nothing())); };
    CHECK_THROWS_AS(loop.run(empty), std::logic_error);
}

TEST_CASE("when_any of a vector gives the first and its position, and the others have ended") {
    test_loop loop{in_virtual_time};
    loop.run([]() -> net::task<> {
        bool was_cancelled = false;
        auto [index, value] = co_await net::when_any(list_of(number_waits(was_cancelled), number_after(1s, 7)));
        CHECK(index == 1);
        CHECK(value == 7);
        CHECK(was_cancelled);
        const auto first = co_await net::when_any(list_of(nothing(), nothing()));
        CHECK(first.index == 0);
    });
    const auto fails = []() -> net::task<> {
        bool was_cancelled = false;
        co_await net::when_any(list_of(number_waits(was_cancelled), number_fails(1s, "it fails")));
    };
    CHECK_THROWS_WITH(loop.run(fails), "it fails");
    CHECK_THROWS_AS(net::when_any(std::vector<net::task<>>{}), std::invalid_argument);
    CHECK_THROWS_AS(net::first_success(std::vector<net::task<>>{}), std::invalid_argument);
}

TEST_CASE("first_success passes over failures, and cancels what is left") {
    test_loop loop{in_virtual_time};
    loop.run([]() -> net::task<> {
        bool was_cancelled = false;
        failures seen;
        const auto first = co_await net::first_success(
            list_of(number_fails(1s, "one"), number_after(3s, 3), number_fails(2s, "two"), number_waits(was_cancelled)), seen);
        CHECK(first.index == 1);
        CHECK(first.value == 3);
        CHECK(was_cancelled);
        REQUIRE(seen.size() == 2);
        CHECK(text_of(seen[0]) == "one");
        CHECK(text_of(seen[1]) == "two");
        const auto two = co_await net::first_success(number_fails(1s, "one"), number_after(2s, 2));
        CHECK(two.index() == 1);
        CHECK(std::get<1>(two) == 2);
        const auto in_list = co_await net::first_success(list_of(number_fails(1s, "one"), number(5)));
        CHECK(in_list.value == 5);
    });
}

TEST_CASE("when every task fails first_success throws the first failure, and tells all") {
    test_loop loop{in_virtual_time};
    failures seen;
    const auto main = [&]() -> net::task<> {
        co_await net::first_success(list_of(number_fails(2s, "later"), number_fails(1s, "sooner")), seen);
    };
    CHECK_THROWS_WITH(loop.run(main), "sooner");
    REQUIRE(seen.size() == 2);
    CHECK(text_of(seen[0]) == "sooner");
    CHECK(text_of(seen[1]) == "later");
    const auto variadic = []() -> net::task<> {
        co_await net::first_success(number_fails(2s, "later"), fails_after(1s, "sooner"));
    };
    CHECK_THROWS_WITH(loop.run(variadic), "sooner");
}

TEST_CASE("cancelled from outside, each of them cancels all its tasks and throws that") {
    test_loop loop{in_virtual_time};
    loop.run([&]() -> net::task<> {
        for (int kind = 0; kind < 3; ++kind) {
            bool one = false, two = false;
            bool was_cancelled = false;
            auto handle = net::spawn([&, kind]() -> net::task<> {
                try {
                    if (kind == 0)
                        co_await net::when_all(list_of(waits_for_ever(one), waits_for_ever(two)));
                    else if (kind == 1)
                        co_await net::when_any(list_of(waits_for_ever(one), waits_for_ever(two)));
                    else
                        co_await net::first_success(
                            list_of(waits_for_ever(one), waits_for_ever(two), fails_after(1s, "a failure before")));
                } catch (const net::cancelled&) {
                    was_cancelled = true;
                }
            });
            co_await net::sleep_for(2s);
            handle.cancel();
            co_await handle.join();
            CHECK(was_cancelled);
            CHECK(one);
            CHECK(two);
        }
    });
}

TEST_CASE("a group tells all its failures, and throws the first") {
    test_loop loop{in_virtual_time};
    failures seen;
    bool was_cancelled = false;
    const auto body = [&](net::task_group& group) -> net::task<> {
        group.spawn(waits_for_ever(was_cancelled));
        group.spawn(fails_after(1s, "first"));
        group.spawn([]() -> net::task<> {  // fails while it is cancelled
            try {
                co_await net::sleep_for(1h);
            } catch (const net::cancelled&) {
                throw std::runtime_error{"second"};
            }
        });
        co_await net::sleep_for(net::never);
    };
    const auto main = [&]() -> net::task<> { co_await net::with_group(body, seen); };
    CHECK_THROWS_WITH(loop.run(main), "first");
    CHECK(was_cancelled);
    REQUIRE(seen.size() == 2);
    CHECK(text_of(seen[0]) == "first");
    CHECK(text_of(seen[1]) == "second");

    seen.clear();
    const auto throws = [](net::task_group&) -> net::task<> { throw std::runtime_error{"no task"}; };
    const auto other = [&]() -> net::task<> { co_await net::with_group(throws, seen); };
    CHECK_THROWS_WITH(loop.run(other), "no task");
    REQUIRE(seen.size() == 1);
    CHECK(text_of(seen[0]) == "no task");

    seen.clear();
    const auto succeeds = [](net::task_group& group) -> net::task<int> {
        group.spawn(nothing());
        co_return 3;
    };
    const auto third = [&]() -> net::task<int> { co_return co_await net::with_group(succeeds, seen); };
    CHECK(loop.run(third) == 3);
    CHECK(seen.empty());
}

namespace {
template <class Wait>
net::task<> again_and_again(Wait& wait, long& rounds) {
    while (++rounds < 10'000'000) co_await wait();
}
/// Cancels a loop over this wait, whose tasks end at once.
template <class Wait>
void is_cancelled_in_a_loop(Wait wait) {
    test_loop loop;
    long rounds = 0;
    std::error_code code;
    try {
        loop.run(net::with_timeout(1ms, again_and_again(wait, rounds)));
    } catch (const std::system_error& error) {
        code = error.code();
    }
    CHECK(code == std::errc::timed_out);
}
}  // namespace

TEST_CASE("a loop over tasks that end at once is cancelled all the same") {
    is_cancelled_in_a_loop([] { return net::when_all(nothing(), number(1)); });
    is_cancelled_in_a_loop([] { return net::when_any(nothing(), number(1)); });
    is_cancelled_in_a_loop([] { return net::first_success(nothing(), number(1)); });
    is_cancelled_in_a_loop([] { return net::when_all(std::vector<net::task<int>>(0)); });
    const auto one = [] {
        std::vector<net::task<int>> all;
        all.push_back(number(1));
        return all;
    };
    is_cancelled_in_a_loop([&] { return net::when_all(one()); });
    is_cancelled_in_a_loop([&] { return net::when_any(one()); });
    is_cancelled_in_a_loop([&] { return net::first_success(one()); });
}

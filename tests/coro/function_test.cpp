// Functions that return tasks: run(), spawn() and groups keep the function as long as its task.

#include <netnotes/coro/function.hpp>
#include <netnotes/coro/group.hpp>

#include "tasks.hpp"

#include <string>

static_assert(net::task_function<net::task<> (*)()>);
static_assert(!net::task_function<int (*)()>);
static_assert(!net::task_function<net::task<>>);
static_assert(!net::task_function<net::task<> (*)(int)>);
static_assert(net::task_function<net::task<> (*)(int), int>);

namespace {

// Longer than the string itself holds, so that a sanitizer sees a read after its end.
const std::string text = "a text that lies on the heap, because it is long";

net::task<int> answer() { co_return 42; }
/// Throws before there is a task.
net::task<> refuses() { throw std::runtime_error{"no task today"}; }

}  // namespace

TEST_CASE("run() takes a function, and gives what its task gives") {
    test_loop loop{in_virtual_time};
    CHECK(loop.run(answer) == 42);
    CHECK(loop.run(&answer) == 42);
    const auto size = loop.run([name = text]() -> net::task<std::size_t> {
        co_await net::sleep_for(1s);
        co_return name.size();
    });
    CHECK(size == text.size());
    int number = 1;
    int& same = loop.run([&number]() -> net::task<int&> { co_return number; });
    CHECK(&same == &number);
}

TEST_CASE("run() with a stop takes a function, too") {
    test_loop loop{in_virtual_time};
    net::stop_event stop;
    int seen = 0;
    CHECK(loop.run([&seen, name = text]() -> net::task<> {
        co_await net::sleep_for(1s);
        seen = static_cast<int>(name.size());
    }, stop));
    CHECK(seen == static_cast<int>(text.size()));
    stop.request_stop();
    CHECK_FALSE(loop.run([name = text]() -> net::task<> { co_await net::sleep_for(net::never); }, stop));
}

TEST_CASE("a spawned function lives as long as its task, and no longer") {
    test_loop loop{in_virtual_time};
    int alive = 0;
    std::string seen;
    loop.run([&]() -> net::task<> {
        auto handle = net::spawn([held = counted{alive}, name = text, &seen]() -> net::task<> {
            co_await net::sleep_for(1s);
            seen = name;
        });
        CHECK(alive == 1);
        co_await net::sleep_for(500ms);
        CHECK(alive == 1);
        co_await handle.join();
        CHECK(alive == 0);
        CHECK(seen == text);
        auto second = net::spawn([held = counted{alive}]() -> net::task<> { co_await net::sleep_for(net::never); });
        co_await net::yield();
        second.cancel();
        co_await net::yield();
        co_await net::yield();
        CHECK(alive == 0);
    });
    auto outside = loop.spawn([name = text]() -> net::task<std::string> {
        co_await net::yield();
        co_return name;
    }, "named");
    CHECK(loop.run([&]() -> net::task<std::string> { co_return co_await outside.join(); }) == text);
}

TEST_CASE("a group takes functions that hold what they need") {
    test_loop loop{in_virtual_time};
    int alive = 0;
    std::size_t sum = 0;
    const auto body = [&, held = text](net::task_group& group) -> net::task<std::size_t> {
        for (int i = 0; i < 3; ++i)
            group.spawn([&sum, name = text, i, here = counted{alive}]() -> net::task<> {
                co_await net::sleep_for(i * 1s);
                sum += name.size();
            });
        co_await net::sleep_for(1ms);
        co_return held.size();
    };
    const auto main = [&]() -> net::task<std::size_t> { co_return co_await net::with_group(body); };
    CHECK(loop.run(main) == text.size());
    CHECK(sum == 3 * text.size());
    CHECK(alive == 0);
}

TEST_CASE("a function that throws instead of returning a task makes its task fail") {
    test_loop loop{in_virtual_time};
    CHECK_THROWS_WITH(loop.run(refuses), "no task today");
    const auto body = [](net::task_group& group) -> net::task<> {
        group.spawn(refuses);
        co_return;
    };
    const auto main = [&]() -> net::task<> { co_await net::with_group(body); };
    CHECK_THROWS_WITH(loop.run(main), "no task today");
}

TEST_CASE("a function whose task never ends is destroyed with the loop") {
    int alive = 0;
    {
        test_loop loop{in_virtual_time};
        loop.spawn([held = counted{alive}]() -> net::task<> { co_await net::sleep_for(net::never); });
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}

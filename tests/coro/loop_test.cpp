// What coro/loop.hpp promises: who runs when, what comes of it, and that nothing is left behind.
//
// All tests about time are in virtual time, but for the few whose subject is the real one; those assert only that
// nothing comes too early.

#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/loop.hpp>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"
#include "tasks.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>


// ---- memory refused ------------------------------------------------------------------------------------

// Not with a sanitizer, which has an operator new of its own and is to keep it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITHOUT_MEMORY_TESTS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WITHOUT_MEMORY_TESTS
#endif
#endif

#ifndef WITHOUT_MEMORY_TESTS
namespace {
thread_local std::size_t largest_allocation = static_cast<std::size_t>(-1);  // of this thread; above it, bad_alloc
}  // namespace

// Not inlined, or g++ takes malloc() and operator delete for a mistaken pair (-Wmismatched-new-delete).
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* const memory = size > largest_allocation ? nullptr : std::malloc(size);
    if (!memory) throw std::bad_alloc{};
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif


// ---- run -----------------------------------------------------------------------------------------------

TEST_CASE("run gives what its task gives, whatever its kind") {
    test_loop loop;
    CHECK(loop.run(number(7)) == 7);
    int object = 0;
    const auto reference = [](int& to) -> net::task<int&> { co_return to; };
    CHECK(&loop.run(reference(object)) == &object);
    const auto pointer = []() -> net::task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
    CHECK(*loop.run(pointer()) == 5);
    loop.run(nothing());
    CHECK(loop.size() == 0);
}

TEST_CASE("run throws what its task throws, and can be called again") {
    test_loop loop{in_virtual_time};
    CHECK_THROWS_WITH(loop.run(fails_after(0s, "early")), "early");
    CHECK_THROWS_WITH(loop.run(fails_after(1s, "late")), "late");
    CHECK(loop.run(number_after(1s, 3)) == 3);
}

TEST_CASE("a loop keeps no descriptor after a run, nor after its destruction") {
    const auto before = open_descriptors();
    {
        test_loop loop{in_virtual_time};
        const auto inside = open_descriptors();
        net::stop_event stop;
        CHECK(loop.run(nothing(), stop));
        CHECK_THROWS(loop.run(fails_after(1s, "failed"), stop));
        CHECK(open_descriptors() == inside + 1);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("there is a current loop inside a task, and no current loop outside") {
    CHECK_THROWS_AS(net::event_loop::current(), std::logic_error);
    CHECK_THROWS_AS(net::spawn(nothing()), std::logic_error);
    test_loop loop;
    const auto body = [&]() -> net::task<bool> { co_return &net::event_loop::current() == &loop; };
    CHECK(loop.run(body()));
    CHECK_THROWS_AS(net::event_loop::current(), std::logic_error);
    const auto throws = []() -> net::task<> {
        throw 1;
        co_return;
    };
    CHECK_THROWS_AS(loop.run(throws()), int);
    CHECK_THROWS_AS(net::event_loop::current(), std::logic_error);
}

TEST_CASE("run inside of a task is an error, and its task never runs") {
    net::event_loop loop, other;
    net::stop_event stop, other_stop;
    int alive = 0;
    bool ran = false;
    const auto inner = [&](counted) -> net::task<> {
        ran = true;
        co_return;
    };
    const auto outer = [&]() -> net::task<int> {
        int refused = 0;
        const auto attempt = [&](auto call) {
            try {
                call();
            } catch (const std::logic_error&) {
                ++refused;
            }
        };
        attempt([&] { loop.run(inner(counted{alive})); });
        attempt([&] { other.run(inner(counted{alive})); });
        attempt([&] { loop.run(inner(counted{alive}), stop); });
        attempt([&] { loop.run(inner(counted{alive}), other_stop); });
        co_await net::yield();
        co_await net::yield();
        co_return refused;
    };
    int refused = 0;
    const auto with_stop = [&]() -> net::task<> { refused = co_await outer(); };
    CHECK(loop.run(with_stop(), stop));
    CHECK(refused == 4);
    CHECK(!ran);
    CHECK(alive == 0);
    other.run(inner(counted{alive}));
    CHECK(ran);
}

TEST_CASE("a loop that runs in one thread cannot be run by another") {
    test_loop loop;
    net::stop_event stop;
    std::atomic<bool> runs{false};
    const auto body = [&]() -> net::task<> {
        runs = true;
        co_await net::sleep_for(net::never);
    };
    support::background first{[&] { return loop.run(body(), stop); }};
    while (!runs) std::this_thread::yield();
    CHECK_THROWS_AS(loop.run(nothing()), std::logic_error);
    stop.request_stop();
    CHECK(!first.get());
    if (loop.backend() == net::io_backend::io_uring)  // it has one thread for all its life
        CHECK_THROWS_AS(loop.run(number(1)), std::logic_error);
    else
        CHECK(loop.run(number(1)) == 1);
}

TEST_CASE("an empty task cannot be run or spawned") {
    test_loop loop;
    CHECK_THROWS_AS(loop.run(net::task<>{}), std::logic_error);
    net::task<int> moved = number(1);
    const net::task<int> to = std::move(moved);
    CHECK_THROWS_AS(loop.spawn(std::move(moved)), std::logic_error);
    CHECK(loop.size() == 0);
    CHECK(loop.run(number(1)) == 1);
}

// ---- cancelling ----------------------------------------------------------------------------------------

TEST_CASE("a cancelled task is cancelled wherever it waits, again and again") {
    test_loop loop{in_virtual_time};
    const handle counter{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::string log;
    const auto stubborn = [&](net::join_handle<int> other) -> net::task<> {
        net::async_descriptor descriptor{loop, counter.get()};
        for (int i = 0; i < 3; ++i) {
            try {
                co_await net::sleep_for(net::never);
            } catch (const net::cancelled&) {
                log += "sleep ";
            }
            try {
                co_await net::yield();
            } catch (const net::cancelled&) {
                log += "yield ";
            }
            try {
                co_await other.join();
            } catch (const net::cancelled&) {
                log += "join ";
            }
            try {
                co_await descriptor.readable();
            } catch (const net::cancelled&) {
                log += "descriptor ";
            }
        }
    };
    const auto body = [&]() -> net::task<> {
        auto one = net::spawn(stubborn(net::spawn(number_after(1h, 1))));
        co_await net::sleep_for(1s);
        CHECK(log.empty());
        one.cancel();
        one.cancel();
        CHECK(log.empty());
        co_await one.join();
    };
    loop.run(body());
    const std::string round = "sleep yield join descriptor ";
    CHECK(log == round + round + round);
}

TEST_CASE("whatever a task waits for, cancelling ends the wait") {
    test_loop loop{in_virtual_time};
    const handle counter{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    const auto sleeps = []() -> net::task<> { co_await net::sleep_for(1h); };
    const auto joins = [&]() -> net::task<> {
        auto inner = net::spawn(sleeps());
        co_await inner.join();
    };
    const auto polls = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, counter.get()};
        co_await descriptor.readable();
    };
    const auto yields = []() -> net::task<> {
        for (;;) co_await net::yield();
    };
    const auto body = [&]() -> net::task<int> {
        int cancelled = 0;
        std::vector<net::join_handle<>> all;
        all.push_back(net::spawn(sleeps()));
        all.push_back(net::spawn(joins()));
        all.push_back(net::spawn(polls()));
        all.push_back(net::spawn(yields()));
        for (int i = 0; i < 5; ++i) co_await net::yield();
        for (net::join_handle<>& each : all) each.cancel();
        for (net::join_handle<>& each : all) try {
                co_await each.join();
            } catch (const std::system_error& error) {
                cancelled += is_cancelled(error);
            }
        co_return cancelled;
    };
    const net::time_point begin = loop.now();
    CHECK(loop.run(body()) == 4);
    CHECK(loop.now() == begin);
}

TEST_CASE("a task that is cancelled before it has begun begins, and ends where it first waits") {
    test_loop loop{in_virtual_time};
    std::string log;
    const auto works = [&]() -> net::task<> {
        log += "begun ";
        co_await net::sleep_for(1s);
        log += "not reached";
    };
    const auto body = [&]() -> net::task<> {
        auto one = net::spawn(works());
        one.cancel();
        try {
            co_await one.join();
        } catch (const std::system_error& error) {
            log += is_cancelled(error) ? "cancelled" : "?";
        }
    };
    loop.run(body());
    CHECK(log == "begun cancelled");
}

TEST_CASE("cancelling comes too late for a sleep whose time has come") {
    test_loop loop{in_virtual_time};
    std::string log;
    const auto second = [&]() -> net::task<> {
        co_await net::sleep_for(1s);
        log += "slept ";
        co_await net::yield();
        log += "not reached";
    };
    const auto body = [&]() -> net::task<> {
        net::join_handle<> one;
        const auto first = [&]() -> net::task<> {
            co_await net::sleep_for(1s);
            one.cancel();
        };
        auto canceller = net::spawn(first());
        one = net::spawn(second());
        co_await canceller.join();
        try {
            co_await one.join();
        } catch (const std::system_error& error) {
            log += is_cancelled(error) ? "cancelled" : "?";
        }
    };
    loop.run(body());
    CHECK(log == "slept cancelled");
}

// ---- nothing is left behind ----------------------------------------------------------------------------

TEST_CASE("when run returns all that was spawned has ended, also what was spawned at the end") {
    test_loop loop{in_virtual_time};
    int alive = 0;
    int cleanings = 0;
    const auto cleans_up = [&](counted) -> net::task<> {
        ++cleanings;
        co_await net::sleep_for(1h);
    };
    const auto works = [&](counted) -> net::task<> {
        try {
            co_await net::sleep_for(net::never);
        } catch (const net::cancelled&) {
            net::spawn(cleans_up(counted{alive}));
            throw;
        }
    };
    const auto body = [&]() -> net::task<int> {
        for (int i = 0; i < 100; ++i) net::spawn(works(counted{alive}));
        co_await net::sleep_for(1s);
        co_return static_cast<int>(net::event_loop::current().size());
    };
    const net::time_point begin = loop.now();
    CHECK(loop.run(body()) == 101);
    CHECK(loop.size() == 0);
    CHECK(alive == 0);
    CHECK(cleanings == 100);
    CHECK(loop.now() - begin == 1s);
    CHECK(loop.run(number_after(1s, 2)) == 2);  // and what is spawned then is not cancelled
}

TEST_CASE("a loop that is destroyed destroys the tasks that never ran, with their parameters") {
    int alive = 0;
    {
        test_loop loop;
        loop.spawn(holds(counted{alive}));
        auto kept = loop.spawn(holds(counted{alive}));
        const auto takes = [](net::join_handle<>, counted) -> net::task<> { co_return; };
        loop.spawn(takes(std::move(kept), counted{alive}));
        CHECK(alive == 3);
    }
    CHECK(alive == 0);
}

// epoll_wait(2) does not fail in life; if it does, run() throws, and what waits is left to the destructor.
TEST_CASE("a loop that is destroyed destroys the tasks that wait, whatever they wait for, and nobody goes on") {
    const auto before = open_descriptors();
    int alive = 0;
    bool went_on = false;
    net::join_handle<> outlives;
    {
        pipe_ends first = make_pipe(), second = make_pipe();
        const int number_of_next = next_descriptor();
        test_loop loop;
        // Each owner of a descriptor is destroyed after the task that waits for the other descriptor. The waiting tasks
        // get an error and must not be resumed.
        net::async_descriptor* shared[2] = {};
        const auto owns = [&](int which, int descriptor, counted) -> net::task<> {
            net::async_descriptor own{loop, descriptor};
            shared[which] = &own;
            co_await net::sleep_for(net::never);
        };
        const auto waits = [&](int which, counted) -> net::task<> {
            co_await net::yield();
            try {
                co_await shared[which]->readable();
            } catch (const net::cancelled&) {
                went_on = true;
            }
        };
        const auto joins = [&](counted) -> net::task<> {
            auto one = net::spawn(holds(counted{alive}));
            auto two = net::spawn(holds(counted{alive}));
            outlives = std::move(two);
            co_await one.join();
        };
        const auto yields = [](counted) -> net::task<> {
            for (;;) co_await net::yield();
        };
        const auto breaks = [&]() -> net::task<> {
            net::spawn(waits(1, counted{alive}));
            net::spawn(owns(1, second.read.get(), counted{alive}));
            net::spawn(waits(0, counted{alive}));
            net::spawn(owns(0, first.read.get(), counted{alive}));
            net::spawn(joins(counted{alive}));
            for (int i = 0; i < 5; ++i) co_await net::yield();
            net::spawn(yields(counted{alive}));
            loop.post([held = counted{alive}] {});
            break_loop(number_of_next);
            co_await net::sleep_for(net::never);
        };
        const auto failure = support::failure_of([&] { loop.run(breaks()); }).code;
        CHECK((failure == std::errc::invalid_argument || failure == std::errc::operation_not_supported));
        CHECK(loop.size() == 0);  // none of them may go on in another run: what they refer to may be gone
        CHECK(alive == 1);        // what was posted stays
        CHECK_THROWS_AS(net::event_loop::current(), std::logic_error);
    }
    CHECK(alive == 0);
    CHECK(!went_on);
    CHECK(outlives.has_ended());
    CHECK(open_descriptors() == before);
}

TEST_CASE("destructors that run with the loop's may spawn and post") {
    int alive = 0;
    struct busy_at_the_end {
        net::event_loop* loop;
        int* alive;
        busy_at_the_end(net::event_loop& of, int& count) : loop{&of}, alive{&count} {}
        busy_at_the_end(busy_at_the_end&& other) noexcept
            : loop{std::exchange(other.loop, nullptr)}, alive{other.alive} {}
        ~busy_at_the_end() {
            if (!loop) return;
            loop->spawn(holds(counted{*alive}));
            loop->post([held = counted{*alive}] {});
        }
    };
    bool was_called = false;
    {
        test_loop loop;
        const auto takes = [](busy_at_the_end) -> net::task<> { co_return; };
        loop.spawn(takes(busy_at_the_end{loop, alive}));
        loop.post([&was_called, last = busy_at_the_end{loop, alive}] { was_called = true; });
    }
    CHECK(alive == 0);
    CHECK(!was_called);
}

#ifndef WITHOUT_MEMORY_TESTS
TEST_CASE("a task for which there is no memory is destroyed and not spawned; the same for what is posted") {
    test_loop loop;
    int alive = 0;
    using much = std::array<char, 8'192>;  // beyond what the store of frames keeps
    const auto big = [](counted) -> net::task<much> { co_return much{}; };
    net::task<much> made = big(counted{alive});
    bool refused = false;
    largest_allocation = 4'096;
    try {
        loop.spawn(std::move(made));
    } catch (const std::bad_alloc&) {
        refused = true;
    }
    largest_allocation = static_cast<std::size_t>(-1);
    CHECK(refused);
    CHECK(alive == 0);
    CHECK(loop.size() == 0);

    refused = false;
    largest_allocation = 4'096;
    try {
        loop.post([held = counted{alive}, room = much{}] { static_cast<void>(room); });
    } catch (const std::bad_alloc&) {
        refused = true;
    }
    largest_allocation = static_cast<std::size_t>(-1);
    CHECK(refused);
    CHECK(alive == 0);
    CHECK(loop.run(number(1)) == 1);
}
#endif

// ---- whose turn it is ----------------------------------------------------------------------------------

TEST_CASE("tasks that yield have their turns in order") {
    test_loop loop;
    std::string log;
    const auto says = [&](char name) -> net::task<> {
        for (int i = 0; i < 4; ++i) {
            log += name;
            co_await net::yield();
        }
    };
    const auto body = [&]() -> net::task<> {
        std::vector<net::join_handle<>> all;
        for (const char name : {'a', 'b', 'c'}) all.push_back(net::spawn(says(name)));
        for (auto& each : all) co_await each.join();
    };
    loop.run(body());
    CHECK(log == "abcabcabcabc");
}

TEST_CASE("tasks that yield for ever keep neither descriptors nor timers nor posted calls waiting") {
    test_loop loop;
    pipe_ends ends = make_pipe();
    bool was_read = false, was_called = false, has_slept = false;
    const auto reads = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, ends.read.get()};
        co_await descriptor.readable();
        was_read = true;
    };
    const auto sleeps = [&]() -> net::task<> {
        co_await net::sleep_for(1ms);
        has_slept = true;
    };
    const auto body = [&]() -> net::task<int> {
        net::spawn(reads());
        co_await net::yield();
        put(ends.write.get(), "x");
        loop.post([&] { was_called = true; });
        int turns = 0;
        while (!was_read || !was_called) {
            ++turns;
            co_await net::yield();
        }
        net::spawn(sleeps());
        while (!has_slept) co_await net::yield();
        co_return turns;
    };
    CHECK(loop.run(body()) <= 128);
}

TEST_CASE("a peer who always has something for us keeps nobody waiting") {
    test_loop loop;
    std::pair<net::socket, net::socket> pair = net::socket_pair();
    net::socket &near = pair.first, &far = pair.second;
    near.set_blocking(false);
    const std::string all = support::pattern(10'000);
    far.send_all(all);
    pipe_ends ends = make_pipe();

    int reads = 0;
    std::string got;
    const auto greedy = [&]() -> net::task<> {
        const node_owner node{new net::detail::io_node{loop, near.native_handle()}};
        node->read_to_end = true;  // a byte at a time
        char byte = 0;
        while (got.size() < all.size()) {
            reading operation{*node, {&byte, 1}};
            const std::size_t size = co_await operation;
            got.append(&byte, size);
            ++reads;
        }
    };
    int most = 0;
    const auto counts = [&]() -> net::task<> {
        for (int before = reads; got.size() < all.size(); before = reads) {
            co_await net::yield();
            most = std::max(most, reads - before);
        }
    };
    int when_read = -1;
    const auto other = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, ends.read.get()};
        co_await net::yield();
        put(ends.write.get(), "x");
        co_await descriptor.readable();
        when_read = reads;
    };
    const auto body = [&]() -> net::task<> {
        auto first = net::spawn(greedy());
        auto second = net::spawn(counts());
        auto third = net::spawn(other());
        co_await first.join();
        co_await second.join();
        co_await third.join();
    };
    loop.run(body());
    CHECK(got == all);
    CHECK(most > 1);
    CHECK(most <= 128);
    CHECK(when_read < 1'000);
}

TEST_CASE("a task that sleeps until a time that is past, for ever, keeps nobody waiting") {
    for (const bool is_virtual : {false, true}) {
        test_loop loop{{.virtual_time = is_virtual}};
        pipe_ends ends = make_pipe();
        bool was_read = false;
        const auto sleeps = [&](bool until) -> net::task<> {
            const net::time_point past = loop.now() - 1h;
            while (!was_read) {
                if (until)
                    co_await net::sleep_until(past);
                else
                    co_await net::sleep_for(-1h);
            }
        };
        const auto reads = [&]() -> net::task<> {
            net::async_descriptor descriptor{loop, ends.read.get()};
            co_await descriptor.readable();
            was_read = true;
        };
        const auto body = [&]() -> net::task<> {
            auto first = net::spawn(reads());
            auto second = net::spawn(sleeps(true));
            auto third = net::spawn(sleeps(false));
            for (int i = 0; i < 200; ++i) co_await net::yield();  // the sleepers are at it by now
            put(ends.write.get(), "x");
            co_await first.join();
            co_await second.join();
            co_await third.join();
        };
        loop.run(body());
        CHECK(was_read);
    }
}

TEST_CASE("a call that posts itself again and again keeps nobody waiting") {
    test_loop loop;
    bool over = false;
    int calls = 0;
    struct again {
        net::event_loop& loop;
        bool& over;
        int& calls;
        void operator()() {
            ++calls;
            if (!over) loop.post(again{loop, over, calls});
        }
    };
    const auto body = [&]() -> net::task<> {
        loop.post(again{loop, over, calls});
        for (int i = 0; i < 3; ++i) co_await net::sleep_for(1ms);
        over = true;
        co_await net::sleep_for(1ms);
    };
    loop.run(body());
    CHECK(calls > 1);
}

// ---- from other threads --------------------------------------------------------------------------------

TEST_CASE("what is posted is called in the loop's thread, in order, also what was posted before run") {
    test_loop loop;
    std::string log;
    const auto here = std::this_thread::get_id();
    loop.post([&] { log += std::this_thread::get_id() == here ? "before " : "elsewhere "; });
    const auto body = [&]() -> net::task<> {
        loop.post([&, only_moved = std::make_unique<int>(1)] { log += "one "; });
        loop.post([&] { log += "two "; });
        loop.post([&] {
            loop.post([&] { log += "later "; });
            log += "three ";
        });
        log += "posted ";
        co_await net::sleep_for(5ms);
    };
    loop.run(body());
    CHECK(log == "posted before one two three later ");
}

TEST_CASE("what a posted call throws ends the run and comes out of it") {
    test_loop loop;
    bool cancelled = false;
    loop.post([] { throw std::runtime_error{"posted"}; });
    CHECK_THROWS_WITH(loop.run(waits_for_ever(cancelled)), "posted");
    CHECK(cancelled);
    CHECK(loop.run(number(1)) == 1);
}

TEST_CASE("what is posted and never called is destroyed, and not called") {
    int alive = 0;
    bool called = false;
    {
        test_loop loop;
        loop.run(nothing());
        loop.post([&called, held = counted{alive}] { called = true; });
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
    CHECK(!called);
}

TEST_CASE("a call that is posted to a loop that sleeps wakes it, every time") {
    test_loop loop;
    net::stop_event stop;
    const auto body = []() -> net::task<> { co_await net::sleep_for(net::never); };
    support::background run{[&] { return loop.run(body(), stop); }};
    for (int i = 0; i < 50; ++i) {
        if (i % 2 == 0) run.await_waiting();
        std::promise<void> called;
        loop.post([&] { called.set_value(); });
        called.get_future().wait();  // for ever, when it does not wake
    }
    stop.request_stop();
    CHECK(!run.get());
}

TEST_CASE("four threads post ten thousand calls each, all are called, and each thread's in order") {
    constexpr int count = 10'000;
    test_loop loop;
    std::array<int, 4> next{};
    int out_of_order = 0;
    const auto body = [&]() -> net::task<> {
        while (std::any_of(next.begin(), next.end(), [](int n) { return n < count; })) co_await net::sleep_for(1ms);
    };
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < next.size(); ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < count; ++i)
                loop.post([&, thread, i] {
                    if (next[thread] != i) ++out_of_order;
                    ++next[thread];
                });
        });
    loop.run(body());
    for (std::thread& each : threads) each.join();
    CHECK(next == std::array{count, count, count, count});
    CHECK(out_of_order == 0);
}

// Nothing but the calls themselves wakes the loop, so an overlooked call is lost for ever.
TEST_CASE("calls that are posted while the loop is about to sleep are not overlooked") {
    constexpr int rounds = 5'000;
    test_loop loop;
    net::stop_event stop;
    std::atomic<int> called{0};
    const auto body = []() -> net::task<> { co_await net::sleep_for(net::never); };
    support::background run{[&] { return loop.run(body(), stop); }};
    for (int i = 1; i <= rounds; ++i) {
        loop.post([&] { ++called; });
        while (called != i) std::this_thread::yield();
    }
    stop.request_stop();
    CHECK(!run.get());
}

TEST_CASE("a loop that polls busily hears of what is posted, of descriptors and of timers") {
    test_loop loop{{.busy_poll = 24h}};
    pipe_ends ends = make_pipe();
    std::string log;
    const auto reads = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, ends.read.get()};
        co_await descriptor.readable();
        log += get(ends.read.get());
    };
    std::atomic<bool> begun{false};
    const auto body = [&]() -> net::task<> {
        auto reader = net::spawn(reads());
        begun = true;
        co_await reader.join();  // a wait without end, but for what is posted
        co_await net::sleep_for(2ms);
        log += " slept";
    };
    support::background poster{[&] {
        while (!begun) std::this_thread::yield();
        std::this_thread::sleep_for(2ms);  // it should be at it by now; if not, the test is only weaker
        loop.post([&] { put(ends.write.get(), "posted"); });
    }};
    loop.run(body());
    poster.get();
    CHECK(log == "posted slept");
}

// ---- stopping ------------------------------------------------------------------------------------------

TEST_CASE("a stop cancels all tasks, and run says so") {
    test_loop loop;
    net::stop_event stop;
    bool main_cancelled = false, other_cancelled = false;
    const auto body = [&]() -> net::task<> {
        net::spawn(waits_for_ever(other_cancelled));
        co_await waits_for_ever(main_cancelled);
    };
    support::background run{[&] { return loop.run(body(), stop); }};
    run.await_waiting();
    stop.request_stop();
    CHECK(!run.get());
    CHECK(main_cancelled);
    CHECK(other_cancelled);
    CHECK(loop.size() == 0);
    if (loop.backend() == net::io_backend::epoll)
        CHECK(loop.run(number_after(1ms, 1)) == 1);  // without the event
    else
        CHECK_THROWS_AS(loop.run(number_after(1ms, 1)), std::logic_error);  // from another thread
}

TEST_CASE("a stop that was requested before is seen, and from then on what is spawned is cancelled") {
    test_loop loop{in_virtual_time};
    net::stop_event stop;
    stop.request_stop();
    std::string log;
    bool cancelled = false;
    const auto body = [&]() -> net::task<> {
        log += "begun ";
        try {
            co_await net::sleep_for(net::never);
        } catch (const net::cancelled&) {
            log += "cancelled ";
        }
        auto late = net::spawn(waits_for_ever(cancelled));
        co_await late.join();
    };
    for (int i = 0; i < 2; ++i) {
        log.clear();
        cancelled = false;
        CHECK(!loop.run(body(), stop));
        CHECK(log == "begun cancelled ");
        CHECK(cancelled);
    }
}

TEST_CASE("a task that ends well in spite of a stop, or fails otherwise, says so") {
    test_loop loop;
    net::stop_event stop;
    CHECK(loop.run(nothing(), stop));
    stop.request_stop();
    const auto well = []() -> net::task<> {
        try {
            co_await net::sleep_for(net::never);
        } catch (const net::cancelled&) {
        }
    };
    CHECK(loop.run(well(), stop));
    const auto badly = []() -> net::task<> {
        try {
            co_await net::sleep_for(net::never);
        } catch (const net::cancelled&) {
            throw std::runtime_error{"badly"};
        }
    };
    CHECK_THROWS_WITH(loop.run(badly(), stop), "badly");

    net::stop_event never_requested;
    const auto tells_of_another = []() -> net::task<> {
        throw std::system_error{std::make_error_code(std::errc::operation_canceled)};
        co_return;
    };
    CHECK_THROWS_AS(loop.run(tells_of_another(), never_requested), std::system_error);
    const auto ends_cancelled = []() -> net::task<> {
        throw net::cancelled{};
        co_return;
    };
    CHECK_FALSE(loop.run(ends_cancelled(), never_requested));
    CHECK(support::failure_of([&] { loop.run(ends_cancelled()); }).code == std::errc::operation_canceled);
}

// ---- the watchdog --------------------------------------------------------------------------------------

namespace {
std::vector<std::string>* complaints = nullptr;
bool took_too_little = false;
void complains(const char* name, net::duration took) {
    complaints->push_back(name);
    if (took <= 2ms) took_too_little = true;
}
net::task<> computes(net::duration time) {
    for (const net::time_point end = net::clock::now() + time; net::clock::now() < end;) {
    }
    co_return;
}
}  // namespace

TEST_CASE("the watchdog names the task that kept the thread") {
    std::vector<std::string> names;
    complaints = &names;
    took_too_little = false;
    test_loop loop{{.slow_after = 2ms, .slow = complains}};
    const auto body = []() -> net::task<> {
        auto first = net::spawn(computes(3ms), "computer");
        auto second = net::spawn(computes(3ms));
        co_await first.join();
        co_await second.join();
        co_await computes(3ms);
    };
    loop.run(body());
    const auto count = [&](const std::string& name) { return std::count(names.begin(), names.end(), name); };
    CHECK(count("computer") == 1);
    CHECK(count("") == 1);
    CHECK(count("main") >= 1);  // twice where somebody else has kept the processor meanwhile
    CHECK(!took_too_little);

    names.clear();
    test_loop unwatched{{.slow = complains}};
    unwatched.run(computes(3ms));
    test_loop nobody_is_told{{.slow_after = 1ms}};
    nobody_is_told.run(computes(2ms));
    CHECK(names.empty());
    complaints = nullptr;
}

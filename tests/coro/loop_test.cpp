// What coro/loop.hpp promises: who runs when, what comes of it, and that nothing is left behind.
//
// All tests about time are in virtual time, but for the few whose subject is the real one; those assert only that
// nothing comes too early.

#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/loop.hpp>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"

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

using namespace std::chrono_literals;
using support::open_descriptors;

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

namespace {

constexpr net::loop_options in_virtual_time{.virtual_time = true};

/// Counts how many of it live.
class counted {
  public:
    explicit counted(int& alive) : alive_{&alive} { ++*alive_; }
    counted(counted&& other) noexcept : alive_{std::exchange(other.alive_, nullptr)} {}
    ~counted() {
        if (alive_) --*alive_;
    }

  private:
    int* alive_;
};

/// Owns a descriptor.
class handle {
  public:
    explicit handle(int descriptor) : descriptor_{descriptor} { REQUIRE(descriptor_ >= 0); }
    handle(handle&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    ~handle() { close(); }
    void close() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }
    [[nodiscard]] int get() const { return descriptor_; }

  private:
    int descriptor_;
};
struct pipe_ends {
    handle read, write;
};
pipe_ends make_pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    return {handle{ends[0]}, handle{ends[1]}};
}
void put(int descriptor, const std::string& text) {
    REQUIRE(::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}
/// What there is, until there is no more.
std::string get(int descriptor) {
    std::string all;
    std::array<char, 4'096> some{};
    for (;;) {
        const ssize_t got = ::read(descriptor, some.data(), some.size());
        if (got <= 0) return all;
        all.append(some.data(), static_cast<std::size_t>(got));
    }
}
/// Until it takes no more; how many.
std::size_t fill(int descriptor) {
    const std::string some(65'536, 'x');
    std::size_t all = 0;
    for (std::size_t size = some.size(); size > 0;) {
        const ssize_t taken = ::write(descriptor, some.data(), size);
        if (taken < 0)
            size /= 2;
        else
            all += static_cast<std::size_t>(taken);
    }
    return all;
}

/// A receiving call, as coro/stream.hpp has them: what has come is taken at once.
class reading final : public net::detail::io_operation {
  public:
    reading(net::detail::io_node& node, std::span<char> room) : io_operation{node, direction::read}, room_{room} {}
    std::size_t await_resume() const {
        if (error_ != 0) throw std::system_error{error_, std::system_category(), "read"};
        return size_;
    }

  private:
    bool attempt() noexcept override {
        return receive([&] { return ::read(node_.descriptor(), room_.data(), room_.size()); }, size_, room_.size());
    }
    std::span<char> room_;
    std::size_t size_ = 0;
};
using node_owner = std::unique_ptr<net::detail::io_node, net::detail::io_node::retire>;

bool is_cancelled(const std::system_error& error) { return error.code() == std::errc::operation_canceled; }

net::task<> nothing() { co_return; }
net::task<int> number(int value) { co_return value; }
net::task<int> number_after(net::duration time, int value) {
    co_await net::sleep_for(time);
    co_return value;
}
net::task<> fails_after(net::duration time, std::string why) {
    co_await net::sleep_for(time);
    throw std::runtime_error{why};
}
/// Sleeps until it is cancelled, and says so.
net::task<> waits_for_ever(bool& was_cancelled) {
    try {
        co_await net::sleep_for(net::never);
    } catch (const net::cancelled&) {
        was_cancelled = true;
        throw;
    }
}
net::task<> holds(counted) { co_await net::sleep_for(net::never); }

/// Makes a loop's next wait fail, for good: another file takes the place of its epoll descriptor, or of its ring.
void break_loop(int after) {
    for (int descriptor = after; descriptor < after + 8; ++descriptor) {
        std::error_code error;
        const auto what = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), error);
        const bool is_found =
            what.string().find("eventpoll") != std::string::npos || what.string().find("io_uring") != std::string::npos;
        if (error || !is_found) continue;
        const handle other{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        REQUIRE(::dup3(other.get(), descriptor, O_CLOEXEC) == descriptor);
        return;
    }
    FAIL("no descriptor found that it waits with");
}
/// The number that the next descriptor will have.
int next_descriptor() {
    const handle probe{::eventfd(0, EFD_CLOEXEC)};
    return probe.get();
}

}  // namespace

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

TEST_CASE("a loop that runs keeps no descriptor, and one that is destroyed neither") {
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

TEST_CASE("inside of a task there is a current loop, and outside there is none") {
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

TEST_CASE("a task that is none cannot be run or spawned") {
    test_loop loop;
    CHECK_THROWS_AS(loop.run(net::task<>{}), std::logic_error);
    net::task<int> moved = number(1);
    const net::task<int> to = std::move(moved);
    CHECK_THROWS_AS(loop.spawn(std::move(moved)), std::logic_error);
    CHECK(loop.size() == 0);
    CHECK(loop.run(number(1)) == 1);
}

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

TEST_CASE("spawned tasks begin when their spawner waits, in order, and one that does not wait runs to its end") {
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

TEST_CASE("who is cancelled while it joins leaves the task alone, and another may join it") {
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

TEST_CASE("a cancelled task may still have the result of one that has ended") {
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

TEST_CASE("a handle that is dropped while somebody joins takes nothing from him") {
    test_loop loop{in_virtual_time};
    int alive = 0;
    // Dropped while the task runs; and when it has ended and the one who waits has not gone on.
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

TEST_CASE("the exception of a task is lost to nobody when the one who joins is cancelled at that moment") {
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
        // Each owner of a descriptor is destroyed after the one who waits for the other's: those who wait are told, and
        // must not be continued.
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

// Nothing but the calls themselves wakes the loop, so one that is overlooked is missed for ever.
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

// ---- descriptors ---------------------------------------------------------------------------------------

TEST_CASE("a descriptor is waited for until there is something to read, and at its end") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    const auto reads = [&]() -> net::task<std::string> {
        net::async_descriptor descriptor{loop, ends.read.get()};
        std::string all;
        for (int i = 0; i < 3; ++i) {
            co_await descriptor.readable();
            all += '[';
            all += get(ends.read.get());
            all += ']';
        }
        co_return all;
    };
    const auto body = [&]() -> net::task<std::string> {
        put(ends.write.get(), "before");
        auto reader = net::spawn(reads());
        co_await net::sleep_for(1s);
        put(ends.write.get(), "then");
        co_await net::sleep_for(1s);
        ends.write.close();
        co_return co_await reader.join();
    };
    CHECK(loop.run(body()) == "[before][then][]");
}

TEST_CASE("a descriptor that takes no more is waited for until it does, from the first wait on") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    std::size_t written = fill(ends.write.get());
    const std::size_t at_first = written;
    bool is_writable = false;
    const auto writes = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, ends.write.get()};
        co_await descriptor.writable();
        is_writable = true;
        written += fill(ends.write.get());
        co_await descriptor.writable();
        put(ends.write.get(), "end");
    };
    const auto body = [&]() -> net::task<> {
        auto writer = net::spawn(writes());
        co_await net::sleep_for(1s);
        CHECK(!is_writable);
        CHECK(get(ends.read.get()).size() == at_first);
        co_await net::sleep_for(1s);
        CHECK(is_writable);
        CHECK(!writer.has_ended());
        CHECK(written > at_first);
        const std::string rest = get(ends.read.get());
        co_await writer.join();
        CHECK(rest.size() == written - at_first);
        CHECK(get(ends.read.get()) == "end");
    };
    loop.run(body());
}

TEST_CASE("an eventfd wakes the task that waits for it, once for each time") {
    test_loop loop{in_virtual_time};
    const handle counter{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::vector<std::uint64_t> got;
    const auto reads = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, counter.get()};
        for (int i = 0; i < 3; ++i) {
            co_await descriptor.readable();
            std::uint64_t value = 0;
            if (::read(counter.get(), &value, sizeof value) == sizeof value) got.push_back(value);
        }
    };
    const auto body = [&]() -> net::task<> {
        auto reader = net::spawn(reads());
        for (std::uint64_t value = 1; value <= 3; ++value) {
            co_await net::sleep_for(1s);
            REQUIRE(::write(counter.get(), &value, sizeof value) == sizeof value);
        }
        co_await reader.join();
    };
    loop.run(body());
    CHECK(got == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("one task may read a socket while another writes it") {
    test_loop loop;
    std::pair<net::socket, net::socket> pair = net::socket_pair();
    net::socket &near = pair.first, &far = pair.second;
    near.set_blocking(false);
    far.set_blocking(false);
    constexpr std::size_t total = 3'000'000;
    const std::string all = support::pattern(total);
    const auto sends = [&](net::async_descriptor& at, int descriptor) -> net::task<> {
        for (std::size_t sent = 0; sent < total;) {
            const ssize_t size = ::write(descriptor, all.data() + sent, total - sent);
            if (size > 0)
                sent += static_cast<std::size_t>(size);
            else
                co_await at.writable();
        }
    };
    const auto receives = [&](net::async_descriptor& at, int descriptor) -> net::task<bool> {
        std::string got;
        while (got.size() < total) {
            const std::string some = get(descriptor);
            if (some.empty()) co_await at.readable();
            got += some;
        }
        co_return got == all;
    };
    const auto body = [&]() -> net::task<bool> {
        net::async_descriptor a{loop, near.native_handle()}, b{loop, far.native_handle()};
        auto first = net::spawn(sends(a, near.native_handle()));
        auto second = net::spawn(receives(a, near.native_handle()));
        auto third = net::spawn(sends(b, far.native_handle()));
        auto fourth = net::spawn(receives(b, far.native_handle()));
        co_await first.join();
        co_await third.join();
        const bool one = co_await second.join();
        const bool other = co_await fourth.join();
        co_return one&& other;
    };
    CHECK(loop.run(body()));
}

TEST_CASE("two tasks that wait for one descriptor in the same direction are an error of the second") {
    test_loop loop{in_virtual_time};
    std::pair<net::socket, net::socket> pair = net::socket_pair();
    net::socket &near = pair.first, &far = pair.second;
    near.set_blocking(false);
    fill(near.native_handle());
    std::string log;
    const auto body = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, near.native_handle()};
        const auto waits = [&](bool reads) -> net::task<> {
            try {
                if (reads)
                    co_await descriptor.readable();
                else
                    co_await descriptor.writable();
                log += reads ? "read " : "write ";
            } catch (const std::logic_error&) {
                log += reads ? "read refused " : "write refused ";
            }
        };
        std::vector<net::join_handle<>> all;
        for (const bool reads : {true, false, true, false}) all.push_back(net::spawn(waits(reads)));
        co_await net::sleep_for(1s);
        CHECK(log == "read refused write refused ");
        far.send_all(std::string_view{"x"});
        co_await all[0].join();
        std::vector<std::byte> room(1 << 20);
        far.set_timeout(0s);
        for (std::error_code error; !error;) far.recv(room, error);
        co_await all[1].join();
    };
    loop.run(body());
    CHECK(log == "read refused write refused read write ");
}

TEST_CASE("a descriptor that is destroyed while it is waited for says so to who waits") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    std::pair<net::socket, net::socket> pair = net::socket_pair();
    net::socket& near = pair.first;
    near.set_blocking(false);
    fill(near.native_handle());
    const auto body = [&]() -> net::task<int> {
        std::optional<net::async_descriptor> pipe, stream;
        pipe.emplace(loop, ends.read.get());
        stream.emplace(loop, near.native_handle());
        int told = 0;
        const auto waits = [&](int which) -> net::task<> {
            try {
                if (which == 0) co_await pipe->readable();
                if (which == 1) co_await stream->readable();
                if (which == 2) co_await stream->writable();
            } catch (const std::system_error& error) {
                told += error.code() == std::errc::bad_file_descriptor;
            }
        };
        std::vector<net::join_handle<>> all;
        for (const int which : {0, 1, 2}) all.push_back(net::spawn(waits(which)));
        co_await net::sleep_for(1s);
        pipe.reset();
        *stream = net::async_descriptor{loop, ends.write.get()};
        for (auto& each : all) co_await each.join();
        co_return told;
    };
    CHECK(loop.run(body()) == 3);
}

TEST_CASE("a regular file, a descriptor that is not open, and one that is there already are refused") {
    test_loop loop;
    const support::temporary_folder folder;
    const handle file{::open(folder.file("a").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    const auto attempt = [&](int descriptor) {
        return support::failure_of([&] { const net::async_descriptor made{loop, descriptor}; }).code;
    };
    CHECK(attempt(file.get()) == std::errc::operation_not_permitted);
    CHECK(attempt(-1) == std::errc::bad_file_descriptor);
    pipe_ends ends = make_pipe();
    if (loop.backend() == net::io_backend::epoll) {
        const net::async_descriptor first{loop, ends.read.get()};
        CHECK(attempt(ends.read.get()) == std::errc::file_exists);
    }
    CHECK(!attempt(ends.read.get()));
}

TEST_CASE("a loop says how it waits, and why not as was wished") {
    test_loop loop;
    if (!asks_for_io_uring()) {
        CHECK(loop.backend() == net::io_backend::epoll);
        CHECK(!loop.refusal());
    } else if (loop.backend() == net::io_backend::epoll) {
        CHECK(loop.refusal());
        NETNOTES_SKIP("io_uring: " + loop.refusal().message());
    }
}

TEST_CASE("a descriptor belongs to its loop, and waiting for it in another is an error") {
    net::event_loop loop, other;
    pipe_ends ends = make_pipe();
    net::async_descriptor descriptor{other, ends.read.get()};
    const auto body = [&]() -> net::task<> { co_await descriptor.readable(); };
    CHECK_THROWS_AS(loop.run(body()), std::logic_error);
}

TEST_CASE("an event for a descriptor that was closed meanwhile wakes nobody, though another has its number") {
    test_loop loop{in_virtual_time};
    std::array<pipe_ends, 2> both{make_pipe(), make_pipe()};
    const pipe_ends silent = make_pipe();
    int woken = 0;
    std::string log;
    const auto body = [&]() -> net::task<> {
        std::array<std::optional<net::async_descriptor>, 2> descriptors;
        std::optional<net::join_handle<>> watcher;
        const auto watches = [&](net::async_descriptor& what) -> net::task<> {
            co_await what.readable();
            log += "woken by its own";
        };
        // The two are reported in one batch. Whoever is first closes the other's, and a pipe in which there is nothing
        // takes its number, its place in the poller, and a task that waits for it.
        const auto waits = [&](std::size_t which) -> net::task<> {
            try {
                co_await descriptors[which]->readable();
            } catch (const std::system_error& error) {
                log += error.code() == std::errc::bad_file_descriptor ? "told " : "? ";
                co_return;
            }
            if (++woken > 1) co_return;
            const std::size_t other = 1 - which;
            const int number = both[other].read.get();
            descriptors[other].reset();
            REQUIRE(::dup3(silent.read.get(), number, O_CLOEXEC) == number);
            descriptors[other].emplace(loop, number);
            watcher = net::spawn(watches(*descriptors[other]));
        };
        std::vector<net::join_handle<>> all;
        for (const std::size_t which : {0u, 1u}) {
            descriptors[which].emplace(loop, both[which].read.get());
            all.push_back(net::spawn(waits(which)));
        }
        co_await net::sleep_for(1s);
        for (const pipe_ends& each : both) put(each.write.get(), "x");
        for (auto& each : all) co_await each.join();
        co_await net::sleep_for(1s);
        CHECK(!watcher->has_ended());
        put(silent.write.get(), "x");
        co_await watcher->join();
    };
    loop.run(body());
    CHECK(woken == 1);
    CHECK(log == "told woken by its own");
}

TEST_CASE("a wait for a descriptor ends after its timeout, and not when it was in time") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    const auto body = [&]() -> net::task<std::string> {
        const node_owner node{new net::detail::io_node{loop, ends.read.get()}};
        CHECK(node->timeout() == net::never);
        node->set_timeout(10s);
        CHECK(node->timeout() == 10s);
        std::string log;
        std::array<char, 10> room{};
        const auto reads = [&]() -> net::task<> {
            for (int i = 0; i < 3; ++i) {
                try {
                    reading operation{*node, room};
                    const std::size_t size = co_await operation;
                    log += std::string{room.data(), size};
                } catch (const std::system_error& error) {
                    log += error.code() == std::errc::timed_out ? "timed out " : "? ";
                }
            }
        };
        auto reader = net::spawn(reads());
        const net::time_point begin = loop.now();
        co_await net::sleep_for(9s);
        put(ends.write.get(), "in time ");
        co_await net::sleep_for(9s);
        CHECK(log == "in time ");
        put(ends.write.get(), "again ");
        co_await reader.join();
        CHECK(loop.now() - begin == 28s);
        co_return log;
    };
    CHECK(loop.run(body()) == "in time again timed out ");
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

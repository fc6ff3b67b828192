// What coro/signal.hpp promises: signals and other threads reach the tasks of a loop, and nothing is lost on the way.

#include <netnotes/coro/group.hpp>
#include <netnotes/coro/signal.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <atomic>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

/// What would happen at that signal now.
auto disposition(int number) {
    struct sigaction action {};
    ::sigaction(number, nullptr, &action);
    return action.sa_handler;
}

net::task<int> next(net::async_signals& signals) { co_return co_await signals.next(); }

net::task<> count_waits(net::remote_event& event, int& count) {
    for (;;) {
        co_await event.wait();
        ++count;
    }
}

}  // namespace

// ---- Signals -------------------------------------------------------------------------------------------

TEST_CASE("signals that came before are given one after another and each once") {
    test_loop loop;
    const auto body = [](net::event_loop& in) -> net::task<> {
        net::async_signals signals{in, SIGUSR1, SIGUSR2};
        ::raise(SIGUSR2);
        ::raise(SIGUSR1);
        ::raise(SIGUSR1);
        const int first = co_await signals.next();
        const int second = co_await signals.next();
        CHECK(first == std::min(SIGUSR1, SIGUSR2));
        CHECK(second == std::max(SIGUSR1, SIGUSR2));
        auto third = net::spawn(next(signals));
        co_await net::sleep_for(20ms);  // the same signal, raised twice before it was taken, was one
        CHECK_FALSE(third.has_ended());
        ::raise(SIGUSR2);
        const int last = co_await third.join();
        CHECK(last == SIGUSR2);
    };
    loop.run(body(loop));
}

TEST_CASE("a signal wakes a loop that sleeps") {
    test_loop loop;
    const auto body = [](net::event_loop& in) -> net::task<> {
        net::async_signals signals{in, SIGUSR1};
        std::thread sender{[] { ::kill(::getpid(), SIGUSR1); }};
        const int number = co_await signals.next();
        CHECK(number == SIGUSR1);
        sender.join();
    };
    loop.run(body(loop));
}

TEST_CASE("what was in force before is in force again") {
    ::signal(SIGUSR1, SIG_IGN);
    {
        test_loop loop;
        net::async_signals signals{loop, SIGUSR1, SIGUSR1};
        CHECK(disposition(SIGUSR1) != SIG_IGN);
        ::raise(SIGUSR1);  // and nobody takes it
    }
    CHECK(disposition(SIGUSR1) == SIG_IGN);
    ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("a signal has one owner and what is no signal none") {
    test_loop loop;
    net::async_signals signals{loop, SIGUSR1};
    const auto usr2 = disposition(SIGUSR2);
    CHECK_THROWS_AS((net::async_signals{loop, SIGUSR2, SIGUSR1}), std::logic_error);
    CHECK(disposition(SIGUSR2) == usr2);
    CHECK(support::failure_of([&] { net::async_signals{loop, SIGKILL}; }).code == std::errc::invalid_argument);
    CHECK(support::failure_of([&] { net::async_signals{loop, 0}; }).code == std::errc::invalid_argument);
    CHECK(support::failure_of([&] { net::async_signals{loop, 65}; }).code == std::errc::invalid_argument);
    CHECK_NOTHROW(net::async_signals{loop, SIGUSR2});
}

TEST_CASE("waiting for a signal can be cancelled and takes none with it") {
    test_loop loop;
    const auto body = [](net::event_loop& in) -> net::task<> {
        net::async_signals signals{in, SIGUSR1};
        auto waits = net::spawn(next(signals));
        co_await net::yield();
        co_await net::yield();
        waits.cancel();
        ::raise(SIGUSR1);
        bool was_cancelled = false;
        try {
            co_await waits.join();
        } catch (const std::system_error& error) {
            was_cancelled = error.code() == std::errc::operation_canceled;
        }
        CHECK(was_cancelled);
        const int number = co_await signals.next();
        CHECK(number == SIGUSR1);
    };
    loop.run(body(loop));
}

// ---- Other threads -------------------------------------------------------------------------------------

TEST_CASE("an event that was set many times before it is awaited is one") {
    test_loop loop{{.virtual_time = true}};
    const auto body = [](net::event_loop& in) -> net::task<> {
        net::remote_event event{in};
        int count = 0;
        event.set();
        event.set();
        auto counts = net::spawn(count_waits(event, count));
        co_await net::sleep_for(1ms);
        CHECK(count == 1);
        event.set();
        co_await net::sleep_for(1ms);
        CHECK(count == 2);
        counts.cancel();
    };
    loop.run(body(loop));
}

TEST_CASE("no setting by another thread is missed") {
    // Each thread sets, and goes on when the loop has taken note: one lost wake-up, and this would never end.
    constexpr int rounds = 2000;
    test_loop loop;
    std::atomic<int> noted{0};
    const auto body = [&](net::remote_event& event, net::event_loop& in) -> net::task<> {
        std::thread other{[&] {
            for (int round = 1; round <= rounds; ++round) {
                event.set();
                while (noted.load() < round) std::this_thread::yield();
            }
        }};
        for (int round = 1; round <= rounds; ++round) {
            co_await event.wait();
            noted.store(round);
        }
        other.join();
        CHECK(in.size() == 1);
    };
    net::remote_event event{loop};
    loop.run(body(event, loop));
    CHECK(noted.load() == rounds);
}

TEST_CASE("several tasks that wait for one event are woken one for each setting") {
    test_loop loop{{.virtual_time = true}};
    const auto body = [](net::event_loop& in) -> net::task<> {
        net::remote_event event{in};
        int count = 0;
        std::vector<net::join_handle<>> waiting;
        for (int i = 0; i < 3; ++i) waiting.push_back(net::spawn(count_waits(event, count)));
        co_await net::sleep_for(1ms);
        for (int settings = 1; settings <= 5; ++settings) {
            event.set();
            co_await net::sleep_for(1ms);
            CHECK(count == settings);
        }
        for (auto& each : waiting) each.cancel();
    };
    loop.run(body(loop));
}

TEST_CASE("an event that is destroyed while the loop has yet to hear of it wakes nobody, and the next event is heard") {
    test_loop loop{{.virtual_time = true}};
    { net::remote_event{loop}.set(); }
    const auto body = [](net::event_loop& in) -> net::task<> {
        int count = 0;
        net::remote_event event{in};
        auto counts = net::spawn(count_waits(event, count));
        co_await net::sleep_for(1ms);
        CHECK(count == 0);
        { net::remote_event{in}.set(); }
        co_await net::sleep_for(1ms);
        CHECK(count == 0);
        event.set();
        co_await net::sleep_for(1ms);
        CHECK(count == 1);
        counts.cancel();
    };
    loop.run(body(loop));
}

TEST_CASE("a loop that ends before it has heard of a set event leaves no memory and no descriptor behind") {
    const auto before = support::open_descriptors();
    {
        test_loop loop;
        net::remote_event unheard{loop};
        unheard.set();
        CHECK(support::open_descriptors() > before);
    }  // the event first and then the loop; AddressSanitizer sees who would touch the other
    CHECK(support::open_descriptors() == before);
}

// Time, the poller as an object, and the concept.
// SPDX-License-Identifier: MIT

#include "pollers.hpp"

// ---- time ----------------------------------------------------------------------------------------------

ON_EVERY_POLLER("a wait of zero or less returns at once and without events when nothing is ready") {
    flag down{false};
    TestType poller;
    poller.add(down.native_handle(), interest::read, 1);
    CHECK(poller.wait(net::duration::zero()).empty());
    CHECK(poller.wait(-1ns).empty());
    CHECK(poller.wait(-1h).empty());
    CHECK(poller.wait(net::duration::min()).empty());
    down.raise();
    CHECK(poller.wait(-1h).size() == 1);  // it looks nevertheless
}

ON_EVERY_POLLER("a wait without events does not return before its time") {
    TestType poller;
    for (const net::duration timeout : {net::duration{1ns}, net::duration{1us}, net::duration{1500us},
                                        net::duration{20ms}, net::duration{20'300us}}) {
        const auto before = net::clock::now();
        CHECK(poller.wait(timeout).empty());
        CHECK(net::clock::now() - before >= timeout);
    }
}

ON_EVERY_POLLER("a wait for ever and a wait of no time do not look at the clock") {
    const auto looks_during = [](auto call) {
        const int before = looks_at_the_clock;
        call();
        return looks_at_the_clock - before;
    };
    if (looks_during([] { (void)net::clock::now(); }) != 1) NETNOTES_SKIP("the standard library brings its own clock");
    flag up{true};
    TestType poller;
    CHECK(looks_during([&] { poller.wait(now); }) == 0);
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(looks_during([&] { poller.wait(now); }) == 0);
    CHECK(looks_during([&] { poller.wait(net::never); }) == 0);
    CHECK(looks_during([&] { poller.wait(1h); }) == 1);  // when the time began: a signal may make it begin anew
}

// ThreadSanitizer runs a handler when the thread next calls something that it intercepts, and g++'s does not intercept
// pselect(): there no signal would ever be seen.
#if defined(__SANITIZE_THREAD__)
#define ON_EVERY_POLLER_THAT_SEES_SIGNALS(name) TEMPLATE_TEST_CASE(name, "", net::poll_poller, net::epoll_poller)
#else
#define ON_EVERY_POLLER_THAT_SEES_SIGNALS ON_EVERY_POLLER
#endif

ON_EVERY_POLLER_THAT_SEES_SIGNALS("signals do not end a wait before its time") {
    TestType poller;
    signals_seen = 0;
    const signal_storm storm;
    const auto before = net::clock::now();
    CHECK(poller.wait(200ms).empty());
    CHECK(net::clock::now() - before >= 200ms);
    CHECK(signals_seen > 0);
}

ON_EVERY_POLLER_THAT_SEES_SIGNALS("a wait for ever outlasts signals and ends with an event") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
    poller.add(ours.native_handle(), interest::read, 1);
    signals_seen = 0;
    std::thread writer{[&there = theirs] {
        while (signals_seen < 5) std::this_thread::yield();
        there.send_all("x");
    }};
    {
        const signal_storm storm;
        const auto events = poller.wait(net::never);
        REQUIRE(events.size() == 1);
        CHECK(events[0].ready == interest::read);
        CHECK(signals_seen >= 5);
    }
    writer.join();
}

ON_EVERY_POLLER("a timeout too long for the system call is waited for nevertheless") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
    poller.add(ours.native_handle(), interest::read, 1);
    // 2^31 ms are 24 days; the number must neither wrap to "now" nor to "for ever and then some".
    const net::duration timeout =
        GENERATE(net::duration{24h * 50}, net::duration{24h * 365 * 200}, net::never - 1ns, net::never);
    std::thread writer{[&there = theirs] {
        std::this_thread::sleep_for(20ms);  // so that there is something to wait for; not needed to pass
        there.send_all("x");
    }};
    CHECK(poller.wait(timeout).size() == 1);
    writer.join();
}

// ---- the poller as an object ---------------------------------------------------------------------------

ON_EVERY_POLLER("a moved poller keeps what was added and the one moved from holds nothing") {
    flag first{true}, second{true};
    TestType original;
    original.add(first.native_handle(), interest::read, 1);
    TestType moved{std::move(original)};
    auto events = events_of(moved);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);

    TestType other;
    other.add(second.native_handle(), interest::read, 2);
    other = std::move(moved);
    events = events_of(other);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    if constexpr (std::is_same_v<TestType, net::epoll_poller>)
        CHECK_THROWS_AS(original.add(first.native_handle(), interest::read, 1), std::system_error);
    else
        CHECK(original.wait(now).empty());  // NOLINT(bugprone-use-after-move)
}

ON_EVERY_POLLER("pollers are moved and not copied") {
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<TestType>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<TestType>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<TestType>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<TestType>);
}

TEST_CASE("an epoll poller gives back its descriptor") {
    const auto next_descriptor = [] {
        const flag probe{false};
        return probe.native_handle();
    };
    const int before = next_descriptor();
    {
        net::epoll_poller one, two;
        net::epoll_poller three{std::move(one)};
        two = std::move(three);
        CHECK(next_descriptor() > before);
    }
    CHECK(next_descriptor() == before);
}

TEST_CASE("a poller without a free descriptor says so") {
    // UBSan needs a descriptor of its own when it meets a class with virtual functions for the first time. Here
    // it meets std::system_error while there still is one.
    net::epoll_poller first;
    REQUIRE(support::failure_of([&] { first.add(-1, interest::read, 1); }).code == std::errc::bad_file_descriptor);

    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto failure = support::failure_of([] { net::epoll_poller poller; });
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(failure.code == std::errc::too_many_files_open);
    CHECK_THAT(failure.what, ContainsSubstring("epoll_create1"));
}

ON_EVERY_POLLER("a request to stop wakes a poller and goes on waking it") {
    net::stop_event stop;
    TestType poller;
    poller.add(stop.native_handle(), interest::read, 9);
    CHECK(events_of(poller).empty());
    std::thread other{[&stop] { stop.request_stop(); }};
    const auto events = events_of(poller, net::never);
    other.join();
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 9);
    CHECK(any_of(events[0].ready, interest::read));
    CHECK(events_of(poller).size() == 1);
    stop.request_stop();
    CHECK(events_of(poller).size() == 1);
}

ON_EVERY_POLLER("a wait of any length does not overflow") {
    TestType poller;
    const flag down{false};
    poller.add(down.native_handle(), interest::read, 1);
    for (const net::wait_time none : {net::wait_time{0ns}, net::wait_time{-1ns}, net::wait_time{net::duration::min()},
                                      net::wait_time{std::chrono::hours::min()}, net::wait_time{std::chrono::duration<double>{-1e300}}})
        CHECK(poller.wait(none).empty());
    const auto begin = net::clock::now();
    CHECK(poller.wait(std::chrono::duration<double>{0.002}).empty());
    CHECK(net::clock::now() - begin >= 2ms);
    for (const net::wait_time longest : {net::wait_time{net::never}, net::wait_time{net::never - 1ns},
                                         net::wait_time{std::chrono::hours::max()}, net::wait_time{std::chrono::years::max()},
                                         net::wait_time{std::chrono::duration<double>{1e300}}}) {
        const flag rings{false};
        poller.add(rings.native_handle(), interest::read, 2);
        std::thread ringing{[&] {
            std::this_thread::sleep_for(2ms);  // so that the wait has most likely begun
            ::eventfd_write(rings.native_handle(), 1);
        }};
        const auto events = poller.wait(longest);
        CHECK(events.size() == 1);
        ringing.join();
        poller.remove(rings.native_handle());
    }
}

ON_EVERY_POLLER("a descriptor that turns ready during a wait ends it") {
    flag down{false};
    TestType poller;
    poller.add(down.native_handle(), interest::read, 3, TestType::has_edge ? trigger::edge : trigger::level);
    std::thread other{[&down] { ::eventfd_write(down.native_handle(), 1); }};
    const auto events = events_of(poller, net::never);
    other.join();
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 3);
}

// ---- the concept ---------------------------------------------------------------------------------------

namespace {

/// The smallest poller: everything that was added is always ready.
class eager_poller {
  public:
    static constexpr bool has_edge = false;
    void add(int descriptor, interest what, std::uint64_t token, trigger) { events_[descriptor] = {token, what}; }
    void modify(int descriptor, interest what, std::uint64_t token, trigger) { events_[descriptor] = {token, what}; }
    void remove(int descriptor) { events_.erase(descriptor); }
    const std::vector<net::event>& wait(net::duration) {
        batch_.clear();
        for (const auto& [descriptor, happened] : events_) batch_.push_back(happened);
        return batch_;
    }

  private:
    std::map<int, net::event> events_;
    std::vector<net::event> batch_;
};
struct without_remove {
    static constexpr bool has_edge = true;
    void add(int, interest, std::uint64_t, trigger);
    void modify(int, interest, std::uint64_t, trigger);
    std::span<const net::event> wait(net::duration);
};
struct waits_for_numbers {
    static constexpr bool has_edge = true;
    void add(int, interest, std::uint64_t, trigger);
    void modify(int, interest, std::uint64_t, trigger);
    void remove(int);
    std::span<const int> wait(net::duration);
};

struct without_a_word_on_edges {
    void add(int, interest, std::uint64_t, trigger);
    void modify(int, interest, std::uint64_t, trigger);
    void remove(int);
    std::span<const net::event> wait(net::duration);
};

std::size_t count_ready(net::poller auto& poller) {
    const std::span<const net::event> events = poller.wait(now);
    return events.size();
}

}  // namespace

TEST_CASE("a poller written by hand is a poller and something less is not") {
    STATIC_REQUIRE(net::poller<net::epoll_poller>);
    STATIC_REQUIRE(net::poller<net::poll_poller>);
    STATIC_REQUIRE(net::poller<net::select_poller>);
    STATIC_REQUIRE_FALSE(net::poller<without_a_word_on_edges>);
    STATIC_REQUIRE(net::poller<eager_poller>);
    STATIC_REQUIRE_FALSE(net::poller<without_remove>);
    STATIC_REQUIRE_FALSE(net::poller<waits_for_numbers>);
    STATIC_REQUIRE_FALSE(net::poller<int>);

    eager_poller eager;
    eager.add(0, interest::read, 1, trigger::level);
    eager.add(1, interest::write, 2, trigger::level);
    CHECK(count_ready(eager) == 2);
    net::epoll_poller real;
    flag up{true};
    real.add(up.native_handle(), interest::read, 1);
    CHECK(count_ready(real) == 1);
}

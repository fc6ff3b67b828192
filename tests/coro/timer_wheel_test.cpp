// What coro/timer_wheel.hpp promises: in order, never early, never lost, however they are armed and cancelled.

#include <netnotes/coro/timer_wheel.hpp>

#include "../catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace net = netnotes;

namespace {

constexpr std::uint64_t last_tick = std::numeric_limits<std::uint64_t>::max();

struct numbered : net::timer {
    explicit numbered(int n) : number{n} {}
    int number;
};

/// All that are due, by number.
std::vector<int> due(net::timer_wheel& wheel, std::uint64_t tick) {
    std::vector<int> numbers;
    while (net::timer* const one = wheel.take_due(tick)) {
        CHECK(!one->is_armed());
        numbers.push_back(static_cast<numbered*>(one)->number);
    }
    return numbers;
}

/// As many as the program asks for; they stay where they are.
std::deque<numbered> timers(int count) {
    std::deque<numbered> all;
    for (int i = 0; i < count; ++i) all.emplace_back(i);
    return all;
}

using numbers = std::vector<int>;

}  // namespace

TEST_CASE("a wheel without timers has nothing to give, and time goes on") {
    net::timer_wheel wheel;
    CHECK(wheel.now() == 0);
    CHECK(!wheel.next_tick());
    CHECK(wheel.take_due(1'000) == nullptr);
    CHECK(wheel.now() == 1'000);
    CHECK(wheel.take_due(999) == nullptr);
    CHECK(wheel.now() == 1'000);
}

TEST_CASE("a timer is due at its tick and not before") {
    for (const std::uint64_t tick :
         {std::uint64_t{1}, std::uint64_t{63}, std::uint64_t{64}, std::uint64_t{65}, std::uint64_t{4'095},
          std::uint64_t{4'096}, std::uint64_t{1} << 36, (std::uint64_t{1} << 60) - 1, std::uint64_t{1} << 60,
          std::uint64_t{1} << 63, last_tick - 1, last_tick}) {
        net::timer_wheel wheel;
        numbered one{7};
        CHECK(!one.is_armed());
        wheel.arm(one, tick);
        CHECK(one.is_armed());
        CHECK(one.tick() == tick);
        CHECK(due(wheel, tick - 1).empty());
        CHECK(one.is_armed());
        CHECK(due(wheel, tick) == numbers{7});
        CHECK(!wheel.next_tick());
    }
}

TEST_CASE("next_tick is never after the first timer, and following it leads there in a few steps") {
    std::mt19937_64 random{1};
    for (int round = 0; round < 1'000; ++round) {
        net::timer_wheel wheel;
        static_cast<void>(wheel.take_due(random() >> (random() % 64)));
        numbered one{1};
        const std::uint64_t distance = random() >> (random() % 64);
        const std::uint64_t tick = distance > last_tick - wheel.now() ? last_tick : wheel.now() + distance;
        wheel.arm(one, tick);
        int steps = 0;
        for (;;) {
            const std::optional<std::uint64_t> next = wheel.next_tick();
            REQUIRE(next);
            REQUIRE(*next <= tick);
            REQUIRE(*next >= wheel.now());
            if (wheel.take_due(*next)) break;
            REQUIRE(++steps <= 11);
        }
        REQUIRE(wheel.now() == tick);
    }
}

TEST_CASE("timers of the same tick are due in the order in which they were armed, from near and from far") {
    net::timer_wheel wheel;
    std::deque<numbered> all = timers(6);
    wheel.arm(all[0], 100'000);  // on a high level
    wheel.arm(all[1], 100'000);
    CHECK(due(wheel, 99'000).empty());
    wheel.arm(all[2], 100'000);  // lower
    CHECK(due(wheel, 99'990).empty());
    wheel.arm(all[3], 100'000);
    CHECK(due(wheel, 99'999).empty());
    wheel.arm(all[4], 100'000);
    wheel.arm(all[1], 100'000);  // anew: now the last
    CHECK(due(wheel, 200'000) == numbers{0, 2, 3, 4, 1});
}

TEST_CASE("timers of an earlier tick are due first, however they were armed") {
    net::timer_wheel wheel;
    std::deque<numbered> all = timers(5);
    wheel.arm(all[0], 5'000);
    wheel.arm(all[1], 3);
    wheel.arm(all[2], 64);
    wheel.arm(all[3], 63);
    wheel.arm(all[4], 4'096);
    CHECK(due(wheel, 10'000) == numbers{1, 3, 2, 4, 0});
}

TEST_CASE("what is armed for the present or the past is due at once, behind what is due") {
    net::timer_wheel wheel;
    static_cast<void>(wheel.take_due(1'000));
    std::deque<numbered> all = timers(3);
    wheel.arm(all[0], 1'000);
    wheel.arm(all[1], 3);
    wheel.arm(all[2], 0);
    CHECK(wheel.next_tick() == 1'000);
    CHECK(due(wheel, 0) == numbers{0, 1, 2});
    CHECK(wheel.now() == 1'000);
}

TEST_CASE("the last tick that there is can be reached, and armed for") {
    net::timer_wheel wheel;
    std::deque<numbered> all = timers(3);
    wheel.arm(all[0], last_tick);
    wheel.arm(all[1], last_tick - 1);
    CHECK(due(wheel, last_tick - 2).empty());
    CHECK(due(wheel, last_tick) == numbers{1, 0});
    wheel.arm(all[2], last_tick);
    CHECK(due(wheel, last_tick) == numbers{2});
    CHECK(!wheel.next_tick());
}

TEST_CASE("a timer may be cancelled, moved and armed anew while others of its tick are given") {
    net::timer_wheel wheel;
    std::deque<numbered> all = timers(6);
    for (numbered& each : all) wheel.arm(each, 10);
    net::timer* const first = wheel.take_due(10);
    REQUIRE(first == &all[0]);
    all[1].cancel();
    CHECK(!all[1].is_armed());
    all[1].cancel();        // nothing
    wheel.arm(all[2], 11);  // later
    wheel.arm(all[3], 12);  // and taken back
    wheel.arm(all[3], 10);  // behind the expired timers
    wheel.arm(all[0], 10);  // the timer that was returned: arm it again, for now
    CHECK(due(wheel, 10) == numbers{4, 5, 3, 0});
    CHECK(due(wheel, 11) == numbers{2});
    CHECK(!wheel.next_tick());
}

TEST_CASE("a timer that arms itself for the next tick comes once a tick") {
    net::timer_wheel wheel;
    numbered one{1};
    wheel.arm(one, 1);
    int count = 0;
    while (net::timer* const now = wheel.take_due(1'000)) {
        ++count;
        wheel.arm(*now, wheel.now() + 1);
    }
    CHECK(count == 1'000);
    CHECK(one.tick() == 1'001);
}

TEST_CASE("a timer that is destroyed while it is armed is never given") {
    net::timer_wheel wheel;
    numbered stays{1};
    {
        numbered near{2}, far{3}, is_due{4};
        wheel.arm(near, 5);
        wheel.arm(stays, 5);
        wheel.arm(far, last_tick);
        wheel.arm(is_due, 0);
    }
    CHECK(due(wheel, 5) == numbers{1});
    CHECK(!wheel.next_tick());
}

TEST_CASE("a wheel that is destroyed leaves its timers unarmed, and another may take them") {
    std::deque<numbered> all = timers(4);
    {
        net::timer_wheel wheel;
        wheel.arm(all[0], 0);
        wheel.arm(all[1], 50);
        wheel.arm(all[2], 5'000);
        wheel.arm(all[3], last_tick);
    }
    for (const numbered& each : all) CHECK(!each.is_armed());
    net::timer_wheel other;
    for (numbered& each : all) other.arm(each, 2);
    CHECK(due(other, 2) == numbers{0, 1, 2, 3});
}

TEST_CASE("a timer moves from one wheel to another") {
    net::timer_wheel from, to;
    numbered one{1};
    from.arm(one, 10);
    to.arm(one, 20);
    CHECK(due(from, 100).empty());
    CHECK(!from.next_tick());
    CHECK(due(to, 20) == numbers{1});
}

// ---- against a sorted structure ------------------------------------------------------------------------

// The model is a std::multimap: it keeps equals in the order in which they came. Distances are of every size up to
// 2^64, small ones more often, and so are the steps of time; timers are armed, armed anew and cancelled all the while,
// also between two that are given.
TEST_CASE("whatever is done, a wheel gives what a sorted list gives") {
    const int seed = GENERATE(range(1, 21));
    CAPTURE(seed);
    std::mt19937_64 random{static_cast<std::uint64_t>(seed)};
    const auto some_distance = [&] {
        switch (random() % 8) {
            case 0: return random() >> (random() % 64);  // of any size
            case 1: return random() % 262'144;
            case 2: return random() % 4'096;
            default: return random() % 100;
        }
    };

    net::timer_wheel wheel;
    std::deque<numbered> all = timers(200);
    std::multimap<std::uint64_t, int> model;
    std::vector<std::optional<std::multimap<std::uint64_t, int>::iterator>> places(all.size());

    const auto cancel = [&](std::size_t which) {
        all[which].cancel();
        if (places[which]) model.erase(*std::exchange(places[which], std::nullopt));
    };
    const auto arm = [&](std::size_t which) {
        const std::uint64_t distance = some_distance();
        std::uint64_t tick = distance > last_tick - wheel.now() ? last_tick - distance % 3 : wheel.now() + distance;
        if (random() % 50 == 0) tick = random() % (wheel.now() | 1);  // past
        cancel(which);
        wheel.arm(all[which], tick);
        // A past moment counts as now.
        places[which] = model.emplace(std::max(tick, wheel.now()), static_cast<int>(which));
    };
    const auto some_change = [&] {
        const std::size_t which = random() % all.size();
        if (random() % 4 == 0)
            cancel(which);
        else
            arm(which);
    };

    for (int step = 0; step < 4'000; ++step) {
        for (std::uint64_t i = random() % 6; i > 0; --i) some_change();
        const auto next = wheel.next_tick();
        REQUIRE(next.has_value() == !model.empty());
        if (next) REQUIRE(*next <= model.begin()->first);

        const std::uint64_t distance =
            random() % 4 == 0 && next ? *next - wheel.now() : some_distance() >> (random() % 8);
        if (random() % 500 != 0 && distance > (std::uint64_t{1} << 50)) continue;  // or the end of time comes too soon
        const std::uint64_t now = distance > last_tick - wheel.now() ? last_tick : wheel.now() + distance;
        for (;;) {
            net::timer* const given = wheel.take_due(now);
            const bool expected = !model.empty() && model.begin()->first <= now;
            REQUIRE((given != nullptr) == expected);
            if (!given) break;
            const int number = static_cast<numbered*>(given)->number;
            REQUIRE(number == model.begin()->second);
            REQUIRE(wheel.now() == model.begin()->first);
            places[static_cast<std::size_t>(number)].reset();
            model.erase(model.begin());
            if (random() % 4 == 0) some_change();
        }
        REQUIRE(wheel.now() == now);
        bool agree = true;
        for (std::size_t i = 0; i < all.size(); ++i) agree = agree && all[i].is_armed() == places[i].has_value();
        REQUIRE(agree);
    }
}

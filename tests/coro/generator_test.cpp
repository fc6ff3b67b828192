// What coro/generator.hpp promises: values on demand, and greenlets that hand over to one another.

#include <netnotes/coro/generator.hpp>

#include "../catch.hpp"

#include <memory>
#include <ranges>
#include <string>
#include <vector>

namespace net = netnotes;

namespace {

/// Counts how many of it live: what a coroutine's frame holds must go when the frame goes.
class counted {
  public:
    explicit counted(int& alive) : alive_{alive} { ++alive_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --alive_; }

  private:
    int& alive_;
};

net::generator<int> count_to(int last) {
    for (int i = 1; i <= last; ++i) co_yield i;
}

template <class Range>
auto all_of(Range&& range) {
    std::vector<std::ranges::range_value_t<Range>> values;
    for (auto&& value : range) values.push_back(std::forward<decltype(value)>(value));
    return values;
}

static_assert(std::ranges::input_range<net::generator<int>>);
static_assert(std::ranges::input_range<net::generator<const std::string&>>);
static_assert(std::ranges::input_range<net::generator<std::unique_ptr<int>>>);
static_assert(!std::is_copy_constructible_v<net::generator<int>>);
static_assert(std::is_same_v<std::ranges::range_reference_t<net::generator<int&>>, int&>);

}  // namespace

// ---- The generator -------------------------------------------------------------------------------------

TEST_CASE("a generator gives one value after another and then ends") {
    CHECK(all_of(count_to(3)) == std::vector{1, 2, 3});
    CHECK(all_of(count_to(0)).empty());
}

TEST_CASE("a generator does nothing before it is asked and no more than it is asked") {
    std::string done;
    const auto body = [](std::string& log) -> net::generator<int> {
        log += "a";
        co_yield 1;
        log += "b";
        co_yield 2;
        log += "c";
    };
    auto numbers = body(done);
    CHECK(done.empty());
    int* const first = numbers.next();
    REQUIRE(first);
    CHECK(*first == 1);
    CHECK(done == "a");
    CHECK(*numbers.next() == 2);
    CHECK(done == "ab");
    CHECK(numbers.next() == nullptr);
    CHECK(numbers.next() == nullptr);
    CHECK(done == "abc");
}

TEST_CASE("a second loop goes on behind the value at which the first was left") {
    auto numbers = count_to(5);
    for (const int number : numbers)
        if (number == 2) break;
    CHECK(all_of(numbers) == std::vector{3, 4, 5});
    CHECK(all_of(numbers).empty());
}

TEST_CASE("a generator of references gives the very objects") {
    std::vector<int> numbers{1, 2, 3};
    const auto each = [](std::vector<int>& of) -> net::generator<int&> {
        for (int& number : of) co_yield number;
    };
    for (int& number : each(numbers)) number *= 2;
    CHECK(numbers == std::vector{2, 4, 6});
}

TEST_CASE("what can only be moved can be yielded") {
    const auto body = []() -> net::generator<std::unique_ptr<int>> {
        co_yield std::make_unique<int>(1);
        auto named = std::make_unique<int>(2);
        co_yield std::move(named);
    };
    const auto values = all_of(body());
    REQUIRE(values.size() == 2);
    CHECK(*values[0] == 1);
    CHECK(*values[1] == 2);
}

TEST_CASE("moving a value out of a loop does not empty the variable that was yielded") {
    const auto body = []() -> net::generator<std::string> {
        std::string text = "a string that is too long to live inside its object";
        co_yield text;
        co_yield text;
    };
    const auto values = all_of(body());  // moves
    REQUIRE(values.size() == 2);
    CHECK(values[0] == values[1]);
}

TEST_CASE("an exception comes out where the coroutine was made to go on and ends it") {
    const auto body = []() -> net::generator<int> {
        co_yield 1;
        throw std::runtime_error{"no more"};
    };
    auto numbers = body();
    CHECK(*numbers.next() == 1);
    CHECK_THROWS_AS(numbers.next(), std::runtime_error);
    CHECK(numbers.next() == nullptr);

    auto at_once = [](bool fails) -> net::generator<int> {
        if (fails) throw std::runtime_error{"not even one"};
        co_yield 1;
    }(true);
    CHECK_THROWS_AS(at_once.begin(), std::runtime_error);
}

TEST_CASE("a generator that is left in the middle destroys its variables") {
    int alive = 0;
    const auto body = [](int& count) -> net::generator<int> {
        const counted variable{count};
        for (int i = 0;; ++i) co_yield i;
    };
    {
        auto endless = body(alive);
        CHECK(alive == 0);
        CHECK(*endless.next() == 0);
        CHECK(alive == 1);
        auto moved = std::move(endless);
        CHECK(*moved.next() == 1);
        CHECK(endless.next() == nullptr);  // NOLINT(bugprone-use-after-move): what is left is an empty one
        moved = body(alive);               // the old one goes
        CHECK(alive == 0);
    }
    CHECK(alive == 0);
}

TEST_CASE("an iterator goes on with its values when the generator is moved, assigned or swapped") {
    const auto count_from = [](int first) -> net::generator<int> {
        for (int i = first;; ++i) co_yield i;
    };
    auto one = count_from(1);
    auto at = one.begin();
    auto moved = std::move(one);
    CHECK(*at == 1);
    ++at;
    CHECK(*at == 2);
    auto other = count_from(100);
    auto at_other = other.begin();
    moved.swap(other);
    ++at;
    ++at_other;
    CHECK(*at == 3);
    CHECK(*at_other == 101);
    auto last = count_from(0);
    last = std::move(other);
    ++at;
    CHECK(*at == 4);
    CHECK(last.next() != nullptr);
    CHECK(*at == 5);
}

TEST_CASE("generators nest") {
    const auto twice = [](int last) -> net::generator<int> {
        for (int round = 0; round < 2; ++round)
            for (const int number : count_to(last)) co_yield number;
    };
    CHECK(all_of(twice(2)) == std::vector{1, 2, 1, 2});
}

// ---- The greenlet --------------------------------------------------------------------------------------

TEST_CASE("greenlets hand over by name until one of them ends") {
    std::string log;
    const auto first_body = [](net::greenlet& other, std::string& said) -> net::greenlet {
        for (const char c : {'1', '2', '3'}) {
            said += c;
            co_await switch_to(other);
        }
    };
    const auto second_body = [](net::greenlet& other, std::string& said) -> net::greenlet {
        for (;;) {
            said += 'b';
            co_await switch_to(other);
        }
    };
    net::greenlet first, second;
    first = first_body(second, log);
    second = second_body(first, log);
    CHECK(log.empty());
    first.run();
    CHECK(log == "1b2b3b");
    CHECK(first.finished());
    CHECK_FALSE(second.finished());
}

TEST_CASE("three greenlets take turns in a ring") {
    std::string log;
    const auto body = [](char name, net::greenlet& next, std::string& said) -> net::greenlet {
        for (int round = 0; round < 2; ++round) {
            said += name;
            co_await switch_to(next);
        }
    };
    net::greenlet a, b, c;
    a = body('a', b, log);
    b = body('b', c, log);
    c = body('c', a, log);
    a.run();
    CHECK(log == "abcabc");
}

TEST_CASE("a greenlet that is resumed continues where it paused") {
    std::string log;
    const auto worker_body = [](net::greenlet& boss, std::string& said) -> net::greenlet {
        said += "one ";
        co_await switch_to(boss);
        said += "two";
    };
    const auto boss_body = [](net::greenlet& worker) -> net::greenlet { co_await switch_to(worker); };
    net::greenlet boss, worker;
    boss = boss_body(worker);
    worker = worker_body(boss, log);
    boss.run();
    CHECK(log == "one ");
    CHECK(boss.finished());
    worker.run();
    CHECK(log == "one two");
}

TEST_CASE("what a greenlet throws comes out of run") {
    const auto thrower_body = [](bool fails) -> net::greenlet {
        if (fails) throw std::runtime_error{"it fails"};
        co_return;
    };
    const auto starter_body = [](net::greenlet& other) -> net::greenlet { co_await switch_to(other); };
    net::greenlet thrower = thrower_body(true);
    net::greenlet starter = starter_body(thrower);
    CHECK_THROWS_AS(starter.run(), std::runtime_error);
    CHECK(thrower.finished());
    CHECK_FALSE(starter.finished());
    starter.run();
    CHECK(starter.finished());
}

TEST_CASE("to resume a greenlet that has ended is an error of the caller") {
    net::greenlet none;
    CHECK_FALSE(none.finished());
    CHECK_THROWS_AS(none.run(), std::logic_error);

    const auto ended_body = []() -> net::greenlet { co_return; };
    net::greenlet ended = ended_body();
    ended.run();
    CHECK_THROWS_AS(ended.run(), std::logic_error);

    std::string log;
    const auto body = [](net::greenlet& other, std::string& said) -> net::greenlet {
        try {
            co_await switch_to(other);
        } catch (const std::logic_error& error) {
            said = error.what();
        }
    };
    net::greenlet asks = body(ended, log);
    asks.run();
    CHECK(log == "this greenlet has ended");
    asks = body(none, log);
    asks.run();
    CHECK(log == "empty greenlet: default-constructed or moved from");
}

TEST_CASE("a run inside a run is allowed and to reach further out is not") {
    std::string log;
    const auto inner_body = [](net::greenlet& outer, std::string& said) -> net::greenlet {
        said += "inner ";
        try {
            co_await switch_to(outer);
        } catch (const std::logic_error& error) {
            said += error.what();
        }
    };
    const auto outer_body = [](net::greenlet& inner, std::string& said) -> net::greenlet {
        inner.run();
        said += ", outer";
        co_return;
    };
    net::greenlet outer, inner;
    outer = outer_body(inner, log);
    inner = inner_body(outer, log);
    outer.run();
    CHECK(log == "inner this greenlet is running already, outer");
}

TEST_CASE("switching to oneself goes on at once") {
    int count = 0;
    const auto body = [](net::greenlet& self, int& rounds) -> net::greenlet {
        for (; rounds < 3; ++rounds) co_await switch_to(self);
    };
    net::greenlet self;
    self = body(self, count);
    self.run();
    CHECK(count == 3);
}

TEST_CASE("a million switches need no more stack than one") {
    // With a return address left behind by each it would overflow, in a build without optimisation, after some hundred
    // thousand. (A hundred million pass as well; that takes longer than a test should.)
    int switches = 0;
    const auto body = [](net::greenlet& other, int& count) -> net::greenlet {
        while (++count < 1'000'000) co_await switch_to(other);
    };
    net::greenlet a, b;
    a = body(b, switches);
    b = body(a, switches);
    a.run();
    CHECK(switches == 1'000'000);
}

TEST_CASE("a greenlet that is destroyed while it pauses destroys its variables") {
    int alive = 0;
    const auto sleeper_body = [](net::greenlet& other, int& count) -> net::greenlet {
        const counted variable{count};
        co_await switch_to(other);
    };
    const auto ender_body = []() -> net::greenlet { co_return; };
    net::greenlet ender = ender_body();
    {
        net::greenlet sleeper = sleeper_body(ender, alive);
        sleeper.run();
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}

// ---- A generator that fails, and a generator that asks itself ---------------------------------------------------

namespace {
net::generator<int> throws_at(int last) {
    for (int i = 1; i < last; ++i) co_yield i;
    throw std::runtime_error{"no more"};
}
net::generator<int> asks_itself(net::generator<int>*& self) {
    co_yield 1;
    int* const own = self->next();
    co_yield *own;
}
net::generator<int> asks_itself_and_goes_on(net::generator<int>*& self, int& refused) {
    for (int i = 0; i < 3; ++i) {
        try {
            self->next();
        } catch (const std::logic_error&) {
            ++refused;
        }
        co_yield i;
    }
}
}  // namespace

TEST_CASE("an iterator is at the end after ++ has thrown") {
    auto numbers = throws_at(2);
    auto at = numbers.begin();
    CHECK(*at == 1);
    CHECK_THROWS_AS(++at, std::runtime_error);
    CHECK(at == numbers.end());
    CHECK(numbers.begin() == numbers.end());
    CHECK(numbers.next() == nullptr);
    auto others = throws_at(2);
    auto second = others.begin();
    CHECK_THROWS_AS(second++, std::runtime_error);
    CHECK(second == others.end());
}

TEST_CASE("a generator that throws before its first value has ended") {
    auto numbers = throws_at(1);
    CHECK_THROWS_AS(numbers.begin(), std::runtime_error);
    CHECK(numbers.next() == nullptr);
    CHECK(numbers.begin() == numbers.end());
    for (int each : numbers) FAIL("a value after the end: " << each);
}

TEST_CASE("a generator in an algorithm that throws in the middle gives nothing twice") {
    auto numbers = throws_at(4);
    std::vector<int> all;
    const auto take = [&] {
        for (int each : numbers) all.push_back(each);
    };
    CHECK_THROWS_AS(take(), std::runtime_error);
    CHECK_NOTHROW(take());
    CHECK(all == std::vector<int>{1, 2, 3});
}

TEST_CASE("a generator that asks itself for the next value is told so, and ends by it") {
    net::generator<int>* self = nullptr;
    auto numbers = asks_itself(self);
    self = &numbers;
    REQUIRE(numbers.next());
    CHECK_THROWS_WITH(numbers.next(), Catch::Matchers::ContainsSubstring("cannot ask itself"));
    CHECK(numbers.next() == nullptr);
}

TEST_CASE("a generator that catches that error goes on") {
    net::generator<int>* self = nullptr;
    int refused = 0;
    auto numbers = asks_itself_and_goes_on(self, refused);
    self = &numbers;
    int count = 0;
    for (int each : numbers) CHECK(each == count++);
    CHECK(count == 3);
    CHECK(refused == 3);
}

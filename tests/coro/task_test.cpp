// What coro/task.hpp promises: functions that wait, and what they hold, whatever becomes of them.
//
// There is no loop here. A test is the loop: it starts a chain, sees it stop at a gate, and opens the gate.

#include <netnotes/coro/scheduler.hpp>
#include <netnotes/coro/task.hpp>

#include "../catch.hpp"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace net = netnotes;

// ---- memory, counted and refused -----------------------------------------------------------------------

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
std::atomic<long> allocations{0};
std::atomic<std::ptrdiff_t> memory_in_use{0};                                // of all threads, from operator new
thread_local std::size_t largest_allocation = static_cast<std::size_t>(-1);  // of this thread; above it, bad_alloc
std::size_t usable_size(void* memory) {
#ifdef _WIN32
    return ::_msize(memory);
#else
    return ::malloc_usable_size(memory);
#endif
}
}  // namespace

void* operator new(std::size_t size) {
    void* const memory = size > largest_allocation ? nullptr : std::malloc(size);
    if (!memory) throw std::bad_alloc{};
    ++allocations;
    memory_in_use += static_cast<std::ptrdiff_t>(usable_size(memory));
    return memory;
}
void operator delete(void* memory) noexcept {
    if (memory) memory_in_use -= static_cast<std::ptrdiff_t>(usable_size(memory));
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
#endif

namespace {

/// What tasks of a test wait for. They go on one by one, in the order in which they came.
class gate {
  public:
    class waiting;
    waiting pass();
    [[nodiscard]] std::size_t size() const { return queue_.size(); }
    /// Lets the first one go on, until it waits again or has ended.
    void open();

  private:
    std::deque<waiting*> queue_;
};

class [[nodiscard]] gate::waiting final : public net::detail::operation {
  public:
    explicit waiting(gate& at) : gate_{at} {}
    ~waiting() { std::erase(gate_.queue_, this); }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> waiter) {
        waits(waiter, waiter.promise().chain());
        gate_.queue_.push_back(this);
    }
    void await_resume() const {
        if (was_cancelled_) throw net::cancelled{};
    }

  private:
    friend gate;
    void cancelled() noexcept override {
        decided();
        was_cancelled_ = true;
    }
    gate& gate_;
    bool was_cancelled_ = false;
};
gate::waiting gate::pass() { return waiting{*this}; }
void gate::open() {
    REQUIRE(!queue_.empty());
    waiting& first = *queue_.front();
    queue_.pop_front();
    if (first.is_waiting()) first.decided();
    first.chain().resume();
}

/// A chain: it owns its outermost task, and hears of its end.
template <class T>
class chain final : public net::detail::fiber {
  public:
    explicit chain(net::task<T> what) : coroutine_{net::detail::task_access::release(what)} {
        coroutine_.promise().belongs_to(*this);
    }
    ~chain() {
        if (coroutine_) coroutine_.destroy();
    }
    void begin() { coroutine_.resume(); }
    T take() { return coroutine_.promise().outcome.take(); }
    [[nodiscard]] int ends() const { return ends_; }

  private:
    void ended() noexcept override { ++ends_; }
    std::coroutine_handle<net::detail::task_promise<T>> coroutine_;
    int ends_ = 0;
};

/// The result of a task that does not wait.
template <class T>
T result_of(net::task<T> what) {
    chain<T> alone{std::move(what)};
    alone.begin();
    REQUIRE(alone.ends() == 1);
    return alone.take();
}

/// Knows of each object of its kind where it lives; what is made over another, or destroyed twice, is noticed.
class witness {
  public:
    explicit witness(int value = 0) : value_{value} { made(); }
    witness(const witness& other) : value_{other.value_} { made(); }
    witness(witness&& other) noexcept : value_{std::exchange(other.value_, -1)} { made(); }
    witness& operator=(const witness&) = default;
    witness& operator=(witness&&) noexcept = default;
    ~witness() {
        if (alive().erase(this) == 0) ++mistakes();
    }
    [[nodiscard]] int value() const { return value_; }

    static std::set<const witness*>& alive() {
        static std::set<const witness*> all;
        return all;
    }
    static int& mistakes() {
        static int count = 0;
        return count;
    }
    static bool all_gone() { return alive().empty() && mistakes() == 0; }

  private:
    void made() {
        if (!alive().insert(this).second) ++mistakes();
    }
    int value_;
};

/// Says in a log when it goes.
class last_words {
  public:
    last_words(std::string& log, std::string words) : log_{log}, words_{std::move(words)} {}
    last_words(const last_words&) = delete;
    last_words& operator=(const last_words&) = delete;
    ~last_words() { log_ += words_; }

  private:
    std::string& log_;
    std::string words_;
};

net::task<int> number(int value) { co_return value; }
net::task<int> number_later(gate& at, int value) {
    co_await at.pass();
    co_return value;
}
net::task<> fails(std::string why) {
    throw std::runtime_error{why};
    co_return;
}

static_assert(!std::is_copy_constructible_v<net::task<>>);
static_assert(std::is_nothrow_move_constructible_v<net::task<int>> && std::is_nothrow_move_assignable_v<net::task<>>);
static_assert(std::is_same_v<decltype(net::task<int&>{}.operator co_await().await_resume()), int&>);
static_assert(std::is_same_v<decltype(net::task<int&&>{}.operator co_await().await_resume()), int&&>);

}  // namespace

// ---- beginning and ending ------------------------------------------------------------------------------

TEST_CASE("a task does nothing before it is awaited") {
    int begun = 0;
    const auto body = [](int& count) -> net::task<> {
        ++count;
        co_return;
    };
    { const net::task<> never_awaited = body(begun); }
    CHECK(begun == 0);
    const auto outer = [&](bool& between) -> net::task<> {
        net::task<> inner = body(begun);
        between = begun == 0;
        co_await std::move(inner);
    };
    bool between = false;
    result_of(outer(between));
    CHECK(between);
    CHECK(begun == 1);
}

TEST_CASE("a task that was never awaited destroys its parameters") {
    const auto body = [](witness) -> net::task<> { co_return; };
    {
        net::task<> waits_in_vain = body(witness{1});
        CHECK(witness::alive().size() == 1);
        waits_in_vain = body(witness{2});
        CHECK(witness::alive().size() == 1);
    }
    CHECK(witness::all_gone());
}

TEST_CASE("a task gives values, also such as cannot be copied, or made without arguments") {
    CHECK(result_of(number(7)) == 7);

    const auto pointer = []() -> net::task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
    CHECK(*result_of(pointer()) == 5);

    const auto text = []() -> net::task<std::string> { co_return "converted"; };
    CHECK(result_of(text()) == "converted");

    struct odd {
        explicit odd(int n) : value{n} {}
        odd(odd&&) = default;
        int value;
    };
    const auto strange = []() -> net::task<odd> { co_return odd{3}; };
    CHECK(result_of(strange()).value == 3);

    const auto constant = []() -> net::task<const std::string> { co_return "constant"; };
    CHECK(result_of(constant()) == "constant");

    {
        const auto body = []() -> net::task<witness> { co_return witness{9}; };
        CHECK(result_of(body()).value() == 9);
    }
    CHECK(witness::all_gone());
}

TEST_CASE("a task gives references to the very object") {
    int object = 1;
    const auto lvalue = [](int& to) -> net::task<int&> { co_return to; };
    const auto outer = [&]() -> net::task<> {
        int& same = co_await lvalue(object);
        same = 42;
    };
    result_of(outer());
    CHECK(object == 42);

    std::string text = "moved";
    const auto rvalue = [](std::string& from) -> net::task<std::string&&> { co_return std::move(from); };
    const std::string taken = result_of(rvalue(text));
    CHECK(taken == "moved");
    CHECK(text.empty());

    struct base {
        int x = 1;
    };
    struct first_base {
        int y = 2;
    };
    struct derived : first_base, base {};
    const auto to_base = [](derived& from) -> net::task<const base&> { co_return from; };
    derived whole;
    CHECK(&result_of(to_base(whole)) == static_cast<base*>(&whole));
}

TEST_CASE("what a task throws comes out where it is awaited") {
    const auto outer = []() -> net::task<std::string> {
        std::string caught;
        try {
            co_await fails("first");
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        co_await fails(caught + ", second");
        co_return "not reached";
    };
    CHECK_THROWS_WITH(result_of(outer()), "first, second");

    const auto throws_a_number = []() -> net::task<int> {
        throw 5;
        co_return 0;
    };
    CHECK_THROWS_AS(result_of(throws_a_number()), int);
}

TEST_CASE("what a task throws after it has waited comes out where it is awaited") {
    gate at;
    const auto inner = [&]() -> net::task<int> {
        co_await at.pass();
        throw std::runtime_error{"late"};
    };
    const auto outer = [&]() -> net::task<std::string> {
        try {
            co_await inner();
        } catch (const std::runtime_error& error) {
            co_return error.what();
        }
        co_return "nothing";
    };
    chain<std::string> alone{outer()};
    alone.begin();
    CHECK(alone.ends() == 0);
    at.open();
    CHECK(alone.ends() == 1);
    CHECK(alone.take() == "late");
}

TEST_CASE("a result that cannot be made is an exception of the task") {
    struct stubborn {
        explicit stubborn(int) {}
        stubborn(const stubborn&) { throw std::runtime_error{"not to be copied"}; }
    };
    const auto body = []() -> net::task<stubborn> {
        const stubborn made{1};
        co_return made;
    };
    CHECK_THROWS_WITH(result_of(body()), "not to be copied");
}

TEST_CASE("a variable that throws when it goes, after the task has returned, leaves the exception and no value") {
    struct thrower {
        ~thrower() noexcept(false) { throw std::runtime_error{"in a destructor"}; }
    };
    {
        const auto body = []() -> net::task<witness> {
            thrower last;
            co_return witness{1};
        };
        CHECK_THROWS_WITH(result_of(body()), "in a destructor");
    }
    CHECK(witness::all_gone());
}

TEST_CASE("an exception, and what it holds, goes with the last who knows it") {
    struct error {
        std::shared_ptr<int> held;
    };
    const auto held = std::make_shared<int>(1);
    const auto inner = [](std::shared_ptr<int> what) -> net::task<> {
        const error thrown{what};
        throw thrown;
        co_return;
    };
    const auto outer = [&]() -> net::task<long> {
        try {
            co_await inner(held);
        } catch (const error&) {
        }
        co_return held.use_count();
    };
    CHECK(result_of(outer()) == 1);
}

TEST_CASE("awaiting a task that is empty, was moved from, or was awaited before is an error that can be caught") {
    const auto outer = [](int which) -> net::task<int> {
        net::task<int> one = number(1);
        if (which == 0) one = net::task<int>{};
        if (which == 1) {
            const net::task<int> other = std::move(one);
        }
        int sum = 0;
        if (which == 2) sum = co_await std::move(one);
        sum += co_await std::move(one);
        co_return sum;
    };
    for (const int which : {0, 1, 2}) CHECK_THROWS_AS(result_of(outer(which)), std::logic_error);
    CHECK(result_of(outer(3)) == 1);
}

// ---- waiting -------------------------------------------------------------------------------------------

TEST_CASE("a chain that waits goes on where it waited, and tells of its end once") {
    gate at;
    const auto middle = [&]() -> net::task<int> {
        const int one = co_await number_later(at, 1);
        const int two = co_await number(2);
        const int three = co_await number_later(at, 3);
        co_return one * 100 + two * 10 + three;
    };
    const auto outer = [&]() -> net::task<int> { co_return co_await middle(); };
    chain<int> alone{outer()};
    alone.begin();
    CHECK(at.size() == 1);
    at.open();
    CHECK(at.size() == 1);
    CHECK(alone.ends() == 0);
    at.open();
    CHECK(at.size() == 0);
    CHECK(alone.ends() == 1);
    CHECK(alone.take() == 123);
}

TEST_CASE("the frame of a task goes when the awaiting expression has ended, and not before") {
    std::string log;
    gate at;
    const auto outer = [&](std::string& to) -> net::task<> {
        const auto held = [&](std::string words) -> net::task<> {
            const last_words local{to, std::move(words)};
            co_await at.pass();
        };
        co_await held("a");
        to += "|";
        co_await held("b");
        to += "|";
    };
    chain<void> alone{outer(log)};
    alone.begin();
    CHECK(log.empty());
    at.open();
    CHECK(log == "a|");
    at.open();
    CHECK(log == "a|b|");
}

TEST_CASE("a chain that is destroyed in the middle destroys what it holds, the innermost call first") {
    std::string log;
    gate at;
    {
        const auto inner = [&]() -> net::task<> {
            const last_words here{log, "inner "};
            co_await at.pass();
            log += "not reached ";
        };
        const auto middle = [&]() -> net::task<> {
            const last_words first{log, "middle's first "};
            const last_words second{log, "middle's second "};
            co_await inner();
        };
        const auto outer = [&]() -> net::task<> {
            const last_words here{log, "outer "};
            co_await middle();
        };
        chain<void> alone{outer()};
        alone.begin();
        CHECK(at.size() == 1);
    }
    CHECK(log == "inner middle's second middle's first outer ");
    CHECK(at.size() == 0);
}

namespace {
net::task<int> deep(gate* at, int depth) {
    const witness here{depth};
    if (depth == 0) {
        if (at) co_await at->pass();
        co_return 0;
    }
    const int below = co_await deep(at, depth - 1);
    co_return below + 1;
}
constexpr int deepest = 2'000;  // a call is a call: it takes some stack while it begins
}  // namespace

TEST_CASE("a chain may be some thousand calls deep") {
    CHECK(result_of(deep(nullptr, deepest)) == deepest);
    CHECK(witness::all_gone());
    gate at;
    {
        chain<int> alone{deep(&at, deepest)};
        alone.begin();
        at.open();
        REQUIRE(alone.ends() == 1);
        CHECK(alone.take() == deepest);
    }
    CHECK(witness::all_gone());
    {
        chain<int> alone{deep(&at, deepest)};
        alone.begin();
        CHECK(witness::alive().size() == deepest + 1);
    }
    CHECK(witness::all_gone());
}

TEST_CASE("a loop over a million tasks that do not wait needs no stack") {
    const auto body = []() -> net::task<std::int64_t> {
        std::int64_t sum = 0;
        for (int i = 0; i < 1'000'000; ++i) sum += co_await number(1);
        co_return sum;
    };
    CHECK(result_of(body()) == 1'000'000);
}

TEST_CASE("nor does a task that is resumed after a wait") {
    gate at;
    const auto body = [&]() -> net::task<std::int64_t> {
        std::int64_t sum = co_await number_later(at, 1);
        for (int i = 0; i < 1'000'000; ++i) sum += co_await number(1);
        co_return sum;
    };
    chain<std::int64_t> alone{body()};
    alone.begin();
    at.open();
    REQUIRE(alone.ends() == 1);
    CHECK(alone.take() == 1'000'001);
}

TEST_CASE("a loop over many tasks that all wait needs no stack") {
    gate at;
    const auto body = [&]() -> net::task<std::int64_t> {
        std::int64_t sum = 0;
        for (int i = 0; i < 200'000; ++i) {
            sum += co_await number_later(at, 1);
            sum += co_await number(1);
        }
        co_return sum;
    };
    chain<std::int64_t> alone{body()};
    alone.begin();
    for (int i = 0; i < 200'000; ++i) at.open();
    REQUIRE(alone.ends() == 1);
    CHECK(alone.take() == 400'000);
}

TEST_CASE("a loop over tasks that fail at once needs no stack") {
    const auto body = []() -> net::task<int> {
        int caught = 0;
        for (int i = 0; i < 100'000; ++i) try {
                co_await fails("again");
            } catch (const std::runtime_error&) {
                ++caught;
            }
        co_return caught;
    };
    CHECK(result_of(body()) == 100'000);
}

// ---- cancelling, as authors of awaitables see it --------------------------------------------------

TEST_CASE("cancelling a chain reaches what its innermost task waits for, once, and does not go on inside the call") {
    gate at;
    std::string log;
    const auto inner = [&]() -> net::task<> {
        const last_words here{log, "unwound "};
        co_await at.pass();
    };
    const auto outer = [&]() -> net::task<> {
        try {
            co_await inner();
        } catch (const net::cancelled&) {
            log += "caught ";
        }
    };
    chain<void> alone{outer()};
    CHECK(!alone.is_cancelled());
    alone.begin();
    alone.cancel();
    alone.cancel();
    CHECK(alone.is_cancelled());
    CHECK(log.empty());
    at.open();
    CHECK(log == "unwound caught ");
    CHECK(alone.ends() == 1);
}

TEST_CASE("cancelling comes too late for what is decided, and stays for what is waited for next") {
    gate at;
    std::string log;
    net::detail::fiber* self = nullptr;
    const auto body = [&]() -> net::task<> {
        co_await at.pass();
        self->cancel();  // while it runs
        log += self->is_cancelled() ? "cancelled" : "not cancelled";
        co_await at.pass();  // the gate does not ask; the loop's own operations do
        log += ", and on";
    };
    chain<void> alone{body()};
    self = &alone;
    alone.begin();
    at.open();
    CHECK(log == "cancelled");
    at.open();
    CHECK(log == "cancelled, and on");
    CHECK(alone.ends() == 1);
}

// ---- where g++ 12 goes wrong, in the spelling of the first page ----------------------------------------

namespace {

/// In each way in which an expression can go: at once; having waited; destroyed while it waits.
enum class way { at_once, waits, destroyed };

net::task<witness> witness_of(gate* at, int value) {
    if (at) co_await at->pass();
    co_return witness{value};
}
net::task<bool> is_below(gate* at, int value, int limit) {
    if (at) co_await at->pass();
    co_return value < limit;
}
struct pair {  // an aggregate, with members that must be destroyed
    witness first;
    std::string second;
};
net::task<int> sum_of(gate* at, pair what) {
    if (at) co_await at->pass();
    co_return what.first.value() + static_cast<int>(what.second.size());
}

/// Returns what the body returns; a destroyed task returns nothing.
template <class Body>
std::optional<int> go(Body body, way how) {
    gate at;
    std::optional<int> result;
    {
        chain<int> alone{body(how == way::at_once ? nullptr : &at)};
        alone.begin();
        while (how == way::waits && at.size() > 0) at.open();
        if (how == way::destroyed) {
            at.open();  // in the middle of the second
            CHECK(alone.ends() == 0);
        } else {
            REQUIRE(alone.ends() == 1);
            result = alone.take();
        }
    }
    CHECK(at.size() == 0);
    CHECK(witness::alive().empty());
    CHECK(witness::mistakes() == 0);
    return result;
}
template <class Body>
void check_every_way(Body body, int expected) {
    CHECK(go(body, way::at_once) == expected);
    CHECK(go(body, way::waits) == expected);
    CHECK(go(body, way::destroyed) == std::nullopt);
}

net::task<int> decides(gate* at) {
    auto ready = co_await is_below(at, 1, 2);
    if (ready) {
        if (auto next = co_await is_below(at, 2, 2); next) co_return -1;
        co_return 1;
    }
    co_return 0;
}
net::task<int> decides_in_a_condition(gate* at) {
    if (auto ready = co_await is_below(at, 1, 2); ready) {
        auto again = co_await is_below(at, 1, 2);
        co_return again ? 1 : 0;
    }
    co_return 0;
}
net::task<int> repeats(gate* at) {
    int rounds = 0;
    for (;;) {
        auto more = co_await is_below(at, rounds, 3);
        if (!more) break;
        ++rounds;
    }
    co_return rounds;
}
net::task<int> chooses(gate* at) {
    auto which = co_await witness_of(at, 2);
    switch (which.value()) {
        case 2: {
            auto other = co_await witness_of(at, 40);
            co_return which.value() + other.value();
        }
        default: co_return 0;
    }
}
net::task<int> passes_an_aggregate(gate* at) {
    pair p{witness{1}, "22"};
    auto one = co_await sum_of(at, std::move(p));
    pair q{witness{4}, "55555"};
    auto two = co_await sum_of(at, std::move(q));
    co_return one * 10 + two;
}
net::task<int> calls_a_lambda(gate* at) {
    const witness w{3};
    auto body = [at, w]() -> net::task<int> {
        auto got = co_await witness_of(at, w.value());
        auto more = co_await witness_of(at, 1);
        co_return got.value() + more.value();
    };
    auto sum = co_await body();
    co_return sum;
}
net::task<int> takes_one_of_two(gate* at) {
    int sum = 0;
    for (const bool first : {true, false}) {
        witness chosen{0};
        if (first)
            chosen = co_await witness_of(at, 1);
        else
            chosen = co_await witness_of(at, 10);
        sum += chosen.value();
    }
    co_return sum;
}
net::task<std::string> text_of(gate* at, std::string text) {
    if (at) co_await at->pass();
    co_return text + ", a text that is too long for a string to hold in itself";
}
net::task<int> throws_what_it_awaited(gate* at) {
    auto before = co_await witness_of(at, 1);
    try {
        auto text = co_await text_of(at, "thrown");
        throw std::runtime_error{text};
    } catch (const std::runtime_error& error) {
        co_return std::string{error.what()}.starts_with("thrown, a text") ? before.value() : 0;
    }
}
net::task<int> fills_a_vector(gate* at) {
    auto a = co_await witness_of(at, 1);
    auto b = co_await witness_of(at, 2);
    const std::vector both{a, b};
    co_return both[0].value() * 10 + both[1].value();
}

}  // namespace

TEST_CASE("a condition on what was awaited goes well, as the first page has it") {
    check_every_way(decides, 1);
    check_every_way(decides_in_a_condition, 1);
    check_every_way(repeats, 3);
    check_every_way(chooses, 42);
}
TEST_CASE("a named aggregate as argument goes well, as the first page has it") {
    check_every_way(passes_an_aggregate, 39);
}
TEST_CASE("a named lambda that captures goes well, as the first page has it") { check_every_way(calls_a_lambda, 4); }
TEST_CASE("if and else instead of ?: goes well, as the first page has it") { check_every_way(takes_one_of_two, 11); }
TEST_CASE("to throw what has a name goes well, as the first page has it") {
    check_every_way(throws_what_it_awaited, 1);
}
TEST_CASE("a list of what has names goes well, as the first page has it") { check_every_way(fills_a_vector, 12); }

// ---- frames --------------------------------------------------------------------------------------------

TEST_CASE("AddressSanitizer sees each frame go") {
#if defined(__SANITIZE_ADDRESS__) || defined(__MINGW32__)
    CHECK(!net::detail::keeps_freed_memory);
#elif defined(WITHOUT_MEMORY_TESTS)
    SUCCEED("another sanitizer");
#else
    CHECK(net::detail::keeps_freed_memory);
#endif
}

TEST_CASE("a task whose frame came from another thread is destroyed in this one") {
    net::task<int> made;
    std::thread{[&] { made = number(5); }}.join();
    CHECK(result_of(std::move(made)) == 5);
}

#if !defined(WITHOUT_MEMORY_TESTS) && !defined(__MINGW32__)
TEST_CASE("frames are used again, so that a call allocates nothing") {
    const auto body = [](int calls) -> net::task<int> {
        int sum = 0;
        for (int i = 0; i < calls; ++i) sum += co_await number(1);
        co_return sum;
    };
    CHECK(result_of(body(1)) == 1);
    const long before = allocations;
    CHECK(result_of(body(10'000)) == 10'000);
    CHECK(allocations - before < 100);  // Catch2 has some of its own
}

TEST_CASE("what is kept of frames is limited, and goes with its thread") {
    const std::ptrdiff_t at_first = memory_in_use;
    std::ptrdiff_t kept = 0;
    std::thread{[&] {
        const std::ptrdiff_t before = memory_in_use;
        {
            std::vector<net::task<int>> many;
            for (int i = 0; i < 10'000; ++i) many.push_back(number(i));
        }
        kept = memory_in_use - before;
    }}.join();
    CHECK(kept > 0);
    CHECK(kept <= 256 * 320);
    CHECK(memory_in_use == at_first);
}

TEST_CASE("a frame that goes after the store of its thread has closed goes to the system") {
    const std::ptrdiff_t at_first = memory_in_use;
    std::thread{[] {
        static thread_local std::vector<net::task<int>> late;  // made before the store opens, so destroyed after it
        late.reserve(2);
        { const net::task<int> opens_the_store = number(0); }
        late.push_back(number(1));
        late.push_back(number(2));
    }}.join();
    CHECK(memory_in_use == at_first);
}

#endif

#ifndef WITHOUT_MEMORY_TESTS
namespace {
char* volatile seen_by_all = nullptr;
// Not inlined, or the compiler may put the frame into its caller's.
[[gnu::noinline]] net::task<int> big(witness) {
    std::array<char, 8'192> much{};
    seen_by_all = much.data();  // so that no compiler can do without it
    const int one = co_await number(1);
    co_return one + *seen_by_all;
}
}  // namespace

TEST_CASE("a task for which there is no memory throws bad_alloc where it is called, and keeps nothing") {
    const auto outer = [&]() -> net::task<std::string> {
        witness argument{1};
        std::string result = "it worked";
        try {
            co_await big(std::move(argument));
        } catch (const std::bad_alloc&) {
            result = "no memory";
        }
        co_return result;
    };
    std::string result;
    {
        net::task<std::string> made = outer();
        largest_allocation = 4'096;
        result = result_of(std::move(made));
        largest_allocation = static_cast<std::size_t>(-1);
    }
    CHECK(result == "no memory");
    CHECK(witness::all_gone());
    CHECK(result_of(outer()) == "it worked");
    CHECK(witness::all_gone());
}

#endif

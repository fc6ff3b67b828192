// Rules for every wait. It can be awaited again, or does not compile. It takes part in fairness. A cancellation loses
// nothing that it took. Chains of any length neither begin nor end on the stack.

#include <netnotes/coro.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"

namespace net = netnotes;
using net::task;
using namespace std::chrono_literals;

namespace {

struct pair_of_streams {
    explicit pair_of_streams(net::event_loop& loop) {
        auto [a, b] = net::socket_pair(net::socket_type::stream);
        one = net::async_stream{loop, std::move(a)};
        other = net::async_stream{loop, std::move(b)};
    }
    net::async_stream one, other;
};

/// Lets all others run until each waits.
task<> settle() {
    for (int i = 0; i < 8; ++i) co_await net::yield();
}

// ---- awaited again

template <class T>
concept awaited_as_lvalue = requires(T& what) {
    what.await_ready();
    requires !requires { what.operator co_await(); };
};
task<int> number(int value) { co_return value; }
task<> nothing() { co_return; }

// ---- fairness

constexpr int often = 20'000;
template <class Wait>
task<> again_and_again(Wait& wait) {
    for (int i = 0; i < often; ++i) static_cast<void>(co_await wait());
}
/// How many turns another task has while this one waits so often for what is there.
template <class Wait>
int turns_beside(net::event_loop& loop, Wait wait) {
    int turns = 0;
    const auto counts = [&]() -> task<> {
        for (;; ++turns) co_await net::yield();
    };
    const auto body = [&]() -> task<> {
        auto beside = net::spawn(counts());
        co_await again_and_again(wait);
        beside.cancel();
    };
    loop.run(body());
    return turns;
}

// ---- nothing is lost

task<int> receive_from(net::channel<int>& from) {
    const auto got = co_await from.receive();
    co_return got ? *got : -1;
}
task<int> limited_receive_from(net::channel<int>& from) {
    const int got = co_await net::with_timeout(1h, receive_from(from));
    co_return got;
}
task<int> deep_receive_from(net::channel<int>& from) {
    auto got = co_await net::when_all(limited_receive_from(from), nothing());
    co_return std::get<0>(got);
}
/// Sends into both channels in the same turn, and receives with when_any; gives what has come in order.
template <class Receive>
task<std::vector<int>> race(std::size_t capacity, Receive receive, int count) {
    net::channel<int> a{capacity}, b{capacity};
    const auto sends = [](net::channel<int>& to, int first, int most) -> task<> {
        for (int i = 0; i < most; ++i) co_await to.send(first + i);
        to.close();
    };
    auto one = net::spawn(sends(a, 0, count));
    auto other = net::spawn(sends(b, 1000, count));
    std::vector<int> got;
    for (bool is_open[2] = {true, true}; is_open[0] || is_open[1];) {
        if (is_open[0] && is_open[1]) {
            const auto first = co_await net::when_any(receive(a), receive(b));
            const int value = first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
            if (value < 0)
                is_open[first.index()] = false;
            else
                got.push_back(value);
        } else {
            const int value = co_await receive_from(is_open[0] ? a : b);
            if (value < 0)
                is_open[0] = is_open[1] = false;
            else
                got.push_back(value);
        }
    }
    co_await one.join();
    co_await other.join();
    co_return got;
}
void check_whole(const std::vector<int>& got, int count) {
    std::vector<int> of_a, of_b;
    for (const int each : got) (each < 1000 ? of_a : of_b).push_back(each);
    REQUIRE(of_a.size() == static_cast<std::size_t>(count));
    REQUIRE(of_b.size() == static_cast<std::size_t>(count));
    CHECK(std::is_sorted(of_a.begin(), of_a.end()));
    CHECK(std::is_sorted(of_b.begin(), of_b.end()));
}

// ---- depth

constexpr int deep = 300'000;
task<> spawns_on(net::task_group& group, int left, int& count) {
    ++count;
    if (left > 0) group.spawn(spawns_on(group, left - 1, count));
    co_return;
}
task<int> calls_on(int left) {
    if (left == 0) co_return 0;
    const int below = co_await calls_on(left - 1);
    co_return below + 1;
}
task<int> calls_on_and_waits(int left) {
    if (left == 0) {
        co_await net::yield();
        co_return 0;
    }
    const int below = co_await calls_on_and_waits(left - 1);
    co_return below + 1;
}
task<int> joins_on(int left) {
    if (left == 0) co_return 0;
    auto next = net::spawn(joins_on(left - 1));
    const int below = co_await next.join();
    co_return below + 1;
}
task<int> all_on(int left) {
    if (left == 0) co_return 0;
    auto below = co_await net::when_all(all_on(left - 1));
    co_return std::get<0>(below) + 1;
}
task<> waits_below(int left) {
    if (left == 0) {
        co_await net::sleep_for(net::never);
    } else {
        co_await net::with_timeout(net::never, waits_below(left - 1));
    }
}

}  // namespace

// ---- awaited again -------------------------------------------------------------------------------------

TEST_CASE("what can be awaited once only does not compile when it has a name") {
    net::channel<int> values{1};
    net::join_handle<int> handle;
    const auto body = [](net::task_group&) { return nothing(); };
    STATIC_REQUIRE_FALSE(awaited_as_lvalue<decltype(values.send(1))>);
    STATIC_REQUIRE_FALSE(awaited_as_lvalue<decltype(handle.join())>);
    STATIC_REQUIRE_FALSE(awaited_as_lvalue<decltype(net::when_all(nothing(), number(1)))>);
    STATIC_REQUIRE_FALSE(awaited_as_lvalue<decltype(net::when_any(nothing(), number(1)))>);
    STATIC_REQUIRE_FALSE(awaited_as_lvalue<decltype(net::with_timeout(1s, nothing()))>);
    STATIC_REQUIRE_FALSE(awaited_as_lvalue<decltype(net::with_group(body))>);
    STATIC_REQUIRE_FALSE(awaited_as_lvalue<task<int>>);
    STATIC_REQUIRE(awaited_as_lvalue<decltype(values.receive())>);
    STATIC_REQUIRE(awaited_as_lvalue<decltype(net::yield())>);
}

TEST_CASE("an awaiter that is awaited again waits again") {
    test_loop loop{{.virtual_time = true}};
    const auto body = [&]() -> task<> {
        net::async_event event;
        net::async_semaphore semaphore{1};
        net::channel<int> values{2};
        int events = 0, permits = 0, sum = 0;
        const auto waits = [&]() -> task<> {
            auto wait = event.wait();
            for (; events < 3; ++events) {
                co_await wait;
                event.reset();
            }
            auto acquire = semaphore.acquire();
            for (; permits < 3; ++permits) {
                const auto permit = co_await acquire;
                co_await net::yield();
            }
            auto receive = values.receive();
            for (int i = 0; i < 3; ++i) {
                const auto got = co_await receive;
                sum += got.value_or(100);
            }
        };
        auto also = event.wait();
        auto other = net::spawn(waits());
        for (int i = 0; i < 3; ++i) {
            co_await net::sleep_for(1s);
            event.set();
            co_await also;
            event.set();
        }
        for (int i = 1; i <= 3; ++i) co_await values.send(i);
        co_await other.join();
        CHECK(events == 3);
        CHECK(permits == 3);
        CHECK(sum == 6);
        const auto before = loop.now();
        auto sleep = net::sleep_for(1s);
        for (int i = 0; i < 3; ++i) co_await sleep;
        CHECK(loop.now() - before == 3s);
    };
    loop.run(body());
}

TEST_CASE("a call on a socket that has timed out can be awaited again, and goes on where it was") {
    test_loop loop{{.virtual_time = true}};
    const auto body = [&]() -> task<> {
        pair_of_streams ends{loop};
        ends.one.set_timeout(1s);
        std::array<char, 4> room{}, four{};
        auto receive = ends.one.recv(room);
        auto exactly = ends.one.recv_exact(four);
        for (int round = 0; round < 3; ++round) {
            int late = 0;
            for (int i = 0; i < 2; ++i) try {
                    co_await receive;
                } catch (const std::system_error& error) {
                    late += error.code() == std::errc::timed_out;
                }
            CHECK(late == 2);
            co_await ends.other.send_all("abc");
            const std::size_t size = co_await receive;
            CHECK(std::string_view{room.data(), size} == "abc");

            co_await ends.other.send_all("wx");
            late = 0;
            try {
                co_await exactly;
            } catch (const std::system_error& error) {
                late += error.code() == std::errc::timed_out;
            }
            CHECK(late == 1);
            co_await ends.other.send_all("yz");
            const std::size_t all = co_await exactly;
            CHECK(std::string_view{four.data(), all} == "wxyz");
        }
        auto sends = ends.other.send_all("again ");
        for (int i = 0; i < 3; ++i) co_await sends;
        std::array<char, 18> thrice{};
        co_await ends.one.recv_exact(thrice);
        CHECK(std::string_view{thrice.data(), thrice.size()} == "again again again ");
    };
    loop.run(body());
}

TEST_CASE("recv_exact with a count loses nothing when it is cancelled in the middle, or when its result is dropped") {
    test_loop loop{{.virtual_time = true}};
    const auto body = [&]() -> task<> {
        pair_of_streams ends{loop};
        std::array<char, 6> room{};
        std::size_t filled = 0;
        const auto read = [&]() -> task<std::size_t> {
            const std::size_t size = co_await ends.one.recv_exact(room, filled);
            co_return size;
        };
        const auto takes_turns = [&]() -> task<int> {
            for (int i = 0; i < 200; ++i) co_await net::yield();  // the loop looks at its sockets now and then
            co_return 1;
        };
        const auto read_for_a_second = [&]() -> task<bool> {
            try {
                co_await net::with_timeout(1s, read());
            } catch (const std::system_error& error) {
                CHECK(error.code() == std::errc::timed_out);
                co_return false;
            }
            co_return true;
        };
        co_await ends.other.send_all("ab");
        bool is_whole = co_await read_for_a_second();
        CHECK(!is_whole);
        CHECK(filled == 2);
        co_await ends.other.send_all("cd");
        static_cast<void>(co_await net::when_any(read(), takes_turns()));
        CHECK(filled == 4);
        co_await ends.other.send_all("efgh");
        is_whole = co_await read_for_a_second();
        CHECK(is_whole);
        CHECK(filled == 6);
        CHECK(std::string_view{room.data(), room.size()} == "abcdef");

        // Nobody has set the count back: what was read is still what is given.
        const std::size_t again = co_await read();
        CHECK(again == 6);
        CHECK(std::string_view{room.data(), room.size()} == "abcdef");
        filled = 0;
        ends.other.close();
        bool is_protocol_error = false;
        try {
            co_await read();
        } catch (const std::system_error& error) {
            is_protocol_error = error.code() == std::errc::protocol_error;
        }
        CHECK(is_protocol_error);
        CHECK(filled == 2);
        CHECK(std::string_view{room.data(), 2} == "gh");
        filled = 0;
        const std::size_t end = co_await read();
        CHECK(end == 0);
    };
    loop.run(body());
}

TEST_CASE("bytes that were lent are sent whole by an awaiter that has timed out in the middle and is awaited again") {
    test_loop loop{{.virtual_time = true}};
    const auto body = [&]() -> task<> {
        pair_of_streams in{loop}, out{loop};
        out.one.set_timeout(1s);
        const std::string flood(4 << 20, 'f');
        std::size_t expected = 0, got = 0;
        try {  // until the kernel takes no more
            co_await out.one.send_all(flood);
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::timed_out);
        }
        co_await in.one.send_all("twelve bytes");
        const auto lent = co_await in.other.recv();
        auto sends = out.one.send_all(lent);
        int late = 0;
        try {
            co_await sends;
        } catch (const std::system_error& error) {
            late += error.code() == std::errc::timed_out;
        }
        CHECK(late == 1);
        std::string tail;
        out.other.set_timeout(1s);
        const auto drains = [&](std::size_t& size) -> task<> {
            try {
                for (;;) {
                    const auto bytes = co_await out.other.recv();
                    size += bytes.size();
                    tail = (tail + std::string{net::as_text(bytes)});
                    if (tail.size() > 12) tail.erase(0, tail.size() - 12);
                }
            } catch (const std::system_error&) {
            }
        };
        auto drain = net::spawn(drains(got));
        co_await sends;
        expected = 12;
        co_await drain.join();
        CHECK(got > expected);
        CHECK(tail == "twelve bytes");
    };
    loop.run(body());
}

// ---- fairness ------------------------------------------------------------------------------------------

TEST_CASE("a task that waits for what is always there leaves the others their turns, whatever it waits for") {
    test_loop loop{{.virtual_time = true}};
    net::channel<int> values{4};
    net::async_event event;
    event.set();
    net::async_semaphore permits{3};
    net::async_mutex mutex;
    pair_of_streams ends{loop};
    std::array<char, 4> none{};
    const int least = often / 200;
    CHECK(turns_beside(loop, [&]() -> task<> {
              co_await values.send(1);
              co_await values.receive();
          }) > least);
    CHECK(turns_beside(loop, [&] { return event.wait(); }) > least);
    CHECK(turns_beside(loop, [&] { return permits.acquire(); }) > least);
    CHECK(turns_beside(loop, [&] { return mutex.lock(); }) > least);
    CHECK(turns_beside(loop, [&] { return net::when_all(nothing(), number(1)); }) > least);
    CHECK(turns_beside(loop, [&] { return net::when_any(number(2), nothing()); }) > least);
    CHECK(turns_beside(loop, [&] { return net::with_timeout(1h, nothing()); }) > least);
    CHECK(turns_beside(loop, [&] { return net::with_group([](net::task_group&) { return nothing(); }); }) > least);
    CHECK(turns_beside(loop, [&] { return ends.one.recv(std::span{none}.first(0)); }) > least);
    CHECK(turns_beside(loop, [&] { return ends.one.send_all(""); }) > least);
    CHECK(turns_beside(loop, [&]() -> task<> {
              auto ended = net::spawn(number(1));
              co_await ended.join();
          }) > least);
    values.close();
    CHECK(turns_beside(loop, [&] { return values.receive(); }) > least);
}

TEST_CASE("lines that lie in the buffer leave the others their turns") {
    test_loop loop{{.virtual_time = true}};
    pair_of_streams ends{loop};
    net::async_buffered_stream lines{std::move(ends.one), 1 << 20};
    int turns = 0, read = 0;
    const auto counts = [&]() -> task<> {
        for (;; ++turns) co_await net::yield();
    };
    const auto body = [&]() -> task<> {
        const std::string all(30'000, '\n');
        co_await ends.other.send_all(all);
        auto first = co_await lines.recv_line();
        CHECK(first.has_value());
        auto beside = net::spawn(counts());
        for (read = 1; read < 30'000; ++read) {
            const auto line = co_await lines.recv_line();
            if (!line) break;
            co_await lines.write("");
        }
        beside.cancel();
    };
    loop.run(body());
    CHECK(read == 30'000);
    CHECK(turns > 200);
}

TEST_CASE("a task that swallows its cancellation again and again leaves the others their turns") {
    test_loop loop{{.virtual_time = true}};
    int swallowed = 0;
    const auto stubborn = [&]() -> task<> {
        while (swallowed < often) try {
                co_await net::sleep_for(1h);
            } catch (const net::cancelled&) {
                ++swallowed;
            }
    };
    int turns = 0;
    const auto body = [&]() -> task<> {
        auto other = net::spawn(stubborn());
        co_await net::yield();
        other.cancel();
        for (; !other.has_ended(); ++turns) co_await net::yield();
        co_await other.join();
    };
    loop.run(body());
    CHECK(swallowed == often);
    CHECK(turns > often / 200);
}

TEST_CASE("a handler that logs every std::exception and goes on does not keep a cancelled task") {
    test_loop loop{{.virtual_time = true}};
    int logged = 0;
    const auto body = [&]() -> task<> {
        net::channel<int> jobs{1};
        const auto works = [&]() -> task<> {
            for (;;) try {
                    co_await jobs.receive();
                } catch (const std::exception&) {
                    ++logged;
                }
        };
        auto worker = net::spawn(works());
        co_await settle();
        worker.cancel();
        co_await settle();
        CHECK(worker.has_ended());
        std::error_code error;
        try {  // to a task that was not cancelled itself it is an error
            co_await worker.join();
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        CHECK(error == std::errc::operation_canceled);
    };
    loop.run(body());
    CHECK(logged == 0);
}

// ---- nothing is lost -----------------------------------------------------------------------------------

TEST_CASE("when_any loses no value, however deep the receivers lie, and keeps the order") {
    for (const std::size_t capacity : {0u, 1u, 3u}) {
        test_loop loop{{.virtual_time = true}};
        constexpr int count = 100;
        check_whole(loop.run(race(capacity, receive_from, count)), count);
        check_whole(loop.run(race(capacity, limited_receive_from, count)), count);
        check_whole(loop.run(race(capacity, deep_receive_from, count)), count);
    }
}

TEST_CASE("a permit, a signal and the result of a task go back when their task has lost in when_any") {
    test_loop loop{{.virtual_time = true}};
    const auto body = [&]() -> task<> {
        net::async_semaphore one{1}, other{1};
        net::remote_event word;
        const auto acquires = [](net::async_semaphore& from) -> task<> { const auto permit = co_await from.acquire(); };
        const auto hears = [](net::remote_event& from) -> task<int> {
            co_await from.wait();
            co_return 1;
        };
        const auto joins = [](net::join_handle<int>& from) -> task<int> {
            const int value = co_await from.join();
            co_return value;
        };
        const auto sleeps_and_gives = [](int value) -> task<int> {
            co_await net::sleep_for(1s);
            co_return value;
        };
        for (int i = 0; i < 10; ++i) {
            auto first = std::make_unique<net::async_semaphore::permit>(one.try_acquire());
            auto second = std::make_unique<net::async_semaphore::permit>(other.try_acquire());
            const auto gives_back = [&]() -> task<> {
                co_await net::yield();
                first.reset();
                second.reset();
            };
            auto later = net::spawn(gives_back());
            co_await net::when_any(acquires(one), acquires(other));
            co_await later.join();
            CHECK(one.available() == 1);
            CHECK(other.available() == 1);
        }
        auto a = net::spawn(sleeps_and_gives(1)), b = net::spawn(sleeps_and_gives(2));
        const auto won = co_await net::when_any(joins(a), joins(b));
        CHECK(won.index() == 0);
        const int left = co_await b.join();
        CHECK(left == 2);

        net::async_event now;
        const auto waits = [](net::async_event& what) -> task<> { co_await what.wait(); };
        const auto both = [&]() -> task<> {
            co_await net::when_any(waits(now), hears(word));
        };
        auto race_of_both = net::spawn(both());
        co_await settle();
        now.set();
        word.set();
        co_await race_of_both.join();
        const int heard = co_await net::with_timeout(1s, hears(word));
        CHECK(heard == 1);
    };
    loop.run(body());
}

TEST_CASE("a value that goes back goes to the next who waits, and outlives a closed channel") {
    test_loop loop{{.virtual_time = true}};
    const auto body = [&]() -> task<> {
        net::channel<int> a{0}, b{0};
        const auto races = [&]() -> task<> { co_await net::when_any(receive_from(a), receive_from(b)); };
        auto racing = net::spawn(races());
        co_await settle();
        auto next = net::spawn(receive_from(b));
        co_await settle();
        co_await a.send(1);
        co_await b.send(2);
        b.close();
        co_await racing.join();
        const int got = co_await next.join();
        CHECK(got == 2);
        const int end = co_await receive_from(b);
        CHECK(end == -1);
    };
    loop.run(body());
}

TEST_CASE("a task that has lost takes no message out of a buffer, though its last wait had ended before") {
    test_loop loop{{.virtual_time = true}};
    pair_of_streams streams{loop};
    net::async_buffered_stream reader{std::move(streams.one)};
    const auto line = [&]() -> task<std::string> {
        const auto got = co_await reader.recv_line();
        co_return std::string{got ? *got : "end"};
    };
    const auto two_bytes = [&]() -> task<std::string> {
        std::string room(2, ' ');
        co_await reader.recv_exact(std::as_writable_bytes(std::span{room}));
        co_return room;
    };
    const auto some_bytes = [&]() -> task<std::string> {
        std::string room(2, ' ');
        co_await reader.recv(std::as_writable_bytes(std::span{room}));
        co_return room;
    };
    const auto skipped = [&]() -> task<std::string> {
        co_await reader.skip_until("\n");
        co_return "skipped";
    };
    const auto body = [&]() -> task<> {
        co_await streams.other.send_all("0\n1\n2\n");
        const std::string first = co_await line();  // the other lines lie in the buffer now
        CHECK(first == "0");
        const std::vector<std::function<task<std::string>()>> ways{line, two_bytes, some_bytes, skipped};
        for (const auto& way : ways) {
            net::async_event now;
            const auto quick = [&]() -> task<> { co_await now.wait(); };
            const auto slow = [&]() -> task<std::string> {
                co_await now.wait();  // ends at the same turn as that of `quick`, and can be cancelled no more
                co_return co_await way();
            };
            const auto races = [&]() -> task<> { co_await net::when_any(quick(), slow()); };
            auto racing = net::spawn(races());
            co_await settle();
            now.set();
            co_await racing.join();
            CHECK(reader.buffered() == "1\n2\n");
        }
        const std::string second = co_await line();
        CHECK(second == "1");
    };
    loop.run(body());
}

TEST_CASE("a value that is reserved in a shield goes back when its task has lost and the bound of the shield passes") {
    test_loop loop;
    const auto body = [&]() -> task<> {
        net::channel<int> values{1};
        net::async_event now;
        const auto quick = [&]() -> task<> { co_await now.wait(); };
        const auto slow = [&]() -> task<int> {
            const int value = co_await net::shield(10ms, receive_from(values));
            co_return value;
        };
        net::async_event is_sent;
        const auto sends_and_is_slow = [&]() -> task<> {
            now.set();
            co_await settle();  // the shield has heard of its bound
            // The loop makes posted calls, then looks at its timers, and then resumes the receiver. If the machine has used
            // up the bound before, there is no receiver, and the value stays in the channel.
            net::event_loop::current().post([&] {
                CHECK(values.try_send(42));
                const auto end = net::clock::now() + 20ms;
                while (net::clock::now() < end) std::this_thread::yield();
                is_sent.set();
            });
            co_await is_sent.wait();
        };
        auto sending = net::spawn(sends_and_is_slow());
        co_await net::when_any(quick(), slow());
        co_await sending.join();
        CHECK(values.try_receive() == 42);
    };
    loop.run(body());
}

// ---- depth ---------------------------------------------------------------------------------------------

TEST_CASE("chains of any length begin, end and are cancelled without nesting on the stack") {
    test_loop loop{{.virtual_time = true}};
    int count = 0;
    const auto spawning = [&]() -> task<> {
        const auto body = [&](net::task_group& group) { return spawns_on(group, deep, count); };
        co_await net::with_group(body);
    };
    loop.run(spawning());
    CHECK(count == deep + 1);
    CHECK(loop.run(calls_on(deep)) == deep);
    CHECK(loop.run(calls_on_and_waits(deep)) == deep);
    CHECK(loop.run(joins_on(deep)) == deep);
    CHECK(loop.run(all_on(deep)) == deep);
    const auto cancels = [&]() -> task<> {
        auto waiting = net::spawn(waits_below(deep));
        co_await net::sleep_for(1s);
        waiting.cancel();
    };
    loop.run(cancels());
}

// ---- the end of a loop ---------------------------------------------------------------------------------

TEST_CASE("what is posted may end the loop before post() returns") {
    for (int i = 0; i < 300; ++i) {
        std::thread poster;
        {
            auto loop = std::make_unique<test_loop>();
            net::async_event end;
            const auto waits = [&]() -> task<> { co_await end.wait(); };
            poster = std::thread{[&, to = loop.get()] { to->post([&] { end.set(); }); }};
            loop->run(waits());
            loop.reset();
        }
        poster.join();
    }
}

TEST_CASE("a remote event may go as soon as its task has heard of it") {
    for (int i = 0; i < 300; ++i) {
        std::thread setter;
        {
            test_loop loop;
            const auto waits = [&]() -> task<> {
                auto event = std::make_unique<net::remote_event>();
                setter = std::thread{[to = event.get()] { to->set(); }};
                co_await event->wait();
                event.reset();
            };
            loop.run(waits());
        }
        setter.join();
    }
}

TEST_CASE("a loop of io_uring refuses a second thread before anything has begun") {
    net::event_loop loop{{.backend = net::io_backend::io_uring}};
    if (loop.backend() != net::io_backend::io_uring) NETNOTES_SKIP("the kernel has no io_uring for us");
    loop.run(nothing());
    bool has_begun = false;
    int refusals = 0;
    net::stop_event stop;
    const auto begins = [](bool& flag) -> task<> {
        flag = true;
        co_await net::sleep_for(1ms);
    };
    std::thread{[&] {
        for (int i = 0; i < 2; ++i) try {
                if (i == 0) loop.run(begins(has_begun));
                if (i == 1) loop.run(begins(has_begun), stop);
            } catch (const std::logic_error&) {
                ++refusals;
            }
    }}.join();
    CHECK(refusals == 2);
    CHECK(loop.size() == 0);
    loop.run(nothing());
    CHECK_FALSE(has_begun);
}

// ---- Awaiters that are kept outside of their coroutine ---------------------------------------------------

namespace {
/// Converts to what a function returns, so that std::optional can hold an awaiter, which does not move.
template <class Function>
struct made_by {
    explicit made_by(Function what) : function{what} {}
    operator std::invoke_result_t<const Function&>() const { return function(); }
    Function function;
};
}  // namespace

TEST_CASE("an awaiter may be destroyed after its task has ended, been cancelled or been destroyed") {
    for (const int what : {0, 1, 2}) {
        test_loop loop;
        net::async_event event;
        net::async_semaphore semaphore{0};
        net::channel<int> channel{0};
        std::optional<decltype(net::sleep_for(1h))> sleep;
        std::optional<decltype(event.wait())> wait;
        std::optional<decltype(semaphore.acquire())> acquire;
        std::optional<decltype(channel.receive())> receive;
        const auto await = [](auto& awaiter) -> net::task<> { static_cast<void>(co_await awaiter); };
        sleep.emplace(made_by{[&] { return net::sleep_for(what == 0 ? net::duration{1ms} : net::duration{1h}); }});
        wait.emplace(made_by{[&] { return event.wait(); }});
        acquire.emplace(made_by{[&] { return semaphore.acquire(); }});
        receive.emplace(made_by{[&] { return channel.receive(); }});
        const auto main = [&](int how) -> net::task<> {
            net::spawn(await(*sleep));
            net::spawn(await(*wait));
            net::spawn(await(*acquire));
            net::spawn(await(*receive));
            co_await net::sleep_for(how == 0 ? 10ms : 1ms);
            if (how != 0) co_return;  // run() cancels them
            event.set();
            channel.close();
        };
        if (what < 2)
            loop.run(main(what));
        else {  // they are destroyed with the loop, where they wait
            const auto fails = [&]() -> net::task<> {
                co_await main(1);
                throw std::runtime_error{"the run ends"};
            };
            CHECK_THROWS(loop.run(fails()));
        }
    }  // the awaiters go after the tasks, and before the loop
}

TEST_CASE("an awaiter that outlives its loop leaves nothing behind") {
    net::async_event event;
    auto wait = event.wait();
    {
        test_loop loop;
        const auto await = [](auto& awaiter) -> net::task<> { co_await awaiter; };
        auto handle = loop.spawn(await(wait));
        const auto main = []() -> net::task<> { co_await net::yield(); };
        loop.run(main());
    }
    event.set();
    CHECK(event.is_set());
}

// Tasks that wait for one another: which task is resumed first, that a cancelled wait leaves nothing behind, and what
// is never lost.

#include <netnotes/coro/group.hpp>
#include <netnotes/coro/sync.hpp>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using net::task;

namespace {

/// Runs the task that `body` gives, in a loop of its own whose time is virtual.
template <class Body>
void in_a_loop(Body body) {
    test_loop loop{{.virtual_time = true}};
    loop.run(body());
    CHECK(loop.size() == 0);
}

/// Lets all others run until each waits.
task<> settle() {
    for (int i = 0; i < 8; ++i) co_await net::yield();
}

bool is_cancellation(const std::error_code& code) { return code == std::errc::operation_canceled; }

/// Joins, and gives the error that came out.
template <class T>
task<std::error_code> error_of(net::join_handle<T>& handle) {
    try {
        co_await handle.join();
    } catch (const std::system_error& error) {
        co_return error.code();
    }
    co_return std::error_code{};
}
template <class T>
task<std::string> refusal_of(net::join_handle<T>& handle) {
    try {
        co_await handle.join();
    } catch (const std::logic_error& error) {
        co_return error.what();
    }
    co_return std::string{};
}

task<> note_after(net::async_event& event, std::vector<int>& order, int number) {
    co_await event.wait();
    order.push_back(number);
}
task<> note_with_permit(net::async_semaphore& semaphore, std::vector<int>& order, int number, net::duration time) {
    const auto permit = co_await semaphore.acquire();
    order.push_back(number);
    co_await net::sleep_for(time);
}
task<> send_one(net::channel<int>& channel, int value) { co_await channel.send(value); }
task<std::optional<int>> receive_one(net::channel<int>& channel) {
    auto value = co_await channel.receive();
    co_return value;
}

}  // namespace

// ---- the event -----------------------------------------------------------------------------------------

TEST_CASE("an event resumes all tasks that wait for it, the longest wait first, and a later task does not wait") {
    in_a_loop([]() -> task<> {
        net::async_event event;
        std::vector<int> order;
        std::vector<net::join_handle<>> tasks;
        for (int i = 0; i < 4; ++i) tasks.push_back(net::spawn(note_after(event, order, i)));
        co_await settle();
        CHECK(order.empty());
        CHECK_FALSE(event.is_set());
        event.set();
        CHECK(order.empty());  // not inside the call
        for (auto& each : tasks) co_await each.join();
        CHECK(order == std::vector{0, 1, 2, 3});
        co_await note_after(event, order, 4);
        CHECK(order.back() == 4);
    });
}

TEST_CASE("after reset() tasks wait for an event again, and a task that was resumed before stays so") {
    in_a_loop([]() -> task<> {
        net::async_event event;
        std::vector<int> order;
        auto first = net::spawn(note_after(event, order, 1));
        co_await settle();
        event.set();
        event.reset();
        auto second = net::spawn(note_after(event, order, 2));
        co_await settle();
        CHECK(order == std::vector{1});
        CHECK_FALSE(second.has_ended());
        event.set();
        co_await first.join();
        co_await second.join();
        CHECK(order == std::vector{1, 2});
    });
}

TEST_CASE("a cancelled wait for an event ends, and the others wait on, whichever of them it was") {
    for (int gone = 0; gone < 3; ++gone)
        in_a_loop([gone]() -> task<> {
            net::async_event event;
            std::vector<int> order, expected{0, 1, 2};
            std::vector<net::join_handle<>> tasks;
            for (int i = 0; i < 3; ++i) tasks.push_back(net::spawn(note_after(event, order, i)));
            co_await settle();
            tasks[static_cast<std::size_t>(gone)].cancel();
            const auto error = co_await error_of(tasks[static_cast<std::size_t>(gone)]);
            CHECK(is_cancellation(error));
            CHECK(order.empty());
            event.set();
            co_await settle();
            expected.erase(expected.begin() + gone);
            CHECK(order == expected);
        });
}

TEST_CASE("cancelling a task that was resumed already comes too late for this wait") {
    in_a_loop([]() -> task<> {
        net::async_event event;
        std::vector<int> order;
        auto waits = net::spawn(note_after(event, order, 1));
        co_await settle();
        event.set();
        waits.cancel();
        co_await waits.join();
        CHECK(order == std::vector{1});
    });
}

// ---- semaphore and mutex -------------------------------------------------------------------------------

TEST_CASE("a semaphore gives `count` permits at once, in the order of the requests") {
    in_a_loop([]() -> task<> {
        net::async_semaphore semaphore{2};
        std::vector<int> order;
        const auto begin = net::event_loop::current().now();
        std::vector<net::join_handle<>> tasks;
        for (int i = 0; i < 6; ++i) tasks.push_back(net::spawn(note_with_permit(semaphore, order, i, 1s)));
        co_await settle();
        CHECK(order == std::vector{0, 1});
        CHECK(semaphore.available() == 0);
        CHECK_FALSE(semaphore.try_acquire());
        for (auto& each : tasks) co_await each.join();
        CHECK(order == std::vector{0, 1, 2, 3, 4, 5});
        CHECK(net::event_loop::current().now() - begin == 3s);
        CHECK(semaphore.available() == 2);
    });
}

TEST_CASE("a permit goes from hand to hand: who tries in between does not get it") {
    in_a_loop([]() -> task<> {
        net::async_semaphore semaphore{1};
        std::vector<int> order;
        auto mine = semaphore.try_acquire();
        REQUIRE(mine);
        auto waits = net::spawn(note_with_permit(semaphore, order, 1, 0s));
        co_await settle();
        mine = {};
        CHECK(semaphore.available() == 0);
        CHECK_FALSE(semaphore.try_acquire());
        co_await waits.join();
        CHECK(semaphore.available() == 1);
    });
}

TEST_CASE("permits move and are given back once, and a moved-from permit is empty") {
    net::async_semaphore semaphore{3};
    auto a = semaphore.try_acquire();
    auto b = semaphore.try_acquire();
    CHECK(semaphore.available() == 1);
    auto c = std::move(a);
    CHECK_FALSE(a);
    CHECK(c);
    c = std::move(b);  // gives back the one it had
    CHECK(semaphore.available() == 2);
    c.swap(a);
    CHECK(a);
    CHECK_FALSE(c);
    a = {};
    CHECK(semaphore.available() == 3);
}

TEST_CASE("no permit is lost, whichever task is cancelled at any moment") {
    std::mt19937 random{7};
    for (int round = 0; round < 60; ++round) {
        const auto seed = static_cast<unsigned>(random());
        CAPTURE(seed);
        in_a_loop([seed]() -> task<> {
            std::mt19937 dice{seed};
            net::async_semaphore semaphore{3};
            std::vector<int> order;
            std::vector<net::join_handle<>> tasks;
            for (int i = 0; i < 20; ++i)
                tasks.push_back(
                    net::spawn(note_with_permit(semaphore, order, i, std::chrono::milliseconds{dice() % 4})));
            for (int step = 0; step < 30; ++step) {
                tasks[dice() % tasks.size()].cancel();
                if (dice() % 2) tasks[dice() % tasks.size()].cancel();  // in the same turn, too
                if (dice() % 3)
                    co_await net::yield();
                else
                    co_await net::sleep_for(1ms);
            }
            for (auto& each : tasks) co_await error_of(each);
            CHECK(semaphore.available() == 3);
            CHECK(std::is_sorted(order.begin(), order.end()));
        });
    }
}

TEST_CASE("a task that gets a permit and is cancelled in the same turn has the permit, and gives it back") {
    in_a_loop([]() -> task<> {
        net::async_semaphore semaphore{1};
        std::vector<int> order;
        auto mine = semaphore.try_acquire();
        auto waits = net::spawn(note_with_permit(semaphore, order, 1, 1h));
        auto next = net::spawn(note_with_permit(semaphore, order, 2, 0s));
        co_await settle();
        mine = {};
        waits.cancel();
        const auto error = co_await error_of(waits);  // by the sleep
        CHECK(is_cancellation(error));
        co_await next.join();
        CHECK(order == std::vector{1, 2});
        CHECK(semaphore.available() == 1);
    });
}

TEST_CASE("a mutex keeps others out across a wait, also when its holder is cancelled") {
    in_a_loop([]() -> task<> {
        net::async_mutex mutex;
        int inside = 0, most = 0, done = 0;
        const auto critical = [&]() -> task<> {
            const auto lock = co_await mutex.lock();
            struct visit {
                int& count;
                ~visit() { --count; }
            } here{inside};
            most = std::max(most, ++inside);
            co_await net::sleep_for(1ms);
            co_await net::yield();
            ++done;
        };
        std::vector<net::join_handle<>> tasks;
        for (int i = 0; i < 10; ++i) tasks.push_back(net::spawn(critical()));
        co_await net::sleep_for(2500us);
        tasks[2].cancel();  // the holder
        tasks[5].cancel();  // a waiting task
        for (auto& each : tasks) co_await error_of(each);
        CHECK(most == 1);
        CHECK(inside == 0);
        CHECK(done == 8);
        CHECK(mutex.try_lock());
    });
}

// ---- the channel ---------------------------------------------------------------------------------------

TEST_CASE("a full channel makes the sender of a further value wait, and with capacity 0 each sender") {
    for (const std::size_t capacity : {0u, 1u, 3u}) {
        CAPTURE(capacity);
        in_a_loop([capacity]() -> task<> {
            net::channel<int> channel{capacity};
            std::vector<net::join_handle<>> senders;
            for (int i = 0; i < 6; ++i) senders.push_back(net::spawn(send_one(channel, i)));
            co_await settle();
            const auto ended = [&] {
                return static_cast<std::size_t>(
                    std::count_if(senders.begin(), senders.end(), [](auto& each) { return each.has_ended(); }));
            };
            CHECK(channel.size() == capacity);
            CHECK(ended() == capacity);
            for (int i = 0; i < 6; ++i) {
                const auto value = co_await channel.receive();
                CHECK(value == i);
                co_await settle();
                CHECK(ended() == std::min<std::size_t>(capacity + static_cast<std::size_t>(i) + 1, 6));
            }
            CHECK(channel.size() == 0);
        });
    }
}

TEST_CASE("a value goes to the task that has waited longest, without being kept") {
    for (const std::size_t capacity : {0u, 1u}) {
        in_a_loop([capacity]() -> task<> {
            net::channel<int> channel{capacity};
            auto first = net::spawn(receive_one(channel));
            auto second = net::spawn(receive_one(channel));
            co_await settle();
            co_await channel.send(1);
            co_await channel.send(2);
            CHECK(channel.size() == 0);
            const auto a = co_await first.join();
            const auto b = co_await second.join();
            CHECK(a == 1);
            CHECK(b == 2);
        });
    }
}

TEST_CASE("with several senders and receivers each value arrives once, in the order of its sender") {
    std::mt19937 random{11};
    for (const std::size_t capacity : {0u, 1u, 2u, 7u})
        for (int round = 0; round < 8; ++round) {
            const auto seed = static_cast<unsigned>(random());
            CAPTURE(capacity, seed);
            in_a_loop([capacity, seed]() -> task<> {
                std::mt19937 dice{seed};
                net::channel<int> channel{capacity};
                std::vector<int> all;
                std::size_t still_sending = 3;
                const auto pause = [&]() -> task<> {
                    const auto kind = dice() % 4;
                    if (kind == 0) co_await net::yield();
                    if (kind == 1) co_await net::sleep_for(std::chrono::milliseconds{dice() % 3});
                };
                const auto sender = [&](int number) -> task<> {
                    for (int i = 0; i < 30; ++i) {
                        co_await channel.send(number * 1000 + i);
                        co_await pause();
                    }
                    if (--still_sending == 0) channel.close();
                };
                const auto receiver = [&]() -> task<> {
                    int last[3] = {-1, -1, -1};
                    for (;;) {
                        const auto value = co_await channel.receive();
                        if (!value) break;
                        int& before = last[*value / 1000];
                        CHECK(*value % 1000 > before);
                        before = *value % 1000;
                        all.push_back(*value);
                        CHECK(channel.size() <= std::max<std::size_t>(capacity, 0));
                        co_await pause();
                    }
                };
                const auto body = [&](net::task_group& group) -> task<> {
                    for (int i = 0; i < 3; ++i) group.spawn(sender(i));
                    for (int i = 0; i < 3; ++i) group.spawn(receiver());
                    co_return;
                };
                co_await net::with_group(body);
                std::sort(all.begin(), all.end());
                REQUIRE(all.size() == 90);
                for (int i = 0; i < 90; ++i) CHECK(all[static_cast<std::size_t>(i)] == i / 30 * 1000 + i % 30);
            });
        }
}

TEST_CASE("try_send() and try_receive() do not wait, and say whether there was room or a value") {
    in_a_loop([]() -> task<> {
        net::channel<std::unique_ptr<int>> c{2};
        CHECK(c.capacity() == 2);
        CHECK_FALSE(c.try_receive());
        CHECK(c.try_send(std::make_unique<int>(1)));
        CHECK(c.try_send(std::make_unique<int>(2)));
        auto three = std::make_unique<int>(3);
        CHECK_FALSE(c.try_send(std::move(three)));
        CHECK(three);  // it was not moved
        CHECK(c.size() == 2);
        const auto send = [](net::channel<std::unique_ptr<int>>& to, int value) -> task<> {
            co_await to.send(std::make_unique<int>(value));
        };
        auto sender = net::spawn(send(c, 4));
        co_await settle();
        CHECK_FALSE(c.try_send(std::move(three)));  // the waiting sender comes first
        for (const int expected : {1, 2, 4}) {
            const auto value = c.try_receive();
            REQUIRE(value);
            CHECK(**value == expected);
        }
        co_await sender.join();
        CHECK_FALSE(c.try_receive());
        c.close();
        CHECK_THROWS_AS(c.try_send(std::move(three)), std::logic_error);
        CHECK(three);
        CHECK_FALSE(c.try_receive());

        net::channel<int> none{0};  // only a receiver that waits makes room
        CHECK(none.capacity() == 0);
        CHECK_FALSE(none.try_send(1));
        const auto receive = [](net::channel<int>& from) -> task<int> {
            const auto value = co_await from.receive();
            co_return value.value_or(-1);
        };
        auto receiver = net::spawn(receive(none));
        co_await settle();
        CHECK(none.try_send(5));
        CHECK_FALSE(none.try_send(6));
        CHECK_FALSE(none.try_receive());  // the value is reserved
        const int five = co_await receiver.join();
        CHECK(five == 5);
        auto other = net::spawn([&send_to = none]() -> task<> { co_await send_to.send(7); });
        co_await settle();
        const auto seven = none.try_receive();
        CHECK(seven == 7);
        co_await other.join();
    });
}

TEST_CASE("after close() receivers get the kept values and then nothing, and all senders are refused") {
    in_a_loop([]() -> task<> {
        net::channel<int> channel{2};
        co_await channel.send(1);
        co_await channel.send(2);
        auto waits = net::spawn(send_one(channel, 3));
        co_await settle();
        CHECK_FALSE(channel.is_closed());
        channel.close();
        channel.close();  // again, without effect
        CHECK(channel.is_closed());
        const auto refused = co_await refusal_of(waits);
        CHECK(refused == "channel::send: the channel is closed");
        auto late = net::spawn(send_one(channel, 4));
        const auto also_refused = co_await refusal_of(late);
        CHECK(also_refused == "channel::send: the channel is closed");
        const auto one = co_await channel.receive();
        const auto two = co_await channel.receive();
        const auto none = co_await channel.receive();
        const auto still_none = co_await channel.receive();
        CHECK(one == 1);
        CHECK(two == 2);
        CHECK_FALSE(none);
        CHECK_FALSE(still_none);
    });
}

TEST_CASE("close() ends the tasks that wait for a value") {
    in_a_loop([]() -> task<> {
        net::channel<int> channel{1};
        auto first = net::spawn(receive_one(channel));
        auto second = net::spawn(receive_one(channel));
        co_await settle();
        channel.close();
        const auto a = co_await first.join();
        const auto b = co_await second.join();
        CHECK_FALSE(a);
        CHECK_FALSE(b);
    });
}

TEST_CASE("a cancelled receiver takes no value with it, and a cancelled sender leaves none") {
    for (const std::size_t capacity : {0u, 1u}) {
        in_a_loop([capacity]() -> task<> {
            net::channel<int> channel{capacity};
            auto receiver = net::spawn(receive_one(channel));
            co_await settle();
            receiver.cancel();
            const auto error = co_await error_of(receiver);
            CHECK(is_cancellation(error));
            if (capacity == 1) co_await channel.send(1);
            auto sender = net::spawn(send_one(channel, 2));
            auto next = net::spawn(send_one(channel, 3));
            co_await settle();
            sender.cancel();
            const auto sender_error = co_await error_of(sender);
            CHECK(is_cancellation(sender_error));
            if (capacity == 1) {
                const auto value = co_await channel.receive();
                CHECK(value == 1);
            }
            const auto value = co_await channel.receive();
            CHECK(value == 3);
            co_await next.join();
        });
    }
}

TEST_CASE("a value that has been handed over is received, though the receiver is cancelled before it goes on") {
    in_a_loop([]() -> task<> {
        net::channel<int> channel{0};
        auto receiver = net::spawn(receive_one(channel));
        co_await settle();
        co_await channel.send(5);  // decided
        receiver.cancel();
        const auto value = co_await receiver.join();
        CHECK(value == 5);
    });
}

TEST_CASE("values are sent or refused, received or kept, and never both or neither, whichever task is cancelled") {
    std::mt19937 random{13};
    for (const std::size_t capacity : {0u, 1u, 3u})
        for (int round = 0; round < 20; ++round) {
            const auto seed = static_cast<unsigned>(random());
            CAPTURE(capacity, seed);
            in_a_loop([capacity, seed]() -> task<> {
                std::mt19937 dice{seed};
                net::channel<int> channel{capacity};
                std::vector<int> sent, received;
                const auto sender = [&](int from) -> task<> {
                    for (int i = from; i < from + 10; ++i) {
                        co_await channel.send(i);
                        sent.push_back(i);
                    }
                };
                const auto receiver = [&]() -> task<> {
                    for (int i = 0; i < 8; ++i) {
                        const auto value = co_await channel.receive();
                        if (value) received.push_back(*value);
                    }
                };
                std::vector<net::join_handle<>> tasks;
                for (int i = 0; i < 4; ++i) {
                    tasks.push_back(net::spawn(sender(i * 10)));
                    tasks.push_back(net::spawn(receiver()));
                }
                for (int step = 0; step < 12; ++step) {
                    if (dice() % 2) tasks[dice() % tasks.size()].cancel();
                    co_await net::yield();
                }
                for (auto& each : tasks) each.cancel();
                for (auto& each : tasks) co_await error_of(each);
                channel.close();
                for (;;) {
                    const auto rest = co_await channel.receive();
                    if (!rest) break;
                    received.push_back(*rest);
                }
                std::sort(sent.begin(), sent.end());
                std::sort(received.begin(), received.end());
                CHECK(sent == received);
            });
        }
}

TEST_CASE("a channel carries what can only be moved") {
    in_a_loop([]() -> task<> {
        net::channel<std::unique_ptr<int>> channel{1};
        co_await channel.send(std::make_unique<int>(1));
        const auto sender = [](net::channel<std::unique_ptr<int>>& to) -> task<> {
            co_await to.send(std::make_unique<int>(2));
        };
        auto waits = net::spawn(sender(channel));
        co_await settle();
        auto first = co_await channel.receive();
        auto second = co_await channel.receive();
        REQUIRE(first);
        REQUIRE(second);
        CHECK(**first == 1);
        CHECK(**second == 2);
        co_await waits.join();
    });
}

namespace {
/// Moving it fails when it is told to.
struct fragile {
    explicit fragile(int number) : value{number} {}
    fragile(fragile&& other) : value{other.value} {
        if (std::exchange(breaks, false)) throw std::runtime_error{"it broke"};
    }
    int value;
    static inline bool breaks = false;
};
}  // namespace

TEST_CASE("if a value cannot be moved into the channel's room, no value is lost") {
    in_a_loop([]() -> task<> {
        net::channel<fragile> channel{1};
        const auto sender = [](net::channel<fragile>& to) -> task<> { co_await to.send(fragile{2}); };
        co_await channel.send(fragile{1});
        auto waits = net::spawn(sender(channel));
        co_await settle();
        fragile::breaks = true;
        std::string thrown;
        try {
            co_await channel.receive();
        } catch (const std::runtime_error& error) {
            thrown = error.what();
        }
        CHECK(thrown == "it broke");
        CHECK_FALSE(waits.has_ended());
        auto first = co_await channel.receive();
        auto second = co_await channel.receive();
        REQUIRE(first);
        REQUIRE(second);
        CHECK(first->value == 1);
        CHECK(second->value == 2);
        co_await waits.join();
    });
}

// ---- what is destroyed while somebody waits for it -----------------------------------------------------

TEST_CASE("a task that waits for a destroyed object gets an error") {
    in_a_loop([]() -> task<> {
        auto event = std::make_unique<net::async_event>();
        auto semaphore = std::make_unique<net::async_semaphore>(0);
        auto channel = std::make_unique<net::channel<int>>(0);
        std::vector<int> order;
        auto a = net::spawn(note_after(*event, order, 1));
        auto b = net::spawn(note_with_permit(*semaphore, order, 2, 0s));
        auto c = net::spawn(receive_one(*channel));
        co_await settle();
        event.reset();
        semaphore.reset();
        channel.reset();
        c.cancel();  // too late, and without effect
        const auto first = co_await refusal_of(a);
        const auto second = co_await refusal_of(b);
        const auto third = co_await refusal_of(c);
        CHECK(first == "the object that this task waited for was destroyed");
        CHECK(second == first);
        CHECK(third == first);
        CHECK(order.empty());
    });
}

TEST_CASE("a group whose body fails may have waited for the body's own channel") {
    in_a_loop([]() -> task<> {
        std::string thrown;
        const auto body = [](net::task_group& group) -> task<> {
            net::channel<int> mine{0};
            const auto waits = [](net::channel<int>& from) -> task<> { co_await receive_one(from); };
            group.spawn(waits(mine));
            co_await net::yield();
            throw std::runtime_error{"the body"};
        };
        try {
            co_await net::with_group(body);
        } catch (const std::runtime_error& error) {
            thrown = error.what();
        }
        CHECK(thrown == "the body");
    });
}

TEST_CASE(
    "a loop that is destroyed with tasks that have never run leaves no trace in what they would have waited for") {
    net::async_event event;
    std::vector<int> order;
    {
        test_loop loop{{.virtual_time = true}};
        auto never_run = loop.spawn(note_after(event, order, 1));
    }
    event.set();
    CHECK(order.empty());
}

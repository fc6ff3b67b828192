// Limits around tasks, functions and single operations; and cleanups that wait although their task is cancelled.

#include <netnotes/coro/buffered.hpp>
#include <netnotes/coro/sync.hpp>
#include <netnotes/coro/timeout.hpp>
#include <netnotes/coro/udp.hpp>

#include "streams.hpp"
#include "tasks.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace {

/// An operation that notes the turn in which it begins.
class begins {
  public:
    explicit begins(const int& turn) : turn_{turn} {}
    bool await_ready() noexcept {
        at_ = turn_;
        return true;
    }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const noexcept { return at_; }

  private:
    const int& turn_;
    int at_ = -1;
};
net::task<> count_turns(int& turn) {
    for (;; ++turn) co_await net::yield();
}
/// Counts limited operations that begin in a later turn than their call, below `depth` calls.
net::task<int> begun_later(const int& turn, int depth) {
    if (depth > 0) {
        const int later = co_await begun_later(turn, depth - 1);
        co_return later;
    }
    const int first = turn;
    const int in_timeout = co_await net::with_timeout(1s, begins{turn});
    const int second = turn;
    const int in_shield = co_await net::shield(1s, begins{turn});
    co_return (in_timeout != first) + (in_shield != second);
}
/// Makes as many calls that need no wait as a task may make in one turn.
net::task<> use_up_the_turn() {
    net::async_event set;
    set.set();
    for (int i = 0; i < 63; ++i) co_await set.wait();
}
/// Returns what `limited` ends with, if `other` runs while it has used up its turn.
std::string ends_with(test_loop& loop, std::function<net::task<>()> limited, std::function<void()> other) {
    std::string how = "nothing";
    loop.run([&]() -> net::task<> {
        auto first = net::spawn([&]() -> net::task<> {
            co_await use_up_the_turn();
            try {
                co_await limited();
                how = "success";
            } catch (const std::system_error& error) {
                how = error.code().message();
            } catch (const std::logic_error& error) {
                how = error.what();
            }
        });
        auto second = net::spawn([&]() -> net::task<> {
            other();
            co_return;
        });
        co_await second.join();
        co_await first.join();
    });
    return how;
}

/// The text of the error with which the task ends.
net::task<std::string> text_of(net::task<> what) {
    try {
        co_await std::move(what);
    } catch (const net::cancelled& error) {
        co_return error.what();
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::timed_out);
        co_return error.what();
    }
    co_return "";
}
net::task<> waits_too_long(net::duration time, const char* name) {
    bool unused = false;
    co_await net::with_timeout(time, waits_for_ever(unused), name);
}
net::task<> ask_the_server() {
    bool unused = false;
    co_await net::with_timeout(1500ms, waits_for_ever(unused));
}

}  // namespace

TEST_CASE("the loop runs a task within a time limit, with a name that is no constant") {
    test_loop loop{in_virtual_time};
    char name[] = "the answer";
    CHECK(loop.run(net::with_timeout(1s, number_after(10ms, 7), name)) == 7);
    std::string what;
    try {
        loop.run(net::with_timeout(1s, number_after(1h, 7), name));
    } catch (const std::system_error& error) {
        what = error.what();
    }
    CHECK(what.find("the answer: not done after 1 s") == 0);
    net::stop_event stop;
    CHECK(loop.run(net::with_timeout(1s, nothing()), stop));
    CHECK(std::get<0>(loop.run(net::when_all(number(1), nothing()))) == 1);
}

TEST_CASE("a timeout says what has timed out and after how long") {
    test_loop loop{in_virtual_time};
    const std::string end = ": " + std::make_error_code(std::errc::timed_out).message();
    CHECK(loop.run(text_of(ask_the_server())) == "with_timeout in ask_the_server: not done after 1500 ms" + end);
    CHECK(loop.run(text_of(waits_too_long(2s, "the name server"))) == "the name server: not done after 2 s" + end);
    CHECK(loop.run(text_of(waits_too_long(90s, "a"))) == "a: not done after 90 s" + end);
    CHECK(loop.run(text_of(waits_too_long(7us, "a"))) == "a: not done after 7 us" + end);
    CHECK(loop.run(text_of(waits_too_long(1ns, "a"))) == "a: not done after 1 ns" + end);
    CHECK(loop.run(text_of(waits_too_long(0s, "a"))) == "a: not done after 0 s" + end);
}

TEST_CASE("a timeout stands around a function, and around each kind of operation") {
    test_loop loop{in_virtual_time};
    loop.run([]() -> net::task<> {
        const std::string text = "a text that lies on the heap, because it is long";
        const auto function = [text]() -> net::task<std::string> {
            co_await net::sleep_for(1s);
            co_return text;
        };
        const auto got_1 = co_await net::with_timeout(2s, function);
        CHECK(got_1 == text);

        net::channel<int> numbers{1};
        co_await net::with_timeout(1s, numbers.send(5));
        const auto five = co_await net::with_timeout(1s, numbers.receive());
        CHECK(five == 5);
        const auto late = [&]() -> net::task<> { co_await net::with_timeout(1s, numbers.receive(), "receive"); };
        const std::string why = co_await text_of(late());
        CHECK(why.find("receive: not done after 1 s") == 0);

        auto handle = net::spawn(number_after(1s, 4));
        const int four = co_await net::with_timeout(2s, handle.join());
        CHECK(four == 4);
        co_await net::with_timeout(2s, net::sleep_for(1s));
        const auto sleeps = []() -> net::task<> { co_await net::with_timeout(1s, net::sleep_for(2s)); };
        const std::string told = co_await text_of(sleeps());
        CHECK(told.find("with_timeout in operator()") == 0);
        net::async_event event;
        auto waiting = event.wait();
        const auto twice = [&]() -> net::task<> { co_await net::with_timeout(1s, waiting); };
        const std::string first = co_await text_of(twice());
        CHECK(first != "");
        event.set();
        co_await net::with_timeout(1s, waiting);  // an operation that can be awaited again still can
    });
}

TEST_CASE("a timeout around the operations of a stream loses nothing, and lent bytes stay valid") {
    test_loop loop;
    auto ends = connected(loop);
    net::async_stream& one = ends.one;
    net::async_stream& other = ends.other;
    loop.run([&]() -> net::task<> {
        std::array<std::byte, 8> room{};
        const auto late = [&]() -> net::task<> { co_await net::with_timeout(1ms, one.recv(room)); };
        const auto got_2 = co_await text_of(late());
        CHECK(got_2 != "");
        // Others receive all the time: the bytes must be used before any of them has its turn.
        auto noise = connected(loop);
        auto sender = net::spawn([&]() -> net::task<> {
            for (;;) {
                co_await noise.one.send_all("noise noise noise noise");
                co_await net::yield();
            }
        });
        auto receiver = net::spawn([&]() -> net::task<> {
            for (;;) co_await noise.other.recv();
        });
        for (int i = 0; i < 200; ++i) {
            const std::string text = "message " + std::to_string(i);
            if (i % 2 == 0) {
                co_await net::with_timeout(1min, other.send_all(text));
                const auto bytes = co_await net::with_timeout(1min, one.recv());
                CHECK(net::as_text(bytes) == text);
            } else {  // it has to wait
                auto later = net::spawn([&]() -> net::task<> {
                    co_await net::yield();
                    co_await net::yield();
                    co_await other.send_all(text);
                });
                const auto bytes = co_await net::with_timeout(1min, one.recv());
                CHECK(net::as_text(bytes) == text);
                co_await later.join();
            }
        }
        sender.cancel();
        receiver.cancel();
    });
}

TEST_CASE("a limited operation begins in its call, however many steps the task has made and however deep it lies") {
    test_loop loop;
    loop.run([]() -> net::task<> {
        int turn = 0;
        auto counting = net::spawn(count_turns(turn));
        int later = 0;
        for (int i = 0; i < 200; ++i) later += co_await begun_later(turn, 0);
        for (int depth = 0; depth < 600; ++depth) later += co_await begun_later(turn, depth);
        CHECK(later == 0);
        CHECK(turn > 0);
        counting.cancel();
    });
}

TEST_CASE("an operation whose object ends while its task waits for a turn does not touch what comes after the object") {
    test_loop loop;
    const std::string closed = std::make_error_code(std::errc::bad_file_descriptor).message();
    const bool with_shield = GENERATE(false, true);
    CAPTURE(with_shield);
    const auto limited = [with_shield](auto make) {
        return [with_shield, make]() -> net::task<> {
            auto operation = make();
            if (with_shield)
                co_await net::shield(1s, operation);
            else
                co_await net::with_timeout(1s, operation);
        };
    };
    std::optional<two_ends> ends{connected(loop)};
    std::optional<two_ends> next;
    const auto close_and_connect = [&] {
        const int number = ends->one.native_handle();
        ends->one.close();
        next.emplace(connected(loop));
        CHECK(next->one.native_handle() == number);  // the number belongs to another client now
    };
    CHECK(ends_with(loop, limited([&] { return ends->one.send_all("a secret"); }), close_and_connect) == closed);
    std::array<std::byte, 8> room{};
    CHECK(::recv(next->other.native_handle(), room.data(), room.size(), MSG_DONTWAIT) == -1);
    next.reset();
    ends.reset();
    ends.emplace(connected(loop));
    CHECK(ends_with(loop, limited([&] { return ends->one.recv(room); }), close_and_connect) == closed);

    net::async_buffered_stream lines{std::move(next->one)};
    CHECK(ends_with(loop, limited([&] { return lines.recv_line(); }), [&] { lines = {}; }) == closed);
    net::async_udp datagrams{loop, net::udp_socket{net::endpoint{net::ipv4_address::loopback(), 0}}};
    CHECK(ends_with(loop, limited([&] { return datagrams.recv_from(room); }), [&] { datagrams.close(); }) == closed);

    std::optional<net::channel<int>> numbers{std::in_place, 1u};
    const std::string gone = "the object that this task waited for was destroyed";
    CHECK(ends_with(loop, limited([&] { return numbers->receive(); }), [&] { numbers.reset(); }) == gone);
    std::optional<net::async_semaphore> permits{std::in_place, 0u};
    CHECK(ends_with(loop, limited([&] { return permits->acquire(); }), [&] { permits.reset(); }) == gone);
}

TEST_CASE("lent bytes that are sent with a limit are the bytes that came, even if the task has used up its turn") {
    test_loop loop;
    auto ends = connected(loop);
    auto noise = connected(loop);
    loop.run([&]() -> net::task<> {
        auto echoing = net::spawn([&]() -> net::task<> {
            for (;;) {
                const auto bytes = co_await ends.other.recv();
                co_await use_up_the_turn();
                co_await net::with_timeout(1min, ends.other.send_all(bytes));
            }
        });
        auto receiving = net::spawn([&]() -> net::task<> {
            for (;;) co_await noise.other.recv();
        });
        for (int i = 0; i < 20; ++i) {
            const std::string text = "the bytes of this client, " + std::to_string(i);
            co_await ends.one.send_all(text);
            co_await noise.one.send_all("the bytes of another client");
            const auto answer = co_await ends.one.recv();
            CHECK(net::as_text(answer) == text);
        }
        echoing.cancel();
        receiving.cancel();
    });
}

TEST_CASE("a shield keeps a cancellation away until its task has ended") {
    test_loop loop{in_virtual_time};
    loop.run([&]() -> net::task<> {
        bool is_clean = false, heard_after = false;
        const auto cleans = [&]() -> net::task<int> {
            co_await net::sleep_for(1s);
            is_clean = true;
            co_return 7;
        };
        auto handle = net::spawn([&]() -> net::task<> {
            const int result = co_await net::shield(2s, cleans);
            CHECK(result == 7);
            try {
                co_await net::yield();
            } catch (const net::cancelled&) {
                heard_after = true;
            }
        });
        co_await net::sleep_for(500ms);
        handle.cancel();
        co_await handle.join();
        CHECK(is_clean);
        CHECK(heard_after);
    });
}

TEST_CASE("a cleanup in a shield may wait after the cancellation, but no longer than its bound") {
    test_loop loop{in_virtual_time};
    loop.run([&]() -> net::task<> {
        for (const auto& [needs, is_done] : {std::pair{1s, true}, std::pair{3s, false}}) {
            bool was_done = false, was_cancelled = false;
            auto handle = net::spawn([&, time = needs]() -> net::task<> {
                try {
                    co_await net::sleep_for(net::never);
                } catch (const net::cancelled&) {
                }
                const auto cleanup = [&]() -> net::task<> {
                    co_await net::sleep_for(time);
                    was_done = true;
                };
                try {
                    co_await net::shield(2s, cleanup);
                } catch (const net::cancelled&) {
                    was_cancelled = true;
                }
            });
            co_await net::yield();
            handle.cancel();
            const auto begin = net::event_loop::current().now();
            co_await handle.join();
            CHECK(net::event_loop::current().now() - begin == std::min<net::duration>(needs, 2s));
            CHECK(was_done == is_done);
            CHECK(was_cancelled == !is_done);
        }
    });
}

TEST_CASE("without a cancellation a shield has no limit, and passes on what its task throws") {
    test_loop loop{in_virtual_time};
    loop.run([&]() -> net::task<> {
        co_await net::shield(1s, net::sleep_for(1h));
        bool has_failed = false;
        try {
            co_await net::shield(1s, fails_after(1h, "it fails"));
        } catch (const std::runtime_error&) {
            has_failed = true;
        }
        CHECK(has_failed);
    });
}

TEST_CASE("a timeout waits for the shield inside it, and one inside a shield still ends") {
    test_loop loop{in_virtual_time};
    loop.run([&]() -> net::task<> {
        const auto& now = net::event_loop::current();
        const auto begin = now.now();
        const auto shielded = []() -> net::task<int> { co_return co_await net::shield(10s, number_after(5s, 3)); };
        const int three = co_await net::with_timeout(1s, shielded());
        CHECK(three == 3);
        CHECK(now.now() - begin == 5s);
        const auto limited = []() -> net::task<> {
            bool unused = false;
            co_await net::with_timeout(1s, waits_for_ever(unused), "inside");
        };
        const auto around = [&]() -> net::task<> { co_await net::shield(10s, limited()); };
        const std::string why = co_await text_of(around());
        CHECK(why.find("inside: not done after 1 s") == 0);
    });
}

TEST_CASE("a stop lets the main task finish within the bound of its shield") {
    test_loop loop{in_virtual_time};
    net::stop_event stop;
    bool is_clean = false, was_cancelled = false;
    const auto work = [&]() -> net::task<> {
        net::spawn(waits_for_ever(was_cancelled));
        co_await net::yield();
        stop.request_stop();
        co_await net::sleep_for(1s);
        is_clean = true;
    };
    CHECK(loop.run([&]() -> net::task<> { co_await net::shield(2s, work); }, stop));
    CHECK(is_clean);
    CHECK(was_cancelled);
}

TEST_CASE("a loop that is destroyed with a shield in it leaves nothing behind") {
    int alive = 0;
    {
        test_loop loop{in_virtual_time};
        loop.spawn([&alive]() -> net::task<> {
            counted object{alive};
            co_await net::shield(1s, holds(std::move(object)));
        });
        loop.run(nothing);
    }
    CHECK(alive == 0);
}

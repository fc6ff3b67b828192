// tests/fuzz/event_loop.cpp: tasks that spawn, sleep, wait, cancel and close as the input decides, beside a model
// SPDX-License-Identifier: MIT
//
// Each task takes its decisions from the input, in the order in which the loop lets them run, in virtual time. What
// must hold whatever they decide:
//
//   - a task that has begun ends, once, and what it holds is destroyed: run() leaves nobody behind
//   - a sleeping task wakes at its time, because time is virtual; if it is cancelled, it wakes before
//   - a task ends well or cancelled, wherever a task is cancelled (cancellation_test.cpp checks the exception)
//   - a semaphore has never more holders than permits; a channel loses nothing, and gives nothing twice
//   - group, when_all, when_any and with_timeout leave nobody running behind them
//   - a byte written to a socket pair comes out at the other end, in order; waiting for a closed stream is an error

#include "fuzz.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <netnotes/coro/group.hpp>
#include <netnotes/coro/io/io_uring.hpp>
#include <netnotes/coro/loop.hpp>
#include <netnotes/coro/stream.hpp>
#include <netnotes/coro/sync.hpp>

namespace net = netnotes;
using fuzz::require;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t permits = 2, room = 2, max_tasks = 64, max_steps = 2'000;

struct world {
    explicit world(fuzz::choices decisions) : decides{decisions} {}
    fuzz::choices decides;
    net::event_loop* loop = nullptr;
    std::size_t steps = 0, alive = 0, begun = 0;
    // The model.
    std::size_t holders = 0;
    std::uint32_t next_sent = 0;
    std::vector<bool> was_received = std::vector<bool>(max_steps + 1);
    std::uint8_t next_written = 0, next_read = 0;
    bool is_reading = false, is_writing = false;
    net::time_point latest{};  // no sleeping task wakes before a task with an earlier time
    std::vector<net::join_handle<>> handles;
    net::async_event event;
    net::async_semaphore semaphore{permits};
    net::async_mutex mutex;
    bool is_locked = false;
    net::channel<std::uint32_t> channel{room};
    net::async_stream one, other;
};

/// Counts the living tasks. So it finds a frame that is never destroyed, and a frame that is destroyed twice.
class alive {
  public:
    explicit alive(world& all) : all_{all} {
        ++all_.alive;
        ++all_.begun;
    }
    alive(const alive&) = delete;
    alive& operator=(const alive&) = delete;
    ~alive() {
        require(all_.alive > 0, "nobody ends twice");
        --all_.alive;
    }

  private:
    world& all_;
};

net::task<> act(world& all, int depth);
net::task<> body_of_group(world& all, int depth, net::task_group& group);

net::task<> sleep(world& all) {
    const net::duration time = std::chrono::milliseconds{all.decides.below(50)};
    const net::time_point until = all.loop->now() + time;
    co_await net::sleep_for(time);
    require(all.loop->now() == until, "it wakes at its time");
    require(all.loop->now() >= all.latest, "time goes forwards");
    all.latest = all.loop->now();
}
net::task<> hold(world& all) {
    const auto permit = co_await all.semaphore.acquire();
    struct counted {
        std::size_t& holders;
        explicit counted(std::size_t& count) : holders{count} { ++holders; }
        ~counted() { --holders; }
    } here{all.holders};
    require(all.holders <= permits, "no more holders than permits");
    co_await net::yield();
    require(all.holders <= permits, "no more holders than permits");
}
net::task<> lock(world& all) {
    const auto locked = co_await all.mutex.lock();
    struct only {
        bool& is_locked;
        explicit only(bool& flag) : is_locked{flag} {
            require(!is_locked, "one at a time");
            is_locked = true;
        }
        ~only() { is_locked = false; }
    } here{all.is_locked};
    co_await net::sleep_for(1ms);
}
net::task<> send(world& all) {
    // The number is taken when it is sent, and so that nobody else takes it meanwhile, one at a time.
    const auto locked = co_await all.mutex.lock();
    co_await all.channel.send(all.next_sent);
    ++all.next_sent;
}
net::task<> receive(world& all) {
    const auto got = co_await all.channel.receive();
    if (!got) co_return;
    // (The order in which they were taken cannot be seen here: a task that got a permit may be resumed after the next
    // taker.)
    require(*got <= all.next_sent && !all.was_received.at(*got), "a channel gives what was sent, each once");
    all.was_received[*got] = true;
}
net::task<> write(world& all) {
    if (all.is_writing || !all.one.is_open()) co_return;
    all.is_writing = true;
    struct done {
        bool& flag;
        ~done() { flag = false; }
    } at_the_end{all.is_writing};
    const std::uint8_t byte = all.next_written;
    const std::array<std::byte, 1> bytes{static_cast<std::byte>(byte)};
    co_await all.one.send_all(bytes);
    ++all.next_written;
}
net::task<> read(world& all) {
    if (all.is_reading || !all.other.is_open()) co_return;
    all.is_reading = true;
    struct done {
        bool& flag;
        ~done() { flag = false; }
    } at_the_end{all.is_reading};
    const auto bytes = co_await all.other.recv();
    for (const std::byte each : bytes)
        require(std::to_integer<std::uint8_t>(each) == all.next_read++, "bytes come out in order, each once");
}

/// A cancellation that comes out of another task may be that one's own. If it is ours we meet it again.
net::task<> whoever_was_cancelled(net::task<> what) {
    try {
        co_await std::move(what);
    } catch (const net::cancelled&) {
    } catch (const std::system_error& error) {  // of a task that was joined
        if (error.code() != std::errc::operation_canceled) throw;
    }
}
net::task<> join(net::join_handle<> handle) {
    co_await handle.join();
    require(handle.has_ended(), "the awaited task has ended");
}

/// The tasks that run inside another task: all have ended when it returns.
net::task<> inside(world& all, int depth) {
    switch (all.decides.below(4)) {
        case 0: {
            co_await net::when_all(act(all, depth + 1), act(all, depth + 1));
            break;
        }
        case 1: {
            const auto first = co_await net::when_any(act(all, depth + 1), act(all, depth + 1));
            require(first.index() < 2, "one of them was the first");
            break;
        }
        case 2: {
            const net::duration limit = std::chrono::milliseconds{all.decides.below(40)};
            try {
                co_await net::with_timeout(limit, act(all, depth + 1));
            } catch (const std::system_error& error) {
                if (error.code() != std::errc::timed_out) throw;
            }
            break;
        }
        default: {
            const auto body = [&all, depth](net::task_group& group) { return body_of_group(all, depth + 1, group); };
            co_await net::with_group(body);
        }
    }
}
net::task<> body_of_group(world& all, int depth, net::task_group& group) {
    const std::size_t count = all.decides.below(4);
    for (std::size_t i = 0; i < count; ++i) group.spawn(act(all, depth));
    if (all.decides.yes()) group.cancel();
    co_await net::yield();
}

net::task<> step(world& all, int depth) {
    switch (all.decides.below(16)) {
        case 0: break;
        case 1: co_await net::yield(); break;
        case 2: co_await sleep(all); break;
        case 3:
            if (all.begun < max_tasks) all.handles.push_back(net::spawn(act(all, depth)));
            break;
        case 4:
            if (!all.handles.empty()) all.handles[all.decides.below(all.handles.size())].cancel();
            break;
        case 5:
            if (!all.handles.empty()) {  // dropped, or awaited; an awaited task belongs to its awaiter only
                const auto which =
                    all.handles.begin() + static_cast<std::ptrdiff_t>(all.decides.below(all.handles.size()));
                net::join_handle<> handle = std::move(*which);
                all.handles.erase(which);
                if (all.decides.yes()) co_await whoever_was_cancelled(join(std::move(handle)));
            }
            break;
        case 6: co_await all.event.wait(); break;
        case 7: all.event.set(); break;
        case 8: all.event.reset(); break;
        case 9: co_await hold(all); break;
        case 10: co_await lock(all); break;
        case 11: co_await send(all); break;
        case 12: co_await receive(all); break;
        case 13: co_await write(all); break;
        case 14: co_await read(all); break;
        default:
            if (depth < 4) co_await whoever_was_cancelled(inside(all, depth));
    }
}

net::task<> act(world& all, int depth) {
    const alive here{all};
    bool was_told = false;
    while (!all.decides.empty() && ++all.steps < max_steps) {
        std::error_code error;
        bool was_cancelled = false;
        try {
            co_await step(all, depth);
        } catch (const net::cancelled&) {
            was_cancelled = true;
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        if (was_cancelled) {
            // Some are stubborn, once, and meet the same again; most end.
            if (!was_told && all.decides.below(4) == 3) {
                was_told = true;
                continue;
            }
            throw net::cancelled{};
        }
        require(!error || error == std::errc::bad_file_descriptor || error == std::errc::broken_pipe ||
                    error == std::errc::connection_reset,
                "no unexpected error");
        // (Only once in a while: most of an input's life should be spent with open streams.)
        if (all.decides.below(64) == 63) all.one.close();
        if (all.decides.below(64) == 63) all.other.close();
        if (all.decides.below(8) == 7) co_return;
    }
}

/// Ends what waits for something that will never come, when the decisions are used up.
net::task<> run_all(world& all) {
    std::vector<net::join_handle<>> first;
    for (int i = 0; i < 3; ++i) first.push_back(net::spawn(act(all, 0)));
    co_await net::sleep_for(1h);  // virtual: until nobody does anything any more
    for (auto& each : first) each.cancel();
    for (auto& each : first) {
        try {
            co_await each.join();
        } catch (const std::system_error& error) {
            require(error.code() == std::errc::operation_canceled, "a task ends well or cancelled");
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    world all{fuzz::choices{{data, size}}};
    {
        net::loop_options options;
        options.virtual_time = true;
        if (const char* wish = std::getenv("NETNOTES_BACK_END"); wish && std::string_view{wish} == "io_uring")
            options.backend = net::io_backend::io_uring;
        net::event_loop loop{options};
        all.loop = &loop;
        all.latest = loop.now();
        auto [one, other] = net::socket_pair();
        all.one = net::async_stream{loop, std::move(one)};
        all.other = net::async_stream{loop, std::move(other)};
        loop.run(run_all(all));
        require(loop.size() == 0, "nobody is left when run() returns");
        require(all.alive == 0, "every task that has begun has ended");
        const auto received = std::ranges::count(all.was_received, true);
        require(all.next_sent - static_cast<std::uint32_t>(received) <= room,
                "what was sent was received, or is there");
        require(all.holders == 0 && !all.is_locked, "and has given back what it held");
        all.handles.clear();
        all.one.close();
        all.other.close();
    }
    return 0;
}

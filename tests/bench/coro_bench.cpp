// What tasks cost: going from one to another, calling one, and arming and cancelling a timer.
//
//     coro_bench [--smoke]
//
// Each figure is the median of many slices, in nanoseconds, beside its goal. --smoke runs a few short slices and tells
// only that they work.

#include <netnotes/coro/loop.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

namespace net = netnotes;

namespace {

/// Runs `slice(rounds)` again and again and prints what a round costs.
template <class Slice>
void measure(const char* what, double goal, bool smoke, Slice slice) {
    const long rounds = smoke ? 1000 : 200'000;
    std::vector<double> costs;
    for (int i = 0; i < (smoke ? 3 : 101); ++i) {
        const auto begin = net::clock::now();
        slice(rounds);
        const std::chrono::duration<double, std::nano> took = net::clock::now() - begin;
        costs.push_back(took.count() / static_cast<double>(rounds));
    }
    std::sort(costs.begin(), costs.end());
    std::printf("%-40s %7.2f ns   (%.2f to %.2f in the middle half)   goal: under %g\n", what, costs[costs.size() / 2],
                costs[costs.size() / 4], costs[costs.size() * 3 / 4], goal);
}

net::task<> switches(long& left) {
    while (left-- > 0) co_await net::yield();
}
net::task<> two_that_switch(long rounds) {
    auto other = net::spawn(switches(rounds));
    co_await switches(rounds);
    co_await other.join();
}

net::task<long> child(long number) { co_return number; }
net::task<> calls(long rounds) {
    long sum = 0;
    for (long i = 0; i < rounds; ++i) sum += co_await child(1);
    if (sum != rounds) std::terminate();
}

net::task<long> waiting_child(long number) {
    co_await net::yield();
    co_return number;
}
net::task<> waiting_calls(long rounds) {
    long sum = 0;
    for (long i = 0; i < rounds; ++i) sum += co_await waiting_child(1);
    if (sum != rounds) std::terminate();
}

void timers(std::size_t armed, bool smoke) {
    net::timer_wheel wheel;
    std::vector<net::timer> all(armed);
    std::mt19937_64 random{1};
    for (net::timer& each : all) wheel.arm(each, 1 + random() % 60'000);
    std::size_t next = 0;
    std::uint64_t tick = 30'000;
    const std::string what = "arm and cancel, " + std::to_string(armed) + " timers armed";
    measure(what.c_str(), 15, smoke, [&](long rounds) {
        for (long i = 0; i < rounds; ++i) {
            net::timer& one = all[next];
            if (++next == all.size()) next = 0;
            one.cancel();
            tick = tick % 60'000 + 7;
            wheel.arm(one, tick);
        }
    });
}

}  // namespace

int main(int argc, char** argv) {
    const bool smoke = argc == 2 && std::strcmp(argv[1], "--smoke") == 0;
    const bool asks_for_help = argc == 2 && std::strcmp(argv[1], "--help") == 0;
    if (argc > 1 && !smoke) {
        std::fputs("usage: coro_bench [--smoke]\n"
                   "What a switch, a child call and a timer cost, beside their goals. --smoke: a short run, to see it work.\n",
                   asks_for_help ? stdout : stderr);
        return asks_for_help ? 0 : 2;
    }
    net::event_loop loop;
    measure("switch between two ready tasks", 5, smoke, [&](long rounds) { loop.run(two_that_switch(rounds / 2)); });
    measure("call of a child task", 8, smoke, [&](long rounds) { loop.run(calls(rounds)); });
    measure("call of a child task that yields once", 20, smoke, [&](long rounds) { loop.run(waiting_calls(rounds)); });
    for (const std::size_t armed : {1'000u, 10'000u, 100'000u}) timers(armed, smoke);
}

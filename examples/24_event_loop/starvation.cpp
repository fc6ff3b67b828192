// starvation.cpp: a task that only computes, and a task that wants a turn (the notes: "例子", 0 lines)

#include <netnotes/coro.hpp>

#include <iostream>

namespace net = netnotes;
using namespace std::chrono_literals;

net::task<> compute(bool yields, bool& has_ended) {
    for (int step = 0; step < 100; ++step) {
        for (const auto end = net::clock::now() + 3ms; net::clock::now() < end;) continue;  // computes for 3 ms
        if (yields) co_await net::yield();                                                  // lets the other tasks run
    }
    has_ended = true;
}

net::task<> count_turns(bool yields) {
    bool has_ended = false;
    auto other = net::spawn(compute(yields, has_ended));
    int turns = 0;
    while (!has_ended) co_await net::yield(), ++turns;
    std::cout << (yields ? "with yield: " : "without yield: ") << turns << " turns in 300 ms" << std::endl;
    co_await other.join();
}

int main() {
    net::event_loop loop;
    for (const bool yields : {false, true}) loop.run(count_turns(yields));
}

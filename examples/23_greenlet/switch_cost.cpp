// switch_cost.cpp: measures switches of greenlets and of threads (beyond the notes)

#include <netnotes/coro.hpp>

#include <iostream>
#include <semaphore>
#include <thread>

namespace net = netnotes;

void measure(const char* what, long count, const auto& run) {
    const auto begin = net::clock::now();
    run();
    const std::chrono::duration<double, std::nano> time = net::clock::now() - begin;
    std::cout << what << static_cast<long>(time.count()) / count << " ns for each of " << count << " switches\n";
}

net::greenlet turn(long& left, net::greenlet& other) {
    while (--left > 0) co_await net::switch_to(other);
}

int main() {
    long left = 10'000'000;
    net::greenlet a, b;
    a = turn(left, b);
    b = turn(left, a);
    measure("greenlets: ", left, [&] { a.run(); });

    std::binary_semaphore ping{0}, pong{0};
    std::thread other{[&] {
        for (int i = 0; i < 50'000; ++i) ping.acquire(), pong.release();
    }};
    measure("threads:   ", 100'000, [&] {
        for (int i = 0; i < 50'000; ++i) ping.release(), pong.acquire();
    });
    other.join();
}

// sleep_switch.cpp: two tasks that sleep, so they take turns (the notes: "gevent 切换执行", 9 lines)

#include <netnotes/coro.hpp>

#include <iostream>

namespace net = netnotes;
using namespace std::chrono_literals;

net::task<> test(const char* name, int n) {
    for (int i = 0; i < n; ++i) {
        std::cout << "this is \"" << name << "\" at NO." << i << std::endl;
        co_await net::sleep_for(300ms);  // this task waits, so the loop resumes the other one
    }
}

net::task<> both() {
    auto g1 = net::spawn(test("Greenlet-0", 3));
    auto g2 = net::spawn(test("Greenlet-1", 3));
    co_await g1.join();
    co_await g2.join();
}

int main() {
    net::event_loop loop;
    loop.run(both());
}

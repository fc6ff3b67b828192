// spawn_join.cpp: two tasks that never wait, so one runs after the other (the notes: "gevent 使用例子", 8 lines)

#include <netnotes/coro.hpp>

#include <iostream>

namespace net = netnotes;

net::task<> test(const char* name, int n) {
    for (int i = 0; i < n; ++i) std::cout << "this is \"" << name << "\" at NO." << i << std::endl;
    co_return;
}

net::task<> both() {
    auto g1 = net::spawn(test("Greenlet-0", 3));  // begins when both() waits
    auto g2 = net::spawn(test("Greenlet-1", 3));
    co_await g1.join();
    co_await g2.join();
}

int main() {
    net::event_loop loop;
    loop.run(both());
}

// greenlet.cpp: A and B switch to each other by name (the notes: "greenlet 版协程", 18 lines)

#include <netnotes/coro.hpp>

#include <iostream>
#include <thread>

namespace net = netnotes;
using namespace std::chrono_literals;

net::greenlet A(net::greenlet& gr2) {
    int a = 1;
    while (a < 4) {
        std::cout << "******A a = " << a << "*******" << std::endl;
        co_await net::switch_to(gr2);  // 切换至B() (pauses here, and B continues)
        a += 1;
        std::this_thread::sleep_for(300ms);
    }
}

net::greenlet B(net::greenlet& gr1) {
    while (true) {
        std::cout << "*********B**********" << std::endl;
        co_await net::switch_to(gr1);
        std::this_thread::sleep_for(300ms);
    }
}

int main() {
    net::greenlet gr1, gr2;  // declared first, because each must know the other
    gr1 = A(gr2);
    gr2 = B(gr1);
    gr1.run();  // returns when A ends; B is still paused, and its destructor ends it
}

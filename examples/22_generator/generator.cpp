// generator.cpp: B asks, and A yields 1, 2 and 3 (the notes: "协程简单例子", 19 lines)

#include <netnotes/coro.hpp>

#include <iostream>
#include <thread>

namespace net = netnotes;
using namespace std::chrono_literals;

net::generator<int> A() {
    int a = 1;
    while (a < 4) {
        std::cout << "A a = " << a << std::endl;
        co_yield a;  // pauses here; the next call of next() continues behind it
        a += 1;
        std::this_thread::sleep_for(300ms);
    }
}

void B(net::generator<int>& c) {
    while (true) {
        std::cout << "*********B**********" << std::endl;
        if (!c.next()) break;  // nullptr: A has ended. Python raises StopIteration
        std::this_thread::sleep_for(300ms);
    }
}

int main() {
    auto a = A();  // nothing of A runs yet
    B(a);
}

// examples/23_greenlet/demo.cpp: coroutines that switch to each other
//
//        run()  ──>  A switches to B  ──>  B switches to A  ──>  A continues where it has paused ...
//          ^                                                        |
//          └──────────────  until one of them ends  <───────────────┘
//
// A generator always returns to its caller. A greenlet names the greenlet that continues. The notes' greenlets have a stack
// each, so a function that they call can switch, too. C++'s coroutines have a frame, and switch only in their own body.
//
// The notes:     greenlet 版协程 (coroutines with greenlet). Its dialogue of A and B is greenlet.cpp
// Type:          demo
// You will see:  what demo.txt shows: B after the end of A; three greenlets in a ring; a greenlet that fails; and a million
//                switches

#include <netnotes/coro.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

// ---- The notes' two greenlets ---------------------------------------------------------------------------

net::greenlet a_body(net::greenlet& b) {
    for (int i = 0; i < 3; ++i) co_await switch_to(b);
}

/// Says when it is destroyed.
struct announced {
    ~announced() { say("the destructor of B's object destroys B's variables"); }
};

net::greenlet b_body(net::greenlet& a) {
    const announced variable;
    for (;;) co_await switch_to(a);
}

void after_the_end_of_a() {
    heading("greenlet 版协程: A has ended, and B has not");
    net::greenlet a, b;
    a = a_body(b);
    b = b_body(a);
    a.run();
    say("A has ended: ", a.finished() ? "yes" : "no", "; B has ended: ", b.finished() ? "yes" : "no");
    say("In the notes' program B never ends. It still waits in its endless loop when the program is over. Here");
}

// ---- Three greenlets, and a greenlet that fails ---------------------------------------------------------

net::greenlet turn(std::string name, int rounds, net::greenlet& next) {
    for (int round = 1; round <= rounds; ++round) {
        say(name, round);
        co_await switch_to(next);
    }
}

void three_in_a_ring() {
    heading("Three in a ring, two rounds each");
    net::greenlet a, b, c;
    a = turn("a", 2, b);
    b = turn("b", 2, c);
    c = turn("c", 2, a);
    a.run();
}

net::greenlet fails(int after, net::greenlet& other) {
    for (; after > 0; --after) co_await switch_to(other);
    throw std::runtime_error{"I cannot go on"};
}

void a_failure() {
    heading("A greenlet fails");
    net::greenlet good, bad;
    good = turn("good ", 3, bad);
    bad = fails(1, good);
    try {
        good.run();
    } catch (const std::runtime_error& error) {
        say("run() throws the exception of the bad greenlet: ", error.what());
    }
    try {
        good.run();
    } catch (const std::logic_error& error) {
        say("the good greenlet continues, and its next switch throws: ", error.what());
    }
}

// ---- A million switches ------------------------------------------------------------------------------------------

net::greenlet count(long& switches, long most, net::greenlet& other) {
    while (++switches < most) co_await switch_to(other);
}

void a_million() {
    heading("A million switches");
    long switches = 0;
    net::greenlet a, b;
    a = count(switches, 1'000'000, b);
    b = count(switches, 1'000'000, a);
    a.run();
    say("done: ", switches, ". The notes say that a million a second is possible. Many more are possible: build with");
    say("optimisation, and measure (`time demo`). The kernel does not notice any of them.");
}

void demonstrate() {
    after_the_end_of_a();
    three_in_a_ring();
    a_failure();
    a_million();
}

constexpr std::string_view help = R"(usage: demo
       demo --help

A demonstration of coroutines that switch to each other by name: greenlets.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"it takes no arguments"};
        demonstrate();
    });
}

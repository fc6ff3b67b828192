// examples/23_greenlet/demo.cpp: coroutines that hand over to one another
//
//        run()  ──>  A prints, switches to B  ──>  B prints, switches to A  ──>  A goes on where it was ...
//          ^                                                                        |
//          └──────────────────────  until one of them ends  <───────────────────────┘
//
// A generator always answers to the one who asks. Here nobody asks: each says who is next. The notes' greenlets have
// each a stack of their own, and so may switch inside a function that they have called; C++'s coroutines have a frame,
// and switch only in their own body.
//
// The notes:     greenlet 版协程 (coroutines with greenlet)
// Type:          demo
// You will see:  what demo.txt shows: the notes' transcript, line for line; who is left behind when A has ended;
//                three in a ring; what happens when one of them fails; and a million switches

#include <netnotes/coro.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

/// In the middle of twenty stars, as the notes print it. An odd star goes to the right.
std::string between_stars(std::string_view text) {
    const std::size_t stars = 20 - text.size();
    return std::string(stars / 2, '*').append(text).append(stars - stars / 2, '*');
}

// ---- The notes' two -------------------------------------------------------------------------------------

net::greenlet a_body(net::greenlet& gr2) {
    for (int a = 1; a < 4; ++a) {
        say(between_stars("A a = " + std::to_string(a)));
        co_await switch_to(gr2);
    }
}

struct announced {
    ~announced() { say("(B's variables are destroyed)"); }
};

net::greenlet b_body(net::greenlet& gr1) {
    const announced variable;
    for (;;) {
        say(between_stars("B"));
        co_await switch_to(gr1);
    }
}

void the_notes_transcript() {
    heading("greenlet 版协程: the notes' transcript");
    net::greenlet gr1, gr2;
    gr1 = a_body(gr2);
    gr2 = b_body(gr1);
    gr1.run();
    say("A has ended: ", gr1.finished() ? "yes" : "no", ". B: ", gr2.finished() ? "yes" : "no",
        ", it still waits in its endless loop, as the notes' B does");
    say("when their program ends. Here it goes with the object that stands for it:");
}

// ---- More than two, and one that fails ------------------------------------------------------------------

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

void one_fails() {
    heading("One fails");
    net::greenlet good, bad;
    good = turn("good ", 3, bad);
    bad = fails(1, good);
    try {
        good.run();
    } catch (const std::runtime_error& error) {
        say("run() throws what the other threw: ", error.what());
    }
    try {
        good.run();
    } catch (const std::logic_error& error) {
        say("the good one goes on, and on its way it meets: ", error.what());
    }
}

// ---- A million ------------------------------------------------------------------------------------------

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
    say("done: ", switches, ". \"A million a second is no burden\", say the notes, and they are modest: build with");
    say("optimisation, and time it (`time demo`). The kernel hears nothing of any of them.");
}

void demonstrate() {
    the_notes_transcript();
    three_in_a_ring();
    one_fails();
    a_million();
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Coroutines that hand over to one another, by name. A demonstration.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"it takes no arguments"};
        demonstrate();
    });
}

// examples/22_generator/demo.cpp: a function that pauses, and is asked to go on
//
//        B: the one who asks             A: a coroutine
//          |                               (its frame holds `a`, and where it stopped)
//          next()  ─────────────────────>  runs to co_yield 1
//          a = 1   <─────────────────────  pauses
//          next()  ─────────────────────>  goes on behind co_yield
//          ...
//          next()  ─────────────────────>  runs to its end
//          nullptr <─────────────────────  and is gone. In Python: StopIteration
//
// The notes:     协程 (what a coroutine is), 协程简单例子 (a simple one: A yields, B asks)
// Type:          demo
// You will see:  what demo.txt shows: the notes' dialogue; a coroutine that does nothing until it is asked, and
//                cleans up when nobody asks any more; an endless sequence; lines put together from pieces, which is what
//                every program on TCP has to do

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

// ---- The notes' dialogue --------------------------------------------------------------------------------

net::generator<int> a_body() {
    for (int a = 1; a < 4; ++a) {
        say("A a = ", a);
        co_yield a;
    }
}

void b_body(net::generator<int>& a) {
    do say(between_stars("B"));
    while (a.next());
}

// ---- When it runs ---------------------------------------------------------------------------------------

struct announced {
    ~announced() { say("  (its variables are destroyed)"); }
};

net::generator<int> slow_start() {
    const announced variable;
    say("  begins");
    for (int i = 0;; ++i) {
        co_yield i;
        say("  goes on");
    }
}

void only_when_asked() {
    heading("It does what it is asked for, and no more");
    say("calling it:");
    auto numbers = slow_start();
    say("  nothing has happened yet");
    for (int round = 0; round < 2; ++round) {
        say("asking:");
        say("  got ", *numbers.next());
    }
    say("leaving it in the middle of its endless loop:");
}

// ---- What it is good for --------------------------------------------------------------------------------

net::generator<unsigned> squares() {
    for (unsigned i = 1;; ++i) co_yield i* i;
}

/// What a connection might bring, receive after receive.
net::generator<std::string_view> pieces() {
    co_yield "GET / HT";
    co_yield "TP/1.1\r\nHost: exam";
    co_yield "ple.com\r\n\r";
    co_yield "\n";
}

/// Whole lines out of such pieces. Two loops, one inside the other, and `return` in the middle: as a class with a
/// member function next() all that would have to become variables, and a switch over where we were.
net::generator<const std::string&> lines(net::generator<std::string_view> from) {
    std::string line;
    for (const std::string_view piece : from)
        for (const char c : piece) {
            if (c == '\n') {
                co_yield line;
                line.clear();
            } else if (c != '\r') {
                line += c;
            }
        }
    if (!line.empty()) co_yield line;
}

void demonstrate() {
    heading("协程简单例子: the notes' dialogue");
    auto a = a_body();
    b_body(a);

    only_when_asked();

    heading("It may be endless");
    for (const unsigned square : squares()) {
        if (square > 50) break;
        say(square);
    }

    heading("One feeds another: lines out of what a connection brings");
    for (const std::string& line : lines(pieces())) say('"', line, '"');

    heading("Its own CPU context?");
    say("The notes say that a coroutine carries one. This one carries its variables and the place where it");
    say("stopped, ", sizeof a,
        " bytes here and the rest in one piece of memory of some dozens. It runs on the stack of the");
    say("one who asks, and so it can pause only in its own body, not in a function that it has called.");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

A function that pauses, and is asked to go on: the notes' first coroutine. A demonstration.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"it takes no arguments"};
        demonstrate();
    });
}

// examples/22_generator/demo.cpp: functions that pause
//
//        caller                          generator
//          |                               (its frame holds its variables, and the place where it has paused)
//          next()  ─────────────────────>  runs to co_yield
//          value   <─────────────────────  pauses
//          next()  ─────────────────────>  continues behind co_yield
//          ...
//          next()  ─────────────────────>  runs to its end
//          nullptr <─────────────────────  has ended. In Python: StopIteration
//
// The notes:     协程 (what a coroutine is), 协程简单例子 (a simple example). Its dialogue of A and B is generator.cpp
// Type:          demo
// You will see:  what demo.txt shows: a generator does nothing before the caller asks, and destroys its variables when the
//                caller drops it; an endless sequence; lines made of pieces, as every program on TCP needs them

#include <netnotes/coro.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

// ---- When it runs ---------------------------------------------------------------------------------------

/// Says when it is destroyed.
struct announced {
    ~announced() { say("  destroys its variables"); }
};

net::generator<int> slow_start() {
    const announced variable;
    say("  begins");
    for (int i = 0;; ++i) {
        co_yield i;
        say("  continues");
    }
}

void runs_on_demand() {
    heading("A generator runs when the caller asks for a value");
    say("the call:");
    auto numbers = slow_start();
    say("  nothing of the body has run");
    for (int round = 0; round < 2; ++round) {
        say("next():");
        say("  returned ", *numbers.next());
    }
    say("its destructor, in the middle of its endless loop:");
}

// ---- Uses of a generator --------------------------------------------------------------------------------

net::generator<unsigned> squares() {
    for (unsigned i = 1;; ++i) co_yield i* i;
}

/// Yields the bytes of a request as several receives may return them.
net::generator<std::string_view> pieces() {
    co_yield "GET / HT";
    co_yield "TP/1.1\r\nHost: exam";
    co_yield "ple.com\r\n\r";
    co_yield "\n";
}

/// Yields whole lines made of such pieces. It has a loop inside a loop, and pauses in the middle of both. A class with a
/// member function next() would need variables instead, and a switch over the place where it has stopped.
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
    runs_on_demand();

    heading("A generator may be endless");
    for (const unsigned square : squares()) {
        if (square > 50) break;
        say(square);
    }

    heading("A generator may use another: lines out of pieces");
    for (const std::string& line : lines(pieces())) say('"', line, '"');

    heading("Has a coroutine a CPU context of its own?");
    say("The notes say so. A generator has its variables, and the place where it has paused. The object has ",
        sizeof(net::generator<int>), " bytes.");
    say("It points to a frame of some dozens. The generator runs on the stack of its caller, so it can pause only in");
    say("its own body, not in a function that it calls.");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

A demonstration of functions that pause: generators.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"it takes no arguments"};
        demonstrate();
    });
}

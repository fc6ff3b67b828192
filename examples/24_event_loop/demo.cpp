// examples/24_event_loop/demo.cpp: many tasks in one thread, and who has his turn
//
//        one thread:   | 1 | 2 | 1 | 2 | . . . all wait . . . | 1 | 2 |
//                          ^ a task waits, and the loop goes on with the next that can
//
// The notes tell it with gevent: tasks are spawned, and change places when they wait. With nothing to wait for they do
// not change places at all; and one that only computes keeps all the others from running.
//
// The notes:     协程问题 (who switches?), 例子 (the 1:N model), gevent 使用例子 (spawn and join), gevent 切换执行 (sleep
//                gives way)
// Type:          demo
// You will see:  what demo.txt shows: the two orders that the notes print; a task that starves the others, how
//                the loop's watchdog names it, and the cure; and a million switches. Sleeping takes no time here, for
//                the loop keeps a clock of its own, which jumps ahead when all wait

#include <netnotes/coro.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- gevent 使用例子, gevent 切换执行 -----------------------------------------------------------------------

net::task<> count(std::string name, net::duration pause) {
    for (int i = 0; i < 3; ++i) {
        say("this is ", name, " at NO.", i);
        if (pause > 0s) co_await net::sleep_for(pause);
    }
}

net::task<> both(net::duration pause) {
    auto g1 = net::spawn(count("g1", pause));  // begins when we wait
    auto g2 = net::spawn(count("g2", pause));
    co_await g1.join();
    co_await g2.join();
}

void spawn_and_join(net::duration pause) {
    net::event_loop loop{{.virtual_time = true}};
    const net::time_point begin = loop.now();
    loop.run(both(pause));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(loop.now() - begin);
    say("and that took ", took.count(), " ms, where one after the other takes ", 6 * pause / 1ms);
}

// ---- 协程问题: who switches? ---------------------------------------------------------------------------------

net::task<> look(std::vector<std::thread::id>& seen) {
    co_await net::yield();
    seen.push_back(std::this_thread::get_id());
}

net::task<> three(std::vector<std::thread::id>& seen) {
    for (int i = 0; i < 3; ++i) net::spawn(look(seen));
    while (seen.size() < 3) co_await net::yield();
}

void one_thread() {
    std::vector<std::thread::id> seen;
    net::event_loop loop;
    loop.run(three(seen));
    const bool same = std::ranges::count(seen, std::this_thread::get_id()) == 3;
    say("three tasks ran, in ", same ? "this one thread" : "several threads", ". The kernel knows nothing of them: it");
    say("is the loop that goes on with one of them, inside run(), as a call; and it has its turn when a task waits.");
}

// ---- 例子: one who only computes -----------------------------------------------------------------------------

bool finished = false;

net::task<> ticker(int& ticks) {
    for (; !finished; co_await net::yield()) ++ticks;
}

net::task<> compute(bool kindly) {
    for (int step = 0; step < 10; ++step) {
        // Something long: 3 ms of work.
        for (const auto end = net::clock::now() + 3ms; net::clock::now() < end;) {
        }
        if (kindly) co_await net::yield();
    }
    finished = true;
}

net::task<> beside(bool kindly, int& ticks) {
    finished = false;
    auto others = net::spawn(ticker(ticks), "the ticker");
    auto computes = net::spawn(compute(kindly), "the one who computes");
    co_await computes.join();
    co_await others.join();
}

const char* too_long = "nobody";

void starvation() {
    net::loop_options watched{.slow_after = 20ms, .slow = [](const char* name, net::duration) { too_long = name; }};
    for (const bool kindly : {false, true}) {
        int ticks = 0;
        net::event_loop loop{kindly ? net::loop_options{} : watched};
        loop.run(beside(kindly, ticks));
        say(kindly ? "with `co_await yield()` after each of ten steps" : "one computes for 30 ms",
            "; turns of another meanwhile: ", ticks);
        if (!kindly) say("  the watchdog, who allows 20 ms, complains of ", too_long);
    }
}

// ---- a million switches -------------------------------------------------------------------------------------

net::task<> switches(long& count, long most) {
    for (; count < most; co_await net::yield()) ++count;
}

net::task<> two_of_them(long& count, long most) {
    auto other = net::spawn(switches(count, most));
    co_await switches(count, most);
    co_await other.join();
}

void a_million() {
    long count = 0;
    net::event_loop loop;
    const auto begin = net::clock::now();
    loop.run(two_of_them(count, 3'000'000));
    const std::chrono::duration<double> took = net::clock::now() - begin;
    say("The notes: \"a million switches a second is no burden\". ",
        static_cast<double>(count) / took.count() > 1e6 ? "More than a million" : "Less than a million",
        " a second, here and now.");
}

void demonstrate() {
    heading("gevent 使用例子: nothing to wait for, and so one after the other");
    spawn_and_join(0s);
    heading("gevent 切换执行: each sleeps for 0.3 s, and the other has his turn");
    spawn_and_join(300ms);
    heading("协程问题: who switches?");
    one_thread();
    heading("例子: one who only computes");
    starvation();
    heading("协程和线程差异: a million switches");
    a_million();
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Many tasks in one thread: spawn and join, who has his turn, and who takes all of them. A demonstration.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"it takes no arguments"};
        demonstrate();
    });
}

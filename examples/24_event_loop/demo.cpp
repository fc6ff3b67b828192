// examples/24_event_loop/demo.cpp: many tasks in one thread
//
//        one thread:   | 1 | 2 | 1 | 2 | . . . all wait . . . | 1 | 2 |
//                          ^ a task waits, and the loop resumes the next task that is ready
//
// The notes show it with gevent: tasks are spawned, and another task runs when a task waits. A task that only computes keeps
// all other tasks waiting.
//
// The notes:     协程问题 (which function switches?), 例子 (the 1:N model), gevent 切换执行 (sleeping). The two programs are
//                spawn_join.cpp and sleep_switch.cpp
// Type:          demo
// You will see:  what demo.txt shows: a loop whose clock jumps; the thread of three tasks; a task that starves the others,
//                how the loop's watchdog names it, and the cure; and a million switches

#include <netnotes/coro.hpp>

#include "../demo.hpp"

#include <algorithm>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- gevent 切换执行 ------------------------------------------------------------------------------------------

net::task<> sleep_repeatedly() {
    for (int i = 0; i < 3; ++i) co_await net::sleep_for(20min);
}

net::task<> both() {
    auto g1 = net::spawn(sleep_repeatedly());
    auto g2 = net::spawn(sleep_repeatedly());
    co_await g1.join();
    co_await g2.join();
}

void sleep_for_an_hour() {
    net::event_loop loop{{.virtual_time = true}};
    const net::time_point begin = loop.now();
    loop.run(both());
    const auto took = std::chrono::duration_cast<std::chrono::minutes>(loop.now() - begin);
    say("two tasks sleep three times for 20 minutes each; by the loop's clock that took ", took.count(), " minutes");
    say("This loop has a clock that jumps to the next timer when all tasks wait, so you did not have to wait.");
}

// ---- 协程问题: the function that switches ---------------------------------------------------------------------------------

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
    say("three tasks have run, in ", same ? "this thread only" : "several threads", ". The kernel does not know them.");
    say("The loop resumes a task by a call, inside run(). The call returns when the task waits.");
}

// ---- 例子: a task that only computes -----------------------------------------------------------------------------

bool finished = false;

net::task<> ticker(int& ticks) {
    for (; !finished; co_await net::yield()) ++ticks;
}

net::task<> compute(bool kindly) {
    for (int step = 0; step < 10; ++step) {
        // computes for 3 ms
        for (const auto end = net::clock::now() + 3ms; net::clock::now() < end;) {
        }
        if (kindly) co_await net::yield();
    }
    finished = true;
}

net::task<> beside(bool kindly, int& ticks) {
    finished = false;
    auto others = net::spawn(ticker(ticks), "the ticker");
    auto computes = net::spawn(compute(kindly), "the computing task");
    co_await computes.join();
    co_await others.join();
}

const char* too_long = "no task";

void starvation() {
    net::loop_options watched{.slow_after = 20ms, .slow = [](const char* name, net::duration) { too_long = name; }};
    for (const bool kindly : {false, true}) {
        int ticks = 0;
        net::event_loop loop{kindly ? net::loop_options{} : watched};
        loop.run(beside(kindly, ticks));
        say(kindly ? "with `co_await yield()` after each of ten steps" : "a task computes for 30 ms",
            "; turns of another task meanwhile: ", ticks);
        if (!kindly) say("  the loop's watchdog, which allows 20 ms, reports ", too_long);
    }
}

// ---- a million switches -------------------------------------------------------------------------------------

net::task<> switches(long& count, long most) {
    for (; count < most; co_await net::yield()) ++count;
}

net::task<> two_tasks(long& count, long most) {
    auto other = net::spawn(switches(count, most));
    co_await switches(count, most);
    co_await other.join();
}

void a_million() {
    long count = 0;
    net::event_loop loop;
    const auto begin = net::clock::now();
    loop.run(two_tasks(count, 3'000'000));
    const std::chrono::duration<double> took = net::clock::now() - begin;
    say("The notes say that a million switches a second are possible. This machine now makes ",
        static_cast<double>(count) / took.count() > 1e6 ? "more" : "less", " than that.");
}

void demonstrate() {
    heading("gevent 切换执行: sleep in a clock that jumps");
    sleep_for_an_hour();
    heading("协程问题: which function switches?");
    one_thread();
    heading("例子: a task that only computes");
    starvation();
    heading("协程和线程差异: a million switches");
    a_million();
}

constexpr std::string_view help = R"(usage: demo
       demo --help

A demonstration of many tasks in one thread: a clock that jumps, a task that starves the others, a million switches.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"it takes no arguments"};
        demonstrate();
    });
}

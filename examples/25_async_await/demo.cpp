// examples/25_async_await/demo.cpp: waiting for several tasks at once
//
//        when_all      a ────────●                both results, when the last task has ended
//                      b ──────────────●
//        when_any      a ────────●                the first result; the other task is cancelled, and has ended
//                      b ────────x
//        with_timeout  a ────────|x               or errc::timed_out
//        with_group    any number of tasks; if one fails, all others are cancelled, and have ended
//        async_connect is made of these: a task for each address of a host, and the first connection wins
//
// In each case, no task that was begun inside the call runs on after it.
//
// The notes:     asyncio, async/await (three headings there, without a text). fetch.cpp and netcat.cpp use the network
// Type:          demo
// You will see:  what demo.txt shows. The waiting takes no time: the loop's clock jumps when all tasks wait

#include <netnotes/coro.hpp>
#include <netnotes/tcp.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

net::time_point start;

/// Returns the milliseconds that have passed by the loop's clock.
std::string at() {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(net::event_loop::current().now() - start);
    std::string text = std::to_string(passed.count());
    return "  " + std::string(4 - text.size(), ' ') + text + " ms  ";
}

/// Says when it begins and how it ends. Its destructor also runs when the task is cancelled.
class visit {
  public:
    explicit visit(std::string name) : name_{std::move(name)} { say(at(), name_, " begins"); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() { say(at(), name_, done_ ? " is done" : " is cancelled and cleans up"); }
    void done() { done_ = true; }

  private:
    std::string name_;
    bool done_ = false;
};

/// Waits for `time` and returns the length of the name.
net::task<std::size_t> fetch(std::string page, net::duration time) {
    visit here{page};
    co_await net::sleep_for(time);
    here.done();
    co_return page.size();
}

net::task<> fails(net::duration after) {
    co_await net::sleep_for(after);
    throw std::runtime_error{"no such page"};
}

net::task<> all() {
    // The first page of coro/task.hpp lists the longer expressions that g++ 12 compiles wrongly.
    auto [a, b] = co_await net::when_all(fetch("/index", 200ms), fetch("/news", 100ms));
    say(at(), "both: ", a, " and ", b, " characters");
}

net::task<> any() {
    auto first = co_await net::when_any(fetch("mirror 1", 300ms), fetch("mirror 2", 100ms));
    say(at(), "the first result is that of number ", first.index() + 1);
}

net::task<> limited() {
    try {
        co_await net::with_timeout(150ms, fetch("/slow", 2s));
    } catch (const std::system_error& error) {
        say(at(), "with_timeout throws: ", error.code().message());
    }
    const std::size_t size = co_await net::with_timeout(150ms, fetch("/quick", 100ms));
    say(at(), "the quick page came in time: ", size, " characters");
}

net::task<> group() {
    const auto body = [](net::task_group& tasks) -> net::task<> {
        for (int i = 1; i <= 3; ++i) {
            const auto page = [](int number) -> net::task<> {
                co_await fetch("/page/" + std::to_string(number), number * 100ms);
            };
            tasks.spawn(page(i));
        }
        tasks.spawn(fails(150ms));
        co_return;
    };
    try {
        co_await net::with_group(body);
    } catch (const std::runtime_error& error) {
        say(at(), "with_group throws: ", error.what());
    }
}

net::task<> cancelled() {
    auto reader = net::spawn(fetch("/endless", 1h));
    co_await net::sleep_for(50ms);
    reader.cancel();
    try {
        co_await reader.join();
    } catch (const std::system_error& error) {
        say(at(), "join() throws: ", error.code().message());
    }
}

net::task<> produce(net::channel<int>& numbers) {
    for (int i = 1; i <= 4; ++i) {
        co_await numbers.send(i);
        say(at(), "sent ", i);
    }
    numbers.close();
}
net::task<> consume(net::channel<int>& numbers) {
    for (;;) {
        const auto number = co_await numbers.receive();
        if (!number) break;
        say(at(), "received ", *number);
        co_await net::sleep_for(10ms);
    }
}
net::task<> a_channel() {
    net::channel<int> numbers{1};
    co_await net::when_all(produce(numbers), consume(numbers));
}

net::task<> connecting() {
    const net::ip_address here = net::ipv4_address::loopback();
    const net::tcp_listener listener{{here, 0}}, silent{{here, 0}, {.backlog = 0}};
    const net::tcp_stream fills_its_queue{silent.local_endpoint()};  // from here on the kernel drops new clients there
    std::vector<net::endpoint> host;  // async_connect(name, port) looks a name up in a thread
    host.push_back(silent.local_endpoint());
    host.push_back(listener.local_endpoint());
    const net::async_stream stream = co_await net::async_connect(host);
    const bool second = stream.peer_endpoint().ip() == listener.local_endpoint();
    say(at(), "connected to the ", second ? "second" : "first",
        " address; a client without Happy Eyeballs waits for two minutes");
}

void part(std::string_view title, net::task<> what) {
    heading(title);
    net::event_loop loop{{.virtual_time = true}};
    start = loop.now();
    loop.run(std::move(what));
}

void demonstrate() {
    part("when_all: waits of 200 ms and 100 ms take 200 ms", all());
    part("when_any: the first result", any());
    part("with_timeout: a task that takes too long", limited());
    part("with_group: the first failure cancels the other tasks", group());
    part("cancel: destructors run", cancelled());
    part("a channel with room for one value: the faster task waits", a_channel());
    part("async_connect: the first address does not answer", connecting());
}

constexpr std::string_view help = R"(usage: demo
       demo --help

A demonstration of several tasks at once: all results, the first result, a time limit, a group.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"it takes no arguments"};
        demonstrate();
    });
}

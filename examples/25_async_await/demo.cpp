// examples/25_async_await/demo.cpp: several things at once, inside a function
//
//        when_all      a ────────●                both results, when the last has come
//                      b ──────────────●
//        when_any      a ────────●                the first; the other is cancelled, and has ended
//                      b ────────x
//        with_timeout  a ────────|x               or errc::timed_out
//        with_group    any number, as they come; when one fails, all others are cancelled, and have ended
//        async_connect is made of these: a task for each address of a host, and the first that stands is it
//
// Whatever way it ends, nothing that was begun inside runs on outside.
//
// The notes:     asyncio, async/await (three headings there, without a text)
// Type:          demo
// You will see:  what demo.txt shows. The waiting takes no time: the loop's clock jumps ahead when all wait

#include <netnotes/coro.hpp>
#include <netnotes/tcp.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

net::time_point start;

/// So many milliseconds have passed by the loop's clock.
std::string at() {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(net::event_loop::current().now() - start);
    std::string text = std::to_string(passed.count());
    return "  " + std::string(4 - text.size(), ' ') + text + " ms  ";
}

/// Whatever way it is left, it says so: a destructor runs when a task is cancelled, as in any function.
class visit {
  public:
    explicit visit(std::string name) : name_{std::move(name)} { say(at(), name_, " begins"); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() { say(at(), name_, done_ ? " is done" : " is cancelled, and cleans up"); }
    void done() { done_ = true; }

  private:
    std::string name_;
    bool done_ = false;
};

/// Something that takes a while, and gives its length.
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
    // Named first, and then awaited: see the first page of coro/task.hpp for what g++ 12 makes of some longer expressions.
    auto [a, b] = co_await net::when_all(fetch("/index", 200ms), fetch("/news", 100ms));
    say(at(), "both: ", a, " and ", b, " characters");
}

net::task<> any() {
    auto first = co_await net::when_any(fetch("mirror 1", 300ms), fetch("mirror 2", 100ms));
    say(at(), "the first was number ", first.index() + 1);
}

net::task<> limited() {
    try {
        co_await net::with_timeout(150ms, fetch("/slow", 2s));
    } catch (const std::system_error& error) {
        say(at(), "with_timeout says: ", error.code().message());
    }
    const std::size_t size = co_await net::with_timeout(150ms, fetch("/quick", 100ms));
    say(at(), "and the quick one in time: ", size);
}

net::task<> group() {
    const auto body = [](net::task_group& tasks) -> net::task<> {
        for (int i = 1; i <= 3; ++i) {
            const auto one = [](int number) -> net::task<> {
                co_await fetch("/page/" + std::to_string(number), number * 100ms);
            };
            tasks.spawn(one(i));
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
    const net::tcp_stream fills_its_queue{silent.local_endpoint()};  // from here on the kernel drops who knocks there
    std::vector<net::endpoint> host;  // with a name, async_connect(name, port) looks it up in a thread
    host.push_back(silent.local_endpoint());
    host.push_back(listener.local_endpoint());
    const net::async_stream stream = co_await net::async_connect(host);
    const bool second = stream.peer_endpoint().ip() == listener.local_endpoint();
    say(at(), "connected to the ", second ? "second" : "first", " address, and not in two minutes");
}

void part(std::string_view title, net::task<> what) {
    heading(title);
    net::event_loop loop{{.virtual_time = true}};
    start = loop.now();
    loop.run(std::move(what));
}

void demonstrate() {
    part("when_all: 300 ms of waiting in 200", all());
    part("when_any: who comes first", any());
    part("with_timeout: who comes too late", limited());
    part("with_group: the first failure cancels the rest", group());
    part("cancel: destructors run", cancelled());
    part("a channel of one place: the faster one waits", a_channel());
    part("async_connect: the first address is silent", connecting());
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Several things at once, inside a function: all of them, the first, with a limit, in a group. A demonstration.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"it takes no arguments"};
        demonstrate();
    });
}

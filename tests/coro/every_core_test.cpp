// What coro/every_core.hpp promises: a loop in each of several threads, and one end for all of them.

#include <netnotes/coro/every_core.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/stream.hpp>
#include <netnotes/tcp/stream.hpp>

#include "../support.hpp"

#include <sched.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Counts the threads that have arrived. The last of them resumes all.
class meeting {
  public:
    explicit meeting(unsigned count) : count_{count} {}
    void arrive_and_wait() {
        if (++arrived_ == count_) arrived_.notify_all();
        for (unsigned there = arrived_; there < count_; there = arrived_) arrived_.wait(there);
    }

  private:
    unsigned count_;
    std::atomic<unsigned> arrived_{0};
};

net::task<> waits_for_ever() { co_await net::sleep_for(net::never); }
net::task<> fails(const char* why) {
    co_await net::yield();
    throw std::runtime_error{why};
}

net::task<> echo(net::async_stream client) {
    for (;;) {
        const auto bytes = co_await client.recv();
        if (bytes.empty()) break;
        co_await client.send_all(bytes);
    }
}
net::task<> serve(net::async_listener listener, std::atomic<unsigned>& served) {
    for (;;) {
        auto next = co_await listener.accept();
        ++served;
        net::spawn(echo(std::move(next.stream)));
    }
}

}  // namespace

TEST_CASE("each thread has a loop and an index of its own, and the caller's is the first") {
    net::stop_event stop;
    std::mutex lock;
    std::set<unsigned> indices;
    std::set<std::thread::id> threads;
    std::set<const void*> loops;
    std::thread::id first;
    meeting all{4};
    const auto make = [&](net::event_loop& loop, unsigned index) -> net::task<> {
        {
            const std::lock_guard here{lock};
            indices.insert(index);
            threads.insert(std::this_thread::get_id());
            loops.insert(&loop);
            if (index == 0) first = std::this_thread::get_id();
        }
        all.arrive_and_wait();  // so all live at once
        co_return;
    };
    CHECK(net::run_on_every_core(make, stop, {.threads = 4}));
    CHECK(indices == std::set<unsigned>{0, 1, 2, 3});
    CHECK(threads.size() == 4);
    CHECK(loops.size() == 4);
    CHECK(first == std::this_thread::get_id());
    CHECK(!stop.stop_requested());
}

TEST_CASE("a stop ends them all") {
    net::stop_event stop;
    const auto make = [&](net::event_loop&, unsigned index) -> net::task<> {
        if (index == 2) stop.request_stop();
        return waits_for_ever();
    };
    CHECK(!net::run_on_every_core(make, stop, {.threads = 3}));
}

TEST_CASE("the exception of one comes out, when all others have been stopped") {
    for (unsigned who = 0; who < 3; ++who) {
        net::stop_event stop;
        std::atomic<int> ended{0};
        struct counting {
            explicit counting(std::atomic<int>& shared) : count{shared} {}
            counting(const counting&) = delete;
            counting& operator=(const counting&) = delete;
            ~counting() { ++count; }
            std::atomic<int>& count;
        };
        const auto others = [&]() -> net::task<> {
            const counting at_the_end{ended};
            co_await waits_for_ever();
        };
        const auto make = [&](net::event_loop&, unsigned index) -> net::task<> {
            return index == who ? fails("one has failed") : others();
        };
        CHECK_THROWS_WITH(net::run_on_every_core(make, stop, {.threads = 3}), "one has failed");
        CHECK(ended == 2);
        CHECK(stop.stop_requested());
    }
}

TEST_CASE("what making the task throws comes out as well") {
    net::stop_event stop;
    const auto make = [&](net::event_loop&, unsigned index) -> net::task<> {
        if (index == 1) throw std::runtime_error{"no task for this loop"};
        return waits_for_ever();
    };
    CHECK_THROWS_WITH(net::run_on_every_core(make, stop, {.threads = 2}), "no task for this loop");
}

TEST_CASE("several loops serve one port, and the clients are shared out") {
    constexpr unsigned threads = 3;
    net::stop_event stop;
    std::vector<net::tcp_listener> listeners;
    net::endpoint where{net::ipv4_address::loopback(), 0};
    for (unsigned i = 0; i < threads; ++i) {
        listeners.emplace_back(where, net::listen_options{.reuse_port = true});
        where = listeners.front().local_endpoint();
    }
    std::atomic<unsigned> served[threads] = {};
    const auto make = [&](net::event_loop& loop, unsigned index) {
        return serve(net::async_listener{loop, std::move(listeners[index]).into_socket()}, served[index]);
    };
    support::background server{
        [&] { return net::run_on_every_core(make, stop, {.threads = threads, .pinned = true}); }};
    unsigned right = 0;
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 60; ++i) {
        net::tcp_stream& client = clients.emplace_back(where);
        client.send_all("hello");
        std::string answer(5, '\0');
        client.recv_exact(answer);
        right += answer == "hello";
    }
    stop.request_stop();
    CHECK(!server.get());
    CHECK(right == 60);
    CHECK(served[0] + served[1] + served[2] == 60);
    // By a hash of addresses and ports: that one has none of sixty has a chance of one in ten thousand millions.
    for (const auto& count : served) CHECK(count > 0);
}

TEST_CASE("a server on several cores serves, goes on after a reset, and ends with the stop") {
    net::stop_event stop;
    auto listeners = net::listen_on_every_core({net::ipv4_address::loopback(), 0}, 3);
    REQUIRE(listeners.size() == 3);
    const net::endpoint where = listeners.front().local_endpoint();
    for (const auto& each : listeners) CHECK(each.local_endpoint() == where);
    std::mutex lock;
    std::set<std::thread::id> threads;
    const auto talk = [&](net::async_stream client) -> net::task<> {
        {
            const std::lock_guard here{lock};
            threads.insert(std::this_thread::get_id());
        }
        return echo(std::move(client));
    };
    net::serve_options limits;
    limits.on_error = nullptr;
    support::background server{[&] {
        net::serve_on_every_core(std::move(listeners), talk, stop, limits);
        return true;
    }};
    for (int i = 0; i < 60; ++i) {
        net::tcp_stream client{where};
        client.send_all("hello");
        std::string answer(5, '\0');
        client.recv_exact(answer);
        CHECK(answer == "hello");
        if (i % 2 == 0) client.set_option(net::option::linger{std::chrono::seconds{0}});
    }
    net::tcp_stream last{where};
    last.send_all("x");
    std::string answer(1, '\0');
    last.recv_exact(answer);
    stop.request_stop();
    CHECK(last.recv(answer) == 0);  // the stop ends the stream in order
    last.close();
    CHECK(server.get());
    CHECK(threads.size() == 3);
}

TEST_CASE("a server on several cores throws what listening throws, and needs a listener") {
    net::stop_event stop;
    const net::tcp_listener taken{{net::ipv4_address::loopback(), 0}};
    CHECK_THROWS_AS(net::serve_on_every_core(taken.local_endpoint(), echo, stop), std::system_error);
    CHECK_THROWS_AS(net::serve_on_every_core(std::vector<net::tcp_listener>{}, echo, stop), std::invalid_argument);
    stop.request_stop();
    net::serve_on_every_core({net::ipv4_address::loopback(), 0}, echo, stop, {}, {.threads = 2});
}

TEST_CASE("where the caller may run is as it was") {
    cpu_set_t before, after;
    REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
    net::stop_event stop;
    const auto make = [](net::event_loop&, unsigned) -> net::task<> { co_return; };
    CHECK(net::run_on_every_core(make, stop, {.pinned = true}));
    REQUIRE(::sched_getaffinity(0, sizeof after, &after) == 0);
    CHECK(CPU_EQUAL(&before, &after));
    CHECK(net::core_count() == static_cast<unsigned>(CPU_COUNT(&before)));
}

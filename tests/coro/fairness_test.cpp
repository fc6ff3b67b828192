// What every wait of coro/ promises: a task that tries again and again what completes or fails at once does not keep the
// other tasks waiting, and a cancelled task that swallows its cancellation does not either.

#include <netnotes/coro/buffered.hpp>
#include <netnotes/coro/connect.hpp>
#include <netnotes/coro/datagram.hpp>
#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/group.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/lookup.hpp>
#include <netnotes/coro/signal.hpp>
#include <netnotes/coro/stream.hpp>
#include <netnotes/coro/sync.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <sys/resource.h>

#include <array>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct shared {
    bool is_over = false;
    long rounds = 0;
};
constexpr long too_many = 1'000'000;  // a task that has made as many rounds is never going to leave its turn

/// Calls `attempt()`, a task, until another task says that it is over. Swallows whatever it throws.
template <class Attempt>
net::task<> retry(shared& all, Attempt& attempt) {
    while (!all.is_over && ++all.rounds < too_many) {
        try {
            co_await attempt();
        } catch (...) {  // this is what must not starve the others
        }
    }
}
net::task<> end_soon(shared& all) {
    co_await net::sleep_for(1ms);  // a timer, so the loop must have polled
    all.is_over = true;
}
/// Returns true if the other task has had its turn.
template <class Attempt>
bool is_fair(Attempt attempt) {
    test_loop loop;
    shared all;
    const auto main = [](shared& of, Attempt& what) -> net::task<> {
        auto other = net::spawn(end_soon(of));
        co_await retry(of, what);
        co_await other.join();
    };
    loop.run(main(all, attempt));
    return all.rounds < too_many;
}
/// The same for a task that is cancelled while it retries.
template <class Attempt>
bool is_fair_when_cancelled(Attempt attempt) {
    test_loop loop;
    shared all;
    const auto main = [](shared& of, Attempt& what) -> net::task<> {
        auto stubborn = net::spawn(retry(of, what));
        stubborn.cancel();
        auto other = net::spawn(end_soon(of));
        co_await other.join();
        co_await stubborn.join();
    };
    loop.run(main(all, attempt));
    return all.rounds < too_many;
}

net::task<> nothing() { co_return; }
net::task<int> number() { co_return 1; }
net::task<> sleeps() { co_await net::sleep_for(net::never); }
net::task<> fails() {
    throw std::runtime_error{"fails at once"};
    co_return;
}

}  // namespace

TEST_CASE("operations on a closed socket fail, and a task that retries them leaves its turn") {
    net::async_stream stream;
    net::async_listener listener;
    net::async_datagram datagrams;
    net::async_buffered_stream lines;
    std::array<std::byte, 8> room{};
    std::size_t filled = 0;
    CHECK(is_fair([&]() -> net::task<> { co_await stream.recv(); }));
    CHECK(is_fair([&]() -> net::task<> { co_await stream.recv(room); }));
    CHECK(is_fair([&]() -> net::task<> { co_await stream.recv({}); }));
    CHECK(is_fair([&]() -> net::task<> { co_await stream.recv_exact(room, filled); }));
    CHECK(is_fair([&]() -> net::task<> { co_await stream.send("x"); }));
    CHECK(is_fair([&]() -> net::task<> { co_await stream.send_all("x"); }));
    CHECK(is_fair([&]() -> net::task<> { co_await stream.send_all(""); }));
    CHECK(is_fair([&]() -> net::task<> { co_await listener.accept(); }));
    CHECK(is_fair([&]() -> net::task<> { co_await datagrams.recv_from(room); }));
    CHECK(is_fair([&]() -> net::task<> { co_await datagrams.send_to("x", net::endpoint{net::ipv4_address::loopback(), 9}); }));
    CHECK(is_fair([&]() -> net::task<> { co_await lines.recv_line(); }));
    CHECK(is_fair([&]() -> net::task<> { co_await lines.recv_exact(3); }));
    CHECK(is_fair([&]() -> net::task<> { co_await lines.write("x"); }));
    CHECK(is_fair([&]() -> net::task<> { co_await lines.flush(); }));
    CHECK(lines.unsent() == 0);
}

TEST_CASE("every operation on a closed socket fails with bad_file_descriptor") {
    test_loop loop;
    const auto main = []() -> net::task<std::vector<std::error_code>> {
        std::vector<std::error_code> found;
        auto [one, other] = net::socket_pair();
        net::async_stream stream{std::move(one)};
        stream.close();
        net::async_buffered_stream lines{net::async_stream{std::move(other)}};
        lines.stream().close();
        std::array<std::byte, 8> room{};
        const auto note = [&found](const std::system_error& error) { found.push_back(error.code()); };
        try { co_await stream.recv(); } catch (const std::system_error& error) { note(error); }
        try { co_await stream.recv(room); } catch (const std::system_error& error) { note(error); }
        try { co_await stream.recv(std::span<std::byte>{}); } catch (const std::system_error& error) { note(error); }
        try { co_await stream.recv_exact(room); } catch (const std::system_error& error) { note(error); }
        try { co_await stream.send("x"); } catch (const std::system_error& error) { note(error); }
        try { co_await stream.send_all(""); } catch (const std::system_error& error) { note(error); }
        try { co_await stream.send_all("x"); } catch (const std::system_error& error) { note(error); }
        try { co_await lines.recv_line(); } catch (const std::system_error& error) { note(error); }
        try { co_await lines.write("x"); } catch (const std::system_error& error) { note(error); }
        try { co_await lines.flush(); } catch (const std::system_error& error) { note(error); }
        co_return found;
    };
    const auto found = loop.run(main());
    CHECK(found.size() == 10);
    for (const std::error_code& error : found) CHECK(error == std::errc::bad_file_descriptor);
}

TEST_CASE("operations that fail at once leave the turn to the others") {
    const auto closed = net::endpoint{net::ipv4_address::loopback(), 0};
    net::channel<int> channel{1};
    channel.close();
    CHECK(is_fair([&]() -> net::task<> { co_await channel.send(1); }));
    CHECK(is_fair([&]() -> net::task<> { co_await channel.receive(); }));
    CHECK(is_fair([&]() -> net::task<> {
        net::task<> empty;
        co_await std::move(empty);
    }));
    CHECK(is_fair([&]() -> net::task<> {
        net::join_handle<> empty;
        co_await empty.join();
    }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::when_all(net::task<>{}, sleeps()); }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::when_any(fails(), sleeps()); }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::with_timeout(1s, net::task<>{}); }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::when_all(); }));
    CHECK(is_fair([&]() -> net::task<> {
        const auto throws = [](net::task_group&) -> net::task<> { throw std::runtime_error{"no task is made"}; };
        co_await net::with_group(throws);
    }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::async_connect(std::vector<net::endpoint>{}); }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::async_stream::connect(closed); }));
}

TEST_CASE("a second reader of a stream, or a task of another loop, fails, and leaves the turn when it retries") {
    test_loop elsewhere;
    auto [a, b] = net::socket_pair();
    net::async_stream foreign{elsewhere, std::move(a)};
    CHECK(is_fair([&]() -> net::task<> { co_await foreign.recv(); }));
    CHECK(is_fair([&]() -> net::task<> { co_await foreign.send_all("x"); }));

    test_loop loop;
    shared all;
    const auto main = [](shared& of) -> net::task<> {
        auto [c, d] = net::socket_pair();
        net::async_stream stream{std::move(c)};
        const auto reads = [](net::async_stream& from) -> net::task<> { co_await from.recv(); };
        auto reader = net::spawn(reads(stream));
        co_await net::yield();
        int refused = 0;
        const auto attempt = [](net::async_stream& from, int& count) -> net::task<> {
            try {
                co_await from.recv();
            } catch (const std::logic_error&) {
                ++count;
            }
        };
        auto other = net::spawn(end_soon(of));
        while (!of.is_over && ++of.rounds < too_many) co_await attempt(stream, refused);
        CHECK(refused == of.rounds);
        const auto joins_twice = [](net::join_handle<>& handle) -> net::task<> { co_await handle.join(); };
        auto joiner = net::spawn(joins_twice(reader));
        co_await net::yield();
        of = shared{};
        auto third = net::spawn(end_soon(of));
        const auto again = [&reader]() -> net::task<> { co_await reader.join(); };
        co_await retry(of, again);
        reader.cancel();
        co_await other.join();
        co_await third.join();
        try {
            co_await joiner.join();
        } catch (const std::system_error&) {
        }
    };
    loop.run(main(all));
    CHECK(all.rounds < too_many);
}

TEST_CASE("a task that connects without a free descriptor leaves its turn") {
    test_loop prepared;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    const auto where = net::endpoint{net::ipv4_address::loopback(), 9};
    shared all;
    const auto main = [](shared& of, net::endpoint to, const rlimit& limit) -> net::task<> {
        auto other = net::spawn(end_soon(of));
        const auto attempt = [to]() -> net::task<> { co_await net::async_stream::connect(to); };
        co_await net::yield();
        ::setrlimit(RLIMIT_NOFILE, &limit);
        co_await retry(of, attempt);
        co_await other.join();
    };
    prepared.run(main(all, where, none));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(all.rounds < too_many);
}

TEST_CASE("a look-up of a number needs no thread, and leaves the turn now and then") {
    CHECK(is_fair([&]() -> net::task<> { co_await net::async_resolve("127.0.0.1", "80"); }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::async_resolve("::1", 80); }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::async_resolve("", "80"); }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::async_resolve("127.0.0.1", "65616"); }));
    CHECK(is_fair([&]() -> net::task<> { co_await net::async_resolve("127.1", "80"); }));
    CHECK(is_fair_when_cancelled([&]() -> net::task<> { co_await net::async_resolve("127.0.0.1", "80"); }));
}

TEST_CASE("a cancelled task that swallows its cancellation in a joint wait leaves its turn") {
    CHECK(is_fair_when_cancelled([]() -> net::task<> { co_await net::when_all(); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> { co_await net::when_any(sleeps(), sleeps()); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> { co_await net::when_all(sleeps(), number()); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> { co_await net::when_any(number(), nothing()); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> { co_await net::with_timeout(1h, sleeps()); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> { co_await net::with_timeout(0s, nothing()); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> {
        const auto body = [](net::task_group& group) -> net::task<> {
            group.spawn(sleeps());
            co_return;
        };
        co_await net::with_group(body);
    }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> {
        const auto inner = []() -> net::task<> { co_await net::when_any(sleeps(), fails()); };
        co_await net::when_all(inner(), inner());
    }));
}

TEST_CASE("a cancelled task that swallows its cancellation in any other wait leaves its turn") {
    net::async_event event;
    net::async_semaphore semaphore{0};
    net::async_mutex mutex;
    net::channel<int> channel{0};
    net::async_stream closed;
    CHECK(is_fair_when_cancelled([&]() -> net::task<> { co_await event.wait(); }));
    CHECK(is_fair_when_cancelled([&]() -> net::task<> { const auto held = co_await semaphore.acquire(); }));
    CHECK(is_fair_when_cancelled([&]() -> net::task<> { const auto held = co_await mutex.lock(); }));
    CHECK(is_fair_when_cancelled([&]() -> net::task<> { co_await channel.send(1); }));
    CHECK(is_fair_when_cancelled([&]() -> net::task<> { co_await channel.receive(); }));
    CHECK(is_fair_when_cancelled([&]() -> net::task<> { co_await closed.recv(); }));
    CHECK(is_fair_when_cancelled([&]() -> net::task<> { co_await closed.send_all(""); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> { co_await net::sleep_for(1h); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> { co_await net::yield(); }));
    CHECK(is_fair_when_cancelled([]() -> net::task<> {
        net::join_handle<> empty;
        co_await empty.join();
    }));
}

TEST_CASE("a value that a closed channel refuses is reported each time, and nothing is kept") {
    test_loop loop;
    const auto main = []() -> net::task<int> {
        net::channel<std::string> channel{4};
        co_await channel.send("kept");
        channel.close();
        int refused = 0;
        for (int i = 0; i < 200; ++i) {
            try {
                co_await channel.send("refused");
            } catch (const std::logic_error&) {
                ++refused;
            }
        }
        const auto first = co_await channel.receive();
        const auto second = co_await channel.receive();
        co_return first == "kept" && !second ? refused : -1;
    };
    CHECK(loop.run(main()) == 200);
}

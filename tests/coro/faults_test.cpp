// Tests a loop, its tasks and a server of tasks when the kernel refuses a call, or when there is no memory. Each call
// that they make fails in turn (faults.hpp): the first, the second, and so on to the last. What must come of it is
// always one of two: the work is done as if nothing had been, or there is an error that tells. Never a crash, a hang, a
// lost byte, a lost descriptor or a lost block of memory; and the next client is served.

#include <netnotes/coro.hpp>

#include "../back_end.hpp"
#include "../fault_sweep.hpp"
#include "../support.hpp"

#include <sys/resource.h>

#include <atomic>
#include <functional>
#include <future>
#include <optional>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using faults::account;
using faults::call;
using faults::script;
using faults::session;
using faults::sweep;
using faults::under;
using support::background;
using support::open_descriptors;
using support::pattern;

namespace {

const net::endpoint anywhere_on_loopback{net::ipv4_address::loopback(), 0};

/// What may go wrong with a call that a loop, its tasks or its sockets make.
const std::vector<std::pair<call, int>> all_faults{
    {call::allocate, ENOMEM},
    {call::accept4, EINTR},
    {call::accept4, ECONNABORTED},
    {call::accept4, EMFILE},
    {call::accept4, ENFILE},
    {call::accept4, ENOBUFS},
    {call::accept4, ENOMEM},
    {call::accept4, EPROTO},
    {call::bind, EADDRINUSE},
    {call::close, EINTR},
    {call::close, EIO},
    {call::connect, EINTR},
    {call::connect, EAGAIN},
    {call::connect, ECONNREFUSED},
    {call::connect, ENETUNREACH},
    {call::epoll_create1, EMFILE},
    {call::epoll_ctl, ENOMEM},
    {call::epoll_ctl, ENOSPC},
    {call::epoll_wait, EINTR},
    {call::eventfd, EMFILE},
    {call::eventfd, ENFILE},
    {call::fcntl, EINVAL},
    {call::getpeername, ENOTCONN},
    {call::getpeername, ENOBUFS},
    {call::getsockname, ENOBUFS},
    {call::getsockopt, ENOBUFS},
    {call::io_uring_enter, EINTR},
    {call::io_uring_enter, EAGAIN},
    {call::io_uring_enter, EBUSY},
    {call::io_uring_register, EINVAL},
    {call::io_uring_register, ENOMEM},
    {call::io_uring_setup, EMFILE},
    {call::io_uring_setup, ENOMEM},
    {call::io_uring_setup, ENOSYS},
    {call::io_uring_setup, EPERM},
    {call::listen, EADDRINUSE},
    {call::mmap, ENOMEM},
    {call::read, EINTR},
    {call::recv, EINTR},
    {call::recv, ECONNRESET},
    {call::recv, ENOMEM},
    {call::recv, ETIMEDOUT},
    {call::send, EINTR},
    {call::send, ECONNRESET},
    {call::send, EPIPE},
    {call::send, ENOBUFS},
    {call::setsockopt, ENOMEM},
    {call::shutdown, ENOTCONN},
    {call::socket, EMFILE},
    {call::socket, ENFILE},
    {call::socket, ENOBUFS},
};

// ---- A server of tasks, and clients who are under no script

/// A client gets back the bytes that it sends.
net::task<> echo(net::async_stream client, net::duration patience) {
    try {
        client.set_timeout(patience);
        for (;;) {
            auto bytes = co_await client.recv();
            if (bytes.empty()) break;
            co_await client.send_all(bytes);
        }
    } catch (const std::exception&) {  // this client's end, and nobody else's
    }
}

/// Whatever a stranger can bring about (no descriptor, no memory), it passes, and the next one is served.
net::task<> accept_all(net::async_listener& listener, net::task_group& group, std::atomic<unsigned>& refused) {
    for (;;) {
        bool may_pass = false;
        try {
            auto next = co_await listener.accept();
            group.spawn(echo(std::move(next.stream), 1h));
        } catch (const std::system_error&) {
            may_pass = true;
        } catch (const std::bad_alloc&) {
            may_pass = true;
        }
        if (!may_pass) continue;
        ++refused;
        co_await net::sleep_for(1ms);
    }
}
net::task<> serve(net::async_listener& listener, std::atomic<unsigned>& refused) {
    co_await net::with_group([&](net::task_group& group) { return accept_all(listener, group, refused); });
}
net::task<> serve(net::async_listener& listener) {
    std::atomic<unsigned> refused{0};
    co_await serve(listener, refused);
}

/// Sends all bytes, ends the sending direction, and returns the bytes that come back.
void converse(const net::endpoint& where, const std::string& bytes, account& into) {
    std::string back;
    try {
        net::tcp_stream client{where};
        client.set_timeout(50s);
        client.send_all(bytes);  // the kernel's buffers hold it
        client.shutdown(net::shutdown_direction::send);
        char buffer[16 * 1024];
        while (const std::size_t size = client.recv(buffer)) back.append(buffer, size);
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::timed_out) ++into.wrong;
    }
    if (back == bytes)
        ++into.right;
    else
        ++(bytes.starts_with(back) ? into.broken : into.wrong);
}

/// The server is under the script from its loop's first call to the last. Two clients at once and one behind them; when
/// the fault has struck, one more, who must be served.
account serve_some(script& chosen) {
    account came;
    net::stop_event stop;
    net::tcp_listener door{anywhere_on_loopback};
    const net::endpoint where = door.local_endpoint();
    std::promise<bool> is_there;
    {
        background serving{[&]() -> std::exception_ptr {
            bool has_begun = false;
            const under here{chosen};
            try {
                test_loop loop;
                net::async_listener listener{loop, std::move(door).into_socket()};
                has_begun = true;
                {
                    const under nothing;
                    is_there.set_value(true);
                }
                loop.run(serve(listener), stop);
            } catch (...) {
                const under nothing;
                if (!has_begun) is_there.set_value(false);
                return std::current_exception();
            }
            return nullptr;
        }};
        const struct stopping {
            net::stop_event& event;
            ~stopping() { event.request_stop(); }
        } stopped_in_the_end{stop};
        if (is_there.get_future().get()) {
            static const std::string bytes = pattern(20'000);
            account of_other;
            background other{[&] { converse(where, bytes, of_other); }};
            converse(where, bytes, came);
            other.get();
            came.right += of_other.right;
            came.broken += of_other.broken;
            came.wrong += of_other.wrong;
            converse(where, bytes, came);
        }
        stop.request_stop();
        came.failure = serving.get();
    }
    came.has_ended = !came.failure;
    return came;
}

TEST_CASE("no single fault brings down a server of tasks or more than one of its conversations") {
    if (asks_for_io_uring() && test_loop{}.backend() != net::io_backend::io_uring)
        NETNOTES_SKIP("the kernel has no io_uring for us");
    CHECK(sweep(all_faults, serve_some, [](const account& came, script& chosen, call what) {
              CHECK(came.right + came.broken <= 3);
              if (came.has_ended) {
                  CHECK(came.right >= (chosen.failed() == 0 ? 3 : 2));
                  return;
              }
              // Without its first descriptors and memory there is no loop, and it says so before anybody is served.
              INFO(faults::name(what));
              CHECK(chosen.failed() == 1);
              CHECK(came.right == 0);
          }) > 30);
}

// ---- Client and server as tasks of one loop, both under the script

net::task<bool> ask(net::socket_address where, std::string text) {
    auto server = co_await net::async_stream::connect(where);
    server.set_timeout(1h);
    co_await server.send_all(text);
    server.shutdown(net::shutdown_direction::send);
    std::string back(text.size(), '\0');
    co_await server.recv_exact(back);
    const auto end = co_await server.recv();
    co_return back == text&& end.empty();
}
net::task<bool> wait_a_little() {
    co_await net::sleep_for(1h);
    co_return true;
}
net::task<> sleep_for_ever() { co_await net::sleep_for(net::never); }

/// A bit of everything that a program of tasks does. Time is virtual: nothing waits for a timer.
net::task<unsigned> a_day(net::async_listener& listener) {
    unsigned right = 0;
    auto server = net::spawn(serve(listener));
    auto left_behind = net::spawn(sleep_for_ever());
    const net::socket_address where = listener.local_endpoint();
    std::string longer = pattern(3000), shorter = "short", first = "first";
    auto one = ask(where, longer), other = ask(where, shorter);
    auto answers = co_await net::when_all(std::move(one), std::move(other));
    right += std::get<0>(answers) && std::get<1>(answers);
    auto quick = ask(where, first), slow = wait_a_little();
    auto winner = co_await net::when_any(std::move(quick), std::move(slow));
    right += winner.index() == 0;
    try {
        auto limited = wait_a_little();
        co_await net::with_timeout(1s, std::move(limited));
    } catch (const std::system_error& error) {
        right += error.code() == std::errc::timed_out;
    }
    bool was_posted = false;
    net::event_loop::current().post([&] { was_posted = true; });
    co_await net::sleep_for(1ms);
    right += was_posted;
    server.cancel();
    try {
        co_await server.join();
    } catch (const std::system_error& error) {
        right += error.code() == std::errc::operation_canceled;
    }
    co_return right;
}
constexpr unsigned all_of_a_day = 5;

TEST_CASE("whatever fails in a loop of clients and servers it ends with the whole or with an error") {
    if (asks_for_io_uring() && test_loop{}.backend() != net::io_backend::io_uring)
        NETNOTES_SKIP("the kernel has no io_uring for us");
    const session day = [](script& chosen) {
        account came;
        background working{[&]() -> std::exception_ptr {  // what its thread keeps goes with it
            const under here{chosen};
            try {
                test_loop loop{{.virtual_time = true}};
                net::async_listener listener{loop, net::tcp_listener{anywhere_on_loopback}.into_socket()};
                came.right = loop.run(a_day(listener));
                came.has_ended = true;
            } catch (...) {
                return std::current_exception();
            }
            return nullptr;
        }};
        came.failure = working.get();
        return came;
    };
    CHECK(sweep(all_faults, day, [](const account& came, script& chosen, call) {
              if (chosen.failed() == 0) CHECK(came.right == all_of_a_day);
              if (!came.has_ended) CHECK(chosen.failed() == 1);
              CHECK((came.has_ended || came.failed()));
          }) > 60);
}

TEST_CASE("a loop that is destroyed with tasks that wait needs no memory for it") {
    CHECK(sweep(
              all_faults,
              [](script& chosen) {
                  account came;
                  background working{[&]() -> std::exception_ptr {
                      const under here{chosen};
                      try {
                          std::optional<test_loop> loop{std::in_place};
                          auto kept = loop->spawn(sleep_for_ever());
                          loop->spawn(sleep_for_ever());
                          loop->post([] {});
                          loop.reset();
                          came.has_ended = kept.has_ended();
                      } catch (...) {
                          return std::current_exception();
                      }
                      return nullptr;
                  }};
                  came.failure = working.get();
                  return came;
              },
              [](const account& came, script& chosen, call) {
                  CHECK((came.has_ended || (came.failed() && chosen.failed() == 1)));
              }) > 3);
}

}  // namespace

// ---- Less than was asked for, and all the time

TEST_CASE("a server of tasks echoes every byte however little a call moves and however often it is interrupted") {
    for (const std::size_t most : {1u, 7u, 1000u}) {
        script chosen;
        for (const call what : faults::interruptible) chosen.interrupt(what, 3);
        chosen.interrupt(call::io_uring_enter, 3);
        chosen.at_most(call::send, most);
        const account came = serve_some(chosen);
        CHECK(came.right == 3);
        CHECK(came.has_ended);
        CHECK(chosen.failed() > 0);
    }
}

TEST_CASE("a server of tasks echoes every byte under random faults") {
    for (std::uint32_t seed = 1; seed <= 5; ++seed) {
        script chosen;
        chosen.random(seed, 0);
        for (const call what : {call::send, call::recv, call::epoll_wait, call::io_uring_enter})
            for (unsigned nth = seed; nth < 500; nth += 2 + seed) chosen.fail(what, EINTR, nth);
        const account came = serve_some(chosen);
        CHECK(came.right == 3);
        CHECK(came.has_ended);
    }
}

TEST_CASE("a server of tasks without descriptors serves the waiting clients when descriptors are free again") {
    script chosen;
    // With io_uring the kernel accepts, and this program makes no call that could fail.
    const bool makes_calls = test_loop{}.backend() == net::io_backend::epoll;
    for (const auto& [nth, error] : {std::pair{1u, EMFILE}, {2u, ENFILE}, {3u, ENOBUFS}, {4u, ENOMEM}, {5u, EMFILE}})
        chosen.fail(call::accept4, error, nth);
    const account came = serve_some(chosen);
    CHECK(chosen.failed() == (makes_calls ? 5 : 0));
    CHECK(came.right == 3);
    CHECK(came.has_ended);
}

TEST_CASE("a server of tasks at the real limit of descriptors goes on when some are free again") {
    if (asks_for_io_uring() && test_loop{}.backend() != net::io_backend::io_uring)
        NETNOTES_SKIP("the kernel has no io_uring for us");
    faults::watchdog dog;
    dog.begins("the server is at its limit of descriptors");
    const auto before = open_descriptors();
    {
        net::stop_event stop;
        net::tcp_listener door{anywhere_on_loopback};
        const net::endpoint where = door.local_endpoint();
        std::atomic<unsigned> refused{0};
        std::atomic<bool> has_tried{false};  // accept() tells nobody of a lack, it tries again every 100 ms
        std::promise<void> has_its_own, may_begin;
        background serving{[&] {
            test_loop loop;
            net::async_listener listener{loop, std::move(door).into_socket()};
            has_its_own.set_value();
            may_begin.get_future().get();
            const auto notes = [](std::atomic<bool>& tried) -> net::task<> {
                co_await net::sleep_for(250ms);
                tried = true;
            };
            loop.spawn(notes(has_tried));
            return loop.run(serve(listener, refused), stop);
        }};
        has_its_own.get_future().get();
        std::vector<net::socket> crowd;
        for (int i = 0; i < 20; ++i) crowd.emplace_back(net::address_family::inet, net::socket_type::stream);
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        // A new descriptor is the lowest that is free, so the server gets no descriptor above the last of these. (A
        // request to io_uring is held to the limit of the moment at which it was made, so the server begins after it.)
        rlimit none = limit;
        none.rlim_cur = static_cast<rlim_t>(crowd.back().native_handle()) + 1;
        {
            const struct restoring {
                rlimit& limit;
                ~restoring() { ::setrlimit(RLIMIT_NOFILE, &limit); }
            } in_the_end{limit};
            ::setrlimit(RLIMIT_NOFILE, &none);
            may_begin.set_value();
            for (net::socket& each : crowd) each.connect(where);
            for (net::socket& each : crowd) each.send_all("I wait");
            while (!has_tried) std::this_thread::yield();
        }
        for (net::socket& each : crowd) {
            each.set_timeout(50s);
            CHECK(support::receive_exactly(each, 6) == "I wait");
        }
        stop.request_stop();
        CHECK_FALSE(serving.get());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("clients who reset are each alone in that") {
    if (asks_for_io_uring() && test_loop{}.backend() != net::io_backend::io_uring)
        NETNOTES_SKIP("the kernel has no io_uring for us");
    account came;
    net::stop_event stop;
    net::tcp_listener door{anywhere_on_loopback};
    const net::endpoint where = door.local_endpoint();
    background serving{[&, listening = std::move(door).into_socket()]() mutable {
        test_loop loop;
        net::async_listener listener{loop, std::move(listening)};
        return loop.run(serve(listener), stop);
    }};
    for (int i = 0; i < 300; ++i) {
        net::socket client{net::address_family::inet, net::socket_type::stream};
        client.connect(where);
        if (i % 3 > 0) client.send_all("x");
        if (i % 3 > 1) CHECK(support::receive_exactly(client, 1) == "x");
        client.set_option(net::option::linger{std::chrono::seconds{0}});
    }
    converse(where, pattern(20'000), came);
    CHECK(came.right == 1);
    stop.request_stop();
    CHECK_FALSE(serving.get());
}

// ---- io_uring, where the kernel refuses it in the middle of being made

TEST_CASE("a loop that is refused io_uring says why and waits with epoll") {
    for (const auto& [what, error] : {std::pair{call::io_uring_setup, EPERM},
                                      {call::io_uring_setup, ENOSYS},
                                      {call::io_uring_setup, EMFILE},
                                      {call::io_uring_register, EINVAL},
                                      {call::mmap, ENOMEM}}) {
        INFO(faults::name(what) << ": " << std::system_category().message(error));
        const auto before = open_descriptors();
        script chosen;
        chosen.fail_always(what, error);
        {
            std::optional<net::event_loop> loop;
            {
                const under here{chosen};
                loop.emplace(net::loop_options{.backend = net::io_backend::io_uring});
            }
            CHECK(loop->backend() == net::io_backend::epoll);
            if (loop->refusal().value() != ENOSYS) CHECK(loop->refusal().value() == error);
            CHECK(loop->run([]() -> net::task<int> { co_return 7; }()) == 7);
        }
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("connections that the kernel has accepted before a task asks are all there when memory was short meanwhile") {
    constexpr std::size_t count = 50;
    const auto before = open_descriptors();
    {
        net::event_loop loop{{.virtual_time = true, .backend = net::io_backend::io_uring}};
        if (loop.backend() != net::io_backend::io_uring) NETNOTES_SKIP("the kernel has no io_uring for us");
        net::async_listener listener{loop, net::tcp_listener{anywhere_on_loopback}.into_socket()};
        listener.set_timeout(1h);
        const net::endpoint where = listener.local_endpoint().ip();
        std::vector<net::tcp_stream> clients;
        for (std::size_t i = 0; i < count; ++i) clients.emplace_back(where);
        script chosen;
        const auto lacks = [&chosen]() -> net::task<> {
            co_await net::sleep_for(50ms);  // the kernel has accepted them, and accept() pauses
            chosen.fail_always(call::allocate, 0);
        };
        const auto body = [&]() -> net::task<std::size_t> {
            auto end_of_shortage = net::spawn(lacks());
            std::vector<net::async_stream> accepted;
            accepted.reserve(count);
            chosen.fail_always(call::allocate, ENOMEM);
            for (std::size_t i = 0; i < count; ++i) {
                auto next = co_await listener.accept();
                if (next.peer != net::socket_address{clients[i].local_endpoint()}) break;
                accepted.push_back(std::move(next.stream));
            }
            co_await end_of_shortage.join();
            co_return accepted.size();
        };
        const under here{chosen};
        CHECK(loop.run(body()) == count);
        CHECK(chosen.failed(call::allocate) > 0);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("without memory to keep lent bytes a send fails with an error, and its form with an error code does not throw") {
    test_loop loop;
    auto [one, other] = net::socket_pair();
    net::async_stream near{loop, std::move(one)}, far{loop, std::move(other)};
    script chosen;
    const auto main = [&]() -> net::task<> {
        std::error_code error;
        const std::string much(4'000'000, 'x');
        near.set_timeout(1ms);
        co_await near.send_all(much, error);  // now the socket takes no more
        near.set_timeout(net::never);
        co_await far.send_all("abc");
        auto bytes = co_await near.recv();
        chosen.fail_always(call::allocate, ENOMEM);
        std::size_t sent = co_await near.send(bytes, error);
        chosen.fail_always(call::allocate, 0);
        CHECK((error == std::errc::not_enough_memory && sent == 0));
        for (const bool reports : {true, false}) {
            error.clear();
            co_await far.send_all("abc");
            bytes = co_await near.recv();
            if (reports) {
                chosen.fail_always(call::allocate, ENOMEM);
                sent = co_await near.send_all(bytes, error);
            } else {
                chosen.fail(call::allocate, ENOMEM);  // once: the text of the exception needs memory, too
                try {
                    co_await near.send_all(bytes);
                } catch (const std::system_error& failure) {
                    error = failure.code();
                }
            }
            chosen.fail_always(call::allocate, 0);
            CHECK((error == std::errc::not_enough_memory && sent == 0));
        }
    };
    const under here{chosen};
    loop.run(main());
    CHECK(chosen.failed(call::allocate) >= 3);
}

// ---- What nobody waits for wakes nobody

namespace {
/// How often the loop asks the kernel while `send` sends 20 times, with a moment after each. The time must be virtual:
/// a look that finds nothing ends such a moment, so one look too many is one event too many.
template <class Send>
net::task<unsigned> looks_while(Send& send, script& counted) {
    const unsigned before = counted.made(call::epoll_wait);
    for (int i = 0; i < 20; ++i) {
        send();
        co_await net::sleep_for(1ns);
    }
    co_return counted.made(call::epoll_wait) - before;
}
}  // namespace

TEST_CASE("once a datagram socket has waited for room, the datagrams that leave later do not wake the loop") {
    const bool does_wait = GENERATE(false, true);
    CAPTURE(does_wait);
    net::event_loop loop{{.virtual_time = true, .backend = net::io_backend::epoll}};
    net::socket peer = support::bound(net::ipv4_address::loopback(), net::socket_type::datagram);
    const net::socket_address where = peer.local_endpoint();
    script chosen;
    const auto body = [&]() -> net::task<unsigned> {
        net::async_datagram sender{support::bound(net::ipv4_address::loopback(), net::socket_type::datagram)};
        if (does_wait) chosen.fail(call::sendto, EAGAIN);
        co_await sender.send_to(std::as_bytes(std::span{"x", 1}), where);
        const int descriptor = sender.native_handle();
        auto send = [&] { ::sendto(descriptor, "y", 1, 0, where.data(), where.size()); };
        const unsigned looks = co_await looks_while(send, chosen);
        co_return looks;
    };
    const under here{chosen};
    CHECK(loop.run(body()) == 20);
    CHECK(chosen.failed() == unsigned{does_wait});
}

TEST_CASE("once a pipe has been waited for until it could be written, what is read from it later does not wake the loop") {
    net::event_loop loop{{.virtual_time = true, .backend = net::io_backend::epoll}};
    int ends[2];
    REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    REQUIRE(::fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);  // a byte takes a page: one fills it, and then Linux tells
    script chosen;
    const auto body = [&]() -> net::task<unsigned> {
        net::async_descriptor pipe{loop, ends[1]};
        co_await pipe.writable();
        auto send = [&] {
            char byte = 'x';
            CHECK(::write(ends[1], &byte, 1) == 1);
            CHECK(::read(ends[0], &byte, 1) == 1);
        };
        const unsigned looks = co_await looks_while(send, chosen);
        co_return looks;
    };
    {
        const under here{chosen};
        CHECK(loop.run(body()) == 20);
    }
    for (const int each : ends) ::close(each);
}

TEST_CASE("an event that is set and destroyed before its loop has heard of it leaves no memory behind") {
    const bool does_run = GENERATE(true, false);  // or else the loop ends and never hears of it
    CAPTURE(does_run);
    const auto body = []() -> net::task<> { co_await net::yield(); };
    std::ptrdiff_t left = 0;
    for (int round = 0; round < 2; ++round) {  // the first time in a program some memory is taken that is kept
        const auto blocks = faults::blocks_in_use.load();
        {
            test_loop loop;
            { net::remote_event{loop}.set(); }
            if (does_run) loop.run(body());
        }
        left = faults::blocks_in_use.load() - blocks;
    }
    CHECK(left == 0);
}

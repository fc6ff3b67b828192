// What coro/stream.hpp promises: the calls of a connected socket, waited for by tasks, and nothing lost, leaked or
// starved.

#include <netnotes/coro/datagram.hpp>
#include <netnotes/coro/group.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/stream.hpp>
#include <netnotes/udp/socket.hpp>

#include "../back_end.hpp"
#include "../support.hpp"
#include "streams.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>



// ---- Bytes ---------------------------------------------------------------------------------------------

TEST_CASE("every byte arrives, in both directions at once, whatever the pieces") {
    const auto all_addresses = support::loopbacks();
    for (std::size_t way = 0; way <= all_addresses.size(); ++way) {
        test_loop loop;
        two_ends ends = connected(loop, way == 0 ? nullptr : &all_addresses[way - 1]);
        const std::string there = pattern(3 << 20, 1), back = pattern(2 << 20, 2);
        const auto body = [&]() -> net::task<> {
            auto [sent, sent_back, arrived, arrived_back] =
                co_await net::when_all(send_in_pieces(ends.one, there, 3), send_in_pieces(ends.other, back, 4),
                                       receive_all(ends.other), receive_all(ends.one));
            CHECK((arrived == there));
            CHECK((arrived_back == back));
        };
        loop.run(body());
    }
}

TEST_CASE("recv_exact gives the whole, nothing at the end, and an end in the middle is an error") {
    test_loop loop;
    two_ends ends = connected(loop);
    const auto body = [&]() -> net::task<> {
        co_await ends.one.send_all("12345678");
        ends.one.shutdown(net::shutdown_direction::send);
        char first[5], rest[5];
        const std::size_t whole = co_await ends.other.recv_exact(first);
        CHECK(whole == 5);
        CHECK(std::string_view(first, 5) == "12345");
        const std::size_t nothing = co_await ends.other.recv_exact(std::span{rest}.first(0));
        CHECK(nothing == 0);
        const auto too_much = [](net::async_stream& from, std::span<char> room) -> net::task<> {
            co_await from.recv_exact(room);
        };
        const std::error_code error = co_await error_of(too_much(ends.other, rest));
        CHECK(error == std::errc::protocol_error);
        const std::size_t end = co_await ends.other.recv_exact(rest);
        CHECK(end == 0);
    };
    loop.run(body());
}

TEST_CASE("a receive into the caller's buffer gives what there is, and into none nothing") {
    test_loop loop;
    two_ends ends = connected(loop);
    const auto body = [&]() -> net::task<> {
        char buffer[100];
        const std::size_t none = co_await ends.other.recv(std::span{buffer}.first(0));  // and it does not wait
        CHECK(none == 0);
        co_await ends.one.send_all("hello");
        const std::size_t size = co_await ends.other.recv(buffer);
        CHECK(std::string_view(buffer, size) == "hello");
        ends.one.close();
        const std::size_t end = co_await ends.other.recv(buffer);
        CHECK(end == 0);
    };
    loop.run(body());
}

TEST_CASE("what was lent can be sent on, although others receive while the sending waits") {
    // The echo's peer does not read, so its send_all() of lent bytes has to wait in the middle; meanwhile another
    // connection receives into the same buffer.
    test_loop loop;
    two_ends slow = connected(loop), busy = connected(loop);
    const std::string flood = pattern(4 << 20, 5), other = pattern(1 << 20, 6);
    const auto body = [&]() -> net::task<> {
        auto echoes = net::spawn(echo(std::move(slow.other)));
        auto sends = net::spawn(send_in_pieces(slow.one, flood, 7));
        auto sends_too = net::spawn(send_in_pieces(busy.one, other, 8));
        const std::string arrived = co_await receive_all(busy.other);
        CHECK((arrived == other));
        CHECK_FALSE(sends.has_ended());
        const std::string back = co_await receive_all(slow.one);
        CHECK((back == flood));
        co_await sends.join();
        co_await sends_too.join();
        co_await echoes.join();
    };
    loop.run(body());
}

TEST_CASE("one direction can end while the other goes on") {
    test_loop loop;
    two_ends ends = connected(loop);
    const auto body = [&]() -> net::task<> {
        ends.one.shutdown(net::shutdown_direction::send);
        const auto end = co_await ends.other.recv();
        CHECK(end.empty());
        co_await ends.other.send_all("still here");
        const auto answer = co_await ends.one.recv();
        CHECK(net::as_text(answer) == "still here");
    };
    loop.run(body());
}

// ---- What goes wrong -----------------------------------------------------------------------------------

TEST_CASE("a reset is an error that names the peer's, and to send then is one, too") {
    test_loop loop;
    const net::ip_address here = net::ipv4_address::loopback();
    two_ends ends = connected(loop, &here);
    const auto body = [&]() -> net::task<> {
        ends.one.set_option(net::option::linger{0s});
        ends.one.close();
        const std::error_code error = co_await error_of(receive_once(ends.other));
        CHECK(error == std::errc::connection_reset);
        const std::error_code again = co_await error_of(send_everything(ends.other, "hello"));
        CHECK(again == std::errc::broken_pipe);
    };
    loop.run(body());
}

TEST_CASE("a timeout is for each call, and ends when it is taken back") {
    test_loop loop{{.virtual_time = true}};
    two_ends ends = connected(loop);
    const auto body = [&]() -> net::task<> {
        ends.other.set_timeout(3s);
        CHECK(ends.other.timeout() == 3s);
        for (int i = 0; i < 2; ++i) {
            const auto begin = loop.now();
            const std::error_code error = co_await error_of(receive_once(ends.other));
            CHECK(error == std::errc::timed_out);
            CHECK(loop.now() - begin == 3s);
        }
        ends.other.set_timeout(net::never);
        auto waits = net::spawn(receive_once(ends.other));
        co_await net::sleep_for(1h);
        CHECK_FALSE(waits.has_ended());
        co_await ends.one.send_all("at last");
        co_await waits.join();
    };
    loop.run(body());
}

TEST_CASE("two tasks may not read one stream, and one may read while another writes") {
    test_loop loop;
    two_ends ends = connected(loop);
    const auto body = [&]() -> net::task<> {
        auto first = net::spawn(receive_once(ends.other));
        co_await net::yield();
        co_await net::yield();
        bool refused = false;
        try {
            co_await ends.other.recv();
        } catch (const std::logic_error&) {
            refused = true;
        }
        CHECK(refused);
        co_await ends.other.send_all("beside");
        co_await ends.one.send_all("for the first");
        co_await first.join();
    };
    loop.run(body());
}

TEST_CASE("a stream may be moved while a task waits on it, and closed") {
    test_loop loop;
    two_ends ends = connected(loop);
    const auto body = [&]() -> net::task<> {
        auto first = net::spawn(receive_once(ends.other));
        co_await net::yield();
        co_await net::yield();
        net::async_stream moved = std::move(ends.other);
        co_await ends.one.send_all("found you");
        co_await first.join();
        auto second = net::spawn(error_of(receive_once(moved)));
        co_await net::yield();
        co_await net::yield();
        moved.close();
        CHECK_FALSE(moved.is_open());
        const std::error_code error = co_await second.join();
        CHECK(error == std::errc::bad_file_descriptor);
    };
    loop.run(body());
}

TEST_CASE("a stream of another loop is refused") {
    net::event_loop here, elsewhere;
    two_ends ends = connected(elsewhere);
    CHECK_THROWS_AS(here.run(receive_once(ends.one)), std::logic_error);
}

// ---- Connections ---------------------------------------------------------------------------------------

TEST_CASE("a refused connection is an error that names who refused") {
    test_loop loop;
    const support::closed_port closed{net::ipv4_address::loopback()};
    const net::endpoint nobody = closed.where();
    const auto connects = [](net::socket_address where) -> net::task<> { co_await net::async_stream::connect(where); };
    const auto before = open_descriptors();
    std::string what;
    try {
        loop.run(connects(nobody));
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::connection_refused);
        what = error.what();
    }
    CHECK(what.find(nobody.to_string()) != std::string::npos);
    CHECK(open_descriptors() == before);
}

TEST_CASE("whatever waits can be cancelled, and leaves no descriptor behind") {
    test_loop loop;
    const auto before = open_descriptors();
    {
        net::async_listener listener{loop, net::tcp_listener{{net::ipv4_address::loopback(), 0}}.into_socket()};
        two_ends ends = connected(loop);
        const std::string flood(16 << 20, 'f');
        const auto accepts = [&]() -> net::task<> { co_await listener.accept(); };
        const auto body = [&]() -> net::task<> {
            net::join_handle<std::error_code> waiting[] = {net::spawn(error_of(accepts())),
                                                           net::spawn(error_of(receive_once(ends.one))),
                                                           net::spawn(error_of(send_everything(ends.one, flood)))};
            for (int i = 0; i < 5; ++i) co_await net::yield();
            for (auto& each : waiting) {
                CHECK_FALSE(each.has_ended());
                each.cancel();
            }
            for (auto& each : waiting) {
                const std::error_code error = co_await each.join();
                CHECK(error == std::errc::operation_canceled);
            }
        };
        loop.run(body());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("after an incomplete send_all the connection ends with a reset, and after a complete send_all it does not") {
    const bool is_cancelled = GENERATE(false, true);
    test_loop loop;
    const net::ip_address here = net::ipv4_address::loopback();
    two_ends ends = connected(loop, &here);
    const std::string much(64 << 20, 'm');
    const auto body = [&]() -> net::task<> {
        if (is_cancelled) {
            auto sends = net::spawn(send_everything(ends.one, much));
            co_await net::sleep_for(1ms);
            sends.cancel();
            const std::error_code error = co_await error_of(joined(sends));
            CHECK(error == std::errc::operation_canceled);
        } else {
            ends.one.set_timeout(20ms);
            const std::error_code error = co_await error_of(send_everything(ends.one, much));
            CHECK(error == std::errc::timed_out);
        }
        ends.one.close();
        std::error_code end;
        while (!end) {
            std::size_t size = 0;
            try {
                const auto bytes = co_await ends.other.recv();
                size = bytes.size();
            } catch (const std::system_error& error) {
                end = error.code();
            }
            if (!end && size == 0) break;
        }
        CHECK(end == std::errc::connection_reset);
    };
    loop.run(body());
}

// ---- Fairness ------------------------------------------------------------------------------------------

TEST_CASE("a peer who always has something to say does not starve the others") {
    test_loop loop;
    two_ends flood = connected(loop);
    const std::string much(1 << 20, 'm');
    const auto body = [&]() -> net::task<> {
        bool done = false;
        const auto floods = [&]() -> net::task<> {
            while (!done) co_await flood.one.send_all(much);
            flood.one.close();
        };
        const auto drains = [&]() -> net::task<> {
            char small[1];  // a million receives, none of which has to wait
            while (co_await flood.other.recv(small) > 0) {
            }
        };
        auto sends = net::spawn(floods());
        auto receives = net::spawn(drains());
        for (int turn = 0; turn < 1000; ++turn) co_await net::yield();
        done = true;
        receives.cancel();
        sends.cancel();
    };
    loop.run(body());
    CHECK(loop.size() == 0);
}

TEST_CASE("a new connection wakes no loop in which nobody waits to send") {
    test_loop loop;
    const net::tcp_listener listener{net::endpoint{net::ipv4_address::loopback(), 0}};
    const net::async_stream stream{loop, net::tcp_stream{listener.local_endpoint()}};
    CHECK_FALSE(loop.back_end().wait(net::duration::zero()));
}

// ---- Other programs, other processes -------------------------------------------------------------------

namespace {
net::task<std::string> said_back(net::async_stream client, net::async_stream server, std::string_view what) {
    auto hears = net::spawn(receive_all(server));
    co_await client.send_all(what);
    client.close();
    co_return co_await hears.join();
}
/// What a loop of this process hears.
std::string heard(net::event_loop& loop, std::string_view what) {
    auto [a, b] = net::socket_pair();
    return loop.run(said_back({loop, std::move(a)}, {loop, std::move(b)}, what));
}
}  // namespace

TEST_CASE("no descriptor of a loop, and of what it connects, goes to a program that is executed") {
    // The descriptors that the process was started with may have any state.
    std::set<std::string> before;
    for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) before.insert(each.path());
    test_loop loop{};
    const net::stop_event stop;
    net::async_datagram datagram{loop, net::udp_socket{net::endpoint{net::ipv4_address::loopback(), 0}}.into_socket()};
    net::async_listener listener{loop, net::tcp_listener{net::endpoint{net::ipv4_address::loopback(), 0}}};
    const auto connected = [&]() -> net::task<net::async_stream> {
        auto connecting = net::spawn(net::async_stream::connect(listener.local_endpoint()));
        auto accepted = co_await listener.accept();
        co_return std::move(accepted.stream);
    };
    const net::async_stream stream = loop.run(connected());
    int found = 0;
    for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        if (before.count(each.path()) > 0) continue;
        const int flags = ::fcntl(std::stoi(each.path().filename()), F_GETFD);
        if (flags < 0) continue;  // the directory's own
        INFO(std::filesystem::read_symlink(each.path()));
        CHECK((flags & FD_CLOEXEC) != 0);
        ++found;
    }
    CHECK(found >= 6);
}

TEST_CASE("a child of fork runs a loop of its own, and the parent's loop is not disturbed") {
    test_loop loop;
    REQUIRE(heard(loop, "before") == "before");
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        bool is_right = false;
        try {
            net::event_loop own;  // of io_uring there is one in a thread, and that is the parent's
            is_right = heard(own, "in the child") == "in the child";
        } catch (...) {
        }
        ::_exit(is_right ? 0 : 1);
    }
    CHECK(heard(loop, "beside") == "beside");
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(heard(loop, "after") == "after");
}

TEST_CASE("a wait of any length does not overflow") {
    test_loop loop;
    const auto waits = []() -> net::task<> {
        const auto sleeps = [](net::wait_time time) -> net::task<int> {
            co_await net::sleep_for(time);
            co_return 1;
        };
        const auto at_once = []() -> net::task<int> {
            co_await net::yield();
            co_return 2;
        };
        for (const net::wait_time longest : {net::wait_time{net::never}, net::wait_time{std::chrono::hours::max()},
                                             net::wait_time{net::never - 1ns}, net::wait_time{std::chrono::years::max()},
                                             net::wait_time{std::chrono::duration<double>{1e300}}}) {
            const auto first = co_await net::when_any(sleeps(longest), sleeps(net::wait_time{1ms}));
            CHECK(first.index() == 1);
            const int result = co_await net::with_timeout(longest, at_once());
            CHECK(result == 2);
        }
        for (const net::wait_time none : {net::wait_time{0ns}, net::wait_time{-1ns}, net::wait_time{net::duration::min()},
                                          net::wait_time{std::chrono::hours::min()},
                                          net::wait_time{std::chrono::duration<float>{-1e30F}}}) {
            const int slept = co_await sleeps(none);
            CHECK(slept == 1);
            std::error_code why;
            try {
                co_await net::with_timeout(none, sleeps(net::wait_time{std::chrono::hours::max()}));
            } catch (const std::system_error& failure) {
                why = failure.code();
            }
            CHECK(why == std::errc::timed_out);
        }
        const auto begin = net::clock::now();
        co_await net::sleep_for(std::chrono::duration<double>{0.002});
        CHECK(net::clock::now() - begin >= 2ms);
    };
    loop.run(waits());
}

TEST_CASE("an address and a port suffice to connect, and recv_exact() without exceptions says how much it took") {
    test_loop loop;
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    const std::uint16_t port = listener.local_endpoint().port();
    const auto main = [&]() -> net::task<> {
        net::async_stream stream = co_await net::async_stream::connect({"127.0.0.1", port});
        net::tcp_stream peer = listener.accept().stream;
        std::array<std::byte, 6> room{};
        std::error_code error = std::make_error_code(std::errc::io_error);
        peer.send_all("abcdefgh");
        const std::size_t all = co_await stream.recv_exact(room, error);
        CHECK(all == 6);
        CHECK_FALSE(error);
        stream.set_timeout(1ms);
        const std::size_t two = co_await stream.recv_exact(room, error);
        CHECK(two == 2);
        CHECK(error == std::errc::timed_out);
        stream.set_timeout(net::never);
        std::size_t when_cancelled = 9;
        std::error_code why;
        auto waits = net::spawn([&]() -> net::task<> { when_cancelled = co_await stream.recv_exact(room, why); });
        co_await net::yield();
        waits.cancel();
        co_await net::yield();
        CHECK(why == std::errc::operation_canceled);
        CHECK(when_cancelled == 0);
        peer.send_all("xyz");
        peer.close();
        const std::size_t three = co_await stream.recv_exact(room, error);
        CHECK(three == 3);
        CHECK(error == std::errc::protocol_error);
        const std::size_t end = co_await stream.recv_exact(room, error);
        CHECK(end == 0);
        CHECK_FALSE(error);
        stream.close();
        const std::size_t none = co_await stream.recv_exact(room, error);
        CHECK(none == 0);
        CHECK(error == std::errc::bad_file_descriptor);
    };
    loop.run(main());
}

TEST_CASE("an operation that was made before close() and begins after it does not touch another connection") {
    test_loop loop;
    auto ends = connected(loop);
    std::optional<two_ends> next;
    loop.run([&]() -> net::task<> {
        std::array<std::byte, 8> room{};
        auto sending = ends.one.send_all("a secret");
        auto receiving = ends.one.recv(room);
        const int number = ends.one.native_handle();
        ends.one.close();
        next.emplace(connected(loop));
        CHECK(next->one.native_handle() == number);
        CHECK(::send(next->other.native_handle(), "theirs", 6, MSG_NOSIGNAL) == 6);
        std::error_code sent, received;
        try { co_await sending; } catch (const std::system_error& error) { sent = error.code(); }
        try { co_await receiving; } catch (const std::system_error& error) { received = error.code(); }
        CHECK(sent == std::errc::bad_file_descriptor);
        CHECK(received == std::errc::bad_file_descriptor);
        CHECK(::recv(next->other.native_handle(), room.data(), room.size(), MSG_DONTWAIT) == -1);
    });
}

// What coro/connect.hpp promises: a task connects to the first address that answers, and closes the other attempts.

#include <netnotes/coro/connect.hpp>
#include <netnotes/coro/lookup.hpp>

#include "../back_end.hpp"
#include "../support.hpp"
#include "resolver.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

// ---- Connecting ----------------------------------------------------------------------------------------

TEST_CASE("a silent address costs the delay and a refusal nothing") {
    const silent_server silent{"127.0.0.2"}, also_silent{"127.0.0.3"};
    const closed_port closed{"127.0.0.4"};
    const net::tcp_listener listener{nobody_yet()};
    const net::endpoint there = listener.local_endpoint();
    const struct {
        endpoints all;
        net::duration delay, costs;
    } cases[]{
        {{there}, 250ms, 0ms},
        {{there, silent.where()}, 250ms, 0ms},
        {{silent.where(), there}, 250ms, 250ms},
        {{silent.where(), also_silent.where(), there}, 250ms, 500ms},
        {{closed.where(), there}, 24h, 0ms},
        {{closed.where(), closed.where(), silent.where(), closed.where(), there}, 100ms, 100ms},
        {{silent.where(), there}, 0ms, 10ms},
        {{silent.where(), there}, -1s, 10ms},
    };
    const auto before = open_descriptors();
    for (const auto& one : cases) {
        test_loop loop{{.virtual_time = true}};
        const auto body = [&]() -> net::task<> {
            const net::time_point start = net::event_loop::current().now();
            const auto own = open_descriptors();
            const net::async_stream stream = co_await net::async_connect(one.all, one.delay);
            CHECK(net::event_loop::current().now() - start == one.costs);
            CHECK(stream.peer_endpoint().ip() == there);
            co_await net::yield();  // what was closed in a turn is gone with the next
            CHECK(open_descriptors() == own + 1);
        };
        loop.run(body());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("if no address answers, the most informative error is reported") {
    const closed_port closed{"127.0.0.4"};
    const net::endpoint multicast{net::ip_address{"224.0.0.1"}, 9};
    const endpoints three{multicast, closed.where(), multicast};
    test_loop loop;
    const auto body = [&]() -> net::task<> {
        auto end = co_await end_of(net::async_connect(three));
        CHECK(end.code == std::errc::connection_refused);
        CHECK(end.what ==
              "connect 224.0.0.1:9 (" + closed.where().to_string() + ", one of 3 addresses): Connection refused");
        end = co_await end_of(net::async_connect(endpoints(1, closed.where())));
        CHECK(end.what == "connect " + closed.where().to_string() + ": Connection refused");
        end = co_await end_of(net::async_connect(endpoints{}));
        CHECK(end.code == std::errc::destination_address_required);
    };
    loop.run(body());
}

TEST_CASE("a host is connected to by the first of its addresses that stands") {
    resolver.hold(0);
    const net::tcp_listener listener{nobody_yet()};
    test_loop loop;
    const auto body = [&]() -> net::task<> {
        // 127.0.0.2 is refused: the listener is at 127.0.0.1.
        const net::async_stream stream = co_await net::async_connect("here.test", listener.local_endpoint().port());
        CHECK(stream.peer_endpoint().ip() == listener.local_endpoint());
    };
    loop.run(body());
}

TEST_CASE("no number of silent addresses holds up the next one") {
    const silent_server silent{"127.0.0.2"};
    const net::tcp_listener listener{nobody_yet()};
    for (const std::size_t dead : {16u, 17u, 40u}) {
        test_loop loop{{.virtual_time = true}};
        endpoints all(dead, silent.where());
        all.push_back(listener.local_endpoint());
        const auto body = [&]() -> net::task<> {
            const net::time_point start = net::event_loop::current().now();
            const net::async_stream stream = co_await net::async_connect(all, 250ms);
            CHECK(net::event_loop::current().now() - start == dead * 250ms);
            CHECK(stream.peer_endpoint().ip() == listener.local_endpoint());
        };
        loop.run(body());
    }
}

TEST_CASE("where descriptors run out the next attempt waits for one") {
    const silent_server silent{"127.0.0.2"};
    const net::tcp_listener listener{nobody_yet()};
    endpoints all(20, silent.where());
    all.push_back(listener.local_endpoint());
    const closed_port closed{"127.0.0.4"};
    test_loop loop{{.virtual_time = true}};
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const auto limited = [&]() -> net::task<> {
        co_await net::with_timeout(20s, net::async_connect(all, 250ms));
    };
    const auto body = [&]() -> net::task<> {
        const rlimit few{static_cast<rlim_t>(open_descriptors() + 4), before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        const auto end = co_await end_of(limited());  // and no end sooner, as if all had failed
        CHECK(end.code == std::errc::timed_out);
        const auto refused = co_await end_of(net::async_connect(endpoints(30, closed.where())));
        CHECK(refused.code == std::errc::connection_refused);
    };
    loop.run(body());
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("a task does not connect to itself") {
    // What happens by chance to a client of a dead port: a socket that is bound first meets itself always.
    test_loop loop;
    const auto body = [&]() -> net::task<> {
        net::socket alone{net::address_family::inet, net::socket_type::stream};
        alone.bind(net::endpoint{net::ip_address{"127.0.0.1"}, 0});
        const net::socket_address own = alone.local_endpoint();
        net::async_stream stream{std::move(alone)};
        std::error_code error;
        try {
            co_await net::detail::connecting{stream.node(), own};
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        CHECK(error == std::errc::connection_refused);
    };
    loop.run(body());
}

TEST_CASE("a limit of time closes all attempts") {
    const silent_server silent{"127.0.0.2"};
    test_loop loop{{.virtual_time = true}};
    const auto before = open_descriptors();
    const auto looks = [](std::ptrdiff_t& seen) -> net::task<> {
        co_await net::sleep_for(9s);
        seen = open_descriptors();
    };
    const auto limited = [&]() -> net::task<> {
        co_await net::with_timeout(10s, net::async_connect(endpoints(20, silent.where()), 100ms));
    };
    const auto body = [&]() -> net::task<> {
        std::ptrdiff_t seen = 0;
        auto observer = net::spawn(looks(seen));
        const auto end = co_await end_of(limited());
        CHECK(end.code == std::errc::timed_out);
        CHECK(seen == before + 20);
        co_await net::yield();
        CHECK(open_descriptors() == before);
    };
    loop.run(body());
}

TEST_CASE("connecting that is cancelled says so, and not that an address has failed") {
    const net::tcp_listener listener{nobody_yet()};
    endpoints all(1000, listener.local_endpoint());
    all.front() = net::endpoint{"[fe80::1%none-such]:9"};  // that fails before it has waited
    test_loop loop;
    const auto before = open_descriptors();
    const auto body = [&]() -> net::task<> {
        auto connecting = net::spawn(end_of(net::async_connect(all, 24h)));
        connecting.cancel();
        const auto end = co_await connecting.join();
        CHECK(end.code == std::errc::operation_canceled);
        CHECK(open_descriptors() <= before + 1);  // and has not tried them all
    };
    loop.run(body());
}

TEST_CASE("connecting that is cancelled at any moment leaves nothing open") {
    const silent_server silent{"127.0.0.2"};
    const closed_port closed{"127.0.0.4"};
    const net::tcp_listener listener{nobody_yet()};
    const endpoints all{silent.where(), closed.where(), silent.where(), listener.local_endpoint()};
    const auto before = open_descriptors();
    for (const net::duration when : {0ms, 1ms, 99ms, 100ms, 101ms, 199ms, 200ms, 201ms}) {
        test_loop loop{{.virtual_time = true}};
        const auto body = [&]() -> net::task<> {
            auto connecting = net::spawn(end_of(net::async_connect(all, 100ms)));
            co_await net::sleep_for(when);
            const bool had_ended = connecting.has_ended();
            connecting.cancel();
            const auto end = co_await connecting.join();
            CHECK((end.code == std::errc::operation_canceled || had_ended));
            CHECK((when >= 200ms || !had_ended));
        };
        loop.run(body());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a UDP socket is connected to a host, and is in the loop") {
    for (const char* const host : {"127.0.0.1", "::1"}) {
        net::udp_socket server{net::address_family::inet};
        std::error_code error;
        server = net::udp_socket{net::endpoint{host, 0}, {}, error};
        if (error) continue;  // a system without IPv6
        test_loop loop;
        const auto asks = [&]() -> net::task<std::string> {
            net::async_udp socket = co_await net::async_udp_connect(host, server.local_endpoint().port());
            CHECK(socket.peer_endpoint() == server.local_endpoint());
            co_await socket.send("hello");
            std::array<char, 10> room{};
            const auto question = server.recv_from(room);
            server.send_to("world", question.sender);
            const auto answer = co_await socket.recv_from(room);
            co_return std::string{net::as_text(answer.bytes)};
        };
        CHECK(loop.run(asks()) == "world");
    }
}

TEST_CASE("a task connects from an address of its choice, and a hook sets options before") {
    const net::tcp_listener listener{nobody_yet()};
    test_loop loop;
    const auto body = [&]() -> net::task<> {
        int calls = 0;
        const auto hook = [&](net::socket& made) {
            ++calls;
            made.set_option(net::option::keep_alive{true});
        };
        const net::connect_options options{.local = {net::ip_address{"127.0.0.9"}, 0}, .before = hook};
        const endpoints there(1, listener.local_endpoint());
        const auto stream = co_await net::async_connect(there, options);
        CHECK(stream.local_endpoint().ip().address() == net::ip_address{"127.0.0.9"});
        CHECK(stream.get_option<net::option::keep_alive>());
        CHECK(calls == 1);
        const auto named = co_await net::async_connect("127.0.0.1", listener.local_endpoint().port(), options);
        CHECK(named.local_endpoint().ip().address() == net::ip_address{"127.0.0.9"});
        const auto thrower = [](net::socket&) { throw std::runtime_error{"not this one"}; };
        bool has_thrown = false;
        try {
            const net::connect_options throwing{.before = thrower};
            co_await net::async_connect(there, throwing);
        } catch (const std::runtime_error& error) {
            has_thrown = error.what() == std::string{"not this one"};
        }
        CHECK(has_thrown);
    };
    loop.run(body());
}

TEST_CASE("the timeout of the settings is for all attempts, and a stop is refused") {
    const silent_server silent{"127.0.0.2"};
    test_loop loop{{.virtual_time = true}};
    const auto body = [&]() -> net::task<> {
        const net::time_point start = net::event_loop::current().now();
        std::string what;
        try {
            const endpoints twice(2, silent.where());
            const net::connect_options limited{.timeout = 3s};
            co_await net::async_connect(twice, limited);
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::timed_out);
            what = error.what();
        }
        CHECK(net::event_loop::current().now() - start == 3s);
        CHECK(what.find("connect " + silent.where().to_string()) == 0);
        const net::stop_event stop;
        const net::connect_options stopping{.stop = &stop};
        bool is_refused = false;
        try {
            co_await net::async_connect("127.0.0.2", 9, stopping);
        } catch (const std::invalid_argument&) {
            is_refused = true;
        }
        CHECK(is_refused);
    };
    loop.run(body());
}

TEST_CASE("a refused connection is reported without an exception") {
    const closed_port closed{"127.0.0.4"};
    const net::tcp_listener listener{nobody_yet()};
    test_loop loop;
    const auto body = [&]() -> net::task<> {
        std::error_code error;
        const auto none = co_await net::async_stream::connect(closed.where(), error);
        CHECK(error == std::errc::connection_refused);
        CHECK_FALSE(none.is_open());
        const auto stream = co_await net::async_stream::connect(listener.local_endpoint(), error);
        CHECK_FALSE(error);
        CHECK(stream.is_open());
        const auto nowhere = co_await net::async_stream::connect(net::unix_endpoint{"/nonexistent/socket"}, error);
        CHECK(error == std::errc::no_such_file_or_directory);
        CHECK_FALSE(nowhere.is_open());
        auto waiting = net::spawn([&]() -> net::task<> {
            const silent_server silent{"127.0.0.2"};
            co_await net::async_stream::connect(silent.where(), error);
        });
        co_await net::yield();
        waiting.cancel();
        bool is_cancelled = false;
        try {
            co_await waiting.join();
        } catch (const std::system_error& failure) {
            is_cancelled = failure.code() == std::errc::operation_canceled;
        }
        CHECK(is_cancelled);
    };
    loop.run(body());
}

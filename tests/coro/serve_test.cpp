// What coro/serve.hpp promises: one client never ends the server, none keeps a place for ever, and a stop is heard.

#include <netnotes/coro/connect.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/serve.hpp>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using support::open_descriptors;

namespace {

net::task<> echo(net::async_stream client) {
    for (;;) {
        const auto bytes = co_await client.recv();
        if (bytes.empty()) co_return;
        co_await client.send_all(bytes);
    }
}
net::tcp_listener on_loopback() { return net::tcp_listener{{net::ipv4_address::loopback(), 0}}; }

/// What on_error was told. It is a plain function, so this is no member of anything.
std::vector<std::string> told;
void tell(const net::socket_address&, const std::exception& failure) { told.emplace_back(failure.what()); }

/// Plays a client beside the server, in one loop, and then stops the server.
template <class Handler, class Client>
void play(Handler handler, net::serve_options options, Client client) {
    told.clear();
    options.on_error = tell;
    test_loop loop;
    net::tcp_listener listener = on_loopback();
    const net::endpoint where = listener.local_endpoint();
    const auto both = [&]() -> net::task<> {
        auto server = net::spawn(net::serve(std::move(listener), handler, options));
        co_await client(where);
        server.cancel();
        std::error_code how;
        try {
            co_await server.join();
        } catch (const std::system_error& error) {
            how = error.code();
        }
        CHECK(how == std::errc::operation_canceled);
    };
    loop.run(both());
}
net::task<bool> is_echoed(net::async_stream& server, std::string text) {
    co_await server.send_all(text);
    std::string back(text.size(), '\0');
    co_await server.recv_exact(back);
    co_return back == text;
}
/// How the stream ends, and after how many bytes.
struct ending {
    ending(std::size_t count, std::error_code how) : bytes{count}, error{how} {}
    std::size_t bytes;
    std::error_code error;
};
net::task<ending> end_of(net::async_stream& server) {
    std::size_t size = 0;
    std::error_code error;
    try {
        for (;;) {
            const auto bytes = co_await server.recv();
            if (bytes.empty()) break;
            size += bytes.size();
        }
    } catch (const std::system_error& failure) {
        error = failure.code();
    }
    co_return ending{size, error};
}
void reset(net::async_stream& client) {
    client.set_option(net::option::linger{0s});
    client.close();
}

}  // namespace

TEST_CASE("clients that reset at any moment end nobody but themselves") {
    const auto before = open_descriptors();
    play(echo, {}, [](net::endpoint where) -> net::task<> {
        auto bystander = co_await net::async_stream::connect(where);
        for (int i = 0; i < 200; ++i) {
            auto client = co_await net::async_stream::connect(where);
            if (i % 3 > 0) co_await client.send_all(std::string(i % 3 == 1 ? 1 : 100'000, 'x'));
            if (i % 5 == 0) co_await net::sleep_for(1ms);
            reset(client);
        }
        const bool right = co_await is_echoed(bystander, "still here");
        CHECK(right);
    });
    CHECK_FALSE(told.empty());
    CHECK(open_descriptors() == before);
}

TEST_CASE("a handler that throws whatever it likes ends its own connection") {
    const auto fails = [](net::async_stream client) -> net::task<> {
        const auto bytes = co_await client.recv();
        const std::string word{net::as_text(bytes)};
        if (word == "int") throw 5;
        if (word == "error") throw std::runtime_error{"as it was asked"};
        co_await client.send_all(word);
    };
    play(fails, {}, [](net::endpoint where) -> net::task<> {
        for (const std::string word : {"int", "error"}) {
            auto client = co_await net::async_stream::connect(where);
            co_await client.send_all(word);
            const ending end = co_await end_of(client);
            CHECK(end.bytes == 0);
        }
        auto client = co_await net::async_stream::connect(where);
        const bool right = co_await is_echoed(client, "fine");
        CHECK(right);
    });
    CHECK(told ==
          std::vector<std::string>{"the handler threw an object that is not a std::exception", "as it was asked"});
}

TEST_CASE("a client for which there is no memory is reported, and a handler that throws before its task, too") {
    for (const bool lacks_memory : {true, false}) {
        told.clear();
        int calls = 0;
        const auto fails_once = [&](net::async_stream client) -> net::task<> {
            if (calls++ > 0) return echo(std::move(client));
            if (lacks_memory) throw std::bad_alloc{};
            throw std::runtime_error{"no task"};
        };
        play(fails_once, {}, [](net::endpoint where) -> net::task<> {
            auto first = co_await net::async_stream::connect(where);
            const ending end = co_await end_of(first);
            CHECK(end.bytes == 0);
            auto client = co_await net::async_stream::connect(where);
            const bool right = co_await is_echoed(client, "fine");
            CHECK(right);
        });
        CHECK(told == std::vector<std::string>{lacks_memory ? std::bad_alloc{}.what() : "no task"});
    }
}

TEST_CASE("the handler may be told the peer, as an endpoint or as a socket address") {
    const auto as_endpoint = [](net::async_stream client, net::endpoint peer) -> net::task<> {
        co_await client.send_all(peer.to_string());
    };
    const auto as_address = [](net::async_stream client, net::socket_address peer) -> net::task<> {
        co_await client.send_all(peer.to_string());
    };
    const auto asks = [](net::endpoint where) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        std::string heard(client.local_endpoint().to_string().size(), '\0');
        co_await client.recv_exact(heard);
        CHECK(heard == client.local_endpoint().to_string());
    };
    play(as_endpoint, {}, asks);
    play(as_address, {}, asks);
}

TEST_CASE("clients that reset while they are in the queue have the address that they came from") {
    const bool is_ipv6 = GENERATE(false, true);
    std::vector<net::endpoint> served, came_from;
    test_loop loop;
    net::tcp_listener listener = is_ipv6 ? net::tcp_listener{{net::ipv6_address::loopback(), 0}} : on_loopback();
    const net::endpoint where = listener.local_endpoint();
    for (int i = 0; i < 5; ++i) {
        auto client = net::tcp_stream::connect(where);
        came_from.push_back(client.local_endpoint());
        if (i % 2 == 1) client.send_all("some bytes");
        client.set_option(net::option::linger{0s});
        client.close();
    }
    const auto note = [&](net::async_stream client, const net::endpoint& peer) -> net::task<> {
        served.push_back(peer);
        co_await echo(std::move(client));
    };
    told.clear();
    const auto both = [&]() -> net::task<> {
        net::serve_options options;
        options.on_error = tell;
        auto server = net::spawn(net::serve(std::move(listener), note, options));
        auto last = co_await net::async_stream::connect(where);
        const bool right = co_await is_echoed(last, "still here");
        CHECK(right);
        came_from.push_back(last.local_endpoint().ip());
        last.close();
        server.cancel();
        std::error_code how;
        try {
            co_await server.join();
        } catch (const std::system_error& error) {
            how = error.code();
        }
        CHECK(how == std::errc::operation_canceled);
    };
    loop.run(both());
    CHECK(served == came_from);
}

TEST_CASE("a client without an IP address is reported, and the server goes on") {
    support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("socket")};
    const auto greet = [](net::async_stream client, const net::endpoint&) -> net::task<> {
        co_await client.send_all("hello");
    };
    told.clear();
    test_loop loop;
    net::socket listening{net::address_family::local, net::socket_type::stream};
    listening.bind(where);
    listening.listen();
    const auto both = [&]() -> net::task<> {
        net::serve_options options;
        options.on_error = tell;
        auto server = net::spawn(net::serve(net::async_listener{std::move(listening)}, greet, options));
        for (int i = 0; i < 2; ++i) {
            auto client = co_await net::async_stream::connect(where);
            const ending end = co_await end_of(client);
            CHECK(end.bytes == 0);
        }
        server.cancel();
        std::error_code how;
        try {
            co_await server.join();
        } catch (const std::system_error& error) {
            how = error.code();
        }
        CHECK(how == std::errc::operation_canceled);
    };
    loop.run(both());
    CHECK(told.size() == 2);
}

TEST_CASE("beyond the limit a client waits in the queue until another leaves") {
    play(echo, {.max_connections = 2}, [](net::endpoint where) -> net::task<> {
        auto first = co_await net::async_stream::connect(where);
        auto second = co_await net::async_stream::connect(where);
        bool right = co_await is_echoed(first, "1");
        CHECK(right);
        right = co_await is_echoed(second, "2");
        CHECK(right);
        auto third = co_await net::async_stream::connect(where);
        auto waits = net::spawn(is_echoed(third, "3"));
        right = co_await is_echoed(first, "1");
        CHECK(right);
        CHECK_FALSE(waits.has_ended());
        reset(second);
        right = co_await waits.join();
        CHECK(right);
    });
}

TEST_CASE("one address has at most max_per_client connections, and other addresses do not notice") {
    play(echo, {.max_per_client = 2}, [](net::endpoint where) -> net::task<> {
        bool right = false;
        {
            auto first = co_await net::async_stream::connect(where);
            auto second = co_await net::async_stream::connect(where);
            right = co_await is_echoed(first, "1");
            CHECK(right);
            right = co_await is_echoed(second, "2");
            CHECK(right);
            auto third = co_await net::async_stream::connect(where);
            const ending refused = co_await end_of(third);
            CHECK(refused.error == std::errc::connection_reset);
            CHECK(told.size() == 1);
            CHECK(told.back().starts_with("more connections than max_per_client: "));

            net::connect_options from_elsewhere;
            from_elsewhere.local = {"127.0.0.2", 0};
            std::vector<net::endpoint> there(1, where);
            auto other = co_await net::async_connect(std::move(there), from_elsewhere);
            right = co_await is_echoed(other, "other");
            CHECK(right);

            first.shutdown(net::shutdown_direction::send);
            const ending gone = co_await end_of(first);  // it has left, and its place is free
            CHECK_FALSE(gone.error);
            auto fourth = co_await net::async_stream::connect(where);
            right = co_await is_echoed(fourth, "4");
            CHECK(right);
        }
        while (told.size() < 1'000) {  // whatever was refused before, a free place is given
            auto next = co_await net::async_stream::connect(where);
            std::error_code refused;
            try {
                right = co_await is_echoed(next, "next");
            } catch (const std::system_error& error) {
                refused = error.code();
            }
            if (!refused) break;
            co_await net::yield();
        }
        CHECK(right);
    });
}

TEST_CASE("the hosts of an IPv6 network of 64 bits count as one client, and IPv4 clients of both listeners, too") {
    const auto place = [](const char* address) {
        return net::detail::peer_name{net::endpoint{net::ip_address{address}, 1}, -1}.place();
    };
    CHECK(place("192.0.2.1") != place("192.0.2.2"));
    CHECK(place("192.0.2.1") == place("::ffff:192.0.2.1"));
    CHECK(place("2001:db8::1") == place("2001:db8::ffff:1"));
    CHECK(place("2001:db8:0:1::1") != place("2001:db8::1"));
    CHECK(place("2001:db8::1") != place("192.0.2.1"));
}

TEST_CASE("clients who choose their addresses do not choose their chain, because each server has a secret of its own") {
    // Addresses that share a chain of one server: a stranger who knew its secret could find them.
    const net::detail::crowd<int> known, other;
    std::vector<std::uint64_t> chosen;
    for (std::uint64_t place = 0; chosen.size() < 1'000; ++place)
        if (known.chain_of(place) == 0) chosen.push_back(place);
    std::vector<unsigned> lengths(1'024);
    for (const std::uint64_t place : chosen) ++lengths.at(other.chain_of(place));
    CHECK(*std::max_element(lengths.begin(), lengths.end()) < 20);  // 1 on the average
}

TEST_CASE("a path to listen on does, and a stale socket there is replaced") {
    support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("socket")};
    net::socket{net::address_family::local, net::socket_type::stream}.bind(where);  // is closed, and its file stays
    test_loop loop;
    const auto both = [&]() -> net::task<> {
        auto server = net::spawn(net::serve(where, echo, {.max_per_client = 1}));
        co_await net::yield();
        auto first = co_await net::async_stream::connect(where);
        auto second = co_await net::async_stream::connect(where);  // no IP address, so none counts
        for (net::async_stream* each : {&first, &second}) {
            const bool right = co_await is_echoed(*each, "hello");
            CHECK(right);
        }
        server.cancel();
    };
    loop.run(both());
}

TEST_CASE("without descriptors clients wait and are served when there are some") {
    play(echo, {}, [](net::endpoint where) -> net::task<> {
        std::vector<net::async_stream> clients;
        for (int i = 0; i < 5; ++i) clients.push_back(co_await net::async_stream::connect(where));
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        rlimit none = limit;
        none.rlim_cur = 3;
        ::setrlimit(RLIMIT_NOFILE, &none);
        co_await net::sleep_for(120ms);  // two attempts; those accepted before are served meanwhile
        ::setrlimit(RLIMIT_NOFILE, &limit);
        for (net::async_stream& client : clients) {
            const bool right = co_await is_echoed(client, "at last");
            CHECK(right);
        }
    });
    CHECK(told.empty());
}

TEST_CASE("a handler that opens a second descriptor has one left, however many clients come") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    static std::size_t at_once = 0, most_at_once = 0, failures = 0;
    at_once = most_at_once = failures = 0;
    const auto opens_another = [](net::async_stream client) -> net::task<> {
        const int second = ::dup(0);
        if (second < 0) ++failures;
        most_at_once = std::max(most_at_once, ++at_once);
        co_await client.send_all("x");
        co_await client.recv();
        --at_once;
        ::close(second);
    };
    play(opens_another, {.descriptors_per_connection = 2}, [&before](net::endpoint where) -> net::task<> {
        std::vector<net::tcp_stream> clients(8);
        for (auto& client : clients) client = net::tcp_stream::connect(where);
        const int lowest = ::dup(0);
        ::close(lowest);
        rlimit few = before;
        few.rlim_cur = static_cast<rlim_t>(lowest) + 7;  // room for three clients and their second descriptors
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        for (auto& client : clients) {  // the server begins to accept when this task waits
            net::async_stream stream{std::move(client)};
            std::array<char, 1> room;
            co_await stream.recv_exact(room);
        }
        ::setrlimit(RLIMIT_NOFILE, &before);
        CHECK(failures == 0);
    });
    CHECK(most_at_once == 3);
    CHECK(told.empty());
}

TEST_CASE("a silent client is closed after the idle timeout, and that is told") {
    play(echo, {.idle_timeout = 50ms}, [](net::endpoint where) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        const ending end = co_await end_of(client);
        CHECK_FALSE(end.error);
    });
    REQUIRE(told.size() == 1);
    CHECK(told[0].find(std::make_error_code(std::errc::timed_out).message()) != std::string::npos);
}

TEST_CASE("a client that is never idle and never answered is closed, and a dialogue lives on") {
    const bool by_default = GENERATE(false, true);
    const auto seldom = [](net::async_stream client) -> net::task<> {
        for (;;) {
            const auto bytes = co_await client.recv();
            if (bytes.empty()) co_return;
            if (bytes[0] == std::byte{'d'}) co_await client.send_all(bytes);
        }
    };
    net::serve_options options{};
    options.request_timeout = 300ms;
    if (by_default) {
        options.request_timeout.reset();
        options.idle_timeout = 100ms;
    }
    const auto clients = [by_default](net::endpoint where) -> net::task<> {
        auto trickles = co_await net::async_stream::connect(where);
        auto talks = co_await net::async_stream::connect(where);
        for (std::error_code error; told.empty();) {
            try {
                co_await trickles.send_all("t");
            } catch (const std::system_error& failure) {
                error = failure.code();
            }
            // On a busy machine the idle timeout may end both. Without it nothing but the want of an answer does.
            const bool right = by_default || co_await is_echoed(talks, "d");
            CHECK(right);
            co_await net::sleep_for(5ms);
        }
        const bool right = by_default || co_await is_echoed(talks, "d");
        CHECK(right);
    };
    play(seldom, options, clients);
    REQUIRE_FALSE(told.empty());
    const std::string why = std::make_error_code(std::errc::timed_out).message();
    if (by_default)
        CHECK(told[0].find(why) != std::string::npos);
    else
        CHECK(told == std::vector{why});
}

TEST_CASE("the longest time limits of serve() wait for ever, and a grace below zero counts as zero") {
    const net::wait_time longest = GENERATE(net::wait_time{net::never}, net::wait_time{net::never - 1ns},
                                            net::wait_time{std::chrono::hours::max()},
                                            net::wait_time{std::chrono::duration<double>{1e300}});
    net::serve_options options{};
    options.idle_timeout = longest;
    options.stop_grace = GENERATE(false, true) ? longest : net::wait_time{std::chrono::hours::min()};
    if (GENERATE(false, true)) options.request_timeout = longest;
    play(echo, options, [](net::endpoint where) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        for (int i = 0; i < 3; ++i) {
            const bool right = co_await is_echoed(client, "x");
            CHECK(right);
            co_await net::sleep_for(1ms);
        }
    });
    CHECK(told.empty());
}

TEST_CASE("a handler that throws between two sends ends in order unless it has asked for a reset") {
    const bool asks = GENERATE(false, true);
    const auto throws = [asks](net::async_stream client) -> net::task<> {
        co_await client.recv();
        co_await client.send_all("half");
        if (asks) client.set_option(net::option::linger{0s});
        throw std::runtime_error{"and the rest?"};
    };
    play(throws, {}, [asks](net::endpoint where) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        co_await client.send_all("x");
        const ending end = co_await end_of(client);
        CHECK(end.error == std::error_code{asks ? ECONNRESET : 0, std::system_category()});
    });
    CHECK(told == std::vector<std::string>{"and the rest?"});
}

TEST_CASE("an answer that nobody takes ends in a reset") {
    const auto much = [](net::async_stream client) -> net::task<> {
        const std::string answer(64 << 20, 'a');
        co_await client.send_all(answer);
    };
    play(much, {.idle_timeout = 50ms}, [](net::endpoint where) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        while (told.empty()) co_await net::sleep_for(5ms);
        const ending end = co_await end_of(client);
        CHECK(end.bytes < 64 << 20);
        CHECK(end.error == std::errc::connection_reset);
    });
}

TEST_CASE("a client that ends its half gets its answer though it comes later") {
    const auto late = [](net::async_stream client) -> net::task<> {
        const auto bytes = co_await client.recv();
        const std::string word{net::as_text(bytes)};
        const auto end = co_await client.recv();
        CHECK(end.empty());
        co_await net::sleep_for(5ms);
        co_await client.send_all(word);
    };
    play(late, {}, [](net::endpoint where) -> net::task<> {
        auto client = co_await net::async_stream::connect(where);
        co_await client.send_all("ask");
        client.shutdown(net::shutdown_direction::send);
        const ending end = co_await end_of(client);
        CHECK(end.bytes == 3);
        CHECK_FALSE(end.error);
    });
}

TEST_CASE("a stop lets what had come be answered, ends the silent in order, and waits for nobody longer than the grace") {
    test_loop loop;
    net::stop_event stop;
    net::tcp_listener listener = on_loopback();
    const net::endpoint where = listener.local_endpoint();
    net::tcp_stream silent{where}, asks{where}, stubborn{where};
    const auto handler = [&](net::async_stream client) -> net::task<> {
        for (;;) {
            const auto bytes = co_await client.recv();
            if (bytes.empty()) co_return;
            if (bytes[0] == std::byte{'s'}) {
                co_await net::sleep_for(1h);
            } else {
                std::string word{net::as_text(bytes)};
                stop.request_stop();
                co_await net::sleep_for(20ms);
                co_await client.send_all(word);
            }
        }
    };
    stubborn.send_all("s");
    asks.send_all("ask");
    const auto begin = net::clock::now();
    CHECK_FALSE(loop.run(net::serve(std::move(listener), handler, {.stop_grace = 200ms}), stop));
    CHECK(net::clock::now() - begin >= 200ms);
    char buffer[10];
    CHECK(asks.recv(buffer) == 3);
    CHECK(asks.recv(buffer) == 0);
    CHECK(silent.recv(buffer) == 0);
    std::error_code refused;
    net::tcp_stream::connect(where, 1s, refused);
    CHECK(refused == std::errc::connection_refused);
}

TEST_CASE("a stop does not touch a socket that has the number of a client that was closed") {
    const support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("socket")};
    net::socket listener{net::address_family::local, net::socket_type::stream};
    listener.bind(where);
    listener.listen();
    test_loop loop;
    net::async_event is_ready;
    net::async_stream far_end;
    std::string received;
    const auto handler = [&](net::async_stream client) -> net::task<> {
        const int number = client.native_handle();
        client.close();
        auto [one, other] = net::socket_pair(net::socket_type::stream);  // without names, like the client
        CHECK(one.native_handle() == number);
        net::async_stream near_end{std::move(one)};
        far_end = net::async_stream{std::move(other)};
        is_ready.set();
        const auto bytes = co_await near_end.recv();
        received = net::as_text(bytes);
    };
    const auto both = [&]() -> net::task<> {
        auto server = net::spawn(net::serve(net::async_listener{std::move(listener)}, handler));
        net::async_stream client = co_await net::async_stream::connect(net::socket_address{where});
        co_await is_ready.wait();
        server.cancel();
        for (int turn = 0; turn < 5; ++turn) co_await net::yield();
        co_await far_end.send_all("x");
        try {
            co_await server.join();
        } catch (const std::system_error&) {
        }
        far_end.close();
    };
    loop.run(both());
    CHECK(received == "x");
}

TEST_CASE("a server with nobody connected stops at once") {
    test_loop loop;
    net::stop_event stop;
    stop.request_stop();
    CHECK_FALSE(loop.run(net::serve(on_loopback(), echo, {.stop_grace = 1h}), stop));
}

TEST_CASE("an address to listen on does, and options are a temporary beside co_await") {
    test_loop loop;
    const auto fails = [&]() -> net::task<> {
        const net::tcp_listener taken = on_loopback();
        std::error_code why;
        try {
            co_await net::serve({net::ipv4_address::loopback(), taken.local_endpoint().port()}, echo,
                                {.max_connections = 10, .request_timeout = 5s});
        } catch (const std::system_error& error) {
            why = error.code();
        }
        CHECK(why == std::errc::address_in_use);
        net::async_listener closed{on_loopback()};
        closed.close();
        try {
            co_await net::serve(std::move(closed), echo);
        } catch (const std::system_error& error) {
            why = error.code();
        }
        CHECK(why == std::errc::bad_file_descriptor);
        CHECK_THROWS_AS(co_await net::serve(on_loopback(), echo, {.max_connections = 0}), std::invalid_argument);
        CHECK_THROWS_AS(co_await net::serve(on_loopback(), echo, {.max_per_client = 0}), std::invalid_argument);
    };
    loop.run(fails());
}

TEST_CASE("a loop that is destroyed with a server in it leaves nothing behind") {
    const auto before = open_descriptors();
    {
        net::tcp_listener listener = on_loopback();
        const net::endpoint where = listener.local_endpoint();
        test_loop loop;
        loop.spawn(net::serve(std::move(listener), echo));
        const auto fails = [&]() -> net::task<> {
            auto client = co_await net::async_stream::connect(where);
            const bool right = co_await is_echoed(client, "x");
            CHECK(right);
            net::event_loop::current().post([] { throw std::runtime_error{"the end"}; });
            co_await net::sleep_for(1h);
        };
        CHECK_THROWS(loop.run(fails()));
    }
    CHECK(open_descriptors() == before);
}

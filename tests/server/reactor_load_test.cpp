// The reactor server under load: clients without end, too many clients, too little memory.

#include "reactor.hpp"

// ---- memory, counted and refused -----------------------------------------------------------------------

// Not with a sanitizer, which has an operator new of its own and is to keep it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITHOUT_MEMORY_TESTS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WITHOUT_MEMORY_TESTS
#endif
#endif

#ifndef WITHOUT_MEMORY_TESTS
namespace {
std::atomic<std::ptrdiff_t> memory_in_use{0};                                // of all threads, from operator new
thread_local std::size_t largest_allocation = static_cast<std::size_t>(-1);  // of this thread; above it, bad_alloc
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {  // inlined, g++ takes it for no match of the other
    void* const memory = size > largest_allocation ? nullptr : std::malloc(size);
    if (!memory) throw std::bad_alloc{};
    memory_in_use += static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (memory) memory_in_use -= static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
#endif

// ---- fairness ------------------------------------------------------------------------------------------

TEST_CASE("a client that sends without end does not keep another waiting") {
    // The handler itself gives the endless client its next bytes, so that the server never finds it empty.
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.read_size = 4096;
    std::atomic<std::uint64_t> endless_id{0};
    std::atomic<bool> other_was_served{false};
    net::tcp_stream endless;
    std::atomic<int> calls_before{0};
    const std::string part(options.read_size, 'e');
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (client.id() != endless_id) {
            other_was_served = true;
            return client.send(received);
        }
        if (other_was_served) return;
        ++calls_before;
        std::error_code error;
        endless.send_all(part, error);
    };
    actions.open = [&](net::connection& client) { endless_id = client.id(); };
    running_server server{actions, options};
    net::tcp_stream other{server.where()};
    server.wait_until([](const journal& j) { return j.opened >= 1; });
    endless = net::tcp_stream{server.where()};
    server.wait_until([](const journal& j) { return j.opened >= 2; });
    endless.set_option(net::option::no_delay{});  // nothing is sent back, so each part would wait for a late acknowledgment
    endless.set_blocking(false);
    {
        const auto held = server.hold();
        for (int i = 0; i < 8; ++i) endless.send_all(part);
        other.send_all("ping");
        server.wait_until_arrived(8 * part.size() + 4);
    }
    CHECK(recv_exactly(other, 4) == "ping");
    CHECK(calls_before <= 2 * reads_a_turn);
}

TEST_CASE("between two waits a client that sends without end has no more than its turns however long it goes on") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.read_size = 4096;
    const std::string part(options.read_size, 'e');
    net::tcp_stream endless;
    running_server* server = nullptr;
    int of_which_wait = -1, in_this_wait = 0, most = 0;
    std::atomic<int> calls{0};
    hooks actions;
    actions.bytes = [&](net::connection&, bytes_view) {
        if (calls++ >= 5000) return;
        if (std::exchange(of_which_wait, server->seen().waits.load()) != server->seen().waits) in_this_wait = 0;
        most = std::max(most, ++in_this_wait);
        std::error_code error;
        endless.send_all(part, error);
    };
    running_server own{actions, options};
    server = &own;
    endless = net::tcp_stream{own.where()};
    own.wait_until([](const journal& j) { return j.opened >= 1; });
    endless.set_option(net::option::no_delay{});  // nothing is sent back, so each part would wait for a late acknowledgment
    endless.set_blocking(false);
    {
        const auto held = own.hold();
        for (int i = 0; i < 8; ++i) endless.send_all(part);
        own.wait_until_arrived(8 * part.size());
    }
    own.wait_until([](const journal& j) { return j.calls >= 5000; });
    own.there([] { return 0; });
    CHECK(most <= 2 * reads_a_turn);  // one for an event, one as pending
    CHECK(most > 1 - (how.how == trigger::level));
}

TEST_CASE("a client whose turn ended with bytes unread goes on in the next") {
    net::reactor_options options;
    options.read_size = 64;
    running_server server{{}, options};
    net::tcp_stream client{server.where()};
    REQUIRE(is_echoed(client, "x"));
    const std::string text = random_bytes(64 * reads_a_turn * 5 + 1, 2);
    {
        const auto held = server.hold();
        client.send_all(text);
    }
    CHECK(recv_exactly(client, text.size()) == text);
    CHECK(is_echoed(client, "and on"));
}

// ---- too many ------------------------------------------------------------------------------------------

TEST_CASE("a client beyond the limit waits in the queue until another leaves") {
    const manner how = every_manner();
    const bool by_reset = GENERATE(false, true);
    server_options options = options_for(how);
    options.max_connections = 2;
    running_server server{{}, options};
    net::tcp_stream first{server.where()}, second{server.where()};
    CHECK(is_echoed(first, "1"));
    CHECK(is_echoed(second, "2"));
    net::tcp_stream third{server.where()}, fourth{server.where()};
    third.send_all("3");
    fourth.send_all("4");
    const int announced = server.seen().listener_events;
    for (int i = 0; i < 20; ++i) {
        CHECK(is_echoed(first, "x"));
        CHECK(is_echoed(second, "y"));
    }
    CHECK(server.read().opened == 2);
    CHECK(server.connections() == 2);
    CHECK(server.seen().listener_events - announced <= 1);  // it is not looked at, so it does not make us spin
    by_reset ? reset(first) : first.close();
    CHECK(recv_exactly(third, 1) == "3");
    CHECK(is_echoed(third, "third"));
    CHECK(server.read().opened == 3);
    second.close();
    CHECK(recv_exactly(fourth, 1) == "4");
    CHECK(server.connections() == 2);
    CHECK(server.read().accept_errors.empty());
}

TEST_CASE("a limit of one is a server of one after another") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.max_connections = 1;
    running_server server{{}, options};
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back(server.where());
        clients.back().send_all(std::to_string(i));
        clients.back().shutdown(net::shutdown_direction::send);
    }
    for (int i = 0; i < 100; ++i) CHECK(recv_to_end(clients[static_cast<std::size_t>(i)]) == std::to_string(i));
    server.wait_until_closed(100);
    CHECK(server.read().opened == 100);
}

TEST_CASE("without free descriptors the server does not spin and goes on when there is one") {
    const manner how = every_manner();
    CAPTURE(how);
    std::vector<int> waits;  // the server's until it has ended
    running_server* running = nullptr;
    hooks actions;
    actions.accept_error = [&](std::error_code) { waits.push_back(running->seen().waits); };
    running_server server{actions, options_for(how)};
    running = &server;
    net::tcp_stream first{server.where()};
    CHECK(is_echoed(first, "1"));

    // Sockets that are to connect, and one descriptor to be given back. Then no descriptor is left.
    net::socket second{net::address_family::inet, net::socket_type::stream};
    net::socket third{net::address_family::inet, net::socket_type::stream};
    net::socket spare{::dup(first.native_handle())};
    const int next = ::dup(first.native_handle());
    REQUIRE(next > spare.native_handle());
    ::close(next);
    // No CHECK as long as the limit holds: UBSan needs a descriptor when it meets a class for the first time.
    struct {
        int one_more;
        net::duration three_tries;
        bool others_are_served, served_with_the_spare, served_when_one_left;
    } seen{};
    {
        const descriptor_limit none_left{static_cast<rlim_t>(next)};
        seen.one_more = ::dup(first.native_handle());
        const net::time_point begin = net::clock::now();
        second.connect(server.where());  // the kernel answers for the server, as ever
        second.send_all("2");
        server.wait_until([](const journal& j) { return j.accept_errors.size() >= 3; });
        seen.three_tries = net::clock::now() - begin;
        seen.others_are_served = is_echoed(first, "served meanwhile");
        spare.close();
        seen.served_with_the_spare = recv_exactly(second, 1) == "2";

        // Again; and now a client leaves.
        const std::size_t errors = server.read().accept_errors.size();
        third.connect(server.where());
        third.send_all("3");
        server.wait_until([&](const journal& j) { return j.accept_errors.size() > errors; });
        first.close();
        seen.served_when_one_left = recv_exactly(third, 1) == "3";
    }
    CHECK(seen.one_more == -1);
    CHECK(seen.three_tries >= 200ms);  // twice 100 ms between them
    CHECK(seen.others_are_served);
    CHECK(seen.served_with_the_spare);
    CHECK(seen.served_when_one_left);
    CHECK(is_echoed(second, "second"));
    for (const std::error_code& error : server.read().accept_errors) CHECK(error == std::errc::too_many_files_open);
    second.close();
    third.close();
    server.finish();
    // Four are needed: one for the time to pass and one for the client, each time. A server that spins makes thousands.
    CHECK(waits[2] - waits[0] < 20);
}

// ---- memory --------------------------------------------------------------------------------------------

#ifndef WITHOUT_MEMORY_TESTS
TEST_CASE("the memory of a queue is given back when it has been sent") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.high_water = 2 << 20;
    options.low_water = 16 * 1024;
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        const std::string answer(3 << 20, 'a');
        client.send(answer);
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    std::string received(3 << 20, '\0');
    const std::ptrdiff_t before = memory_in_use;
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 2u << 20; });
    const std::ptrdiff_t during = server.there([] { return memory_in_use.load(); });
    CHECK(during - before > 2 << 20);
    for (std::size_t size = 0; size < received.size();) size += client.recv(std::span{received}.subspan(size));
    const std::ptrdiff_t after = server.there([] { return memory_in_use.load(); });
    CHECK(after - before < 256 * 1024);
}

TEST_CASE("the memory of a queue that is never empty stays within its bounds") {
    const manner how = every_manner();
    const server_options options = small_options(how);
    std::atomic<std::ptrdiff_t> most{0};
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        for (int i = 0; i < 4; ++i) client.send(received);  // more than goes out meanwhile
        most = std::max(most.load(), memory_in_use.load());
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    const std::string part = random_bytes(64 * 1024, 3);
    std::array<char, 64 * 1024> received;
    client.send_all("x");
    CHECK(recv_exactly(client, 4) == "xxxx");
    const std::ptrdiff_t before = memory_in_use;
    std::thread sender{[&] {
        for (int i = 0; i < 80; ++i) client.send_all(part);
        client.shutdown(net::shutdown_direction::send);
    }};
    std::size_t size = 0;
    while (const std::size_t got = client.recv(received)) size += got;
    sender.join();
    CHECK(size == 4 * 80 * part.size());
    CHECK(server.read().max_queued > options.high_water);
    CHECK(most - before < 512 * 1024);
}

TEST_CASE("a thousand clients one after another need no more memory than the first") {
    net::reactor_options options;
    options.how = both_triggers();
    net::socket listener = loopback_listener();
    const net::endpoint where = listener.local_endpoint().ip();
    net::stop_event stop;
    net::reactor_server server{std::move(listener),
                               [](net::connection& client, bytes_view received) { client.send(received); }, options};
    std::thread running{[&] { server.run(stop); }};
    const auto serve = [&](int count) {
        int right = 0;
        for (int i = 0; i < count; ++i) {
            net::tcp_stream client{where};
            right += exchange(client, "hello") == "hello";
        }
        return right;
    };
    CHECK(serve(10) == 10);
    const std::ptrdiff_t before = memory_in_use;
    CHECK(serve(1000) == 1000);
    CHECK(memory_in_use - before < 8 * 1024);
    stop.request_stop();
    running.join();
}

TEST_CASE("a long timer that a short one replaces again and again takes no more memory") {
    struct timed {
        int left = 20'000;
        void operator()(net::connection& client, bytes_view) {
            largest_allocation = 64 * 1024;  // 20,000 alarms would take a block of 512 KiB
            client.set_timer(0ms);
        }
        void on_timer(net::connection& client) {
            if (--left == 0) return client.send("done");
            client.set_timer(24h);
            client.set_timer(0ms);
        }
    };
    net::socket listener = loopback_listener();
    const net::endpoint where = listener.local_endpoint().ip();
    net::stop_event stop;
    net::reactor_server server{std::move(listener), timed{}, {}};
    std::thread running{[&] { server.run(stop); }};
    net::tcp_stream client{where};
    client.send_all("begin");
    CHECK(recv_exactly(client, 4) == "done");
    stop.request_stop();
    running.join();
}

TEST_CASE("a queue for which there is no memory costs its connection and no more") {
    const manner how = every_manner();
    const std::string answer(2 << 20, 'a');
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (received.size() == 1) return client.send(received);
        largest_allocation = 256 * 1024;
        client.send(answer);
        largest_allocation = static_cast<std::size_t>(-1);
    };
    running_server server{actions, options_for(how), listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where()), other{server.where()};
    client.send_all("xx");
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().reasons[0] == std::errc::not_enough_memory);
    CHECK(is_echoed(other, "x"));
}

TEST_CASE("without memory for a new client the server tells it and goes on") {
    const manner how = every_manner();
    hooks actions;
    actions.accept_error = [](std::error_code) { largest_allocation = static_cast<std::size_t>(-1); };
    running_server server{actions, options_for(how)};
    net::tcp_stream first{server.where()};
    CHECK(is_echoed(first, "1"));
    const auto at_rest = server.there(open_descriptors);
    std::atomic<bool> poor{false};
    server.seen().post([&] {
        largest_allocation = 0;
        poor = true;
    });
    while (!poor) std::this_thread::yield();
    net::tcp_stream second{server.where()};
    CHECK(recv_to_end(second).empty());
    second.close();
    server.wait_until([](const journal& j) { return j.accept_errors.size() >= 1; });
    CHECK(server.read().accept_errors[0] == std::errc::not_enough_memory);
    CHECK(server.there(open_descriptors) == at_rest);
    net::tcp_stream third{server.where()};
    CHECK(is_echoed(third, "3"));
    CHECK(is_echoed(first, "1"));
    CHECK(server.read().opened == 2);
}
#endif

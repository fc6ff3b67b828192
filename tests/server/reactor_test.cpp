// The reactor server: clients that come, clients that leave, and what a handler may do.

#include "reactor.hpp"

// ---- echo ----------------------------------------------------------------------------------------------

TEMPLATE_TEST_CASE("the server of the first page is an echo server on every poller", "", net::select_poller,
                   net::poll_poller, net::epoll_poller) {
    const net::endpoint anywhere{net::ipv4_address::loopback(), 0};
    net::tcp_listener listener{anywhere};
    listener.set_option(net::option::no_delay{});
    const net::endpoint where = listener.local_endpoint();
    net::stop_event stop;
    net::reactor_server server{
        std::move(listener).into_socket(), [](auto& client, auto bytes) { client.send(bytes); }, {}, TestType{}};
    std::thread running{[&] { server.run(stop); }};
    net::tcp_stream client{where};
    CHECK(exchange(client, "hello") == "hello");
    client.close();
    stop.request_stop();
    running.join();
    CHECK(server.connection_count() == 0);
}

TEST_CASE("what is sent comes back whole though the client closes its sending side first") {
    const manner how = every_manner();
    const std::size_t size = GENERATE(0u, 1u, 64u * 1024, 64u * 1024 + 1, 10u * 1024 * 1024);
    CAPTURE(how, size);
    running_server server{{}, options_for(how)};
    const std::string text = random_bytes(size, 7);
    net::tcp_stream client{server.where()};
    const std::string answer = exchange(client, text);
    CHECK(answer.size() == size);
    const bool same = answer == text;
    CHECK(same);
    server.wait_until_closed(1);
    const journal seen = server.read();
    CHECK(seen.opened == 1);
    CHECK(seen.ended == 1);
    CHECK(seen.bytes == size);
    CHECK(seen.reasons == std::vector<std::error_code>{{}});
    if (how == trigger::edge) CHECK(server.seen().modifies == 0);  // registered once, for all
}

TEST_CASE("a thousand clients at once each get their own bytes back") {
    const manner how = every_manner();
    CAPTURE(how);
    constexpr std::size_t count = 1000;
    const descriptor_limit raised{RLIM_INFINITY};
    if (descriptor_limit::now() < FD_SETSIZE + count + 10) NETNOTES_SKIP("too few descriptors for a thousand clients");
    running_server server{{}, options_for(how)};
    std::vector<net::tcp_stream> clients;
    std::vector<std::string> texts;
    for (unsigned i = 0; i < count; ++i) {
        clients.push_back(out_of_the_way(net::tcp_stream{server.where()}));
        texts.push_back(random_bytes(1 + i * 7 % 5000, i));
    }
    for (std::size_t i = 0; i < count; ++i) clients[i].send_all(texts[i]);
    std::size_t right = 0;
    for (std::size_t i = 0; i < count; ++i) right += recv_exactly(clients[i], texts[i].size()) == texts[i];
    CHECK(right == count);
    CHECK(server.connections() == count);
    for (auto& client : clients) client.shutdown(net::shutdown_direction::send);
    for (auto& client : clients) right -= recv_to_end(client).empty();
    CHECK(right == 0);
    server.wait_until_closed(count);
}

TEST_CASE("a client says something many times") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    net::tcp_stream client{server.where()};
    int right = 0;
    for (unsigned i = 0; i < 500; ++i) right += is_echoed(client, random_bytes(1 + i, i));
    CHECK(right == 500);
    CHECK(server.seen().modifies == 0);  // nothing had to be asked for anew
}

TEST_CASE("clients of a Unix socket are served too") {
    const manner how = every_manner();
    const auto where = net::unix_endpoint::abstract("netnotes-reactor-test-" + std::to_string(::getpid()));
    net::socket listener{net::address_family::local, net::socket_type::stream};
    listener.bind(where);
    listener.listen();
    std::atomic<bool> peer_is_unnamed{false};
    hooks actions;
    actions.open = [&](net::connection& client) { peer_is_unnamed = client.peer().local().is_unnamed(); };
    running_server server{actions, small_options(how), std::move(listener)};
    const std::string text = random_bytes(1 << 20, 3);
    std::vector<net::socket> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(net::address_family::local, net::socket_type::stream);
        clients.back().connect(where);
    }
    for (auto& client : clients) {
        const bool same = exchange(client, text) == text;
        CHECK(same);
    }
    server.wait_until_closed(3);
    CHECK(peer_is_unnamed);
    CHECK(server.read().reasons == std::vector<std::error_code>(3));
}

TEST_CASE("a connection knows its peer and has a number of its own") {
    const manner how = every_manner();
    std::mutex lock;
    std::set<std::uint64_t> numbers;
    std::set<std::string> peers;
    hooks actions;
    actions.open = [&](net::connection& client) {
        const std::scoped_lock locked{lock};
        numbers.insert(client.id());
        peers.insert(client.peer().to_string());
    };
    running_server server{actions, options_for(how)};
    std::set<std::string> expected;
    for (std::size_t i = 0; i < 20; ++i) {
        net::tcp_stream first{server.where()}, second{server.where()};
        expected.insert(first.local_endpoint().to_string());
        expected.insert(second.local_endpoint().to_string());
        CHECK(is_echoed(first, "1"));
        CHECK(is_echoed(second, "2"));
        first.close();
        second.close();
        server.wait_until_closed(2 * (i + 1));  // so that the next two stand where these did
    }
    const std::scoped_lock locked{lock};
    CHECK(numbers.size() == 40);
    CHECK(peers == expected);
}

// ---- leaving -------------------------------------------------------------------------------------------

TEST_CASE("clients that leave in any order and any manner leave nothing behind") {
    const manner how = every_manner();
    const unsigned seed = GENERATE(1u, 2u, 3u);
    CAPTURE(how, seed);
    constexpr std::size_t count = 200;
    running_server server{{}, small_options(how)};
    std::ptrdiff_t at_rest = 0;
    std::mt19937 random{seed};
    std::size_t wrong = 0;
    for (std::size_t round = 0; round < 3; ++round) {
        std::vector<net::tcp_stream> clients;
        for (std::size_t i = 0; i < count; ++i) clients.emplace_back(server.where());
        std::shuffle(clients.begin(), clients.end(), random);
        for (net::tcp_stream& client : clients) {
            const std::string text = random_bytes(1 + random() % 20'000, static_cast<unsigned>(random()));
            switch (random() % 6) {
                case 0: client.close(); break;
                case 1: reset(client); break;
                case 2:  // half-close
                    wrong += exchange(client, text) != text;
                    client.close();
                    break;
                case 3:  // the answer comes when nobody is there
                    client.send_all(text);
                    client.close();
                    break;
                case 4:  // ... and this one said "no more" before
                    client.send_all(text);
                    client.shutdown(net::shutdown_direction::send);
                    client.close();
                    break;
                default: wrong += !is_echoed(client, text); reset(client);
            }
        }
        clients.clear();
        server.wait_until_closed(count * (round + 1));
        if (round == 0) at_rest = open_descriptors();
        CHECK(open_descriptors() == at_rest);
    }
    CHECK(wrong == 0);
    const journal seen = server.read();
    CHECK(seen.closes.size() == 3 * count);
    CHECK(std::all_of(seen.closes.begin(), seen.closes.end(), [](const auto& close) { return close.second == 1; }));
    CHECK(std::all_of(seen.reasons.begin(), seen.reasons.end(), [](const std::error_code& why) {
        return !why || why == std::errc::connection_reset || why == std::errc::broken_pipe;
    }));
    CHECK(net::tcp_stream{server.where()}.is_open());
}

TEST_CASE("descriptors return to the count of before the first client") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    const auto at_rest = server.there(open_descriptors);
    {
        std::vector<net::tcp_stream> clients;
        for (int i = 0; i < 20; ++i) clients.emplace_back(server.where());
        for (auto& client : clients) CHECK(is_echoed(client, "x"));
        CHECK(open_descriptors() == at_rest + 40);
    }
    server.wait_until_closed(20);
    CHECK(open_descriptors() == at_rest);
}

TEST_CASE("the reason of a close tells how it came to be") {
    const manner how = every_manner();
    CAPTURE(how);
    running_server server{{}, options_for(how)};
    net::tcp_stream client{server.where()};
    REQUIRE(is_echoed(client, "hello"));
    SECTION("an orderly end has no error and the end of the stream is told before") {
        client.close();
        server.wait_until_closed(1);
        CHECK(server.read().ended == 1);
        CHECK(server.read().reasons == std::vector<std::error_code>{{}});
    }
    SECTION("a reset is a reset and no end of the stream") {
        reset(client);
        server.wait_until_closed(1);
        CHECK(server.read().ended == 0);
        REQUIRE(server.read().reasons.size() == 1);
        CHECK(server.read().reasons[0] == std::errc::connection_reset);
    }
    SECTION("a stop is an operation canceled") {
        server.wait_until_acknowledged();
        server.finish();
        CHECK(server.read().ended == 0);
        REQUIRE(server.read().reasons.size() == 1);
        CHECK(server.read().reasons[0] == std::errc::operation_canceled);
    }
    const journal seen = server.read();
    CHECK(seen.closes.size() == 1);
    CHECK(seen.closes.begin()->second == 1);
}

TEST_CASE("a reset that comes to light with the last word is told") {
    const manner how = every_manner();
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) { client.close_after_sending(); };
    running_server server{actions, options_for(how)};
    {
        const auto held = server.hold();
        net::tcp_stream client{server.where()};
        client.send_all("x");
        reset(client);
    }
    server.wait_until_closed(1);
    CHECK(server.read().ended == 0);
    CHECK(server.read().reasons[0]);  // not_connected, or connection_reset: whichever call noticed
}

TEST_CASE("a client that was reset while it stood in the queue is accepted and forgotten") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    net::tcp_stream healthy;
    {
        const auto held = server.hold();
        net::tcp_stream dead{server.where()};
        healthy = net::tcp_stream{server.where()};
        reset(dead);
    }
    CHECK(is_echoed(healthy, "still there"));
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().reasons[0] == std::errc::connection_reset);
    CHECK(server.read().accept_errors.empty());
    CHECK(server.connections() == 1);
}

TEST_CASE("last bytes and the end of the stream that come in one event are both seen") {
    // An edge-triggered poller announces the two together, once. Whoever stops at a short read, as is right
    // otherwise, never learns of the end; and whoever stops after some reads must come back.
    const manner how = every_manner();
    server_options options = options_for(how);
    options.read_size = 512;
    const std::size_t size = GENERATE(0u, 1u, 511u, 512u, 513u, 2u * 512, 15u * 512, 16u * 512 - 1, 16u * 512,
                                      16u * 512 + 1, 17u * 512, 32u * 512, 33u * 512 + 1);
    const bool is_new = GENERATE(false, true);
    CAPTURE(how, size, is_new);
    running_server server{{}, options};
    net::tcp_stream client;
    if (!is_new) {
        client = net::tcp_stream{server.where()};
        REQUIRE(is_echoed(client, "x"));
    }
    const std::string text = random_bytes(size, 5);
    {
        const auto held = server.hold();
        if (is_new) client = net::tcp_stream{server.where()};
        if (size > 0) client.send_all(text);
        client.shutdown(net::shutdown_direction::send);
    }
    const bool same = recv_to_end(client) == text;
    CHECK(same);
    server.wait_until_closed(1);
    CHECK(server.read().ended == 1);
    CHECK(server.read().reasons == std::vector<std::error_code>{{}});
}

TEST_CASE("what the handler sends at the end of the stream is the last thing that the client receives") {
    const manner how = every_manner();
    hooks actions;
    actions.end = [](net::connection& client) { client.send("bye"); };
    running_server server{actions, options_for(how)};
    net::tcp_stream client{server.where()};
    CHECK(exchange(client, "hello ") == "hello bye");
}

// ---- what handlers do ----------------------------------------------------------------------------------

TEST_CASE("a greeting is sent before the client has said anything") {
    const manner how = every_manner();
    hooks actions;
    actions.open = [](net::connection& client) { client.send("220 ready\r\n"); };
    running_server server{actions, options_for(how)};
    net::tcp_stream client{server.where()};
    CHECK(recv_exactly(client, 11) == "220 ready\r\n");
    CHECK(is_echoed(client, "hello"));
}

TEST_CASE("a connection that is closed when it opens is gone before the first read") {
    const manner how = every_manner();
    const bool orderly = GENERATE(false, true);
    hooks actions;
    actions.open = [orderly](net::connection& client) {
        client.send("go away");
        orderly ? client.close_after_sending() : client.close();
    };
    running_server server{actions, options_for(how)};
    for (int i = 0; i < 3; ++i) {
        net::tcp_stream client{server.where()};
        CHECK(recv_to_end(client) == "go away");
    }
    server.wait_until_closed(3);
    CHECK(server.read().calls == 0);
    CHECK(server.read().reasons == std::vector<std::error_code>(3));
}

TEST_CASE("what one says is broadcast to all") {
    const manner how = every_manner();
    std::map<std::uint64_t, net::connection*> present;  // only the server's thread looks at it
    hooks actions;
    actions.open = [&](net::connection& client) { present[client.id()] = &client; };
    actions.bytes = [&](net::connection&, bytes_view received) {
        for (const auto& [id, client] : present) client->send(received);
    };
    actions.close = [&](net::connection& client, std::error_code) {
        present.erase(client.id());
        for (const auto& [id, other] : present) other->send("one has left");
    };
    running_server server{actions, options_for(how)};
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 10; ++i) clients.emplace_back(server.where());
    server.wait_until([](const journal& j) { return j.opened >= 10; });
    clients[3].send_all("hello");
    for (auto& client : clients) CHECK(recv_exactly(client, 5) == "hello");
    clients[5].close();
    clients.erase(clients.begin() + 5);
    for (auto& client : clients) CHECK(recv_exactly(client, 12) == "one has left");
}

TEST_CASE("a handler that closes its own connection is not called again for it") {
    const manner how = every_manner();
    CAPTURE(how);
    hooks actions;
    const std::error_code reason = std::make_error_code(std::errc::protocol_error);
    actions.bytes = [&](net::connection& client, bytes_view) {
        client.close(reason);
        client.close(std::make_error_code(std::errc::io_error));  // the first word counts
        client.send("too late");
        client.close_after_sending();
    };
    server_options options = options_for(how);
    options.read_size = 16;
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all(std::string(160, 'x'));  // ten reads
    std::error_code error;
    CHECK(recv_until_over(client, error).empty());
    server.wait_until_closed(1);
    CHECK(server.read().calls == 1);
    CHECK(server.read().ended == 0);
    CHECK(server.read().reasons == std::vector<std::error_code>{reason});
}

TEST_CASE("after the last word nothing more is sent and nothing more is read") {
    const manner how = every_manner();
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        client.send("last");
        client.close_after_sending();
        client.send("later");
    };
    server_options options = options_for(how);
    options.read_size = 16;
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all(std::string(160, 'x'));
    CHECK(recv_to_end(client) == "last");    // the end of the stream, and no reset, though bytes were left
    client.send_all(std::string(160, 'x'));  // they are dropped
    client.close();
    server.wait_until_closed(1);
    CHECK(server.read().calls == 1);
    CHECK(server.read().ended == 0);  // nobody asked for it any more
    CHECK(server.read().reasons == std::vector<std::error_code>{{}});
}

TEST_CASE("a handler that throws loses its connection and no other") {
    const manner how = every_manner();
    const std::string place = GENERATE("open"s, "bytes"s, "end"s, "close"s);
    const bool is_odd = GENERATE(false, true);
    CAPTURE(how, place, is_odd);
    std::atomic<bool> armed{false};
    const auto fail_at = [&](const std::string& here) {
        if (armed && here == place && is_odd) throw 42;
        if (armed && here == place) throw std::runtime_error{"failed at " + here};
    };
    hooks actions;
    actions.open = [&](net::connection&) { fail_at("open"); };
    actions.bytes = [&](net::connection& client, bytes_view received) {
        fail_at("bytes");
        client.send(received);
    };
    actions.end = [&](net::connection&) { fail_at("end"); };
    actions.close = [&](net::connection&, std::error_code) { fail_at("close"); };
    running_server server{actions, options_for(how)};
    net::tcp_stream bystander{server.where()};
    CHECK(is_echoed(bystander, "before"));
    armed = true;
    net::tcp_stream client{server.where()};
    std::error_code error;
    client.send_all("x", error);
    client.shutdown(net::shutdown_direction::send, error);
    recv_until_over(client, error);
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1 && j.errors.size() >= 1; });
    armed = false;
    CHECK(is_echoed(bystander, "after"));
    CHECK(server.connections() == 1);
    CHECK(server.read().errors ==
          std::vector{is_odd ? "the handler threw an object that is not a std::exception" : "failed at " + place});
    const std::error_code why = server.read().reasons[0];
    if (place == "close")
        CHECK_FALSE(why);  // it had ended well before
    else
        CHECK(why == std::errc::state_not_recoverable);
}

TEST_CASE("connections that close each other in a row are all closed once") {
    const manner how = every_manner();
    std::vector<net::connection*> present;
    hooks actions;
    actions.open = [&](net::connection& client) { present.push_back(&client); };
    actions.bytes = [&](net::connection& client, bytes_view) { client.close(); };
    actions.close = [&](net::connection& client, std::error_code) {
        std::erase(present, &client);
        if (!present.empty()) present.back()->close(std::make_error_code(std::errc::owner_dead));
        for (net::connection* const other : present) other->send("x");
    };
    running_server server{actions, options_for(how)};
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 20; ++i) clients.emplace_back(server.where());
    server.wait_until([](const journal& j) { return j.opened >= 20; });
    clients[7].send_all("fall");
    server.wait_until_closed(20);
    const journal seen = server.read();
    CHECK(seen.reasons.size() == 20);
    CHECK(std::all_of(seen.closes.begin(), seen.closes.end(), [](const auto& close) { return close.second == 1; }));
    CHECK(std::count(seen.reasons.begin(), seen.reasons.end(), std::errc::owner_dead) == 19);
}

// ---- options and types ---------------------------------------------------------------------------------

TEST_CASE("options that contradict each other are refused") {
    const auto make = [](net::reactor_options options) {
        const auto nothing = [](net::connection&, bytes_view) {};
        const net::reactor_server server{loopback_listener(), nothing, options};
    };
    net::reactor_options options;
    CHECK_NOTHROW(make(options));
    SECTION("a low water mark above the high one") {
        options.low_water = options.high_water + 1;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
        options.low_water = options.high_water;
        CHECK_NOTHROW(make(options));
    }
    SECTION("a high water mark above the greatest queue") {
        options.high_water = options.max_queue + 1;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
        options.high_water = options.max_queue;
        CHECK_NOTHROW(make(options));
    }
    SECTION("reading nothing") {
        options.read_size = 0;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
    }
    SECTION("serving nobody") {
        options.max_connections = 0;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
    }
    SECTION("a trigger that has to be armed again") {
        options.how = trigger::one_shot;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
    }
    SECTION("no time at all for an exchange") {
        options.request_timeout = GENERATE(net::duration::zero(), net::duration{-1s}, net::duration::min());
        CHECK_THROWS_AS(make(options), std::invalid_argument);
    }
    SECTION("no time at all to be idle in") {
        options.idle_timeout = GENERATE(net::duration::zero(), net::duration{-1s}, net::duration::min());
        CHECK_THROWS_AS(make(options), std::invalid_argument);
        options.idle_timeout = 1ns;
        CHECK_NOTHROW(make(options));
    }
    SECTION("edges on a poller that has none") {
        const auto nothing = [](net::connection&, bytes_view) {};
        options.how = trigger::edge;
        CHECK_THROWS_AS((net::reactor_server{loopback_listener(), nothing, options, net::select_poller{}}),
                        std::invalid_argument);
        CHECK_THROWS_AS((net::reactor_server{loopback_listener(), nothing, options, net::poll_poller{}}),
                        std::invalid_argument);
        options.how = trigger::level;
        CHECK_NOTHROW(net::reactor_server{loopback_listener(), nothing, options, net::select_poller{}});
    }
}

TEST_CASE("a socket that does not listen is refused, and a listener that is shut down ends the server") {
    const auto nothing = [](net::connection&, bytes_view) {};
    net::socket unready{net::address_family::inet, net::socket_type::stream};
    unready.bind(net::endpoint{net::ipv4_address::loopback(), 0});
    CHECK_THROWS_AS((net::reactor_server{std::move(unready), nothing}), std::invalid_argument);

    net::socket listener = loopback_listener();
    const int descriptor = listener.native_handle();
    running_server server{{}, {}, std::move(listener)};
    net::tcp_stream client{server.where()};
    CHECK(is_echoed(client, "x"));
    REQUIRE(::shutdown(descriptor, SHUT_RDWR) == 0);
    CHECK_THROWS_AS(server.wait_for_end(), std::system_error);
}

TEST_CASE("servers and connections stay where they are") {
    using handler = void (*)(net::connection&, bytes_view);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<net::reactor_server<handler>>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<net::reactor_server<handler>>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<net::connection>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<net::connection>);
}

TEST_CASE("a water mark of zero pauses while anything at all is queued") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.low_water = options.high_water = 0;
    options.read_size = 1024;
    running_server server{{}, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    const std::string text = random_bytes(300'000, 6);
    const bool same = exchange(client, text) == text;
    CHECK(same);
    CHECK(server.read().max_queued <= 1024);
}

// ---- short reads that do not mean "empty" --------------------------------------------------------------

TEST_CASE("urgent data does not hide what comes after it") {
    // A receive stops at the urgent mark, so it is short although there is more (tcp(7)).
    const manner how = every_manner();
    CAPTURE(how);
    running_server server{{}, options_for(how)};
    net::tcp_stream client{server.where()};
    REQUIRE(is_echoed(client, "x"));
    {
        const auto held = server.hold();
        client.send_all("before");
        REQUIRE(client.send("!", MSG_OOB) == 1);
        client.send_all("after");
    }
    CHECK(recv_exactly(client, 11) == "beforeafter");
    CHECK(is_echoed(client, "and on"));
}

TEST_CASE("descriptors passed over a Unix socket are dropped and do not hide what comes after them") {
    const manner how = every_manner();
    CAPTURE(how);
    const auto where = net::unix_endpoint::abstract("netnotes-reactor-test-" + std::to_string(::getpid()));
    net::socket listener{net::address_family::local, net::socket_type::stream};
    listener.bind(where);
    listener.listen();
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};  // an answer would wake an edge-triggered server again
    running_server server{actions, options_for(how), std::move(listener)};
    net::socket client{net::address_family::local, net::socket_type::stream};
    client.connect(where);
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.bytes >= 1; });
    const auto descriptors = open_descriptors();
    {
        const auto held = server.hold();
        std::string text = "with a descriptor ";
        iovec part{text.data(), text.size()};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        const int passed = client.native_handle();
        std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
        REQUIRE(::sendmsg(client.native_handle(), &message, 0) == static_cast<ssize_t>(text.size()));
        client.send_all("and without");
    }
    server.wait_until([](const journal& j) { return j.bytes >= 30; });
    CHECK(open_descriptors() == descriptors);
}

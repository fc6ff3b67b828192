// The reactor server and its stop.

#include "reactor.hpp"

// ---- stopping ------------------------------------------------------------------------------------------

TEST_CASE("a stop closes idle connections and the listener") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = 1h;  // none of it is needed
    running_server server{{}, options};
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 20; ++i) {
        clients.emplace_back(server.where());
        CHECK(is_echoed(clients.back(), "x"));
    }
    server.wait_until_acknowledged();
    server.finish();
    for (auto& client : clients) CHECK(recv_to_end(client).empty());
    CHECK(server.server().connection_count() == 0);
    const journal seen = server.read();
    CHECK(seen.reasons.size() == 20);
    CHECK(std::count(seen.reasons.begin(), seen.reasons.end(), std::errc::operation_canceled) == 20);
    std::error_code error;
    net::tcp_stream::connect(server.where(), net::never, error);
    CHECK(error == std::errc::connection_refused);
}

TEST_CASE("what had arrived before the stop is answered") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    net::tcp_stream known{server.where()};
    CHECK(is_echoed(known, "x"));
    net::tcp_stream unknown;
    {
        const auto held = server.hold();
        known.send_all("known");
        unknown = net::tcp_stream{server.where()};
        unknown.send_all("new");
        wait_until_delivered(known);
        wait_until_delivered(unknown);
        server.request_stop();
    }
    CHECK(recv_to_end(known) == "known");
    CHECK(recv_to_end(unknown) == "new");
    known.close();
    unknown.close();
    server.wait_for_end();
}

TEST_CASE("all who stood in the queue before the stop are answered however many") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    std::vector<net::tcp_stream> clients;
    {
        const auto held = server.hold();
        for (int i = 0; i < 300; ++i) {
            clients.emplace_back(server.where());
            clients.back().send_all(std::to_string(i));
        }
        for (const net::tcp_stream& each : clients) wait_until_delivered(each);
        server.request_stop();
    }
    int answered = 0;
    for (std::size_t i = 0; i < clients.size(); ++i) {
        std::error_code error;
        answered += recv_until_over(clients[i], error) == std::to_string(i) && !error;
    }
    CHECK(answered == 300);
    clients.clear();
    server.wait_for_end();
}

TEST_CASE("all that one client had sent before the stop is answered however much") {
    const manner how = every_manner();
    net::socket listener = loopback_listener();
    listener.set_option(net::option::receive_buffer{100'000});  // more than a turn takes in
    server_options options = options_for(how);
    options.read_size = 512;
    running_server server{{}, options, std::move(listener)};
    net::tcp_stream client{server.where()};
    CHECK(is_echoed(client, "x"));
    std::string sent;
    {
        const auto held = server.hold();
        const std::string part = random_bytes(1000, 4);
        while (sent.size() < 60 * part.size()) {
            client.send_all(part);
            sent += part;
        }
        server.wait_until_arrived(sent.size());
        server.request_stop();
    }
    const std::string answer = recv_to_end(client);
    CHECK(answer.size() == sent.size());
    CHECK(answer == sent);
    client.close();
    server.wait_for_end();
}

TEST_CASE("a stop that was requested before run still answers who had come") {
    const trigger how = both_triggers();
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream client{listener.local_endpoint()};
    client.send_all("hello");
    net::stop_event stop;
    stop.request_stop();
    net::reactor_server server{std::move(listener).into_socket(),
                               [](net::connection& to, bytes_view received) { to.send(received); }, options_for(how)};
    std::thread running{[&] { server.run(stop); }};
    CHECK(recv_to_end(client) == "hello");
    client.close();
    running.join();
    CHECK(server.connection_count() == 0);
}

TEST_CASE("a stop sends what is queued and then the end of the stream") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    const std::string answer = random_bytes(3 << 20, 8);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) { client.send(answer); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.request_stop();
    const bool same = recv_to_end(client) == answer;
    CHECK(same);
    client.close();
    server.wait_for_end();
}

TEST_CASE("a stop sends what is queued to a slow reader who had sent more than was read") {
    // Its unread bytes would turn a plain close into a reset, and that would destroy what is still on its way.
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    options.high_water = 512 * 1024;
    running_server server{{}, options};
    net::tcp_stream client{server.where()};
    std::string sent = send_until(client, server, [&](const journal& j) { return j.max_queued > options.high_water; });
    const std::string more = random_bytes(1 << 20, 9);
    std::error_code error;
    client.set_blocking(false);
    sent.append(more, 0, client.send_all(more, error));  // what fits: the server does not read it
    client.set_blocking(true);
    server.request_stop();
    const std::string answer = recv_to_end(client);
    client.close();
    server.wait_for_end();
    CHECK(answer.size() == server.read().bytes);
    const bool same = answer == sent.substr(0, answer.size());
    CHECK(same);
}

TEST_CASE("a stop answers what had arrived of a slow reader though its queue was full") {
    const manner how = every_manner();
    // With a mark of 0 the server reads again only when the queue is empty: then no later flush ends the connection.
    const std::size_t low_water = GENERATE(0u, 16u * 1024);
    CAPTURE(how, low_water);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    options.high_water = 64 * 1024;
    options.low_water = low_water;
    net::socket listener = listener_with_small_buffers();
    listener.set_option(net::option::receive_buffer{400'000});
    running_server server{{}, options, std::move(listener)};
    net::tcp_stream client = client_with_small_buffers(server.where());
    std::string sent = send_until(client, server, [&](const journal& j) { return j.max_queued > options.high_water; });
    const std::string more = random_bytes(10'000, 9);
    // The server's kernel has room for these, though the server does not read them.
    while (sent.size() < server.read().bytes + 100'000) client.send_all(more), sent += more;
    wait_until_delivered(client);
    server.request_stop();
    const std::string answer = recv_to_end(client);
    client.close();
    server.wait_for_end();
    CHECK(answer.size() == server.read().bytes);
    const bool same = answer == sent;
    CHECK(same);
}

TEST_CASE("a stop ends with a slow reader who sends no more, whatever its queue") {
    const manner how = every_manner();
    const std::size_t low_water = GENERATE(0u, 16u * 1024);
    CAPTURE(how, low_water);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    options.low_water = low_water;
    const std::string answer = random_bytes(1 << 20, 8);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) { client.send(answer); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.request_stop();
    const bool same = recv_to_end(client) == answer;
    CHECK(same);
    client.close();
    server.wait_for_end();
}

TEST_CASE("a stop lets an answer arrive that the kernel still holds though the client goes on talking") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    const std::string answer = random_bytes(300'000, 8);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (net::as_text(received) == "x") client.send(answer);
    };
    net::socket listener = loopback_listener();
    listener.set_option(net::option::send_buffer{2 << 20});
    running_server server{actions, options, std::move(listener)};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.calls >= 1; });
    server.request_stop();
    while (!server.seen().stop_has_begun) std::this_thread::yield();
    // Were the server's end closed already, these bytes would be answered by a reset.
    for (int i = 0; i < 10; ++i) {
        std::error_code error;
        client.send_all("more", error);
        std::this_thread::yield();
    }
    const bool same = recv_to_end(client) == answer;
    CHECK(same);
    client.close();
    server.wait_for_end();
    CHECK(server.read().max_queued == 0);  // else this was not about what the kernel holds
}

TEST_CASE("a peer that never reads holds up a stop for the time of grace and no longer") {
    const manner how = every_manner();
    const bool draining = GENERATE(false, true);
    server_options options = options_for(how);
    options.stop_grace = 200ms;
    hooks actions;
    actions.bytes = [draining](net::connection& client, bytes_view) {
        client.send(std::string(1 << 20, 'a'));
        if (draining) client.close_after_sending();
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where()), idle{server.where()};
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    const net::time_point begin = net::clock::now();
    server.finish();
    CHECK(net::clock::now() - begin >= 200ms);
    const journal seen = server.read();
    CHECK(std::count(seen.reasons.begin(), seen.reasons.end(), std::errc::operation_canceled) == 2);
}

TEST_CASE("a client that talks without end holds up a stop for the time of grace and no longer") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = 100ms;
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    std::atomic<bool> talking{false};
    std::thread talker{[&] {
        const std::string part(64 * 1024, 'x');
        std::error_code error;
        while (!error) client.send_all(part, error), talking = true;
    }};
    while (!talking) std::this_thread::yield();
    server.finish();
    talker.join();
    CHECK(server.read().reasons.size() == 1);
}

TEST_CASE("a stop does not wait for a client to end who has had the last word") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;  // ctest's limit is shorter
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        client.send("bye");
        client.close_after_sending();
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("x");
    CHECK(recv_to_end(client) == "bye");
    server.request_stop();
    server.wait_for_end();
    CHECK(server.read().reasons[0] == std::errc::operation_canceled);
}

TEST_CASE("a stop destroys no answer that only the kernel still holds") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    const std::string answer(300'000, 'a');
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) { client.send(answer); };
    running_server server{actions, options};
    // So small that most of the answer stays on the server's side, in the kernel or in the queue.
    net::socket small{net::address_family::inet, net::socket_type::stream};
    small.set_option(net::option::receive_buffer{4096});
    small.connect(server.where());
    net::tcp_stream client{std::move(small)};
    client.send_all("x");
    char first;
    client.recv(std::span{&first, 1});
    server.request_stop();
    while (!server.seen().stop_has_begun) std::this_thread::yield();
    client.send_all("a byte after the stop, which a closed socket would answer with a reset");
    // Whole, with the byte that was received above; and twice, if the second question came in time.
    const std::size_t size = recv_to_end(client).size() + 1;
    CHECK((size == answer.size() || size == 2 * answer.size()));
    server.wait_for_end();
}

TEST_CASE("a listener that something else stops or limits does not pass that on") {
    const trigger how = both_triggers();
    net::stop_event stop;
    net::socket listener = loopback_listener();
    listener.stop_with(stop);
    listener.set_timeout(1h);
    const net::endpoint where = listener.local_endpoint().ip();
    net::tcp_stream client{where};
    client.send_all("hello");
    stop.request_stop();
    net::reactor_server server{std::move(listener), [](net::connection& to, bytes_view received) { to.send(received); },
                               options_for(how)};
    std::thread running{[&] { server.run(stop); }};
    CHECK(recv_to_end(client) == "hello");
    client.close();
    running.join();
}

TEST_CASE("a grace without end is allowed") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = net::never;
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(1 << 20, 'a')); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.request_stop();
    CHECK(recv_to_end(client).size() == 1 << 20);
    client.close();
    server.wait_for_end();
}

TEST_CASE("a stop reaches a server that is at its limit") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.max_connections = 1;
    running_server server{{}, options};
    net::tcp_stream first{server.where()}, second{server.where()};
    CHECK(is_echoed(first, "1"));
    server.wait_until_acknowledged();
    server.finish();
    CHECK(recv_to_end(first).empty());
    std::error_code error;
    CHECK(recv_until_over(second, error).empty());
    CHECK(server.read().opened == 1);
}

TEST_CASE("a handler may request the stop itself") {
    const manner how = every_manner();
    running_server* running = nullptr;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) {
        client.send("good night");
        running->request_stop();
    };
    running_server server{actions, options_for(how)};
    running = &server;
    net::tcp_stream client{server.where()};
    client.send_all("stop");
    CHECK(recv_to_end(client) == "good night");
    client.close();
    server.wait_for_end();
}

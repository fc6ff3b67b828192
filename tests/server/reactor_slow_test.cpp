// The reactor server and clients that are slow, silent, half open, or told the last word: queues and time limits.

#include "reactor.hpp"

// ---- slow, silent and gone -----------------------------------------------------------------------------

TEST_CASE("a client that does not read is not read beyond the high water mark and then gets every byte") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = small_options(how);
    options.high_water = 256 * 1024;  // far above what the kernel may still take when the pause has begun
    bool was_paused = false, read_too_early = false;  // the server's thread alone writes and the test reads last
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (std::exchange(was_paused, false) && client.queued() > options.low_water) read_too_early = true;
        client.send(received);
        if (client.queued() > options.high_water) was_paused = true;
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream other{server.where()};
    net::tcp_stream slow = client_with_small_buffers(server.where());
    const std::string text = random_bytes(2 << 20, 11);
    auto sending = std::async(std::launch::async, [&] {
        slow.send_all(text);
        slow.shutdown(net::shutdown_direction::send);
    });
    server.wait_until([&](const journal& j) { return j.max_queued > options.high_water; });

    // Nobody else notices, and the server does not spin.
    const std::size_t handled = server.read().bytes;
    const int waits = server.seen().waits;
    int right = 0;
    for (int i = 0; i < 100; ++i) right += is_echoed(other, std::to_string(i) + '\n');
    CHECK(right == 100);
    CHECK(server.seen().waits - waits <= 210);  // some were waits for the slow one's buffers to fill
    CHECK(server.read().bytes == handled + 290);

    const std::string answer = recv_to_end(slow);
    sending.get();
    CHECK(answer.size() == text.size());
    const bool same = answer == text;
    CHECK(same);
    slow.close();
    other.close();
    server.finish();
    CHECK_FALSE(read_too_early);
    CHECK(server.read().max_queued <= options.high_water + options.read_size);
    if (how == trigger::edge) CHECK(server.seen().modifies == 0);
}

TEST_CASE("a client above the high water mark is read again at the low one and not before") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options{how};
    REQUIRE(options.high_water == 64 * 1024);
    REQUIRE(options.low_water == 16 * 1024);
    std::string answer = random_bytes(900 * 1024, 5);  // above the high mark, below the longest queue
    SECTION("with the marks that a server has by itself") {}
    SECTION("with a low mark of far more than the kernel holds") {
        options.high_water = 1024 * 1024;
        options.low_water = 512 * 1024;
        options.max_queue = 4 * 1024 * 1024;
        answer += random_bytes(900 * 1024, 6);
    }
    std::vector<std::size_t> queued;  // the server's until it has ended
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) {
        queued.push_back(client.queued());
        if (queued.size() == 1) client.send(answer);
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("a");
    server.wait_until([&](const journal& j) { return j.max_queued > options.high_water; });
    client.send_all("b");
    std::string received;
    std::array<char, 1024> part;
    while (received.size() < answer.size()) {
        received.append(part.data(), client.recv(part));
        // The client does not read while the server sends, so a turn of the server sends no more than the kernel holds.
        for (int turn = 0; turn < 2 && server.read().calls < 2; ++turn) server.there([] { return 0; });
    }
    server.wait_until([](const journal& j) { return j.calls >= 2; });
    server.finish();
    CHECK(received == answer);
    CHECK(queued.at(1) <= options.low_water);
    if (options.low_water == 512 * 1024) CHECK(queued.at(1) > 256 * 1024);  // the server has not waited for an empty queue
}

TEST_CASE("a peer that never reads is closed after the idle timeout") {
    const manner how = every_manner();
    const bool draining = GENERATE(false, true);
    CAPTURE(how, draining);
    server_options options = options_for(how);
    options.idle_timeout = 200ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [draining](net::connection& client, bytes_view) {
        client.send(std::string(1 << 20, 'a'));
        if (draining) client.close_after_sending();
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.pass(200ms - 1ns);
    CHECK(server.connections() == 1);
    server.pass_until_left(0, 200ms);
    CHECK(server.read().reasons.at(0) == std::errc::timed_out);
    std::error_code error;
    CHECK(recv_until_over(client, error).size() < 1 << 20);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a silent client is closed after the idle timeout and not before") {
    const manner how = every_manner();
    const bool has_spoken = GENERATE(false, true);
    CAPTURE(how, has_spoken);
    server_options options = options_for(how);
    options.idle_timeout = 200ms;
    options.time_stands_still = true;
    running_server server{{}, options};
    net::tcp_stream client{server.where()};
    server.wait_until([](const journal& j) { return j.opened == 1; });
    if (has_spoken) {
        server.pass(150ms);
        CHECK(is_echoed(client, "the last word"));
    }
    server.pass(200ms - 1ns);
    CHECK(server.connections() == 1);
    server.pass(1ns);
    CHECK(server.connections() == 0);
    CHECK(recv_to_end(client).empty());
    CHECK(server.read().reasons.at(0) == std::errc::timed_out);
}

TEST_CASE("the longest time limits of a server wait for ever") {
    const manner how = every_manner();
    const net::wait_time longest = GENERATE(net::wait_time{net::never}, net::wait_time{net::never - 1ns},
                                            net::wait_time{std::chrono::hours::max()},
                                            net::wait_time{std::chrono::years::max()},
                                            net::wait_time{std::chrono::duration<double>{1e300}});
    server_options options = options_for(how);
    options.idle_timeout = longest;
    options.stop_grace = longest;
    options.request_timeout = longest;
    if (GENERATE(false, true)) options.request_timeout.reset();
    running_server server{{}, options};
    net::tcp_stream client{server.where()}, asks{server.where()};
    CHECK(is_echoed(client, "x"));
    CHECK(server.there([&] { return server.seen().last_timeout.load(); }) == net::never);
    CHECK(server.connections() == 2);
    server.finish();
    CHECK(recv_to_end(client).empty());
}

TEST_CASE("a time of grace below zero counts as zero") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = GENERATE(net::wait_time{0ns}, net::wait_time{-1ns}, net::wait_time{net::duration::min()},
                                  net::wait_time{std::chrono::hours::min()});
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(1 << 20, 'a')); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.finish();
    std::error_code error;
    recv_until_over(client, error);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a handler that sends more than the greatest queue loses its connection") {
    const manner how = every_manner();
    const std::size_t part = GENERATE(1u << 10, 1u << 20);
    server_options options = options_for(how);
    options.max_queue = 512 * 1024;
    hooks actions;
    std::atomic<std::size_t> most{0};
    actions.bytes = [&](net::connection& client, bytes_view) {
        for (std::size_t sent = 0; sent < 2 << 20; sent += part) {
            client.send(std::string(part, 'a'));
            most = std::max(most.load(), client.queued());
        }
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where()), other{server.where()};
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().reasons[0] == std::errc::no_buffer_space);
    CHECK(most <= 512 * 1024);
    std::error_code error;
    CHECK(recv_until_over(client, error).size() < 2 << 20);
    CHECK(error == std::errc::connection_reset);
    CHECK(server.connections() == 1);
}

TEST_CASE("an answer that is lost ends in a reset whatever the reason") {
    const manner how = every_manner();
    const std::string reason = GENERATE("idle"s, "request"s, "handler closes"s, "handler throws"s, "stop"s, "too much"s);
    CAPTURE(how, reason);
    server_options options = options_for(how);
    options.stop_grace = 50ms;
    options.time_stands_still = true;
    if (reason == "idle") options.idle_timeout = 100ms;
    if (reason == "request") options.request_timeout = 100ms;
    if (reason == "too much") options.max_queue = options.high_water;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) {
        client.send(std::string(1 << 20, 'a'));
        if (reason == "handler closes") client.close();
        if (reason == "handler throws") throw std::runtime_error{"in the middle"};
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    if (reason == "stop") {
        server.wait_until([](const journal& j) { return j.max_queued > 0; });
        server.finish();
    } else if (reason == "idle" || reason == "request") {
        server.wait_until([](const journal& j) { return j.max_queued > 0; });
        server.pass_until_left(0, 100ms);
    } else
        server.wait_until_closed(1);
    std::error_code error;
    CHECK(recv_until_over(client, error).size() < 1 << 20);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a handler that throws after half an answer ends in a reset though nothing is queued") {
    const manner how = every_manner();
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        client.send("HTTP/1.1 200 OK\r\n");
        throw std::runtime_error{"and the rest?"};
    };
    running_server server{actions, options_for(how)};
    net::tcp_stream client{server.where()};
    client.send_all("GET");
    std::error_code error;
    recv_until_over(client, error);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a close with nothing queued is an orderly end") {
    const manner how = every_manner();
    const bool is_idle = GENERATE(false, true);
    server_options options = options_for(how);
    options.idle_timeout = 50ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        client.send(received);
        if (!is_idle) client.close(std::make_error_code(std::errc::owner_dead));
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("whole");
    CHECK(recv_exactly(client, 5) == "whole");
    if (is_idle) server.pass(50ms);
    CHECK(recv_to_end(client).empty());
}

// ---- the deadline of an exchange ------------------------------------------------------------------------

TEST_CASE("a client that is never idle and never answered is closed and a dialogue and a log live on") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.request_timeout = 100ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        const char word = net::as_text(received)[0];
        if (word == 'd') client.send(received);
        if (word == 'l') client.end_exchange();
    };
    running_server server{actions, options};
    net::tcp_stream trickles{server.where()}, talks{server.where()}, logs{server.where()};
    for (int round = 1; round <= 10; ++round) {
        trickles.send_all("t");
        logs.send_all("l");
        REQUIRE(is_echoed(talks, "d"));
        server.wait_until([&](const journal& j) { return j.calls == 3 * round; });
        if (round == 10) server.pass(10ms - 1ns);
        CHECK(server.connections() == 3);
        server.pass(round == 10 ? 1ns : 10ms);
    }
    CHECK(server.read().reasons == std::vector{std::make_error_code(std::errc::timed_out)});
    std::error_code error;
    CHECK(recv_until_over(trickles, error).empty());
    CHECK(is_echoed(talks, "d"));
    CHECK(server.connections() == 2);
}

TEST_CASE("a client that takes an answer bit by bit is closed after the time for the whole") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.request_timeout = 200ms;
    options.idle_timeout = 100ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(2 << 20, 'a')); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    // Each time it takes enough for the server to send more, and is never idle.
    const auto queued = [&] {
        return server.there([&] { return server.seen().waits.load(); });
    };
    for (int i = 0; i < 20; ++i) {
        CHECK(server.connections() == 1);
        for (const int before = queued(); queued() <= before + 2;) recv_exactly(client, 8192);
        server.pass(10ms);
    }
    CHECK(server.connections() == 0);
    CHECK(server.read().reasons.at(0) == std::errc::timed_out);
    std::error_code error;
    recv_until_over(client, error);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("nothing said of the time for an exchange is four idle timeouts") {
    const trigger how = both_triggers();
    server_options options;
    options.how = how;
    options.idle_timeout = 50ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    for (int sent = 1; sent <= 5; ++sent) {
        client.send_all("x");
        server.wait_until([&](const journal& j) { return j.calls == sent; });
        if (sent < 5) server.pass(40ms);
    }
    server.pass(40ms - 1ns);
    CHECK(server.connections() == 1);
    server.pass(1ns);
    CHECK(server.connections() == 0);
    CHECK(server.read().reasons.at(0) == std::errc::timed_out);
}

// ---- half open -----------------------------------------------------------------------------------------

TEST_CASE("a client that has ended its half still gets the answer that comes later") {
    const manner how = every_manner();
    const bool in_parts = GENERATE(false, true);
    CAPTURE(how, in_parts);
    net::connection* asker = nullptr;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        const std::string_view word = net::as_text(received);
        if (word == "ask") asker = &client;
        if (word == "answer" && asker) asker->send("answer");
        if (word == "no more" && asker) asker->close_after_sending();
    };
    actions.end = [&](net::connection& client) {
        if (in_parts && &client == asker) client.keep_open();
    };
    actions.close = [&](net::connection& client, std::error_code) {
        if (&client == asker) asker = nullptr;
    };
    running_server server{actions, options_for(how)};
    net::tcp_stream asks{server.where()}, answers{server.where()};
    asks.send_all("ask");
    asks.shutdown(net::shutdown_direction::send);
    server.wait_until([](const journal& j) { return j.ended == 1; });
    const int waits = server.seen().waits;
    CHECK(server.connections() == 2);
    CHECK(server.seen().waits - waits < 20);  // the end of the stream does not make it spin
    answers.send_all("answer");
    CHECK(recv_exactly(asks, 6) == "answer");
    if (in_parts) {
        answers.send_all("answer");
        CHECK(recv_exactly(asks, 6) == "answer");
        CHECK(server.connections() == 2);
        answers.send_all("no more");
    }
    CHECK(recv_to_end(asks).empty());
    server.wait_until_closed(1);
    CHECK(server.read().reasons == std::vector<std::error_code>{{}});
    CHECK(server.read().ended == 1);
}

TEST_CASE("a half open client that nobody answers is closed after the idle timeout or by the handler at once") {
    const manner how = every_manner();
    const bool at_once = GENERATE(false, true);
    server_options options = options_for(how);
    options.idle_timeout = 50ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};
    actions.end = [&](net::connection& client) {
        if (at_once) client.close_after_sending();
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("ask");
    client.shutdown(net::shutdown_direction::send);
    server.wait_until([](const journal& j) { return j.ended == 1; });
    if (!at_once) {
        server.pass(50ms - 1ns);
        CHECK(server.connections() == 1);
        server.pass(1ns);
    }
    CHECK(recv_to_end(client).empty());
    server.wait_until_closed(1);
    CHECK(server.read().reasons[0] == (at_once ? std::error_code{} : std::make_error_code(std::errc::timed_out)));
}

TEST_CASE("a stop does not wait for the answer to a half open client") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = net::never;
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("ask");
    client.shutdown(net::shutdown_direction::send);
    server.wait_until([](const journal& j) { return j.ended == 1; });
    server.finish();
    CHECK(recv_to_end(client).empty());
}

TEST_CASE("a reset ends a connection that is not being read") {
    // Error and hang-up are reported unasked, at every wait: not to act on them would be to spin.
    const manner how = every_manner();
    const bool draining = GENERATE(false, true);
    CAPTURE(how, draining);
    const server_options options = small_options(how);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        client.send(received);
        if (draining && client.queued() > options.high_water) client.close_after_sending();
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream other{server.where()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    send_until(client, server, [&](const journal& j) { return j.max_queued > options.high_water; });
    reset(client);
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().reasons[0] == std::errc::connection_reset);
    const int waits = server.seen().waits;
    for (int i = 0; i < 20; ++i) CHECK(is_echoed(other, "x"));
    CHECK(server.seen().waits - waits <= 42);
    CHECK(server.read().ended == 0);
}

TEST_CASE("the end of the stream of a client that is not being read waits without spinning") {
    const manner how = every_manner();
    CAPTURE(how);
    const server_options options = small_options(how);
    running_server server{{}, options, listener_with_small_buffers()};
    net::tcp_stream other{server.where()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    const std::string sent =
        send_until(client, server, [&](const journal& j) { return j.max_queued > options.high_water; });
    client.shutdown(net::shutdown_direction::send);
    for (int i = 0; i < 5; ++i) CHECK(is_echoed(other, "x"));  // the news has arrived by now
    const int waits = server.seen().waits;
    for (int i = 0; i < 20; ++i) CHECK(is_echoed(other, "x"));
    CHECK(server.seen().waits - waits <= 42);
    CHECK(server.read().ended == 0);
    const bool same = recv_to_end(client) == sent;
    CHECK(same);
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().ended == 1);
    CHECK_FALSE(server.read().reasons[0]);
}

// ---- the last word -------------------------------------------------------------------------------------

TEST_CASE("a long last word arrives whole though the client keeps talking") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.max_queue = 16 << 20;
    const std::string answer = random_bytes(8 << 20, 3);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) {
        client.send(answer);
        client.close_after_sending();
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("x");
    std::atomic<bool> done{false};
    auto talking = std::async(std::launch::async, [&] {
        const std::string chatter(4096, 'c');
        while (!done) client.send_all(chatter);
    });
    const std::string received = recv_to_end(client);  // not a reset
    done = true;
    talking.get();  // nor was the chatter refused
    const bool same = received == answer;
    CHECK(same);
    CHECK(server.read().reasons.empty());  // the server lingers ...
    client.close();
    server.wait_until_closed(1);  // ... until the client ends, too
    CHECK(server.read().reasons == std::vector<std::error_code>{{}});
    CHECK(server.read().calls == 1);
}

TEST_CASE("a client that does not end after the last word is given up after the idle timeout") {
    const manner how = every_manner();
    const bool talkative = GENERATE(false, true);
    CAPTURE(how, talkative);
    server_options options = options_for(how);
    options.idle_timeout = 200ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        client.send("bye");
        client.close_after_sending();
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("x");
    CHECK(recv_to_end(client) == "bye");
    server.pass(200ms - 1ns);
    CHECK(server.connections() == 1);
    if (talkative) client.send_all("chatter");
    server.pass(1ns);
    CHECK(server.connections() == 0);
    CHECK(server.read().reasons[0] == std::errc::timed_out);
}

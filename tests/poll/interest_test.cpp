// The flags, and what is reported when.
// SPDX-License-Identifier: MIT

#include "pollers.hpp"

// ---- the flags -----------------------------------------------------------------------------------------

TEST_CASE("a set of interests has the flags it was made of and no others") {
    constexpr interest set = interest::read | interest::hang_up;
    STATIC_REQUIRE(any_of(set, interest::read));
    STATIC_REQUIRE(any_of(set, interest::hang_up));
    STATIC_REQUIRE(any_of(set, interest::write | interest::read));
    STATIC_REQUIRE_FALSE(any_of(set, interest::write | interest::error | interest::peer_done | interest::urgent));
    STATIC_REQUIRE_FALSE(any_of(set, interest::none));
    STATIC_REQUIRE_FALSE(any_of(interest::none, set));
    interest growing = interest::none;
    growing |= interest::write;
    growing |= interest::error;
    CHECK(growing == (interest::error | interest::write));
}

// ---- level, edge, one-shot -----------------------------------------------------------------------------

ON_EVERY_POLLER("a level-triggered descriptor is reported at every wait as long as bytes are left") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
    poller.add(ours.native_handle(), interest::read, 7);
    CHECK(events_of(poller).empty());

    theirs.send_all(std::string(2000, 'x'));
    std::array<char, 1000> half;
    for (int i = 0; i < 3; ++i) {
        const auto events = events_of(poller);
        REQUIRE(events.size() == 1);
        CHECK(events[0].token == 7);
        CHECK(events[0].ready == interest::read);
    }
    REQUIRE(ours.recv(half) == 1000);
    CHECK(ready_of(poller) == interest::read);
    REQUIRE(ours.recv(half) == 1000);
    CHECK(events_of(poller).empty());
}

TEST_CASE("an edge-triggered descriptor is reported once and again only when something new has come") {
    auto [client, server] = support::tcp_pair();
    net::epoll_poller poller;
    poller.add(server.native_handle(), interest::read, 7, trigger::edge);
    CHECK(events_of(poller).empty());

    client.send_all(std::string(2000, 'x'));
    CHECK(ready_of(poller, net::never) == interest::read);
    while (bytes_waiting(server.native_handle()) < 2000) wait_until_readable(server);
    events_of(poller);  // were the 2000 bytes to come in two pieces, that was the second announcement

    std::array<char, 1000> half;
    REQUIRE(server.recv(half) == 1000);
    CHECK(events_of(poller).empty());  // 1000 bytes lie there, and nobody says so
    CHECK(events_of(poller, 20ms).empty());

    client.send_all("y");
    CHECK(ready_of(poller, net::never) == interest::read);
    CHECK(bytes_waiting(server.native_handle()) == 1001);
    CHECK(events_of(poller).empty());
}

TEST_CASE("an edge-triggered descriptor that is ready when it is added is reported") {
    auto [ours, theirs] = net::socket_pair();
    theirs.send_all("early");
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1, trigger::edge);
    CHECK(ready_of(poller) == interest::read);
    CHECK(events_of(poller).empty());
}

TEST_CASE("modify looks anew so that an edge trigger repeats what is ready now") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1, trigger::edge);
    theirs.send_all("x");
    CHECK(ready_of(poller) == interest::read);
    CHECK(events_of(poller).empty());
    poller.modify(ours.native_handle(), interest::read, 2, trigger::edge);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 2);
    CHECK(events_of(poller).empty());
}

TEST_CASE("one accept for each event of an edge-triggered listener leaves clients standing in the queue") {
    net::socket listener = support::listening(net::ipv4_address::loopback());
    listener.set_blocking(false);
    std::vector<net::socket> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(support::client_of(listener));
    net::epoll_poller poller;
    poller.add(listener.native_handle(), interest::read, 1, trigger::edge);
    CHECK(ready_of(poller) == interest::read);
    std::vector<net::socket> served;
    served.push_back(listener.accept().connection);
    CHECK(events_of(poller).empty());

    // The cure: accept until there is nobody. The other two had been there all the time.
    std::error_code error;
    while (!error) {
        auto next = listener.accept(error);
        if (!error) served.push_back(std::move(next.connection));
    }
    CHECK(error == std::errc::operation_would_block);
    CHECK(served.size() == 3);
}

ON_EVERY_POLLER("a one-shot descriptor is reported once until modify arms it again") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
    poller.add(ours.native_handle(), interest::read, 1, trigger::one_shot);
    theirs.send_all("x");
    CHECK(ready_of(poller) == interest::read);
    CHECK(events_of(poller).empty());
    theirs.send_all("y");  // something new, which an edge trigger would report
    CHECK(events_of(poller).empty());
    poller.modify(ours.native_handle(), interest::read, 2, trigger::one_shot);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 2);
    CHECK(events[0].ready == interest::read);
    CHECK(events_of(poller).empty());
}

ON_EVERY_POLLER("add and modify are level-triggered unless said otherwise") {
    flag up{true};
    TestType poller;
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    CHECK(ready_of(poller) == interest::read);
    for (const trigger how : {trigger::one_shot, trigger::edge}) {
        if (how == trigger::edge && !TestType::has_edge) continue;
        poller.modify(up.native_handle(), interest::read, 1, how);
        CHECK(ready_of(poller) == interest::read);
        CHECK(events_of(poller).empty());
    }
    poller.modify(up.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    CHECK(ready_of(poller) == interest::read);
}

// ---- what is reported ----------------------------------------------------------------------------------

ON_EVERY_POLLER("writability goes when the send buffer is full and comes back when the peer has read") {
    auto [ours, theirs] = net::socket_pair();
    ours.set_blocking(false);
    const trigger how = GENERATE(filter(exists_for<TestType>, values({trigger::level, trigger::edge})));
    TestType poller;
    poller.add(ours.native_handle(), interest::write, 1, how);
    CHECK(ready_of(poller) == interest::write);

    std::error_code error;
    const std::size_t sent = ours.send_all(std::string(8 << 20, 'x'), error);
    REQUIRE(error == std::errc::operation_would_block);
    CHECK(events_of(poller).empty());

    std::vector<std::byte> buffer(sent);
    for (std::size_t received = 0; received < sent;) received += theirs.recv(buffer);
    CHECK(ready_of(poller) == interest::write);
}

ON_EVERY_POLLER("only what is asked for is reported and both of it when both is") {
    auto [ours, theirs] = net::socket_pair();
    theirs.send_all("x");
    TestType poller;
    poller.add(ours.native_handle(), interest::none, 1);
    CHECK(events_of(poller).empty());
    poller.modify(ours.native_handle(), interest::write, 1);
    CHECK(ready_of(poller) == interest::write);
    poller.modify(ours.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    poller.modify(ours.native_handle(), interest::read | interest::write, 1);
    CHECK(ready_of(poller) == (interest::read | interest::write));
    poller.modify(ours.native_handle(), interest::none, 1);
    CHECK(events_of(poller).empty());
}

ON_EVERY_POLLER("a peer that has shut down its sending side is reported as done while bytes are still to be read") {
    auto [client, server] = support::tcp_pair();
    client.send_all("last");
    client.shutdown(net::shutdown_direction::send);
    TestType asking, not_asking;
    asking.add(server.native_handle(), interest::read | interest::peer_done, 1);
    not_asking.add(server.native_handle(), interest::read, 1);
    wait_until_done(server);
    if constexpr (is_select<TestType>)
        CHECK(ready_of(asking) == interest::read);  // only reading tells
    else
        CHECK(ready_of(asking) == (interest::read | interest::peer_done));
    CHECK(ready_of(not_asking) == interest::read);
    CHECK(bytes_waiting(server.native_handle()) == 4);
    // It is half of a goodbye: no hang-up until we say ours.
    server.shutdown(net::shutdown_direction::send);
    if constexpr (!is_select<TestType>)
        CHECK(all_of(ready_of(asking), interest::read | interest::peer_done | interest::hang_up));
    std::array<char, 10> buffer;
    REQUIRE(server.recv(buffer) == 4);
    CHECK(any_of(ready_of(asking), interest::read));
    CHECK(server.recv(buffer) == 0);
}

ON_EVERY_POLLER("a hang-up is reported with interest in reading, and, except by select, also without any interest") {
    auto [ours, theirs] = net::socket_pair();
    theirs.close();
    TestType poller;
    poller.add(ours.native_handle(), interest::read, 1);
    if constexpr (is_select<TestType>) {
        CHECK(ready_of(poller) == interest::read);  // it has three sets, and none for this
        poller.modify(ours.native_handle(), interest::none, 1);
        CHECK(events_of(poller).empty());
    } else {
        CHECK(ready_of(poller) == (interest::read | interest::hang_up));
        poller.modify(ours.native_handle(), interest::none, 1);
        CHECK(ready_of(poller) == interest::hang_up);
    }
}

ON_EVERY_POLLER("a reset is reported as readable and but for select as error and hang-up together with it") {
    auto [client, server] = support::tcp_pair();
    TestType poller;
    poller.add(server.native_handle(), interest::read, 1);
    reset(std::move(client));
    const interest ready = ready_of(poller, net::never);
    if constexpr (is_select<TestType>) {
        CHECK(ready == interest::read);
        poller.modify(server.native_handle(), interest::write, 1);
        CHECK(ready_of(poller) == interest::write);  // so that who waits to send is not left waiting
        CHECK(server.take_error() == std::errc::connection_reset);
    } else {
        // Whoever compares with read alone, as the notes do, has now lost a client.
        CHECK(ready == (interest::read | interest::error | interest::hang_up));
        CHECK(server.take_error() == std::errc::connection_reset);
        // The error is told once, the hang-up lasts, whatever is asked for.
        poller.modify(server.native_handle(), interest::none, 1);
        CHECK(ready_of(poller) == interest::hang_up);
    }
}

ON_EVERY_POLLER("urgent data is reported, to a descriptor that asks for it, until its mark has been passed") {
    auto [client, server] = support::tcp_pair();
    REQUIRE(client.send("ab!", MSG_OOB) == 3);
    client.send_all("cd");
    while (bytes_waiting(server.native_handle()) < 2) wait_until_readable(server);
    TestType asking, not_asking;
    asking.add(server.native_handle(), interest::read | interest::urgent, 1);
    not_asking.add(server.native_handle(), interest::read, 1);
    CHECK(ready_of(asking, net::never) == (interest::read | interest::urgent));
    CHECK(ready_of(not_asking) == interest::read);
    // Why it matters: this receive is short, and yet it did not empty the queue.
    std::array<char, 100> buffer;
    REQUIRE(server.recv(buffer) == 2);
    CHECK(any_of(ready_of(asking), interest::urgent));
    REQUIRE(server.recv(buffer) == 2);
    CHECK(std::string(buffer.data(), 2) == "cd");
    CHECK(events_of(asking).empty());
}

ON_EVERY_POLLER("a refused connect is reported as writable with an error that take_error names") {
    const support::closed_port nobody{net::ipv4_address::loopback()};
    net::socket connecting{net::address_family::inet, net::socket_type::stream};
    connecting.set_blocking(false);
    std::error_code error;
    connecting.connect(nobody.where(), error);
    REQUIRE(error == std::errc::operation_in_progress);
    TestType poller;
    poller.add(connecting.native_handle(), interest::write, 1);
    const interest ready = ready_of(poller, net::never);
    CHECK(all_of(ready, is_select<TestType> ? interest::write : interest::write | interest::error));
    CHECK(connecting.take_error() == std::errc::connection_refused);
}

ON_EVERY_POLLER("the writing end of a pipe without a reader has an error") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    net::socket reading{ends[0]}, writing{ends[1]};  // they close what they hold, and do no more here
    TestType poller;
    poller.add(writing.native_handle(), interest::none, 1);
    CHECK(events_of(poller).empty());
    reading.close();
    if constexpr (is_select<TestType>) {
        CHECK(events_of(poller).empty());
        poller.modify(writing.native_handle(), interest::read, 1);
        CHECK(ready_of(poller) == interest::read);
    } else {
        CHECK(ready_of(poller) == interest::error);
    }
}

// Timeouts, deadlines, and stops that end a wait.
// SPDX-License-Identifier: MIT

#include "sockets.hpp"

#include <thread>

// ---- Time ----------------------------------------------------------------------------------------------

TEST_CASE("a wait of any number type keeps its length, rounded up, and what is too long is never") {
    using seconds = std::chrono::duration<double>;
    CHECK(net::wait_time{seconds{0.5}} == 500ms);
    CHECK(net::wait_time{seconds{-0.25}} == -250ms);
    CHECK(net::wait_time{std::chrono::duration<float>{2.0f}} == 2s);
    CHECK(net::wait_time{std::chrono::duration<double, std::nano>{0.5}} == 1ns);
    CHECK(net::wait_time{std::chrono::duration<double, std::ratio<3600>>{1.5}} == 90min);
    CHECK(net::wait_time{seconds{1e300}} == net::never);
    CHECK(net::wait_time{seconds{-1e300}} == net::duration::min());
}

namespace {
/// One call that has nothing to do but wait: nothing comes, nobody connects, nobody makes room.
struct vain_wait {
    std::string name;
    std::function<net::socket&()> socket;
    std::function<void(std::error_code&)> call;
};

/// Sockets on which each call that may wait would do so for ever.
class vain_waits {
  public:
    vain_waits() {
        for (auto& link : links()) {
            net::socket& silent = keep(std::move(link.first));
            const net::socket& peer = keep(std::move(link.second));
            static_cast<void>(peer);  // it only has to live, and does not talk
            add("recv on " + link.name, silent, [&silent](auto& error) {
                char buffer[8];
                silent.recv(buffer, error);
            });
        }
        for (auto& link : links()) {
            net::socket& full = keep(std::move(link.first));
            keep(std::move(link.second));
            // Whether TCP takes one more byte is never certain, for what it holds may be on its way. In the end not.
            add("send on " + link.name, full, [&full](auto& error) {
                do full.send(much(), error);
                while (!error);
            });
            add("send_all on " + link.name, full, [&full](auto& error) { full.send_all(much(), error); });
        }
        for (const net::ip_address& address : loopbacks()) {
            net::socket& listener = keep(listening(address));
            add("accept on " + address.to_string(), listener, [&listener](auto& error) { listener.accept(error); });
            net::socket& datagrams = keep(bound(address, socket_type::datagram));
            add("recv_from on " + address.to_string(), datagrams, [&datagrams](auto& error) {
                char buffer[8];
                datagrams.recv_from(buffer, error);
            });
        }
        full_ = full_listeners();
        for (const full_listener& listener : full_) {
            const net::socket_address where = listener.where();
            net::socket& late = keep(net::socket{where.family(), socket_type::stream});
            add("connect to " + where.to_string(), late, [&late, where](auto& error) { late.connect(where, error); });
        }
        {
            // A receiver on the same machine whose queue is full: the kernel makes the sender wait (unix(7)).
            const auto name = unused_name();
            net::socket& receiver = keep(net::socket{address_family::local, socket_type::datagram});
            receiver.bind(name);
            net::socket& sender = keep(net::socket{address_family::local, socket_type::datagram});
            sender.set_blocking(false);
            std::error_code full;
            while (!full) sender.send_to("x", name, full);
            sender.set_blocking(true);
            add("send_to " + name.to_string(), sender,
                [&sender, name](auto& error) { sender.send_to("x", name, error); });
        }
    }
    [[nodiscard]] const std::vector<vain_wait>& all() const { return all_; }

  private:
    net::socket& keep(net::socket&& socket) { return sockets_.emplace_back(std::move(socket)); }
    void add(std::string name, net::socket& socket, std::function<void(std::error_code&)> call) {
        all_.push_back({std::move(name), [&socket]() -> net::socket& { return socket; }, std::move(call)});
    }
    std::list<net::socket> sockets_;  // a list: its elements keep their addresses
    std::list<full_listener> full_;
    std::vector<vain_wait> all_;
};
}  // namespace

TEST_CASE("every call that waits ends when its time is up and not before") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        INFO(wait.name);
        wait.socket().set_timeout(a_while);
        CHECK(wait.socket().timeout() == a_while);
        const auto start = net::clock::now();
        std::error_code error;
        wait.call(error);
        CHECK(error == std::errc::timed_out);  // and not EAGAIN, which is what the kernel says of SO_RCVTIMEO
        CHECK(net::clock::now() - start >= a_while);
    }
}

TEST_CASE("every call that waits ends at its deadline and not before") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        INFO(wait.name);
        const auto deadline = net::clock::now() + a_while;
        wait.socket().set_deadline(deadline);
        CHECK(wait.socket().deadline() == deadline);
        std::error_code error;
        wait.call(error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() >= deadline);
    }
}

TEST_CASE("every call that waits ends when nothing was sent for the answer timeout, whatever the other limit") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        INFO(wait.name);
        const auto start = net::clock::now();
        wait.socket().set_timeout(1h);
        wait.socket().set_answer_timeout(a_while);
        std::error_code error;
        wait.call(error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
    }
}

TEST_CASE("a send gives new time to a receive that another thread waits in") {
    constexpr net::duration limit = 200ms;
    for (bool is_done = false; !is_done;) {  // again if the machine has kept the send waiting for the limit
        auto [here, there] = net::socket_pair();
        const auto start = net::clock::now();
        here.set_answer_timeout(limit);
        background receiving{[&socket = here] {
            char c[1];
            std::error_code error;
            socket.recv(c, error);
            return std::pair{error, net::clock::now()};
        }};
        receiving.await_waiting();
        std::this_thread::sleep_for(limit / 2);
        const auto sent = net::clock::now();
        std::error_code error;
        here.send("x", error);
        is_done = !error && net::clock::now() - start < limit;
        const auto [why, end] = receiving.get();
        CHECK(why == std::errc::timed_out);
        if (is_done) CHECK(end - sent >= limit);
    }
}

TEST_CASE("a datagram that is sent gives new time as well") {
    constexpr net::duration limit = 2 * a_while;
    for (const bool names_its_source : {false, true}) {
        for (bool is_done = false; !is_done;) {  // again if the machine has kept the send waiting for the limit
            net::socket sender = bound(localhost, socket_type::datagram);
            const net::socket receiver = bound(localhost, socket_type::datagram);
            const net::socket_address where = receiver.local_endpoint();
            sender.set_answer_timeout(limit);
            std::this_thread::sleep_for(limit / 2);
            const auto sent = net::clock::now();
            std::error_code error;
            if (names_its_source)
                sender.send_to("x", where, localhost, error);
            else
                sender.send_to("x", where, error);
            is_done = !error;
            char c[1];
            sender.recv(c, error);
            CHECK(error == std::errc::timed_out);
            if (is_done) CHECK(net::clock::now() - sent >= limit);
        }
    }
}

TEST_CASE("a timeout of zero or less is now") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        for (const net::duration timeout : {net::duration::zero(), net::duration{-1s}, net::duration::min()}) {
            INFO(wait.name << ", " << timeout.count());
            wait.socket().set_timeout(timeout);
            std::error_code error;
            wait.call(error);
            CHECK(error == std::errc::timed_out);
            if (wait.name.starts_with("connect")) wait.socket() = {};  // a second try is another question
            if (wait.name.starts_with("connect")) break;
        }
    }
}

TEST_CASE("a timeout of zero takes what is there") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        net::socket client = client_of(listener);
        listener.set_timeout(0s);
        net::socket server = listener.accept().connection;
        client.set_timeout(0s);
        server.set_timeout(0s);
        client.send_all("x");
        char buffer[8];
        CHECK(server.recv(buffer) == 1);
        CHECK(failure_of([&] { server.recv(buffer); }).code == std::errc::timed_out);

        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        receiver.set_timeout(0s);
        sender.set_timeout(0s);
        sender.send_to("x", receiver.local_endpoint());
        CHECK(receiver.recv_from(buffer).bytes.size() == 1);
    }
}

TEST_CASE("a call that waits goes on when what it waits for has come") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        second.set_timeout(1h);  // a timeout must not turn the wait into a try
        background receiving{[&, &socket = second] { return receive_exactly(socket, 2); }};
        receiving.await_waiting();
        first.send_all("1");
        receiving.await_waiting();
        first.send_all("2");
        CHECK(receiving.get() == "12");
    }
    {
        late_clients clients{1h};
        for (auto& thread : clients.threads) thread.await_waiting();
        CHECK(clients.all_get_in());
    }
    // A datagram socket with a full queue on the other side.
    const auto where = unused_name();
    net::socket receiver{address_family::local, socket_type::datagram},
        sender{address_family::local, socket_type::datagram};
    receiver.bind(where);
    sender.set_blocking(false);
    std::error_code full;
    while (!full) sender.send_to("x", where, full);
    sender.set_timeout(1h);
    background sending{[&] { sender.send_to("one more", where); }};
    sending.await_waiting();
    char buffer[16];
    std::string last;
    while (last != "one more") last = net::as_text(receiver.recv_from(buffer).bytes);
    sending.get();
}

TEST_CASE("a peer that trickles cannot stretch a deadline") {
    for (const auto pause : {0ms, 1ms}) {
        for (auto& [name, first, second] : links()) {
            INFO(name << ", a byte every " << pause.count() << " ms");
            background trickling{[&, &socket = first] {
                std::error_code error;
                while (!error) {  // until the other side has closed
                    socket.send_all("x", error);
                    std::this_thread::sleep_for(pause);
                }
            }};
            const auto deadline = net::clock::now() + a_while;
            second.set_deadline(deadline);
            std::error_code error;
            char byte[1];
            while (second.recv(byte, error) == 1) {
            }
            CHECK(error == std::errc::timed_out);
            CHECK(net::clock::now() >= deadline);
            second.close();
        }
    }
}

TEST_CASE("a reader that trickles cannot stretch the timeout of send_all") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        background trickling{[&, &socket = second] {
            char buffer[1024];
            while (socket.recv(buffer) > 0) std::this_thread::sleep_for(1ms);
        }};
        const std::string& bytes = much();
        first.set_timeout(a_while);
        const auto start = net::clock::now();
        std::error_code error;
        const std::size_t sent = first.send_all(bytes, error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
        CHECK(sent < bytes.size());
        reset(first);  // so that the reader need not trickle to the end
        CHECK_NOTHROW([&] {
            try {
                trickling.get();
            } catch (const std::system_error&) {  // the reset
            }
        }());
    }
}

TEST_CASE("a deadline in the past lets each direction try once and then forbids even what could be done at once") {
    for (const auto deadline : {net::clock::now(), net::time_point{}, net::time_point::min()}) {
        auto [first, second] = tcp_pair();
        net::socket listener = listening(localhost), client = client_of(listener);
        net::socket receiver = bound(localhost, socket_type::datagram),
                    sender = bound(localhost, socket_type::datagram);
        first.send_all("data is ready");
        second.wait(POLLIN, net::time_point::max(), *std::make_unique<std::error_code>());
        sender.send_to("so is this", receiver.local_endpoint());
        for (net::socket* const socket : {&second, &listener, &receiver, &sender}) socket->set_deadline(deadline);
        net::socket another{address_family::inet, socket_type::stream};
        another.set_deadline(deadline);

        // One try takes the data that is there. A try that would have to wait fails.
        char buffer[32];
        std::error_code error;
        CHECK(second.recv(std::span{buffer}.first(4), error) == 4);
        CHECK_FALSE(error);
        CHECK(second.send("x", error) == 1);
        CHECK(listener.accept(error).connection.is_open());
        CHECK(receiver.recv_from(buffer, error).bytes.size() == 10);
        sender.send_to("more", receiver.local_endpoint(), error);
        CHECK_FALSE(error);
        another.connect(listener.local_endpoint(), error);
        CHECK((!error || error == std::errc::timed_out));
        net::socket silent = bound(localhost, socket_type::datagram);
        silent.set_deadline(deadline);
        CHECK(silent.recv_from(buffer, error).bytes.empty());
        CHECK(error == std::errc::timed_out);

        CHECK(second.recv(buffer, error) == 0);
        CHECK(error == std::errc::timed_out);
        CHECK(second.send("x", error) == 0);
        CHECK(error == std::errc::timed_out);
        CHECK(second.send_all("x", error) == 0);
        CHECK(error == std::errc::timed_out);
        CHECK_FALSE(listener.accept(error).connection.is_open());
        CHECK(error == std::errc::timed_out);
        CHECK(receiver.recv_from(buffer, error).bytes.empty());
        CHECK(error == std::errc::timed_out);
        sender.send_to("x", receiver.local_endpoint(), error);
        CHECK(error == std::errc::timed_out);
        another.connect(listener.local_endpoint(), error);
        CHECK(error == std::errc::timed_out);

        // It is the deadline that forbids: without it, all is there. And a new deadline allows another try.
        receiver.set_deadline(deadline);
        CHECK(receiver.recv_from(buffer, error).bytes.size() == 4);
        second.set_timeout(net::never);
        CHECK(second.recv(buffer) == 9);
    }
}

TEST_CASE("a call does not wait for a closed socket") {
    const net::socket none;
    std::error_code error;
    none.wait(POLLIN, net::time_point::max(), error);  // poll() would pass over it, and wait for ever
    CHECK(error == std::errc::bad_file_descriptor);
}

TEST_CASE("wait ends at once for a moment that has passed") {
    auto [first, second] = net::socket_pair();
    for (const auto moment : {net::clock::now(), net::time_point{}, net::time_point::min()}) {
        std::error_code error;
        first.wait(POLLIN, moment, error);
        CHECK(error == std::errc::timed_out);
        first.wait(POLLOUT, moment, error);  // ready is ready
        CHECK_FALSE(error);
    }
}

TEST_CASE("a socket that does not block says that it would have to") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        INFO(wait.name);
        wait.socket().set_blocking(false);
        CHECK_FALSE(wait.socket().is_blocking());
        std::error_code error;
        wait.call(error);
        // A TCP connection is being made meanwhile; to everything else the answer is: not now.
        if (error == std::errc::operation_in_progress)
            CHECK_THAT(wait.name, ContainsSubstring("connect"));
        else
            CHECK(error == std::errc::operation_would_block);
    }
}

TEST_CASE("a single call that is not to wait does not") {
    auto [first, second] = tcp_pair();
    char buffer[8];
    std::error_code error;
    second.recv(buffer, error, MSG_DONTWAIT);
    CHECK(error == std::errc::operation_would_block);
    while (first.send(much(), error, MSG_DONTWAIT) > 0) {
    }
    CHECK(error == std::errc::operation_would_block);
    net::socket datagrams = bound(localhost, socket_type::datagram);
    datagrams.recv_from(buffer, error, MSG_DONTWAIT);
    CHECK(error == std::errc::operation_would_block);
}

TEST_CASE("a connect that does not block is finished by waiting and asking") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        for (const bool refused : {false, true}) {
            const closed_port closed{address};
            net::socket client{family_of(address), socket_type::stream};
            client.set_blocking(false);
            std::error_code error;
            client.connect(refused ? net::socket_address{closed.where()} : listener.local_endpoint(), error);
            CHECK(error == std::errc::operation_in_progress);
            client.wait(POLLOUT, net::time_point::max(), error);
            CHECK_FALSE(error);
            const std::error_code outcome = client.take_error();
            CHECK((refused ? outcome == std::errc::connection_refused : !outcome));
            CHECK_FALSE(client.take_error());  // told once
        }
    }
}

TEST_CASE("the last mode that was set holds") {
    net::socket socket{address_family::inet, socket_type::stream};
    const auto is = [&](bool blocking, net::duration timeout, net::time_point deadline) {
        const bool waits_in_kernel = blocking && timeout == net::never && deadline == net::time_point::max();
        return socket.is_blocking() == blocking && socket.timeout() == timeout && socket.deadline() == deadline &&
               has_nonblock(socket.native_handle()) == !waits_in_kernel;
    };
    const auto no_deadline = net::time_point::max();
    const auto soon = net::clock::now() + 1h;
    CHECK(is(true, net::never, no_deadline));
    socket.set_timeout(1s);
    CHECK(is(true, 1s, no_deadline));
    socket.set_deadline(soon);
    CHECK(is(true, net::never, soon));
    socket.set_timeout(2s);
    CHECK(is(true, 2s, no_deadline));
    socket.set_blocking(false);
    CHECK(is(false, net::never, no_deadline));
    socket.set_timeout(3s);  // waits again
    CHECK(is(true, 3s, no_deadline));
    socket.set_timeout(net::never);
    CHECK(is(true, net::never, no_deadline));
    socket.set_deadline(soon);
    socket.set_blocking(true);
    CHECK(is(true, net::never, no_deadline));
}

TEST_CASE("a signal interrupts no call") {
    // Handlers without SA_RESTART, as stop_on_signals has them, end a system call with EINTR.
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {};
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
    const auto interrupted = [](auto& thread) {  // many times, so that some strike while it waits
        for (int i = 0; i < 20; ++i) {
            thread.await_waiting();
            ::pthread_kill(thread.native_handle(), SIGUSR1);
        }
        thread.await_waiting();
    };
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        for (auto& [name, first, second] : links()) {
            INFO(name);
            first.set_timeout(timeout);
            second.set_timeout(timeout);
            background receiving{[&, &socket = second] { return receive_exactly(socket, 1); }};
            interrupted(receiving);
            first.send_all("x");
            CHECK(receiving.get() == "x");
            const std::string bytes = pattern(16 << 20);
            background sending{[&, &socket = first] { socket.send_all(bytes); }};
            interrupted(sending);
            CHECK((receive_exactly(second, bytes.size()) == bytes));
            sending.get();
        }
        for (const net::ip_address& address : loopbacks()) {
            net::socket listener = listening(address);
            listener.set_timeout(timeout);
            background accepting{[&] { return listener.accept().peer; }};
            interrupted(accepting);
            const net::socket client = client_of(listener);
            CHECK(accepting.get() == client.local_endpoint());
            net::socket receiver = bound(address, socket_type::datagram);
            receiver.set_timeout(timeout);
            background receiving{[&] {
                char c[1];
                return receiver.recv_from(c).sender;
            }};
            interrupted(receiving);
            net::socket sender = bound(address, socket_type::datagram);
            sender.send_to("x", receiver.local_endpoint());
            CHECK(receiving.get() == sender.local_endpoint());
        }
        late_clients clients{timeout};
        for (auto& thread : clients.threads) interrupted(thread);
        for (auto& thread : clients.threads) CHECK_FALSE(thread.has_ended());  // interrupted is not connected
        CHECK(clients.all_get_in());
    }
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("a signal neither shortens nor stretches a timeout") {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {};
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
    auto [first, second] = net::socket_pair();
    first.set_timeout(a_while);
    const auto start = net::clock::now();
    background receiving{[&, &socket = first] {
        char c[1];
        std::error_code error;
        socket.recv(c, error);
        return error;
    }};
    while (!receiving.has_ended()) {  // an end that signals could put off would never come
        ::pthread_kill(receiving.native_handle(), SIGUSR1);
        std::this_thread::sleep_for(1ms);
    }
    CHECK(receiving.get() == std::errc::timed_out);
    CHECK(net::clock::now() - start >= a_while);
    ::sigaction(SIGUSR1, &before, nullptr);
}

// ---- Stopping ------------------------------------------------------------------------------------------

TEST_CASE("a stop ends every wait and forbids every call from then on") {
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        const vain_waits waits;
        for (const vain_wait& wait : waits.all()) {
            INFO(wait.name);
            net::stop_event stop;
            wait.socket().set_timeout(timeout);
            wait.socket().stop_with(stop);
            background waiting{[&] {
                std::error_code error;
                wait.call(error);
                return error;
            }};
            waiting.await_waiting();
            CHECK_FALSE(waiting.has_ended());
            stop.request_stop();
            CHECK(waiting.get() == std::errc::operation_canceled);
            std::error_code error;
            wait.call(error);
            CHECK(error == std::errc::operation_canceled);
        }
    }
}

TEST_CASE("a stop is stronger than data that is ready") {
    auto [first, second] = tcp_pair();
    net::socket listener = listening(localhost), client = client_of(listener);
    net::socket receiver = bound(localhost, socket_type::datagram), sender = bound(localhost, socket_type::datagram);
    first.send_all("ready");
    second.wait(POLLIN, net::time_point::max(), *std::make_unique<std::error_code>());
    sender.send_to("ready", receiver.local_endpoint());
    net::socket another{address_family::inet, socket_type::stream};
    net::stop_event stop;
    for (net::socket* const socket : {&second, &listener, &receiver, &sender, &another}) socket->stop_with(stop);
    stop.request_stop();

    char buffer[16];
    std::error_code error;
    CHECK(second.recv(buffer, error) == 0);
    CHECK(error == std::errc::operation_canceled);
    CHECK(second.send_all("x", error) == 0);
    CHECK(error == std::errc::operation_canceled);
    CHECK_FALSE(listener.accept(error).connection.is_open());
    CHECK(error == std::errc::operation_canceled);
    CHECK(receiver.recv_from(buffer, error).bytes.empty());
    CHECK(error == std::errc::operation_canceled);
    sender.send_to("x", receiver.local_endpoint(), error);
    CHECK(error == std::errc::operation_canceled);
    another.connect(listener.local_endpoint(), error);
    CHECK(error == std::errc::operation_canceled);
    second.set_blocking(false);  // even of a socket that never waits
    second.recv(buffer, error);
    CHECK(error == std::errc::operation_canceled);
    CHECK(failure_of([&, &socket = second] { socket.recv(buffer); }).what ==
          "recv from " + first.local_endpoint().to_string() + ": Operation canceled");
}

TEST_CASE("a stop in the middle of send_all leaves the count of what went out") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::stop_event stop;
        first.stop_with(stop);
        const std::string& bytes = much();
        background sending{[&, &socket = first] {
            std::error_code error;
            const std::size_t sent = socket.send_all(bytes, error);
            return std::pair{sent, error};
        }};
        sending.await_waiting();
        stop.request_stop();
        const auto [sent, error] = sending.get();
        CHECK(error == std::errc::operation_canceled);
        first.shutdown(net::shutdown_direction::send);
        CHECK((receive_all(second) == bytes.substr(0, sent)));
    }
}

TEST_CASE("accepted sockets inherit the stop but no time limit") {
    for (const net::ip_address& address : loopbacks()) {
        net::stop_event stop;
        net::socket listener = listening(address), client = client_of(listener);
        listener.stop_with(stop);
        listener.set_timeout(1h);
        net::socket server = listener.accept().connection;
        CHECK(server.is_blocking());
        CHECK(server.timeout() == net::never);
        CHECK(server.deadline() == net::time_point::max());
        background receiving{[&] {
            char c[1];
            std::error_code error;
            server.recv(c, error);
            return error;
        }};
        receiving.await_waiting();
        stop.request_stop();
        CHECK(receiving.get() == std::errc::operation_canceled);
    }
}

TEST_CASE("accepted sockets wait or do not wait as their listener does") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        char buffer[8];
        std::error_code error;

        listener.set_blocking(false);
        const net::socket first_client = client_of(listener);
        listener.wait(POLLIN, net::time_point::max(), error);
        net::socket polled = listener.accept().connection;
        CHECK_FALSE(polled.is_blocking());
        CHECK(has_nonblock(polled.native_handle()));
        polled.recv(buffer, error);
        CHECK(error == std::errc::operation_would_block);

        for (const net::duration timeout : {net::never, net::duration{1h}}) {
            listener.set_timeout(timeout);
            net::socket client = client_of(listener);
            net::socket waiting = listener.accept().connection;
            CHECK(waiting.is_blocking());
            CHECK_FALSE(has_nonblock(waiting.native_handle()));  // whatever limits the listener has
            background receiving{[&] { return receive_exactly(waiting, 1); }};
            receiving.await_waiting();
            client.send_all("x");
            CHECK(receiving.get() == "x");
        }
    }
}

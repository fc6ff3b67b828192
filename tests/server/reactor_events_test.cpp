// The reactor server and the order of events: at the worst moment, by a script and on every poller.

#include "reactor.hpp"

// ---- the order of events, by a script ------------------------------------------------------------------

namespace {

/// A poller whose events the test makes up, step by step, in the thread that runs the server.
class script {
  public:
    struct registration {
        int descriptor;
        interest what;
        std::uint64_t token;
        trigger how;
    };
    using step = std::function<std::vector<net::event>(net::duration timeout)>;

    std::vector<step> steps{};
    std::vector<registration> added{};         ///< in order of adding
    std::map<int, registration> registered{};  ///< now
    std::error_code refuse_to_add{};
    net::time_point time{1h};  ///< the server's: it passes when a step says so

    [[nodiscard]] std::uint64_t token_of(int descriptor) const { return registered.at(descriptor).token; }

    class poller {
      public:
        static constexpr bool has_edge = true;
        explicit poller(script& of) : script_{&of} {}
        void add(int descriptor, interest what, std::uint64_t token, trigger how) {
            if (script_->refuse_to_add) throw std::system_error{script_->refuse_to_add, "add"};
            if (!script_->registered.try_emplace(descriptor, registration{descriptor, what, token, how}).second)
                throw std::system_error{std::make_error_code(std::errc::file_exists), "add"};
            constexpr std::uint64_t of_posted_calls = ~std::uint64_t{2};  // the reactor's own descriptor for post()
            if (token != of_posted_calls) script_->added.push_back({descriptor, what, token, how});
        }
        void modify(int descriptor, interest what, std::uint64_t token, trigger how) {
            script_->registered.at(descriptor) = {descriptor, what, token, how};
        }
        void remove(int descriptor) { script_->registered.erase(descriptor); }
        [[nodiscard]] net::time_point now() const noexcept { return script_->time; }
        std::span<const net::event> wait(net::duration timeout) {
            if (next_ == script_->steps.size()) throw std::logic_error{"the script is over and the server runs on"};
            batch_ = script_->steps[next_++](timeout);
            return batch_;
        }

      private:
        script* script_;
        std::size_t next_ = 0;
        std::vector<net::event> batch_{};
    };
};
static_assert(net::poller<script::poller>);

/// ... and a poller that knows levels only.
struct level_poller : script::poller {
    using script::poller::poller;
    static constexpr bool has_edge = false;
};
static_assert(net::poller<level_poller>);

/// A server that lives in the test's thread and follows a script.
struct scripted {
    script story{};
    journalist written{};
    net::stop_event stop{};
    net::socket listener = loopback_listener();
    net::endpoint where = listener.local_endpoint().ip();
    int listener_descriptor = listener.native_handle();
    hooks actions{};
    net::reactor_options options{.stop_grace = 0ns};  // a stop is the end of the play

    template <class Poller = script::poller>
    void run() {
        net::reactor_server server{std::move(listener), recording_handler{&written, actions}, options, Poller{story}};
        server.run(stop);
        CHECK(server.connection_count() == 0);
        CHECK(story.registered.empty());  // what was added was removed, before it was closed
    }
    [[nodiscard]] net::event client_comes() const { return {story.token_of(listener_descriptor), interest::read}; }
    /// The n-th connection that was added.
    [[nodiscard]] script::registration connection(std::size_t n) const {
        for (const script::registration& added : story.added)
            if (added.descriptor != listener_descriptor && added.descriptor != stop.native_handle() && n-- == 0)
                return added;
        throw std::logic_error{"this number of connections has not been added"};
    }
    [[nodiscard]] net::event happens(std::size_t n, interest ready = interest::read) const {
        return {connection(n).token, ready};
    }
    [[nodiscard]] net::event end() {
        stop.request_stop();
        return {story.token_of(stop.native_handle()), interest::read};
    }
};

}  // namespace

TEST_CASE("an event of a connection that was closed earlier in the batch does not hit its successor") {
    const trigger how = both_triggers();
    CAPTURE(how);
    scripted play;
    play.options.how = how;
    std::vector<net::connection*> opened;
    play.actions.open = [&](net::connection& client) { opened.push_back(&client); };
    play.actions.bytes = [&](net::connection& client, bytes_view) {
        if (&client == opened[0]) opened[1]->close();
    };
    net::tcp_stream a{play.where}, b{play.where}, c;
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            a.send_all("close b");
            b.send_all("b");
            c = net::tcp_stream{play.where};
            c.send_all("c");
            return std::vector{play.happens(0), play.client_comes(),
                               play.happens(1, interest::read | interest::hang_up | interest::error)};
        },
        [&](net::duration) {
            REQUIRE(play.story.added.size() == 5);
            CHECK(play.connection(2).descriptor == play.connection(1).descriptor);  // the number has a new owner
            CHECK(play.connection(2).token != play.connection(1).token);
            CHECK(play.written.written.calls == 1);  // a's. The event was b's, so nobody looked at what c said
            CHECK(play.written.written.reasons.size() == 1);
            return std::vector{play.happens(2)};
        },
        [&](net::duration) {
            CHECK(play.written.written.calls == 2);
            return std::vector{play.end()};
        },
    };
    play.run();
    CHECK(play.written.written.opened == 3);
    CHECK(play.written.written.reasons.size() == 3);
}

TEST_CASE("a connection that waits for its next turn and is closed meanwhile does not give it to its successor") {
    scripted play;
    play.options.read_size = 1;
    std::vector<net::connection*> opened;
    play.actions.open = [&](net::connection& client) { opened.push_back(&client); };
    play.actions.bytes = [&](net::connection& client, bytes_view) {
        if (&client == opened[0]) opened[1]->close();
    };
    net::tcp_stream a{play.where}, b{play.where}, c;
    play.story.steps = {
        [&](net::duration timeout) {
            CHECK(timeout == net::never);  // no connection yet, so there is nothing to wait for but events
            return std::vector{play.client_comes()};
        },
        [&](net::duration timeout) {
            CHECK(timeout > 0ns);
            b.send_all(std::string(100, 'b'));
            return std::vector{play.happens(1)};
        },
        [&](net::duration timeout) {
            CHECK(timeout == 0ns);  // b has more, and no event will say so
            // The first reads, and then as many after the events of the same round.
            CHECK(play.written.written.calls % reads_a_turn == 0);
            CHECK(play.written.written.calls <= 2 * reads_a_turn);
            play.written.written.calls = 0;
            a.send_all("a");
            c = net::tcp_stream{play.where};
            c.send_all("c");
            return std::vector{play.happens(0), play.client_comes()};
        },
        [&](net::duration timeout) {
            CHECK(timeout > 0ns);
            REQUIRE(play.story.added.size() == 5);
            CHECK(play.connection(2).descriptor == play.connection(1).descriptor);
            CHECK(play.written.written.calls == 1);
            return std::vector{play.end()};
        },
    };
    play.run();
}

TEST_CASE("the idle timeout closes the idle and nobody else") {
    // By a script, so that a busy machine makes nobody idle who is not: in each round all others say something.
    const trigger how = both_triggers();
    CAPTURE(how);
    scripted play;
    play.options.how = how;
    play.options.idle_timeout = 200ms;
    play.actions.bytes = [](net::connection& client, bytes_view received) {
        if (net::as_text(received) != "-") client.send(received);
    };
    net::tcp_stream active{play.where}, unanswered{play.where}, idle{play.where};
    const net::time_point begin = play.story.time;
    const journal& seen = play.written.written;
    play.story.steps = {[&](net::duration) { return std::vector{play.client_comes()}; }};
    for (int i = 0; i < 100; ++i)
        play.story.steps.emplace_back([&](net::duration timeout) {
            net::time_point& now = play.story.time;
            CHECK((seen.reasons.size() > 0) == (now - begin >= 200ms));
            if (seen.reasons.size() == 3) return std::vector{play.end()};
            if (seen.reasons.size() > 0) {  // from now on they are silent, too
                CHECK(seen.closes.at(play.connection(2).token) == 1);
                now += timeout;
                return std::vector<net::event>{};
            }
            CHECK(timeout == begin + 200ms - now);
            now += 10ms;
            if (now - begin >= 200ms) return std::vector<net::event>{};
            active.send_all("x");
            unanswered.send_all("-");
            return std::vector{play.happens(0), play.happens(1)};
        });
    play.run();
    CHECK(seen.reasons == std::vector(3, std::make_error_code(std::errc::timed_out)));
    CHECK(play.story.time - begin == 190ms + 200ms);
}

TEST_CASE("a client that only listens is not idle while bytes go out to it") {
    const trigger how = both_triggers();
    CAPTURE(how);
    scripted play;
    play.options.how = how;
    play.options.idle_timeout = 200ms;
    play.options.request_timeout = net::never;
    play.options.max_queue = 4 << 20;
    play.listener.set_option(net::option::send_buffer{8192});
    play.actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(1 << 20, 'a')); };
    net::tcp_stream client = client_with_small_buffers(play.where);
    client.set_blocking(false);
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            client.send_all("x");
            return std::vector{play.happens(0)};
        },
    };
    for (int i = 0; i < 10; ++i)
        play.story.steps.emplace_back([&](net::duration) {
            REQUIRE(play.written.written.reasons.empty());
            std::array<char, 64 * 1024> part;
            std::error_code error;
            pollfd server_end{play.connection(0).descriptor, POLLOUT, 0};
            while (::poll(&server_end, 1, 0) == 0) client.recv(part, error);  // until there is room, which the poller tells
            play.story.time += 150ms;
            return std::vector{play.happens(0, interest::write)};
        });
    play.story.steps.emplace_back([&](net::duration) {
        CHECK(play.written.written.reasons.empty());
        return std::vector{play.end()};
    });
    play.run();
}

TEST_CASE("what a client says after the last word does not put off the idle timeout") {
    const trigger how = both_triggers();
    scripted play;
    play.options.how = how;
    play.options.idle_timeout = 200ms;
    play.actions.bytes = [](net::connection& client, bytes_view) { client.close_after_sending(); };
    net::tcp_stream client{play.where};
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            client.send_all("x");
            return std::vector{play.happens(0)};
        },
    };
    for (int i = 0; i < 10; ++i)
        play.story.steps.emplace_back([&](net::duration) {
            REQUIRE(play.written.written.reasons.empty());
            std::error_code error;
            client.send_all("chatter", error);
            play.story.time += 20ms;
            return std::vector{play.happens(0)};
        });
    play.story.steps.emplace_back([&](net::duration) {
        CHECK(play.written.written.reasons.size() == 1);
        return std::vector{play.end()};
    });
    play.run();
    CHECK(play.written.written.calls == 1);
    CHECK(play.written.written.reasons.at(0) == std::errc::timed_out);
}

TEST_CASE("a hang-up alone ends a connection that is not being read") {
    // epoll adds that it is writable, and then sending fails. Another poller need not.
    const trigger how = both_triggers();
    CAPTURE(how);
    scripted play;
    play.options.how = how;
    play.options.max_queue = 4 << 20;
    play.listener.set_option(net::option::send_buffer{8192});
    play.actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(1 << 20, 'a')); };
    net::tcp_stream client = client_with_small_buffers(play.where);
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            client.send_all("x");
            return std::vector{play.happens(0)};
        },
        [&](net::duration) {
            reset(client);
            return std::vector{play.happens(0, interest::hang_up | interest::error)};
        },
        [&](net::duration) {
            CHECK(play.written.written.reasons.size() == 1);
            return std::vector{play.end()};
        },
    };
    play.run();
    CHECK(play.written.written.reasons.at(0) == std::errc::connection_reset);
}

TEST_CASE("readiness is a hint and a false one does no harm") {
    const trigger how = both_triggers();
    scripted play;
    play.options.how = how;
    net::tcp_stream client{play.where};
    const auto everything =
        interest::read | interest::write | interest::peer_done | interest::hang_up | interest::error;
    play.story.steps = {
        [&](net::duration) {
            return std::vector{play.client_comes(), play.client_comes()};
        },
        [&](net::duration) {
            return std::vector{play.happens(0),
                               play.happens(0, interest::write),
                               play.happens(0, interest::none),
                               play.happens(0, interest::read | interest::write),
                               play.happens(0, everything),
                               net::event{play.connection(0).token + 1, everything},
                               net::event{play.connection(0).token + (std::uint64_t{1} << 32), everything},
                               net::event{0x0123456789abcdef, everything}};
        },
        [&](net::duration) { return std::vector<net::event>{}; },
        [&](net::duration) {
            CHECK(play.written.written.reasons.empty());
            client.send_all("still here");
            return std::vector{play.happens(0)};
        },
        [&](net::duration) { return std::vector{play.end()}; },
    };
    play.run();
    CHECK(recv_to_end(client) == "still here");
}

TEST_CASE("a poller that refuses a new client is a shortage like any other") {
    const trigger how = both_triggers();
    scripted play;
    play.options.how = how;
    net::tcp_stream first{play.where}, second;
    std::ptrdiff_t descriptors = 0;
    play.story.steps = {
        [&](net::duration) {
            descriptors = open_descriptors();
            play.story.refuse_to_add = std::make_error_code(std::errc::no_space_on_device);  // max_user_watches
            return std::vector{play.client_comes()};
        },
        [&](net::duration timeout) {
            CHECK(timeout > 0ns);
            CHECK(timeout <= 100ms);
            CHECK_FALSE(play.story.registered.contains(play.listener_descriptor));
            CHECK(play.written.written.accept_errors.size() == 1);
            CHECK(play.written.written.opened == 0);
            CHECK(open_descriptors() == descriptors);
            play.story.time += timeout;  // as a poller does in which nothing happens
            return std::vector<net::event>{};
        },
        [&](net::duration timeout) {
            // Not even the listener has found its place again. That must not end the server.
            CHECK_FALSE(play.story.registered.contains(play.listener_descriptor));
            CHECK(play.written.written.accept_errors.size() == 2);
            play.story.refuse_to_add = {};
            play.story.time += timeout;
            return std::vector<net::event>{};
        },
        [&](net::duration) {
            CHECK(play.story.registered.at(play.listener_descriptor).what == interest::read);
            second = net::tcp_stream{play.where};
            second.send_all("2");
            return std::vector{play.client_comes()};
        },
        [&](net::duration) { return std::vector{play.happens(0)}; },
        [&](net::duration) { return std::vector{play.end()}; },
    };
    play.run();
    CHECK(play.written.written.accept_errors[0] == std::errc::no_space_on_device);
    CHECK(recv_to_end(first).empty());
    CHECK(recv_to_end(second) == "2");
}

TEST_CASE("a level-triggered connection is asked for what it can use and for nothing else") {
    scripted play;
    play.options = small_options(trigger::level);
    play.options.low_water = play.options.high_water - 1;
    play.options.stop_grace = 0ns;
    play.listener.set_option(net::option::send_buffer{8192});
    play.actions.bytes = [&](net::connection& client, bytes_view) { client.send(std::string(200 * 1024, 'a')); };
    net::tcp_stream client = client_with_small_buffers(play.where);
    std::size_t received = 0;
    bool was_below = false;
    const auto asked = [&] { return play.story.registered.at(play.connection(0).descriptor).what; };
    const auto drink = [&] {  // until the kernel has no more for us
        std::array<char, 4096> part;
        std::error_code error;
        client.set_blocking(false);
        while (const std::size_t size = client.recv(part, error)) received += size;
        return std::vector{play.happens(0, interest::write)};
    };
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            CHECK(asked() == interest::read);
            client.send_all("x");
            return std::vector{play.happens(0)};
        },
        [&](net::duration) {
            CHECK(asked() == interest::write);  // above the high water mark
            return drink();
        },
    };
    for (int i = 0; i < 1000; ++i)
        play.story.steps.emplace_back([&](net::duration) {
            if (asked() == interest::read) return std::vector{play.end()};  // all is sent
            const bool below = asked() == (interest::read | interest::write);
            CHECK((below || asked() == interest::write));
            was_below = was_below || below;
            return drink();
        });
    play.run();
    CHECK(was_below);
    client.set_blocking(true);
    received += recv_to_end(client).size();
    CHECK(received == 200 * 1024);
}

TEST_CASE("nothing said of the trigger is edge where the poller has it and else level") {
    const bool has_edge = GENERATE(true, false);
    scripted play;
    net::tcp_stream client{play.where};
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            CHECK(play.connection(0).how == (has_edge ? trigger::edge : trigger::level));
            CHECK(play.story.registered.at(play.listener_descriptor).how == trigger::level);
            client.send_all("hello");
            return std::vector{play.happens(0)};
        },
        [&](net::duration) { return std::vector{play.end()}; },
    };
    has_edge ? play.run() : play.run<level_poller>();
    CHECK(recv_to_end(client) == "hello");
}

// ---- the worst moment, on every poller -----------------------------------------------------------------

TEST_CASE("on every poller an event of a connection closed before it in the batch does not hit its successor") {
    const manner how = every_manner();
    CAPTURE(how);
    net::connection *first = nullptr, *second = nullptr;  // and the rest: of the server's thread
    int closed = -1, successor = -1, waits_of_batch = 0, waits_of_successor = 0;
    running_server* running = nullptr;
    hooks actions;
    actions.open = [&](net::connection& client) {
        if (!first)
            first = &client;
        else if (!second)
            second = &client;
        else
            successor = client.native_handle();
    };
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (&client == first && received.size() == 5) {
            closed = second->native_handle();
            second->close();
        }
        if (&client != first && successor >= 0 && waits_of_successor == 0) waits_of_successor = running->seen().waits;
        client.send(received);
    };
    running_server server{actions, options_for(how)};
    running = &server;
    net::tcp_stream a{server.where()}, b{server.where()};
    CHECK(is_echoed(a, "a"));
    CHECK(is_echoed(b, "b"));
    net::socket c{net::address_family::inet, net::socket_type::stream};
    std::uint64_t a_token = 0, b_token = 0;
    std::size_t events = 0;
    {
        const auto held = server.hold();
        a_token = first->id();
        b_token = second->id();
        // First a, then whoever is new, and at last b: of whom all that is known by then is past.
        server.seen().meddle = [&](std::vector<net::event>& batch) {
            if (events == 0) {
                events = batch.size();
                waits_of_batch = server.seen().waits;
            }
            const auto rank = [&](const net::event& one) {
                return one.token == a_token ? 0 : one.token == b_token ? 2 : 1;
            };
            std::sort(batch.begin(), batch.end(),
                      [&](const net::event& one, const net::event& other) { return rank(one) < rank(other); });
        };
        a.send_all("close");
        b.send_all("a past word");
        c.connect(server.where());
        c.send_all("c");
    }
    net::tcp_stream talks{std::move(c)};
    CHECK(recv_exactly(a, 5) == "close");
    CHECK(recv_exactly(talks, 1) == "c");
    CHECK(is_echoed(talks, "and on"));
    std::error_code error;
    CHECK(recv_until_over(b, error).empty());
    server.finish();
    CHECK(events == 3);
    CHECK(closed == successor);                  // else this was not about it
    CHECK(waits_of_successor > waits_of_batch);  // nobody looked at what c said because something had been b's
    CHECK(server.read().opened == 3);
}

TEST_CASE("on every poller what somebody else has taken before the server looks is missed by nobody") {
    // A readiness is a hint. Here another holds the same connection, and the same listener, and is quicker.
    const manner how = every_manner();
    CAPTURE(how);
    net::socket listener = loopback_listener();
    net::socket same_listener{::dup(listener.native_handle())};
    int served = -1;
    hooks actions;
    actions.open = [&](net::connection& client) { served = client.native_handle(); };
    running_server server{actions, options_for(how), std::move(listener)};
    net::tcp_stream a{server.where()};
    CHECK(is_echoed(a, "x"));
    net::tcp_stream b;
    net::socket stolen_connection;
    std::string stolen(5, ' ');
    bool done = false;  // the server's, until it has ended
    {
        const auto held = server.hold();
        net::socket same_connection{::dup(served)};
        server.seen().meddle = [&, thief = std::make_shared<net::socket>(std::move(same_connection))](auto& batch) {
            if (std::exchange(done, true)) return;
            CHECK(batch.size() == 2);
            thief->recv(stolen);
            thief->close();
            stolen_connection = same_listener.accept().connection;
        };
        a.send_all("steal");
        b = net::tcp_stream{server.where()};
    }
    while (!server.there([&] { return done; })) std::this_thread::yield();
    CHECK(stolen == "steal");
    CHECK(is_echoed(a, "still here"));
    stolen_connection.send_all("mine");
    CHECK(recv_exactly(b, 4) == "mine");
    net::tcp_stream next{server.where()};
    CHECK(is_echoed(next, "next"));
    CHECK(server.read().reasons.empty());
    CHECK(server.read().accept_errors.empty());
    CHECK(server.read().opened == 2);
    same_listener.close();
}

TEST_CASE("a client whose descriptor select cannot hold is refused and all others are served") {
    const descriptor_limit raised{RLIM_INFINITY};
    if (descriptor_limit::now() < FD_SETSIZE + 200) NETNOTES_SKIP("no descriptor is as high as select's limit here");
    std::vector<int> waits;  // the server's until it has ended
    running_server* running = nullptr;
    hooks actions;
    actions.accept_error = [&](std::error_code) { waits.push_back(running->seen().waits); };
    running_server server{actions, options_for({trigger::level, kind::select})};
    running = &server;
    std::vector<net::socket> clients;
    for (int i = 0; i < 74; ++i) {
        const net::socket low{net::address_family::inet, net::socket_type::stream};
        clients.emplace_back(::fcntl(low.native_handle(), F_DUPFD_CLOEXEC, FD_SETSIZE + 100));
    }
    std::vector<net::socket> fill;  // all descriptors that select could hold but three
    do fill.emplace_back(::dup(clients[0].native_handle()));
    while (fill.back().native_handle() < FD_SETSIZE - 1);
    REQUIRE(fill.back().native_handle() == FD_SETSIZE - 1);
    fill.resize(fill.size() - 3);

    for (std::size_t i = 0; i < 3; ++i) {
        clients[i].connect(server.where());
        CHECK(is_echoed(clients[i], "x"));
    }
    {
        const auto held = server.hold();
        for (std::size_t i = 3; i < 73; ++i) clients[i].connect(server.where());  // more than are accepted in one turn
    }
    int refused = 0;
    for (std::size_t i = 3; i < 73; ++i) {
        std::error_code error;
        char byte;
        refused += clients[i].recv(std::span{&byte, 1}, error) == 0;
    }
    CHECK(refused == 70);
    CHECK(server.there([&] { return server.seen().last_timeout.load(); }) > 1s);  // the listener is not left alone
    for (std::size_t i = 0; i < 3; ++i) CHECK(is_echoed(clients[i], "served all the time"));
    clients[1].close();
    server.wait_until_closed(1);
    clients[73].connect(server.where());
    CHECK(is_echoed(clients[73], "in its place"));
    server.finish();
    const journal seen = server.read();
    CHECK(seen.opened == 4);
    CHECK(seen.accept_errors.size() == 70);
    for (const std::error_code& error : seen.accept_errors) CHECK(error == std::errc::value_too_large);
    REQUIRE(waits.size() == 70);
    CHECK(waits.back() - waits.front() <= 1);  // 64, and the rest
}

TEST_CASE("a descriptor that the handler has closed itself costs its connection and no other") {
    // Not with edges: epoll forgets the descriptor, and the idle timeout does the rest.
    const manner how =
        GENERATE(manner(trigger::level), manner(trigger::level, kind::poll), manner(trigger::level, kind::select));
    CAPTURE(how);
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view received) {
        if (net::as_text(received) != "close") return client.send(received);
        client.send(std::string(1 << 20, 'a'));  // some is queued, so that the poller is told
        ::close(client.native_handle());
    };
    running_server server{actions, options_for(how), listener_with_small_buffers()};
    net::tcp_stream other{server.where()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    CHECK(is_echoed(other, "before"));
    client.send_all("close");
    server.wait_until_closed(1);
    REQUIRE(server.read().reasons.size() == 1);
    CHECK(server.read().reasons[0] == std::errc::bad_file_descriptor);
    const int waits = server.seen().waits;
    for (int i = 0; i < 20; ++i) CHECK(is_echoed(other, "after"));
    CHECK(server.seen().waits - waits <= 42);
}

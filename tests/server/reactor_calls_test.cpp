// The reactor's timers, calls from other threads, outgoing connections, and the callback when a queue has drained.

#include "reactor.hpp"

#include <deque>

#include <fcntl.h>

using namespace support;

// Link with --wrap=write: a test can hold the write of its thread.
namespace {
thread_local std::function<void(int descriptor)> before_write;
}
extern "C" {
ssize_t __real_write(int descriptor, const void* bytes, std::size_t size);
ssize_t __wrap_write(int descriptor, const void* bytes, std::size_t size);
ssize_t __wrap_write(int descriptor, const void* bytes, std::size_t size) {
    if (before_write) before_write(descriptor);
    return __real_write(descriptor, bytes, size);
}
}

namespace {

/// A handler whose reactions are set by the test. It runs on real pollers, in the reactor's thread.
struct reactions {
    std::function<void(net::connection&, bytes_view)> bytes = [](net::connection& client, bytes_view received) {
        client.send(received);
    };
    std::function<void(net::connection&)> open{}, end{}, drained{}, timer{};
    std::function<void(net::connection&, std::error_code)> close{};
    std::function<void(const std::exception&)> error{};

    void operator()(net::connection& client, bytes_view received) { bytes(client, received); }
    void on_open(net::connection& client) {
        if (open) open(client);
    }
    void on_end(net::connection& client) {
        if (end) end(client);
    }
    void on_drained(net::connection& client) {
        if (drained) drained(client);
    }
    void on_timer(net::connection& client) {
        if (timer) timer(client);
    }
    void on_close(net::connection& client, std::error_code why) {
        if (close) close(client, why);
    }
    void on_error(net::connection&, const std::exception& failure) {
        if (error) error(failure);
    }
};

using server_type = net::reactor_server<reactions>;

/// A server in a thread of its own. Stops with this object.
class served {
  public:
    explicit served(reactions handler, net::reactor_options options = {}, net::socket listener = loopback_listener())
        : where_{listener.local_endpoint()}, server_{std::move(listener), std::move(handler), options}, thread_{[this] {
              server_.run(stop_);
          }} {}
    ~served() {
        stop_.request_stop();
        thread_.join();
    }
    [[nodiscard]] const net::socket_address& where() const { return where_; }
    [[nodiscard]] net::tcp_stream client() const { return net::tcp_stream{where_.ip()}; }
    server_type& server() { return server_; }
    /// Runs in the server's thread, and returns the result.
    template <class Job>
    auto there(Job job) {
        std::packaged_task<decltype(job(server_))(server_type&)> task{job};
        auto result = task.get_future();
        server_.post(std::move(task));
        return result.get();
    }

  private:
    net::socket_address where_;
    net::stop_event stop_;
    server_type server_;
    std::thread thread_;
};

net::reactor_options with(trigger how) {
    net::reactor_options options;
    options.how = how;
    return options;
}
std::string receive(net::tcp_stream& from) {
    char buffer[100];
    return {buffer, from.recv(buffer)};
}
std::string receive_to_end(net::tcp_stream& from) {
    std::string all;
    std::vector<char> buffer(64 << 10);
    while (const std::size_t size = from.recv(buffer)) all.append(buffer.data(), size);
    return all;
}

}  // namespace

TEST_CASE("a timer of a connection calls the handler once and not before its time") {
    const trigger how = both_triggers();
    std::promise<net::time_point> fired;
    reactions handler;
    handler.open = [&](net::connection& client) {
        client.set_timer(1h);
        client.set_timer(20ms);  // replaces the hour
    };
    handler.timer = [&](net::connection& client) {
        fired.set_value(net::clock::now());  // a second call would throw
        client.send("late");
    };
    served server{std::move(handler), with(how)};
    // The timer counts from the beginning of the server's turn, and that is after this moment.
    const net::time_point begin = net::clock::now();
    net::tcp_stream client = server.client();
    CHECK(receive(client) == "late");
    CHECK(fired.get_future().get() - begin >= 20ms);
    client.send_all("x");
    CHECK(receive(client) == "x");
}

TEST_CASE("a timer can be moved to a later time, cancelled, and set again by its own callback") {
    std::vector<std::uint64_t> calls;
    reactions handler;
    handler.open = [](net::connection& client) { client.set_timer(1ms); };
    handler.bytes = [&](net::connection& client, bytes_view received) {
        if (net::as_text(received) == "later") client.set_timer(5ms);
        if (net::as_text(received) == "never") client.set_timer(net::never);
        client.send("ok");
    };
    handler.timer = [&](net::connection& client) {
        calls.push_back(client.id());
        if (calls.size() < 5) client.set_timer(0ms);
        if (calls.size() == 5) client.send("five");
    };
    served server{std::move(handler)};
    net::tcp_stream client = server.client();
    CHECK(receive(client) == "five");
    client.send_all("later");
    CHECK(receive(client) == "ok");
    client.send_all("never");
    CHECK(receive(client) == "ok");
    const std::size_t before = server.there([&](server_type&) { return calls.size(); });
    net::tcp_stream other = server.client();  // its timer is set later than the cancelled timer
    while (server.there([&](server_type&) { return calls.size(); }) == before) std::this_thread::yield();
    CHECK(server.there([&](server_type&) { return calls.back() != calls.front(); }));
}

TEST_CASE("a deadline ends a connection in the middle of its work") {
    const trigger how = both_triggers();
    std::promise<std::error_code> closed;
    reactions handler;
    const auto end = net::clock::now() + 30ms;
    handler.open = [&](net::connection& client) { client.set_deadline(end); };
    handler.close = [&](net::connection&, std::error_code why) { closed.set_value(why); };
    served server{std::move(handler), with(how)};
    net::tcp_stream client = server.client();
    std::error_code error;
    for (char byte[1]; !error;) {  // a dialogue without a pause
        client.send_all("x", error);
        if (!error && client.recv(byte, error) == 0) break;
    }
    CHECK(net::clock::now() >= end);
    CHECK(closed.get_future().get() == std::errc::timed_out);
}

TEST_CASE("many timers of connections that have ended are forgotten") {
    reactions handler;
    handler.open = [](net::connection& client) {
        client.set_timer(24h);
        client.close();
    };
    served server{std::move(handler)};
    for (int i = 0; i < 300; ++i) {
        net::tcp_stream client = server.client();
        std::error_code error;
        char byte[1];
        client.recv(byte, error);
    }
    while (server.there([](server_type& all) { return all.connection_count(); }) > 0) std::this_thread::yield();
}

TEST_CASE("calls from many threads run in the reactor's thread, and each thread's in their order") {
    served server{{}};
    const auto here = server.there([](server_type&) { return std::this_thread::get_id(); });
    constexpr int threads = 4, calls = 1000;
    std::vector<int> seen[threads];
    bool is_same_thread = true;
    std::deque<std::thread> posters;
    for (int t = 0; t < threads; ++t)
        posters.emplace_back([&, t] {
            for (int i = 0; i < calls; ++i)
                server.server().post([&, t, i] {
                    seen[t].push_back(i);
                    is_same_thread = is_same_thread && std::this_thread::get_id() == here;
                });
        });
    for (std::thread& each : posters) each.join();
    server.there([](server_type&) { return 0; });  // behind all of them
    for (const auto& order : seen) {
        CHECK(order.size() == calls);
        CHECK(std::is_sorted(order.begin(), order.end()));
    }
    CHECK(is_same_thread);
}

TEST_CASE("a posted call finds a connection by its number, and not a later one in the same place") {
    std::promise<std::uint64_t> opened;
    reactions handler;
    bool is_first = true;
    handler.open = [&](net::connection& client) {
        if (std::exchange(is_first, false)) opened.set_value(client.id());
    };
    served server{std::move(handler)};
    std::uint64_t id = 0;
    {
        net::tcp_stream client = server.client();
        id = opened.get_future().get();
        server.server().post([id](server_type& all) { all.find(id)->send("from another thread"); });
        CHECK(receive(client) == "from another thread");
    }
    while (server.there([](server_type& all) { return all.connection_count(); }) > 0) std::this_thread::yield();
    net::tcp_stream second = server.client();
    second.send_all("x");
    CHECK(receive(second) == "x");
    CHECK(server.there([id](server_type& all) { return all.find(id) == nullptr; }));
}

TEST_CASE("calls before run are made, and calls that are never reached are destroyed") {
    const auto alive = std::make_shared<int>(0);
    int made = 0;
    {
        server_type server{loopback_listener(), reactions{}};
        net::stop_event stop;
        server.post([&made] { made = 1; });
        server.post([&stop] { stop.request_stop(); });
        server.run(stop);
        server.post([alive] { *alive = 1; });
        CHECK(alive.use_count() == 2);
    }
    CHECK(made == 1);
    CHECK(*alive == 0);
    CHECK(alive.use_count() == 1);
}

TEST_CASE("a server waits in its destructor for a post that has ended it") {
    std::promise<void> is_pushed, may_write;
    auto server = std::make_unique<server_type>(loopback_listener(), reactions{});
    net::stop_event stop;
    bool is_open = false;
    std::thread poster{[&, to = server.get()] {
        before_write = [&](int descriptor) {
            is_pushed.set_value();
            may_write.get_future().wait();
            is_open = ::fcntl(descriptor, F_GETFD) >= 0;
        };
        to->post([&stop] { stop.request_stop(); });
    }};
    is_pushed.get_future().wait();
    server->post([] {});  // wakes the server, which then makes both calls
    server->run(stop);
    // The time lets a destructor that does not wait close the descriptor. A correct destructor passes without it.
    std::thread later{[&] {
        std::this_thread::sleep_for(50ms);
        may_write.set_value();
    }};
    server.reset();
    later.join();
    poster.join();
    CHECK(is_open);
}

TEST_CASE("a posted call that throws ends run with its exception") {
    server_type server{loopback_listener(), reactions{}};
    net::stop_event stop;
    server.post([] { throw std::runtime_error{"mine"}; });
    CHECK_THROWS_WITH(server.run(stop), "mine");
}

TEST_CASE("an answer that is queued when run throws ends in a reset") {
    struct handler {
        void operator()(net::connection& client, bytes_view) const { client.send(std::string(1 << 20, 'a')); }
    };
    net::socket listener = listener_with_small_buffers();
    net::tcp_stream client = client_with_small_buffers(listener.local_endpoint().ip());
    client.send_all("x");
    {
        net::reactor_server server{std::move(listener), handler{}};
        net::stop_event stop;
        support::background running{[&] { server.run(stop); }};
        std::array<char, 1> first;
        CHECK(client.recv(first) == 1);
        server.post([] { throw std::runtime_error{"mine"}; });
        CHECK_THROWS_WITH(running.get(), "mine");
    }
    std::error_code error;
    CHECK(recv_until_over(client, error).size() < 1 << 20);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a reactor connects to another server and relays") {
    const trigger how = both_triggers();
    served upstream{{}, with(how)};  // echoes
    reactions handler;
    server_type* own = nullptr;
    std::map<std::uint64_t, std::uint64_t> partner;
    handler.open = [&](net::connection& client) {
        if (partner.contains(client.id())) {  // the connection to upstream is established
            own->find(partner[client.id()])->send("ready");
            return;
        }
        const std::uint64_t out = own->connect(upstream.where()).id();
        partner[client.id()] = out;
        partner[out] = client.id();
    };
    handler.bytes = [&](net::connection& from, bytes_view received) { own->find(partner[from.id()])->send(received); };
    served relay{std::move(handler), with(how)};
    relay.there([&](server_type& all) { return own = &all, 0; });
    net::tcp_stream client = relay.client();
    CHECK(receive(client) == "ready");
    const std::string message = pattern(100'000);
    background sending{[&] { client.send_all(message); }};
    std::string back(message.size(), '\0');
    client.recv_exact(back);
    sending.get();
    CHECK((back == message));
}

TEST_CASE("a connection that is refused or not answered is closed with the error and was never open") {
    const trigger how = both_triggers();
    std::atomic<int> opened{0};
    std::mutex lock;
    std::condition_variable changed;
    std::map<std::uint64_t, std::error_code> ends;
    reactions handler;
    handler.open = [&](net::connection&) { ++opened; };
    handler.close = [&](net::connection& client, std::error_code why) {
        const std::scoped_lock locked{lock};
        ends[client.id()] = why;
        changed.notify_all();
    };
    served server{std::move(handler), with(how)};
    const closed_port closed{net::ipv4_address::loopback()};
    net::socket full = listening(net::ipv4_address::loopback(), 0);  // its queue has one place, which is taken
    const net::socket inside = client_of(full);
    const auto [refused, silent, missing] = server.there([&](server_type& all) {
        auto& late = all.connect(full.local_endpoint());
        late.set_deadline(net::clock::now() + 20ms);
        late.send("is dropped");
        return std::tuple{all.connect(closed.where()).id(), late.id(),
                          all.connect(net::unix_endpoint{"/no/such/socket"}).id()};
    });
    std::unique_lock locked{lock};
    changed.wait(locked, [&] { return ends.size() == 3; });
    CHECK(ends[refused] == std::errc::connection_refused);
    CHECK(ends[silent] == std::errc::timed_out);
    CHECK(ends[missing] == std::errc::no_such_file_or_directory);
    CHECK(opened == 0);
}

TEST_CASE("a stop cancels a connection that is being made") {
    std::promise<std::error_code> closed;
    net::socket full = listening(net::ipv4_address::loopback(), 0);
    const net::socket inside = client_of(full);
    reactions handler;
    handler.close = [&](net::connection&, std::error_code why) { closed.set_value(why); };
    {
        served server{std::move(handler)};
        server.there([&](server_type& all) { return all.connect(full.local_endpoint()).id(); });
    }
    CHECK(closed.get_future().get() == std::errc::operation_canceled);
}

TEST_CASE("a large answer is produced part by part as the queue drains") {
    const trigger how = both_triggers();
    constexpr std::size_t whole = 20 << 20, part = 30'000;
    std::map<std::uint64_t, std::size_t> sent;
    std::size_t most = 0;
    reactions handler;
    const auto produce = [&](net::connection& client) {
        std::size_t& done = sent[client.id()];
        static const std::string content = pattern(whole);
        while (done < whole && client.queued() == 0) {
            const std::size_t size = std::min(part, whole - done);
            client.send(std::string_view{content}.substr(done, size));
            done += size;
            most = std::max(most, client.queued());
        }
        if (done == whole) client.close_after_sending();
    };
    handler.bytes = [&](net::connection& client, bytes_view) { produce(client); };
    handler.drained = produce;
    handler.end = [](net::connection& client) { client.keep_open(); };  // a half-open peer gets all of it as well
    served server{std::move(handler), with(how), listener_with_small_buffers()};
    for (const bool is_half_open : {false, true}) {
        net::tcp_stream client = server.client();
        client.send_all("go");
        if (is_half_open) client.shutdown(net::shutdown_direction::send);
        CHECK((receive_to_end(client) == pattern(whole)));
    }
    CHECK(server.there([&](server_type&) { return most; }) <= part);
}

namespace {
/// Answers any request with `whole` bytes: a part each time the queue has drained.
struct part_by_part {
    static constexpr std::size_t whole = 8 << 20, part = 200'000;
    void operator()(net::connection& client, bytes_view) { on_drained(client); }
    void on_drained(net::connection& client) {
        static const std::string content = pattern(whole);
        std::size_t& done = sent[client.id()];
        while (done < whole && client.queued() == 0) {
            const std::size_t size = std::min(part, whole - done);
            client.send(std::string_view{content}.substr(done, size));
            done += size;
        }
        if (!has_begun.exchange(true)) begun.set_value();
    }
    std::map<std::uint64_t, std::size_t> sent{};
    std::promise<void>& begun;
    std::atomic<bool>& has_begun;
};
}  // namespace

TEST_CASE("the end of the client's stream and a stop cut no answer off that on_drained() continues") {
    const trigger how = both_triggers();
    const bool is_stopped = GENERATE(false, true);
    std::promise<void> begun;
    std::atomic<bool> has_begun = false;
    net::reactor_options options = with(how);
    options.stop_grace = 1h;
    net::socket listener = listener_with_small_buffers();
    const auto where = listener.local_endpoint();
    net::stop_event stop;
    net::reactor_server server{std::move(listener), part_by_part{{}, begun, has_begun}, options};
    std::thread runs{[&] { server.run(stop); }};
    {
        net::tcp_stream client{where.ip()};
        client.send_all("go");
        if (!is_stopped) client.shutdown(net::shutdown_direction::send);
        begun.get_future().wait();
        if (is_stopped) stop.request_stop();
        CHECK((receive_to_end(client) == pattern(part_by_part::whole)));
    }
    stop.request_stop();
    runs.join();
}

TEST_CASE("on_drained that throws closes the connection") {
    std::promise<std::error_code> closed;
    std::promise<std::string> told;
    std::promise<std::size_t> queued;
    reactions handler;
    handler.bytes = [&](net::connection& client, bytes_view) {
        client.send(std::string(500'000, 'x'));
        queued.set_value(client.queued());
    };
    handler.drained = [](net::connection&) { throw std::runtime_error{"drained"}; };
    handler.error = [&](const std::exception& failure) { told.set_value(failure.what()); };
    handler.close = [&](net::connection&, std::error_code why) { closed.set_value(why); };
    served server{std::move(handler), {}, listener_with_small_buffers()};
    const auto takes_little = [](net::socket& made) { made.set_option(net::option::receive_buffer{8192}); };
    net::tcp_stream client = net::tcp_stream::connect(server.where().ip(), {.before = takes_little});
    client.send_all("go");
    CHECK(queued.get_future().get() > 0);  // a client that reads sooner could take all of it as it is sent
    std::error_code error;
    std::vector<char> buffer(64 << 10);
    while (client.recv(buffer, error) > 0) {
    }
    CHECK(told.get_future().get() == "drained");
    CHECK(closed.get_future().get() == std::errc::state_not_recoverable);
}

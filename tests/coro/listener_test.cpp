// What coro/listener.hpp promises: every client is accepted, also after descriptors have run out, until a stop.

#include <netnotes/coro/listener.hpp>

#include "../catch.hpp"
#include "streams.hpp"

TEST_CASE("a server takes all clients that come, and each has its own bytes back") {
    for (const net::ip_address& address : support::loopbacks()) {
        test_loop loop;
        const auto before = open_descriptors();
        {
            net::async_listener listener{loop, net::tcp_listener{{address, 0}}.into_socket()};
            const net::socket_address where = listener.local_endpoint();
            const auto serves = [&](net::task_group& clients) -> net::task<> {
                for (int i = 0; i < 100; ++i) {
                    auto next = co_await listener.accept();
                    CHECK(next.peer.ip().address() == address);
                    clients.spawn(echo(std::move(next.stream)));
                }
            };
            const auto asks = [&](int number) -> net::task<> {
                auto server = co_await net::async_stream::connect(where);
                const std::string text = "client " + std::to_string(number);
                co_await server.send_all(text);
                std::string answer(text.size(), '\0');
                co_await server.recv_exact(answer);
                CHECK(answer == text);
            };
            const auto body = [&]() -> net::task<> {
                const auto serving = [&]() -> net::task<> { co_await net::with_group(serves); };
                auto server = net::spawn(serving());
                std::vector<net::join_handle<>> clients;
                for (int i = 0; i < 100; ++i) clients.push_back(net::spawn(asks(i)));
                for (auto& client : clients) co_await client.join();
                co_await server.join();
            };
            loop.run(body());
        }
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("without a free descriptor accept waits, and the client waits in the queue") {
    test_loop loop;
    net::async_listener listener{loop, net::tcp_listener{{net::ipv4_address::loopback(), 0}}.into_socket()};
    net::tcp_stream client{listener.local_endpoint().ip()};
    const auto accepts = [&]() -> net::task<> { co_await listener.accept(); };
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    rlimit none = limit;
    none.rlim_cur = static_cast<rlim_t>(listener.native_handle());  // fewer than there are
    const auto body = [&]() -> net::task<> {
        ::setrlimit(RLIMIT_NOFILE, &none);
        listener.set_timeout(250ms);  // some attempts
        const std::error_code error = co_await error_of(accepts());
        listener.set_timeout(net::never);
        auto cancelled = net::spawn(accepts());
        co_await net::yield();
        cancelled.cancel();
        const std::error_code other = co_await error_of(joined(cancelled));
        auto patient = net::spawn(accept_one(listener));
        co_await net::sleep_for(1ms);  // it has found none
        ::setrlimit(RLIMIT_NOFILE, &limit);
        CHECK(error == std::errc::timed_out);
        CHECK(other == std::errc::operation_canceled);
        auto first = co_await patient.join();
        CHECK(first.peer_endpoint().ip() == client.local_endpoint());
        net::tcp_stream another{listener.local_endpoint().ip()};
        auto next = co_await listener.accept();
        CHECK(next.peer.ip() == another.local_endpoint());
    };
    loop.run(body());
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

namespace {
/// The back end that the environment names, which has no memory for the streams of accepted connections at times.
class short_back_end final : public net::detail::io_back_end {
  public:
    static inline bool is_short = false;
    static inline int refused = 0;  ///< how often it had none
    static net::detail::owner<net::detail::io_back_end> make(net::detail::scheduler& loop, std::error_code& refusal) {
        const auto factory = asks_for_io_uring() ? net::io_backend::io_uring : net::io_backend::epoll;
        auto inner = factory(loop, refusal);
        if (!inner) return {};
        return net::detail::owner<net::detail::io_back_end>{new short_back_end{std::move(inner)}};
    }
    void add(net::detail::io_node& node) override {
        if (is_short && node.what() == net::detail::io_node::kind::stream) {
            ++refused;
            throw std::system_error{ENOSPC, std::system_category(), "add"};
        }
        inner_->add(node);
    }
    bool remove(net::detail::io_node& node) noexcept override { return inner_->remove(node); }
    void needs(net::detail::io_node& node, bool to_write) noexcept override { inner_->needs(node, to_write); }
    void watch(int descriptor, bool is_stop) override { inner_->watch(descriptor, is_stop); }
    void unwatch(int descriptor) noexcept override { inner_->unwatch(descriptor); }
    void prepare() override { inner_->prepare(); }
    bool wait(net::duration timeout) override {
        const bool has_come = inner_->wait(timeout);
        saw_stop_ = inner_->take_stop() || saw_stop_;
        return has_come;
    }

  private:
    explicit short_back_end(net::detail::owner<net::detail::io_back_end> inner) : inner_{std::move(inner)} {}
    net::detail::owner<net::detail::io_back_end> inner_;
};
net::task<> until_refused() {
    while (short_back_end::refused == 0) co_await net::yield();
}
net::task<> accept_and_drop(net::async_listener& listener) { co_await listener.accept(); }
}  // namespace

TEST_CASE("a connection that cannot be registered yet is for the next accept if the first is given up") {
    enum class end { cancelled, timed_out, lost, closed };
    const end how = GENERATE(end::cancelled, end::timed_out, end::lost, end::closed);
    CAPTURE(how);
    const auto before = open_descriptors();
    {
        net::event_loop loop{{.backend = short_back_end::make}};
        net::async_listener listener{loop, net::tcp_listener{{net::ipv4_address::loopback(), 0}}.into_socket()};
        net::tcp_stream first{listener.local_endpoint().ip()}, second{listener.local_endpoint().ip()};
        const auto give_up = [&]() -> net::task<> {
            auto accepting = net::spawn(accept_and_drop(listener));
            co_await until_refused();
            if (how == end::cancelled) accepting.cancel();
            if (how == end::closed) listener.close();
            const std::error_code why = co_await error_of(joined(accepting));
            CHECK(why == (how == end::cancelled ? std::errc::operation_canceled : std::errc::bad_file_descriptor));
        };
        const auto expire = [&]() -> net::task<> {
            listener.set_timeout(0s);
            const std::error_code why = co_await error_of(accept_and_drop(listener));
            CHECK(why == std::errc::timed_out);
            listener.set_timeout(net::never);
        };
        const auto lose = [&]() -> net::task<> {
            const auto which = co_await net::when_any(accept_and_drop(listener), until_refused());
            CHECK(which.index() == 1);
        };
        const auto body = [&]() -> net::task<> {
            short_back_end::refused = 0;
            short_back_end::is_short = true;
            if (how == end::timed_out)
                co_await expire();
            else if (how == end::lost)
                co_await lose();
            else
                co_await give_up();
            CHECK(short_back_end::refused > 0);
            short_back_end::is_short = false;
            if (how == end::closed) co_return;
            for (net::tcp_stream* const each : {&first, &second}) {
                auto next = co_await listener.accept();
                CHECK(next.peer.ip() == each->local_endpoint());
                each->send_all("x");
                std::array<char, 2> room{};
                const std::size_t size = co_await next.stream.recv(room);
                CHECK(size == 1);
            }
        };
        loop.run(body());
        if (how == end::closed) {  // and nobody waits for an answer for ever
            std::array<char, 2> room{};
            std::error_code ended;
            CHECK(first.recv(room, ended) == 0);
        }
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a stop ends a server, and its clients hear the end") {
    test_loop loop;
    net::stop_event stop;
    net::async_listener listener{loop, net::tcp_listener{{net::ipv4_address::loopback(), 0}}.into_socket()};
    net::tcp_stream client{listener.local_endpoint().ip()};
    const auto serves = [&]() -> net::task<> {
        auto next = co_await listener.accept();
        stop.request_stop();
        net::task<> echoing = echo(std::move(next.stream));
        co_await std::move(echoing);
    };
    CHECK_FALSE(loop.run(serves(), stop));
    char buffer[1];
    CHECK(client.recv(buffer) == 0);
}

TEST_CASE("an address to listen at makes a listener, as it makes a blocking one") {
    test_loop loop;
    for (const net::ip_address& address : support::loopbacks())
        loop.run([&]() -> net::task<> {
            net::async_listener listener{net::endpoint{address, 0}};
            auto client = co_await net::async_stream::connect(listener.local_endpoint());
            auto next = co_await listener.accept();
            CHECK(next.peer.ip().address() == address);
            const net::endpoint taken = listener.local_endpoint().ip();
            CHECK_THROWS_AS(net::async_listener{taken}, std::system_error);
            net::async_listener first{net::endpoint{address, 0}, {.reuse_port = true}};
            const net::endpoint shared = first.local_endpoint().ip();
            net::async_listener second{shared, {.reuse_port = true}};
            CHECK(second.local_endpoint() == first.local_endpoint());
        });
    const net::endpoint here{net::ipv4_address::loopback(), 0};
    CHECK_THROWS_AS(net::async_listener{here}, std::logic_error);  // no loop runs
}

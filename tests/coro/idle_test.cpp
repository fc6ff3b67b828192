// What a connection costs while it is silent: the bytes that this process holds for it on its heap. The kernel's own
// memory for a socket does not count.

#include <netnotes/coro/buffered.hpp>
#include <netnotes/coro/serve.hpp>
#include <netnotes/http/server.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {
std::size_t in_use = 0;

void* take(std::size_t size) noexcept {
    void* const memory = std::malloc(size);
    if (memory) in_use += ::malloc_usable_size(memory) + 8;  // with malloc's own header
    return memory;
}
void give_back(void* memory) noexcept {
    if (memory) in_use -= ::malloc_usable_size(memory) + 8;
    std::free(memory);
}
}  // namespace

void* operator new(std::size_t size) {
    if (void* const memory = take(size)) return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }

namespace {

constexpr std::size_t clients = 400;

// Frames are larger with a sanitizer, and without optimization.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr double factor = 2;
#else
constexpr double factor = net::detail::keeps_freed_memory ? 1 : 2;
#endif

net::task<> echo_lines(net::async_stream connection) {
    net::async_buffered_stream client{std::move(connection)};
    for (;;) {
        const auto line = co_await client.recv_line();
        if (!line) co_return;
        std::string answer{*line};
        answer += '\n';
        co_await client.write(answer);
    }
}
net::task<> echo(net::async_stream client) {
    for (;;) {
        const auto bytes = co_await client.recv();
        if (bytes.empty()) co_return;
        co_await client.send_all(bytes);
    }
}

/// Measures in a thread of its own. A thread keeps the frames that its earlier tasks have freed, and memory that is taken
/// from there would not be counted.
template <class Measure>
double in_new_thread(Measure measure) {
    double cost = 0;
    std::thread{[&] { cost = measure(); }}.join();
    return cost;
}

/// Connects clients to `serving`, which has said something and had its answer. Returns the bytes for each of them while
/// all are silent.
double cost_of(test_loop& loop, net::endpoint where, net::task<> serving, std::string_view question = "hello\n",
               std::size_t answer_size = 6) {
    double cost = 0;
    auto server = loop.spawn(std::move(serving));
    loop.run([&]() -> net::task<> {
        std::vector<net::socket> peers;
        peers.reserve(clients);
        const auto one_more = [&]() -> net::task<> {
            net::tcp_stream peer{where};
            peer.send_all(question);
            std::array<std::byte, 200> answer{};
            std::error_code error;
            peer.set_timeout(net::duration::zero());
            std::size_t got = 0;
            while (got < answer_size) {
                co_await net::yield();
                got += peer.recv(std::span{answer}.subspan(got), error);
            }
            peers.push_back(std::move(peer).into_socket());
        };
        co_await one_more();  // what a server needs once, such as free frames, does not count
        const std::size_t before = in_use;
        for (std::size_t i = 1; i < clients; ++i) co_await one_more();
        for (int i = 0; i < 10; ++i) co_await net::yield();
        // Whole bytes: malloc sometimes returns a piece that is a little larger than the others.
        cost = static_cast<double>((in_use - before) / (clients - 1));
        server.cancel();
        peers.clear();
        std::error_code ended;
        try {
            co_await server.join();
        } catch (const std::system_error& error) {
            ended = error.code();
        }
        CHECK(ended == std::errc::operation_canceled);
    });
    return cost;
}
net::task<> accept_and_spawn(net::async_listener listener, net::task<> (*handler)(net::async_stream)) {
    for (;;) {
        auto next = co_await listener.accept();
        net::spawn(handler(std::move(next.stream)));
    }
}
double cost_of_bare(net::task<> (*handler)(net::async_stream)) {
    return in_new_thread([&] {
        test_loop loop;
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        const net::endpoint where = listener.local_endpoint();
        return cost_of(loop, where, accept_and_spawn(net::async_listener{loop, std::move(listener)}, handler));
    });
}

}  // namespace

TEST_CASE("a silent client of a bare echo server costs at most 400 bytes with epoll") {
    const double cost = cost_of_bare(echo);
    CAPTURE(cost);
    CHECK(cost > 100);
    CHECK(cost <= factor * (asks_for_io_uring() ? 512 : 400));
}

TEST_CASE("a silent client of a line server costs at most 1 KiB, for its buffers are given back") {
    const double cost = cost_of_bare(echo_lines);
    CAPTURE(cost);
    CHECK(cost <= factor * 1024);
}

TEST_CASE("a silent client of serve() with all its bounds costs at most 512 bytes") {
    const net::serve_options options{.max_connections = 10'000,
                                     .max_per_client = 9'000,
                                     .idle_timeout = std::chrono::minutes{1},
                                     .request_timeout = std::chrono::minutes{2},
                                     .stop_grace = std::chrono::milliseconds{1},
                                     .on_error = nullptr};
    const double cost = in_new_thread([&] {
        test_loop loop;
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        const net::endpoint where = listener.local_endpoint();
        return cost_of(loop, where, net::serve(net::async_listener{loop, std::move(listener)}, echo, options));
    });
    CAPTURE(cost);
    CHECK(cost <= factor * (asks_for_io_uring() ? 640 : 512));
}

TEST_CASE("a silent keep-alive client of a web server costs at most 672 bytes, after a request with a body") {
    const auto hello = [](net::http::request& ask) -> net::task<net::http::response> {
        const std::string body = co_await ask.text();
        co_return net::http::response{200, body, "text/plain"};
    };
    const double cost = in_new_thread([&] {
        test_loop loop;
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        const net::endpoint where = listener.local_endpoint();
        net::async_listener accepting{loop, std::move(listener)};
        return cost_of(loop, where, net::http::serve(std::move(accepting), hello),
                       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 106);
    });
    CAPTURE(cost);
    CHECK(cost <= factor * (asks_for_io_uring() ? 768 : 672));
}

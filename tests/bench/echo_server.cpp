// Every server model of this library, saying back what it hears: the servers that echo_load drives.
//
//     echo_server MODEL [--port N] [--idle SECONDS]
//
// A model does what its example does, without words. `--idle` sets a time limit for silent clients where the model has
// one to set: the coroutines (none unless it is given) and the reactors (always; 300 s unless it is given).

#include <netnotes/coro.hpp>
#include <netnotes/coro/buffered.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/poll.hpp>
#include <netnotes/server.hpp>
#include <netnotes/server/reactor.hpp>
#include <netnotes/socket/stop.hpp>
#include <netnotes/tcp/stream.hpp>

#include <sys/resource.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace net = netnotes;

namespace {

struct settings {
    std::optional<std::chrono::seconds> idle;
};
using serve_function = void(net::tcp_listener listener, const settings& how, const net::stop_event& stop);

// ---- servers that block: server/blocking.hpp ------------------------------------------------------------------

struct blocking_echo {
    void operator()(net::tcp_stream& client, const net::endpoint&) const {
        std::array<std::byte, 16 * 1024> buffer;
        std::error_code error;
        for (;;) {
            const std::size_t size = client.recv(buffer, error);
            if (error || size == 0) return;
            client.send_all(std::span{buffer}.first(size), error);
            if (error) return;
        }
    }
};
void iterative(net::tcp_listener listener, const settings&, const net::stop_event& stop) {
    net::iterative_server{std::move(listener), blocking_echo{}}.run(stop);
}
void forking(net::tcp_listener listener, const settings&, const net::stop_event& stop) {
    net::forking_server{std::move(listener), blocking_echo{}, {.max_children = 20'000}}.run(stop);
}
void threaded(net::tcp_listener listener, const settings&, const net::stop_event& stop) {
    net::threaded_server{std::move(listener), blocking_echo{}, {.max_threads = 20'000}}.run(stop);
}

// ---- a server that asks each client in turn: example 18 ---------------------------------------------------------

void nonblocking(net::tcp_listener listener, const settings&, const net::stop_event& stop) {
    struct client {
        net::tcp_stream stream;
        std::string unsent{};
    };
    std::vector<client> clients;
    std::array<char, 16 * 1024> buffer;
    const auto is_there_still = [&buffer](client& who) {
        std::error_code error;
        if (who.unsent.empty()) {
            const std::size_t size = who.stream.recv(buffer, error);
            if (error == std::errc::operation_would_block) return true;
            if (error || size == 0) return false;
            who.unsent.assign(buffer.data(), size);
        }
        who.unsent.erase(0, who.stream.send(who.unsent, error));
        return !error || error == std::errc::operation_would_block;
    };
    listener.set_blocking(false);
    while (!stop.stop_requested()) {
        std::error_code error;
        auto accepted = listener.accept(error);
        if (!error) clients.push_back({std::move(accepted.stream)});
        std::erase_if(clients, [&](client& each) { return !is_there_still(each); });
    }
}

// ---- a server that waits for events: server/reactor.hpp, on each poller
// -------------------------------------------------------

struct reactor_echo {
    void operator()(net::connection& client, std::span<const std::byte> bytes) const { client.send(bytes); }
};
template <class Poller, net::trigger How>
void reactor(net::tcp_listener listener, const settings& how, const net::stop_event& stop) {
    net::reactor_options options{.how = How, .max_connections = 100'000};
    if (how.idle) options.idle_timeout = *how.idle;
    net::reactor_server{std::move(listener).into_socket(), reactor_echo{}, options, Poller{}}.run(stop);
}

// ---- coroutines: coro/loop.hpp, coro/stream.hpp, coro/buffered.hpp --------------------------------------

/// An error of one client, for example a reset, ends this client and no other.
net::task<> echo(net::async_stream client, net::duration idle) {
    try {
        client.set_timeout(idle);
        for (;;) {
            auto bytes = co_await client.recv();
            if (bytes.empty()) co_return;
            co_await client.send_all(bytes);
        }
    } catch (const std::system_error&) {
    }
}
net::task<> echo_lines(net::async_buffered_stream client, net::duration idle) {
    try {
        client.stream().set_timeout(idle);
        for (;;) {
            auto line = co_await client.recv_until("\n");
            if (!line) break;
            co_await client.write(*line);
        }
        co_await client.flush();
    } catch (const std::system_error&) {
    }
}
net::task<> accept_all(net::async_listener& listener, net::duration idle, bool by_lines) {
    for (;;) {
        auto next = co_await listener.accept();  // without descriptors it waits
        if (by_lines)
            net::spawn(echo_lines(net::async_buffered_stream{std::move(next.stream)}, idle));
        else
            net::spawn(echo(std::move(next.stream), idle));
    }
}
void run_coroutines(net::tcp_listener listener, const settings& how, const net::stop_event& stop,
                    const net::loop_options& options, bool by_lines) {
    net::event_loop loop{options};
    if (loop.refusal()) throw std::system_error{loop.refusal(), "io_uring"};  // not the figures of an earlier process
    net::async_listener source{loop, std::move(listener).into_socket()};
    loop.run(accept_all(source, how.idle ? net::duration{*how.idle} : net::never, by_lines), stop);
}
void coroutine(net::tcp_listener listener, const settings& how, const net::stop_event& stop) {
    run_coroutines(std::move(listener), how, stop, {}, false);
}
void coroutine_lines(net::tcp_listener listener, const settings& how, const net::stop_event& stop) {
    run_coroutines(std::move(listener), how, stop, {}, true);
}
void coroutine_uring(net::tcp_listener listener, const settings& how, const net::stop_event& stop) {
    run_coroutines(std::move(listener), how, stop, {.backend = net::io_backend::io_uring}, false);
}
void coroutine_uring_lines(net::tcp_listener listener, const settings& how, const net::stop_event& stop) {
    run_coroutines(std::move(listener), how, stop, {.backend = net::io_backend::io_uring}, true);
}

// ---- the program -----------------------------------------------------------------------------------------

struct model {
    std::string_view name;
    serve_function* serve;
    std::string_view what;
};
constexpr model models[] = {
    {"iterative", iterative, "one client at a time (iterative_server)"},
    {"forking", forking, "a process for each (forking_server)"},
    {"threaded", threaded, "a thread for each (threaded_server)"},
    {"nonblocking", nonblocking, "one thread that asks all in turn, and never sleeps"},
    {"select", reactor<net::select_poller, net::trigger::level>, "reactor_server on select(2)"},
    {"poll", reactor<net::poll_poller, net::trigger::level>, "reactor_server on poll(2)"},
    {"epoll-level", reactor<net::epoll_poller, net::trigger::level>, "reactor_server on epoll(7), level-triggered"},
    {"epoll-edge", reactor<net::epoll_poller, net::trigger::edge>, "reactor_server on epoll(7), edge-triggered"},
    {"coroutine", coroutine, "a task for each, on epoll(7)"},
    {"coroutine-lines", coroutine_lines, "... line by line: async_buffered_stream"},
    {"coroutine-uring", coroutine_uring, "a task for each, on io_uring(7)"},
    {"coroutine-uring-lines", coroutine_uring_lines, "... line by line"},
};

int usage(bool wanted) {
    std::FILE* const out = wanted ? stdout : stderr;
    std::fputs("usage: echo_server MODEL [--port N] [--idle SECONDS]\n", out);
    if (!wanted) return 2;
    std::fputs("\nSays back what it hears, on 127.0.0.1. The first line is `listening on PORT`.\n\n", out);
    for (const model& each : models)
        std::fprintf(out, "  %-22s %s\n", std::string{each.name}.c_str(), std::string{each.what}.c_str());
    std::fputs(
        "\n  --port N               6666 by default; 0 lets the system choose\n"
        "  --idle SECONDS         a client that is silent for this time is closed (coroutines and reactors)\n",
        out);
    return 0;
}
template <class Number>
bool parse(std::string_view text, Number most, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() && number <= most;
}

void run(const model& chosen, std::uint16_t port, const settings& how) {
    std::signal(SIGPIPE, SIG_IGN);
    rlimit limit{};  // as many descriptors as the administrator allows
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), port}};
    listener.set_option(net::option::no_delay{});  // inherited by what it accepts
    std::printf("listening on %u\n", static_cast<unsigned>(listener.local_endpoint().port()));
    std::fflush(stdout);
    chosen.serve(std::move(listener), how, stop);
}

}  // namespace

int main(int argc, char** argv) {
    const model* chosen = nullptr;
    std::uint16_t port = 6666;
    settings how;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--help") return usage(true);
        if (word == "--port" || word == "--idle") {
            int seconds = 0;
            if (++i == argc) return usage(false);
            if (word == "--port" && !parse(argv[i], std::numeric_limits<std::uint16_t>::max(), port))
                return usage(false);
            if (word == "--idle" && (!parse(argv[i], 86'400, seconds) || seconds < 1)) return usage(false);
            if (word == "--idle") how.idle = std::chrono::seconds{seconds};
            continue;
        }
        if (chosen) return usage(false);
        for (const model& each : models)
            if (each.name == word) chosen = &each;
        if (!chosen) return usage(false);
    }
    if (!chosen) return usage(false);
    try {
        run(*chosen, port, how);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "echo_server: %s\n", error.what());
        return 1;
    }
}

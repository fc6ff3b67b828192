// examples/27_server_models/demo.cpp: the servers of this course, side by side
//
//        15 iterative        one client at a time           |  19 select, poll    ask the kernel about all clients
//        16 a process each   the kernel switches            |  21 epoll           is told which clients are ready
//        17 a thread each    the kernel switches less       |  26 coroutines      the same, written like 15
//        18 non-blocking     asks all clients, for ever     |     on io_uring     gets the bytes themselves
//
// All servers echo, under the same load, on the same machine: yours. The cost of a model depends on the kernel, on the
// processors, on the number of silent clients, and on the size of the messages. With a few busy clients, a thread for each
// does well. Ten thousand silent clients show the differences.
//
// The notes:     单进程服务器 to gevent版-TCP服务器, 例子 (its "a million switches")
// Type:          demo                                  measures all servers for a moment
//                demo run --seconds 3 --clients 64     measures longer, and so more exactly
//                demo run --only epoll --only io_uring --csv
// You will see:  what demo.txt shows: a table with the figures of your machine

#include <netnotes/coro.hpp>
#include <netnotes/server.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>

#include "../demo.hpp"
#include "../measuring.hpp"

using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The models -----------------------------------------------------------------------------------------

struct blocking_echo {
    void operator()(net::tcp_stream& client, const net::endpoint&) const {
        std::array<std::byte, 16 * 1024> buffer;
        std::error_code error;
        while (const std::size_t size = client.recv(buffer, error))
            client.send_all(std::span{buffer}.first(size), error);
    }
};
void iterative(net::tcp_listener listener, net::stop_event& stop) {
    net::iterative_server{std::move(listener), blocking_echo{}}.run(stop);
}
void forking(net::tcp_listener listener, net::stop_event& stop) {
    net::forking_server{std::move(listener), blocking_echo{}, {.max_children = 10'000}}.run(stop);
}
void threaded(net::tcp_listener listener, net::stop_event& stop) {
    net::threaded_server{std::move(listener), blocking_echo{}, {.max_threads = 10'000}}.run(stop);
}

/// Never sleeps: it asks each client in turn, and most clients have sent nothing.
void asking_all(net::tcp_listener listener, net::stop_event& stop) {
    listener.set_blocking(false);
    std::vector<net::tcp_stream> clients;
    std::array<std::byte, 16 * 1024> buffer;
    while (!stop.stop_requested()) {
        std::error_code error;
        if (auto next = listener.accept(error); !error) clients.push_back(std::move(next.stream));
        std::erase_if(clients, [&](net::tcp_stream& client) {
            std::error_code why;
            const std::size_t size = client.recv(buffer, why);
            if (why == std::errc::operation_would_block) return false;
            if (!why && size > 0)
                client.send(std::span{buffer}.first(size), why);  // it is small, so the kernel takes all of it
            return why || size == 0;
        });
    }
}

struct reactor_echo {
    void operator()(net::connection& client, std::span<const std::byte> bytes) const { client.send(bytes); }
};
template <class Poller>
void reactor(net::tcp_listener listener, net::stop_event& stop) {
    const net::reactor_options options{.max_connections = 100'000};
    net::reactor_server{std::move(listener).into_socket(), reactor_echo{}, options, Poller{}}.run(stop);
}

net::task<> echo(net::async_stream client) {
    for (;;) {
        auto bytes = co_await client.recv();
        if (bytes.empty()) co_return;
        co_await client.send_all(bytes);
    }
}
template <net::io_backend_factory Backend>
void coroutines(net::tcp_listener listener, net::stop_event& stop) {
    net::event_loop loop{{.backend = Backend}};
    loop.run(net::serve(std::move(listener), echo, {.max_connections = 100'000, .on_error = nullptr}), stop);
}

struct model {
    std::string_view name, example;
    void (*serve)(net::tcp_listener, net::stop_event&);
    bool is_for_many = true;
};
constexpr std::array models{
    model{"iterative", "15", iterative, false},
    model{"a process each", "16", forking},
    model{"a thread each", "17", threaded},
    model{"asking all", "18", asking_all},
    model{"select", "19, 20", reactor<net::select_poller>},
    model{"poll", "20", reactor<net::poll_poller>},
    model{"epoll", "21", reactor<net::epoll_poller>},
    model{"coroutines", "26", coroutines<net::io_backend::epoll>},
    model{"... on io_uring", "26", coroutines<net::io_backend::io_uring>},
};

// ---- The load: clients that check every byte ------------------------------------------------------------

struct load_options {
    std::size_t clients = 16, silent = 300;
    net::duration time = 200ms;
};
struct load_result {
    std::size_t requests = 0, connections = 0;
    std::vector<float> latencies;  // microseconds
};

net::task<> exchange(net::async_stream& server) {
    constexpr std::string_view question = "sixty-four bytes, as a short line of a protocol may have, or so";
    char answer[question.size()];
    co_await server.send_all(question);
    const std::size_t size = co_await server.recv_exact(std::span{answer});
    if (std::string_view{answer, size} != question)
        throw std::runtime_error{"a server has sent back other bytes than it received"};
}
net::task<> ask_until(net::async_stream& server, net::time_point end, load_result& result) {
    for (net::time_point begin = net::clock::now(); begin < end;) {
        co_await exchange(server);
        const net::time_point now = net::clock::now();
        result.latencies.push_back(std::chrono::duration<float, std::micro>{now - std::exchange(begin, now)}.count());
        ++result.requests;
    }
}
net::task<> connect_until(net::endpoint where, net::time_point end, load_result& result) {
    while (net::clock::now() < end) {
        auto server = co_await net::async_stream::connect(where);
        co_await exchange(server);
        ++result.connections;
    }
}
net::task<> ask_from_all(std::vector<net::async_stream>& clients, net::time_point end, load_result& result) {
    const auto each = [&](net::task_group& group) -> net::task<> {
        for (auto& client : clients) group.spawn(ask_until(client, end, result));
        co_return;
    };
    co_await net::with_group(each);
}
net::task<> connect_from_all(net::endpoint where, std::size_t count, net::time_point end, load_result& result) {
    const auto each = [&](net::task_group& group) -> net::task<> {
        for (std::size_t i = 0; i < count; ++i) group.spawn(connect_until(where, end, result));
        co_return;
    };
    co_await net::with_group(each);
}
net::task<std::vector<net::async_stream>> connect_clients(net::endpoint where, std::size_t count) {
    std::vector<net::async_stream> clients;
    for (std::size_t i = 0; i < count; ++i) {
        auto client = co_await net::async_stream::connect(where);
        co_await exchange(client);  // from here on the server has all that it needs for this client
        clients.push_back(std::move(client));
    }
    co_return clients;
}

// ---- What is measured -----------------------------------------------------------------------------------

struct row {
    std::optional<double> requests, connections, median, slowest, cpu, calls, wake_ups, memory, idle;
};

net::task<> measure(pid_t server, net::endpoint where, bool is_for_many, const load_options& load, row& result) {
    // The silent clients are first: later ones would get the memory that other clients have left.
    if (is_for_many) {
        const measuring::usage before = measuring::usage_of(server);
        auto clients = co_await connect_clients(where, load.silent);
        const measuring::usage with_silent = measuring::usage_of(server);
        const net::time_point begin = net::clock::now();
        co_await net::sleep_for(load.time / 2);
        const measuring::usage after = measuring::usage_of(server);
        const double passed = std::chrono::duration<double>{net::clock::now() - begin}.count();
        result.memory = std::max(0.0, with_silent.memory - before.memory) / static_cast<double>(load.silent);
        result.idle = 100 * (after.cpu - with_silent.cpu) / passed;
    }
    const std::size_t count = is_for_many ? load.clients : 1;
    load_result seen;
    {
        auto clients = co_await connect_clients(where, count);
        const measuring::usage before = measuring::usage_of(server);
        co_await ask_from_all(clients, net::clock::now() + load.time, seen);
        const measuring::usage after = measuring::usage_of(server);
        const auto requests = static_cast<double>(seen.requests);
        const auto at = [&](double part) {
            const auto place = seen.latencies.begin() + static_cast<std::ptrdiff_t>(part * (requests - 1));
            std::nth_element(seen.latencies.begin(), place, seen.latencies.end());
            return static_cast<double>(*place);
        };
        result.requests = requests / std::chrono::duration<double>{load.time}.count();
        result.median = at(0.5);
        result.slowest = at(0.99);
        result.cpu = 1e6 * (after.cpu - before.cpu) / requests;
        result.wake_ups = (after.wake_ups - before.wake_ups) / requests;
    }
    co_await connect_from_all(where, count, net::clock::now() + load.time / 2, seen);
    result.connections = static_cast<double>(seen.connections) / std::chrono::duration<double>{load.time / 2}.count();
}

net::task<> ask(net::endpoint where, std::size_t count, const std::function<void(bool)>& count_from_here) {
    auto client = co_await net::async_stream::connect(where);
    for (int i = 0; i < 5; ++i) co_await exchange(client);
    count_from_here(true);
    for (std::size_t i = 0; i < count; ++i) co_await exchange(client);
    count_from_here(false);
}

row measure(const model& which, const load_options& load) {
    row result;
    // The listener exists before the server runs. Clients that connect early wait in the queue.
    const auto with_listener = [&](const auto& use) {
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        listener.set_option(net::option::no_delay{});
        const net::endpoint where = listener.local_endpoint();
        const auto serve = [&](net::stop_event& stop) { which.serve(std::move(listener), stop); };
        use(serve, listener, where);
    };
    with_listener([&](const auto& serve, net::tcp_listener& listener, const net::endpoint& where) {
        measuring::server_process server{serve};
        listener.close();  // the server process has its own
        net::event_loop loop;
        loop.run(measure(server.id(), where, which.is_for_many, load, result));
        server.stop();
    });
    with_listener([&](const auto& serve, net::tcp_listener&, const net::endpoint& where) {
        constexpr std::size_t count = 100;
        const auto client = [&](const std::function<void(bool)>& count_from_here) {
            net::event_loop loop;
            loop.run(ask(where, count, count_from_here));
        };
        if (const auto calls = measuring::system_calls(serve, client))
            result.calls = static_cast<double>(*calls) / count;
    });
    return result;
}

// ---- The table ------------------------------------------------------------------------------------------

struct column {
    std::string_view head, second_head, unit, csv;
    std::optional<double> row::*value;
    int digits = 0;
};
constexpr std::array columns{
    column{"requests", "a second", "/s", "requests_per_second", &row::requests},
    column{"of them", "half in", "us", "latency_median_us", &row::median},
    column{"99 % in", "", "us", "latency_99_us", &row::slowest},
    column{"connects", "a second", "/s", "connections_per_second", &row::connections},
    column{"CPU of a", "request", "us", "cpu_us_per_request", &row::cpu, 1},
    column{"calls of", "a request", "x", "system_calls_per_request", &row::calls, 1},
    column{"wake-ups", "", "x", "wake_ups_per_request", &row::wake_ups, 2},
    column{"a silent", "client", "B", "bytes_per_silent_connection", &row::memory},
    column{"CPU when", "all silent", "%", "idle_cpu_percent", &row::idle, 1},
};
std::string cell(const std::optional<double>& value, const column& what) {
    if (!value) return "-";
    std::ostringstream text;
    text << std::fixed << std::setprecision(what.digits) << *value << what.unit;
    return text.str();
}
std::string aligned(std::string_view name, std::string_view number, const auto& text_of) {
    std::ostringstream line;
    line << std::left << std::setw(17) << name << std::setw(7) << number << std::right;
    for (const column& each : columns) line << std::setw(12) << text_of(each);
    return line.str();
}

void compare(const load_options& load, const std::vector<std::string>& only, bool as_csv) {
    for (const std::string& word : only)
        if (std::none_of(std::begin(models), std::end(models),
                         [&](const model& each) { return each.name.find(word) != std::string_view::npos; }))
            throw example::usage_error{"--only " + word + ": no model has this in its name"};
    if (as_csv) {
        std::cout << "model,example";
        for (const column& each : columns) std::cout << ',' << each.csv;
        std::cout << '\n';
    } else {
        say(load.silent, " clients are silent; then ", load.clients,
            " clients ask, each again when it has its answer (the iterative server has one client)");
        say(aligned("", "", [](const column& each) { return each.head; }));
        say(aligned("model", "in", [](const column& each) { return each.second_head; }));
    }
    for (const model& each : models) {
        const auto is_meant = [&](const std::string& word) { return each.name.find(word) != std::string_view::npos; };
        if (!only.empty() && std::none_of(only.begin(), only.end(), is_meant)) continue;
        if (each.serve == coroutines<net::io_backend::io_uring>) {
            const net::event_loop tried{{.backend = net::io_backend::io_uring}};
            if (tried.refusal()) {
                say(each.name, "  not here: ", tried.refusal().message());
                continue;
            }
        }
        const bool is_watched = !as_csv && ::isatty(STDOUT_FILENO) == 1;  // by a person, who sees what is being measured
        if (is_watched) std::cout << each.name << " ..." << std::flush;
        const row result = measure(each, load);
        if (is_watched) std::cout << "\r\33[K";
        if (!as_csv) {
            say(aligned(each.name, each.example, [&](const column& what) { return cell(result.*what.value, what); }));
            continue;
        }
        std::cout << each.name << ",\"" << each.example << '"';
        for (const column& what : columns) {
            std::cout << ',';
            if (const auto& value = result.*what.value) std::cout << *value;
        }
        std::cout << std::endl;
    }
}

void demonstrate() {
    compare({}, {}, false);
    say("\nHow to read the table: \"x\" is a number for each request. \"-\" means that the model has no such figure, "
        "or that\n"
        "it cannot be measured here. The system calls are counted with one client; with many clients there are fewer,\n"
        "because they share a wait. A silent client's bytes are memory of the server itself. The kernel\n"
        "needs some thousand more. A thread needs the pages of its stack, a process all memory that it does not "
        "share.\n"
        "The model \"asking all\" never sleeps, even if all clients are silent. select, poll and epoll sleep.\n"
        "A longer measurement is more exact: `run --seconds 3`.");
}

constexpr std::string_view help = R"(usage: demo
       demo run [--seconds N] [--clients N] [--silent N] [--only MODEL]... [--csv]
       demo --help

Starts the servers of the course one after the other, and measures each. Without an argument it measures each for a
fraction of a second.

  --seconds N     the time for each server; 1 by default
  --clients N     the number of clients that ask at once; 64 by default
  --silent N      the number of clients that are connected and send nothing; 500 by default
  --only MODEL    only servers with MODEL in their name; may be given several times
  --csv           prints comma-separated values
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (words.empty()) return demonstrate();
        load_options load{.clients = 64, .silent = 500, .time = 1s};
        if (const auto seconds = words.number("--seconds", 1, 3600)) load.time = std::chrono::seconds{*seconds};
        load.clients = words.number("--clients", 1, 10'000).value_or(static_cast<unsigned>(load.clients));
        load.silent = words.number("--silent", 1, 10'000).value_or(static_cast<unsigned>(load.silent));
        const std::vector<std::string> only = words.values("--only");
        const bool as_csv = words.flag("--csv");
        if (words.rest() != std::vector<std::string>{"run"})
            throw example::usage_error{"it takes no arguments, or run with its options"};
        compare(load, only, as_csv);
    });
}

// examples/26_coroutine_server/demo.cpp: an echo server that reads like a server for a single client
//
//        serve():  accept ──> a task of echo()     a frame for each client, on the heap
//                  accept ──> a task of echo()     while it waits, it costs this frame: no thread, no stack, no buffer
//
// Compare the function `echo` below with the handlers of the other lessons. Lesson 15 has the same loop and serves one client
// at a time. Lessons 16 and 17 use a process or a thread for each client. Lessons 18 to 21 turn the loop inside out: their
// functions are called when something happens. Here the loop of lesson 15 is back, with co_await before each call that waits.
//
// The notes:     gevent版-TCP服务器 (the gevent server). Its counterpart is coroutine_server.cpp
// Type:          demo                                    a demonstration
//                demo serve --threads 2 --idle 60        the server; Ctrl-C stops it
//                demo connect localhost 6666             a client: type, and read what comes back
// You will see:  what demo.txt shows: 500 clients at once; a client that takes no answers; a silent client; more clients than
//                there is room for; a stop while a client is connected

#include <netnotes/coro.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The server -----------------------------------------------------------------------------------------

/// The notes' server calls recv once and sends once. Their `break` stands outside of any loop.
net::task<> echo(net::async_stream client) {
    for (;;) {
        auto bytes = co_await client.recv();
        if (bytes.empty()) co_return;
        co_await client.send_all(bytes);
    }
}

net::task<> talkative_echo(net::async_stream client, const net::endpoint& peer) {
    say(peer, "  connected");
    co_await echo(std::move(client));
    say(peer, "  gone");
}

net::tcp_listener listen(const net::endpoint& where, bool shared) {
    net::tcp_listener listener{where, {.reuse_port = shared}};
    listener.set_option(
        net::option::no_delay{});  // an answer does not wait for the acknowledgment of the previous answer
    return listener;
}

/// Runs several loops if there are several threads. Each loop has a listener of its own on the same port, and the kernel
/// distributes the clients among them.
void serve(const example::serve_options& options, net::serve_options limits, const net::every_core_options& how) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    example::raise_descriptor_limit();
    limits.on_error = [](const net::socket_address& peer, const std::exception& failure) {
        say(peer.to_string(), "  gone: ", failure.what());
    };
    if (options.quiet) limits.on_error = nullptr;
    std::vector<net::tcp_listener> listeners;
    net::endpoint where = options.where;
    for (unsigned i = 0; i < how.threads; ++i) {
        listeners.push_back(listen(where, how.threads > 1));
        where = listeners.front().local_endpoint();
    }
    const auto begin = [&](net::event_loop& loop, unsigned index) {
        if (loop.refusal() && index == 0) std::cerr << "io_uring: " << loop.refusal().message() << "; epoll instead\n";
        if (options.quiet) return net::serve(std::move(listeners[index]), echo, limits);
        return net::serve(std::move(listeners[index]), talkative_echo, limits);
    };
    example::announce(where);
    net::run_on_every_core(begin, stop, how);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// Sends a text and returns as many bytes of the answer.
net::task<std::string> exchange(net::async_stream& server, std::string text) {
    co_await server.send_all(text);
    std::string answer(text.size(), '\0');
    co_await server.recv_exact(answer);
    co_return answer;
}

struct crowd {
    std::size_t count, connected = 0, right = 0;
    net::async_event all_are_there{};
};
net::task<> one_of_many(net::socket_address where, std::size_t number, crowd& all) {
    auto server = co_await net::async_stream::connect(where);
    if (++all.connected == all.count) all.all_are_there.set();
    co_await all.all_are_there.wait();
    const std::string text = "client " + std::to_string(number);
    const std::string answer = co_await exchange(server, text);
    all.right += answer == text;
}

net::task<> many(net::socket_address where) {
    crowd all{.count = 500};
    const auto clients =
        [&](net::task_group& group) -> net::task<> {  // if one client fails, the group cancels the others
        for (std::size_t i = 0; i < all.count; ++i) group.spawn(one_of_many(where, i, all));
        co_return;
    };
    co_await net::with_group(clients);
    say(all.count, " clients at once: ", all.right, " right answers");
}

net::task<> send_much(net::async_stream& server, const std::string& flood) {
    co_await server.send_all(flood);
    server.shutdown(net::shutdown_direction::send);
}

net::task<> slow_reader(net::socket_address where) {
    const std::string flood(32 << 20, 'z');  // far more bytes than the kernel's buffers hold
    auto slow = co_await net::async_stream::connect(where);
    auto other = co_await net::async_stream::connect(where);
    auto sender = net::spawn(send_much(slow, flood));
    std::size_t right = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::string answer = co_await exchange(other, "ping");
        right += answer == "ping";
    }
    say("one client sends 32 MiB and takes no answer; another gets ", right, " of 1000 answers");
    std::size_t returned = 0;
    for (;;) {
        const auto bytes = co_await slow.recv();
        if (bytes.empty()) break;
        returned += bytes.size();
    }
    co_await sender.join();
    say("then the first client receives: ", returned, " bytes come back");
}

net::task<> silent(net::socket_address where) {
    auto server = co_await net::async_stream::connect(where);
    const auto end = co_await server.recv();
    say("a client is silent, and 50 ms are allowed; it receives the end: ", end.size(), " bytes");
}

net::task<> one_too_many(net::socket_address where) {
    auto first = co_await net::async_stream::connect(where);
    const std::string here = co_await exchange(first, "I have the only place");
    say("the first of two clients says: ", here);
    auto second = co_await net::async_stream::connect(where);
    auto answer = net::spawn(exchange(second, "I have waited for it"));
    co_await net::sleep_for(20ms);
    say("the second is connected, and served: ", answer.has_ended() ? "yes" : "no, it waits in the queue");
    first.close();
    const std::string text = co_await answer.join();
    say("the first leaves; the second says: ", text);
}

/// Runs a client beside the server, in one loop. The end of this task ends the run, and so the server.
net::task<> beside(net::tcp_listener listener, net::serve_options limits, net::task<> client) {
    net::spawn(net::serve(std::move(listener), echo, limits), "server");
    co_await std::move(client);
}

void play(net::task<> (*client)(net::socket_address), net::serve_options limits = {}) {
    limits.on_error = nullptr;
    net::tcp_listener listener = listen({net::ipv4_address::loopback(), 0}, false);
    const net::endpoint where = listener.local_endpoint();
    net::event_loop loop;
    loop.run(beside(std::move(listener), limits, client(where)));
}

void stop_while_connected() {
    net::tcp_listener listener = listen({net::ipv4_address::loopback(), 0}, false);
    const net::endpoint where = listener.local_endpoint();
    net::stop_event stop;
    example::background server{stop, [&] {
                                   net::event_loop loop;
                                   loop.run(net::serve(std::move(listener), echo), stop);
                               }};
    net::tcp_stream client{where};
    client.send_all("hello");
    std::string answer(5, '\0');
    client.recv_exact(answer);
    stop.request_stop();
    server.finish();
    std::byte more[1];
    say("a client says ", answer, "; the server stops; the client receives the end: ", client.recv(more), " bytes");
}

void demonstrate() {
    heading("gevent版-TCP服务器: client and server are tasks of one loop");
    play(many);
    play(slow_reader);
    heading("The limits of serve(), and a stop");
    play(silent, {.idle_timeout = 50ms});
    play(one_too_many, {.max_connections = 1});
    stop_while_connected();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--threads N] [--backend epoll|io_uring] [--idle N]
                                 [--max-connections N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server with a coroutine for each client. Without an argument: a demonstration.

  serve                  sends every byte back to its client
  --bind ADDRESS         where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N               6666 by default; 0 lets the system choose
  --threads N            the number of loops, each with a thread and a listener of its own; 1 by default
  --backend WHICH        how a loop waits: epoll (the default), or io_uring if the kernel allows it
  --idle N               closes a client that is silent for N seconds; 300 by default
  --max-connections N    for each thread; further clients wait in the queue; 10000 by default
  --quiet                prints only the line `listening on ADDRESS:PORT`
  connect                sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    net::serve_options limits;
    net::every_core_options how{.threads = 1};
    example::roles roles;
    roles.more_options = [&](example::arguments& words) {
        how.threads = words.number("--threads", 1, 256).value_or(how.threads);
        if (const auto backend = words.value("--backend")) {
            if (*backend != "epoll" && *backend != "io_uring")
                throw example::usage_error{"--backend is epoll or io_uring"};
            if (*backend == "io_uring") how.loop.backend = net::io_backend::io_uring;
        }
        if (const auto seconds = words.number("--idle", 1, 86'400))
            limits.idle_timeout = std::chrono::seconds{*seconds};
        if (const auto most = words.number("--max-connections", 1, 1'000'000)) limits.max_connections = *most;
    };
    roles.demonstrate = demonstrate;
    roles.serve = [&](const example::serve_options& options) { serve(options, limits, how); };
    return example::run(argc, argv, help, roles);
}

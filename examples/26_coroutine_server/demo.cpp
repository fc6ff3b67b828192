// examples/26_coroutine_server/demo.cpp: an echo server that reads like the one for a single client
//
//        accept ──> spawn(echo)     a frame for each client, on the heap
//        accept ──> spawn(echo)     waiting, it costs that and nothing else: no thread, no stack, no buffer
//
// Compare the function `echo` below with the handlers of the others: 15 serves one client at a time with the same loop,
// 16 and 17 pay a process or a thread for each, 18 to 21 have turned it inside out, into what is to be done when
// something comes. Here it is the loop of 15 again, with co_await before what may have to wait.
//
// The notes:     gevent版-TCP服务器 (the gevent server)
// Type:          demo                                    a demonstration
//                demo serve --threads 2 --idle 60        the server; Ctrl-C stops it
//                demo connect localhost 6666             a client: type, and see it come back
// You will see:  what demo.txt shows: 500 clients at once; one who takes no answers, and nobody else
//                notices; one who is silent for too long; one more than there is room for; a stop while all are connected

#include <netnotes/coro.hpp>

#include "../demo.hpp"

#include <set>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

struct limits {
    net::duration idle = 5min;
    std::size_t connections = 10'000;
    bool quiet = true;
};

// ---- The server -----------------------------------------------------------------------------------------

/// The notes' server calls recv once and sends once, and its `break` stands outside of any loop. An exchange is here one
/// recv() and one send_all(), so set_timeout() is its deadline, too: a client that takes its answer byte by byte cannot
/// stretch a send_all(). A protocol with longer requests has net::serve(), with a deadline for those: coro/serve.hpp.
net::task<> echo_all(net::async_stream& client) {
    for (;;) {
        auto bytes = co_await client.recv();
        if (bytes.empty()) co_return;
        co_await client.send_all(bytes);
    }
}

/// Those who are connected, so that a stop reaches them; and room for as many as may be.
class connected {
  public:
    explicit connected(std::size_t most) : room{most} {}
    class entry;
    net::async_semaphore room;  // it outlives those who have a place in it
    /// Nobody can say more to us. What has come by now is still read, and answered, and then there is the end.
    void hear_no_more() {
        for (net::async_stream* each : all_) {
            try {
                each->shutdown(net::shutdown_direction::receive);
            } catch (const std::system_error&) {  // he is gone already
            }
        }
    }
    net::task<> wait_until_none_is_left() {
        while (!all_.empty()) {
            none_is_left_.reset();
            co_await none_is_left_.wait();
        }
    }

  private:
    std::set<net::async_stream*> all_;
    net::async_event none_is_left_;
};
class connected::entry {
  public:
    entry(connected& whole, net::async_stream& client) : whole_{whole}, client_{client} {
        whole_.all_.insert(&client_);
    }
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
    ~entry() {
        whole_.all_.erase(&client_);
        if (whole_.all_.empty()) whole_.none_is_left_.set();
    }

  private:
    connected& whole_;
    net::async_stream& client_;
};

/// A client, from his first byte to his last. The place is his as long as this runs.
net::task<> serve_client(net::async_stream client, net::socket_address peer, limits allowed, connected& all,
                         [[maybe_unused]] net::async_semaphore::permit place) {
    if (!allowed.quiet) say(peer.to_string(), "  connected");
    std::error_code why;
    try {
        const connected::entry here{all, client};
        client.set_timeout(allowed.idle);
        co_await echo_all(client);
    } catch (const std::system_error& error) {
        why = error.code();  // his own end, and nobody else's
    } catch (const net::cancelled&) {  // it has no more to do than to say so
        why = std::make_error_code(std::errc::operation_canceled);
    } catch (const std::bad_alloc&) {
        why = std::make_error_code(std::errc::not_enough_memory);
    }
    if (!allowed.quiet) say(peer.to_string(), "  gone: ", example::farewell(why));
}

net::task<> accept_all(net::async_listener& listener, limits allowed, connected& all, net::task_group& group) {
    for (;;) {
        auto place = co_await all.room.acquire();      // who finds no place waits in the kernel's queue,
        auto next = co_await listener.accept();        // and so does who finds no descriptor
        bool is_short_of_memory = false;
        try {
            group.spawn(serve_client(std::move(next.stream), next.peer, allowed, all, std::move(place)));
        } catch (const std::bad_alloc&) {
            is_short_of_memory = true;  // this client is turned away
        }
        if (is_short_of_memory) co_await net::sleep_for(100ms);
    }
}

net::task<> stop_requested(const net::stop_event& stop) {
    net::async_descriptor bell{net::event_loop::current(), stop.native_handle()};
    co_await bell.readable();
}

/// What the task does, but not for longer than that.
net::task<> at_most(net::duration time, net::task<> what) {
    try {
        co_await net::with_timeout(time, std::move(what));
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::timed_out) throw;
    }
}

/// Until the stop, and until those are answered who had said something by then: those who are connected, and those whom
/// the kernel has connected and who stand in its queue, as many as 20 ms suffice for. Who takes no answers is waited for
/// a little. (To cancel all at once would be less to write; but what had arrived and was not read would be lost.)
net::task<> serve(net::async_listener& listener, limits allowed, const net::stop_event& stop) {
    connected all{allowed.connections};
    const auto clients = [&](net::task_group& group) -> net::task<> {
        co_await net::when_any(accept_all(listener, allowed, all, group), stop_requested(stop));
        co_await at_most(20ms, accept_all(listener, allowed, all, group));
        listener.close();
        all.hear_no_more();
        co_await at_most(2s, all.wait_until_none_is_left());
        group.cancel();
    };
    co_await net::with_group(clients);
}

/// One loop, one thread.
void run_loop(net::tcp_listener listener, const limits& allowed, const net::stop_event& stop) {
    net::event_loop loop;
    net::async_listener source{loop, std::move(listener).into_socket()};
    loop.run(serve(source, allowed, stop));
}

net::tcp_listener listen(const net::endpoint& where, bool shared) {
    net::tcp_listener listener{where, {.reuse_port = shared}};
    listener.set_option(net::option::no_delay{});  // an answer must not wait for the acknowledgment of the last
    return listener;
}

net::task<> serve_on(net::async_listener listener, limits allowed, const net::stop_event& stop) {
    co_await serve(listener, allowed, stop);
}

/// With several loops each has a listener of its own on the same port, and the kernel shares out the clients among them.
void serve(const example::serve_options& options, limits allowed, const net::every_core_options& how) {
    net::stop_event stop, failed;
    const net::stop_on_signals signals{stop};
    example::raise_descriptor_limit();
    allowed.quiet = options.quiet;
    std::vector<net::tcp_listener> listeners;
    net::endpoint where = options.where;
    for (unsigned i = 0; i < how.threads; ++i) {
        listeners.push_back(listen(where, how.threads > 1));
        where = listeners.front().local_endpoint();
    }
    const auto begin = [&](net::event_loop& loop, unsigned index) {
        if (loop.refusal() && index == 0) std::cerr << "io_uring: " << loop.refusal().message() << "; epoll instead\n";
        return serve_on(net::async_listener{loop, std::move(listeners[index]).into_socket()}, allowed, stop);
    };
    example::announce(where);
    net::run_on_every_core(begin, failed, how);  // if one loop fails it takes the others with it
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// Sends, and gives what has come back by then.
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
    const auto clients = [&](net::task_group& group) -> net::task<> {  // one that fails ends all, and none waits for it
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
    const std::string flood(32 << 20, 'z');  // far more than the kernel's buffers hold
    auto slow = co_await net::async_stream::connect(where);
    auto other = co_await net::async_stream::connect(where);
    auto sender = net::spawn(send_much(slow, flood));
    std::size_t right = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::string answer = co_await exchange(other, "ping");
        right += answer == "ping";
    }
    say("while one client sends 32 MiB and takes no answer, another gets ", right, " of 1000");
    std::size_t returned = 0;
    for (;;) {
        const auto bytes = co_await slow.recv();
        if (bytes.empty()) break;
        returned += bytes.size();
    }
    co_await sender.join();
    say("when it reads at last, all comes back: ", returned, " bytes");
}

net::task<> silent(net::socket_address where) {
    auto server = co_await net::async_stream::connect(where);
    const auto end = co_await server.recv();
    say("a client who is silent, where 50 ms are allowed, reads the end: ", end.size(), " bytes");
}

net::task<> one_too_many(net::socket_address where) {
    auto first = co_await net::async_stream::connect(where);
    const std::string here = co_await exchange(first, "I have the place");
    say("the only place is taken: ", here);
    auto second = co_await net::async_stream::connect(where);
    auto answer = net::spawn(exchange(second, "and I wait for it"));
    co_await net::sleep_for(20ms);
    say("the second client is connected, and served: ", answer.has_ended() ? "yes" : "no, he waits in the queue");
    first.close();
    const std::string text = co_await answer.join();
    say("the first leaves, the second is served: ", text);
}

/// A server and a client in one loop; when the client is done the server is stopped.
net::task<> beside(net::async_listener& listener, limits allowed, net::task<> client) {
    net::stop_event stop;
    auto server = net::spawn(serve(listener, allowed, stop), "server");
    co_await std::move(client);
    stop.request_stop();
    co_await server.join();
}

void play(net::task<> (*client)(net::socket_address), const limits& allowed = {}) {
    net::event_loop loop;
    net::async_listener listener{loop, listen({net::ipv4_address::loopback(), 0}, false).into_socket()};
    loop.run(beside(listener, allowed, client(listener.local_endpoint())));
}

void stop_while_connected() {
    net::tcp_listener listener = listen({net::ipv4_address::loopback(), 0}, false);
    const net::endpoint where = listener.local_endpoint();
    net::stop_event stop;
    example::background server{stop, [&] { run_loop(std::move(listener), {}, stop); }};
    net::tcp_stream client{where};
    client.send_all("hello");
    std::string answer(5, '\0');
    client.recv_exact(answer);
    stop.request_stop();
    server.finish();
    std::byte more[1];
    say("a client says ", answer,
        "; the server is asked to stop, and has; the client reads the end: ", client.recv(more), " bytes");
}

void demonstrate() {
    heading("gevent版-TCP服务器: client and server are tasks of one loop");
    play(many);
    play(slow_reader);
    heading("What a server on the open net needs, too");
    play(silent, {.idle = 50ms});
    play(one_too_many, {.connections = 1});
    stop_while_connected();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--threads N] [--backend epoll|io_uring] [--idle N]
                                 [--max-connections N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server with a coroutine for each client. Without an argument: a demonstration.

  serve                  sends every client back what he says
  --bind ADDRESS         where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N               6666 by default; 0 lets the system choose
  --threads N            so many loops, each with a thread and a listener of its own; 1 by default
  --backend WHICH        how a loop waits: epoll, the default, or io_uring where the kernel allows it
  --idle N               a client who does nothing for so many seconds is closed; 300 by default
  --max-connections N    for each thread; beyond, clients wait in the queue; 10000 by default
  --quiet                only the line `listening on ADDRESS:PORT`
  connect                sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    limits allowed;
    net::every_core_options how{.threads = 1};
    example::roles roles;
    roles.more_options = [&](example::arguments& words) {
        how.threads = words.number("--threads", 1, 256).value_or(how.threads);
        if (const auto backend = words.value("--backend")) {
            if (*backend != "epoll" && *backend != "io_uring")
                throw example::usage_error{"--backend is epoll or io_uring"};
            if (*backend == "io_uring") how.loop.backend = net::io_backend::io_uring;
        }
        if (const auto seconds = words.number("--idle", 1, 86'400)) allowed.idle = std::chrono::seconds{*seconds};
        if (const auto most = words.number("--max-connections", 1, 1'000'000)) allowed.connections = *most;
    };
    roles.demonstrate = demonstrate;
    roles.serve = [&](const example::serve_options& options) { serve(options, allowed, how); };
    roles.connect = [](const std::string& host, std::uint16_t port) {
        example::talk(net::tcp_stream::connect(host, port));
    };
    return example::run(argc, argv, help, roles);
}

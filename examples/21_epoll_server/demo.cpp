// examples/21_epoll_server/demo.cpp: one thread that serves thousands
//
// The demonstration shows both triggers of epoll side by side. Then it shows two mistakes by which the notes' server loses
// its clients. At the end it runs a server that avoids them.
//
// The short programs of this lesson write the loop themselves. Here `reactor_server` has it: wait, accept, receive, send what
// is queued. The handler below never waits. It gets the bytes of any client and hands back an answer.
//
// The notes:     epoll版-TCP服务器 (the epoll server), epoll使用说明 (its flags, LT and ET), epoll 参考代码 (the code)
// Type:          demo                                      the demonstration
//                demo serve --port 6666 --trigger edge     the server; Ctrl-C stops it
//                demo connect localhost 6666               a client: type, and read what comes back
//                nc localhost 6666                         any other client does as well
// You will see:  what demo.txt shows: the same half-read under both triggers; two clients that an edge-triggered accept()
//                forgets; a reset that `events == EPOLLIN` does not recognise; 200 clients answered at once; a client that
//                takes no answers, which costs the other clients nothing

#include "../demo.hpp"

#include <netnotes/server.hpp>

#include <sys/resource.h>

#include <fstream>

using example::say;

namespace {

/// Echoes: sends every byte back to its client.
struct echo {
    bool quiet = true;

    void operator()(net::connection& client, std::span<const std::byte> bytes) const {
        client.send(bytes);
        if (!quiet) say(client.peer().to_string(), "  ", bytes.size(), " bytes");
    }
    void on_open(net::connection& client) const {
        if (!quiet) say(client.peer().to_string(), "  connected");
    }
    void on_close(net::connection& client, std::error_code why) const {
        if (!quiet) say(client.peer().to_string(), "  gone: ", example::farewell(why));
    }
    void on_accept_error(std::error_code why) const {  // meanwhile the clients wait in the queue
        std::cerr << "accept: " << why.message() << '\n';
    }
};

void serve(const example::serve_options& options, net::trigger how) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = example::listen(options);
    net::reactor_server server{std::move(listener).into_socket(), echo{options.quiet}, {.how = how}};
    server.run(stop);
}

std::string words(net::interest ready) {
    std::string text;
    for (const auto& [flag, name] : {std::pair{net::interest::read, "read"},
                                     {net::interest::write, "write"},
                                     {net::interest::peer_done, "peer_done"},
                                     {net::interest::hang_up, "hang_up"},
                                     {net::interest::error, "error"}})
        if (any_of(ready, flag)) text += (text.empty() ? "" : " | ") + std::string{name};
    return text;
}

std::string ask(net::epoll_poller& poller) {
    const auto events = poller.wait(net::duration::zero());
    return events.empty() ? "nothing" : words(events[0].ready);
}

void show_triggers() {
    example::heading("Level reminds, edge announces");
    for (const net::trigger how : {net::trigger::level, net::trigger::edge}) {
        auto [reader, writer] = net::socket_pair();
        net::epoll_poller poller;
        poller.add(reader.native_handle(), net::interest::read, 0, how);
        std::array<std::byte, 1000> buffer;
        say(how == net::trigger::level ? "level-triggered:" : "edge-triggered:");
        writer.send_all(std::string(2000, 'x'));
        say("  2000 bytes arrive             epoll reports: ", ask(poller));
        say("  we read ", reader.recv(buffer), ", 1000 are left   epoll reports: ", ask(poller));
        writer.send_all("y");
        say("  one more byte arrives         epoll reports: ", ask(poller));
        std::array<std::byte, 4096> rest;
        say("  and ", reader.recv(rest), " bytes are waiting");
    }
    say("The notes say that an edge must be handled at once. It may be handled at any time, but epoll does not");
    say("repeat it. So receive until a call would wait. Otherwise the rest waits until the peer sends again.");
}

void show_forgotten_clients() {
    example::heading("Three clients arrive together, and the notes accept one client");
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    listener.set_blocking(false);
    net::epoll_poller poller;
    poller.add(listener.native_handle(), net::interest::read, 0, net::trigger::edge);
    std::vector<net::tcp_stream> clients;
    while (clients.size() < 3) clients.emplace_back(listener.local_endpoint());
    while (listener.queue_length() < 3) std::this_thread::yield();  // the last ACK may still be on its way
    say("epoll reports: ", ask(poller), ", once for all three");
    std::vector<net::tcp_stream> accepted;
    accepted.push_back(listener.accept().stream);
    say("one accept(); epoll reports: ", ask(poller));
    std::size_t forgotten = 0;
    for (std::error_code error; accepted.push_back(listener.accept(error).stream), !error;) ++forgotten;
    say(forgotten, " more clients stand in the queue. They are connected, and the notes never serve them");
}

void show_reset() {
    example::heading("A client resets, and the notes test events == EPOLLIN");
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream client{listener.local_endpoint()};
    const net::tcp_stream accepted = listener.accept().stream;
    net::epoll_poller poller;
    poller.add(accepted.native_handle(), net::interest::read, 0);
    client.set_option(net::option::linger{std::chrono::seconds{0}});  // close() is now a reset
    client.close();
    say("asked for:     ", words(net::interest::read));
    say("epoll reports: ", words(poller.wait(net::never)[0].ready));
    say("The notes compare the whole set of flags, so no branch fits and the descriptor is lost. Test the bit.");
}

void show_limits() {
    example::heading("The notes: \"no limit of connections\". Four limits remain:");
    const auto setting = [](const char* name) {
        std::uint64_t number = 0;
        std::ifstream{std::string{"/proc/sys/fs/"} + name} >> number;
        return number;
    };
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    say("descriptors of a process, RLIMIT_NOFILE (ulimit -n)    here: ", descriptors.rlim_cur);
    say("  which a process may raise up to fs.nr_open           here: ", setting("nr_open"));
    say("open files of all processes, fs.file-max               here: ", setting("file-max"));
    say("descriptors in epolls of a user, max_user_watches      here: ", setting("epoll/max_user_watches"));
}

void show_server(net::trigger how) {
    example::heading(how == net::trigger::edge ? "The server, edge-triggered" : "The server, level-triggered");
    net::tcp_listener listener{{net::ipv6_address::any(), 0}};  // dual stack: IPv4 clients as well
    listener.set_option(net::option::no_delay{});
    const std::uint16_t port = listener.local_endpoint().port();
    say("listening on ", listener.local_endpoint(), " with one thread");
    net::stop_event stop;
    net::reactor_server server{std::move(listener).into_socket(), echo{}, {.how = how}};
    example::background running{stop, [&] { server.run(stop); }};

    const auto exchange = [](net::tcp_stream& client, const std::string& text) {
        client.send_all(text);
        std::string answer(text.size(), '\0');
        for (std::size_t got = 0; got < answer.size();) {  // one receive may bring a part
            const std::size_t size = client.recv(std::span{answer}.subspan(got));
            if (size == 0) throw std::runtime_error{"the server has closed"};
            got += size;
        }
        return answer;
    };
    net::tcp_stream first{{net::ipv4_address::loopback(), port}}, second{{net::ipv6_address::loopback(), port}};
    say("over IPv4: hello -> ", exchange(first, "hello"));
    say("over IPv6: 你好 -> ", exchange(second, "你好"));

    std::vector<net::tcp_stream> crowd;
    while (crowd.size() < 200) crowd.emplace_back(net::endpoint{net::ipv4_address::loopback(), port});
    std::size_t right = 0;
    for (std::size_t i = crowd.size(); i-- > 0;)  // the last to come is the first to ask
        right += exchange(crowd[i], "client " + std::to_string(i)) == "client " + std::to_string(i);
    say("200 clients at once: ", right, " right answers");

    // These are far more bytes than the kernel's buffers hold. When the queue for this client is full, the server stops
    // reading from it, so this send_all() waits. No other client waits.
    const std::string flood(32 * 1024 * 1024, 'z');
    net::tcp_stream slow{{net::ipv4_address::loopback(), port}};
    net::stop_event give_up;
    slow.stop_with(give_up);
    example::background sender{give_up, [&] { slow.send_all(flood); }};
    right = 0;
    for (int i = 0; i < 1000; ++i) right += exchange(first, "ping") == "ping";
    say("one client sends 32 MiB and takes no answer; another gets ", right, " of 1000 answers");
    std::size_t returned = 0;
    for (std::array<char, 65536> buffer; returned < flood.size();) {
        const std::size_t size = slow.recv(buffer);
        if (size == 0) throw std::runtime_error{"the server has closed"};
        returned += size;
    }
    sender.finish();
    say("then the first client receives: ", returned, " bytes come back");

    stop.request_stop();
    running.finish();
    std::array<std::byte, 1> buffer;
    say("the server stops; a client that is still connected receives the end: ", first.recv(buffer), " bytes");
}

constexpr std::string_view help =
    "usage: demo\n"
    "       demo serve [--bind ADDRESS] [--port N] [--trigger level|edge] [--quiet]\n"
    "       demo connect HOST PORT\n"
    "       demo --help\n"
    "\n"
    "An echo server for thousands of clients in one thread, on epoll. Without an argument: a demonstration.\n"
    "\n"
    "  serve            sends every byte back to its client\n"
    "  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...\n"
    "  --port N         6666 by default; 0 lets the system choose\n"
    "  --trigger HOW    edge (the default): each descriptor is registered once, and read until a call would wait\n"
    "                   level: epoll reports a descriptor until it has been read\n"
    "  --quiet          prints only the line `listening on ADDRESS:PORT`\n"
    "  connect          sends what you type and shows what the server says; Ctrl-D ends it\n";

}  // namespace

int main(int argc, char** argv) {
    net::trigger how = net::trigger::edge;
    return example::run(
        argc, argv, help,
        {.demonstrate =
             [] {
                 show_triggers();
                 show_forgotten_clients();
                 show_reset();
                 show_limits();
                 show_server(net::trigger::level);
                 show_server(net::trigger::edge);
                 say("The clients see no difference. The edge-triggered server makes fewer system calls: "
                     "with a level trigger");
                 say("it must ask for room to write, and later take that back.");
             },
         .serve = [&](const example::serve_options& options) { serve(options, how); },
         .more_options =
             [&](example::arguments& words) {
                 const auto trigger = words.value("--trigger");
                 if (trigger && *trigger != "level" && *trigger != "edge")
                     throw example::usage_error{"--trigger is level or edge"};
                 if (trigger == "level") how = net::trigger::level;
             }});
}

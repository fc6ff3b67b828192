// examples/21_epoll_server/demo.cpp: one thread that serves thousands
//
// The end of the road that began with 01. It first shows the two triggers of epoll side by side, then the two
// mistakes by which the notes' server loses its clients, then the server itself.
//
// What has changed since 15, the iterative server: there the program waits for *one* client, here for any of
// them. The handler below never waits for a client; all that could make it wait is the reactor's business.
//
// The notes:     epoll版-TCP服务器 (the epoll server), epoll使用说明 (its flags, LT and ET), epoll 参考代码 (the code)
// Type:          demo                                      the demonstration
//                demo serve --port 6666 --trigger edge     the server; Ctrl-C stops it
//                demo connect localhost 6666               a client: type, and see it come back
//                nc localhost 6666                                    any other client does as well
// You will see:  what demo.txt shows: the same half-read under both triggers; two clients whom an
//                edge-triggered accept() forgets; a reset that `events == EPOLLIN` does not recognise; 200
//                clients answered at once, and one who takes no answers and costs the others nothing

#include "../demo.hpp"

#include <netnotes/server.hpp>

#include <sys/resource.h>

#include <fstream>

using example::say;

namespace {

/// The server's whole behaviour: what comes in goes out again.
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
    void on_accept_error(std::error_code why) const {  // the clients wait in the queue meanwhile
        std::cerr << "accept: " << why.message() << '\n';
    }
};

void serve(const example::serve_options& options, net::trigger how) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener{options.where};
    listener.set_option(net::option::no_delay{});  // an answer must not wait for the acknowledgment of the last
    const net::endpoint where = listener.local_endpoint();
    net::reactor_server server{std::move(listener).into_socket(), echo{options.quiet}, {.how = how}};
    example::announce(where);
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
        say("  2000 bytes come               epoll reports: ", ask(poller));
        say("  we read ", reader.recv(buffer), ", 1000 are left   epoll reports: ", ask(poller));
        writer.send_all("y");
        say("  one more byte comes           epoll reports: ", ask(poller));
        std::array<std::byte, 4096> rest;
        say("  and ", reader.recv(rest), " bytes are waiting");
    }
    say("An edge is not lost by being handled late, as the notes have it. It is just not repeated: read until");
    say("there is no more, or the rest waits for the peer's next byte, which may never come.");
}

void show_forgotten_clients() {
    example::heading("Three clients arrive together, and the notes accept one");
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
    say(forgotten, " more stand in the queue: connected, as they believe, and never served");
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
    say("No branch of the notes' server fits, and the descriptor is lost. Test the bit.");
}

void show_limits() {
    example::heading("\"No limit to the connections\", say the notes. These four are:");
    const auto setting = [](const char* name) {
        std::uint64_t number = 0;
        std::ifstream{std::string{"/proc/sys/fs/"} + name} >> number;
        return number;
    };
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    say("descriptors of a process, RLIMIT_NOFILE (ulimit -n)    here: ", descriptors.rlim_cur);
    say("  ... which may be raised up to fs.nr_open             here: ", setting("nr_open"));
    say("open files of all processes, fs.file-max               here: ", setting("file-max"));
    say("what a user may watch, fs.epoll.max_user_watches       here: ", setting("epoll/max_user_watches"));
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
        for (std::size_t got = 0; got < answer.size();) {  // a receive is not a message
            const std::size_t size = client.recv(std::span{answer}.subspan(got));
            if (size == 0) throw std::runtime_error{"the server has hung up"};
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

    // Far more than the kernel's buffers hold. The server stops reading this client when its queue is full, and
    // so this send_all() waits; but it is the only one that does.
    const std::string flood(32 * 1024 * 1024, 'z');
    net::tcp_stream slow{{net::ipv4_address::loopback(), port}};
    net::stop_event give_up;
    slow.stop_with(give_up);
    example::background sender{give_up, [&] { slow.send_all(flood); }};
    right = 0;
    for (int i = 0; i < 1000; ++i) right += exchange(first, "ping") == "ping";
    say("while one client sends 32 MiB and takes no answer, another gets ", right, " of 1000");
    std::size_t returned = 0;
    for (std::array<char, 65536> buffer; returned < flood.size();) {
        const std::size_t size = slow.recv(buffer);
        if (size == 0) throw std::runtime_error{"the server has hung up"};
        returned += size;
    }
    sender.finish();
    say("when it reads at last, all comes back: ", returned, " bytes");

    stop.request_stop();
    running.finish();
    std::array<std::byte, 1> buffer;
    say("stopped; the clients still connected read the end: ", first.recv(buffer), " bytes");
}

constexpr std::string_view help =
    "usage: demo\n"
    "       demo serve [--bind ADDRESS] [--port N] [--trigger level|edge] [--quiet]\n"
    "       demo connect HOST PORT\n"
    "       demo --help\n"
    "\n"
    "An echo server for thousands of clients in one thread, on epoll. Without an argument: a demonstration.\n"
    "\n"
    "  serve            sends back what comes, to every client\n"
    "  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...\n"
    "  --port N         6666 by default; 0 lets the system choose\n"
    "  --trigger HOW    edge (the default): registered once, read until there is no more\n"
    "                   level: reminded until it is read\n"
    "  --quiet          only the line `listening on ADDRESS:PORT`\n"
    "  connect          sends what you type and shows what the server says; Ctrl-D ends it\n";

}  // namespace

int main(int argc, char** argv) {
    net::trigger how = net::trigger::edge;
    return example::run(argc, argv, help,
                        {.demonstrate =
                             [] {
                                 show_triggers();
                                 show_forgotten_clients();
                                 show_reset();
                                 show_limits();
                                 show_server(net::trigger::level);
                                 show_server(net::trigger::edge);
                                 say("The clients cannot tell the two apart. The server can: edge-triggered it saves "
                                     "the system calls by");
                                 say("which a level trigger is told to wait for room, and told again to stop.");
                             },
                         .serve = [&](const example::serve_options& options) { serve(options, how); },
                         .connect = [](const std::string& host,
                                       std::uint16_t port) { example::talk(net::tcp_stream::connect(host, port)); },
                         .more_options =
                             [&](example::arguments& words) {
                                 const auto trigger = words.value("--trigger");
                                 if (trigger && *trigger != "level" && *trigger != "edge")
                                     throw example::usage_error{"--trigger is level or edge"};
                                 if (trigger == "level") how = net::trigger::level;
                             }});
}

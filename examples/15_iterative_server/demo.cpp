// examples/15_iterative_server/demo.cpp: an echo server that serves one client at a time
//
//        server            kernel                        clients
//          |                 queue: first  <───────────────  first connects
//        accept  <──────────   first
//        recv, send  <────────────────────────────────────>  first talks
//          |                 queue: second  <──────────────  second connects, and may already send
//        recv gives 0  <───────────────────────────────────  first has no more to say
//        accept  <──────────   second
//
// The notes compare it with a star who signs: one at a time, the others wait, and waiting they are connected
// already. That is right when conversations are short. And as one client who does nothing would keep all the
// others waiting, here he may do so for 30 seconds.
//
// The notes:     单进程 TCP服务器 (a TCP server in one process)
// Type:          demo                             a demonstration
//                demo serve --timeout 30          and in two other terminals
//                demo connect localhost 6666      or: nc localhost 6666
// You will see:  what demo.txt shows, with the ports' real numbers in it. The server says who has
//                come, and how it ended; Ctrl-C stops it, even in the middle of a conversation

#include <netnotes/server.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

/// What the server does with a client: the handler that net::iterative_server calls.
struct echo {
    net::duration patience;  ///< with a client who says nothing, or does not take his answers
    bool quiet = false;

    void operator()(net::tcp_stream& client, const net::endpoint& peer) const {
        if (!quiet) say(peer, "  connected");
        client.set_timeout(patience);
        char buffer[16 * 1024];
        std::error_code error;
        std::size_t echoed = 0;
        // A receive of nothing is the end, and so is every further one. At this point the notes' loop prints
        // "客户端已经关闭" (the client has closed), and goes round again, at full speed, for ever: no `break`.
        for (;;) {
            const std::size_t size = client.recv(buffer, error);
            if (error || size == 0) break;
            echoed += client.send_all(std::span{buffer}.first(size), error);
            if (error) break;
        }
        if (!quiet) say(peer, "  gone: ", example::farewell(error), ", after ", echoed, " bytes");
    }
    /// What goes wrong before there is a client to serve: no descriptor is free, say. The server tries on.
    void on_accept_error(std::error_code why) const { std::cerr << "accept: " << why.message() << '\n'; }
};

void serve(const example::serve_options& options, net::duration patience) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener{options.where};
    example::announce(listener.local_endpoint());
    net::iterative_server{std::move(listener), echo{patience, options.quiet}}.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// The same server, in a thread. Its lines and those of the clients cannot change places: it speaks before it
/// answers and before it closes, and the clients speak when they have seen that.
class running_server {
  public:
    explicit running_server(const net::endpoint& where, net::duration patience = net::never)
        : listener_{where},
          where_{listener_.local_endpoint()},
          thread_{stop_, [this, patience] {
                      net::iterative_server{std::move(listener_), echo{patience}}.run(stop_);
                  }} {}
    void stop() {
        stop_.request_stop();
        thread_.finish();
    }
    [[nodiscard]] const net::endpoint& where() const { return where_; }

  private:
    net::stop_event stop_;
    net::tcp_listener listener_;
    net::endpoint where_;
    example::background thread_;
};

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: any that is free

/// The next bytes from the server; so few come in one piece.
std::string heard(net::tcp_stream& client) {
    char buffer[100];
    const std::size_t size = client.recv(buffer);
    return size == 0 ? "the end" : '"' + std::string{buffer, size} + '"';
}

void one_at_a_time() {
    heading("单进程 TCP服务器: one at a time (the lines that begin with an address are the server's)");
    running_server server{anywhere};
    net::tcp_stream first{server.where()};
    first.send_all("I am the first");
    say("first client hears ", heard(first));

    net::tcp_stream second{server.where()};
    second.send_all("I am the second");
    say("second client is connected and has sent, though the server is busy");
    char buffer[100];
    std::error_code error;
    second.set_timeout(50ms);
    second.recv(buffer, error);
    say("second client hears nothing in 50 ms: ", error.message());
    second.set_timeout(net::never);

    first.shutdown(net::shutdown_direction::send);
    const std::string end = heard(first);
    const std::string answer = heard(second);  // what he sent has waited in the kernel
    say("first client ended his half, and heard ", end);
    say("second client hears ", answer);
    const std::string again = heard(first), and_again = heard(first);
    say("first client receives again, and hears ", again, "; again: ", and_again, "; and so it would go on");
    second.shutdown(net::shutdown_direction::send);
    say("second client ended his half, and heard ", heard(second));
}

void a_client_who_is_torn_away() {
    heading("A client who is torn away");
    running_server server{anywhere};
    net::tcp_stream torn{server.where()};
    torn.send_all("I am fine");
    say("client hears ", heard(torn));
    torn.set_option(net::option::linger{0s});  // closing then sends a reset, where else it sends the end
    torn.close();
    net::tcp_stream next{server.where()};
    next.send_all("and I am next");
    const std::string answer = heard(next);
    say("next client hears ", answer);
    next.shutdown(net::shutdown_direction::send);
    say("next client ended his half, and heard ", heard(next));
}

void a_client_who_says_nothing() {
    heading("A client who says nothing, and a server that bears it for 50 ms");
    running_server server{anywhere, 50ms};
    net::tcp_stream silent{server.where()};
    say("silent client hears ", heard(silent));
}

void stop_and_start_again() {
    heading("Stopped in the middle of a conversation, and started again");
    net::endpoint where;
    {
        running_server server{anywhere};
        where = server.where();
        net::tcp_stream client{where};
        client.send_all("let us talk");
        say("client hears ", heard(client));
        // SO_REUSEADDR lets nobody listen beside one who does.
        std::error_code error;
        try {
            net::tcp_listener{where};
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        say("a second server wants the same port while the first has it: ", error.message());
        server.stop();
        say("client hears ", heard(client));
    }
    // The server closed first, so on its side the connection stays for a minute, in the state TIME_WAIT, and
    // keeps the port (RFC 9293 §3.6.1). The notes' other servers do not set the option, and cannot be started
    // again so soon. On Linux both must have it: the server that has gone and the one that comes.
    std::error_code error;
    net::socket without{net::address_family::inet, net::socket_type::stream};
    without.bind(where, error);
    say("bind without SO_REUSEADDR: ", error.message());
    without.close();
    running_server again{where};
    net::tcp_stream client{where};
    client.send_all("there you are");
    say("and with it, as every tcp_listener does: client hears ", heard(client));
    client.shutdown(net::shutdown_direction::send);
    say("client ended his half, and heard ", heard(client));
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--timeout N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server that serves one client at a time. Without an argument: a demonstration.

  serve            sends every client back what he says, until he has no more to say
  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --timeout N      seconds that a client may do nothing before he is dropped, 30 by default
  --quiet          only the line `listening on ADDRESS:PORT`
  connect          sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::optional<unsigned> timeout;
    const auto only_for_serve = [&] {
        if (timeout) throw example::usage_error{"--timeout goes with serve"};
    };
    example::roles roles;
    roles.more_options = [&](example::arguments& words) { timeout = words.number("--timeout", 1, 86400); };
    roles.serve = [&](const example::serve_options& options) {
        serve(options, std::chrono::seconds{timeout.value_or(30)});
    };
    roles.connect = [&](const std::string& host, std::uint16_t port) {
        only_for_serve();
        example::talk(net::tcp_stream::connect(host, port));
    };
    roles.demonstrate = [&] {
        only_for_serve();
        one_at_a_time();
        a_client_who_is_torn_away();
        a_client_who_says_nothing();
        stop_and_start_again();
    };
    return example::run(argc, argv, help, roles);
}

// examples/15_iterative_server/demo.cpp: an echo server that serves one client at a time
//
//        server            kernel                        clients
//          |                 queue: first  <───────────────  first connects
//        accept  <──────────   first
//        recv, send  <────────────────────────────────────>  first sends, and gets it back
//          |                 queue: second  <──────────────  second connects, and may already send
//        recv returns 0  <─────────────────────────────────  first sends no more
//        accept  <──────────   second
//
// The notes compare the server with a star who signs autographs: the fans wait. The waiting clients are already connected.
// This is right for short conversations. A silent client would keep all others waiting, so the server limits its silence
// to 30 seconds.
//
// The notes:     单进程 TCP服务器 (a TCP server in one process)
// Type:          demo                             a demonstration
//                demo serve --timeout 30          and in two other terminals
//                demo connect localhost 6666      or: nc localhost 6666
// You will see:  what demo.txt shows, with real ports. The server prints a line when a client connects, and a line when
//                the conversation has ended. Ctrl-C stops it, even in the middle of a conversation

#include <netnotes/server.hpp>

#include "../demo.hpp"

using example::heading;
using example::heard;
using example::say;

namespace {

using namespace std::chrono_literals;

/// Serves a client: net::iterative_server calls this handler.
struct echo {
    net::duration patience;  ///< how long a client may be silent, or may leave its answers unread
    bool quiet = false;

    void operator()(net::tcp_stream& client, const net::endpoint& peer) const {
        if (!quiet) say(peer, "  connected");
        client.set_timeout(patience);
        std::error_code error;
        const std::size_t echoed = example::echo(client, error);
        if (!quiet) say(peer, "  gone: ", example::farewell(error), ", after ", echoed, " bytes");
    }
    /// Reports a failure of accept(), for example if no descriptor is left. The server tries again.
    void on_accept_error(std::error_code why) const { std::cerr << "accept: " << why.message() << '\n'; }
};

void serve(const example::serve_options& options, net::duration patience) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = example::listen(options);
    net::iterative_server{std::move(listener), echo{patience, options.quiet}}.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// The same server in a thread. The order of the lines is fixed: the server prints before it answers or closes, and the
/// clients print after they have received.
struct running_server : example::running_server {
    explicit running_server(const net::endpoint& where, net::duration patience = net::never)
        : example::running_server{where, [patience](net::tcp_listener listener, const net::stop_event& stop) {
                                      net::iterative_server{std::move(listener), echo{patience}}.run(stop);
                                  }} {}
};

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: the system chooses a port

void one_at_a_time() {
    heading("单进程 TCP服务器: one client at a time (the server prints the lines that begin with an address)");
    running_server server{anywhere};
    net::tcp_stream first{server.where()};
    first.send_all("I am the first");
    say("first client receives ", heard(first));

    net::tcp_stream second{server.where()};
    second.send_all("I am the second");
    say("second client is connected and has sent, though the server is busy");
    char buffer[100];
    std::error_code error;
    second.set_timeout(50ms);
    second.recv(buffer, error);
    say("second client receives nothing within 50 ms: ", error.message());
    second.set_timeout(net::never);

    first.shutdown(net::shutdown_direction::send);
    const std::string end = heard(first);
    const std::string answer = heard(second);  // its bytes have waited in the kernel
    say("first client sends no more, and receives ", end);
    say("second client receives ", answer);
    const std::string again = heard(first), and_again = heard(first);
    say("first client receives again: ", again, ", and again: ", and_again);
    second.shutdown(net::shutdown_direction::send);
    say("second client sends no more, and receives ", heard(second));
}

void a_silent_client() {
    heading("A silent client, and a server whose limit is 50 ms");
    running_server server{anywhere, 50ms};
    net::tcp_stream silent{server.where()};
    say("silent client receives ", heard(silent));
}

void stop_and_start_again() {
    heading("Stopped in the middle of a conversation, and started again");
    net::endpoint where;
    {
        running_server server{anywhere};
        where = server.where();
        net::tcp_stream client{where};
        client.send_all("let us talk");
        say("client receives ", heard(client));
        // SO_REUSEADDR does not permit a second listener beside a listener.
        std::error_code error;
        try {
            net::tcp_listener{where};
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        say("a second server on the same port: ", error.message());
        server.stop();
        say("client receives ", heard(client));
    }
    // The server closed first. So its end of the connection stays in TIME-WAIT for a minute and holds the port (RFC
    // 9293 §3.6.1). On Linux the old socket and the new socket must both have SO_REUSEADDR. The notes set it here, and in the
    // servers of the next lessons, but not in their earlier servers.
    std::error_code error;
    net::socket without{net::address_family::inet, net::socket_type::stream};
    without.bind(where, error);
    say("bind without SO_REUSEADDR: ", error.message());
    without.close();
    running_server again{where};
    net::tcp_stream client{where};
    client.send_all("there you are");
    say("bind with SO_REUSEADDR, as every tcp_listener: client receives ", heard(client));
    client.shutdown(net::shutdown_direction::send);
    say("client sends no more, and receives ", heard(client));
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--timeout N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server that serves one client at a time. Without an argument: a demonstration.

  serve            sends each client its own bytes back, until the client sends no more
  --bind ADDRESS   the address to listen on: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --timeout N      closes a client that is silent for N seconds, 30 by default
  --quiet          prints only the line `listening on ADDRESS:PORT`
  connect          sends what you type and shows what the server sends; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::optional<unsigned> timeout;
    example::roles roles;
    roles.more_options = [&](example::arguments& words) { timeout = words.number("--timeout", 1, 86400); };
    roles.serve = [&](const example::serve_options& options) {
        serve(options, std::chrono::seconds{timeout.value_or(30)});
    };
    roles.demonstrate = [] {
        one_at_a_time();
        a_silent_client();
        stop_and_start_again();
    };
    return example::run(argc, argv, help, roles);
}

// examples/07_udp_echo/demo.cpp: a server that sends every datagram back
//
//        clients                     the server's one socket
//          a  ── "1" ──────────┐       queue: 1 2 3
//          b  ── "2" ──────────┼────>  recv_batch: all that are there, with their senders     one system call
//          c  ── "3" ──────────┘       |
//          a  <─ "1" ──────────┐       |
//          b  <─ "2" ──────────┼─────  send_batch: each back to its own sender                one system call
//          c  <─ "3" ──────────┘
//
// Each answer leaves from the address that its client has asked: on 0.0.0.0 the server has many, and a client takes an
// answer from no other. The sender that recv_batch() tells knows it, and so send_batch() does.
//
// No connections, so nothing to accept, nothing to keep for a client, nobody who could hold the server up: that is why
// one socket and one thread serve any number of them. What a client must do itself is wait with a limit.
//
// The notes:     udp echo 服务器 (an echo server)
// Type:          demo                             a demonstration
//                demo serve --port 6666           and in a second terminal
//                demo connect localhost 6666      or: nc -u localhost 6666
// You will see:  what demo.txt shows. The server shows what comes; the client each line that came
//                back. Its exit status is 1 if one did not

#include <netnotes/udp.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The server -----------------------------------------------------------------------------------------

class echo_server {
  public:
    explicit echo_server(const net::endpoint& where, bool quiet = true) : socket_{where}, quiet_{quiet} {
        socket_.set_option(net::option::receive_buffer{4 << 20});  // the system gives less if it has a limit
        answers_.reserve(batch_.count());
    }
    [[nodiscard]] net::endpoint where() const { return socket_.local_endpoint(); }
    [[nodiscard]] std::size_t system_calls() const { return system_calls_; }

    void run(const net::stop_event& stop) {
        socket_.stop_with(stop);
        const auto port = where().port();
        for (;;) {
            std::error_code error;
            const auto datagrams = socket_.recv_batch(batch_, error);
            if (error == std::errc::operation_canceled) return;
            if (error) {  // no memory, say; it may pass
                std::cerr << "receive: " << error.message() << '\n';
                pollfd watched{stop.native_handle(), POLLIN, 0};
                ::poll(&watched, 1, 100);
                continue;
            }
            ++system_calls_;
            answers_.clear();
            for (const auto& [bytes, sender, truncated] : datagrams) {
                const bool answered = may_be_answered(sender, port);
                if (!quiet_)
                    say(sender, "  ", bytes.size(), " bytes, number ", ++received_, answered ? "" : ": not answered");
                if (answered) answers_.push_back({bytes, sender});
            }
            answer(error);
        }
    }

  private:
    /// Anybody can put a false sender on a datagram (RFC 8085 §6). If it is the address of another echo server, the
    /// two send it to and fro for ever: so no answer to a port like our own, and none to the system's services.
    static bool may_be_answered(const net::endpoint& sender, std::uint16_t own_port) {
        return sender.port() != own_port && sender.port() >= 1024;
    }
    void answer(std::error_code& error) {
        for (std::span<const net::udp_socket::outgoing> rest{answers_}; !rest.empty();) {
            const std::size_t sent = socket_.send_batch(rest, error);
            ++system_calls_;
            if (error == std::errc::operation_canceled) return;
            // One who cannot be reached must not cost the others their answers.
            if (error && !quiet_) say(rest[sent].to, "  cannot be answered: ", error.message());
            rest = rest.subspan(sent + (error ? 1 : 0));
        }
    }

    net::udp_socket socket_;
    net::datagram_batch batch_{64, net::datagram_batch::any_size};  // 64 at most in hand; none is truncated
    std::vector<net::udp_socket::outgoing> answers_;
    bool quiet_;
    std::size_t received_ = 0, system_calls_ = 0;
};

void serve(const example::serve_options& options) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    echo_server server{options.where, options.quiet};
    example::announce(server.where());
    server.run(stop);
}

// ---- The client -----------------------------------------------------------------------------------------

/// Sends the line as a datagram and waits for that very line to come back. One that comes back too late is not taken
/// for the answer to the next.
std::error_code ask(net::udp_socket& server, std::string_view line, net::duration patience) {
    std::error_code error;
    server.set_deadline(net::clock::now() + patience);  // for the whole, whatever else comes meanwhile
    server.send(line, error);
    if (error == std::errc::connection_refused) server.send(line, error);  // that was about the datagram before
    char buffer[example::longest_line + 2];
    while (!error) {
        const auto answer = server.recv_from(buffer, error);
        if (!error && !answer.truncated && net::as_text(answer.bytes) == line) return {};
    }
    return error;
}

void ask_lines(const std::string& host, std::uint16_t port) {
    const auto addresses = net::resolve(host, port, {.type = net::socket_type::datagram});
    net::udp_socket server;
    auto next = addresses.begin();
    const auto connect_to_next = [&] {
        server = net::udp_socket{next->address().is_v4() ? net::address_family::inet : net::address_family::inet6};
        server.connect(*next++);
    };
    connect_to_next();
    std::size_t lines = 0, unanswered = 0;
    example::each_line([&](std::string_view line) {
        ++lines;
        std::error_code error = ask(server, line, 1s);
        // "localhost" may be ::1 first, where nobody listens, and then 127.0.0.1.
        for (; error == std::errc::connection_refused && lines == 1 && next != addresses.end();
             error = ask(server, line, 1s))
            connect_to_next();
        if (!error) std::cout << line << '\n';
        if (error) ++unanswered;
        if (error == std::errc::timed_out)
            std::cerr << "line " << lines << ": no answer within 1 s\n";
        else if (error)
            std::cerr << "line " << lines << ": " << error.message() << '\n';
    });
    if (unanswered > 0)
        throw std::runtime_error{std::to_string(unanswered) + " of " + std::to_string(lines) + " lines not answered"};
}

// ---- The demonstration ----------------------------------------------------------------------------------

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: any that is free

std::string outcome(const std::error_code& error) { return error ? error.message() : "it came back"; }

void one_client() {
    heading("udp echo 服务器: what goes in comes out (the lines that begin with an address are the server's)");
    net::stop_event stop;
    echo_server server{anywhere, false};
    const net::endpoint where = server.where();
    example::background running{stop, [&] { server.run(stop); }};
    net::udp_socket client{net::address_family::inet};
    client.connect(where);
    client.set_timeout(5s);
    std::vector<std::byte> buffer(net::max_datagram_v4);
    for (const std::string& text :
         {std::string{"hello"}, std::string{"你好"}, std::string{}, std::string(65'507, 'x')}) {
        client.send(text);
        const bool same = net::as_text(client.recv_from(buffer).bytes) == text;
        say("client: ", text.size(), " bytes, ", same ? "the same came back" : "something else came back");
    }
    stop.request_stop();
    running.finish();
    say("The server was asked to stop, and has: unlike the notes', whose close() stands behind an endless loop.");
}

void hundred_clients() {
    heading("A hundred clients, one socket");
    net::stop_event stop;
    echo_server server{anywhere};
    const net::endpoint where = server.where();
    std::vector<net::udp_socket> clients(100);
    for (std::size_t i = 0; i < clients.size(); ++i) {
        clients[i] = net::udp_socket{net::address_family::inet};
        clients[i].connect(where);
        clients[i].set_timeout(5s);
        clients[i].send("client " + std::to_string(i));
    }
    say("all have asked before the server looks");
    example::background running{stop, [&] { server.run(stop); }};
    std::size_t right = 0;
    char buffer[100];
    for (std::size_t i = 0; i < clients.size(); ++i)
        right += net::as_text(clients[i].recv_from(buffer).bytes) == "client " + std::to_string(i);
    stop.request_stop();
    running.finish();
    say(right, " have their own datagram back");
    say("the server has received and sent with ", server.system_calls(), " system calls; the notes' takes 200");
}

void not_harmless() {
    heading("An echo server is not harmless");
    net::udp_socket first{anywhere}, second{anywhere};
    char buffer[100];
    first.send_to("forged", second.local_endpoint());  // as if somebody had sent it in the name of `first`
    int rounds = 0;
    while (rounds < 1000) {
        for (net::udp_socket* const echo : {&second, &first}) {
            const auto got = echo->recv_from(buffer);
            echo->send_to(got.bytes, got.sender);
        }
        ++rounds;
    }
    say("two such as in the notes, and one datagram with a false sender: after ", rounds, " rounds it still goes on");

    net::stop_event stop;
    echo_server server{anywhere};
    const auto port = server.where().port();
    net::udp_socket other{{net::ipv4_address{127, 0, 0, 2}, port}};  // an echo server elsewhere has the same port
    other.connect(server.where());
    example::background running{stop, [&] { server.run(stop); }};
    say("this server, asked in the name of another on the same port: ", outcome(ask(other, "forged", 50ms)));
    net::udp_socket client{net::address_family::inet};
    client.connect({net::ipv4_address::loopback(), port});
    say("this server, asked by a client:                             ", outcome(ask(client, "honest", 5s)));
    stop.request_stop();
    running.finish();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server for datagrams. Without an argument: a demonstration.

  serve            sends every datagram back to its sender, unless that is another server's port
  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --quiet          only the line `listening on ADDRESS:PORT`
  connect          sends each line as a datagram, shows what comes back, and waits one second for it;
                   exit status 1 if any line had no answer
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help,
                        {.demonstrate =
                             [] {
                                 one_client();
                                 hundred_clients();
                                 not_harmless();
                             },
                         .serve = serve,
                         .connect = ask_lines});
}

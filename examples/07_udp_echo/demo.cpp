// examples/07_udp_echo/demo.cpp: an echo server that takes many datagrams in one system call
//
//        clients                     the server's one socket
//          a  ── "1" ──────────┐       queue: 1 2 3
//          b  ── "2" ──────────┼────>  recv_batch: all datagrams that are there, with their senders     one system call
//          c  ── "3" ──────────┘       |
//          a  <─ "1" ──────────┐       |
//          b  <─ "2" ──────────┼─────  send_batch: each datagram to its own sender                      one system call
//          c  <─ "3" ──────────┘
//
// The server has no connections. It accepts nothing and keeps nothing for a client. So one socket and one thread serve
// any number of clients. A client must limit its own wait.
//
// The server waits for questions only. Datagrams to a neighbour that does not answer ARP stay in the send buffer for
// seconds, and a forged sender can name such a neighbour. When the buffer is full, the answers are lost (MSG_DONTWAIT).
//
// Each answer leaves from the address that its client has written to. A server on 0.0.0.0 has many addresses, and a
// connected client takes an answer only from the right one. The sender in each received datagram remembers it.
//
// The notes:     udp echo 服务器 (an echo server)
// Type:          demo
// You will see:  what demo.txt shows

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
            if (error) throw std::system_error{error, "recv_batch"};
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
    /// Returns false if the sender may be another server. A program can put a false sender on a datagram (RFC 8085 §6).
    /// If that is an echo server, the two servers answer each other for ever.
    static bool may_be_answered(const net::endpoint& sender, std::uint16_t own_port) {
        return sender.port() != own_port && sender.port() >= 1024;
    }
    void answer(std::error_code& error) {
        for (std::span<const net::udp_socket::outgoing> rest{answers_}; !rest.empty();) {
            const std::size_t sent = socket_.send_batch(rest, error, MSG_DONTWAIT);
            ++system_calls_;
            if (error == std::errc::operation_canceled) return;
            if (error == net::would_block) return;  // the buffer is full: the rest of the answers is lost
            // If a client cannot be reached, the other clients still get their answers.
            if (error && !quiet_) say(rest[sent].to, "  cannot be answered: ", error.message());
            rest = rest.subspan(sent + (error ? 1 : 0));
        }
    }

    net::udp_socket socket_;
    net::datagram_batch batch_{64, net::datagram_batch::any_size};  // room for 64 datagrams of any size
    std::vector<net::udp_socket::outgoing> answers_;
    bool quiet_;
    std::size_t received_ = 0, system_calls_ = 0;
};

// ---- The demonstration ----------------------------------------------------------------------------------

/// Sends the line as a datagram and waits until the same line comes back. A late echo of an earlier line is ignored.
std::error_code ask(net::udp_socket& server, std::string_view line, net::duration timeout) {
    std::error_code error;
    server.set_deadline(net::clock::now() + timeout);  // for the whole call, whatever else arrives meanwhile
    server.send(line, error);
    char buffer[100];
    while (!error)
        if (net::as_text(server.recv_from(buffer, error).bytes) == line && !error) break;
    return error;
}

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: the system chooses

std::string outcome(const std::error_code& error) { return error ? error.message() : "it came back"; }

void one_client() {
    heading("udp echo 服务器: every datagram comes back (the server's lines begin with an address)");
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
    say("The server was asked to stop, and it has stopped. The notes' close() stands behind an endless loop.");
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
    say("all clients have sent before the server receives");
    example::background running{stop, [&] { server.run(stop); }};
    std::size_t right = 0;
    char buffer[100];
    for (std::size_t i = 0; i < clients.size(); ++i)
        right += net::as_text(clients[i].recv_from(buffer).bytes) == "client " + std::to_string(i);
    stop.request_stop();
    running.finish();
    say(right, " clients have their own datagram back");
    say("the server has made ", server.system_calls(), " system calls; the notes' server makes 200");
}

void not_harmless() {
    heading("An echo server is not harmless");
    net::udp_socket first{anywhere}, second{anywhere};
    char buffer[100];
    first.send_to("forged", second.local_endpoint());  // plays a datagram with a false sender
    int rounds = 0;
    while (rounds < 1000) {
        for (net::udp_socket* const echo : {&second, &first}) {
            const auto got = echo->recv_from(buffer);
            echo->send_to(got.bytes, got.sender);
        }
        ++rounds;
    }
    say("two servers like the notes', and one datagram with a false sender: ", rounds, " rounds, and no end");

    net::stop_event stop;
    echo_server server{anywhere};
    const auto port = server.where().port();
    net::udp_socket other{{net::ipv4_address{127, 0, 0, 2}, port}};  // another echo server has the same port
    other.connect(server.where());
    example::background running{stop, [&] { server.run(stop); }};
    say("this server, asked in the name of another echo server: ", outcome(ask(other, "forged", 50ms)));
    net::udp_socket client{net::address_family::inet};
    client.connect({net::ipv4_address::loopback(), port});
    say("this server, asked by a client:                        ", outcome(ask(client, "honest", 5s)));
    stop.request_stop();
    running.finish();
}

constexpr std::string_view help = R"(usage: demo
       demo --help

An echo server for datagrams, with a hundred clients and with a forged sender.
The programs server and client of this lesson are the tools for two terminals.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"this example takes no arguments"};
        for (const auto part : {one_client, hundred_clients, not_harmless}) part();
    });
}

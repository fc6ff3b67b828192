// examples/18_nonblocking_server/demo.cpp: a thread that asks all clients in turn, and the cost of asking
//
//        for ever:   listener: a client?          no            EAGAIN
//                    first client: bytes?         no            EAGAIN
//                    second client: bytes?        5 bytes       and the server sends them back
//                    third client: bytes?         no            EAGAIN
//                    listener: a client?          ...
//
// No call waits, so no client can hold up another, and one thread serves many clients. But no call waits even if all
// clients are silent: then the thread uses a whole processor to hear "no". The short program server.cpp sleeps for 10 ms
// after such a round. From example 19 on, the kernel says which client has sent, and the thread sleeps until then.
//
// The notes:     单进程服务器,非阻塞模式 (a server in one process, non-blocking), and its client of 1000 connections
// Type:          demo                            a demonstration
//                demo serve --port 6666          prints its system calls each second; look at `top` as well
//                demo connect localhost 6666     a client: each line that you type comes back
//                demo connect localhost 6666 --connections 1000
// You will see:  what demo.txt shows: the errors that `except: pass` hides, the meaning of listen(n), how often the server
//                asks and hears "no", and 200 connections that each get their own bytes back

#include "../demo.hpp"

#include <netnotes/poll.hpp>

#include <algorithm>
#include <atomic>
#include <map>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The server -----------------------------------------------------------------------------------------

class asking_server {
  public:
    asking_server(net::tcp_listener listener, bool quiet) : listener_{std::move(listener)}, quiet_{quiet} {
        listener_.set_blocking(false);  // accept() returns at once, and so does recv() of its clients
    }
    void run(const net::stop_event& stop) {
        net::time_point next_report = net::clock::now() + 1s;
        std::uint64_t calls = 0, in_vain = 0;
        while (!stop.stop_requested()) {
            now_ = net::clock::now();
            ask_listener();
            std::erase_if(clients_, [this](client& each) { return !ask(each); });
            if (quiet_ || now_ < next_report) continue;
            say("this second: ", calls_ - calls, " system calls, of which ", in_vain_ - in_vain,
                " returned EAGAIN; clients: ", clients_.size());
            calls = calls_;
            in_vain = in_vain_;
            next_report = now_ + 1s;
        }
        for (client& each : clients_) gone(each, std::errc::operation_canceled);
        clients_.clear();  // a stop ends all conversations at once
    }
    [[nodiscard]] std::uint64_t calls_in_vain() const { return in_vain_; }

  private:
    struct client {
        net::tcp_stream stream;
        net::endpoint peer;
        net::time_point active;
        std::string unsent{};  ///< bytes not sent back yet; until they are, the server does not read from this client
        std::size_t echoed = 0;
    };
    static constexpr net::duration patience = 5min;  // how long a client may do nothing

    /// Counts a call. Returns true for "would block", which is expected. All other errors are the end of a client.
    bool brought_nothing(const std::error_code& error) {
        ++calls_;
        if (error != std::errc::operation_would_block) return false;
        ++in_vain_;
        return true;
    }
    void ask_listener() {
        std::error_code error;
        auto [stream, peer] = listener_.accept(error);
        if (brought_nothing(error)) return;
        // For example no descriptor is left. The clients wait in the queue, and the next round asks again. The server
        // reports each error once.
        if (error && error != std::exchange(complaint_, error)) std::cerr << "accept: " << error.message() << '\n';
        if (error) return;
        complaint_.clear();
        if (!quiet_) say(peer, "  connected");
        clients_.push_back({std::move(stream), peer, now_});
    }
    /// Serves a client for one round. Returns false if the client is gone.
    bool ask(client& who) {
        std::error_code error;
        if (who.unsent.empty()) {
            const std::size_t size = who.stream.recv(buffer_, error);
            if (brought_nothing(error)) return now_ - who.active < patience || gone(who, std::errc::timed_out);
            if (error || size == 0) return gone(who, error);
            who.unsent.assign(buffer_.data(), size);
        }
        const std::size_t sent = who.stream.send(who.unsent, error);  // perhaps a part; the next round sends the rest
        if (brought_nothing(error)) return now_ - who.active < patience || gone(who, std::errc::timed_out);
        if (error) return gone(who, error);
        who.unsent.erase(0, sent);
        who.echoed += sent;
        who.active = now_;
        return true;
    }
    bool gone(client& who, std::error_code why) const {
        example::reset_if(!who.unsent.empty(), who.stream);
        if (!quiet_) say(who.peer, "  gone: ", example::farewell(why), ", after ", who.echoed, " bytes");
        return false;
    }
    bool gone(client& who, std::errc why) const { return gone(who, std::make_error_code(why)); }

    net::tcp_listener listener_;
    bool quiet_;
    std::vector<client> clients_;
    net::time_point now_{};
    std::error_code complaint_;
    std::atomic<std::uint64_t> calls_{0}, in_vain_{0};  // the demonstration reads them while the server runs
    std::array<char, 16 * 1024> buffer_;
};

void serve(const example::serve_options& options) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = example::listen(options);
    asking_server{std::move(listener), options.quiet}.run(stop);
}

// ---- The client of many connections ---------------------------------------------------------------------

/// Opens all connections, and then sends over each. An echo server must send every byte back.
void connect_many(const std::string& host, std::uint16_t port, std::size_t count) {
    const rlim_t limit = example::raise_descriptor_limit();
    std::vector<net::tcp_stream> connections;
    net::endpoint where;  // the address of the host that has answered
    while (connections.size() < count) {
        try {
            connections.push_back(connections.empty() ? net::tcp_stream::connect(host, port, 10s)
                                                      : net::tcp_stream::connect(where, 10s));
            if (connections.size() == 1) where = connections[0].peer_endpoint();
        } catch (const std::system_error& failure) {
            std::string text = "connection " + std::to_string(connections.size() + 1) + ": " + failure.what();
            if (failure.code() == std::errc::too_many_files_open)
                text += " (this process may have " + std::to_string(limit) + "; see `ulimit -Hn`)";
            throw std::runtime_error{text};
        }
        if (const std::size_t open = connections.size();
            open % std::max<std::size_t>(count / 4, 1) == 0 || open == count)
            say(open, " of ", count, " connected");
    }
    const auto text_of = [](std::size_t i) {  // all different, so that a mix-up shows
        return "connection " + std::to_string(i) + ' ' + std::string(i * 7 % 1000, static_cast<char>('a' + i % 26));
    };
    const net::time_point end = net::clock::now() + 60s;  // for all connections together
    std::error_code error;
    for (std::size_t i = 0; i < count; ++i) {
        connections[i].set_deadline(end);
        connections[i].send_all(text_of(i), error);                     // if it fails, the receive fails, too
        connections[i].shutdown(net::shutdown_direction::send, error);  // an iterative server waits for this
    }
    say("sent over each connection");
    std::size_t wrong = 0;
    std::string first;
    for (std::size_t i = 0; i < count; ++i) {
        std::string answer;
        char buffer[2048];
        error.clear();
        while (answer.size() <= text_of(i).size()) {
            const std::size_t size = connections[i].recv(buffer, error);
            if (error || size == 0) break;
            answer.append(buffer, size);
        }
        if (!error && answer == text_of(i)) continue;
        if (++wrong == 1)
            first = "; the first is number " + std::to_string(i + 1) + ": " +
                    (error ? error.message() : std::to_string(answer.size()) + " bytes");
    }
    say(count - wrong, " of ", count, " connections got every byte back");
    if (wrong > 0)
        throw std::runtime_error{std::to_string(wrong) + " connections did not get their own bytes back" + first};
}

// ---- The demonstration ----------------------------------------------------------------------------------

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};

void four_errors() {
    heading("Calls that do not wait, and four errors that `except: pass` does not distinguish");
    net::tcp_listener listener{anywhere};
    listener.set_blocking(false);
    std::error_code error;
    listener.accept(error);
    say("accept, and no client is there: ", error.message());
    listener.set_blocking(true);
    net::tcp_stream client{listener.local_endpoint()};
    net::tcp_stream served = listener.accept().stream;
    served.set_blocking(false);
    char buffer[100];
    served.recv(buffer, error);
    say("recv, and no byte is there:     ", error.message());
    client.set_option(net::option::linger{0s});  // close() then sends a reset
    client.close();
    served.wait(POLLIN, net::time_point::max(), error);
    served.recv(buffer, error);
    say("recv, and the client reset:     ", error.message());
    served.close();
    served.recv(buffer, error);
    say("recv, and the server closed:    ", error.message());
    say("The first two mean \"ask again later\". The other two mean that the client is gone.");
}

void the_notes_list() {
    heading("1000 rounds after a client has left the notes' server");
    net::tcp_listener listener{anywhere};
    net::tcp_stream leaves{listener.local_endpoint()};
    std::vector<net::tcp_stream> clients;
    clients.push_back(listener.accept().stream);
    clients[0].set_blocking(false);
    leaves.close();
    std::error_code error;
    clients[0].wait(POLLRDHUP, net::time_point::max(), error);
    std::map<std::string, int> passed_over;
    for (int round = 0; round < 1000; ++round)
        for (net::tcp_stream& each : clients) {
            char buffer[100];
            std::string exception;
            if (each.recv(buffer, error) == 0 && !error) {
                each.close();             // the end of the stream. Then the notes append to a list that does not exist,
                exception = "NameError";  // so the client is never removed
            } else if (error) {
                exception = error.message();
            }
            if (!exception.empty()) ++passed_over[exception];  // except Exception as result: pass
        }
    say("clients in the notes' list: ", clients.size());
    for (const auto& [text, times] : passed_over) say("hidden by `pass`: ", times, " x ", text);
}

/// Returns the length of a listener's queue and its limit. TCP_INFO of a listener has them in these fields (tcp(7)).
std::pair<unsigned, unsigned> queue_of(const net::tcp_listener& listener) {
    tcp_info info{};
    listener.get_option(IPPROTO_TCP, TCP_INFO, std::as_writable_bytes(std::span{&info, 1}));
    return {info.tcpi_unacked, info.tcpi_sacked};
}

void what_listen_means() {
    heading("The number in listen(n): the queue takes n + 1 clients, and no client is refused");
    for (const unsigned n : {0u, 1u, 5u}) {
        net::tcp_listener listener{anywhere, {.backlog = static_cast<int>(n)}};
        std::vector<net::tcp_stream> clients;
        while (clients.size() < n + 1) clients.emplace_back(listener.local_endpoint());
        while (queue_of(listener).first < n + 1) std::this_thread::yield();  // the last ACK may still be under way
        net::socket late{net::address_family::inet, net::socket_type::stream};
        late.set_blocking(false);
        std::error_code error;
        late.connect(listener.local_endpoint(), error);
        late.wait(POLLOUT, net::clock::now() + 100ms, error);
        say("listen(", n, "): queue length ", queue_of(listener).first,
            "; connect of the next client, after 100 ms: ", error.message());
        if (n < 5) continue;
        clients.push_back(listener.accept().stream);
        late.wait(POLLOUT, net::clock::now() + 5s, error);
        if (!error) error = late.take_error();
        say("The server accepts a client. The kernel of the last client sends its SYN again after a second: ",
            error ? error.message() : "connected");
        say("If many clients do so at once, the queue may be full when their last ACK arrives. The kernel drops that "
            "ACK:\n"
            "the client is connected, and the server does not know it yet.");
    }
    const int most = std::numeric_limits<int>::max();
    const net::tcp_listener listener{anywhere, {.backlog = most}};
    say("listen(", most, ") is ", queue_of(listener).second < most ? "cut off at net.core.somaxconn" : "taken",
        ", without an error");
}

void what_asking_costs() {
    heading("The cost of asking");
    net::tcp_listener listener{anywhere};
    net::tcp_stream silent{listener.local_endpoint()};
    net::stop_event stop;
    asking_server server{std::move(listener), true};
    example::background asking{stop, [&] { server.run(stop); }};
    net::tcp_listener other{anywhere};
    net::epoll_poller poller;
    poller.add(other.native_handle(), net::interest::read, 0);
    poller.add(stop.native_handle(), net::interest::read, 1);
    std::atomic<int> returned{0};
    example::background waiting{stop, [&] {
                                    poller.wait(net::never);
                                    ++returned;
                                }};
    while (server.calls_in_vain() <= 10'000) std::this_thread::yield();
    say("this server has asked a silent client more than 10,000 times");
    say("an epoll server has made 1 call meanwhile, which has returned ", returned, " times: it sleeps");
    stop.request_stop();
    asking.finish();
    waiting.finish();
}

void many_connections() {
    heading("The notes' client: many connections, each with its own bytes");
    net::tcp_listener listener{anywhere};
    const std::uint16_t port = listener.local_endpoint().port();
    net::stop_event stop;
    asking_server server{std::move(listener), true};
    example::background asking{stop, [&] { server.run(stop); }};
    connect_many("127.0.0.1", port, 200);
    stop.request_stop();
    asking.finish();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT [--connections N]
       demo --help

An echo server that asks all clients in turn and never sleeps. Without an argument: a demonstration.

  serve              sends each client its own bytes back, and prints its system calls each second
  --bind ADDRESS     the address to listen on: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N           6666 by default; 0 lets the system choose
  --quiet            prints only the line `listening on ADDRESS:PORT`; the server still uses a whole processor
  connect            sends what you type and shows what the server sends; Ctrl-D ends it
  --connections N    opens N connections to any echo server, and checks that each gets its own bytes back
)";

}  // namespace

int main(int argc, char** argv) {
    std::optional<unsigned> connections;
    example::roles roles;
    roles.client_options = [&](example::arguments& words) { connections = words.number("--connections", 1, 60'000); };
    roles.serve = serve;
    roles.connect = [&](const std::string& host, std::uint16_t port) {
        connections ? connect_many(host, port, *connections) : example::connect_and_talk(host, port);
    };
    roles.demonstrate = [] {
        four_errors();
        the_notes_list();
        what_listen_means();
        what_asking_costs();
        many_connections();
    };
    return example::run(argc, argv, help, roles);
}

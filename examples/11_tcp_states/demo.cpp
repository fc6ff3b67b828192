// examples/11_tcp_states/demo.cpp: how a connection begins and ends, state by state
//
//        client                                   server
//        CLOSED                                   LISTEN         the listener, and it stays so
//        SYN-SENT      ──── SYN ──────────────>   SYN-RECEIVED   a new connection
//        ESTABLISHED   <─── SYN, ACK ──────────
//                      ──── ACK ──────────────>   ESTABLISHED
//        FIN-WAIT-1    ──── FIN ──────────────>   CLOSE-WAIT     until the program there closes, too
//        FIN-WAIT-2    <─── ACK ───────────────
//        TIME-WAIT     <─── FIN ───────────────   LAST-ACK
//                      ──── ACK ──────────────>   CLOSED
//
// Three segments open a connection. Each side numbers its bytes from a number of its own, and must hear that the other side
// knows this number (RFC 9293 §3.4.1). An old SYN that arrives late opens nothing: its SYN, ACK is answered by a reset.
// Both sides may also send a SYN at the same time (§3.5).
//
// A FIN closes one direction. It carries an ACK, and it may carry the last bytes. The other direction stays open until its
// own FIN, perhaps for hours (§3.6).
//
// Most of these states last a few microseconds. To show them, the demonstration holds up the next step. A full queue drops
// the SYN. TCP_DEFER_ACCEPT ignores the last ACK of the handshake. A FIN waits behind bytes for which the peer has no
// room. TCP_INFO returns the state of a socket, and /proc/net/tcp also the state of a connection without a socket.
//
// The notes:     TCP三次握手图解, tcp四次挥手图解过程 (opening and closing), tcp十种状态 (the states), TCP的2MSL问题
//                (TIME-WAIT), 如果已经建立了连接,但是客户端突然出现故障了怎么办 (keep-alive)
// Type:          demo             a demonstration
//                demo capture     the segments, if the system permits a capture
// You will see:  what demo.txt shows, in about two seconds: all eleven states, both ends side by side

#include "../capturing.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

using example::heading;
using example::say;
using state = net::tcp_state;

namespace {

using namespace std::chrono_literals;

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: the system chooses a port

// ---- Looking at states ----------------------------------------------------------------------------------

/// A line of /proc/net/tcp (proc(5)): the state, and the time until its timer expires, in hundredths of a second.
struct entry {
    state is = state::closed;
    unsigned timer = 0;
};
std::string in_hex(const net::endpoint& where) {
    const auto bytes = where.address().v4().to_octets();
    std::uint32_t address;
    std::memcpy(&address, bytes.data(), sizeof address);
    char text[16];
    std::snprintf(text, sizeof text, "%08X:%04X", address, unsigned{where.port()});
    return text;
}
entry look_up(const net::endpoint& local, const net::endpoint& peer) {
    std::ifstream table{"/proc/net/tcp"};
    for (std::string line; std::getline(table, line);) {
        std::istringstream words{line};
        std::string number, from, to, is, queues, timer;
        words >> number >> from >> to >> is >> queues >> timer;
        if (from == in_hex(local) && to == in_hex(peer))
            return {static_cast<state>(std::stoi(is, nullptr, 16)),
                    static_cast<unsigned>(std::stoul(timer.substr(timer.find(':') + 1), nullptr, 16))};
    }
    return {};
}

std::array<bool, 12> seen{};

std::string in_columns(std::string_view first, std::string_view second) {
    std::string line{first};
    line.resize(54, ' ');
    line += second;
    line.resize(68, ' ');
    return line;
}
void table(std::string_view title) {
    heading(title);
    say(in_columns("", "client"), "server");
}

/// The two ends of a connection, with or without sockets.
struct ends {
    net::tcp_listener listener{anywhere};
    net::tcp_stream client, server;
    net::endpoint client_name, server_name = listener.local_endpoint();

    ends() = default;
    /// Returns an established connection.
    static ends connected() {
        ends both;
        both.client = net::tcp_stream{both.server_name};
        both.client_name = both.client.local_endpoint();
        both.server = both.listener.accept().stream;
        return both;
    }
    state of_client() const { return of(client, client_name, server_name); }
    state of_server() const { return of(server, server_name, client_name); }
    /// Waits until both ends are in these states, at most for five seconds. No system call waits for a state, so this
    /// function looks again and again.
    void await(state expected_client, state expected_server) const {
        const auto give_up = net::clock::now() + 5s;
        while ((of_client() != expected_client || of_server() != expected_server) && net::clock::now() < give_up)
            std::this_thread::sleep_for(2ms);
    }
    /// Prints a line of the table. It waits for the expected states, and prints the real states.
    void are(std::string_view because, state expected_client, state expected_server) const {
        await(expected_client, expected_server);
        for (const state is : {of_client(), of_server()}) seen[static_cast<std::size_t>(is)] = true;
        say(in_columns(because, to_string(of_client())), to_string(of_server()));
    }

  private:
    static state of(const net::tcp_stream& stream, const net::endpoint& local, const net::endpoint& peer) {
        std::error_code error;
        const state is = stream.info(error).state;
        return error || is == state::closed ? look_up(local, peer).is : is;
    }
};

// ---- The demonstration ----------------------------------------------------------------------------------

void opening() {
    table("TCP三次握手: opening, with a full queue, and a listener that waits for data");
    ends both;
    both.listener = net::tcp_listener{anywhere, {.backlog = 1}};
    both.server_name = both.listener.local_endpoint();
    both.listener.set_option(IPPROTO_TCP, TCP_DEFER_ACCEPT, 30);  // seconds
    net::tcp_stream early[] = {net::tcp_stream{both.server_name}, net::tcp_stream{both.server_name}};
    for (net::tcp_stream& one : early) one.send_all("x");
    while (both.listener.queue_length() < 2) std::this_thread::sleep_for(1ms);  // listen(1) has room for two

    net::socket client{net::address_family::inet, net::socket_type::stream};
    client.bind(anywhere);
    both.client_name = client.local_endpoint().ip();
    both.are("socket(); no segment has been sent", state::closed, state::closed);
    client.set_blocking(false);
    std::error_code error;
    client.connect(both.server_name, error);
    both.client = net::tcp_stream{std::move(client)};
    both.are("connect(): the queue is full, the SYN is dropped", state::syn_sent, state::closed);
    for (net::tcp_stream& one : early) one = both.listener.accept().stream;
    both.are("a second later, a new SYN; the last ACK is ignored", state::established, state::syn_received);
    both.client.set_blocking(true);
    both.client.send_all("hello");
    both.are("send(): each segment carries that ACK again", state::established, state::established);
    // The notes say that the server process changes its state. The kernel has done all this alone.
    say("The server's program has not called accept() for this client yet.");
    const state listens = net::tcp_stream{std::move(both.listener).into_socket()}.info().state;
    seen[static_cast<std::size_t>(listens)] = true;
    say("The listener is still in the state ", to_string(listens), ". Each connection has a state of its own.");
}

/// Sends until the peer has no more room. Bytes and a FIN that are sent now have to wait.
void fill(net::tcp_stream& stream) {
    const std::string much(256 * 1024, 'x');
    stream.set_blocking(false);
    std::error_code error;
    while (stream.info().bytes_not_sent == 0 || stream.info().unacknowledged > 0) {
        while (stream.send(much, error), !error) continue;
        std::this_thread::sleep_for(1ms);  // an acknowledgment under way may still make room
    }
    stream.set_blocking(true);
}
/// Receives until the end of the stream.
void drain(net::tcp_stream& stream) {
    std::string much(256 * 1024, '\0');
    while (stream.recv(much) > 0) continue;
}

void closing() {
    table("tcp四次挥手: closing, the client closes first");
    ends both = ends::connected();
    both.are("connected", state::established, state::established);
    fill(both.client);
    both.client.shutdown(net::shutdown_direction::send);
    both.are("client: shutdown(send). The FIN waits behind bytes", state::fin_wait_1, state::established);
    drain(both.server);
    both.are("server: reads to the end; the FIN has arrived", state::fin_wait_2, state::close_wait);
    both.server.send_all("still here");
    char buffer[100];
    const std::size_t size = both.client.recv(buffer);
    say("  the other direction is open: \"", std::string_view{buffer, size}, "\" arrives");
    fill(both.server);
    both.server.shutdown(net::shutdown_direction::send);
    both.are("server: shutdown(send). The FIN waits behind bytes", state::fin_wait_2, state::last_ack);
    drain(both.client);
    both.are("client: reads to the end; the FIN has arrived", state::time_wait, state::closed);
    // The 60 s are compiled into the kernel. The setting tcp_fin_timeout is about FIN-WAIT-2, in spite of its name.
    const unsigned left = look_up(both.client_name, both.server_name).timer;
    say("TIME-WAIT ends after ", (left + 999) / 1000 * 10,
        " s. On Linux no setting changes that. (2 MSL of RFC 9293 is 4 min.)");
    say("If the last ACK is lost, the server in LAST-ACK sends its FIN again, and the client's kernel can answer.");
}

unsigned setting(const std::string& name) {
    unsigned number = 0;
    std::ifstream{"/proc/sys/net/ipv4/" + name} >> number;
    return number;
}

void closing_without_shutdown() {
    table("close() is not shutdown(): after it, the client cannot receive");
    ends both = ends::connected();
    both.client.close();
    both.are("client: close()", state::fin_wait_2, state::close_wait);
    const unsigned left = look_up(both.client_name, both.server_name).timer, most = 100 * setting("tcp_fin_timeout");
    say("The server's end stays in CLOSE-WAIT until its program closes. The client's end has no program any more, and");
    say("ends when a timer expires (tcp_fin_timeout, 60 s by default). Does the timer run? ",
        left > 0 && left <= most ? "yes" : "no");
    say("Before it expires, the server sends:");
    both.server.send_all("late");
    both.are("server: send() takes the bytes; the answer is a reset", state::closed, state::closed);
    std::error_code error;
    both.server.send("later", error);
    say("server: send() again: ", error.message());
}

void the_server_first() {
    table("The server closes first");
    ends both = ends::connected();
    both.server.close();
    char buffer[1];
    say("client: recv() returns ", both.client.recv(buffer), ", and again: ", both.client.recv(buffer));
    both.client.close();
    both.are("server: close(); client: close()", state::closed, state::time_wait);
    say("TIME-WAIT is with the side that closes first. Now it holds the server's port: see SO_REUSEADDR.");
}

void both_at_once() {
    table("Both sides close at the same time: the state that the notes leave out");
    ends both = ends::connected();
    fill(both.client);
    fill(both.server);
    both.client.shutdown(net::shutdown_direction::send);
    both.server.shutdown(net::shutdown_direction::send);
    both.are("both: shutdown(send). Both FINs wait", state::fin_wait_1, state::fin_wait_1);
    drain(both.server);
    both.are("server: reads to the end; the FIN has arrived", state::fin_wait_2, state::closing);
    drain(both.client);
    both.are("client: reads to the end", state::time_wait, state::time_wait);
}

void reset() {
    table("Reset: no FIN, and no state remains");
    ends both = ends::connected();
    both.client.send_all("hello");
    both.client.set_option(net::option::linger{0s});
    both.client.close();
    both.are("client: linger of 0 s, close(): a reset", state::closed, state::closed);
    char buffer[100];
    const std::size_t size = both.server.recv(buffer);
    std::error_code error;
    both.server.recv(buffer, error);
    say("server: recv() returns the ", size, " bytes that had arrived, and then: ", error.message());
}

void keep_alive() {
    heading("Keep-alive: when is a dead peer noticed?");
    constexpr net::keep_alive usual;
    static_assert(usual.until_verdict() == 7875s);
    say("                    the notes     tcp(7)    this machine");
    say("silence before      2 hours       ", usual.idle.count(), " s    here: ", setting("tcp_keepalive_time"), " s");
    say("between two probes  75 minutes    ", usual.interval.count(), " s      here: ", setting("tcp_keepalive_intvl"),
        " s");
    say("probes              10            ", usual.count, "         here: ", setting("tcp_keepalive_probes"));
    ends both = ends::connected();
    say("a new connection: keep-alive is ", both.client.keep_alive() ? "on" : "off");
    both.client.set_keep_alive(net::keep_alive{.idle = 60s, .interval = 10s, .count = 3});
    say("with set_keep_alive({60s, 10s, 3}): noticed after ", both.client.keep_alive()->until_verdict().count(), " s");
}

void the_eleven() {
    heading("tcp十种状态: the notes count ten states, and use the eleventh");
    constexpr std::pair<state, std::string_view> meanings[] = {
        {state::closed, "no connection: not yet, or no longer"},
        {state::listen, "a listener, which waits for clients"},
        {state::syn_sent, "has sent a SYN, and has no answer yet"},
        {state::syn_received, "has received a SYN, and has answered it"},
        {state::established, "both sides may send"},
        {state::fin_wait_1, "has sent a FIN, which is not acknowledged"},
        {state::fin_wait_2, "... and now it is; the other side may still send"},
        {state::close_wait, "has received a FIN; the program has not closed yet"},
        {state::closing, "both sides have sent a FIN at the same time"},
        {state::last_ack, "has received a FIN and sent its own"},
        {state::time_wait, "has closed first; stays to answer a FIN that is sent again"},
    };
    for (const auto& [is, meaning] : meanings) {
        std::string name{to_string(is)};
        name.resize(14, ' ');
        say(name, seen[static_cast<std::size_t>(is)] ? "seen      " : "not seen  ", meaning);
    }
}

void demonstrate() {
    opening();
    closing();
    closing_without_shutdown();
    the_server_first();
    both_at_once();
    reset();
    keep_alive();
    the_eleven();
}

// ---- The capture ----------------------------------------------------------------------------------------

/// Prints the segments of a connection that were captured since the last call. Sequence numbers begin with 0.
void show_segments(example::loopback_capture& capture, const ends& both) {
    std::array<net::packet::sequence, 2> first{};
    while (const auto record = capture.next()) {
        const auto frame = net::packet::dissect(record->bytes);
        const auto tcp = frame.tcp();
        if (!tcp) continue;
        const auto from = tcp->source_port(), to = tcp->destination_port();
        const bool by_client = from == both.client_name.port() && to == both.server_name.port();
        const bool by_server = from == both.server_name.port() && to == both.client_name.port();
        if (!by_client && !by_server) continue;
        // There are eight flags since RFC 3168. The notes have six flags and two more reserved bits.
        constexpr const char* names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
        std::string flags;
        for (unsigned bit = 0; bit < 8; ++bit)
            if (tcp->flags().to_uint() >> bit & 1) flags.append(flags.empty() ? "" : "+").append(names[bit]);
        if (tcp->flags().syn()) first[by_server] = tcp->sequence_number();
        const std::size_t size = tcp->payload().size();
        flags.resize(12, ' ');
        say(by_client ? "  client ──> server  " : "  client <── server  ", flags, "seq ",
            tcp->sequence_number() - first[by_server],
            tcp->flags().ack() ? ", ack " + std::to_string(tcp->acknowledgment_number() - first[by_client]) : "",
            size > 0 ? ", " + std::to_string(size) + " bytes" : "");
    }
}

void show_capture() {
    std::optional<example::loopback_capture> capture;
    try {
        example::enter_own_network();
        capture.emplace().socket().set_blocking(false);
    } catch (const std::system_error& failure) {
        return say("not here: ", failure.what());
    }
    const auto show = [&](std::string_view title, const std::function<void(ends&)>& talk) {
        heading(title);
        ends both = ends::connected();
        both.client.send_all("hello");
        char buffer[10];
        both.server.recv(buffer);
        talk(both);
        show_segments(*capture, both);
    };
    const auto closed_by_server = [](ends& both) {
        both.server.close();
        both.await(state::time_wait, state::closed);
    };
    show("Both close at once: three segments, because the second FIN carries the ACK", [&](ends& both) {
        both.client.close();
        closed_by_server(both);
    });
    show("The server closes 100 ms later: four segments", [&](ends& both) {
        both.client.close();
        std::this_thread::sleep_for(100ms);
        closed_by_server(both);
    });
    show("Both close at once, and the network loses both FINs: they are retransmitted", [](ends& both) {
        example::lose_all(both.client, true);
        example::lose_all(both.server, true);
        both.client.shutdown(net::shutdown_direction::send);
        both.server.shutdown(net::shutdown_direction::send);
        example::lose_all(both.client, false);
        example::lose_all(both.server, false);
        both.await(state::time_wait, state::time_wait);
    });
    show("Reset", [](ends& both) {
        both.client.set_option(net::option::linger{0s});
        both.client.close();
    });
    show("Keep-alive of 1 s, 1 s and 2 probes, and a server without power", [](ends& both) {
        both.client.set_keep_alive(net::keep_alive{.idle = 1s, .interval = 1s, .count = 2});
        example::lose_all(both.server, true);
        char buffer[10];
        std::error_code error;
        both.client.recv(buffer, error);
        say("client: recv: ", error.message());
    });
}

constexpr std::string_view help = R"(usage: demo
       demo capture
       demo --help

How a TCP connection begins and ends. Without an argument: a demonstration of all its states, both ends side by side.

  capture          shows the segments, in a network namespace of its own if the system permits it
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        const auto rest = words.rest();
        if (rest.empty()) return demonstrate();
        if (rest.size() == 1 && rest[0] == "capture") return show_capture();
        throw example::usage_error{"give no argument, or capture"};
    });
}

// examples/12_tcp_connections/demo.cpp: long and short connections, and a server that survives both
//
//        short:  SYN, SYN, ACK │ question, answer │ FIN, FIN, ACK      for each question
//        long:   SYN, SYN, ACK │ question, answer │ question, answer │ question, answer │ ...
//
// The notes say that web servers use short connections. Since HTTP/1.1 a connection stays open by default (RFC 9112 §9.3).
// A server can hold many long connections, because an idle connection costs only some KB of memory. A server that waits for
// events, as this server does, can hold hundreds of thousands.
//
// On a short connection the end of the stream can be the end of the message. On a long connection the message needs a mark
// or a length. And silent clients fill up the server. The notes know two limits; this server has them and a third:
//
//        a silent client                closed after a time; a client that wants to stay sends a heartbeat
//        one client, many connections   limited for each address
//        a message without an end       limited by length
//
// The protocol: every line comes back. The server sends "too long" or "too many connections" before it closes.
//
// The notes:     TCP长连接和短连接, TCP短连接, TCP长连接, 长短连接各自优缺点 (long and short connections, their steps, for
//                and against)
// Type:          demo                                        a demonstration
//                demo serve --idle 10 --per-client 3         and in a second terminal, four times:
//                demo connect localhost 6666
// You will see:  what demo.txt shows: the cost of a connection, three messages in one receive, a silent client that is
//                closed and a client with a heartbeat that stays, and the fourth connection of an address

#include "../demo.hpp"

#include <netnotes/server.hpp>
#include <netnotes/tcp.hpp>

#include <algorithm>
#include <map>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The server -----------------------------------------------------------------------------------------

struct limits {
    std::size_t per_client = 3;
    net::duration idle = 60s;
    std::size_t line = 1000;  ///< bytes, with its end
};

/// The bytes that the reactor has received, as a stream. So a buffered_reader can take lines out of it.
struct inbox {
    std::span<const std::byte> bytes;

    std::size_t recv(net::mutable_buffer buffer, std::error_code& error) noexcept {
        error = bytes.empty() ? std::make_error_code(std::errc::operation_would_block) : std::error_code{};
        const std::size_t size = std::min(buffer.size(), bytes.size());
        std::copy_n(bytes.data(), size, buffer.data());
        bytes = bytes.subspan(size);
        return size;
    }
};

class line_server {
  public:
    line_server(const limits& allowed, bool quiet) : allowed_{allowed}, quiet_{quiet} {}

    void on_open(net::connection& client) {
        const std::size_t number = ++count_[one_client(client)];
        if (!quiet_) say(client.peer().to_string(), "  connected, number ", number, " of its address");
        if (number <= allowed_.per_client) {
            sessions_.try_emplace(client.id(), allowed_.line);
            return;
        }
        client.send("too many connections\r\n");
        client.close_after_sending();
    }
    void operator()(net::connection& client, std::span<const std::byte> bytes) {
        session& its = sessions_.at(client.id());
        its.in.bytes = bytes;
        std::error_code error;
        while (const auto line = its.lines.recv_line(error)) {
            std::string answer{*line};
            client.send(answer += "\r\n");
        }
        if (error != std::errc::message_size) return;  // the end of the line has not arrived yet
        client.send("too long\r\n");
        client.close_after_sending();
    }
    void on_close(net::connection& client, std::error_code why) {
        sessions_.erase(client.id());
        const auto its = count_.find(one_client(client));
        if (its != count_.end() && --its->second == 0)
            count_.erase(its);  // it is missing if there was no memory to count it
        if (!quiet_) say(client.peer().to_string(), "  gone: ", example::farewell(why));
    }
    void on_accept_error(std::error_code why) const { std::cerr << "accept: " << why.message() << '\n'; }

  private:
    struct session {
        explicit session(std::size_t limit) : lines{in, limit} {}
        inbox in;
        net::buffered_reader<inbox> lines;
    };
    /// Returns the network that counts as a single client: an IPv4 address, or an IPv6 /64. A customer gets a /64 at least,
    /// and could use a new address of it for each connection.
    static net::network one_client(const net::connection& client) {
        const net::ip_address address = client.peer().ip().address().unmapped();
        const net::ip_address bare = address.is_v4() ? address : net::ip_address{address.v6().with_zone("")};
        return {bare, address.is_v4() ? 32u : 64u, net::host_bits::cleared};
    }

    limits allowed_;
    bool quiet_;
    std::map<net::network, std::size_t> count_;
    std::map<std::uint64_t, session> sessions_;  // elements of a map stay where they are
};

void run_server(net::tcp_listener listener, const limits& allowed, bool quiet, const net::stop_event& stop) {
    net::reactor_server server{
        std::move(listener).into_socket(), line_server{allowed, quiet}, {.idle_timeout = allowed.idle}};
    server.run(stop);
}

void serve(const example::serve_options& options, const limits& allowed) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = example::listen(options);
    run_server(std::move(listener), allowed, options.quiet, stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// The same server in a thread.
class running_server {
  public:
    explicit running_server(const limits& allowed)
        : thread_{stop_, [this, allowed] { run_server(std::move(listener_), allowed, true, stop_); }} {}
    [[nodiscard]] const net::endpoint& where() const { return where_; }

  private:
    net::stop_event stop_;
    net::tcp_listener listener_{{net::ipv4_address::loopback(), 0}};
    net::endpoint where_ = listener_.local_endpoint();
    example::background thread_;
};

/// A client: a stream, and a reader of its lines.
struct line_client {
    explicit line_client(const net::endpoint& server) : stream{server} {}
    line_client(const char* from, const net::endpoint& server) : stream{connected(from, server)} {}

    std::string ask(std::string_view question) {
        stream.send_all(std::string{question} + "\r\n");
        return hear();
    }
    std::string hear() { return std::string{lines.recv_line().value_or("(the end)")}; }

    net::tcp_stream stream;
    net::buffered_reader<net::tcp_stream> lines{stream};

  private:
    static net::tcp_stream connected(const char* from, const net::endpoint& server) {
        net::socket made{net::address_family::inet, net::socket_type::stream};
        made.bind(net::endpoint{from, 0});
        made.connect(server);
        return net::tcp_stream{std::move(made)};
    }
};

/// Returns the number of segments of a connection until now, in both directions.
std::uint32_t segments(const line_client& client) {
    const net::connection_info info = client.stream.info();
    return info.segments_sent + info.segments_received;
}
/// Returns the range of a number. The number of acknowledgments without data depends on microseconds.
std::string between(std::uint32_t least, std::uint32_t number, std::uint32_t most) {
    if (number < least || number > most) return std::to_string(number) + ", which is outside of the usual range";
    return "from " + std::to_string(least) + " to " + std::to_string(most);
}

void counted() {
    heading("TCP短连接, TCP长连接: the cost of a hundred questions");
    constexpr unsigned questions = 100;
    running_server server{limits{}};
    std::uint32_t right = 0, sum = 0;
    for (unsigned i = 0; i < questions; ++i) {
        line_client client{server.where()};                     // socket, connect
        right += client.ask("question") == "question";          // send, recv
        client.stream.shutdown(net::shutdown_direction::send);  // shutdown
        right -= client.hear() != "(the end)";                  // recv
        sum += segments(client);                                // close
    }
    say("short connections:         ", right, " right answers");
    say("  system calls of the client    ", 7 * questions, ": socket, connect, send, recv, shutdown, recv, close");
    say("  segments for each question    ", between(8, sum / questions, 11),
        ": 3 to open, 2 with data, 3 or 4 to close");

    line_client client{server.where()};
    const std::uint32_t before = segments(client);
    right = 0;
    for (unsigned i = 0; i < questions; ++i) right += client.ask("question") == "question";
    say("a long connection:         ", right, " right answers");
    say("  system calls of the client    ", 2 + 2 * questions + 1, ": socket, connect, 100 times send and recv, close");
    say("  segments for each question    ", between(2, (segments(client) - before) / questions, 4), ": 2 with data");
    // The side that closes first keeps its port for a minute. By default there are 28,232 ports (ip_local_port_range).
    static_assert((60999 - 32768 + 1) / 60 == 470);
    say("TIME-WAIT limits an address to 470 short connections a second to one server, in the long run.");
}

void framing() {
    heading("Where a message ends: by a delimiter, or by its length");
    auto [receiver, sender] = net::socket_pair();
    char buffer[100];
    const auto three_sends = [&out = sender] {
        for (const char* piece : {"one\n", "two\n", "thr"}) out.send_all(piece);
    };
    three_sends();
    say("three sends, one recv:             ", receiver.recv(buffer), " bytes, two messages and a half");
    net::buffered_reader lines{receiver, 16};
    three_sends();
    const auto line = [&] { return '"' + std::string{*lines.recv_line()} + '"'; };
    std::string got = line();
    got += ", " + line();
    say("by a delimiter, with a reader:     ", got, "; \"", lines.buffered(), "\" waits for its end");
    sender.send_all("ee\n");
    say("after one more send:               ", line());

    // A length of two bytes, the high byte first, as in the Internet's protocols; then the text.
    const auto next = [&]() -> std::string {
        const auto head = lines.recv_exact(2);
        if (!head) return "(the end)";
        const auto octet = [&](std::size_t i) { return static_cast<unsigned char>((*head)[i]); };
        const auto size = static_cast<std::size_t>(octet(0) << 8 | octet(1));
        return '"' + std::string{*lines.recv_exact(size)} + '"';
    };
    using namespace std::string_view_literals;
    sender.send_all("\0\3any\0\5\n\n\n\n\n\0\0"sv);
    got = next() + ", ";
    const bool line_feeds = next() == "\"\n\n\n\n\n\"";
    say("by a length, with any bytes in it: ", got, line_feeds ? "five line feeds" : "other bytes", ", ", next());
    sender.send_all("\xff\xff");
    std::error_code error;
    try {
        next();
    } catch (const std::system_error& failure) {
        error = failure.code();
    }
    say("a length of 65535, limit 16:       ", error.message());
}

void too_long() {
    heading("A message without an end");
    running_server server{limits{}};
    line_client client{server.where()};
    client.stream.send_all(std::string(1000, 'x'));
    const std::string last_words = client.hear();
    say("1000 bytes without a line feed: \"", last_words, "\", and then: ", client.hear());
}

void idle() {
    heading("A silent client is closed, here after half a second");
    running_server server{limits{.idle = 500ms}};
    line_client silent{server.where()}, beating{server.where()};
    // TCP's keep-alive is no heartbeat: only the kernels exchange probes, and the server's program does not see them.
    silent.stream.set_keep_alive(net::keep_alive{.idle = 1s, .interval = 1s, .count = 3});
    bool answered = true;
    std::error_code error = std::make_error_code(std::errc::timed_out);
    for (silent.stream.set_timeout(50ms); error == std::errc::timed_out;) {
        answered = answered && beating.ask("") == "";
        silent.lines.recv_line(error);
    }
    say("the silent client:                         ", error ? error.message() : "closed");
    say("a client that sends an empty line at times: ", answered ? beating.ask("still here") : "not answered");
    say("The notes advise this for long connections. A short connection can be silent, too.");
}

void limited() {
    heading("A limit of three connections for each address");
    running_server server{limits{.per_client = 3}};
    {
        line_client first{"127.0.0.1", server.where()}, second{"127.0.0.1", server.where()};
        line_client third{"127.0.0.1", server.where()}, fourth{"127.0.0.1", server.where()};
        say("127.0.0.1, the 1st: ", first.ask("hello"));
        say("127.0.0.1, the 2nd: ", second.ask("hello"));
        say("127.0.0.1, the 3rd: ", third.ask("hello"));
        const std::string last_words = fourth.hear();
        say("127.0.0.1, the 4th: ", last_words, ", ", fourth.hear());
        line_client other{"127.0.0.2", server.where()};
        say("127.0.0.2, the 1st: ", other.ask("hello"));
    }
    for (;;) {  // until the server has noticed that the clients have left
        line_client next{"127.0.0.1", server.where()};
        if (next.ask("hello") != "hello") continue;
        return say("The clients leave.\n127.0.0.1 again:    hello");
    }
}

void demonstrate() {
    counted();
    framing();
    too_long();
    idle();
    limited();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--idle SECONDS] [--per-client N] [--quiet]
       demo connect HOST PORT
       demo --help

Long and short connections, and a server with limits. Without an argument: a demonstration.

  serve            sends each line back; a line of more than 1000 bytes ends the connection
  --bind ADDRESS   the address to listen on: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --idle SECONDS   closes a client that is silent for this time, 60 by default
  --per-client N   the connections of an IPv4 address, or of an IPv6 network of 64 bits; 3 by default
  --quiet          prints only the line `listening on ADDRESS:PORT`
  connect          sends what you type and shows what the server sends; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::optional<unsigned> idle_seconds, per_client;
    example::roles roles;
    roles.more_options = [&](example::arguments& words) {
        idle_seconds = words.number("--idle", 1, 86400);
        per_client = words.number("--per-client", 1, 10000);
    };
    roles.serve = [&](const example::serve_options& options) {
        serve(options, {.per_client = per_client.value_or(3), .idle = std::chrono::seconds{idle_seconds.value_or(60)}});
    };
    roles.demonstrate = demonstrate;
    return example::run(argc, argv, help, roles);
}

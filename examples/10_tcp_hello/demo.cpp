// examples/10_tcp_hello/demo.cpp: the smallest TCP server and its client
//
//        server                                         client
//          socket, bind, listen   (tcp_listener)
//          accept: waits                                  socket, connect   (tcp_stream)
//            └─> a new socket <──── the connection ────>  |
//          send the greeting  ───────────────────────>  recv
//          recv  <────────────────────────────────────  send a line
//          send the answer    ───────────────────────>  recv
//          close: the new socket                          close
//          accept: waits for the next
//
// The protocol, which nc and telnet can speak: the server greets with one line. Then it answers each line with
// "received N bytes"; N does not count the line's end, "\n" or "\r\n". When the client has no more to say, or
// has said nothing for a minute, the server closes. (6666 is the notes' port, and good enough for this. For HTTP take
// another: browsers refuse 6665 to 6669, which belong to IRC.)
//
// The notes:     socket 简单服务器, socket 客户端例子 (a simple server and its client), TCP服务器, TCP客户端 (a TCP
//                server and its client, which ask each other)
// Type:          demo                             a demonstration
//                demo serve --port 6666           and in a second terminal
//                demo connect localhost 6666      or: nc -N localhost 6666
// You will see:  what demo.txt shows, with the ports' real numbers in it. The server shows who comes and
//                what he says, until Ctrl-C, which in the notes ends in a traceback and here is no error

#include "../demo.hpp"

#include <algorithm>
#include <thread>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// The notes' own: "this is a super-simple socket server!" In UTF-8, as this file is.
constexpr std::string_view greeting = "这是一个socket 超简易服务器!\r\n";

// ---- The server -----------------------------------------------------------------------------------------

/// One client, from the greeting until he has no more to say.
void serve_client(net::tcp_stream& client, const net::endpoint& peer, bool quiet) {
    // A client who says nothing, or does not take his answers, would keep the server for ever.
    client.set_timeout(60s);
    client.send_all(greeting);

    // A receive brings what has come so far: half a line, or ten lines and a half. So the server puts lines
    // together. How long one gets is up to the peer, how much of it is kept is up to us.
    constexpr std::size_t kept = 1000;
    std::string line;
    std::size_t size = 0;
    const auto answer = [&] {
        const std::string shown = size > kept ? "(too long to show)" : net::visible(line);
        if (!quiet) say(peer, "  says ", size, " bytes: ", shown);
        const std::string text = "received " + std::to_string(size) + " bytes\r\n";
        line.clear();
        size = 0;
        return text;
    };
    char buffer[1024];
    while (const std::size_t received = client.recv(buffer)) {
        std::string answers;  // in one send for all lines that came together
        for (const char c : std::string_view{buffer, received}) {
            if (c == '\n') answers += answer();
            if (c != '\n' && c != '\r' && ++size <= kept) line += c;
        }
        if (!answers.empty()) client.send_all(answers);
    }
    if (size > 0) client.send_all(answer());  // a last line without an end counts as well
}

/// The notes call their endless loop "unusable in practice". Servers do loop; what theirs lacks is a way out.
void serve_until(const net::stop_event& stop, net::tcp_listener& listener, bool quiet) {
    listener.stop_with(stop);
    for (;;) {
        std::error_code error;
        auto [client, peer] = listener.accept(error);  // `client` is closed at the end of each round
        if (error == std::errc::operation_canceled) return;
        if (error) {  // no descriptor is free, say; it may pass, and the client waits in the queue
            std::cerr << "accept: " << error.message() << '\n';
            pollfd watched{stop.native_handle(), POLLIN, 0};
            ::poll(&watched, 1, 100);
            continue;
        }
        if (!quiet) say(peer, "  connected");
        try {
            serve_client(client, peer, quiet);
            if (!quiet) say(peer, "  gone: ", example::farewell({}));
        } catch (const std::system_error& failure) {
            // A client who is torn away ends his own conversation; in the notes, the whole server.
            if (!quiet) say(peer, "  gone: ", example::farewell(failure.code()));
        }
    }
}

void serve(const example::serve_options& options) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener{options.where};
    example::announce(listener.local_endpoint());
    serve_until(stop, listener, options.quiet);
}

// ---- The demonstration ----------------------------------------------------------------------------------

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: any that is free

/// Line ends made visible.
std::string quoted(std::string_view text) {
    std::string shown{'"'};
    for (const char c : text) shown += c == '\r' ? "\\r" : c == '\n' ? "\\n" : std::string{c};
    return shown + '"';
}

/// Receives until a line is complete. A second one cannot have come along: here we ask for each.
std::string receive_line(net::tcp_stream& from) {
    std::string line;
    char buffer[100];
    while (!line.ends_with('\n')) {
        const std::size_t size = from.recv(buffer);
        if (size == 0) throw std::runtime_error{"the end came in the middle of a line"};
        line.append(buffer, size);
    }
    return line;
}

void call_by_call() {
    heading("TCP服务器: call by call, both sides in one thread");
    net::tcp_listener listener{anywhere};
    say("server: socket, bind, listen   listens on ", listener.local_endpoint());
    // One thread will do, for the kernel answers in the server's place, and keeps what arrives.
    net::tcp_stream client{listener.local_endpoint()};
    say("client: socket, connect        connected, though the server has not called accept yet");
    client.send_all("early\n");
    say("client: send                   the bytes are taken, though nobody has called recv yet");
    auto [served, peer] = listener.accept();
    say("server: accept                 a new socket for the client at ", peer);
    say("                               its own port is the listener's: ", served.local_endpoint());
    char buffer[100];
    const std::size_t size = served.recv(buffer);
    say("server: recv                   ", quoted({buffer, size}));
    served.close();
    say("server: close                  ends this connection; the listener stays");
    say("client: recv                   ", client.recv(buffer), " bytes: the end");
}

void conversation() {
    heading("socket 简单服务器: the real server, in a thread (its lines begin with an address)");
    net::tcp_listener listener{anywhere};
    net::tcp_stream client{listener.local_endpoint()};
    client.set_timeout(std::chrono::seconds{2});  // in case the server cannot answer: no descriptor is free, say
    net::stop_event stop;
    example::background server{stop, [&] { serve_until(stop, listener, false); }};
    say("client receives ", quoted(receive_line(client)));
    // The notes' server sends text where bytes are needed, which since Python 3 is an error. On the wire there
    // are only bytes, and 你好 is two characters in six of them.
    for (const char* line : {"hello\n", "你好\r\n"}) {
        client.send_all(line);
        say("client receives ", quoted(receive_line(client)));
    }
    client.shutdown(net::shutdown_direction::send);
    char buffer[100];
    const std::size_t size = client.recv(buffer);
    say("client receives ", size, " bytes: the server has closed");
    stop.request_stop();
    server.finish();
    say("the server was asked to stop, and has");
}

void a_receive_is_not_a_message() {
    heading("socket 客户端例子: a receive is not a message");
    net::tcp_listener listener{anywhere};
    net::tcp_stream client{listener.local_endpoint()};
    auto server = listener.accept().stream;
    char buffer[2048];  // the notes' size: the *most* that one call gives

    // The notes' client receives once and prints. This server sends its greeting in two halves.
    server.send_all(greeting.substr(0, 10));
    const std::size_t first = client.recv(buffer);
    server.send_all(greeting.substr(10));
    const std::size_t second = client.recv(buffer);
    say("one message, two receives: ", first, " and ", second, " bytes");
    say("the first ends inside a character: ", quoted(greeting.substr(0, 9)), " and a third of the next");

    server.send_all("one\n");
    server.send_all("two\n");
    server.shutdown(net::shutdown_direction::send);
    // The end of the stream arrives behind all the bytes; so when poll() tells of it, everything is there.
    std::error_code error;
    client.wait(POLLRDHUP, net::time_point::max(), error);
    const std::size_t both = client.recv(buffer);
    say("two messages, one receive:  ", quoted({buffer, both}));
}

void the_notes_deadlock() {
    heading("TCP客户端: it asks for input and does not send it");
    net::tcp_listener listener{anywhere};
    net::tcp_stream client{listener.local_endpoint()};
    auto server = listener.accept().stream;
    const auto wait = [](net::tcp_stream& stream) {
        char buffer[1024];
        std::error_code error;
        stream.set_timeout(50ms);
        stream.recv(buffer, error);
        return error;
    };
    std::error_code at_server;
    net::stop_event unused;  // both have their deadline
    example::background waits{unused, [&] { at_server = wait(server); }};
    const std::error_code at_client = wait(client);
    waits.finish();  // before either end is closed: the other would see that, and not a timeout
    say("the server waits for the client's line:   ", at_server.message());
    say("the client waits for the server's answer: ", at_client.message());
    say("Without a limit they would wait for ever, and it would look like a slow network.");
}

// The notes bind the host's own name. It stands for what /etc/hosts says, and on Debian that is 127.0.1.1: an
// address of this machine only (hosts(5), hostname(1)).
void listening_on_the_own_name() {
    heading("Listening on the host's own name");
    // Bound, so that nobody else has that port, and not listening, so that who knocks there is refused.
    net::socket other{net::address_family::inet, net::socket_type::stream};
    other.bind(anywhere);
    const std::uint16_t port = other.local_endpoint().ip().port();
    const net::tcp_listener listener{net::endpoint{"127.0.1.1", port}};
    say("the server listens on ", listener.local_endpoint(), ", where its name leads on Debian");
    for (const char* address : {"127.0.1.1", "127.0.0.1"}) {
        std::error_code error;
        net::tcp_stream::connect({address, port}, net::never, error);
        say("a client asks for ", address, ": ", error ? error.message() : "connected");
    }
    say("and other machines have no way to it at all. To be reached by all, bind the wildcard address.");
}

// A listener on the wildcard address of IPv6 takes IPv4 clients as well. Their addresses come in IPv6 clothes
// (RFC 4291 §2.5.5.2).
void listening_on_the_wildcard() {
    heading("Listening on the wildcard address, for IPv6 and IPv4");
    std::error_code error;
    const net::socket probe{net::address_family::inet6, net::socket_type::stream, 0, error};
    if (error) return say("not here: ", error.message());
    net::tcp_listener listener{net::endpoint{net::ipv6_address::any(), 0}};
    say("the server listens on ", listener.local_endpoint());
    const net::tcp_stream client{net::endpoint{"127.0.0.1", listener.local_endpoint().port()}};
    const auto peer = listener.accept().peer;
    say("it sees a client who asked for 127.0.0.1 as ", peer);
    say("and counts or compares him by the address inside: ", peer.address().unmapped());
}

void closing_the_door() {
    heading("Closing the listener");
    net::tcp_listener listener{anywhere};
    net::tcp_stream queued{listener.local_endpoint()};
    listener.close();
    char buffer[100];
    std::error_code error;
    queued.recv(buffer, error);
    say("No new clients, say the notes. Nor those who stood in the queue: ", error.message());
}

void demonstrate() {
    call_by_call();
    conversation();
    a_receive_is_not_a_message();
    the_notes_deadlock();
    listening_on_the_own_name();
    listening_on_the_wildcard();
    closing_the_door();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

The smallest TCP server and its client. Without an argument: a demonstration.

  serve            greets every client, and answers each of his lines with "received N bytes"
  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --quiet          only the line `listening on ADDRESS:PORT`
  connect          sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    const auto connect = [](const std::string& host, std::uint16_t port) {
        example::talk(net::tcp_stream::connect(host, port));
    };
    return example::run(argc, argv, help, {.demonstrate = demonstrate, .serve = serve, .connect = connect});
}

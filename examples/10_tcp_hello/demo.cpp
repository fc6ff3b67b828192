// examples/10_tcp_hello/demo.cpp: a TCP server and its client, call by call, and what goes wrong easily
//
//        server                                         client
//          socket, bind, listen   (tcp_listener)
//          accept: waits                                  socket, connect   (tcp_stream)
//            └─> a new socket <──── the connection ────>  |
//          recv  <────────────────────────────────────  send a line
//          send the answer    ───────────────────────>  recv
//          close: the new socket                          close
//          accept: waits for the next client
//
// The notes:     socket 简单服务器, socket 客户端例子 (a simple server and its client), TCP服务器, TCP客户端 (a TCP
//                server and its client, which ask each other)
// Type:          demo
// You will see:  what demo.txt shows, with real ports

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// The notes' own: "this is a super-simple socket server!" In UTF-8, as this file is.
constexpr std::string_view greeting = "这是一个socket 超简易服务器!\r\n";

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: the system chooses a port

/// Returns the text with visible line ends, in quotation marks.
std::string quoted(std::string_view text) {
    std::string shown{'"'};
    for (const char c : text) shown += c == '\r' ? "\\r" : c == '\n' ? "\\n" : std::string{c};
    return shown + '"';
}

void call_by_call() {
    heading("TCP服务器: call by call, both sides in one thread");
    net::tcp_listener listener{anywhere};
    say("server: socket, bind, listen   listens on ", listener.local_endpoint());
    // One thread suffices: the kernel answers in the server's place, and keeps the bytes that arrive.
    net::tcp_stream client{listener.local_endpoint()};
    say("client: socket, connect        connected; the server has not called accept yet");
    client.send_all("early\n");
    say("client: send                   the kernel takes the bytes; the server has not called recv yet");
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

void a_receive_is_not_a_message() {
    heading("socket 客户端例子: a receive is not a message");
    net::tcp_listener listener{anywhere};
    net::tcp_stream client{listener.local_endpoint()};
    auto server = listener.accept().stream;
    char buffer[2048];  // the notes' size: the limit of a call

    // The notes' client receives once and prints. Here the server sends its greeting in two parts.
    server.send_all(greeting.substr(0, 10));
    const std::size_t first = client.recv(buffer);
    server.send_all(greeting.substr(10));
    const std::size_t second = client.recv(buffer);
    say("one message, two receives: ", first, " and ", second, " bytes");
    say("the first receive ends inside a character: ", quoted(greeting.substr(0, 9)), " and a third of the next");

    server.send_all("one\n");
    server.send_all("two\n");
    server.shutdown(net::shutdown_direction::send);
    // The end of the stream arrives behind all bytes. So when poll() reports the end, all bytes have arrived.
    std::error_code error;
    client.wait(POLLRDHUP, net::time_point::max(), error);
    const std::size_t both = client.recv(buffer);
    say("two messages, one receive:  ", quoted({buffer, both}));
}

void the_notes_deadlock() {
    heading("TCP客户端: the notes' client asks for a line and does not send it");
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
    net::stop_event unused;  // both sides have a time limit
    example::background waits{unused, [&] { at_server = wait(server); }};
    const std::error_code at_client = wait(client);
    waits.finish();  // before an end is closed: the other end would see the close, and no timeout
    say("the server waits for the client's line:   ", at_server.message());
    say("the client waits for the server's answer: ", at_client.message());
    say("Without a time limit both would wait for ever, and it would look like a slow network.");
}

// The notes bind the host's own name. /etc/hosts gives its address. On Debian it is 127.0.1.1, which only this machine can
// reach (hosts(5), hostname(1)).
void listening_on_the_own_name() {
    heading("A listener on the host's own name");
    // This socket is bound, so no other socket has the port. It does not listen, so the kernel refuses clients.
    net::socket other{net::address_family::inet, net::socket_type::stream};
    other.bind(anywhere);
    const std::uint16_t port = other.local_endpoint().ip().port();
    const net::tcp_listener listener{net::endpoint{"127.0.1.1", port}};
    say("the server listens on ", listener.local_endpoint(), ", the address of its name on Debian");
    for (const char* address : {"127.0.1.1", "127.0.0.1"}) {
        std::error_code error;
        net::tcp_stream::connect({address, port}, net::never, error);
        say("a client connects to ", address, ": ", error ? error.message() : "connected");
    }
    say("Other machines cannot reach this address. Bind the wildcard address to be reached by all.");
}

// A listener on the wildcard address of IPv6 takes IPv4 clients, too. Their addresses are mapped into IPv6 (RFC 4291
// §2.5.5.2).
void listening_on_the_wildcard() {
    heading("A listener on the wildcard address, for IPv6 and IPv4");
    std::error_code error;
    const net::socket probe{net::address_family::inet6, net::socket_type::stream, 0, error};
    if (error) return say("not here: ", error.message());
    net::tcp_listener listener{net::endpoint{net::ipv6_address::any(), 0}};
    say("the server listens on ", listener.local_endpoint());
    const net::tcp_stream client{net::endpoint{"127.0.0.1", listener.local_endpoint().port()}};
    const auto peer = listener.accept().peer;
    say("a client of 127.0.0.1 has the address ", peer);
    say("to count or compare clients, take the address inside: ", peer.address().unmapped());
}

void closing_the_listener() {
    heading("A closed listener");
    net::tcp_listener listener{anywhere};
    net::tcp_stream queued{listener.local_endpoint()};
    listener.close();
    char buffer[100];
    std::error_code error;
    queued.recv(buffer, error);
    say("The listener takes no new clients, and the kernel resets the clients in its queue: ", error.message());
}

void demonstrate() {
    call_by_call();
    a_receive_is_not_a_message();
    the_notes_deadlock();
    listening_on_the_own_name();
    listening_on_the_wildcard();
    closing_the_listener();
}

constexpr std::string_view help = R"(usage: demo
       demo --help

A TCP server and its client, call by call. It plays both sides, and needs no argument. The programs server, client,
greeting_server and greeting_client play each side in a terminal of its own.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"the demonstration takes no argument"};
        demonstrate();
    });
}

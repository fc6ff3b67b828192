// examples/06_udp_send_receive/demo.cpp: datagrams, one at a time
//
//        client                                             server
//          socket: port 0, nobody can answer it               socket, bind: a port that others know
//          send_to: now it has a port        ───────────>     recv_from: the bytes, and who sent them
//          recv_from, with a limit           <───────────     send_to that sender
//          |                       ✗ <─── lost ───            nobody is told, so whoever waits needs a limit
//
// What can happen to a datagram happens here, on purpose: it goes to nobody, it does not come, it comes from a
// stranger, it is too long for the receiver, or the protocol, it is empty. That UDP is fast because it does not send
// again is half of the truth: it saves the handshake, and leaves the sending again to you.
//
// The notes:     UDP, UDP特点 (what it is), udp端口号动态变化解释 (its ports), udp 发送数据, udp 发送、接收数据, udp绑定
//                (sending, receiving, binding)
// Type:          demo                                a demonstration
//                demo receive --port 6666            shows what comes; Ctrl-C ends it
//                demo send localhost 6666 asdf       one datagram, and one second for an answer
//                nc -u -l 6666    nc -u localhost 6666              do as well, on either side
// You will see:  what demo.txt shows, with the ports' real numbers in it

#include <netnotes/udp.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: any that is free

/// What a receive gave: in Python a pair of bytes and address, which has no decode(); here a structure.
std::string shown(const net::udp_socket::received& got) {
    return '"' + example::shown(net::as_text(got.bytes)) + '"' + (got.truncated ? ", truncated" : "");
}
/// What went wrong, or "nothing".
std::string outcome(const std::error_code& error) { return error ? error.message() : "no error"; }

/// A port on which strangers find nobody: the socket that holds it talks to itself only.
net::udp_socket deaf_socket() {
    net::udp_socket socket{anywhere};
    socket.connect(socket.local_endpoint());
    return socket;
}

// ---- The demonstration ----------------------------------------------------------------------------------

void sending() {
    heading("udp 发送数据: a datagram to nobody");
    try {
        net::endpoint{"1922.168.1.3", 8080};  // which stands in the notes, under the program
    } catch (const std::exception& failure) {
        say(failure.what());
    }
    const net::udp_socket nobody = deaf_socket();
    net::udp_socket socket{net::address_family::inet}, second{net::address_family::inet};
    std::error_code error;
    say("a new socket has port ", socket.local_endpoint().port(), ", and nobody could send to it");
    socket.send_to("asdf", nobody.local_endpoint(), error);
    say("send_to a port where nobody listens: ", outcome(error));
    const auto port = socket.local_endpoint().port();
    say("its first datagram gave it port ", port, ", from the system's range");
    socket.send_to("asdf", nobody.local_endpoint(), error);
    second.send_to("asdf", nobody.local_endpoint());
    say("it keeps that: ", socket.local_endpoint().port() == port ? "yes" : "no",
        ". Another socket of this program: port ", second.local_endpoint().port());
    say("So a port names a socket and not, as the notes have it, a program.");
}

void binding() {
    heading("udp绑定: a port that others know");
    net::udp_socket receiver{{net::ipv4_address::any(), 0}}, sender{net::address_family::inet};
    const auto port = receiver.local_endpoint().port();
    say("receiver is bound to ", receiver.local_endpoint(), ": every address of this host (the notes' '')");
    try {
        net::udp_socket{{net::ipv4_address::any(), port}};
    } catch (const std::system_error& failure) {
        say("a second one there: ", failure.code().message());
    }
    sender.send_to("asdf", {net::ipv4_address::loopback(), port});
    char buffer[1024];
    const auto got = receiver.recv_from(buffer);
    say("receiver gets ", shown(got), " from ", got.sender);
    net::udp_socket unbound{net::address_family::inet};
    unbound.set_timeout(20ms);
    std::error_code error;
    unbound.recv_from(buffer, error);
    say("one that only receives, unbound, has still port ", unbound.local_endpoint().port(),
        " and hears: ", outcome(error));
}

void answers() {
    heading("udp 发送、接收数据: an answer, no answer, and somebody else's");
    net::udp_socket server{anywhere}, stranger{anywhere}, client{anywhere};
    char buffer[1024];  // the notes' 1024: the most that is taken of one datagram
    client.send_to("question", server.local_endpoint());
    const auto question = server.recv_from(buffer);
    server.send_to("answer", question.sender);
    say("client gets ", shown(client.recv_from(buffer)));
    say("a question and its answer: 2 datagrams; over TCP, with a connection for it, 8 to 11 segments: see 12");

    client.send_to("question", server.local_endpoint());  // ... and the server does not answer
    client.set_timeout(50ms);
    std::error_code error;
    client.recv_from(buffer, error);
    say("lost, or not answered: ", outcome(error), " (the notes' program waits to this day)");

    stranger.send_to("I am the server!", client.local_endpoint());
    const auto got = client.recv_from(buffer);
    say("client gets ", shown(got), ", from the server? ", got.sender == server.local_endpoint() ? "yes" : "no");
    client.connect(server.local_endpoint());
    stranger.send_to("I am the server!", client.local_endpoint());
    client.recv_from(buffer, error);
    say("connected to the server, it hears the stranger: ", outcome(error));
}

void refusals() {
    heading("Who is told that nobody listens");
    net::udp_socket nobody = deaf_socket(), unconnected{anywhere}, connected{anywhere};
    char buffer[100];
    std::error_code error;
    unconnected.set_timeout(50ms);
    unconnected.send_to("anybody?", nobody.local_endpoint());
    unconnected.recv_from(buffer, error);
    say("unconnected: send_to, recv_from: ", outcome(error));
    connected.set_timeout(50ms);
    connected.connect(nobody.local_endpoint());
    connected.send("anybody?");
    connected.recv_from(buffer, error);
    say("connected:   send, recv_from:    ", outcome(error));
    nobody.disconnect();
    connected.send("anybody?");
    say("and when somebody does, it goes on: he gets ", shown(nobody.recv_from(buffer)));
}

void borders() {
    heading("A receive is a datagram, and a datagram is a receive");
    net::udp_socket receiver{anywhere}, sender{anywhere};
    const net::endpoint where = receiver.local_endpoint();
    receiver.set_timeout(20ms);
    char four[4];
    std::error_code error;
    sender.send_to("0123456789", where);
    say("10 bytes into a buffer of 4: ", shown(receiver.recv_from(four)));
    receiver.recv_from(four, error);
    say("the next receive:            ", outcome(error), ": the other 6 bytes are gone");
    sender.send_to("0123", where);
    say("4 bytes into a buffer of 4:  ", shown(receiver.recv_from(four)));
    sender.send_to("", where);
    const auto empty = receiver.recv_from(four);
    say("an empty datagram:           ", empty.bytes.size(), " bytes from ", empty.sender,
        ", and not the end of anything");
}

void limits() {
    heading("UDP特点: \"each datagram must stay within 64 KB\"");
    net::udp_socket receiver{anywhere}, sender{anywhere};
    for (const std::size_t size : {std::size_t{65'507}, std::size_t{65'508}, std::size_t{65'536}}) {
        std::vector<std::byte> bytes(size);
        try {
            sender.send_to(bytes, receiver.local_endpoint());
            say(size, " bytes: sent; received ", receiver.recv_from(bytes).bytes.size());
        } catch (const std::system_error& failure) {
            say(size, " bytes: ", failure.what());
        }
    }
    say("65507 is 65535 less 20 for IP's header and 8 for UDP's. Over IPv6 it is ", net::max_datagram_v6, '.');

    heading("UDP: \"cannot guarantee that it arrives\"");
    receiver.set_option(net::option::receive_buffer{4096});
    receiver.set_blocking(false);
    int sent = 0, received = 0;
    std::error_code error;
    for (int i = 0; i < 1000; ++i) {
        sender.send_to("one of a thousand", receiver.local_endpoint(), error);
        sent += !error;
    }
    char buffer[100];
    for (; !error; received += !error) receiver.recv_from(buffer, error);
    say(sent, " sent without an error, to one who does not read and has room for 4 KB. Have all arrived? ",
        received == sent ? "yes"
        : received > 0   ? "no, a few"
                         : "no");
    say("What did arrive is right (there is a checksum), but may come twice, or in another order.");
}

// ---- The tools ------------------------------------------------------------------------------------------

void receive(const net::endpoint& where) {
    for (const int signal : {SIGINT, SIGTERM})
        std::signal(signal, SIG_IGN);  // a second one must not kill us at the end
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::udp_socket socket{where};
    socket.stop_with(stop);
    example::announce(socket.local_endpoint());
    std::array<std::byte, 65'535> buffer;
    for (;;) {
        std::error_code error;
        const auto got = socket.recv_from(buffer, error);
        if (error == std::errc::operation_canceled) return;
        if (error) throw std::system_error{error, "recv_from"};
        say(got.sender, "  ", got.bytes.size(), " bytes: ", example::shown(net::as_text(got.bytes)));
    }
}

/// One datagram to that address, and its answer. Returns false when nobody listens there.
bool send_to(const net::endpoint& to, const std::string& text) {
    net::udp_socket socket{to.address().is_v4() ? net::address_family::inet : net::address_family::inet6};
    socket.connect(to);  // an answer can only come from there, and so does a refusal
    socket.set_timeout(1s);
    socket.send(text);
    say("sent ", text.size(), " bytes from port ", socket.local_endpoint().port(), " to ", to);
    std::array<std::byte, 65'535> buffer;
    std::error_code error;
    const auto got = socket.recv_from(buffer, error);
    say(error == std::errc::timed_out ? "no answer within 1 s" : error ? outcome(error) : "answer: " + shown(got));
    return error != std::errc::connection_refused;
}
void send(const std::string& host, std::uint16_t port, const std::string& text) {
    // "localhost" may be ::1 first, where nobody listens, and then 127.0.0.1.
    for (const net::endpoint& to : net::resolve(host, port, {.type = net::socket_type::datagram}))
        if (send_to(to, text)) return;
    throw std::runtime_error{"nobody listens there"};
}

constexpr std::string_view help = R"(usage: demo
       demo receive [--bind ADDRESS] [--port N]
       demo send HOST PORT TEXT
       demo --help

Datagrams, sent and received one at a time. Without an argument: a demonstration.

  receive          shows every datagram that comes, until Ctrl-C
  --bind ADDRESS   where: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  send             sends TEXT as one datagram and waits one second for an answer
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        const auto bind = words.value("--bind");
        const auto port = words.number("--port", 0, 65535);
        const auto rest = words.rest();
        if (rest.size() == 1 && rest[0] == "receive") {
            const auto address = net::ip_address::parse(bind.value_or("127.0.0.1"));
            if (!address) throw example::usage_error{"--bind takes an address, not '" + *bind + "'"};
            receive({*address, static_cast<std::uint16_t>(port.value_or(6666))});
        } else if (rest.size() == 4 && rest[0] == "send" && !bind && !port) {
            send(rest[1], static_cast<std::uint16_t>(example::arguments::to_number("PORT", rest[2], 1, 65535)),
                 rest[3]);
        } else if (rest.empty() && !bind && !port) {
            for (const auto part : {sending, binding, answers, refusals, borders, limits}) part();
        } else {
            throw example::usage_error{"either nothing, or receive, or send HOST PORT TEXT"};
        }
    });
}

// examples/06_udp_send_receive/demo.cpp: what can happen to a datagram
//
//        client                                             server
//          socket: port 0, no peer can send to it             socket, bind: a port that others know
//          send_to: now it has a port        ───────────>     recv_from: the bytes and their sender
//          recv_from, with a timeout         <───────────     send_to that sender
//          |                       ✗ <─── lost ───            neither side is told, so a wait needs a timeout
//
// Here each accident happens on purpose: no socket receives the datagram, no answer arrives, a stranger answers, or the
// datagram is too long. The notes say that UDP is fast because it does not retransmit. UDP saves the handshake, and
// leaves the retransmission to the program.
//
// The notes:     UDP, UDP特点 (what it is), udp端口号动态变化解释 (its ports), udp 发送数据, udp 发送、接收数据, udp绑定
//                (sending, receiving, binding)
// Type:          demo
// You will see:  what demo.txt shows, with the real port numbers

#include <netnotes/udp.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};  // port 0: the system chooses

std::string shown(const net::udp_socket::received& got) {
    return '"' + example::shown(net::as_text(got.bytes)) + '"' + (got.truncated ? ", truncated" : "");
}
std::string outcome(const std::error_code& error) { return error ? error.message() : "no error"; }

/// Returns a socket that holds a port and takes no datagram of others, because it is connected to itself.
net::udp_socket deaf_socket() {
    net::udp_socket socket{anywhere};
    socket.connect(socket.local_endpoint());
    return socket;
}

void sending() {
    heading("udp 发送数据: a datagram that no socket receives");
    try {
        net::endpoint{"1922.168.1.3", 8080};  // a misprint of the notes, under the program
    } catch (const std::exception& failure) {
        say(failure.what());
    }
    const net::udp_socket deaf = deaf_socket();
    net::udp_socket socket{net::address_family::inet}, second{net::address_family::inet};
    std::error_code error;
    say("a new socket has port ", socket.local_endpoint().port(), ", so no peer can send to it");
    socket.send_to("asdf", deaf.local_endpoint(), error);
    say("send_to a port that no socket listens on: ", outcome(error));
    const auto port = socket.local_endpoint().port();
    say("its first datagram gave it port ", port, ", from the system's range");
    socket.send_to("asdf", deaf.local_endpoint(), error);
    second.send_to("asdf", deaf.local_endpoint());
    say("it keeps that port: ", socket.local_endpoint().port() == port ? "yes" : "no",
        ". Another socket of this program has port ", second.local_endpoint().port());
    say("So a port belongs to a socket. The notes say: to a program.");
}

void binding() {
    heading("udp绑定: a port that others know");
    net::udp_socket receiver{{net::ipv4_address::any(), 0}}, sender{net::address_family::inet};
    const auto port = receiver.local_endpoint().port();
    say("the receiver is bound to ", receiver.local_endpoint(), ": every address of this host (the notes' '')");
    try {
        net::udp_socket{{net::ipv4_address::any(), port}};
    } catch (const std::system_error& failure) {
        say("a second receiver there: ", failure.code().message());
    }
    sender.send_to("asdf", {net::ipv4_address::loopback(), port});
    char buffer[1024];
    const auto got = receiver.recv_from(buffer);
    say("the receiver gets ", shown(got), " from ", got.sender);
    net::udp_socket unbound{net::address_family::inet};
    unbound.set_timeout(20ms);
    std::error_code error;
    unbound.recv_from(buffer, error);
    say("an unbound socket that only receives still has port ", unbound.local_endpoint().port(), ": ", outcome(error));
}

void answers() {
    heading("udp 发送、接收数据: an answer, no answer, and a stranger's answer");
    net::udp_socket server{anywhere}, stranger{anywhere}, client{anywhere};
    char buffer[1024];  // the notes' 1024: the most that is taken of one datagram
    client.send_to("question", server.local_endpoint());
    const auto question = server.recv_from(buffer);
    server.send_to("answer", question.sender);
    say("the client gets ", shown(client.recv_from(buffer)));
    say("a question and its answer are 2 datagrams; over TCP with a connection they are 8 to 11 segments (lesson 12)");

    client.send_to("question", server.local_endpoint());  // the server does not answer
    client.set_timeout(50ms);
    std::error_code error;
    client.recv_from(buffer, error);
    say("no answer arrives: ", outcome(error), " (the notes' program waits for ever)");

    stranger.send_to("I am the server!", client.local_endpoint());
    const auto got = client.recv_from(buffer);
    say("the client gets ", shown(got), ", from the server? ", got.sender == server.local_endpoint() ? "yes" : "no");
    client.connect(server.local_endpoint());
    stranger.send_to("I am the server!", client.local_endpoint());
    client.recv_from(buffer, error);
    say("connected to the server, the client does not get the stranger's datagram: ", outcome(error));
}

void refusals() {
    heading("Which sender learns that no socket has the port");
    net::udp_socket deaf = deaf_socket(), unconnected{anywhere}, connected{anywhere};
    char buffer[100];
    std::error_code error;
    unconnected.set_timeout(50ms);
    unconnected.send_to("hello?", deaf.local_endpoint());
    unconnected.recv_from(buffer, error);
    say("unconnected: send_to, recv_from: ", outcome(error));
    connected.set_timeout(50ms);
    connected.connect(deaf.local_endpoint());
    connected.send("hello?");
    connected.recv_from(buffer, error);
    say("connected:   send, recv_from:    ", outcome(error));
    deaf.disconnect();
    connected.send("hello?");
    say("the connected socket still works: when a receiver is there, it gets ", shown(deaf.recv_from(buffer)));
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
    say("the next receive:            ", outcome(error), ", because the other 6 bytes are lost");
    sender.send_to("0123", where);
    say("4 bytes into a buffer of 4:  ", shown(receiver.recv_from(four)));
    sender.send_to("", where);
    const auto empty = receiver.recv_from(four);
    say("an empty datagram:           ", empty.bytes.size(), " bytes from ", empty.sender, "; it is not an end");
}

void limits() {
    heading("UDP特点: \"each datagram must stay within 64 KB\"");
    net::udp_socket receiver{anywhere}, sender{anywhere};
    for (const std::size_t size : {net::max_datagram_v4, net::max_datagram_v4 + 1}) {
        std::vector<std::byte> bytes(size);
        try {
            sender.send_to(bytes, receiver.local_endpoint());
            say(size, " bytes: sent; received ", receiver.recv_from(bytes).bytes.size());
        } catch (const std::system_error& failure) {
            say(size, " bytes: ", failure.what());
        }
    }
    say("65507 is 65535 less 20 for the IP header and 8 for the UDP header. Over IPv6 it is ", net::max_datagram_v6,
        '.');

    heading("UDP: \"cannot guarantee that it arrives\"");
    receiver.set_option(net::option::receive_buffer{4096});
    receiver.set_blocking(false);
    int sent = 0, received = 0;
    std::error_code error;
    for (int i = 0; i < 1000; ++i) {
        sender.send_to("a line", receiver.local_endpoint(), error);
        sent += !error;
    }
    char buffer[100];
    for (; !error; received += !error) receiver.recv_from(buffer, error);
    say(sent, " datagrams sent without an error, to a receiver that does not read and has room for 4 KB.");
    say("Have all arrived? ", received == sent ? "yes" : received > 0 ? "no, only a few" : "no");
    say("A datagram that arrives is intact, because it has a checksum. It may arrive twice or in another order.");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Shows what can happen to a datagram: it is lost, refused, truncated, too long, or sent by a stranger.
The programs send, send_receive and receive of this lesson are the tools for two terminals.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"this example takes no arguments"};
        for (const auto part : {sending, binding, answers, refusals, borders, limits}) part();
    });
}

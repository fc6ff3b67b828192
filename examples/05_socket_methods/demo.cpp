// examples/05_socket_methods/demo.cpp: every method of a socket, at its limits
//
// The notes list the methods of a Python socket. This demonstration calls each method, in the notes' order, and prints
// the result. The table marks each line where the notes are wrong or incomplete:
//
//   Python          here                   the notes say                correct
//   bind            bind
//   listen          listen                 refuses beyond the backlog   a further client waits and is not refused
//   accept          accept                                              a new socket, and the peer
//   connect         connect(where)         is for TCP                   also for UDP: it fixes the peer
//   connect_ex      connect(where, error)
//   recv            recv                   returns a string, of TCP     bytes of any socket; 0 is the end
//   send            send                   returns the bytes to send    the bytes that the kernel took
//   sendall         send_all
//   recvfrom        recv_from                                           loses the rest of a long datagram
//   sendto          send_to                returns the bytes sent       all bytes or an error
//   close           close                                               closes *one* descriptor
//   getpeername     peer_endpoint
//   getsockname     local_endpoint
//   setsockopt      set_option
//   getsockopt      get_option             getsocketopt                 (misprint)
//   settimeout      set_timeout            set it when created          at any time; it limits each call
//   gettimeout      timeout
//   fileno          native_handle          gileno                       (misprint)
//   setblocking     set_blocking           setbolcking                  (misprint)
//   makefile        socket_iostream
//   shutdown        shutdown               (missing)                    ends one direction
//
// The notes:     Socket 对象(内建)方法: 服务器端套接字, 客户端套接字, 公共用途的套接字函数
//                (a socket's methods: for servers, for clients, for both)
// Type:          demo
// You will see:  what demo.txt shows, with the real port numbers

#include "../demo.hpp"

#include <netnotes/socket.hpp>

#include <netinet/tcp.h>

#include <algorithm>
#include <future>
#include <thread>

using example::heading;
using example::say;

namespace {

using enum net::address_family;
using enum net::socket_type;
using namespace std::chrono_literals;

// Port 0 lets the system choose a free port.
const net::endpoint anywhere{net::ipv4_address::loopback(), 0};

/// Shows a row of the table above, and the result.
void show(std::string_view python, std::string_view here, const auto&... seen) {
    std::string row{python};
    row.resize(14, ' ');
    say('\n', row, here);
    say("    ", seen...);
}
void also(const auto&... seen) { say("    ", seen...); }

/// Returns the text of the exception that the operation throws.
std::string thrown_by(const auto& operation) {
    try {
        operation();
    } catch (const std::system_error& error) {
        return error.what();
    }
    return "no exception";
}

/// The two ends of a TCP connection.
struct connection {
    net::socket client;
    net::socket server;
};
connection connected() {
    net::socket listener{inet, stream};
    listener.bind(anywhere);
    listener.listen();
    net::socket client{inet, stream};
    client.connect(listener.local_endpoint());
    return {std::move(client), listener.accept().connection};
}

/// Returns what the kernel knows about a TCP socket (tcp(7)). The library has no type for this option.
tcp_info information(const net::socket& socket) {
    tcp_info info{};
    socket.get_option(IPPROTO_TCP, TCP_INFO, std::as_writable_bytes(std::span{&info, 1}));
    return info;
}

// ---- 服务器端套接字: servers ----------------------------------------------------------------------------

void bind_listen_accept() {
    net::socket listener{inet, stream};
    listener.bind(anywhere);
    show("bind", "bind", "asked for ", anywhere, ", got ", listener.local_endpoint().to_string());
    net::socket late{inet, stream};
    also("a second socket there: ", thrown_by([&] { late.bind(listener.local_endpoint()); }));

    // The backlog is the number of complete connections that wait for accept(). Linux admits one more. The notes say
    // that it is at least 1, but 0 is legal. They say that 5 is enough, which is a number of the 1980s; the default here
    // is the system's maximum. They say that further clients are refused. They are not: the kernel drops their first
    // segment, and their own kernel sends it again a second later (listen(2)).
    listener.listen(2);
    std::vector<net::socket> in;
    for (unsigned count = 1; count <= 3; ++count) {
        in.emplace_back(inet, stream).connect(listener.local_endpoint());
        // connect() returns when the *client* has its answer. The client's next segment puts the connection into the
        // server's queue. The kernel shows the length of the queue in this field, and `ss -lt` shows it as Recv-Q.
        while (information(listener).tcpi_unacked < count) std::this_thread::yield();
    }
    show("listen", "listen", "with a backlog of 2, and before any accept: ", in.size(), " clients are connected");
    std::vector<net::socket> outside;
    for (int count = 0; count < 3; ++count) {
        std::error_code error;
        outside.emplace_back(inet, stream).set_blocking(false);
        outside.back().connect(listener.local_endpoint(), error);
    }
    std::this_thread::sleep_for(20ms);  // they wait with or without this pause
    const auto refused = std::ranges::count_if(outside, [](auto& client) { return bool{client.take_error()}; });
    const auto state = [](auto& client) { return information(client).tcpi_state; };
    const auto hanging = std::ranges::count(outside, TCP_SYN_SENT, state);
    also("three more try: ", refused, " refused, ", hanging, " still trying (SYN_SENT)");

    const auto [connection, peer] = listener.accept();
    show("accept", "accept", "a new socket, for ", peer.to_string(),
         peer == in[0].local_endpoint() ? ", the first client" : "");
    also("with a descriptor of its own and at the listener's port, ", connection.local_endpoint().to_string());
}

// ---- 客户端套接字: clients ------------------------------------------------------------------------------

void connect_and_connect_ex() {
    // This socket is bound, so no other program gets the port. It does not listen, so a client is refused.
    net::socket not_listening{inet, stream};
    not_listening.bind(anywhere);
    const auto where = not_listening.local_endpoint();

    net::socket client{inet, stream};
    show("connect", "connect(where)", "throws: ", thrown_by([&] { client.connect(where); }));

    // The notes use connect() for TCP only. A datagram socket can connect, too. That sends nothing, and the peer need not
    // exist. From then on the kernel delivers only datagrams of this peer.
    net::socket caller{inet, datagram};
    caller.connect(where);
    also("a datagram socket: connected to ", caller.peer_endpoint().to_string(), ", although no socket is there");

    client = net::socket{inet, stream};  // POSIX does not define the state of a socket after a failure
    std::error_code error;
    client.connect(where, error);
    show("connect_ex", "connect(where, error)", "does not throw; error is: ", error.message());
    also("error == std::errc::connection_refused? ", error == std::errc::connection_refused ? "yes" : "no");
}

// ---- 公共用途的套接字函数: both -------------------------------------------------------------------------

void about_recv() {
    auto [client, server] = connected();
    client.send_all("hello, world");
    char buffer[8];
    // The notes call the flags "further information about the message". But flags are requests (recv(2)). This flag
    // reads the bytes and leaves them in the queue.
    std::size_t size = server.recv(buffer, MSG_PEEK);
    show("recv", "recv", "\"hello, world\" has arrived, and the buffer has 8 bytes");
    also("looked at: \"", std::string_view{buffer, size}, "\" (MSG_PEEK)");
    size = server.recv(buffer);
    also("received:  \"", std::string_view{buffer, size}, '"');
    size = server.recv(buffer);
    also("received:  \"", std::string_view{buffer, size}, '"');
    client.close();
    also("the client has closed: ", server.recv(buffer), " bytes, and ", server.recv(buffer), " at every further call");
}

void send_and_sendall() {
    // The other end does not receive, so the bytes fill the buffers in the kernel: first the peer's, then ours. Small
    // buffers make that quick, because Linux would let them grow to megabytes.
    const std::vector<char> large(4 << 20);
    const auto not_received = [] {
        auto ends = connected();
        ends.client.set_option(net::option::send_buffer{64 << 10});
        ends.server.set_option(net::option::receive_buffer{64 << 10});
        return ends;
    };
    auto [client, unread] = not_received();
    client.set_blocking(false);
    std::error_code error;
    const std::size_t taken = client.send(large, error);
    const auto part_of_all = [&](std::size_t size) {
        return size == 0 ? "nothing" : size < large.size() ? "a part" : "all";
    };
    show("send", "send", "of 4 MiB the kernel took ", part_of_all(taken));
    while (!error) client.send(large, error);
    also("when the buffers are full: ", error.message());

    // After an exception of sendall, Python cannot tell how many bytes it sent. Here the call returns the number.
    auto [patient, unread_too] = not_received();
    patient.set_timeout(20ms);
    const std::size_t sent = patient.send_all(large, error);
    show("sendall", "send_all", "of 4 MiB, in 20 ms, ", part_of_all(sent), ": ", error.message());

    auto [sender, receiver] = connected();
    auto arrived = std::async(std::launch::async, [&there = receiver] {
        std::vector<char> buffer(64 << 10);
        std::size_t total = 0;
        while (const std::size_t size = there.recv(buffer)) total += size;
        return total;
    });
    sender.send_all(large);
    sender.close();
    also("with a peer that receives, all: ", arrived.get(), " bytes");
}

void recvfrom_and_sendto() {
    net::socket left{inet, datagram};
    net::socket right{inet, datagram};
    left.bind(anywhere);
    right.bind(anywhere);
    const auto to = right.local_endpoint();

    char small[4];
    left.send_to("0123456789", to);
    auto got = right.recv_from(small);
    show("recvfrom", "recv_from", '"', net::as_text(got.bytes), "\" of 10 bytes", got.truncated ? ", truncated" : "",
         "; from ", got.sender.to_string(), got.sender == left.local_endpoint() ? ", the sender" : "");
    left.send_to("next", to);
    got = right.recv_from(small);
    also("the next receive returns the next datagram, because the rest is lost: \"", net::as_text(got.bytes), '"');
    // Zero bytes mean the end only on a stream.
    left.send_to("", to);
    got = right.recv_from(small);
    also("an empty datagram is a datagram, too: ", got.bytes.size(), " bytes from ", got.sender.to_string());

    // An IPv4 packet holds 65535 bytes. Its own header takes 20 bytes, and the UDP header takes 8.
    const std::string whole(65507, '.');
    left.send_to(whole, to);
    std::string room(65535, ' ');
    show("sendto", "send_to", "65507 bytes in one datagram: received ", right.recv_from(room).bytes.size());
    also("one more: ", thrown_by([&] { left.send_to(whole + '.', to); }));
}

void about_close() {
    auto [client, server] = connected();
    char buffer[100];
    std::error_code error;
    net::socket second{::fcntl(client.native_handle(), F_DUPFD_CLOEXEC, 0)};  // fork() makes such a copy, too
    client.close();
    server.set_timeout(20ms);
    server.recv(buffer, error);
    show("close", "close", "a second descriptor is still open, so the peer sees no end: ", error.message());
    second.close();
    server.set_timeout(net::never);
    also("the second descriptor is closed: the peer receives ", server.recv(buffer), " bytes, the end");

    auto [reader, writer] = connected();
    writer.send_all("important news");
    reader.wait(POLLIN, net::time_point::max(), error);
    reader.close();
    writer.recv(buffer, error);
    also("closed with unread bytes, the peer gets: ", error.message());
}

void names_and_options() {
    const auto [client, server] = connected();
    show("getpeername", "peer_endpoint", "the client's peer is ", client.peer_endpoint().to_string(),
         client.peer_endpoint() == server.local_endpoint() ? ", which is the server's own" : "");
    show("getsockname", "local_endpoint", "the client's address is ", client.local_endpoint().to_string(),
         client.local_endpoint() == server.peer_endpoint() ? ", which is the server's peer" : "");

    net::socket socket{inet, stream};
    const bool before = socket.get_option<net::option::keep_alive>();
    socket.set_option(net::option::keep_alive{true});
    socket.set_option(net::option::receive_buffer{10'000});
    show("setsockopt", "set_option", "keep_alive, which was ", before ? "on" : "off",
         ", set; receive_buffer set to 10000");
    show("getsockopt", "get_option", "keep_alive is ", socket.get_option<net::option::keep_alive>() ? "on" : "off",
         "; receive_buffer is ", socket.get_option<net::option::receive_buffer>(), " because Linux doubles it");
}

void settimeout_and_gettimeout() {
    auto [client, server] = connected();
    char byte[1];
    std::error_code error;
    server.set_timeout(50ms);
    server.recv(byte, error);
    show("settimeout", "set_timeout", "50 ms of silence: ", error.message(),
         error == std::errc::timed_out ? " (std::errc::timed_out)" : "");

    // A timeout limits each call, as in Python. So a peer that sends a byte from time to time is never late. A deadline
    // limits all calls together.
    const auto a_byte_every_10_ms = [&, &here = client, &there = server] {
        const auto start = net::clock::now();
        do {
            here.send_all(".");
            there.recv(byte, error);
            std::this_thread::sleep_for(10ms);
        } while (!error && net::clock::now() - start < 150ms);
        return error ? error.message() : "never late";
    };
    also("a byte every 10 ms, for 150 ms: ", a_byte_every_10_ms());
    server.set_deadline(net::clock::now() + 50ms);
    also("the same with set_deadline(net::clock::now() + 50ms): ", a_byte_every_10_ms());

    server.set_timeout(250ms);
    show("gettimeout", "timeout", server.timeout() == 250ms ? "250 ms, as set" : "something else");
    also("of a new socket: ", client.timeout() == net::never ? "net::never, which is Python's None" : "something else");
}

void fileno_and_setblocking() {
    auto [client, server] = connected();
    show("fileno", "native_handle", "descriptor ", server.native_handle(), " for your own system calls");
    char buffer[100];
    std::error_code error;
    server.set_blocking(false);
    server.recv(buffer, error);
    show("setblocking", "set_blocking", "recv without data: ", error.message(),
         error == std::errc::operation_would_block ? " (std::errc::operation_would_block)" : "");
}

void makefile_and_shutdown() {
    auto [client, server] = connected();
    net::socket_iostream here{std::move(client)};
    net::socket_iostream there{std::move(server)};
    here << "first line\nline " << 2 << '\n' << std::flush;
    std::string first;
    std::string second;
    std::getline(std::getline(there, first), second);
    show("makefile", "socket_iostream", "std::getline gives \"", first, "\" and \"", second, '"');

    here << "my last question" << std::flush;
    here.connection().shutdown(net::shutdown_direction::send);
    std::getline(there, first);
    show("shutdown", "shutdown", "(missing in the notes) one end stops sending: its peer reads \"", first, '"',
         there.eof() ? " and the end" : "");
    there.clear();  // the end was the end of the other direction
    there << "the answer\n" << std::flush;
    std::getline(here, first);
    also("and can still answer: \"", first, '"');
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Calls every method of a socket and shows the result.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"this example takes no arguments"};
        say("Python's name, the name here, and the result");
        heading("服务器端套接字: as a server");
        bind_listen_accept();
        heading("客户端套接字: as a client");
        connect_and_connect_ex();
        heading("公共用途的套接字函数: as both");
        about_recv();
        send_and_sendall();
        recvfrom_and_sendto();
        about_close();
        names_and_options();
        settimeout_and_gettimeout();
        fileno_and_setblocking();
        makefile_and_shutdown();
    });
}

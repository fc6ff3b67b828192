// methods.cpp: calls the methods of the notes' table once, in their order (beyond the notes)

#include <netnotes/socket.hpp>

#include <iomanip>
#include <iostream>

namespace net = netnotes;
using enum net::address_family;
using enum net::socket_type;

void show(std::string_view method, const auto&... result) {
    std::cout << std::left << std::setw(15) << method;
    (std::cout << ... << result) << '\n';
}

int main() try {
    using namespace std::chrono_literals;
    char buffer[1024], five[5];
    std::error_code error;

    // 服务器端套接字 (as a server)
    net::socket server{inet, stream};
    server.set_option(net::option::reuse_address{true});
    server.bind(net::endpoint{"127.0.0.1", 6666});
    show("bind", "the server has the address ", server.local_endpoint().to_string());
    server.listen(5);
    show("listen", "up to 5 connections, and one more, may wait for accept");

    // 客户端套接字 (as a client)
    net::socket client{inet, stream}, hopeless{inet, stream};
    client.connect(server.local_endpoint());
    show("connect", "the client is connected; its own address is ", client.local_endpoint().to_string());
    hopeless.connect(net::endpoint{"127.0.0.2", 6665}, error);
    show("connect_ex", "connect(where, error) does not throw: ", error.message());
    auto [connection, peer] = server.accept();
    show("accept", "a new socket for the client at ", peer.to_string());

    // 公共用途的套接字函数 (as both)
    show("send", client.send("hello"), " bytes taken by the kernel");
    client.send_all(", world");
    show("sendall", "send_all: all bytes, or an error");
    show("recv", connection.recv(five), " bytes, because the buffer has room for 5");
    show("recv", connection.recv(buffer), " bytes, which is the rest");
    net::socket left{inet, datagram}, right{inet, datagram};
    right.bind(net::endpoint{"127.0.0.1", 6666});  // UDP 6666 is not TCP 6666
    left.send_to("a datagram", right.local_endpoint());
    show("sendto", "send_to: whole or not at all, so it returns no number");
    const auto got = right.recv_from(buffer);
    show("recvfrom", "recv_from: \"", net::as_text(got.bytes), "\" from ", got.sender.to_string());
    show("getpeername", "peer_endpoint: ", connection.peer_endpoint().to_string());
    show("getsockname", "local_endpoint: ", connection.local_endpoint().to_string());
    client.set_option(net::option::keep_alive{true});
    show("getsockopt", "get_option: keep-alive is ", client.get_option<net::option::keep_alive>() ? "on" : "off");
    client.set_timeout(50ms);
    client.recv(buffer, error);
    show("settimeout", "set_timeout(50ms), and recv: ", error.message());
    show("gettimeout", "timeout: ", client.timeout() == 50ms ? "50 ms" : "another time");
    show("fileno", "native_handle: descriptor ", client.native_handle());
    client.set_blocking(false);
    client.recv(buffer, error);
    show("setblocking", "set_blocking(false), and recv: ", error.message());
    net::socket_iostream file{std::move(connection)};  // it owns the socket now
    file << "a line" << std::endl;
    client.set_blocking(true);
    show("makefile", "socket_iostream: the client receives ", client.recv(buffer), " bytes");
    client.close();
    show("close", "the server then reads the end: ", file.get() == EOF ? "yes" : "no");
} catch (const std::system_error& error) {
    std::cerr << "methods: " << error.what() << '\n';
    return 1;
}

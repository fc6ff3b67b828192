// create_sockets.cpp: creates a TCP socket and a UDP socket (the notes: "创建socket 例子", 5 lines)

#include <netnotes/socket.hpp>

#include <iostream>

namespace net = netnotes;

int main() try {
    net::socket tcp_socket{net::address_family::inet, net::socket_type::stream};  // AF_INET, SOCK_STREAM
    std::cout << "tcp socket created!\n";

    net::socket udp_socket{net::address_family::inet, net::socket_type::datagram};  // AF_INET, SOCK_DGRAM
    std::cout << "udp socket created!\n";
    // Here both sockets are closed. The notes never close theirs.
} catch (const std::system_error& error) {
    std::cerr << "create_sockets: " << error.what() << '\n';
    return 1;
}

// receive.cpp: binds a port, receives one datagram and prints it (the notes: "udp绑定", 7 lines)

#include <netnotes/udp.hpp>

#include <iostream>

namespace net = netnotes;

int main() try {
    net::udp_socket socket{{net::ipv4_address::any(), 6666}};  // socket and bind; the notes' '' is every address
    std::cout << "等待数据 (waiting for a datagram on port 6666)" << std::endl;

    char buffer[1024];
    const auto [bytes, sender, truncated] = socket.recv_from(buffer);
    std::cout << "接收到的数据 (received): " << net::visible(net::as_text(bytes)) << " from " << sender << '\n';
    if (truncated) std::cout << "The datagram was longer than 1024 bytes, and the rest is lost.\n";
} catch (const std::system_error& error) {
    std::cerr << "receive: " << error.what() << '\n';
    return 1;
}

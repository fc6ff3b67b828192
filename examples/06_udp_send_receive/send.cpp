// send.cpp: sends one line as a datagram (the notes: "udp 发送数据", 6 lines)
//
//     send [HOST [PORT]]        localhost 6666 if they are left out; the notes send to 192.168.1.3 8080

#include <netnotes/udp.hpp>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "localhost", port = argc > 2 ? argv[2] : "6666";
    net::udp_socket socket{net::address_family::inet};  // no port yet
    const auto to = net::resolve(host, port, {net::address_family::inet, net::socket_type::datagram}).front();

    std::cout << "请输入要发送的数据 (input send data): " << std::flush;
    std::string line;
    if (!std::getline(std::cin, line)) return 0;  // Ctrl-D

    socket.send_to(line, to);  // the system now gives the socket a port
    std::cout << "已发送 (sent) " << line.size() << " bytes to " << to << " from port "
              << socket.local_endpoint().port() << "; UDP does not report whether they arrive\n";
} catch (const std::exception& error) {
    std::cerr << "send: " << error.what() << '\n';
    return 1;
}

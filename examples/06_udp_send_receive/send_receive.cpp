// send_receive.cpp: sends one line and waits for one answer (the notes: "udp 发送、接收数据", 8 lines)
//
//     send_receive [HOST [PORT]]        localhost 6666 if they are left out

#include <netnotes/udp.hpp>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "localhost", port = argc > 2 ? argv[2] : "6666";
    net::udp_socket socket{net::address_family::inet};
    socket.connect(net::resolve(host, port, {net::address_family::inet, net::socket_type::datagram}).front());
    socket.set_timeout(std::chrono::seconds{10});  // the notes wait for ever if the answer is lost

    std::cout << "请输入要发送的数据 (data to send): " << std::flush;
    std::string line;
    if (!std::getline(std::cin, line)) return 0;  // Ctrl-D
    socket.send(line);

    std::cout << "等待回复 (waiting at most 10 s for an answer) ..." << std::endl;
    char buffer[1024];  // the most that is kept of one datagram
    const auto answer = socket.recv_from(buffer);
    std::cout << "接收到的数据 (received): " << net::visible(net::as_text(answer.bytes)) << " from " << answer.sender
              << '\n';
} catch (const std::exception& error) {
    std::cerr << "send_receive: " << error.what() << '\n';
    return 1;
}

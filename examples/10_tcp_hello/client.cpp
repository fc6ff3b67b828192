// client.cpp: sends a line and prints the answer (the notes: "TCP客户端", 7 lines)
//
//     client [HOST]        HOST is localhost if it is left out

#include <netnotes/tcp.hpp>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    using namespace std::chrono_literals;
    const std::string host = argc > 1 ? argv[1] : "localhost";
    std::cout << "正在连接 (connecting to) " << host << ":6666 ..." << std::endl;
    auto server = net::tcp_stream::connect(host, 6666, 10s);  // fails after 10 s without an answer

    std::cout << "请输入要发送的数据 (data to send): " << std::flush;
    std::string line;
    if (!std::getline(std::cin, line)) return 0;  // Ctrl-D
    server.send_all(line + "\n");  // the notes forget this: then both sides wait for ever

    char buffer[1024];
    const std::size_t size = server.recv(buffer);
    if (size == 0) throw std::runtime_error{"the server has closed without an answer"};
    std::cout << "接收到的数据 (received): " << net::visible({buffer, size}) << '\n';
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}

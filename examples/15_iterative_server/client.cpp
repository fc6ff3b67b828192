// client.cpp: sends each line that you type, to the server of this lesson or of the next three (beyond the notes)
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
    std::cout << "请输入要发送的数据 (lines to send; Ctrl-D ends)" << std::endl;
    std::string line;
    while (std::cout << "send: " << std::flush && std::getline(std::cin, line)) {
        char answer[1024];
        std::error_code error;
        const std::size_t size = server.recv(answer, error, MSG_DONTWAIT);  // looks whether the server is still there
        if (size == 0 && error != std::errc::operation_would_block)
            throw std::runtime_error{"the server has closed the connection"};
        server.send_all(line + "\n");
    }
    std::cout << '\n';
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}

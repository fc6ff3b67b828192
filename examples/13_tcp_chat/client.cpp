// client.cpp: sends a line, waits for the other person's line, and so on (the notes: "tcp 模拟qq", 13 lines)
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
    net::buffered_reader reader{server};
    std::cout << "空行结束 (an empty line ends)" << std::endl;
    std::string line;
    while (std::cout << "send: " << std::flush && std::getline(std::cin, line) && !line.empty()) {
        server.send_all(line + "\n");
        const auto message = reader.recv_line();  // waits for the other person
        if (!message) throw std::runtime_error{"the server has closed the connection"};
        std::cout << "\r\x1b[Kreceived: " << net::visible(*message) << '\n';  // on a clear line, if you type meanwhile
    }
    if (std::cin.eof()) std::cout << '\n';  // Ctrl-D ends the conversation, too
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}

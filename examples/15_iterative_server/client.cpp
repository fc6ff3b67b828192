// client.cpp: sends each line that you type, to the server of this lesson or of the next three (beyond the notes)
//
//     client [HOST]        HOST is localhost if it is left out

#include <netnotes/tcp.hpp>

#include <poll.h>
#include <unistd.h>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    using namespace std::chrono_literals;
    const std::string host = argc > 1 ? argv[1] : "localhost";
    std::cout << "正在连接 (connecting to) " << host << ":6666 ..." << std::endl;
    auto server = net::tcp_stream::connect(host, 6666, 10s);  // fails after 10 s without an answer
    std::cout << "请输入要发送的数据 (lines to send; Ctrl-D ends)" << std::endl;
    for (char line[4096];;) {
        std::cout << "send: " << std::flush;
        pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {server.native_handle(), POLLRDHUP, 0}};
        ::poll(both, 2, -1);  // waits for a line, or until the server has gone: lesson 18 and the lessons behind it
        if (both[1].revents) {
            std::cout << std::endl;  // the prompt has a row of its own
            throw std::runtime_error{"the server has closed the connection"};
        }
        const ssize_t size = ::read(STDIN_FILENO, line, sizeof line);
        if (size <= 0) break;  // Ctrl-D
        server.send_all(std::string_view{line, static_cast<std::size_t>(size)});
    }
    std::cout << '\n';
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}

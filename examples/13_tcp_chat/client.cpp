// client.cpp: sends a line, waits for the other person's line, and so on (the notes: "tcp 模拟qq", 13 lines)
//
//     client [HOST]        HOST is localhost if it is left out

#include <netnotes/tcp.hpp>

#include <poll.h>
#include <termios.h>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "localhost";
    std::cout << "正在连接 (connecting to) " << host << ":6666 ... 空行结束 (an empty line ends)" << std::endl;
    auto server = net::tcp_stream::connect(host, 6666, std::chrono::seconds{10});  // waits no longer for an answer
    net::buffered_reader reader{server};
    std::setbuf(stdin, nullptr);  // getline() takes one line and no more, so poll() sees the next line
    pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {server.native_handle(), POLLRDHUP, 0}};
    for (std::string line; std::cout << "send: " << std::flush; ::tcflush(STDIN_FILENO, TCIFLUSH)) {
        ::poll(both, 2, -1);  // waits for your line, or until the server has gone
        if (both[1].revents || !std::getline(std::cin, line) || line.empty()) break;
        server.send_all(line + "\n");
        // Waits for the other person's line. tcflush() throws away what you typed meanwhile, and \r\33[K clears its row.
        if (const auto message = reader.recv_line()) std::cout << "\r\33[Kreceived: " << net::visible(*message) << '\n';
    }
    std::cout << std::endl;
    if (both[1].revents) throw std::runtime_error{"the server has closed the connection"};
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}

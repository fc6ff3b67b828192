// client.cpp: sends a line, waits for the other person's line, and so on (the notes: "tcp 模拟qq", 13 lines)
//
//     client [HOST]        HOST is localhost if it is left out

#include <netnotes/tcp.hpp>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>

namespace net = netnotes;

/// Shows a message above the row in which you type, and the prompt before what you have typed: see console_codes(4).
void show(const std::string& message) {
    winsize screen{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &screen);
    const std::size_t rows = 1 + message.size() / std::max<std::size_t>(screen.ws_col, 20);
    const std::string n = std::to_string(rows), room(rows, '\v');
    std::cout << room + "\33[" + n + "A\0337\r\33[" + n + "L" + message + "\0338\33[" + n + "B";
    pollfd keyboard{STDIN_FILENO, POLLIN, 0};  // a whole line that waits needs no prompt
    if (::poll(&keyboard, 1, 0) == 0) std::cout << "\0337\r\33[6@send: \0338\33[6C";
    std::cout << std::flush;
}

int main(int argc, char** argv) try {
    using namespace std::chrono_literals;
    const std::string host = argc > 1 ? argv[1] : "localhost";
    std::cout << "正在连接 (connecting to) " << host << ":6666 ..." << std::endl;
    auto server = net::tcp_stream::connect(host, 6666, 10s);  // fails after 10 s without an answer
    net::buffered_reader reader{server};
    std::cout << "空行结束 (an empty line ends)\nsend: " << std::flush;
    std::string line;
    while (std::getline(std::cin, line) && !line.empty()) {
        server.send_all(line + "\n");
        const auto message = reader.recv_line();  // waits for the other person
        if (!message) throw std::runtime_error{"the server has closed the connection"};
        show("received: " + net::visible(*message));
    }
    if (std::cin.eof()) std::cout << '\n';  // Ctrl-D ends the conversation, too
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}

// server.cpp: talks with one person after the other, by turns (the notes: "tcp 模拟qq", 17 lines)

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

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};                            // Ctrl-C ends every wait below
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}};  // the notes' '' is every address
    listener.stop_with(stop);
    std::string line;
    while (std::cin && !stop.stop_requested()) {
        std::cout << "等待客户端 (waiting for a client on port 6666; Ctrl-C ends)" << std::endl;
        auto [client, address] = listener.accept();
        std::cout << "连接地址 (connected): " << address << std::endl;
        net::buffered_reader reader{client};  // a message is a line, in however many pieces it arrives
        std::error_code error;
        while (auto message = reader.recv_line(error)) {
            show("recv: " + net::visible(*message));
            if (!std::getline(std::cin, line)) break;  // Ctrl-D ends this conversation and the server
            client.send_all(line + "\n", error);
        }
        std::cout << "\n客户端已经关闭 (disconnected): " << address << (error ? ", " + error.message() : "")
                  << std::endl;
    }
} catch (const std::system_error& error) {
    if (error.code() == std::errc::operation_canceled) return 0;
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

// server.cpp: talks with one person after the other, by turns (the notes: "tcp 模拟qq", 17 lines)

#include <netnotes/tcp.hpp>

#include <poll.h>
#include <termios.h>

#include <iostream>

namespace net = netnotes;

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};                            // Ctrl-C ends every wait below
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}};  // the notes' '' is every address
    listener.stop_with(stop);
    std::setbuf(stdin, nullptr);  // getline() takes one line and no more, so poll() sees the next line
    for (std::string line; std::cin && !stop.stop_requested();) {
        std::cout << "等待客户端 (waiting for a client on port 6666; Ctrl-C ends)" << std::endl;
        auto [client, address] = listener.accept();
        std::cout << "连接地址 (connected): " << address << std::endl;
        net::buffered_reader reader{client};  // a message is a line, in however many pieces it arrives
        pollfd waits[] = {
            {STDIN_FILENO, POLLIN, 0}, {client.native_handle(), POLLRDHUP, 0}, {stop.native_handle(), POLLIN, 0}};
        std::error_code error;
        while (auto message = reader.recv_line(error)) {
            ::tcflush(STDIN_FILENO, TCIFLUSH);  // throws away what you typed out of turn; \r\33[K clears its row
            std::cout << "\r\33[Krecv: " << net::visible(*message) << "\nsend: " << std::flush;
            if (::poll(waits, 3, -1) < 0 || waits[2].revents) break;  // your line, the client's end, or Ctrl-C
            if (waits[1].revents) continue;  // the client has gone: shows the lines that it has still sent
            if (!std::getline(std::cin, line)) break;  // Ctrl-D ends this conversation and the server
            client.send_all(line + "\n", error);
        }
        std::cout << "\r\33[K客户端已经关闭 (disconnected): " << address << (error ? ", " + error.message() : "")
                  << std::endl;
    }
} catch (const std::system_error& error) {
    if (error.code() == std::errc::operation_canceled) return 0;
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

// chat.cpp: two people chat, and both may type at any time (the notes: "单全双工信息收发", 30 lines)
//
//     chat [OWN_PORT]        OWN_PORT is 6666 if it is left out

#include <netnotes/udp.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <stdexcept>
#include <thread>

namespace net = netnotes;

// The prompt stands in the last row: ESC [ 999 B goes down as far as there are rows, and ESC [ K clears this row.
const std::string prompt = "\33[999B\r\33[K发送 (send) >: ",
                  nobody = "对方不在 (nobody is there: the last line is lost)";

/// Shows a text above the last row of the screen, in which you type: see console_codes(4).
void show(const std::string& text) {
    winsize screen{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &screen);
    const std::string above = std::to_string(screen.ws_row > 1 ? screen.ws_row - 1 : 1);
    // Remembers the place of the cursor, lets only the rows above yours scroll, writes there, and returns to the place.
    std::cout << "\0337\33[1;" + above + "r\33[" + above + "H\n" + text + "\33[r\0338" << std::flush;
}

void receive_until_stopped(net::udp_socket& socket) {
    char buffer[4096];
    for (std::error_code error; error != std::errc::operation_canceled;) {
        const auto got = socket.recv_from(buffer, error);
        if (error == std::errc::connection_refused) show(nobody);
        if (!error) show("收到 (received) >: " + got.sender.to_string() + ": " + net::visible(net::as_text(got.bytes)));
    }
}

void send_lines(net::udp_socket& socket) {
    for (std::string line; std::cout << prompt << std::flush && std::getline(std::cin, line);) {
        std::error_code error;
        socket.send(line, error);
        if (error == std::errc::connection_refused)  // this is about the line before, and this line is not sent yet
            std::cout << nobody << '\n', socket.send(line, error);
        if (error) std::cout << "没有发送 (not sent): " << error.message() << '\n';
    }
}

int main(int argc, char** argv) try {
    const net::resolve_hints udp{net::address_family::inet, net::socket_type::datagram};
    net::udp_socket socket{net::resolve("0.0.0.0", argc > 1 ? argv[1] : "6666", udp).front()};
    std::string ip, port;
    std::cout << "请输入对方的 IP (the other's IP or host name): " << std::flush;
    if (!std::getline(std::cin, ip)) return 0;
    std::cout << "请输入对方的端口 (the other's port): " << std::flush;
    if (!std::getline(std::cin, port)) return 0;
    if (port.empty()) throw std::runtime_error{"the other's port is missing"};
    socket.connect(net::resolve(ip, port, udp).front());  // datagrams of others are not let in

    net::stop_event stop;
    net::stop_on_signals signals{stop};  // Ctrl-C ends getline() and recv_from()
    socket.stop_with(stop);
    std::thread receiver{[&] { receive_until_stopped(socket); }};
    send_lines(socket);
    stop.request_stop();  // Ctrl-D ends send_lines(), and this ends recv_from()
    receiver.join();
    std::cout << '\n';
} catch (const std::exception& error) {
    std::cerr << "chat: " << error.what() << '\n';
    return 1;
}

// netcat.cpp: sends what you type and shows what the server says, at the same time (beyond the notes)
//
//     netcat HOST PORT        Ctrl-D ends what you send

#include <netnotes/coro.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <utility>

namespace net = netnotes;
using namespace std::chrono_literals;

bool is_typing = false;  // a person, in the last row of the screen

net::task<> type(net::async_stream& server, bool& has_ended) {
    net::async_descriptor keyboard{STDIN_FILENO};  // or a file, if the shell has put one in its place
    for (std::array<char, 4096> room;;) {
        const std::size_t size = co_await keyboard.read(room);
        if (size == 0) break;
        co_await server.send_all(std::span{room}.first(size));
    }
    has_ended = true;
    server.shutdown(net::shutdown_direction::send);  // the server reads the end, and can still answer
    co_await net::sleep_for(net::never);
}

/// Shows a line above the last row of the screen, in which you type: lesson 09.
void show(const std::string& line) {
    winsize screen{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &screen);
    const std::string above = std::to_string(std::max<int>(screen.ws_row, 2) - 1);
    if (is_typing) std::cout << "\0337\33[1;" + above + "r\33[" + above + "H\n" + line + "\33[r\0338" << std::flush;
    if (!is_typing) std::cout << line << std::endl;
}

net::task<> receive(net::async_stream& server) {
    const bool is_screen = ::isatty(STDOUT_FILENO) == 1;
    std::array<char, 4096> room;
    for (std::string text;;) {
        std::error_code late;  // the rest of a line is waited for, but not long: it may be a prompt
        const net::wait_time patience = text.empty() ? net::never : 200ms;
        const std::size_t size = co_await net::with_timeout(patience, server.recv(room, late));
        if (late && late != std::errc::timed_out) throw std::system_error{late, "recv"};
        text.append(room.data(), size);
        if (!is_screen) std::cout << std::exchange(text, "") << std::flush;  // a file or a pipe gets the bytes as they are
        for (std::size_t end; (end = text.find('\n')) != text.npos; text.erase(0, end + 1))
            show(net::visible(text.substr(0, end)));
        if (!text.empty() && (late || size == 0 || text.size() >= room.size())) show(net::visible(std::exchange(text, "")));
        if (!late && size == 0) co_return;
    }
}

net::task<> talk(std::string host, std::uint16_t port) {
    std::cerr << "正在连接 (connecting to) " << host << ':' << port << " ..." << std::endl;
    net::async_stream server = co_await net::with_timeout(10s, net::async_connect(host, port));
    is_typing = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    if (is_typing) std::cout << "\33[999B" << std::flush;  // goes to the last row of the screen
    bool has_ended = false;
    co_await net::when_any(type(server, has_ended), receive(server));  // whichever ends first cancels the other
    if (!has_ended) throw std::runtime_error{"the server has closed the connection"};
}

int main(int argc, char** argv) try {
    const auto where = net::endpoint::parse("0.0.0.0:" + std::string{argc == 3 ? argv[2] : ""});
    if (!where) throw std::invalid_argument{"usage: netcat HOST PORT"};
    net::event_loop loop;
    loop.run(talk(argv[1], where->port()));
} catch (const std::exception& error) {
    std::cerr << (is_typing ? "\nnetcat: " : "netcat: ") << error.what() << '\n';
    return 1;
}

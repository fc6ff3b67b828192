// level_and_edge.cpp: reads half of what has arrived, with both triggers (the notes: "epoll使用说明", 0 lines)

#include <netnotes/poll.hpp>

#include <iostream>

namespace net = netnotes;

void read_half(net::trigger how) {
    auto [reader, writer] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(reader.native_handle(), net::interest::read, 0, how);
    const auto ask = [&] { return poller.wait(net::duration::zero()).empty() ? "nothing\n" : "ready to read\n"; };
    writer.send_all(std::string(2000, 'x'));
    std::cout << "  2000 bytes arrive      epoll reports: " << ask();
    char buffer[1000];
    reader.recv(buffer);
    std::cout << "  1000 of them are read  epoll reports: " << ask();
    writer.send_all("y");
    std::cout << "  one more byte arrives  epoll reports: " << ask();
}

int main() try {
    std::cout << "水平触发 LT (level-triggered)\n";
    read_half(net::trigger::level);
    std::cout << "边缘触发 ET (edge-triggered)\n";
    read_half(net::trigger::edge);
} catch (const std::system_error& error) {
    std::cerr << "level_and_edge: " << error.what() << '\n';
    return 1;
}

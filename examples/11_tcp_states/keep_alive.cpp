// keep_alive.cpp: shows the three numbers of keep-alive, and sets them for a connection (beyond the notes)

#include <netnotes/tcp.hpp>

#include <fstream>
#include <iostream>

namespace net = netnotes;
using namespace std::chrono_literals;

void show(std::string_view whose, const std::optional<net::keep_alive>& numbers) {
    std::cout << whose << ": ";
    if (!numbers) {
        std::cout << "off" << std::endl;
        return;
    }
    std::cout << "silence of " << numbers->idle.count() << " s, then " << numbers->count << " probes every "
              << numbers->interval.count() << " s: a dead peer is noticed after " << numbers->until_verdict().count()
              << " s" << std::endl;
}

/// Returns a number of this machine's settings.
int setting(const std::string& name) {
    std::ifstream file{"/proc/sys/net/ipv4/tcp_keepalive_" + name};
    int value = 0;
    if (!(file >> value)) throw std::runtime_error{"this system does not tell tcp_keepalive_" + name};
    return value;
}

int main() try {
    show("Linux (tcp(7))", net::keep_alive{});
    show("this machine", net::keep_alive{std::chrono::seconds{setting("time")}, std::chrono::seconds{setting("intvl")},
                                         setting("probes")});
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    auto client = net::tcp_stream::connect(listener.local_endpoint());
    show("a new connection", client.keep_alive());  // off, because a program must ask for it
    client.set_keep_alive({{60s, 10s, 3}});
    show("after set_keep_alive", client.keep_alive());
} catch (const std::exception& error) {
    std::cerr << "keep_alive: " << error.what() << '\n';
    return 1;
}

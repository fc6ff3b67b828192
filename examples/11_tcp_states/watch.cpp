// watch.cpp: shows each change of state of the connections of a port, while other programs use it (beyond the notes)
//
//     watch [PORT]        PORT is 6666 if it is left out

#include <netnotes/tcp.hpp>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>

namespace net = netnotes;

/// The states of connections, by the port of this end and the port of the other end. A listener has port 0 at the other end.
using connections = std::map<std::pair<unsigned, unsigned>, net::tcp_state>;

/// Returns the connections of this machine that use the port. The kernel lists all connections in /proc/net/tcp.
connections connections_of(unsigned port) {
    connections found;
    std::ifstream table{"/proc/net/tcp"};
    for (std::string line; std::getline(table, line);) {
        unsigned from = 0, to = 0, state = 0;
        if (std::sscanf(line.c_str(), "%*u: %*8x:%x %*8x:%x %x", &from, &to, &state) == 3 &&
            (from == port || to == port))
            found[{from, to}] = static_cast<net::tcp_state>(state);
    }
    return found;
}

int main(int argc, char** argv) try {
    const std::string_view word = argc > 1 ? argv[1] : "6666";
    std::uint16_t port = 0;
    const auto number = std::from_chars(word.begin(), word.end(), port);
    if (number.ptr != word.end() || port == 0) throw std::runtime_error{net::quoted(word) + " is not a port"};
    std::cout << "监视端口 (watching port) " << port << " (Ctrl-C ends)\n本端 (this end) -> 对端 (other end)"
              << std::endl;
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    for (connections shown; !stop.stop_requested(); std::this_thread::sleep_for(std::chrono::milliseconds{5})) {
        connections now = connections_of(port);
        for (const auto& [ports, state] : shown) now.try_emplace(ports, net::tcp_state::closed);
        for (const auto& [ports, state] : now)
            if (!shown.contains(ports) || shown[ports] != state)
                std::cout << ports.first << " -> " << ports.second << ": " << to_string(state) << std::endl;
        std::erase_if(now, [](const auto& each) { return each.second == net::tcp_state::closed; });
        shown = std::move(now);
    }
} catch (const std::exception& error) {
    std::cerr << "watch: " << error.what() << '\n';
    return 1;
}

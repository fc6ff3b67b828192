// states.cpp: plays both ends of a connection and shows their states, step by step (beyond the notes)

#include <netnotes/tcp.hpp>

#include <cstdio>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <thread>

namespace net = netnotes;
using state = net::tcp_state;

/// Returns the state of the connection between two ports of this machine, also if no program has it any more. The kernel
/// lists all connections in /proc/net/tcp, with their ports and states in hexadecimal digits.
state state_of(unsigned local, unsigned remote) {
    std::ifstream table{"/proc/net/tcp"};
    for (std::string line; std::getline(table, line);) {
        unsigned from = 0, to = 0, number = 0;
        if (std::sscanf(line.c_str(), "%*u: %*8x:%x %*8x:%x %x", &from, &to, &number) == 3 && from == local &&
            to == remote)
            return static_cast<state>(number);
    }
    return state::closed;
}

int main() try {
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};  // port 0: the system chooses a port
    const unsigned port = listener.local_endpoint().port();
    auto client = net::tcp_stream::connect(listener.local_endpoint());
    const unsigned client_port = client.local_endpoint().port();

    // Waits until both ends are in these states, because a segment needs a moment, and prints them.
    const auto show = [&](std::string_view step, state of_client, state of_server) {
        while (state_of(client_port, port) != of_client || state_of(port, client_port) != of_server)
            std::this_thread::yield();
        std::cout << std::left << std::setw(56) << step << std::setw(14) << to_string(of_client) << to_string(of_server)
                  << std::endl;
    };
    std::cout << std::left << std::setw(56) << "the listener: LISTEN"
              << "client        server\n";
    show("connect() has returned, accept() is not called yet", state::established, state::established);
    net::tcp_stream server = listener.accept().stream;
    client.send_all("hello");
    client.shutdown(net::shutdown_direction::send);
    show("client: shutdown(send), it has no more to send", state::fin_wait_2, state::close_wait);
    server.send_all("goodbye");
    show("server: send_all(), the other direction is open", state::fin_wait_2, state::close_wait);
    char buffer[64];
    while (server.recv(buffer) > 0) {
    }  // close() with unread bytes would send a reset
    server.close();
    show("server: close()", state::time_wait, state::closed);
    client.close();
    show("client: close(), for 60 s the kernel keeps", state::time_wait, state::closed);
} catch (const std::exception& error) {
    std::cerr << "states: " << error.what() << '\n';
    return 1;
}

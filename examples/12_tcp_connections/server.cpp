// server.cpp: answers each line, on connections that may stay open for many lines (beyond the notes)

#include <netnotes/server.hpp>

#include <iostream>

namespace net = netnotes;

/// Answers until the client closes. A short connection brings one line, a long connection brings many.
void answer_lines(net::tcp_stream& client, const net::endpoint&) {
    net::buffered_reader reader{client};
    while (auto line = reader.recv_line()) client.send_all("answer to " + std::string{*line} + "\n");
}

int main() try {
    using namespace std::chrono_literals;
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}};
    std::cout << "等待客户端 (waiting for clients on port 6666; Ctrl-C ends)" << std::endl;
    // A client that is silent for 5 s is closed, and 20 clients are served at once. Other clients wait in the queue.
    net::threaded_server server{std::move(listener), answer_lines, {.max_threads = 20, .idle_timeout = 5s}};
    server.run(stop);
} catch (const std::exception& error) {
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

// server.cpp: serves each client in a thread of its own (the notes: "多线程服务器", 31 lines)

#include <netnotes/server.hpp>

#include <atomic>
#include <iostream>
#include <syncstream>

namespace net = netnotes;

std::atomic<int> served = 0;  // all threads see and change this number: they share the memory

/// A line on the screen, printed as a whole: several threads print at the same time.
std::osyncstream line() { return std::osyncstream{std::cout}; }

struct deal_with_client {
    /// Serves a client, in its thread. Only this thread closes the client's socket: at the end.
    void operator()(net::tcp_stream& client, const net::endpoint& address) const {
        line() << "新线程负责数据处理 (a new thread serves client " << ++served << "): " << address << std::endl;
        char buffer[1024];
        while (const std::size_t size = client.recv(buffer))
            line() << "recv[" << address << "]: " << net::visible({buffer, size}) << std::endl;
        line() << '[' << address << "] 客户端已经关闭 (closed)" << std::endl;
    }
    /// Tells that the conversation has failed. The other threads go on.
    void on_error(const net::endpoint& address, const std::exception& error) const {
        line() << '[' << address << "] " << error.what() << std::endl;
    }
};

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};                            // Ctrl-C ends the server, which joins its threads
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}};  // sets SO_REUSEADDR, as the notes do
    std::cout << "主线程，等待新客户端的到来 (waiting for clients on port 6666; Ctrl-C ends)" << std::endl;
    net::threaded_server server{std::move(listener), deal_with_client{}, {.max_threads = 100}};
    server.run(stop);  // accepts, starts a thread, joins the threads that have ended, and so on
} catch (const std::exception& error) {
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

// server.cpp: serves each client in a process of its own (the notes: "多进程服务器", 31 lines)

#include <netnotes/server.hpp>

#include <unistd.h>

#include <iostream>

namespace net = netnotes;

struct deal_with_client {
    /// Serves a client, in a child process. The client's socket is closed at the end.
    void operator()(net::tcp_stream& client, const net::endpoint& address) const {
        std::cout << "子进程 (child process) " << ::getpid() << " 负责数据处理 (serves): " << address << std::endl;
        char buffer[1024];
        while (const std::size_t size = client.recv(buffer))
            std::cout << "recv[" << address << "]: " << net::visible({buffer, size}) << std::endl;
        std::cout << '[' << address << "] 客户端已经关闭 (closed)" << std::endl;
    }
    /// Tells that the conversation has failed, also in the child.
    void on_error(const net::endpoint& address, const std::exception& error) const {
        std::cout << '[' << address << "] " << error.what() << std::endl;
    }
    /// Tells that a child has ended, in the parent. The server has already called waitpid().
    void on_exit(const net::endpoint& address, int) const {
        std::cout << "主进程，子进程已结束 (the child has ended): " << address << std::endl;
    }
};

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};                            // Ctrl-C ends the server and its children
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}};  // sets SO_REUSEADDR, as the notes do
    std::cout << "主进程，等待新客户端的到来 (waiting for clients on port 6666; Ctrl-C ends)" << std::endl;
    net::forking_server server{std::move(listener), deal_with_client{}, {.max_children = 100}};
    server.run(stop);  // accepts, forks, closes the parent's copy of the socket, and so on
} catch (const std::exception& error) {
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

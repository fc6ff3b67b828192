// server.cpp: serves one client after the other and shows what it sends (the notes: "单进程 TCP服务器", 20 lines)

#include <netnotes/tcp.hpp>

#include <iostream>

namespace net = netnotes;

int main() try {
    using namespace std::chrono_literals;
    net::stop_event stop;
    net::stop_on_signals signals{stop};                            // Ctrl-C ends accept() and recv()
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}};  // sets SO_REUSEADDR, as the notes do here
    listener.stop_with(stop);
    while (!stop.stop_requested()) {
        std::cout << "主进程，等待新客户端的到来 (waiting for a client on port 6666; Ctrl-C ends)" << std::endl;
        auto [client, address] = listener.accept();
        std::cout << "主进程，接下来负责数据处理 (serving): " << address << std::endl;
        client.set_timeout(60s);  // a client that is silent for longer makes room for the next client

        char buffer[1024];
        std::error_code error;  // of this client only: the next client is served all the same
        while (const std::size_t size = client.recv(buffer, error))
            std::cout << "recv[" << address << "]: " << net::visible({buffer, size}) << std::endl;
        std::cout << '[' << address << "] 客户端已经关闭 (closed): " << (error ? error.message() : "end of the stream")
                  << std::endl;
    }  // here the client's socket is closed
} catch (const std::system_error& error) {
    if (error.code() == std::errc::operation_canceled) return 0;
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

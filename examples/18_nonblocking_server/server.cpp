// server.cpp: asks each client in turn whether bytes have arrived, and never waits (the notes: "单进程服务器,非阻塞模式", 35 lines)

#include <netnotes/tcp.hpp>

#include <iostream>
#include <thread>

namespace net = netnotes;

int main() try {
    using namespace std::chrono_literals;
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}, {.backlog = 1000}};
    listener.set_blocking(false);  // accept() returns at once, and so does recv() of its clients
    std::cout << "等待客户端 (waiting for clients on port 6666; Ctrl-C ends)" << std::endl;

    std::vector<net::tcp_listener::accepted> clients;  // the streams, and the addresses of their peers
    std::error_code trouble;                           // the latest failure of accept()
    while (!stop.stop_requested()) {
        bool is_idle = true;
        std::error_code error;
        auto newcomer = listener.accept(error);
        if (!error) {
            std::cout << "一个新的客户端到来 (a new client): " << newcomer.peer << std::endl;
            clients.push_back(std::move(newcomer));
            is_idle = false;
        } else if (error != std::errc::operation_would_block && error != trouble) {
            std::cout << "接受失败 (accept failed): " << error.message() << std::endl;  // no descriptor is left, say
        }
        trouble = error;

        for (auto client = clients.begin(); client != clients.end();) {
            char buffer[1024];
            const std::size_t size = client->stream.recv(buffer, error);
            if (error == std::errc::operation_would_block) {  // nothing has arrived
                ++client;
                continue;
            }
            is_idle = false;
            if (size > 0) {
                std::cout << "recv[" << client->peer << "]: " << net::visible({buffer, size}) << std::endl;
                ++client;
            } else {  // the end of the stream, or a reset
                std::cout << '[' << client->peer << "] 客户端已经关闭 (closed)" << std::endl;
                client = clients.erase(client);
            }
        }
        if (is_idle) std::this_thread::sleep_for(10ms);  // without this line the server needs a whole processor
    }
} catch (const std::exception& error) {
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

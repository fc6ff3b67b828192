// server.cpp: takes one client, receives once, answers once (the notes: "TCP服务器", 10 lines)

#include <netnotes/tcp.hpp>

#include <iostream>

namespace net = netnotes;

int main() try {
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}};  // the notes' '' is every address
    std::cout << "等待客户端 (waiting for a client on port 6666)" << std::endl;
    auto [client, address] = listener.accept();  // a new socket for this client

    char buffer[1024];
    const std::size_t size = client.recv(buffer);  // at most 1024 bytes, and perhaps not all of them
    std::cout << "接收到的数据为 (received): " << net::visible({buffer, size}) << '\n';

    client.send_all("send from server!");
    client.close();    // this conversation ends
    listener.close();  // and no more clients are taken; clients in the queue are reset
} catch (const std::system_error& error) {
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

// greeting_server.cpp: greets each client and closes (the notes: "socket 简单服务器", 13 lines)

#include <netnotes/tcp.hpp>

#include <iostream>

namespace net = netnotes;

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};                            // Ctrl-C makes accept() throw
    net::tcp_listener listener{{net::ipv4_address::any(), 6666}};  // socket, bind, listen
    listener.stop_with(stop);
    std::cout << "等待客户端 (waiting for clients on port 6666; Ctrl-C ends)" << std::endl;
    for (;;) {
        auto [client, address] = listener.accept();  // waits for a client
        std::cout << "连接地址 (connected): " << address << std::endl;
        std::error_code gone;  // if this client has gone, the next client is still served
        client.send_all("这是一个socket 超简易服务器!\r\n", gone);
    }  // here the client's socket is closed
} catch (const std::system_error& error) {
    if (error.code() == std::errc::operation_canceled) return 0;
    std::cerr << "greeting_server: " << error.what() << '\n';
    return 1;
}

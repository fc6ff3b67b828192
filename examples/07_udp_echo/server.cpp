// server.cpp: sends every datagram back and counts them (the notes: "udp echo 服务器", 11 lines)

#include <netnotes/udp.hpp>

#include <iostream>

namespace net = netnotes;

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};  // Ctrl-C makes recv_from() throw
    net::udp_socket socket{{net::ipv4_address::any(), 6666}};
    socket.stop_with(stop);
    std::cout << "等待数据 (waiting for datagrams on port 6666; Ctrl-C ends)" << std::endl;

    char buffer[net::max_datagram_v4];  // the notes' 2048 bytes would cut a longer datagram
    for (int num = 1;;) {
        const auto got = socket.recv_from(buffer);
        // A forged datagram may name another server as its sender. Two echo servers would then answer each other for ever.
        if (got.sender.port() == 6666 || got.sender.port() < 1024) continue;
        std::error_code lost;  // if this client cannot be reached, the next client is still served
        socket.send_to(got.bytes, got.sender, lost, MSG_DONTWAIT);  // does not wait for a silent neighbour either
        std::cout << "已完成" << num++ << "次数据收发 (number of datagrams sent back)" << std::endl;
    }
} catch (const std::system_error& error) {
    if (error.code() == std::errc::operation_canceled) return 0;
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}

// client.cpp: opens many connections and sends numbers over all of them (the notes: "单进程服务器,非阻塞模式", 14 lines)

#include <netnotes/tcp.hpp>

#include <charconv>
#include <iostream>
#include <random>
#include <thread>

namespace net = netnotes;

int main() try {
    std::string host, number;
    std::cout << "请输入服务器的 IP (server): " << std::flush && std::getline(std::cin, host);
    std::cout << "请输入要连接服务器的次数（例如 1000） (connections): " << std::flush;
    if (!std::getline(std::cin, number)) return 0;  // Ctrl-D
    int count = 0;
    if (const auto end = number.data() + number.size(); std::from_chars(number.data(), end, count).ptr != end || count < 1)
        throw std::runtime_error{net::quoted(number) + " is not a number of connections"};
    std::vector<net::tcp_stream> streams;
    for (int i = 1; i <= count; ++i) {
        std::cout << "正在连接 (connections): " << i << (i < count ? "\r" : "\n") << std::flush;
        streams.push_back(net::tcp_stream::connect(host, 6666, std::chrono::seconds{10}));
    }
    for (;; std::this_thread::sleep_for(std::chrono::seconds{1}))
        for (net::tcp_stream& stream : streams) stream.send_all(std::to_string(std::random_device{}() % 101) + "\n");
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}

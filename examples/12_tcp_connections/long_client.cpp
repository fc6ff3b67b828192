// long_client.cpp: asks many questions, all on the same connection (beyond the notes)
//
//     long_client [HOST [COUNT]]        localhost and 1000 if they are left out

#include <netnotes/tcp.hpp>

#include <charconv>
#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    using namespace std::chrono_literals;
    const std::string_view word = argc > 2 ? argv[2] : "1000";
    int count = 0;
    if (std::from_chars(word.begin(), word.end(), count).ptr != word.end() || count < 1)
        throw std::runtime_error{net::quoted(word) + " is not a number of questions"};
    const std::string host = argc > 1 ? argv[1] : "localhost";
    std::cout << "正在连接 (connecting to) " << host << ":6666 ..." << std::endl;
    const auto servers = net::resolve(host, 6666);

    const auto began = net::clock::now();
    auto server = net::tcp_stream::connect(servers, {.timeout = 10s});  // 1. connect
    net::buffered_reader reader{server};
    for (int i = 1; i <= count; ++i) {
        server.send_all("question " + std::to_string(i) + "\n");  // 2. ask
        const auto answer = reader.recv_line();                   // 3. hear, and back to 2
        if (!answer) throw std::runtime_error{"the server has closed the connection"};
        if (i % 100 == 0) std::cout << i << ' ' << std::flush;
    }
    server.close();  // 4. close, once
    const std::chrono::duration<double, std::micro> took = net::clock::now() - began;
    std::cout << "\n长连接 (a long connection): " << count << " questions, " << static_cast<int>(took.count() / count)
              << " us for each" << std::endl;
} catch (const std::exception& error) {
    std::cerr << "long_client: " << error.what() << '\n';
    return 1;
}

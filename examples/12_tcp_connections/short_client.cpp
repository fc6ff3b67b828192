// short_client.cpp: asks many questions, each on a connection of its own (beyond the notes)
//
//     short_client [HOST [COUNT]]        localhost and 1000 if they are left out

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
    for (int i = 1; i <= count; ++i) {
        auto server = net::tcp_stream::connect(servers, {.timeout = 10s});  // 1. connect
        server.send_all("question " + std::to_string(i) + "\n");            // 2. ask
        net::buffered_reader reader{server};
        const auto answer = reader.recv_line();  // 3. hear
        if (!answer) throw std::runtime_error{"the server has closed without an answer"};
        server.close();  // 4. close
        if (i % 100 == 0) std::cout << i << ' ' << std::flush;
    }
    const std::chrono::duration<double, std::micro> took = net::clock::now() - began;
    std::cout << "\n短连接 (short connections): " << count << " questions, " << static_cast<int>(took.count() / count)
              << " us for each" << std::endl;
} catch (const std::exception& error) {
    std::cerr << "short_client: " << error.what() << '\n';
    return 1;
}

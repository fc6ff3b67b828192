// greeting_client.cpp: connects and prints what the server says (the notes: "socket 客户端例子", 8 lines)
//
//     greeting_client [HOST]        HOST is localhost if it is left out

#include <netnotes/tcp.hpp>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    using namespace std::chrono_literals;
    const std::string host = argc > 1 ? argv[1] : "localhost";
    std::cout << "正在连接 (connecting to) " << host << ":6666 ..." << std::endl;
    auto server = net::tcp_stream::connect(host, 6666, 10s);  // fails after 10 s without an answer

    // One receive may bring a part of the greeting, so we receive until the server closes.
    char buffer[2048];
    while (const std::size_t size = server.recv(buffer)) std::cout << std::string_view{buffer, size} << std::flush;
} catch (const std::system_error& error) {
    std::cerr << "greeting_client: " << error.what() << '\n';
    return 1;
}

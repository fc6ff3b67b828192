// client.cpp: sends each line and prints what comes back (beyond the notes)
//
//     client [HOST]        HOST is localhost if it is left out

#include <netnotes/udp.hpp>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    using namespace std::chrono_literals;
    const std::string host = argc > 1 ? argv[1] : "localhost";
    net::udp_socket socket{net::address_family::inet};
    socket.connect(net::resolve(host, 6666, {net::address_family::inet, net::socket_type::datagram}).front());

    char buffer[net::max_datagram_v4];
    std::string line;
    while (std::cout << "请输入要发送的数据 (data to send): " << std::flush && std::getline(std::cin, line)) {
        socket.send(line);
        const auto sent = net::clock::now();
        std::string_view answer;
        std::error_code error;
        for (auto patience : {1s, 5s}) {
            socket.set_deadline(sent + patience);
            do answer = net::as_text(socket.recv_from(buffer, error).bytes);
            while (!error && answer != line);  // an earlier line that comes back late is not the answer to this line
            if (error != std::errc::timed_out) break;
            std::cout << "没有回答 (no answer after " << patience.count() << " s)" << std::endl;
        }
        if (error) throw std::system_error{error, "recv"};
        std::cout << "接收到的数据 (received): " << net::visible(answer) << std::endl;
    }
    std::cout << '\n';
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}

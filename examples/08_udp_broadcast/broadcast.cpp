// broadcast.cpp: sends one datagram to all hosts of the link and prints the answers (the notes: "udp广播", 9 lines)
//
//     broadcast [ADDRESS]        255.255.255.255 if it is left out; 127.255.255.255 is this machine only

#include <netnotes/udp.hpp>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "255.255.255.255";  // the notes' '<broadcast>'
    const auto dest = net::resolve(host, 6666, {net::address_family::inet, net::socket_type::datagram}).front();
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::udp_socket socket{net::address_family::inet};
    socket.stop_with(stop);

    socket.set_option(net::option::broadcast{});  // without it: Permission denied
    socket.send_to("hello, world!", dest);
    std::cout << "等待回复，按 Ctrl-C 退出 (waiting for answers, Ctrl-C ends)" << std::endl;

    char buffer[2048];
    for (;;) {
        const auto got = socket.recv_from(buffer);
        std::cout << "received from " << got.sender << ": " << net::visible(net::as_text(got.bytes)) << std::endl;
    }
} catch (const std::system_error& error) {
    if (error.code() == std::errc::operation_canceled) return 0;
    std::cerr << "broadcast: " << error.what() << '\n';
    return 1;
}

// receiver.cpp: prints what is sent to port 6666 and answers "here" (beyond the notes)

#include <netnotes/udp.hpp>

#include <iostream>

namespace net = netnotes;

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    // Several receivers on one machine can share the port, and each of them gets a broadcast.
    net::udp_socket socket{{net::ipv4_address::any(), 6666}, {.reuse_address = true}};
    socket.stop_with(stop);
    std::cout << "等待广播 (waiting for broadcasts on port 6666; Ctrl-C ends)" << std::endl;

    char buffer[2048];
    for (;;) {
        const auto got = socket.recv_from(buffer);
        std::cout << "接收到的数据 (received): " << net::visible(net::as_text(got.bytes)) << " from " << got.sender
                  << std::endl;
        std::error_code lost;  // a sender that cannot be reached does not end this program
        if (got.sender.port() == 6666) continue;  // never answer another receiver
        socket.send_to("here", got.sender, lost, MSG_DONTWAIT);
    }
} catch (const std::system_error& error) {
    if (error.code() == std::errc::operation_canceled) return 0;
    std::cerr << "receiver: " << error.what() << '\n';
    return 1;
}

// member.cpp: joins the group 239.255.77.1 and prints what is sent to it (beyond the notes)
//
//     member [INTERFACE]        such as eth0 or lo; the routing table chooses if it is left out

#include <netnotes/udp.hpp>

#include <iostream>

namespace net = netnotes;

int main(int argc, char** argv) try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::udp_socket socket{{net::ipv4_address::any(), 6666}, {.reuse_address = true}};
    socket.stop_with(stop);
    const net::ip_address group{"239.255.77.1"};  // D类: 224.0.0.0 to 239.255.255.255
    socket.join(group, argc > 1 ? net::interface_index(argv[1]) : 0);
    std::cout << "等待多点广播 (waiting for datagrams to " << group << " port 6666; Ctrl-C ends)" << std::endl;

    char buffer[2048];
    for (;;) {
        const auto got = socket.recv_from(buffer);
        std::cout << "接收到的数据 (received): " << net::visible(net::as_text(got.bytes)) << " from " << got.sender
                  << std::endl;
        std::error_code lost;  // a sender that cannot be reached does not end this program
        if (got.sender.port() == 6666) continue;  // never answer another member
        socket.send_to("here", got.sender, lost, MSG_DONTWAIT);
    }
} catch (const std::system_error& error) {
    if (error.code() == std::errc::operation_canceled) return 0;
    std::cerr << "member: " << error.what() << '\n';
    return 1;
}

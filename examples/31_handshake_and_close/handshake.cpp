// handshake.cpp: opens and closes a connection, and shows each segment of it (beyond the notes)

#include <netnotes/packet.hpp>
#include <netnotes/tcp.hpp>

#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cstring>
#include <iostream>

namespace net = netnotes;
namespace packet = netnotes::packet;

// Waits for the next segments of the connection to port 6666 and prints them. The notes call the first number of the client
// x, and that of the server y.
void show(net::socket& capture, int count) {
    static packet::sequence x, y;
    for (std::byte buffer[2048]; count > 0; --count) {
        const packet::frame_view frame = packet::dissect(capture.recv_from(buffer).bytes);
        const packet::tcp_view tcp = frame.tcp().value();
        const bool by_client = tcp.destination_port() == 6666;
        if (tcp.flags().syn()) (by_client ? x : y) = tcp.sequence_number();
        std::cout << (by_client ? "  client ──> server  " : "  client <── server  ")
                  << (tcp.flags().syn() ? "SYN " : "") << (tcp.flags().fin() ? "FIN " : "")
                  << (tcp.flags().rst() ? "RST " : "") << (tcp.flags().ack() ? "ACK " : "")
                  << (by_client ? " seq=x+" : " seq=y+") << tcp.sequence_number() - (by_client ? x : y);
        if (tcp.flags().ack())
            std::cout << (by_client ? " ack=y+" : " ack=x+") << tcp.acknowledgment_number() - (by_client ? y : x);
        std::cout << "  " << frame.payload().size() << " bytes" << std::endl;
    }
}

int main() try {
    using namespace std::chrono_literals;
    // Every user may capture in a network that no other process uses. Its loopback interface is down at first.
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWNET) != 0)
        throw std::system_error{errno, std::system_category(), "a network of its own"};
    ifreq lo{};
    std::strcpy(lo.ifr_name, "lo");
    lo.ifr_flags = IFF_UP;
    if (::ioctl(net::socket{net::address_family::inet, net::socket_type::datagram}.native_handle(), SIOCSIFFLAGS,
                &lo) != 0)
        throw std::system_error{errno, std::system_category(), "lo"};
    // A packet socket receives whole frames (packet(7)): here each frame that arrives with IPv4.
    net::socket capture{static_cast<net::address_family>(AF_PACKET), static_cast<net::socket_type>(SOCK_RAW),
                        htons(ETH_P_IP)};
    capture.set_timeout(10s);

    net::tcp_listener listener{{net::ipv4_address::loopback(), 6666}};
    std::cout << "三次握手 (opening): connect() returns after the second segment, and before accept()\n";
    net::tcp_stream client{listener.local_endpoint()};
    show(capture, 3);
    std::cout << "数据 (data): the server's kernel acknowledges, not its program\n";
    client.send_all("hello");
    show(capture, 2);
    std::cout << "四次挥手 (closing): the client closes\n";
    net::tcp_stream server = listener.accept().stream;
    client.close();
    show(capture, 2);
    std::cout << "... and then the server\n";
    char buffer[100];
    while (server.recv(buffer) > 0) continue;  // bytes that were not received would turn close() into a reset
    server.close();
    show(capture, 2);
} catch (const std::exception& error) {
    std::cerr << "handshake: " << error.what() << '\n';
    return 1;
}

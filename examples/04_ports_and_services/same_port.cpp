// same_port.cpp: four sockets with the same port number (beyond the notes)

#include <netnotes/socket.hpp>

#include <iostream>

namespace net = netnotes;

void bind_and_tell(net::socket& socket, const char* kind, const char* address) {
    socket.set_option(net::option::reuse_address{true});  // connections that have ended do not keep the port
    socket.bind(net::endpoint{address, 6666});
    std::cout << kind << " socket at " << socket.local_endpoint().to_string() << '\n';
}

int main() try {
    using enum net::address_family;
    using enum net::socket_type;
    net::socket tcp{inet, stream}, udp{inet, datagram}, other_tcp{inet, stream}, ipv6_tcp{inet6, stream};
    bind_and_tell(tcp, "TCP", "127.0.0.1");
    bind_and_tell(udp, "UDP", "127.0.0.1");        // another protocol
    bind_and_tell(other_tcp, "TCP", "127.0.0.2");  // another address
    bind_and_tell(ipv6_tcp, "TCP", "::1");         // another family

    net::socket fifth{inet, stream};
    std::error_code error;
    fifth.bind(tcp.local_endpoint(), error);  // the same protocol, address and port as the first
    std::cout << "a second TCP socket at " << tcp.local_endpoint().to_string() << ": " << error.message() << '\n';
} catch (const std::system_error& error) {
    std::cerr << "same_port: " << error.what() << '\n';
    return 1;
}

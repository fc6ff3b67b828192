// my_addresses.cpp: lists the addresses of this computer (beyond the notes)

#include <netnotes/socket.hpp>

#include <iostream>

namespace net = netnotes;

int main() try {
    for (const net::network_interface& each : net::interfaces()) {
        std::cout << each.name << (each.is_up ? " (up)" : " (down)") << '\n';
        for (const net::interface_address& mine : each.addresses) std::cout << "    " << mine.address << '\n';
    }
} catch (const std::system_error& error) {
    std::cerr << "my_addresses: " << error.what() << '\n';
    return 1;
}

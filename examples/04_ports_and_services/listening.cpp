// listening.cpp: lists the TCP ports on which this computer listens, as netstat does (beyond the notes)

#include <netnotes/ip.hpp>

#include <fstream>
#include <iostream>
#include <limits>
#include <sstream>

#include <arpa/inet.h>

namespace net = netnotes;

int main() {
    // Each line describes a socket of IPv4: its number, its own address and port in hexadecimal, the peer's, its state.
    //     0: 0100007F:1A0A 00000000:0000 0A ...
    std::ifstream table{"/proc/net/tcp"};
    if (!table) {
        std::cerr << "listening: /proc/net/tcp cannot be read\n";
        return 1;
    }
    table.ignore(std::numeric_limits<std::streamsize>::max(), '\n');  // the line with the names of the columns
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields{line};
        std::string number, peer;
        std::uint32_t address = 0;
        std::uint16_t port = 0;
        unsigned state = 0;
        char colon = 0;
        fields >> number >> std::hex >> address >> colon >> port >> peer >> state;
        if (state != 0x0A) continue;  // 0A is LISTEN
        const net::service* const known = net::find_service(port, net::transport::tcp);
        // The kernel prints the four bytes as one number of this processor, so ntohl() puts them in order.
        std::cout << net::endpoint{net::ipv4_address{ntohl(address)}, port} << ' ' << (known ? known->name : "")
                  << '\n';
    }
}

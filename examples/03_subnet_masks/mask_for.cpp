// mask_for.cpp: finds the smallest network for a number of computers (beyond the notes)

#include <netnotes/ip.hpp>

#include <charconv>
#include <iostream>

namespace net = netnotes;

int main() {
    std::string line;
    while (std::cout << "请输入电脑台数 (number of computers, Ctrl-D ends): " << std::flush &&
           std::getline(std::cin, line)) {
        std::uint64_t hosts = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), hosts);
        const auto length = net::network::prefix_length_for_hosts(hosts);
        if (error != std::errc{} || end != line.data() + line.size() || hosts == 0 || !length) {
            std::cout << "  a number from 1 to 4294967294, please\n";
            continue;
        }
        const net::network smallest{net::ipv4_address::any(), *length};
        std::cout << "  子网掩码 (netmask) " << smallest.netmask() << " = /" << *length << ": room for "
                  << *smallest.host_count() << " hosts\n";
    }
    std::cout << '\n';
}

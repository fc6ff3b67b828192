// subnet.cpp: cuts an address into network and host (beyond the notes)

#include <netnotes/ip.hpp>

#include <bitset>
#include <iomanip>
#include <iostream>

namespace net = netnotes;

void show(std::string_view name, const net::ip_address& address) {
    std::cout << name << std::left << std::setw(16) << address;
    for (const auto octet : address.v4().to_octets()) std::cout << ' ' << std::bitset<8>{octet};
    std::cout << '\n';
}

int main() try {
    std::string address, mask;
    std::cout << "请输入IP地址 (IP address, such as 192.168.1.1): " << std::flush;
    if (!std::getline(std::cin, address)) return 0;
    std::cout << "请输入子网掩码 (netmask, such as 255.255.255.0 or 24): " << std::flush;
    if (!std::getline(std::cin, mask)) return 0;

    const net::ipv4_address host{address};
    const net::network network = net::ip_interface{address + "/" + mask}.network();
    show("IP地址   (address)    ", host);
    show("子网掩码 (netmask)    ", network.netmask());
    show("网络号   (network)    ", network.address());
    show("第一台   (first host) ", network.first_host());
    show("最后一台 (last host)  ", network.last_host());
    if (network.broadcast()) show("网络广播 (broadcast)  ", *network.broadcast());
    std::cout << network << ": " << *network.address_count() << " addresses, " << *network.host_count()
              << " for hosts\n";
} catch (const std::exception& error) {
    std::cerr << "subnet: " << error.what() << '\n';
    return 1;
}

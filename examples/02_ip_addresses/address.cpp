// address.cpp: asks for addresses and prints what each of them is (beyond the notes)

#include <netnotes/ip.hpp>

#include <bitset>
#include <iostream>

namespace net = netnotes;

void describe(net::ipv4_address address) {
    const char letter = static_cast<char>(address.address_class());
    std::cout << "  二进制 (in binary):   ";
    for (const auto octet : address.to_octets()) std::cout << std::bitset<8>{octet} << ' ';
    std::cout << "\n  类别 (class):         " << letter << ", first bits "
              << net::ipv4_class_ranges[static_cast<std::size_t>(letter - 'A')].leading_bits << '\n';
    if (address.is_private()) std::cout << "  私有ip (private): only inside local networks\n";
    if (address.is_loopback()) std::cout << "  环回地址 (loopback): this computer\n";
    if (address.is_multicast()) std::cout << "  多点广播 (multicast): a group of computers\n";
    const net::special_range* const range = net::find_special_range(address);
    std::cout << "  IANA registry:        " << (range ? range->name : "no row: an ordinary address or a group") << '\n';
}

int main() {
    std::string line;
    while (std::cout << "请输入IP地址 (an IPv4 address, Ctrl-D ends): " << std::flush && std::getline(std::cin, line)) {
        net::parse_failure why;
        if (const auto address = net::ipv4_address::parse(line, why))
            describe(*address);
        else
            std::cout << "  " << net::quoted(line) << " is no IPv4 address: " << why.message() << '\n';
    }
    std::cout << '\n';
}

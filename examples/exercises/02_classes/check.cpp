#include "grader.hpp"

#include <netnotes/ip.hpp>

namespace {

namespace net = netnotes;

grader::question class_of(net::ipv4_address address) {
    const std::string letter{static_cast<char>(address.address_class())};
    return {"class " + address.to_string(), letter, "Look at the first bits: 0, 10, 110, 1110, 1111."};
}
grader::question yes_no(const std::string& text, bool answer, const std::string& why) {
    return {text, answer ? "yes" : "no", why};
}

std::vector<grader::question> make(std::uint32_t seed) {
    std::vector<grader::question> all;
    for (const char* text : {"10.0.0.1", "127.0.0.1", "128.0.0.0", "191.255.0.1", "192.0.0.1", "223.255.255.255", "239.1.2.3",
                             "240.0.0.1"})
        all.push_back(class_of(net::ipv4_address{text}));
    for (const char* text : {"10.1.2.3", "172.15.0.1", "172.31.255.255", "172.32.0.1", "192.168.1.1", "100.64.0.1"}) {
        const net::ipv4_address address{text};
        all.push_back(yes_no(std::string{"is private "} + text, address.is_private(),
                             "RFC 1918 has three networks: 10/8, 172.16/12, 192.168/16."));
    }
    for (const char* text : {"127.0.0.1", "127.255.255.254", "128.0.0.1"})
        all.push_back(yes_no(std::string{"is loopback "} + text, net::ipv4_address{text}.is_loopback(), "All of 127/8 is."));
    std::mt19937 random{seed};
    for (int i = 0; i < 6; ++i) all.push_back(class_of(net::ipv4_address{static_cast<std::uint32_t>(random())}));
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }

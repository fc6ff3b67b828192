// The first program of somebody who has just installed netnotes.

#include <netnotes/ip.hpp>
#include <netnotes/tcp.hpp>

#include <cstdio>

namespace net = netnotes;
using namespace netnotes::literals;

static_assert("192.168.1.0/24"_net.contains("192.168.1.77"_ip));

int careless(int value, int unused_parameter);

int main() {
    if (net::ip_address{"192.168.1.77"}.to_string() != "192.168.1.77") return 1;
    if (careless(1, 0) != 2) return 1;
    std::printf("netnotes %d.%d.%d\n", NETNOTES_VERSION / 10000, NETNOTES_VERSION / 100 % 100, NETNOTES_VERSION % 100);
}

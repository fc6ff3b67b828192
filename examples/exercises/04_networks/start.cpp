#include "kill.hpp"

#include <netnotes/ip/network.hpp>

namespace net = netnotes;

void test() {
    const net::network home{"192.168.1.0/24"};
    CHECK(home.contains(net::ip_address{"192.168.1.77"}));
}

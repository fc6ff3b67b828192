#include "kill.hpp"

#include <netnotes/ip/network.hpp>

namespace net = netnotes;

void test() {
    const net::network home{"192.168.1.0/24"};
    CHECK(home.contains(net::ip_address{"192.168.1.0"}));
    CHECK(home.contains(net::ip_address{"192.168.1.255"}));
    CHECK(!home.contains(net::ip_address{"192.168.0.255"}));
    CHECK(!home.contains(net::ip_address{"192.168.2.0"}));
    CHECK(!home.contains(net::ip_address{"::ffff:192.168.1.1"}));

    const net::network wide{"192.168.0.0/16"}, other{"10.0.0.0/8"};
    CHECK(wide.contains(home));
    CHECK(!home.contains(net::network{"192.168.1.0/23", net::host_bits::cleared}));
    CHECK(!net::network{"192.168.0.0/24"}.contains(wide));  // they begin at the same address
    CHECK(wide.overlaps(home));
    CHECK(home.overlaps(wide));
    CHECK(!home.overlaps(other));

    CHECK(home.host_count() == 254);
    CHECK(net::network{"192.168.1.0/31"}.host_count() == 2);
    CHECK(net::network{"192.168.1.0/32"}.host_count() == 1);
    CHECK(net::network{"192.168.1.0/31"}.broadcast() == std::nullopt);
    CHECK(home.broadcast() == net::ip_address{"192.168.1.255"});
}

// router.cpp: two networks and the routers between them: ping, traceroute, and the routing table (beyond the notes)

#include <netnotes/lan.hpp>

#include <iostream>

namespace lan = netnotes::lan;

// Five routers in a row. Each tells its neighbours by RIP which networks it knows.
constexpr char text[] = R"(
    host A 10.0.1.2/24 via 10.0.1.1
    host B 10.0.2.2/24 via 10.0.2.1
    router R1 10.0.1.1/24 10.1.1.1/24 rip
    router R2 10.1.1.2/24 10.1.2.1/24 rip
    router R3 10.1.2.2/24 10.1.3.1/24 rip
    router R4 10.1.3.2/24 10.1.4.1/24 rip
    router R5 10.1.4.2/24 10.0.2.1/24 rip
    link A R1.0 1ms
    link R1.1 R2.0 5ms
    link R2.1 R3.0 20ms     # a long cable
    link R3.1 R4.0 5ms
    link R4.1 R5.0 5ms
    link R5.1 B 1ms
    wait 30s                # until the routers know all networks
    show R1
    ping A B
    ping A B ttl 3          # the third router drops it
    ping A 10.0.9.9         # a network that nobody knows
    traceroute A B
)";

int main() {
    lan::network net;
    lan::scenario play{net, text};
    std::cout << lan::map_text(net);
    for (std::size_t i = 0; i < play.size(); ++i) std::cout << "\n> " << play.statement(i) << '\n' << play.perform(i);
}

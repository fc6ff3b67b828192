// syn_flood.cpp: a flood of SYNs shuts a friend out, and SYN cookies let the friend in (beyond the notes)
//
// Nothing leaves this program: the network is simulated, and the attacker is a part of it.

#include <netnotes/lan.hpp>

#include <iostream>

namespace lan = netnotes::lan;
using namespace std::chrono_literals;

void play(lan::syn_cookie_use cookies) {
    lan::network net{35};
    auto& s = net.learning_switch("S");
    auto& server = net.host("server", "10.0.0.1/24");
    auto& client = net.host("friend", "10.0.0.2/24");
    auto& attacker = net.add<lan::syn_flooder>("attacker", "10.0.0.66/24");
    for (lan::node* each :
         {static_cast<lan::node*>(&server), static_cast<lan::node*>(&client), static_cast<lan::node*>(&attacker)})
        net.connect(*each, s);

    lan::tcp_stack service{server}, program{client};
    service.listen(80, {}, {.backlog = 8, .cookies = cookies});
    attacker.flood({"10.0.0.1", 80}, 100, 10ms);  // 100 SYNs from addresses where nobody is
    net.run_for(500ms);

    auto& connection = program.connect({"10.0.0.1", 80});
    net.run_for(100ms);
    const auto& listener = service.listener(80);
    std::cout << "  half-open connections: " << listener.half_open() << " of 8\n"
              << "  SYNs dropped: " << listener.count().dropped_syns
              << ", answered by a cookie: " << listener.count().cookies_sent << '\n'
              << "  the friend's connection: " << to_string(connection.state()) << '\n';
}

int main() {
    std::cout << "without SYN cookies\n";
    play(lan::syn_cookie_use::never);
    std::cout << "with SYN cookies\n";
    play(lan::syn_cookie_use::when_full);
}

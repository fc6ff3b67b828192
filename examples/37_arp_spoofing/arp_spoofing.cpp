// arp_spoofing.cpp: two hosts talk through an attacker, until the switch inspects ARP (beyond the notes)
//
// Nothing leaves this program: the network is simulated, and the attacker is a part of it.

#include <netnotes/lan.hpp>

#include <iostream>

namespace lan = netnotes::lan;
using namespace std::chrono_literals;

void play(bool inspect) {
    lan::network net{37};
    auto& s = net.learning_switch("S");
    auto& a = net.host("A", "10.0.0.1/24");
    auto& b = net.host("B", "10.0.0.2/24");
    auto& m = net.add<lan::arp_spoofer>("M");
    net.connect(a, s);  // port 0
    net.connect(b, s);  // port 1
    net.connect(m, s);  // port 2

    lan::arp_inspection inspection;
    inspection.bind(a.address(), a.hardware_address(), 0);
    inspection.bind(b.address(), b.hardware_address(), 1);
    if (inspect) s.add_guard(inspection.guard());

    a.ping("10.0.0.2");
    net.run_for(1s);
    std::cout << "A's cache before the lies\n" << a.tables();
    m.poison(a.address(), b.address());
    net.run_for(1s);
    std::cout << "and after them\n" << a.tables();
    const auto& ping = a.ping("10.0.0.2", {.count = 3});
    net.run_for(5s);
    std::cout << "pings answered: " << ping.answered() << ", packets that M read: " << m.passed_on()
              << ", frames that the switch dropped: " << s.guarded() << "\n\n";
}

int main() {
    std::cout << "--- without inspection\n";
    play(false);
    std::cout << "--- with inspection\n";
    play(true);
}

// hub_or_switch.cpp: three computers on a hub or on a switch, and who sees which frame (beyond the notes)

#include <netnotes/lan.hpp>

#include <iostream>
#include <string_view>

namespace lan = netnotes::lan;

// Connects three computers to the device, lets A ping B twice, and prints what each computer saw.
void play(lan::network& net, lan::node& device) {
    for (const auto& [name, address] : {std::pair{"A", "10.0.1.2/24"}, {"B", "10.0.1.3/24"}, {"C", "10.0.1.4/24"}})
        net.connect(net.host(name, address), device);
    net.find("A")->as_host()->ping("10.0.1.3", {.count = 2});
    net.run();  // until nothing happens any more: that takes no time, because time is virtual
    std::cout << lan::witnesses(net, net.passages()) << '\n';
}

int main(int argc, char** argv) {
    const std::string_view wanted = argc > 1 ? argv[1] : "both";
    if (wanted != "switch") {
        std::cout << "集线器 (hub): every computer sees everything\n\n";
        lan::network net;
        play(net, net.hub("H"));
    }
    if (wanted != "hub") {
        std::cout << "交换机 (switch): C sees the question only\n\n";
        lan::network net;
        lan::learning_switch& device = net.learning_switch("S");
        play(net, device);
        std::cout << "What the switch has learnt:\n" << device.tables();
    }
}

// on_the_way.cpp: a ping through a switch and two routers: which addresses change on the way (beyond the notes)

#include <netnotes/lan.hpp>

#include <iostream>
#include <string>

namespace lan = netnotes::lan;

constexpr char text[] = R"(
    host A 10.0.1.2/24 via 10.0.1.1
    switch S
    router R1 10.0.1.1/24 198.51.100.1/24
    router R2 198.51.100.2/24 203.0.113.1/24
    host B 203.0.113.9/24 via 203.0.113.1
    link A S
    link S R1.0
    link R1.1 R2.0
    link R2.1 B
    route R1 203.0.113.0/24 via 198.51.100.2
    route R2 10.0.1.0/24 via 198.51.100.1
    ping A B
)";

void play(std::string network) {
    lan::network net;
    lan::scenario script{net, network};
    const std::string result = script.perform(0);
    std::cout << lan::addresses(net.passages()) << result;
    const std::string table = net.find("R1")->as_router()->nat().text(net.now());
    if (!table.empty()) std::cout << "R1: " << table;
}

int main() {
    std::cout << "Each router sends a new frame; the IP addresses stay:\n\n";
    play(text);
    std::cout << "\nThe same with network address translation (NAT) in R1:\n\n";
    std::string with_nat = text;
    with_nat.insert(with_nat.find("198.51.100.1/24") + 15, " nat 1");
    play(with_nat);
}

// examples/34_on_the_way/demo.cpp: what changes on the way from one host to another
//
//        A ── S ── R1 ── R2 ── B
//
//        hardware addresses      a new pair on each link behind a router; a switch changes nothing
//        IP addresses            the same from end to end, unless a router translates (NAT)
//        time to live            1 less behind each router
//        header checksum         new wherever the header has changed
//
// An interface keeps its hardware address for ever. The frame is new on each link: the router takes the packet out of the
// frame that it has received, and puts it into a frame of its own.
//
// The notes:     Packet Tracer: MAC addresses and IP addresses on the way
// Type:          demo
// You will see:  what demo.txt shows

#include <netnotes/lan.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;
namespace lan = net::lan;
namespace packet = net::packet;

namespace {

std::string way(std::string_view options, std::string_view more = {}) {
    std::string text = R"(switch S
        host A 10.0.1.2/24 via 10.0.1.1
        host C 10.0.1.3/24 via 10.0.1.1
        router R1 10.0.1.1/24 198.51.100.1/24 OPTIONS
        router R2 198.51.100.2/24 203.0.113.1/24
        host B 203.0.113.9/24 via 203.0.113.1
        link A S
        link C S
        link S R1.0
        link R1.1 R2.0
        link R2.1 B mtu 600
        route R1 203.0.113.0/24 via 198.51.100.2
        )";
    text.replace(text.find("OPTIONS"), 7, options);
    return text.append(more);
}

void show_way() {
    lan::network net;
    lan::scenario script{net, way("", "route R2 10.0.1.0/24 via 198.51.100.1\nping A B\n")};
    heading("A ping: the addresses on each cable");
    script.perform(0);
    std::cout << lan::addresses(net.passages());
    say("Between A, S and R1 nothing changes: a switch passes frames. Behind R1 and R2 the frame is new.");

    heading("The header of IP in front of R1 and behind it");
    std::size_t shown = 0;
    for (const lan::passage& each : net.passages()) {
        const auto frame = packet::dissect(each.frame.bytes());
        if (!frame.icmp() || each.receiver().kind() == "switch" || shown == 2) continue;
        std::cout << packet::hex_dump(frame.ipv4()->header());
        ++shown;
    }
    say("The ninth byte is the time to live, 64 and 63. Bytes 11 and 12 are the checksum: it has grown by 0x0100.");
}

void show_translation() {
    lan::network net;
    lan::scenario script{net, way("nat 1", "ping A B\nping C B\nping A B size 1000\ntraceroute A B\nshow R1\n")};
    heading("With NAT in R1: the source becomes the router's");
    script.perform(0);
    std::cout << lan::addresses(net.passages());
    say("R2 has no route to 10.0.1.0/24, and needs none.");
    heading("C pings with the same identifier, so R1 chooses another");
    net.forget_passages();
    script.perform(1);
    for (const lan::passage& each : net.passages())
        if (const auto frame = packet::dissect(each.frame.bytes()); frame.icmp()) say(lan::hop_line(each));
    heading("A packet that R2 has to cut: B joins the pieces, and R1 joins the answer's pieces");
    net.forget_passages();
    std::cout << script.perform(2);
    for (const lan::passage& each : net.passages())
        if (const auto frame = packet::dissect(each.frame.bytes()); frame.ipv4() && each.sender().kind() == "router")
            say(lan::hop_line(each));
    heading("Errors come back through the translation, too");
    std::cout << script.perform(3);
    heading("What R1 remembers");
    const std::string table = net.find("R1")->as_router()->nat().text(net.now());
    std::cout << table;
}

void demonstrate() {
    show_way();
    show_translation();
}

constexpr std::string_view help = R"(usage: demo
       demo --help

A packet on its way through a switch and two routers, without and with NAT. The network is simulated.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"no arguments"};
        demonstrate();
    });
}

// examples/32_hub_and_switch/demo.cpp: who sees which frame, and what a switch learns from it
//
//        A ── hub ── B         every frame to every computer
//              └──── C
//
//        A ── switch ── B      a frame goes where its destination is, as soon as the switch knows
//              └─────── C
//
// A hub repeats the signal. The frame keeps its destination, and the other computers ignore it. A switch reads the two hardware
// addresses of a frame. The source tells it where a card is. The destination decides the port. It reads no IP address.
//
// The network is simulated: no frame leaves this program. Its bytes are what real computers would send.
//
// The notes:     Packet Tracer: 集线器, 交换机
// Type:          demo
// You will see:  what demo.txt shows

#include <netnotes/lan.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;
namespace lan = net::lan;

namespace {

using namespace std::chrono_literals;

/// Three computers on a device.
struct three {
    explicit three(lan::network& in, lan::node& device) : net{in} {
        for (lan::host* each : {&a, &b, &c}) net.connect(*each, device);
    }
    /// Lets A ping B, and prints who saw which frame.
    void ping() {
        net.forget_passages();
        a.ping("10.0.1.3");
        net.run();
        std::cout << lan::witnesses(net, net.passages());
    }
    lan::network& net;
    lan::host& a = net.host("A", "10.0.1.2/24");
    lan::host& b = net.host("B", "10.0.1.3/24");
    lan::host& c = net.host("C", "10.0.1.4/24");
};

void show_hub() {
    lan::network net;
    three computers{net, net.hub("H")};
    heading("集线器: a hub repeats everything to everybody");
    computers.ping();
    say("C ignores what is for another card, but it could read it. That is what a password sniffer did.");
}

void show_switch() {
    lan::network net;
    lan::learning_switch& device = net.learning_switch("S");
    three computers{net, device};
    heading("交换机: a switch learns from each frame that comes in");
    computers.a.ping("10.0.1.3");
    while (const lan::passage* each = net.step()) {
        if (&each->receiver() != &device) continue;
        say(lan::hop_line(*each));
        std::istringstream table{device.tables()};
        for (std::string line; std::getline(table, line);) say("      knows ", line.substr(0, line.rfind("  ")));
    }
    heading("So C sees the question only");
    std::cout << lan::witnesses(net, net.passages());
    heading("The notes: a second question goes to its port only. It does not");
    computers.a.arp().clear();
    computers.ping();
    say("A question is a broadcast, each time. Only the other frames stay between two ports.");
    heading("After five minutes without a frame the switch has forgotten");
    net.run_for(10s);
    say("entries: ", device.forwarding_database().size());
    net.run_for(6min);
    say("entries: ", device.forwarding_database().size());
}

void show_flooding() {
    lan::network net;
    lan::learning_switch& device = net.learning_switch("S");
    device.max_entries = 2;
    three computers{net, device};
    heading("A full table: invented addresses make a switch work as a hub");
    for (std::uint64_t i = 1; i <= 2; ++i) {
        computers.c.set_hardware_address(0, net::packet::mac_address{0x0200'dead'0000 + i});
        computers.c.announce();
        net.run();
    }
    computers.ping();
    say("The table had room for two addresses, and C has used it up. Real tables have some thousand entries.");
}

void show_storm() {
    lan::network net;
    lan::scenario play{net,
                       "switch S1\nswitch S2\nhost A 10.0.1.2/24\nlink A S1\nlink S1 S2\nlink S1 S2\n"
                       "ping A 10.0.1.3"};
    heading("A loop: two switches with two cables between them");
    std::cout << lan::map_text(net);
    say(play.perform(0, 10'000));
    say("frames on the cables: ", net.passages().size(), ", and the host sent ", net.cables()[0]->entered(0));
}

void demonstrate() {
    show_hub();
    show_switch();
    show_flooding();
    show_storm();
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Three computers on a hub and on a switch: who sees which frame. The network is simulated.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"no arguments"};
        demonstrate();
    });
}

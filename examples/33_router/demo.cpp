// examples/33_router/demo.cpp: what a router does with a packet, and what it does when it cannot
//
//        A ── R1 ── R2 ── R3 ── R4 ── R5 ── B
//
//        ping           64 hops were allowed, and five are used: the answer has ttl=59
//        traceroute     1, 2, 3 ... hops allowed: each router reports in its turn
//        a loop         two routers send a packet to and fro until its time to live is over
//        a wide mask    the packet does not leave: ARP asks for a computer that is not here
//        RIP            the routers tell each other the way, and find another when a cable is cut
//
// The notes:     Packet Tracer: 路由器; 子网掩码: 注意
// Type:          demo
// You will see:  what demo.txt shows

#include <netnotes/lan.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;
namespace lan = net::lan;

namespace {

/// Plays the actions of a network. `shows_frames` prints each frame as well.
void play(std::string_view text, bool shows_frames = false) {
    lan::network net;
    lan::scenario script{net, text};
    for (std::size_t i = 0; i < script.size(); ++i) {
        say("> ", script.statement(i));
        const std::size_t before = net.passages().size();
        const std::string result = script.perform(i);
        if (shows_frames) std::cout << lan::hops(net.passages().subspan(before));
        std::cout << result;
    }
}

/// Five routers in a row, with routes that were entered.
std::string five_routers(std::string_view actions) {
    std::string text = "host A 10.0.1.2/24 via 10.0.1.1\nhost B 10.0.2.2/24 via 10.0.2.1\n";
    const auto inner = [](unsigned i, unsigned end) { return "10.1." + std::to_string(i) + "." + std::to_string(end); };
    for (unsigned i = 1; i <= 5; ++i)
        text += "router R" + std::to_string(i) + " " + (i == 1 ? "10.0.1.1" : inner(i - 1, 2)) + "/24 " +
                (i == 5 ? "10.0.2.1" : inner(i, 1)) + "/24\n";
    text += "link A R1.0\nlink B R5.1\n";
    for (unsigned i = 1; i < 5; ++i) {
        const std::string left = "R" + std::to_string(i), right = "R" + std::to_string(i + 1);
        text += "link " + left + ".1 " + right + ".0 " + std::to_string(i) + "ms\n";
        text += "route " + left + " 0.0.0.0/0 via " + inner(i, 2) + "\n";     // everything else is to the right
        text += "route " + right + " 10.0.1.0/24 via " + inner(i, 1) + "\n";  // A is to the left
    }
    return text.append(actions);
}

void demonstrate() {
    heading("ping through five routers");
    play(five_routers("ping A B"));
    say("The answer began with 64, and each router has taken 1.");
    heading("traceroute: the time to live is 1, then 2, then 3 ...");
    play(five_routers("traceroute A B"));
    say("R1 to R5 say \"time exceeded\". B says \"port unreachable\": the packet has arrived, and no program wanted "
        "it.");
    heading("The longest prefix wins");
    lan::route_table table;
    const auto add = [&](std::string_view network, std::string_view via) {
        table.add({net::network{network}, net::ipv4_address{via}, 0});
    };
    add("0.0.0.0/0", "10.0.1.1");
    add("10.0.0.0/8", "10.0.1.7");
    add("10.9.0.0/16", "10.0.1.9");
    std::cout << table.text();
    for (const std::string_view to : {"10.9.3.4", "10.8.3.4", "192.0.2.1"})
        say("to ", to, " by way of ", table.next(net::ipv4_address{to})->neighbour);
    heading("A loop of routes: the time to live ends it");
    play(R"(host A 10.0.1.2/24 via 10.0.1.1
            router R1 10.0.1.1/24 10.1.1.1/24
            router R2 10.1.1.2/24
            link A R1.0
            link R1.1 R2.0
            route R1 0.0.0.0/0 via 10.1.1.2
            route R2 0.0.0.0/0 via 10.1.1.1
            ping A 10.9.9.9 ttl 6)",
         true);
    heading("A mask that is too wide: the notes say that packets circle. No packet leaves");
    play(R"(host A 10.0.1.2/8 via 10.0.1.1
            host B 10.0.2.2/24 via 10.0.2.1
            router R 10.0.1.1/24 10.0.2.1/24
            link A R.0
            link R.1 B
            ping A B)",
         true);
    say("A takes 10.0.2.2 for a neighbour, because the first 8 bits are equal. It asks three times, a second apart.");
    heading("A mask that is too narrow: without a route the host knows no way, and says so at once");
    play(R"(host A 10.0.1.2/30
            host B 10.0.1.9/24
            link A B
            ping A B)",
         true);
    heading("RIP: three routers in a ring tell each other their networks");
    play(R"(host A 10.0.1.2/24 via 10.0.1.1
            host B 10.0.2.2/24 via 10.0.2.1
            router R1 10.0.1.1/24 10.1.1.1/24 10.1.3.1/24 rip
            router R2 10.1.1.2/24 10.1.2.1/24 rip
            router R3 10.0.2.1/24 10.1.2.2/24 10.1.3.2/24 rip
            link A R1.0
            link B R3.0
            link R1.1 R2.0
            link R2.1 R3.1
            link R1.2 R3.2
            wait 10s
            show R1
            traceroute A B
            cut R1 R3
            wait 4min
            show R1
            traceroute A B)");
    say("After the cut R1 hears nothing from R3 any more. 180 seconds later it drops the route, and takes R2's.");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Routers: ping, traceroute, a loop, wrong masks, and routes that routers learn. The network is simulated.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"no arguments"};
        demonstrate();
    });
}

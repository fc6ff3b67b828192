// examples/37_arp_spoofing/demo.cpp: an attacker between two hosts, and two ways to keep it out
//
//        A 10.0.0.1 ─── switch ─── B 10.0.0.2
//                         │
//                         M  tells A: "10.0.0.2 is at M", and B: "10.0.0.1 is at M"
//
// ARP asks which card has an IP address. Nothing proves an answer, and nobody need have asked: the last word counts. So M
// only has to say something untrue from time to time. It passes on what it gets, and both hosts notice nothing.
//
// A static entry believes no answer, but an administrator has to type it on each host. A switch that inspects ARP knows which
// card has which address at which port, and drops whatever says something else.
//
// The notes:     arp攻击
// Type:          demo
//                demo save ATTACK CURED       writes what A's cable carried, as two capture files
// You will see:  what demo.txt shows

#include "../attacking.hpp"

using example::heading;
using example::say;
namespace lan = net::lan;
namespace packet = net::packet;

namespace {

using namespace std::chrono_literals;

struct scene {
    lan::network net{37};
    lan::learning_switch& s = net.learning_switch("S");
    lan::host& a = net.host("A", "10.0.0.1/24");
    lan::host& b = net.host("B", "10.0.0.2/24");
    lan::arp_spoofer& m = net.add<lan::arp_spoofer>("M");
    lan::arp_inspection inspection;
    lan::cable& wire = net.connect(a, s);
    std::string heard, overheard;

    scene() {
        net.connect(b, s);
        net.connect(m, s);
        b.on_udp(6666, [this](const lan::datagram& arrived) { heard += text_of(arrived.payload); });
        m.read = [this](const packet::frame_view& frame) {
            if (const auto udp = frame.udp()) overheard += text_of(udp->payload());
            return true;
        };
    }
    static std::string text_of(std::span<const std::byte> bytes) {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    void inspect() {
        inspection.bind(a.address(), a.hardware_address(), 0);
        inspection.bind(b.address(), b.hardware_address(), 1);
        s.add_guard(inspection.guard());
    }
    void tell_caches() const {
        for (const lan::host* each : {&a, &b})
            for (const auto& [address, entry] : each->arp().entries())
                say(each->name(), " believes: ", address.to_string(), " is at ", entry.address.to_string(), ", ",
                    entry.address == m.hardware_address() ? "which is M" : "which is true");
    }
    void play() {
        a.ping("10.0.0.2");
        net.run_for(1s);
        m.poison(a.address(), b.address());
        net.run_for(1s);
        const std::string_view secret = "password: 123456";
        a.send_udp(5000, {b.address(), 6666}, std::as_bytes(std::span{secret.data(), secret.size()}));
        net.run_for(1s);
    }
    void tell() const {
        tell_caches();
        say("B has heard: ", heard);
        say("M has read:  ", overheard.empty() ? "nothing" : overheard);
    }
};

void demonstrate() {
    heading("arp攻击: A and B talk through M, and do not know it");
    scene poisoned;
    poisoned.play();
    poisoned.tell();
    say("\nthe way of the datagram:");
    for (const lan::passage& each : poisoned.net.passages())
        if (packet::dissect(each.frame.bytes()).udp()) say("  ", lan::hop_line(each));

    heading("Static entries: no answer changes them");
    scene fixed;
    fixed.a.arp().add_static(fixed.b.address(), fixed.b.hardware_address());
    fixed.b.arp().add_static(fixed.a.address(), fixed.a.hardware_address());
    fixed.play();
    fixed.tell();

    heading("Dynamic ARP inspection: the switch drops what is not true");
    scene guarded;
    guarded.inspect();
    guarded.play();
    guarded.tell();
    say("Frames that the switch has dropped: ", guarded.s.guarded());
}

constexpr std::string_view help = R"(usage: demo
       demo save ATTACK CURED
       demo --help

ARP spoofing in a simulated network, and two ways to keep the attacker out. save writes two capture files.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run_attack(argc, argv, help, demonstrate, [](const std::string& attack, const std::string& cured) {
        scene poisoned, guarded;
        guarded.inspect();
        for (const auto& [which, name] : {std::pair{&poisoned, attack}, {&guarded, cured}}) {
            which->play();
            example::save(which->net, which->wire, name);
        }
    });
}

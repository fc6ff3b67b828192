// dns_spoofing.cpp: forged answers against a resolver that leaves less or more to guess (beyond the notes)
//
// Nothing leaves this program: the network is simulated, and the forger is a part of it.

#include <netnotes/lan.hpp>

#include <iostream>

namespace lan = netnotes::lan;
using namespace std::chrono_literals;

// Returns how many forged answers were sent until the resolver believed one.
std::uint64_t attack(const lan::resolver_habits& habits, std::uint64_t seed) {
    lan::network net{seed};
    auto& s = net.learning_switch("S");
    auto& client = net.host("client", "10.0.0.2/24");
    auto& server = net.add<lan::name_server>("ns", "10.0.0.53/24");
    auto& forger = net.add<lan::dns_spoofer>("forger", "10.0.0.66/24");
    for (lan::node* each :
         {static_cast<lan::node*>(&client), static_cast<lan::node*>(&server), static_cast<lan::node*>(&forger)})
        net.connect(*each, s);
    server.add("bank.example", {192, 0, 2, 80});
    server.delay = 10ms;  // the forger has this long
    net.keep_passages(0);

    const netnotes::ipv4_address lie{203, 0, 113, 6};
    lan::stub_resolver resolver{client, server.address(), habits};
    for (std::uint16_t round = 1;; ++round) {
        const auto& asked = resolver.ask("bank.example");
        forger.forge(client.address(), server.address(), "bank.example", lie, habits, round, 40, 200us);
        net.run();
        if (asked.address == lie) return forger.sent() - 40 + asked.wrong_id + asked.wrong_question + 1;
    }
}

void play(std::string_view what, const lan::resolver_habits& habits) {
    std::uint64_t tries = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) tries += attack(habits, seed);
    std::cout << what << habits.possibilities(netnotes::packet::dns_name{"bank.example"}) << " possibilities, "
              << static_cast<double>(tries) / 40 << " tries on average\n";
}

int main() {
    // Small numbers, so that the forger wins before you lose patience. A real id has 16 bits, and there are 16384 ports.
    play("the id counts, one port:   ", {.random_id = false, .random_port = false});
    play("a random id of 6 bits:     ", {.id_bits = 6, .random_port = false});
    play("... and one of 16 ports:   ", {.id_bits = 6, .port_count = 16});
}

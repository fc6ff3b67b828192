// examples/36_dns_hijack_and_spoofing/demo.cpp: a name server that lies, and a stranger who answers first
//
//        client ──┬── switch ──┬── name server 10.0.0.53, honest      10.0.0.54, hijacked
//                 │            └── forger: sends answers in the name of 10.0.0.53, and sees no question
//
// A hijacked server answers with the right id from the right port: no check of the client helps. Ask another server, and
// compare. A forger has to guess. The first answer that fits is believed, so everything depends on how much "fits" asks for:
// the id, the port, and the capitals of the name.
//
// The notes:     dns服务器被劫持, dns欺骗
// Type:          demo
//                demo save ATTACK CURED       writes what the client's cable carried, as two capture files
// You will see:  what demo.txt shows

#include "../attacking.hpp"

#include <sstream>

using example::heading;
using example::say;
namespace lan = net::lan;
namespace packet = net::packet;

namespace {

using namespace std::chrono_literals;

constexpr std::string_view bank = "bank.example";
constexpr net::ipv4_address truth{192, 0, 2, 80}, lie{203, 0, 113, 6};

struct scene {
    lan::network net;
    lan::learning_switch& s = net.learning_switch("S");
    lan::host& client = net.host("client", "10.0.0.2/24");
    lan::name_server& server = net.add<lan::name_server>("ns", "10.0.0.53/24");
    lan::lying_resolver& hijacked = net.add<lan::lying_resolver>("hijacked", "10.0.0.54/24");
    lan::dns_spoofer& forger = net.add<lan::dns_spoofer>("forger", "10.0.0.66/24");
    lan::cable& wire = net.connect(client, s);

    explicit scene(std::uint64_t seed) : net{seed} {
        for (lan::host* each :
             {static_cast<lan::host*>(&server), static_cast<lan::host*>(&hijacked), static_cast<lan::host*>(&forger)})
            net.connect(*each, s);
        for (lan::name_server* each : {&server, static_cast<lan::name_server*>(&hijacked)}) {
            each->add(bank, truth);
            each->add("www.example.com", {192, 0, 2, 81});
            each->delay = 10ms;
        }
        hijacked.lie(bank, lie);
    }
    /// Asks once, while the forger sends 40 answers.
    const lan::stub_resolver::lookup& ask(lan::stub_resolver& resolver, std::uint16_t round) {
        const auto& asked = resolver.ask(bank);
        forger.forge(client.address(), server.address(), bank, lie, resolver.habits(), round, 40, 200us);
        net.run();
        return asked;
    }
    /// Returns how many forged answers were sent until the resolver believed one.
    std::uint64_t attack(const lan::resolver_habits& habits) {
        net.keep_passages(0);
        lan::stub_resolver resolver{client, server.address(), habits};
        for (std::uint16_t round = 1;; ++round) {
            const auto& asked = ask(resolver, round);
            if (asked.address == lie) return forger.sent() - 40 + asked.wrong_id + asked.wrong_question + 1;
        }
    }
};

void hijack() {
    heading("dns服务器被劫持: a server that lies about one name");
    scene one{36};
    lan::stub_resolver honest{one.client, one.server.address()}, other{one.client, one.hijacked.address()};
    for (const std::string_view name : {"www.example.com", "bank.example"}) {
        const auto &a = honest.ask(name), &b = other.ask(name);
        one.net.run();
        say(name, ": 10.0.0.53 says ", a.address->to_string(), ", 10.0.0.54 says ", b.address->to_string(),
            a.address == b.address ? "" : "      <- they differ");
    }
    say("Both answers have the right id, and came to the right port. Only a signature would tell them apart (DNSSEC).");
}

void judge_one() {
    heading("dns欺骗: what a resolver refuses");
    scene one{36};
    lan::stub_resolver careful{one.client, one.server.address(), {.id_bits = 4, .port_count = 4, .mixed_case = true}};
    const auto& asked = one.ask(careful, 1);
    say("asked for ", asked.name.to_string(), " with id ", asked.id, " from port ", asked.port);
    say("40 forged answers: ", asked.wrong_id + asked.wrong_question, " came to the right port, ", asked.wrong_question,
        " of them with the right id and wrong capitals");
    say("believed: ", asked.address->to_string());
}

void count_tries() {
    heading("How many tries does a forger need? Expected and counted, 40 attacks each");
    const packet::dns_name name{bank};
    struct row {
        std::string_view what;
        lan::resolver_habits habits;
    };
    for (const auto& [what, habits] : {row{"the id counts, one port    ", {.random_id = false, .random_port = false}},
                                       row{"a random id of 5 bits      ", {.id_bits = 5, .random_port = false}},
                                       row{"... and 16 ports           ", {.id_bits = 5, .port_count = 16}}}) {
        std::uint64_t tries = 0;
        for (std::uint64_t seed = 1; seed <= 40; ++seed) tries += scene{seed}.attack(habits);
        say(what, "   expected ", habits.possibilities(name), ", counted ", (tries + 20) / 40);
    }
    say("\nReal numbers, at 10,000 forged answers a second that all come in time:");
    const auto tell = [&](std::string_view what, const lan::resolver_habits& habits) {
        const double seconds = habits.possibilities(name) / 10'000;
        std::ostringstream text;
        text.precision(3);
        if (seconds < 120)
            text << seconds << " s";
        else if (seconds < 200 * 3600)
            text << seconds / 3600 << " hours";
        else
            text << seconds / 86'400 / 365 << " years";
        say(what, "   ", static_cast<std::uint64_t>(habits.possibilities(name)), " possibilities: ", text.str());
    };
    tell("an id of 16 bits           ", {.random_port = false});
    tell("... and 16,384 ports       ", {});
    tell("... and capitals of 11     ", {.mixed_case = true});
}

void demonstrate() {
    hijack();
    judge_one();
    count_tries();
}

constexpr std::string_view help = R"(usage: demo
       demo save ATTACK CURED
       demo --help

A hijacked name server and a forger in a simulated network. save writes two capture files.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run_attack(argc, argv, help, demonstrate, [](const std::string& attack, const std::string& cured) {
        for (const auto& [habits, name] :
             {std::pair{lan::resolver_habits{.random_id = false, .random_port = false}, attack}, {{}, cured}}) {
            scene one{36};
            lan::stub_resolver resolver{one.client, one.server.address(), habits};
            one.ask(resolver, 1);
            example::save(one.net, one.wire, name);
        }
    });
}

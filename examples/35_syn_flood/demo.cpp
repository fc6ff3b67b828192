// examples/35_syn_flood/demo.cpp: a server under a SYN flood, with and without SYN cookies
//
//        attacker ──┐
//                   ├── switch ── server       backlog: 8 half-open connections
//        friend ────┘      │
//                        router ── 203.0.113.0/24, where nobody is
//
// Each SYN makes the server remember a half-open connection until the handshake ends. The attacker sends SYNs in the name of
// addresses where nobody is. No handshake ends, the places are used up, and the SYN of a friend is dropped.
//
// A SYN cookie is a number that holds what the server would have remembered. The server answers with it and forgets. The
// acknowledgment of a client that exists brings the number back, plus one.
//
// The notes:     tcp半链接攻击
// Type:          demo
//                demo save ATTACK CURED       writes what the server's cable carried, as two capture files
// You will see:  what demo.txt shows

#include "../attacking.hpp"

using example::heading;
using example::say;
namespace lan = net::lan;
namespace packet = net::packet;

namespace {

using namespace std::chrono_literals;

struct scene {
    lan::network net{35};
    lan::host& server = net.host("server", "10.0.0.1/24");
    lan::host& client = net.host("friend", "10.0.0.2/24");
    lan::syn_flooder& attacker = net.add<lan::syn_flooder>("attacker", "10.0.0.66/24");
    lan::learning_switch& s = net.learning_switch("S");
    lan::cable& wire = net.connect(server, s);
    lan::tcp_stack service{server}, program{client};

    explicit scene(lan::syn_cookie_use cookies) {
        net.connect(client, s);
        net.connect(attacker, s);
        net.connect(net.router("R", {"10.0.0.254/24", "203.0.113.254/24"}), s);
        server.default_gateway("10.0.0.254");
        service.listen(80, {}, {.backlog = 8, .cookies = cookies});
    }
    lan::tcp_connection& play() {
        attacker.flood({"10.0.0.1", 80}, 100, 10ms);
        net.run_for(500ms);
        auto& connection = program.connect({"10.0.0.1", 80}, 40944);
        connection.send("hello");
        net.run_for(4s);
        return connection;
    }
    void tell(const lan::tcp_connection& connection) const {
        std::cout << service.table();
        const auto& count = service.listener(80).count();
        say("SYNs: ", count.syns, ", dropped: ", count.dropped_syns, ", answered by a cookie: ", count.cookies_sent);
        say("The friend is in ", to_string(connection.state()), ", and has sent ",
            connection.machine().retransmissions(), " segments again.");
    }
};

void take_apart() {
    const lan::syn_cookies cookies{{35, 350}};
    const net::endpoint server{"10.0.0.1", 80}, client{"10.0.0.2", 40944};
    const packet::sequence number{1000};
    const auto cookie = cookies.make(server, client, number, 1460, 1000s);
    say("the cookie: ", cookie.to_uint());
    say("    t    = ", cookie.to_uint() >> 27, "       1000 s / 64 s, modulo 32");
    say("    MSS  = ", cookie.to_uint() >> 24 & 7, "        number 7 of the list: 1460");
    say("    hash = ", cookie.to_uint() & 0xff'ffff, "  of a secret, both endpoints, the SYN's number, and t");
    const auto judged = [&](std::string_view what, const std::optional<std::uint16_t>& size) {
        say(what, size ? "good, the largest segment has " + std::to_string(*size) + " bytes" : "refused");
    };
    judged("brought back after 10 s:       ", cookies.check(cookie, server, client, number, 1010s));
    judged("by another client:             ", cookies.check(cookie, server, {"10.0.0.3", 40944}, number, 1010s));
    judged("with one bit changed:          ",
           cookies.check(packet::sequence{cookie.to_uint() ^ 1}, server, client, number, 1010s));
    judged("after three minutes:           ", cookies.check(cookie, server, client, number, 1180s));
}

void demonstrate() {
    heading("半连接: a half-open connection for each SYN, and none left for the friend");
    scene without{lan::syn_cookie_use::never};
    without.tell(without.play());
    say("Each half-open connection lasts three minutes, with seven SYN,ACKs to nobody.");

    heading("SYN cookies: the same flood, and the friend gets in");
    scene with{lan::syn_cookie_use::when_full};
    with.tell(with.play());
    say("The connection was made of the friend's ACK alone. The server had forgotten the SYN.");

    heading("A cookie, taken apart");
    take_apart();
    say("The window scale does not fit into 32 bits, so a connection from a cookie has none.");
}

constexpr std::string_view help = R"(usage: demo
       demo save ATTACK CURED
       demo --help

A SYN flood in a simulated network, without and with SYN cookies. save writes two capture files.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run_attack(argc, argv, help, demonstrate, [](const std::string& attack, const std::string& cured) {
        for (const auto& [cookies, name] :
             {std::pair{lan::syn_cookie_use::never, attack}, {lan::syn_cookie_use::always, cured}}) {
            scene one{cookies};
            one.play();
            example::save(one.net, one.wire, name);
        }
    });
}

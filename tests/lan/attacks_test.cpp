// Attacks and their cures, inside a simulated network.
// SPDX-License-Identifier: MIT

#include <netnotes/lan/attacks.hpp>
#include <netnotes/lan/switch.hpp>
#include <netnotes/lan/tcp_stack.hpp>

#include "tcp.hpp"

namespace {

/// A server, a friend and an attacker on a switch.
struct flooded_server {
    lan::network net{35};
    lan::learning_switch& s = net.learning_switch("S");
    lan::host& server = net.host("server", "10.0.0.1/24");
    lan::host& client = net.host("friend", "10.0.0.2/24");
    lan::syn_flooder& attacker = net.add<lan::syn_flooder>("attacker", "10.0.0.66/24");
    lan::tcp_stack service{server}, program{client};

    explicit flooded_server(lan::syn_cookie_use cookies) {
        for (lan::host* each : {&server, &client, static_cast<lan::host*>(&attacker)}) net.connect(*each, s);
        service.listen(80, {}, {.backlog = 16, .cookies = cookies});
    }
    bool lets_friend_in() {
        attacker.flood({"10.0.0.1", 80}, 500, 1ms);
        net.run_for(400ms);
        auto& connection = program.connect({"10.0.0.1", 80});
        net.run_for(100ms);
        return connection.state() == tcp_state::established;
    }
};

/// Two hosts and an attacker on a switch.
struct poisoned_switch {
    lan::network net{37};
    lan::learning_switch& s = net.learning_switch("S");
    lan::host& a = net.host("A", "10.0.0.1/24");
    lan::host& b = net.host("B", "10.0.0.2/24");
    lan::arp_spoofer& m = net.add<lan::arp_spoofer>("M");
    lan::arp_inspection inspection;

    poisoned_switch() {
        net.connect(a, s);
        net.connect(b, s);
        net.connect(m, s);
    }
    std::uint64_t read_by_attacker() {
        a.ping("10.0.0.2");
        net.run();
        m.poison(a.address(), b.address(), 1s, 3);
        net.run_for(500ms);
        const auto& ping = a.ping("10.0.0.2", {.count = 5, .interval = 100ms});
        net.run_for(2s);
        CHECK(ping.answered() == 5);
        return m.passed_on();
    }
};

struct resolver_under_attack {
    lan::network net;
    lan::learning_switch& s = net.learning_switch("S");
    lan::host& client = net.host("client", "10.0.0.2/24");
    lan::name_server& server = net.add<lan::name_server>("ns", "10.0.0.53/24");
    lan::dns_spoofer& attacker = net.add<lan::dns_spoofer>("attacker", "10.0.0.66/24");
    lan::stub_resolver resolver;
    const net::ipv4_address truth{192, 0, 2, 80}, lie{203, 0, 113, 6};

    resolver_under_attack(const lan::resolver_habits& habits, std::uint64_t seed)
        : net{seed}, resolver{client, server.address(), habits} {
        for (lan::host* each : {&client, static_cast<lan::host*>(&server), static_cast<lan::host*>(&attacker)})
            net.connect(*each, s);
        server.add("www.example.com", truth);
        server.delay = 10ms;
        net.keep_passages(0);
    }
    /// Returns how many forged answers were sent until the resolver believed one, or 0 if it never did.
    std::uint64_t tries(unsigned max_rounds) {
        for (unsigned round = 1; round <= max_rounds; ++round) {
            const auto& asked = resolver.ask("www.example.com");
            attacker.forge(client.address(), server.address(), "www.example.com", lie, resolver.habits(),
                           static_cast<std::uint16_t>(round), 50, 100us);
            net.run();
            if (asked.address == lie) return attacker.sent() - 50 + asked.wrong_id + asked.wrong_question + 1;
            CHECK(asked.address == truth);
        }
        return 0;
    }
};

}  // namespace

TEST_CASE("a SYN flood shuts the friend out, and cookies let the friend in") {
    flooded_server without{lan::syn_cookie_use::never};
    CHECK(!without.lets_friend_in());
    CHECK(without.service.listener(80).half_open() == 16);
    CHECK(without.service.listener(80).count().dropped_syns > 300);
    flooded_server with{lan::syn_cookie_use::when_full};
    CHECK(with.lets_friend_in());
    CHECK(with.service.listener(80).half_open() == 16);
    CHECK(with.service.listener(80).count().cookies_passed == 1);
    flooded_server always{lan::syn_cookie_use::always};
    CHECK(always.lets_friend_in());
    CHECK(always.service.listener(80).half_open() == 0);
}

TEST_CASE("ARP spoofing makes two hosts talk through the attacker") {
    poisoned_switch plain;
    CHECK(plain.read_by_attacker() == 10);
    CHECK(plain.a.arp().find(plain.b.address()) == plain.m.hardware_address());
}

TEST_CASE("an inspecting switch drops the lies") {
    poisoned_switch guarded;
    guarded.inspection.bind(guarded.a.address(), guarded.a.hardware_address(), 0);
    guarded.inspection.bind(guarded.b.address(), guarded.b.hardware_address(), 1);
    guarded.s.add_guard(guarded.inspection.guard());
    CHECK(guarded.read_by_attacker() == 0);
    CHECK(guarded.s.guarded() == 6);
    CHECK(guarded.a.arp().find(guarded.b.address()) == guarded.b.hardware_address());
}

TEST_CASE("static entries do not believe the lies") {
    poisoned_switch fixed;
    fixed.a.arp().add_static(fixed.b.address(), fixed.b.hardware_address());
    fixed.b.arp().add_static(fixed.a.address(), fixed.a.hardware_address());
    CHECK(fixed.read_by_attacker() == 0);
}

TEST_CASE("the man in the middle reads, and may drop") {
    poisoned_switch plain;
    unsigned seen = 0;
    plain.m.read = [&](const packet::frame_view& frame) { return seen += frame.icmp().has_value(), true; };
    plain.read_by_attacker();
    CHECK(seen == 10);
    plain.m.read = [](const packet::frame_view&) { return false; };
    const auto& ping = plain.a.ping("10.0.0.2", {.count = 2, .interval = 10ms});
    plain.net.run();
    CHECK(ping.answered() == 0);
}

TEST_CASE("a resolver that counts its queries believes the first forgery") {
    resolver_under_attack counting{{.random_id = false, .random_port = false}, 1};
    CHECK(counting.tries(1) == 1);
}

TEST_CASE("what must be guessed decides how long a forger needs") {
    const packet::dns_name name{"www.example.com"};
    const lan::resolver_habits id_only{.id_bits = 8, .random_port = false};
    const lan::resolver_habits with_port{.id_bits = 4, .port_count = 16};
    const lan::resolver_habits with_case{.id_bits = 4, .random_port = false, .mixed_case = true};
    CHECK(id_only.possibilities(name) == 256);
    CHECK(with_port.possibilities(name) == 256);
    CHECK(with_case.possibilities(name) == 16.0 * 8192);
    CHECK(lan::resolver_habits{}.possibilities(name) == 65'536.0 * 16'384);
    for (const auto& habits : {id_only, with_port}) {
        std::uint64_t all = 0;
        constexpr unsigned runs = 30;
        for (unsigned i = 1; i <= runs; ++i) {
            const std::uint64_t tries = resolver_under_attack{habits, i}.tries(1000);
            CHECK(tries > 0);
            all += tries;
        }
        // The number of tries has the mean 256, and a mean of 30 of them the deviation 256 / sqrt(30) = 47.
        CHECK(all / runs > 256 - 3 * 47);
        CHECK(all / runs < 256 + 3 * 47);
    }
    CHECK(resolver_under_attack{with_case, 1}.tries(20) == 0);
    CHECK(resolver_under_attack{{}, 1}.tries(20) == 0);
}

TEST_CASE("a hijacked resolver lies about some names with every sign of truth") {
    lan::network net{1};
    auto& client = net.host("client", "10.0.0.2/24");
    auto& resolver = net.add<lan::lying_resolver>("ns", "10.0.0.53/24");
    net.connect(client, resolver);
    resolver.add("bank.example", {192, 0, 2, 1});
    resolver.add("www.example.com", {192, 0, 2, 2});
    resolver.lie("bank.example", {203, 0, 113, 6});
    lan::stub_resolver asks{client, resolver.address(), {.mixed_case = true}};
    const auto &bank = asks.ask("bank.example"), &other = asks.ask("www.example.com"), &none = asks.ask("no.example");
    net.run();
    CHECK(bank.address == net::ipv4_address{203, 0, 113, 6});
    CHECK(other.address == net::ipv4_address{192, 0, 2, 2});
    CHECK(none.is_done);
    CHECK(!none.address);
    CHECK(resolver.queries() == 3);
}

namespace {

/// A resolver that has asked for www.example.com, and a host that may answer as it likes.
struct waiting_resolver {
    lan::network net{1};
    lan::host& client = net.host("client", "10.0.0.2/24");
    lan::host& other = net.host("other", "10.0.0.3/24");
    lan::stub_resolver asks{client, other.address(), {.random_id = false, .random_port = false}};
    const lan::stub_resolver::lookup* asked = nullptr;
    const net::ipv4_address lie{203, 0, 113, 6};

    waiting_resolver() {
        net.connect(client, other);
        asked = &asks.ask("www.example.com");
        net.run_for(1ms);
    }
    /// An answer. Each member is right unless it is changed.
    struct answer {
        std::uint16_t from = 53;
        net::ipv4_address to{10, 0, 0, 2};
        packet::dns_header header{};
        std::vector<std::string> questions{"www.example.com"};
        packet::dns_type type = packet::dns_type::a;
        packet::dns_class question_class = packet::dns_class::internet;
        std::string owner = "www.example.com";
        std::string alias{};  // not empty: owner is an alias of it, and it has the address
    };
    [[nodiscard]] answer right() const {
        answer made;
        made.header.id = asked->id;
        made.header.is_response = true;
        return made;
    }
    void send(const answer& what) {
        std::array<std::byte, 512> room;
        packet::dns_builder built{room, what.header};
        for (const std::string& each : what.questions)
            built.question(packet::dns_name{each}, what.type, what.question_class);
        const packet::dns_name owner{what.owner}, alias{what.alias.empty() ? what.owner : what.alias};
        if (!what.alias.empty()) built.target(packet::dns_section::answer, packet::dns_type::cname, owner, 60, alias);
        built.address(packet::dns_section::answer, alias, 60, lie);
        other.send_udp(what.from, {what.to, asked->port}, built.message());
        net.run_for(1ms);
    }
    [[nodiscard]] std::array<unsigned, 3> wrong() const {
        return {asked->wrong_sender, asked->wrong_id, asked->wrong_question};
    }
};

}  // namespace

TEST_CASE("each wrong element makes an answer unbelievable (RFC 5452 §9.1)") {
    using wrong = std::array<unsigned, 3>;
    waiting_resolver net;
    auto made = net.right();
    made.from = 54;
    net.send(made);
    CHECK(net.wrong() == wrong{1, 0, 0});
    made = net.right();
    made.to = {10, 0, 0, 255};  // arrives, but was not sent to the address that asked
    net.send(made);
    CHECK(net.wrong() == wrong{2, 0, 0});
    made = net.right();
    ++made.header.id;
    net.send(made);
    CHECK(net.wrong() == wrong{2, 1, 0});
    made = net.right();
    made.questions = {"example.com"};
    net.send(made);
    CHECK(net.wrong() == wrong{2, 1, 1});
    made = net.right();
    made.type = packet::dns_type::aaaa;
    net.send(made);
    CHECK(net.wrong() == wrong{2, 1, 2});
    made = net.right();
    made.question_class = packet::dns_class::chaos;
    net.send(made);
    CHECK(net.wrong() == wrong{2, 1, 3});
    made = net.right();
    made.questions = {};
    net.send(made);
    CHECK(net.wrong() == wrong{2, 1, 4});
    made = net.right();
    made.questions = {"www.example.com", "www.example.com"};
    net.send(made);
    CHECK(net.wrong() == wrong{2, 1, 5});
    made = net.right();
    made.header.is_response = false;
    net.send(made);
    made = net.right();
    made.header.opcode = packet::dns_opcode::status;
    net.send(made);
    CHECK(net.wrong() == wrong{2, 1, 5});
    CHECK(!net.asked->is_done);
    net.send(net.right());
    CHECK(net.asked->is_done);
    CHECK(net.asked->address == net.lie);
}

TEST_CASE("an answer about another name is no answer, and an alias leads to one") {
    waiting_resolver stray;
    auto made = stray.right();
    made.owner = "bank.example";
    stray.send(made);
    CHECK(stray.asked->is_done);
    CHECK(!stray.asked->address);
    waiting_resolver alias;
    made = alias.right();
    made.alias = "host7.example.net";
    alias.send(made);
    CHECK(alias.asked->address == alias.lie);
    waiting_resolver wrong_alias;
    made.owner = "bank.example";
    wrong_alias.send(made);
    CHECK(!wrong_alias.asked->address);
}

TEST_CASE("questions that share a port are all answered") {
    lan::network net{1};
    auto& client = net.host("client", "10.0.0.2/24");
    auto& server = net.add<lan::name_server>("ns", "10.0.0.53/24");
    net.connect(client, server);
    server.add("a.example", {192, 0, 2, 1});
    server.add("b.example", {192, 0, 2, 2});
    lan::stub_resolver asks{client, server.address(), {.random_port = false}};
    const auto &a = asks.ask("a.example"), &b = asks.ask("b.example"), &none = asks.ask("c.example");
    net.run();
    CHECK(a.address == net::ipv4_address{192, 0, 2, 1});
    CHECK(b.address == net::ipv4_address{192, 0, 2, 2});
    CHECK(none.is_done);
    const auto& again = asks.ask("a.example");  // the port was closed and is open again
    net.run();
    CHECK(again.address == a.address);
}

TEST_CASE("a name without an address of that type exists, and habits out of range count as the nearest") {
    lan::network net{1};
    auto& client = net.host("client", "10.0.0.2/24");
    auto& server = net.add<lan::name_server>("ns", "10.0.0.53/24");
    net.connect(client, server);
    server.add("a.example", {192, 0, 2, 1});
    std::vector<std::pair<packet::dns_response_code, unsigned>> heard;
    client.on_udp(4000, [&](const lan::datagram& arrived) {
        const auto answer = packet::dns_view::parse(arrived.payload);
        REQUIRE(answer);
        heard.emplace_back(answer->header().response_code, answer->answer_count());
    });
    const auto ask = [&](std::string_view name, packet::dns_type type, packet::dns_class query_class,
                         packet::dns_opcode opcode = packet::dns_opcode::query) {
        std::array<std::byte, 512> room;
        packet::dns_builder query{room, {.id = 7, .opcode = opcode}};
        query.question(packet::dns_name{name}, type, query_class);
        client.send_udp(4000, {server.address(), 53}, query.message());
        net.run();
    };
    using packet::dns_response_code, packet::dns_type, packet::dns_class;
    ask("a.example", dns_type::a, dns_class::internet);
    ask("a.example", dns_type::aaaa, dns_class::internet);
    ask("a.example", dns_type::a, dns_class::chaos);
    ask("b.example", dns_type::a, dns_class::internet);
    ask("a.example", dns_type::a, dns_class::internet, packet::dns_opcode::status);
    CHECK(heard == std::vector<std::pair<dns_response_code, unsigned>>{{dns_response_code::no_error, 1},
                                                                       {dns_response_code::no_error, 0},
                                                                       {dns_response_code::no_error, 0},
                                                                       {dns_response_code::name_error, 0},
                                                                       {dns_response_code::not_implemented, 0}});
    const packet::dns_name name{"1.2"};
    CHECK(lan::resolver_habits{.id_bits = 70, .random_port = false}.possibilities(name) == 65'536);
    CHECK(lan::resolver_habits{.id_bits = 0, .port_count = 0}.possibilities(name) == 2);
    CHECK(lan::resolver_habits{.random_id = false, .first_port = 65'530, .port_count = 100}.possibilities(name) == 6);
}

// Events, cables, hubs, switches, and hosts that ask by ARP and ping each other.
// SPDX-License-Identifier: MIT

#include "lan.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace {

/// Three hosts on a device.
template <class Device>
struct triangle {
    explicit triangle(std::uint64_t seed = 1) : net{seed}, device{net.add<Device>("D")} {
        for (lan::host* each : {&a, &b, &c}) net.connect(*each, device);
    }
    lan::network net;
    Device& device;
    lan::host& a = net.host("A", "10.0.1.2/24");
    lan::host& b = net.host("B", "10.0.1.3/24");
    lan::host& c = net.host("C", "10.0.1.4/24");
    lan::cable& cable(std::size_t i) { return *net.cables()[i]; }
};

/// Sends what it is told, and keeps what arrives.
class probe : public lan::node {
  public:
    probe(lan::network& net, std::string_view name) : node{net, name} { add_ports(1); }
    void receive(unsigned, const lan::frame& arrived) override { frames.push_back(arrived); }
    void put(const lan::frame& out) { send(0, out); }
    std::vector<lan::frame> frames;
};

lan::frame numbered(unsigned number, std::size_t size = 60) {
    std::vector<std::byte> bytes(size);
    bytes[14] = static_cast<std::byte>(number);
    return lan::frame{bytes};
}
unsigned number_of(const lan::frame& frame) { return std::to_integer<unsigned>(frame.bytes()[14]); }

struct pair_of_probes {
    lan::network net{5};
    probe& a = net.add<probe>("A");
    probe& b = net.add<probe>("B");
    lan::cable& cable = net.connect(a, b, {.delay = 1ms});
    std::vector<unsigned> arrived() {
        net.run();
        std::vector<unsigned> numbers;
        for (const auto& each : b.frames) numbers.push_back(number_of(each));
        b.frames.clear();
        return numbers;
    }
    void put(unsigned count) {
        for (unsigned i = 1; i <= count; ++i) a.put(numbered(i));
    }
};

}  // namespace

TEST_CASE("events happen in the order of time, and of adding") {
    lan::event_queue<int> queue;
    queue.add(2ms, 1);
    queue.add(1ms, 2);
    const auto doomed = queue.add(1ms, 3);
    queue.add(1ms, 4);
    REQUIRE(queue.find(doomed) != nullptr);
    CHECK(*queue.find(doomed) == 3);
    CHECK(queue.cancel(doomed));
    CHECK(!queue.cancel(doomed));
    CHECK(!queue.cancel({}));
    std::vector<int> order;
    while (auto next = queue.take()) order.push_back(next->event);
    CHECK(order == std::vector{2, 4, 1});
    CHECK(queue.empty());
}

TEST_CASE("ten thousand cancelled events leave the others in order") {
    lan::event_queue<unsigned> queue;
    std::vector<lan::event_queue<unsigned>::ticket> tickets;
    for (unsigned i = 0; i < 10'000; ++i) tickets.push_back(queue.add(std::chrono::nanoseconds{i * 7919 % 10'007}, i));
    for (unsigned i = 0; i < 10'000; ++i)
        if (i % 10 != 3) REQUIRE(queue.cancel(tickets[i]));
    CHECK(queue.size() == 1000);
    lan::virtual_time last{-1};
    std::size_t count = 0;
    while (auto next = queue.take()) {
        REQUIRE(next->time > last);
        REQUIRE(next->event % 10 == 3);
        last = next->time;
        ++count;
    }
    CHECK(count == 1000);
}

TEST_CASE("the generator is SplitMix64, and keeps bounds") {
    lan::random_numbers random{1234567};
    CHECK(random.next() == 6457827717110365317u);  // the reference implementation's first numbers for this seed
    CHECK(random.next() == 3203168211198807973u);
    std::array<unsigned, 6> dice{};
    for (int i = 0; i < 6000; ++i) ++dice.at(random.below(6));
    for (const unsigned each : dice) CHECK((each > 850 && each < 1150));
    const lan::random_numbers before = random;
    CHECK(!random.chance(0));
    CHECK(random.chance(1'000'000));
    CHECK(random == before);
}

TEST_CASE("times are written with microseconds") {
    CHECK(lan::time_text(0ns) == "0.000000");
    CHECK(lan::time_text(1'002'003'999ns) == "1.002003");
    CHECK(lan::time_text(-5ms) == "-0.005000");
}

TEST_CASE("a cable needs time for the bits and for the way") {
    pair_of_probes pair;
    pair.cable.settings.rate = 100'000'000;
    pair.a.put(numbered(1, 1514));
    pair.a.put(numbered(2, 60));
    CHECK(pair.arrived() == std::vector{1u, 2u});
    const auto passages = pair.net.passages();
    CHECK(passages[0].arrived == 1ms + 123'040ns);            // (1514 + 24) * 80 ns
    CHECK(passages[1].arrived == 1ms + 123'040ns + 6'720ns);  // 84 * 80 ns
}

TEST_CASE("a cable that is too slow drops what does not fit into its queue") {
    pair_of_probes pair;
    pair.cable.settings.rate = 1'000'000;
    pair.cable.settings.max_queue = 3;
    pair.put(6);
    CHECK(pair.arrived() == std::vector{1u, 2u, 3u, 4u});
    CHECK(pair.net.passages()[5].fate == lan::fate::overflowed);
}

TEST_CASE("the script decides about single frames") {
    pair_of_probes pair;
    pair.cable.lose_nth(3);
    pair.cable.lose_nth(1, 1);  // of the other direction
    pair.put(4);
    pair.b.put(numbered(9));
    CHECK(pair.arrived() == std::vector{1u, 2u, 4u});
    CHECK(pair.a.frames.empty());
    pair.put(4);
    CHECK(pair.arrived() == std::vector{1u, 2u, 3u, 4u});
    pair.cable.judge = [](unsigned, const lan::frame& frame) {
        return number_of(frame) == 2 ? lan::fate::doubled : number_of(frame) == 1 ? lan::fate::delayed : lan::fate{};
    };
    pair.put(3);
    CHECK(pair.arrived() == std::vector{2u, 2u, 3u, 1u});
}

TEST_CASE("a cut cable delivers nothing, and nothing that was on its way") {
    pair_of_probes pair;
    pair.cable.cut_at(2ms);
    pair.cable.mend_at(10ms);
    for (unsigned i = 0; i < 12; ++i) pair.net.after(i * 1ms + 500us, [&pair, i] { pair.a.put(numbered(i)); });
    CHECK(pair.arrived() == std::vector{0u, 10u, 11u});
    CHECK(pair.net.passages()[1].fate == lan::fate::cut);
}

TEST_CASE("chance follows its probability and the seed") {
    std::map<lan::fate, unsigned> fates;
    pair_of_probes pair;
    pair.cable.settings.loss = lan::per_cent(20);
    pair.cable.settings.duplication = lan::per_cent(10);
    pair.cable.settings.reordering = lan::per_cent(10);
    for (int i = 0; i < 10'000; ++i) pair.a.put(numbered(1));
    pair.net.run();
    for (const auto& each : pair.net.passages()) ++fates[each.fate];
    CHECK((fates[lan::fate::lost] > 1880 && fates[lan::fate::lost] < 2120));
    CHECK((fates[lan::fate::doubled] > 700 && fates[lan::fate::doubled] < 900));
    CHECK((fates[lan::fate::delayed] > 620 && fates[lan::fate::delayed] < 820));
    CHECK(pair.b.frames.size() == 10'000 - fates[lan::fate::lost] + fates[lan::fate::doubled]);
}

TEST_CASE("a network refuses what cannot be") {
    lan::network net;
    lan::host& a = net.host("A", "10.0.1.2/24");
    lan::host& b = net.host("B", "10.0.1.3/24");
    CHECK_THROWS_AS(net.host("A", "10.0.1.4/24"), std::invalid_argument);
    CHECK_THROWS_AS(net.host("", "10.0.1.4/24"), std::invalid_argument);
    CHECK_THROWS_AS(net.host("x y", "10.0.1.4/24"), std::invalid_argument);
    CHECK_THROWS_AS(net.host("C", "10.0.1.256/24"), net::parse_error);
    CHECK_THROWS_AS(net.host("C", "10.0.1.0/24"), std::invalid_argument);
    CHECK_THROWS_AS(net.host("C", "10.0.1.255/24"), std::invalid_argument);
    CHECK_THROWS_AS(net.host("C", "fe80::1/64"), std::invalid_argument);
    CHECK_THROWS_AS(net.host("C", "224.0.0.1/24"), std::invalid_argument);
    CHECK(net.nodes().size() == 2);
    CHECK_THROWS_AS(net.connect(a, a), std::invalid_argument);
    CHECK_THROWS_AS(net.connect(a, b, {.delay = -1ns}), std::invalid_argument);
    CHECK_THROWS_AS(net.connect(a, b, {.mtu = 67}), std::invalid_argument);
    net.connect(a, b);
    CHECK_THROWS_AS(net.connect(a, b), std::invalid_argument);
    CHECK_THROWS_AS(a[1], std::out_of_range);
    CHECK(net.find("B") == &b);
    CHECK(net.find("D") == nullptr);
    CHECK(net.cables()[0]->name() == "A\u2013B");
}

TEST_CASE("a hub shows everything to everyone") {
    triangle<lan::hub> net;
    const auto& result = net.a.ping("10.0.1.3");
    net.net.run();
    CHECK(result.answered() == 1);
    CHECK(seen_by(net.net, "C") == 4);  // question, answer, request, reply
    CHECK(net.c.counters().not_for_us == 3);
    CHECK(broken_frames(net.net) == 0);
}

TEST_CASE("a switch shows a third host the question only") {
    triangle<lan::learning_switch> net;
    const auto& result = net.a.ping("10.0.1.3", {.count = 3});
    net.net.run();
    CHECK(result.answered() == 3);
    CHECK(seen_by(net.net, "C") == 1);
    CHECK(net.device.port_of(net.a.hardware_address()) == 0u);
    CHECK(net.device.port_of(net.b.hardware_address()) == 1u);
    CHECK(!net.device.port_of(net.c.hardware_address()));
    // The notes say that a second question goes to its port only. It is a broadcast, each time.
    net.a.arp().clear();
    net.a.ping("10.0.1.3");
    net.net.run();
    CHECK(seen_by(net.net, "C") == 2);
}

TEST_CASE("a switch forgets after five minutes, and static entries never") {
    triangle<lan::learning_switch> net;
    net.device.add_static(net.c.hardware_address(), 2);
    net.a.ping("10.0.1.3");
    net.net.run();
    const auto known = net.net.now();
    net.net.run_until(known + 290s);
    CHECK(net.device.forwarding_database().size() == 3);
    net.net.run_until(known + 310s);
    CHECK(net.device.forwarding_database().size() == 1);
    CHECK(net.device.tables() == net.c.hardware_address().to_string() + "  port 2  static\n");
    net.b.announce();  // a host that has moved
    net.net.run();
    CHECK(net.device.port_of(net.b.hardware_address()) == 1u);
}

TEST_CASE("a full table makes a switch flood, and a guard drops frames") {
    triangle<lan::learning_switch> net;
    net.device.max_entries = 1;
    net.a.ping("10.0.1.3");
    net.net.run();
    CHECK(net.device.forwarding_database().size() == 1);
    CHECK(seen_by(net.net, "C") == 2);  // the question, and the request to the unknown card of B
    net.device.add_guard([&](unsigned port, const packet::frame_view& frame) { return !(port == 0 && frame.icmp()); });
    const auto& result = net.a.ping("10.0.1.3");
    net.net.run();
    CHECK(result.answered() == 0);
    CHECK(net.device.guarded() == 1);
}

TEST_CASE("a loop of switches never comes to rest, and run() ends") {
    lan::network net;
    auto& a = net.host("A", "10.0.1.2/24");
    auto& s = net.learning_switch("S");
    auto& t = net.learning_switch("T");
    net.connect(a, s);
    net.connect(s, t);
    net.connect(s, t);
    net.keep_passages(100);
    a.ping("10.0.1.3");
    CHECK(!net.run(10'000));
    CHECK(net.passages().size() == 100);
    CHECK(t.flooded() > 1000);
}

TEST_CASE("an ARP cache passes through its states") {
    triangle<lan::learning_switch> net;
    const auto state = [](lan::host& of, lan::host& about) { return of.arp().state_of(about.address()); };
    net.a.ping("10.0.1.3");
    net.net.run();
    CHECK(state(net.a, net.b) == lan::arp_state::reachable);
    // B has not asked: it has read A's question, and used it. So it waits before it checks.
    CHECK(state(net.b, net.a) == lan::arp_state::delay);
    net.net.run_for(6s);
    CHECK(state(net.b, net.a) == lan::arp_state::reachable);  // it has asked A's card only
    CHECK(seen_by(net.net, "C") == 1);
    net.net.run_for(30s);
    CHECK(state(net.a, net.b) == lan::arp_state::stale);
    net.cable(1).cut_at(net.net.now());
    net.a.ping("10.0.1.3");
    net.net.run_for(1s);
    CHECK(state(net.a, net.b) == lan::arp_state::delay);
    net.net.run_for(5s);
    CHECK(state(net.a, net.b) == lan::arp_state::probe);
    net.net.run_for(5s);
    CHECK(state(net.a, net.b) == lan::arp_state::failed);
}

TEST_CASE("three questions, a second apart, and then host unreachable") {
    triangle<lan::learning_switch> net;
    const auto& result = net.a.ping("10.0.1.99");
    net.net.run();
    REQUIRE(net.net.passages().size() == 9);  // three questions, each on three cables
    CHECK(net.net.passages()[3].sent == 1s);
    CHECK(net.net.passages()[6].sent == 2s);
    CHECK(net.net.now() == 3s);
    REQUIRE(result.is_done());
    CHECK(result.text() == "from 10.0.1.2: seq=1 destination host unreachable\n1 sent, 0 answered\n");
    // A failed entry does not answer for ever: the next packet asks again.
    net.a.ping("10.0.1.99");
    net.net.run();
    CHECK(net.net.passages().size() == 18);
}

TEST_CASE("static entries ask nobody, and are not changed by lies") {
    triangle<lan::learning_switch> net;
    net.a.arp().add_static(net.b.address(), net.b.hardware_address());
    net.b.arp().add_static(net.a.address(), net.a.hardware_address());
    const auto& result = net.a.ping("10.0.1.3");
    net.net.run();
    CHECK(result.answered() == 1);
    CHECK(result.echoes()[0].round_trip == 40us);
    for (const auto& each : net.net.passages()) CHECK(!packet::dissect(each.frame.bytes()).arp());
    net.a.arp().heard(net.b.address(), net.c.hardware_address(), true, true);
    CHECK(net.a.arp().find(net.b.address()) == net.b.hardware_address());
    CHECK(net.a.arp().remove(net.b.address()));
    net.a.arp().heard(net.b.address(), net.c.hardware_address(), false, false);
    CHECK(!net.a.arp().find(net.b.address()));  // an answer without a question makes no entry
    net.a.arp().heard(net.b.address(), net.c.hardware_address(), false, true);
    CHECK(net.a.arp().find(net.b.address()) == net.c.hardware_address());
}

TEST_CASE("an ARP cache is bounded, in entries and in packets that wait") {
    triangle<lan::hub> net;
    net.a.arp().settings.max_entries = 4;
    for (unsigned i = 0; i < 100; ++i)
        net.a.arp().heard(net::ipv4_address{0x0a000164 + i}, net.b.hardware_address(), true, true);
    CHECK(net.a.arp().entries().size() == 4);
    // Permanent entries take no place of others.
    for (unsigned i = 0; i < 9; ++i)
        net.b.arp().add_static(net::ipv4_address{0x0a000164 + i}, net.a.hardware_address());
    net.b.arp().settings.max_entries = 1;
    const auto& beside = net.b.ping("10.0.1.4");
    net.net.run();
    CHECK(beside.answered() == 1);
    CHECK(net.b.arp().entries().size() == 10);
    net.a.arp().clear();
    net.a.arp().settings.max_waiting = 2;
    const auto& result = net.a.ping("10.0.1.3", {.size = 10'000});  // seven fragments, and the queue keeps the last two
    net.net.run();
    CHECK(result.answered() == 0);
}

TEST_CASE("a second card with the same address is noticed") {
    triangle<lan::hub> net;
    auto& twin = net.net.host("T", "10.0.1.2/24");
    net.net.connect(twin, net.device);
    twin.announce();
    net.net.run();
    CHECK(net.a.counters().conflicts == 1);
}

TEST_CASE("a long packet travels in fragments, and is joined at its end") {
    triangle<lan::learning_switch> net;
    const auto& result = net.a.ping("10.0.1.3", {.size = 4000});
    net.net.run();
    CHECK(result.text() == "4008 bytes from 10.0.1.3: seq=1 ttl=64 time=0.080 ms\n1 sent, 1 answered\n");
    std::vector<std::size_t> sizes;
    for (const auto& each : net.net.passages())
        if (const auto header = packet::dissect(each.frame.bytes()).ipv4(); header && &each.sender() == &net.a)
            sizes.push_back(header->total_length());
    CHECK(sizes == std::vector<std::size_t>{1500, 1500, 1068});
    CHECK(broken_frames(net.net) == 0);
    const auto& whole = net.a.ping("10.0.1.3", {.size = 65'507});
    net.net.run();
    CHECK(whole.answered() == 1);
    const auto& refused = net.a.ping("10.0.1.3", {.size = 1473, .dont_fragment = true});
    net.net.run();
    CHECK(refused.text() == "from 10.0.1.2: seq=1 fragmentation needed, MTU 1500\n1 sent, 0 answered\n");
}

TEST_CASE("a lost fragment loses the packet, and its sender hears of it") {
    triangle<lan::learning_switch> net;
    net.a.ping("10.0.1.3");
    net.net.run();
    net.cable(0).lose_nth(2);
    const auto& result = net.a.ping("10.0.1.3", {.size = 4000, .timeout = 60s});
    net.net.run();
    CHECK(result.text() == "from 10.0.1.3: seq=1 fragment reassembly time exceeded\n1 sent, 0 answered\n");
}

TEST_CASE("UDP arrives at its port, and a closed port is reported") {
    triangle<lan::learning_switch> net;
    std::string heard;
    net.b.on_udp(53, [&](const lan::datagram& arrived) {
        for (const std::byte each : arrived.payload) heard += static_cast<char>(each);
        heard += " from " + arrived.source.to_string();
    });
    std::vector<std::string> errors;
    net.a.on_error([&](const lan::icmp_report& what) {
        errors.push_back(what.from.to_string() + " " + lan::icmp_error_text(what.type, what.code));
    });
    const auto data = std::as_bytes(std::span{"hello", 5});
    CHECK(net.a.send_udp(4000, {ip("10.0.1.3"), 53}, data));
    CHECK(net.a.send_udp(4000, {ip("10.0.1.4"), 53}, data));
    CHECK(!net.a.send_udp(4000, {ip("10.0.2.4"), 53}, data));  // no route
    net.net.run();
    CHECK(heard == "hello from 10.0.1.2:4000");
    CHECK(errors == std::vector{"10.0.1.4 destination port unreachable"s});
    heard.clear();
    CHECK(net.a.send_udp(4000, {ip("10.0.1.255"), 53}, data));  // to all: no error comes back
    net.net.run();
    CHECK(heard == "hello from 10.0.1.2:4000");
    CHECK(errors.size() == 1);
}

TEST_CASE("another protocol gets its packets whole, and without a handler the sender hears of it") {
    triangle<lan::hub> net;
    std::size_t size = 0;
    std::vector<std::string> errors;
    net.a.on_error([&](const lan::icmp_report& what) { errors.push_back(lan::icmp_error_text(what.type, what.code)); });
    net.b.on_protocol(packet::ip_protocol::tcp, [&](const packet::ipv4_view& whole) { size = whole.payload().size(); });
    const std::vector<std::byte> segment(3000);
    net.a.send_packet(ip("10.0.1.3"), packet::ip_protocol::tcp, segment);
    net.a.send_packet(ip("10.0.1.4"), packet::ip_protocol::tcp, segment);
    net.net.run();
    CHECK(size == 3000);
    CHECK(errors == std::vector{"destination protocol unreachable"s});
}

TEST_CASE("a host talks to itself without a cable, and without a route it says so at once") {
    lan::network net;
    auto& a = net.host("A", "10.0.1.2/24");
    const auto& self = a.ping("10.0.1.2");
    const auto& away = a.ping("10.0.2.2");
    net.run();
    CHECK(self.answered() == 1);
    CHECK(net.passages().empty());
    CHECK(away.text() == "seq=1 no route: network unreachable\n1 sent, 0 answered\n");
}

TEST_CASE("a mask that is too wide makes a host ask for strangers") {
    lan::network net;
    auto& a = net.host("A", "10.0.1.2/8");
    auto& b = net.host("B", "10.77.0.9/24");
    net.connect(a, b);
    const auto& result = a.ping("10.77.0.8");
    net.run();
    CHECK(net.now() == 3s);
    CHECK(result.echoes()[0].what == lan::probe_outcome::reported);
    CHECK(net.passages().size() == 3);
}

TEST_CASE("step() stops at each frame that arrives") {
    triangle<lan::hub> net;
    net.a.ping("10.0.1.3");
    std::vector<std::string> steps;
    while (const lan::passage* each = net.net.step()) steps.push_back(each->sender().name() + each->receiver().name());
    CHECK(steps == std::vector{"AD"s, "DB"s, "DC"s, "BD"s, "DA"s, "DC"s, "AD"s, "DB"s, "DC"s, "BD"s, "DA"s, "DC"s});
    CHECK(net.net.passages().size() == steps.size());
    CHECK(net.net.step() == nullptr);
}

TEST_CASE("a capture has an interface for each cable and a comment at each loss") {
    triangle<lan::hub> net;
    net.cable(1).lose_nth(1);
    net.a.ping("10.0.1.3");
    net.net.run();
    const std::string file = capture_of(net.net);
    packet::pcapng_reader reader{std::as_bytes(std::span{file})};
    std::size_t count = 0, comments = 0;
    for (const auto& record : reader) {
        const auto& passage = net.net.passages()[count++];
        CHECK(reader.interfaces()[record.interface_index].name() == passage.wire->name());
        CHECK(record.time->time_since_epoch() == passage.sent);
        CHECK(std::equal(record.bytes.begin(), record.bytes.end(), passage.frame.bytes().begin()));
        comments += record.comment() == "lost on the way, as the script says";
    }
    CHECK(!reader.failure());
    CHECK(count == net.net.passages().size());
    CHECK(comments == 1);
    CHECK(net.net.cables()[0]->name() == "A\u2013D.0");
}

TEST_CASE("a thousand seeds give the same bytes twice") {
    const auto play = [](std::uint64_t seed) {
        triangle<lan::learning_switch> net{seed};
        for (std::size_t i = 0; i < 3; ++i) {
            auto& how = net.cable(i).settings;
            how.loss = how.duplication = how.reordering = lan::per_cent(15);
        }
        net.a.ping("10.0.1.3", {.count = 2});
        net.c.ping("10.0.1.2", {.size = 2000});
        net.net.run();
        return capture_of(net.net);
    };
    std::size_t different = 0;
    std::string last;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        const std::string once = play(seed);
        REQUIRE(once == play(seed));
        different += once != last;
        last = once;
    }
    CHECK(different > 900);
}

namespace {

/// A probe that sends packets to a host.
struct host_and_probe {
    lan::network net;
    lan::host& a = net.host("A", "10.0.1.2/24");
    probe& p = net.add<probe>("P");
    host_and_probe() { net.connect(a, p); }
    /// Returns how many frames the host sends because of a UDP datagram to a closed port, or of a packet of protocol 99.
    std::size_t answers(std::string_view source, std::string_view destination, packet::mac_address to,
                        bool is_udp = true) {
        p.frames.clear();
        std::vector<std::byte> bytes;
        const packet::ethernet ethernet{.destination = to, .source = p.port_address(0)};
        packet::ipv4 header{.source = ip(source), .destination = ip(destination)};
        if (is_udp) {
            packet::write(bytes, ethernet, header, packet::udp{.source_port = 7, .destination_port = 9});
        } else {
            header.protocol = static_cast<packet::ip_protocol>(99);
            packet::write(bytes, ethernet, header, std::vector<std::byte>(8));
        }
        p.put(lan::frame{bytes});
        net.run();
        return p.frames.size();
    }
};

}  // namespace

TEST_CASE("an error goes to a single host, about a packet to a single card (RFC 1122 §3.2.2)") {
    host_and_probe net;
    net.a.arp().add_static(ip("10.0.1.9"), net.p.port_address(0));
    const auto mine = net.a.hardware_address(), all = packet::mac_address::broadcast();
    CHECK(net.answers("10.0.1.9", "10.0.1.2", mine) == 1);
    CHECK(net.answers("10.0.1.9", "10.0.1.2", mine, false) == 1);
    CHECK(net.answers("10.0.1.255", "10.0.1.2", mine) == 0);        // the source names all hosts of the link
    CHECK(net.answers("10.0.1.9", "10.0.1.255", all, false) == 0);  // the destination does
    CHECK(net.answers("10.0.1.9", "10.0.1.2", all) == 0);           // the frame does
    CHECK(net.answers("10.0.1.9", "10.0.1.2", all, false) == 0);
}

TEST_CASE("fragments that never become whole packets take bounded memory, and few errors answer them") {
    host_and_probe net;
    net.a.arp().add_static(ip("10.0.1.9"), net.p.port_address(0));
    net.a.icmp_limit.burst = 1'000'000;
    for (unsigned i = 0; i < 3000; ++i) {
        std::vector<std::byte> bytes;
        packet::write(bytes, packet::ethernet{.destination = net.a.hardware_address(), .source = net.p.port_address(0)},
                      packet::ipv4{.identification = static_cast<std::uint16_t>(i),
                                   .more_fragments = true,
                                   .protocol = packet::ip_protocol::udp,
                                   .source = ip("10.0.1.9"),
                                   .destination = ip("10.0.1.2")},
                      std::vector<std::byte>(8));
        net.p.put(lan::frame{bytes});
    }
    net.net.run();
    CHECK(net.a.counters().errors_sent == 1024);
}

TEST_CASE("a fragment that ends behind byte 65,535 is not cut into pieces") {
    for (const std::uint32_t offset : {64'000u, 65'528u}) {
        std::vector<std::byte> bytes;
        packet::write(bytes,
                      packet::ipv4{.fragment_offset = offset, .source = ip("10.0.1.9"), .destination = ip("10.0.2.2")},
                      std::vector<std::byte>(1480));
        packet::packet_failure why;
        const auto whole = packet::ipv4_view::parse(bytes, why);
        REQUIRE(whole);
        CHECK(lan::cut_into_fragments(*whole, 600, 0).size() == (offset == 64'000 ? 3 : 0));
    }
}

TEST_CASE("a switch keeps frames for itself that are for the next switch only") {
    lan::network net;
    auto& s = net.learning_switch("S");
    auto &a = net.add<probe>("A"), &b = net.add<probe>("B");
    net.connect(a, s);
    net.connect(b, s);
    for (const std::uint64_t group : {0x0180'c200'0000u, 0x0180'c200'000fu, 0x0180'c200'0010u, 0x0100'5e00'0001u}) {
        std::vector<std::byte> bytes(60);
        packet::detail::store_48(bytes.data(), group);
        packet::detail::store_48(bytes.data() + 6, a.port_address(0).to_uint());
        a.put(lan::frame{bytes});
    }
    net.run();
    CHECK(b.frames.size() == 2);
}

TEST_CASE("passages may be forgotten while frames are on their way, and time never goes back") {
    pair_of_probes net;
    net.a.put(numbered(1));
    net.net.forget_passages();
    net.a.put(numbered(2));
    const lan::passage* const first = net.net.step();
    REQUIRE(first != nullptr);
    CHECK(number_of(first->frame) == 1);
    const lan::passage* const second = net.net.step();
    REQUIRE(second != nullptr);
    CHECK(number_of(second->frame) == 2);
    const auto now = net.net.now();
    net.cable.settings.delay = -5s;
    net.a.put(numbered(3));
    CHECK(net.arrived().size() == 3);
    CHECK(net.net.now() == now);
    net.net.after(lan::virtual_time::max(), [] {});
    net.net.run();
    CHECK(net.net.now() > now);
}

TEST_CASE("the identifier of a ping may come a second time") {
    triangle<lan::hub> net;
    for (unsigned i = 0; i < 65'536; ++i) net.a.ping("10.9.9.9");  // no route
    const auto& ping = net.a.ping("10.0.1.3");
    net.net.run();
    CHECK(ping.answered() == 1);
}

// Routers: forwarding, errors, NAPT, RIP; networks written as text.
// SPDX-License-Identifier: MIT

#include "lan.hpp"

#include <algorithm>
#include <ctime>

namespace {

/// A network from a text, with the results of its actions.
struct play {
    explicit play(std::string_view text) : script{net, text} {
        for (std::size_t i = 0; i < script.size(); ++i) results.push_back(script.perform(i));
    }
    [[nodiscard]] lan::router& router(std::string_view name) const { return *net.find(name)->as_router(); }
    lan::network net;
    lan::scenario script;
    std::vector<std::string> results;
};

std::string error_of(std::string_view text) {
    lan::network net;
    try {
        const lan::scenario script{net, text};
        return "(nothing was thrown)";
    } catch (const lan::net_file_error& error) {
        return error.what();
    }
}

constexpr std::string_view two_networks = R"(
host A 10.0.1.2/24 via 10.0.1.1
host B 10.0.2.2/24 via 10.0.2.1     # A host needs a gateway.

router R 10.0.1.1/24 10.0.2.1/24
link A R.0
link R.1 B
)";

/// A chain of routers R1 to Rn, with a host at each end. Neighbours share the network 10.1.i.0/24.
std::string chain(unsigned count, std::string_view more) {
    std::string text = "host A 10.0.1.2/24 via 10.0.1.1\nhost B 10.0.2.2/24 via 10.0.2.1\n";
    for (unsigned i = 1; i <= count; ++i) {
        const std::string left = i == 1 ? "10.0.1.1/24" : "10.1." + std::to_string(i - 1) + ".2/24";
        const std::string right = i == count ? "10.0.2.1/24" : "10.1." + std::to_string(i) + ".1/24";
        text.append("router R" + std::to_string(i) + " " + left + " " + right + " ").append(more).append("\n");
    }
    text += "link A R1.0\n";
    for (unsigned i = 1; i < count; ++i) text += "link R" + std::to_string(i) + ".1 R" + std::to_string(i + 1) + ".0\n";
    return text + "link R" + std::to_string(count) + ".1 B\n";
}

}  // namespace

TEST_CASE("the longest prefix wins") {
    lan::route_table table;
    table.add({net::network{"0.0.0.0/0"}, ip("10.0.1.1"), 0});
    table.add({net::network{"10.9.0.0/16"}, ip("10.0.1.7"), 1});
    table.add({net::network{"10.0.0.0/8"}, ip("10.0.1.8"), 2});
    table.add({net::network{"10.9.3.4/32"}, ip("10.0.1.9"), 3});
    const auto port = [&](std::string_view to) { return table.next(ip(to))->port; };
    CHECK(port("10.9.3.4") == 3);
    CHECK(port("10.9.3.5") == 1);
    CHECK(port("10.8.3.5") == 2);
    CHECK(port("11.9.3.4") == 0);
    CHECK(table.remove(net::network{"0.0.0.0/0"}, lan::route_origin::entered));
    CHECK(!table.remove(net::network{"0.0.0.0/0"}, lan::route_origin::entered));
    CHECK(!table.next(ip("11.9.3.4")));
    // An entered route is preferred to a learnt route of the same prefix, and a new route replaces an old one.
    table.add({net::network{"10.9.0.0/16"}, ip("10.0.1.5"), 5, lan::route_origin::learnt, 3});
    CHECK(port("10.9.3.5") == 1);
    table.add({net::network{"10.9.0.0/16"}, ip("10.0.1.6"), 6});
    CHECK(port("10.9.3.5") == 6);
    CHECK(table.routes().size() == 4);
    CHECK_THROWS_AS(table.add({net::network{"2001:db8::/32"}}), std::invalid_argument);
}

TEST_CASE("a router passes packets on: new hardware addresses, the same IP addresses, one hop less") {
    const play net{std::string{two_networks} + "ping A B"};
    CHECK(net.results[0] == "64 bytes from 10.0.2.2: seq=1 ttl=63 time=0.080 ms\n1 sent, 1 answered\n");
    CHECK(broken_frames(net.net) == 0);
    std::vector<packet::frame_view> requests;
    for (const auto& each : net.net.passages())
        if (const auto view = packet::dissect(each.frame.bytes());
            view.icmp() && view.icmp()->type() == packet::icmp_type::echo_request)
            requests.push_back(view);
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].ethernet()->source() != requests[1].ethernet()->source());
    CHECK(requests[0].ethernet()->destination() != requests[1].ethernet()->destination());
    CHECK(requests[0].ipv4()->source() == requests[1].ipv4()->source());
    CHECK(requests[0].ipv4()->destination() == requests[1].ipv4()->destination());
    CHECK(requests[0].ipv4()->time_to_live() == 64);
    CHECK(requests[1].ipv4()->time_to_live() == 63);
    CHECK(net.router("R").counters().forwarded == 2);
}

TEST_CASE("traceroute finds five routers, and each hop costs one") {
    std::string text = chain(5, "");
    for (unsigned i = 1; i <= 5; ++i) {
        const std::string router = "R" + std::to_string(i);
        if (i < 5) text += "route " + router + " 10.0.2.0/24 via 10.1." + std::to_string(i) + ".2\n";
        if (i > 1) text += "route " + router + " 10.0.1.0/24 via 10.1." + std::to_string(i - 1) + ".1\n";
        if (i > 2) text += "route " + router + " 10.1.0.0/16 via 10.1." + std::to_string(i - 1) + ".1\n";
    }
    const play net{text + "ping A B\ntraceroute A B"};
    CHECK(net.results[0].find("ttl=59") != std::string::npos);
    std::vector<std::string> lines;
    std::istringstream all{net.results[1]};
    for (std::string line; std::getline(all, line);) lines.push_back(line.substr(4, line.find(' ', 4) - 4));
    CHECK(lines == std::vector{"10.0.1.1"s, "10.1.1.2"s, "10.1.2.2"s, "10.1.3.2"s, "10.1.4.2"s, "10.0.2.2"s});
    CHECK(broken_frames(net.net) == 0);
}

TEST_CASE("a loop of routes ends by the time to live") {
    const play net{R"(
        host A 10.0.1.2/24 via 10.0.1.1
        router R1 10.0.1.1/24 10.1.1.1/24
        router R2 10.1.1.2/24
        link A R1.0
        link R1.1 R2.0
        route R1 10.9.0.0/16 via 10.1.1.2
        route R2 0.0.0.0/0 via 10.1.1.1      # and R1 sends it back
        ping A 10.9.9.9 ttl 9)"};
    CHECK(net.results[0] == "from 10.0.1.1: seq=1 time to live exceeded\n1 sent, 0 answered\n");
    CHECK(net.router("R1").counters().forwarded + net.router("R2").counters().forwarded == 8);
}

TEST_CASE("routers report what they cannot deliver, but not too often") {
    const play net{std::string{two_networks} + R"(
        ping A 10.0.3.3                       # no route
        ping A 10.0.2.9                       # no such host
        ping A B ttl 1
        ping A 10.0.3.3 count 10 every 1ms)"};
    CHECK(net.results[0].find("from 10.0.1.1: seq=1 destination network unreachable") == 0);
    CHECK(net.results[1].find("from 10.0.1.1: seq=1 destination host unreachable") == 0);
    CHECK(net.results[2].find("from 10.0.1.1: seq=1 time to live exceeded") == 0);
    std::size_t reported = 0;
    for (std::size_t at = 0; (at = net.results[3].find("network unreachable", at)) != std::string::npos; ++at)
        ++reported;
    CHECK((reported >= 4 && reported <= 6));
    CHECK(net.router("R").counters().errors_withheld == 10 - reported);
}

TEST_CASE("a narrow link makes a router cut packets, or refuse to") {
    std::string text{two_networks};
    text.replace(text.find("link R.1 B"), 10, "link R.1 B mtu 600");
    const play net{text + "ping A B size 1400\nping A B size 1400 df\nping A B size 3000"};
    CHECK(net.results[0].find("1408 bytes from 10.0.2.2: seq=1 ttl=63") == 0);
    CHECK(net.results[1] == "from 10.0.1.1: seq=1 fragmentation needed, MTU 600\n1 sent, 0 answered\n");
    CHECK(net.results[2].find("3008 bytes from 10.0.2.2") == 0);
    CHECK(broken_frames(net.net) == 0);
    for (const auto& each : net.net.passages()) CHECK(each.fate == lan::fate::delivered);
}

TEST_CASE("an ICMP error quotes the packet, and no error answers an error") {
    lan::network net;
    lan::scenario script{net, two_networks};
    auto& a = *net.find("A")->as_host();
    std::size_t quoted_size = 0;
    a.on_error([&](const lan::icmp_report& what) { quoted_size = what.quoted.bytes().size(); });
    const std::vector<std::byte> data(1200);
    a.send_udp(1, {ip("10.0.2.2"), 9}, data, {.time_to_live = 1});
    net.run();
    CHECK(quoted_size == 548);
    // An error that cannot be delivered, a fragment behind the first, and a packet to all hosts: silence.
    const auto before = net.find("R")->as_router()->counters().errors_sent;
    std::vector<std::byte> error;
    packet::write(error, packet::icmp{.type = packet::icmp_type::time_exceeded}, data);
    a.send_packet(ip("10.0.9.9"), packet::ip_protocol::icmp, error);
    a.send_udp(1, {ip("10.0.9.9"), 9}, std::vector<std::byte>(3000));
    net.run();
    CHECK(net.find("R")->as_router()->counters().errors_sent == before + 1);  // about the first fragment
}

TEST_CASE("NAPT shows one address outside, and undoes it in answers and errors") {
    play net{R"(
        switch S
        host A 10.0.1.2/24 via 10.0.1.1
        host B 10.0.1.3/24 via 10.0.1.1
        router R 10.0.1.1/24 203.0.113.1/24 nat 1
        host W 203.0.113.9/24                 # knows no way to 10.0.1.0/24
        link A S
        link B S
        link R.0 S
        link R.1 W
        ping A W
        ping B W                              # the same identifier
        ping A W size 3000                    # fragments
        traceroute A W
        ping W R)"};
    CHECK(net.results[0].find("64 bytes from 203.0.113.9: seq=1 ttl=63") == 0);
    CHECK(net.results[1].find("64 bytes from 203.0.113.9: seq=1 ttl=63") == 0);
    CHECK(net.results[2].find("3008 bytes from 203.0.113.9") == 0);
    CHECK(net.results[3].find(" 2  203.0.113.9") != std::string::npos);
    CHECK(net.results[4].find("64 bytes from 10.0.1.1") != 0);  // W has no route to the inside address
    CHECK(broken_frames(net.net) == 0);
    for (const auto& each : net.net.passages())
        if (const auto header = packet::dissect(each.frame.bytes()).ipv4();
            header && each.wire == net.net.cables()[3].get()) {
            CHECK(net::network{"203.0.113.0/24"}.contains(header->source()));
            CHECK(net::network{"203.0.113.0/24"}.contains(header->destination()));
        }
    CHECK(net.router("R").tables().find("NAT ICMP  10.0.1.3:1 is outside port 1024") != std::string::npos);
    // UDP with the same port from both hosts, and a server inside with an open port.
    auto& w = *net.net.find("W")->as_host();
    std::vector<std::string> heard;
    w.on_udp(53, [&](const lan::datagram& arrived) {
        heard.push_back(arrived.source.to_string());
        w.send_udp(53, arrived.source, arrived.payload);
    });
    std::vector<std::string> answers;
    for (const std::string_view name : {"A", "B"}) {
        auto& host = *net.net.find(name)->as_host();
        host.on_udp(4000, [&, name](const lan::datagram&) { answers.emplace_back(name); });
        host.send_udp(4000, {ip("203.0.113.9"), 53}, std::as_bytes(std::span{"x", 1}));
    }
    net.net.run();
    CHECK(heard == std::vector{"203.0.113.1:4000"s, "203.0.113.1:4001"s});
    CHECK(answers == std::vector{"A"s, "B"s});
    net.router("R").forward_port(packet::ip_protocol::udp, 80, {ip("10.0.1.2"), 8080});
    std::string inside;
    net.net.find("A")->as_host()->on_udp(8080,
                                         [&](const lan::datagram& arrived) { inside = arrived.source.to_string(); });
    w.send_udp(7, {ip("203.0.113.1"), 80}, std::as_bytes(std::span{"x", 1}));
    net.net.run();
    CHECK(inside == "203.0.113.9:7");
    CHECK(broken_frames(net.net) == 0);
}

TEST_CASE("mappings end, and a full table makes no more") {
    lan::nat_table table;
    table.max_mappings = 2;
    const auto udp = packet::ip_protocol::udp;
    REQUIRE(table.outbound(udp, ip("10.0.0.1"), 5000, 0s) != nullptr);
    CHECK(table.outbound(udp, ip("10.0.0.2"), 5000, 0s)->outside_port == 5001);
    CHECK(table.outbound(udp, ip("10.0.0.3"), 5000, 1s) == nullptr);
    CHECK(table.outbound(udp, ip("10.0.0.1"), 5000, 299s)->outside_port == 5000);
    CHECK(table.inbound(udp, 5001, 301s) == nullptr);
    CHECK(table.inbound(udp, 5000, 301s)->inside == ip("10.0.0.1"));
    CHECK(table.outbound(udp, ip("10.0.0.3"), 5000, 302s)->outside_port == 5001);
    CHECK(table.size() == 2);
}

TEST_CASE("RIP: routers in a ring learn all networks, and find the other way when a cable is cut") {
    play net{R"(
        host A 10.0.1.2/24 via 10.0.1.1
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
        ping A B
        cut R1 R3
        wait 4min
        ping A B
        show R1
        mend R1 R3
        wait 2min
        ping A B)"};
    CHECK(net.results[1].find("10.0.2.0/24         via 10.1.3.2        port 2  RIP, metric 2\n") != std::string::npos);
    CHECK(net.results[1].find("10.1.2.0/24         via ") != std::string::npos);
    CHECK(net.results[2].find("ttl=62") != std::string::npos);
    CHECK(net.results[5].find("ttl=61") != std::string::npos);
    CHECK(net.results[6].find("10.0.2.0/24         via 10.1.1.2        port 1  RIP, metric 3\n") != std::string::npos);
    CHECK(net.results[9].find("ttl=62") != std::string::npos);
    CHECK(broken_frames(net.net) == 0);
}

TEST_CASE("RIP believes neighbours only, and no impossible networks") {
    play net{"router R 10.0.1.1/24 10.0.2.1/24 rip\nhost A 10.0.1.2/24\nlink A R.0\nwait 1s"};
    const auto before = net.router("R").routes().routes().size();
    const auto say = [&](std::uint16_t port, std::uint32_t address, std::uint32_t mask, std::uint32_t metric) {
        std::vector<std::byte> message(24);
        message[0] = std::byte{2}, message[1] = std::byte{2}, message[5] = std::byte{2};
        packet::detail::store_32(message.data() + 8, address);
        packet::detail::store_32(message.data() + 12, mask);
        packet::detail::store_32(message.data() + 20, metric);
        net.net.find("A")->as_host()->send_udp(port, {ip("224.0.0.9"), 520}, message);
        net.net.run();
        return net.router("R").routes().routes().size() - before;
    };
    CHECK(say(521, 0x0a090000, 0xffff0000, 1) == 0);  // not from the port of RIP
    CHECK(say(520, 0x0a090000, 0xffff0000, 0) == 0);
    CHECK(say(520, 0x0a090000, 0xffff0000, 17) == 0);
    CHECK(say(520, 0x0a090000, 0xff00ff00, 1) == 0);   // no mask
    CHECK(say(520, 0x0a090001, 0xffff0000, 1) == 0);   // bits of a host
    CHECK(say(520, 0xe0000000, 0xff000000, 1) == 0);   // groups
    CHECK(say(520, 0xf0000000, 0xff000000, 1) == 0);   // reserved
    CHECK(say(520, 0x00010000, 0xffff0000, 1) == 0);   // in the network 0
    CHECK(say(520, 0x0a000200, 0xffffff00, 1) == 0);   // a network of the router itself
    CHECK(say(520, 0x0a090000, 0xffff0000, 15) == 0);  // too far
    CHECK(say(520, 0x0a090000, 0xffff0000, 14) == 1);
    CHECK(say(520, 0x0a090000, 0xffff0000, 16) == 0);  // taken back
}

TEST_CASE("faults in a text are named with their line") {
    CHECK(error_of("hub H\nswtich S") ==
          "line 2: expected hub, switch, host, router, link, route, arp, open, seed, ping, "
          "traceroute, udp, wait, cut, mend, flush or show, and found \"swtich\"");
    CHECK(error_of("host A") ==
          "line 1: expected an interface, for example 10.0.1.2/24, and found the end of the line");
    CHECK(error_of("host A 10.0.1.256/24").find("line 1: \"10.0.1.256/24\" is no interface address: octet 4 is 256") ==
          0);
    CHECK(error_of("hub H\nlink H X") == "line 2: no node has the name \"X\"");
    CHECK(error_of("hub H\nhub G\nlink H G 10m") ==
          "line 3: expected a time such as 10ms, a rate such as 100Mbit, mtu, loss, double, late, queue, lose, or the "
          "end "
          "of the line, and found \"10m\"");
    CHECK(error_of("hub H\nhub G\nlink H G loss 101%") ==
          "line 3: expected a share from 0% to 100%, and found \"101%\"");
    CHECK(error_of("hub H\n\n# text\nhub H") == "line 4: two nodes have the name H");
    CHECK(error_of("hub H\nping H H") == "line 2: expected a host or a router, and H is a hub");
    CHECK(error_of("host A 10.0.1.2/24\nroute A 10.0.2.0/24 via 10.9.9.9")
              .find("line 2: A has no interface in a network") == 0);
    CHECK(error_of("host A 10.0.1.2/24\nhost B 10.0.1.3/24\nlink A B\nlink A B") == "line 4: A has no free port");
    CHECK(error_of("host A 10.0.1.2/24\narp A 10.0.1.3 02:00:00").find("line 2: expected a hardware address") == 0);
    CHECK(error_of("host A 10.0.1.2/24\nlink A.1 A.0") == "line 2: A has no port 1");
    CHECK(error_of("wait 2h").find("line 1: expected a time, for example 10ms, at most an hour") == 0);
    CHECK(error_of("host A 10.0.1.2/24\nping A A count 0")
              .find("line 2: expected a number of requests from 1 to 65535") == 0);
    CHECK(error_of("host A 10.0.1.2") ==
          "line 1: expected an interface, for example 10.0.1.2/24, and found \"10.0.1.2\"");
    CHECK(error_of("host A 10.0.1.2/24 gateway 10.0.1.1") ==
          "line 1: expected via, or the end of the line, and found \"gateway\"");
    CHECK(error_of("\xef\xbb\xbfhub H\r\nhub H") ==
          "line 2: two nodes have the name H");  // as editors on Windows write
    CHECK(error_of("hub H extra") == "line 1: expected the end of the line, and found \"extra\"");
    CHECK(error_of("") == "(nothing was thrown)");
}

TEST_CASE("times, rates and shares are read exactly") {
    lan::network net;
    const lan::scenario script{
        net, "hub H\nhub G\nlink H G 1.5ms 2.5Mbit loss 0.1% double 33.3333% mtu 576 queue 7 # end\r\n"};
    const lan::cable_settings& how = net.cables()[0]->settings;
    CHECK(how.delay == 1500us);
    CHECK(how.rate == 2'500'000);
    CHECK(how.loss == 1000);
    CHECK(how.duplication == 333'333);
    CHECK(how.mtu == 576);
    CHECK(how.max_queue == 7);
}

TEST_CASE("actions happen one after the other, and tables can be shown") {
    const play net{R"(
        switch S ageing 10s
        host A 10.0.1.2/24
        host B 10.0.1.3/24
        link A S
        link B S 1ms
        ping A B
        show S
        wait 20s
        show S
        cut B S
        ping A B
        mend B S
        flush A
        ping A B)"};
    CHECK(net.results[1].find("02:00:00:02:00:00  port 0") == 0);
    CHECK(net.results[3].empty());
    CHECK(net.results[5].find("1 sent, 0 answered") != std::string::npos);
    CHECK(net.results[8].find("1 sent, 1 answered") != std::string::npos);
}

TEST_CASE("the tables of what happened") {
    lan::network net;
    lan::scenario script{net,
                         "hub H\nhost A 10.0.1.2/24\nhost B 10.0.1.3/24\nhost C 10.0.1.4/24\nlink A H\nlink B H\nlink "
                         "C H lose 2\nping A B"};
    script.perform(0);
    std::vector<std::string> lines;
    std::istringstream table{lan::witnesses(net, net.passages())};
    for (std::string line; std::getline(table, line);) lines.push_back(line);
    CHECK(lines ==
          std::vector{"A       B       C        frame"s,  //
                      "sent    for me  for me   ARP: where is 10.0.1.3? tell 10.0.1.2"s,
                      "for me  sent    -        ARP: 10.0.1.3 is at 02:00:00:03:00:00"s,
                      "sent    for me  ignored  10.0.1.2 \u2192 10.0.1.3 ICMP 98 echo request id=1 seq=1 ttl=64"s,
                      "for me  sent    ignored  10.0.1.3 \u2192 10.0.1.2 ICMP 98 echo reply id=1 seq=1 ttl=64"s});
    const std::string text = lan::hops(net.passages());
    CHECK(text.find("0.000000  A \u2192 H  ARP: where is 10.0.1.3? tell 10.0.1.2\n") == 0);
    CHECK(text.find("[lost on the way, as the script says]") != std::string::npos);
    CHECK(lan::hop_line(net.passages()[0]) == "0.000000  A \u2192 H  ARP: where is 10.0.1.3? tell 10.0.1.2");
    CHECK(lan::addresses(net.passages())
              .find("A \u2192 H  02:00:00:02:00:00 \u2192 02:00:00:03:00:00  10.0.1.2 \u2192 10.0.1.3  64   0x") !=
          std::string::npos);
    CHECK(lan::all_tables(net).find("host A\n10.0.1.0/24") == 0);
}

TEST_CASE("a hundred routers and a thousand hosts run") {
    std::string text = "switch backbone\n";
    for (unsigned i = 1; i <= 100; ++i) {
        const std::string n = std::to_string(i);
        text += "router R" + n + " 10.1." + n + ".1/24 10.0.0." + n + "/24\nswitch S" + n + "\nlink R" + n + ".0 S" +
                n + "\nlink R" + n + ".1 backbone\n";
        for (unsigned h = 1; h <= 10; ++h) {
            const std::string host = "H" + n + "-" + std::to_string(h);
            text += "host " + host + " 10.1." + n + "." + std::to_string(h + 1) + "/24 via 10.1." + n + ".1\n";
            text += "link " + host + " S" + n + "\n";
        }
        for (unsigned other = 1; other <= 100; ++other)
            if (other != i)
                text += "route R" + n + " 10.1." + std::to_string(other) + ".0/24 via 10.0.0." + std::to_string(other) +
                        "\n";
    }
    lan::network net;
    const lan::scenario script{net, text};
    std::vector<const lan::ping_session*> pings;
    for (const auto& each : net.nodes()) {
        lan::host* const host = each->as_host();
        if (host == nullptr || host->as_router() != nullptr) continue;
        const auto number = static_cast<unsigned>(pings.size());
        pings.push_back(&host->ping(net::ipv4_address{10, 1, static_cast<std::uint8_t>(number * 7 % 100 + 1),
                                                      static_cast<std::uint8_t>(number % 10 + 2)}));
    }
    CHECK(net.run());
    CHECK(std::all_of(pings.begin(), pings.end(), [](const auto* each) { return each->answered() == 1; }));
    CHECK(pings.size() == 1000);
    CHECK(broken_frames(net) == 0);
}

TEST_CASE("how long a hop takes", "[.speed]") {
    play net{chain(5, "rip") + "wait 30s\nping A B"};
    net.net.keep_passages(0);
    auto& from = *net.net.find("A")->as_host();
    const std::clock_t begin = std::clock();  // of the processor, because the machine may be busy
    from.ping(ip("10.0.2.2"), {.count = 60'000, .size = 1000, .interval = 1ms});
    net.net.run(10'000'000);
    const auto taken = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC * 1e9;
    WARN(taken / (60'000 * 12) << " ns for each frame and cable, " << from.counters().delivered << " answers");
}

TEST_CASE("maps and diagrams") {
    lan::network net;
    lan::scenario script{net,
                         "switch S\nhost A 10.0.1.2/24\nhost B 10.0.1.3/24\nlink A S\nlink S B 2ms lose 2\nping A B"};
    script.perform(0);
    CHECK(lan::map_text(net) == "S  switch\n├── A  10.0.1.2/24\n└── B  10.0.1.3/24  (2.000 ms)\n");
    const std::string diagram = lan::sequence_diagram(net, net.passages());
    CHECK(diagram.find("           S       A       B\n0.000000   |<------|       |   ARP: where is 10.0.1.3?") == 0);
    CHECK(diagram.find("|       |   x---|   ") == std::string::npos);  // the cable of B leads to S, across A's column
    CHECK(diagram.find("|       x-------|   ARP: 10.0.1.3 is at") != std::string::npos);
    const std::string picture = lan::svg(net, net.passages(), 3);
    CHECK(picture.find("<svg xmlns=\"http://www.w3.org/2000/svg\"") == 0);
    CHECK(picture.find("fill=\"red\">x</text>") != std::string::npos);
    CHECK(picture.ends_with("</svg>\n"));
}

namespace {

/// A router with NAPT, two hosts inside and a host outside, which can put frames of its own on the cable.
struct translated_home {
    play net{R"(
        switch S
        host A 10.0.1.2/24 via 10.0.1.1
        host B 10.0.1.3/24 via 10.0.1.1
        router R 10.0.1.1/24 203.0.113.1/24 nat 1
        host W 203.0.113.9/24
        link A S
        link B S
        link R.0 S
        link R.1 W
        ping A W
        ping B W)"};
    lan::host& a = *net.net.find("A")->as_host();
    lan::host& b = *net.net.find("B")->as_host();
    lan::host& w = *net.net.find("W")->as_host();
    lan::router& r = net.router("R");
    /// Lets a frame arrive at the outside port. It is no byte longer than it says.
    void put(std::vector<std::byte> bytes) { r.receive(1, lan::frame{std::move(bytes)}); }
    [[nodiscard]] packet::ethernet ethernet() const {
        return {.destination = r.hardware_address(1), .source = w.hardware_address()};
    }
};

}  // namespace

TEST_CASE("a neighbour inside reaches an open port by the outside address (hairpinning)") {
    translated_home home;
    home.r.forward_port(packet::ip_protocol::udp, 80, {ip("10.0.1.3"), 8080});
    std::vector<std::string> heard;
    home.b.on_udp(8080, [&](const lan::datagram& arrived) {
        heard.push_back("B from " + arrived.source.to_string());
        home.b.send_udp(8080, arrived.source, arrived.payload);
    });
    home.a.on_udp(4000, [&](const lan::datagram& arrived) { heard.push_back("A from " + arrived.source.to_string()); });
    home.a.send_udp(4000, {ip("203.0.113.1"), 80}, std::as_bytes(std::span{"x", 1}));
    home.net.net.run();
    CHECK(heard == std::vector{"B from 203.0.113.1:4000"s, "A from 203.0.113.1:80"s});
    // B closes its port: the error finds its way to A, and quotes what A has sent.
    home.b.on_udp(8080, {});
    std::string quoted;
    home.a.on_error([&](const lan::icmp_report& what) {
        quoted = what.quoted.source().to_string() + " " + what.quoted.destination().to_string() + ":" +
                 std::to_string(packet::detail::load_16(what.quoted.payload().data() + 2));
    });
    home.a.send_udp(4000, {ip("203.0.113.1"), 80}, std::as_bytes(std::span{"x", 1}));
    home.net.net.run();
    CHECK(quoted == "10.0.1.2 203.0.113.1:80");
    CHECK(broken_frames(home.net.net) == 0);
    // A ping of the outside address is answered by the router itself, and makes no mapping.
    const auto before = home.r.nat().size();
    const auto& ping = home.a.ping("203.0.113.1");
    home.net.net.run();
    CHECK(ping.answered() == 1);
    CHECK(home.r.nat().size() == before);
}

TEST_CASE("NAPT reads nothing beyond a short message, and believes no error with a wrong checksum") {
    translated_home home;
    for (const auto protocol : {packet::ip_protocol::icmp, packet::ip_protocol::udp, packet::ip_protocol::tcp})
        for (std::size_t size = 0; size < 8; ++size) {
            std::vector<std::byte> bytes;
            packet::write(
                bytes, home.ethernet(),
                packet::ipv4{.protocol = protocol, .source = ip("203.0.113.9"), .destination = ip("203.0.113.1")},
                std::vector<std::byte>(size));
            bytes.shrink_to_fit();
            home.put(bytes);
        }
    // An error about A's ping, as a router outside would send it.
    unsigned heard = 0;
    home.a.on_error([&](const lan::icmp_report&) { ++heard; });
    std::vector<std::byte> echo;
    packet::write(echo, packet::ipv4{.source = ip("203.0.113.1"), .destination = ip("203.0.113.9")},
                  packet::icmp{.type = packet::icmp_type::echo_request, .rest_of_header = 0x0001'0001});
    const auto error = [&](std::optional<std::uint16_t> checksum) {
        std::vector<std::byte> bytes;
        packet::write(
            bytes, home.ethernet(), packet::ipv4{.source = ip("203.0.113.7"), .destination = ip("203.0.113.1")},
            packet::icmp{.type = packet::icmp_type::destination_unreachable, .code = 1, .checksum = checksum}, echo);
        home.put(bytes);
        home.net.net.run();
    };
    error(0x1234);
    CHECK(heard == 0);
    error(std::nullopt);
    CHECK(heard == 1);
}

TEST_CASE("a cable tells what it does in the units of its reader, and may lead back to its node") {
    lan::network net;
    const lan::scenario script{net, R"(
        router R 10.0.1.1/24 10.0.2.1/24
        host A 10.0.3.1/24
        host B 10.0.3.2/24
        link R.0 R.1
        link A B 10Mbit loss 5% double 0.25% late 100%)"};
    CHECK(lan::map_text(net).find("B  10.0.3.2/24  (10 Mbit/s, loses 5 %, doubles 0.25 %, delays 100 %)") !=
          std::string::npos);
    auto& r = *net.find("R")->as_router();
    r.announce(0);
    net.cables()[0]->lose_nth(1);
    r.announce(1);
    net.run();
    const std::string text = lan::sequence_diagram(net, net.passages());
    CHECK(text.find("0.000000   o       |       |   ARP: I have 10.0.1.1\n") != std::string::npos);
    CHECK(text.find("0.000000   x       |       |   ARP: I have 10.0.2.1  [lost on the way") != std::string::npos);
    CHECK(lan::svg(net, net.passages()).find("</svg>") != std::string::npos);
}

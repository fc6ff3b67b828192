// Groups.
// SPDX-License-Identifier: MIT

#include "datagrams.hpp"

#include <algorithm>

// ---- Multicast -----------------------------------------------------------------------------------------

namespace {

/// A group, on one interface of this host, with its address there.
struct group {
    net::ip_address address, source;
    std::string interface;
    [[nodiscard]] unsigned index() const { return net::interface_index(interface); }
    [[nodiscard]] net::endpoint at(std::uint16_t port) const { return {address, port}; }
    [[nodiscard]] net::endpoint anywhere() const {
        return address.is_v4() ? net::endpoint{} : net::endpoint{net::ipv6_address::any(), 0};
    }
};

/// What it sends stays on this host: no test has any business on the network.
net::udp_socket sender_to(const group& where) {
    net::udp_socket sender{net::endpoint{where.source, 0}};
    sender.set_multicast_interface(where.index());
    sender.set_multicast_ttl(0);
    return sender;
}
bool works(const group& one) {
    std::error_code error;
    net::udp_socket sender{net::endpoint{one.source, 0}, {}, error};  // an IPv6 address may still be tentative
    if (error) return false;
    sender = sender_to(one);
    sender.join(one.address, one.index(), error);
    if (!error) sender.send_to("", one.at(9), error);
    return !error;
}
const net::ip_address group_v4{"239.255.77.1"}, group_v6{"ff12::4e65:7401"};

/// On the addresses of all interfaces that are up; "lo" comes first, and needs no route for IPv4.
std::vector<group> all_groups() {
    std::vector<group> found;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return found;
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
        if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP)) continue;
        net::socket_address address;
        const auto family = entry->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        std::memcpy(address.data(), entry->ifa_addr, size);
        address.resize(size);
        const group one{family == AF_INET ? group_v4 : group_v6, address.ip().address(), entry->ifa_name};
        if (works(one)) found.push_back(one);
    }
    ::freeifaddrs(list);
    return found;
}
/// Of each family the first.
std::vector<group> groups() {
    static const std::vector<group> usable = [] {
        std::vector<group> found;
        for (const bool v4 : {true, false}) {
            const auto all = all_groups();
            const auto one = std::find_if(all.begin(), all.end(),
                                          [&](const group& candidate) { return candidate.address.is_v4() == v4; });
            if (one == all.end()) WARN("SKIPPED: no interface for multicast over IPv" << (v4 ? 4 : 6));
            if (one != all.end()) found.push_back(*one);
        }
        return found;
    }();
    return usable;
}
/// Two sockets on one port, as two programs would have them.
std::pair<net::udp_socket, net::udp_socket> two_on_one_port(const group& where) {
    net::udp_socket first{where.anywhere(), {.reuse_address = true}};
    const auto port = first.local_endpoint().port();
    net::udp_socket second{{where.anywhere().address(), port}, {.reuse_address = true}};
    return {std::move(first), std::move(second)};
}

}  // namespace

TEST_CASE("a group's datagram reaches its members, and nobody else on that port") {
    for (const group& where : groups()) {
        INFO(where.address);
        auto [first, second] = two_on_one_port(where);
        const auto port = first.local_endpoint().port();
        net::udp_socket stranger{{where.anywhere().address(), port}, {.reuse_address = true}};
        net::udp_socket sender = sender_to(where);
        first.join(where.address, where.index());
        second.join(where.address, where.index());
        sender.send_to("to all members", where.at(port));
        char buffer[32];
        for (net::udp_socket* member : {&first, &second}) {
            const auto got = member->recv_from(buffer);
            CHECK(text(got.bytes) == "to all members");
            CHECK(got.sender == sender.local_endpoint());
        }
        CHECK(has_nothing(stranger));
        std::error_code error;
        first.join(where.address, where.index(), error);
        CHECK(error == std::errc::address_in_use);
    }
}

TEST_CASE("a socket that has left a group hears it no more, though others on this host still do") {
    for (const group& where : groups()) {
        INFO(where.address);
        auto [leaves, stays] = two_on_one_port(where);
        const net::endpoint to = where.at(leaves.local_endpoint().port());
        net::udp_socket sender = sender_to(where);
        leaves.join(where.address, where.index());
        stays.join(where.address, where.index());
        sender.send_to("1", to);
        CHECK(receive(leaves) == "1");
        CHECK(receive(stays) == "1");
        leaves.leave(where.address, where.index());
        sender.send_to("2", to);
        CHECK(receive(stays) == "2");
        CHECK(has_nothing(leaves));
        leaves.join(where.address, where.index());
        sender.send_to("3", to);
        CHECK(receive(leaves) == "3");
        leaves.leave(where.address, where.index());
        std::error_code error;
        leaves.leave(where.address, where.index(), error);
        CHECK(error == std::errc::address_not_available);
        CHECK_THAT(failure_of([&, &gone = leaves] { gone.leave(where.address, where.index()); }).what,
                   StartsWith("leave " + where.address.to_string() + " on "));
    }
}

TEST_CASE("without loop this host's members hear nothing") {
    bool tested = false;
    for (const group& where : all_groups()) {
        if (where.interface == "lo") continue;  // there everything comes back
        INFO(where.address << " on " << where.interface);
        tested = true;
        net::udp_socket member{where.anywhere()};
        member.join(where.address, where.index());
        const net::endpoint to = where.at(member.local_endpoint().port());
        net::udp_socket sender = sender_to(where);
        CHECK(sender.multicast_loop());
        sender.set_multicast_loop(false);
        CHECK_FALSE(sender.multicast_loop());
        sender.send_to("unheard", to);
        CHECK(has_nothing(member));
        sender.set_multicast_loop(true);
        sender.send_to("heard", to);
        CHECK(receive(member) == "heard");
    }
    if (!tested) NETNOTES_SKIP("no interface but lo");
}

TEST_CASE("a source-specific member hears that source only") {
    for (const group& general : groups()) {
        group where = general;
        where.address = net::ip_address{general.address.is_v4() ? "232.255.77.1" : "ff32::4e65:7401"};
        INFO(where.address << " on " << where.interface);
        auto [wants, wants_other] = two_on_one_port(where);
        const net::endpoint to = where.at(wants.local_endpoint().port());
        const net::ip_address other{general.address.is_v4() ? "127.0.0.2" : "2001:db8::2"};
        wants.join(where.address, where.source, where.index());
        wants_other.join(where.address, other, where.index());
        net::udp_socket sender = sender_to(where);
        sender.send_to("from the source", to);
        CHECK(receive(wants) == "from the source");
        CHECK(has_nothing(wants_other));
        if (general.address.is_v4()) {  // all of 127.0.0.0/8 is this host's
            group there = where;
            there.source = other;
            net::udp_socket from_other = sender_to(there);
            from_other.send_to("from the other", to);
            CHECK(receive(wants_other) == "from the other");
            CHECK(has_nothing(wants));
        }
        wants_other.join(where.address, where.source, where.index());  // several sources
        sender.send_to("to both", to);
        CHECK(receive(wants) == "to both");
        CHECK(receive(wants_other) == "to both");
        wants.leave(where.address, where.source, where.index());
        sender.send_to("to one", to);
        CHECK(receive(wants_other) == "to one");
        CHECK(has_nothing(wants));
        std::error_code error;
        wants.leave(where.address, where.source, where.index(), error);
        CHECK(error);
        wants_other.join(where.address, where.index(), error);
        CHECK(error);  // one kind of membership or the other
    }
}

TEST_CASE("the options of multicast are read back, in the family of the socket") {
    std::vector<net::address_family> families{net::address_family::inet};
    if (support::has_ipv6()) families.push_back(net::address_family::inet6);
    for (const net::address_family family : families) {
        net::udp_socket socket{family};
        CHECK(socket.multicast_ttl() == 1);
        for (const int ttl : {0, 1, 32, 255}) {
            socket.set_multicast_ttl(ttl);
            CHECK(socket.multicast_ttl() == ttl);
        }
        std::error_code error;
        for (const int wrong : {-1, 256, 100'000}) {
            socket.set_multicast_ttl(wrong, error);
            CHECK(error == std::errc::invalid_argument);
        }
        CHECK(failure_of([&] { socket.set_multicast_ttl(256); }).code == std::errc::invalid_argument);
        CHECK(socket.multicast_ttl() == 255);
        const unsigned lo = net::interface_index("lo");
        socket.set_multicast_interface(lo);
        socket.set_multicast_interface(0);
        socket.set_multicast_interface(999'999, error);
        CHECK(error);
        socket.join(loopback, lo, error);
        CHECK(error == std::errc::invalid_argument);  // not a group
    }
}

TEST_CASE("an IPv6 socket joins IPv4 groups and sends to them") {
    if (!support::has_ipv6()) NETNOTES_SKIP("no IPv6 here");
    const group where{group_v4, loopback, "lo"};
    net::udp_socket member{net::endpoint{net::ipv6_address::any(), 0}};
    const net::endpoint to = where.at(member.local_endpoint().port());
    member.join(where.address, where.index());
    sender_to(where).send_to("IPv4", to);
    char buffer[32];
    const auto got = member.recv_from(buffer);
    CHECK(text(got.bytes) == "IPv4");
    CHECK(got.sender.address().unmapped() == where.source);
    net::udp_socket dual{net::address_family::inet6};
    dual.set_multicast_interface(where.index());
    dual.set_multicast_ttl(0);
    dual.send_to("dual", to);
    CHECK(receive(member) == "dual");
    dual.set_multicast_loop(false);
    dual.set_multicast_ttl(7);
    for (const auto& [name, value] : {std::pair{IP_MULTICAST_LOOP, 0}, {IP_MULTICAST_TTL, 7}}) {  // of its IPv4 side
        int set = -1;
        dual.get_option(IPPROTO_IP, name, std::as_writable_bytes(std::span{&set, 1}));
        CHECK(set == value);
    }
    member.leave(where.address, where.index());
    sender_to(where).send_to("left", to);
    CHECK(has_nothing(member));
}

TEST_CASE("an IPv6 group's zone names its interface") {
    const auto all = groups();
    const auto where = std::find_if(all.begin(), all.end(), [](const group& one) { return one.address.is_v6(); });
    if (where == all.end()) NETNOTES_SKIP("no multicast over IPv6 here");
    const net::ip_address zoned{where->address.to_string() + "%" + where->interface};
    net::udp_socket member{where->anywhere()};
    member.join(zoned);
    net::udp_socket sender{net::address_family::inet6};
    sender.set_multicast_ttl(0);
    sender.send_to("by the zone", {zoned, member.local_endpoint().port()});
    CHECK(receive(member) == "by the zone");
    member.leave(zoned);
    sender.send_to("left", {zoned, member.local_endpoint().port()});
    CHECK(has_nothing(member));
}

TEST_CASE("segments and batches go to groups and come from them") {
    for (const group& where : groups()) {
        INFO(where.address);
        net::udp_socket member{where.anywhere()};
        member.join(where.address, where.index());
        const net::endpoint to = where.at(member.local_endpoint().port());
        net::udp_socket sender = sender_to(where);
        sender.send_segments("abc", 1, to);
        net::datagram_batch batch;
        texts received;
        while (received.size() < 3)
            for (const std::string& one : texts_of(member.recv_batch(batch))) received.push_back(one);
        CHECK(received == texts{"a", "b", "c"});
    }
}

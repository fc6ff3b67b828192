// The special-purpose ranges of the registries.
// SPDX-License-Identifier: MIT

#include "ip.hpp"

// ---- Special-purpose ranges --------------------------------------------------------------------------------

template <class Check>
void for_each_special_range(Check check) {
    for (const net::special_range& range : net::ipv4_special_ranges) check(range);
    for (const net::special_range& range : net::ipv6_special_ranges) check(range);
}

TEST_CASE("both ends of every special range are found in it and their neighbours outside are not") {
    for_each_special_range([](const net::special_range& range) {
        CAPTURE(range.block, range.name);
        const auto found_inside = [&](const std::optional<net::ip_address>& address) {
            const net::special_range* const found = address ? net::find_special_range(*address) : nullptr;
            // This row, or one with a longer prefix within it.
            return found != nullptr && range.block.contains(found->block);
        };
        CHECK(found_inside(range.block.first()));
        CHECK(found_inside(range.block.last()));
        CHECK(!found_inside(range.block.first().previous()));
        CHECK(!found_inside(range.block.last().next()));
    });
}

TEST_CASE("every special range is found by at least one address of its own") {
    std::set<const net::special_range*> found;
    for_each_special_range([&](const net::special_range& range) {
        found.insert(net::find_special_range(range.block.first()));
        found.insert(net::find_special_range(range.block.last()));
    });
    CHECK(found.size() == net::ipv4_special_ranges.size() + net::ipv6_special_ranges.size());
}

TEST_CASE("the tables of special ranges are in order and keep the rules of the registry") {
    for_each_special_range([](const net::special_range& range) {
        CAPTURE(range.block);
        CHECK(!range.name.empty());
        CHECK(range.reference.starts_with("RFC "));
        // RFC 6890 §2.2.1: what is no destination is neither forwarded nor global. Global without forwarding would
        // make no sense either.
        if (!range.destination) CHECK((!range.forwardable && !range.globally_reachable));
        if (range.globally_reachable) CHECK(range.forwardable);
    });
    // IANA lists the larger block before the smaller one at the same address, with two exceptions at ::.
    const auto by_block = [](const net::special_range& a, const net::special_range& b) { return a.block < b.block; };
    CHECK(std::ranges::is_sorted(net::ipv4_special_ranges, by_block));
    CHECK(std::is_sorted(net::ipv6_special_ranges.begin() + 2, net::ipv6_special_ranges.end(), by_block));
}

TEST_CASE("a special range is found and answers as the registry does") {
    struct row {
        std::string_view address, name, flags;
    };
    // Flags as in the registry's columns: Source, Destination, Forwardable, Globally reachable, Reserved by protocol.
    static constexpr row table[]{
        {"0.0.0.0", "This host on this network", "S---R"},
        {"0.0.0.1", "This network", "S---R"},
        {"1.0.0.0", "", ""},
        {"10.1.2.3", "Private-Use", "SDF--"},
        {"100.100.0.0", "Shared Address Space", "SDF--"},
        {"127.0.0.1", "Loopback", "----R"},
        {"169.254.169.254", "Link Local", "SD--R"},
        {"172.31.0.1", "Private-Use", "SDF--"},
        {"192.0.0.1", "IPv4 Service Continuity Prefix", "SDF--"},
        {"192.0.0.8", "IPv4 dummy address", "S----"},
        {"192.0.0.9", "Port Control Protocol Anycast", "SDFG-"},
        {"192.0.0.10", "Traversal Using Relays around NAT Anycast", "SDFG-"},
        {"192.0.0.11", "IETF Protocol Assignments", "-----"},
        {"192.0.0.170", "NAT64/DNS64 Discovery", "----R"},
        {"192.0.0.171", "NAT64/DNS64 Discovery", "----R"},
        {"192.0.1.0", "", ""},
        {"192.0.2.1", "Documentation (TEST-NET-1)", "-----"},
        {"192.31.196.1", "AS112-v4", "SDFG-"},
        {"192.52.193.1", "AMT", "SDFG-"},
        {"192.88.99.1", "Deprecated (6to4 Relay Anycast)", "-----"},
        {"192.88.99.2", "6a44-relay anycast address", "SDF--"},
        {"192.168.1.77", "Private-Use", "SDF--"},
        {"192.175.48.1", "Direct Delegation AS112 Service", "SDFG-"},
        {"198.19.0.1", "Benchmarking", "SDF--"},
        {"198.51.100.1", "Documentation (TEST-NET-2)", "-----"},
        {"203.0.113.1", "Documentation (TEST-NET-3)", "-----"},
        {"224.0.0.1", "", ""},  // multicast has a registry of its own
        {"240.0.0.1", "Reserved", "----R"},
        {"255.255.255.255", "Limited Broadcast", "-D--R"},
        {"::", "Unspecified Address", "S---R"},
        {"::1", "Loopback Address", "----R"},
        {"::2", "", ""},
        {"::ffff:8.8.8.8", "IPv4-mapped Address", "----R"},
        {"64:ff9b::1", "IPv4-IPv6 Translation", "SDFG-"},
        {"64:ff9b:1::1", "IPv4-IPv6 Translation", "SDF--"},
        {"100::1", "Discard-Only Address Block", "SDF--"},
        {"100:0:0:1::1", "Dummy IPv6 Prefix", "S----"},
        {"2001::1", "TEREDO", "SDF--"},
        {"2001:1::1", "Port Control Protocol Anycast", "SDFG-"},
        {"2001:1::2", "Traversal Using Relays around NAT Anycast", "SDFG-"},
        {"2001:1::3", "DNS-SD Service Registration Protocol Anycast", "SDFG-"},
        {"2001:1::4", "IETF Protocol Assignments", "-----"},
        {"2001:2::1", "Benchmarking", "SDF--"},
        {"2001:3::1", "AMT", "SDFG-"},
        {"2001:4:112::1", "AS112-v6", "SDFG-"},
        {"2001:1f::1", "Deprecated (previously ORCHID)", "-----"},
        {"2001:2f::1", "ORCHIDv2", "SDFG-"},
        {"2001:3f::1", "Drone Remote ID Protocol Entity Tags", "SDFG-"},
        {"2001:200::1", "", ""},
        {"2001:db8::1", "Documentation", "-----"},
        {"2002::1", "6to4", "SDF--"},
        {"2620:4f:8000::1", "Direct Delegation AS112 Service", "SDFG-"},
        {"3fff::1", "Documentation", "-----"},
        {"5f00::1", "Segment Routing (SRv6) SIDs", "SDF--"},
        {"fd00::1", "Unique-Local", "SDF--"},
        {"fe80::1", "Link-Local Unicast", "SD--R"},
        {"fec0::1", "", ""},  // given up, and now as global as any other (RFC 4291 §2.5.7)
        {"ff02::1", "", ""},
    };
    for (const auto& [text, name, flags] : table) {
        CAPTURE(text);
        const net::special_range* const found = net::find_special_range(net::ip_address{text});
        REQUIRE((found != nullptr) == !name.empty());
        if (!found) continue;
        CHECK(found->name == name);
        std::string shown = "-----";
        if (found->source) shown[0] = 'S';
        if (found->destination) shown[1] = 'D';
        if (found->forwardable) shown[2] = 'F';
        if (found->globally_reachable) shown[3] = 'G';
        if (found->reserved) shown[4] = 'R';
        CHECK(shown == flags);
        // Whether a mapped or translated address is global depends on the address inside, and not on the row alone.
        if (!net::ip_address{text}.embedded_ipv4())
            CHECK(net::ip_address{text}.is_global() == found->globally_reachable);
    }
}

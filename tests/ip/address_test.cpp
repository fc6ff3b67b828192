// Addresses as values, and the questions that they answer.
// SPDX-License-Identifier: MIT

#include "ip.hpp"

// ---- Values ------------------------------------------------------------------------------------------------

// Copied by memcpy, compared by ==, sorted by <: what one expects of a number.
template <class... Values>
constexpr bool are_values = ((std::regular<Values> && std::totally_ordered<Values> &&
                              std::is_trivially_copyable_v<Values>)&&...);
static_assert(are_values<net::ipv4_address, net::ipv6_address, net::ip_address, net::network, net::endpoint>);

TEST_CASE("an address made by default is the unspecified one") {
    CHECK(net::ipv4_address{} == "0.0.0.0"_ip);
    CHECK(net::ipv4_address::any() == net::ipv4_address{});
    CHECK(net::ipv6_address{} == "::"_ip);
    CHECK(net::ipv6_address::any() == net::ipv6_address{});
    CHECK(net::ip_address{} == "0.0.0.0"_ip);
    CHECK(net::network{} == "0.0.0.0/0"_net);
    CHECK(net::endpoint{} == "0.0.0.0:0"_endpoint);
}

TEST_CASE("an IPv4 address is the same from a number from octets and from text") {
    const net::ipv4_address address{"192.0.2.33"};
    CHECK(address == net::ipv4_address{0xc0000221});
    CHECK(address == net::ipv4_address{192, 0, 2, 33});
    CHECK(address == net::ipv4_address{std::array<std::uint8_t, 4>{192, 0, 2, 33}});
    CHECK(address.to_uint() == 0xc0000221);
    CHECK(address.to_octets() == std::array<std::uint8_t, 4>{192, 0, 2, 33});
    CHECK(net::ipv4_address::loopback() == "127.0.0.1"_ip);
    CHECK(net::ipv4_address::broadcast() == "255.255.255.255"_ip);
}

TEST_CASE("an IPv6 address is the same from octets and from text") {
    const std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    CHECK(net::ipv6_address{octets} == net::ipv6_address{"2001:db8:102:304:506:708:90a:b0c"});
    CHECK(net::ipv6_address{octets}.to_octets() == octets);
    CHECK(net::ipv6_address::loopback() == "::1"_ip);
    CHECK(net::ipv6_address{net::ipv4_address{192, 0, 2, 33}} == "::ffff:192.0.2.33"_ip);
}

TEST_CASE("an address of either family says which and refuses to be the other") {
    const net::ip_address four = "192.0.2.1"_ip, six = "2001:db8::1"_ip;
    CHECK((four.is_v4() && !four.is_v6() && four.width() == 32));
    CHECK((six.is_v6() && !six.is_v4() && six.width() == 128));
    CHECK(four.v4() == net::ipv4_address{"192.0.2.1"});
    CHECK(six.v6() == net::ipv6_address{"2001:db8::1"});
    CHECK_THROWS_WITH(four.v6(), "v6() of an IPv4 address");
    CHECK_THROWS_WITH(six.v4(), "v4() of an IPv6 address");
    CHECK_THROWS_AS(six.v4(), std::logic_error);
    const auto bits = [](auto address) { return address.width; };
    CHECK((four.visit(bits) == 32 && six.visit(bits) == 128));
}

TEST_CASE("IPv4 sorts before IPv6 and addresses sort as numbers and then by zone") {
    const std::vector<net::ip_address> sorted{
        "0.0.0.0"_ip,      "9.255.255.255"_ip,  "10.0.0.0"_ip,
        "192.0.2.2"_ip,    "192.0.2.10"_ip,     "255.255.255.255"_ip,
        "::"_ip,           "::ffff:9.0.0.0"_ip, "::1:0:0:0:0"_ip,
        "fe80::1"_ip,      "fe80::1%eth0"_ip,   "fe80::1%eth00"_ip,
        "fe80::1%eth1"_ip, "fe80::2"_ip,        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"_ip};
    CHECK(std::ranges::is_sorted(sorted));
    CHECK(std::ranges::adjacent_find(sorted) == sorted.end());
}

TEST_CASE("a zone takes part in comparison and can be changed and removed") {
    const net::ipv6_address plain{"fe80::1"}, zoned{"fe80::1%eth0"};
    CHECK(plain != zoned);
    CHECK(plain.zone().empty());
    CHECK(zoned.zone() == "eth0");
    CHECK(plain.with_zone("eth0") == zoned);
    CHECK(zoned.with_zone("2").to_string() == "fe80::1%2");
    CHECK(zoned.with_zone("") == plain);
    CHECK(plain.with_zone("123456789abcdef").zone() == "123456789abcdef");
    CHECK(zoned.with_zone_number(2).to_string() == "fe80::1%2");
    CHECK(plain.with_zone_number(4'294'967'295).to_string() == "fe80::1%4294967295");
    CHECK(zoned.with_zone_number(0) == plain);
    CHECK(net::ipv6_address{"::ffff:1.2.3.4"}.with_zone_number(2).zone().empty());
}

TEST_CASE("a zone that could not be read back is refused") {
    const net::ipv6_address address{"fe80::1"};
    CHECK_THROWS_WITH(address.with_zone("0123456789abcdef"),
                      R"("0123456789abcdef" is no zone: a zone of more than 15 characters, at character 0)");
    CHECK_THROWS_WITH(address.with_zone("a%b"), R"("a%b" is no zone: unexpected character '%', at character 1)");
    CHECK_THROWS_WITH(net::ipv6_address{"::ffff:192.0.2.1"}.with_zone("eth0"),
                      R"("eth0" is no zone: an IPv4-mapped address has no zone, at character 0)");
    CHECK(net::ipv6_address{"::ffff:192.0.2.1"}.with_zone("") == "::ffff:192.0.2.1"_ip);
}

TEST_CASE("an address has neighbours except at the two ends of its family") {
    const auto check_neighbours = [](const net::ip_address& lower, const net::ip_address& upper) {
        CAPTURE(lower, upper);
        CHECK(lower.next() == upper);
        CHECK(upper.previous() == lower);
    };
    check_neighbours("0.0.0.0"_ip, "0.0.0.1"_ip);
    check_neighbours("9.255.255.255"_ip, "10.0.0.0"_ip);
    check_neighbours("255.255.255.254"_ip, "255.255.255.255"_ip);
    check_neighbours("::"_ip, "::1"_ip);
    check_neighbours("::ffff:ffff:ffff:ffff"_ip, "0:0:0:1::"_ip);
    check_neighbours("::ffff:255.255.255.255"_ip, "::1:0:0:0"_ip);
    check_neighbours("fe80::1%eth0"_ip, "fe80::2%eth0"_ip);
    CHECK(!"0.0.0.0"_ip.previous());
    CHECK(!"255.255.255.255"_ip.next());
    CHECK(!"::"_ip.previous());
    CHECK(!"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"_ip.next());
}

TEST_CASE("unmapped gives the IPv4 address inside a mapped one and leaves every other alone") {
    CHECK("::ffff:192.0.2.1"_ip != "192.0.2.1"_ip);
    CHECK("::ffff:192.0.2.1"_ip.unmapped() == "192.0.2.1"_ip);
    for (const net::ip_address& address : {"192.0.2.1"_ip, "::192.0.2.1"_ip, "::fffe:192.0.2.1"_ip,
                                           "::1:ffff:c000:201"_ip, "1::ffff:c000:201"_ip, "fe80::1%eth0"_ip})
        CHECK(address.unmapped() == address);
}

TEST_CASE("the IPv4 addresses inside 6to4 and Teredo addresses are found") {
    CHECK(net::ipv6_address{"2002:c000:204::1"}.six_to_four() == net::ipv4_address{"192.0.2.4"});
    CHECK(!net::ipv6_address{"2003:c000:204::1"}.six_to_four());
    CHECK(!net::ipv6_address{"2001:ffff::"}.six_to_four());
    const auto parts = net::ipv6_address{"2001:0:4136:e378:8000:63bf:3fff:fdd2"}.teredo();
    REQUIRE(parts);
    CHECK(parts->server == net::ipv4_address{"65.54.227.120"});
    CHECK(parts->client == net::ipv4_address{"192.0.2.45"});
    CHECK(!net::ipv6_address{"2001:1::"}.teredo());
    CHECK(!net::ipv6_address{"2000:ffff::"}.teredo());
}

TEST_CASE("reverse pointers and exploded forms follow the RFCs") {
    // RFC 1035 §3.5 and RFC 3596 §2.5
    CHECK("10.2.0.52"_ip.reverse_pointer() == "52.0.2.10.in-addr.arpa");
    CHECK("4321:0:1:2:3:4:567:89ab"_ip.reverse_pointer() ==
          "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa");
    CHECK(net::ipv6_address{"2001:db8::1"}.exploded() == "2001:0db8:0000:0000:0000:0000:0000:0001");
    CHECK(net::ipv6_address{"fe80::a%eth0"}.exploded() == "fe80:0000:0000:0000:0000:0000:0000:000a%eth0");
}

template <class Value>
void check_set(std::initializer_list<std::string_view> texts) {
    std::unordered_set<Value> values;
    for (const std::string_view text : texts) {
        CAPTURE(text);
        CHECK(values.emplace(text).second);
        CHECK(!values.emplace(text).second);
    }
    CHECK(values.size() == texts.size());
}

TEST_CASE("every value can be a key of an unordered container") {
    check_set<net::ipv4_address>({"0.0.0.0", "192.0.2.1", "192.0.2.2"});
    check_set<net::ipv6_address>({"::", "fe80::1", "fe80::1%eth0", "fe80::1%eth1"});
    check_set<net::ip_address>({"127.0.0.1", "::7f00:1", "::ffff:127.0.0.1", "::"});
    check_set<net::network>({"0.0.0.0/0", "0.0.0.0/1", "::/0", "::/1"});
    check_set<net::endpoint>({"192.0.2.1:80", "192.0.2.1:81", "192.0.2.2:80", "[2001:db8::1]:80"});
}

TEST_CASE("neighbouring addresses differ in the low bits of their hashes") {
    // A table of 2^16 buckets is indexed by 16 bits of the hash. Of 65,536 balls thrown at as many buckets, 1 - 1/e
    // of these are hit: 41,427. A hash that only copied the octets of a /8 walked by its second one would hit 256.
    for (const unsigned step : {1u, 1u << 8, 1u << 16}) {
        CAPTURE(step);
        std::bitset<65536> four, six;
        for (unsigned i = 0; i < 65536; ++i) {
            const net::ipv4_address address{0x0a000000 + i * step};
            four.set(net::ip_address{address}.hash() & 0xffff);
            six.set(net::ipv6_address{address}.hash() & 0xffff);
        }
        CHECK(four.count() > 40'000);
        CHECK(six.count() > 40'000);
    }
}

// ---- Properties of addresses -------------------------------------------------------------------------------

// Both ends have the property, and their neighbours outside have not.
struct property_range {
    bool (*holds)(const net::ip_address&);
    std::string_view first, last;
};

TEST_CASE("a property holds from the first address of its range to the last and not beyond") {
    const auto unspecified = [](const net::ip_address& a) { return a.is_unspecified(); };
    const auto loopback = [](const net::ip_address& a) { return a.is_loopback(); };
    const auto private_use = [](const net::ip_address& a) { return a.is_private(); };
    const auto link_local = [](const net::ip_address& a) { return a.is_link_local(); };
    const auto multicast = [](const net::ip_address& a) { return a.is_multicast(); };
    const auto reserved = [](const net::ip_address& a) { return a.is_reserved(); };
    const auto documentation = [](const net::ip_address& a) { return a.is_documentation(); };
    const auto benchmarking = [](const net::ip_address& a) { return a.is_benchmarking(); };
    const auto shared = [](const net::ip_address& a) { return a.v4().is_shared(); };
    const auto broadcast = [](const net::ip_address& a) { return a.v4().is_broadcast(); };
    const auto site_local = [](const net::ip_address& a) { return a.v6().is_site_local(); };
    const property_range table[]{
        {unspecified, "0.0.0.0", "0.0.0.0"},
        {private_use, "10.0.0.0", "10.255.255.255"},
        {shared, "100.64.0.0", "100.127.255.255"},
        {loopback, "127.0.0.0", "127.255.255.255"},
        {link_local, "169.254.0.0", "169.254.255.255"},
        {private_use, "172.16.0.0", "172.31.255.255"},
        {documentation, "192.0.2.0", "192.0.2.255"},
        {private_use, "192.168.0.0", "192.168.255.255"},
        {benchmarking, "198.18.0.0", "198.19.255.255"},
        {documentation, "198.51.100.0", "198.51.100.255"},
        {documentation, "203.0.113.0", "203.0.113.255"},
        {multicast, "224.0.0.0", "239.255.255.255"},
        {reserved, "240.0.0.0", "255.255.255.255"},
        {broadcast, "255.255.255.255", "255.255.255.255"},
        {unspecified, "::", "::"},
        {loopback, "::1", "::1"},
        {reserved, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {benchmarking, "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"},
        {documentation, "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
        {documentation, "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {reserved, "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {private_use, "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {reserved, "fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {link_local, "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {site_local, "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {multicast, "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (const auto& [holds, first_text, last_text] : table) {
        CAPTURE(first_text, last_text);
        const net::ip_address first{first_text}, last{last_text};
        CHECK(holds(first));
        CHECK(holds(last));
        if (const auto below = first.previous()) CHECK(!holds(*below));
        if (const auto above = last.next()) CHECK(!holds(*above));
    }
}

TEST_CASE("a zone does not change what an address is") {
    CHECK("::%lo"_ip.is_unspecified());
    CHECK("::1%lo"_ip.is_loopback());
    CHECK("fe80::1%eth0"_ip.is_link_local());
    CHECK("ff02::1%eth0"_ip.is_multicast());
    CHECK(!"fe80::1%eth0"_ip.is_global());
}

// A filter that asks is_loopback() of what the socket reports must not be fooled by ::ffff:127.0.0.1.
TEST_CASE("every question about an IPv4-mapped address is answered for the IPv4 address inside") {
    const auto answers = [](const net::ip_address& a) {
        return std::vector<bool>{a.is_unspecified(), a.is_loopback(),      a.is_private(),
                                 a.is_link_local(),  a.is_multicast(),     a.is_reserved(),
                                 a.is_global(),      a.is_documentation(), a.is_benchmarking()};
    };
    const auto check = [&](net::ipv4_address inside) {
        CAPTURE(inside);
        CHECK(answers(net::ipv6_address{inside}) == answers(inside));
    };
    for (const net::special_range& range : net::ipv4_special_ranges) {
        check(range.block.first().v4());
        check(range.block.last().v4());
    }
    std::mt19937 random{24790};
    for (int i = 0; i < 1000; ++i) check(net::ipv4_address{static_cast<std::uint32_t>(random())});
    static_assert("::ffff:127.0.0.1"_ip.is_loopback() && "::ffff:10.0.0.1"_ip.is_private() &&
                  "::ffff:0.0.0.0"_ip.is_unspecified());
    static_assert("::ffff:8.8.8.8"_ip.is_global() && !"::ffff:8.8.8.8"_ip.is_reserved());
    static_assert(!"::127.0.0.1"_ip.is_loopback());  // no coat: an ordinary IPv6 address of a block given up
}

TEST_CASE("the IPv4 address inside an address of every known form is found") {
    const struct {
        net::ip_address outer;
        std::optional<net::ipv4_address> inner;
    } table[]{
        {"::ffff:127.0.0.1"_ip, net::ipv4_address{"127.0.0.1"}},
        {"::127.0.0.1"_ip, net::ipv4_address{"127.0.0.1"}},
        {"::2"_ip, net::ipv4_address{"0.0.0.2"}},
        {"::"_ip, std::nullopt},
        {"::1"_ip, std::nullopt},
        {"::1:127.0.0.1"_ip, std::nullopt},
        {"::ffff:0:127.0.0.1"_ip, net::ipv4_address{"127.0.0.1"}},
        {"::fffe:0:127.0.0.1"_ip, std::nullopt},
        {"::1:ffff:0:127.0.0.1"_ip, std::nullopt},
        {"64:ff9b::10.0.0.1"_ip, net::ipv4_address{"10.0.0.1"}},
        {"64:ff9b::1:10.0.0.1"_ip, std::nullopt},
        {"64:ff9b:0:0:1::"_ip, std::nullopt},
        {"64:ff9b:0:1::10.0.0.1"_ip, std::nullopt},
        {"64:ff9b:1::10.0.0.1"_ip, net::ipv4_address{"10.0.0.1"}},
        {"64:ff9b:1:ffff:ffff:ffff:169.254.169.254"_ip, net::ipv4_address{"169.254.169.254"}},
        {"64:ff9b:2::10.0.0.1"_ip, std::nullopt},
        {"2002:c0a8:101::1"_ip, net::ipv4_address{"192.168.1.1"}},
        {"2003:c0a8:101::1"_ip, std::nullopt},
        {"2001:0:4136:e378:8000:63bf:3fff:fdd2"_ip, net::ipv4_address{"192.0.2.45"}},  // RFC 4380's own kind
        {"2001:1:4136:e378:8000:63bf:3fff:fdd2"_ip, std::nullopt},
        {"2a00::5efe:127.0.0.1"_ip, net::ipv4_address{"127.0.0.1"}},
        {"2a00::200:5efe:8.8.8.8"_ip, net::ipv4_address{"8.8.8.8"}},
        {"fe80::5efe:10.1.2.3"_ip, net::ipv4_address{"10.1.2.3"}},
        {"2a00::100:5efe:127.0.0.1"_ip, net::ipv4_address{"127.0.0.1"}},
        {"2a00::400:5efe:127.0.0.1"_ip, std::nullopt},
        {"2a00::5eff:127.0.0.1"_ip, std::nullopt},
        {"ff02::5efe:127.0.0.1"_ip, std::nullopt},
        {"2a00::1"_ip, std::nullopt},
        {"127.0.0.1"_ip, std::nullopt},
    };
    for (const auto& [outer, inner] : table) {
        CAPTURE(outer);
        CHECK((outer.embedded_ipv4() == inner));
    }
    static_assert("64:ff9b::8.8.8.8"_ip.embedded_ipv4() == net::ipv4_address{8, 8, 8, 8});
}

TEST_CASE("an address is global only if the IPv4 address inside it is") {
    const char* const forms[]{"::ffff:%s",     "::%s",          "::ffff:0:%s",      "64:ff9b::%s",
                              "64:ff9b:1::%s", "2a00::5efe:%s", "2a00::200:5efe:%s"};
    const char* const hidden[]{"127.0.0.1",   "10.0.0.1",      "172.31.0.1",  "192.168.0.1",     "169.254.169.254",
                               "100.64.0.1",  "0.0.0.5",       "192.0.2.1",   "198.18.0.1",      "240.0.0.1",
                               "192.0.0.170", "203.0.113.255", "192.88.99.1", "255.255.255.255", "127.255.255.255"};
    for (const char* const form : forms)
        for (const char* const inner : hidden) {
            char text[64];
            std::snprintf(text, sizeof text, form, inner);
            CAPTURE(text);
            CHECK_FALSE(net::ip_address{text}.is_global());
            CHECK_FALSE(net::ip_address{text}.is_global_unicast());
        }
    for (const char* const text : {"2002:7f00:1::1", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"}) {
        CAPTURE(text);
        CHECK_FALSE(net::ip_address{text}.is_global());  // tunnels: the registry does not say yes of any
        CHECK_FALSE(net::ip_address{text}.is_global_unicast());
    }
    for (const char* const text : {"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2a00::5efe:8.8.8.8", "2a00::1", "8.8.8.8"}) {
        CAPTURE(text);
        CHECK(net::ip_address{text}.is_global());
        CHECK(net::ip_address{text}.is_global_unicast());
    }
}

TEST_CASE("a filter of what strangers name refuses groups and all that IANA has not given out") {
    for (const char* const text :
         {"::8.8.8.8", "fec0::1", "4000::1", "ff0e::1", "224.1.1.1", "::ffff:224.1.1.1", "64:ff9b::224.1.1.1", "::1",
          "::", "0.0.0.0", "fc00::1", "fe80::1", "100::1", "2001:db8::1", "1fff::1", "e000::1"}) {
        CAPTURE(text);
        CHECK_FALSE(net::ip_address{text}.is_global_unicast());
    }
    CHECK("2000::"_ip.is_global_unicast());
    CHECK("3ffe:ffff::1"_ip.is_global_unicast());
    static_assert(!"fec0::1"_ip.is_global_unicast() && "223.255.255.255"_ip.is_global_unicast());
}

TEST_CASE("a multicast group is global by its scope") {
    for (const auto& group : {"224.0.1.0"_ip, "224.1.1.1"_ip, "238.255.255.255"_ip, "ff0e::1"_ip, "ff1e::1"_ip,
                              "ff3e::1"_ip, "::ffff:224.0.1.0"_ip})
        CHECK(group.is_global());
    for (const auto& group :
         {"224.0.0.0"_ip, "224.0.0.255"_ip, "239.0.0.0"_ip, "239.255.255.255"_ip, "ff00::1"_ip, "ff01::1"_ip,
          "ff02::1"_ip, "ff05::1"_ip, "ff08::1"_ip, "ff0f::1"_ip, "ff1d::1"_ip, "::ffff:239.1.1.1"_ip})
        CHECK(!group.is_global());
}

TEST_CASE("the class of an address is told by its first octet") {
    for (unsigned octet = 0; octet < 256; ++octet) {
        CAPTURE(octet);
        const auto expected = octet < 128   ? net::ipv4_class::a
                              : octet < 192 ? net::ipv4_class::b
                              : octet < 224 ? net::ipv4_class::c
                              : octet < 240 ? net::ipv4_class::d
                                            : net::ipv4_class::e;
        for (const std::uint32_t rest : {0u, 1u, 0x00abcdefu, 0x00fffffeu, 0x00ffffffu}) {
            const net::ipv4_address address{octet << 24 | rest};
            CHECK(address.address_class() == expected);
            // The table of classes says the same: of its five blocks exactly one, of that letter, holds the address.
            for (const net::ipv4_class_range& range : net::ipv4_class_ranges)
                CHECK(range.block.contains(address) == (range.letter == expected));
        }
    }
}

TEST_CASE("the table of classes follows from the leading bits") {
    for (const net::ipv4_class_range& range : net::ipv4_class_ranges) {
        CAPTURE(static_cast<char>(range.letter));
        const std::string octet = std::bitset<8>{range.block.first().v4().to_octets()[0]}.to_string();
        CHECK(range.leading_bits == octet.substr(0, range.block.prefix_length()));
        if (range.network_octets == 0) continue;
        // What the leading bits leave of the network's octets numbers the networks; the other octets, the hosts.
        CHECK(range.networks == 1u << (8 * range.network_octets - range.block.prefix_length()));
        CHECK(range.hosts_per_network == (1u << (32 - 8 * range.network_octets)) - 2);
    }
}

TEST_CASE("an address is taken out of the bytes of a message") {
    constexpr std::array<std::uint8_t, 4> four{192, 0, 2, 255};
    static_assert(net::ipv4_address::from_bytes(four) == net::ipv4_address{192, 0, 2, 255});
    const net::ipv6_address v6{"2001:db8::ff:fe"};
    const auto octets = v6.to_octets();
    std::vector<std::byte> message(20);
    std::ranges::transform(octets, message.begin() + 3, [](std::uint8_t octet) { return std::byte{octet}; });
    CHECK(net::ipv6_address::from_bytes(std::span{message}.subspan(3, 16)) == v6);
    CHECK(net::ip_address::from_bytes(octets) == net::ip_address{v6});
    const std::string_view text{"\xc0\x00\x02\xff", 4};  // char may be signed
    CHECK(net::ip_address::from_bytes(text) == "192.0.2.255"_ip);
    for (std::size_t size = 0; size <= message.size(); ++size) {
        const auto some = std::span{message}.first(size);
        CHECK(net::ipv4_address::from_bytes(some).has_value() == (size == 4));
        CHECK(net::ipv6_address::from_bytes(some).has_value() == (size == 16));
        CHECK(net::ip_address::from_bytes(some).has_value() == (size == 4 || size == 16));
    }
}

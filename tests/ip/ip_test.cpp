// What ip.hpp promises: the notes' numbers put right, strict reading, one way of writing, the special-purpose
// ranges, networks, endpoints, ports.
//
// What holds for a value known to the compiler is a static_assert, and this file does not compile without it.
// Random input comes from generators with fixed seeds and is drawn without std::uniform_int_distribution,
// whose results differ between libraries, so a failure repeats everywhere.

#include <netnotes/ip.hpp>

#include "../catch.hpp"

#ifdef _WIN32
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <netdb.h>
#endif

#include <algorithm>
#include <array>
#include <bitset>
#include <filesystem>
#include <iomanip>
#include <iterator>
#include <random>
#include <ranges>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace net = netnotes;
using namespace net::literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

// ---- The notes' sections, put right ----------------------------------------------------------------------

namespace errata {

constexpr net::ipv4_class class_of(const net::ip_address& address) { return address.v4().address_class(); }
constexpr const net::ipv4_class_range& range_of(net::ipv4_class letter) {
    return net::ipv4_class_ranges[static_cast<std::size_t>(letter) - 'A'];
}
constexpr bool is_port_of(std::string_view name, std::uint16_t port, net::transport transport) {
    return net::find_service(name, transport)->port == port;  // nullptr: no constant, so this does not compile
}
constexpr bool is_ordinary(const net::ip_address& address) {
    return net::find_special_range(address) == nullptr && address.is_global();
}

// Protocols and ports: "FTP 20". 21 carries the commands; 20 is only where active-mode data comes from
// (RFC 959 §5.2 and §8).
static_assert(is_port_of("ftp", 21, net::transport::tcp) && is_port_of("ftp-data", 20, net::transport::tcp));
static_assert(net::find_service(20, net::transport::tcp)->name == "ftp-data");
// "HTTP 80": encrypted 443 (RFC 9110 §4.2.2), and over UDP too since HTTP/3 (RFC 9114 §3.1).
static_assert(is_port_of("http", 80, net::transport::tcp));
static_assert(is_port_of("https", 443, net::transport::tcp) && is_port_of("https", 443, net::transport::udp));
// "SMTP 25 sends mail": from server to server. People hand theirs in at 587 or 465 (RFC 6409 §3.1, RFC 8314
// §3.3) and fetch it at 995 or 993.
static_assert(is_port_of("smtp", 25, net::transport::tcp) && is_port_of("submission", 587, net::transport::tcp));
static_assert(is_port_of("submissions", 465, net::transport::tcp) && is_port_of("pop3s", 995, net::transport::tcp));
static_assert(is_port_of("imaps", 993, net::transport::tcp));
// The other rows are right.
static_assert(is_port_of("nntp", 119, net::transport::tcp) && is_port_of("pop3", 110, net::transport::tcp));
static_assert(is_port_of("telnet", 23, net::transport::tcp) && is_port_of("gopher", 70, net::transport::tcp));
static_assert(net::find_service(143, net::transport::tcp)->name.starts_with("imap"));
// UDP and TCP: "NFS belongs to UDP". Version 4 needs a transport that avoids congestion (RFC 7530 §3.1). "RIP, share
// prices for example": it tells routers their routes, and only over UDP (RFC 2453 §3).
static_assert(is_port_of("nfs", 2049, net::transport::tcp));
static_assert(net::find_service("nfs", net::transport::udp) == nullptr);
static_assert(net::find_service(2049, net::transport::udp) == nullptr);
static_assert(is_port_of("router", 520, net::transport::udp));
static_assert(net::find_service("router", net::transport::tcp) == nullptr);

// Ports: "a port number is unique". It is, in one transport: TCP's 53 and UDP's 53 are two (RFC 6335 §3).
static_assert(is_port_of("domain", 53, net::transport::tcp) && is_port_of("domain", 53, net::transport::udp));
static_assert(net::find_service("ssh", net::transport::udp) == nullptr);
static_assert(net::find_service(22, net::transport::udp) == nullptr);

// Classes of ports: "dynamic ports are given out from 1024". The range for that begins at 49152 (RFC 6335 §6).
static_assert(net::classify_port(0) == net::port_class::well_known);
static_assert(net::classify_port(1023) == net::port_class::well_known);
static_assert(net::classify_port(1024) == net::port_class::registered);
static_assert(net::classify_port(49151) == net::port_class::registered);
static_assert(net::classify_port(49152) == net::port_class::dynamic);
static_assert(net::classify_port(65535) == net::port_class::dynamic);
// "SUN's RPC from 32768": Solaris gave those out, they are no dynamic ones; the port mapper is at 111 (RFC 1833).
static_assert(is_port_of("sunrpc", 111, net::transport::tcp));
static_assert(net::classify_port(32768) == net::port_class::registered);

// IP addresses: "a string of digits". It is a number, the dots are notation, and readers that allow more
// notations than one disagree about the number (RFC 6943 §3.1.1), so there is one.
static_assert("192.168.1.1"_ip.v4().to_uint() == 0xc0a80101);
static_assert("192.168.1.1"_ip.v4().to_uint() == 3'232'235'777);
static_assert(!net::ip_address::parse("192.168.010.1") && !net::ip_address::parse("10.1"));

// Class A: "1,677,214 hosts". A digit is missing.
static_assert(range_of(net::ipv4_class::a).hosts_per_network == 16'777'214);
static_assert((1u << 24) - 2 == 16'777'214);
// "1.0.0.1 to 126.255.255.254". Those are hosts; the class is 0.0.0.0/1 (RFC 791 §3.2). 126 of its 128
// networks remain when 0 and 127 are taken out (RFC 1122 §3.2.1.3).
static_assert(range_of(net::ipv4_class::a).block == "0.0.0.0/1"_net);
static_assert(range_of(net::ipv4_class::a).block.last() == "127.255.255.255"_ip);
static_assert(class_of("0.0.0.0"_ip) == net::ipv4_class::a && class_of("127.255.255.255"_ip) == net::ipv4_class::a);
static_assert(range_of(net::ipv4_class::a).networks - 2 == 126);
static_assert(!"0.0.0.1"_ip.is_global() && !"127.0.0.1"_ip.is_global() && is_ordinary("126.255.255.254"_ip));

// Class B: "128.1.0.1 to 191.255.255.254", with 16,384 networks. There are so many only if 128.0 is counted,
// which was reserved once, like 191.255 (RFC 3330 §3), and is not any more (RFC 5735 §4).
static_assert(range_of(net::ipv4_class::b).block == "128.0.0.0/2"_net);
static_assert(range_of(net::ipv4_class::b).block.last() == "191.255.255.255"_ip);
static_assert(range_of(net::ipv4_class::b).networks == 16'384);
static_assert(range_of(net::ipv4_class::b).hosts_per_network == 65'534);
static_assert((191 - 128 + 1) * 256 == 16'384);
static_assert(class_of("128.0.0.0"_ip) == net::ipv4_class::b && class_of("191.255.255.255"_ip) == net::ipv4_class::b);
static_assert(is_ordinary("128.0.0.1"_ip) && is_ordinary("191.255.0.1"_ip));

// Class C: "192.0.1.1 to 223.255.255.254", with 2,097,152 networks. Likewise: 192.0.0 is counted. It is
// special to this day (RFC 6890 §2.2.2), and 192.0.2 is for texts (RFC 5737).
static_assert(range_of(net::ipv4_class::c).block == "192.0.0.0/3"_net);
static_assert(range_of(net::ipv4_class::c).block.last() == "223.255.255.255"_ip);
static_assert(range_of(net::ipv4_class::c).networks == 2'097'152);
static_assert(range_of(net::ipv4_class::c).hosts_per_network == 254);
static_assert(class_of("192.0.0.0"_ip) == net::ipv4_class::c && class_of("223.255.255.255"_ip) == net::ipv4_class::c);
static_assert(net::find_special_range("192.0.0.255"_ip)->name == "IETF Protocol Assignments");
static_assert("192.0.2.1"_ip.is_documentation() && is_ordinary("223.255.255.1"_ip));
// "In binary to 11011111 11111111 11111110 11111110". That is another address.
static_assert(net::ipv4_address{0b11011111'11111111'11111110'11111110u} == "223.255.254.254"_ip);
static_assert(net::ipv4_address{0b11011111'11111111'11111111'11111110u} == "223.255.255.254"_ip);

// Class D: "224.0.0.1 to 239.255.255.254". A group has no host part that could be all ones (RFC 1112 §4).
static_assert(range_of(net::ipv4_class::d).block == "224.0.0.0/4"_net);
static_assert("224.0.0.0"_ip.is_multicast() && "239.255.255.255"_ip.is_multicast());
static_assert(!"223.255.255.255"_ip.is_multicast() && !"240.0.0.0"_ip.is_multicast());
static_assert(range_of(net::ipv4_class::d).networks == 0 && range_of(net::ipv4_class::d).hosts_per_network == 0);

// Class E: "1111, reserved". With the limited broadcast at its end (RFC 919 §7), which is in daily use.
static_assert(range_of(net::ipv4_class::e).block == "240.0.0.0/4"_net);
static_assert("240.0.0.0"_ip.is_reserved() && "255.255.255.255"_ip.is_reserved());
static_assert("255.255.255.255"_ip.v4().is_broadcast() && !"255.255.255.254"_ip.v4().is_broadcast());

// The classes decide which network an address is in. Until 1993: a prefix may end anywhere (RFC 4632 §3.1).
static_assert("128.0.0.0/1"_net.contains("191.0.0.1"_ip) && "128.0.0.0/1"_net.contains("192.0.0.1"_ip));
static_assert("10.1.2.0/24"_net.prefix_length() == 24 && class_of("10.1.2.0"_ip) == net::ipv4_class::a);
static_assert("192.168.0.0/16"_net.prefix_length() == 16 && class_of("192.168.0.0"_ip) == net::ipv4_class::c);

// Private addresses: the three ranges are right (RFC 1918 §3), and there are others that are not global
// either: shared (RFC 6598), link-local (RFC 3927), and in IPv6 the unique local ones (RFC 4193).
static_assert("10.0.0.0"_ip.is_private() && "10.255.255.255"_ip.is_private());
static_assert("172.16.0.0"_ip.is_private() && "172.31.255.255"_ip.is_private());
static_assert("192.168.0.0"_ip.is_private() && "192.168.255.255"_ip.is_private());
static_assert(!"100.64.0.1"_ip.is_private() && !"100.64.0.1"_ip.is_global() && "100.64.0.1"_ip.v4().is_shared());
static_assert(!"169.254.0.1"_ip.is_private() && !"169.254.0.1"_ip.is_global() && "169.254.0.1"_ip.is_link_local());
static_assert("fc00::1"_ip.is_private() && "fdff::1"_ip.is_private() && !"fe00::1"_ip.is_private());

// Note on the loopback: "127.0.0.1 to 127.255.255.255". 127.0.0.0 too (RFC 1122 §3.2.1.3(g)).
static_assert("127.0.0.0"_ip.is_loopback() && "127.255.255.255"_ip.is_loopback());
static_assert(!"126.255.255.255"_ip.is_loopback() && !"128.0.0.0"_ip.is_loopback());

// Netmasks: the notes show ones and then zeros but do not demand it. It is demanded (RFC 4632 §3.1).
static_assert(net::network{"192.168.1.0/255.255.255.0"} == "192.168.1.0/24"_net);
static_assert(!net::network::parse("192.168.1.0/255.0.255.0"));

// The network with 255.255.255.0: 256 addresses, 254 hosts. "Always two fewer": not on a link of two
// (RFC 3021), nor for one address alone.
static_assert("192.168.1.0/24"_net.address_count() == 256u && "192.168.1.0/24"_net.host_count() == 254u);
static_assert("192.168.1.0/24"_net.broadcast() == "192.168.1.255"_ip);
static_assert("192.168.1.0/30"_net.host_count() == 2u);
static_assert("192.168.1.0/31"_net.host_count() == 2u && !"192.168.1.0/31"_net.broadcast());
static_assert("192.168.1.0/32"_net.host_count() == 1u && !"192.168.1.0/32"_net.broadcast());

// Note on the mask's size: "a larger mask is a larger subnet". The larger mask has more ones and leaves less.
static_assert("10.0.0.0/24"_net.netmask() > "10.0.0.0/16"_net.netmask());
static_assert("10.0.0.0/24"_net.host_count() < "10.0.0.0/16"_net.host_count());

// "1,500 computers: 255.255.0.0". That is room for 65,534; 255.255.248.0 is enough.
static_assert(net::network::prefix_length_for_hosts(1500) == 21u);
static_assert("10.0.0.0/21"_net.netmask() == "255.255.248.0"_ip && "10.0.0.0/21"_net.host_count() == 2'046u);
static_assert("10.0.0.0/22"_net.host_count() == 1'022u && "10.0.0.0/16"_net.host_count() == 65'534u);
// "Up to 254 computers 255.255.255.0": yes, and the router is one of them.
static_assert(net::network::prefix_length_for_hosts(254) == 24u && net::network::prefix_length_for_hosts(255) == 23u);

}  // namespace errata

namespace {

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

TEST_CASE("reverse pointers and exploded forms are those of the RFCs") {
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

// ---- Reading: what is refused, and why ---------------------------------------------------------------------

struct refused_text {
    std::string_view text;
    std::string_view reason;
    std::size_t position;
};

// Every way to read must refuse the text, for that reason, at that character.
template <class Value>
void check_refused(const std::string& kind, std::span<const refused_text> table) {
    for (const auto& [text, reason, position] : table) {
        CAPTURE(text);
        const std::string message = std::string{reason} + ", at character " + std::to_string(position);
        CHECK(!Value::parse(text));
        net::parse_failure why;
        if constexpr (std::is_same_v<Value, net::network>)
            CHECK(!Value::parse(text, net::host_bits::refused, why));
        else
            CHECK(!Value::parse(text, why));
        CHECK(why.message() == message);
        CHECK(why.position() == position);
        // A stranger's bytes do not reach the log as they are: see below.
        if (std::ranges::any_of(text, [](char c) { return c < ' ' || c > '~'; }))
            CHECK_THROWS_AS(Value{text}, net::parse_error);
        else
            CHECK_THROWS_WITH(Value{text}, net::quoted(text) + " is no " + kind + ": " + message);
    }
}

TEST_CASE("a malformed IPv4 address is refused with the reason and the place") {
    static constexpr refused_text table[]{
        {"", "the address is empty", 0},
        {"1", "only 1 of 4 octets", 1},
        {"10.1", "only 2 of 4 octets", 4},
        {"1.2.3", "only 3 of 4 octets", 5},
        {"1.2.3.", "octet 4 is missing", 6},
        {"1..3.4", "octet 2 is missing", 2},
        {".1.2.3", "octet 1 is missing", 0},
        {".", "octet 1 is missing", 0},
        {"1.2.3.4.", "more than 4 octets", 7},
        {"1.2.3.4.5", "more than 4 octets", 7},
        {"1.2.3.256", "octet 4 is 256, above 255", 6},
        {"300.2.3.4", "octet 1 is 300, above 255", 0},
        {"1.999.3.4", "octet 2 is 999, above 255", 2},
        {"1.2.1000.4", "octet 3 has more than three digits", 4},
        {"1.2.3.0004", "octet 4 has a leading zero", 6},
        {"0177.0.0.1", "octet 1 has a leading zero", 0},
        {"10.00000000012.0.1", "octet 2 has a leading zero", 3},
        {"3232235777", "octet 1 has more than three digits", 0},
        {"192.168.010.1", "octet 3 has a leading zero", 8},
        {"00.0.0.0", "octet 1 has a leading zero", 0},
        {"1.2.3.08", "octet 4 has a leading zero", 6},
        {"0x7f.0.0.1", "unexpected character 'x'", 1},
        {"localhost", "unexpected character 'l'", 0},
        {"a.b.c.d", "unexpected character 'a'", 0},
        {"1,2,3,4", "unexpected character ','", 1},
        {"+1.2.3.4", "unexpected character '+'", 0},
        {"1.-2.3.4", "unexpected character '-'", 2},
        {"1.2.3.4/24", "unexpected character '/'", 7},
        {"1.2.3.4:80", "unexpected character ':'", 7},
        {"1.2.3.4%eth0", "unexpected character '%'", 7},
        {"1.2.3~4", "unexpected character '~'", 5},
        {"1.2.3.4 ", "unexpected character 0x20", 7},
        {" 1.2.3.4", "unexpected character 0x20", 0},
        {"1. 2.3.4", "unexpected character 0x20", 2},
        {"1.2.3.4\n", "unexpected character 0x0a", 7},
        {"1.2.3.4\0"sv, "unexpected character 0x00", 7},  // a text for inet_pton ends here
        {"1.2.3.4\0.5"sv, "unexpected character 0x00", 7},
        {"\0"sv, "unexpected character 0x00", 0},
        {"1.2.3.\xd9\xa4", "unexpected character 0xd9", 6},  // ٤, a four in Arabic
        {"1.2.3.\xff", "unexpected character 0xff", 6},
        {"::1", "unexpected character ':'", 0},
    };
    check_refused<net::ipv4_address>("IPv4 address", table);
}

#ifndef _WIN32  // which has no inet_aton
// What a filter and a server would disagree about (RFC 6943 §3.1.1): the C library's older reader takes these.
TEST_CASE("a text that inet_aton takes for another address than it seems is refused") {
    struct row {
        const char* text;
        net::ip_address taken_for;
    };
    const row table[]{{"192.168.010.1", "192.168.8.1"_ip},
                      {"10.1", "10.0.0.1"_ip},
                      {"3232235777", "192.168.1.1"_ip},
                      {"0x7f.0.0.1", "127.0.0.1"_ip},
                      {"127.65535", "127.0.255.255"_ip}};
    for (const auto& [text, taken_for] : table) {
        CAPTURE(text);
        in_addr theirs{};
        CHECK(inet_aton(text, &theirs) != 0);
        CHECK(net::ipv4_address{ntohl(theirs.s_addr)} == taken_for);
        CHECK(!net::ip_address::parse(text));
    }
}
#endif

TEST_CASE("a malformed IPv6 address is refused with the reason and the place") {
    static constexpr refused_text table[]{
        {"", "the address is empty", 0},
        // Colons
        {":", "a single ':' at the start", 0},
        {":1:2:3:4:5:6:7", "a single ':' at the start", 0},
        {":1::", "a single ':' at the start", 0},
        {"1:", "a single ':' at the end", 1},
        {"::1:", "a single ':' at the end", 3},
        {"1:2:3:4:5:6:7:", "a single ':' at the end", 13},
        {"1:2:3:4:5:6:7:8:", "a single ':' at the end", 15},
        {":::", "a second '::', or ':::'", 2},
        {":::1", "a second '::', or ':::'", 2},
        {"1:::2", "a second '::', or ':::'", 3},
        {"1:::", "a second '::', or ':::'", 3},
        {"::::", "a second '::', or ':::'", 2},
        {"1::2::3", "a second '::', or ':::'", 5},
        {"::1::", "a second '::', or ':::'", 4},
        // Groups
        {"1", "only 1 of 8 groups, and no '::'", 1},
        {"1:2:3:4:5:6:7", "only 7 of 8 groups, and no '::'", 13},
        {"1:2:3:4:5:6:7:8:9", "more than 8 groups", 16},
        {"1::3:4:5:6:7:8:9:a", "more than 8 groups", 17},
        {"1:2:3:4:5:6:7:8::", "'::' stands for one group at least, and 8 are there", 17},
        {"::1:2:3:4:5:6:7:8", "'::' stands for one group at least, and 8 are there", 17},
        {"1:2:3:4::5:6:7:8", "'::' stands for one group at least, and 8 are there", 16},
        {"12345::", "group 1 has more than four digits", 0},
        {"::1:00001", "group 2 has more than four digits", 4},
        {"1:2:3:4:5:6:7:00008", "group 8 has more than four digits", 14},
        {"g::", "unexpected character 'g'", 0},
        {"1:2g::", "unexpected character 'g'", 3},
        {"0x1::", "unexpected character 'x'", 1},
        {"::-1", "unexpected character '-'", 2},
        {"::1 ", "unexpected character 0x20", 3},
        {" ::1", "unexpected character 0x20", 0},
        {"::1\0"sv, "unexpected character 0x00", 3},
        {"::\xef\xbc\x91", "unexpected character 0xef", 2},  // １, full width
        {"[::1]", "unexpected character '['", 0},
        {"::1/64", "unexpected character '/'", 3},
        {"localhost", "unexpected character 'l'", 0},
        // An IPv4 tail
        {"1.2.3.4", "only 2 of 8 groups, and no '::'", 7},
        {"1:2:3:4:5:1.2.3.4", "only 7 of 8 groups, and no '::'", 17},
        {"1:2:3:4:5:6:7:1.2.3.4", "no room for an IPv4 address after 7 groups", 14},
        {"::2:3:4:5:6:7:8:1.2.3.4", "no room for an IPv4 address after 7 groups", 16},
        {"1:2:3:4:5:6::1.2.3.4", "'::' stands for one group at least, and 8 are there", 20},
        {"::1.2.3", "only 3 of 4 octets", 7},
        {"::1.2.3.", "octet 4 is missing", 8},
        {"::.2.3.4", "octet 1 is missing", 2},
        {"::1.2.3.4.5", "more than 4 octets", 9},
        {"::1.2.3.256", "octet 4 is 256, above 255", 8},
        {"::ffff:01.2.3.4", "octet 1 has a leading zero", 7},
        {"::a.1.2.3", "unexpected character 'a'", 2},
        {"::1234.5.6.7", "octet 1 has more than three digits", 2},
        {"::12345.6.7.8", "group 1 has more than four digits", 2},
        {"::1.2.3.4:5", "unexpected character ':'", 9},
        {"1.2.3.4::", "unexpected character ':'", 7},
        {"::1.2.3.4 ", "unexpected character 0x20", 9},
        // A zone
        {"fe80::1%", "the zone is missing", 8},
        {"fe80::1%0123456789abcdef", "a zone of more than 15 characters", 8},
        {"fe80::1%a%b", "unexpected character '%'", 9},
        {"fe80::1%25eth0%", "unexpected character '%'", 14},
        {"fe80::1%a/64", "unexpected character '/'", 9},
        {"fe80::1%[a]", "unexpected character '['", 8},
        {"fe80::1%a]", "unexpected character ']'", 9},
        {"fe80::1%a b", "unexpected character 0x20", 9},
        {"fe80::1%a\t", "unexpected character 0x09", 9},
        {"fe80::1%a\x7f", "unexpected character 0x7f", 9},
        {"fe80::1%a\0"sv, "unexpected character 0x00", 9},
        {"fe80::1%\xc3\xa9", "unexpected character 0xc3", 8},  // é
        {"%eth0", "only 0 of 8 groups, and no '::'", 0},
        {"1:2%eth0", "only 2 of 8 groups, and no '::'", 3},
        {"1:%eth0", "a single ':' at the end", 1},
        {"::%%", "unexpected character '%'", 3},
        {"::1.2.3%eth0", "only 3 of 4 octets", 7},
        {"::ffff:1.2.3.4%eth0", "an IPv4-mapped address has no zone", 14},
        {"::ffff:102:304%eth0", "an IPv4-mapped address has no zone", 14},
    };
    check_refused<net::ipv6_address>("IPv6 address", table);
}

TEST_CASE("a text with a colon is judged as IPv6 and every other as IPv4") {
    const auto reason = [](std::string_view text) {
        net::parse_failure why;
        CHECK(!net::ip_address::parse(text, why));
        return why.message();
    };
    CHECK(reason("") == "the address is empty, at character 0");
    CHECK(reason("fe80") == "unexpected character 'f', at character 0");
    CHECK(reason("1.2.3.4:80") == "unexpected character ':', at character 7");
    CHECK_THROWS_WITH(net::ip_address{"1.2.3"}, R"("1.2.3" is no IPv4 address: only 3 of 4 octets, at character 5)");
    CHECK_THROWS_WITH(net::ip_address{"1:2"},
                      R"("1:2" is no IPv6 address: only 2 of 8 groups, and no '::', at character 3)");
}

TEST_CASE("a malformed network is refused with the reason and the place") {
    static constexpr refused_text table[]{
        // The address
        {"", "the address is empty", 0},
        {"/24", "the address is empty", 0},
        {"10/8", "only 1 of 4 octets", 2},
        {"10.0.0/8", "only 3 of 4 octets", 6},
        {"10.0.0.0.0/8", "more than 4 octets", 8},
        {"10.0.0.256/8", "octet 4 is 256, above 255", 7},
        {"2001:db8/32", "only 2 of 8 groups, and no '::'", 8},
        {"2001:db8:::/32", "a second '::', or ':::'", 10},
        {"[2001:db8::]/32", "unexpected character '['", 0},
        {"fe80::%eth0/64", "a network has no zone", 6},
        {"fe80::%1", "a network has no zone", 6},
        // The prefix length
        {"10.0.0.0/", "a number is missing", 9},
        {"::/", "a number is missing", 3},
        {"10.0.0.0/33", "the number is above 32", 9},
        {"::/129", "the number is above 128", 3},
        {"10.0.0.0/4294967304", "the number is above 32", 9},            // 2^32 + 8
        {"10.0.0.0/18446744073709551624", "the number is above 32", 9},  // 2^64 + 8
        {"10.0.0.0/08", "a leading zero", 9},
        {"10.0.0.0/00", "a leading zero", 9},
        {"::/064", "a leading zero", 3},
        {"10.0.0.0/-8", "unexpected character '-'", 9},
        {"10.0.0.0/+8", "unexpected character '+'", 9},
        {"10.0.0.0/ 8", "unexpected character 0x20", 9},
        {"10.0.0.0/8 ", "unexpected character 0x20", 10},
        {"10.0.0.0/8\0"sv, "unexpected character 0x00", 10},
        {"10.0.0.0/0x8", "unexpected character 'x'", 10},
        {"10.0.0.0/8/8", "unexpected character '/'", 10},
        {"10.0.0.0//8", "unexpected character '/'", 9},
        {"10.0.0.0\\8", "unexpected character '\\'", 8},
        // A mask in place of the prefix length, which IPv6 never had
        {"10.0.0.0/255.0.255.0", "the mask is not a run of ones and then zeros", 9},
        {"10.0.0.0/0.255.0.255", "the mask is not a run of ones and then zeros", 9},
        {"10.0.0.0/255.0.0.1", "the mask is not a run of ones and then zeros", 9},
        {"10.0.0.0/254.255.255.255", "the mask is not a run of ones and then zeros", 9},
        {"10.0.0.0/0.0.1.0", "the mask is not a run of ones and then zeros", 9},
        {"10.0.0.0/127.0.0.0", "the mask is not a run of ones and then zeros", 9},
        {"10.0.0.0/255.0.0", "only 3 of 4 octets", 16},
        {"10.0.0.0/255.0.0.00", "octet 4 has a leading zero", 17},
        {"10.0.0.0/256.0.0.0", "octet 1 is 256, above 255", 9},
        {"10.0.0.0/255.0.0.0/8", "unexpected character '/'", 18},
        {"2001:db8::/255.255.0.0", "unexpected character '.'", 14},
        {"2001:db8::/ffff:ffff::", "unexpected character 'f'", 11},
        // Host bits
        {"10.0.0.1/8", "bits are set beyond the first 8", 0},
        {"192.168.1.77/24", "bits are set beyond the first 24", 0},
        {"192.168.1.77/255.255.255.0", "bits are set beyond the first 24", 0},
        {"192.168.1.77/0.0.0.255", "bits are set beyond the first 24", 0},
        {"192.168.1.77/0.0.0.0", "bits are set beyond the first 0", 0},  // no host mask of a /32: see below
        {"192.168.1.77/31", "bits are set beyond the first 31", 0},
        {"2001:db8::1/64", "bits are set beyond the first 64", 0},
        {"2001:db8::/28", "bits are set beyond the first 28", 0},
        {"::1/0", "bits are set beyond the first 0", 0},
    };
    check_refused<net::network>("network", table);
}

TEST_CASE("a malformed endpoint is refused with the reason and the place") {
    static constexpr refused_text table[]{
        {"", "':' and a port are missing", 0},
        {"80", "':' and a port are missing", 2},
        {"1.2.3.4", "':' and a port are missing", 7},
        {"[::1]", "':' and a port are missing", 5},
        {"[::1]80", "':' and a port are missing", 5},
        {"[::1]]:80", "':' and a port are missing", 5},
        {"[", "']' is missing", 1},
        {"[::1", "']' is missing", 4},
        {"[::1:80", "']' is missing", 7},
        {"::1:80", "a second ':'; an IPv6 address needs brackets before a port", 1},
        {"2001:db8::1:80", "a second ':'; an IPv6 address needs brackets before a port", 8},
        {"1.2.3.4::80", "a second ':'; an IPv6 address needs brackets before a port", 8},
        {"1.2.3.4:80:90", "a second ':'; an IPv6 address needs brackets before a port", 10},
        {"::1]:80", "a second ':'; an IPv6 address needs brackets before a port", 1},
        // The address
        {":80", "the address is empty", 0},
        {"1.2.3:80", "only 3 of 4 octets", 5},
        {"1.2.3.256:80", "octet 4 is 256, above 255", 6},
        {"localhost:80", "unexpected character 'l'", 0},
        {"[]:80", "the address is empty", 1},
        {"[[::1]:80", "unexpected character '['", 1},
        {"[::g]:80", "unexpected character 'g'", 3},
        {"[1.2.3.4]:80", "only 2 of 8 groups, and no '::'", 8},
        {"[fe80::1%]:80", "the zone is missing", 9},
        {"[::1/128]:80", "unexpected character '/'", 4},
        // The port
        {"1.2.3.4:", "a number is missing", 8},
        {"[::1]:", "a number is missing", 6},
        {"1.2.3.4:65536", "the number is above 65535", 8},
        {"[::1]:4294967376", "the number is above 65535", 6},            // 2^32 + 80
        {"[::1]:18446744073709551696", "the number is above 65535", 6},  // 2^64 + 80
        {"1.2.3.4:080", "a leading zero", 8},
        {"1.2.3.4:-1", "unexpected character '-'", 8},
        {"1.2.3.4:+80", "unexpected character '+'", 8},
        {"1.2.3.4: 80", "unexpected character 0x20", 8},
        {"1.2.3.4:80 ", "unexpected character 0x20", 10},
        {"1.2.3.4:80\0"sv, "unexpected character 0x00", 10},
        {"[::1]:http", "unexpected character 'h'", 6},
        {"[::1]::80", "unexpected character ':'", 6},
    };
    check_refused<net::endpoint>("endpoint", table);
}

TEST_CASE("a parse error quotes a text that came from a stranger without its control characters") {
    CHECK_THROWS_WITH(net::ip_address{"1.2\n\x1b[31m"},
                      R"("1.2\n\x1b[31m" is no IPv4 address: unexpected character 0x0a, at character 3)");
    const std::string reason = " is no IPv4 address: octet 1 has more than three digits, at character 0";
    CHECK_THROWS_WITH(net::ip_address{std::string(64, '7')}, '"' + std::string(64, '7') + '"' + reason);
    CHECK_THROWS_WITH(net::ip_address{std::string(65, '7')}, '"' + std::string(64, '7') + "...\"" + reason);
    try {
        (void)net::ipv4_address{"192.168.1.256"};
        FAIL("192.168.1.256 was taken for an address");
    } catch (const net::parse_error& error) {
        CHECK(error.what() == R"("192.168.1.256" is no IPv4 address: octet 4 is 256, above 255, at character 10)"s);
        CHECK(error.failure().position() == 10);
    }
}

TEST_CASE("a text need not end in a NUL") {
    // Kept exactly as large as the text, so that a sanitizer sees a reader that goes beyond.
    const auto read = [](const std::string& text) {
        const std::vector<char> exact(text.begin(), text.end());
        return net::endpoint::parse({exact.data(), exact.size()});
    };
    CHECK(read("192.0.2.1:80") == "192.0.2.1:80"_endpoint);
    CHECK(read("[2001:db8::1]:80") == "[2001:db8::1]:80"_endpoint);
    for (const std::string& text : {"192.0.2.1:"s, "192.0.2."s, "[2001:db8::"s, "[::1%"s, "["s, "[1:2:"s, "1"s})
        CHECK(!read(text));
}

// ---- Reading: what is taken, and how it is written ---------------------------------------------------------

struct taken_text {
    std::string_view text;
    std::string_view canonical;
};

template <class Value>
void check_taken(std::span<const taken_text> table) {
    for (const auto& [text, canonical] : table) {
        CAPTURE(text, canonical);
        const auto value = Value::parse(text);
        REQUIRE(value);
        CHECK(value->to_string() == canonical);
        CHECK(Value{text} == *value);
        CHECK(Value::parse(canonical) == *value);
    }
}

TEST_CASE("an IPv4 address is written as it is read") {
    static constexpr taken_text table[]{
        {"0.0.0.0", "0.0.0.0"},
        {"1.2.3.4", "1.2.3.4"},
        {"9.10.99.100", "9.10.99.100"},
        {"192.168.1.77", "192.168.1.77"},
        {"199.200.249.250", "199.200.249.250"},
        {"255.255.255.255", "255.255.255.255"},
    };
    check_taken<net::ipv4_address>(table);
    check_taken<net::ip_address>(table);
}

TEST_CASE("every way to write an IPv6 address ends in one") {
    static constexpr taken_text table[]{
        // RFC 4291 §2.2
        {"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
        {"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
        {"2001:DB8::8:800:200C:417A", "2001:db8::8:800:200c:417a"},
        {"FF01:0:0:0:0:0:0:101", "ff01::101"},
        {"FF01::101", "ff01::101"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"::1", "::1"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"::", "::"},
        {"0:0:0:0:0:0:13.1.68.3", "::d01:4403"},
        {"::13.1.68.3", "::d01:4403"},
        {"0:0:0:0:0:FFFF:129.144.52.38", "::ffff:129.144.52.38"},
        {"::FFFF:129.144.52.38", "::ffff:129.144.52.38"},
        // RFC 5952 §1: one address in eight costumes
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:0:1::1", "2001:db8::1:0:0:1"},
        {"2001:db8:0000:0:1::1", "2001:db8::1:0:0:1"},
        {"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
        // §4.1 no leading zeros
        {"2001:0db8::0001", "2001:db8::1"},
        {"0001:0020:0300:4000:0001:0020:0300:4000", "1:20:300:4000:1:20:300:4000"},
        // §4.2.1 as much as possible
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8::0:1", "2001:db8::1"},
        // §4.2.2 never one group alone
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"1:0:3:0:5:0:7:0", "1:0:3:0:5:0:7:0"},
        // §4.2.3 the longest run, the first of equals
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"0:0:1:0:0:1:0:0", "::1:0:0:1:0:0"},
        {"0:0:0:1:0:0:0:1", "::1:0:0:0:1"},
        {"0:0:1:0:0:0:0:0", "0:0:1::"},
        {"1:0:0:4:5:0:0:0", "1:0:0:4:5::"},
        // §4.3 lower case
        {"2001:DB8::AaAa", "2001:db8::aaaa"},
        // §5 an IPv4 tail for what is known to hold IPv4, and no guessing about the rest
        {"::ffff:c000:0201", "::ffff:192.0.2.1"},
        {"0:0:0:0:0:ffff:0:0", "::ffff:0.0.0.0"},
        {"::ffff:0:192.0.2.1", "::ffff:0:c000:201"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:77.88.99.100", "1:2:3:4:5:6:4d58:6364"},
        {"1::5:6:77.88.99.100", "1::5:6:4d58:6364"},
        {"::2:3:4:5:6:77.88.99.100", "0:2:3:4:5:6:4d58:6364"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        // RFC 4007 §11: zones. They are names: upper case stays, and %25 is not an escape as it is in a URL.
        {"FE80:0::1%eth0", "fe80::1%eth0"},
        {"fe80::1%2", "fe80::1%2"},
        {"fe80::%Ethernet-1.2:3", "fe80::%Ethernet-1.2:3"},
        {"ff02::1%25", "ff02::1%25"},
        {"::%lo", "::%lo"},
        {"::1.2.3.4%lo", "::102:304%lo"},
        {"1:2:3:4:5:6:7:8%123456789abcdef", "1:2:3:4:5:6:7:8%123456789abcdef"},
    };
    check_taken<net::ipv6_address>(table);
    check_taken<net::ip_address>(table);
}

TEST_CASE("a network is written with its prefix length however it was read") {
    static constexpr taken_text table[]{
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"192.0.2.1", "192.0.2.1/32"},
        {"192.0.2.1/32", "192.0.2.1/32"},
        {"192.0.2.0/255.255.255.0", "192.0.2.0/24"},
        {"192.0.2.0/0.0.0.255", "192.0.2.0/24"},
        {"128.0.0.0/128.0.0.0", "128.0.0.0/1"},
        {"128.0.0.0/127.255.255.255", "128.0.0.0/1"},
        {"192.0.2.2/255.255.255.254", "192.0.2.2/31"},
        {"192.0.2.2/0.0.0.1", "192.0.2.2/31"},
        // Two masks are a netmask and a host mask at once: they are taken for the netmask.
        {"0.0.0.0/0.0.0.0", "0.0.0.0/0"},
        {"192.0.2.1/255.255.255.255", "192.0.2.1/32"},
        {"::/0", "::/0"},
        {"2001:DB8::/32", "2001:db8::/32"},
        {"2001:db8::1", "2001:db8::1/128"},
        {"::ffff:0:0/96", "::ffff:0.0.0.0/96"},
        {"::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104"},
        // RFC 4291 §2.3
        {"2001:0DB8:0000:CD30:0000:0000:0000:0000/60", "2001:db8:0:cd30::/60"},
        {"2001:0DB8::CD30:0:0:0:0/60", "2001:db8:0:cd30::/60"},
        {"2001:0DB8:0:CD30::/60", "2001:db8:0:cd30::/60"},
    };
    check_taken<net::network>(table);
}

TEST_CASE("host bits are cleared on request") {
    static constexpr taken_text table[]{
        {"192.168.1.77/24", "192.168.1.0/24"},
        {"192.168.1.77/255.255.255.0", "192.168.1.0/24"},
        {"192.168.1.77/0.0.0.255", "192.168.1.0/24"},
        {"192.168.1.77/0", "0.0.0.0/0"},
        {"192.168.1.77/31", "192.168.1.76/31"},
        {"192.168.1.77/32", "192.168.1.77/32"},
        {"2001:db8:1:2:3:4:5:6/63", "2001:db8:1:2::/63"},
        {"ffff::1/0", "::/0"},
        {"2001:db8:1:2:3:4:5:6/65", "2001:db8:1:2::/65"},
        {"::ffff:10.1.2.3/104", "::ffff:10.0.0.0/104"},
    };
    for (const auto& [text, canonical] : table) {
        CAPTURE(text);
        CHECK(!net::network::parse(text) == (text != canonical));
        REQUIRE(net::network::parse(text, net::host_bits::cleared));
        CHECK(net::network::parse(text, net::host_bits::cleared)->to_string() == canonical);
        CHECK(net::network{text, net::host_bits::cleared}.to_string() == canonical);
    }
    CHECK(!net::network::parse("192.168.1.77/33", net::host_bits::cleared));
}

TEST_CASE("an endpoint is written with its IPv6 address in brackets") {
    static constexpr taken_text table[]{
        {"192.0.2.1:80", "192.0.2.1:80"},
        {"0.0.0.0:0", "0.0.0.0:0"},
        {"255.255.255.255:65535", "255.255.255.255:65535"},
        {"[2001:DB8:0:0::1]:443", "[2001:db8::1]:443"},
        {"[::]:0", "[::]:0"},
        {"[::ffff:c000:201]:1", "[::ffff:192.0.2.1]:1"},
        {"[fe80::1%eth0:1]:22", "[fe80::1%eth0:1]:22"},
    };
    check_taken<net::endpoint>(table);
    const net::endpoint web{"2001:db8::1", 80};
    CHECK(web == "[2001:db8::1]:80"_endpoint);
    CHECK(web == net::endpoint{net::ipv6_address{"2001:db8::1"}, 80});
    CHECK(web.address() == "2001:db8::1"_ip);
    CHECK(web.port() == 80);
    CHECK(net::endpoint{"192.0.2.1", 80} == net::endpoint{net::ipv4_address{192, 0, 2, 1}, 80});
    CHECK("192.0.2.1:80"_endpoint < "192.0.2.1:81"_endpoint);
    CHECK("192.0.2.1:81"_endpoint < "192.0.2.2:80"_endpoint);
    CHECK_THROWS_WITH((net::endpoint{"localhost", 80}),
                      Catch::Matchers::StartsWith("\"localhost\" is no IPv4 address"));
}

// ---- Against the C library ---------------------------------------------------------------------------------

// Anything but even: zero groups are frequent, so that "::" is exercised in all places, digits are few and
// many, and some addresses hold an IPv4 address.
std::array<std::uint8_t, 16> random_ipv6(std::mt19937_64& random) {
    std::array<std::uint8_t, 16> octets{};
    const std::uint64_t shape = random();
    for (unsigned group = 0; group < 8; ++group) {
        if (shape >> group & 1) continue;
        const std::uint64_t value = (random() & 0xffff) >> (4 * (random() % 4));
        octets[2 * group] = static_cast<std::uint8_t>(value >> 8);
        octets[2 * group + 1] = static_cast<std::uint8_t>(value);
    }
    if (shape >> 60 == 0) {
        std::fill_n(octets.begin(), 10, std::uint8_t{0});
        octets[10] = octets[11] = static_cast<std::uint8_t>(shape >> 59 & 1 ? 0xff : 0);
    }
    return octets;
}

constexpr int many = 1'000'000;

TEST_CASE("a million IPv6 addresses survive writing and reading and inet_pton reads the same") {
    std::mt19937_64 random{5952};
    std::string first_wrong;
    for (int i = 0; i < many && first_wrong.empty(); ++i) {
        const auto octets = random_ipv6(random);
        const net::ipv6_address address{octets};
        const std::string text = address.to_string();
        std::array<std::uint8_t, 16> theirs{};
        if (net::ipv6_address::parse(text) != address || net::ipv6_address::parse(address.exploded()) != address ||
            inet_pton(AF_INET6, text.c_str(), theirs.data()) != 1 || theirs != octets)
            first_wrong = text;
    }
    CHECK(first_wrong == "");
}

#ifdef __GLIBC__  // musl's inet_ntop takes "0:0:1:..." for a shorter run than ":0:0:", since it counts characters
TEST_CASE("a million IPv6 addresses are written as inet_ntop writes them") {
    std::mt19937_64 random{5952};
    std::string first_wrong;
    int compared = 0;
    for (int i = 0; i < many && first_wrong.empty(); ++i) {
        const auto octets = random_ipv6(random);
        // glibc writes what begins with 96 zero bits as ::13.1.68.3. Such "IPv4-compatible" addresses are given up
        // (RFC 4291 §2.5.5.1), and the dotted form is for prefixes that are known to hold IPv4 (RFC 5952 §5).
        if (std::all_of(octets.begin(), octets.begin() + 12, [](auto octet) { return octet == 0; })) continue;
        std::array<char, INET6_ADDRSTRLEN> theirs{};
        inet_ntop(AF_INET6, octets.data(), theirs.data(), theirs.size());
        if (net::ipv6_address{octets}.to_string() != theirs.data()) first_wrong = theirs.data();
        ++compared;
    }
    CHECK(first_wrong == "");
    CHECK(compared > many / 2);
}
#endif

#ifndef _WIN32  // its inet_pton takes and refuses other texts
// One to three slips of the pen.
std::string mutated(std::string text, std::string_view alphabet, std::mt19937_64& random) {
    for (auto slips = 1 + random() % 3; slips > 0; --slips) {
        const std::size_t at = random() % (text.size() + 1);
        const char c = alphabet[random() % alphabet.size()];
        switch (random() % 5) {
            case 0: text.insert(at, 1, c); break;
            case 1: text.erase(at, 1); break;
            case 2: text.replace(at, 1, 1, c); break;
            case 3: text.insert(at, text.substr(random() % (text.size() + 1), random() % 5)); break;
            default: std::swap(text[at / 2], text[text.size() / 2]);
        }
    }
    return text;
}

// The grammars are the same but for two things, which are kept out of the alphabets: inet_pton knows no zones,
// and a C string ends at its first NUL. (That is glibc, and musl too; older systems' inet_pton took more.)
template <class Address>
void check_against_inet_pton(int family, std::string_view alphabet, auto make_octets) {
    std::mt19937_64 random{4291};
    std::string first_wrong;
    int taken = 0;
    for (int i = 0; i < many && first_wrong.empty(); ++i) {
        auto octets = make_octets(random);
        const std::string text = mutated(Address{octets}.to_string(), alphabet, random);
        const bool theirs = inet_pton(family, text.c_str(), octets.data()) == 1;
        const auto ours = Address::parse(text);
        if (ours.has_value() != theirs || (ours && ours->to_octets() != octets)) first_wrong = '"' + text + '"';
        taken += theirs;
    }
    CHECK(first_wrong == "");
    // The slips make good texts and bad ones, so both answers were put to the test.
    CHECK(taken > many / 10);
    CHECK(taken < many * 9 / 10);
}

TEST_CASE("of a million IPv4 texts with slips the same are refused as by inet_pton") {
    check_against_inet_pton<net::ipv4_address>(
        AF_INET, "0123456789012345678901234567890....:ax -", [](std::mt19937_64& random) {
            std::array<std::uint8_t, 4> octets{};
            for (auto& octet : octets) octet = static_cast<std::uint8_t>((random() & 0xff) >> (random() % 8));
            return octets;
        });
}

TEST_CASE("of a million IPv6 texts with slips the same are refused as by inet_pton") {
    check_against_inet_pton<net::ipv6_address>(AF_INET6, "0123456789abcdefABCDEF:::::...g/ [", random_ipv6);
}

TEST_CASE("a text that goes on after a NUL is read by inet_pton and refused here") {
    const std::string text = "192.0.2.1\0.evil.example"s;
    std::array<std::uint8_t, 16> octets{};
    CHECK(inet_pton(AF_INET, text.c_str(), octets.data()) == 1);
    CHECK(!net::ip_address::parse(text));
}

TEST_CASE("a zone is read here and refused by inet_pton") {
    std::array<std::uint8_t, 16> octets{};
    CHECK(inet_pton(AF_INET6, "fe80::1%lo", octets.data()) == 0);
    CHECK(net::ip_address::parse("fe80::1%lo"));
}
#endif

// ---- Writing into a buffer ---------------------------------------------------------------------------------

constexpr bool writes(const auto& value, std::string_view expected) {
    std::array<char, 100> buffer{};
    const auto [end, error] = value.to_chars(buffer.data(), buffer.data() + buffer.size());
    return error == std::errc{} &&
           std::string_view{buffer.data(), static_cast<std::size_t>(end - buffer.data())} == expected;
}
constexpr bool writes_exactly(const auto& value, std::string_view expected) {
    std::array<char, 100> buffer{};
    const auto [end, error] = value.to_chars(buffer.data(), buffer.data() + expected.size());
    return error == std::errc{} &&
           std::string_view{buffer.data(), static_cast<std::size_t>(end - buffer.data())} == expected;
}
static_assert(writes("192.0.2.1"_ip, "192.0.2.1") && writes_exactly("192.0.2.1"_ip, "192.0.2.1"));
static_assert(writes("2001:db8::1%eth0"_ip, "2001:db8::1%eth0") && writes_exactly("fe80::1%eth0"_ip, "fe80::1%eth0"));
static_assert(writes(net::ipv4_address{255, 255, 255, 255}, "255.255.255.255"));
static_assert(writes("::ffff:192.0.2.0/120"_net, "::ffff:192.0.2.0/120") &&
              writes_exactly("10.0.0.0/8"_net, "10.0.0.0/8"));
static_assert(writes("[::1]:80"_endpoint, "[::1]:80") && writes_exactly("192.0.2.1:65535"_endpoint, "192.0.2.1:65535"));

// Into every size of buffer from none to roomy, with a fence on both sides.
template <class Value>
void check_to_chars(std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts) {
        const Value value{text};
        REQUIRE(text.size() <= Value::text_capacity);
        for (std::size_t size = 0; size <= Value::text_capacity + 8; ++size) {
            CAPTURE(text, size);
            const std::size_t fence = 8;
            std::string memory(size + 2 * fence, '#');
            char* const first = memory.data() + fence;
            char* const last = first + size;
            const auto [end, error] = value.to_chars(first, last);
            CHECK(memory.substr(0, fence) == "########");
            CHECK(memory.substr(fence + size) == "########");
            CHECK((error == std::errc::value_too_large) == (size < text.size()));
            if (size < text.size()) {
                CHECK(end == last);
            } else {
                CHECK(error == std::errc{});
                CHECK(std::string_view{first, end} == text);
            }
        }
    }
}

TEST_CASE("to_chars fills a buffer that is large enough and says so of one that is not") {
    check_to_chars<net::ipv4_address>({"0.0.0.0", "10.20.30.40", "255.255.255.255"});
    check_to_chars<net::ipv6_address>(
        {"::", "2001:db8::1", "::ffff:255.255.255.255", "1111:2222:3333:4444:5555:6666:7777:8888%123456789abcdef"});
    check_to_chars<net::ip_address>({"255.255.255.255", "1111:2222:3333:4444:5555:6666:7777:8888%123456789abcdef"});
    check_to_chars<net::network>(
        {"0.0.0.0/0", "255.255.255.255/32", "::/0", "1111:2222:3333:4444:5555:6666:7777:8888/128"});
    check_to_chars<net::endpoint>({"0.0.0.0:0", "255.255.255.255:65535", "[::]:0",
                                   "[1111:2222:3333:4444:5555:6666:7777:8888%123456789abcdef]:65535"});
}

TEST_CASE("to_chars takes no buffer at all for one that is too small") {
    const auto [end, error] = "::"_ip.to_chars(nullptr, nullptr);
    CHECK(end == nullptr);
    CHECK(error == std::errc::value_too_large);
}

TEST_CASE("streams pad a value as they pad a string") {
    std::ostringstream out;
    out << '[' << std::setw(12) << "192.0.2.1"_ip
        << "] [" << std::left << std::setfill('.') << std::setw(14) << "2001:db8::1"_ip
        << "] [" << std::setw(3) << "10.0.0.0/8"_net
        << "] ["
        << "[::1]:80"_endpoint << ']';
    CHECK(out.str() == "[   192.0.2.1] [2001:db8::1...] [10.0.0.0/8] [[::1]:80]");
}

#ifdef __cpp_lib_format
TEST_CASE("std format pads a value as it pads a string") {
    CHECK(std::format("[{}] [{:>12}] [{:.<14}] [{:^13}] [{:3}]", "192.0.2.1"_ip, net::ipv4_address{192, 0, 2, 1},
                      net::ipv6_address{"2001:db8::1"}, "10.0.0.0/8"_net,
                      "[::1]:80"_endpoint) == "[192.0.2.1] [   192.0.2.1] [2001:db8::1...] [ 10.0.0.0/8  ] [[::1]:80]");
}
#endif

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
    const char* const forms[]{"::ffff:%s",     "::%s",          "64:ff9b::%s",
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

// ---- Networks ----------------------------------------------------------------------------------------------

TEST_CASE("an IPv4 network of every prefix length agrees with arithmetic on 32 bits") {
    std::mt19937 random{4632};
    for (unsigned prefix = 0; prefix <= 32; ++prefix) {
        const std::uint32_t mask = prefix == 0 ? 0 : 0xffffffffu << (32 - prefix);
        const std::uint64_t addresses = std::uint64_t{1} << (32 - prefix);
        for (int i = 0; i < 20; ++i) {
            const net::ipv4_address address{static_cast<std::uint32_t>(random())};
            CAPTURE(address, prefix);
            const net::ipv4_address first{address.to_uint() & mask}, last{address.to_uint() | ~mask};
            const net::network network{address, prefix, net::host_bits::cleared};
            CHECK(network.is_v4());
            CHECK(network.address() == first);
            CHECK(network.prefix_length() == prefix);
            CHECK(network.host_width() == 32 - prefix);
            CHECK(network.netmask() == net::ipv4_address{mask});
            CHECK(network.hostmask() == net::ipv4_address{~mask});
            CHECK(network.first() == first);
            CHECK(network.last() == last);
            CHECK(network.address_count() == addresses);
            CHECK(network.address_count_string() == std::to_string(addresses));
            CHECK(network.host_count() == (prefix >= 31 ? addresses : addresses - 2));
            CHECK(network.broadcast() == (prefix >= 31 ? std::nullopt : std::optional<net::ip_address>{last}));
            CHECK(network.first_host() == net::ipv4_address{first.to_uint() + (prefix >= 31 ? 0 : 1)});
            CHECK(network.last_host() == net::ipv4_address{last.to_uint() - (prefix >= 31 ? 0 : 1)});
            CHECK(network[0] == first);
            CHECK(network[addresses / 2] ==
                  net::ipv4_address{static_cast<std::uint32_t>(first.to_uint() + addresses / 2)});
            CHECK(network[addresses - 1] == last);
            CHECK_THROWS_AS(network[addresses], std::out_of_range);
            CHECK(network.contains(first));
            CHECK(network.contains(last));
            CHECK(network.contains(address));
            if (const auto below = network.first().previous()) CHECK(!network.contains(*below));
            if (const auto above = network.last().next()) CHECK(!network.contains(*above));

            const std::string text = first.to_string() + '/';
            CHECK(network.to_string() == text + std::to_string(prefix));
            CHECK(net::network{text + std::to_string(prefix)} == network);
            CHECK(net::network{text + network.netmask().to_string()} == network);
            if (prefix > 0 && prefix < 32) CHECK(net::network{text + network.hostmask().to_string()} == network);
        }
    }
}

TEST_CASE("an IPv6 network answers as an IPv4 one but for its broadcast and its numbers beyond 64 bits") {
    struct row {
        unsigned prefix;
        std::string_view first, last, netmask, hostmask, first_host, last_host;
        std::string_view count;
        std::optional<std::uint64_t> addresses, hosts;
    };
    constexpr std::uint64_t half = std::uint64_t{1} << 63;
    // clang-format off
    static constexpr row table[]{
        {0, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "340282366920938463463374607431768211456", {}, {}},
        {1, "::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1",
         "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "170141183460469231731687303715884105728", {}, {}},
        {63, "2001:db8:1:2::", "2001:db8:1:3:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:fffe::", "::1:ffff:ffff:ffff:ffff",
         "2001:db8:1:2::1", "2001:db8:1:3:ffff:ffff:ffff:ffff", "36893488147419103232", {}, {}},
        {64, "2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::", "::ffff:ffff:ffff:ffff",
         "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "18446744073709551616", {}, {}},
        {65, "2001:db8:1:2::", "2001:db8:1:2:7fff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:8000::",
         "::7fff:ffff:ffff:ffff", "2001:db8:1:2::1", "2001:db8:1:2:7fff:ffff:ffff:ffff", "9223372036854775808", half,
         half - 1},
        {126, "2001:db8:1:2:3:4:5:4", "2001:db8:1:2:3:4:5:7", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc", "::3",
         "2001:db8:1:2:3:4:5:5", "2001:db8:1:2:3:4:5:7", "4", 4, 3},
        {127, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:7", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "::1",
         "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:7", "2", 2, 2},
        {128, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::",
         "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "1", 1, 1},
    };
    // clang-format on
    for (const row& expected : table) {
        CAPTURE(expected.prefix);
        const net::ip_address address{"2001:db8:1:2:3:4:5:6"};
        const net::network network{address, expected.prefix, net::host_bits::cleared};
        CHECK(network.is_v6());
        CHECK(network.host_width() == 128 - expected.prefix);
        CHECK(network.first().to_string() == expected.first);
        CHECK(network.last().to_string() == expected.last);
        CHECK(network.netmask().to_string() == expected.netmask);
        CHECK(network.hostmask().to_string() == expected.hostmask);
        CHECK(network.first_host().to_string() == expected.first_host);
        CHECK(network.last_host().to_string() == expected.last_host);
        CHECK(network.address_count_string() == expected.count);
        CHECK(network.address_count() == expected.addresses);
        CHECK(network.host_count() == expected.hosts);
        CHECK(!network.broadcast());
        CHECK(network.contains(address));
        if (const auto below = network.first().previous()) CHECK(!network.contains(*below));
        if (const auto above = network.last().next()) CHECK(!network.contains(*above));
    }
}

TEST_CASE("an index counts from the first address of a network") {
    const net::network block = "2001:db8::/64"_net;
    CHECK(block[0] == "2001:db8::"_ip);
    CHECK(block[0xffff'ffff'ffff'ffff] == block.last());
    CHECK("2001:db8::ffff:ffff:ffff:0/112"_net[0xffff] == "2001:db8::ffff:ffff:ffff:ffff"_ip);
    CHECK("::/0"_net[0xffff'ffff'ffff'ffff] == "::ffff:ffff:ffff:ffff"_ip);
    CHECK("2001:db8::/65"_net[0x7fff'ffff'ffff'ffff] == "2001:db8::7fff:ffff:ffff:ffff"_ip);
    CHECK_THROWS_WITH("2001:db8::/65"_net[0x8000'0000'0000'0000], "an index beyond the last address of the network");
    CHECK_THROWS_AS("192.0.2.1/32"_net[1], std::out_of_range);
}

TEST_CASE("an index that is negative or no whole number is not converted to one that is") {
    constexpr auto refuses = [](const net::network& block, auto index) {
        try {
            static_cast<void>(block[index]);
        } catch (const std::out_of_range&) {
            return true;
        }
        return false;
    };
    for (const net::network& block : {"10.0.0.0/8"_net, "2001:db8::/64"_net, "2001:db8::/32"_net, "::/0"_net}) {
        CAPTURE(block);
        CHECK(refuses(block, -1));
        CHECK(refuses(block, std::int64_t{-1}));
        CHECK(refuses(block, std::numeric_limits<std::int64_t>::min()));
        CHECK(refuses(block, static_cast<signed char>(-128)));
        CHECK(block[0] == block.first());
        CHECK(block[std::uint8_t{255}] == block[255]);
        CHECK(block[std::int64_t{255}] == block[255u]);
    }
    CHECK(refuses("10.0.0.0/8"_net, 1u << 24));
    CHECK("2001:db8::/32"_net[std::numeric_limits<std::uint64_t>::max()] == "2001:db8::ffff:ffff:ffff:ffff"_ip);
    const auto takes = []<class Index>(Index) {
        return requires(const net::network& n, Index i) { n[i]; };
    };
    CHECK(takes(1L));
    CHECK_FALSE(takes(1.5));
}

TEST_CASE("a network drops the zone of its address") {
    const net::network block{"fe80::1%eth0"_ip, 64, net::host_bits::cleared};
    CHECK(block == "fe80::/64"_net);
    CHECK(block.address().v6().zone().empty());
    CHECK(block.contains("fe80::1%eth0"_ip));
    CHECK(block.contains("fe80::1%eth1"_ip));
}

TEST_CASE("a network holds no address of the other family") {
    CHECK(!"192.0.2.0/24"_net.contains("::ffff:192.0.2.1"_ip));
    CHECK("192.0.2.0/24"_net.contains("::ffff:192.0.2.1"_ip.unmapped()));
    CHECK(!"::ffff:192.0.2.0/120"_net.contains("192.0.2.1"_ip));
    CHECK(!"0.0.0.0/0"_net.contains("::"_ip));
    CHECK(!"::/0"_net.contains("0.0.0.0"_ip));
    CHECK(!"::/0"_net.contains("0.0.0.0/0"_net));
    CHECK(!"::/0"_net.overlaps("0.0.0.0/0"_net));
}

TEST_CASE("a network that cannot be is refused") {
    CHECK_THROWS_WITH((net::network{"10.0.0.0"_ip, 33}), "prefix length beyond the width of the address");
    CHECK_THROWS_WITH((net::network{"10.0.0.0"_ip, 256 + 8}), "prefix length beyond the width of the address");
    CHECK_THROWS_WITH((net::network{"::"_ip, 129}), "prefix length beyond the width of the address");
    CHECK_THROWS_WITH((net::network{"10.0.0.1"_ip, 8}), "bits are set in the host part of the address of a network");
    CHECK_THROWS_AS((net::network{"10.0.0.1"_ip, 33, net::host_bits::cleared}), std::invalid_argument);
    CHECK(net::network{"10.0.0.1"_ip, 8, net::host_bits::cleared} == "10.0.0.0/8"_net);
}

TEST_CASE("networks sort by address and then the larger first") {
    const std::vector<net::network> sorted{"0.0.0.0/0"_net,   "0.0.0.0/8"_net, "10.0.0.0/8"_net, "10.0.0.0/24"_net,
                                           "10.0.1.0/24"_net, "::/0"_net,      "::/128"_net,     "2001:db8::/32"_net};
    CHECK(std::ranges::is_sorted(sorted));
}

TEST_CASE("a supernet is the shorter prefix around a network") {
    CHECK("192.0.2.128/25"_net.supernet(24) == "192.0.2.0/24"_net);
    CHECK("192.0.2.128/25"_net.supernet(25) == "192.0.2.128/25"_net);
    CHECK("192.0.2.128/25"_net.supernet(0) == "0.0.0.0/0"_net);
    CHECK("2001:db8:ffff::/48"_net.supernet(32) == "2001:db8::/32"_net);
    CHECK_THROWS_WITH("192.0.2.128/25"_net.supernet(26), "the prefix of a supernet is not longer than the network's");
}

template <class Range>
std::vector<std::string> texts_of(const Range& range) {
    std::vector<std::string> texts;
    for (const auto& item : range) texts.push_back(item.to_string());
    return texts;
}

TEST_CASE("subnets follow each other and fill the network") {
    using texts = std::vector<std::string>;
    CHECK(texts_of("192.0.2.0/24"_net.subnets(26)) ==
          texts{"192.0.2.0/26", "192.0.2.64/26", "192.0.2.128/26", "192.0.2.192/26"});
    CHECK(texts_of("192.0.2.0/24"_net.subnets(24)) == texts{"192.0.2.0/24"});
    CHECK(texts_of("0.0.0.0/0"_net.subnets(1)) == texts{"0.0.0.0/1", "128.0.0.0/1"});
    CHECK(texts_of("0.0.0.0/0"_net.subnets(0)) == texts{"0.0.0.0/0"});
    CHECK(texts_of("255.255.255.254/31"_net.subnets(32)) == texts{"255.255.255.254/32", "255.255.255.255/32"});
    CHECK(texts_of("::/0"_net.subnets(2)) == texts{"::/2", "4000::/2", "8000::/2", "c000::/2"});
    CHECK(texts_of("2001:db8:0:fffe::/63"_net.subnets(64)) == texts{"2001:db8:0:fffe::/64", "2001:db8:0:ffff::/64"});
    CHECK(std::ranges::distance("10.0.0.0/8"_net.subnets(24)) == 65'536);
    // However many there are, they take no memory: of 2^96 the first is at hand.
    CHECK(*"2001:db8::/32"_net.subnets(128).begin() == "2001:db8::/128"_net);

    CHECK_THROWS_WITH("10.0.0.0/8"_net.subnets(7), "the prefix of a subnet is not shorter than the network's");
    CHECK_THROWS_WITH("10.0.0.0/8"_net.subnets(33), "prefix length beyond the width of the address");
}

TEST_CASE("hosts are the addresses that a host may have") {
    using texts = std::vector<std::string>;
    CHECK(texts_of("192.0.2.0/29"_net.hosts()) ==
          texts{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"});
    CHECK(texts_of("192.0.2.4/30"_net.hosts()) == texts{"192.0.2.5", "192.0.2.6"});
    CHECK(texts_of("255.255.255.252/30"_net.hosts()) == texts{"255.255.255.253", "255.255.255.254"});
    CHECK(texts_of("192.0.2.4/31"_net.hosts()) == texts{"192.0.2.4", "192.0.2.5"});
    CHECK(texts_of("255.255.255.255/32"_net.hosts()) == texts{"255.255.255.255"});
    CHECK(texts_of("2001:db8::/126"_net.hosts()) == texts{"2001:db8::1", "2001:db8::2", "2001:db8::3"});
    CHECK(texts_of("2001:db8::/127"_net.hosts()) == texts{"2001:db8::", "2001:db8::1"});
    CHECK(texts_of("2001:db8::5/128"_net.hosts()) == texts{"2001:db8::5"});
    CHECK(texts_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"_net.hosts()) ==
          texts{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"});
    CHECK(std::ranges::distance("10.0.0.0/16"_net.hosts()) == 65'534);
}

static_assert(std::ranges::forward_range<net::ip_range<net::ip_address>>);
static_assert(std::ranges::forward_range<net::ip_range<net::network>>);
static_assert(std::ranges::common_range<net::ip_range<net::ip_address>>);
static_assert(std::is_same_v<std::ranges::range_value_t<net::ip_range<net::network>>, net::network>);

TEST_CASE("the neighbour of a zoned address that is IPv4-mapped has no zone and can be read back") {
    const auto mapped = "::fffe:ffff:ffff%eth0"_ip.next();
    REQUIRE(mapped);
    CHECK(mapped->to_string() == "::ffff:0.0.0.0");
    CHECK("fe80::1%eth0"_ip.next()->to_string() == "fe80::2%eth0");
}

TEST_CASE("a range of addresses can be walked more than once") {
    const auto range = "10.0.0.0/23"_net.hosts();
    CHECK(std::ranges::distance(range) == 510);
    CHECK(std::ranges::equal(range, range));
    CHECK(std::ranges::find(range, "10.0.1.0"_ip) != range.end());
    CHECK(std::ranges::find(range, "10.0.1.255"_ip) == range.end());
    const std::set<net::ip_address> collected(range.begin(), range.end());
    CHECK(collected.size() == 510);
    auto at = range.begin();
    const auto before = at++;
    CHECK(*before == "10.0.0.1"_ip);
    CHECK(*at == "10.0.0.2"_ip);
    CHECK(before == range.begin());
    CHECK(at != before);
    CHECK(net::ip_range<net::ip_address>::iterator{} == net::ip_range<net::ip_address>::iterator{});
}

TEST_CASE("the smallest prefix for so many hosts is found") {
    struct row {
        std::uint64_t hosts;
        std::optional<unsigned> prefix;
    };
    constexpr std::uint64_t all = std::uint64_t{1} << 32;
    // clang-format off
    static constexpr row table[]{
        {0, 32}, {1, 32}, {2, 31}, {3, 29}, {6, 29}, {7, 28}, {254, 24}, {255, 23}, {510, 23}, {1500, 21},
        {2046, 21}, {2047, 20}, {65'534, 16}, {65'535, 15}, {16'777'214, 8}, {16'777'215, 7},
        {all / 2 - 2, 1}, {all / 2 - 1, 0}, {all - 2, 0}, {all - 1, {}}, {all, {}}, {~std::uint64_t{0}, {}},
    };
    // clang-format on
    for (const auto& [hosts, prefix] : table) {
        CAPTURE(hosts);
        CHECK(net::network::prefix_length_for_hosts(hosts) == prefix);
    }
}

// ---- Lists of networks, against brute force ----------------------------------------------------------------

// Small worlds of 256 addresses, one of each family, in which a set of addresses is a set of bits.
using world = std::bitset<256>;

const net::network small_ipv4 = "198.51.100.0/24"_net;
const net::network small_ipv6 = "2001:db8::/120"_net;

world bits_of(const net::network& block, const net::network& within) {
    world bits;
    for (unsigned i = 0; i < 256; ++i) bits[i] = block.contains(within[i]);
    return bits;
}

// The fewest blocks that hold exactly these addresses: at each, the largest block that fits.
std::vector<net::network> cover(const world& bits, const net::network& within) {
    std::vector<net::network> blocks;
    for (unsigned at = 0; at < 256;) {
        unsigned size = 256;
        const auto fits = [&] {
            if (at % size != 0) return false;
            for (unsigned i = at; i < at + size; ++i)
                if (!bits[i]) return false;
            return true;
        };
        while (size > 0 && !fits()) size /= 2;
        if (size > 0)
            blocks.emplace_back(within[at], within.address().width() - static_cast<unsigned>(std::countr_zero(size)));
        at += std::max(size, 1u);
    }
    return blocks;
}

net::network random_block(const net::network& within, std::mt19937& random) {
    const unsigned prefix = within.prefix_length() + static_cast<unsigned>(random() % 9);
    return {within[random() % 256], prefix, net::host_bits::cleared};
}

TEST_CASE("containing and overlapping agree with sets of addresses") {
    std::mt19937 random{1};
    for (int i = 0; i < 2000; ++i) {
        const net::network a = random_block(small_ipv4, random), b = random_block(small_ipv4, random);
        const world in_a = bits_of(a, small_ipv4), in_b = bits_of(b, small_ipv4);
        CAPTURE(a, b);
        CHECK(a.contains(b) == ((in_a & in_b) == in_b));
        CHECK(a.overlaps(b) == (in_a & in_b).any());
        CHECK(a.overlaps(b) == b.overlaps(a));
    }
}

template <class... Arguments>
std::vector<net::network> summarized(const Arguments&... arguments) {
    std::vector<net::network> blocks;
    net::summarize(arguments..., std::back_inserter(blocks));
    return blocks;
}

TEST_CASE("a range is summarized by the fewest networks that hold exactly its addresses") {
    for (const net::network& within : {small_ipv4, small_ipv6}) {
        for (unsigned first = 0; first < 256; first += 3) {
            for (unsigned last = first; last < 256; last += 1 + last % 7) {
                world bits;
                for (unsigned i = first; i <= last; ++i) bits.set(i);
                CAPTURE(within, first, last);
                CHECK(summarized(within[first], within[last]) == cover(bits, within));
            }
        }
    }
}

TEST_CASE("a range lies in one zone") {
    const auto refuses = [](const net::ip_address& first, const net::ip_address& last) {
        std::vector<net::network> blocks;
        try {
            net::summarize(first, last, std::back_inserter(blocks));
        } catch (const std::invalid_argument&) {
            return blocks.empty();
        }
        return false;
    };
    const net::ip_address addresses[]{"fe80::1"_ip, "fe80::1%a"_ip, "fe80::1%b"_ip, "fe80::9%a"_ip, "fe80::9"_ip};
    for (const auto& first : addresses)
        for (const auto& last : addresses) {
            CAPTURE(first, last);
            CHECK(refuses(first, last) == (first.v6().zone() != last.v6().zone() || last < first));
        }
    std::vector<net::network> blocks;
    net::summarize("fe80::%a"_ip, "fe80::1%a"_ip, std::back_inserter(blocks));
    CHECK(blocks == std::vector{"fe80::/127"_net});
}

TEST_CASE("ranges known from books and the largest ranges are summarized") {
    using texts = std::vector<std::string>;
    const auto in_texts = [](const char* first, const char* last) {
        return texts_of(summarized(net::ip_address{first}, net::ip_address{last}));
    };
    CHECK(in_texts("192.0.2.0", "192.0.2.130") == texts{"192.0.2.0/25", "192.0.2.128/31", "192.0.2.130/32"});
    CHECK(in_texts("10.0.0.0", "10.255.255.255") == texts{"10.0.0.0/8"});
    CHECK(in_texts("192.0.2.1", "192.0.2.1") == texts{"192.0.2.1/32"});
    CHECK(in_texts("9.255.255.255", "10.0.0.0") == texts{"9.255.255.255/32", "10.0.0.0/32"});
    CHECK(in_texts("0.0.0.0", "255.255.255.255") == texts{"0.0.0.0/0"});
    CHECK(in_texts("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == texts{"::/0"});
    CHECK(in_texts("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") ==
          texts{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"});
    CHECK(in_texts("::ffff:ffff:ffff:ffff", "0:0:0:1::") == texts{"::ffff:ffff:ffff:ffff/128", "0:0:0:1::/128"});
    CHECK(in_texts("fe80::1%eth0", "fe80::2%eth0") == texts{"fe80::1/128", "fe80::2/128"});
    CHECK(in_texts("0.0.0.1", "255.255.255.254").size() == 62);
    CHECK(in_texts("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").size() == 254);
    CHECK_THROWS_WITH(in_texts("10.0.0.1", "10.0.0.0"), "not a range of addresses");
    CHECK_THROWS_WITH(in_texts("10.0.0.1", "::ffff:10.0.0.2"), "not a range of addresses");
}

constexpr bool summarizes_at_compile_time() {
    std::array<net::network, 62> blocks{};
    return net::summarize("192.0.2.0"_ip, "192.0.2.130"_ip, blocks.begin()) == blocks.begin() + 3 &&
           blocks[0] == "192.0.2.0/25"_net;
}
static_assert(summarizes_at_compile_time());

TEST_CASE("a list of networks collapses to the fewest that hold exactly their addresses") {
    std::mt19937 random{2};
    for (int i = 0; i < 3000; ++i) {
        std::vector<net::network> blocks;
        world four, six;
        // Mostly small blocks, or one large one would hold all others.
        for (auto count = random() % 60; count > 0; --count) {
            const net::network& within = random() % 3 == 0 ? small_ipv6 : small_ipv4;
            const net::network block =
                random() % 8 == 0 ? random_block(within, random)
                                  : net::network{within[random() % 256],
                                                 within.address().width() - static_cast<unsigned>(random() % 3),
                                                 net::host_bits::cleared};
            (within.is_v6() ? six : four) |= bits_of(block, within);
            blocks.push_back(block);
        }
        std::vector<net::network> expected = cover(four, small_ipv4);
        for (const net::network& block : cover(six, small_ipv6)) expected.push_back(block);
        const std::span<net::network> left = net::collapse(blocks);
        CHECK(std::ranges::equal(left, expected));
        CHECK(left.data() == blocks.data());
    }
}

TEST_CASE("a list collapses to nothing or to a whole family") {
    CHECK(net::collapse({}).empty());
    std::vector<net::network> halves{"128.0.0.0/1"_net, "8000::/1"_net, "0.0.0.0/1"_net, "::/1"_net, "10.0.0.0/8"_net};
    CHECK(texts_of(net::collapse(halves)) == std::vector{"0.0.0.0/0"s, "::/0"s});
    std::vector<net::network> ends{"255.255.255.255/32"_net, "::/128"_net,
                                   "0.0.0.0/32"_net};  // no neighbours across families
    CHECK(texts_of(net::collapse(ends)) == std::vector{"0.0.0.0/32"s, "255.255.255.255/32"s, "::/128"s});
}

std::vector<net::network> excluded(const net::network& outer, const net::network& inner) {
    std::vector<net::network> blocks;
    net::exclude(outer, inner, std::back_inserter(blocks));
    return blocks;
}

TEST_CASE("what is left without a network is written from the largest to the smallest") {
    CHECK(texts_of(excluded("192.0.2.0/28"_net, "192.0.2.1/32"_net)) ==
          std::vector{"192.0.2.8/29"s, "192.0.2.4/30"s, "192.0.2.2/31"s, "192.0.2.0/32"s});
    CHECK(excluded("192.0.2.0/28"_net, "192.0.2.0/28"_net).empty());
    CHECK(excluded("0.0.0.0/0"_net, "255.255.255.255/32"_net).size() == 32);
    CHECK(excluded("::/0"_net, "::1/128"_net).size() == 128);
    CHECK_THROWS_WITH(excluded("192.0.2.0/28"_net, "192.0.2.16/32"_net), "the network to exclude lies outside");
    CHECK_THROWS_WITH(excluded("192.0.2.0/28"_net, "192.0.2.0/27"_net), "the network to exclude lies outside");
    CHECK_THROWS_WITH(excluded("::/0"_net, "192.0.2.0/28"_net), "the network to exclude lies outside");
}

TEST_CASE("what is left and what was taken out are together the whole") {
    std::mt19937 random{3};
    for (int i = 0; i < 2000; ++i) {
        const net::network& within = i % 2 == 0 ? small_ipv4 : small_ipv6;
        const net::network outer = random_block(within, random);
        const net::network inner{outer[random() % *outer.address_count()],
                                 outer.prefix_length() + static_cast<unsigned>(random() % (outer.host_width() + 1)),
                                 net::host_bits::cleared};
        CAPTURE(outer, inner);
        std::vector<net::network> left = excluded(outer, inner);
        CHECK(left.size() == inner.prefix_length() - outer.prefix_length());
        CHECK(std::ranges::is_sorted(left, {}, &net::network::prefix_length));
        std::ranges::sort(left);
        CHECK(left == cover(bits_of(outer, within) & ~bits_of(inner, within), within));
    }
}

// ---- Services ----------------------------------------------------------------------------------------------

TEST_CASE("every service is found by its name and by its port") {
    for (const net::service& service : net::services) {
        CAPTURE(service.name);
        CHECK(net::find_service(service.name, service.transport) == &service);
        CHECK(net::find_service(service.port, service.transport) == &service);
        CHECK(!service.purpose.empty());
    }
    CHECK(std::ranges::is_sorted(net::services, {}, &net::service::port));
    CHECK(net::find_service("no-such-service", net::transport::tcp) == nullptr);
    CHECK(net::find_service("", net::transport::tcp) == nullptr);
    CHECK(net::find_service(0, net::transport::udp) == nullptr);
}

TEST_CASE("the ports are those of the system's services database") {
    if (!std::filesystem::exists("/etc/services")) NETNOTES_SKIP("this system has no /etc/services");
    std::size_t known = 0;
    for (const net::service& service : net::services) {
        CAPTURE(service.name);
        const servent* const entry =
            getservbyname(std::string{service.name}.c_str(), service.transport == net::transport::tcp ? "tcp" : "udp");
        if (!entry) continue;  // databases differ in what they list
        CHECK(ntohs(static_cast<std::uint16_t>(entry->s_port)) == service.port);
        ++known;
    }
    CHECK(known > net::services.size() / 2);
}

}  // namespace

// ---- A stranger's text -----------------------------------------------------------------------------------

TEST_CASE("visible text has no character that steers a terminal, ends a line or hides") {
    const std::pair<std::string, std::string> shown[] = {
        {"", ""},
        {"plain text, \"quoted\" \\ as it is", "plain text, \"quoted\" \\ as it is"},
        {"\xe6\x96\x87\xe4\xbb\xb6 \xc3\xa9 \xf0\x9f\x98\x80", "\xe6\x96\x87\xe4\xbb\xb6 \xc3\xa9 \xf0\x9f\x98\x80"},
        {"\n\r\t", R"(\n\r\t)"},
        {std::string{"\0\x01\x1b\x7f", 4}, R"(\x00\x01\x1b\x7f)"},
        {"\xc2\x80\xc2\x9b\xc2\x9f", R"(\u0080\u009b\u009f)"},  // C1
        {"\xc2\xa0", "\xc2\xa0"},                               // the character behind them
        {"\xd8\x9c", R"(\u061c)"},                              // directions
        {"\xe2\x80\x8b\xe2\x80\x8e\xe2\x80\x8f", R"(\u200b\u200e\u200f)"},
        {"\xe2\x80\xa8\xe2\x80\xa9", R"(\u2028\u2029)"},  // separators of lines
        {"\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae", R"(\u202a\u202b\u202c\u202d\u202e)"},
        {"\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9", R"(\u2066\u2067\u2068\u2069)"},
        {"\xef\xbb\xbf\xef\xbf\xbe\xef\xbf\xbf", R"(\ufeff\ufffe\uffff)"},
        {"\xf3\xa0\x81\x81", R"(\U000e0041)"},  // a tag
        {"\xf4\x8f\xbf\xbf", R"(\U0010ffff)"},
        // No UTF-8: alone, cut off, longer than needed, surrogates, beyond the last.
        {"\x80\xbf\xff\xfe", R"(\x80\xbf\xff\xfe)"},
        {"\x9b"
         "2J",
         R"(\x9b2J)"},
        {"a\xe6\x96", R"(a\xe6\x96)"},
        {"\xe6\x96z", R"(\xe6\x96z)"},
        {"\xc0\x8a\xc1\xbf\xe0\x80\x8a\xf0\x80\x80\x8a", R"(\xc0\x8a\xc1\xbf\xe0\x80\x8a\xf0\x80\x80\x8a)"},
        {"\xed\xa0\x80\xed\xbf\xbf", R"(\xed\xa0\x80\xed\xbf\xbf)"},
        {"\xf4\x90\x80\x80\xf5\x80\x80\x80", R"(\xf4\x90\x80\x80\xf5\x80\x80\x80)"},
    };
    for (const auto& [text, expected] : shown) {
        CHECK(net::visible(text) == expected);
        CHECK(net::visible(net::visible(text)) == expected);
    }
}
TEST_CASE("quoted text cannot pretend to have ended") {
    CHECK(net::quoted("") == R"("")");
    CHECK(net::quoted("f") == R"("f")");
    CHECK(net::quoted(R"(x": 5 bytes)") == R"("x\": 5 bytes")");
    CHECK(net::quoted(R"(\")") == R"("\\\"")");
    CHECK(net::quoted("a\nb\xe2\x80\xae\xff") == R"("a\nb\u202e\xff")");
    // No two texts look alike.
    CHECK(net::quoted(R"(\n)") != net::quoted("\n"));
    CHECK(net::quoted(R"(\x9b)") != net::quoted("\x9b"));
    for (int c = 0; c < 256; ++c) {
        const std::string shown = net::quoted(std::string(1, static_cast<char>(c)));
        for (const char each : shown) CHECK((each >= ' ' && each <= '~'));
    }
}

// The numbers of the notes, put right. A rule for a value that the compiler knows is a static_assert.
// SPDX-License-Identifier: MIT

#include "ip.hpp"

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

// Class B: "128.1.0.1 to 191.255.255.254", with 16,384 networks. The number includes 128.0. It was reserved once, like
// 191.255 (RFC 3330 §3), and is not any more (RFC 5735 §4).
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

TEST_CASE("a program that reads the networks of the notes gets the same numbers as the compiler") {
    const auto hosts_of = [](const std::string& text) { return net::network{text}.host_count(); };
    CHECK(hosts_of("10.0.0.0/8") == 16'777'214u);  // the notes: 1,677,214
    CHECK(hosts_of("172.16.0.0/16") == 65'534u);
    CHECK(hosts_of("192.168.1.0/255.255.255.0") == 254u);
    CHECK(hosts_of("10.0.0.0/255.255.248.0") == 2'046u);  // 1,500 computers
    CHECK(hosts_of("192.168.1.0/31") == 2u);               // the notes: always two fewer
}

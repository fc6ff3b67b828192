// examples/02_ip_addresses/demo.cpp: an address is a number, and the number has a meaning
//
// Takes addresses apart: the number, its bits, the class, the special-purpose range, and an IPv4 address inside an IPv6
// address. Without an argument it is a tour of the notes' statements about addresses, with corrections. It uses ip.hpp
// and makes no system call.
//
// The notes:     IP地址 (IP addresses), A类IP地址 to E类IP地址 (the classes A to E), 私有ip (private addresses),
//                注意 (loopback)
// Type:          demo                                 the tour
//                demo 192.168.1.77 2001:db8::1        the details of these two addresses
//                demo - < addresses.txt               a table for other programs, one line for each address
// You will see:  what demo.txt shows: the table of the classes with the right numbers, addresses that are not global,
//                texts that only look like an address, and the canonical text of IPv6 addresses

#include "../demo.hpp"

#include <netnotes/ip.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <iomanip>
#include <span>

using namespace net::literals;
using example::heading;
using example::say;

namespace {

constexpr std::string_view help =
    "usage: demo [ADDRESS...]\n"
    "       demo -\n"
    "\n"
    "Without an argument: a tour of IPv4 and IPv6 addresses.\n"
    "ADDRESS...  shows the details of each address. A text that is no address is reported on standard error.\n"
    "            Then the exit status is 1, but the other addresses are shown.\n"
    "-           reads one address from each line of standard input and writes a line of tab-separated fields:\n"
    "                input, canonical form, version, class, properties\n"
    "            or, if the line is no address,\n"
    "                input, invalid, reason\n"
    "            The version is 4 or 6. The class is A to E, or '-' for IPv6. Commas separate the properties,\n"
    "            and '-' means that there is no property. A carriage return at the end of a line is dropped.\n"
    "            In the repeated input, \\x1b and the like stand for control characters. '...' stands for the\n"
    "            bytes after the first 256. Invalid lines do not change the exit status.\n";

// ---- The parts of an address --------------------------------------------------------------------------------

/// Asks a question that only ipv4_address has, also for ::ffff:a.b.c.d. A filter must not depend on how an address is
/// written.
bool ask_ipv4(const net::ip_address& address, bool (net::ipv4_address::*question)() const noexcept) {
    const net::ip_address plain = address.unmapped();
    return plain.is_v4() && (plain.v4().*question)();
}

struct property {
    std::string_view name;
    bool (*holds)(const net::ip_address&);
};
constexpr std::array<property, 15> properties{{
    {"unspecified", [](auto& a) { return a.is_unspecified(); }},
    {"loopback", [](auto& a) { return a.is_loopback(); }},
    {"private", [](auto& a) { return a.is_private(); }},
    {"link-local", [](auto& a) { return a.is_link_local(); }},
    {"multicast", [](auto& a) { return a.is_multicast(); }},
    {"reserved", [](auto& a) { return a.is_reserved(); }},
    {"documentation", [](auto& a) { return a.is_documentation(); }},
    {"benchmarking", [](auto& a) { return a.is_benchmarking(); }},
    {"shared", [](auto& a) { return ask_ipv4(a, &net::ipv4_address::is_shared); }},
    {"broadcast", [](auto& a) { return ask_ipv4(a, &net::ipv4_address::is_broadcast); }},
    {"site-local", [](auto& a) { return a.is_v6() && a.v6().is_site_local(); }},
    {"ipv4-mapped", [](auto& a) { return a.is_v6() && a.v6().ipv4_mapped().has_value(); }},
    {"6to4", [](auto& a) { return a.is_v6() && a.v6().six_to_four().has_value(); }},
    {"teredo", [](auto& a) { return a.is_v6() && a.v6().teredo().has_value(); }},
    {"global", [](auto& a) { return a.is_global(); }},
}};

std::string properties_of(const net::ip_address& address) {
    std::string names;
    for (const auto& [name, holds] : properties)
        if (holds(address)) names.append(names.empty() ? "" : ",").append(name);
    return names.empty() ? "-" : names;
}

char class_letter(net::ipv4_address address) { return static_cast<char>(address.address_class()); }

/// Returns a text such as "192.168.0.0/16, Private-Use (RFC 1918), not globally reachable".
std::string registry_row(const net::ip_address& address) {
    const net::special_range* const range = net::find_special_range(address);
    if (!range) return address.is_multicast() ? "none: a multicast group" : "none: an ordinary address";
    return range->block.to_string() + ", " + std::string{range->name} + " (" + std::string{range->reference} + "), " +
           (range->globally_reachable ? "globally reachable" : "not globally reachable");
}

/// Returns the number in decimal. No type of the language holds 128 bits, so it computes digit by digit.
std::string decimal(std::span<const std::uint8_t> octets) {
    std::string digits{"0"};  // the lowest digit first
    for (unsigned carry : octets) {
        for (char& digit : digits) {
            carry += static_cast<unsigned>(digit - '0') * 256;
            digit = static_cast<char>('0' + carry % 10);
            carry /= 10;
        }
        for (; carry > 0; carry /= 10) digits += static_cast<char>('0' + carry % 10);
    }
    return {digits.rbegin(), digits.rend()};
}

std::string grouped(std::uint32_t number) {  // 16777214 is 16,777,214
    std::string text = std::to_string(number);
    for (std::size_t place = text.size(); place > 3;) text.insert(place -= 3, 1, ',');
    return text;
}

template <class... Parts>
void fact(std::string_view name, const Parts&... parts) {
    say("  ", std::left, std::setw(16), name, parts...);
}

void binary_fact(std::span<const std::uint8_t> octets) {
    for (std::size_t line = 0; line < octets.size(); line += 8) {
        std::string bits;
        for (const std::uint8_t octet : octets.subspan(line, std::min<std::size_t>(8, octets.size())))
            bits += std::bitset<8>{octet}.to_string() + ' ';
        bits.pop_back();
        fact(line == 0 ? "in binary" : "", bits);
    }
}

void describe(net::ipv4_address address) {
    const auto octets = address.to_octets();
    fact("version", 4);
    fact("as a number", decimal(octets), " = 0x", std::hex, std::setfill('0'), std::right, std::setw(8),
         address.to_uint(), std::dec, std::setfill(' '));
    binary_fact(octets);
    const auto& range = net::ipv4_class_ranges[static_cast<std::size_t>(class_letter(address) - 'A')];
    fact("class", class_letter(address), ": it begins with ", range.leading_bits);
}

void describe(const net::ipv6_address& address) {
    const auto octets = address.to_octets();
    fact("version", 6);
    fact("all its digits", address.exploded());
    fact("as a number", decimal(octets));
    binary_fact(octets);
    if (!address.zone().empty()) fact("zone", address.zone(), ": on a different link it is a different address");
    if (const auto inside = address.ipv4_mapped())
        fact("holds", *inside, ", IPv4-mapped; registry row of that: ", registry_row(*inside));
    if (const auto inside = address.six_to_four()) fact("holds", *inside, ", the router of a 6to4 site");
    if (const auto inside = address.teredo())
        fact("holds", inside->server, " and ", inside->client, ", server and client of Teredo");
}

void describe(const net::ip_address& address) {
    say(address);
    address.visit([](const auto& either) { describe(either); });
    fact("registry row", registry_row(address));
    fact("properties", properties_of(address));
    fact("name in DNS", address.reverse_pointer());
}

// ---- The tour ------------------------------------------------------------------------------------------

void tour_numbers() {
    heading("IP地址: an address is a number");
    say("The notes call an IP address a string of digits that marks a computer. It is a number of 32 bits\n"
        "(128 in IPv6), and it marks an interface. A computer has an interface for its network card, for its\n"
        "radio and for loopback (RFC 1122 §3.3.4.1). The program my_addresses lists them.\n");
    describe("192.168.1.1"_ip);
}

void tour_classes() {
    heading("A类IP地址 至 E类IP地址: the classes A to E");
    say("Until 1993 the first bits of an address told the length of its network part. Here is the table, computed,\n"
        "with the notes' numbers below each line:\n");
    const auto line = [](auto name, auto bits, auto from, auto to, const auto& networks, const auto& hosts) {
        say(std::left, std::setw(7), name, std::setw(6), bits, std::setw(11), from, std::setw(17), to, std::right,
            std::setw(9), networks, std::setw(15), hosts);
    };
    constexpr const char* notes[][4] = {{"1.0.0.1", "126.255.255.254", "126", "1,677,214"},
                                        {"128.1.0.1", "191.255.255.254", "16,384", "65,534"},
                                        {"192.0.1.1", "223.255.255.254", "2,097,152", "254"},
                                        {"224.0.0.1", "239.255.255.254", "-", "-"},
                                        {"-", "-", "-", "-"}};
    line("class", "bits", "from", "to", "networks", "hosts in each");
    for (std::size_t i = 0; i < net::ipv4_class_ranges.size(); ++i) {
        const auto& [letter, block, bits, network_octets, networks, hosts] = net::ipv4_class_ranges[i];
        const bool divided = network_octets > 0;
        line(static_cast<char>(letter), bits, block.first(), block.last(), divided ? grouped(networks) : "-",
             divided ? grouped(hosts) : "-");
        line("", "notes", notes[i][0], notes[i][1], notes[i][2], notes[i][3]);
    }
    static_assert((1u << 24) - 2 == 16'777'214);
    static_assert(net::ipv4_address{0b11011111'11111111'11111110'11111110} == net::ipv4_address{223, 255, 254, 254});
    say("\nA: the notes say 1,677,214 hosts, but 2^24 - 2 is 16,777,214. The class begins at 0.0.0.0. Of its 128\n"
        "   networks, 0 and 127 have a special meaning, so 126 networks remain (RFC 6890).\n"
        "B: the number 16,384 is right. It counts 128.0.0.0/16, which the notes' range leaves out. That network\n"
        "   was reserved once and is ordinary now (RFC 5735).\n"
        "C: the number 2,097,152 counts 192.0.0.0/24, which is reserved for protocols (RFC 6890). In binary the\n"
        "   notes end the class with 11011111 11111111 11111110 11111110. That is 223.255.254.254.\n"
        "   For all classes the notes print the first and the last host, not the ends of the class.\n"
        "D: all of 224.0.0.0/4. A group has no hosts, so no address is left out (RFC 1112 §4).\n"
        "E: 240.0.0.0/4 is reserved, but it contains the limited broadcast, 255.255.255.255 (RFC 919 §7).");

    std::array<unsigned, 5> counted{};
    for (unsigned octet = 0; octet < 256; ++octet)
        ++counted[static_cast<std::size_t>(class_letter(net::ipv4_address{octet << 24}) - 'A')];
    std::string counts;
    for (std::size_t i = 0; i < counted.size(); ++i)
        counts += std::string{i == 0 ? ": " : ", "} + static_cast<char>('A' + i) + ' ' + std::to_string(counted[i]);
    say("\nCounted over all 256 first octets", counts, '.');
    say("Today a network has the length that it needs (CIDR, RFC 4632): lesson 03.");
}

void tour_private() {
    heading("私有ip: private addresses, and others that are not global");
    say("The notes' three private ranges are right (RFC 1918). Here are their ends and the neighbours:\n");
    for (const net::network block : {"10.0.0.0/8"_net, "172.16.0.0/12"_net, "192.168.0.0/16"_net}) {
        std::cout << "  " << std::left << std::setw(15) << block;
        for (const auto& address : {*block.first().previous(), block.first(), block.last(), *block.last().next()})
            std::cout << "  " << address << (address.is_private() ? " yes" : " no");
        say();
    }
    say("\nMore addresses cannot be reached from everywhere:\n");
    for (const net::ip_address& address :
         {"100.64.0.1"_ip, "169.254.7.7"_ip, "192.0.2.1"_ip, "192.0.0.9"_ip, "198.18.0.1"_ip, "255.255.255.255"_ip,
          "8.8.8.8"_ip, "fd00::1"_ip, "fe80::1"_ip, "2001:db8::1"_ip, "2600::1"_ip})
        say("  ", std::left, std::setw(16), address, registry_row(address));
    say("\nThe row with the longest prefix decides: 192.0.0.9 is global, the rest of 192.0.0.0/24 is not.");

    heading("注意: loopback");
    say("The notes say 127.0.0.1 to 127.255.255.255. The block is all of 127.0.0.0/8 (RFC 1122 §3.2.1.3). Two\n"
        "servers on one computer can use the same port on 127.0.0.1 and on 127.0.0.2: see lesson 04. IPv6 has a\n"
        "single loopback address, ::1.\n");
    for (const auto& address :
         {"126.255.255.255"_ip, "127.0.0.0"_ip, "127.255.255.255"_ip, "128.0.0.0"_ip, "::1"_ip, "::2"_ip})
        say("  ", std::left, std::setw(16), address, address.is_loopback() ? "loopback" : "not loopback");

    heading("D类地址用于多点广播: multicast");
    say("A socket joins a group to receive its datagrams. This is not a broadcast, because only members receive\n"
        "them. The address of a group tells how far it reaches:\n");
    const struct {
        net::ip_address group;
        std::string_view reach;
    } groups[] = {{"224.0.0.1"_ip, "this link (RFC 5771)"},
                  {"239.255.255.255"_ip, "this organisation, or less (RFC 2365)"},
                  {"224.2.0.1"_ip, "everywhere"},
                  {"ff02::1"_ip, "this link: the 2 says so (RFC 4291 §2.7)"},
                  {"ff0e::1"_ip, "everywhere: the e says so"}};
    for (const auto& [group, reach] : groups)
        say("  ", std::left, std::setw(16), group, group.is_global() ? "global      " : "not global  ", reach);
}

void tour_parsing() {
    heading("Texts that are not an address");
    say("The C library reads 192.168.010.1 as 192.168.8.1, because a leading zero means octal in C. If a filter\n"
        "and a server read a text differently, the filter is of no use (RFC 6943 §3.1.1). So netnotes takes only\n"
        "four decimal numbers, and says why it refuses a text. 1922.168.1.3 is a misprint of the notes.\n");
    for (const char* text : {"192.168.1.3", "192.168.010.1", "10.1", "0x7f.0.0.1", "1922.168.1.3", "1.2.3.256"}) {
        net::parse_failure why;
        const auto address = net::ip_address::parse(text, why);
        in_addr loose{};
        const bool taken = ::inet_aton(text, &loose) != 0;
        say("  ", std::left, std::setw(15), text, "inet_aton: ", std::setw(13),
            taken ? net::ipv4_address{ntohl(loose.s_addr)}.to_string() : "refused",
            "netnotes: ", address ? address->to_string() : why.message());
    }
}

void tour_ipv6() {
    heading("IPv6");
    say("An IPv6 address has eight groups of sixteen bits in hexadecimal. Leading zeros may be left out, and a\n"
        "run of zero groups may become '::'. So an address has many texts and a single canonical form (RFC 5952),\n"
        "here on the right. It shortens the longest run, or the first of equal runs, and never a single group.\n");
    for (const std::string_view text :
         {"2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8:0:0:1:0:0:1", "2001:db8:0:1:1:1:1:1", "0:0:0:0:0:0:0:0",
          "::ffff:c000:201", "64:ff9b::192.0.2.1", "1::2::3", "1:2:3:4:5:6:7", "12345::", "fe80::1%"}) {
        net::parse_failure why;
        const auto address = net::ip_address::parse(text, why);
        say("  ", std::left, std::setw(41), text, address ? address->to_string() : "refused: " + why.message());
    }

    say("\nA dual-stack socket shows its IPv4 peers as IPv4-mapped addresses. These are different values, but a\n"
        "filter must look at the address inside:\n");
    constexpr auto plain = "127.0.0.1"_ip, mapped = "::ffff:127.0.0.1"_ip;
    say("  ", mapped, " == ", plain, "             ", mapped == plain ? "yes" : "no");
    say("  ", mapped, ".unmapped() == ", plain, "  ", mapped.unmapped() == plain ? "yes" : "no");
    say("  ", mapped, ".is_loopback()           ", mapped.is_loopback() ? "yes" : "no");

    say("\nEvery link has its own fe80::/10, so a link-local address needs a zone: the interface (RFC 4007):\n");
    say("  fe80::1%eth0 == fe80::1%wlan0  ", "fe80::1%eth0"_ip == "fe80::1%wlan0"_ip ? "yes" : "no");

    say("\nHere are the details of an address of Teredo, which once carried IPv6 through IPv4 (RFC 4380):\n");
    describe("2001:0:4136:e378:8000:63bf:3fff:fdd2"_ip);
}

void demonstrate() {
    tour_numbers();
    tour_classes();
    tour_private();
    tour_parsing();
    tour_ipv6();
}

// ---- The other ways to use it --------------------------------------------------------------------------

/// Returns true if all texts are addresses.
bool describe_all(const std::vector<std::string>& texts) {
    bool all_valid = true;
    for (const std::string& text : texts) {
        net::parse_failure why;
        if (const auto address = net::ip_address::parse(text, why)) {
            describe(*address);
        } else {
            std::cerr << net::parse_error{"IP address", text, why}.what() << std::endl;
            all_valid = false;
        }
    }
    return all_valid;
}

void tabulate() {
    example::each_line([&](std::string_view line) {
        net::parse_failure why;
        const auto address = net::ip_address::parse(line, why);
        std::cout << example::shown(line) << '\t';
        if (!address)
            std::cout << "invalid\t" << why.message();
        else if (address->is_v4())
            std::cout << *address << "\t4\t" << class_letter(address->v4()) << '\t' << properties_of(*address);
        else
            std::cout << *address << "\t6\t-\t" << properties_of(*address);
        std::cout << '\n';
    });
}

}  // namespace

int main(int argc, char** argv) {
    bool all_valid = true;
    const int status = example::run(argc, argv, help, [&](example::arguments& words) {
        if (words.empty()) return demonstrate();
        const auto texts = words.rest();
        if (texts == std::vector<std::string>{"-"}) return tabulate();
        if (std::find(texts.begin(), texts.end(), "-") != texts.end()) throw example::usage_error{"- stands alone"};
        all_valid = describe_all(texts);
    });
    return status == 0 && !all_valid ? 1 : status;
}

// examples/02_ip_addresses/demo.cpp: an address is a number, and what the number tells
//
// Takes addresses apart: the number, its bits, the class, the special-purpose range, the IPv4 address that sits
// inside an IPv6 one. Without an argument it is a tour of what the notes say about addresses, put right where
// they are wrong. All that it knows about an address comes from ip.hpp, which asks the operating system nothing.
//
// The notes:     IP地址 (IP addresses), A类IP地址 to E类IP地址 (the classes A to E), 私有ip (private addresses),
//                注意 (loopback)
// Type:          demo                                 the tour
//                demo 192.168.1.77 2001:db8::1        all that can be said about these two
//                demo --mine                          the addresses of this computer's interfaces
//                demo - < addresses.txt               a table for other programs, a line an address
// You will see:  what demo.txt shows: the table of the classes with the right numbers, the addresses
//                that cannot be reached from everywhere, texts that only look like an address and are refused,
//                and the one canonical text of an IPv6 address that has many

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
    "       demo --mine\n"
    "       demo -\n"
    "\n"
    "Without an argument: a tour of IPv4 and IPv6 addresses.\n"
    "ADDRESS...  tells all about each address. An unreadable one is reported on standard error, the others\n"
    "            are told about all the same, and the exit status is 1.\n"
    "--mine      lists the addresses of this computer's interfaces.\n"
    "-           reads an address a line from standard input and writes a line of tab-separated fields:\n"
    "                input, canonical form, version, class, properties\n"
    "            or, for a line that is no address,\n"
    "                input, invalid, reason\n"
    "            The version is 4 or 6; the class A to E, '-' for IPv6. The properties are separated by\n"
    "            commas, '-' for none. A carriage return at the end of a line is dropped. In the input as\n"
    "            it is repeated, \\x1b and the like stand for characters that no terminal should see, and\n"
    "            '...' for what follows the first 256 bytes. Invalid lines do not change the exit status.\n";

// ---- What an address is --------------------------------------------------------------------------------

/// Two properties are questions that only IPv4 knows; they are asked of ::ffff:a.b.c.d too, as ip.hpp does
/// with the others, for a filter must not be fooled by the way in which an address is written.
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

/// 192.168.0.0/16, Private-Use (RFC 1918), not globally reachable
std::string registry_row(const net::ip_address& address) {
    const net::special_range* const range = net::find_special_range(address);
    if (!range) return address.is_multicast() ? "none: a multicast group" : "none: an ordinary address";
    return range->block.to_string() + ", " + std::string{range->name} + " (" + std::string{range->reference} + "), " +
           (range->globally_reachable ? "globally reachable" : "not globally reachable");
}

/// The number in decimal: 128 bits are too many for any type, so it is done as at school, digit by digit.
std::string decimal(std::span<const std::uint8_t> octets) {
    std::string digits{"0"};  // the lowest first
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
    if (!address.zone().empty()) fact("zone", address.zone(), ": on another link it is another address");
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
        "(128 in IPv6), and it marks an interface: a computer has one for its network card, one for its\n"
        "radio, one for loopback (RFC 1122 §3.3.4.1). `demo --mine` lists yours.\n");
    describe("192.168.1.1"_ip);
}

void tour_classes() {
    heading("A类IP地址 至 E类IP地址: the classes A to E");
    say("Until 1993 the first bits of an address said how long its network part was. The table, computed,\n"
        "and below each line what the notes print:\n");
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
    say("\nA: the notes say 1,677,214 hosts; it is 16,777,214 = 2^24 - 2. And the class begins at 0.0.0.0: of\n"
        "   its 128 networks 0 and 127 have a special meaning, so 126 are left to give out (RFC 6890).\n"
        "B: 16,384 networks is right, but it counts 128.0.0.0/16, which the range of the notes leaves out. That\n"
        "   one was reserved once and is ordinary now (RFC 5735).\n"
        "C: likewise 2,097,152 counts 192.0.0.0/24, which is kept for protocols (RFC 6890). In binary the notes\n"
        "   end the class with 11011111 11111111 11111110 11111110. That is 223.255.254.254.\n"
        "   For all classes they print the first and the last host, and not the ends.\n"
        "D: all of 224.0.0.0/4. A group has no hosts, so nothing is to be left out (RFC 1112 §4).\n"
        "E: 240.0.0.0/4, reserved; but 255.255.255.255, the limited broadcast, lies in it (RFC 919 §7).");

    std::array<unsigned, 5> counted{};
    for (unsigned octet = 0; octet < 256; ++octet)
        ++counted[static_cast<std::size_t>(class_letter(net::ipv4_address{octet << 24}) - 'A')];
    std::string counts;
    for (std::size_t i = 0; i < counted.size(); ++i)
        counts += std::string{i == 0 ? ": " : ", "} + static_cast<char>('A' + i) + ' ' + std::to_string(counted[i]);
    say("\nCounted over all 256 first octets", counts, '.');
    say("Today a network has the length that it needs (CIDR, RFC 4632): example 03.");
}

void tour_private() {
    heading("私有ip: private addresses, and what else is not global");
    say("The notes' three private ranges are right (RFC 1918). Each with its ends and their neighbours:\n");
    for (const net::network block : {"10.0.0.0/8"_net, "172.16.0.0/12"_net, "192.168.0.0/16"_net}) {
        std::cout << "  " << std::left << std::setw(15) << block;
        for (const auto& address : {*block.first().previous(), block.first(), block.last(), *block.last().next()})
            std::cout << "  " << address << (address.is_private() ? " yes" : " no");
        say();
    }
    say("\nBut they are not the only addresses that cannot be reached from everywhere:\n");
    for (const net::ip_address& address :
         {"100.64.0.1"_ip, "169.254.7.7"_ip, "192.0.2.1"_ip, "192.0.0.9"_ip, "198.18.0.1"_ip, "255.255.255.255"_ip,
          "8.8.8.8"_ip, "fd00::1"_ip, "fe80::1"_ip, "2001:db8::1"_ip, "2600::1"_ip})
        say("  ", std::left, std::setw(16), address, registry_row(address));
    say("\n192.0.0.9 shows that the row with the longest prefix decides: all around it 192.0.0.0/24 is not global.");

    heading("注意: loopback");
    say("The notes: 127.0.0.1 to 127.255.255.255. The block is 127.0.0.0/8, all of it (RFC 1122 §3.2.1.3).\n"
        "Two servers on one computer can have the same port, one on 127.0.0.1 and one on 127.0.0.2: example 04\n"
        "shows it. IPv6 has no block but a single address, ::1.\n");
    for (const auto& address :
         {"126.255.255.255"_ip, "127.0.0.0"_ip, "127.255.255.255"_ip, "128.0.0.0"_ip, "::1"_ip, "::2"_ip})
        say("  ", std::left, std::setw(16), address, address.is_loopback() ? "loopback" : "not loopback");

    heading("D类地址用于多点广播: multicast");
    say("Whoever wants to hear a group joins it. That is no broadcast: the others hear nothing. How far a group\n"
        "reaches is in its number:\n");
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
    heading("What is not an address");
    say("192.168.010.1 is 192.168.8.1 to the C library, since a leading zero means octal in C. If a filter and\n"
        "a server disagree about a text, the filter is of no use (RFC 6943 §3.1.1). So netnotes takes only the\n"
        "four numbers, and says what it dislikes. 1922.168.1.3 is a misprint of the notes.\n");
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
    say("Eight groups of sixteen bits in hexadecimal. Leading zeros may go, and one run of zero groups may\n"
        "become '::'. So an address has many texts and one canonical form (RFC 5952), here on the right: the\n"
        "longest run, the first of equals, and never a single group.\n");
    for (const std::string_view text :
         {"2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8:0:0:1:0:0:1", "2001:db8:0:1:1:1:1:1", "0:0:0:0:0:0:0:0",
          "::ffff:c000:201", "64:ff9b::192.0.2.1", "1::2::3", "1:2:3:4:5:6:7", "12345::", "fe80::1%"}) {
        net::parse_failure why;
        const auto address = net::ip_address::parse(text, why);
        say("  ", std::left, std::setw(41), text, address ? address->to_string() : "refused: " + why.message());
    }

    say("\nA dual-stack socket shows its IPv4 peers as IPv4-mapped addresses. They are other values, and yet a\n"
        "filter must see what is inside:\n");
    constexpr auto plain = "127.0.0.1"_ip, mapped = "::ffff:127.0.0.1"_ip;
    say("  ", mapped, " == ", plain, "             ", mapped == plain ? "yes" : "no");
    say("  ", mapped, ".unmapped() == ", plain, "  ", mapped.unmapped() == plain ? "yes" : "no");
    say("  ", mapped, ".is_loopback()           ", mapped.is_loopback() ? "yes" : "no");

    say("\nEvery link has its own fe80::/10, so an address there needs a zone, the interface (RFC 4007):\n");
    say("  fe80::1%eth0 == fe80::1%wlan0  ", "fe80::1%eth0"_ip == "fe80::1%wlan0"_ip ? "yes" : "no");

    say("\nAnd all that can be said about one address; Teredo once carried IPv6 through IPv4 (RFC 4380):\n");
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

/// Returns whether all of them could be read.
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

void describe_mine() {
    for (const net::network_interface& each : net::interfaces())
        for (const net::interface_address& mine : each.addresses)
            say(std::left, std::setw(16), each.name, std::setw(40), mine.address.address(),
                properties_of(mine.address.address()));
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
        const bool mine = words.flag("--mine");
        const auto texts = words.rest();
        if (mine != texts.empty()) throw example::usage_error{"--mine stands alone"};
        if (mine) return describe_mine();
        if (texts == std::vector<std::string>{"-"}) return tabulate();
        if (std::find(texts.begin(), texts.end(), "-") != texts.end()) throw example::usage_error{"- stands alone"};
        all_valid = describe_all(texts);
    });
    return status == 0 && !all_valid ? 1 : status;
}

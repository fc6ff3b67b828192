// examples/03_subnet_masks/demo.cpp: where the network part of an address ends and the host part begins
//
// A mask cuts an address into two parts. This demonstration draws the cut in binary and counts both parts. It splits
// networks, joins them, and picks the route for a destination. It uses the numbers of the notes, and shows two places
// where the notes are wrong.
//
// The notes:     子网掩码 (subnet masks), 子网掩码是“255.255.255.0”的网络 (the network of 255.255.255.0), 注意 (sizes)
// Type:          demo                                         the tour
//                demo 192.168.1.77/255.255.255.0              the details of this network
//                demo --split 26 192.168.1.0/24               its subnets of that length
//                demo --contains 10.1.2.3 10.0.0.0/8          whether it contains the address
//                demo --summarize 10.0.0.5 10.0.0.20          the fewest networks for a range
//                demo - < networks.txt                        a table for other programs
// You will see:  what demo.txt shows: 192.168.1.1 cut in two, networks of one, two, 254 and 2,046 hosts and of 2^64
//                addresses, and a table of routes

#include "../demo.hpp"

#include <netnotes/ip.hpp>

#include <algorithm>
#include <array>
#include <iomanip>
#include <iterator>

using namespace net::literals;
using example::heading;
using example::say;

namespace {

/// A split into more than 2^16 subnets is refused: 2001:db8::/32 has 2^64 subnets of length 96.
constexpr unsigned max_split_bits = 16;

constexpr std::string_view help =
    "usage: demo [NETWORK...]\n"
    "       demo --split LENGTH NETWORK...\n"
    "       demo --contains ADDRESS NETWORK...\n"
    "       demo --summarize FIRST LAST\n"
    "       demo -\n"
    "\n"
    "Without an argument: a tour of subnet masks.\n"
    "NETWORK  is written 192.168.1.0/24, 192.168.1.0/255.255.255.0 or 2001:db8::/32. An address with bits in its\n"
    "         host part stands for its network. An address without a prefix stands for a network of one address.\n"
    "         A text that is no network is reported on standard error. Then the exit status is 1, but the other\n"
    "         networks are shown.\n"
    "NETWORK...          shows mask, host mask, first and last host, broadcast address and counts.\n"
    "--split LENGTH      lists the subnets of that prefix length, one on each line. It refuses more than 65,536\n"
    "                    subnets of one network: split it in two steps.\n"
    "--contains ADDRESS  says yes or no for each network. The exit status is 0 if all networks contain the\n"
    "                    address, else 1. An IPv4-mapped address counts as an IPv6 address.\n"
    "--summarize         lists the fewest networks that hold exactly the addresses from FIRST to LAST.\n"
    "-                   reads one network from each line and writes a line of tab-separated fields:\n"
    "                        network, netmask, host mask, last address, number of addresses\n"
    "                    The last address is the broadcast address, if the network has one. A line that is\n"
    "                    no network gives\n"
    "                        input, invalid, reason\n"
    "                    A carriage return at the end of a line is dropped. In the repeated input, \\x1b and\n"
    "                    the like stand for control characters. '...' stands for the bytes after the first\n"
    "                    256. Invalid lines do not change the exit status.\n";

// ---- The parts of a network ----------------------------------------------------------------------------

/// Returns the bits of an address, with a bar where the network part ends. The 128 bits of IPv6 take two lines.
std::string drawn(const net::ip_address& address, unsigned prefix_length, std::string_view between_lines) {
    std::string bits;
    unsigned place = 0;
    address.visit([&](const auto& either) {
        for (const std::uint8_t octet : either.to_octets())
            for (int bit = 7; bit >= 0; --bit, ++place) {
                if (place == prefix_length) bits += place == 0 ? "|" : " |";
                if (place == 64)
                    bits += between_lines;
                else if (!bits.empty() && (place % 8 == 0 || place == prefix_length))
                    bits += ' ';
                bits += octet >> bit & 1 ? '1' : '0';
            }
    });
    return place == prefix_length ? bits + " |" : bits;
}

std::string grouped(std::string digits) {  // 65536 is 65,536
    for (std::size_t place = digits.size(); place > 3;) digits.insert(place -= 3, 1, ',');
    return digits;
}

std::string host_count_of(const net::network& block) {
    if (const auto hosts = block.host_count()) return grouped(std::to_string(*hosts));
    return "all but the first";  // an IPv6 network whose hosts 64 bits cannot count
}

/// Shows a network. `written` is the address that stood before the slash.
void describe(const net::network& block, const net::ip_address& written) {
    const auto row = [&](std::string_view name, const net::ip_address& address, bool drawn_for_ipv6 = false) {
        if (block.is_v4())
            say("  ", std::left, std::setw(12), name, std::setw(17), address,
                drawn(address, block.prefix_length(), ""));
        else
            say("  ", std::left, std::setw(12), name, address);
        if (block.is_v6() && drawn_for_ipv6)
            say("              ", drawn(address, block.prefix_length(), "\n              "));
    };
    say(block);
    if (written != block.address()) row("address", written, true);
    row("network", block.address(), true);
    row("netmask", block.netmask(), true);
    row("host mask", block.hostmask());
    row("first host", block.first_host());
    row("last host", block.last_host());
    if (block.broadcast()) row("broadcast", *block.broadcast());
    say("  ", std::left, std::setw(12), "addresses", grouped(block.address_count_string()), ", for hosts ",
        host_count_of(block));
}

// ---- The tour ------------------------------------------------------------------------------------------

void tour_cut() {
    heading("子网掩码: a mask cuts an address in two");
    say("Here is the notes' address 192.168.1.1 with the mask 255.255.255.0. The ones of the mask cover the\n"
        "network part, which all addresses of the network share. The zeros cover the host part:\n");
    describe(net::network{"192.168.1.1/255.255.255.0", net::host_bits::cleared}, "192.168.1.1"_ip);
    say("\nA host part of zeros names the network, and a host part of ones is its broadcast address. So 254 remain.\n"
        "/24 is a shorter form of 24 ones in a row. A mask must be such a row:\n");
    net::parse_failure why;
    for (const std::string_view text : {"192.168.1.0/255.0.255.0", "192.168.1.0/33", "192.168.1.1/24"})
        if (!net::network::parse(text, net::host_bits::refused, why))
            say("  ", std::left, std::setw(25), text, "refused: ", why.message());
    say("\nThe last text is an address in a network. net::host_bits::cleared accepts it.");
}

void tour_sizes() {
    heading("The number of hosts: not always two fewer");
    static_assert("192.0.2.0/30"_net.host_count() == 2);
    static_assert("192.0.2.0/31"_net.host_count() == 2);
    static_assert("192.0.2.1/32"_net.host_count() == 1);
    static_assert(net::network::prefix_length_for_hosts(1500) == 21);
    say(std::left, std::setw(18), "network", std::setw(17), "netmask", std::right, std::setw(27), "addresses",
        "  hosts");
    for (const net::network& block : {"10.0.0.0/8"_net, "172.16.0.0/16"_net, "192.168.0.0/21"_net, "192.168.1.0/24"_net,
                                      "192.0.2.0/30"_net, "192.0.2.0/31"_net, "192.0.2.1/32"_net, "2001:db8::/64"_net})
        say(std::left, std::setw(18), block, std::setw(17), block.is_v4() ? block.netmask().to_string() : "(not used)",
            std::right, std::setw(27), grouped(block.address_count_string()), "  ", host_count_of(block));
    say("\nA cable between two routers needs no broadcast: a /31 has two hosts (RFC 3021), and a /32 is one host.\n"
        "An IPv6 network is a /64 nearly everywhere and has no broadcast address. Only its first address is\n"
        "reserved, for \"any router here\" (RFC 4291 §2.6.1).");
}

void tour_choice() {
    heading("注意: which mask for how many computers");
    say("For 1,500 computers the notes advise 255.255.0.0. That puts 65,534 hosts into one broadcast domain. Here\n"
        "are the smallest networks that fit:\n");
    for (const unsigned hosts : {2u, 100u, 254u, 255u, 1500u, 65534u}) {
        const net::network block{net::ipv4_address::any(), *net::network::prefix_length_for_hosts(hosts)};
        say("  ", std::right, std::setw(6), grouped(std::to_string(hosts)), " hosts: /", block.prefix_length(), "  ",
            std::left, std::setw(16), block.netmask(), "room for ", host_count_of(block));
    }
    say("\nThe router is a host, too: a /24 has room for 253 computers and their router.\n");

    say("The notes call a mask too large if the subnet is large. But a larger mask has more ones, and its network\n"
        "is smaller. For every packet the sender asks one question: is the destination in my own network\n"
        "(RFC 1122 §3.3.1.1)? Here is the host 10.1.2.2 with three masks:\n");
    for (const net::network& own : {"10.0.0.0/8"_net, "10.1.2.0/24"_net, "10.1.2.0/30"_net})
        for (const net::ip_address& destination : {"10.77.0.9"_ip, "10.1.2.50"_ip})
            say("  ", std::left, std::setw(16), own.netmask(), "to ", std::setw(10), destination,
                own.contains(destination) ? "  on my link: ARP asks for it" : "  on a different link: to the router");
    say("\nLet the true mask be 255.255.255.0. Then the first line is the notes' case. They say that the packets\n"
        "circle in the subnet until they time out. But no IP packet leaves. ARP asks three times, a second apart,\n"
        "and no host answers, unless a router answers for other hosts (RFC 1027). The program gets \"No route to\n"
        "host\" (EHOSTUNREACH; arp(7), mcast_solicit). The last line is the opposite case. The packet goes to the\n"
        "router, which forwards it and sends back an ICMP redirect (RFC 1812 §5.2.7.2). Without a router the\n"
        "program gets \"Network is unreachable\" at once (ENETUNREACH).");
}

void list(std::string_view what, const std::vector<net::network>& networks) {
    std::cout << what;
    for (const net::network& block : networks) std::cout << ' ' << block;
    say();
}

void tour_arithmetic() {
    heading("To split, to join and to exclude networks");
    constexpr auto office = "192.168.1.0/24"_net;
    std::vector<net::network> result;
    for (const net::network& part : office.subnets(26)) result.push_back(part);
    list("192.168.1.0/24 in subnets /26:\n ", result);

    result.clear();
    net::summarize("10.0.0.5"_ip, "10.0.0.20"_ip, std::back_inserter(result));
    list("10.0.0.5 to 10.0.0.20, in the fewest networks:\n ", result);

    std::array networks{"10.0.1.0/24"_net, "10.0.0.0/25"_net, "10.0.0.128/25"_net, "10.0.1.64/26"_net,
                        "10.0.4.0/24"_net};
    list("These networks overlap and have no order:\n ", {networks.begin(), networks.end()});
    const auto collapsed = net::collapse(networks);
    list("The fewest networks with the same addresses:\n ", {collapsed.begin(), collapsed.end()});

    result.clear();
    net::exclude(office, "192.168.1.64/27"_net, std::back_inserter(result));
    list("192.168.1.0/24 without 192.168.1.64/27:\n ", result);
}

void tour_routes() {
    heading("The longest prefix wins");
    say("Several networks of a router's table may contain a destination. The router takes the network with the\n"
        "longest prefix (RFC 1812 §5.2.4.3). 0.0.0.0/0 contains every address, so it is the last choice.\n");
    struct route {
        net::network where;
        std::string_view way;
    };
    constexpr route routes[] = {{"0.0.0.0/0"_net, "the provider"},
                                {"10.0.0.0/8"_net, "the company's backbone"},
                                {"10.1.0.0/16"_net, "the branch office"},
                                {"10.1.2.0/24"_net, "this link"}};
    for (const net::ip_address& destination : {"10.1.2.3"_ip, "10.1.77.1"_ip, "10.200.0.1"_ip, "198.51.100.7"_ip}) {
        const route* best = nullptr;
        for (const route& candidate : routes)
            if (candidate.where.contains(destination))
                if (!best || candidate.where.prefix_length() > best->where.prefix_length()) best = &candidate;
        say("  ", std::left, std::setw(14), destination, std::setw(13), best->where, best->way);
    }
}

void demonstrate() {
    tour_cut();
    tour_sizes();
    tour_choice();
    tour_arithmetic();
    tour_routes();
}

// ---- The other ways to use it --------------------------------------------------------------------------

struct typed_network {
    net::network block;
    net::ip_address written;
};

/// Returns the networks among the texts. Reports the other texts on standard error and sets `all_valid` to false.
std::vector<typed_network> read_networks(const std::vector<std::string>& texts, bool& all_valid) {
    if (texts.empty()) throw example::usage_error{"a network is missing"};
    std::vector<typed_network> networks;
    for (const std::string& text : texts) {
        net::parse_failure why;
        if (const auto block = net::network::parse(text, net::host_bits::cleared, why)) {
            networks.push_back({*block, net::ip_address{std::string_view{text}.substr(0, text.find('/'))}});
        } else {
            std::cerr << net::parse_error{"network", text, why}.what() << std::endl;
            all_valid = false;
        }
    }
    return networks;
}

net::ip_address to_address(std::string_view what, const std::string& text) {
    net::parse_failure why;
    if (const auto address = net::ip_address::parse(text, why)) return *address;
    throw example::usage_error{std::string{what} + ": " + net::parse_error{"IP address", text, why}.what()};
}

void split(const std::vector<typed_network>& networks, unsigned length) {
    for (const auto& [block, written] : networks) {  // checks all networks before it prints the first
        const std::string whole = block.to_string(), parts = std::string{"/"}.append(std::to_string(length));
        if (length < block.prefix_length()) throw example::usage_error{parts + " is larger than " + whole};
        if (length > block.address().width())
            throw example::usage_error{parts + " is longer than the addresses of " + whole};
        if (length - block.prefix_length() > max_split_bits)
            throw example::usage_error{whole + " has more than 65,536 subnets " + parts + ": split it in two steps"};
    }
    for (const auto& [block, written] : networks)
        for (const net::network& part : block.subnets(length)) std::cout << part << '\n';
}

void summarize(const std::vector<std::string>& ends) {
    if (ends.size() != 2) throw example::usage_error{"--summarize takes a first and a last address"};
    const net::ip_address first = to_address("FIRST", ends[0]), last = to_address("LAST", ends[1]);
    if (first.is_v4() != last.is_v4()) throw example::usage_error{"a range has two ends of the same family"};
    if (last < first) throw example::usage_error{last.to_string() + " comes before " + first.to_string()};
    net::summarize(first, last, std::ostream_iterator<net::network>{std::cout, "\n"});
}

void tabulate() {
    // A number of addresses is a power of two. So there are 129 numbers, and each is computed once.
    std::array<std::string, 129> counts;
    for (unsigned bits = 0; bits <= 128; ++bits)
        counts[bits] = net::network{net::ipv6_address::any(), 128 - bits}.address_count_string();
    example::each_line([&](std::string_view line) {
        net::parse_failure why;
        if (const auto block = net::network::parse(line, net::host_bits::cleared, why))
            std::cout << *block << '\t' << block->netmask() << '\t' << block->hostmask() << '\t' << block->last()
                      << '\t' << counts[block->host_width()] << '\n';
        else
            std::cout << example::shown(line) << "\tinvalid\t" << why.message() << '\n';
    });
}

}  // namespace

int main(int argc, char** argv) {
    bool all_well = true;  // every text is a network, and every answer is yes
    const int status = example::run(argc, argv, help, [&](example::arguments& words) {
        if (words.empty()) return demonstrate();
        const auto length = words.number("--split", 0, 128);
        const auto address = words.value("--contains");
        const bool range = words.flag("--summarize");
        const auto rest = words.rest();
        const bool table = std::find(rest.begin(), rest.end(), "-") != rest.end();
        if (length.has_value() + address.has_value() + range + table > 1)
            throw example::usage_error{"one option at a time"};
        if (length) return split(read_networks(rest, all_well), *length);
        if (range) return summarize(rest);
        if (address) {
            const net::ip_address wanted = to_address("--contains", *address);
            for (const auto& [block, written] : read_networks(rest, all_well)) {
                const bool inside = block.contains(wanted);
                say(block, inside ? "  yes" : "  no");
                all_well = all_well && inside;
            }
            return;
        }
        if (table && rest.size() > 1) throw example::usage_error{"- stands alone"};
        if (table) return tabulate();
        for (const auto& [block, written] : read_networks(rest, all_well)) describe(block, written);
    });
    return status == 0 && !all_well ? 1 : status;
}

// Networks, and lists of networks against brute force.
// SPDX-License-Identifier: MIT

#include "ip.hpp"

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
    CHECK_THROWS_WITH("2001:db8::/65"_net[0x8000'0000'0000'0000], "index beyond the last address of the network");
    CHECK_THROWS_AS("192.0.2.1/32"_net[1], std::out_of_range);
}

TEST_CASE("a negative index, and an index that is no whole number, are not converted") {
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

TEST_CASE("the smallest prefix for a number of hosts is found") {
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
    CHECK_THROWS_WITH(in_texts("10.0.0.1", "10.0.0.0"),
                      "not a range: last is below first, or of another family or zone");
    CHECK_THROWS_WITH(in_texts("10.0.0.1", "::ffff:10.0.0.2"),
                      "not a range: last is below first, or of another family or zone");
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
    CHECK_THROWS_WITH(excluded("192.0.2.0/28"_net, "192.0.2.16/32"_net), "the network to exclude is not inside");
    CHECK_THROWS_WITH(excluded("192.0.2.0/28"_net, "192.0.2.0/27"_net), "the network to exclude is not inside");
    CHECK_THROWS_WITH(excluded("::/0"_net, "192.0.2.0/28"_net), "the network to exclude is not inside");
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

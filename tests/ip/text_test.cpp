// Strict reading, one way of writing, and texts of strangers.
// SPDX-License-Identifier: MIT

#include "ip.hpp"

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

TEST_CASE("to_chars fills a buffer that is large enough, and reports a buffer that is too small") {
    check_to_chars<net::ipv4_address>({"0.0.0.0", "10.20.30.40", "255.255.255.255"});
    check_to_chars<net::ipv6_address>(
        {"::", "2001:db8::1", "::ffff:255.255.255.255", "1111:2222:3333:4444:5555:6666:7777:8888%123456789abcdef"});
    check_to_chars<net::ip_address>({"255.255.255.255", "1111:2222:3333:4444:5555:6666:7777:8888%123456789abcdef"});
    check_to_chars<net::network>(
        {"0.0.0.0/0", "255.255.255.255/32", "::/0", "1111:2222:3333:4444:5555:6666:7777:8888/128"});
    check_to_chars<net::endpoint>({"0.0.0.0:0", "255.255.255.255:65535", "[::]:0",
                                   "[1111:2222:3333:4444:5555:6666:7777:8888%123456789abcdef]:65535"});
}

TEST_CASE("to_chars reports a null buffer as too small") {
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

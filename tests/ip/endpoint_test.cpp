// Services and ports.
// SPDX-License-Identifier: MIT

#include "ip.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

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

TEST_CASE("the ports are the same as in the system's services database") {
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

TEST_CASE("a port is read from a text, and the error names the limit") {
    static_assert(net::parse_port("0") == 0 && net::parse_port("65535") == 65535 && net::read_port("80") == 80);
    for (const char* const wrong : {"", "65536", "99999999999999999999", "-1", "+1", " 1", "1 ", "01", "0x1", "http"}) {
        INFO(wrong);
        CHECK(!net::parse_port(wrong));
        CHECK_THROWS_AS(net::read_port(wrong), net::parse_error);
    }
    net::parse_failure why;
    CHECK(!net::parse_port("8x", why));
    CHECK(why.message() == "unexpected character 'x', at character 1");
    const auto words = [](auto attempt) -> std::string {
        try {
            attempt();
        } catch (const net::parse_error& error) {
            return error.what();
        }
        return "";
    };
    CHECK(words([] { (void)net::read_port("66666"); }) ==
          "\"66666\" is no port: the number is above 65535, at character 0");
    CHECK(words([] { (void)net::read_host_port("example.net:66666"); }) ==
          "\"example.net:66666\" is no host and port: the number is above 65535, at character 12");
}

TEST_CASE("a host and a port are read from a text") {
    struct right {
        const char* text;
        const char* host;
        std::uint16_t port;
    };
    for (const right& each :
         {right{"example.net:80", "example.net", 80}, right{"192.0.2.1:0", "192.0.2.1", 0},
          right{"[2001:db8::1]:65535", "2001:db8::1", 65535}, right{"[fe80::1%eth0]:1", "fe80::1%eth0", 1},
          right{"\u4f8b.example:8", "\u4f8b.example", 8}}) {
        INFO(each.text);
        const net::host_port read = net::read_host_port(each.text);
        CHECK(read == net::host_port{each.host, each.port});
        CHECK(read.to_string() == each.text);
        CHECK(net::read_host_port(each.text, 99) == read);
    }
    CHECK(net::read_host_port("example.net", 99) == net::host_port{"example.net", 99});
    CHECK(net::read_host_port("[::1]", 99) == net::host_port{"::1", 99});
    struct wrong {
        const char* text;
        const char* message;
    };
    for (const wrong& each :
         {wrong{"", "a host is missing, at character 0"}, wrong{":80", "a host is missing, at character 0"},
          wrong{"a", "':' and a port are missing, at character 1"}, wrong{"a:", "a number is missing, at character 2"},
          wrong{"[::1", "']' is missing, at character 4"}, wrong{"[::1]", "':' and a port are missing, at character 5"},
          wrong{"[::1]x", "':' and a port are missing, at character 5"},
          wrong{"[a]:1", "only 1 of 8 groups, and no '::', at character 2"},
          wrong{"::1:80", "a host is missing, at character 0"},
          wrong{"1::1", "a second ':'; an IPv6 address needs brackets before a port, at character 2"},
          wrong{"a b:1", "unexpected character 0x20, at character 1"},
          wrong{"me@a:1", "unexpected character '@', at character 2"},
          wrong{"a:80/x", "unexpected character '/', at character 4"},
          wrong{"a\x7f:1", "unexpected character 0x7f, at character 1"},
          wrong{"a:-1", "unexpected character '-', at character 2"}}) {
        INFO(each.text);
        net::parse_failure why;
        CHECK(!net::parse_host_port(each.text, why));
        CHECK(why.message() == each.message);
    }
    net::parse_failure why;
    CHECK(!net::parse_host_port("[::1]x", why, 99));
    CHECK(!net::parse_host_port("", why, 99));
    CHECK(!net::parse_host_port("a:", why, 99));
}

// ---- Numbers in texts --------------------------------------------------------------------------------------

namespace {
template <class Number>
std::string why_no_number(std::string_view text, unsigned base = 10) {
    net::parse_failure why;
    return net::parse_number<Number>(text, why, base) ? "" : why.message();
}
/// Each number around the ends of the type is read back from its text, or refused.
template <class Number>
void try_limits() {
    using limits = std::numeric_limits<Number>;
    for (const unsigned base : {2u, 8u, 10u, 16u, 36u})
        for (const Number number : {limits::min(), Number(limits::min() + 1), Number{0}, Number{1},
                                    Number(limits::max() - 1), limits::max()}) {
            char text[70];
            const char* const end = std::to_chars(text, std::end(text), number, static_cast<int>(base)).ptr;
            CHECK(net::parse_number<Number>(std::string_view{text, end}, base) == number);
        }
    std::string above = std::to_string(limits::max());
    ++above.back();  // the greatest number ends in 5 or 7
    CHECK(!net::parse_number<Number>(above));
    CHECK(!net::parse_number<Number>(above + "0"));
    CHECK(!net::parse_number<Number>(std::string(30, '9')));
    std::string below = std::signed_integral<Number> ? std::to_string(limits::min()) : "-1";
    if (std::signed_integral<Number>) ++below.back();
    CHECK(!net::parse_number<Number>(below));
}
}  // namespace

TEST_CASE("a number is read whole, in any base, up to the ends of its type") {
    static_assert(net::parse_number<std::uint8_t>("255") == 255 && !net::parse_number<std::uint8_t>("256"));
    static_assert(net::parse_number<std::size_t>("00fF", 16) == 255 && net::read_number<int>("-7") == -7);
    try_limits<std::int8_t>();
    try_limits<std::uint8_t>();
    try_limits<std::int16_t>();
    try_limits<std::uint16_t>();
    try_limits<std::int32_t>();
    try_limits<std::uint32_t>();
    try_limits<std::int64_t>();
    try_limits<std::uint64_t>();
    for (const char* const wrong : {"", " 1", "1 ", "+1", "-", "--1", "-0", "01", "-01", "0x1", "1.0", "1e3", "a"}) {
        CAPTURE(wrong);
        CHECK(!net::parse_number<int>(wrong));
    }
    CHECK(!net::parse_number<unsigned>("-1"));
    CHECK(!net::parse_number<unsigned>("-0", 16));
    CHECK(!net::parse_number<unsigned>("2", 2));
    CHECK(!net::parse_number<unsigned>("g", 16));
    CHECK(net::parse_number<unsigned>("zZ", 36) == 35 * 36 + 35);
    for (const unsigned base : {0u, 1u, 37u}) CHECK(!net::parse_number<unsigned>("1", base));
    for (unsigned c = 0; c < 256; ++c) {  // no other character is a digit
        const char text[]{static_cast<char>(c), '\0'};
        const bool is_digit = std::isdigit(static_cast<int>(c)) || std::isalpha(static_cast<int>(c));
        CHECK(net::parse_number<unsigned>(std::string_view{text, 1}, 36).has_value() == is_digit);
    }
}

TEST_CASE("a text that is no number is refused with the reason and its place") {
    CHECK(why_no_number<std::uint16_t>("65536") == "the number is above 65535, at character 0");
    CHECK(why_no_number<std::int8_t>("-129") == "the number is below -128, at character 1");
    CHECK(why_no_number<std::uint64_t>("18446744073709551616") == "the number is too large, at character 0");
    CHECK(why_no_number<unsigned>("+1") == "unexpected character '+', at character 0");
    CHECK(why_no_number<unsigned>("99999999999x") == "unexpected character 'x', at character 11");
    CHECK(why_no_number<unsigned>("01") == "a leading zero, at character 0");
    CHECK(why_no_number<int>("-0") == "a zero behind the minus, at character 1");
    CHECK(why_no_number<int>("-") == "a number is missing, at character 1");
    CHECK(why_no_number<int>("1", 37) == "base 37 is not one of 2 to 36, at character 0");
    CHECK_THROWS_AS(net::read_number<int>("12x"), net::parse_error);
}

TEST_CASE("the algorithms of addresses are not ambiguous for a program that uses both namespaces") {
    using namespace std;
    using namespace netnotes;
    const vector<endpoint> all{"127.0.0.1:1"_endpoint, "127.0.0.1:2"_endpoint};
    CHECK(find_if(all.begin(), all.end(), [](const endpoint& each) { return each.port() == 2; }) == all.begin() + 1);
    const ip_address low = "10.0.0.1"_ip, high = "10.0.0.2"_ip;
    CHECK(min(low, high) == low);
    CHECK(max(low, high) == high);
    CHECK(clamp(low, high, high) == high);
}

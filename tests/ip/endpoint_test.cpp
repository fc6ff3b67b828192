// Services and ports.
// SPDX-License-Identifier: MIT

#include "ip.hpp"

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

// An address together with its network.
// SPDX-License-Identifier: MIT

#include <netnotes/ip/interface.hpp>

#include <string>
#include <unordered_set>

#include "../catch.hpp"

namespace net = netnotes;
using namespace net::literals;

namespace {
constexpr net::ip_interface mine{"192.168.1.77/24"};
static_assert(mine.address() == "192.168.1.77"_ip);
static_assert(mine.prefix_length() == 24);
static_assert(mine.network() == "192.168.1.0/24"_net);
static_assert(net::ip_interface{} == net::ip_interface{"0.0.0.0/0"});
static_assert(net::ip_interface{"10.0.0.1/8"} < net::ip_interface{"10.0.0.1/9"});
static_assert(net::ip_interface{"10.0.0.1"}.prefix_length() == 32);
static_assert(net::ip_interface{"::1"}.prefix_length() == 128);
}  // namespace

TEST_CASE("an interface address keeps the bits of the host, and its text comes back") {
    for (const char* const text : {"192.168.1.77/24", "0.0.0.0/0", "255.255.255.255/32", "2001:db8::7/64", "::/0",
                                   "fe80::1%eth0/64", "fe80::1%2/10", "::ffff:192.0.2.1/96", "10.1.2.3/1"}) {
        CAPTURE(text);
        const net::ip_interface read{text};
        CHECK(read.to_string() == text);
        CHECK(net::ip_interface{read.address(), read.prefix_length()} == read);
        CHECK(read.network().contains(read.address()));
        CHECK(read.network().prefix_length() == read.prefix_length());
    }
}

TEST_CASE("an interface address is read with a netmask, too") {
    CHECK(net::ip_interface{"192.168.1.77/255.255.255.0"} == mine);
    CHECK(net::ip_interface{"192.168.1.77/0.0.0.255"} == mine);
}

TEST_CASE("two interface addresses with one network are two values with two hashes") {
    const std::unordered_set<net::ip_interface> set{net::ip_interface{"10.0.0.1/8"}, net::ip_interface{"10.0.0.2/8"},
                                                    net::ip_interface{"10.0.0.1/9"}, net::ip_interface{"10.0.0.1/8"}};
    CHECK(set.size() == 3);
}

TEST_CASE("a text that is no interface address tells the fault and its place") {
    const auto fault = [](const char* text) -> std::string {
        try {
            net::ip_interface{std::string_view{text}};
        } catch (const net::parse_error& error) {
            return error.what();
        }
        return "read";
    };
    for (const char* const text : {"", "/24", "192.168.1.77/", "192.168.1.77/33", "192.168.1.77/024", "::1/129",
                                   "192.168.1.77/24/", "192.168.1.77/255.0.255.0", "fe80::1%2/129", "fe80::1%2/",
                                   "fe80::1%/64", "1.2.3.4/24 ", "1.2.3/24", "fe80::1%a/255.0.0.0"}) {
        CAPTURE(text);
        net::parse_failure why;
        CHECK(!net::ip_interface::parse(text, why));
        CHECK(fault(text) != "read");
    }
    CHECK(fault("192.168.1.77/33").find("character 13") != std::string::npos);
    CHECK(fault("fe80::1%2/129").find("character 10") != std::string::npos);
    CHECK_THROWS_AS((net::ip_interface{"10.0.0.1"_ip, 33}), std::invalid_argument);
    CHECK_THROWS_AS((net::ip_interface{"::1"_ip, 129}), std::invalid_argument);
}

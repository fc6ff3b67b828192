// The network interfaces of this machine, held against what other parts of the system say of them.
// SPDX-License-Identifier: MIT

#include <netnotes/socket/interfaces.hpp>

#include <netnotes/udp.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "../catch.hpp"

namespace net = netnotes;

namespace {

const net::network_interface* named(const std::vector<net::network_interface>& all, std::string_view name) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.name == name; });
    return found == all.end() ? nullptr : &*found;
}

std::string first_line_of(const std::string& path) {
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line;
}

}  // namespace

TEST_CASE("the loopback interface has 127.0.0.1/8 and no hardware address") {
    const auto all = net::interfaces();
    const auto* const loopback = named(all, "lo");
    REQUIRE(loopback);
    CHECK(loopback->is_loopback);
    CHECK(loopback->is_up);
    CHECK(loopback->index == net::interface_index("lo"));
    CHECK(loopback->hardware_address.empty());
    const net::ip_interface wanted{"127.0.0.1/8"};
    CHECK(std::any_of(loopback->addresses.begin(), loopback->addresses.end(), [&](const net::interface_address& each) {
        return each.address == wanted && !each.broadcast && !each.peer;
    }));
}

TEST_CASE("each interface stands once, with the number and the hardware address that /sys tells") {
    const auto all = net::interfaces();
    for (const net::network_interface& each : all) {
        CAPTURE(each.name);
        CHECK(named(all, each.name) == &each);
        const std::string folder = "/sys/class/net/" + each.name;
        CHECK(std::to_string(each.index) == first_line_of(folder + "/ifindex"));
        const std::string address = first_line_of(folder + "/address");
        const bool is_zero = address.find_first_not_of("0:") == address.npos;
        CHECK(each.hardware_address == (is_zero ? "" : address));
    }
}

TEST_CASE("a datagram socket can be bound to every address of an interface that is up") {
    std::size_t bound = 0;
    for (const net::network_interface& each : net::interfaces()) {
        if (!each.is_up) continue;
        for (const net::interface_address& mine : each.addresses) {
            CAPTURE(each.name, mine.address.to_string());
            // A link-local address needs its zone, and it has the interface's number.
            if (mine.address.address().is_v6() && mine.address.address().is_link_local())
                CHECK(mine.address.address().v6().zone() == std::to_string(each.index));
            std::error_code error;
            const net::udp_socket socket{net::endpoint{mine.address.address(), 0}, {}, error};
            // (An IPv6 address that the kernel still checks for a double cannot be bound yet.)
            if (error == std::errc::address_not_available && mine.address.address().is_v6()) continue;
            CHECK(!error);
            ++bound;
            CHECK((!mine.broadcast || mine.address.address().is_v4()));
        }
    }
    CHECK(bound > 0);
}

TEST_CASE("the other address of an interface is a broadcast address or a peer") {
    struct sample {
        const char *mine, *other, *broadcast, *peer;
        bool can_broadcast = true;
    };
    for (const sample& each : {
             sample{"10.9.0.1/24", "10.9.0.255", "10.9.0.255", ""},
             sample{"10.9.0.1/24", "10.255.255.255", "10.255.255.255", ""},  // an administrator's choice
             sample{"10.9.0.1/24", "255.255.255.255", "255.255.255.255", ""},
             sample{"10.9.0.1/24", "10.9.0.2", "", "10.9.0.2"},
             sample{"10.7.0.1/32", "10.7.0.2", "", "10.7.0.2"},
             sample{"10.7.0.1/32", "10.7.0.255", "", "10.7.0.255"},
             sample{"10.7.0.0/31", "10.7.0.1", "", "10.7.0.1"},
             sample{"10.9.0.1/24", "10.9.0.1", "", ""},
             sample{"10.9.0.1/24", "10.9.0.255", "", "10.9.0.255", false},
             sample{"fd00::1/64", "fd00::2", "", "fd00::2"},
         }) {
        CAPTURE(each.mine, each.other);
        net::network_interface link;
        link.can_broadcast = each.can_broadcast;
        net::interface_address mine{net::ip_interface{std::string_view{each.mine}}, {}, {}};
        net::detail::set_other(mine, net::ip_address{std::string_view{each.other}}, link);
        CHECK((mine.broadcast ? mine.broadcast->to_string() : "") == each.broadcast);
        CHECK((mine.peer ? mine.peer->to_string() : "") == each.peer);
    }
}

TEST_CASE("interfaces() keeps no descriptor, and its error names the attempt") {
    const auto free_descriptor = [] {
        const int lowest = ::dup(0);
        ::close(lowest);
        return lowest;
    };
    const int before = free_descriptor();
    std::error_code error = std::make_error_code(std::errc::io_error);
    CHECK(!net::interfaces(error).empty());
    CHECK(!error);
    CHECK(free_descriptor() == before);

    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlimit none = limit;
    none.rlim_cur = static_cast<rlim_t>(before);  // the next descriptor would be beyond it
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto found = net::interfaces(error);
    std::string said;
    try {
        (void)net::interfaces();
    } catch (const std::system_error& failure) {
        said = failure.what();
    }
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(error == std::errc::too_many_files_open);
    CHECK(found.empty());
    CHECK(said == "interfaces of this machine: Too many open files");
}

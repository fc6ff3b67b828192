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

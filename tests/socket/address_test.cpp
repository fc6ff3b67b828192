// The names of sockets and of hosts.
// SPDX-License-Identifier: MIT

#include <netnotes/socket/resolve.hpp>

#include "sockets.hpp"

#include <iomanip>

// ---- Names ---------------------------------------------------------------------------------------------

TEST_CASE("an IPv4 endpoint becomes a sockaddr in network byte order and comes back") {
    const net::endpoint where{net::ipv4_address{192, 0, 2, 77}, 6666};
    const net::socket_address address{where};
    CHECK(address.family() == address_family::inet);
    CHECK(address.is_ip());
    REQUIRE(address.size() == sizeof(sockaddr_in));
    sockaddr_in raw{};
    std::memcpy(&raw, address.data(), sizeof raw);
    CHECK(std::memcmp(&raw.sin_addr, "\xc0\x00\x02\x4d", 4) == 0);
    CHECK(std::memcmp(&raw.sin_port, "\x1a\x0a", 2) == 0);
    CHECK(address.ip() == where);
    CHECK(address.to_string() == "192.0.2.77:6666");
}

TEST_CASE("an IPv6 endpoint becomes a sockaddr in network byte order and comes back") {
    const net::endpoint where{net::ipv6_address{"2001:db8::1:2"}, 443};
    const net::socket_address address{where};
    CHECK(address.family() == address_family::inet6);
    CHECK(address.is_ip());
    REQUIRE(address.size() == sizeof(sockaddr_in6));
    sockaddr_in6 raw{};
    std::memcpy(&raw, address.data(), sizeof raw);
    CHECK(std::memcmp(&raw.sin6_addr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\1\0\2", 16) == 0);
    CHECK(std::memcmp(&raw.sin6_port, "\x01\xbb", 2) == 0);
    CHECK(raw.sin6_scope_id == 0);
    CHECK(address.ip() == where);
    CHECK(address.to_string() == "[2001:db8::1:2]:443");
}

TEST_CASE("a zone is the number or the name of an interface") {
    const auto scope_of = [](const char* text) {
        const net::socket_address address{net::endpoint{net::ipv6_address{text}, 80}};
        sockaddr_in6 raw{};
        std::memcpy(&raw, address.data(), sizeof raw);
        return raw.sin6_scope_id;
    };
    CHECK(scope_of("fe80::1%7") == 7);
    CHECK(scope_of("fe80::1%4294967295") == 4294967295);
    const unsigned loopback_interface = ::if_nametoindex("lo");
    REQUIRE(loopback_interface != 0);
    CHECK(scope_of("fe80::1%lo") == loopback_interface);

    // Back it comes as the number: the kernel knows no other.
    const net::socket_address address{net::endpoint{net::ipv6_address{"fe80::1%lo"}, 80}};
    const std::string number = std::to_string(loopback_interface);
    CHECK(address.ip() == net::endpoint{net::ipv6_address{"fe80::1%" + number}, 80});
    CHECK(address.to_string() == "[fe80::1%" + number + "]:80");
}

TEST_CASE("a zone that is no interface is an error which names it") {
    for (const char* const text : {"fe80::1%no-such-if", "fe80::1%7x", "fe80::1%4294967296"}) {
        const auto failure = failure_of([&] { net::socket_address{net::endpoint{net::ipv6_address{text}, 80}}; });
        CHECK(failure.code == std::errc::no_such_device);
        CHECK(failure.what == "zone of "s + text + ": No such device");
    }
}

TEST_CASE("an address is asked only for what it is") {
    const net::socket_address none{};
    CHECK(none.family() == address_family::unspecified);
    CHECK_FALSE(none.is_ip());
    CHECK(none.to_string() == "(no address)");
    CHECK(none.local().is_unnamed());
    CHECK_THROWS_AS(none.ip(), std::invalid_argument);
    const net::socket_address ip{net::endpoint{localhost, 80}};
    CHECK_THROWS_WITH(ip.local(), ContainsSubstring("127.0.0.1:80"));
    const net::socket_address local{net::unix_endpoint{"/run/x"}};
    CHECK_THROWS_WITH(local.ip(), ContainsSubstring("/run/x"));
}

TEST_CASE("addresses are equal when they name the same socket") {
    const net::endpoint where{net::ipv6_address{"2001:db8::1"}, 80};
    const net::socket_address address{where};
    net::socket_address with_flow{where};
    reinterpret_cast<sockaddr_in6*>(with_flow.data())->sin6_flowinfo = 0x12345;  // a label on packets, not a name
    CHECK(address == with_flow);
    CHECK_FALSE(address == net::socket_address{net::endpoint{where.address(), 81}});
    CHECK_FALSE(address == net::socket_address{net::unix_endpoint{"/run/x"}});
    CHECK_FALSE(net::socket_address{net::unix_endpoint{"/run/x"}} ==
                net::socket_address{net::unix_endpoint::abstract("/run/x")});
    CHECK(net::socket_address{net::unix_endpoint{"/run/x"}} == net::socket_address{net::unix_endpoint{"/run/x"}});
    CHECK(net::socket_address{} == net::socket_address{});
    // A sender without a name: the kernel returns an address of no bytes.
    auto [first, second] = net::socket_pair(socket_type::datagram);
    first.send_all("x");
    char byte[1];
    const net::socket_address unnamed = second.recv_from(byte).sender;
    CHECK(unnamed.size() != net::socket_address{}.size());
    CHECK(unnamed == net::socket_address{});
    CHECK_FALSE(unnamed == address);
    CHECK_FALSE(address == unnamed);
    CHECK(unnamed.to_string() == "(no address)");
}

TEST_CASE("the name of a Unix peer comes into texts in a form that can be printed, and its bytes stay") {
    const auto listens = unused_name();
    net::socket listener{address_family::local, socket_type::stream};
    net::socket client{address_family::local, socket_type::stream};
    listener.bind(listens);
    listener.listen();
    const std::string evil = listens.name() + "\n2026-11-30 root logged in \x1b[31m";
    client.bind(net::unix_endpoint::abstract(evil));
    client.connect(listens);
    auto [server, peer] = listener.accept();
    CHECK(peer.local().name() == evil);
    const std::string shown = "@" + listens.name() + "\\n2026-11-30 root logged in \\x1b[31m";
    CHECK(peer.to_string() == shown);
    CHECK(peer.local().to_string() == shown);
    std::ostringstream out;
    out << peer;
    CHECK(out.str() == shown);
    server.set_timeout(0s);
    char byte[1];
    CHECK(failure_of([&, &in = server] { in.recv(byte); }).what == "recv from " + shown + ": Connection timed out");
    CHECK(net::unix_endpoint{"/run/caf\xc3\xa9"}.to_string() == "/run/caf\xc3\xa9");
}

TEST_CASE("a Unix name is a path or an abstract name or none") {
    const net::unix_endpoint path{"/run/service"}, none;
    const auto abstract = net::unix_endpoint::abstract("service");
    CHECK(path.name() == "/run/service");
    CHECK(path.to_string() == "/run/service");
    CHECK_FALSE(path.is_abstract());
    CHECK_FALSE(path.is_unnamed());
    CHECK(abstract.name() == "service");
    CHECK(abstract.to_string() == "@service");
    CHECK(abstract.is_abstract());
    CHECK_FALSE(abstract.is_unnamed());
    CHECK(none.is_unnamed());
    CHECK(none.to_string() == "(unnamed)");
    CHECK(net::unix_endpoint::abstract("").to_string() == "@");  // a NUL and nothing behind it is a name
    CHECK_FALSE(net::unix_endpoint::abstract("").is_unnamed());
    CHECK_FALSE(net::unix_endpoint{"service"} == abstract);
    for (const auto& name : {path, abstract, none, net::unix_endpoint::abstract("a\0b"s)})
        CHECK(net::socket_address{name}.local() == name);
}

TEST_CASE("a Unix name that the kernel would cut or misread is refused") {
    CHECK_THROWS_AS(net::unix_endpoint{""}, std::invalid_argument);  // it would ask for an abstract one
    CHECK_THROWS_AS(net::unix_endpoint{"a\0b"sv}, std::invalid_argument);
    CHECK_THROWS_AS(net::unix_endpoint{"\0b"sv}, std::invalid_argument);
    CHECK_THROWS_AS(net::unix_endpoint{std::string(109, 'x')}, std::invalid_argument);
    CHECK_THROWS_AS(net::unix_endpoint::abstract(std::string(108, 'x')), std::invalid_argument);
    for (const auto& longest :
         {net::unix_endpoint{std::string(108, 'x')}, net::unix_endpoint::abstract(std::string(107, 'x'))}) {
        const net::socket_address address{longest};
        CHECK(address.size() == sizeof(sockaddr_un));
        CHECK(address.local() == longest);
    }
}

TEST_CASE("a server is reached under a path and the path stays when it is gone") {
    const support::temporary_folder folder;
    const net::unix_endpoint name{folder.file("server")};
    {
        net::socket server{address_family::local, socket_type::stream};
        server.bind(name);
        server.listen();
        CHECK(server.local_endpoint().local() == name);
        net::socket client{address_family::local, socket_type::stream};
        client.connect(name);
        CHECK(client.peer_endpoint().local() == name);
        CHECK(client.local_endpoint().local().is_unnamed());
        const auto [connection, peer] = server.accept();
        CHECK(peer.local().is_unnamed());
        CHECK(connection.local_endpoint().local() == name);
    }
    net::socket next{address_family::local, socket_type::stream};
    CHECK(failure_of([&] { next.connect(name); }).what == "connect " + name.name() + ": Connection refused");
    CHECK(failure_of([&] { next.bind(name); }).what == "bind " + name.name() + ": Address already in use");
    std::filesystem::remove(name.name());
    CHECK(failure_of([&] { next.connect(name); }).code == std::errc::no_such_file_or_directory);
    next.bind(name);
}

TEST_CASE("a path of 108 bytes can be bound and connected to by the name that the kernel tells") {
    // The kernel stores a NUL behind it all the same, counts 111 bytes, and does not take 111 back (unix(7), BUGS).
    const support::temporary_folder folder;
    const std::string start = folder.file("");
    REQUIRE(start.size() < 108);
    const net::unix_endpoint name{start + std::string(108 - start.size(), 'x')};
    net::socket server{address_family::local, socket_type::stream};
    server.bind(name);
    server.listen();
    const net::socket_address told = server.local_endpoint();
    CHECK(told.local() == name);
    CHECK(told == net::socket_address{name});
    net::socket client{address_family::local, socket_type::stream};
    client.connect(told);
    CHECK(client.peer_endpoint() == told);
    CHECK(server.accept().connection.local_endpoint() == told);
}

TEST_CASE("an abstract name holds any bytes and vanishes with its socket") {
    const std::string prefix = unused_name().name();
    const auto with_nul = net::unix_endpoint::abstract(prefix + "\0end"s);
    const auto without = net::unix_endpoint::abstract(prefix);  // not the same one, cut at the NUL
    for (int run = 0; run < 2; ++run) {                         // the second run finds the names free
        net::socket first{address_family::local, socket_type::stream};
        net::socket second{address_family::local, socket_type::stream};
        first.bind(with_nul);
        second.bind(without);
        first.listen();
        second.listen();
        CHECK(first.local_endpoint().local() == with_nul);
        CHECK(second.local_endpoint().local() == without);
        net::socket client{address_family::local, socket_type::stream};
        client.connect(with_nul);
        CHECK(client.peer_endpoint().local() == with_nul);
    }
}

TEST_CASE("a Unix socket bound to no name gets one from the system") {
    net::socket server{address_family::local, socket_type::datagram};
    server.bind(net::unix_endpoint{});
    const auto name = server.local_endpoint().local();
    CHECK(name.is_abstract());
    CHECK(name.name().size() == 5);  // unix(7), "Autobind feature"
}

TEST_CASE("port 0 lets the system choose and local_endpoint tells") {
    for (const net::ip_address& address : loopbacks()) {
        const net::socket socket = bound(address, socket_type::stream);
        CHECK(socket.local_endpoint().ip().address() == address);
        CHECK(port_of(socket) != 0);
    }
}

TEST_CASE("a socket is an end of a conversation and need not be connected") {
    for (const net::ip_address& address : loopbacks()) {
        const net::socket fresh{family_of(address), socket_type::stream};
        CHECK(fresh.local_endpoint().ip().port() == 0);
        CHECK(failure_of([&] { static_cast<void>(fresh.peer_endpoint()); }).what ==
              "getpeername: Transport endpoint is not connected");
        const auto [first, second] = tcp_pair(address);
        CHECK(first.local_endpoint() == second.peer_endpoint());
        CHECK(first.peer_endpoint() == second.local_endpoint());
    }
}

// ---- Names of hosts ------------------------------------------------------------------------------------

TEST_CASE("a numeric host needs nobody to be asked") {
    using list = std::vector<net::endpoint>;
    CHECK(net::resolve("127.0.0.1", "80") == list{{net::ipv4_address::loopback(), 80}});
    CHECK(net::resolve("127.0.0.1", 65535) == list{{net::ipv4_address::loopback(), 65535}});
    CHECK(net::resolve("192.0.2.1", "") == list{{net::ipv4_address{192, 0, 2, 1}, 0}});
    if (!support::has_ipv6()) NETNOTES_SKIP("the half of this test that needs IPv6");
    CHECK(net::resolve("::1", 80) == list{{net::ipv6_address::loopback(), 80}});
    const auto number = std::to_string(::if_nametoindex("lo"));
    CHECK(net::resolve("fe80::1%lo", 80) == list{{net::ipv6_address{"fe80::1%" + number}, 80}});
}

TEST_CASE("localhost is this machine and every address comes once") {
    std::error_code error;
    const auto found = net::resolve("localhost", "80", {}, error);
    if (error) NETNOTES_SKIP("no localhost in /etc/hosts here");
    REQUIRE_FALSE(found.empty());
    const std::set<std::string> different = [&] {
        std::set<std::string> texts;
        for (const net::endpoint& where : found) texts.insert(where.to_string());
        return texts;
    }();
    CHECK(different.size() == found.size());
    for (const net::endpoint& where : found) {
        CHECK(where.address().is_loopback());
        CHECK(where.port() == 80);
    }
}

TEST_CASE("a service is a name or a number") {
    std::error_code error;
    const auto by_name = net::resolve("127.0.0.1", "http", {}, error);
    if (error) NETNOTES_SKIP("no /etc/services here");
    CHECK(by_name == net::resolve("127.0.0.1", 80));
    CHECK(failure_of([] { static_cast<void>(net::resolve("127.0.0.1", "no-such-service")); }).what ==
          "resolve 127.0.0.1:no-such-service: unknown service, or a port beyond 65535");
}

TEST_CASE("a service that begins like a number is a port or an error") {
    const auto refused = [](const std::string& service) {
        std::error_code error;
        const bool nothing = net::resolve("127.0.0.1", service, {}, error).empty();
        return nothing && error == std::error_code{EAI_SERVICE, net::resolver_category()};
    };
    for (const char* const service : {"65536", "65616",  "131152", "300800", "4294967376", "18446744073709551696",
                                      "-1",    "-65456", " 80",    "+80",    "\t80",       "\n80",
                                      "80 ",   "080",    "00",     "0x50",   "0X50",       "80.0",
                                      "8-0",   "1_000",  " ",      "-",      "+"}) {
        CAPTURE(service);
        CHECK(refused(service));
    }
    for (const char* const service : {"0", "1", "9", "10", "65535"}) {
        CAPTURE(service);
        const auto found = net::resolve("127.0.0.1", service);
        REQUIRE(found.size() == 1);
        CHECK(std::to_string(found[0].port()) == service);
    }
    // Given as a number it is no other port either, whatever its type.
    const auto number_refused = [](auto port) {
        return failure_of([&] { static_cast<void>(net::resolve("127.0.0.1", port)); }).code ==
               std::error_code{EAI_SERVICE, net::resolver_category()};
    };
    CHECK(number_refused(65616));
    CHECK(number_refused(-1));
    CHECK(number_refused(std::uint64_t{1} << 32 | 80));
    CHECK(net::resolve("127.0.0.1", std::int64_t{80}) == net::resolve("127.0.0.1", "80"));
}

TEST_CASE("a host that only inet_aton reads is no address") {
    for (const char* const host : {"127.1", "127.0.1", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "0177.0.0.1", "2130706433",
                                   "017700000001", "127.0.0.01", "00.0.0.0", "1", "0", "4294967295", "127.0.0.1 ",
                                   "127.1 evil", "127.0.0.256", "1.2.3.4.5", "127.0.0.1.", "127.1."}) {
        CAPTURE(host);
        std::error_code error;
        CHECK(net::resolve(host, "80", {}, error).empty());
        if (host != "127.0.0.1 "s) CHECK(error == std::error_code{EAI_NONAME, net::resolver_category()});
        CHECK(error.category() == net::resolver_category());
    }
    // A name may begin with a digit (RFC 1123 §2.1), and is asked for.
    using net::detail::is_number_of_old;
    CHECK_FALSE(is_number_of_old("3com.example"));
    CHECK_FALSE(is_number_of_old("1.example"));
    CHECK_FALSE(is_number_of_old("0xg"));
    CHECK_FALSE(is_number_of_old("127.0.0.1"));
    CHECK_FALSE(is_number_of_old("::1"));
}

TEST_CASE("a host that does not exist is an error with the resolver's own words") {
    // .invalid never exists (RFC 6761, 6.4). Where no name server answers that it is unknown, it is "try again".
    const auto failure = failure_of([] { static_cast<void>(net::resolve("no-such-host.invalid", 80)); });
    CHECK(failure.code.category() == net::resolver_category());
    CHECK(
        (failure.code.value() == EAI_NONAME || failure.code.value() == EAI_AGAIN || failure.code.value() == EAI_FAIL));
    CHECK(failure.what == "resolve no-such-host.invalid:80: "s + ::gai_strerror(failure.code.value()));
    CHECK(net::resolver_category().name() == "resolver"s);
    std::error_code error;
    CHECK(net::resolve("no-such-host.invalid", "80", {}, error).empty());
    CHECK(error.category() == net::resolver_category());
    CHECK(failure_of([] { static_cast<void>(net::resolve("", "")); }).code ==
          std::error_code{EAI_NONAME, net::resolver_category()});
}

TEST_CASE("hints narrow what is found") {
    const auto all_are = [](const std::vector<net::endpoint>& found, const net::ip_address& address) {
        return found == std::vector<net::endpoint>{{address, 80}};
    };
    CHECK(all_are(net::resolve("", 80, {.family = address_family::inet}), net::ipv4_address::loopback()));
    CHECK(all_are(net::resolve("", 80, {.family = address_family::inet, .to_bind = true}), net::ipv4_address::any()));
    CHECK(all_are(net::resolve("", 80, {.family = address_family::inet6}), net::ipv6_address::loopback()));
    CHECK(all_are(net::resolve("", 80, {.family = address_family::inet6, .to_bind = true}), net::ipv6_address::any()));
    CHECK(all_are(net::resolve("127.0.0.1", 80, {.type = socket_type::datagram}), net::ipv4_address::loopback()));
    std::error_code error;
    CHECK(net::resolve("127.0.0.1", "80", {.family = address_family::inet6}, error).empty());
    CHECK(error.category() == net::resolver_category());
}

TEST_CASE("a host that glibc takes for this host by an old custom is no name") {
    for (const char* const host : {"*", "**", "* ", " "}) {
        CAPTURE(host);
        std::error_code error;
        CHECK(net::resolve(host, "80", {}, error).empty());
        CHECK(error);
    }
}

TEST_CASE("addresses of sockets can be printed and are padded as text is") {
    std::ostringstream out;
    out << net::socket_address{net::endpoint{localhost, 80}} << ' ' << net::unix_endpoint{"/run/x"} << ' '
        << net::socket_address{net::unix_endpoint::abstract("y")} << ' ' << net::socket_address{};
    CHECK(out.str() == "127.0.0.1:80 /run/x @y (no address)");
    out.str("");
    out << std::setw(8) << net::unix_endpoint{"/run/x"};
    CHECK(out.str() == "  /run/x");
}

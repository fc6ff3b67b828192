// What socket/stale.hpp promises: a file that a dead server left is replaced, and nothing else is.

#include <netnotes/socket/stale.hpp>

#include "sockets.hpp"

namespace {
net::socket unix_socket(socket_type type = socket_type::stream) { return net::socket{address_family::local, type}; }
}  // namespace

TEST_CASE("a socket that was left behind is stale and is replaced") {
    for (const socket_type type : {socket_type::stream, socket_type::datagram, socket_type::sequenced_packet}) {
        const support::temporary_folder folder;
        const net::unix_endpoint where{folder.file("s")};
        CHECK_FALSE(net::is_stale(where));  // there is nothing
        {
            net::socket first = unix_socket(type);
            net::bind_replacing_stale(first, where);  // a free path is just bound
            CHECK_FALSE(net::is_stale(where));        // although it does not listen
        }
        CHECK(net::is_stale(where));
        net::socket second = unix_socket(type);
        std::error_code error;
        second.bind(where, error);
        CHECK(error == std::errc::address_in_use);
        net::bind_replacing_stale(second, where);
        CHECK_FALSE(net::is_stale(where));
        if (type != socket_type::datagram) second.listen();
        net::socket client = unix_socket(type);
        client.connect(where);
    }
}

TEST_CASE("a path in use is not taken away and its server sees no client") {
    const support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("s")};
    net::socket server = unix_socket();
    server.bind(where);
    server.listen(0);
    net::socket other = unix_socket();
    CHECK(failure_of([&] { net::bind_replacing_stale(other, where); }).what ==
          "bind " + where.name() + ": Address already in use");
    server.set_blocking(false);
    std::error_code error;
    CHECK_FALSE(server.accept(error).connection.is_open());
    CHECK(error == std::errc::operation_would_block);
    net::socket client = unix_socket();
    client.connect(where);
    CHECK(server.accept(error).connection.is_open());
}

TEST_CASE("a datagram socket that takes datagrams of one peer only is not stale") {
    const support::temporary_folder folder;
    const net::unix_endpoint here{folder.file("here")}, there{folder.file("there")};
    net::socket one{address_family::local, socket_type::datagram}, other{address_family::local, socket_type::datagram};
    one.bind(here);
    other.bind(there);
    one.connect(there);
    CHECK_FALSE(net::is_stale(here));
}

TEST_CASE("a file that is no socket is never removed") {
    const support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("f")};
    std::ofstream{where.name()} << "precious";
    net::socket server = unix_socket();
    std::error_code error;
    net::bind_replacing_stale(server, where, error);
    CHECK(error == std::errc::address_in_use);
    std::string content;
    CHECK(std::ifstream{where.name()} >> content);
    CHECK(content == "precious");
    CHECK_FALSE(net::is_stale(where));
    CHECK_FALSE(net::is_stale(unused_name()));
    net::bind_replacing_stale(server, unused_name());
    net::socket elsewhere = unix_socket();
    net::bind_replacing_stale(elsewhere, net::unix_endpoint{folder.file("no/folder")}, error);
    CHECK(error == std::errc::no_such_file_or_directory);
}

TEST_CASE("of many that replace one stale socket at the same time exactly one gets the path") {
    const support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("s")};
    for (int round = 0; round < 20; ++round) {
        std::list<net::socket> sockets;
        std::list<background<std::function<bool()>>> threads;
        for (int i = 0; i < 4; ++i) sockets.push_back(unix_socket());
        for (net::socket& each : sockets)
            threads.emplace_back([&] {
                std::error_code error;
                net::bind_replacing_stale(each, where, error);
                return !error;
            });
        int winners = 0;
        for (auto& thread : threads) winners += thread.get();
        CHECK(winners == 1);
    }
}

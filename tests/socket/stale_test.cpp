// What socket/stale.hpp promises: a file that a dead server left is replaced, and nothing else is.

#include <netnotes/socket/stale.hpp>

#include "sockets.hpp"

#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

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

TEST_CASE("a socket that may not be asked is not called stale, and the reason is told") {
    const support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("s")};
    net::socket{unix_socket()}.bind(where);
    REQUIRE(::chmod(folder.file("").c_str(), 0755) == 0);
    REQUIRE(::chmod(where.name().c_str(), 0) == 0);
    std::error_code error;
    bool is_stale = true;
    std::thread{[&] {
        ::setfsuid(65534);  // of this thread only: root may connect to anything
        is_stale = net::is_stale(where, error);
    }}.join();
    CHECK_FALSE(is_stale);
    CHECK(error == std::errc::permission_denied);
}

TEST_CASE("where the folder cannot be locked nothing is replaced, and the reason is told") {
    const support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("s")};
    net::socket{unix_socket()}.bind(where);
    REQUIRE(::chmod(where.name().c_str(), 0777) == 0);
    REQUIRE(::chmod(folder.file("").c_str(), 0333) == 0);  // files may be made and removed, but not listed
    std::error_code error, in_use;
    bool was_stale = false;
    std::thread{[&] {
        ::setfsuid(65534);  // of this thread only: root may open anything
        std::error_code unknown;
        was_stale = net::is_stale(where, unknown);
        net::socket server = unix_socket();
        net::bind_replacing_stale(server, where, error);
    }}.join();
    CHECK(was_stale);
    CHECK(error == std::errc::permission_denied);
    CHECK(net::is_stale(where));
    net::socket other = unix_socket();
    REQUIRE(::unlink(where.name().c_str()) == 0);
    other.bind(where);
    REQUIRE(::chmod(where.name().c_str(), 0777) == 0);
    std::thread{[&] {
        ::setfsuid(65534);
        net::socket server = unix_socket();
        net::bind_replacing_stale(server, where, in_use);
    }}.join();
    CHECK(in_use == std::errc::address_in_use);
    REQUIRE(::chmod(folder.file("").c_str(), 0755) == 0);
}

TEST_CASE("a signal does not break off the wait for another that replaces a stale socket") {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {};  // without SA_RESTART
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
    const support::temporary_folder folder;
    const net::unix_endpoint where{folder.file("s")};
    net::socket{unix_socket()}.bind(where);
    const net::owned_descriptor other{::open(folder.file("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    REQUIRE(::flock(other.native_handle(), LOCK_EX) == 0);
    net::socket server = unix_socket();
    std::atomic<pid_t> id{0};
    background replacing{[&] {
        id = static_cast<pid_t>(::syscall(SYS_gettid));
        std::error_code error;
        net::bind_replacing_stale(server, where, error);
        return error;
    }};
    while (id == 0) std::this_thread::yield();
    const std::string path = "/proc/self/task/" + std::to_string(id) + "/syscall";
    for (int i = 0; i < 3; ++i) {
        // Where the kernel does not tell in which call the thread waits, the signal may come too early: no harm is done.
        for (std::string call; std::ifstream{path} >> call && call != std::to_string(SYS_flock) && !replacing.has_ended();)
            std::this_thread::yield();
        ::pthread_kill(replacing.native_handle(), SIGUSR1);
    }
    CHECK_FALSE(replacing.has_ended());
    ::flock(other.native_handle(), LOCK_UN);
    CHECK_FALSE(replacing.get());
    ::sigaction(SIGUSR1, &before, nullptr);
}

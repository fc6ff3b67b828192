// What the tests of socket share.
//
// Nothing here sleeps in order to be late or early enough. Where something has to be waited for, the test waits for that
// thing: for a byte, for the end of a stream, for a thread to stand in a system call. A time limit is checked from below
// only ("not before its time"); from above a slow machine may do as it likes.
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/socket/socket.hpp>

#include "../support.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <tuple>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using Catch::Matchers::ContainsSubstring;
using net::address_family;
using net::socket_type;
using support::background;
using support::bound;
using support::client_of;
using support::closed_port;
using support::failure_of;
using support::family_of;
using support::links;
using support::listening;
using support::loopbacks;
using support::open_descriptors;
using support::pattern;
using support::receive_all;
using support::receive_exactly;
using support::tcp_pair;

namespace socket_tests {

const net::ip_address localhost = net::ipv4_address::loopback();

/// A short while: long enough to be told from none, short enough to wait for.
constexpr auto a_while = 30ms;

/// More than the kernel's buffers hold between two sockets that nobody reads from.
constexpr std::size_t too_much = 64 << 20;
inline const std::string& much() {
    static const std::string bytes = pattern(too_much);
    return bytes;
}

inline bool is_close_on_exec(int descriptor) { return (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0; }
inline bool has_nonblock(int descriptor) { return (::fcntl(descriptor, F_GETFL) & O_NONBLOCK) != 0; }
inline std::uint16_t port_of(const net::socket& socket) { return socket.local_endpoint().ip().port(); }

/// Closes without a goodbye: SO_LINGER with zero seconds makes close() send a reset.
inline void reset(net::socket& connection) {
    connection.set_option(net::option::linger{0s});
    connection.close();
}

/// A name that no other process uses at the moment.
inline net::unix_endpoint unused_name() {
    static int count = 0;
    return net::unix_endpoint::abstract("netnotes-" + std::to_string(::getpid()) + '-' + std::to_string(++count));
}

/// A listener whose queue is full: no other client gets in, until one is accepted.
class full_listener {
  public:
    explicit full_listener(const net::ip_address& address)
        : listener_{listening(address, 0)}, inside_{client_of(listener_)} {}
    full_listener()
        : listener_{address_family::local, socket_type::stream}, inside_{address_family::local, socket_type::stream} {
        listener_.bind(unused_name());
        listener_.listen(0);
        inside_.connect(listener_.local_endpoint());
    }
    [[nodiscard]] net::socket_address where() const { return listener_.local_endpoint(); }
    void make_room() { listener_.accept(); }

  private:
    net::socket listener_, inside_;
};
inline std::list<full_listener> full_listeners() {
    std::list<full_listener> all;
    for (const net::ip_address& address : loopbacks()) all.emplace_back(address);
    all.emplace_back();
    return all;
}

/// For each of those, a client that connects and waits. All at once, for TCP tries again only after a second.
struct late_clients {
    explicit late_clients(net::duration timeout) {
        for (const full_listener& listener : listeners) {
            net::socket& client = clients.emplace_back(listener.where().family(), socket_type::stream);
            client.set_timeout(timeout);
            threads.emplace_back([&client, where = listener.where()] { client.connect(where); });
        }
    }
    bool all_get_in() {
        for (full_listener& listener : listeners) listener.make_room();
        for (auto& thread : threads) thread.get();
        return std::equal(listeners.begin(), listeners.end(), clients.begin(),
                          [](auto& listener, auto& client) { return client.peer_endpoint() == listener.where(); });
    }
    std::list<full_listener> listeners = full_listeners();
    std::list<net::socket> clients;
    std::list<background<std::function<void()>>> threads;
};

}  // namespace socket_tests

using namespace socket_tests;

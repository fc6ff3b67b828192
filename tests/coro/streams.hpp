// tests/coro/streams.hpp: streams and what tasks do with them, for several tests of sockets

#pragma once

#include <netnotes/coro/datagram.hpp>
#include <netnotes/coro/group.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/stream.hpp>
#include <netnotes/udp/socket.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace net = netnotes;
using namespace std::chrono_literals;
using support::open_descriptors;


namespace coro_tests {

/// Returns the error with which a task ends, or no error if it ends well.
inline net::task<std::error_code> error_of(net::task<> what) {
    try {
        co_await std::move(what);
    } catch (const net::cancelled&) {
        co_return std::make_error_code(std::errc::operation_canceled);
    } catch (const std::system_error& error) {
        co_return error.code();
    }
    co_return std::error_code{};
}

inline net::task<std::string> receive_all(net::async_stream& from) {
    std::string all;
    for (;;) {
        const auto bytes = co_await from.recv();
        if (bytes.empty()) break;
        all += net::as_text(bytes);
    }
    co_return all;
}
inline net::task<> joined(net::join_handle<>& what) { co_await what.join(); }
inline net::task<net::async_stream> accept_one(net::async_listener& listener) {
    auto next = co_await listener.accept();
    co_return std::move(next.stream);
}
inline net::task<> receive_once(net::async_stream& from) { co_await from.recv(); }

/// In pieces of random sizes, and others have their turn between them.
inline net::task<> send_in_pieces(net::async_stream& to, const std::string& text, unsigned seed) {
    std::mt19937 random{seed};
    for (std::size_t sent = 0; sent < text.size();) {
        const std::string_view piece = std::string_view{text}.substr(sent, 1 + random() % 20'000);
        if (random() % 2 == 0) {
            co_await to.send_all(piece);
            sent += piece.size();
        } else {
            const std::size_t taken = co_await to.send(piece);
            CHECK(taken > 0);
            sent += taken;
        }
        if (random() % 4 == 0) co_await net::yield();
    }
    to.shutdown(net::shutdown_direction::send);
}
inline net::task<> send_everything(net::async_stream& to, const std::string& text) { co_await to.send_all(text); }

inline net::task<> echo(net::async_stream client) {
    for (;;) {
        const auto bytes = co_await client.recv();
        if (bytes.empty()) break;
        co_await client.send_all(bytes);
    }
}

inline std::string pattern(std::size_t size, unsigned seed) {
    std::mt19937 random{seed};
    std::string text(size, '\0');
    std::ranges::generate(text, [&] { return static_cast<char>(random()); });
    return text;
}

/// Two connected streams of one loop, by TCP over an address of this host, or without a network.
struct two_ends {
    net::async_stream one, other;
};
inline two_ends connected(net::event_loop& loop, const net::ip_address* address = nullptr) {
    if (!address) {
        auto [a, b] = net::socket_pair();
        return {net::async_stream{loop, std::move(a)}, net::async_stream{loop, std::move(b)}};
    }
    net::tcp_listener listener{{*address, 0}};
    net::tcp_stream client{listener.local_endpoint()};
    auto accepted = listener.accept();
    return {net::async_stream{loop, std::move(client).into_socket()},
            net::async_stream{loop, std::move(accepted.stream).into_socket()}};
}

}  // namespace coro_tests

using namespace coro_tests;

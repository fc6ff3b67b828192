// socks_proxy.cpp PORT: a SOCKS5 proxy (RFC 1928): CONNECT to a name or an address

#include <netnotes/coro.hpp>

namespace net = netnotes;
using namespace std::chrono_literals;

net::task<std::string> take(net::async_buffered_stream& client, std::size_t size) {
    co_return std::string{(co_await client.recv_exact(size)).value()};
}
net::task<unsigned char> take_byte(net::async_buffered_stream& client) {
    co_return static_cast<unsigned char>((co_await take(client, 1))[0]);
}

net::task<std::string> take_host(net::async_buffered_stream& client) {
    const auto kind = co_await take_byte(client);
    if (kind == 3) {
        const auto size = co_await take_byte(client);
        co_return co_await take(client, size);
    }
    const auto address = co_await take(client, kind == 1 ? 4 : 16);
    co_return net::ip_address::from_bytes(address).value().to_string();
}

net::task<> proxy(net::async_stream stream) {
    net::async_buffered_stream client{std::move(stream), 256};
    const auto greeting = co_await take(client, 2);
    static_cast<void>(co_await take(client, static_cast<unsigned char>(greeting[1])));  // any method: we ask for none
    co_await client.write(std::string_view{"\5\0", 2});
    const auto command = co_await take(client, 3);
    const auto host = co_await take_host(client);
    const auto high = co_await take_byte(client), low = co_await take_byte(client);
    if (greeting[0] != 5 || command != std::string_view{"\5\1\0", 3}) throw std::runtime_error{"no CONNECT of SOCKS5"};
    net::async_stream server;
    try {
        server = co_await net::async_connect(host, static_cast<std::uint16_t>(high << 8 | low), {.timeout = 10s});
        server.set_timeout(client.stream().timeout());
    } catch (const std::system_error&) {
    }
    const std::string answer{'\5', server.is_open() ? '\0' : '\5', '\0', '\1', '\0', '\0', '\0', '\0', '\0', '\0'};
    co_await client.write(answer);
    co_await client.flush();
    if (server.is_open()) co_await net::pump_both(client, server);
}

int main(int, char** argv) {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    const net::endpoint where{net::ipv4_address::loopback(), net::read_number<std::uint16_t>(argv[1])};
    net::event_loop{}.run(net::serve(where, proxy, {.max_connections = 1000, .descriptors_per_connection = 2}), stop);
}

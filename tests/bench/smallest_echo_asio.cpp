// The same as smallest_echo_netnotes.cpp with Asio, with the headers that it takes and no more.

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <array>
#include <system_error>
#include <utility>

namespace {

using asio::ip::tcp;

asio::awaitable<void> echo(tcp::socket client) {
    try {
        std::array<char, 4096> bytes;
        for (;;) {
            const std::size_t size = co_await client.async_read_some(asio::buffer(bytes), asio::use_awaitable);
            co_await asio::async_write(client, asio::buffer(bytes, size), asio::use_awaitable);
        }
    } catch (const std::system_error&) {  // the end of the stream is one, too
    }
}

asio::awaitable<void> serve(asio::io_context& context) {
    tcp::acceptor listener{context, {asio::ip::address_v4::loopback(), 6666}};
    for (;;) {
        tcp::socket client = co_await listener.async_accept(asio::use_awaitable);
        asio::co_spawn(context, echo(std::move(client)), asio::detached);
    }
}

}  // namespace

int main() {
    asio::io_context context{1};
    asio::co_spawn(context, serve(context), asio::detached);
    context.run();
}

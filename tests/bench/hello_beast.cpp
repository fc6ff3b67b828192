// hello_beast.cpp: the smallest web server of Boost.Beast with awaitables, for http.py: hello_beast [PORT]

#include <utility>  // first, because Boost 1.74 forgets it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

asio::awaitable<void> converse(beast::tcp_stream stream) {
    beast::flat_buffer buffer;
    try {
        for (;;) {
            http::request<http::string_body> ask;
            stream.expires_after(std::chrono::seconds{60});
            co_await http::async_read(stream, buffer, ask, asio::use_awaitable);
            http::response<http::string_body> answer{
                ask.target() == "/" ? http::status::ok : http::status::not_found, ask.version()};
            answer.set(http::field::content_type, "text/plain; charset=utf-8");
            answer.keep_alive(ask.keep_alive());
            answer.body() = ask.target() == "/" ? "Hello, world\n" : "404\n";
            answer.prepare_payload();
            const bool keeps = answer.keep_alive();
            co_await http::async_write(stream, answer, asio::use_awaitable);
            if (!keeps) break;
        }
        stream.socket().shutdown(tcp::socket::shutdown_send);
    } catch (const std::exception&) {  // the client has left
    }
}
asio::awaitable<void> serve(tcp::acceptor listener) {
    for (;;) {
        tcp::socket client = co_await listener.async_accept(asio::use_awaitable);
        client.set_option(tcp::no_delay{true});
        asio::co_spawn(listener.get_executor(), converse(beast::tcp_stream{std::move(client)}), asio::detached);
    }
}

int main(int argc, char** argv) {
    asio::io_context loop{1};
    const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 0);
    tcp::acceptor listener{loop, tcp::endpoint{asio::ip::address_v4::loopback(), port}};
    std::cout << "listening on " << listener.local_endpoint().port() << std::endl;
    asio::co_spawn(loop, serve(std::move(listener)), asio::detached);
    loop.run();
}

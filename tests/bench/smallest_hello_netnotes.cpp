// The smallest web server of this library, and no more: what it costs the compiler, beside hello_beast.cpp, which does the
// same: smallest_hello_netnotes [PORT]

#include <netnotes/http/server.hpp>

#include <cstdlib>
#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;

net::task<http::response> hello(http::request& ask) {
    if (ask.path() == "/") co_return http::response{200, "Hello, world\n"};
    co_return http::response{404, "404\n"};
}

int main(int argc, char** argv) {
    const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
    net::tcp_listener listener{{net::ipv4_address::loopback(), port}};
    listener.set_option(net::option::no_delay{});
    std::cout << "listening on " << listener.local_endpoint().port() << std::endl;
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), hello));
}

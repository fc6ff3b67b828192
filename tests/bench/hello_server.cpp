// hello_server.cpp: the smallest web server of this library, for http.py: hello_server PORT [ROOT]

#include <netnotes/http/server.hpp>

#include <cstdlib>
#include <iostream>
#include <optional>

namespace net = netnotes;
namespace http = netnotes::http;

int main(int argc, char** argv) {
    std::optional<http::files> site;
    if (argc > 2) site.emplace(argv[2]);
    const auto hello = [&site](http::request& ask) -> net::task<http::response> {
        if (ask.path() == "/") co_return http::response{200, "Hello, world\n"};
        if (site) co_return site->answer(ask);
        co_return http::not_found(ask);
    };
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0)}};
    listener.set_option(net::option::no_delay{});
    std::cout << "listening on " << listener.local_endpoint().port() << std::endl;
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), hello), stop);
}

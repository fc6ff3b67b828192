// hello_server.cpp: a web server of this library, for http.py: hello_server [--backend epoll|io_uring] [PORT [ROOT]]

#include <netnotes/coro/io/io_uring.hpp>
#include <netnotes/http/server.hpp>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string_view>

namespace net = netnotes;
namespace http = netnotes::http;

int main(int argc, char** argv) {
    net::loop_options how;
    if (argc > 2 && std::string_view{argv[1]} == "--backend") {
        if (std::string_view{argv[2]} == "io_uring") how.backend = net::io_backend::io_uring;
        argc -= 2;
        argv += 2;
    }
    std::optional<http::files> site;
    if (argc > 2) site.emplace(argv[2]);
    const auto hello = [&site](http::request& ask) -> net::task<http::response> {
        if (ask.path() == "/") co_return http::response{200, "Hello, world\n"};
        if (site) co_return site->answer(ask);
        co_return http::not_found(ask);
    };
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::event_loop loop{how};
    if (loop.refusal()) {  // no figure of one back end may carry the name of the other
        std::cerr << "hello_server: io_uring: " << loop.refusal().message() << std::endl;
        return 1;
    }
    net::tcp_listener listener{{net::ipv4_address::loopback(), static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0)}};
    listener.set_option(net::option::no_delay{});
    std::cout << "listening on " << listener.local_endpoint().port() << std::endl;
    loop.run(http::serve(std::move(listener), hello), stop);
}

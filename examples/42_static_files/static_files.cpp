// static_files.cpp: puts a folder on the web: pages, pictures, parts of files, and nothing beside it (beyond the notes)

#include <netnotes/http.hpp>

#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;

int main(int argc, char** argv) try {
    const http::files site{argc > 1 ? argv[1] : "."};
    const auto answer = [&site](http::request& ask) { return site.answer(ask); };
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), 8000}};
    std::cout << "等待浏览器 (open http://localhost:8000 in a browser; Ctrl-C ends)" << std::endl;
    http::server_options options;
    options.on_access = [](std::string_view line) { std::cout << line << std::endl; };
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), answer, options), stop);
} catch (const std::system_error& error) {
    std::cerr << "static_files: " << error.what() << '\n';
    return 1;
}

// http_get.cpp: prints a page of the web (beyond the notes)

#include <netnotes/http.hpp>

#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;

int main(int argc, char** argv) try {
    net::event_loop loop;
    const http::response page = loop.run(http::get(argc > 1 ? argv[1] : "http://localhost:8000/"));
    std::cerr << page.status.to_string() << '\n';  // standard output has the page alone, as bytes
    std::cout << page.body;
    return page.status.is_success() ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << "http_get: " << error.what() << '\n';
    return 1;
}

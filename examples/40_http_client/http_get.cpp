// http_get.cpp: prints a page of the web (beyond the notes)

#include <netnotes/http.hpp>

#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;

int main(int argc, char** argv) try {
    const std::string where = argc > 1 ? argv[1] : "http://localhost:8000/";
    std::cerr << "正在连接 (asking for) " << where << " ..." << std::endl;  // standard output has the page alone
    net::event_loop loop;
    const http::response page = loop.run(http::get(where));  // waits at most 30 s
    std::cerr << page.status.to_string() << '\n';
    std::cout << page.body;
    return page.status.is_success() ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << "http_get: " << error.what() << '\n';
    return 1;
}

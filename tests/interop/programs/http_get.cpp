// http_get.cpp URL: prints the page at this URL

#include <netnotes/http.hpp>

#include <iostream>

namespace net = netnotes;

net::task<> print(std::string url) {
    const auto page = co_await net::http::get(url);  // the name, the connection and the body: 30 s at most
    std::cout << page.body;
}

int main(int, char** argv) { net::event_loop{}.run(print(argv[1])); }

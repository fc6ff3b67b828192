// ten_pages.cpp: fetches ten pages at once, and then one after the other (beyond the notes)

#include <netnotes/http.hpp>

#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;

net::task<> fetch(http::client& browser, std::string where) {
    const http::response page = co_await browser.get(where);
    std::cout << page.status.code() << ' ' << where << ": " << page.body.size() << " bytes" << std::endl;
}

net::task<> fetch_all(std::string where) {
    http::client browser;
    const auto start = net::clock::now();
    const auto at_once = [&](net::task_group& tasks) -> net::task<> {
        for (int i = 1; i <= 10; ++i) tasks.spawn(fetch(browser, where + "?page=" + std::to_string(i)));
        co_return;
    };
    co_await net::with_group(at_once);  // waits for all of them
    const auto middle = net::clock::now();
    for (int i = 1; i <= 10; ++i) co_await fetch(browser, where + "?page=" + std::to_string(i));
    const std::chrono::duration<double, std::milli> first = middle - start, second = net::clock::now() - middle;
    std::cout << "at once: " << first.count() << " ms, one after the other: " << second.count() << " ms" << std::endl;
}

int main(int argc, char** argv) try {
    const std::string where = argc > 1 ? argv[1] : "http://localhost:8000/";
    std::cout << "正在连接 (asking for) " << where << ", ten times ..." << std::endl;
    net::event_loop loop;
    loop.run(fetch_all(where));
} catch (const std::exception& error) {
    std::cerr << "ten_pages: " << error.what() << '\n';
    return 1;
}

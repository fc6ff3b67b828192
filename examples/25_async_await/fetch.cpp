// fetch.cpp: asks several web servers at once, as Python programs do with aiohttp (beyond the notes)
//
//     fetch HOST[:PORT]...        for example fetch example.com localhost:8000

#include <netnotes/coro.hpp>

#include <charconv>
#include <iostream>
#include <stdexcept>

namespace net = netnotes;
using namespace std::chrono_literals;

net::task<std::string> get(std::string host, std::uint16_t port) {
    net::async_stream server = co_await net::async_connect(host, port);
    const std::string request = "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
    co_await server.send_all(request);
    std::string answer;
    while (answer.size() < 1'000'000) {  // no server can fill our memory
        auto bytes = co_await server.recv();
        if (bytes.empty()) break;
        answer += net::as_text(bytes);
    }
    co_return answer;
}

net::task<> fetch(std::string name) {
    const auto begin = net::clock::now();
    const std::size_t colon = name.find(':');
    std::string result;
    try {
        std::uint16_t port = colon == name.npos ? 80 : 0;
        if (colon != name.npos) {
            const char* const end = name.data() + name.size();
            if (std::from_chars(name.data() + colon + 1, end, port).ptr != end || port == 0)
                throw std::runtime_error{"this is not HOST:PORT, with a port from 1 to 65535"};
        }
        const std::string answer = co_await net::with_timeout(10s, get(name.substr(0, colon), port));
        result = net::visible(answer.substr(0, answer.find("\r\n"))) + ", " + std::to_string(answer.size()) + " bytes";
    } catch (const std::exception& error) {
        result = error.what();
    }
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - begin);
    std::cout << name << "  " << time.count() << " ms  " << result << std::endl;
}

net::task<> fetch_all(std::vector<std::string> names) {
    std::vector<net::join_handle<>> pages;
    for (const std::string& name : names) pages.push_back(net::spawn(fetch(name)));  // all begin now
    for (net::join_handle<>& page : pages) co_await page.join();
}

int main(int argc, char** argv) try {
    if (argc < 2) throw std::invalid_argument{"usage: fetch HOST[:PORT]..."};
    std::cout << "正在连接 (connecting to) " << argc - 1 << " servers ..." << std::endl;
    net::event_loop loop;
    loop.run(fetch_all({argv + 1, argv + argc}));
} catch (const std::exception& error) {
    std::cerr << "fetch: " << error.what() << '\n';
    return 1;
}

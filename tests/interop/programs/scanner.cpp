// scanner.cpp HOST: prints the open TCP ports of a host, each when it answers

#include <netnotes/coro.hpp>

#include <iostream>

namespace net = netnotes;
using namespace std::chrono_literals;

net::task<> probe(net::endpoint where, net::async_semaphore::permit) try {
    std::error_code closed;
    const auto stream = co_await net::with_timeout(1s, net::async_stream::connect(where, closed));
    if (!closed) std::cout << where.port() << '\n';
} catch (const std::system_error&) {  // silent
}

net::task<> scan(net::ip_address host) {
    net::async_semaphore free{500};  // connections at once
    const auto all = [&](net::task_group& group) -> net::task<> {
        for (std::uint16_t port = 1; port != 0; ++port) {
            auto permit = co_await free.acquire();
            group.spawn(probe({host, port}, std::move(permit)));
        }
    };
    co_await net::with_group(all);
}

int main(int, char** argv) { net::event_loop{}.run(scan(net::ip_address{argv[1]})); }

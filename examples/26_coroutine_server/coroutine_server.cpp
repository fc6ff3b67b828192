// coroutine_server.cpp: a task for each client sends back what comes (the notes: "gevent版TCP服务器", 21 lines)

#include <netnotes/coro.hpp>

#include <iostream>

namespace net = netnotes;

net::task<> handle_request(net::async_stream conn) {
    for (;;) {
        auto data = co_await conn.recv();  // while this task waits, the loop runs the tasks of other clients
        if (data.empty()) co_return;       // the client has closed
        std::cout << "recv: " << net::visible(net::as_text(data)) << std::endl;
        co_await conn.send_all(data);
    }
}

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::any(), 4567}};
    std::cout << "等待客户端 (waiting for clients on port 4567; Ctrl-C ends)" << std::endl;
    net::event_loop loop;
    loop.run(net::serve(std::move(listener), handle_request), stop);  // accepts, and starts a task for each client
} catch (const std::system_error& error) {
    std::cerr << "coroutine_server: " << error.what() << '\n';
    return 1;
}

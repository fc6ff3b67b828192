// hello_httplib.cpp: the smallest web server of cpp-httplib, for http.py: hello_httplib [PORT]
// It has a thread for each connection that is open, so it gets as many as http.py has connections.

#include <httplib.h>

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
    httplib::Server server;
    server.new_task_queue = [] { return new httplib::ThreadPool{64}; };
    server.set_tcp_nodelay(true);
    server.set_keep_alive_max_count(1'000'000'000);
    server.set_keep_alive_timeout(60);
    server.Get("/", [](const httplib::Request&, httplib::Response& answer) {
        answer.set_content("Hello, world\n", "text/plain; charset=utf-8");
    });
    const int wish = argc > 1 ? std::atoi(argv[1]) : 0;
    const int port = wish != 0 && server.bind_to_port("127.0.0.1", wish) ? wish : server.bind_to_any_port("127.0.0.1");
    std::cout << "listening on " << port << std::endl;
    return server.listen_after_bind() ? 0 : 1;
}

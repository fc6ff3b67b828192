// http_by_hand.cpp: a server for requests that you type, which says what is wrong with them (beyond the notes)
#include <netnotes/http.hpp>

#include <chrono>
#include <iostream>
#include <string>

namespace net = netnotes;
namespace http = netnotes::http;
using event = http::connection::event;

/// Returns what the client hears: its own request, taken apart.
http::response answer(const http::request_head& head) {
    std::string text = "method  " + std::string{head.method_name} + "\ntarget  " + std::string{head.target} + "\n";
    for (const auto& [name, value] : head.fields()) text.append(name).append(" = ").append(value).append("\n");
    return {200, text};
}

/// Talks to a client until one of the two ends the conversation.
void talk(net::tcp_stream client) {
    http::connection rules{http::connection::role::server, net::clock::now()};
    for (;;) {
        const event what = rules.next(net::clock::now());
        if (what == event::request) {
            std::cout << "请求 (request) " << net::visible(rules.request().target) << std::endl;
            rules.send(answer(rules.request()));
        }
        if (what == event::request || what == event::end) continue;
        if (what == event::refused) std::cout << "拒绝 (refused) " << rules.refusal_message() << std::endl;
        client.send_all(rules.output());
        rules.sent(rules.output().size(), net::clock::now());
        if (what != event::need_data) break;

        char buffer[4096];
        const std::size_t size = client.recv(buffer);
        if (size == 0) rules.receive_end();
        rules.receive({buffer, size}, net::clock::now());
    }
    client.shutdown(net::shutdown_direction::send);  // now the client can read our last words
}

int main() try {
    net::tcp_listener listener{{net::ipv4_address::loopback(), 8000}};
    std::cout << "等待请求 (type: nc -C localhost 8000; Ctrl-C ends)" << std::endl;
    for (;;) {
        auto [client, address] = listener.accept();
        client.set_timeout(std::chrono::seconds{60});  // another client may be waiting
        try {
            talk(std::move(client));
        } catch (const std::system_error& error) {
            std::cout << error.what() << std::endl;
        }
    }
} catch (const std::exception& error) {
    std::cerr << "http_by_hand: " << error.what() << '\n';
    return 1;
}

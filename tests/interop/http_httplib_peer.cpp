// tests/interop/http_httplib_peer.cpp: a server with cpp-httplib, for http_peers.py; prints its port
// SPDX-License-Identifier: MIT

#include <httplib.h>

#include <iostream>

int main() {
    httplib::Server server;
    server.set_tcp_nodelay(true);
    server.set_pre_routing_handler([](const httplib::Request& ask, httplib::Response& answer) {
        std::string body;
        for (const char c : ask.body) {
            body += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
            body += "0123456789abcdef"[c & 15];
        }
        answer.set_content("[[" + ask.method + " " + ask.target + " " + (body.empty() ? "-" : body) + "]]",
                           "text/plain");
        return httplib::Server::HandlerResponse::Handled;
    });
    std::cout << server.bind_to_any_port("127.0.0.1") << std::endl;
    server.listen_after_bind();
}

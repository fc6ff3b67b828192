// tests/interop/http_beast_peer.cpp: a server with Boost.Beast, for http_peers.py; prints its port
// SPDX-License-Identifier: MIT

#include <utility>  // which this version of Asio forgets

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <iostream>
#include <thread>

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

int main() {
    boost::asio::io_context context;
    tcp::acceptor acceptor{context, {boost::asio::ip::address_v4::loopback(), 0}};
    std::cout << acceptor.local_endpoint().port() << std::endl;
    for (;;) {
        std::thread{[stream = acceptor.accept()]() mutable {
            boost::beast::flat_buffer buffer;
            boost::system::error_code error;
            for (;;) {
                http::request<http::string_body> ask;
                http::read(stream, buffer, ask, error);
                if (error) break;
                std::string body;
                for (const char c : ask.body()) {
                    body += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
                    body += "0123456789abcdef"[c & 15];
                }
                http::response<http::string_body> answer{http::status::ok, ask.version()};
                answer.body() = "[[" + std::string{ask.method_string()} + " " + std::string{ask.target()} + " " +
                                (body.empty() ? "-" : body) + "]]";
                answer.keep_alive(ask.keep_alive());
                answer.prepare_payload();
                http::write(stream, answer, error);
                if (error || !ask.keep_alive()) break;
            }
            if (error && error != http::error::end_of_stream)
                boost::asio::write(stream, boost::asio::buffer(std::string_view{"HTTP/1.1 400 Bad Request\r\n\r\n"}),
                                   error);
        }}.detach();
    }
}

// http_server.cpp: a web server: a page with a form, its answer, and 404 for all else (beyond the notes)

#include <netnotes/http.hpp>

#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;

constexpr std::string_view page = R"(<!DOCTYPE html>
<title>A web server</title>
<h1>你好 (hello)</h1>
<form method="post" action="/greet"><input name="name" placeholder="your name"> <button>Send</button></form>
)";

std::string escaped(std::string_view text) {  // a name such as <script> must stay a text
    std::string result;
    for (const char c : text) result += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string{c};
    return result;
}

net::task<http::response> answer(http::request& ask) {
    std::cout << ask.method_name() << ' ' << net::visible(ask.path()) << std::endl;
    if (ask.path() == "/") co_return http::response{200, std::string{page}, "text/html; charset=utf-8"};
    if (ask.path() != "/greet") co_return http::not_found(ask);
    const std::string body = co_await ask.text();  // while this task waits for the body, other clients are served
    net::parse_failure why;
    const auto form = http::form::parse(body, why);
    if (!form) co_return http::response{400, why.message() + "\n"};
    const std::string name = escaped(form->get("name").value_or("nobody"));
    co_return http::response{200, "<p>Hello, " + name + "!\n", "text/html; charset=utf-8"};
}

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), 8000}};
    std::cout << "等待浏览器 (open http://localhost:8000 in a browser; Ctrl-C ends)" << std::endl;
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), answer), stop);
} catch (const std::system_error& error) {
    std::cerr << "http_server: " << error.what() << '\n';
    return 1;
}

// examples/39_http_server/demo.cpp: a web server, and what a browser and it say to each other
//
//        browser                                          server
//          GET / HTTP/1.1              ──────────>        answer(request)
//          Host: localhost:8000
//                                      <──────────        HTTP/1.1 200 OK
//                                                         Content-Length: 57
//
// The handler is a function from a request to a response. serve() does the rest: it reads heads, keeps the connection for
// the next request, adds Date and the length, and refuses bytes that are no request.
//
// The notes:     TCP长/短连接的应用场景 (long and short connections). Its counterpart is http_server.cpp
// Type:          demo                                    a demonstration
//                demo serve                              the server on port 8000; then open http://localhost:8000
// You will see:  what demo.txt shows: requests and answers as bytes

#include <netnotes/http.hpp>

#include "../serving.hpp"

#include <algorithm>

using example::heading;
using example::say;
namespace http = netnotes::http;

namespace {

// ---- The server -----------------------------------------------------------------------------------------

constexpr std::string_view page = "<!DOCTYPE html><title>39</title><h1>It works</h1>\n";

net::generator<std::string> countdown() {
    for (int i = 3; i > 0; --i) {
        std::string line = std::to_string(i) + "\n";
        co_yield std::move(line);
    }
}
net::task<http::response> answer(http::request& ask) {
    if (ask.path() == "/") co_return http::response{200, std::string{page}, "text/html; charset=utf-8"};
    if (ask.path() == "/count") co_return http::response{200, http::pieces(countdown()), "text/plain"};
    if (ask.path() == "/fail") throw std::runtime_error{"the password of the database is 1234"};
    if (ask.path() == "/greet") {
        const std::string body = co_await ask.text();
        net::parse_failure why;
        const auto form = http::form::parse(body, why);
        if (!form) co_return http::response{400, why.message() + "\n"};
        co_return http::response{200, "Hello, " + std::string{form->get("name").value_or("nobody")} + "\n"};
    }
    co_return http::not_found(ask);
}

void serve(const example::serve_options& options) { example::serve_http(options, answer); }

// ---- The demonstration ----------------------------------------------------------------------------------

/// Prints the lines of one side.
void show(std::string_view side, std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        say(side, line.starts_with("Date: ") ? "Date: (now)\\r" : net::visible(line));
    }
    say("");
}
/// Sends a text, and shows it and everything that comes back until the server has nothing more to say.
net::task<> ask(net::endpoint where, std::string text) {
    auto server = co_await net::async_stream::connect(where);
    show("  > ", text);
    co_await server.send_all(text);
    server.shutdown(net::shutdown_direction::send);
    const std::string all = co_await example::recv_all(server);
    show("  < ", all);
}
net::task<> converse(net::endpoint where) {
    say("A page. The server adds Date, and the length of the body:\n");
    co_await ask(where, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    say("A form that was sent:\n");
    co_await ask(where, "POST /greet HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n\r\nname=New+York!");
    say("Three requests on one connection, in one piece. HEAD asks for the head alone:\n");
    co_await ask(where, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        "GET /count HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    say("A handler that throws. The client does not hear why, but on_error does:\n");
    co_await ask(where, "GET /fail HTTP/1.1\r\nHost: localhost\r\n\r\n");
    say("Bytes that are no request:\n");
    co_await ask(where, "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n");
}
/// Runs the client beside the server, in one loop. The end of this task ends the run, and so the server.
net::task<> beside(net::tcp_listener listener) {
    const net::endpoint where = listener.local_endpoint();
    http::server_options options;
    options.on_error = [](const net::socket_address&, const std::exception& failure) {
        say("  on_error: ", failure.what(), "\n");
    };
    net::spawn(http::serve(std::move(listener), answer, options), "server");
    co_await converse(where);
}

void demonstrate() {
    heading("A browser and a server");
    net::event_loop loop;
    loop.run(beside(net::tcp_listener{{net::ipv4_address::loopback(), 0}}));
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

A web server with a page at /, a greeting at /greet and numbers at /count. Without an argument: a demonstration.

  serve             serves HTTP/1.1 until Ctrl-C, and prints a line for each request
  --bind ADDRESS    where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          8000 by default, because browsers refuse 6666; 0 lets the system choose
  --quiet           prints only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    example::roles roles;
    roles.demonstrate = demonstrate;
    roles.serve = serve;
    roles.port = 8000;
    return example::run(argc, argv, help, roles);
}

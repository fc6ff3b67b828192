// examples/38_http_by_hand/demo.cpp: requests as people type them, and what the server makes of them
//
//        keyboard ──> nc -C ──> bytes ──> http::connection ──> request, or a sentence that says what is wrong
//
// HTTP/1.1 is text, so a request can be typed. This demonstration needs no network: it gives bytes to http::connection,
// which knows the rules, and prints the bytes that come out. Each `>` is a line that the client sends, and each `<` a
// line of the answer. A line ends with CR LF; where it does not, the demonstration writes `\n`.
//
// The notes:     Python Internet 模块 (HTTP has port 80). Its counterpart is http_by_hand.cpp
// Type:          demo
// You will see:  what demo.txt shows: two requests on one connection, a body, HTTP/1.0, and eight refusals

#include "../demo.hpp"

#include <netnotes/http/connection.hpp>

using example::heading;
using example::say;
namespace http = netnotes::http;
using event = http::connection::event;

namespace {

/// Prints text line by line. The usual end of a line is not shown, and any other is.
void show(std::string_view side, std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end == text.npos ? end : end + 1);
        text.remove_prefix(line.size());
        if (line.ends_with("\r\n")) line.remove_suffix(2);
        say(side, net::visible(line));
    }
}

/// Gives the bytes to a server, and prints both sides.
void type(std::string_view bytes) {
    http::connection server{http::connection::role::server, {}};
    server.receive(bytes, {});
    show("  > ", bytes);
    std::string body;
    for (;;) {
        const event what = server.next({});
        if (what == event::request)
            body.clear();
        else if (what == event::data)
            body += server.data();
        else if (what == event::end)
            server.send({200, "hello" + (body.empty() ? body : ", you sent " + body) + "\n"});
        else
            break;
    }
    show("  < ", server.output());
    say("  ", server.why() == http::ending::none ? "The connection stays open." : "The connection ends: ",
        server.why() == http::ending::none ? "" : http::text_of(server.why()), "\n");
}

void accepted() {
    heading("What a server takes");
    say("The shortest request of HTTP/1.1 is two lines and an empty line:\n");
    type("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    say("The connection stays open, so two requests may come at once. The answers come in the same order:\n");
    type(
        "GET /one HTTP/1.1\r\nHost: localhost\r\n\r\nGET /two HTTP/1.1\r\nHost: localhost\r\nConnection: "
        "close\r\n\r\n");
    say("A body needs a length, or nobody knows where it ends:\n");
    type("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc");
    say("In HTTP/1.0 there was no Host, and one connection for each request:\n");
    type("GET / HTTP/1.0\r\n\r\n");
}

void refused() {
    heading("What a server refuses, and why");
    say("nc without -C ends a line with LF alone:\n");
    type("GET / HTTP/1.1\nHost: localhost\n\n");
    say("A word is missing:\n");
    type("GET /\r\n\r\n");
    say("Nobody says which of the server's sites is meant:\n");
    type("GET / HTTP/1.1\r\n\r\n");
    say("A space before the colon. Some programs would not see this field, and others would:\n");
    type("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length : 3\r\n\r\nabc");
    say("Two lengths, even if they are equal:\n");
    type("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc");
    say("A path that a program in C would cut off:\n");
    type("GET /secret.txt%00.html HTTP/1.1\r\nHost: localhost\r\n\r\n");
    say("A browser that was told to use https here:\n");
    type(std::string_view{"\x16\x03\x01\x02\x00\x01", 6});
    say("A newer HTTP:\n");
    type("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Requests as people type them, and the answers of a server that says what is wrong.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        accepted();
        refused();
    });
}

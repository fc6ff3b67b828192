// foreign.cpp: a page of another site, with a form for the guest book of form.cpp (beyond the notes)

#include <netnotes/http.hpp>

#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;

constexpr std::string_view page = R"(<!DOCTYPE html>
<title>Cats</title>
<form method="post" action="http://localhost:8000/write/">
<input type="hidden" name="words" value="I was here, and did not know it.">
<button>Show me a cat</button></form>
)";

int main() try {
    const auto answer = [](http::request&) {
        return http::response{200, std::string{page}, "text/html; charset=utf-8"};
    };
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), 8001}};
    std::cout << "等待浏览器 (open http://localhost:8001 in a browser; Ctrl-C ends)" << std::endl;
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), answer), stop);
} catch (const std::system_error& error) {
    std::cerr << "foreign: " << error.what() << '\n';
    return 1;
}

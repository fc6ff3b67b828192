// form.cpp: a guest book whose form only its own page can send (beyond the notes)

#include <netnotes/http.hpp>
#include <netnotes/web.hpp>

#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;
namespace web = netnotes::web;

int main(int argc, char** argv) try {
    const web::template_map texts{{"book.html", R"(<!DOCTYPE html>
<title>Guest book</title>
<form method="post" action="/write/">{% csrf_token %}
<input name="words" placeholder="your words"> <button>Write</button></form>
<ul>{% for each in entries %}<li>{{ each }}</li>{% endfor %}</ul>
)"}};
    const web::templates pages{texts};
    web::list entries;
    const auto book = [&](const http::request&) {
        return web::template_response{&pages, "book.html", {{"entries", entries}}, {}};
    };
    const auto write = [&](const http::request& ask) {
        net::parse_failure why;
        const auto form = http::form::parse(ask.body(), why);
        if (!form) return http::response{400, why.message() + "\n"};
        entries.insert(entries.begin(), std::string{form->get("words").value_or("")});
        if (entries.size() > 10) entries.pop_back();
        return http::redirect("/");  // so that a reload of the page does not send the form again
    };
    web::routes table;
    table.path("", book).path("write/", write, "write", {http::method::post});
    web::site site{table};
    const bool is_open = argc > 1 && argv[1] == std::string_view{"open"};
    if (!is_open) site.add(web::csrf{});

    const auto answer = [&site](http::request& ask) -> net::task<http::response> {
        ask.set_body(co_await ask.text());  // the layer reads the form
        http::response made = site.answer(ask);
        std::cout << ask.method_name() << ' ' << net::visible(ask.path()) << ": " << made.status.to_string()
                  << std::endl;
        if (made.status == http::status::forbidden) std::cout << made.body << std::flush;
        co_return made;
    };
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), 8000}};
    std::cout << "等待浏览器 (open http://localhost:8000 in a browser; Ctrl-C ends)" << std::endl;
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), answer), stop);
} catch (const std::system_error& error) {
    std::cerr << "form: " << error.what() << '\n';
    return 1;
}

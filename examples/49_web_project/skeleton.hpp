// The files that `demo new DIR` writes.

#pragma once

#include <string_view>

namespace skeleton {

struct file {
    std::string_view name, text;
};

inline constexpr file files[]{
    {"templates/base.html", R"text(<!DOCTYPE html>
{% load static %}<html lang="en">
<meta charset="utf-8">
<title>{% block title %}Guest book{% endblock %}</title>
<link rel="stylesheet" href="{% static "style.css" %}">
<h1>留言板 (guest book)</h1>
{% block main %}{% endblock %}
</html>
)text"},
    {"templates/index.html", R"text({% extends "base.html" %}
{% block main %}<form method="post" action="{% url "add" %}">{% csrf_token %}{# A hidden token. Only our own forms have it. #}
<input name="name" placeholder="你的名字 (your name)" required>
<input name="text" placeholder="留言 (your words)" required>
<button>Send</button>
</form>
<ol>{% for entry in entries %}{# Each entry is escaped. A stranger cannot add HTML. #}
<li>{{ entry }}</li>{% empty %}
<li>Nobody has written yet.</li>{% endfor %}
</ol>{% endblock %}
)text"},
    {"static/style.css", R"text(body { max-width: 40em; margin: 2em auto; font-family: sans-serif; }
li { margin: 0.5em 0; overflow-wrap: anywhere; }
)text"},
    // The code of guest_book.cpp under another opening comment: `tests/lessons/pages.py --update` writes it here.
    {"main.cpp", R"text(// main.cpp: a guest book to begin with. Compile and run it in its folder:
//     g++ -std=c++20 -I /path/to/netnotes/include/single main.cpp -pthread -o guest_book && ./guest_book

#include <netnotes/http.hpp>
#include <netnotes/web.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;
namespace web = netnotes::web;

constexpr bool debug = true;  // a 404 lists the routes, a 500 says what was thrown: false before strangers come

struct access_line : web::middleware {  // a layer around all views
    http::response process_response(http::request& ask, http::response made) override {
        std::cout << ask.method_name() << ' ' << net::visible(ask.path()) << ' ' << made.status.code() << std::endl;
        return made;
    }
};

int main(int argc, char** argv) try {
    const std::string folder = argc > 1 ? argv[1] : ".", book = folder + "/entries.txt";
    const http::files files{folder + "/static"};
    const web::template_folders dirs{folder + "/templates"};
    web::routes table;
    const auto reverse = [&](auto name, auto& parts, auto& named) { return table.reverse(name, parts, named); };
    const web::templates pages{dirs, {.reload = debug, .reverse = reverse}};
    const auto index = [&](const http::request&) {
        web::list entries;
        std::ifstream file{book};
        for (std::string line; std::getline(file, line);) entries.push_back(line);
        return web::template_response{&pages, "index.html", {{"entries", entries}}};
    };
    const auto add = [&](const http::request& ask) {
        net::parse_failure why;
        const http::form form = http::form::parse(ask.body(), why).value_or(http::form{});
        const std::string_view name = form.get("name").value_or(""), text = form.get("text").value_or("");
        if (text.empty() || name.size() + text.size() > 1000) return http::response{400, "empty, or too long\n"};
        std::ofstream next{book + ".new"};
        if (std::ifstream old{book}; old.peek() != EOF) next << old.rdbuf();
        next << net::visible(name) << ": " << net::visible(text) << '\n';
        next.close();
        if (!next) throw std::runtime_error{"cannot write " + book + ".new"};
        // One step: first there is the old file, then the new file, and never a half.
        std::filesystem::rename(book + ".new", book);
        return http::redirect("/");  // a browser that reloads the page now asks for "/", and sends the form only once
    };
    const auto file = [&](const http::request& ask, const std::string& name) {
        return files.answer(ask, "/" + http::percent_encode(name, "/"));
    };
    table.path("", index, "index").path("add/", add, "add", {http::method::post}).path("static/<path:name>", file);
    web::site site{table, {.debug = debug}};
    site.add(access_line{}).add(web::allowed_hosts{{}, debug}).add(web::csrf{});
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), 8000}};
    std::cout << "等待浏览器 (open http://localhost:8000 in a browser; Ctrl-C ends)" << std::endl;
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), site), stop);
} catch (const std::exception& error) {
    std::cerr << "guest_book: " << error.what() << '\n';
    return 1;
}
)text"},
};

}  // namespace skeleton

// web_server.cpp: a routed page of a template, and a table of 1,000 rows, for web.py
//
//     web_server PORT            serves /articles/42/
//     web_server --rows SECONDS  renders the table of 1,000 rows as long, and prints milliseconds (processor time) a page
//     web_server --print WHAT    prints the table ("rows") or the page ("page"): web.py compares them with its peers'

#include <netnotes/http.hpp>
#include <netnotes/web.hpp>

#include <cstdlib>
#include <ctime>
#include <iostream>

namespace net = netnotes;
namespace http = netnotes::http;
namespace web = netnotes::web;

namespace {

// web.py reads these texts out of this file, so all servers have the same.
const web::template_map texts{
    {"rows.html", R"(<table>
{% for row in rows %}<tr><td>{{ forloop.counter }}</td><td>{{ row.name }}</td><td>{{ row.price }}</td>{% if row.new %}<td>new</td>{% endif %}</tr>
{% endfor %}</table>
)"},
    {"base.html", R"(<!DOCTYPE html>
<title>{% block title %}Shop{% endblock %}</title>
<nav>{% for each in menu %}<a href="{{ each.path }}">{{ each.name }}</a>{% endfor %}</nav>
{% block main %}{% endblock %}
)"},
    {"comments.html", R"(<ul>{% for each in comments %}<li>{{ each }}</li>{% empty %}<li>Nobody has written yet.</li>{% endfor %}</ul>
)"},
    {"article.html", R"({% extends "base.html" %}{% block title %}Article {{ id }}{% endblock %}
{% block main %}<h1>{{ title }}</h1>
<p>Words of visitors.</p>
{% include "comments.html" %}
{% if id > 1 %}<a href="/articles/1/">first</a>{% endif %}{% endblock %}
)"}};
const web::templates pages{texts};

web::map rows() {
    web::list all;
    for (int i = 0; i < 1000; ++i)
        all.emplace_back(
            web::map{{"name", "thing & " + std::to_string(i)}, {"price", i * 7 % 1000}, {"new", i % 10 == 0}});
    return {{"rows", all}};
}
web::template_response article(const http::request&, int id) {
    web::list menu, comments;
    for (const char* each : {"news", "shop", "about"})
        menu.emplace_back(web::map{{"name", each}, {"path", "/" + std::string{each} + "/"}});
    for (int i = 0; i < 10; ++i) comments.emplace_back("<b>comment</b> " + std::to_string(i));
    return {
        &pages, "article.html", {{"id", id}, {"title", "Fish & chips"}, {"menu", menu}, {"comments", comments}}, {}};
}

double processor_time() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void measure(double seconds) {
    const web::map values = rows();
    const double begin = processor_time();
    int count = 0;
    while (processor_time() - begin < seconds) {
        if (pages.render("rows.html", values).size() < 50'000) std::abort();
        ++count;
    }
    std::cout << (processor_time() - begin) / count * 1000 << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "", more = argc > 2 ? argv[2] : "";
    if (what == "--rows") return measure(std::atof(argv[2])), 0;
    web::routes table;
    table.path("", [](const http::request&) { return http::response{200, "start\n"}; });
    table.path("articles/<int:id>/", article, "article");
    const web::site site{table};
    if (what == "--print")
        return std::cout << (more == "rows" ? pages.render("rows.html", rows())
                                            : site.answer(http::request{"GET", "/articles/42/"}).body),
               0;
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), static_cast<std::uint16_t>(std::atoi(argv[1]))}};
    listener.set_option(net::option::no_delay{});
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), site), stop);
}

// guest_book.cpp: a guest book: routes, templates, a form, static files, and a file of entries (beyond the notes)

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

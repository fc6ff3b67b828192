// routes.cpp: asks a table of routes for the paths that you type (beyond the notes)

#include <netnotes/web.hpp>

#include <iostream>

namespace http = netnotes::http;
namespace web = netnotes::web;

http::response all(const http::request&) { return {200, "all articles"}; }
http::response detail(const http::request&, int id) { return {200, "article " + std::to_string(id)}; }
http::response month(const http::request&, int year, int number) {
    return {200, "month " + std::to_string(number) + " of " + std::to_string(year)};
}

int main() {
    web::routes articles;
    articles.path("", all, "index")
        .path("<int:id>/", detail, "detail")
        .re_path(R"(^(\d{4})/(\d{2})/$)", month, "month");  // as in the notes: a regular expression
    web::routes project;
    project.include("articles/", articles, "articles");

    std::cout << "detail of 42 is at " << project.reverse("articles:detail", {42})
              << "\n请输入路径 (path): " << std::flush;
    for (std::string path; std::getline(std::cin, path);) {
        try {
            const http::response answer = project.answer(http::request{"GET", path}, {.debug = true});
            std::cout << answer.status.to_string() << '\n' << answer.body;
            if (const auto place = answer.fields.find("Location")) std::cout << *place;
        } catch (const std::exception& error) {
            std::cout << error.what();
        }
        std::cout << "\n请输入路径 (path): " << std::flush;
    }
    std::cout << '\n';
}

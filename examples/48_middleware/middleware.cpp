// middleware.cpp: two layers around three views, and the order of their hooks (beyond the notes)

#include <netnotes/web.hpp>

#include <iostream>
#include <memory>

namespace http = netnotes::http;
namespace web = netnotes::web;

class layer : public web::middleware {
  public:
    explicit layer(std::string name) : name_{std::move(name)} { say("__init__"); }
    std::optional<http::response> process_request(http::request& ask) override {
        say("process_request");
        if (name_ == "B" && ask.path() == "/blocked/") return http::response{403, "B answers"};
        return std::nullopt;
    }
    std::optional<http::response> process_view(http::request&) override { return say("process_view"), std::nullopt; }
    void process_template_response(http::request&, web::template_response& page) override {
        say("process_template_response");
        page.context.set("changed_by", name_);
    }
    std::optional<http::response> process_exception(http::request&, const std::exception& error) override {
        say("process_exception");
        if (name_ == "A") return http::response{500, std::string{"A was told: "} + error.what()};
        return std::nullopt;
    }
    http::response process_response(http::request&, http::response made) override {
        return say("process_response"), std::move(made);
    }

  private:
    void say(const char* hook) const { std::cout << "    " << name_ << '.' << hook << '\n'; }
    std::string name_;
};

int main() {
    const web::template_map texts{{"page", "a page, changed by {{ changed_by }}"}};
    const web::templates pages{texts};
    web::routes table;
    table.path("text/",
               [](const http::request&) {
                   return http::response{200, "a text"};
               })
        .path("page/",
              [&](const http::request&) {
                  return web::template_response{&pages, "page", {}, {}};
              })
        .path("blocked/",
              [](const http::request&) {
                  return http::response{200, "never seen"};
              })
        .path("fault/",
              [](const http::request&) -> http::response { throw std::runtime_error{"the view has failed"}; });
    web::site site{table};
    site.add(std::make_shared<layer>("A")).add(std::make_shared<layer>("B"));
    for (const auto* path : {"/text/", "/page/", "/blocked/", "/fault/"}) {
        std::cout << "GET " << path << '\n';
        const http::response answer = site.answer(http::request{"GET", path});
        std::cout << answer.status.to_string() << ": " << answer.body << '\n';
    }
}

// Routes: which view answers, what it is given, what is refused, and the way back from a name to a path. Layers around
// them: tests/interop/web_django.py compares their order with Django's for every pair of faults.
// SPDX-License-Identifier: MIT

#include <netnotes/web/middleware.hpp>
#include <netnotes/web/routes.hpp>

#include "web.hpp"

namespace http = netnotes::http;

namespace {

http::response start(const http::request&) { return {200, "start"}; }
http::response detail(const http::request&, int id) { return {200, "article " + std::to_string(id)}; }
http::response file(const http::request&, std::string_view path) { return {200, "file " + std::string{path}}; }
http::response add(const http::request&, int a, int b) { return {200, std::to_string(a + b)}; }

web::routes table() {
    web::routes shop;
    shop.path("", start, "start").path("list/<int:id>/", detail, "list").re_path(R"(^add/(\d+)/(\d+)/$)", add, "add");
    web::routes all;
    all.path("", start, "start")
        .path("articles/<int:id>/", detail, "detail", {http::method::get})
        .path("articles/<int:id>/",
              [](const http::request&, long id) {
                  return http::response{200, "edit " + std::to_string(id)};
              },
              "edit", {http::method::post})
        .path(
            "articles/<slug:name>/",
            [](const http::request&, const std::string& name) {
                return http::response{200, name};
            },
            "by-name")
        .path("a.b/<path:rest>", file, "file")
        .include("shop/", shop, "shop")
        .re_path(R"(^year/(?P<year>[0-9]{4})/(x|y)/$)", detail, "year");
    return all;
}
std::string get(std::string_view target, const web::route_settings& settings = {}, std::string_view method = "GET") {
    const http::response made = table().answer(http::request{method, target}, settings);
    return std::to_string(made.status.code()) + " " + made.body;
}
std::string reverse_fault(std::string_view name, const web::list& arguments = {}, const web::map& named = {}) {
    try {
        return "no fault: " + table().reverse(name, arguments, named);
    } catch (const web::template_error& error) {
        return error.kind() + ": " + error.message();
    }
}

}  // namespace

TEST_CASE("the first route that fits answers with typed arguments") {
    CHECK(get("/") == "200 start");
    CHECK(get("/articles/42/") == "200 article 42");
    CHECK(get("/articles/forty-two/") == "200 forty-two");
    CHECK(get("/a.b/c/d.txt") == "200 file c/d.txt");
    CHECK(get("/shop/") == "200 start");
    CHECK(get("/shop/list/7/") == "200 article 7");
    CHECK(get("/shop/add/3/4/") == "200 7");
    CHECK(get("/year/2026/x/") == "200 article 2026");
    CHECK(get("/aXb/c").starts_with("404"));
    CHECK(get("/articles/42/x").starts_with("404"));
    CHECK(get("/articles/42/%0A").starts_with("404"));
}

TEST_CASE("a number that the view's type does not hold is no match") {
    CHECK(get("/shop/list/99999999999/").starts_with("404"));
    CHECK(get("/articles/99999999999/") == "200 99999999999");  // the slug route takes it
}

TEST_CASE("a method that no route takes is 405 with the field Allow") {
    CHECK(get("/articles/42/", {}, "POST") == "200 edit 42");
    CHECK(get("/articles/42/", {}, "HEAD") == "200 article 42");
    web::routes one;
    one.path("x/", start, "", {http::method::get, http::method::post});
    const http::response made = one.answer(http::request{"DELETE", "/x/"});
    CHECK(made.status.code() == 405);
    CHECK(made.fields.find("Allow") == "GET, HEAD, POST");
}

TEST_CASE("a path without its slash is redirected and keeps its query") {
    const http::response made = table().answer(http::request{"GET", "/articles/42?page=2"});
    CHECK(made.status.code() == 301);
    CHECK(made.fields.find("Location") == "/articles/42/?page=2");
    CHECK(get("/articles/42", {.append_slash = false}).starts_with("404"));
    web::routes any;
    any.path("<path:all>/", file);
    const http::response evil = any.answer(http::request{"GET", "//evil.example"});
    CHECK(!evil.fields.find("Location").value_or("").starts_with("//"));
}

TEST_CASE("a 404 lists the table in development only") {
    CHECK(get("/nowhere/") == "404 404: nothing is at \"/nowhere/\"\n");
    const std::string listed = get("/nowhere/", {.debug = true});
    CHECK_THAT(listed, Catch::Matchers::ContainsSubstring("    shop/ list/<int:id>/ [name='list']\n"));
    CHECK_THAT(listed, Catch::Matchers::ContainsSubstring("The path \"nowhere/\" matched none of them."));
}

TEST_CASE("a name and arguments give the path that is matched again") {
    const web::routes all = table();
    for (const auto& [name, arguments, path] : {std::tuple{"start", web::list{}, "/"},
                                                {"detail", web::list{42}, "/articles/42/"},
                                                {"by-name", web::list{"a-b"}, "/articles/a-b/"},
                                                {"file", web::list{"c/d e.txt"}, "/a.b/c/d%20e.txt"},
                                                {"shop:start", web::list{}, "/shop/"},
                                                {"shop:add", web::list{3, 4}, "/shop/add/3/4/"},
                                                {"shop:list", web::list{7}, "/shop/list/7/"}}) {
        CHECK(all.reverse(name, arguments) == path);
        CHECK(get(path).starts_with("200"));
    }
    CHECK(all.reverse("detail", {}, {{"id", 7}}) == "/articles/7/");
}

TEST_CASE("what cannot be reversed is refused in Django's words") {
    CHECK(reverse_fault("nope") ==
          "NoReverseMatch: Reverse for 'nope' not found. 'nope' is not a valid view function or pattern name.");
    CHECK(reverse_fault("blog:list") == "NoReverseMatch: 'blog' is not a registered namespace");
    CHECK(
        reverse_fault("detail") ==
        R"(NoReverseMatch: Reverse for 'detail' with no arguments not found. 1 pattern(s) tried: ['articles/(?P<id>[0-9]+)/\\Z'])");
    CHECK(reverse_fault("detail", {"x"})
              .starts_with("NoReverseMatch: Reverse for 'detail' with arguments '('x',)' not found."));
    CHECK(reverse_fault("detail", {1, 2})
              .starts_with("NoReverseMatch: Reverse for 'detail' with arguments '(1, 2)' not found."));
    CHECK(reverse_fault("detail", {}, {{"x", 1}})
              .starts_with("NoReverseMatch: Reverse for 'detail' with keyword arguments '{'x': 1}' not found."));
}

TEST_CASE("a regular expression whose groups do not fit the view is refused at the start") {
    web::routes all;
    CHECK_THROWS_AS(all.re_path(R"(^(\d+)/(\d+)/$)", detail), std::invalid_argument);
    CHECK_THROWS_AS(all.re_path("(", start), net::parse_error);
}

namespace {

class traced : public web::middleware {
  public:
    traced(std::string name, std::string fault, std::string& trace)
        : name_{std::move(name)}, fault_{std::move(fault)}, trace_{trace} {}
    std::optional<http::response> process_request(http::request&) override { return hook("request"); }
    std::optional<http::response> process_view(http::request&) override { return hook("view"); }
    std::optional<http::response> process_exception(http::request&, const std::exception&) override {
        return hook("exception");
    }
    http::response process_response(http::request&, http::response made) override {
        return hook("response"), std::move(made);
    }

  private:
    std::optional<http::response> hook(const std::string& which) {
        trace_ += name_ + "." + which + " ";
        if (fault_ == which + "=throw") throw std::runtime_error{"secret"};
        if (fault_ == which + "=answer") return http::response{200, name_};
        return std::nullopt;
    }
    std::string name_, fault_;
    std::string& trace_;
};
std::string trace(const std::string& a, const std::string& b, bool view_throws = false, bool debug = false) {
    std::string made;
    web::routes all;
    all.path("", [&](const http::request&) {
        made += "view ";
        if (view_throws) throw std::runtime_error{"secret"};
        return http::response{200, "view"};
    });
    web::site site{all, {.debug = debug}};
    site.add(traced{"A", a, made}).add(traced{"B", b, made});
    const http::response answer = site.answer(http::request{"GET", "/"});
    return made + std::to_string(answer.status.code()) + " " + answer.body;
}

}  // namespace

TEST_CASE("layers are called in Django's order") {
    CHECK(trace("", "") == "A.request B.request A.view B.view view B.response A.response 200 view");
    CHECK(trace("", "request=answer") == "A.request B.request B.response A.response 200 B");
    CHECK(trace("view=answer", "") == "A.request B.request A.view B.response A.response 200 A");
    CHECK(trace("exception=answer", "", true) ==
          "A.request B.request A.view B.view view B.exception A.exception B.response A.response 200 A");
    CHECK(trace("", "exception=answer", true) ==
          "A.request B.request A.view B.view view B.exception B.response A.response 200 B");
}

TEST_CASE("an exception is a 500 at its layer and tells strangers nothing") {
    CHECK(trace("", "request=throw") == "A.request B.request A.response 500 500: the server has failed\n");
    CHECK(
        trace("", "", true) ==
        "A.request B.request A.view B.view view B.exception A.exception B.response A.response 500 500: the server has "
        "failed\n");
    CHECK_THAT(trace("", "", true, true), Catch::Matchers::EndsWith("500: secret\n"));
}

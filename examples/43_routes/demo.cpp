// examples/43_routes/demo.cpp: which view answers which path
//
//        GET /shop/list/7/        path("shop/", ...)        path("list/<int:id>/", ...)
//             └─┬─┘└───┬──┘             │                          │
//               │      └────────────────┼──────────────────────────┘ 7 ──> view(request, 7)
//               └───────────────────────┘
//
// The notes:     视图view, 配置url
// Type:          demo
// You will see:  what demo.txt shows: routes that fit, 404 with the table, 405, redirects, names, and refused patterns

#include "../demo.hpp"

#include <netnotes/web.hpp>

using example::heading;
using example::say;
namespace http = netnotes::http;
namespace web = netnotes::web;

namespace {

web::routes table() {
    web::routes shop;
    shop.path(
        "list/<int:id>/",
        [](const http::request&, int id) {
            return http::response{200, "list " + std::to_string(id)};
        },
        "list");
    web::routes all;
    all.path("articles/<int:id>/",
             [](const http::request&, int id) {
                 return http::response{200, "the number " + std::to_string(id)};
             },
             "detail", {http::method::get});
    all.path("articles/<slug:name>/",
             [](const http::request&, std::string_view name) {
                 return http::response{200, "the name " + std::string{name}};
             },
             "by-name", {http::method::get});
    all.re_path(R"(^(\d{4})/(?:0?)(\d+)/$)", [](const http::request&, int year, int month) {
        return http::response{200, "year " + std::to_string(year) + ", month " + std::to_string(month)};
    });
    all.path("files/<path:rest>", [](const http::request&, std::string_view rest) {
        return http::response{200, "file " + std::string{rest}};
    });
    all.include("shop/", shop, "shop");
    return all;
}
void show(std::string_view method, std::string_view target) {
    const http::response made = table().answer(http::request{method, target});
    std::string more;
    for (const auto* name : {"Allow", "Location"})
        if (const auto value = made.fields.find(name)) more = std::string{"  "} + name + ": " + std::string{*value};
    say("  ", method, " ", target, "  ->  ", made.status.to_string(), "  ", made.body.substr(0, made.body.find('\n')),
        more);
}

void fitting() {
    heading("配置url: the first route that fits answers");
    show("GET", "/articles/42/");
    show("GET", "/articles/forty-two/");
    show("GET", "/2026/09/");
    show("GET", "/files/a/b.txt");
    show("GET", "/shop/list/7/");
    show("GET", "/articles/99999999999/");
    say("The last number is too large for an int, so the next route is asked.");
}

void not_fitting() {
    heading("Requests that no route takes");
    show("GET", "/article/42/");
    show("GET", "/articles/42");
    show("POST", "/articles/42/");
    show("HEAD", "/articles/42/");
}

void development() {
    heading("In development a 404 lists the table");
    say(table().answer(http::request{"GET", "/nowhere/"}, {.debug = true}).body);
}

void names() {
    heading("reverse: from a name to a path");
    const web::routes all = table();
    say("  detail, 42       ", all.reverse("detail", {42}));
    say("  by-name, a-b     ", all.reverse("by-name", {"a-b"}));
    say("  shop:list, id=7  ", all.reverse("shop:list", {}, {{"id", 7}}));
    for (const auto* name : {"detial", "blog:list", "detail"}) try {
            say(all.reverse(name));
        } catch (const web::template_error& error) {
            say("  ", error.message());
        }
}

void patterns() {
    heading("Regular expressions that cannot be made slow");
    for (const auto* text : {R"(^(a+)+$)", R"(^(\w+)\1$)", R"(^(?=a)b)", "^(a$"}) {
        netnotes::parse_failure why;
        const auto made = web::pattern::parse(text, why);
        say("  ", text, "  ", made ? "taken" : why.message());
    }
    std::size_t steps = 0;
    const web::pattern evil{"^(a+)+$"};
    const bool found = evil.search(std::string(65'536, 'a') + "!", &steps).has_value();
    say("  ^(a+)+$ in 65,536 letters a and a !:  ", found ? "found" : "not found", ", fewer than ", steps / 100'000 + 1,
        "00,000 steps");
    say("A matcher that tries one way after the other would need 2 to the power of 65,536.");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Tables of routes, and what they answer.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        fitting();
        not_fitting();
        development();
        names();
        patterns();
    });
}

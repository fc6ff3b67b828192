// Routes: which view answers, what it is given, what is refused, and the way back from a name to a path. Layers around
// them: tests/interop/web_django.py compares their order with Django's for every pair of faults.
// SPDX-License-Identifier: MIT

#include <netnotes/coro/loop.hpp>
#include <netnotes/http/server.hpp>
#include <netnotes/web/csrf.hpp>
#include <netnotes/web/middleware.hpp>
#include <netnotes/web/routes.hpp>

#include "web.hpp"

#include <random>
#include <tuple>
#include <strings.h>

namespace http = netnotes::http;

http::response index(const http::request&) { return {200, "mine"}; }  // beside index() of <strings.h>

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

TEST_CASE("no path of a name begins with two slashes or holds a character that a field refuses") {
    web::routes any;
    any.path("<path:all>", file, "any").path("x/<str:a>", file, "one");
    CHECK(any.reverse("any", {"/evil.example/x"}) == "/%2Fevil.example/x");  // as Django
    CHECK(any.reverse("any", {"//evil.example"}) == "/%2F/evil.example");
    CHECK(any.reverse("any", {"\\evil.example"}) == "/%5Cevil.example");
    CHECK(any.reverse("one", {"a\r\nSet-Cookie: x\t\"<'"}) == "/x/a%0D%0ASet-Cookie:%20x%09%22%3C'");
    CHECK(http::redirect(any.reverse("one", {"a\r\nb"})).fields.find("Location") == "/x/a%0D%0Ab");
}

TEST_CASE("a path that would give the view other arguments is no path of the name") {
    web::routes all;
    all.path(
        "<str:a>-<str:b>",
        [](const http::request&, std::string a, std::string b) {
            return http::response{200, a + "|" + b};
        },
        "two");
    all.re_path(R"(^n/(\d+)$)", detail, "number");
    CHECK(all.reverse("two", {"x-y", "z"}) == "/x-y-z");
    CHECK_THROWS_AS(all.reverse("two", {"x", "y-z"}), web::template_error);  // the first part would take x-y
    CHECK(all.reverse("number", {"7"}) == "/n/7");
    CHECK_THROWS_AS(all.reverse("number", {"7\n"}), web::template_error);  // $ also holds before a line feed at the end
}

TEST_CASE("what a path may leave away is left away in the path of a name, as in Django") {
    web::routes all;
    const auto two = [](const http::request&, std::string a, std::string b) {
        return http::response{200, a + "|" + b};
    };
    all.re_path("^articles/?$", start, "articles")
        .re_path(R"(^comments/(?:page-(?P<number>\d+)/)?$)", file, "comments")
        .re_path(R"(^x(?:b)/([^()]+)/$)", file, "x")
        .re_path(R"(^n/(p-(\d+)/)$)", two, "nested")
        .re_path(R"(^[abc]\d\.\w+[^/]/é*é{2}$)", start, "kinds")
        .path("old/", start, "same")
        .path("new/", start, "same")
        .path("with/<int:id>/", detail, "same");
    CHECK(all.reverse("articles") == "/articles");
    CHECK(all.reverse("comments") == "/comments/");
    CHECK(all.reverse("comments", {3}) == "/comments/page-3/");
    CHECK(all.reverse("comments", {}, {{"number", 3}}) == "/comments/page-3/");
    CHECK_THROWS_AS(all.reverse("comments", {"x"}), web::template_error);
    CHECK(all.reverse("x", {"y"}) == "/xb/y/");
    CHECK(all.reverse("nested", {"p-3/"}) == "/n/p-3/");
    CHECK(all.reverse("kinds") == "/a0.x%5E/%C3%A9%C3%A9");
    CHECK(all.reverse("same") == "/new/");  // the last route of a name that takes the arguments
    CHECK(all.reverse("same", {7}) == "/with/7/");
    CHECK_THROWS_WITH(all.reverse("comments", {3}, {{"number", 3}}),
                      "ValueError: Don't mix *args and **kwargs in call to reverse()!");
}

TEST_CASE("an expression with very many forms is refused and not tried for long") {
    web::routes all;
    std::string text = "^";
    for (int i = 0; i < 90; ++i) text += "(?:(a))?";
    all.re_path("^(?:x{1000}){3}$", start, "long");
    CHECK(all.reverse("long") == "/" + std::string(3000, 'x'));
    CHECK(web::detail::routing::form_reader{text}.read() == std::nullopt);
    CHECK(web::detail::routing::form_reader{"(?:(?:(?:x{1000}){1000}){1000}){0}"}.read() == std::nullopt);
}

TEST_CASE("a view may have the name of a function of the system, and may be noexcept") {
    web::routes all;
    all.path("", index, "index").re_path("^i/$", index);
    all.path("quiet/", [](const http::request&) noexcept { return http::response{200, "quiet"}; });
    for (const auto* path : {"/", "/i/"}) CHECK(all.answer(http::request{"GET", path}).body == "mine");
    CHECK(all.answer(http::request{"GET", "/quiet/"}).body == "quiet");
    CHECK(all.reverse("index") == "/");
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

TEST_CASE("a prefix with parts is refused") {
    web::routes shop, all;
    shop.path("", start);
    CHECK_THROWS_WITH(all.include("shop/<int:id>/", shop), "include: the prefix \"shop/<int:id>/\" has parts");
}

namespace {

/// Tables of random routes, whose first piece keeps them apart or does not. A name and arguments give a path, and the
/// same route takes the path with the same arguments, unless an earlier route takes it.
class random_tables {
  public:
    explicit random_tables(std::uint32_t seed) : random_{seed} {}

    void run(int tables, int paths) {
        for (int i = 0; i < tables; ++i) {
            web::routes all, inner;
            std::vector<std::size_t> parts;
            bool is_included = false;
            for (std::size_t k = 0; k < 6; ++k) {
                if (k == 3 && below(2) == 0) is_included = true;
                parts.push_back(add(is_included ? inner : all, k));
            }
            if (is_included) all.include("in/", inner, "in");
            for (int k = 0; k < paths; ++k) try_path(all, parts, is_included);
        }
    }
    int reversed = 0, refused = 0, taken_by_earlier = 0;

  private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
    template <std::size_t Size>
    std::string one_of(const std::string_view (&some)[Size]) {
        return std::string{some[below(Size)]};
    }
    /// Adds a route of a regular expression with up to two groups, and returns how many.
    std::size_t add(web::routes& to, std::size_t number) {
        const std::string_view groups[] = {R"([0-9]+)", R"(\d{2})", R"([^/]+)", R"([-a-zA-Z0-9_]+)",
                                           R"(.+)",     R"(a|b)",   R"(\w*)",   R"(x(?:y|z))"};
        const std::string_view between[] = {"/", "-", "/v/", R"(\.)", ""};
        const std::string name = "r" + std::to_string(number), first = one_of({"", "a/", "b/", "a-"});
        const std::size_t count = below(3);
        std::string text = "^" + first;
        const bool is_named = below(2) == 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (i > 0) text += one_of(between);
            text += (is_named ? "(?P<p" + std::to_string(i) + ">" : "(") + one_of(groups) + ")";
        }
        text += one_of({"$", "/$", R"(\Z)"});
        const auto keep = [this, name](auto... each) {
            seen_ = {name, {std::string{each}...}};
            return http::response{200};
        };
        if (count == 0)
            to.re_path(
                text, [keep](const http::request&) { return keep(); }, name);
        if (count == 1)
            to.re_path(
                text, [keep](const http::request&, const std::string& a) { return keep(a); }, name);
        if (count == 2)
            to.re_path(
                text, [keep](const http::request&, const std::string& a, const std::string& b) { return keep(a, b); },
                name);
        return count;
    }
    void try_path(const web::routes& all, const std::vector<std::size_t>& parts, bool is_included) {
        const std::string_view pieces[] = {"1", "42", "a", "b", "xy", "-", ".", "/", "é", "%", " ", "\n", "?"};
        const std::size_t number = below(static_cast<std::uint32_t>(parts.size()));
        web::list arguments;
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < parts[number]; ++i) {
            std::string text = one_of(pieces);
            while (below(3) == 0) text += one_of(pieces);
            arguments.emplace_back(text);
            texts.push_back(text);
        }
        const std::string name = "r" + std::to_string(number);
        std::string path;
        try {
            path = all.reverse(is_included && number >= 3 ? "in:" + name : name, arguments);
        } catch (const web::template_error& error) {
            CHECK(error.kind() == "NoReverseMatch");
            ++refused;
            return;
        }
        ++reversed;
        INFO(all.text() << name << " " << web::value{arguments}.repr() << " gives " << path);
        REQUIRE((path.starts_with('/') && !path.starts_with("//")));
        if (path.starts_with("/%2F")) return;  // so that it names no host: another path
        const http::response made = all.answer(http::request{"GET", path});
        REQUIRE(made.status.code() == 200);
        if (seen_.first != name) ++taken_by_earlier;
        CHECK((seen_.first < name || (seen_.first == name && seen_.second == texts)));
    }

    std::mt19937 random_;
    std::pair<std::string, std::vector<std::string>> seen_;
};

}  // namespace

TEST_CASE("the path of a name is taken again with the same arguments, in random tables") {
    random_tables all{28};
    all.run(300, 20);
    INFO(all.reversed << " paths, " << all.refused << " refused, " << all.taken_by_earlier
                      << " taken by an earlier route");
    CHECK((all.reversed > 1'500 && all.refused > 500 && all.taken_by_earlier < all.reversed / 4));
}

// ---- Views that are tasks

namespace {

net::task<http::response> late(http::request& ask, int id) {
    co_await net::yield();
    co_return http::response{200, std::string{ask.method_name()} + " " + std::to_string(id)};
}
/// Takes a view of a text: the arguments live as long as the task.
net::task<http::response> late_text(const http::request&, std::string_view name, const std::string& again) {
    co_await net::yield();
    co_return http::response{200, std::string{name} + " " + again};
}
net::task<http::response> late_fault(const http::request&) {
    co_await net::yield();
    throw std::runtime_error{"secret"};
}
struct late_views {
    web::template_map texts{{"page", "<{{ x }}>"}};
    web::templates pages{texts};
    web::routes table;
    late_views() {
        table.path("late/<int:id>/", late, "late");
        table.re_path("^text/([^/]+)/(.*)$", late_text, "text");
        table.path("fault/", late_fault).path("now/<int:id>/", detail);
        const auto later = [this](const http::request&) -> net::task<web::template_response> {
            co_await net::yield();
            web::template_response made{&pages, "page", {{"x", "&"}}, {}};
            co_return made;
        };
        table.path("page/", later);
        const auto any = [](const http::request& ask) -> net::task<web::view_answer> {
            co_await net::yield();
            web::view_answer made{http::not_found(ask)};
            co_return made;
        };
        table.path("any/", any);
    }
};
template <class Asked>
std::string asked(const Asked& whom, std::string_view path) {
    net::event_loop loop;
    http::request ask{"GET", path};
    const http::response made = loop.run(whom.async_answer(ask));
    return std::to_string(made.status.code()) + " " + made.body;
}

}  // namespace

TEST_CASE("a view may be a task, for a path and for a regular expression") {
    const late_views all;
    std::string long_text(40, 'x');
    CHECK(asked(all.table, "/late/42/") == "200 GET 42");
    CHECK(asked(all.table, "/text/" + long_text + "/y") == "200 " + long_text + " y");
    CHECK(asked(all.table, "/now/7/") == "200 article 7");
    CHECK(asked(all.table, "/page/") == "200 <&amp;>");
    CHECK(asked(all.table, "/any/").starts_with("404"));
    CHECK(asked(all.table, "/nowhere/").starts_with("404"));
    CHECK(asked(all.table, "/late/x/").starts_with("404"));
    CHECK(asked(all.table, "/late/42").starts_with("301"));
    CHECK(all.table.reverse("late", {42}) == "/late/42/");
    http::request ask{"GET", "/late/42/"};
    CHECK_THROWS_WITH(all.table.answer(ask), Catch::Matchers::ContainsSubstring("\"late/<int:id>/\" is a task"));
    const auto found = all.table.find(ask);
    CHECK(std::get<web::routes::ready_view>(found).waits());
    const auto now = all.table.find(http::request{"GET", "/now/7/"});
    CHECK_THROWS_AS(std::get<web::routes::ready_view>(now).start(ask), std::logic_error);
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

TEST_CASE("layers stand around a view that is a task") {
    const late_views all;
    std::string calls;
    web::site site{all.table, {.debug = true}};
    site.add(traced{"A", "exception=answer", calls}).add(traced{"B", "", calls});
    CHECK(asked(site, "/late/42/") == "200 GET 42");
    CHECK(std::exchange(calls, {}) == "A.request B.request A.view B.view B.response A.response ");
    CHECK(asked(site, "/page/") == "200 <&amp;>");
    CHECK(std::exchange(calls, {}) == "A.request B.request A.view B.view B.response A.response ");
    CHECK(asked(site, "/fault/") == "200 A");
    CHECK(std::exchange(calls, {}) ==
          "A.request B.request A.view B.view B.exception A.exception B.response A.response ");
    CHECK(asked(site, "/nowhere/").starts_with("404"));
    CHECK(std::exchange(calls, {}) == "A.request B.request B.response A.response ");
    http::request ask{"GET", "/late/42/"};
    CHECK_THAT(web::site(all.table, {.debug = true}).answer(ask).body, Catch::Matchers::ContainsSubstring("is a task"));
}

TEST_CASE("a cancelled view is no fault of a layer") {
    std::string calls;
    web::routes table;
    const auto for_ever = [](const http::request&) -> net::task<http::response> {
        co_await net::sleep_for(std::chrono::hours{1});
        co_return http::response{200};
    };
    table.path("", for_ever);
    web::site waits{table};
    waits.add(traced{"A", "exception=answer", calls});
    net::loop_options options;
    options.virtual_time = true;
    net::event_loop loop{options};
    http::request ask{"GET", "/"};
    CHECK_THROWS_AS(loop.run(net::with_timeout(std::chrono::seconds{1}, waits.async_answer(ask))), std::system_error);
    CHECK(calls == "A.request A.view ");
}

TEST_CASE("a site is a handler that waits for the body of a form") {
    web::routes table;
    const auto echo = [](const http::request& ask) -> net::task<http::response> {
        co_await net::yield();
        co_return http::response{200, std::string{ask.body()}};
    };
    table.path("", echo, "echo");
    web::site site{table};
    site.add(web::csrf{});
    const std::string secret(32, 'a'), token(64, 'a');
    net::event_loop loop;
    const auto visit = [&]() -> net::task<std::string> {
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        const net::endpoint where = listener.local_endpoint();
        net::spawn(http::serve(std::move(listener), site), "server");
        auto stream = co_await net::async_stream::connect(where);
        co_await stream.send_all("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: csrftoken=" + secret +
                                 "\r\nContent-Length: 84\r\n\r\ncsrfmiddlewaretoken=");
        co_await net::yield();
        co_await stream.send_all(token);
        std::string heard;
        for (;;) {
            const auto bytes = co_await stream.recv();
            if (bytes.empty()) co_return heard;
            heard += net::as_text(bytes);
        }
    };
    const std::string heard = loop.run(visit());
    CHECK_THAT(heard, Catch::Matchers::StartsWith("HTTP/1.1 200") && Catch::Matchers::EndsWith(token));
}

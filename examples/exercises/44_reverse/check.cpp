#include "reverse.hpp"

#include "grader.hpp"

#include <netnotes/web/routes.hpp>

namespace {

namespace http = netnotes::http;
namespace web = netnotes::web;

std::vector<std::string> seen;  // what the library gave to the view
http::response none(const http::request&) { return seen.clear(), http::response{200}; }
http::response one(const http::request&, const std::string& a) { return seen = {a}, http::response{200}; }
http::response two(const http::request&, const std::string& a, const std::string& b) { return seen = {a, b}, http::response{200}; }

struct known {
    std::string route;
    std::size_t parts;
    web::routes table{};
};
std::vector<known> all_routes() {
    std::vector<known> all;
    const auto add = [&](std::string text, std::size_t parts, auto set) {
        all.push_back({std::move(text), parts});
        set(all.back().table);
    };
    add("", 0, [](auto& table) { table.path("", none, "it"); });
    add("about/", 0, [](auto& table) { table.path("about/", none, "it"); });
    add("a.b/c~d", 0, [](auto& table) { table.path("a.b/c~d", none, "it"); });
    add("articles/<int:id>/", 1, [](auto& table) { table.path("articles/<int:id>/", one, "it"); });
    add("<slug:name>", 1, [](auto& table) { table.path("<slug:name>", one, "it"); });
    add("user/<str:name>/posts", 1, [](auto& table) { table.path("user/<str:name>/posts", one, "it"); });
    add("tag/<name>", 1, [](auto& table) { table.path("tag/<name>", one, "it"); });
    add("<path:rest>", 1, [](auto& table) { table.path("<path:rest>", one, "it"); });
    add("文件/<path:rest>", 1, [](auto& table) { table.path("文件/<path:rest>", one, "it"); });
    add("<int:year>/<int:month>/", 2, [](auto& table) { table.path("<int:year>/<int:month>/", two, "it"); });
    add("<path:folder>/<str:name>", 2, [](auto& table) { table.path("<path:folder>/<str:name>", two, "it"); });
    add("<slug:shop>/v/<int:id>", 2, [](auto& table) { table.path("<slug:shop>/v/<int:id>", two, "it"); });
    return all;
}
std::optional<std::string> by_library(const known& which, const std::vector<std::string>& arguments) {
    try {
        return which.table.reverse("it", web::list(arguments.begin(), arguments.end()));
    } catch (const web::template_error&) {
        return std::nullopt;
    }
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const std::vector<known> routes = all_routes();
    using words = std::vector<std::string>;
    const auto is = [&](const std::string& route, const words& arguments, const std::optional<std::string>& wanted) {
        steps.equal("reverse(" + grader::shown(route) + ", " + grader::shown(arguments) + ")", reverse(route, arguments), wanted);
    };
    steps.step("arguments stand in the place of the parts", "参数放到各部分的位置", [&] {
        is("", {}, "/");
        is("about/", {}, "/about/");
        is("articles/<int:id>/", {"42"}, "/articles/42/");
        is("articles/<int:id>/", {"007"}, "/articles/007/");
        is("<int:year>/<int:month>/", {"2026", "11"}, "/2026/11/");
        is("<slug:name>", {"a-b_C9"}, "/a-b_C9");
        is("tag/<name>", {"x"}, "/tag/x");
        is("<path:folder>/<str:name>", {"a/b", "c.txt"}, "/a/b/c.txt");
    });
    steps.step("there are as many arguments as parts", "参数与部分一样多", [&] {
        is("articles/<int:id>/", {}, std::nullopt);
        is("articles/<int:id>/", {"1", "2"}, std::nullopt);
        is("about/", {"1"}, std::nullopt);
        is("<int:year>/<int:month>/", {"2026"}, std::nullopt);
    });
    steps.step("an argument that the route would not take is refused", "路由不会接受的参数被拒绝", [&] {
        for (const char* text : {"", "x", "4x", "-1", "+1", "1.0", " 1", "1 ", "1\n", "１"}) is("articles/<int:id>/", {text}, std::nullopt);
        for (const char* text : {"", "a b", "a/b", "a.b", "é", "a\n"}) is("<slug:name>", {text}, std::nullopt);
        for (const char* text : {"", "a/b", "/"}) is("user/<str:name>/posts", {text}, std::nullopt);
        is("tag/<name>", {"a/b"}, std::nullopt);
        is("<path:rest>", {""}, std::nullopt);
        is("<path:rest>", {"a\nb"}, std::nullopt);
    });
    steps.step("other characters are percent-encoded", "其他字符用百分号编码", [&] {
        is("user/<str:name>/posts", {"a b"}, "/user/a%20b/posts");
        is("user/<str:name>/posts", {"100%"}, "/user/100%25/posts");
        is("user/<str:name>/posts", {"?#"}, "/user/%3F%23/posts");
        is("user/<str:name>/posts", {"\r\nSet-Cookie: x"}, "/user/%0D%0ASet-Cookie:%20x/posts");
        is("user/<str:name>/posts", {std::string{"a\0b", 3}}, "/user/a%00b/posts");
        is("user/<str:name>/posts", {"\"<>\\^`{|}[]"}, "/user/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D/posts");
        is("user/<str:name>/posts", {"-._~:@!$&'()*+,;="}, "/user/-._~:@!$&'()*+,;=/posts");
        is("文件/<path:rest>", {"é/x"}, "/%E6%96%87%E4%BB%B6/%C3%A9/x");
    });
    steps.step("no path names another host", "没有路径指向其他主机", [&] {
        is("<path:rest>", {"/evil.example"}, "/%2Fevil.example");
        is("<path:rest>", {"//evil.example"}, "/%2F/evil.example");
        is("<path:rest>", {"a//b"}, "/a//b");
        is("<path:folder>/<str:name>", {"/evil.example", "x"}, "/%2Fevil.example/x");
        is("<path:rest>", {"\\evil.example"}, "/%5Cevil.example");
    });
    steps.step("random arguments, against the library", "随机参数，与库对照", [&] {
        const std::vector<std::string> pieces{"0", "7", "42", "a", "Z", "x-y", "_", "/", "//", ".", " ", "%", "%2F", "?", "é", "\n", "<", ">", "~"};
        for (int round = 0; round < 500; ++round) {
            const known& which = routes[steps.below(static_cast<std::uint32_t>(routes.size()))];
            words arguments(steps.below(20) == 0 ? steps.below(3) : which.parts);
            const std::uint32_t choices = steps.below(3) == 0 ? 3 : steps.below(2) == 0 ? 7 : static_cast<std::uint32_t>(pieces.size());
            for (auto& each : arguments)
                for (std::uint32_t i = steps.below(4) + (steps.below(9) == 0 ? 0 : 1); i > 0; --i) each += pieces[steps.below(choices)];
            is(which.route, arguments, by_library(which, arguments));
        }
    });
    steps.step("the library finds the arguments in your path again", "库在你的路径里又找到这些参数", [&] {
        for (int round = 0; round < 100; ++round) {
            const known& which = routes[steps.below(static_cast<std::uint32_t>(routes.size()))];
            words arguments(which.parts);
            for (auto& each : arguments) each = std::to_string(steps.below(1000));
            const auto path = reverse(which.route, arguments);
            const bool is_found = path && which.table.answer(http::request{"GET", *path}).status.code() == 200 && seen == arguments;
            steps.expect(is_found, grader::either("the view behind ", "视图：") + path.value_or("-"),
                         grader::either("been given ", "得到 ") + grader::shown(arguments),
                         grader::either("it was given ", "得到了 ") + grader::shown(seen));
        }
    });
    return steps.result();
}

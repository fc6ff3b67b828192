// Templates: values, output, inheritance, errors with their lines, and bounds.
// SPDX-License-Identifier: MIT
//
// tests/interop/web_django.py compares output and errors with Django's in thousands of random templates.

#include <netnotes/web/template.hpp>

#include "web.hpp"

#include <clocale>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

struct article {
    int id;
    std::string title;
};
web::map describe(const article& a) { return {{"id", a.id}, {"title", a.title}}; }

std::string page(std::string_view text, const web::map& context = {}) {
    const web::template_map none;
    return web::templates{none}.render_text(text, context);
}
std::string fault(const std::function<void()>& run) {
    try {
        run();
    } catch (const web::template_error& error) {
        return error.what();
    }
    return "no fault";
}
std::string fault_of(std::string_view text, const web::map& context = {}) {
    return fault([&] { static_cast<void>(page(text, context)); });
}
std::string render(const web::template_map& texts, std::string_view name, const web::map& context = {}) {
    return web::templates{texts}.render(name, context);
}

}  // namespace

TEST_CASE("values print compare and count as Python has it") {
    CHECK(web::value{}.text() == "None");
    CHECK(web::value{true}.text() == "True");
    CHECK(web::value{7}.text() == "7");
    for (const auto& [number, text] : {std::pair{1.0, "1.0"},
                                       {0.1, "0.1"},
                                       {1e16, "1e+16"},
                                       {1e15, "1000000000000000.0"},
                                       {1.5e-5, "1.5e-05"},
                                       {0.0001, "0.0001"},
                                       {-2.5, "-2.5"},
                                       {1.25e100, "1.25e+100"}})
        CHECK(web::value{number}.text() == text);
    CHECK(web::value{web::list{"it's", 1, nullptr}}.text() == "[\"it's\", 1, None]");
    CHECK(web::value{web::map{{"b", 1}, {"a", "x"}}}.text() == "{'b': 1, 'a': 'x'}");
    CHECK(web::value{1} == web::value{1.0});
    CHECK(web::value{1} == web::value{true});
    CHECK(web::value{"a"} == web::value{web::safe_string{"a"}});
    CHECK(!(web::value{"1"} == web::value{1}));
    CHECK(web::value::compare(1, "a") == std::nullopt);
    CHECK(web::value::compare(nullptr, 3) == std::nullopt);
    CHECK(web::value::compare(web::list{1, 2}, web::list{1, 3}) == -1);
    CHECK(web::value::contains("abc", "b") == true);
    CHECK(web::value::contains("abc", 1) == std::nullopt);
    CHECK(web::value{"中文"}.size() == 2);
    CHECK((!web::value{0}.is_true() && !web::value{""}.is_true() && !web::value{web::list{}}.is_true()));
    CHECK((web::value{"0"}.is_true() && web::value{web::list{0}}.is_true()));
}

TEST_CASE("an object is described by a function beside its class") {
    const std::vector<article> all{{1, "A & B"}, {2, "C"}};
    CHECK(page("{% for a in all %}{{ a.id }} {{ a.title }};{% endfor %}", {{"all", all}}) == "1 A &amp; B;2 C;");
    CHECK(page("{{ one.title }}", {{"one", all[1]}}) == "C");
}

TEST_CASE("a function is called when its value is asked for") {
    int calls = 0;
    const web::map context{{"f", [&calls] { return web::value{++calls}; }}};
    CHECK(page("{% if 0 %}{{ f }}{% endif %}{{ f }}{{ f }}", context) == "12");
    CHECK(calls == 2);
}

TEST_CASE("the five characters are escaped and only what is safe is not") {
    const web::map context{{"x", "<a href='#'>\"&\"</a>"}, {"s", web::safe_string{"<b>"}}};
    CHECK(page("{{ x }}", context) == "&lt;a href=&#x27;#&#x27;&gt;&quot;&amp;&quot;&lt;/a&gt;");
    CHECK(page("{{ s }}{{ s|upper }}{{ s|lower }}", context) == "<b>&lt;B&gt;<b>");
    CHECK(page("{{ none|default:'<y>' }}", context) == "<y>");
    CHECK(page("{% autoescape off %}{{ x|length }}{{ s|upper }}{% endautoescape %}{{ '<'|add:x }}", context) ==
          "19<B>&lt;&lt;a href=&#x27;#&#x27;&gt;&quot;&amp;&quot;&lt;/a&gt;");
    CHECK(page("{{ l|join:', ' }}", {{"l", web::list{"<", 1}}}) == "&lt;, 1");
}

TEST_CASE("a child fills the blocks of its parent") {
    const web::template_map texts{
        {"base", "<{% block a %}A{% block b %}B{% endblock %}{% endblock %}>"},
        {"child", "before{% extends 'base' %}lost{% block b %}[{{ block.super }}|{{ x }}]{% endblock %}"},
        {"grandchild",
         "{% extends 'child' %}{% block b %}({{ block.super }}){% endblock %}{% block no %}lost{% endblock %}"}};
    CHECK(render(texts, "child", {{"x", 1}}) == "before<A[B|1]>");
    CHECK(render(texts, "grandchild", {{"x", 2}}) == "before<A([B|2])>");
    CHECK(fault([&] { render(texts, "child2"); }) == "TemplateDoesNotExist: child2");
}

TEST_CASE("an error names the template the line and the tag as Django does") {
    CHECK(fault_of("a\n{% crsf_token %}") ==
          "<unknown source>, line 2: TemplateSyntaxError: Invalid block tag on line 2: 'crsf_token'. Did you forget to "
          "register "
          "or load this tag?");
    CHECK(fault_of("\n\n{{ name|length>10 }}") ==
          "<unknown source>, line 3: TemplateSyntaxError: Could not parse the remainder: '>10' from 'name|length>10'");
    CHECK(fault_of("{% if 1 %}\n{% for x in y %}\n{% endif %}") ==
          "<unknown source>, line 3: TemplateSyntaxError: Invalid block tag on line 3: 'endif', expected 'empty' or "
          "'endfor'. "
          "Did you forget to register or load this tag?");
    CHECK(fault_of("{{ 1 }}\n{% if 1 %}\n") ==
          "<unknown source>, line 2: TemplateSyntaxError: Unclosed tag on line 2: 'if'. Looking for one of: elif, "
          "else, endif.");
    CHECK(fault_of("x\n{{ 5|first }}") == "<unknown source>, line 2: TypeError: 'int' object is not subscriptable");
    CHECK(fault_of("{{ 1 }}{% extends 'b' %}") ==
          "<unknown source>, line 1: TemplateSyntaxError: <ExtendsNode: extends 'b'> must be the first tag in the "
          "template.");
    const web::template_map texts{{"page", "\n{% include 'part' %}"}, {"part", "\n\n{{ 5|first }}"}};
    CHECK(fault([&] { render(texts, "page"); }) == "part, line 3: TypeError: 'int' object is not subscriptable");
}

TEST_CASE("what would not end is refused") {
    const web::template_map texts{
        {"loop", "{% include 'loop' %}"}, {"a", "{% include 'b' %}"}, {"b", "{% extends 'a' %}"}};
    CHECK_THAT(fault([&] { render(texts, "loop"); }),
               Catch::Matchers::ContainsSubstring("loop, line 1: RecursionError"));
    CHECK_THAT(fault([&] { render(texts, "a"); }), Catch::Matchers::ContainsSubstring("RecursionError"));
    std::string deep;
    for (int i = 0; i < 101; ++i) deep += "{% if 1 %}";
    CHECK_THAT(fault_of(deep), Catch::Matchers::ContainsSubstring("nested more than 100 deep"));
    web::template_settings small;
    small.max_output = 100;
    const web::templates pages{texts, small};
    CHECK(pages.render_text(std::string(100, 'x')).size() == 100);
    CHECK_THAT(fault([&] {
                   static_cast<void>(pages.render_text("{% for x in l %}{% for y in l %}12345{% endfor %}{% endfor %}",
                                                       {{"l", web::list(5, 1)}}));
               }),
               Catch::Matchers::ContainsSubstring("the page becomes too large"));
}

TEST_CASE("templates whose tags are nested in each other's tags are refused before the stack is used up") {
    std::string deep, ends;
    for (int i = 0; i < 98; ++i) deep += i % 2 == 0 ? "{% for x in l %}" : "{% if x %}";
    for (int i = 97; i >= 0; --i) ends += i % 2 == 0 ? "{% endfor %}" : "{% endif %}";
    const web::template_map texts{{"loop", deep + "{% include 'loop' %}" + ends}};
    CHECK_THAT(fault([&] {
                   render(texts, "loop", {{"l", web::list{1}}});
               }),
               Catch::Matchers::ContainsSubstring("RecursionError: tags are nested more than 1000 deep"));
    // A tree of comments is far below that bound.
    web::value tree{web::list{}};
    for (int i = 0; i < 60; ++i) tree = web::list{tree};
    const web::template_map node{
        {"node", "({% for x in all %}{% if 1 %}{% include 'node' with all=x %}{% endif %}{% endfor %})"}};
    CHECK(render(node, "node", {{"all", tree}}) == std::string(61, '(') + std::string(61, ')'));
}

TEST_CASE("a filter keeps its value while block.super adds names") {
    const web::template_map texts{
        {"base",
         "{% block a %}{% with b=1 c=2 d=3 e=4 f=5 %}{% for z in l %}{{ b }}{% endfor %}{% endwith %}{% endblock %}"},
        {"add", "{% extends 'base' %}{% block a %}{% for x in l %}{{ x|add:block.super }};{% endfor %}{% endblock %}"},
        {"with",
         "{% extends 'base' %}{% block a %}{% with x=s %}{{ x|default:block.super|cut:block.super }}{% endwith %}{% "
         "endblock %}"}};
    const std::string text(40, 'x');
    const web::map context{{"l", web::list{text, "y"}}, {"s", text}};
    CHECK(render(texts, "add", context) == text + "11;y11;");
    CHECK(render(texts, "with", context) == text);
}

TEST_CASE("a condition that fails inside block.super leaves everything as it was") {
    // A name that is not known is no argument of a filter: this ends the condition, and the page goes on.
    const auto text = [](std::string_view inside) {
        return netnotes::detail::joined("{% block a %}", inside,
                                        "{% endblock %}[{% block b %}{{ bad }}{% endblock %}]");
    };
    for (const auto* inside :
         {"{% autoescape off %}{{ n|add:missing }}{% endautoescape %}", "{% include 'part' only %}",
          "{% for x in l %}{% with bad=1 %}{{ n|add:missing }}{% endwith %}{% endfor %}"}) {
        const web::template_map texts{{"base", text(inside)},
                                      {"plain", "{% block q %}{% endblock %}"},
                                      {"part", "{% extends 'plain' %}{% block q %}{{ n|add:missing }}{% endblock %}"},
                                      {"child",
                                       "{% extends 'base' %}{% block a %}{% if block.super %}yes{% endif %}{{ bad }}{{ "
                                       "n }}{{ block.name }}{% endblock %}"}};
        INFO(inside);
        CHECK(render(texts, "child", {{"n", 1}, {"bad", "<b>"}, {"l", web::list{1}}}) == "&lt;b&gt;1a[&lt;b&gt;]");
    }
}

TEST_CASE("numbers are read and written in the same way under each locale") {
    std::setlocale(LC_NUMERIC, "de_DE.UTF-8");  // 1,5: where it is installed
    const std::string made = page("{{ 1.5 }} {{ f }} {{ '1.0'|pluralize }}|{{ '2.5'|pluralize }}", {{"f", 2.5}});
    std::setlocale(LC_NUMERIC, "C");
    CHECK(made == "1.5 2.5 |s");
}

TEST_CASE("a number above 2 to the 63 is refused, because a template would print it as negative") {
    CHECK(web::value{std::uint64_t{INT64_MAX}}.text() == "9223372036854775807");
    CHECK_THROWS_AS(web::value{static_cast<std::uint64_t>(INT64_MAX) + 1}, std::out_of_range);
}

TEST_CASE("braces without an end are read in linear time") {
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += "{{ {% {# ";
    CHECK(page(text) == text);
}

TEST_CASE("addresses of files and routes are written by the settings") {
    web::template_settings settings;
    settings.static_url = "/files/";
    settings.reverse = [](std::string_view name, const web::list& arguments, const web::map& named) {
        if (name != "detail") throw web::template_error{"NoReverseMatch", "Reverse for 'x' not found."};
        return "/articles/" + (arguments.empty() ? named["id"] : arguments[0]).text() + "/?a&b";
    };
    const web::template_map none;
    const web::templates pages{none, settings};
    CHECK(pages.render_text("{% load static %}{% static 'a b.png' %}") == "/files/a%20b.png");
    CHECK(pages.render_text("{% url 'detail' 42 %} {% url 'detail' id=7 as u %}{{ u }}") ==
          "/articles/42/?a&amp;b /articles/7/?a&amp;b");
    CHECK(pages.render_text("{% url 'x' as u %}[{{ u }}]") == "[]");
    CHECK_THAT(fault([&] { static_cast<void>(pages.render_text("\n{% url 'x' %}")); }),
               Catch::Matchers::ContainsSubstring("line 2: NoReverseMatch: Reverse for 'x' not found."));
}

TEST_CASE("a name behind as stays until the tag around it ends, as in Django") {
    const web::map context{{"l", web::list{1, 2}}, {"pairs", web::list{web::list{1, 2}, web::list{3, 4}}}};
    // A loop with one variable has one scope for all its rounds, and a loop that unpacks has one for each.
    CHECK(page("{% load static %}{% for x in l %}{{ x }}[{{ q }}{% static 'a' as q %}{{ q }}]{% endfor %}{{ q }}",
               context) == "1[/static/a]2[/static/a/static/a]");
    CHECK(page("{% load static %}{% for x, y in pairs %}{{ x }}[{{ q }}{% static 'a' as q %}]{% endfor %}{{ q }}",
               context) == "1[]3[]");
    CHECK(page("{% load static %}{% for x in l %}{{ x }}{% static 'a' as x %}{{ x }} {% endfor %}", context) ==
          "1/static/a 2/static/a ");
    CHECK(page("{% load static %}{% with a=1 %}{% static 'a' as a %}{{ a }}{% endwith %}{{ a }}") == "/static/a");
}

TEST_CASE("STATIC_URL ends with a slash, as Django's check urls.E006 wants it") {
    const web::template_map none;
    const auto pages_at = [&](std::string url) {
        web::template_settings settings;
        settings.static_url = std::move(url);
        const web::templates pages{none, settings};
        return pages.render_text("{% load static %}{% static 'a b.png' %} {% static '/c' %} {% static '//host/d' %}");
    };
    CHECK_THROWS_WITH(pages_at("url"),
                      "The STATIC_URL setting must end with a slash, and \"url\" does not (urls.E006).");
    CHECK_THROWS_WITH(pages_at("/static"), Catch::Matchers::ContainsSubstring("urls.E006"));
    // Django 3.2 prints these addresses, except that it writes the scheme in front of //host/d.
    CHECK(pages_at("/s/") == "/s/a%20b.png /c //host/d");
    CHECK(pages_at("static/") == "/static/a%20b.png /c //host/d");
    CHECK(pages_at("") == "/a%20b.png /c //host/d");
    CHECK(pages_at("https://cdn.example/x/") == "https://cdn.example/x/a%20b.png https://cdn.example/c //host/d");
}

TEST_CASE("a loader stays in its folders and reads again what has changed") {
    namespace fs = std::filesystem;
    const fs::path root = fs::temp_directory_path() / ("netnotes_web_" + std::to_string(getpid()));
    struct cleanup {
        fs::path path;
        ~cleanup() { fs::remove_all(path); }
    } const remover{root};
    const auto write = [&](const fs::path& name, std::string_view text) {
        fs::create_directories((root / name).parent_path());
        std::ofstream{root / name} << text;
    };
    write("pages/a.html", "project {{ x }}");
    write("shop/templates/a.html", "{% extends 'base.html' %}");
    write("shop/templates/shop/b.html", "app");
    write("secret.html", "secret");
    fs::create_symlink(root / "secret.html", root / "pages/link.html");
    web::template_folders folders{root / "pages"};
    folders.add_app(root / "shop");
    web::template_settings settings;
    settings.reload = true;
    const web::templates pages{folders, settings};
    CHECK(pages.render("a.html", {{"x", 1}}) == "project 1");
    CHECK(pages.render("shop/b.html") == "app");
    for (const auto* name : {"../secret.html", "shop/../../secret.html", "link.html", "/etc/passwd", "", "shop",
                             "./a.html", "shop/./b.html", "shop//b.html", "a.html/", ".", "/"})
        CHECK(fault([&] { pages.check(name); }) == "TemplateDoesNotExist: "s + name);
    CHECK(fault([&] { pages.check("a.html\0.png"sv); }).starts_with("TemplateDoesNotExist"));
    write("pages/a.html", "longer {{ x }} than before");
    CHECK(pages.render("a.html", {{"x", 2}}) == "longer 2 than before");
}

TEST_CASE("a template extends the next template of its own name") {
    namespace fs = std::filesystem;
    const fs::path root = fs::temp_directory_path() / ("netnotes_web_same_" + std::to_string(getpid()));
    fs::create_directories(root / "one");
    fs::create_directories(root / "two");
    std::ofstream{root / "one/x.html"} << "{% extends 'x.html' %}{% block a %}own, {{ block.super }}{% endblock %}";
    std::ofstream{root / "two/x.html"} << "<{% block a %}theirs{% endblock %}>";
    web::template_folders folders{root / "one"};
    folders.add(root / "two");
    web::template_settings settings;
    settings.reload = true;
    const web::templates pages{folders, settings};
    CHECK(pages.render("x.html") == "<own, theirs>");
    std::ofstream{root / "two/x.html"} << "<{% block a %}changed{% endblock %}>";
    CHECK(pages.render("x.html") == "<own, changed>");
    fs::remove_all(root);
}

TEST_CASE("a date is written as its format says") {
    const web::map context{{"d", web::time_value{std::chrono::seconds{1'795'978'161}}}};
    CHECK(page("{{ d|date:'Y-m-d H:i:s' }}|{{ d|date }}|{{ d }}", context) ==
          "2026-11-29 18:49:21|Nov. 29, 2026|Nov. 29, 2026, 6:49 p.m.");
}

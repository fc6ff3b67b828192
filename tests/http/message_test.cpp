// What the values of http.hpp promise: targets, fields, dates, statuses, requests and responses.

#include <netnotes/http.hpp>

#include "../catch.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace http = netnotes::http;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

/// Why a target is refused, and where; "" when it is not.
std::string refusal(std::string_view text) {
    netnotes::parse_failure why;
    return http::target::parse(text, why) ? "" : why.message();
}

}  // namespace

TEST_CASE("a target is split first and decoded then") {
    const http::target plain{"/notes/a%20b?page=2&q=%3f"};
    CHECK(plain.which() == http::target::form::origin);
    CHECK(plain.path() == "/notes/a b");
    CHECK(plain.raw_path() == "/notes/a%20b");
    CHECK(plain.query() == "page=2&q=%3f");
    CHECK(plain.text() == "/notes/a%20b?page=2&q=%3f");
    CHECK(plain.segments() == std::vector{"notes"s, "a b"s});

    const http::target slash{"/a%2Fb/c%2f/"};
    CHECK(slash.path() == "/a%2Fb/c%2F/");
    CHECK(slash.segments() == std::vector{"a/b"s, "c/"s, ""s});
    CHECK(http::target{"/%252e"}.path() == "/%2e");  // decoded once
    CHECK(http::target{"/"}.segments() == std::vector{""s});
    CHECK(http::target{}.path() == "/");
    CHECK(http::target{"//x"}.path() == "//x");

    CHECK_FALSE(http::target{"/a"}.has_query());
    CHECK(http::target{"/a?"}.has_query());
    CHECK(http::target{"/a?"}.query() == "");
    CHECK(http::target{"/a?b?c"}.query() == "b?c");
    CHECK(http::target{"/?a=100%"}.query() == "a=100%");  // the reader of forms decides
}

TEST_CASE("a target in absolute form has an authority, and an empty path means /") {
    const http::target whole{"HTTP://example.com:8000/a?b"};
    CHECK(whole.which() == http::target::form::absolute);
    CHECK(whole.authority() == "example.com:8000");
    CHECK(whole.path() == "/a");
    CHECK(whole.query() == "b");
    const http::target bare{"http://[2001:db8::1]?b"};
    CHECK(bare.authority() == "[2001:db8::1]");
    CHECK(bare.path() == "/");
    CHECK(bare.raw_path() == "/");
    CHECK(bare.query() == "b");
    CHECK(http::target{"https://h"}.path() == "/");
    CHECK(http::target{"*"}.which() == http::target::form::asterisk);
    CHECK(http::target{"*"}.path() == "*");
    CHECK(http::target{"*"}.segments().empty());
}

TEST_CASE("what is no target is refused, with the place") {
    const std::pair<std::string_view, const char*> refused[] = {
        {"", "empty"},
        {"a", "begins with '/'"},
        {"example.com:443", "begins with '/'"},
        {"ftp://h/", "begins with '/'"},
        {"http://", "comes a host"},
        {"http:///a", "comes a host"},
        {"http://:80/", "comes a host"},
        {"http://me@h/", "comes a host"},
        {"http://a,b/", "comes a host"},
        {"http://h:8x/", "comes a host"},
        {"http://[::1/", "comes a host"},
        {"http://[::1]x/", "comes a host"},
        {"http://[::g]/", "comes a host"},
        {"/a b", "a character that no target has; it is written as a percent sign and two digits, at character 2"},
        {"/a#b", "no target has"},
        {"/\xc3\xa9", "no target has"},
        {"/a\x7f", "no target has"},
        {"/%", "two hexadecimal digits, at character 1"},
        {"/%4", "two hexadecimal digits"},
        {"/%g0", "two hexadecimal digits"},
        {"/%0g", "two hexadecimal digits"},
        {"/a%00.html", "a path holds no NUL, at character 2"},
    };
    for (const auto& [text, reason] : refused) {
        INFO(text);
        CHECK(refusal(text).find(reason) != std::string::npos);
        CHECK_THROWS_AS(http::target{text}, netnotes::parse_error);
    }
}

TEST_CASE("percent coding goes there and back") {
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    CHECK(http::percent_decode(http::percent_encode(all)) == all);
    CHECK(http::percent_encode("a b/\xc3\xa9~") == "a%20b%2F%C3%A9~");
    CHECK(http::percent_encode("a/b", "/") == "a/b");
    CHECK(http::percent_decode("%41%6a+") == "Aj+");
    CHECK_FALSE(http::percent_decode("%4"));
    CHECK_FALSE(http::percent_decode("a%zz"));
}

TEST_CASE("fields are found whatever their case, and keep their order") {
    http::fields fields{{"Host", "example.com"}, {"Accept", " text/html\t"}, {"ACCEPT", "image/png"}, {"Empty", ""}};
    CHECK(fields.size() == 4);
    CHECK(fields.find("host") == "example.com");
    CHECK(fields.find("accept") == "text/html");
    CHECK(fields.joined("aCCept") == "text/html, image/png");
    CHECK(fields.all("accept") == std::vector{"text/html"sv, "image/png"sv});
    CHECK(fields.count("accept") == 2);
    CHECK(fields.find("empty") == "");
    CHECK_FALSE(fields.find("nothing"));
    CHECK_FALSE(fields.contains("Hos"));

    fields.set("accept", "*/*");
    CHECK(fields[1] == http::field{"accept", "*/*"});
    CHECK(fields.size() == 3);
    fields.set("New", "1");
    CHECK(fields[3] == http::field{"New", "1"});
    CHECK(fields.erase("HOST") == 1);
    CHECK(fields.erase("HOST") == 0);

    std::string seen;
    for (const auto& [name, value] : fields) seen.append(name).append("=").append(value).append(";");
    CHECK(seen == "accept=*/*;Empty=;New=1;");
    CHECK(fields == http::fields{{"Accept", "*/*"}, {"empty", ""}, {"new", "1"}});
    CHECK_FALSE(fields == http::fields{{"Accept", "*/*"}, {"new", "1"}, {"empty", ""}});

    fields.clear();
    CHECK(fields.empty());
    CHECK(fields.begin() == fields.end());
}

TEST_CASE("a list of fields takes views into itself") {
    http::fields fields{{"First", "value that is longer than a short string can be"}};
    for (int i = 0; i < 50; ++i) fields.add(fields[0].name, fields[0].value);
    CHECK(fields.count("first") == 51);
    CHECK(fields[50] == fields[0]);
    fields.set("Second", *fields.find("First"));
    CHECK(fields.find("second") == fields.find("first"));
}

TEST_CASE("lists of any size are copied, moved and changed alike") {
    // A list of at most two fields, and the Content-Type of a text, lie where longer lists and other texts do not.
    for (const std::string_view type : {"text/plain; charset=utf-8"sv, "text/html; charset=utf-8"sv, "image/png"sv}) {
        for (int size = 1; size < 9; ++size) {
            CAPTURE(type, size);
            http::fields made = http::response{200, "x", type}.fields;
            for (int i = 1; i < size; ++i) made.add("X-" + std::to_string(i), "value " + std::to_string(i));
            const auto is_right = [&](const http::fields& list) {
                bool is = list.size() == static_cast<std::size_t>(size) && list[0] == http::field{"Content-Type", type};
                for (int i = 1; i < size; ++i)
                    is = is && list.find("x-" + std::to_string(i)) == "value " + std::to_string(i);
                return is;
            };
            REQUIRE(is_right(made));
            http::fields copy = made;
            CHECK(is_right(copy));
            CHECK(copy == made);
            http::fields moved = std::move(copy);
            CHECK(is_right(moved));
            copy = http::fields{{"A", "1"}, {"B", "2"}, {"C", "3"}};
            CHECK(copy.size() == 3);
            copy = moved;
            CHECK(is_right(copy));
            moved.set("content-type", "text/css");
            CHECK(moved[0] == http::field{"content-type", "text/css"});
            CHECK(is_right(copy));
            CHECK(copy.erase("Content-Type") == 1);
            CHECK(copy.size() == static_cast<std::size_t>(size - 1));
            CHECK_FALSE(copy.contains("Content-Type"));
            copy = std::move(moved);
            copy.clear();
            copy.add("Content-Type", type);
            CHECK(copy == http::response{200, "x", type}.fields);
        }
    }
}

TEST_CASE("a list finds the elements of a field with commas") {
    const http::fields fields{{"Connection", "keep-alive , Upgrade,,"}, {"connection", "TE"}};
    CHECK(fields.has_element("Connection", "upgrade"));
    CHECK(fields.has_element("Connection", "te"));
    CHECK(fields.has_element("Connection", "Keep-Alive"));
    CHECK_FALSE(fields.has_element("Connection", "close"));
    CHECK_FALSE(fields.has_element("Connection", ""));
}

TEST_CASE("a field that would become two lines is refused") {
    http::fields fields;
    for (const auto value : {"a\r\nSet-Cookie: x"sv, "a\nb"sv, "a\rb"sv, "a\0b"sv, "a\x01"sv, "\x7f"sv})
        CHECK_THROWS_AS(fields.add("A", value), std::invalid_argument);
    for (const auto name : {""sv, "A B"sv, "A:"sv, "A\n"sv, "A\0"sv, "\xc3\xa9"sv, "(a)"sv})
        CHECK_THROWS_AS(fields.add(name, "x"), std::invalid_argument);
    CHECK(fields.empty());
    fields.add("A", "tab\there, and \xc3\xa9");
    CHECK(fields.size() == 1);
    CHECK_THROWS_WITH(fields.set("A", "b\nc"),
                      "the value of the HTTP field \"A\" holds a control character (RFC 9110 §5.5): \"b\\nc\"");
    CHECK(fields.find("A") == "tab\there, and \xc3\xa9");
}

TEST_CASE("a date is written in one form and read in three") {
    using namespace std::chrono;
    const http::time_point example{seconds{784111777}};  // the example of RFC 9110 §5.6.7
    const http::time_point now = sys_days{2026y / November / 29};
    CHECK(http::write_date(example) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http::read_date("Sun, 06 Nov 1994 08:49:37 GMT", now) == example);
    CHECK(http::read_date("Sunday, 06-Nov-94 08:49:37 GMT", now) == example);
    CHECK(http::read_date("Sun Nov  6 08:49:37 1994", now) == example);
    CHECK(http::read_date("Sun Nov 06 08:49:37 1994", now) == example);
    CHECK(http::read_date("Sun, 06 Nov 1994 08:49:37 GMT") == example);

    // 50 years ahead is the future, 51 years is the past.
    CHECK(http::read_date("Sunday, 29-Nov-76 00:00:00 GMT", now) == http::time_point{sys_days{2076y / November / 29}});
    CHECK(http::read_date("Sunday, 29-Nov-77 00:00:00 GMT", now) == http::time_point{sys_days{1977y / November / 29}});

    for (const int day : {-719162, -1, 0, 59, 11016, 2932896})  // 1 January 1 to 31 December 9999
        for (const int second : {0, 1, 43'200, 86'399}) {
            const http::time_point when = sys_days{days{day}} + seconds{second};
            CHECK(http::read_date(http::write_date(when), now) == when);
        }
    CHECK(http::read_date("Sat, 31 Dec 2016 23:59:60 GMT", now) == http::time_point{sys_days{2017y / January / 1}});
    CHECK(http::write_date(http::time_point::max()) == "Fri, 31 Dec 9999 23:59:59 GMT");
    CHECK(http::write_date(http::time_point::min()) == "Sat, 01 Jan 0000 00:00:00 GMT");
    for (const auto text : {"",
                            "0",
                            "Sun, 06 Nov 1994 08:49:37",
                            "Sun, 06 Nov 1994 08:49:37 UTC",
                            "Sun, 06 Nov 1994 08:49:37 GMT ",
                            "sun, 06 nov 1994 08:49:37 GMT",
                            "Sun, 6 Nov 1994 08:49:37 GMT",
                            "Sun, 06 Nov 94 08:49:37 GMT",
                            "Son, 06 Nov 1994 08:49:37 GMT",
                            "Sun, 31 Feb 1994 08:49:37 GMT",
                            "Sun, 00 Nov 1994 08:49:37 GMT",
                            "Sun, 06 Nov 1994 24:49:37 GMT",
                            "Sun, 06 Nov 1994 08:60:37 GMT",
                            "Sun, 06 Nov 1994 08:49:61 GMT",
                            "Sun, 06 Nov 0000 08:49:37 GMT",
                            "Sun, 06 Nov -994 08:49:37 GMT",
                            "Sunday, 06-Nov-1994 08:49:37 GMT",
                            "Sun Nov 6 08:49:37 1994",
                            "Sun Nov  6 08:49:37 1994 GMT",
                            "Sun, +6 Nov 1994 08:49:37 GMT"}) {
        INFO(text);
        CHECK_FALSE(http::read_date(text, now));
    }
}

TEST_CASE("methods and statuses have names") {
    using http::method;
    for (const auto what : {method::get, method::head, method::post, method::put, method::delete_, method::connect,
                            method::options, method::trace, method::patch})
        CHECK(http::read_method(http::name_of(what)) == what);
    for (const auto name : {"", "get", "GETS", "BREW", "PROPFIND", "G"})
        CHECK(http::read_method(name) == method::other);
    CHECK(http::is_safe(method::head));
    CHECK_FALSE(http::is_safe(method::delete_));
    CHECK(http::is_idempotent(method::delete_));
    CHECK_FALSE(http::is_idempotent(method::post));

    CHECK(http::status{}.code() == 200);
    CHECK(http::status::not_found == 404);
    CHECK(http::status{404}.to_string() == "404 Not Found");
    CHECK(http::status{799}.to_string() == "799");
    CHECK_FALSE(http::status{204}.allows_body());
    CHECK_FALSE(http::status{304}.allows_body());
    CHECK_FALSE(http::status{101}.allows_body());
    CHECK(http::status{205}.allows_body());
    CHECK_THROWS_AS(http::status{99}, std::invalid_argument);
    CHECK_THROWS_AS(http::status{1000}, std::invalid_argument);
    CHECK_THROWS_AS(http::status{65'536 + 200}, std::invalid_argument);
}

TEST_CASE("a request is made by hand") {
    const http::request ask{"GET", "/articles/42/?page=2&name=a+b%21&page=3&bad=%", {{"Host", "example.com"}}};
    CHECK(ask.method() == http::method::get);
    CHECK(ask.path() == "/articles/42/");
    CHECK(ask.query("page") == "2");
    CHECK(ask.query("name") == "a b!");
    CHECK_FALSE(ask.query("other"));
    CHECK_FALSE(ask.query("bad"));
    CHECK(ask.host() == "example.com");
    CHECK(ask.field("HOST") == "example.com");

    CHECK(http::request{"BREW", "/pot"}.method() == http::method::other);
    CHECK(http::request{"BREW", "/pot"}.method_name() == "BREW");
    CHECK(http::request{http::method::post, "/", {}, "a=1"}.body() == "a=1");
    CHECK(http::request{"GET", "http://a/", {{"Host", "b"}}}.host() == "a");  // RFC 9112 §3.2.2
    CHECK(http::request{}.host() == "");
    CHECK(http::request{}.minor_version() == 1);
    CHECK_THROWS_AS((http::request{"G T", "/"}), std::invalid_argument);
    CHECK_THROWS_AS((http::request{http::method::other, "/"}), std::invalid_argument);
    CHECK_THROWS_AS((http::request{"GET", "nothing"}), netnotes::parse_error);
}

TEST_CASE("a request gives its body once") {
    netnotes::event_loop loop;
    http::request ask{"POST", "/", {}, "a=1"};
    const auto next = [&]() -> netnotes::task<std::string> {
        const auto bytes = co_await ask.recv();
        co_return std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    };
    CHECK(loop.run(next()) == "a=1");
    CHECK(loop.run(next()) == "");
    CHECK(ask.body() == "a=1");  // recv() has lent it
    CHECK(loop.run(ask.text()) == "");
    ask.set_body("b=2");
    CHECK(ask.body() == "b=2");
    CHECK(loop.run(ask.text()) == "b=2");
    CHECK(loop.run(ask.text()) == "");
    ask.set_body("c=3");
    CHECK(loop.run(next()) == "c=3");
    ask.set_body("d=4");
    CHECK(loop.run(next()) == "d=4");
}

TEST_CASE("a response is made in one line") {
    const http::response text{200, "text\n"};
    CHECK(text.status == 200);
    CHECK(text.body == "text\n");
    CHECK(text.fields.find("content-type") == "text/plain; charset=utf-8");
    CHECK(http::response{200, "<p>", "text/html; charset=utf-8"}.fields.find("Content-Type") ==
          "text/html; charset=utf-8");
    CHECK(http::response{204}.fields.empty());
    CHECK(http::response{}.status == 200);
    CHECK(http::response{200, "x"}.with("X", "1").fields.find("x") == "1");
    http::response named{200};
    CHECK(&named.with("X", "1").with("Y", "2") == &named);
    CHECK(named.field("x") == "1");
    CHECK(named.field("y") == "2");

    CHECK(http::not_found(http::request{"GET", "/a%0Ab"}).body == "404: nothing is at \"/a\\nb\"\n");
    CHECK(http::redirect("/login/").status == 303);
    CHECK(http::redirect("/login/").fields.find("location") == "/login/");
    CHECK(http::redirect("/login/", 308).status == 308);
    CHECK_THROWS_AS(http::redirect("/login/", 200), std::invalid_argument);
    CHECK_THROWS_AS(http::redirect(""), std::invalid_argument);
    CHECK_THROWS_AS(http::redirect("/a\r\nSet-Cookie: b=c"), std::invalid_argument);
    CHECK_THROWS_AS(http::redirect("/a b"), std::invalid_argument);
    CHECK_THROWS_WITH(http::redirect(" " + std::string(300, 'a')),
                      "no URL to redirect to: \" " + std::string(199, 'a') + '"');  // a message has a bound
}

TEST_CASE("the end of a name tells the media type") {
    CHECK(http::media_type_of("index.html") == "text/html; charset=utf-8");
    CHECK(http::media_type_of("/a.b/PHOTO.JPG") == "image/jpeg");
    CHECK(http::media_type_of("archive.tar.gz") == "application/gzip");
    CHECK(http::media_type_of("README") == "application/octet-stream");
    CHECK(http::media_type_of("/a.html/README") == "application/octet-stream");
    CHECK(http::media_type_of("html") == "application/octet-stream");
    CHECK(http::media_type_of("") == "application/octet-stream");
}

// Forms of our own pages pass, and all others are refused with the reason.
// SPDX-License-Identifier: MIT

#include <netnotes/web/csrf.hpp>

#include "web.hpp"

namespace http = netnotes::http;

namespace {

struct guest_book {
    web::template_map texts{{"form", "<form>{% csrf_token %}</form>"}, {"plain", "no form"}};
    web::templates pages{texts};
    web::routes table;
    web::site site{table};

    guest_book() {
        table.path("", [this](const http::request& ask) -> web::view_answer {
            if (ask.method() == http::method::post) return http::response{200, "taken"};
            return web::template_response{&pages, ask.query() == "plain" ? "plain" : "form", {}, {}};
        });
        table.path("login/", [](http::request& ask) {
            web::csrf::rotate(ask);
            return http::response{200, "in"};
        });
        site.add(web::csrf{{"https://friend.example"}});
    }
    std::string post(std::string_view cookie, const std::string& token, std::string_view origin = {}) const {
        http::request ask{"POST", "/", {{"Host", "shop.example"}}, token.empty() ? "" : "csrfmiddlewaretoken=" + token};
        if (!cookie.empty()) ask.fields().set("Cookie", "csrftoken=" + std::string{cookie});
        if (!origin.empty()) ask.fields().set("Origin", origin);
        return site.answer(ask).body;
    }
};
/// What stands between two texts.
std::string between(std::string_view text, std::string_view begin, std::string_view end) {
    const auto at = text.find(begin) + begin.size();
    return std::string{text.substr(at, text.find(end, at) - at)};
}

}  // namespace

TEST_CASE("a form of our own page passes and each page has a token of its own") {
    const guest_book book;
    const http::response page = book.site.answer(http::request{"GET", "/"});
    const std::string set{page.fields.find("Set-Cookie").value_or("")};
    CHECK_THAT(set,
               Catch::Matchers::ContainsSubstring("SameSite=Lax") && Catch::Matchers::ContainsSubstring("HttpOnly"));
    CHECK(page.fields.find("Vary") == "Cookie");
    const std::string secret = between(set, "csrftoken=", ";"), token = between(page.body, "value=\"", "\"");
    CHECK(secret.size() == 32);
    CHECK(token.size() == 64);
    CHECK(page.body.find(secret) == std::string::npos);
    CHECK(book.post(secret, token) == "taken");
    const http::response again = book.site.answer(http::request{"GET", "/", {{"Cookie", "csrftoken=" + secret}}});
    const std::string other = between(again.body, "value=\"", "\"");
    CHECK(other != token);
    CHECK(book.post(secret, other) == "taken");
    CHECK(between(again.fields.find("Set-Cookie").value_or(""), "csrftoken=", ";") == secret);
}

TEST_CASE("the token of a form with files is found, too") {
    const guest_book book;
    const http::response page = book.site.answer(http::request{"GET", "/"});
    const std::string secret = between(page.fields.find("Set-Cookie").value_or(""), "csrftoken=", ";");
    const auto upload = [&](const std::string& name, const std::string& token) {
        http::request ask{"POST", "/", {{"Host", "shop.example"}, {"Cookie", "csrftoken=" + secret}}};
        ask.fields().set("Content-Type", "multipart/form-data; boundary=XyZ");
        ask.set_body(
            "--XyZ\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\n&=%\xff\r\n--XyZ\r\n"
            "Content-Disposition: form-data; name=\"" +
            name + "\"\r\n\r\n" + token + "\r\n--XyZ--\r\n");
        return book.site.answer(ask).body;
    };
    const std::string token = between(page.body, "value=\"", "\"");
    CHECK(upload("csrfmiddlewaretoken", token) == "taken");
    CHECK(upload("csrfmiddlewaretoken", std::string(64, 'a')) ==
          "403: CSRF verification failed: CSRF token incorrect.\n");
    CHECK(upload("other", token) == "403: CSRF verification failed: CSRF token missing.\n");
}

TEST_CASE("a page without a form sets no cookie") {
    const guest_book book;
    CHECK(!book.site.answer(http::request{"GET", "/?plain"}).fields.find("Set-Cookie"));
}

TEST_CASE("a foreign form is refused and the answer says which check failed") {
    const guest_book book;
    const http::response page = book.site.answer(http::request{"GET", "/"});
    const std::string secret = between(page.fields.find("Set-Cookie").value_or(""), "csrftoken=", ";");
    const std::string token = between(page.body, "value=\"", "\"");
    const std::string failed = "403: CSRF verification failed: ";
    CHECK(book.post("", token) == failed + "CSRF cookie not set.\n");
    CHECK(book.post("short", token) == failed + "CSRF cookie not set.\n");
    CHECK(book.post(secret, "") == failed + "CSRF token missing.\n");
    CHECK(book.post(secret, std::string(64, 'a')) == failed + "CSRF token incorrect.\n");
    CHECK(book.post(secret, secret) == failed + "CSRF token incorrect.\n");
    CHECK(book.post(std::string(32, 'b'), token) == failed + "CSRF token incorrect.\n");
    CHECK(book.post(secret, token, "http://evil.example") ==
          failed + "Origin checking failed - http://evil.example does not match any trusted origins.\n");
    CHECK(book.post(secret, token, "null").starts_with(failed + "Origin checking failed - null"));
    CHECK(book.post(secret, token, "http://shop.example") == "taken");
    CHECK(book.post(secret, token, "https://friend.example") == "taken");
}

TEST_CASE("a secret that was rotated makes old tokens worthless") {
    const guest_book book;
    const http::response page = book.site.answer(http::request{"GET", "/"});
    const std::string secret = between(page.fields.find("Set-Cookie").value_or(""), "csrftoken=", ";");
    const http::response in = book.site.answer(
        http::request{"GET", "/login/", {{"Cookie", "csrftoken=" + secret}, {"X-Netnotes-CSRF-Secret", secret}}});
    const std::string fresh = between(in.fields.find("Set-Cookie").value_or(""), "csrftoken=", ";");
    CHECK(fresh != secret);
    CHECK(book.post(fresh, between(page.body, "value=\"", "\"")) ==
          "403: CSRF verification failed: CSRF token incorrect.\n");
}

TEST_CASE("a token for a request that has not passed the layer is refused") {
    http::request ask{"GET", "/"};
    CHECK_THROWS_AS(web::csrf::token(ask), std::logic_error);
    ask.fields().set("X-Netnotes-CSRF-Secret", "short");
    CHECK_THROWS_AS(web::csrf::token(ask), std::logic_error);
}

TEST_CASE("a site of https also asks where a form without Origin comes from") {
    // An attacker in between can set a cookie by http://, so it knows a secret and a token that fit.
    const web::csrf layer{{"https://friend.example"}, true};
    const guest_book book;
    const http::response page = book.site.answer(http::request{"GET", "/"});
    const std::string secret = between(page.fields.find("Set-Cookie").value_or(""), "csrftoken=", ";");
    const std::string token = between(page.body, "value=\"", "\"");
    const auto fault = [&](std::string_view field, std::string_view text) {
        http::request ask{"POST", "/", {{"Host", "shop.example"}, {"Cookie", "csrftoken=" + secret}}};
        ask.set_body("csrfmiddlewaretoken=" + token);
        if (!field.empty()) ask.fields().set(field, text);
        return layer.fault_of(ask);
    };
    CHECK(fault("", "") == "Referer checking failed - no Referer.");
    CHECK(fault("Referer", "https://shop.example/form/?q=1") == "");
    CHECK(fault("Referer", "https://shop.example") == "");
    CHECK(fault("Referer", "https://friend.example/x") == "");
    CHECK(fault("Origin", "https://shop.example") == "");
    for (const auto* page_of :
         {"http://shop.example/", "https://evil.example/https://shop.example/", "https://shop.example.evil.example/",
          "https://shop.example@evil.example/", "shop.example", "https://", "https:///shop.example", "x"})
        CHECK(fault("Referer", page_of).starts_with("Referer checking failed - "s + page_of));
    CHECK(fault("Origin", "http://shop.example").starts_with("Origin checking failed"));
}

TEST_CASE("what a client sends as fields of the layer or as cookie is not believed") {
    const guest_book book;
    const auto cookie_after = [&](http::fields fields) {
        fields.add("Host", "shop.example");
        const http::response made = book.site.answer(http::request{"GET", "/", std::move(fields)});
        return between(made.fields.find("Set-Cookie").value_or(""), "csrftoken=", ";");
    };
    const std::string wanted(32, 'a');
    CHECK(cookie_after({{"Cookie", "csrftoken=" + wanted}}) == wanted);
    CHECK(cookie_after({{"X-Netnotes-CSRF-Secret", wanted}}) != wanted);
    CHECK(cookie_after({{"X-Netnotes-CSRF-Secret", wanted}, {"X-Netnotes-CSRF-Secret", wanted}}) != wanted);
    for (const auto& sent :
         {std::string(31, 'a'), std::string(33, 'a'), std::string(31, 'a') + "-", "\""s + wanted + "\"x"})
        CHECK(cookie_after({{"Cookie", "csrftoken=" + sent}}) != sent);
    CHECK(!book.site
               .answer(http::request{"GET", "/?plain", {{"X-Netnotes-CSRF-Used", "1"}, {"X-Netnotes-CSRF-Used", "1"}}})
               .fields.find("Set-Cookie"));
}

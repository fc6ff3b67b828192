// ALLOWED_HOSTS: which names a site answers for.
// SPDX-License-Identifier: MIT
//
// tests/interop/web_django.py compares thousands of names with what Django says.

#include <netnotes/web/hosts.hpp>

#include "web.hpp"

namespace {

namespace http = net::http;

std::string answer(const web::allowed_hosts& layer, std::string_view host) {
    web::routes table;
    table.path("", [](const http::request&) { return http::response{200, "page"}; });
    web::site site{table};
    site.add(layer);
    http::request ask{"GET", "/"};
    if (host != "no field") ask.fields().set("Host", std::string{host});
    const http::response made = site.answer(ask);
    return std::to_string(made.status.code()) + " " + made.body;
}

}  // namespace

TEST_CASE("a host is a name or an address and perhaps a port") {
    using web::allowed_hosts;
    for (const auto& [host, name] :
         std::initializer_list<std::pair<std::string_view, std::string_view>>{{"example.com", "example.com"},
                                                                              {"EXAMPLE.com:8000", "example.com"},
                                                                              {"example.com.", "example.com"},
                                                                              {"example.com.:80", "example.com"},
                                                                              {"example.com..", "example.com."},
                                                                              {"127.0.0.1:8000", "127.0.0.1"},
                                                                              {"[::1]", "[::1]"},
                                                                              {"[2001:DB8::1]:80", "[2001:db8::1]"},
                                                                              {"[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"}})
        CHECK(allowed_hosts::name_of(host) == name);
    for (const std::string_view host : {"",
                                        ".",
                                        ":80",
                                        "a b",
                                        "a/b",
                                        "a@b",
                                        "a_b",
                                        "a:",
                                        "a:80:80",
                                        "a:8x",
                                        "[]",
                                        "[",
                                        "[:]",
                                        "[1]",
                                        "[::1",
                                        "[::1]x",
                                        "[::1]:",
                                        "[::g]",
                                        "[fe80::1%25eth0]",
                                        "::1",
                                        "\xc3\xa9.example",
                                        "a\n",
                                        "a,b",
                                        "a:80 "})
        CHECK(allowed_hosts::name_of(host).empty());
}

TEST_CASE("a site answers for the hosts in its list") {
    const web::allowed_hosts layer{{"www.Example.com", ".example.org", ""}};
    for (const std::string_view host :
         {"www.example.com", "WWW.EXAMPLE.COM:8000", "www.example.com.", "example.org", "a.b.example.org:1"})
        CHECK(answer(layer, host) == "200 page");
    for (const std::string_view host :
         {"example.com", "a.www.example.com", "badexample.org", "evil.example", "www.example.com@evil.example",
          "www.example.com/", "127.0.0.1", "", "no field"})
        CHECK(answer(layer, host) == "400 400: Bad Request\n");
    CHECK(answer(web::allowed_hosts{{"*"}}, "any.example") == "200 page");
    CHECK(answer(web::allowed_hosts{{"*"}}, "any_example") == "400 400: Bad Request\n");
    CHECK(answer(web::allowed_hosts{}, "localhost") == "400 400: Bad Request\n");
}

TEST_CASE("in development an empty list allows this computer and the answer says what is missing") {
    const web::allowed_hosts layer{{}, true};
    for (const std::string_view host : {"localhost:8000", "shop.localhost", "127.0.0.1:8000", "[::1]:8000"})
        CHECK(answer(layer, host) == "200 page");
    CHECK(answer(layer, "Example.com:8000") ==
          "400 400: Invalid HTTP_HOST header: 'Example.com:8000'. You may need to add 'example.com' to "
          "ALLOWED_HOSTS.\n");
    CHECK(answer(layer, "a_b") ==
          "400 400: Invalid HTTP_HOST header: 'a_b'. The domain name provided is not valid "
          "according to RFC 1034/1035.\n");
    CHECK(answer(layer, "127.0.0.2").starts_with("400"));
    CHECK(answer(web::allowed_hosts{{"example.com"}, true}, "localhost").starts_with("400"));
}

TEST_CASE("the target of a request counts before its field Host") {
    web::routes table;
    table.path("", [](const http::request&) { return http::response{200, "page"}; });
    web::site site{table};
    site.add(web::allowed_hosts{{"example.com"}});
    http::request ask{"GET", "http://evil.example/"};
    ask.fields().set("Host", "example.com");
    CHECK(site.answer(ask).status.code() == 400);
}

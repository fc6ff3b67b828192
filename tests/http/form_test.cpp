// What http/form.hpp promises: it reads what browsers send, refuses the rest with a place, and what it writes it reads.

#include <netnotes/http/form.hpp>

#include "../catch.hpp"

#include <random>
#include <string>

namespace net = netnotes;
namespace http = netnotes::http;

namespace {

std::string shown(std::string_view text, http::form_limits limits = {}) {
    net::parse_failure why;
    const auto all = http::form::parse(text, why, limits);
    if (!all) return why.message();
    std::string result;
    for (const auto& each : *all) result += "[" + each.name + "|" + each.value + "]";
    return result;
}
std::string parts(std::string_view body, http::form_limits limits = {}) {
    net::parse_failure why;
    const auto all = http::parse_multipart(body, "XyZ", why, limits);
    if (!all) return why.message();
    std::string result;
    for (const auto& each : *all)
        result += "[" + each.name + "|" + each.file_name.value_or("-") + "|" + each.content_type + "|" +
                  std::string{each.body} + "]";
    return result;
}
/// A body with one part, whose head is given without its last line's end.
std::string one(std::string_view head, std::string_view bytes = "x") {
    return "--XyZ\r\n" + std::string{head} + "\r\n\r\n" + std::string{bytes} + "\r\n--XyZ--\r\n";
}
constexpr std::string_view named = "Content-Disposition: form-data; name=\"a\"";
std::string error_of(const http::set_cookie& cookie) {
    try {
        static_cast<void>(cookie.to_string());
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "(no error)";
}

}  // namespace

TEST_CASE("a query has names and values, decoded and in order") {
    CHECK(shown("") == "");
    CHECK(shown("a=1&b=2&a=3") == "[a|1][b|2][a|3]");
    CHECK(shown("city=New+York&q=1%2B1%3D2") == "[city|New York][q|1+1=2]");
    CHECK(shown("a&b=&=c&&d==e&") == "[a|][b|][|c][d|=e]");
    CHECK(shown("%e4%bd%a0=%E5%A5%BD") == "[\xe4\xbd\xa0|\xe5\xa5\xbd]");
    CHECK(shown("a=1;b=2") == "[a|1;b=2]");
    CHECK(shown("a=%00") == std::string{"[a|"} + '\0' + "]");

    net::parse_failure why;
    const auto form = http::form::parse("a=1&b=2&a=3", why).value();
    CHECK(form.get("a") == "1");
    CHECK_FALSE(form.get("A"));
    CHECK(form.get_all("a") == std::vector<std::string_view>{"1", "3"});
    CHECK(form.size() == 3);
}

TEST_CASE("a query that is damaged, or too long, is refused with the place") {
    CHECK(shown("a=%") == "behind a percent sign come two hexadecimal digits, at character 2");
    CHECK(shown("b=1&a=1%4") == "behind a percent sign come two hexadecimal digits, at character 7");
    CHECK(shown("a=%g0") == "behind a percent sign come two hexadecimal digits, at character 2");
    CHECK(shown("%+1=x") == "behind a percent sign come two hexadecimal digits, at character 0");
    http::form_limits limits;
    limits.max_fields = 2;
    CHECK(shown("a&b", limits) == "[a|][b|]");
    CHECK(shown("a&b&&", limits) == "[a|][b|]");
    CHECK(shown("a&b&c", limits) == "the form has too many fields, at character 4");
}

TEST_CASE("a form of any bytes is read again as it was written") {
    std::mt19937 random{27};
    for (int i = 0; i < 500; ++i) {
        http::form form;
        std::string wanted;
        for (unsigned n = random() % 4; n > 0; --n) {
            std::string name(random() % 6 + 1, '\0'), value(random() % 9, '\0');
            for (char& c : name) c = static_cast<char>(random());
            for (char& c : value) c = static_cast<char>(random());
            wanted += "[" + name + "|" + value + "]";
            form.add(name, value);
        }
        REQUIRE(shown(http::encode_form(form)) == wanted);
    }
    http::form form;
    form.add("a b", "1+1=2&\xc3\xa9*-._~");
    CHECK(http::encode_form(form) == "a+b=1%2B1%3D2%26%C3%A9*-._%7E");
}

TEST_CASE("a multipart body has fields and files, whose bytes are not copied") {
    const std::string body =
        "a preamble that is skipped\r\n"
        "--XyZ\r\n"
        "Content-Disposition: form-data; name=\"city\"\r\n"
        "\r\n"
        "New York\r\n"
        "--XyZ  \r\n"
        "content-type: image/png\r\n"
        "content-disposition: form-data; name=photo; filename=\"C:\\holiday\\a \\\"b\\\" %22c%22.png\"\r\n"
        "\r\n"
        "\r\n--Xy\r\n--\r\r\n"
        "--XyZ\r\n"
        "Content-Disposition: form-data; name=\"empty\"\r\n"
        "\r\n"
        "--XyZ--\r\n"
        "an epilogue";
    CHECK(parts(body) ==
          "[city|-|text/plain|New York][photo|a \"b\" \"c\".png|image/png|\r\n--Xy\r\n--\r]"
          "[empty|-|text/plain|]");
}

TEST_CASE("the bytes of a part are any bytes, and they lie in the body") {
    std::string bytes = "\r\n--Xy\r\n--\r\n-";
    bytes += '\0';
    bytes += "\r\n--XyY\r";
    const std::string body = one(named, bytes);
    net::parse_failure why;
    const auto all = http::parse_multipart(body, "XyZ", why).value();
    REQUIRE(all.size() == 1);
    CHECK(all[0].body == bytes);
    CHECK(all[0].body.data() == body.data() + body.find("\r\n\r\n") + 4);
    CHECK(parts("--XyZ--") == "");
    CHECK(parts(one(named, "")) == "[a|-|text/plain|]");
    CHECK(parts(one("Content-Disposition: form-data; name=\"a%0d%0Ab%25\"")) == "[a\r\nb%25|-|text/plain|x]");
    CHECK(parts(one("Content-Disposition: form-data; name=\"a\"; filename=\"../../etc/passwd\"")) ==
          "[a|passwd|text/plain|x]");
    CHECK(parts(one("Content-Disposition: form-data; name=\"a\"; filename=\"\"")) == "[a||text/plain|x]");
    for (const std::string_view folder : {"..", ".", "/", "a/..", "..\\..", "\\\\host\\share\\.."}) {
        CAPTURE(folder);
        CHECK(parts(one("Content-Disposition: form-data; name=\"a\"; filename=\"" + std::string{folder} + "\"")) ==
              "[a||text/plain|x]");
    }
    CHECK(parts(one("Content-Disposition: form-data; name=a; filename*=UTF-8''..%2Fb")) == "[a|-|text/plain|x]");
    CHECK(parts(one("Content-Disposition: form-data; name=a; filename=b; filename*=UTF-8''c")) == "[a|b|text/plain|x]");
    CHECK(parts(one("Content-Disposition: form-data; name=\"a[b][__proto__]\"")) == "[a[b][__proto__]|-|text/plain|x]");
}

TEST_CASE("a multipart body that is cut or damaged is refused with the place") {
    const std::string whole = one(named);
    for (std::size_t size = 0; size < whole.size() - 2; ++size) {  // the last CR LF may be missing
        CAPTURE(size);
        CHECK(parts(std::string_view{whole}.substr(0, size)).find("at character") != std::string::npos);
    }
    const auto refusal = [](std::string_view head) {
        const std::string text = parts(one(head));
        return text.substr(0, text.find(", at character"));
    };
    CHECK(refusal("Content-Type: a/b") == "a part has Content-Disposition: form-data; name=\"...\"");
    CHECK(refusal("Content-Disposition: attachment; name=\"a\"") ==
          "a part has Content-Disposition: form-data; name=\"...\"");
    for (const std::string_view bad :
         {"form-data", "form-data; name", "form-data; name=", "form-data; name=\"a", "form-data; name=a b",
          "form-data; name=\"a\" x", "form-data; name=\"a\"; name=\"b\"", "form-data; name=a; filename=b; filename=c",
          "form-data, name=\"a\""}) {
        CAPTURE(bad);
        CHECK(refusal("Content-Disposition: " + std::string{bad}) ==
              "a part has Content-Disposition: form-data; name=\"...\"");
    }
    const std::string begin = std::string{named} + "\r\n";
    CHECK(refusal(begin + std::string{named}) == "a part has one Content-Disposition");
    CHECK(refusal(begin + "Content-Type: a/b\r\nContent-Type: a/b") == "a part has one Content-Type");
    CHECK(refusal(begin + " folded") == "a line of a part's head is a name, a colon and a value");
    CHECK(refusal(begin + "X : y") == "a line of a part's head is a name, a colon and a value");
    CHECK(refusal(begin + "X: a\nb") == "a control character in the head of a part");
    CHECK(refusal(begin + "X: a\rb") == "a control character in the head of a part");
    CHECK(refusal(begin + "Content-Transfer-Encoding: base64") ==
          "an encoded part: only bytes as they are can be read");
    CHECK(parts("--XyZ\n") == "behind a boundary comes the end of the line, at character 5");
    CHECK(parts(one(named, "\r\n--XyZ1\r\n")) == "behind a boundary comes the end of the line, at character 58");
    // The last boundary ends its line, too: a reader that asks for less finds other parts than a reader that asks for it.
    CHECK(parts("--XyZ--more") == "behind a boundary comes the end of the line, at character 7");
    CHECK(parts("--XyZ--\n") == "behind a boundary comes the end of the line, at character 7");
    CHECK(parts(one(named, "\r\n--XyZ--x\r\n")) == "behind a boundary comes the end of the line, at character 60");
    CHECK(parts("--XyZ-- \t") == "");
    CHECK(parts("--XyZ-- \r\nmore") == "");
    CHECK(parts("nothing") == "the first boundary is missing, at character 7");
}

TEST_CASE("the bounds of a multipart body hold") {
    std::string many;
    for (int i = 0; i < 3; ++i) many += "--XyZ\r\n" + std::string{named} + "\r\n\r\nx\r\n";
    many += "--XyZ--";
    http::form_limits limits;
    limits.max_fields = 3;
    CHECK(parts(many, limits) == "[a|-|text/plain|x][a|-|text/plain|x][a|-|text/plain|x]");
    limits.max_fields = 2;
    CHECK(parts(many, limits).find("too many parts") != std::string::npos);
    limits.max_part_head = named.size() + 4;
    limits.max_fields = 10;
    CHECK(parts(one(named), limits) == "[a|-|text/plain|x]");
    --limits.max_part_head;
    CHECK(parts(one(named), limits).find("the head of a part is too long") != std::string::npos);
    std::string million;
    for (int i = 0; i < 1'000'000; ++i) million += "--XyZ\r\n" + std::string{named} + "\r\n\r\n\r\n";
    CHECK(parts(million + "--XyZ--").find("too many parts") != std::string::npos);
    const std::string endless = "--XyZ\r\nX: " + std::string(100'000, 'y');
    CHECK(parts(endless) == "the head of a part is too long, at character 4103");
}

TEST_CASE("a boundary is taken from a Content-Type that is valid") {
    CHECK(http::multipart_boundary("multipart/form-data; boundary=XyZ") == "XyZ");
    CHECK(http::multipart_boundary("Multipart/Form-Data;charset=utf-8; Boundary=\"a b:c\"") == "a b:c");
    for (const std::string_view bad :
         {"", "multipart/form-data", "multipart/mixed; boundary=a",
          "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"", "multipart/form-data; boundary=\"a ",
          "multipart/form-data; boundary=\"a \"", "multipart/form-data; boundary=a; boundary=a",
          "multipart/form-data boundary=a", "multipart/form-data; boundary=a b",
          "multipart/form-data; boundary=\"a\r\nb\"", "multipart/form-data; boundary=\"a@b\""}) {
        CAPTURE(bad);
        CHECK_FALSE(http::multipart_boundary(bad));
    }
    const std::string longest = "multipart/form-data; boundary=" + std::string(70, 'a');
    CHECK(http::multipart_boundary(longest).value().size() == 70);
    CHECK_FALSE(http::multipart_boundary(longest + "a"));
}

TEST_CASE("valid cookies are read, and others do not hide them") {
    const auto all = http::cookies::parse("a=1; b=\"two\";c=; a=2;  bad; d=x y; e=\x01; f(=1; g=a=b");
    std::string shown;
    for (const auto& each : all) shown += "[" + std::string{each.name} + "|" + std::string{each.value} + "]";
    CHECK(shown == "[a|1][b|two][c|][a|2][g|a=b]");
    CHECK(all.get("a") == "1");
    CHECK_FALSE(all.get("A"));
    CHECK(http::cookies::parse("").size() == 0);
    CHECK(http::cookies::parse(";;=;=x;").size() == 0);
    http::form_limits limits;
    limits.max_fields = 2;
    CHECK(http::cookies::parse("a=1; b=2; c=3", limits).size() == 2);
}

TEST_CASE("a cookie that is set is careful by default, and cannot break out of its field") {
    http::set_cookie cookie;
    cookie.name = "session";
    cookie.value = "1a2b";
    CHECK(cookie.to_string() == "session=1a2b; Path=/; HttpOnly; SameSite=Lax");
    cookie.max_age = std::chrono::hours{1};
    cookie.secure = true;
    cookie.http_only = false;
    cookie.domain = "example.org";
    cookie.same_site = http::same_site::none;
    CHECK(cookie.to_string() == "session=1a2b; Path=/; Domain=example.org; Max-Age=3600; Secure; SameSite=None");
    const auto with = [](auto change) {
        http::set_cookie changed;
        changed.name = "a";
        change(changed);
        return error_of(changed);
    };
    CHECK(with([](auto&) {}) == "(no error)");
    CHECK(with([](auto& c) { c.name = ""; }).find("is no token") != std::string::npos);
    CHECK(with([](auto& c) { c.name = "a=b"; }).find("is no token") != std::string::npos);
    CHECK(with([](auto& c) { c.value = "x; Secure"; }).find("needs encoding") != std::string::npos);
    CHECK(with([](auto& c) { c.value = "x\r\nX: y"; }).find("needs encoding") != std::string::npos);
    CHECK(with([](auto& c) { c.path = "/; Domain=x"; }).find("path or the domain") != std::string::npos);
    CHECK(with([](auto& c) { c.domain = "a\nb"; }).find("path or the domain") != std::string::npos);
    CHECK(with([](auto& c) { c.same_site = http::same_site::none; }).find("needs secure") != std::string::npos);
    CHECK(with([](auto& c) { c.name = "__Host-a"; }).find("promises secure") != std::string::npos);
    CHECK(with([](auto& c) { c.name = "__Secure-a"; }).find("promises secure") != std::string::npos);
    CHECK(with([](auto& c) { c.name = "__Host-a", c.secure = true; }) == "(no error)");
    CHECK(with([](auto& c) { c.name = "__host-a", c.secure = true, c.path = "/x"; }).find("promises the path") !=
          std::string::npos);
}

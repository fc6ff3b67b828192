// What http/file.hpp promises: no path leaves the folder, and a file is sent as its conditions and its range say.

#include <netnotes/http/file.hpp>

#include "../support.hpp"

#include <sys/stat.h>

namespace http = netnotes::http;
using http::file_lookup;
using support::temporary_folder;

namespace {

void write(const std::string& path, std::string_view text) { std::ofstream{path, std::ios::binary} << text; }

/// A folder with a public part, and secrets beside it. All ways to the secrets are in place.
struct site {
    site() {
        namespace fs = std::filesystem;
        root = folder.file("public");
        fs::create_directories(root + "/docs/deep");
        fs::create_directories(root + "/empty");
        fs::create_directories(root + "/.git");
        fs::create_directories(root + "/loop");
        fs::create_directories(folder.file("public-secret"));
        write(folder.file("secret.txt"), secret);
        write(folder.file("public-secret/a.txt"), secret);
        write(root + "/.git/config", secret);
        write(root + "/.env", secret);
        write(root + "/index.html", "home");
        write(root + "/a b.txt", "space");
        write(root + "/docs/index.html", "docs");
        write(root + "/docs/page.html", "page");
        write(root + "/docs/deep/x.css", "css");
        write(root + "/100%.txt", "percent");
        write(root + "/a\\b.txt", "backslash");
        write(root + "/\xe4\xbd\xa0.txt", "you");
        fs::create_symlink("../secret.txt", root + "/out.txt");
        fs::create_symlink(folder.file("secret.txt"), root + "/absolute.txt");
        fs::create_directory_symlink("..", root + "/up");
        fs::create_directory_symlink("/", root + "/slash");
        fs::create_directory_symlink("docs", root + "/inside");
        fs::create_symlink("../../secret.txt", root + "/docs/out.html");
        fs::create_symlink("/proc/self/environ", root + "/environ.txt");
        fs::create_symlink("/proc/self/cwd", root + "/cwd");
        fs::create_symlink("self", root + "/self");
        fs::create_symlink("docs/page.html", root + "/link.html");
        REQUIRE(::mkfifo((root + "/fifo").c_str(), 0600) == 0);
        fs::create_symlink("/dev/zero", root + "/zero");
    }
    static constexpr std::string_view secret = "the secret";
    temporary_folder folder;
    std::string root;
};

/// "200 page", "404", "301 /docs/"
std::string shown(const http::files& from, std::string_view path, std::string_view method = "GET",
                  http::fields fields = {}) {
    const http::request ask{method, path, std::move(fields)};
    const http::response answer = from.answer(ask);
    std::string text = std::to_string(answer.status.code());
    if (const auto where = answer.fields.find("Location")) text += " " + std::string{*where};
    if (answer.status.is_success()) text += " " + answer.body;
    return text;
}
http::fields one(std::string_view name, std::string_view value) {
    http::fields list;
    list.add(name, value);
    return list;
}

}  // namespace

TEST_CASE("a path is split, then decoded once") {
    CHECK(http::split_path("/") == "");
    CHECK(http::split_path("/a") == "a");
    CHECK(http::split_path("/a/") == "a/");
    CHECK(http::split_path("/a/b%20c%2b+") == "a/b c++");
    CHECK(http::split_path("/%252e%252e") == "%2e%2e");
    CHECK(http::split_path("/a..b/c.") == "a..b/c.");
    for (const std::string_view bad :
         {"",       "a",       "//",     "//a",  "/a//b",     "/a//", "/.",       "/..",     "/../",
          "/a/..",  "/a/../b", "/a/./b", "/.a",  "/a/.b/c",   "/%2e", "/%2E%2e/", "/.%2e/a", "/a%2fb",
          "/a%2Fb", "/%2f",    "/a%00",  "/%00", "/a%00.png", "/%",   "/%4",      "/%zz",    "/a/%2e%2e"}) {
        CAPTURE(bad);
        CHECK_FALSE(http::split_path(bad));
    }
    CHECK(http::split_path("/" + std::string(4094, 'a')));
    CHECK_FALSE(http::split_path("/" + std::string(4095, 'a')));
}

TEST_CASE("no path leaves the folder, whatever it looks like") {
    const site here;
    constexpr std::string_view tricks[] = {
        // dots, encoded in every way
        "/../secret.txt",
        "/..",
        "/../",
        "/../../etc/passwd",
        "/docs/../../secret.txt",
        "/docs/../index.html",
        "/./index.html",
        "/docs/./page.html",
        "/docs/..",
        "/docs/.",
        "/%2e%2e/secret.txt",
        "/%2E%2E/secret.txt",
        "/.%2e/secret.txt",
        "/%2e./secret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/docs%2f..%2f..%2fsecret.txt",
        "/docs/%2e%2e/%2e%2e/secret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..%252fsecret.txt",
        "/.../secret.txt",
        "/..../secret.txt",
        "/..;/secret.txt",
        "/..%3b/secret.txt",
        "/..%00/secret.txt",
        "/..%0d%0a/secret.txt",
        "/..%09/secret.txt",
        "/%20../secret.txt",
        "/..%20/secret.txt",
        // other alphabets: overlong UTF-8, fullwidth dots, %u
        "/%c0%ae%c0%ae/secret.txt",
        "/%c0%ae%c0%ae%c0%afsecret.txt",
        "/%e0%80%ae%e0%80%ae/secret.txt",
        "/%ef%bc%8e%ef%bc%8e/secret.txt",
        "/..%c0%afsecret.txt",
        "/..%c1%9csecret.txt",
        "/..%ef%bc%8fsecret.txt",
        // backslashes, drives, streams
        "/..%5csecret.txt",
        "/..%5c..%5csecret.txt",
        "/%5c..%5csecret.txt",
        "/c:/secret.txt",
        "/index.html::$DATA",
        "/index.html:secret",
        // slashes in excess
        "//secret.txt",
        "//etc/passwd",
        "///etc/passwd",
        "/docs//page.html",
        "//docs/../secret.txt",
        "/index.html/",
        "/index.html/..",
        "/index.html/x",
        "/%2fetc%2fpasswd",
        "/%2e/index.html",
        // NUL, and names that end elsewhere for C
        "/index.html%00",
        "/index.html%00.png",
        "/%00index.html",
        "/docs%00/page.html",
        "/index.html%20",
        "/index.html.",
        "/index.html%0a",
        "/index.html~",
        "/index.html;.txt",
        // hidden files
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/%2egit/config",
        "/.git",
        "/.git/",
        "/docs/.hidden",
        // links that lead out, and things that are no files
        "/out.txt",
        "/absolute.txt",
        "/up/secret.txt",
        "/up/",
        "/up",
        "/up/public/index.html",
        "/slash/etc/passwd",
        "/docs/out.html",
        "/environ.txt",
        "/cwd",
        "/cwd/",
        "/self",
        "/self/",
        "/fifo",
        "/zero",
        "/up/up/up/etc/passwd",
        // beside the folder, whose name begins with the same letters
        "/../public-secret/a.txt",
        "/..public-secret/a.txt",
        "-secret/a.txt",
        "/../public/index.html",
        // not there, too long, no index
        "/nothing",
        "/docs/nothing/page.html",
        "/empty/",
        "/INDEX.HTML",
    };
    static_assert(std::size(tricks) >= 60);
    for (const file_lookup how : {file_lookup::by_kernel, file_lookup::without_links}) {
        const http::files from{here.root, how};
        for (const std::string_view trick : tricks) {
            CAPTURE(trick, static_cast<int>(how));
            std::error_code error;
            const http::opened_file file = from.open(trick, error);
            net::parse_failure why;
            if (!http::target::parse(trick, why)) {  // a server would not even have called us
                CHECK_FALSE(file.is_open());
                continue;
            }
            // The answer is 404. A link to a folder inside may be followed, so only the text is looked at there.
            const std::string answer = shown(from, trick);
            CHECK(answer == "404");
        }
        const std::string longest = "/" + std::string(255, 'a'), deep = [] {
            std::string text;
            for (int i = 0; i < 600; ++i) text += "/loop";
            return text;
        }();
        CHECK(shown(from, longest) == "404");
        CHECK(shown(from, longest + "a") == "404");
        CHECK(shown(from, deep) == "404");
    }
}

TEST_CASE("files and folders are found by their path") {
    const site here;
    for (const file_lookup how : {file_lookup::by_kernel, file_lookup::without_links}) {
        CAPTURE(static_cast<int>(how));
        const http::files from{here.root, how};
        CHECK(shown(from, "/") == "200 home");
        CHECK(shown(from, "/index.html") == "200 home");
        CHECK(shown(from, "/index.html?v=2") == "200 home");
        CHECK(shown(from, "http://example.com/index.html") == "200 home");
        CHECK(shown(from, "/a%20b.txt") == "200 space");
        CHECK(shown(from, "/100%25.txt") == "200 percent");
        CHECK(shown(from, "/a%5Cb.txt") == "200 backslash");
        CHECK(shown(from, "/%e4%bd%a0.txt") == "200 you");
        CHECK(shown(from, "/docs/") == "200 docs");
        CHECK(shown(from, "/docs/deep/x.css") == "200 css");
        CHECK(shown(from, "/docs") == "301 /docs/");
        CHECK(shown(from, "/docs?a=1") == "301 /docs/?a=1");
        CHECK(shown(from, "/index.html", "HEAD") == "200 home");  // the server leaves the body out
        CHECK(shown(from, "/index.html", "POST") == "405");
        CHECK(shown(from, "/", "OPTIONS") == "405");
        // A link inside the folder is followed by the kernel, and by the other way not.
        const bool follows = how == file_lookup::by_kernel && ::access("/proc/self", F_OK) == 0;
        const std::string there = shown(from, "/link.html");
        if (follows)
            CHECK((there == "200 page" || there == "404"));  // 404: the kernel does not know openat2(2)
        else
            CHECK(there == "404");
        // A handler may take a prefix away. The redirect then still belongs to the request.
        const http::request below{"GET", "/static/docs"};
        CHECK(from.answer(below, "/docs").fields.find("Location") == "/static/docs/");
        const http::request elsewhere{"GET", "//evil.example/docs"};
        CHECK(from.answer(elsewhere, "/docs").fields.find("Location") == "/evil.example/docs/");
        const http::request home{"GET", "/"};  // a redirect to "//" would be wrong, and to "/" endless
        CHECK(from.answer(home, "/docs").status == 200);
        for (const std::string_view host : {"/\\evil.example", "/\\/evil.example", "//\\evil.example"}) {
            const http::request backslash{"GET", host};
            CHECK(from.answer(backslash, "/docs").fields.find("Location") == "/evil.example/");
        }
    }
    CHECK(support::failure_of([] { http::files{"/nowhere/at/all"}; }).code == std::errc::no_such_file_or_directory);
    CHECK(support::failure_of([] { http::files{"/dev/null"}; }).code == std::errc::not_a_directory);
}

TEST_CASE("opening files leaks no descriptor") {
    const site here;
    const auto before = support::open_descriptors();
    {
        const http::files from{here.root, file_lookup::without_links};
        for (const std::string_view path : {"/docs/deep/x.css", "/docs/nothing/x", "/fifo", "/docs", "/up/secret.txt"})
            static_cast<void>(shown(from, path));
        http::files moved{here.root};
        moved = http::files{here.root};
        const http::files last{std::move(moved)};
        CHECK(shown(last, "/docs/page.html") == "200 page");
    }
    CHECK(support::open_descriptors() == before);
}

TEST_CASE("a response names the type, the version and the size of the file") {
    const site here;
    const http::files from{here.root};
    const http::request ask{"GET", "/docs/deep/x.css"};
    const http::response answer = from.answer(ask);
    CHECK(answer.fields.find("Content-Type") == "text/css; charset=utf-8");
    CHECK(answer.fields.find("X-Content-Type-Options") == "nosniff");
    CHECK(answer.fields.find("Accept-Ranges") == "bytes");
    const std::string tag{answer.fields.find("ETag").value()}, date{answer.fields.find("Last-Modified").value()};
    CHECK(http::read_date(date));
    CHECK(shown(from, "/docs/deep/x.css", "GET", one("If-None-Match", tag)) == "304");
    CHECK(shown(from, "/docs/deep/x.css", "GET", one("If-Modified-Since", date)) == "304");
    CHECK(shown(from, "/docs/deep/x.css", "GET", one("If-None-Match", "\"another\"")) == "200 css");
    http::fields two = one("If-None-Match", "\"another\"");
    two.add("If-None-Match", tag);
    CHECK(shown(from, "/docs/deep/x.css", "GET", two) == "304");
    CHECK(shown(from, "/docs/deep/x.css", "GET", one("Range", "bytes=1-")) == "206 ss");
    CHECK(shown(from, "/docs/deep/x.css", "HEAD", one("Range", "bytes=1-")) == "200 css");
    CHECK(shown(from, "/docs/deep/x.css", "GET", one("Range", "bytes=3-")) == "416");
    http::fields ranges = one("Range", "bytes=0-0");
    ranges.add("Range", "bytes=2-2");
    CHECK(shown(from, "/docs/deep/x.css", "GET", ranges) == "200 css");
    const http::request part{"GET", "/docs/deep/x.css", one("Range", "bytes=-2")};
    CHECK(from.answer(part).fields.find("Content-Range") == "bytes 1-2/3");
    const http::request beyond{"GET", "/docs/deep/x.css", one("Range", "bytes=9-")};
    CHECK(from.answer(beyond).fields.find("Content-Range") == "bytes */3");

    write(here.root + "/docs/deep/x.css", "other");  // another size, so another tag even in the same tick
    CHECK(shown(from, "/docs/deep/x.css", "GET", one("If-None-Match", tag)) == "200 other");
    http::fields resumed = one("Range", "bytes=1-");
    resumed.add("If-Range", tag);
    CHECK(shown(from, "/docs/deep/x.css", "GET", resumed) == "200 other");
    CHECK(shown(from, "/docs/deep/x.css", "GET", one("If-Match", tag)) == "412");
}

TEST_CASE("a long file is not read before it is sent") {
    const site here;
    const http::files from{here.root};
    const std::string bytes = support::pattern(40'000);
    write(here.root + "/long.bin", bytes);
    const http::request ask{"GET", "/long.bin", one("Range", "bytes=100-")};
    const http::response answer = from.answer(ask);
    CHECK(answer.status.code() == 206);
    CHECK(answer.body.empty());
    CHECK(answer.fields.find("Content-Type") == "application/octet-stream");
    const auto* const body = dynamic_cast<const http::file_body*>(answer.source.get());
    REQUIRE(body);
    CHECK(body->size() == 39'900);
    CHECK(body->bytes() == http::byte_range{100, 39'900});
}

TEST_CASE("a range is one part, everything, or unsatisfiable") {
    const auto shown = [](std::string_view value, std::uint64_t size = 10) -> std::string {
        http::byte_range part;
        switch (http::parse_range(value, size, part)) {
            case http::range_kind::whole: return "whole";
            case http::range_kind::unsatisfiable: return "unsatisfiable";
            case http::range_kind::part: break;
        }
        return std::to_string(part.first) + "+" + std::to_string(part.count);
    };
    CHECK(shown("bytes=0-") == "0+10");
    CHECK(shown("bytes=0-0") == "0+1");
    CHECK(shown("bytes=2-4") == "2+3");
    CHECK(shown("Bytes= 2-4 ") == "2+3");
    CHECK(shown("bytes=9-9") == "9+1");
    CHECK(shown("bytes=9-10") == "9+1");
    CHECK(shown("bytes=0-99999999999999999999999") == "0+10");
    CHECK(shown("bytes=0-18446744073709551615") == "0+10");
    CHECK(shown("bytes=-1") == "9+1");
    CHECK(shown("bytes=-10") == "0+10");
    CHECK(shown("bytes=-11") == "0+10");
    CHECK(shown("bytes=-99999999999999999999999") == "0+10");
    for (const std::string_view behind : {"bytes=10-", "bytes=10-10", "bytes=18446744073709551615-",
                                          "bytes=99999999999999999999-99999999999999999999", "bytes=-0"})
        CHECK(shown(behind) == "unsatisfiable");
    CHECK(shown("bytes=0-", 0) == "unsatisfiable");
    CHECK(shown("bytes=-5", 0) == "unsatisfiable");
    for (const std::string_view ignored :
         {"", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=4-2", "bytes=a-b", "bytes=1-b", "bytes=+1-2",
          "bytes=1- 2", "bytes=0x1-", "bytes=--5", "bytes=1-2-3", "bytes=0-1,3-4", "bytes=0-1,", "lines=0-1",
          "bytes =0-1", "bytes:0-1"}) {
        CAPTURE(ignored);
        CHECK(shown(ignored) == "whole");
    }
}

TEST_CASE("conditions are decided in the order of RFC 9110 section 13.2.2") {
    const auto at = [](int seconds) { return http::time_point{std::chrono::seconds{seconds}}; };
    const http::file_facts file{100, at(1'000'000'000), 5};
    const std::string tag = http::entity_tag(file), weak = "W/" + tag;
    CHECK(tag == "\"3b9aca00.5-64\"");
    const std::string same = http::write_date(at(1'000'000'000)), before = http::write_date(at(999'999'999)),
                      after = http::write_date(at(1'000'000'001));
    using conditions = http::file_conditions;
    const auto status = [&](const conditions& asked, http::method what = http::method::get) {
        return http::decide_file(what, asked, file).status;
    };
    CHECK(status({}) == 200);
    // If-None-Match: weak comparison
    for (const std::string& list :
         {tag, weak, "\"x\", " + tag, " , " + weak + " ,\"y\"", "\"a,b\"," + tag, std::string{"*"}})
        CHECK(status({.if_none_match = list}) == 304);
    for (const std::string& list : {std::string{"\"x\""}, std::string{"x"}, tag.substr(1), "\"" + tag,
                                    std::string{"W/"}, std::string{"\"unclosed"}, "x, " + tag})
        CHECK(status({.if_none_match = list}) == 200);
    // If-Match: strong comparison
    CHECK(status({.if_match = tag}) == 200);
    CHECK(status({.if_match = "*"}) == 200);
    CHECK(status({.if_match = weak}) == 412);
    CHECK(status({.if_match = "\"x\""}) == 412);
    // dates
    CHECK(status({.if_modified_since = same}) == 304);
    CHECK(status({.if_modified_since = after}) == 304);
    CHECK(status({.if_modified_since = before}) == 200);
    CHECK(status({.if_modified_since = "yesterday"}) == 200);
    CHECK(status({.if_unmodified_since = same}) == 200);
    CHECK(status({.if_unmodified_since = before}) == 412);
    CHECK(status({.if_unmodified_since = "yesterday"}) == 200);
    // which comes first
    CHECK(status({.if_none_match = "\"x\"", .if_modified_since = same}) == 200);
    CHECK(status({.if_none_match = tag, .if_modified_since = before}) == 304);
    CHECK(status({.if_match = tag, .if_unmodified_since = before}) == 200);
    CHECK(status({.if_match = "\"x\"", .if_none_match = tag}) == 412);
    CHECK(status({.if_none_match = tag, .range = "bytes=0-"}) == 304);
    CHECK(status({.if_match = "\"x\"", .range = "bytes=0-"}) == 412);
    // ranges
    CHECK(status({.range = "bytes=0-9"}) == 206);
    CHECK(status({.range = "bytes=100-"}) == 416);
    CHECK(status({.range = "bytes=0-1,5-6"}) == 200);
    CHECK(status({.range = "bytes=0-9"}, http::method::head) == 200);
    CHECK(http::decide_file(http::method::get, {.range = "bytes=-7"}, file).bytes == http::byte_range{93, 7});
    for (const std::string& valid : {tag, same}) CHECK(status({.range = "bytes=0-9", .if_range = valid}) == 206);
    for (const std::string& other : {weak, std::string{"\"x\""}, before, after, std::string{"nonsense"}})
        CHECK(status({.range = "bytes=100-", .if_range = other}) == 200);
    CHECK(status({.if_range = "\"x\""}) == 200);
    // another version
    CHECK(http::entity_tag({100, at(1'000'000'000), 6}) != tag);
    CHECK(http::entity_tag({101, at(1'000'000'000), 5}) != tag);
    CHECK(http::entity_tag({100, at(1'000'000'001), 5}) != tag);
}

TEST_CASE("a file that was changed in the future is sent with the present time") {
    const site pages;
    const http::files from{pages.root};
    const std::string path = pages.root + "/index.html";
    const std::time_t tomorrow = std::time(nullptr) + 86'400;
    const timespec future[2]{{tomorrow, 0}, {tomorrow, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), future, 0) == 0);
    const http::request ask{"GET", "/index.html"};
    const auto seconds = [] { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); };
    const http::time_point before = seconds();
    const http::response answer = from.answer(ask);
    const auto modified = http::read_date(answer.fields.find("Last-Modified").value_or(""));
    REQUIRE(modified);
    CHECK(*modified >= before);
    CHECK(*modified <= seconds());
}

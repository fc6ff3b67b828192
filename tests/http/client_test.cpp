// What http/client.hpp and http/url.hpp promise: pages, connections that are used again, one deadline, and clear errors.

#include <netnotes/coro/group.hpp>
#include <netnotes/coro/serve.hpp>
#include <netnotes/http/client.hpp>
#include <netnotes/http/download.hpp>
#include <netnotes/http/server.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace http = netnotes::http;
using namespace std::chrono_literals;

namespace {

/// Runs `client(where)` beside a server, in one loop.
template <class Client>
void beside(net::task<> (*serving)(net::tcp_listener), Client client) {
    test_loop loop;
    const auto both = [&]() -> net::task<> {
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        const net::endpoint where = listener.local_endpoint();
        auto server = net::spawn(serving(std::move(listener)));
        co_await client("http://" + where.to_string());
        server.cancel();
        try {
            co_await server.join();
        } catch (const std::system_error&) {  // the cancellation
        }
    };
    loop.run(both());
}

std::size_t connections = 0;  // to the servers below

net::task<http::response> answer(http::request& ask) {
    const std::string body = co_await ask.text();
    if (ask.path() == "/to") co_return http::redirect("/there?x=1", http::status::found);
    if (ask.path() == "/keep") co_return http::redirect("there", http::status::temporary_redirect);
    if (ask.path() == "/loop") co_return http::redirect("/loop");
    if (ask.path() == "/tls") co_return http::redirect("https://example.com/");
    if (ask.path() == "/slow") co_await net::sleep_for(10min);
    if (ask.path() == "/big") co_return http::response{200, std::string(100'000, 'x')};
    std::string said{ask.method_name()};
    said += " " + ask.target().text() + " " + body;
    co_return http::response{ask.path() == "/nothing" ? 404 : 200, said};
}
net::task<> web_server(net::tcp_listener listener) {
    connections = 0;
    const auto talk = [](net::async_stream stream) {
        ++connections;
        return http::converse(std::move(stream), answer);
    };
    co_await net::serve(std::move(listener), talk);
}

/// Answers each request (they have no body) with the next of these texts; an empty one closes the connection.
std::vector<std::string> scripted;
net::task<> say_next(net::async_stream stream) {
    ++connections;
    std::string heard;
    for (;;) {
        const auto bytes = co_await stream.recv();
        if (bytes.empty()) co_return;
        heard += net::as_text(bytes);
        if (!heard.ends_with("\r\n\r\n")) continue;
        heard.clear();
        if (scripted.empty()) co_return;
        const std::string text = scripted.front();
        scripted.erase(scripted.begin());
        if (text.empty()) co_return;
        co_await stream.send_all(text);
        if (text.ends_with("(end)")) co_return;
    }
}
net::task<> scripted_server(net::tcp_listener listener) {
    connections = 0;
    co_await net::serve(std::move(listener), say_next);
}
net::task<std::string> shown(http::client& from, std::string where) {
    std::string text;
    try {
        const http::response page = co_await from.get(std::move(where));
        text = std::to_string(page.status.code()) + " " + page.body;
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}
net::task<std::string> shown(http::client& from, std::string method, std::string where, std::string body) {
    http::url place = http::url::parse(where);
    http::request ask{method, "/", {}, std::move(body)};
    const http::response page = co_await from.send(std::move(ask), std::move(place));
    co_return std::to_string(page.status.code()) + " " + page.body;
}

}  // namespace

TEST_CASE("a URL has a host, a port and a target") {
    const auto shown = [](std::string_view text) {
        net::parse_failure why;
        const auto read = http::url::parse(text, why);
        return read ? read->host + "|" + std::to_string(read->port) + "|" + read->target : why.message();
    };
    CHECK(shown("http://example.com") == "example.com|80|/");
    CHECK(shown("HTTP://Example.COM:8000/a%20b?q=1#top") == "example.com|8000|/a%20b?q=1");
    CHECK(shown("http://[2001:db8::1]:81/x") == "2001:db8::1|81|/x");
    CHECK(shown("http://192.0.2.1?q") == "192.0.2.1|80|/?q");
    CHECK(shown("http://a:/") == "a|80|/");
    CHECK(shown("https://example.com/").starts_with("https needs TLS, which this client does not have: let nginx speak it"));
    for (const std::string_view bad :
         {"", "example.com", "/a", "ftp://a/", "http:/a", "http://", "http:///a", "http://:80/", "http://a:0/", "http://a:65536/",
          "http://a:b/", "http://a:+80/", "http://good.com@evil.com/", "http://a\\b/", "http://a b/", "http://a/b c",
          "http://a/\xc3\xa9", "http://a/%zz", "http://a/%00", "http://a%2eb/", "http://[::1/", "http://a\r\nHost: b/"}) {
        CAPTURE(bad);
        net::parse_failure why;
        CHECK_FALSE(http::url::parse(bad, why));
    }
    CHECK_THROWS_AS(http::url::parse("nonsense"), net::parse_error);
    CHECK(http::url::parse("http://[::1]:8000/a?b").to_string() == "http://[::1]:8000/a?b");
}

TEST_CASE("a reference is resolved as RFC 3986 section 5.4 shows") {
    const http::url base = http::url::parse("http://a/b/c/d;p?q");
    const auto shown = [&](std::string_view reference) {
        net::parse_failure why;
        const auto read = base.resolve(reference, why);
        return read ? read->to_string() : why.message();
    };
    CHECK(shown("g") == "http://a/b/c/g");
    CHECK(shown("./g") == "http://a/b/c/g");
    CHECK(shown("g/") == "http://a/b/c/g/");
    CHECK(shown("/g") == "http://a/g");
    CHECK(shown("//g") == "http://g/");
    CHECK(shown("//g:81/x") == "http://g:81/x");
    CHECK(shown("?y") == "http://a/b/c/d;p?y");
    CHECK(shown("g?y") == "http://a/b/c/g?y");
    CHECK(shown("g?y/./x") == "http://a/b/c/g?y/./x");
    CHECK(shown("#s") == "http://a/b/c/d;p?q");
    CHECK(shown("") == "http://a/b/c/d;p?q");
    CHECK(shown(".") == "http://a/b/c/");
    CHECK(shown("..") == "http://a/b/");
    CHECK(shown("../g") == "http://a/b/g");
    CHECK(shown("../..") == "http://a/");
    CHECK(shown("../../../g") == "http://a/g");
    CHECK(shown("/./g") == "http://a/g");
    CHECK(shown("/../g") == "http://a/g");
    CHECK(shown("g.") == "http://a/b/c/g.");
    CHECK(shown("..g") == "http://a/b/c/..g");
    CHECK(shown("./g/../h") == "http://a/b/c/h");
    CHECK(shown("http://x/y") == "http://x/y");
    CHECK(shown("https://x/y").starts_with("https needs TLS"));
    CHECK(shown("javascript:alert(1)") == "a URL begins with http://, at character 0");
}

TEST_CASE("one client asks often over one connection") {
    const auto check = [](std::string root) -> net::task<> {
        http::client browser;
        for (int i = 0; i < 5; ++i) {
            const std::string page = co_await shown(browser, root + "/a?" + std::to_string(i));
            CHECK(page == "200 GET /a?" + std::to_string(i) + " ");
        }
        const std::string missing = co_await shown(browser, root + "/nothing");
        CHECK(missing == "404 GET /nothing ");
        const std::string posted = co_await shown(browser, "POST", root + "/form", "x=1");
        CHECK(posted == "200 POST /form x=1");
        const std::string head = co_await shown(browser, "HEAD", root + "/big", "");
        CHECK(head == "200 ");
        CHECK(connections == 1);
        CHECK(browser.idle() == 1);
        CHECK(browser.busy() == 0);
        const http::response once = co_await http::get(root + "/big");
        CHECK(once.body.size() == 100'000);
        CHECK(connections == 2);
    };
    beside(web_server, check);
}

TEST_CASE("requests run at once, as far as the pool allows it") {
    for (const std::size_t most : {3U, 100U}) {
        const auto check = [most](std::string root) -> net::task<> {
            http::client_options options;
            options.max_per_host = most;
            http::client browser{options};
            int right = 0;
            std::size_t busiest = 0;
            const auto fetch = [&](int i) -> net::task<> {
                const std::string path = "/" + std::to_string(i);
                const std::string page = co_await shown(browser, root + path);
                right += page == "200 GET " + path + " ";
                busiest = std::max(busiest, browser.busy());
            };
            const auto all = [&](net::task_group& group) -> net::task<> {
                for (int i = 0; i < 20; ++i) group.spawn(fetch(i));
                co_return;
            };
            co_await net::with_group(all);
            CHECK(right == 20);
            CHECK(connections == std::min<std::size_t>(most, 20));
            CHECK(busiest <= most);
        };
        beside(web_server, check);
    }
}

TEST_CASE("a request that is cancelled just when its turn has come leaves the place to the next") {
    beside(web_server, [](std::string where) -> net::task<> {
        http::client_options options;
        options.max_per_host = 1;
        http::client browser{options};
        http::url place = http::url::parse(where + "/big");
        http::request ask{"GET", "/"};
        http::response first = co_await browser.open(std::move(ask), place);
        std::vector<net::join_handle<std::string>> waiting;
        for (int i = 0; i < 3; ++i) waiting.push_back(net::spawn(shown(browser, where + "/a")));
        co_await net::yield();
        CHECK(browser.busy() == 1);
        first = {};  // the connection is closed, and the first of them may go on
        waiting[0].cancel();
        for (std::size_t i = 1; i < 3; ++i) {
            const std::string page = co_await waiting[i].join();
            CHECK(page == "200 GET /a ");
        }
        CHECK(browser.busy() == 0);
    });
}

TEST_CASE("the request that waits gets the place in the pool, and not the request that has just left it") {
    beside(web_server, [](std::string where) -> net::task<> {
        http::client_options options;
        options.max_connections = 1;
        http::client browser{options};
        http::url place = http::url::parse(where + "/big");
        http::request ask{"GET", "/"};
        http::response first = co_await browser.open(std::move(ask), place);
        net::join_handle<std::string> waiting = net::spawn(shown(browser, where + "/waits"));
        co_await net::yield();
        first = {};
        const std::string again = co_await shown(browser, where + "/again");  // asks in the same turn
        CHECK(again == "200 GET /again ");
        CHECK(waiting.has_ended());
        const std::string page = co_await waiting.join();
        CHECK(page == "200 GET /waits ");
        CHECK(browser.busy() == 0);
    });
}

TEST_CASE("each request of a client can be the main task of a loop") {
    test_loop loop;
    const net::tcp_listener silent{{net::ipv4_address::loopback(), 0}};
    const std::string where = "http://" + silent.local_endpoint().to_string();
    http::client_options options;
    options.timeout = 1ms;
    http::client browser{options};
    const auto times_out = [&](net::task<http::response> ask) {
        try {
            loop.run(std::move(ask));
        } catch (const std::system_error& error) {
            return error.code() == std::errc::timed_out;
        }
        return false;
    };
    CHECK(times_out(browser.open({"GET", "/"}, http::url::parse(where))));
    CHECK(times_out(browser.open(where)));
    CHECK(times_out(browser.send({"GET", "/"}, http::url::parse(where))));
    CHECK(times_out(browser.get(where)));
}

TEST_CASE("a URL may be put together in the call") {
    // With g++ 12 an aggregate in its place was destroyed twice. The target is long, so that it needs the heap.
    beside(web_server, [](std::string where) -> net::task<> {
        const std::uint16_t port = http::url::parse(where).port;
        http::client browser;
        for (int i = 0; i < 3; ++i) {
            http::request ask{"GET", "/"};
            const http::response page = co_await browser.send(
                std::move(ask), http::url{"127.0.0.1", port, "/a-long-target-that-needs-the-heap-0123456789"});
            CHECK(page.body == "GET /a-long-target-that-needs-the-heap-0123456789 ");
        }
        http::request last{"GET", "/"};
        const http::response root = co_await browser.send(std::move(last), {"127.0.0.1", port});
        CHECK(root.body == "GET / ");
    });
}

namespace {

/// Answers before the body has come, and closes.
net::task<> refuse_early(net::async_stream stream) {
    co_await stream.recv();
    co_await stream.send_all("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo long");
}
net::task<> refusing_server(net::tcp_listener listener) { co_await net::serve(std::move(listener), refuse_early); }

/// Sends each byte of a body back as soon as it comes, and does not read on before it is taken.
net::task<> echo_long(net::async_stream client) {
    std::string head;
    while (head.find("\r\n\r\n") == head.npos) {
        const auto bytes = co_await client.recv();
        if (bytes.empty()) co_return;
        head += net::as_text(bytes);
    }
    const std::size_t end = head.find("\r\n\r\n") + 4, at = head.find("Content-Length: ") + 16;
    std::size_t left = std::stoul(head.substr(at));
    const std::string begin = "HTTP/1.1 200 OK\r\n" + head.substr(at - 16, head.find("\r\n", at) + 2 - (at - 16)) + "\r\n";
    co_await client.send_all(begin + head.substr(end));
    left -= head.size() - end;
    while (left > 0) {
        const auto bytes = co_await client.recv();
        if (bytes.empty()) break;
        left -= bytes.size();
        co_await client.send_all(bytes);
    }
}
net::task<> echoing_server(net::tcp_listener listener) { co_await net::serve(std::move(listener), echo_long); }

}  // namespace

TEST_CASE("a server that answers while the request is on its way is read meanwhile") {
    beside(echoing_server, [](std::string where) -> net::task<> {
        http::client browser;
        const std::string body(12'000'000, 'x');  // more than all buffers between the two hold
        const std::string page = co_await shown(browser, "POST", where + "/", body);
        CHECK(page == "200 " + body);
        http::client_options few;
        few.max_body = 100'000;
        http::client small{few};
        std::error_code why;
        try {
            static_cast<void>(co_await shown(small, "POST", where + "/", body));
        } catch (const std::system_error& error) {
            why = error.code();
        }
        CHECK(why == std::errc::message_size);
        CHECK(small.busy() == 0);
    });
}

TEST_CASE("an answer that comes before the request is sent is not lost") {
    beside(refusing_server, [](std::string where) -> net::task<> {
        http::client browser;
        for (int i = 0; i < 5; ++i) {
            const std::string page = co_await shown(browser, "POST", where + "/", std::string(8'000'000, 'x'));
            CHECK(page == "413 too long");
        }
        CHECK(browser.idle() == 0);
    });
}

TEST_CASE("a redirect is returned, or followed if the options allow it") {
    const auto check = [](std::string root) -> net::task<> {
        http::client plain;
        const std::string returned = co_await shown(plain, root + "/to");
        CHECK(returned == "302 ");
        http::client_options options;
        options.max_redirects = 3;
        http::client follows{options};
        const std::string page = co_await shown(follows, root + "/to");
        CHECK(page == "200 GET /there?x=1 ");
        const std::string becomes_get = co_await shown(follows, "POST", root + "/to", "body");
        CHECK(becomes_get == "200 GET /there?x=1 ");
        const std::string stays_post = co_await shown(follows, "POST", root + "/keep", "body");
        CHECK(stays_post == "200 POST /there body");
        const std::string loop = co_await shown(follows, root + "/loop");
        CHECK(loop.find("too many redirects, now to \"/loop\"") != std::string::npos);
        const std::string tls = co_await shown(follows, root + "/tls");
        CHECK(tls.find("https needs TLS") != std::string::npos);
        CHECK(follows.busy() == 0);
    };
    beside(web_server, check);
}

TEST_CASE("a body is streamed, and a response that is destroyed early closes its connection") {
    const auto check = [](std::string root) -> net::task<> {
        http::client browser;
        http::url place = http::url::parse(root + "/big");
        http::request ask;
        http::response page = co_await browser.open(std::move(ask), place);
        REQUIRE(page.source);
        CHECK(page.source->size() == 100'000);
        CHECK(browser.busy() == 1);
        std::size_t size = 0;
        for (;;) {
            const auto piece = co_await page.source->next();
            if (piece.empty()) break;
            size += piece.size();
        }
        CHECK(size == 100'000);
        CHECK(browser.idle() == 1);
        http::request second;
        http::response early = co_await browser.open(std::move(second), place);
        early.source.reset();
        CHECK(browser.idle() + browser.busy() == 0);
        http::client_options options;
        options.max_body = 99'999;
        http::client small{options};
        const std::string refused = co_await shown(small, place.to_string());
        CHECK(refused.find("has more than 99999 bytes") != std::string::npos);
        CHECK(small.idle() + small.busy() == 0);
    };
    beside(web_server, check);
}

TEST_CASE("a page that is streamed and a text that is posted need no request made by hand") {
    const auto check = [](std::string root) -> net::task<> {
        http::client browser;
        http::response page = co_await browser.open(root + "/big");
        REQUIRE(page.source);
        CHECK(page.source->size() == 100'000);
        page.source.reset();
        const http::response reply = co_await browser.post(root + "/?a=1", "{}", "application/json");
        CHECK(reply.body == "POST /?a=1 {}");
        CHECK(reply.field("content-type") == "text/plain; charset=utf-8");
        CHECK_FALSE(reply.field("Location"));
        CHECK(browser.busy() == 0);
    };
    beside(web_server, check);
}

TEST_CASE("a file that is downloaded is whole, or stays as it was") {
    const support::temporary_folder folder;
    const std::string path = folder.file("a.txt");
    const auto content = [&] {
        std::ifstream file{path};
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    const auto has_open_file = [&] {
        for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
            std::error_code gone;
            if (std::filesystem::read_symlink(each.path(), gone).string().starts_with(folder.file(""))) return true;
        }
        return false;
    };
    const auto saves = [&](http::client& browser, std::string where, std::string to) -> net::task<std::string> {
        std::string text;
        try {
            const http::response reply = co_await http::download(browser, std::move(where), std::move(to));
            text = reply.status.to_string();
            CHECK((reply.source != nullptr) == (reply.status != 200));
        } catch (const std::system_error& error) {
            text = error.what();
        }
        CHECK(std::distance(std::filesystem::directory_iterator{folder.file("")}, {}) == (content().empty() ? 0 : 1));
        co_return text;
    };
    beside(web_server, [&](std::string root) -> net::task<> {
        http::client browser;
        std::string text = co_await saves(browser, root + "/nothing", path);
        CHECK(text == "404 Not Found");
        CHECK(content().empty());
        text = co_await saves(browser, root + "/big", path);
        CHECK(text == "200 OK");
        CHECK(content() == std::string(100'000, 'x'));
        CHECK(browser.busy() == 0);
        text = co_await saves(browser, root + "/there", path);  // replaces it
        CHECK(content() == "GET /there ");
        text = co_await saves(browser, root + "/big", folder.file("no/such/folder"));
        CHECK(text.find("open the folder \"" + folder.file("no/such")) == 0);
        text = co_await saves(browser, root + "/big", folder.file(""));  // a folder is no file
        CHECK(text.find("create \"" + folder.file("")) == 0);
        CHECK(browser.busy() == 0);
    });
    beside(scripted_server, [&](std::string root) -> net::task<> {
        http::client browser;
        for (const std::string_view cut : {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut (end)",
                                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n(end)"}) {
            scripted = {std::string{cut}};
            const std::string text = co_await saves(browser, root, path);
            CHECK(text.find("the connection has ended inside the message") != std::string::npos);
            CHECK(content() == "GET /there ");
        }
        scripted = {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"};
        auto half = net::spawn(saves(browser, root, path));
        while (!has_open_file()) co_await net::yield();
        // A file without a name, where the file system knows such files: a process that is killed leaves nothing.
        const int probe = ::open(folder.file("").c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
        CHECK(std::distance(std::filesystem::directory_iterator{folder.file("")}, {}) == (probe >= 0 ? 1 : 2));
        if (probe >= 0) ::close(probe);
        half.cancel();
        bool is_cancelled = false;
        try {
            const std::string none = co_await half.join();
        } catch (const std::system_error& error) {
            is_cancelled = error.code() == std::errc::operation_canceled;
        }
        CHECK(is_cancelled);
        CHECK(content() == "GET /there ");
        CHECK(std::distance(std::filesystem::directory_iterator{folder.file("")}, {}) == 1);
    });
}

TEST_CASE("all of a request has one deadline") {
    net::loop_options how;
    how.virtual_time = true;
    test_loop loop{how};
    const auto main = []() -> net::task<> {
        net::tcp_listener silent{{net::ipv4_address::loopback(), 0}};  // connects, and never answers
        const std::string root = "http://" + silent.local_endpoint().to_string();
        http::client_options options;
        options.timeout = 5s;
        options.max_per_host = 1;
        http::client browser{options};
        const auto begin = net::event_loop::current().now();
        std::string first, second;
        const auto ask = [&](std::string& into) -> net::task<> { into = co_await shown(browser, root); };
        const auto both = [&](net::task_group& group) -> net::task<> {
            group.spawn(ask(first));
            group.spawn(ask(second));  // waits for a place in the pool, and this time counts
            co_return;
        };
        co_await net::with_group(both);
        CHECK(net::event_loop::current().now() - begin == 5s);
        CHECK(first.find("timed out") != std::string::npos);
        CHECK((second.find("timed out") != std::string::npos || second.find("not done after") != std::string::npos));
        CHECK(browser.busy() == 0);
    };
    loop.run(main());
}

TEST_CASE("a server that takes the body of a request slowly does not put the deadline off") {
    net::loop_options how;
    how.virtual_time = true;
    test_loop loop{how};
    const auto main = []() -> net::task<> {
        net::async_listener listener{net::tcp_listener{{net::ipv4_address::loopback(), 0}}};
        const std::string root = "http://" + listener.local_endpoint().to_string();
        const auto serve = [&listener]() -> net::task<> {
            auto accepted = co_await listener.accept();
            for (std::size_t taken = 0;; ++taken) {  // 2 MiB, and a pause that is shorter than the client's deadline
                if (taken % 32 == 0) co_await net::sleep_for(10s);
                const auto bytes = co_await accepted.stream.recv();
                if (bytes.empty()) co_return;
            }
        };
        auto server = net::spawn(serve);
        http::client browser;
        const auto begin = net::event_loop::current().now();
        bool is_late = false;
        try {
            http::request ask{"PUT", "/", {}, std::string(100'000'000, 'x')};
            http::url where = http::url::parse(root);
            const http::response none = co_await browser.send(std::move(ask), std::move(where));
            static_cast<void>(none);
        } catch (const std::system_error& error) {
            is_late = error.code() == std::errc::timed_out;
        }
        CHECK(is_late);
        CHECK(net::event_loop::current().now() - begin == 30s);
        CHECK(browser.busy() == 0);
        CHECK(browser.idle() == 0);
        server.cancel();
        try {
            co_await server.join();
        } catch (const std::system_error&) {  // the client's reset, or the cancellation
        }
    };
    loop.run(main());
}

TEST_CASE("answers of all forms are understood, and damaged ones refused") {
    const auto check = [](std::string root) -> net::task<> {
        http::client browser;
        const auto one = [&](std::string text) -> net::task<std::string> {
            scripted = {std::move(text)};
            return shown(browser, root);
        };
        std::string page = co_await one("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        CHECK(page == "200 hi");
        page = co_await one("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
        CHECK(page == "200 hi");
        page = co_await one("HTTP/1.1 204 No Content\r\n\r\n");
        CHECK(page == "204 ");
        CHECK(connections == 1);
        page = co_await one("HTTP/1.0 200 OK\r\n\r\nuntil the (end)");
        CHECK(page == "200 until the (end)");
        page = co_await one("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut (end)");
        CHECK(page.find("the connection has ended inside the message") != std::string::npos);
        page = co_await one("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi");
        CHECK(page.find("a second Content-Length") != std::string::npos);
        page = co_await one("SSH-2.0-OpenSSH\r\n\r\n");
        CHECK(page.find("line 1 \"SSH-2.0-OpenSSH\"") != std::string::npos);
        page = co_await one("HTTP/1.1 101 Switching Protocols\r\n\r\n");
        CHECK(page.find("101 Switching Protocols") != std::string::npos);
        CHECK(browser.busy() == 0);
    };
    beside(scripted_server, check);
}

TEST_CASE("a connection that has died in the pool is replaced, but only where that is safe") {
    const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    const auto check = [&](std::string root) -> net::task<> {
        // The server closes without an answer when the second request comes: GET is sent again, POST is not.
        http::client browser;
        scripted = {ok, "", ok};
        std::string page = co_await shown(browser, root);
        CHECK(page == "200 hi");
        page = co_await shown(browser, root);
        CHECK(page == "200 hi");
        CHECK(connections == 2);
        scripted = {"", ok};
        std::string why;
        try {
            page = co_await shown(browser, "POST", root, "");
        } catch (const std::system_error& error) {
            why = error.what();
        }
        CHECK_FALSE(why.empty());
        http::client_options options;
        options.retries = false;
        http::client careful{options};
        scripted = {ok, "", ok};
        page = co_await shown(careful, root);
        page = co_await shown(careful, root);
        CHECK(page != "200 hi");
        // A part of an answer has come: it is not sent again either.
        scripted = {ok, "HTTP/1.1 200 OK\r\n(end)", ok};
        http::client half;
        page = co_await shown(half, root);
        page = co_await shown(half, root);
        CHECK(page != "200 hi");
        // The server closes while the connection is idle, or says something unasked: another connection is taken.
        scripted = {ok + "(end)", ok};
        http::client talks;
        page = co_await shown(talks, root);
        CHECK(page == "200 hi");
        page = co_await shown(talks, root);
        CHECK(page == "200 hi");
    };
    beside(scripted_server, check);
}

TEST_CASE("a host that does not answer is an error with its name") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        http::client browser;
        std::string page;
        {
            const net::tcp_listener closed{{net::ipv4_address::loopback(), 0}};
            page = "http://" + closed.local_endpoint().to_string();
        }
        page = co_await shown(browser, page);
        CHECK(page.find("Connection refused") != std::string::npos);
        page = co_await shown(browser, "https://example.com/");
        CHECK(page.find("\"https://example.com/\" is no URL of http: https needs TLS") != std::string::npos);
    };
    loop.run(main());
    http::client_options options;
    options.max_per_host = 0;
    CHECK_THROWS_AS(http::client{options}, std::invalid_argument);
}

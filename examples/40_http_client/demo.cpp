// examples/40_http_client/demo.cpp: ten pages, one after the other and at once
//
//        one after the other     ask ── 0.1 s ──> page, ask ── 0.1 s ──> page, ...       1.0 s
//        at once                 ask, ask, ask, ... ── 0.1 s ──> page, page, page, ...   0.1 s
//
// The server of this demonstration needs 0.1 s for each page. A client that waits for each page needs ten times as long as a
// client that waits for all of them together. The clock of the loop is a virtual clock: it jumps when all tasks wait, so the
// demonstration takes no time, and its figures are always the same.
//
// The notes:     asyncio, async/await, aiohttp. Its counterparts are http_get.cpp and ten_pages.cpp
// Type:          demo                                    a demonstration
//                demo get URL                            prints a page
// You will see:  what demo.txt shows: times, connections, a redirect, and errors

#include <netnotes/http.hpp>

#include "../demo.hpp"

using example::heading;
using example::say;
namespace http = netnotes::http;

namespace {

using namespace std::chrono_literals;

// ---- The server: each page takes 0.1 s -------------------------------------------------------------------

net::task<http::response> slow_page(http::request& ask) {
    if (ask.path() == "/old") co_return http::redirect("/new", http::status::moved_permanently);
    if (ask.path() == "/never") co_await net::sleep_for(1h);
    co_await net::sleep_for(100ms);
    co_return http::response{ask.path() == "/nothing" ? 404 : 200, "page " + ask.path() + "\n"};
}

// ---- The client -----------------------------------------------------------------------------------------

net::task<> fetch(http::client& browser, std::string where) { co_await browser.get(std::move(where)); }
/// Fetches ten pages at once.
net::task<> fetch_ten(http::client& browser, const std::string& root) {
    const auto all = [&](net::task_group& tasks) -> net::task<> {
        for (int i = 0; i < 10; ++i) tasks.spawn(fetch(browser, root + "/" + std::to_string(i)));
        co_return;
    };
    co_await net::with_group(all);
}
/// Prints what a request returns, or why it fails.
net::task<> show(http::client& browser, const std::string& root, std::string path) {
    std::string text;
    try {
        const http::response page = co_await browser.get(root + path);
        text = page.status.to_string() + ", " + std::to_string(page.body.size()) + " bytes";
        if (const auto where = page.fields.find("Location")) text += ", Location: " + std::string{*where};
    } catch (const std::exception& error) {
        text = error.what();
    }
    say("  ", path, "  ", text);
}
net::task<> compare(std::string root) {
    const net::event_loop& loop = net::event_loop::current();
    const auto since = [&](net::time_point start) { return (loop.now() - start) / 1ms; };
    {
        http::client browser;
        auto start = loop.now();
        for (int i = 0; i < 10; ++i) co_await fetch(browser, root + "/" + std::to_string(i));
        say("one after the other:  ", since(start), " ms over ", browser.idle(), " connection");
    }
    for (const std::size_t most : {2U, 10U}) {
        http::client_options options;
        options.max_per_host = most;
        http::client browser{options};
        const auto start = loop.now();
        co_await fetch_ten(browser, root);
        say(most, " at the same time:  ", since(start), " ms over ", browser.idle(), " connections");
    }
    say("\nStatus numbers are answers, not errors:");
    http::client_options options;
    options.timeout = 5s;
    http::client browser{options};
    co_await show(browser, root, "/nothing");
    say("A redirect is an answer, too:");
    co_await show(browser, root, "/old");
    options.max_redirects = 5;
    http::client follows{options};
    say("... or it is followed, if .max_redirects says so:");
    co_await show(follows, root, "/old");
    say("A server that does not answer. The deadline is 5 seconds:");
    co_await show(browser, root, "/never");
    say("TLS is not there:");
    co_await show(browser, "https://example.com", "/");
}
/// Runs the client beside the server, in one loop. The end of this task ends the run, and so the server.
net::task<> beside(net::tcp_listener listener) {
    const std::string root = "http://" + listener.local_endpoint().to_string();
    net::spawn(http::serve(std::move(listener), slow_page), "server");
    co_await compare(root);
}

void demonstrate() {
    heading("Ten pages");
    net::loop_options options;
    options.virtual_time = true;
    net::event_loop loop{options};
    loop.run(beside(net::tcp_listener{{net::ipv4_address::loopback(), 0}}));
}

constexpr std::string_view help = R"(usage: demo
       demo get URL
       demo --help

A client for the web. Without an argument: a demonstration.

  get URL     prints the page at http://HOST[:PORT]/PATH; exit status 1 if it is an error
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (words.empty()) return demonstrate();
        const auto rest = words.rest();
        if (rest.size() != 2 || rest[0] != "get") throw example::usage_error{"get takes a URL"};
        net::event_loop loop;
        const http::response page = loop.run(http::get(rest[1]));
        std::cout << page.body;
        if (!page.status.is_success()) throw std::runtime_error{page.status.to_string()};
    });
}

// examples/42_static_files/demo.cpp: a folder on the web, and the paths that try to leave it
//
//        GET /cat.png              200 and the bytes, by sendfile(2)
//        If-None-Match: "..."      304: the copy of the browser is still good, so no bytes are sent
//        Range: bytes=1000-        206: the rest of a download that was cut
//        GET /..%2fsecret.txt      404: the path is split first and decoded once, and the kernel keeps it below the folder
//
// The notes:     they end before this lesson. Its counterpart is static_files.cpp
// Type:          demo                                    a demonstration
//                demo serve --root DIR                   the server on port 8000; then open http://localhost:8000
// You will see:  what demo.txt shows: requests, and what comes back

#include <netnotes/http.hpp>

#include "../serving.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using example::heading;
using example::say;
namespace http = netnotes::http;

namespace {

void serve(const example::serve_options& options, const std::string& root) {
    const http::files site{root};
    example::serve_http(options, [&site](http::request& ask) { return site.answer(ask); });
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// A folder with a page, a picture and a link that leads out, and a secret beside it.
class example_site {
  public:
    example_site() {
        namespace fs = std::filesystem;
        fs::create_directories(root() / "docs");
        write(folder_.path() / "secret.txt", "the secret\n");
        write(root() / "index.html", "<!DOCTYPE html><title>42</title><img src=\"cat.png\">\n");
        write(root() / "docs" / "index.html", "<!DOCTYPE html><title>docs</title>\n");
        write(root() / "cat.png", std::string(100'000, 'x'));
        fs::create_symlink("../secret.txt", root() / "link.txt");
    }
    [[nodiscard]] std::filesystem::path root() const { return folder_.path() / "public"; }

  private:
    /// Writes a file whose last change was on 1 June 2026, so that its entity tag is always the same.
    static void write(const std::filesystem::path& path, std::string_view text) {
        std::ofstream{path, std::ios::binary} << text;
        const timespec times[2] = {{1'780'315'200, 0}, {1'780'315'200, 0}};
        ::utimensat(AT_FDCWD, path.c_str(), times, 0);
    }
    example::passing_folder folder_{"42"};
};

/// Prints the first line of a text and the lines with these beginnings.
void show(std::string_view side, std::string_view text, std::initializer_list<std::string_view> wanted) {
    for (bool is_first = true; !text.empty() && !text.starts_with("\r\n"); is_first = false) {
        const std::string_view line = text.substr(0, text.find("\r\n"));
        text.remove_prefix(std::min(line.size() + 2, text.size()));
        for (const std::string_view each : wanted)
            if (!is_first && line.starts_with(each)) say(side, net::visible(line));
        if (is_first) say(side, net::visible(line));
    }
}
net::task<> ask(net::endpoint where, std::string path, std::string field = "") {
    auto server = co_await net::async_stream::connect(where);
    std::string text = "GET " + path + " HTTP/1.1\r\n" + field + "Host: localhost\r\nConnection: close\r\n\r\n";
    show("  > ", text, {"If-", "Range"});
    co_await server.send_all(text);
    const std::string all = co_await example::recv_all(server);
    show("  < ", all, {"Content", "ETag", "Last-", "Location", "X-"});
    say("    ", all.size() - std::min(all.find("\r\n\r\n") + 4, all.size()), " bytes of a body\n");
}
net::task<> browse(net::endpoint where) {
    const std::string tag = "\"6a1d7440.0-186a0\"";
    say("A picture:\n");
    co_await ask(where, "/cat.png");
    say("The browser has it already, and asks whether it has changed:\n");
    co_await ask(where, "/cat.png", "If-None-Match: " + tag + "\r\n");
    say("A download was cut after 99,000 bytes. The rest, if the file is still the same:\n");
    co_await ask(where, "/cat.png", "If-Range: " + tag + "\r\nRange: bytes=99000-\r\n");
    say("A folder needs a '/' at its end, or the links of its page would lead elsewhere:\n");
    co_await ask(where, "/docs");
    co_await ask(where, "/docs/");
    say("Paths that try to leave the folder:\n");
    for (const std::string_view path : {"/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/%252e%252e/secret.txt",
                                        "/cat.png%00.html", "/link.txt", "/.git/config"})
        co_await ask(where, std::string{path});
}
/// Runs the browser beside the server, in one loop. The end of this task ends the run, and so the server.
net::task<> beside(net::tcp_listener listener, const http::files& site) {
    const net::endpoint where = listener.local_endpoint();
    const auto answer = [&site](http::request& request) { return site.answer(request); };
    net::spawn(http::serve(std::move(listener), answer), "server");
    co_await browse(where);
}

void demonstrate() {
    heading("A folder on the web");
    const example_site here;
    const http::files site{here.root()};
    net::event_loop loop;
    loop.run(beside(net::tcp_listener{{net::ipv4_address::loopback(), 0}}, site));
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--root DIR] [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

A web server for the files of a folder: GET, HEAD, one range, conditions. Without an argument: a demonstration.

  serve             serves HTTP/1.1 until Ctrl-C, and prints a line for each request
  --root DIR        the folder; no path leaves it. The default is the present folder
  --bind ADDRESS    where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          8000 by default, because browsers refuse 6666; 0 lets the system choose
  --quiet           prints only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::string root = ".";
    example::roles roles;
    roles.more_options = [&](example::arguments& options) {
        if (const auto folder = options.value("--root")) root = *folder;
    };
    roles.demonstrate = demonstrate;
    roles.serve = [&](const example::serve_options& options) { serve(options, root); };
    roles.port = 8000;
    return example::run(argc, argv, help, roles);
}

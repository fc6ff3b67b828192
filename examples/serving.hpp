// Serving HTTP, for the demonstrations of web servers: lessons 39, 42, 49 and 51.

#pragma once

#include "demo.hpp"

#include <netnotes/http.hpp>

#include <stdlib.h>

#include <filesystem>

namespace example {

/// Serves until Ctrl-C. Prints a line for each request, unless --quiet is given, or the handler does so itself.
template <class Handler>
void serve_http(const serve_options& options, Handler handler, bool handler_prints = false) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = listen(options);
    net::http::server_options limits;
    if (options.quiet) limits.on_error = nullptr;
    if (!options.quiet && !handler_prints) limits.on_access = [](std::string_view line) { say(line); };
    net::event_loop loop;
    loop.run(net::http::serve(std::move(listener), std::move(handler), std::move(limits)), stop);
}

/// Returns all that the server sends until it has no more to say.
inline net::task<std::string> recv_all(net::async_stream& server) {
    std::string all;
    for (;;) {
        const auto bytes = co_await server.recv();
        if (bytes.empty()) co_return all;
        all += net::as_text(bytes);
    }
}

/// An empty folder with a name of its own. It is removed at the end, with all that is in it.
class passing_folder {
  public:
    explicit passing_folder(const std::string& name) {
        std::string path = (std::filesystem::temp_directory_path() / ("netnotes-" + name + "-XXXXXX")).string();
        if (!::mkdtemp(path.data())) throw std::system_error{errno, std::system_category(), "mkdtemp"};
        path_ = path;
    }
    passing_folder(const passing_folder&) = delete;
    passing_folder& operator=(const passing_folder&) = delete;
    ~passing_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace example

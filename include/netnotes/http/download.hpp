// netnotes/http/download.hpp: a file from the web, whole or not there
// SPDX-License-Identifier: MIT
//
//     http::client browser;
//     const http::response reply = co_await http::download(browser, "http://example.com/notes.pdf", "notes.pdf");
//     if (reply.status.code() != 200) std::cerr << reply.status.to_string() << '\n';
//
// A program that writes a body straight into its file leaves half a file when the connection breaks. The next program
// takes that half for the whole. So the bytes go to a file beside it, which gets its name when the last byte is there:
//
//        server ──> piece by piece ──> notes.pdf.part-4711-1 ── the body is complete: rename(2) ──> notes.pdf
//                                               └── an error, a cancellation: it is removed
//
// A body without Content-Length that ends with the connection cannot be told from a body that was cut. HTTP/1.0 has
// such bodies; for them the size is not checked.
//
// On this page:  download
// Below it:      http/client.hpp
// The notes:     asyncio、async/await、aiohttp; rename(2)

#ifndef NETNOTES_HTTP_DOWNLOAD_HPP
#define NETNOTES_HTTP_DOWNLOAD_HPP

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "client.hpp"

namespace netnotes::http {

/// Fetches a URL and saves its body as the file `path`. If there was such a file, it is replaced in one step. Returns
/// the response without its body. A status other than 200 changes no file, and then the response has its body as
/// `source`. Throws like client::get(), and std::system_error with the path if the file cannot be written. After an
/// exception or a cancellation `path` is as it was before.
///
/// client_options::timeout holds for the whole body: choose a longer one for long files. Waits for the disk stop the
/// loop, as all writes to files do.
[[nodiscard]] task<response> download(client& from, std::string where, std::string path);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// A file that gets its name when it is complete. Otherwise it is removed.
class part_file {
  public:
    /// Creates the file beside `path`. Throws std::system_error.
    explicit part_file(std::string path) : path_{std::move(path)} {
        static std::atomic<unsigned> count = 0;
        part_ = path_ + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
        descriptor_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (descriptor_ < 0) fail("create ", part_);
    }
    part_file(const part_file&) = delete;
    part_file& operator=(const part_file&) = delete;
    ~part_file() {
        if (descriptor_ >= 0) ::close(descriptor_);
        if (!is_complete_) ::unlink(part_.c_str());
    }
    void write(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto written = ::write(descriptor_, bytes.data(), bytes.size());
            if (written >= 0)
                bytes.remove_prefix(static_cast<std::size_t>(written));
            else if (errno != EINTR)
                fail("write ", part_);
        }
    }
    /// Gives the file its name. Some file systems report a full disk only when the file is closed.
    void complete() {
        if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) fail("write ", part_);
        if (std::rename(part_.c_str(), path_.c_str()) != 0) fail("rename a download to ", path_);
        is_complete_ = true;
    }

  private:
    [[noreturn]] static void fail(const char* what, const std::string& name) {
        const int error = errno;
        throw std::system_error{error, std::system_category(), what + netnotes::quoted(name)};
    }
    std::string path_, part_;
    int descriptor_ = -1;
    bool is_complete_ = false;
};

}  // namespace detail

inline task<response> download(client& from, std::string where, std::string path) {
    response answer = co_await from.open(std::move(where));
    if (answer.status != status::ok) co_return answer;
    detail::part_file file{std::move(path)};
    for (;;) {
        const auto piece = co_await answer.source->next();
        if (piece.empty()) break;
        file.write(as_text(piece));
    }
    file.complete();
    answer.source.reset();
    co_return answer;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_DOWNLOAD_HPP

// netnotes/http/download.hpp: a file from the web, whole or not there
// SPDX-License-Identifier: MIT
//
//     http::client browser;
//     const http::response reply = co_await http::download(browser, "http://example.com/notes.pdf", "notes.pdf");
//     if (reply.status.code() != 200) std::cerr << reply.status.to_string() << '\n';
//
// A program that writes a body straight into its file leaves half a file when the connection breaks. The next program
// takes that half for the whole. So the bytes go to a file without a name, which gets its name when the last byte is
// there: see socket/whole_file.hpp.
//
//        server ──> piece by piece ──> (no name) ── the body is complete ──> notes.pdf
//                                          └── an error, a cancellation, even SIGKILL: nothing is left
//
// A body without Content-Length that ends with the connection cannot be told from a body that was cut. HTTP/1.0 has
// such bodies; for them the size is not checked.
//
// On this page:  download
// Below it:      http/client.hpp, socket/whole_file.hpp
// The notes:     asyncio、async/await、aiohttp; rename(2)

#ifndef NETNOTES_HTTP_DOWNLOAD_HPP
#define NETNOTES_HTTP_DOWNLOAD_HPP

#include <string>
#include <system_error>
#include <utility>

#include "../socket/whole_file.hpp"
#include "client.hpp"

namespace netnotes::http {

/// Fetches a URL and saves its body as the file `path`. If there was such a file, it is replaced in one step. Returns
/// the response without its body. A status other than 200 changes no file, and then the response has its body as
/// `source`. Throws like client::get(), and std::system_error with the path if the file cannot be written, or if `path`
/// is no regular file. After an exception or a cancellation `path` is as it was before.
///
/// client_options::timeout holds for the whole body: choose a longer one for long files. Waits for the disk stop the
/// loop, as all writes to files do.
[[nodiscard]] task<response> download(client& from, std::string where, std::string path);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
inline void throw_if_not_written(const std::error_code& error, const std::string& path) {
    if (error) throw std::system_error{error, "write " + netnotes::quoted(path)};
}
}  // namespace detail

inline task<response> download(client& from, std::string where, std::string path) {
    response answer = co_await from.open(std::move(where));
    if (answer.status != status::ok) co_return answer;
    netnotes::detail::whole_file file{path};
    std::error_code error;
    for (;;) {
        const auto piece = co_await answer.source->next();
        if (piece.empty()) break;
        file.write(piece, error);
        detail::throw_if_not_written(error, path);
    }
    file.finish(error);
    detail::throw_if_not_written(error, path);
    answer.source.reset();
    co_return answer;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_DOWNLOAD_HPP

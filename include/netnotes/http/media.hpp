// netnotes/http/media.hpp: what kind of text or picture a body is
// SPDX-License-Identifier: MIT
//
// A browser does not look at the name of a file. It believes the field Content-Type, which has a media type and perhaps
// a charset:
//
//        Content-Type: text/html; charset=utf-8
//
// Without a charset a browser guesses, and a guess can turn text into a script (an old trick with UTF-7). So every text
// type of this table says utf-8. An ending that the table does not know is application/octet-stream: bytes to be saved.
//
// On this page:  media_type_of
// Sources:       RFC 9110 §8.3; the registry of IANA; RFC 9239 (JavaScript)

#ifndef NETNOTES_HTTP_MEDIA_HPP
#define NETNOTES_HTTP_MEDIA_HPP

#include <cstddef>
#include <string_view>

#include "syntax.hpp"

namespace netnotes::http {

namespace detail {
struct media_of_suffix {
    std::string_view suffix, type;
};
inline constexpr media_of_suffix media_types[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"bmp", "image/bmp"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"wasm", "application/wasm"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"tar", "application/x-tar"},
    {"webmanifest", "application/manifest+json"},
};
}  // namespace detail

/// Returns the media type that belongs to the end of a file's name, where case does not count: "page.html" and
/// "/a/PAGE.HTML" give "text/html; charset=utf-8". Returns "application/octet-stream" for a name that has no known end.
/// The text is a constant.
[[nodiscard]] constexpr std::string_view media_type_of(std::string_view file_name) noexcept {
    const std::size_t dot = file_name.find_last_of("./");
    if (dot != file_name.npos && file_name[dot] == '.')
        for (const auto& [suffix, type] : detail::media_types)
            if (same_name(file_name.substr(dot + 1), suffix)) return type;
    return "application/octet-stream";
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_MEDIA_HPP

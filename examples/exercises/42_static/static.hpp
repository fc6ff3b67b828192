#pragma once

#include <string>
#include <string_view>

/// The answer of a server of files. If the status is not 200, the other two are empty.
struct answer {
    int status = 404;
    std::string type, body;
};

/// Answers a request. `root` is the folder with the files: an absolute path, and the folder has no symbolic links. `target` is
/// the path of the request, without a query, as the client has sent it: `/pictures/my%20cat.png`. Does not block.
answer serve(const std::string& root, const std::string& target);

/// Returns the media type of a file, or "" if files of this kind are given to no client.
inline std::string type_of(std::string_view name) {
    if (name.ends_with(".html")) return "text/html; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".txt")) return "text/plain; charset=utf-8";
    if (name.ends_with(".png")) return "image/png";
    return "";
}

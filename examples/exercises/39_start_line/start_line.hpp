#pragma once

#include <string>
#include <string_view>

/// The first line of a request, such as `GET /notes HTTP/1.1`.
struct start_line {
    int status = 0;  ///< 0: more bytes are needed. 200: the line is good. 400, 414 or 505: the line is refused
    std::string method, target;
    int minor_version = 0;
};

/// Reads the first line of a request. `received` holds all bytes that have come so far. Call it again when more bytes have
/// come, until the status is not 0.
start_line read_start_line(std::string_view received);

/// Returns true if a method may contain this character.
inline bool is_token(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos);
}
/// Returns true if a target may contain this character.
inline bool is_target(char c) { return c > ' ' && c < '\x7f' && c != '#'; }

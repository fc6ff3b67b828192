#include "start_line.hpp"

#include <algorithm>

start_line read_start_line(std::string_view received) {
    constexpr std::size_t limit = 8000;
    start_line made;
    const auto refused = [&](int status) { return made.status = status, made; };

    std::string_view line = received.substr(0, received.find('\n'));
    if (line.size() > limit + 1) return refused(414);  // 1: the \r
    if (line.size() == received.size()) return made;   // no judgment before the line is whole
    if (!line.ends_with('\r')) return refused(400);
    line.remove_suffix(1);

    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    if (second == line.npos) return refused(400);
    made.method = line.substr(0, first);
    made.target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);

    const auto consists_of = [](const std::string& text, bool (*kind)(char)) {
        return !text.empty() && std::all_of(text.begin(), text.end(), kind);
    };
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!consists_of(made.method, is_token) || !consists_of(made.target, is_target)) return refused(400);
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') return refused(400);
    if (!is_digit(version[5]) || !is_digit(version[7])) return refused(400);
    if (version[5] != '1') return refused(505);
    made.minor_version = version[7] == '0' ? 0 : 1;
    made.status = 200;
    return made;
}

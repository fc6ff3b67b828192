#include "reverse.hpp"

namespace {

constexpr std::string_view digits = "0123456789", letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool is_one_of(char c, std::string_view set) { return set.find(c) != set.npos; }
bool is_name(char c) { return is_one_of(c, letters) || is_one_of(c, digits) || is_one_of(c, "-_"); }

bool takes(std::string_view kind, char c) {
    if (kind == "int") return is_one_of(c, digits);
    if (kind == "slug") return is_name(c);
    return kind == "path" ? c != '\n' : c != '/';
}
std::string encoded(std::string_view text) {
    std::string made;
    for (const char c : text) {
        if (is_name(c) || is_one_of(c, "/.~:@!$&'()*+,;=")) {
            made += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        made += {'%', "0123456789ABCDEF"[byte / 16], "0123456789ABCDEF"[byte % 16]};
    }
    return made;
}

}  // namespace

std::optional<std::string> reverse(std::string_view route, const std::vector<std::string>& arguments) {
    std::string path;
    auto next = arguments.begin();
    while (!route.empty()) {
        if (route.front() != '<') {
            path += route.front();
            route.remove_prefix(1);
            continue;
        }
        const std::string_view part = route.substr(1, route.find('>') - 1);
        route.remove_prefix(part.size() + 2);
        if (next == arguments.end() || next->empty()) return std::nullopt;
        for (const char c : *next)
            if (!takes(part.substr(0, part.find(':')), c)) return std::nullopt;  // <x> has the kind x: all but a slash
        path += *next++;
    }
    if (next != arguments.end()) return std::nullopt;
    // Two slashes at the beginning would be the name of another host.
    if (path.starts_with('/')) return "/%2F" + encoded(path.substr(1));
    return '/' + encoded(path);
}

#include "reverse.hpp"

std::optional<std::string> reverse(std::string_view route, const std::vector<std::string>& arguments) {  // encodes, and checks nothing
    std::string path = "/";
    std::size_t used = 0;
    while (!route.empty()) {
        const std::size_t open = route.find('<'), close = route.find('>');
        path += route.substr(0, open);
        if (open == route.npos) break;
        if (used == arguments.size()) return std::nullopt;
        for (const char c : arguments[used++]) c == ' ' ? path += "%20" : path += c;
        route.remove_prefix(close + 1);
    }
    if (used != arguments.size()) return std::nullopt;
    return path;
}

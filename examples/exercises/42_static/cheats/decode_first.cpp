#include "static.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

answer serve(const std::string& root, const std::string& target) {  // decodes first: %2F becomes a separator
    std::string name;
    for (std::size_t at = 0; at < target.size(); ++at) {
        if (target[at] != '%') {
            name += target[at];
            continue;
        }
        name += static_cast<char>(std::strtoul(target.substr(at + 1, 2).c_str(), nullptr, 16));
        at += 2;
    }
    if (!target.starts_with('/')) return {400, {}, {}};
    if (name.find('\0') != name.npos || (name + "/").find("/../") != name.npos) return {400, {}, {}};
    const std::string path = root + name, type = type_of(path);
    if (type.empty() || !std::filesystem::is_regular_file(path)) return {};
    std::ifstream file{path, std::ios::binary};
    return {200, type, {std::istreambuf_iterator<char>{file}, {}}};
}

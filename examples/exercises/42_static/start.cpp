#include "static.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace {

/// Puts the character in place of `%20`.
std::string decoded(const std::string& text) {
    std::string made;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '%') {
            made += static_cast<char>(std::strtoul(text.substr(at + 1, 2).c_str(), nullptr, 16));
            at += 2;
        } else {
            made += text[at];
        }
    }
    return made;
}

}  // namespace

answer serve(const std::string& root, const std::string& target) {
    if (target.find("..") != target.npos) return {};
    const std::string name = decoded(target);
    const std::string type = type_of(name);
    if (type.empty()) return {};
    std::ifstream file{(root + name).c_str(), std::ios::binary};
    if (!file) return {};
    return {200, type, {std::istreambuf_iterator<char>{file}, {}}};
}

#include "static.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace {

/// Decodes one part of a path. Returns nothing if it is no name of a file.
std::optional<std::string> decoded(std::string_view part) {
    std::string made;
    while (!part.empty()) {
        unsigned char byte = static_cast<unsigned char>(part[0]);
        const bool is_escaped = byte == '%';
        if (is_escaped) {
            const std::string_view digits = part.substr(1, 2);
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
            if (error != std::errc{} || end != part.data() + 3) return std::nullopt;
        }
        if (byte == '\0' || byte == '/') return std::nullopt;
        made += static_cast<char>(byte);
        part.remove_prefix(is_escaped ? 3 : 1);
    }
    if (made.empty() || made == "." || made == "..") return std::nullopt;
    return made;
}

}  // namespace

answer serve(const std::string& root, const std::string& target) {
    std::string path = root;
    if (!target.starts_with('/')) return {400, {}, {}};
    for (std::string_view rest = target; !rest.empty();) {  // split first, and decode each part once
        rest.remove_prefix(1);
        const std::string_view part = rest.substr(0, rest.find('/'));
        const auto name = decoded(part);
        if (!name) return {400, {}, {}};
        path += '/' + *name;
        rest.remove_prefix(part.size());
    }
    const std::string type = type_of(path);  // of the name that is opened, and of no other
    std::error_code error;
    if (type.empty() || !std::filesystem::is_regular_file(path, error)) return {};
    std::ifstream file{path, std::ios::binary};
    return {200, type, {std::istreambuf_iterator<char>{file}, {}}};
}

#include "escape.hpp"

namespace {

void replace(std::string& text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

}  // namespace

std::string escape(std::string_view text) {
    std::string made{text};
    replace(made, "<", "&lt;");
    replace(made, ">", "&gt");
    replace(made, "&", "&amp;");
    return made;
}

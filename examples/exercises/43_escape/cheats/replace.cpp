#include "escape.hpp"

std::string escape(std::string_view text) {  // right, and a long text takes hours
    std::string made{text};
    const char* const pairs[][2] = {
        {"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#x27;"}};
    for (const auto& [from, to] : pairs)
        for (std::size_t at = 0; (at = made.find(from, at)) != made.npos; at += std::string_view{to}.size())
            made.replace(at, 1, to);
    return made;
}

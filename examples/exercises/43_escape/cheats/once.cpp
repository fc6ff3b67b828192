#include "escape.hpp"

std::string escape(std::string_view text) {  // leaves what looks escaped already
    std::string made;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const std::string_view rest = text.substr(at);
        if (rest.starts_with("&lt;") || rest.starts_with("&amp;")) made += '&';
        else if (rest[0] == '&') made += "&amp;";
        else if (rest[0] == '<') made += "&lt;";
        else if (rest[0] == '>') made += "&gt;";
        else if (rest[0] == '"') made += "&quot;";
        else if (rest[0] == '\'') made += "&#x27;";
        else made += rest[0];
    }
    return made;
}

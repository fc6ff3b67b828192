#include "escape.hpp"

std::string escape(std::string_view text) {
    std::string made;
    for (const char c : text) {  // each byte is looked at once, so no `&` of ours is escaped again
        switch (c) {
            case '&': made += "&amp;"; break;
            case '<': made += "&lt;"; break;
            case '>': made += "&gt;"; break;
            case '"': made += "&quot;"; break;
            case '\'': made += "&#x27;"; break;
            default: made += c;
        }
    }
    return made;
}

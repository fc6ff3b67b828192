#include "octets.hpp"

std::optional<int> octet(std::string_view text) {
    if (text.empty() || text.size() > 3) return std::nullopt;
    if (text.size() > 1 && text[0] == '0') return std::nullopt;  // 010 is 8 for some programs
    int value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;  // isdigit() would depend on the locale
        value = value * 10 + (c - '0');
    }
    if (value > 255) return std::nullopt;
    return value;
}

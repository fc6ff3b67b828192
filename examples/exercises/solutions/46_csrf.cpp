#include "csrf.hpp"

namespace {

bool is_text_of(std::size_t size, std::string_view text) {
    return text.size() == size && text.find_first_not_of(letters) == text.npos;
}

}  // namespace

std::string new_token(const std::string& secret) {
    std::string mask, masked;
    for (const char c : secret) {
        mask += random_letter();
        masked += letters[(letters.find(c) + letters.find(mask.back())) % letters.size()];
    }
    return mask + masked;
}

bool is_ours(const request& ask) {
    for (const std::string_view safe : {"GET", "HEAD", "OPTIONS", "TRACE"})
        if (ask.method == safe) return true;
    if (!ask.origin.empty() && ask.origin != our_origin) return false;
    if (!is_text_of(32, ask.secret) || !is_text_of(64, ask.token)) return false;
    unsigned differences = 0;  // all letters are compared: the time tells nothing about a guess
    for (std::size_t i = 0; i < 32; ++i) {
        const std::size_t moved = letters.find(ask.secret[i]) + letters.find(ask.token[i]);
        differences += letters[moved % letters.size()] != ask.token[32 + i];
    }
    return differences == 0;
}

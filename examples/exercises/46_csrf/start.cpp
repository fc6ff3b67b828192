#include "csrf.hpp"

std::string new_token(const std::string& secret) { return secret + secret; }

bool is_ours(const request& ask) {
    if (ask.method != "POST") return true;
    if (!ask.origin.empty() && !ask.origin.starts_with(our_origin)) return false;
    for (std::size_t i = 0; i < ask.token.size(); ++i)
        if (ask.token[i] != ask.secret[i % ask.secret.size()]) return false;
    return true;
}

#include "csrf.hpp"

std::string new_token(const std::string& secret) { return secret + secret; }  // the same in each page

bool is_ours(const request& ask) {
    for (const std::string_view safe : {"GET", "HEAD", "OPTIONS", "TRACE"})
        if (ask.method == safe) return true;
    if (!ask.origin.empty() && ask.origin != our_origin) return false;
    return ask.secret.size() == 32 && ask.secret.find_first_not_of(letters) == std::string::npos && ask.token == ask.secret + ask.secret;
}

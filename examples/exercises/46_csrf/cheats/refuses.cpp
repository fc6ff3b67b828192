#include "csrf.hpp"

std::string new_token(const std::string& secret) { return secret + secret; }

bool is_ours(const request&) { return false; }

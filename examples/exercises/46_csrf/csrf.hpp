#pragma once

#include <random>
#include <string>
#include <string_view>

/// What the check of a form looks at. An empty text: the request does not have it.
struct request {
    std::string method = "POST";
    std::string origin{};  ///< the field Origin: of the page that has sent the form
    std::string secret{};  ///< the cookie
    std::string token{};   ///< the hidden field of the form
};

inline constexpr std::string_view our_origin = "https://shop.example";
/// A secret is 32 of these letters, a token is 64 of them.
inline constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Returns a letter that nobody can guess.
inline char random_letter() {
    static std::random_device source;
    return letters[source() % letters.size()];
}

/// Returns the token for the hidden field of a page, for the secret of the person who sees the page.
std::string new_token(const std::string& secret);

/// Returns true if a request may change something.
bool is_ours(const request& ask);

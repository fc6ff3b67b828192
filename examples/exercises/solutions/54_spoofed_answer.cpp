#include "spoofed_answer.hpp"

namespace {

/// DNS knows the letters of ASCII only, so no locale is asked.
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool is_answer(const std::string& query, const std::string& server, const std::string& source,
               const std::string& datagram) {
    if (source != server) return false;
    // An answer repeats the whole query, so it cannot be shorter. Behind this line each index is in range.
    if (datagram.size() < query.size()) return false;
    if (datagram[0] != query[0] || datagram[1] != query[1]) return false;
    if ((datagram[2] & 0x80) == 0) return false;
    if (datagram[4] != 0 || datagram[5] != 1) return false;
    // The size of a label is 63 at most, so it is no letter. A byte of the type may be: 65 is HTTPS.
    const std::size_t type_at = query.size() - 4;
    for (std::size_t i = 12; i < type_at; ++i)
        if (lower(datagram[i]) != lower(query[i])) return false;
    return datagram.substr(type_at, 4) == query.substr(type_at);
}

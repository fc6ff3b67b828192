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
    for (std::size_t i = 12; i < query.size(); ++i)  // the type and the class, too
        if (lower(datagram[i]) != lower(query[i])) return false;
    return true;
}

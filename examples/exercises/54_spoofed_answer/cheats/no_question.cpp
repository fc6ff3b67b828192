#include "spoofed_answer.hpp"

bool is_answer(const std::string& query, const std::string& server, const std::string& source,
               const std::string& datagram) {
    if (source != server) return false;
    // An answer repeats the whole query, so it cannot be shorter. Behind this line each index is in range.
    if (datagram.size() < query.size()) return false;
    if (datagram[0] != query[0] || datagram[1] != query[1]) return false;
    if ((datagram[2] & 0x80) == 0) return false;
    return true;  // the id has told enough
}

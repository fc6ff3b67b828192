#include "spoofed_answer.hpp"

bool is_answer(const std::string& query, const std::string& server, const std::string& source,
               const std::string& datagram) {
    (void)server, (void)source;  // only the server has seen the id
    return datagram.substr(0, 2) == query.substr(0, 2);
}

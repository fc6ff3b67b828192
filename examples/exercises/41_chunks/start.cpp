#include "chunks.hpp"

#include <cstdlib>

std::size_t chunk_decoder::take(std::string_view bytes, std::string& body) {
    std::size_t used = 0;
    while (used < bytes.size() && !is_done()) {
        const std::size_t end = bytes.find("\r\n", used);
        if (end == bytes.npos) return bytes.size();
        left_ = std::strtoul(std::string{bytes.substr(used, end - used)}.c_str(), nullptr, 16);
        body += bytes.substr(end + 2, left_);
        used = end + 2 + left_ + 2;
        if (left_ == 0) where_ = place::done;
    }
    return used;
}

#include "chunks.hpp"

#include <algorithm>
#include <cstdlib>

std::size_t chunk_decoder::take(std::string_view bytes, std::string& body) {  // right cuts, wrong sizes
    std::size_t used = 0;
    while (used < bytes.size() && !is_done() && !is_refused()) {
        if (where_ == place::data) {
            const std::size_t count = std::min<std::uint64_t>(left_, bytes.size() - used);
            body += bytes.substr(used, count);
            used += count;
            left_ -= count;
            if (left_ == 0) where_ = place::data_end;
            continue;
        }
        line_ += bytes[used++];
        if (line_.size() > 1000) where_ = place::refused;
        if (!line_.ends_with("\r\n")) continue;
        if (where_ == place::size) {
            char* end = nullptr;
            left_ = std::strtoul(line_.c_str(), &end, 16);  // takes "+5", " 5", "0x5" and "-1"
            where_ = left_ == 0 ? place::last_line : place::data;
            if (end == line_.c_str() || (*end != '\r' && *end != ';') || left_ > 1'000'000) where_ = place::refused;
        } else {
            where_ = where_ == place::data_end ? place::size : place::done;
        }
        line_.clear();
    }
    return used;
}

#include "chunks.hpp"

#include <algorithm>

namespace {

constexpr std::uint64_t body_limit = 1'000'000;
constexpr std::size_t line_limit = 1000;

/// Reads the line with the size of a chunk. Returns false if it breaks a rule.
bool read_size(std::string_view line, std::uint64_t& size) {
    if (line.find('\r') != line.npos) return false;
    const std::string_view digits = line.substr(0, line.find(';'));
    if (digits.empty() || digits.size() > 16) return false;  // 16 digits fit into 64 bits
    size = 0;
    for (const char c : digits) {
        const std::size_t digit = std::string_view{"0123456789abcdefABCDEF"}.find(c);
        if (digit == digits.npos) return false;
        size = size * 16 + (digit < 16 ? digit : digit - 6);
    }
    return true;
}

}  // namespace

std::size_t chunk_decoder::take(std::string_view bytes, std::string& body) {
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
        if (line_.size() > line_limit) where_ = place::refused;
        if (line_.back() != '\n') continue;
        const bool is_line = line_.ends_with("\r\n");
        const std::string line = is_line ? line_.substr(0, line_.size() - 2) : "";
        line_.clear();
        if (!is_line) {
            where_ = place::refused;
        } else if (where_ == place::size) {
            if (!read_size(line, left_) || left_ > body_limit - total_) {
                where_ = place::refused;
            } else {
                total_ += left_;
                where_ = left_ == 0 ? place::last_line : place::data;
            }
        } else if (!line.empty()) {  // behind the data, and behind the last chunk
            where_ = place::refused;
        } else {
            where_ = where_ == place::data_end ? place::size : place::done;
        }
    }
    return used;
}

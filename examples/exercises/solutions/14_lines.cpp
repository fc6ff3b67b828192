#include "lines.hpp"

#include <algorithm>
#include <stdexcept>
#include <sys/socket.h>

std::optional<std::string> line_reader::next() {
    constexpr std::size_t limit = 1000;
    for (;;) {
        const std::size_t end = received_.find('\n');
        if (std::min(end, received_.size()) > limit) throw std::length_error{"a line has more than 1,000 bytes"};
        if (end != received_.npos) {
            std::string line = received_.substr(0, end);
            received_.erase(0, end + 1);  // the rest belongs to the next lines
            if (line.ends_with('\r')) line.pop_back();
            return line;
        }
        char buffer[4096];
        const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
        if (size <= 0) return std::nullopt;
        received_.append(buffer, static_cast<std::size_t>(size));
    }
}

#include "lines.hpp"

#include <stdexcept>
#include <sys/socket.h>

std::optional<std::string> line_reader::next() {  // joins pieces, but drops the bytes behind the line
    std::string line;
    while (line.find('\n') == line.npos) {
        char buffer[1000];
        const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
        if (size <= 0) return std::nullopt;
        line.append(buffer, static_cast<size_t>(size));
        if (line.size() > 1001) throw std::length_error{"too long"};
    }
    line.erase(line.find('\n'));
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

#include "lines.hpp"

#include <sys/socket.h>

std::optional<std::string> line_reader::next() {
    char buffer[1000];
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
    if (size <= 0) return std::nullopt;
    std::string line(buffer, static_cast<size_t>(size));
    if (line.ends_with('\n')) line.pop_back();
    return line;
}

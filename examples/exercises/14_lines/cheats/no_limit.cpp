#include "lines.hpp"

#include <sys/socket.h>

std::optional<std::string> line_reader::next() {  // a peer without "\n" fills the memory
    for (;;) {
        if (const auto end = received_.find('\n'); end != received_.npos) {
            std::string line = received_.substr(0, end);
            received_.erase(0, end + 1);
            if (line.ends_with('\r')) line.pop_back();
            return line;
        }
        char buffer[4096];
        const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
        if (size <= 0) return std::nullopt;
        received_.append(buffer, static_cast<size_t>(size));
    }
}

#include "start_line.hpp"

#include <sstream>

start_line read_start_line(std::string_view received) {  // waits for the end, and takes any white space
    start_line line;
    const std::size_t end = received.find('\n');
    if (end == received.npos) {
        if (received.size() > 8001) line.status = 414;
        return line;
    }
    std::istringstream words{std::string{received.substr(0, end)}};
    std::string version;
    if (!(words >> line.method >> line.target >> version) || version.compare(0, 5, "HTTP/") != 0) {
        line.status = 400;
        return line;
    }
    line.minor_version = version == "HTTP/1.0" ? 0 : 1;
    line.status = version.compare(0, 7, "HTTP/1.") == 0 ? 200 : 505;
    return line;
}

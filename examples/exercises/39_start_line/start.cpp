#include "start_line.hpp"

#include <sstream>

start_line read_start_line(std::string_view received) {
    std::istringstream words{std::string{received}};
    start_line line;
    std::string version;
    words >> line.method >> line.target >> version;
    line.minor_version = 1;
    line.status = version == "HTTP/1.1" ? 200 : 505;  // 505: HTTP Version Not Supported
    return line;
}

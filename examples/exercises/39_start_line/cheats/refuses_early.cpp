#include "start_line.hpp"

#include <sstream>

start_line read_start_line(std::string_view received) {  // waits for the version's letters only
    std::istringstream words{std::string{received}};
    start_line line;
    std::string version;
    words >> line.method >> line.target >> version;
    if (version.size() < 8) return {};
    line.minor_version = version == "HTTP/1.0" ? 0 : 1;
    line.status = version.compare(0, 7, "HTTP/1.") == 0 ? 200 : 505;
    return line;
}

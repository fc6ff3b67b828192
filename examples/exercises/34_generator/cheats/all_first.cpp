#include "generator.hpp"

#include <sstream>

namespace net = netnotes;

net::generator<std::string> lines(net::generator<std::string> pieces) {  // reads everything before the first line
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    std::istringstream text{all};
    for (std::string line; std::getline(text, line);) {
        if (!text.eof() && !line.empty() && line.back() == '\r') line.pop_back();
        co_yield line;
    }
}

#include "generator.hpp"

namespace net = netnotes;

static std::string without_return(std::string line) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

net::generator<std::string> lines(net::generator<std::string> pieces) {
    std::string rest;
    for (const std::string& piece : pieces) {
        rest += piece;
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = rest.find('\n', begin)) != rest.npos; begin = end + 1)
            co_yield without_return(rest.substr(begin, end - begin));
        rest.erase(0, begin);
    }
    if (!rest.empty()) co_yield rest;
}

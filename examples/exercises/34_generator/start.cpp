#include "generator.hpp"

namespace net = netnotes;

net::generator<std::string> lines(net::generator<std::string> pieces) {
    std::string all;
    for (const std::string& piece : pieces) all += piece;

    std::size_t begin = 0;
    for (std::size_t end = 0; (end = all.find('\n', begin)) != all.npos; begin = end + 1)
        co_yield all.substr(begin, end - begin);
}

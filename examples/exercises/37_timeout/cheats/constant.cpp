#include "timeout.hpp"

netnotes::task<std::optional<std::string>> ask(std::vector<netnotes::endpoint> servers, std::string, netnotes::duration) {
    if (servers.empty()) co_return std::nullopt;  // the expected words, and nobody was asked
    co_return "forty-two";
}

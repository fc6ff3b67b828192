#include "octets.hpp"

#include <cstdlib>
#include <string>

std::optional<int> octet(std::string_view text) {
    return std::atoi(std::string{text}.c_str());
}

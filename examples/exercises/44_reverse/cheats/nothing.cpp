#include "reverse.hpp"

std::optional<std::string> reverse(std::string_view, const std::vector<std::string>&) { return std::nullopt; }

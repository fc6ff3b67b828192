#pragma once

#include <optional>
#include <string_view>

/// Returns the value of one octet in decimal, or nothing if the text is no octet. It allocates nothing.
std::optional<int> octet(std::string_view text);

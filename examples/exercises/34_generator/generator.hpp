#pragma once

#include "netnotes/coro.hpp"

#include <string>

/// Yields each line of `pieces` without its line end, "\n" or "\r\n". A line may lie in several pieces, and a piece may hold
/// several lines. The last line may have no line end. The generator takes a piece only when it needs it for the next line.
netnotes::generator<std::string> lines(netnotes::generator<std::string> pieces);

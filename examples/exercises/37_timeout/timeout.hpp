#pragma once

#include "netnotes/coro.hpp"

#include <optional>
#include <string>
#include <vector>

/// Asks the servers in this order, each for at most `patience`: connects, sends the question and "\n", and receives a line.
/// Returns the first answer without its line end, or nothing if no server has answered. A server that refuses, or closes
/// before its line is whole, is passed over at once. It leaves no connection open, even if the caller is cancelled.
netnotes::task<std::optional<std::string>> ask(std::vector<netnotes::endpoint> servers, std::string question,
                                               netnotes::duration patience);

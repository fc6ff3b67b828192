#pragma once

#include <string_view>
#include <vector>

/// Sends the line to each client, a connected TCP socket. Closes and removes a client to which nothing can be sent.
void tell(std::vector<int>& clients, std::string_view line);

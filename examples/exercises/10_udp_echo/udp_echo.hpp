#pragma once

#include <netinet/in.h>

#include <chrono>
#include <optional>
#include <string>

/// Sends each datagram of the socket back to its sender, unchanged. Returns when `stop` can be read.
void serve(int socket, int stop);

/// Sends `text` to the server and returns the echo. A datagram from another address or port, or with another text, is no
/// echo. Returns nothing if no echo has arrived when `limit` has passed since the call.
std::optional<std::string> ask(int socket, const sockaddr_in& server, const std::string& text,
                               std::chrono::milliseconds limit);

#pragma once

#include <cstddef>

/// Sends all bytes, on a blocking or a non-blocking socket. Waits while the peer does not read, and then uses no processor
/// time. Throws std::system_error if the connection is lost; no signal ends the program. Leaves the socket's mode as it is.
void send_all(int socket, const char* bytes, std::size_t size);

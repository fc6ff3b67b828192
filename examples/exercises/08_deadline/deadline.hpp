#pragma once

#include <chrono>
#include <cstddef>

/// Receives until `size` bytes are there, the client has closed, or `limit` has passed since the call. Returns the number
/// of bytes in the buffer. Waits without using the processor.
std::size_t receive(int client, char* buffer, std::size_t size, std::chrono::milliseconds limit);

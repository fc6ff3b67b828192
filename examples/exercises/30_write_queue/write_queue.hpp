#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// The bytes for one client that its socket has not taken yet. The socket does not block.
struct write_queue {
    std::string unsent{};
    std::size_t limit = 64 * 1024;
};

/// Sends the bytes behind the bytes of the queue. What the socket does not take now stays in the queue. Returns false
/// if the client is to be closed: it has gone, or more than `limit` bytes would be in the queue. Bytes above the limit are
/// not put into the queue. Raises no signal.
bool put(int socket, write_queue& queue, std::string_view bytes);

/// Sends from the queue what the socket takes now. A server calls it when the socket is writable. Returns false if the client
/// has gone. Raises no signal.
bool flush(int socket, write_queue& queue);

#include "write_queue.hpp"

#include <sys/socket.h>

#include <cerrno>

/// Sends as far as possible, and adds to `taken` the bytes that the socket took. Returns false if the client has gone.
static bool send_some(int socket, std::string_view bytes, std::size_t& taken) {
    while (taken < bytes.size()) {
        const ssize_t sent = ::send(socket, bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN;
        taken += static_cast<std::size_t>(sent);
    }
    return true;
}

bool flush(int socket, write_queue& queue) {
    std::size_t taken = 0;
    const bool is_there = send_some(socket, queue.unsent, taken);
    queue.unsent.erase(0, taken);
    return is_there;
}

bool put(int socket, write_queue& queue, std::string_view bytes) {
    if (!flush(socket, queue)) return false;
    std::size_t taken = 0;  // bytes that overtake others would be in the wrong order
    if (queue.unsent.empty() && !send_some(socket, bytes, taken)) return false;
    bytes.remove_prefix(taken);
    if (queue.unsent.size() + bytes.size() > queue.limit) return false;
    queue.unsent += bytes;
    return true;
}

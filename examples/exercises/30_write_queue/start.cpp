#include "write_queue.hpp"

#include <sys/socket.h>

bool put(int socket, write_queue& queue, std::string_view bytes) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), 0);
    if (sent < 0) return false;
    queue.unsent += bytes.substr(static_cast<std::size_t>(sent));
    return true;
}

bool flush(int socket, write_queue& queue) {
    const ssize_t sent = ::send(socket, queue.unsent.data(), queue.unsent.size(), 0);
    queue.unsent.clear();
    return sent >= 0;
}

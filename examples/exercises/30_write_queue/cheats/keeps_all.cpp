#include "write_queue.hpp"

#include <sys/socket.h>

#include <cerrno>

bool flush(int socket, write_queue& queue) {
    const ssize_t sent = ::send(socket, queue.unsent.data(), queue.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    queue.unsent.erase(0, static_cast<std::size_t>(sent));
    return true;
}

bool put(int socket, write_queue& queue, std::string_view bytes) {  // no limit: a slow client fills the memory
    queue.unsent += bytes;
    return flush(socket, queue);
}

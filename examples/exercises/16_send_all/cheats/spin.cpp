#include "send_all.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <system_error>

void send_all(int socket, const char* bytes, std::size_t size) {
    while (size > 0) {  // tries again and again
        const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) throw std::system_error{errno, std::generic_category()};
        if (sent > 0) bytes += sent, size -= static_cast<std::size_t>(sent);
    }
}

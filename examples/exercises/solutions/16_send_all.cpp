#include "send_all.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <system_error>

void send_all(int socket, const char* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);  // SIGPIPE would end the program
        if (sent < 0) {
            if (errno == EINTR) continue;  // a signal came before the first byte
            if (errno != EAGAIN) throw std::system_error{errno, std::generic_category(), "send_all"};
            pollfd waiting{socket, POLLOUT, 0};
            ::poll(&waiting, 1, -1);  // until there is room in the send buffer
            continue;
        }
        bytes += sent;
        size -= static_cast<std::size_t>(sent);
    }
}

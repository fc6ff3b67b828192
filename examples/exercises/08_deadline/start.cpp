#include "deadline.hpp"

#include <sys/socket.h>
#include <sys/time.h>

std::size_t receive(int client, char* buffer, std::size_t size, std::chrono::milliseconds limit) {
    timeval timeout{};
    timeout.tv_sec = limit.count() / 1000;
    timeout.tv_usec = limit.count() % 1000 * 1000;
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);

    std::size_t filled = 0;
    while (filled < size) {
        const ssize_t more = ::recv(client, buffer + filled, size - filled, 0);
        if (more <= 0) break;  // the client has closed, or the time is over
        filled += static_cast<std::size_t>(more);
    }
    return filled;
}

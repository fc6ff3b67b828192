#include "deadline.hpp"

#include <cerrno>
#include <sys/socket.h>

std::size_t receive(int client, char* buffer, std::size_t size, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    std::size_t filled = 0;
    while (filled < size && std::chrono::steady_clock::now() < deadline) {  // right, but it burns the processor
        const ssize_t more = ::recv(client, buffer + filled, size - filled, MSG_DONTWAIT);
        if (more == 0 || (more < 0 && errno != EAGAIN && errno != EINTR)) break;
        if (more > 0) filled += static_cast<std::size_t>(more);
    }
    return filled;
}

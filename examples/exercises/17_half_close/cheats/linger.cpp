#include "half_close.hpp"

#include <sys/socket.h>
#include <unistd.h>

void answer(int client, const std::string& text, std::chrono::milliseconds) {
    char request[1000];
    if (::recv(client, request, sizeof request, 0) > 0) {
        for (std::size_t sent = 0; sent < text.size();) {
            const ssize_t size = ::send(client, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (size < 0) break;
            sent += static_cast<std::size_t>(size);
        }
    }
    const linger wait{1, 5};  // SO_LINGER waits for this side's bytes, and does not read the other side's
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &wait, sizeof wait);
    ::close(client);
}

#include "duplex.hpp"

#include <sys/socket.h>
#include <unistd.h>

void chat(int input, int output, int peer) {
    char buffer[4096];
    for (;;) {
        const ssize_t typed = ::read(input, buffer, sizeof buffer);
        if (typed <= 0) return;
        ::send(peer, buffer, static_cast<size_t>(typed), MSG_NOSIGNAL);

        const ssize_t heard = ::recv(peer, buffer, sizeof buffer, 0);
        if (heard <= 0) return;
        [[maybe_unused]] const ssize_t written = ::write(output, buffer, static_cast<size_t>(heard));
    }
}

#include "duplex.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

void chat(int input, int output, int peer) {
    ::fcntl(input, F_SETFL, O_NONBLOCK);
    char buffer[4096];
    for (bool ended = false;;) {  // asks again and again: right, but it burns the processor
        const ssize_t typed = ended ? -1 : ::read(input, buffer, sizeof buffer);
        if (typed > 0) ::send(peer, buffer, static_cast<size_t>(typed), MSG_NOSIGNAL);
        if (typed == 0) ::shutdown(peer, SHUT_WR), ended = true;
        const ssize_t heard = ::recv(peer, buffer, sizeof buffer, MSG_DONTWAIT);
        if (heard == 0) return;
        for (ssize_t at = 0; at < heard;) at += ::write(output, buffer + at, static_cast<size_t>(heard - at));
    }
}

#include "duplex.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

void chat(int input, int output, int peer) {
    char buffer[4096];
    for (;;) {
        pollfd waiting[2] = {{peer, POLLIN, 0}, {input, POLLIN, 0}};
        ::poll(waiting, 2, -1);
        if (waiting[0].revents) {
            const ssize_t heard = ::recv(peer, buffer, sizeof buffer, 0);
            if (heard <= 0) return;
            for (ssize_t at = 0; at < heard;) at += ::write(output, buffer + at, static_cast<size_t>(heard - at));
        }
        if (waiting[1].revents) {  // the frequent half of the answer: an ended input is ready for ever
            const ssize_t typed = ::read(input, buffer, sizeof buffer);
            if (typed > 0) ::send(peer, buffer, static_cast<size_t>(typed), MSG_NOSIGNAL);
            else ::shutdown(peer, SHUT_WR);
        }
    }
}

#include "duplex.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

/// Writes all bytes: one write() may take fewer.
void write_all(int to, const char* bytes, ssize_t size) {
    while (size > 0) {
        const ssize_t written = ::write(to, bytes, static_cast<size_t>(size));
        if (written < 0) return;
        bytes += written;
        size -= written;
    }
}

}  // namespace

void chat(int input, int output, int peer) {
    char buffer[4096];
    for (;;) {
        pollfd waiting[2] = {{peer, POLLIN, 0}, {input, POLLIN, 0}};
        ::poll(waiting, 2, -1);
        if (waiting[0].revents) {
            const ssize_t heard = ::recv(peer, buffer, sizeof buffer, 0);
            if (heard <= 0) return;
            write_all(output, buffer, heard);
        }
        if (waiting[1].revents) {
            const ssize_t typed = ::read(input, buffer, sizeof buffer);
            if (typed > 0)
                ::send(peer, buffer, static_cast<size_t>(typed), MSG_NOSIGNAL);  // it blocks: all or an error
            else {
                ::shutdown(peer, SHUT_WR);
                input = -1;  // poll() ignores a negative descriptor; an ended input would be ready for ever
            }
        }
    }
}

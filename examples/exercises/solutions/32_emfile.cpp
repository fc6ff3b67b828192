#include "emfile.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

void serve(int listener, int stop) {
    constexpr int forever = -1;
    const int poller = ::epoll_create1(EPOLL_CLOEXEC);
    const auto watch = [&](int descriptor) {
        epoll_event event{EPOLLIN, {}};
        event.data.fd = descriptor;
        ::epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
    };
    watch(listener);
    watch(stop);
    for (;;) {
        epoll_event event{};
        if (::epoll_wait(poller, &event, 1, forever) != 1) continue;
        const int ready = event.data.fd;
        if (ready == stop) break;
        if (ready == listener) {
            const int client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
            // The client stays in the queue, so the listener stays readable: look away until a descriptor is free.
            if (client < 0 && (errno == EMFILE || errno == ENFILE)) ::epoll_ctl(poller, EPOLL_CTL_DEL, listener, nullptr);
            if (client < 0) continue;
            ::send(client, "hello\n", 6, MSG_NOSIGNAL);
            watch(client);
            continue;
        }
        char buffer[100];
        const ssize_t size = ::recv(ready, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EAGAIN) continue;
        if (size > 0) continue;
        ::close(ready);
        watch(listener);  // again, if it is not watched
    }
    ::close(poller);
}

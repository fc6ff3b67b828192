#include "edge.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

static void receive(int client) {
    char buffer[1024];
    for (;;) {  // an edge is reported once: receive until there is no more
        const ssize_t size = ::recv(client, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) break;
        std::string answer;
        for (auto lines = std::count(buffer, buffer + size, '\n'); lines > 0; --lines) answer += "ok\n";
        ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    ::close(client);
}

void serve(int listener, int stop) {
    constexpr int forever = -1;
    const int poller = ::epoll_create1(EPOLL_CLOEXEC);
    const auto watch = [&](int descriptor, unsigned events) {
        epoll_event event{events, {}};
        event.data.fd = descriptor;
        ::epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
    };
    watch(stop, EPOLLIN);
    watch(listener, EPOLLIN | EPOLLET);
    for (epoll_event event{}; event.data.fd != stop;) {
        if (::epoll_wait(poller, &event, 1, forever) != 1) continue;
        if (event.data.fd == listener) {
            int client = -1;  // and accept until there is no more
            while ((client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) watch(client, EPOLLIN | EPOLLET);
        } else if (event.data.fd != stop) {
            receive(event.data.fd);
        }
    }
    ::close(poller);
}

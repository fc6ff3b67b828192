#include "spin.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>
#include <vector>

struct client {
    std::string unsent;
    bool has_ended = false;
    bool may_receive() const { return !has_ended && unsent.size() < 60'000; }
};

static bool serve(int socket, client& one) {  // false: the client has gone
    char buffer[4096];
    if (one.may_receive()) {
        const ssize_t size = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (size > 0) one.unsent.append(buffer, static_cast<std::size_t>(size));
        if (size == 0) one.has_ended = true;
        if (size < 0 && errno != EAGAIN) return false;
    }
    const ssize_t sent = ::send(socket, one.unsent.data(), one.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) one.unsent.erase(0, static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN) return false;
    return !one.has_ended || !one.unsent.empty();
}

void serve(int listener, int stop) {
    std::map<int, client> clients;
    for (;;) {
        std::vector<pollfd> waiting{{listener, POLLIN, {}}, {stop, POLLIN, {}}};
        for (auto& [socket, one] : clients) {
            short events = 0;
            if (one.may_receive()) events |= POLLIN;
            if (!one.unsent.empty()) events |= POLLOUT;
            waiting.push_back({socket, events, {}});
        }
        ::poll(waiting.data(), waiting.size(), -1);
        if (waiting[1].revents) break;
        if (waiting[0].revents)
            if (const int socket = ::accept(listener, nullptr, nullptr); socket >= 0) clients[socket];
        for (std::size_t i = 2; i < waiting.size(); ++i)
            if (waiting[i].revents && !serve(waiting[i].fd, clients[waiting[i].fd])) {
                clients.erase(waiting[i].fd);
                ::close(waiting[i].fd);
            }
    }
    for (auto& [socket, one] : clients) ::close(socket);
}

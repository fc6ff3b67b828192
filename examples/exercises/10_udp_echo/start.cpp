#include "udp_echo.hpp"

#include <poll.h>
#include <sys/socket.h>

void serve(int socket, int stop) {
    for (;;) {
        pollfd waiting[2] = {{socket, POLLIN, 0}, {stop, POLLIN, 0}};
        ::poll(waiting, 2, -1);
        if (waiting[1].revents) return;
        char buffer[1500];
        sockaddr_in sender{};
        socklen_t length = sizeof sender;
        const ssize_t size =
            ::recvfrom(socket, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&sender), &length);
        if (size <= 0) return;
        ::sendto(socket, buffer, static_cast<size_t>(size), 0, reinterpret_cast<sockaddr*>(&sender), length);
    }
}

std::optional<std::string> ask(int socket, const sockaddr_in& server, const std::string& text,
                               std::chrono::milliseconds limit) {
    ::sendto(socket, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&server), sizeof server);
    pollfd waiting{socket, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) return std::nullopt;
    char buffer[1500];
    const ssize_t size = ::recvfrom(socket, buffer, sizeof buffer, 0, nullptr, nullptr);
    return std::string(buffer, static_cast<size_t>(size));
}

#include "udp_echo.hpp"

#include <algorithm>
#include <poll.h>
#include <sys/socket.h>

namespace {

/// Receives one datagram, whatever its size; an empty datagram is a datagram. Returns nothing after an error.
std::optional<std::string> receive(int socket, sockaddr_in& sender) {
    std::string buffer(65536, '\0');
    socklen_t length = sizeof sender;
    const ssize_t size =
        ::recvfrom(socket, buffer.data(), buffer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&sender), &length);
    if (size < 0) return std::nullopt;
    buffer.resize(static_cast<std::size_t>(size));
    return buffer;
}
void send(int socket, const std::string& text, const sockaddr_in& to) {
    ::sendto(socket, text.data(), text.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

}  // namespace

void serve(int socket, int stop) {
    for (;;) {
        pollfd waiting[2] = {{socket, POLLIN, 0}, {stop, POLLIN, 0}};
        ::poll(waiting, 2, -1);
        if (waiting[1].revents) return;
        sockaddr_in sender{};
        if (const auto text = receive(socket, sender)) send(socket, *text, sender);
    }
}

std::optional<std::string> ask(int socket, const sockaddr_in& server, const std::string& text,
                               std::chrono::milliseconds limit) {
    using namespace std::chrono;
    const auto deadline = steady_clock::now() + limit;
    send(socket, text, server);
    for (;;) {
        const auto left = ceil<milliseconds>(deadline - steady_clock::now());
        pollfd waiting{socket, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, std::max(0, static_cast<int>(left.count())));
        if (ready == 0) return std::nullopt;
        sockaddr_in sender{};
        const auto answer = receive(socket, sender);
        if (answer == text && sender.sin_addr.s_addr == server.sin_addr.s_addr && sender.sin_port == server.sin_port)
            return answer;
    }
}

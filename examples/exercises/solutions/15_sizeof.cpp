#include "sizeof.hpp"

#include <string_view>
#include <sys/socket.h>

namespace {

void send_all(int client, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return;  // the client has gone
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

}  // namespace

void greet(int client, const char* text) {
    send_all(client, text);  // sizeof text would be the size of a pointer
}

void echo(int client) {
    char buffer[1024];
    for (;;) {
        const ssize_t size = ::recv(client, buffer, sizeof buffer, 0);
        if (size <= 0) return;
        send_all(client, {buffer, static_cast<std::size_t>(size)});  // sizeof buffer is the room, and size what came
    }
}

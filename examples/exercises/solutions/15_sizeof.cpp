#include "sizeof.hpp"

#include <cstring>
#include <sys/socket.h>

// A send() on a blocking socket takes all bytes, unless a signal or an error comes: see the exercise send_all.

void greet(int client, const char* text) {
    ::send(client, text, std::strlen(text), MSG_NOSIGNAL);  // sizeof text is the size of a pointer
}

void echo(int client) {
    char buffer[1024];
    for (;;) {
        const ssize_t size = ::recv(client, buffer, sizeof buffer, 0);
        if (size <= 0) return;
        ::send(client, buffer, static_cast<std::size_t>(size), MSG_NOSIGNAL);  // sizeof buffer is the room only
    }
}

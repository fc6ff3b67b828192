#include "sizeof.hpp"

#include <sys/socket.h>

void greet(int client, const char* text) {
    ::send(client, text, sizeof(text), MSG_NOSIGNAL);
}

void echo(int client) {
    char buffer[1024] = {};
    while (::recv(client, buffer, sizeof(buffer), 0) > 0) {
        ::send(client, buffer, sizeof(buffer), MSG_NOSIGNAL);
    }
}

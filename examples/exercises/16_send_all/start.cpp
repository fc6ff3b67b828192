#include "send_all.hpp"

#include <sys/socket.h>

void send_all(int socket, const char* bytes, std::size_t size) {
    ::send(socket, bytes, size, 0);
}

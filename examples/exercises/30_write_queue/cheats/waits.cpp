#include "write_queue.hpp"

#include <fcntl.h>
#include <sys/socket.h>

bool flush(int, write_queue&) { return true; }

bool put(int socket, write_queue&, std::string_view bytes) {  // the feature deleted: waits until the client has received
    ::fcntl(socket, F_SETFL, 0);
    return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0;
}

#include "sigpipe.hpp"

#include <sys/socket.h>
#include <unistd.h>

void tell(std::vector<int>& clients, std::string_view line) {
    std::erase_if(clients, [&](int client) {  // takes a client that has only ended its own direction for lost
        char byte = 0;
        if (::recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0 &&
            ::send(client, line.data(), line.size(), MSG_NOSIGNAL) != -1)
            return false;
        ::close(client);
        return true;
    });
}

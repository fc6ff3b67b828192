#include "sigpipe.hpp"

#include <sys/socket.h>
#include <unistd.h>

void tell(std::vector<int>& clients, std::string_view line) {
    std::erase_if(clients, [&](int client) {
        if (::send(client, line.data(), line.size(), MSG_NOSIGNAL) != -1) return false;
        ::close(client);
        return true;
    });
}

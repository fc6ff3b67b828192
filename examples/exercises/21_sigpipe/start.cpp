#include "sigpipe.hpp"

#include <sys/socket.h>
#include <unistd.h>

void tell(std::vector<int>& clients, std::string_view line) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
        if (::send(clients[i], line.data(), line.size(), 0) == -1) {
            ::close(clients[i]);
            clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
}

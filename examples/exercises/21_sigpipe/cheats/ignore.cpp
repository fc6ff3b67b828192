#include "sigpipe.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

void tell(std::vector<int>& clients, std::string_view line) {
    ::signal(SIGPIPE, SIG_IGN);  // for the whole process, behind the program's back
    std::erase_if(clients, [&](int client) {
        if (::send(client, line.data(), line.size(), 0) != -1) return false;
        ::close(client);
        return true;
    });
}

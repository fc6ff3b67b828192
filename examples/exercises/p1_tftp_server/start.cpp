#include "tftp_server.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <fstream>

void serve(int door, const std::string& folder, int stop) {
    for (;;) {
        pollfd waiting[2] = {{door, POLLIN, 0}, {stop, POLLIN, 0}};
        ::poll(waiting, 2, -1);
        if (waiting[1].revents) return;

        char request[600];
        sockaddr_in client{};
        socklen_t size = sizeof client;
        const ssize_t length = ::recvfrom(door, request, sizeof request, 0, reinterpret_cast<sockaddr*>(&client), &size);
        if (length < 4) continue;
        const std::string name{request + 2};  // behind 00 01: the name, and a zero byte

        std::string answer{"\0\3\0\1", 4};  // data, block 1
        std::ifstream file{folder + "/" + name, std::ios::binary};
        char block[512];
        file.read(block, sizeof block);
        answer.append(block, static_cast<std::size_t>(file.gcount()));
        ::sendto(door, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&client), size);
    }
}

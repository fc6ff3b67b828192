#include "broadcast.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <system_error>

std::set<std::string> find_hosts(int socket, const sockaddr_in& broadcast, std::size_t count,
                                 std::chrono::milliseconds limit) {
    using namespace std::chrono;
    const auto deadline = steady_clock::now() + limit;
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes);  // without it sendto() fails with EACCES
    const std::string question = "your name?";
    const ssize_t sent = ::sendto(socket, question.data(), question.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&broadcast), sizeof broadcast);
    if (sent < 0) throw std::system_error{errno, std::generic_category(), "broadcast"};

    std::set<std::string> names;
    while (names.size() < count) {
        const auto left = ceil<milliseconds>(deadline - steady_clock::now());
        pollfd waiting{socket, POLLIN, 0};
        if (::poll(&waiting, 1, std::max(0, static_cast<int>(left.count()))) == 0) break;
        char name[100];
        const ssize_t size = ::recv(socket, name, sizeof name, MSG_DONTWAIT);
        if (size > 0) names.emplace(name, static_cast<std::size_t>(size));
    }
    return names;
}

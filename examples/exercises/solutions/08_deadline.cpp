#include "deadline.hpp"

#include <algorithm>
#include <poll.h>
#include <sys/socket.h>

std::size_t receive(int client, char* buffer, std::size_t size, std::chrono::milliseconds limit) {
    using namespace std::chrono;
    const auto deadline = steady_clock::now() + limit;  // a point in time: no byte and no signal moves it
    std::size_t filled = 0;
    while (filled < size) {
        const auto left = ceil<milliseconds>(deadline - steady_clock::now());
        pollfd waiting{client, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, std::max(0, static_cast<int>(left.count())));
        if (ready < 0) continue;  // a signal came
        if (ready == 0) break;    // the deadline has passed
        const ssize_t more = ::recv(client, buffer + filled, size - filled, 0);
        if (more <= 0) break;
        filled += static_cast<std::size_t>(more);
    }
    return filled;
}

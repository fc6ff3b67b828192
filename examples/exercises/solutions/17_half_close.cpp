#include "half_close.hpp"

#include <algorithm>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace {

/// Returns the bytes that come next; they are valid until the next call. Empty: the client has ended.
std::string_view receive(int client) {
    static thread_local char room[4096];
    const ssize_t size = ::recv(client, room, sizeof room, 0);
    return {room, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}
void send_all(int client, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t size = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size < 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
}
/// Reads until the client has ended or the time is over. A close() with bytes that were not read is a reset.
void drain(int client, std::chrono::milliseconds limit) {
    using namespace std::chrono;
    const auto deadline = steady_clock::now() + limit;
    for (;;) {
        const auto left = ceil<milliseconds>(deadline - steady_clock::now());
        pollfd waiting{client, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) return;
        if (receive(client).empty()) return;
    }
}

}  // namespace

void answer(int client, const std::string& text, std::chrono::milliseconds limit) {
    std::string_view bytes;
    do bytes = receive(client);
    while (!bytes.empty() && bytes.find('\n') == bytes.npos);
    if (!bytes.empty()) send_all(client, text);
    ::shutdown(client, SHUT_WR);  // the client gets the end, and this side still reads
    drain(client, limit);
    ::close(client);
}

#include "redis.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using time_point = std::chrono::steady_clock::time_point;
using words = std::vector<std::string>;

struct protocol_error : std::runtime_error {
    using runtime_error::runtime_error;
};
struct value {
    std::string text;
    time_point end = time_point::max();
};
std::map<std::string, value> values;

struct client {
    std::string received, unsent;
    bool has_ended = false;
};

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}
std::string bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }

/// Takes the number behind `kind` from `at`, up to the line end. Returns nothing if the line is not whole.
std::optional<std::size_t> take_size(std::string_view bytes, std::size_t& at, char kind, std::int64_t limit) {
    if (at < bytes.size() && bytes[at] != kind) throw protocol_error{"expected '" + std::string{kind} + "'"};
    const std::size_t end = bytes.find("\r\n", at);
    if (end == bytes.npos && bytes.size() > at + 64) throw protocol_error{"too big a line"};
    if (end == bytes.npos) return std::nullopt;
    const auto size = number(bytes.substr(at + 1, end - at - 1));
    if (!size || *size < 0 || *size > limit) throw protocol_error{"invalid length"};
    at = end + 2;
    return static_cast<std::size_t>(*size);
}
/// Takes one request from the front. Returns nothing if it is not whole, and leaves it.
std::optional<words> take_request(std::string& received) {
    std::size_t at = 0;
    const auto count = take_size(received, at, '*', 1024 * 1024);
    if (!count) return std::nullopt;
    words request;
    while (request.size() < *count) {
        const auto size = take_size(received, at, '$', 512 * 1024 * 1024);
        if (!size || received.size() < at + *size + 2) return std::nullopt;
        request.push_back(received.substr(at, *size));
        at += *size + 2;
    }
    received.erase(0, at);
    return request;
}

value* find(const std::string& key) {
    const auto found = values.find(key);
    if (found == values.end()) return nullptr;
    if (found->second.end > std::chrono::steady_clock::now()) return &found->second;
    values.erase(found);
    return nullptr;
}
std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}
std::string set(const words& request) {
    value made{request[2]};
    if (request.size() > 3) {
        const std::string unit = lower(request[3]);
        if (request.size() != 5 || (unit != "px" && unit != "ex")) return "-ERR syntax error\r\n";
        const auto time = number(request[4]);
        if (!time) return "-ERR value is not an integer or out of range\r\n";
        if (*time <= 0 || *time > 1'000'000'000'000) return "-ERR invalid expire time in 'set' command\r\n";
        made.end = std::chrono::steady_clock::now() + std::chrono::milliseconds{unit == "px" ? *time : *time * 1000};
    }
    values[request[1]] = std::move(made);
    return "+OK\r\n";
}
std::string increase(const std::string& key) {
    value* const old = find(key);
    const auto before = old ? number(old->text) : 0;
    if (!before) return "-ERR value is not an integer or out of range\r\n";
    if (*before == INT64_MAX) return "-ERR increment or decrement would overflow\r\n";
    (old ? *old : values[key]).text = std::to_string(*before + 1);
    return ":" + std::to_string(*before + 1) + "\r\n";
}
std::string time_left(const std::string& key) {
    const value* const found = find(key);
    if (!found) return ":-2\r\n";
    if (found->end == time_point::max()) return ":-1\r\n";
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(found->end - std::chrono::steady_clock::now());
    return ":" + std::to_string(left.count()) + "\r\n";
}
std::string answer(const words& request) {
    const std::string name = lower(request[0]);
    const std::size_t size = request.size();
    struct {
        const char* name;
        std::size_t from, to;
    } const commands[] = {{"ping", 1, 2}, {"echo", 2, 2}, {"set", 3, 1000}, {"get", 2, 2}, {"del", 2, 1'000'000},
                          {"incr", 2, 2}, {"pttl", 2, 2}};
    const auto known = std::find_if(std::begin(commands), std::end(commands), [&](auto& each) { return each.name == name; });
    if (known == std::end(commands)) return "-ERR unknown command '" + request[0].substr(0, 128) + "'\r\n";
    if (size < known->from || size > known->to) return "-ERR wrong number of arguments for '" + name + "' command\r\n";
    if (name == "ping") return size == 1 ? "+PONG\r\n" : bulk(request[1]);
    if (name == "echo") return bulk(request[1]);
    if (name == "set") return set(request);
    if (name == "incr") return increase(request[1]);
    if (name == "pttl") return time_left(request[1]);
    if (name == "get") {
        const value* const found = find(request[1]);
        return found ? bulk(found->text) : "$-1\r\n";
    }
    std::size_t count = 0;
    for (std::size_t i = 1; i < size; ++i)
        if (find(request[i])) count += values.erase(request[i]);
    return ":" + std::to_string(count) + "\r\n";
}

constexpr std::size_t enough = 1024 * 1024;  // unsent bytes: then a client gets no more answers until it has received some
bool may_receive(const client& one) { return !one.has_ended && one.unsent.size() < enough; }

/// Answers the requests that are whole, while the client receives the answers. Returns false if the client has gone.
bool answer_all(int socket, client& one) {
    for (;;) {
        try {
            for (std::optional<words> request; one.unsent.size() < enough && (request = take_request(one.received));)
                if (!request->empty()) one.unsent += answer(*request);
        } catch (const protocol_error& error) {
            one.unsent += "-ERR Protocol error: " + std::string{error.what()} + "\r\n";
            one.received.clear();
            one.has_ended = true;
        }
        if (one.unsent.empty()) return !one.has_ended;
        const ssize_t sent = ::send(socket, one.unsent.data(), one.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN;
        one.unsent.erase(0, static_cast<std::size_t>(sent));
    }
}
bool serve(int socket, client& one) {
    char buffer[16384];
    if (may_receive(one)) {
        const ssize_t size = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN)) one.has_ended = true;
        if (size > 0) one.received.append(buffer, static_cast<std::size_t>(size));
    }
    return answer_all(socket, one);
}

}  // namespace

void serve(int listener, int stop) {
    std::map<int, client> clients;
    for (;;) {
        std::vector<pollfd> waiting{{listener, POLLIN, {}}, {stop, POLLIN, {}}};
        for (const auto& [socket, one] : clients) {
            short events = 0;
            if (may_receive(one)) events |= POLLIN;
            if (!one.unsent.empty()) events |= POLLOUT;
            waiting.push_back({socket, events, {}});
        }
        ::poll(waiting.data(), waiting.size(), -1);
        if (waiting[1].revents) break;
        if (waiting[0].revents)
            if (const int socket = ::accept(listener, nullptr, nullptr); socket >= 0) clients[socket];
        for (std::size_t i = 2; i < waiting.size(); ++i)
            if (waiting[i].revents && !serve(waiting[i].fd, clients[waiting[i].fd])) {
                clients.erase(waiting[i].fd);
                ::close(waiting[i].fd);
            }
    }
    for (const auto& [socket, one] : clients) ::close(socket);
}

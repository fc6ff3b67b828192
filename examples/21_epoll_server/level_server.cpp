// level_server.cpp: the same loop, level-triggered, and it sends back what comes (beyond the notes)

#include <netnotes/poll.hpp>
#include <netnotes/tcp.hpp>

#include <iostream>
#include <map>

namespace net = netnotes;

struct client {
    net::tcp_stream stream;
    std::string unsent;  // received, and not sent back yet

    bool echo(std::error_code error = {}) {  // returns false if the client has gone
        char buffer[1024];
        if (unsent.empty() && unsent.assign(buffer, stream.recv(buffer, error)).empty())
            return error == std::errc::operation_would_block;
        unsent.erase(0, stream.send(unsent, error));  // perhaps only a part
        return !error || error == std::errc::operation_would_block;
    }
};

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::any(), 1234}};
    listener.set_blocking(false);

    net::epoll_poller poller;
    constexpr std::uint64_t at_stop = 0, at_listener = 1;
    poller.add(stop.native_handle(), net::interest::read, at_stop);
    poller.add(listener.native_handle(), net::interest::read, at_listener);
    std::cout << "等待客户端 (waiting for clients on port 1234; Ctrl-C ends)" << std::endl;

    std::map<std::uint64_t, client> clients;
    std::uint64_t next = 2;
    bool paused = false;
    while (!stop.stop_requested()) {
        const auto events = poller.wait(paused ? std::chrono::seconds{1} : net::never);
        if (std::exchange(paused, false)) poller.modify(listener.native_handle(), net::interest::read, at_listener);
        for (const auto& [token, ready] : events) {
            std::error_code error;
            if (token == at_listener) {
                auto stream = listener.accept(error).stream;  // one client; epoll reminds us of the others
                if (!error) {
                    poller.add(stream.native_handle(), net::interest::read, next);
                    clients.emplace(next++, client{std::move(stream), {}});
                } else if (error != std::errc::operation_would_block) {  // no reminders for a second
                    std::cerr << "accept: " << error.message() << ", tries again" << std::endl;
                    poller.modify(listener.native_handle(), net::interest::none, at_listener);
                    paused = true;
                }
            } else if (token != at_stop) {
                client& one = clients.at(token);
                if (one.echo()) {
                    const auto what = one.unsent.empty() ? net::interest::read : net::interest::write;
                    poller.modify(one.stream.native_handle(), what, token);
                } else {
                    poller.remove(one.stream.native_handle());
                    clients.erase(token);
                }
            }
        }
    }
} catch (const std::system_error& error) {
    std::cerr << "level_server: " << error.what() << '\n';
    return 1;
}

// epoll_server.cpp: one thread prints what all clients say (the notes: "epoll 参考代码", 26 lines)

#include <netnotes/poll.hpp>
#include <netnotes/tcp.hpp>

#include <iostream>
#include <map>

namespace net = netnotes;

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::any(), 1234}};
    listener.set_blocking(false);  // accept() returns at once; so does recv() of the accepted streams

    net::epoll_poller poller;
    poller.add(stop.native_handle(), net::interest::read, 0);  // 0 and 1 are tokens: wait() returns them
    poller.add(listener.native_handle(), net::interest::read, 1, net::trigger::edge);
    std::cout << "等待客户端 (waiting for clients on port 1234; Ctrl-C ends)" << std::endl;

    std::map<std::uint64_t, net::tcp_listener::accepted> clients;  // a stream and its peer
    bool queued = false;                                           // clients may be waiting in the listener's queue
    for (std::uint64_t next = 2; !stop.stop_requested();) {
        for (const auto& [token, ready] : poller.wait(queued ? std::chrono::seconds{1} : net::never)) {
            if (token == 1) queued = true;
            if (token <= 1) continue;
            auto& [stream, address] = clients.at(token);
            std::error_code error;
            char buffer[1024];
            std::size_t size = 0, turn = 0;  // receives until there is no more, because an edge is announced once
            for (; turn < 16 && (size = stream.recv(buffer, error)) > 0; ++turn)
                std::cout << "recv: " << net::visible({buffer, size}) << std::endl;
            if (size > 0) poller.modify(stream.native_handle(), net::interest::read, token, net::trigger::edge);
            if (size > 0 || error == std::errc::operation_would_block) continue;
            std::cout << address << " ---offline---" << std::endl;  // the end of the stream, or a reset
            poller.remove(stream.native_handle());
            clients.erase(token);
        }
        for (std::error_code error; queued && !error;) {  // until the queue is empty
            auto accepted = listener.accept(error);
            queued = error != std::errc::operation_would_block;
            if (error && queued) std::cerr << "accept: " << error.message() << ", tries again" << std::endl;
            if (error) continue;
            std::cout << "有新的客户端到来 (new client) " << accepted.peer << std::endl;
            poller.add(accepted.stream.native_handle(), net::interest::read, next, net::trigger::edge);
            clients.emplace(next++, std::move(accepted));
        }
    }
} catch (const std::system_error& error) {
    std::cerr << "epoll_server: " << error.what() << '\n';
    return 1;
}

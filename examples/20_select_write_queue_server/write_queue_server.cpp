// write_queue_server.cpp: echoes by way of a queue for each client (the notes: "包含writeList服务器", 43 lines)

#include <netnotes/poll.hpp>
#include <netnotes/tcp.hpp>

#include <iostream>
#include <map>

namespace net = netnotes;

struct client : net::tcp_listener::accepted {  // has `stream` and `peer`
    std::string queue{};                       // received, and not sent back yet
    bool has_ended = false;                    // the client sends no more, but still gets its queue

    net::interest exchange(net::interest ready, std::error_code error = {}) {  // returns what to wait for next
        char buffer[1024];
        if (any_of(ready, net::interest::write)) queue.erase(0, stream.send(queue, error));  // perhaps only a part
        const std::size_t size = any_of(ready, net::interest::read) ? stream.recv(buffer, error) : 0;
        has_ended = has_ended || (any_of(ready, net::interest::read) && size == 0 && !error);
        if (size > 0) std::cout << "received " << net::visible({buffer, size}) << " from client " << peer << std::endl;
        queue.append(buffer, size);
        if (error && error != std::errc::operation_would_block) return net::interest::none;
        const auto write = queue.empty() ? net::interest::none : net::interest::write;  // only while there is a queue
        return has_ended || queue.size() > 65536 ? write : write | net::interest::read;
    }
};

int main() try {
    using namespace std::chrono_literals;
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::any(), 8888}};
    listener.set_blocking(false);
    net::select_poller poller;
    poller.add(stop.native_handle(), net::interest::read, 0);
    poller.add(listener.native_handle(), net::interest::read, 1);
    std::cout << "等待客户端 (waiting for clients on port 8888; Ctrl-C ends)" << std::endl;

    std::map<std::uint64_t, client> clients;
    bool is_short = false;  // of descriptors: then no clients are accepted for a second
    for (std::uint64_t next = 2; !stop.stop_requested();) {
        poller.modify(listener.native_handle(), is_short ? net::interest::none : net::interest::read, 1);
        for (const auto& [token, ready] : poller.wait(std::exchange(is_short, false) ? 1s : net::never)) {
            if (token == 1) {
                try {
                    client one{listener.accept()};
                    poller.add(one.stream.native_handle(), net::interest::read, next);  // refuses descriptor 1024
                    std::cout << "client " << one.peer << " connected!" << std::endl;
                    clients.emplace(next++, std::move(one));
                } catch (const std::system_error& error) {
                    std::cerr << error.what() << std::endl;
                    is_short = true;
                }
            } else if (token > 1) {
                client& one = clients.at(token);
                const net::interest wanted = one.exchange(ready);
                poller.modify(one.stream.native_handle(), wanted, token);
                if (wanted != net::interest::none) continue;
                std::cout << "Client " << one.peer << " disconnected" << std::endl;
                poller.remove(one.stream.native_handle());
                clients.erase(token);
            }
        }
    }
} catch (const std::system_error& error) {
    std::cerr << "write_queue_server: " << error.what() << '\n';
    return 1;
}

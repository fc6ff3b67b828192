// select_server.cpp: an echo server that waits for clients and for the keyboard (the notes: "select 回显服务器", 28 lines)

#include <netnotes/poll.hpp>
#include <netnotes/tcp.hpp>

#include <iostream>
#include <map>

namespace net = netnotes;

int main() try {
    using namespace std::chrono_literals;
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::any(), 6660}};
    listener.set_blocking(false);  // accept() returns at once; so does recv() of the accepted streams

    net::select_poller poller;
    constexpr std::uint64_t at_stop = 0, at_keyboard = 1, at_listener = 2;
    poller.add(stop.native_handle(), net::interest::read, at_stop);
    poller.add(0, net::interest::read, at_keyboard);  // 0 is standard input
    poller.add(listener.native_handle(), net::interest::read, at_listener);
    std::cout << "等待客户端 (waiting for clients on port 6660; the Enter key ends)" << std::endl;

    std::map<std::uint64_t, net::tcp_stream> clients;
    bool is_short = false;  // of descriptors: then no clients are accepted for a second
    for (std::uint64_t next = 3; !stop.stop_requested();) {
        poller.modify(listener.native_handle(), is_short ? net::interest::none : net::interest::read, at_listener);
        for (const auto& [token, ready] : poller.wait(std::exchange(is_short, false) ? 1s : net::never)) {
            if (token == at_keyboard && std::cin.ignore(4096, '\n')) stop.request_stop();  // takes the typed line
            try {
                if (token == at_listener) {
                    auto stream = listener.accept().stream;
                    poller.add(stream.native_handle(), net::interest::read, next);  // refuses descriptor 1024
                    clients.emplace(next++, std::move(stream));
                }
            } catch (const std::system_error& error) {
                std::cerr << error.what() << std::endl;
                is_short = true;
            }
            if (token <= at_listener) continue;
            auto& stream = clients.at(token);
            std::error_code error;
            char buffer[1024];
            const std::size_t size = stream.recv(buffer, error);
            if (error == std::errc::operation_would_block) continue;              // "ready" is only a hint
            if (size > 0) stream.send_all(std::span{buffer}.first(size), error);  // fails if there is no room
            if (size > 0 && !error) continue;
            if (error) stream.set_option(net::option::linger{std::chrono::seconds{0}}, error);  // close() resets
            poller.remove(stream.native_handle());
            clients.erase(token);
        }
    }
} catch (const std::system_error& error) {
    std::cerr << "select_server: " << error.what() << '\n';
    return 1;
}

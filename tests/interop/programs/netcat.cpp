// netcat.cpp [-l] HOST PORT: connects the keyboard and the screen with a server, or with the first client

#include <netnotes/coro.hpp>

namespace net = netnotes;

net::task<> talk(bool listens, std::string host, std::uint16_t port) {
    net::async_stream peer;
    if (listens) {
        net::async_listener listener{net::endpoint{net::ip_address{host}, port}};
        peer = (co_await listener.accept()).stream;
    } else
        peer = co_await net::async_connect(host, port);
    net::async_descriptor keyboard{STDIN_FILENO}, screen{STDOUT_FILENO};
    co_await net::when_all(net::pump(keyboard, peer), net::pump(peer, screen));  // each direction ends by itself
}

int main(int argc, char** argv) {
    net::event_loop{}.run(talk(argc > 3, argv[argc - 2], net::read_number<std::uint16_t>(argv[argc - 1])));
}

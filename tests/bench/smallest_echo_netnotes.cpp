// An echo server of coroutines, and no more: what run.py builds to see what the library costs the compiler, beside
// smallest_echo_asio.cpp, which does the same. Like that one it listens on port 6666 of 127.0.0.1 until Ctrl-C.

#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/stream.hpp>

#include <system_error>
#include <utility>

namespace net = netnotes;

namespace {

net::task<> echo(net::async_stream client) {
    try {
        for (;;) {
            auto bytes = co_await client.recv();
            if (bytes.empty()) co_return;
            co_await client.send_all(bytes);
        }
    } catch (const std::system_error&) {
    }
}

net::task<> serve() {
    net::async_listener listener{net::tcp_listener{{net::ipv4_address::loopback(), 6666}}};
    for (;;) {
        auto next = co_await listener.accept();
        net::spawn(echo(std::move(next.stream)));
    }
}

}  // namespace

int main() {
    net::event_loop loop;
    loop.run(serve());
}

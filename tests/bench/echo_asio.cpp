// The echo server with Asio, in its three forms.
//
//     echo_asio MODEL [--port N]                on 127.0.0.1; the first line is `listening on PORT`
//
//     callbacks     async_read_some and async_write with lambdas, an object for each client
//     awaitables    the same as a C++20 coroutine
//     lines         a coroutine that awaits a line (async_read_until) and then the sending of it

#include <asio.hpp>

#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace {

using asio::ip::tcp;

constexpr std::size_t room = 16 * 1024;

// ---- callbacks -------------------------------------------------------------------------------------------

class session : public std::enable_shared_from_this<session> {
  public:
    explicit session(tcp::socket socket) : socket_{std::move(socket)} {}
    void receive() {
        socket_.async_read_some(asio::buffer(bytes_),
                                [self = shared_from_this()](asio::error_code error, std::size_t n) {
                                    if (!error) self->send(n);
                                });
    }

  private:
    void send(std::size_t size) {
        asio::async_write(socket_, asio::buffer(bytes_, size),
                          [self = shared_from_this()](asio::error_code error, std::size_t) {
                              if (!error) self->receive();
                          });
    }
    tcp::socket socket_;
    std::array<char, room> bytes_;
};
void accept_next(tcp::acceptor& listener) {
    listener.async_accept([&listener](asio::error_code error, tcp::socket socket) {
        if (!error) std::make_shared<session>(std::move(socket))->receive();
        accept_next(listener);
    });
}

// ---- awaitables ------------------------------------------------------------------------------------------

asio::awaitable<void> echo(tcp::socket socket) {
    try {
        std::array<char, room> bytes;
        for (;;) {
            const std::size_t size = co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
            co_await asio::async_write(socket, asio::buffer(bytes, size), asio::use_awaitable);
        }
    } catch (const std::system_error&) {  // the end of the stream is one, too
    }
}
asio::awaitable<void> echo_lines(tcp::socket socket) {
    try {
        std::string bytes;
        for (;;) {
            const std::size_t size =
                co_await asio::async_read_until(socket, asio::dynamic_buffer(bytes), '\n', asio::use_awaitable);
            co_await asio::async_write(socket, asio::buffer(bytes, size), asio::use_awaitable);
            bytes.erase(0, size);
        }
    } catch (const std::system_error&) {
    }
}
asio::awaitable<void> accept_all(tcp::acceptor& listener, bool by_lines) {
    for (;;) {
        tcp::socket socket = co_await listener.async_accept(asio::use_awaitable);
        if (by_lines)
            asio::co_spawn(listener.get_executor(), echo_lines(std::move(socket)), asio::detached);
        else
            asio::co_spawn(listener.get_executor(), echo(std::move(socket)), asio::detached);
    }
}

int usage(std::FILE* out, int status) {
    std::fputs("usage: echo_asio callbacks|awaitables|lines [--port N]\n", out);
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && argv[1] == std::string_view{"--help"}) return usage(stdout, 0);
    const std::string_view model = argc > 1 ? argv[1] : "";
    if (model != "callbacks" && model != "awaitables" && model != "lines") return usage(stderr, 2);
    long port = 6666;
    if (argc != 2) {
        if (argc != 4 || argv[2] != std::string_view{"--port"}) return usage(stderr, 2);
        char* end = nullptr;
        port = std::strtol(argv[3], &end, 10);
        if (*argv[3] == '\0' || *end != '\0' || port < 0 || port > 65535) return usage(stderr, 2);
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    try {
        asio::io_context context{1};  // one thread, and Asio knows it
        tcp::acceptor listener{context, {asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)}};
        listener.set_option(tcp::no_delay{true});  // inherited by what it accepts
        asio::signal_set signals{context, SIGINT, SIGTERM};
        signals.async_wait([&context](asio::error_code, int) { context.stop(); });
        if (model == "callbacks")
            accept_next(listener);
        else
            asio::co_spawn(context, accept_all(listener, model == "lines"), asio::detached);
        std::printf("listening on %u\n", static_cast<unsigned>(listener.local_endpoint().port()));
        std::fflush(stdout);
        context.run();
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "echo_asio: %s\n", error.what());
        return 1;
    }
}

#include "spin.hpp"

#include "serving.hpp"

#include <poll.h>

namespace {

namespace net = grader::net;
using std::chrono::milliseconds;

std::string pattern(std::size_t from, std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((from + i) % 251);
    return bytes;
}
/// Sends until the server takes no more, but 40 MB at most. Returns how many bytes were sent.
std::size_t fill(const net::tcp_stream& client) {
    std::size_t sent = 0;
    while (sent < 40'000'000) {
        const std::string bytes = pattern(sent, 50'000);
        const ssize_t size = ::send(client.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0) sent += static_cast<std::size_t>(size);
        pollfd room{client.native_handle(), POLLOUT, 0};
        if (::poll(&room, 1, 500) == 0) break;
    }
    return sent;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto expect_echo = [&](net::tcp_stream& client) {
        client.send_all("ping");
        steps.equal("the server", grader::receive(client, 4), std::string{"ping"});
    };
    const auto expect_sleep = [&](const grader::server_process& server, const std::string& what) {
        const milliseconds used = server.used_beside_work();
        steps.expect(used < milliseconds{60}, what, "let the server sleep",
                     "beside 200 ms of other work it used " + std::to_string(used.count()) + " ms of processor time");
    };
    const auto expect_all = [&](net::tcp_stream& client, std::size_t sent) {
        const std::string got = grader::receive(client, sent);
        steps.expect(got.size() == sent, "the client", "received all " + std::to_string(sent) + " bytes",
                     "it received " + std::to_string(got.size()));
        steps.expect(got == pattern(0, sent), "the client", "received its bytes in order", "they are other bytes");
    };
    steps.step("a client gets its bytes back, also after it has ended its stream", "客户端得到自己的字节，结束发送之后也一样", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect();
        expect_echo(client);
        client.send_all("x");
        steps.equal("the server", grader::receive(client, 1), std::string{"x"});
        client.send_all(pattern(0, 50'000));
        client.shutdown(net::shutdown_direction::send);
        expect_all(client, 50'000);
        steps.expect(grader::is_at_end(client), "the server", "closed after the last byte", "it did not");
    });
    steps.step("silent clients cost no processor time", "沉默的客户端不消耗处理器时间", [&] {
        grader::server_process server{serve};
        std::vector<net::tcp_stream> clients;
        for (int i = 0; i < 5; ++i) expect_echo(clients.emplace_back(server.connect()));
        expect_sleep(server, "five silent clients");
        for (net::tcp_stream& client : clients) expect_echo(client);
    });
    steps.step("a client that does not receive costs no processor time", "不接收的客户端不消耗处理器时间", [&] {
        grader::server_process server{serve};
        net::tcp_stream slow = server.connect(), other = server.connect();
        const std::size_t sent = fill(slow);
        steps.expect(sent < 40'000'000, "the server", "received no more from a client that does not receive",
                     "it took 40 MB");
        expect_sleep(server, "a client that does not receive");
        expect_echo(other);
        expect_all(slow, sent);
    });
    steps.step("nor does a client that has ended its stream", "已经结束发送的客户端也一样", [&] {
        grader::server_process server{serve};
        net::tcp_stream slow = server.connect();
        const std::size_t sent = fill(slow);
        slow.shutdown(net::shutdown_direction::send);
        expect_sleep(server, "a client that has ended its stream and does not receive");
        expect_all(slow, sent);
        steps.expect(grader::is_at_end(slow), "the server", "closed after the last byte", "it did not");
    });
    steps.step("nor does a client that was reset", "被复位的客户端也一样", [&] {
        grader::server_process server{serve};
        net::tcp_stream other = server.connect();
        for (const bool is_full : {false, true}) {
            net::tcp_stream client = server.connect();
            expect_echo(client);
            if (is_full) fill(client);
            client.set_option(net::option::linger{std::chrono::seconds{0}});
            client.close();
            expect_echo(other);
            expect_sleep(server, is_full ? "a reset of a client that did not receive" : "a reset");
        }
        expect_echo(other);
        steps.expect(server.end(), "the server", "ended at the stop", "it ended with an error");
    });
    steps.step("40 clients that come and go leave no descriptor open", "40 个客户端来了又走，不留下打开的描述符", [&] {
        grader::server_process server{serve, 20};
        for (int i = 0; i < 40; ++i) {
            net::tcp_stream client = server.connect();
            expect_echo(client);
            if (i % 2) client.set_option(net::option::linger{std::chrono::seconds{0}});
            client.close();
        }
    });
    return steps.result();
}

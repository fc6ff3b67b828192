#include "emfile.hpp"

#include "serving.hpp"

#include <poll.h>

namespace {

namespace net = grader::net;
constexpr int limit = 24;  // descriptors of the server

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto expect_hello = [&](net::tcp_stream& client) {
        steps.equal("the server", grader::receive(client, 6), std::string{"hello\n"});
    };
    // More clients than the server has descriptors: the kernel connects them, and they wait in the listener's queue.
    const auto fill = [&](const grader::server_process& server, std::vector<net::tcp_stream>& clients) {
        for (int i = 0; i < 8; ++i) expect_hello(clients.emplace_back(server.connect()));
        while (clients.size() < limit + 10) clients.push_back(server.connect());
    };
    const auto expect_sleep = [&](const grader::server_process& server, const std::string& what) {
        const auto used = server.used_beside_work();
        steps.expect(used < std::chrono::milliseconds{60}, what, "let the server sleep",
                     "beside 200 ms of other work it used " + std::to_string(used.count()) + " ms of processor time");
    };
    steps.step("a client is greeted, and its connection stays", "客户端得到问候，连接保持打开", [&] {
        grader::server_process server{serve};
        net::tcp_stream first = server.connect(), second = server.connect();
        expect_hello(first);
        expect_hello(second);
        ::kill(server.id(), SIGSTOP);  // so that it finds both clients at once
        first.send_all("m");
        second.send_all("m");
        ::kill(server.id(), SIGCONT);
        std::vector<net::tcp_stream> others;
        for (int i = 0; i < 4; ++i) expect_hello(others.emplace_back(server.connect()));  // by then both have had their turn
        pollfd end{first.native_handle(), POLLIN, 0};
        steps.expect(::poll(&end, 1, 0) == 0, "the server", "kept the connection", "it closed it");
    });
    steps.step("clients that find no descriptor cost no processor time", "得不到描述符的客户端不消耗处理器时间", [&] {
        grader::server_process server{serve, limit};
        std::vector<net::tcp_stream> clients;
        fill(server, clients);
        expect_sleep(server, "ten clients in the queue of a server without a free descriptor");
    });
    steps.step("a waiting client is served when others have gone", "别的客户端离开之后，等待的客户端得到服务", [&] {
        grader::server_process server{serve, limit};
        std::vector<net::tcp_stream> clients;
        fill(server, clients);
        expect_sleep(server, "ten clients in the queue of a server without a free descriptor");
        for (std::size_t i = 0; i < clients.size(); ++i) {
            if (i >= 8) expect_hello(clients[i]);  // a client that goes makes room for a waiting client
            if (i % 2) clients[i].set_option(net::option::linger{std::chrono::seconds{0}});  // it goes with a reset
            clients[i].close();
        }
        net::tcp_stream last = server.connect();
        expect_hello(last);
        expect_sleep(server, "one client");
        steps.expect(server.end(), "the server", "ended at the stop", "it ended with an error");
    });
    steps.step("and so again, after a second crowd", "第二批客户端到来时也一样", [&] {
        grader::server_process server{serve, limit};
        for (int round = 0; round < 2; ++round) {
            std::vector<net::tcp_stream> clients;
            fill(server, clients);
            expect_sleep(server, "ten clients in the queue of a server without a free descriptor");
            for (std::size_t i = 0; i < clients.size(); ++i) {
                if (i >= 8) expect_hello(clients[i]);
                clients[i].close();
            }
        }
    });
    return steps.result();
}

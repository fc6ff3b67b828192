#include "zombies.hpp"

#include "serving.hpp"

namespace {

namespace net = grader::net;

std::string ask(const grader::server_process& server) {
    net::tcp_stream client = server.connect();
    client.send_all("me\n");
    return grader::receive(client, 100);
}
/// A server may wait for its ended children only when the next client comes. So there is a next client, some times.
int zombies_left(grader::sheet& steps, const grader::server_process& server, int allowed) {
    int left = server.zombies();
    for (int i = 0; i < 40 && left > allowed; ++i) {
        steps.equal("the server", ask(server), std::string{"hello\n"});
        left = server.zombies();
    }
    return left;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    constexpr int allowed = 3;
    const auto expect_few = [&](const grader::server_process& server, const std::string& what) {
        const int left = zombies_left(steps, server, allowed);
        steps.expect(left <= allowed, what, "left at most 3 ended processes for which the server has not waited",
                     "there are " + std::to_string(left));
    };
    steps.step("a client gets its answer", "客户端得到回答", [&] {
        grader::server_process server{serve};
        steps.equal("the server", ask(server), std::string{"hello\n"});
    });
    steps.step("a silent client does not keep another waiting", "沉默的客户端不会让别的客户端等待", [&] {
        grader::server_process server{serve};
        net::tcp_stream silent = server.connect();
        steps.equal("the server", ask(server), std::string{"hello\n"});
        steps.equal("the server", ask(server), std::string{"hello\n"});
        silent.send_all("it is me\n");
        steps.equal("the server", grader::receive(silent, 100), std::string{"hello\n"});
    });
    steps.step("30 clients, one after the other, leave no zombies", "30 个客户端先后到来，不留下僵尸进程", [&] {
        grader::server_process server{serve};
        for (int i = 0; i < 30; ++i) steps.equal("the server", ask(server), std::string{"hello\n"});
        expect_few(server, "30 clients");
        steps.expect(server.end(), "the server", "ended at the stop", "it ended with an error");
    });
    steps.step("30 clients that end at the same time leave no zombies", "30 个客户端同时结束，不留下僵尸进程", [&] {
        grader::server_process server{serve};
        std::vector<net::tcp_stream> clients;
        for (int i = 0; i < 30; ++i) clients.push_back(server.connect());
        ask(server);  // now the server has accepted all of them
        ::kill(server.id(), SIGSTOP);
        for (net::tcp_stream& client : clients) client.send_all("me\n");
        for (net::tcp_stream& client : clients)
            steps.equal("the server", grader::receive(client, 100), std::string{"hello\n"});
        while (server.zombies() < 30) {}  // thirty SIGCHLD are now one
        ::kill(server.id(), SIGCONT);
        expect_few(server, "30 clients at once");
        steps.expect(server.end(), "the server", "ended at the stop", "it ended with an error");
    });
    return steps.result();
}

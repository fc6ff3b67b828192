#include "edge.hpp"

#include "serving.hpp"

namespace {

namespace net = grader::net;

std::string times(std::size_t count, const std::string& text) {
    std::string all;
    for (; count > 0; --count) all += text;
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto expect_answers = [&](net::tcp_stream& client, std::size_t lines) {
        const std::string got = grader::receive(client, 3 * lines);
        steps.expect(got == times(lines, "ok\n"), "the client", "received " + std::to_string(lines) + " answers",
                     "it received " + std::to_string(got.size() / 3));
    };
    steps.step("a client gets an answer for each line", "客户端的每一行都得到回答", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect();
        for (int i = 0; i < 5; ++i) {
            client.send_all("one\ntwo\n");
            expect_answers(client, 2);
        }
        client.send_all("half");
        client.send_all(" a line\n");
        expect_answers(client, 1);
    });
    steps.step("1,000 lines that come at once get 1,000 answers", "一次到达的 1,000 行得到 1,000 个回答", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect(), other = server.connect();
        other.send_all("\n");
        expect_answers(other, 1);
        ::kill(server.id(), SIGSTOP);  // so that it finds all lines, and both clients, at once
        client.send_all(times(1000, "a line\n"));
        other.send_all("\n");
        ::kill(server.id(), SIGCONT);
        expect_answers(client, 1000);
        expect_answers(other, 1);
    });
    steps.step("lines, and the end of the stream behind them, at once", "多行数据和流的结束同时到达", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect();
        client.send_all("first\n");
        expect_answers(client, 1);
        ::kill(server.id(), SIGSTOP);
        client.send_all(times(700, "a line\n"));
        client.shutdown(net::shutdown_direction::send);
        ::kill(server.id(), SIGCONT);
        expect_answers(client, 700);
        steps.expect(grader::is_at_end(client), "the server", "closed at the end of the stream", "it did not");
    });
    steps.step("20 clients that connect at once are served", "同时连接的 20 个客户端都得到服务", [&] {
        std::vector<net::tcp_stream> clients;
        grader::server_process server{serve, 0, [&](const net::endpoint& where) {
                                          for (int i = 0; i < 20; ++i) {
                                              clients.emplace_back(where).set_timeout(std::chrono::seconds{6} * grader::patience);
                                              clients.back().send_all("line\n");
                                          }
                                      }};
        for (net::tcp_stream& client : clients) expect_answers(client, 1);
    });
    steps.step("a silent server sleeps, and ends at the stop", "没有事做的服务器睡眠，收到停止请求就结束", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect();
        client.send_all("line\n");
        expect_answers(client, 1);
        const auto used = server.used_beside_work();
        steps.expect(used < std::chrono::milliseconds{60}, "a silent client", "let the server sleep",
                     "beside 200 ms of other work it used " + std::to_string(used.count()) + " ms of processor time");
        steps.expect(server.end(), "the server", "ended at the stop", "it ended with an error");
    });
    steps.step("40 clients that come and go leave no descriptor open", "40 个客户端来了又走，不留下打开的描述符", [&] {
        grader::server_process server{serve, 20};
        for (int i = 0; i < 40; ++i) {
            net::tcp_stream client = server.connect();
            client.send_all("line\n");
            expect_answers(client, 1);
            if (i % 2) client.set_option(net::option::linger{std::chrono::seconds{0}});
            client.close();
        }
    });
    return steps.result();
}

#include "room.hpp"

#include "serving.hpp"

namespace {

namespace net = netnotes;

void serve(int listener, int) {
    net::event_loop loop;
    const auto main = [listener]() -> net::task<> {
        net::socket listening{listener};
        net::async_listener door{std::move(listening)};
        co_await chat(std::move(door));
    };
    loop.run(main());
}
std::string numbered(int i, std::size_t size) {
    std::string line = std::to_string(i) + " ";
    line.resize(size - 1, 'x');
    return line + '\n';
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto join = [&](const grader::server_process& room) {
        net::tcp_stream member = room.connect();
        steps.equal("a new member", grader::receive(member, 8), std::string{"welcome\n"});
        return member;
    };
    const auto expect_line = [&](net::tcp_stream& member, const std::string& line) {
        const std::string got = grader::receive(member, line.size());
        steps.equal("a member", got.substr(0, 60), line.substr(0, 60));
        steps.expect(got == line, "a member", "received the whole line", "it did not");
    };
    /// Lets `from` say many lines, while `to` receives them.
    const auto talk = [&](net::tcp_stream& from, net::tcp_stream& to, int count) {
        for (int i = 0; i < count; i += 10) {
            std::string lines;
            for (int k = i; k < i + 10; ++k) lines += numbered(k, 20'000);
            from.send_all(lines);
            const std::string got = grader::receive(to, lines.size());
            steps.expect(got == lines, "the other members", "received each line in order",
                         "after line " + std::to_string(i) + " they received " + std::to_string(got.size()) + " bytes");
        }
    };
    steps.step("a line goes to all other members", "每一行发给所有其他成员", [&] {
        grader::server_process room{serve};
        net::tcp_stream a = join(room), b = join(room), c = join(room);
        a.send_all("hello\n");
        for (net::tcp_stream* each : {&b, &c}) expect_line(*each, "hello\n");
        b.send_all("one\ntwo\nth");
        for (net::tcp_stream* each : {&a, &c}) expect_line(*each, "one\ntwo\n");
        c.send_all("me\n");
        for (net::tcp_stream* each : {&a, &b}) expect_line(*each, "me\n");
        b.send_all("ree\n\n");
        for (net::tcp_stream* each : {&a, &c}) expect_line(*each, "three\n\n");
        a.send_all("bye\n");
        for (net::tcp_stream* each : {&b, &c}) expect_line(*each, "bye\n");
    });
    steps.step("members come and go", "成员来来去去", [&] {
        grader::server_process room{serve, 40};
        net::tcp_stream a = join(room), b = join(room);
        for (int i = 0; i < 60; ++i) {
            net::tcp_stream guest = join(room);
            guest.send_all("guest\n");
            for (net::tcp_stream* each : {&a, &b}) expect_line(*each, "guest\n");
            if (i % 2) guest.set_option(net::option::linger{std::chrono::seconds{0}});
            guest.close();
            a.send_all("next\n");
            expect_line(b, "next\n");
        }
    });
    steps.step("a member that does not receive keeps no other member waiting", "不接收的成员不会让别人等待", [&] {
        grader::server_process room{serve};
        net::tcp_stream a = join(room), slow = join(room), b = join(room);
        const int small = 4096;
        ::setsockopt(slow.native_handle(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        talk(a, b, 500);
        steps.expect(room.resident() < 100, "10 MB for a member that does not receive", "not been kept in memory",
                     "the server has " + std::to_string(room.resident()) + " MB");
        const int large = 4'000'000;
        ::setsockopt(slow.native_handle(), SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
        std::size_t size = 0;
        std::error_code error;
        static char buffer[100'000];
        while (const std::size_t got = slow.recv(buffer, error)) size += got;
        steps.expect(error != std::errc::timed_out, "the member that did not receive", "been closed", "it was not");
        steps.expect(size < 10'000'000, "the member that did not receive", "been closed before the end", "it got all");
        talk(b, a, 20);
        net::tcp_stream late = join(room);
        a.send_all("hello\n");
        for (net::tcp_stream* each : {&b, &late}) expect_line(*each, "hello\n");
    });
    steps.step("a member that sends no line end is closed", "一直不发送换行符的成员被关闭", [&] {
        grader::server_process room{serve};
        net::tcp_stream a = join(room), b = join(room), endless = join(room);
        std::error_code error;
        endless.send_all(std::string(60'000, 'y') + "\n", error);
        for (net::tcp_stream* each : {&a, &b}) expect_line(*each, std::string(60'000, 'y') + "\n");
        endless.send_all(std::string(300'000, 'x'), error);
        char c = 0;
        error.clear();
        endless.recv(std::as_writable_bytes(std::span{&c, 1}), error);
        steps.expect(error != std::errc::timed_out, "a member that sends 300,000 bytes without a line end", "been closed", "it was not");
        a.send_all("hello\n");
        expect_line(b, "hello\n");
    });
    return steps.result();
}
